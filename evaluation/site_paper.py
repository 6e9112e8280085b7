"""The record of the panel's visit as a PDF: made once of what it says, by a worker or by whoever opens it first.

Hides: what names the file (the hash of the record with its signatures), and that the panel is named on paper to nobody
who may not know it.
"""

from __future__ import annotations

import json
from typing import Any

from celery import shared_task
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone, translation

from evaluation import site_checklist, site_signing
from evaluation.models import Application, Photo, SiteFinding, SiteSignature, SiteVisit
from evaluation.permissions import can
from portal import typesetting
from portal.files import sha256_of
from portal.models import User

KNOWN = frozenset({"notice", "certifying", "certified", "not_passed"})  # the panel is named with the result
WITHOUT_PLACE = {
    "denied": "未允许定位", "unavailable": "无法定位", "timeout": "定位超时", "unsupported": "设备不能定位",
}  # fmt: skip


def may_read(user: User, application: Application) -> bool:
    """Both signatures stand on the paper: for whoever may know the panel, and for all once the result is out."""
    return can(user, "see_panel", application) or application.state in KNOWN


def listed(user: User, application: Application) -> SiteVisit | None:
    """The visit of this round whose paper stands among the documents of the case, for whoever may read it. One query."""
    if not application.review_round or not may_read(user, application):
        return None
    rows = application.site_visits.filter(review_round=application.review_round).exclude(summary="")
    found: SiteVisit | None = rows.first()
    return found


def paper_of(visit: SiteVisit) -> SiteVisit:
    """The visit with its paper as it stands now: made if nobody has, kept once however many make it at once."""
    wanted = sha256_of_paper(visit)
    if visit.paper_of == wanted and default_storage.exists(visit.paper.name):
        return visit
    with translation.override("zh-hans"):
        content = _pdf(visit)
    digest = sha256_of(content)
    name = f"site-visit-{visit.pk}-{wanted}.pdf"
    if not default_storage.exists(name):
        name = default_storage.save(name, ContentFile(content))
    with default_storage.open(name) as kept:  # another who was faster has made the same words: that file counts
        digest = sha256_of(kept.read())
    SiteVisit.objects.filter(pk=visit.pk).update(paper=name, paper_sha256=digest, paper_of=wanted)
    visit.refresh_from_db(fields=["paper", "paper_sha256", "paper_of"])
    return visit


def sha256_of_paper(visit: SiteVisit) -> str:
    """Of the record, its history and its signatures: another one is another paper."""
    signed = [[row.pk, row.voided_at is None] for row in visit.signatures.all()]
    told = [site_signing.content_of(visit), signed, visit.review_round, visit.photos.count(), visit.findings.count()]
    return sha256_of(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@shared_task
def make_paper(pk: int) -> None:
    """Make the paper of one visit, if it still has none of what stands there."""
    visit = visits().filter(pk=pk).first()
    if visit is not None and visit.summary:
        paper_of(visit)


def visits() -> Any:
    case = "application__project"
    return SiteVisit.objects.select_related(f"{case}__community", f"{case}__standard", f"{case}__programme")


def file_name(visit: SiteVisit) -> str:
    return f"现场核查记录-{visit.application.project.number}-{visit.review_round}.pdf"


# --- what it says -------------------------------------------------------------------------------------------------


def _pdf(visit: SiteVisit) -> bytes:
    application = visit.application
    project, assets = application.project, dict[str, bytes]()
    day = visit.visited_on or timezone.localdate()
    content: dict[str, Any] = {
        "title": "现场核查记录",
        "number": visit.paper_number,
        "community": project.community.name,
        "project": project.number,
        "stage": str(application.stage_name),
        "issued_on": day,
        "visited_on": day.isoformat(),
        "summary": visit.summary,
        "findings": [_finding(line) for line in site_checklist.checklist(application, visit)],
        "photos": [_photo(row, number, assets) for number, row in enumerate(visit.photos.order_by("pk"), 1)],
        "signatures": _signatures(visit, assets),
        "sha256": site_signing.sha256_of_content(visit),
    }
    if not project.standard.is_official:
        content["notice"] = project.programme.sample_notice
    return typesetting.render("site_visit", content, assets=assets, replace_missing=True)


def _finding(line: site_checklist.Line) -> dict[str, Any]:
    last = line.last
    return {
        "code": line.item_code,
        "name": " · ".join(text for text in (line.title.removeprefix(line.item_code).strip(), line.why) if text),
        "seen": last.seen if last else "",
        "seen_words": str(SiteFinding.Seen(last.seen).label) if last else "未核查",
        "text": last.text if last else "",
        "version": last.number if last else 0,
    }


def _photo(row: Photo, number: int, assets: dict[str, bytes]) -> dict[str, Any]:
    with row.thumbnail.open() as kept:
        assets[f"photo-{number}"] = kept.read()
    place = f"{row.latitude:.6f}, {row.longitude:.6f}" if row.latitude is not None and row.longitude is not None else ""
    near = f" ±{row.accuracy:.0f} m" if place and row.accuracy is not None else ""
    taken = f"{timezone.localtime(row.taken_at):%Y-%m-%d %H:%M:%S}" if row.taken_at else "未知拍摄时间"
    withdrawn = f"（已撤下：{row.withdrawn_reason}）" if row.withdrawn_at else ""
    return {
        "picture": f"photo-{number}",
        "caption": f"{number}　{row.caption or row.name}{withdrawn}",
        "taken_at": taken,
        "position": f"{place}{near}" if place else WITHOUT_PLACE.get(row.said.get("no_place", ""), "没有位置"),
        "sha256": row.sent_sha256 or row.sha256,
    }


def _signatures(visit: SiteVisit, assets: dict[str, bytes]) -> list[dict[str, str]]:
    found = []
    valid = {row.side: row for row in visit.signatures.filter(voided_at=None).select_related("witness")}
    for side, label in SiteSignature.Side.choices:
        row = valid.get(side)
        signed: dict[str, str] = {"role": str(label), "name": row.name if row else ""}
        if row:
            if row.strokes:
                assets[f"signature-{side}"] = site_signing.as_svg(row.strokes).encode()
                signed["picture"] = f"signature-{side}"
            words = [row.title, f"{timezone.localtime(row.signed_at):%Y-%m-%d %H:%M}"]
            words += [f"在专家设备上签字，见证人 {row.witness}"] if row.witness else []
            words += [] if row.strokes else ["以姓名和密码签署"]
            signed["signed_at"] = "　".join(word for word in words if word)
        found.append(signed)
    return found
