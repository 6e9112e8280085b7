"""Life after award: the yearly operating report 年度运营报告, the inspection 抽查, and putting right 整改."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation import inspecting, supervising, telling_guidance, telling_supervision
from evaluation.models import Inspection, OperatingReport, Rectification
from evaluation.moving import RECTIFICATION_STEPS, REPORT_STEPS
from evaluation.permissions import (
    inspection_roles,
    inspections_visible_to,
    rectification_roles,
    rectifications_visible_to,
    report_roles,
    reports_visible_to,
)
from portal import clock
from portal.machine import MACHINES, Act, Ask, Machine, Transition, register
from portal.models import User
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
UNIT = ("applicant", "consultant")


def is_of_the_city(row: Any) -> bool:
    """Whether nobody serves the district: intake acts there."""
    return supervising.checked_by_city(row.project.community.district_id)


# --- the operating report -----------------------------------------------------------------------------------------------


def report_clock(report: OperatingReport, source: str, target: str, day: date) -> Data:
    step = REPORT_STEPS.get(target)
    return {"due_on": clock.deadline(step, day, report.project.programme_id) if step else None}


def report_is_said(report: OperatingReport, act: Act) -> Iterator[Problem]:
    yield from supervising.unsaid(report)


def hand_in(report: OperatingReport, act: Act) -> Data:
    """What officers read from now on, in the words in which it was asked; what is typed later they do not see."""
    answers = OperatingReport.objects.values_list("answers", flat=True).get(pk=report.pk)
    report.handed = [[label, answers.get(code, "")] for code, label in report.questions]
    # Not the moment at which the act began: a proof may have come in while it waited for the row.
    report.submitted_at = timezone.now()
    report.save(update_fields=["handed", "submitted_at"])
    return {"year": report.year}


def keep_return(report: OperatingReport, act: Act) -> Data:
    report.returned_for, report.returns = act.data["reason"].strip(), report.returns + 1
    report.save(update_fields=["returned_for", "returns"])
    return {"year": report.year, "round": report.returns}


def report_holders(report: OperatingReport) -> Iterable[User]:
    return (telling_supervision.local if report.state == "submitted" else telling_guidance.applicants)(report.project)


ACCEPT: Any = ("accept", _("通过"), _("通过了年度运营报告"), ("submitted",), "accepted")
RETURN: Any = ("return", _("退回补正"), _("退回了年度运营报告"), ("submitted",), "returned")
OPERATING_REPORT = register(
    Machine(
        name="operating_report",
        model=OperatingReport,
        initial="due",
        states={
            "due": _("待提交"),
            "returned": _("已退回，待补正"),
            "submitted": _("待审阅"),
            "accepted": _("已通过"),
            "dropped": _("证书已失效，不再提交"),
        },
        roles_of=report_roles,
        visible_to=reports_visible_to,
        clock=report_clock,
        notify=telling_supervision.tell_report,
        holders=report_holders,
        overseers=lambda report: telling_guidance.supervisors(report.project),
        transitions=(
            Transition(
                "submit", _("提交报告"), _("提交了年度运营报告"), supervising.WRITABLE, "submitted", UNIT,
                checks=(report_is_said,), effects=(hand_in,), told=_("已提交：%(subject)s。"), page="operating-report",
            ),
            Transition(*ACCEPT, ("district_officer",)),
            Transition(*ACCEPT, ("intake",), when=is_of_the_city),
            Transition(*RETURN, ("district_officer",), asks=(REASON,), effects=(keep_return,)),
            Transition(*RETURN, ("intake",), asks=(REASON,), effects=(keep_return,), when=is_of_the_city),
            Transition(
                "let_go", _("不再提交"), _("证书已失效，不再要求提交年度运营报告"), supervising.WRITABLE, "dropped",
                ("system",),
            ),
        ),
    )
)  # fmt: skip


# --- the inspection -----------------------------------------------------------------------------------------------------


def inspection_clock(inspection: Inspection, source: str, target: str, day: date) -> Data:
    return {"due_on": None}  # once it is recorded, what it found has days of its own


def has_findings(inspection: Inspection) -> bool:
    return inspection.rectifications.filter(state="noted").exists()


def found_nothing(inspection: Inspection) -> bool:
    return not has_findings(inspection)


def visit_was_made(inspection: Inspection, act: Act) -> Iterator[Problem]:
    visited_on = act.data.get("visited_on")
    if isinstance(visited_on, date) and visited_on > act.day:
        yield Problem("date_future", "visited_on", gettext_noop("抽查日期不能晚于今天。"))
    drawn = inspection.draw.drawn_at
    if isinstance(visited_on, date) and drawn is not None and visited_on < timezone.localdate(drawn):
        yield Problem("date_early", "visited_on", gettext_noop("抽查日期不能早于抽取之日。"))
    if not inspection.photos.exists():
        yield Problem("photo_missing", "file", gettext_noop("请至少上传一张现场照片。"))


def findings_are_as_seen(inspection: Inspection, act: Act) -> Iterator[Problem]:
    """Which of the two rows holds was read before the row was ours: another officer may have noted something since."""
    wanted = "rectifying" if has_findings(inspection) else "closed"
    if inspection.state != wanted:
        yield Problem("changed", "", gettext_noop("内容刚被他人修改，请核对后重新保存。"))


def terms_are_ahead(inspection: Inspection, act: Act) -> Iterator[Problem]:
    for row in inspection.rectifications.filter(state="noted", mend_by__lt=act.day):
        message = gettext_noop("问题“%(text)s”的整改期限已过，请删去后重新记录。")
        yield Problem("term_over", "", message, {"text": row.text[:40]})


def keep_record(inspection: Inspection, act: Act) -> Data:
    inspection.visited_on, inspection.notes = act.data["visited_on"], act.data["notes"].strip()
    inspection.recorded_by = act.by
    inspection.save(update_fields=["visited_on", "notes", "recorded_by"])
    return {"findings": inspection.rectifications.filter(state="noted").count()}


def tell_findings(inspection: Inspection, act: Act) -> None:
    for row in inspection.rectifications.filter(state="noted").order_by("pk"):
        MACHINES["rectification"].perform(row, "tell", by=None)


def inspection_holders(inspection: Inspection) -> Iterable[User]:
    return telling_supervision.local(inspection.project) if inspection.state == "drawn" else ()


RECORD = (Ask("visited_on", _("抽查日期"), "date"), Ask("notes", _("现场情况")))
RECORDED: Any = {
    "asks": RECORD, "checks": (visit_was_made, terms_are_ahead, findings_are_as_seen), "effects": (keep_record,),
    "afterwards": (tell_findings,), "page": "inspection",
}  # fmt: skip


def recording(target: str, role: str, when: Any) -> Transition:
    return Transition(
        "record", _("登记抽查结果"), _("登记了抽查结果"), ("drawn",), target, (role,), when=when, **RECORDED
    )


INSPECTION = register(
    Machine(
        name="inspection",
        model=Inspection,
        initial="drawn",
        states={
            "drawn": _("待抽查"),
            "rectifying": _("整改中"),
            "closed": _("已办结"),
            "dropped": _("证书已失效，不再抽查"),
        },
        roles_of=inspection_roles,
        visible_to=inspections_visible_to,
        clock=inspection_clock,
        notify=telling_supervision.tell_inspection,
        holders=inspection_holders,
        overseers=lambda inspection: telling_guidance.supervisors(inspection.project),
        transitions=(
            recording("rectifying", "district_officer", has_findings),
            recording("closed", "district_officer", found_nothing),
            recording("rectifying", "intake", lambda row: is_of_the_city(row) and has_findings(row)),
            recording("closed", "intake", lambda row: is_of_the_city(row) and found_nothing(row)),
            Transition("close", _("整改完毕，办结抽查"), _("整改完毕，办结了抽查"), ("rectifying",), "closed", ("system",)),
            Transition(
                "let_go", _("不再抽查"), _("证书已失效，不再抽查"), ("drawn", "rectifying"), "dropped", ("system",),
            ),
        ),
    )
)  # fmt: skip


# --- putting right ------------------------------------------------------------------------------------------------------


def rectification_clock(row: Rectification, source: str, target: str, day: date) -> Data:
    """The unit's term stays its own while it is the unit's turn, also once it is over."""
    if target in ("open", "overdue"):
        return {"due_on": row.mend_by}
    step = RECTIFICATION_STEPS.get(target)
    return {"due_on": clock.deadline(step, day, row.project.programme_id) if step else None}


def reply_has_proof(row: Rectification, act: Act) -> Iterator[Problem]:
    if not inspecting.has_new_proof(row):
        yield Problem("proof_missing", "file", gettext_noop("请上传本次整改后的照片或文件作为佐证。"))


def term_is_ahead(row: Rectification, act: Act) -> Iterator[Problem]:
    """Nobody is given a term that is over: the one that stands, or a new one."""
    mend_by = act.data.get("mend_by")
    if isinstance(mend_by, date) and mend_by < act.day:
        yield Problem("date_past", "mend_by", gettext_noop("整改期限不能早于今天。"))
    yield from clock.too_far("mend_by", mend_by if isinstance(mend_by, date) else None)
    if mend_by is None and row.mend_by < act.day:
        yield Problem("term_over", "mend_by", gettext_noop("原整改期限已过，请另定期限。"))


def keep_reply(row: Rectification, act: Act) -> Data:
    row.reply = act.data["reply"].strip()
    row.save(update_fields=["reply"])
    return {}


def keep_answer(row: Rectification, act: Act) -> Data:
    """What was answered, and the new term if there is one."""
    before, wanted = row.mend_by, act.data.get("mend_by") or row.mend_by
    row.answer = (act.data.get("reason") or "").strip()
    row.mend_by = wanted
    if row.state == "open":
        row.due_on = wanted
    row.save(update_fields=["answer", "mend_by", "due_on"])
    return {"before": {"mend_by": before.isoformat()}, "due_on": wanted.isoformat()} if wanted != before else {}


def close_inspection(row: Rectification, act: Act) -> None:
    inspection = Inspection.objects.get(pk=row.inspection_id)
    if inspection.state == "rectifying" and inspecting.is_settled(inspection):
        MACHINES["inspection"].perform(inspection, "close", by=None)


def rectification_holders(row: Rectification) -> Iterable[User]:
    """The unit puts right, the officer checks."""
    if row.state in inspecting.MENDABLE:
        return telling_guidance.applicants(row.project)
    return telling_supervision.local(row.project) if row.state == "replied" else ()


CLOSE: Any = ("close", _("已整改，办结"), _("确认整改完毕"), ("replied",), "closed")
BACK: Any = ("return", _("未整改到位，退回"), _("退回继续整改"), ("replied",), "open")
TERM = Ask("mend_by", _("新的整改期限"), "date", required=False, help=_("不填则仍按原期限"))
BACKED: Any = {"asks": (REASON, TERM), "checks": (term_is_ahead,), "effects": (keep_answer,)}
RECTIFICATION = register(
    Machine(
        name="rectification",
        model=Rectification,
        initial="noted",
        states={
            "noted": _("已记录，未告知"),
            "open": _("待整改"),
            "overdue": _("逾期未整改"),
            "replied": _("待核查"),
            "closed": _("已整改"),
            "dropped": _("证书已失效，不再整改"),
        },
        roles_of=rectification_roles,
        visible_to=rectifications_visible_to,
        clock=rectification_clock,
        guard=inspecting.hold_inspection,
        notify=telling_supervision.tell_rectification,
        holders=rectification_holders,
        overseers=lambda row: telling_guidance.supervisors(row.project),
        deadlines={"open": "escalate"},
        transitions=(
            Transition("tell", _("告知整改"), _("告知了整改要求"), ("noted",), "open", ("system",)),
            Transition(
                "reply", _("提交整改情况"), _("提交了整改情况"), inspecting.MENDABLE, "replied", ("applicant",),
                asks=(Ask("reply", _("整改情况")),), checks=(reply_has_proof,), effects=(keep_reply,),
            ),
            Transition(*CLOSE, ("district_officer",), afterwards=(close_inspection,)),
            Transition(*CLOSE, ("intake",), afterwards=(close_inspection,), when=is_of_the_city),
            Transition(*BACK, ("district_officer",), **BACKED),
            Transition(*BACK, ("intake",), when=is_of_the_city, **BACKED),
            Transition(
                "escalate", _("逾期，报监督员"), _("逾期未整改，已报监督员"), ("open",), "overdue", ("system",),
            ),
            Transition(
                "extend", _("另给期限"), _("另给了整改期限"), ("overdue",), "open", ("supervisor",),
                asks=(REASON, Ask("mend_by", _("新的整改期限"), "date")), checks=(term_is_ahead,), effects=(keep_answer,),
            ),
            Transition(
                "let_go", _("不再整改"), _("证书已失效，不再整改"), ("noted", *supervising.UNSETTLED), "dropped", ("system",),
            ),
        ),
    )
)  # fmt: skip
