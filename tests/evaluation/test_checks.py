"""Every form-check rule: what breaks it, where it says so, and that a case in order passes; advice and worker agree."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from communities.models import Organisation
from evaluation import checks, filing, proofs, snapshot
from evaluation.models import (
    Certificate,
    Document,
    Evidence,
    GuidanceOpinion,
    GuidanceVisit,
    Project,
)
from evaluation.workflow import APPLICATION
from portal.demo import cases, construction, journey
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

RULES = {code: rule for code, _label, rule in checks.RULES}
COMPLETION_ONLY = {"earlier_certificate_is_held", "guidance_is_closed", "differences_to_the_design_are_answered"}


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def filled(world):
    """A design application and one for completion, both filled in and neither submitted."""
    design = world.case_at("draft")
    cases.fill(design, journey.random_of(design))
    certified = world.case_at("certified")
    construction.guide(certified.project)
    completion = cases.open_application(certified.project, "completion")
    cases.fill(completion, journey.random_of(completion))
    return {"design": design.pk, "completion": completion.pk}


@pytest.fixture
def look(filled):
    """Stage -> what the rules look at: fresh rows and a snapshot that the test may change."""

    def of(stage):
        application = scenes.case(filled[stage])
        return checks.Look(application, copy.deepcopy(snapshot.build(application)))

    return of


def found(rule, look):
    return [(problem.code, problem.place) for problem in RULES[rule](look)]


# --- what breaks each rule: it changes rows or the snapshot ---------------------------------------------------------


def ban_the_unit(look):
    Organisation.objects.filter(pk=look.application.project.organisation_id).update(banned_until=timezone.localdate())


def mistype_the_code(look):
    code = look.data["organisation"]["credit_code"]
    look.data["organisation"]["credit_code"] = code[:-1] + ("1" if code[-1] == "0" else "0")


def open_another_case(look):
    project = look.application.project
    by = project.created_by
    other = filing.open_project(by, project.community, project.programme, 2)
    filing.open_application(by, other, "design")


def leave_out_documents(look):
    look.data["statements"].pop("D01")
    look.data["documents"].pop("D04")


def damage_stored_files(look):
    first = look.data["documents"]["D04"][0]["id"]
    broken = default_storage.save("broken.pdf", ContentFile(b"this was a PDF once"))
    Document.objects.filter(pk=first).update(file=broken)
    Evidence.objects.filter(pk=look.data["evidence"][0]["id"]).update(file="gone.pdf")


def use_the_file_in_another_case(look):
    neighbour = Organisation.objects.get(memberships__user__username="other-applicant")
    other = cases.open_project(neighbour, 9, look.application.project.community.district, 1)
    application = cases.open_application(other, "design")
    row = Document.objects.get(pk=look.data["documents"]["D05"][0]["id"])
    with row.file.open() as stream:
        upload = ContentFile(stream.read(), name="换了名字.pdf")
    proofs.add_document(other.created_by, application, "D08", upload)


def claim_badly(look):
    look.data["claims"].pop("4.1.1")
    look.data["claims"]["4.2.1"]["value"] = 7


def claim_without_reason(look):
    look.data["claims"]["5.2.3"] = {"value": "na", "note": ""}


def take_the_proofs_away(look):
    for row in look.data["evidence"]:
        row["items"].pop("4.1.1", None)
        row["items"].pop("4.1.2", None)
    look.data["evidence"].append({**look.data["evidence"][0], "evidence_kind": "survey", "items": {"4.1.2": 1}})


def fail_control_items(look):
    look.data["claims"]["5.1.2"]["value"] = False
    look.data["claims"]["8.1.2"]["value"] = False


def aim_higher(look):
    look.data["project"]["target_level"] = 3


def mix_up_the_dates(look):
    dates = look.data["community"]
    dates["planning_permit_on"], dates["construction_permit_on"] = None, None
    dates["completed_on"] = dates["drawing_review_on"]


def let_the_certificate_end(look):
    yesterday = timezone.localdate() - timedelta(days=1)
    Certificate.objects.filter(application__project=look.application.project).update(valid_until=yesterday)


def reopen_guidance(look):
    visits = GuidanceVisit.objects.filter(project=look.application.project)
    visits.filter(node="conduits").update(state="open")
    GuidanceOpinion.objects.filter(visit__in=visits.filter(node="joint_test")).update(state="replied")


def differ_silently(look):
    look.data["claims"]["4.1.1"] = {"value": False, "note": ""}


VIOLATIONS = [
    ("organisation_may_apply", "design", ban_the_unit, [("organisation_may_not_apply", "organisation")]),
    ("credit_code_is_valid", "design", mistype_the_code, [("credit_code_check", "credit_code")]),
    ("no_other_case", "design", open_another_case, [("open_case", "community")]),
    (
        "documents_are_present", "design", leave_out_documents,
        [("document_missing", "D01"), ("document_missing", "D04")],
    ),
    ("files_are_readable", "design", damage_stored_files, [("unreadable", "D04"), ("file_lost", "evidence")]),
    ("files_are_not_used_elsewhere", "design", use_the_file_in_another_case, [("file_reused", "D05")]),
    ("every_item_is_claimed", "design", claim_badly, [("claim_missing", "4.1.1"), ("mark_not_legal", "4.2.1")]),
    ("not_applicable_has_a_reason", "design", claim_without_reason, [("reason_missing", "5.2.3")]),
    (
        "won_items_are_proved", "design", take_the_proofs_away,
        [("proof_missing", "4.1.1"), ("proof_missing", "4.1.2")],
    ),
    ("control_items_are_met", "design", fail_control_items, [("control_failed", "5.1.2"), ("control_failed", "8.1.2")]),
    ("self_score_reaches_the_target", "design", aim_higher, [("target_missed", "target_level")]),
    (
        "permit_dates_are_in_order", "completion", mix_up_the_dates,
        [("date_missing", "planning_permit_on"), ("date_missing", "construction_permit_on"),
         ("date_order", "completed_on")],
    ),
    ("earlier_certificate_is_held", "completion", let_the_certificate_end, [("certificate_missing", "project")]),
    ("guidance_is_closed", "completion", reopen_guidance, [("guidance_open", "guidance"), ("opinion_open", "guidance")]),
    ("differences_to_the_design_are_answered", "completion", differ_silently, [("difference_unanswered", "4.1.1")]),
]  # fmt: skip


def test_the_cases_below_cover_every_rule_in_its_order():
    assert [row[0] for row in VIOLATIONS] == list(RULES)


@pytest.mark.parametrize("rule,stage,spoil,expected", VIOLATIONS, ids=[row[0] for row in VIOLATIONS])
def test_a_rule_passes_a_case_in_order_and_names_every_place_that_is_not(look, rule, stage, spoil, expected):
    before = look(stage)
    assert found(rule, before) == []
    spoil(before)
    assert found(rule, checks.Look(scenes.case(before.application.pk), before.data)) == expected


@pytest.mark.parametrize("rule", sorted(COMPLETION_ONLY))
def test_what_only_completion_asks_is_not_asked_at_design(look, rule):
    design = look("design")
    GuidanceVisit.objects.all().update(state="open")
    Certificate.objects.all().update(valid_until=timezone.localdate() - timedelta(days=1))
    assert found(rule, design) == []


def test_dates_that_the_stage_does_not_ask_for_stand_in_order_where_they_are_given(look):
    design = look("design")
    design.data["community"]["construction_permit_on"] = design.data["community"]["planning_permit_on"]
    design.data["community"]["completed_on"] = None
    assert found("permit_dates_are_in_order", design) == [("date_order", "construction_permit_on")]


def test_a_control_item_binds_from_its_level_on(look):
    design = look("design")
    design.data["claims"]["8.1.2"]["value"] = False
    design.data["project"]["target_level"] = 1
    assert found("control_items_are_met", design) == []


@pytest.mark.parametrize(
    "values,expected",
    [
        ({}, [("certificate_held", "community")]),
        ({"level": 3}, [("certificate_held", "community")]),
        ({"level": 1}, []),
        ({"is_final": False}, []),
        ({"state": "revoked"}, []),
        ({"valid_until": timezone.localdate() - timedelta(days=1)}, []),
    ],
)
def test_a_star_of_the_same_level_or_higher_stands_against_a_new_case(filled, look, values, expected):
    design = look("design")
    held = Certificate.objects.get(application__project__applications=filled["completion"])
    Project.objects.filter(pk=held.application.project_id).update(community=design.application.project.community)
    scenes.case(filled["completion"]).delete()  # or it would be the open case
    Certificate.objects.filter(pk=held.pk).update(**{"is_final": True, "level": 2, "state": "valid", **values})
    assert found("no_other_case", design) == expected


def test_an_incomplete_sheet_has_no_score_yet_and_is_not_called_too_low(look):
    design = look("design")
    aim_higher(design)
    design.data["claims"].pop("4.1.1")
    assert (checks.self_score(design), found("self_score_reaches_the_target", design)) == (None, [])


def test_a_missed_target_is_told_in_the_words_of_the_standard(look):
    design = look("design")
    aim_higher(design)
    result = checks.self_score(design)
    names = {entry.level: entry.name for entry in design.application.standard.levels}
    sentences = [problem.text() for problem in RULES["self_score_reaches_the_target"](design)]
    total = result.as_json()["total"]
    assert sentences == [f"自评总分 {total}，预计等级为“{result.level_name}”，低于目标“{names[3]}”。"]


def test_the_advice_is_what_the_worker_finds_but_for_opening_every_file(look):
    design = look("design")
    for spoil in (fail_control_items, damage_stored_files, leave_out_documents):
        spoil(design)
    advice = checks.run(design.application, design.data, files_too=False)
    found = checks.run(design.application, design.data)
    assert [row["rule"] for row in found] == list(RULES)
    assert advice == [row for row in found if row["rule"] != "files_are_readable"]
    assert checks.left_to_the_worker() == [row["label"] for row in found if row["rule"] == "files_are_readable"]


def test_the_worker_keeps_what_it_found_in_the_sealed_version_and_hands_the_case_to_intake(look):
    application = look("design").application
    filing.save_claim(application.project.created_by, application, "5.1.2", False)
    APPLICATION.perform(application, "submit", by=application.project.created_by)
    journey.work(application)
    after = journey.fresh(application)
    sealed = snapshot.latest(after)
    assert (after.state, sealed.checks) == ("form_check", checks.run(after, sealed.data))
    kept = {row["rule"]: row["problems"] for row in sealed.checks if row["problems"]}
    assert {rule: [problem["place"] for problem in problems] for rule, problems in kept.items()} == {
        "control_items_are_met": ["5.1.2"],
        "self_score_reaches_the_target": ["target_level"],
    }
