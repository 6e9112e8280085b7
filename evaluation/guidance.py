"""Guidance during construction: when each node is built and visited, who comes along, notes, opinions and their proofs.

Hides: how a day is proposed from the days of construction, what one side may add in which state, and that a visit lasts
until its last opinion does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from evaluation import drawing, telling_guidance
from evaluation.models import (
    Assignment,
    GuidanceCompanion,
    GuidanceNote,
    GuidanceOpinion,
    GuidanceSchedule,
    GuidanceVisit,
    OpinionFile,
    Photo,
    Project,
)
from evaluation.permissions import SEATED, can_project, guidance_roles, opinion_roles
from experts.models import Expert
from portal import audit, clock
from portal.attachments import attachment_values, photo_values
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

UNFINISHED = ("planned", "unrecorded", "overdue", "open")  # states in which a visit still takes notes and photos
MENDABLE = ("open", "declined", "escalated", "stopped")  # states of an opinion in which the applicant may still mend
SETTLED = ("closed", "noted")  # states of an opinion for which nobody has to do anything before completion
PROOFS = ("pdf", "xlsx")
LONGEST = 5000


# --- the plan -----------------------------------------------------------------------------------------------------


def give_schedule(by: User, project: Project, node: str, begins_on: date, ends_on: date) -> GuidanceSchedule:
    """The applicant says from when to when a node is built; said again, the earlier days stay in the events.

    Raises NotAllowed, Refused.
    """
    if not can_project(by, "give_schedule", project):
        raise NotAllowed("give_schedule")
    problems = list(_unknown_node(project, node))
    if ends_on < begins_on:
        problems.append(Problem("date_order", "ends_on", gettext_noop("完工日期不能早于开工日期。")))
    problems += clock.too_far("ends_on", ends_on)
    if problems:
        raise Refused(problems)
    days = {"begins_on": begins_on, "ends_on": ends_on}
    with transaction.atomic():
        before = GuidanceSchedule.objects.filter(project=project, node=node).first()
        row, _made = GuidanceSchedule.objects.update_or_create(
            project=project, node=node, defaults={**days, "given_by": by, "given_at": timezone.now()}
        )
        told = {name: day.isoformat() for name, day in days.items()}
        earlier = {name: getattr(before, name).isoformat() for name in days} if before else {}
        event = audit.record(
            project,
            "project.schedule",
            by=by,
            role="applicant",
            place=_node_name(project, node),
            before=earlier,
            **told,
        )
        telling_guidance.tell_schedule(project, event)
    return row


def _unknown_node(project: Project, node: str) -> Iterator[Problem]:
    if node not in dict(project.programme.guidance_nodes):
        yield Problem("node_unknown", "node", gettext_noop("请选择指导节点。"))


def _node_name(project: Project, node: str) -> str:
    return str(dict(project.programme.guidance_nodes).get(node, node))


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node: when it is built, the day proposed for a visit (None without a schedule), the visits so far."""

    node: str
    name: str
    schedule: GuidanceSchedule | None
    proposed_on: date | None
    visits: list[GuidanceVisit]

    @property
    def stands(self) -> list[GuidanceVisit]:
        return [visit for visit in self.visits if visit.state != "cancelled"]


def plan_of(project: Project, visits: list[GuidanceVisit]) -> list[NodePlan]:
    """The programme's nodes in order, each with its schedule and its visits. One query, and those of the clock."""
    schedules = {row.node: row for row in GuidanceSchedule.objects.filter(project=project)}
    days, official = clock.days_of("guidance_visit", project.programme_id), clock.calendar()
    plans = []
    for node, name in project.programme.guidance_nodes:
        row = schedules.get(node)
        proposed = min(official.add_workdays(row.begins_on, days).date, row.ends_on) if row else None
        plans.append(NodePlan(node, name, row, proposed, [visit for visit in visits if visit.node == node]))
    return plans


def plan_visit(by: User, project: Project, node: str, planned_on: date) -> GuidanceVisit:
    """Plan a guidance visit at one of the programme's nodes; a node may have several. Raises NotAllowed, Refused."""
    if not can_project(by, "plan_guidance", project):
        raise NotAllowed("plan_guidance")
    problems = list(_unknown_node(project, node))
    if planned_on < timezone.localdate():
        problems.append(Problem("date_past", "planned_on", gettext_noop("计划日期不能早于今天。")))
    problems += clock.too_far("planned_on", planned_on)
    if not project.applications.filter(state="certified").exists():
        problems.append(Problem("too_early", "node", gettext_noop("设计评价通过后才开始过程指导。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        visit = GuidanceVisit.objects.create(
            project=project, node=node, planned_on=planned_on, visitor=by, state="planned", due_on=planned_on
        )
        said = {"planned_on": planned_on.isoformat()}
        event = audit.record(visit, "guidance_visit.plan", by=by, role="district_officer", **said)
        telling_guidance.tell_visit(visit, event)
    return visit


# --- one visit ----------------------------------------------------------------------------------------------------


def ask_companion(by: User, visit: GuidanceVisit, expert: Expert) -> GuidanceCompanion:
    """Ask an expert to come along. Raises NotAllowed, Stale once the visit was recorded, Refused with every problem."""
    _require(guidance_roles(by, visit), "district_officer")
    problems = list(_unfit(expert, visit.project, timezone.localdate()))
    if problems:
        raise Refused(problems)
    try:
        with transaction.atomic():
            hold(visit, "planned", "unrecorded", "overdue")
            today = timezone.localdate()
            due_on = clock.deadline("guidance_companion", today, visit.project.programme_id)
            row = GuidanceCompanion.objects.create(
                visit=visit, expert=expert, asked_by=by, state="asked", due_on=max(today, min(due_on, visit.planned_on))
            )
            said = {"expert": str(expert)}
            event = audit.record(row, "guidance_companion.ask", by=by, role="district_officer", **said)
            telling_guidance.tell_companion(row, event)
    except IntegrityError as error:
        raise Refused([Problem("double", "expert", gettext_noop("已经邀请过该专家。"))]) from error
    return row


def _unfit(expert: Expert, project: Project, day: date) -> Iterator[Problem]:
    """Why this expert cannot come along: whoever guides never judges the same case, and has no part in it."""
    if not Expert.objects.serving(day).filter(pk=expert.pk).exists():
        yield Problem("not_serving", "expert", gettext_noop("该专家不在聘或资格暂停。"))
    application = project.applications.with_case().order_by("pk").first()
    if application is not None and expert.pk in drawing.conflicts(application, day):
        yield Problem("conflict", "expert", gettext_noop("该专家与本案当事单位存在应当回避的关系。"))
    if Assignment.objects.filter(application__project=project, expert=expert, state__in=SEATED).exists():
        yield Problem("panelist", "expert", gettext_noop("该专家是本案的评审专家，不能同时随行指导。"))


def add_note(by: User, visit: GuidanceVisit, text: str) -> GuidanceNote:
    """Note what was seen or said on the visit: the district, or an expert who came along. Raises NotAllowed, Stale, Refused."""
    role = _side(guidance_roles(by, visit), "district_officer", "companion")
    if not text.strip():
        raise Refused([Problem("required", "text", gettext_noop("请填写记要。"))])
    if len(text) > LONGEST:
        raise Refused([Problem("too_long", "text", gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})])
    with transaction.atomic():
        hold(visit, *UNFINISHED)
        row = GuidanceNote.objects.create(visit=visit, text=text.strip(), by=by)
        audit.record(visit, "guidance_visit.note", by=by, role=role, note=row.pk)
    return row


def add_opinion(
    by: User, visit: GuidanceVisit, text: str, due_on: date, item_code: str = "", severity: str = "minor"
) -> GuidanceOpinion:
    """Say what must be mended by when. Raises NotAllowed, Stale once the visit is closed, Refused with every problem."""
    _require(guidance_roles(by, visit), "district_officer")
    problems = list(_wrong_opinion(visit, text, due_on, item_code, severity))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        hold(visit, *UNFINISHED)
        opinion = GuidanceOpinion.objects.create(
            visit=visit, text=text.strip(), item_code=item_code, severity=severity, state="open", due_on=due_on,
            mend_by=due_on,
        )  # fmt: skip
        said = {"due_on": due_on.isoformat(), "severity": severity, "item": item_code}
        event = audit.record(opinion, "guidance_opinion.open", by=by, role="district_officer", **said)
        telling_guidance.tell_opinion(opinion, event)
        follow_opinions(visit)
    return opinion


def _wrong_opinion(visit: GuidanceVisit, text: str, due_on: date, item_code: str, severity: str) -> Iterator[Problem]:
    if not text.strip():
        yield Problem("required", "text", gettext_noop("请写明意见。"))
    if due_on < timezone.localdate():
        yield Problem("date_past", "due_on", gettext_noop("整改期限不能早于今天。"))
    yield from clock.too_far("due_on", due_on)
    if item_code and not visit.project.standard.parsed.has_item(item_code):
        yield Problem("item_unknown", "item_code", gettext_noop("标准中没有该条目。"))
    if severity not in GuidanceOpinion.Severity.values:
        yield Problem("severity_unknown", "severity", gettext_noop("请选择轻重。"))


def last_day(visit: GuidanceVisit, day: date) -> date:
    """Until when a visit that was recorded on ``day`` is closed: the working days for it, or its last opinion's term."""
    unsettled = visit.opinions.exclude(state__in=SETTLED)
    latest: date | None = unsettled.aggregate(latest=Max("mend_by"))["latest"]
    own = clock.deadline("guidance_record", day, visit.project.programme_id)
    return max(own, latest) if latest else own


def follow_opinions(visit: GuidanceVisit) -> None:
    """A recorded visit lasts as long as its opinions: called whenever a term was set."""
    row = GuidanceVisit.objects.filter(pk=visit.pk, state="open").select_related("project").first()
    if row is not None:
        day = timezone.localdate(row.state_since)
        GuidanceVisit.objects.filter(pk=row.pk, state="open").update(due_on=last_day(row, day))


def add_photo(by: User, subject: GuidanceVisit | GuidanceOpinion, upload: Any, caption: str = "") -> Photo:
    """Add a photo to a visit (district, or the expert who came along), or to the reply to an opinion (applicant).

    Upright, without metadata; capture time and place are kept beside it. Raises NotAllowed, Stale, Refused.
    """
    if isinstance(subject, GuidanceOpinion):
        _require(opinion_roles(by, subject), "applicant")
    else:
        _side(guidance_roles(by, subject), "district_officer", "companion")
    values = {**photo_values(upload, by), "caption": caption.strip()}
    with transaction.atomic():
        if isinstance(subject, GuidanceOpinion):
            hold(subject, *MENDABLE)
            return Photo.objects.create(opinion=subject, **values)
        hold(subject, *UNFINISHED)
        return Photo.objects.create(guidance_visit=subject, **values)


def add_file(by: User, opinion: GuidanceOpinion, upload: Any) -> OpinionFile:
    """Add a document to the reply to an opinion. Raises NotAllowed, Stale, Refused."""
    _require(opinion_roles(by, opinion), "applicant")
    values = attachment_values(upload, PROOFS, by)
    with transaction.atomic():
        hold(opinion, *MENDABLE)
        return OpinionFile.objects.create(opinion=opinion, **values)


def _require(roles: frozenset[str], role: str) -> None:
    if role not in roles:
        raise NotAllowed(role)


def _side(roles: frozenset[str], *wanted: str) -> str:
    """The first of ``wanted`` that this person is; raises NotAllowed for whoever is none of them."""
    for role in wanted:
        if role in roles:
            return role
    raise NotAllowed(wanted[0])
