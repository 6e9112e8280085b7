"""The data of a case: target level and permit dates, each field saved by itself with or without a script.

Hides: that a script sends one field and a form sends all of them, and that in a correction only what the notice names
is a field at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from communities.sheets import PERMIT_DATES
from evaluation import checks, filing, snapshot
from evaluation.forms import CaseDataForm
from evaluation.merging import Taken, seen_text
from evaluation.models import Application
from evaluation.papers import data_for
from evaluation.views.framing import fetch, findings_open, frame, places_open, refused_json, saved_json, wants_json
from evaluation.views.overtaken import decide, seen_in, taken_json, typed_in
from evaluation.wording import level_name
from portal.api import problems_of_form
from portal.forms import add_problems
from portal.problems import Changed, Problem, Refused

FIELDS = ("target_level", *PERMIT_DATES)


@dataclass(frozen=True, slots=True)
class Row:
    """One field as it is drawn. shown: what is kept, in words; seen: its digest; needed: whether this stage asks for it;
    advice: what the form check would say of it as it stands."""

    name: str
    label: str
    bound: Any
    shown: str
    seen: str
    needed: bool
    open: bool
    noted: list[str]
    advice: list[Problem]


@login_required
def application_data(request: HttpRequest, pk: int) -> HttpResponse:
    """Target level and permit dates; whoever may not edit them reads them. POST keeps the fields that it holds."""
    row = fetch(request, pk)
    kept = filing.data_of(data_for(request.user, row))
    if request.method != "POST":
        return _page(request, row, CaseDataForm(row.standard, None, kept))
    typed = typed_in(request)
    form = CaseDataForm(row.standard, typed, kept, only=[name for name in FIELDS if name in typed])
    if not form.is_valid():
        return refused_json(problems_of_form(form)) if wants_json(request) else _page(request, row, form, 422)
    try:
        taken = filing.save_case_data(request.user, row, form.level, form.dates, seen=seen_in(typed))
    except Refused as refused:
        return _refused(request, row, form, refused)
    return _saved(request, pk, typed, taken)


def _refused(request: HttpRequest, row: Application, form: CaseDataForm, refused: Refused) -> HttpResponse:
    if wants_json(request):
        return refused_json(refused.problems, **refused.now)
    if isinstance(refused, Changed):
        address = reverse("application-data", args=[row.pk])
        return decide(request, row, _("基本信息"), address, refused, _words(row), "application-data")
    add_problems(form, refused.problems)
    return _page(request, row, form, 422)


def _words(row: Application) -> Any:
    def words(name: str, value: str) -> str:
        return level_name(row.standard, int(value)) if name == "target_level" and value.isdecimal() else value

    return words


def _saved(request: HttpRequest, pk: int, typed: QueryDict, taken: Taken | None) -> HttpResponse:
    row = fetch(request, pk)  # read anew: what it says has changed
    kept = filing.data_values(row.project)
    if wants_json(request):
        sent = {name: kept[name] for name in FIELDS if name in typed}
        rows = _rows(row, CaseDataForm(row.standard, None, kept), kept, places_open(request, row), [])
        told = {
            # One date is advised against another: every field is drawn anew.
            "drawn": {
                f"state-of-{each.name}": render_to_string("evaluation/_date_state.html", {"row": each}) for each in rows
            },
            "waits": any(each.advice for each in rows if each.name in sent),
        }
        return saved_json(0, seen=seen_text(sent), **told, **taken_json(taken, kept))
    messages.success(request, _("基本信息已保存。"))
    if taken:
        messages.info(request, _("%(who)s同时改过这一页，只有对方改过的内容已按对方的采用。") % {"who": taken.by})
    return redirect("application-data", pk=pk)


def _page(request: HttpRequest, row: Application, form: CaseDataForm, status: int = 200) -> HttpResponse:
    data = data_for(request.user, row)
    places = places_open(request, row)
    context = {
        **frame(request, row, "application-data"),
        "form": form,
        "may_write": places.data,
        "data": data,
        "consultants": snapshot.consultants_of(data),
        "rows": _rows(row, form, filing.data_of(data), places, findings_open(row, "data") if places.data else []),
    }
    return render(request, "evaluation/application_data.html", context, status=status)


def _rows(
    row: Application, form: CaseDataForm, kept: Mapping[str, Any], places: filing.Open, findings: list[Any]
) -> list[Row]:
    whole = CaseDataForm(row.standard, None, kept)
    needed = {"target_level", *checks.needed_dates(row)}
    shown = {**kept, "target_level": level_name(row.standard, kept["target_level"])}
    advice = _advice(row, kept)
    return [
        Row(
            name=name,
            label=str(whole.fields[name].label),
            bound=form[name] if name in form.fields else whole[name],
            shown=shown[name] or "",
            seen=seen_text({name: kept[name]}),
            needed=name in needed,
            open=places.fact(name),
            noted=[finding.text for finding in findings if finding.place == name],
            advice=advice.get(name, []),
        )
        for name in FIELDS
    ]


def _advice(row: Application, kept: Mapping[str, Any]) -> dict[str, list[Problem]]:
    """What the form check would say of the dates as they are kept; that one is missing its tag says already."""
    found: dict[str, list[Problem]] = {}
    for problem in checks.permit_dates_are_in_order(checks.Look(row, {"community": kept})):
        if problem.code != "date_missing":
            found.setdefault(problem.place, []).append(problem)
    return found
