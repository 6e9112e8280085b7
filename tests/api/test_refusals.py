"""Refusals read alike everywhere: 400, 401, 403, 404, 409, 413, 415, 422 and 429, each {"problems": […]}."""

from __future__ import annotations

import pytest

from evaluation.models import Application
from evaluation.workflow import APPLICATION
from portal.demo import people
from tests.api.conftest import problems

CASES = ("draft", "form_check", "deliberation", "revision")


def test_a_stranger_does_not_learn_that_a_case_exists(at, world, by_token):
    case = at("form_check")
    addresses = [f"applications/{case.pk}/{part}" for part in ("", "acts/", "claims/", "events/", "draw/", "findings/")]
    answers = [by_token(world.other_applicant).get(f"{address}") for address in addresses]
    assert [one.status_code for one in answers] == [404] * 6
    assert problems(answers[0]) == [("not_found", "")]


def test_the_wrong_role_is_refused(at, world, by_token):
    case = at("form_check")
    answer = by_token(world.applicant).post(f"applications/{case.pk}/acts/accept/", {})
    assert (answer.status_code, problems(answer)) == (403, [("not_allowed", "")])
    assert Application.objects.get(pk=case.pk).state == "form_check"


def test_the_second_actor_learns_who_was_faster(at, world, by_token):
    case = at("form_check")
    client = by_token(world.intake)
    first = client.post(f"applications/{case.pk}/acts/accept/", {})
    second = client.post(f"applications/{case.pk}/acts/accept/", {})
    assert (first.status_code, second.status_code, problems(second)) == (200, 409, [("stale", "")])
    assert second.json()["problems"][0]["message"] == "示例受理员已先行受理了申报，您的操作没有生效。"


def test_whom_the_reader_may_not_know_is_named_by_the_role(at, world, by_token):
    """The leader is a member of the panel: an applicant who comes too late learns no name."""
    case = at("revision")
    APPLICATION.perform(case, "lapse", by=None)
    leader = people.panel_of(case, "signed")[0].expert.user
    client = by_token(world.applicant)
    answer = client.post(f"applications/{case.pk}/acts/submit_revision/", {})
    events = client.get(f"applications/{case.pk}/events/?page_size=200").json()["results"]
    assert answer.status_code == 409
    named = {event["actor"] for event in events if event["role"] in ("leader", "expert", "invitee")}
    assert named == {"专家组组长"}
    assert leader.name not in answer.content.decode() + str(events)


def test_an_illegal_mark_is_refused_with_the_legal_values(at, world, by_token):
    case = at("draft")
    item = next(one for one in case.standard.items("design") if one.mode == "tier")
    answer = by_token(world.applicant).put(f"applications/{case.pk}/claims/{item.code}/", {"value": 0.37})
    legal = by_token(world.applicant).get(f"applications/{case.pk}/claims/{item.code}/").json()["legal"]
    assert (answer.status_code, problems(answer)) == (422, [("mark_not_legal", item.code)])
    assert answer.json()["problems"][0]["message"] == f"{item.code} 不能评 0.37，可填：{legal}。"


MARKS = [[], {}, [1], {"a": 1}, "9", "true", "x" * 5000, 1e300, 10**400, -1]


@pytest.mark.parametrize("mark", MARKS, ids=range(len(MARKS)))
def test_whatever_is_sent_as_a_mark_is_refused_and_breaks_nothing(at, world, by_token, mark):
    case = at("draft")
    item = next(one for one in case.standard.items("design") if one.mode == "full")
    answer = by_token(world.applicant).put(f"applications/{case.pk}/claims/{item.code}/", {"value": mark})
    assert (answer.status_code, problems(answer)) == (422, [("mark_not_legal", item.code)])


def test_everything_that_an_act_lacks_is_said_at_once(at, world, by_token):
    case = at("deliberation")
    leader = next(row for row in people.panel_of(case, "signed") if row.is_leader).expert.user
    answer = by_token(leader).post(f"applications/{case.pk}/acts/ask_revision/", {})
    assert (answer.status_code, problems(answer)) == (422, [("required", "items"), ("required", "reason")])


BAD = [
    ("{", 400, "parse_error"),
    ('{"reason": NaN}', 400, "parse_error"),
    ('{"reason": "\\ud800"}', 400, "parse_error"),
    ('{"reason": "a\\u0000b"}', 400, "parse_error"),
    ("[" * 100_000, 400, "parse_error"),
    (b"\xff\xfe", 400, "parse_error"),
    ("[]", 422, "object_expected"),
    ('"text"', 422, "object_expected"),
    ('{"reason": ["a"]}', 422, "not_text"),
    ('{"reason": {"a": "b"}}', 422, "not_text"),
    ('{"reason": null}', 422, "required"),
    ('{"reason": "' + "x" * 6000 + '"}', 422, "max_length"),
    ('{"reason": "' + "x" * 6_000_000 + '"}', 413, "too_large"),
]


@pytest.mark.parametrize("body, status, code", BAD, ids=range(len(BAD)))
def test_a_body_that_cannot_be_used_is_refused_in_the_same_shape(at, world, by_token, body, status, code):
    case = at("form_check")
    answer = by_token(world.intake).post(f"applications/{case.pk}/acts/refuse/", body, content_type="application/json")
    assert (answer.status_code, [problem[0] for problem in problems(answer)]) == (status, [code])
    assert Application.objects.get(pk=case.pk).state == "form_check"


@pytest.mark.parametrize("notes", ["text", ["a"], {"4.1.1": 3}, {"4.1.1": ["a"]}, {"4.1.1": "x" * 3000}])
def test_notes_that_are_no_texts_by_item_are_refused(at, by_token, notes):
    case = at("deliberation")
    leader = next(row for row in people.panel_of(case, "signed") if row.is_leader).expert.user
    body = {"opinion": "示例意见。", "notes": notes}
    answer = by_token(leader).post(f"applications/{case.pk}/acts/give_opinion/", body)
    assert answer.status_code == 422
    assert {place.partition(".")[0] for _, place in problems(answer)} == {"notes"}


def test_other_media_are_not_read(at, world, by_token):
    case = at("form_check")
    answer = by_token(world.intake).post(f"applications/{case.pk}/acts/accept/", "<a/>", content_type="application/xml")
    assert (answer.status_code, problems(answer)) == (415, [("unsupported_media_type", "")])


def test_without_a_token_nothing_but_public_facts_is_told(at, anonymous):
    case = at("form_check")
    answer = anonymous.get(f"applications/{case.pk}/")
    assert (answer.status_code, problems(answer), answer["WWW-Authenticate"]) == (
        401,
        [("not_authenticated", "")],
        "Token",
    )


def test_a_wrong_or_revoked_token_is_refused(world, anonymous, by_token):
    client = by_token(world.applicant)
    before = client.get("me/").status_code
    revoked = client.delete("token/").status_code
    anonymous.credentials(HTTP_AUTHORIZATION="Token nonsense")
    answers = [one.get("me/").status_code for one in (client, anonymous)]
    assert (before, revoked, answers) == (200, 204, [401, 401])


def test_an_account_that_was_switched_off_gets_in_no_more(world, by_token):
    client = by_token(world.applicant)
    world.applicant.is_active = False
    world.applicant.save()
    assert client.get("me/").status_code == 401


def test_a_browser_must_prove_that_the_request_is_its_own(at, world, by_session):
    case = at("form_check")
    client = by_session(world.intake)
    read = client.get(f"applications/{case.pk}/").status_code
    forged = client.post(f"applications/{case.pk}/acts/accept/", {})
    client.get("/sign-in/")
    proof = {"HTTP_X_CSRFTOKEN": client.cookies["csrftoken"].value} if "csrftoken" in client.cookies else {}
    assert (read, forged.status_code, problems(forged)) == (200, 403, [("permission_denied", "")])
    assert client.post(f"applications/{case.pk}/acts/accept/", {}, **proof).status_code == 200


def test_a_token_is_got_by_password_each_time_another_and_revoked_alone(world, anonymous):
    body = {"username": "applicant", "password": people.PASSWORD}
    first, second = (anonymous.post("token/", body).json()["token"] for _ in range(2))
    told = []
    for token in (first, second):
        anonymous.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        told.append(anonymous.get("me/").json()["username"])
    anonymous.delete("token/")
    ended = anonymous.get("me/").status_code
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {first}")
    assert (told, first == second, ended, anonymous.get("me/").status_code) == (["applicant"] * 2, False, 401, 200)


def test_guessing_a_password_ends_soon(db, anonymous):
    body = {"username": "applicant", "password": "wrong"}
    answers = [anonymous.post("token/", body) for _ in range(11)]
    assert [one.status_code for one in answers] == [422] * 10 + [429]
    assert problems(answers[0]) == [("authorization", "")]
    assert problems(answers[10]) == [("too_many", "")]


@pytest.mark.parametrize(
    "query, place",
    [
        ("state=nonsense", "state"),
        ("organisation=x", "organisation"),
        ("due_before=x", "due_before"),
        ("ordering=x", "ordering"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(world, by_token, query, place):
    answer = by_token(world.intake).get(f"applications/?{query}")
    assert answer.status_code == 422
    assert [where for _, where in problems(answer)] == [place]


@pytest.mark.parametrize(
    "address",
    ["applications/99999999999999999999999/", "applications/1/submissions/99999999999999999999999/", "applications/?page=999",
     "projects/99999999999999999999999/events/", "notices/nothing/", "certificates/nothing/", "objections/status/nothing/"],
)  # fmt: skip
def test_what_is_not_there_is_unknown(world, by_token, address):
    answer = by_token(world.intake).get(f"{address}")
    assert (answer.status_code, problems(answer)) == (404, [("not_found", "")])


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_rows_are_not_written_past_their_acts(at, world, by_token, method):
    case = at("form_check")
    answer = getattr(by_token(world.intake), method)(f"applications/{case.pk}/", {"state": "certified"})
    assert (answer.status_code, problems(answer)) == (405, [("method_not_allowed", "")])
