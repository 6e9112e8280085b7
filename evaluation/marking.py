"""Sheets: saving one mark, what a signature needs, who may see which sheet, and the panel's result.

Hides: that marks are written only while the review is open and the own sheet unsigned, that nobody sees another's marks
before the panel's result exists, and who of a panel must mark which items.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction

from evaluation import scoring
from evaluation.models import Application, Assignment, Evidence, Mark, Result
from evaluation.permissions import SEATED, writing
from evaluation.snapshot import canonical, evidence_of, latest
from evaluation.standard import Item
from portal import audit
from portal.machine import NotAllowed, hold
from portal.models import Event, User
from portal.problems import Changed, Problem, Refused, gettext_noop

UNSAID: Any = object()
OPENED = "evidence.open"
SCORERS = 2  # who must mark every item, at least


def save_mark(
    by: User,
    assignment: Assignment,
    item_code: str,
    *,
    value: Any = UNSAID,
    reason: str | None = None,
    private_note: str | None = None,
    revision: int | None = None,
    save_key: str = "",
) -> Mark:
    """Store what one expert thinks of one item; None keeps a text, ``value=None`` abstains (another field's item).

    ``revision`` is what the writer last saw (0 = nothing), None skips the comparison. ``save_key`` names one save (36
    characters at most): a message that comes twice, since its answer was lost, is one save. Raises NotAllowed, Stale once
    the sheet is signed or the review closed, Refused with the legal marks for an illegal one, Changed with what stands
    there for one that was saved elsewhere after ``revision``.
    """
    if assignment.expert.user_id != by.pk:
        raise NotAllowed("mark")
    known = _saved_as(assignment, item_code, save_key)
    if known is not None:
        return known
    application = assignment.application
    with writing(by, "mark", application):
        hold(assignment, "accepted")
        _check_mark(application, item_code, value)
        mark = assignment.marks.filter(item_code=item_code).first() or Mark(
            assignment=assignment, item_code=item_code, revision=0
        )
        if save_key and mark.save_key == save_key:
            return mark  # its twin came in between
        if mark.revision and revision is not None and revision != mark.revision:
            raise _changed(mark)
        mark.value = mark.value if value is UNSAID else value
        mark.reason = mark.reason if reason is None else reason
        mark.private_note = mark.private_note if private_note is None else private_note
        mark.save_key, mark.revision = save_key, mark.revision + 1
        mark.save()
        return mark


def _check_mark(application: Application, item_code: str, value: Any) -> None:
    """Raise Refused for an item that this stage has not, or a mark that is not legal."""
    standard = application.standard
    if item_code not in {item.code for item in standard.items(application.stage)}:
        raise Refused([Problem("item_unknown", item_code, gettext_noop("本阶段没有该条目。"))])
    problem = None if value in (UNSAID, None) else standard.check_mark(standard.item(item_code), value)
    if problem:
        raise Refused([problem])


def _saved_as(assignment: Assignment, item_code: str, save_key: str) -> Mark | None:
    """The mark as this very save left it, though the sheet may be signed by now; None where another was the last one."""
    return assignment.marks.filter(item_code=item_code, save_key=save_key).first() if save_key else None


def _changed(mark: Mark) -> Changed:
    names = ("value", "reason", "private_note", "save_key")
    now = {"current": {name: getattr(mark, name) for name in names}, "revision": mark.revision}
    message = gettext_noop("条目%(code)s已在另一窗口保存过，请查看后再保存。")
    return Changed([Problem("changed", mark.item_code, message, {"code": mark.item_code})], now)


def own_fields(assignment: Assignment) -> frozenset[str]:
    """The fields for which this expert was admitted, and the one for which they were drawn."""
    return frozenset({*(field.pk for field in assignment.expert.fields.all()), assignment.field})


def duties(panel: Sequence[Assignment]) -> dict[int, frozenset[str]]:
    """Assignment id -> codes of the items that this member must mark.

    ``panel``: the seats of one round of one application, in the order of the seats. Each marks the items of the own
    fields, the leader every item; then, chapter by chapter, the member with the fewest items (the lower seat of two) takes
    those that fewer than two would mark. It follows from who sits alone, never from who has marked: only what a member
    signed without goes to the next one, as when a substitute with other fields comes in or a member's fields change.
    """
    if not panel:
        return {}
    application, signed = panel[0].application, _signed_marks(panel)
    # What is signed takes no more marks: it counts for the items that were marked on it, and for no other.
    found = {row.pk: _by_field(row) & signed.get(row.pk, _all_codes(application)) for row in panel}
    for chapter in application.standard.chapters:
        codes = {item.code for item in chapter.items(application.stage)}
        while alone := {code for code in codes if sum(code in own for own in found.values()) < SCORERS}:
            more = {row.pk: (alone & signed.get(row.pk, alone)) - found[row.pk] for row in panel}
            free = [row for row in panel if more[row.pk]]
            if not free:
                break
            taker = min(free, key=lambda row: (len(found[row.pk]), row.seat)).pk
            found[taker] |= more[taker]
    return {pk: frozenset(codes) for pk, codes in found.items()}


def _all_codes(application: Application) -> set[str]:
    return {item.code for item in application.standard.items(application.stage)}


def _by_field(assignment: Assignment) -> set[str]:
    application, fields = assignment.application, own_fields(assignment)
    items = application.standard.items(application.stage)
    return {item.code for item in items if assignment.is_leader or item.domain in fields}


def _signed_marks(panel: Sequence[Assignment]) -> dict[int, set[str]]:
    """Assignment id -> codes of the items marked, of the sheets that are signed: these can take no more items."""
    found: dict[int, set[str]] = {row.pk: set() for row in panel if row.signed_sha256}
    rows = Mark.objects.filter(assignment__in=panel).exclude(assignment__signed_sha256="")
    for pk, code, value in rows.values_list("assignment", "item_code", "value"):
        if value is not None:
            found.setdefault(pk, set()).add(code)
    return found


def own_items(assignment: Assignment) -> frozenset[str]:
    """Items this expert must mark, as ``duties`` gives them to the panel of that round."""
    application = assignment.application
    rows = application.assignments.filter(review_round=assignment.review_round, state__in=SEATED).exclude(
        pk=assignment.pk
    )
    others = list(rows.select_related("expert").prefetch_related("expert__fields"))
    for row in others:
        row.application = application
    return duties(sorted([assignment, *others], key=lambda row: row.seat))[assignment.pk]


def is_said(mark: Mark | None) -> bool:
    """Whether there is a mark and it is no abstention."""
    return mark is not None and mark.value is not None


def missing_marks(assignment: Assignment, own: Collection[str] | None = None) -> Iterator[Problem]:
    """What still stands between a sheet and its signature. own: ``own_items``, where the caller has them."""
    application = assignment.application
    marks = {mark.item_code: mark for mark in assignment.marks.all()}
    own = own_items(assignment) if own is None else own
    fields = own_fields(assignment)
    for item in application.standard.items(application.stage):
        mark = marks.get(item.code)
        if item.code in own and not is_said(mark):
            of_field = gettext_noop("条目%(code)s %(name)s属于您的专业，尚未评分。")
            message = of_field if item.domain in fields else gettext_noop("条目%(code)s %(name)s由您评分，尚未评分。")
            yield Problem("mark_missing", item.code, message, {"code": item.code, "name": item.name})
        elif lacks_reason(item, mark):
            message = gettext_noop("条目%(code)s的评分须写理由。")
            yield Problem("reason_missing", item.code, message, {"code": item.code})


def lacks_reason(item: Item, mark: Mark | None) -> bool:
    """Whether a mark stands there that cannot be signed without words."""
    return is_said(mark) and not mark.reason.strip() and _asks_reason(item, mark.value)


def _asks_reason(item: Item, value: Any) -> bool:
    """A judgement within a range, and every mark that wins nothing."""
    return item.mode == "range" or value == "na" or value == 0


def opened_evidence(user: User, data: Mapping[str, Any]) -> frozenset[int]:
    """Which evidence of a snapshot ``user`` has looked at, by id."""
    ids = [row["id"] for row in data["evidence"]]
    seen = Event.objects.filter(subject_type=Evidence._meta.label_lower, subject_id__in=ids, actor=user, verb=OPENED)
    return frozenset(seen.values_list("subject_id", flat=True))


def open_evidence(user: User, evidence_id: int) -> None:
    """Keep, once, that an expert looked at a piece of evidence. Its trail is its own, not the case's history."""
    evidence = Evidence.objects.get(pk=evidence_id)
    if not Event.objects.of(evidence).filter(actor=user, verb=OPENED).exists():
        audit.record(evidence, OPENED, by=user, role="expert")


def unseen_claims(user: User, application: Application) -> frozenset[str]:
    """Items whose claim ``user`` may not read yet: an expert marks first, and then reads what the applicant claims.

    Empty for whoever has no open sheet in this round, and where the programme shows claims before marks.
    """
    if application.terms.claims_before_marks:
        return frozenset()
    rows = application.assignments.filter(review_round=application.review_round, state="accepted")
    seat = rows.filter(expert__user=user).prefetch_related("marks").first()
    if seat is None:
        return frozenset()
    marks = {mark.item_code: mark for mark in seat.marks.all()}
    codes = [item.code for item in application.standard.items(application.stage)]
    return frozenset(code for code in codes if not reads_claim(application, marks.get(code)))


def reads_claim(application: Application, mark: Mark | None) -> bool:
    """Whether an expert whose sheet is open and says this of an item reads what the applicant claims of it."""
    return application.terms.claims_before_marks or is_said(mark)


def unopened_evidence(assignment: Assignment) -> dict[str, list[int]]:
    """Item code -> ids of its proofs that the expert never opened, of every item that was marked; {} for none."""
    sealed = latest(assignment.application)
    if sealed is None:
        return {}
    opened = opened_evidence(assignment.expert.user, sealed.data)
    marked = sorted(mark.item_code for mark in assignment.marks.all() if is_said(mark))
    found = {code: [row["id"] for row in evidence_of(sealed.data, code) if row["id"] not in opened] for code in marked}
    return {code: ids for code, ids in found.items() if ids}


def open_proofs(user: User, assignment: Assignment, ids: Collection[int]) -> None:
    """Keep that an expert looked at these proofs of the case; ids that are none of it are passed over."""
    application = assignment.application
    with writing(user, "mark", application):
        hold(assignment, "accepted")
        sealed = latest(application)
        known = {row["id"] for row in sealed.data["evidence"]} if sealed else set()
        for pk in sorted(known & set(ids)):
            open_evidence(user, pk)


def sheet_of(assignment: Assignment) -> dict[str, Any]:
    """One sheet as data: what is hashed at the signature and given to the engine.

    What was never opened is as it was at the first signature; sheets signed before that was kept do not say it.
    """
    marks = {mark.item_code: mark for mark in assignment.marks.all()}
    items = assignment.application.standard.items(assignment.application.stage)
    unopened = assignment.unopened if assignment.signed_sha256 else unopened_evidence(assignment)
    return {
        "scorer": assignment.expert.number,
        "leader": assignment.is_leader,
        "marks": {item.code: marks[item.code].value if item.code in marks else None for item in items},
        "reasons": {code: mark.reason for code, mark in sorted(marks.items()) if mark.reason},
        **({} if unopened is None else {"unopened": unopened}),
    }


def sign(assignment: Assignment) -> str:
    """Seal one sheet: keep and return the SHA-256 of its canonical form. Inside the act that signs."""
    sheet = sheet_of(assignment)
    digest, unopened = hashlib.sha256(canonical(sheet)).hexdigest(), sheet.get("unopened")
    Assignment.objects.filter(pk=assignment.pk).update(signed_sha256=digest, unopened=unopened)
    assignment.signed_sha256, assignment.unopened = digest, unopened
    return digest


def seated(application: Application) -> Any:
    """Assignments of the present review round that sit on the panel, in the order of the seats."""
    rows = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
    return rows.select_related("expert__user").order_by("seat")


def compute(application: Application) -> Result:
    """The panel's result of this round from the sheets as they are signed; computed twice, it is still one row.

    Raises Refused where the sheets are not what was signed, or where the engine refuses them.
    """
    panel = list(seated(application).prefetch_related("marks"))
    for assignment in panel:
        assignment.application = application
    sheets = [sheet_of(assignment) for assignment in panel]
    for assignment, sheet in zip(panel, sheets, strict=True):
        if hashlib.sha256(canonical(sheet)).hexdigest() != assignment.signed_sha256:
            message = gettext_noop("%(expert)s的评分表与签署时不一致。")
            raise Refused([Problem("sheet_altered", sheet["scorer"], message, {"expert": str(assignment.expert)})])
    result = scoring.evaluate(application.standard, application.stage, [_engine_sheet(sheet) for sheet in sheets])
    trace = result.as_trace()
    with transaction.atomic():
        hold(application, "tallying")
        last = result_of(application)
        if last is not None and last.sheets == sheets:
            return last
        return Result.objects.create(
            application=application,
            review_round=application.review_round,
            count=last.count + 1 if last else 1,
            submission=latest(application),
            standard_sha256=application.project.standard.sha256,
            total=None if trace["total"] is None else Decimal(trace["total"]),
            level=result.level,
            trace=trace,
            sheets=sheets,
        )


def _engine_sheet(sheet: Mapping[str, Any]) -> scoring.Sheet:
    return scoring.Sheet(scorer=sheet["scorer"], leader=sheet["leader"], marks=sheet["marks"])


def result_of(application: Application) -> Result | None:
    """The result of the present review round as last counted, if the worker has computed it."""
    return application.results.filter(review_round=application.review_round).order_by("count").last()
