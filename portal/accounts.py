"""What a person says of themselves: name, e-mail, telephone, language.

Hides: that another e-mail address wants the password once more, since whoever reads the mail hears of everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from portal import audit
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

# column -> how many characters it holds
LONGEST = {"name": 60, "email": 254, "phone": 30, "language": 10}
FIELDS = tuple(LONGEST)


def change_account(user: User, values: Mapping[str, Any], password: str = "") -> None:
    """Keep those of ``FIELDS`` that ``values`` names, all texts. Raises Refused with every problem.

    password: the present one; wanted only where the e-mail address becomes another.
    """
    kept = {name: str(values[name]).strip() for name in FIELDS if name in values}
    changed = [name for name, value in kept.items() if getattr(user, name) != value]
    problems = list(_problems(user, kept, changed, password))
    if problems:
        raise Refused(problems)
    if not changed:
        return
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(**{name: kept[name] for name in changed})
        for name in changed:
            setattr(user, name, kept[name])
        audit.record(user, "user.change", by=user, fields=changed)


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
    if not user.check_password(password):
        yield Problem("password", "password", gettext_noop("更改电子邮箱须输入当前密码，密码不正确。"))
