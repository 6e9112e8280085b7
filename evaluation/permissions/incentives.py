"""Who a person is to what a star brings: the parties of the case, its officers; nobody who sits or sat on its panel."""

from __future__ import annotations

from django.db.models import QuerySet

from communities.permissions import SYSTEM
from evaluation.models import Incentive
from evaluation.permissions.cases import roles_of, seats_of, visible_to
from evaluation.permissions.rights import APPLICANTS, OFFICERS
from portal.models import User

SEE = APPLICANTS | OFFICERS | {"district_officer"}


def incentive_roles(user: User | None, incentive: Incentive) -> frozenset[str]:
    """Roles towards the case that brought the certificate; those who judge it have none here."""
    return roles_of(user, incentive.certificate.application) & (SYSTEM | SEE)


def incentives_visible_to(user: User | None) -> QuerySet[Incentive]:
    """Those of the cases that ``user`` sees, but for members of their panels. Nothing of it is public by the case."""
    rows = Incentive.objects.filter(certificate__application__in=visible_to(user))
    seats = seats_of(user)
    if not seats.exists():
        return rows
    return rows.exclude(certificate__application__in=seats.values("application"))
