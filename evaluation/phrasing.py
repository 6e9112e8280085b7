"""What the authority writes in messages: versions of a text per kind and language, each checked before it is kept.

Hides: that a version never changes, that going back is a new version with the old words, and that of two who write at once
one is told what the other wrote.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from evaluation.basis import unstated
from evaluation.permissions import can_city
from portal import audit, message_texts
from portal.machine import NotAllowed
from portal.message_kinds import KINDS
from portal.message_places import OF_KIND, problems_of
from portal.message_texts import LANGUAGES, Wording
from portal.models import MessageText, User
from portal.problems import Changed, Problem, Refused, gettext_noop


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison. sign: " " in both, "-" only before, "+" only after."""

    sign: str
    text: str


def versions(kind: str, language: str) -> list[MessageText]:
    """Every version of one text, newest first."""
    rows = MessageText.objects.filter(kind=kind, language=language).select_related("by")
    return list(rows.order_by("-number"))


def words_of(row: MessageText | None, kind: str, language: str) -> Wording:
    """The words of a version with their places; of none, and of a return to it, the portal's own text."""
    own = None if row is None or row.is_default else row
    return message_texts.wording_of(kind, language, own)


def sample(kind: str, language: str, words: Wording) -> Wording:
    """The text as its reader would find it in the sample case."""
    return words.filled(message_texts.samples_of(kind, language))


def problems(kind: str, language: str, words: Wording, basis: str) -> Iterator[Problem]:
    """Everything that keeps a version from being saved."""
    if kind not in OF_KIND or kind not in KINDS:
        yield Problem("kind_unknown", "kind", gettext_noop("没有这一类通知。"))
        return
    if language not in LANGUAGES:
        yield Problem("language_unknown", "language", gettext_noop("没有这种语言。"))
    yield from problems_of(kind, words.subject, words.body)
    yield from unstated(basis)


def write(by: User, kind: str, language: str, words: Wording, basis: str, seen: int) -> MessageText:
    """Keep a new version, in force for what is written from now on. seen: number of the version it was made from, 0: none.

    Raises NotAllowed, Refused with every problem at its field, Changed where somebody else wrote a version meanwhile.
    """
    words = Wording(words.subject.strip(), words.body.replace("\r\n", "\n").strip())
    _authorise(by)
    found = list(problems(kind, language, words, basis))
    if found:
        raise Refused(found)
    return _keep(by, kind, language, seen, subject=words.subject, body=words.body, basis=basis.strip())


def go_back(by: User, kind: str, language: str, number: int, basis: str, seen: int) -> MessageText:
    """Let an earlier version hold again, as a new one with its words; number 0 is the portal's own text.

    Raises as ``write`` does; what that version says is checked against the places of today.
    """
    _authorise(by)
    row = MessageText.objects.filter(kind=kind, language=language, number=number).first()
    if number and row is None:
        raise Refused([Problem("version_unknown", "number", gettext_noop("没有这个版本。"))])
    if row is not None and not row.is_default:
        return write(by, kind, language, Wording(row.subject, row.body), basis, seen)
    own = words_of(None, kind, language)
    found = list(problems(kind, language, own, basis))
    if found:
        raise Refused(found)
    return _keep(by, kind, language, seen, subject="", body="", is_default=True, basis=basis.strip())


def _authorise(by: User) -> None:
    if not can_city(by, "change_messages"):
        raise NotAllowed("change_messages")


def _keep(by: User, kind: str, language: str, seen: int, **values: Any) -> MessageText:
    """The next version and its event; the unique number decides between two."""
    try:
        with transaction.atomic():
            newest = MessageText.objects.filter(kind=kind, language=language).order_by("-number").first()
            if (newest.number if newest else 0) != seen:
                raise _overtaken(newest)
            row = MessageText.objects.create(kind=kind, language=language, number=seen + 1, by=by, **values)
            before, after = words_of(newest, kind, language), words_of(row, kind, language)
            audit.record(
                row, "message_text.write", by=by, role="security_administrator", kind=kind, language=language,
                number=row.number, basis=row.basis,
                before={"subject": before.subject, "body": before.body},
                after={"subject": after.subject, "body": after.body},
            )  # fmt: skip
    except IntegrityError as error:
        raise _overtaken(versions(kind, language)[0]) from error
    return row


def _overtaken(newest: MessageText | None) -> Changed:
    message = gettext_noop("%(who)s刚刚保存了第 %(number)s 版，请看过后再改。")
    told = {"who": str(newest.by) if newest else "", "number": newest.number if newest else 0}
    now = {"number": newest.number, "subject": newest.subject, "body": newest.body} if newest else {}
    return Changed([Problem("changed", "", message, told)], {"current": now})


def compared(before: Wording, after: Wording) -> tuple[list[Line], list[Line]]:
    """Subject and body of two versions, line by line."""
    return _lines(before.subject, after.subject), _lines(before.body, after.body)


def _lines(before: str, after: str) -> list[Line]:
    found = difflib.ndiff(before.splitlines(), after.splitlines())
    return [Line(line[0], line[2:]) for line in found if line[0] != "?"]
