"""The one way anything with a life moves: a table of transitions and ``Machine.perform``.

Hides: locking by conditional UPDATE, the order right -> claim -> checks -> effects -> event -> notifications -> bell.
Knows no domain; every app declares its tables in its ``workflow`` module.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction as database
from django.db.models import F
from django.utils import timezone, translation

from portal import audit
from portal.models import Case, Event, User
from portal.problems import Problem, Refused, gettext_noop

logger = logging.getLogger(__name__)


UNRECORDED = frozenset({"secret", "password"})  # kinds of what a person says that stand in no event


class NotAllowed(Exception):
    """This person, in this state, may not do this."""


class Stale(Exception):
    """Somebody else moved the row first. ``last`` is the event that did."""

    def __init__(self, last: Event | None) -> None:
        self.last = last
        super().__init__(str(last))


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing a person must or may say with an act; the page's field and the API's parameter."""

    name: str
    label: str
    # text | line | date | choice | yes | number | notes (code -> text); never recorded: secret, password (Confirmed)
    kind: str = "text"
    required: bool = True
    choices: Callable[[Any], Iterable[tuple[str, str]]] | None = None
    help: str = ""
    initial: Callable[[Any], Any] | None = None  # what stands in the page's field before somebody fills it in


@dataclass(frozen=True, slots=True)
class Act:
    """One attempt, as checks and effects see it."""

    action: str
    by: User | None
    role: str
    at: datetime
    data: Mapping[str, Any]

    @property
    def day(self) -> date:
        return timezone.localdate(self.at)


Check = Callable[[Any, Act], Iterable[Problem]]
Effect = Callable[[Any, Act], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of a table. ``target`` None keeps the state (an act that only leaves a trace and effects)."""

    action: str
    label: str  # the button: 受理
    done: str  # the history: 受理了申报
    sources: tuple[str, ...]
    target: str | None
    by: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    effects: tuple[Effect, ...] = ()
    afterwards: tuple[Callable[[Any, Act], None], ...] = ()  # acts that follow from this one; their events come after
    asks: tuple[Ask, ...] = ()
    when: Callable[[Any], bool] | None = None
    in_time: bool = False  # refused once the last day is over: whoever is late has lost the right to it
    page: str = ""  # name of the page from which people do this; "" = the general act page
    shown_at: Callable[[Any], str] | None = None  # address where one sees what came of it; None = the thing's own page
    danger: bool = False
    aside: bool = False  # offered on its page alone, not among the next steps of the case
    # what one reads before doing it, such as the words that are signed: headings and their words. Whoever says with
    # ``read`` what they read (``digest_of``) does it to those words or not at all
    reads: Callable[[Any], Sequence[tuple[str, str]]] | None = None
    told: str = ""  # to whoever did it, with %(subject)s: 已受理：%(subject)s。 "" = 已 and the label


def hold(obj: Case, *states: str) -> None:
    """Take the row until commit if it is in one of ``states``, else Stale: what child rows are written after.

    Call inside a transaction. Without it PostgreSQL lets a mark slip into a review that closed a moment ago.
    """
    if not type(obj)._base_manager.filter(pk=obj.pk, state__in=states).update(state_since=F("state_since")):
        raise Stale(Event.objects.of(obj).last())


def asked(transition: Transition, act: Act) -> Iterator[Problem]:
    """Problems of what the act should say and does not."""
    for ask in transition.asks:
        value = act.data.get(ask.name)
        if ask.required and value in (None, "", False):
            yield Problem("required", ask.name, gettext_noop("请填写“%(label)s”。"), {"label": ask.label})


def digest_of(transition: Transition, obj: Case) -> str:
    """SHA-256 of what stands there now to be read before the act; "" where there is nothing."""
    if transition.reads is None:
        return ""
    with translation.override("zh-hans"):  # the same words in whatever language they are read
        words = [[str(heading), text] for heading, text in transition.reads(obj)]
    return hashlib.sha256(json.dumps(words, ensure_ascii=False).encode()).hexdigest()


def reworded(transition: Transition, obj: Case, act: Act) -> Iterator[Problem]:
    """The problem of an act to words that are no longer those that were read."""
    if not act.data.get("read"):
        return
    now = type(obj)._base_manager.get(pk=obj.pk)  # as it stands since the row is ours
    if act.data["read"] != digest_of(transition, now):
        yield Problem("changed", "", gettext_noop("您看过之后内容有改动，没有办理；请看过现在的内容再办。"))


def late(transition: Transition, act: Act, due_on: date | None) -> Iterator[Problem]:
    """The problem of an act that ends with its last day ``due_on``; the sweep may not have come by since."""
    if transition.in_time and due_on is not None and act.day > due_on:
        message = gettext_noop("期限%(day)s已过，不能再办理；系统将按逾期处理。")
        yield Problem("late", "", message, {"day": due_on.isoformat()})


@contextmanager
def _as_before_if_refused(obj: Case) -> Iterator[None]:
    """Whoever is refused goes on with the row in hand, on the same page: it says nothing of what did not happen."""
    state, due_on = obj.state, obj.due_on
    try:
        yield
    except (Refused, Stale):
        obj.state, obj.due_on = state, due_on
        raise


@dataclass(frozen=True)
class Machine:
    """The life of one model. Tables are data; ``perform`` is the only writer of ``state``."""

    name: str
    model: type[Case]
    initial: str
    states: Mapping[str, str]
    transitions: tuple[Transition, ...]
    roles_of: Callable[[User | None, Any], frozenset[str]]
    visible_to: Callable[[Any], Any]  # user -> queryset: fetching is authorising
    # (obj, source, target, day) -> columns to write with the new state, "due_on" among them
    clock: Callable[[Any, str, str, date], Mapping[str, Any]] = lambda obj, source, target, day: {"due_on": None}
    notify: Callable[[Any, Event], None] = lambda obj, event: None
    # takes the rows above this one first, so that two acts never wait for each other in a circle
    guard: Callable[[Any], None] = lambda obj: None
    holders: Callable[[Any], Iterable[User]] = lambda obj: ()  # who must act now: whom to remind
    overseers: Callable[[Any], Iterable[User]] = lambda obj: ()  # who hears of it once it is late for some days
    steps: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)  # automatic state -> work
    deadlines: Mapping[str, str] = field(default_factory=dict)  # state -> action when its day has passed
    terms: frozenset[str] = frozenset()  # states whose due_on only says how long they last: nobody must act by then

    def find(self, obj: Case, action: str, roles: frozenset[str]) -> tuple[Transition, str] | None:
        """The row of the table that lets one of ``roles`` do ``action`` to ``obj`` now, and in which role."""
        for row in self.transitions:
            if row.action == action and obj.state in row.sources and (row.when is None or row.when(obj)):
                for role in row.by:
                    if role in roles:
                        return row, role
        return None

    def available(self, obj: Case, user: User | None) -> list[Transition]:
        """What ``user`` may do to ``obj`` now, in the order of the table."""
        roles = self.roles_of(user, obj)
        found = (self.find(obj, row.action, roles) for row in self.transitions)
        rows = [match[0] for match in found if match]
        return list(dict.fromkeys(rows))

    def perform(self, obj: Case, action: str, *, by: User | None, **data: Any) -> Event:
        """Do ``action``; return its event. Raises NotAllowed, Stale or Refused, and then nothing has changed."""
        with _as_before_if_refused(obj), database.atomic():
            found = self.find(obj, action, self.roles_of(by, obj))
            if found is None:
                self._explain_refusal(obj, action, by)
            row, role = found  # type: ignore[misc]  # _explain_refusal never returns
            act = Act(action, by, role, timezone.now(), data)
            source, target, due_on = obj.state, row.target or obj.state, obj.due_on
            self.guard(obj)
            times = self._move(obj, source, target, act)
            checked = (problem for check in row.checks for problem in check(obj, act))
            problems = [*late(row, act, due_on), *reworded(row, obj, act), *asked(row, act), *checked]
            if problems:
                raise Refused(problems)
            told = [ask for ask in row.asks if ask.kind not in UNRECORDED and data.get(ask.name) not in (None, "")]
            said = {ask.name: _plain(data[ask.name]) for ask in told}
            for effect in row.effects:
                said |= effect(obj, act) or {}
            event = audit.record(
                obj, f"{self.name}.{action}", by=by, role=role, **{"from": source, "to": target, **times, **said}
            )
            self.notify(obj, event)
            for follow in row.afterwards:
                follow(obj, act)
            if target in self.steps:
                database.on_commit(lambda: _ring(self.name, obj.pk), robust=True)
            return event

    def _move(self, obj: Case, source: str, target: str, act: Act) -> dict[str, Any]:
        """The conditional UPDATE: from here the row is ours until commit. Returns what the clock said, for the event."""
        columns: dict[str, Any] = {"state": target, "claimed_until": None, "attempts": 0, "fault": ""}
        times: Mapping[str, Any] = {}
        if target != source:
            times = self.clock(obj, source, target, act.day)
            columns |= {"state_since": act.at, **times}
        if not self.model._base_manager.filter(pk=obj.pk, state=source).update(**columns):
            raise Stale(Event.objects.of(obj).last())
        for name, value in columns.items():
            setattr(obj, name, value)
        return {name: _plain(value) for name, value in times.items() if value is not None}

    def _explain_refusal(self, obj: Case, action: str, by: User | None) -> None:
        """Tell a wrong moment from a wrong person: who may do this at another time finds the case moved, hence Stale."""
        logger.warning("refused %s.%s on %s in %s for %s", self.name, action, obj.pk, obj.state, by)
        roles = self.roles_of(by, obj)
        if any(row.action == action and set(row.by) & roles for row in self.transitions):
            raise Stale(Event.objects.of(obj).last())
        raise NotAllowed(f"{self.name}.{action}")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _ring(name: str, pk: int) -> None:
    from portal.tasks import ring_advance  # tasks is a leaf

    ring_advance(name, pk)


MACHINES: dict[str, Machine] = {}


def register(machine: Machine) -> Machine:
    """Make a machine known to the workers, the act page and the API; called once by each ``workflow`` module."""
    MACHINES[machine.name] = machine
    return machine
