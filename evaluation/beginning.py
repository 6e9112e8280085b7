"""What a person does next while nothing waits on them: from a new account to the first application, and where to look then.

Hides: which facts make the next step, and that only links are told that this person may open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from communities import inviting
from communities.models import Community, Organisation
from communities.permissions import can, duties_of, memberships_of
from evaluation.filing import may_open_project
from evaluation.models import Project
from evaluation.permissions import as_expert, can_project, may_see_queue
from experts.models import Expert
from experts.permissions import may_see_pool
from portal.models import User

UNITS_AT_MOST = 5  # of which a step is told each


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing to do or to wait for. label, address: the link, "" where there is nothing to open.

    urges: something is to be done; else there is only something to look at.
    """

    sentence: str
    label: str = ""
    address: str = ""
    urges: bool = True


def next_steps(user: User) -> list[NextStep]:
    """What ``user`` may do next, first things first; never empty. A constant number of queries."""
    found = [*_invitations(user), *_units(user), *_duties(user)]
    return sorted(found, key=lambda step: not step.urges) or [_first(user)]


def _invitations(user: User) -> Iterator[NextStep]:
    for row in inviting.waiting_for(user):
        words = _("%(unit)s邀请您成为成员。接受后就可以代表该单位办理。") % {"unit": row.organisation.name}
        yield NextStep(words, _("查看并答复"), inviting.address_of(row))


def _first(user: User) -> NextStep:
    words = _("第一步：登记您的单位。单位已经注册的，请其管理员在单位页邀请您（用户名：%(name)s）。")
    return NextStep(words % {"name": user.username}, _("登记单位"), reverse("organisation-new"))


def _duties(user: User) -> Iterator[NextStep]:
    if may_see_queue(user):
        address = f"{reverse('queue')}?show=open"
        yield NextStep(_("可以查看全部在办案件。"), _("在办案件"), address, urges=False)
    elif may_see_pool(user):
        yield NextStep(_("可以查看专家库。"), _("专家库"), reverse("experts"), urges=False)
    elif duties_of(user):
        yield NextStep(_("您的职责目前没有待办事项。"), urges=False)
    for expert in Expert.objects.filter(user__in=as_expert(user)):
        words = _("您在专家库中。被抽取时会收到邀请，届时在这里答复和评分。")
        yield NextStep(words, _("我的专家信息"), expert.get_absolute_url(), urges=False)


def _units(user: User) -> Iterator[NextStep]:
    units = Organisation.objects.filter(pk__in=memberships_of(user)).annotate(
        has_project=Exists(Project.objects.filter(organisation=OuterRef("pk"))),
        idle_community=_newest(Community.objects.filter(organisation=OuterRef("pk"), projects=None)),
        idle_project=_newest(Project.objects.filter(organisation=OuterRef("pk"), applications=None)),
    )
    rows = list(units.order_by("-state_since", "-pk")[:UNITS_AT_MOST])
    projects = Project.objects.select_related("community").in_bulk([row.idle_project for row in rows])
    communities = Community.objects.in_bulk([row.idle_community for row in rows])
    for unit in rows:
        if not unit.may_apply(timezone.localdate()):
            yield _shut_step(user, unit)
        else:
            yield _open_step(user, unit, projects.get(unit.idle_project), communities.get(unit.idle_community))


def _newest(rows: Any) -> Subquery:
    return Subquery(rows.order_by("-pk").values("pk")[:1])


def _shut_step(user: User, unit: Organisation) -> NextStep:
    """What comes next for a unit that may not apply now."""
    name, address = {"unit": unit.name}, unit.get_absolute_url()
    if unit.state in ("draft", "returned"):
        if can(user, "edit", unit):
            return NextStep(_("%(unit)s的注册还没有提交核验。") % name, _("完成单位注册"), address)
        words = _("%(unit)s的注册还没有提交核验，由单位管理员提交。") % name
        return NextStep(words, _("查看单位"), address, urges=False)
    if unit.state == "submitted":
        words = _("%(unit)s正在等待受理员核验；办结后会通知您，核验通过后即可登记小区。")
        if unit.due_on:
            words = _("%(unit)s正在等待受理员核验，期限%(day)s；办结后会通知您，核验通过后即可登记小区。")
        return NextStep(words % {**name, "day": unit.due_on}, _("查看单位"), address, urges=False)
    if unit.state == "lapsed":
        words = _("%(unit)s的注册逾期未提交，已经作废；需要时请重新登记。") % name
        return NextStep(words, _("登记单位"), reverse("organisation-new"))
    if unit.state == "refused":
        return NextStep(_("%(unit)s未予注册，理由见单位页。") % name, _("查看单位"), address, urges=False)
    return NextStep(_("%(unit)s被限制申报。") % name, _("查看单位"), address, urges=False)


def _open_step(user: User, unit: Any, project: Project | None, community: Community | None) -> NextStep:
    """What comes next for a verified unit. project: one without an application; community: one without a case."""
    name, address = {"unit": unit.name}, unit.get_absolute_url()
    if project is not None and can_project(user, "apply", project):
        words = _("%(community)s的案卷已经建立，下一步：选择阶段，开始申报。") % {"community": project.community.name}
        return NextStep(words, _("开始申报"), project.get_absolute_url())
    if community is not None and may_open_project(user, unit):
        words = _("%(community)s已经登记，下一步：建立案卷。") % {"community": community.name}
        return NextStep(words, _("建立案卷"), reverse("project-new", args=[community.pk]))
    if unit.has_project:
        return NextStep(_("可以查看%(unit)s的案卷。") % name, _("我的案卷"), reverse("projects"), urges=False)
    if unit.kind == Organisation.Kind.CONSULTING:
        words = _("%(unit)s已通过核验。申报单位的委托到了，会在这里等您答复。") % name
        return NextStep(words, _("查看单位"), address, urges=False)
    if can(user, "register_community", unit):
        words = _("%(unit)s已通过核验，下一步：登记小区。") % name
        return NextStep(words, _("登记小区"), reverse("community-new", args=[unit.pk]))
    return NextStep(_("%(unit)s已通过核验。") % name, _("查看单位"), address, urges=False)
