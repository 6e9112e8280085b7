"""Guidance and major changes through the API: what the pages do, by the same functions, with the same refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from evaluation.models import GuidanceVisit, MajorChange
from experts.models import Expert
from portal.demo import construction, papers

pytestmark = [pytest.mark.django_db, pytest.mark.long]

CASES = ("certified",)

TODAY = timezone.localdate()


@pytest.fixture
def project(at):
    return at("certified").project


@pytest.fixture
def visit(project):
    found = construction.plan(project, "conduits")
    construction.record(found)
    return GuidanceVisit.objects.get(pk=found.pk)


def problems(answer):
    return [(row["code"], row["place"]) for row in answer.json()["problems"]]


def test_the_plan_is_given_by_the_applicant_and_read_by_both(project, world, by_token):
    at, days = f"projects/{project.pk}/guidance-nodes/", {"begins_on": TODAY.isoformat(), "ends_on": TODAY.isoformat()}
    assert by_token(world.district_officer).put(f"{at}conduits/", days).status_code == 403
    assert problems(by_token(world.applicant).put(f"{at}roof/", days)) == [("node_unknown", "node")]
    assert by_token(world.applicant).put(f"{at}conduits/", days).status_code == 200
    rows = by_token(world.district_officer).get(at).json()["results"]
    assert [(row["node"], row["begins_on"], row["proposed_on"]) for row in rows] == [
        ("conduits", TODAY.isoformat(), TODAY.isoformat()), ("installation", None, None), ("joint_test", None, None),
    ]  # fmt: skip


def test_a_note_a_companion_and_a_document_are_added_by_their_own_side(project, visit, world, by_token):
    at = f"guidance-visits/{visit.pk}/"
    assert by_token(world.applicant).post(f"{at}notes/", {"text": "x"}).status_code == 403
    assert by_token(world.district_officer).post(f"{at}notes/", {"text": "到场"}).status_code == 201
    assert [row["text"] for row in by_token(world.applicant).get(f"{at}notes/").json()["results"]] == ["到场"]
    expert = Expert.objects.exclude(assignments__application__project=project).first()
    answer = by_token(world.district_officer).post(f"{at}companions/", {"expert": expert.number})
    assert answer.status_code == 409  # recorded already: nobody comes along any more
    opinion = visit.opinions.get()
    files = f"guidance-opinions/{opinion.pk}/files/"
    assert by_token(world.district_officer).upload(files, file=papers.pdf("整改", "一")).status_code == 403
    made = by_token(world.applicant).upload(files, file=papers.pdf("整改", "一"))
    assert made.status_code == 201
    assert made.json()["sha256"] == opinion.files.get().sha256


def test_a_change_is_declared_and_decided_by_acts(project, world, by_token):
    applicant = by_token(world.applicant)
    row = applicant.post(f"projects/{project.pk}/major-changes/", {}).json()
    at = f"major-changes/{row['id']}/"
    assert by_token(world.organiser).get(at).status_code == 404  # a draft
    said = {"summary": "移位", "reason": "消防", "items": ["4.1.1"], "documents": [], "revision": 1}
    assert applicant.put(at, said).json()["revision"] == 2
    assert applicant.put(at, {**said, "summary": "另写"}).status_code == 409
    assert problems(applicant.post(f"{at}acts/declare/", {})) == [("proof_missing", "file")]
    assert applicant.upload(f"{at}proofs/", file=papers.pdf("图纸", "一")).status_code == 201
    assert applicant.post(f"{at}acts/declare/", {}).status_code == 200
    proposed = {"proposal": "keep", "grounds": "不影响"}
    assert by_token(world.approver).post(f"{at}acts/propose/", proposed).status_code == 403
    assert by_token(world.organiser).post(f"{at}acts/propose/", proposed).status_code == 200
    assert by_token(world.approver).post(f"{at}acts/keep/", {"ruling": "同意"}).status_code == 200
    assert MajorChange.objects.get(pk=row["id"]).state == "kept"
    told = by_token(world.applicant).get(f"projects/{project.pk}/timeline/").json()["results"]
    assert [entry["sentence"] for entry in told] == ["申报了重大变更", "提出了处理意见", "决定设计评价继续有效"]
    assert len(told[0]["files"]) == 1


def test_a_change_is_demanded_by_those_who_may(project, world, by_token):
    at = f"projects/{project.pk}/major-changes/demand/"
    assert by_token(world.applicant).post(at, {"reason": "x"}).status_code == 403
    assert by_token(world.other_officer).post(at, {"reason": "x"}).status_code == 404
    answer = by_token(world.district_officer).post(at, {"reason": "机房位置不符"})
    assert (answer.status_code, answer.json()["state"]) == (201, "demanded")
    due_on = MajorChange.objects.get().due_on
    assert due_on > TODAY + timedelta(days=9)


@pytest.mark.parametrize("who,status", [("other_applicant", 404), ("other_officer", 404), ("supervisor", 200)])
def test_strangers_find_nothing(project, visit, world, by_token, who, status):
    change = construction.declare_change(project)
    client = by_token(getattr(world, who))
    for address in (
        f"projects/{project.pk}/timeline/", f"projects/{project.pk}/guidance-nodes/", f"guidance-visits/{visit.pk}/notes/",
        f"guidance-opinions/{visit.opinions.get().pk}/files/", f"major-changes/{change.pk}/", f"major-changes/{change.pk}/proofs/",
    ):  # fmt: skip
        assert client.get(address).status_code == status, address
