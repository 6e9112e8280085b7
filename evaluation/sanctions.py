"""Downgrade and revocation: proposing one, the papers of both sides, what its two documents say, what it brings about.

Hides: that one is open for a certificate at a time, whose paper a file is, and in which order certificate and sanction are
taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone, translation

from evaluation import issuing, succession, telling_sanctions
from evaluation.models import Certificate, IssuedNotice, NoticeForm, NoticeKind, Sanction, SanctionProof
from evaluation.permissions import may_propose_sanction, sanction_roles
from portal import audit, clock
from portal.attachments import attachment_values
from portal.machine import MACHINES, Act, NotAllowed, hold
from portal.models import Sequence, User
from portal.problems import Problem, Refused, gettext_noop
from portal.workdays import last_day

PROOFS = ("pdf", "jpg", "xlsx")
LONGEST, PROOFS_AT_MOST = 5000, 20  # characters of a text; files of each side
# state -> side whose files are taken in then
TAKEN: dict[str, str] = {"proposed": "office", "hearing": "party", "oral": "party"}
PROPOSERS = ("supervisor", "intake", "organiser", "district_officer")  # of several duties the first is acted in


def take(certificate_pk: int) -> None:
    """Take the certificate until commit: whatever decides about it does so before it takes its own row."""
    Certificate.objects.filter(pk=certificate_pk).update(number=F("number"))


def levels_below(certificate: Certificate) -> list[tuple[int, str]]:
    """Levels of its standard to which it can be downgraded, the highest first; none for the lowest: that is revoked."""
    levels = certificate.application.standard.levels
    found = [(row.level, row.name) for row in levels if 0 < row.level < certificate.level]
    return sorted(found, reverse=True)


def propose(
    by: User, certificate: Certificate, *, kind: str, facts: str, basis: str, to_level: int | None = None
) -> Sanction:
    """Propose that a certificate be revoked, or downgraded to ``to_level``. Raises NotAllowed, Refused with all problems.

    The unit hears of it once another person has agreed to tell it.
    """
    if not may_propose_sanction(by, certificate):
        raise NotAllowed("propose_sanction")
    to_level = to_level if kind == Sanction.Kind.DOWNGRADE else None
    day = timezone.localdate()
    with transaction.atomic():
        take(certificate.pk)
        now = Certificate.objects.select_related("application__project__programme").get(pk=certificate.pk)
        problems = [*_unsound(now, kind, to_level, facts, basis), *standing_problems(now, day)]
        if Sanction.objects.open().filter(certificate=now).exists():
            problems.append(Problem("sanction_open", "", gettext_noop("该证书已有一件处理正在办理，请先办结。")))
        if problems:
            raise Refused(problems)
        programme = now.application.project.programme
        prefix = f"{programme.number_prefix}-CLA-{day.year}"
        sanction: Sanction = Sanction.objects.create(
            certificate=now, number=f"{prefix}-{Sequence.take(prefix):05d}", kind=kind, to_level=to_level,
            facts=facts.strip(), basis=basis.strip(), proposed_by=by, state="proposed",
            due_on=clock.deadline("sanction_examination", day, programme.pk),
        )  # fmt: skip
        roles = sanction_roles(by, sanction)
        role = next(name for name in PROPOSERS if name in roles)
        said = {"number": sanction.number, "kind": kind, **({"to_level": to_level} if to_level else {})}
        event = audit.record(sanction, "sanction.propose", by=by, role=role, **said)
        telling_sanctions.tell_sanction(sanction, event)
    return sanction


def standing_problems(certificate: Certificate, day: date) -> Iterator[Problem]:
    """Why there is nothing to decide about a certificate any more."""
    if certificate.standing(day) != "valid":
        yield Problem("certificate_ended", "", gettext_noop("该证书已不在有效状态，无可处理。"))


def _unsound(certificate: Certificate, kind: str, to_level: int | None, facts: str, basis: str) -> Iterator[Problem]:
    if kind not in Sanction.Kind.values:
        yield Problem("kind", "kind", gettext_noop("请选择撤销证书或降低等级。"))
    below = [level for level, _name in levels_below(certificate)]
    if kind == Sanction.Kind.DOWNGRADE and not below:
        yield Problem(
            "no_lower_level", "kind", gettext_noop("该证书已是最低等级，不能再降；达不到最低等级的，应提议撤销。")
        )
    elif kind == Sanction.Kind.DOWNGRADE and to_level not in below:
        yield Problem("to_level", "to_level", gettext_noop("请选择比现有等级低的等级。"))
    for place, text, message in (
        ("facts", facts, gettext_noop("请写明查明的事实。")),
        ("basis", basis, gettext_noop("请写明依据的条款或文件。")),
    ):
        if not text.strip():
            yield Problem("required", place, message)
        if len(text) > LONGEST:
            yield Problem("too_long", place, gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})


# --- papers of both sides -----------------------------------------------------------------------------------------


def side_of(by: User, sanction: Sanction) -> str:
    """The side whose files ``by`` may add and take out now; "" for neither."""
    side = TAKEN.get(sanction.state, "")
    needed = {"office": "proposer", "party": "applicant"}.get(side)
    return side if needed in sanction_roles(by, sanction) else ""


def proofs_of(sanction: Sanction) -> QuerySet[SanctionProof]:
    """Files of both sides as they stand, the office's first."""
    return SanctionProof.objects.filter(sanction=sanction, removed_at=None).order_by("side", "pk")


def add_proof(by: User, sanction: Sanction, upload: Any) -> SanctionProof:
    """Add a file to the own side: the proposer's before the unit is told, the unit's while it is heard.

    Raises NotAllowed, Stale, Refused.
    """
    side = _own_side(by, sanction)
    values = attachment_values(upload, PROOFS, by)
    with transaction.atomic():
        hold(sanction, *_states(side))
        kept = proofs_of(sanction).filter(side=side)
        if kept.filter(sha256=values["sha256"]).exists():
            raise Refused([Problem("double", "file", gettext_noop("已经上传过同样的文件。"))])
        if kept.count() >= PROOFS_AT_MOST:
            message = gettext_noop("最多上传 %(most)s 个文件。")
            raise Refused([Problem("too_many", "file", message, {"most": PROOFS_AT_MOST})])
        row = SanctionProof.objects.create(sanction=sanction, side=side, **values)
        _record_file(sanction, "add", side, by, row)
    return row


def remove_proof(by: User, proof: SanctionProof) -> None:
    """Take a file of the own side out again; its row stays. Raises NotAllowed, Stale."""
    side = _own_side(by, proof.sanction)
    if side != proof.side:
        raise NotAllowed("sanction_proof")
    with transaction.atomic():
        hold(proof.sanction, *_states(side))
        if SanctionProof.objects.filter(pk=proof.pk, removed_at=None).update(removed_at=timezone.now()):
            _record_file(proof.sanction, "remove", side, by, proof)


def _own_side(by: User, sanction: Sanction) -> str:
    side = side_of(by, sanction)
    if not side:
        raise NotAllowed("sanction_proof")
    return side


def _states(side: str) -> list[str]:
    return [state for state, whose in TAKEN.items() if whose == side]


def _record_file(sanction: Sanction, what: str, side: str, by: User, row: SanctionProof) -> None:
    # What the office gathers before the unit is told has a verb of its own: the unit's history begins with being told.
    verb = f"sanction.{what}_{'evidence' if side == 'office' else 'proof'}"
    roles = sanction_roles(by, sanction)
    role = "applicant" if side == "party" else next((name for name in PROPOSERS if name in roles), "proposer")
    audit.record(sanction, verb, by=by, role=role, file=row.name, sha256=row.sha256)


# --- documents ----------------------------------------------------------------------------------------------------


def measure(sanction: Sanction) -> str:
    """What is proposed or was decided, as documents say it."""
    certificate = sanction.certificate
    if sanction.kind == Sanction.Kind.REVOKE:
        return f"撤销编号为 {certificate.number} 的“{certificate.level_name}”证书。"
    name = dict(levels_below(certificate)).get(sanction.to_level or 0, "")
    return f"将编号为 {certificate.number} 的证书由“{certificate.level_name}”降为“{name}”，证书有效期不变。"


def issue_hearing(sanction: Sanction, act: Act) -> IssuedNotice:
    """The 告知书: facts, basis, what is proposed, until when and how the unit is heard. Inside the act."""
    form = NoticeForm.objects.get(pk=NoticeKind.HEARING)
    due_on = sanction.due_on.isoformat() if sanction.due_on else ""
    rights = [
        f"请于 {due_on} 前在平台上书面陈述、申辩并提交证据，也可以要求当面听取意见，或者声明放弃。",
        "逾期未陈述、申辩，也未要求当面听取意见的，依据已查明的事实作出决定。",
        form.text,
    ]
    sections = [
        ["查明的事实", sanction.facts],
        ["依据", sanction.basis],
        ["拟作出的处理", measure(sanction)],
        ["你单位的权利", "\n".join(rights)],
    ]
    opening = "经查，你单位所持的下列证书存在需要处理的情形。依照规定，作出决定前先听取你单位意见，现告知如下。"
    return _issue(sanction, NoticeKind.HEARING, act, opening, sections, remedy=form.remedy)


def issue_decision(sanction: Sanction, act: Act) -> IssuedNotice:
    """The 决定书: facts, what the unit said, reasons, decision, what follows from it, how to appeal. Inside the act."""
    form = NoticeForm.objects.get(pk=NoticeKind.SANCTION)
    sections = [
        ["查明的事实", sanction.facts],
        ["听取意见的情况", heard(sanction)],
        ["依据", sanction.basis],
        ["理由", sanction.ruling],
        ["决定", "\n".join([measure(sanction), *_follows(sanction, act.day), form.text])],
    ]
    opening = "你单位所持证书的处理一案，经听取意见并审查，现作出如下决定。"
    # The message of a revocation may wait for a look: until it has left, nobody outside reads this.
    told_by = "certificate.revoke" if sanction.kind == Sanction.Kind.REVOKE else ""
    return _issue(sanction, NoticeKind.SANCTION, act, opening, sections, remedy=form.remedy, told_by=told_by)


def heard(sanction: Sanction) -> str:
    """How the unit was heard, as the decision says it."""
    told = []
    if sanction.waived_at:
        told.append("你单位声明放弃陈述、申辩。")
    if sanction.statement:
        told.append(f"你单位书面陈述：{sanction.statement}")
    if sanction.heard_on:
        told.append(f"{sanction.heard_on.isoformat()} 当面听取了你单位的意见：{sanction.record}")
    return "\n".join(told) or "你单位在期限内未陈述、申辩，也未要求当面听取意见。"


def _follows(sanction: Sanction, day: date) -> list[str]:
    if sanction.kind != Sanction.Kind.REVOKE:
        return ["原证书即行失效，由降级后的新证书取代。"]
    until = ban_ends(sanction, day)
    if until is None:
        why = sanction.unbanned_reason or "该评价类别未规定限制年数"
        return ["证书自本决定作出之日起失效。", f"不限制申报：{why}"]
    return ["证书自本决定作出之日起失效。", f"自本决定作出之日起至 {until.isoformat()} 止，你单位不得申报。"]


def ban_ends(sanction: Sanction, day: date) -> date | None:
    """The last day of the ban of a revocation decided on ``day``; None without one."""
    return last_day(day, sanction.ban_years) if sanction.ban_years else None


def _issue(
    sanction: Sanction, kind: NoticeKind, act: Act, opening: str, sections: list[list[str]], *, remedy: str,
    told_by: str = "",
) -> IssuedNotice:  # fmt: skip
    certificate = sanction.certificate
    with translation.override("zh-hans"):
        content = {
            **issuing.head(certificate.application),
            "title": str(kind.label),
            "facts": [
                ["证书编号", certificate.number], ["小区", certificate.community_name],
                ["等级", certificate.level_name], ["处理编号", sanction.number],
            ],
            "opening": opening, "sections": sections, "remedy": remedy, "told_by": told_by,
        }  # fmt: skip
    return issuing.issue(certificate.application, kind, act, content, issuing.next_round(certificate.application, kind))


def documents_of(sanction: Sanction) -> list[IssuedNotice]:
    """The documents of one sanction that have left, oldest first: a decision may wait with its message for a look."""
    numbers = [number for number in (sanction.notice_number, sanction.decision_number) if number]
    rows = IssuedNotice.objects.filter(number__in=numbers).order_by("pk") if numbers else []
    return [row for row in rows if row.sha256 or issuing.told_on(row)]


# --- what it brings about -----------------------------------------------------------------------------------------


def revoke(sanction: Sanction, act: Act) -> None:
    """Revoke the certificate, with the ban that was decided; inside the act."""
    certificate = Certificate.objects.get(pk=sanction.certificate_id)
    MACHINES["certificate"].perform(
        certificate, "revoke", by=None, reason=sanction.ruling, sanction=sanction.decision_number,
        ban_until=ban_ends(sanction, act.day),
    )  # fmt: skip


def downgrade(sanction: Sanction, act: Act) -> None:
    """Put a certificate of the lower level in the place of the certificate, for the rest of its term; inside the act."""
    certificate, level = sanction.certificate, sanction.to_level
    if level is not None:
        said = {"sanction": sanction.decision_number}
        succession.succeed(certificate, act.day, level=level, valid_until=certificate.valid_until, **said)


def public_decision(certificate: Certificate) -> Sanction | None:
    """The decision that ended a certificate, of which the public reads the number and the kind; None where there is none."""
    rows = Sanction.objects.filter(certificate=certificate.pk, state="executed")
    found: Sanction | None = rows.only("kind", "decision_number", "decided_at").first()
    return found
