"""The page of how far the worker has come with the certificates of a day."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from evaluation import certifying
from evaluation.permissions import may_see_queue
from portal.machine import NotAllowed

PAGE, NEWEST = 30, 20


@login_required
def certificates_progress(request: HttpRequest) -> HttpResponse:
    """How many wait, were made, failed; it shows itself anew while something waits."""
    if not may_see_queue(request.user):
        raise NotAllowed("certificates.progress")
    today = timezone.localdate()
    page = Paginator(certifying.failed(request.user), PAGE).get_page(request.GET.get("page"))
    context = {
        "progress": certifying.progress(request.user, today), "page": page, "today": today,
        "made": list(certifying.made(request.user, today)[:NEWEST]),
    }  # fmt: skip
    return render(request, "evaluation/certificates_progress.html", context)
