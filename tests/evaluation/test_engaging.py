"""Consulting units of a case: who engages whom and when, what they see and lose, and what it means for a draw."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities import changes
from communities.models import Membership, Officer, Organisation, OrganisationChange
from communities.workflow import ORGANISATION_CHANGE
from evaluation import drawing, engaging, filing, permissions, substituting, work
from evaluation.models import Application, Engagement, Project
from evaluation.workflow import APPLICATION, ASSIGNMENT
from experts.draw import EXCLUSIONS
from experts.models import Expert, Recusal
from portal.demo import journey, names, papers, people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]

TODAY = timezone.localdate()
YESTERDAY = TODAY - timedelta(days=1)
SCOPE = "示例：整理佐证"
# The states in which a case stands before, during and after its panel; one case of the module at each.
STATES = ("draft", "drawing", "cosigning", "inviting", "review", "approval", "notice")


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def cases(world):
    return {state: world.case_at(state).pk for state in STATES}


@pytest.fixture
def at(cases):
    return lambda state: scenes.case(cases[state])


def offer(world, application, **values):
    """The applicant asks the consulting unit of the world."""
    by = scenes.person(values.pop("by", world.applicant.username))
    said = {"credit_code": world.consulting.credit_code, "scope": SCOPE, **values}
    return engaging.offer(by, Project.objects.get(pk=application.project_id), **said)


def engage(world, application, **values):
    """The applicant asks the consulting unit of the world, and the unit accepts."""
    row = offer(world, application, **values)
    engaging.accept(scenes.person(row.organisation.memberships.get(role="administrator").user.username), row)
    return row


def sees(username, application):
    user = scenes.person(username)
    listed = permissions.visible_to(user).filter(pk=application.pk).exists()
    project = permissions.projects_visible_to(user).filter(pk=application.project_id).exists()
    assert listed == permissions.can_view(user, application)
    assert project == permissions.can_view_project(user, application.project)
    return listed, project


# --- engaging ---------------------------------------------------------------------------------------------------------


def test_an_engaged_unit_sees_and_writes_just_that_case(world, at):
    draft, other = at("draft"), at("drawing")
    assert (sees("consultant", draft), sees("consultant", other)) == ((False, False), (False, False))
    row = engage(world, draft, credit_code=f" {world.consulting.credit_code.lower()} ", scope=f" {SCOPE} ")
    assert (row.scope, row.since, row.until, row.engaged_by) == (SCOPE, TODAY, None, world.applicant)
    assert (sees("consultant", draft), sees("consultant", other)) == ((True, True), (False, False))
    filing.save_claim(scenes.person("consultant"), draft, "4.1.1", value=True, note="", revision=0)
    assert permissions.acting_for(scenes.person("consultant"), draft.project) == (world.consulting, "consultant")
    event = Event.objects.of(draft.project).last()
    assert (event.verb, event.actor) == ("project.accept_engagement", world.consultant)
    told = Notification.objects.filter(key__startswith=f"event:{event.pk}:").values_list("user", flat=True)
    assert list(told) == [world.applicant.pk]


ROLES = {
    "applicant": True, "other-applicant": False, "consultant": False, "intake": False, "organiser": False,
    "supervisor": False, "district-1": False,
}  # fmt: skip


@pytest.mark.parametrize("username,may", ROLES.items())
def test_only_the_applicant_engages(world, at, username, may):
    if may:
        assert offer(world, at("draft"), by=username).pk
    else:
        with pytest.raises(NotAllowed):
            offer(world, at("draft"), by=username)


def test_an_engaged_unit_engages_nobody(world, at):
    engage(world, at("draft"))
    with pytest.raises(NotAllowed):
        offer(world, at("draft"), by="consultant")


@pytest.mark.parametrize(
    "case,problem",
    [
        ("short", ("credit_code_length", "credit_code")),
        ("unknown", ("unknown", "credit_code")),
        ("own", ("consultant_is_applicant", "credit_code")),
        ("developer", ("not_consulting", "credit_code")),
        ("inactive", ("unknown", "credit_code")),
        ("asked", ("engaged_already", "credit_code")),
        ("engaged", ("engaged_already", "credit_code")),
        ("officer", ("consultant_has_officer", "credit_code")),
        ("speechless", ("required", "scope")),
        ("verbose", ("too_long", "scope")),
    ],
)
def test_who_cannot_be_engaged(world, at, case, problem):
    said = {
        "short": {"credit_code": "123"},
        "unknown": {"credit_code": names.code("500101", "C", 99)},
        "own": {"credit_code": world.unit.credit_code},
        "developer": {"credit_code": world.other_unit.credit_code},
        "speechless": {"scope": " "},
        "verbose": {"scope": "字" * 201},
    }
    if case == "inactive":
        Organisation.objects.filter(pk=world.consulting.pk).update(state="banned")
    elif case == "asked":
        offer(world, at("draft"))
    elif case == "engaged":
        engage(world, at("draft"))
    elif case == "officer":
        Officer.objects.create(user=world.consultant, duty="intake", since=TODAY)
    with scenes.refused() as problems:
        offer(world, at("draft"), **said.get(case, {}))
    assert [place for _code, place in problems] == [problem[1]]
    assert case == "short" or problems == [problem]


def test_several_units_advise_at_a_time(world, at):
    second = people.make_unit(2, "consulting", "示例第二咨询有限公司", world.district, "consultant-2", "示例咨询员二")
    for unit in (world.consulting, second):
        engage(world, at("draft"), credit_code=unit.credit_code)
    assert [row.organisation for row in at("draft").project.consultants] == [world.consulting, second]
    assert (sees("consultant", at("draft")), sees("consultant-2", at("draft"))) == ((True, True), (True, True))


@pytest.mark.parametrize("state", STATES)
def test_while_a_panel_sits_nobody_joins_the_case(world, at, state):
    if state in engaging.PANEL_SITS:
        asked = Engagement.objects.create(
            project=at(state).project, organisation=world.consulting, engaged_by=world.applicant
        )
        with scenes.refused() as problems:
            engaging.accept(scenes.person("consultant"), asked)
        assert (problems, Engagement.objects.get(pk=asked.pk).since) == ([("panel_sits", "")], None)
        asked.delete()
        with scenes.refused() as problems:
            offer(world, at(state))
        assert problems == [("panel_sits", "")]
    else:
        assert engage(world, at(state)).pk


def test_the_states_in_which_a_panel_sits_are_states():
    assert set(APPLICATION.states) >= engaging.PANEL_SITS


# --- answering --------------------------------------------------------------------------------------------------------


def member(world, username):
    """Somebody who acts for the consulting unit without administering it."""
    person = people.user(username, "示例咨询员乙")
    person.save()
    Membership.objects.create(user=person, organisation=world.consulting, role="member", since=TODAY)
    return person


@pytest.mark.parametrize("answer", ["none", "decline", "withdraw"])
@pytest.mark.parametrize("tie", ["employer", "member", "recusal"])
def test_naming_a_unit_that_has_not_accepted_drives_no_expert_out_of_a_draw(world, at, expert, tie, answer):
    application = at("drawing")
    tied(world, expert, tie)
    pool = drawing.candidates(application)
    row = offer(world, application)
    if answer == "decline":
        engaging.decline(scenes.person("consultant"), row)
    elif answer == "withdraw":
        engaging.end_engagement(scenes.person("applicant"), row)
    assert expert.pk not in drawing.conflicts(at("drawing"), TODAY)
    assert drawing.candidates(at("drawing")) == pool
    assert at("drawing").project.party_codes == (world.unit.credit_code,)


@pytest.mark.parametrize("state", ["cosigning", "inviting"])
def test_an_offer_moves_no_draw(world, at, state):
    frozen, asked = [draw.frozen for draw in at(state).draws.all()], people.panel_of(at(state), "invited")
    for seat in asked:
        Expert.objects.filter(pk=seat.expert_id).update(employer_code=world.consulting.credit_code)
    offer(world, at(state))
    assert at(state).state == state
    assert [draw.frozen for draw in at(state).draws.all()] == frozen
    assert people.panel_of(at(state), "invited") == asked


@pytest.mark.parametrize("answer", ["none", "decline", "withdraw"])
def test_an_offer_gives_nobody_access(world, at, client, answer):
    draft = at("draft")
    row = offer(world, draft)
    if answer == "decline":
        engaging.decline(scenes.person("consultant"), row)
    elif answer == "withdraw":
        engaging.end_engagement(scenes.person("applicant"), row)
    assert sees("consultant", draft) == (False, False)
    assert (draft.project.consultants, draft.project.engaged) == ([], [])
    client.force_login(world.consultant)
    pages = [draft.project.get_absolute_url(), draft.get_absolute_url(), reverse("evidence", args=[draft.pk])]
    assert [client.get(page).status_code for page in pages] == [404, 404, 404]


WHO = [("consultant", True), ("colleague", False), ("applicant", False), ("other-applicant", False), ("intake", False)]


@pytest.mark.parametrize("answer", [engaging.accept, engaging.decline])
@pytest.mark.parametrize("who,may", WHO)
def test_an_administrator_of_the_unit_answers_and_nobody_else(world, at, who, may, answer):
    row = offer(world, at("draft"))
    member(world, "colleague")
    if may:
        answer(scenes.person(who), row)
        standing = {engaging.accept: "accepted", engaging.decline: "declined"}[answer]
        same = Engagement.objects.get(pk=row.pk)
        assert (same.standing, row.standing, same.answered_by) == (standing, standing, world.consultant)
    else:
        with pytest.raises(NotAllowed):
            answer(scenes.person(who), row)
        assert Engagement.objects.get(pk=row.pk).standing == "offered"


@pytest.mark.parametrize("then", [engaging.accept, engaging.decline])
@pytest.mark.parametrize("first", ["accept", "decline", "withdraw"])
def test_an_offer_is_answered_once(world, at, first, then):
    row = offer(world, at("draft"))
    same = Engagement.objects.get(pk=row.pk)
    if first == "withdraw":
        engaging.end_engagement(scenes.person("applicant"), row)
    else:
        getattr(engaging, first)(scenes.person("consultant"), row)
    with pytest.raises(Stale):
        then(scenes.person("consultant"), same)
    with pytest.raises(Stale):
        then(scenes.person("consultant"), Engagement.objects.get(pk=row.pk))


@pytest.mark.parametrize("change,problem", [("officer", "consultant_has_officer"), ("kind", "not_consulting")])
def test_what_would_refuse_the_offer_refuses_the_answer_too(world, at, change, problem):
    row = offer(world, at("draft"))
    if change == "officer":
        Officer.objects.create(user=world.consultant, duty="intake", since=TODAY)
    else:
        Organisation.objects.filter(pk=world.consulting.pk).update(kind="other")
    with scenes.refused() as problems:
        engaging.accept(scenes.person("consultant"), Engagement.objects.get(pk=row.pk))
    assert problems == [(problem, "")]


def test_a_banned_unit_accepts_nothing(world, at):
    row = offer(world, at("draft"))
    Organisation.objects.filter(pk=world.consulting.pk).update(state="banned")
    with pytest.raises(Stale):
        engaging.accept(scenes.person("consultant"), row)


def test_who_is_asked_finds_it_among_the_own_work_and_by_message(world, at):
    row = offer(world, at("draft"))
    member(world, "colleague")

    def waits(username):
        return [one.link for one in work.waiting_on(scenes.person(username)) if one.key == f"engagement-{row.pk}"]

    assert (waits("consultant"), waits("colleague"), waits("applicant")) == ([row.get_absolute_url()], [], [])
    event = Event.objects.of(at("draft").project).last()
    told = Notification.objects.filter(key__startswith=f"event:{event.pk}:").values_list("user", "link")
    assert list(told) == [(world.consultant.pk, row.get_absolute_url())]
    engaging.decline(scenes.person("consultant"), row)
    assert waits("consultant") == []
    event = Event.objects.of(at("draft").project).last()
    told = Notification.objects.filter(key__startswith=f"event:{event.pk}:").values_list("user", flat=True)
    assert (event.verb, list(told)) == ("project.decline_engagement", [world.applicant.pk])


def test_a_unit_that_declined_can_be_asked_again_but_not_all_day(world, at, monkeypatch):
    monkeypatch.setattr(engaging, "OFFERED_AT_MOST", 3)
    for _time in range(3):
        engaging.decline(scenes.person("consultant"), offer(world, at("draft")))
    with scenes.refused() as problems:
        offer(world, at("draft"))
    assert problems == [("too_many_offered", "")]


@pytest.mark.parametrize("who,status", [("consultant", 200), ("applicant", 200), ("colleague", 404), ("intake", 404)])
def test_the_offer_is_read_by_whom_it_concerns(world, at, client, who, status):
    row = offer(world, at("draft"))
    member(world, "colleague")
    client.force_login(scenes.person(who))
    assert client.get(row.get_absolute_url()).status_code == status
    answered = client.post(reverse("engagement-answer", args=[row.pk]), {"answer": "decline"})
    assert answered.status_code == {"consultant": 302, "applicant": 403}.get(who, 404)


# --- ending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who,may",
    [("applicant", True), ("consultant", True), ("colleague", False), ("other-applicant", False), ("intake", False)],
)
def test_the_applicant_and_the_units_administrator_end_it(world, at, who, may):
    row = engage(world, at("draft"))
    member(world, "colleague")
    assert engaging.may_end(scenes.person(who), row) is may
    if may:
        engaging.end_engagement(scenes.person(who), row)
        assert (row.until, sees("consultant", at("draft"))) == (YESTERDAY, (False, False))
    else:
        with pytest.raises(NotAllowed):
            engaging.end_engagement(scenes.person(who), row)


def test_an_ended_engagement_takes_access_with_the_next_request(world, at, client):
    draft = at("draft")
    row = engage(world, draft)
    client.force_login(world.consultant)
    pages = [draft.project.get_absolute_url(), draft.get_absolute_url(), reverse("evidence", args=[draft.pk])]
    assert [client.get(page).status_code for page in pages] == [200, 200, 200]
    engaging.end_engagement(scenes.person("applicant"), row)
    assert [client.get(page).status_code for page in pages] == [404, 404, 404]
    save = reverse("claim-save", args=[draft.pk, "4.1.1"])
    assert client.post(save, {"value": "true", "revision": "0"}).status_code == 404


def test_it_ends_once_and_can_begin_again_the_same_day(world, at):
    row = engage(world, at("draft"))
    same = Engagement.objects.get(pk=row.pk)
    engaging.end_engagement(scenes.person("applicant"), row)
    with pytest.raises(Stale):
        engaging.end_engagement(scenes.person("applicant"), same)
    assert engage(world, at("draft")).pk != row.pk


def test_who_leaves_the_consulting_unit_loses_its_cases(world, at):
    engage(world, at("draft"))
    Membership.objects.filter(user=world.consultant).update(until=YESTERDAY)
    assert sees("consultant", at("draft")) == (False, False)


# --- conflicts and draws ----------------------------------------------------------------------------------------------


@pytest.fixture
def expert():
    return Expert.objects.get(number="ZJ-0002")


def tied(world, expert, tie):
    """The expert has to do with the consulting unit."""
    code = world.consulting.credit_code
    if tie == "employer":
        Expert.objects.filter(pk=expert.pk).update(employer_code=code)
    elif tie == "member":
        Membership.objects.create(user=expert.user, organisation=world.consulting, role="member", since=TODAY)
    else:
        Recusal.objects.create(expert=expert, party_code=code, reason="kinship", declared_by=expert.user)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("tie", ["employer", "member", "recusal"])
def test_an_engagement_is_a_conflict_in_the_draw_also_once_it_has_ended(world, at, expert, ended, tie):
    application = at("drawing")
    tied(world, expert, tie)
    assert expert.pk not in drawing.conflicts(application, TODAY)
    row = engage(world, application)
    if ended:
        engaging.end_engagement(scenes.person("applicant"), row)
    reason = {"employer": "same_consulting_unit", "member": "employed_by_party", "recusal": "kinship"}[tie]
    assert drawing.conflicts(at("drawing"), TODAY)[expert.pk] == reason
    excluded = {one.expert_id: one.excluded for one in drawing.candidates(at("drawing"))}
    assert excluded[expert.number] == reason


def test_a_frozen_pool_is_frozen_anew_when_a_party_joins(world, at):
    application = at("cosigning")
    engage(world, application)
    application = at("cosigning")
    event = Event.objects.of(application).last()
    assert (application.state, application.draws.count()) == ("drawing", 0)
    assert (event.verb, event.role, event.actor) == ("application.recheck_parties", "system", None)
    APPLICATION.perform(application, "propose_draw", by=world.organiser)
    assert at("cosigning").state == "cosigning"


@pytest.mark.parametrize("answer", ["invited", "accepted"])
def test_who_was_asked_and_now_conflicts_is_replaced_and_both_are_told(world, at, answer):
    application = at("inviting")
    before = people.panel_of(application, "invited")
    gone = before[0]
    if answer == "accepted":
        ASSIGNMENT.perform(gone, "accept", by=gone.expert.user, no_conflict=True)
    Expert.objects.filter(pk=gone.expert_id).update(employer_code=world.consulting.credit_code)
    engage(world, application)
    journey.fill_seats(application)
    after = people.panel_of(at("inviting"), "invited", "accepted")
    gone.refresh_from_db()
    assert (gone.state, len(after), gone.expert_id in {row.expert_id for row in after}) == ("recused", 5, False)
    event = Event.objects.of(gone).last()
    assert (event.verb, event.role, event.data["reason"]) == (
        "assignment.exclude", "system", EXCLUSIONS["same_consulting_unit"]
    )  # fmt: skip
    told = Notification.objects.filter(key__startswith=f"event:{event.pk}:").values_list("user", flat=True)
    assert set(told) == {application.organiser_id, gone.expert.user_id}


def test_a_substitute_who_conflicts_too_is_passed_over(world, at):
    """Everybody of the pool but the seated works for the new party: none of them comes in, whomever the lots name."""
    application = at("inviting")
    seated = people.panel_of(application, "invited")
    gone = next(row for row in seated if not row.is_leader)
    spared = {row.expert_id for row in seated if row.pk != gone.pk}
    Expert.objects.exclude(pk__in=spared).update(employer_code=world.consulting.credit_code)
    engage(world, application)
    journey.fill_seats(application)
    application = at("inviting")
    asked = {row.expert_id for row in people.panel_of(application, "invited", "accepted")}
    assert asked <= spared
    assert bool(substituting.shortage(application))  # the pool ran dry, and the organiser sees it
    passed = application.assignments.filter(state="recused").exclude(pk=gone.pk)
    assert passed.exists()
    for row in passed:  # nobody was asked who could not have come
        assert not Notification.objects.filter(key__startswith=f"invitation:{row.pk}:").exists()
        event = Event.objects.of(row).last()
        assert (event.verb, event.data["unasked"]) == ("assignment.exclude", True)
        assert not Notification.objects.filter(key=f"event:{event.pk}:{row.expert.user_id}").exists()


def test_nobody_who_has_no_tie_is_replaced(world, at):
    before = [row.pk for row in people.panel_of(at("inviting"), "invited")]
    engage(world, at("inviting"))
    assert [row.pk for row in people.panel_of(at("inviting"), "invited")] == before


def becomes(world, code):
    """The applicant's unit gets another credit code; intake approves."""
    unit = Organisation.objects.get(pk=world.unit.pk)
    values = {name: getattr(unit, name) for name in ("name", "kind", "district", "address")}
    values |= {"credit_code": code, "undertaking": True}
    change = changes.propose_change(scenes.person("applicant"), unit, values, papers.pdf("营业执照", f"{unit} {code}"))
    ORGANISATION_CHANGE.perform(change, "approve", by=world.intake)


NEW_CODE = names.code("500101", "D", 77)


@pytest.fixture
def conflicted(world, at):
    """A party becomes the employer of somebody who sits on a panel at work; who that is."""
    seat = people.panel_of(at("review"), "accepted")[1]
    Expert.objects.filter(pk=seat.expert_id).update(employer_code=NEW_CODE)
    becomes(world, NEW_CODE)
    seat.refresh_from_db()
    return seat


def test_a_seat_that_conflicts_while_the_panel_sits_is_told_to_those_who_draw(world, at, conflicted):
    application = at("review")
    assert (application.state, conflicted.state, conflicted.conflict) == ("review", "accepted", "employed_by_party")
    assert [row.pk for row in application.assignments.exclude(conflict="")] == [conflicted.pk]
    event = Event.objects.of(conflicted).last()
    assert (event.verb, event.role, event.data["reason"]) == ("assignment.conflict", "system", "employed_by_party")
    draw = reverse("draw", args=[application.pk])
    for message in (messages := Notification.objects.filter(key__startswith=f"event:{event.pk}:")):
        assert (message.link, str(conflicted.expert) in message.body) == (draw, True)
    assert {message.user_id for message in messages} == {world.organiser.pk, world.supervisor.pk}
    for who in ("organiser", "supervisor"):
        found = [row for row in work.waiting_on(scenes.person(who)) if row.key.startswith("conflict-")]
        assert [(row.key, row.link) for row in found] == [(f"conflict-{conflicted.pk}", draw)]
        assert str(conflicted.expert) in found[0].sentence
    for other in ("applicant", "approver", "intake", conflicted.expert.user.username):
        assert [row for row in work.waiting_on(scenes.person(other)) if row.key.startswith("conflict-")] == []


def test_whose_seat_conflicts_signs_nothing_whatever_was_loaded_before(world, at):
    seat = people.panel_of(at("review"), "accepted")[1]
    Expert.objects.filter(pk=seat.expert_id).update(employer_code=NEW_CODE)
    becomes(world, NEW_CODE)  # ``seat`` was read before
    with scenes.refused() as problems:
        ASSIGNMENT.perform(seat, "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
    assert ("conflict", "") in problems


@pytest.mark.parametrize("state", ["review", "deliberation"])
def test_the_supervisor_draws_anew_where_a_seat_conflicts_and_only_there(world, at, conflicted, state, client):
    application = at("review")
    Application.objects.filter(pk=application.pk).update(state=state)
    application = at("review")
    client.force_login(world.supervisor)
    page = client.get(reverse("draw", args=[application.pk])).content.decode()
    assert ("须回避" in page, "重新抽取" in page) == (True, True)
    APPLICATION.perform(application, "redraw", by=world.supervisor, reason="示例")
    application = at("review")
    assert (application.state, application.review_round) == ("drawing", 2)
    APPLICATION.perform(application, "propose_draw", by=world.organiser)
    excluded = {one.number: one.excluded for one in drawing.standings(application, drawing.draw_of(application))}
    assert excluded[conflicted.expert.number] == "employed_by_party"


def test_without_a_conflict_a_panel_that_sits_is_not_drawn_anew(world, at):
    with pytest.raises(Stale):
        APPLICATION.perform(at("review"), "redraw", by=world.supervisor, reason="示例")


def test_no_result_is_approved_while_a_seat_conflicts(world, at):
    application = at("approval")
    seat = application.assignments.filter(review_round=application.review_round, state="signed").first()
    Expert.objects.filter(pk=seat.expert_id).update(employer_code=NEW_CODE)
    becomes(world, NEW_CODE)
    with scenes.refused() as problems:
        APPLICATION.perform(at("approval"), "approve", by=world.approver, opinion="示例")
    assert problems == [("seat_conflicts", "")]
    APPLICATION.perform(at("approval"), "send_back", by=world.approver, reason="示例")
    with scenes.refused() as problems:
        APPLICATION.perform(at("approval"), "close_review", by=world.organiser)
    assert problems == [("seat_conflicts", "")]


def test_seats_of_those_who_have_no_tie_stay_as_they_are(world, at):
    before = Event.objects.in_thread(at("review").thread).count()
    becomes(world, NEW_CODE)
    assert not at("review").assignments.exclude(conflict="").exists()
    assert Event.objects.in_thread(at("review").thread).count() == before


def test_a_party_that_changes_its_credit_code_keeps_its_old_conflicts_and_gets_new_ones(world, at, expert):
    unit, old, new = world.unit, world.unit.credit_code, NEW_CODE
    becomes(world, new)
    application = at("cosigning")
    assert (application.project.party_codes, application.state) == ((new, old), "drawing")
    for code in (old, new):
        Expert.objects.filter(pk=expert.pk).update(employer_code=code)
        assert drawing.conflicts(application, TODAY)[expert.pk] == "employed_by_party"
    assert OrganisationChange.objects.former_codes([unit.pk]) == [old]


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_case_page_engages_and_ends(world, at, client):
    project = at("draft").project
    client.force_login(world.applicant)
    address = reverse("engagement-new", args=[project.pk])
    wrong = client.post(address, {"credit_code": "123", "scope": ""})
    assert (wrong.status_code, 'value="123"' in wrong.content.decode()) == (422, True)
    refused = client.post(address, {"credit_code": world.other_unit.credit_code, "scope": SCOPE})
    assert (refused.status_code, "不是咨询服务单位" in refused.content.decode()) == (422, True)
    made = client.post(address, {"credit_code": world.consulting.credit_code, "scope": SCOPE})
    page = client.get(made.url).content.decode()
    assert (made.url, world.consulting.name in page, SCOPE in page) == (project.get_absolute_url(), True, True)
    assert (f"您代表{world.unit.name}（申报单位）办理本案。" in page, "待咨询单位确认" in page) == (True, True)
    row = Engagement.objects.get(project=project)
    client.force_login(world.consultant)
    assert client.get(made.url).status_code == 404
    asked = client.get(row.get_absolute_url()).content.decode()
    assert (project.number in asked, made.url in asked, "接受委托</button>" in asked) == (True, False, True)
    accepted = client.post(reverse("engagement-answer", args=[row.pk]), {"answer": "accept"})
    assert accepted.url == made.url
    page = client.get(made.url).content.decode()
    assert f"您代表{world.consulting.name}（咨询服务单位）办理本案。" in page
    assert ("委托咨询服务单位</summary>" in page, reverse("engagement-end", args=[row.pk]) in page) == (False, True)
    assert client.post(reverse("engagement-end", args=[row.pk])).url == reverse("projects")
    assert client.get(made.url).status_code == 404
    client.force_login(world.applicant)
    assert "委托已终止" in client.get(made.url).content.decode()


@pytest.mark.parametrize("who,status", [("other-applicant", 404), ("intake", 403), ("consultant", 404)])
def test_the_acts_are_closed_to_others(world, at, client, who, status):
    """The unit still finds what it was asked once; to end it again is to come too late."""
    application = at("notice")
    row = engage(world, application)
    Engagement.objects.filter(pk=row.pk).update(until=YESTERDAY if who == "consultant" else None)
    client.force_login(scenes.person(who))
    assert client.post(reverse("engagement-new", args=[application.project_id]), {}).status_code == status
    assert client.post(reverse("engagement-end", args=[row.pk])).status_code == (409 if who == "consultant" else status)


@pytest.mark.parametrize("username", ["applicant", "consultant", "colleague"])
def test_the_case_page_asks_as_often_with_ten_engagements_as_with_one(world, at, client, username):
    """Also for whoever may end none of them: an ordinary member of one of the units."""
    application = at("draft")
    engage(world, application)
    member(world, "colleague")
    client.force_login(scenes.person(username))

    def asked():
        with CaptureQueriesContext(connection) as seen:
            client.get(application.project.get_absolute_url())
        return len(seen)

    few = asked()
    for number in range(3, 12):
        unit = Organisation.objects.create(
            credit_code=names.code("500101", "C", number), name=f"示例{number}", kind="consulting", state="active",
            district=world.district, address="示例", contact="示例", phone="1",
        )  # fmt: skip
        offer(world, application, credit_code=unit.credit_code)
        Engagement.objects.filter(organisation=unit).update(since=TODAY)
    assert asked() == few


# --- what was before --------------------------------------------------------------------------------------------------


BEFORE = """
import datetime, django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
executor = MigrationExecutor(connection)
executor.migrate([("evaluation", "0004_engagements")])
old = executor.loader.project_state([("evaluation", "0004_engagements")]).apps
model = lambda app, name: old.get_model(app, name)
district = model("communities", "District").objects.create(code="500101", name="示例区")
unit = dict(district=district, address="", contact="", phone="", state="active")
made = model("communities", "Organisation").objects
units = [made.create(credit_code=code, name=code, kind="other", **unit) for code in "AB"]
user = model("portal", "User").objects.create(username="u", name="u")
standard = model("evaluation", "Standard").objects.create(
    code="S", version="1", name="S", kind="star", document={}, sha256="0", is_official=False)
programme = model("evaluation", "Programme").objects.create(
    code="p", name="p", standard=standard, number_prefix="P", panel_size=5, panel_seats={}, guidance_nodes=[])
community = model("communities", "Community").objects.create(
    organisation=units[0], name="c", district=district, address="", floor_area=1, households=1, buildings=1)
for number, consultant in enumerate([units[1], None]):
    model("evaluation", "Project").objects.create(
        number=str(number), programme=programme, standard=standard, community=community, organisation=units[0],
        consultant=consultant, target_level=2, created_by=user,
        created_at=timezone.make_aware(datetime.datetime(2026, 3, 4, 0, 30)))
executor = MigrationExecutor(connection)
executor.migrate([("evaluation", "0006_project_without_consultant")])
new = executor.loader.project_state([("evaluation", "0006_project_without_consultant")]).apps
for row in new.get_model("evaluation", "Engagement").objects.all():
    print(row.project.number, row.organisation.name, row.engaged_by.username, row.since, row.until)
print("consultant" in [field.name for field in new.get_model("evaluation", "Project")._meta.fields])
"""


def test_the_consultant_that_a_case_had_becomes_its_first_engagement(tmp_path):
    """In a database of its own, as it was before the change."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    environment.pop("DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", BEFORE],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, ["0 B u 2026-03-04 None", "False"]), done.stderr
