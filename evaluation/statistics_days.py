"""The nightly count 统计日: what takes too long to count while somebody waits, counted by a worker and kept as one row.

Hides: that it appears whole or not at all, whoever is killed when, and that only the newest is kept.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from evaluation import item_losses, step_times
from evaluation.models import StatisticsDay
from portal.tasks import ring, swept

logger = logging.getLogger(__name__)


# --- what is made once --------------------------------------------------------------------------------------------


def is_free(row: Any, now: datetime) -> bool:
    """Whether a worker may begin: nobody made it, nobody makes it now, and it has not failed too often."""
    if row is None:
        return True
    idle = row.claimed_until is None or row.claimed_until < now
    return bool(row.made_at is None and idle and row.attempts < settings.WORK_ATTEMPTS)


def claim(model: Any, **key: Any) -> Any:
    """The row of ``key``, ours for a while; None where it is made already or another worker has it."""
    row, _new = model.objects.get_or_create(**key)
    now = timezone.now()
    free = model.objects.filter(Q(claimed_until=None) | Q(claimed_until__lt=now), pk=row.pk, made_at=None)
    if not free.update(claimed_until=_lease(), attempts=F("attempts") + 1):
        return None
    row.refresh_from_db()
    return row


def hold(row: Any) -> None:
    """Keep it for this worker a while longer."""
    _mine(row).update(claimed_until=_lease())


def publish(row: Any, **values: Any) -> bool:
    """From one moment to the next it is there; False where another worker was faster. Inside a transaction."""
    return bool(_mine(row).update(made_at=timezone.now(), claimed_until=None, **values))


def _mine(row: Any) -> Any:
    return type(row).objects.filter(pk=row.pk, attempts=row.attempts, made_at=None)


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.WORK_LEASE_SECONDS)


# --- the nightly count --------------------------------------------------------------------------------------------


@swept
def count_tonight() -> int:
    """Ring for today's count once its hour has come and until it is whole."""
    now = timezone.localtime()
    row = StatisticsDay.objects.filter(day=now.date()).first()
    if now.hour < settings.OPEN_DATA_HOUR or not is_free(row, now):
        return 0
    ring(count_day, now.date().isoformat())
    return 1


@shared_task
def count_day(day: str) -> None:
    """Count a day, if it is not there and nobody else counts it."""
    make(date.fromisoformat(day))


def make(day: date) -> StatisticsDay | None:
    """Count all that ended before ``day`` and keep it; None where it is there already or another worker has it."""
    row = claim(StatisticsDay, day=day)
    if row is None:
        return None
    breathe = partial(hold, row)
    midnight = timezone.make_aware(datetime.combine(day, time()))
    figures = {
        "times": step_times.counted(day - timedelta(days=1), breathe),
        "items": item_losses.counted(midnight, breathe),
    }
    with transaction.atomic():
        if not publish(row, figures=figures):
            return None
        StatisticsDay.objects.filter(day__lt=day).delete()
    return StatisticsDay.objects.get(pk=row.pk)


def newest() -> StatisticsDay | None:
    """The newest whole count, without its figures, which may be long."""
    found: StatisticsDay | None = StatisticsDay.objects.whole().defer("figures").first()
    return found
