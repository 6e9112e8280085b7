"""Who acts for a unit: members are added and leave; access follows at once.

Hides: that the last administrator stays, and whose account no unit may make a member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from communities.models import Membership, Officer, Organisation
from communities.permissions import RIGHTS
from communities.writing import authorise, role_of, unique
from portal import audit, notify
from portal.machine import hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

# Apps above say whose account no unit may make a member.
Bar = Callable[[User], Iterator[Problem]]
BARS: list[Bar] = []


def bars(function: Bar) -> Bar:
    """Register what keeps an account out of units; a decorator for the apps above."""
    BARS.append(function)
    return function


def add_member(by: User, organisation: Organisation, username: str, role: str) -> Membership:
    """Let an existing account act for the unit, from today, and tell its owner. Raises NotAllowed, Stale, Refused."""
    authorise(by, "manage_members", organisation)
    user = User.objects.filter(username=username.strip(), is_active=True).first()
    problems = [*_member_problems(organisation, user, role)]
    if problems or user is None:
        raise Refused(problems)
    with unique(_member_already()), transaction.atomic():
        hold(organisation, *RIGHTS["manage_members"][1])
        row = Membership.objects.create(user=user, organisation=organisation, role=role, since=timezone.localdate())
        event = audit.record(
            organisation,
            "organisation.add_member",
            by=by,
            role=role_of(by, organisation),
            member=str(user),
            as_role=role,
        )
        notify.write(
            f"event:{event.pk}", [user], "organisation", organisation.get_absolute_url(),
            organisation=organisation, event=event, sentence=gettext_noop("您已成为该单位的成员"),
        )  # fmt: skip
    return row


def _member_problems(organisation: Organisation, user: User | None, role: str) -> Iterator[Problem]:
    if role not in Membership.Role.values:
        yield Problem("role", "role", gettext_noop("请选择成员角色。"))
    if user is None:
        yield Problem("user_unknown", "username", gettext_noop("没有这个用户名；请对方先注册账号，再告诉您用户名。"))
    elif Membership.objects.filter(organisation=organisation, user=user, until=None).exists():
        yield _member_already()
    elif Officer.objects.on(timezone.localdate()).filter(user=user).exists():
        # Otherwise a unit could keep an officer off its cases by naming them a member.
        yield Problem("member_is_officer", "username", gettext_noop("该账号是主管人员，不能加入申报单位。"))
    else:
        for bar in BARS:
            yield from bar(user)


def _member_already() -> Problem:
    return Problem("member_already", "username", gettext_noop("该账号已是本单位成员。"))


def end_membership(by: User, membership: Membership) -> None:
    """Somebody leaves, by their own act or an administrator's, and loses access at once. Raises NotAllowed, Refused."""
    organisation = membership.organisation
    if membership.user_id != by.pk:
        authorise(by, "end_membership", organisation)
    with transaction.atomic():
        # Taken first, so that two administrators who leave at once do not both find the other one still there.
        hold(organisation, organisation.state)
        administrators = organisation.memberships.filter(role=Membership.Role.ADMINISTRATOR, until=None)
        if not administrators.exclude(pk=membership.pk).exists():
            raise Refused(
                [Problem("last_administrator", "", gettext_noop("至少要留一名单位管理员；请先增加另一名管理员。"))]
            )
        # A relation holds to the end of its last day: the last day was yesterday.
        yesterday = timezone.localdate() - timedelta(days=1)
        if not Membership.objects.filter(pk=membership.pk, until=None).update(until=yesterday):
            return
        membership.until = yesterday
        for person in (membership.user, by):
            person.__dict__.pop("_memberships", None)
        role = "member" if membership.user_id == by.pk else "administrator"
        audit.record(organisation, "organisation.end_membership", by=by, role=role, member=str(membership.user))
