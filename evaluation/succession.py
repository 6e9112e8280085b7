"""One certificate in place of another: at a lower level, or for another term.

Hides: that the new one bears names as they are now and the judgement as it was, that the old one leaves before the new one
comes so that never two are valid, and how the chain of them is followed.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from evaluation import incentives, outcome
from evaluation.models import Certificate
from portal import audit
from portal.machine import MACHINES

CHAIN = 50  # certificates of one community; longer than any life, shorter than a circle


def succeed(old: Certificate, day: date, *, level: int, valid_until: date, **why: Any) -> Certificate:
    """Issue a certificate in place of ``old``, numbered, sealed and printed; inside the act that decides.

    The old one is superseded where it still holds. why: what the event of the new one says beside. Raises Refused: no key.
    """
    old = Certificate.objects.select_related("application__project__programme").get(pk=old.pk)
    if old.state == "valid":
        MACHINES["certificate"].perform(old, "supersede", by=None)
    project = old.application.project
    names = {row.level: row.name for row in old.application.standard.levels}
    new = Certificate(
        application=old.application,
        number=outcome.certificate_number(old.application, day),
        state="valid",
        is_final=old.is_final,
        level=level,
        level_name=old.level_name if level == old.level else names[level],
        community_name=project.community.name,
        organisation_name=project.organisation.name,
        district_name=project.community.district.name,
        standard_label=old.standard_label,
        standard_sha256=old.standard_sha256,
        standard_notice=old.standard_notice,
        issued_on=day,
        valid_until=valid_until,
        due_on=valid_until,
        succeeds=old,
    )
    outcome.keep_pdf(new)
    new.save()
    incentives.follow(new)
    audit.record(new, "certificate.issue", by=None, number=new.number, level=level, before=old.number, **why)
    return new


def successor(row: Certificate) -> Certificate | None:
    """The certificate that stands in the place of ``row`` now, whatever came between; None where none does."""
    last = row
    for _step in range(CHAIN):
        following = Certificate.objects.filter(succeeds=last.pk).first()
        if following is None:
            break
        last = following
    if last.pk != row.pk:
        return last if last.state == "valid" else None
    # of before certificates knew whom they succeed: the same community, programme and kind
    case = "application__project__"
    key = Certificate.objects.filter(pk=row.pk).values(f"{case}community", f"{case}programme").get()
    return Certificate.objects.filter(**key, is_final=row.is_final, state="valid").newest_first().first()
