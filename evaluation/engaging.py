"""Consulting units of a case: the applicant engages them and ends it, and access follows at once.

Hides: whom an applicant may engage and when, and what a new party means for a draw that is under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from communities import credit_code as codes
from communities.changes import follows
from communities.models import Membership, Officer, Organisation
from communities.permissions import memberships_of
from communities.writing import unique
from evaluation import drawing
from evaluation.models import Application, Assignment, Engagement, Project
from evaluation.permissions import can_project, project_roles
from portal import audit, notify
from portal.machine import MACHINES, NotAllowed, Stale, hold
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

SCOPE_AT_MOST = 200  # characters
# A panel sits: a new party could take an expert off it, so nobody joins the case until the panel has finished.
PANEL_SITS = frozenset({"site_visit", "review", "tallying", "deliberation", "revision", "revision_check", "approval"})


def engage(by: User, project: Project, credit_code: str, scope: str) -> Engagement:
    """Let a consulting unit work on this case from today. Raises NotAllowed, Stale, Refused.

    credit_code: the unit's, as typed; scope: what it is engaged for, in words.
    """
    if not can_project(by, "engage", project):
        raise NotAllowed("engage")
    code, scope = codes.normalise(credit_code), scope.strip()
    unit = Organisation.objects.filter(credit_code=code, state="active").first()
    problems = [*_problems_of_unit(project, code, unit), *_problems_of_scope(scope)]
    if problems or unit is None:
        raise Refused(problems)
    with unique(_engaged_already()), transaction.atomic():
        hold(unit, "active")
        _hold_cases(project)
        row = Engagement.objects.create(
            project=project, organisation=unit, scope=scope, engaged_by=by, since=timezone.localdate()
        )
        event = audit.record(project, "project.engage", by=by, role="applicant", unit=str(unit), scope=scope)
        _tell(row, event, gettext_noop("委托贵单位为本案提供咨询服务"))
        recheck(project)
    return row


def _problems_of_unit(project: Project, code: str, unit: Organisation | None) -> Iterator[Problem]:
    if problem := codes.problem_of(code):
        yield problem
    elif unit is None:
        message = gettext_noop("平台上没有这个已核验的单位，请核对代码，或请对方先完成单位注册。")
        yield Problem("unknown", "credit_code", message)
    elif unit.pk == project.organisation_id:
        message = gettext_noop("咨询服务单位不能是申报单位自己。")
        yield Problem("consultant_is_applicant", "credit_code", message)
    elif unit.kind != Organisation.Kind.CONSULTING:
        message = gettext_noop("该单位注册的类型不是咨询服务单位，不能委托。")
        yield Problem("not_consulting", "credit_code", message)
    elif project.engagements.filter(organisation=unit, until=None).exists():
        yield _engaged_already()
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
    return Problem("engaged_already", "credit_code", gettext_noop("该单位已是本案的咨询服务单位。"))


def _has_officer(unit: Organisation) -> bool:
    today = timezone.localdate()
    members = Membership.objects.on(today).filter(organisation=unit).values("user")
    return Officer.objects.on(today).filter(user__in=members).exists()


def _hold_cases(project: Project) -> None:
    """Take the applications of the case until commit, and refuse while a panel sits on one of them."""
    cases = Application.objects.filter(project=project)
    cases.update(state_since=F("state_since"))
    if cases.filter(state__in=PANEL_SITS).exists():
        message = gettext_noop("专家组正在评审本案，评审和审定结束前不能新增咨询服务单位。")
        raise Refused([Problem("panel_sits", "", message)])


def may_end(user: User, engagement: Engagement) -> bool:
    """The applicant may end it, and so may an administrator of the unit that was engaged."""
    if engagement.until is not None:
        return False
    administers = memberships_of(user).get(engagement.organisation_id) == Membership.Role.ADMINISTRATOR
    return administers or can_project(user, "engage", engagement.project)


def end_engagement(by: User, engagement: Engagement) -> None:
    """The unit works on this case no longer and sees it no longer, at once. It stays a conflict fact. Raises NotAllowed, Stale."""
    if engagement.until is None and not may_end(by, engagement):
        raise NotAllowed("end_engagement")
    project = engagement.project
    role = "applicant" if "applicant" in project_roles(by, project) else "consultant"
    with transaction.atomic():
        # A relation holds to the end of its last day: the last day was yesterday.
        yesterday = timezone.localdate() - timedelta(days=1)
        if not Engagement.objects.filter(pk=engagement.pk, until=None).update(until=yesterday):
            raise Stale(Event.objects.of(project).last())
        engagement.until = yesterday
        event = audit.record(project, "project.end_engagement", by=by, role=role, unit=str(engagement.organisation))
        _tell(engagement, event, gettext_noop("咨询服务委托已终止"))


def _tell(engagement: Engagement, event: Event, sentence: str) -> None:
    """The people of the unit, and those of the applicant, hear of it; who did it knows."""
    units = [engagement.organisation_id, engagement.project.organisation_id]
    people = User.objects.filter(memberships__organisation__in=units, memberships__until=None).exclude(
        pk=event.actor_id
    )
    project = engagement.project
    subject = f"{engagement.organisation} · {project}"
    notify.write(
        f"event:{event.pk}",
        people,
        "progress",
        project.get_absolute_url(),
        subject=subject,
        sentence=sentence,
        event=event,
    )


# --- draws that are under way -----------------------------------------------------------------------------------------


def recheck(project: Project) -> None:
    """After the parties have changed: a frozen pool is frozen anew, and who was asked and now conflicts is replaced."""
    for application in Application.objects.with_case().filter(project=project, state__in=("cosigning", "inviting")):
        if application.state == "cosigning":
            MACHINES["application"].perform(application, "recheck_parties", by=None)
        else:
            _exclude_conflicting(application)


def _exclude_conflicting(application: Application) -> None:
    """Also a substitute of the frozen order may conflict: look again until nobody asked does, or nobody is left."""
    recused = drawing.conflicts(application, timezone.localdate())
    while row := _asked(application).filter(expert__in=list(recused)).first():
        MACHINES["assignment"].perform(row, "exclude", by=None)


def _asked(application: Application) -> Any:
    rows = Assignment.objects.filter(
        application=application, review_round=application.review_round, state__in=("invited", "accepted")
    )
    return rows.select_related("expert__user", "application__project__programme").order_by("seat", "pk")


@follows
def recheck_cases_of(organisation: Organisation) -> None:
    """A unit that has changed its credit code is another employer: look again at every draw of its cases."""
    party = Q(organisation=organisation) | Q(engagements__organisation=organisation)
    open_draws = Q(applications__state__in=("cosigning", "inviting"))
    for project in Project.objects.filter(party & open_draws).distinct().order_by("pk"):
        recheck(project)
