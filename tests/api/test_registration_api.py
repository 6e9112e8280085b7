"""The caller, units with their members, communities and cases over HTTP."""

from __future__ import annotations

import pytest

from communities.models import Community, Organisation
from portal.demo import names, papers, people
from portal.models import Notification
from tests.api.conftest import content, problems

CASES = ("draft", "form_check")


@pytest.fixture
def newcomer(world, db):
    person = people.user("newcomer", "示例新人")
    person.save()
    return person


@pytest.fixture
def data(world):
    return {
        "credit_code": names.code(world.district.pk, "N", 5), "name": "示例新单位", "kind": "developer",
        "district": world.district.pk, "address": "示例路5号", "contact": "示例联系人", "phone": "000-12345678",
        "undertaking": True,
    }  # fmt: skip


NEW = {"username": "somebody", "name": "示例某人", "email": "somebody@example.org", "password": "示例-passphrase-2026"}


def test_an_account_is_made_and_may_sign_in(anonymous):
    made = anonymous.post("accounts/", NEW)
    token = anonymous.post("token/", {"username": NEW["username"], "password": NEW["password"]})
    assert (made.status_code, made.json()) == (201, {name: NEW[name] for name in ("username", "name", "email")})
    assert token.status_code == 200


@pytest.mark.parametrize("changed, place", [
    ({"username": "applicant"}, "username"),
    ({"username": "有 空格"}, "username"),
    ({"name": ""}, "name"),
    ({"email": "nowhere"}, "email"),
    ({"password": "1234567890"}, "password"),
    ({"password": "short"}, "password"),
])  # fmt: skip
def test_an_account_that_cannot_be_is_refused_where_it_is_wrong(world, anonymous, changed, place):
    answer = anonymous.post("accounts/", NEW | changed)
    assert (answer.status_code, {where for _code, where in problems(answer)}) == (422, {place})
    assert not people.User.objects.filter(username="somebody").exists()


def test_me_says_who_i_am(world, by_token):
    applicant, officer = (by_token(one).get("me/").json() for one in (world.applicant, world.district_officer))
    assert applicant == {
        "username": "applicant", "name": world.applicant.name, "email": "applicant@example.org", "language": "zh-hans",
        "duties": [],
        "memberships": [{"organisation": world.unit.pk, "role": "administrator"}], "expert": None,
    }  # fmt: skip
    assert {row["duty"] for row in officer["duties"]} == {"district_officer"}
    assert world.district.pk in {row["district"] for row in officer["duties"]}


def test_work_is_what_the_page_shows(at, world, by_token):
    rows = by_token(world.intake).get("work/").json()["results"]
    assert [(row["subject"], row["sentence"]) for row in rows] == [
        (at("form_check").project.community.name, "形式审查")
    ]


def test_messages_are_mine_alone(world, by_token):
    Notification.objects.create(key="k", user=world.other_applicant, subject="示例", body="示例")
    row = Notification.objects.get(key="k")
    assert by_token(world.applicant).get(f"notifications/{row.pk}/").status_code == 404
    client = by_token(world.other_applicant)
    assert client.get("notifications/?search=示例").json()["results"][0]["subject"] == "示例"
    before = client.get("notifications/?unread=true").json()["count"]
    assert (before > 0, client.post("notifications/read-all/").status_code) == (True, 204)
    assert client.get("notifications/?unread=true").json()["count"] == 0


def test_a_unit_is_registered_and_its_telephone_not_told(newcomer, data, by_token, world):
    client = by_token(newcomer)
    made = client.post("organisations/", data)
    seen = [by_token(one).get(f"organisations/{made.json()['id']}/") for one in (newcomer, world.intake)]
    assert (made.status_code, made.json()["state"]) == (201, "draft")
    assert [data["phone"] in answer.content.decode() for answer in [made, *seen]] == [False] * 3
    assert Organisation.objects.get(pk=made.json()["id"]).phone == data["phone"]
    assert by_token(world.other_applicant).get(f"organisations/{made.json()['id']}/").status_code == 404


@pytest.mark.parametrize("values, wrong", [
    ({"credit_code": "123"}, ["credit_code"]),
    ({"credit_code": "", "name": ""}, ["credit_code", "name"]),
    ({"kind": "x", "district": "999999"}, ["kind", "district"]),
    ({"phone": "1" * 31}, ["phone"]),
], ids=range(4))  # fmt: skip
def test_everything_that_is_wrong_with_a_unit_is_said_at_once(newcomer, data, by_token, values, wrong):
    answer = by_token(newcomer).post("organisations/", {**data, **values})
    assert (answer.status_code, [place for _, place in problems(answer)]) == (422, wrong)


def test_a_code_that_is_taken_is_said_to_be_so_and_no_more(newcomer, data, by_token, world):
    answer = by_token(newcomer).post("organisations/", {**data, "credit_code": world.unit.credit_code})
    assert (answer.status_code, problems(answer)) == (422, [("credit_code_taken", "credit_code")])
    assert world.unit.name not in answer.content.decode()


def test_what_is_left_out_of_a_change_stays(newcomer, data, by_token):
    client = by_token(newcomer)
    at = f"organisations/{client.post('organisations/', data).json()['id']}/"
    changed = client.patch(at, {"address": "示例路6号"}).json()
    assert (changed["address"], changed["name"], changed["undertaking"]) == ("示例路6号", "示例新单位", True)


def test_a_verified_unit_is_not_changed_any_more(world, by_token):
    answer = by_token(world.applicant).patch(f"organisations/{world.unit.pk}/", {"address": "别处"})
    assert answer.status_code == 403


def test_a_licence_is_for_those_who_see_its_unit(world, by_token):
    address = f"organisations/{world.unit.pk}/licences/"
    row = by_token(world.intake).get(address).json()["results"][0]
    file = by_token(world.intake).get(f"{address}{row['id']}/file/")
    assert (file.status_code, content(file)[:5]) == (200, b"%PDF-")
    assert by_token(world.other_applicant).get(f"{address}{row['id']}/file/").status_code == 404
    assert by_token(world.applicant).upload(address, file=papers.pdf("营业执照", "新")).status_code == 403


COMMUNITY = {"name": "示例新苑", "address": "示例大道1号", "floor_area": "1000.50", "households": 10, "buildings": 1}


def test_a_community_is_registered_changed_and_a_namesake_pointed_out(world, by_token):
    client = by_token(world.applicant)
    values = {**COMMUNITY, "organisation": world.unit.pk, "district": world.district.pk}
    made = client.post("communities/", values)
    at = f"communities/{made.json()['id']}/"
    assert (made.status_code, client.patch(at, {"households": 12}).json()["households"]) == (201, 12)
    other = by_token(world.other_applicant)
    theirs = {**values, "organisation": world.other_unit.pk}
    assert problems(other.post("communities/", theirs)) == [("namesake", "name")]
    assert other.post("communities/", {**theirs, "is_another": True}).status_code == 201
    assert other.get(at).status_code == 404
    assert [row["verb"] for row in client.get(f"{at}events/").json()["results"]] == [
        "community.open",
        "community.change",
    ]


@pytest.mark.parametrize("values, wrong", [
    ({"households": 0, "floor_area": "-1"}, [("not_positive", "floor_area"), ("not_positive", "households")]),
    ({"households": 10**12}, [("max_value", "households")]),
    ({"floor_area": "1e999"}, [("max_digits", "floor_area")]),
    ({"planning_permit_on": "2025-03-01", "drawing_review_on": "2025-02-01"}, [("date_order", "drawing_review_on")]),
], ids=range(4))  # fmt: skip
def test_a_community_that_cannot_be_is_refused(world, by_token, values, wrong):
    body = {**COMMUNITY, "organisation": world.unit.pk, "district": world.district.pk, **values}
    before = Community.objects.count()
    answer = by_token(world.applicant).post("communities/", body)
    assert (answer.status_code, [place for _, place in problems(answer)]) == (422, [place for _, place in wrong])
    assert Community.objects.count() == before


def test_a_unit_one_does_not_see_is_unknown(world, by_token):
    body = {**COMMUNITY, "organisation": world.other_unit.pk, "district": world.district.pk}
    assert by_token(world.applicant).post("communities/", body).status_code == 404


def test_a_case_is_opened_by_its_unit(at, world, by_token):
    community = at("draft").project.community
    client = by_token(world.applicant)
    body = {"community": community.pk, "programme": "smart_community", "target_level": 3}
    made = client.post("projects/", body)
    assert (made.status_code, made.json()["consultants"]) == (201, [])
    assert problems(client.post("projects/", {**body, "target_level": 9})) == [("invalid_choice", "target_level")]
    assert by_token(world.other_applicant).post("projects/", body).status_code == 404
    assert by_token(world.intake).post("projects/", body).status_code == 403


def test_an_application_is_opened_once_a_stage(at, world, by_token):
    project = at("draft").project
    client = by_token(world.applicant)
    again = client.post(f"projects/{project.pk}/applications/", {"stage": "design"})
    unknown = client.post(f"projects/{project.pk}/applications/", {"stage": "nonsense"})
    advisor = by_token(world.consultant).post(f"projects/{project.pk}/applications/", {"stage": "completion"})
    assert (problems(again), problems(unknown)) == ([("open_case", "stage")], [("stage_unknown", "stage")])
    assert advisor.status_code == 403


def test_history_is_told_as_on_the_page(at, world, by_token):
    case = at("form_check")
    for who in ("applicant", "intake", "district_officer"):
        rows = by_token(getattr(world, who)).get(f"applications/{case.pk}/events/").json()["results"]
        assert [row["verb"] for row in rows] == ["application.open", "application.submit", "application.checked"]
    assert rows[1]["sentence"] == "提交了申报"
