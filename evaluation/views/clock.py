"""Pages of deadlines: why a case has the one it has, and the limits with what a change would move."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from evaluation import limits, telling_time
from evaluation.models import Programme
from evaluation.permissions import can, can_city
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import fetch
from evaluation.workflow import APPLICATION
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.models import Limit
from portal.problems import Refused, gettext_noop

CLOCK_ACTS = ("pause_clock", "resume_clock")
# as the calendar's package names them: told in the reader's language
HOLIDAYS = (
    gettext_noop("元旦"), gettext_noop("春节"), gettext_noop("清明"), gettext_noop("劳动节"), gettext_noop("端午"),
    gettext_noop("国庆节"), gettext_noop("中秋"),
)  # fmt: skip


@login_required
def application_clock(request: HttpRequest, pk: int) -> HttpResponse:
    """The clock of one application line by line, and stopping it or letting it go on."""
    application = fetch(request, pk)
    if not can(request.user, "see_history", application):
        raise NotAllowed("see_history")
    acts = act_forms(request, APPLICATION, application, CLOCK_ACTS)
    if request.method == "POST" and acted(request, APPLICATION, application, acts, CLOCK_ACTS):
        return redirect("application-clock", pk)
    context = {"application": application, "told": telling_time.explain(application), "acts": acts}
    status = 422 if request.method == "POST" else 200
    return render(request, "evaluation/application_clock.html", context, status=status)


class ChangeForm(forms.Form):
    """A new limit. What is legal is decided in ``limits``."""

    required_css_class = "required"
    step = forms.ChoiceField(label=gettext_lazy("环节"))
    programme = forms.ChoiceField(label=gettext_lazy("评价类别"), required=False)
    days = forms.IntegerField(
        label=pgettext_lazy("several", "工作日"), widget=forms.NumberInput(attrs={"min": 1, "max": limits.LONGEST})
    )
    valid_from = forms.DateField(
        label=gettext_lazy("启用日期"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    basis = forms.CharField(
        label=gettext_lazy("依据"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("文号、会议纪要等；会写在每个案件的期限说明里。"),
    )  # fmt: skip
    to_running = forms.BooleanField(
        label=gettext_lazy("同时调整在办案件的期限"), required=False,
        help_text=gettext_lazy("已经给申报单位和专家的期限只延长，不缩短；公示期限不变。"),
    )  # fmt: skip

    def __init__(self, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["step"].choices = [(code, _(name)) for code, name in limits.STEP_NAMES.items()]
        names = Programme.objects.order_by("code").values_list("pk", "name")
        self.fields["programme"].choices = [("", _("全部（没有单独规定的）")), *names]

    @property
    def change(self) -> limits.Change:
        return limits.Change(**self.cleaned_data)


@login_required
def limits_page(request: HttpRequest) -> HttpResponse:
    """Every limit with its basis and the days on which it holds, by step."""
    if not can_city(request.user, "see_settings"):
        raise NotAllowed("see_settings")
    names = dict(Programme.objects.values_list("pk", "name"))
    day, groups = timezone.localdate(), {}
    now = {row.pk for row in _in_force(day)}
    for row in Limit.objects.order_by("programme", "valid_from", "pk"):
        groups.setdefault(row.step, []).append((row, names.get(row.programme, ""), row.pk in now))
    context = {
        "groups": [(code, _(name), groups.get(code, [])) for code, name in limits.STEP_NAMES.items()],
        "may_change": can_city(request.user, "change_limits"),
    }
    return render(request, "evaluation/limits.html", context)


def _in_force(day: Any) -> list[Limit]:
    """Of each step and programme the one that counts on ``day``."""
    newest: dict[tuple[str, str], Limit] = {}
    for row in Limit.objects.on(day):
        newest.setdefault((row.step, row.programme), row)
    return list(newest.values())


@login_required
def limit_change(request: HttpRequest) -> HttpResponse:
    """Change one limit: first what it would move, then, confirmed, the change."""
    if not can_city(request.user, "change_limits"):
        raise NotAllowed("change_limits")
    if request.method != "POST":
        initial = {name: request.GET.get(name, "") for name in ("step", "programme")}
        return _change_page(request, ChangeForm(initial={**initial, "valid_from": timezone.localdate()}))
    form = ChangeForm(request.POST)
    if not form.is_valid():
        return _change_page(request, form, status=422)
    day = timezone.localdate()
    try:
        limits.refuse_wrong(form.change, day)
        if "confirmed" not in request.POST:
            return _change_page(request, form, moves=limits.preview(form.change, day))
        _limit, moved = limits.change(request.user, form.change)
    except Refused as refused:
        add_problems(form, refused.problems)
        return _change_page(request, form, status=422)
    messages.success(request, _("期限已更改，调整了 %(n)s 个正在计算的期限。") % {"n": len(moved)})
    return redirect("limits")


def _change_page(request: HttpRequest, form: ChangeForm, moves: Any = None, status: int = 200) -> HttpResponse:
    step, names = str(form["step"].value() or ""), dict(Programme.objects.values_list("pk", "name"))
    rows = sorted((row for row in _in_force(timezone.localdate()) if row.step == step), key=lambda row: row.programme)
    context = {
        "form": form,
        "moves": moves,
        "sure": moves is not None,
        "step": _(limits.STEP_NAMES[step]) if rows else "",
        "now": [(names.get(row.programme, ""), row) for row in rows],
    }
    return render(request, "evaluation/limit_change.html", context, status=status)
