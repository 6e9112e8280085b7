"""Limits and overrides as the database holds them; how days are counted is tested with ``portal.workdays``."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from portal import clock
from portal.models import DayOverride, Limit

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 3, 2)


@pytest.fixture
def limits():
    Limit.objects.create(step="form_check", days=5, basis="示例")
    Limit.objects.create(step="form_check", programme="own", days=2, basis="示例")
    Limit.objects.create(step="only", programme="own", days=1, basis="示例")


@pytest.mark.parametrize(
    "step,programme,days",
    [("form_check", "", 5), ("form_check", "other", 5), ("form_check", "own", 2), ("only", "own", 1)],
)
def test_a_programmes_own_limit_goes_before_the_general_one(limits, step, programme, days):
    assert clock.days_of(step, programme) == days


@pytest.mark.parametrize("step,programme", [("nothing", ""), ("only", ""), ("only", "other")])
def test_a_step_without_a_limit_is_an_error_and_never_a_guess(limits, step, programme):
    with pytest.raises(clock.UnknownLimit):
        clock.days_of(step, programme)


def test_a_deadline_does_not_count_the_day_on_which_it_begins(limits):
    assert clock.deadline("form_check", MONDAY) == date(2026, 3, 9)
    assert clock.deadline("form_check", MONDAY, "own") == date(2026, 3, 4)


def test_the_authoritys_own_days_go_before_the_official_calendar(limits):
    DayOverride.objects.create(day=date(2026, 3, 3), is_workday=False, basis="示例")
    DayOverride.objects.create(day=date(2026, 3, 7), is_workday=True, basis="示例")
    found = clock.calendar()
    assert [found.is_workday(date(2026, 3, day)) for day in (2, 3, 4, 7, 8)] == [True, False, True, True, False]
    assert clock.deadline("form_check", MONDAY) == date(2026, 3, 9)
    assert clock.deadline("form_check", MONDAY, "own") == date(2026, 3, 5)


def test_a_step_has_one_limit_a_programme(limits):
    with pytest.raises(IntegrityError), transaction.atomic():
        Limit.objects.create(step="form_check", days=6, basis="示例")


class TestValidity:
    """A change is a new row: what began before it keeps the limit of its day."""

    @pytest.fixture
    def changed(self, limits):
        Limit.objects.create(step="form_check", days=3, basis="新规定", valid_from=date(2026, 3, 10))
        Limit.objects.create(
            step="form_check", days=1, basis="试行", valid_from=date(2026, 4, 1), valid_until=date(2026, 4, 30)
        )

    @pytest.mark.parametrize(
        "day,days,basis",
        [
            (date(2026, 3, 9), 5, "示例"),
            (date(2026, 3, 10), 3, "新规定"),
            (date(2026, 4, 1), 1, "试行"),
            (date(2026, 4, 30), 1, "试行"),
            (date(2026, 5, 1), 3, "新规定"),
        ],
    )
    def test_the_newest_that_holds_on_the_day_counts(self, changed, day, days, basis):
        found = clock.limit_of("form_check", day=day)
        assert (found.days, found.basis) == (days, basis)

    def test_a_programmes_own_limit_still_goes_before_a_newer_general_one(self, changed):
        assert clock.days_of("form_check", "own", date(2026, 4, 1)) == 2

    def test_a_deadline_uses_the_limit_of_the_day_on_which_it_begins(self, changed):
        assert clock.deadline("form_check", date(2026, 3, 9)) == date(2026, 3, 16)
        assert clock.deadline("form_check", date(2026, 3, 10)) == date(2026, 3, 13)

    def test_a_limit_that_has_run_out_is_an_error_where_no_other_holds(self):
        Limit.objects.create(step="gone", days=1, basis="示例", valid_until=date(2026, 3, 1))
        with pytest.raises(clock.UnknownLimit):
            clock.days_of("gone", day=date(2026, 3, 2))

    def test_two_limits_of_one_step_never_begin_on_the_same_day(self, changed):
        with pytest.raises(IntegrityError), transaction.atomic():
            Limit.objects.create(step="form_check", days=6, basis="示例", valid_from=date(2026, 3, 10))
