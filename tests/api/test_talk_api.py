"""Questions, discussion and ratings over HTTP: the same rules as on the pages, and nobody named who may not be."""

from __future__ import annotations

import pytest

from evaluation.models import Question
from evaluation.workflow import ASSIGNMENT
from portal.demo import journey, people
from tests.api.conftest import problems

pytestmark = pytest.mark.long

CASES = ("review", "deliberation", "notice")
GOOD = {"attendance": 25, "quality": 28, "timeliness": 18, "ethics": 25}


@pytest.fixture
def asked(at, by_token):
    """A question asked over HTTP by the first of the panel."""
    seat = people.panel_of(at("review"), "accepted")[0]
    said = {"item_code": "4.1.1", "text": "示例：型号是什么？"}
    answer = by_token(seat.expert.user).post(f"assignments/{seat.pk}/questions/", said)
    assert answer.status_code == 201
    return answer.json()


def test_a_question_goes_from_the_expert_over_the_organiser_to_the_applicant_and_back(at, world, by_token, asked):
    assert (asked["state"], asked["is_mine"], asked["application"]) == ("asked", True, at("review").pk)
    address = f"questions/{asked['id']}/"
    applicant, organiser = by_token(world.applicant), by_token(world.organiser)
    assert applicant.get(address).status_code == 404
    assert organiser.post(f"{address}acts/forward/", {"text": "示例：请说明型号。"}).status_code == 200
    told = applicant.get(address).json()
    assert (told["text"], told["is_mine"], told["due_on"] is None) == ("示例：请说明型号。", False, False)
    assert applicant.post(f"{address}acts/answer/", {"answer": "示例：甲型。"}).status_code == 200
    asker, other = people.panel_of(at("review"), "accepted")[:2]
    assert by_token(other.expert.user).get(address).json()["answer"] == "示例：甲型。"
    told = (
        applicant.get(address).content.decode()
        + applicant.get(f"applications/{at('review').pk}/events/").content.decode()
    )
    assert [name for name in (asker.expert.user.name, asker.expert.number) if name in told] == []


def test_questions_are_listed_by_case_and_state(at, world, by_token, asked):
    client = by_token(world.organiser)

    def listed(**asks):
        rows = client.get("questions/?" + "&".join(f"{name}={value}" for name, value in asks.items())).json()["results"]
        return [row["id"] for row in rows]

    case = at("review").pk
    assert listed(application=case, state="asked") == [asked["id"]]
    assert listed(application=case, state="answered") == []
    assert listed(application=at("notice").pk) == []


def test_a_question_without_words_is_refused_with_its_place(at, by_token):
    seat = people.panel_of(at("review"), "accepted")[0]
    answer = by_token(seat.expert.user).post(f"assignments/{seat.pk}/questions/", {"item_code": "99.9", "text": "示例"})
    assert (answer.status_code, problems(answer)) == (422, [("item_unknown", "item")])
    assert not Question.objects.exists()


def test_the_discussion_says_why_it_is_closed_and_takes_what_members_say(at, world, by_token):
    case = at("review")
    seat, unsigned = people.panel_of(case, "accepted")[:2]
    journey.mark_sheet(seat)
    ASSIGNMENT.perform(seat, "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
    address, member = f"applications/{case.pk}/discussion/", by_token(seat.expert.user)
    assert member.post(address, {"text": "示例"}).status_code == 201
    (row,) = member.get(address).json()["results"]
    assert (row["author"], row["text"], row["item_code"]) == (seat.expert.user.name, "示例", "")
    closed = {
        user.username: problems(by_token(user).get(address))
        for user in (unsigned.expert.user, world.organiser, world.applicant)
    }
    assert closed == {
        unsigned.expert.user.username: [("sheet_unsigned", "")],
        "organiser": [("result_missing", "")],
        "applicant": [("not_allowed", "")],
    }
    assert problems(by_token(unsigned.expert.user).post(address, {"text": "示例"})) == [("sheet_unsigned", "")]


def test_the_organiser_rates_and_the_expert_reads_and_answers(at, world, by_token):
    case = at("notice")
    seat, other = people.panel_of(case, "signed")[:2]
    organiser, expert, address = by_token(world.organiser), by_token(seat.expert.user), f"assignments/{seat.pk}/rating/"
    assert expert.get(address).status_code == 404
    poor = {**GOOD, "attendance": 0, "quality": 0}
    assert problems(organiser.post(address, poor)) == [("remark_missing", "remark")]
    assert organiser.post(address, GOOD).status_code == 201
    assert problems(organiser.post(address, GOOD)) == [("rated", "")]
    assert expert.get(address).json()["total"] == 96
    assert by_token(other.expert.user).get(address).status_code == 404
    assert expert.post(f"{address}reply/", {"reply": "示例：谢谢。"}).json()["reply"] == "示例：谢谢。"
    rows = by_token(world.supervisor).get(f"applications/{case.pk}/ratings/").json()["results"]
    assert [row["rating"] and row["rating"]["total"] for row in rows] == [96, None, None, None, None]
    refused = [
        by_token(user).get(f"applications/{case.pk}/ratings/").status_code for user in (world.applicant, world.approver)
    ]
    assert refused == [403, 403]
