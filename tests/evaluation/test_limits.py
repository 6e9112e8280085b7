"""A limit is changed with what it moves in view; a clock is paused, goes on, and can be explained line by line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.utils import timezone

from communities.models import Officer
from evaluation import clocks, limits, telling_time
from evaluation.models import Application, Project
from evaluation.workflow import APPLICATION
from portal import clock
from portal.demo import journey, people
from portal.machine import NotAllowed, Stale
from portal.models import DayOverride, Event, Limit, User
from portal.problems import Refused
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)

world, own_files = scenes.shared_world(experts=30, employers=20)


@pytest.fixture(scope="module")
def pks(world):
    return {state: world.case_at(state).pk for state in ("form_check", "correction", "approval")}


@pytest.fixture
def case(pks):
    return lambda state: scenes.case(pks[state])


@pytest.fixture
def administrator():
    user = User.objects.create(username="policies", name="示例安全管理员", email="policies@example.org")
    Officer.objects.create(user=user, duty="security_administrator", since=TODAY)
    return user


def wanted(step="form_check", days=8, to_running=True, **values):
    return limits.Change(
        **{"programme": "", "step": step, "days": days, "basis": "示例文号〔2026〕1号", "valid_from": TODAY}
        | values, to_running=to_running,
    )  # fmt: skip


def later(day, workdays):
    return clock.calendar().resumed_due(workdays, day).date


class TestChangingALimit:
    def test_what_it_would_move_is_shown_and_nothing_is_moved_yet(self, case):
        row = case("form_check")
        [move] = limits.preview(wanted(days=8), TODAY)
        assert (move.application.pk, move.old, move.new) == (row.pk, row.due_on, later(row.due_on, 3))
        assert case("form_check").due_on == row.due_on

    def test_saving_moves_what_was_shown_and_says_so_in_the_case_and_in_the_trail(self, case, administrator):
        row = case("form_check")
        shown = limits.preview(wanted(), TODAY)
        limit, moved = limits.change(administrator, wanted())
        assert [(move.old, move.new) for move in moved] == [(move.old, move.new) for move in shown]
        assert case("form_check").due_on == later(row.due_on, 3)
        event = Event.objects.of(row).last()
        assert (event.verb, event.actor, event.data["days"]) == ("application.restate_clock", administrator, 8)
        saved = Event.objects.of(limit).get()
        assert (saved.data["before"], saved.data["after"], saved.data["moved"]) == (5, 8, 1)

    def test_a_step_that_begins_later_has_the_new_limit_and_an_earlier_day_the_old_one(self, administrator):
        limits.change(administrator, wanted(days=8, to_running=False))
        assert (clock.days_of("form_check"), clock.days_of("form_check", day=TODAY - DAY)) == (8, 5)

    @pytest.mark.parametrize("days,moved", [(14, 4), (7, 0)])
    def test_what_an_applicant_was_given_is_put_off_but_never_cut_short(self, case, administrator, days, moved):
        row = case("correction")
        limits.change(administrator, wanted("correction", days))
        assert case("correction").due_on == later(row.due_on, moved)

    def test_an_officers_deadline_may_come_nearer(self, case, administrator):
        row = case("approval")
        limits.change(administrator, wanted("approval", 3))
        assert case("approval").due_on == later(row.due_on, -2)

    def test_a_programmes_own_change_leaves_the_others_alone(self, case, administrator):
        assert limits.preview(wanted(programme="smart_property"), TODAY) == []
        assert len(limits.preview(wanted(programme="smart_community"), TODAY)) == 1

    def test_a_general_change_does_not_reach_a_programme_with_an_own_limit(self, case):
        Limit.objects.create(programme="smart_community", step="form_check", days=2, basis="示例")
        assert limits.preview(wanted(), TODAY) == []

    def test_a_paused_clock_keeps_the_difference(self, case, administrator, world):
        row = case("form_check")
        left = clocks.left(row, TODAY)
        APPLICATION.perform(row, "pause_clock", by=people.officer("intake"), reason="示例：等待测绘结果")
        limits.change(administrator, wanted(days=8))
        row = case("form_check")
        assert (row.due_on, row.days_left) == (None, left + 3)

    @pytest.mark.parametrize(
        "values,places",
        [
            ({"step": "nothing"}, ["step"]),
            ({"programme": "nothing"}, ["programme"]),
            ({"days": 0}, ["days"]),
            ({"days": 251}, ["days"]),
            ({"basis": "  "}, ["basis"]),
            ({"valid_from": TODAY - DAY, "to_running": False}, ["valid_from"]),
            ({"valid_from": TODAY + DAY}, ["valid_from"]),
            (
                {"days": -1, "basis": "", "valid_from": TODAY - DAY, "to_running": False},
                ["days", "basis", "valid_from"],
            ),
        ],
    )
    def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_saved(self, administrator, values, places):
        count = Limit.objects.count()
        with pytest.raises(Refused) as refused:
            limits.change(administrator, replace(wanted(), **values))
        assert [problem.place for problem in refused.value.problems] == places
        assert Limit.objects.count() == count

    def test_twice_from_the_same_day_is_refused(self, administrator):
        limits.change(administrator, wanted(to_running=False))
        with pytest.raises(Refused):
            limits.change(administrator, wanted(days=9, to_running=False))

    @pytest.mark.parametrize(
        "duty",
        ["intake", "organiser", "approver", "supervisor", "pool_keeper", "system_administrator", "audit_administrator"],
    )
    def test_nobody_else_changes_one(self, duty):
        user = User.objects.create(username=f"other-{duty}", name="示例", email=f"{duty}@example.org")
        Officer.objects.create(user=user, duty=duty, since=TODAY)
        with pytest.raises(NotAllowed):
            limits.change(user, wanted())

    def test_every_limit_that_is_configured_has_a_name_and_the_other_way_round(self):
        assert set(limits.STEP_NAMES) == set(Limit.objects.values_list("step", flat=True))


class TestPausing:
    def test_what_is_left_is_kept_and_goes_on_from_the_day_of_resuming(self, case, world):
        row = case("form_check")
        left = clocks.left(row, TODAY)
        by = people.officer("intake")
        APPLICATION.perform(row, "pause_clock", by=by, reason="示例：等待测绘结果")
        row = case("form_check")
        assert (row.due_on, row.days_left, row.paused_on) == (None, left, TODAY)
        APPLICATION.perform(row, "resume_clock", by=by)
        row = case("form_check")
        assert (row.due_on, row.days_left, row.paused_on) == (later(TODAY, left), None, None)

    def test_without_a_reason_it_is_refused(self, case, world):
        with pytest.raises(Refused):
            APPLICATION.perform(case("form_check"), "pause_clock", by=people.officer("intake"))

    def test_a_clock_is_paused_once_and_resumed_once(self, case, world):
        row, by = case("form_check"), people.officer("intake")
        with pytest.raises(Stale):
            APPLICATION.perform(row, "resume_clock", by=by)
        APPLICATION.perform(row, "pause_clock", by=by, reason="示例")
        with pytest.raises(Stale):
            APPLICATION.perform(case("form_check"), "pause_clock", by=by, reason="示例")

    def test_two_at_once_leave_one_pause(self, case, world):
        """Both have read a running clock; the second is told that it stands."""
        first, second, by = case("form_check"), case("form_check"), people.officer("intake")
        APPLICATION.perform(first, "pause_clock", by=by, reason="示例")
        with pytest.raises(Stale):
            APPLICATION.perform(second, "pause_clock", by=by, reason="示例")

    @pytest.mark.parametrize("state", ["correction"])
    def test_what_an_applicant_was_given_is_nobodys_to_stop(self, case, state, world):
        for duty in ("intake", "supervisor"):
            with pytest.raises((NotAllowed, Stale)):
                APPLICATION.perform(case(state), "pause_clock", by=people.officer(duty), reason="示例")

    def test_moving_on_ends_it(self, case, world):
        APPLICATION.perform(case("form_check"), "pause_clock", by=people.officer("intake"), reason="示例")
        row = journey.take_step(case("form_check"))
        assert (row.paused_on, row.days_left) == (None, None)
        assert row.due_on == clock.deadline("recommendation", TODAY, "smart_community")

    def test_a_correction_that_is_asked_during_a_pause_keeps_what_was_left(self, case, world):
        row = case("form_check")
        left = clocks.left(row, TODAY)
        APPLICATION.perform(row, "pause_clock", by=people.officer("intake"), reason="示例")
        row = journey.take_step(case("form_check"), "correction")
        assert (row.state, row.days_left, row.paused_on) == ("correction", left, None)


class TestExplaining:
    def test_the_last_line_is_what_the_case_says_in_every_state_of_its_way(self, at_state):
        application = at_state("form_check")
        said = {}
        for name in ("correction", None, None, *[None] * 30):
            lines = telling_time.explain(application).lines
            said[application.state] = (lines[-1].due_on if lines else None, application.due_on)
            if application.state == "certified":
                break
            application = journey.take_step(application, *([name] if name else []))
        assert {"form_check", "correction", "recommendation", "review", "deliberation", "approval", "notice"} <= set(
            said
        )
        assert {state: told for state, told in said.items() if told[0] != told[1]} == {}

    def test_a_pause_a_correction_and_a_new_limit_each_have_their_line(self, case, administrator, world):
        by = people.officer("intake")
        APPLICATION.perform(case("form_check"), "pause_clock", by=by, reason="示例：等待测绘结果")
        APPLICATION.perform(case("form_check"), "resume_clock", by=by)
        limits.change(administrator, wanted(days=8))
        row = case("form_check")
        found = telling_time.explain(row)
        starts, paused, resumed, restated = found.lines[-4:]
        assert starts.sentence.startswith("进入“形式审查”，期限5个工作日，当日不计，至")
        assert starts.basis == "默认配置：形式审查"
        assert paused.sentence == f"{by.name}暂停计时：示例：等待测绘结果。剩余5个工作日。"
        assert resumed.sentence.startswith(f"{by.name}恢复计时，至")
        assert restated.sentence == f"期限调整为8个工作日，改至{row.due_on:%Y-%m-%d}届满。"
        assert restated.basis == "示例文号〔2026〕1号"

    def test_every_day_that_counts_has_its_number_and_the_last_is_the_last_day(self, case):
        row = case("form_check")
        counted = telling_time.explain(row).counted
        numbers = [day.number for day in counted if day.number]
        assert numbers == list(range(1, 6))
        assert counted[-1].day == row.due_on

    def test_a_case_from_before_events_told_the_day_says_at_least_until_when(self, case):
        row = case("form_check")
        Application.objects.filter(pk=row.pk).update(due_on=TODAY + 40 * DAY)
        found = telling_time.explain(case("form_check"))
        assert found.lines[-1].sentence == f"进入“形式审查”，期限至{TODAY + 40 * DAY:%Y-%m-%d}届满。"
        assert found.counted[-1].day == TODAY + 40 * DAY

    def test_a_day_off_of_ones_own_is_named_as_such(self, case, world):
        row = case("form_check")
        DayOverride.objects.create(day=row.due_on, is_workday=False, basis="示例")
        last = telling_time.explain(row).counted[-1]
        assert (last.day, last.number, last.why) == (row.due_on, None, "override")


# 2026 as the State Council published it in November 2025: days off on weekdays, worked weekends.
OFF = [
    *(date(2026, 1, day) for day in (1, 2)), *(date(2026, 2, day) for day in (16, 17, 18, 19, 20, 23)),
    date(2026, 4, 6), *(date(2026, 5, day) for day in (1, 4, 5)), date(2026, 6, 19), date(2026, 9, 25),
    *(date(2026, 10, day) for day in (1, 2, 5, 6, 7)),
]  # fmt: skip
WORKED = [date(2026, month, day) for month, day in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))]


def counted_by_hand(begun, days):
    """What a person does with a pencil on the printed calendar."""
    day = begun
    while days:
        day += DAY
        days -= day in WORKED or (day.weekday() < 5 and day not in OFF)
    return day


@pytest.mark.long
@pytest.mark.parametrize("step", list(limits.STEP_NAMES))
def test_every_deadline_is_what_one_counts_by_hand_on_each_day_of_2026(step, world):
    days = clock.days_of(step, "smart_community")
    begins = [date(2026, 1, 1) + number * DAY for number in range(365 - 60)]
    wrong = [day for day in begins if clock.deadline(step, day, "smart_community") != counted_by_hand(day, days)]
    assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("left", [-3, -1, 0, 1, 4])
def test_a_clock_that_was_stopped_goes_on_with_what_was_left_on_each_day_of_2026(left, world):
    application = Application(project=Project(programme_id="smart_community"), days_left=left)
    begins = [date(2026, 1, 1) + number * DAY for number in range(7, 365 - 30)]
    due = {day: clocks.running_clock(application, "checking", "form_check", day)["due_on"] for day in begins}
    worked = [
        day
        for day in (date(2026, 1, 1) + n * DAY for n in range(365))
        if day in WORKED or (day.weekday() < 5 and day not in OFF)
    ]
    for day, last in due.items():
        if left > 0:
            assert last == counted_by_hand(day, left)
        elif left == 0:
            assert last == next(other for other in worked if other >= day)
        else:
            assert last == [other for other in worked if other < day][left]
