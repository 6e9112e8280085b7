"""The days of an invented case: acts are done as of a past working day, so that histories and deadlines look lived in.

Hides how the present is moved. Only the command that builds the demo world does so, in one thread, before anybody works.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any

from django.apps import apps
from django.utils import timezone

from portal import clock

REAL_NOW = timezone.now


@contextmanager
def as_of(moment: datetime) -> Iterator[None]:
    """Within, ``timezone.now`` and every column that defaults to it say ``moment``."""

    def now() -> datetime:
        return moment

    before = timezone.now
    columns = _columns_that_say(before)
    _set_now(columns, now)
    try:
        yield
    finally:
        _set_now(columns, before)


def _columns_that_say(now: Any) -> list[Any]:
    fields = (field for model in apps.get_models() for field in model._meta.concrete_fields)
    return [field for field in fields if field.default is now]


def _set_now(columns: list[Any], now: Any) -> None:
    timezone.now = now
    for field in columns:
        field.default = now
        field.__dict__.pop("_get_default", None)  # what Django keeps of the default


def workdays_before(day: date, count: int) -> list[date]:
    """The last ``count`` working days before ``day``, oldest first."""
    calendar = clock.calendar()
    found: list[date] = []
    while len(found) < count:
        day -= timedelta(days=1)
        if calendar.is_workday(day):
            found.append(day)
    return found[::-1]


def at(day: date, hour: int, minute: int) -> datetime:
    """A moment of office hours."""
    return timezone.make_aware(datetime.combine(day, time(hour, minute)))


class Diary:
    """The working days that one case has lived through, ending today; ``after`` turns its pages."""

    def __init__(self, workdays: int, random: Any) -> None:
        self.days = workdays_before(timezone.localdate(), workdays)
        self.page = 0
        self.minutes = 0
        self.random = random

    def after(self, workdays: int) -> datetime:
        """The moment ``workdays`` later; on the same day some minutes later. Never later than the last page."""
        if workdays:
            self.page = min(self.page + workdays, len(self.days) - 1)
            self.minutes = self.random.randrange(0, 60)
        self.minutes = min(self.minutes + 7, 479)
        return at(self.days[self.page], 9 + self.minutes // 60, self.minutes % 60)
