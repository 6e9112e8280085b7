"""The panel's visit on site as a page for the telephone: checklist, photos, signatures, and the paper that comes of it.

Hides: that the same forms are sent by a script that keeps them while there is no line, and told in JSON what became of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from evaluation import site, site_checklist, site_paper, site_photos, site_signing
from evaluation.models import Application, Photo, SiteFinding, SiteSignature, SiteVisit
from evaluation.permissions import can, roles_of
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import fetch, refused_json, saved_json
from evaluation.views.photos import DATE, PhotoForm
from evaluation.workflow import APPLICATION
from portal import accounts, files
from portal.attempts import TooMany
from portal.forms import add_problems, wants_json
from portal.machine import NotAllowed
from portal.problems import Refused

FINISH = ("finish_site_visit",)
KEY_LENGTH = 36
HIDDEN = forms.HiddenInput


class Sent(forms.Form):
    """What a script adds to every form: which save this is, on which it builds, and when it was made."""

    save_key = forms.CharField(max_length=KEY_LENGTH, required=False, widget=HIDDEN)
    after = forms.CharField(max_length=KEY_LENGTH, required=False, widget=HIDDEN)
    said_at = forms.CharField(max_length=30, required=False, widget=HIDDEN)

    def moment(self) -> datetime | None:
        """When it was made by the sender's own clock, if that says so in UTC."""
        text = self.cleaned_data["said_at"]
        try:
            return datetime.fromisoformat(text) if site.SAID["at"].fullmatch(text) else None
        except ValueError:
            return None

    def builds_on(self) -> str | None:
        return self.cleaned_data["after"] if "after" in self.data else None


class RecordForm(Sent):
    """What the visit was."""

    visited_on = forms.DateField(label=_("核查日期"), widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    summary = forms.CharField(label=_("核查情况"), widget=forms.Textarea(attrs={"rows": 4}), max_length=5000)


class SiteFindingForm(Sent):
    """What was seen of one line; without a line a new one of one's own, or something to be looked at."""

    line = forms.CharField(max_length=60, required=False, widget=HIDDEN)
    item_code = forms.ChoiceField(label=_("条目"), required=False)
    seen = forms.ChoiceField(
        label=_("所见结果"),
        choices=[*SiteFinding.Seen.choices, ("", _("先列入清单，到现场查看"))],
        required=False,
        widget=forms.RadioSelect,
    )
    text = forms.CharField(label=_("所见"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)

    def __init__(self, application: Application, data: Any = None, item: str = "") -> None:
        super().__init__(data, initial={"item_code": item, "seen": "agrees"})
        groups = [
            (f"{chapter.num} {chapter.name}", [(item.code, f"{item.code} {item.name}") for item in items])
            for chapter in application.standard.chapters
            if (items := list(chapter.items(application.stage)))
        ]
        self.fields["item_code"].choices = [("", _("不属于某一条")), *groups]

    def said(self) -> site.Said:
        told = self.cleaned_data
        line = told["line"] or f"{'own' if told['seen'] else 'doubt'}:{site.new_key()}"
        after = self.builds_on()
        return site.Said(
            line, told["text"], told["seen"], told["item_code"], None, after, told["save_key"], self.moment()
        )


class SignForm(Sent):
    """A signature: the name typed, and the strokes drawn or the password."""

    side = forms.CharField(max_length=10, required=False, widget=HIDDEN)
    content_sha256 = forms.CharField(max_length=64, required=False, widget=HIDDEN)
    strokes = forms.CharField(max_length=200_000, required=False, widget=HIDDEN)
    name = forms.CharField(label=_("签字人姓名"), max_length=60, help_text=_("请键入本人姓名。"))
    title = forms.CharField(label=_("职务"), max_length=60, required=False)
    password = forms.CharField(
        label=_("当前密码"), required=False, strip=False, help_text=_("不手写时，输入密码代替手写签名。"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    consents = forms.BooleanField(label=_("签字人已阅读并同意以上说明"), required=False)

    def __init__(self, side: str, data: Any = None, **initial: Any) -> None:
        super().__init__(data, initial={**initial, "side": side}, auto_id=f"sign-{side or 'own'}-%s")
        for name in ("password",) if side == "applicant" else ("title", "consents"):
            del self.fields[name]

    def signing(self, by: Any) -> site_signing.Signing:
        """What it says. Raises Refused for a wrong password."""
        told, confirmed = self.cleaned_data, None
        strokes = self.drawn()
        if not strokes and told.get("password"):
            confirmed = accounts.confirm(by, told["password"])
        return site_signing.Signing(
            told["name"], told.get("title", ""), told["side"], strokes, confirmed, bool(told.get("consents")),
            told["content_sha256"], told["save_key"], self.moment(),
        )  # fmt: skip

    def drawn(self) -> Any:
        """The strokes as they were sent; what is no list of strokes is refused by the domain."""
        try:
            return json.loads(self.cleaned_data["strokes"] or "[]")
        except (ValueError, RecursionError):
            return [[]]


# --- the page -----------------------------------------------------------------------------------------------------


def _visit(application: Application) -> SiteVisit:
    rows = SiteVisit.objects.select_related("expert_signed_by", "applicant_signed_by")
    visit = get_object_or_404(rows, application=application, review_round=application.review_round)
    visit.application = application
    return visit


@login_required
def site_visit(request: HttpRequest, pk: int) -> HttpResponse:
    """The record of the visit: written by the panel, signed by both sides, finished by the leader.

    ``?fragment=state`` answers in JSON with what the portal has of this person's photos.
    """
    application = fetch(request, pk)
    if request.GET.get("fragment") == "state":
        return _state(request, application)
    acts = act_forms(request, APPLICATION, application, FINISH)
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, FINISH):
            return redirect(application)
        return _page(request, fetch(request, pk), {"acts": acts}, status=422)
    return _page(request, application, {"acts": acts})


def _state(request: HttpRequest, application: Application) -> HttpResponse:
    visit = _visit(application)
    coming = {
        key: {
            "address": reverse("api-upload", args=[row.pk]),
            "state": row.state,
            "problems": [problem.text(gettext) for problem in site_photos.problems_of(row)],
        }
        for key, row in site_photos.coming(request.user, application).items()
    }
    photos = list(visit.photos.order_by("pk").values_list("key", flat=True))
    return JsonResponse({"person": request.user.pk, "photos": photos, "coming": coming})


def _page(request: HttpRequest, application: Application, given: Mapping[str, Any], status: int = 200) -> HttpResponse:
    visit = _visit(application)
    user, names = request.user, can(request.user, "see_panel", application)
    lines = site_checklist.checklist(application, visit)
    last = visit.findings.filter(line=site.RECORD).order_by("-number").first()
    initial = {"visited_on": visit.visited_on or timezone.localdate(), "summary": visit.summary}
    context = {
        "application": application,
        "visit": visit,
        "acts": act_forms(request, APPLICATION, application, FINISH),
        "may_name": names,
        "may_record": can(user, "record_site_visit", application),
        "missing": _missing(application, visit),
        "lines": lines,
        "answered": sum(line.last is not None for line in lines),
        "photos": visit.photos.select_related("withdrawn_by").order_by("pk"),
        "record_key": last.save_key if last else "",
        "record_form": RecordForm(initial=initial, auto_id="id_%s"),
        "finding_form": SiteFindingForm(application, item=request.GET.get("item", "")),
        "photo_form": PhotoForm(),
        "seen_choices": SiteFinding.Seen.choices,
        "paper": site_paper.may_read(user, application) and bool(visit.summary),
        "person": user.pk,
        **_signing(request, application, visit, names),
        **given,
    }
    return render(request, "evaluation/site_visit.html", context, status=status)


def _missing(application: Application, visit: SiteVisit) -> list[str]:
    if application.state != "site_visit":
        return []
    return [problem.text(gettext) for problem in site.unsigned(visit)]


def _signing(request: HttpRequest, application: Application, visit: SiteVisit, names: bool) -> dict[str, Any]:
    """Both signatures and earlier ones, and the forms of those that this person may take."""
    digest = site_signing.sha256_of_content(visit)
    roles, may = roles_of(request.user, application), can(request.user, "sign_site_visit", application)
    own = SignForm("", content_sha256=digest) if may else None
    rows = [
        (row, site_signing.as_svg(row.strokes) if names or row.side == "applicant" else "")
        for row in visit.signatures.select_related("signed_by", "witness")
    ]
    sides = [
        (side, label, next((pair for pair in rows if pair[0].side == side and pair[0].voided_at is None), None))
        for side, label in SiteSignature.Side.choices
    ]
    return {
        "sides": sides,
        "void": [pair for pair in rows if pair[0].voided_at],
        "own_sign": own,
        "glass_sign": SignForm("applicant", content_sha256=digest) if may and "expert" in roles else None,
        "consent": application.rule.site_consent,
        "content_sha256": digest,
        "content": json.dumps(site_signing.content_of(visit), ensure_ascii=False),
    }


# --- what is written ----------------------------------------------------------------------------------------------


def _json_problems(form: forms.Form) -> HttpResponse:
    found = [
        {"code": "form", "place": name, "message": str(message)}
        for name, rows in form.errors.items()
        for message in rows
    ]
    return JsonResponse({"saved_at": None, "problems": found}, status=422)


@login_required
@require_POST
def site_visit_record(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep date and summary as the next version."""
    application = fetch(request, pk)
    form = RecordForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        said = site.Said(
            site.RECORD, told["summary"], "", "", told["visited_on"], form.builds_on(), told["save_key"], form.moment()
        )
        return _said(request, application, form, said, "record_form", "")
    if wants_json(request):
        return _json_problems(form)
    return _page(request, application, {"record_form": form}, status=422)


@login_required
@require_POST
def site_visit_finding(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what was seen of one line as its next version."""
    application = fetch(request, pk)
    form = SiteFindingForm(application, request.POST)
    if form.is_valid():
        said = form.said()
        return _said(request, application, form, said, "finding_form", f"#line-{said.line.replace(':', '-')}")
    if wants_json(request):
        return _json_problems(form)
    return _page(request, application, {"finding_form": form}, status=422)


def _said(
    request: HttpRequest, application: Application, form: forms.Form, said: site.Said, name: str, anchor: str
) -> HttpResponse:
    try:
        row = site.say(request.user, application, said)
    except Refused as refused:
        if wants_json(request):
            return refused_json(refused.problems, **refused.now)
        add_problems(form, refused.problems)
        return _page(request, application, {name: form}, status=422)
    if wants_json(request):
        return saved_json(row.number, save_key=row.save_key)
    return redirect(reverse("site-visit", args=[application.pk]) + anchor)


@login_required
@require_POST
def site_visit_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a photo that a form brings."""
    application = fetch(request, pk)
    form = PhotoForm(request.POST, request.FILES)
    if form.is_valid():
        taken = site.Taken(form.cleaned_data["caption"], request.POST.get("line", "")[:60])
        try:
            values = site.prepared_photo(request.user, form.cleaned_data["photo"], taken)
            site.keep_photo(request.user, application, values, taken)
            return redirect(reverse("site-visit", args=[pk]) + "#photos")
        except Refused as refused:
            add_problems(form, refused.problems)
    return _page(request, application, {"photo_form": form}, status=422)


@login_required
@require_POST
def site_visit_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a photo as withdrawn, with the reason; a script names it by its key."""
    application = fetch(request, pk)
    named = request.POST.get("photo", "")
    photo = get_object_or_404(Photo.objects.exclude(key=""), site_visit=_visit(application), key=named)
    try:
        site.withdraw_photo(request.user, application, photo, request.POST.get("reason", ""))
    except Refused as refused:
        if wants_json(request):
            return refused_json(refused.problems)
        sentences = [problem.text(gettext) for problem in refused.problems]
        return _page(request, application, {"sentences": sentences}, status=422)
    return saved_json(0) if wants_json(request) else redirect(reverse("site-visit", args=[pk]) + "#photos")


@login_required
@require_POST
def site_visit_sign(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the record for one's side, or let somebody of the applicant's sign on this telephone."""
    application = fetch(request, pk)
    side = "applicant" if request.POST.get("side") == "applicant" else ""
    form = SignForm(side, request.POST)
    if form.is_valid():
        try:
            site_signing.sign(request.user, application, form.signing(request.user))
        except Refused as refused:
            if wants_json(request):
                return refused_json(refused.problems, **refused.now)
            add_problems(form, refused.problems)
        except TooMany as many:
            add_problems(form, [many.problem])
        else:
            if wants_json(request):
                return saved_json(0)
            messages.success(request, gettext("已在核查记录上签字。"))
            return redirect(reverse("site-visit", args=[pk]) + "#signatures")
    if wants_json(request):
        return _json_problems(form)
    return _page(request, application, {"glass_sign" if side else "own_sign": form}, status=422)


# --- what comes of it ---------------------------------------------------------------------------------------------


@login_required
def site_visit_paper(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The record as a PDF, for whoever may know the panel."""
    application = fetch(request, pk)
    _visit(application)
    visit = site_paper.visits().get(application=application, review_round=application.review_round)
    if not site_paper.may_read(request.user, application) or not visit.summary:
        raise NotAllowed("site_visit_paper")
    visit = site_paper.paper_of(visit)
    return files.send(
        visit.paper, name=site_paper.file_name(visit), content_type="application/pdf", inline=True, request=request,
        sha256=visit.paper_sha256,
    )  # fmt: skip


def site_visit_worker(request: HttpRequest, pk: int) -> HttpResponse:
    """The script that keeps this page readable without a line; its address bounds what it may touch."""
    path = finders.find("js/scoring_worker.js")
    response = HttpResponse(Path(path).read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
