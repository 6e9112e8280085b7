"""Messages: written as rows inside the act's transaction, sent by a worker, each exactly once per person and cause.

Hides: in whose words it is, the unique key that makes a second copy impossible, claiming a send, trying it again later and
giving it up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from portal import message_texts
from portal.mail_faults import fault_of
from portal.message_ids import message_id
from portal.message_kinds import AT_ONCE, NONE
from portal.models import MessageText, Notification, User
from portal.preferences import deliveries

logger = logging.getLogger(__name__)


def write(
    key: str,
    users: Iterable[User],
    template: str,
    link: str,
    *,
    by_email: bool = True,
    held: bool = False,
    **context: Any,
) -> int:
    """Queue a message of the kind ``template`` for ``users`` in the caller's transaction; return how many are new.

    ``key`` names the cause ("event:12", "due:application:3:2026-11-24"); the same cause reaches a person once. The kind
    says whose words it is in and, with each reader's choice, how the e-mail leaves. Each reads it in the own language.
    by_email: False where the e-mail, with a secret of its own, is written to the address. held: neither shown nor sent
    until somebody lets it go. context: what its text fills in; an ``event`` among it is kept as its cause.
    """
    people = {user.pk: user for user in users if user.is_active}
    texts = _texts(template, link, {user.language for user in people.values()}, context) if people else {}
    emails = deliveries(template, people) if by_email else dict.fromkeys(people, NONE)
    values = {
        "kind": template,
        "link": link,
        "event": context.get("event"),
        "held_since": timezone.now() if held else None,
    }
    rows = [
        Notification(key=f"{key}:{pk}", user=user, email=emails[pk], **values, **texts[user.language])
        for pk, user in people.items()
    ]
    known = set(Notification.objects.filter(key__in=[row.key for row in rows]).values_list("key", flat=True))
    rows = [row for row in rows if row.key not in known]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if not held and any(row.email == AT_ONCE for row in rows):
        ring_after_commit()
    return len(rows)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to an address. language: of its text, a code, "" for that of the portal; words: of its template."""

    key: str
    address: str
    link: str
    language: str
    words: dict[str, Any]


def write_to_address(key: str, address: str, template: str, link: str, *, language: str = "", **context: Any) -> bool:
    """Queue ``templates/emails/<template>`` for whoever reads ``address``, with or without an account; True when new.

    language: of the text, a code; "" for that of the portal. Nothing of it is shown in the portal, and its text is deleted
    once it was sent: it may hold a secret link.
    """
    return write_to_addresses(template, [Letter(key, address, link, language, context)]) == 1


def write_to_addresses(template: str, letters: Iterable[Letter]) -> int:
    """As ``write_to_address`` for many letters at once, with as many questions to the database; return how many are new."""
    own = message_texts.in_force(template)
    rows = [
        Notification(
            key=letter.key,
            address=letter.address,
            kind=template,
            **_text(template, letter.link, letter.language or settings.LANGUAGE_CODE, letter.words, own),
        )
        for letter in letters
    ]
    known = set(Notification.objects.filter(key__in=[row.key for row in rows]).values_list("key", flat=True))
    rows = [row for row in rows if row.key not in known]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        ring_after_commit()
    return len(rows)


def _texts(kind: str, link: str, languages: set[str], context: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """language -> the columns of a message that hold its words."""
    own = message_texts.in_force(kind)
    return {language: _text(kind, link, language, context, own) for language in languages}


def _text(kind: str, link: str, language: str, context: dict[str, Any], own: dict[str, MessageText]) -> dict[str, Any]:
    text = own.get(language)
    words = message_texts.rendered(kind, link, language, context, text)
    return {"subject": words.subject, "body": words.body, "text": text}


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
            _send(message, address)
    except Exception as error:  # any fault of any mail server: the row stays and is tried again, or shown as failed
        _keep_fault(message, error, now)
        return False
    kept = {} if message.user else {"body": ""}
    Notification.objects.filter(pk=pk).update(
        sent_at=timezone.now(), sent_to=address, claimed_until=None, trouble={}, **kept
    )
    return True


def _send(message: Notification, address: str) -> None:
    """Hand it to the mail server. The same message keeps its Message-ID, so that a copy is known for what it is."""
    headers = {"Message-ID": message_id(message.pk, message.sending)}
    EmailMessage(message.subject, message.body, settings.DEFAULT_FROM_EMAIL, [address], headers=headers).send()


def _keep_fault(message: Notification, error: Exception, now: datetime) -> None:
    """Write down why it did not leave. What cannot be cured by waiting is given up at once, the rest tried ever later."""
    logger.warning("notification %s could not be sent", message.pk, exc_info=error)
    fault = fault_of(error)
    attempts = message.attempts + 1
    given_up = fault.for_good or attempts >= settings.WORK_ATTEMPTS
    wait = timedelta(seconds=settings.WORK_LEASE_SECONDS) * 2 ** (attempts - 1)
    Notification.objects.filter(pk=message.pk).update(
        attempts=attempts,
        failed_at=now if given_up else None,
        claimed_until=None if given_up else now + wait,
        trouble=fault.problem.as_record(),
    )
