"""The machine itself: right, lock, checks, effects, event, in that order and all or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from communities.models import Organisation
from portal import audit
from portal.machine import MACHINES, Act, Ask, Machine, NotAllowed, Stale, Transition, asked, hold
from portal.models import AppendOnly, Event, Sequence, User
from portal.problems import Problem, Refused

pytestmark = pytest.mark.django_db


def two_problems(obj, act):
    yield Problem("one", "name", "第一")
    yield Problem("two", "name", "第二")


def change_name(obj, act):
    Organisation.objects.filter(pk=obj.pk).update(name="改名")
    return {"renamed": True}


def fail(obj, act):
    raise ZeroDivisionError


TABLE = Machine(
    name="trial",
    model=Organisation,
    initial="draft",
    states={"draft": "草稿", "open": "开", "shut": "关"},
    transitions=(
        Transition(
            "go", "走", "走了", ("draft",), "open", ("worker",), asks=(Ask("reason", "理由"),), effects=(change_name,)
        ),
        Transition("stay", "留", "留了", ("draft",), None, ("worker", "system")),
        Transition(
            "check", "查", "查了", ("draft",), "open", ("worker",), checks=(two_problems,), effects=(change_name,)
        ),
        Transition("hurry", "赶", "赶上了", ("draft",), "open", ("worker",), checks=(two_problems,), in_time=True),
        Transition("break", "坏", "坏了", ("draft",), "open", ("worker",), effects=(change_name, fail)),
        Transition("fork", "岔", "去开", ("draft",), "open", ("worker",), when=lambda obj: obj.name == "原名"),
        Transition("fork", "岔", "去关", ("draft",), "shut", ("worker",), when=lambda obj: obj.name != "原名"),
    ),
    roles_of=lambda user, obj: frozenset({"system"} if user is None else {user.username}),
    visible_to=lambda user: Organisation.objects.all(),
)


@pytest.fixture
def worker():
    return User.objects.create(username="worker", name="示例甲")


@pytest.fixture
def unit():
    return Organisation.objects.create(credit_code="X", name="原名", kind="other", state="draft")


def as_stored(unit):
    return Organisation.objects.get(pk=unit.pk)


def test_an_act_moves_the_row_and_leaves_one_event(worker, unit):
    event = TABLE.perform(unit, "go", by=worker, reason="因为")
    assert (as_stored(unit).state, as_stored(unit).name, unit.state) == ("open", "改名", "open")
    assert list(Event.objects.of(unit)) == [event]
    assert (event.verb, event.role, event.actor, event.data) == (
        "trial.go", "worker", worker, {"from": "draft", "to": "open", "reason": "因为", "renamed": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    "action,problems", [("go", [("required", "reason")]), ("check", [("one", "name"), ("two", "name")])]
)
def test_a_refused_act_names_every_problem_and_changes_nothing(worker, unit, action, problems):
    with pytest.raises(Refused) as refused:
        TABLE.perform(unit, action, by=worker)
    assert [(problem.code, problem.place) for problem in refused.value.problems] == problems
    assert (as_stored(unit).state, as_stored(unit).name, unit.state) == ("draft", "原名", "draft")
    assert not Event.objects.exists()


@pytest.mark.parametrize("days,codes", [(-1, ["late", "one", "two"]), (0, ["one", "two"]), (1, ["one", "two"])])
def test_an_act_that_ends_with_its_last_day_is_refused_after_it(worker, unit, days, codes):
    unit.due_on = timezone.localdate() + timedelta(days=days)
    unit.save()
    with pytest.raises(Refused) as refused:
        TABLE.perform(unit, "hurry", by=worker)
    assert [problem.code for problem in refused.value.problems] == codes
    assert (unit.state, unit.due_on) == ("draft", as_stored(unit).due_on)  # a page shows what still holds
    assert as_stored(unit).due_on == timezone.localdate() + timedelta(days=days)


def test_without_a_last_day_nothing_is_late(worker, unit):
    with pytest.raises(Refused) as refused:
        TABLE.perform(unit, "hurry", by=worker)
    assert [problem.code for problem in refused.value.problems] == ["one", "two"]


def test_an_effect_that_breaks_undoes_everything(worker, unit):
    with pytest.raises(ZeroDivisionError):
        TABLE.perform(unit, "break", by=worker)
    assert (as_stored(unit).state, as_stored(unit).name) == ("draft", "原名")
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", ["stranger", ""])
def test_a_wrong_person_is_refused_and_nothing_changes(unit, name):
    with pytest.raises(NotAllowed):
        TABLE.perform(unit, "go", by=User.objects.create(username=name), reason="因为")
    assert as_stored(unit).state == "draft"


def test_the_system_is_a_role_not_a_bypass(unit):
    with pytest.raises(NotAllowed):
        TABLE.perform(unit, "go", by=None, reason="因为")
    assert TABLE.perform(unit, "stay", by=None).role == "system"


def test_who_comes_second_is_told_who_was_first(worker, unit):
    seen_earlier = as_stored(unit)
    first = TABLE.perform(unit, "go", by=worker, reason="因为")
    with pytest.raises(Stale) as stale:
        TABLE.perform(seen_earlier, "go", by=worker, reason="也因为")
    assert stale.value.last == first
    with pytest.raises(Stale):
        TABLE.perform(as_stored(unit), "go", by=worker, reason="还因为")


@pytest.mark.parametrize("name,state", [("原名", "open"), ("别名", "shut")])
def test_conditions_choose_the_route(worker, unit, name, state):
    unit.name = name
    TABLE.perform(unit, "fork", by=worker)
    assert as_stored(unit).state == state


def test_holding_a_row_that_moved_on_is_stale(worker, unit):
    with transaction.atomic():
        hold(unit, "draft")
    TABLE.perform(unit, "go", by=worker, reason="因为")
    with transaction.atomic(), pytest.raises(Stale):
        hold(unit, "draft")


def test_an_act_says_all_it_was_not_told():
    row = Transition(
        "x",
        "x",
        "x",
        ("a",),
        "b",
        ("r",),
        asks=(Ask("one", "一"), Ask("two", "二"), Ask("three", "三", required=False)),
    )
    assert [problem.place for problem in asked(row, Act("x", None, "r", None, {"one": ""}))] == ["one", "two"]


class TestEvents:
    def test_an_event_cannot_be_saved_again(self, worker, unit):
        event = audit.record(unit, "trial.go", by=worker)
        with pytest.raises(AppendOnly):
            event.save()
        with pytest.raises(AppendOnly):
            event.delete()
        with pytest.raises(AppendOnly):
            Event.objects.all().delete()
        with pytest.raises(AppendOnly):
            Event.objects.update(verb="x")

    @pytest.mark.parametrize("statement", ["UPDATE portal_event SET verb = 'x'", "DELETE FROM portal_event"])
    def test_the_database_itself_refuses(self, worker, unit, statement):
        from django.db import connection

        audit.record(unit, "trial.go", by=worker)
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert Event.objects.count() == 1


def test_numbers_follow_each_other_by_name():
    assert [Sequence.take("a"), Sequence.take("a"), Sequence.take("b"), Sequence.take("a")] == [1, 2, 1, 3]


@pytest.mark.parametrize(
    "name",
    ["organisation", "application", "assignment", "guidance_visit", "guidance_opinion", "objection", "certificate"],
)
def test_a_table_names_only_its_own_states(name):
    machine = MACHINES[name]
    for row in machine.transitions:
        assert set(row.sources) <= set(machine.states)
        assert row.target is None or row.target in machine.states
    assert set(machine.steps) | set(machine.deadlines) | {machine.initial} <= set(machine.states)
    actions = {row.action for row in machine.transitions}
    assert set(machine.deadlines.values()) <= actions


@pytest.mark.parametrize(
    "name",
    ["application", "assignment", "guidance_visit", "guidance_opinion", "objection", "organisation", "certificate"],
)
def test_every_state_is_reached_and_left_or_is_an_end(name):
    machine = MACHINES[name]
    reached = {machine.initial} | {row.target for row in machine.transitions if row.target}
    assert reached == set(machine.states)
