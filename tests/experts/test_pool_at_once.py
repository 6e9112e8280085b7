"""Two people decide, or two calls admit, at the same moment, on a real database with real transactions."""

from __future__ import annotations

import pytest

from evaluation import configuration
from experts import admitting, calls, importing
from experts.models import Admission, Call, Expert, PoolImport
from experts.workflow import ADMISSION, POOL_IMPORT
from portal import first_password
from portal.machine import Stale
from portal.models import Event, User
from portal.problems import Refused
from tests.at_once import at_once
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, act, fresh, person
from tests.experts.pool_workbooks import book
from tests.experts.pool_workbooks import person as row_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


@pytest.fixture
def keepers():
    configuration.load()
    return newcomers.officers()


@pytest.fixture
def call(keepers):
    return newcomers.call(keepers["pool_keeper"])


def vetted(name, call, keepers):
    return act(act(newcomers.whole(name, call), "submit", person(name)), "vet", keepers["pool_keeper"])


def test_of_two_decisions_at_once_one_holds_and_the_other_finds_it(call, keepers):
    row = vetted("zhang", call, keepers)
    outcomes = at_once(
        lambda: ADMISSION.perform(fresh(row), "admit", by=person("second_keeper")),
        lambda: ADMISSION.perform(fresh(row), "refuse", by=person("supervisor"), reason="示例"),
    )
    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 1
    state = fresh(row).state
    assert (state, Expert.objects.count()) in {("admitted", 1), ("refused", 0)}


def waiting_import(keepers, *numbers):
    return importing.open_import(keepers["pool_keeper"], book(*(row_of(number) for number in numbers)))


@pytest.mark.parametrize("second", ["release", "refuse"])
def test_of_two_decisions_on_an_import_at_once_one_holds_and_everybody_enters_once_or_not(keepers, second):
    row = waiting_import(keepers, 1, 2, 3)
    said = {"reason": "示例"} if second == "refuse" else {}
    outcomes = at_once(
        lambda: POOL_IMPORT.perform(fresh(row), "release", by=person("second_keeper")),
        lambda: POOL_IMPORT.perform(fresh(row), second, by=person("supervisor"), **said),
    )
    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 1
    state, entered = fresh(row).state, Expert.objects.count()
    assert (state, entered) in ({("done", 3)} if second == "release" else {("done", 3), ("refused", 0)})


def test_of_two_imports_of_the_same_person_at_once_one_is_told_at_the_cell(keepers):
    rows = [waiting_import(keepers, 1, 2), waiting_import(keepers, 2, 3)]
    outcomes = at_once(
        lambda: POOL_IMPORT.perform(fresh(rows[0]), "release", by=person("second_keeper")),
        lambda: POOL_IMPORT.perform(fresh(rows[1]), "release", by=person("supervisor")),
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for one in refused for problem in one.problems] == ["already_expert"]
    assert (Expert.objects.count(), sorted(PoolImport.objects.values_list("state", flat=True))) == (
        2,
        ["done", "waiting"],
    )


def test_an_import_and_an_admission_at_once_give_different_numbers(call, keepers):
    row, admission = waiting_import(keepers, 1, 2), vetted("zhang", call, keepers)
    at_once(
        lambda: POOL_IMPORT.perform(fresh(row), "release", by=person("second_keeper")),
        lambda: ADMISSION.perform(fresh(admission), "admit", by=person("supervisor")),
    )
    assert sorted(Expert.objects.values_list("number", flat=True)) == ["ZJ-0001", "ZJ-0002", "ZJ-0003"]


def test_of_two_first_passwords_at_once_one_is_kept(keepers):
    user = User.objects.create(username="zhang", email="zhang@example.org", password=first_password.no_password())
    both = [fresh(user), fresh(user)]  # as both opened the link before either sent the form
    outcomes = at_once(
        lambda: first_password.set_password(both[0], "example-password-1"),
        lambda: first_password.set_password(both[1], "example-password-2"),
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for one in refused for problem in one.problems] == ["password_set"]
    assert Event.objects.filter(verb="user.first_password").count() == 1


def test_whoever_is_admitted_by_two_calls_at_once_becomes_one_expert(call, keepers):
    other = newcomers.call(keepers["pool_keeper"])
    rows = [vetted("zhang", one, keepers) for one in (call, other)]
    outcomes = at_once(
        lambda: ADMISSION.perform(fresh(rows[0]), "admit", by=person("second_keeper")),
        lambda: ADMISSION.perform(fresh(rows[1]), "admit", by=person("supervisor")),
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for one in refused for problem in one.problems] == ["already_expert"]
    assert sorted(Admission.objects.values_list("state", flat=True)) == ["admitted", "vetted"]
    assert Expert.objects.count() == 1


def test_two_who_are_admitted_at_once_bear_different_numbers(call, keepers):
    rows = [vetted(name, call, keepers) for name in ("zhang", "li")]
    at_once(
        lambda: ADMISSION.perform(fresh(rows[0]), "admit", by=person("second_keeper")),
        lambda: ADMISSION.perform(fresh(rows[1]), "admit", by=person("supervisor")),
    )
    assert sorted(Expert.objects.values_list("number", flat=True)) == ["ZJ-0001", "ZJ-0002"]


def test_a_renewal_asked_twice_at_once_is_begun_once(keepers):
    row = newcomers.expert("zhang", term_until=TODAY + 10 * DAY)
    outcomes = at_once(*[lambda: admitting.open_renewal(person("zhang"), fresh(row))] * 2)
    assert (sum(isinstance(outcome, Refused) for outcome in outcomes), Admission.objects.count()) == (1, 1)


def test_a_button_pressed_twice_begins_one_admission(call):
    outcomes = at_once(*[lambda: admitting.open_admission(person("zhang"), fresh(call))] * 2)
    assert [type(outcome) for outcome in outcomes] == [Admission, Admission]
    assert Admission.objects.count() == 1


def test_a_list_is_published_once(call, keepers):
    Call.objects.update(opens_on=TODAY - 9 * DAY, closes_on=TODAY - DAY)
    outcomes = at_once(
        lambda: calls.publish_admitted(person("pool_keeper"), fresh(call)),
        lambda: calls.publish_admitted(person("second_keeper"), fresh(call)),
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for one in refused for problem in one.problems] == ["published"]


def test_of_two_who_change_a_call_at_once_one_is_told(call, keepers):
    keeper, second = person("pool_keeper"), person("second_keeper")
    outcomes = at_once(
        lambda: calls.change_call(keeper, fresh(call), {"conditions": "甲"}, "示例", seen=1),
        lambda: calls.change_call(second, fresh(call), {"conditions": "乙"}, "示例", seen=1),
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Stale"]
    assert (fresh(call).version, call.versions.count()) == (2, 1)


def test_a_call_that_is_announced_twice_at_once_is_announced_once(keepers):
    values = newcomers.call_values()
    outcomes = at_once(*[lambda: calls.open_call(person("pool_keeper"), values)] * 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Call", "Refused"]
    assert Call.objects.count() == 1
