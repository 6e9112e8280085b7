"""Who a person is to guidance visits, their opinions, and major changes."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from communities.permissions import SYSTEM
from evaluation.models import GuidanceCompanion, GuidanceOpinion, GuidanceVisit, MajorChange, Project
from evaluation.permissions.cases import as_expert, can_project, own_rows, project_roles, projects_visible_to, seats_of
from evaluation.permissions.rights import APPLICANTS, JUDGED
from portal.models import User


def guidance_roles(user: User | None, visit: GuidanceVisit) -> frozenset[str]:
    """Roles towards a visit: an expert who comes along is the "companion" there, and nothing else."""
    roles = project_roles(user, visit.project)
    if user is None or roles & APPLICANTS or not user.is_authenticated:
        return roles
    came = _came_along(user).filter(visit=visit).exists()
    return frozenset({"companion"}) if came else roles


def companion_roles(user: User | None, companion: GuidanceCompanion) -> frozenset[str]:
    """The expert asked is the "asked_expert"; everybody else is to it who they are to the case."""
    if user is None:
        return SYSTEM
    own = companion.expert.user_id in as_expert(user)
    return frozenset({"asked_expert"}) if own else project_roles(user, companion.visit.project)


def opinion_roles(user: User | None, opinion: GuidanceOpinion) -> frozenset[str]:
    return project_roles(user, opinion.visit.project)


def _came_along(user: User | None) -> QuerySet[GuidanceCompanion]:
    return GuidanceCompanion.objects.filter(expert__user__in=as_expert(user), state="coming")


def guidance_visible_to(user: User | None) -> QuerySet[GuidanceVisit]:
    """Visits of the cases that ``user`` sees, and those on which the person is asked to come along or came."""
    asked = GuidanceCompanion.objects.filter(expert__user__in=as_expert(user), state__in=("asked", "coming"))
    seen = Q(project__in=projects_visible_to(user))
    return GuidanceVisit.objects.filter(seen | Q(pk__in=asked.values("visit")))


def companions_visible_to(user: User | None) -> QuerySet[GuidanceCompanion]:
    return GuidanceCompanion.objects.filter(visit__in=guidance_visible_to(user))


def opinions_visible_to(user: User | None) -> QuerySet[GuidanceOpinion]:
    return GuidanceOpinion.objects.filter(visit__in=guidance_visible_to(user))


def change_roles(user: User | None, change: MajorChange) -> frozenset[str]:
    return project_roles(user, change.project)


def changes_visible_to(user: User | None) -> QuerySet[MajorChange]:
    """A draft is its applicant's alone; the rest is seen by whoever sees the case."""
    rows = MajorChange.objects.filter(project__in=projects_visible_to(user))
    return rows.filter(~Q(state="draft") | own_rows(user))


def may_demand_change(user: User | None, project: Project) -> bool:
    """The officers who guide and judge the case, and whoever leads the panel that judges it now."""
    if can_project(user, "demand_change", project):
        return True
    led = seats_of(user).filter(application__project=project, is_leader=True)
    return led.filter(review_round=F("application__review_round"), application__state__in=JUDGED).exists()
