"""The expert pool as a list, as officers see it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from experts import pool, standing
from experts.forms import PoolFilter
from experts.permissions import can_pool, may_see_contacts, may_see_pool
from portal.machine import NotAllowed

PAGE_SIZE = 50


@login_required
def experts(request: HttpRequest) -> HttpResponse:
    """The pool, searched and page by page."""
    if not may_see_pool(request.user):
        raise NotAllowed("experts")
    form = PoolFilter(request.GET)
    form.is_valid()
    today = timezone.localdate()
    asked = form.cleaned_data
    wanted = [asked.get(name, "") for name in ("q", "field", "state")]
    rows = pool.search(today, *wanted)
    shown = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": shown,
        "columns": standing.columns_for(request.user, shown),
        "contacts": may_see_contacts(request.user),
        "narrowed": any(wanted),
        "sees_pins": can_pool(request.user, "see_pins"),
        "sees_admissions": can_pool(request.user, "see_admissions"),
        "sees_imports": can_pool(request.user, "see_imports"),
        "imports": can_pool(request.user, "import_experts"),
        "today": today,
    }
    return render(request, "experts/experts.html", context)
