"""Duties of officers 主管人员: giving and ending one, and what is left behind.

Hides: that the three administrators are three persons who handle no case (三员分离), that nobody gives or ends a duty of
their own, and that a duty is never left without anybody who could give it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from communities.models import District, Membership, Officer, StandIn
from evaluation.clocks import HOLDERS
from evaluation.models import Application
from evaluation.permissions import ADMINISTRATORS, can_city
from portal import audit
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Changed, Problem, Refused, gettext_noop

ROLE = "security_administrator"
DAY = timedelta(days=1)
# without whom nobody could make an account or give a duty any more
NEVER_EMPTY = frozenset({"system_administrator", "security_administrator"})


@dataclass(frozen=True, slots=True)
class Appointment:
    """A duty to be given. districts: codes, for a district officer one or more, else none; until: last day or None."""

    user: User
    duty: str
    since: date
    basis: str
    districts: tuple[str, ...] = ()
    until: date | None = None


def give(by: User | None, wanted: Appointment) -> list[Officer]:
    """Give a duty: one row, for a district officer one for each district. ``by`` None: the operator's command.

    Raises NotAllowed, Refused with every problem.
    """
    _authorise(by)
    with transaction.atomic():
        # Two at once would each see none of the duties that keep the other out.
        User.objects.filter(pk=wanted.user.pk).update(is_active=F("is_active"))
        problems = list(problems_of(by, wanted, timezone.localdate()))
        if problems:
            raise Refused(problems)
        rows = [_given(by, wanted, district) for district in wanted.districts or (None,)]
    wanted.user.__dict__.pop("_duties", None)
    return rows


def _given(by: User | None, wanted: Appointment, district: str | None) -> Officer:
    row = Officer.objects.create(
        user=wanted.user, duty=wanted.duty, district_id=district, since=wanted.since, until=wanted.until,
        basis=wanted.basis.strip(),
    )  # fmt: skip
    audit.record(row, "officer.give", by=by, role=ROLE if by else "", before=None, after=_period(row), basis=row.basis)
    return row


def person_named(username: str) -> User:
    """The account of a user name. Raises Refused where there is none."""
    user = User.objects.filter(username=username.strip()).first()
    if user is None:
        message = gettext_noop("没有用户名为“%(name)s”的账号，请核对或请系统管理员建立。")
        raise Refused([Problem("user_unknown", "user", message, {"name": username})])
    return user


def _authorise(by: User | None) -> None:
    if by is not None and not can_city(by, "keep_duties"):
        raise NotAllowed("keep_duties")


def _period(row: Officer) -> dict[str, Any]:
    """What the trail keeps of a duty."""
    return {
        "duty": row.duty, "district": row.district_id, "since": row.since.isoformat(),
        "until": row.until.isoformat() if row.until else None,
    }  # fmt: skip


def problems_of(by: User | None, wanted: Appointment, day: date) -> Iterator[Problem]:
    """What is wrong with an appointment, all of it."""
    if by is not None and by.pk == wanted.user.pk:
        yield Problem("own_duty", "user", gettext_noop("不能给自己任命职责，请由另一位安全管理员办理。"))
    if not wanted.user.is_active:
        yield Problem("inactive", "user", gettext_noop("该账号已停用，请先由系统管理员启用。"))
    if Membership.objects.on(day).filter(user=wanted.user).exists():
        yield Problem("member", "user", gettext_noop("该人员是申报或咨询单位的成员，不能担任主管人员。"))
    if not wanted.basis.strip():
        yield Problem("required", "basis", gettext_noop("请写明依据，例如任命文号。"))
    yield from _period_problems(wanted, day)
    if wanted.duty not in Officer.Duty.values:
        yield Problem("duty_unknown", "duty", gettext_noop("没有这项职责。"))
        return
    yield from _district_problems(wanted, day)
    yield from _separation_problems(wanted)


def _period_problems(wanted: Appointment, day: date) -> Iterator[Problem]:
    if wanted.since < day:
        yield Problem("past", "since", gettext_noop("起始日期不能早于今天：职责不追溯。"))
    if wanted.until is not None and wanted.until < wanted.since:
        yield Problem("order", "until", gettext_noop("终止日期不能早于起始日期。"))


def _district_problems(wanted: Appointment, day: date) -> Iterator[Problem]:
    if wanted.duty != Officer.Duty.DISTRICT_OFFICER:
        if wanted.districts:
            yield Problem("districts", "districts", gettext_noop("只有区县审核员按区县任命。"))
        return
    if not wanted.districts:
        yield Problem("required", "districts", gettext_noop("请选择区县。"))
    in_use = District.objects.filter(pk__in=wanted.districts).exclude(valid_until__lt=day)
    for code in sorted(set(wanted.districts) - set(in_use.values_list("pk", flat=True))):
        yield Problem("district_unknown", "districts", gettext_noop("没有在用的区县%(code)s。"), {"code": code})


def _overlapping(wanted: Appointment) -> QuerySet[Officer]:
    """Duties of the same person on any day of the new one."""
    rows = Officer.objects.filter(Q(until=None) | Q(until__gte=wanted.since), user=wanted.user)
    return rows if wanted.until is None else rows.filter(since__lte=wanted.until)


def _separation_problems(wanted: Appointment) -> Iterator[Problem]:
    """三员分离: whoever is one of the three holds nothing else; and nothing is given twice."""
    for row in _overlapping(wanted).order_by("pk"):
        words = {"duty": row.get_duty_display()}
        if row.duty == wanted.duty and (row.district_id is None or row.district_id in wanted.districts):
            message = gettext_noop("该人员在这段时间已担任%(duty)s%(district)s。")
            yield Problem(
                "double", "duty", message, {**words, "district": f"（{row.district}）" if row.district else ""}
            )
        elif row.duty != wanted.duty and ADMINISTRATORS & {row.duty, wanted.duty}:
            message = gettext_noop(
                "三员分离：该人员在这段时间担任%(duty)s，系统、安全、审计管理员须为三人，且不办理案件。"
            )
            yield Problem("separation", "duty", message, words)
    if wanted.duty in ADMINISTRATORS:
        stands = StandIn.objects.open().filter(person=wanted.user, until__gte=wanted.since)
        if (stands if wanted.until is None else stands.filter(since__lte=wanted.until)).exists():
            message = gettext_noop("三员分离：该人员在这段时间代理他人的职责，请先终止代理。")
            yield Problem("stands_in", "duty", message)


# --- ending -----------------------------------------------------------------------------------------------------------


def end(by: User, row: Officer, until: date, basis: str) -> None:
    """Let ``until`` be the last day of a duty; yesterday ends it at once. What was done in it stays.

    Raises NotAllowed, Refused with every problem, Changed where somebody has set another last day since ``row`` was read.
    """
    _authorise(by)
    day, before = timezone.localdate(), _period(row)
    with transaction.atomic():
        # Of two who each end the duty of the other, the second finds nobody left to hold it.
        Officer.objects.filter(duty=row.duty).update(since=F("since"))
        problems = list(_end_problems(by, row, until, basis, day))
        if problems:
            raise Refused(problems)
        if not Officer.objects.filter(pk=row.pk, until=row.until).update(until=until):
            last = Event.objects.of(row).last()
            message = gettext_noop("%(who)s刚刚改过这项职责的终止日期，请看过后再定。")
            raise Changed([Problem("changed", "", message, {"who": last.actor_name if last else ""})], {})
        row.until = until
        audit.record(row, "officer.end", by=by, role=ROLE, before=before, after=_period(row), basis=basis.strip())
    row.user.__dict__.pop("_duties", None)


def _end_problems(by: User, row: Officer, until: date, basis: str, day: date) -> Iterator[Problem]:
    if row.user_id == by.pk:
        yield Problem("own_duty", "", gettext_noop("不能变更自己的职责，请由另一位安全管理员办理。"))
    if not basis.strip():
        yield Problem("required", "basis", gettext_noop("请写明依据，例如任免文号。"))
    if until < day - DAY:
        yield Problem("past", "until", gettext_noop("终止日期最早为昨天，即自今天起不再担任。"))
    if row.until is not None and row.until < day:
        yield Problem("over", "until", gettext_noop("这项职责已经终止。"))
    if row.duty in NEVER_EMPTY and not _others(row, min(until, date.max - DAY) + DAY).exists():
        message = gettext_noop("终止后将没有%(duty)s，请先任命另一位。")
        yield Problem("last_one", "until", message, {"duty": row.get_duty_display()})


def _others(row: Officer, day: date) -> QuerySet[Officer]:
    """The same duty (of the same district) of others on ``day``."""
    rows = Officer.objects.on(day).filter(duty=row.duty, district=row.district, user__is_active=True)
    return rows.exclude(user=row.user_id)


# --- what is left behind ----------------------------------------------------------------------------------------------


def left_behind(row: Officer, day: date) -> QuerySet[Application]:
    """Open cases that would have nobody once this duty ends: those the person organises, and, of a duty that nobody else
    holds, what waits on the duty."""
    rows = Application.objects.open().exclude(state="draft")
    left = Q(organiser=row.user_id) if row.duty == Officer.Duty.ORGANISER else Q(pk__in=[])
    if not _others(row, day).exists():
        states = [state for state, role in HOLDERS.items() if role == row.duty]
        waits = Q(state__in=states)
        left |= waits & Q(project__community__district=row.district_id) if row.district_id else waits
    return rows.filter(left)


def history_of(user: User) -> QuerySet[Event]:
    """What was done to the duties and the account of one person, newest first."""
    acts = Q(verb__startswith="officer.") | Q(verb__in=ACCOUNT_VERBS)
    return Event.objects.in_thread(f"portal.user:{user.pk}").filter(acts).order_by("-pk")


ACCOUNT_VERBS = (
    "user.register", "user.open", "user.deactivate", "user.reactivate", "user.unlock", "user.reset_password",
    "user.first_password",
)  # fmt: skip
