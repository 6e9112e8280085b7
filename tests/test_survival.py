"""Twenty cases on their way while the worker is killed five times and the broker forgets everything twice.

A real worker on the tests' database, a real Redis: what they lose is found again in the rows, and nothing is done twice.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from deploy.processes import tail
from evaluation.models import Application, Certificate, PublicNotice, Result
from evaluation.workflow import APPLICATION
from portal.demo import cases, journey
from portal.message_kinds import AT_ONCE
from portal.models import Event, Notification
from tests.test_journey import DESIGN
from tests.workers import Workers, running_workers
from tests.world import make_world

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

CASES = 20
# When so many acts of people have been answered, this happens. A round of all cases is CASES acts.
KILL_AFTER = (12, 33, 71, 118, 170)
FLUSH_AFTER = (25, 150)
SECONDS = 300  # then it has not survived; on an idle machine it takes well under a minute


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    with running_workers(tmp_path, monkeypatch) as running:
        yield running


def act(application: Application) -> int:
    """One act of the people who hold the case, if somebody does; return how many acts were answered with success."""
    application = journey.fresh(application)
    if application.state in APPLICATION.steps or application.state == "certified":
        return 0
    if application.state == "notice":
        if application.due_on and application.due_on >= application.notices.get().opened_on:
            journey.move_notice_into_the_past(application)
        return 0
    journey.take_step(application)
    return 1


def arrived() -> bool:
    waiting = Application.objects.exclude(state="certified").exists()
    return not waiting and not Notification.objects.filter(email=AT_ONCE, sent_at=None).exists()


def drive(applications: list[Application], workers: Workers) -> None:
    """Let everybody act in turn while things break, until every case has arrived and every message has left."""
    acts, kills, flushes = 0, list(KILL_AFTER), list(FLUSH_AFTER)
    deadline = time.monotonic() + SECONDS
    while not arrived():
        for application in applications:
            acts += act(application)
            if kills and acts >= kills[0]:
                kills.pop(0)
                workers.kill()
            if flushes and acts >= flushes[0]:
                flushes.pop(0)
                workers.forget()
        states = Counter(Application.objects.values_list("state", flat=True))
        assert time.monotonic() < deadline, f"{acts} acts, {states}\n{tail(workers.worker.log, 60)}"


def test_every_case_arrives_and_nothing_is_lost_or_done_twice(workers: Workers) -> None:
    world = make_world(experts=120, employers=60)
    projects = [cases.open_project(world.unit, number, world.district, 2) for number in range(1, CASES + 1)]
    applications = [cases.open_application(project, "design") for project in projects]
    drive(applications, workers)

    assert workers.hurt == {"killed": len(KILL_AFTER), "flushed": len(FLUSH_AFTER)}
    for project in projects:
        assert list(Event.objects.in_thread(project.thread).values_list("verb", flat=True)) == DESIGN
    each: dict[Any, int] = {application.pk: 1 for application in applications}
    for model in (Result, PublicNotice, Certificate):
        assert Counter(model.objects.values_list("application", flat=True)) == each
    numbers = sorted(int(number[-5:]) for number in Certificate.objects.values_list("number", flat=True))
    assert numbers == list(range(1, CASES + 1))
    for certificate in Certificate.objects.all():
        with default_storage.open(certificate.file.name) as file:
            assert hashlib.sha256(file.read()).hexdigest() == certificate.sha256
    assert Application.objects.exclude(fault="").count() == 0
    assert Notification.objects.filter(email=AT_ONCE, sent_at=None).count() == 0
