"""The doorbell: tasks that take an id, and the sweep that rings again for whatever was lost.

The database is the queue; a task run twice, ten times at once or never changes nothing but the hour.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.apps import apps
from django.conf import settings
from django.db import close_old_connections
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from portal import attempts, clock, digest, notify, previews, uploads
from portal.machine import MACHINES, Machine, NotAllowed, Stale
from portal.models import Notification, User
from portal.problems import Refused

logger = logging.getLogger(__name__)


_silent: ContextVar[bool] = ContextVar("silent", default=False)


# What the apps above look at whenever the sweep comes by: what only a day, or a killed process, brings about.
LOOKS: list[Callable[[], int]] = []


def swept(function: Callable[[], int]) -> Callable[[], int]:
    """Register a look of the apps above; a decorator. It may be taken at any time and any number of times."""
    LOOKS.append(function)
    return function


@contextmanager
def silence() -> Iterator[None]:
    """Within, no bell is rung: for a command that writes thousands of rows; the sweep finds whatever waits."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def ring(task: Any, *arguments: Any) -> None:
    """Send a message to the workers; a broker that is down delays the work until the next sweep and breaks nothing."""
    if _silent.get():
        return
    try:
        task.apply_async(arguments, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("bell for %s%s not heard: %s", task.name, arguments, error)


def ring_advance(name: str, pk: int) -> None:
    ring(advance, name, pk)


def ring_deliveries() -> None:
    ring(deliver_all)


def ring_upload(pk: UUID) -> None:
    ring(take_in, str(pk))


def ring_thumbnail(model: str, pk: int) -> None:
    ring(draw_thumbnail, model, pk)


@shared_task
def draw_thumbnail(model: str, pk: int) -> None:
    """Draw the first page of one attachment, if it is still there and has none."""
    attachment = apps.get_model(model)._base_manager.filter(pk=pk).first()
    if attachment is not None:
        previews.draw_thumbnail(attachment)


@shared_task
def take_in(pk: str) -> None:
    """Look into one upload that is whole, and keep it."""
    uploads.take_in(UUID(pk))


@shared_task
def advance(name: str, pk: int) -> None:
    """Do the automatic step of one row, if it still waits and nobody holds it."""
    machine = MACHINES[name]
    now = timezone.now()
    waiting = machine.model.objects.claimable(now).filter(pk=pk, state__in=machine.steps)
    lease = timedelta(seconds=settings.WORK_LEASE_SECONDS)
    if not waiting.update(claimed_until=now + lease, attempts=F("attempts") + 1):
        return
    obj = machine.model.objects.get(pk=pk)
    if obj.state not in machine.steps:
        return
    try:
        machine.steps[obj.state](obj)
    except Stale:
        logger.info("%s %s was moved by another", name, pk)
    except Exception as error:  # whatever it is, the case must not vanish: it is tried again, then shown to an officer
        logger.exception("%s %s failed in %s", name, pk, obj.state)
        _keep_fault(machine, pk, obj.state, error)


def _keep_fault(machine: Machine, pk: int, state: str, error: Exception) -> None:
    final = isinstance(error, Refused | NotAllowed)
    failed = machine.model.objects.filter(pk=pk, state=state)
    if not final:
        failed = failed.filter(attempts__gte=settings.WORK_ATTEMPTS)
    failed.update(fault=f"{type(error).__name__}: {error}"[:2000], claimed_until=None)


@shared_task
def deliver_all() -> int:
    """Send every message that waits; return how many went out."""
    waiting = Notification.objects.unsent(timezone.now()).order_by("pk").values_list("pk", flat=True)[:500]
    return sum(notify.deliver(pk) for pk in list(waiting))


@shared_task
def write_digests() -> int:
    """Put together the e-mails of those who want one a day, if the day's hour has come; return how many."""
    return digest.write(timezone.now())


@shared_task
def sweep() -> None:
    """Ring for all that waits: automatic states, days that have passed, reminders, the day's e-mails, unsent messages."""
    close_old_connections()
    for name, machine in MACHINES.items():
        waiting = machine.model.objects.claimable(timezone.now()).filter(state__in=machine.steps)
        for pk in waiting.order_by("state_since").values_list("pk", flat=True)[:500]:
            ring(advance, name, pk)
        enforce_deadlines(machine)
        remind(machine)
    take_looks()
    attempts.forget_old(timezone.now())
    ring(write_digests)
    ring(deliver_all)
    see_to_uploads()


def take_looks() -> None:
    """Look at what the apps above registered; a look that breaks stops no other."""
    for look in LOOKS:
        try:
            look()
        except Exception:
            logger.exception("a look of the sweep failed")


def see_to_uploads() -> None:
    """Ring for files that came in whole and wait, forget those past their time."""
    for upload in uploads.waiting_for_worker():
        ring_upload(upload)
    uploads.forget_expired()


def enforce_deadlines(machine: Machine) -> int:
    """Perform what the table says for rows whose last day has passed; return how many moved."""
    today = timezone.localdate()
    late = machine.model.objects.overdue(today).filter(state__in=machine.deadlines, fault="")
    moved = 0
    for obj in late.order_by("due_on")[:500]:
        try:
            machine.perform(obj, machine.deadlines[obj.state], by=None)
            moved += 1
        except (Stale, Refused) as reason:
            logger.info("%s %s stays in %s: %s", machine.name, obj.pk, obj.state, reason)
        except Exception as error:  # one bad row must not stop the others
            logger.exception("%s %s failed at its deadline", machine.name, obj.pk)
            machine.model.objects.filter(pk=obj.pk).update(fault=f"{type(error).__name__}: {error}"[:2000])
    return moved


def remind(machine: Machine) -> int:
    """Tell the holders of rows that end within the days of the limit "reminder", and again once they are late; their
    overseers once they are late for the days of "escalation". Returns how many messages.

    The key of a message names row, day and occasion, so that sweeping all day reminds once.
    """
    today, days = timezone.localdate(), clock.calendar()
    try:
        last = days.add_workdays(today, clock.days_of(clock.REMINDER)).date
        patience = clock.days_of(clock.ESCALATION)
    except clock.UnknownLimit as step:  # a portal that nobody has configured yet: nothing else may stand still for it
        logger.warning("nobody is reminded: no limit for %s", step)
        return 0
    written = 0
    for obj in machine.model.objects.filter(due_on__lte=last, fault="").order_by("due_on")[:500]:
        left = days.workdays_between(today, obj.due_on)
        written += _remind(machine, obj, machine.holders(obj), "late" if left < 0 else "soon")
        if -left >= patience:
            written += _remind(machine, obj, machine.overseers(obj), "overseen")
    return written


def _remind(machine: Machine, obj: Any, people: Iterable[User], occasion: str) -> int:
    key = f"due:{machine.name}:{obj.pk}:{obj.due_on}:{occasion}"
    words = {"subject": str(obj), "due_on": obj.due_on, "late": occasion != "soon", "overseen": occasion == "overseen"}
    return notify.write(key, people, "due", obj.get_absolute_url(), **words)
