"""The doorbell: a task run twice, ten times or never changes nothing but the hour; nothing vanishes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from communities.models import Organisation
from portal import clock, notify, tasks
from portal.machine import MACHINES, Machine, NotAllowed, Stale, Transition
from portal.models import Event, Limit, Notification, User
from portal.problems import Problem, Refused

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)
DONE = []


def step(unit):
    """The automatic work of this trial: as the name of the unit says."""
    DONE.append(unit.pk)
    faults = {"stale": Stale(None), "refused": Refused([Problem("x", "place", "不成")]), "not": NotAllowed("x")}
    if unit.name in faults:
        raise faults[unit.name]
    if unit.name == "breaks":
        raise ZeroDivisionError("by zero")
    TRIAL.perform(unit, "finish", by=None)


def only_named(unit, act):
    if unit.name == "refused":
        yield Problem("name", "name", "名称不对")


def break_some(unit, act):
    if unit.name == "breaks":
        raise ZeroDivisionError("by zero")


TRIAL = Machine(
    name="trial",
    model=Organisation,
    initial="working",
    states={"working": "办理中", "waiting": "等待", "done": "办结", "late": "逾期"},
    transitions=(
        Transition("finish", "完", "完成了", ("working",), "done", ("system",)),
        Transition(
            "lapse", "逾期", "逾期了", ("waiting",), "late", ("system",), checks=(only_named,), effects=(break_some,)
        ),
    ),
    roles_of=lambda user, unit: frozenset({"system"} if user is None else ()),
    visible_to=lambda user: Organisation.objects.all(),
    holders=lambda unit: User.objects.filter(username="holder"),
    overseers=lambda unit: User.objects.filter(username="overseer"),
    steps={"working": step},
    deadlines={"waiting": "lapse"},
)


@pytest.fixture(autouse=True)
def trial(monkeypatch):
    """The only machine that these tests sweep."""
    DONE.clear()
    for name in list(MACHINES):
        monkeypatch.delitem(MACHINES, name)
    monkeypatch.setitem(MACHINES, "trial", TRIAL)


@pytest.fixture(autouse=True)
def reminding(db):
    Limit.objects.create(step=clock.REMINDER, days=1, basis="示例")
    Limit.objects.create(step=clock.ESCALATION, days=3, basis="示例")


@pytest.fixture
def overseer():
    return User.objects.create(username="overseer", name="示例乙", email="overseer@example.org")


@pytest.fixture
def holder():
    return User.objects.create(username="holder", name="示例甲", email="holder@example.org")


def a_unit(name="示例", state="working", **values):
    count = Organisation.objects.count()
    return Organisation.objects.create(credit_code=f"X{count}", name=name, kind="other", state=state, **values)


def stored(unit):
    return Organisation.objects.get(pk=unit.pk)


class TestAdvance:
    def test_ten_times_is_once(self):
        unit = a_unit()
        for _time in range(10):
            tasks.advance("trial", unit.pk)
        assert (stored(unit).state, DONE, Event.objects.of(unit).count()) == ("done", [unit.pk], 1)
        assert (stored(unit).claimed_until, stored(unit).attempts, stored(unit).fault) == (None, 0, "")

    @pytest.mark.parametrize(
        "values",
        [{"state": "waiting"}, {"claimed_until": timezone.now() + timedelta(hours=1)}, {"fault": "看一看"}],
        ids=["not automatic", "held", "faulty"],
    )
    def test_what_does_not_wait_is_left_alone(self, values):
        unit = a_unit(**values)
        tasks.advance("trial", unit.pk)
        assert (DONE, stored(unit).attempts) == ([], 0)

    def test_what_does_not_exist_is_no_fault(self):
        tasks.advance("trial", 0)
        assert DONE == []

    def test_a_worker_that_died_lets_go_when_its_lease_ends(self):
        unit = a_unit(claimed_until=timezone.now() - timedelta(seconds=1), attempts=1)
        tasks.advance("trial", unit.pk)
        assert stored(unit).state == "done"

    def test_a_step_that_breaks_is_tried_again_and_then_shown(self, settings):
        settings.WORK_ATTEMPTS = 3
        unit = a_unit("breaks")
        seen = []
        for _attempt in range(4):
            tasks.advance("trial", unit.pk)
            seen.append((stored(unit).state, stored(unit).attempts, stored(unit).fault))
            Organisation.objects.filter(pk=unit.pk).update(claimed_until=None)
        fault = "ZeroDivisionError: by zero"
        assert seen == [("working", 1, ""), ("working", 2, ""), ("working", 3, fault), ("working", 3, fault)]

    @pytest.mark.parametrize("name,fault", [("refused", "Refused: place：不成"), ("not", "NotAllowed: x")])
    def test_what_trying_again_cannot_mend_is_shown_at_once(self, name, fault):
        unit = a_unit(name)
        tasks.advance("trial", unit.pk)
        assert (stored(unit).fault, stored(unit).claimed_until, DONE) == (fault, None, [unit.pk])

    def test_a_row_that_another_moved_is_no_fault(self):
        unit = a_unit("stale")
        tasks.advance("trial", unit.pk)
        assert stored(unit).fault == ""


class TestDeadlines:
    def test_a_day_that_has_passed_moves_its_row_once(self):
        late, today, done = (
            a_unit(state="waiting", due_on=TODAY - DAY), a_unit(state="waiting", due_on=TODAY), a_unit(state="done"),
        )  # fmt: skip
        assert [tasks.enforce_deadlines(TRIAL), tasks.enforce_deadlines(TRIAL)] == [1, 0]
        assert [stored(unit).state for unit in (late, today, done)] == ["late", "waiting", "done"]
        assert Event.objects.of(late).get().role == "system"

    def test_one_that_is_refused_stays_and_one_that_breaks_shows_it_and_neither_stops_the_others(self):
        names = ("refused", "breaks", "示例")
        units = [a_unit(name, "waiting", due_on=TODAY - (3 - place) * DAY) for place, name in enumerate(names)]
        assert tasks.enforce_deadlines(TRIAL) == 1
        assert [(stored(unit).state, stored(unit).fault) for unit in units] == [
            ("waiting", ""),
            ("waiting", "ZeroDivisionError: by zero"),
            ("late", ""),
        ]


class TestReminders:
    @pytest.mark.parametrize("days,told", [(-5, True), (-1, True), (0, True), (1, True), (2, False)])
    def test_the_holder_hears_a_working_day_before_the_end(self, holder, days, told):
        calendar = clock.calendar()
        due_on = calendar.add_workdays(TODAY, days).date if days > 0 else TODAY + days * DAY
        a_unit(state="waiting", due_on=due_on)
        assert tasks.remind(TRIAL) == int(told)

    def test_sweeping_all_day_reminds_once_and_again_when_it_is_late(self, holder):
        unit = a_unit(state="waiting", due_on=TODAY)
        assert [tasks.remind(TRIAL), tasks.remind(TRIAL)] == [1, 0]
        key = f"due:trial:{unit.pk}:{TODAY}:soon:{holder.pk}"
        assert list(Notification.objects.values_list("key", flat=True)) == [key]
        Organisation.objects.filter(pk=unit.pk).update(due_on=TODAY - DAY)
        assert [tasks.remind(TRIAL), tasks.remind(TRIAL)] == [1, 0]

    @pytest.mark.parametrize("workdays_late,told", [(1, {"holder"}), (2, {"holder"}), (3, {"holder", "overseer"})])
    def test_whoever_oversees_hears_of_what_stays_late_once(self, holder, overseer, workdays_late, told):
        due_on = TODAY
        calendar = clock.calendar()
        while calendar.workdays_between(TODAY, due_on) > -workdays_late:
            due_on -= DAY
        a_unit(state="waiting", due_on=due_on)
        assert [tasks.remind(TRIAL), tasks.remind(TRIAL)] == [len(told), 0]
        assert set(Notification.objects.values_list("user__username", flat=True)) == told

    @pytest.mark.parametrize("days,told", [(0, 1), (2, 1), (3, 0)])
    def test_how_early_it_speaks_up_is_a_limit(self, holder, days, told):
        Limit.objects.filter(step=clock.REMINDER).update(days=2)
        a_unit(state="waiting", due_on=clock.calendar().add_workdays(TODAY, days).date)
        assert tasks.remind(TRIAL) == told

    def test_a_portal_that_nobody_has_configured_reminds_of_nothing_and_goes_on(self, holder, caplog):
        Limit.objects.all().delete()
        a_unit(state="waiting", due_on=TODAY)
        assert tasks.remind(TRIAL) == 0
        assert "no limit for reminder" in caplog.text

    def test_what_has_no_deadline_or_waits_for_an_officer_is_not_reminded_of(self, holder):
        a_unit(state="waiting")
        a_unit(state="waiting", due_on=TODAY, fault="看一看")
        assert tasks.remind(TRIAL) == 0


class Bell:
    """A task whose broker is as the test says."""

    name = "bell"

    def __init__(self, error=None):
        self.error = error
        self.rung = []

    def apply_async(self, arguments, **options):
        self.rung.append((arguments, options))
        if self.error:
            raise self.error


class TestTheBell:
    def test_it_is_rung_without_waiting_for_an_answer(self):
        bell = Bell()
        tasks.ring(bell, "trial", 7)
        assert bell.rung == [(("trial", 7), {"retry": False, "ignore_result": True})]

    @pytest.mark.parametrize("error", [OperationalError("down"), RedisError("down"), ConnectionRefusedError("down")])
    def test_a_broker_that_is_down_breaks_nothing(self, error):
        tasks.ring(Bell(error), "trial", 7)

    def test_an_error_of_our_own_is_not_hidden(self):
        with pytest.raises(ZeroDivisionError):
            tasks.ring(Bell(ZeroDivisionError()), "trial", 7)


@pytest.fixture
def at_once(monkeypatch):
    """Somebody hears the bell at once."""
    monkeypatch.setattr(tasks, "ring", lambda task, *arguments: task.run(*arguments))


class TestSweep:
    @pytest.mark.django_db(transaction=True)  # the sweep begins with a fresh connection
    def test_it_rings_for_whatever_was_lost(self, holder, at_once):
        lost, late, soon = (
            a_unit(), a_unit(state="waiting", due_on=TODAY - DAY), a_unit(state="done", due_on=TODAY),
        )  # fmt: skip
        Notification.objects.create(key="lost", user=holder, subject="示例", body="示例")
        tasks.sweep()
        assert [stored(unit).state for unit in (lost, late, soon)] == ["done", "late", "done"]
        assert len(mail.outbox) == Notification.objects.count() == 2
        before = Event.objects.count()
        tasks.sweep()
        assert (Event.objects.count(), len(mail.outbox)) == (before, 2)

    def test_every_message_that_waits_goes_out(self, holder):
        for number in range(3):
            notify.write(f"event:{number}", [holder], "progress", "/", subject="P-1", sentence="受理了申报")
        assert [tasks.deliver_all(), tasks.deliver_all()] == [3, 0]
