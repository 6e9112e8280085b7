"""Who a person is to the pool, to one expert and to one admission, and the tables of rights. Nobody keeps themself."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q, QuerySet

from communities.permissions import SYSTEM, city_duties, duties_of, is_limited, officers
from experts.models import Admission, Expert, PoolImport
from portal.models import User

ALL_STATES: frozenset[str] = frozenset()
KEEPERS = frozenset({"pool_keeper"})
DECIDERS = frozenset({"pool_keeper", "supervisor"})
PINNERS = frozenset({"pool_keeper", "organiser"})

# right that concerns no single row -> duties
POOL_RIGHTS: Mapping[str, frozenset[str]] = {
    "see_pool": frozenset({"intake", "organiser", "approver", "supervisor", "pool_keeper", "district_officer"}),
    "see_contacts": frozenset({"pool_keeper", "organiser"}),
    "see_admissions": DECIDERS,
    "see_ratings": DECIDERS,
    "open_call": KEEPERS,
    "import_experts": KEEPERS,
    "see_imports": DECIDERS,
    "publish_admitted": KEEPERS,
    "see_pins": PINNERS | {"supervisor"},
}

# right on an expert -> (roles, states; empty = every state). "expert" is the person themself.
EXPERT_RIGHTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "view": (POOL_RIGHTS["see_pool"] | {"expert"}, ALL_STATES),
    "see_contact": (POOL_RIGHTS["see_contacts"] | {"expert"}, ALL_STATES),
    "see_history": (DECIDERS | {"expert"}, ALL_STATES),
    "change_fields": (KEEPERS, frozenset({"serving", "paused"})),
    "send_password_link": (KEEPERS, frozenset({"serving", "paused", "hearing"})),
    "ask_renewal": (frozenset({"expert"}), frozenset({"serving", "paused"})),
    "see_facts": (PINNERS | {"supervisor", "expert"}, ALL_STATES),
    "declare_fact": (frozenset({"expert"}), frozenset({"serving", "paused", "hearing"})),
    "pin_fact": (PINNERS, ALL_STATES),
    "lift_fact": (frozenset({"supervisor"}), ALL_STATES),
}

# right on an admission -> (roles, states). "entrant" is who asks; "vetter" who vetted it and now leaves it to others.
ADMISSION_RIGHTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "view": (DECIDERS | {"entrant", "vetter"}, ALL_STATES),
    "edit": (frozenset({"entrant"}), frozenset({"draft"})),
    "see_opinion": (DECIDERS | {"vetter"}, ALL_STATES),
}


def can_pool(user: User | None, right: str) -> bool:
    """May ``user`` do what concerns the pool as a whole?"""
    return bool(POOL_RIGHTS[right] & {duty for duty, _district in duties_of(user)})


def may_see_pool(user: User) -> bool:
    """Officers of the evaluation see the pool; applicants, experts and the portal's administrators do not."""
    return can_pool(user, "see_pool")


def may_see_contacts(user: User) -> bool:
    """Telephone and e-mail are for those who keep the pool or invite from it."""
    return can_pool(user, "see_contacts")


def as_person(user: User | None) -> list[int]:
    """The user's id where they act for themself; whoever acts for one organisation alone does not."""
    return [] if user is None or is_limited(user) or not user.is_authenticated or not user.is_active else [user.pk]


# --- experts ----------------------------------------------------------------------------------------------------------


def expert_roles(user: User | None, expert: Expert) -> frozenset[str]:
    """Roles towards an expert; ``None`` is the system. Who proposed a removal does not decide on it."""
    if user is None:
        return SYSTEM
    if expert.user_id in as_person(user):
        return frozenset({"expert"})
    roles = {duty for duty, _district in duties_of(user)} & POOL_RIGHTS["see_pool"]
    if expert.state == "hearing" and expert.removal_proposed_by_id == user.pk:
        roles -= {"supervisor"}
    return frozenset(roles)


def can_expert(user: User | None, right: str, expert: Expert) -> bool:
    """May ``user`` do ``right`` with this expert in the present state?"""
    roles, states = EXPERT_RIGHTS[right]
    return bool(roles & expert_roles(user, expert)) and (not states or expert.state in states)


def experts_visible_to(user: User | None) -> QuerySet[Expert]:
    """Experts for whom ``can_expert(user, "view", …)`` holds."""
    if user is not None and may_see_pool(user):
        return Expert.objects.all()
    return Expert.objects.filter(user__in=as_person(user))


# --- admissions -------------------------------------------------------------------------------------------------------


def admission_roles(user: User | None, admission: Admission) -> frozenset[str]:
    """Roles towards an admission; officers have none before it was handed in, nor while it is with the entrant."""
    if user is None:
        return SYSTEM
    if admission.user_id in as_person(user):
        return frozenset({"entrant"})
    duties = city_duties(user) & DECIDERS
    if not duties or admission.handed_in_at is None or admission.state == "draft":
        return frozenset()
    if admission.vetted_by_id == user.pk:
        return frozenset({"vetter"})
    return duties


def can_admission(user: User | None, right: str, admission: Admission) -> bool:
    """May ``user`` do ``right`` with this admission in the present state?"""
    roles, states = ADMISSION_RIGHTS[right]
    return bool(roles & admission_roles(user, admission)) and (not states or admission.state in states)


def admissions_visible_to(user: User | None) -> QuerySet[Admission]:
    """Admissions for which ``can_admission(user, "view", …)`` holds."""
    seen = Q(user__in=as_person(user))
    if user is not None and can_pool(user, "see_admissions"):
        seen |= Q(handed_in_at__isnull=False) & ~Q(state="draft")
    return Admission.objects.filter(seen)


# --- imports ----------------------------------------------------------------------------------------------------------


def import_roles(user: User | None, row: PoolImport) -> frozenset[str]:
    """Roles towards an import: whoever uploaded it leaves it to others."""
    if user is None:
        return SYSTEM
    duties = city_duties(user) & DECIDERS
    return frozenset({"importer"}) if duties and row.uploaded_by_id == user.pk else duties


def imports_visible_to(user: User | None) -> QuerySet[PoolImport]:
    """Imports that ``user`` may see: all of them or none."""
    return PoolImport.objects.all() if can_pool(user, "see_imports") else PoolImport.objects.none()


def other_eyes(*duties: str, but: int | None = None) -> QuerySet[User]:
    """People who hold one of ``duties`` today, without the person ``but``."""
    held = Q(pk__in=[])
    for duty in duties:
        held |= Q(pk__in=officers(duty).values("pk"))
    return User.objects.filter(held).exclude(pk=but)
