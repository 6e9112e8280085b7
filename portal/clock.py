"""Deadlines in working days: limits and overrides from the database, counting by ``portal.workdays``."""

from __future__ import annotations

from datetime import date

from portal.models import DayOverride, Limit
from portal.workdays import Calendar


class UnknownLimit(LookupError):
    """No limit is configured for this step."""


def calendar() -> Calendar:
    """The official calendar with the authority's own overrides."""
    return Calendar(dict(DayOverride.objects.values_list("day", "is_workday")))


def days_of(step: str, programme: str = "") -> int:
    """Working days of ``step``: the programme's own limit, else the general one. Raises UnknownLimit."""
    rows = dict(Limit.objects.filter(step=step, programme__in=["", programme]).values_list("programme", "days"))
    if not rows:
        raise UnknownLimit(step)
    return rows.get(programme, rows.get("", 0))


def deadline(step: str, day: date, programme: str = "") -> date:
    """The last day of ``step`` when it begins on ``day`` (that day is not counted)."""
    return calendar().add_workdays(day, days_of(step, programme)).date
