"""What may be tried without an account is tried only so often: passwords, objections. One count for all processes.

Hides: where attempts are counted (a table, which every process and machine shares), by what they are told apart (a
digest of the user name and the address), and how the address is found behind proxies.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.utils import timezone

from portal.models import Attempt, User
from portal.problems import Problem, gettext_noop

HOUR = 60  # minutes


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many attempts of one kind are let through within so many minutes. ``most`` 0: as many as anybody likes."""

    kind: str
    most: int
    minutes: int


class TooMany(Exception):
    """The allowance is used up; at ``until`` the next attempt is let through."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(str(until))

    @property
    def seconds(self) -> int:
        """Whole seconds from now, at least one: the value of the header Retry-After."""
        return max(1, int((self.until - timezone.now()).total_seconds()) + 1)

    @property
    def problem(self) -> Problem:
        # The next whole minute: whoever comes at the time that was told is let through.
        told = timezone.localtime(self.until + timedelta(seconds=59))
        message = gettext_noop("尝试次数过多，请在%(time)s以后再试。")
        return Problem("too_many", "", message, {"time": f"{told:%Y-%m-%d %H:%M}"})


def _key(allowance: Allowance, of: tuple[str, ...]) -> str:
    return sha256("\0".join((allowance.kind, *of)).encode("utf-8", "surrogatepass")).hexdigest()


def sign_ins() -> Allowance:
    """Failures of one user name from one address."""
    return Allowance("sign_in", settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_MINUTES)


def objections() -> Allowance:
    """Objections from one address."""
    return Allowance("objection", settings.OBJECTIONS_PER_HOUR, HOUR)


def take(allowance: Allowance, *of: str) -> None:
    """Count one attempt of whoever ``of`` names; raises TooMany, and then it is not counted.

    Call outside a transaction: it is written before it is counted, so that many at once do not all slip through.
    """
    if not allowance.most:
        return
    now, window = timezone.now(), timedelta(minutes=allowance.minutes)
    row = Attempt.objects.create(key=_key(allowance, of), at=now)
    tried = Attempt.objects.filter(key=row.key, at__gt=now - window).order_by("-at", "-pk")
    times = list(tried.values_list("at", flat=True)[: allowance.most + 1])
    if len(times) > allowance.most:
        row.delete()
        raise TooMany(times[-1] + window)


def forget(allowance: Allowance, *of: str) -> None:
    """Begin to count anew: the attempt that succeeded clears those that did not."""
    Attempt.objects.filter(key=_key(allowance, of)).delete()


def forget_old(now: datetime) -> None:
    """Delete what no allowance looks at any more."""
    longest = timedelta(minutes=max(HOUR, settings.SIGN_IN_MINUTES))
    Attempt.objects.filter(at__lt=now - longest).delete()


def address_of(request: Any) -> str:
    """Where a request comes from: behind our own PROXIES, what the outermost of them saw.

    Addresses of version 6 count by their network of 64 bits, since one connection has them all.
    """
    seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    proxies = min(settings.PROXIES, len(seen))
    text = seen[-proxies] if proxies else request.META.get("REMOTE_ADDR", "")
    try:
        address = ip_address(text)
    except ValueError:
        return str(text)[:100]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)


class CountingBackend(ModelBackend):
    """User name and password, for the sign-in page and the token endpoint alike; failures are counted.

    Raises TooMany where this name has failed too often from this address, whether the password is right or not.
    """

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **more: Any
    ) -> User | None:
        if request is None or username is None:  # a command or a test, not somebody at a distance
            return super().authenticate(request, username=username, password=password, **more)
        allowance, of = sign_ins(), (unicodedata.normalize("NFKC", username).strip().casefold(), address_of(request))
        take(allowance, *of)
        user = super().authenticate(request, username=username, password=password, **more)
        if user is not None:
            forget(allowance, *of)
        return user
