"""Possible conflicts by name before a draw, and facts that become known while a panel is asked or sits."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import Organisation, OrganisationChange
from evaluation import drawing, suspecting
from evaluation.models import Draw
from evaluation.workflow import APPLICATION
from experts import facts
from experts.models import Employment, Expert
from portal.demo import journey, people
from portal.models import Event
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)

world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def cases(world):
    return {
        state: world.case_at(state, advised=advised).pk
        for state, advised in (("drawing", True), ("inviting", False), ("review", False))
    }


@pytest.fixture
def at(cases):
    return lambda state: scenes.case(cases[state])


def expert(number="ZJ-0002"):
    return Expert.objects.select_related("user").get(number=number)


def employed(name, number="ZJ-0002", **values):
    columns = {"name": name, "since": TODAY - 900 * DAY, "until": TODAY - 9 * DAY, **values}
    return Employment.objects.create(expert=expert(number), **columns)


def undecided(application):
    standings = drawing.standings(application, None)
    return [
        (row.expert.number, row.party.name, row.said) for row in suspecting.undecided(application, standings, TODAY)
    ]


def pin(application, verdict, number="ZJ-0002"):
    code = application.project.organisation.credit_code
    return facts.pin(scenes.person("organiser"), expert(number), code, verdict, "示例理由")


def excluded(application, number="ZJ-0002"):
    return next(row.excluded for row in drawing.standings(application, None) if row.number == number)


def test_the_parties_are_the_applicant_and_who_advises_with_what_they_were_called(world, at):
    unit = world.unit
    for state, old in (
        ("approved", "示例旧名置业有限公司"),
        ("rejected", "示例没有叫过有限公司"),
        ("approved", unit.name),
    ):
        OrganisationChange.objects.create(
            organisation=unit, state=state, before={"name": old, "credit_code": unit.credit_code}, after={},
            asked_by=world.applicant,
        )  # fmt: skip
    found = {(row.code, row.name, row.former) for row in suspecting.parties(at("drawing"))}
    consulting = world.consulting
    assert found == {
        (unit.credit_code, unit.name, ("示例旧名置业有限公司",)),
        (consulting.credit_code, consulting.name, ()),
    }


def test_nothing_suggests_itself_in_a_pool_that_never_worked_for_a_party(at):
    assert undecided(at("drawing")) == []


@pytest.mark.parametrize("party", ["unit", "consulting"])
def test_a_former_employer_with_a_party_s_name_has_to_be_decided_before_the_draw(world, at, party):
    name = getattr(world, party).name
    employed(f"{name}渝北分公司")
    employed(name, "ZJ-0003")
    application = at("drawing")
    assert undecided(application) == [("ZJ-0002", name, f"{name}渝北分公司"), ("ZJ-0003", name, name)]
    with scenes.refused() as problems:
        APPLICATION.perform(application, "propose_draw", by=world.organiser)
    assert problems == [("suggestions_undecided", "suggestions")]
    assert (at("drawing").state, Draw.objects.filter(application=application).count()) == ("drawing", 0)
    (problem,) = suspecting.problems(application)
    assert problem.params == {"count": 2}


@pytest.mark.parametrize("verdict, reason", [(facts.CONFLICT, "pinned"), (facts.NONE, "")])
def test_once_decided_the_draw_goes_on_and_follows_the_decision(world, at, verdict, reason):
    employed(world.unit.name)
    application = at("drawing")
    pin(application, verdict)
    assert (undecided(application), excluded(application)) == ([], reason)
    APPLICATION.perform(application, "propose_draw", by=world.organiser)
    rows = {row.number: row.excluded for row in drawing.standings(application, drawing.present(application))}
    assert rows["ZJ-0002"] == reason


def test_who_cannot_be_drawn_anyway_needs_no_decision(world, at):
    employed(world.unit.name)
    Expert.objects.filter(number="ZJ-0002").update(state="paused", due_on=None)
    assert undecided(at("drawing")) == []


@pytest.mark.parametrize(
    "values, reason",
    [
        ({}, "employed_by_party"),
        ({"until": None}, "employed_by_party"),
        ({"until": TODAY - 1095 * DAY}, "employed_by_party"),
        ({"until": TODAY - 1096 * DAY}, ""),
        ({"withdrawn_at": timezone.now()}, ""),
    ],
    ids=["lately", "still", "three years ago", "longer ago", "corrected"],
)
def test_a_former_employer_with_a_party_s_code_keeps_off_whatever_was_cleared(world, at, values, reason):
    application = at("drawing")
    pin(application, facts.NONE)
    employed("示例别名有限公司", credit_code=world.unit.credit_code, **values)
    assert excluded(application) == reason


def test_looking_for_names_costs_as_many_queries_for_many_suggestions(world, at):
    application = at("drawing")
    standings = drawing.standings(application, None)

    def queries():
        with CaptureQueriesContext(connection) as found:
            suspecting.undecided(scenes.case(application.pk), standings, TODAY)
        return len(found)

    employed(world.unit.name)
    first = queries()
    for number in range(3, 30):
        employed(world.unit.name, f"ZJ-{number:04d}")
    assert queries() == first


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_draw_page_shows_what_to_decide_and_the_organiser_decides_there(world, at, client):
    employed(f"{world.unit.name}渝北分公司")
    application = at("drawing")
    address = reverse("draw", args=[application.pk])
    client.force_login(scenes.person("organiser"))
    page = client.get(address).text
    assert "可能须回避 1 人，请逐一核定" in page
    assert "一个像是另一个的分支机构或内设部门" in page
    refused = client.post(address, {"action": "propose_draw", "keeping": "portal"})
    assert (refused.status_code, "请先在专家抽取页面的“可能须回避”处逐一核定" in refused.text) == (422, True)
    said = {"party": world.unit.credit_code, "verdict": "none", "reason": "示例理由", "next": f"{address}#suggestions"}
    assert client.post(reverse("expert-pin", args=["ZJ-0002"]), said).url == f"{address}#suggestions"
    assert "可能须回避 1 人" not in client.get(address).text
    assert client.post(address, {"action": "propose_draw", "keeping": "portal"}).status_code == 302


def test_the_supervisor_sees_what_waits_and_decides_nothing(world, at, client):
    employed(world.unit.name)
    client.force_login(scenes.person("supervisor"))
    page = client.get(reverse("draw", args=[at("drawing").pk])).text
    assert "可能须回避 1 人" in page
    assert reverse("expert-pin", args=["ZJ-0002"]) not in page


# --- while a panel is asked or sits -----------------------------------------------------------------------------------


def test_who_is_asked_and_gets_a_pinned_conflict_is_replaced(at):
    application = at("inviting")
    seat = people.panel_of(application, "invited", "accepted")[0]
    pin(application, facts.CONFLICT, seat.expert.number)
    seat.refresh_from_db()
    event = Event.objects.of(seat).last()
    assert (event.verb, event.data["reason"]) == ("assignment.exclude", "经核定应回避")  # and no change of a party
    journey.fill_seats(application)
    asked = [row.expert.number for row in people.panel_of(application, "invited", "accepted")]
    assert (seat.state, seat.expert.number in asked, len(asked)) == ("recused", False, 5)


def test_who_sits_and_gets_a_pinned_conflict_is_marked_and_stays(at):
    application = at("review")
    seat, *others = people.panel_of(application, "accepted")
    pin(application, facts.CONFLICT, seat.expert.number)
    seat.refresh_from_db()
    assert (seat.state, seat.conflict) == ("accepted", "pinned")
    assert not application.assignments.filter(pk__in=[row.pk for row in others]).exclude(conflict="").exists()


@pytest.mark.parametrize("verdict", facts.VERDICTS)
def test_a_pin_about_somebody_else_touches_no_panel(at, verdict):
    application = at("inviting")
    before = list(application.assignments.order_by("pk").values_list("pk", "state", "conflict"))
    drawn = {row.expert.number for row in people.panel_of(application, "invited", "accepted")}
    other = Expert.objects.exclude(number__in=drawn).first()
    pin(application, verdict, other.number)
    assert list(application.assignments.order_by("pk").values_list("pk", "state", "conflict")) == before


def test_a_party_that_bore_another_code_is_found_by_it(world, at):
    application = at("review")
    old = "91500103MAEX99999X"
    unit = Organisation.objects.get(pk=world.unit.pk)
    OrganisationChange.objects.create(
        organisation=unit, state="approved", before={"name": unit.name, "credit_code": old}, after={},
        asked_by=world.applicant,
    )  # fmt: skip
    seat = people.panel_of(application, "accepted")[0]
    Employment.objects.create(expert=seat.expert, name="示例", credit_code=old, since=TODAY - 900 * DAY)
    facts.tell_followers(seat.expert, old)
    seat.refresh_from_db()
    assert seat.conflict == "employed_by_party"


def test_a_frozen_draw_is_not_ended_by_a_new_fact(world, at):
    application = at("drawing")
    APPLICATION.perform(application, "propose_draw", by=world.organiser)
    commitment = drawing.present(application).commitment
    pin(application, facts.CONFLICT)
    assert (at("drawing").state, drawing.present(application).commitment) == ("cosigning", commitment)
