"""What happens on site: guidance visits while it is built, and the panel's visit at completion."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone

from evaluation import changing, guidance, site, site_signing
from evaluation.models import Application, GuidanceVisit, MajorChange, Project
from evaluation.workflow import GUIDANCE_OPINION, GUIDANCE_VISIT, MAJOR_CHANGE
from portal.accounts import Confirmed
from portal.demo import papers, people


def guide(project: Project) -> None:
    """Every node of the programme visited, its opinion replied to with a photo, everything closed."""
    for node, _ in project.programme.guidance_nodes:
        guide_at(project, node)


def guide_at(project: Project, node: str) -> None:
    """One node from the plan to the end."""
    visit = plan(project, node)
    record(visit)
    answer(visit)
    close(visit)


def give_schedules(project: Project) -> None:
    """The applicant says when each node is built, one after the other."""
    begins = timezone.localdate()
    for node, _ in project.programme.guidance_nodes:
        ends = begins + timedelta(days=40)
        guidance.give_schedule(people.applicant_of(project), project, node, begins, ends)
        begins = ends + timedelta(days=1)


def declare_change(project: Project) -> MajorChange:
    """The applicant declares that one item is built otherwise, with a drawing."""
    by = people.applicant_of(project)
    change = changing.open_change(by, project)
    item = changing.items_of(project)[0]
    said = {"summary": "示例：安防控制中心由 1 号楼移至 3 号楼。", "reason": "示例：消防设计审查要求。"}
    change = changing.write(by, change, **said, items=[item.code], documents=[])
    changing.add_proof(by, change, papers.pdf("变更图纸", f"{project.number} 安防控制中心"))
    MAJOR_CHANGE.perform(change, "declare", by=by)
    return change


def plan(project: Project, node: str, day: date | None = None) -> GuidanceVisit:
    """The district officer plans a visit; today where no day is given."""
    return guidance.plan_visit(people.district_officer_of(project), project, node, day or timezone.localdate())


def record(visit: GuidanceVisit, due_on: date | None = None) -> None:
    """The district officer records the visit with a photo and one opinion, to be mended by ``due_on``, else in 14 days."""
    by = people.district_officer_of(visit.project)
    text = f"{visit.project.number} {visit.node_name}"
    guidance.add_photo(by, visit, papers.photo("现场照片", text), caption=f"{visit.node_name}现场")
    due_on = due_on or timezone.localdate() + timedelta(days=14)
    guidance.add_opinion(by, visit, f"示例：{visit.node_name}的标识不全，请按图补齐后拍照回复。", due_on)
    notes = f"示例：{visit.node_name}进度与计划相符，施工单位、监理到场。"
    GUIDANCE_VISIT.perform(visit, "record", by=by, visited_on=timezone.localdate(), notes=notes)


def answer(visit: GuidanceVisit) -> None:
    """The applicant replies to every opinion with a photo."""
    by = people.applicant_of(visit.project)
    for opinion in visit.opinions.filter(state="open"):
        upload = papers.photo("整改照片", f"{visit.project.number} {visit.node_name} {opinion.pk}")
        guidance.add_photo(by, opinion, upload, caption="整改后")
        GUIDANCE_OPINION.perform(opinion, "reply", by=by, reply="示例：已补齐标识，照片附后。")


def close(visit: GuidanceVisit) -> None:
    """The district officer closes every opinion, then the visit."""
    by = people.district_officer_of(visit.project)
    for opinion in visit.opinions.filter(state="replied"):
        GUIDANCE_OPINION.perform(opinion, "close", by=by)
    GUIDANCE_VISIT.perform(visit, "close", by=by)


def record_site_visit(application: Application) -> None:
    """The panel writes what it saw, and both parties sign."""
    leader = next(row for row in people.panel_of(application, "accepted") if row.is_leader).expert.user
    text = f"{application.project.number} 现场核查 {application.review_round}"
    summary = "示例：抽查楼栋与机房，设备安装与竣工图一致，平台演示正常。"
    site.record_site_visit(leader, application, timezone.localdate(), summary)
    site.add_photo(leader, application, papers.photo("现场核查照片", text), caption="机房")
    code = next(item.code for item in application.standard.items(application.stage) if item.kind == "control")
    site.record_site_finding(leader, application, code, True, "示例：现场与申报一致。")
    applicant = people.applicant_of(application.project)
    for by in (leader, applicant):
        site_signing.sign(by, application, site_signing.Signing(by.name, confirmed=Confirmed(by.pk)))
