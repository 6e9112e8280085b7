"""Small words of every page: stars, deadlines with a lamp and a sentence, problems, states."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import template
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from portal.clock import calendar
from portal.machine import MACHINES
from portal.models import Event
from portal.problems import Problem, gettext_noop
from portal.workdays import Calendar

register = template.Library()
DEADLINES = "deadlines of the page"
CALENDAR = "calendar"


@register.filter
def stars(level: int, top: int = 3) -> SafeString:
    """★★☆ with a text alternative."""
    level = int(level or 0)
    label = gettext("%(level)s 星，满 %(top)s 星") % {"level": level, "top": top}
    return format_html(
        '<span class="stars" role="img" aria-label="{}">{}{}</span>', label, "★" * level, "☆" * max(top - level, 0)
    )


@register.simple_tag(takes_context=True)
def deadline(context: template.Context, day: date | None) -> SafeString:
    """还剩 3 个工作日 with the date; late, waiting or plain by class and by words, never by colour alone."""
    # On the outermost layer: an included template has a render context of its own.
    return deadline_lamp(context.render_context.dicts[0].setdefault(DEADLINES, {}), day)


def deadline_lamp(kept: dict[Any, Any], day: date | None) -> SafeString:
    """The same. kept: what one page keeps, empty at first: the calendar is read once, and a day is put into words once."""
    if day not in kept:
        kept[day] = _deadline(kept, day)
    return kept[day]


def _deadline(kept: dict[Any, Any], day: date | None) -> SafeString:
    if day is None:
        return format_html('<span class="tag plain">{}</span>', gettext("无期限"))
    if CALENDAR not in kept:
        kept[CALENDAR] = calendar()
    lamp, words, when = deadline_words(kept[CALENDAR], day)
    return format_html('<span class="tag {}">{}</span> <span class="muted nowrap">{}</span>', lamp, words, when)


def deadline_words(workdays: Calendar, day: date) -> tuple[str, str, str]:
    """Of a last day: the lamp ("late", "wait" or "plain"), how long it is until then in words, and the day."""
    today = timezone.localdate()
    left = workdays.workdays_between(today, day)
    if left < 0:
        words = ngettext("已超 %(n)s 个工作日", "已超 %(n)s 个工作日", -left) % {"n": -left}
        lamp = "late"
    elif left == 0:
        words, lamp = gettext("今天到期"), "wait"
    else:
        words = ngettext("还剩 %(n)s 个工作日", "还剩 %(n)s 个工作日", left) % {"n": left}
        lamp = "wait" if left <= 2 else "plain"
    # Three years ahead the day and month alone would be read as this year's.
    return lamp, words, dateformat.format(day, gettext("n月j日") if day.year == today.year else "Y-m-d")


@register.filter
def due_day(obj: Any) -> date | None:
    """The day by which somebody must act on anything with a life; None where ``due_on`` only says how long it lasts."""
    ends = any(obj.state in machine.terms for machine in MACHINES.values() if isinstance(obj, machine.model))
    return None if ends else obj.due_on


@register.filter
def state_name(obj: Any) -> str:
    """The state of anything with a life, in words."""
    return next((str(m.states[obj.state]) for m in MACHINES.values() if isinstance(obj, m.model)), obj.state)


@register.filter
def sentence(event: Event) -> str:
    """What an event says, in words of its machine's table, or of the few acts that move nothing."""
    name, _, action = event.verb.partition(".")
    machine = MACHINES.get(name)
    rows = machine.transitions if machine else ()
    found = next((str(row.done) for row in rows if row.action == action), None)
    return found or gettext(OTHER_ACTS.get(event.verb, event.verb))


# Machines of which a row's day moves with a limit or with the table of working days.
MOVED_WITH_LIMITS = (
    "application", "assignment", "question", "objection", "guidance_visit", "guidance_opinion", "major_change", "sanction",
    "renewal", "operating_report", "inspection", "rectification", "incentive", "held_message",
)  # fmt: skip
# Acts that are not transitions: creating and recording.
OTHER_ACTS: dict[str, str] = {
    "organisation.open": gettext_noop("开始了单位注册"),
    "organisation.change": gettext_noop("修改了单位信息"),
    "organisation.licence": gettext_noop("上传了营业执照"),
    "organisation.invite": gettext_noop("邀请了成员"),
    "organisation.invite_again": gettext_noop("重新发送了成员邀请"),
    "organisation.withdraw_invitation": gettext_noop("撤回了成员邀请"),
    "organisation.decline_invitation": gettext_noop("谢绝了成员邀请"),
    "organisation.join": gettext_noop("接受邀请，成为成员"),
    "organisation.add_member": gettext_noop("增加了成员"),
    "organisation.change_role": gettext_noop("变更了成员角色"),
    "organisation_change.propose": gettext_noop("申请了单位信息变更"),
    "organisation.end_membership": gettext_noop("办理了成员退出"),
    "user.register": gettext_noop("注册了账号"),
    "user.change": gettext_noop("修改了账号信息"),
    "user.password": gettext_noop("修改了密码"),
    "user.first_password": gettext_noop("设置了首个密码"),
    "user.notification_settings": gettext_noop("修改了通知设置"),
    "user.queue_columns": gettext_noop("调整了案件列表显示的列"),
    "user.queue_view": gettext_noop("设置了案件列表的默认视图"),
    "saved_view.create": gettext_noop("保存了视图"),
    "batch.choose": gettext_noop("调整了本批列入的案件"),
    "batch.prepare": gettext_noop("提出了批量办理"),
    "export.ask": gettext_noop("提出了导出"),
    "stand_in.ask": gettext_noop("提出了代理"),
    "saved_view.change": gettext_noop("修改了视图"),
    "saved_view.remove": gettext_noop("删除了视图"),
    "user.calendar_link": gettext_noop("生成了日历链接"),
    "user.calendar_unlink": gettext_noop("撤销了日历链接"),
    "access_token.create": gettext_noop("生成了接口令牌"),
    "access_token.revoke": gettext_noop("撤销了接口令牌"),
    "community.change": gettext_noop("修改了小区信息"),
    "community.open": gettext_noop("登记了小区"),
    "project.open": gettext_noop("建立了案卷"),
    "project.engage": gettext_noop("委托了咨询服务单位"),
    "project.accept_engagement": gettext_noop("接受了咨询服务委托"),
    "project.decline_engagement": gettext_noop("谢绝了咨询服务委托"),
    "project.withdraw_engagement": gettext_noop("撤回了咨询服务委托邀请"),
    "project.end_engagement": gettext_noop("终止了咨询服务委托"),
    "assignment.conflict": gettext_noop("因当事单位变化须回避"),
    "application.open": gettext_noop("开始填报"),
    "application.data": gettext_noop("修改了案卷信息"),
    "application.carry": gettext_noop("沿用了设计评价的自评和佐证"),
    "application.open_meeting": gettext_noop("开始了专家组合议会"),
    "application.close_meeting": gettext_noop("结束了专家组合议会"),
    "panel_message.post": gettext_noop("在专家组讨论中发言"),
    "question.ask": gettext_noop("提出了质询"),
    "guidance_visit.plan": gettext_noop("计划了过程指导"),
    "guidance_opinion.open": gettext_noop("提出了指导意见"),
    "guidance_visit.note": gettext_noop("补充了指导记要"),
    "guidance_companion.ask": gettext_noop("邀请了专家随行指导"),
    "project.schedule": gettext_noop("填写了施工计划"),
    "incentive.open": gettext_noop("激励立项"),
    "incentive.confirm": gettext_noop("签发了激励确认书"),
    "incentive_policy.open": gettext_noop("增加了激励政策"),
    "incentive_policy.change": gettext_noop("更改了激励政策"),
    "major_change.open": gettext_noop("开始填写重大变更"),
    "major_change.demand": gettext_noop("要求说明重大变更"),
    "major_change.write": gettext_noop("修改了重大变更"),
    "major_change.proof": gettext_noop("上传了变更佐证"),
    "major_change.remove_proof": gettext_noop("删除了变更佐证"),
    "sanction.propose": gettext_noop("提出了证书处理建议"),
    "sanction.add_evidence": gettext_noop("上传了处理依据的文件"),
    "sanction.remove_evidence": gettext_noop("删除了处理依据的文件"),
    "sanction.add_proof": gettext_noop("上传了陈述申辩的证据"),
    "sanction.remove_proof": gettext_noop("删除了陈述申辩的证据"),
    "renewal.ask": gettext_noop("申请延续证书"),
    "certificate.issue": gettext_noop("颁发了接替的证书"),
    "application.attach_minutes": gettext_noop("上传了审定会议纪要"),
    "application.remove_minutes": gettext_noop("删除了审定会议纪要"),
    "operating_report.open": gettext_noop("要求提交年度运营报告"),
    "operating_report.write": gettext_noop("填写了年度运营报告"),
    "operating_report.proof": gettext_noop("上传了运营佐证"),
    "operating_report.remove_proof": gettext_noop("删除了运营佐证"),
    "inspection_draw.propose": gettext_noop("冻结名单并发起了抽查抽取"),
    "inspection.draw": gettext_noop("被抽中接受年度抽查"),
    "inspection.photo": gettext_noop("上传了抽查照片"),
    "rectification.note": gettext_noop("记录了抽查发现的问题"),
    "rectification.take_out": gettext_noop("删去了记录的问题"),
    "rectification.proof": gettext_noop("上传了整改佐证"),
    "site_visit.record": gettext_noop("登记了现场核查"),
    "finding.release": gettext_noop("放行了新增问题"),
    "application.free": gettext_noop("经办人须回避，案件待另行指派"),
    "rule.override": gettext_noop("放行了未通过的软性规则"),
    "rule.take_back": gettext_noop("撤销了对规则的放行"),
    "phrase.write": gettext_noop("修改了常用语"),
    "phrase.remove": gettext_noop("删除了常用语"),
    "officer_conflict.declare": gettext_noop("登记了经办人员回避"),
    "officer_conflict.ask_release": gettext_noop("提出解除经办人员回避"),
    "officer_conflict.release": gettext_noop("同意解除经办人员回避"),
    "officer_conflict.keep": gettext_noop("未同意解除经办人员回避"),
    "evidence.open": gettext_noop("查看了佐证"),
    "site_visit.sign": gettext_noop("在核查记录上签字"),
    "site_visit.find": gettext_noop("记录了现场所见"),
    "site_visit.photo": gettext_noop("上传了现场核查照片"),
    "site_visit.withdraw_photo": gettext_noop("撤下了现场核查照片"),
    "site_visit.void": gettext_noop("修改了核查记录，原签字失效"),
    "objection.file": gettext_noop("提出了异议"),
    "application.await_message": gettext_noop("告知待核发，期限自发出之日起算"),
    "application.start_clock": gettext_noop("告知已发出，期限开始计算"),
    **dict.fromkeys(
        (f"{name}.restate_clock" for name in MOVED_WITH_LIMITS), gettext_noop("期限规定变更，期限随之调整")
    ),
    **dict.fromkeys((f"{name}.redate_clock" for name in MOVED_WITH_LIMITS), gettext_noop("工作日表变更，期限随之调整")),
    "limit.change": gettext_noop("更改了期限"),
    "officer.give": gettext_noop("任命了职责"),
    "officer.end": gettext_noop("终止了职责"),
    "user.open": gettext_noop("建立了账号"),
    "user.deactivate": gettext_noop("停用了账号"),
    "user.reactivate": gettext_noop("启用了账号"),
    "user.unlock": gettext_noop("解除了登录限制"),
    "user.reset_password": gettext_noop("作废了密码并发送了设置密码的链接"),
    "district.open": gettext_noop("增加了区县"),
    "district.change": gettext_noop("更改了区县"),
    "programme.change": gettext_noop("更改了评价类别"),
    "stage_rule.change": gettext_noop("更改了阶段规则"),
    "parameter.change": gettext_noop("更改了参数"),
    "form_rule.open": gettext_noop("增加了形式审查规则"),
    "form_rule.change": gettext_noop("更改了形式审查规则"),
    "late_code.open": gettext_noop("增加了新增问题理由"),
    "late_code.change": gettext_noop("更改了新增问题理由"),
    "certificate_form.write": gettext_noop("修改了证书式样"),
    "notice_form.change": gettext_noop("更改了文书式样"),
    "annual_target.open": gettext_noop("增加了年度计划"),
    "annual_target.change": gettext_noop("更改了年度计划"),
    "monthly_report.publish": gettext_noop("发布了统计月报"),
    "public_text.change": gettext_noop("更改了公开文字"),
    "notice.correct": gettext_noop("更正了公示"),
    "open_data.publish": gettext_noop("发布了当日开放数据"),
    "open_data.remove": gettext_noop("删除了到期的开放数据"),
    "day_override.change": gettext_noop("调整了工作日"),
    "trail.export": gettext_noop("导出了留痕"),
    "holding_rule.change": gettext_noop("修改了待发规则"),
    "message_text.write": gettext_noop("修改了消息文本"),
    "notification.bounce": gettext_noop("邮件被退回"),
    "notification.resend": gettext_noop("重新发送了邮件"),
    "standard.import": gettext_noop("导入了评价标准"),
    "call.open": gettext_noop("发布了专家征集"),
    "call.change": gettext_noop("变更了专家征集"),
    "call.publish": gettext_noop("公布了入库名单"),
    "pool_import.open": gettext_noop("上传了专家库导入表"),
    "pool_import.forget": gettext_noop("删除了未放行的名单和文件"),
    "admission.open": gettext_noop("开始填写申请"),
    "admission.change": gettext_noop("修改了申请"),
    "admission.proof": gettext_noop("上传了证明材料"),
    "admission.remove_proof": gettext_noop("删除了证明材料"),
    "expert.admit": gettext_noop("进入专家库"),
    "expert.renew": gettext_noop("续聘"),
    "expert.password_link": gettext_noop("重新发送了设置密码的邮件"),
    "expert.rate": gettext_noop("作出了履职评价"),
    "expert.reply_rating": gettext_noop("对履职评价作了申辩"),
    "expert.fields": gettext_noop("变更了专业"),
    "expert.declare_employment": gettext_noop("申报了任职经历"),
    "expert.declare_tie": gettext_noop("申报了回避事实"),
    "expert.end_fact": gettext_noop("填写了申报事实的结束日期"),
    "expert.correct_fact": gettext_noop("更正了申报的任职或回避事实"),
    "recusal.pin": gettext_noop("核定须回避"),
    "recusal.lift": gettext_noop("解除了须回避的核定"),
    "clearance.pin": gettext_noop("核定不必回避"),
    "clearance.lift": gettext_noop("解除了不必回避的核定"),
    "clearance.doubted": gettext_noop("本人申明回避，原核定不再适用"),
}

ROLES: dict[str, str] = {
    "applicant": gettext_noop("申报单位"),
    "consultant": gettext_noop("咨询服务单位"),
    "administrator": gettext_noop("单位管理员"),
    "member": gettext_noop("经办人"),
    "district_officer": gettext_noop("区县审核员"),
    "intake": gettext_noop("受理员"),
    "absent": gettext_noop("被代理人"),
    "stand_in": gettext_noop("代理人"),
    "owner": gettext_noop("办理人"),
    "organiser": gettext_noop("评价组织员"),
    "expert": gettext_noop("专家"),
    "invitee": gettext_noop("专家"),
    "leader": gettext_noop("专家组组长"),
    "approver": gettext_noop("审定人"),
    "supervisor": gettext_noop("监督员"),
    "draw_party": gettext_noop("抽取双方（评价组织员与监督员）"),
    "pool_keeper": gettext_noop("专家库管理员"),
    "system_administrator": gettext_noop("系统管理员"),
    "security_administrator": gettext_noop("安全管理员"),
    "audit_administrator": gettext_noop("审计管理员"),
    "entrant": gettext_noop("入库申请人"),
    "companion": gettext_noop("随行专家"),
    "asked_expert": gettext_noop("受邀随行的专家"),
    "asker": gettext_noop("提出质询的专家"),
    "proposer": gettext_noop("处理建议提出人"),
    "vetter": gettext_noop("初审人"),
    "importer": gettext_noop("导入人"),
    "system": gettext_noop("系统"),
    "public": gettext_noop("公众"),
}


@register.filter
def role_name(role: str) -> str:
    """A role in words."""
    return gettext(ROLES.get(role, role))


# Roles of the people on a panel: known by their role only to whoever does not see the panel.
PANEL_ROLES = frozenset({"expert", "leader", "invitee"})


@register.filter
def doer(event: Event) -> str:
    """Who did it, as anybody may know it: of the system and of a member of a panel only the role."""
    named = event.actor_id and event.role not in PANEL_ROLES
    return event.actor_name + instead_of(event) if named else role_name(event.role)


@register.filter
def instead_of(event: Event) -> str:
    """（代…）, where the person stood in for somebody who was away; "" else. For readers who may know who it was."""
    absent = event.data.get("in_place_of")
    return gettext("（代%(name)s）") % {"name": absent} if absent else ""


@register.filter
def by_token(event: Event) -> str:
    """通过接口令牌“…”, where a program acted for the person; "" else. For readers who may know who it was."""
    # A token that came of a password has no name of its own but one of ours.
    return gettext("通过接口令牌“%(name)s”") % {"name": gettext(event.token)} if event.token else ""


@register.filter
def problem_text(record: dict[str, Any]) -> str:
    """A stored problem as a sentence in the reader's language."""
    return Problem.from_record(record).text(gettext)


@register.filter
def problem_words(problem: Problem) -> str:
    """A problem as a sentence in the reader's language."""
    return problem.text(gettext)


@register.filter
def in_words(message: str) -> str:
    """A sentence that was marked for translation, in the reader's language."""
    return gettext(message)


@register.filter
def at_key(mapping: Any, key: Any) -> Any:
    """mapping[key] or None: templates cannot look up by a variable."""
    return mapping.get(key) if mapping else None


@register.filter
def file_size(size: int) -> str:
    """1.2 MB"""
    return f"{size / 1048576:.1f} MB" if size >= 1048576 else f"{max(size / 1024, 0.1):.1f} kB"
