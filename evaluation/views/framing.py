"""What every page of an application shares: fetching is authorising, the tabs, where a problem is mended, saving by fetch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from communities.sheets import PERMIT_DATES
from evaluation.filing import Open, open_findings, open_places
from evaluation.models import Application
from evaluation.outbox import waits_for_message
from evaluation.permissions import acting_for, can, visible_to
from evaluation.snapshot import design_of
from evaluation.workflow import APPLICATION
from portal.forms import wants_json as wants_json
from portal.problems import Problem, gettext_noop

SUBMITS = ("submit", "resubmit", "submit_revision")


def fetch(request: HttpRequest, pk: int) -> Application:
    """The application if this person may see it, else 404."""
    rows = visible_to(request.user).with_case()
    return get_object_or_404(rows, pk=pk)


def may_edit(request: HttpRequest, application: Application) -> bool:
    return can(request.user, "edit", application)


def places_open(request: HttpRequest, application: Application) -> Open:
    """What this person may edit now; nothing where they may not edit at all."""
    return open_places(application) if may_edit(request, application) else Open(everything=False)


def findings_open(application: Application, kind: str = "") -> list[Any]:
    """What the notice says, while it is open: everything, or about places of one kind."""
    if application.state not in ("correction", "revision"):
        return []
    found = open_findings(application)
    return list(found.filter(kind=kind) if kind else found)


def submit_act(request: HttpRequest, application: Application) -> Any:
    """The transition by which this person hands the application in now, or None."""
    rows = APPLICATION.available(application, request.user)
    return next((row for row in rows if row.action in SUBMITS), None)


def frame(request: HttpRequest, application: Application, current: str) -> dict[str, Any]:
    """The context of every page of one application: itself, its tabs, whether this person may edit it."""
    edits = may_edit(request, application)
    tabs = [
        ("application", _("概况")),
        ("application-data", _("基本信息")),
        ("application-documents", _("申报材料")),
        ("application-items", _("自评")),
        ("evidence", _("佐证")),
    ]
    if edits:
        tabs.append(("application-submit", _("检查与提交")))
    if application.correction_round or application.state == "revision":
        tabs += [("application-correction", _("补正"))] if can(request.user, "read_correction", application) else []
    if application.rule.needs_certificate_of and design_of(application):
        tabs.append(("application-comparison", _("与设计评价对照")))
    if application.version:
        tabs.append(("application-versions", _("提交版本")))
    return {
        "application": application,
        "following": _following(application, current) if edits else None,
        "project": application.project,
        "edits": edits,
        "awaits": waits_for_message(application),
        "acting": acting_for(request.user, application.project),
        "tabs": [(reverse(name, args=[application.pk]), label, name == current) for name, label in tabs],
    }


# The order in which the form is filled in: page -> the next one and its name.
ORDER: Mapping[str, tuple[str, str]] = {
    "application-data": ("application-documents", gettext_noop("申报材料")),
    "application-documents": ("application-items", gettext_noop("自评")),
    "application-items": ("evidence", gettext_noop("佐证")),
    "evidence": ("application-submit", gettext_noop("检查与提交")),
}


def _following(application: Application, current: str) -> tuple[str, str] | None:
    """Where the form goes on after this page: (address, name); in a correction always back to the list of points."""
    if current not in ORDER:
        return None
    name, label = ORDER[current] if application.state == "draft" else ("application-correction", gettext_noop("补正"))
    return reverse(name, args=[application.pk]), _(label)


def address_of(application: Application, place: str) -> str:
    """Where on the applicant's pages the thing that a problem names is mended; "" where no page mends it."""
    form = application.standard
    if form.has_item(place):
        return f"{reverse('application-items', args=[application.pk])}#item-{place}"
    if place in {document.code for document in form.stage(application.stage).documents}:
        return f"{reverse('application-documents', args=[application.pk])}#document-{place}"
    if place == "target_level" or place in PERMIT_DATES:
        return f"{reverse('application-data', args=[application.pk])}#id_{place}"
    if place in ("organisation", "credit_code"):
        return reverse("organisation", args=[application.project.organisation_id])
    pages = {"evidence": reverse("evidence", args=[application.pk])}
    case = {"community", "project", "guidance"}
    return reverse("project", args=[application.project_id]) if place in case else pages.get(place, "")


def whole(text: str | None) -> int | None:
    """The number that at most nine digits denote; None for anything else: nobody saves as often as that."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else None


def saved_json(revision: int, **more: Any) -> JsonResponse:
    """What a script is told after a save. saved_at: HH:MM, local."""
    moment = timezone.localtime()
    return JsonResponse({"saved_at": f"{moment:%H:%M}", "revision": revision, "problems": [], **more})


def refused_json(problems: Iterable[Problem], **more: Any) -> JsonResponse:
    """What a script is told when nothing was saved: 409 where another saved first, else 422."""
    rows = list(problems)
    status = 409 if any(problem.code == "changed" for problem in rows) else 422
    found = [problem.as_json(gettext) for problem in rows]
    return JsonResponse({"saved_at": None, "problems": found, **more}, status=status)
