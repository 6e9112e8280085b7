"""Whether messages reached their readers: of one case for its officers, of all e-mails for whoever runs the portal.

Hides: how the moments of a message read as one word, and that an e-mail is sent again once, to the address as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from communities.models import Membership
from evaluation.models import Application
from evaluation.permissions import can_city
from portal import audit, message_kinds, notify
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification, User
from portal.problems import Problem, Refused

DAYS = 14  # of the counts
# how far a message has come -> in words, and the colour of its lamp
STANDINGS: Mapping[str, tuple[str, str]] = {
    "held": (gettext_noop("待发"), "wait"),
    "bounced": (gettext_noop("邮件被退回"), "late"),
    "failed": (gettext_noop("邮件发送失败"), "late"),
    "portal_only": (gettext_noop("没有电子邮箱，只在门户显示"), "wait"),
    "sent": (gettext_noop("已交邮件服务器"), "ok"),
    "collected": (gettext_noop("已随每日汇总发出"), "ok"),
    "daily": (gettext_noop("待每日汇总"), "plain"),
    "unwanted": (gettext_noop("本人不收邮件，只在门户显示"), "plain"),
    "deferred": (gettext_noop("邮件服务器暂缓，稍后再试"), "wait"),
    "waiting": (gettext_noop("正在发送"), "plain"),
}


def standing_of(row: Notification) -> str:
    """How far the e-mail of a message has come: a key of STANDINGS."""
    tests = (
        (row.held_since is not None, "held"),
        (row.bounced_at is not None, "bounced"),
        (row.failed_at is not None, "failed"),
        (row.sent_at is not None and row.email == message_kinds.DAILY, "collected"),
        (row.sent_at is not None and not row.sent_to, "portal_only"),
        (row.sent_at is not None, "sent"),
        (row.email == message_kinds.DAILY, "daily"),
        (row.email == message_kinds.NONE, "unwanted"),
        (row.attempts > 0, "deferred"),
    )
    return next((standing for holds, standing in tests if holds), "waiting")


def trouble_of(row: Notification, translate: Callable[[str], str]) -> str:
    """Why the last attempt failed, in words; "" where none did."""
    return Problem.from_record(row.trouble).text(translate) if row.trouble else ""


# --- of one case ------------------------------------------------------------------------------------------------------


def to_applicant(application: Application) -> QuerySet[Notification]:
    """What the applicant's people were told in this application's case, newest first."""
    people = Membership.objects.filter(organisation=application.project.organisation_id).values("user")
    rows = Notification.objects.filter(event__thread=application.thread, user__in=people)
    return rows.select_related("user", "event").order_by("-created_at", "-pk")


# --- of all -----------------------------------------------------------------------------------------------------------


def undelivered() -> QuerySet[Notification]:
    """E-mails that were given up or came back, newest first."""
    return Notification.objects.undelivered().select_related("user").order_by("-failed_at", "-pk")


def counts_by_day(days: int = DAYS) -> list[dict[str, Any]]:
    """How many e-mails of each of the last days were written, sent, given up, returned, and read in the portal."""
    first = timezone.localdate() - timedelta(days=days - 1)
    rows = Notification.objects.filter(held_since=None, email=message_kinds.AT_ONCE, created_at__date__gte=first)
    counted = rows.annotate(day=TruncDate("created_at")).order_by().values("day").annotate(
        written=Count("pk"),
        sent=Count("pk", filter=Q(sent_at__isnull=False, failed_at=None)),
        failed=Count("pk", filter=Q(failed_at__isnull=False, bounced_at=None)),
        bounced=Count("pk", filter=Q(bounced_at__isnull=False)),
        read=Count("pk", filter=Q(read_at__isnull=False)),
    )  # fmt: skip
    return list(counted.order_by("-day"))


def address_of(row: Notification) -> str:
    """Where the e-mail goes now."""
    return row.user.email if row.user else row.address


def resend_problem(row: Notification) -> Problem | None:
    """Why an e-mail cannot be sent again; None where it can."""
    if not row.body:
        message = gettext_noop("正文含有一次性链接，发出后已删除；请由办理人重新发起（如重新邀请）。")
        return Problem("text_deleted", "", message)
    address = address_of(row)
    if not address:
        return Problem("no_address", "", gettext_noop("收件人没有电子邮箱，请其在账号页填写后再发。"))
    if row.bounced_at and address == row.sent_to:
        message = gettext_noop("地址 %(address)s 还没有更正，再发仍会退回；请收件人在账号页更正后再发。")
        return Problem("address_same", "", message, {"address": address})
    return None


def resend(by: User, row: Notification) -> None:
    """Send an undelivered e-mail again, once for each failure, to the address as it is now.

    Raises NotAllowed, Refused, and Stale where it was sent again meanwhile.
    """
    if not can_city(by, "see_undelivered"):
        raise NotAllowed("see_undelivered")
    with transaction.atomic():
        rows = Notification.objects.filter(pk=row.pk, failed_at__isnull=False, sending=row.sending)
        again = {"failed_at": None, "bounced_at": None, "sent_at": None, "claimed_until": None, "attempts": 0}
        # Taken first, so that the address is read once nobody else can send it.
        if not rows.update(**again, sending=row.sending + 1, trouble={}):
            raise Stale(Event.objects.of(row).last())
        row.user = User.objects.filter(pk=row.user_id).first()
        problem, address = resend_problem(row), address_of(row)
        if problem is not None:
            raise Refused([problem])
        audit.record(
            row, "notification.resend", by=by, role="system_administrator", before=row.sent_to, after=address,
            trouble=row.trouble, sending=row.sending + 1,
        )  # fmt: skip
        notify.ring_after_commit()


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """Of undelivered e-mails one row for whoever runs the portal, as the fields of ``work.Waiting``."""
    if not can_city(user, "see_undelivered"):
        return
    found = Notification.objects.undelivered().aggregate(count=Count("pk"), since=Min("failed_at"))
    if found["count"]:
        words = ngettext("%(n)s 封邮件没有送达", "%(n)s 封邮件没有送达", found["count"]) % {"n": found["count"]}
        yield {
            "key": "undelivered", "subject": _("邮件发送"), "detail": words, "sentence": _("查看原因，更正地址后再发"),
            "due_on": None, "link": reverse("undelivered"), "since": found["since"],
        }  # fmt: skip
