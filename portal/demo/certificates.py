"""What becomes of certificates after award: a revocation from its proposal to the decision, a renewal."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from evaluation import renewing, sanctions
from evaluation.models import Certificate, Renewal, Sanction
from evaluation.workflow import RENEWAL, SANCTION
from portal.demo import people


def propose(certificate: Certificate, kind: str = "revoke", to_level: int | None = None) -> Sanction:
    """The district officer proposes that a certificate be revoked or downgraded."""
    by = people.district_officer_of(certificate.application.project)
    facts = "示例：抽查发现视频监控平台已停用三个月，能耗数据停止上传，与获证时的情况不符。"
    basis = "示例管理办法第十条：运行情况与获证条件不符且逾期未改正的，降低等级或者撤销证书。"
    return sanctions.propose(by, certificate, kind=kind, to_level=to_level, facts=facts, basis=basis)


def tell(sanction: Sanction) -> Sanction:
    """The supervisor has the unit told."""
    SANCTION.perform(sanction, "tell", by=people.officer("supervisor"))
    return sanction


def state_case(sanction: Sanction) -> Sanction:
    """The unit says what it has to say."""
    by = people.applicant_of(sanction.certificate.application.project)
    SANCTION.perform(sanction, "state_case", by=by, statement="示例：平台升级期间停用，现已恢复，附运行记录。")
    return sanction


def decide(sanction: Sanction, **said: Any) -> Sanction:
    """The approver decides as was proposed."""
    reason = "示例：停用超过三个月的事实有平台日志证明，当事单位的陈述不影响认定。"
    SANCTION.perform(sanction, sanction.kind, by=people.officer("approver"), reason=reason, **said)
    return sanction


def revoke(certificate: Certificate) -> Sanction:
    """A revocation from its proposal to the decision."""
    return decide(state_case(tell(propose(certificate))))


def ask_renewal(certificate: Certificate) -> Renewal:
    """The unit asks that its certificate be renewed."""
    by = people.applicant_of(certificate.application.project)
    return renewing.ask(by, certificate, "示例：获证以来各系统运行正常，每季度维护一次，无停用。")


def recommend(renewal: Renewal) -> Renewal:
    """The district officer has looked at how it is run."""
    by = people.district_officer_of(renewal.certificate.application.project)
    RENEWAL.perform(renewal, "recommend", by=by, opinion="示例：现场抽看五项，运行与获证时一致。")
    return renewal


def make() -> None:
    """Of the certificates of the past one is revoked, about three it is being decided, one is to be renewed."""
    free = Certificate.objects.in_force(timezone.localdate()).filter(incentives=None, sanctions=None, renewals=None)
    rows = list(free.filter(application__state="certified").order_by("issued_on", "pk"))
    lowest = [row for row in rows if row.level == 1]
    higher = [row for row in rows if row.level > 1]
    if lowest:
        revoke(lowest.pop())
    if lowest:
        propose(lowest.pop())
    if higher:
        tell(propose(higher.pop(), "downgrade", 1))
    if higher:
        state_case(tell(propose(higher.pop())))
    near = [row for row in lowest + higher if not renewing.hindrances(row, timezone.localdate())]
    if near:
        ask_renewal(near[0])
