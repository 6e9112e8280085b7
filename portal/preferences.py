"""What each person chose to get by e-mail, and when: at once, once a day, or not at all.

Hides: that only departures from the table of kinds are kept, and that no choice touches a kind that is required.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction

from portal import audit
from portal.message_kinds import AT_ONCE, DELIVERIES, KINDS
from portal.models import NotificationPreference, User
from portal.problems import Problem, Refused, gettext_noop


def deliveries(kind: str, people: Iterable[int]) -> dict[int, str]:
    """How a message of ``kind`` leaves by e-mail for each of ``people`` (ids of users). One query.

    Raises KeyError for a kind that no table knows.
    """
    people = list(people)
    wanted = KINDS[kind]
    found = dict.fromkeys(people, AT_ONCE if wanted.required else wanted.default)
    if not wanted.required:
        rows = NotificationPreference.objects.filter(kind=kind, user__in=people)
        found |= dict(rows.values_list("user", "email"))
    return found


def chosen_by(user: User) -> dict[str, str]:
    """kind -> delivery, for every kind, in the order of the table."""
    rows = dict(NotificationPreference.objects.filter(user=user).values_list("kind", "email"))
    return {
        code: AT_ONCE if kind.required else rows.get(code, kind.default) for code, kind in KINDS.items()
    }  # fmt: skip


def choose(user: User, wanted: Mapping[str, str]) -> None:
    """Keep what ``user`` wants for some kinds: kind -> delivery; the others stay. Raises Refused with every problem.

    Holds for messages written from now on; those already written leave as they were to leave.
    """
    problems = [problem for code, email in wanted.items() if (problem := _problem(code, email))]
    if problems:
        raise Refused(problems)
    before = chosen_by(user)
    changed = {code: email for code, email in wanted.items() if before[code] != email}
    if not changed:
        return
    with transaction.atomic():
        for code, email in sorted(changed.items()):
            NotificationPreference.objects.update_or_create(user=user, kind=code, defaults={"email": email})
        audit.record(user, "user.notification_settings", by=user, **changed)


def _problem(code: str, email: str) -> Problem | None:
    kind = KINDS.get(code)
    if kind is None:
        return Problem("kind_unknown", code[:60], gettext_noop("没有这一类通知。"))
    if email not in DELIVERIES:
        return Problem("delivery_unknown", code, gettext_noop("请选择：立即发送、每日汇总或不发邮件。"))
    if kind.required and email != AT_ONCE:
        message = gettext_noop("“%(label)s”关系到法定期限或决定，邮件须立即发送，不能改变。")
        return Problem("kind_required", code, message, {"label": kind.label})
    return None
