"""What an applicant may write and when: persons, states, places of a correction, revisions, marks, files, pages."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from communities.models import Membership, Organisation
from communities.sheets import COMMUNITY_FACTS
from evaluation import filing, findings, proofs
from evaluation.models import Application, Document, Evidence, Finding, Programme, Project
from evaluation.workflow import APPLICATION
from portal.demo import cases, journey, papers, people
from portal.machine import NotAllowed, Stale
from portal.models import Event
from portal.problems import Changed, Refused
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]

NOTICED = [
    ("document", "D04"), ("document", "D01"), ("item", "4.1.1"), ("item", "4.2.1"), ("data", "planning_permit_on"),
]  # fmt: skip


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pks(world):
    """A draft with a little of everything, and the same a step later in a correction that names ``NOTICED``."""
    draft = world.case_at("draft", advised=True)
    correction = world.case_at("draft")
    for application in (draft, correction):
        by, text = application.project.created_by, application.project.number
        filing.save_statement(by, application, "D01", "示例")
        filing.save_claim(by, application, "4.1.1", True)
        filing.save_claim(by, application, "5.1.1", True)
        proofs.add_document(by, application, "D04", papers.pdf("规划", text, pages=2))
        proofs.add_document(by, application, "D05", papers.pdf("审查", text, pages=2))
        proofs.add_evidence(by, application, "drawing", papers.pdf("甲", text, pages=3), ["4.1.1"], page=1)
        proofs.add_evidence(by, application, "table", papers.pdf("乙", text, pages=3), ["4.1.1", "5.1.1"], page=2)
        proofs.add_evidence(by, application, "note", papers.pdf("丙", text, pages=3), [])
    APPLICATION.perform(correction, "submit", by=correction.project.created_by)
    journey.work(correction)
    correction = journey.fresh(correction)
    intake = people.officer("intake")
    for kind, place in NOTICED:
        findings.add_finding(intake, correction, kind, place, f"请改正{place}")
    APPLICATION.perform(correction, "request_correction", by=intake)
    return {"draft": draft.pk, "correction": correction.pk, "withdrawn": world.case_at("withdrawn").pk}


@pytest.fixture
def case(pks):
    """Name of a state -> the application as the next request finds it."""
    return lambda state: scenes.case(pks[state])


@pytest.fixture
def applicant():
    return scenes.person("applicant")


def proof(application, kind):
    return application.evidence.get(evidence_kind=kind)


def save_data(by, application):
    filing.save_case_data(by, application, 2, {})


def reply(by, application):
    findings.reply(by, application.findings.get(place="D04"), "已改")


# every function that writes to a case: (by, application) -> None, at places that both cases have open
WRITES = {
    "save_claim": lambda by, case: filing.save_claim(by, case, "4.1.1", False),
    "save_statement": lambda by, case: filing.save_statement(by, case, "D01", "改"),
    "add_document": lambda by, case: proofs.add_document(by, case, "D04", papers.pdf("新", "x")),
    "remove_document": lambda by, case: proofs.remove_document(by, case.documents.get(code="D04")),
    "restore_document": lambda by, case: proofs.restore_document(by, case.documents.get(code="D04")),
    "add_evidence": lambda by, case: proofs.add_evidence(by, case, "drawing", papers.pdf("新", "y"), ["4.1.1"]),
    "link_evidence": lambda by, case: proofs.link_evidence(by, proof(case, "note"), "4.1.1", 1),
    "unlink_evidence": lambda by, case: proofs.unlink_evidence(by, proof(case, "drawing"), "4.1.1"),
    "remove_evidence": lambda by, case: proofs.remove_evidence(by, proof(case, "drawing")),
    "restore_evidence": lambda by, case: proofs.restore_evidence(by, proof(case, "drawing")),
    "save_case_data": save_data,
    "reply": reply,
}
STRANGERS = ["other-applicant", "intake", "organiser", "approver", "supervisor", "district-1", "expert-001"]


class TestWho:
    @pytest.mark.parametrize("write", WRITES)
    def test_nobody_but_the_parties_writes(self, case, write):
        for username in STRANGERS:
            with pytest.raises(NotAllowed):
                WRITES[write](scenes.person(username), case("correction"))

    @pytest.mark.parametrize(
        "write", [name for name in WRITES if name not in ("reply", "restore_document", "restore_evidence")]
    )
    def test_the_consultant_writes_what_the_applicant_may_write(self, case, write):
        WRITES[write](scenes.person("consultant"), case("draft"))

    def test_who_has_left_the_unit_writes_no_more(self, case, applicant):
        Membership.objects.filter(user=applicant).update(until=timezone.localdate() - timedelta(days=1))
        with pytest.raises(NotAllowed):
            filing.save_claim(scenes.person("applicant"), case("draft"), "4.1.1", False)


CLOSED_STATES = sorted(set(APPLICATION.states) - {"draft", "correction", "revision"})


class TestWhen:
    @pytest.mark.parametrize("write", WRITES)
    def test_a_case_that_has_moved_on_is_stale(self, case, applicant, write):
        application = case("correction")
        for state in CLOSED_STATES:
            Application.objects.filter(pk=application.pk).update(state=state)
            with pytest.raises(Stale):
                WRITES[write](applicant, case("correction"))

    def test_a_page_that_still_shows_the_draft_cannot_write_after_the_submission(self, case, applicant):
        shown = case("draft")
        APPLICATION.perform(case("draft"), "submit", by=applicant)
        with pytest.raises(Stale):
            filing.save_claim(applicant, shown, "4.1.1", False)
        assert shown.claims.get(item_code="4.1.1").value is True

    @pytest.mark.parametrize("state", [state for state in APPLICATION.states if state not in ("draft", "correction")])
    def test_nothing_is_open_in_other_states(self, case, state):
        application = case("correction")
        application.state = state
        places = filing.open_places(application)
        assert (places.everything, places.places, places.data) == (False, frozenset(), False)


class TestOpening:
    @pytest.fixture
    def community(self, case):
        return case("draft").project.community

    @pytest.fixture
    def programme(self):
        return Programme.objects.get(pk="smart_community")

    def test_a_project_is_numbered_in_order_and_freezes_its_standard(self, case, community, programme, applicant):
        project = filing.open_project(applicant, community, programme, 3)
        year, district = timezone.localdate().year, community.district_id
        assert [row.number for row in Project.objects.order_by("pk")] == [
            f"CQ-ZHXQ-{year}-{district}-{number:04d}" for number in (1, 2, 3, 4)
        ]
        assert (project.target_level, project.consultants, project.created_by) == (3, [], applicant)
        assert project.standard.frozen_at is not None
        assert [event.verb for event in Event.objects.of(project)] == ["project.open"]

    @pytest.mark.parametrize("username", ["other-applicant", "consultant", "intake"])
    def test_only_the_unit_itself_opens_a_project_or_an_application(self, case, community, programme, username):
        with pytest.raises(NotAllowed):
            filing.open_project(scenes.person(username), community, programme, 2)
        with pytest.raises(NotAllowed):
            filing.open_application(scenes.person(username), case("withdrawn").project, "design")

    def test_a_level_that_the_standard_has_not_is_refused(self, community, programme, applicant):
        with scenes.refused() as problems:
            filing.open_project(applicant, community, programme, 4)
        assert problems == [("level_unknown", "target_level")]

    @pytest.mark.parametrize(
        "values", [{"state": "submitted"}, {"state": "banned"}, {"banned_until": timezone.localdate()}]
    )
    def test_a_unit_that_may_not_apply_opens_nothing(self, case, community, programme, values):
        Organisation.objects.filter(pk=community.organisation_id).update(**values)
        applicant, community = scenes.person("applicant"), type(community).objects.get(pk=community.pk)
        with scenes.refused() as problems:
            filing.open_project(applicant, community, programme, 2)
        with scenes.refused() as more:
            filing.open_application(applicant, case("withdrawn").project, "design")
        assert problems == more == [("organisation_may_not_apply", "organisation")]

    @pytest.mark.parametrize(
        "state,stage,expected",
        [
            ("draft", "guidance", [("stage_unknown", "stage")]),
            ("draft", "design", [("open_case", "stage")]),
            ("correction", "design", [("open_case", "stage")]),
        ],
    )
    def test_a_stage_is_open_once_at_a_time(self, case, applicant, state, stage, expected):
        with scenes.refused() as problems:
            filing.open_application(applicant, case(state).project, stage)
        assert problems == expected

    def test_a_withdrawn_stage_can_be_tried_again_and_a_certified_one_not(self, case, applicant):
        again = filing.open_application(applicant, case("withdrawn").project, "design")
        assert (again.state, again.version, again.review_round) == ("draft", 0, 1)
        Application.objects.filter(pk=again.pk).update(state="certified")
        with scenes.refused() as problems:
            filing.open_application(applicant, case("withdrawn").project, "design")
        assert problems == [("stage_done", "stage")]


CLOSED = [
    ("claim", lambda by, case: filing.save_claim(by, case, "5.1.1", False), "5.1.1"),
    ("statement", lambda by, case: filing.save_statement(by, case, "D02", "改"), "D02"),
    ("document", lambda by, case: proofs.add_document(by, case, "D05", papers.pdf("新", "x")), "D05"),
    ("removal", lambda by, case: proofs.remove_document(by, case.documents.get(code="D05")), "D05"),
    ("restore", lambda by, case: proofs.restore_document(by, case.documents.get(code="D05")), "D05"),
    ("proof", lambda by, case: proofs.add_evidence(by, case, "note", papers.pdf("新", "y"), ["4.1.1", "5.1.1"]), "5.1.1"),
    ("loose proof", lambda by, case: proofs.add_evidence(by, case, "note", papers.pdf("新", "y"), []), "evidence"),
    ("link", lambda by, case: proofs.link_evidence(by, proof(case, "drawing"), "5.1.1"), "5.1.1"),
    ("unlink", lambda by, case: proofs.unlink_evidence(by, proof(case, "table"), "5.1.1"), "5.1.1"),
    ("proof of a closed item", lambda by, case: proofs.remove_evidence(by, proof(case, "table")), "5.1.1"),
    ("proof of nothing", lambda by, case: proofs.remove_evidence(by, proof(case, "note")), "evidence"),
    ("restored proof", lambda by, case: proofs.restore_evidence(by, proof(case, "table")), "5.1.1"),
    ("level", lambda by, case: filing.save_case_data(by, case, 1, {}), "target_level"),
    ("date", lambda by, case: filing.save_case_data(by, case, 2, {"completed_on": date(2026, 1, 5)}), "completed_on"),
]  # fmt: skip


class TestCorrection:
    @pytest.mark.parametrize("what,write,place", CLOSED, ids=[row[0] for row in CLOSED])
    def test_what_the_notice_does_not_name_is_closed(self, case, applicant, what, write, place):
        rows = case("correction").documents.count(), case("correction").evidence.count()
        with scenes.refused() as problems:
            write(applicant, case("correction"))
        assert problems == [("closed", place)]
        assert rows == (case("correction").documents.count(), case("correction").evidence.count())

    @pytest.mark.parametrize("write", [name for name in WRITES if name not in ("restore_document", "restore_evidence")])
    def test_what_the_notice_names_is_open(self, case, applicant, write):
        WRITES[write](applicant, case("correction"))

    def test_a_date_that_the_notice_names_may_change_and_everything_closed_is_named_at_once(self, case, applicant):
        day = date(2020, 1, 6)
        filing.save_case_data(applicant, case("correction"), 2, {"planning_permit_on": day})
        assert case("correction").project.community.planning_permit_on == day
        with scenes.refused() as problems:
            dates = {"planning_permit_on": day, "drawing_review_on": day, "completed_on": day}
            filing.save_case_data(applicant, case("correction"), 3, dates)
        assert problems == [("closed", "drawing_review_on"), ("closed", "completed_on"), ("closed", "target_level")]

    def test_a_finding_at_the_community_opens_all_its_dates(self, case, applicant):
        Finding.objects.filter(place="planning_permit_on").update(place="community")
        filing.save_case_data(applicant, case("correction"), 2, {"completed_on": date(2026, 1, 5)})
        assert case("correction").project.community.completed_on == date(2026, 1, 5)

    def test_without_a_finding_at_the_data_nothing_of_it_is_saved(self, case, applicant):
        Finding.objects.filter(kind="data").delete()
        with scenes.refused() as problems:
            filing.save_case_data(applicant, case("correction"), 2, {})
        assert problems == [("closed", "data")]

    def test_only_findings_of_this_round_are_answered_and_never_with_nothing(self, case, applicant):
        application = case("correction")
        finding = application.findings.get(place="D04")
        with scenes.refused() as problems:
            findings.reply(applicant, finding, "  ")
        assert problems == [("required", "reply")]
        findings.reply(applicant, finding, " 已换 ")
        finding.refresh_from_db()
        assert finding.reply == "已换"
        assert finding.replied_at is not None
        Finding.objects.filter(pk=finding.pk).update(round=0)
        with scenes.refused() as problems:
            findings.reply(applicant, finding, "再改")
        assert problems == [("closed", "D04")]

    def test_a_revision_opens_what_the_panel_named_and_not_what_intake_did(self, case, applicant):
        application = case("correction")
        findings.ask_revision(application, ["5.1.1"], "请补充", people.officer("organiser"))
        Application.objects.filter(pk=application.pk).update(state="revision")
        filing.save_claim(applicant, case("correction"), "5.1.1", False)
        with scenes.refused() as problems:
            filing.save_claim(applicant, case("correction"), "4.1.1", False)
        assert problems == [("closed", "4.1.1")]


class TestClaimsAndStatements:
    def test_a_claim_is_kept_with_its_note_and_may_be_cleared(self, case, applicant):
        row = filing.save_claim(applicant, case("draft"), "5.2.3", "na", " 无高层 ")
        assert (row.value, row.note, row.revision, row.updated_by) == ("na", "无高层", 1, applicant)
        row = filing.save_claim(applicant, case("draft"), "5.2.3", None)
        assert (row.value, row.note, row.revision) == (None, "", 2)

    @pytest.mark.parametrize(
        "code,value,problem,legal",
        [
            ("4.1.1", 1, "mark_not_legal", "true、false"),
            ("4.1.1", "na", "not_applicable_not_allowed", "true、false"),
            ("5.2.3", 7, "mark_not_legal", '0、6、12、"na"'),
            ("5.2.3", True, "mark_not_legal", '0、6、12、"na"'),
            ("5.2.5", "na", "not_applicable_not_allowed", "0、6"),
            ("5.2.5", 6.5, "mark_not_legal", "0、6"),
        ],
    )
    def test_an_illegal_mark_is_refused_with_the_legal_ones(self, case, applicant, code, value, problem, legal):
        with pytest.raises(Refused) as refused:
            filing.save_claim(applicant, case("draft"), code, value)
        (found,) = refused.value.problems
        assert (found.code, found.place, found.params["legal"]) == (problem, code, legal)
        assert legal in found.text()

    @pytest.mark.parametrize("code", ["5.1.5", "99.9.9", ""])
    def test_an_item_of_another_stage_or_of_none_is_refused(self, case, applicant, code):
        with scenes.refused() as problems:
            filing.save_claim(applicant, case("draft"), code, True)
        assert problems == [("item_unknown", code)]

    @pytest.mark.parametrize(
        "save,code",
        [
            (lambda by, case, revision, text: filing.save_claim(by, case, "4.1.1", False, text, revision), "4.1.1"),
            (lambda by, case, revision, text: filing.save_statement(by, case, "D01", text, revision), "D01"),
        ],
        ids=["claim", "statement"],
    )
    def test_who_saves_over_an_unseen_change_is_told_whose_it_is(self, case, applicant, save, code):
        application = case("draft")
        assert save(applicant, application, 1, "甲").revision == 2
        with pytest.raises(Changed) as refused:
            save(scenes.person("consultant"), application, 1, "乙")
        (problem,) = refused.value.problems
        assert (problem.code, problem.place, problem.params["who"]) == ("changed", code, "示例经办人甲")
        with scenes.refused() as problems:
            save(applicant, application, 0, "丙")  # a page that saw nothing yet
        assert problems == [("changed", code)]
        assert save(applicant, application, None, "丁").revision == 3  # whoever says nothing saves
        assert save(scenes.person("consultant"), application, 1, "丁").revision == 3  # nothing to disagree about

    @pytest.mark.parametrize(
        "code,expected", [("D04", [("form_wrong", "D04")]), ("C01", [("document_unknown", "C01")])]
    )
    def test_a_text_is_taken_only_where_the_document_is_written_online(self, case, applicant, code, expected):
        with scenes.refused() as problems:
            filing.save_statement(applicant, case("draft"), code, "文字")
        assert problems == expected


class TestFiles:
    def test_a_document_is_kept_by_its_hash_with_what_was_found_inside(self, case, applicant):
        upload = papers.pdf("说明", "甲", pages=2)
        row = proofs.add_document(applicant, case("draft"), "D06", upload)
        assert (row.kind, row.content_type, row.pages, row.uploaded_by) == ("pdf", "application/pdf", 2, applicant)
        assert row.sha256[:8] in row.file.name
        assert row.size == row.file.size

    @pytest.mark.parametrize(
        "code,upload,expected",
        [
            ("D04", lambda: papers.photo("照片", "甲"), [("file_type_not_allowed", "照片.jpg")]),
            ("D04", lambda: ContentFile(b"", name="空.pdf"), [("file_empty", "空.pdf")]),
            ("D04", lambda: ContentFile(b"hello", name="文.pdf"), [("file_type_unknown", "文.pdf")]),
            ("D99", lambda: papers.pdf("说明", "甲"), [("document_unknown", "D99")]),
            ("D01", lambda: papers.pdf("说明", "甲"), [("file_type_not_allowed", "说明.pdf")]),
        ],
    )
    def test_a_file_of_a_wrong_form_is_refused(self, case, applicant, code, upload, expected):
        before = Document.objects.count()
        with scenes.refused() as problems:
            proofs.add_document(applicant, case("draft"), code, upload())
        assert (problems, Document.objects.count()) == (expected, before)

    def test_the_same_file_is_taken_once_a_document_and_again_after_its_removal(self, case, applicant):
        application = case("draft")
        proofs.add_document(applicant, application, "D06", papers.pdf("说明", "甲"))
        with scenes.refused() as problems:
            proofs.add_document(applicant, application, "D06", papers.pdf("说明", "甲"))
        assert problems == [("double", "D06")]
        proofs.add_document(applicant, application, "D08", papers.pdf("说明", "甲"))
        first = application.documents.get(code="D06")
        proofs.remove_document(applicant, first)
        proofs.add_document(applicant, application, "D06", papers.pdf("说明", "甲"))
        with scenes.refused() as problems:
            proofs.restore_document(applicant, first)
        assert problems == [("double", "D06")]

    def test_a_removed_document_stays_readable_and_comes_back(self, case, applicant):
        row = case("draft").documents.get(code="D04")
        proofs.remove_document(applicant, row)
        row.refresh_from_db()
        removed_at = row.removed_at
        assert removed_at is not None
        assert row.file.storage.exists(row.file.name)
        proofs.remove_document(applicant, row)  # twice is once
        row.refresh_from_db()
        assert row.removed_at == removed_at
        proofs.restore_document(applicant, row)
        row.refresh_from_db()
        assert row.removed_at is None

    def test_a_removed_proof_stays_with_its_links_and_comes_back(self, case, applicant):
        row = proof(case("draft"), "table")
        proofs.remove_evidence(applicant, row)
        row.refresh_from_db()
        assert row.removed_at is not None
        assert row.file.storage.exists(row.file.name)
        assert dict(row.links.values_list("item_code", "page")) == {"4.1.1": 2, "5.1.1": 2}
        proofs.restore_evidence(applicant, row)
        row.refresh_from_db()
        assert row.removed_at is None

    def test_a_proof_that_was_uploaded_again_does_not_come_back_beside_itself(self, case, applicant):
        application = case("draft")
        row = proof(application, "drawing")
        proofs.remove_evidence(applicant, row)
        proofs.add_evidence(applicant, application, "note", papers.pdf("甲", application.project.number, pages=3), [])
        with scenes.refused() as problems:
            proofs.restore_evidence(applicant, row)
        assert problems == [("double", "file")]

    def test_the_same_proof_is_taken_once(self, case, applicant):
        application = case("draft")
        with scenes.refused() as problems:
            upload = papers.pdf("甲", application.project.number, pages=3)
            proofs.add_evidence(applicant, application, "note", upload, ["4.2.1"])
        assert problems == [("double", "file")]

    def test_a_photo_is_kept_upright_without_metadata_and_with_a_thumbnail(self, case, applicant):
        row = proofs.add_evidence(applicant, case("draft"), "photo", papers.photo("现场", "甲"), ["4.1.1"], " 机房 ")
        assert (row.kind, row.content_type, row.caption) == ("jpg", "image/jpeg", "机房")
        assert row.thumbnail.size > 0
        assert row.size == row.file.size

    @pytest.mark.parametrize(
        "kind,items,page,expected",
        [
            ("unheard", ["4.1.1"], None, [("evidence_kind", "evidence_kind")]),
            ("drawing", ["5.1.5"], None, [("item_unknown", "5.1.5")]),
            ("drawing", ["4.1.1"], 0, [("page", "page")]),
            ("drawing", ["4.1.1"], 4, [("page", "page")]),
            ("drawing", ["4.1.1"], -1, [("page", "page")]),
        ],
    )
    def test_a_proof_names_a_kind_items_and_a_page_that_exist(self, case, applicant, kind, items, page, expected):
        application = case("draft")
        before = Evidence.objects.count()
        with scenes.refused() as problems:
            proofs.add_evidence(applicant, application, kind, papers.pdf("新", "页", pages=3), items, page=page)
        assert (problems, Evidence.objects.count()) == (expected, before)

    @pytest.mark.parametrize("page,legal", [(1, True), (3, True), (None, True), (0, False), (4, False)])
    def test_a_link_moves_to_a_page_of_the_file_and_nowhere_else(self, case, applicant, page, legal):
        row = proof(case("draft"), "drawing")
        if not legal:
            with scenes.refused() as problems:
                proofs.link_evidence(applicant, row, "4.1.1", page)
            assert problems == [("page", "page")]
            assert row.links.get().page == 1
        else:
            proofs.link_evidence(applicant, row, "4.1.1", page)
            assert row.links.get().page == page

    def test_what_has_no_pages_has_one(self, case, applicant):
        row = proofs.add_evidence(applicant, case("draft"), "photo", papers.photo("现场", "甲"), ["4.2.1"], page=1)
        with scenes.refused() as problems:
            proofs.link_evidence(applicant, row, "4.2.1", 2)
        assert problems == [("page", "page")]

    def test_unlinking_leaves_the_proof_and_its_other_items(self, case, applicant):
        row = proof(case("draft"), "table")
        proofs.unlink_evidence(applicant, row, "4.1.1")
        assert list(row.links.values_list("item_code", flat=True)) == ["5.1.1"]


class TestSettledFacts:
    """A community changes freely before its case is handled, by a correction while it is, and no more once judged."""

    @pytest.mark.parametrize("state", APPLICATION.states)
    def test_what_of_a_community_is_settled(self, case, state):
        application = case("draft")
        Application.objects.filter(pk=application.pk).update(state=state)
        settled = filing.settled_facts(application.project.community, False)
        if state in ("draft", "refused", "not_passed", "withdrawn"):
            assert settled == frozenset()
        elif state == "certified":
            community = application.project.community
            assert settled == {name for name in COMMUNITY_FACTS if getattr(community, name) is not None}
        else:
            assert settled == frozenset(filing.COMMUNITY_FIELDS)


def test_the_data_of_a_draft_is_free_within_the_standard(case, applicant):
    application = case("draft")
    filing.save_case_data(applicant, application, 3, {"completed_on": date(2026, 3, 2), "name": date(2026, 3, 2)})
    application = case("draft")
    assert (application.project.target_level, application.project.community.completed_on) == (3, date(2026, 3, 2))
    event = Event.objects.of(application).last()
    assert (event.verb, event.data) == ("application.data", {"target_level": 3, "completed_on": "2026-03-02"})
    with scenes.refused() as problems:
        filing.save_case_data(applicant, application, 9, {})
    assert problems == [("level_unknown", "target_level")]


def test_the_demonstration_mends_every_finding_of_a_correction(case, applicant):
    application = case("correction")
    cases.mend(application)
    assert application.findings.filter(reply="").count() == 0
    APPLICATION.perform(case("correction"), "resubmit", by=applicant)
    assert (case("correction").state, case("correction").version) == ("checking", 2)
