"""Facts for which an expert is kept off cases: declaring them, deciding a possible conflict, the list of decisions, lifting."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from communities.views.framing import next_of, page, tried
from experts import declaring, facts
from experts.forms import CHANGE_FORMS, EmploymentForm, LiftForm, PinForm, TieForm
from experts.models import Expert
from experts.permissions import as_person, can_expert, can_pool
from experts.views.profile import fetch
from portal.machine import NotAllowed, Stale
from portal.models import Event

PAGE = 20


@login_required
def pins(request: HttpRequest) -> HttpResponse:
    """Every decision on a possible conflict, by what was decided."""
    if not can_pool(request.user, "see_pins"):
        raise NotAllowed("see_pins")
    verdict = request.GET.get("verdict", facts.CONFLICT)
    if verdict not in facts.VERDICTS:
        verdict = facts.CONFLICT
    rows = Paginator(facts.pins(request.user, verdict), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": rows,
        "verdict": verdict,
        "names": facts.names_of({row.party_code for row in rows}),
        "liftable": {row.pk for row in rows if facts.may_lift(request.user, row)},
    }
    return render(request, "experts/pins.html", context)


@login_required
def pin(request: HttpRequest, number: str) -> HttpResponse:
    """Decide on one expert and one party; also sent from the page of a draw, to which it then returns."""
    row = fetch(request, number)
    if not can_expert(request.user, "pin_fact", row):
        raise NotAllowed("pin_fact")
    form, following = PinForm(request.POST or None, initial=_asked(request)), next_of(request)
    if tried(form, lambda: _decide(request.user, row, form.cleaned_data)):
        messages.success(request, _("核定已记录，监督员会收到通知。"))
        return redirect(following or row.get_absolute_url())
    gaps = declaring.uncovered(declaring.employments(row), timezone.localdate())
    return page(request, "experts/pin_form.html", form, expert=row, next=following, gaps=gaps)


def _asked(request: HttpRequest) -> dict[str, str]:
    return {"party": request.GET.get("party", "")}


def _decide(user: Any, expert: Expert, values: dict[str, Any]) -> None:
    facts.pin(user, expert, values["party"], values["verdict"], values["reason"])


@login_required
def lift(request: HttpRequest, verdict: str, pk: int) -> HttpResponse:
    """Take a decision back, with the reason."""
    pinned = get_object_or_404(facts.pins(request.user, verdict), pk=pk)
    if not can_expert(request.user, "lift_fact", pinned.expert):
        raise NotAllowed("lift_fact")
    if pinned.withdrawn_at:
        raise Stale(Event.objects.of(pinned).last())
    form = LiftForm(request.POST or None)
    if tried(form, lambda: facts.lift(request.user, pinned, form.cleaned_data["reason"])):
        messages.success(request, _("已解除，今后的抽取不再按此办理。"))
        return redirect(f"{reverse('pins')}?verdict={verdict}")
    name = facts.names_of([pinned.party_code]).get(pinned.party_code, "")
    return page(request, "experts/pin_lift.html", form, pinned=pinned, verdict=verdict, name=name)


# --- what experts declare of themselves -------------------------------------------------------------------------------


def _own(request: HttpRequest) -> Expert:
    """The expert that the reader is; else 404."""
    found: Expert = get_object_or_404(Expert.objects.select_related("user"), user__in=as_person(request.user))
    return found


@login_required
def own_facts(request: HttpRequest) -> HttpResponse:
    """The own employment history and ties, and what is still missing."""
    row = _own(request)
    history, tied = declaring.employments(row), list(declaring.ties(row))
    context = {
        "expert": row,
        "employments": history,
        "ties": tied,
        "gaps": declaring.uncovered(history, timezone.localdate()),
        "unit_names": facts.names_of({one.party_code for one in tied}),
        "may_declare": can_expert(request.user, "declare_fact", row),
    }
    return render(request, "experts/own_facts.html", context)


def _declaring(request: HttpRequest) -> Expert:
    row = _own(request)
    if not can_expert(request.user, "declare_fact", row):
        raise NotAllowed("declare_fact")
    return row


@login_required
def employment_new(request: HttpRequest) -> HttpResponse:
    """Add to the own employment history."""
    row = _declaring(request)
    form = EmploymentForm(request.POST or None)
    if tried(form, lambda: declaring.add_employment(request.user, row, form.cleaned_data)):
        messages.success(request, _("任职经历已保存。"))
        return redirect("own-facts")
    return page(request, "experts/fact_form.html", form, heading=_("添加任职经历"))


@login_required
def tie_new(request: HttpRequest) -> HttpResponse:
    """Declare another tie to an organisation."""
    row = _declaring(request)
    form = TieForm(request.POST or None)
    if tried(form, lambda: declaring.declare(request.user, row, form.cleaned_data)):
        messages.success(request, _("回避事实已保存，今后的抽取会据此回避。"))
        return redirect("own-facts")
    return page(request, "experts/fact_form.html", form, heading=_("申报回避事实"))


@login_required
def fact_change(request: HttpRequest, kind: str, pk: int, change: str) -> HttpResponse:
    """End a declared fact, or take back what was declared wrongly."""
    _declaring(request)
    if kind not in declaring.KINDS or change not in CHANGE_FORMS:
        raise Http404
    row = get_object_or_404(declaring.own_facts(request.user, kind), pk=pk)
    form = CHANGE_FORMS[change](request.POST or None)

    def keep() -> None:
        if change == "end":
            declaring.end(request.user, row, form.cleaned_data["until"])
        else:
            declaring.correct(request.user, row, form.cleaned_data["reason"])

    if tried(form, keep):
        messages.success(request, _("已保存。"))
        return redirect("own-facts")
    heading = _("填写结束日期") if change == "end" else _("更正申报")
    return page(request, "experts/fact_form.html", form, heading=heading, fact=row, change=change)
