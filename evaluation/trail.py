"""The trail 留痕 as whoever oversees it reads it: by person, time, act and subject; and as a file that shows if it was cut.

Hides: what of an event's data is told, that whoever stands back from a case does not read of it here either, and how
the lines of an export hang together.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from evaluation.barring import barred_projects
from evaluation.permissions import can_city
from portal import audit
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

RIGHT = "read_trail"
MOST = 50_000  # lines of one file
# of what an event keeps: what was changed and why; marks, opinions and words between people stay with their case
TOLD = frozenset({
    "from", "to", "reason", "basis", "before", "after", "old_basis", "due_on", "old", "until", "number", "stage", "version",
    "round", "certificate", "level", "sha256", "token", "count", "moved", "duty", "district", "whole_year", "fields",
    "valid_from", "days", "programme", "act", "notice", "sanction", "to_level", "ban_years", "ban_until", "lines", "chain",
    "search",
})  # fmt: skip
UNTOLD = {"assignment.sign": frozenset({"sha256"}), "assignment.sign_again": frozenset({"sha256"})}


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: parts of a name and of a subject, an act by its whole verb or its head, days, both included."""

    person: str = ""
    subject: str = ""
    verb: str = ""
    since: date | None = None
    until: date | None = None

    def as_json(self) -> dict[str, str]:
        """What the trail keeps of a search: what was asked and nothing else."""
        return {name: str(getattr(self, name)) for name in self.__slots__ if getattr(self, name)}


def events(user: User, search: Search) -> QuerySet[Event]:
    """Events that ``user`` may read, newest first. Raises NotAllowed."""
    if not can_city(user, RIGHT):
        raise NotAllowed(RIGHT)
    rows: QuerySet[Event] = Event.objects.order_by("-pk")
    barred = barred_projects(user)
    if barred:
        rows = rows.exclude(thread__in=[f"evaluation.project:{pk}" for pk in barred])
    if search.person:
        rows = rows.filter(Q(actor_name__icontains=search.person) | Q(actor__username__iexact=search.person))
    if search.subject:
        rows = rows.filter(Q(subject_label__icontains=search.subject) | Q(thread=search.subject))
    if search.verb:
        rows = rows.filter(Q(verb=search.verb) | Q(verb__startswith=f"{search.verb}."))
    if search.since:
        rows = rows.filter(at__gte=_midnight(search.since))
    if search.until:
        rows = rows.filter(at__lt=_midnight(min(search.until, LATEST) + timedelta(days=1)))
    return rows


EARLIEST, LATEST = date(1900, 1, 1), date(9000, 1, 1)  # between them every database and clock counts


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(min(max(day, EARLIEST), LATEST), time()))


def told(event: Event) -> dict[str, Any]:
    """What of an event's data its reader is told."""
    names = TOLD - UNTOLD.get(event.verb, frozenset())
    return {name: value for name, value in event.data.items() if name in names and value not in (None, "")}


HEADINGS = ("number", "at", "person", "role", "act", "subject_type", "subject", "thread", "data", "chain")


@dataclass(frozen=True, slots=True)
class Export:
    """A file of the trail. chain: the hash of its last line, which the trail itself keeps."""

    content: bytes
    lines: int
    chain: str


def export(by: User, search: Search) -> Export:
    """The events of a search as CSV, oldest first; that somebody took them along is an event itself.

    Raises NotAllowed, Refused where they are too many for one file.
    """
    rows = events(by, search)
    if rows.count() > MOST:
        message = gettext_noop("结果超过 %(most)s 条，请缩小范围后再导出。")
        raise Refused([Problem("too_many", "", message, {"most": MOST})])
    found = list(chained(rows.order_by("pk").iterator(2000)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    writer.writerows(found)
    chain = found[-1][-1] if found else START
    audit.record(by, "trail.export", by=by, role="", search=search.as_json(), lines=len(found), chain=chain)
    return Export(out.getvalue().encode("utf-8-sig"), len(found), chain)


START = "0" * 64


def chained(rows: Iterable[Event]) -> Iterator[list[str]]:
    """Lines of the file. The last column is the SHA-256 of the one above it and the rest of the line as a JSON list."""
    chain = START
    for event in rows:
        line = [
            str(event.pk), timezone.localtime(event.at).isoformat(), event.actor_name, event.role, event.verb,
            event.subject_type, event.subject_label, event.thread,
            json.dumps(told(event), ensure_ascii=False, sort_keys=True),
        ]  # fmt: skip
        line = [harmless(cell) for cell in line]
        chain = hash_of(chain, line)
        yield [*line, chain]


def hash_of(above: str, line: list[str]) -> str:
    """The hash that stands at the end of a line: of the hash above it and the line's other cells."""
    text = json.dumps([above, *line], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def harmless(cell: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
