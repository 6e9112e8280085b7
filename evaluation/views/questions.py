"""Pages of questions: asking one in the scoring room, passing it on, answering it."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from evaluation import asking, wording
from evaluation.models import Question
from evaluation.permissions import question_roles
from evaluation.views.acting import act_forms, acted
from evaluation.workflow import ASSIGNMENT, QUESTION
from portal.forms import add_problems
from portal.problems import Refused

ACTS = ("forward", "answer", "decline")


class QuestionForm(forms.Form):
    """What the panel wants to know about one item."""

    required_css_class = "required"
    item = forms.CharField(max_length=20, widget=forms.HiddenInput)
    text = forms.CharField(
        label=gettext_lazy("质询内容"),
        max_length=asking.LONGEST,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


@login_required
@require_POST
def question_ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask about the item on the screen; then back to it."""
    seat = get_object_or_404(ASSIGNMENT.visible_to(request.user), pk=pk)
    form = QuestionForm(request.POST)
    if form.is_valid():
        code = form.cleaned_data["item"]
        try:
            asking.ask(request.user, seat, code, form.cleaned_data["text"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("问题已提交评价组织员，由其转交申报单位；申报单位不会知道由谁提出。"))
            return redirect(f"{reverse('scoring', args=[pk])}?item={code}")
    context = {"form": form, "assignment": seat, "application": seat.application}
    return render(request, "evaluation/question_ask.html", context, status=422)


@login_required
def question(request: HttpRequest, pk: int) -> HttpResponse:
    """One question with its answer, for each side what it has to do; who asked is named to who runs the case alone."""
    row = _fetch(request, pk)
    acts, status = act_forms(request, QUESTION, row, ACTS), 200
    if request.method == "POST":
        if acted(request, QUESTION, row, acts, ACTS):
            return redirect(row)
        row, status = _fetch(request, pk), 422
    roles = question_roles(request.user, row)
    context = {
        "question": row,
        "application": row.application,
        "title": wording.item_title(row.application.standard, row.item_code),
        "acts": acts,
        "asker": row.assignment.expert if roles & {"organiser", "supervisor"} else None,
        "own": "asker" in roles,
        "others": asking.questions_of(request.user, row.application).exclude(pk=row.pk),
    }
    return render(request, "evaluation/question.html", context, status=status)


def _fetch(request: HttpRequest, pk: int) -> Question:
    row: Question = get_object_or_404(QUESTION.visible_to(request.user), pk=pk)
    return row
