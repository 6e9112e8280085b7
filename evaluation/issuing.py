"""Numbered documents: the correction, acceptance and refusal notices of the form check, and those about a certificate.

Hides: how a number is made from its pattern, that what a document says is frozen when it is issued, and that its file is
made once from that alone: by a worker, or by whoever opens it first.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

from celery import shared_task
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation

from evaluation import wording
from evaluation.models import Application, HeldMessage, IssuedNotice, NoticeForm, NoticeKind
from evaluation.permissions import can, visible_to
from portal import clock, files, typesetting
from portal.machine import Act, NotAllowed
from portal.models import Sequence, User
from portal.tasks import ring, swept

logger = logging.getLogger(__name__)
TEMPLATES = {
    "correction": "correction_notice", "acceptance": "decision", "refusal": "decision",
    "hearing": "sanction", "sanction": "sanction", "nonrenewal": "sanction",
}  # fmt: skip
# kind -> the act whose message may wait for a look: until it has left, nobody outside reads the document
TOLD_BY = {"correction": "application.request_correction", "refusal": "application.refuse"}
DRAFT = "预览稿，尚未发出"


def issue(
    application: Application, kind: str, act: Act, content: dict[str, Any], number_of_round: int = 0
) -> IssuedNotice:
    """Give a document its number and freeze what it says; inside the act that decides. The file is made afterwards."""
    number = _number(application, kind, act.day)
    row = IssuedNotice.objects.create(
        application=application, kind=kind, round=number_of_round, number=number, issued_at=act.at, by=act.by,
        content={**content, "number": number},
    )  # fmt: skip
    transaction.on_commit(lambda: ring(make_notice, row.pk), robust=True)
    return row


def _number(application: Application, kind: str, day: date) -> str:
    """The next number of this kind, year and programme: a counter for each pattern as it reads without its number."""
    pattern = NoticeForm.objects.get(pk=kind).pattern
    prefix = application.project.programme.number_prefix
    counter = number_of(pattern, prefix, day.year, "")
    return number_of(pattern, prefix, day.year, f"{Sequence.take(counter[:60]):05d}")


def number_of(pattern: str, prefix: str, year: int, number: str) -> str:
    """A document's number by its pattern; with ``number`` "" what its counter is called."""
    return pattern.format(prefix=prefix, year=year, number=number)


def next_round(application: Application, kind: str) -> int:
    """The how-manieth document of its kind the case is about to get, where a case may get any number. Inside the act."""
    return application.issued_notices.filter(kind=kind).count() + 1


def head(application: Application) -> dict[str, Any]:
    """What every document of a case begins with."""
    project = application.project
    return {
        "addressee": project.organisation.name,
        "community": project.community.name,
        "project": project.number,
        "stage": application.stage_name,
    }


@translation.override("zh-hans")
def acceptance(application: Application) -> dict[str, Any]:
    """What an acceptance notice of this case says. The state has moved on already: what follows is the next step."""
    form, project = NoticeForm.objects.get(pk=NoticeKind.ACCEPTANCE), application.project
    target = wording.level_name(application.standard, project.target_level)
    step = "recommendation" if application.rule.needs_recommendation else "draw"
    after = "区县推荐" if application.rule.needs_recommendation else "抽取专家"
    days = clock.days_of(step, project.programme_id)
    return {
        **head(application),
        "title": str(NoticeKind.ACCEPTANCE.label),
        "decision": form.text,
        "facts": [
            ["目标等级", target],
            ["评价标准", str(project.standard)],
            ["提交版本", f"第 {application.version} 版"],
        ],
        "next": f"下一步为{after}，期限 {days} 个工作日。您可以随时在平台上查看进展。",
        "remedy": form.remedy,
    }


@translation.override("zh-hans")
def refusal(application: Application, reason: str) -> dict[str, Any]:
    """What a refusal says: the reasons as the officer wrote them, line by line, and how to appeal as it is configured."""
    form = NoticeForm.objects.get(pk=NoticeKind.REFUSAL)
    reasons = [line.strip() for line in reason.splitlines() if line.strip()]
    return {
        **head(application),
        "title": str(NoticeKind.REFUSAL.label),
        "decision": form.text,
        "reasons": reasons,
        "remedy": form.remedy,
    }


def preview(application: Application, content: dict[str, Any], day: date, number: str = "") -> bytes:
    """A correction notice as it would be sent on ``day``; with a number one that was sent before notices were kept."""
    told = {**content, **_dates(application, day), "number": number or "—", **({} if number else {"notice": DRAFT})}
    return pdf_of("correction", told)


def _dates(application: Application, day: date) -> dict[str, str]:
    """Of a correction notice that is told on ``day``."""
    due_on = clock.deadline("correction", day, application.project.programme_id)
    return {"issued_on": day.isoformat(), "due_on": due_on.isoformat()}


def told_on(row: IssuedNotice) -> date | None:
    """The day on which its addressee was told: None while the message waits for an officer's look."""
    verb = row.content.get("told_by") or TOLD_BY.get(row.kind, "")
    held = HeldMessage.objects.filter(application=row.application_id, event__verb=verb, event__at__gte=row.issued_at)
    message = held.order_by("event").first() if verb else None
    if message is None:
        return timezone.localdate(row.issued_at)
    return timezone.localdate(message.state_since) if message.state == "released" else None


def bytes_of(row: IssuedNotice) -> bytes:
    """What a document looks like: its file, or a preview while its message has not left."""
    row = made(row)
    if not row.sha256:
        return preview(row.application, row.content, timezone.localdate())
    with row.file.open() as kept:
        return bytes(kept.read())


def pdf_of(kind: str, content: dict[str, Any]) -> bytes:
    """Typeset what a document says. Free text may hold characters that no font has: they are printed as 〓 and listed."""
    return typesetting.render(TEMPLATES[kind], content, replace_missing=True)


def made(row: IssuedNotice) -> IssuedNotice:
    """The document with its file: made now if nobody has made it, and kept once however many make it at once.

    Without a file while the message that tells of it has not left: its days begin when it does.
    """
    day = None if row.sha256 else told_on(row)
    if day is None:
        return row
    dates = _dates(row.application, day) if row.kind == NoticeKind.CORRECTION else {"issued_on": day.isoformat()}
    said = {**row.content, **dates}
    with translation.override("zh-hans"):
        content = pdf_of(row.kind, said)
    digest = files.sha256_of(content)
    name = default_storage.save(f"notice-{row.pk}-{digest}.pdf", ContentFile(content))
    kept = {"file": name, "sha256": digest, "size": len(content), "content": said}
    if not IssuedNotice.objects.filter(pk=row.pk, sha256="").update(**kept):
        default_storage.delete(name)  # somebody else was faster: the same words, and their file counts
    row.refresh_from_db(fields=list(kept))
    return row


@shared_task
def make_notice(pk: int) -> None:
    """Make the file of one document, if it still has none."""
    row = notices().filter(pk=pk, sha256="").first()
    if row is not None:
        made(row)


@swept
def make_missing() -> int:
    """Ring again for documents whose bell was lost; return how many."""
    waiting = list(IssuedNotice.objects.filter(sha256="").order_by("pk").values_list("pk", flat=True)[:500])
    for pk in waiting:
        ring(make_notice, pk)
    return len(waiting)


def notices_of(user: User, application: Application) -> list[IssuedNotice]:
    """Documents of a case for whoever may read its history: its parties and officers. One query."""
    if not can(user, "see_history", application):
        return []
    rows = list(application.issued_notices.select_related("by"))
    sees_all = can(user, "see_findings", application)
    return [row for row in rows if row.sha256 or sees_all or told_on(row)]


def notice_for(user: User, pk: int) -> IssuedNotice:
    """One document with its file, for whoever may read it; else Http404, or NotAllowed where only the case is seen."""
    row: IssuedNotice = get_object_or_404(notices().filter(application__in=visible_to(user)), pk=pk)
    if not can(user, "see_history", row.application):
        raise NotAllowed("see_history")
    row = made(row)
    if not row.sha256:
        raise Http404
    return row


def notices() -> Any:
    case = "application__project"
    return IssuedNotice.objects.select_related(f"{case}__community", f"{case}__standard", f"{case}__programme")


def file_name(row: IssuedNotice) -> str:
    return f"{row.get_kind_display()}-{row.number}.pdf"
