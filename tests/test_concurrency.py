"""Two at once, on a real database with real transactions: one wins, the other is told, nothing is lost or done twice."""

from __future__ import annotations

from threading import Event as Signal

import pytest
from django.db import transaction

from communities import changes
from communities.models import Officer, Organisation, Parameter
from communities.workflow import ORGANISATION_CHANGE
from evaluation import carrying, conflicts, drawing, engaging, filing, findings, issuing, marking, substituting
from evaluation.configuration import SAMPLES, import_standard
from evaluation.models import Certificate, Engagement, OfficerConflict, Result, Standard, Vacancy
from evaluation.workflow import APPLICATION, ASSIGNMENT, OBJECTION
from experts import declaring, facts
from experts import draw as lots
from experts.models import Expert
from portal import tasks
from portal.demo import cases, journey, names, papers, people
from portal.machine import Stale
from portal.models import Event, Notification, Sequence
from portal.problems import Refused
from tests.at_once import at_once
from tests.saved import shared_way
from tests.test_journey import object_to

PAUSE = 1  # seconds that one of two waits for the other where only one of them can go on
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


way, world = shared_way()


@pytest.fixture
def at_state(world, way):
    """The first and only case of that world, at a state."""
    return way.at_state


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def waits_after(monkeypatch, module, name, done, other):
    """Let a function of ours tell that it is done, and then wait until the other has gone on or cannot."""
    function = getattr(module, name)

    def slow(*arguments):
        found = function(*arguments)
        done.set()
        other.wait(PAUSE)
        return found

    monkeypatch.setattr(module, name, slow)


def verbs(application, verb):
    return Event.objects.in_thread(application.thread).filter(verb=verb).count()


def officer(duty, number):
    user = people.user(f"{duty}-{number}", f"示例{number}")
    user.save()
    Officer.objects.create(user=user, duty=duty, since=people.first_day())
    return user


def test_of_two_officers_who_decide_at_once_one_wins_and_the_other_is_told(world, at_state):
    application = at_state("form_check")
    one, other = (journey.fresh(application) for _ in range(2))
    second = officer("intake", 2)
    outcomes = at_once(
        lambda: APPLICATION.perform(one, "accept", by=world.intake),
        lambda: APPLICATION.perform(other, "refuse", by=second, reason="示例"),
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    event = next(outcome for outcome in outcomes if isinstance(outcome, Event))
    stale = next(outcome for outcome in outcomes if isinstance(outcome, Stale))
    assert stale.last == event
    assert journey.fresh(application).state == event.data["to"]
    assert verbs(application, "application.accept") + verbs(application, "application.refuse") == 1


def test_a_notice_that_two_officers_send_at_once_is_sent_once_and_the_second_is_told_by_whom(world, at_state):
    application = at_state("form_check")
    findings.add_finding(world.intake, application, "document", "D04", "示例：缺签章")
    second = officer("intake", 2)
    sending = [(journey.fresh(application), by) for by in (world.intake, second)]
    outcomes = at_once(
        *(lambda row=row, by=by: APPLICATION.perform(row, "request_correction", by=by) for row, by in sending)
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    stale = next(outcome for outcome in outcomes if isinstance(outcome, Stale))
    assert stale.last.actor in (world.intake, second)
    assert stale.last == next(outcome for outcome in outcomes if isinstance(outcome, Event))
    assert application.issued_notices.count() == verbs(application, "application.request_correction") == 1


def test_a_notices_file_made_by_two_at_once_is_one_file(world, at_state):
    application = at_state("form_check")
    APPLICATION.perform(application, "accept", by=world.intake)
    outcomes = at_once(*(lambda: issuing.made(issuing.notices().get(application=application)) for _ in range(2)))
    assert len({(row.file.name, row.sha256, row.size) for row in outcomes}) == 1


def test_of_two_who_agree_to_a_release_at_once_one_does_and_the_other_is_told(world, at_state):
    application = at_state("form_check")
    row = conflicts.declare(world.intake, world.intake, "示例", project=application.project)
    conflicts.ask_release(world.supervisor, row, "示例")
    agreeing = (world.approver, officer("approver", 2))
    outcomes = at_once(
        *(lambda by=by: conflicts.agree_release(by, OfficerConflict.objects.get(pk=row.pk)) for by in agreeing)
    )
    assert kinds(outcomes) == ["NoneType", "Refused"]
    refused = next(outcome for outcome in outcomes if isinstance(outcome, Refused))
    row.refresh_from_db()
    assert str(row.released_by) in refused.problems[0].text()


def test_the_last_two_signatures_at_once_start_one_tally(at_state):
    application = at_state("review")
    *early, one, other = people.panel_of(application, "accepted")
    for assignment in (*early, one, other):
        journey.mark_sheet(assignment)
    for assignment in early:
        ASSIGNMENT.perform(assignment, "sign", by=assignment.expert.user, **journey.signature(assignment.expert.user))
    outcomes = at_once(
        lambda: ASSIGNMENT.perform(one, "sign", by=one.expert.user, **journey.signature(one.expert.user)),
        lambda: ASSIGNMENT.perform(other, "sign", by=other.expert.user, **journey.signature(other.expert.user)),
    )
    assert kinds(outcomes) == ["Event", "Event"]
    assert verbs(application, "application.complete_sheets") == 1
    assert journey.fresh(application).state == "tallying"


def test_a_design_taken_over_twice_at_once_is_taken_over_once(world, at_state):
    design = at_state("certified")
    draft = filing.open_application(world.applicant, design.project, "completion")
    one, other = (journey.fresh(draft) for _ in range(2))
    outcomes = at_once(lambda: carrying.carry(world.applicant, one), lambda: carrying.carry(world.applicant, other))
    first, second = sorted(outcomes, key=lambda done: done.claims)
    assert (first, second.claims, second.proofs) == (
        carrying.Carried(0, 0), draft.claims.count(), draft.evidence.count()
    )  # fmt: skip
    assert (second.claims > 0, verbs(draft, "application.carry")) == (True, 1)


def test_five_who_accept_at_once_make_one_panel(at_state):
    application = at_state("inviting")
    acts = [
        lambda row=row: ASSIGNMENT.perform(row, "accept", by=row.expert.user, no_conflict=True)
        for row in people.panel_of(application, "invited")
    ]
    assert kinds(at_once(*acts)) == ["Event"] * 5
    assert verbs(application, "application.convene") == 1
    assert journey.fresh(application).state == "review"


def test_two_who_decline_at_once_bring_two_substitutes(at_state):
    application = at_state("inviting")
    acts = [
        lambda row=row: ASSIGNMENT.perform(row, "decline", by=row.expert.user, reason="示例")
        for row in people.panel_of(application, "invited")[:2]
    ]
    assert kinds(at_once(*acts)) == ["Event", "Event"]
    assert len(application.draws.get().declines) == 2
    vacant = Vacancy.objects.filter(state="waiting").values_list("pk", flat=True)
    at_once(*[lambda pk=pk: tasks.advance("vacancy", pk) for pk in (*vacant, *vacant)])  # each rung twice
    journey.fill_seats(application)  # what a worker that met the other one left to the sweep
    assert len(people.panel_of(application, "invited")) == 5
    assert Vacancy.objects.filter(state="filled").values("successor").distinct().count() == 2
    assert lots.verify(application.draws.get().receipt) == []


@pytest.mark.parametrize("fact", ["pin", "declare"])
def test_a_fact_about_an_expert_who_declines_at_that_moment_waits_for_the_case_and_never_in_a_circle(
    world, at_state, monkeypatch, fact
):
    """The decline has taken the case and then pauses the expert; whatever took the expert first would meet it there."""
    application = at_state("inviting")
    Parameter.objects.filter(pk="refusals_a_year").update(value=1)
    seat = people.panel_of(application, "invited")[0]
    expert, code = Expert.objects.select_related("user").get(pk=seat.expert_id), world.unit.credit_code
    taken, other = Signal(), Signal()
    waits_after(monkeypatch, substituting, "give_up", taken, other)

    def tell():
        taken.wait()
        try:
            if fact == "pin":
                return facts.pin(world.pool_keeper, expert, code, facts.CONFLICT, "示例")
            return declaring.declare(expert.user, expert, {"party": code, "reason": "kinship", "note": "示例"})
        finally:
            other.set()

    declined, told = at_once(lambda: ASSIGNMENT.perform(seat, "decline", by=seat.expert.user), tell)
    # Whoever looked at the expert before the pause is told that somebody else was faster.
    assert kinds([declined, told]) == ["Event", "Stale"]
    assert Expert.objects.get(pk=expert.pk).state == "paused"
    tell_again = Expert.objects.select_related("user").get(pk=expert.pk)
    assert facts.pin(world.pool_keeper, tell_again, code, facts.CONFLICT, "示例").party_code == code


def test_a_mark_saved_while_the_review_closes_is_in_the_signed_sheet_or_refused(at_state):
    application = at_state("review")
    *early, last = people.panel_of(application, "accepted")
    for assignment in (*early, last):
        journey.mark_sheet(assignment)
    for assignment in early:
        ASSIGNMENT.perform(assignment, "sign", by=assignment.expert.user, **journey.signature(assignment.expert.user))
    code = sorted(marking.own_items(last))[0]
    same = type(last).objects.select_related("expert__user", "application__project").get(pk=last.pk)
    outcomes = at_once(
        lambda: ASSIGNMENT.perform(last, "sign", by=last.expert.user, **journey.signature(last.expert.user)),
        *[
            lambda text=text: marking.save_mark(same.expert.user, same, code, reason=text)
            for text in ("甲", "乙", "丙")
        ],
    )
    assert isinstance(outcomes[0], Event)
    assert {type(outcome).__name__ for outcome in outcomes[1:]} <= {"Mark", "Stale"}
    journey.work(application)
    application = journey.fresh(application)
    assert (application.state, application.fault) == ("deliberation", "")
    sheet = next(sheet for sheet in application.results.get().sheets if sheet["scorer"] == last.expert.number)
    assert sheet["reasons"].get(code, "") == last.marks.get(item_code=code).reason


def test_a_claim_saved_while_the_application_is_submitted_is_sealed_or_refused(at_state):
    application = at_state("correction")
    by = people.applicant_of(application.project)
    cases.mend(application)
    code = next(
        place for kind, place in filing.open_findings(application).values_list("kind", "place") if kind == "item"
    )
    value = application.claims.get(item_code=code).value
    same = journey.fresh(application)
    outcomes = at_once(
        lambda: APPLICATION.perform(application, "resubmit", by=by),
        lambda: filing.save_claim(by, same, code, value, "最后一刻"),
    )
    assert isinstance(outcomes[0], Event)
    sealed = application.submissions.get(version=2).data["claims"][code]["note"]
    assert sealed == application.claims.get(item_code=code).note
    assert (sealed == "最后一刻") is not isinstance(outcomes[1], Exception)


def test_numbers_are_unique_and_without_gaps_when_eight_apply_at_once(world):
    units = [world.unit, world.other_unit]
    acts = [
        lambda unit=units[number % 2], number=number: cases.open_project(unit, number, world.district, 2)
        for number in range(1, 9)
    ]
    found = sorted(project.number[-4:] for project in at_once(*acts))
    assert found == [f"{number:04d}" for number in range(1, 9)]


def test_two_applications_for_one_stage_opened_at_once_are_one(world):
    project = cases.open_project(world.unit, 1, world.district, 2)
    outcomes = at_once(*[lambda: filing.open_application(world.applicant, project, "design")] * 2)
    assert kinds(outcomes) == ["Application", "Refused"]
    assert project.applications.count() == 1


def test_an_automatic_step_rung_eight_times_at_once_is_done_once(at_state):
    application = at_state("certifying")
    assert at_once(*[lambda: tasks.advance("application", application.pk)] * 8) == [None] * 8
    assert journey.fresh(application).state == "certified"
    assert (Certificate.objects.count(), verbs(application, "application.certify")) == (1, 1)
    told = Notification.objects.filter(key__startswith=f"event:{Event.objects.get(verb='application.certify').pk}:")
    assert told.count() == 1


def test_four_certificates_issued_at_once_have_four_numbers(world, at_state):
    applications = [at_state("certifying"), *(world.case_at("certifying") for _ in range(3))]
    at_once(*[lambda pk=one.pk: tasks.advance("application", pk) for one in applications])
    assert sorted(number[-5:] for number in Certificate.objects.values_list("number", flat=True)) == [
        "00001", "00002", "00003", "00004",
    ]  # fmt: skip


def test_a_sheet_tallied_twice_at_once_is_one_result(at_state):
    application = at_state("tallying")
    outcomes = at_once(*[lambda: marking.compute(journey.fresh(application))] * 4)
    assert len({outcome.pk for outcome in outcomes}) == Result.objects.count() == 1


@pytest.mark.parametrize(
    "name,expected,problems",
    [("智慧小区", ["Standard", "Standard"], []), ("另一份", ["Refused", "Standard"], ["version_taken"])],
)
def test_one_version_of_a_standard_imported_twice_at_once_is_one_row(world, name, expected, problems):
    """The same text is the same row for both; another text under the same number is refused with its reason."""
    text = (SAMPLES / "smart-community.yaml").read_text(encoding="utf-8").replace('version: "1.0"', 'version: "1.1"', 1)
    texts = [text, text.replace("name: 智慧小区", f"name: {name}", 1)]
    acts = [lambda each=each: import_standard(each.encode(), "x.yaml", by=world.organiser) for each in texts]
    outcomes = at_once(*acts)
    assert kinds(outcomes) == expected
    kept = Standard.objects.get(version="1.1")
    assert Event.objects.of(kept).filter(verb="standard.import").count() == 1
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [problem.code for refusal in refusals for problem in refusal.problems] == problems


def test_an_objection_made_while_the_notice_ends_holds_it_or_comes_too_late(at_state):
    application = at_state("notice")
    same = journey.fresh(application)

    def end():
        journey.move_notice_into_the_past(same)
        return tasks.enforce_deadlines(APPLICATION)

    outcome, moved = at_once(lambda: object_to(application), end)
    state = journey.fresh(application).state
    assert (state, isinstance(outcome, Refused)) == ("certifying", True) or (state, moved) == ("notice", 0)


def test_an_objection_decided_twice_at_once_is_decided_once(world, at_state):
    application = at_state("notice")
    objection = object_to(application)
    OBJECTION.perform(objection, "accept", by=world.intake)
    one, other = (type(objection).objects.get(pk=objection.pk) for _ in range(2))
    outcomes = at_once(
        lambda: OBJECTION.perform(one, "uphold", by=world.supervisor, reply="成立"),
        lambda: OBJECTION.perform(other, "reject", by=world.approver, reply="不成立"),
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    objection.refresh_from_db()
    assert journey.fresh(application).state == ("drawing" if objection.state == "upheld" else "notice")


def test_a_sequence_hands_out_every_number_once():
    def take():
        with transaction.atomic():
            return Sequence.take("示例")

    assert sorted(at_once(*[take] * 8)) == list(range(1, 9))


def offered_by(world, application):
    """The applicant asks the consulting unit of the world."""
    return engaging.offer(world.applicant, application.project, world.consulting.credit_code, "示例")


def test_of_two_offers_to_one_unit_at_once_one_is_kept(world, at_state):
    application = at_state("draft")
    outcomes = at_once(lambda: offered_by(world, application), lambda: offered_by(world, application))
    assert kinds(outcomes) == ["Engagement", "Refused"]
    assert application.project.engagements.count() == 1


def test_an_offer_accepted_and_taken_back_at_once_is_one_of_the_two(world, at_state):
    application = at_state("draft")
    offer = offered_by(world, application)
    one, other = (Engagement.objects.get(pk=offer.pk) for _ in range(2))
    outcomes = at_once(
        lambda: engaging.accept(world.consultant, one), lambda: engaging.end_engagement(world.applicant, other)
    )
    assert kinds(outcomes) == ["NoneType", "Stale"]
    offer.refresh_from_db()
    assert offer.standing == ("accepted" if outcomes[0] is None else "withdrawn")


NEW_CODE = names.code("500101", "D", 77)


def change_of(world):
    """The applicant's unit has asked for another credit code, that of an expert's employer."""
    unit = Organisation.objects.get(pk=world.unit.pk)
    Expert.objects.filter(number="ZJ-0002").update(employer_code=NEW_CODE)
    values = {name: getattr(unit, name) for name in ("name", "kind", "district", "address")}
    values |= {"credit_code": NEW_CODE, "undertaking": True}
    return changes.propose_change(world.applicant, unit, values, papers.pdf("营业执照", f"{unit} {NEW_CODE}"))


def excludes(draw):
    """Why the expert of the new employer is kept off, as the draw was frozen."""
    return next(one.excluded for one in drawing.standings(draw.application, draw) if one.number == "ZJ-0002")


@pytest.mark.parametrize("late", ["propose", "approve", "neither"])
def test_a_draw_frozen_while_a_party_becomes_another_knows_who_it_is_now(world, at_state, monkeypatch, late):
    """Either the pool is frozen with the code that stands, or what was frozen with the old one is given up.

    late: which of the two stops at its worst moment, everything read and nothing kept, until the other has had time.
    """
    application = at_state("drawing")
    fresh, change = journey.fresh(application), change_of(world)
    read, changed = Signal(), Signal()
    if late == "propose":
        waits_after(monkeypatch, drawing, "candidates", read, changed)
    elif late == "approve":
        waits_after(monkeypatch, changes, "apply", changed, read)

    def propose():
        if late == "approve":
            changed.wait(PAUSE)
        try:
            return APPLICATION.perform(fresh, "propose_draw", by=world.organiser)
        finally:
            read.set()

    def approve():
        if late == "propose":
            read.wait(PAUSE)
        try:
            return ORGANISATION_CHANGE.perform(change, "approve", by=world.intake)
        finally:
            changed.set()

    outcomes = at_once(propose, approve)
    assert kinds(outcomes) == ["Event", "Event"]
    found = {draw.application.state: excludes(draw) for draw in application.draws.select_related("application")}
    assert found == {"cosigning": {"cosigning": "employed_by_party"}, "drawing": {}}[journey.fresh(application).state]


def test_a_seat_accepted_while_a_party_becomes_another_is_given_up_or_never_taken(world, at_state):
    application = at_state("inviting")
    change = change_of(world)
    seat = people.panel_of(application, "invited")[0]
    Expert.objects.filter(pk=seat.expert_id).update(employer_code=NEW_CODE)
    accepted, approved = at_once(
        lambda: ASSIGNMENT.perform(seat, "accept", by=seat.expert.user, no_conflict=True),
        lambda: ORGANISATION_CHANGE.perform(change, "approve", by=world.intake),
    )
    assert isinstance(approved, Event)
    assert isinstance(accepted, Event | Stale | Refused)
    seat.refresh_from_db()
    assert seat.state == "recused"


def test_a_draw_proposed_while_a_consultant_is_engaged_draws_nobody_of_theirs(world, at_state):
    """Either the pool is frozen with the new party in mind, or what was frozen without it is given up."""
    application = at_state("drawing")
    Expert.objects.filter(number="ZJ-0002").update(employer_code=world.consulting.credit_code)
    fresh, offer = journey.fresh(application), offered_by(world, application)
    outcomes = at_once(
        lambda: engaging.accept(world.consultant, offer),
        lambda: APPLICATION.perform(fresh, "propose_draw", by=world.organiser),
    )
    assert kinds(outcomes) == ["Event", "NoneType"]
    known = ["same_consulting_unit" in str(draw.frozen) for draw in application.draws.all()]
    assert known == {"cosigning": [True], "drawing": []}[journey.fresh(application).state]


def test_two_secrets_revealed_at_once_hold_one_draw(world, at_state):
    application = at_state("drawing")
    parties = {"organiser": world.organiser, "supervisor": world.supervisor}
    secrets = {name: journey.hidden(application, name) for name in parties}
    for action, name in (("propose_draw", "organiser"), ("cosign_draw", "supervisor")):
        told = {"secret_hash": lots.secret_hash(secrets[name])}
        APPLICATION.perform(journey.fresh(application), action, by=parties[name], **told)
    one, other = journey.fresh(application), journey.fresh(application)
    outcomes = at_once(
        lambda: APPLICATION.perform(one, "reveal_secret", by=world.organiser, secret=secrets["organiser"]),
        lambda: APPLICATION.perform(other, "reveal_secret", by=world.supervisor, secret=secrets["supervisor"]),
    )
    assert kinds(outcomes) == ["Event", "Event"]
    assert journey.fresh(application).state == "inviting"
    assert (verbs(application, "application.hold_draw"), application.assignments.count()) == (1, 5)
