"""Turns the domain's refusals into pages: 403 for a wrong person, 409 for a case that moved, 422 for what was not caught.

Also refuses NUL in addresses and forms, which no text column of PostgreSQL keeps and no field of ours means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from portal.machine import NotAllowed, Stale
from portal.problems import Refused


class RefusalMiddleware:
    """One place for what a page could not show beside its fields."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *asked: Any) -> HttpResponse | None:
        # The API reads bodies by itself, and its fields refuse NUL.
        said = [request.GET] if getattr(view, "csrf_exempt", False) else [request.GET, request.POST]
        texts = [request.path, *(text for fields in said for name in fields for text in (name, *fields.getlist(name)))]
        if not any("\x00" in text for text in texts):
            return None
        sentences = [gettext("请求中含有不能保存的字符（NUL）。")]
        return render(request, "422.html", {"sentences": sentences}, status=400)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, NotAllowed):
            return render(request, "403.html", status=403)
        if isinstance(error, Stale):
            return render(request, "409.html", {"last": error.last}, status=409)
        if isinstance(error, Refused):
            sentences = [problem.text(gettext) for problem in error.problems]
            return render(request, "422.html", {"sentences": sentences}, status=422)
        return None
