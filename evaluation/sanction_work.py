"""What of sanctions and renewals waits on a person: a part of "my work", read from states.

Hides: which side acts in which state, that whoever proposed or examined does not decide, and that whoever stands back from a
case is asked nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from communities.permissions import city_duties, duties_of, eyes_of, memberships_of
from evaluation.models import Renewal, Sanction
from evaluation.permissions import districts_of, renewals_visible_to, sanctions_visible_to
from portal.models import User

SANCTIONS: Mapping[str, str] = {
    "proposed": gettext_noop("审查处理建议，决定是否告知当事单位"),
    "hearing": gettext_noop("就拟作的证书处理陈述和申辩"),
    "oral": gettext_noop("当面听取意见并登记"),
    "deciding": gettext_noop("决定证书处理"),
}
RENEWALS: Mapping[str, str] = {
    "asked": gettext_noop("核查证书延续申请"),
    "returned": gettext_noop("补充延续申请"),
    "recommended": gettext_noop("审定证书延续"),
}
UNIT = "certificate__application__project__organisation__in"
DISTRICT = "certificate__application__project__community__district__in"


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """As ``work.Waiting`` takes it. A constant number of queries; none for who neither holds a duty nor acts for a unit."""
    units, duties = list(memberships_of(user)), city_duties(user)
    if not units and not duties_of(user):
        return
    yield from _sanctions(user, units, duties)
    yield from _renewals(user, units, duties)


def _sanctions(user: User, units: list[int], duties: frozenset[str]) -> Iterator[dict[str, Any]]:
    held, served = Q(state="hearing", **{UNIT: units}), Q(pk__in=[])
    if duties & {"approver", "supervisor"}:
        served |= Q(state__in=("proposed", "deciding"))
    if duties & {"supervisor", "intake"}:
        served |= Q(state="oral")
    served &= ~Q(proposed_by__in=eyes_of(user)) & ~Q(**{UNIT: units})
    rows = sanctions_visible_to(user).filter(held | served).select_related("certificate")
    for row in rows.order_by("pk"):
        yield _row("sanction", row, str(row.get_kind_display()), SANCTIONS[row.state])


def _renewals(user: User, units: list[int], duties: frozenset[str]) -> Iterator[dict[str, Any]]:
    held = Q(state="returned", **{UNIT: units})
    served = Q(state="asked", **{DISTRICT: districts_of(user)})
    if "intake" in duties:
        served |= Q(state="asked")
    if "approver" in duties:
        served |= Q(state="recommended") & ~Q(examined_by__in=eyes_of(user))
    served &= ~Q(**{UNIT: units})
    rows = renewals_visible_to(user).filter(held | served).select_related("certificate")
    for row in rows.order_by("pk"):
        yield _row("renewal", row, _("证书延续"), RENEWALS[row.state])


def _row(kind: str, row: Sanction | Renewal, detail: str, words: str) -> dict[str, Any]:
    return {
        "key": f"{kind}-{row.pk}", "subject": row.certificate.community_name, "detail": detail, "sentence": _(words),
        "due_on": row.due_on, "link": row.get_absolute_url(), "since": row.state_since,
    }  # fmt: skip
