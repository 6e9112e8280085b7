"""The page of the working-day table: what stands in it, and changing it after a look at the deadlines that move."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evaluation import day_table
from evaluation.permissions import can_city
from evaluation.views.appointing import basis_field
from evaluation.views.hub import require
from portal import clock
from portal.forms import add_problems
from portal.models import DayOverride
from portal.problems import Changed, Problem, Refused, gettext_noop

MOST_BYTES = 100_000


class DaysForm(forms.Form):
    """A list of days, typed or as a file. ``day_table`` reads it and decides."""

    required_css_class = "required"
    text = forms.CharField(
        label=gettext_lazy("日子"), required=False, max_length=20000, strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "每行一天或一段：“2027-01-01 休 元旦”“2027-02-05 至 2027-02-11 休 春节”“2027-02-14 班 调休”；"
            "“2027-03-05 删除”从表中去掉。"
        ),
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("或上传文件"), required=False,
        help_text=gettext_lazy("文本或 CSV（UTF-8），格式相同；上传后内容会填入上面。"),
        widget=forms.FileInput(attrs={"accept": ".txt,.csv"}),
    )  # fmt: skip
    whole_year = forms.IntegerField(
        label=gettext_lazy("这是哪一年的全年安排"), required=False, min_value=1, max_value=9999,
        help_text=gettext_lazy("录入新一年时填年份，例如国务院办公厅公布的全年放假安排；只调整个别日子的留空。"),
    )  # fmt: skip
    basis = basis_field(gettext_lazy("放假安排的文号等；写在表中和受影响的案件里。"))
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20)

    @property
    def change(self) -> day_table.Change:
        """What was typed. Raises Refused where a line cannot be read."""
        said = self.cleaned_data
        return day_table.Change(day_table.read(said["text"]), said["basis"], said["whole_year"])


def _with_file(request: HttpRequest) -> Any:
    """What was sent, with an uploaded file put where it would have been typed. Raises Refused where it is no text."""
    data, file = request.POST.copy(), request.FILES.get("file")
    if file is not None:
        try:
            if file.size > MOST_BYTES:
                raise ValueError(file.size)
            data["text"] = file.read(MOST_BYTES).decode("utf-8-sig")
        except ValueError as error:
            message = gettext_noop("文件不是 UTF-8 文本，或过大。")
            raise Refused([Problem("file", "file", message)]) from error
    return data


@login_required
def days(request: HttpRequest) -> HttpResponse:
    """The table by year; a list to change it, tried first."""
    require(request, "see_settings")
    if request.method != "POST":
        return _page(request, DaysForm(initial={"seen": day_table.seen_now(), "whole_year": request.GET.get("year")}))
    require(request, day_table.RIGHT)
    try:
        form = DaysForm(_with_file(request))
    except Refused as refused:
        form = DaysForm(request.POST)
        form.full_clean()
        add_problems(form, refused.problems)
        return _page(request, form, status=422)
    return _tried(request, form) if form.is_valid() else _page(request, form, status=422)


def _tried(request: HttpRequest, form: DaysForm) -> HttpResponse:
    """Show what the change would move, or, confirmed, make it."""
    today = timezone.localdate()
    try:
        change = form.change
        if "confirmed" not in request.POST:
            return _page(request, form, moves=day_table.preview(change, today))
        moves = day_table.change_days(request.user, change, form.cleaned_data["seen"])
    except Changed as changed:
        form.data = form.data.copy()
        form.data["seen"] = changed.now["seen"]
        add_problems(form, changed.problems)
        return _page(request, form, status=409)
    except Refused as refused:
        add_problems(form, refused.problems)
        return _page(request, form, status=422)
    messages.success(request, _("工作日表已更改，调整了 %(n)s 个正在计算的期限。") % {"n": len(moves)})
    return redirect("days")


def _page(request: HttpRequest, form: DaysForm, moves: Any = None, status: int = 200) -> HttpResponse:
    today, calendar = timezone.localdate(), clock.calendar()
    rows: dict[int, list[DayOverride]] = {}
    for row in DayOverride.objects.order_by("-day"):
        rows.setdefault(row.day.year, []).append(row)
    years = sorted({*rows, today.year, today.year + 1}, reverse=True)
    context = {
        "form": form, "moves": moves, "sure": moves is not None, "may_change": can_city(request.user, day_table.RIGHT),
        "years": [(year, calendar.known(year), rows.get(year, [])) for year in years],
    }  # fmt: skip
    return render(request, "evaluation/settings/days.html", context, status=status)
