"""A new limit and a changed day reach whatever is handled beside a case, too, and cut short what nobody outside was given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from evaluation import day_table, limits, moving
from evaluation.models import (
    Certificate,
    GuidanceOpinion,
    GuidanceVisit,
    HeldMessage,
    Incentive,
    IncentivePolicy,
    Inspection,
    InspectionDraw,
    MajorChange,
    Objection,
    OperatingReport,
    Question,
    Rectification,
    Renewal,
    Sanction,
)
from portal import clock
from portal.machine import MACHINES
from portal.models import Event
from portal.templatetags import portal as words
from tests.evaluation import scenes
from tests.evaluation.officers import officer

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
DUE = TODAY + timedelta(days=30)
BASIS = "示例文号〔2026〕4号"

world, own_files = scenes.shared_world(experts=30, employers=20)


@pytest.fixture(scope="module")
def pk(world):
    return world.case_at("notice").pk


@pytest.fixture
def keeper():
    return officer("security_administrator")


def objection(case, state):
    said = {"kind": "person", "name": "示例公众", "identity": "示例1", "contact": "023-00000000", "text": "示例"}
    return Objection.objects.create(notice=case.notices.get(), number="示例-1", state=state, due_on=DUE, **said)


def visit(case, state):
    said = {"node": "conduits", "planned_on": TODAY, "visitor": case.project.created_by}
    return GuidanceVisit.objects.create(project=case.project, state=state, due_on=DUE, **said)


def opinion(case, state):
    return GuidanceOpinion.objects.create(visit=visit(case, "open"), text="示例", state=state, due_on=DUE)


def major_change(case, state):
    return MajorChange.objects.create(project=case.project, opened_by=case.project.created_by, state=state, due_on=DUE)


def seat(case, state):
    row = case.assignments.first()
    type(row).objects.filter(pk=row.pk).update(state=state, due_on=DUE)
    return row


def question(case, state):
    said = {"application": case, "assignment": case.assignments.first(), "review_round": 1, "item_code": "4.2.1"}
    return Question.objects.create(state=state, due_on=DUE, text="示例", **said)


def held_message(case, state):
    said = {"event": Event.objects.of(case).last(), "kind": "certificate", "duty": "intake", "title": "示例"}
    return HeldMessage.objects.create(application=case, state=state, due_on=DUE, words={}, values={}, **said)


def award(case):
    """A star of the case: what comes after award hangs on it."""
    said = {
        "level_name": "一星级",
        "issued_on": TODAY,
        "valid_until": DUE,
        "state": "valid",
        "is_final": True,
        "level": 1,
    }
    return Certificate.objects.create(application=case, number="示例-1", standard_sha256="0" * 64, **said)


def report(case, state):
    return OperatingReport.objects.create(certificate=award(case), year=1, opened_on=TODAY, state=state, due_on=DUE)


def inspection(case, state):
    by = case.project.created_by
    draw = InspectionDraw.objects.create(
        programme=case.project.programme, year=2026, frozen={}, organiser=by, organiser_hash="", state="drawn"
    )
    return Inspection.objects.create(draw=draw, certificate=award(case), place=1, state=state, due_on=DUE)


def rectification(case, state):
    visited = inspection(case, "rectifying")
    Inspection.objects.filter(pk=visited.pk).update(due_on=None)
    return Rectification.objects.create(inspection=visited, text="示例", mend_by=DUE, state=state, due_on=DUE)


def sanction(case, state):
    said = {"kind": "revoke", "facts": "示例", "basis": "示例", "proposed_by": case.project.created_by}
    return Sanction.objects.create(certificate=award(case), number="示例-1", state=state, due_on=DUE, **said)


def incentive(case, state):
    policy = IncentivePolicy.objects.earliest("pk")
    return Incentive.objects.create(certificate=award(case), policy=policy, level=1, state=state, due_on=DUE)


def renewal(case, state):
    said = {"statement": "示例", "asked_by": case.project.created_by}
    return Renewal.objects.create(certificate=award(case), number="示例-1", state=state, due_on=DUE, **said)


# (how a row is made, its state, the step, whether somebody outside was given the day)
ROWS = [
    (objection, "received", "objection", False), (objection, "accepted", "objection", False),
    (visit, "unrecorded", "guidance_record", False), (visit, "overdue", "guidance_decision", False),
    (opinion, "replied", "guidance_check", False), (opinion, "escalated", "guidance_decision", False),
    (major_change, "demanded", "change_declaration", True), (major_change, "examining", "change_examination", False),
    (incentive, "due", "incentive", False),
    (major_change, "hearing", "change_hearing", True), (major_change, "deciding", "change_decision", False),
    (seat, "invited", "invitation", True), (seat, "accepted", "review", True),
    (question, "forwarded", "question", True), (held_message, "held", "outbox", False),
    (report, "due", "operating_report", True), (report, "returned", "operating_report_correction", True),
    (report, "submitted", "operating_report_check", False), (inspection, "drawn", "inspection", False),
    (rectification, "replied", "rectification_check", False),
    (sanction, "proposed", "sanction_examination", False), (sanction, "hearing", "sanction_hearing", True),
    (sanction, "oral", "sanction_oral", False), (sanction, "deciding", "sanction_decision", False),
    (renewal, "asked", "renewal_examination", False), (renewal, "returned", "renewal_correction", True),
    (renewal, "recommended", "renewal_decision", False),
]  # fmt: skip
STAYING = [
    (objection, "rejected"),
    (visit, "planned"),
    (opinion, "open"),
    (major_change, "declared"),
    (question, "asked"),
    (rectification, "open"),
    (rectification, "overdue"),
]


def wanted(step, more):
    days = clock.days_of(step) + more
    return limits.Change(programme="", step=step, days=days, basis=BASIS, valid_from=TODAY, to_running=True)


def later(day, workdays):
    return clock.calendar().resumed_due(workdays, day).date


def now(row):
    return type(row)._base_manager.get(pk=row.pk).due_on


class TestALimit:
    @pytest.mark.parametrize("make, state, step, given", ROWS)
    def test_it_puts_off_the_day_of_every_row_that_is_in_its_step(self, pk, keeper, make, state, step, given):
        row = make(scenes.case(pk), state)
        limits.change(keeper, wanted(step, 3))
        put_off = later(DUE, 3)
        assert now(row) == put_off
        event = Event.objects.of(row).last()
        assert (event.verb.partition(".")[2], event.actor, event.data["old"], event.data["due_on"]) == (
            "restate_clock", keeper, DUE.isoformat(), put_off.isoformat()
        )  # fmt: skip

    @pytest.mark.parametrize("make, state, step, given", ROWS)
    def test_a_shorter_one_takes_nothing_from_who_was_given_the_day(self, pk, make, state, step, given):
        row = make(scenes.case(pk), state)
        moves = [move.new for move in limits.preview(wanted(step, -1), TODAY) if move.row == row]
        assert moves == ([] if given else [later(DUE, -1)])

    def test_what_is_shown_names_the_case_and_the_kind_and_no_name(self, pk, keeper):
        case = scenes.case(pk)
        objection(case, "received")
        [move] = limits.preview(wanted("objection", 2), TODAY)
        assert (move.application, move.project, move.what) == (None, case.project, "异议")
        assert now(move.row) == DUE

    def test_a_row_that_moved_on_meanwhile_keeps_its_day(self, pk, keeper):
        row = objection(scenes.case(pk), "received")
        [move] = limits.preview(wanted("objection", 2), TODAY)
        Objection.objects.filter(pk=row.pk).update(state="rejected", due_on=None)
        assert (moving.keep(keeper, move, "restate_clock"), now(row)) == (False, None)


class TestTheDayTable:
    @pytest.mark.parametrize("make, state, step, given", ROWS)
    def test_a_day_off_before_the_last_day_puts_it_off(self, pk, keeper, make, state, step, given):
        row, calendar = make(scenes.case(pk), state), clock.calendar()
        day = next(day for n in range(1, 20) if calendar.is_workday(day := TODAY + timedelta(days=n)))
        put_off = calendar.add_workdays(TODAY, calendar.workdays_between(TODAY, DUE) + 1).date
        day_table.change_days(keeper, day_table.Change({day: False}, BASIS))
        assert (now(row), Event.objects.of(row).last().verb.partition(".")[2]) == (put_off, "redate_clock")

    @pytest.mark.parametrize("make, state", STAYING)
    def test_a_day_that_somebody_named_or_that_is_over_stays(self, pk, make, state):
        row, calendar = make(scenes.case(pk), state), clock.calendar()
        day = next(day for n in range(1, 20) if calendar.is_workday(day := TODAY + timedelta(days=n)))
        assert row not in [move.row for move in day_table.preview(day_table.Change({day: False}, BASIS), TODAY)]


class TestTheTable:
    def test_its_names_states_and_steps_are_those_of_the_machines_and_of_the_limits(self):
        for one in moving.CLOCKS:
            machine = MACHINES[one.name]
            assert (machine.model, set(one.steps) - set(machine.states), one.given - set(machine.states)) == (
                one.model, set(), set()
            )  # fmt: skip
        assert moving.ALL_STEPS - set(limits.STEP_NAMES) == set()

    def test_each_move_has_a_sentence(self):
        assert tuple(one.name for one in moving.CLOCKS) == words.MOVED_WITH_LIMITS

    def test_the_steps_whose_running_days_stay_are_these(self):
        """Of units, experts and single days that somebody named: nobody asked for more when the limit changed."""
        assert set(limits.STEP_NAMES) - moving.ALL_STEPS | moving.NEVER_MOVED == {
            "registration", "registration_draft", "organisation_change", "member_invitation", "admission_vetting",
            "admission_decision", "admission_correction", "expert_confirmation", "expert_hearing", "rating",
            "rating_reply", "endorsement", "reminder", "escalation", "notice", "guidance_visit", "guidance_companion",
        }  # fmt: skip

    def test_as_many_questions_for_many_rows_as_for_one(self, pk, django_assert_max_num_queries):
        case, counts = scenes.case(pk), []
        for number in (1, 9):
            for _one in range(number):
                major_change(case, "examining")
            with django_assert_max_num_queries(30) as asked:
                limits.preview(wanted("change_examination", 1), TODAY)
            counts.append(len(asked))
        assert counts[0] == counts[1]
