"""People with duties, for tests of who may change what."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from communities.models import Officer
from portal.models import User

DUTIES = tuple(duty for duty in Officer.Duty.values if duty != Officer.Duty.DISTRICT_OFFICER)


def account(username: str, **more: Any) -> User:
    """An account without any duty."""
    said = {"username": username, "name": f"示例{username}", "email": f"{username}@example.org", **more}
    return User.objects.create(**said)


def officer(duty: str, name: str = "", **more: Any) -> User:
    """An account that holds a duty since today."""
    user = account(name or f"the-{duty}")
    Officer.objects.create(**{"user": user, "duty": duty, "since": timezone.localdate(), **more})
    return user
