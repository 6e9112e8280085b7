"""Invitations to act for a unit: an account is asked by its user name, anybody else by a secret link sent by e-mail.

Hides: that of a secret only the digest is kept, how long it holds, why a link opens nothing any more, and that whoever
invites by user name learns neither whether somebody bears the name nor what else that person is.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from communities.members import is_member, joining_problems, member_already, role_problems
from communities.models import Invitation, Membership, Organisation
from communities.permissions import RIGHTS
from communities.writing import authorise, role_of, unique
from portal import audit, clock, notify
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

OPEN_AT_MOST = 50  # unanswered invitations of one unit, so that nobody sends e-mails by the thousand through the portal
SENT_AT_MOST = 50  # within a day, of one unit or by one person: withdrawing makes no room for more e-mails
USERNAME = re.compile(r"[\w.+-]{1,150}")  # as an account's, but for the "@" that makes it an address
PAUSE = timedelta(minutes=10)  # between two sendings of one invitation


def invite(by: User, organisation: Organisation, whom: str, role: str) -> Invitation:
    """Ask somebody to act for the unit. Raises NotAllowed, Stale, Refused.

    whom: an e-mail address, or a user name. What holds an "@" is always an address: user names may hold one too, and
    somebody could have taken another's address for a name. A name that nobody bears, or the bearer of which may join no
    unit, is invited all the same: what stands against it is told to whoever would accept.
    """
    authorise(by, "manage_members", organisation)
    whom = whom.strip()
    email = whom.lower() if "@" in whom else ""
    name = "" if email else whom
    invitee = User.objects.filter(username=name, is_active=True).first() if name else None
    address = _problems_of_address(organisation, email) if email else _problems_of_name(organisation, name, invitee)
    problems = [*role_problems(role), *address]
    if problems:
        raise Refused(problems)
    secret = secrets.token_urlsafe(32) if email else ""
    with unique(_invited_already()), transaction.atomic():
        hold(organisation, *RIGHTS["manage_members"][1])
        if organisation.invitations.unanswered().count() >= OPEN_AT_MOST:
            message = gettext_noop("未答复的邀请已有%(count)s份，请先撤回不再需要的。")
            raise Refused([Problem("too_many", "", message, {"count": OPEN_AT_MOST})])
        _refuse_flood(by, organisation)
        row = Invitation.objects.create(
            organisation=organisation, invitee=invitee, username=name, email=email, role=role,
            digest=_digest(secret), invited_by=by, expires_at=_expiry(),
        )  # fmt: skip
        audit.record(
            organisation, "organisation.invite", by=by, role=role_of(by, organisation), member=row.whom, as_role=role
        )
        _send(row, secret)
    return row


def _refuse_flood(by: User, organisation: Organisation) -> None:
    sent = Invitation.objects.filter(sent_at__gt=timezone.now() - timedelta(days=1))
    if sent.filter(Q(organisation=organisation) | Q(invited_by=by)).count() >= SENT_AT_MOST:
        message = gettext_noop("一天之内已发出%(count)s份邀请，请过一天再邀请。")
        raise Refused([Problem("too_many_sent", "", message, {"count": SENT_AT_MOST})])


def _problems_of_name(organisation: Organisation, name: str, invitee: User | None) -> Iterator[Problem]:
    """Nothing but what the name itself and the unit's own lists say: no name is told from one that nobody bears."""
    if not name:
        yield Problem("required", "whom", gettext_noop("请填写对方的用户名或电子邮箱。"))
    elif not USERNAME.fullmatch(name):
        yield Problem("username", "whom", gettext_noop("用户名的写法不对，请核对；还没有账号的人，请填写其电子邮箱。"))
    elif invitee is not None and is_member(organisation, invitee):
        yield replace(member_already(), place="whom")
    elif organisation.invitations.unanswered().filter(username=name).exists():
        yield _invited_already()


def _problems_of_address(organisation: Organisation, email: str) -> Iterator[Problem]:
    try:
        validate_email(email)
    except ValidationError:
        yield Problem("email", "whom", gettext_noop("电子邮箱的写法不对，请核对。"))
    if organisation.invitations.unanswered().filter(email=email).exists():
        yield _invited_already()


def _invited_already() -> Problem:
    return Problem("invited_already", "whom", gettext_noop("已经邀请过，对方还没有答复；可以重新发送。"))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest() if secret else ""


def _expiry() -> datetime:
    """The end of the last day of the limit."""
    last = clock.deadline("member_invitation", timezone.localdate())
    return timezone.make_aware(datetime.combine(last + timedelta(days=1), time.min))


def address_of(invitation: Invitation, secret: str = "") -> str:
    """Where an invitation is answered: by its secret, or by its number where the account itself is the proof."""
    return reverse("invitation", args=[secret or invitation.pk])


def _send(invitation: Invitation, secret: str) -> None:
    """Queue the message; a row in the caller's transaction, sent by the workers."""
    key = f"invite:{invitation.pk}:{invitation.sent_at:%Y%m%d%H%M%S%f}"
    link = address_of(invitation, secret)
    words = {
        "organisation": invitation.organisation.name,
        "inviter": str(invitation.invited_by),
        "role": Membership.Role(invitation.role).label,  # lazy: put into words in the reader's language
        "last_day": last_day(invitation),
    }
    if invitation.invitee:
        notify.write(key, [invitation.invitee], "member_invitation", link, **words)
    elif invitation.email:
        notify.write_to_address(key, invitation.email, "member_invitation", link, **words)


def last_day(invitation: Invitation) -> Any:
    """The last day on which an invitation can be accepted."""
    return timezone.localdate(invitation.expires_at - timedelta(seconds=1))


def resend(by: User, invitation: Invitation) -> None:
    """Send an unanswered invitation again, with a new secret and a new period; the old link ends. Raises as ``invite``."""
    organisation = invitation.organisation
    authorise(by, "manage_members", organisation)
    now = timezone.now()
    secret = secrets.token_urlsafe(32) if invitation.email else ""
    columns = {"digest": _digest(secret), "sent_at": now, "expires_at": _expiry(), "invited_by": by}
    with transaction.atomic():
        hold(organisation, *RIGHTS["manage_members"][1])
        waiting = Invitation.objects.unanswered().filter(pk=invitation.pk)
        if waiting.filter(sent_at__gt=now - PAUSE).exists():
            message = gettext_noop("这份邀请刚刚发送过，请过%(minutes)s分钟再发。")
            raise Refused([Problem("sent_just_now", "", message, {"minutes": PAUSE.seconds // 60})])
        if not waiting.update(**columns):
            raise Refused([_why_closed(Invitation.objects.get(pk=invitation.pk), now) or _gone()])
        for name, value in columns.items():
            setattr(invitation, name, value)
        audit.record(
            organisation, "organisation.invite_again", by=by, role=role_of(by, organisation), member=invitation.whom
        )
        _send(invitation, secret)


def withdraw(by: User, invitation: Invitation) -> None:
    """Take an unanswered invitation back; its link opens nothing any more. Raises NotAllowed, Refused."""
    organisation = invitation.organisation
    authorise(by, "manage_members", organisation)
    with transaction.atomic():
        if not Invitation.objects.unanswered().filter(pk=invitation.pk).update(withdrawn_at=timezone.now()):
            raise Refused([_why_closed(Invitation.objects.get(pk=invitation.pk), timezone.now()) or _gone()])
        audit.record(
            organisation, "organisation.withdraw_invitation", by=by, role=role_of(by, organisation),
            member=invitation.whom,
        )  # fmt: skip


# --- answering --------------------------------------------------------------------------------------------------------


def invitation_at(user: Any, key: str) -> Invitation | None:
    """What an address opens: by number one's own invitation, else whatever bears this secret."""
    rows = Invitation.objects.select_related("organisation", "invitee", "invited_by")
    if key.isdecimal() and len(key) < 19:
        return rows.filter(pk=int(key), invitee=user).first() if user.is_authenticated else None
    return rows.filter(digest=_digest(key)).first()


def waiting_for(user: User) -> Any:
    """Invitations that this account may still accept, newest first."""
    rows = Invitation.objects.open(timezone.now()).filter(invitee=user)
    return rows.select_related("organisation", "invited_by").order_by("-pk")


def problems_of(user: Any, invitation: Invitation) -> list[Problem]:
    """Why ``user`` (or nobody yet) cannot accept this invitation now; empty where nothing stands against it."""
    closed = _why_closed(invitation, timezone.now())
    if closed:
        return [closed]
    if invitation.organisation.state not in RIGHTS["manage_members"][1]:
        return [Problem("organisation_closed", "", gettext_noop("该单位目前不能增加成员，请与邀请您的人联系。"))]
    if not user.is_authenticated:
        return [*_without_sender(invitation)]
    if invitation.email and invitation.email != user.email.strip().lower():
        message = gettext_noop(
            "这份邀请是发给另一个电子邮箱的，与您登录账号的邮箱不同。请换用该邮箱的账号登录，或请单位按您的用户名重新邀请。"
        )
        return [Problem("wrong_person", "", message)]
    joining = joining_problems(invitation.organisation, user)
    told = [Problem(row.code, "", row.message, row.params) for row in joining]
    return [*_without_sender(invitation), *told]


def _without_sender(invitation: Invitation) -> Iterator[Problem]:
    """Whoever was put out of the unit does not come back by an invitation of their own."""
    senders = Membership.objects.on(timezone.localdate()).filter(
        organisation=invitation.organisation_id, user=invitation.invited_by_id, role=Membership.Role.ADMINISTRATOR
    )
    if not senders.exists():
        yield Problem("sender_left", "", gettext_noop("发出邀请的人已不是该单位的管理员，请联系单位重新发送。"))


def _why_closed(invitation: Invitation, now: datetime) -> Problem | None:
    if invitation.withdrawn_at:
        return Problem("withdrawn", "", gettext_noop("这份邀请已被单位撤回。"))
    if invitation.accepted_at:
        return Problem("used", "", gettext_noop("这份邀请已被接受，不能再次使用。"))
    if invitation.declined_at:
        return Problem("declined", "", gettext_noop("这份邀请已被谢绝；如需加入，请单位重新邀请。"))
    if invitation.expires_at <= now:
        return Problem("expired", "", gettext_noop("这份邀请已过有效期，请联系单位重新发送。"))
    return None


def _gone() -> Problem:
    return Problem("changed", "", gettext_noop("邀请刚刚有了变化，请刷新后再办理。"))


def accept(by: User, invitation: Invitation) -> Membership:
    """Become a member of the unit, from today. Of two who accept at once one does. Raises NotAllowed, Stale, Refused."""
    _refuse_stranger(by, invitation)
    organisation = invitation.organisation
    if problems := problems_of(by, invitation):
        raise Refused(problems)
    now = timezone.now()
    with unique(member_already()), transaction.atomic():
        hold(organisation, *RIGHTS["manage_members"][1])
        if problems := [*_without_sender(invitation)]:  # put out while this was read
            raise Refused(problems)
        # The secret belongs to what was read: one that was sent anew meanwhile is another invitation.
        mine = Invitation.objects.open(now).filter(pk=invitation.pk, digest=invitation.digest)
        if not mine.update(accepted_at=now, accepted_by=by):
            raise Refused([_why_closed(Invitation.objects.get(pk=invitation.pk), now) or _gone()])
        row = Membership.objects.create(
            user=by, organisation=organisation, role=invitation.role, since=timezone.localdate()
        )
        by.__dict__.pop("_memberships", None)
        event = audit.record(
            organisation, "organisation.join", by=by, role=invitation.role, member=str(by), as_role=invitation.role
        )
        notify.write(
            f"event:{event.pk}", [invitation.invited_by], "organisation", organisation.get_absolute_url(),
            organisation=organisation, event=event, sentence=gettext_noop("您邀请的人已接受邀请，成为单位成员"),
        )  # fmt: skip
    return row


def decline(by: User, invitation: Invitation) -> None:
    """Say no; the unit is told. Raises NotAllowed, Refused."""
    _refuse_stranger(by, invitation)
    problems = [row for row in problems_of(by, invitation) if row.code in ANSWERED or row.code == "wrong_person"]
    if problems:
        raise Refused(problems)
    organisation = invitation.organisation
    with transaction.atomic():
        mine = Invitation.objects.unanswered().filter(pk=invitation.pk, digest=invitation.digest)
        if not mine.update(declined_at=timezone.now()):
            raise Refused([_why_closed(Invitation.objects.get(pk=invitation.pk), timezone.now()) or _gone()])
        event = audit.record(organisation, "organisation.decline_invitation", by=by, role="public", member=str(by))
        notify.write(
            f"event:{event.pk}", [invitation.invited_by], "organisation", organisation.get_absolute_url(),
            organisation=organisation, event=event, sentence=gettext_noop("您邀请的人谢绝了成员邀请"),
        )  # fmt: skip


ANSWERED = frozenset({"withdrawn", "used", "declined"})


def _refuse_stranger(by: User, invitation: Invitation) -> None:
    """An invitation by user name is nobody else's to answer, also where nobody bore the name."""
    if not by.is_authenticated or not by.is_active or (invitation.username and invitation.invitee_id != by.pk):
        raise NotAllowed("answer_invitation")
