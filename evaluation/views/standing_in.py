"""Pages of the officers' desk when somebody is away or leaves: handing cases over 移交, standing in 代理."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from communities import standing_in
from communities.models import Officer
from communities.permissions import city_duties
from communities.workflow import STAND_IN
from evaluation import batching, handling
from evaluation.permissions import may_see_queue
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import whole
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Refused

LIST = 20
ACTS = ("agree", "decline", "arrange", "end")
SHOWN = 300  # cases that can be ticked one by one; more are handed over together


def _day() -> Any:
    return forms.DateInput(attrs={"type": "date"})


def _named(row: Officer) -> str:
    """A duty of one person in words."""
    place = f"（{row.district.name}）" if row.district else ""
    return f"{row.user} · {row.get_duty_display()}{place}"


class StandInForm(forms.Form):
    """Who is away in which duty, who stands in, from when to when, and why."""

    required_css_class = "required"
    officer = forms.ChoiceField(label=gettext_lazy("被代理人及职责"))
    colleague = forms.ChoiceField(label=gettext_lazy("代理人"))
    since = forms.DateField(label=gettext_lazy("起"), widget=_day())
    until = forms.DateField(label=gettext_lazy("止"), widget=_day())
    reason = forms.CharField(
        label=gettext_lazy("事由"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("例如休假、出差；记入留痕。"),
    )  # fmt: skip

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        day, choose = timezone.localdate(), ("", _("请选择"))
        self.officers = {str(row.pk): row for row in standing_in.replaceable(user, day)}
        self.people = {str(row.pk): row for row in standing_in.colleagues(day)}
        self.fields["officer"].choices = [choose, *((pk, _named(row)) for pk, row in self.officers.items())]
        self.fields["colleague"].choices = [choose, *((pk, str(row)) for pk, row in self.people.items())]

    def ask(self, by: User) -> Any:
        said = self.cleaned_data
        officer, person = self.officers[said["officer"]], self.people[said["colleague"]]
        return standing_in.ask(by, officer, person, said["since"], said["until"], said["reason"])


@login_required
def stand_ins(request: HttpRequest) -> HttpResponse:
    """Who stands in for whom, as far as it concerns me; asking for another."""
    if not may_see_queue(request.user):
        raise NotAllowed("stand_in")
    form = StandInForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(form.ask(request.user))
        except Refused as refused:
            add_problems(form, refused.problems)
    rows = STAND_IN.visible_to(request.user).order_by("-until", "-pk")
    page = Paginator(rows, LIST).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "arranges": "supervisor" in city_duties(request.user)}
    return render(request, "evaluation/stand_ins.html", context, status=422 if request.method == "POST" else 200)


@login_required
def stand_in(request: HttpRequest, pk: int) -> HttpResponse:
    """One of them: agreeing, declining, ending it."""
    row = get_object_or_404(STAND_IN.visible_to(request.user), pk=pk)
    forms_ = act_forms(request, STAND_IN, row, ACTS)
    if request.method == "POST" and acted(request, STAND_IN, row, forms_, ACTS):
        return redirect(row)
    context = {"row": row, "duty": _named(row.officer), "forms": forms_, "events": Event.objects.of(row)}
    return render(request, "evaluation/stand_in.html", context, status=422 if request.method == "POST" else 200)


# --- handing over -------------------------------------------------------------------------------------------------


class HandOverForm(forms.Form):
    """Who takes the cases over, and why."""

    required_css_class = "required"
    successor = forms.ChoiceField(label=gettext_lazy("接收人"))
    reason = forms.CharField(
        label=gettext_lazy("事由"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("写入每个案件的留痕，双方都会收到通知。"),
    )  # fmt: skip

    def __init__(self, officer: User, duty: str, data: Any = None) -> None:
        super().__init__(data)
        self.people = {str(row.pk): row for row in handling.successors(officer, duty)}
        self.fields["successor"].choices = [("", _("请选择")), *((pk, str(row)) for pk, row in self.people.items())]


@login_required
def hand_over(request: HttpRequest) -> HttpResponse:
    """Choose whose cases in which duty, then which of them and to whom; a trial follows as for every bulk act."""
    if not may_see_queue(request.user):
        raise NotAllowed("hand_over")
    held = {str(row.pk): row for row in standing_in.replaceable(request.user, timezone.localdate())
            if row.duty in handling.DUTIES}  # fmt: skip
    asked = request.POST.get("from") or request.GET.get("from", "")
    if asked and asked not in held:
        raise NotAllowed("hand_over")
    if not asked and len(held) == 1:
        asked = next(iter(held))
    context: dict[str, Any] = {"held": [(pk, _named(row)) for pk, row in held.items()], "asked": asked}
    if asked:
        row = held[asked]
        form = HandOverForm(row.user, row.duty, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                return redirect(_prepared(request, row, form))
            except Refused as refused:
                add_problems(form, refused.problems)
        rows = handling.to_hand_over(request.user, row.user, row.duty)
        context |= {"form": form, "count": rows.count(), "rows": rows[:SHOWN], "shown": SHOWN, "officer": row,
                    "ticked": request.POST.getlist("case"), "scope": request.POST.get("scope", "all")}  # fmt: skip
    return render(request, "evaluation/hand_over.html", context, status=422 if request.method == "POST" else 200)


def _prepared(request: HttpRequest, row: Officer, form: HandOverForm) -> Any:
    chosen = None
    if request.POST.get("scope") == "some":
        chosen = [pk for pk in map(whole, request.POST.getlist("case")) if pk is not None]
    said = form.cleaned_data
    successor = form.people[said["successor"]]
    return batching.hand_over(request.user, row.user, row.duty, successor, said["reason"], chosen)
