"""Evidence over HTTP: large files by tus and what became of them, regions, pictures of pages, replacing, coverage."""

from __future__ import annotations

import base64
import hashlib
import io

import pytest
from PIL import Image

from evaluation import proofs
from evaluation.models import Evidence
from portal import tasks, uploads
from portal.demo import papers
from portal.models import Upload
from tests.api.conftest import content, problems
from tests.evaluation import scenes

pytestmark = pytest.mark.long

CASES = ("draft", "review")
TUS = {"Tus-Resumable": "1.0.0"}
REGION = [0.1, 0.2, 0.3, 0.4]


@pytest.fixture(autouse=True)
def silent_bell(monkeypatch):
    """The worker's work is done by the tests."""
    monkeypatch.setattr(tasks.take_in, "apply_async", lambda *said, **more: None)


def pdf(title, pages=2):
    upload = papers.pdf(title, title, pages=pages)
    upload.seek(0)
    return upload.read()


def begin(client, case, name="图.pdf", length=10, **values):
    said = {"filename": name, "purpose": "evidence", "application": str(case.pk), "evidence_kind": "drawing", **values}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
    return client.post("uploads/", headers={**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata})


def patch(client, address, offset, body):
    kind = "application/offset+octet-stream"
    return client.generic("PATCH", address, body, content_type=kind, headers={**TUS, "Upload-Offset": str(offset)})


def test_a_program_sends_a_large_file_and_learns_what_became_of_it(at, world, by_token):
    case, client, body = at("draft"), by_token(world.applicant), pdf("大图")
    address = begin(client, case, length=len(body), items="4.1.1 4.1.2", page="2", caption="总图")["Location"]
    assert patch(client, address, 0, body[:500]).status_code == 204
    listed = f"applications/{case.pk}/uploads/"
    row = client.get(listed).json()["results"][0]
    assert (row["name"], row["state"], row["offset"], row["length"]) == ("图.pdf", "uploading", 500, len(body))
    assert patch(client, address, 500, body[500:])["Upload-Offset"] == str(len(body))
    assert client.get(listed).json()["results"][0]["state"] == "checking"
    uploads.take_in(Upload.objects.get().pk)
    row = client.get(address).json()
    assert (row["state"], row["problems"], row["remarks"]) == ("taken", [], [])
    proof = next(
        one for one in client.get(f"applications/{case.pk}/evidence/").json()["results"] if one["id"] == row["made"]
    )
    assert (proof["items"], proof["caption"]) == ({"4.1.1": 2, "4.1.2": 2}, "总图")
    assert proof["sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("name, status", [("other_applicant", 403), ("intake", 403)])
def test_whoever_may_not_write_sends_nothing(at, world, by_token, name, status):
    assert begin(by_token(getattr(world, name)), at("draft")).status_code == status
    assert Upload.objects.count() == 0


def test_what_is_on_its_way_is_shown_to_those_who_edit(at, world, by_token):
    assert by_token(world.other_applicant).get(f"applications/{at('draft').pk}/uploads/").status_code == 404
    assert by_token(world.intake).get(f"applications/{at('review').pk}/uploads/").status_code == 403


def test_a_token_for_reading_sends_nothing(at, world, by_token):
    assert begin(by_token(world.applicant, ["read"]), at("draft")).status_code == 403


@pytest.fixture
def proof(at, world):
    case = at("draft")
    return proofs.add_evidence(world.applicant, case, "drawing", papers.pdf("图", "甲", pages=3), ["4.1.1"], page=1)


@pytest.fixture
def address(proof):
    return f"applications/{proof.application_id}/evidence/{proof.pk}/"


def test_a_region_is_set_and_taken_back(world, by_token, address):
    client = by_token(world.applicant)
    told = client.put(f"{address}links/4.1.1/", {"page": 2, "region": REGION}).json()
    assert (told["items"], told["regions"]) == ({"4.1.1": 2}, {"4.1.1": REGION})
    assert client.put(f"{address}links/4.1.1/", {"page": 2}).json()["regions"] == {}


@pytest.mark.parametrize(
    "said, found",
    [
        ({"page": 1, "region": [0.1, 0.2, 0.3]}, [("min_length", "region")]),
        ({"page": 1, "region": [0.1, 0.2, 0.3, 2]}, [("max_value", "region.3")]),
        ({"region": REGION}, [("region_without_page", "page")]),
        ({"page": 1, "region": [0.9, 0.2, 0.3, 0.4]}, [("region", "region")]),
    ],
)
def test_a_region_that_lies_nowhere_is_refused(world, by_token, address, said, found):
    answer = by_token(world.applicant).put(f"{address}links/4.1.1/", said)
    assert (answer.status_code, problems(answer)) == (422, found)


def test_a_picture_of_a_page_is_sent_to_readers(world, by_token, address):
    client = by_token(world.applicant)
    answer = client.get(f"{address}pages/3/?width=240")
    picture = Image.open(io.BytesIO(content(answer)))
    assert (answer["Content-Type"], picture.format, picture.width) == ("image/jpeg", "JPEG", 240)
    assert [client.get(f"{address}pages/{page}").status_code for page in ("4/", "0/", "1/?width=7")] == [404, 404, 422]
    assert by_token(world.other_applicant).get(f"{address}pages/1/").status_code == 404


def test_a_file_is_replaced_with_what_it_proves(world, by_token, address, proof):
    client = by_token(world.applicant)
    client.put(f"{address}links/4.1.1/", {"page": 3, "region": REGION})
    told = client.upload(f"{address}replace/", file=papers.pdf("新", "新", pages=1))
    assert told.status_code == 201
    assert (told.json()["evidence"]["items"], told.json()["remarks"]) == (
        {"4.1.1": None}, ["以下锚点需要重新标注：4.1.1（3）"],
    )  # fmt: skip
    assert Evidence.objects.get(pk=told.json()["evidence"]["id"]).replaces == proof
    assert problems(client.upload(f"{address}replace/", file=papers.pdf("再", "再"))) == [("removed", "file")]


def test_the_coverage_names_every_item_and_every_proof(at, world, by_token, proof):
    case = at("draft")
    told = by_token(world.applicant).get(f"applications/{case.pk}/coverage/").json()
    assert [row["code"] for row in told["items"]] == [item.code for item in case.standard.items("design")]
    assert {row["code"]: row["evidence"] for row in told["items"] if row["evidence"]} == {"4.1.1": [proof.pk]}
    assert told["evidence"] == [{"id": proof.pk, "name": proof.name, "items": ["4.1.1"], "busy": False}]


def test_an_expert_who_marks_has_looked_at_a_proof_by_its_pages(at, world, by_token):
    case = at("review")
    seat = case.assignments.filter(state="accepted").first()
    row = case.evidence.filter(kind="pdf", removed_at=None).first()
    client = by_token(scenes.person(seat.expert.user.username))
    answer = client.get(f"applications/{case.pk}/evidence/{row.pk}/pages/1/")
    assert (answer.status_code, content(answer)[:3]) == (200, b"\xff\xd8\xff")
    assert seat.expert.user.event_set.filter(verb="evidence.open", subject_id=row.pk).count() == 1


def test_one_call_says_all_items_of_a_proof(at, world, by_token):
    case, client = at("draft"), by_token(world.applicant)
    proof = proofs.add_evidence(
        world.applicant, case, "drawing", papers.pdf("多条", "多条", pages=3), ["4.1.1", "4.1.2"]
    )
    address = f"applications/{case.pk}/evidence/{proof.pk}/items/"
    told = client.put(address, {"items": ["4.1.1", "4.2.1", "4.2.2"], "page": 2}).json()
    assert told["items"] == {"4.1.1": None, "4.2.1": 2, "4.2.2": 2}
    refused = client.put(address, {"items": ["4.1.1", "nothing", "1.1"]})
    assert (refused.status_code, problems(refused)) == (422, [("item_unknown", "1.1"), ("item_unknown", "nothing")])
    assert client.put(address, {"items": []}).json()["items"] == {}
    assert by_token(world.applicant, ["read"]).put(address, {"items": []}).status_code == 403
    assert by_token(world.other_applicant).put(address, {"items": []}).status_code == 404
