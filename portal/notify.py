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

from portal.message_kinds import AT_ONCE, NONE
from portal.models import Notification, User
from portal.preferences import deliveries

logger = logging.getLogger(__name__)


def write(key: str, users: Iterable[User], template: str, link: str, *, by_email: bool = True, **context: Any) -> int:
    """Queue ``templates/emails/<template>`` for ``users`` in the caller's transaction; return how many are new.

    ``key`` names the cause ("event:12", "due:application:3:2026-11-24"); the same cause reaches a person once. The
    template is the message's kind: with each reader's choice it decides how the e-mail leaves. Each reads it in the own
    language. by_email: False where the e-mail, with a secret of its own, is written to the address.
    """
    people = {user.pk: user for user in users if user.is_active}
    languages = {user.language for user in people.values()}
    texts = {language: _texts(template, link, language, context) for language in languages}
    emails = deliveries(template, people) if by_email else dict.fromkeys(people, NONE)
    rows = [
        Notification(key=f"{key}:{pk}", user=user, kind=template, email=emails[pk], link=link, **texts[user.language])
        for pk, user in people.items()
    ]
    known = set(Notification.objects.filter(key__in=[row.key for row in rows]).values_list("key", flat=True))
    rows = [row for row in rows if row.key not in known]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if any(row.email == AT_ONCE for row in rows):
        ring_after_commit()
    return len(rows)


def write_to_address(key: str, address: str, template: str, link: str, *, language: str = "", **context: Any) -> bool:
    """Queue ``templates/emails/<template>`` for whoever reads ``address``, with or without an account; True when new.

    language: of the text, a code; "" for that of the portal. Nothing of it is shown in the portal, and its text is deleted
    once it was sent: it may hold a secret link.
    """
    texts = _texts(template, link, language or settings.LANGUAGE_CODE, context)
    _row, is_new = Notification.objects.get_or_create(key=key, defaults={"address": address, **texts})
    if is_new:
        ring_after_commit()
    return is_new


def _texts(template: str, link: str, language: str, context: dict[str, Any]) -> dict[str, str]:
    """Subject and body in ``language``; the sentence of an act comes as its Chinese original or lazily translated."""
    with translation.override(language):
        words = {**context, "link": settings.SITE_URL + link}
        if "sentence" in words:
            words["sentence"] = translation.gettext(str(words["sentence"]))
        subject = " ".join(render_to_string(f"emails/{template}.subject", words).split())[:200]
        return {"subject": subject, "body": render_to_string(f"emails/{template}.txt", words)}


def ring_after_commit() -> None:
    """Tell the workers, once the caller's transaction is kept, that messages wait."""
    transaction.on_commit(_ring, robust=True)


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
    address = message.user.email if message.user else message.address
    try:
        if address:
            send_mail(message.subject, message.body, settings.DEFAULT_FROM_EMAIL, [address])
    except Exception:  # any fault of any mail server: the row stays and is tried again, or shown as failed
        logger.exception("notification %s could not be sent", pk)
        attempts = message.attempts + 1
        failed = now if attempts >= settings.WORK_ATTEMPTS else None
        Notification.objects.filter(pk=pk).update(attempts=attempts, failed_at=failed)
        return False
    kept = {} if message.user else {"body": ""}
    Notification.objects.filter(pk=pk).update(sent_at=timezone.now(), claimed_until=None, **kept)
    return True
