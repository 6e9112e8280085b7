"""审定 of many results: what an approver sees of each before they approve them together, and which are left for a look alone.

Hides: when a result is not one of the plain ones. Dissent, missing signatures, items on which the panel lies apart and a level
unlike that of like cases each keep a case out of a batch until the approver takes it in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from communities.permissions import eyes_of
from evaluation import deliberating, marking, minutes, precedents, standard, wording
from evaluation.models import Application, Result
from evaluation.permissions import SEATED, can_see_sheets, own_rows, run_by, seats_of, visible_to
from portal.models import User
from portal.problems import Problem, gettext_noop

FEWEST = 3  # like cases below which nothing can be said of what is usual
# what of ``facts`` is of the result alone: others are decided and minutes come while a batch waits for its run
JUDGED = ("result", "level", "total", "dissent", "unsigned", "flagged")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One result that waits for approval. total: "—" where the standard has none; minutes: how many are attached.

    own: the reader, or whom they stand in for, ran its panel.
    """

    application: Application
    level_name: str
    total: str
    flagged: int
    minutes: int
    own: bool


def waiting_for(by: User) -> QuerySet[Application]:
    """Cases whose result waits for approval and may be read by ``by``, by deadline."""
    return without_own(by, visible_to(by).with_case().filter(state="approval")).by_deadline()


def without_own(by: User, rows: Any) -> Any:
    """Of these applications those that ``by`` is no party of and on whose panels they have no seat."""
    return rows.filter(~own_rows(by)).exclude(pk__in=seats_of(by).values("application"))


def listed(by: User, rows: Iterable[Application]) -> list[Waiting]:
    """Those cases with their results, in a constant number of questions."""
    cases = list(rows)
    found = Result.objects.filter(application__in=cases, review_round=F("application__review_round")).order_by("count")
    results = {row[0]: row for row in found.values_list("application_id", "total", "level", "trace__flagged")}
    counted = Application.objects.filter(pk__in=[case.pk for case in cases]).annotate(
        kept=Count("minutes", filter=Q(minutes__removed_at=None, minutes__review_round=F("review_round")))
    )
    papers = dict(counted.order_by().values_list("pk", "kept"))
    ran = Application.objects.filter(pk__in=[case.pk for case in cases]).filter(
        Q(organiser__in=eyes_of(by)) | run_by(by)
    )
    own = set(ran.values_list("pk", flat=True))
    return [
        Waiting(
            application=case,
            level_name=wording.level_name(case.standard, level),
            total=_points(total),
            flagged=len(flagged or ()),
            minutes=papers.get(case.pk, 0),
            own=case.pk in own,
        )
        for case in cases
        for _pk, total, level, flagged in [results.get(case.pk, (case.pk, None, 0, []))]
    ]


def _points(total: Any) -> str:
    return "—" if total is None else standard.rounded_text(Fraction(total), 2)


def facts(by: User, application: Application) -> dict[str, Any]:
    """What there is to see of one result before it is approved with others; {} where ``by`` may read none yet.

    cautions: why it should be looked at alone, as ``Problem.as_record``.
    """
    result = marking.result_of(application) if can_see_sheets(by, application) else None
    if result is None:
        return {}
    signed = deliberating.endorsements(result)
    seats = application.assignments.filter(review_round=application.review_round, state__in=SEATED).count()
    like = precedents.precedents(by, result)
    said = {
        "result": result.pk,
        "level": result.level,
        "level_name": wording.level_name(application.standard, result.level),
        "total": _points(result.total),
        "margin": _margin(application, result),
        "flagged": len(result.trace["flagged"]),
        "dissent": sum(not row.agrees for row in signed.values()),
        "unsigned": max(seats - len(signed), 0),
        "precedents": len(like),
        "unlike": sum(row.level != result.level or not row.passed for row in like),
        "minutes": minutes.kept(application).count(),
    }
    return {**said, "cautions": [problem.as_record() for problem in _cautions(said)]}


def is_as_seen(by: User, application: Application, seen: dict[str, Any]) -> bool:
    """Whether the result is still the one of which ``seen`` are the ``facts``: it may have been judged anew meanwhile."""
    now = facts(by, application)
    return all(now.get(name) == seen[name] for name in JUDGED if name in seen)


def _margin(application: Application, result: Result) -> str:
    """By how many points the total is above what its level asks, signed; "" without a total or a level."""
    asked = next((level.min_total for level in application.standard.levels if level.level == result.level), None)
    if asked is None or result.total is None:
        return ""
    text = standard.rounded_text(Fraction(result.total) - Fraction(asked), 2)
    return text if text.startswith("-") else f"+{text}"


def _cautions(said: dict[str, Any]) -> Iterator[Problem]:
    if said["dissent"]:
        yield Problem("dissent", "", gettext_noop("有 %(n)s 位专家保留意见。"), {"n": said["dissent"]})
    if said["unsigned"]:
        yield Problem("unsigned", "", gettext_noop("有 %(n)s 位专家未签字。"), {"n": said["unsigned"]})
    if said["flagged"]:
        yield Problem("flagged", "", gettext_noop("有 %(n)s 个条目分歧较大。"), {"n": said["flagged"]})
    if said["precedents"] >= FEWEST and 2 * said["unlike"] > said["precedents"]:
        message = gettext_noop("与以往同类结果不一致：相近的 %(n)s 件中 %(other)s 件的决定不同。")
        yield Problem("precedents", "", message, {"n": said["precedents"], "other": said["unlike"]})
