"""What a person does next while nothing waits on them: from a new account to the first application, and where to look then.

Hides: which facts make the next step, and that only links are told that this person may open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from communities import inviting
from communities.models import Community, Organisation
from communities.permissions import can, duties_of, memberships_of
from evaluation.filing import may_open_project
from evaluation.models import Project
from evaluation.permissions import as_expert, can_project
from experts.models import Expert
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


# duty -> (what it is there for, what the link is called, the page where its work begins)
BEGINNINGS: Mapping[str, tuple[str, str, str]] = {
    "intake": (
        gettext_noop("您是受理员：新提交的申报和单位注册会出现在这里，按期限排列。"),
        gettext_noop("在办案件"), "queue",
    ),
    "organiser": (
        gettext_noop("您是评价组织员：须抽取专家、组织评审的案件会出现在这里。"),
        gettext_noop("在办案件"), "queue",
    ),
    "approver": (
        gettext_noop("您是审定人：评审结束的案件会出现在这里，等您审定。"),
        gettext_noop("在办案件"), "queue",
    ),
    "supervisor": (
        gettext_noop("您是监督员：须共同启动的抽取、放行的问题和逾期的事项会出现在这里。"),
        gettext_noop("在办案件"), "queue",
    ),
    "district_officer": (
        gettext_noop("您是区县审核员：本区县须推荐、须过程指导的案件会出现在这里。"),
        gettext_noop("在办案件"), "queue",
    ),
    "pool_keeper": (
        gettext_noop("您是专家库管理员：入库、续聘申请会出现在这里，等您初审。"),
        gettext_noop("专家库"), "experts",
    ),
    "system_administrator": (
        gettext_noop("您是系统管理员：建立和停用账号，重新发送未送达的邮件。职责由安全管理员任命。"),
        gettext_noop("账号"), "accounts",
    ),
    "security_administrator": (
        gettext_noop("您是安全管理员：任命职责，更改期限、工作日表、评价类别和参数。账号由系统管理员建立。"),
        gettext_noop("设置"), "settings",
    ),
    "audit_administrator": (
        gettext_noop("您是审计管理员：查阅和导出留痕。"),
        gettext_noop("留痕"), "trail",
    ),
}  # fmt: skip


def _duties(user: User) -> Iterator[NextStep]:
    """Where the work of each duty begins, and what it may do; the page of a duty is written from the tables."""
    for duty in sorted({duty for duty, _district in duties_of(user)}, key=list(BEGINNINGS).index):
        words, label, page = BEGINNINGS[duty]
        address = reverse(page) + ("?show=open" if page == "queue" else "")
        yield NextStep(_(words), _(label), address, urges=False)
        yield NextStep(
            _("不清楚能办什么时，看这一页。"), _("本职责可以办什么"), reverse("duty", args=[duty]), urges=False
        )
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
