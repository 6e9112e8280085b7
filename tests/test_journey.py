"""The journey of a case through the domain, by the acts of the people whose acts they are."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, time, timedelta

import pypdf
import pytest
from django.utils import timezone

from communities.models import District, Officer
from evaluation import filing, findings, marking, outcome, proofs, snapshot, substituting
from evaluation.models import Application, Assignment, Certificate, PublicNotice, Result
from evaluation.workflow import APPLICATION, ASSIGNMENT, CERTIFICATE, OBJECTION
from evaluation.workflow.case import STATES
from experts import draw as lots
from experts.models import Expert, Field, Recusal
from portal import tasks
from portal.demo import cases, construction, journey, marks, names, people
from portal.demo.days import as_of
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.problems import Refused

pytestmark = pytest.mark.long

UNREACHABLE = {("design", "site_visit"), ("completion", "recommendation")}
# The second stage takes the same steps; of its states these are reached through something of its own.
OF_COMPLETION = [
    "draft", "form_check", "correction", "recommendation", "site_visit", "review", "revision_check", "certified", "withdrawn",
]  # fmt: skip
DESIGN = [
    "project.open", "application.open", "application.submit", "application.checked", "application.accept",
    "application.recommend", "application.propose_draw", "application.cosign_draw", "application.hold_draw",
    *["assignment.accept"] * 5, "application.convene",
    *["assignment.sign"] * 5, "application.complete_sheets",
    "application.tallied", "application.give_opinion", *["assignment.endorse"] * 5, "application.close_review",
    "application.approve",
    "application.close_notice", "application.certify",
]  # fmt: skip
GUIDANCE = [
    "guidance_visit.plan", "guidance_opinion.open", "guidance_visit.record", "guidance_opinion.reply",
    "guidance_opinion.close", "guidance_visit.close",
]  # fmt: skip
COMPLETION = [
    "application.open", "application.data", "application.submit", "application.checked", "application.accept",
    "application.propose_draw", "application.cosign_draw", "application.hold_draw",
    *["assignment.accept"] * 5, "application.convene",
    "site_visit.record", "site_visit.photo", "site_visit.find", "site_visit.sign", "site_visit.sign",
    "application.finish_site_visit",
    *["assignment.sign"] * 5, "application.complete_sheets",
    "application.tallied", "application.give_opinion", *["assignment.endorse"] * 5, "application.close_review",
    "application.approve",
    "application.close_notice", "application.certify",
]  # fmt: skip


def after(day):
    """Noon of the day after ``day``."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time(12)))


def codes(refused):
    return [problem.code for problem in refused.value.problems]


# --- the whole way ------------------------------------------------------------------------------------------------


def test_a_community_goes_from_its_first_draft_to_the_star_certificate(world):
    completion = world.case_at("certified", "completion", target_level=3)
    project = completion.project
    design = project.applications.get(stage="design")
    assert list(Event.objects.in_thread(project.thread).values_list("verb", flat=True)) == [
        *DESIGN, *GUIDANCE * 3, *COMPLETION,
    ]  # fmt: skip
    assert list(Result.objects.order_by("pk").values_list("application", "review_round", "level")) == [
        (design.pk, 1, 3), (completion.pk, 1, 3),
    ]  # fmt: skip
    year = timezone.localdate().year
    certificates = Certificate.objects.order_by("pk").values_list("number", "is_final", "level_name", "state")
    assert list(certificates) == [
        (f"CQ-ZHXQ-S-{year}-00001", False, "三星级", "valid"),
        (f"CQ-ZHXQ-X-{year}-00001", True, "三星级", "valid"),
    ]
    assert [notice.closed_at is not None for notice in PublicNotice.objects.all()] == [True, True]


def test_the_certificate_is_a_pdf_with_the_names_on_it_and_its_hash_in_the_row(at_state):
    certificate = at_state("certified").certificate
    with certificate.file.open() as file:
        content = file.read()
    assert hashlib.sha256(content).hexdigest() == certificate.sha256
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages).replace(" ", "")
    assert certificate.number in text


def test_everybody_concerned_is_told_once(world):
    application = world.case_at("certified")
    told = Notification.objects.values_list("user__username", flat=True)
    verbs = {event.pk: event.verb for event in Event.objects.in_thread(application.thread)}
    keys = [key.split(":") for key in Notification.objects.filter(user=world.applicant).values_list("key", flat=True)]
    assert sorted(verbs[int(key[1])] for key in keys if key[0] == "event" and int(key[1]) in verbs) == sorted(
        [
            "application.submit", "application.accept", "application.recommend", "application.approve",
            "application.close_notice", "application.certify",
        ]
    )  # fmt: skip
    panel = [row.expert.user.username for row in application.assignments.all()]
    invitations = Notification.objects.filter(user__username__in=panel).values_list("user__username", flat=True)
    assert set(panel) == set(invitations)
    assert {"intake", "organiser", "supervisor", "approver", "district-1"} <= set(told)
    others = Notification.objects.filter(user=world.other_applicant, subject__contains=application.project.number)
    assert others.count() == 0


@pytest.mark.one_database
@pytest.mark.parametrize(
    "stage, state", [*(("design", state) for state in STATES), *(("completion", state) for state in OF_COMPLETION)]
)
def test_every_state_can_be_reached(at_state, stage, state):
    if (stage, state) in UNREACHABLE:
        with pytest.raises(ValueError, match="does not lie on the route"):
            at_state(state, stage)
    else:
        assert at_state(state, stage).state == state


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_self_score_comes_to_exactly_the_target(at_state, level):
    application = at_state("form_check", target_level=level)
    checks = snapshot.latest(application).checks
    assert [(row["rule"], row["problems"]) for row in checks if row["problems"]] == []
    claimed = dict(application.claims.values_list("item_code", "value"))
    assert marks.reached(application.standard, "design", claimed) == level


# --- form check and correction ------------------------------------------------------------------------------------


def test_in_a_correction_only_what_the_notice_names_can_be_changed(at_state):
    application = at_state("correction")
    by = people.applicant_of(application.project)
    named = dict(filing.open_findings(application).values_list("kind", "place"))
    other = next(item for item in application.standard.items("design") if item.code != named["item"])
    with pytest.raises(Refused) as refused:
        filing.save_claim(by, application, other.code, True)
    assert codes(refused) == ["closed"]
    value = application.claims.get(item_code=named["item"]).value
    assert filing.save_claim(by, application, named["item"], value, "补充说明").note == "补充说明"
    for document in application.documents.filter(removed_at=None).exclude(code=named["document"]):
        with pytest.raises(Refused):
            proofs.remove_document(by, document)


def test_a_correction_is_not_taken_before_every_finding_is_answered(at_state):
    application = at_state("correction")
    by = people.applicant_of(application.project)
    first, second = filing.open_findings(application)
    findings.reply(by, first, "已改正")
    with pytest.raises(Refused) as refused:
        APPLICATION.perform(application, "resubmit", by=by)
    assert [(problem.code, problem.place) for problem in refused.value.problems] == [("reply_missing", second.place)]
    findings.reply(by, second, "已改正")
    assert APPLICATION.perform(application, "resubmit", by=by).data["version"] == 2


def test_the_second_version_differs_only_where_the_notice_said(at_state):
    application = at_state("correction")
    named = {place for _, place in filing.open_findings(application).values_list("kind", "place")}
    application = journey.to_state(journey.take_step(application), "form_check")
    before, now = application.submissions.order_by("version")
    changes = list(snapshot.differences(before.data, now.data))
    assert {change.place for change in changes} == named
    assert application.due_on is not None
    assert application.days_left is None


def test_a_third_correction_round_is_refused(world, at_state):
    application = at_state("correction")
    for _ in range(2):
        application = journey.to_state(journey.take_step(application), "form_check")
        document = next(one for one in application.standard.stage("design").documents if "pdf" in one.forms)
        findings.add_finding(world.intake, application, "document", document.code, "仍缺签章")
        if application.correction_round < 2:
            APPLICATION.perform(application, "request_correction", by=world.intake)
    with pytest.raises(Refused) as refused:
        APPLICATION.perform(application, "request_correction", by=world.intake)
    assert codes(refused) == ["rounds_used"]


def test_a_correction_that_does_not_come_in_time_counts_as_withdrawn(at_state):
    application = at_state("correction")
    with as_of(after(application.due_on - timedelta(days=1))):
        assert tasks.enforce_deadlines(APPLICATION) == 0
    with as_of(after(application.due_on)):
        assert tasks.enforce_deadlines(APPLICATION) == 1
    assert journey.fresh(application).state == "withdrawn"


@pytest.mark.parametrize("state,action", [("correction", "resubmit"), ("revision", "submit_revision")])
def test_what_the_applicant_hands_in_after_the_last_day_is_refused_before_the_sweep_comes_by(at_state, state, action):
    application = at_state(state)
    by, last = people.applicant_of(application.project), application.due_on
    cases.mend(application)
    with as_of(after(last)), pytest.raises(Refused) as refused:
        APPLICATION.perform(journey.fresh(application), action, by=by)
    assert [problem.text() for problem in refused.value.problems] == [f"期限{last}已过，不能再办理；系统将按逾期处理。"]
    with as_of(after(last - timedelta(days=1))):
        assert APPLICATION.perform(journey.fresh(application), action, by=by).data["version"] == 2


def test_an_invitation_is_not_accepted_after_its_last_day(at_state):
    assignment = seats(at_state("inviting"))[0]
    with as_of(after(assignment.due_on)), pytest.raises(Refused) as refused:
        ASSIGNMENT.perform(assignment, "accept", by=assignment.expert.user, no_conflict=True)
    assert codes(refused) == ["late"]
    assert Assignment.objects.get(pk=assignment.pk).state == "invited"


def test_withdrawing_and_applying_again_does_not_begin_the_rounds_anew(world, at_state):
    first = at_state("correction")
    APPLICATION.perform(first, "withdraw", by=world.applicant, reason="示例")
    second = filing.open_application(world.applicant, first.project, "design")
    assert [findings.rounds_used(row) for row in (first, second)] == [1, 1]
    second = journey.to_state(journey.fresh(second), "correction")
    assert (second.correction_round, findings.rounds_used(second)) == (1, 2)
    second = journey.to_state(journey.take_step(second), "form_check")
    document = next(one for one in second.standard.stage("design").documents if "pdf" in one.forms)
    findings.add_finding(world.intake, second, "document", document.code, "仍缺签章")
    with pytest.raises(Refused) as refused:
        APPLICATION.perform(second, "request_correction", by=world.intake)
    assert "rounds_used" in codes(refused)


def test_after_a_decision_the_rounds_begin_anew(world, at_state):
    first = journey.to_state(journey.take_step(at_state("correction")), "form_check")
    APPLICATION.perform(first, "refuse", by=world.intake, reason="示例")
    second = filing.open_application(world.applicant, first.project, "design")
    assert findings.rounds_used(second) == 0


# --- draw and panel -----------------------------------------------------------------------------------------------


def seats(application):
    return people.panel_of(application, "invited", "accepted")


def give_up(assignment, how, world):
    if how == "lapse":
        with as_of(after(assignment.due_on)):
            assert tasks.enforce_deadlines(ASSIGNMENT) == 1
        return
    by = world.organiser if how == "replace" else assignment.expert.user
    ASSIGNMENT.perform(assignment, how, by=by, reason="示例理由")


GIVEN_UP = {"decline": "declined", "recuse": "recused", "lapse": "lapsed", "replace": "declined"}


@pytest.mark.parametrize("how", GIVEN_UP)
def test_a_seat_that_is_given_up_goes_to_the_next_in_the_drawn_order(world, at_state, how):
    application = at_state("inviting")
    before = seats(application)
    for assignment in before[1:]:
        ASSIGNMENT.perform(assignment, "accept", by=assignment.expert.user, no_conflict=True)
    give_up(before[0], how, world)
    journey.fill_seats(application)
    now = seats(application)
    gone = Assignment.objects.get(pk=before[0].pk)
    assert gone.state == GIVEN_UP[how]
    assert [row.expert for row in now if row not in before] != [gone.expert]
    assert len(now) == len(before)
    assert [row.is_leader for row in now].count(True) == 1
    assert Application.objects.get(pk=application.pk).state == "inviting"
    new = next(row for row in now if row not in before)
    assert Notification.objects.filter(key=f"invitation:{new.pk}:{new.expert.user_id}").count() == 1
    facts = Recusal.objects.filter(expert=gone.expert).values_list("party_code", "reason")
    assert list(facts) == ([(world.unit.credit_code, "self_declared")] if how == "recuse" else [])
    ASSIGNMENT.perform(new, "accept", by=new.expert.user, no_conflict=True)
    assert Application.objects.get(pk=application.pk).state == "review"


def test_anyone_can_run_the_receipt_again_also_after_a_decline(world, at_state):
    application = at_state("inviting")
    give_up(seats(application)[0], "decline", world)
    journey.fill_seats(application)
    draw = application.draws.get()
    assert lots.verify(draw.receipt) == []
    assert draw.declines == [application.assignments.get(state="declined").expert.number]


def test_nobody_of_a_party_or_recused_is_drawn(world, at_state):
    first, second, *_ = people_of_pool()
    type(first).objects.filter(pk=first.pk).update(employer_code=world.unit.credit_code)
    Recusal.objects.create(
        expert=second, party_code=world.consulting.credit_code, reason="kinship", declared_by=second.user
    )
    application = at_state("inviting", advised=True)
    excluded = {draw_entry["expert_id"]: reason for draw_entry, reason in excluded_of(application.draws.get()).values()}
    others = {number: reason for number, reason in excluded.items() if reason != "no_field"}
    assert others == {first.number: "employed_by_party", second.number: "kinship"}


def test_an_expert_with_nothing_to_mark_in_this_stage_is_not_drawn(at_state):
    application = at_state("inviting")
    asked = {item.domain for item in application.standard.items("design")}
    idle = {expert.number for expert in people_of_pool() if not asked & set(expert.fields.values_list("pk", flat=True))}
    found = {
        entry["expert_id"] for entry, reason in excluded_of(application.draws.get()).values() if reason == "no_field"
    }
    assert idle
    assert found == idle
    assert all(marking.own_items(assignment) for assignment in people.panel_of(application, "invited"))


def people_of_pool():
    return list(Expert.objects.order_by("number"))


def excluded_of(draw):
    return {
        entry["id"]: (draw.identities[entry["id"]], entry["excluded"])
        for entry in draw.frozen["candidates"]
        if entry["excluded"]
    }


def test_the_supervisor_who_proposed_cannot_cosign(world, at_state):
    Officer.objects.create(user=world.supervisor, duty="organiser", since=people.first_day())
    application = at_state("drawing")
    APPLICATION.perform(application, "propose_draw", by=world.supervisor)
    with pytest.raises(Refused) as refused:
        APPLICATION.perform(application, "cosign_draw", by=world.supervisor)
    assert codes(refused) == ["same_person"]
    assert Application.objects.get(pk=application.pk).state == application.state == "cosigning"


def test_a_pool_that_runs_dry_shows_on_the_case_and_a_new_draw_begins_afresh(world, at_state):
    application = at_state("inviting")
    while not substituting.shortage(application):
        give_up(people.panel_of(application, "invited")[0], "decline", world)
        journey.fill_seats(application)
    application = journey.fresh(application)
    assert application.state == "inviting"
    left = people.panel_of(application, "invited")
    for number in range(9):
        people_again(number)
    APPLICATION.perform(application, "redraw", by=world.supervisor, reason="无人递补")
    with as_of(after(left[0].due_on if left else timezone.localdate())):
        tasks.enforce_deadlines(ASSIGNMENT)
    assert Assignment.objects.exclude(fault="").count() == 0
    application = journey.fresh(application)
    assert (application.state, application.review_round, application.fault) == ("drawing", 2, "")
    assert journey.to_state(application, "review").assignments.filter(review_round=2, state="accepted").count() == 5


def people_again(number):
    """One more expert for every field that panels need."""
    user = people.user(f"late-expert-{number}", f"示例新专家{number}")
    user.save()
    expert = Expert.objects.create(
        state="serving",
        user=user,
        number=f"ZJ-9{number:03d}",
        employer=f"示例新单位{number}",
        employer_code=names.code("500112", "X", number),
        district=District.objects.order_by("-pk")[0],
        term_from=people.first_day(),
        term_until=timezone.localdate() + timedelta(days=99),
    )
    expert.fields.set(Field.objects.filter(pk__in=["comm", "security", "platform", "home"]))


# --- review -------------------------------------------------------------------------------------------------------


def test_a_revision_is_judged_by_the_same_panel_from_its_own_marks(at_state):
    application = at_state("revision_check")
    first = people.panel_of(application, "signed")
    application = journey.to_state(journey.take_step(application), "certified")
    second = people.panel_of(application, "signed")
    assert [(row.expert, row.seat, row.is_leader) for row in second] == [
        (row.expert, row.seat, row.is_leader) for row in first
    ]
    assert list(application.results.order_by("review_round").values_list("review_round", flat=True)) == [1, 2]
    assert application.notices.get().result.review_round == 2
    assert application.submissions.count() == 2


def test_a_revision_that_does_not_come_leaves_the_first_result(at_state):
    application = at_state("revision")
    with as_of(after(application.due_on)):
        assert tasks.enforce_deadlines(APPLICATION) == 1
    application = journey.to_state(journey.fresh(application), "certified")
    assert application.results.get() == application.notices.get().result


def test_a_second_revision_is_refused(at_state):
    application = journey.to_state(journey.take_step(at_state("revision_check")), "deliberation")
    with pytest.raises(Refused) as refused:
        journey.ask_revision(application)
    assert codes(refused) == ["revision_used"]


def test_an_altered_sheet_stops_the_tally_and_shows_on_the_case(at_state):
    application = at_state("tallying")
    assignment = people.panel_of(application, "signed")[0]
    mark = assignment.marks.filter(item_code=application.standard.items("design")[3].code).first()
    mark = mark or assignment.marks.first()
    type(mark).objects.filter(pk=mark.pk).update(value=None)
    journey.work(application)
    application = journey.fresh(application)
    assert application.state == "tallying"
    assert assignment.expert.number in application.fault
    assert application.results.count() == 0


# --- approval, notice, objection ----------------------------------------------------------------------------------


def test_who_organised_the_review_cannot_approve_it(world, at_state):
    Officer.objects.create(user=world.organiser, duty="approver", since=people.first_day())
    application = at_state("approval")
    with pytest.raises(Refused) as refused:
        APPLICATION.perform(application, "approve", by=world.organiser, opinion="同意")
    assert codes(refused) == ["same_person"]


def object_to(application, **values):
    given = {"kind": "person", "name": "示例居民", "identity": "1", "contact": "a@example.org", "text": "示例异议"}
    return outcome.file_objection(application.notices.latest("pk"), {**given, **values}, [])


def test_a_notice_ends_by_itself_on_the_day_after_its_last(at_state):
    application = at_state("notice")
    last = application.notices.get().closes_on
    with as_of(after(last - timedelta(days=1))):
        assert tasks.enforce_deadlines(APPLICATION) == 0
    with as_of(after(last)):
        assert tasks.enforce_deadlines(APPLICATION) == 1
        journey.work(application)
    assert journey.fresh(application).state == "certified"


@pytest.mark.parametrize("action", ["not_take", "reject"])
def test_an_open_objection_holds_the_end_of_the_notice_until_it_is_answered(world, at_state, action):
    application = at_state("notice")
    objection = object_to(application)
    with as_of(after(application.due_on)):
        assert tasks.enforce_deadlines(APPLICATION) == 0
        if action == "reject":
            OBJECTION.perform(objection, "accept", by=world.intake)
            assert tasks.enforce_deadlines(APPLICATION) == 0
        by = world.supervisor
        OBJECTION.perform(objection, action, by=by, reason="示例", reply="示例答复")
        assert tasks.enforce_deadlines(APPLICATION) == 1
    assert journey.fresh(application).state == "certifying"
    objection.refresh_from_db()
    assert objection.reply in ("示例", "示例答复")


def test_an_upheld_objection_brings_a_new_panel_a_new_result_and_a_new_notice(world, at_state):
    application = at_state("notice")
    first = {row.expert for row in people.panel_of(application, "signed")}
    objection = object_to(application)
    OBJECTION.perform(objection, "accept", by=world.intake)
    OBJECTION.perform(objection, "uphold", by=world.supervisor, reply="示例：现场与申报不符")
    application = journey.fresh(application)
    assert (application.state, application.review_round) == ("drawing", 2)
    application = journey.to_state(application, "certified")
    assert list(application.results.values_list("review_round", flat=True).order_by("review_round")) == [1, 2]
    assert application.notices.count() == 2
    assert Certificate.objects.count() == 1
    assert len(first & {row.expert for row in people.panel_of(application, "signed")}) < len(first)


def test_a_late_objection_is_not_taken(at_state):
    application = at_state("notice")
    with as_of(after(application.due_on)), pytest.raises(Refused) as refused:
        object_to(application)
    assert codes(refused) == ["late"]


def test_a_later_star_takes_the_place_of_the_earlier_one(world):
    first = world.case_at("certified", "completion", target_level=2)
    project = filing.open_project(world.applicant, first.project.community, first.project.programme, 3)
    second = filing.open_application(world.applicant, project, "design")
    second = journey.to_state(journey.fresh(second), "certified")
    construction.guide(project)
    last = filing.open_application(world.applicant, project, "completion")
    journey.to_state(journey.fresh(last), "certified")
    finals = Certificate.objects.filter(is_final=True).order_by("pk").values_list("state", "level")
    assert list(finals) == [("superseded", 2), ("valid", 3)]


def test_a_certificate_expires_on_the_day_after_its_last(at_state):
    certificate = at_state("certified").certificate
    with as_of(after(certificate.valid_until - timedelta(days=1))):
        assert tasks.enforce_deadlines(CERTIFICATE) == 0
    with as_of(after(certificate.valid_until)):
        assert tasks.enforce_deadlines(CERTIFICATE) == 1
    certificate.refresh_from_db()
    assert (certificate.state, certificate.due_on) == ("expired", None)


# --- wrong persons, wrong moments ---------------------------------------------------------------------------------


def test_an_act_of_yesterdays_page_is_stale_and_says_who_was_first(world, at_state):
    application = at_state("form_check")
    same = journey.fresh(application)
    APPLICATION.perform(application, "accept", by=world.intake)
    with pytest.raises(Stale) as stale:
        APPLICATION.perform(same, "refuse", by=world.intake, reason="示例")
    assert stale.value.last.verb == "application.accept"


def test_a_refused_act_leaves_no_trace(world, at_state):
    application = at_state("form_check")
    before = Event.objects.count()
    with pytest.raises(Refused):
        APPLICATION.perform(application, "refuse", by=world.intake)
    assert (application.state, journey.fresh(application).state) == ("form_check", "form_check")
    assert Event.objects.count() == before


def test_an_expert_marks_only_the_own_sheet_and_only_while_the_review_is_open(at_state):
    application = at_state("review")
    one, other, *_ = people.panel_of(application, "accepted")
    item = application.standard.items("design")[0]
    with pytest.raises(NotAllowed):
        marking.save_mark(one.expert.user, other, item.code, value=True)
    journey.sign_sheets(application)
    with pytest.raises(Stale):
        marking.save_mark(one.expert.user, one, item.code, value=True)
