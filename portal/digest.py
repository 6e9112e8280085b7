"""The daily e-mail: one a person and day, listing the messages that the person wants to get together.

Hides: that the day's e-mail is a row with a key of its own, so that two workers, a killed worker or a doubled bell make
one e-mail, and that no message is in two of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from portal import message_kinds
from portal.models import Notification, User
from portal.notify import ring_after_commit

PEOPLE_AT_ONCE = 500


def last_moment(now: datetime) -> datetime:
    """The newest moment, not after ``now``, at which the day's e-mails are put together (hour of the settings)."""
    local = timezone.localtime(now)
    moment = local.replace(hour=settings.DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return moment if moment <= local else moment - timedelta(days=1)


def write(now: datetime) -> int:
    """Queue the e-mails of the last moment that are not queued yet; return how many. Safe to call at any time.

    Only messages older than the moment go in: whenever this runs, a person hears once a day, at the hour.
    """
    moment = last_moment(now)
    waiting = Notification.objects.for_digest(moment).order_by("user")
    people = list(waiting.values_list("user", flat=True).distinct()[:PEOPLE_AT_ONCE])
    return sum(_write_one(user, moment, now) for user in User.objects.filter(pk__in=people).order_by("pk"))


def _write_one(user: User, moment: datetime, now: datetime) -> bool:
    """One person's e-mail and the messages it takes along, in one transaction; False where another has done it."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                # The unique key decides between two workers; the slower one waits here and then finds it taken.
                digest = Notification.objects.create(
                    key=f"digest:{moment:%Y-%m-%d}:{user.pk}", user=user, kind=message_kinds.DIGEST, read_at=now
                )
        except IntegrityError:
            return False
        rows = list(Notification.objects.for_digest(moment).filter(user=user).order_by("created_at", "pk"))
        if not rows:
            transaction.set_rollback(True)
            return False
        digest.subject, digest.body = _rendered(rows, user.language)
        digest.save(update_fields=["subject", "body"])
        Notification.objects.filter(pk__in=[row.pk for row in rows]).update(sent_at=now)
        ring_after_commit()
    return True


def _rendered(rows: list[Notification], language: str) -> tuple[str, str]:
    with translation.override(language):
        context = {"rows": rows, "site": settings.SITE_URL}
        subject = " ".join(render_to_string("emails/digest.subject", context).split())[:200]
        return subject, render_to_string("emails/digest.txt", context)
