"""The discussion of a panel's members, each of whom has signed the own sheet.

Hides: from whom and until when there is nothing, not even a number. What was said is told by no message and stands in no
event's words.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from evaluation import marking
from evaluation.models import Application, Assignment, PanelMessage
from evaluation.permissions import can, roles_of, writing
from portal import audit
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

LONGEST = 2000  # characters of one message
SIGNED = ("signed", "amending")
UNSIGNED = Problem("sheet_unsigned", "", gettext_noop("签署本人的评分表之后，才能查看和参加专家组讨论。"))
OVER = Problem("discussion_over", "", gettext_noop("本轮评审已结束，专家组讨论已关闭。"))
NO_RESULT = Problem("result_missing", "", gettext_noop("汇总结果产生之后，评价组织员和监督员才能查看专家组讨论。"))
CONFLICT = Problem("conflict", "", gettext_noop("因当事单位变化，您须回避，不能再参加本案的讨论。"))
NOBODY = Problem("not_allowed", "", gettext_noop("专家组讨论只对本案专家组成员开放。"))


def obstacle(user: User, application: Application) -> Problem | None:
    """Why ``user`` may not read the discussion of the present round now; None for whoever may."""
    roles = roles_of(user, application)
    if "expert" in roles:
        return _obstacle_of_member(user, application)
    if not roles & {"organiser", "supervisor"}:
        return NOBODY
    return None if can(user, "read_discussion", application) else NO_RESULT


def _obstacle_of_member(user: User, application: Application) -> Problem | None:
    seat = seat_of(user, application)
    if not can(user, "discuss", application):
        return OVER if seat is not None and seat.state in SIGNED else UNSIGNED
    if seat is None or seat.state not in SIGNED:
        return UNSIGNED
    return CONFLICT if seat.conflict else None


def may_write(user: User, application: Application) -> bool:
    """Whether ``user`` is a member who may say something now."""
    return can(user, "discuss", application) and obstacle(user, application) is None


def seat_of(user: User, application: Application) -> Assignment | None:
    """The seat of ``user`` on the panel of the present round."""
    seat: Assignment | None = marking.seated(application).filter(expert__user=user).first()
    return seat


def messages_of(reader: User, application: Application) -> QuerySet[PanelMessage]:
    """What was said in the present round, oldest first. Raises NotAllowed where ``obstacle`` names one."""
    if obstacle(reader, application) is not None:
        raise NotAllowed("discussion")
    rows = PanelMessage.objects.filter(application=application, review_round=application.review_round)
    return rows.select_related("author__expert__user").order_by("pk")


def post(by: User, application: Application, text: str, item_code: str = "") -> PanelMessage:
    """Say something about the case, or about one item. Raises NotAllowed, Stale, Refused with every problem."""
    seat = seat_of(by, application)
    if seat is None or not may_write(by, application):
        raise NotAllowed("discuss")
    text = text.strip()
    with writing(by, "discuss", application):
        hold(seat, *SIGNED)
        problems = list(_problems(application, text, item_code))
        if problems:
            raise Refused(problems)
        last = PanelMessage.objects.filter(application=application, review_round=application.review_round).last()
        if last is not None and (last.author_id, last.item_code, last.text) == (seat.pk, item_code, text):
            return last  # a form that was sent twice says it once
        row = PanelMessage.objects.create(
            application=application,
            review_round=application.review_round,
            author=seat,
            item_code=item_code,
            text=text,
        )
        audit.record(row, "panel_message.post", by=by, role="expert")
    return row


def _problems(application: Application, text: str, item_code: str) -> Iterator[Problem]:
    if item_code and item_code not in {item.code for item in application.standard.items(application.stage)}:
        yield Problem("item_unknown", "item", gettext_noop("本阶段没有该条目。"))
    if not text:
        yield Problem("required", "text", gettext_noop("请填写内容。"))
    if len(text) > LONGEST:
        yield Problem("too_long", "text", gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})
