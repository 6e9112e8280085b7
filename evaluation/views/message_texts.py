"""Pages of the words of messages: which texts are the authority's own, writing one, comparing two, and what waits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import outbox, phrasing
from evaluation.models import HoldingRule, Programme
from evaluation.notifications import done_by
from evaluation.permissions import can_city
from evaluation.views.framing import whole
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.message_kinds import KINDS
from portal.message_places import OF_KIND, places_of
from portal.message_texts import LANGUAGES, Wording
from portal.models import MessageText
from portal.problems import Refused


class TextForm(forms.Form):
    """A new version of a text. What is legal is decided in ``phrasing``."""

    required_css_class = "required"
    subject = forms.CharField(label=gettext_lazy("标题"), required=False)
    body = forms.CharField(
        label=gettext_lazy("正文"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 14})
    )
    basis = forms.CharField(
        label=gettext_lazy("依据"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("文号、会议纪要等。"),
    )  # fmt: skip
    seen = forms.IntegerField(widget=forms.HiddenInput(), min_value=0, max_value=10**6)

    @property
    def words(self) -> Wording:
        return Wording(self.cleaned_data["subject"], self.cleaned_data["body"])


class RuleForm(forms.Form):
    """Whether the messages of one act wait. What is legal is decided in ``outbox``."""

    required_css_class = "required"
    verb = forms.ChoiceField(label=gettext_lazy("办理"))
    programme = forms.ChoiceField(label=gettext_lazy("评价类别"), required=False)
    holds = forms.TypedChoiceField(
        label=gettext_lazy("通知怎样发出"), coerce=lambda value: value == "yes",
        choices=(("yes", gettext_lazy("核发后送出")), ("no", gettext_lazy("作出即送出"))),
    )  # fmt: skip
    basis = forms.CharField(
        label=gettext_lazy("依据"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["verb"].choices = [(verb, done_by(verb)) for verb in outbox.HOLDABLE]
        names = Programme.objects.order_by("code").values_list("pk", "name")
        self.fields["programme"].choices = [("", _("全部（没有单独规定的）")), *names]


@login_required
def message_texts(request: HttpRequest) -> HttpResponse:
    """Every kind of message with whose words it is in, and the acts whose messages wait for a look."""
    _authorise(request, "see_settings")
    return _settings_page(request, RuleForm())


def _settings_page(request: HttpRequest, form: RuleForm, status: int = 200) -> HttpResponse:
    newest: dict[tuple[str, str], MessageText] = {}
    for row in MessageText.objects.defer("body").order_by("number"):
        newest[row.kind, row.language] = row
    names = dict(Programme.objects.values_list("pk", "name"))
    rules = [
        (row, done_by(row.verb), names.get(row.programme, ""))
        for row in HoldingRule.objects.order_by("verb", "programme")
        if row.verb in outbox.HOLDABLE
    ]
    kinds = [
        (code, KINDS[code], [(language, newest.get((code, language))) for language in LANGUAGES]) for code in OF_KIND
    ]
    context = {"kinds": kinds, "rules": rules, "form": form, "changes": can_city(request.user, "change_messages")}
    return render(request, "evaluation/message_texts.html", context, status=status)


def _authorise(request: HttpRequest, right: str) -> None:
    if not can_city(request.user, right):
        raise NotAllowed(right)


@login_required
@require_POST
def holding_rule(request: HttpRequest) -> HttpResponse:
    """Let the messages of one act wait, or no more."""
    _authorise(request, "change_messages")
    form = RuleForm(request.POST)
    if form.is_valid():
        found = HoldingRule.objects.filter(verb=form.cleaned_data["verb"], programme=form.cleaned_data["programme"])
        seen = found.values_list("holds", flat=True).first()
        try:
            outbox.change_rule(request.user, **form.cleaned_data, seen=seen)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("待发规则已保存，自下一次办理起适用。"))
            return redirect("message-texts")
    return _settings_page(request, form, 422)


@login_required
def message_text(request: HttpRequest, kind: str, language: str) -> HttpResponse:
    """One text: its places, its versions, and, for whoever may, writing the next with a preview of the sample case."""
    _authorise(request, "see_settings")
    if kind not in OF_KIND or language not in LANGUAGES:
        raise Http404
    rows = phrasing.versions(kind, language)
    words = phrasing.words_of(rows[0] if rows else None, kind, language)
    initial = {"subject": words.subject, "body": words.body, "seen": rows[0].number if rows else 0}
    form = TextForm(request.POST or None, initial=initial)
    if request.method == "POST":
        _authorise(request, "change_messages")
        if "back" in request.POST:
            return _gone_back(request, kind, language)
        if _saved(request, form, kind, language):
            return redirect("message-text", kind, language)
        words = Wording(form["subject"].value() or "", form["body"].value() or "")
    previewed = "preview" in request.POST and not form.errors
    return _text_page(request, kind, language, rows, words, form, 422 if form.errors else 200, previewed)


def _saved(request: HttpRequest, form: TextForm, kind: str, language: str) -> bool:
    """Do what the button says; False where the page is shown again, with what was typed."""
    if not form.is_valid():
        return False
    said = form.cleaned_data
    try:
        if "preview" in request.POST:
            found = list(phrasing.problems(kind, language, form.words, said["basis"] or "-"))
            if found:
                raise Refused(found)
            return False
        phrasing.write(request.user, kind, language, form.words, said["basis"], said["seen"])
    except Refused as refused:
        add_problems(form, refused.problems)
        return False
    messages.success(request, _("新版本已保存，自下一条消息起使用。"))
    return True


def _gone_back(request: HttpRequest, kind: str, language: str) -> HttpResponse:
    """Let an earlier version hold again; what speaks against it is told on the page of the text."""
    number, seen = (whole(request.POST.get(name)) for name in ("back", "seen"))
    basis = request.POST.get("basis", "")[:1000]
    try:
        phrasing.go_back(
            request.user, kind, language, -1 if number is None else number, basis, -1 if seen is None else seen
        )
    except Refused as refused:
        for problem in refused.problems:
            messages.error(request, problem.text(gettext))
    else:
        messages.success(request, _("已恢复，自下一条消息起使用。"))
    return redirect("message-text", kind, language)


def _text_page(
    request: HttpRequest, kind: str, language: str, rows: list[MessageText], words: Wording, form: TextForm, status: int,
    previewed: bool,
) -> HttpResponse:  # fmt: skip
    other = next(code for code in LANGUAGES if code != language)
    theirs = phrasing.words_of(next(iter(phrasing.versions(kind, other)), None), kind, other)
    samples = [(language, phrasing.sample(kind, language, words)), (other, phrasing.sample(kind, other, theirs))]
    context = {
        "kind": kind, "label": gettext(KINDS[kind].label), "language": language, "other": other, "rows": rows,
        "places": places_of(kind), "samples": samples, "form": form, "previewed": previewed,
        "changes": can_city(request.user, "change_messages"),
    }  # fmt: skip
    return render(request, "evaluation/message_text.html", context, status=status)


@login_required
def message_text_compare(request: HttpRequest, kind: str, language: str) -> HttpResponse:
    """Two versions line by line; number 0 is the portal's own text. Nonsense compares with that."""
    _authorise(request, "see_settings")
    if kind not in OF_KIND or language not in LANGUAGES:
        raise Http404
    rows = {row.number: row for row in phrasing.versions(kind, language)}
    old, new = (whole(request.GET.get(name)) or 0 for name in ("old", "new"))
    if any(number and number not in rows for number in (old, new)):
        raise Http404
    before, after = (phrasing.words_of(rows.get(number), kind, language) for number in (old, new))
    subject, body = phrasing.compared(before, after)
    context = {
        "kind": kind, "label": gettext(KINDS[kind].label), "language": language, "old": old, "new": new,
        "parts": [(_("标题"), subject), (_("正文"), body)], "same": before == after,
    }  # fmt: skip
    return render(request, "evaluation/message_text_compare.html", context)
