"""Sheets: saving one mark, what a signature needs, who may see which sheet, and the panel's result.

Hides: that marks are written only while the review is open and the own sheet unsigned, and that nobody sees another's
marks before the panel's result exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction

from evaluation import scoring
from evaluation.models import Application, Assignment, Evidence, Mark, Result
from evaluation.permissions import SEATED, writing
from evaluation.snapshot import canonical, latest
from evaluation.standard import Item
from portal import audit
from portal.machine import NotAllowed, hold
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

UNSAID: Any = object()
OPENED = "evidence.open"


def save_mark(
    by: User,
    assignment: Assignment,
    item_code: str,
    *,
    value: Any = UNSAID,
    reason: str | None = None,
    private_note: str | None = None,
    revision: int | None = None,
) -> Mark:
    """Store what one expert thinks of one item; None keeps a text, ``value=None`` abstains (another field's item).

    ``revision`` is what the writer last saw (0 = nothing), None skips the comparison. Raises NotAllowed, Stale once the
    sheet is signed or the review closed, Refused with the legal marks for an illegal one.
    """
    if assignment.expert.user_id != by.pk:
        raise NotAllowed("mark")
    application = assignment.application
    with writing(by, "mark", application):
        hold(assignment, "accepted")
        standard = application.standard
        if item_code not in {item.code for item in standard.items(application.stage)}:
            raise Refused([Problem("item_unknown", item_code, gettext_noop("本阶段没有该条目。"))])
        problem = None if value in (UNSAID, None) else standard.check_mark(standard.item(item_code), value)
        if problem:
            raise Refused([problem])
        mark = assignment.marks.filter(item_code=item_code).first()
        if mark is not None and revision is not None and revision != mark.revision:
            message = gettext_noop("条目%(code)s已在另一窗口保存过，请查看后再保存。")
            raise Refused([Problem("changed", item_code, message, {"code": item_code})])
        said = {"value": value, "reason": reason, "private_note": private_note}
        given = {name: text for name, text in said.items() if text is not None and text is not UNSAID}
        if value is None:
            given["value"] = None
        if mark is None:
            return Mark.objects.create(assignment=assignment, item_code=item_code, **given)
        for name, text in given.items():
            setattr(mark, name, text)
        mark.revision += 1
        mark.save()
        return mark


def own_fields(assignment: Assignment) -> frozenset[str]:
    """The fields for which this expert was admitted, and the one for which they were drawn."""
    return frozenset({*assignment.expert.fields.values_list("pk", flat=True), assignment.field})


def own_items(assignment: Assignment) -> frozenset[str]:
    """Items this expert must mark: those of the own fields; the leader marks every item, so that none stays unmarked."""
    application = assignment.application
    items = application.standard.items(application.stage)
    if assignment.is_leader:
        return frozenset(item.code for item in items)
    fields = own_fields(assignment)
    return frozenset(item.code for item in items if item.domain in fields)


def missing_marks(assignment: Assignment) -> Iterator[Problem]:
    """What still stands between a sheet and its signature."""
    application = assignment.application
    marks = {mark.item_code: mark for mark in assignment.marks.all()}
    own = own_items(assignment)
    for item in application.standard.items(application.stage):
        mark = marks.get(item.code)
        if item.code in own and (mark is None or mark.value is None):
            message = gettext_noop("条目%(code)s %(name)s属于您的专业，尚未评分。")
            yield Problem("mark_missing", item.code, message, {"code": item.code, "name": item.name})
        elif mark and mark.value is not None and not mark.reason.strip() and _asks_reason(item, mark.value):
            message = gettext_noop("条目%(code)s的评分须写理由。")
            yield Problem("reason_missing", item.code, message, {"code": item.code})


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


def sheet_of(assignment: Assignment) -> dict[str, Any]:
    """One sheet as data: what is hashed at the signature and given to the engine."""
    marks = {mark.item_code: mark for mark in assignment.marks.all()}
    items = assignment.application.standard.items(assignment.application.stage)
    return {
        "scorer": assignment.expert.number,
        "leader": assignment.is_leader,
        "marks": {item.code: marks[item.code].value if item.code in marks else None for item in items},
        "reasons": {code: mark.reason for code, mark in sorted(marks.items()) if mark.reason},
    }


def sign(assignment: Assignment) -> str:
    """Seal one sheet: keep and return the SHA-256 of its canonical form. Inside the act that signs."""
    digest = hashlib.sha256(canonical(sheet_of(assignment))).hexdigest()
    Assignment.objects.filter(pk=assignment.pk).update(signed_sha256=digest)
    assignment.signed_sha256 = digest
    return digest


def seated(application: Application) -> Any:
    """Assignments of the present review round that sit on the panel, in the order of the seats."""
    rows = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
    return rows.select_related("expert__user").order_by("seat")


def compute(application: Application) -> Result:
    """The panel's result of this round, computed once; a second call returns the first one's row.

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
        return Result.objects.get_or_create(
            application=application,
            review_round=application.review_round,
            defaults={
                "submission": latest(application),
                "standard_sha256": application.project.standard.sha256,
                "total": None if trace["total"] is None else Decimal(trace["total"]),
                "level": result.level,
                "trace": trace,
                "sheets": sheets,
            },
        )[0]


def _engine_sheet(sheet: Mapping[str, Any]) -> scoring.Sheet:
    return scoring.Sheet(scorer=sheet["scorer"], leader=sheet["leader"], marks=sheet["marks"])


def result_of(application: Application) -> Result | None:
    """The result of the present review round, if the worker has computed it."""
    return application.results.filter(review_round=application.review_round).first()
