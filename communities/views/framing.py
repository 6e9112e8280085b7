"""What the pages of forms share: trying what was sent, telling what was done, going on to where somebody wanted to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header, url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from communities.forms import CommunityForm, RowsForm
from communities.models import Organisation
from communities.permissions import can, visible_to
from portal import files, kept
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.problems import Refused

Rows = TypeVar("Rows", bound=RowsForm)


def next_of(request: HttpRequest) -> str:
    """Where the person wanted to go, if it is a page of ours; else ""."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else ""


def refilled(request: HttpRequest, form: Rows) -> Rows:
    """The form with what was typed into it before the session ended."""
    found = kept.typed(request)
    if found is not None:
        form.refill(found)
        words = _("刚才登录已过期，内容没有保存；已为您填回，请核对后保存。")
        if form.is_multipart():
            words = _("刚才登录已过期，内容没有保存；已为您填回，请核对后保存。选过的文件须重新选择。")
        messages.warning(request, words)
    return form


def tried(form: BaseForm, keep: Callable[[], Any]) -> bool:
    """Do ``keep`` with what a filled-in form holds; what refuses it stands beside the fields. True when it was done."""
    if not form.is_bound or not form.is_valid():
        return False
    try:
        keep()
    except Refused as refused:
        if isinstance(form, CommunityForm):
            form.ask(refused.problems)
        add_problems(form, refused.problems)
        return False
    return True


def page(request: HttpRequest, template: str, form: BaseForm, **context: Any) -> HttpResponse:
    """The page of one form: 422 where what was sent stands corrected in it."""
    return render(request, template, {"form": form, **context}, status=422 if form.is_bound else 200)


def told(request: HttpRequest, act: Callable[[], Any], done: str) -> bool:
    """Do ``act`` and say so on the next page, or why not. True when it was done."""
    try:
        act()
    except Refused as refused:
        for problem in refused.problems:
            messages.error(request, problem.text(_))
        return False
    messages.success(request, done)
    return True


def permitted(request: HttpRequest, pk: int, right: str) -> Organisation:
    """The unit, if it is visible (else 404) and ``right`` holds (else 403)."""
    obj = get_object_or_404(visible_to(request.user), pk=pk)
    if not can(request.user, right, obj):
        raise NotAllowed(right)
    return obj


def workbook(content: bytes, title: str) -> HttpResponse:
    """Answer with a workbook that was made just now, under its title."""
    response = HttpResponse(content, content_type=files.KINDS["xlsx"].types[".xlsx"])
    response["Content-Disposition"] = content_disposition_header(True, f"{title}.xlsx") or ""
    return response
