"""Answering an invitation by the link in its e-mail, without signing in.

Hides: what a link holds and why it opens nothing any more. It names one seat of one draw and is signed, so nobody makes one;
it is kept nowhere; it ends with the answer, with the last day, and with the draw.
"""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.urls import reverse
from django.utils import timezone

from evaluation.models import Assignment
from portal.machine import MACHINES
from portal.problems import Problem, gettext_noop

SALT = "panel-invitation"
ANSWERS = ("accept", "decline", "recuse")
ENDED = {
    "answered": gettext_noop("这份评审邀请已经答复过，链接已失效。要查看答复，请登录后在“我的待办”或专家页中查看。"),
    "expired": gettext_noop("这份评审邀请的答复期限已过，链接已失效。"),
    "over": gettext_noop("这次抽取已经结束或作废，邀请不再有效。"),
}


class Unknown(LookupError):
    """No link of ours, or not this reader's."""


class Ended(Exception):
    """A link of ours that opens nothing any more; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def token_of(seat: Assignment) -> str:
    """What the link of a seat holds: the seat and its draw, signed."""
    return signing.dumps([seat.pk, seat.draw_id], salt=SALT)


def link_of(seat: Assignment) -> str:
    """The path of the page where the invitation is answered without signing in: a secret of the person asked."""
    return reverse("invitation-link", args=[token_of(seat)])


def seat_at(token: str, reader: Any) -> Assignment:
    """The seat that a link opens, as its expert sees it. reader: who is signed in, if somebody is.

    Raises Unknown for what is forged, cut off or another person's; Ended with the reason for what is over.
    """
    try:
        pk, draw = (int(part) for part in signing.loads(token, salt=SALT))
    except (signing.BadSignature, ValueError, TypeError):
        raise Unknown from None
    seat = Assignment.objects.select_related("expert__user").filter(pk=pk, draw=draw).first()
    if seat is None or not seat.expert.user.is_active or (reader.is_authenticated and reader != seat.expert.user):
        raise Unknown
    row: Assignment = MACHINES["assignment"].visible_to(seat.expert.user).get(pk=seat.pk)
    if reason := _reason_of_end(row):
        raise Ended(Problem(f"invitation_{reason}", "", ENDED[reason]))
    return row


def _reason_of_end(seat: Assignment) -> str:
    application = seat.application
    if seat.state in ("accepted", "declined", "recused", "signed", "amending"):
        return "answered"
    if seat.state == "lapsed" or (seat.due_on is not None and seat.due_on < timezone.localdate()):
        return "expired"
    forming = application.state == "inviting" and seat.review_round == application.review_round
    return "" if forming else "over"


def answer(seat: Assignment, action: str, **said: Any) -> None:
    """Do what the person asked chose. Raises as the machine does; the event says that it came by the link."""
    MACHINES["assignment"].perform(seat, action, by=seat.expert.user, by_link=True, **said)
