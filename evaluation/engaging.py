"""Consulting units of a case: the applicant offers, the unit accepts or declines, either ends it; access follows at once.

Hides: whom an applicant may ask and when, that an offer is no fact about anybody, and what a new party, or a party that
becomes another, means for a draw that is under way and for a panel that sits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from communities import credit_code as codes
from communities.changes import follows
from communities.models import Membership, Officer, Organisation
from communities.writing import unique
from evaluation import unseating
from evaluation.models import Application, Engagement, Project
from evaluation.models.case import FINAL_STATES
from evaluation.permissions import (
    ENGAGEMENT_RIGHTS,
    can_engagement,
    can_project,
    engagement_roles,
    project_roles,
)
from portal import audit, notify
from portal.machine import MACHINES, NotAllowed, Stale, hold
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

SCOPE_AT_MOST = 200  # characters
OFFERED_AT_MOST = 20  # offers of one case within a day
# A panel sits: a new party could take an expert off it, so nobody joins the case until the panel has finished.
PANEL_SITS = frozenset({"site_visit", "review", "tallying", "deliberation", "revision", "revision_check", "approval"})


def offer(by: User, project: Project, credit_code: str, scope: str) -> Engagement:
    """Ask a consulting unit to work on this case: it gains nothing and is nothing until it accepts. Raises NotAllowed, Refused.

    credit_code: the unit's, as typed; scope: what it shall do, in words.
    """
    if not can_project(by, "engage", project):
        raise NotAllowed("engage")
    code, scope = codes.normalise(credit_code), scope.strip()
    unit = Organisation.objects.filter(credit_code=code, state="active").first()
    problems = [*_problems_of_code(project, code, unit), *_problems_of_scope(scope)]
    if problems or unit is None:
        raise Refused(problems)
    with unique(_engaged_already()), transaction.atomic():
        take_cases([project.pk])
        _refuse_while_panel_sits(project)
        _refuse_flood(project)
        row = Engagement.objects.create(project=project, organisation=unit, scope=scope, engaged_by=by)
        event = audit.record(project, "project.engage", by=by, role="applicant", unit=str(unit), scope=scope)
        link = row.get_absolute_url()
        _write(row, event, administrators_of(unit), link, gettext_noop("邀请贵单位为本案提供咨询服务，请接受或谢绝"))
    return row


def accept(by: User, engagement: Engagement) -> None:
    """The unit works on this case from today, and is a party of it for every draw. Raises NotAllowed, Stale, Refused."""
    _authorise(by, "accept", engagement)
    unit, project = engagement.organisation, engagement.project
    if problems := [*_problems_of_unit(unit)]:
        raise Refused([replace(problem, place="") for problem in problems])
    with transaction.atomic():
        hold(unit, "active")
        take_cases([project.pk])
        _refuse_while_panel_sits(project)
        _answer(by, engagement, since=timezone.localdate())
        event = audit.record(project, "project.accept_engagement", by=by, role="consultant", unit=str(unit))
        _tell(engagement, event, gettext_noop("接受委托，为本案提供咨询服务"))
        recheck(project)


def decline(by: User, engagement: Engagement) -> None:
    """The unit says no; the offer was never a fact about it. Raises NotAllowed, Stale."""
    _authorise(by, "decline", engagement)
    project = engagement.project
    with transaction.atomic():
        _answer(by, engagement, until=timezone.localdate())
        event = audit.record(
            project, "project.decline_engagement", by=by, role="consultant", unit=str(engagement.organisation)
        )
        link = project.get_absolute_url()
        _write(engagement, event, _people_of(project.organisation_id), link, gettext_noop("谢绝了咨询服务委托"))


def _authorise(by: User, right: str, engagement: Engagement) -> None:
    """Tell a wrong person from a wrong moment: whoever may at another time comes too late."""
    if can_engagement(by, right, engagement):
        return
    if ENGAGEMENT_RIGHTS[right][0] & engagement_roles(by, engagement):
        raise Stale(Event.objects.of(engagement.project).last())
    raise NotAllowed(right)


def _answer(by: User, engagement: Engagement, **columns: Any) -> None:
    """Of two answers at once one counts."""
    columns["answered_by"] = by
    if not Engagement.objects.offered().filter(pk=engagement.pk).update(**columns):
        raise Stale(Event.objects.of(engagement.project).last())
    for name, value in columns.items():
        setattr(engagement, name, value)


def _problems_of_code(project: Project, code: str, unit: Organisation | None) -> Iterator[Problem]:
    if problem := codes.problem_of(code):
        yield problem
    elif unit is None:
        message = gettext_noop("平台上没有这个已核验的单位，请核对代码，或请对方先完成单位注册。")
        yield Problem("unknown", "credit_code", message)
    elif unit.pk == project.organisation_id:
        message = gettext_noop("咨询服务单位不能是申报单位自己。")
        yield Problem("consultant_is_applicant", "credit_code", message)
    elif project.engagements.filter(organisation=unit, until=None).exists():
        yield _engaged_already()
    else:
        yield from _problems_of_unit(unit)


def _problems_of_unit(unit: Organisation) -> Iterator[Problem]:
    """Why this unit can advise no case now: asked when it is offered and again when it accepts."""
    if unit.kind != Organisation.Kind.CONSULTING:
        message = gettext_noop("该单位注册的类型不是咨询服务单位，不能委托。")
        yield Problem("not_consulting", "credit_code", message)
    elif _has_officer(unit):
        # Otherwise an applicant could keep an officer off the case by engaging the unit the officer acts for.
        message = gettext_noop("该单位有成员担任主管人员，不能作为本案的咨询服务单位。")
        yield Problem("consultant_has_officer", "credit_code", message)


def _problems_of_scope(scope: str) -> Iterator[Problem]:
    if not scope:
        yield Problem("required", "scope", gettext_noop("请填写该项。"))
    elif len(scope) > SCOPE_AT_MOST:
        message = gettext_noop("请不要超过%(count)s个字。")
        yield Problem("too_long", "scope", message, {"count": SCOPE_AT_MOST})


def _engaged_already() -> Problem:
    return Problem("engaged_already", "credit_code", gettext_noop("该单位已受托或正在等待其答复，不必重复委托。"))


def _has_officer(unit: Organisation) -> bool:
    today = timezone.localdate()
    members = Membership.objects.on(today).filter(organisation=unit).values("user")
    return Officer.objects.on(today).filter(user__in=members).exists()


def _refuse_flood(project: Project) -> None:
    """Withdrawing or a decline makes no room: nobody asks unit after unit, or one unit again and again, all day."""
    lately = timezone.now() - timedelta(days=1)
    if project.engagements.filter(offered_at__gt=lately).count() >= OFFERED_AT_MOST:
        message = gettext_noop("一天之内最多提出%(count)s次委托，请过一天再委托。")
        raise Refused([Problem("too_many_offered", "", message, {"count": OFFERED_AT_MOST})])


def _refuse_while_panel_sits(project: Project) -> None:
    if Application.objects.filter(project=project, state__in=PANEL_SITS).exists():
        message = gettext_noop("专家组正在评审本案，评审和审定结束前不能新增咨询服务单位。")
        raise Refused([Problem("panel_sits", "", message)])


def may_end(user: User, engagement: Engagement) -> bool:
    """The applicant may end it or take an offer back; an administrator of the unit that was engaged may end it."""
    return can_engagement(user, "end", engagement) or can_engagement(user, "withdraw", engagement)


def end_engagement(by: User, engagement: Engagement) -> None:
    """An offer is taken back; a unit that works on the case sees it no longer, at once, and stays a conflict fact.

    Raises NotAllowed, Stale.
    """
    offered = engagement.standing == Engagement.Standing.OFFERED
    _authorise(by, "withdraw" if offered else "end", engagement)
    project = engagement.project
    role = "applicant" if "applicant" in project_roles(by, project) else "consultant"
    with transaction.atomic():
        # A relation holds to the end of its last day: the last day was yesterday.
        yesterday = timezone.localdate() - timedelta(days=1)
        same = Engagement.objects.filter(pk=engagement.pk, until=None, since__isnull=offered)
        if not same.update(until=yesterday):
            raise Stale(Event.objects.of(project).last())
        engagement.until = yesterday
        verb = "project.withdraw_engagement" if offered else "project.end_engagement"
        event = audit.record(project, verb, by=by, role=role, unit=str(engagement.organisation))
        if offered:
            link, people = engagement.get_absolute_url(), administrators_of(engagement.organisation)
            _write(engagement, event, people, link, gettext_noop("撤回了咨询服务委托邀请"))
        else:
            _tell(engagement, event, gettext_noop("咨询服务委托已终止"))


def administrators_of(unit: Organisation) -> Any:
    """Who answers for the unit."""
    today = timezone.localdate()
    held = Membership.objects.on(today).filter(organisation=unit, role=Membership.Role.ADMINISTRATOR)
    return User.objects.filter(pk__in=held.values("user"))


def _people_of(*units: int) -> Any:
    return User.objects.filter(memberships__organisation__in=units, memberships__until=None)


def _tell(engagement: Engagement, event: Event, sentence: str) -> None:
    """The people of the unit, and those of the applicant, hear of it."""
    project = engagement.project
    people = _people_of(engagement.organisation_id, project.organisation_id)
    _write(engagement, event, people, project.get_absolute_url(), sentence)


def _write(engagement: Engagement, event: Event, people: Any, link: str, sentence: str) -> None:
    """Who did it knows."""
    subject = f"{engagement.organisation} · {engagement.project}"
    told = people.exclude(pk=event.actor_id)
    notify.write(f"event:{event.pk}", told, "progress", link, subject=subject, sentence=sentence, event=event)


# --- draws that are under way -----------------------------------------------------------------------------------------


def take_cases(projects: Iterable[int]) -> None:
    """Hold every application of these cases that is not at its end, until commit, in one order.

    Here the change of a party meets the draw: both take the application before they read who the parties are, so that
    the later one sees what the earlier one has done.
    """
    rows = Application.objects.filter(project__in=list(projects)).exclude(state__in=FINAL_STATES)
    for pk in list(rows.order_by("pk").values_list("pk", flat=True)):
        Application.objects.filter(pk=pk).update(state_since=F("state_since"))


def recheck(project: Project) -> None:
    """After the parties have changed: a frozen pool is frozen anew, who was asked and now conflicts is replaced, and of
    a panel that sits the organiser hears whose seat conflicts. Inside the change's transaction, the cases being taken."""
    states = {"cosigning", "revealing", "inviting", *PANEL_SITS}
    for application in Application.objects.with_case().filter(project=project, state__in=states).order_by("pk"):
        if application.state in ("cosigning", "revealing"):
            MACHINES["application"].perform(application, "recheck_parties", by=None)
        else:
            unseating.recheck(application)


def recheck_panels(projects: Iterable[Project]) -> None:
    """After a new fact about an expert: as ``recheck``, but what is only frozen stays so, lest one expert could end a draw."""
    rows = list(projects)
    take_cases(project.pk for project in rows)
    applications = Application.objects.with_case().filter(project__in=rows, state__in={"inviting", *PANEL_SITS})
    for application in applications.order_by("pk"):
        unseating.recheck(application)


@follows
def recheck_cases_of(organisation: Organisation) -> None:
    """A unit that has changed its credit code is another employer: look again at every draw and panel of its cases."""
    party = Q(organisation=organisation) | Q(engagements__organisation=organisation, engagements__since__isnull=False)
    projects = list(Project.objects.filter(party).distinct().order_by("pk"))
    take_cases(project.pk for project in projects)
    for project in projects:
        recheck(project)
