"""What officers and the unit read and do on the page of a certificate: its sanctions and renewals, and beginning one."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from evaluation import renewing
from evaluation.models import Certificate
from evaluation.permissions import (
    lives_visible_to,
    may_ask_renewal,
    may_propose_sanction,
    renewals_visible_to,
    sanctions_visible_to,
)
from portal.models import User


def about_certificate(user: User, certificate: Certificate) -> dict[str, Any]:
    """What stands on the page of a certificate for whoever sees its case."""
    sanctions = list(sanctions_visible_to(user).filter(certificate=certificate))
    renewals = list(renewals_visible_to(user).filter(certificate=certificate))
    day = timezone.localdate()
    holds = certificate.standing(day) == "valid"
    asks = holds and certificate.is_final and may_ask_renewal(user, certificate)
    return {
        "life": True,
        "life_page": lives_visible_to(user).filter(pk=certificate.pk).exists(),
        "sanctions": sanctions,
        "renewals": renewals,
        "proposes": holds and may_propose_sanction(user, certificate) and not any(row.is_open for row in sanctions),
        "renewable_from": renewing.window_opens(certificate) if asks else None,
        "asks": asks and not any(row.is_open for row in renewals),
    }
