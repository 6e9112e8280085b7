"""The page of late findings: counted by officer, reason and month, and the list behind each number."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from evaluation import findings, late_defects
from evaluation.models import LateCode
from evaluation.permissions import can_city
from evaluation.views.framing import whole

ROWS_A_PAGE = 25


def _month(text: str | None) -> date | None:
    """The first day of a month written as 2026-11; None for anything else."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


def _year(text: str | None) -> int | None:
    """A year that every database counts; None for anything else."""
    return int(text) if text and len(text) == 4 and text.isascii() and text.isdecimal() and text > "1899" else None


@login_required
def late_findings(request: HttpRequest) -> HttpResponse:
    """The supervisor reads everybody's, an officer the own."""
    asked = request.GET
    wanted: dict[str, Any] = {
        "officer": whole(asked.get("officer")), "month": _month(asked.get("month")), "year": _year(asked.get("year")),
        **{name: asked.get(name, "").replace("\0", "")[:30] for name in ("code", "programme", "district")},
    }  # fmt: skip
    rows = late_defects.narrowed(late_defects.late_findings(request.user), **wanted)
    page = Paginator(rows, ROWS_A_PAGE).get_page(asked.get("page"))
    labels = dict(LateCode.objects.values_list("code", "label"))
    context = {
        "counts": late_defects.counted(request.user),
        "page": page,
        "rows": [_line(row, labels) for row in page],
        "narrowed": any(value not in (None, "") for value in wanted.values()),
        "everybody": can_city(request.user, "see_all_late_findings"),
    }
    return render(request, "evaluation/late_findings.html", context)


def _line(row: Any, labels: dict[str, str]) -> tuple[Any, str, str]:
    """A finding, the name of its place, its reason in words."""
    place = findings.places(row.application).get((row.kind, row.place), row.place)
    return row, gettext(place), gettext(labels.get(row.late_code, row.late_code))
