"""Guidance during construction: the plan node by node, one visit with its opinions and replies, the timeline of it all."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from evaluation import guidance as guiding
from evaluation import timeline
from evaluation.models import (
    GuidanceCompanion,
    GuidanceOpinion,
    GuidanceVisit,
    OpinionFile,
    Project,
)
from evaluation.permissions import (
    can_project,
    changes_visible_to,
    guidance_roles,
    guidance_visible_to,
    may_demand_change,
    opinions_visible_to,
    projects_visible_to,
)
from evaluation.views.acting import PageActForm, act_forms, acted
from evaluation.views.photos import PhotoForm
from evaluation.workflow import GUIDANCE_COMPANION, GUIDANCE_OPINION, GUIDANCE_VISIT
from experts.models import Expert
from portal import files
from portal.forms import act_links, add_problems
from portal.problems import Problem, Refused, gettext_noop

DATE = {"type": "date"}


def date_field(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))


class PlanForm(forms.Form):
    """A visit at one of the programme's nodes."""

    node = forms.ChoiceField(label=_("节点"))
    planned_on = date_field(_("计划日期"))

    def __init__(self, project: Project, data: Any = None, proposed: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=proposed)
        self.fields["node"].choices = project.programme.guidance_nodes


class ScheduleForm(forms.Form):
    """From when to when a node is built."""

    begins_on = date_field(_("计划开工"))
    ends_on = date_field(_("计划完工"))


class CompanionForm(forms.Form):
    """An expert of the pool, by number."""

    expert = forms.CharField(
        label=_("专家编号"),
        max_length=20,
        help_text=_("见专家库。与当事单位有关系的、评审本案的专家不能随行；随行的专家不再评审本案。"),
    )


class NoteForm(forms.Form):
    """What was seen or said."""

    text = forms.CharField(label=_("记要"), widget=forms.Textarea(attrs={"rows": 3}), max_length=guiding.LONGEST)


class OpinionForm(forms.Form):
    """What must be mended by when, and how much hangs on it."""

    text = forms.CharField(
        label=_("意见"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000,
        help_text=_("写明哪里不符合、怎样整改；申报单位看到的就是这段文字。"),
    )  # fmt: skip
    severity = forms.ChoiceField(label=_("轻重"), choices=GuidanceOpinion.Severity.choices, initial="minor")
    due_on = date_field(_("整改期限"))
    item_code = forms.CharField(label=_("涉及的条目编号"), max_length=20, required=False)


class FileForm(forms.Form):
    """A document that proves what was mended."""

    file = forms.FileField(
        label=_("文件"), widget=forms.FileInput(attrs={"accept": files.accept_attribute(guiding.PROOFS)})
    )


# --- the plan -----------------------------------------------------------------------------------------------------


def fetch_project(request: HttpRequest, pk: int) -> Project:
    """The case if this person may see it, else 404."""
    rows = projects_visible_to(request.user).select_related(
        "programme", "standard", "organisation", "community__district"
    )
    return get_object_or_404(rows, pk=pk)


@login_required
def guidance(request: HttpRequest, pk: int) -> HttpResponse:
    """The plan of a project, node by node; the applicant gives the days of construction, the district plans visits."""
    project = fetch_project(request, pk)
    if request.method != "POST":
        return _plan_page(request, project, {})
    form = PlanForm(project, request.POST)
    if form.is_valid():
        try:
            return redirect(guiding.plan_visit(request.user, project, **form.cleaned_data))
        except Refused as refused:
            add_problems(form, refused.problems)
    return _plan_page(request, project, {"form": form}, status=422)


def _plan_page(request: HttpRequest, project: Project, given: Mapping[str, Any], status: int = 200) -> HttpResponse:
    user = request.user
    made = Count("opinions")
    unsettled = Count("opinions", filter=~Q(opinions__state__in=guiding.SETTLED))
    rows = project.guidance_visits.annotate(opinions_made=made, opinions_open=unsettled).select_related("visitor")
    visits = list(rows)
    for visit in visits:
        visit.project = project
    plans = guiding.plan_of(project, visits) if project.programme.guidance_nodes else []
    gives = can_project(user, "give_schedule", project)
    forms_of = given.get("schedules", {})
    changes = list(changes_visible_to(user).filter(project=project))
    busy = any(change.is_open or change.state == "draft" for change in changes)
    context = {
        "project": project,
        "nodes": [(plan, forms_of.get(plan.node) or _schedule_form(plan) if gives else None) for plan in plans],
        "changes": changes,
        "may_plan": can_project(user, "plan_guidance", project) and bool(plans),
        "may_declare": not busy and can_project(user, "declare_change", project),
        "may_demand": not busy and may_demand_change(user, project),
        "form": PlanForm(project, proposed=_proposed(plans)),
        **given,
    }
    for change in changes:
        change.project = project
    return render(request, "evaluation/guidance.html", context, status=status)


def _schedule_form(plan: guiding.NodePlan) -> ScheduleForm:
    days = {"begins_on": plan.schedule.begins_on, "ends_on": plan.schedule.ends_on} if plan.schedule else {}
    return ScheduleForm(initial=days, auto_id=f"schedule-{plan.node}-%s")


def _proposed(plans: list[guiding.NodePlan]) -> dict[str, Any]:
    """The first node that nobody has planned a visit for, on the day proposed for it, or today where that is past."""
    plan = next((row for row in plans if not row.stands), None)
    if plan is None:
        return {}
    day = max(plan.proposed_on, timezone.localdate()) if plan.proposed_on else None
    return {"node": plan.node, "planned_on": day}


@login_required
@require_POST
def guidance_schedule(request: HttpRequest, pk: int, node: str) -> HttpResponse:
    """The applicant says when a node is built."""
    project = fetch_project(request, pk)
    form = ScheduleForm(request.POST, auto_id=f"schedule-{node}-%s")
    if form.is_valid():
        try:
            guiding.give_schedule(request.user, project, node, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, gettext("已保存施工计划，区县审核员据此安排指导。"))
            return redirect(reverse("guidance", args=[pk]) + f"#node-{node}")
    return _plan_page(request, project, {"schedules": {node: form}}, status=422)


@login_required
def guidance_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that happened while it was built, by date."""
    project = fetch_project(request, pk)
    days = groupby(timeline.entries(request.user, project), lambda entry: timezone.localdate(entry.at))
    noted = [row for row in _opinions_of(project) if row.state == "noted"]
    changes = [row for row in changes_visible_to(request.user).filter(project=project) if row.state != "draft"]
    for change in changes:
        change.project = project
    context = {
        "project": project,
        "days": [(day, list(rows)) for day, rows in days],
        "noted": noted,
        "changes": changes,
    }
    return render(request, "evaluation/guidance_timeline.html", context)


def _opinions_of(project: Project) -> Any:
    return GuidanceOpinion.objects.filter(visit__project=project).select_related("visit__project__programme")


# --- one visit ----------------------------------------------------------------------------------------------------


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
    roles, unfinished = guidance_roles(user, visit), visit.state in guiding.UNFINISHED
    may_guide = "district_officer" in roles and unfinished
    context = {
        "visit": visit,
        "project": visit.project,
        "sees_case": projects_visible_to(user).filter(pk=visit.project_id).exists(),
        "acts": act_forms(request, GUIDANCE_VISIT, visit, VISIT_ACTS),
        "links": [link for link in act_links(GUIDANCE_VISIT, visit, user) if link[0].action not in VISIT_ACTS],
        "may_guide": may_guide,
        "may_note": may_guide or ("companion" in roles and unfinished),
        "may_ask": may_guide and visit.state != "open",
        "companions": _companion_rows(request, visit),
        "remarks": visit.remarks.select_related("by"),
        "photos": visit.photos.order_by("pk"),
        "opinions": _opinion_rows(request, visit, given),
        "opinion_form": OpinionForm(auto_id="opinion-%s"),
        "photo_form": PhotoForm(auto_id="photo-%s"),
        "note_form": NoteForm(auto_id="note-%s"),
        "companion_form": CompanionForm(auto_id="companion-%s"),
        **given,
    }
    return render(request, "evaluation/guidance_visit.html", context, status=status)


def _companion_rows(request: HttpRequest, visit: GuidanceVisit) -> list[tuple[GuidanceCompanion, Any]]:
    """Experts asked along, each with what this person may do about it."""
    rows = []
    for row in visit.companions.select_related("expert__user", "asked_by"):
        row.visit = visit
        rows.append((row, act_links(GUIDANCE_COMPANION, row, request.user)))
    return rows


def _opinion_rows(request: HttpRequest, visit: GuidanceVisit, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The opinions of a visit, each with what this person may do about it; roles are the same for all of them."""
    rows = []
    for row in visit.opinions.prefetch_related("photos", Prefetch("files", OpinionFile.objects.order_by("pk"))):
        row.visit = visit
        rows.append(_opinion_row(request, row, given))
    return rows


def _opinion_row(request: HttpRequest, opinion: GuidanceOpinion, given: Mapping[str, Any]) -> dict[str, Any]:
    """A refused form stands in place of the empty one."""
    pk, user = opinion.pk, request.user
    rows = GUIDANCE_OPINION.available(opinion, user)
    reply = next((PageActForm(row, opinion, user) for row in rows if row.action == "reply"), None)
    form = given.get("replies", {}).get(pk, reply)
    if form is not None:
        form.auto_id = f"reply-{pk}-%s"
    return {
        "opinion": opinion,
        "trouble": [gettext(line) for line in opinion.trouble.splitlines() if line],
        "reply": form,
        "proof": given.get("proofs", {}).get(pk) or PhotoForm(auto_id=f"proof-{pk}-%s"),
        "paper": given.get("papers", {}).get(pk) or FileForm(auto_id=f"paper-{pk}-%s"),
        "links": [
            (row, reverse("act", args=["guidance_opinion", pk, row.action])) for row in rows if row.action != "reply"
        ],
    }


def _photo_added(request: HttpRequest, subject: GuidanceVisit | GuidanceOpinion, form: PhotoForm) -> bool:
    if not form.is_valid():
        return False
    try:
        guiding.add_photo(request.user, subject, form.cleaned_data["photo"], form.cleaned_data["caption"])
    except Refused as refused:
        add_problems(form, refused.problems)
        return False
    return True


@login_required
@require_POST
def guidance_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a photo of the visit."""
    visit = _guidance_visit(request, pk)
    form = PhotoForm(request.POST, request.FILES, auto_id="photo-%s")
    if _photo_added(request, visit, form):
        return redirect(reverse("guidance-visit", args=[pk]) + "#photos")
    return _visit_page(request, visit, {"photo_form": form}, status=422)


@login_required
@require_POST
def guidance_note(request: HttpRequest, pk: int) -> HttpResponse:
    """Note what was seen or said."""
    visit = _guidance_visit(request, pk)
    form = NoteForm(request.POST, auto_id="note-%s")
    if form.is_valid():
        try:
            guiding.add_note(request.user, visit, form.cleaned_data["text"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("guidance-visit", args=[pk]) + "#notes")
    return _visit_page(request, visit, {"note_form": form}, status=422)


@login_required
@require_POST
def guidance_companion(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask an expert to come along."""
    visit = _guidance_visit(request, pk)
    form = CompanionForm(request.POST, auto_id="companion-%s")
    if form.is_valid():
        try:
            guiding.ask_companion(request.user, visit, _expert(form.cleaned_data["expert"]))
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, gettext("已邀请专家随行，等待答复。"))
            return redirect(reverse("guidance-visit", args=[pk]) + "#companions")
    return _visit_page(request, visit, {"companion_form": form}, status=422)


def _expert(number: str) -> Expert:
    found: Expert | None = Expert.objects.filter(number=number.strip()).select_related("user").first()
    if found is None:
        raise Refused([Problem("expert_unknown", "expert", gettext_noop("没有这个编号的专家。"))])
    return found


@login_required
@require_POST
def opinion_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what must be mended by when."""
    visit = _guidance_visit(request, pk)
    form = OpinionForm(request.POST, auto_id="opinion-%s")
    if form.is_valid():
        try:
            guiding.add_opinion(request.user, visit, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("guidance-visit", args=[pk]) + "#opinions")
    return _visit_page(request, visit, {"opinion_form": form}, status=422)


def _opinion(request: HttpRequest, pk: int) -> GuidanceOpinion:
    rows = opinions_visible_to(request.user).select_related("visit__project__programme", "visit__project__community")
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
    """The applicant proves by a photo what was mended."""
    opinion = _opinion(request, pk)
    form = PhotoForm(request.POST, request.FILES, auto_id=f"proof-{pk}-%s")
    if _photo_added(request, opinion, form):
        return redirect(f"{opinion.get_absolute_url()}#opinion-{pk}")
    visit = _guidance_visit(request, opinion.visit_id)
    return _visit_page(request, visit, {"proofs": {pk: form}}, status=422)


@login_required
@require_POST
def opinion_paper(request: HttpRequest, pk: int) -> HttpResponse:
    """The applicant proves by a document what was mended."""
    opinion = _opinion(request, pk)
    form = FileForm(request.POST, request.FILES, auto_id=f"paper-{pk}-%s")
    if form.is_valid():
        try:
            guiding.add_file(request.user, opinion, form.cleaned_data["file"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(f"{opinion.get_absolute_url()}#opinion-{pk}")
    visit = _guidance_visit(request, opinion.visit_id)
    return _visit_page(request, visit, {"papers": {pk: form}}, status=422)


@login_required
def opinion_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A document that proves what was mended."""
    rows = OpinionFile.objects.filter(opinion__in=opinions_visible_to(request.user))
    row = get_object_or_404(rows, pk=pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=False, request=request, sha256=row.sha256
    )
