"""The form of any act, made from what its transition asks; refusals land beside the field they name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import accounts, attempts
from portal.machine import Ask, Machine, Transition
from portal.models import User
from portal.problems import Problem, Refused

TEXTAREA = {"rows": 4}


class SecretInput(forms.PasswordInput):
    """Seen while it is typed or pasted, since nobody knows it by heart; never written back into a page."""

    input_type = "text"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "off", "spellcheck": "false", **(attrs or {})})


def field_of(ask: Ask, obj: Any) -> forms.Field:
    """The form field of one thing an act asks."""
    common: dict[str, Any] = {"label": ask.label, "required": ask.required, "help_text": ask.help}
    common["initial"] = ask.initial(obj) if ask.initial else None
    if ask.kind == "date":
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), **common)
    if ask.kind == "yes":
        return forms.BooleanField(**common)
    if ask.kind == "number":
        return forms.DecimalField(**common)
    if ask.kind == "choice":
        # Nothing is chosen for anybody: an answer that is signed was picked by who signs.
        given = list(ask.choices(obj)) if ask.choices else []
        return forms.ChoiceField(choices=[("", _("请选择")), *given], **common)
    if ask.kind == "password":
        return forms.CharField(
            max_length=200,
            strip=False,
            widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
            **common,
        )
    if ask.kind == "line":
        return forms.CharField(max_length=200, **common)
    if ask.kind == "secret":
        return forms.CharField(max_length=200, widget=SecretInput, **common)
    return forms.CharField(widget=forms.Textarea(attrs=TEXTAREA), max_length=5000, **common)


class ActForm(forms.Form):
    """Fields from the table; an act that asks nothing has an empty form that only confirms.

    by: who fills it in; a password that the act asks is theirs, and becomes the proof that they gave it.
    """

    required_css_class = "required"

    def __init__(self, transition: Transition, obj: Any, by: User, data: Any = None) -> None:
        super().__init__(data)
        self.by = by
        self.passwords = [ask.name for ask in transition.asks if ask.kind == "password"]
        for ask in transition.asks:
            self.fields[ask.name] = field_of(ask, obj)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        for name in self.passwords:
            if said.get(name):
                try:
                    said[name] = accounts.confirm(self.by, said[name])
                except Refused as refused:
                    self.add_error(name, refused.problems[0].text(gettext))
                except attempts.TooMany as many:
                    self.add_error(name, many.problem.text(gettext))
        return said


def act_links(machine: Machine, obj: Any, user: User | None) -> list[tuple[Transition, str]]:
    """Next steps of ``user`` with ``obj``, each with the address where it is done: its own page or the act page."""
    return [
        (row, reverse(row.page, args=[obj.pk]) if row.page else reverse("act", args=[machine.name, obj.pk, row.action]))
        for row in machine.available(obj, user)
        if not row.aside
    ]


def done_words(transition: Transition, obj: Any) -> str:
    """What whoever did an act is told on the next page: 已受理：… with what it was done to."""
    words = transition.told or gettext("已%(label)s：%(subject)s。")
    return str(words) % {"label": transition.label, "subject": obj}


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
