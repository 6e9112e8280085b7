"""The seal of an application: what it holds, that its hash can be recomputed, and what changed between two of them."""

from __future__ import annotations

import copy
import hashlib
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evaluation import filing, proofs, snapshot
from evaluation.models import Application
from evaluation.snapshot import Change
from portal.demo import cases, journey, papers
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def draft(django_db_setup, django_db_blocker, tmp_path_factory):
    """A draft in which little is filled in."""
    with scenes.kept(django_db_blocker, tmp_path_factory) as world:
        application = world.case_at("draft", advised=True)
        by = application.project.created_by
        filing.save_statement(by, application, "D01", "示例申报书")
        filing.save_statement(by, application, "D02", "")
        filing.save_claim(by, application, "4.1.1", True)
        filing.save_claim(by, application, "5.2.3", "na", "没有高层住宅")
        proofs.add_document(by, application, "D04", papers.pdf("规划许可证", "一", pages=2))
        proofs.add_evidence(
            by, application, "drawing", papers.pdf("图纸", "一", pages=3), ["4.1.1", "4.1.2"], "总图", 2
        )
        yield application.pk


@pytest.fixture(autouse=True)
def own_files():
    """The files of this module are shared like its rows."""


@pytest.fixture
def application(draft):
    return scenes.case(draft)


def test_a_snapshot_says_everything_that_the_application_says(application):
    data = snapshot.build(application)
    project, community = application.project, application.project.community
    document, proof = application.documents.get(), application.evidence.get()
    assert list(data) == [
        "project", "standard", "organisation", "consultants", "community", "statements", "documents", "claims", "evidence",
    ]  # fmt: skip
    assert data["project"] == {"number": project.number, "target_level": 2, "stage": "design"}
    assert data["standard"] == {"label": "REF-SC 1.0", "sha256": project.standard.sha256}
    unit = project.consultants[0].organisation
    assert data["consultants"] == [
        {"name": "示例咨询有限公司", "credit_code": unit.credit_code, "scope": "协助自评、整理佐证材料"}
    ]
    assert data["community"]["planning_permit_on"] == community.planning_permit_on.isoformat()
    assert data["statements"] == {"D01": "示例申报书"}  # an empty text is no statement
    assert data["claims"] == {"4.1.1": {"value": True, "note": ""}, "5.2.3": {"value": "na", "note": "没有高层住宅"}}
    assert data["documents"] == {
        "D04": [
            {
                "id": document.pk, "name": document.name, "kind": "pdf", "size": document.size, "pages": 2,
                "sha256": document.sha256,
            }
        ]
    }  # fmt: skip
    assert data["evidence"] == [
        {
            "id": proof.pk, "name": proof.name, "kind": "pdf", "size": proof.size, "pages": 3, "sha256": proof.sha256,
            "evidence_kind": "drawing", "caption": "总图", "items": {"4.1.1": 2, "4.1.2": 2},
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data,units",
    [
        ({"consultants": [{"name": "甲"}, {"name": "乙"}]}, ["甲", "乙"]),
        ({"consultants": []}, []),
        ({"consultant": {"name": "甲"}}, ["甲"]),  # sealed when a case could have only one
        ({"consultant": None}, []),
    ],
)
def test_consultants_are_read_from_snapshots_of_every_age(data, units):
    assert [unit["name"] for unit in snapshot.consultants_of(data)] == units


def test_files_that_were_removed_are_left_out(application):
    by = application.project.created_by
    proofs.remove_document(by, application.documents.get())
    proofs.remove_evidence(by, application.evidence.get())
    data = snapshot.build(application)
    assert (data["documents"], data["evidence"]) == ({}, [])


def test_as_many_queries_are_asked_of_a_full_application_as_of_an_empty_one(application):
    def count():
        fresh = Application.objects.with_case().get(pk=application.pk)
        with CaptureQueriesContext(connection) as asked:
            snapshot.build(fresh)
        return len(asked)

    before = count()
    cases.fill(journey.fresh(application), journey.random_of(application))
    assert count() == before


def test_canonical_json_has_sorted_keys_and_no_spaces_and_keeps_characters():
    data = {"b": [1, {"d": None, "c": "小区"}], "a": 2.5}
    assert snapshot.canonical(data) == '{"a":2.5,"b":[1,{"c":"小区","d":null}]}'.encode()


def test_a_seal_is_the_next_version_and_its_hash_can_be_recomputed_from_what_is_stored(application):
    by = application.project.created_by
    assert snapshot.latest(application) is None
    first = snapshot.seal(application, by)
    filing.save_claim(by, application, "4.2.1", 6)
    second = snapshot.seal(application, by)
    stored = Application.objects.get(pk=application.pk)
    assert (first.version, second.version, application.version, stored.version) == (1, 2, 2, 2)
    assert snapshot.latest(application) == second
    for sealed in application.submissions.all():  # as the database gives it back
        text = json.dumps(sealed.data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == sealed.sha256
    assert first.sha256 != second.sha256
    assert list(snapshot.differences(first.data, second.data)) == [
        Change("claims", "4.2.1", None, {"value": 6, "note": ""})
    ]


def test_what_is_sealed_does_not_change_with_the_rows(application):
    by = application.project.created_by
    sealed = snapshot.seal(application, by)
    filing.save_statement(by, application, "D01", "改过了")
    assert snapshot.latest(application).data == sealed.data


BEFORE = {
    "project": {"number": "P-1", "target_level": 1},
    "community": {"name": "示例苑", "completed_on": None},
    "statements": {"D01": "一", "D02": "二"},
    "documents": {"D04": [{"id": 1, "sha256": "a"}]},
    "claims": {"4.1.1": {"value": True, "note": ""}},
    "evidence": [
        {"id": 7, "name": "图.pdf", "sha256": "e", "items": {"4.1.1": 1, "4.2.1": None}},
        {"id": 8, "name": "表.pdf", "sha256": "f", "items": {"4.2.1": 2}},
    ],
}
DRAWING = {"id": 7, "name": "图.pdf", "sha256": "e"}
TABLE = {"id": 8, "name": "表.pdf", "sha256": "f"}


def put(section, place, value):
    def change(data):
        data[section][place] = value

    return change


@pytest.mark.parametrize(
    "change,expected",
    [
        (lambda data: None, []),
        (put("project", "target_level", 2), [Change("project", "target_level", 1, 2)]),
        (put("community", "completed_on", "2026-01-01"), [Change("community", "completed_on", None, "2026-01-01")]),
        (put("statements", "D03", "三"), [Change("statements", "D03", None, "三")]),
        (lambda data: data["statements"].pop("D01"), [Change("statements", "D01", "一", None)]),
        (lambda data: data["documents"].pop("D04"), [Change("documents", "D04", [{"id": 1, "sha256": "a"}], None)]),
        (
            put("claims", "4.1.1", {"value": False, "note": "改"}),
            [Change("claims", "4.1.1", {"value": True, "note": ""}, {"value": False, "note": "改"})],
        ),
        (
            lambda data: data["evidence"][0]["items"].update({"4.1.1": 3}),
            [Change("evidence", "4.1.1", [{**DRAWING, "page": 1}], [{**DRAWING, "page": 3}])],
        ),
        (
            lambda data: data["evidence"].pop(1),
            [Change("evidence", "4.2.1", [{**DRAWING, "page": None}, {**TABLE, "page": 2}], [{**DRAWING, "page": None}])],
        ),
        (
            lambda data: data["evidence"][1]["items"].update({"5.1.1": 4}),
            [Change("evidence", "5.1.1", [], [{**TABLE, "page": 4}])],
        ),
    ],
    ids=[
        "nothing", "project", "community", "added", "removed", "documents", "claims", "page", "proof-gone", "proof-linked",
    ],
)  # fmt: skip
def test_differences_name_section_place_before_and_after(change, expected):
    after = copy.deepcopy(BEFORE)
    change(after)
    assert list(snapshot.differences(BEFORE, after)) == expected


def test_differences_come_section_by_section_in_the_order_of_the_places():
    after = copy.deepcopy(BEFORE)
    for change in (put("claims", "1.1.1", {}), put("statements", "D09", "九"), put("statements", "D03", "三")):
        change(after)
    found = [(change.section, change.place) for change in snapshot.differences(BEFORE, after)]
    assert found == [("statements", "D03"), ("statements", "D09"), ("claims", "1.1.1")]


def test_evidence_of_an_item_is_given_at_the_page_that_proves_it():
    assert [(row["id"], row["page"]) for row in snapshot.evidence_of(BEFORE, "4.2.1")] == [(7, None), (8, 2)]
    assert snapshot.evidence_of(BEFORE, "9.9.9") == []
