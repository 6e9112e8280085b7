"""One item of the scoring room: what is asked, what stands there, what the applicant claims, and what proves it.

Hides: that the claim appears only after the own mark, and which pages of a proof can be drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from evaluation import carrying, explaining, marking, snapshot, standard, wording
from evaluation.models import Assignment, SiteFinding
from evaluation.views.framing import whole
from evaluation.views.proofs import PAGE_WIDTH, region_text
from portal import previews

SMALL_WIDTH = 480  # pixels of a picture that is fetched ahead, for when the line is cut


def question(application: Any, item: standard.Item, mark: Any, typed: Any) -> dict[str, Any]:
    """What is asked and what stands there: the choices with their keys, the present or the refused answer."""
    buttons = wording.buttons(item)
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
        "owes": marking.lacks_reason(item, mark),
        "short": explaining.short_mark(item, mark.value) if marking.is_said(mark) else "",
        "points": standard.to_text(item.points),
        "points_words": wording.points_words(item.points),
        "parts": [(standard.to_text(part.points), part.when) for part in item.parts],
        "level_name": wording.level_name(application.standard, item.from_level) if item.from_level else "",
    }


def claimed(application: Any, item: standard.Item, mark: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the applicant claims, and how it differs from the design; nothing of both before the own mark."""
    if not marking.reads_claim(application, mark):
        return {"claim_opens": False}
    claim = data["claims"].get(item.code, {})
    return {
        "claim_opens": True,
        "claim": wording.mark_words(item, claim.get("value")),
        "claim_note": claim.get("note", ""),
        "compared": next(iter(carrying.comparison(application, data, only=item.code)), None),
    }


def drawn_claim(application: Any, item: standard.Item, mark: Any) -> str:
    """The same as a piece of the page, for a script whose save has just opened it."""
    sealed = snapshot.latest(application)
    context = claimed(application, item, mark, sealed.data if sealed else {"claims": {}})
    return render_to_string("evaluation/_scoring_claim.html", context)


def site_findings(application: Any, item: standard.Item) -> Any:
    """What was seen on site of this item in the present round."""
    rows = SiteFinding.objects.filter(
        site_visit__application=application,
        site_visit__review_round=application.review_round,
        item_code=item.code,
    ).exclude(seen="")
    return list({row.line: row for row in rows.order_by("pk")}.values())  # of each line the last word


def evidence(request: HttpRequest, row: Assignment, item: standard.Item, data: Mapping[str, Any]) -> dict[str, Any]:
    """The proofs of the item in the sealed version; the one shown counts as looked at from now on.

    Not where a script only fetches ahead (``?ahead=``): it tells when the page is really shown.
    """
    rows = snapshot.evidence_of(data, item.code)
    labels = row.application.standard.enums["evidence"]
    asked = request.GET.get("evidence", "")
    shown = next((proof for proof in rows if str(proof["id"]) == asked), rows[0] if rows else None)
    if shown and not request.GET.get("ahead"):
        marking.open_evidence(request.user, shown["id"])
    opened = marking.opened_evidence(request.user, data)
    place = rows.index(shown) if shown else 0
    documents = row.application.standard.stage(row.application.stage).documents
    return {
        "proofs": [(proof, labels.get(proof["evidence_kind"], ""), proof["id"] in opened) for proof in rows],
        "shown": shown,
        **(_paged(request, shown) if shown else {}),
        "shown_number": place + 1,
        "before": rows[place - 1]["id"] if place else None,
        "after": rows[place + 1]["id"] if place + 1 < len(rows) else None,
        "documents": [
            (document, data["documents"].get(document.code, []), data["statements"].get(document.code, ""))
            for document in documents
        ],
    }


def _paged(request: HttpRequest, shown: Mapping[str, Any]) -> dict[str, Any]:
    """The picture of one page of a proof, the pages beside it, and the marked region where it lies on this page."""
    pages = (shown["pages"] or 1) if shown["kind"] in previews.KINDS else 0
    if not pages:
        return {"pages": 0}
    anchor = max(1, min(shown["page"] or 1, pages))
    number = max(1, min(whole(request.GET.get("page")) or anchor, pages))
    address = reverse("evidence-page", args=[shown["id"], number])
    return {
        "pages": pages,
        "anchor": anchor,
        "number": number,
        "picture": f"{address}?width={PAGE_WIDTH}",
        "small_picture": f"{address}?width={SMALL_WIDTH}",
        "pictures": reverse("evidence-page", args=[shown["id"], 0]),
        "region": region_text(shown["region"]),
        "region_here": number == anchor,
        "earlier_page": number - 1 if number > 1 else None,
        "later_page": number + 1 if number < pages else None,
    }


def unopened_words(row: Assignment, data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Item code -> names of the proofs that were never opened when the sheet was signed."""
    names = {proof["id"]: proof["name"] for proof in data["evidence"]}
    found = row.unopened or {}
    return {code: [names.get(pk, _("已移除的佐证")) for pk in ids] for code, ids in found.items()}
