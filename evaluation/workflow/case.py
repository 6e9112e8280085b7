"""The life of an application 申报, from the draft to the certificate."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from communities.permissions import officers
from evaluation import automation, clocks, handling
from evaluation.barring import without_barred
from evaluation.clocks import PAUSERS, holders, running_clock
from evaluation.models import Application
from evaluation.notifications import tell
from evaluation.permissions import roles_of, visible_to
from evaluation.workflow import effects, guards
from portal.machine import Ask, Machine, Transition, register

STATES = {
    "draft": _("填报中"),
    "checking": _("自动检查中"),
    "form_check": _("形式审查"),
    "correction": _("补正"),
    "recommendation": _("区县推荐"),
    "drawing": _("待抽取专家"),
    "cosigning": _("待监督员共同启动抽取"),
    "revealing": _("待揭示密值"),
    "inviting": _("专家确认中"),
    "site_visit": _("现场核查"),
    "review": _("专家评审"),
    "tallying": _("汇总计算中"),
    "deliberation": _("专家组合议"),
    "revision": _("按专家意见修改"),
    "revision_check": _("组长核对修改"),
    "approval": _("审定"),
    "notice": _("公示"),
    "certifying": _("制证中"),
    "certified": _("已发证"),
    "refused": _("不予受理"),
    "not_passed": _("未通过"),
    "withdrawn": _("已撤回"),
}
AUTOMATIC = ("checking", "tallying", "certifying")
REASON = Ask("reason", _("理由"))
# How a party of a draw binds itself; with neither, the portal makes the secret and keeps it until the draw.
BINDING = (
    Ask("secret", _("交本系统保管的密值"), "secret", required=False, help=_("64 位小写十六进制字符，不填则由本系统生成")),
    Ask(
        "secret_hash", _("自己保管的密值的摘要"), "line", required=False,
        help=_("密值的 SHA-256；密值留在自己手中，双方承诺后再揭示"),
    ),
)  # fmt: skip
SECRET = Ask("secret", _("密值"), "secret", help=_("您承诺时自己保管的 64 位密值；抽取完成前不向任何人显示"))
PUBLIC_VALUE = Ask("public_value", _("公开数值"), "line", help=_("按公开来源原样录入，全角半角、空格均须一致"))
AFTER_ACCEPTANCE = ("recommendation", "drawing")
SITTING = ("site_visit", "review", "deliberation", "revision_check")
HELD = tuple(state for state in clocks.HOLDERS if state != "draft")
REMINDERS = ("intake", "district_officer", "organiser", "approver", "supervisor")


def _pausing() -> Iterator[Transition]:
    """Stopping the clock and letting it go on, for each set of persons who may in the states that they hold."""
    reason = Ask("reason", _("理由"), help=_("写明事由与依据；记入留痕，申报单位和监督员可以看到"))
    for roles in dict.fromkeys(PAUSERS.values()):
        states = tuple(state for state, who in PAUSERS.items() if who == roles)
        yield Transition(
            "pause_clock", _("暂停计时"), _("暂停了期限计算"), states, None, roles, asks=(reason,), when=clocks.runs,
            effects=(effects.pause_clock,), page="application-clock", aside=True,
        )  # fmt: skip
        yield Transition(
            "resume_clock", _("恢复计时"), _("恢复了期限计算"), states, None, roles, when=clocks.is_paused,
            effects=(effects.resume_clock,), page="application-clock", aside=True,
        )  # fmt: skip


def _giving() -> Iterator[Transition]:
    """Giving the case to one colleague among those with the duty that serves it, or handing it over to another."""
    asks = (
        Ask("handler", pgettext_lazy("officer", "经办人"), "choice", choices=handling.choices),
        Ask("reason", _("说明"), required=False, help=_("移交的写明事由；记入留痕。")),
    )
    for duty in handling.DUTIES:
        states = tuple(
            state for state, serving in handling.SERVED_BY.items() if serving == duty and state not in AUTOMATIC
        )
        yield Transition(
            "assign", _("指定经办人"), _("指定了经办人"), states, None, (duty, "supervisor"), asks=asks,
            checks=(handling.handler_has_the_duty,), effects=(handling.assign,), aside=True,
            told=_("已指定经办人：%(subject)s。"),
        )  # fmt: skip


APPLICATION = register(
    Machine(
        name="application",
        model=Application,
        initial="draft",
        states=STATES,
        roles_of=roles_of,
        visible_to=lambda user: visible_to(user).with_case(),
        clock=running_clock,
        notify=tell,
        holders=holders,
        overseers=lambda application: without_barred(officers("supervisor"), application.project),
        steps={
            "checking": automation.check_form,
            "tallying": automation.tally,
            "certifying": automation.certify,
        },
        deadlines={"correction": "lapse", "revision": "lapse", "notice": "close_notice"},
        transitions=(
            # 2–3b: filing, form check, correction
            Transition(
                "submit", _("提交申报"), _("提交了申报"), ("draft",), "checking", ("applicant",),
                checks=(
                    guards.application_is_not_empty, guards.uploads_are_finished, guards.construction_is_settled,
                ),
                effects=(effects.seal,), page="application-submit",
            ),
            Transition(
                "checked", _("自动检查完成"), _("完成了自动检查"), ("checking",), "form_check", ("system",),
            ),
            Transition(
                "accept", _("受理"), _("受理了申报"), ("form_check",), "recommendation", ("intake",),
                checks=(guards.no_unsent_findings, guards.rules_are_settled), effects=(effects.issue_acceptance,),
                when=guards.asks_recommendation, page="form-check",
            ),
            Transition(
                "accept", _("受理"), _("受理了申报"), ("form_check",), "drawing", ("intake",),
                checks=(guards.no_unsent_findings, guards.rules_are_settled), effects=(effects.issue_acceptance,),
                when=guards.asks_no_recommendation, page="form-check",
            ),
            Transition(
                "request_correction", _("发出一次性补正告知"), _("发出了一次性补正告知"), ("form_check",), "correction",
                ("intake",), checks=(guards.findings_can_be_sent,), effects=(effects.send_findings,), page="form-check",
            ),
            Transition(
                "refuse", _("不予受理"), _("作出不予受理决定"), ("form_check",), "refused", ("intake",), asks=(REASON,),
                effects=(effects.issue_refusal,), danger=True, told=_("已决定不予受理：%(subject)s。"),
            ),
            Transition(
                "resubmit", _("提交补正"), _("提交了补正"), ("correction",), "checking", ("applicant",),
                checks=(guards.findings_are_answered, guards.uploads_are_finished), effects=(effects.seal,),
                in_time=True, page="application-submit",
            ),
            Transition(
                "lapse", _("逾期未补正"), _("逾期未补正，视为撤回"), ("correction",), "withdrawn", ("system",),
            ),
            Transition(
                "withdraw", _("撤回申报"), _("撤回了申报"), ("draft", "form_check", "correction", *AFTER_ACCEPTANCE),
                "withdrawn", ("applicant",), asks=(REASON,), danger=True,
            ),
            # 4: district recommendation, where the programme asks
            Transition(
                "recommend", _("推荐"), _("出具了推荐意见"), ("recommendation",), "drawing", ("district_officer",),
                asks=(Ask("opinion", _("推荐意见")),),
            ),
            Transition(
                "decline_recommendation", _("不予推荐"), _("不予推荐"), ("recommendation",), "refused",
                ("district_officer",), asks=(REASON,), danger=True, told=_("已决定不予推荐：%(subject)s。"),
            ),
            # 5: the draw, started by two persons
            Transition(
                "propose_draw", _("发起专家抽取"), _("冻结名单并发起了专家抽取"), ("drawing",), "cosigning", ("organiser",),
                asks=BINDING, checks=(guards.suggestions_are_decided, guards.binding_is_sound), effects=(effects.freeze_draw,),
                page="draw",
            ),
            Transition(
                "recheck_parties", _("当事单位变化，退回重新发起抽取"), _("因当事单位变化，退回重新发起抽取"), ("cosigning",),
                "drawing", ("system",), effects=(effects.drop_draw,),
            ),
            Transition(
                "cosign_draw", _("共同启动抽取"), _("共同启动了抽取"), ("cosigning",), "revealing", ("supervisor",),
                asks=BINDING, checks=(guards.cosigner_is_another, guards.binding_is_sound),
                effects=(effects.bind_supervisor,), afterwards=(effects.draw_when_complete,), page="draw",
            ),
            Transition(
                "return_draw", _("退回抽取方案"), _("退回了抽取方案"), ("cosigning",), "drawing", ("supervisor",),
                asks=(REASON,), effects=(effects.drop_draw,), page="draw",
            ),
            # both are bound; where the portal keeps both secrets and waits for no public value, the draw is held at once
            Transition(
                "reveal_secret", _("揭示密值"), _("揭示了密值"), ("revealing",), None, ("organiser",), asks=(SECRET,),
                checks=(guards.secret_is_the_promised_one,), effects=(effects.keep_secret,),
                afterwards=(effects.draw_when_complete,), when=guards.organiser_has_to_reveal, page="draw",
            ),
            Transition(
                "reveal_secret", _("揭示密值"), _("揭示了密值"), ("revealing",), None, ("supervisor",), asks=(SECRET,),
                checks=(guards.secret_is_the_promised_one,), effects=(effects.keep_secret,),
                afterwards=(effects.draw_when_complete,), when=guards.supervisor_has_to_reveal, page="draw",
            ),
            Transition(
                "enter_public_value", _("录入公开数值"), _("录入了公开数值"), ("revealing",), None, ("organiser",),
                asks=(PUBLIC_VALUE,), checks=(guards.public_value_is_of_a_later_day,),
                effects=(effects.keep_public_value,), afterwards=(effects.draw_when_complete,),
                when=guards.public_value_is_awaited, page="draw",
            ),
            Transition(
                "hold_draw", _("抽取专家"), _("按种子抽取了专家"), ("revealing",), "inviting", ("system",),
                effects=(effects.hold_draw,),
            ),
            Transition(
                "give_up_draw", _("放弃本次抽取"), _("放弃了本次抽取"), ("revealing",), "drawing", ("organiser", "supervisor"),
                asks=(REASON,), effects=(effects.give_up_draw, effects.next_round), danger=True, page="draw",
            ),
            Transition(
                "recheck_parties", _("当事单位变化，退回重新发起抽取"), _("因当事单位变化，退回重新发起抽取"), ("revealing",),
                "drawing", ("system",), effects=(effects.give_up_draw, effects.next_round),
            ),
            # a second draw for the same panel needs the supervisor; the first stays on record beside it
            Transition(
                "redraw", _("重新抽取"), _("因无人递补重新抽取"), ("inviting",), "drawing", ("supervisor",), asks=(REASON,),
                effects=(effects.end_invitations, effects.next_round), danger=True, page="draw",
            ),
            # it came up while the panel sat: nobody judges who must stand back, and somebody serves no more
            Transition(
                "redraw", _("重新抽取"), _("因专家须回避或不能履职重新抽取"), SITTING, "drawing", ("supervisor",), asks=(REASON,),
                effects=(effects.end_invitations, effects.next_round), when=guards.a_seat_must_go, danger=True,
                page="draw",
            ),
            Transition(
                "convene", _("专家组组成"), _("专家组全部确认"), ("inviting",), "site_visit", ("system",),
                effects=(effects.open_site_visit,), when=guards.asks_site_visit,
            ),
            Transition(
                "convene", _("专家组组成"), _("专家组全部确认"), ("inviting",), "review", ("system",),
                when=guards.asks_no_site_visit,
            ),
            # 6: site visit, sheets, result, opinion
            Transition(
                "finish_site_visit", _("核查完成，开始评分"), _("完成了现场核查"), ("site_visit",), "review", ("leader",),
                checks=(guards.site_visit_is_signed,), effects=(effects.make_site_paper,), page="site-visit",
                told=_("已完成现场核查，评分开始：%(subject)s。"),
            ),
            Transition(
                "complete_sheets", _("评分表齐备"), _("全部评分表已签署"), ("review",), "tallying", ("system",),
            ),
            Transition(
                "tallied", _("汇总完成"), _("完成了汇总计算"), ("tallying",), "deliberation", ("system",),
            ),
            Transition(
                "give_opinion", _("出具专家组意见"), _("出具了专家组意见"), ("deliberation",), None, ("leader",),
                asks=(Ask("opinion", _("专家组意见")), Ask("notes", _("分歧条目的合议说明"), "notes", required=False)),
                checks=(guards.nobody_amends, guards.result_is_current, guards.flagged_items_have_notes),
                effects=(effects.keep_opinion,), page="panel",
            ),
            Transition(
                "recount", _("重新汇总"), _("按改评后的评分表重新汇总"), ("deliberation",), "tallying", ("leader", "organiser"),
                checks=(guards.nobody_amends, guards.result_is_outdated), page="panel",
            ),
            Transition(
                "ask_revision", _("要求修改一次"), _("要求申报单位修改一次"), ("deliberation",), "revision", ("leader",),
                asks=(Ask("items", _("须修改的条目"), help=_("填写条目编号，用逗号隔开")), Ask("reason", _("修改要求"))),
                checks=(guards.nobody_amends, guards.revision_is_the_first, guards.revision_items_exist),
                effects=(effects.ask_revision,),
            ),
            Transition(
                "submit_revision", _("提交修改"), _("提交了修改"), ("revision",), "revision_check", ("applicant",),
                checks=(guards.findings_are_answered, guards.uploads_are_finished), effects=(effects.seal,),
                in_time=True, page="application-submit",
            ),
            Transition(
                "lapse", _("逾期未修改"), _("逾期未修改，按原结果合议"), ("revision",), "deliberation", ("system",),
            ),
            Transition(
                "confirm_revision", _("确认修改，重新评分"), _("确认了修改"), ("revision_check",), "review", ("leader",),
                effects=(effects.reopen_sheets,),
            ),
            Transition(
                "close_review", _("评审结束，送审定"), _("结束评审并送审定"), ("deliberation",), "approval", ("organiser",),
                checks=(
                    guards.nobody_amends, guards.result_is_current, guards.opinion_is_given, guards.opinion_is_signed,
                    guards.no_seat_conflicts, guards.construction_is_settled,
                ),
                page="panel",
                told=_("已结束评审，送审定：%(subject)s。"),
            ),
            # 7–9: approval by another person, notice, certificate
            Transition(
                "approve", _("审定通过，开始公示"), _("审定通过并公示"), ("approval",), "notice", ("approver",),
                checks=(guards.approver_is_another, guards.level_is_reached, guards.no_seat_conflicts),
                effects=(effects.open_notice,),
                asks=(Ask("opinion", _("审定意见")),), page="approval",
            ),
            Transition(
                "send_back", _("退回合议"), _("退回专家组合议"), ("approval",), "deliberation", ("approver",),
                asks=(REASON,), checks=(guards.approver_is_another,), page="approval",
            ),
            Transition(
                "not_pass", _("审定不通过"), _("审定不通过"), ("approval",), "not_passed", ("approver",), asks=(REASON,),
                checks=(guards.approver_is_another,), danger=True, page="approval",
            ),
            Transition(
                "close_notice", _("公示期满"), _("公示期满无未结异议"), ("notice",), "certifying", ("system",),
                checks=(guards.notice_is_over, guards.no_open_objection), effects=(effects.close_notice,),
            ),
            Transition(
                "reopen", _("异议成立，重新评审"), _("异议成立，重新评审"), ("notice",), "drawing", ("system",),
                effects=(effects.close_notice, effects.next_round), afterwards=(effects.merge_objections,),
            ),
            Transition(
                "annul", _("异议成立，撤销拟定结果"), _("异议成立，撤销了拟定结果"), ("notice",), "not_passed", ("system",),
                effects=(effects.close_notice,), afterwards=(effects.merge_objections,),
            ),
            Transition(
                "certify", _("发证"), _("发放了证书"), ("certifying",), "certified", ("system",),
                effects=(effects.issue_certificate,),
            ),
            # a step that failed for good is shown to officers, who let the worker try again
            Transition(
                "retry", _("重试自动步骤"), _("重试了自动步骤"), AUTOMATIC, None, ("intake", "organiser", "approver"),
                when=guards.has_failed,
            ),
            *_pausing(),
            *_giving(),
            Transition(
                "remind", _("催办"), _("催办了"), HELD, None, REMINDERS,
                checks=(handling.somebody_can_be_reminded,), effects=(handling.remind,), aside=True,
                told=_("已催办：%(subject)s。"),
            ),
        ),
    )
)  # fmt: skip
