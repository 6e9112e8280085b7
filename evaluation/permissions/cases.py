"""Who a person is to a case, its project and engagements. ``can`` and ``visible_to`` are two faces of one table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from communities.models import Membership, Organisation
from communities.permissions import SYSTEM, city_duties, duties_of, is_limited, memberships_of
from evaluation.barring import barred_projects
from evaluation.models import Application, Assignment, Engagement, Project
from evaluation.permissions.rights import (
    APPLICANTS,
    CITY_RIGHTS,
    ENGAGEMENT_RIGHTS,
    OFFICERS,
    PROJECT_RIGHTS,
    RIGHTS,
    SEATED,
)
from portal.machine import NotAllowed, hold
from portal.models import User


def can_city(user: User | None, right: str) -> bool:
    """May ``user`` do what concerns no single case?"""
    return bool(CITY_RIGHTS[right] & {duty for duty, _district in duties_of(user)})


def engagements_of(user: User | None) -> QuerySet[Engagement]:
    """What units of this person advise today."""
    return Engagement.objects.on(timezone.localdate()).filter(organisation__in=_units(user))


def project_roles(user: User | None, project: Project) -> frozenset[str]:
    """Roles towards a project. Whoever acts for a party of the case is none of its officers."""
    if user is None:
        return SYSTEM
    units = memberships_of(user)
    if project.organisation_id in units:
        return frozenset({"applicant"})
    if units and engagements_of(user).filter(project=project).exists():
        return frozenset({"consultant"})
    roles = set(city_duties(user))
    if ("district_officer", project.community.district_id) in duties_of(user):
        roles.add("district_officer")
    return frozenset() if roles and project.pk in barred_projects(user) else frozenset(roles)


def acting_for(user: User | None, project: Project) -> tuple[Organisation, str] | None:
    """The unit for which ``user`` acts in this case and its part there; None for whoever acts for no party of it."""
    roles = project_roles(user, project) & APPLICANTS
    if "applicant" in roles:
        return project.organisation, "applicant"
    engagement = engagements_of(user).filter(project=project).select_related("organisation").first() if roles else None
    return (engagement.organisation, "consultant") if engagement else None


def roles_of(user: User | None, application: Application) -> frozenset[str]:
    """Roles of ``user`` towards an application; ``None`` is the system. One query: the seats on its panels."""
    roles = project_roles(user, application.project)
    if user is None or roles & APPLICANTS or not user.is_authenticated:
        return roles
    seats = dict(seats_of(user).filter(application=application).values_list("review_round", "is_leader"))
    if not seats:
        return roles
    # A seat on the panel excludes every duty on the same case, also when another panel judges it anew.
    if application.review_round not in seats:
        return frozenset()
    return frozenset({"expert", "leader"} if seats[application.review_round] else {"expert"})


def can(user: User | None, right: str, application: Application) -> bool:
    """May ``user`` do ``right`` to this application in its present state?"""
    roles, states = RIGHTS[right]
    return bool(roles & roles_of(user, application)) and (not states or application.state in states)


def can_see_sheets(user: User | None, application: Application) -> bool:
    """May ``user`` read everybody's marks of this round? Nobody may before the panel's result exists."""
    return can(user, "see_sheets", application) or can(user, "deliberate", application)


def knows_who_signed(user: User | None, application: Application) -> bool:
    """May ``user`` know which members of the panel have signed their sheets?"""
    return can(user, "see_signatures", application) or can_see_sheets(user, application)


def can_view(user: User | None, application: Application) -> bool:
    """The plain-Python face of ``visible_to``: a draft belongs to its applicant, the rest to everyone with a role."""
    roles = roles_of(user, application)
    if roles & APPLICANTS:
        return True
    return application.state != "draft" and bool(roles & (OFFICERS | {"district_officer", "expert"}))


@contextmanager
def writing(user: User, right: str, application: Application) -> Iterator[None]:
    """The transaction in which a child row of ``application`` is written: authorised, and the case held until commit.

    Raises NotAllowed for a wrong person, Stale for a case that has moved on.
    """
    roles, states = RIGHTS[right]
    with transaction.atomic():
        if not roles & roles_of(user, application):
            raise NotAllowed(right)
        # In the state that the caller has read: what is open there may be closed in another of ``states``.
        hold(application, *(states & {application.state}))
        yield


def may_see_queue(user: User) -> bool:
    """The queue is for whoever checks, runs, approves or supervises cases, in the city or a district."""
    return bool({duty for duty, _district in duties_of(user)} & (OFFICERS | {"district_officer"}))


def as_expert(user: User | None) -> list[int]:
    """The user's id where seats on panels count: who acts for one organisation alone holds none."""
    return [] if user is None or is_limited(user) else [user.pk]


def _units(user: User | None) -> list[int]:
    return list(memberships_of(user))


def own_rows(user: User | None, project: str = "project__") -> Q:
    """Rows whose project (the path to its columns) ``user`` is a party of: applies for it, or advises it today."""
    units = _units(user)
    if not units:  # as for every officer and expert: the lists of all cases then join and ask nothing about parties
        return Q(pk__in=[])
    advised = engagements_of(user).values("project")
    return Q(**{f"{project}organisation__in": units}) | Q(**{f"{project}pk__in": advised})


def barred_rows(user: User | None, project: str = "project__") -> Q:
    """Rows whose project no duty of ``user`` reaches; a condition that no row meets where nothing was declared."""
    projects = barred_projects(user) if duties_of(user) else None
    return Q(**{f"{project}pk__in": projects}) if projects else Q(pk__in=[])


def districts_of(user: User | None) -> list[str]:
    return [district for duty, district in duties_of(user) if duty == "district_officer" and district]


def visible_to(user: User | None) -> QuerySet[Application]:
    """Applications for which ``can_view`` holds."""
    if user is None or not user.is_authenticated or not user.is_active:
        return Application.objects.none()
    own = own_rows(user)
    served = Q() if city_duties(user) & OFFICERS else Q(project__community__district__in=districts_of(user))
    served &= ~barred_rows(user)
    seats = seats_of(user)
    if not seats.exists():  # as for most: the lists of all cases then ask nothing about panels
        return Application.objects.filter(own | (~Q(state="draft") & served))
    sat = Q(pk__in=seats.values("application"))
    now = Exists(seats.filter(application=OuterRef("pk"), review_round=OuterRef("review_round")))
    return Application.objects.filter(own | (~Q(state="draft") & (now | (served & ~sat))))


def applied_by(user: User | None) -> QuerySet[Application]:
    """Applications that ``user`` is a party of: a part of ``visible_to`` that asks about no duty and no panel."""
    return Application.objects.filter(own_rows(user))


def seats_of(user: User | None) -> QuerySet[Assignment]:
    """Seats that ``user`` has or had on panels: while there is one of an application, no duty counts there."""
    return Assignment.objects.filter(expert__user__in=as_expert(user), state__in=SEATED)


def can_view_project(user: User | None, project: Project) -> bool:
    """A project is seen by its parties, and by whoever sees one of its applications."""
    if project_roles(user, project) & APPLICANTS:
        return True
    return any(can_view(user, application) for application in project.applications.with_case())


def projects_visible_to(user: User | None) -> QuerySet[Project]:
    """Projects for which ``can_view_project`` holds."""
    own = own_rows(user, "")
    return Project.objects.filter(own | Exists(visible_to(user).filter(project=OuterRef("pk"))))


def can_project(user: User | None, right: str, project: Project) -> bool:
    return bool(PROJECT_RIGHTS[right] & project_roles(user, project))


def engagement_roles(user: User | None, engagement: Engagement) -> frozenset[str]:
    """The people of the applicant, and the administrators of the unit that is asked: from memberships alone, no query."""
    units, roles = memberships_of(user), set()
    if engagement.project.organisation_id in units:
        roles.add("applicant")
    if units.get(engagement.organisation_id) == Membership.Role.ADMINISTRATOR:
        roles.add("administrator")
    return frozenset(roles)


def can_engagement(user: User | None, right: str, engagement: Engagement) -> bool:
    """May ``user`` do ``right`` to this engagement, as far as it has come?"""
    roles, standings = ENGAGEMENT_RIGHTS[right]
    return engagement.standing in standings and bool(roles & engagement_roles(user, engagement))


def engagements_asked_of(user: User | None) -> QuerySet[Engagement]:
    """What a unit that ``user`` administers was offered, whatever became of it."""
    roles = memberships_of(user).items()
    units = [unit for unit, role in roles if role == Membership.Role.ADMINISTRATOR]
    return Engagement.objects.filter(organisation__in=units)


def engagements_visible_to(user: User | None) -> QuerySet[Engagement]:
    """Those of the cases that ``user`` sees, and those that were offered to a unit which ``user`` administers."""
    asked = engagements_asked_of(user).values("pk")
    return Engagement.objects.filter(Q(pk__in=asked) | Q(project__in=projects_visible_to(user)))
