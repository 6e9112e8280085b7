"""Running deadlines that a change of a setting moves: of a limit, or of the table of working days.

Hides: which rows have days that a limit counts, that a day which somebody outside was given is never cut short, and that
only a row which still stands where it was read is moved, with an event of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any

from django.db import models

from evaluation.clocks import HOLDERS, STEPS
from evaluation.models import (
    Application,
    Assignment,
    GuidanceOpinion,
    GuidanceVisit,
    HeldMessage,
    Incentive,
    Inspection,
    MajorChange,
    Objection,
    OperatingReport,
    Project,
    Question,
    Rectification,
    Renewal,
    Sanction,
)
from portal import audit
from portal.models import User

ROLE = "security_administrator"
# Steps whose day nobody's later setting changes: the public notice runs by what was published.
NEVER_MOVED = frozenset({"notice"})


@dataclass(frozen=True, slots=True)
class Clock:
    """Rows of one machine whose days limits count.

    name: of the machine; steps: state -> step whose limit counts there; project: the way to the row's project; given:
    states in which an applicant or an expert was given the day, which is put off and never cut short.
    """

    name: str
    model: type[models.Model]
    steps: Mapping[str, str]
    project: str
    given: frozenset[str] = frozenset()


CHANGE_STEPS = {
    "demanded": "change_declaration",
    "examining": "change_examination",
    "hearing": "change_hearing",
    "deciding": "change_decision",
}
OPINION_STEPS = {"replied": "guidance_check", "declined": "guidance_check", "escalated": "guidance_decision"}
SANCTION_STEPS = {
    "proposed": "sanction_examination",
    "hearing": "sanction_hearing",
    "oral": "sanction_oral",
    "deciding": "sanction_decision",
}
RENEWAL_STEPS = {
    "asked": "renewal_examination",
    "returned": "renewal_correction",
    "recommended": "renewal_decision",
}
REPORT_STEPS = {
    "due": "operating_report",
    "returned": "operating_report_correction",
    "submitted": "operating_report_check",
}
RECTIFICATION_STEPS = {"replied": "rectification_check"}
# An opinion that is open and a visit that is planned or recorded run to a day that somebody named: no limit moves it.
CLOCKS: tuple[Clock, ...] = (
    Clock("application", Application, STEPS, "project",
          frozenset(state for state, holder in HOLDERS.items() if holder == "applicant")),
    Clock("assignment", Assignment, {"invited": "invitation", "accepted": "review"}, "application__project",
          frozenset({"invited", "accepted"})),
    Clock("question", Question, {"forwarded": "question"}, "application__project", frozenset({"forwarded"})),
    Clock("objection", Objection, {"received": "objection", "accepted": "objection"}, "notice__application__project"),
    Clock("guidance_visit", GuidanceVisit, {"unrecorded": "guidance_record", "overdue": "guidance_decision"}, "project"),
    Clock("guidance_opinion", GuidanceOpinion, OPINION_STEPS, "visit__project"),
    Clock("major_change", MajorChange, CHANGE_STEPS, "project", frozenset({"demanded", "hearing"})),
    Clock("sanction", Sanction, SANCTION_STEPS, "certificate__application__project", frozenset({"hearing"})),
    Clock("renewal", Renewal, RENEWAL_STEPS, "certificate__application__project", frozenset({"returned"})),
    Clock("operating_report", OperatingReport, REPORT_STEPS, "certificate__application__project",
          frozenset({"due", "returned"})),
    Clock("inspection", Inspection, {"drawn": "inspection"}, "certificate__application__project"),
    Clock("rectification", Rectification, RECTIFICATION_STEPS, "inspection__certificate__application__project"),
    Clock("incentive", Incentive, {"due": "incentive"}, "certificate__application__project"),
    Clock("held_message", HeldMessage, {"held": "outbox"}, "application__project"),
)  # fmt: skip
ALL_STEPS = frozenset(step for clock in CLOCKS for step in clock.steps.values())


@dataclass(frozen=True, slots=True)
class Move:
    """A running deadline that moves: from ``old`` to ``new``; both None for a clock that is paused."""

    clock: Clock
    row: Any
    old: date | None
    new: date | None
    days_left: int | None = None  # of a paused clock, as it would be

    @property
    def project(self) -> Project:
        """The case file to which the row belongs."""
        return _project_of(self.clock, self.row)

    @property
    def application(self) -> Application | None:
        """The application whose own deadline it is; None for what is handled beside it."""
        return self.row if isinstance(self.row, Application) else None

    @property
    def what(self) -> str:
        """What is handled beside the application, by its kind alone: nobody reads here who sits on a panel."""
        return "" if self.application else str(self.row._meta.verbose_name)


def _project_of(clock: Clock, row: Any) -> Project:
    project: Project = reduce(getattr, clock.project.split("__"), row)
    return project


def running(
    steps: Iterable[str], programmes: Iterable[str] | None = None, since: date | None = None
) -> Iterator[tuple[Clock, Any]]:
    """Rows that are in one of these steps, machine by machine, each in the order of their cases: a query for each.

    programmes: only theirs; since: only those whose last day is then or later.
    """
    wanted = frozenset(steps) - NEVER_MOVED
    for clock in CLOCKS:
        states = [state for state, step in clock.steps.items() if step in wanted]
        if not states:
            continue
        rows = clock.model._default_manager.filter(state__in=states)
        if programmes is not None:
            rows = rows.filter(**{f"{clock.project}__programme__in": list(programmes)})
        if since is not None:
            rows = rows.filter(due_on__gte=since)
        rows = rows.select_related(f"{clock.project}__community").order_by(f"{clock.project}__number", "pk")
        yield from ((clock, row) for row in rows)


def in_order(moves: Iterable[Move | None]) -> list[Move]:
    """Moves by the numbers of their cases, an application before what is handled beside it; None is left out."""
    return sorted((move for move in moves if move is not None), key=lambda move: move.project.number)


def programme_of(clock: Clock, row: Any) -> str:
    """The code of the programme whose limits the row goes by."""
    return str(_project_of(clock, row).programme_id)


def is_given(clock: Clock, row: Any) -> bool:
    """Whether the running day was given to an applicant or an expert: such a day is put off and never cut short."""
    return row.state in clock.given


def keep(by: User, move: Move, verb: str, **said: Any) -> bool:
    """Write one move and the event that says so, if the row still stands where it was read; inside the change.

    verb: without the name of the machine, as in "restate_clock".
    """
    row, paused = move.row, _paused_on(move.row)
    rows = move.clock.model._base_manager.filter(pk=row.pk, state=row.state, due_on=move.old)
    if move.application:
        rows = rows.filter(paused_on=paused)
    if not rows.update(**({"days_left": move.days_left} if paused else {"due_on": move.new})):
        return False
    left = {} if move.days_left is None else {"days_left": move.days_left}
    days = {"old": _iso(move.old), "due_on": _iso(move.new)}
    audit.record(row, f"{move.clock.name}.{verb}", by=by, role=ROLE, **said, **days, **left)
    return True


def _paused_on(row: Any) -> date | None:
    """The day on which the row's clock was stopped: only an application's can be."""
    return row.paused_on if isinstance(row, Application) else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
