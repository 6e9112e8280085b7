"""Turns the domain's refusals into pages: 403 for a wrong person, 409 for a case that moved, 422 for what was not caught,
429 for who tries too often.

Also refuses bodies and addresses that are longer than anybody means, and NUL in addresses and forms, which no text column
of PostgreSQL keeps and no field of ours means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext

from portal import kept
from portal.attempts import TooMany
from portal.forms import wants_json
from portal.machine import NotAllowed, Stale
from portal.problems import Problem, Refused, gettext_noop

LONGEST_QUERY = 8000  # characters behind the question mark; SQLite breaks where a search is longer than 50,000 bytes
TOO_LONG = Problem("too_long", "", gettext_noop("网址中的查询内容过长，请缩短后再试。"))
TOO_LARGE = gettext_noop("一次提交的内容合计不得超过 %(most)s MB，没有接收；请减少或压缩文件后再试。")
PIECES = "/api/v1/uploads/"
SIGNED_OUT = Problem("signed_out", "", gettext_noop("登录已过期，尚未保存；内容已暂存在本机。"))
ANOTHER_PERSON = Problem(
    "another_person", "", gettext_noop("没有保存：这一页是另一个账号打开的，现在登录的不是同一人，请用原来的账号登录。")
)


def asks_to_sign_in(response: HttpResponse) -> bool:
    """Whether a view sent somebody away to sign in first."""
    return response.status_code == 302 and urlsplit(response["Location"]).path == resolve_url(settings.LOGIN_URL)


def refusal(problem: Problem, status: int) -> JsonResponse:
    """What a script is told, in the shape of every refusal."""
    return JsonResponse({"problems": [problem.as_json(gettext)]}, status=status)


def most_megabytes() -> int:
    """What one request may bring along: the largest file, or all files of an objection, and the words around them."""
    return max(settings.MAX_UPLOAD_MEGABYTES, settings.MAX_OBJECTION_MEGABYTES) + 10


def is_too_large(request: HttpRequest) -> bool:
    """Whether a body is announced that no form of ours sends: refused before a byte of it is read or kept."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    piece = request.path.startswith(PIECES)  # bounded by itself
    return not piece and length.isdecimal() and int(length[:18]) > most_megabytes() * 1024 * 1024


class RefusalMiddleware:
    """One place for what a page could not show beside its fields."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_too_large(request):
            return self._too_large(request)
        response = self.get_response(request)
        if not asks_to_sign_in(response):
            return response
        return refusal(SIGNED_OUT, 401) if wants_json(request) else kept.sign_in_first(request) or response

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *asked: Any) -> HttpResponse | None:
        if len(request.META.get("QUERY_STRING", "")) > LONGEST_QUERY:
            return self._too_long(request, view)
        # The API reads bodies by itself, and its fields refuse NUL.
        said = [request.GET] if getattr(view, "csrf_exempt", False) else [request.GET, request.POST]
        texts = [request.path, *(text for fields in said for name in fields for text in (name, *fields.getlist(name)))]
        if any("\x00" in text for text in texts):
            sentences = [gettext("请求中含有不能保存的字符（NUL）。")]
            return render(request, "422.html", {"sentences": sentences}, status=400)
        person = request.POST.get("person") if len(said) == 2 and request.user.is_authenticated else None
        return self._another_person(request) if person and person != str(request.user.pk) else None

    def _too_long(self, request: HttpRequest, view: Callable[..., Any]) -> HttpResponse:
        if wants_json(request) or getattr(view, "csrf_exempt", False):
            return refusal(TOO_LONG, 414)
        return render(request, "422.html", {"sentences": [TOO_LONG.text(gettext)]}, status=414)

    def _too_large(self, request: HttpRequest) -> HttpResponse:
        problem = Problem("too_large", "", TOO_LARGE, {"most": most_megabytes()})
        if request.path.startswith("/api/") or wants_json(request):
            return refusal(problem, 413)
        return render(request, "422.html", {"sentences": [problem.text(gettext)]}, status=413)

    def _another_person(self, request: HttpRequest) -> HttpResponse:
        """A page that one person opened is sent while another is signed in: what the first typed is not the other's."""
        if wants_json(request):
            return refusal(ANOTHER_PERSON, 401)
        return render(request, "422.html", {"sentences": [ANOTHER_PERSON.text(gettext)]}, status=409)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, NotAllowed):
            return render(request, "403.html", status=403)
        if isinstance(error, Stale):
            return render(request, "409.html", {"last": error.last}, status=409)
        if isinstance(error, Refused):
            sentences = [problem.text(gettext) for problem in error.problems]
            return render(request, "422.html", {"sentences": sentences}, status=422)
        if isinstance(error, TooMany):
            response = render(request, "422.html", {"sentences": [error.problem.text(gettext)]}, status=429)
            response["Retry-After"] = str(error.seconds)
            return response
        return None
