"""Files of an application: documents of the stage's list, and evidence with the places in it that prove the items.

Hides: that every file is looked into before the case is held, that a form, an endpoint and a worker who takes in an upload
end in the same function, which page and region prove an item, and what a replaced file hands on to its successor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils import timezone

from evaluation.filing import document_forms, open_places, refuse_closed
from evaluation.models import Application, Document, Evidence, EvidenceLink
from evaluation.permissions import writing
from portal import files, previews
from portal.attachments import Received, as_photo, attachment_values
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

Region = tuple[float, float, float, float]  # left, top, width, height as fractions of the page, from its top left
SAME_SHAPE = 0.01  # two pages have the same shape when width : height differs by at most this share

# --- documents ----------------------------------------------------------------------------------------------------


def document_values(by: User, application: Application, code: str, upload: Any) -> dict[str, Any]:
    """Look into a file for a document of the stage; return the columns of its row. Raises Refused."""
    forms = document_forms(application, code)
    return attachment_values(upload, [form for form in forms if form in files.KINDS], by)


def add_document(by: User, application: Application, code: str, upload: Any) -> Document:
    """Add one file to a document of the stage. Raises Refused for a wrong type, an unreadable file, a closed place."""
    return keep_document(by, application, code, document_values(by, application, code, upload))


def keep_document(by: User, application: Application, code: str, values: Mapping[str, Any]) -> Document:
    """The second half of ``add_document``: write the row. Raises Refused for a closed place or a file that is there."""
    with writing(by, "edit", application):
        if not open_places(application).document(code):
            refuse_closed(code)
        _refuse_double(application.documents.filter(code=code, removed_at=None), values["sha256"], code)
        return Document.objects.create(application=application, code=code, **values)


def remove_document(by: User, document: Document) -> None:
    """Take one file out of the next version; the file itself stays, earlier snapshots name it."""
    with writing(by, "edit", document.application):
        if not open_places(document.application).document(document.code):
            refuse_closed(document.code)
        Document.objects.filter(pk=document.pk, removed_at=None).update(removed_at=timezone.now())


def restore_document(by: User, document: Document) -> None:
    """Take back a removal. Raises Refused where the same file has been uploaded again, or the place is closed."""
    application = document.application
    with writing(by, "edit", application):
        if not open_places(application).document(document.code):
            refuse_closed(document.code)
        present = application.documents.filter(code=document.code, removed_at=None)
        _refuse_double(present, document.sha256, document.code)
        Document.objects.filter(pk=document.pk).update(removed_at=None)


def _refuse_double(rows: Any, sha256: str, place: str) -> None:
    if rows.filter(sha256=sha256).exists():
        raise Refused([Problem("double", place, gettext_noop("同一文件已经上传过，不必重复上传。"))])


def _refuse_double_evidence(application: Application, sha256: str) -> None:
    """One file is one piece of evidence, however many items it proves: say where the rest are chosen."""
    if application.evidence.filter(removed_at=None, sha256=sha256).exists():
        message = gettext_noop(
            "同一文件已经上传过，不必重复上传；要用于更多条目，请在“已有佐证”中找到它，点“用于其他条目”。"
        )
        raise Refused([Problem("double", "file", message)])


# --- evidence -----------------------------------------------------------------------------------------------------


def refuse_unknown_kind(application: Application, evidence_kind: str) -> None:
    """Raise Refused unless the standard knows this kind of evidence."""
    if evidence_kind not in application.standard.enums["evidence"]:
        raise Refused([Problem("evidence_kind", "evidence_kind", gettext_noop("请选择佐证类型。"))])


def evidence_values(by: User, upload: Any) -> dict[str, Any]:
    """Look into a proof; return the columns of its row, of a photo without its metadata. Raises Refused."""
    values = attachment_values(upload, files.EVIDENCE_KINDS, by)
    return as_photo(values, upload) if values["kind"] == "jpg" else values


def add_evidence(
    by: User,
    application: Application,
    evidence_kind: str,
    upload: Any,
    items: Iterable[str],
    caption: str = "",
    page: int | None = None,
) -> Evidence:
    """Add a proof and attach it to items (at ``page``). Raises Refused like ``add_document``."""
    refuse_unknown_kind(application, evidence_kind)
    row = keep_evidence(by, application, evidence_kind, evidence_values(by, upload), items, caption, page)
    _ask_for_thumbnail(row)
    return row


def _ask_for_thumbnail(row: Evidence) -> None:
    """A photo brings its own; the first page of a PDF that a form sent is drawn by a worker, as one that an upload sent."""
    if previews.pages_of(row) and not row.thumbnail:
        previews.ask_for_thumbnail(row)


def keep_evidence(
    by: User,
    application: Application,
    evidence_kind: str,
    values: Mapping[str, Any],
    items: Iterable[str],
    caption: str = "",
    page: int | None = None,
) -> Evidence:
    """The second half of ``add_evidence``: write the row and its links."""
    items = list(items)
    refuse_unknown_kind(application, evidence_kind)
    with writing(by, "edit", application):
        refuse_closed_codes(application, items)
        _refuse_double_evidence(application, values["sha256"])
        row = Evidence.objects.create(
            application=application, evidence_kind=evidence_kind, caption=caption.strip(), **values
        )
        for code in items:
            _link(application, row, code, page, None)
    return row


def refuse_closed_codes(application: Application, codes: Iterable[str]) -> None:
    """Raise Refused unless all these items are there and open; a proof of nothing is open in a draft alone."""
    codes, places = list(codes), open_places(application)
    if not codes and not places.everything:
        refuse_closed("evidence")
    known = {item.code for item in application.standard.items(application.stage)}
    for code in codes:
        if not places.item(code):
            refuse_closed(code)
        if code not in known:
            raise Refused([Problem("item_unknown", code, gettext_noop("本阶段没有该条目。"))])


def link_evidence(
    by: User, evidence: Evidence, item_code: str, page: int | None = None, region: Region | None = None
) -> EvidenceLink:
    """Attach a proof to one more item, or move its page and region there. Raises Refused."""
    with writing(by, "edit", evidence.application):
        return _link(evidence.application, evidence, item_code, page, region)


def _link(
    application: Application, evidence: Evidence, item_code: str, page: int | None, region: Region | None
) -> EvidenceLink:
    refuse_closed_codes(application, [item_code])
    _refuse_no_place(evidence, page, region)
    left, top, width, height = region or (None, None, None, None)
    place = {"page": page, "left": left, "top": top, "width": width, "height": height}
    return EvidenceLink.objects.update_or_create(evidence=evidence, item_code=item_code, defaults=place)[0]


def _refuse_no_place(evidence: Evidence, page: int | None, region: Region | None) -> None:
    """A page must be there, and a region must lie on one."""
    problems = []
    if page is not None and not 1 <= page <= (evidence.pages or 1):
        message = gettext_noop("页码应在 1 至 %(pages)s 之间。")
        problems.append(Problem("page", "page", message, {"pages": evidence.pages or 1}))
    if region is not None and page is None:
        problems.append(Problem("region_without_page", "page", gettext_noop("标注范围须先选定页码。")))
    if region is not None and evidence.kind not in previews.KINDS:
        problems.append(Problem("region_without_picture", "region", gettext_noop("只能在 PDF 与图片上标注范围。")))
    if region is not None and not _lies_on_page(region):
        problems.append(Problem("region", "region", gettext_noop("标注范围须在页面之内，宽和高大于零。")))
    if problems:
        raise Refused(problems)


def _lies_on_page(region: Region) -> bool:
    left, top, width, height = region
    inside = 0 <= left < 1 and 0 <= top < 1 and 0 < width <= 1 and 0 < height <= 1
    # A rectangle drawn to the edge may miss it by the last bit of a fraction.
    return inside and left + width <= 1.000001 and top + height <= 1.000001


def prove_items(
    by: User,
    evidence: Evidence,
    codes: Iterable[str],
    *,
    page: int | None = None,
    seen: Iterable[str] | None = None,
) -> None:
    """Say in one go which items a proof is for. What stays keeps its page and region.

    codes: the items that it proves from now on; page: where the new ones are proved. seen: the items that the writer saw
    it prove: what others have tied or untied since stays as they left it; None: those that it proves now. Raises Refused
    with every item that is closed or unknown, and for a page that is not there.
    """
    application, wanted = evidence.application, set(codes)
    with writing(by, "edit", application):
        now = set(evidence.links.values_list("item_code", flat=True))
        known = now if seen is None else set(seen)
        added, gone = wanted - known - now, (known - wanted) & now
        _refuse_closed_any(application, added | gone)
        if added:
            _refuse_gone(evidence)
            _refuse_no_place(evidence, page, None)
        evidence.links.filter(item_code__in=gone).delete()
        for code in sorted(added):
            EvidenceLink.objects.create(evidence=evidence, item_code=code, page=page)


def _refuse_closed_any(application: Application, codes: set[str]) -> None:
    """As ``refuse_closed_codes`` for items alone, but with all that is wrong at once."""
    problems: list[Problem] = []
    for code in sorted(codes):
        try:
            refuse_closed_codes(application, [code])
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems)


def unlink_evidence(by: User, evidence: Evidence, item_code: str) -> None:
    """Detach a proof from one item."""
    with writing(by, "edit", evidence.application):
        if not open_places(evidence.application).item(item_code):
            refuse_closed(item_code)
        evidence.links.filter(item_code=item_code).delete()


def remove_evidence(by: User, evidence: Evidence) -> None:
    """Take a proof out of the next version; every item it proves must be open."""
    with writing(by, "edit", evidence.application):
        _refuse_closed_items(evidence.application, evidence)
        Evidence.objects.filter(pk=evidence.pk, removed_at=None).update(removed_at=timezone.now())


def restore_evidence(by: User, evidence: Evidence) -> None:
    """Take back a removal; every item it proves must be open. Raises Refused where the same file is there again."""
    application = evidence.application
    with writing(by, "edit", application):
        _refuse_closed_items(application, evidence)
        _refuse_double_evidence(application, evidence.sha256)
        Evidence.objects.filter(pk=evidence.pk).update(removed_at=None)


def _refuse_closed_items(application: Application, evidence: Evidence) -> None:
    """In a correction a proof is open when every item it proves is; one that proves nothing is closed then."""
    refuse_closed_codes(application, evidence.links.values_list("item_code", flat=True))


# --- replacing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Replacement:
    """The proof that took another's place. dropped: (item code, page) of anchors that must be set again."""

    evidence: Evidence
    dropped: tuple[tuple[str, int], ...]

    def remarks(self) -> list[Problem]:
        """What the applicant must look at, in words."""
        if not self.dropped:
            return []
        message = gettext_noop("以下锚点需要重新标注：%(places)s")
        places = "、".join(f"{code}（{page}）" for code, page in self.dropped)
        return [Problem("anchors_dropped", str(self.evidence.pk), message, {"places": places})]


def refuse_unless_replaceable(evidence: Evidence) -> None:
    """Raise Refused where the proof is gone, or proves an item that is closed."""
    _refuse_closed_items(evidence.application, evidence)
    _refuse_gone(evidence)


def _refuse_gone(evidence: Evidence) -> None:
    if evidence.removed_at is not None:
        raise Refused([Problem("removed", "file", gettext_noop("原佐证已被移除或替换，请刷新页面。"))])


def pages_alike(evidence: Evidence, values: Mapping[str, Any], upload: Any) -> frozenset[int]:
    """Pages with a region whose shape in the new file (``values``, from ``upload``) is that of the old. Raises Refused."""
    regions = {link.page for link in evidence.links.all() if link.region is not None}
    if not regions or values["kind"] not in previews.KINDS:
        return frozenset()
    old = previews.page_sizes(evidence, regions)
    new = _sizes_of(values, upload, regions)
    return frozenset(page for page in regions if page in old and page in new and _alike(old[page], new[page]))


def _sizes_of(values: Mapping[str, Any], upload: Any, pages: set[int]) -> dict[int, tuple[float, float]]:
    if isinstance(upload, Received) and values["kind"] == "pdf":
        return previews.sizes_in(upload.path, "pdf", pages)
    with files.on_disk(values["file"]) as path:
        return previews.sizes_in(Path(path), values["kind"], pages)


def _alike(old: tuple[float, float], new: tuple[float, float]) -> bool:
    return abs(old[0] / old[1] - new[0] / new[1]) <= SAME_SHAPE * old[0] / old[1]


def replace_evidence(by: User, evidence: Evidence, upload: Any) -> Replacement:
    """Put a new file in the place of a proof: caption and links go over, the old file stays for earlier versions.

    A link keeps its page where the new file has that page, its region where the page has the same shape.
    """
    values = evidence_values(by, upload)
    done = keep_replacement(by, evidence, values, pages_alike(evidence, values, upload))
    _ask_for_thumbnail(done.evidence)
    return done


def keep_replacement(by: User, evidence: Evidence, values: Mapping[str, Any], alike: frozenset[int]) -> Replacement:
    """The second half of ``replace_evidence``: write the new row, take the old one out."""
    application = evidence.application
    with writing(by, "edit", application):
        evidence.removed_at = Evidence.objects.values_list("removed_at", flat=True).get(pk=evidence.pk)
        refuse_unless_replaceable(evidence)
        Evidence.objects.filter(pk=evidence.pk).update(removed_at=timezone.now())
        _refuse_double_evidence(application, values["sha256"])
        row = Evidence.objects.create(
            application=application,
            evidence_kind=evidence.evidence_kind,
            caption=evidence.caption,
            replaces=evidence,
            **values,
        )
        dropped = [place for link in evidence.links.order_by("item_code") if (place := _hand_on(link, row, alike))]
    return Replacement(row, tuple(dropped))


def _hand_on(link: EvidenceLink, row: Evidence, alike: frozenset[int]) -> tuple[str, int] | None:
    """Copy one link to the new proof; return (item, old page) where page or region was lost on the way."""
    stays = link.page is not None and link.page <= (row.pages or 1)
    keeps = stays and link.page in alike and link.region is not None
    place: dict[str, Any] = {"page": link.page if stays else None}
    if keeps:
        place |= {"left": link.left, "top": link.top, "width": link.width, "height": link.height}
    EvidenceLink.objects.create(evidence=row, item_code=link.item_code, **place)
    lost = link.page is not None and (not stays or (link.region is not None and not keeps))
    return (link.item_code, link.page) if lost and link.page is not None else None
