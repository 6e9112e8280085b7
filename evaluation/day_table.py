"""The working-day table: days on which the authority says otherwise than the official calendar, and whole years typed in.

Hides: how a list of days is read, and which running deadlines a change of the table reaches: the working days that are
left stay as many as they are, so that the last day moves with the days off before it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation.merging import digest
from evaluation.moving import ALL_STEPS, ROLE, Clock, Move, in_order, is_given, keep, running
from evaluation.permissions import can_city
from portal import audit, clock
from portal.machine import NotAllowed
from portal.models import DayOverride, Event, Sequence, User
from portal.problems import Changed, Problem, Refused, gettext_noop
from portal.workdays import Calendar

RIGHT = "change_policies"
MOST = 400  # days in one change
LONGEST_SPAN = 40  # days from the first to the last of one line
FURTHEST = 5  # years ahead
# what a line says of its day: worked, off, or as the official calendar has it
WORDS: Mapping[str, bool | None] = {"班": True, "上班": True, "休": False, "放假": False, "删除": None}
LINE = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:\s*(?:至|~|到)\s*(\d{4}-\d{1,2}-\d{1,2}))?[\s,]+(\S+?)(?:[\s,]+(.*))?")


@dataclass(frozen=True, slots=True)
class Change:
    """Days that shall be worked (True), off (False) or in the table no more (None), on one basis.

    whole_year: the days are all exceptions of this year, which counts as known from then on; days of it that stand in
    the table and not here are taken out. None for single days.
    """

    days: Mapping[date, bool | None]
    basis: str
    whole_year: int | None = None


def read(text: str) -> dict[date, bool | None]:
    """Days from a list, a line each: “2027-01-01 休 元旦”, “2027-02-05 至 2027-02-11 休”, “2027-02-14 班”.

    Commas do as well as spaces. Raises Refused with every line that cannot be read.
    """
    found: dict[date, bool | None] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = unicodedata.normalize("NFKC", line).strip().replace("/", "-").strip(",")
        if not words or (number == 1 and not re.match(r"\d", words.removeprefix("\ufeff"))):
            continue  # empty, or the headings of a file
        try:
            days, worked = _line(words.removeprefix("\ufeff"))
        except ValueError:
            message = gettext_noop("第 %(line)s 行不可读：应为“日期 休”或“日期 班”，例如“2027-01-01 休 元旦”。")
            problems.append(Problem("line", "text", message, {"line": number}))
            continue
        twice = [day for day in days if found.get(day, worked) is not worked]
        if twice:
            message = gettext_noop("第 %(line)s 行的%(day)s与前面的不一致。")
            problems.append(Problem("twice", "text", message, {"line": number, "day": twice[0].isoformat()}))
        found |= dict.fromkeys(days, worked)
    if problems:
        raise Refused(problems)
    return found


def _line(words: str) -> tuple[list[date], bool | None]:
    match = LINE.fullmatch(words)
    if match is None or match[3] not in WORDS:
        raise ValueError(words)
    first = _day(match[1])
    last = _day(match[2]) if match[2] else first
    if not 0 <= (last - first).days < LONGEST_SPAN:
        raise ValueError(words)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)], WORDS[match[3]]


def _day(words: str) -> date:
    year, month, day = (int(part) for part in words.split("-"))
    return date(year, month, day)


def seen_now() -> str:
    """What a page hands out, so that a save tells whether the table is still the one that was looked at."""
    rows = DayOverride.objects.order_by("day").values_list("day", "is_workday", "whole_year")
    return digest([[day.isoformat(), worked, whole] for day, worked, whole in rows])


FIRST_MONTH = 11  # in which the State Council has told the days off of the next year


def missing_year(today: date, calendar: Calendar) -> int | None:
    """The year whose days off should be known by ``today`` and are not; None for none."""
    if not calendar.known(today.year):
        return today.year
    return today.year + 1 if today.month >= FIRST_MONTH and not calendar.known(today.year + 1) else None


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """A year that somebody must type in, as the fields of ``work.Waiting``."""
    if not can_city(user, RIGHT):
        return
    today = timezone.localdate()
    year = missing_year(today, clock.calendar())
    if year is not None:
        since = timezone.make_aware(datetime(year - 1, FIRST_MONTH, 1))
        yield {
            "key": f"day-table-{year}", "subject": _("工作日表"), "detail": str(year), "sentence": _("录入全年放假安排"),
            "due_on": date(year - 1, 12, 31), "link": f"{reverse('days')}?year={year}", "since": since,
        }  # fmt: skip


def problems_of(change: Change, today: date) -> Iterator[Problem]:
    """What is wrong with a change, all of it."""
    if not change.days:
        yield Problem("required", "text", gettext_noop("请至少写一天。"))
    if len(change.days) > MOST:
        yield Problem("too_many", "text", gettext_noop("一次最多 %(most)s 天。"), {"most": MOST})
    if not change.basis.strip():
        yield Problem("required", "basis", gettext_noop("请写明依据，例如放假安排的文号。"))
    for day in sorted(change.days):
        if day < today or day.year > today.year + FURTHEST:
            message = gettext_noop("%(day)s已经过去或过远：只能安排今天起至%(year)s年底的日子。")
            yield Problem("out_of_range", "text", message, {"day": day.isoformat(), "year": today.year + FURTHEST})
            break
    if change.whole_year is not None:
        yield from _year_problems(change, change.whole_year, today)


def _year_problems(change: Change, year: int, today: date) -> Iterator[Problem]:
    if not today.year < year <= today.year + FURTHEST:
        message = gettext_noop("全年安排只能录入明年至%(year)s年；当年的个别日子请逐日调整。")
        yield Problem("year", "whole_year", message, {"year": today.year + FURTHEST})
    if any(day.year != year or worked is None for day, worked in change.days.items()):
        yield Problem("other_year", "text", gettext_noop("全年安排中只能有该年的日子，并写明休或班。"))
    elif change.days and not any(worked is False for worked in change.days.values()):
        yield Problem("no_holiday", "text", gettext_noop("全年安排中没有放假的日子。"))


def _table(change: Change) -> tuple[dict[date, DayOverride], dict[date, bool], set[date]]:
    """The rows as they are; the days that get another row; the days whose row goes."""
    now = {row.day: row for row in DayOverride.objects.all()}
    year = change.whole_year
    kept = {day: worked for day, worked in change.days.items() if worked is not None}
    gone = {day for day, worked in change.days.items() if worked is None and day in now}
    if year is not None:
        gone |= {day for day in now if day.year == year and day not in kept}
    said = {
        day: worked for day, worked in kept.items()
        if day not in now or now[day].is_workday != worked or now[day].whole_year != (year is not None)
    }  # fmt: skip
    return now, said, gone


def _calendar_after(change: Change) -> Calendar:
    now, said, gone = _table(change)
    worked = {day: row.is_workday for day, row in now.items() if day not in gone} | said
    years = {day.year for day, row in now.items() if row.whole_year}
    return Calendar(worked, years | ({change.whole_year} if change.whole_year is not None else set()))


def preview(change: Change, today: date) -> list[Move]:
    """Running deadlines that the change would move, in the order of their numbers. Raises Refused with every problem."""
    problems = list(problems_of(change, today))
    if problems:
        raise Refused(problems)
    old, new = clock.calendar(), _calendar_after(change)
    found = (_moved(kind, row, today, old, new) for kind, row in running(ALL_STEPS, since=today))
    return in_order(found)


def _moved(kind: Clock, row: Any, today: date, old: Calendar, new: Calendar) -> Move | None:
    """The day on which the working days that are left are over. What somebody outside was given is never cut short."""
    due_on: date = row.due_on
    later = new.add_workdays(today, old.workdays_between(today, due_on)).date
    if later == due_on or (later < due_on and is_given(kind, row)):
        return None
    return Move(kind, row, due_on, later)


def change_days(by: User, change: Change, seen: str | None = None) -> list[Move]:
    """Save a change and move what it moves, each row with an event of its own; return the moves.

    seen: what ``seen_now`` said when the change was looked at. Raises NotAllowed, Refused with every problem, Changed.
    """
    if not can_city(by, RIGHT):
        raise NotAllowed(RIGHT)
    today = timezone.localdate()
    with transaction.atomic():
        Sequence.objects.get_or_create(name="day_table")
        Sequence.objects.filter(name="day_table").update(value=F("value") + 1)  # one change of the table at a time
        if seen is not None and seen != seen_now():
            raise _overtaken()
        moves = preview(change, today)
        _write(by, change)
        return [move for move in moves if keep(by, move, "redate_clock", basis=change.basis.strip())]


def _overtaken() -> Changed:
    last = Event.objects.filter(verb="day_override.change").order_by("pk").last()
    message = gettext_noop("%(who)s刚刚改过工作日表，请按现在的表重新试算。")
    return Changed([Problem("changed", "", message, {"who": last.actor_name if last else ""})], {"seen": seen_now()})


def _write(by: User, change: Change) -> None:
    now, said, gone = _table(change)
    whole, basis = change.whole_year is not None, change.basis.strip()
    rows = [
        DayOverride(day=day, is_workday=worked, basis=basis, whole_year=whole) for day, worked in sorted(said.items())
    ]
    leaving = [now[day] for day in sorted(gone)]
    before = {row.day: row.is_workday for row in now.values()}
    DayOverride.objects.filter(day__in=[*said, *gone]).delete()
    DayOverride.objects.bulk_create(rows)
    told: Iterable[tuple[DayOverride, Mapping[str, Any]]] = [
        (row, {"before": before.get(row.day), "after": after, "basis": basis, "whole_year": change.whole_year})
        for row, after in [*((row, row.is_workday) for row in rows), *((row, None) for row in leaving)]
    ]
    audit.record_each(told, "day_override.change", by=by, role=ROLE)
