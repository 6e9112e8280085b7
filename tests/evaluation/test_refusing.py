"""Refusals: which count, when they bring a pause, and that one is told so before one declines."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from communities.models import Parameter
from evaluation import refusing
from evaluation.models import Assignment
from evaluation.workflow import ASSIGNMENT
from experts.models import Expert
from portal import tasks
from portal.demo import days, people
from portal.models import Event, Notification
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world(30, 24)
YEAR = timezone.localdate().year


@pytest.fixture(scope="module")
def pk(world):
    """A case whose experts are asked."""
    return world.case_at("inviting").pk


@pytest.fixture
def seat(pk):
    return people.panel_of(scenes.case(pk), "invited")[0]


def decline(seat, reason=""):
    ASSIGNMENT.perform(seat, "decline", by=seat.expert.user, reason=reason)


def refused_before(seat, times, year=YEAR, reason=""):
    """So many refusals of the same expert in ``year``, each of another round, without what follows from them."""
    moment = timezone.make_aware(datetime(year, 1, 1, 12))
    for number in range(times):
        with days.as_of(moment):
            row = Assignment.objects.create(
                application=seat.application, draw=seat.draw, expert=seat.expert, review_round=20 + number + year,
                field=seat.field, seat=1, state="declined",
            )  # fmt: skip
            data = {"reason": reason} if reason else {}
            Event.objects.create(
                at=moment, actor=seat.expert.user, actor_name="示例", verb="assignment.decline", data=data,
                subject_type=row._meta.label_lower, subject_id=row.pk, thread=row.thread,
            )  # fmt: skip


def expert_of(seat):
    return Expert.objects.get(pk=seat.expert_id)


def lapse(seat):
    Assignment.objects.filter(pk=seat.pk).update(due_on=timezone.localdate() - timedelta(days=1))
    tasks.enforce_deadlines(ASSIGNMENT)


ACTS = {
    "without a reason": lambda seat: decline(seat),
    "with blanks for a reason": lambda seat: decline(seat, "  "),
    "with a reason": lambda seat: decline(seat, "示例：出差。"),
    "unanswered": lapse,
    "recused": lambda seat: ASSIGNMENT.perform(seat, "recuse", by=seat.expert.user, reason="示例：曾任职。"),
    "taken back": lambda seat: ASSIGNMENT.perform(seat, "replace", by=people.officer("organiser"), reason="示例"),
}


@pytest.mark.parametrize("how, counts", [
    ("without a reason", True), ("with blanks for a reason", True), ("with a reason", False), ("unanswered", True),
    ("recused", False), ("taken back", False),
])  # fmt: skip
def test_what_counts_and_what_the_second_of_it_brings(seat, how, counts):
    refused_before(seat, 1)
    ACTS[how](seat)
    expert = expert_of(seat)
    assert refusing.counted([expert.pk], YEAR)[expert.pk] == 1 + counts
    assert expert.state == ("paused" if counts else "serving")


def test_the_pause_is_the_systems_for_so_many_days_with_its_reason_and_a_message(seat):
    refused_before(seat, 1)
    decline(seat)
    expert = expert_of(seat)
    last = timezone.localdate() + timedelta(days=180)
    assert (expert.due_on, expert.paused_for) == (last, Expert.Pause.RULE)
    event = Event.objects.of(expert).last()
    assert (event.verb, event.role, event.data["until"]) == ("expert.pause", "system", last.isoformat())
    assert event.data["reason"] == f"{YEAR}年无理由谢绝评审邀请或逾期未答复共2次"
    message = Notification.objects.filter(user=expert.user, kind="pool").latest("pk")
    assert event.data["reason"] in message.body


def test_one_refusal_brings_nothing(seat):
    decline(seat)
    assert expert_of(seat).state == "serving"


def test_every_year_begins_anew(seat):
    refused_before(seat, 3, YEAR - 1)
    decline(seat)
    assert expert_of(seat).state == "serving"


def test_reasons_given_earlier_do_not_count(seat):
    refused_before(seat, 4, reason="示例：住院。")
    decline(seat)
    assert expert_of(seat).state == "serving"


def test_how_many_and_how_long_are_the_authoritys(seat):
    Parameter.objects.filter(pk="refusals_a_year").update(value=1)
    Parameter.objects.filter(pk="refusal_pause_days").update(value=10)
    decline(seat)
    assert expert_of(seat).due_on == timezone.localdate() + timedelta(days=10)


@pytest.mark.parametrize("state", ["paused", "hearing"])
def test_who_does_not_serve_is_left_as_they_are(seat, state):
    refused_before(seat, 1)
    Expert.objects.filter(pk=seat.expert_id).update(state=state, due_on=None)
    decline(seat)
    assert (expert_of(seat).state, expert_of(seat).due_on) == (state, None)
    assert list(Event.objects.of(expert_of(seat)).filter(verb="expert.pause")) == []


@pytest.mark.parametrize("before, warns", [(0, False), (1, True)])
def test_the_invitation_says_what_a_refusal_means_before_one_declines(seat, client, before, warns):
    refused_before(seat, before)
    client.force_login(seat.expert.user)
    page = client.get(seat.get_absolute_url())
    told = page.context["refusals"]
    assert (told.count, told.limit, told.pause_days, told.next_pauses) == (before, 2, 180, warns)
    assert ("再有一次即暂停" in page.content.decode()) is warns
    client.force_login(people.officer("organiser"))
    assert client.get(seat.get_absolute_url()).context["refusals"] is None
