"""Filing over HTTP: two writers, what a correction opens, files up and down, who reads which version."""

from __future__ import annotations

import hashlib

import pytest

from evaluation.models import Document, Evidence, Finding
from portal import tasks
from portal.demo import papers, people
from portal.models import Event
from tests.api.conftest import content, problems
from tests.evaluation import scenes

pytestmark = pytest.mark.long

CASES = ("draft", "form_check", "correction", "review")


def first_item(case, mode):
    return next(item for item in case.standard.items(case.stage) if item.mode == mode)


def test_the_second_of_two_writers_is_told_and_loses_nothing(at, world, by_token):
    case = at("draft")
    address = f"applications/{case.pk}/claims/{first_item(case, 'full').code}/"
    mine, other = by_token(world.applicant), by_token(world.consultant)
    first = mine.put(address, {"value": 0, "note": "甲", "revision": 0})
    second = other.put(address, {"value": None, "note": "乙", "revision": 0})
    assert (first.json(), second.status_code) == ({"revision": 1}, 409)
    assert problems(second) == [("changed", first_item(case, "full").code)]
    now = second.json()
    assert (now["current"], now["clashing"]) == ({"value": 0, "parts": [], "note": "甲"}, ["value", "note"])
    assert (now["revision"], now["by"], now["taken"]) == (1, str(world.applicant), [])
    row = other.get(address).json()
    assert (row["value"], row["note"], row["revision"]) == (0, "甲", 1)
    assert other.put(address, {"value": None, "note": "乙", "revision": 1}).json() == {"revision": 2}


def test_a_statement_is_kept_with_its_revision(at, world, by_token):
    case = at("draft")
    code = next(one.code for one in case.standard.stage("design").documents if "online" in one.forms)
    client, address = by_token(world.applicant), f"applications/{case.pk}/statements/{code}/"
    assert client.put(address, {"text": "示例", "revision": 0}).json() == {"revision": 1}
    assert client.put(address, {"text": "示例二", "revision": 0}).status_code == 409
    rows = client.get(f"applications/{case.pk}/documents/?page_size=200").json()["results"]
    assert next((row["text"], row["revision"]) for row in rows if row["code"] == code) == ("示例", 1)


def test_a_document_comes_back_byte_for_byte_and_in_parts(at, world, by_token):
    case = at("draft")
    code = next(one.code for one in case.standard.stage("design").documents if "pdf" in one.forms)
    upload = papers.pdf("示例 图纸", "一份")
    sent = upload.read()
    upload.seek(0)
    client = by_token(world.applicant)
    made = client.upload(f"applications/{case.pk}/documents/", code=code, file=upload)
    address = f"applications/{case.pk}/documents/{made.json()['id']}/"
    assert (made.status_code, made.json()["sha256"]) == (201, hashlib.sha256(sent).hexdigest())
    whole, part = client.get(f"{address}file/"), client.get(f"{address}file/", HTTP_RANGE="bytes=0-4")
    assert (content(whole), part.status_code, content(part)) == (sent, 206, b"%PDF-")
    assert (whole["Content-Disposition"][:10], whole["X-Content-Type-Options"]) == ("attachment", "nosniff")
    known = client.get(f"{address}file/", HTTP_IF_NONE_MATCH=whole["ETag"])
    assert known.status_code == 304
    assert [client.delete(address).status_code, client.post(f"{address}restore/").status_code] == [204, 204]
    assert Document.objects.get(pk=made.json()["id"]).removed_at is None


def test_a_file_of_a_wrong_kind_is_refused_with_the_way_to_mend_it(at, world, by_token):
    case = at("draft")
    code = next(one.code for one in case.standard.stage("design").documents if one.forms == ("pdf",))
    upload = papers.photo("示例", "照片")
    answer = by_token(world.applicant).upload(f"applications/{case.pk}/documents/", code=code, file=upload)
    assert (answer.status_code, problems(answer)) == (422, [("file_type_not_allowed", "示例.jpg")])


@pytest.mark.parametrize("values", [{}, {"code": "D01"}, {"file": "text"}])
def test_an_upload_without_a_file_is_refused(at, world, by_token, values):
    answer = by_token(world.applicant).upload(f"applications/{at('draft').pk}/documents/", **values)
    assert answer.status_code == 422
    assert "file" in {place for _, place in problems(answer)}


def test_evidence_is_linked_unlinked_removed_and_taken_back(at, world, by_token):
    case = at("draft")
    one, two = (item.code for item in case.standard.items("design")[:2])
    kind = next(iter(case.standard.enums["evidence"]))
    client, address = by_token(world.applicant), f"applications/{case.pk}/evidence/"
    made = client.upload(
        address, evidence_kind=kind, items=[one, two], file=papers.photo("示例", "照片"), caption="示例"
    )
    proof = f"{address}{made.json()['id']}/"
    assert (made.status_code, made.json()["items"]) == (201, {one: None, two: None})
    assert client.put(f"{proof}links/{one}/", {"page": 1}).json()["items"] == {one: 1, two: None}
    assert problems(client.put(f"{proof}links/{one}/", {"page": 2})) == [("page", "page")]
    assert client.delete(f"{proof}links/{two}/").status_code == 204
    assert content(client.get(f"{proof}thumbnail/"))[:3] == b"\xff\xd8\xff"
    assert client.delete(proof).status_code == 204
    assert client.get(address).json()["results"] == []
    assert client.post(f"{proof}restore/").status_code == 204
    assert [row["items"] for row in client.get(address).json()["results"]] == [{one: 1}]


def test_the_first_page_of_a_pdf_is_drawn_by_a_worker_and_asked_for_again(at, world, by_token):
    case = at("draft")
    kind = next(iter(case.standard.enums["evidence"]))
    client, address = by_token(world.applicant), f"applications/{case.pk}/evidence/"
    made = client.upload(address, evidence_kind=kind, items=[], file=papers.pdf("示例", "首页由工作进程绘制"))
    picture = f"{address}{made.json()['id']}/thumbnail/"
    waiting = client.get(picture)
    assert (waiting.status_code, waiting["Retry-After"], waiting.content) == (202, "5", b"")
    tasks.draw_thumbnail("evaluation.Evidence", made.json()["id"])
    assert content(client.get(picture))[:3] == b"\xff\xd8\xff"


def test_in_a_correction_only_what_the_notice_names_is_open(at, world, by_token):
    case = at("correction")
    named = set(case.findings.filter(kind="item").values_list("place", flat=True))
    client = by_token(world.applicant)
    rows = client.get(f"applications/{case.pk}/claims/?page_size=200").json()["results"]
    assert {row["item_code"] for row in rows if row["is_open"]} == named
    other = next(row["item_code"] for row in rows if row["item_code"] not in named)
    refused = client.put(f"applications/{case.pk}/claims/{other}/", {"value": None})
    assert (refused.status_code, problems(refused)) == (422, [("closed", other)])


def test_who_handed_in_may_not_write_any_more(at, world, by_token):
    case = at("form_check")
    client, code = by_token(world.applicant), first_item(case, "full").code
    answers = [
        client.put(f"applications/{case.pk}/claims/{code}/", {"value": 0}),
        client.patch(f"applications/{case.pk}/data/", {"target_level": 1}),
        client.delete(f"applications/{case.pk}/evidence/{case.evidence.first().pk}/"),
    ]
    assert [answer.status_code for answer in answers] == [409, 409, 409]


def test_officers_read_the_sealed_version_and_write_nothing(at, world, by_token):
    case = at("correction")
    code = case.findings.filter(kind="item").first().place
    before = by_token(world.intake).get(f"applications/{case.pk}/claims/{code}/").json()
    by_token(world.applicant).put(f"applications/{case.pk}/claims/{code}/", {"value": 0, "note": "改后"})
    after = by_token(world.intake).get(f"applications/{case.pk}/claims/{code}/").json()
    written = by_token(world.intake).put(f"applications/{case.pk}/claims/{code}/", {"value": 0})
    assert (after, before["revision"], before["is_open"], written.status_code) == (before, None, False, 403)


def test_the_data_of_a_case_changes_one_by_one(at, world, by_token):
    case = at("draft")
    client, address = by_token(world.applicant), f"applications/{case.pk}/data/"
    before = client.get(address).json()
    changed = client.patch(address, {"planning_permit_on": "2020-01-02"}).json()
    assert (changed["community"]["planning_permit_on"], changed["project"]) == ("2020-01-02", before["project"])
    assert client.patch(address, {"target_level": 3}).json()["project"]["target_level"] == 3
    assert problems(client.patch(address, {"target_level": 9})) == [("level_unknown", "target_level")]


def test_who_changed_the_same_data_first_is_told_and_other_fields_are_joined(at, world, by_token):
    case = at("draft")
    mine, other, address = by_token(world.applicant), by_token(world.consultant), f"applications/{case.pk}/data/"
    seen = mine.get(address).json()["seen"]
    other.patch(address, {"planning_permit_on": "2020-01-02", "seen": seen})
    joined = mine.patch(address, {"drawing_review_on": "2020-03-04", "seen": seen})
    assert joined.json()["community"]["planning_permit_on"] == "2020-01-02"
    told = mine.patch(address, {"planning_permit_on": "2021-01-02", "seen": seen})
    assert (told.status_code, told.json()["clashing"]) == (409, ["planning_permit_on"])
    assert told.json()["current"]["planning_permit_on"] == "2020-01-02"
    assert mine.patch(address, {"planning_permit_on": "2021-01-02", "seen": told.json()["seen"]}).status_code == 200


def test_ticked_parts_make_the_mark(at, world, by_token):
    case = at("draft")
    item = next(one for one in case.standard.items("design") if one.mode == "sum")
    client, address = by_token(world.applicant), f"applications/{case.pk}/claims/{item.code}/"
    assert client.put(address, {"value": None, "parts": [0, 1]}).status_code == 200
    row = client.get(address).json()
    assert (row["value"], row["parts"]) == (item.parts[0].points + item.parts[1].points, [0, 1])
    assert problems(client.put(address, {"value": 0, "parts": [0]})) == [("parts_sum", item.code)]
    assert by_token(world.intake).get(address).status_code == 404


def test_advice_is_for_those_who_write(at, world, by_token):
    case = at("draft")
    mine = by_token(world.applicant).get(f"applications/{case.pk}/advice/").json()
    stranger = by_token(world.intake).get(f"applications/{case.pk}/advice/")
    assert {row["rule"] for row in mine["rules"] if row["problems"]} >= {
        "documents_are_present",
        "every_item_is_claimed",
    }
    assert (stranger.status_code, mine["forecast"]["unmarked"]) == (404, len(case.standard.items("design")))


def test_findings_are_told_when_they_are_sent(at, world, by_token):
    case, intake, applicant = at("form_check"), by_token(world.intake), by_token(world.applicant)
    address = f"applications/{case.pk}/findings/"
    item = first_item(case, "full").code
    made = intake.post(address, {"kind": "item", "place": item, "text": "示例：请补充。"})
    wrong = intake.post(address, {"kind": "item", "place": "0.0.0", "text": "示例"})
    foreign = applicant.post(address, {"kind": "item", "place": item, "text": "示例"})
    preview = intake.get(f"applications/{case.pk}/correction-notice/")
    assert (made.status_code, problems(wrong), foreign.status_code) == (201, [("place_unknown", "place")], 403)
    assert applicant.get(address).json()["results"] == []
    assert applicant.delete(f"{address}{made.json()['id']}/").status_code in (403, 404)
    assert (preview.status_code, preview.content[:5]) == (200, b"%PDF-")
    assert applicant.get(f"applications/{case.pk}/correction-notice/").status_code == 403
    assert by_token(world.district_officer).get(address).status_code == 403
    assert intake.delete(f"{address}{made.json()['id']}/").status_code == 204
    assert not Finding.objects.filter(application=case).exists()


def test_who_wrote_a_finding_is_not_told(at, world, by_token):
    rows = by_token(world.applicant).get(f"applications/{at('correction').pk}/findings/").json()["results"]
    assert rows != []
    assert not any({"by", "released_by"} & row.keys() for row in rows)


def test_a_problem_of_a_rule_is_taken_up_in_its_own_words(at, world, by_token):
    case = at("form_check")
    answer = by_token(world.intake).post(f"applications/{case.pk}/findings/take-up/", {"rule": "nonsense", "number": 0})
    assert (answer.status_code, problems(answer)) == (422, [("problem_unknown", "rule")])


def test_what_the_rules_found_is_for_officers(at, world, by_token):
    case = at("form_check")
    address = f"applications/{case.pk}/submissions/1/"
    seen = {who: by_token(getattr(world, who)).get(address).json()["checks"] for who in ("intake", "applicant")}
    assert (seen["applicant"], len(seen["intake"]) > 5) == (None, True)


def test_an_expert_who_opens_evidence_is_seen_to_have_looked(at, by_token):
    case = at("review")
    expert = people.panel_of(case, "accepted")[0].expert.user
    proof = Evidence.objects.filter(application=case).first()
    answer = by_token(expert).get(f"applications/{case.pk}/evidence/{proof.pk}/file/")
    assert (answer.status_code, content(answer) != b"") == (200, True)
    assert Event.objects.of(proof).filter(verb="evidence.open", actor=expert).count() == 1


def test_a_file_taken_out_before_it_was_handed_in_is_for_nobody_else(at, world, by_token):
    case = at("correction")
    document = case.findings.filter(kind="document").first().place
    made = by_token(world.applicant).upload(
        f"applications/{case.pk}/documents/", code=document, file=papers.pdf("示例", "未提交")
    )
    address = f"applications/{case.pk}/documents/{made.json()['id']}/file/"
    mine = by_token(world.applicant).get(address)
    assert (mine.status_code, content(mine)[:5]) == (200, b"%PDF-")
    assert by_token(world.intake).get(address).status_code == 404


def test_files_of_another_case_are_not_found_below_this_one(at, world, by_token):
    case, other = at("form_check"), at("review")
    foreign = other.evidence.first().pk
    answer = by_token(world.intake).get(f"applications/{case.pk}/evidence/{foreign}/file/")
    assert (answer.status_code, scenes.case(case.pk).evidence.filter(pk=foreign).exists()) == (404, False)
