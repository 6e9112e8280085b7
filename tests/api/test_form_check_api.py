"""The form check over HTTP: overrides, phrases, notices, late findings, officers who stand back; as on the pages."""

from __future__ import annotations

import pytest

from evaluation import findings
from evaluation.findings import Late
from evaluation.models import Submission
from evaluation.workflow import APPLICATION
from portal.demo import journey
from tests.api.conftest import problems

CASES = ("form_check",)
SOFT = "won_items_are_proved"


@pytest.fixture
def failed(at):
    """The case, in which a soft rule found something."""
    case = at("form_check")
    sealed = Submission.objects.get(application=case, version=case.version)
    problem = {"code": "example", "place": "4.2.1", "message": "示例：有误。", "params": {}}
    checks = [{**row, "problems": [problem] if row["rule"] == SOFT else []} for row in sealed.checks]
    Submission.objects.filter(pk=sealed.pk).update(checks=checks)
    return case


def test_a_soft_rule_is_overridden_read_and_taken_back(failed, world, by_token):
    address, intake = f"applications/{failed.pk}/overrides/", by_token(world.intake)
    assert problems(intake.post(f"applications/{failed.pk}/acts/accept/", {})) == [("rule_unsettled", SOFT)]
    made = intake.post(address, {"rule": SOFT, "reason": "示例：见另一条目"})
    assert (made.status_code, made.json()["version"]) == (201, 1)
    told = by_token(world.supervisor).get(address).json()["results"]
    assert [(row["rule"], row["reason"]) for row in told] == [(SOFT, "示例：见另一条目")]
    assert by_token(world.applicant).get(address).status_code == 403
    assert by_token(world.supervisor).delete(f"{address}{made.json()['id']}/").status_code == 403
    assert intake.delete(f"{address}{made.json()['id']}/").status_code == 204


def test_which_rules_are_hard_is_told_to_who_may_see_the_settings(world, by_token):
    rows = by_token(world.intake).get("form-rules/").json()["results"]
    assert {row["rule"]: row["is_hard"] for row in rows}[SOFT] is False
    assert by_token(world.applicant).get("form-rules/").status_code == 403


def test_phrases_are_kept_changed_and_removed(world, by_token):
    intake = by_token(world.intake)
    made = intake.post("phrases/", {"kind": "item", "text": "示例：请补充"}).json()
    changed = intake.put(f"phrases/{made['id']}/", {"text": "示例：请更正", "revision": 1})
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)
    late = intake.put(f"phrases/{made['id']}/", {"text": "示例：又改", "revision": 1})
    assert (late.status_code, problems(late)) == (409, [("changed", "")])
    assert intake.delete(f"phrases/{made['id']}/").status_code == 204
    assert by_token(world.supervisor).get("phrases/").status_code == 403


def test_a_notice_is_listed_and_fetched_by_the_parties(at, world, by_token):
    case = at("form_check")
    APPLICATION.perform(case, "accept", by=world.intake)
    address, applicant = f"applications/{case.pk}/issued-notices/", by_token(world.applicant)
    row = applicant.get(address).json()["results"][0]
    answer = applicant.get(f"{address}{row['id']}/file/")
    content = b"".join(answer.streaming_content)
    told = applicant.get(address).json()["results"][0]
    assert (row["kind"], content[:5], told["size"]) == ("acceptance", b"%PDF-", len(content))
    assert by_token(world.other_applicant).get(address).status_code == 404


def test_a_late_finding_needs_its_code_and_is_counted(at, world, by_token):
    case = at("form_check")
    journey.request_correction(case)
    journey.resubmit(journey.fresh(case))
    journey.work(journey.fresh(case))
    intake, said = by_token(world.intake), {"kind": "document", "place": "D05", "text": "示例"}
    address = f"applications/{case.pk}/findings/"
    assert problems(intake.post(address, said)) == [("late_code_missing", "late_code")]
    assert intake.post(address, {**said, "late_code": "unseen"}).json()["late_code"] == "unseen"
    findings.add_finding(world.intake, journey.fresh(case), "document", "D06", "示例", late=Late("law"))
    counts = by_token(world.supervisor).get("late-findings/counts/").json()["results"]
    assert sorted((row["code"], row["count"]) for row in counts) == [("law", 1), ("unseen", 1)]
    assert by_token(world.supervisor).get("late-findings/?code=law").json()["count"] == 1
    assert len(intake.get("late-findings/codes/").json()["results"]) == 4
    assert by_token(world.organiser).get("late-findings/").status_code == 403


def test_an_officer_stands_back_and_is_let_back_by_two(at, world, by_token):
    case = at("form_check")
    said = {"project": case.project_id, "relation": "示例：亲属任职"}
    made = by_token(world.intake).post("officer-conflicts/", said)
    address = f"officer-conflicts/{made.json()['id']}/"
    assert made.status_code == 201
    assert by_token(world.intake).get(f"applications/{case.pk}/").status_code == 404
    assert by_token(world.organiser).get(address).status_code == 404
    assert by_token(world.intake).post(f"{address}ask-release/", {"reason": "示例"}).status_code == 403
    assert by_token(world.supervisor).post(f"{address}ask-release/", {"reason": "示例"}).status_code == 200
    assert by_token(world.supervisor).post(f"{address}agree-release/").status_code == 403
    assert by_token(world.approver).post(f"{address}agree-release/").json()["released_at"] is not None
    assert by_token(world.intake).get(f"applications/{case.pk}/").status_code == 200
