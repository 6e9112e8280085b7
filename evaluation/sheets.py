"""One expert's signed sheet: who may read it or know that it is signed, and the paper it is printed on.

Hides: that a sheet which is open, also one that was opened again, is read by its expert alone, and that before the
panel's result a hash is as secret as the marks from which anybody could compute it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation import marking, wording
from evaluation.models import Application, Assignment, Mark
from evaluation.permissions import RIGHTS, SEATED, assignment_roles, can_see_sheets, knows_who_signed
from evaluation.standard import Item, to_text
from portal import typesetting
from portal.models import Event, User

SIGNED = ("assignment.sign", "assignment.sign_again")


def may_read_signed(user: User | None, assignment: Assignment) -> bool:
    """Whether ``user`` may read this sheet as it was signed: the own one, or any for who may see the sheets."""
    mine = "invitee" in assignment_roles(user, assignment)
    return assignment.state == "signed" and (mine or can_see_sheets(user, assignment.application))


def may_read_marks(user: User | None, assignment: Assignment) -> bool:
    """Whether ``user`` may read the marks of this sheet: the own ones as they stand, another's as they were signed."""
    mine = "invitee" in assignment_roles(user, assignment)
    return (mine and assignment.state in SEATED) or may_read_signed(user, assignment)


def known_sha256(user: User, assignment: Assignment) -> str:
    """The hash of a sheet for whoever sees the assignment: of the own one at once, of another with the result; else ""."""
    mine = assignment.expert.user_id == user.pk
    return assignment.signed_sha256 if mine or assignment.application.state in RIGHTS["see_sheets"][1] else ""


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat as somebody knows it. state: of the sheet, "" for who may not know it; sha256: "" likewise and unsigned."""

    assignment: Assignment
    state: str
    sha256: str


def known_seats(user: User, application: Application) -> list[Seat]:
    """The panel of the present round: each member knows the own sheet, the others' signatures with the result."""
    knows, found = knows_who_signed(user, application), []
    for row in marking.seated(application):
        row.application = application
        state = row.state if knows or row.expert.user_id == user.pk else ""
        found.append(Seat(row, state, known_sha256(user, row)))
    return found


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
        said = [(item, mark) for item, mark in lines if marking.is_said(mark)]
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
