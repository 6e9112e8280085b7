"""Renewals of certificates: asking for one, with everything that stands in the way; its page with its acts; the list of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from evaluation import renewing
from evaluation.models import Certificate, IssuedNotice, Renewal
from evaluation.permissions import APPLICANTS, may_ask_renewal, renewal_roles, renewals_visible_to
from evaluation.views.acting import act_forms, acted
from evaluation.views.sanctions import fetch_certificate, most_urgent
from evaluation.workflow import RENEWAL
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.problems import Refused

PAGE = 25
PAGE_ACTS = ("recommend", "advise_against", "return", "ask_again", "approve")


class RenewalForm(forms.Form):
    """How the community has been run since it was certified."""

    required_css_class = "required"
    statement = forms.CharField(
        label=_("运行情况说明"), max_length=renewing.LONGEST, widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("写明获证以来各系统的运行、维护和变化；与获证时不一致的，逐项说明。"),
    )  # fmt: skip


@login_required
def renewal_new(request: HttpRequest, number: str) -> HttpResponse:
    """Ask that a certificate be renewed."""
    certificate = fetch_certificate(request, number)
    if not may_ask_renewal(request.user, certificate):
        raise NotAllowed("ask_renewal")
    form = RenewalForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = renewing.ask(request.user, certificate, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, gettext("延续申请已提交，等待核查。"))
            return redirect(row)
    day = timezone.localdate()
    context = {
        "certificate": certificate,
        "project": certificate.application.project,
        "form": form,
        "problems": renewing.hindrances(certificate, day) if request.method != "POST" else [],
        "opens": renewing.window_opens(certificate),
        "until": renewing.last_day_of_renewed(certificate, day),
    }
    return render(request, "evaluation/renewal_new.html", context, status=422 if request.method == "POST" else 200)


def _fetch(request: HttpRequest, pk: int) -> Renewal:
    case = "certificate__application__project__"
    rows = renewals_visible_to(request.user).select_related(
        f"{case}programme__standard", f"{case}standard", f"{case}organisation", f"{case}community__district",
        "asked_by", "examined_by", "decided_by",
    )  # fmt: skip
    return get_object_or_404(rows, pk=pk)


@login_required
def renewal(request: HttpRequest, pk: int) -> HttpResponse:
    """One renewal: what the unit says, what was found and decided; and its acts."""
    row = _fetch(request, pk)
    acts = act_forms(request, RENEWAL, row, PAGE_ACTS)
    if request.method == "POST":
        if acted(request, RENEWAL, row, acts, PAGE_ACTS):
            return redirect(row)
        return _page(request, _fetch(request, pk), {"acts": acts}, status=422)
    return _page(request, row, {})


def _page(request: HttpRequest, row: Renewal, given: Mapping[str, Any], status: int = 200) -> HttpResponse:
    user, day = request.user, timezone.localdate()
    inside = not APPLICANTS & renewal_roles(user, row)
    context = {
        "renewal": row,
        "certificate": row.certificate,
        "project": row.certificate.application.project,
        "problems": renewing.still_hindering(row.certificate, inside) if row.is_open else [],
        "until": renewing.last_day_of_renewed(row.certificate, day) if row.is_open else None,
        "document": IssuedNotice.objects.filter(number=row.decision_number).first() if row.decision_number else None,
        "successor": Certificate.objects.filter(succeeds=row.certificate_id).first()
        if row.state == "approved"
        else None,
        "acts": act_forms(request, RENEWAL, row, PAGE_ACTS),
        "links": [link for link in act_links(RENEWAL, row, user) if link[0].action not in PAGE_ACTS],
        "may_name": inside,
        **given,
    }
    return render(request, "evaluation/renewal.html", context, status=status)


@login_required
def renewals(request: HttpRequest) -> HttpResponse:
    """Renewals that this person may read, by state, most urgent first."""
    rows = renewals_visible_to(request.user).select_related("certificate__application__project__community__district")
    state = request.GET.get("state", "")
    if state in RENEWAL.states:
        rows = rows.filter(state=state)
    page = Paginator(most_urgent(rows), PAGE).get_page(request.GET.get("page"))
    context = {"rows": page, "states": RENEWAL.states.items(), "state": state}
    return render(request, "evaluation/renewals.html", context)
