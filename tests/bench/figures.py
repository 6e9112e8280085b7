"""The statistics page of a whole city: its trail in bulk, the nightly count, then the page as two readers see it.

Hides: how hundreds of thousands of events are written fast, spread over durations as a busy city would have them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation import statistics_days
from evaluation.models import Application, StatisticsDay
from portal.models import Event

SPREAD = 20  # groups of cases that took different times
WAY = (
    ("checking", "form_check"), ("form_check", "recommendation"), ("recommendation", "drawing"), ("drawing", "review"),
    ("review", "approval"), ("approval", "notice"), ("notice", "certifying"),
)  # fmt: skip


def live_through() -> int:
    """Give every bulk case a trail; return how many events there are."""
    label, table = Application._meta.label_lower, Event._meta.db_table
    columns = "at, actor_name, role, verb, subject_type, subject_id, subject_label, thread, data"
    begun = timezone.now() - timedelta(days=400)
    with connection.cursor() as cursor:
        for group in range(SPREAD):
            at = begun + timedelta(days=group)
            for source, target in WAY:
                at += timedelta(days=1 + (group * 7 + len(source)) % 18)
                data = json.dumps({"from": source, "to": target})
                cursor.execute(
                    f"INSERT INTO {table} ({columns}) SELECT %s, 'system', 'system', 'application.act', %s, a.id, '', '', %s "  # noqa: S608  names of our own
                    "FROM evaluation_application a JOIN evaluation_project p ON p.id = a.project_id "
                    "WHERE p.number LIKE %s AND a.id %% %s = %s",
                    [at, label, data, "BENCH-%", SPREAD, group],
                )
    return Event.objects.count()


def night() -> float:
    """Seconds that the nightly count takes."""
    StatisticsDay.objects.all().delete()
    begin = time.perf_counter()
    if statistics_days.make(timezone.localdate()) is None:
        raise SystemExit("the nightly count was not made")
    return time.perf_counter() - begin


def pages(supervisor: Client, spent: Callable[[str, bool], float], queries: Callable[[Callable[[], Any]], int]) -> Any:
    """(name, milliseconds, queries) of the page as the public and as a supervisor see it. spent: address, signed in?"""
    address = reverse("statistics")
    visitor = Client(headers={"host": "127.0.0.1"})
    yield "statistics_100000", spent(address, False), queries(lambda: visitor.get(address))
    yield "officers_statistics_100000", spent(address, True), queries(lambda: supervisor.get(address))
