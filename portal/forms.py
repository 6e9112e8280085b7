"""The form of any act, made from what its transition asks; refusals land beside the field they name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.machine import Ask, Machine, Transition
from portal.models import User
from portal.problems import Problem

TEXTAREA = {"rows": 4}


def field_of(ask: Ask, obj: Any) -> forms.Field:
    """The form field of one thing an act asks."""
    common: dict[str, Any] = {"label": ask.label, "required": ask.required, "help_text": ask.help}
    if ask.kind == "date":
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), **common)
    if ask.kind == "yes":
        return forms.BooleanField(**common)
    if ask.kind == "number":
        return forms.DecimalField(**common)
    if ask.kind == "choice":
        return forms.ChoiceField(choices=list(ask.choices(obj)) if ask.choices else [], **common)
    if ask.kind == "line":
        return forms.CharField(max_length=200, **common)
    return forms.CharField(widget=forms.Textarea(attrs=TEXTAREA), max_length=5000, **common)


class ActForm(forms.Form):
    """Fields from the table; an act that asks nothing has an empty form that only confirms."""

    required_css_class = "required"

    def __init__(self, transition: Transition, obj: Any, data: Any = None) -> None:
        super().__init__(data)
        for ask in transition.asks:
            self.fields[ask.name] = field_of(ask, obj)


def act_links(machine: Machine, obj: Any, user: User | None) -> list[tuple[Transition, str]]:
    """What ``user`` may do to ``obj`` now, each with the address where it is done: its own page or the act page."""
    return [
        (row, reverse(row.page, args=[obj.pk]) if row.page else reverse("act", args=[machine.name, obj.pk, row.action]))
        for row in machine.available(obj, user)
    ]


def add_problems(form: forms.BaseForm, problems: Iterable[Problem]) -> None:
    """Show each problem beside its field, or above the form where it names none of its fields."""
    for problem in problems:
        place = problem.place if problem.place in form.fields else None
        sentence = problem.text(gettext)
        # Codes of items and documents, and lines of a file, tell a reader where; names of parts of a page do not.
        named = problem.place.isidentifier() and problem.place.islower()
        tells = bool(problem.place) and place is None and not named
        prefix = problem.place + gettext("：") if tells and problem.place not in sentence else ""
        form.add_error(place, prefix + sentence)


class UploadForm(forms.Form):
    """One file, named so on every page that takes one."""

    file = forms.FileField(label=_("文件"))


def wants_json(request: HttpRequest) -> bool:
    """Whether a script asks (autosave, upload with progress) and not a form."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
