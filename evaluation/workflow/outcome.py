"""The lives of an objection 异议 and of a certificate 证书."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from communities.models import Organisation
from communities.workflow import ORGANISATION
from evaluation import incentives, replying
from evaluation.models import Certificate, Objection, Renewal, Sanction
from evaluation.notifications import tell_certificate, tell_objection
from evaluation.permissions import certificate_roles, certificates_visible_to, objection_roles, objections_visible_to
from evaluation.sealing import list_needed
from portal.machine import MACHINES, Act, Ask, Machine, Transition, hold, register
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
REPLY = Ask("reply", _("答复"))
PUBLIC_REPLY = Ask(
    "public_reply", _("公开答复"), required=False,
    help=_("登在公示页上，任何人都能看到。不要写异议人的姓名、证件号码、电话、邮箱和回执编号；留空则登通用答复。"),
)  # fmt: skip
MERGED = gettext_noop(
    "对同一公示的另一件异议已成立，案件退回重新评审，您反映的事项并入其中。新结果将另行公示，届时仍可提出异议。"
)
ANNULLED = gettext_noop("对同一公示的另一件异议已成立，拟定结果已撤销，不再评审，您反映的事项并入其中。")


def objection_clock(objection: Objection, source: str, target: str, day: date) -> Data:
    """The limit runs from receipt; taking the objection up does not restart it."""
    return {"due_on": objection.due_on if target == "accepted" else None}


def take_application(objection: Objection) -> None:
    hold(objection.notice.application, objection.notice.application.state)


def case_is_in_notice(objection: Objection, act: Act) -> Iterator[Problem]:
    if objection.notice.application.state != "notice":
        yield Problem("notice_closed", "", gettext_noop("该公示已经结束，不能再以异议成立退回评审。"))


def keep_reply(objection: Objection, act: Act) -> Data:
    objection.reply = (act.data.get("reply") or act.data.get("reason") or "").strip()
    objection.save(update_fields=["reply"])
    return {}


def reply_tells_nobody(objection: Objection, act: Act) -> Iterator[Problem]:
    yield from replying.problems_of(objection, act.data.get("public_reply") or "")


def publish_reply(objection: Objection, act: Act) -> Data:
    """What the notice shows of it from now on; the state has moved already."""
    row = replying.publish(objection, objection.state, act.data.get("public_reply") or "", act.day)
    return {"published": row is not None}


def tell_merged(objection: Objection, act: Act) -> Data:
    """The receipt number opens a reply in any case: what was objected is not lost with the notice."""
    objection.reply = ANNULLED if objection.notice.application.state == "not_passed" else MERGED
    objection.save(update_fields=["reply"])
    return publish_reply(objection, act)


def reopen_case(objection: Objection, act: Act) -> None:
    MACHINES["application"].perform(objection.notice.application, "reopen", by=None)


def annul_result(objection: Objection, act: Act) -> None:
    MACHINES["application"].perform(objection.notice.application, "annul", by=None)


OBJECTION = register(
    Machine(
        name="objection",
        model=Objection,
        initial="received",
        states={
            "received": _("待受理"),
            "accepted": _("核查中"),
            "not_taken": _("不予受理"),
            "upheld": _("异议成立"),
            "rejected": _("异议不成立"),
            "merged": _("并入另一件异议"),
        },
        roles_of=objection_roles,
        visible_to=objections_visible_to,
        clock=objection_clock,
        guard=take_application,
        notify=tell_objection,
        transitions=(
            Transition("accept", _("受理异议"), _("受理了异议"), ("received",), "accepted", ("intake", "supervisor")),
            Transition(
                "not_take", _("不予受理"), _("未受理异议"), ("received",), "not_taken", ("intake", "supervisor"),
                asks=(REASON, PUBLIC_REPLY), checks=(reply_tells_nobody,), effects=(keep_reply, publish_reply), danger=True,
                told=_("已决定不予受理：%(subject)s。"),
            ),
            Transition(
                "uphold", _("异议成立，重新评审"), _("认定异议成立，退回重新评审"), ("accepted",), "upheld",
                ("supervisor", "approver"), asks=(REPLY, PUBLIC_REPLY), checks=(case_is_in_notice, reply_tells_nobody),
                effects=(keep_reply, publish_reply), afterwards=(reopen_case,), danger=True,
                told=_("已认定异议成立：%(subject)s。"),
            ),
            # what was objected shows that judging anew cannot lead to a level: the result is taken back for good
            Transition(
                "annul", _("异议成立，撤销拟定结果"), _("认定异议成立，撤销了拟定结果"), ("accepted",), "upheld",
                ("supervisor", "approver"), asks=(REPLY, PUBLIC_REPLY), checks=(case_is_in_notice, reply_tells_nobody),
                effects=(keep_reply, publish_reply), afterwards=(annul_result,), danger=True,
                told=_("已认定异议成立：%(subject)s。"),
            ),
            Transition(
                "reject", _("异议不成立"), _("认定异议不成立"), ("accepted",), "rejected", ("supervisor", "approver"),
                asks=(REPLY, PUBLIC_REPLY), checks=(reply_tells_nobody,), effects=(keep_reply, publish_reply),
                told=_("已认定异议不成立：%(subject)s。"),
            ),
            # what else was objected to a notice that an upheld objection has ended
            Transition(
                "merge", _("并入另一件异议"), _("将异议并入另一件异议"), ("received", "accepted"), "merged", ("system",),
                effects=(tell_merged,),
            ),
        ),
    )
)  # fmt: skip


def no_clock(certificate: Certificate, source: str, target: str, day: date) -> Data:
    return {"due_on": None}


def ban_unit(certificate: Certificate, act: Act) -> None:
    """Whose certificate is revoked applies for nothing as long as was decided; a ban that lasts longer already stays."""
    until = act.data.get("ban_until")
    if until is None:
        return
    rows = Organisation.objects.filter(pk=certificate.application.project.organisation_id)
    rows.update(state_since=F("state_since"))  # of two bans at once the second sees the first
    unit, said = rows.get(), {"by": None, "reason": act.data["reason"]}
    if unit.state == "banned" and unit.banned_until and unit.banned_until < until:
        ORGANISATION.perform(unit, "lift", **said)
    if unit.state == "active":
        ORGANISATION.perform(unit, "ban", until=until, **said)


def end_what_waits(certificate: Certificate, act: Act) -> None:
    """What is being decided about a certificate that has ended is decided no more; a renewal outlives its last day."""
    for sanction in Sanction.objects.open().filter(certificate=certificate).order_by("pk"):
        # The unit hears of the end only of what it was told.
        MACHINES["sanction"].perform(sanction, "end" if sanction.told_at else "close", by=None)
    if act.action != "expire":
        for renewal in Renewal.objects.open().filter(certificate=certificate).order_by("pk"):
            MACHINES["renewal"].perform(renewal, "end", by=None)


CERTIFICATE = register(
    Machine(
        name="certificate",
        model=Certificate,
        initial="valid",
        states={
            "valid": _("有效"),
            "expired": _("已过期"),
            "revoked": _("已撤销"),
            "superseded": _("已被新证书取代"),
        },
        roles_of=certificate_roles,
        visible_to=certificates_visible_to,
        clock=no_clock,
        notify=tell_certificate,
        deadlines={"valid": "expire"},
        terms=frozenset({"valid"}),
        transitions=(
            Transition(
                "expire", _("到期"), _("证书到期"), ("valid",), "expired", ("system",),
                afterwards=(end_what_waits, incentives.after_certificate),
            ),
            Transition(
                "supersede", _("被取代"), _("被新证书取代"), ("valid",), "superseded", ("system",), effects=(list_needed,),
                afterwards=(end_what_waits, incentives.after_certificate),
            ),
            Transition(
                "cancel", _("因重大变更撤销"), _("因重大变更撤销了证书"), ("valid",), "revoked", ("system",), danger=True,
                effects=(list_needed,), afterwards=(end_what_waits, incentives.after_certificate),
            ),
            # by the decision of a sanction alone: workflow/sanctions.py
            Transition(
                "revoke", _("撤销证书"), _("撤销了证书"), ("valid",), "revoked", ("system",), danger=True,
                asks=(
                    REASON,
                    Ask("sanction", _("处理决定书编号"), "line"),
                    Ask("ban_until", _("限制申报至"), "date", required=False),
                ),
                effects=(list_needed,), afterwards=(ban_unit, end_what_waits, incentives.after_certificate),
            ),
        ),
    )
)  # fmt: skip
