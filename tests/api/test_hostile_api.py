"""Whatever anybody sends to any operation is answered: nothing breaks, nothing moves by accident, refusals keep their shape."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from drf_spectacular.generators import SchemaGenerator

from evaluation.models import Application
from portal.demo import people

CASES = ("draft", "correction", "inviting", "review", "deliberation", "completion/site_visit")
OPERATIONS = [line.split() for line in Path(__file__).with_name("operations.txt").read_text().splitlines()]
NASTY = [
    None, True, "", " ", "x" * 10_000, "'; --", "%00", "９", -1, 0, 2**63, 10**30, 1.5, 1e308, [], [[]], {}, {"a": {"b": []}},
    "9999-99-99", "0001-01-01", "9999-12-31", "<script>", "\u202e",
]  # fmt: skip
UNREADABLE = "body that is no JSON"


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


@pytest.fixture
def places(at):
    """What stands in an address: rows that exist."""
    review = at("review")
    return {
        "application": review.pk,
        "assignment": people.panel_of(review, "accepted")[0].pk,
        "item_code": review.standard.items("design")[0].code,
        "organisation": review.project.organisation_id,
        "number": "GS-1",
        "version": 1,
        "code": "D01",
        "action": "withdraw",
        "visit": at("completion/site_visit").project.guidance_visits.first().pk,
        "opinion": 1,
        "objection": 1,
        "id": review.pk,
    }


@pytest.mark.parametrize("name, method, address", [row for row in OPERATIONS if row[1] != "GET"])
def test_no_body_breaks_an_operation(at, world, by_token, asked, places, name, method, address):
    expert = people.panel_of(at("review"), "accepted")[0].expert.user
    clients = [by_token(one) for one in (world.applicant, world.intake, world.district_officer, expert)]
    before = dict(Application.objects.values_list("pk", "state"))
    for case in ("draft", "correction", "review", "completion/site_visit"):
        there = address.format(**{**places, "application": at(case).pk})
        for body in [*NASTY, *({key: value for key in asked[name]} for value in NASTY if asked[name])]:
            for client in clients:
                answer = getattr(client, method.lower())(there, body)
                assert answer.status_code < 500
                assert answer.status_code < 400 or set(answer.json()) == {"problems"}
        if "{application}" not in address:
            break
    moved = {pk for pk, state in Application.objects.values_list("pk", "state") if before.get(pk, state) != state}
    assert moved == set()


@pytest.mark.parametrize("name, method, address", [row for row in OPERATIONS if row[1] == "GET"])
def test_no_question_breaks_an_operation(at, world, by_token, places, name, method, address):
    there = re.sub(r"\{(\w+)\}", lambda match: str(places[match[1]]), address)
    clients = [by_token(one) for one in (world.applicant, world.supervisor)]
    keys = ("search", "state", "district", "organisation", "level", "year", "ordering", "page", "page_size", "due_before",
            "before", "after", "round", "running", "mine", "serving_on", "number", "visit")  # fmt: skip
    for value in ("", "x", "-1", "0", "9" * 30, "%", "1e400", "NaN", "2026-11-21", "é" * 300, "%00", "\u202e", "true"):
        for client in clients:
            for key in keys:
                answer = client.get(there, {key: value})
                assert answer.status_code < 500
                if hasattr(answer, "streaming_content"):
                    answer.close()
