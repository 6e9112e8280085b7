"""Five hundred cases handed to a colleague, and a list exported, while the worker is killed again and again.

A real worker, a real Redis, PostgreSQL. Whatever is lost is found in the rows, and nothing is done twice.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.http import QueryDict
from openpyxl import load_workbook

from communities.models import District, Organisation
from deploy.processes import tail
from evaluation import batching, exporting
from evaluation.models import Application, Batch, Export
from evaluation.workflow import BATCH
from portal import tasks
from portal.demo import people
from portal.models import Event, Notification, User
from tests.evaluation import desks, scenes
from tests.workers import Workers, running_workers

pytestmark = [pytest.mark.worker, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

CASES, CLOSED = 500, 7
KILL_AFTER = (40, 170, 300, 430)  # cases that were done
SECONDS = 240  # then it has not survived; on an idle machine it takes well under a minute


@pytest.fixture
def city(transactional_db: None) -> list[int]:
    """Ids of the cases: all at the form check but the last few, which are closed."""
    desks.build()
    unit, by = Organisation.objects.order_by("pk")[0], User.objects.get(username="member")
    district = District.objects.order_by("pk")[0]
    states = ["form_check"] * (CASES - CLOSED) + ["certified"] * CLOSED
    with tasks.silence():
        return [
            desks.case(number, unit, district, by, f"示例小区{number}", state)
            for number, state in enumerate(states, start=100)
        ]


@pytest.fixture
def workers(city: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    with running_workers(tmp_path, monkeypatch) as running:
        yield running


def until(true: Callable[[], bool], workers: Workers) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, tail(workers.worker.log, 60) if workers.worker else ""
        time.sleep(0.02)


def test_every_case_is_done_once_or_says_why_not(city: list[int], workers: Workers) -> None:
    by, colleague = scenes.person("supervisor"), people.officer("intake")
    batch = batching.prepare(by, "assign", city, {"handler": colleague.pk, "reason": "分工"})
    until(lambda: Batch.objects.get(pk=batch.pk).counts()["tried"] > CASES // 2, workers)
    workers.kill()
    until(lambda: Batch.objects.get(pk=batch.pk).state == "prepared", workers)
    assert Batch.objects.get(pk=batch.pk).counts()["impossible"] == CLOSED
    assert not Event.objects.filter(verb="application.assign").exists()

    BATCH.perform(Batch.objects.get(pk=batch.pk), "run", by=by)
    for done in KILL_AFTER:
        until(lambda done=done: batch.counts()["done"] >= done, workers)
        workers.kill()
    until(lambda: Batch.objects.get(pk=batch.pk).state == "done", workers)

    counts = batch.counts()
    assert (counts["done"], counts["refused"]) == (CASES - CLOSED, CLOSED)
    refused = batch.rows.filter(outcome="refused")
    assert [row.problems[0]["code"] for row in refused] == ["stale"] * CLOSED
    assert set(refused.values_list("application", flat=True)) == set(city[-CLOSED:])
    events = Counter(Event.objects.filter(verb="application.assign").values_list("subject_id", flat=True))
    assert events == dict.fromkeys(city[:-CLOSED], 1)
    assert Application.objects.filter(pk__in=city, handler=colleague).count() == CASES - CLOSED
    assert Event.objects.of(batch).filter(verb="batch.finish").count() == 1
    told = Notification.objects.filter(link=batch.get_absolute_url()).values_list("user__username", flat=True)
    assert Counter(told) == {"supervisor": 1, "intake": 1}
    assert workers.hurt["killed"] == len(KILL_AFTER) + 1


def test_an_export_is_begun_anew_and_is_whole(city: list[int], workers: Workers) -> None:
    row = exporting.ask(scenes.person("supervisor"), QueryDict("show=all&sort=number&columns=number"))
    until(lambda: Export.objects.get(pk=row.pk).claimed_until is not None, workers)
    workers.kill()
    until(lambda: Export.objects.get(pk=row.pk).state == "ready", workers)
    row = Export.objects.get(pk=row.pk)
    with default_storage.open(row.file.name) as file:
        sheet = load_workbook(io.BytesIO(file.read()), read_only=True).active
        found = [line[-1] for line in sheet.iter_rows(min_row=2, values_only=True)]
    numbers = Application.objects.exclude(state="draft").order_by("project__number")
    assert found == list(numbers.values_list("project__number", flat=True))
    assert Event.objects.of(row).filter(verb="export.made").count() == 1
