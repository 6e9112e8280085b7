"""Standing in 代理: while an officer is away, a colleague acts in that duty, by own consent or because a supervisor says so.

Hides: who may stand in for whom, and that of two agreements for the same duty and days only one can be made. What it means
for rights stands in ``communities.permissions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.models import Officer, StandIn
from communities.permissions import SYSTEM, own_duties
from portal import audit, notify
from portal.machine import MACHINES, NotAllowed
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

# Duties that handle cases. Who keeps accounts, rights or the trail, or the pool, is replaced by another appointment.
DUTIES = ("intake", "district_officer", "organiser", "approver", "supervisor")
LONGEST = 183  # days
STATES = {
    "asked": _("待代理人同意"),
    "agreed": _("已生效"),
    "declined": _("已谢绝"),
    "ended": _("已终止"),
    "over": _("已到期"),
}


def ask(by: User, officer: Officer, person: User, since: date, until: date, reason: str) -> StandIn:
    """Ask ``person`` to stand in for ``officer``. Of a supervisor who is neither of the two it holds at once.

    Raises NotAllowed for anybody but the officer and a supervisor, Refused with every problem.
    """
    arranges = is_arranger(by, officer, person)
    if officer.user_id != by.pk and not arranges:
        raise NotAllowed("stand_in.ask")
    row = StandIn(officer=officer, person=person, since=since, until=until, reason=reason.strip(), asked_by=by)
    problems = list(problems_of(row, timezone.localdate()))
    if not row.reason:
        problems.append(Problem("required", "reason", gettext_noop("请写明事由。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        row = StandIn.objects.create(
            officer=officer, person=person, since=since, until=until, reason=row.reason, asked_by=by, state="asked",
            due_on=until,
        )  # fmt: skip
        data = {"since": since.isoformat(), "until": until.isoformat(), "reason": row.reason}
        event = audit.record(row, "stand_in.ask", by=by, role="supervisor" if arranges else officer.duty, **data)
        if arranges:
            MACHINES["stand_in"].perform(row, "arrange", by=by)
        else:
            tell(row, event)
    return row


def is_arranger(user: User, officer: Officer, person: User | None = None) -> bool:
    """May ``user`` decide who stands in for ``officer``: a supervisor in person, and none of the two."""
    return ("supervisor", None) in own_duties(user) and user.pk not in (officer.user_id, person.pk if person else None)


def problems_of(row: StandIn, day: date) -> Iterator[Problem]:
    """All that speaks against it on ``day``, apart from its reason."""
    if row.officer.duty not in DUTIES:
        yield Problem("duty_excluded", "officer", gettext_noop("这项职责不能由他人代理，请另行任命。"))
    if not Officer.objects.on(max(row.since, day)).filter(pk=row.officer_id).exists():
        yield Problem("duty_ended", "officer", gettext_noop("被代理人届时不承担这项职责。"))
    yield from _of_person(row, day)
    if row.until < row.since:
        yield Problem("dates", "until", gettext_noop("止日不能早于起日。"))
    elif row.until < day:
        yield Problem("dates", "until", gettext_noop("止日已过。"))
    elif row.until - row.since > timedelta(days=LONGEST):
        yield Problem("dates", "until", gettext_noop("一次代理最长%(days)s天。"), {"days": LONGEST})
    agreed = StandIn.objects.filter(state="agreed", since__lte=row.until, until__gte=row.since).exclude(pk=row.pk)
    for other in agreed.filter(officer=row.officer_id).select_related("person")[:1]:
        words = {"person": str(other.person), "since": other.since.isoformat(), "until": other.until.isoformat()}
        message = gettext_noop("%(since)s至%(until)s已由%(person)s代理，不能重叠。")
        yield Problem("overlap", "since", message, words)
    if agreed.filter(officer__user=row.person_id).exists():
        yield Problem("away", "colleague", gettext_noop("代理人自己这段时间由他人代理，请另选。"))


def _of_person(row: StandIn, day: date) -> Iterator[Problem]:
    if row.person_id == row.officer.user_id:
        yield Problem("same_person", "colleague", gettext_noop("不能由本人代理本人。"))
    elif not row.person.is_active or not colleagues(day).filter(pk=row.person_id).exists():
        yield Problem("no_officer", "colleague", gettext_noop("代理人须是在任的主管人员。"))


def colleagues(day: date) -> QuerySet[User]:
    """Who could stand in: whoever holds a duty that handles cases."""
    held = Officer.objects.on(day).filter(duty__in=DUTIES)
    return User.objects.filter(pk__in=held.values("user"), is_active=True).order_by("name", "pk")


def replaceable(user: User, day: date) -> QuerySet[Officer]:
    """Duties for which ``user`` may ask a stand-in: the own ones, of a supervisor everybody's."""
    rows = Officer.objects.filter(Q(until=None) | Q(until__gte=day), duty__in=DUTIES, user__is_active=True)
    if ("supervisor", None) not in own_duties(user):
        rows = rows.filter(user=user)
    return rows.select_related("user", "district").order_by("user__name", "pk")


def roles_of(user: User | None, row: StandIn) -> frozenset[str]:
    """The "absent", the "stand_in", and a supervisor who is neither."""
    if user is None:
        return SYSTEM
    roles = {"absent"} if row.officer.user_id == user.pk else set()
    if row.person_id == user.pk:
        roles.add("stand_in")
    return frozenset(roles or ({"supervisor"} if is_arranger(user, row.officer, row.person) else ()))


def visible_to(user: User) -> QuerySet[StandIn]:
    """Those that concern ``user``; all of them for a supervisor."""
    rows: QuerySet[StandIn] = StandIn.objects.select_related("officer__user", "officer__district", "person", "asked_by")
    if ("supervisor", None) in own_duties(user):
        return rows
    return rows.filter(Q(person=user) | Q(officer__user=user))


def take_officer(row: StandIn) -> None:
    """The duty first, so that of two agreements for the same days the second sees the first."""
    Officer.objects.filter(pk=row.officer_id).update(since=F("since"))


def tell(row: StandIn, event: Event) -> None:
    """Both hear of everything that somebody else did."""
    link = row.get_absolute_url()
    action = event.verb.partition(".")[2]
    if action == "ask":
        words = gettext_noop("请您在其不在岗期间代理，同意后生效")
        notify.write(f"event:{event.pk}", [row.person], "waiting", link, subject=str(row), sentence=words, event=event)
        return
    people = [user for user in (row.person, row.officer.user) if user.pk != event.actor_id]
    done = next((one.done for one in MACHINES["stand_in"].transitions if one.action == action), "")
    notify.write(f"event:{event.pk}", people, "progress", link, subject=str(row), sentence=done, event=event)
