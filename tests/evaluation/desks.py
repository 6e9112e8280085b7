"""A small city for the officers' desk: a dozen cases of three units in known states, without their papers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from communities.models import Community, District, Membership, Organisation, OrganisationChange
from evaluation import configuration
from evaluation.models import Application, Engagement, Programme, Project
from portal import clock
from portal.demo import people
from portal.models import User

CODES = {"甲": "91500000MA00000010", "乙": "91500000MA0000002B", "咨询": "91500000MA0000003C"}


def workday(count: int) -> date:
    """The day that lies so many working days from today."""
    today = timezone.localdate()
    return today if not count else clock.calendar().resumed_due(count, today).date


def unit(key: str, name: str, district: District, contact: str) -> Organisation:
    kind = "consulting" if key == "咨询" else "developer"
    return Organisation.objects.create(
        credit_code=CODES[key], name=name, kind=kind, district=district, address="示例路1号", contact=contact, phone="0",
        undertaking=True, state="active",
    )  # fmt: skip


def case(number: int, owner: Organisation, district: District, by: User, name: str, state: str, **columns: Any) -> int:
    """The id of one more application; ``level`` is its target."""
    programme = Programme.objects.get(pk="smart_community")
    community = Community.objects.create(
        organisation=owner, name=name, district=district, address=f"示例大道{number}号", floor_area=1, households=1,
        buildings=1, planning_permit_number=f"建字第{number:04d}号",
    )  # fmt: skip
    project = Project.objects.create(
        number=f"ZHXQ-2026-{number:04d}", programme=programme, standard=programme.standard, community=community,
        organisation=owner, target_level=columns.pop("level", 1), created_by=by,
    )  # fmt: skip
    return Application.objects.create(project=project, state=state, version=1, **{"stage": "design", **columns}).pk


def build() -> dict[str, int]:
    """Name -> id of each case. Two districts, two applicants, a consultant; "龙湾" once bore another name."""
    configuration.load()
    districts = {row.name: row for row in District.objects.all()}
    here, there = districts["渝北区"], districts["江北区"]
    people.make_officers([here, there], per_officer=1)
    first, second = unit("甲", "示例置业Alpha有限公司", here, "赵联系"), unit("乙", "示例城建有限公司", there, "钱联系")
    advising = unit("咨询", "示例睿智咨询有限公司", here, "孙联系")
    by = people.user("member", "李经办")
    by.save()
    Membership.objects.create(user=by, organisation=first, role="administrator", since=date(2026, 1, 1))
    OrganisationChange.objects.create(
        organisation=second, state="approved", asked_by=by,
        before={"name": "旧名建设有限公司", "credit_code": "91500000MA0000009X"}, after={"name": second.name},
    )  # fmt: skip
    organiser, intake = people.officer("organiser"), {"handler": people.officer("intake"), "handler_duty": "intake"}
    kept = {
        "late": case(1, first, here, by, "龙湾一期", "form_check", due_on=workday(-2), level=3, **intake),
        "today": case(2, first, here, by, "龙湾二期", "form_check", due_on=workday(0), correction_round=1),
        "soon": case(3, second, there, by, "云顶花园", "form_check", due_on=workday(3), fault="坏"),
        "paused": case(4, second, there, by, "江畔", "form_check", days_left=4, paused_on=timezone.localdate()),
        "correction": case(5, first, there, by, "金色 家园", "correction", due_on=workday(8), days_left=2),
        "drawing": case(6, second, here, by, "ＡＢ国际", "drawing", due_on=workday(5), organiser=organiser),
        "completion": case(7, first, here, by, "云上", "approval", stage="completion", due_on=workday(20)),
        "done": case(8, first, here, by, "龙湾三期", "certified"),
        "draft": case(9, first, here, by, "龙湾四期", "draft"),
    }
    Application.objects.filter(pk=kept["soon"]).update(state_since=timezone.now() - timedelta(days=40))
    advised = Project.objects.get(applications=kept["drawing"])
    Engagement.objects.create(project=advised, organisation=advising, engaged_by=by, since=date(2026, 1, 1))
    return kept
