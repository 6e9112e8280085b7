"""What every write of this app shares: authorising, what must be filled in, and the database's own word on doubles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError

from communities.models import Organisation
from communities.permissions import can, memberships_of
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

Values = Mapping[str, Any]

REQUIRED = gettext_noop("请填写该项。")


@contextmanager
def unique(problem: Problem) -> Iterator[None]:
    """Turn the database's answer to a race that the friendly check could not see into the same refusal."""
    try:
        yield
    except IntegrityError as error:
        raise Refused([problem]) from error


def authorise(by: User, right: str, organisation: Organisation) -> None:
    if not can(by, right, organisation):
        raise NotAllowed(right)


def role_of(by: User, organisation: Organisation) -> str:
    return memberships_of(by).get(organisation.pk, "")


def missing(kept: Values, names: tuple[str, ...]) -> Iterator[Problem]:
    return (Problem("required", name, REQUIRED) for name in names if kept[name] in (None, ""))


def stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
