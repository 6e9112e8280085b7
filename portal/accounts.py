"""What a person says of themselves: name, e-mail, telephone, language; and that it is they who say it.

Hides: that another e-mail address wants the password once more, since whoever reads the mail hears of everything; and
how often a password may be tried by whoever sits at somebody's open session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse

from portal import attempts, audit, notify
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

# column -> how many characters it holds
LONGEST = {"name": 60, "email": 254, "phone": 30, "language": 10}
FIELDS = tuple(LONGEST)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """That a person has just shown their password once more. Made by ``confirm``, or where nobody is at a distance."""

    user_id: int


def confirm(user: User, password: str) -> Confirmed:
    """Let a signed-in person prove once more who they are, as a signature needs.

    Raises Refused with a problem at "password", and attempts.TooMany. Call outside a transaction, as attempts.take says.
    """
    allowance, of = attempts.passwords(), str(user.pk)
    attempts.take(allowance, of)
    if not user.check_password(password):
        raise Refused([Problem("password", "password", gettext_noop("密码不正确，请重新输入。"))])
    attempts.forget(allowance, of)
    return Confirmed(user.pk)


def password_is_right(user: User, password: str) -> bool:
    """As ``confirm``, for a form that words its own refusal. Raises attempts.TooMany."""
    try:
        confirm(user, password)
    except Refused:
        return False
    return True


def change_account(user: User, values: Mapping[str, Any], password: str = "") -> None:
    """Keep those of ``FIELDS`` that ``values`` names, all texts. Raises Refused with every problem.

    password: the present one; wanted only where the e-mail address becomes another. Raises TooMany.
    """
    kept = {name: str(values[name]).strip() for name in FIELDS if name in values}
    changed = [name for name, value in kept.items() if getattr(user, name) != value]
    problems = list(_problems(user, kept, changed, password))
    if problems:
        raise Refused(problems)
    if not changed:
        return
    old_address = user.email
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(**{name: kept[name] for name in changed})
        for name in changed:
            setattr(user, name, kept[name])
        event = audit.record(user, "user.change", by=user, fields=changed)
        if "email" in changed and old_address:
            # The new address may be a thief's: the old one is told where it can still be read.
            notify.write_to_address(
                f"event:{event.pk}:old", old_address, "security", reverse("account"), language=user.language,
                username=user.username,
                sentence=gettext_noop("账号的电子邮箱已改为另一个地址，今后的通知不再发到本邮箱。"),
            )  # fmt: skip


def _problems(user: User, kept: Mapping[str, str], changed: list[str], password: str) -> Iterator[Problem]:
    for name, value in kept.items():
        longest = LONGEST[name]
        if len(value) > longest:
            yield Problem("max_length", name, gettext_noop("不得超过 %(most)s 字。"), {"most": longest})
    if not kept.get("name", "x"):
        yield Problem("required", "name", gettext_noop("请填写姓名。"))
    if kept.get("language", settings.LANGUAGE_CODE) not in dict(settings.LANGUAGES):
        yield Problem("language", "language", gettext_noop("请选择语言。"))
    if "email" in changed:
        yield from _email_problems(user, kept["email"], password)


def _email_problems(user: User, email: str, password: str) -> Iterator[Problem]:
    try:
        validate_email(email)
    except ValidationError:
        yield Problem("email", "email", gettext_noop("请填写有效的电子邮箱。"))
    if not password or not password_is_right(user, password):
        yield Problem("password", "password", gettext_noop("更改电子邮箱须输入当前密码，密码不正确。"))
