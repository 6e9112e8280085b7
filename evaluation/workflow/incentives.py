"""The life of an incentive 激励: opened by a worker, granted or refused by the approver, taken back with reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from evaluation import confirming, incentives, telling_incentives
from evaluation.models import Incentive
from evaluation.permissions import incentive_roles, incentives_visible_to
from portal import clock
from portal.machine import Ask, Machine, Transition, register

REASON = Ask("reason", _("理由"))


def incentive_clock(incentive: Incentive, source: str, target: str, day: date) -> Mapping[str, Any]:
    """The days run while somebody can decide; none while the authority has set no value."""
    programme = incentive.certificate.application.project.programme_id
    return {"due_on": clock.deadline("incentive", day, programme) if target == "due" else None}


INCENTIVE = register(
    Machine(
        name="incentive",
        model=Incentive,
        initial="due",
        states={
            "unset": _("待主管部门设定"),
            "due": _("待核定"),
            "granted": _("已核定"),
            "refused": _("未予激励"),
            "reversed": _("已撤回"),
            "closed": _("已终止"),
        },
        roles_of=incentive_roles,
        visible_to=incentives_visible_to,
        clock=incentive_clock,
        guard=incentives.hold_certificate,
        notify=telling_incentives.tell_incentive,
        holders=telling_incentives.holders,
        overseers=telling_incentives.overseers,
        transitions=(
            Transition(
                "begin", _("转入核定"), _("政策数值已设定，转入核定"), ("unset",), "due", ("system",),
                checks=(incentives.certificate_holds, incentives.value_is_set),
            ),
            Transition(
                "grant", _("核定激励"), _("核定了激励"), ("due",), "granted", ("approver",),
                asks=(
                    Ask("confirmed", _("条件已逐项核实，均符合"), "yes"),
                    Ask("grounds", _("核定意见"), help=_("写明怎样核实；监管部门据确认书办理，本平台不涉及资金")),
                ),
                reads=incentives.words_of, checks=(incentives.certificate_holds, incentives.value_is_set),
                effects=(incentives.keep_grant, confirming.confirmation_needed),
            ),
            Transition(
                "refuse", _("不予激励"), _("决定不予激励"), ("unset", "due"), "refused", ("approver",),
                asks=(REASON,), effects=(incentives.keep_refusal,), danger=True,
            ),
            Transition(
                "reverse", _("撤回激励"), _("撤回了激励"), ("granted",), "reversed", ("supervisor", "system"),
                asks=(REASON,), effects=(incentives.keep_reason, confirming.list_needed), danger=True,
            ),
            Transition(
                "close", _("终止"), _("终止了激励办理"), ("unset", "due"), "closed", ("system",),
                asks=(REASON,), effects=(incentives.keep_reason,),
            ),
            Transition(
                "open_anew", _("重新办理"), _("重新办理激励"), ("refused", "reversed", "closed"), None, ("supervisor",),
                asks=(REASON,), checks=(incentives.certificate_holds, incentives.none_is_live),
                effects=(incentives.open_anew,), danger=True,
            ),
        ),
    )
)  # fmt: skip
