"""E-mails over a real socket: what a server refuses, puts off, takes or dies on; and what comes back as a report."""

from __future__ import annotations

import io
import socket
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal import bounces, message_ids, notify
from portal.models import Event, Notification, User
from portal.problems import Refused
from tests.portal.mail_server import ACCEPT, BAD_CONTENT, DIE_AFTER_DATA, GREYLIST, REFUSE, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def message():
    """A message to somebody, not sent yet."""
    user = User.objects.create(username="one", name="示例甲", email="one@example.org")
    notify.write("event:1", [user], "progress", "/projects/1/", subject="P-1 示例小区", sentence="受理了申报")
    return Notification.objects.get()


@pytest.fixture
def smtp(settings):
    """Send to this port instead of a file."""

    def at(port):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5

    return at


def sent_over(smtp, message, *script):
    """Deliver once for each word of the script, as after the lease; return the row and what the server kept."""
    with serving(*script) as server:
        smtp(server.port)
        for _word in script:
            notify.deliver(message.pk)
            past = timezone.now() - timedelta(seconds=1)
            Notification.objects.filter(pk=message.pk, claimed_until__isnull=False).update(claimed_until=past)
        message.refresh_from_db()
        return server.kept


class TestServers:
    def test_what_a_server_takes_is_sent_to_the_address_under_a_signed_id(self, smtp, message):
        (kept,) = sent_over(smtp, message, ACCEPT)
        assert message_ids.read(kept) == (message.pk, 1)
        assert (message.sent_at is not None, message.sent_to, message.trouble) == (True, "one@example.org", {})

    def test_a_refused_address_is_given_up_at_once_and_says_why(self, smtp, message):
        assert sent_over(smtp, message, REFUSE, ACCEPT) == []
        assert (message.attempts, message.failed_at is not None, message.sent_at) == (1, True, None)
        assert (message.trouble["code"], message.trouble["params"]) == (
            "mail_refused", {"said": "550 5.1.1 no such user"}
        )  # fmt: skip

    def test_a_refused_text_is_given_up_at_once(self, smtp, message):
        sent_over(smtp, message, BAD_CONTENT)
        assert (message.failed_at is not None, message.trouble["code"]) == (True, "mail_refused")

    def test_who_is_put_off_comes_back_later_and_is_taken(self, smtp, message):
        assert len(sent_over(smtp, message, GREYLIST, GREYLIST, ACCEPT)) == 1
        assert (message.attempts, message.failed_at, message.sent_at is not None) == (2, None, True)

    def test_each_wait_is_longer_than_the_last(self, smtp, message, settings):
        waits = []
        with serving(GREYLIST) as server:
            smtp(server.port)
            for _attempt in range(3):
                before = timezone.now()
                notify.deliver(message.pk)
                message.refresh_from_db()
                waits.append(round((message.claimed_until - before).total_seconds() / settings.WORK_LEASE_SECONDS))
                Notification.objects.filter(pk=message.pk).update(claimed_until=before)
        assert waits == [1, 2, 4]

    def test_where_a_server_dies_with_the_text_the_copy_has_the_same_id(self, smtp, message):
        first, second = sent_over(smtp, message, DIE_AFTER_DATA, ACCEPT)
        assert message_ids.read(first) == message_ids.read(second) == (message.pk, 1)
        assert (message.attempts, message.sent_at is not None) == (1, True)

    def test_where_nobody_listens_it_waits(self, smtp, message):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            smtp(taken.getsockname()[1])
            assert notify.deliver(message.pk) is False
        message.refresh_from_db()
        assert (message.trouble["code"], message.failed_at) == ("mail_unreachable", None)


# --- what comes back --------------------------------------------------------------------------------------------------

REPORT = """\
From: MAILER-DAEMON@mx.example.net
To: portal@example.org
Subject: Undelivered Mail
Message-ID: <report@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I am sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; one@example.org
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such
 user
--b
Content-Type: {returned}

Message-ID: {id}
Subject: x

text
--b--
"""


def report(identity, action="failed", returned="message/rfc822"):
    return REPORT.format(id=identity, action=action, returned=returned).encode()


@pytest.fixture
def sent(message, mailoutbox):
    """The same message, taken by a server."""
    notify.deliver(message.pk)
    message.refresh_from_db()
    return message


class TestReports:
    @pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers"])
    def test_a_report_marks_its_message_once_and_leaves_an_event(self, sent, returned):
        raw = report(message_ids.message_id(sent.pk, 1), returned=returned)
        marked = [bounces.take(raw)[1] for _time in range(2)]
        sent.refresh_from_db()
        assert (marked, sent.bounced_at is not None, sent.failed_at is not None) == ([True, False], True, True)
        assert sent.trouble["params"] == {"said": "5.1.1 smtp; 550 no such user"}
        assert [(event.verb, event.data["address"]) for event in Event.objects.of(sent)] == [
            ("notification.bounce", "one@example.org")
        ]

    @pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
    def test_what_is_on_its_way_marks_nothing(self, sent, action):
        assert bounces.take(report(message_ids.message_id(sent.pk, 1), action))[1] is False
        sent.refresh_from_db()
        assert sent.failed_at is None

    def test_a_report_of_an_earlier_sending_marks_nothing(self, sent):
        Notification.objects.filter(pk=sent.pk).update(sending=2)
        assert bounces.take(report(message_ids.message_id(sent.pk, 1)))[1] is False

    @pytest.mark.parametrize("forged", [
        "<1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@example.org>", "<1.1@example.org>", "", "<>",
    ])  # fmt: skip
    def test_nobody_can_forge_the_return_of_a_message(self, sent, forged):
        with pytest.raises(Refused) as refused:
            bounces.take(report(forged))
        assert [problem.code for problem in refused.value.problems] == ["not_ours"]

    def test_an_id_is_good_for_its_own_message_alone(self, sent):
        other = message_ids.message_id(sent.pk, 1).replace(f"<{sent.pk}.", f"<{sent.pk + 1}.")
        assert message_ids.read(other) is None

    @pytest.mark.parametrize("raw, code", [
        (b"", "no_report"), (b"\x00\xff" * 500, "no_report"), (b"Subject: hello\n\nhello", "no_report"),
        (b"x" * (bounces.LARGEST + 1), "too_large"),
        (b"Content-Type: message/delivery-status\n\n", "not_ours"),
    ])  # fmt: skip
    def test_what_is_no_report_is_refused(self, raw, code):
        with pytest.raises(Refused) as refused:
            bounces.take(raw)
        assert [problem.code for problem in refused.value.problems] == [code]

    def test_the_command_reads_a_report_from_standard_input(self, sent, monkeypatch):
        def run(raw):
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
            out = io.StringIO()
            call_command("bounce", stdout=out)
            return out.getvalue()

        assert run(report(message_ids.message_id(sent.pk, 1))) == f"{sent.pk} failed marked\n"
        with pytest.raises(CommandError):
            run(b"nonsense")
