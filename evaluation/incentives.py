"""Incentives 激励: opened for every star certificate, decided by an approver, ended with the certificate. No money moves here.

Hides: which policies reach a certificate (those in force on the day it was issued), that terms are the policy's until somebody
decides and copies from then on, how a number nobody can guess is made, and that whatever a killed worker left is found again.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from communities import credit_code
from communities.permissions import city_duties
from evaluation import telling_incentives
from evaluation.models import Certificate, Incentive, IncentivePolicy
from evaluation.models.incentive import DECIDED, OPEN
from evaluation.permissions import can_city, incentives_visible_to, own_rows
from portal import attempts, audit, clock
from portal.machine import MACHINES, Act, Stale, hold
from portal.models import Sequence, User
from portal.problems import Problem, Refused, gettext_noop
from portal.tasks import ring, swept

logger = logging.getLogger(__name__)
UNSET = gettext_noop("待主管部门设定")
AT_ONCE = 200  # rows that one look of the sweep moves
TAIL = 8  # characters of a number that nobody can guess
# act of a certificate -> why its incentives end
ENDED: Mapping[str, str] = {
    "revoke": gettext_noop("证书已撤销。"),
    "cancel": gettext_noop("证书已因重大变更撤销。"),
    "supersede": gettext_noop("证书已被取代。"),
    "expire": gettext_noop("证书已到期。"),
}
LOWERED = gettext_noop("证书已被较低等级的新证书取代。")


# --- what a policy gives ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """What an incentive is worth and on what ground: of the policy as it is now, or as it was when it was decided.

    amount: the value with its unit, "" where the authority has set none.
    """

    policy_name: str
    basis: str
    document_number: str
    amount: str
    conditions: str
    cap: str
    department: str


TERMS = tuple(Terms.__dataclass_fields__)


def terms_of(incentive: Incentive) -> Terms:
    """What was decided, or what the policy would give today."""
    if incentive.state in DECIDED:
        return Terms(**{name: getattr(incentive, name) for name in TERMS})
    return policy_terms(incentive.policy, incentive.level)


def policy_terms(policy: IncentivePolicy, level: int) -> Terms:
    """What a policy gives a level now."""
    return Terms(
        policy.name, policy.basis, policy.document_number, policy.value_of(level), policy.conditions, policy.cap,
        policy.department,
    )  # fmt: skip


def words_of(incentive: Incentive) -> list[tuple[str, str]]:
    """What an approver reads before granting, and grants only as it was read: a heading and its words, line by line."""
    terms, unset = policy_terms(IncentivePolicy.objects.get(pk=incentive.policy_id), incentive.level), _(UNSET)
    lines = (
        (_("激励政策"), terms.policy_name),
        (_("依据"), "　".join(part for part in (terms.basis, terms.document_number) if part)),
        (_("申报单位"), f"{incentive.organisation_name} {incentive.credit_code}"),
        (_("等级"), incentive.level_name),
        (_("数值"), terms.amount or unset),
        (_("条件"), terms.conditions or unset),
        (_("上限"), terms.cap or (_("未规定") if terms.amount else unset)),
        (_("监管部门"), terms.department or unset),
    )
    return [(_("拟核定的内容"), "\n".join(f"{heading}{_('：')}{words}" for heading, words in lines))]


# --- opening ------------------------------------------------------------------------------------------------------


def open_needed(certificate: Certificate) -> None:
    """Have the incentives of a new certificate opened once the act that issues it stands. Inside that act."""
    if certificate.is_final:
        transaction.on_commit(partial(ring, open_incentives, certificate.pk), robust=True)


def follow(new: Certificate) -> None:
    """What follows from a certificate in place of another: its own incentives, and where it is lower, the end of the others'."""
    open_needed(new)
    reverse_before(new, LOWERED)


@shared_task
def open_incentives(pk: int) -> None:
    """Open what a certificate may bring, if that has not been done."""
    certificate = Certificate.objects.filter(pk=pk).select_related("application__project__organisation").first()
    if certificate is not None:
        open_for(certificate)


def open_for(certificate: Certificate) -> int:
    """Open an incentive for every policy that reaches this certificate and has none of it yet; return how many.

    Idempotent; of two workers at once the second finds nothing left. Nothing for a certificate that does not hold.
    """
    today, opened = timezone.localdate(), 0
    if not certificate.is_final or certificate.valid_until < today:
        return 0
    with transaction.atomic():
        try:
            hold(certificate, "valid")
        except Stale:
            return 0
        for policy in _reaching(certificate).exclude(incentives__certificate=certificate).order_by("code"):
            _open(certificate, policy, None)
            opened += 1
    return opened


def _reaching(certificate: Certificate) -> QuerySet[IncentivePolicy]:
    project = certificate.application.project
    rows: QuerySet[IncentivePolicy] = IncentivePolicy.objects.on(certificate.issued_on)
    return rows.filter(programme=project.programme_id, least_level__lte=certificate.level)


def _open(certificate: Certificate, policy: IncentivePolicy, act: Act | None) -> Incentive:
    """Write one, the certificate being held. act: by which somebody asked for it once more."""
    project = certificate.application.project
    state = "due" if policy.value_of(certificate.level) else "unset"
    due_on = clock.deadline("incentive", timezone.localdate(), project.programme_id) if state == "due" else None
    row: Incentive = Incentive.objects.create(
        certificate=certificate, policy=policy, state=state, due_on=due_on, level=certificate.level,
        level_name=certificate.level_name, community_name=certificate.community_name,
        organisation_name=certificate.organisation_name, credit_code=project.organisation.credit_code,
    )  # fmt: skip
    by, role = (act.by, act.role) if act else (None, "")
    event = audit.record(
        row, telling_incentives.OPENED, by=by, role=role, certificate=certificate.number, policy=policy.code
    )
    telling_incentives.tell_opened(row, event)
    return row


@swept
def open_missing() -> int:
    """Ring for star certificates for which a policy has no incentive yet: a bell was lost, or the policy reaches back."""
    today, found = timezone.localdate(), set()
    for policy in IncentivePolicy.objects.order_by("code"):
        rows = Certificate.objects.in_force(today).filter(programme=policy.programme_id, level__gte=policy.least_level)
        if policy.valid_from:
            rows = rows.filter(issued_on__gte=policy.valid_from)
        if policy.valid_until:
            rows = rows.filter(issued_on__lte=policy.valid_until)
        had = Incentive.objects.filter(certificate=OuterRef("pk"), policy=policy)
        found |= set(rows.filter(~Exists(had)).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    for pk in sorted(found):
        ring(open_incentives, pk)
    return len(found)


@swept
def begin_with_values() -> int:
    """Let those be decided whose value the authority has set since they were opened; return how many."""
    moved = 0
    for policy in IncentivePolicy.objects.filter(incentives__state="unset").distinct():
        levels = [int(level) for level in policy.values if policy.value_of(int(level))]
        rows = Incentive.objects.filter(policy=policy, state="unset", level__in=levels)
        moved += sum(_moved(row, "begin") for row in _whole(rows).order_by("pk")[:AT_ONCE])
    return moved


def _whole(rows: QuerySet[Incentive]) -> QuerySet[Incentive]:
    case = "certificate__application__project__"
    return rows.select_related("policy", f"{case}programme", f"{case}organisation", f"{case}community")


def _moved(row: Incentive, action: str, **said: Any) -> bool:
    try:
        MACHINES["incentive"].perform(row, action, by=None, **said)
    except (Stale, Refused) as reason:
        logger.info("incentive %s stays in %s: %s", row.pk, row.state, reason)
        return False
    return True


def open_anew(incentive: Incentive, act: Act) -> Mapping[str, Any]:
    """Open the same once more, where it was refused or taken back wrongly; inside that act. The old one stays as it is."""
    row = _open(incentive.certificate, incentive.policy, act)
    return {"anew": row.pk}


# --- what stands in the way ---------------------------------------------------------------------------------------


def hold_certificate(incentive: Incentive) -> None:
    """Take the certificate until commit: what ends it and what decides on its incentives come one after the other.

    Then the policy of one that may be decided, so that a value that is being changed is either read as it becomes, or was
    changed too late. Acts that end several take policies in the order of their codes.
    """
    Certificate.objects.filter(pk=incentive.certificate_id).update(state_since=F("state_since"))
    if incentive.state in OPEN:
        IncentivePolicy.objects.filter(pk=incentive.policy_id).update(name=F("name"))


def certificate_holds(incentive: Incentive, act: Act) -> Iterator[Problem]:
    if not Certificate.objects.in_force(act.day).filter(pk=incentive.certificate_id).exists():
        yield Problem("certificate_ended", "", gettext_noop("证书已不在有效状态，不能办理激励。"))


def value_is_set(incentive: Incentive, act: Act) -> Iterator[Problem]:
    policy = IncentivePolicy.objects.get(pk=incentive.policy_id)
    if not policy.value_of(incentive.level):
        message = gettext_noop(
            "“%(policy)s”没有设定%(level)s的数值，不能核定：请安全管理员按主管部门的文件在“设置”的“激励政策”中设定后再办。"
        )
        yield Problem("value_unset", "", message, {"policy": policy.name, "level": incentive.level_name})


def none_is_live(incentive: Incentive, act: Act) -> Iterator[Problem]:
    rows = Incentive.objects.live().filter(certificate=incentive.certificate_id, policy=incentive.policy_id)
    if rows.exclude(pk=incentive.pk).exists():
        yield Problem("live", "", gettext_noop("该证书在这项政策下已有一件在办或已核定的激励。"))


# --- deciding -----------------------------------------------------------------------------------------------------


def keep_grant(incentive: Incentive, act: Act) -> Mapping[str, Any]:
    """Give the confirmation its number and copy what was granted; inside the act. A worker seals and prints it."""
    _copy_terms(incentive)
    prefix = f"{incentive.certificate.application.project.programme.number_prefix}-JL-{act.day.year}"
    tail = "".join(secrets.choice(credit_code.ALPHABET) for _place in range(TAIL))
    incentive.number = f"{prefix}-{Sequence.take(prefix):05d}-{tail}"
    incentive.grounds = str(act.data.get("grounds") or "").strip()
    incentive.granted_on, incentive.valid_until = act.day, incentive.certificate.valid_until
    _decided(incentive, act, "number", "grounds", "granted_on", "valid_until")
    return {"level": incentive.level, "amount": incentive.amount}


def keep_refusal(incentive: Incentive, act: Act) -> Mapping[str, Any]:
    _copy_terms(incentive)
    incentive.reason = str(act.data["reason"]).strip()
    _decided(incentive, act, "reason")
    return {}


def keep_reason(incentive: Incentive, act: Act) -> Mapping[str, Any]:
    """Why it was taken back or closed."""
    incentive.reason = str(act.data["reason"]).strip()
    incentive.save(update_fields=["reason"])
    return {}


def _copy_terms(incentive: Incentive) -> None:
    terms = policy_terms(IncentivePolicy.objects.get(pk=incentive.policy_id), incentive.level)
    for name in TERMS:
        setattr(incentive, name, getattr(terms, name))


def _decided(incentive: Incentive, act: Act, *columns: str) -> None:
    incentive.decided_by, incentive.decided_at = act.by, act.at
    incentive.save(update_fields=[*TERMS, *columns, "decided_by", "decided_at"])


# --- the certificate ends -----------------------------------------------------------------------------------------


def reverse_all(certificate: Certificate, reason: str) -> int:
    """Take back what was granted for a certificate and close what is open; return how many. Inside the act that ends it.

    reason: a Chinese sentence, translated where it is shown. Idempotent.
    """
    rows = _whole(Incentive.objects.live().filter(certificate=certificate)).order_by("policy", "pk")
    return sum(_end(row, reason) for row in rows)


def _end(row: Incentive, reason: str) -> bool:
    MACHINES["incentive"].perform(row, "reverse" if row.state == "granted" else "close", by=None, reason=reason)
    return True


def close_open(certificate: Certificate, reason: str) -> int:
    """Close what nobody has decided yet; what was granted stays until its day."""
    rows = Incentive.objects.filter(certificate=certificate, state__in=OPEN)
    return sum(_end(row, reason) for row in _whole(rows).order_by("policy", "pk"))


def after_certificate(certificate: Certificate, act: Act) -> None:
    """What follows from the act that ended a certificate; stands in its table.

    Taken back where the star was taken or became lower. Superseded by an equal or higher one, or over: what was granted
    holds until its own last day, and what was not decided is closed; ``follow``
    takes back where the lower one is issued after this act.
    """
    reason = ENDED.get(act.action, ENDED["revoke"])
    if act.action in ("expire", "supersede"):
        close_open(certificate, reason)
        reverse_before(certificate, LOWERED)
    else:
        reverse_all(certificate, reason)
        reverse_before(certificate, reason)


def reverse_before(certificate: Certificate, reason: str) -> int:
    """Take back what this certificate and those before it in the same place gave, where a lower one or none stands now."""
    project = certificate.application.project
    case = "certificate__application__project__"
    rows = _forfeited().filter(**{f"{case}community": project.community_id, f"{case}programme": project.programme_id})
    return sum(_end(row, reason) for row in _whole(rows).order_by("pk"))


def _forfeited() -> QuerySet[Incentive]:
    """Granted for a certificate that was revoked, or superseded by what is lower now or was revoked."""
    case = "application__project__"
    same = Certificate.objects.filter(
        **{f"{case}{name}": OuterRef(f"certificate__{case}{name}") for name in ("community", "programme")},
        is_final=OuterRef("certificate__is_final"),
    )
    valid = same.filter(state="valid")
    lower = Exists(valid.filter(level__lt=OuterRef("level")))
    lost = Exists(same.filter(state="revoked", issued_on__gte=OuterRef("certificate__issued_on"))) & ~Exists(valid)
    ended = Incentive.objects.filter(state="granted", certificate__state__in=("revoked", "superseded"))
    rows: QuerySet[Incentive] = ended.filter(
        Q(certificate__state="revoked") | (Q(certificate__state="superseded") & (Q(lower) | Q(lost)))
    )
    return rows


@swept
def end_left() -> int:
    """End what a certificate that ended has left behind, however it ended; return how many."""
    moved = 0
    for row in _whole(_forfeited()).order_by("pk")[:AT_ONCE]:
        reason = ENDED["revoke"] if row.certificate.state == "revoked" else LOWERED
        moved += _moved(row, "reverse", reason=reason)
    over = Incentive.objects.filter(state__in=OPEN, certificate__state__in=("revoked", "superseded", "expired"))
    words = {"revoked": "revoke", "superseded": "supersede", "expired": "expire"}
    for row in _whole(over).order_by("pk")[:AT_ONCE]:
        moved += _moved(row, "close", reason=ENDED[words[row.certificate.state]])
    return moved


# --- who looks and who acts ---------------------------------------------------------------------------------------


def confirmation_at(number: str, address: str) -> Incentive | None:
    """The confirmation of this number, None where there is none. Raises TooMany for whoever guesses.

    Counted with guesses at certificates; one that was never granted has no number, so that none is hidden.
    """
    allowance = attempts.unknown_certificates()
    attempts.refuse_used_up(allowance, address)
    row: Incentive | None = (
        Incentive.objects.filter(number=number).exclude(number="").select_related("certificate").first()
    )
    if row is None:
        attempts.take(allowance, address)
    return row


def of_project(user: User, project: Any) -> list[Incentive]:
    """Incentives of a case for whoever may see them, newest certificate first; one query beside those of the rights."""
    rows = incentives_visible_to(user).filter(certificate__application__project=project)
    return list(rows.select_related("certificate", "policy").order_by("-certificate", "pk"))


def earlier(incentive: Incentive) -> QuerySet[Incentive]:
    """What the same community was granted under the same policy for another certificate and still holds."""
    project = incentive.certificate.application.project
    rows = Incentive.objects.filter(
        policy=incentive.policy_id, state="granted", certificate__application__project__community=project.community_id
    )
    found: QuerySet[Incentive] = rows.exclude(pk=incentive.pk).order_by("-granted_on", "-pk")
    return found


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """As ``work.Waiting`` takes it: what approvers decide, and policies for whose values incentives wait."""
    if "approver" in city_duties(user):
        rows = (
            incentives_visible_to(user)
            .filter(state="due")
            .exclude(own_rows(user, "certificate__application__project__"))
        )
        for row in rows.select_related("policy", "certificate"):
            yield {
                "key": f"incentive-{row.pk}", "subject": row.community_name, "detail": row.policy.name,
                "sentence": _("核定激励"), "due_on": row.due_on, "link": row.get_absolute_url(), "since": row.state_since,
            }  # fmt: skip
    if can_city(user, "change_policies"):
        yield from _unset_policies()


def _unset_policies() -> Iterator[dict[str, Any]]:
    counted = Incentive.objects.filter(state="unset").order_by("policy").values("policy", "policy__name")
    for row in counted.annotate(count=Count("pk"), since=Min("state_since")):
        words = ngettext("%(n)s 件激励在等数值", "%(n)s 件激励在等数值", row["count"]) % {"n": row["count"]}
        yield {
            "key": f"incentive-policy-{row['policy']}", "subject": row["policy__name"], "detail": words,
            "sentence": _("按主管部门的文件设定各星级的数值"), "due_on": None,
            "link": reverse("policy", args=["incentive_policy", row["policy"]]), "since": row["since"],
        }  # fmt: skip
