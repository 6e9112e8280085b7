"""Deadlines as a calendar (iCalendar, RFC 5545) that a person's own program reads by a private address.

Hides: that the address holds a secret of which only the digest is kept, and how a deadline becomes an event: all day, the
same UID as long as the same thing waits, the same bytes as long as nothing changes.
"""

from __future__ import annotations

import re
import secrets
from datetime import date, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from evaluation.work import Waiting, waiting_on
from portal import audit, clock
from portal.models import CalendarLink, User
from portal.workdays import Calendar as WorkingDays

CONTENT_TYPE = "text/calendar; charset=utf-8"
REMINDED_AT = timedelta(hours=9)
# Neither an end of line nor any other character that steers: what people type is one line of text.
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def open_link(user: User) -> str:
    """Make the person's private address, or a new one in place of the old; return its secret, told only now."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        values = {"digest": _digest(secret), "created_at": timezone.now()}
        CalendarLink.objects.update_or_create(user=user, defaults=values)
        audit.record(user, "user.calendar_link", by=user)
    return secret


def close_link(user: User) -> None:
    """End the person's private address at once; without one nothing happens."""
    with transaction.atomic():
        deleted, _rows = CalendarLink.objects.filter(user=user).delete()
        if deleted:
            audit.record(user, "user.calendar_unlink", by=user)


def reader_of(secret: str) -> User | None:
    """The active person whose address this is; None for a wrong or ended one."""
    row = CalendarLink.objects.select_related("user").filter(digest=_digest(secret), user__is_active=True).first()
    return row.user if row else None


def calendar_of(user: User) -> bytes:
    """The calendar of everything that waits on ``user`` and has a last day, in the person's language."""
    with translation.override(user.language):
        calendar = Calendar()
        calendar.add("prodid", "-//smart-community-portal//deadlines//ZH")
        calendar.add("version", "2.0")
        calendar.add("x-wr-calname", _("智慧小区待办期限"))
        calendar.add("x-wr-timezone", settings.TIME_ZONE)
        calendar.add("x-published-ttl", "PT1H")
        days = clock.calendar()
        for row in waiting_on(user):
            if row.due_on is not None:
                calendar.add_component(_event(row, row.due_on, days))
        return calendar.to_ical(sorted=False)


def _event(row: Waiting, due_on: date, days: WorkingDays) -> Event:
    address = settings.SITE_URL + row.link
    event = Event()
    event.add("uid", f"{row.key}@{urlsplit(settings.SITE_URL).hostname}")
    event.add("dtstamp", row.since)
    event.add("last-modified", row.since)
    event.add("dtstart", due_on)
    event.add("dtend", due_on + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    summary = _plain(_("%(sentence)s：%(subject)s") % {"sentence": row.sentence, "subject": row.subject})
    event.add("summary", summary)
    event.add("description", "\n".join([*(_plain(text) for text in (row.detail, row.sentence)), address]))
    event.add("url", address)
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    # From midnight of the last day back to the morning of the working day before.
    alarm.add("trigger", days.workday_before(due_on) - due_on + REMINDED_AT)
    event.add_component(alarm)
    return event


def _plain(text: str) -> str:
    return CONTROL.sub(" ", text).strip()
