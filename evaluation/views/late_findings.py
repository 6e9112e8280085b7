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


@login_required
def late_findings(request: HttpRequest) -> HttpResponse:
    """The supervisor reads everybody's, an officer the own."""
    asked = request.GET
    officer, code, month = whole(asked.get("officer")), asked.get("code", "")[:30], _month(asked.get("month"))
    rows = late_defects.narrowed(late_defects.late_findings(request.user), officer=officer, code=code, month=month)
    page = Paginator(rows, ROWS_A_PAGE).get_page(asked.get("page"))
    labels = dict(LateCode.objects.values_list("code", "label"))
    context = {
        "counts": late_defects.counted(request.user),
        "page": page,
        "rows": [_line(row, labels) for row in page],
        "narrowed": officer is not None or bool(code) or month is not None,
        "everybody": can_city(request.user, "see_all_late_findings"),
    }
    return render(request, "evaluation/late_findings.html", context)


def _line(row: Any, labels: dict[str, str]) -> tuple[Any, str, str]:
    """A finding, the name of its place, its reason in words."""
    place = findings.places(row.application).get((row.kind, row.place), row.place)
    return row, gettext(place), gettext(labels.get(row.late_code, row.late_code))
