"""The page on which a decision can be computed again: in short words, with the receipt and the program beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from evaluation import decision_receipts, explaining
from evaluation.models import Application, Result
from evaluation.scoring.receipts import canonical_bytes
from evaluation.views.framing import fetch
from evaluation.views.standards import rules


def _decided(request: HttpRequest, pk: int) -> tuple[Application, Result]:
    application = fetch(request, pk)
    result = decision_receipts.decided(request.user, application)
    if result is None:
        raise Http404
    return application, result


@login_required
def decision(request: HttpRequest, pk: int) -> HttpResponse:
    """What was decided and why, and how anyone computes it again in three steps."""
    application, result = _decided(request, pk)
    made = decision_receipts.receipt_of(application, result)
    content = canonical_bytes(made)
    context = {
        "application": application,
        "receipt": made,
        "about": made["about"],
        "standard": application.project.standard,
        "summary": explaining.summary(application, result),
        "sheets": [_row(sheet) for stage in made["stages"].values() for sheet in stage["sheets"]],
        "rules": list(rules(application.standard)),
        "name": decision_receipts.file_name(application, result),
        "size": len(content),
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "departures": list(decision_receipts.departures(application, made)),
    }
    return render(request, "evaluation/decision.html", context)


def _row(sheet: Mapping[str, Any]) -> tuple[str, bool, int, int]:
    """One sheet on the page: role, whether it leads, items marked, items there are."""
    marks = sheet["marks"].values()
    return sheet["scorer"], sheet["leader"], sum(mark is not None for mark in marks), len(marks)


@login_required
def decision_receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """The receipt as the one file that can be recomputed."""
    application, result = _decided(request, pk)
    return receipt_file(
        decision_receipts.receipt_bytes(application, result), decision_receipts.file_name(application, result)
    )


def receipt_file(content: bytes, name: str) -> HttpResponse:
    """A receipt to keep; no browser keeps it by itself."""
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "private, no-store"
    return response
