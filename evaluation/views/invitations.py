"""The page behind the link in the e-mail of an invitation: what to consider, and the answer, without signing in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from evaluation import answering, refusing
from evaluation.models import Assignment
from evaluation.views.acting import PageActForm
from evaluation.workflow import ASSIGNMENT
from portal import attempts
from portal.forms import add_problems
from portal.machine import NotAllowed, Stale
from portal.problems import Refused


@never_cache
def invitation_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows and changes nothing, so that whatever reads e-mails may open it; POST answers, once."""
    counted = attempts.take(attempts.links(), attempts.address_of(request))
    try:
        seat = answering.seat_at(token, request.user)
    except answering.Unknown:
        sentence = _(
            "没有找到这份邀请：链接可能不完整，或者不是发给您的。请使用邮件中的完整链接，或登录后在“我的待办”中答复。"
        )
        return _closed(request, sentence, 404)
    except answering.Ended as ended:
        attempts.give_back(counted)
        return _closed(request, ended.problem.text(_), 410)
    attempts.give_back(counted)
    forms = _forms(request, seat)
    if request.method != "POST":
        return _page(request, seat, forms)
    return _answered(request, seat, forms)


def _closed(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    return render(request, "evaluation/invitation_closed.html", {"sentence": sentence}, status=status)


def _forms(request: HttpRequest, seat: Assignment) -> dict[str, PageActForm]:
    """action -> its form; the one that was sent is bound."""
    expert, sent = seat.expert.user, request.POST.get("action") if request.method == "POST" else None
    return {
        row.action: PageActForm(row, seat, expert, request.POST if row.action == sent else None)
        for row in ASSIGNMENT.available(seat, expert)
        if row.action in answering.ANSWERS
    }


def _answered(request: HttpRequest, seat: Assignment, forms: dict[str, PageActForm]) -> HttpResponse:
    action = request.POST.get("action", "")
    form = forms.get(action)
    if form is None:
        raise NotAllowed(action)
    if not form.is_valid():
        return _page(request, seat, forms, 422)
    try:
        answering.answer(seat, action, **form.cleaned_data)
    except Refused as refused:
        add_problems(form, refused.problems)
        return _page(request, seat, forms, 422)
    except Stale:
        return _closed(request, _(answering.ENDED["answered"]), 410)
    return render(request, "evaluation/invitation_closed.html", {"sentence": _told(action), "done": True})


def _told(action: str) -> str:
    return {
        "accept": _("您已接受评审邀请。请登录后查看申报材料。"),
        "decline": _("您已谢绝评审邀请。"),
        "recuse": _("您已申明回避。"),
    }[action]


def _page(request: HttpRequest, seat: Assignment, forms: Any, status: int = 200) -> HttpResponse:
    application = seat.application
    context = {
        "assignment": seat,
        "application": application,
        "engagements": application.project.engaged,
        "field": application.standard.domains.get(seat.field, _("不限专业")),
        "acts": forms,
        "refusals": refusing.standing_of(seat.expert, timezone.localdate()),
    }
    return render(request, "evaluation/invitation_link.html", context, status=status)
