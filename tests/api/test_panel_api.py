"""The panel over HTTP: who is named when, whose marks are told when, what stays private."""

from __future__ import annotations

import json

import pytest

from evaluation.models import Draw, Mark
from experts import draw as lots
from portal.demo import people
from portal.demo.people import PASSWORD
from tests.api.conftest import problems

pytestmark = pytest.mark.long

CASES = ("drawing", "inviting", "review", "deliberation", "notice")
SEES_DRAW = {"organiser", "supervisor"}
SEES_PANEL = {"organiser", "supervisor", "approver"}
ROLES = ("applicant", "consultant", "district_officer", "intake", "organiser", "approver", "supervisor")


def told(client, *addresses):
    return json.dumps([client.get(address).json() for address in addresses], ensure_ascii=False)


@pytest.mark.parametrize("role", ROLES)
def test_draw_and_panel_are_for_those_who_run_or_watch_them(at, world, by_token, role):
    case, client = at("review"), by_token(getattr(world, role))
    answers = {
        part: client.get(f"applications/{case.pk}/{part}/").status_code for part in ("draw", "draw/receipt", "panel")
    }
    draw, panel = (200 if role in who else 403 for who in (SEES_DRAW, SEES_PANEL))
    assert answers == {"draw": draw, "draw/receipt": draw, "panel": panel}


def test_the_draw_tells_no_secret_and_the_receipt_is_right(at, world, by_token):
    case, client = at("review"), by_token(world.organiser)
    row = Draw.objects.get(application=case)
    text = told(client, f"applications/{case.pk}/draw/")
    salts = [identity["salt"] for identity in row.identities.values()]
    assert not any(secret in text for secret in (row.organiser_secret, row.supervisor_secret, *salts))
    assert lots.verify_bytes(client.get(f"applications/{case.pk}/draw/receipt/").content) == []


def test_before_the_draw_it_says_who_could_be_drawn(at, world, by_token):
    answer = by_token(world.organiser).get(f"applications/{at('drawing').pk}/draw/").json()
    assert (answer["commitment"], answer["pool_size"], answer["size"]) == (None, 40, 5)
    assert by_token(world.organiser).get(f"applications/{at('drawing').pk}/draw/receipt/").status_code == 404


@pytest.mark.parametrize("role", ["organiser", "supervisor", "approver", "applicant", "intake"])
def test_nobody_is_named_before_they_accepted(at, world, by_token, role):
    case, client = at("inviting"), by_token(getattr(world, role))
    addresses = [
        f"assignments/?application={case.pk}", f"applications/{case.pk}/panel/", f"applications/{case.pk}/events/",
        f"applications/{case.pk}/", f"projects/{case.project_id}/events/",
    ]  # fmt: skip
    text = told(client, *addresses)
    rows = people.panel_of(case, "invited")
    assert len(rows) == 5
    assert [row.expert.number for row in rows if row.expert.user.name in text or row.expert.number in text] == []


def test_an_expert_sees_the_own_invitation_and_no_other(at, by_token):
    case = at("inviting")
    mine, other = people.panel_of(case, "invited")[:2]
    client = by_token(mine.expert.user)
    rows = client.get(f"assignments/?application={case.pk}").json()["results"]
    assert [(row["id"], row["expert"]) for row in rows] == [(mine.pk, mine.expert.user.name)]
    assert [client.get(f"assignments/{pk}/").status_code for pk in (mine.pk, other.pk)] == [200, 404]
    assert client.get(f"applications/{case.pk}/").status_code == 404
    assert client.get(f"assignments/{mine.pk}/marks/").status_code == 403


def test_declining_tells_nobody_who_comes_next(at, by_token):
    row = people.panel_of(at("inviting"), "invited")[0]
    answer = by_token(row.expert.user).post(f"assignments/{row.pk}/acts/decline/", {"reason": "示例：时间冲突。"})
    substitute = people.panel_of(at("inviting"), "invited")[-1]
    event = answer.json()
    assert (answer.status_code, event["verb"], set(event["data"])) == (
        200,
        "assignment.decline",
        {"from", "to", "reason"},
    )
    assert substitute.expert.number not in answer.content.decode()


def test_marks_are_kept_with_their_revision_and_notes_stay_private(at, world, by_token):
    case = at("deliberation")
    row = people.panel_of(case, "signed")[0]
    Mark.objects.filter(assignment=row).update(private_note="只给自己看")
    own = by_token(row.expert.user).get(f"assignments/{row.pk}/marks/").json()["results"]
    organiser = by_token(world.organiser).get(f"assignments/{row.pk}/marks/")
    notes = {line["private_note"] for line in own if line["revision"]}
    assert (notes, organiser.status_code) == ({"只给自己看"}, 200)
    assert {line["private_note"] for line in organiser.json()["results"]} == {None}
    assert "只给自己看" not in told(
        by_token(world.organiser), f"assignments/{row.pk}/sheet/", f"applications/{case.pk}/result/"
    )


def test_a_mark_is_refused_when_it_is_illegal_or_another_saved_first(at, by_token):
    case = at("review")
    row = people.panel_of(case, "accepted")[0]
    item = next(one for one in case.standard.items("design") if one.mode == "tier")
    client, address = by_token(row.expert.user), f"assignments/{row.pk}/marks/{item.code}/"
    illegal = client.put(address, {"value": 0.1, "revision": 0})
    saved = client.put(address, {"value": 0, "reason": "示例", "revision": 0})
    late = client.put(address, {"value": None, "revision": 0})
    kept = client.put(address, {"reason": "另写", "revision": 1})
    assert (illegal.status_code, problems(illegal)) == (422, [("mark_not_legal", item.code)])
    assert (saved.json(), late.status_code, problems(late)) == ({"revision": 1}, 409, [("changed", item.code)])
    assert (kept.json(), client.get(address).json()["value"]) == ({"revision": 2}, 0)


def test_a_save_sent_again_is_the_same_save(at, by_token):
    case = at("review")
    row = people.panel_of(case, "accepted")[0]
    item = next(one for one in case.standard.items("design") if one.mode == "tier")
    client, address = by_token(row.expert.user), f"assignments/{row.pk}/marks/{item.code}/"
    said = {"value": 0, "reason": "示例", "revision": 0, "save_key": "0b54ec1b-4bd4-4bb1-9a5f-5d2c5a1f0c11"}
    assert [client.put(address, said).json() for _twice in range(2)] == [{"revision": 1}] * 2
    late = client.put(address, {**said, "value": None, "save_key": "another"}).json()
    assert (late["revision"], late["current"]["save_key"]) == (1, said["save_key"])


def test_what_was_shown_elsewhere_is_kept_as_opened(at, world, by_token):
    case = at("review")
    row, other = people.panel_of(case, "accepted")[:2]
    proof = next(iter(case.evidence.order_by("pk")))
    client, address = by_token(row.expert.user), f"assignments/{row.pk}/opened/"
    assert client.post(address, {"evidence": [proof.pk, 999_999]}).json() == {"evidence": [proof.pk]}
    shown = [
        one["opened"]
        for line in client.get(f"assignments/{row.pk}/marks/?page_size=200").json()["results"]
        for one in line["evidence"]
        if one["evidence"] == proof.pk
    ]
    assert set(shown) == {True}
    refused = [
        by_token(user).post(address, {"evidence": [proof.pk]}).status_code
        for user in (other.expert.user, world.organiser)
    ]
    assert refused == [404, 403]


def test_nobody_marks_for_another_or_after_signing(at, world, by_token):
    open_case, closed_case = at("review"), at("deliberation")
    one, two = people.panel_of(open_case, "accepted")[:2]
    signed = people.panel_of(closed_case, "signed")[0]
    code = open_case.standard.items("design")[0].code
    answers = [
        by_token(two.expert.user).put(f"assignments/{one.pk}/marks/{code}/", {"value": None}),
        by_token(world.organiser).put(f"assignments/{one.pk}/marks/{code}/", {"value": None}),
        by_token(signed.expert.user).put(f"assignments/{signed.pk}/marks/{code}/", {"value": None}),
    ]
    assert [answer.status_code for answer in answers] == [404, 403, 409]


@pytest.mark.parametrize("part", ["marks/", "sheet/"])
def test_marks_of_others_are_told_to_nobody_before_there_is_a_result(at, world, by_token, part):
    case = at("review")
    row, other = people.panel_of(case, "accepted")[:2]
    readers = [world.organiser, world.supervisor, world.approver, world.applicant, other.expert.user, row.expert.user]
    answers = [by_token(reader).get(f"assignments/{row.pk}/{part}").status_code for reader in readers]
    assert answers == [403, 403, 404, 404, 404, 200]


def test_a_signature_says_everything_that_is_missing(at, by_token):
    case = at("review")
    row = next(row for row in people.panel_of(case, "accepted") if row.is_leader)
    client = by_token(row.expert.user)
    missing = client.get(f"assignments/{row.pk}/sheet/").json()["missing"]
    signed = {"signed_name": row.expert.user.name, "password": PASSWORD}
    answer = client.post(f"assignments/{row.pk}/acts/sign/", signed)
    assert (answer.status_code, answer.json()["problems"]) == (422, missing)
    assert {code for code, _ in problems(answer)} == {"mark_missing"}
    assert len(missing) == len(case.standard.items("design"))


@pytest.mark.parametrize(
    "role, state, status",
    [("applicant", "deliberation", 403), ("intake", "deliberation", 403), ("organiser", "review", 403),
     ("organiser", "deliberation", 200), ("approver", "deliberation", 200), ("applicant", "notice", 200),
     ("district_officer", "notice", 200)],
)  # fmt: skip
def test_the_result_is_told_to_those_who_decide_and_to_all_once_it_is_published(
    at, world, by_token, role, state, status
):
    answer = by_token(getattr(world, role)).get(f"applications/{at(state).pk}/result/")
    assert answer.status_code == status
    if status == 200:
        assert (answer.json()["sheets"] is None) == (role in ("applicant", "district_officer"))


@pytest.mark.parametrize("state, status", [("review", 403), ("deliberation", 200)])
def test_members_read_the_sheets_while_they_deliberate_and_only_then(at, by_token, state, status):
    case = at(state)
    for row in people.panel_of(case, "accepted", "signed"):
        answer = by_token(row.expert.user).get(f"applications/{case.pk}/result/")
        assert (answer.status_code, answer.json().get("sheets") is not None) == (status, status == 200)
