"""Correction: the notice as a list of things to do, each with its answer. Versions: what was sealed, and what changed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import archive, filing, findings, snapshot
from evaluation.findings import places
from evaluation.merging import seen_text
from evaluation.models import Application, Finding
from evaluation.papers import concealed_from, without_claims
from evaluation.permissions import can
from evaluation.views.framing import address_of, fetch, frame, refused_json, saved_json, submit_act, wants_json
from evaluation.views.overtaken import decide, seen_in, typed_in
from evaluation.wording import ChangeGroup, changes_in_words
from portal.machine import NotAllowed
from portal.problems import Changed, Problem, Refused


@login_required
def application_correction(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything the applicant was told to mend, round by round; what is open now is answered here."""
    return _page(request, fetch(request, pk))


def _page(
    request: HttpRequest, row: Application, failed: int = 0, text: str = "", problems: tuple[Problem, ...] = ()
) -> HttpResponse:
    if not can(request.user, "read_correction", row):
        raise NotAllowed("read_correction")
    edits = can(request.user, "edit", row)
    now = set(filing.open_findings(row).values_list("pk", flat=True)) if edits and row.state != "draft" else set()
    groups = _changes(row) if now else []
    touched = {(KINDS[line.section], line.place) for group in groups for line in group.lines}
    labels = places(row)
    rows = [
        {
            "finding": finding,
            "title": gettext(labels.get((finding.kind, finding.place), finding.place)),
            "address": _address(row, finding),
            "reply": text if finding.pk == failed else finding.reply,
            "seen": seen_text({"reply": finding.reply}),
            "touched": (finding.kind, finding.place) in touched,
            "problems": problems if finding.pk == failed else (),
        }
        for finding in row.findings.filter(sent_at__isnull=False).order_by("-sent_at", "pk")
    ]
    todo = [entry for entry in rows if entry["finding"].pk in now]
    context = {
        **frame(request, row, "application-correction"),
        "todo": todo,
        "earlier": [entry for entry in rows if entry["finding"].pk not in now],
        "unanswered": sum(not entry["finding"].reply for entry in todo),
        "groups": groups,
        "round": findings.rounds_used(row),
        "rounds": row.terms.correction_rounds,
        "act": submit_act(request, row),
    }
    return render(request, "evaluation/application_correction.html", context, status=422 if problems else 200)


# section of a snapshot -> the kind of place that a finding names
KINDS = {
    "project": "data",
    "community": "data",
    "statements": "document",
    "documents": "document",
    "claims": "item",
    "evidence": "item",
}


def _changes(row: Application) -> list[ChangeGroup]:
    """What was changed since the version that the notice is about."""
    sealed = snapshot.latest(row)
    return changes_in_words(row, sealed.data, snapshot.build(row)) if sealed else []


def _address(row: Application, finding: Finding) -> str:
    return address_of(row, finding.place) or reverse("application-data", args=[row.pk])


@login_required
@require_POST
def finding_reply(request: HttpRequest, pk: int, finding: int) -> HttpResponse:
    """Keep the answer to one point of the notice."""
    row = fetch(request, pk)
    point = get_object_or_404(row.findings.filter(sent_at__isnull=False), pk=finding)
    point.application = row
    typed = typed_in(request)
    text = typed.get("reply", "")
    try:
        answered = findings.reply(request.user, point, text, seen=seen_in(typed))
    except Refused as refused:
        if wants_json(request):
            return refused_json(refused.problems, **refused.now)
        if isinstance(refused, Changed):
            address = reverse("finding-reply", args=[pk, point.pk])
            title, tab = point.text[:40], "application-correction"
            return decide(request, row, title, address, refused, lambda name, value: value, tab)
        return _page(request, row, point.pk, text, refused.problems)
    if wants_json(request):
        open_now = filing.open_findings(row).filter(reply="").count()
        return saved_json(0, seen=seen_text({"reply": answered.reply}), unanswered=open_now)
    messages.success(request, _("答复已保存。"))
    return redirect(f"{reverse('application-correction', args=[row.pk])}#finding-{point.pk}")


# --- versions -----------------------------------------------------------------------------------------------------


@login_required
def application_versions(request: HttpRequest, pk: int) -> HttpResponse:
    """Every sealed version, newest first, with its hash and what changed since the one before."""
    row = fetch(request, pk)
    versions = list(row.submissions.select_related("by").defer("data", "checks").order_by("-version"))
    context: dict[str, Any] = {
        **frame(request, row, "application-versions"),
        "versions": versions,
        "may_download": can(request.user, "download_snapshot", row),
    }
    return render(request, "evaluation/application_versions.html", context)


@login_required
def application_diff(request: HttpRequest, pk: int, old: int, new: int) -> HttpResponse:
    """What changed between two sealed versions, in words."""
    row = fetch(request, pk)
    before = get_object_or_404(row.submissions.select_related("by"), version=old)
    after = get_object_or_404(row.submissions.select_related("by"), version=new)
    concealed = concealed_from(request.user, row)
    groups = changes_in_words(row, without_claims(before.data, concealed), without_claims(after.data, concealed))
    context = {
        **frame(request, row, "application-versions"),
        "before": before,
        "after": after,
        "groups": groups,
        "count": sum(len(group.lines) for group in groups),
    }
    return render(request, "evaluation/application_diff.html", context)


@login_required
def snapshot_json(request: HttpRequest, pk: int, version: int) -> HttpResponse:
    """The canonical bytes of one sealed version: their SHA-256 is the one that was kept."""
    row = fetch(request, pk)
    sealed = get_object_or_404(row.submissions, version=version)
    if concealed_from(request.user, row):
        raise NotAllowed("download_snapshot")
    name = f"{row.project.number}-{row.stage}-v{sealed.version}.json"
    response = HttpResponse(snapshot.canonical(sealed.data), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_required
def snapshot_zip(request: HttpRequest, pk: int, version: int) -> HttpResponseBase:
    """One sealed version with all its files as one archive, sent as it is made."""
    row = fetch(request, pk)
    sealed = get_object_or_404(row.submissions.select_related("by"), version=version)
    if not can(request.user, "download_snapshot", row):
        raise NotAllowed("download_snapshot")
    sealed.application = row
    try:
        return archive.response(sealed)
    except Refused as refused:
        for problem in refused.problems:
            messages.error(request, problem.text(gettext))
        return redirect("application-versions", pk=row.pk)
