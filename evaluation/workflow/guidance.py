"""The lives of a guidance visit 过程指导 and of an expert asked to come along 随行专家."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from evaluation import guidance, telling_guidance
from evaluation.models import GuidanceCompanion, GuidanceVisit
from evaluation.permissions import (
    companion_roles,
    companions_visible_to,
    guidance_roles,
    guidance_visible_to,
)
from portal import clock
from portal.machine import Act, Ask, Machine, Transition, register
from portal.models import User
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
NEW_DAY = (Ask("planned_on", _("新的计划日期"), "date"), REASON)


def visit_clock(visit: GuidanceVisit, source: str, target: str, day: date) -> Data:
    """Until when: the planned day; then the days for the record; then those for the city; then the last opinion's."""
    programme = visit.project.programme_id
    if target == "unrecorded":
        return {"due_on": clock.deadline("guidance_record", visit.planned_on, programme)}
    if target == "overdue":
        return {"due_on": clock.deadline("guidance_decision", day, programme)}
    return {"due_on": guidance.last_day(visit, day) if target == "open" else None}


def visit_is_not_in_the_future(visit: GuidanceVisit, act: Act) -> Iterator[Problem]:
    visited_on = act.data.get("visited_on")
    if isinstance(visited_on, date) and visited_on > act.day:
        yield Problem("date_future", "visited_on", gettext_noop("指导日期不能晚于今天。"))


def visit_has_photo(visit: GuidanceVisit, act: Act) -> Iterator[Problem]:
    if not visit.photos.exists():
        yield Problem("photo_missing", "photo", gettext_noop("请至少上传一张现场照片。"))


def opinions_are_settled(visit: GuidanceVisit, act: Act) -> Iterator[Problem]:
    for opinion in visit.opinions.exclude(state__in=guidance.SETTLED):
        message = gettext_noop("指导意见“%(text)s”尚未办结。")
        yield Problem("opinion_open", "opinions", message, {"text": opinion.text[:40]})


def new_day_is_ahead(visit: GuidanceVisit, act: Act) -> Iterator[Problem]:
    planned_on = act.data.get("planned_on")
    if not isinstance(planned_on, date):
        return
    if planned_on < act.day:
        yield Problem("date_past", "planned_on", gettext_noop("计划日期不能早于今天。"))
    yield from clock.too_far("planned_on", planned_on)


def keep_record(visit: GuidanceVisit, act: Act) -> Data:
    visit.visited_on, visit.notes = act.data["visited_on"], act.data["notes"].strip()
    visit.save(update_fields=["visited_on", "notes"])
    return {}


def keep_new_day(visit: GuidanceVisit, act: Act) -> Data:
    before, visit.planned_on = visit.planned_on, act.data["planned_on"]
    visit.due_on = visit.planned_on
    visit.save(update_fields=["planned_on", "due_on"])
    return {"before": {"planned_on": before.isoformat()}, "due_on": visit.due_on.isoformat()}


def holders(visit: GuidanceVisit) -> Iterable[User]:
    """Who goes there and records it; the city once the record is late."""
    if visit.state == "overdue":
        return telling_guidance.city(visit.project)
    came = User.objects.filter(expert__guidance__visit=visit, expert__guidance__state="coming")
    return [visit.visitor, *came] if visit.state == "planned" else [visit.visitor]


GUIDANCE_VISIT = register(
    Machine(
        name="guidance_visit",
        model=GuidanceVisit,
        initial="planned",
        states={
            "planned": _("已计划"),
            "unrecorded": _("待登记"),
            "overdue": _("逾期未登记"),
            "open": _("整改中"),
            "closed": _("已办结"),
            "cancelled": _("已取消"),
        },
        roles_of=guidance_roles,
        visible_to=guidance_visible_to,
        clock=visit_clock,
        notify=telling_guidance.tell_visit,
        holders=holders,
        overseers=lambda visit: telling_guidance.supervisors(visit.project),
        deadlines={"planned": "await_record", "unrecorded": "escalate"},
        transitions=(
            Transition(
                "record", _("登记指导情况"), _("登记了指导情况"), ("planned", "unrecorded", "overdue"), "open",
                ("district_officer",), asks=(Ask("visited_on", _("指导日期"), "date"), Ask("notes", _("现场情况"))),
                checks=(visit_is_not_in_the_future, visit_has_photo), effects=(keep_record,),
            ),
            Transition(
                "close", _("办结本次指导"), _("办结了本次指导"), ("open",), "closed", ("district_officer",),
                checks=(opinions_are_settled,),
            ),
            Transition(
                "move", _("改期"), _("更改了指导日期"), ("planned",), None, ("district_officer",), asks=NEW_DAY,
                checks=(new_day_is_ahead,), effects=(keep_new_day,),
            ),
            Transition(
                "move", _("改期"), _("更改了指导日期"), ("unrecorded",), "planned", ("district_officer",), asks=NEW_DAY,
                checks=(new_day_is_ahead,), effects=(keep_new_day,),
            ),
            Transition(
                "await_record", _("到期待登记"), _("计划日期已过，待登记"), ("planned",), "unrecorded", ("system",),
            ),
            Transition(
                "escalate", _("逾期报市级处理"), _("指导记录逾期，已报市级处理"), ("unrecorded",), "overdue", ("system",),
            ),
            Transition(
                "reset", _("重新安排日期"), _("重新安排了指导日期"), ("overdue",), "planned", ("organiser", "supervisor"),
                asks=NEW_DAY, checks=(new_day_is_ahead,), effects=(keep_new_day,),
            ),
            Transition(
                "cancel", _("取消计划"), _("取消了指导计划"), ("planned", "unrecorded"), "cancelled",
                ("district_officer",), asks=(REASON,), danger=True,
            ),
            Transition(
                "cancel", _("取消计划"), _("取消了指导计划"), ("overdue",), "cancelled", ("organiser", "supervisor"),
                asks=(REASON,), danger=True,
            ),
        ),
    )
)  # fmt: skip


def is_still_to_come(companion: GuidanceCompanion) -> bool:
    return companion.visit.state in ("planned", "unrecorded", "overdue")


def no_clock(companion: GuidanceCompanion, source: str, target: str, day: date) -> Data:
    return {"due_on": None}


GUIDANCE_COMPANION = register(
    Machine(
        name="guidance_companion",
        model=GuidanceCompanion,
        initial="asked",
        states={
            "asked": _("待答复"),
            "coming": _("同意随行"),
            "declined": _("已谢绝"),
            "lapsed": _("逾期未答复"),
            "let_off": _("已取消邀请"),
        },
        roles_of=companion_roles,
        visible_to=companions_visible_to,
        clock=no_clock,
        notify=telling_guidance.tell_companion,
        holders=lambda companion: [companion.expert.user] if companion.state == "asked" else (),
        deadlines={"asked": "lapse"},
        transitions=(
            Transition(
                "come", _("同意随行"), _("同意随行指导"), ("asked",), "coming", ("asked_expert",), when=is_still_to_come,
                told=_("已同意随行：%(subject)s。"),
            ),
            Transition(
                "decline", _("谢绝"), _("谢绝了随行指导"), ("asked",), "declined", ("asked_expert",),
                asks=(Ask("reason", _("理由"), required=False),), danger=True,
                shown_at=lambda companion: reverse("my-work"),
            ),
            Transition("lapse", _("逾期未答复"), _("逾期未答复随行邀请"), ("asked",), "lapsed", ("system",)),
            Transition(
                "let_off", _("取消邀请"), _("取消了随行邀请"), ("asked", "coming"), "let_off", ("district_officer",),
                asks=(REASON,), when=is_still_to_come, danger=True,
            ),
        ),
    )
)  # fmt: skip
