"""Who a person is to a certified community after award: to its yearly reports, its inspections, and to their draws."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from communities.permissions import SYSTEM, city_duties
from evaluation.models import (
    Certificate,
    Inspection,
    InspectionDraw,
    OperatingReport,
    Rectification,
)
from evaluation.permissions.cases import may_see_queue, own_rows, roles_of, seats_of, visible_to
from evaluation.permissions.rights import APPLICANTS, OFFICERS
from portal.models import User

LIFE_ROLES = APPLICANTS | OFFICERS | {"district_officer"}


def life_roles(user: User | None, certificate: Certificate) -> frozenset[str]:
    """Parties and officers of the case, as long as the certificate lasts. A seat on its panel opens nothing of it."""
    return SYSTEM if user is None else roles_of(user, certificate.application) & LIFE_ROLES


def lives_visible_to(user: User | None) -> QuerySet[Certificate]:
    """Certificates whose life after award ``user`` sees: those for which ``life_roles`` says anything."""
    seats = seats_of(user).values("application")
    rows: QuerySet[Certificate] = Certificate.objects.filter(application__in=visible_to(user))
    return rows.exclude(application__in=seats)


def report_roles(user: User | None, report: OperatingReport) -> frozenset[str]:
    return life_roles(user, report.certificate)


def reports_visible_to(user: User | None) -> QuerySet[OperatingReport]:
    return OperatingReport.objects.filter(certificate__in=lives_visible_to(user))


def inspection_roles(user: User | None, inspection: Inspection) -> frozenset[str]:
    return life_roles(user, inspection.certificate)


def inspections_visible_to(user: User | None) -> QuerySet[Inspection]:
    return Inspection.objects.filter(certificate__in=lives_visible_to(user))


def rectification_roles(user: User | None, rectification: Rectification) -> frozenset[str]:
    """What an inspection found is its officer's alone until the visit is recorded."""
    roles = life_roles(user, rectification.inspection.certificate)
    return roles - APPLICANTS if rectification.state == "noted" else roles


def rectifications_visible_to(user: User | None) -> QuerySet[Rectification]:
    """Rectifications to which ``rectification_roles`` gives a role: of one's own units' none that is only noted."""
    rows = Rectification.objects.filter(inspection__in=inspections_visible_to(user))
    if user is not None and not may_see_queue(user):
        return rows.exclude(state="noted")
    return rows.exclude(Q(state="noted") & own_rows(user, "inspection__certificate__application__project__"))


def inspection_draw_roles(user: User | None, draw: InspectionDraw) -> frozenset[str]:
    """The draw concerns no case: city duties count, whoever acts for a certified unit included, since lots decide."""
    if user is None:
        return SYSTEM
    return frozenset(city_duties(user) & OFFICERS)


def inspection_draws_visible_to(user: User | None) -> QuerySet[InspectionDraw]:
    """The city's officers; everybody else reads the receipt once it is drawn."""
    seen = user is not None and user.is_authenticated and bool(city_duties(user) & OFFICERS)
    return InspectionDraw.objects.all() if seen else InspectionDraw.objects.none()
