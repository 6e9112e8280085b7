"""Incentives: policies and confirmations for everybody, the officers' list, and one incentive for its case's people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control

from evaluation import confirming, incentives
from evaluation.models import Incentive, IncentivePolicy
from evaluation.permissions import incentive_roles, incentives_visible_to, may_see_queue
from evaluation.permissions.rights import APPLICANTS
from evaluation.views.public import as_typed, qr
from evaluation.workflow import INCENTIVE
from portal import conditional, files
from portal.attempts import address_of
from portal.forms import act_links
from portal.machine import NotAllowed
from portal.models import Event

PAGE = 30
LONGEST = 4000  # characters of what is typed or pasted to find a confirmation

# --- for everybody ------------------------------------------------------------------------------------------------


@conditional.public
def incentive_policies(request: HttpRequest) -> HttpResponse:
    """Every policy that is not over, with its basis; what nobody has set says so. A number typed here opens its page."""
    address, _hash, seal = "".join(request.GET.get("number", "")[:LONGEST].split()).rpartition("#")
    number = as_typed((address or seal).rstrip("/").rpartition("/")[2])
    if number and "/" not in number:  # half-width, a letter may have become one
        found = reverse("incentive-confirmation", args=[number])
        return redirect(f"{found}#{seal}" if address else found)
    rows = IncentivePolicy.objects.not_over(timezone.localdate()).select_related("programme__standard")
    context = {"policies": rows.order_by("programme", "code"), "today": timezone.localdate()}
    return render(request, "evaluation/incentive_policies.html", context)


@conditional.public
@cache_control(no_cache=True)  # it may be taken back at any moment
def confirmation(request: HttpRequest, number: str) -> HttpResponse:
    """Whether a confirmation holds; of one that was taken back no more than that. An unknown number says so."""
    row = incentives.confirmation_at(as_typed(number), address_of(request))
    if row is None:
        return render(request, "evaluation/confirmation_unknown.html", {"number": number[:60]}, status=404)
    context = {"incentive": row, "standing": row.standing(timezone.localdate())}
    return render(request, "evaluation/confirmation.html", context)


# --- of the cases that one sees -----------------------------------------------------------------------------------


class IncentiveFilter(forms.Form):
    """By state, policy and part of a name or number."""

    state = forms.ChoiceField(label=_("状态"), required=False)
    policy = forms.ChoiceField(label=_("激励政策"), required=False)
    q = forms.CharField(label=_("小区、单位、证书或确认书编号"), required=False, max_length=60)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        policies = IncentivePolicy.objects.order_by("programme", "code").values_list("code", "name")
        self.fields["state"].choices = [("", _("全部")), *INCENTIVE.states.items()]
        self.fields["policy"].choices = [("", _("全部")), *policies]

    def narrow(self, rows: Any) -> Any:
        """The rows that the filter leaves; none where it is not legal, and the form says why."""
        if not self.is_valid():
            return rows.none()
        said = self.cleaned_data
        rows = rows.filter(**{name: said[name] for name in ("state", "policy") if said[name]})
        words = said["q"].strip()
        named = Q(community_name__icontains=words) | Q(organisation_name__icontains=words)
        return (
            rows.filter(named | Q(number__icontains=words) | Q(certificate__number__icontains=words)) if words else rows
        )


@login_required
def incentive_list(request: HttpRequest) -> HttpResponse:
    """What the officers decide on, most urgent first."""
    if not may_see_queue(request.user):
        raise NotAllowed("see_incentives")
    form = IncentiveFilter(request.GET)
    rows = form.narrow(incentives_visible_to(request.user)).select_related("policy", "certificate")
    page = Paginator(rows.order_by(F("due_on").asc(nulls_last=True), "-pk"), PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "narrowed": any(request.GET.get(name) for name in form.fields)}
    return render(request, "evaluation/incentives.html", context)


def _fetch(request: HttpRequest, pk: int) -> Incentive:
    case = "certificate__application__project__"
    rows = incentives_visible_to(request.user).select_related(
        "policy", "decided_by", f"{case}programme", f"{case}organisation", f"{case}community__district"
    )
    found: Incentive = get_object_or_404(rows, pk=pk)
    return found


@login_required
def incentive(request: HttpRequest, pk: int) -> HttpResponse:
    """One incentive: what it is worth and why, how it stands, its confirmation and its acts."""
    row = _fetch(request, pk)
    is_party = bool(incentive_roles(request.user, row) & APPLICANTS)
    context = {
        "incentive": row,
        "terms": incentives.terms_of(row),
        "project": row.certificate.application.project,
        "standing": row.standing(timezone.localdate()),
        "acts": act_links(INCENTIVE, row, request.user),
        "is_party": is_party,
        "earlier": [] if is_party else incentives.earlier(row)[:5],
        "qr": qr(confirming.check_url(row)) if row.number else "",
        "events": Event.objects.of(row).reverse(),
    }
    return render(request, "evaluation/incentive.html", context)


@login_required
def incentive_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The confirmation as a PDF, while it holds."""
    row = _fetch(request, pk)
    if row.standing(timezone.localdate()) != "valid" or not row.file:
        raise Http404
    return files.send(
        row.file, name=f"{row.number}.pdf", content_type="application/pdf", inline=True, request=request, sha256=row.sha256
    )  # fmt: skip
