"""Invitations refused: who refuses too often in a year rests for a while, by rule and without anybody's decision.

Hides: what counts. A decline with a reason does not, nor a recusal, which is a duty, nor a seat that the organiser took
back; a decline without a reason and an invitation left unanswered do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from evaluation.models import Assignment
from experts import standing
from experts.models import Expert
from portal.machine import MACHINES, Act
from portal.models import Event

COUNTED = ("assignment.decline", "assignment.lapse")


@dataclass(frozen=True, slots=True)
class Standing:
    """How often an expert refused in ``year``, and how often is too often; then the pause is so many calendar days."""

    year: int
    count: int
    limit: int
    pause_days: int

    @property
    def next_pauses(self) -> bool:
        """Whether one more refusal without a reason brings the pause."""
        return self.count + 1 >= self.limit


def counted(experts: Collection[int], year: int) -> Counter[int]:
    """Expert id -> refusals that count in the calendar year, local time; those without any are 0. Two queries."""
    found = Counter[int]()
    for (expert, one), count in by_year(experts, at__year=year).items():
        if one == year:
            found[expert] += count
    return found


def by_year(experts: Collection[int], **limits: int) -> Counter[tuple[int, int]]:
    """(expert id, calendar year in local time) -> refusals that count. limits: of the events that are read. Two queries."""
    owners = dict(
        Assignment.objects.filter(expert__in=experts, state__in=("declined", "lapsed")).values_list("pk", "expert")
    )
    label = Assignment._meta.label_lower
    events = Event.objects.filter(subject_type=label, subject_id__in=owners, verb__in=COUNTED, **limits)
    rows = events.values_list("subject_id", "data", "at")
    return Counter((owners[pk], timezone.localdate(at).year) for pk, data, at in rows if not _has_reason(data))


def _has_reason(data: dict[str, Any]) -> bool:
    return bool(str(data.get("reason") or "").strip())


def standing_of(expert: Expert, day: date) -> Standing:
    """Where an expert stands on ``day``."""
    limit, pause_days = standing.parameter("refusals_a_year"), standing.parameter("refusal_pause_days")
    return Standing(day.year, counted([expert.pk], day.year)[expert.pk], limit, pause_days)


def pause_when_many(assignment: Assignment, act: Act) -> None:
    """After a refusal: pause whoever has now refused too often. Whoever does not serve already rests, or is being heard."""
    expert = Expert.objects.select_related("user").get(pk=assignment.expert_id)
    if _has_reason(dict(act.data)) or expert.state != "serving":
        return
    now = standing_of(expert, act.day)
    if now.count >= now.limit:
        reason = f"{now.year}年无理由谢绝评审邀请或逾期未答复共{now.count}次"
        until = act.day + timedelta(days=now.pause_days)
        MACHINES["expert"].perform(expert, "pause", by=None, reason=reason, until=until)
