"""Access tokens: how a unit's own system acts for a person through the API, within scopes.

Hides: that only the digest of a secret is kept and looked up (so that no comparison of secrets takes time one could
measure), how a token for one organisation narrows what its person may do, and that its use is noted once an hour.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from communities.models import AccessToken, Organisation
from communities.permissions import limit_to, memberships_of
from portal import audit
from portal.machine import MACHINES, NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

READ, FILE, SUBMIT, HANDLE = "read", "file", "submit", "handle"
# scope -> (what it is called, what it opens); no scope gives more than its person may do
SCOPES: Mapping[str, tuple[str, str]] = {
    READ: (gettext_noop("读取"), gettext_noop("查看本人可以查看的单位、案卷、材料、待办与结果。")),
    FILE: (gettext_noop("申报填报"), gettext_noop("登记单位、小区和案卷，填写自评，上传申报材料与佐证，答复补正。")),
    SUBMIT: (gettext_noop("提交"), gettext_noop("提交申报、补正、修改与整改回复，以及申报方的其他办理（如撤回）。")),
    HANDLE: (gettext_noop("审查与评审"), gettext_noop("主管人员与专家的办理：形式审查、抽取、评分、审定、过程指导等。")),
}  # fmt: skip
# What the API asks for beside a scope: a person who is signed in, never a token; or a token of any scope.
SESSION, ANY = "session", "any"
PARTIES = frozenset({"applicant", "consultant", "administrator", "member", "entrant"})

PREFIX_LENGTH = 10
LONGEST_DAYS = 366
TOKENS_AT_MOST = 20  # live ones a person
USE_NOTED_EVERY = timedelta(hours=1)


def scope_of_act(machine: str, action: str) -> str:
    """The scope that an act needs: read from the machine's table, by who may do it."""
    rows = [row for row in MACHINES[machine].transitions if row.action == action]
    return SUBMIT if any(PARTIES & set(row.by) for row in rows) else HANDLE


def digest_of(secret: str) -> str:
    """What is kept of a secret. It is random and long, so that one SHA-256 is enough."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create(
    by: User, name: str, scopes: Iterable[str], days: int, organisation: Organisation | None = None
) -> tuple[AccessToken, str]:
    """Make a token that holds for ``days`` days; return it with its secret, which nobody can read again later.

    organisation: it sees and does nothing outside of it. Raises Refused with every problem, NotAllowed for nobody.
    """
    if not by.is_authenticated or not by.is_active:
        raise NotAllowed("create_access_token")
    wanted = list(scopes)
    kept = sorted(set(wanted), key=[*SCOPES, *wanted].index)
    problems = list(_problems(by, name.strip(), kept, days, organisation))
    if problems:
        raise Refused(problems)
    now = timezone.now()
    return _issue(by, name.strip(), kept, now, now + timedelta(days=days), organisation=organisation)


def create_for_password(user: User) -> tuple[AccessToken, str]:
    """What the API gives for user name and password: every scope, for as long as a browser stays signed in."""
    now = timezone.now()
    until = now + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return _issue(user, gettext_noop("凭密码取得"), list(SCOPES), now, until, by_password=True)


def _issue(
    user: User, name: str, scopes: list[str], now: datetime, until: datetime, *,
    organisation: Organisation | None = None, by_password: bool = False,
) -> tuple[AccessToken, str]:  # fmt: skip
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        token = AccessToken.objects.create(
            user=user, name=name, organisation=organisation, scopes=scopes, digest=digest_of(secret),
            prefix=secret[:PREFIX_LENGTH], by_password=by_password, created_at=now, expires_at=until,
        )  # fmt: skip
        audit.record(
            token, "access_token.create", by=user, scopes=scopes, until=timezone.localtime(until).isoformat(),
            organisation=str(organisation or ""),
        )  # fmt: skip
    return token, secret


def _problems(
    by: User, name: str, scopes: list[str], days: int, organisation: Organisation | None
) -> Iterator[Problem]:
    if not name or len(name) > 60:
        yield Problem("required", "name", gettext_noop("请写明用途，例如“某某系统”，不超过 60 字。"))
    if not scopes or not set(scopes) <= set(SCOPES):
        yield Problem("scopes", "scopes", gettext_noop("请选择至少一个范围。"))
    if not 1 <= days <= LONGEST_DAYS:
        message = gettext_noop("有效期应为 1 至 %(most)s 天。")
        yield Problem("days", "days", message, {"most": LONGEST_DAYS})
    if organisation is not None and organisation.pk not in memberships_of(by):
        yield Problem("organisation", "organisation", gettext_noop("您不是该单位的成员。"))
    if AccessToken.objects.live(timezone.now()).filter(user=by, by_password=False).count() >= TOKENS_AT_MOST:
        message = gettext_noop("有效的接口令牌已有 %(most)s 个；请先撤销不用的。")
        yield Problem("too_many_tokens", "", message, {"most": TOKENS_AT_MOST})


def revoke(by: User, token: AccessToken) -> None:
    """End a token of one's own at once; a second time changes nothing. Raises NotAllowed for another's."""
    if token.user_id != by.pk:
        raise NotAllowed("revoke_access_token")
    now = timezone.now()
    with transaction.atomic():
        if AccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            token.revoked_at = now
            audit.record(token, "access_token.revoke", by=by)


def end_those_by_password(user: User) -> int:
    """End what was got with a password that is no longer the person's; return how many."""
    rows = list(AccessToken.objects.live(timezone.now()).filter(user=user, by_password=True))
    for row in rows:
        revoke(user, row)
    return len(rows)


def authenticated(secret: str) -> AccessToken | None:
    """The live token of an active person, with its ``user`` narrowed as the token says; None for anything else."""
    now = timezone.now()
    rows = AccessToken.objects.live(now).filter(digest=digest_of(secret), user__is_active=True)
    token: AccessToken | None = rows.select_related("user").first()
    if token is None:
        return None
    token.user.acts_through = token.name
    if token.organisation_id is not None:
        limit_to(token.user, token.organisation_id)
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        AccessToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token
