"""The link in the e-mail of an invitation: it answers once without signing in, and opens nothing else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail, signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation import answering
from evaluation.models import Application, Assignment
from evaluation.workflow import ASSIGNMENT
from experts.models import Recusal
from portal import tasks
from portal.demo import people
from portal.models import Event, Notification, User
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world(30, 24)
ANSWERS = {
    "accept": ({"no_conflict": "on"}, "accepted"),
    "decline": ({"reason": "示例：出差。"}, "declined"),
    "recuse": ({"reason": "示例：曾在该单位任职。"}, "recused"),
}


@pytest.fixture(scope="module")
def pk(world):
    """A case whose experts are asked."""
    return world.case_at("inviting").pk


@pytest.fixture
def seats(pk):
    return people.panel_of(scenes.case(pk), "invited")


@pytest.fixture
def seat(seats):
    return seats[0]


@pytest.fixture
def stranger():
    """A browser in which nobody is signed in, and which sends no token of a form it has not been given."""
    return Client(enforce_csrf_checks=True)


def rows_of(seat):
    """What stands written of a seat: its state and the number of its events."""
    return Assignment.objects.get(pk=seat.pk).state, Event.objects.of(seat).count()


def post(client, address, action, **said):
    """Send a form of the page, as its reader would."""
    page = client.get(address)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode()).group(1)
    return client.post(address, {"action": action, "csrfmiddlewaretoken": token, **said})


def test_the_link_stands_in_the_e_mail_alone_and_leaves_no_copy(seats):
    told = Notification.objects.filter(user__isnull=True, key__startswith="invitation:")
    assert {row.address for row in told} == {seat.expert.user.email for seat in seats}
    tasks.deliver_all()
    sent = {message.to[0]: message.body for message in mail.outbox}
    for seat in seats:
        assert answering.link_of(seat).rsplit(":", 2)[0] in sent[seat.expert.user.email]
    assert {row.body for row in told.all()} == {""}
    shown = Notification.objects.filter(user__in=[seat.expert.user_id for seat in seats], kind="invitation")
    assert len(shown) == len(seats)
    assert [row.pk for row in shown if "invitations/panel" in row.body + row.link] == []
    invited = [message for message in mail.outbox if "评审专家" in message.body]
    assert len(invited) == len(seats), "one e-mail a person"


def test_the_link_in_the_e_mail_opens_the_page_of_its_own_seat(seats, stranger):
    for row in Notification.objects.filter(user__isnull=True, key__startswith="invitation:"):
        address = re.search(r"https?://[^/]+(/invitations/panel/\S+)", row.body).group(1)
        page = stranger.get(address)
        assert (page.status_code, page.context["assignment"].expert.user.email) == (200, row.address)


def test_the_page_shows_the_parties_and_no_papers_and_reading_it_changes_nothing(seat, stranger):
    before, address = rows_of(seat), answering.link_of(seat)
    for _scanner in range(3):
        page = stranger.get(address)
        stranger.head(address)
    text, project = page.content.decode(), seat.application.project
    assert [name for name in (project.organisation.name, project.community.name) if name not in text] == []
    assert list(page.context["acts"]) == ["accept", "decline", "recuse"]
    assert reverse("application", args=[seat.application_id]) not in text
    assert rows_of(seat) == before
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize("action", ANSWERS)
def test_each_answer_is_given_once_and_its_event_says_by_the_link(seat, stranger, action):
    (said, state), address = ANSWERS[action], answering.link_of(seat)
    answer = post(stranger, address, action, **said)
    assert (answer.status_code, answer.context["done"], rows_of(seat)[0]) == (200, True, state)
    event = Event.objects.of(seat).last()
    assert (event.verb, event.actor, event.role, event.data["by_link"]) == (
        f"assignment.{action}", seat.expert.user, "invitee", True,
    )  # fmt: skip
    assert stranger.get(address).status_code == 410
    assert Recusal.objects.filter(expert=seat.expert).exists() is (action == "recuse")


def test_an_answer_by_the_link_signs_nobody_in(seat, stranger):
    post(stranger, answering.link_of(seat), "accept", **ANSWERS["accept"][0])
    assert stranger.get(reverse("scoring", args=[seat.pk])).status_code == 302
    assert "_auth_user_id" not in stranger.session


def test_signed_in_the_event_says_nothing_of_a_link_whatever_is_sent(seat, client):
    client.force_login(seat.expert.user)
    client.post(seat.get_absolute_url(), {"action": "accept", "no_conflict": "on", "by_link": "1"})
    event = Event.objects.of(seat).last()
    assert (event.verb, "by_link" in event.data) == ("assignment.accept", False)


@pytest.mark.parametrize("action, said, place", [("accept", {}, "no_conflict"), ("recuse", {"reason": " "}, "reason")])
def test_what_an_answer_lacks_is_said_beside_it_and_the_link_still_works(seat, stranger, action, said, place):
    address = answering.link_of(seat)
    answer = post(stranger, address, action, **said)
    assert (answer.status_code, list(answer.context["acts"][action].errors)) == (422, [place])
    assert post(stranger, address, "decline").status_code == 200


def test_an_act_that_is_no_answer_is_not_done(seat, stranger):
    assert post(stranger, answering.link_of(seat), "replace", reason="示例").status_code == 403
    assert rows_of(seat)[0] == "invited"


def test_without_the_pages_own_form_nothing_is_done(seat, stranger):
    assert stranger.post(answering.link_of(seat), {"action": "decline"}).status_code == 403
    assert rows_of(seat)[0] == "invited"


def forge(seat, how):
    whole = answering.token_of(seat)
    return {
        "cut off": whole[:-1],
        "changed": "W" + whole,
        "of nothing": "示例",
        "of another salt": signing.dumps([seat.pk, seat.draw_id], salt="known-browser"),
        "of another draw": signing.dumps([seat.pk, seat.draw_id + 1], salt=answering.SALT),
        "of no seat": signing.dumps([0, seat.draw_id], salt=answering.SALT),
        "of another shape": signing.dumps("示例", salt=answering.SALT),
    }[how]


@pytest.mark.parametrize("how", [
    "cut off", "changed", "of nothing", "of another salt", "of another draw", "of no seat", "of another shape",
])  # fmt: skip
def test_a_forged_link_is_unknown(seat, stranger, how):
    assert stranger.get(reverse("invitation-link", args=[forge(seat, how)])).status_code == 404


def test_whoever_is_signed_in_as_somebody_else_does_not_read_anothers_invitation(seats, client):
    address = answering.link_of(seats[0])
    client.force_login(seats[1].expert.user)
    assert client.get(address).status_code == 404
    assert client.post(address, {"action": "decline"}).status_code == 404
    client.force_login(seats[0].expert.user)
    assert client.get(address).status_code == 200


def test_the_link_of_an_account_that_is_closed_is_unknown(seat, stranger):
    User.objects.filter(pk=seat.expert.user_id).update(is_active=False)
    assert stranger.get(answering.link_of(seat)).status_code == 404


def yesterday(seat):
    Assignment.objects.filter(pk=seat.pk).update(due_on=timezone.localdate() - timedelta(days=1))


ENDS = {
    "expired": yesterday,
    "lapsed": lambda seat: (yesterday(seat), tasks.enforce_deadlines(ASSIGNMENT)),
    "taken back": lambda seat: ASSIGNMENT.perform(seat, "replace", by=people.officer("organiser"), reason="示例"),
    "drawn anew": lambda seat: Application.objects.filter(pk=seat.application_id).update(review_round=2),
    "convened": lambda seat: Application.objects.filter(pk=seat.application_id).update(state="review"),
}


@pytest.mark.parametrize("end, words", [
    ("expired", "期限已过"), ("lapsed", "期限已过"), ("taken back", "已经答复过"), ("drawn anew", "已经结束或作废"),
    ("convened", "已经结束或作废"),
])  # fmt: skip
def test_a_link_whose_time_is_over_says_why(seat, stranger, end, words):
    address = answering.link_of(seat)
    ENDS[end](seat)
    answer = stranger.get(address)
    assert (answer.status_code, words in answer.context["sentence"]) == (410, True)


def test_guessing_is_let_through_only_so_often_and_good_links_do_not_count(seats, stranger, settings):
    settings.SIGN_IN_ATTEMPTS = 3
    for _again in range(5):
        assert stranger.get(answering.link_of(seats[0])).status_code == 200
    guesses = [stranger.get(reverse("invitation-link", args=[f"guess-{number}"])) for number in range(4)]
    assert [answer.status_code for answer in guesses] == [404, 404, 404, 429]
    assert int(guesses[-1]["Retry-After"]) > 0
