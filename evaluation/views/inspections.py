"""Random inspections: the draw by two persons with its public receipt, the visit, what it found and what was put right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from communities.models import District
from communities.permissions import city_duties
from evaluation import inspecting
from evaluation.models import (
    Certificate,
    Inspection,
    InspectionDraw,
    InspectionPhoto,
    Programme,
    Rectification,
    RectificationProof,
)
from evaluation.permissions import (
    APPLICANTS,
    OFFICERS,
    can_city,
    inspection_draws_visible_to,
    inspection_roles,
    inspections_visible_to,
    may_propose_sanction,
    rectification_roles,
    rectifications_visible_to,
)
from evaluation.views.acting import PageActForm, act_forms, acted
from evaluation.views.draws import BindingForm, HiddenSecret
from evaluation.views.photos import DATE, PhotoForm
from evaluation.workflow import INSPECTION, INSPECTION_DRAW, RECTIFICATION
from experts.draw import canonical_bytes
from portal import conditional, files
from portal.forms import UploadForm, add_problems
from portal.machine import NotAllowed, Transition
from portal.problems import Refused

ROWS_A_PAGE = 25
DRAW_ACTS = ("cosign", "reveal", "enter_public_value", "give_up")
VISIT_ACTS = ("record",)


# --- draws --------------------------------------------------------------------------------------------------------------


class ProposalForm(forms.Form):
    """Programme and place of this year's draw, and how the organiser is bound."""

    programme = forms.ModelChoiceField(
        label=_("评价类别"), queryset=Programme.objects.order_by("code"), empty_label=_("请选择")
    )
    district = forms.ModelChoiceField(
        label=_("区县"), queryset=District.objects.order_by("code"), required=False, empty_label=_("全市")
    )
    keeping = forms.ChoiceField(
        label=_("密值由谁保管"),
        choices=(("portal", _("交本系统保管，抽取前对任何人不可见")), ("self", _("自己保管，双方承诺后由本人揭示"))),
        widget=forms.RadioSelect,
        initial="portal",
        required=False,
    )
    secret = forms.CharField(required=False, max_length=200, widget=HiddenSecret)
    secret_hash = forms.CharField(
        label=_("自己保管的密值的摘要"),
        required=False,
        max_length=200,
        help_text=_("选择自己保管时填写：密值为 32 个随机字节的十六进制（64 位小写），此处填它的 SHA-256。"),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("keeping") == "self" and not data.get("secret_hash"):
            self.add_error("secret_hash", _("请填写密值的摘要，或改为交本系统保管。"))
        return data

    def binding(self) -> dict[str, str]:
        part = "secret_hash" if self.cleaned_data["keeping"] == "self" else "secret"
        return {part: self.cleaned_data[part].strip()}


@login_required
def inspection_draws(request: HttpRequest) -> HttpResponse:
    """Every draw of inspections, the newest first, and the start of another."""
    if not city_duties(request.user) & OFFICERS:
        raise NotAllowed("see_inspection_draws")
    form = ProposalForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            said, year = form.cleaned_data, timezone.localdate().year
            try:
                draw = inspecting.propose(request.user, said["programme"], year, said["district"], **form.binding())
            except Refused as refused:
                add_problems(form, refused.problems)
            else:
                messages.success(request, gettext("已冻结名单，等监督员共同启动。"))
                return redirect(draw)
    rows = inspection_draws_visible_to(request.user).select_related("programme", "district", "organiser", "supervisor")
    context = {
        "form": form,
        "rows": Paginator(rows.defer("receipt"), ROWS_A_PAGE).get_page(request.GET.get("page")),
        "may_propose": can_city(request.user, "propose_inspection"),
        "year": timezone.localdate().year,
        "share": inspecting.share(),
    }
    return render(request, "evaluation/inspection_draws.html", context, status=status)


def _fetch_draw(request: HttpRequest, pk: int) -> InspectionDraw:
    rows = inspection_draws_visible_to(request.user).select_related("programme", "district", "organiser", "supervisor")
    return get_object_or_404(rows, pk=pk)


def _draw_acts(request: HttpRequest, draw: InspectionDraw) -> dict[str, Any]:
    """The acts of this person here; who is bound by no hash has nothing to reveal."""
    found: dict[str, Any] = act_forms(request, INSPECTION_DRAW, draw, DRAW_ACTS)
    sent = request.POST.get("action") if request.method == "POST" else None
    if "cosign" in found:
        data = request.POST if sent == "cosign" else None
        found["cosign"] = BindingForm(found["cosign"].transition, draw, request.user, data)
    if "reveal" in found and inspecting.party_of(draw, request.user) not in inspecting.missing(draw):
        del found["reveal"]
    if "enter_public_value" in found:
        found["enter_public_value"].fields["public_value"].label = draw.frozen["rules"]["public_source"]
    return found


@login_required
def inspection_draw(request: HttpRequest, pk: int) -> HttpResponse:
    """One draw: the frozen list, who is bound by what, and what it still waits for; afterwards who was drawn."""
    draw, status = _fetch_draw(request, pk), 200
    acts = _draw_acts(request, draw)
    if request.method == "POST":
        if acted(request, INSPECTION_DRAW, draw, acts, DRAW_ACTS):
            return redirect("inspection-draw", pk)
        draw, status = _fetch_draw(request, pk), 422
    numbers = Paginator(draw.frozen["numbers"], 100).get_page(request.GET.get("page"))
    context = {
        "draw": draw,
        "acts": acts,
        "missing": inspecting.missing(draw) if draw.state in ("cosigning", "revealing") else (),
        "rows": numbers,
        "count": len(draw.frozen["numbers"]),
        "size": inspecting.size_of(draw),
        "names": dict(Certificate.objects.filter(number__in=list(numbers)).values_list("number", "community_name")),
        "inspections": draw.inspections.select_related("certificate").order_by("place"),
    }
    return render(request, "evaluation/inspection_draw.html", context, status=status)


@conditional.public
def inspection_receipts(request: HttpRequest) -> HttpResponse:
    """Every draw of inspections that was held, the newest first, for everybody."""
    held = InspectionDraw.objects.filter(state="drawn").order_by("-year", "-drawn_at", "-pk")
    rows = held.select_related("programme", "district").defer("frozen", "receipt")
    page = Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "evaluation/inspection_receipts.html", {"rows": page})


def _announced(pk: int) -> InspectionDraw:
    """A draw that was held: its receipt is public."""
    return get_object_or_404(InspectionDraw.objects.select_related("programme", "district"), pk=pk, state="drawn")


@conditional.public
def inspection_receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """The receipt of a held draw for everybody: who was on the list, who was drawn, and how to draw again."""
    draw = _announced(pk)
    names = Certificate.objects.filter(number__in=draw.receipt["drawn"])
    named = dict(names.values_list("number", "community_name"))
    context = {
        "draw": draw,
        "receipt": draw.receipt,
        "drawn": [(place, number, named.get(number, "")) for place, number in enumerate(draw.receipt["drawn"], 1)],
        "count": len(draw.frozen["numbers"]),
    }
    return render(request, "evaluation/inspection_receipt.html", context)


@conditional.public
def inspection_receipt_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The receipt byte for byte as it is verified."""
    draw = _announced(pk)
    response = HttpResponse(canonical_bytes(draw.receipt), content_type="application/json")
    response["Content-Disposition"] = content_disposition_header(True, f"inspection-receipt-{draw.pk}.json")
    return response


# --- the visit ----------------------------------------------------------------------------------------------------------


class FindingForm(forms.Form):
    """What must be put right by when."""

    text = forms.CharField(label=_("问题"), widget=forms.Textarea(attrs={"rows": 3}), max_length=inspecting.LONGEST)
    mend_by = forms.DateField(label=_("整改期限"), widget=forms.DateInput(attrs=DATE))


def _fetch(request: HttpRequest, pk: int) -> Inspection:
    rows = inspections_visible_to(request.user).select_related(
        "draw__programme", "draw__district", "certificate__application__project__community__district",
        "certificate__application__project__programme", "certificate__application__project__organisation", "recorded_by",
    )  # fmt: skip
    return get_object_or_404(rows, pk=pk)


@login_required
def inspection(request: HttpRequest, pk: int) -> HttpResponse:
    """One inspection: the visit with photos and findings, then each finding until it is put right."""
    row = _fetch(request, pk)
    if request.method == "POST":
        acts = act_forms(request, INSPECTION, row, VISIT_ACTS)
        if acted(request, INSPECTION, row, acts, VISIT_ACTS):
            return redirect(row)
        return _page(request, _fetch(request, pk), {"acts": acts}, status=422)
    return _page(request, row, {})


def _page(request: HttpRequest, row: Inspection, given: Mapping[str, Any], status: int = 200) -> HttpResponse:
    user = request.user
    roles = inspection_roles(user, row)
    writes = bool(inspecting.inspects(user, row)) and row.state == "drawn"
    bound: Any = given.get("reply")
    context = {
        "inspection": row,
        "certificate": row.certificate,
        "project": row.project,
        "writes": writes,
        "inside": not roles & APPLICANTS,
        "finding_form": FindingForm(),
        "photo_form": PhotoForm(),
        "photos": inspecting.photos_for(user, row),
        "entries": [_entry(request, one, roles, writes, bound) for one in _rectifications(request, row)],
        "sanction": _sanction_address(row) if may_propose_sanction(user, row.certificate) else "",
        "acts": act_forms(request, INSPECTION, row, VISIT_ACTS),
        **given,
    }
    return render(request, "evaluation/inspection.html", context, status=status)


def _rectifications(request: HttpRequest, row: Inspection) -> list[Rectification]:
    rows = rectifications_visible_to(request.user).filter(inspection=row)
    found = list(rows.prefetch_related("proofs").order_by("pk"))
    for one in found:
        one.inspection = row
    return found


def _entry(request: HttpRequest, one: Rectification, roles: frozenset[str], writes: bool, bound: Any) -> dict[str, Any]:
    """One finding with what this person may do to it; the unit replies on the page, all else on a page of its own.

    roles: towards the inspection, read once for all that it found.
    """
    open_acts = _acts(one, roles)
    reply = next((transition for transition in open_acts if transition.action == "reply"), None)
    form: Any = PageActForm(reply, one, request.user) if reply else None
    if form is not None:
        form.auto_id = f"reply-{one.pk}-%s"
    paper = UploadForm(auto_id=f"paper-{one.pk}-%s")
    if bound and bound[0] == one.pk:
        form, paper = (bound[1] or form), (bound[2] or paper)
    return {
        "row": one,
        "reply": form,
        "paper": paper if reply else None,
        "links": [
            (transition, reverse("act", args=[RECTIFICATION.name, one.pk, transition.action]))
            for transition in open_acts
            if transition is not reply
        ],
        "removable": one.state == "noted" and writes,
    }


def _acts(one: Rectification, roles: frozenset[str]) -> list[Transition]:
    """As ``Machine.available`` tells them, for roles that are known."""
    found = (RECTIFICATION.find(one, transition.action, roles) for transition in RECTIFICATION.transitions)
    return list(dict.fromkeys(match[0] for match in found if match))


def _sanction_address(row: Inspection) -> str:
    """Where a sanction on what is overdue is proposed."""
    return reverse("sanction-new", args=[row.certificate.number])


def _refused(request: HttpRequest, row: Inspection, form: Any, refused: Refused, place: str) -> HttpResponse:
    add_problems(form, refused.problems)
    return _page(request, _fetch(request, row.pk), {place: form}, status=422)


@login_required
@require_POST
def inspection_finding(request: HttpRequest, pk: int) -> HttpResponse:
    """Note one thing that must be put right."""
    row, form = _fetch(request, pk), FindingForm(request.POST)
    if not form.is_valid():
        return _page(request, row, {"finding_form": form}, status=422)
    try:
        inspecting.add_finding(request.user, row, **form.cleaned_data)
    except Refused as refused:
        return _refused(request, row, form, refused, "finding_form")
    return redirect(f"{row.get_absolute_url()}#findings")


@login_required
@require_POST
def inspection_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a photo of the visit."""
    row, form = _fetch(request, pk), PhotoForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, row, {"photo_form": form}, status=422)
    try:
        inspecting.add_photo(request.user, row, form.cleaned_data["photo"], form.cleaned_data["caption"])
    except Refused as refused:
        return _refused(request, row, form, refused, "photo_form")
    return redirect(f"{row.get_absolute_url()}#photos")


def _photo(request: HttpRequest, pk: int) -> InspectionPhoto:
    rows = InspectionPhoto.objects.filter(inspection__in=inspections_visible_to(request.user))
    row = get_object_or_404(rows.select_related("inspection__certificate__application__project__community"), pk=pk)
    return get_object_or_404(inspecting.photos_for(request.user, row.inspection), pk=pk)


@login_required
def inspection_photo_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The photo as it is kept: upright, without metadata."""
    row = _photo(request, pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )


@login_required
def inspection_photo_thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The small picture of a photo."""
    row = _photo(request, pk)
    tag = f"thumbnail-{row.sha256}"
    return files.send(row.thumbnail, name=row.name, content_type="image/jpeg", inline=True, request=request, sha256=tag)


# --- putting right ------------------------------------------------------------------------------------------------------


def _fetch_rectification(request: HttpRequest, pk: int) -> Rectification:
    case = "inspection__certificate__application__project"
    rows = rectifications_visible_to(request.user).select_related(f"{case}__community", f"{case}__programme")
    return get_object_or_404(rows, pk=pk)


@login_required
@require_POST
def rectification_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take out what was noted and told nobody."""
    row = _fetch_rectification(request, pk)
    inspecting.take_out_finding(request.user, row)
    return redirect(f"{row.inspection.get_absolute_url()}#findings")


@login_required
@require_POST
def rectification_proof(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a proof of what was put right."""
    row = _fetch_rectification(request, pk)
    form = UploadForm(request.POST, request.FILES, auto_id=f"paper-{row.pk}-%s")
    if form.is_valid():
        try:
            inspecting.add_rectification_proof(request.user, row, form.cleaned_data["file"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(row)
    elif "applicant" not in rectification_roles(request.user, row):
        raise NotAllowed("rectify")
    return _page(request, _fetch(request, row.inspection_id), {"reply": (row.pk, None, form)}, status=422)


@login_required
@require_POST
def rectification_reply(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what was put right."""
    row = _fetch_rectification(request, pk)
    forms_ = act_forms(request, RECTIFICATION, row, ("reply",))
    if acted(request, RECTIFICATION, row, forms_, ("reply",)):
        return redirect(row)
    form: Any = forms_["reply"]
    form.auto_id = f"reply-{row.pk}-%s"
    return _page(request, _fetch(request, row.inspection_id), {"reply": (row.pk, form, None)}, status=422)


@login_required
def rectification_proof_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A proof as it is kept."""
    rows = RectificationProof.objects.filter(rectification__in=rectifications_visible_to(request.user))
    row = get_object_or_404(rows, pk=pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )
