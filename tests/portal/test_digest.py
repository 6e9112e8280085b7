"""The daily e-mail: one a person and day, whoever rings how often; no message in two of them, none lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone

from portal import digest, notify, preferences, tasks
from portal.models import Notification, User
from tests.at_once import at_once

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=CHINA)
MOMENT = datetime(2026, 11, 24, 7, 0, tzinfo=CHINA)
EARLIER = MOMENT - timedelta(minutes=1)


@pytest.fixture
def person(db):
    return reader("one")


def reader(name, **values):
    user = User.objects.create(username=name, name=f"示例{name}", email=f"{name}@example.org", **values)
    preferences.choose(user, {"progress": "daily"})
    return user


def message(user, number, at=EARLIER, kind="progress"):
    notify.write(f"event:{number}", [user], kind, f"/projects/{number}/", subject=f"P-{number}", sentence="受理了申报")
    row = Notification.objects.get(key=f"event:{number}:{user.pk}")
    Notification.objects.filter(pk=row.pk).update(created_at=at)
    return row


def digests():
    return Notification.objects.filter(kind="digest")


@pytest.mark.parametrize(
    "now, moment",
    [
        (datetime(2026, 11, 24, 7, 0, tzinfo=CHINA), datetime(2026, 11, 24, 7, 0, tzinfo=CHINA)),
        (datetime(2026, 11, 24, 6, 59, tzinfo=CHINA), datetime(2026, 11, 23, 7, 0, tzinfo=CHINA)),
        (datetime(2026, 11, 23, 23, 30, tzinfo=ZoneInfo("UTC")), datetime(2026, 11, 24, 7, 0, tzinfo=CHINA)),
    ],
)
def test_the_moment_is_the_last_one_that_has_come(settings, now, moment):
    settings.DIGEST_HOUR = 7
    assert digest.last_moment(now) == moment


class TestOneAPersonAndDay:
    def test_it_lists_what_waits_with_links_and_marks_it_sent(self, person, settings):
        settings.SITE_URL = "https://stars.example.org"
        rows = [message(person, number) for number in (1, 2)]
        assert digest.write(NOW) == 1
        row = digests().get()
        assert (row.key, row.email, row.sent_at) == (f"digest:2026-11-24:{person.pk}", "at_once", None)
        assert [row.body.count(f"https://stars.example.org/projects/{number}/") for number in (1, 2)] == [1, 1]
        assert "https://stars.example.org/account/notifications/" in row.body
        assert [Notification.objects.get(pk=one.pk).sent_at for one in rows] == [NOW, NOW]
        assert notify.deliver(row.pk) is True
        (sent,) = mail.outbox
        assert (sent.to, sent.subject) == (["one@example.org"], "今日通知汇总：2 条")

    def test_ringing_ten_times_is_ringing_once(self, person):
        message(person, 1)
        assert [digest.write(NOW + timedelta(minutes=n)) for n in range(10)] == [1] + [0] * 9
        assert digests().count() == 1

    def test_what_comes_after_the_hour_waits_for_the_next_day(self, person):
        message(person, 1)
        digest.write(NOW)
        later = message(person, 2, at=NOW)
        assert digest.write(NOW + timedelta(hours=1)) == 0
        assert digest.write(NOW + timedelta(days=1)) == 1
        assert list(digests().order_by("pk").values_list("key", flat=True)) == [
            f"digest:2026-11-{day}:{person.pk}" for day in (24, 25)
        ]
        later.refresh_from_db()
        assert later.sent_at == NOW + timedelta(days=1)

    def test_what_was_written_late_is_in_the_next_one(self, person):
        """A transaction that was open at the hour shows its message after the day's e-mail was put together."""
        message(person, 1)
        digest.write(NOW)
        message(person, 2)
        assert (digest.write(NOW), digest.write(NOW + timedelta(days=1))) == (0, 1)

    def test_a_day_without_messages_has_no_e_mail(self, person):
        assert digest.write(NOW) == 0
        assert digests().count() == 0

    def test_an_hour_that_was_slept_through_is_made_up_for(self, person):
        message(person, 1, at=EARLIER - timedelta(days=3))
        assert digest.write(MOMENT - timedelta(hours=1)) == 1

    def test_everyone_has_their_own_and_who_was_switched_off_none(self, person):
        other, off = reader("two"), reader("off")
        for number, user in enumerate((person, other, off)):
            message(user, number)
        User.objects.filter(pk=off.pk).update(is_active=False)
        assert digest.write(NOW) == 2
        assert set(digests().values_list("user", flat=True)) == {person.pk, other.pk}

    @pytest.mark.parametrize("kind", ["waiting", "decision"])
    def test_what_leaves_at_once_is_not_in_it(self, person, kind):
        row = message(person, 1, kind=kind) if kind == "waiting" else None
        assert digest.write(NOW) == 0
        assert row is None or Notification.objects.get(pk=row.pk).sent_at is None

    def test_it_is_nothing_to_read_in_the_portal(self, person):
        message(person, 1)
        digest.write(NOW)
        assert [row.key for row in Notification.objects.shown_to(person)] == [f"event:1:{person.pk}"]
        assert Notification.objects.unread_by(person).count() == 1

    def test_a_worker_that_dies_in_the_middle_leaves_everything_as_it_was(self, person, monkeypatch):
        message(person, 1)

        def dies(rows, language):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(digest, "_rendered", dies)
            with pytest.raises(KeyboardInterrupt):
                digest.write(NOW)
        assert (digests().count(), Notification.objects.for_digest(MOMENT).count()) == (0, 1)
        assert digest.write(NOW) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_write_one(transactional_db):
    user = reader("one")
    rows = [message(user, number) for number in range(5)]
    answers = at_once(lambda: digest.write(NOW), lambda: digest.write(NOW))
    assert sorted(answers) == [0, 1]
    assert digests().count() == 1
    assert set(Notification.objects.filter(pk__in=[row.pk for row in rows]).values_list("sent_at", flat=True)) == {NOW}


@pytest.mark.django_db(transaction=True)
def test_the_sweep_puts_it_together_and_sends_it(transactional_db, monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda task, *arguments: task.run(*arguments))
    user = reader("one")
    message(user, 1, at=timezone.now() - timedelta(days=2))
    for _time in range(3):
        tasks.sweep()
    assert [sent.subject for sent in mail.outbox] == ["今日通知汇总：1 条"]
