"""Whether messages arrived: of a case for its officers, of all for whoever runs the portal, who sends them again once."""

from __future__ import annotations

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from evaluation import delivery, work
from portal import notify
from portal.demo import journey
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification, User
from portal.problems import Problem
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db

world, own_files = scenes.shared_world()
PROBLEM = Problem("mail_bounced", "", "邮件被退回：%(said)s", {"said": "5.1.1"}).as_record()


@pytest.fixture(scope="module")
def pk(world):
    """A case that was accepted."""
    case = world.case_at("form_check")
    journey.accept(case)
    return case.pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def returned(world, case):
    """A message to the applicant that was sent and came back."""
    row = delivery.to_applicant(case).first()
    now = timezone.now()
    columns = {
        "sent_at": now,
        "sent_to": world.applicant.email,
        "failed_at": now,
        "bounced_at": now,
        "trouble": PROBLEM,
    }
    Notification.objects.filter(pk=row.pk).update(**columns)
    return Notification.objects.select_related("user").get(pk=row.pk)


MOMENTS = {name: timezone.now() for name in ("held_since", "sent_at", "failed_at", "bounced_at")}


@pytest.mark.parametrize("moments, more, standing", [
    ("", {}, "waiting"),
    ("", {"attempts": 1}, "deferred"),
    ("", {"email": "daily"}, "daily"),
    ("", {"email": "none"}, "unwanted"),
    ("held_since", {}, "held"),
    ("sent_at", {"sent_to": "a@example.org"}, "sent"),
    ("sent_at", {}, "portal_only"),
    ("sent_at", {"email": "daily"}, "collected"),
    ("failed_at", {}, "failed"),
    ("sent_at failed_at bounced_at", {"sent_to": "a@example.org"}, "bounced"),
])  # fmt: skip
def test_the_moments_of_a_message_read_as_one_word(moments, more, standing):
    row = Notification(**{name: MOMENTS[name] for name in moments.split()}, **more)
    assert delivery.standing_of(row) == standing
    assert standing in delivery.STANDINGS


@pytest.mark.parametrize("who, status", [
    ("intake", 200), ("supervisor", 200), ("district_officer", 200), ("organiser", 200), ("applicant", 403),
    ("other_officer", 404), ("other_applicant", 404), ("system_administrator", 404),
])  # fmt: skip
def test_officers_of_a_case_see_whether_the_applicant_was_reached(world, client, case, who, status):
    client.force_login(scenes.person(getattr(world, who).username))
    assert client.get(reverse("application-messages", args=[case.pk])).status_code == status


def test_they_see_what_the_applicant_was_told_and_nothing_told_to_others(world, case):
    rows = delivery.to_applicant(case)
    assert {row.user for row in rows} == {world.applicant}
    assert [row.event.verb for row in rows] == ["application.accept", "application.submit"]


class TestAgain:
    def test_to_the_corrected_address_once_with_an_event(self, world, returned):
        User.objects.filter(pk=world.applicant.pk).update(email="right@example.org")
        delivery.resend(world.system_administrator, returned)
        assert notify.deliver(returned.pk) is True
        assert [message.to for message in mail.outbox] == [["right@example.org"]]
        (event,) = Event.objects.of(returned)
        assert (event.data["before"], event.data["after"], event.data["sending"]) == (
            world.applicant.email, "right@example.org", 2
        )  # fmt: skip
        with pytest.raises(Stale):
            delivery.resend(world.system_administrator, returned)

    def test_an_address_that_is_still_wrong_gets_nothing(self, world, returned):
        with refused() as problems:
            delivery.resend(world.system_administrator, returned)
        returned.refresh_from_db()
        assert (problems, returned.failed_at is not None, returned.sending) == ([("address_same", "")], True, 1)

    def test_what_only_the_server_was_too_weak_for_goes_to_the_same_address(self, world, returned):
        Notification.objects.filter(pk=returned.pk).update(bounced_at=None, sent_at=None, sent_to="")
        returned.bounced_at = None
        delivery.resend(world.system_administrator, returned)
        assert notify.deliver(returned.pk) is True

    def test_a_secret_that_was_deleted_is_not_sent_again(self, world):
        row = Notification.objects.create(
            key="x", address="a@example.org", subject="示例", body="", failed_at=timezone.now()
        )
        with refused() as problems:
            delivery.resend(world.system_administrator, row)
        assert problems == [("text_deleted", "")]

    @pytest.mark.parametrize("who", ["intake", "supervisor", "security_administrator", "applicant"])
    def test_nobody_but_the_system_administrator_sends_again(self, world, returned, client, who):
        person = scenes.person(getattr(world, who).username)
        with pytest.raises(NotAllowed):
            delivery.resend(person, returned)
        client.force_login(person)
        pages = client.get(reverse("undelivered")), client.post(reverse("message-resend", args=[returned.pk]))
        assert [page.status_code for page in pages] == [403, 403]

    def test_the_page_tells_why_but_not_what_was_written(self, world, returned, client):
        client.force_login(world.system_administrator)
        page = client.get(reverse("undelivered")).content.decode()
        assert ("邮件被退回：5.1.1" in page, returned.subject in page, returned.body in page) == (True, False, False)


def test_the_system_administrator_finds_it_in_the_own_work(world, returned):
    rows = [row for row in work.waiting_on(scenes.person("system-administrator")) if row.key == "undelivered"]
    assert [(row.link, row.since) for row in rows] == [(reverse("undelivered"), returned.failed_at)]
    Notification.objects.update(failed_at=None, bounced_at=None)
    assert work.waiting_on(scenes.person("system-administrator")) == []


def test_the_days_are_counted(world, returned):
    Notification.objects.exclude(pk=returned.pk).delete()
    assert delivery.counts_by_day() == [
        {"day": timezone.localdate(), "written": 1, "sent": 0, "failed": 0, "bounced": 1, "read": 0}
    ]
