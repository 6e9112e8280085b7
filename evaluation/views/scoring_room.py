"""The expert's pages: the invitation, the scoring room, and the own sheet as it was signed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import finders
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import asking, discussing, explaining, marking, refusing, sheets, snapshot, standard, wording
from evaluation.models import Assignment
from evaluation.permissions import SEATED, assignment_roles, can
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import refused_json, saved_json, whole
from evaluation.views.scoring_item import (
    claimed,
    drawn_claim,
    evidence,
    question,
    site_findings,
    unopened_words,
)
from evaluation.workflow import ASSIGNMENT
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Problem, Refused

ANSWERS = ("accept", "decline", "recuse")
KEY_LENGTH = 36  # of a UUID


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
    # What a member does in the deliberation is done from the panel's page.
    elsewhere = {*ANSWERS, "sign", "amend", "sign_again", "endorse"}
    links = act_links(ASSIGNMENT, row, request.user)
    context = {
        "assignment": row,
        "application": row.application,
        "engagements": row.application.project.engaged,
        "field": row.application.standard.domains.get(row.field, _("不限专业")),
        "acts": acts,
        "links": [link for link in links if link[0].action not in elsewhere],
        "mine": row.expert.user_id == request.user.pk,
        "seated": row.state in SEATED,
        "sees_panel": can(request.user, "see_panel", row.application),
        "refusals": refusing.standing_of(row.expert, timezone.localdate()) if "decline" in acts else None,
        "events": Event.objects.of(row),
    }
    return render(request, "evaluation/assignment.html", context, status=status)


# --- scoring room -------------------------------------------------------------------------------------------------


@login_required
def scoring(request: HttpRequest, pk: int) -> HttpResponse:
    """One item at a time: what is asked, what proves it, my mark and why; at the end the signature.

    ``?fragment=item`` and ``?fragment=sign`` answer with that part of the page alone, for the script that turns items.
    """
    row = _own(request, pk)
    if row.state == "signed":
        return redirect("sheet", pk)
    if request.method != "POST":
        return _part(request, row) or _room(request, row, request.GET.get("item", ""))
    if request.POST.get("action") == "sign":
        return _sign(request, row)
    code = request.POST.get("item", "")
    try:
        _save(request, row, code)
    except Refused as refused:
        return _room(request, row, code, problems=refused.problems, status=422)
    if request.POST.get("then") != "next":
        return redirect(f"{reverse('scoring', args=[pk])}?item={code}")
    following = Sheet(row).next_open(code)
    return redirect(f"{reverse('scoring', args=[pk])}{f'?item={following}' if following else '#sign'}")


def _part(request: HttpRequest, row: Assignment) -> HttpResponse | None:
    """The part of the page that a script asks for; None for the whole page."""
    asked = request.GET.get("fragment", "")
    if asked == "item":
        sheet = Sheet(row)
        item = sheet.item(request.GET.get("item", ""))
        return render(request, "evaluation/_scoring_item.html", _item(request, sheet, item))
    if asked == "sign":
        return render(request, "evaluation/_scoring_sign.html", _signing(request, Sheet(row)))
    return None


def _sign(request: HttpRequest, row: Assignment) -> HttpResponse:
    form = act_forms(request, ASSIGNMENT, row, ("sign",)).get("sign")
    if form is None:
        ASSIGNMENT.perform(row, "sign", by=request.user)  # says with its reason why this is not possible
        raise NotAllowed("sign")
    if not form.is_valid():
        return _room(request, row, "", sign=form, status=422)
    try:
        ASSIGNMENT.perform(row, "sign", by=request.user, **form.cleaned_data)
    except Refused as refused:
        # Problems of single items stand in the list of what is missing.
        add_problems(
            form, [problem for problem in refused.problems if not row.application.standard.has_item(problem.place)]
        )
        return _room(request, _own(request, row.pk), "", sign=form, status=422)
    messages.success(request, _("评分表已签署。"))
    return redirect("sheet", row.pk)


@login_required
@require_POST
def mark_save(request: HttpRequest, pk: int, code: str) -> JsonResponse:
    """Autosave of one item: what a script is told."""
    row = _own(request, pk)
    before = row.marks.filter(item_code=code).first()
    try:
        mark = _save(request, row, code)
    except Refused as refused:
        return refused_json(refused.problems, **_standing(row, code, refused))
    item = row.application.standard.item(code)
    opens = marking.reads_claim(row.application, mark) and not marking.reads_claim(row.application, before)
    claim = {"claim": drawn_claim(row.application, item, mark)} if opens else {}
    return saved_json(mark.revision, mark=explaining.short_mark(item, mark.value), **claim)


def _standing(row: Assignment, code: str, refused: Refused) -> dict[str, Any]:
    """What stands there by now, for whoever must choose between two versions; nothing for other refusals."""
    if not refused.now:
        return {}
    current = refused.now["current"]
    words = wording.mark_words(row.application.standard.item(code), current["value"])
    return {**refused.now, "current": {**current, "value": wording.mark_text(current["value"]), "words": words}}


def _save(request: HttpRequest, row: Assignment, code: str) -> Any:
    said = request.POST
    return marking.save_mark(
        request.user,
        row,
        code,
        value=wording.sent_mark(said),
        reason=said.get("reason", ""),
        private_note=said.get("private_note", ""),
        revision=whole(said.get("revision")),
        save_key=said.get("save_key", "")[:KEY_LENGTH],
    )


@login_required
@require_POST
def evidence_opened(request: HttpRequest, pk: int) -> JsonResponse:
    """Proofs that were shown while the line was cut count as looked at."""
    row = _own(request, pk)
    marking.open_proofs(request.user, row, [whole(text) or 0 for text in request.POST.getlist("evidence")])
    return saved_json(0)


def scoring_worker(request: HttpRequest, pk: int) -> HttpResponse:
    """The script that keeps one scoring room readable without a line; its address bounds what it may touch."""
    path = finders.find("js/scoring_worker.js")
    response = HttpResponse(Path(path).read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


class Sheet:
    """One open sheet as the room shows it: the items in the order in which they are marked, and what stands there.

    Own fields first, then what else must be marked, then the rest.
    """

    def __init__(self, row: Assignment) -> None:
        prefetch_related_objects([row], "marks", "expert__fields")
        self.row = row
        self.marks = {mark.item_code: mark for mark in row.marks.all()}
        self.required = marking.own_items(row)
        fields = marking.own_fields(row)
        items = row.application.standard.items(row.application.stage)
        self.own = [item for item in items if item.domain in fields]
        self.also = [item for item in items if item.domain not in fields and item.code in self.required]
        self.rest = [item for item in items if item.domain not in fields and item.code not in self.required]
        self.ordered = {item.code: item for item in [*self.own, *self.also, *self.rest]}

    def item(self, code: str) -> standard.Item:
        """The item asked for; where there is none of this code the first one that is open, or the first one."""
        return self.ordered.get(code) or self.ordered.get(self.next_open("")) or next(iter(self.ordered.values()))

    @property
    def done(self) -> int:
        return sum(marking.is_said(self.marks.get(code)) for code in self.required)

    def next_open(self, code: str) -> str:
        """The next item to be marked after ``code`` and then from the beginning; then those that lack a reason; "" for none."""
        codes = list(self.ordered)
        place = codes.index(code) + 1 if code in codes else 0
        turned = [*codes[place:], *codes[:place]]
        unmarked = (one for one in turned if one in self.required and not marking.is_said(self.marks.get(one)))
        wordless = (one for one in turned if marking.lacks_reason(self.ordered[one], self.marks.get(one)))
        return next(unmarked, "") or next(wordless, "")

    def chapters(self, items: list[standard.Item], now: str) -> list[dict[str, Any]]:
        """Items by chapter, each with its mark; ``now``: the item on the screen, whose chapter is open."""
        found: dict[str, dict[str, Any]] = {}
        for item in items:
            chapter = self.row.application.standard.chapter_of(item.code)
            name = f"{chapter.num} {chapter.name}"
            part = found.setdefault(chapter.code, {"name": name, "lines": [], "done": 0, "total": 0, "open": False})
            line = self._line(item)
            part["lines"].append(line)
            part["done"] += line["marked"] and item.code in self.required
            part["total"] += item.code in self.required
            part["open"] |= item.code == now
        return list(found.values())

    def _line(self, item: standard.Item) -> dict[str, Any]:
        mark, required = self.marks.get(item.code), item.code in self.required
        marked, owes = marking.is_said(mark), marking.lacks_reason(item, mark)
        text = explaining.short_mark(item, mark.value) if marked else _("未评") if required else "—"
        due = required and not marked
        return {
            "item": item,
            "text": text,
            "marked": marked,
            "required": required,
            "due": due,
            "owes": owes,
            "state": "open" if due else "owes" if owes else "done" if marked else "free",
            "revision": mark.revision if mark else 0,
        }


def _room(
    request: HttpRequest,
    row: Assignment,
    code: str,
    problems: Iterable[Problem] = (),
    sign: Any = None,
    status: int = 200,
) -> HttpResponse:
    sheet = Sheet(row)
    item = sheet.item(code)
    context = {
        "groups": [
            (title, sheet.chapters(items, item.code), folded)
            for title, items, folded in (
                (_("我的专业"), sheet.own, False),
                (_("其他专业（须评）"), sheet.also, False),
                (_("其他专业（可以不评）"), sheet.rest, True),
            )
            if items
        ],
        "done": sheet.done,
        "total": len(sheet.required),
        **_item(request, sheet, item, problems),
        **_signing(request, sheet, sign),
    }
    return render(request, "evaluation/scoring.html", context, status=status)


def _item(request: HttpRequest, sheet: Sheet, item: standard.Item, problems: Iterable[Problem] = ()) -> dict[str, Any]:
    """What the page says of one item."""
    row, application, mark = sheet.row, sheet.row.application, sheet.marks.get(item.code)
    sealed = snapshot.latest(application)
    data = sealed.data if sealed else {}
    return {
        "assignment": row,
        "application": application,
        "item": item,
        "chapter": application.standard.chapter_of(item.code),
        "required": item.code in sheet.required,
        "of_own_field": item in sheet.own,
        "next": sheet.next_open(item.code),
        "may_mark": can(request.user, "mark", application),
        "problems": [problem.text(_) for problem in problems],
        "questions": asking.questions_of(request.user, application, item.code),
        "may_ask": row.state == "accepted" and can(request.user, "mark", application),
        **question(application, item, mark, request.POST if problems else None),
        **claimed(application, item, mark, data),
        "site_findings": site_findings(application, item),
        **evidence(request, row, item, data),
    }


def _signing(request: HttpRequest, sheet: Sheet, form: Any = None) -> dict[str, Any]:
    """What still stands before the signature, and its form; no form while the review is not open."""
    row = sheet.row
    missing = [(problem.place, problem.text(_)) for problem in marking.missing_marks(row, sheet.required)]
    form = form or act_forms(request, ASSIGNMENT, row, ("sign",)).get("sign")
    return {"assignment": row, "sign": form, "missing": missing, "refused": bool(form and form.is_bound)}


# --- sheet --------------------------------------------------------------------------------------------------------


@login_required
def sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """A signed sheet to read and print: one's own, or any for who may see the sheets."""
    row = _fetch(request, pk)
    if not sheets.may_read_signed(request.user, row):
        raise NotAllowed("sheet")
    sealed = snapshot.latest(row.application)
    unopened = unopened_words(row, sealed.data) if sealed else {}
    chapters = [
        (
            name,
            [
                (item, wording.mark_words(item, mark.value), mark.reason, unopened.get(item.code, []))
                for item, mark in said
            ],
        )
        for name, said in sheets.said_by_chapter(row)
    ]
    context = {
        "assignment": row,
        "application": row.application,
        "engagements": row.application.project.engaged,
        "field": row.application.standard.domains.get(row.field, _("不限专业")),
        "chapters": chapters,
        "unopened": len({pk for ids in (row.unopened or {}).values() for pk in ids}),
        "knows_unopened": row.unopened is not None,
        "signed": sheets.signature_of(row),
        "printed_on": timezone.localdate(),
        "reads_discussion": discussing.obstacle(request.user, row.application) is None,
    }
    return render(request, "evaluation/sheet.html", context)
