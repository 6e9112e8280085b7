"""One proof, page by page: where in it the items are proved, setting such a place, replacing the file; and the coverage."""

from __future__ import annotations

from math import isfinite
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import marking, proofs
from evaluation.coverage import MANY, coverage
from evaluation.models import Application, Evidence
from evaluation.papers import data_for, evidence_for, send_page
from evaluation.permissions import can
from evaluation.views.choosing import boxes_by_section
from evaluation.views.evidence import item_query, readable
from evaluation.views.framing import fetch, frame, places_open, whole
from portal import files, previews
from portal.attachments import largest_words
from portal.machine import NotAllowed
from portal.problems import Problem, Refused, gettext_noop

PARTS = ("left", "top", "width", "height")
PAGE_WIDTH = 960  # pixels; one of previews.WIDTHS


def _fetched(request: HttpRequest, pk: int) -> tuple[Evidence, Application]:
    """A proof whose file this person may open, and its application."""
    proof = readable(request, evidence_for(request.user), pk)
    proof.application = fetch(request, proof.application_id)
    return proof, proof.application


@login_required
def evidence_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The proof at one page, with the places that prove items; ``?item=`` opens it at that item's place.

    To an expert who is marking it counts as looked at from now on.
    """
    proof, row = _fetched(request, pk)
    if can(request.user, "mark", row):
        marking.open_evidence(request.user, proof.pk)
    return _page(request, proof, row)


@login_required
def evidence_page(request: HttpRequest, pk: int, page: int) -> HttpResponseBase:
    """The picture of one page; ``?ahead=`` says that nobody looks at it yet."""
    proof, row = _fetched(request, pk)
    if can(request.user, "mark", row) and not request.GET.get("ahead"):
        marking.open_evidence(request.user, proof.pk)
    width = whole(request.GET.get("width")) or PAGE_WIDTH
    return send_page(request, proof, page, width)


def _links(proof: Evidence, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The items that the reader's version of this proof proves: code, page, region."""
    found: dict[str, Any] = next((row for row in data["evidence"] if row["id"] == proof.pk), {})
    regions = found.get("regions", {})
    return [
        {"code": code, "page": page, "region": region_text(regions.get(code))}
        for code, page in found.get("items", {}).items()
    ]


def _in_order(links: list[dict[str, Any]], titles: dict[str, str]) -> list[dict[str, Any]]:
    """The links with the titles of their items, in the order of the standard."""
    places = {code: number for number, code in enumerate(titles)}
    found = [{**link, "title": titles.get(link["code"], link["code"])} for link in links]
    return sorted(found, key=lambda link: places.get(link["code"], len(places)))


def region_text(region: Any) -> dict[str, str] | None:
    """A region as attributes of a drawing that is 100 wide and 100 high; None for none."""
    return {name: f"{100 * part:.1f}" for name, part in zip(PARTS, region, strict=True)} if region else None


def _page(
    request: HttpRequest, proof: Evidence, row: Application, problems: Any = (), status: int = 200
) -> HttpResponse:
    said, standard = request.POST if problems else request.GET, row.standard
    titles = {item.code: f"{item.code} {item.name}" for item in standard.items(row.stage)}
    links, places, pages = (
        _links(proof, data_for(request.user, row)),
        places_open(request, row),
        previews.pages_of(proof),
    )
    chosen = said.get("item", "")
    at_item = next((link for link in links if link["code"] == chosen), None)
    number = whole(said.get("page")) or (at_item and at_item["page"]) or 1
    number = max(1, min(number, pages or proof.pages or 1))
    region = at_item["region"] if at_item and at_item["page"] == number else None
    context = {
        **frame(request, row, "evidence"),
        "proof": proof,
        "label": standard.enums["evidence"].get(proof.evidence_kind, proof.evidence_kind),
        "links": _in_order(links, titles),
        "here": [link for link in links if link["page"] == number and link["region"]],
        "chosen": chosen,
        "number": number,
        "pages": pages,
        "picture": f"{reverse('evidence-page', args=[proof.pk, number])}?width={PAGE_WIDTH}" if pages else "",
        "options": [(code, title) for code, title in titles.items() if places.item(code)],
        "writes": proof.removed_at is None and any(places.item(code) for code in titles),
        "replaceable": proof.removed_at is None and _replaceable(places, links),
        "accept": files.accept_attribute(files.EVIDENCE_KINDS),
        "kinds": _("、").join(files.KINDS[kind].label for kind in files.EVIDENCE_KINDS),
        "largest": largest_words(files.EVIDENCE_KINDS),
        "typed": {name: said.get(name, (region or {}).get(name, "")) for name in PARTS},
        "problems": problems,
        "query": f"&item={chosen}" if chosen in titles else "",
    }
    return render(request, "evaluation/evidence_view.html", context, status=status)


def _replaceable(places: Any, links: list[dict[str, Any]]) -> bool:
    return places.everything or (bool(links) and all(places.item(link["code"]) for link in links))


@login_required
@require_POST
def evidence_anchor(request: HttpRequest, pk: int) -> HttpResponse:
    """Say at which page, and where on it, the proof proves an item. Parts of the region come in percent of the page."""
    proof, row = _fetched(request, pk)
    code, page = request.POST.get("item", ""), whole(request.POST.get("page"))
    try:
        proofs.link_evidence(request.user, proof, code, page, _region(request))
    except Refused as refused:
        return _page(request, proof, row, [problem.text(gettext) for problem in refused.problems], 422)
    messages.success(request, _("已保存“%(name)s”在条目%(code)s的位置。") % {"name": proof.name, "code": code})
    return _to_view(proof, f"?item={code}&page={page or 1}")


# --- which items it proves ----------------------------------------------------------------------------------------


@login_required
def evidence_items(request: HttpRequest, pk: int) -> HttpResponse:
    """Every item that the proof may be for, to tick; one save for all of them. ``?item=`` is where one came from."""
    proof, row = _fetched(request, pk)
    if not can(request.user, "edit", row):
        raise NotAllowed("edit")
    tied = set(proof.links.values_list("item_code", flat=True))
    if request.method != "POST":
        return _items_page(request, proof, row, tied, tied)
    places, seen = places_open(request, row), set(request.POST.get("seen", "").split())
    # A closed item is drawn and cannot be sent: it stays as it is.
    ticked = {*request.POST.getlist("items"), *(code for code in seen if not places.item(code))}
    try:
        proofs.prove_items(request.user, proof, ticked, page=whole(request.POST.get("page")), seen=seen)
    except Refused as refused:
        return _items_page(request, proof, row, ticked, seen, refused.problems)
    count = proof.links.count()
    messages.success(request, _("已保存：“%(name)s”用于 %(n)s 个条目。") % {"name": proof.name, "n": count})
    return redirect(f"{reverse('evidence', args=[row.pk])}{item_query(request, row)}#evidence-{pk}")


def _items_page(
    request: HttpRequest, proof: Evidence, row: Application, ticked: set[str], seen: set[str], problems: Any = ()
) -> HttpResponse:
    context = {
        **frame(request, row, "evidence"),
        "proof": proof,
        "groups": boxes_by_section(row, places_open(request, row), ticked),
        "seen": " ".join(sorted(seen)),
        "page": request.POST.get("page", ""),
        "problems": problems,
        "query": item_query(request, row),
    }
    return render(request, "evaluation/evidence_items.html", context, status=422 if problems else 200)


def _to_view(proof: Evidence, query: str) -> HttpResponse:
    return redirect(f"{reverse('evidence-view', args=[proof.pk])}{query}")


def _region(request: HttpRequest) -> proofs.Region | None:
    """The four numbers as fractions, None where all are empty. Raises Refused."""
    typed = [request.POST.get(name, "").strip() for name in PARTS]
    if not any(typed):
        return None
    try:
        left, top, width, height = (float(text) / 100 for text in typed)
        if not all(map(isfinite, (left, top, width, height))):
            raise ValueError
    except ValueError as error:
        message = gettext_noop("标注范围的四个数都要填写，或都不填。")
        raise Refused([Problem("region", "region", message)]) from error
    return left, top, _to_the_edge(left, width), _to_the_edge(top, height)


def _to_the_edge(start: float, length: float) -> float:
    """Numbers are typed and drawn to a tenth of a percent: what reaches over the edge by no more ends there."""
    return 1 - start if 1 < start + length <= 1.002 else length


@login_required
@require_POST
def evidence_replace(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a new file in the place of this proof; what of its anchors is lost is said in words."""
    proof, row = _fetched(request, pk)
    upload = request.FILES.get("files")
    try:
        if upload is None:
            raise Refused([Problem("required", "files", gettext_noop("请先选择文件。"))])
        done = proofs.replace_evidence(request.user, proof, upload)
    except Refused as refused:
        return _page(request, proof, row, [problem.text(gettext) for problem in refused.problems], 422)
    messages.success(request, _("已用“%(name)s”替换。") % {"name": done.evidence.name})
    for remark in done.remarks():
        messages.warning(request, remark.text(gettext))
    return _to_view(done.evidence, "")


@login_required
def evidence_coverage(request: HttpRequest, pk: int) -> HttpResponse:
    """Items without a proof, proofs without an item, one proof for many items; with links to where it is mended."""
    row = fetch(request, pk)
    table = coverage(row, data_for(request.user, row))
    only = request.GET.get("show", "")
    shown = {"lacking": table.lacking, "unproved": table.unproved}.get(only, table.items)
    context = {
        **frame(request, row, "evidence"),
        "table": table,
        "shown": shown,
        "only": only if only in ("lacking", "unproved") else "",
        "many": MANY,
        "places": places_open(request, row),
    }
    return render(request, "evaluation/evidence_coverage.html", context)
