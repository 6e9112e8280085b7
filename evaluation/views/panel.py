"""The panel's pages for those who run it: the table of marks with the opinion, the approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST

from evaluation import (
    approving,
    asking,
    deliberating,
    discussing,
    explaining,
    findings,
    history,
    marking,
    meeting,
    minutes,
    precedents,
    sheets,
    substituting,
)
from evaluation.models import Application, ApprovalMinutes
from evaluation.permissions import can, can_see_sheets
from evaluation.views.acting import PageActForm, act_forms, acted
from evaluation.views.framing import fetch
from evaluation.workflow import APPLICATION, ASSIGNMENT
from portal import files
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Refused

PANEL_ACTS = ("give_opinion", "recount", "close_review")
DECISIONS = ("approve", "send_back", "not_pass")


def _fetch(request: HttpRequest, pk: int, right: str) -> Application:
    application = fetch(request, pk)
    if not can(request.user, right, application):
        raise NotAllowed(right)
    return application


# --- panel --------------------------------------------------------------------------------------------------------


class OpinionForm(PageActForm):
    """The panel's opinion, and one note for each item on which the marks lie apart."""

    def __init__(self, transition: Any, application: Application, by: User, data: Any = None) -> None:
        super().__init__(transition, application, by, data)
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
            # After a new count the panel begins with what it said of the earlier one.
            earlier = application.results.filter(review_round=result.review_round).exclude(opinion="").last()
            said = result if result.opinion else earlier
            words = said.opinion if said else explaining.draft_opinion(application, result)
            self.initial = {"opinion": words, **(said.notes if said else {}), **result.notes}

    def said(self) -> dict[str, Any]:
        notes = {code: self.cleaned_data[code].strip() for code in self.codes if self.cleaned_data[code].strip()}
        return {"opinion": self.cleaned_data["opinion"], "notes": notes}


def _panel_forms(request: HttpRequest, application: Application) -> dict[str, Any]:
    found: dict[str, Any] = act_forms(request, APPLICATION, application, PANEL_ACTS)
    if "give_opinion" in found:
        sent = request.method == "POST" and request.POST.get("action") == "give_opinion"
        transition = found["give_opinion"].transition
        found["give_opinion"] = OpinionForm(transition, application, request.user, request.POST if sent else None)
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
        "own_links": _own_links(request, application),
        "meeting": meeting.meeting_of(application),
        "questions": asking.questions_of(request.user, application),
        "reads_discussion": discussing.obstacle(request.user, application) is None,
        "sees_ratings": can(request.user, "see_ratings", application),
        "waiting": substituting.of_round(application).filter(state="waiting").count(),
        "may_attend": meeting.may_attend(request.user, application),
        **_outcome(request, application),
    }
    return render(request, "evaluation/panel.html", context, status=status)


def _own_links(request: HttpRequest, application: Application) -> list[Any]:
    """What a member may do with the own sheet and under the opinion."""
    mine = marking.seated(application).filter(expert__user=request.user).first()
    if mine is None:
        return []
    mine.application = application
    links = act_links(ASSIGNMENT, mine, request.user)
    result = marking.result_of(application)
    # Before there is an opinion nobody is led to sign it; once there is one, that comes first.
    acts = ("endorse", "amend", "sign_again") if result and result.opinion else ("amend", "sign_again")
    return [link for action in acts for link in links if link[0].action == action]


def _outcome(request: HttpRequest, application: Application) -> dict[str, Any]:
    """The seats of this round, and as much of its result as this person may see."""
    known, domains = sheets.known_seats(request.user, application), application.standard.domains
    seated = [seat.assignment for seat in known]
    labels = [explaining.seat_label(row, domains) for row in seated]
    context: dict[str, Any] = {"seats": list(zip(known, labels, strict=True))}
    result = marking.result_of(application)
    if result and can_see_sheets(request.user, application):
        signed = deliberating.endorsements(result)
        context |= {
            "endorsements": [(row, label, signed.get(row.pk)) for row, label in zip(seated, labels, strict=True)],
            "last_day": deliberating.last_day_to_endorse(application) if result.opinion else None,
            "amendments": deliberating.signed_amendments(application),
            "result": result,
            "summary": explaining.summary(application, result),
            "table": explaining.table(application, result, seated),
        }
    return context


# --- approval -----------------------------------------------------------------------------------------------------


class MinutesForm(forms.Form):
    """One file; what is in it is looked at by the domain."""

    file = forms.FileField(
        label=gettext_lazy("会议纪要（PDF）"),
        widget=forms.FileInput(attrs={"accept": files.accept_attribute(minutes.KINDS)}),
    )


@login_required
def approval(request: HttpRequest, pk: int) -> HttpResponse:
    """Result, reasons, dissent, opinion, earlier like results and history before the approver; the decision in words."""
    application = _fetch(request, pk, "see_sheets")
    acts = act_forms(request, APPLICATION, application, DECISIONS)
    status = 200
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, DECISIONS):
            return redirect(application)
        application, status = _fetch(request, pk, "see_sheets"), 422
    return _approval_page(request, application, acts, MinutesForm(), status)


def _approval_page(
    request: HttpRequest, application: Application, acts: dict[str, Any], form: MinutesForm, status: int
) -> HttpResponse:
    reader = history.reader_of(request.user, application.project, [application])
    events = list(history.events_for(reader, application.project))
    result = marking.result_of(application)
    context = {
        "application": application,
        "acts": acts,
        **_outcome(request, application),
        "precedents": precedents.precedents(request.user, result) if result else [],
        "cautions": _cautions(request.user, application),
        "minutes": minutes.kept(application),
        "minutes_form": form if minutes.may_attach(request.user, application) else None,
        "findings": _findings(application),
        "events": [(event, reader.may_name(event)) for event in reversed(events)],
    }
    return render(request, "evaluation/approval.html", context, status=status)


def _cautions(user: User, application: Application) -> Any:
    """What to look at before it is decided."""
    return approving.facts(user, application).get("cautions", ()) if application.state == "approval" else ()


@login_required
@require_POST
def minutes_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Attach the minutes of the meeting to what is to be decided."""
    application = _fetch(request, pk, "see_sheets")
    form = MinutesForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            minutes.add(request.user, application, form.cleaned_data["file"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("approval", args=[pk]) + "#minutes")
    acts = act_forms(request, APPLICATION, application, DECISIONS)
    return _approval_page(request, application, acts, form, 422)


def _minutes(request: HttpRequest, pk: int, paper: int) -> ApprovalMinutes:
    application = _fetch(request, pk, "see_sheets")
    row: ApprovalMinutes = get_object_or_404(minutes.kept(application), pk=paper)
    row.application = application
    return row


@login_required
@require_POST
def minutes_remove(request: HttpRequest, pk: int, paper: int) -> HttpResponse:
    """Take minutes out again, before the decision."""
    minutes.remove(request.user, _minutes(request, pk, paper))
    return redirect(reverse("approval", args=[pk]) + "#minutes")


@login_required
def minutes_file(request: HttpRequest, pk: int, paper: int) -> HttpResponseBase:
    """Minutes as they are kept."""
    row = _minutes(request, pk, paper)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )


def _findings(application: Application) -> list[tuple[Any, str]]:
    labels: Mapping[Any, str] = findings.places(application)
    rows = application.findings.exclude(sent_at=None).select_related("by", "released_by")
    return [(row, gettext(labels.get((row.kind, row.place), row.place))) for row in rows]
