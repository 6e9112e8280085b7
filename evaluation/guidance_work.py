"""What of guidance and of major changes waits on a person: a part of "my work", read from states.

Hides: which side acts in which state, and that whoever stands back from a case is asked nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from communities.permissions import city_duties, duties_of, eyes_of, memberships_of
from evaluation.barring import barred_projects
from evaluation.models import GuidanceCompanion, GuidanceOpinion, GuidanceVisit, MajorChange
from evaluation.permissions import as_expert
from portal.models import User

CITY = frozenset({"organiser", "supervisor"})
# state -> what whoever holds it does next
VISITS: Mapping[str, str] = {
    "planned": gettext_noop("按计划到场指导，登记情况"),
    "unrecorded": gettext_noop("登记指导情况"),
    "overdue": gettext_noop("指导记录逾期，重新安排或取消"),
    "open": gettext_noop("跟踪整改，办结指导"),
}
OPINIONS: Mapping[str, str] = {
    "open": gettext_noop("回复指导意见"),
    "stopped": gettext_noop("已叫停：整改后回复指导意见"),
    "replied": gettext_noop("核对整改"),
    "declined": gettext_noop("申报单位不予整改：退回或报市级处理"),
    "escalated": gettext_noop("决定如何处理指导意见"),
}
CHANGES: Mapping[str, str] = {
    "demanded": gettext_noop("说明重大变更"),
    "hearing": gettext_noop("就拟撤销设计评价证书陈述意见"),
    "examining": gettext_noop("审查重大变更，提出处理意见"),
    "deciding": gettext_noop("审定重大变更"),
    "reevaluating": gettext_noop("重新申报设计评价"),
    "draft": gettext_noop("继续填写重大变更"),
}


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """As ``work.Waiting`` takes it. Four queries, whatever waits."""
    districts = [code for duty, code in duties_of(user) if duty == "district_officer"]
    units = list(memberships_of(user))
    barred = Q(project__in=barred_projects(user)) if duties_of(user) else Q(pk__in=[])
    yield from _visits(user, districts, barred)
    yield from _opinions(user, districts, units)
    yield from _companions(user)
    yield from _changes(user, units, barred)


def _visits(user: User, districts: list[str], barred: Q) -> Iterator[dict[str, Any]]:
    held = Q(project__community__district__in=districts, state__in=("planned", "unrecorded", "overdue", "open"))
    if city_duties(user) & CITY:
        held |= Q(state="overdue")
    rows = GuidanceVisit.objects.filter(held).exclude(barred).select_related("project__community", "project__programme")
    for row in rows:
        yield _row(f"guidance-visit-{row.pk}", row.project, row.node_name, VISITS[row.state], row)


def _opinions(user: User, districts: list[str], units: list[int]) -> Iterator[dict[str, Any]]:
    held = Q(state__in=("open", "stopped"), visit__project__organisation__in=units)
    served = Q(state__in=("replied", "declined"), visit__project__community__district__in=districts)
    if city_duties(user) & CITY:
        served |= Q(state="escalated")
    if duties_of(user):
        served &= ~Q(visit__project__in=barred_projects(user))
    for row in GuidanceOpinion.objects.filter(held | served).select_related("visit__project__community"):
        project: Any = row.visit.project
        yield _row(f"guidance-opinion-{row.pk}", project, row.text[:40], OPINIONS[row.state], row)


def _companions(user: User) -> Iterator[dict[str, Any]]:
    """Invitations to come along, and visits to which one has said to come."""
    rows = GuidanceCompanion.objects.filter(expert__user__in=as_expert(user), state="asked")
    for row in rows.select_related("visit__project__community", "visit__project__programme"):
        words = gettext_noop("答复随行指导的邀请")
        yield _row(f"guidance-companion-{row.pk}", row.visit.project, row.visit.node_name, words, row)


def _changes(user: User, units: list[int], barred: Q) -> Iterator[dict[str, Any]]:
    duties, served = city_duties(user), Q(pk__in=[])
    if "organiser" in duties:
        served |= Q(state="examining")
    if "approver" in duties:
        mine = eyes_of(user)
        served |= Q(state="deciding") & ~Q(prepared_by__in=mine) & ~Q(opened_by__in=mine)
    own = Q(state__in=("draft", "demanded", "hearing", "reevaluating"), project__organisation__in=units)
    rows = MajorChange.objects.filter(own | (served & ~barred & ~Q(project__organisation__in=units)))
    for row in rows.select_related("project__community"):
        again = row.state == "reevaluating"
        yield _row(f"major-change-{row.pk}", row.project, _("重大变更"), CHANGES[row.state], row, again)


def _row(key: str, project: Any, detail: str, words: str, row: Any, at_project: bool = False) -> dict[str, Any]:
    link = reverse("project", args=[project.pk]) if at_project else row.get_absolute_url()
    return {
        "key": key, "subject": project.community.name, "detail": detail, "sentence": _(words), "due_on": row.due_on,
        "link": link, "since": row.state_since,
    }  # fmt: skip
