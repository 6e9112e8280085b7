"""On site: the panel's visit as a page for the phone, and guidance during construction with its opinions and replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from evaluation import site, wording
from evaluation.models import Application, GuidanceOpinion, GuidanceVisit, Photo, Project, SiteVisit
from evaluation.permissions import (
    can,
    can_project,
    guidance_roles,
    guidance_visible_to,
    opinions_visible_to,
    projects_visible_to,
    visible_to,
)
from evaluation.views.acting import PageActForm, act_forms, acted
from evaluation.views.framing import fetch
from evaluation.workflow import APPLICATION, GUIDANCE_OPINION, GUIDANCE_VISIT
from portal import files
from portal.forms import act_links, add_problems
from portal.problems import Refused

DATE = {"type": "date"}
PICTURES = files.accept_attribute(("jpg",))


class PhotoForm(forms.Form):
    """One photo with a word about it; on a phone the camera is offered."""

    photo = forms.FileField(label=_("照片"), widget=forms.FileInput(attrs={"accept": PICTURES}))
    caption = forms.CharField(label=_("说明"), max_length=120, required=False)


class RecordForm(forms.Form):
    """What the visit was."""

    visited_on = forms.DateField(label=_("核查日期"), widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    summary = forms.CharField(label=_("核查情况"), widget=forms.Textarea(attrs={"rows": 4}), max_length=5000)


class SiteFindingForm(forms.Form):
    """What was seen for one item."""

    item_code = forms.ChoiceField(label=_("条目"))
    agrees = forms.ChoiceField(
        label=_("与申报是否一致"), choices=[("yes", _("一致")), ("no", _("不一致"))], widget=forms.RadioSelect
    )
    text = forms.CharField(label=_("所见"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)

    def __init__(self, application: Application, data: Any = None, item: str = "") -> None:
        super().__init__(data, initial={"item_code": item})
        groups = [
            (f"{chapter.num} {chapter.name}", [(item.code, f"{item.code} {item.name}") for item in items])
            for chapter in application.standard.chapters
            if (items := list(chapter.items(application.stage)))
        ]
        self.fields["item_code"].choices = [("", _("请选择")), *groups]


class PlanForm(forms.Form):
    """A visit at one of the programme's nodes."""

    node = forms.ChoiceField(label=_("节点"))
    planned_on = forms.DateField(label=_("计划日期"), widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))

    def __init__(self, project: Project, data: Any = None) -> None:
        super().__init__(data)
        self.fields["node"].choices = project.programme.guidance_nodes


class OpinionForm(forms.Form):
    """What must be mended by when."""

    text = forms.CharField(label=_("意见"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)
    due_on = forms.DateField(label=_("整改期限"), widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    item_code = forms.CharField(label=_("涉及的条目编号"), max_length=20, required=False)


# --- the panel's visit --------------------------------------------------------------------------------------------


def _visit(application: Application) -> SiteVisit:
    rows = SiteVisit.objects.select_related("expert_signed_by", "applicant_signed_by")
    return get_object_or_404(rows, application=application, review_round=application.review_round)


@login_required
def site_visit(request: HttpRequest, pk: int) -> HttpResponse:
    """The record of the visit: written by the panel, signed by both sides, finished by the leader."""
    application = fetch(request, pk)
    acts = act_forms(request, APPLICATION, application, ("finish_site_visit",))
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, ("finish_site_visit",)):
            return redirect(application)
        return _site_page(request, fetch(request, pk), {"acts": acts}, status=422)
    return _site_page(request, application, {"acts": acts})


def _site_page(
    request: HttpRequest, application: Application, given: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    visit = _visit(application)
    item = request.GET.get("item", "")
    context = {
        "application": application,
        "visit": visit,
        "acts": act_forms(request, APPLICATION, application, ("finish_site_visit",)),
        "may_name": can(request.user, "see_panel", application),
        "may_record": can(request.user, "record_site_visit", application),
        "may_sign": can(request.user, "sign_site_visit", application),
        "missing": [problem.text(gettext) for problem in site.unsigned(visit)]
        if application.state == "site_visit"
        else [],
        "photos": visit.photos.order_by("pk"),
        "findings": [
            (row, wording.item_title(application.standard, row.item_code))
            for row in visit.findings.select_related("by").order_by("pk")
        ],
        "record_form": RecordForm(
            initial={"visited_on": visit.visited_on or timezone.localdate(), "summary": visit.summary}
        ),
        "finding_form": SiteFindingForm(application, item=item),
        "photo_form": PhotoForm(),
        **given,
    }
    return render(request, "evaluation/site_visit.html", context, status=status)


@login_required
@require_POST
def site_visit_record(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep date and summary."""
    application = fetch(request, pk)
    form = RecordForm(request.POST)
    if form.is_valid():
        try:
            site.record_site_visit(request.user, application, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect("site-visit", pk)
    return _site_page(request, application, {"record_form": form}, status=422)


@login_required
@require_POST
def site_visit_finding(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what was seen for one item."""
    application = fetch(request, pk)
    form = SiteFindingForm(application, request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            site.record_site_finding(
                request.user, application, said["item_code"], said["agrees"] == "yes", said["text"]
            )
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("site-visit", args=[pk]) + "#findings")
    return _site_page(request, application, {"finding_form": form}, status=422)


@login_required
@require_POST
def site_visit_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a photo of the visit."""
    application = fetch(request, pk)
    form = PhotoForm(request.POST, request.FILES)
    if _photo_added(request, application, form):
        return redirect(reverse("site-visit", args=[pk]) + "#photos")
    return _site_page(request, application, {"photo_form": form}, status=422)


@login_required
@require_POST
def site_visit_sign(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the record for one's side."""
    application = fetch(request, pk)
    try:
        site.sign_site_visit(request.user, application)
    except Refused as refused:
        sentences = [problem.text(gettext) for problem in refused.problems]
        return _site_page(request, application, {"sentences": sentences}, status=422)
    messages.success(request, gettext("已在核查记录上签字。"))
    return redirect("site-visit", pk)


def _photo_added(request: HttpRequest, subject: Any, form: PhotoForm) -> bool:
    if not form.is_valid():
        return False
    try:
        site.add_photo(request.user, subject, form.cleaned_data["photo"], form.cleaned_data["caption"])
    except Refused as refused:
        add_problems(form, refused.problems)
        return False
    return True


# --- photos -------------------------------------------------------------------------------------------------------


def _photo(request: HttpRequest, pk: int) -> Photo:
    """A photo of something this person sees."""
    user = request.user
    seen = Q(site_visit__application__in=visible_to(user))
    seen |= Q(guidance_visit__project__in=projects_visible_to(user))
    seen |= Q(opinion__visit__project__in=projects_visible_to(user))
    return get_object_or_404(Photo.objects.filter(seen), pk=pk)


@login_required
def photo_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The photo as it is kept: upright, without metadata."""
    row = _photo(request, pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )


@login_required
def photo_thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The small picture of a photo."""
    row = _photo(request, pk)
    tag = f"thumbnail-{row.sha256}" if row.sha256 else ""
    return files.send(row.thumbnail, name=row.name, content_type="image/jpeg", inline=True, request=request, sha256=tag)


# --- guidance -----------------------------------------------------------------------------------------------------


def _project(request: HttpRequest, pk: int) -> Project:
    rows = projects_visible_to(request.user).select_related(
        "programme", "standard", "organisation", "community__district"
    )
    return get_object_or_404(rows, pk=pk)


@login_required
def guidance(request: HttpRequest, pk: int) -> HttpResponse:
    """The guidance visits of a project, node by node; the district officer plans the next one."""
    project = _project(request, pk)
    form = PlanForm(project, request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return redirect(site.plan_visit(request.user, project, **form.cleaned_data))
            except Refused as refused:
                add_problems(form, refused.problems)
    opinions = Count("opinions")
    open_opinions = Count("opinions", filter=~Q(opinions__state="closed"))
    visits = project.guidance_visits.annotate(opinions_made=opinions, opinions_open=open_opinions)
    context = {
        "project": project,
        "visits": visits.select_related("visitor", "project__programme"),
        "nodes": project.programme.guidance_nodes,
        "may_plan": can_project(request.user, "plan_guidance", project) and bool(project.programme.guidance_nodes),
        "form": form,
    }
    return render(request, "evaluation/guidance.html", context, status=status)


def _guidance_visit(request: HttpRequest, pk: int) -> GuidanceVisit:
    rows = guidance_visible_to(request.user).select_related(
        "visitor", "project__programme", "project__standard", "project__organisation", "project__community__district"
    )
    return get_object_or_404(rows, pk=pk)


VISIT_ACTS = ("record", "close")


@login_required
def guidance_visit(request: HttpRequest, pk: int) -> HttpResponse:
    """One visit: its record and photos, the opinions it left, the replies to them."""
    visit = _guidance_visit(request, pk)
    acts = act_forms(request, GUIDANCE_VISIT, visit, VISIT_ACTS)
    if request.method == "POST":
        if acted(request, GUIDANCE_VISIT, visit, acts, VISIT_ACTS):
            return redirect("guidance-visit", pk)
        return _visit_page(request, _guidance_visit(request, pk), {"acts": acts}, status=422)
    return _visit_page(request, visit, {"acts": acts})


def _visit_page(
    request: HttpRequest, visit: GuidanceVisit, given: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    user = request.user
    guides = "district_officer" in guidance_roles(user, visit) and visit.state in ("planned", "open")
    opinions = []
    for row in visit.opinions.prefetch_related("photos"):
        row.visit = visit
        opinions.append(_opinion_row(request, row, given.get("replies", {}), given.get("proofs", {})))
    context = {
        "visit": visit,
        "project": visit.project,
        "acts": act_forms(request, GUIDANCE_VISIT, visit, VISIT_ACTS),
        "links": [link for link in act_links(GUIDANCE_VISIT, visit, user) if link[0].action not in VISIT_ACTS],
        "may_guide": guides,
        "photos": visit.photos.order_by("pk"),
        "opinions": opinions,
        "opinion_form": OpinionForm(),
        "photo_form": PhotoForm(),
        **given,
    }
    return render(request, "evaluation/guidance_visit.html", context, status=status)


def _opinion_row(
    request: HttpRequest, opinion: GuidanceOpinion, replies: Mapping[int, Any], proofs: Mapping[int, Any]
) -> dict[str, Any]:
    """One opinion with what this person may do about it; a refused form stands in place of the empty one."""
    rows = GUIDANCE_OPINION.available(opinion, request.user)
    reply = next((PageActForm(row, opinion, request.user) for row in rows if row.action == "reply"), None)
    form = replies.get(opinion.pk, reply)
    if form is not None:
        form.auto_id = f"reply-{opinion.pk}-%s"
    links = act_links(GUIDANCE_OPINION, opinion, request.user)
    return {
        "opinion": opinion,
        "reply": form,
        "proof": proofs.get(opinion.pk) or PhotoForm(auto_id=f"proof-{opinion.pk}-%s"),
        "links": [link for link in links if link[0].action != "reply"],
    }


@login_required
@require_POST
def guidance_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a photo of the visit."""
    visit = _guidance_visit(request, pk)
    form = PhotoForm(request.POST, request.FILES)
    if _photo_added(request, visit, form):
        return redirect(reverse("guidance-visit", args=[pk]) + "#photos")
    return _visit_page(request, visit, {"photo_form": form}, status=422)


@login_required
@require_POST
def opinion_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what must be mended by when."""
    visit = _guidance_visit(request, pk)
    form = OpinionForm(request.POST)
    if form.is_valid():
        try:
            site.add_opinion(request.user, visit, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("guidance-visit", args=[pk]) + "#opinions")
    return _visit_page(request, visit, {"opinion_form": form}, status=422)


def _opinion(request: HttpRequest, pk: int) -> GuidanceOpinion:
    rows = opinions_visible_to(request.user).select_related("visit__project__programme")
    return get_object_or_404(rows, pk=pk)


@login_required
@require_POST
def opinion_reply(request: HttpRequest, pk: int) -> HttpResponse:
    """The applicant says what was mended."""
    opinion = _opinion(request, pk)
    acts = act_forms(request, GUIDANCE_OPINION, opinion, ("reply",))
    if acted(request, GUIDANCE_OPINION, opinion, acts, ("reply",)):
        return redirect(f"{opinion.get_absolute_url()}#opinion-{pk}")
    visit = _guidance_visit(request, opinion.visit_id)
    return _visit_page(request, visit, {"replies": {pk: acts["reply"]}}, status=422)


@login_required
@require_POST
def opinion_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """The applicant proves what was mended."""
    opinion = _opinion(request, pk)
    form = PhotoForm(request.POST, request.FILES, auto_id=f"proof-{pk}-%s")
    if _photo_added(request, opinion, form):
        return redirect(f"{opinion.get_absolute_url()}#opinion-{pk}")
    visit = _guidance_visit(request, opinion.visit_id)
    return _visit_page(request, visit, {"proofs": {pk: form}}, status=422)
