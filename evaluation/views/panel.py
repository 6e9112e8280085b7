"""The panel's pages for those who run it: the draw and its receipt, the table of marks with the opinion, the approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext

from evaluation import drawing, explaining, findings, history, marking
from evaluation.models import Application, Draw
from evaluation.permissions import can, can_see_sheets
from evaluation.views.acting import PageActForm, act_forms, acted
from evaluation.views.framing import fetch
from evaluation.workflow import APPLICATION
from experts import draw as lots
from experts.models import Expert, Field
from portal.forms import act_links
from portal.machine import NotAllowed

DRAW_ACTS = ("propose_draw", "cosign_draw", "return_draw", "redraw")
PANEL_ACTS = ("give_opinion", "close_review")
DECISIONS = ("approve", "send_back", "not_pass")


def _fetch(request: HttpRequest, pk: int, right: str) -> Application:
    application = fetch(request, pk)
    if not can(request.user, right, application):
        raise NotAllowed(right)
    return application


# --- draw ---------------------------------------------------------------------------------------------------------


@login_required
def draw(request: HttpRequest, pk: int) -> HttpResponse:
    """Fields and seats, who is excluded and why, the start by two persons; afterwards the panel and its receipt."""
    application = _fetch(request, pk, "see_draw")
    acts = act_forms(request, APPLICATION, application, DRAW_ACTS)
    status = 200
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, DRAW_ACTS):
            return redirect("draw", pk)
        application, status = _fetch(request, pk, "see_draw"), 422
    row = drawing.draw_of(application)
    context = {"application": application, "draw": row, "acts": acts, **_pool(application, row), **_drawn(application)}
    return render(request, "evaluation/draw.html", context, status=status)


def _pool(application: Application, row: Draw | None) -> dict[str, Any]:
    """Seats by field with how many could sit there, and everybody who is excluded, by reason."""
    standings = drawing.standings(application, row)
    names = dict(Field.objects.values_list("code", "name"))
    rules = row.frozen["rules"] if row else {"seats": application.project.programme.panel_seats,
                                             "size": application.project.programme.panel_size}  # fmt: skip
    drawable = [standing for standing in standings if not standing.excluded]
    seats = [
        (names.get(code, code), number, sum(code in standing.fields for standing in drawable))
        for code, number in sorted(rules["seats"].items())
    ]
    left = rules["size"] - sum(rules["seats"].values())
    if left:
        seats.append((gettext("不限专业"), left, len(drawable)))
    off = [standing.number for standing in standings if standing.excluded]
    people = {row.number: row for row in Expert.objects.filter(number__in=off).select_related("user")}
    reasons: dict[str, list[Expert]] = {}
    for standing in standings:
        if standing.excluded and standing.number in people:
            reasons.setdefault(standing.excluded, []).append(people[standing.number])
    return {
        "seats": seats,
        "size": rules["size"],
        "pool_size": len(standings),
        "drawable_count": len(drawable),
        "excluded": [
            (gettext(sentence), reasons[code]) for code, sentence in lots.EXCLUSIONS.items() if code in reasons
        ],
    }


def _drawn(application: Application) -> dict[str, Any]:
    """Everybody who was asked in this round, seat by seat, in the order in which they were asked."""
    rows = application.assignments.filter(review_round=application.review_round)
    rows = rows.select_related("expert__user", "expert__district").order_by("seat", "pk")
    domains = application.standard.domains
    return {"asked": [(row, domains.get(row.field, gettext("不限专业"))) for row in rows]}


@login_required
def draw_receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """The receipt as the one file that can be verified, for those who run the draw; the public finds it at the notice."""
    application = _fetch(request, pk, "see_draw")
    row = drawing.draw_of(application)
    if row is None or row.receipt is None:
        raise Http404
    response = HttpResponse(lots.canonical_bytes(row.receipt), content_type="application/json")
    name = f"receipt-{application.project.number}-{application.stage}-{row.review_round}.json"
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response


# --- panel --------------------------------------------------------------------------------------------------------


class OpinionForm(PageActForm):
    """The panel's opinion, and one note for each item on which the marks lie apart."""

    def __init__(self, transition: Any, application: Application, data: Any = None) -> None:
        super().__init__(transition, application, data)
        del self.fields["notes"]
        result = marking.result_of(application)
        self.codes = list(result.trace["flagged"]) if result else []
        for code in self.codes:
            label = gettext("%(code)s %(name)s：合议意见") % {
                "code": code,
                "name": application.standard.item(code).name,
            }
            box = forms.Textarea(attrs={"rows": 2})
            self.fields[code] = forms.CharField(label=label, widget=box, max_length=2000, required=False)
        if result:
            self.initial = {"opinion": result.opinion, **result.notes}

    def said(self) -> dict[str, Any]:
        notes = {code: self.cleaned_data[code].strip() for code in self.codes if self.cleaned_data[code].strip()}
        return {"opinion": self.cleaned_data["opinion"], "notes": notes}


def _panel_forms(request: HttpRequest, application: Application) -> dict[str, Any]:
    found: dict[str, Any] = act_forms(request, APPLICATION, application, PANEL_ACTS)
    if "give_opinion" in found:
        sent = request.method == "POST" and request.POST.get("action") == "give_opinion"
        transition = found["give_opinion"].transition
        found["give_opinion"] = OpinionForm(transition, application, request.POST if sent else None)
    return found


@login_required
def panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Who sits, how far the sheets are; once the result exists: every mark, what to talk about, opinion, end of review."""
    application = _fetch(request, pk, "see_panel")
    acts = _panel_forms(request, application)
    status = 200
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, PANEL_ACTS):
            return redirect("panel", pk)
        application, status = _fetch(request, pk, "see_panel"), 422
    links = act_links(APPLICATION, application, request.user)
    context = {
        "application": application,
        "acts": acts,
        "links": [link for link in links if link[0].action in ("ask_revision", "confirm_revision")],
        **_outcome(request, application),
    }
    return render(request, "evaluation/panel.html", context, status=status)


def _outcome(request: HttpRequest, application: Application) -> dict[str, Any]:
    """The seats of this round, and as much of its result as this person may see."""
    seated = list(marking.seated(application))
    domains = application.standard.domains
    context: dict[str, Any] = {"seated": [(row, explaining.seat_label(row, domains)) for row in seated]}
    result = marking.result_of(application)
    if result and can_see_sheets(request.user, application):
        context |= {
            "result": result,
            "summary": explaining.summary(application, result),
            "table": explaining.table(application, result, seated),
        }
    return context


# --- approval -----------------------------------------------------------------------------------------------------


@login_required
def approval(request: HttpRequest, pk: int) -> HttpResponse:
    """Result, reasons, dissent, opinion and history before the approver; the decision in words."""
    application = _fetch(request, pk, "see_sheets")
    acts = act_forms(request, APPLICATION, application, DECISIONS)
    status = 200
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, DECISIONS):
            return redirect(application)
        application, status = _fetch(request, pk, "see_sheets"), 422
    reader = history.reader_of(request.user, application.project, [application])
    events = list(history.events_for(reader, application.project))
    context = {
        "application": application,
        "acts": acts,
        **_outcome(request, application),
        "findings": _findings(application),
        "events": [(event, reader.may_name(event)) for event in reversed(events)],
    }
    return render(request, "evaluation/approval.html", context, status=status)


def _findings(application: Application) -> list[tuple[Any, str]]:
    labels: Mapping[Any, str] = findings.places(application)
    rows = application.findings.exclude(sent_at=None).select_related("by", "released_by")
    return [(row, gettext(labels.get((row.kind, row.place), row.place))) for row in rows]
