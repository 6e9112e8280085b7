"""What stars bring in the demo world: one policy with invented values, incentives at every state for the newest certificates."""

from __future__ import annotations

from django.utils import timezone

from evaluation import confirming, incentives, policies
from evaluation.models import Certificate, Incentive, IncentivePolicy
from evaluation.workflow import INCENTIVE
from portal.demo import people

POLICY = "capital_supervision"
NEWEST = 6  # certificates that the policies reach
VALUES = {"1": "示例 5", "2": "示例 10", "3": "示例 15"}
# what is decided about the incentives of that policy, oldest certificate first; the others wait
DECISIONS = ("granted", "reversed", "refused")


def make() -> None:
    """Set the values of one policy, let all policies begin with the newest certificates, and decide on some."""
    rows = list(Certificate.objects.in_force(timezone.localdate()).newest_first()[:NEWEST])
    if not rows:
        return
    _set_policies(rows[-1].issued_on.isoformat())
    for certificate in reversed(rows):
        incentives.open_for(Certificate.objects.select_related("application__project").get(pk=certificate.pk))
    waiting = Incentive.objects.filter(policy=POLICY, state="due").order_by("pk")
    whole = waiting.select_related("policy", "certificate__application__project__community")
    for incentive, decision in zip(whole, DECISIONS, strict=False):
        decide(incentive, decision)


def _set_policies(first_day: str) -> None:
    keeper, basis = people.officer("security_administrator"), "示例：演示用的日期和数值，不是主管部门的规定"
    for code in IncentivePolicy.objects.order_by("code").values_list("code", flat=True):
        kind, row = policies.find("incentive_policy", code)
        values = {"values": VALUES, "unit": "个百分点"} if code == POLICY else {}
        policies.keep(keeper, kind, row, {"valid_from": first_day, **values}, basis)


def decide(incentive: Incentive, decision: str) -> None:
    """Bring one that waits to where it is decided: granted, reversed or refused."""
    approver = people.officer("approver")
    if decision == "refused":
        INCENTIVE.perform(incentive, "refuse", by=approver, reason="示例：近三年曾被限制申报。")
        return
    INCENTIVE.perform(incentive, "grant", by=approver, confirmed=True, grounds="示例：已逐项核实，条件均符合。")
    confirming.make(incentive)
    if decision == "reversed":
        INCENTIVE.perform(incentive, "reverse", by=people.officer("supervisor"), reason="示例：申报材料不实。")
