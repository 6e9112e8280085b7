"""Cases: my list, a new one, and the page of one case that its parties, officers and experts share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities import permissions as organisation_roles
from communities.permissions import communities_visible_to
from evaluation import beginning, changing, drawing, engaging, filing, history, incentives, journey
from evaluation.forms import EngagementForm, ProjectForm
from evaluation.models import Application, Certificate, Engagement, GuidanceVisit, Programme, Project, PublicNotice
from evaluation.permissions import (
    APPLICANTS,
    acting_for,
    can,
    can_engagement,
    can_project,
    engagements_visible_to,
    project_roles,
    projects_visible_to,
    visible_to,
)
from evaluation.standard import Standard, to_text
from evaluation.wording import level_name, points_words
from evaluation.workflow import APPLICATION
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.problems import Refused
from portal.templatetags.portal import role_name

SHOWN = ("programme", "standard", "organisation", "community__district")  # of every case that is shown
CASES_A_PAGE = 20
EVENTS_A_PAGE = 15


@login_required
def projects(request: HttpRequest) -> HttpResponse:
    """My cases, newest first, found by part of the community's name or of the number."""
    wanted = request.GET.get("q", "").strip()
    rows = projects_visible_to(request.user).select_related(*SHOWN).defer("standard__document")
    if wanted:
        rows = rows.filter(Q(number__icontains=wanted) | Q(community__name__icontains=wanted))
    mine = Prefetch("applications", visible_to(request.user).order_by("pk"), to_attr="seen")
    page = Paginator(rows.prefetch_related(mine).order_by("-pk"), CASES_A_PAGE).get_page(request.GET.get("page"))
    for row in page:
        row.level_name = level_name(row.standard.parsed, row.target_level)
        for application in row.seen:
            application.project = row
    steps = [] if page.object_list or wanted else beginning.next_steps(request.user)
    return render(request, "evaluation/projects.html", {"page": page, "wanted": wanted, "first_steps": steps})


@dataclass(frozen=True, slots=True)
class LevelNeeds:
    """What one level of a standard asks for, in words; "" where it asks for nothing of the kind.

    total, chapter: least points of the whole and of each chapter, in hundredths; controls, scoring: how many control items
    must be met and how many other items must win something, stage by stage where they differ.
    """

    name: str
    total: str
    chapter: str
    controls: str
    scoring: str


def _needs(programme: Programme) -> list[LevelNeeds]:
    """What each level of the programme's standard asks for, the lowest first."""
    form = programme.standard.parsed
    stages = [rule.stage for rule in programme.stages.all()]
    counts = form.scoring.method != "pass_all"
    return [
        LevelNeeds(
            name=level.name,
            total=points_words(level.min_total) if counts else "",
            chapter=f"{to_text(level.min_chapter)}%" if counts and level.min_chapter else "",
            controls=_how_many(form, stages, level.level, controls=True),
            scoring=_how_many(form, stages, level.level, controls=False),
        )
        for level in form.levels
    ]


def _how_many(form: Standard, stages: list[str], level: int, *, controls: bool) -> str:
    """How many items a level hangs on: the control items that bind it, or the others that must win something."""
    found = {
        form.stage(stage).name: sum(
            (item.kind == "control") is controls and (item.from_level or (0 if controls else level + 1)) <= level
            for item in form.items(stage)
        )
        for stage in stages
    }
    if not any(found.values()):
        return ""
    if len(set(found.values())) == 1:
        count = next(iter(found.values()))
        return ngettext("%(n)s 条", "%(n)s 条", count) % {"n": count}
    return _("，").join(
        ngettext("%(stage)s %(n)s 条", "%(stage)s %(n)s 条", count) % {"stage": name, "n": count}
        for name, count in found.items()
    )


@login_required
def project_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Open a case for a community: programme and target level."""
    community = get_object_or_404(communities_visible_to(request.user).select_related("organisation"), pk=pk)
    if not filing.may_open_project(request.user, community.organisation):
        raise NotAllowed("open_project")
    form = ProjectForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        programme, level = form.chosen
        try:
            project = filing.open_project(request.user, community, programme, level)
        except Refused as refused:
            add_problems(
                form, [row if row.place in form.fields else replace(row, place="") for row in refused.problems]
            )
        else:
            messages.success(request, _("已建立案卷%(number)s。请选择要申报的阶段。") % {"number": project.number})
            return redirect(project)
    status = 422 if request.method == "POST" else 200
    needs = {programme.pk: _needs(programme) for programme in form.programmes}
    context = {"community": community, "form": form, "needs": needs}
    return render(request, "evaluation/project_new.html", context, status=status)


def _fetch(request: HttpRequest, pk: int) -> Project:
    rows = projects_visible_to(request.user).select_related(*SHOWN).defer("standard__document")
    return get_object_or_404(rows, pk=pk)


@login_required
def project(request: HttpRequest, pk: int) -> HttpResponse:
    """One case: the journey, its applications and acts, guidance, certificates, documents, history."""
    return _project_page(request, _fetch(request, pk), [])


def _project_page(
    request: HttpRequest, row: Project, sentences: list[str], refused: EngagementForm | None = None
) -> HttpResponse:
    applications = list(visible_to(request.user).filter(project=row).with_case().order_by("pk"))
    for application in applications:
        application.project = row
    rules = list(row.programme.stages.all())
    visits = list(GuidanceVisit.objects.filter(project=row).exclude(state="cancelled").order_by("planned_on", "pk"))
    certificates = list(Certificate.objects.filter(application__in=applications).order_by("issued_on", "pk"))
    for visit in visits:
        visit.project = row
    published = PublicNotice.objects.filter(application__in=applications).order_by("pk")
    totals = {notice.application_id: notice.figures["total"] for notice in published}
    accepted = drawing.accepted(applications)
    reader = history.reader_of(request.user, row, applications)
    events = history.events_for(reader, row).order_by("-pk")
    page = Paginator(events, EVENTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "project": row,
        "target_name": level_name(row.standard.parsed, row.target_level),
        "top": max((level.level for level in row.standard.parsed.levels), default=0),
        "steps": journey.project_steps(row, rules, applications, visits, certificates, totals, accepted),
        "applications": [
            (
                application,
                journey.answers_words(application, accepted) or _held_words(application),
                _next(request, application),
                act_links(APPLICATION, application, request.user),
            )
            for application in reversed(applications)
        ],
        "stages": _openable(request, row, rules, applications, certificates),
        "visits": visits,
        "plans": can_project(request.user, "plan_guidance", row),
        "sees_community": organisation_roles.can(request.user, "view", row.organisation),
        "is_party": bool(project_roles(request.user, row) & APPLICANTS),
        "certificates": certificates,
        "incentives": [(one, incentives.terms_of(one)) for one in incentives.of_project(request.user, row)],
        "reader": reader,
        "events": page,
        "lines": [(event, reader.may_name(event)) for event in page],
        "sentences": sentences,
        **_engagements(request, row, refused),
    }
    return render(request, "evaluation/project.html", context, status=422 if sentences or refused else 200)


def _engagements(request: HttpRequest, row: Project, refused: EngagementForm | None) -> dict[str, Any]:
    """Consulting units of the case, those that left last, and for whom this person acts here."""
    engagements = list(row.engagements.select_related("organisation").order_by(F("until").asc(nulls_first=True), "pk"))
    for one in engagements:
        one.project = row
    may_engage = can_project(request.user, "engage", row)
    return {
        "engagements": [(one, engaging.may_end(request.user, one)) for one in engagements],
        "engagement_form": (refused or EngagementForm()) if may_engage else None,
        "acting": acting_for(request.user, row),
    }


@login_required
@require_POST
def engagement_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a consulting unit to advise the case, or say on the case's page why not."""
    row = _fetch(request, pk)
    if not can_project(request.user, "engage", row):
        raise NotAllowed("engage")
    form = EngagementForm(request.POST)
    if form.is_valid():
        try:
            made = engaging.offer(request.user, row, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            said = _("已向%(unit)s提出委托。对方的管理员接受后，其成员即可办理本案。")
            messages.success(request, said % {"unit": made.organisation})
            return redirect(row)
    return _project_page(request, row, [], form)


def _engagement(request: HttpRequest, pk: int) -> Engagement:
    rows = engagements_visible_to(request.user)
    rows = rows.select_related("organisation", "engaged_by", "project__organisation", "project__community__district")
    return get_object_or_404(rows, pk=pk)


@login_required
def engagement(request: HttpRequest, pk: int) -> HttpResponse:
    """What a consulting unit is asked to do, and its answer: its administrators read it before they see the case."""
    return _engagement_page(request, _engagement(request, pk), [])


def _engagement_page(request: HttpRequest, row: Engagement, sentences: list[str]) -> HttpResponse:
    context = {
        "engagement": row,
        "may_answer": can_engagement(request.user, "accept", row),
        "sees_case": projects_visible_to(request.user).filter(pk=row.project_id).exists(),
        "sentences": sentences,
    }
    return render(request, "evaluation/engagement.html", context, status=422 if sentences else 200)


@login_required
@require_POST
def engagement_answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept an offer and go on to the case, or decline it."""
    row = _engagement(request, pk)
    if request.POST.get("answer") != "accept":
        engaging.decline(request.user, row)
        messages.success(request, _("已谢绝%(unit)s的委托。") % {"unit": row.project.organisation})
        return redirect(row)
    try:
        engaging.accept(request.user, row)
    except Refused as refused:
        return _engagement_page(request, row, [problem.text(gettext) for problem in refused.problems])
    messages.success(request, _("已接受委托。贵单位的成员现在可以办理本案。"))
    return redirect(row.project)


@login_required
@require_POST
def engagement_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an offer back, or end an engagement; the unit's members see the case no longer."""
    row = _engagement(request, pk)
    engaging.end_engagement(request.user, row)
    if row.since is None:
        messages.success(request, _("已撤回对%(unit)s的委托邀请。") % {"unit": row.organisation})
    else:
        messages.success(request, _("已终止委托%(unit)s，其访问权限即时终止。") % {"unit": row.organisation})
    still_visible = projects_visible_to(request.user).filter(pk=row.project_id).exists()
    return redirect(row.project if still_visible else "projects")


def _held_words(application: Application) -> str:
    """Who must act now, as a sentence; "" for nobody."""
    role = journey.holder_role(application)
    return _("现由%(who)s办理。") % {"who": role_name(role)} if role else ""


def _next(request: HttpRequest, application: Application) -> tuple[str, str] | None:
    """Where whoever may edit goes on: (address, words)."""
    if not can(request.user, "edit", application):
        return None
    if application.state == "draft":
        return reverse("application", args=[application.pk]), _("继续填报")
    return reverse("application-correction", args=[application.pk]), _("逐条办理")


def _openable(
    request: HttpRequest, row: Project, rules: Any, applications: list[Application], certificates: list[Certificate]
) -> list[tuple[Any, str]]:
    """Stages for which this person may open an application now, each with the stage it still needs a certificate of."""
    if not can_project(request.user, "apply", row):
        return []
    over = (*journey.ENDED_EARLY, "certified")
    busy = {application.stage for application in applications if application.state not in over}
    done = {application.stage for application in applications if application.state == "certified"}
    busy |= {stage for stage in done if not changing.is_open_again(row, stage)}
    form = row.standard.parsed
    stage_of = {application.pk: application.stage for application in applications}
    held = {stage_of[certificate.application_id] for certificate in certificates if certificate.state == "valid"}
    return [
        (
            form.stage(rule.stage),
            form.stage(rule.needs_certificate_of).name
            if rule.needs_certificate_of and rule.needs_certificate_of not in held
            else "",
        )
        for rule in rules
        if rule.stage not in busy
    ]


@login_required
@require_POST
def application_new(request: HttpRequest, pk: int, stage: str) -> HttpResponse:
    """Open the application for one stage, or say on the case's page why not."""
    row = _fetch(request, pk)
    try:
        application = filing.open_application(request.user, row, stage)
    except Refused as refused:
        return _project_page(request, row, [problem.text(gettext) for problem in refused.problems])
    return redirect(application)
