"""What somebody with bad intentions, or two browsers at once, would try: each attempt that once succeeded stays here."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from communities import changes, inviting
from communities import urls as community_urls
from communities.models import Membership, Officer, Organisation, StandIn
from evaluation import asking, filing, findings, outcome, sanctions, site, work
from evaluation import urls as evaluation_urls
from evaluation.models import (
    Application,
    Assignment,
    Batch,
    Engagement,
    Export,
    Finding,
    GuidanceOpinion,
    HeldMessage,
    Incentive,
    IncentivePolicy,
    Inspection,
    InspectionDraw,
    InspectionPhoto,
    IssuedNotice,
    OfficerConflict,
    OperatingReport,
    OpinionFile,
    Phrase,
    Rating,
    Rectification,
    RectificationProof,
    Renewal,
    ReportProof,
    RuleOverride,
    SavedView,
    SiteVisit,
)
from evaluation.workflow import APPLICATION, ASSIGNMENT
from experts import admitting, facts
from experts import urls as expert_urls
from experts.models import Expert, PoolImport, Recusal
from portal import audit, samples
from portal.demo import admissions, certificates, construction, journey, papers, people
from portal.machine import Stale
from portal.message_texts import LANGUAGES
from portal.models import Event, Upload, User
from portal.workdays import last_day
from tests.api.conftest import Client
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db
STATES = ("draft", "inviting", "review", "deliberation", "approval", "certified")


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def cases(world):
    """State -> id of a case there."""
    return {state: world.case_at(state).pk for state in STATES}


@pytest.fixture
def at(cases):
    return lambda state: scenes.case(cases[state])


@pytest.fixture
def signed_in(client):
    def sign_in(user):
        client.force_login(scenes.person(user if isinstance(user, str) else user.username))
        return client

    return sign_in


def seat(application, *states, leader=False):
    return next(row for row in people.panel_of(application, *states) if row.is_leader == leader)


def give_duty(user, duty):
    Officer.objects.create(user=user, duty=duty, since=timezone.localdate())
    return scenes.person(user.username)


# --- who may act --------------------------------------------------------------------------------------------------


def test_whoever_closed_the_review_does_not_approve_its_result_though_another_began_the_draw(at):
    """The panel is run by everyone who acted as its organiser, not only by who proposed the draw."""
    case = at("deliberation")
    second = give_duty(User.objects.create(username="organiser-2", name="示例评价组织员乙"), "organiser")
    journey.give_opinion(case)
    journey.endorse_opinion(case)
    APPLICATION.perform(journey.fresh(case), "close_review", by=second)
    second = give_duty(second, "approver")
    for action, said in (
        ("approve", {"opinion": "同意"}),
        ("send_back", {"reason": "x"}),
        ("not_pass", {"reason": "x"}),
    ):
        with scenes.refused() as problems:
            APPLICATION.perform(journey.fresh(case), action, by=second, **said)
        assert problems == [("same_person", "")]
    assert case.pk not in work.to_act(second).values_list("pk", flat=True)
    APPLICATION.perform(journey.fresh(case), "approve", by=people.officer("approver"), opinion="同意")


def test_whoever_replaced_an_expert_does_not_approve_the_result(at):
    case = at("inviting")
    second = give_duty(User.objects.create(username="organiser-3", name="示例评价组织员丙"), "organiser")
    ASSIGNMENT.perform(people.panel_of(case, "invited")[0], "replace", by=second, reason="x")
    journey.to_state(journey.fresh(case), "approval")
    second = give_duty(second, "approver")
    with scenes.refused() as problems:
        APPLICATION.perform(journey.fresh(case), "approve", by=second, opinion="同意")
    assert problems == [("same_person", "")]


def test_an_expert_who_joined_a_party_after_the_draw_cannot_sit_on_its_panel(at, world):
    case = at("inviting")
    asked = people.panel_of(case, "invited")[0]
    Membership.objects.create(
        user=asked.expert.user, organisation=world.unit, role="member", since=timezone.localdate()
    )
    with scenes.refused() as problems:
        ASSIGNMENT.perform(asked, "accept", by=scenes.person(asked.expert.user.username), no_conflict=True)
    assert problems == [("conflict", "no_conflict")]
    ASSIGNMENT.perform(asked, "recuse", by=scenes.person(asked.expert.user.username), reason="已任职于申报单位")
    assert Assignment.objects.get(pk=asked.pk).state == "recused"


def test_an_expert_whose_conflict_became_known_after_the_draw_cannot_accept(at):
    case = at("inviting")
    asked = people.panel_of(case, "invited")[0]
    asked.expert.employer_code = case.project.organisation.credit_code
    asked.expert.save()
    with scenes.refused() as problems:
        ASSIGNMENT.perform(asked, "accept", by=asked.expert.user, no_conflict=True)
    assert problems == [("conflict", "no_conflict")]


def test_an_expert_who_became_a_party_does_not_sign_a_sheet(at, world):
    case = at("review")
    row = seat(case, "accepted")
    journey.mark_sheet(row)
    Membership.objects.create(user=row.expert.user, organisation=world.unit, role="member", since=timezone.localdate())
    with scenes.refused() as problems:
        ASSIGNMENT.perform(
            row,
            "sign",
            by=scenes.person(row.expert.user.username),
            **journey.signature(scenes.person(row.expert.user.username)),
        )
    assert problems == [("party", "")]


def test_a_unit_cannot_take_an_expert_off_its_panel_by_naming_them_a_member(at, world, signed_in):
    """As with officers: the unit learns nothing of whom it asks, and no expert of the pool can accept."""
    seated = seat(at("review"), "accepted").expert.user
    idle = User.objects.exclude(expert=None).exclude(expert__assignments__isnull=False).first()
    client = signed_in(world.applicant)
    address = reverse("invitation-new", args=[world.unit.pk])
    pages = [client.post(address, {"whom": one.username, "role": "member"}) for one in (seated, idle)]
    assert [(page.status_code, page.url) for page in pages] == [(302, world.unit.get_absolute_url())] * 2
    for one in (seated, idle):
        asked = inviting.invitation_at(one, str(inviting.waiting_for(one).get().pk))
        with scenes.refused() as problems:
            inviting.accept(one, asked)
        assert problems == [("member_is_expert", "")]
    assert Membership.objects.filter(user__in=[seated, idle]).count() == 0


def test_whoever_acts_for_a_party_of_a_case_clears_nobody_for_the_others(at, world):
    """An officer who also works for the consulting unit would choose who may judge its client."""
    case = at("inviting")
    expert, party = Expert.objects.first(), case.project.organisation.credit_code
    today = timezone.localdate()
    Engagement.objects.create(
        project=case.project, organisation=world.consulting, engaged_by=world.applicant, since=today
    )
    Membership.objects.create(user=world.pool_keeper, organisation=world.consulting, role="member", since=today)
    with scenes.refused() as problems:
        facts.pin(scenes.person("pool-keeper"), expert, party, facts.NONE, "示例")
    assert problems == [("own_side", "party")]


def test_a_revision_without_an_item_is_none(at):
    """Otherwise the case would go round as often as the leader likes: a revision is counted by what it asked."""
    case = at("deliberation")
    for typed in ("，", "、 ,"):
        with scenes.refused() as problems:
            APPLICATION.perform(case, "ask_revision", by=journey.leader_of(case), items=typed, reason="x")
        assert problems == [("required", "items")]
    assert not Finding.objects.filter(application=case, phase="revision").exists()


def test_a_revoked_unit_is_banned_for_three_years(at):
    certificate = at("certified").certificate
    certificates.revoke(certificate)
    unit = Organisation.objects.get(pk=certificate.application.project.organisation_id)
    today = timezone.localdate()
    assert (unit.state, unit.banned_until) == ("banned", last_day(today, 3))
    assert (unit.may_apply(unit.banned_until), unit.may_apply(today)) == (False, False)
    assert Event.objects.of(unit).last().verb == "organisation.ban"


# --- what is seen -------------------------------------------------------------------------------------------------


def test_whoever_comes_too_late_does_not_learn_the_name_of_a_panel_member(at, world, signed_in):
    case = at("deliberation")
    journey.ask_revision(case)
    APPLICATION.perform(journey.fresh(case), "lapse", by=None)
    leader = journey.leader_of(case)
    audit.record(case, "application.ask_revision", by=leader, role="leader")
    page = signed_in(world.applicant).post(reverse("act", args=["application", case.pk, "submit_revision"]))
    assert page.status_code == 409
    assert (leader.name in page.content.decode(), "专家组组长" in page.content.decode()) == (False, True)


def test_a_seat_of_a_draw_that_was_given_up_opens_no_scoring_room(at, signed_in):
    case = at("inviting")
    row = seat(case, "invited", leader=True)
    ASSIGNMENT.perform(row, "accept", by=row.expert.user, no_conflict=True)
    APPLICATION.perform(journey.fresh(case), "redraw", by=people.officer("supervisor"), reason="x")
    client = signed_in(row.expert.user)
    pages = [client.get(reverse(name, args=[row.pk])).status_code for name in ("scoring", "sheet")]
    assert pages == [403, 403]
    Application.objects.filter(pk=case.pk).update(state="site_visit")
    assert case.project.community.name not in [entry.subject for entry in work.waiting_on(row.expert.user)]


def test_the_record_of_the_site_visit_names_the_panel_to_nobody_who_may_not_know_it(at, world, signed_in):
    case = at("review")
    Application.objects.filter(pk=case.pk).update(state="site_visit")
    SiteVisit.objects.create(application=case, review_round=case.review_round)
    case = journey.fresh(case)
    expert = seat(case, "accepted").expert.user
    item = case.standard.items(case.stage)[0]
    site.record_site_finding(expert, case, item.code, True, "示例：与申报一致。")
    SiteVisit.objects.filter(application=case).update(expert_signed_by=expert, expert_signed_at=timezone.now())
    address = reverse("site-visit", args=[case.pk])
    seen = {
        reader.username: expert.name in signed_in(reader).get(address).content.decode()
        for reader in (world.applicant, world.intake, world.district_officer, world.organiser, expert)
    }
    assert list(seen.values()) == [False, False, False, True, True]


def test_the_trail_says_in_which_role_the_site_visit_was_recorded(at, world):
    case = at("review")
    Application.objects.filter(pk=case.pk).update(state="site_visit")
    SiteVisit.objects.create(application=case, review_round=case.review_round)
    site.record_site_visit(world.district_officer, journey.fresh(case), timezone.localdate(), "示例")
    assert Event.objects.of(case).last().role == "district_officer"


# --- what is sent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["/projects/?q=%00", "/notices/?q=%00", "/certificates/%00/", "/objections/status/?number=%00"]
)
def test_a_null_byte_in_an_address_is_refused_on_every_database(signed_in, world, address):
    assert signed_in(world.applicant).get(address).status_code == 400


def test_a_null_byte_in_a_form_is_refused_on_every_database(at, world, signed_in):
    case = at("draft")
    item = case.standard.items(case.stage)[0]
    online = next(one for one in case.standard.stage(case.stage).documents if "online" in one.forms)
    client = signed_in(world.applicant)
    answers = [
        client.post(reverse("claim-save", args=[case.pk, item.code]), {"value": "", "note": "甲\x00乙"}),
        client.post(reverse("statement-save", args=[case.pk, online.code]), {"text": "甲\x00乙"}),
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert not case.claims.filter(note__contains="乙").exists()


@pytest.mark.parametrize("question", ["search", "page", "state"])
@pytest.mark.parametrize("address", ["/experts/", "/api/v1/experts/", "/projects/"])
def test_a_question_longer_than_anybody_asks_breaks_no_database(signed_in, world, address, question):
    answer = signed_in(world.supervisor).get(address, {question: "9" * 60_000})
    assert answer.status_code == 414


LONG = "9" * 5000


def test_a_number_of_five_thousand_digits_breaks_no_page(at, world, signed_in):
    case, review = at("draft"), at("review")
    item = case.standard.items(case.stage)[0]
    online = next(one for one in case.standard.stage(case.stage).documents if "online" in one.forms)
    client = signed_in(world.applicant)
    saved = [
        client.post(reverse("claim-save", args=[case.pk, item.code]), {"value": "", "revision": LONG}),
        client.post(reverse("claim-save", args=[case.pk, item.code]), {"value": "", "revision": LONG}),
        client.post(reverse("statement-save", args=[case.pk, online.code]), {"text": "甲", "revision": LONG}),
    ]
    notice = signed_in(world.intake).get(reverse("correction-notice", args=[review.pk]), {"round": LONG})
    assert ([answer.status_code for answer in saved], notice.status_code) == ([302, 302, 302], 404)


@pytest.mark.parametrize("value", [5, 20301231, True, 1.5])
def test_a_day_that_is_sent_as_a_number_is_refused_in_a_sentence(world, value):
    client = Client()
    client.force_login(scenes.person("supervisor"))
    answer = client.post(f"organisations/{world.unit.pk}/acts/ban/", {"reason": "x", "until": value})
    assert (answer.status_code, [row["place"] for row in answer.json()["problems"]]) == (422, ["until"])


@pytest.mark.parametrize(
    "address",
    [
        "projects/?organisation={n}", "projects/?community={n}", "projects/?target_level={n}", "applications/?project={n}",
        "applications/{n}/", "applications/?organisation={n}", "organisations/{n}/members/", "communities/{n}/",
        "assignments/?application={n}", "guidance-visits/?project={n}", "guidance-opinions/?visit={n}",
        "objections/{n}/proofs/1/file/", "notifications/{n}/", "certificates/?level={n}", "certificates/?year={n}",
        "communities/?organisation={n}", "standards/{n}/",
    ],
)  # fmt: skip
def test_a_number_that_no_database_holds_finds_nothing(world, address):
    client = Client()
    client.force_login(scenes.person("supervisor"))
    for number in (2**31, 2**63, 10**30, -(2**70)):
        assert client.get(address.format(n=number)).status_code in (200, 400, 404, 422)


# --- two at once --------------------------------------------------------------------------------------------------


def test_what_was_open_in_the_draft_is_not_written_into_a_correction(at, world):
    """A slow upload began in the draft and ends when the case is in correction: only what the notice names is open then."""
    slow = at("draft")
    journey.to_state(at("draft"), "correction")
    named = set(Finding.objects.filter(application=slow).values_list("place", flat=True))
    item = next(one for one in slow.standard.items(slow.stage) if one.code not in named)
    with pytest.raises(Stale):
        filing.save_claim(world.applicant, slow, item.code, None, "示例")


def test_a_person_without_a_name_leaves_a_trail_that_every_database_keeps():
    person = User.objects.create(username="u" * 150)
    assert len(audit.record(person, "user.register", by=person).actor_name) == 60


# --- strangers at every door --------------------------------------------------------------------------------------

# Pages for everybody, and for everybody who is signed in: their own rows or an empty form.
OPEN = {
    "register", "organisations", "organisation-new", "projects", "standards", "standard", "standard-json",
    "notices", "notice", "notice-receipt", "notice-receipt-page", "draw-verifier", "recompute-program", "objection-new",
    "statistics", "statistics-certificates", "statistics-csv", "monthly-reports", "monthly-report",
    "open-data", "notice-feed", "robots", "sitemap", "sitemap-index", "open-data-file", "open-data-latest",
    "objection-filed", "objection-status", "certificate-check", "certificate", "certificate-file", "directory",
    "directory-map", "public-community", "notice-version",
    "sanctions", "renewals", "supervision", "supervision-inspections", "inspection-receipt", "inspection-receipt-file",
    "inspection-receipts",
    "incentive-policies", "issuer-keys", "revocations", "certificate-verifier", "certificate-document",
    "community-template", "calls", "call", "call-apply", "admissions", "scoring-worker", "site-visit-worker",
}  # fmt: skip
READ_SETTINGS = {
    "other_officer", "pool_keeper", "system_administrator", "security_administrator", "audit_administrator",
}  # fmt: skip
# The pages of one duty that concern no single case.
OF_A_DUTY = {
    "queue": {"other_officer"},
    "experts": {"other_officer", "pool_keeper"},
    "expert": {"other_officer", "pool_keeper"},
    **dict.fromkeys(
        ("call-new", "call-change", "call-publish", "pins", "expert-fields", "expert-pin"), {"pool_keeper"}
    ),
    # an expert, though of another panel: what they say of themselves
    **dict.fromkeys(("own-facts", "employment-new", "tie-new"), {"invited"}),
    "standard-import": {"system_administrator"},
    "outbox": {"other_officer"},
    "incentives": {"other_officer"},
    **dict.fromkeys(("undelivered", "message-resend"), {"system_administrator"}),
    "message-texts": {
        "other_officer",
        "pool_keeper",
        "system_administrator",
        "security_administrator",
        "audit_administrator",
    },
    "holding-rule": {"security_administrator"},
    # the settings, read by every officer and changed by whom each belongs to
    **dict.fromkeys(("limits", "settings", "duties", "officers", "officer", "days"), READ_SETTINGS),
    **dict.fromkeys(("certificate-forms", "certificate-form", "certificate-form-picture"), READ_SETTINGS),
    **dict.fromkeys(
        ("limit-change", "officer-give", "officer-end", "policy-new", "certificate-form-preview"),
        {"security_administrator"},
    ),
    **dict.fromkeys(("accounts", "account-new", "account-kept"), {"system_administrator"}),
    **dict.fromkeys(("trail", "trail-export"), {"audit_administrator"}),
    # what officers do with their own lists
    **dict.fromkeys(
        (
            "batches",
            "batch-new",
            "certificates-progress",
            "exports",
            "hand-over",
            "stand-ins",
            "queue-columns",
            "queue-views",
            "conflicts",
        ),
        {"other_officer"},
    ),
    **dict.fromkeys(
        ("pool-imports", "pool-import-template", "pool-import", "pool-import-file", "expert-password-link"),
        {"pool_keeper"},
    ),
}
DOORS = [pattern for module in (community_urls, expert_urls, evaluation_urls) for pattern in module.urlpatterns]
STRANGERS = (
    "anonymous", "other_applicant", "consultant", "other_officer", "pool_keeper", "system_administrator",
    "security_administrator", "audit_administrator", "invited", "former_member",
)  # fmt: skip


@pytest.fixture(scope="module")
def keys(world, cases):
    """Beginning of an address -> key of a row that exists there."""
    case = scenes.case(cases["review"])
    design = scenes.case(cases["certified"])
    construction.guide(design.project)
    visit = design.project.guidance_visits.first()
    opinion = GuidanceOpinion.objects.filter(visit__project=design.project).first()
    paper = OpinionFile.objects.create(opinion=opinion, name="a.pdf")
    major = construction.declare_change(design.project)
    findings.add_finding(world.intake, world.case_at("form_check"), "data", "community", "示例：请核对。")
    notice = world.case_at("notice").notices.get()
    said = {
        "kind": "person",
        "name": "示例公众",
        "identity": "500000199001010008",
        "contact": "023-00000000",
        "text": "示例：点位不足。",
    }
    objection = outcome.file_objection(
        notice, said, [SimpleUploadedFile("a.pdf", samples.sample_pdf("示例", ["示例"]))]
    )
    unit = case.project.organisation
    change = changes.propose_change(
        world.applicant, unit, {**changes.facts(unit), "district": unit.district, "undertaking": True},
        papers.pdf("营业执照", "新证"),
    )  # fmt: skip
    yesterday = timezone.localdate() - timedelta(days=1)
    engagement = Engagement.objects.create(
        project=design.project,
        organisation=people.make_unit(3, "consulting", "示例第三咨询有限公司", world.district, "consultant-3", "示例"),
        engaged_by=world.applicant,
        since=yesterday,
        until=yesterday,
    )
    upload = Upload.objects.create(
        user=world.applicant, purpose="evidence", place=case.pk, name="a.pdf", length=1, expires_at=timezone.now()
    )
    held = HeldMessage.objects.create(
        application=case, event=Event.objects.of(case).last(), kind="decision", duty="intake", state="held", title="示例",
        words={code: {"subject": "示例", "body": "示例"} for code in LANGUAGES}, values={code: {} for code in LANGUAGES},
    )  # fmt: skip
    certificate = design.certificates.get()
    sanction = certificates.propose(certificate)
    paper_of_sanction = sanctions.add_proof(sanction.proposed_by, sanction, papers.pdf("照片", "一"))
    renewal = Renewal.objects.create(
        certificate=certificate, number="YX-1", statement="示例", asked_by=world.applicant, state="asked"
    )
    incentive = Incentive.objects.create(
        certificate=certificate, policy=IncentivePolicy.objects.first(), state="unset", level=certificate.level
    )
    return {
        **pool_keys(world, case),
        **desk_keys(world, case),
        **supervision_keys(world, certificate),
        "sanctions/": sanction.pk, "sanctions/proofs/": paper_of_sanction.pk, "renewals/": renewal.pk,
        "projects/incentives/": incentive.pk, "outbox/": held.pk, "outbox/undelivered/": 1,
        "uploads/": upload.pk,
        "organisations/changes/": change.pk, "engagements/": engagement.pk,
        "organisations/invitations/": inviting.invite(world.applicant, unit, "new@example.org", "member").pk,
        "organisations/": unit.pk, "licences/": unit.licences.in_force().get().pk, "members/": unit.memberships.first().pk,
        "communities/": case.project.community_id, "projects/": design.project_id, "applications/": case.pk,
        "documents/": case.documents.first().pk, "evidence/": case.evidence.first().pk,
        "findings/": Finding.objects.latest("pk").pk, "assignments/": people.panel_of(case, "accepted")[0].pk,
        "photos/": visit.photos.first().pk, "guidance/": visit.pk, "opinions/": opinion.pk,
        "opinions/files/": paper.pk, "changes/": major.pk, "changes/proofs/": major.proofs.get().pk,
        "notices/": notice.pk, "objections/": objection.pk, "objections/proofs/": objection.proofs.get().pk,
    }  # fmt: skip


def pool_keys(world, case):
    """Of the experts' pool, and of the talk about a case."""
    today = timezone.localdate()
    call = admissions.announce("示例征集", today, today + timedelta(days=20))
    candidate = User.objects.create(username="candidate", name="示例申请人")
    admission = admitting.open_admission(candidate, call)
    admissions.prove(candidate, admission)
    row = people.panel_of(case, "accepted")[0]
    expert, party = row.expert, world.other_unit.credit_code
    pinned = Recusal.objects.create(expert=expert, party_code=party, reason="pinned", declared_by=world.pool_keeper)
    rating = Rating.objects.create(
        assignment=row, attendance=25, quality=25, timeliness=25, ethics=25, by=world.organiser
    )
    return {
        "number of experts/": expert.number, "number of experts/calls/": call.number,
        "experts/admissions/": admission.pk, "experts/admissions/proofs/": admission.proofs.latest("pk").pk,
        "experts/me/facts/<slug:kind>/": pinned.pk, "experts/pins/<slug:verdict>/": pinned.pk,
        "questions/": asking.ask(expert.user, row, "4.1.1", "示例：请说明点位。").pk, "ratings/": rating.pk,
    }  # fmt: skip


def supervision_keys(world, certificate):
    """Of what comes after award: a report, a draw that waits, an inspection with a photo and what it found."""
    day, file = timezone.localdate(), SimpleUploadedFile("a.pdf", b"-")
    report = OperatingReport.objects.create(certificate=certificate, year=1, opened_on=day, state="due", due_on=day)
    draw = InspectionDraw.objects.create(
        programme=certificate.application.project.programme, year=day.year, organiser=world.organiser,
        organiser_hash="0" * 64, frozen={"numbers": [], "rules": {"share": 10, "public_source": None}}, state="drawn",
    )  # fmt: skip
    visited = Inspection.objects.create(draw=draw, certificate=certificate, place=1, state="rectifying", visited_on=day)
    fault = Rectification.objects.create(inspection=visited, text="示例", mend_by=day, state="open", due_on=day)
    return {
        "number of supervision/certificates/": certificate.number, "supervision/reports/": report.pk,
        "supervision/reports/proofs/": ReportProof.objects.create(report=report, name="a.pdf", file=file).pk,
        "inspections/draws/": draw.pk, "inspections/": visited.pk,
        "inspections/photos/": InspectionPhoto.objects.create(inspection=visited, name="a.jpg", file=file).pk,
        "rectifications/": fault.pk,
        "rectifications/proofs/": RectificationProof.objects.create(rectification=fault, name="a.pdf", file=file).pk,
    }  # fmt: skip


def desk_keys(world, case):
    """Of the officers' desk: what officers made for themselves, and what is kept of officers."""
    day, by = timezone.localdate(), world.intake
    duty = Officer.objects.filter(user=by).first()
    stand_in = StandIn.objects.create(
        officer=duty, person=world.organiser, since=day, until=day, reason="示例", asked_by=by, state="asked"
    )
    issued = IssuedNotice.objects.filter(application=case).latest("pk")
    override = RuleOverride.objects.create(application=case, version=1, rule="x", reason="示例", by=by)
    phrase = Phrase.objects.create(text="示例", owner=by)
    conflict = OfficerConflict.objects.create(officer=by, declared_by=by, relation="示例", credit_code="X")
    view = SavedView.objects.create(owner=by, name="示例")
    workbook = PoolImport.objects.create(
        state="waiting", name="示例.xlsx", count=0, uploaded_by=world.pool_keeper, table={"letters": {}, "rows": {}},
        file=SimpleUploadedFile("a.xlsx", b"-"),
    )  # fmt: skip
    return {
        "desk/batches/": Batch.objects.create(state="prepared", owner=by, act="remind").pk,
        "desk/exports/": Export.objects.create(state="waiting", owner=by, language="zh-hans").pk,
        "desk/stand-ins/": stand_in.pk, "queue/views/": view.pk, "overrides/": override.pk, "phrases/": phrase.pk,
        "number of settings/certificates/": 1, "issued-notices/": issued.pk, "conflicts/": conflict.pk, "settings/officers/": by.pk,
        "settings/officers/duties/": duty.pk, "settings/accounts/": by.pk, "experts/imports/": workbook.pk,
    }  # fmt: skip


@pytest.fixture
def stranger(world, at):
    """Name -> person, None for anonymous; who was asked to another panel and who left the unit among them."""

    def found(name):
        if name == "invited":
            # Somebody new: whom the lots have drawn may sit on another case's panel too.
            seat = people.panel_of(at("inviting"), "invited")[0]
            person = User.objects.create(username="invited", name="示例受邀人")
            seat.expert.pk, seat.expert.user, seat.expert.number = None, person, "X-1"
            seat.expert.save()
            seat.pk, seat.seat = None, 9
            seat.expert_id = seat.expert.pk
            seat.save()
            return person
        if name == "former_member":
            left = User.objects.create(username="former-member", name="示例前经办人")
            long_ago = timezone.localdate() - timedelta(days=400)
            Membership.objects.create(
                user=left, organisation=world.unit, role="administrator", since=long_ago,
                until=timezone.localdate() - timedelta(days=1),
            )  # fmt: skip
            return left
        return None if name == "anonymous" else scenes.person(getattr(world, name).username)

    return found


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.parametrize("who", STRANGERS)
def test_whoever_has_nothing_to_do_with_a_case_finds_every_door_closed(client, keys, at, stranger, who):
    person, case = stranger(who), at("review")
    if person:
        client.force_login(person)
    texts = {
        "code": "1", "stage": "design", "key": "1", "kind": "recusal", "change": "end",
        "verdict": "conflict", "token": "X", "programme": "smart_community",
    }  # fmt: skip
    opened = []
    for door in DOORS:
        if door.name in OPEN or who in OF_A_DUTY.get(door.name, ()):
            continue
        known = {**texts, "number": keys.get(f"number of {str(door.pattern).split('<')[0]}", "X")}
        names = {name: known.get(name, 1) for name in door.pattern.converters if name != "pk"}
        if "pk" in door.pattern.converters:
            names["pk"] = keys[re.split("<[a-z]+:pk>", str(door.pattern))[0]]
        address = reverse(door.name, kwargs=names)
        for method in (client.get, client.post):
            answer = method(address)
            closed = answer.status_code in (403, 404, 405) or answer.get("Location", "").startswith("/sign-in/")
            if not closed:
                opened.append(door.name)
    if opened:
        pytest.fail(f"open to {who}: {' '.join(dict.fromkeys(opened))}")
    assert case.state == scenes.case(case.pk).state
