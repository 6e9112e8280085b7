"""Messages: one a person and cause, in Chinese, sent once, tried again, and given up where somebody can see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext, gettext_lazy

from portal import notify
from portal.models import Notification, User

pytestmark = pytest.mark.django_db

SUBJECT = {"subject": "P-1 示例小区", "sentence": "受理了申报"}


class DeadServer(BaseEmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages):
        raise ConnectionRefusedError("nobody listens")


@pytest.fixture
def people():
    names = ["one", "two", "left"]
    rows = [User.objects.create(username=name, name=f"示例{name}", email=f"{name}@example.org") for name in names]
    User.objects.filter(username="left").update(is_active=False)
    return list(User.objects.filter(pk__in=[row.pk for row in rows]).order_by("pk"))


def write(people, key="event:1"):
    return notify.write(key, people, "progress", "/projects/1/", **SUBJECT)


class TestWriting:
    def test_everyone_active_gets_one_however_often_they_stand_in_the_list(self, people):
        assert write([*people, *people]) == 2
        assert list(Notification.objects.values_list("key", "user__username").order_by("pk")) == [
            (f"event:1:{people[0].pk}", "one"),
            (f"event:1:{people[1].pk}", "two"),
        ]

    def test_the_same_cause_reaches_a_person_once_and_only_new_ones_are_counted(self, people):
        first, second, _left = people
        assert [write([first]), write([first, second]), write([first, second]), write([first], "event:2")] == [
            1,
            1,
            0,
            1,
        ]
        assert Notification.objects.count() == 3

    def test_it_is_written_in_the_readers_language_and_carries_a_whole_link(self, people, settings):
        settings.SITE_URL = "https://stars.example.org"
        with translation.override("en"):
            write(people[:1])
        row = Notification.objects.get()
        assert "受理了申报" in row.body
        assert "https://stars.example.org/projects/1/" in row.body
        assert "\n" not in row.subject
        assert (row.link, row.sent_at, row.read_at, row.attempts) == ("/projects/1/", None, None, 0)

    @pytest.mark.parametrize("sentence", ["受理了申报", gettext_lazy("受理了申报")])
    @pytest.mark.parametrize("writer", ["zh-hans", "en"])
    def test_each_reads_it_in_the_own_language_whatever_the_writer_reads(self, people, writer, sentence):
        User.objects.filter(username="two").update(language="en")
        with translation.override("en"):
            english = gettext("受理了申报")
        with translation.override(writer):
            notify.write(
                "event:1", User.objects.order_by("pk"), "progress", "/projects/1/", **{**SUBJECT, "sentence": sentence}
            )
        first, second = Notification.objects.order_by("pk")
        assert ("受理了申报" in first.body, english in first.body) == (True, False)
        assert ("受理了申报" in second.body, english in second.body) == (False, True)

    def test_the_bell_is_rung_after_the_commit_and_only_for_something_new(
        self, people, django_capture_on_commit_callbacks
    ):
        rung = []
        for _time in range(2):
            with django_capture_on_commit_callbacks() as callbacks:
                write(people)
            rung.append(len(callbacks))
        assert rung == [1, 0]

    def test_nobody_is_nobody(self):
        assert write([]) == 0


class TestDelivering:
    def test_a_message_leaves_once(self, people):
        write(people[:1])
        row = Notification.objects.get()
        assert [notify.deliver(row.pk), notify.deliver(row.pk)] == [True, False]
        (sent,) = mail.outbox
        assert (sent.to, sent.subject, sent.body) == (["one@example.org"], row.subject, row.body)
        row.refresh_from_db()
        assert row.sent_at is not None
        assert row.claimed_until is None

    def test_who_has_no_address_reads_it_in_the_portal(self, people):
        User.objects.update(email="")
        write(people[:1])
        assert notify.deliver(Notification.objects.get().pk) is True
        assert mail.outbox == []

    def test_what_another_worker_holds_is_left_to_it_until_its_lease_ends(self, people):
        write(people[:1])
        row = Notification.objects.get()
        rows = Notification.objects.filter(pk=row.pk)
        rows.update(claimed_until=timezone.now() + timedelta(minutes=1))
        assert notify.deliver(row.pk) is False
        rows.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert notify.deliver(row.pk) is True

    def test_a_server_that_is_down_is_tried_again_and_given_up_where_it_is_seen(self, people, settings):
        settings.EMAIL_BACKEND = f"{__name__}.DeadServer"
        settings.WORK_ATTEMPTS = 2
        write(people[:1])
        rows = Notification.objects.all()
        seen = []
        for _attempt in range(2):
            assert notify.deliver(rows.get().pk) is False
            seen.append((rows.get().attempts, rows.get().failed_at is not None, rows.get().sent_at))
            rows.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert seen == [(1, False, None), (2, True, None)]
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        assert notify.deliver(rows.get().pk) is False  # given up is given up
        assert list(Notification.objects.unsent(timezone.now())) == []


def test_unread_are_a_persons_own_that_they_have_not_looked_at(people):
    write(people)
    Notification.objects.filter(user=people[0]).update(read_at=timezone.now())
    assert [Notification.objects.unread_by(person).count() for person in people] == [0, 1, 0]


class TestLanguage:
    """Who switches the language of the pages gets messages in it from then on."""

    def switch(self, client, language):
        return client.post(reverse("set_language"), {"language": language, "next": "/"})

    @pytest.mark.parametrize("chosen,kept", [("en", "en"), ("zh-hans", "zh-hans"), ("xx", "zh-hans"), ("", "zh-hans")])
    def test_it_is_kept_for_whoever_is_signed_in(self, client, people, chosen, kept):
        client.force_login(people[0])
        assert self.switch(client, chosen).status_code == 302
        languages = User.objects.order_by("pk").values_list("language", flat=True)
        assert list(languages) == [kept, "zh-hans", "zh-hans"]

    def test_a_stranger_switches_the_pages_alone(self, client, people):
        assert self.switch(client, "en").cookies["django_language"].value == "en"
        assert not User.objects.exclude(language="zh-hans").exists()

    def test_looking_switches_nothing(self, client, people):
        client.force_login(people[0])
        client.get(reverse("set_language"), {"language": "en"})
        assert User.objects.get(pk=people[0].pk).language == "zh-hans"


class TestAddresses:
    """Messages to somebody who may have no account."""

    ADDRESS = "somebody@example.net"

    def write(self, key="invite:1"):
        return notify.write_to_address(key, self.ADDRESS, "progress", "/secret/", **SUBJECT)

    def test_it_leaves_once_by_e_mail_and_its_text_is_deleted_then(self, settings):
        settings.SITE_URL = "https://stars.example.org"
        assert self.write() is True
        row = Notification.objects.get()
        assert (row.user, row.address, row.link, "https://stars.example.org/secret/" in row.body) == (
            None,
            self.ADDRESS,
            "",
            True,
        )
        assert [notify.deliver(row.pk), notify.deliver(row.pk)] == [True, False]
        (sent,) = mail.outbox
        row.refresh_from_db()
        assert (sent.to, "/secret/" in sent.body, row.body) == ([self.ADDRESS], True, "")

    def test_the_same_cause_is_written_once(self):
        assert [self.write(), self.write(), self.write("invite:2")] == [True, False, True]

    def test_its_text_stays_while_the_server_is_down(self, settings):
        settings.EMAIL_BACKEND = f"{__name__}.DeadServer"
        self.write()
        row = Notification.objects.get()
        assert notify.deliver(row.pk) is False
        row.refresh_from_db()
        assert ("/secret/" in row.body, row.sent_at, row.attempts) == (True, None, 1)

    def test_nobody_finds_it_in_the_portal(self, people, client):
        User.objects.filter(pk=people[0].pk).update(email=self.ADDRESS)
        self.write()
        client.force_login(people[0])
        assert "P-1" not in client.get(reverse("notifications")).content.decode()

    @pytest.mark.parametrize("values", [{}, {"user_id": 1, "address": "a@example.org"}])
    def test_a_message_has_one_receiver(self, people, values):
        values = {**values, **({"user_id": people[0].pk} if values else {})}
        with pytest.raises(IntegrityError), transaction.atomic():
            Notification.objects.create(key="x", subject="", body="", **values)
