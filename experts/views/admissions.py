"""Admissions: the own one to fill in and follow, all that were handed in for those who decide on them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities.views.framing import page, told, tried
from experts import admitting, declaring
from experts.forms import AdmissionFilter, AdmissionForm, ProofForm
from experts.models import Admission, AdmissionProof, Call
from experts.permissions import admissions_visible_to, as_person, can_admission, can_expert, can_pool
from experts.workflow import ADMISSION, CONCLUSIONS
from portal import files
from portal.forms import act_links
from portal.machine import NotAllowed
from portal.models import Event

PAGE = 20


@login_required
def admissions(request: HttpRequest) -> HttpResponse:
    """Own ones; for those who decide all that were handed in, most urgent first."""
    decides = can_pool(request.user, "see_admissions")
    form = AdmissionFilter(request.GET)
    rows = admissions_visible_to(request.user).select_related("user", "call", "district")
    if decides and form.is_valid():
        words, state = form.cleaned_data["q"].strip(), form.cleaned_data["state"]
        if words:
            rows = rows.filter(Q(user__name__icontains=words) | Q(employer__icontains=words))
        if state:
            rows = rows.filter(state=state)
    else:
        rows = rows.filter(user__in=as_person(request.user))
    ordered = rows.order_by(F("due_on").asc(nulls_last=True), "-state_since", "-pk")
    context = {
        "page": Paginator(ordered, PAGE).get_page(request.GET.get("page")),
        "form": form if decides else None,
        "narrowed": bool(request.GET.get("q") or request.GET.get("state")),
        "running": Call.objects.running(timezone.localdate()) if not decides else (),
    }
    return render(request, "experts/admissions.html", context)


def fetch(request: HttpRequest, pk: int) -> Admission:
    """The admission, if it is visible; else 404."""
    rows = admissions_visible_to(request.user)
    found: Admission = get_object_or_404(rows.select_related("user", "call", "district", "expert", "vetted_by"), pk=pk)
    return found


@login_required
def admission(request: HttpRequest, pk: int) -> HttpResponse:
    """One admission: what is said, what proves it, what was decided."""
    return admission_page(request, fetch(request, pk))


def admission_page(request: HttpRequest, row: Admission, proof: ProofForm | None = None) -> HttpResponse:
    """The page of an admission, also where a paper was refused."""
    edits = can_admission(request.user, "edit", row)
    events = list(Event.objects.of(row).reverse())
    vetting = next((event for event in events if event.verb == "admission.vet"), None)
    sees_facts = row.expert is not None and row.state != "draft" and can_expert(request.user, "see_facts", row.expert)
    decides = sees_facts and row.user_id not in as_person(request.user)
    context = {
        "gaps": declaring.uncovered(declaring.employments(row.expert), timezone.localdate()) if decides else [],
        "admission": row,
        "edits": edits,
        "own": row.user_id in as_person(request.user),
        "proofs": row.proofs.all(),
        "proof_form": proof or ProofForm(),
        "missing": [*admitting.missing(row)] if edits else [],
        "acts": act_links(ADMISSION, row, request.user),
        "vetting": vetting if row.vetted_by_id and can_admission(request.user, "see_opinion", row) else None,
        "conclusion": CONCLUSIONS[vetting.data["conclusion"]] if vetting else "",
        "events": events,
    }
    return render(request, "experts/admission.html", context, status=422 if proof else 200)


def editable(request: HttpRequest, pk: int) -> Admission:
    """The admission, if it is visible (else 404) and may be changed by the person now (else 403)."""
    row = fetch(request, pk)
    if not can_admission(request.user, "edit", row):
        raise NotAllowed("edit")
    return row


@login_required
def admission_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Fill in an admission."""
    row = editable(request, pk)
    form = AdmissionForm(request.POST or None, instance=row)
    if tried(form, lambda: admitting.change_admission(request.user, row, said(form))):
        messages.success(request, _("申请已保存，还没有提交。"))
        return redirect(row)
    return page(request, "experts/admission_form.html", form, admission=row)


def said(form: AdmissionForm) -> dict[str, Any]:
    return {name: form.cleaned_data.get(name) for name in form.fields}


@login_required
@require_POST
def admission_proof(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand in one paper."""
    row = editable(request, pk)
    form = ProofForm(request.POST, request.FILES)

    def keep() -> None:
        admitting.add_proof(request.user, row, form.cleaned_data["proves"], form.cleaned_data["file"])

    if tried(form, keep):
        messages.success(request, _("文件已上传。"))
        return redirect(row)
    return admission_page(request, row, proof=form)


def fetch_proof(request: HttpRequest, pk: int) -> AdmissionProof:
    rows = AdmissionProof.objects.filter(admission__in=admissions_visible_to(request.user))
    found: AdmissionProof = get_object_or_404(rows.select_related("admission__user"), pk=pk)
    return found


@login_required
@require_POST
def proof_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a paper back."""
    proof = fetch_proof(request, pk)
    told(request, lambda: admitting.remove_proof(request.user, proof), _("文件已删除。"))
    return redirect(proof.admission)


@login_required
def proof_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A paper, for whoever sees its admission."""
    proof = fetch_proof(request, pk)
    return files.send(
        proof.file, name=proof.name, content_type=proof.content_type, inline=True, request=request, sha256=proof.sha256
    )
