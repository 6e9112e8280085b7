"""My work: what waits on each role, how far it has come, and that it costs the same for one thing and for many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from communities import inviting
from communities.models import Invitation, OrganisationChange
from communities.permissions import limit_to
from evaluation import work
from evaluation.models import Finding, SiteVisit
from evaluation.work import waiting_on
from evaluation.workflow import OBJECTION
from portal.demo import cases, journey, people
from portal.models import User


def fresh(user):
    return User.objects.get(pk=user.pk)


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
        ("approval", "approver", "审定", "/applications/{pk}/approval/"),
    ],
)
def test_a_case_waits_on_who_holds_it_and_leads_to_where_it_is_done(world, at_state, state, holder, sentence, page):
    case = at_state(state)
    (row,) = [row for row in waiting_on(fresh(getattr(world, holder))) if row.key == f"application-{case.pk}"]
    assert (row.sentence, row.link, row.due_on, row.since) == (
        sentence,
        page.format(pk=case.pk),
        case.due_on,
        case.state_since,
    )
    others = {"applicant", "intake", "organiser", "supervisor", "approver"} - {holder}
    assert [other for other in others if f"application-{case.pk}" in dict(told(getattr(world, other)))] == []


def test_a_draft_tells_how_far_it_has_come(world, at_state):
    case = at_state("draft")
    cases.fill(case, journey.random_of(case))
    claims = sum(row.value is not None for row in case.claims.all())
    documents, evidence = (rows.filter(removed_at=None).count() for rows in (case.documents, case.evidence))
    (row,) = waiting_on(fresh(world.applicant))
    assert claims > 0
    assert row.detail.endswith(f" · 已自评 {claims} 条，材料 {documents} 份，佐证 {evidence} 份")


def test_a_correction_tells_how_much_is_still_to_be_answered(world, at_state):
    case = at_state("correction")
    findings = Finding.objects.filter(application=case)
    said = []
    for left in (findings.count(), 0):
        if not left:
            findings.update(reply="已改正。")
        (row,) = waiting_on(fresh(world.applicant))
        said.append(row.detail.rpartition(" · ")[2])
    assert said == [f"还有 {findings.count()} 处待答复", "已逐条答复，待提交"]


def test_an_expert_is_asked_and_then_marks(world, at_state):
    for state, sentence in (("inviting", "评审邀请：请接受、谢绝或申明回避"), ("review", work.NEXT["review"])):
        case = at_state(state)
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


def test_who_acts_for_one_unit_alone_has_its_work_and_no_seat(world, at_state):
    case = at_state("review")
    expert = fresh(people.panel_of(case, "accepted")[0].expert.user)
    assert waiting_on(expert) != []
    limit_to(expert, world.unit.pk)
    assert waiting_on(expert) == []


def test_a_site_visit_waits_on_the_applicant_from_the_record_to_the_signature(world, at_state):
    case = at_state("site_visit", "completion")
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
def test_an_engaged_unit_fills_in_for_the_applicant(world, at_state, state, waits):
    case = at_state(state, advised=True)
    assert (f"application-{case.pk}" in dict(told(world.consultant))) is waits


@pytest.mark.parametrize(
    "state, deciding", [("received", {"intake", "supervisor"}), ("accepted", {"supervisor", "approver"})]
)
def test_objections_are_decided_on_by_those_whom_their_table_names(state, deciding):
    """What My work says of objections is what their machine lets each duty do."""
    rows = [row for row in OBJECTION.transitions if state in row.sources]
    assert set().union(*(row.by for row in rows)) - {"system"} == deciding == work.OBJECTIONS[state]


def test_keys_are_each_things_own_and_the_order_is_by_deadline(world, at_state):
    for state in ("draft", "correction", "form_check", "drawing"):
        at_state(state)
    for holder in (world.applicant, world.intake, world.organiser):
        rows = waiting_on(fresh(holder))
        assert len({row.key for row in rows}) == len(rows) > 0
        days = [row.due_on for row in rows]
        assert days == sorted(days, key=lambda day: (day is None, day or timezone.localdate()))


@pytest.mark.parametrize(
    "holder, state", [("applicant", "draft"), ("applicant", "correction"), ("intake", "form_check")]
)
def test_many_things_cost_the_same_questions_as_one(world, at_state, holder, state):
    counts = []
    for _case in range(3):
        at_state(state)
        with CaptureQueriesContext(connection) as asked:
            waiting_on(fresh(getattr(world, holder)))
        counts.append(len(asked))
    assert len(set(counts)) == 1
