"""Major changes of what is built: said or demanded, examined by one, decided by another, and what hangs on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from evaluation import changing, filing, guidance, timeline, work
from evaluation.models import Certificate, GuidanceVisit, MajorChange
from evaluation.workflow import APPLICATION, CERTIFICATE, GUIDANCE_OPINION, MAJOR_CHANGE
from evaluation.workflow.guards import construction_is_settled
from portal import clock
from portal.demo import construction, journey, papers
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.problems import Changed
from portal.tasks import enforce_deadlines
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]

TODAY = timezone.localdate()
DAY = timedelta(days=1)
SAID = {"summary": "安防中心移到 3 号楼", "reason": "消防要求", "items": ["4.1.1"], "documents": []}

world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pk(world):
    """A case whose design is certified."""
    return world.case_at("certified").pk


@pytest.fixture
def project(pk):
    return scenes.case(pk).project


def person(username):
    return scenes.person(username)


def perform(change, action, username, **said):
    by = person(username) if username else None
    MAJOR_CHANGE.perform(change, action, by=by, **said)
    return change


def drawing(text="一"):
    return papers.pdf("变更图纸", text)


def declared(project):
    by = person("applicant")
    change = changing.open_change(by, project)
    change = changing.write(by, change, **SAID)
    changing.add_proof(by, change, drawing())
    return perform(change, "declare", "applicant")


def proposed(project, proposal):
    if proposal == "cancel":
        change = perform(declared(project), "propose_cancel", "organiser", grounds="与设计不符")
        return perform(change, "state_case", "applicant", statement="可以恢复")
    return perform(declared(project), "propose", "organiser", proposal=proposal, grounds="对照 4.1.1")


def certificate_of(project):
    return Certificate.objects.get(application__project=project, application__stage="design")


def completion(project):
    """The completion as the applicant would hand it in."""
    filing.open_application(person("applicant"), project, "completion")
    return scenes.case(project.applications.get(stage="completion").pk)


def problems_of(application):
    return [(problem.code, problem.place) for problem in construction_is_settled(application, None)]


class TestDeclaring:
    def test_a_declaration_is_whole_before_it_is_handed_in(self, project):
        change = changing.open_change(person("applicant"), project)
        with scenes.refused() as problems:
            perform(change, "declare", "applicant")
        assert problems == [
            ("required", "summary"), ("required", "reason"), ("required", "items"), ("proof_missing", "file"),
        ]  # fmt: skip
        change = declared_from(change)
        assert (change.state, change.due_on) == ("examining", clock.deadline("change_examination", TODAY))
        with pytest.raises(Stale):
            changing.write(person("applicant"), change, **SAID)
        with pytest.raises(Stale):
            changing.add_proof(person("applicant"), change, drawing("二"))

    def test_only_items_and_documents_of_the_design_are_named(self, project):
        change = changing.open_change(person("applicant"), project)
        with scenes.refused() as problems:
            changing.write(person("applicant"), change, **{**SAID, "items": ["0.0.0"], "documents": ["Z9"]})
        assert problems == [("item_unknown", "items"), ("document_unknown", "documents")]

    def test_of_two_who_write_at_once_the_second_is_told(self, project):
        change = changing.open_change(person("applicant"), project)
        changing.write(person("applicant"), change, **SAID, revision=1)
        with pytest.raises(Changed):
            changing.write(person("applicant"), change, **{**SAID, "reason": "另一理由"}, revision=1)
        assert MajorChange.objects.get(pk=change.pk).reason == "消防要求"

    def test_a_draft_is_the_applicants_alone(self, project):
        change = changing.open_change(person("applicant"), project)
        seen = {name: MAJOR_CHANGE.visible_to(person(name)).filter(pk=change.pk).exists()
                for name in ("applicant", "district-1", "organiser", "supervisor", "other-applicant")}  # fmt: skip
        assert seen == {"applicant": True, "district-1": False, "organiser": False, "supervisor": False,
                        "other-applicant": False}  # fmt: skip
        perform(declared_from(change), "withdraw", "applicant", reason="不再变更")
        assert change_now(change).state == "withdrawn"

    @pytest.mark.parametrize("username", ["district-1", "organiser", "other-applicant", "consultant", "supervisor"])
    def test_nobody_else_declares(self, project, username):
        with pytest.raises(NotAllowed):
            changing.open_change(person(username), project)

    @pytest.mark.parametrize(
        "upload,code",
        [
            (lambda: ContentFile(b"<svg onload=alert(1)>", name="plan.dwg"), "file_type_unknown"),
            (lambda: ContentFile(b"%PDF-1.7 broken", name="plan.pdf"), "pdf_cut_off"),
            (lambda: ContentFile(b"", name="plan.pdf"), "file_empty"),
        ],
    )
    def test_a_hostile_file_is_no_proof(self, project, upload, code):
        change = changing.open_change(person("applicant"), project)
        with scenes.refused() as problems:
            changing.add_proof(person("applicant"), change, upload())
        assert [found for found, _place in problems] == [code]
        assert change.proofs.count() == 0

    def test_the_same_proof_counts_once_and_may_be_taken_out(self, project):
        change = changing.open_change(person("applicant"), project)
        proof = changing.add_proof(person("applicant"), change, drawing())
        with scenes.refused() as problems:
            changing.add_proof(person("applicant"), change, drawing())
        assert problems == [("double", "file")]
        changing.remove_proof(person("applicant"), proof)
        changing.remove_proof(person("applicant"), proof)
        assert Event.objects.of(change).filter(verb="major_change.remove_proof").count() == 1

    def test_without_a_certified_design_there_is_nothing_to_change(self, world):
        project = world.case_at("review").project
        with scenes.refused() as problems:
            changing.open_change(person("applicant"), project)
        assert problems == [("no_certificate", "")]


def declared_from(change):
    by = person("applicant")
    change = changing.write(by, change, **SAID)
    changing.add_proof(by, change, drawing())
    return perform(change, "declare", "applicant")


def change_now(change):
    return MajorChange.objects.get(pk=change.pk)


class TestDemanding:
    @pytest.mark.parametrize("username", ["district-1", "organiser"])
    def test_an_officer_demands_a_declaration_with_a_reason(self, project, username):
        with scenes.refused() as problems:
            changing.demand(person(username), project, " ")
        assert problems == [("required", "reason")]
        change = changing.demand(person(username), project, " 机房位置不符 ")
        assert (change.state, change.demand, change.due_on) == (
            "demanded", "机房位置不符", clock.deadline("change_declaration", TODAY),
        )  # fmt: skip
        assert f"major-change-{change.pk}" in {row.key for row in work.waiting_on(person("applicant"))}
        told = Notification.objects.filter(link=change.get_absolute_url()).values_list("user__username", flat=True)
        assert list(told) == ["applicant"]
        with pytest.raises(NotAllowed):
            perform(change, "declare", "district-1")
        with pytest.raises(Stale):  # what was demanded is not withdrawn
            perform(change, "withdraw", "applicant", reason="x")

    @pytest.mark.parametrize(
        "username", ["applicant", "other-applicant", "consultant", "supervisor", "district-2", "intake"]
    )
    def test_nobody_else_demands(self, project, username):
        with pytest.raises(NotAllowed):
            changing.demand(person(username), project, "x")

    def test_the_leader_of_the_panel_demands_while_the_panel_judges_and_other_members_do_not(self, world):
        application = world.case_at("site_visit", "completion")
        leader = journey.leader_of(application)
        other = application.assignments.filter(state="accepted", is_leader=False).first().expert.user
        with pytest.raises(NotAllowed):
            changing.demand(person(other.username), application.project, "x")
        change = changing.demand(person(leader.username), application.project, "平台未部署")
        assert Event.objects.of(change).get().role == "leader"

    def test_one_waits_at_a_time_but_a_draft_stops_no_demand(self, project):
        changing.open_change(person("applicant"), project)
        changing.demand(person("district-1"), project, "机房位置不符")
        for again in (
            lambda: changing.demand(person("organiser"), project, "又一处"),
            lambda: changing.open_change(person("applicant"), project),
        ):
            with scenes.refused() as problems:
                again()
            assert problems == [("change_open", "")]
        draft = MajorChange.objects.get(project=project, state="draft")
        with scenes.refused() as problems:
            declared_from(draft)
        assert problems == [("change_open", "")]

    def test_who_does_not_answer_is_examined_all_the_same(self, project):
        change = changing.demand(person("district-1"), project, "机房位置不符")
        MajorChange.objects.filter(pk=change.pk).update(due_on=TODAY - DAY)
        enforce_deadlines(MAJOR_CHANGE)
        assert change_now(change).state == "examining"


class TestDeciding:
    def test_kept_the_certificate_stands(self, project):
        change = perform(proposed(project, "keep"), "keep", "approver", ruling=" 不影响 ")
        assert (change.state, change.ruling, change.due_on) == ("kept", "不影响", None)
        assert certificate_of(project).state == "valid"
        assert problems_of(completion(project)) == []

    def test_cancelled_only_after_the_party_was_heard_and_the_unit_is_not_banned(self, project):
        change = perform(declared(project), "propose_cancel", "organiser", grounds="与设计不符")
        assert (change.state, change.due_on) == ("hearing", clock.deadline("change_hearing", TODAY))
        with pytest.raises(Stale):
            perform(change, "cancel", "approver", ruling="x")
        perform(change, "state_case", "applicant", statement=" 可以恢复 ")
        perform(change, "cancel", "approver", ruling="不能恢复")
        now = change_now(change)
        assert (now.state, now.statement) == ("cancelled", "可以恢复")
        project.organisation.refresh_from_db()
        assert (certificate_of(project).state, project.organisation.state) == ("revoked", "active")
        assert Event.objects.of(certificate_of(project)).last().verb == "certificate.cancel"
        filing.open_application(person("applicant"), project, "design")  # it may be judged anew

    def test_who_says_nothing_in_time_is_decided_about_all_the_same(self, project):
        change = perform(declared(project), "propose_cancel", "organiser", grounds="与设计不符")
        MajorChange.objects.filter(pk=change.pk).update(due_on=TODAY - DAY)
        change.refresh_from_db()
        with scenes.refused() as problems:
            perform(change, "state_case", "applicant", statement="迟了")
        assert problems == [("late", "")]
        enforce_deadlines(MAJOR_CHANGE)
        assert change_now(change).state == "deciding"

    def test_the_approver_confirms_what_was_proposed_or_sends_it_back(self, project):
        change = proposed(project, "keep")
        for other in ("reevaluate", "cancel"):
            with pytest.raises(Stale):
                perform(change, other, "approver", ruling="x")
        perform(change, "send_back", "approver", reason="对照不足")
        now = change_now(change)
        assert (now.state, now.proposal, now.prepared_by) == ("examining", "", None)
        told = Event.objects.of(change).last().data["before"]
        assert told == {"proposal": "keep", "grounds": "对照 4.1.1"}

    @pytest.mark.parametrize("username", ["organiser", "supervisor", "district-1", "applicant", "intake"])
    def test_nobody_else_decides(self, project, username):
        with pytest.raises((NotAllowed, Stale)):
            perform(proposed(project, "keep"), "keep", username, ruling="x")

    def test_whoever_prepared_it_does_not_decide_it(self, project):
        change = proposed(project, "keep")
        MajorChange.objects.filter(pk=change.pk).update(prepared_by=person("approver"))
        change.refresh_from_db()
        with scenes.refused() as problems:
            perform(change, "keep", "approver", ruling="x")
        assert problems == [("same_person", "")]
        assert f"major-change-{change.pk}" not in {row.key for row in work.waiting_on(person("approver"))}

    def test_who_must_act_has_it_among_the_work(self, project):
        change = declared(project)
        key = f"major-change-{change.pk}"
        assert key in {row.key for row in work.waiting_on(person("organiser"))}
        assert key not in {row.key for row in work.waiting_on(person("approver"))}
        perform(change, "propose", "organiser", proposal="keep", grounds="x")
        assert key not in {row.key for row in work.waiting_on(person("organiser"))}
        assert key in {row.key for row in work.waiting_on(person("approver"))}


class TestWhatHangsOnIt:
    @pytest.mark.parametrize("state", ["demanded", "examining", "deciding", "reevaluating"])
    def test_the_completion_is_not_handed_in_while_one_is_open(self, project, state):
        application = completion(project)
        assert problems_of(application) == []
        if state == "demanded":
            changing.demand(person("district-1"), project, "x")
        elif state == "examining":
            declared(project)
        else:
            change = proposed(project, "reevaluate")
            if state == "reevaluating":
                perform(change, "reevaluate", "approver", ruling="x")
        assert problems_of(application) == [("change_open", "guidance")]
        with scenes.refused() as problems:
            APPLICATION.perform(application, "submit", by=person("applicant"))
        assert ("change_open", "guidance") in problems

    def test_what_guidance_stopped_keeps_it_too(self, project):
        visit = construction.plan(project, "conduits")
        construction.record(visit)
        opinion = visit.opinions.get()
        GUIDANCE_OPINION.perform(opinion, "decline", by=person("applicant"), reason="x")
        GUIDANCE_OPINION.perform(opinion, "escalate", by=person("district-1"), reason="x")
        GUIDANCE_OPINION.perform(opinion, "stop", by=person("supervisor"), reason="x")
        application = completion(project)
        assert problems_of(application) == [("guidance_stopped", "guidance")]
        GUIDANCE_OPINION.perform(opinion, "lift", by=person("supervisor"), reason="x", mend_by=TODAY + DAY)
        assert problems_of(application) == []

    def test_judged_anew_the_old_certificate_is_superseded_when_the_new_one_is_there(self, project):
        with scenes.refused() as problems:
            filing.open_application(person("applicant"), project, "design")
        assert problems == [("stage_done", "stage")]
        change = perform(proposed(project, "reevaluate"), "reevaluate", "approver", ruling="重新评价")
        old = certificate_of(project)
        again = filing.open_application(person("applicant"), project, "design")
        assert (old.state, change_now(change).state) == ("valid", "reevaluating")
        journey.to_state(scenes.case(again.pk), "certified")
        old.refresh_from_db()
        new = Certificate.objects.get(application=again)
        assert (old.state, new.state, change_now(change).state) == ("superseded", "valid", "reevaluated")
        assert changing.certificate_of(project) == new
        with scenes.refused() as problems:
            filing.open_application(person("applicant"), project, "design")
        assert problems == [("stage_done", "stage")]

    def test_a_certificate_is_cancelled_by_no_person(self, project):
        for username in ("supervisor", "approver", "applicant"):
            with pytest.raises(NotAllowed):
                CERTIFICATE.perform(certificate_of(project), "cancel", by=person(username))


class TestTheTimeline:
    @pytest.fixture
    def lived(self, project):
        """A visit with a reply, and a change that was decided."""
        visit = construction.plan(project, "conduits")
        construction.record(visit)
        guidance.add_note(person("district-1"), visit, "施工方已到场")
        construction.answer(GuidanceVisit.objects.get(pk=visit.pk))
        perform(proposed(project, "keep"), "keep", "approver", ruling="不影响")
        return project

    def told(self, username, project):
        return [(row.event.verb if row.event else "", len(row.photos), len(row.files))
                for row in timeline.entries(person(username), project)]  # fmt: skip

    def test_everybody_who_sees_the_case_reads_the_same_in_order_with_photos_and_files(self, lived):
        expected = [
            ("guidance_visit.plan", 0, 0), ("guidance_opinion.open", 0, 0), ("guidance_visit.record", 1, 0),
            ("guidance_visit.note", 0, 0), ("guidance_opinion.reply", 1, 0), ("major_change.declare", 0, 1),
            ("major_change.propose", 0, 0), ("major_change.keep", 0, 0),
        ]  # fmt: skip
        for username in ("applicant", "district-1", "organiser", "approver", "supervisor", "intake"):
            assert self.told(username, lived) == expected

    def test_it_says_what_was_said(self, lived):
        said = {row.event.verb: row.words for row in timeline.entries(person("applicant"), lived)}
        assert ("", "施工方已到场") in said["guidance_visit.note"]
        assert ("变更内容：", "安防中心移到 3 号楼") in said["major_change.declare"]
        assert ("决定理由：", "不影响") in said["major_change.keep"]

    def test_a_draft_stands_in_nobodys_timeline_before_it_is_handed_in(self, project):
        changing.open_change(person("applicant"), project)
        assert self.told("applicant", project) == []

    def test_a_long_story_costs_as_many_questions_as_a_short_one(self, lived):
        def cost():
            by = person("organiser")
            with CaptureQueriesContext(connection) as found:
                timeline.entries(by, lived)
            return len(found)

        before = cost()
        visit = construction.plan(lived, "installation")
        construction.record(visit)
        for number in range(30):
            guidance.add_note(person("district-1"), visit, f"记要 {number}")
        assert cost() == before
