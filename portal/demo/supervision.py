"""Life after award in the demo world: yearly reports at every state, one draw of inspections, visits and what they found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from evaluation import inspecting, supervising
from evaluation.models import Certificate, Inspection, InspectionDraw, OperatingReport, Programme, Rectification
from evaluation.workflow import INSPECTION, INSPECTION_DRAW, OPERATING_REPORT, RECTIFICATION
from portal import tasks
from portal.demo import days, papers, people
from portal.models import User

ANSWER = "示例：本年度运行正常，已按计划保养，未发生信息安全事件。"
LATE_REPORTS = 2  # units that have handed in nothing
DRAWN_BEFORE, VISITED_BEFORE, REPLIED_BEFORE = 50, 35, 4  # working days


def make() -> None:
    """A draw of some weeks ago with its visits, and this year's reports. Nothing where nobody holds a star."""
    today = timezone.localdate()
    moments = [days.at(days.workdays_before(today, count)[0], 10, 0) for count in
               (DRAWN_BEFORE, VISITED_BEFORE, REPLIED_BEFORE)]  # fmt: skip
    with days.as_of(moments[0]):
        if not Certificate.objects.in_force(timezone.localdate()).exists():
            return
        draw = hold_draw()
        supervising.open_reports()
    inspections = list(draw.inspections.order_by("place"))
    case = "certificate__application__project"
    rows = OperatingReport.objects.filter(state="due").select_related(f"{case}__community", f"{case}__programme")
    newest = list(rows.order_by("-certificate__issued_on", "-pk"))
    with days.as_of(moments[1]):
        _visit(inspections)
        for row in newest[2 : max(len(newest) - LATE_REPORTS, 2)]:
            hand_in(row)
            OPERATING_REPORT.perform(row, "accept", by=local_officer(row))
    with days.as_of(moments[2]):
        _reply(inspections)
        for row in newest[:2]:
            hand_in(row, papers.pdf("运行记录", row.certificate.number))
        if newest:
            OPERATING_REPORT.perform(
                newest[0], "return", by=local_officer(newest[0]), reason="示例：请补充第三方检测报告。"
            )
    tasks.enforce_deadlines(RECTIFICATION)
    supervising.open_reports()


def hold_draw() -> InspectionDraw:
    """This year's draw for the city, started by two persons."""
    programme, year = Programme.objects.get(pk="smart_community"), timezone.localdate().year
    draw = inspecting.propose(people.officer("organiser"), programme, year, None)
    INSPECTION_DRAW.perform(draw, "cosign", by=people.officer("supervisor"))
    return InspectionDraw.objects.get(pk=draw.pk)


def local_officer(row: Inspection | OperatingReport) -> User:
    """Who inspects and reads reports: the district's officer, or intake where the district has none."""
    district = row.project.community.district_id
    if supervising.checked_by_city(district):
        return people.officer("intake")
    return people.officer("district_officer", district)


def visit(inspection: Inspection, findings: Iterable[tuple[str, int]]) -> None:
    """Visit with a photo and these findings, each to be put right within so many days."""
    by, today = local_officer(inspection), timezone.localdate()
    for text, term in findings:
        inspecting.add_finding(by, inspection, text, today + timedelta(days=term))
    photo = papers.photo("抽查现场", inspection.certificate.number)
    inspecting.add_photo(by, inspection, photo, "示例：监控中心")
    INSPECTION.perform(inspection, "record", by=by, visited_on=today, notes="示例：现场查看了监控中心、出入口与机房。")


def reply(row: Rectification) -> None:
    """The unit says what it put right, with a paper."""
    by = people.applicant_of(row.project)
    inspecting.add_rectification_proof(by, row, papers.pdf("整改报告", f"示例：{row.pk}"))
    RECTIFICATION.perform(row, "reply", by=by, reply="示例：已更换设备并恢复联网，附检测记录。")


def _visit(inspections: list[Inspection]) -> None:
    """Two visits: one that found faults, one that found none. The rest wait."""
    if inspections:
        faults = (("示例：2 号楼门禁停用三个月。", 20), ("示例：周界报警未联网。", 90), ("示例：机房未登记巡检。", 90))
        visit(inspections[0], faults)
    if len(inspections) > 1:
        visit(inspections[1], ())


def _reply(inspections: list[Inspection]) -> None:
    """Of the faults one is overdue, one replied to, one closed."""
    for row in inspections[0].rectifications.order_by("pk")[1:] if inspections else ():
        reply(row)
        if row.text == "示例：机房未登记巡检。":
            RECTIFICATION.perform(row, "close", by=local_officer(inspections[0]))


def hand_in(row: OperatingReport, paper: Any = None) -> None:
    """The unit answers every question and hands the report in."""
    by = people.applicant_of(row.project)
    supervising.write(by, row, {code: ANSWER for code, _label in row.questions})
    if paper is not None:
        supervising.add_proof(by, row, paper)
    OPERATING_REPORT.perform(row, "submit", by=by)
