"""Deadlines in working days: limits and overrides from the database, counting by ``portal.workdays``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.utils import timezone

from portal.models import DayOverride, Limit
from portal.problems import Problem, gettext_noop
from portal.workdays import Calendar, years_later

# steps that are no deadline of anybody: when the portal speaks up before one, and after it to whoever oversees
REMINDER, ESCALATION = "reminder", "escalation"
YEARS_AHEAD = 20  # no plan of a building reaches further


class UnknownLimit(LookupError):
    """No limit is configured for this step."""


def calendar() -> Calendar:
    """The official calendar with the authority's own overrides."""
    rows = list(DayOverride.objects.values_list("day", "is_workday", "whole_year"))
    return Calendar({day: worked for day, worked, _ in rows}, {day.year for day, _, whole in rows if whole})


def limit_of(step: str, programme: str = "", day: date | None = None) -> Limit:
    """The limit of ``step`` where it begins on ``day`` (None: today): the programme's own, else the general one.

    Of several the one that came into force last. Raises UnknownLimit.
    """
    rows = Limit.objects.on(day or timezone.localdate()).filter(step=step, programme__in=["", programme])
    found: dict[str, Limit] = {}
    for row in rows:
        found.setdefault(row.programme, row)
    if not found:
        raise UnknownLimit(step)
    return found.get(programme) or found[""]


def days_of(step: str, programme: str = "", day: date | None = None) -> int:
    """Working days of ``step`` as ``limit_of`` says. Raises UnknownLimit."""
    return limit_of(step, programme, day).days


def deadline(step: str, day: date, programme: str = "") -> date:
    """The last day of ``step`` when it begins on ``day`` (that day is not counted)."""
    return calendar().add_workdays(day, days_of(step, programme, day)).date


def too_far(place: str, day: date | None, years: int = YEARS_AHEAD) -> Iterator[Problem]:
    """A year with a digit too many: said beside the field before anything is counted from it."""
    last = years_later(timezone.localdate(), years)
    if day is not None and day > last:
        yield Problem("too_far", place, gettext_noop("日期不能晚于%(day)s。"), {"day": last.isoformat()})
