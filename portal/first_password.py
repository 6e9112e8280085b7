"""The first password of an account that somebody else made: set once, by whoever reads the e-mail with its link.

Hides: what a link holds and why it opens nothing any more. It is signed and kept nowhere; it ends with the first password,
after FIRST_PASSWORD_DAYS, and when the account's e-mail address becomes another. A password that was set is never reset
but by a system administrator (``evaluation.account_keeping``), who takes it away and never learns the next one.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.http import base36_to_int, int_to_base36

from portal import attempts, audit, notify
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop


class _Links(PasswordResetTokenGenerator):
    """Signed by the account's password, e-mail and last sign-in: what is used up has changed."""

    key_salt = "portal.first_password"


LINKS = _Links()


def no_password() -> str:
    """What an account keeps until its person has set a password: nobody signs in with it."""
    return make_password(None)


def is_awaited(user: User) -> bool:
    """Whether the person has still to set the first password."""
    return user.is_active and not user.has_usable_password()


def link_of(user: User) -> str:
    """The path of the page where the first password is set: a secret of the person."""
    return reverse("first-password", args=[int_to_base36(user.pk), LINKS.make_token(user)])


def person_at(who: str, token: str) -> User | None:
    """Whose first password a link sets; None for one that is forged, cut off, used or too old: nobody is told which."""
    try:
        user = User.objects.filter(pk=base36_to_int(who)).first()
    except (ValueError, OverflowError):
        return None
    return user if user is not None and is_awaited(user) and LINKS.check_token(user, token) else None


def send(users: Iterable[User]) -> int:
    """Queue the link for every one of these people who still needs it, in the caller's transaction; return how many."""
    now = timezone.now()
    return notify.write_to_addresses(
        "first_password",
        [
            notify.Letter(
                f"first-password:{user.pk}:{now:%Y%m%d%H%M%S%f}", user.email, link_of(user), user.language,
                {"name": user.name, "username": user.username, "days": settings.FIRST_PASSWORD_DAYS},
            )
            for user in users
            if is_awaited(user)
        ],
    )  # fmt: skip


def take_sending(user: User) -> None:
    """Count one more e-mail to a person. Raises Refused where none is needed, attempts.TooMany. Not in a transaction."""
    if not is_awaited(user):
        message = gettext_noop("本人已经设置过密码，不再需要这封邮件。")
        raise Refused([Problem("password_set", "", message)])
    attempts.take(attempts.first_passwords(), str(user.pk))


def set_password(user: User, password: str) -> None:
    """Keep the first password of ``user``, whom ``person_at`` found. Of two at once one is kept. Raises Refused."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused(
            [Problem(one.code or "password", "new_password1", " ".join(one.messages)) for one in error.error_list]
        ) from error
    kept = make_password(password)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=True, password=user.password).update(password=kept):
            raise Refused([Problem("password_set", "", gettext_noop("密码刚刚已经设置过，请直接登录。"))])
        user.password = kept
        event = audit.record(user, "user.first_password", by=user)
        notify.write(
            f"event:{event.pk}", [user], "security", reverse("account"), username=user.username,
            sentence=gettext_noop("已通过邮件中的链接设置了密码。"),
        )  # fmt: skip
