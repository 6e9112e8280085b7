"""Who acts for a unit: members join, change their part and leave; access follows at once.

Hides: that the last administrator stays, and whose account no unit may make a member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from communities.models import Membership, Officer, Organisation
from communities.permissions import RIGHTS
from communities.writing import authorise
from portal import audit, notify
from portal.machine import Stale, hold
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

# Apps above say whose account no unit may make a member.
Bar = Callable[[User], Iterator[Problem]]
BARS: list[Bar] = []


def bars(function: Bar) -> Bar:
    """Register what keeps an account out of units; a decorator for the apps above."""
    BARS.append(function)
    return function


def is_member(organisation: Organisation, user: User) -> bool:
    """Whether this account acts for the unit; the unit itself may know."""
    return Membership.objects.filter(organisation=organisation, user=user, until=None).exists()


def joining_problems(organisation: Organisation, user: User) -> Iterator[Problem]:
    """Why this account cannot become a member of the unit today."""
    if is_member(organisation, user):
        yield member_already()
    elif Officer.objects.on(timezone.localdate()).filter(user=user).exists():
        # Otherwise a unit could keep an officer off its cases by naming them a member.
        yield Problem("member_is_officer", "username", gettext_noop("该账号是主管人员，不能加入申报单位。"))
    else:
        for bar in BARS:
            yield from bar(user)


def role_problems(role: str) -> Iterator[Problem]:
    """What is wrong with the part a member shall have."""
    if role not in Membership.Role.values:
        yield Problem("role", "role", gettext_noop("请选择成员角色。"))


def member_already() -> Problem:
    return Problem("member_already", "username", gettext_noop("该账号已是本单位成员。"))


def change_role(by: User, membership: Membership, role: str) -> None:
    """Make a member an administrator or the other way round. Raises NotAllowed, Stale, Refused."""
    organisation = membership.organisation
    authorise(by, "manage_members", organisation)
    if problems := [*role_problems(role)]:
        raise Refused(problems)
    with transaction.atomic():
        hold(organisation, *RIGHTS["manage_members"][1])
        present = Membership.objects.filter(pk=membership.pk, until=None)
        before = present.values_list("role", flat=True).first()
        if before is None:  # left meanwhile
            raise Stale(Event.objects.of(organisation).last())
        if before == role:
            return
        if role != Membership.Role.ADMINISTRATOR:
            _refuse_last_administrator(membership)
        present.update(role=role)
        membership.role = role
        for person in (membership.user, by):
            person.__dict__.pop("_memberships", None)
        event = audit.record(
            organisation, "organisation.change_role", by=by, role="administrator", member=str(membership.user),
            before=before, as_role=role,
        )  # fmt: skip
        tell_member(membership.user, organisation, event, gettext_noop("您在该单位的成员角色已变更"))


def end_membership(by: User, membership: Membership) -> None:
    """Somebody leaves, by their own act or an administrator's, and loses access at once. Raises NotAllowed, Refused."""
    organisation = membership.organisation
    if membership.user_id != by.pk:
        authorise(by, "end_membership", organisation)
    with transaction.atomic():
        # Taken first, so that two administrators who leave at once do not both find the other one still there.
        hold(organisation, organisation.state)
        _refuse_last_administrator(membership)
        # A relation holds to the end of its last day: the last day was yesterday.
        yesterday = timezone.localdate() - timedelta(days=1)
        if not Membership.objects.filter(pk=membership.pk, until=None).update(until=yesterday):
            return
        membership.until = yesterday
        role = "member" if membership.user_id == by.pk else "administrator"
        for person in (membership.user, by):
            person.__dict__.pop("_memberships", None)
        event = audit.record(organisation, "organisation.end_membership", by=by, role=role, member=str(membership.user))
        if membership.user_id != by.pk:
            tell_member(membership.user, organisation, event, gettext_noop("您在该单位的成员资格已终止"))


def _refuse_last_administrator(membership: Membership) -> None:
    """Raise Refused where nobody else would administer the unit. Call while the unit is held."""
    administrators = Membership.objects.filter(
        organisation=membership.organisation_id, role=Membership.Role.ADMINISTRATOR, until=None
    )
    if not administrators.exclude(pk=membership.pk).exists():
        message = gettext_noop("至少要留一名单位管理员；请先增加另一名管理员。")
        raise Refused([Problem("last_administrator", "", message)])


def tell_member(user: User, organisation: Organisation, event: Event, sentence: str) -> None:
    """Tell one person what their unit did about them."""
    notify.write(
        f"event:{event.pk}", [user], "organisation", organisation.get_absolute_url(),
        organisation=organisation, event=event, sentence=sentence,
    )  # fmt: skip
