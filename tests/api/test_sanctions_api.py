"""Sanctions and renewals through the API: what the pages do, by the same functions, with the same refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from evaluation.models import Certificate, Renewal, Sanction, StageRule
from portal.demo import certificates, papers

pytestmark = [pytest.mark.django_db, pytest.mark.long]

CASES = ("certified",)
TODAY = timezone.localdate()
SAID = {"kind": "downgrade", "facts": "示例：平台停用。", "basis": "示例办法第十条"}


@pytest.fixture
def certificate(at):
    """A certificate near its end that may be renewed."""
    row = at("certified").certificate
    StageRule.objects.filter(stage="design").update(is_renewable=True)
    Certificate.objects.filter(pk=row.pk).update(is_final=True, valid_until=TODAY + timedelta(days=30))
    return Certificate.objects.get(pk=row.pk)


def problems(answer):
    return [(row["code"], row["place"]) for row in answer.json()["problems"]]


def test_a_sanction_from_its_proposal_to_the_lower_certificate(certificate, world, by_token, anonymous):
    at = f"certificates/{certificate.number}/sanctions/"
    assert problems(by_token(world.intake).post(at, SAID)) == [("to_level", "to_level")]
    row = by_token(world.intake).post(at, {**SAID, "to_level": 1}).json()
    here = f"sanctions/{row['id']}/"
    assert [by_token(who).get(here).status_code for who in (world.applicant, world.other_applicant)] == [404, 404]
    assert anonymous.get(here).status_code == 401
    by_token(world.intake).upload(f"{here}proofs/", file=papers.pdf("照片", "一"))
    assert by_token(world.intake).post(f"{here}acts/tell/", {}).status_code == 403
    assert by_token(world.approver).post(f"{here}acts/tell/", {}).status_code == 200
    own = by_token(world.applicant)
    made = own.upload(f"{here}proofs/", file=papers.pdf("记录", "一"))
    sides = [one["side"] for one in own.get(f"{here}proofs/").json()["results"]]
    assert (made.status_code, sides) == (201, ["office", "party"])
    file = own.get(f"{here}proofs/{made.json()['id']}/file/", HTTP_ACCEPT="application/pdf")
    assert b"".join(file.streaming_content).startswith(b"%PDF-")
    assert own.delete(f"{here}proofs/{made.json()['id']}/").status_code == 204
    assert own.post(f"{here}acts/state_case/", {"statement": ""}).status_code == 422
    assert own.post(f"{here}acts/state_case/", {"statement": "已恢复"}).status_code == 200
    assert by_token(world.supervisor).post(f"{here}acts/downgrade/", {"reason": "示例"}).status_code == 200
    told = own.get(here).json()
    assert (told["state"], told["statement"], told["decision"] != "") == ("executed", "已恢复", True)
    successor = Certificate.objects.get(succeeds=certificate)
    assert anonymous.get(f"certificates/{successor.number}/").json()["level"] == 1
    assert anonymous.get(f"certificates/{certificate.number}/").json()["standing"] == "superseded"


def test_a_renewal_from_its_conditions_to_the_new_certificate(certificate, world, by_token):
    at = f"certificates/{certificate.number}/renewals/"
    own = by_token(world.applicant)
    assert own.get(f"{at}conditions/").json()["hindrances"] == []
    assert by_token(world.intake).post(at, {"statement": "x"}).status_code == 403
    row = own.post(at, {"statement": "运行正常"}).json()
    assert [one["code"] for one in own.get(f"{at}conditions/").json()["hindrances"]] == ["renewal_open"]
    assert problems(own.post(at, {"statement": "又一次"})) == [("renewal_open", "")]
    here = f"renewals/{row['id']}/"
    assert by_token(world.intake).post(f"{here}acts/recommend/", {"opinion": "一致"}).status_code == 200
    assert by_token(world.approver).post(f"{here}acts/approve/", {}).status_code == 200
    assert own.get(here).json()["state"] == "approved"
    assert Certificate.objects.filter(succeeds=certificate, state="valid").exists()


@pytest.mark.parametrize("name", ["sanctions", "renewals"])
def test_lists_are_narrowed_and_hold_what_may_be_read(certificate, world, by_token, name):
    certificates.propose(certificate)
    Renewal.objects.create(
        certificate=certificate, number="YX-1", statement="x", asked_by=world.applicant, state="asked"
    )
    state = {"sanctions": "proposed", "renewals": "asked"}[name]
    for query, count in (("", 1), (f"state={state}", 1), ("state=ended", 0), (f"certificate={certificate.number}", 1),
                         ("certificate=none", 0), ("district=000000", 0), ("ordering=-due_on", 1)):  # fmt: skip
        if (name, query) == ("sanctions", "state=ended"):
            query = "state=dropped"
        assert (query, by_token(world.intake).get(f"{name}/?{query}").json()["count"]) == (query, count)
    assert by_token(world.intake).get(f"{name}/?state=nonsense").status_code == 422
    assert by_token(world.applicant).get(f"{name}/").json()["count"] == {"sanctions": 0, "renewals": 1}[name]
    assert by_token(world.other_applicant).get(f"{name}/").json()["count"] == 0
    assert Sanction.objects.count() == 1


@pytest.mark.parametrize("body", [{}, {"kind": "x"}, {**SAID, "to_level": 10**9}, {**SAID, "facts": "x" * 6000}])
def test_a_body_that_is_none_is_refused(certificate, world, by_token, body):
    answer = by_token(world.intake).post(f"certificates/{certificate.number}/sanctions/", body)
    assert (answer.status_code, Sanction.objects.count()) == (422, 0)
