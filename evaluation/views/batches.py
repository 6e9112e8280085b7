"""Pages of the officers' desk for many cases at once: bulk acts with their trial, exports, handing over, standing in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import approving, batching, exporting
from evaluation.models import Batch, Export
from evaluation.permissions import may_see_queue
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import whole
from evaluation.workflow import APPLICATION, BATCH, EXPORT
from portal import files
from portal.forms import ActForm, add_problems
from portal.machine import NotAllowed
from portal.message_kinds import KINDS
from portal.models import Event
from portal.problems import Problem, Refused, gettext_noop

PAGE = 50
LIST = 20
# what came of one case -> how it is called, its lamp
OUTCOMES = {
    "left": (gettext_noop("未列入本批"), "plain"),
    "waiting": ("未办理", "plain"),
    "done": ("已办", "ok"),
    "refused": ("未能办理", "late"),
}


def _mine(request: HttpRequest) -> None:
    if not may_see_queue(request.user):
        raise NotAllowed("desk")


def _warn(request: HttpRequest, problems: Iterable[Problem]) -> None:
    for problem in problems:
        messages.error(request, problem.text(_))


# --- bulk acts ----------------------------------------------------------------------------------------------------


@login_required
def batches(request: HttpRequest) -> HttpResponse:
    """The batches that concern me, newest first."""
    _mine(request)
    rows = BATCH.visible_to(request.user).order_by("-pk")
    page = Paginator(rows, LIST).get_page(request.GET.get("page"))
    listed = [(row, batching.act_of(row).label, row.counts()) for row in page]
    return render(request, "evaluation/batches.html", {"page": page, "rows": listed})


@login_required
@require_POST
def batch_new(request: HttpRequest) -> HttpResponse:
    """Ask what the act asks, for the ticked cases or all that the query finds; then have it tried."""
    _mine(request)
    act, query = request.POST.get("act", ""), request.POST.get("query", "")
    back = f"{reverse('queue')}?{query}"
    if not act:
        messages.warning(request, _("请先选择要办理的事项。"))
        return redirect(back)
    transition = batching.acts_of(request.user).get(act)
    if transition is None:
        raise NotAllowed(f"batch.{act}")
    try:
        cases = _chosen(request, query)
    except Refused as refused:
        _warn(request, refused.problems)
        return redirect(back)
    first = APPLICATION.visible_to(request.user).get(pk=cases[0])
    sent = not transition.asks or "said" in request.POST
    form = ActForm(transition, first, request.user, request.POST if sent else None)
    if sent and form.is_valid():
        found_by = query if request.POST.get("scope") == "all" else ""
        try:
            return redirect(batching.prepare(request.user, act, cases, form.cleaned_data, found_by))
        except Refused as refused:
            add_problems(form, refused.problems)
    context = {
        "transition": transition, "form": form, "count": len(cases), "query": query, "back": back,
        "first": APPLICATION.states[first.state],
        "ticked": request.POST.getlist("case") if request.POST.get("scope") != "all" else [],
    }  # fmt: skip
    return render(request, "evaluation/batch_new.html", context, status=422 if sent else 200)


def _chosen(request: HttpRequest, query: str) -> list[int]:
    if request.POST.get("scope") == "all":
        return batching.found_by(request.user, QueryDict(query))
    ticked = [whole(text) for text in request.POST.getlist("case")]
    return batching.ticked_by(request.user, [pk for pk in ticked if pk is not None])


@login_required
def approvals(request: HttpRequest) -> HttpResponse:
    """批量审定: the results that wait for approval; the ticked ones are tried together with one opinion."""
    approve = batching.acts_of(request.user).get("approve")
    if approve is None:
        raise NotAllowed("batch.approve")
    page = Paginator(approving.waiting_for(request.user), PAGE).get_page(request.GET.get("page"))
    sent = request.method == "POST"
    form = ActForm(approve, None, request.user, request.POST if sent else None)
    ticked = set(request.POST.getlist("case")) if sent else None
    if sent and form.is_valid():
        chosen = [pk for pk in map(whole, request.POST.getlist("case")) if pk is not None]
        try:
            cases = batching.ticked_by(request.user, chosen)
            return redirect(batching.prepare(request.user, "approve", cases, form.cleaned_data))
        except Refused as refused:
            add_problems(form, refused.problems)
    rows = [
        (row, not row.own if ticked is None else str(row.application.pk) in ticked)
        for row in approving.listed(request.user, page)
    ]
    context = {"page": page, "rows": rows, "form": form}
    return render(request, "evaluation/approvals.html", context, status=422 if sent else 200)


@login_required
@require_POST
def batch_choose(request: HttpRequest, pk: int) -> HttpResponse:
    """Take cases into a batch that waits for its run, or leave them out."""
    row: Batch = get_object_or_404(BATCH.visible_to(request.user), pk=pk)
    shown, taken = (
        [pk for pk in map(whole, request.POST.getlist(name)) if pk is not None] for name in ("shown", "case")
    )
    batching.choose(request.user, row, shown, taken)
    return redirect(row)


@login_required
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """How far it has come: the trial, then what was done; running and stopping it."""
    row: Batch = get_object_or_404(BATCH.visible_to(request.user), pk=pk)
    forms = act_forms(request, BATCH, row, ("run", "stop"))
    if request.method == "POST" and acted(request, BATCH, row, forms, ("run", "stop")):
        return redirect(row)
    counts = row.counts()
    page = Paginator(batching.result_rows(request.user, row), PAGE).get_page(request.GET.get("page"))
    tried = row.state in ("checking", "prepared")
    context = {
        "batch": row, "transition": batching.act_of(row), "counts": counts, "page": page, "forms": forms, "tried": tried,
        "reason": row.data.get("reason") or row.data.get("opinion") or "", "handler": batching.handler_of(row),
        "possible": counts["total"] - counts["impossible"] - counts["left_out"], "came": counts["done"] + counts["refused"],
        "told": [(_("待核发") if kind == "held" else _(KINDS[kind].label), people, names)
                 for kind, people, names in batching.messages_of(row)],
        "rows": [(one, *_outcome(one, tried)) for one in page], "events": Event.objects.of(row),
        "moving": row.state in BATCH.steps and not row.fault, "looked": row.act in batching.LOOKS,
        "choosing": row.state == "prepared" and row.act in batching.LOOKS and row.owner_id == request.user.pk,
    }  # fmt: skip
    return render(request, "evaluation/batch.html", context, status=422 if request.method == "POST" else 200)


def _outcome(row: Any, tried: bool) -> tuple[str, str]:
    """What a row of the list says, and its lamp."""
    if not tried:
        words, lamp = OUTCOMES["left" if row.is_left_out else row.outcome]
        return _(words), lamp
    known = {"": (_("尚未试算"), "plain"), "possible": (_("可以办理"), "ok"), "refused": (_("不能办理"), "late")}
    return known[row.foreseen]


# --- exports ------------------------------------------------------------------------------------------------------


@login_required
def exports(request: HttpRequest) -> HttpResponse:
    """My exports. POST asks for another, of what the queue shows for a query."""
    _mine(request)
    if request.method == "POST":
        query = request.POST.get("query", "")
        try:
            return redirect(exporting.ask(request.user, QueryDict(query)))
        except Refused as refused:
            _warn(request, refused.problems)
            return redirect(f"{reverse('queue')}?{query}")
    page = Paginator(EXPORT.visible_to(request.user).order_by("-pk"), LIST).get_page(request.GET.get("page"))
    return render(request, "evaluation/exports.html", {"page": page})


@login_required
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """How far one export has come, and its file."""
    row: Export = get_object_or_404(EXPORT.visible_to(request.user), pk=pk)
    forms = act_forms(request, EXPORT, row, ("discard",))
    if request.method == "POST" and acted(request, EXPORT, row, forms, ("discard",)):
        return redirect("exports")
    context = {"row": row, "forms": forms, "moving": row.state in EXPORT.steps and not row.fault}
    return render(request, "evaluation/export.html", context)


@login_required
def export_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The workbook, for its maker alone."""
    row = get_object_or_404(EXPORT.visible_to(request.user).filter(state="ready"), pk=pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=False, request=request, sha256=row.sha256
    )
