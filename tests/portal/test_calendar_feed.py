"""The calendar of deadlines: read back by a parser, folded and escaped whatever people type, closed to who lost access."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone, translation
from icalendar import Calendar

from communities.models import Membership
from evaluation.work import Waiting
from portal import calendar_feed, clock
from portal.models import CalendarLink, DayOverride, Event, User

pytestmark = pytest.mark.django_db

SINCE = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
DUE = date(2026, 11, 24)  # a Tuesday
HOSTILE = [
    '小区;甲,乙\\丙:丁"戊',
    "a\r\nBEGIN:VEVENT\r\nSUMMARY:假的",
    "x\nEND:VCALENDAR\n",
    "示例" * 100,
    "😀" * 60,
    "tab\there\x0b\x0c\x1f\u2028",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
]


@pytest.fixture
def person():
    return User.objects.create(username="one", name="示例甲")


def waiting(key="application-1", subject="示例小区", due_on=DUE, detail="渝中区 · 设计评价", since=SINCE):
    return Waiting(key, subject, detail, "形式审查", due_on, "/applications/1/form-check/", since)


@pytest.fixture
def rows(monkeypatch):
    """What waits on whoever asks; the tests fill it."""
    found = []
    monkeypatch.setattr(calendar_feed, "waiting_on", lambda user: list(found))
    return found


def events(body):
    return list(Calendar.from_ical(body).walk("VEVENT"))


class TestTheFile:
    def test_a_deadline_is_an_event_of_one_whole_day_with_an_alarm(self, person, rows, settings):
        settings.SITE_URL = "https://stars.example.org"
        rows.append(waiting())
        (event,) = events(calendar_feed.calendar_of(person))
        address = "https://stars.example.org/applications/1/form-check/"
        assert str(event["uid"]) == "application-1@stars.example.org"
        assert (event.decoded("dtstart"), event.decoded("dtend")) == (DUE, DUE + timedelta(days=1))
        assert str(event["summary"]) == "形式审查：示例小区"
        assert str(event["description"]) == f"渝中区 · 设计评价\n形式审查\n{address}"
        assert str(event["url"]) == address
        assert (event.decoded("dtstamp"), event.decoded("last-modified")) == (SINCE, SINCE)
        (alarm,) = event.walk("VALARM")
        assert alarm.decoded("trigger") == timedelta(hours=-15)  # nine in the morning of the day before

    def test_the_alarm_is_on_the_working_day_before(self, person, rows):
        monday = date(2026, 11, 23)
        rows.append(waiting(due_on=monday))
        (alarm,) = Calendar.from_ical(calendar_feed.calendar_of(person)).walk("VALARM")
        assert alarm.decoded("trigger") == timedelta(days=-3, hours=9)
        DayOverride.objects.create(day=monday - timedelta(days=1), is_workday=True, basis="示例")
        (alarm,) = Calendar.from_ical(calendar_feed.calendar_of(person)).walk("VALARM")
        assert alarm.decoded("trigger") == timedelta(days=-1, hours=9)
        assert clock.calendar().workday_before(monday) == monday - timedelta(days=1)

    def test_what_has_no_last_day_is_not_in_it(self, person, rows):
        rows += [waiting(), waiting("application-2", due_on=None)]
        assert [str(event["uid"]).partition("@")[0] for event in events(calendar_feed.calendar_of(person))] == [
            "application-1"
        ]

    def test_the_same_things_make_the_same_bytes_and_another_day_the_same_uid(self, person, rows):
        rows.append(waiting())
        first = calendar_feed.calendar_of(person)
        assert calendar_feed.calendar_of(person) == first
        rows[:] = [waiting(due_on=DUE + timedelta(days=1))]
        second = calendar_feed.calendar_of(person)
        assert second != first
        assert events(second)[0]["uid"] == events(first)[0]["uid"]

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_whatever_people_type_is_one_line_of_text(self, person, rows, text):
        rows.append(waiting(subject=text, detail=text))
        body = calendar_feed.calendar_of(person)
        (event,) = events(body)
        shown = calendar_feed.CONTROL.sub(" ", text).strip()
        assert str(event["summary"]) == f"形式审查：{shown}"
        assert str(event["description"]).split("\n")[0] == shown
        lines = body.split(b"\r\n")
        assert max(len(line) for line in lines) <= 75
        assert all(line.decode("utf-8") is not None and b"\n" not in line and b"\r" not in line for line in lines)
        assert [line for line in lines if line.startswith(b"BEGIN:")] == [
            b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", b"BEGIN:VALARM",
        ]  # fmt: skip

    def test_an_empty_calendar_is_a_calendar(self, person, rows):
        assert events(calendar_feed.calendar_of(person)) == []

    def test_it_speaks_the_readers_language_whoever_asks(self, person, rows):
        rows.append(waiting())
        with translation.override("en"):
            assert "智慧小区待办期限".encode() in calendar_feed.calendar_of(person)


class TestTheAddress:
    def test_it_is_read_without_signing_in(self, person, rows, client):
        rows.append(waiting())
        answer = client.get(f"/calendar/{calendar_feed.open_link(person)}.ics")
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
        assert answer.content == calendar_feed.calendar_of(person)
        assert (answer["Cache-Control"], "sessionid" in answer.cookies) == ("private, no-cache", False)

    def test_what_has_not_changed_is_not_sent_again(self, person, rows, client):
        rows.append(waiting())
        address = f"/calendar/{calendar_feed.open_link(person)}.ics"
        tag = client.get(address)["ETag"]
        same = client.get(address, headers={"If-None-Match": tag})
        rows.append(waiting("application-2"))
        other = client.get(address, headers={"If-None-Match": tag})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
        assert (other.status_code, other["ETag"] == tag) == (200, False)

    @pytest.mark.parametrize("method", ["post", "put", "delete"])
    def test_it_is_only_read(self, person, client, method):
        address = f"/calendar/{calendar_feed.open_link(person)}.ics"
        assert getattr(client, method)(address).status_code == 405

    @pytest.mark.parametrize("secret", ["x", "长", "%00", "a" * 3000])
    def test_a_wrong_one_is_unknown(self, person, client, secret):
        calendar_feed.open_link(person)
        assert client.get(f"/calendar/{secret}.ics").status_code in (404, 400)

    def test_its_secret_is_kept_nowhere(self, person):
        secret = calendar_feed.open_link(person)
        assert len(secret) >= 43
        assert secret not in str(CalendarLink.objects.values().get()) + str(
            Event.objects.values_list("data", flat=True)
        )

    def test_renewed_the_old_one_ends_and_ended_none_is_left(self, person, client):
        first, second = (calendar_feed.open_link(person) for _time in range(2))
        answers = [client.get(f"/calendar/{secret}.ics").status_code for secret in (first, second)]
        calendar_feed.close_link(person)
        calendar_feed.close_link(person)
        assert (answers, client.get(f"/calendar/{second}.ics").status_code) == ([404, 200], 404)
        assert [event.verb for event in Event.objects.of(person)] == [
            "user.calendar_link", "user.calendar_link", "user.calendar_unlink",
        ]  # fmt: skip

    def test_who_was_switched_off_has_none(self, person, client):
        secret = calendar_feed.open_link(person)
        User.objects.update(is_active=False)
        assert client.get(f"/calendar/{secret}.ics").status_code == 404

    def test_guessing_ends_soon_and_so_does_reading_too_often(self, person, rows, client, settings):
        settings.CALENDAR_PER_HOUR = 2
        secret = calendar_feed.open_link(person)
        guesses = [client.get("/calendar/x.ics").status_code for _time in range(3)]
        readings = [client.get(f"/calendar/{secret}.ics") for _time in range(3)]
        assert (guesses, [one.status_code for one in readings]) == ([404, 404, 429], [200, 200, 429])
        assert int(readings[2]["Retry-After"]) > 0


def test_who_left_the_unit_reads_nothing_of_it_at_once(at_state, world, client):
    case = at_state("correction")
    secret = calendar_feed.open_link(world.applicant)
    address = f"/calendar/{secret}.ics"
    before = events(client.get(address).content)
    assert [str(event["uid"]).partition("@")[0] for event in before] == [f"application-{case.pk}"]
    assert before[0].decoded("dtstart") == case.due_on
    yesterday = timezone.localdate() - timedelta(days=1)
    Membership.objects.filter(user=world.applicant).update(until=yesterday)
    assert events(client.get(address).content) == []
