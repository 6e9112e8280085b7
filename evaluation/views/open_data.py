"""Open data for everybody: the page that lists the files with their dictionary, and the files themselves."""

from __future__ import annotations

from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import http_date

from evaluation import open_data
from evaluation.permissions import can_city
from portal import conditional, files


@conditional.public
def page(request: HttpRequest) -> HttpResponse:
    """The newest set, the dictionary of its columns, the days before."""
    whole = open_data.newest()
    context = {
        "whole": whole,
        "datasets": list(open_data.by_dataset(whole)) if whole else [],
        "earlier": open_data.sets().exclude(pk=whole.pk) if whole else [],
        "failed": can_city(request.user, "see_settings") and open_data.has_failed(),
        "licence": whole.licence if whole else open_data.licence_text(),
    }
    return render(request, "evaluation/open_data.html", context)


def latest_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """A file of the newest set, at an address that stays the same."""
    return _sent(request, name, None)


def day_file(request: HttpRequest, day: str, name: str) -> HttpResponseBase:
    """A file of the set of one day."""
    try:
        return _sent(request, name, date.fromisoformat(day))
    except ValueError as error:
        raise Http404 from error


def _sent(request: HttpRequest, name: str, day: date | None) -> HttpResponseBase:
    row = open_data.file_of(name, day)
    if row is None:
        raise Http404
    response = files.send(
        row.file,
        name=f"{row.whole.day.isoformat()}-{row.name}",
        content_type=open_data.KINDS[row.kind],
        inline=False,
        request=request,
        sha256=row.sha256,
    )
    response["Last-Modified"] = http_date(row.whole.made_at.timestamp())
    # Everybody's: also programs in other people's pages may read it, and any cache may keep it if it asks.
    response["Cache-Control"] = "public, no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
