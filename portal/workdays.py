"""Working days: the official calendar with its swapped days (调休), deadlines, and clocks that pause.

Hides where the official days come from (the ``chinesecalendar`` package, years 2004 to its last release) and what
happens where it ends. Plain Python: the caller reads our own table of overrides and hands it in; nothing here reads a
clock or a database.

How days are counted
    The day of the event is not counted; the next day is the first one (民法典第二百零一条). Only working days count,
    as in 行政许可法第八十二条. A period that would end on a day off ends on the next working day (民法典第二百零三条);
    the deadline runs to the end of its day. So "5 working days" given on a Friday end on the next Friday.

How a clock pauses
    The day on which it is paused is used up; the day on which it is resumed is not counted. What is left is a number
    of working days, and the new deadline lies that many working days after the day of resuming. Paused and resumed on
    the same day, the deadline stays where it was. A case that was overdue when paused is as overdue when resumed.

An unknown year
    The State Council publishes a year's days off in the autumn before it. Until package or table knows them, Monday to
    Friday count as working days, and every answer names the unknown years it leaned on, so that pages can warn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

import chinese_calendar

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day of a period (a working day), and the years for which only Monday to Friday could be assumed."""

    date: date
    unknown_years: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CountedDay:
    """One day of a period. number: the how-manieth working day it is, None for a day off.

    why: "" for a plain working day, "weekend", "holiday", "swapped" (a worked day off), "override" (our own table says so),
    or "assumed" (its year is unknown, Monday to Friday counts). holiday: its Chinese name, "" for none.
    """

    day: date
    number: int | None
    why: str = ""
    holiday: str = ""


@dataclass(frozen=True)
class Calendar:
    """Which days are worked.

    overrides: our own table, day -> is it worked; it wins over everything. complete_years: the years whose official
    days off stand in that table whole (typed in before the package knows them), so that they count as known.
    """

    overrides: Mapping[date, bool] = field(default_factory=dict)
    complete_years: Collection[int] = ()

    def is_workday(self, day: date) -> bool:
        """Tell whether ``day`` is worked: our table, else the official days, else Monday to Friday."""
        if isinstance(day, datetime):
            raise TypeError("a working day is a local date; a datetime hides which time zone it was cut in")
        override = self.overrides.get(day)
        if override is not None:
            return override
        official = _officially_worked(day)
        return day.weekday() < _SATURDAY if official is None else official

    def known(self, year: int) -> bool:
        """Tell whether the official days off of ``year`` are known."""
        return year in self.complete_years or _officially_worked(date(year, 1, 1)) is not None

    def unknown_years(self, first: date, last: date) -> tuple[int, ...]:
        """Return the unknown years that the days from ``first`` to ``last`` (in either order) touch, ascending."""
        low, high = sorted((first.year, last.year))
        return tuple(year for year in range(low, high + 1) if not self.known(year))

    def add_workdays(self, start: date, days: int) -> Deadline:
        """Return the deadline ``days`` working days after the event of ``start`` (the day after it is day 1).

        0 days end on ``start`` itself, or on the next working day where it is a day off. ValueError if negative.
        """
        if days < 0:
            raise ValueError(f"a period cannot have {days} working days")
        if days == 0 and self.is_workday(start):
            return Deadline(start, self.unknown_years(start, start))
        end = self._worked_day(start, _DAY, max(days, 1))
        return Deadline(end, self.unknown_years(min(start + _DAY, end), end))

    def counted(self, start: date, end: date) -> list[CountedDay]:
        """Every day after ``start`` up to and including ``end`` with its number and why it counts or does not."""
        found, number = [], 0
        for day in _days(start + _DAY, end):
            worked = self.is_workday(day)
            number += worked
            found.append(CountedDay(day, number if worked else None, self._why(day, worked), _holiday(day)))
        return found

    def _why(self, day: date, worked: bool) -> str:
        if day in self.overrides:
            return "override"
        if _officially_worked(day) is None:
            return "assumed"
        weekend = day.weekday() >= _SATURDAY
        if worked:
            return "swapped" if weekend else ""
        return "holiday" if _holiday(day) else "weekend"

    def workday_before(self, day: date) -> date:
        """Return the last working day before ``day``."""
        return self._worked_day(day, -_DAY, 1)

    def workdays_between(self, start: date, end: date) -> int:
        """Return how many working days are left on ``start`` until ``end``: signed.

        0 on the day itself. Before it, the working days after ``start`` up to and including ``end``. After it, minus
        the working days from ``end`` on that are over, ``end`` included: overdue by a weekend is already -1, so that
        for an ``end`` that is a working day the number is negative exactly when it is overdue.
        """
        if start <= end:
            return sum(1 for day in _days(start + _DAY, end) if self.is_workday(day))
        return -sum(1 for day in _days(end, start - _DAY) if self.is_workday(day))

    def remaining(self, due: date, paused_on: date) -> int:
        """Return the working days that a clock keeps when it is paused on ``paused_on``; negative if overdue."""
        return self.workdays_between(paused_on, due)

    def resumed_due(self, remaining_days: int, resumed_on: date) -> Deadline:
        """Return the deadline of a clock that kept ``remaining_days`` and goes on after ``resumed_on``.

        Negative days give a working day that lies as far in the past: pausing never forgives a delay.
        """
        if remaining_days >= 0:
            return self.add_workdays(resumed_on, remaining_days)
        due = self._worked_day(resumed_on, -_DAY, -remaining_days)
        return Deadline(due, self.unknown_years(due, resumed_on - _DAY))

    def _worked_day(self, start: date, step: timedelta, count: int) -> date:
        """Return the ``count``-th working day beyond ``start`` in the direction of ``step``."""
        day = start
        while count:
            day += step
            count -= self.is_workday(day)
        return day


def years_later(day: date, years: int) -> date:
    """The same day ``years`` later; of 29 February the 28th where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def last_day(day: date, years: int) -> date:
    """The last day of ``years`` that begin on ``day``: the day before the same day (29 February counts as 28)."""
    return years_later(day, years) - _DAY


def _days(first: date, last: date) -> Iterator[date]:
    """Yield the days from ``first`` to ``last``, both included."""
    return (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1))


@lru_cache(maxsize=8192)
def _officially_worked(day: date) -> bool | None:
    """Ask the package once per day (it scans its whole table at every call); None where its years end."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


def _holiday(day: date) -> str:
    """Chinese name of the public holiday for which ``day`` is off, or worked instead; "" for none or an unknown year."""
    try:
        _is_off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return ""
    return chinese_calendar.Holiday(name).chinese if name else ""
