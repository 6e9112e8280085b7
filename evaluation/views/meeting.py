"""The panel's meeting: one item in front of everybody, the leader's hand on the page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from evaluation import explaining, marking, meeting, snapshot
from evaluation.models import Application
from evaluation.permissions import can
from evaluation.views.framing import fetch
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.problems import Refused


class NoteForm(forms.Form):
    """What the panel agrees on an item on which the marks lie apart."""

    note = forms.CharField(
        label=_("合议意见"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


def _attended(request: HttpRequest, pk: int) -> Application:
    application = fetch(request, pk)
    if not meeting.may_attend(request.user, application):
        raise NotAllowed("meeting")
    return application


@login_required
def turn(request: HttpRequest, pk: int) -> JsonResponse:
    """How often the leader has gone on: a page that follows asks again and again whether it must be read anew."""
    held = meeting.meeting_of(_attended(request, pk))
    return JsonResponse({"turn": held.turn if held else 0})


@login_required
def room(request: HttpRequest, pk: int) -> HttpResponse:
    """The item that the leader has come to; for the leader the way on, the note, the end."""
    application = _attended(request, pk)
    if request.method != "POST":
        return _page(request, application)
    action, code = request.POST.get("action", ""), request.POST.get("item", "")
    form = NoteForm(request.POST) if action == "note" else None
    try:
        if action == "close":
            meeting.close(request.user, application)
            return redirect("panel", pk)
        if form is not None and form.is_valid():
            meeting.keep_note(request.user, application, code, form.cleaned_data["note"])
        if form is None or form.is_valid():
            meeting.lead_to(request.user, application, code)
            return redirect("meeting", pk)
    except Refused as refused:
        form = form or NoteForm({})
        add_problems(form, refused.problems)
    return _page(request, application, form, 422)


def _page(request: HttpRequest, application: Application, form: Any = None, status: int = 200) -> HttpResponse:
    held, result = meeting.meeting_of(application), marking.result_of(application)
    if result is None:
        raise NotAllowed("meeting")
    table = explaining.table(application, result, list(marking.seated(application)))
    # What the panel must talk about comes first, then all the rest in the order of the standard.
    rest = [line for _name, lines in table.chapters for line in lines if not line.flagged]
    lines = {line.item.code: line for line in [*table.flagged, *rest]}
    codes, code = list(lines), held.item_code if held else ""
    place = codes.index(code) if code in lines else -1
    line = lines.get(code)
    sealed = snapshot.latest(application)
    context = {
        "application": application,
        "meeting": held,
        "leads": can(request.user, "lead_meeting", application),
        "line": line,
        "proofs": snapshot.evidence_of(sealed.data, code) if sealed and line else [],
        "before": codes[place - 1] if place > 0 else "",
        "after": codes[place + 1] if place + 1 < len(codes) else "",
        "lines": list(lines.values()),
        "flagged_count": len(table.flagged),
        "form": form or (NoteForm(initial={"note": line.note}) if line else None),
        "opinion_given": bool(result.opinion),
        "summary": explaining.summary(application, result),
    }
    return render(request, "evaluation/meeting.html", context, status=status)
