"""Two people decide, or two calls admit, at the same moment, on a real database with real transactions."""

from __future__ import annotations

import pytest

from evaluation import configuration
from experts import admitting, calls
from experts.models import Admission, Call, Expert
from experts.workflow import ADMISSION
from portal.machine import Stale
from portal.problems import Refused
from tests.at_once import at_once
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, act, fresh, person

pytestmark = pytest.mark.django_db(transaction=True)


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
