"""The working-day table is read from a list, changed with the deadlines that move in view, and a year is typed in whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from evaluation import clocks, day_table, telling_time
from evaluation.day_table import Change
from evaluation.models import Application
from portal import clock
from portal.machine import NotAllowed
from portal.models import DayOverride, Event
from portal.problems import Changed
from portal.workdays import Calendar
from tests.evaluation import scenes
from tests.evaluation.officers import DUTIES, officer

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)
YEAR = TODAY.year + 2  # nobody has published it yet
BASIS = "示例放假安排"

world, own_files = scenes.shared_world()


@pytest.fixture
def keeper():
    return officer("security_administrator")


def change(days, **more):
    return Change(**{"days": days, "basis": BASIS, **more})


class TestReadingAList:
    def test_days_and_spans_are_read_however_they_are_spaced(self):
        text = (
            "日期,安排,说明\n2027-01-01 休 元旦\n\n2027/2/5至2027/2/6，休，春节\n2027-02-14　班 调休\n2027-03-05 删除"
        )
        assert day_table.read(text) == {
            date(2027, 1, 1): False, date(2027, 2, 5): False, date(2027, 2, 6): False, date(2027, 2, 14): True,
            date(2027, 3, 5): None,
        }  # fmt: skip

    def test_every_line_that_cannot_be_read_is_named_at_once(self):
        with scenes.refused() as problems:
            day_table.read("2027-01-01 休\n2027-02-30 休\n2027-01-01 班\n2027-01-02 可能\n2027-01-09 至 2027-01-02 休")
        assert problems == [("line", "text"), ("twice", "text"), ("line", "text"), ("line", "text")]


class TestAYearThatIsMissing:
    @pytest.mark.parametrize(
        "month, known, year",
        [(10, {2050}, None), (11, {2050}, 2051), (12, {2050, 2051}, None), (3, set(), 2050)],
    )
    def test_it_is_asked_for_from_november_on(self, month, known, year):
        assert day_table.missing_year(date(2050, month, 1), Calendar(complete_years=known)) == year

    def test_it_waits_on_whoever_keeps_the_table_and_on_nobody_else(self, keeper, monkeypatch):
        monkeypatch.setattr(day_table, "missing_year", lambda today, calendar: YEAR)
        [row] = day_table.waiting_on(keeper)
        assert (row["due_on"], row["link"]) == (date(YEAR - 1, 12, 31), f"/settings/days/?year={YEAR}")
        assert list(day_table.waiting_on(officer("intake"))) == []


class TestChanging:
    @pytest.mark.parametrize(
        "days, more, found",
        [
            ({}, {"basis": " "}, [("required", "text"), ("required", "basis")]),
            ({TODAY - DAY: False}, {}, [("out_of_range", "text")]),
            ({date(TODAY.year + 6, 1, 1): False}, {}, [("out_of_range", "text")]),
            ({date(YEAR, 1, 1): False}, {"whole_year": TODAY.year}, [("year", "whole_year"), ("other_year", "text")]),
            ({date(YEAR, 1, 1): True}, {"whole_year": YEAR}, [("no_holiday", "text")]),
        ],
    )
    def test_everything_that_is_wrong_is_said_at_once(self, keeper, days, more, found):
        with scenes.refused() as problems:
            day_table.change_days(keeper, change(days, **more))
        assert problems == found

    @pytest.mark.parametrize("duty", [duty for duty in DUTIES if duty != "security_administrator"])
    def test_nobody_else_changes_it(self, duty):
        with pytest.raises(NotAllowed):
            day_table.change_days(officer(duty), change({TODAY + DAY: False}))

    def test_a_day_comes_changes_and_goes_and_the_trail_keeps_each(self, keeper):
        day = date(YEAR, 3, 5)
        for worked in (False, True, None):
            day_table.change_days(keeper, change({day: worked}))
        assert not DayOverride.objects.exists()
        events = Event.objects.of(DayOverride(day=day))
        assert [(event.data["before"], event.data["after"]) for event in events] == [
            (None, False), (False, True), (True, None)
        ]  # fmt: skip

    def test_a_whole_year_is_known_from_then_on_and_replaces_what_stood_there(self, keeper):
        day_table.change_days(keeper, change({date(YEAR, 5, 5): False}))
        assert not clock.calendar().known(YEAR)
        day_table.change_days(keeper, change({date(YEAR, 1, 1): False, date(YEAR, 1, 6): True}, whole_year=YEAR))
        assert clock.calendar().known(YEAR)
        assert list(DayOverride.objects.order_by("day").values_list("day", "is_workday", "whole_year")) == [
            (date(YEAR, 1, 1), False, True), (date(YEAR, 1, 6), True, True)
        ]  # fmt: skip

    def test_the_second_of_two_who_looked_at_the_same_table_is_told(self, keeper):
        seen = day_table.seen_now()
        day_table.change_days(keeper, change({date(YEAR, 1, 1): False}), seen)
        with pytest.raises(Changed) as changed:
            day_table.change_days(officer("security_administrator", "second"), change({date(YEAR, 1, 2): False}), seen)
        assert changed.value.problems[0].params == {"who": str(keeper)}
        assert DayOverride.objects.count() == 1


@pytest.fixture(scope="module")
def pks(world):
    return {state: world.case_at(state).pk for state in ("form_check", "correction")}


@pytest.mark.long
class TestRunningCases:
    def test_a_day_off_before_the_last_day_puts_it_off_and_is_shown_first(self, pks, keeper):
        row = scenes.case(pks["form_check"])
        last = clock.calendar().workday_before(row.due_on)
        left = clocks.left(row, TODAY)
        moves = day_table.preview(change({last: False}), TODAY)
        later = clock.calendar().add_workdays(row.due_on, 1).date
        assert (row.pk, row.due_on, later) in [(move.application.pk, move.old, move.new) for move in moves]
        assert scenes.case(row.pk).due_on == row.due_on
        kept = day_table.change_days(keeper, change({last: False}))
        assert [move.new for move in kept] == [move.new for move in moves]
        assert scenes.case(row.pk).due_on == later
        assert clocks.left(scenes.case(row.pk), TODAY) == left
        line = telling_time.explain(scenes.case(row.pk)).lines[-1]
        assert (line.due_on, line.basis) == (later, BASIS)

    def test_another_worked_day_brings_an_officers_deadline_nearer_but_never_an_applicants(self, pks, keeper):
        calendar = clock.calendar()
        last = calendar.add_workdays(TODAY, 10).date
        Application.objects.filter(pk__in=pks.values()).update(due_on=last)
        days = (TODAY + number * DAY for number in range(1, 14))
        day_table.change_days(keeper, change({next(day for day in days if not calendar.is_workday(day)): True}))
        moved = {state: scenes.case(pk).due_on for state, pk in pks.items()}
        assert moved == {"form_check": calendar.workday_before(last), "correction": last}
