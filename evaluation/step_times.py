"""How long the steps of cases took, in working days, read from the trail; and the middle and the slow end of many of them.

Hides: that a clock which stood still does not count, that the form check goes on where it was when the correction comes
back, and that both databases must give the very same number: what is sorted and picked is whole days, counted here.

Nearest rank: of ``n`` durations in ascending order the p-th percentile is the one at place ceil(p · n / 100), the first at
least. It is always a duration that occurred; the median of an even number is the lower of the two in the middle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import groupby
from typing import Any

from django.utils import timezone

from evaluation.clocks import PAUSED_IN, STEPS
from evaluation.models import Application
from portal import clock
from portal.models import Event, Limit

MEDIAN, SLOW = 50, 90  # percentiles
CHUNK = 1000  # cases read at a time
# Between two states of the same step the worker acts for some seconds: the step goes on.
BETWEEN = frozenset({"tallying"})
# A notice that waits to be sent starts no clock yet.
PAUSE, RESUME = ("pause_clock", "await_message"), ("resume_clock", "start_clock")


def nearest_rank(counts: Mapping[int, int], percent: int) -> int | None:
    """The percentile of durations that are told as duration -> how many; None where there are none."""
    total = sum(counts.values())
    place = max(-(-percent * total // 100), 1)
    for days in sorted(counts):
        place -= counts[days]
        if place <= 0:
            return days
    return None


@dataclass(frozen=True, slots=True)
class Move:
    """One event of a case as a clock reads it. source, target: "" for an act that moves nothing."""

    on: date
    action: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Spent:
    """One step that is over: working days that its clock ran, from the day it began to the day it ended."""

    step: str
    begun: date
    ended: date
    days: int


class WorkedDays:
    """Working days between two days, fast for very many pairs: how many were worked until each day is written down once."""

    def __init__(self) -> None:
        self.calendar = clock.calendar()
        self._until: dict[int, int] = {}
        self._low = self._high = 0

    def between(self, start: date, end: date) -> int:
        """As ``Calendar.workdays_between`` says for a day that is not before ``start``."""
        self._reach(start.toordinal(), end.toordinal())
        return self._until[end.toordinal()] - self._until[start.toordinal()]

    def _reach(self, start: int, end: int) -> None:
        if not self._until:
            self._low = self._high = start
            self._until[start] = 0
        while self._high < end:
            self._high += 1
            self._until[self._high] = self._until[self._high - 1] + self._worked(self._high)
        while self._low > start:
            self._until[self._low - 1] = self._until[self._low] - self._worked(self._low)
            self._low -= 1

    def _worked(self, day: int) -> bool:
        return self.calendar.is_workday(date.fromordinal(day))


class _Clock:
    """The clock of one case while its moves are read."""

    def __init__(self, worked: WorkedDays) -> None:
        self.worked = worked
        self.step, self.used = "", 0
        self.begun: date | None = None
        self.runs_since: date | None = None
        self.kept: tuple[int, date] | None = None  # of the form check, while the applicant corrects

    def stop(self, on: date) -> None:
        if self.runs_since is not None:
            self.used += self.worked.between(self.runs_since, max(on, self.runs_since))
        self.runs_since = None

    def run(self, on: date) -> None:
        if self.step and self.runs_since is None:
            self.runs_since = on

    def leave(self, move: Move) -> Spent | None:
        """Go on with the state that ``move`` leads to; return the step that is over by it."""
        step = self.step if move.target in BETWEEN else STEPS.get(move.target, "")
        self.stop(move.on)
        if step == self.step and move.source != move.target:
            self.run(move.on)
            return None
        over, pauses = None, PAUSED_IN.get(move.target) == move.source
        if self.step and self.begun and not pauses:
            over = Spent(self.step, self.begun, move.on, self.used)
        if pauses and self.begun:
            self.kept = (self.used, self.begun)
        self._enter(step, move)
        return over

    def _enter(self, step: str, move: Move) -> None:
        self.step, self.used, self.begun = step, 0, move.on
        if self.kept and move.target in PAUSED_IN.values():
            self.used, self.begun = self.kept
            self.kept = None
        elif step and step not in PAUSED_IN:
            self.kept = None
        self.run(move.on)


def spent(moves: Iterable[Move], worked: WorkedDays) -> Iterator[Spent]:
    """Every step that a case has left behind, in the order in which they ended. moves: oldest first."""
    running = _Clock(worked)
    for move in moves:
        if move.action in PAUSE:
            running.stop(move.on)
        elif move.action in RESUME:
            running.run(move.on)
        elif move.target and move.target != move.source and (over := running.leave(move)):
            yield over


# --- all cases ------------------------------------------------------------------------------------------------------


class Limits:
    """How many working days a step had that began on a day, in a programme."""

    def __init__(self) -> None:
        self._rows = sorted(Limit.objects.all(), key=lambda row: row.valid_from or date.min, reverse=True)
        self._known: dict[tuple[str, str, date], int | None] = {}

    @cached_property
    def _by_step(self) -> dict[tuple[str, str], list[Limit]]:
        found: dict[tuple[str, str], list[Limit]] = {}
        for row in self._rows:
            found.setdefault((row.step, row.programme), []).append(row)
        return found

    def of(self, step: str, programme: str, day: date) -> int | None:
        key = (step, programme, day)
        if key not in self._known:
            rows = [*self._by_step.get((step, programme), ()), *self._by_step.get((step, ""), ())]
            holding = (row.days for row in rows if (row.valid_from or day) <= day <= (row.valid_until or day))
            self._known[key] = next(holding, None)
        return self._known[key]


# programme, district, year in which it ended, stage, step, working days, whether within the limit of the day it began
Key = tuple[str, str, int, str, str, int, bool]


def counted(until: date, breathe: Any = lambda: None) -> list[list[Any]]:
    """How many steps of all cases took how long: keys with their counts, in a fixed order. Reads cases in pieces."""
    found: Counter[Key] = Counter()
    worked, limits, last = WorkedDays(), Limits(), 0
    columns = ("pk", "stage", "project__programme", "project__community__district")
    while rows := list(Application.objects.filter(pk__gt=last).order_by("pk").values_list(*columns)[:CHUNK]):
        about = {pk: rest for pk, *rest in rows}
        for pk, moves in moves_of(rows[0][0], rows[-1][0], until):
            if pk not in about:
                continue
            stage, programme, district = about[pk]
            for one in spent(moves, worked):
                limit = limits.of(one.step, programme, one.begun)
                in_time = limit is None or one.days <= limit
                found[programme, district, one.ended.year, stage, one.step, one.days, in_time] += 1
        last = rows[-1][0]
        breathe()
    return [[*key, count] for key, count in sorted(found.items())]


def moves_of(first: int, last: int, until: date) -> Iterator[tuple[int, list[Move]]]:
    """The moves of the applications from one id to another until the end of a day, by application, oldest first."""
    label = Application._meta.label_lower
    rows = Event.objects.filter(subject_type=label, subject_id__gte=first, subject_id__lte=last)
    rows = rows.order_by("subject_id", "pk").values_list("subject_id", "at", "verb", "data")
    for pk, events in groupby(rows.iterator(2000), key=lambda row: row[0]):
        found = (
            Move(timezone.localdate(at), verb.partition(".")[2], data.get("from") or "", data.get("to") or "")
            for _pk, at, verb, data in events
        )
        yield pk, [move for move in found if move.on <= until]
