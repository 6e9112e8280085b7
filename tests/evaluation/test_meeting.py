"""The panel's meeting: who is in the room, who leads, what the pages follow, and the notes that are kept."""

from __future__ import annotations

import pytest
from django.urls import reverse

from evaluation import marking, meeting
from evaluation.models import Assignment
from portal.demo import journey, people
from portal.machine import NotAllowed
from portal.models import Event
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pk(world):
    """A case whose panel deliberates."""
    return world.case_at("deliberation").pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def panel(case):
    return people.panel_of(case, "signed")


@pytest.fixture
def leader(panel):
    return next(row for row in panel if row.is_leader).expert.user


@pytest.fixture
def member(panel):
    return next(row for row in panel if not row.is_leader)


@pytest.fixture
def flagged(case):
    """An item on which the marks lie apart: where chance made none, the stored result is told so."""
    result = marking.result_of(case)
    if not result.trace["flagged"]:
        result.trace["flagged"] = ["4.1.1"]
        result.save(update_fields=["trace"])
    return result.trace["flagged"][0]


def turn(client, user, pk):
    client.force_login(user)
    return client.get(reverse("meeting-turn", args=[pk])).json()["turn"]


def test_every_step_of_the_leader_is_a_turn_that_the_members_see(case, leader, member, client):
    assert turn(client, member.expert.user, case.pk) == 0
    meeting.lead_to(leader, case, "4.1.1")
    first = turn(client, member.expert.user, case.pk)
    meeting.lead_to(leader, case, "4.1.2")
    assert (first, turn(client, member.expert.user, case.pk)) == (1, 2)
    page = client.get(reverse("meeting", args=[case.pk]))
    assert (page.context["line"].item.code, page.context["leads"]) == ("4.1.2", False)


def test_a_meeting_that_ended_can_be_opened_again_and_goes_on_counting(case, leader, member, client):
    meeting.lead_to(leader, case, "")
    meeting.close(leader, case)
    assert (meeting.meeting_of(case), turn(client, member.expert.user, case.pk)) == (None, 0)
    meeting.close(leader, case)
    assert meeting.lead_to(leader, case, "").turn == 3
    verbs = [event.verb for event in Event.objects.of(case) if event.verb.endswith("_meeting")]
    assert verbs == ["application.open_meeting", "application.close_meeting", "application.open_meeting"]


def test_only_the_leader_leads(case, leader, member):
    for user in (member.expert.user, people.officer("organiser"), people.officer("supervisor")):
        with pytest.raises(NotAllowed):
            meeting.lead_to(user, case, "4.1.1")
        with pytest.raises(NotAllowed):
            meeting.close(user, case)
        with pytest.raises(NotAllowed):
            meeting.keep_note(user, case, "4.1.1", "示例")
    with refused() as found:
        meeting.lead_to(leader, case, "99.9")
    assert found == [("item_unknown", "item")]


def test_who_runs_or_supervises_it_watches_and_who_now_conflicts_is_out(case, member, client):
    address = reverse("meeting", args=[case.pk])

    def status(user):
        client.force_login(user)
        return client.get(address).status_code

    people_and_answers = [
        (member.expert.user, 200),
        (people.officer("organiser"), 200),
        (people.officer("intake"), 403),
    ]
    assert [status(user) for user, _answer in people_and_answers] == [answer for _user, answer in people_and_answers]
    assert status(people.applicant_of(case.project)) == 403
    Assignment.objects.filter(pk=member.pk).update(conflict="employed_by_party")
    assert status(member.expert.user) == 403
    assert client.get(reverse("meeting-turn", args=[case.pk])).status_code == 403


def test_a_note_is_kept_until_the_opinion_is_given_with_it(case, leader, flagged, client):
    client.force_login(leader)
    address = reverse("meeting", args=[case.pk])
    said = {"action": "note", "item": flagged, "note": "示例：以竣工图为准。"}
    assert client.post(address, said).status_code == 302
    assert marking.result_of(case).notes == {flagged: "示例：以竣工图为准。"}
    page = client.get(reverse("panel", args=[case.pk]))
    assert page.context["acts"]["give_opinion"][flagged].value() == "示例：以竣工图为准。"
    journey.give_opinion(journey.fresh(case))
    with refused() as found:
        meeting.keep_note(leader, case, flagged, "示例：改了。")
    assert found == [("opinion_given", "note")]


def test_a_note_on_an_item_that_needs_none_is_refused_and_what_was_typed_stays(case, leader, flagged, client):
    other = next(
        item.code
        for item in case.standard.items(case.stage)
        if item.code not in marking.result_of(case).trace["flagged"]
    )
    meeting.lead_to(leader, case, other)
    client.force_login(leader)
    answer = client.post(reverse("meeting", args=[case.pk]), {"action": "note", "item": other, "note": "示例"})
    assert (answer.status_code, answer.context["form"]["note"].value()) == (422, "示例")
    assert answer.context["form"].errors == {"note": ["该条目没有列为分歧较大，不必写合议意见。"]}
