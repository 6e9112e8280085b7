"""The life of a sanction 处理, from its proposal through the hearing of the unit to the decision, and of a renewal 延续."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.permissions import eyes_of
from evaluation import renewing, sanctions, telling_sanctions
from evaluation.models import Renewal, Sanction
from evaluation.moving import RENEWAL_STEPS, SANCTION_STEPS
from evaluation.permissions import renewal_roles, renewals_visible_to, sanction_roles, sanctions_visible_to
from evaluation.telling_guidance import applicants, approvers, supervisors
from portal import clock
from portal.machine import Act, Ask, Machine, Transition, register
from portal.models import User
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
RULING = Ask("reason", _("决定理由"), help=_("写明采信哪些事实和证据、对当事单位陈述是否采纳及为什么；写入决定书"))
STATEMENT = Ask("statement", _("陈述和申辩"), help=_("逐项写明对事实、依据和拟作处理的意见；证据文件在上面上传"))
DECIDERS = ("approver", "supervisor")


def sanction_clock(sanction: Sanction, source: str, target: str, day: date) -> Data:
    step = SANCTION_STEPS.get(target)
    return {
        "due_on": clock.deadline(step, day, sanction.certificate.application.project.programme_id) if step else None
    }


def renewal_clock(renewal: Renewal, source: str, target: str, day: date) -> Data:
    step = RENEWAL_STEPS.get(target)
    return {"due_on": clock.deadline(step, day, renewal.certificate.application.project.programme_id) if step else None}


# --- sanctions: what is looked at ---------------------------------------------------------------------------------


def is_kind(kind: str) -> Callable[[Sanction], bool]:
    """Whether just that was proposed, and the unit heard about: the decision is that, or nothing."""
    return lambda sanction: sanction.kind == kind


def another_acts(sanction: Sanction, act: Act) -> Iterator[Problem]:
    """Whoever stands in for another is one pair of eyes with them."""
    if act.by is not None and sanction.proposed_by_id in eyes_of(act.by):
        yield Problem("same_person", "", gettext_noop("提出处理建议的人不能告知当事单位、主持听取意见或作出决定。"))


def certificate_stands(sanction: Sanction, act: Act) -> Iterator[Problem]:
    sanction.certificate.refresh_from_db(fields=["state", "valid_until"])
    yield from sanctions.standing_problems(sanction.certificate, act.day)


def heard_day_is_right(sanction: Sanction, act: Act) -> Iterator[Problem]:
    day = act.data.get("heard_on")
    if not isinstance(day, date):
        return
    if day > act.day:
        yield Problem("date_future", "heard_on", gettext_noop("听取意见的日期不能晚于今天。"))
    if sanction.told_at and day < timezone.localdate(sanction.told_at):
        yield Problem("date_early", "heard_on", gettext_noop("听取意见的日期不能早于告知当事单位的日期。"))


# --- sanctions: what happens together -----------------------------------------------------------------------------


def keep_telling(sanction: Sanction, act: Act) -> Data:
    sanction.told_by, sanction.told_at = act.by, act.at
    sanction.notice_number = sanctions.issue_hearing(sanction, act).number
    sanction.save(update_fields=["told_by", "told_at", "notice_number"])
    return {"notice": sanction.notice_number}


def keep_statement(sanction: Sanction, act: Act) -> Data:
    """What is said later is added to what was said before."""
    before = Sanction.objects.values_list("statement", flat=True).get(pk=sanction.pk)
    sanction.statement = "\n\n".join(part for part in (before, act.data["statement"].strip()) if part)
    sanction.save(update_fields=["statement"])
    return {}


def keep_waiver(sanction: Sanction, act: Act) -> Data:
    sanction.waived_at = act.at
    sanction.save(update_fields=["waived_at"])
    return {}


def keep_wish(sanction: Sanction, act: Act) -> Data:
    sanction.oral_reason = act.data["wish"].strip()
    sanction.save(update_fields=["oral_reason"])
    return {}


def keep_record(sanction: Sanction, act: Act) -> Data:
    sanction.heard_on, sanction.record, sanction.recorded_by = act.data["heard_on"], act.data["record"].strip(), act.by
    sanction.save(update_fields=["heard_on", "record", "recorded_by"])
    return {}


def keep_ruling(sanction: Sanction, act: Act) -> Data:
    sanction.ruling, sanction.decided_by, sanction.decided_at = act.data["reason"].strip(), act.by, act.at
    sanction.save(update_fields=["ruling", "decided_by", "decided_at"])
    return {}


def keep_ban(sanction: Sanction, act: Act) -> Data:
    """A ban follows from a revocation unless the decision says why not."""
    sanction.unbanned_reason = (act.data.get("unbanned_reason") or "").strip()
    years = sanction.certificate.application.project.programme.ban_years
    sanction.ban_years = None if sanction.unbanned_reason else years or None
    sanction.save(update_fields=["ban_years", "unbanned_reason"])
    return {"ban_years": sanction.ban_years} if sanction.ban_years else {}


def issue_decision(sanction: Sanction, act: Act) -> Data:
    sanction.decision_number = sanctions.issue_decision(sanction, act).number
    sanction.save(update_fields=["decision_number"])
    return {"notice": sanction.decision_number}


def sanction_holders(sanction: Sanction) -> Iterable[User]:
    project = sanction.certificate.application.project
    if sanction.state == "hearing":
        return applicants(project)
    if sanction.state == "oral":
        return [user for user in telling_sanctions.recorders(project) if user.pk != sanction.proposed_by_id]
    return telling_sanctions.others(sanction) if sanction.is_open else ()


SANCTION = register(
    Machine(
        name="sanction",
        model=Sanction,
        initial="proposed",
        states={
            "proposed": _("待审查告知"),
            "hearing": _("听取当事单位意见"),
            "oral": _("待当面听取意见"),
            "deciding": _("待决定"),
            "executed": _("已处理"),
            "dropped": _("不予处理"),
        },
        roles_of=sanction_roles,
        visible_to=sanctions_visible_to,
        clock=sanction_clock,
        guard=lambda sanction: sanctions.take(sanction.certificate_id),
        notify=telling_sanctions.tell_sanction,
        holders=sanction_holders,
        overseers=telling_sanctions.overseers,
        deadlines={"hearing": "close_hearing"},
        transitions=(
            Transition(
                "tell", _("告知当事单位，听取意见"), _("告知了当事单位拟作的证书处理"), ("proposed",), "hearing", DECIDERS,
                checks=(another_acts, certificate_stands), effects=(keep_telling,),
                told=_("已向当事单位发出告知书：%(subject)s。"),
            ),
            Transition(
                "decline", _("不予立案"), _("对处理建议不予立案"), ("proposed",), "dropped", DECIDERS, asks=(REASON,),
                checks=(another_acts,), danger=True,
            ),
            Transition(
                "withdraw", _("撤回建议"), _("撤回了处理建议"), ("proposed",), "dropped", ("proposer",), asks=(REASON,),
                danger=True,
            ),
            Transition(
                "state_case", _("提交陈述和申辩"), _("提交了陈述和申辩"), ("hearing",), "deciding", ("applicant",),
                asks=(STATEMENT,), effects=(keep_statement,), in_time=True,
            ),
            Transition(
                "state_case", _("补充书面陈述"), _("提交了陈述和申辩"), ("oral",), None, ("applicant",),
                asks=(STATEMENT,), effects=(keep_statement,),
            ),
            Transition(
                "ask_oral", _("要求当面听取意见"), _("要求当面听取意见"), ("hearing",), "oral", ("applicant",),
                asks=(Ask("wish", _("要求和理由"), help=_("写明拟到场的人员、联系方式和要说明的事项")),),
                effects=(keep_wish,), in_time=True,
            ),
            Transition(
                "waive", _("放弃陈述和申辩"), _("放弃了陈述和申辩"), ("hearing",), "deciding", ("applicant",),
                asks=(Ask("waiver", _("本单位已阅读告知书，放弃陈述和申辩"), "yes"),), effects=(keep_waiver,), in_time=True,
                danger=True,
            ),
            Transition(
                "close_hearing", _("期满未陈述"), _("期限已满，当事单位未陈述意见"), ("hearing",), "deciding", ("system",),
            ),
            Transition(
                "record_oral", _("登记听取意见的情况"), _("登记了当面听取意见的情况"), ("oral",), "deciding",
                ("supervisor", "intake"),
                asks=(
                    Ask("heard_on", _("听取意见日期"), "date"),
                    Ask("record", _("听取意见记录"),
                        help=_("写明到场人员、各项意见和出示的证据；当事单位未到场的，写明通知和未到场的情况")),
                ),
                checks=(another_acts, heard_day_is_right), effects=(keep_record,),
            ),
            Transition(
                "revoke", _("决定：撤销证书"), _("决定撤销证书"), ("deciding",), "executed", DECIDERS,
                asks=(
                    RULING,
                    Ask("unbanned_reason", _("不限制申报的理由"), required=False,
                        help=_("留空即按评价类别规定的年数限制该单位申报；确有理由不限制的，在此写明")),
                ),
                when=is_kind("revoke"), checks=(another_acts, certificate_stands),
                effects=(keep_ruling, keep_ban, issue_decision), afterwards=(sanctions.revoke,), danger=True,
            ),
            Transition(
                "downgrade", _("决定：降低等级"), _("决定降低证书等级"), ("deciding",), "executed", DECIDERS,
                asks=(RULING,), when=is_kind("downgrade"), checks=(another_acts, certificate_stands),
                effects=(keep_ruling, issue_decision), afterwards=(sanctions.downgrade,), danger=True,
            ),
            Transition(
                "drop", _("决定：不予处理"), _("决定不予处理"), ("deciding",), "dropped", DECIDERS, asks=(RULING,),
                checks=(another_acts,), effects=(keep_ruling,),
            ),
            # the certificate has ended otherwise: before the unit was told, and after
            Transition(
                "close", _("终止"), _("证书已终止，处理建议随之终止"), ("proposed",), "dropped", ("system",),
            ),
            Transition(
                "end", _("终止"), _("证书已终止，处理程序随之终止"), ("hearing", "oral", "deciding"), "dropped", ("system",),
            ),
        ),
    )
)  # fmt: skip


# --- renewals -----------------------------------------------------------------------------------------------------


def conditions_hold(renewal: Renewal, act: Act) -> Iterator[Problem]:
    renewal.certificate.refresh_from_db(fields=["state", "valid_until"])
    yield from renewing.still_hindering(renewal.certificate, inside=act.role != "applicant")


def another_approves(renewal: Renewal, act: Act) -> Iterator[Problem]:
    if act.by is not None and renewal.examined_by_id in eyes_of(act.by):
        yield Problem("same_person", "", gettext_noop("审定人不能是核查本件的人。"))


def keep_opinion(renewal: Renewal, act: Act) -> Data:
    renewal.is_advised = act.action == "recommend"
    renewal.opinion, renewal.examined_by = act.data["opinion"].strip(), act.by
    renewal.save(update_fields=["is_advised", "opinion", "examined_by"])
    return {}


def keep_answer(renewal: Renewal, act: Act) -> Data:
    before = Renewal.objects.values_list("statement", flat=True).get(pk=renewal.pk)
    renewal.statement = "\n\n".join((before, act.data["answer"].strip()))
    renewal.save(update_fields=["statement"])
    return {}


def keep_approval(renewal: Renewal, act: Act) -> Data:
    renewal.ruling = (act.data.get("reason") or "").strip()
    renewal.decided_by, renewal.decided_at = act.by, act.at
    renewal.save(update_fields=["ruling", "decided_by", "decided_at"])
    return {"until": renewing.last_day_of_renewed(renewal.certificate, act.day).isoformat()}


def keep_refusal(renewal: Renewal, act: Act) -> Data:
    renewal.ruling, renewal.decided_by, renewal.decided_at = act.data["reason"].strip(), act.by, act.at
    renewal.decision_number = renewing.issue_refusal(renewal, act)
    renewal.save(update_fields=["ruling", "decided_by", "decided_at", "decision_number"])
    return {"notice": renewal.decision_number}


def renewal_holders(renewal: Renewal) -> Iterable[User]:
    people = {"asked": telling_sanctions.examiners, "returned": applicants, "recommended": approvers}
    return people[renewal.state](renewal.certificate.application.project) if renewal.state in people else ()


OPINION = Ask("opinion", _("核查意见"), help=_("写明怎样核查、运行是否与获证时一致"))
EXAMINERS = ("district_officer", "intake")
RENEWAL = register(
    Machine(
        name="renewal",
        model=Renewal,
        initial="asked",
        states={
            "asked": _("待核查"),
            "returned": _("退回补充"),
            "recommended": _("待审定"),
            "approved": _("已延续"),
            "refused": _("不予延续"),
            "withdrawn": _("已撤回"),
            "ended": _("已终止"),
        },
        roles_of=renewal_roles,
        visible_to=renewals_visible_to,
        clock=renewal_clock,
        guard=lambda renewal: sanctions.take(renewal.certificate_id),
        notify=telling_sanctions.tell_renewal,
        holders=renewal_holders,
        overseers=lambda renewal: supervisors(renewal.certificate.application.project),
        deadlines={"returned": "lapse"},
        transitions=(
            Transition(
                "recommend", _("建议延续"), _("核查后建议延续"), ("asked",), "recommended", EXAMINERS, asks=(OPINION,),
                checks=(conditions_hold,), effects=(keep_opinion,),
            ),
            Transition(
                "advise_against", _("建议不予延续"), _("核查后建议不予延续"), ("asked",), "recommended", EXAMINERS,
                asks=(OPINION,), effects=(keep_opinion,),
            ),
            Transition(
                "return", _("退回补充"), _("退回补充"), ("asked",), "returned", EXAMINERS, asks=(REASON,),
                told=_("已退回申报单位补充：%(subject)s。"),
            ),
            Transition(
                "ask_again", _("补充后重新提交"), _("补充后重新提交了延续申请"), ("returned",), "asked", ("applicant",),
                asks=(Ask("answer", _("补充说明")),), checks=(conditions_hold,), effects=(keep_answer,), in_time=True,
            ),
            Transition(
                "lapse", _("逾期未补充"), _("逾期未补充，视为撤回"), ("returned",), "withdrawn", ("system",),
            ),
            Transition(
                "withdraw", _("撤回申请"), _("撤回了延续申请"), ("asked", "returned", "recommended"), "withdrawn",
                ("applicant",), danger=True,
            ),
            Transition(
                "approve", _("同意延续"), _("同意延续证书"), ("recommended",), "approved", ("approver",),
                asks=(Ask("reason", _("审定意见"), required=False),), checks=(another_approves, conditions_hold),
                effects=(keep_approval,), afterwards=(renewing.renew,),
            ),
            Transition(
                "refuse", _("不予延续"), _("决定不予延续证书"), ("recommended",), "refused", ("approver",), asks=(REASON,),
                checks=(another_approves,), effects=(keep_refusal,), danger=True,
            ),
            Transition(
                "send_back", _("退回核查"), _("退回重新核查"), ("recommended",), "asked", ("approver",), asks=(REASON,),
            ),
            Transition(
                "end", _("终止"), _("证书已撤销或被取代，延续随之终止"), ("asked", "returned", "recommended"), "ended",
                ("system",),
            ),
        ),
    )
)  # fmt: skip
