"""Who a person is to an organisation, and which duties they hold: read from relations and their dates, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from communities.models import (
    Community,
    Invitation,
    Membership,
    Officer,
    Organisation,
    OrganisationChange,
    StandIn,
)
from portal.models import User

SYSTEM: frozenset[str] = frozenset({"system"})

# right -> (roles, states; empty = every state)
RIGHTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "view": (frozenset({"administrator", "member", "intake", "supervisor", "organiser", "approver"}), frozenset()),
    "edit": (frozenset({"administrator"}), frozenset({"draft", "returned"})),
    "register_community": (frozenset({"administrator", "member"}), frozenset({"active"})),
    "change_contact": (frozenset({"administrator"}), frozenset({"active", "banned"})),
    "propose_change": (frozenset({"administrator"}), frozenset({"active"})),
    "end_membership": (frozenset({"administrator"}), frozenset()),
    "manage_members": (frozenset({"administrator"}), frozenset({"draft", "returned", "submitted", "active"})),
}


def limit_to(user: User, organisation: int) -> None:
    """From here this user object acts for one organisation alone: no other membership, no duty, no seat on a panel."""
    user.__dict__["_limited_to"] = organisation
    for kept in ("_duties", "_memberships"):
        user.__dict__.pop(kept, None)


def is_limited(user: User | None) -> bool:
    """Does this user object act for one organisation alone?"""
    return user is not None and "_limited_to" in user.__dict__


def duties_of(user: User | None) -> frozenset[tuple[str, str | None]]:
    """Duties held today as (duty, district code or None), those of absent colleagues among them whom ``user`` stands in
    for. Read once a request and kept on the user object.
    """
    if user is None or not user.is_authenticated or not user.is_active or is_limited(user):
        return frozenset()
    kept = user.__dict__.get("_duties")
    if kept is None:
        kept = _read_duties(user)
    return kept


@dataclass(frozen=True, slots=True)
class StoodIn:
    """A duty of somebody who is away, in which another acts today."""

    duty: str
    district: str | None
    person: int  # id of who is away
    name: str

    @property
    def label(self) -> str:
        return str(Officer.Duty(self.duty).label)


def _read_duties(user: User) -> frozenset[tuple[str, str | None]]:
    day = timezone.localdate()
    others = StandIn.objects.in_force(day).filter(person=user).values("officer")
    rows = Officer.objects.on(day).filter(Q(user=user) | Q(pk__in=others)).order_by("pk")
    found = list(rows.values_list("duty", "district_id", "user_id", "user__name"))
    user.__dict__["_stood_in"] = tuple(StoodIn(*row) for row in found if row[2] != user.pk)
    user.__dict__["_own_duties"] = frozenset(row[:2] for row in found if row[2] == user.pk)
    kept = user.__dict__["_duties"] = frozenset(row[:2] for row in found)
    return kept


def stood_in(user: User | None) -> tuple[StoodIn, ...]:
    """The duties of absent colleagues in which ``user`` acts today."""
    return user.__dict__.get("_stood_in", ()) if user is not None and duties_of(user) else ()


def own_duties(user: User | None) -> frozenset[tuple[str, str | None]]:
    """The duties that ``user`` holds in person today."""
    return user.__dict__["_own_duties"] if user is not None and duties_of(user) else frozenset()


def eyes_of(user: User) -> list[int]:
    """Ids of ``user`` and of all whom they stand in for today: where two pairs of eyes must look, these are one pair."""
    return [user.pk, *dict.fromkeys(row.person for row in stood_in(user) if row.person != user.pk)]


def in_place_of(user: User, role: str, district: str | None = None, holder: int | None = None) -> StoodIn | None:
    """For whom ``user`` acts in ``role``: whoever they stand in for and do not hold the duty beside, or who holds the case.

    Of a user whose duties have been read, as of everybody who has been let act in one.
    """
    rows = [row for row in user.__dict__.get("_stood_in", ()) if row.duty == role and row.district in (None, district)]
    named = [row for row in rows if row.person == holder]
    own = {duty for duty, place in user.__dict__.get("_own_duties", ()) if place in (None, district)}
    return next(iter(named or ([] if role in own else rows)), None)


def duty_among(user: User, duties: Collection[str]) -> str:
    """The duty in which ``user`` does what any of ``duties`` lets one do: one held in person before one stood in for."""
    own = {duty for duty, _district in own_duties(user)}
    held = {duty for duty, _district in duties_of(user)}
    return next(iter(sorted(own & set(duties)) or sorted(held & set(duties))), "")


def city_duties(user: User | None) -> frozenset[str]:
    """Duties without the district ones: those that look at the whole city."""
    return frozenset(duty for duty, district in duties_of(user) if duty != "district_officer")


def memberships_of(user: User | None) -> Mapping[int, str]:
    """Organisations this person acts for today: {organisation id: role}. Read once a request."""
    if user is None or not user.is_authenticated or not user.is_active:
        return {}
    kept = user.__dict__.get("_memberships")
    if kept is None:
        rows = Membership.objects.on(timezone.localdate()).filter(user=user)
        if is_limited(user):
            rows = rows.filter(organisation=user.__dict__["_limited_to"])
        kept = user.__dict__["_memberships"] = dict(rows.values_list("organisation_id", "role"))
    return kept


def roles_of(user: User | None, organisation: Organisation) -> frozenset[str]:
    """Roles of ``user`` towards an organisation; ``None`` is the system. A member is never its officer."""
    if user is None:
        return SYSTEM
    role = memberships_of(user).get(organisation.pk)
    return frozenset({role}) if role else city_duties(user)


def can(user: User | None, right: str, organisation: Organisation) -> bool:
    """May ``user`` do ``right`` with this organisation in its present state?"""
    roles, states = RIGHTS[right]
    return bool(roles & roles_of(user, organisation)) and (not states or organisation.state in states)


def visible_to(user: User | None) -> QuerySet[Organisation]:
    """Organisations for which ``can(user, "view", …)`` holds."""
    if city_duties(user) & RIGHTS["view"][0]:
        return Organisation.objects.all()
    return Organisation.objects.filter(pk__in=memberships_of(user).keys())


def change_roles(user: User | None, change: OrganisationChange) -> frozenset[str]:
    """Roles towards a change: those towards its unit."""
    return roles_of(user, change.organisation)


def changes_visible_to(user: User | None) -> QuerySet[OrganisationChange]:
    """Changes of the organisations that ``user`` may see."""
    return OrganisationChange.objects.filter(organisation__in=visible_to(user))


def invitations_managed_by(user: User | None) -> QuerySet[Invitation]:
    """Invitations to the organisations whose members ``user`` may manage."""
    roles, states = RIGHTS["manage_members"]
    units = [unit for unit, role in memberships_of(user).items() if role in roles]
    return Invitation.objects.filter(organisation__in=units, organisation__state__in=states)


def communities_visible_to(user: User | None) -> QuerySet[Community]:
    """Communities of the organisations that ``user`` may see."""
    return Community.objects.filter(organisation__in=visible_to(user))


def officers(duty: str, district: Any = None) -> QuerySet[User]:
    """People who hold ``duty`` today (for ``district``): whom to notify."""
    held = Officer.objects.on(timezone.localdate()).filter(duty=duty)
    if district is not None:
        held = held.filter(district=district)
    return User.objects.filter(Q(pk__in=held.values("user")) | Q(pk__in=standing_in(officer__in=held.values("pk"))))


def standing_in(**officers: Any) -> QuerySet[Any]:
    """Ids of the people who stand in today for such officers."""
    return StandIn.objects.in_force(timezone.localdate()).filter(**officers).values("person")
