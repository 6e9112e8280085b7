"""Changing a limit 期限: what it would move is shown before it is saved; what began earlier keeps what it was given.

Hides: which running clocks a new limit reaches, and that a day that somebody else was given is only ever put off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from evaluation.basis import unknown_programme, unstated
from evaluation.models import Application, Programme
from evaluation.moving import NEVER_MOVED, ROLE, Clock, Move, in_order, is_given, keep, programme_of, running
from evaluation.permissions import can_city
from portal import audit, clock
from portal.machine import NotAllowed
from portal.models import Limit, User
from portal.problems import Problem, Refused, gettext_noop
from portal.workdays import Calendar

LONGEST = 250  # working days, about a year
# step -> what people call it; the order in which the page lists them
STEP_NAMES: Mapping[str, str] = {
    "registration": gettext_noop("单位注册核验"),
    "registration_draft": gettext_noop("单位注册填写"),
    "organisation_change": gettext_noop("单位信息变更核验"),
    "member_invitation": gettext_noop("成员邀请的答复"),
    "form_check": gettext_noop("形式审查"),
    "correction": gettext_noop("补正"),
    "recommendation": gettext_noop("区县推荐"),
    "draw": gettext_noop("抽取专家"),
    "invitation": gettext_noop("专家答复邀请"),
    "review": gettext_noop("专家评审"),
    "question": gettext_noop("答复专家质询"),
    "endorsement": gettext_noop("在专家组意见上签字"),
    "revision": gettext_noop("按专家意见修改"),
    "revision_check": gettext_noop("组长核对修改"),
    "approval": gettext_noop("审定"),
    "notice": gettext_noop("公示"),
    "objection": gettext_noop("异议核查"),
    "guidance_record": gettext_noop("过程指导记录"),
    "guidance_visit": gettext_noop("开工后建议到场指导"),
    "guidance_companion": gettext_noop("答复随行邀请"),
    "guidance_check": gettext_noop("核对整改回复"),
    "guidance_decision": gettext_noop("市级处理指导事项"),
    "change_declaration": gettext_noop("说明重大变更"),
    "change_examination": gettext_noop("审查重大变更"),
    "change_hearing": gettext_noop("撤销设计评价前的陈述"),
    "change_decision": gettext_noop("审定重大变更"),
    "sanction_examination": gettext_noop("审查证书处理建议"),
    "sanction_hearing": gettext_noop("当事单位陈述申辩"),
    "sanction_oral": gettext_noop("当面听取当事单位意见"),
    "sanction_decision": gettext_noop("决定证书处理"),
    "renewal_examination": gettext_noop("核查证书延续"),
    "renewal_correction": gettext_noop("补充延续申请"),
    "renewal_decision": gettext_noop("审定证书延续"),
    "incentive": gettext_noop("核定激励"),
    "admission_vetting": gettext_noop("专家入库初审"),
    "admission_decision": gettext_noop("专家入库复核"),
    "admission_correction": gettext_noop("专家入库补充材料"),
    "expert_confirmation": gettext_noop("专家年度确认"),
    "expert_hearing": gettext_noop("移出专家库前申辩"),
    "rating": gettext_noop("专家履职评价"),
    "rating_reply": gettext_noop("专家对评价的申辩"),
    "outbox": gettext_noop("核发待发消息"),
    "operating_report": gettext_noop("提交年度运营报告"),
    "operating_report_correction": gettext_noop("补正年度运营报告"),
    "operating_report_check": gettext_noop("审阅年度运营报告"),
    "inspection": gettext_noop("到现场抽查"),
    "rectification_check": gettext_noop("核查抽查整改"),
    "reminder": gettext_noop("到期前提醒"),
    "escalation": gettext_noop("逾期后告知监督员"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """A new limit: working days of one step from one day on, for one programme ("" for all without an own limit).

    to_running: whether cases that are in this step already get the difference.
    """

    programme: str
    step: str
    days: int
    basis: str
    valid_from: date
    to_running: bool = False


def problems_of(change: Change, day: date) -> Iterator[Problem]:
    """What is wrong with a change, all of it."""
    if change.step not in STEP_NAMES:
        yield Problem("step_unknown", "step", gettext_noop("没有这个环节。"))
    yield from unknown_programme(change.programme)
    if not 1 <= change.days <= LONGEST:
        yield Problem("days", "days", gettext_noop("期限应为 1 至 %(most)s 个工作日。"), {"most": LONGEST})
    yield from unstated(change.basis)
    if change.valid_from < day:
        yield Problem("past", "valid_from", gettext_noop("启用日期不能早于今天：已经起算的期限以当时的规定为准。"))
    if change.to_running and change.valid_from != day:
        message = gettext_noop("要同时调整在办案件的，启用日期须为今天。")
        yield Problem("running_later", "valid_from", message)
    same = Limit.objects.filter(programme=change.programme, step=change.step, valid_from=change.valid_from)
    if same.exists():
        yield Problem("double", "valid_from", gettext_noop("该环节自这一天起的期限已经设定，请另选启用日期。"))


def refuse_wrong(change: Change, day: date) -> None:
    """Raise Refused with every problem of a change that would be saved on ``day``."""
    problems = list(problems_of(change, day))
    if problems:
        raise Refused(problems)


def preview(change: Change, day: date) -> list[Move]:
    """Running deadlines that the change would move if it were saved on ``day``, in the order of their numbers."""
    if not change.to_running or change.step in NEVER_MOVED:
        return []
    calendar, now = clock.calendar(), _days_now(change, day)
    found = (
        _moved(kind, row, change.days - now[programme_of(kind, row)], calendar)
        for kind, row in running([change.step], now)
    )
    return in_order(found)


def _days_now(change: Change, day: date) -> dict[str, int]:
    """Programme -> days of the step today, of those whom the change reaches."""
    codes = [change.programme] if change.programme else list(Programme.objects.values_list("pk", flat=True))
    own = Limit.objects.on(day).filter(step=change.step).exclude(programme="").values_list("programme", flat=True)
    reached = [code for code in codes if change.programme or code not in set(own)]
    return {code: clock.days_of(change.step, code, day) for code in reached}


def _moved(kind: Clock, row: Any, more: int, calendar: Calendar) -> Move | None:
    """The deadline ``more`` working days later. What somebody outside was given is never cut short."""
    if not more or (more < 0 and is_given(kind, row)):
        return None
    if isinstance(row, Application) and row.paused_on:
        return Move(kind, row, None, None, (row.days_left or 0) + more)
    if row.due_on is None:
        return None
    return Move(kind, row, row.due_on, _later(row.due_on, more, calendar))


def _later(due_on: date, days: int, calendar: Calendar) -> date:
    return calendar.resumed_due(days, due_on).date


def change(by: User, wanted: Change) -> tuple[Limit, list[Move]]:
    """Save a change and move what it moves, each row with an event of its own. Returns the limit and the moves.

    A row that moves on at the same moment keeps the day of its new step. Raises NotAllowed, Refused with every problem.
    """
    if not can_city(by, "change_limits"):
        raise NotAllowed("change_limits")
    day = timezone.localdate()
    refuse_wrong(wanted, day)
    with transaction.atomic():
        moves = preview(wanted, day)
        before = _before(wanted)
        limit = Limit.objects.create(
            programme=wanted.programme, step=wanted.step, days=wanted.days, basis=wanted.basis.strip(),
            valid_from=wanted.valid_from,
        )  # fmt: skip
        said = {"days": limit.days, "basis": limit.basis}
        kept = [move for move in moves if keep(by, move, "restate_clock", **said)]
        audit.record(
            limit, "limit.change", by=by, role=ROLE, before=before, after=limit.days,
            basis=limit.basis, valid_from=wanted.valid_from.isoformat(), moved=len(kept),
        )  # fmt: skip
    return limit, kept


def _before(wanted: Change) -> int | None:
    try:
        return clock.days_of(wanted.step, wanted.programme, wanted.valid_from)
    except clock.UnknownLimit:
        return None
