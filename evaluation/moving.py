"""Running deadlines that a change of a setting moves: of a limit, or of the table of working days.

Hides: that a day which an applicant was given is never cut short, and that only a case which still stands where it was
read is moved, with an event of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from evaluation.clocks import HOLDERS
from evaluation.models import Application
from portal import audit
from portal.models import User

ROLE = "security_administrator"
# Steps whose day nobody's later setting changes: the public notice runs by what was published.
NEVER_MOVED = frozenset({"notice"})


@dataclass(frozen=True, slots=True)
class Move:
    """A running deadline that moves: from ``old`` to ``new``; both None for a clock that is paused."""

    application: Application
    old: date | None
    new: date | None
    days_left: int | None = None  # of a paused clock, as it would be


def belongs_to_applicant(application: Application) -> bool:
    """Whether the running day was given to the applicant: such a day is put off and never cut short."""
    return HOLDERS.get(application.state) == "applicant"


def keep(by: User, move: Move, verb: str, **said: Any) -> bool:
    """Write one move and the event that says so, if the case still stands where it was read; inside the change."""
    row = move.application
    rows = Application.objects.filter(pk=row.pk, state=row.state, due_on=move.old, paused_on=row.paused_on)
    columns = {"days_left": move.days_left} if row.paused_on else {"due_on": move.new}
    if not rows.update(**columns):
        return False
    left = {} if move.days_left is None else {"days_left": move.days_left}
    days = {"old": _iso(move.old), "due_on": _iso(move.new)}
    audit.record(row, verb, by=by, role=ROLE, **said, **days, **left)
    return True


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
