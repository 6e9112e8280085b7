"""Statistics 统计: the page with every figure its reader may see, each figure as CSV, the certificates behind a number,
and the monthly reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from communities.permissions import duties_of
from evaluation import monthly_reports, public_figures, statistics
from evaluation.figures import Asked, Cell, Choices, Column, Figure
from evaluation.permissions import can_city
from portal import conditional, files
from portal.models import Event
from portal.problems import Problem, Refused, gettext_noop

PAGE = 25


@conditional.public
def page(request: HttpRequest) -> HttpResponse:
    """Every figure that the reader may see, under one set of filters."""
    try:
        asked, known = statistics.asked_of(request.GET, request.user)
    except Refused as refused:
        context = _filters(request, statistics.choices(), refused.problems)
        return render(request, "evaluation/statistics.html", context, status=422)
    own, public = [], []
    for figure in statistics.figures_for(request.user):
        (own if figure.right else public).append(figure)
    told = replace(asked, user=None)
    standing = _standing(asked) if own else ()
    context = {
        **_filters(request, known),
        "public": [_public(told.version, get_language(), figure.code, told) for figure in public],
        "own": [_own(standing, figure.code, asked) for figure in own],
        "counted": asked.counted,
        "asked": asked,
        "reports": monthly_reports.reports()[:3],
        "plans": can_city(request.user, "change_policies"),
    }
    return render(request, "evaluation/statistics.html", context)


@lru_cache(maxsize=256)
def _public(version: int, language: str, code: str, asked: Asked) -> SafeString:
    """A figure for everybody as it is written into the page, until anything public changes."""
    return _written(statistics.FIGURES[code], asked)


def _standing(asked: Asked) -> tuple[Any, ...]:
    """What an officer's figures hang on: every act leaves an event, and whatever leaves none shows within a minute."""
    last = Event.objects.order_by("-pk").values_list("pk", flat=True).first()
    minute = int(timezone.now().timestamp()) // 60
    return last, minute, asked.version, duties_of(asked.user), get_language()


@lru_cache(maxsize=256)
def _own(standing: tuple[Any, ...], code: str, asked: Asked) -> SafeString:
    """A figure of an officer as it is written into the page, until anything is done to any case."""
    return _written(statistics.FIGURES[code], asked)


def forget() -> None:
    """What is kept in memory is written anew; for tests, whose databases go back in time."""
    public_figures.forget()
    _public.cache_clear()
    _own.cache_clear()


def _written(figure: Figure, asked: Asked) -> SafeString:
    found = statistics.table(figure, asked)
    context = {
        "figure": figure,
        "table": found,
        "heads": list(zip(found.columns, found.heads, strict=True)),
        "rows": [_cells(found.columns, found.heads, row) for row in found.rows],
        "query": asked.query(),
    }
    return render_to_string("evaluation/_figure.html", context)


def _cells(columns: tuple[Column, ...], heads: list[str], row: tuple[Cell, ...]) -> list[dict[str, Any]]:
    """Values in words with the column they stand in."""
    return [
        {"text": in_words(cell.value, column.kind), "link": cell.link, "head": head, "is_text": column.kind == "text",
         "value": "" if cell.value is None else str(cell.value)}
        for column, head, cell in zip(columns, heads, row, strict=True)
    ]  # fmt: skip


def in_words(value: Any, kind: str) -> str:
    """A value as people read it; "—" for what there is not."""
    if value is None:
        return "—"
    return f"{value}%" if kind == "percent" else str(value)


def _filters(request: HttpRequest, known: Choices, problems: tuple[Problem, ...] = ()) -> dict[str, Any]:
    """The form as it was filled in, with what is wrong beside its fields."""
    wrong: dict[str, list[str]] = {}
    for problem in problems:
        wrong.setdefault(problem.place, []).append(problem.text(_))
    said = {name: request.GET.get(name, "").strip()[:40] for name in ("year", "programme", "district")}
    fields = [
        {"name": "year", "label": _("年份"), "value": said["year"], "options": None},
        {"name": "programme", "label": _("评价类别"), "value": said["programme"], "options": known.programmes.items()},
        {"name": "district", "label": _("区县"), "value": said["district"], "options": known.districts.items()},
    ]
    for field in fields:
        field["problems"] = wrong.get(str(field["name"]), [])
    return {"fields": fields, "wrong": bool(problems), "narrowed": any(said.values())}


@conditional.public
def csv_file(request: HttpRequest, code: str) -> HttpResponse:
    """One figure as CSV, under the filters of the page."""
    try:
        figure = statistics.find(code, request.user)
    except LookupError as error:
        raise Http404 from error
    try:
        asked, _known = statistics.asked_of(request.GET, request.user)
    except Refused as refused:
        words = "\n".join(problem.text(_) for problem in refused.problems)
        return HttpResponse(words, content_type="text/plain; charset=utf-8", status=422)
    response = HttpResponse(statistics.as_csv(statistics.table(figure, asked)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{asked.day.isoformat()}-{figure.code}.csv"'
    return response


# --- the certificates behind a number -----------------------------------------------------------------------------


@conditional.public
def certificates(request: HttpRequest) -> HttpResponse:
    """The certificates of a kind that the filters leave, newest first: what a number on the page counted."""
    try:
        asked, known = statistics.asked_of(request.GET, None)
        more = _wanted(request.GET)
    except Refused as refused:
        others = [problem.text(_) for problem in refused.problems if problem.place in ("kind", "level")]
        context = {**_filters(request, statistics.choices(), refused.problems), "other_problems": others}
        return render(request, "evaluation/statistics_certificates.html", context, status=422)
    rows = public_figures.certificates(asked, **more)
    levels = public_figures.level_names(asked)
    context = {
        **_filters(request, known),
        "rows": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "kind": more["kind"],
        "kinds": [(code, _(name)) for code, name in public_figures.KINDS.items()],
        "title": _(public_figures.KINDS[more["kind"]]),
        "level": more["level"],
        "levels": levels.items(),
        "unit": more["unit"],
        "today": asked.day,
    }
    return render(request, "evaluation/statistics_certificates.html", context)


def _wanted(params: Mapping[str, str]) -> dict[str, Any]:
    """Kind, level and unit. Raises Refused for a kind or a level that there is not."""
    kind, level, unit = (params.get(name, "").strip() for name in ("kind", "level", "unit"))
    kind = kind or "awarded"
    problems = []
    if kind not in public_figures.KINDS:
        problems.append(Problem("kind_unknown", "kind", gettext_noop("没有这一种清单。")))
    if level and not (len(level) == 1 and level.isascii() and level.isdecimal()):
        problems.append(Problem("level_unknown", "level", gettext_noop("等级是一位数字。")))
    if problems:
        raise Refused(problems)
    return {"kind": kind, "level": int(level) if level else None, "unit": unit.replace("\0", "")[:120]}


# --- monthly reports ----------------------------------------------------------------------------------------------


@conditional.public
def reports(request: HttpRequest) -> HttpResponse:
    """Every monthly report, newest first."""
    context = {
        "rows": Paginator(monthly_reports.reports(), PAGE).get_page(request.GET.get("page")),
        "failed": can_city(request.user, "see_settings") and monthly_reports.has_failed(),
    }
    return render(request, "evaluation/monthly_reports.html", context)


def report(request: HttpRequest, month: str) -> HttpResponseBase:
    """The report of one month as PDF."""
    row = monthly_reports.find(month)
    if row is None:
        raise Http404
    return files.send(
        row.file,
        name=f"{row.code}.pdf",
        content_type="application/pdf",
        inline=True,
        request=request,
        sha256=row.sha256,
    )
