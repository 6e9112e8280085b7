"""My work: everything that waits on one person, most urgent first, each with its next act. Read from states, not kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from communities.models import Organisation
from communities.permissions import city_duties, duties_of, memberships_of
from evaluation.clocks import HOLDERS
from evaluation.models import Application, Assignment, GuidanceOpinion, GuidanceVisit, Objection
from evaluation.models.case import ApplicationQuerySet
from evaluation.permissions import SEATED, objections_visible_to, run_by, visible_to
from portal.models import User


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: what it is about, what to do, until when, where."""

    subject: str
    detail: str
    sentence: str
    due_on: date | None
    link: str


# state -> what the holder does next
NEXT: dict[str, str] = {
    "draft": gettext_noop("继续填报"),
    "form_check": gettext_noop("形式审查"),
    "correction": gettext_noop("按告知书逐条补正"),
    "recommendation": gettext_noop("出具推荐意见"),
    "drawing": gettext_noop("抽取专家"),
    "cosigning": gettext_noop("共同启动抽取"),
    "inviting": gettext_noop("专家确认中，有人谢绝时自动递补"),
    "site_visit": gettext_noop("登记现场核查"),
    "review": gettext_noop("评分并签署评分表"),
    "deliberation": gettext_noop("汇总、合议，出具意见"),
    "revision": gettext_noop("按专家意见修改"),
    "revision_check": gettext_noop("核对修改"),
    "approval": gettext_noop("审定"),
}


# state -> name of the page where the holder does it; the case's own page where there is none
PAGES: dict[str, str] = {
    "form_check": "form-check",
    "drawing": "draw",
    "cosigning": "draw",
    "inviting": "draw",
    "site_visit": "site-visit",
    "deliberation": "panel",
    "approval": "approval",
}
LED = ("site_visit", "deliberation", "revision_check")  # states in which the leader of the panel acts


def waiting_on(user: User) -> list[Waiting]:
    """Everything that waits on ``user``, by deadline; without a deadline last. A constant number of queries."""
    found = [*_applications(user), *_assignments(user), *_guidance(user), *_organisations(user), *_objections(user)]
    return sorted(found, key=lambda row: (row.due_on is None, row.due_on or timezone.localdate(), row.subject))


def _applications(user: User) -> Iterator[Waiting]:
    rows = to_act(user).with_case()
    seats = Assignment.objects.filter(expert__user=user, is_leader=True, state__in=SEATED)
    seats = seats.filter(review_round=F("application__review_round"))
    led = Application.objects.filter(assignments__in=seats, state__in=LED).with_case()
    for application in {row.pk: row for row in [*rows, *led]}.values():
        yield _row(application, next_act(application), link_of(application))


def to_act(user: User) -> ApplicationQuerySet:
    """Applications in whose present state ``user`` must act by duty or as a party (seats on a panel apart)."""
    return visible_to(user).filter(_held_by(user)).exclude(Q(state="approval") & (Q(organiser=user) | run_by(user)))


def next_act(application: Application) -> str:
    """What the holder of the case does next, in words; "" in a state that nobody holds."""
    return _(NEXT[application.state]) if application.state in NEXT else ""


def link_of(application: Application) -> str:
    """Where the holder of the case does it."""
    page = PAGES.get(application.state)
    return reverse(page, args=[application.pk]) if page else application.get_absolute_url()


def _held_by(user: User) -> Q:
    """Applications in a state that one of the user's roles holds (seats on a panel apart)."""
    duties, units = city_duties(user), list(memberships_of(user))
    districts = [code for duty, code in duties_of(user) if duty == "district_officer"]
    reach = {
        "applicant": Q(project__organisation__in=units),
        "district_officer": Q(project__community__district__in=districts),
        "organiser": Q(organiser=user) | Q(organiser=None),
    }
    held = Q(state="site_visit", project__organisation__in=units)
    if "organiser" in duties:
        held |= Q(state="deliberation", organiser=user)
    for state, role in HOLDERS.items():
        if role in ("applicant", "district_officer") or role in duties:
            held |= Q(state=state) & reach.get(role, Q())
    return held


def _row(application: Application, sentence: str, link: str) -> Waiting:
    community = application.project.community
    detail = f"{community.district.name} · {application.stage_name}"
    return Waiting(community.name, detail, sentence, application.due_on, link)


def _assignments(user: User) -> Iterator[Waiting]:
    rows = Assignment.objects.filter(expert__user=user, review_round=F("application__review_round")).filter(
        Q(state="invited", application__state="inviting") | Q(state="accepted", application__state="review")
    )
    case = "application__project__"
    for row in rows.select_related(f"{case}community__district", f"{case}standard"):
        invited = row.state == "invited"
        link = row.get_absolute_url() if invited else reverse("scoring", args=[row.pk])
        sentence = _("评审邀请：请接受、谢绝或申明回避") if invited else _(NEXT["review"])
        yield Waiting(
            row.application.project.community.name,
            f"{row.application.project.community.district.name} · {row.application.stage_name}",
            sentence,
            row.due_on,
            link,
        )


def _guidance(user: User) -> Iterator[Waiting]:
    districts = [code for duty, code in duties_of(user) if duty == "district_officer"]
    units = list(memberships_of(user))
    visits = GuidanceVisit.objects.filter(project__community__district__in=districts, state__in=("planned", "open"))
    for visit in visits.select_related("project__community", "project__programme"):
        sentence = _("登记指导情况") if visit.state == "planned" else _("跟踪整改，办结指导")
        yield Waiting(visit.project.community.name, visit.node_name, sentence, visit.due_on, visit.get_absolute_url())
    opinions = GuidanceOpinion.objects.filter(
        Q(state="open", visit__project__organisation__in=units)
        | Q(state="replied", visit__project__community__district__in=districts)
    )
    for opinion in opinions.select_related("visit__project__community"):
        sentence = _("回复指导意见") if opinion.state == "open" else _("核对整改")
        project: Any = opinion.visit.project
        yield Waiting(project.community.name, opinion.text[:40], sentence, opinion.due_on, opinion.get_absolute_url())


def _organisations(user: User) -> Iterator[Waiting]:
    if "intake" in city_duties(user):
        for unit in Organisation.objects.filter(state="submitted"):
            yield Waiting(unit.name, unit.credit_code, _("核验单位注册"), unit.due_on, unit.get_absolute_url())
    for unit in Organisation.objects.filter(pk__in=memberships_of(user), state__in=("draft", "returned")):
        yield Waiting(unit.name, unit.credit_code, _("完成单位注册"), None, unit.get_absolute_url())


def _objections(user: User) -> Iterator[Waiting]:
    rows: Any = objections_visible_to(user).filter(state__in=("received", "accepted"))
    for row in rows.select_related("notice__application__project__community"):
        objection: Objection = row
        sentence = _("决定是否受理异议") if objection.state == "received" else _("核查并答复异议")
        name = objection.notice.application.project.community.name
        yield Waiting(name, objection.number, sentence, objection.due_on, objection.get_absolute_url())
