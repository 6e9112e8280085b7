"""Calls for experts: what anybody reads, what the keeper announces and publishes, where somebody begins to apply."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities.views.framing import page, told, tried
from experts import admitting
from experts import calls as calling
from experts.forms import CallChangeForm, CallForm
from experts.models import Admission, Call
from experts.permissions import as_person, can_pool
from portal.machine import NotAllowed

CALLS, PEOPLE = 20, 50  # a page


def calls(request: HttpRequest) -> HttpResponse:
    """Every call, those that run first. Public."""
    today = timezone.localdate()
    context = {
        "page": Paginator(calling.announced(today), CALLS).get_page(request.GET.get("page")),
        "may_open": can_pool(request.user, "open_call"),
        "today": today,
    }
    return render(request, "experts/calls.html", context)


@login_required
def call_new(request: HttpRequest) -> HttpResponse:
    """Announce a call."""
    if not can_pool(request.user, "open_call"):
        raise NotAllowed("open_call")
    form = CallForm(request.POST or None, initial={"opens_on": timezone.localdate()})
    made: list[Call] = []
    if tried(form, lambda: made.append(calling.open_call(request.user, form.cleaned_data))):
        messages.success(request, _("征集已发布，任何人都可以看到。"))
        return redirect(made[0])
    return page(request, "experts/call_form.html", form)


def call(request: HttpRequest, number: str) -> HttpResponse:
    """One call with its conditions, and the admitted list once it is published. Public."""
    row = get_object_or_404(Call, number=number)
    today = timezone.localdate()
    keeps = can_pool(request.user, "publish_admitted")
    asks = bool(as_person(request.user)) and row.is_running(today)
    context = {
        "call": row,
        "today": today,
        "runs": row.is_running(today),
        "own": Admission.objects.filter(call=row, user__in=as_person(request.user)).first(),
        "bars": [*admitting.entry_problems(request.user, today)] if asks else [],
        "people": Paginator(row.listed, PEOPLE).get_page(request.GET.get("page")),
        "keeps": keeps,
        "may_change": calling.may_change(request.user, row, today),
        "versions": row.versions.all(),
        "handed_in": row.admissions.exclude(handed_in_at=None).count() if keeps else 0,
        "hindrances": [*calling.publication_problems(row, today)] if keeps and not row.published_at else [],
    }
    return render(request, "experts/call.html", context)


@login_required
def call_change(request: HttpRequest, number: str) -> HttpResponse:
    """Prolong a call or change its conditions."""
    row = get_object_or_404(Call, number=number)
    if not can_pool(request.user, "open_call"):
        raise NotAllowed("open_call")
    form = CallChangeForm(request.POST or None, instance=row)

    def keep() -> None:
        values = {name: form.cleaned_data[name] for name in calling.CHANGEABLE}
        calling.change_call(request.user, row, values, form.cleaned_data["reason"], form.cleaned_data["version"])

    if tried(form, keep):
        messages.success(request, _("征集已变更，此前的版本仍在征集页面公开。"))
        return redirect(row)
    return page(request, "experts/call_form.html", form, call=row)


@login_required
@require_POST
def call_apply(request: HttpRequest, number: str) -> HttpResponse:
    """Begin to apply, or go on with what was begun."""
    row = get_object_or_404(Call, number=number)
    begun = Admission.objects.filter(call=row, user__in=as_person(request.user)).first()
    if begun:
        return redirect(begun)
    made: list[Admission] = []
    words = _("申请已建立。请填写信息、上传证明材料，然后提交。")
    if not told(request, lambda: made.append(admitting.open_admission(request.user, row)), words):
        return redirect(row)
    return redirect("admission-edit", made[0].pk)


@login_required
@require_POST
def call_publish(request: HttpRequest, number: str) -> HttpResponse:
    """Publish who was admitted."""
    row = get_object_or_404(Call, number=number)
    told(request, lambda: calling.publish_admitted(request.user, row), _("入库名单已公布。"))
    return redirect(row)
