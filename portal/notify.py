"""Messages: written as rows inside the act's transaction, sent by a worker, each exactly once per person and cause.

Hides: rendering, the unique key that makes a second copy impossible, claiming and retrying a send.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from portal.models import Notification, User

logger = logging.getLogger(__name__)


def write(key: str, users: Iterable[User], template: str, link: str, **context: Any) -> int:
    """Queue ``templates/emails/<template>`` for ``users`` in the caller's transaction; return how many are new.

    ``key`` names the cause ("event:12", "due:application:3:2026-11-24"); the same cause reaches a person once.
    """
    people = {user.pk: user for user in users if user.is_active}
    with translation.override(settings.LANGUAGE_CODE):
        context = {**context, "link": settings.SITE_URL + link}
        subject = " ".join(render_to_string(f"emails/{template}.subject", context).split())[:200]
        body = render_to_string(f"emails/{template}.txt", context)
    rows = [
        Notification(key=f"{key}:{pk}", user=user, subject=subject, body=body, link=link) for pk, user in people.items()
    ]
    known = set(Notification.objects.filter(key__in=[row.key for row in rows]).values_list("key", flat=True))
    rows = [row for row in rows if row.key not in known]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        transaction.on_commit(_ring, robust=True)
    return len(rows)


def _ring() -> None:
    from portal.tasks import ring_deliveries  # tasks is a leaf

    ring_deliveries()


def deliver(pk: int) -> bool:
    """Send one message by e-mail if nobody else has or is; True when this call sent it.

    The claim is a conditional UPDATE; a worker killed while sending lets the claim lapse and the message is sent again:
    an e-mail may come twice in that one case, never not at all.
    """
    now = timezone.now()
    lease = timedelta(seconds=settings.WORK_LEASE_SECONDS)
    if not Notification.objects.unsent(now).filter(pk=pk).update(claimed_until=now + lease):
        return False
    message = Notification.objects.select_related("user").get(pk=pk)
    try:
        if message.user.email:
            send_mail(message.subject, message.body, settings.DEFAULT_FROM_EMAIL, [message.user.email])
    except Exception:  # any fault of any mail server: the row stays and is tried again, or shown as failed
        logger.exception("notification %s could not be sent", pk)
        attempts = message.attempts + 1
        failed = now if attempts >= settings.WORK_ATTEMPTS else None
        Notification.objects.filter(pk=pk).update(attempts=attempts, failed_at=failed)
        return False
    Notification.objects.filter(pk=pk).update(sent_at=timezone.now(), claimed_until=None)
    return True
