"""Bulk acts: tried without a trace, done as the person who asked, each case with its mark, and the others told why not."""

from __future__ import annotations

from collections import Counter

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from communities.models import Officer
from evaluation import batching, handling, history, work
from evaluation.models import Batch, BatchRow
from evaluation.workflow import APPLICATION, BATCH
from portal import tasks
from portal.demo import people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = [pytest.mark.django_db, pytest.mark.long]

world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def cases(world):
    """Two at the form check, one that waits for the district, in this order."""
    return [world.case_at(state).pk for state in ("form_check", "form_check", "drawing")]


@pytest.fixture(scope="module")
def colleague(world):
    """A second intake officer."""
    user = get_user_model().objects.create(username="intake-2", name="示例受理员乙", email="intake-2@example.org")
    Officer.objects.create(user=user, duty="intake", since=people.first_day())
    return user


def prepared(by, act, cases, **said):
    batch = batching.prepare(scenes.person(by), act, cases, said)
    tasks.advance("batch", batch.pk)
    return Batch.objects.get(pk=batch.pk)


def run(batch):
    BATCH.perform(batch, "run", by=scenes.person(batch.owner.username))
    tasks.advance("batch", batch.pk)
    return Batch.objects.get(pk=batch.pk)


class TestTrial:
    def test_it_says_who_is_affected_and_why_a_case_cannot_and_leaves_no_trace(self, cases):
        before = (Event.objects.count(), Notification.objects.count())
        batch = prepared("intake", "accept", cases)
        rows = list(batch.rows.values_list("application", "foreseen"))
        assert rows == [(cases[0], "possible"), (cases[1], "possible"), (cases[2], "refused")]
        assert batch.rows.get(position=3).problems[0]["code"] == "stale"
        # what was prepared and tried is on record, the act itself is not
        added = set(Event.objects.order_by("-pk").values_list("verb", flat=True)[: Event.objects.count() - before[0]])
        assert added == {"batch.prepare", "batch.foreseen"}
        assert Notification.objects.count() == before[1]
        assert [scenes.case(pk).state for pk in cases] == ["form_check", "form_check", "drawing"]

    def test_it_says_which_messages_would_reach_whom(self, world, cases):
        batch = prepared("intake", "accept", cases[:1])
        told = batch.rows.get().told
        assert ["progress", str(world.applicant)] in told

    def test_what_the_act_asks_is_asked_once_for_all(self, cases):
        with refused() as problems:
            batching.prepare(scenes.person("intake"), "refuse", cases, {"reason": " "})
        assert problems == [("required", "reason")]

    @pytest.mark.parametrize(
        "who, act",
        [("intake", "approve"), ("approver", "accept"), ("applicant", "withdraw"), ("pool_keeper", "remind")],
    )
    def test_acts_of_other_duties_are_not_offered(self, cases, who, act):
        with pytest.raises(NotAllowed):
            batching.prepare(scenes.person(who.replace("_", "-")), act, cases, {"reason": "示例"})

    def test_an_act_that_asks_more_than_a_reason_is_done_case_by_case(self):
        assert {"propose_draw", "cosign_draw", "ask_revision"}.isdisjoint(
            {*batching.acts_of(scenes.person("organiser")), *batching.acts_of(scenes.person("supervisor"))}
        )


class TestDoing:
    def test_what_can_be_done_is_done_and_the_rest_says_why(self, cases):
        batch = run(prepared("intake", "accept", cases))
        assert (batch.state, batch.counts()["done"], batch.counts()["refused"]) == ("done", 2, 1)
        assert [scenes.case(pk).state for pk in cases] == ["recommendation", "recommendation", "drawing"]
        event = Event.objects.of(scenes.case(cases[0])).filter(verb="application.accept").get()
        assert (event.actor.username, event.role) == ("intake", "intake")

    def test_running_it_again_does_nothing_twice(self, cases):
        batch = run(prepared("intake", "accept", cases[:2]))
        batching._do(batch, batch.rows.first())
        tasks.advance("batch", batch.pk)
        accepted = Event.objects.filter(verb="application.accept", subject_id__in=cases[:2])
        verbs = Counter(accepted.values_list("subject_id", flat=True))
        assert verbs == {cases[0]: 1, cases[1]: 1}

    def test_rights_are_read_when_each_case_is_done(self, cases):
        batch = prepared("intake", "accept", cases[:2])
        BATCH.perform(batch, "run", by=scenes.person("intake"))
        Officer.objects.filter(user__username="intake").update(until=people.first_day())
        tasks.advance("batch", batch.pk)
        codes = [row.problems[0]["code"] for row in BatchRow.objects.filter(batch=batch)]
        assert codes == ["not_allowed", "not_allowed"]

    def test_it_runs_only_after_its_owner_has_seen_the_trial(self, cases):
        batch = batching.prepare(scenes.person("intake"), "accept", cases[:1], {})
        with pytest.raises(Stale):
            BATCH.perform(batch, "run", by=scenes.person("intake"))
        with pytest.raises(NotAllowed):
            BATCH.perform(batch, "run", by=scenes.person("supervisor"))

    def test_what_was_stopped_stays_as_it_is(self, cases):
        batch = prepared("intake", "accept", cases[:2])
        BATCH.perform(batch, "run", by=scenes.person("intake"))
        batching._do(batch, batch.rows.first())
        BATCH.perform(Batch.objects.get(pk=batch.pk), "stop", by=scenes.person("intake"))
        batching.run(batch)
        assert [scenes.case(pk).state for pk in cases[:2]] == ["recommendation", "form_check"]


class TestReminding:
    def test_the_holders_are_reminded_at_most_once_a_day_and_case(self, cases):
        batch = run(prepared("supervisor", "remind", cases[:1]))
        assert batch.counts()["done"] == 1
        reminded = Notification.objects.filter(key__startswith=f"reminded:{cases[0]}:")
        assert [row.user.username for row in reminded] == ["intake"]
        assert prepared("supervisor", "remind", cases[:1]).rows.get().problems[0]["code"] == "reminded"


class TestHandlers:
    def test_a_case_that_was_given_to_one_waits_on_them_alone(self, cases, colleague):
        run(prepared("supervisor", "assign", cases[:1], handler=colleague.pk))
        waiting = {who: {row.key for row in work.waiting_on(scenes.person(who))} for who in ("intake", "intake-2")}
        key = f"application-{cases[0]}"
        assert {who: key in keys for who, keys in waiting.items()} == {"intake": False, "intake-2": True}
        assert handling.handler_name(scenes.case(cases[0])) == str(colleague)

    def test_others_with_the_duty_may_still_act_and_its_own_step_alone_counts(self, cases, colleague):
        APPLICATION.perform(scenes.case(cases[0]), "assign", by=scenes.person("supervisor"), handler=str(colleague.pk))
        APPLICATION.perform(scenes.case(cases[0]), "accept", by=scenes.person("intake"))
        assert handling.handler_name(scenes.case(cases[0])) == ""

    def test_once_the_handler_has_lost_the_duty_it_waits_on_all_again(self, cases, colleague):
        APPLICATION.perform(scenes.case(cases[0]), "assign", by=scenes.person("intake"), handler=str(colleague.pk))
        Officer.objects.filter(user=colleague).update(until=people.first_day())
        assert work.to_act(scenes.person("intake")).filter(pk=cases[0]).exists()

    def test_nobody_without_the_duty_can_be_given_a_case(self, world, cases):
        with refused() as problems:
            APPLICATION.perform(scenes.case(cases[0]), "assign", by=world.supervisor, handler=str(world.organiser.pk))
        assert problems == [("handler_unfit", "handler")]


class TestHandingOver:
    def test_all_cases_of_one_go_to_another_with_a_reason_and_both_are_told(self, cases, colleague):
        intake = scenes.person("intake")
        APPLICATION.perform(scenes.case(cases[0]), "assign", by=intake, handler=str(intake.pk))
        batch = batching.hand_over(intake, intake, "intake", colleague, "调岗", None)
        tasks.advance("batch", batch.pk)
        run(Batch.objects.get(pk=batch.pk))
        assert scenes.case(cases[0]).handler == colleague
        event = Event.objects.of(scenes.case(cases[0])).filter(verb="application.assign").last()
        assert (event.data["before"], event.data["handler"], event.data["reason"]) == (
            str(intake),
            str(colleague),
            "调岗",
        )
        told = Notification.objects.filter(link=reverse("batch", args=[batch.pk]))
        assert {row.user.username for row in told} == {"intake", "intake-2"}

    def test_it_needs_a_reason_a_colleague_of_the_duty_and_cases(self, world):
        with refused() as problems:
            batching.hand_over(world.intake, world.intake, "intake", world.organiser, "", None)
        assert problems == [("required", "reason"), ("handler_unfit", "successor"), ("none_chosen", "cases")]

    def test_nobody_hands_over_the_cases_of_somebody_else_but_a_supervisor(self, world, colleague):
        with pytest.raises(NotAllowed):
            batching.hand_over(world.organiser, world.intake, "intake", colleague, "示例", None)


def test_a_reminder_of_yesterday_hinders_none_of_today(cases):
    case = scenes.case(cases[0])
    APPLICATION.perform(case, "remind", by=scenes.person("supervisor"))
    moment = timezone.now() + timezone.timedelta(days=1)
    act = type("Act", (), {"day": timezone.localdate(moment), "by": None})()
    assert list(handling.somebody_can_be_reminded(case, act)) == []


def test_the_applicant_does_not_read_who_has_the_case_on_the_desk(world, cases):
    case = scenes.case(cases[0])
    APPLICATION.perform(case, "assign", by=world.supervisor, handler=str(world.intake.pk))
    read = {
        who: "application.assign"
        in history.events_for(history.reader_of(scenes.person(who), case.project, [case]), case.project).values_list(
            "verb", flat=True
        )
        for who in ("applicant", "intake", "supervisor")
    }
    assert read == {"applicant": False, "intake": True, "supervisor": True}


def test_a_case_that_went_to_somebody_else_is_not_handed_over_with_the_others(world, cases, colleague):
    for pk in cases[:2]:
        APPLICATION.perform(scenes.case(pk), "assign", by=world.supervisor, handler=str(world.intake.pk))
    third = get_user_model().objects.create(username="intake-3", name="示例受理员丙", email="intake-3@example.org")
    Officer.objects.create(user=third, duty="intake", since=people.first_day())
    batch = batching.hand_over(world.supervisor, world.intake, "intake", colleague, "示例：调岗", None)
    tasks.advance("batch", batch.pk)
    APPLICATION.perform(scenes.case(cases[0]), "assign", by=world.supervisor, handler=str(third.pk))
    batch = run(Batch.objects.get(pk=batch.pk))
    assert [scenes.case(pk).handler for pk in cases[:2]] == [third, colleague]
    assert [problem["code"] for row in batch.rows.filter(outcome="refused") for problem in row.problems] == [
        "not_theirs"
    ]


def test_of_two_who_give_one_case_to_different_people_the_second_is_told(world, cases, colleague):
    one, other = scenes.case(cases[0]), scenes.case(cases[0])
    APPLICATION.perform(one, "assign", by=world.supervisor, handler=str(colleague.pk))
    with pytest.raises(Stale):
        APPLICATION.perform(other, "assign", by=world.intake, handler=str(world.intake.pk))
    assert scenes.case(cases[0]).handler == colleague
