"""Who is kept off a panel and why, the start by two persons, substitutes, a pool run dry, and the receipt."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from communities.models import Membership, Officer
from evaluation import drawing, expecting, substituting, work
from evaluation.models import Assignment, Draw, Programme
from evaluation.workflow import APPLICATION, ASSIGNMENT
from experts import draw as lots
from experts.models import Expert, Recusal
from portal import audit, tasks
from portal.demo import journey, names, people
from portal.files import sha256_of
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)
VERIFIER = Path(django_settings.BASE_DIR) / "docs" / "verify_draw.py"


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def pk(world):
    """A case that waits for its draw, with a consultant."""
    return world.case_at("drawing", advised=True).pk


@pytest.fixture
def application(pk):
    return scenes.case(pk)


@pytest.fixture
def expert():
    return Expert.objects.get(number="ZJ-0002")


def reason_for(application, expert):
    """Why this expert cannot be drawn, "" if they can."""
    (found,) = [row.excluded for row in drawing.standings(application, None) if row.number == expert.number]
    return found


def party_of(application, party):
    """The applicant's unit or the one that advises it."""
    project = application.project
    return project.organisation if party == "organisation" else project.consultants[0].organisation


def work_for(expert, user, **values):
    Membership.objects.create(user=expert.user, organisation=user.organisations.get(), role="member", **values)


def change(expert, **values):
    Expert.objects.filter(pk=expert.pk).update(**values)


def recuse(expert, code, reason="kinship", **values):
    Recusal.objects.create(expert=expert, party_code=code, reason=reason, declared_by=expert.user, **values)


class TestWhoIsKeptOff:
    @pytest.mark.parametrize(
        "values,reason",
        [
            ({}, ""),
            ({"state": "paused", "due_on": TODAY}, "paused"),
            ({"state": "paused", "due_on": None}, "paused"),
            ({"state": "paused", "due_on": TODAY - DAY}, ""),
            ({"state": "hearing"}, "paused"),
            ({"state": "removed"}, "term_expired"),
            ({"state": "paused", "term_until": TODAY - DAY}, "term_expired"),
            ({"term_until": TODAY - DAY}, "term_expired"),
            ({"term_until": TODAY}, ""),
            ({"term_from": TODAY + DAY}, "term_expired"),
            ({"employer_code": ""}, "unknown_employer"),
        ],
    )
    def test_by_standing(self, application, expert, values, reason):
        change(expert, **values)
        assert reason_for(application, expert) == reason

    def test_without_a_field(self, application, expert):
        expert.fields.clear()
        assert reason_for(application, expert) == "no_field"

    @pytest.mark.parametrize(
        "party,reason", [("organisation", "employed_by_party"), ("consultant", "same_consulting_unit")]
    )
    def test_employees_of_a_party(self, application, expert, party, reason):
        change(expert, employer_code=party_of(application, party).credit_code)
        assert reason_for(application, expert) == reason

    def test_an_employer_is_matched_by_its_code_and_never_by_its_name(self, application, expert):
        change(expert, employer=application.project.organisation.name)
        assert reason_for(application, expert) == ""

    @pytest.mark.parametrize(
        "until,reason",
        [
            (None, "employed_by_party"),
            (TODAY - 1000 * DAY, "employed_by_party"),
            (TODAY - 1100 * DAY, ""),
        ],
    )
    @pytest.mark.parametrize("party", ["applicant", "consultant"])
    def test_members_of_a_party_within_three_years(self, application, expert, party, until, reason):
        work_for(expert, scenes.person(party), since=TODAY - 2000 * DAY, until=until)
        assert reason_for(application, expert) == reason

    @pytest.mark.parametrize(
        "duty,until,reason",
        [
            *((duty, None, "handles_case") for duty in ("intake", "organiser", "approver", "supervisor")),
            ("intake", TODAY - DAY, ""),
            ("pool_keeper", None, ""),
            ("system_administrator", None, ""),
        ],
    )
    def test_officers_who_may_handle_the_case(self, application, expert, duty, until, reason):
        Officer.objects.create(user=expert.user, duty=duty, since=TODAY - 9 * DAY, until=until)
        assert reason_for(application, expert) == reason

    @pytest.mark.parametrize("own,reason", [(True, "handles_case"), (False, "")])
    def test_district_officers_of_its_district_only(self, application, expert, world, own, reason):
        district = application.project.community.district if own else world.other_district
        Officer.objects.create(user=expert.user, duty="district_officer", district=district, since=TODAY)
        assert reason_for(application, expert) == reason

    @pytest.mark.parametrize("role,reason", [("intake", "handles_case"), ("expert", ""), ("public", "")])
    def test_who_handled_it_before_the_duty_ended(self, application, expert, role, reason):
        audit.record(application, "application.accept", by=expert.user, role=role)
        assert reason_for(application, expert) == reason

    def test_members_of_a_unit_that_is_no_party_can_be_drawn(self, application, expert):
        work_for(expert, scenes.person("other-applicant"), since=TODAY - DAY)
        assert reason_for(application, expert) == ""

    @pytest.mark.parametrize("reason", list(Recusal.Reason.values))
    def test_every_recusal_fact_is_a_reason_of_the_draw(self, application, expert, reason):
        recuse(expert, application.project.organisation.credit_code, reason)
        assert reason_for(application, expert) == reason
        assert reason in lots.EXCLUSIONS

    @pytest.mark.parametrize(
        "until,reason", [(None, "kinship"), (TODAY - 1000 * DAY, "kinship"), (TODAY - 1100 * DAY, "")]
    )
    def test_a_recusal_fact_that_ended_holds_for_three_years(self, application, expert, until, reason):
        recuse(expert, party_of(application, "consultant").credit_code, since=TODAY - 2000 * DAY, until=until)
        assert reason_for(application, expert) == reason

    def test_a_recusal_concerns_its_party_only(self, application, expert):
        recuse(expert, names.code("500101", "X", 1))
        assert reason_for(application, expert) == ""

    def test_who_declared_first_names_the_reason(self, application, expert):
        for reason in ("director_of_party", "kinship"):
            recuse(expert, application.project.organisation.credit_code, reason)
        assert reason_for(application, expert) == "director_of_party"

    @pytest.mark.parametrize("limit,reason", [(1, "load_limit"), (2, "")])
    def test_a_years_load(self, application, expert, world, limit, reason):
        other = world.case_at("drawing")
        draw = a_draw(other)
        for number in (1, 2):  # the same panel marks a revised version again: one panel
            seat(other, draw, expert, "signed", review_round=number)
        seat(application, a_draw(application, review_round=9), expert, "invited", review_round=9)  # not yet a panel
        Programme.objects.update(load_limit=limit)
        assert reason_for(scenes.case(application.pk), expert) == reason

    def test_last_years_load_is_over(self, application, expert, world):
        other = world.case_at("drawing")
        seat(other, a_draw(other), expert, "signed", state_since=timezone.now() - 366 * DAY)
        Programme.objects.update(load_limit=1)
        assert reason_for(scenes.case(application.pk), expert) == ""

    @pytest.mark.parametrize(
        "state,reason",
        [
            ("declined", "already_drawn"), ("recused", "already_drawn"), ("lapsed", "already_drawn"),
            ("signed", "already_drawn"), ("accepted", ""), ("invited", ""),
        ],
    )  # fmt: skip
    def test_an_earlier_draw_of_the_case(self, application, expert, state, reason):
        seat(application, a_draw(application, review_round=9), expert, state, review_round=9)
        assert reason_for(application, expert) == reason

    def test_the_pool_as_it_would_be_frozen_is_the_pool_that_is_frozen(self, application, expert, world):
        change(expert, state="paused")
        before = drawing.standings(application, None)
        draw = drawing.propose(application, world.organiser)
        assert drawing.standings(application, draw) == before
        assert len(before) == Expert.objects.count()

    def test_as_many_questions_are_asked_for_ten_experts_as_for_forty(self, application):
        counts = []
        for number in (40, 10):
            Expert.objects.filter(number__gt=f"ZJ-{number:04d}").delete()
            with CaptureQueriesContext(connection) as captured:
                assert len(drawing.candidates(application)) == number
            counts.append(len(captured))
        assert counts[0] == counts[1]


def a_draw(application, review_round=1):
    return Draw.objects.create(
        application=application, review_round=review_round, frozen={}, commitment="", identities={},
        organiser=people.officer("organiser"),
    )  # fmt: skip


def seat(application, draw, expert, state, **values):
    return Assignment.objects.create(
        application=application, draw=draw, expert=expert, state=state, field="comm", seat=1, **values
    )


class TestTwoPersons:
    def test_the_commitment_is_on_record_before_the_second_secret_exists(self, application, world):
        event = APPLICATION.perform(application, "propose_draw", by=world.organiser)
        draw = application.draws.get()
        assert (draw.supervisor_secret, draw.receipt, draw.drawn_at) == ("", None, None)
        assert event.data["commitment"] == draw.commitment
        assert event.data["organiser_secret_hash"] == lots.secret_hash(draw.organiser_secret)
        assert scenes.case(application.pk).organiser == world.organiser

    def test_nobody_starts_it_alone(self, application, world):
        APPLICATION.perform(application, "propose_draw", by=world.organiser)
        with pytest.raises(NotAllowed):
            APPLICATION.perform(application, "cosign_draw", by=world.organiser)
        Officer.objects.create(user=world.organiser, duty="supervisor", since=TODAY)
        with scenes.refused() as problems:
            APPLICATION.perform(scenes.case(application.pk), "cosign_draw", by=scenes.person("organiser"))
        assert problems == [("same_person", "")]

    def test_a_returned_plan_leaves_its_commitment_in_the_record_and_can_be_proposed_again(self, application, world):
        first = APPLICATION.perform(application, "propose_draw", by=world.organiser).data["commitment"]
        event = APPLICATION.perform(application, "return_draw", by=world.supervisor, reason="专业不全")
        assert (application.state, event.data["commitment"], application.draws.count()) == ("drawing", first, 0)
        second = APPLICATION.perform(application, "propose_draw", by=world.organiser).data["commitment"]
        assert second != first  # a fresh salt

    def test_a_pool_that_seats_no_panel_is_refused_with_what_is_missing_and_nothing_is_kept(self, application, world):
        Expert.objects.exclude(number__in=["ZJ-0001", "ZJ-0002"]).update(state="paused")
        with scenes.refused() as problems:
            APPLICATION.perform(application, "propose_draw", by=world.organiser)
        assert problems
        assert (scenes.case(application.pk).state, Draw.objects.count()) == ("drawing", 0)


@pytest.fixture(scope="module")
def inviting_pk(world):
    return world.case_at("inviting").pk


@pytest.fixture
def inviting(inviting_pk):
    return scenes.case(inviting_pk)


def panel(application):
    """The seats of the last round of the receipt, by expert number."""
    draw = drawing.draw_of(application)
    numbers = {public_id: identity["expert_id"] for public_id, identity in draw.identities.items()}
    return {numbers[row["id"]]: row for row in draw.receipt["rounds"][-1]["seats"]}


def asked(application, *states):
    return {row.expert.number: row for row in people.panel_of(application, *(states or ("invited", "accepted")))}


class TestTheDraw:
    def test_everyone_drawn_is_asked_once_for_the_seat_of_the_receipt(self, inviting):
        seats, rows = panel(inviting), asked(inviting)
        assert set(rows) == set(seats)
        assert {number: (row.field, row.is_leader) for number, row in rows.items()} == {
            number: (row["field"], row["leader"]) for number, row in seats.items()
        }
        assert sorted(row.seat for row in rows.values()) == [1, 2, 3, 4, 5]
        invitations = Notification.objects.filter(user__expert__number__in=rows)
        assert Counter(invitations.values_list("user__expert__number", flat=True)) == Counter(list(rows))

    def test_the_panel_keeps_the_rules_of_the_programme(self, inviting):
        rows = asked(inviting).values()
        programme = inviting.project.programme
        fields = Counter(row.field for row in rows)
        assert all(fields[code] >= number for code, number in programme.panel_seats.items())
        assert len({row.expert.employer_code for row in rows}) == programme.panel_size == 5
        (leader,) = [row for row in rows if row.is_leader]
        assert leader.expert.district_id != inviting.project.community.district_id

    def test_a_substitute_takes_the_seat_that_was_given_up_and_no_other_seat_changes(self, inviting):
        before = asked(inviting)
        gone = next(row for row in before.values() if not row.is_leader)
        ASSIGNMENT.perform(gone, "decline", by=gone.expert.user, reason="出差")
        assert set(asked(inviting)) == set(before) - {gone.expert.number}
        journey.fill_seats(inviting)
        event = Event.objects.of(gone.vacancy).last()
        after = asked(inviting)
        (new,) = set(after) - set(before)
        assert set(before) - set(after) == {gone.expert.number}
        assert (event.verb, event.role, event.data["next"]) == ("vacancy.fill", "system", new)
        assert (after[new].seat, after[new].field) == (gone.seat, gone.field)
        assert set(panel(inviting)) == set(after)
        assert drawing.draw_of(inviting).declines == [gone.expert.number]
        assert Notification.objects.filter(key=f"invitation:{after[new].pk}:{after[new].expert.user_id}").count() == 1

    def test_the_leaders_hat_goes_where_the_draw_puts_it(self, inviting):
        leader = next(row for row in asked(inviting).values() if row.is_leader)
        ASSIGNMENT.perform(leader, "decline", by=leader.expert.user, reason="出差")
        journey.fill_seats(inviting)
        assert {number: row.is_leader for number, row in asked(inviting).items()} == {
            number: row["leader"] for number, row in panel(inviting).items()
        }

    def test_a_recusal_is_remembered_for_every_party_and_never_substituted_back(self, inviting):
        gone = next(iter(asked(inviting).values()))
        ASSIGNMENT.perform(gone, "recuse", by=gone.expert.user, reason="亲属任职")
        facts = Recusal.objects.filter(expert=gone.expert)
        assert {(row.party_code, row.reason, row.note) for row in facts} == {
            (code, "self_declared", "亲属任职") for code in inviting.project.party_codes
        }
        assert drawing.conflicts(inviting, TODAY)[gone.expert_id] == "self_declared"

    def test_who_does_not_answer_in_time_is_replaced_once(self, inviting):
        late = next(iter(asked(inviting).values()))
        Assignment.objects.filter(pk=late.pk).update(due_on=TODAY - DAY)
        assert tasks.enforce_deadlines(ASSIGNMENT) == 1
        assert tasks.enforce_deadlines(ASSIGNMENT) == 0
        journey.fill_seats(inviting)
        assert list(asked(inviting, "lapsed")) == [late.expert.number]
        assert len(asked(inviting)) == 5

    def test_nobody_answers_for_another(self, inviting):
        first, second, *_rest = asked(inviting).values()
        for action in ("accept", "decline", "recuse"):
            with pytest.raises(NotAllowed):
                ASSIGNMENT.perform(first, action, by=second.expert.user, reason="x", no_conflict=True)

    def test_accepting_needs_the_declaration(self, inviting):
        row = next(iter(asked(inviting).values()))
        with scenes.refused() as problems:
            ASSIGNMENT.perform(row, "accept", by=row.expert.user, no_conflict=False)
        assert problems == [("required", "no_conflict")]

    def test_the_last_acceptance_convenes_the_panel(self, inviting):
        rows = list(asked(inviting).values())
        for row in rows:
            assert scenes.case(inviting.pk).state == "inviting"
            ASSIGNMENT.perform(row, "accept", by=row.expert.user, no_conflict=True)
        assert scenes.case(inviting.pk).state == "review"
        seated = next(iter(asked(inviting).values()))
        with pytest.raises(Stale):  # no way back once the panel sits
            ASSIGNMENT.perform(seated, "replace", by=people.officer("organiser"), reason="x")


def decline_until_dry(application):
    """Everyone but one member gives up, each substitute too, until nobody is left; the last one to accept stays."""
    keep, *others = asked(application).values()
    ASSIGNMENT.perform(keep, "accept", by=keep.expert.user, no_conflict=True)
    while not substituting.shortage(application):
        row = next(row for row in asked(application, "invited").values())
        ASSIGNMENT.perform(row, "decline", by=row.expert.user, reason="出差")
        journey.fill_seats(application)
    return keep


class TestAPoolRunDry:
    def test_it_shows_at_the_case_undoes_no_decline_and_a_new_draw_starts_afresh(self, application, world):
        others = Expert.objects.filter(number__gt="ZJ-0014")
        others.update(state="paused")
        inviting = journey.to_state(application, "inviting")
        kept = decline_until_dry(inviting)
        dry = scenes.case(inviting.pk)
        assert (dry.state, dry.fault) == ("inviting", "")
        assert len(asked(dry)) < 5
        declined = set(asked(dry, "declined"))
        assert set(drawing.draw_of(dry).declines) == declined
        told = Notification.objects.filter(key__startswith="dry:", link=reverse("draw", args=[dry.pk]))
        assert {message.user for message in told} == {world.organiser, world.supervisor}
        for problem in (problems := substituting.shortage(dry)):
            assert [problem.text() in message.body for message in told] == [True, True]
        (vacancy,) = substituting.of_round(dry).filter(state="dry")
        assert vacancy.problems == [problem.as_record() for problem in problems]
        assert Event.objects.of(vacancy).last().data["problems"] == vacancy.problems
        assert "由监督员决定重新抽取" in expecting.expectation(dry)
        self.who_runs_the_draw_reads_what_is_lacking(dry, problems)
        left = list(asked(dry, "invited").values())

        with pytest.raises(NotAllowed):
            APPLICATION.perform(dry, "redraw", by=world.organiser, reason="无人递补")
        APPLICATION.perform(dry, "redraw", by=world.supervisor, reason="无人递补")
        again = scenes.case(inviting.pk)
        assert (again.state, again.review_round, substituting.shortage(again)) == ("drawing", 2, [])
        kept_off = {row.number: row.excluded for row in drawing.standings(again, None)}
        assert {number for number, reason in kept_off.items() if reason == "already_drawn"} == declined
        assert kept_off[kept.expert.number] == ""

        self.nobody_of_the_first_draw_is_asked_any_more(left, kept)
        others.update(state="serving")
        second = journey.to_state(scenes.case(inviting.pk), "review")
        assert {row.draw.review_round for row in asked(second).values()} == {2}
        self.the_old_seat_is_nobodys(kept)

    def who_runs_the_draw_reads_what_is_lacking(self, dry, problems):
        page = reverse("draw", args=[dry.pk])
        for who in ("organiser", "supervisor"):
            found = {row.key: row for row in work.waiting_on(scenes.person(who))}[f"application-{dry.pk}"]
            assert (found.sentence, found.link) == ("候选专家已用尽，由监督员启动重新抽取", page)
            client = Client()
            client.force_login(scenes.person(who))
            text = client.get(page).content.decode()
            assert [escape(problem.text()) in text for problem in problems] == [True] * len(problems)
            assert ("无人可递补" in text, "重新抽取" in text) == (True, True)

    def nobody_of_the_first_draw_is_asked_any_more(self, left, kept):
        for row in [*left, kept]:
            assert Assignment.objects.get(pk=row.pk).due_on is None
            assert row.get_absolute_url() not in {waiting.link for waiting in work.waiting_on(row.expert.user)}
        assert tasks.enforce_deadlines(ASSIGNMENT) == 0

    def the_old_seat_is_nobodys(self, kept):
        old = Assignment.objects.select_related("application", "expert__user").get(pk=kept.pk)
        assert ASSIGNMENT.available(old, old.expert.user) == []


class TestTheReceipt:
    def test_it_is_right_for_our_own_verifier_and_for_the_one_that_needs_only_python(self, inviting, tmp_path):
        gone = next(row for row in asked(inviting).values())
        ASSIGNMENT.perform(gone, "decline", by=gone.expert.user, reason="出差")
        journey.fill_seats(inviting)
        receipt = drawing.draw_of(inviting).receipt
        assert lots.verify(receipt) == []
        path = tmp_path / "receipt.json"
        path.write_bytes(lots.canonical_bytes(receipt))
        done = subprocess.run(
            [sys.executable, "-I", str(VERIFIER), str(path)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "核验通过。 RIGHT", "")

    def test_another_panel_does_not_pass_for_it(self, inviting, tmp_path):
        receipt = drawing.draw_of(inviting).receipt
        seats = receipt["rounds"][0]["seats"]
        outsider = next(row["id"] for row in receipt["pool"]["candidates"] if row["id"] not in {s["id"] for s in seats})
        seats[0]["id"] = outsider
        assert lots.verify(receipt) != []
        path = tmp_path / "receipt.json"
        path.write_bytes(lots.canonical_bytes(receipt))
        done = subprocess.run(
            [sys.executable, "-I", str(VERIFIER), str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1

    def test_its_hash_is_on_record(self, inviting):
        event = Event.objects.of(inviting).get(verb="application.hold_draw")
        assert event.data["receipt_sha256"] == sha256_of(lots.canonical_bytes(drawing.draw_of(inviting).receipt))

    def test_no_expert_and_no_employer_can_be_read_from_it(self, inviting):
        draw = drawing.draw_of(inviting)
        text = json.dumps(draw.receipt, ensure_ascii=False)
        hidden = [*Expert.objects.values_list("number", "user__name", "employer", "employer_code")]
        hidden += [(row["salt"], row["employer_salt"]) for row in draw.identities.values()]
        assert [value for row in hidden for value in row if value and value in text] == []

    def test_no_secret_is_told_by_any_event_or_message_of_the_case(self, inviting):
        draw = drawing.draw_of(inviting)
        told = json.dumps([*Event.objects.values_list("data", flat=True)], ensure_ascii=False)
        told += " ".join(Notification.objects.values_list("body", flat=True))
        assert draw.organiser_secret not in told
        assert draw.supervisor_secret not in told
        assert len({draw.organiser_secret, draw.supervisor_secret}) == 2
        assert [row["salt"] for row in draw.identities.values() if row["salt"] in told] == []

    def test_it_grows_by_a_round_with_each_decline_and_its_first_round_stays(self, inviting):
        first = drawing.draw_of(inviting).receipt["rounds"]
        for number in (1, 2):
            gone = next(row for row in asked(inviting).values())
            ASSIGNMENT.perform(gone, "decline", by=gone.expert.user, reason="出差")
            journey.fill_seats(inviting)
            rounds = drawing.draw_of(inviting).receipt["rounds"]
            assert len(rounds) == number + 1
            assert rounds[:1] == first


def test_a_seat_that_was_given_up_twice_is_stale(inviting):
    row = next(iter(asked(inviting).values()))
    shown = Assignment.objects.select_related("application", "expert__user").get(pk=row.pk)
    ASSIGNMENT.perform(row, "decline", by=row.expert.user, reason="出差")
    with pytest.raises(Stale):
        ASSIGNMENT.perform(shown, "decline", by=row.expert.user, reason="又出差")
