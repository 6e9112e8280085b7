"""Whatever anybody sends to any operation is answered: nothing breaks, nothing moves by accident, refusals keep their shape."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from evaluation.models import (
    Application,
    Certificate,
    Inspection,
    InspectionDraw,
    OperatingReport,
    Rectification,
)
from experts import admitting
from portal.demo import people
from tests.api.conftest import content
from tests.experts import newcomers

# On PostgreSQL alone, which is the stricter: it refuses NUL, and numbers and texts that a column cannot hold.
pytestmark = [pytest.mark.long, pytest.mark.postgresql]

CASES = ("draft", "form_check", "review", "completion/site_visit")
OPERATIONS = [line.split() for line in Path(__file__).with_name("operations.txt").read_text().splitlines()]
NASTY = [None, True, "", "x" * 10_000, "%00", "９", -1, 10**30, 1e308, [[]], {"a": {"b": []}}, "9999-12-31"]
QUESTIONS = ("search", "state", "district", "organisation", "level", "year", "ordering", "due_before", "before", "after",
             "round", "running", "mine", "open", "serving_on", "number", "visit", "sent")  # fmt: skip
CHANGED = {"problems", "current", "clashing", "taken", "by", "at", "seen", "revision"}
ANSWERS = ("x", "-1", "9" * 30, "1e400", "é" * 300, "%00")


@pytest.fixture(scope="module")
def asked():
    """operationId -> names of what its body may hold."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    found = {}
    for methods in schema["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            names = set()
            for media in content.values():
                name = media["schema"].get("$ref", "").rsplit("/", 1)[-1]
                names |= set(schema["components"]["schemas"].get(name, {}).get("properties", {}))
            found[operation["operationId"]] = sorted(names)
    return found


def supervised(project, world):
    """What follows an award: a report that is due, an inspection that waits, something to be put right."""
    day, certificate = timezone.localdate(), Certificate.objects.get(application__project=project)
    frozen = {"numbers": [], "rules": {"share": 10, "public_source": None}}
    draw = InspectionDraw.objects.create(
        programme=project.programme, year=2026, organiser=world.organiser, frozen=frozen, state="drawn"
    )
    report = OperatingReport.objects.create(certificate=certificate, year=1, opened_on=day, state="due")
    visit = Inspection.objects.create(draw=draw, certificate=certificate, place=1, state="drawn")
    fault = Rectification.objects.create(inspection=visit, text="示例", mend_by=day, state="open")
    return {"report": report.pk, "inspection": visit.pk, "rectification": fault.pk}


@pytest.fixture
def places(at, world):
    """What stands in an address: rows that exist."""
    review = at("review")
    call = newcomers.call(world.pool_keeper)
    return {
        "application": review.pk,
        "admission": admitting.open_admission(world.applicant, call).pk,
        "assignment": people.panel_of(review, "accepted")[0].pk,
        "item_code": review.standard.items("design")[0].code,
        "organisation": review.project.organisation_id,
        "project": review.project_id,
        "kind": "stage_rule",
        "key": "1",
        "number": "GS-1",
        "expert": "ZJ-0001",
        "verdict": "none",
        "version": 1,
        "code": "D01",
        "action": "withdraw",
        "visit": at("completion/site_visit").project.guidance_visits.first().pk,
        "opinion": 1,
        "objection": 1,
        "change": 1,
        "sanction": 1,
        **supervised(at("completion/site_visit").project, world),
        "certificate": "X-1",
        "language": "zh-hans",
        "programme": "smart_community",
        "stage": "design",
        "node": "conduits",
        "id": review.pk,
        "upload": UUID(int=1),
        "page": 1,
    }


@pytest.fixture
def writers(at, world, by_token):
    """(client, case that this person may write to)."""
    one, leader = (
        next(row.expert.user for row in people.panel_of(at(name), "accepted") if row.is_leader)
        for name in ("review", "completion/site_visit")
    )
    return [
        (by_token(world.applicant), at("draft").pk),
        (by_token(world.intake), at("form_check").pk),
        (by_token(one), at("review").pk),
        (by_token(leader), at("completion/site_visit").pk),
    ]


@pytest.mark.parametrize("name, method, address", [row for row in OPERATIONS if row[1] != "GET"])
def test_no_body_breaks_an_operation(world, writers, asked, places, name, method, address):
    before = dict(Application.objects.values_list("pk", "state"))
    bodies = [None, [], "text", 1, *(dict.fromkeys(asked[name], value) for value in NASTY if asked[name])]
    for client, case in writers if "{application}" in address else writers[:2]:
        for body in bodies:
            answer = getattr(client, method.lower())(address.format(**{**places, "application": case}), body)
            # Of somebody else's newer text a refusal tells more than the problem, and nothing less.
            told = {"problems"} if answer.status_code != 409 or "current" not in answer.json() else CHANGED
            assert answer.status_code < 400 or set(answer.json()) == told
    assert {pk: state for pk, state in Application.objects.values_list("pk", "state") if pk in before} == before


@pytest.mark.parametrize("name, method, address", [row for row in OPERATIONS if row[1] == "GET"])
def test_no_question_breaks_an_operation(world, by_token, places, name, method, address):
    client = by_token(world.supervisor)
    for value in ANSWERS:
        for asked in (dict.fromkeys(QUESTIONS, value), {"page": value}, {"page_size": value}):
            answer = client.get(address.format(**places), asked)
            assert (content(answer) if answer.streaming else answer.content) is not None
