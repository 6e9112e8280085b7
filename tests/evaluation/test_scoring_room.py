"""The expert's pages: the invitation, marking item by item, evidence never opened, the signature, the own sheet."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import marking, wording
from evaluation.models import Assignment, Mark, Programme, Submission
from evaluation.snapshot import evidence_of, latest
from portal.demo import journey, people
from portal.demo.people import PASSWORD
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]
STATES = ("inviting", "review", "deliberation")


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def cases(world):
    """State -> id of a case there."""
    return {state: world.case_at(state).pk for state in STATES}


@pytest.fixture
def at(cases):
    return lambda state: scenes.case(cases[state])


def seat(application, *, leader=False, state=("invited", "accepted", "signed")):
    return next(row for row in people.panel_of(application, *state) if row.is_leader == leader)


@pytest.fixture
def signed_in(client):
    def sign_in(user):
        client.force_login(scenes.person(user if isinstance(user, str) else user.expert.user.username))
        return client

    return sign_in


def own_item(assignment):
    """The first item of the expert's own fields: whom lots seat is chance, and so are the fields."""
    own = marking.own_items(assignment)
    return leader_item(assignment, lambda item: item.code in own)


def leader_item(assignment, wanted):
    """The first item of the stage that is ``wanted``; the leader marks every one."""
    items = assignment.application.standard.items(assignment.application.stage)
    return next(item for item in items if wanted(item))


def codes_of(page):
    """Codes of the items in the order in which the room lists them."""
    groups = page.context["groups"]
    return [line["item"].code for _title, chapters, _folded in groups for part in chapters for line in part["lines"]]


def all_or_nothing(item):
    return item.mode == "full" and not item.not_applicable


def signing(row):
    """What is typed under the own sheet."""
    return {"action": "sign", "signed_name": row.expert.user.name, "password": PASSWORD}


def save(client, assignment, code, **said):
    return client.post(reverse("mark-save", args=[assignment.pk, code]), said, headers={"Accept": "application/json"})


# --- invitation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "username,status", [("organiser", 200), ("supervisor", 200), ("intake", 404), ("approver", 404), ("applicant", 404)]
)
def test_an_invitation_is_between_the_expert_and_those_who_run_the_draw(at, signed_in, username, status):
    address = reverse("assignment", args=[seat(at("inviting")).pk])
    assert signed_in(username).get(address).status_code == status


@pytest.mark.parametrize("name", ["assignment", "scoring", "sheet"])
def test_who_is_not_signed_in_is_asked_to(at, client, name):
    assert client.get(reverse(name, args=[seat(at("review")).pk])).status_code == 302


@pytest.mark.parametrize("name", ["assignment", "scoring", "sheet"])
def test_nobody_sees_the_invitation_room_or_sheet_of_another_expert(at, signed_in, name):
    case = at("review")
    response = signed_in(seat(case)).get(reverse(name, args=[seat(case, leader=True).pk]))
    assert response.status_code == 404


def test_the_invited_see_the_parties_but_no_papers(at, signed_in):
    invited = seat(at("inviting"))
    client = signed_in(invited)
    page = client.get(reverse("assignment", args=[invited.pk]))
    project = invited.application.project
    for words in (project.organisation.name, project.organisation.credit_code, project.community.name):
        assert words in page.content.decode()
    assert list(page.context["acts"]) == ["accept", "decline", "recuse"]
    assert client.get(reverse("scoring", args=[invited.pk])).status_code == 403
    proof = latest(at("inviting")).data["evidence"][0]
    assert client.get(reverse("evidence-file", args=[proof["id"]])).status_code == 404


def test_accepting_needs_the_word_that_there_is_no_conflict(at, signed_in):
    invited = seat(at("inviting"))
    client, address = signed_in(invited), reverse("assignment", args=[invited.pk])
    response = client.post(address, {"action": "accept"})
    assert (response.status_code, list(response.context["acts"]["accept"].errors)) == (422, ["no_conflict"])
    assert client.post(address, {"action": "accept", "no_conflict": "on"}).status_code == 302
    assert Assignment.objects.get(pk=invited.pk).state == "accepted"


@pytest.mark.parametrize("action,state,lacking", [("decline", "declined", 302), ("recuse", "recused", 422)])
def test_who_declines_may_and_who_is_recused_must_give_a_reason_and_another_is_asked(
    at, signed_in, action, state, lacking
):
    case = at("inviting")
    invited = seat(case)
    client, address = signed_in(invited), reverse("assignment", args=[invited.pk])
    before = case.assignments.count()
    assert client.post(address, {"action": action, "reason": " "}).status_code == lacking
    if lacking == 422:
        assert client.post(address, {"action": action, "reason": "曾在该单位任职"}).status_code == 302
    journey.fill_seats(case)
    assert (Assignment.objects.get(pk=invited.pk).state, case.assignments.count()) == (state, before + 1)


def test_the_organiser_sees_how_it_stands_and_can_replace(at, signed_in):
    page = signed_in("organiser").get(reverse("assignment", args=[seat(at("inviting")).pk]))
    assert [row.action for row, _address in page.context["links"]] == ["replace"]
    assert page.context["acts"] == {}


# --- marking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "username,status", [("organiser", 403), ("supervisor", 403), ("intake", 404), ("applicant", 404)]
)
def test_the_scoring_room_is_the_experts_alone(at, signed_in, username, status):
    row = seat(at("review"))
    client = signed_in(username)
    assert client.get(reverse("scoring", args=[row.pk])).status_code == status
    assert save(client, row, own_item(row).code, value="0").status_code == status


def test_the_room_begins_with_the_first_unmarked_item_of_the_own_fields(at, signed_in):
    row = seat(at("review"))
    page = signed_in(row).get(reverse("scoring", args=[row.pk]))
    codes = codes_of(page)
    items = row.application.standard.items(row.application.stage)
    assert sorted(codes) == sorted(item.code for item in items)
    total = len(marking.own_items(row))
    assert (page.context["item"].code, page.context["done"], page.context["total"]) == (codes[0], 0, total)


def test_a_mark_is_saved_as_it_is_made_and_the_answer_opens_the_claim(at, signed_in):
    row = seat(at("review"), leader=True)
    item = leader_item(row, all_or_nothing)
    answer = save(signed_in(row), row, item.code, value=str(item.points), reason="图纸齐全", revision="0")
    told = answer.json()
    told.pop("saved_at")
    assert "申报单位自评：" in told.pop("claim")
    assert told == {"revision": 1, "problems": [], "mark": str(item.points)}
    mark = Mark.objects.get(assignment=row)
    assert (mark.item_code, mark.value, mark.reason) == (item.code, int(item.points), "图纸齐全")


@pytest.mark.parametrize("value", ["-1", "1000", "true", "七分", "1e400"])
def test_a_mark_that_is_not_legal_is_refused_with_the_legal_values(at, signed_in, value):
    row = seat(at("review"), leader=True)
    item = leader_item(row, all_or_nothing)
    answer = save(signed_in(row), row, item.code, value=value)
    assert (answer.status_code, [problem["code"] for problem in answer.json()["problems"]]) == (422, ["mark_not_legal"])
    assert f"可填：0、{item.points}" in answer.json()["problems"][0]["message"]
    assert not Mark.objects.filter(assignment=row).exists()


def test_a_mark_saved_in_another_window_is_not_overwritten(at, signed_in):
    row = seat(at("review"), leader=True)
    item = leader_item(row, all_or_nothing)
    client = signed_in(row)
    save(client, row, item.code, value="0", revision="0")
    answer = save(client, row, item.code, value=str(item.points), revision="0")
    assert (answer.status_code, Mark.objects.get(assignment=row).value) == (409, 0)


def test_who_was_overtaken_is_told_both_and_the_same_save_twice_is_one(at, signed_in):
    row = seat(at("review"), leader=True)
    item = leader_item(row, all_or_nothing)
    client = signed_in(row)
    first = {"value": "0", "reason": "未见", "revision": "0", "save_key": "one"}
    answers = [save(client, row, item.code, **first).json()["revision"] for _twice in range(2)]
    late = save(client, row, item.code, value=str(item.points), revision="0", save_key="two").json()
    current = {"value": "0", "words": "0 分", "reason": "未见", "private_note": "", "save_key": "one"}
    assert (answers, late["revision"], late["current"]) == ([1, 1], 1, current)


def test_an_item_of_another_stage_takes_no_mark(at, signed_in):
    row = seat(at("review"))
    answer = save(signed_in(row), row, "0.0.0", value="1")
    assert (answer.status_code, answer.json()["problems"][0]["code"]) == (422, "item_unknown")


def test_without_a_script_a_form_saves_and_goes_on_to_the_next_unmarked_item(at, signed_in):
    row = seat(at("review"))
    client, address = signed_in(row), reverse("scoring", args=[row.pk])
    codes = codes_of(client.get(address))
    said = {"item": codes[0], "value": "0", "reason": "未见图纸", "then": "next"}
    if row.application.standard.item(codes[0]).mode == "pass":
        said["value"] = "false"
    response = client.post(address, said)
    assert (response.status_code, response.url) == (302, f"{address}?item={codes[1]}")


def test_a_refused_form_keeps_mark_reason_and_note(at, signed_in):
    row = seat(at("review"), leader=True)
    item = leader_item(row, all_or_nothing)
    said = {"item": item.code, "value": "1000", "reason": "图纸齐全", "private_note": "再看一遍"}
    response = signed_in(row).post(reverse("scoring", args=[row.pk]), said)
    kept = {name: response.context[name] for name in ("value", "reason", "private_note")}
    assert (response.status_code, kept) == (422, {"value": "1000", "reason": "图纸齐全", "private_note": "再看一遍"})


def test_not_applicable_is_offered_only_where_the_item_has_it(at, signed_in):
    row = seat(at("review"), leader=True)
    client = signed_in(row)
    allowed = leader_item(row, lambda item: bool(item.not_applicable))
    other = leader_item(row, lambda item: not item.not_applicable)
    assert save(client, row, allowed.code, value="na", reason="小区内无高层住宅").json()["mark"] == "不适用"
    assert save(client, row, other.code, value="na").json()["problems"][0]["code"] == "not_applicable_not_allowed"


def test_a_number_is_typed_where_the_expert_judges_freely(at, signed_in):
    row = seat(at("review"), leader=True)
    item = leader_item(row, lambda item: item.mode == "range")
    client = signed_in(row)
    page = client.get(reverse("scoring", args=[row.pk]), {"item": item.code})
    assert (page.context["typed_number"], page.context["choices"]) == (True, [])
    assert save(client, row, item.code, value="1.5", reason="酌定").json()["mark"] == "1.5"
    assert save(client, row, item.code, value="1.3").status_code == 422


def test_the_leader_marks_every_item_own_fields_first(at, signed_in):
    row = seat(at("review"), leader=True)
    page = signed_in(row).get(reverse("scoring", args=[row.pk]))
    assert page.context["total"] == len(row.application.standard.items(row.application.stage))
    lines = [
        line for _title, chapters, _folded in page.context["groups"] for part in chapters for line in part["lines"]
    ]
    assert {line["due"] for line in lines} == {True}
    fields = marking.own_fields(row)
    own = [line["item"].domain in fields for line in lines]
    assert own == sorted(own, reverse=True)


# --- evidence -----------------------------------------------------------------------------------------------------


def with_two_proofs(case):
    """An item of the sealed version, and the ids of two proofs of it; the second one is attached here."""
    sealed = latest(case)
    items = case.standard.items(case.stage)
    item, first = next((item, rows[0]) for item in items if (rows := evidence_of(sealed.data, item.code)))
    second = next(row for row in sealed.data["evidence"] if item.code not in row["items"])
    second["items"][item.code] = 1
    Submission.objects.filter(pk=sealed.pk).update(data=sealed.data)
    return item, sorted([first["id"], second["id"]])


def opened(page):
    return {proof["id"]: seen for proof, _label, seen in page.context["proofs"]}


def test_evidence_counts_as_seen_once_it_was_shown_and_not_before(at, signed_in):
    row = seat(at("review"))
    item, (first, second) = with_two_proofs(at("review"))
    client, address = signed_in(row), reverse("scoring", args=[row.pk])
    page = client.get(address, {"item": item.code})
    assert (page.context["shown"]["id"], opened(page)[first], opened(page)[second]) == (first, True, False)
    assert "尚未打开" in page.content.decode()
    page = client.get(address, {"item": item.code, "evidence": second})
    assert (page.context["shown"]["id"], opened(page)[second]) == (second, True)


def test_what_one_expert_saw_another_has_not_seen(at, signed_in):
    case = at("review")
    item, (first, _second) = with_two_proofs(case)
    signed_in(seat(case)).get(reverse("scoring", args=[seat(case).pk]), {"item": item.code})
    leader = seat(case, leader=True).expert.user
    assert first in marking.opened_evidence(seat(case).expert.user, latest(case).data)
    assert first not in marking.opened_evidence(leader, latest(case).data)


def test_a_pdf_is_shown_at_the_page_that_the_applicant_named(at, signed_in):
    row = seat(at("review"))
    data = latest(row.application).data
    item, proof = next(
        (item, rows[0])
        for item in row.application.standard.items(row.application.stage)
        if (rows := evidence_of(data, item.code)) and rows[0]["kind"] == "pdf" and rows[0]["page"]
    )
    page = signed_in(row).get(reverse("scoring", args=[row.pk]), {"item": item.code})
    picture = f"{reverse('evidence-page', args=[proof['id'], proof['page']])}?width=960"
    assert f'<img src="{picture}"' in page.content.decode()
    assert (page.context["number"], page.context["anchor"]) == (proof["page"], proof["page"])


def test_a_marked_region_is_shown_on_its_page_and_the_page_can_be_read_alone(at, signed_in):
    case = at("review")
    sealed, assignment = latest(case), seat(case)
    item = own_item(assignment)
    proof = next(row for row in sealed.data["evidence"] if row["kind"] == "pdf")
    proof["items"][item.code], proof["regions"] = 2, {item.code: [0.1, 0.2, 0.3, 0.4]}
    Submission.objects.filter(pk=sealed.pk).update(data=sealed.data)
    client = signed_in(assignment)
    asked = {"item": item.code, "evidence": proof["id"]}
    text = client.get(reverse("scoring", args=[assignment.pk]), asked).content.decode()
    picture = f"{reverse('evidence-page', args=[proof['id'], 2])}?width=960"
    drawn = '<rect x="10.0" y="20.0" width="30.0" height="40.0"'
    assert (f'<img src="{picture}"' in text, drawn in text) == (True, True)
    alone = client.get(reverse("evidence-view", args=[proof["id"]]), {"item": item.code}).content.decode()
    assert (drawn in alone, "注明位置" in alone, "替换文件" in alone) == (True, False, False)
    sent = client.get(picture)
    assert (sent["Content-Type"], b"".join(sent.streaming_content)[:2]) == ("image/jpeg", b"\xff\xd8")


def test_what_is_only_fetched_ahead_is_not_seen_and_what_was_shown_without_a_line_is(at, signed_in):
    row = seat(at("review"))
    item, (first, second) = with_two_proofs(at("review"))
    client, address = signed_in(row), reverse("scoring", args=[row.pk])
    asked = {"item": item.code, "fragment": "item", "ahead": "1"}
    page = client.get(address, asked)
    picture = reverse("evidence-page", args=[first, 1])
    assert b"".join(client.get(picture, {"width": "480", "ahead": "1"}).streaming_content)[:2] == b"\xff\xd8"
    assert ("<html" in page.content.decode(), opened(client.get(address, asked))[first]) == (False, False)
    answer = client.post(reverse("evidence-opened", args=[row.pk]), {"evidence": [first, 0, "x"]})
    assert (answer.status_code, opened(client.get(address, asked))) == (200, {first: True, second: False})


def test_a_part_of_the_page_is_told_alone(at, signed_in):
    row = seat(at("review"))
    client, address = signed_in(row), reverse("scoring", args=[row.pk])
    sign = client.get(address, {"fragment": "sign"})
    missing = {place for place, _sentence in sign.context["missing"]}
    assert (missing, "<html" in sign.content.decode()) == (set(marking.own_items(row)), False)


def test_pages_of_a_proof_are_turned_without_a_script(at, signed_in):
    row = seat(at("review"))
    data = latest(row.application).data
    proof = next(
        proof for proof in data["evidence"] if proof["kind"] == "pdf" and proof["pages"] > 2 and proof["items"]
    )
    code = next(iter(proof["items"]))
    asked = {"item": code, "evidence": proof["id"], "page": "2"}
    page = signed_in(row).get(reverse("scoring", args=[row.pk]), asked)
    numbers = {name: page.context[name] for name in ("number", "earlier_page", "later_page")}
    assert numbers == {"number": 2, "earlier_page": 1, "later_page": 3}
    assert f'href="?item={code}&amp;evidence={proof["id"]}&amp;page=3#paper"' in page.content.decode()


def test_the_worker_of_a_room_is_bounded_by_its_address(at, client):
    address = reverse("scoring-worker", args=[seat(at("review")).pk])
    response = client.get(address)
    assert (response.status_code, response["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert address == reverse("scoring", args=[seat(at("review")).pk]) + "worker.js"
    assert "Service-Worker-Allowed" not in response


# --- what the applicant claims ------------------------------------------------------------------------------------

NOTE = "示例：按十二分自评。"


@pytest.fixture
def told(at):
    """A seat, an item of its own, and a claim of it with words that name the mark, in two sealed versions."""
    case = at("review")
    row = seat(case)
    item = own_item(row)
    sealed = latest(case)
    sealed.data["claims"][item.code]["note"] = NOTE
    Submission.objects.filter(pk=sealed.pk).update(data=sealed.data)
    older = {**sealed.data, "claims": {**sealed.data["claims"], item.code: {"value": None, "note": ""}}}
    Submission.objects.create(
        application=case, version=sealed.version + 7, data=sealed.data, sha256="0" * 64, by=sealed.by
    )
    Submission.objects.filter(pk=sealed.pk).update(data=older)
    return row, item, sealed.version


def pages_about_claims(case, old):
    return [
        reverse("application", args=[case.pk]),
        reverse("application-items", args=[case.pk]),
        reverse("application-diff", args=[case.pk, old, old + 7]),
        reverse("evidence-coverage", args=[case.pk]),
        f"/api/v1/applications/{case.pk}/claims/",
        f"/api/v1/applications/{case.pk}/comparison/",
        f"/api/v1/applications/{case.pk}/submissions/{old + 7}/",
        f"/api/v1/applications/{case.pk}/differences/?before={old}&after={old + 7}",
    ]


def bytes_of_versions(case, old):
    return [
        reverse("snapshot-json", args=[case.pk, old + 7]),
        reverse("application-forecast", args=[case.pk]),
        f"/api/v1/applications/{case.pk}/submissions/{old + 7}/snapshot/",
    ]


def test_before_the_own_mark_nothing_tells_what_the_applicant_claims(at, signed_in, told):
    row, item, old = told
    case, client = at("review"), signed_in(row)
    room = client.get(reverse("scoring", args=[row.pk]), {"item": item.code})
    assert (NOTE in room.content.decode(), room.context["claim_opens"]) == (False, False)
    answers = [client.get(address) for address in pages_about_claims(case, old)]
    assert [(answer.status_code, NOTE in answer.content.decode()) for answer in answers] == [(200, False)] * 8
    assert [client.get(address).status_code for address in bytes_of_versions(case, old)] == [403] * 3


def test_after_the_own_mark_the_claim_is_told_and_no_other(at, signed_in, told):
    row, item, old = told
    case, client = at("review"), signed_in(row)
    lowest = "false" if item.mode == "pass" else "0"
    answer = save(client, row, item.code, value=lowest, reason="未见")
    assert NOTE in answer.json()["claim"]
    assert NOTE in client.get(reverse("scoring", args=[row.pk]), {"item": item.code}).content.decode()
    assert NOTE in client.get(reverse("application-items", args=[case.pk])).content.decode()
    claims = client.get(f"/api/v1/applications/{case.pk}/claims/", {"page_size": 200}).json()["results"]
    open_ = {claim["item_code"] for claim in claims if not claim["is_concealed"]}
    assert open_ <= {item.code}
    assert all(claim["value"] is None for claim in claims if claim["is_concealed"])


def test_where_the_programme_says_so_claims_are_read_before(at, signed_in, told):
    row, item, _old = told
    Programme.objects.filter(pk=at("review").project.programme_id).update(claims_before_marks=True)
    assert NOTE in signed_in(row).get(reverse("scoring", args=[row.pk]), {"item": item.code}).content.decode()


# --- signature ----------------------------------------------------------------------------------------------------


def test_an_unfinished_sheet_is_not_signed_and_every_missing_mark_is_linked(at, signed_in):
    row = seat(at("review"))
    address = reverse("scoring", args=[row.pk])
    response = signed_in(row).post(address, signing(row))
    missing = {place for place, _sentence in response.context["missing"]}
    assert (response.status_code, missing) == (422, set(marking.own_items(row)))
    assert all(f'href="?item={code}"' in response.content.decode() for code in missing)
    assert Assignment.objects.get(pk=row.pk).state == "accepted"


def test_a_whole_sheet_is_signed_sealed_and_read(at, signed_in):
    row = seat(at("review"))
    journey.mark_sheet(row)
    client = signed_in(row)
    response = client.post(reverse("scoring", args=[row.pk]), signing(row))
    address = reverse("sheet", args=[row.pk])
    assert (response.status_code, response.url) == (302, address)
    page = client.get(address)
    shown = {item.code for _name, lines in page.context["chapters"] for item, _mark, _reason, _names in lines}
    assert shown == set(row.marks.exclude(value=None).values_list("item_code", flat=True))
    assert Assignment.objects.get(pk=row.pk).signed_sha256 in page.content.decode()
    assert client.get(reverse("scoring", args=[row.pk])).url == address


def test_a_signed_sheet_names_the_proofs_that_were_never_opened(at, signed_in):
    row = seat(at("review"))
    journey.mark_sheet(row)
    client = signed_in(row)
    client.post(reverse("scoring", args=[row.pk]), signing(row))
    page = client.get(reverse("sheet", args=[row.pk]))
    data = latest(at("review")).data
    count = len({proof["id"] for code in marking.own_items(row) for proof in evidence_of(data, code)})
    assert page.context["unopened"] == count
    assert f"{count} 件，注明在各条" in page.content.decode()


def test_when_all_is_marked_the_next_step_is_the_signature(at, signed_in):
    row = seat(at("review"))
    journey.mark_sheet(row)
    client, address = signed_in(row), reverse("scoring", args=[row.pk])
    code = own_item(row).code
    page = client.get(address, {"item": code})
    assert (page.context["next"], 'id="next-unmarked" href="#sign"' in page.content.decode()) == ("", True)
    mark = row.marks.get(item_code=code)
    said = {"item": code, "value": wording.mark_text(mark.value), "reason": "见图纸", "then": "next"}
    assert client.post(address, said).url == f"{address}#sign"


def test_a_signed_sheet_takes_no_more_marks(at, signed_in):
    row = seat(at("review"))
    journey.mark_sheet(row)
    client = signed_in(row)
    client.post(reverse("scoring", args=[row.pk]), signing(row))
    assert save(client, row, own_item(row).code, value="0").status_code == 409


@pytest.mark.parametrize("state,username,status", [
    ("review", "organiser", 403), ("deliberation", "organiser", 200), ("deliberation", "supervisor", 200),
    ("deliberation", "approver", 404),
])  # fmt: skip
def test_a_sheet_is_read_by_others_only_after_the_result(at, signed_in, state, username, status):
    case = at(state)
    row = seat(case)
    if state == "review":
        journey.mark_sheet(row)
        signed_in(row).post(reverse("scoring", args=[row.pk]), signing(row))
    assert signed_in(username).get(reverse("sheet", args=[row.pk])).status_code == status


def test_a_private_note_stays_private(at, signed_in):
    row = seat(at("deliberation"))
    Mark.objects.filter(assignment=row).update(private_note="只给自己看")
    page = signed_in("organiser").get(reverse("sheet", args=[row.pk]))
    assert "只给自己看" not in page.content.decode()


def test_a_full_sheet_costs_no_more_queries_than_an_empty_one(at, signed_in):
    row = seat(at("review"), leader=True)
    client, address = signed_in(row), reverse("scoring", args=[row.pk])

    def queries():
        client.get(address, {"item": "4.2.1"})
        with CaptureQueriesContext(connection) as counted:
            client.get(address, {"item": "4.2.1"})
        return len(counted)

    marking.save_mark(row.expert.user, row, "4.2.1", value=0, reason="未见")  # the claim of this item is open now
    empty = queries()
    journey.mark_sheet(row)
    assert queries() == empty
