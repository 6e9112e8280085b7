"""Who was asked or sits is looked at again: who must stand back or can serve no more leaves a panel that is being formed.

Hides: that a panel at work loses nobody behind its back. There a conflict is marked on the seat and an absence is told, and
the supervisor decides whether to draw anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from communities.permissions import officers
from evaluation import drawing
from evaluation.barring import without_barred
from evaluation.models import Application, Assignment
from evaluation.permissions import SEATED
from experts.draw import EXCLUSIONS
from experts.models import Expert
from experts.standing import follows_absence
from portal import audit, notify
from portal.machine import MACHINES, NotAllowed, Stale
from portal.models import User
from portal.problems import gettext_noop
from portal.tasks import swept

logger = logging.getLogger(__name__)

# A panel that has still to mark, to deliberate or to sign.
AT_WORK = frozenset({"site_visit", "review", "tallying", "deliberation", "revision", "revision_check"})
ASKED = ("invited", "accepted")


def recheck(application: Application) -> None:
    """After a new fact about a party or an expert, the application being held: who is asked and conflicts leaves; of a
    panel that sits the seat is marked, and those who draw are told."""
    recused = drawing.conflicts(application, timezone.localdate())
    if application.state != "inviting":
        _mark(application, recused)
        return
    for row in _seats(application, *ASKED).filter(expert__in=list(recused)):
        _exclude(row, recused[row.expert_id])


def pass_over(seat: Assignment) -> bool:
    """Take back the seat of a newcomer who must stand back or does not serve today, before anybody is asked; whether so.

    The pool was frozen before: since then a party may have become another, a term may have ended.
    """
    today = timezone.localdate()
    row = _seats(seat.application, "invited").get(pk=seat.pk)
    recused = drawing.conflicts(seat.application, today)
    if row.expert_id in recused:
        _exclude(row, recused[row.expert_id], unasked=True)
    elif not Expert.objects.serving(today).filter(pk=row.expert_id).exists():
        _release(row, unasked=True)
    else:
        return False
    return True


def _exclude(row: Assignment, code: str, **said: Any) -> None:
    MACHINES["assignment"].perform(row, "exclude", by=None, reason=EXCLUSIONS[code], **said)


def _release(row: Assignment, **said: Any) -> None:
    code = drawing.absence(row.expert, timezone.localdate())
    MACHINES["assignment"].perform(row, "release", by=None, reason=EXCLUSIONS[code], **said)


def _seats(application: Application, *states: str) -> QuerySet[Assignment]:
    rows = Assignment.objects.filter(application=application, review_round=application.review_round, state__in=states)
    return rows.select_related("expert__user", "application__project__programme").order_by("seat", "pk")


def _mark(application: Application, recused: dict[int, str]) -> None:
    """Nobody is taken off a panel that sits behind its back: the seat is marked, and the supervisor has it drawn anew."""
    for row in _seats(application, *SEATED):
        reason = recused.get(row.expert_id, "")
        if reason == row.conflict:
            continue
        Assignment.objects.filter(pk=row.pk).update(conflict=reason)
        if reason:
            event = audit.record(row, "assignment.conflict", by=None, reason=reason, expert=row.expert.number)
            sentence = gettext_noop("该专家须回避，由监督员启动重新抽取")
            _tell(row, f"event:{event.pk}", sentence, event=event)


def _tell(row: Assignment, key: str, sentence: str, **context: Any) -> None:
    """Whoever draws anew and whoever runs the panel read it at the draw."""
    people: Iterable[User] = without_barred(
        [*officers("supervisor"), *User.objects.filter(pk=row.application.organiser_id)], row.application.project
    )
    link, subject = reverse("draw", args=[row.application_id]), f"{row.expert} · {row.application}"
    notify.write(key, people, "waiting", link, subject=subject, sentence=sentence, **context)


# --- experts who serve no more ----------------------------------------------------------------------------------------


def absent() -> QuerySet[Assignment]:
    """Seats on panels that are being formed or at work whose experts do not serve today: paused, removed, term over."""
    forming = Q(application__state="inviting", state__in=ASKED)
    at_work = Q(application__state__in=AT_WORK, state__in=SEATED)
    rows = Assignment.objects.filter(forming | at_work, review_round=F("application__review_round"))
    return rows.exclude(expert__in=Expert.objects.serving(timezone.localdate()).values("pk"))


@swept
def see_to_absent() -> int:
    """Give up the seats of experts who serve no more, tell of those on panels at work; return how many were given up."""
    return _see_to(absent())


@follows_absence
def see_to_seats_of(expert: Expert) -> None:
    """As ``see_to_absent``, for one expert at once."""
    _see_to(absent().filter(expert=expert))


def _see_to(rows: QuerySet[Assignment]) -> int:
    given_up = 0
    for row in rows.select_related("expert__user", "application__project__programme").order_by("pk")[:500]:
        try:
            with transaction.atomic():
                if row.application.state == "inviting":
                    _release(row)
                    given_up += 1
                else:
                    _tell_absent(row)
        except (Stale, NotAllowed) as reason:
            logger.info("seat %s stays: %s", row.pk, reason)
    return given_up


def _tell_absent(row: Assignment) -> None:
    """Once for each seat and each time that the expert ceased to serve."""
    since = row.expert.state_since if row.expert.state != "serving" else row.expert.term_until
    sentence = gettext_noop("该专家已不在聘或资格暂停，专家组正在评审；由监督员决定是否重新抽取")
    _tell(row, f"absent:{row.pk}:{since:%Y-%m-%d}", sentence)
