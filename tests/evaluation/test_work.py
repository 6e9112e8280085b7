"""My work: what waits on each role, how far it has come, and that it costs the same for one thing and for many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from communities import inviting
from communities.models import Invitation, OrganisationChange
from communities.permissions import limit_to
from evaluation import drawing, work
from evaluation import journey as journey_of_case
from evaluation.models import Finding, SiteVisit, Vacancy
from evaluation.work import waiting_on
from evaluation.workflow import ASSIGNMENT, OBJECTION
from portal.demo import cases, journey, people
from portal.models import User
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]  # one case walks to each of its states
STATES = ("draft", "form_check", "correction", "drawing", "cosigning", "revealing", "inviting", "review", "approval")


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def pks(world):
    """State -> id of a case there that a unit advises; the site visit is at the second stage."""
    visited = world.case_at("site_visit", "completion").pk
    return {"site_visit": visited, **{state: world.case_at(state, advised=True).pk for state in STATES}}


@pytest.fixture
def case_at(pks):
    return lambda state: scenes.case(pks[state])


def fresh(user):
    return User.objects.get(pk=user.pk)


def row_of(case, user):
    """What waits on ``user`` because of this case; it does once."""
    (row,) = [row for row in waiting_on(fresh(user)) if row.key == f"application-{case.pk}"]
    return row


def told(user):
    return [(row.key, row.sentence) for row in waiting_on(fresh(user))]


@pytest.mark.parametrize(
    "state, holder, sentence, page",
    [
        ("draft", "applicant", "继续填报", "/applications/{pk}/"),
        ("form_check", "intake", "形式审查", "/applications/{pk}/form-check/"),
        ("correction", "applicant", "按告知书逐条补正", "/applications/{pk}/"),
        ("drawing", "organiser", "抽取专家", "/applications/{pk}/draw/"),
        ("cosigning", "supervisor", "共同启动抽取", "/applications/{pk}/draw/"),
        ("revealing", "supervisor", "揭示密值或录入公开数值", "/applications/{pk}/draw/"),
        ("approval", "approver", "审定", "/applications/{pk}/approval/"),
    ],
)
def test_a_case_waits_on_who_holds_it_and_leads_to_where_it_is_done(world, case_at, state, holder, sentence, page):
    case = case_at(state)
    row = row_of(case, getattr(world, holder))
    assert (row.sentence, row.link, row.due_on, row.since) == (
        sentence,
        page.format(pk=case.pk),
        case.due_on,
        case.state_since,
    )
    others = {"applicant", "intake", "organiser", "supervisor", "approver"} - {holder}
    assert [other for other in others if f"application-{case.pk}" in dict(told(getattr(world, other)))] == []


def test_a_draft_tells_how_far_it_has_come(world, case_at):
    case = case_at("draft")
    cases.fill(case, journey.random_of(case))
    claims = sum(row.value is not None for row in case.claims.all())
    documents, evidence = (rows.filter(removed_at=None).count() for rows in (case.documents, case.evidence))
    assert claims > 0
    assert row_of(case, world.applicant).detail.endswith(
        f" · 已自评 {claims} 条，材料 {documents} 份，佐证 {evidence} 份"
    )


def test_a_correction_tells_how_much_is_still_to_be_answered(world, case_at):
    case = case_at("correction")
    findings = Finding.objects.filter(application=case)
    said = []
    for left in (findings.count(), 0):
        if not left:
            findings.update(reply="已改正。")
        said.append(row_of(case, world.applicant).detail.rpartition(" · ")[2])
    assert said == [f"还有 {findings.count()} 处待答复", "已逐条答复，待提交"]


def test_an_expert_is_asked_and_then_marks(case_at):
    for state, sentence in (("inviting", "评审邀请：请接受、谢绝或申明回避"), ("review", work.NEXT["review"])):
        case = case_at(state)
        row = people.panel_of(case, "invited" if state == "inviting" else "accepted")[0]
        assert (f"assignment-{row.pk}", sentence) in told(row.expert.user)


def test_an_invitation_waits_on_the_account_that_is_asked_until_it_is_answered_or_expires(world):
    somebody = User.objects.create_user("somebody", name="示例某")
    administrator = world.unit.memberships.get(role="administrator").user
    invitation = inviting.invite(administrator, world.unit, "somebody", "member")
    (row,) = waiting_on(somebody)
    assert (row.key, row.subject, row.due_on) == (
        f"invitation-{invitation.pk}",
        world.unit.name,
        inviting.last_day(invitation),
    )
    assert row.link == inviting.address_of(invitation)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert told(somebody) == []


def test_a_change_of_a_units_data_waits_on_intake_unless_it_is_their_own_unit(world):
    change = OrganisationChange.objects.create(
        organisation=world.unit, state="waiting", before={}, after={}, asked_by=world.applicant
    )
    wanted = (f"organisation-change-{change.pk}", "核验单位信息变更")
    assert wanted in told(world.intake)
    assert wanted not in told(world.applicant)


def test_who_acts_for_one_unit_alone_has_its_work_and_no_seat(world, case_at):
    case = case_at("review")
    expert = fresh(people.panel_of(case, "accepted")[0].expert.user)
    assert waiting_on(expert) != []
    limit_to(expert, world.unit.pk)
    assert waiting_on(expert) == []


def test_a_site_visit_waits_on_the_applicant_from_the_record_to_the_signature(world, case_at):
    case = case_at("site_visit")
    visits = SiteVisit.objects.filter(application=case)
    said = []
    for columns in (
        {"visited_on": None, "summary": "", "applicant_signed_at": None},
        {"visited_on": timezone.localdate(), "summary": "示例。"},
        {"applicant_signed_at": timezone.now()},
    ):
        visits.update(**columns)
        said.append([sentence for key, sentence in told(world.applicant) if key == f"application-{case.pk}"])
    assert said == [[], ["核对并签署现场核查记录"], []]
    leader = next(row for row in people.panel_of(case, "accepted") if row.is_leader).expert.user
    assert (f"application-{case.pk}", work.NEXT["site_visit"]) in told(leader)


@pytest.mark.parametrize("state, waits", [("draft", True), ("correction", True), ("form_check", False)])
def test_an_engaged_unit_fills_in_for_the_applicant(world, case_at, state, waits):
    assert (f"application-{case_at(state).pk}" in dict(told(world.consultant))) is waits


@pytest.mark.parametrize(
    "state, deciding", [("received", {"intake", "supervisor"}), ("accepted", {"supervisor", "approver"})]
)
def test_objections_are_decided_on_by_those_whom_their_table_names(state, deciding):
    """What My work says of objections is what their machine lets each duty do."""
    rows = [row for row in OBJECTION.transitions if state in row.sources]
    assert set().union(*(row.by for row in rows)) - {"system"} == deciding == work.OBJECTIONS[state]


def test_keys_are_each_things_own_and_the_order_is_by_deadline(world, pks):
    for holder in (world.applicant, world.intake, world.organiser):
        rows = waiting_on(fresh(holder))
        assert len({row.key for row in rows}) == len(rows) > 0
        days = [row.due_on for row in rows]
        assert days == sorted(days, key=lambda day: (day is None, day or timezone.localdate()))


@pytest.mark.parametrize(
    "holder, state", [("applicant", "draft"), ("applicant", "correction"), ("intake", "form_check")]
)
def test_many_things_cost_the_same_questions_as_one(world, pks, holder, state):
    counts = {}
    for number in (1, 2):
        with CaptureQueriesContext(connection) as asked:
            rows = waiting_on(fresh(getattr(world, holder)))
        counts[sum(row.sentence == work.NEXT[state] for row in rows)] = len(asked)
        if number == 1:
            world.case_at(state)
    assert (sorted(counts), len(set(counts.values()))) == ([1, 2], 1)


# --- while experts are asked ---


def said_of_holder(user, case):
    """What the page of the project, that of the application, and the steps of both say of who holds the case."""
    client = Client()
    client.force_login(fresh(user))
    project, page = client.get(case.project.get_absolute_url()), client.get(case.get_absolute_url())
    (_application, holder, *_rest) = project.context["applications"][0]
    steps = [step.holder for one in (project, page) for step in one.context["steps"] if step.status == "now"]
    return [holder, page.context["answers"], *steps]


def test_while_experts_are_asked_the_case_waits_on_them_and_tells_how_many_have_accepted(world, case_at):
    case = case_at("inviting")
    seats = case.project.programme.panel_size
    assert said_of_holder(world.applicant, case) == [f"等待专家答复（0/{seats}）"] * 4
    row = people.panel_of(case, "invited")[0]
    ASSIGNMENT.perform(row, "accept", by=row.expert.user, no_conflict=True)
    assert said_of_holder(world.applicant, case) == [f"等待专家答复（1/{seats}）"] * 4
    assert f"application-{case.pk}" not in dict(told(world.organiser))
    assert journey_of_case.holder_role(case) == "invitee"


def test_a_pool_that_ran_dry_waits_on_the_supervisor_to_draw_anew(world, case_at):
    case = case_at("inviting")
    seat = people.panel_of(case, "invited")[0]
    Vacancy.objects.create(assignment=seat, draw=seat.draw, state="dry")
    for who in (world.organiser, world.supervisor):
        assert (f"application-{case.pk}", "候选专家已用尽，由监督员启动重新抽取") in told(who)
    assert journey_of_case.holder_role(case) == "supervisor"
    assert said_of_holder(world.applicant, case) == ["现由监督员办理。", "", "", ""]


def test_many_cases_whose_experts_are_asked_cost_one_question(world, case_at):
    asked = [case_at("inviting"), world.case_at("inviting")]
    for rows in (asked[:1], asked):
        with CaptureQueriesContext(connection) as queries:
            assert drawing.accepted(rows) == {}
        assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        assert drawing.accepted([at for at in asked if at.state == "review"]) == {}
    assert len(queries) == 0
