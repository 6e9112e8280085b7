"""One expert's signed sheet: who may read it, and the paper it is printed on."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation import wording
from evaluation.models import Assignment, Mark
from evaluation.permissions import assignment_roles, can_see_sheets
from evaluation.standard import Item, to_text
from portal import typesetting
from portal.models import Event, User

SIGNED = ("assignment.sign", "assignment.sign_again")


def may_read_signed(user: User | None, assignment: Assignment) -> bool:
    """Whether ``user`` may read this sheet as it was signed: the own one, or any for who may see the sheets."""
    mine = "invitee" in assignment_roles(user, assignment)
    return assignment.state == "signed" and (mine or can_see_sheets(user, assignment.application))


def signature_of(assignment: Assignment) -> Event | None:
    """The act by which the sheet was signed as it is now."""
    return Event.objects.of(assignment).filter(verb__in=SIGNED).last()


def sheet_pdf(assignment: Assignment) -> bytes:
    """The signed sheet as a PDF with its SHA-256. The same sheet gives the same bytes.

    Free text may hold characters that no font has; they are printed as 〓, since the sheet itself is the data.
    """
    application, signed = assignment.application, signature_of(assignment)
    project, at = application.project, timezone.localtime(signed.at) if signed else timezone.localtime()
    content: dict[str, Any] = {
        "number": f"{project.number}-PF-{application.stage}-{assignment.review_round}-{assignment.seat}",
        "project": project.number,
        "community": project.community.name,
        "stage": str(application.stage_name),
        "standard": str(project.standard),
        "expert": str(assignment.expert),
        "leader": assignment.is_leader,
        "field": application.standard.domains.get(assignment.field, _("不限专业")),
        "issued_on": at.date(),
        "signed_at": f"{at:%Y-%m-%d %H:%M}",
        "sha256": assignment.signed_sha256,
        "chapters": [
            {"name": name, "items": [_line(item, mark) for item, mark in said]}
            for name, said in said_by_chapter(assignment)
        ],
    }
    if not project.standard.is_official:
        content["notice"] = project.programme.sample_notice
    return typesetting.render("sheet", content, replace_missing=True)


def said_by_chapter(assignment: Assignment) -> list[tuple[str, list[tuple[Item, Mark]]]]:
    """Every item that the sheet marks, with its mark, under the chapters in the order of the standard."""
    application = assignment.application
    marks = {mark.item_code: mark for mark in assignment.marks.all()}
    found = []
    for chapter in application.standard.chapters:
        lines = [(item, marks.get(item.code)) for item in chapter.items(application.stage)]
        said = [(item, mark) for item, mark in lines if mark is not None and mark.value is not None]
        if said:
            found.append((f"{chapter.num} {chapter.name}", said))
    return found


def _line(item: Item, mark: Mark) -> dict[str, str]:
    return {
        "code": item.code,
        "name": item.name,
        "points": "" if item.kind == "control" else to_text(item.points),
        "mark": wording.mark_words(item, mark.value),
        "reason": mark.reason,
    }
