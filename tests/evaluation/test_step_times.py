"""How long steps took: clocks that stand still do not count, and a percentile is always a duration that occurred."""

from collections import Counter
from datetime import date, datetime, time, timedelta
from math import ceil

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from evaluation import step_times
from evaluation.models import Application
from evaluation.step_times import Move, Spent, WorkedDays, nearest_rank
from portal import clock
from portal.models import Event, Limit
from tests.evaluation import desks, scenes

MONDAY = date(2026, 3, 2)  # four weeks without a holiday follow
DAYS = st.lists(st.integers(0, 200), min_size=1, max_size=60)


def on(day):
    """So many working days after the first Monday."""
    return MONDAY + timedelta(days=7 * (day // 5) + day % 5)


def moved(day, source, target, action="act"):
    return Move(on(day), action, source, target)


@given(DAYS, st.integers(1, 100))
def test_a_percentile_is_the_duration_at_its_place_in_the_order(days, percent):
    place = ceil(percent * len(days) / 100)
    assert nearest_rank(Counter(days), percent) == sorted(days)[max(place, 1) - 1]


@given(DAYS, st.integers(1, 100))
def test_at_least_so_many_took_no_longer_and_fewer_took_less(days, percent):
    found = nearest_rank(Counter(days), percent)
    assert sum(one <= found for one in days) * 100 >= percent * len(days)
    assert sum(one < found for one in days) * 100 < percent * len(days)


@given(DAYS)
def test_the_order_in_which_cases_are_counted_changes_nothing(days):
    assert nearest_rank(Counter(days), 50) == nearest_rank(Counter(reversed(days)), 50)


def test_of_nothing_there_is_no_percentile():
    assert nearest_rank({}, 50) is None


@pytest.mark.parametrize("days, percent, found", [
    ([7], 50, 7), ([1, 9], 50, 1), ([1, 5, 9], 50, 5), ([1, 2, 3, 4], 50, 2),
    (list(range(1, 11)), 90, 9), (list(range(1, 12)), 90, 10), ([3], 90, 3), ([0, 0, 8], 100, 8),
])  # fmt: skip
def test_the_nearest_rank_by_hand(days, percent, found):
    assert nearest_rank(Counter(days), percent) == found


@pytest.mark.django_db
@given(first=st.integers(-400, 400), length=st.integers(0, 400))
def test_working_days_are_those_of_the_calendar(first, length):
    start = MONDAY + timedelta(days=first)
    worked = WorkedDays()
    for begin in (start, start + timedelta(days=30)):  # before and after what was counted first
        end = begin + timedelta(days=length)
        assert worked.between(begin, end) == clock.calendar().workdays_between(begin, end)


WAYS = {
    "a step takes the working days after the day it began": (
        [moved(0, "checking", "form_check"), moved(3, "form_check", "recommendation")], [("form_check", 0, 3, 3)],
    ),
    "begun and ended on one day it took none": (
        [moved(0, "checking", "form_check"), moved(0, "form_check", "recommendation")], [("form_check", 0, 0, 0)],
    ),
    "a step that is not over is not told": ([moved(0, "checking", "form_check")], []),
    "the form check stands still while the applicant corrects and goes on where it was": (
        [
            moved(0, "checking", "form_check"), moved(2, "form_check", "correction"), moved(9, "correction", "checking"),
            moved(9, "checking", "form_check"), moved(10, "form_check", "recommendation"),
        ],
        [("correction", 2, 9, 7), ("form_check", 0, 10, 3)],
    ),
    "two rounds of correction are two": (
        [
            moved(0, "checking", "form_check"), moved(1, "form_check", "correction"), moved(3, "correction", "checking"),
            moved(3, "checking", "form_check"), moved(4, "form_check", "correction"), moved(8, "correction", "checking"),
            moved(8, "checking", "form_check"), moved(8, "form_check", "refused"),
        ],
        [("correction", 1, 3, 2), ("correction", 4, 8, 4), ("form_check", 0, 8, 2)],
    ),
    "a case withdrawn while it is corrected ends no form check": (
        [moved(0, "checking", "form_check"), moved(2, "form_check", "correction"), moved(9, "correction", "withdrawn")],
        [("correction", 2, 9, 7)],
    ),
    "several states of one step are one step, the counting between them too": (
        [
            moved(0, "inviting", "site_visit"), moved(3, "site_visit", "review"), moved(6, "review", "tallying"),
            moved(6, "tallying", "deliberation"), moved(8, "deliberation", "approval"),
        ],
        [("review", 0, 8, 8)],
    ),
    "a paused clock does not count": (
        [
            moved(0, "checking", "form_check"), moved(1, "form_check", "form_check", "pause_clock"),
            moved(8, "form_check", "form_check", "resume_clock"), moved(10, "form_check", "recommendation"),
        ],
        [("form_check", 0, 10, 3)],
    ),
    "a case that leaves while its clock stands took what ran before": (
        [
            moved(0, "deliberation", "approval"), moved(2, "approval", "approval", "pause_clock"),
            moved(9, "approval", "notice"),
        ],
        [("approval", 0, 9, 2)],
    ),
    "a notice that waits to be sent starts no clock": (
        [
            moved(0, "form_check", "correction"), moved(0, "correction", "correction", "await_message"),
            moved(4, "correction", "correction", "start_clock"), moved(6, "correction", "checking"),
        ],
        [("correction", 0, 6, 2)],
    ),
    "a second review after an objection is another": (
        [
            moved(0, "inviting", "review"), moved(4, "review", "approval"), moved(5, "approval", "notice"),
            moved(9, "notice", "review"), moved(10, "review", "approval"),
        ],
        [("review", 0, 4, 4), ("approval", 4, 5, 1), ("notice", 5, 9, 4), ("review", 9, 10, 1)],
    ),
    "acts that move nothing end nothing": (
        [moved(0, "checking", "form_check"), Move(on(1), "assign", "", ""), moved(2, "form_check", "form_check")], [],
    ),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("moves, expected", WAYS.values(), ids=WAYS)
def test_a_way_through_the_steps(moves, expected):
    found = list(step_times.spent(moves, WorkedDays()))
    assert found == [Spent(step, on(begun), on(ended), days) for step, begun, ended, days in expected]


@pytest.fixture(scope="module")
def city(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield desks.build()


def record(pk, day, source, target):
    application = Application.objects.get(pk=pk)
    Event.objects.create(
        at=timezone.make_aware(datetime.combine(on(day), time(9))),
        actor_name="system", role="system", verb="application.act", subject_type="evaluation.application", subject_id=pk,
        thread=application.thread, data={"from": source, "to": target},
    )  # fmt: skip


@pytest.mark.django_db
def test_all_cases_are_counted_by_what_they_are_and_whether_in_time(city):
    Limit.objects.filter(step="form_check").update(days=5)
    Limit.objects.create(step="form_check", days=2, basis="示例", valid_from=on(10))
    for pk, begun, ended in ((city["late"], 0, 4), (city["today"], 0, 6), (city["soon"], 11, 15)):
        record(pk, begun, "checking", "form_check")
        record(pk, ended, "form_check", "recommendation")
    here, there = (Application.objects.get(pk=city[name]).project.community.district_id for name in ("late", "soon"))
    common = ("smart_community", 2026, "design", "form_check")
    first, second, third = (
        [common[0], district, *common[1:], days, in_time, 1]
        for district, days, in_time in ((there, 4, False), (here, 4, True), (here, 6, False))
    )
    assert step_times.counted(on(20)) == [first, second, third]
    assert step_times.counted(on(5)) == [second]  # only what was over by then
