"""The pages of the trail: searched, read, and taken along as a file."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from evaluation import trail
from evaluation.views.appointing import day_field
from evaluation.views.hub import require
from evaluation.views.policies import words_of
from portal.forms import add_problems
from portal.machine import MACHINES
from portal.models import Event
from portal.problems import Refused

PAGE = 50
# what the parts of an event are called
PARTS = {
    "from": gettext_lazy("原状态"), "to": gettext_lazy("新状态"), "reason": gettext_lazy("理由"),
    "basis": gettext_lazy("依据"), "before": gettext_lazy("更改前"), "after": gettext_lazy("更改后"),
    "due_on": gettext_lazy("期限"), "old": gettext_lazy("原期限"), "until": gettext_lazy("止"),
    "lines": gettext_lazy("条数"), "chain": gettext_lazy("校验链"), "search": gettext_lazy("查找条件"),
    "token": gettext_lazy("接口令牌"),
}  # fmt: skip


class SearchForm(forms.Form):
    """What is looked for in the trail."""

    person = forms.CharField(label=gettext_lazy("人员"), required=False, max_length=60)
    subject = forms.CharField(label=gettext_lazy("对象"), required=False, max_length=100)
    verb = forms.CharField(
        label=gettext_lazy("行为代码"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"placeholder": "officer.give"}),
    )
    since = day_field(gettext_lazy("自"), required=False)
    until = day_field(gettext_lazy("至"), required=False)

    @property
    def search(self) -> trail.Search:
        return trail.Search(
            **{name: self.cleaned_data[name] for name in ("person", "subject", "verb", "since", "until")}
        )


def parts_of(event: Event) -> list[tuple[str, str]]:
    """What an event says beside its sentence, for people: states by their names."""
    machine = MACHINES.get(event.verb.partition(".")[0])
    states = machine.states if machine else {}
    said = {
        name: str(states.get(value, value)) if name in ("from", "to") else value
        for name, value in trail.told(event).items()
    }
    return [(str(PARTS.get(name, name)), words_of(value)) for name, value in said.items()]


@login_required
def trail_page(request: HttpRequest) -> HttpResponse:
    """Events by person, time, act and subject, newest first."""
    require(request, trail.RIGHT)
    return _page(request, SearchForm(request.GET))


def _page(request: HttpRequest, form: SearchForm, status: int = 200) -> HttpResponse:
    search = form.search if form.is_valid() else trail.Search()
    page = Paginator(trail.events(request.user, search), PAGE).get_page(request.GET.get("page"))
    rows = [(event, parts_of(event)) for event in page]
    context = {"form": form, "page": page, "rows": rows, "narrowed": bool(search.as_json())}
    return render(request, "evaluation/settings/trail.html", context, status=status)


@login_required
@require_POST
def trail_export(request: HttpRequest) -> HttpResponse:
    """The events of a search as CSV; that it was taken along is on record."""
    require(request, trail.RIGHT)
    form = SearchForm(request.POST)
    if not form.is_valid():
        return _page(request, form, 422)
    try:
        made = trail.export(request.user, form.search)
    except Refused as refused:
        add_problems(form, refused.problems)
        return _page(request, form, 422)
    response = HttpResponse(made.content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="trail-{timezone.localtime():%Y%m%d-%H%M%S}.csv"'
    response["X-Trail-Chain"] = made.chain
    return response
