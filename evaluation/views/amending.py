"""One's own sheet, opened again in the deliberation: a mark is changed with a reason, then the sheet is signed again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evaluation import deliberating, explaining, marking, standard, wording
from evaluation.models import Amendment, Assignment
from evaluation.permissions import assignment_roles
from evaluation.views.acting import act_forms, acted
from evaluation.workflow import ASSIGNMENT
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.problems import Refused

SHEET_ACTS = ("amend", "sign_again")


class AmendmentForm(forms.Form):
    """Another mark for one item, and why. Items whose mark is a number are typed, the others chosen."""

    required_css_class = "required"
    reason = forms.CharField(
        label=gettext_lazy("改评理由"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, item: standard.Item, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        if wording.buttons(item):
            choices = [(choice.value, choice.label) for choice in wording.choices(item)]
            chosen = forms.ChoiceField(label=_("现评分"), choices=choices, required=False, widget=forms.RadioSelect)
            self.fields = {"value": chosen, **self.fields}
            return
        legal = standard.legal_marks(item)
        typed = forms.CharField(label=_("现评分"), max_length=20, required=False, help_text=legal.text())
        ticked = forms.BooleanField(label=_("不适用（须写理由）"), required=False)
        self.fields = {"value": typed, **({"na": ticked} if legal.not_applicable else {}), **self.fields}
        if self.initial.get("value") == standard.NOT_APPLICABLE:
            self.initial = {"value": "", "na": True}


@login_required
def amend(request: HttpRequest, pk: int) -> HttpResponse:
    """The own sheet with what the panel made of each item; while it is open, one item at a time can be amended."""
    row = _own(request, pk)
    if request.method == "POST" and request.POST.get("action") in SHEET_ACTS:
        acts = act_forms(request, ASSIGNMENT, row, SHEET_ACTS)
        if acted(request, ASSIGNMENT, row, acts, SHEET_ACTS):
            back = "panel" if request.POST["action"] == "sign_again" else "amend"
            return redirect(back, row.application_id if back == "panel" else pk)
        return _page(request, _own(request, pk), acts=acts, status=422)
    if request.method == "POST":
        return _amended(request, row)
    return _page(request, row)


def _own(request: HttpRequest, pk: int) -> Assignment:
    row: Assignment = get_object_or_404(ASSIGNMENT.visible_to(request.user), pk=pk)
    deliberates = row.application.state == "deliberation" and row.review_round == row.application.review_round
    if (
        "invitee" not in assignment_roles(request.user, row)
        or row.state not in ("signed", "amending")
        or not deliberates
    ):
        raise NotAllowed("amend")
    return row


def _amended(request: HttpRequest, row: Assignment) -> HttpResponse:
    code = request.POST.get("item", "")
    known = {item.code: item for item in row.application.standard.items(row.application.stage)}
    if code not in known:
        raise NotAllowed("amend")
    form = AmendmentForm(known[code], request.POST)
    if form.is_valid():
        said = {"value": wording.sent_mark(form.cleaned_data), "reason": form.cleaned_data["reason"]}
        try:
            deliberating.amend_mark(request.user, row, code, **said)
        except Refused as refused:
            add_problems(form, [_at_value(problem, code) for problem in refused.problems])
        else:
            messages.success(
                request, _("已改评：%(item)s。") % {"item": wording.item_title(row.application.standard, code)}
            )
            return redirect("amend", row.pk)
    return _page(request, row, code=code, form=form, status=422)


def _at_value(problem: Any, code: str) -> Any:
    """A problem of the mark stands beside the field of the mark."""
    return type(problem)(
        problem.code, "value" if problem.place == code else problem.place, problem.message, problem.params
    )


def _page(
    request: HttpRequest, row: Assignment, code: str = "", form: Any = None, acts: Any = None, status: int = 200
) -> HttpResponse:
    application, result = row.application, marking.result_of(row.application)
    if result is None:
        raise NotAllowed("amend")
    marks = {mark.item_code: mark for mark in row.marks.all()}
    form_of = application.standard
    known = {item.code: item for item in form_of.items(application.stage)}
    code = code or (request.GET.get("item", "") if request.GET.get("item", "") in known else "")
    if code and form is None and row.state == "amending":
        mark = marks.get(code)
        form = AmendmentForm(known[code], initial={"value": wording.mark_text(mark.value if mark else None)})
    table = explaining.table(application, result, list(marking.seated(application)))
    context = {
        "assignment": row,
        "application": application,
        "result": result,
        "chapters": _chapters(table, set(marks)),
        "own": {item: explaining.short_mark(known[item], mark.value) for item, mark in marks.items() if item in known},
        "item": known.get(code),
        "mark": marks.get(code),
        "form": form,
        "acts": acts if acts is not None else act_forms(request, ASSIGNMENT, row, SHEET_ACTS),
        "amendments": [
            (one, known[one.mark.item_code], *_words(known[one.mark.item_code], one))
            for one in Amendment.objects.filter(mark__assignment=row).select_related("mark")
        ],
    }
    return render(request, "evaluation/amend.html", context, status=status)


def _chapters(table: Any, own: set[str]) -> list[tuple[str, Any, int, bool]]:
    """Name, lines, how many lie apart, and whether it is open: where one's own mark lies apart, else the first with a mark."""
    marked = [name for name, lines in table.chapters if any(line.item.code in own for line in lines)]
    apart = {name for name, lines in table.chapters if any(line.flagged and line.item.code in own for line in lines)}
    opened = apart or set(marked[:1])
    return [(name, lines, sum(line.flagged for line in lines), name in opened) for name, lines in table.chapters]


def _words(item: standard.Item, one: Amendment) -> tuple[str, str]:
    return explaining.short_mark(item, one.before), explaining.short_mark(item, one.after)
