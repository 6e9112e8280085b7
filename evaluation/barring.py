"""Which cases an officer has nothing to do with, because a conflict was declared or entered. What the rights are cut by.

Hides: that a unit is meant whatever credit code it bears or bore, that units which only advise count too, and that one
person's cases are read once a request.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from communities.models import Organisation, OrganisationChange
from communities.permissions import duties_of, own_duties, stood_in
from evaluation.models import Application, OfficerConflict, Project
from portal.models import User, conceals

NONE: frozenset[int] = frozenset()


def barred_projects(user: User | None) -> frozenset[int]:
    """Projects that no duty of ``user`` reaches. Read once a request and kept on the user object."""
    if user is None or not user.is_authenticated:
        return NONE
    kept = user.__dict__.get("_barred")
    if kept is None:
        rows = list(
            OfficerConflict.objects.standing().filter(officer__in=_bound(user)).values_list("project", "credit_code")
        )
        kept = user.__dict__["_barred"] = _projects(rows) if rows else NONE
    return kept


def _bound(user: User) -> list[int]:
    """Whose conflicts bind ``user``: the own ones, and those of whom they stand in for in a duty not their own."""
    own = {duty for duty, _district in own_duties(user)}
    return [user.pk, *(row.person for row in stood_in(user) if row.duty not in own)]


def forget(user: User) -> None:
    """Read the conflicts of this user object anew: one has just been written."""
    user.__dict__.pop("_barred", None)


def _projects(rows: Iterable[tuple[int | None, str]]) -> frozenset[int]:
    named = {project for project, _code in rows if project is not None}
    units = units_of({code for _project, code in rows if code})
    return frozenset(named | set(_of_units(units).values_list("pk", flat=True)))


def _of_units(units: Iterable[int]) -> QuerySet[Project]:
    units = list(units)
    advised = Q(engagements__organisation__in=units, engagements__since__isnull=False)
    return Project.objects.filter(Q(organisation__in=units) | advised)


def units_of(codes: Iterable[str]) -> set[int]:
    """Units that bear one of these credit codes or bore it before an approved change."""
    codes = set(codes)
    if not codes:
        return set()
    now = Organisation.objects.filter(credit_code__in=codes).values_list("pk", flat=True)
    changed = OrganisationChange.objects.filter(state="approved").values_list("organisation", "before")
    return {*now, *(unit for unit, before in changed if before["credit_code"] in codes)}


def barred_from(project: Project) -> frozenset[int]:
    """Ids of the officers who have nothing to do with ``project``. One query where nobody stands back from anything."""
    rows = list(OfficerConflict.objects.standing().values_list("officer", "project", "credit_code"))
    if not rows:
        return NONE
    parties = {project.organisation_id, *project.advising}
    codes = {code for _officer, _project, code in rows if code}
    matching = {code for code in codes if units_of({code}) & parties}
    return frozenset(officer for officer, named, code in rows if named == project.pk or code in matching)


def without_barred(people: Iterable[User], project: Project) -> list[User]:
    """``people`` without the officers who have nothing to do with ``project``: whom a message about it may reach."""
    barred = barred_from(project)
    return [user for user in people if user.pk not in barred]


@conceals
def messages_of_barred(user: User) -> Q | None:
    """Messages about those cases that an officer got before standing back. One query where nothing was declared."""
    projects = barred_projects(user) if duties_of(user) else NONE
    if not projects:
        return None
    threads = [Project(pk=pk).thread for pk in projects]
    links = [row.get_absolute_url() for row in Application.objects.filter(project__in=projects).only("pk")]
    return Q(event__isnull=False, event__thread__in=threads) | Q(link__in=links)
