"""Pages of ready phrases: the list with a form for a new one, one phrase to change, taking it away."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from evaluation import phrases as domain
from evaluation.models import Finding, Phrase
from evaluation.permissions import can_city
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.problems import Refused


class PhraseForm(forms.Form):
    """One phrase. What is legal is decided in the domain."""

    required_css_class = "required"
    kind = forms.ChoiceField(label=gettext_lazy("适用位置"), required=False)
    text = forms.CharField(
        label=gettext_lazy("文字"), max_length=domain.LONGEST, widget=forms.Textarea(attrs={"rows": 3})
    )
    basis = forms.CharField(label=gettext_lazy("依据"), max_length=domain.LONGEST_BASIS, required=False)
    shared = forms.BooleanField(
        label=gettext_lazy("共用"), required=False, help_text=gettext_lazy("所有受理员都可以使用和修改；不勾选则只有您自己看到。")
    )  # fmt: skip
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [("", _("任何位置")), *Finding.Kind.choices]


def _allow(request: HttpRequest) -> None:
    if not can_city(request.user, "keep_phrases"):
        raise NotAllowed("keep_phrases")


def _saved(request: HttpRequest, form: PhraseForm, row: Phrase | None) -> bool:
    """Keep what was typed; False when the form now says why not."""
    if not form.is_valid():
        return False
    said = {name: form.cleaned_data[name] for name in ("kind", "text", "basis", "shared", "revision")}
    try:
        domain.write(request.user, **said, phrase=row)
    except Refused as refused:
        add_problems(form, refused.problems)
        return False
    messages.success(request, _("常用语已保存。"))
    return True


@login_required
def phrases(request: HttpRequest) -> HttpResponse:
    """Shared phrases and one's own, and a form for a new one."""
    _allow(request)
    form = PhraseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and _saved(request, form, None):
        return redirect("phrases")
    rows = domain.phrases_of(request.user)
    context = {
        "form": form,
        "groups": [
            (_("共用"), [row for row in rows if row.owner_id is None]),
            (_("我的"), [row for row in rows if row.owner_id is not None]),
        ],
    }
    return render(request, "evaluation/phrases.html", context, status=422 if form.errors else 200)


@login_required
def phrase(request: HttpRequest, pk: int) -> HttpResponse:
    """Change one phrase; findings that used it keep their words."""
    _allow(request)
    row = domain.phrase_for(request.user, pk)
    now = {"kind": row.kind, "text": row.text, "basis": row.basis, "shared": row.owner_id is None}
    form = PhraseForm(request.POST if request.method == "POST" else None, initial={**now, "revision": row.revision})
    if request.method == "POST" and _saved(request, form, row):
        return redirect("phrases")
    return render(request, "evaluation/phrase.html", {"form": form, "row": row}, status=422 if form.errors else 200)


@login_required
@require_POST
def phrase_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer it no more."""
    domain.remove(request.user, domain.phrase_for(request.user, pk))
    messages.success(request, _("常用语已删除。"))
    return redirect("phrases")
