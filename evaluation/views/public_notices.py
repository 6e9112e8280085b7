"""Public notices for everybody: the list, one notice with its versions and replies, and the correction of a mistyped fact.

Every page reads published copies (versions, replies), never the case behind them; officers who are signed in get their acts
on top.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from communities.permissions import city_duties
from evaluation import disclosing, drawing, notice_versions, replying
from evaluation.models import NoticeVersion, PublicNotice
from evaluation.permissions import objections_visible_to
from evaluation.views.feeds import notice_in_words
from evaluation.views.public import qr
from portal import accounts, attempts, clock, conditional
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.problems import Refused

PAGE = 20
LONGEST = 200  # characters of a hash as somebody types it
LAST_NUMBER = 2**31 - 1  # of a version
# Of the case behind a notice only keys: what it says was copied when it was published.
NOTICES = PublicNotice.objects.select_related("result", "application__project").only(
    *(field.name for field in PublicNotice._meta.concrete_fields), "application__id", "application__project__community",
    "result__application", "result__review_round",
)  # fmt: skip
FACT_NAMES = {
    "community": _("小区"), "address": _("地址"), "organisation": _("申报单位"), "floor_area": _("总建筑面积"),
    "households": _("户数"), "buildings": _("楼栋数"),
}  # fmt: skip


@conditional.public
def notices(request: HttpRequest) -> HttpResponse:
    """All notices, newest first; those still running carry their deadline."""
    words = request.GET.get("q", "").strip()[:60]
    rows = PublicNotice.objects.all()
    if words:
        rows = rows.filter(Q(number__icontains=words) | Q(figures__community__icontains=words))
    context = {
        "rows": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "q": words,
        "today": timezone.localdate(),
    }
    return render(request, "evaluation/notices.html", context)


@conditional.public
def notice(request: HttpRequest, pk: int) -> HttpResponse:
    """One notice as its newest version says it, how to object, and for officers the objections they handle."""
    return _page(request, get_object_or_404(NOTICES, pk=pk), None)


@conditional.public
def notice_version(request: HttpRequest, pk: int, version: int) -> HttpResponse:
    """One version of a notice as it was published; its address stays."""
    if version > LAST_NUMBER:
        raise Http404
    return _page(request, get_object_or_404(NOTICES, pk=pk), version)


def _page(request: HttpRequest, row: PublicNotice, number: int | None) -> HttpResponse:
    versions = notice_versions.chain(row)
    shown = next((one for one in versions if number in (None, one.version)), None)
    if shown is None:
        raise Http404
    paper = request.GET.get("hash", "")[:LONGEST]
    draw = disclosing.drawn_for(row.result, "review_round")
    handles = bool(city_duties(request.user))
    context = {
        "notice": row,
        "figures": shown.figures,
        "running": row.is_running(timezone.localdate()),
        "days": clock.calendar().workdays_between(row.opened_on, row.closes_on),
        "draw": draw,
        "opened": shown.figures.get("opened", []),
        "earlier": drawing.earlier(row.application, draw).defer("frozen", "identities") if draw else [],
        "description": notice_in_words(row),
        "qr": qr(f"{settings.SITE_URL}{row.get_absolute_url()}?hash={shown.sha256}"),
        "objections": objections_visible_to(request.user).filter(notice=row) if handles else [],
        "shown": shown,
        "asked": number,
        "newest": versions[0],
        "versions": [{"row": one, "changes": _changes(one, versions)} for one in versions],
        "is_whole": notice_versions.is_whole(versions),
        "paper": paper,
        "paper_version": notice_versions.version_of_paper(versions, paper),
        "may_correct": handles and notice_versions.may_correct(request.user, row),
        "replies": replying.published(row),
    }
    return render(request, "evaluation/notice.html", context)


def _changes(shown: NoticeVersion, versions: list[NoticeVersion]) -> list[dict[str, Any]]:
    """What a version says otherwise than the one before it, in the words of the page."""
    before = next((row for row in versions if row.version == shown.version - 1), None)
    found = notice_versions.changes(before, shown) if before else []
    return [{"name": FACT_NAMES[row.name], "before": row.before, "after": row.after} for row in found]


class CorrectionForm(forms.Form):
    """What of a published notice was mistyped. What is legal is decided by ``notice_versions.correct``."""

    community = forms.CharField(label=FACT_NAMES["community"], max_length=80)
    address = forms.CharField(label=FACT_NAMES["address"], max_length=200)
    organisation = forms.CharField(label=FACT_NAMES["organisation"], max_length=120)
    floor_area = forms.CharField(label=_("总建筑面积（平方米）"), max_length=13)
    households = forms.CharField(label=FACT_NAMES["households"], max_length=8)
    buildings = forms.CharField(label=FACT_NAMES["buildings"], max_length=8)
    reason = forms.CharField(
        label=_("更正理由"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("随更正一并公开。")
    )
    password = forms.CharField(
        label=_("当前密码"), strip=False, max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    read = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)


@login_required
def notice_correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Correct a mistyped fact of a published notice: another version, with its reason, beside the ones before."""
    row = get_object_or_404(PublicNotice.objects.select_related("application__project"), pk=pk)
    if not notice_versions.may_correct(request.user, row):
        raise NotAllowed(notice_versions.RIGHT)
    last = notice_versions.newest(row)
    now = {name: last.figures.get(name) for name in notice_versions.CORRECTABLE}
    form = CorrectionForm(request.POST or None, initial={**now, "read": last.sha256})
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        facts = {name: said[name] for name in notice_versions.CORRECTABLE}
        try:
            confirmed = accounts.confirm(request.user, said["password"])
            notice_versions.correct(request.user, row, facts, said["reason"], confirmed, said["read"])
        except Refused as refused:
            add_problems(form, refused.problems)
        except attempts.TooMany as many:
            add_problems(form, [many.problem])
        else:
            messages.success(request, gettext("已更正：%(number)s。") % {"number": row.number})
            return redirect(row)
    status = 422 if request.method == "POST" else 200
    return render(request, "evaluation/notice_correct.html", {"notice": row, "form": form}, status=status)
