"""Whose clock runs in which state and until when; that the officer's stops while the applicant corrects."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from evaluation import clocks
from evaluation.models import Application, Project
from evaluation.workflow import APPLICATION
from portal import clock
from portal.demo import journey
from portal.models import DayOverride, Limit
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)  # a month without public holidays
FRIDAY, DAY = date(2026, 3, 6), timedelta(days=1)


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


def an_application(**values):
    return Application(project=Project(programme_id="smart_community"), **values)


def columns(application, source, target, day):
    """Let the clock run and keep what it says, as the machine does."""
    found = dict(clocks.running_clock(application, source, target, day))
    for name, value in found.items():
        setattr(application, name, value)
    return found


def test_every_state_has_the_limit_of_its_step_or_none():
    due = {state: columns(an_application(), "", state, MONDAY)["due_on"] for state in APPLICATION.states}
    third, fourth, sixth = date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 9)
    sixteenth, twenty_third = date(2026, 3, 16), date(2026, 3, 23)
    assert {state: day for state, day in due.items() if day} == {
        "form_check": sixth,
        "correction": sixteenth,
        "recommendation": sixth,
        "drawing": fourth,
        "cosigning": fourth,
        "revealing": fourth,
        "inviting": third,
        "site_visit": twenty_third,
        "review": twenty_third,
        "deliberation": twenty_third,
        "revision": twenty_third,
        "revision_check": sixth,
        "approval": sixth,
        "notice": twenty_third,
    }


def test_every_state_in_which_somebody_must_act_has_a_holder_and_every_holders_limit_is_configured():
    steps = set(Limit.objects.values_list("step", flat=True))
    assert set(clocks.STEPS.values()) <= steps
    automatic = set(APPLICATION.steps)
    assert set(clocks.HOLDERS) == set(APPLICATION.states) - automatic - {
        "notice", "certified", "refused", "not_passed", "withdrawn",
    }  # fmt: skip


def test_a_programmes_own_limit_goes_before_the_general_one():
    Limit.objects.create(programme="smart_community", step="form_check", days=1, basis="示例")
    Limit.objects.create(programme="smart_property", step="form_check", days=9, basis="示例")
    assert columns(an_application(), "checking", "form_check", MONDAY) == {"due_on": TUESDAY}


@pytest.mark.parametrize(
    "overrides,due",
    [
        ({}, date(2026, 3, 9)),
        ({date(2026, 3, 5): False}, date(2026, 3, 10)),
        ({date(2026, 3, 9): False}, date(2026, 3, 10)),
        ({date(2026, 3, 7): True}, date(2026, 3, 7)),
        ({date(2026, 3, 5): False, date(2026, 3, 7): True}, date(2026, 3, 9)),
    ],
)
def test_days_off_and_swapped_days_move_a_deadline(overrides, due):
    for day, worked in overrides.items():
        DayOverride.objects.create(day=day, is_workday=worked, basis="示例")
    assert columns(an_application(), "checking", "form_check", MONDAY) == {"due_on": due}


def test_the_official_holidays_are_not_counted():
    # 2026: 1 to 7 October off, 20 September and 10 October worked.
    assert columns(an_application(), "checking", "form_check", date(2026, 9, 30))["due_on"] == date(2026, 10, 13)


class TestCorrection:
    def test_the_clock_stops_while_the_applicant_corrects_and_goes_on_with_what_was_left(self):
        application = an_application()
        columns(application, "checking", "form_check", MONDAY)
        stopped = columns(application, "form_check", "correction", WEDNESDAY)
        assert stopped == {"due_on": date(2026, 3, 18), "days_left": 3}  # of 5; the day of the notice is used up
        assert columns(application, "correction", "checking", date(2026, 3, 13)) == {"due_on": None}
        assert columns(application, "checking", "form_check", date(2026, 3, 16)) == {
            "due_on": date(2026, 3, 19), "days_left": None,
        }  # fmt: skip

    def test_a_second_round_goes_on_with_what_the_first_left(self):
        application = an_application(due_on=date(2026, 3, 19))
        assert columns(application, "form_check", "correction", date(2026, 3, 17))["days_left"] == 2
        assert columns(application, "checking", "form_check", date(2026, 3, 17))["due_on"] == date(2026, 3, 19)

    def test_what_was_late_comes_back_as_late(self):
        application = an_application(due_on=date(2026, 3, 9))
        assert columns(application, "form_check", "correction", date(2026, 3, 11))["days_left"] == -2
        assert columns(application, "checking", "form_check", date(2026, 3, 16))["due_on"] == date(2026, 3, 12)

    def test_days_off_meanwhile_are_not_used_up(self):
        application = an_application(due_on=date(2026, 3, 9))
        columns(application, "form_check", "correction", WEDNESDAY)
        DayOverride.objects.create(day=date(2026, 3, 17), is_workday=False, basis="示例")
        assert columns(application, "checking", "form_check", date(2026, 3, 16))["due_on"] == date(2026, 3, 20)

    def test_a_first_form_check_has_nothing_to_go_on_from(self):
        assert columns(an_application(), "checking", "form_check", MONDAY) == {"due_on": date(2026, 3, 9)}


def usernames(application):
    return {person.username for person in clocks.holders(application)}


def test_who_holds_the_case_on_its_way_and_what_the_clock_says_in_a_correction(at_state):
    application = at_state("form_check")
    today = timezone.localdate()
    Application.objects.filter(pk=application.pk).update(due_on=clock.calendar().add_workdays(today, 2).date)
    found = {}
    application = journey.take_step(application, "correction")
    assert (application.days_left, application.due_on) == (2, clock.deadline("correction", today))
    while application.state != "certified":
        found[application.state] = usernames(application)
        application = journey.take_step(application)
        if application.state == "form_check":
            assert (application.days_left, application.due_on) == (None, clock.calendar().add_workdays(today, 2).date)
    panel = application.assignments.filter(state="signed")
    experts = {row.expert.user.username for row in panel}
    leader = {row.expert.user.username for row in panel if row.is_leader}
    assert found == {
        "correction": {"applicant"},
        "checking": set(),
        "form_check": {"intake"},
        "recommendation": {"district-1"},
        "drawing": {"organiser"},
        "cosigning": {"supervisor"},
        "inviting": {"organiser"},
        "review": experts,
        "tallying": set(),
        "deliberation": leader,
        "approval": {"approver"},
        "notice": set(),
        "certifying": set(),
    }
    assert (usernames(application), application.due_on) == (set(), None)


class TestCountedAnew:
    def test_the_panel_keeps_its_day(self):
        application = an_application(due_on=date(2026, 3, 23))
        assert columns(application, "deliberation", "tallying", MONDAY) == {"due_on": date(2026, 3, 23)}
        assert columns(application, "tallying", "deliberation", TUESDAY) == {"due_on": date(2026, 3, 23)}

    def test_the_first_count_gives_the_panel_its_days(self):
        application = an_application(due_on=TUESDAY)
        assert columns(application, "review", "tallying", MONDAY) == {"due_on": None}
        assert columns(application, "tallying", "deliberation", MONDAY) == {"due_on": date(2026, 3, 23)}

    def test_a_clock_that_stood_goes_on_with_what_was_left(self):
        application = an_application(due_on=None, paused_on=MONDAY, days_left=3)
        assert columns(application, "deliberation", "tallying", MONDAY) == {
            "due_on": date(2026, 3, 5), "days_left": None, "paused_on": None,
        }  # fmt: skip
        assert columns(application, "tallying", "deliberation", MONDAY) == {"due_on": date(2026, 3, 5)}


@pytest.mark.parametrize("due, paused, resumed", [
    (FRIDAY, FRIDAY + DAY, FRIDAY + 3 * DAY),  # overdue since a weekend
    (FRIDAY, FRIDAY + 3 * DAY, FRIDAY + 3 * DAY),
    (FRIDAY + DAY, FRIDAY + 2 * DAY, FRIDAY + 2 * DAY),  # the last day came to be a day off
    (FRIDAY + DAY, FRIDAY + 2 * DAY, FRIDAY + 9 * DAY),
])  # fmt: skip
def test_a_clock_that_was_overdue_when_it_was_stopped_is_overdue_when_it_goes_on(due, paused, resumed):
    application = Application(due_on=due)
    left = clocks.left(application, paused)
    assert left < 0
    application.paused_on, application.days_left, application.due_on = paused, left, None
    assert clock.calendar().resumed_due(clocks.left(application, resumed), resumed).date < resumed
