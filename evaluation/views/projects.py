"""Cases: my list, a new one, and the page of one case that its parties, officers and experts share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities.permissions import communities_visible_to
from evaluation import engaging, filing, history, journey
from evaluation.forms import EngagementForm, ProjectForm
from evaluation.models import Application, Certificate, Engagement, GuidanceVisit, Project, PublicNotice
from evaluation.permissions import (
    APPLICANTS,
    acting_for,
    can,
    can_project,
    project_roles,
    projects_visible_to,
    visible_to,
)
from evaluation.wording import level_name
from evaluation.workflow import APPLICATION
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.problems import Refused

CASES_A_PAGE = 20
EVENTS_A_PAGE = 15


@login_required
def projects(request: HttpRequest) -> HttpResponse:
    """My cases, newest first, found by part of the community's name or of the number."""
    wanted = request.GET.get("q", "").strip()
    rows = projects_visible_to(request.user).select_related(
        "programme", "standard", "organisation", "community__district"
    )
    if wanted:
        rows = rows.filter(Q(number__icontains=wanted) | Q(community__name__icontains=wanted))
    mine = Prefetch("applications", visible_to(request.user).order_by("pk"), to_attr="seen")
    page = Paginator(rows.prefetch_related(mine).order_by("-pk"), CASES_A_PAGE).get_page(request.GET.get("page"))
    for row in page:
        row.level_name = level_name(row.standard.parsed, row.target_level)
        for application in row.seen:
            application.project = row
    return render(request, "evaluation/projects.html", {"page": page, "wanted": wanted})


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
    return render(request, "evaluation/project_new.html", {"community": community, "form": form}, status=status)


def _fetch(request: HttpRequest, pk: int) -> Project:
    rows = projects_visible_to(request.user).select_related(
        "programme", "standard", "organisation", "community__district"
    )
    return get_object_or_404(rows, pk=pk)


@login_required
def project(request: HttpRequest, pk: int) -> HttpResponse:
    """One case: the journey, its applications and acts, guidance, certificates, documents, history."""
    return _project_page(request, _fetch(request, pk), [])


def _project_page(
    request: HttpRequest, row: Project, sentences: list[str], engagement: EngagementForm | None = None
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
    reader = history.reader_of(request.user, row, applications)
    events = history.events_for(reader, row).order_by("-pk")
    page = Paginator(events, EVENTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "project": row,
        "target_name": level_name(row.standard.parsed, row.target_level),
        "top": max((level.level for level in row.standard.parsed.levels), default=0),
        "steps": journey.project_steps(row, rules, applications, visits, certificates, totals),
        "applications": [
            (
                application,
                journey.holder_role(application),
                _next(request, application),
                act_links(APPLICATION, application, request.user),
            )
            for application in reversed(applications)
        ],
        "stages": _openable(request, row, rules, applications, certificates),
        "visits": visits,
        "plans": can_project(request.user, "plan_guidance", row),
        "is_party": bool(project_roles(request.user, row) & APPLICANTS),
        "certificates": certificates,
        "reader": reader,
        "events": page,
        "lines": [(event, reader.may_name(event)) for event in page],
        "sentences": sentences,
        **_engagements(request, row, engagement),
    }
    return render(request, "evaluation/project.html", context, status=422 if sentences or engagement else 200)


def _engagements(request: HttpRequest, row: Project, refused: EngagementForm | None) -> dict[str, Any]:
    """Consulting units of the case, those that left last, and for whom this person acts here."""
    engagements = list(row.engagements.select_related("organisation").order_by(F("until").asc(nulls_first=True), "pk"))
    for engagement in engagements:
        engagement.project = row
    may_engage = can_project(request.user, "engage", row)
    return {
        "engagements": [(engagement, engaging.may_end(request.user, engagement)) for engagement in engagements],
        "engagement_form": (refused or EngagementForm()) if may_engage else None,
        "acting": acting_for(request.user, row),
    }


@login_required
@require_POST
def engagement_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Engage a consulting unit, or say on the case's page why not."""
    row = _fetch(request, pk)
    if not can_project(request.user, "engage", row):
        raise NotAllowed("engage")
    form = EngagementForm(request.POST)
    if form.is_valid():
        try:
            engagement = engaging.engage(request.user, row, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("已委托%(unit)s。其成员现在可以办理本案。") % {"unit": engagement.organisation})
            return redirect(row)
    return _project_page(request, row, [], form)


@login_required
@require_POST
def engagement_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End an engagement; the unit's members see the case no longer."""
    rows = Engagement.objects.filter(project__in=projects_visible_to(request.user))
    engagement = get_object_or_404(rows.select_related("organisation", "project__organisation"), pk=pk)
    engaging.end_engagement(request.user, engagement)
    messages.success(request, _("已终止委托%(unit)s，其访问权限即时终止。") % {"unit": engagement.organisation})
    still_visible = projects_visible_to(request.user).filter(pk=engagement.project_id).exists()
    return redirect(engagement.project if still_visible else "projects")


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
    busy = {application.stage for application in applications if application.state not in journey.ENDED_EARLY}
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
