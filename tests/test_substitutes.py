"""Seats that were given up while the worker that fills them is killed, its broker forgets, and others act at the same time.

A real worker, a real Redis, PostgreSQL: the test stops the worker at a place by locking what it wants to write next.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings as django_settings

from deploy.processes import stop, tail
from evaluation.models import Application, Draw, Vacancy
from evaluation.workflow import ASSIGNMENT
from experts import draw as lots
from portal import tasks
from portal.demo import journey, people
from portal.models import Event, Notification
from tests.at_once import at_once
from tests.saved import Way, shared_way
from tests.workers import Workers, database_url, running_workers
from tests.world import World

pytestmark = [pytest.mark.worker, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

SECONDS = 120  # then it does not come any more; on an idle machine it takes a few seconds
VERIFIER = Path(django_settings.BASE_DIR) / "docs" / "verify_draw.py"


way, world = shared_way()


@pytest.fixture
def application(world: World, way: Way) -> Application:
    return way.at_state("inviting")


@pytest.fixture
def workers(application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    with running_workers(tmp_path, monkeypatch) as running:
        yield running


def until(true: Callable[[], bool], workers: Workers, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, f"{what}\n{tail(workers.worker.log, 60) if workers.worker else ''}"
        time.sleep(0.05)


@contextmanager
def locked(statement: str) -> Iterator[Any]:
    """Hold a lock from a connection of its own; yields a function that tells whether somebody waits for it."""
    holder, watcher = (psycopg2.connect(database_url()) for _ in range(2))
    watcher.autocommit = True

    def is_awaited() -> bool:
        with watcher.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [holder.info.backend_pid]
            )
            return bool(cursor.fetchone()[0])

    try:
        with holder.cursor() as cursor:
            cursor.execute(statement)
        yield is_awaited
    finally:
        holder.rollback()
        holder.close()
        watcher.close()


def decline(application: Application, count: int = 1) -> list[Vacancy]:
    """Experts decline; what is left to a worker."""
    seats = people.panel_of(application, "invited")[:count]
    for seat in seats:
        ASSIGNMENT.perform(seat, "decline", by=seat.expert.user, reason="示例：出差。")
    return list(Vacancy.objects.filter(assignment__in=seats).order_by("pk"))


def is_filled(*vacancies: Vacancy) -> Callable[[], bool]:
    rows = Vacancy.objects.filter(pk__in=[row.pk for row in vacancies], state="filled")
    return lambda: rows.count() == len(vacancies)


def each_is_filled_once(application: Application, vacancies: list[Vacancy], folder: Path) -> None:
    """Five are asked, each vacancy has brought one of them, who was invited once; and the receipt can be played again."""
    asked = people.panel_of(application, "invited", "accepted")
    rows = Vacancy.objects.filter(pk__in=[row.pk for row in vacancies]).select_related("successor")
    followed = {row.successor_id for row in rows}
    assert (len(asked), len(followed)) == (5, len(vacancies))
    assert followed <= {row.pk for row in asked}
    assert application.assignments.count() == 5 + len(vacancies)
    assert sorted(row.seat for row in asked) == [1, 2, 3, 4, 5]
    assert [row.is_leader for row in asked].count(True) == 1
    assert [(row.state, row.fault) for row in rows] == [("filled", "")] * len(vacancies)
    for row in rows:
        assert [event.verb for event in Event.objects.of(row)] == ["vacancy.fill"]
        assert (
            Notification.objects.filter(key__startswith=f"invitation:{row.successor_id}:").exclude(user=None).count()
            == 1
        )
    draw = Draw.objects.get(application=application)
    assert len(draw.receipt["rounds"]) == 1 + len(vacancies)
    path = folder / "receipt.json"
    path.write_bytes(lots.canonical_bytes(draw.receipt))
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "核验通过。 RIGHT")


def test_a_vacancy_rung_while_no_worker_lives_is_filled_once_by_the_next(application, workers, tmp_path):
    workers.end()
    vacancies = decline(application)
    workers.start()
    until(is_filled(*vacancies), workers, "not filled")
    each_is_filled_once(application, vacancies, tmp_path)


def test_a_bell_that_nobody_ever_hears_is_found_by_the_sweep(application, workers, tmp_path):
    workers.end()
    vacancies = decline(application)
    workers.forget()
    workers.start()
    until(is_filled(*vacancies), workers, "not found")
    each_is_filled_once(application, vacancies, tmp_path)


def test_a_bell_rung_ten_times_fills_once(application, workers, tmp_path):
    vacancies = decline(application)
    for _time in range(10):
        tasks.ring_advance("vacancy", vacancies[0].pk)
    until(is_filled(*vacancies), workers, "not filled")
    tasks.ring_advance("vacancy", vacancies[0].pk)
    tasks.advance("vacancy", vacancies[0].pk)
    each_is_filled_once(application, vacancies, tmp_path)


# What the step wants to write next, from its first line to its last: there it is killed.
PLACES = {
    "before it has the case": "UPDATE evaluation_application SET state = state",
    "before the receipt": "LOCK TABLE evaluation_draw IN SHARE MODE",
    "before the seat": "LOCK TABLE evaluation_assignment IN SHARE MODE",
    "before it is filled": "UPDATE evaluation_vacancy SET state = state",
    "before the event": "LOCK TABLE portal_event IN SHARE MODE",
    "before the invitation": "LOCK TABLE portal_notification IN SHARE MODE",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_worker_killed_in_the_middle_leaves_nothing_and_the_next_fills_once(application, workers, tmp_path, place):
    workers.end()
    vacancies = decline(application)
    before = Draw.objects.get(application=application).receipt
    with locked(PLACES[place]) as is_awaited:
        workers.start()
        until(is_awaited, workers, f"nobody came to the place {place}")
        workers.end()
        assert (application.assignments.count(), Draw.objects.get(application=application).receipt) == (5, before)
    workers.start()
    until(is_filled(*vacancies), workers, "not filled by the next")
    each_is_filled_once(application, vacancies, tmp_path)


def test_a_worker_killed_after_the_commit_before_it_could_say_so_has_filled_once(application, workers, tmp_path):
    """The step is kept, and the worker waits at the broker, where it rings for the message that it has written."""
    workers.end()
    vacancies = decline(application)
    with locked(PLACES["before the invitation"]) as is_awaited:
        workers.start()
        until(is_awaited, workers, "nobody came")
        workers.halt_broker()
    until(is_filled(*vacancies), workers, "not kept")
    workers.end()
    workers.release_broker()
    workers.start()
    tasks.ring_advance("vacancy", vacancies[0].pk)
    until(lambda: not Notification.objects.filter(email="now", sent_at=None).exists(), workers, "messages stay")
    each_is_filled_once(application, vacancies, tmp_path)


def test_two_vacancies_on_two_workers_bring_two_people_in_the_order_of_the_declines(application, workers, tmp_path):
    workers.end()
    vacancies = decline(application, 2)
    other = Workers(tmp_path / "other", workers.redis_url)
    with locked(PLACES["before it has the case"]) as is_awaited:
        workers.start()
        other.start()
        until(is_awaited, workers, "nobody came")
    try:
        until(is_filled(*vacancies), workers, "not filled")
    finally:
        stop([other.worker], 2)
    each_is_filled_once(application, vacancies, tmp_path)
    draw = Draw.objects.get(application=application)
    assert draw.declines == [row.assignment.expert.number for row in vacancies]
    followed = [Vacancy.objects.get(pk=row.pk).successor.expert.number for row in vacancies]
    numbers = {public: identity["expert_id"] for public, identity in draw.identities.items()}
    rounds = [{numbers[seat["id"]] for seat in each["seats"]} for each in draw.receipt["rounds"]]
    assert [after - before for before, after in zip(rounds, rounds[1:], strict=False)] == [{one} for one in followed]


def test_a_seat_taken_back_while_the_last_one_accepts_is_filled_or_the_panel_sits(application, workers):
    *early, last = people.panel_of(application, "invited")
    for seat in early:
        ASSIGNMENT.perform(seat, "accept", by=seat.expert.user, no_conflict=True)
    taken = type(last).objects.select_related("application__project__programme", "expert__user").get(pk=early[0].pk)
    replaced, accepted = at_once(
        lambda: ASSIGNMENT.perform(taken, "replace", by=people.officer("organiser"), reason="示例"),
        lambda: ASSIGNMENT.perform(last, "accept", by=last.expert.user, no_conflict=True),
    )
    assert type(accepted).__name__ == "Event"
    now = journey.fresh(application)
    if type(replaced).__name__ == "Stale":
        assert (now.state, Vacancy.objects.count()) == ("review", 0)
    else:
        vacancy = Vacancy.objects.get()
        until(is_filled(vacancy), workers, "not filled")
        assert (now.state, len(people.panel_of(now, "accepted")), len(people.panel_of(now, "invited"))) == (
            "inviting",
            4,
            1,
        )
