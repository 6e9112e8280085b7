"""Major changes: what the applicant says, what an officer or the panel demands, what is prepared and decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from evaluation import changing
from evaluation.models import ChangeProof, MajorChange, Project
from evaluation.permissions import can_project, change_roles, changes_visible_to, may_demand_change
from evaluation.views.acting import act_forms, acted
from evaluation.views.guidance import fetch_project
from evaluation.workflow import MAJOR_CHANGE
from portal import files
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Changed, Refused

ROWS = {"rows": 4}
# Acts with their forms on the page of the change; the others, which are rare or cannot be taken back, ask on a page of theirs.
PAGE_ACTS = ("propose", "state_case", "keep", "reevaluate")


class ChangeForm(forms.Form):
    """What is built otherwise, at which items and documents of the design, and why."""

    summary = forms.CharField(
        label=_("变更内容"), widget=forms.Textarea(attrs=ROWS), max_length=changing.LONGEST, required=False
    )
    reason = forms.CharField(
        label=_("变更原因"), widget=forms.Textarea(attrs=ROWS), max_length=changing.LONGEST, required=False
    )
    items = forms.MultipleChoiceField(label=_("涉及的条目"), widget=forms.CheckboxSelectMultiple, required=False)
    documents = forms.MultipleChoiceField(label=_("涉及的材料"), widget=forms.CheckboxSelectMultiple, required=False)
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    file = forms.FileField(
        label=_("上传佐证"),
        required=False,
        widget=forms.FileInput(attrs={"accept": files.accept_attribute(changing.PROOFS)}),
        help_text=_("变更后的图纸、说明文件或照片（PDF、DWG、XLSX、JPG、PNG），每次一个，保存后可以再传。"),
    )

    def __init__(self, change: MajorChange, data: Any = None, uploads: Any = None) -> None:
        names = ("summary", "reason", "items", "documents", "revision")
        super().__init__(data, uploads, initial={name: getattr(change, name) for name in names})
        self.fields["items"].choices = [
            (row.code, f"{row.code} {row.name}") for row in changing.items_of(change.project)
        ]
        papers = changing.documents_of(change.project)
        self.fields["documents"].choices = [(code, f"{code} {name}") for code, name in papers]


class DemandForm(forms.Form):
    """What seems to be built otherwise than it was certified."""

    reason = forms.CharField(
        label=_("哪里可能与设计不符"), widget=forms.Textarea(attrs=ROWS), max_length=changing.LONGEST
    )


@login_required
def change_new(request: HttpRequest, pk: int) -> HttpResponse:
    """The applicant begins a declaration; an officer or the leader of the panel demands one."""
    project = fetch_project(request, pk)
    declares, demands = can_project(request.user, "declare_change", project), may_demand_change(request.user, project)
    if not declares and not demands:
        raise NotAllowed("declare_change")
    form = DemandForm(request.POST if request.method == "POST" and demands else None)
    sentences: list[str] = []
    if request.method == "POST" and (declares or form.is_valid()):
        try:
            return redirect(_begun(request, project, declares, form))
        except Refused as refused:
            if declares:
                sentences = [problem.text(gettext) for problem in refused.problems]
            else:
                add_problems(form, refused.problems)
    status = 422 if request.method == "POST" else 200
    context = {"project": project, "form": form, "declares": declares, "sentences": sentences}
    context["certificate"] = changing.certificate_of(project)
    return render(request, "evaluation/change_new.html", context, status=status)


def _begun(request: HttpRequest, project: Project, declares: bool, form: DemandForm) -> MajorChange:
    if declares:
        return changing.open_change(request.user, project)
    change = changing.demand(request.user, project, form.cleaned_data["reason"])
    messages.success(request, gettext("已要求申报单位说明。"))
    return change


def _fetch(request: HttpRequest, pk: int) -> MajorChange:
    rows = changes_visible_to(request.user).select_related(
        "project__programme", "project__standard", "project__organisation", "project__community__district",
        "prepared_by", "decided_by", "opened_by",
    )  # fmt: skip
    return get_object_or_404(rows, pk=pk)


@login_required
def major_change(request: HttpRequest, pk: int) -> HttpResponse:
    """One change: what was said and proved, what is proposed and decided, and its acts."""
    change = _fetch(request, pk)
    acts = act_forms(request, MAJOR_CHANGE, change, PAGE_ACTS)
    if request.method == "POST":
        if acted(request, MAJOR_CHANGE, change, acts, PAGE_ACTS):
            return redirect(change)
        return _page(request, _fetch(request, pk), {"acts": acts}, status=422)
    return _page(request, change, {})


def _page(request: HttpRequest, change: MajorChange, given: Mapping[str, Any], status: int = 200) -> HttpResponse:
    user = request.user
    writes = "applicant" in change_roles(user, change) and change.state in changing.WRITABLE
    names = {row.code: row.name for row in changing.items_of(change.project)}
    papers = dict(changing.documents_of(change.project))
    demanded = Event.objects.of(change).filter(verb="major_change.demand").first() if change.demand else None
    context = {
        "change": change,
        "project": change.project,
        "writes": writes,
        "form": ChangeForm(change),
        "proofs": change.proofs.filter(removed_at=None).order_by("pk"),
        "items": [(code, names.get(code, "")) for code in change.items],
        "documents": [(code, papers.get(code, "")) for code in change.documents],
        "certificate": changing.certificate_of(change.project),
        "demanded_by": demanded.role if demanded else "",
        "acts": act_forms(request, MAJOR_CHANGE, change, PAGE_ACTS),
        "links": [
            link for link in act_links(MAJOR_CHANGE, change, user) if link[0].action not in (*PAGE_ACTS, "declare")
        ],
        "may_name": "applicant" not in change_roles(user, change),
        **given,
    }
    return render(request, "evaluation/major_change.html", context, status=status)


@login_required
@require_POST
def change_write(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what the applicant says so far and one more proof, and hand it in where that was asked: all in one form, so
    that nothing typed is lost on the way.
    """
    change = _fetch(request, pk)
    form = ChangeForm(change, request.POST, request.FILES)
    status = 422
    if form.is_valid():
        try:
            _written(request, change, form.cleaned_data)
        except Changed as changed:
            add_problems(form, changed.problems)
            status = 409
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(change)
        # What was kept before the refusal is kept: the next save builds on it.
        form.data = form.data.copy()
        form.data["revision"] = form.data["revision"] if status == 409 else str(_fetch(request, pk).revision)
    return _page(request, _fetch(request, pk), {"form": form}, status=status)


def _written(request: HttpRequest, change: MajorChange, said: dict[str, Any]) -> None:
    upload = said.pop("file", None)
    changing.write(request.user, change, **said)
    if upload:
        changing.add_proof(request.user, change, upload)
    if "declare" in request.POST:
        MAJOR_CHANGE.perform(change, "declare", by=request.user)
        messages.success(request, gettext("已提交重大变更，等待审查。"))
    else:
        messages.success(request, gettext("已保存。"))


def _proof(request: HttpRequest, pk: int) -> ChangeProof:
    rows = ChangeProof.objects.filter(change__in=changes_visible_to(request.user), removed_at=None)
    return get_object_or_404(rows.select_related("change__project"), pk=pk)


@login_required
@require_POST
def change_proof_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a proof out again."""
    proof = _proof(request, pk)
    changing.remove_proof(request.user, proof)
    return redirect(reverse("major-change", args=[proof.change_id]) + "#proofs")


@login_required
def change_proof_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A proof as it is kept."""
    row = _proof(request, pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )
