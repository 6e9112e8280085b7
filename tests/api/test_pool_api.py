"""The pool over HTTP, as the pages do it: calls, admissions with their papers, decisions, an expert's own row."""

from __future__ import annotations

import pytest

from communities.permissions import memberships_of
from experts.models import Admission, Call, Expert
from portal.demo import papers
from tests.api.conftest import content, problems
from tests.api.test_hostile_api import NASTY
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, person

pytestmark = pytest.mark.long

CASES = ()


@pytest.fixture
def call(world, db):
    return newcomers.call(world.pool_keeper)


@pytest.fixture
def body(db):
    said = newcomers.said()
    return {**said, "district": said["district"].pk, "fields": [field.pk for field in said["fields"]]}


@pytest.fixture
def handed_in(call):
    row = newcomers.whole("zhang", call)
    return newcomers.act(row, "submit", person("zhang"))


def test_calls_are_public_and_only_the_keeper_announces_them(world, anonymous, by_token):
    values = {**newcomers.call_values(), "opens_on": str(TODAY), "closes_on": str(TODAY + DAY)}
    made = by_token(world.pool_keeper).post("expert-calls/", values)
    assert (made.status_code, made.json()["is_running"], made.json()["published_at"]) == (201, True, None)
    (row,) = anonymous.get("expert-calls/?running=true").json()["results"]
    assert row == made.json() == anonymous.get(f"expert-calls/{row['number']}/").json()
    assert anonymous.get("expert-calls/?running=false").json()["results"] == []
    assert by_token(world.supervisor).post("expert-calls/", values).status_code == 403
    assert anonymous.post("expert-calls/", values).status_code == 401
    wrong = by_token(world.pool_keeper).post(
        "expert-calls/", {**values, "closes_on": str(TODAY - DAY), "term_years": 0}
    )
    assert problems(wrong) == [("date_past", "closes_on"), ("out_of_range", "term_years")]


def test_the_keeper_prolongs_a_call_and_everybody_reads_what_it_said_before(call, world, anonymous, by_token):
    address, later = f"expert-calls/{call.number}/", str(call.closes_on + DAY)
    said = {"closes_on": later, "reason": "示例", "version": 1}
    assert by_token(world.supervisor).patch(address, said).status_code == 403
    told = by_token(world.pool_keeper).patch(address, said).json()
    assert (told["closes_on"], told["version"]) == (later, 2)
    assert by_token(world.pool_keeper).patch(address, {**said, "conditions": "x"}).status_code == 409
    assert problems(by_token(world.pool_keeper).patch(address, {})) == [("unchanged", ""), ("required", "reason")]
    (row,) = anonymous.get(f"{address}versions/").json()["results"]
    assert (row["number"], row["closes_on"], row["reason"]) == (1, str(call.closes_on), "示例")


def test_a_person_applies_says_proves_and_hands_in(call, by_token, body):
    client = by_token(person("zhang"))
    begun = client.post(f"expert-calls/{call.number}/apply/").json()
    address = f"admissions/{begun['id']}/"
    assert (begun["state"], begun["call"], begun["due_on"]) == ("draft", call.number, str(call.closes_on))
    assert client.post(f"expert-calls/{call.number}/apply/").json()["id"] == begun["id"]
    wrong = client.patch(address, {"employer_code": "91", "experience_years": 99})
    assert [place for _code, place in problems(wrong)] == ["employer_code", "experience_years"]
    told = client.patch(address, body).json()
    assert [field["code"] for field in told["fields"]] == body["fields"]
    kept = client.patch(address, {"title": "教授"}).json()  # what is left out stays
    assert (kept["title"], kept["education"], kept["fields"]) == ("教授", body["education"], told["fields"])
    early = client.post(f"{address}acts/submit/", {})
    assert [code for code, _place in problems(early)] == ["education_missing", "title_missing", "consent_missing"]
    for kind in ("education", "title", "consent", "other"):
        made = client.upload(f"{address}proofs/", proves=kind, file=papers.pdf(kind, kind))
        assert (made.status_code, made.json()["proves"]) == (201, kind)
    other = made.json()["id"]
    assert content(client.get(f"{address}proofs/{other}/file/")).startswith(b"%PDF-")
    assert client.delete(f"{address}proofs/{other}/").status_code == 204
    assert [row["proves"] for row in client.get(f"{address}proofs/").json()["results"]] == [
        "consent",
        "education",
        "title",
    ]
    assert client.post(f"{address}acts/submit/", {}).status_code == 200
    assert client.patch(address, body).status_code == 403
    assert client.delete(f"{address}proofs/{other}/").status_code == 404


def test_two_persons_decide_and_the_list_is_published_once(world, call, handed_in, anonymous, by_token):
    address = f"admissions/{handed_in.pk}/"
    keeper, supervisor, stranger = map(by_token, (world.pool_keeper, world.supervisor, world.intake))
    assert stranger.get(address).status_code == 404
    asks = {row["action"]: [ask["name"] for ask in row["asks"]] for row in keeper.get(f"{address}acts/").json()}
    assert asks == {"vet": ["conclusion", "opinion"], "return": ["reason"]}
    told = {"conclusion": "admit", "opinion": "只给复核人看的意见"}
    assert keeper.post(f"{address}acts/vet/", told).status_code == 200
    assert keeper.post(f"{address}acts/admit/", {}).status_code == 403
    assert supervisor.post(f"{address}acts/admit/", {}).status_code == 200
    expert = Expert.objects.get(user__username="zhang")
    row = by_token(person("zhang")).get(address).json()
    assert (row["state"], row["expert"]) == ("admitted", expert.number)
    assert "只给复核人看的意见" not in by_token(person("zhang")).get(f"{address}events/").content.decode()
    at = f"expert-calls/{call.number}/"
    assert anonymous.get(f"{at}admitted/").json()["results"] == []
    assert problems(keeper.post(f"{at}publish/")) == [("call_runs", "")]
    Call.objects.update(opens_on=TODAY - 9 * DAY, closes_on=TODAY - DAY)
    assert supervisor.post(f"{at}publish/").status_code == 403
    assert keeper.post(f"{at}publish/").json()["published_at"] is not None
    assert problems(keeper.post(f"{at}publish/")) == [("published", "")]
    (listed,) = anonymous.get(f"{at}admitted/").json()["results"]
    assert set(listed) == {"number", "name", "title", "employer", "district", "fields"}
    assert (listed["number"], listed["name"]) == (expert.number, "示例zhang")


def test_admissions_are_found_by_state_and_only_by_those_who_decide(world, call, handed_in, by_token):
    newcomers.whole("li", call)
    found = {
        user.username: [row["name"] for row in by_token(user).get("admissions/").json()["results"]]
        for user in (world.pool_keeper, world.supervisor, world.organiser, person("zhang"), person("li"))
    }
    assert found == {
        "pool-keeper": ["示例zhang"], "supervisor": ["示例zhang"], "organiser": [], "zhang": ["示例zhang"], "li": ["示例li"],
    }  # fmt: skip
    keeper = by_token(world.pool_keeper)
    counts = {state: keeper.get(f"admissions/?state={state}").json()["count"] for state in ("submitted", "vetted")}
    assert counts == {"submitted": 1, "vetted": 0}
    assert keeper.get(f"admissions/?call={call.number}&kind=admission").json()["count"] == 1


def test_a_list_of_many_admissions_takes_as_many_queries_as_one(world, call, by_token, django_assert_max_num_queries):
    counts = []
    client = by_token(world.pool_keeper)
    client.get("admissions/")
    for names in (["a"], ["b", "c", "d"]):
        for name in names:
            newcomers.act(newcomers.whole(name, call), "submit", person(name))
        with django_assert_max_num_queries(50) as queries:
            assert client.get("admissions/").json()["count"] == Admission.objects.count()
        counts.append(len(queries))
    assert counts[0] == counts[1]


class TestExpert:
    @pytest.fixture
    def expert(self, world, db):
        return newcomers.expert("zhang", due_on=TODAY + 300 * DAY)

    def test_an_expert_finds_the_own_row_and_nobody_elses(self, world, expert, by_token):
        client = by_token(expert.user)
        assert [row["number"] for row in client.get("experts/").json()["results"]] == [expert.number]
        assert client.get("experts/ZJ-0001/").status_code == 404
        assert by_token(world.organiser).get("experts/ZJ-0001/").status_code == 200
        assert by_token(person("li")).get("experts/").status_code == 403

    def test_the_expert_confirms_over_http(self, expert, by_token):
        client, address = by_token(expert.user), f"experts/{expert.number}/acts/"
        (act,) = client.get(address).json()
        assert [ask["name"] for ask in act["asks"]] == ["employer", "employer_code", "fields_hold", "contact_holds"]
        said = {
            "employer": "示例新单位",
            "employer_code": newcomers.code(4),
            "fields_hold": True,
            "contact_holds": True,
        }
        wrong = client.post(f"{address}confirm/", {**said, "employer_code": newcomers.code(4)[:-1] + "?"})
        assert [place for _code, place in problems(wrong)] == ["employer_code"]
        assert client.post(f"{address}confirm/", said).status_code == 200
        assert client.get(f"experts/{expert.number}/").json()["employer"] == "示例新单位"

    def test_the_keeper_pauses_and_changes_fields(self, world, expert, by_token):
        keeper, address = by_token(world.pool_keeper), f"experts/{expert.number}/"
        until = str(TODAY + 9 * DAY)
        assert keeper.post(f"{address}acts/pause/", {"reason": "示例", "until": until}).status_code == 200
        row = keeper.get(address).json()
        assert (row["state"], row["due_on"]) == ("paused", until)
        assert keeper.get("experts/?state=paused").json()["count"] == 1
        assert expert.number not in keeper.get(f"experts/?serving_on={TODAY}&page_size=200").content.decode()
        changed = keeper.put(f"{address}fields/", {"fields": ["comm", "bas"], "reason": "示例"}).json()
        assert {field["code"] for field in changed["fields"]} == {"comm", "bas"}
        assert problems(keeper.put(f"{address}fields/", {"fields": [], "reason": "示例"})) == [("required", "fields")]
        assert (
            by_token(world.supervisor).put(f"{address}fields/", {"fields": ["comm"], "reason": "x"}).status_code == 403
        )

    def test_history_is_for_those_who_keep_the_pool_and_the_person(self, world, expert, by_token):
        newcomers.act(expert, "pause", world.pool_keeper)
        people = (world.pool_keeper, world.supervisor, expert.user, world.organiser, world.intake)
        found = [by_token(user).get(f"experts/{expert.number}/events/").status_code for user in people]
        assert found == [200, 200, 200, 404, 404]

    def test_renewal_is_asked_in_its_window(self, world, expert, by_token):
        client, address = by_token(expert.user), f"experts/{expert.number}/renewal/"
        assert problems(client.post(address)) == [("no_renewal", "")]
        Expert.objects.filter(pk=expert.pk).update(term_until=TODAY + 10 * DAY)
        made = client.post(address).json()
        assert (made["kind"], made["expert"], made["call"]) == ("renewal", expert.number, None)
        assert client.patch(f"admissions/{made['id']}/", {"statement": "示例"}).json()["statement"] == "示例"
        assert by_token(world.pool_keeper).post(address).status_code == 403


def test_a_token_of_one_unit_opens_nothing_personal(world, call, handed_in, by_token):
    (unit,) = memberships_of(world.applicant)
    client = by_token(world.applicant, organisation_id=unit)
    assert client.get("admissions/").status_code == 403
    assert client.post(f"expert-calls/{call.number}/apply/").status_code == 403


@pytest.mark.parametrize("scope, code", [("read", 403), ("handle", 403), ("submit", 403), ("file", 201)])
def test_applying_is_filling_in_and_handing_in_is_submitting(world, call, by_token, scope, code):
    assert by_token(person("zhang"), [scope]).post(f"expert-calls/{call.number}/apply/").status_code == code


@pytest.mark.parametrize("scope, code", [("read", 403), ("handle", 403), ("file", 403), ("submit", 200)])
def test_handing_in_needs_the_scope_of_submitting(world, call, by_token, scope, code):
    row = newcomers.whole("zhang", call)
    assert by_token(person("zhang"), [scope]).post(f"admissions/{row.pk}/acts/submit/", {}).status_code == code


@pytest.mark.parametrize("value", NASTY, ids=str)
def test_whatever_is_said_is_answered_and_keeps_its_shape(world, call, body, by_token, value):
    row, expert = newcomers.whole("zhang", call), newcomers.expert("li")
    answers = [
        by_token(world.pool_keeper).post("expert-calls/", dict.fromkeys(newcomers.call_values(), value)),
        by_token(row.user).patch(f"admissions/{row.pk}/", dict.fromkeys(body, value)),
        by_token(row.user).post(f"admissions/{row.pk}/proofs/", {"proves": value, "file": value}),
        by_token(world.pool_keeper).put(f"experts/{expert.number}/fields/", {"fields": value, "reason": value}),
        *(by_token(world.pool_keeper).post(f"experts/{expert.number}/acts/pause/", {"reason": "示例", "until": value}),)
        * 2,
        by_token(expert.user).post(
            f"experts/{expert.number}/acts/confirm/", dict.fromkeys(("employer", "employer_code"), value)
        ),
    ]
    refused = [answer for answer in answers if answer.status_code >= 400]
    assert {answer.status_code for answer in refused} <= {409, 422}
    assert [answer for answer in refused if set(answer.json()) != {"problems"}] == []
