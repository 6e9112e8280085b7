"""Pages of ratings: the organiser rates the members of a panel, an expert answers on the own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from evaluation import rating
from evaluation.models import Application, Rating
from evaluation.permissions import as_expert, can
from evaluation.views.framing import fetch
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.problems import Refused


class RatingForm(forms.Form):
    """Points of every part, and a remark. What is legal is decided in ``rating``."""

    required_css_class = "required"
    remark = forms.CharField(
        label=gettext_lazy("说明"), max_length=rating.LONGEST, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, most: Mapping[str, int], floor: int, pk: int, data: Any = None) -> None:
        super().__init__(data, prefix=f"seat-{pk}")
        points: dict[str, forms.Field] = {}
        for part, label in rating.PARTS.items():
            words = _("%(part)s（满分 %(most)s）") % {"part": _(label), "most": most[part]}
            box = forms.NumberInput(attrs={"min": 0, "max": most[part], "step": 1, "inputmode": "numeric"})
            points[part] = forms.IntegerField(label=words, widget=box)
        self.fields["remark"].help_text = _("合计低于 %(floor)s 分的必填。") % {"floor": floor}
        self.fields = {**points, "remark": self.fields["remark"]}


class ReplyForm(forms.Form):
    """An expert's answer."""

    reply = forms.CharField(max_length=rating.LONGEST, required=False, widget=forms.Textarea(attrs={"rows": 3}))


@login_required
def ratings(request: HttpRequest, pk: int) -> HttpResponse:
    """Who sat on the panel, with the ratings; a form for each member who is not rated yet."""
    application = _fetch(request, pk)
    if request.method != "POST":
        return _page(request, application)
    number = request.POST.get("seat", "")
    row = next((row for row in rating.members(application) if str(row.pk) == number), None)
    if row is None:
        raise NotAllowed("rate")
    row.application = application
    form = RatingForm(rating.maxima(), rating.remark_below(), row.pk, request.POST)
    if form.is_valid():
        try:
            rating.rate(request.user, row, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("已评价：%(expert)s。") % {"expert": row.expert})
            return redirect("ratings", pk)
    return _page(request, application, {row.pk: form}, 422)


def _fetch(request: HttpRequest, pk: int) -> Application:
    application = fetch(request, pk)
    if not can(request.user, "see_ratings", application):
        raise NotAllowed("see_ratings")
    return application


def _page(request: HttpRequest, application: Application, bound: Any = None, status: int = 200) -> HttpResponse:
    most, floor = rating.maxima(), rating.remark_below()
    rates, rows = can(request.user, "rate", application), rating.members(application)
    open_forms = {
        row.pk: RatingForm(most, floor, row.pk)
        for row in rows
        if rates and rating.rating_of(row) is None and row.expert.user_id != request.user.pk
    }
    shown = {**open_forms, **(bound or {})}
    context = {
        "application": application,
        "rows": [(row, rating.rating_of(row), shown.get(row.pk)) for row in rows],
        "most": most,
        "last_day": rating.last_day(application) if any(rating.rating_of(row) is None for row in rows) else None,
    }
    return render(request, "evaluation/ratings.html", context, status=status)


@login_required
@require_POST
def rating_reply(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer a rating of oneself; what cannot be kept is told on the own page."""
    mine = Rating.objects.filter(assignment__expert__user__in=as_expert(request.user))
    case = "assignment__application__project"
    rows = mine.select_related("assignment__expert__user", f"{case}__programme", f"{case}__community", "by")
    row = get_object_or_404(rows, pk=pk)
    form = ReplyForm(request.POST)
    if form.is_valid():
        try:
            rating.reply(request.user, row, form.cleaned_data["reply"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("申辩已提交。"))
            return redirect(row.assignment.expert)
    context = {"form": form, "row": row}
    return render(request, "evaluation/rating_reply.html", context, status=422)
