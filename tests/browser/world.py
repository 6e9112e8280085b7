"""What the browser tests find in the portal, and what they ask its database: called in a process of the portal.

Every function takes and gives what JSON can hold. Nobody here does by hand what a page under test should do.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.http import QueryDict
from django.utils import timezone

from communities import standing_in
from communities.models import District, Invitation, Officer, Organisation, OrganisationChange, Parameter, StandIn
from evaluation import (
    answering,
    batching,
    configuration,
    conflicts,
    exporting,
    filing,
    marking,
    open_data,
    saved_views,
    snapshot,
    supervising,
    wording,
)
from evaluation.models import (
    Application,
    Assignment,
    Batch,
    Certificate,
    Engagement,
    Evidence,
    Export,
    HeldMessage,
    HoldingRule,
    Incentive,
    Inspection,
    OfficerConflict,
    OperatingReport,
    Phrase,
    Question,
    Renewal,
    Sanction,
    SavedView,
    SiteVisit,
    Standard,
    Submission,
)
from evaluation.proofs import add_evidence
from evaluation.standard import Item, legal_marks
from evaluation.workflow import APPLICATION, ASSIGNMENT
from experts import importing
from experts.models import Call, Employment, Expert, PoolImport, Recusal
from portal import first_password, samples, tasks
from portal.demo import (
    admissions,
    cases,
    certificates,
    history,
    incentives,
    journey,
    marks,
    names,
    people,
    pool,
    scenes,
    supervision,
    targets,
    world,
)
from portal.demo.world import Live
from portal.models import Notification, Sequence, User
from portal.problems import Problem
from tests.experts import pool_workbooks

SEED = 1
SCALE = 0.06  # of the past and of the pool
OWN_DISTRICTS, OWN_NUMBERS = 30, 7001  # where the panels of single test modules begin
FILM_SECONDS = 60
FILM_GAP = 24 * 1024**2  # bytes
# One case at every place whose pages are looked at; the journey brings its own.
LIVE = (
    Live("draft", 2, scene=scenes.begin_draft),
    Live("form_check", 2, unit=1),
    Live("correction", 6),
    Live("refused", 2, unit=1),
    Live("drawing", 1, unit=1, advised=True),
    Live("revealing", 1, unit=1),
    Live("inviting", 1, unit=2, scene=scenes.one_declines),
    Live("review", 9, advised=True, scene=scenes.marks_and_questions),
    Live("deliberation", 3, unit=1),
    Live("approval", 4, unit=1, level=3),
    Live("certified", 20, unit=1, scene=scenes.guidance_begun),
    Live("site_visit", 3, "completion", level=3, advised=True),
    Live("notice", 7, "completion", unit=2, scene=scenes.objection_made),
)


def build() -> dict[str, Any]:
    """Officers, a pool, some past certificates, units, one case at every place that is looked at; return the places."""
    configuration.load()
    with tasks.silence(), transaction.atomic():
        districts = list(District.objects.filter(valid_until=None))
        Sequence.objects.create(name=world.COUNTER, value=0)
        people.make_officers(districts)
        pool.make_experts(districts, names.chance(SEED, "pool"), *world.pool_size(SCALE))
        history.make(districts, names.chance(SEED, "history"), SCALE)
        HoldingRule.objects.filter(verb="application.refuse").update(holds=True)
        world.make_live(districts, SEED, LIVE, lambda line: None)
        _one_mail_comes_back()
        _one_stands_back()
        _desk()
        saved_views.create(people.officer("intake"), "三天内到期", {"show": "open", "within": "3"}, ["due", "state"])
        incentives.make()
        admissions.make_calls(districts)
        admissions.one_is_due(timezone.localdate())
        _make_import()
        for age in (1, 0):
            open_data.make(timezone.localdate() - timedelta(days=age))
        targets.make(districts)
        _after_award()
        Parameter.objects.filter(pk="inspection_share").update(value=50)
        supervision.make()
        world.consider_told()
    return places()


def _after_award() -> None:
    """Sanctions in several states, a certificate near its end whose renewal is examined, and one that may be renewed."""
    certificates.make()
    soon = timezone.localdate() + timedelta(days=40)
    sound = Certificate.objects.in_force(timezone.localdate()).filter(sanctions=None, renewals=None)
    active = sound.filter(application__project__organisation__state="active").order_by("pk")
    rows = [row for row in active if not supervising.hindrances(row)][:2]
    Certificate.objects.filter(pk__in=[row.pk for row in rows]).update(valid_until=soon, due_on=soon)
    certificates.ask_renewal(rows[0])


def _after_award_places() -> dict[str, Any]:
    """Sanctions by state with whoever speaks for the unit, the renewal, and a certificate that may be renewed."""
    found: dict[str, Any] = {}
    for row in Sanction.objects.order_by("-pk"):
        found |= {
            f"sanction_{row.state}": row.pk, f"sanction_{row.state}_party": _party(row.certificate),
            f"sanction_{row.state}_certificate": row.certificate.number,
        }  # fmt: skip
    renewal = Renewal.objects.latest("pk")
    soon = Certificate.objects.filter(valid_until=renewal.certificate.valid_until, renewals=None, state="valid").first()
    sound = Certificate.objects.in_force(timezone.localdate()).filter(sanctions=None, renewals=None).latest("pk")
    return found | {
        "renewal": renewal.pk, "renewable": soon.number, "renewable_party": _party(soon), "sound": sound.number,
        "revoked": Certificate.objects.filter(state="revoked", sanctions__isnull=False).first().number,
    }  # fmt: skip


def _party(certificate: Certificate) -> str:
    return people.applicant_of(certificate.application.project).username


FIRST_TIME = "first-time"  # somebody for whom an account was made, and who has not set a password


def _make_import() -> None:
    """A workbook of an existing pool that waits to be released, and a person of an earlier one."""
    rows = [pool_workbooks.person(number, email=f"imported{number}@example.org") for number in range(901, 904)]
    importing.open_import(User.objects.get(username="pool-keeper"), pool_workbooks.book(*rows))
    User.objects.create(
        username=FIRST_TIME, name="示例首次登录", email="first@example.org", password=first_password.no_password()
    )


def places() -> dict[str, Any]:
    """Where the pages are that are looked at, and who may look: names for the addresses in ``test_looks``."""
    found: dict[str, Any] = {}
    for live in LIVE:
        if live.scene is scenes.guidance_begun:
            continue
        name = live.state if live.stage == "design" else f"final_{live.state}"
        application = Application.objects.filter(stage=live.stage, state=live.state).latest("pk")
        found |= _places_of(name, application)
    certificate = Certificate.objects.filter(state="valid", is_final=True).latest("pk")
    guided = Application.objects.get(stage="design", state="certified", project__guidance_visits__state="open")
    visit = guided.project.guidance_visits.get(state="open")
    notice = Application.objects.get(stage="completion", state="notice").notices.latest("pk")
    return (
        found
        | _places_of("guided", guided)
        | {
            "correction_proof": Evidence.objects.filter(application=found["correction"], kind="pdf").earliest("pk").pk,
            "certificate": certificate.number,
            "certificate_pk": certificate.pk,
            "ended": Certificate.objects.exclude(state="valid").latest("pk").number,
            "confirmation": Incentive.objects.get(state="granted").number,
            "reversed_confirmation": Incentive.objects.get(state="reversed").number,
            **{f"incentive_{row.state}": row.pk for row in Incentive.objects.order_by("-pk")},
            **_after_award_places(),
            "visit": visit.pk,
            "visit_planned": guided.project.guidance_visits.get(state="planned").pk,
            "change_major": guided.project.major_changes.get().pk,
            "notice": notice.pk,
            "notice_hash": notice.versions.get(version=1).sha256,
            "certified_community": certificate.application.project.community_id,
            "objection": notice.objections.get(state="accepted").pk,
            "standard": Standard.objects.get(code="REF-SC").pk,
            "unit_waiting": Organisation.objects.filter(state="submitted").latest("pk").pk,
            "change": OrganisationChange.objects.get(state="waiting").pk,
            "unit_changing": OrganisationChange.objects.get(state="waiting").organisation_id,
            "invitation": Invitation.objects.get(invitee__username="newcomer-1").pk,
            "engagement": Engagement.objects.offered().latest("pk").pk,
            "secret": _secret(),
            "phrase": Phrase.objects.earliest("pk").pk,
            "saved_view": SavedView.objects.get().pk,
            "conflict": OfficerConflict.objects.get().pk,
            "held": HeldMessage.objects.get(state="held").pk,
            "batch": Batch.objects.get(act="remind").pk,
            "approval_batch": Batch.objects.get(act="approve").pk,
            "export": Export.objects.get().pk,
            "stand_in": StandIn.objects.get().pk,
            "question_waiting": Question.objects.get(state="forwarded").pk,
            "seat_token": answering.token_of(Assignment.objects.get(pk=found["inviting_invited_seat"])),
            **_pool_places(),
            **_supervised_places(),
        }
    )


def _supervised_places() -> dict[str, Any]:
    """Of what comes after award: a report that is due and one that waits for its reader, the draw, two inspections."""
    due, submitted = (OperatingReport.objects.filter(state=state).latest("pk") for state in ("due", "submitted"))
    waiting, rectifying = (Inspection.objects.filter(state=state).latest("pk") for state in ("drawn", "rectifying"))
    return {
        "report_due": due.pk,
        "reporting": due.certificate.number,
        "reporting_applicant": people.applicant_of(due.project).username,
        "report_submitted": submitted.pk,
        "report_reader": supervision.local_officer(submitted).username,
        "inspection_draw": rectifying.draw_id,
        "inspection_drawn": waiting.pk,
        "inspector": supervision.local_officer(waiting).username,
        "inspection_rectifying": rectifying.pk,
        "inspected": rectifying.certificate.number,
        "inspected_applicant": people.applicant_of(rectifying.project).username,
    }


def _one_stands_back() -> None:
    """An officer who declared a relation to a unit of which no case tells."""
    intake = people.officer("intake")
    conflicts.declare(intake, intake, "示例：亲属在该单位任职", code=names.code("500112", "Y", 1))


def _desk() -> None:
    """At the officers' desk: two trials, an export that is being made, and a colleague who is asked to stand in."""
    intake, day = people.officer("intake"), timezone.localdate()
    held = Application.objects.filter(state="form_check").order_by("pk")
    APPLICATION.perform(held.with_case()[0], "assign", by=intake, handler=str(intake.pk))
    seen = list(Application.objects.exclude(state="draft").order_by("pk").values_list("pk", flat=True)[:12])
    batching.foresee(batching.prepare(intake, "remind", seen, {}))
    waiting = list(Application.objects.filter(state__in=("approval", "deliberation")).values_list("pk", flat=True))
    batching.foresee(batching.prepare(people.officer("approver"), "approve", waiting, {"opinion": "示例：同意。"}))
    exporting.ask(intake, QueryDict("show=all"))
    standing_in.ask(intake, intake.duties.get(duty="intake"), people.officer("approver"), day, day, "休假")


def _one_mail_comes_back() -> None:
    """A message that a mail server returned, as its report would have it."""
    row = Notification.objects.filter(user__isnull=False, held_since=None).latest("pk")
    problem = Problem("mail_bounced", "", "邮件被退回：%(said)s", {"said": "5.1.1 smtp; 550 no such user"})
    now = timezone.now()
    values = {"sent_at": now, "failed_at": now, "bounced_at": now, "trouble": problem.as_record()}
    Notification.objects.filter(pk=row.pk).update(sent_to=row.user.email, **values)


def _pool_places() -> dict[str, Any]:
    """The calls, the admissions of the one that runs by their state, and the expert who must confirm."""
    listed, running = Call.objects.order_by("opens_on")
    due = Expert.objects.order_by("due_on").select_related("user")[0]
    employment = Employment.objects.exclude(credit_code="").select_related("expert__user").latest("pk")
    return {
        "call_listed": listed.number,
        "call_running": running.number,
        **{f"admission_{row.state}": row.pk for row in running.admissions.all()},
        "due_expert": due.user.username,
        "due_expert_number": due.number,
        "due_expert_pk": due.pk,
        "declarer": employment.expert.user.username,
        "declarer_employment": employment.pk,
        "pool_import": PoolImport.objects.get(state="waiting").pk,
        **dict(zip(("first_who", "first_token"), _first_password(), strict=True)),
        "pin": Recusal.objects.get(reason="pinned").pk,
        "intake_account": User.objects.get(username="intake").pk,
        "organiser_duty": Officer.objects.get(user__username="organiser").pk,
    }


def _first_password() -> list[str]:
    """The two parts of the link to set a first password."""
    return first_password.link_of(User.objects.get(username=FIRST_TIME)).strip("/").split("/")[-2:]


def _secret() -> str:
    """The secret of the invitation to somebody without an account, as the e-mail tells it that nobody has sent."""
    body = Notification.objects.get(address=scenes.INVITED).body
    return body.partition("/invitations/")[2].partition("/")[0]


def _places_of(name: str, application: Application) -> dict[str, Any]:
    """Case, community, unit and people of one live case."""
    project = application.project
    people_of = {
        f"{name}_applicant": people.applicant_of(project).username,
        f"{name}_district": people.district_officer_of(project).username,
    }
    panel = people.panel_of(application, "invited", "accepted", "signed")
    # Who was drawn is chance, and a field may have two items: the ordinary member with the most to mark is named last.
    for row in sorted(panel, key=lambda row: (not row.is_leader, len(marking.own_items(row)))):
        for part in [row.state, *(["leader"] if row.is_leader else [])]:
            people_of |= {f"{name}_{part}": row.expert.user.username, f"{name}_{part}_seat": row.pk}
    return {
        name: application.pk,
        f"{name}_project": project.pk,
        f"{name}_community": project.community_id,
        f"{name}_unit": project.organisation_id,
        **people_of,
    }


# --- what the journey asks ----------------------------------------------------------------------------------------


def application_of(number: str, stage: str) -> Application:
    """The application of a project for a stage, as it is now."""
    return Application.objects.with_case().get(project__number=number, stage=stage)


def case(number: str, stage: str) -> dict[str, Any]:
    """Where an application stands and who its people are."""
    application = application_of(number, stage)
    certificate = Certificate.objects.filter(application=application).first()
    return {
        "pk": application.pk,
        "project": application.project_id,
        "state": application.state,
        "district": people.district_officer_of(application.project).username,
        "certificate": certificate.number if certificate else "",
        "nodes": [name for _, name in application.project.programme.guidance_nodes],
        "panel": [
            {
                "username": row.expert.user.username,
                "name": row.expert.user.name,
                "seat": row.pk,
                "leader": row.is_leader,
                "state": row.state,
            }  # fmt: skip
            for row in people.panel_of(application, "invited", "accepted", "signed")
        ],
    }


def plan(number: str, stage: str) -> dict[str, Any]:
    """What an applicant could hand in to reach the target: documents, marks in the words of their buttons, proofs."""
    application = application_of(number, stage)
    standard = application.standard
    claimed = marks.self_marks(standard, stage, application.project.target_level, journey.random_of(application))
    kinds = standard.enums["evidence"]
    return {
        "documents": [[row.code, row.name, list(row.forms)] for row in standard.stage(stage).documents],
        "claims": [_claim(standard.item(code), value) for code, value in claimed.items()],
        "proofs": [[kind, kinds[kind], codes] for kind, codes in cases.proofs(standard, stage, claimed).items()],
    }


def _claim(item: Item, value: Any) -> dict[str, Any]:
    """One mark as it is given on a page: by the words of a button, or as a typed number."""
    text = wording.mark_text(value)
    words = next(
        (f"{one.label} · {one.when}" if one.when else one.label for one in wording.choices(item) if one.value == text),
        "",
    )
    note = f"示例：{item.not_applicable}。" if value == "na" else ""
    return {"code": item.code, "value": text, "words": words, "note": note}


def sheet(seat: int) -> dict[str, Any]:
    """Marks that an expert could give: item -> mark and reason, for every item that this expert must mark.

    As the applicant claims, so that the panel, whoever was drawn, comes to the level that is expected.
    """
    assignment = Assignment.objects.select_related("application__project__standard").get(pk=seat)
    application, required = assignment.application, marking.own_items(assignment)
    claimed = dict(application.claims.values_list("item_code", "value"))
    items = [item for item in application.standard.items(application.stage) if item.code in required]
    return {
        item.code: _claim(item, claimed[item.code]) | {"reason": marks.reason(item, claimed[item.code])}
        for item in items
    }


def the_others_accept(number: str, stage: str) -> None:
    """Every expert who is still asked accepts, without a browser."""
    journey.accept_invitations(application_of(number, stage))


def the_others_mark_and_sign(number: str, stage: str, spared: list[str]) -> None:
    """Every expert marks what is not marked yet, all but the spared ones sign; one finds nothing where others do."""
    panel = people.panel_of(application_of(number, stage), "accepted")
    dissenter, disputed = _dissent([row for row in panel if not row.is_leader])
    for assignment in panel:
        by, standing = assignment.expert.user, set(assignment.marks.values_list("item_code", flat=True))
        for code, mark in sheet(assignment.pk).items():
            if code not in standing:
                value, reason = wording.mark_value(mark["value"]), mark["reason"]
                marking.save_mark(by, assignment, code, value=value, reason=reason)
        if assignment == dissenter:
            marking.save_mark(by, assignment, disputed, value=0, reason="示例：未见所述内容。")
        if by.username not in spared:
            ASSIGNMENT.perform(assignment, "sign", by=by, **journey.signature(by))


def the_others_endorse(number: str, stage: str) -> None:
    """Every member who has not signed the opinion does, without a browser."""
    journey.endorse_opinion(application_of(number, stage))


def _dissent(members: list[Assignment]) -> tuple[Assignment, str]:
    """Who finds nothing, and where: an item of the member's own that no level hangs on and that was claimed in full.

    Whoever was drawn: the first such item in the order of the standard, and of those who mark it the first seat.
    """
    application = members[0].application
    claimed = dict(application.claims.values_list("item_code", "value"))
    own = [(row, marking.own_items(row)) for row in members]
    return next(
        (row, item.code)
        for item in application.standard.items(application.stage)
        if item.kind == "scored" and item.from_level is None and claimed[item.code] == item.points
        for row, codes in own
        if item.code in codes
    )


def fill_in(number: str, stage: str) -> None:
    """Everything of an application filled in, without a browser."""
    application = application_of(number, stage)
    cases.fill(application, journey.random_of(application))


def three_weeks_pass(number: str, stage: str) -> None:
    """The one place where the tests move a clock: the open notice began and ended before today."""
    journey.move_notice_into_the_past(application_of(number, stage))


def sweep_at_once(number: str, stage: str) -> str:
    """What the clock's next beat does, done here and now, so that nobody waits for it; the state that comes of it."""
    tasks.enforce_deadlines(APPLICATION)
    return str(application_of(number, stage).state)


# --- what filing again asks -------------------------------------------------------------------------------------------


def new_case(state: str, stage: str) -> dict[str, Any]:
    """One more case at a state, for a test of its own."""
    application = world.one_more(state, stage)
    return {
        "pk": application.pk,
        "applicant": people.applicant_of(application.project).username,
        "points": filing.open_findings(application).count(),
    }


def let_a_soft_rule_fail(pk: int) -> None:
    """The automatic check of a case found a scored item unproved, as a case of the demo world never has."""
    sealed = snapshot.latest(Application.objects.get(pk=pk))
    problem = Problem("unproved", "4.2.1", "条目%(code)s没有合适的佐证。", {"code": "4.2.1"}).as_record()
    rows = [{**row, "problems": [problem] if row["rule"] == "won_items_are_proved" else []} for row in sealed.checks]
    Submission.objects.filter(pk=sealed.pk).update(checks=rows)


def mend(pk: int) -> None:
    """The applicant answers every point, hands the correction in, and the worker looks at it."""
    application = Application.objects.with_case().get(pk=pk)
    journey.resubmit(application)
    journey.work(journey.fresh(application))


def another_mark(pk: int) -> dict[str, str]:
    """An item whose carried proof counts, and a lower mark of it that still wins, in the words of its button."""
    application = Application.objects.with_case().get(pk=pk)
    data = snapshot.build(application)
    for item in application.standard.items(application.stage):
        claimed = data["claims"].get(item.code, {}).get("value")
        lower = [
            one for one in legal_marks(item).choices if claimed not in (None, "na", True, False) and 0 < one < claimed
        ]
        proofs = snapshot.evidence_of(data, item.code)
        if lower and any(row["evidence_kind"] in item.evidence[application.stage] for row in proofs):
            return {"code": item.code, "words": _claim(item, marks.plain(lower[-1]))["words"]}
    raise AssertionError("no such item in the sample standard")


# --- what the scoring room asks ---------------------------------------------------------------------------------------


def new_panel(stage: str) -> list[dict[str, Any]]:
    """One more case whose panel has just begun to mark: its seats, the leader first, then by how many items are theirs."""
    with tasks.silence(), transaction.atomic():
        return _seats(_own_case("review", stage, 0))


def _own_case(state: str, stage: str, place: int) -> Application:
    """A case in a district where nobody else files: the draw follows from the project's number, so the panel is the same
    whatever tests ran before. ``world.one_more`` uses the first twelve districts.
    """
    unit = Organisation.objects.get(memberships__user__username=world.UNITS[0][0])
    district = District.objects.filter(valid_until=None).order_by("pk")[OWN_DISTRICTS + place]
    return journey.case_at(state, unit=unit, district=district, number=OWN_NUMBERS + place, stage=stage)


def _seats(application: Application) -> list[dict[str, Any]]:
    rows = [(row, len(marking.own_items(row))) for row in people.panel_of(application, "accepted")]
    return [
        {"seat": row.pk, "username": row.expert.user.username, "items": count}
        for row, count in sorted(rows, key=lambda pair: (not pair[0].is_leader, -pair[1]))
    ]


def new_panel_with_a_film() -> list[dict[str, Any]]:
    """A panel as ``new_panel`` for a design of which one item is proved by a film first; every seat names that item."""
    upload = ContentFile(_film_with_a_long_head(), name="平台演示.mp4")
    with tasks.silence(), transaction.atomic():
        application = _own_case("draft", "design", 1)
        item = next(one for one in application.standard.items("design") if "note" in one.evidence["design"])
        by = people.applicant_of(application.project)
        add_evidence(by, application, "note", upload, [item.code], "平台演示录屏")
        application = journey.to_state(application, "review")
        return [seat | {"film_item": item.code} for seat in _seats(application)]


def _film_with_a_long_head() -> bytes:
    """A film whose pictures lie so far behind its head that a browser asks for them by themselves."""
    film = samples.sample_mp4("平台演示", seconds=FILM_SECONDS)
    at, place = film.index(b"mdat") - 4, film.index(b"stco") + len(b"stco") + 8
    offset = int.from_bytes(film[place : place + 4], "big") + FILM_GAP
    gap = FILM_GAP.to_bytes(4, "big") + b"free" + bytes(FILM_GAP - 8)
    return film[:place] + offset.to_bytes(4, "big") + film[place + 4 : at] + gap + film[at:]


def new_guided_case() -> dict[str, Any]:
    """A case of its own whose design is certified, and who guides, builds and decides."""
    with tasks.silence(), transaction.atomic():
        application = journey.to_state(_own_case("draft", "design", 3), "certified")
        project = application.project
        return {
            "project": project.pk,
            "number": project.number,
            "nodes": [name for _, name in project.programme.guidance_nodes],
            "applicant": people.applicant_of(project).username,
            "district": people.district_officer_of(project).username,
        }


def judge_the_design_anew(number: str) -> list[str]:
    """Bring the open application for the design to its certificate; the states of both certificates, the older first."""
    with tasks.silence(), transaction.atomic():
        again = Application.objects.with_case().get(project__number=number, stage="design", state="draft")
        journey.to_state(again, "certified")
    rows = Certificate.objects.filter(application__project__number=number).order_by("pk")
    return list(rows.values_list("state", flat=True))


def items_of(seat: int) -> list[str]:
    """Codes of the items that an expert must mark."""
    return sorted(marking.own_items(Assignment.objects.get(pk=seat)))


def item_with_pages(seat: int) -> str:
    """An item that an expert must mark whose first proof is a PDF with a page after the one that proves it."""
    assignment = Assignment.objects.get(pk=seat)
    data = snapshot.build(assignment.application)
    for code in sorted(marking.own_items(assignment)):
        proofs = snapshot.evidence_of(data, code)
        if proofs and proofs[0]["kind"] == "pdf" and (proofs[0]["page"] or 1) < proofs[0]["pages"]:
            return code
    raise AssertionError("no proof with pages in the invented papers")


def marks_of(seat: int) -> dict[str, dict[str, Any]]:
    """What an expert has marked, as it is kept: item -> reason, and how often it was saved."""
    rows = Assignment.objects.get(pk=seat).marks.all()
    return {row.item_code: {"reason": row.reason, "revision": row.revision} for row in rows if row.value is not None}


def new_site_visit() -> dict[str, Any]:
    """One more case whose panel is on site: its experts, the leader first, and who applies."""
    with tasks.silence(), transaction.atomic():
        application = _own_case("site_visit", "completion", 2)
        return site_people(application.pk)


def site_people(pk: int) -> dict[str, Any]:
    """Who takes part in the site visit of an application."""
    application = Application.objects.with_case().get(pk=pk)
    rows = sorted(people.panel_of(application, "accepted"), key=lambda row: (not row.is_leader, row.seat))
    users = [row.expert.user for row in rows]
    return {
        "pk": pk,
        "experts": [user.username for user in users],
        "names": [user.name for user in users],
        "applicant": people.applicant_of(application.project).username,
    }


def site_of(pk: int) -> dict[str, Any]:
    """What the portal has of a site visit: [line, seen, text], photos, [side, name, whether it holds], in their order."""
    visit = SiteVisit.objects.get(application=pk)
    photos = visit.photos.order_by("pk").values("latitude", "longitude", "accuracy", "sent_sha256")
    return {
        "findings": [[row.line, row.seen, row.text] for row in visit.findings.all()],
        "photos": list(photos),
        "signatures": [[row.side, row.name, row.voided_at is None] for row in visit.signatures.all()],
    }
