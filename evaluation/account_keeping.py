"""Accounts as the system administrator keeps them: making, deactivating, unlocking, a new password by a link.

Hides: that nobody here ever sets or sees a password of somebody else, and that nobody does any of it to themself. Rights
are no part of it: duties are given by the security administrator (``appointing``).
"""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from communities.models import AccessToken
from evaluation.permissions import can_city
from portal import attempts, audit, first_password
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Changed, Problem, Refused, gettext_noop

ROLE = "system_administrator"
RIGHT = "keep_accounts"


def accounts(text: str = "") -> QuerySet[User]:
    """Every account whose name, user name or e-mail address contains ``text``, by user name."""
    rows = User.objects.order_by("username")
    return (
        rows.filter(Q(username__icontains=text) | Q(name__icontains=text) | Q(email__icontains=text)) if text else rows
    )


def open_account(by: User | None, username: str, name: str, email: str, basis: str) -> User:
    """Make an account; its person sets the password by the link in the e-mail. ``by`` None: the operator's command.

    Raises NotAllowed, Refused with every problem.
    """
    if by is not None and not can_city(by, RIGHT):
        raise NotAllowed(RIGHT)
    said = (username.strip(), name.strip(), email.strip(), basis.strip())
    problems = list(_problems(*said))
    if problems:
        raise Refused(problems)
    username, name, email, basis = said
    try:
        with transaction.atomic():
            user = User.objects.create(username=username, name=name, email=email, password=first_password.no_password())
            audit.record(user, "user.open", by=by, role=ROLE if by else "", basis=basis)
            first_password.send([user])
    except IntegrityError as error:
        raise Refused([_taken()]) from error
    return user


def _taken() -> Problem:
    return Problem("username_taken", "username", gettext_noop("该用户名已被使用，请换一个。"))


def _problems(username: str, name: str, email: str, basis: str) -> Iterator[Problem]:
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError:
        yield Problem("username", "username", gettext_noop("用户名只能由字母、数字和 @ . + - _ 组成。"))
    if len(username) > 150:
        yield Problem("max_length", "username", gettext_noop("不得超过 %(most)s 字。"), {"most": 150})
    if User.objects.filter(username__iexact=username).exists():
        yield _taken()
    if not name or len(name) > 60:
        yield Problem("required", "name", gettext_noop("请填写姓名，不超过 60 字。"))
    yield from _email_problems(email)
    if not basis:
        yield Problem("required", "basis", gettext_noop("请写明依据，例如任命文号或申请单。"))


def _email_problems(email: str) -> Iterator[Problem]:
    try:
        validate_email(email)
    except ValidationError:
        yield Problem("email", "email", gettext_noop("请填写有效的电子邮箱。"))
        return
    if User.objects.filter(email__iexact=email).exists():
        yield Problem("email_taken", "email", gettext_noop("该电子邮箱已用于另一个账号。"))


def _authorise(by: User, user: User, basis: str) -> None:
    if not can_city(by, RIGHT):
        raise NotAllowed(RIGHT)
    problems = []
    if by.pk == user.pk:
        problems.append(Problem("own_account", "", gettext_noop("不能对自己的账号办理，请由另一位系统管理员办理。")))
    if not basis.strip():
        problems.append(Problem("required", "basis", gettext_noop("请写明依据，例如任免文号或申请单。")))
    if problems:
        raise Refused(problems)


def _overtaken(user: User) -> Changed:
    last = Event.objects.of(user).filter(verb__in=("user.deactivate", "user.reactivate")).last()
    message = gettext_noop("%(who)s刚刚已经办理，该账号的状态已变，请看过后再定。")
    return Changed([Problem("changed", "", message, {"who": last.actor_name if last else ""})], {})


def set_active(by: User, user: User, active: bool, basis: str) -> None:
    """Let an account sign in again, or no more: at once, in every browser and program. Raises NotAllowed, Refused, Changed."""
    _authorise(by, user, basis)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
            raise _overtaken(user)
        user.is_active = active
        verb = "user.reactivate" if active else "user.deactivate"
        audit.record(user, verb, by=by, role=ROLE, before=not active, after=active, basis=basis.strip())


def unlock(by: User, user: User, basis: str) -> int:
    """Let a person try to sign in again who has failed too often; return how many failures were forgotten."""
    _authorise(by, user, basis)
    with transaction.atomic():
        count = attempts.unlock(user.username)
        audit.record(user, "user.unlock", by=by, role=ROLE, count=count, basis=basis.strip())
    return count


def reset_password(by: User, user: User, basis: str) -> None:
    """Take the password away and send its person a link by which they set another, once.

    Browsers and tokens that were opened with the old one are closed. Raises NotAllowed, Refused, attempts.TooMany. Call
    outside a transaction.
    """
    _authorise(by, user, basis)
    if not user.is_active:
        raise Refused([Problem("inactive", "", gettext_noop("该账号已停用，请先启用。"))])
    attempts.take(attempts.first_passwords(), str(user.pk))
    now = timezone.now()
    with transaction.atomic():
        user.password = first_password.no_password()
        User.objects.filter(pk=user.pk).update(password=user.password)
        tokens = AccessToken.objects.live(now).filter(user=user, by_password=True).update(revoked_at=now)
        audit.record(user, "user.reset_password", by=by, role=ROLE, tokens=tokens, basis=basis.strip())
        first_password.send([user])
