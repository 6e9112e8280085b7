"""Ready phrases 常用语 for findings: one's own, and those that all who check share. Hides who may change which."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.db.models import F
from django.shortcuts import get_object_or_404
from django.utils import timezone

from evaluation.models import Finding, Phrase
from evaluation.permissions import can_city
from portal import audit
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

LONGEST, LONGEST_BASIS = 500, 300


def phrases_of(user: User, kind: str = "") -> list[Phrase]:
    """What ``user`` may insert: with ``kind`` first what fits a place of that kind; shared ones before the own."""
    rows = list(Phrase.objects.open_to(user))
    return sorted(rows, key=lambda row: (bool(kind) and row.kind not in ("", kind), row.owner_id is not None))


def phrase_for(user: User, pk: int) -> Phrase:
    """One of those, else Http404."""
    row: Phrase = get_object_or_404(Phrase.objects.open_to(user), pk=pk)
    return row


def write(
    by: User,
    kind: str,
    text: str,
    basis: str = "",
    *,
    shared: bool = False,
    phrase: Phrase | None = None,
    revision: int | None = None,
) -> Phrase:
    """Keep a new phrase, or change ``phrase`` as it was read at ``revision``. Every one who checks may change a shared one.

    Raises NotAllowed for who checks nothing, Refused with every problem: no text, too long, an unknown kind, somebody
    else changed it first.
    """
    if not can_city(by, "keep_phrases") or (phrase and phrase.owner_id not in (None, by.pk)):
        raise NotAllowed("keep_phrases")
    problems = list(_wrong(kind, text.strip(), basis.strip()))
    if problems:
        raise Refused(problems)
    values = {"kind": kind, "text": text.strip(), "basis": basis.strip(), "owner": None if shared else by}
    with transaction.atomic():
        if phrase is None:
            row = Phrase.objects.create(**values)
            audit.record(row, "phrase.write", by=by, role="intake", after=_told(row))
            return row
        before = _told(phrase)
        seen = phrase.revision if revision is None else revision
        rows = Phrase.objects.filter(pk=phrase.pk, revision=seen, removed_at=None)
        if not rows.update(**values, revision=F("revision") + 1):
            raise Refused([Problem("changed", "", gettext_noop("别人刚改过或删除了这条常用语，请重新打开。"))])
        row = Phrase.objects.get(pk=phrase.pk)
        audit.record(row, "phrase.write", by=by, role="intake", before=before, after=_told(row))
    return row


def _wrong(kind: str, text: str, basis: str) -> Iterator[Problem]:
    if kind and kind not in Finding.Kind.values:
        yield Problem("kind_unknown", "kind", gettext_noop("请选择位置类型。"))
    if not text:
        yield Problem("required", "text", gettext_noop("请写明常用语。"))
    for place, words, most in (("text", text, LONGEST), ("basis", basis, LONGEST_BASIS)):
        if len(words) > most:
            yield Problem("too_long", place, gettext_noop("最多 %(most)s 字。"), {"most": most})


def _told(row: Phrase) -> dict[str, str]:
    return {"kind": row.kind, "text": row.text, "basis": row.basis, "shared": "" if row.owner_id else "yes"}


def remove(by: User, phrase: Phrase) -> None:
    """Offer a phrase no more; findings that used it keep their words. A second time changes nothing."""
    if not can_city(by, "keep_phrases") or phrase.owner_id not in (None, by.pk):
        raise NotAllowed("keep_phrases")
    with transaction.atomic():
        if Phrase.objects.filter(pk=phrase.pk, removed_at=None).update(removed_at=timezone.now()):
            audit.record(phrase, "phrase.remove", by=by, role="intake", before=_told(phrase))
