"""What happens on site: guidance visits while it is built, and the panel's visit at completion."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from evaluation import site
from evaluation.models import Application, GuidanceVisit, Project
from evaluation.workflow import GUIDANCE_OPINION, GUIDANCE_VISIT
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


def plan(project: Project, node: str) -> GuidanceVisit:
    day = timezone.localdate()
    return site.plan_visit(people.district_officer_of(project), project, node, day)


def record(visit: GuidanceVisit) -> None:
    """The district officer records the visit with a photo and one opinion."""
    by = people.district_officer_of(visit.project)
    text = f"{visit.project.number} {visit.node_name}"
    site.add_photo(by, visit, papers.photo("现场照片", text), caption=f"{visit.node_name}现场")
    due_on = timezone.localdate() + timedelta(days=14)
    site.add_opinion(by, visit, f"示例：{visit.node_name}的标识不全，请按图补齐后拍照回复。", due_on)
    notes = f"示例：{visit.node_name}进度与计划相符，施工单位、监理到场。"
    GUIDANCE_VISIT.perform(visit, "record", by=by, visited_on=timezone.localdate(), notes=notes)


def answer(visit: GuidanceVisit) -> None:
    """The applicant replies to every opinion with a photo."""
    by = people.applicant_of(visit.project)
    for opinion in visit.opinions.filter(state="open"):
        upload = papers.photo("整改照片", f"{visit.project.number} {visit.node_name} {opinion.pk}")
        site.add_photo(by, opinion, upload, caption="整改后")
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
    site.sign_site_visit(leader, application)
    site.sign_site_visit(people.applicant_of(application.project), application)
