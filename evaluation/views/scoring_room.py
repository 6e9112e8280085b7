"""The expert's pages: the invitation, the scoring room, and the own sheet as it was signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import carrying, explaining, marking, snapshot, standard, wording
from evaluation.models import Assignment, SiteFinding
from evaluation.permissions import SEATED, assignment_roles, can, can_see_sheets
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import refused_json, saved_json, whole
from evaluation.views.proofs import PAGE_WIDTH, region_text
from evaluation.workflow import ASSIGNMENT
from portal.forms import act_links
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Problem, Refused

ANSWERS = ("accept", "decline", "recuse")


def _fetch(request: HttpRequest, pk: int) -> Assignment:
    rows = ASSIGNMENT.visible_to(request.user)
    return get_object_or_404(rows, pk=pk)


def _own(request: HttpRequest, pk: int) -> Assignment:
    """One's own assignment, once accepted: before, an expert sees no papers of the case."""
    assignment = _fetch(request, pk)
    if "invitee" not in assignment_roles(request.user, assignment) or assignment.state not in SEATED:
        raise NotAllowed("scoring")
    if assignment.state == "accepted" and assignment.review_round != assignment.application.review_round:
        raise NotAllowed("scoring")  # a seat of a draw that was given up
    return assignment


@login_required
def assignment(request: HttpRequest, pk: int) -> HttpResponse:
    """The invitation: parties to check for conflicts, the answer; for the organiser how it stands."""
    row = _fetch(request, pk)
    acts = act_forms(request, ASSIGNMENT, row, ANSWERS)
    status = 200
    if request.method == "POST":
        if acted(request, ASSIGNMENT, row, acts, ANSWERS):
            return redirect("assignment", pk)
        row, status = _fetch(request, pk), 422
    links = act_links(ASSIGNMENT, row, request.user)
    context = {
        "assignment": row,
        "application": row.application,
        "engagements": row.application.project.engagements.select_related("organisation"),
        "field": row.application.standard.domains.get(row.field, _("不限专业")),
        "acts": acts,
        "links": [link for link in links if link[0].action not in (*ANSWERS, "sign")],
        "mine": row.expert.user_id == request.user.pk,
        "seated": row.state in SEATED,
        "events": Event.objects.of(row),
    }
    return render(request, "evaluation/assignment.html", context, status=status)


# --- scoring room -------------------------------------------------------------------------------------------------


@login_required
def scoring(request: HttpRequest, pk: int) -> HttpResponse:
    """One item at a time: what is asked, what proves it, my mark and why; at the end the signature."""
    row = _own(request, pk)
    if row.state == "signed":
        return redirect("sheet", pk)
    if request.method != "POST":
        return _room(request, row, request.GET.get("item", ""))
    if request.POST.get("action") == "sign":
        return _sign(request, row)
    code = request.POST.get("item", "")
    try:
        _save(request, row, code)
    except Refused as refused:
        return _room(request, row, code, problems=refused.problems, status=422)
    following = _next_unmarked(row, code) if request.POST.get("then") == "next" else code
    return redirect(f"{reverse('scoring', args=[pk])}?item={following}")


def _sign(request: HttpRequest, row: Assignment) -> HttpResponse:
    try:
        ASSIGNMENT.perform(row, "sign", by=request.user)
    except Refused as refused:
        return _room(request, _own(request, row.pk), "", unsigned=refused.problems, status=422)
    messages.success(request, _("评分表已签署。"))
    return redirect("sheet", row.pk)


@login_required
@require_POST
def mark_save(request: HttpRequest, pk: int, code: str) -> JsonResponse:
    """Autosave of one item: what a script is told."""
    row = _own(request, pk)
    try:
        mark = _save(request, row, code)
    except Refused as refused:
        return refused_json(refused.problems)
    required = marking.own_items(row)
    item = row.application.standard.item(code)
    done = _done(required, _marks(row))
    return saved_json(mark.revision, done=done, total=len(required), mark=explaining.short_mark(item, mark.value))


def _save(request: HttpRequest, row: Assignment, code: str) -> Any:
    said = request.POST
    text = standard.NOT_APPLICABLE if said.get("na") else said.get("value", "")
    return marking.save_mark(
        request.user,
        row,
        code,
        value=wording.mark_value(text),
        reason=said.get("reason", ""),
        private_note=said.get("private_note", ""),
        revision=whole(said.get("revision")),
    )


def _marks(row: Assignment) -> dict[str, Any]:
    return {mark.item_code: mark for mark in row.marks.all()}


def _done(required: Iterable[str], marks: Mapping[str, Any]) -> int:
    return sum(1 for code in required if code in marks and marks[code].value is not None)


def _ordered(row: Assignment) -> tuple[list[standard.Item], list[standard.Item]]:
    """Items of the expert's own fields, and the others."""
    fields = marking.own_fields(row)
    items = row.application.standard.items(row.application.stage)
    own = [item for item in items if item.domain in fields]
    return own, [item for item in items if item.domain not in fields]


def _next_unmarked(row: Assignment, code: str) -> str:
    """The next item that still has to be marked, after ``code`` and then from the beginning; ``code`` if there is none."""
    marks, required = _marks(row), marking.own_items(row)
    own, others = _ordered(row)
    codes = [item.code for item in [*own, *others]]
    place = codes.index(code) + 1 if code in codes else 0
    for candidate in [*codes[place:], *codes[:place]]:
        if candidate in required and (candidate not in marks or marks[candidate].value is None):
            return candidate
    return code or codes[0]


def _room(
    request: HttpRequest,
    row: Assignment,
    code: str,
    problems: Iterable[Problem] = (),
    unsigned: Iterable[Problem] = (),
    status: int = 200,
) -> HttpResponse:
    application = row.application
    data = snapshot.latest(application).data
    own, others = _ordered(row)
    known = {item.code: item for item in [*own, *others]}
    item = known.get(code) or known[_next_unmarked(row, "")]
    marks, required = _marks(row), marking.own_items(row)
    missing = list(unsigned) or list(marking.missing_marks(row))
    context = {
        "assignment": row,
        "application": application,
        "item": item,
        "required": item.code in required,
        "own": _tree(application, own, marks, required),
        "others": _tree(application, others, marks, required),
        "done": _done(required, marks),
        "total": len(required),
        "next": _next_unmarked(row, item.code),
        "may_mark": can(request.user, "mark", application),
        "problems": [problem.text(_) for problem in problems],
        "missing": [(problem.place, problem.text(_)) for problem in missing],
        "refused": status == 422,
        **_question(application, item, marks.get(item.code), request.POST if problems else None),
        "compared": next(iter(carrying.comparison(application, data, only=item.code)), None),
        **_case_said(application, item, data),
        **_evidence(request, row, item, data),
    }
    return render(request, "evaluation/scoring.html", context, status=status)


def _tree(
    application: Any, items: list[standard.Item], marks: Mapping[str, Any], required: frozenset[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Items by section, each with its mark."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        section = application.standard.section_of(item.code)
        mark = marks.get(item.code)
        marked = mark is not None and mark.value is not None
        text = explaining.short_mark(item, mark.value) if marked else _("未评") if item.code in required else "—"
        line = {"item": item, "text": text, "marked": marked, "due": item.code in required and not marked}
        sections.setdefault(f"{section.num} {section.name}", []).append(line)
    return list(sections.items())


def _question(application: Any, item: standard.Item, mark: Any, typed: Any) -> dict[str, Any]:
    """What is asked and what stands there: the choices with their keys, the present or the refused answer."""
    buttons = [choice for choice in wording.choices(item) if choice.value != standard.NOT_APPLICABLE]
    if item.mode == "pass":
        buttons.reverse()  # 0 is "not met", as it is no points elsewhere
    value = typed.get("value", "") if typed else wording.mark_text(mark.value if mark else None)
    return {
        "choices": [(choice, str(key) if key < 10 else "") for key, choice in enumerate(buttons)],
        "typed_number": not buttons,
        "value": "" if value == standard.NOT_APPLICABLE else value,
        "na": value == standard.NOT_APPLICABLE or bool(typed and typed.get("na")),
        "reason": typed.get("reason", "") if typed else mark.reason if mark else "",
        "private_note": typed.get("private_note", "") if typed else mark.private_note if mark else "",
        "revision": mark.revision if mark else 0,
        "saved_at": mark.saved_at if mark else None,
        "points": standard.to_text(item.points),
        "points_words": wording.points_words(item.points),
        "parts": [(standard.to_text(part.points), part.when) for part in item.parts],
        "level_name": wording.level_name(application.standard, item.from_level) if item.from_level else "",
    }


def _case_said(application: Any, item: standard.Item, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the applicant claims for the item, and what was seen on site."""
    claim = data["claims"].get(item.code, {})
    return {
        "claim": wording.mark_words(item, claim.get("value")),
        "claim_note": claim.get("note", ""),
        "site_findings": SiteFinding.objects.filter(
            site_visit__application=application,
            site_visit__review_round=application.review_round,
            item_code=item.code,
        ),
    }


def _evidence(request: HttpRequest, row: Assignment, item: standard.Item, data: Mapping[str, Any]) -> dict[str, Any]:
    """The proofs of the item in the sealed version; the one shown counts as looked at from now on."""
    rows = snapshot.evidence_of(data, item.code)
    labels = row.application.standard.enums["evidence"]
    asked = request.GET.get("evidence", "")
    shown = next((proof for proof in rows if str(proof["id"]) == asked), rows[0] if rows else None)
    if shown:
        marking.open_evidence(request.user, shown["id"])
    opened = marking.opened_evidence(request.user, data)
    place = rows.index(shown) if shown else 0
    documents = row.application.standard.stage(row.application.stage).documents
    return {
        "proofs": [(proof, labels.get(proof["evidence_kind"], ""), proof["id"] in opened) for proof in rows],
        "shown": shown,
        **_marked(shown, item.code),
        "shown_number": place + 1,
        "before": rows[place - 1]["id"] if place else None,
        "after": rows[place + 1]["id"] if place + 1 < len(rows) else None,
        "documents": [
            (document, data["documents"].get(document.code, []), data["statements"].get(document.code, ""))
            for document in documents
        ],
    }


def _marked(shown: Mapping[str, Any] | None, code: str) -> dict[str, Any]:
    """The picture of the page on which the applicant marked a region, with that region; nothing where none was marked."""
    if not shown or not shown["region"]:
        return {"shown_mark": []}
    address = reverse("evidence-page", args=[shown["id"], shown["page"]])
    return {
        "shown_mark": [{"code": code, "region": region_text(shown["region"])}],
        "shown_picture": f"{address}?width={PAGE_WIDTH}",
    }


# --- sheet --------------------------------------------------------------------------------------------------------


@login_required
def sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """A signed sheet to read and print: one's own, or any for who may see the sheets."""
    row = _fetch(request, pk)
    mine = "invitee" in assignment_roles(request.user, row)
    if row.state != "signed" or not (mine or can_see_sheets(request.user, row.application)):
        raise NotAllowed("sheet")
    marks = _marks(row)
    chapters = []
    for chapter in row.application.standard.chapters:
        lines = [(item, marks.get(item.code)) for item in chapter.items(row.application.stage)]
        said = [(item, wording.mark_words(item, mark.value), mark.reason) for item, mark in lines if _is_said(mark)]
        if said:
            chapters.append((f"{chapter.num} {chapter.name}", said))
    context = {
        "assignment": row,
        "application": row.application,
        "engagements": row.application.project.engagements.select_related("organisation"),
        "field": row.application.standard.domains.get(row.field, _("不限专业")),
        "chapters": chapters,
        "signed": Event.objects.of(row).filter(verb="assignment.sign").last(),
        "printed_on": timezone.localdate(),
    }
    return render(request, "evaluation/sheet.html", context)


def _is_said(mark: Any) -> bool:
    return mark is not None and mark.value is not None
