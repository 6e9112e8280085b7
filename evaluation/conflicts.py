"""Officers who stand back 经办人员回避: declaring it, entering it for another, and being let back by two people.

Hides: that it holds from the moment it is written, and that neither the person concerned nor one person alone ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from communities import credit_code
from communities.models import Officer
from communities.permissions import duty_among, eyes_of, officers
from evaluation import barring
from evaluation.models import Application, OfficerConflict, Project
from evaluation.permissions import CITY_RIGHTS, can_city
from portal import audit, notify
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

LONGEST = 500
AGREEING = CITY_RIGHTS["agree_release"]


def declare(
    by: User, officer: User, relation: str, *, code: str = "", project: Project | None = None
) -> OfficerConflict:
    """Keep ``officer`` away from one case, or from every case of the unit with this credit code. It holds at once.

    Officers declare their own, a supervisor enters anybody's. Raises NotAllowed, or Refused with every problem.
    """
    if not can_city(by, "declare_conflict" if officer.pk == by.pk else "enter_conflict"):
        raise NotAllowed("declare_conflict")
    code, relation = credit_code.normalise(code), relation.strip()
    with transaction.atomic():
        # Of one declaration that comes twice at once the second finds the first.
        User.objects.filter(pk=officer.pk).update(name=F("name"))
        problems = list(_wrong(officer, relation, code, project))
        if problems:
            raise Refused(problems)
        row: OfficerConflict = OfficerConflict.objects.create(
            officer=officer, relation=relation, credit_code=code, project=project, declared_by=by
        )
        role = "" if officer.pk == by.pk else "supervisor"
        said = {"officer": str(officer), "credit_code": code, "project": project.number if project else ""}
        audit.record(row, "officer_conflict.declare", by=by, role=role, relation=relation, **said)
        for user in (by, officer):
            barring.forget(user)
        _free(officer, row)
    return row


def _free(officer: User, conflict: OfficerConflict) -> None:
    """Open cases that the officer held are nobody's now; supervisors, who give them to another, read which."""
    rows = Application.objects.open().filter(project__in=barring.barred_projects(officer)).with_case()
    for case in rows.filter(Q(handler=officer) | Q(organiser=officer)):
        Application.objects.filter(pk=case.pk, handler=officer).update(handler=None, handler_duty="")
        event = audit.record(case, "application.free", by=None, before=str(officer))
        people = barring.without_barred(officers("supervisor"), case.project)
        sentence = gettext_noop("经办人须回避，请另行指派经办人")
        told = {"subject": str(case), "sentence": sentence, "event": event}
        notify.write(f"event:{event.pk}", people, "waiting", case.get_absolute_url(), **told)


def _wrong(officer: User, relation: str, code: str, project: Project | None) -> Iterator[Problem]:
    if not Officer.objects.on(timezone.localdate()).filter(user=officer).exists():
        yield Problem("no_officer", "officer", gettext_noop("请选择在岗的工作人员。"))
    if not relation:
        yield Problem("required", "relation", gettext_noop("请写明回避事由，例如亲属任职、曾任职、利益往来。"))
    elif len(relation) > LONGEST:
        yield Problem("too_long", "relation", gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})
    if bool(code) == bool(project):
        yield Problem("one_object", "credit_code", gettext_noop("请填写单位的统一社会信用代码或案卷编号，两者填一项。"))
    elif code and (wrong := credit_code.problem_of(code)):
        yield wrong
    standing = OfficerConflict.objects.standing().filter(officer=officer, credit_code=code, project=project)
    if standing.exists():
        yield Problem("double", "", gettext_noop("已经登记过同样的回避。"))


def ask_release(by: User, conflict: OfficerConflict, reason: str) -> None:
    """A supervisor wants somebody let back; another officer has to agree. Raises NotAllowed, Refused."""
    if not can_city(by, "ask_release") or conflict.officer_id in eyes_of(by):
        raise NotAllowed("ask_release")
    if not reason.strip():
        raise Refused([Problem("required", "reason", gettext_noop("请写明解除理由。"))])
    asked = {"release_reason": reason.strip()[:LONGEST], "release_asked_by": by, "release_asked_at": timezone.now()}
    with transaction.atomic():
        rows = OfficerConflict.objects.standing().filter(pk=conflict.pk, release_asked_by=None)
        if not rows.update(**asked):
            raise _overtaken(conflict)
        audit.record(conflict, "officer_conflict.ask_release", by=by, role="supervisor", reason=reason.strip())


def agree_release(by: User, conflict: OfficerConflict) -> None:
    """The second person agrees: from now on the officer may handle the case again. Raises NotAllowed, Refused."""
    if not can_city(by, "agree_release") or not is_another(by, conflict):
        raise NotAllowed("agree_release")
    with transaction.atomic():
        if not _as_read(conflict).update(released_by=by, released_at=timezone.now()):
            raise _overtaken(conflict)
        audit.record(
            conflict, "officer_conflict.release", by=by, role=duty_among(by, AGREEING), reason=conflict.release_reason
        )


def is_another(by: User, conflict: OfficerConflict) -> bool:
    """Whether ``by`` is neither the officer concerned nor who asked, nor in whose place it was asked, nor stands in for one
    of them today."""
    last = Event.objects.of(conflict).filter(verb="officer_conflict.ask_release").last()
    absent = last.data.get("in_place_of_id") if last else None
    return not {conflict.officer_id, conflict.release_asked_by_id, absent} & set(eyes_of(by))


def decline_release(by: User, conflict: OfficerConflict) -> None:
    """The second person does not agree: it stands as before, and may be asked for again. Raises NotAllowed, Refused."""
    if not can_city(by, "agree_release") or not is_another(by, conflict):
        raise NotAllowed("agree_release")
    nothing = {"release_reason": "", "release_asked_by": None, "release_asked_at": None}
    with transaction.atomic():
        if not _as_read(conflict).update(**nothing):
            raise _overtaken(conflict)
        audit.record(
            conflict, "officer_conflict.keep", by=by, role=duty_among(by, AGREEING), reason=conflict.release_reason
        )


def _as_read(conflict: OfficerConflict) -> Any:
    """The row while the release that was asked for is still the one that was read: another may have been asked since."""
    asked = {"release_asked_by": conflict.release_asked_by_id, "release_asked_at": conflict.release_asked_at}
    return OfficerConflict.objects.standing().filter(pk=conflict.pk, release_asked_by__isnull=False).filter(**asked)


def _overtaken(conflict: OfficerConflict) -> Refused:
    """Whoever comes second is told who was first."""
    now = OfficerConflict.objects.select_related("release_asked_by", "released_by").get(pk=conflict.pk)
    who = now.released_by or now.release_asked_by
    if who is None:
        return Refused([Problem("overtaken", "", gettext_noop("还没有人提出解除，或刚被退回。"))])
    message = gettext_noop("%(who)s刚办理过这项回避的解除。")
    return Refused([Problem("overtaken", "", message, {"who": str(who)})])


def conflicts_for(user: User) -> Any:
    """One's own; all of them for who enters them and for who agrees to a release."""
    rows = OfficerConflict.objects.select_related(
        "officer", "declared_by", "release_asked_by", "released_by", "project__community"
    )
    everyone = can_city(user, "enter_conflict") or can_city(user, "agree_release")
    return rows if everyone else rows.filter(officer=user)


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """Releases to which ``user`` has to agree or not, as rows of the person's work."""
    if not can_city(user, "agree_release"):
        return
    rows = conflicts_for(user).filter(released_at=None, release_asked_by__isnull=False)
    eyes = eyes_of(user)
    for row in rows.exclude(Q(release_asked_by__in=eyes) | Q(officer__in=eyes)):
        yield {
            "key": f"officer-conflict-{row.pk}",
            "subject": str(row.officer),
            "detail": row.project.number if row.project else row.credit_code,
            "sentence": _("同意或不同意解除经办人员回避"),
            "due_on": None,
            "link": reverse("conflict", args=[row.pk]),
            "since": row.release_asked_at,
        }
