"""Why a case has the deadline it has: its clock, line by line, from what was written down when each thing happened.

Hides: which events start, stop, pause and move a clock, and where the basis of a limit of that day stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from evaluation.clocks import PAUSED_IN, STEPS
from evaluation.models import Application
from portal import clock
from portal.machine import MACHINES
from portal.models import Event, Limit
from portal.workdays import CountedDay


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened to the clock. due_on: the last day as it stood then; None while no clock ran."""

    on: date
    sentence: str
    due_on: date | None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """lines: oldest first. counted: every day of the clock that runs now. unknown_years: counted Monday to Friday."""

    lines: list[Line]
    counted: list[CountedDay]
    unknown_years: tuple[int, ...]


def explain(application: Application) -> Explanation:
    """The clock of one application from its first day until now."""
    lines = list(_lines(application))
    due_on = application.due_on
    if due_on is None:
        return Explanation(lines, [], ())
    if not lines or lines[-1].due_on != due_on:  # it came into this step before events told the day
        words = {"state": MACHINES["application"].states[application.state], "due": _written(due_on)}
        began = timezone.localdate(application.state_since)
        lines.append(Line(began, _("进入“%(state)s”，期限至%(due)s届满。") % words, due_on))
    calendar, begun = clock.calendar(), lines[-1].on
    counted = calendar.counted(begun, due_on) if begun < due_on else []
    return Explanation(lines, counted, calendar.unknown_years(begun, due_on))


def _lines(application: Application) -> Iterator[Line]:
    kept: int | None = None  # working days that the form check kept while the applicant corrects
    for event in Event.objects.of(application):
        day = timezone.localdate(event.at)
        due_on = date.fromisoformat(event.data["due_on"]) if event.data.get("due_on") else None
        action = event.verb.partition(".")[2]
        if action in SPECIAL:
            yield Line(day, SPECIAL[action](event, due_on), due_on, event.data.get("basis") or "")
        elif event.data.get("from") != event.data.get("to") and event.data.get("to"):
            yield from _moved(application, event, day, due_on, kept)
            if event.data.get("days_left") is not None:
                kept = event.data["days_left"]


def _moved(application: Application, event: Event, day: date, due_on: date | None, kept: int | None) -> Iterator[Line]:
    """The case came into another step: its clock starts, goes on with what was kept, or ends."""
    target, names = event.data["to"], MACHINES["application"].states
    if due_on is None:
        if event.data["from"] in STEPS:
            yield Line(day, _("进入“%(state)s”，上一环节的期限到此为止。") % {"state": names[target]}, None)
        return
    words: dict[str, Any] = {"state": names[target], "due": _written(due_on), "left": kept}
    if target in PAUSED_IN.values() and kept is not None:
        yield Line(day, _("回到“%(state)s”，剩余%(left)s个工作日接着计算，至%(due)s届满。") % words, due_on)
        return
    limit = _limit_that_gave(application, STEPS[target], day, due_on)
    if limit is None:
        yield Line(day, _("进入“%(state)s”，期限至%(due)s届满。") % words, due_on)
        return
    words["days"] = limit.days
    sentence = _("进入“%(state)s”，期限%(days)s个工作日，当日不计，至%(due)s届满。") % words
    if target in PAUSED_IN and event.data.get("days_left") is not None:
        sentence += _("等待申报单位期间主管部门停止计时，剩余%(left)s个工作日。") % {"left": event.data["days_left"]}
    yield Line(day, sentence, due_on, limit.basis)


def _limit_that_gave(application: Application, step: str, day: date, due_on: date) -> Limit | None:
    """The limit by which a step that began on ``day`` ended on ``due_on``: of those of that day the one with as many days.

    A limit that was changed later on the same day is none of them. None where the calendar was another one then.
    """
    programme = application.project.programme_id
    rows = Limit.objects.on(day).filter(step=step, programme__in=["", programme]).order_by("-programme", "-valid_from")
    days = clock.calendar().workdays_between(day, due_on)
    return next((row for row in rows if row.days == days), None)


def _paused(event: Event, due_on: date | None) -> str:
    words = {"who": event.actor_name, "reason": event.data.get("reason", ""), "left": event.data.get("days_left")}
    return _("%(who)s暂停计时：%(reason)s。剩余%(left)s个工作日。") % words


def _resumed(event: Event, due_on: date | None) -> str:
    return _("%(who)s恢复计时，至%(due)s届满。") % {"who": event.actor_name, "due": _written(due_on)}


def _restated(event: Event, due_on: date | None) -> str:
    words = {"days": event.data.get("days"), "due": _written(due_on), "left": event.data.get("days_left")}
    if due_on is None:
        return _("期限调整为%(days)s个工作日，暂停中的剩余工作日改为%(left)s个。") % words
    return _("期限调整为%(days)s个工作日，改至%(due)s届满。") % words


def _awaited(event: Event, due_on: date | None) -> str:
    return _("告知待核发，尚未送出；期限自发出之日起算。")


def _started(event: Event, due_on: date | None) -> str:
    words = {"days": event.data.get("days"), "due": _written(due_on)}
    return _("告知发出，期限%(days)s个工作日自此起算，当日不计，至%(due)s届满。") % words


def _redated(event: Event, due_on: date | None) -> str:
    return _("工作日表调整，剩余的工作日不变，改至%(due)s届满。") % {"due": _written(due_on)}


SPECIAL = {
    "redate_clock": _redated,
    "pause_clock": _paused, "resume_clock": _resumed, "restate_clock": _restated, "await_message": _awaited,
    "start_clock": _started,
}  # fmt: skip


def _written(day: date | None) -> str:
    return date_format(day, "Y-m-d") if day else ""
