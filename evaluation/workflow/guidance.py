"""The lives of a guidance visit 过程指导 and of each opinion 指导意见 it left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from evaluation.models import GuidanceOpinion, GuidanceVisit
from evaluation.notifications import tell_guidance
from evaluation.permissions import guidance_roles, guidance_visible_to, opinion_roles, opinions_visible_to
from portal import clock
from portal.machine import Act, Ask, Machine, Transition, register
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]


def visit_clock(visit: GuidanceVisit, source: str, target: str, day: date) -> Data:
    programme = visit.project.programme_id
    return {"due_on": clock.deadline("guidance_record", day, programme) if target == "open" else None}


def opinion_clock(opinion: GuidanceOpinion, source: str, target: str, day: date) -> Data:
    """The day set with the opinion stays its day until it is closed."""
    return {"due_on": None if target == "closed" else opinion.due_on}


def visit_is_not_in_the_future(visit: GuidanceVisit, act: Act) -> Iterator[Problem]:
    visited_on = act.data.get("visited_on")
    if isinstance(visited_on, date) and visited_on > act.day:
        yield Problem("date_future", "visited_on", gettext_noop("指导日期不能晚于今天。"))


def visit_has_photo(visit: GuidanceVisit, act: Act) -> Iterator[Problem]:
    if not visit.photos.exists():
        yield Problem("photo_missing", "photo", gettext_noop("请至少上传一张现场照片。"))


def opinions_are_closed(visit: GuidanceVisit, act: Act) -> Iterator[Problem]:
    for opinion in visit.opinions.exclude(state="closed"):
        message = gettext_noop("指导意见“%(text)s”尚未办结。")
        yield Problem("opinion_open", "opinions", message, {"text": opinion.text[:40]})


def reply_has_photo(opinion: GuidanceOpinion, act: Act) -> Iterator[Problem]:
    if not opinion.photos.exists():
        yield Problem("photo_missing", "photo", gettext_noop("请上传整改后的照片作为佐证。"))


def keep_record(visit: GuidanceVisit, act: Act) -> Data:
    visit.visited_on, visit.notes = act.data["visited_on"], act.data["notes"].strip()
    visit.save(update_fields=["visited_on", "notes"])
    return {}


def keep_reply(opinion: GuidanceOpinion, act: Act) -> Data:
    opinion.reply = act.data["reply"].strip()
    opinion.save(update_fields=["reply"])
    return {}


REASON = Ask("reason", _("理由"))

GUIDANCE_VISIT = register(
    Machine(
        name="guidance_visit",
        model=GuidanceVisit,
        initial="planned",
        states={"planned": _("已计划"), "open": _("整改中"), "closed": _("已办结"), "cancelled": _("已取消")},
        roles_of=guidance_roles,
        visible_to=guidance_visible_to,
        clock=visit_clock,
        notify=tell_guidance,
        holders=lambda visit: [visit.visitor] if visit.state == "planned" else (),
        transitions=(
            Transition(
                "record", _("登记指导情况"), _("登记了指导情况"), ("planned",), "open", ("district_officer",),
                asks=(Ask("visited_on", _("指导日期"), "date"), Ask("notes", _("现场情况"))),
                checks=(visit_is_not_in_the_future, visit_has_photo), effects=(keep_record,),
            ),
            Transition(
                "close", _("办结本次指导"), _("办结了本次指导"), ("open",), "closed", ("district_officer",),
                checks=(opinions_are_closed,),
            ),
            Transition(
                "cancel", _("取消计划"), _("取消了指导计划"), ("planned",), "cancelled", ("district_officer",),
                asks=(REASON,), danger=True,
            ),
        ),
    )
)  # fmt: skip

GUIDANCE_OPINION = register(
    Machine(
        name="guidance_opinion",
        model=GuidanceOpinion,
        initial="open",
        states={"open": _("待整改"), "replied": _("待核对"), "closed": _("已办结")},
        roles_of=opinion_roles,
        visible_to=opinions_visible_to,
        clock=opinion_clock,
        notify=tell_guidance,
        holders=lambda opinion: (),
        transitions=(
            Transition(
                "reply", _("提交整改回复"), _("提交了整改回复"), ("open",), "replied", ("applicant",),
                asks=(Ask("reply", _("整改情况")),), checks=(reply_has_photo,), effects=(keep_reply,),
            ),
            Transition(
                "close", _("核对无误，办结"), _("办结了指导意见"), ("replied",), "closed", ("district_officer",),
            ),
            Transition(
                "return", _("退回继续整改"), _("退回继续整改"), ("replied",), "open", ("district_officer",), asks=(REASON,),
            ),
        ),
    )
)  # fmt: skip
