"""Who a person is to the downgrade, revocation or renewal of a certificate.

Hides: that the unit reads of a sanction only what was told it, that a seat on the panel excludes every duty here as
elsewhere, and that whoever was drawn into the case as an expert reads neither.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from communities.permissions import SYSTEM, eyes_of
from evaluation.models import Certificate, Renewal, Sanction
from evaluation.permissions.cases import can, own_rows, roles_of, seats_of, visible_to
from evaluation.permissions.rights import APPLICANTS, OFFICERS
from portal.models import User

CASE = "certificate__application__project__"
READERS = OFFICERS | APPLICANTS | {"district_officer"}


def sanction_roles(user: User | None, sanction: Sanction) -> frozenset[str]:
    """Roles towards a sanction; whoever proposed it, or stands in for them, is its "proposer" beside the duty."""
    if user is None:
        return SYSTEM
    roles = roles_of(user, sanction.certificate.application) & READERS
    if roles & APPLICANTS:
        return roles if sanction.told_at else frozenset()
    return roles | {"proposer"} if roles and sanction.proposed_by_id in eyes_of(user) else roles


def sanctions_visible_to(user: User | None) -> QuerySet[Sanction]:
    """Sanctions to which ``sanction_roles`` gives a role."""
    rows: QuerySet[Sanction] = Sanction.objects.filter(_seen(user))
    return rows.filter(Q(told_at__isnull=False) | ~own_rows(user, CASE))


def may_propose_sanction(user: User | None, certificate: Certificate) -> bool:
    """May ``user`` propose that this certificate be revoked or downgraded?"""
    return can(user, "propose_sanction", certificate.application)


def renewal_roles(user: User | None, renewal: Renewal) -> frozenset[str]:
    return SYSTEM if user is None else roles_of(user, renewal.certificate.application) & READERS


def renewals_visible_to(user: User | None) -> QuerySet[Renewal]:
    """Renewals to which ``renewal_roles`` gives a role."""
    return Renewal.objects.filter(_seen(user))


def may_ask_renewal(user: User | None, certificate: Certificate) -> bool:
    """May ``user`` ask that this certificate be renewed?"""
    return can(user, "ask_renewal", certificate.application)


def _seen(user: User | None) -> Any:
    """Rows of the cases that ``user`` sees otherwise than from a seat on a panel."""
    seats = seats_of(user).values("application")
    seated = Q(certificate__application__in=seats) & ~own_rows(user, CASE)
    return Q(certificate__application__in=visible_to(user)) & ~seated
