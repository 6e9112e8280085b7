"""Vacancies: the act fixes the order and no more, a worker's step finds who follows, once, whatever the order of the steps."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation import automation, drawing, history, substituting, unseating, work
from evaluation.models import Assignment, Draw, Vacancy
from evaluation.workflow import APPLICATION, ASSIGNMENT, VACANCY
from experts import draw as lots
from experts.draw import EXCLUSIONS
from experts.models import Expert
from experts.workflow import EXPERT
from portal import tasks
from portal.demo import journey, people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)

world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def pk(world):
    """A case whose experts are asked."""
    return world.case_at("inviting").pk


@pytest.fixture(scope="module")
def review_pk(world):
    """A case whose panel marks."""
    return world.case_at("review").pk


@pytest.fixture
def application(pk):
    return scenes.case(pk)


def asked(application):
    return people.panel_of(application, "invited", "accepted")


def decline(seat):
    ASSIGNMENT.perform(seat, "decline", by=seat.expert.user, reason="示例：出差。")
    return Vacancy.objects.get(assignment=seat)


def step(vacancy):
    tasks.advance("vacancy", vacancy.pk)
    return Vacancy.objects.get(pk=vacancy.pk)


def outcome(application):
    """Everything that a draw has come to: who sits where, who leads, and the receipt."""
    seats = {row.expert.number: (row.seat, row.field, row.is_leader) for row in asked(application)}
    return seats, Draw.objects.get(application=application).receipt


# --- the act ----------------------------------------------------------------------------------------------------------


def test_the_act_fixes_the_order_leaves_a_vacancy_and_seats_nobody(application):
    before, draw = asked(application), drawing.draw_of(application)
    vacancy = decline(before[0])
    after = drawing.draw_of(application)
    assert (vacancy.state, vacancy.successor, vacancy.draw_id) == ("waiting", None, draw.pk)
    assert (after.declines, after.receipt) == ([before[0].expert.number], draw.receipt)
    assert [row.pk for row in asked(application)] == [row.pk for row in before[1:]]


def test_a_vacancy_that_waits_is_seen_by_those_who_run_the_draw(application):
    decline(asked(application)[0])
    client = Client()
    client.force_login(scenes.person("organiser"))
    for page in ("draw", "panel"):
        text = client.get(reverse(page, args=[application.pk])).content.decode()
        assert "有 1 个席位正在" in text
    journey.fill_seats(application)
    for page in ("draw", "panel"):
        assert "个席位正在" not in client.get(reverse(page, args=[application.pk])).content.decode()


def test_the_applicant_reads_nothing_of_it_in_the_history(application):
    decline(asked(application)[0])
    journey.fill_seats(application)
    told = {}
    for who in ("applicant", "organiser"):
        reader = history.reader_of(scenes.person(who), application.project, [application])
        told[who] = [row.verb for row in history.events_for(reader, application.project)]
    assert [verb for verb in told["applicant"] if verb.startswith(("vacancy.", "assignment."))] == []
    assert told["organiser"][-2:] == ["assignment.decline", "vacancy.fill"]


# --- the step ---------------------------------------------------------------------------------------------------------


def test_the_step_run_many_times_seats_one(application):
    vacancy = decline(asked(application)[0])
    filled = step(vacancy)
    first = outcome(application)
    for _time in range(3):
        step(vacancy)
    assert (filled.state, filled.successor.state, len(asked(application))) == ("filled", "invited", 5)
    assert outcome(application) == first
    assert Event.objects.of(vacancy).count() == 1
    assert (
        Notification.objects.filter(key=f"invitation:{filled.successor.pk}:{filled.successor.expert.user_id}").count()
        == 1
    )


def test_whatever_the_order_of_the_steps_the_same_people_come_in(application):
    vacancies = [decline(seat) for seat in asked(application)[:3]]
    outcomes = []
    for order in permutations(vacancies):
        with transaction.atomic():
            for vacancy in order:
                step(vacancy)
            seats, receipt = outcome(application)
            followed = [Vacancy.objects.get(pk=row.pk).successor.expert.number for row in vacancies]
            outcomes.append((seats, receipt, followed))
            transaction.set_rollback(True)
    (seats, receipt, followed), *others = outcomes
    assert others == [(seats, receipt, followed)] * 5
    assert (len(seats), len(set(followed)), len(receipt["rounds"]), lots.verify(receipt)) == (5, 3, 4, [])
    assert [leads for _seat, _field, leads in seats.values()].count(True) == 1


def test_a_decline_between_two_steps_changes_nothing_of_the_one_before(application):
    first, second, *_others = asked(application)
    filled = step(decline(first))
    late = step(decline(second))
    again = scenes.case(application.pk)
    assert len(asked(again)) == 5
    assert filled.successor_id != late.successor_id
    assert lots.verify(drawing.draw_of(again).receipt) == []


def test_a_step_that_fails_for_good_is_shown_and_the_organiser_lets_it_try_again(application):
    vacancy = decline(asked(application)[0])
    Draw.objects.filter(pk=vacancy.draw_id).update(declines=["ZJ-0000", vacancy.assignment.expert.number])
    broken = step(vacancy)
    assert (broken.state, broken.fault != "") == ("waiting", True)
    client = Client()
    client.force_login(scenes.person("organiser"))
    page = client.get(reverse("draw", args=[application.pk])).content.decode()
    assert reverse("act", args=["vacancy", vacancy.pk, "retry"]) in page
    with pytest.raises(NotAllowed):
        VACANCY.perform(scenes_vacancy(vacancy), "retry", by=scenes.person("approver"))
    Draw.objects.filter(pk=vacancy.draw_id).update(declines=[vacancy.assignment.expert.number])
    VACANCY.perform(scenes_vacancy(vacancy), "retry", by=scenes.person("organiser"))
    assert step(vacancy).state == "filled"


def scenes_vacancy(vacancy):
    return Vacancy.objects.select_related("assignment__application__project__community").get(pk=vacancy.pk)


def test_who_left_a_seat_and_who_runs_no_draw_sees_no_vacancy(application):
    seat = asked(application)[0]
    vacancy = decline(seat)
    seen = {
        who: list(VACANCY.visible_to(scenes.person(who)).values_list("pk", flat=True))
        for who in ("organiser", "supervisor", "intake", "applicant", seat.expert.user.username)
    }
    assert seen == {
        "organiser": [vacancy.pk], "supervisor": [vacancy.pk], "intake": [], "applicant": [], seat.expert.user.username: []
    }  # fmt: skip


# --- dropped ----------------------------------------------------------------------------------------------------------


def test_a_draw_that_is_given_up_drops_what_waits_and_fills_nothing(application):
    vacancy = decline(asked(application)[0])
    stale = scenes_vacancy(vacancy)
    APPLICATION.perform(application, "redraw", by=scenes.person("supervisor"), reason="示例")
    assert step(vacancy).state == "dropped"
    with pytest.raises(Stale):  # a worker that had claimed it before
        automation.take_substitute(stale)
    assert [row.verb for row in Event.objects.of(vacancy)] == ["vacancy.drop"]
    assert Assignment.objects.filter(application=application, draw=vacancy.draw).count() == 5


def test_a_vacancy_of_a_panel_that_is_no_longer_formed_is_dropped_by_its_step(application, review_pk):
    """However it came to be there: nothing is ever filled that nobody asks for."""
    seat = people.panel_of(scenes.case(review_pk), "accepted")[0]
    vacancy = Vacancy.objects.create(assignment=seat, draw=seat.draw, state="waiting")
    assert step(vacancy).state == "dropped"


# --- experts who serve no more ----------------------------------------------------------------------------------------

ABSENCES = {
    "paused": lambda expert: EXPERT.perform(expert, "pause", by=scenes.person("pool-keeper"), reason="示例"),
    "lapsed": lambda expert: EXPERT.perform(expert, "lapse", by=None),
    "heard": lambda expert: EXPERT.perform(expert, "propose_removal", by=scenes.person("pool-keeper"), reason="示例"),
    "expired": lambda expert: Expert.objects.filter(pk=expert.pk).update(term_until=TODAY - DAY),
}
REASONS = {"paused": "paused", "lapsed": "paused", "heard": "paused", "expired": "term_expired"}


@pytest.mark.parametrize("answer", ["invited", "accepted"])
@pytest.mark.parametrize("how", ABSENCES)
def test_who_serves_no_more_leaves_a_panel_that_is_being_formed(
    application, how, answer, django_capture_on_commit_callbacks
):
    seat = asked(application)[0]
    if answer == "accepted":
        ASSIGNMENT.perform(seat, "accept", by=seat.expert.user, no_conflict=True)
    with django_capture_on_commit_callbacks(execute=True):
        ABSENCES[how](Expert.objects.select_related("user").get(pk=seat.expert_id))
    assert Assignment.objects.get(pk=seat.pk).state == (answer if how == "expired" else "released")
    assert unseating.see_to_absent() == (how == "expired")
    assert unseating.see_to_absent() == 0
    event = Event.objects.of(seat).last()
    assert (event.verb, event.role, event.data["reason"]) == ("assignment.release", "system", EXCLUSIONS[REASONS[how]])
    told = set(Notification.objects.filter(key__startswith=f"event:{event.pk}:").values_list("user", flat=True))
    assert told == {application.organiser_id, seat.expert.user_id}
    journey.fill_seats(application)
    assert len(asked(application)) == 5
    assert seat.expert.number in drawing.draw_of(application).declines


@pytest.mark.parametrize(
    "values, words",
    [
        ({"state": "paused"}, "您的专家资格正在暂停，不能接受评审邀请；席位将由下一位递补。"),
        ({"term_until": TODAY - DAY}, "您不在聘期内，不能接受评审邀请；席位将由下一位递补。"),
    ],
)
def test_who_serves_no_more_cannot_accept_and_is_told_so_in_a_sentence(application, values, words):
    seat = asked(application)[0]
    Expert.objects.filter(pk=seat.expert_id).update(**values)
    seat = Assignment.objects.select_related("expert__user", "application").get(pk=seat.pk)
    page = Client()
    page.force_login(seat.expert.user)
    sent = page.post(reverse("assignment", args=[seat.pk]), {"action": "accept", "no_conflict": "on"})
    assert (sent.status_code, words in sent.content.decode()) == (422, True)
    assert Assignment.objects.get(pk=seat.pk).state == "invited"


def test_a_substitute_who_serves_no_more_is_passed_over_and_not_told(application):
    before = {row.expert_id for row in asked(application)}
    vacancy = decline(asked(application)[0])
    Expert.objects.exclude(pk__in=before).update(state="paused")
    journey.fill_seats(application)
    passed = list(application.assignments.filter(state="released"))
    assert passed
    assert Vacancy.objects.get(pk=vacancy.pk).successor in passed
    keys = [key for row in passed for key in (f"invitation:{row.pk}:", f"event:{Event.objects.of(row).last().pk}:")]
    users = {row.expert.user_id for row in passed}
    assert [key for key in keys if Notification.objects.filter(key__startswith=key, user__in=users).exists()] == []
    assert substituting.shortage(application)


def test_of_a_panel_at_work_those_who_draw_are_told_once_and_may_draw_anew(review_pk, world):
    application = scenes.case(review_pk)
    seat = people.panel_of(application, "accepted")[1]
    assert "redraw" not in {row.action for row in APPLICATION.available(application, world.supervisor)}
    Expert.objects.filter(pk=seat.expert_id).update(state="paused")
    for _time in range(2):
        assert unseating.see_to_absent() == 0
    told = Notification.objects.filter(key__startswith=f"absent:{seat.pk}:")
    assert {message.user for message in told} == {world.organiser, world.supervisor}
    assert (Assignment.objects.get(pk=seat.pk).state, Assignment.objects.get(pk=seat.pk).conflict) == ("accepted", "")
    for who in ("organiser", "supervisor"):
        (row,) = [row for row in work.waiting_on(scenes.person(who)) if row.key == f"conflict-{seat.pk}"]
        assert "已不在聘或资格暂停" in row.sentence
    assert "redraw" in {row.action for row in APPLICATION.available(application, world.supervisor)}


def test_the_sweep_looks_for_them(application):
    Expert.objects.filter(pk=asked(application)[0].expert_id).update(term_until=TODAY - DAY)
    tasks.take_looks()
    assert application.assignments.filter(state="released").count() == 1
