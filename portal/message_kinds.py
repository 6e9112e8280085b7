"""Kinds of messages: what each is called, whether its e-mail may be put off, and what holds for who chose nothing.

The kind of a message is the name of its template under ``templates/emails/``; a test compares the two. Knows no domain:
a kind says how a message is treated, not what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.problems import gettext_noop

AT_ONCE, DAILY, NONE = "at_once", "daily", "none"
# how a message leaves by e-mail -> what it is called; in the portal every message is shown
DELIVERIES: Mapping[str, str] = {
    AT_ONCE: gettext_noop("立即发送"),
    DAILY: gettext_noop("每日汇总"),
    NONE: gettext_noop("不发邮件"),
}
# The daily e-mail itself: a row like any other, so that it is sent like any other, but nothing to read in the portal.
DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message. ``required``: it starts a period or tells a decision, so its e-mail leaves at once always."""

    label: str
    detail: str
    default: str = AT_ONCE
    required: bool = False


KINDS: Mapping[str, Kind] = {
    "correction": Kind(gettext_noop("补正与修改告知"), gettext_noop("须在期限内补正或修改的告知。"), required=True),
    "decision": Kind(
        gettext_noop("审查与评审决定"), gettext_noop("不予受理、不予推荐、未通过、视为撤回、撤销证书等决定。"), required=True
    ),
    "invitation": Kind(gettext_noop("评审邀请"), gettext_noop("被抽取为评审专家，须在期限内答复。"), required=True),
    "member_invitation": Kind(gettext_noop("成员邀请"), gettext_noop("单位邀请您成为成员，须在有效期内答复。"), required=True),
    "security": Kind(
        gettext_noop("账号安全"), gettext_noop("有人反复尝试登录您的账号，或账号的电子邮箱被更改。"), required=True
    ),
    "first_password": Kind(
        gettext_noop("设置密码"), gettext_noop("为您建立了账号，须在有效期内通过链接设置密码。"), required=True
    ),
    "pool": Kind(
        gettext_noop("专家库"), gettext_noop("入库和续聘的决定，暂停、恢复、移出的决定，须在期限内陈述申辩的告知。"), required=True
    ),
    "due": Kind(gettext_noop("期限提醒"), gettext_noop("等您办理的事项到期前一个工作日提醒，逾期再提醒一次。")),
    "waiting": Kind(gettext_noop("等您办理"), gettext_noop("案件转到您这里，等您办理。")),
    "received": Kind(gettext_noop("申报回执"), gettext_noop("申报已收到并封存快照。")),
    "progress": Kind(gettext_noop("办理进展"), gettext_noop("案件进入下一环节。")),
    "guidance": Kind(gettext_noop("过程指导"), gettext_noop("指导记录、指导意见与整改回复。")),
    "supervision": Kind(gettext_noop("证后监管"), gettext_noop("年度运营报告、抽查与整改。")),
    "certified": Kind(gettext_noop("证书发放"), gettext_noop("证书已发放，可以下载。")),
    "organisation": Kind(gettext_noop("单位与成员"), gettext_noop("单位注册的核验结果、成员变动。")),
}  # fmt: skip
