"""The page from which an officer finds every setting, and the pages of who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from communities.models import Officer
from evaluation import day_table
from evaluation.permissions import ADMINISTRATORS, CITY_RIGHTS, can_city
from portal import clock
from portal.machine import MACHINES, NotAllowed
from portal.models import User
from portal.templatetags.portal import role_name

# (name of the page, what it is called, what stands there, the right by which it is changed, the right to read it)
PLACES = (
    (
        "accounts", gettext_noop("账号"),
        gettext_noop("建立、停用、解除登录限制，发送设置密码的链接。"), "keep_accounts", "keep_accounts",
    ),
    (
        "officers", gettext_noop("主管人员与职责"),
        gettext_noop("谁担任什么职责，自何日至何日，依据什么。"), "keep_duties", "see_settings",
    ),
    (
        "duties", gettext_noop("各职责可以办什么"),
        gettext_noop("每项职责一页，由流程表和权利表列出。"), "", "see_settings",
    ),
    (
        "policies:district", gettext_noop("区县"),
        gettext_noop("代码、名称和启用、停用日期。"), "change_policies", "see_settings",
    ),
    (
        "policies:programme", gettext_noop("评价类别"),
        gettext_noop("现行标准、专家组、轮次和文字。"), "change_policies", "see_settings",
    ),
    (
        "policies:stage_rule", gettext_noop("阶段规则"),
        gettext_noop("每个阶段走哪些环节，证书几年有效。"), "change_policies", "see_settings",
    ),
    (
        "policies:form_rule", gettext_noop("形式审查规则"),
        gettext_noop("哪些规则未通过时可以说明理由放行。"), "change_policies", "see_settings",
    ),
    (
        "policies:late_code", gettext_noop("新增问题理由"),
        gettext_noop("首轮告知后才提出的问题，可以选哪些理由。"), "change_policies", "see_settings",
    ),
    (
        "policies:notice_form", gettext_noop("文书式样"),
        gettext_noop("告知书和通知书的编号、正文与救济途径。"), "change_policies", "see_settings",
    ),
    (
        "certificate-forms", gettext_noop("证书式样"),
        gettext_noop("证书的标题、正文、事项、印章和编号，按版本保存。"), "change_policies", "see_settings",
    ),
    (
        "standards", gettext_noop("评价标准"),
        gettext_noop("查阅、比较与导入标准文本。"), "import_standard", "see_settings",
    ),
    (
        "limits", gettext_noop("办理期限"),
        gettext_noop("每个环节几个工作日；更改前看到会移动的期限。"), "change_limits", "see_settings",
    ),
    (
        "days", gettext_noop("工作日表"),
        gettext_noop("调休与临时放假；录入新一年的放假安排。"), "change_policies", "see_settings",
    ),
    (
        "policies:parameter", gettext_noop("参数"),
        gettext_noop("聘期、分值等数字。"), "change_policies", "see_settings",
    ),
    (
        "policies:annual_target", gettext_noop("年度计划"),
        gettext_noop("每年每个区县计划评定多少个星级小区，统计页据此对照。"), "change_policies", "see_settings",
    ),
    (
        "policies:incentive_policy", gettext_noop("激励政策"),
        gettext_noop("各星级的数值、条件、上限和监管部门；没有设定的不能核定。"), "change_policies", "see_settings",
    ),
    (
        "policies:public_text", gettext_noop("公开文字"),
        gettext_noop("公开页面上的文字，如开放数据的使用条款。"), "change_policies", "see_settings",
    ),
    (
        "message-texts", gettext_noop("消息文本"),
        gettext_noop("各类通知的文字，哪些通知核发后送出。"), "change_messages", "see_settings",
    ),
    (
        "phrases", gettext_noop("常用语"),
        gettext_noop("形式审查常用的问题表述。"), "keep_phrases", "keep_phrases",
    ),
    (
        "undelivered", gettext_noop("未送达的邮件"),
        gettext_noop("发送失败或被退回的邮件，重新发送。"), "see_undelivered", "see_undelivered",
    ),
    (
        "trail", gettext_noop("留痕"),
        gettext_noop("谁在何时做了什么；只读，可导出。"), "", "read_trail",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """One setting on the hub. keepers: the duties that may change it, in words; mine: whether the reader holds one."""

    address: str
    label: str
    detail: str
    keepers: tuple[str, ...]
    mine: bool


def require(request: HttpRequest, right: str) -> None:
    """Raise NotAllowed unless the person may do what concerns no single case."""
    if not can_city(request.user, right):
        raise NotAllowed(right)


def places(user: User) -> Iterator[Place]:
    """Settings that ``user`` may read, in one order for everybody."""
    for name, label, detail, change, read in PLACES:
        if can_city(user, read):
            page, _colon, kind = name.partition(":")
            try:
                address = reverse(page, args=[kind] if kind else [])
            except NoReverseMatch:
                continue
            keepers = tuple(sorted(role_name(duty) for duty in CITY_RIGHTS[change])) if change else ()
            yield Place(address, _(label), _(detail), keepers, bool(change) and can_city(user, change))


@login_required
def settings_hub(request: HttpRequest) -> HttpResponse:
    """Every setting with who may change it; what the reader may change is marked."""
    require(request, "see_settings")
    keeps = can_city(request.user, "change_policies")
    year = day_table.missing_year(timezone.localdate(), clock.calendar()) if keeps else None
    context = {"places": list(places(request.user)), "missing_year": year}
    return render(request, "evaluation/settings/hub.html", context)


# --- duties -----------------------------------------------------------------------------------------------------------

# what the rights that concern no single case are called
RIGHT_WORDS = {
    "import_standard": gettext_noop("导入评价标准"),
    "keep_phrases": gettext_noop("维护常用语"),
    "propose_inspection": gettext_noop("发起年度抽查的抽取"),
    "see_late_findings": gettext_noop("查看后续轮次新增的问题"),
    "see_all_late_findings": gettext_noop("查看各受理员后续轮次新增的问题"),
    "declare_conflict": gettext_noop("声明本人回避某个案件或单位"),
    "enter_conflict": gettext_noop("登记他人须回避"),
    "ask_release": gettext_noop("提出解除回避"),
    "agree_release": gettext_noop("同意解除回避"),
    "see_settings": gettext_noop("查看设置"),
    "change_limits": gettext_noop("更改办理期限"),
    "change_messages": gettext_noop("更改消息文本和待发规则"),
    "see_undelivered": gettext_noop("查看并重新发送未送达的邮件"),
    "keep_accounts": gettext_noop("管理账号"),
    "keep_duties": gettext_noop("任命和终止职责"),
    "change_policies": gettext_noop("更改区县、评价类别、阶段规则、形式审查规则和理由、文书和证书式样、工作日表和参数"),
    "read_trail": gettext_noop("查阅和导出留痕"),
}


@dataclass(frozen=True, slots=True)
class Act:
    """One act of a table: what it is done to, in which states."""

    subject: str
    label: str
    states: tuple[str, ...]


def acts_of(duty: str) -> list[Act]:
    """What a duty may do by the tables of all machines."""
    return [
        Act(
            str(machine.model._meta.verbose_name), str(row.label), tuple(str(machine.states[state]) for state in row.sources)
        )
        for machine in MACHINES.values()
        for row in machine.transitions
        if duty in row.by
    ]  # fmt: skip


def city_rights_of(duty: str) -> list[str]:
    """What a duty may do that concerns no single case, in words."""
    return [_(RIGHT_WORDS.get(right, right)) for right, duties in CITY_RIGHTS.items() if duty in duties]


@login_required
def duties(request: HttpRequest) -> HttpResponse:
    """Every duty with how many hold it today."""
    require(request, "see_settings")
    held = Officer.objects.on(timezone.localdate()).filter(user__is_active=True)
    counted = dict(held.order_by().values("duty").annotate(n=Count("user", distinct=True)).values_list("duty", "n"))
    rows = [(code, label, counted.get(code, 0), code in ADMINISTRATORS) for code, label in Officer.Duty.choices]
    return render(request, "evaluation/settings/duties.html", {"rows": rows})


@login_required
def duty(request: HttpRequest, duty: str) -> HttpResponse:
    """What one duty may do, by the tables, and who holds it."""
    require(request, "see_settings")
    if duty not in Officer.Duty.values:
        raise Http404
    held = Officer.objects.on(timezone.localdate()).filter(duty=duty).select_related("user", "district")
    context: dict[str, Any] = {
        "duty": duty, "label": Officer.Duty(duty).label, "acts": acts_of(duty), "rights": city_rights_of(duty),
        "held": held.order_by("user__name", "district")[:200], "is_administrator": duty in ADMINISTRATORS,
    }  # fmt: skip
    return render(request, "evaluation/settings/duty.html", context)
