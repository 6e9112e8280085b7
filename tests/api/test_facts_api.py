"""Facts of experts and decisions on them over HTTP, as the pages do it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from experts import facts
from experts.models import Clearance, Employment, Expert, Recusal
from portal.demo import people
from tests.api.conftest import problems
from tests.api.test_hostile_api import NASTY
from tests.experts import newcomers
from tests.experts.newcomers import TODAY, code, person

CASES = ("drawing",)
PARTY = code(500)


@pytest.fixture
def expert(world, db):
    return newcomers.expert("zhang")


def test_an_expert_declares_ends_and_corrects(expert, world, by_token):
    client, address = by_token(expert.user), f"experts/{expert.number}/"
    said = {"name": "示例山城置业有限公司", "credit_code": PARTY, "since": "2024-01-01"}
    made = client.post(f"{address}employments/", said)
    assert (made.status_code, made.json()["until"], made.json()["credit_code"]) == (201, None, PARTY)
    assert problems(client.post(f"{address}employments/", {**said, "credit_code": "91"})) == [
        ("credit_code_length", "credit_code")
    ]
    row = f"{address}employments/{made.json()['id']}/"
    assert client.post(f"{row}end/", {"until": str(TODAY)}).status_code == 204
    assert Employment.objects.get().until == TODAY
    tied = client.post(f"{address}ties/", {"party": PARTY, "reason": "kinship", "note": "示例"})
    assert (tied.status_code, tied.json()["reason"]) == (201, "kinship")
    assert client.get(f"{address}ties/").json()["results"] == [tied.json()]
    assert client.post(f"{address}ties/{tied.json()['id']}/correct/", {"reason": "示例理由"}).status_code == 204
    assert client.get(f"{address}ties/").json()["results"] == []
    assert Recusal.objects.get().withdrawn_at is not None


@pytest.mark.parametrize(
    "reader, read, write",
    [("organiser", 200, 403), ("pool_keeper", 200, 403), ("supervisor", 200, 403), ("intake", 404, 404),
     ("applicant", 404, 404)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["employments", "ties"])
def test_facts_are_read_by_few_and_written_by_the_expert_alone(expert, world, by_token, kind, reader, read, write):
    client, address = by_token(getattr(world, reader)), f"experts/{expert.number}/{kind}/"
    row = Employment.objects.create(expert=expert, name="示例", since=TODAY)
    if kind == "ties":
        row = Recusal.objects.create(expert=expert, party_code=PARTY, reason="kinship", declared_by=expert.user)
    said = {"employments": {"name": "示例", "since": str(TODAY)}, "ties": {"party": PARTY, "reason": "kinship"}}[kind]
    assert client.get(address).status_code == read
    assert client.post(address, said).status_code == write
    assert client.post(f"{address}{row.pk}/end/", {"until": str(TODAY)}).status_code == write
    assert client.post(f"{address}{row.pk}/correct/", {"reason": "示例"}).status_code == write


def test_nobody_changes_the_facts_of_another_expert(expert, world, by_token):
    other = newcomers.expert("li")
    row = Employment.objects.create(expert=other, name="示例", since=TODAY)
    address = f"experts/{expert.number}/employments/{row.pk}/end/"
    assert by_token(expert.user).post(address, {"until": str(TODAY)}).status_code == 404
    assert by_token(expert.user).get(f"experts/{other.number}/employments/").status_code == 404


@pytest.mark.parametrize("verdict, model", [("conflict", Recusal), ("none", Clearance)])
def test_officers_decide_and_the_supervisor_lifts(expert, world, by_token, verdict, model):
    address = f"expert-pins/{verdict}/"
    said = {"expert": expert.number, "party": PARTY, "reason": "示例理由"}
    made = by_token(world.organiser).post(address, said)
    assert made.status_code == 201
    assert (made.json()["expert"], made.json()["party_code"], made.json()["reason"]) == (
        expert.number, PARTY, "示例理由",
    )  # fmt: skip
    assert problems(by_token(world.pool_keeper).post(address, said)) == [("decided", "party")]
    for name in ("intake", "applicant", "approver"):
        assert by_token(getattr(world, name)).get(address).status_code == 403
    lift = f"{address}{made.json()['id']}/lift/"
    assert by_token(world.organiser).post(lift, {"reason": "示例理由"}).status_code == 403
    assert by_token(world.intake).post(lift, {"reason": "示例理由"}).status_code == 404
    supervisor = by_token(world.supervisor)
    assert supervisor.post(address, said).status_code == 403
    assert supervisor.post(lift, {"reason": "示例理由"}).status_code == 204
    assert supervisor.post(lift, {"reason": "示例理由"}).status_code == 409
    (row,) = supervisor.get(address).json()["results"]
    assert (row["withdrawn_at"] is not None, model.objects.in_force().count()) == (True, 0)


def test_the_list_of_decisions_costs_as_many_queries_for_many(expert, world, by_token):
    client = by_token(world.supervisor)

    def queries():
        with CaptureQueriesContext(connection) as found:
            client.get("expert-pins/none/")
        return len(found)

    facts.pin(person("organiser"), expert, PARTY, facts.NONE, "示例")
    queries()
    first = queries()
    for number in range(9):
        facts.pin(person("organiser"), newcomers.expert(f"more-{number}"), PARTY, facts.NONE, "示例")
    assert queries() == first


def test_the_draw_tells_what_has_to_be_decided_first(at, world, by_token):
    case = at("drawing")
    client, address = by_token(people.officer("organiser")), f"applications/{case.pk}/draw/"
    assert client.get(address).json()["suggestions"] == []
    number = next(
        row["number"]
        for row in client.get("experts/").json()["results"]
        if row["number"] not in {one["number"] for one in client.get(address).json()["excluded"]}
    )
    Employment.objects.create(
        expert=Expert.objects.get(number=number), name=f"{world.unit.name}渝北分公司", since=TODAY
    )
    (row,) = client.get(address).json()["suggestions"]
    assert row == {
        "expert": number, "party_code": world.unit.credit_code, "party_name": world.unit.name,
        "said": f"{world.unit.name}渝北分公司", "why": "一个像是另一个的分支机构或内设部门",
    }  # fmt: skip
    refused = client.post(f"applications/{case.pk}/acts/propose_draw/", {})
    assert problems(refused) == [("suggestions_undecided", "suggestions")]
    said = {"expert": number, "party": world.unit.credit_code, "reason": "示例理由"}
    assert client.post("expert-pins/none/", said).status_code == 201
    assert client.post(f"applications/{case.pk}/acts/propose_draw/", {}).status_code == 200


ADDRESSES = ("employments/", "employments/{id}/end/", "employments/{id}/correct/", "ties/", "ties/{id}/end/")
SAID = ("name", "credit_code", "post", "since", "until", "none", "party", "reason", "note", "expert")


@pytest.mark.parametrize("value", NASTY, ids=repr)
@pytest.mark.parametrize("address", [*(f"experts/{{number}}/{one}" for one in ADDRESSES), "expert-pins/none/"])
def test_whoever_may_write_breaks_nothing(expert, world, by_token, address, value):
    own = Employment.objects.create(expert=expert, name="示例", since=TODAY)
    client = by_token(world.organiser if "pins" in address else expert.user)
    for pk in (own.pk, 10**30):
        answer = client.post(address.format(number=expert.number, id=pk), dict.fromkeys(SAID, value))
        # Any words are a reason, and a number is read as words.
        assert answer.status_code in {400, 404, 422} | ({204} if "correct" in address else set())
