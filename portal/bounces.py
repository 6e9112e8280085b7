"""E-mails that came back: reading a delivery status report (RFC 3464) and marking the message it is about.

Hides: where in a report the returned headers stand, and that only our own signed Message-ID says which message it is, so
that nobody can have a message marked that they have not received. A report is a stranger's text: it is bounded and parsed
by the standard library alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal import audit, message_ids
from portal.models import Notification
from portal.problems import Problem, Refused, gettext_noop

LARGEST = 2_000_000  # bytes of a report; servers return headers, at most the whole message
SAID_AT_MOST = 200
RETURNED = frozenset({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"})


@dataclass(frozen=True, slots=True)
class Report:
    """What one report says. action: failed, delayed, delivered, relayed or expanded; said: of the refusing server."""

    message: int
    sending: int
    action: str
    said: str


def read(raw: bytes) -> Report:
    """Read a report. Raises Refused where it is none, or none of a message of ours."""
    if len(raw) > LARGEST:
        raise Refused([Problem("too_large", "", gettext_noop("报告太大，不像是投递状态报告。"))])
    parts = list(message_from_bytes(raw).walk())
    status = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    if status is None:
        raise Refused([Problem("no_report", "", gettext_noop("不是投递状态报告（RFC 3464）。"))])
    found = message_ids.read("\n".join(_returned_ids(parts)))
    if found is None:
        message = gettext_noop("报告里没有本平台发出的、签名有效的 Message-ID。")
        raise Refused([Problem("not_ours", "", message)])
    fields = _fields(status)
    action = fields.get("action", "").lower()
    said = " ".join(part for part in (fields.get("status", ""), fields.get("diagnostic-code", "")) if part)
    return Report(*found, action, said[:SAID_AT_MOST])


def _returned_ids(parts: list[Message[Any, Any]]) -> Iterator[str]:
    """Message-IDs of what was returned, whole or as headers alone; never that of the report itself."""
    for part in parts:
        if part.get_content_type() not in RETURNED:
            continue
        inside = part.get_payload()
        if isinstance(inside, list):
            yield from (str(inner.get("Message-ID", "")) for inner in inside if isinstance(inner, Message))
            continue
        decoded = part.get_payload(decode=True)
        if isinstance(decoded, bytes):
            yield from re.findall(r"(?im)^message-id:\s*(\S+)", decoded.decode("ascii", "replace"))


def _fields(status: Message[Any, Any]) -> dict[str, str]:
    """Fields of the report about its first recipient that has an action, in one line each."""
    blocks = status.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Message) and block.get("Action"):
            return {name.lower(): " ".join(str(value).split()) for name, value in block.items()}
    return {}


def take(raw: bytes) -> tuple[Report, bool]:
    """Mark the message of a report as come back; return the report, and whether this one marked it.

    Of a sending that was given up already, or of an earlier one than the last, nothing changes: the same report may come
    any number of times. Raises Refused as ``read`` does.
    """
    report = read(raw)
    if report.action != "failed":
        return report, False
    now = timezone.now()
    problem = Problem("mail_bounced", "", gettext_noop("邮件被退回：%(said)s"), {"said": report.said})
    rows = Notification.objects.filter(pk=report.message, sending=report.sending, sent_at__isnull=False, failed_at=None)
    with transaction.atomic():
        if not rows.update(failed_at=now, bounced_at=now, trouble=problem.as_record()):
            return report, False
        row = Notification.objects.get(pk=report.message)
        audit.record(row, "notification.bounce", by=None, address=row.sent_to, said=report.said, sending=row.sending)
    return report, True
