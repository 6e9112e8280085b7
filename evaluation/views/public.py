"""What everyone may see without an account: objections to notices, and certificates.

Every page reads published copies (figures, certificates), never the case behind them; officers who are signed in get their
acts on top.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import segno
from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control

from evaluation import sanctions, sealing, succession
from evaluation.models import Objection, ObjectionProof, Programme, PublicNotice
from evaluation.outcome import PROOF_KINDS, certificate_at, file_objection
from evaluation.permissions import certificates_visible_to, objections_visible_to
from evaluation.views.after_award import about_certificate
from evaluation.workflow import CERTIFICATE, OBJECTION
from portal import conditional, files
from portal.attempts import address_of
from portal.forms import act_links, add_problems
from portal.models import Event
from portal.problems import Refused

PAGE = 20
LONGEST = 4000  # characters of what is typed or pasted to find a certificate
CODE = re.compile(r".*/(?P<number>[^/#]+)/?#(?P<seal>v1\.[\w-]+\.[\w-]+)", re.ASCII)


def as_typed(text: str) -> str:
    """A number as we write it, from what somebody typed or pasted: half-width, upper case, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).upper().split())


@lru_cache(maxsize=512)
def qr(address: str) -> SafeString:
    """The QR code of one of our own addresses as inline SVG."""
    # The drawing holds nothing but the modules: what is encoded does not stand in it as text.
    return mark_safe(segno.make(address, error="m").svg_inline(border=2, omitsize=True))  # noqa: S308


# --- objections ---------------------------------------------------------------------------------------------------


class FilesInput(forms.ClearableFileInput):
    """The button of a field that takes several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files; what is in them is looked at by the domain."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [super(FilesField, self).clean(each, initial) for each in data or ()]


class ObjectionForm(forms.Form):
    """Who objects, how to reach them, and why. What is legal is decided by ``outcome.file_objection``."""

    kind = forms.ChoiceField(label=_("异议人"), choices=Objection.Kind, widget=forms.RadioSelect, initial="person")
    name = forms.CharField(
        label=_("姓名或单位名称"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    identity = forms.CharField(label=_("身份证件号码或统一社会信用代码"), max_length=30)
    contact = forms.CharField(label=_("联系电话或邮箱"), max_length=120)
    text = forms.CharField(
        label=_("异议事项与事实依据"), max_length=5000, widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("请写明对哪一项有异议、事实和证据线索。"),
    )  # fmt: skip
    proofs = FilesField(
        label=_("证据材料"),
        required=False,
        widget=FilesInput(attrs={"accept": files.accept_attribute(PROOF_KINDS)}),
    )

    def __init__(self, programme: Programme, *args: Any) -> None:
        super().__init__(*args)
        self.fields["proofs"].help_text = format_lazy(
            _("PDF 或照片，最多 {most} 个。单位提出异议，须上传加盖公章的书面材料。"), most=programme.objection_files
        )


def objection_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Object to a running notice, without an account."""
    row = get_object_or_404(PublicNotice.objects.select_related("application__project__programme"), pk=pk)
    running = row.is_running(timezone.localdate())
    form = ObjectionForm(row.application.project.programme, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            filed = file_objection(row, form.cleaned_data, form.cleaned_data["proofs"], address_of(request))
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            # Kept in the session: the number opens the reply and must not stand in an address.
            request.session["objection"] = filed.number
            return redirect("objection-filed")
    context = {"notice": row, "form": form, "running": running}
    return render(request, "evaluation/objection_new.html", context, status=422 if request.method == "POST" else 200)


def objection_filed(request: HttpRequest) -> HttpResponse:
    """The receipt number of what this browser has just handed in."""
    number = request.session.get("objection")
    if not number:
        return redirect("objection-status")
    return render(request, "evaluation/objection_filed.html", {"number": number})


def objection_status(request: HttpRequest) -> HttpResponse:
    """How far an objection is, by its receipt number; no personal data is even read."""
    number = as_typed(request.GET.get("number", ""))[:40]
    shown = Objection.objects.only("number", "state", "reply", "received_at", "due_on", "notice_id")
    found = shown.filter(number=number).first() if number else None
    context = {"number": number, "objection": found}
    return render(request, "evaluation/objection_status.html", context, status=404 if number and not found else 200)


@login_required
def objection(request: HttpRequest, pk: int) -> HttpResponse:
    """One objection, for the officers who handle it."""
    rows = objections_visible_to(request.user).select_related(
        "notice__application__project__community", "notice__application__project__standard"
    )
    row = get_object_or_404(rows, pk=pk)
    context = {
        "objection": row,
        "figures": row.notice.figures,
        "proofs": row.proofs.order_by("pk"),
        "acts": act_links(OBJECTION, row, request.user),
        "events": Event.objects.of(row).reverse(),
    }
    return render(request, "evaluation/objection.html", context)


@login_required
def objection_proof(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A proof of an objection, for the officers who handle it."""
    proof = get_object_or_404(ObjectionProof, pk=pk, objection__in=objections_visible_to(request.user))
    return files.send(
        proof.file,
        name=proof.name,
        content_type=proof.content_type,
        inline=True,
        request=request,
        sha256=proof.sha256,
    )


# --- certificates -------------------------------------------------------------------------------------------------


@conditional.public
def certificate_check(request: HttpRequest) -> HttpResponse:
    """From a typed number, or the pasted text of a QR code, to its page."""
    typed = request.GET.get("number", "")[:LONGEST]
    if "#i1." in "".join(typed.split()):  # the code of a confirmation: that page reads it
        return redirect(f"{reverse('incentive-policies')}?{urlencode({'number': typed})}")
    code = CODE.fullmatch("".join(typed.split()))
    number = as_typed(code["number"] if code else typed)
    if number and "/" not in number:
        address = reverse("certificate", args=[number])
        return redirect(f"{address}#{code['seal']}" if code else address)
    return render(request, "evaluation/certificate_check.html", {"newest": sealing.newest_day()})


@conditional.public
@cache_control(
    no_cache=True
)  # a browser asks anew before it shows a page again: the certificate may be revoked by then
def certificate(request: HttpRequest, number: str) -> HttpResponse:
    """Whether a certificate holds, in words as large as they are important; an unknown number says so."""
    row = certificate_at(as_typed(number), address_of(request))
    if row is None:
        return render(request, "evaluation/certificate_unknown.html", {"number": number[:60]}, status=404)
    standing = row.standing(timezone.localdate())
    may_act = (
        certificates_visible_to(request.user).filter(pk=row.pk).exists() if request.user.is_authenticated else False
    )
    context = {
        "certificate": row,
        "community": row.application.project.community_id,
        "standing": standing,
        "successor": succession.successor(row) if standing in ("superseded", "expired") else None,
        "decision": sanctions.public_decision(row) if standing in ("revoked", "superseded") else None,
        "acts": act_links(CERTIFICATE, row, request.user) if may_act else [],
        "newest": sealing.newest_day(),
        **(about_certificate(request.user, row) if may_act else {}),
    }
    return render(request, "evaluation/certificate.html", context)


def certificate_file(request: HttpRequest, number: str) -> HttpResponseBase:
    """The PDF of a certificate that holds; one that does not is told of on its page only."""
    row = certificate_at(as_typed(number), address_of(request))
    if row is None or row.standing(timezone.localdate()) != "valid" or not row.file:
        raise Http404
    return files.send(
        row.file,
        name=f"{row.number}.pdf",
        content_type="application/pdf",
        inline=True,
        request=request,
        sha256=row.sha256,
    )
