"""Deadlines in working days: the official days of 2026, years that nobody knows yet, and clocks that pause."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.workdays import Calendar, Deadline

OFFICIAL = Calendar()
# 2026 as published by the State Council in November 2025.
WORKED_WEEKENDS_2026 = [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)]
WEEKDAYS_OFF_2026 = [
    *[(1, 1), (1, 2)],
    *[(2, 16), (2, 17), (2, 18), (2, 19), (2, 20), (2, 23)],
    (4, 6),
    *[(5, 1), (5, 4), (5, 5)],
    (6, 19),
    (9, 25),
    *[(10, 1), (10, 2), (10, 5), (10, 6), (10, 7)],
]

days = st.dates(date(2004, 1, 1), date(2032, 12, 31))
counts = st.integers(0, 60)
calendars = st.builds(Calendar, st.dictionaries(st.dates(date(2025, 12, 1), date(2027, 3, 1)), st.booleans()))


def days_of(year):
    first = date(year, 1, 1)
    return [first + timedelta(number) for number in range((date(year + 1, 1, 1) - first).days)]


def test_the_swapped_days_of_2026_are_the_official_ones():
    worked = [(day.month, day.day) for day in days_of(2026) if day.weekday() >= 5 and OFFICIAL.is_workday(day)]
    off = [(day.month, day.day) for day in days_of(2026) if day.weekday() < 5 and not OFFICIAL.is_workday(day)]
    assert worked == WORKED_WEEKENDS_2026
    assert off == WEEKDAYS_OFF_2026
    assert sum(map(OFFICIAL.is_workday, days_of(2026))) == 248


@pytest.mark.parametrize("year, known", [(2003, False), (2004, True), (2025, True), (2026, True), (2035, False)])
def test_the_known_years_are_those_of_the_package(year, known):
    assert OFFICIAL.known(year) is known


@pytest.mark.parametrize("year", [1999, 2003, 2035, 2100])
def test_an_unknown_year_works_monday_to_friday(year):
    assert [day for day in days_of(year) if OFFICIAL.is_workday(day)] == [
        day for day in days_of(year) if day.weekday() < 5
    ]


@pytest.mark.parametrize(
    "start, count, end",
    [
        ((2026, 11, 23), 3, (2026, 11, 26)),  # Monday + 3 = Thursday
        ((2026, 11, 20), 5, (2026, 11, 27)),  # Friday + 5 = next Friday
        ((2026, 11, 21), 1, (2026, 11, 23)),  # an event on Saturday counts from Monday
        ((2026, 9, 30), 1, (2026, 10, 8)),  # over the National Day holiday
        ((2026, 9, 30), 3, (2026, 10, 10)),  # Thursday, Friday, and the swapped Saturday
        ((2026, 2, 13), 1, (2026, 2, 14)),  # a swapped Saturday is the next day
        ((2026, 2, 13), 2, (2026, 2, 24)),  # and then the Spring Festival
        ((2026, 2, 13), 15, (2026, 3, 12)),
        ((2026, 11, 23), 0, (2026, 11, 23)),
        ((2026, 10, 1), 0, (2026, 10, 8)),  # the last day is a day off: the next working day
        ((2025, 12, 31), 1, (2026, 1, 4)),  # over the new year into a swapped Sunday
    ],
)
def test_a_deadline_is_what_a_person_counts_on_the_official_calendar(start, count, end):
    assert OFFICIAL.add_workdays(date(*start), count) == Deadline(date(*end))


@pytest.mark.parametrize(
    "today, left",
    [
        ((2026, 9, 29), 4),
        ((2026, 9, 30), 3),
        ((2026, 10, 7), 3),
        ((2026, 10, 8), 2),
        ((2026, 10, 9), 1),
        ((2026, 10, 10), 0),
        ((2026, 10, 11), -1),  # the Sunday after: overdue, though no working day began
        ((2026, 10, 12), -1),
        ((2026, 10, 13), -2),
    ],
)
def test_what_is_left_until_saturday_the_tenth_of_october_2026(today, left):
    assert OFFICIAL.workdays_between(date(*today), date(2026, 10, 10)) == left


def test_an_override_wins_over_the_official_calendar_in_both_directions():
    closed, opened = date(2026, 11, 24), date(2026, 11, 28)
    calendar = Calendar({closed: False, opened: True})
    assert [calendar.is_workday(closed), calendar.is_workday(opened)] == [False, True]
    assert [OFFICIAL.is_workday(closed), OFFICIAL.is_workday(opened)] == [True, False]
    assert calendar.add_workdays(date(2026, 11, 23), 4) == Deadline(opened)


def test_an_answer_names_the_unknown_years_it_leaned_on():
    assert OFFICIAL.add_workdays(date(2034, 12, 27), 2) == Deadline(date(2034, 12, 29), (2034,))
    assert OFFICIAL.add_workdays(date(2034, 12, 27), 3) == Deadline(date(2035, 1, 1), (2034, 2035))
    assert OFFICIAL.add_workdays(date(2034, 12, 31), 1) == Deadline(date(2035, 1, 1), (2035,))
    assert OFFICIAL.unknown_years(date(2026, 1, 1), date(2026, 12, 31)) == ()
    assert OFFICIAL.unknown_years(date(2036, 1, 1), date(2034, 1, 1)) == (2034, 2035, 2036)


def test_a_year_typed_in_whole_is_known_and_a_single_override_does_not_make_it_so():
    holiday = date(2035, 1, 1)
    assert Calendar({holiday: False}).known(2035) is False
    typed = Calendar({holiday: False}, complete_years={2034, 2035})
    assert typed.known(2035) is True
    assert typed.add_workdays(date(2034, 12, 29), 1) == Deadline(date(2035, 1, 2))


def test_the_next_year_is_answered_whether_or_not_the_package_knows_it():
    deadline = OFFICIAL.add_workdays(date(2026, 12, 25), 15)
    assert deadline.unknown_years == (() if OFFICIAL.known(2027) else (2027,))
    assert OFFICIAL.is_workday(deadline.date)


def test_a_waiting_correction_stops_the_clock():
    # Due Friday 27 November; a correction notice goes out on Tuesday 24 and is answered on Tuesday 8 December.
    left = OFFICIAL.remaining(date(2026, 11, 27), date(2026, 11, 24))
    assert left == 3
    assert OFFICIAL.resumed_due(left, date(2026, 12, 8)) == Deadline(date(2026, 12, 11))


def test_a_case_overdue_when_paused_is_as_overdue_when_resumed():
    left = OFFICIAL.remaining(date(2026, 11, 20), date(2026, 11, 24))
    assert left == -2
    assert OFFICIAL.resumed_due(left, date(2026, 12, 8)) == Deadline(date(2026, 12, 4))
    assert OFFICIAL.workdays_between(date(2026, 12, 8), date(2026, 12, 4)) == -2


def test_a_clock_paused_on_its_last_day_is_due_on_the_day_of_resuming_or_the_next_working_day():
    assert OFFICIAL.resumed_due(0, date(2026, 12, 8)) == Deadline(date(2026, 12, 8))
    assert OFFICIAL.resumed_due(0, date(2026, 12, 12)) == Deadline(date(2026, 12, 14))


def test_a_negative_period_is_refused():
    with pytest.raises(ValueError, match="-1 working days"):
        OFFICIAL.add_workdays(date(2026, 11, 23), -1)


def test_a_datetime_is_refused_because_its_day_depends_on_the_time_zone():
    with pytest.raises(TypeError, match="time zone"):
        OFFICIAL.is_workday(datetime(2026, 11, 23, 23, 0))


@given(calendars, days, counts)
def test_a_deadline_falls_on_a_working_day(calendar, start, count):
    assert calendar.is_workday(calendar.add_workdays(start, count).date)


@given(calendars, days, st.integers(1, 60))
def test_adding_and_counting_back_is_the_identity(calendar, start, count):
    assert calendar.workdays_between(start, calendar.add_workdays(start, count).date) == count


@given(calendars, days, counts, counts)
def test_more_days_end_later(calendar, start, fewer, more):
    ends = [calendar.add_workdays(start, count).date for count in sorted((fewer, more))]
    assert ends == sorted(ends)


@given(calendars, days, days, counts)
def test_a_later_start_never_ends_earlier(calendar, one, other, count):
    ends = [calendar.add_workdays(start, count).date for start in sorted((one, other))]
    assert ends == sorted(ends)


@given(calendars, days, st.integers(-400, 400))
def test_what_is_left_is_negative_exactly_when_overdue_and_never_grows_with_time(calendar, start, offset):
    due = calendar.add_workdays(start, 0).date
    today = due + timedelta(offset)
    left = calendar.workdays_between(today, due)
    assert (left < 0) == (today > due)
    assert calendar.workdays_between(today + timedelta(1), due) <= left


@given(calendars, days, st.integers(-90, 90))
def test_pausing_and_resuming_on_one_day_changes_nothing(calendar, start, offset):
    due = calendar.add_workdays(start, 0).date
    today = due + timedelta(offset)
    assert calendar.resumed_due(calendar.remaining(due, today), today).date == due


@given(calendars, days, st.integers(-30, 30))
def test_a_resumed_clock_has_what_it_kept(calendar, resumed_on, kept):
    due = calendar.resumed_due(kept, resumed_on).date
    if kept or calendar.is_workday(resumed_on):
        assert calendar.workdays_between(resumed_on, due) == kept
