"""Findings 问题: what intake finds in the form check, gathered first and sent together in one correction notice.

The only module that writes them, the applicant's replies included. Hides: where a finding may point, which of them are
late, how rounds are counted, and that all are written while the case is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone

from communities.permissions import eyes_of
from evaluation import issuing, outbox
from evaluation.filing import open_findings, refuse_changed, refuse_closed, tidy
from evaluation.merging import merge, read_seen, seen_text
from evaluation.models import Application, Finding, LateCode, NoticeForm, NoticeKind
from evaluation.permissions import writing
from evaluation.snapshot import latest
from portal import audit, clock
from portal.machine import Act, NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

# Places of kind "data": what a case says besides its documents and items, in the words that a notice uses.
DATA_PLACES: Mapping[str, str] = {
    "target_level": gettext_noop("目标等级"),
    "planning_permit_on": gettext_noop("建设工程规划许可证日期"),
    "drawing_review_on": gettext_noop("施工图审查合格日期"),
    "construction_permit_on": gettext_noop("施工许可证日期"),
    "completed_on": gettext_noop("竣工验收日期"),
    "organisation": gettext_noop("申报单位信息"),
    "community": gettext_noop("小区信息"),
    "project": gettext_noop("前一阶段结论"),
    "guidance": gettext_noop("过程指导"),
}
Place = tuple[str, str]
REPLY_LENGTH = 5000


def places(application: Application) -> dict[Place, str]:
    """Every place where a finding may point: (kind, place) -> what people call it, in the order of the application."""
    documents = application.standard.stage(application.stage).documents
    items = application.standard.items(application.stage)
    return {
        **{("data", place): label for place, label in DATA_PLACES.items()},
        **{("document", document.code): f"{document.code} {document.name}" for document in documents},
        **{("item", item.code): f"{item.code} {item.name}" for item in items},
    }


def named(application: Application) -> frozenset[Place]:
    """The places that an earlier notice of the form check named."""
    return frozenset(_form_check(application).exclude(sent_at=None).values_list("kind", "place"))


def is_late(application: Application, kind: str, place: str) -> bool:
    """Whether a finding here would be new after the first notice: a place already named in a notice is not new."""
    return bool(application.correction_round) and (kind, place) not in named(application)


def rounds_used(application: Application) -> int:
    """Correction rounds of this application and of those before it that were withdrawn, back to the last one decided.

    Counted for the community and the stage, so that neither withdrawing nor a new project begins them anew.
    """
    project = application.project
    earlier = Application.objects.filter(
        project__community=project.community_id,
        project__programme=project.programme_id,
        stage=application.stage,
        pk__lt=application.pk,
    )
    used = application.correction_round
    for state, rounds in earlier.order_by("-pk").values_list("state", "correction_round"):
        if state != "withdrawn":
            break
        used += rounds
    return used


def _form_check(application: Application) -> Any:
    return application.findings.filter(phase=Finding.Phase.FORM_CHECK)


def unsent(application: Application) -> Any:
    """The findings that the next correction notice will name."""
    return _form_check(application).filter(sent_at=None).select_related("by", "released_by")


def release_missing(application: Application) -> Iterator[Finding]:
    """Unsent findings that are late and that no supervisor has released. Two queries."""
    if not application.correction_round:
        return
    known = named(application)
    for finding in unsent(application):
        if finding.released_by_id is None and (finding.kind, finding.place) not in known:
            yield finding


@dataclass(frozen=True, slots=True)
class Late:
    """Why a finding comes only after the first notice: a code of ``LateCode``, and words where that code needs them."""

    code: str = ""
    words: str = ""


IN_TIME = Late()


def add_finding(
    by: User, application: Application, kind: str, place: str, text: str, rule: str = "", late: Late = IN_TIME
) -> Finding:
    """Note one finding for the next correction notice.

    ``kind`` and ``place`` name a place of ``places``; ``rule`` is the automatic rule it comes from, if any. Raises
    NotAllowed, Stale, or Refused with every problem: unknown place, no text, late without a reason, noted already.
    """
    with writing(by, "find", application):
        problems = list(_wrong(application, kind, place, text, late))
        if problems:
            raise Refused(problems)
        told = late if is_late(application, kind, place) else IN_TIME
        return Finding.objects.create(
            application=application,
            round=application.correction_round + 1,
            kind=kind,
            place=place,
            text=text.strip(),
            rule=rule,
            late_code=told.code,
            late_reason=told.words.strip(),
            by=by,
        )


def _wrong(application: Application, kind: str, place: str, text: str, late: Late) -> Iterator[Problem]:
    if (kind, place) not in places(application):
        yield Problem("place_unknown", "place", gettext_noop("请选择问题所在的材料、条目或信息。"))
    if not text.strip():
        yield Problem("required", "text", gettext_noop("请写明问题与改正要求。"))
    elif unsent(application).filter(kind=kind, place=place, text=text.strip()).exists():
        yield Problem("double", "text", gettext_noop("该处已经列出同样的问题。"))
    if is_late(application, kind, place):
        yield from _wrong_reason(late)


def _wrong_reason(late: Late) -> Iterator[Problem]:
    code = LateCode.objects.filter(pk=late.code).first()
    if code is None:
        message = gettext_noop("首轮未提出的新问题须选择理由，并经监督员放行。")
        yield Problem("late_code_missing", "late_code", message)
    elif code not in LateCode.objects.in_use():
        yield Problem("late_code_ended", "late_code", gettext_noop("这一理由已停用，请另选。"))
    elif code.needs_words and not late.words.strip():
        yield Problem("late_reason_missing", "late_reason", gettext_noop("选择该理由的，须写明具体情况。"))


def take_up(by: User, application: Application, rule: str, number: int, late: Late = IN_TIME) -> list[Finding]:
    """Make findings of the ``number``-th problem (from 0) that an automatic rule found: one at each place it touches.

    Raises as ``add_finding``; Refused too where there is no such problem.
    """
    sealed = latest(application)
    results = {row["rule"]: row["problems"] for row in sealed.checks or []} if sealed else {}
    problems = results.get(rule, [])
    if not 0 <= number < len(problems):
        raise Refused([Problem("problem_unknown", "rule", gettext_noop("自动检查结果中没有这一问题。"))])
    text = Problem.from_record(problems[number]).text()
    with writing(by, "find", application):
        found = places_of(problems[number], places(application), sealed.data)
        return [add_finding(by, application, kind, place, text, rule, late) for kind, place in found]


def places_of(problem: Mapping[str, Any], known: Mapping[Place, str], data: Mapping[str, Any]) -> list[Place]:
    """Where a stored problem of an automatic rule must be mended. A proof is mended at every item that it proves."""
    place = problem["place"]
    for kind in ("item", "document", "data"):
        if (kind, place) in known:
            return [(kind, place)]
    if place == "evidence":
        name = problem["params"].get("name")
        codes = {code for row in data["evidence"] if row["name"] == name for code in row["items"]}
        if codes:
            return [("item", code) for code in sorted(codes)]
    return [("data", "organisation" if place == "credit_code" else "project")]


def remove_finding(by: User, finding: Finding) -> None:
    """Take back a finding that has not been sent. Raises NotAllowed, Stale, Refused once it is part of a notice."""
    with writing(by, "find", finding.application):
        removed, _ = Finding.objects.filter(pk=finding.pk, sent_at=None, phase=Finding.Phase.FORM_CHECK).delete()
        if not removed:
            raise Refused([Problem("sent", "", gettext_noop("该问题已经告知申报单位，不能删除。"))])


def release_finding(by: User, finding: Finding) -> None:
    """Let a late finding into the notice. Raises NotAllowed, Stale, Refused where there is nothing to release."""
    with writing(by, "release_finding", finding.application):
        waiting = Finding.objects.filter(pk=finding.pk, sent_at=None, released_by=None).exclude(late_code="")
        if finding.by_id in eyes_of(by):
            raise NotAllowed("release_finding")
        if not waiting.update(released_by=by):
            raise Refused([Problem("nothing_to_release", "", gettext_noop("该问题不需要放行，或已经放行。"))])
        said = {"place": finding.place, "code": finding.late_code, "reason": finding.late_reason}
        audit.record(finding.application, "finding.release", by=by, role="supervisor", **said)


def send(application: Application, number: int, act: Act) -> int:
    """Send every noted finding as the one notice of round ``number``; return how many. Inside the act that sends."""
    count = _form_check(application).filter(sent_at=None).update(sent_at=act.at, round=number)
    rows = list(_form_check(application).filter(round=number).exclude(sent_at=None))
    issuing.issue(application, NoticeKind.CORRECTION, act, _notice(application, rows, number), number)
    return int(count)


def reply(by: User, finding: Finding, text: str, *, seen: Mapping[str, str] | None = None) -> Finding:
    """Answer one finding of the correction notice. Raises Refused for an empty or overlong answer and a closed place,
    Changed where somebody else answered otherwise since ``seen`` (None skips that)."""
    answer = tidy(text, "reply", REPLY_LENGTH)
    if not answer:
        raise Refused([Problem("required", "reply", gettext_noop("请写明如何改正。"))])
    with writing(by, "edit", finding.application):
        row = open_findings(finding.application).select_related("replied_by").filter(pk=finding.pk).first()
        if row is None:
            refuse_closed(finding.place)
        now = {"reply": row.reply}
        merged = merge({"reply": answer}, now, read_seen(seen_text(now)) if seen is None else seen)
        if merged.clashing:
            refuse_changed(finding.place, merged, now, str(row.replied_by or ""), row.replied_at)
        if merged.values != now:
            row.reply, row.replied_at, row.replied_by = answer, timezone.now(), by
            row.save(update_fields=["reply", "replied_at", "replied_by"])
    return row


def ask_revision(application: Application, codes: list[str], text: str, by: User) -> list[Finding]:
    """What the panel wants revised, one finding at each item. Inside the leader's act."""
    return [
        Finding.objects.create(
            application=application,
            phase=Finding.Phase.REVISION,
            round=application.review_round,
            kind=Finding.Kind.ITEM,
            place=code,
            text=text.strip(),
            by=by,
            sent_at=timezone.now(),
        )
        for code in codes
    ]


def correction_notice(application: Application, number: int, day: date) -> bytes:
    """The correction notice of round ``number`` as a PDF: as it was sent, or as it would be sent on ``day``.

    Free text may hold characters that no font has; they are printed as 〓 and listed, since this is a working paper.
    """
    issued = application.issued_notices.filter(kind=NoticeKind.CORRECTION, round=number).first()
    if issued is not None:
        return issuing.bytes_of(issued)
    rows = list(_form_check(application).filter(round=number).exclude(sent_at=None))
    if rows:  # sent before notices were numbered and kept
        sent_on = outbox.told_on(application, rows[0].sent_at) or day
        printed = f"{application.project.number}-BZ-{number}"
        return issuing.preview(application, _notice(application, rows, number), sent_on, printed)
    return issuing.preview(application, _notice(application, list(unsent(application)), number), day)


def _notice(application: Application, rows: list[Finding], number: int) -> dict[str, Any]:
    """What the notice of one round says, whenever it is sent."""
    labels, form = places(application), NoticeForm.objects.get(pk=NoticeKind.CORRECTION)
    return {
        **issuing.head(application),
        "text": form.text,
        "remedy": form.remedy,
        "days": clock.days_of("correction", application.project.programme_id),
        "round": number,
        "findings": [{"place": labels.get((row.kind, row.place), row.place), "problem": row.text} for row in rows],
    }
