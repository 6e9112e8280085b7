"""A signed sheet as the paper that is filed."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header

from evaluation import sheets
from evaluation.workflow import ASSIGNMENT
from portal.machine import NotAllowed


@login_required
def sheet_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The PDF of a signed sheet, with its SHA-256."""
    row = get_object_or_404(ASSIGNMENT.visible_to(request.user), pk=pk)
    if not sheets.may_read_signed(request.user, row):
        raise NotAllowed("sheet")
    response = HttpResponse(sheets.sheet_pdf(row), content_type="application/pdf")
    name = f"{row.application.project.number}-{row.review_round}-{row.seat}.pdf"
    response["Content-Disposition"] = content_disposition_header(False, name)
    return response
