"""The life of a major change 重大变更: declared or demanded, examined by the organiser, decided by the approver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from communities.permissions import eyes_of
from evaluation import changing, telling_guidance
from evaluation.models import MajorChange
from evaluation.moving import CHANGE_STEPS
from evaluation.permissions import change_roles, changes_visible_to
from portal import clock
from portal.machine import MACHINES, Act, Ask, Machine, Transition, register
from portal.models import User
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
GROUNDS = Ask("grounds", _("审查意见"), help=_("写明对照设计的哪些条目、影响如何、依据什么；审定人据此决定"))
RULING = Ask("ruling", _("决定理由"))


def change_clock(change: MajorChange, source: str, target: str, day: date) -> Data:
    step = CHANGE_STEPS.get(target)
    return {"due_on": clock.deadline(step, day, change.project.programme_id) if step else None}


def is_unasked(change: MajorChange) -> bool:
    return not change.demand


def proposes(proposal: str) -> Callable[[MajorChange], bool]:
    """Whether the organiser proposed just that: the approver confirms it or sends it back."""
    return lambda change: change.proposal == proposal


def change_is_said(change: MajorChange, act: Act) -> Iterator[Problem]:
    yield from changing.unsaid(change)


def decider_is_another(change: MajorChange, act: Act) -> Iterator[Problem]:
    """Whoever stands in for another is one pair of eyes with them."""
    if act.by is not None and {change.prepared_by_id, change.opened_by_id} & set(eyes_of(act.by)):
        yield Problem("same_person", "", gettext_noop("决定人不能是审查或提出本件的人。"))


def certificate_stands(change: MajorChange, act: Act) -> Iterator[Problem]:
    if changing.certificate_of(change.project) is None:
        yield Problem("no_certificate", "", gettext_noop("没有有效的设计评价证书，无可撤销。"))


def keep_proposal(change: MajorChange, act: Act) -> Data:
    cancels = act.action == "propose_cancel"
    change.proposal = MajorChange.Proposal.CANCEL if cancels else str(act.data["proposal"])
    change.grounds, change.prepared_by, change.statement = act.data["grounds"].strip(), act.by, ""
    change.save(update_fields=["proposal", "grounds", "prepared_by", "statement"])
    return {"proposal": change.proposal}


def proposal_is_known(change: MajorChange, act: Act) -> Iterator[Problem]:
    proposal = act.data.get("proposal")
    if proposal and proposal not in (MajorChange.Proposal.KEEP, MajorChange.Proposal.REEVALUATE):
        yield Problem("proposal_unknown", "proposal", gettext_noop("请选择拟处理意见。"))


def keep_statement(change: MajorChange, act: Act) -> Data:
    change.statement = act.data["statement"].strip()
    change.save(update_fields=["statement"])
    return {}


def keep_ruling(change: MajorChange, act: Act) -> Data:
    change.ruling, change.decided_by, change.decided_at = act.data["ruling"].strip(), act.by, act.at
    change.save(update_fields=["ruling", "decided_by", "decided_at"])
    return {"proposal": change.proposal}


def forget_proposal(change: MajorChange, act: Act) -> Data:
    """What was proposed stays in the events; the next proposal begins anew."""
    said = {"proposal": change.proposal, "grounds": change.grounds}
    change.proposal, change.grounds, change.prepared_by = "", "", None
    change.save(update_fields=["proposal", "grounds", "prepared_by"])
    return {"before": said}


def revoke_certificate(change: MajorChange, act: Act) -> None:
    certificate = changing.certificate_of(change.project)
    if certificate is not None:
        MACHINES["certificate"].perform(certificate, "cancel", by=None)


def proposals(change: MajorChange) -> Iterable[tuple[str, str]]:
    """What the organiser may propose without hearing the applicant first."""
    kept = (MajorChange.Proposal.KEEP, MajorChange.Proposal.REEVALUATE)
    return [(row.value, row.label) for row in kept]


def holders(change: MajorChange) -> Iterable[User]:
    people = {"examining": telling_guidance.organisers, "deciding": telling_guidance.approvers}
    if change.state in ("demanded", "hearing"):
        return telling_guidance.applicants(change.project)
    return people[change.state](change.project) if change.state in people else ()


MAJOR_CHANGE = register(
    Machine(
        name="major_change",
        model=MajorChange,
        initial="draft",
        states={
            "draft": _("填写中"),
            "demanded": _("待申报单位说明"),
            "examining": _("审查中"),
            "hearing": _("听取申报单位意见"),
            "deciding": _("待审定"),
            "kept": _("设计评价继续有效"),
            "reevaluating": _("重新进行设计评价"),
            "reevaluated": _("已重新评价"),
            "cancelled": _("设计评价证书已撤销"),
            "withdrawn": _("已撤回"),
        },
        roles_of=change_roles,
        visible_to=changes_visible_to,
        clock=change_clock,
        guard=lambda change: changing.hold_project(change.project),
        notify=telling_guidance.tell_change,
        holders=holders,
        overseers=lambda change: telling_guidance.supervisors(change.project),
        deadlines={"demanded": "lapse", "hearing": "close_hearing"},
        transitions=(
            Transition(
                "declare", _("提交变更申报"), _("申报了重大变更"), ("draft", "demanded"), "examining", ("applicant",),
                checks=(change_is_said,), told=_("已提交重大变更，等待审查：%(subject)s。"),
            ),
            Transition(
                "lapse", _("逾期未说明"), _("申报单位逾期未说明，转入审查"), ("demanded",), "examining", ("system",),
            ),
            Transition(
                "withdraw", _("撤回"), _("撤回了重大变更"), ("draft", "examining"), "withdrawn", ("applicant",),
                asks=(REASON,), when=is_unasked, danger=True,
            ),
            Transition(
                "propose", _("提出处理意见"), _("提出了处理意见"), ("examining",), "deciding", ("organiser",),
                asks=(Ask("proposal", _("拟处理意见"), "choice", choices=proposals), GROUNDS),
                checks=(proposal_is_known,), effects=(keep_proposal,),
            ),
            Transition(
                "propose_cancel", _("拟撤销证书，先听取申报单位意见"), _("拟撤销设计评价证书，听取申报单位意见"),
                ("examining",), "hearing", ("organiser",), asks=(GROUNDS,), checks=(certificate_stands,),
                effects=(keep_proposal,), danger=True, told=_("已告知申报单位陈述意见：%(subject)s。"),
            ),
            Transition(
                "state_case", _("陈述意见"), _("陈述了意见"), ("hearing",), "deciding", ("applicant",),
                asks=(Ask("statement", _("陈述和申辩")),), effects=(keep_statement,), in_time=True,
            ),
            Transition(
                "close_hearing", _("逾期未陈述"), _("申报单位逾期未陈述意见"), ("hearing",), "deciding", ("system",),
            ),
            Transition(
                "keep", _("决定：设计评价继续有效"), _("决定设计评价继续有效"), ("deciding",), "kept", ("approver",),
                asks=(RULING,), when=proposes("keep"), checks=(decider_is_another,),
                effects=(keep_ruling,),
            ),
            Transition(
                "reevaluate", _("决定：重新进行设计评价"), _("决定重新进行设计评价"), ("deciding",), "reevaluating",
                ("approver",), asks=(RULING,), when=proposes("reevaluate"),
                checks=(decider_is_another,), effects=(keep_ruling,),
            ),
            Transition(
                "cancel", _("决定：撤销设计评价证书"), _("决定撤销设计评价证书"), ("deciding",), "cancelled",
                ("approver",), asks=(RULING,), when=proposes("cancel"), checks=(decider_is_another,),
                effects=(keep_ruling,), afterwards=(revoke_certificate,), danger=True,
            ),
            Transition(
                "send_back", _("退回重新审查"), _("退回重新审查"), ("deciding",), "examining", ("approver",),
                asks=(REASON,), effects=(forget_proposal,),
            ),
            Transition(
                "reopen", _("终止重新评价，重新审查"), _("终止重新评价，重新审查"), ("reevaluating",), "examining",
                ("organiser",), asks=(REASON,), effects=(forget_proposal,), danger=True,
            ),
            Transition(
                "settle", _("重新评价完成"), _("重新评价完成，新证书已发出"), ("reevaluating",), "reevaluated", ("system",),
            ),
        ),
    )
)  # fmt: skip
