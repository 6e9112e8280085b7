"""Public replies: what a notice tells of the objections that were decided, and that nothing in it tells who objected.

Hides what is copied, what stands there where the officer wrote nothing, and what a public reply must not hold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from django.db.models import QuerySet
from django.utils import timezone

from evaluation.models import Objection, Programme, PublicNotice, PublicText, PublishedReply
from portal.problems import Problem, gettext_noop

USUAL = "objection_reply"  # the public text that stands where the officer wrote none
LONGEST = 2000
SHORTEST_NAME = 2  # characters: one alone stands in many words
GAP = "[ -]?"  # what people write between the digits of a number
ALONE = r"(?<!\d)(?<!\d[ -])"  # not in the middle of a longer number
PHONE = re.compile(rf"{ALONE}(?:\+?86{GAP})?1{GAP}\d(?:{GAP}\d){{9}}(?!\d)|{ALONE}0\d{{2,3}}{GAP}\d{{7,8}}(?!\d)")
IDENTITY = re.compile(
    rf"(?<![0-9A-Za-z])\d(?:{GAP}\d){{16}}{GAP}[\dXx](?![0-9A-Za-z])|(?<![0-9A-Za-z])\d{{15}}(?![0-9A-Za-z])"
)
ELEVEN = re.compile(r"(?<!\d)\d{11}(?!\d)")
MAIL = re.compile(r"[^\s@，。；：]+@[^\s@，。；：]+\.[A-Za-z]{2,}")


def problems_of(objection: Objection, text: str) -> Iterator[Problem]:
    """Why ``text`` may not stand on a public page as the reply to this objection."""
    if len(text) > LONGEST:
        yield Problem("too_long", "public_reply", gettext_noop("最多 %(most)s 个字。"), {"most": LONGEST})
    plain, closed = _plain(text), _closed(text)
    tells = [
        sentence
        for found, sentence in (
            (_holds(closed, objection.name, SHORTEST_NAME), NAME),
            (_holds(closed, objection.identity, 4), NUMBER),
            (_holds(closed, objection.contact, 4), CONTACT),
            (_holds(closed, objection.number, 1), RECEIPT),
            (bool(IDENTITY.search(plain)), ANY_NUMBER),
            (bool(PHONE.search(plain) or ELEVEN.search(plain)), ANY_PHONE),
            (bool(MAIL.search(plain)), ANY_MAIL),
        )
        if found
    ]
    yield from (Problem("tells_who", "public_reply", sentence) for sentence in tells)


NAME = gettext_noop("公开答复中有异议人的姓名或名称，请删去。")
NUMBER = gettext_noop("公开答复中有异议人的证件号码或信用代码，请删去。")
CONTACT = gettext_noop("公开答复中有异议人的联系方式，请删去。")
RECEIPT = gettext_noop("公开答复中有回执编号，凭它可以查到答复全文，请删去。")
ANY_NUMBER = gettext_noop("公开答复中有像身份证件号码的数字，请删去。")
ANY_PHONE = gettext_noop("公开答复中有像电话号码的数字，请删去。")
ANY_MAIL = gettext_noop("公开答复中有电子邮箱，请删去。")


def _plain(text: str) -> str:
    """Full-width letters and digits as plain ones."""
    return unicodedata.normalize("NFKC", text)


def _closed(text: str) -> str:
    """Only letters and digits, small: nothing hides behind a space or a dot."""
    return "".join(letter for letter in _plain(text).casefold() if letter.isalnum())


def _holds(closed: str, secret: str, shortest: int) -> bool:
    wanted = _closed(secret)
    return len(wanted) >= shortest and wanted in closed


def publish(objection: Objection, decision: str, text: str, day: date) -> PublishedReply | None:
    """Copy what may be public of a decided objection; None where the programme publishes no replies.

    text: shielded already; empty for the usual sentence.
    """
    programme: Programme = objection.notice.application.project.programme
    if not programme.publishes_replies:
        return None
    row, _made = PublishedReply.objects.get_or_create(
        objection=objection,
        defaults={
            "notice": objection.notice, "kind": objection.kind, "decision": decision, "decided_on": day,
            "received_on": timezone.localdate(objection.received_at), "text": text.strip() or usual(),
        },
    )  # fmt: skip
    return row


def usual() -> str:
    """What stands where the officer wrote nothing."""
    return PublicText.objects.filter(code=USUAL).values_list("text", flat=True).first() or ""


def published(notice: PublicNotice) -> QuerySet[PublishedReply]:
    """The replies that a notice shows, oldest decision first; none while its programme publishes none."""
    rows: QuerySet[PublishedReply] = notice.replies.filter(
        notice__application__project__programme__publishes_replies=True
    )
    return rows
