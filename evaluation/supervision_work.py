"""What of life after award waits on a person: a part of "my work", read from states.

Hides: which side acts in which state, that intake acts for a district without officers, and that whoever stands back from
a case is asked nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from communities.models import Officer
from communities.permissions import city_duties, duties_of, eyes_of, memberships_of
from evaluation.barring import barred_projects
from evaluation.models import Inspection, InspectionDraw, OperatingReport, Rectification
from evaluation.permissions import engagements_of, seats_of
from evaluation.supervising import WRITABLE
from portal.models import User

# state -> what whoever holds it does next
REPORTS: Mapping[str, str] = {
    "due": gettext_noop("填写并提交年度运营报告"),
    "returned": gettext_noop("按退回理由补正年度运营报告"),
    "submitted": gettext_noop("审阅年度运营报告"),
}
RECTIFICATIONS: Mapping[str, str] = {
    "open": gettext_noop("按抽查意见整改并回复"),
    "overdue": gettext_noop("整改已逾期，请尽快整改并回复"),
    "replied": gettext_noop("核查抽查整改"),
}
OVERSEEN = gettext_noop("抽查整改逾期：另给期限，或提出处理建议")


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """As ``work.Waiting`` takes it. A constant number of queries, whatever waits."""
    yield from _reports(user)
    yield from _inspections(user)
    yield from _rectifications(user)
    yield from _draws(user)


def _own(user: User, path: str, advised: bool = False) -> Q:
    """Rows of units that ``user`` acts for, and, where it may fill in, of cases that a unit of theirs advises."""
    units = list(memberships_of(user))
    if not units:
        return Q(pk__in=[])
    own = Q(**{f"{path}__organisation__in": units})
    return own | Q(**{f"{path}__in": engagements_of(user).values("project")}) if advised else own


def _served(user: User, path: str) -> Q:
    """Rows that ``user`` handles as the officer of a district, or as intake where a district has none."""
    found, duties = Q(pk__in=[]), duties_of(user)
    districts = [code for duty, code in duties if duty == "district_officer"]
    if districts:
        found |= Q(**{f"{path}__community__district__in": districts})
    if "intake" in city_duties(user):
        served = Officer.objects.on(timezone.localdate()).filter(duty="district_officer", district__isnull=False)
        served = served.values("district")
        found |= ~Q(**{f"{path}__community__district__in": served})
    return found & _open_to(user, path)


def _open_to(user: User, path: str) -> Q:
    """Rows whose case this officer neither is a party of, nor judged, nor stands back from."""
    closed = Q(**{f"{path}__organisation__in": list(memberships_of(user))})
    closed |= Q(**{f"{path}__in": seats_of(user).values("application__project")})
    if duties_of(user):
        closed |= Q(**{f"{path}__in": barred_projects(user)})
    return ~closed


def _reports(user: User) -> Iterator[dict[str, Any]]:
    path = "certificate__application__project"
    held = Q(state__in=WRITABLE) & _own(user, path, advised=True)
    rows = OperatingReport.objects.filter(held | (Q(state="submitted") & _served(user, path)))
    for row in rows.select_related("certificate"):
        yield _row("operating-report", row, row.certificate, row.label, REPORTS[row.state])


def _inspections(user: User) -> Iterator[dict[str, Any]]:
    path = "certificate__application__project"
    rows = Inspection.objects.filter(Q(state="drawn") & _served(user, path))
    for row in rows.select_related("certificate"):
        yield _row("inspection", row, row.certificate, row.certificate.number, gettext_noop("到现场抽查并登记结果"))


def _rectifications(user: User) -> Iterator[dict[str, Any]]:
    path = "inspection__certificate__application__project"
    mine = Q(state__in=("open", "overdue")) & _own(user, path)
    held = mine | (Q(state="replied") & _served(user, path))
    supervises = "supervisor" in city_duties(user)
    if supervises:
        held |= Q(state="overdue") & _open_to(user, path)
    rows: QuerySet[Rectification] = Rectification.objects.filter(held).select_related("inspection__certificate")
    units = memberships_of(user)
    for row in rows.select_related("inspection__certificate__application__project"):
        oversees = supervises and row.state == "overdue" and row.project.organisation_id not in units
        words = OVERSEEN if oversees else RECTIFICATIONS[row.state]
        yield _row("rectification", row, row.inspection.certificate, row.text[:40], words)


def _draws(user: User) -> Iterator[dict[str, Any]]:
    """A draw that waits for a supervisor who is another person, or for a secret or the public value from ``user``."""
    held = Q(state="revealing") & (_owes(user, "organiser") | _owes(user, "supervisor") | _value(user))
    if "supervisor" in city_duties(user):
        held |= Q(state="cosigning") & ~Q(organiser__in=eyes_of(user))
    for row in InspectionDraw.objects.filter(held).select_related("programme", "district").defer("receipt"):
        words = _("共同启动抽查抽取") if row.state == "cosigning" else _("揭示密值或录入公开数值")
        yield {
            "key": f"inspection-draw-{row.pk}", "subject": str(row), "detail": _("抽查抽取"), "sentence": words,
            "due_on": row.due_on, "link": row.get_absolute_url(), "since": row.state_since,
        }  # fmt: skip


def _owes(user: User, party: str) -> Q:
    return Q(**{party: user, f"{party}_secret": ""})


def _value(user: User) -> Q:
    """Both secrets are there: a draw that still waits waits for the public value, which its organiser enters."""
    return Q(organiser=user) & ~Q(organiser_secret="") & ~Q(supervisor_secret="")


def _row(kind: str, row: Any, certificate: Any, detail: str, words: str) -> dict[str, Any]:
    return {
        "key": f"{kind}-{row.pk}", "subject": certificate.community_name, "detail": detail, "sentence": _(words),
        "due_on": row.due_on, "link": row.get_absolute_url(), "since": row.state_since,
    }  # fmt: skip
