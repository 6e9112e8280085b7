"""What everyone may read without an account, and what nobody reads there."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.utils import timezone

from communities import credit_code
from evaluation.models import Certificate, Objection, PublicNotice
from evaluation.workflow import CERTIFICATE
from experts import draw as lots
from portal.demo import names, papers
from tests.api.conftest import content, problems

pytestmark = pytest.mark.long

CASES = ("notice", "certified", "completion/certified")
PERSON = {
    "kind": "person", "name": "示例居民张某", "identity": "500000199001011238", "contact": "13900000000",
    "text": "示例：对得分有异议。",
}  # fmt: skip


@pytest.fixture
def notice(at):
    return PublicNotice.objects.get(application=at("notice"))


@pytest.fixture
def star(at):
    return Certificate.objects.get(application=at("completion/certified"))


@pytest.mark.parametrize("address", ["districts/", "programmes/", "standards/", "notices/", "certificates/"])
def test_lists_are_public(at, anonymous, address):
    answer = anonymous.get(address)
    assert (answer.status_code, answer.json()["count"] > 0) == (200, True)


@pytest.mark.parametrize(
    "address", ["me/", "work/", "notifications/", "organisations/", "communities/", "projects/", "applications/", "assignments/",
                "guidance-visits/", "guidance-opinions/", "objections/", "experts/"],
)  # fmt: skip
def test_everything_else_asks_who_is_there(anonymous, address):
    assert anonymous.get(address).status_code == 401


def test_a_standard_is_downloaded_as_the_bytes_that_were_hashed(at, anonymous):
    row = anonymous.get("standards/?kind=smart_community").json()["results"][0]
    document = anonymous.get(f"standards/{row['id']}/document/").content
    assert hashlib.sha256(document).hexdigest() == row["sha256"]
    assert row["is_official"] is False


def test_a_notice_shows_what_was_published(notice, anonymous):
    answer = anonymous.get(f"notices/{notice.number}/").json()
    assert (answer["is_running"], answer["figures"]) == (True, json.loads(json.dumps(notice.figures)))
    assert lots.verify_bytes(anonymous.get(f"notices/{notice.number}/receipt/").content) == []


def test_running_notices_are_found_by_the_name_of_the_community(notice, anonymous):
    name = notice.figures["community"]
    assert [row["number"] for row in anonymous.get(f"notices/?running=true&search={name}").json()["results"]] == [
        notice.number
    ]
    assert anonymous.get(f"notices/?running=false&search={name}").json()["count"] == 0


def test_an_objection_is_taken_followed_and_tells_nobody_who_made_it(notice, anonymous, world, by_token):
    made = anonymous.upload(
        "objections/", notice=notice.number, **PERSON, proofs=[papers.pdf("证据", "一"), papers.pdf("证据", "二")]
    )
    number = made.json()["number"]
    status = anonymous.get(f"objections/status/{number}/")
    client = by_token(world.intake)
    listed = client.get(f"objections/?search={number}").json()["results"]
    proof = client.get(f"objections/{listed[0]['id']}/proofs/{listed[0]['proofs'][0]['id']}/file/")
    assert (made.status_code, status.json()["state"], len(listed), content(proof)[:5]) == (201, "received", 1, b"%PDF-")
    said = made.content.decode() + status.content.decode() + json.dumps(listed, ensure_ascii=False)
    assert not any(PERSON[name] in said for name in ("name", "identity", "contact"))
    assert Objection.objects.get(number=number).name == PERSON["name"]


def test_objections_are_for_the_officers_who_handle_them(notice, anonymous, world, by_token):
    anonymous.post("objections/", {"notice": notice.number, **PERSON})
    row = Objection.objects.get(notice=notice)
    people = {
        name: by_token(getattr(world, name)) for name in ("applicant", "organiser", "district_officer", "approver")
    }
    found = {name: client.get(f"objections/{row.pk}/").status_code for name, client in people.items()}
    assert found == {"applicant": 404, "organiser": 404, "district_officer": 404, "approver": 200}


@pytest.mark.parametrize("values, wrong", [
    ({"name": ""}, [("blank", "name")]),
    ({"name": " ", "contact": ""}, [("blank", "name"), ("blank", "contact")]),
    ({"kind": "nobody"}, [("invalid_choice", "kind")]),
    ({"kind": "unit", "identity": "123"}, [("credit_code_length", "identity"), ("seal_missing", "proofs")]),
    ({"kind": "unit", "identity": names.code("500112", "D", 1)}, [("seal_missing", "proofs")]),
    ({"text": "a\x00b"}, [("null_characters_not_allowed", "text")]),
], ids=range(6))  # fmt: skip
def test_an_anonymous_or_incomplete_objection_is_not_taken(notice, anonymous, values, wrong):
    answer = anonymous.upload("objections/", notice=notice.number, **{**PERSON, **values})
    assert (answer.status_code, Objection.objects.count()) == (422, 0)
    assert [place for _, place in problems(answer)] == [place for _, place in wrong]


def test_a_late_objection_is_not_taken(notice, anonymous):
    PublicNotice.objects.filter(pk=notice.pk).update(closes_on="2020-01-01", opened_on="2020-01-01")
    answer = anonymous.post("objections/", {"notice": notice.number, **PERSON})
    assert (answer.status_code, problems(answer)) == (422, [("late", "")])


def test_an_objection_to_a_notice_that_is_not_there_is_unknown(anonymous):
    assert anonymous.post("objections/", {"notice": "GS-1", **PERSON}).status_code == 404


def test_the_directory_holds_whoever_has_a_star_today(star, anonymous):
    rows = anonymous.get("certificates/").json()["results"]
    assert [row["number"] for row in rows] == [star.number]
    year = star.issued_on.year
    for query, count in ((f"year={year}", 1), (f"year={year - 1}", 0), ("level=2", 1), ("level=3", 0),
                         (f"search={star.community_name[2:]}", 1), ("search=nothing", 0),
                         (f"district={star.application.project.community.district_id}", 1)):  # fmt: skip
        assert (query, anonymous.get(f"certificates/?{query}").json()["count"]) == (query, count)


def test_a_certificate_is_checked_and_downloaded_by_its_number(star, anonymous):
    answer = anonymous.get(f"certificates/{star.number}/").json()
    file = anonymous.get(f"certificates/{star.number}/file/", HTTP_ACCEPT="application/pdf")
    assert (answer["standing"], answer["valid_until"] > str(timezone.localdate())) == ("valid", True)
    assert hashlib.sha256(content(file)).hexdigest() == answer["sha256"]


def test_of_a_revoked_certificate_only_its_standing_is_told(star, anonymous, world, by_token):
    body = {"kind": "revoke", "facts": "示例：弄虚作假。", "basis": "示例办法第十条"}
    at = f"certificates/{star.number}/sanctions/"
    refused = [by_token(one).post(at, body).status_code for one in (world.applicant, world.other_applicant)]
    assert (refused, anonymous.post(at, body).status_code) == ([403, 404], 401)
    made = by_token(world.intake).post(at, body)
    assert made.status_code == 201
    acts = f"sanctions/{made.json()['id']}/acts/"
    for who, action, said in (
        (world.supervisor, "tell", {}), (world.applicant, "waive", {"waiver": True}),
        (world.approver, "revoke", {"reason": "示例"}),
    ):  # fmt: skip
        assert by_token(who).post(f"{acts}{action}/", said).status_code == 200
    assert anonymous.get(f"certificates/{star.number}/").json()["standing"] == "revoked"
    assert anonymous.get(f"certificates/{star.number}/file/").status_code == 404
    assert anonymous.get("certificates/").json()["count"] == 0


def test_acts_of_a_certificate_are_offered_to_those_who_may(star, world, by_token):
    """Nobody moves a certificate itself: it is revoked by the decision of a sanction."""
    for who in (world.supervisor, world.applicant):
        assert by_token(who).get(f"certificates/{star.number}/acts/").json() == []
    assert CERTIFICATE.name == "certificate"


def test_nothing_public_tells_a_phone_or_an_identity(at, anonymous, world):
    said = "".join(anonymous.get(f"{name}/").content.decode() for name in ("notices", "certificates", "programmes"))
    assert world.unit.phone not in said
    assert credit_code.normalise(world.unit.credit_code) not in said


def test_a_standard_is_brought_in_by_those_who_may(world, by_token, anonymous):
    upload = papers.pdf("不是标准", "一")
    answers = {
        who: by_token(getattr(world, who)).upload("standards/", file=upload) for who in ("organiser", "applicant")
    }
    assert (answers["organiser"].status_code, answers["applicant"].status_code) == (422, 403)
    assert anonymous.upload("standards/", file=upload).status_code == 401
    source = anonymous.get("standards/?kind=smart_property").json()["results"][0]
    document = anonymous.get(f"standards/{source['id']}/document/").json()
    document["standard"]["version"] = "2099-1"
    upload.file.seek(0)
    new = type(upload)(json.dumps(document).encode(), name="standard.json")
    made = by_token(world.organiser).upload("standards/", file=new)
    assert (made.status_code, made.json()["version"]) == (201, "2099-1")
