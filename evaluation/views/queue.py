"""The queue of cases, narrowed, put in order and shown in the columns that one wants; and the saved views of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import batching, desk, saved_views, work
from evaluation.desk_columns import standing_still
from evaluation.desk_conditions import CONDITIONS, Asking, explained
from evaluation.models import SavedView
from evaluation.permissions import can_city, may_see_queue
from evaluation.views.framing import whole
from portal import clock
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.problems import Problem, Refused
from portal.templatetags.portal import CALENDAR, deadline_lamp
from portal.workdays import Calendar

PAGE_SIZE = 25
# fields of the form beside the search line, in this order
CHOSEN = ("state", "stage", "district", "programme", "level", "handler")
TRUTHS = ("late", "paused")
TYPED = {"within": "number", "round": "number"}
DATES = ("due_from", "due_to", "since_from", "since_to")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form as it is written into the page. kind: "select", "number" or "date"."""

    name: str
    label: str
    kind: str
    value: str
    options: SafeString
    problems: list[str]


@login_required
def queue(request: HttpRequest) -> HttpResponse:
    """The cases of my duties; without a word in the address, as the view shows that I open it with."""
    if not may_see_queue(request.user):
        raise NotAllowed("queue")
    if not request.GET and (view := saved_views.default_of(request.user)):
        return redirect(view)
    problems: tuple[Problem, ...] = ()
    params, columns = request.GET, desk.columns_of(request.user, request.GET)
    try:
        found: Any = desk.fetched(desk.rows(request.user, params), columns)
    except Refused as refused:
        found, problems = [], refused.problems
    page = (desk.Pages if not problems else desk.Paginator)(found, PAGE_SIZE).get_page(params.get("page"))
    context = {
        **_asked(request, problems),
        **_views(request),
        "page": page,
        "wrong": bool(problems),
        "more": not problems and page.paginator.has_more,
        "columns": columns,
        "acts": batching.acts_of(request.user),
        "may_stand_back": can_city(request.user, "declare_conflict"),
        "may_count_late": can_city(request.user, "see_late_findings"),
        "heads": _heads(columns, params),
        "cases": _rows(page, columns, (params.get("show") or "mine") == "mine") if page else [],
    }
    return render(request, "evaluation/queue.html", context, status=422 if problems else 200)


def _asked(request: HttpRequest, problems: Iterable[Problem]) -> dict[str, Any]:
    """What was asked, as it was written, with what is wrong beside it."""
    params, wrong = request.GET, {}
    for problem in problems:
        wrong.setdefault(problem.place, []).append(problem.text(_))
    # The lists of the fields are read only for whoever wants to see them, or has to, to know what is in force.
    opened = "filters" in params or any(params.get(name, "").strip() for name in (*CONDITIONS, *DATES))
    fields = _fields(Asking(request.user), params, wrong) if opened else []
    said = {problem for field in fields for problem in field.problems} | set(wrong.get("q", ()))
    show = params.get("show", "")
    return {
        "params": params,
        "show": show if show in desk.SHOWS else "mine",
        "shows": [(code, _(name)) for code, name in desk.SHOWS.items()],
        "line": params.get("q", ""),
        "line_problems": wrong.get("q", []),
        "other_problems": [text for texts in wrong.values() for text in texts if text not in said],
        "fields": fields,
        "orders": _orders(params.get("sort", "").strip()) if opened else "",
        "narrowed": desk.narrowed(params),
        "sort": params.get("sort", ""),
        "hints": _hints(get_language()),
        "most": desk.MOST,
    }


def _fields(asking: Asking, params: QueryDict, wrong: dict[str, list[str]]) -> list[Field]:
    """The fields of the form. A condition that a link brought stands here too, so that it is never in force unseen."""
    everything, found = ("", _("全部")), []
    truths = [everything, ("是", _("是")), ("否", _("否"))]
    for name in CHOSEN:
        options = [everything, *getattr(asking, CONDITIONS[name].choices).items()]
        if name == "handler":
            options[1:1] = [("我", _("我")), ("无", _("无人经办"))]
        found.append(_field(name, "select", params, wrong, options))
    found += [_field(name, "select", params, wrong, truths) for name in TRUTHS]
    found += [_field(name, kind, params, wrong) for name, kind in TYPED.items()]
    found += [_field(name, "date", params, wrong) for name in DATES]
    shown = {*CHOSEN, *TRUTHS, *TYPED}
    return found + [
        _field(name, "text", params, wrong) for name in CONDITIONS if name not in shown and params.get(name)
    ]


def _field(
    name: str, kind: str, params: QueryDict, wrong: dict[str, list[str]], options: Iterable[tuple[str, str]] = ()
) -> Field:
    base, _line, end = name.partition("_")
    condition = CONDITIONS[base]
    label = str(condition.told or _(condition.label))
    if end:
        label = (_("%(what)s起") if end == "from" else _("%(what)s止")) % {"what": label}
    value, given = params.get(name, "").strip(), list(options)
    if value and given and value not in {code for code, _name in given}:
        given.append((value, value))
    return Field(name, label, kind, value, _written(tuple(given), value), wrong.get(base, []) if end != "to" else [])


@lru_cache(maxsize=512)
def _written(options: tuple[tuple[str, str], ...], chosen: str) -> SafeString:
    """The options of a select. Long lists seldom change, and a template takes its time over each of them."""
    rows = ((value, mark_safe(" selected" if value == chosen else ""), name) for value, name in options)  # noqa: S308
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)


def _orders(sort: str) -> SafeString:
    """The options of the order: each column upwards and downwards."""
    found = [("", _("期限近的在前"))]
    for code, column in desk.COLUMNS.items():
        found += [(code, str(column.label)), (f"-{code}", _("%(label)s（倒序）") % {"label": column.label})]
    return _written(tuple(found), sort)


@lru_cache(maxsize=8)
def _hints(language: str) -> SafeString:
    """How conditions are written: the same for everybody who reads this language."""
    return render_to_string("evaluation/_queue_hints.html", {"explained": explained()})


def _heads(columns: Iterable[desk.Column], params: QueryDict) -> list[dict[str, Any]]:
    """The columns with the address that puts the list in their order, or turns it round."""
    sorted_by, asked, found = params.get("sort", "").strip() or "due", params.copy(), []
    for name in ("page", "view"):
        asked.pop(name, None)
    for column in columns:
        asked["sort"] = f"-{column.code}" if sorted_by == column.code else column.code
        way = {column.code: "ascending", f"-{column.code}": "descending"}.get(sorted_by, "")
        found.append({"label": column.label, "address": f"?{asked.urlencode()}", "way": way})
    return found


def _rows(page: Iterable[Any], columns: Iterable[desk.Column], mine: bool) -> list[dict[str, Any]]:
    """The cases as the page writes them; their cells are written here, since a template takes its time over each.

    mine: they wait on the reader, who is led to the page where the next act is done.
    """
    named, calendar = [(column, str(column.label)) for column in columns], clock.calendar()
    shown, kept = {column.code for column in columns}, {CALENDAR: calendar}
    found = []
    for row in page:
        address = row.get_absolute_url()
        special = {
            "due": lambda row=row: _due_cell(row, kept),
            "community": lambda row=row, address=address: _community_cell(row, address, shown),
        }
        found.append({
            "row": row,
            "name": row.project.community.name,
            "address": address,
            "next": work.next_act(row) if mine else "",
            "link": work.link_of(row) if mine else address,
            "cells": [
                special[column.code]() if column.code in special else _cell(column, label, row, calendar)
                for column, label in named
            ],
        })  # fmt: skip
    return found


def _due_cell(row: Any, kept: dict[Any, Any]) -> SafeString:
    """The deadline with its lamp; beside it, or instead, that a clock stands still."""
    still = standing_still(row)
    lamp = deadline_lamp(kept, row.due_on) if row.due_on or not still else ""
    tag = format_html(' <span class="tag wait still">{}</span>', still) if still else ""
    return format_html("<td>{}{}</td>", lamp, tag)


def _community_cell(row: Any, address: str, shown: set[str]) -> SafeString:
    """The community, which opens the case, and what of it stands in no column."""
    about = {"number": row.project.number, "district": row.project.community.district.name, "stage": row.stage_name}
    told = " · ".join(words for code, words in about.items() if code not in shown)
    below = format_html('<br><span class="muted">{}</span>', told) if told else ""
    return format_html('<td><a href="{}">{}</a>{}</td>', address, row.project.community.name, below)


def _cell(column: desk.Column, label: str, row: Any, calendar: Calendar) -> SafeString:
    words = column.value(row, calendar) or "—"
    failed = column.code == "state" and row.fault
    fault = format_html(' <span class="tag late">{}</span>', _("自动步骤出错")) if failed else ""
    return format_html('<td data-label="{}">{}{}</td>', label, words, fault)


def _views(request: HttpRequest) -> dict[str, Any]:
    """The views that can be opened, the one that is, and what is needed to keep the present query as another."""
    views = list(saved_views.visible_to(request.user))
    opened = whole(request.GET.get("view"))
    view = next((one for one in views if one.pk == opened), None)
    return {
        "views": views,
        "view": view,
        "changed": view is not None and desk.query_of(request.GET) != view.query,
        "duties": saved_views.shareable(request.user).items(),
        "all_columns": desk.COLUMNS,
    }


# --- columns ------------------------------------------------------------------------------------------------------


@login_required
@require_POST
def queue_columns(request: HttpRequest) -> HttpResponse:
    """Keep the columns that I want to see from now on."""
    chosen = [] if "usual" in request.POST else request.POST.getlist("column")
    saved_views.choose_columns(request.user, chosen)
    asked = QueryDict(request.POST.get("query", ""), mutable=True)
    for name in ("columns", "view", "page"):
        asked.pop(name, None)
    return redirect(f"{reverse('queue')}?{asked.urlencode() or 'show=mine'}")


# --- saved views --------------------------------------------------------------------------------------------------


class ViewForm(forms.Form):
    """A saved view: its name, with whom it is shared, its columns."""

    name = forms.CharField(label=gettext_lazy("名称"), max_length=40, required=False)
    duty = forms.ChoiceField(label=gettext_lazy("共享给"), required=False)
    columns = forms.MultipleChoiceField(
        label=gettext_lazy("显示的列"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("不选时按各人自己的设置显示。"),
    )  # fmt: skip

    def __init__(self, user: Any, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        duties = [
            (code, _("承担“%(duty)s”职责的人") % {"duty": name}) for code, name in saved_views.shareable(user).items()
        ]
        self.fields["duty"].choices = [("", _("只有本人")), *duties]
        self.fields["columns"].choices = [
            (column.code, column.label) for column in desk.COLUMNS.values() if column.code != "community"
        ]


@login_required
def queue_views(request: HttpRequest) -> HttpResponse:
    """The views that I may open. POST keeps the query of the page one comes from as a new one."""
    if not may_see_queue(request.user):
        raise NotAllowed("queue")
    params = QueryDict(request.POST.get("query", ""))
    form = ViewForm(request.user, request.POST) if request.method == "POST" else None
    if form is not None and form.is_valid():
        columns = params.get("columns", "").split(",")
        try:
            view = saved_views.create(
                request.user, form.cleaned_data["name"], params, columns, form.cleaned_data["duty"]
            )
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("已保存视图“%(name)s”。") % {"name": view})
            return redirect(view)
    default = saved_views.default_of(request.user)
    context = {
        "views": saved_views.visible_to(request.user),
        "default": default,
        "form": form,
        "query": params.urlencode(),
    }
    return render(request, "evaluation/queue_views.html", context, status=422 if form else 200)


@login_required
def queue_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Change one of my views. Of somebody else's, what it asks."""
    view = get_object_or_404(saved_views.visible_to(request.user), pk=pk)
    if view.owner_id != request.user.pk:
        raise NotAllowed("saved_view.change")
    kept = {"name": view.name, "duty": view.duty, "columns": view.columns}
    form = ViewForm(request.user, request.POST or None, initial=kept)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        if "query" in request.POST:
            asked["params"] = QueryDict(request.POST["query"])
        try:
            saved_views.change(request.user, view, whole(request.POST.get("revision")) or 0, **asked)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("已保存视图“%(name)s”。") % {"name": view})
            return redirect("queue-views")
    context = {"view": view, "form": form, "revision": request.POST.get("revision", view.revision)}
    return render(request, "evaluation/queue_view.html", context, status=422 if request.method == "POST" else 200)


def _view(request: HttpRequest, pk: int) -> SavedView:
    return get_object_or_404(saved_views.visible_to(request.user), pk=pk)


@login_required
@require_POST
def queue_view_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove one of my views."""
    view = _view(request, pk)
    saved_views.remove(request.user, view)
    messages.success(request, _("已删除视图“%(name)s”。") % {"name": view})
    return redirect("queue-views")


@login_required
@require_POST
def queue_view_default(request: HttpRequest, pk: int) -> HttpResponse:
    """Open the queue with this view from now on; with ``off``, no more."""
    view = _view(request, pk)
    saved_views.open_with(request.user, None if "off" in request.POST else view)
    return redirect("queue-views")
