"""Sanctions: proposing one, its page with the papers of both sides and its acts, the list of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from evaluation import sanctions as domain
from evaluation import supervising
from evaluation.models import Certificate, Sanction, SanctionProof
from evaluation.permissions import (
    APPLICANTS,
    certificates_visible_to,
    may_propose_sanction,
    sanction_roles,
    sanctions_visible_to,
)
from evaluation.views.acting import act_forms, acted
from evaluation.workflow import SANCTION
from portal import files
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.problems import Refused

PAGE = 25
ROWS = {"rows": 5}
# Acts with their forms on the page; the others, which are rare or cannot be taken back, ask on a page of theirs.
PAGE_ACTS = ("tell", "state_case", "ask_oral", "record_oral")


class ProposalForm(forms.Form):
    """What is proposed and why. What is legal is decided in the domain."""

    required_css_class = "required"
    kind = forms.ChoiceField(label=_("拟作处理"), choices=Sanction.Kind.choices, widget=forms.RadioSelect)
    to_level = forms.TypedChoiceField(
        label=_("降至等级"), coerce=int, empty_value=None, required=False, help_text=_("提议降低等级的才选。")
    )
    facts = forms.CharField(
        label=_("查明的事实"), max_length=domain.LONGEST, widget=forms.Textarea(attrs=ROWS),
        help_text=_("写明时间、地点、经过和证据；原文写入告知书，当事单位据此陈述。不要写入个人信息。"),
    )  # fmt: skip
    basis = forms.CharField(
        label=_("依据"), max_length=domain.LONGEST, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("条款、文号，例如管理办法第几条。"),
    )  # fmt: skip

    def __init__(self, certificate: Certificate, data: Any = None) -> None:
        # What supervision has on record, for whoever proposes to go on from.
        super().__init__(data, initial={"facts": "\n".join(supervising.findings_of(certificate))})
        below = domain.levels_below(certificate)
        self.fields["to_level"].choices = [("", _("请选择")), *below]
        if not below:
            del self.fields["to_level"]
            self.fields["kind"].help_text = _("该证书已是最低等级，不能再降；达不到最低等级的，应提议撤销。")


class ProofForm(forms.Form):
    """One file of the own side."""

    file = forms.FileField(
        label=_("文件"),
        widget=forms.FileInput(attrs={"accept": files.accept_attribute(domain.PROOFS)}),
        help_text=_("PDF、照片或 XLSX，每次一个。"),
    )


def fetch_certificate(request: HttpRequest, number: str) -> Certificate:
    """The certificate if this person sees its case, else 404."""
    case = "application__project__"
    rows = certificates_visible_to(request.user).select_related(
        f"{case}programme__standard", f"{case}community__district", f"{case}standard", f"{case}organisation"
    )
    return get_object_or_404(rows, number=number)


@login_required
def sanction_new(request: HttpRequest, number: str) -> HttpResponse:
    """Propose that a certificate be revoked or downgraded."""
    certificate = fetch_certificate(request, number)
    if not may_propose_sanction(request.user, certificate):
        raise NotAllowed("propose_sanction")
    form = ProposalForm(certificate, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = domain.propose(request.user, certificate, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, gettext("处理建议已提出，可以继续上传证据；由另一人审查是否告知当事单位。"))
            return redirect(row)
    context = {"certificate": certificate, "project": certificate.application.project, "form": form}
    return render(request, "evaluation/sanction_new.html", context, status=422 if request.method == "POST" else 200)


def _fetch(request: HttpRequest, pk: int) -> Sanction:
    case = "certificate__application__project__"
    rows = sanctions_visible_to(request.user).select_related(
        f"{case}programme", f"{case}standard", f"{case}organisation", f"{case}community__district",
        "proposed_by", "told_by", "recorded_by", "decided_by",
    )  # fmt: skip
    return get_object_or_404(rows, pk=pk)


@login_required
def sanction(request: HttpRequest, pk: int) -> HttpResponse:
    """One sanction: what is held against the unit, what it says to that, what was decided; and its acts."""
    row = _fetch(request, pk)
    acts = act_forms(request, SANCTION, row, PAGE_ACTS)
    if request.method == "POST":
        if acted(request, SANCTION, row, acts, PAGE_ACTS):
            return redirect(row)
        return _page(request, _fetch(request, pk), {"acts": acts}, status=422)
    return _page(request, row, {})


def _page(request: HttpRequest, row: Sanction, given: Mapping[str, Any], status: int = 200) -> HttpResponse:
    user = request.user
    side = domain.side_of(user, row)
    context = {
        "sanction": row,
        "certificate": row.certificate,
        "project": row.certificate.application.project,
        "level": dict(domain.levels_below(row.certificate)).get(row.to_level, ""),
        "side": side,
        "proofs": domain.proofs_of(row),
        "documents": domain.documents_of(row),
        "proof_form": ProofForm() if side else None,
        "acts": act_forms(request, SANCTION, row, PAGE_ACTS),
        "links": [link for link in act_links(SANCTION, row, user) if link[0].action not in PAGE_ACTS],
        "may_name": not APPLICANTS & sanction_roles(user, row),
        "successor": Certificate.objects.filter(succeeds=row.certificate_id).first() if row.to_level else None,
        **given,
    }
    return render(request, "evaluation/sanction.html", context, status=status)


@login_required
@require_POST
def sanction_proof_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a file to the own side."""
    row = _fetch(request, pk)
    form = ProofForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            domain.add_proof(request.user, row, form.cleaned_data["file"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("sanction", args=[row.pk]) + "#proofs")
    elif not domain.side_of(request.user, row):
        raise NotAllowed("sanction_proof")
    return _page(request, row, {"proof_form": form}, status=422)


def _proof(request: HttpRequest, pk: int) -> SanctionProof:
    rows = SanctionProof.objects.filter(sanction__in=sanctions_visible_to(request.user), removed_at=None)
    return get_object_or_404(rows.select_related("sanction__certificate__application__project__community"), pk=pk)


@login_required
@require_POST
def sanction_proof_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a file of the own side out again."""
    proof = _proof(request, pk)
    domain.remove_proof(request.user, proof)
    return redirect(reverse("sanction", args=[proof.sanction_id]) + "#proofs")


@login_required
def sanction_proof_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A file as it is kept."""
    row = _proof(request, pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )


@login_required
def sanctions(request: HttpRequest) -> HttpResponse:
    """Sanctions that this person may read, by state, most urgent first."""
    rows = sanctions_visible_to(request.user).select_related("certificate__application__project__community__district")
    state = request.GET.get("state", "")
    if state in SANCTION.states:
        rows = rows.filter(state=state)
    page = Paginator(most_urgent(rows), PAGE).get_page(request.GET.get("page"))
    context = {"rows": page, "states": SANCTION.states.items(), "state": state}
    return render(request, "evaluation/sanctions.html", context)


def most_urgent(rows: Any) -> Any:
    """By their last day, those without one last, the newest of these first."""
    return rows.order_by(F("due_on").asc(nulls_last=True), "-pk")
