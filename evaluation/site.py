"""On site: guidance visits, opinions and their photos; the record of the panel's visit and its two signatures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from evaluation.models import (
    Application,
    GuidanceOpinion,
    GuidanceVisit,
    Photo,
    Project,
    SiteFinding,
    SiteVisit,
)
from evaluation.permissions import can_project, guidance_roles, opinion_roles, roles_of, writing
from portal import audit
from portal.attachments import photo_values
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop


def plan_visit(by: User, project: Project, node: str, planned_on: date) -> GuidanceVisit:
    """Plan a guidance visit at one of the programme's nodes. Raises NotAllowed, Refused."""
    if not can_project(by, "plan_guidance", project):
        raise NotAllowed("plan_guidance")
    problems = []
    if node not in dict(project.programme.guidance_nodes):
        problems.append(Problem("node_unknown", "node", gettext_noop("请选择指导节点。")))
    if not project.applications.filter(state="certified").exists():
        problems.append(Problem("too_early", "node", gettext_noop("设计评价通过后才开始过程指导。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        visit = GuidanceVisit.objects.create(
            project=project, node=node, planned_on=planned_on, visitor=by, state="planned", due_on=planned_on
        )
        audit.record(visit, "guidance_visit.plan", by=by, role="district_officer", planned_on=planned_on.isoformat())
    return visit


def add_opinion(by: User, visit: GuidanceVisit, text: str, due_on: date, item_code: str = "") -> GuidanceOpinion:
    """Say what must be mended by when. Raises NotAllowed, Stale once the visit is closed, Refused."""
    if "district_officer" not in guidance_roles(by, visit):
        raise NotAllowed("add_opinion")
    problems = []
    if not text.strip():
        problems.append(Problem("required", "text", gettext_noop("请写明意见。")))
    if due_on < timezone.localdate():
        problems.append(Problem("date_past", "due_on", gettext_noop("整改期限不能早于今天。")))
    if item_code and not visit.project.standard.parsed.has_item(item_code):
        problems.append(Problem("item_unknown", "item_code", gettext_noop("标准中没有该条目。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        hold(visit, "planned", "open")
        opinion = GuidanceOpinion.objects.create(
            visit=visit, text=text.strip(), item_code=item_code, state="open", due_on=due_on
        )
        audit.record(opinion, "guidance_opinion.open", by=by, role="district_officer", due_on=due_on.isoformat())
    return opinion


def add_photo(
    by: User, subject: GuidanceVisit | GuidanceOpinion | Application, upload: Any, caption: str = ""
) -> Photo:
    """Add a photo to a guidance visit (district), to the reply of an opinion (applicant), or to the site visit.

    Upright, without metadata; capture time and place are kept beside it. Raises NotAllowed, Stale, Refused.
    """
    values = {**photo_values(upload, by), "caption": caption.strip()}
    if isinstance(subject, Application):
        with writing(by, "record_site_visit", subject):
            visit = site_visit_of(subject)
            _unsign(visit)
            return Photo.objects.create(site_visit=visit, **values)
    with transaction.atomic():
        if isinstance(subject, GuidanceOpinion):
            _require(opinion_roles(by, subject), "applicant")
            hold(subject, "open")
            return Photo.objects.create(opinion=subject, **values)
        _require(guidance_roles(by, subject), "district_officer")
        hold(subject, "planned", "open")
        return Photo.objects.create(guidance_visit=subject, **values)


def _require(roles: frozenset[str], role: str) -> None:
    if role not in roles:
        raise NotAllowed(role)


def site_visit_of(application: Application) -> SiteVisit:
    """The site visit of the present review round (made when the panel is convened)."""
    return SiteVisit.objects.get(application=application, review_round=application.review_round)


def record_site_visit(by: User, application: Application, visited_on: date, summary: str) -> SiteVisit:
    """Write what the visit was; both signatures fall away, since they were given to another text."""
    problems = []
    if visited_on > timezone.localdate():
        problems.append(Problem("date_future", "visited_on", gettext_noop("核查日期不能晚于今天。")))
    if not summary.strip():
        problems.append(Problem("required", "summary", gettext_noop("请填写核查情况。")))
    if problems:
        raise Refused(problems)
    with writing(by, "record_site_visit", application):
        visit = site_visit_of(application)
        visit.visited_on, visit.summary = visited_on, summary.strip()
        visit.save(update_fields=["visited_on", "summary"])
        _unsign(visit)
        role = "expert" if "expert" in roles_of(by, application) else "district_officer"
        audit.record(application, "site_visit.record", by=by, role=role, visited_on=visited_on.isoformat())
    return visit


def record_site_finding(by: User, application: Application, item_code: str, agrees: bool, text: str) -> SiteFinding:
    """Write what was seen for one item; both signatures fall away."""
    if item_code not in {item.code for item in application.standard.items(application.stage)}:
        raise Refused([Problem("item_unknown", "item_code", gettext_noop("本阶段没有该条目。"))])
    if not text.strip():
        raise Refused([Problem("required", "text", gettext_noop("请写明所见。"))])
    with writing(by, "record_site_visit", application):
        visit = site_visit_of(application)
        _unsign(visit)
        values = {"agrees": agrees, "text": text.strip(), "by": by}
        return SiteFinding.objects.update_or_create(site_visit=visit, item_code=item_code, defaults=values)[0]


def _unsign(visit: SiteVisit) -> None:
    names = ("expert_signed_by", "expert_signed_at", "applicant_signed_by", "applicant_signed_at")
    SiteVisit.objects.filter(pk=visit.pk).update(**dict.fromkeys(names))


def sign_site_visit(by: User, application: Application) -> SiteVisit:
    """Sign the record for one's side: an expert of the panel, or the applicant. Raises Refused while it is unwritten."""
    with writing(by, "sign_site_visit", application):
        visit = site_visit_of(application)
        problems = list(unwritten(visit))
        if problems:
            raise Refused(problems)
        side = "applicant" if "applicant" in roles_of(by, application) else "expert"
        setattr(visit, f"{side}_signed_by", by)
        setattr(visit, f"{side}_signed_at", timezone.now())
        visit.save(update_fields=[f"{side}_signed_by", f"{side}_signed_at"])
        audit.record(application, "site_visit.sign", by=by, role=side)
    return visit


def unwritten(visit: SiteVisit) -> Iterator[Problem]:
    """What the record still lacks before anyone can sign it."""
    if visit.visited_on is None or not visit.summary:
        yield Problem("record_missing", "summary", gettext_noop("请先填写核查日期与核查情况。"))
    if not visit.photos.exists():
        yield Problem("photo_missing", "photo", gettext_noop("请至少上传一张现场照片。"))


def unsigned(visit: SiteVisit) -> Iterator[Problem]:
    """What the record still lacks before the panel can mark."""
    yield from unwritten(visit)
    if visit.expert_signed_at is None:
        yield Problem("expert_unsigned", "signature", gettext_noop("专家尚未签字。"))
    if visit.applicant_signed_at is None:
        yield Problem("applicant_unsigned", "signature", gettext_noop("申报单位尚未签字。"))
