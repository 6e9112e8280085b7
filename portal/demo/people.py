"""Who acts in the demo world: one person for each role, the units they act for, and how they are found again.

Hides: usernames, the one password hash for all, and how a unit passes its registration.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from communities import registration
from communities.models import District, Officer, Organisation
from communities.permissions import officers
from communities.workflow import ORGANISATION
from evaluation.models import Application, Assignment, Project
from portal.demo import names, papers
from portal.models import User

PASSWORD = "demo-portal-2026"  # noqa: S105  published on purpose: it opens nothing but invented data
# username -> (duty, name)
OFFICERS = {
    "intake": ("intake", "示例受理员"),
    "organiser": ("organiser", "示例组织员"),
    "approver": ("approver", "示例审定人"),
    "supervisor": ("supervisor", "示例监督员"),
    "pool-keeper": ("pool_keeper", "示例库管员"),
    "system-administrator": ("system_administrator", "示例系统管理员"),
    "security-administrator": ("security_administrator", "示例安全管理员"),
    "audit-administrator": ("audit_administrator", "示例审计管理员"),
}
# kind of unit -> the letter in its invented code
SERIES = {"developer": "D", "consulting": "C", "property": "P"}


@lru_cache(maxsize=1)
def password_hash() -> str:
    """The hash of PASSWORD, made once: hashing is slow on purpose."""
    return make_password(PASSWORD)


def user(username: str, name: str) -> User:
    """A person, not yet saved, whose mail can reach nobody."""
    return User(username=username, name=name, email=f"{username}@example.org", password=password_hash())


def first_day() -> date:
    """Since when relations of the demo world hold: the first day of the year before last, always in the past."""
    return date(timezone.localdate().year - 2, 1, 1)


def make_officers(districts: Iterable[District], per_officer: int = 4) -> None:
    """One person for each city duty; one district officer for every few districts."""
    people = User.objects.bulk_create(user(username, name) for username, (_, name) in OFFICERS.items())
    duties = dict(zip(people, (duty for duty, _ in OFFICERS.values()), strict=True))
    Officer.objects.bulk_create(Officer(user=one, duty=duty, since=first_day()) for one, duty in duties.items())
    rows = list(districts)
    for number, start in enumerate(range(0, len(rows), per_officer), 1):
        one = user(f"district-{number}", f"示例区县审核员{number}")
        one.save()
        Officer.objects.bulk_create(
            Officer(user=one, duty="district_officer", district=district, since=first_day())
            for district in rows[start : start + per_officer]
        )


def make_unit(number: int, kind: str, name: str, district: District, username: str, person: str) -> Organisation:
    """A unit with its administrator ``username``, registered by that person and verified by intake."""
    administrator = user(username, person)
    administrator.save()
    unit = register(administrator, number, kind, name, district)
    ORGANISATION.perform(unit, "submit", by=administrator)
    ORGANISATION.perform(unit, "approve", by=officer("intake"))
    return unit


def register(administrator: User, number: int, kind: str, name: str, district: District) -> Organisation:
    """A registration with its licence, ready to be handed in."""
    unit = registration.open_organisation(
        administrator,
        {
            "credit_code": names.code(district.pk, SERIES[kind], number),
            "name": name,
            "kind": kind,
            "district": district,
            "address": f"示例路{number}号",
            "contact": str(administrator),
            "phone": "000-00000000",
            "undertaking": True,
        },
    )
    registration.add_licence(administrator, unit, papers.pdf("营业执照", f"{name} {unit.credit_code}"))
    return unit


def officer(duty: str, district: str | None = None) -> User:
    """The first person who holds ``duty`` today."""
    found = officers(duty, district).order_by("pk").first()
    if found is None:
        raise LookupError(f"nobody is {duty} {district or ''}")
    return found


def applicant_of(project: Project) -> User:
    """The person who acts for the applicant of a case."""
    return User.objects.filter(memberships__organisation=project.organisation_id).order_by("pk")[0]


def district_officer_of(project: Project) -> User:
    return officer("district_officer", project.community.district_id)


def panel_of(application: Application, *states: str) -> list[Assignment]:
    """Assignments of the present round in these states, by seat."""
    rows = application.assignments.filter(review_round=application.review_round, state__in=states)
    return list(rows.select_related("expert__user", "application").order_by("seat", "pk"))


def administrator_of(unit: Organisation) -> User:
    """The first person who acts for a unit."""
    return User.objects.filter(memberships__organisation=unit, memberships__until=None).order_by("pk")[0]
