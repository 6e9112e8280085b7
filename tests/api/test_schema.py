"""The description of the API is whole: it validates, names every refusal, and its names stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import resolve, reverse

from portal import api_urls
from portal.api import Acts
from portal.machine import MACHINES

OPERATIONS = Path(__file__).with_name("operations.txt")
REFUSAL = {"$ref": "#/components/schemas/Problems"}
# Whoever was overtaken also learns by whom, and what is kept now.
SHAPES = {"409": {"$ref": "#/components/schemas/Changed"}}
PRIVATE = {
    "phone", "identity", "identities", "contact", "organiser_secret", "supervisor_secret", "salt", "frozen", "password",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """The schema as the command writes it; any warning is an error."""
    file = tmp_path_factory.mktemp("schema") / "schema.json"
    call_command("spectacular", "--format", "openapi-json", "--validate", "--fail-on-warn", "--file", str(file))
    return json.loads(file.read_text(encoding="utf-8"))


def operations(schema):
    return [
        (address, method, operation)
        for address, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_operations_keep_their_names(schema):
    found = sorted(f"{one['operationId']} {method.upper()} {address}" for address, method, one in operations(schema))
    assert found == OPERATIONS.read_text(encoding="utf-8").splitlines()


def test_every_operation_says_what_it_does(schema):
    assert [one["operationId"] for _, _, one in operations(schema) if not one.get("description")] == []


def test_every_operation_describes_its_refusals_in_one_shape(schema):
    wrong = []
    for address, method, one in operations(schema):
        wanted = {"401"} | ({"400", "403", "404", "409", "422"} if method != "get" else set())
        wanted |= {"404"} if "{" in address else set()
        refusals = {code: answer for code, answer in one["responses"].items() if code >= "400"}
        shapes = {code: answer["content"]["application/json"]["schema"] for code, answer in refusals.items()}
        if not wanted <= refusals.keys() or any(shape != SHAPES.get(code, REFUSAL) for code, shape in shapes.items()):
            wrong.append(one["operationId"])
    assert wrong == []


def test_what_is_public_is_exactly_this(schema):
    public = {one["operationId"] for _, _, one in operations(schema) if {} in one.get("security", [{}])}
    assert public == {
        "accounts_create", "certificates_file_retrieve", "certificates_issuer_keys_retrieve", "certificates_list",
        "certificates_retrieve", "certificates_revocations_retrieve", "directory_districts_list", "directory_list",
        "directory_retrieve", "incentive_confirmations_retrieve", "incentive_policies_list", "notices_replies_list",
        "notices_versions_list", "districts_list",
        "districts_retrieve", "expert_calls_admitted_list", "expert_calls_list", "expert_calls_retrieve",
        "expert_calls_versions_list", "inspection_draws_receipt_retrieve", "notices_list",
        "notices_receipt_retrieve", "notices_retrieve", "objections_create", "monthly_reports_list",
        "statistics_csv_retrieve", "statistics_list", "statistics_retrieve",
        "objections_status_retrieve", "open_data_list", "programmes_list", "programmes_retrieve", "standards_document_retrieve",
        "standards_list", "standards_retrieve", "token_create",
    }  # fmt: skip


def test_no_answer_has_a_private_field(schema):
    """``contact`` of an organisation is the person named in the register; of an objection nothing personal is told."""
    told = {
        (name, field)
        for name, component in schema["components"]["schemas"].items()
        for field, column in component.get("properties", {}).items()
        if field in PRIVATE and not column.get("writeOnly") and not name.endswith(("Data", "DataRequest", "Change"))
    }
    assert told == {("Organisation", "contact")}


def test_every_list_is_cut_into_pages(schema):
    answers = {
        one["operationId"]: one["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
        for _, method, one in operations(schema)
        if method == "get"
    }
    whole = sorted(name for name, answer in answers.items() if answer.get("type") == "array")
    assert whole == sorted(
        f"{name}_acts_list"
        for name in (
            "admissions", "applications", "assignments", "batches", "certificates", "experts", "exports", "guidance_companions",
            "guidance_opinions", "guidance_visits", "held_messages", "incentives", "inspection_draws", "inspections",
            "major_changes", "objections", "operating_reports", "organisation_changes",
            "organisations", "pool_imports", "questions", "rectifications", "renewals", "sanctions", "stand_ins", "vacancies",
        )
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_every_act_of_every_machine_has_its_address(name):
    key = {"number": "X-1"} if name in ("certificate", "expert") else {"pk": 1}
    for row in MACHINES[name].transitions:
        address = reverse(f"api-{name}-act", kwargs={**key, "action": row.action})
        endpoint = resolve(address).func.cls
        assert (issubclass(endpoint, Acts), endpoint.machine) == (True, name)


def test_every_page_of_an_act_leads_to_an_act_of_the_api():
    """What the pages do by a table, the API does by the same table: no endpoint moves a state otherwise."""
    machines = {endpoint.machine for _, endpoint, _ in api_urls.ROWS if issubclass(endpoint, Acts)}
    assert machines == set(MACHINES)


def test_the_page_to_try_it_on_loads_nothing_from_another_host(client, db):
    page = client.get(reverse("api-docs"))
    assert (page.status_code, b"//cdn" in page.content, b"swagger-ui" in page.content) == (200, False, True)


def test_the_schema_is_served(client, db):
    answer = client.get(reverse("api-schema"))
    assert (answer.status_code, b"operationId" in answer.content) == (200, True)


def test_an_unknown_address_is_refused_in_the_same_shape(client, db):
    answers = [getattr(client, method)("/api/v1/nonsense/") for method in ("get", "post", "delete")]
    assert [(one.status_code, one.json()["problems"][0]["code"]) for one in answers] == [(404, "not_found")] * 3
