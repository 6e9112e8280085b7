"""Evidence: adding proofs, tying them to items, and sending files to whoever may read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import proofs
from evaluation.forms import EvidenceForm
from evaluation.models import Application, Document, Evidence
from evaluation.papers import data_for, documents_for, evidence_for, may_read_file, send_thumbnail
from evaluation.views.choosing import boxes_by_section
from evaluation.views.coming import coming
from evaluation.views.framing import fetch, frame, places_open, refused_json, saved_json, wants_json, whole
from evaluation.wording import item_title
from portal import files
from portal.forms import add_problems
from portal.problems import Problem, Refused


@login_required
def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """All proofs of an application; ``?item=`` shows which of them prove one item. POST adds files."""
    row = fetch(request, pk)
    wanted = request.GET.get("item", "")
    if request.method != "POST":
        initial = {"items": [wanted]} if row.standard.has_item(wanted) else {}
        return _page(request, row, EvidenceForm(row.standard, row.stage, initial=initial, item=wanted))
    form = EvidenceForm(row.standard, row.stage, request.POST, request.FILES, item=wanted)
    added = _add(request, row, form) if form.is_valid() else 0
    if wants_json(request):
        if form.errors:
            return refused_json(_form_problems(form))
        return saved_json(0, added=added)
    if form.errors:
        return _page(request, row, form, status=422)
    messages.success(request, _("已上传 %(count)s 个文件。") % {"count": added})
    return redirect(request.get_full_path())


def _add(request: HttpRequest, row: Application, form: EvidenceForm) -> int:
    """Add each file by itself; those refused are named with their reasons, the others stay."""
    values, added = form.cleaned_data, 0
    for upload in values["files"]:
        try:
            proofs.add_evidence(
                request.user, row, values["evidence_kind"], upload, values["items"], values["caption"], values["page"]
            )
        except Refused as refused:
            name = files.display_name(upload.name)
            for problem in refused.problems:
                form.add_error("files", f"{name}：{problem.text(gettext)}")
        else:
            added += 1
    if added and form.errors:
        form.add_error(None, _("其余 %(count)s 个文件已上传，只需重新选择未成功的文件。") % {"count": added})
    return added


def _form_problems(form: EvidenceForm) -> list[Problem]:
    return [
        Problem("invalid", "" if place == "__all__" else place, "%(sentence)s", {"sentence": sentence})
        for place, sentences in form.errors.items()
        for sentence in sentences
    ]


def _accepted(row: Application, wanted: str) -> str:
    """The kinds of proof that the standard takes for one item, in words; "" where no item is asked for."""
    if not row.standard.has_item(wanted):
        return ""
    kinds = row.standard.enums["evidence"]
    return _("；").join(kinds[kind] for kind in row.standard.item(wanted).evidence.get(row.stage, ()))


def _links(
    pages: dict[str, int | None], titles: dict[str, str], places: Any
) -> list[tuple[str, str, int | None, bool]]:
    """Code, title, page and whether it is open, of the items that one proof is for, in the order of the standard."""
    order = {code: number for number, code in enumerate(titles)}
    codes = sorted(pages, key=lambda code: order.get(code, len(order)))
    return [(code, titles.get(code, code), pages[code], places.item(code)) for code in codes]


def _page(request: HttpRequest, row: Application, form: EvidenceForm, status: int = 200) -> HttpResponse:
    data, places = data_for(request.user, row), places_open(request, row)
    wanted = request.GET.get("item", "")
    kinds = row.standard.enums["evidence"]
    titles = {item.code: f"{item.code} {item.name}" for item in row.standard.items(row.stage)}
    rows = [
        {
            **proof,
            "label": kinds.get(proof["evidence_kind"], proof["evidence_kind"]),
            "links": _links(proof["items"], titles, places),
            "removable": places.everything or bool(proof["items"]) and all(map(places.item, proof["items"])),
            "proves": wanted in proof["items"],
        }
        for proof in data["evidence"]
    ]
    writes = places.everything or any(kind == "item" for kind, _place in places.places)
    context = {
        **frame(request, row, "evidence"),
        "form": form,
        "rows": rows,
        "removed": list(row.evidence.exclude(removed_at=None).order_by("-removed_at")) if writes else [],
        "writes": writes,
        "wanted": wanted if wanted in titles else "",
        "wanted_title": item_title(row.standard, wanted) if wanted in titles else "",
        "wanted_open": places.item(wanted),
        "groups": boxes_by_section(row, places, set(form["items"].value() or ())) if writes else [],
        "accepted": _accepted(row, wanted),
        "query": item_query(request, row),
        "coming": coming(row, "evidence") if writes else [],
    }
    return render(request, "evaluation/evidence.html", context, status=status)


# --- what is done to one proof ------------------------------------------------------------------------------------


def changed(request: HttpRequest, pk: int, change: Callable[[Evidence], str]) -> HttpResponse:
    """Do ``change`` to one proof and say what was done, or show every reason on the page of the proofs."""
    proof = get_object_or_404(evidence_for(request.user), pk=pk)
    row = proof.application = fetch(request, proof.application_id)
    try:
        sentence = change(proof)
    except Refused as refused:
        form = EvidenceForm(row.standard, row.stage, {}, {})
        form.errors.clear()
        add_problems(form, [Problem(one.code, "", one.message, one.params) for one in refused.problems])
        return _page(request, row, form, status=422)
    messages.success(request, sentence)
    return redirect(f"{reverse('evidence', args=[row.pk])}{item_query(request, row)}#evidence-{pk}")


def item_query(request: HttpRequest, row: Application) -> str:
    """The end of an address that keeps for which item somebody is looking at the proofs, "" for none."""
    wanted = request.GET.get("item", "")
    return f"?item={wanted}" if row.standard.has_item(wanted) else ""


@login_required
@require_POST
def evidence_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Tie a proof to the one item for which somebody is looking at the proofs, or move its page there."""
    code = request.POST.get("item", "").split(" ")[0]
    page = whole(request.POST.get("page"))

    def change(proof: Evidence) -> str:
        proofs.link_evidence(request.user, proof, code, page)
        return _("“%(name)s”已作为条目%(code)s的佐证。") % {"name": proof.name, "code": code}

    return changed(request, pk, change)


@login_required
@require_POST
def evidence_unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Untie a proof from one item."""
    code = request.POST.get("item", "")

    def change(proof: Evidence) -> str:
        proofs.unlink_evidence(request.user, proof, code)
        return _("“%(name)s”不再作为条目%(code)s的佐证。") % {"name": proof.name, "code": code}

    return changed(request, pk, change)


@login_required
@require_POST
def evidence_remove(request: HttpRequest, pk: int, restore: bool = False) -> HttpResponse:
    """Take a proof out of the next version, or back in."""

    def change(proof: Evidence) -> str:
        (proofs.restore_evidence if restore else proofs.remove_evidence)(request.user, proof)
        words = _("已恢复“%(name)s”。") if restore else _("已移除“%(name)s”，可在本页下方恢复。")
        return words % {"name": proof.name}

    return changed(request, pk, change)


# --- files --------------------------------------------------------------------------------------------------------


def readable(request: HttpRequest, rows: Any, pk: int) -> Any:
    """The row if this person may open its file now, else 404."""
    found = get_object_or_404(rows, pk=pk)
    if not may_read_file(request.user, found):
        raise Http404
    return found


def _send(request: HttpRequest, found: Document | Evidence) -> HttpResponseBase:
    return files.send(
        found.file,
        name=found.name,
        content_type=found.content_type,
        inline="download" not in request.GET,
        request=request,
        sha256=found.sha256,
    )


@login_required
def document_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _send(request, readable(request, documents_for(request.user), pk))


@login_required
def evidence_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    return _send(request, readable(request, evidence_for(request.user), pk))


@login_required
def evidence_thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The small picture of a photo or of a PDF's first page, an hourglass until it is drawn; other proofs have none."""
    found = readable(request, evidence_for(request.user), pk)
    picture = send_thumbnail(request, found)
    if picture is None:
        picture = redirect(static("waiting.svg"))
        picture["Cache-Control"] = "no-store"
    return picture
