"""What may be tried without an account is tried only so often: passwords, accounts, objections. One count for all processes.

Hides: where attempts are counted (a table, which every process and machine shares), by what they are told apart (a
digest of the user name and the address), how the address is found behind proxies, and how a browser is known again.
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
from django.core import signing
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from portal import notify
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


def passwords() -> Allowance:
    """Failures of one person who is signed in and asked for the password once more."""
    return Allowance("password", settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_MINUTES)


def names() -> Allowance:
    """Failures of one user name from all addresses together: guesses spread over many of them."""
    return Allowance("sign_in_name", settings.SIGN_IN_NAME_ATTEMPTS, settings.SIGN_IN_MINUTES)


def registrations() -> Allowance:
    """Accounts asked for from one address, also where the form was refused: it tells which names are taken."""
    return Allowance("registration", settings.REGISTRATIONS_PER_HOUR, HOUR)


def objections() -> Allowance:
    """Objections from one address."""
    return Allowance("objection", settings.OBJECTIONS_PER_HOUR, HOUR)


def unknown_certificates() -> Allowance:
    """Numbers of certificates that there are none of, asked for from one address."""
    return Allowance("unknown_certificate", settings.UNKNOWN_CERTIFICATES_PER_HOUR, HOUR)


def links() -> Allowance:
    """Secret links of our own that do not exist, opened from one address."""
    return Allowance("link", settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_MINUTES)


def first_passwords() -> Allowance:
    """E-mails with the link to set a first password, to one person."""
    return Allowance("first_password", settings.FIRST_PASSWORD_MAILS_PER_HOUR, HOUR)


def take(allowance: Allowance, *of: str, name: str = "") -> Attempt | None:
    """Count one attempt of whoever ``of`` names; raises TooMany, and then it is not counted. None where all is allowed.

    name: the user name that was tried, by which ``unlock`` finds the attempt again.
    Call outside a transaction: it is written before it is counted, so that many at once do not all slip through.
    """
    if not allowance.most:
        return None
    now, window = timezone.now(), timedelta(minutes=allowance.minutes)
    row = Attempt.objects.create(key=_key(allowance, of), whose=_whose(name), at=now)
    tried = Attempt.objects.filter(key=row.key, at__gt=now - window).order_by("-at", "-pk")
    times = list(tried.values_list("at", flat=True)[: allowance.most + 1])
    if len(times) > allowance.most:
        row.delete()
        raise TooMany(times[-1] + window)
    return row


def refuse_used_up(allowance: Allowance, *of: str) -> None:
    """Raise TooMany where the next attempt would not be let through; nothing is counted."""
    if not allowance.most:
        return
    now, window = timezone.now(), timedelta(minutes=allowance.minutes)
    tried = Attempt.objects.filter(key=_key(allowance, of), at__gt=now - window).order_by("-at", "-pk")
    times = list(tried.values_list("at", flat=True)[: allowance.most])
    if len(times) == allowance.most:
        raise TooMany(times[-1] + window)


def give_back(attempt: Attempt | None) -> None:
    """Count this one attempt no more."""
    if attempt is not None:
        attempt.delete()


def forget(allowance: Allowance, *of: str) -> None:
    """Begin to count anew: the attempt that succeeded clears those that did not."""
    Attempt.objects.filter(key=_key(allowance, of)).delete()


def _whose(name: str) -> str:
    return _key(Allowance("name", 0, 0), (spelling(name),)) if name else ""


def unlock(username: str) -> int:
    """Begin to count anew for one user name, wherever it was tried from; return how many attempts were forgotten."""
    return int(Attempt.objects.filter(whose=_whose(username)).delete()[0])


def is_locked(username: str) -> bool:
    """Whether some address, or all together, may not try this user name now."""
    now, most = timezone.now(), {"here": settings.SIGN_IN_ATTEMPTS, "anywhere": settings.SIGN_IN_NAME_ATTEMPTS}
    tried = Attempt.objects.filter(whose=_whose(username), at__gt=now - timedelta(minutes=settings.SIGN_IN_MINUTES))
    counted = dict(tried.order_by().values("key").annotate(count=Count("pk")).values_list("key", "count"))
    anywhere = counted.pop(_key(names(), (spelling(username),)), 0)
    return bool(most["anywhere"] and anywhere >= most["anywhere"]) or any(
        most["here"] and count >= most["here"] for count in counted.values()
    )


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


# --- user names -------------------------------------------------------------------------------------------------------

KNOWN = "known"  # the cookie of a browser in which somebody has signed in; it opens nothing
KNOWN_DAYS = 180
SALT = "known-browser"


def spelling(username: str) -> str:
    """One spelling of a user name, so that guesses add up however the name is written."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def know(response: Any, user: User) -> None:
    """Let this browser be known as one of ``user``'s: strangers' guesses at the name do not keep it out."""
    value = signing.dumps(_key(names(), (spelling(user.username),)), salt=SALT)
    age = KNOWN_DAYS * 24 * 3600
    response.set_cookie(KNOWN, value, max_age=age, secure=settings.HTTPS, httponly=True, samesite="Lax")


def is_known(request: Any, username: str) -> bool:
    """Whether somebody has signed in as ``username`` in this browser before."""
    try:
        kept = signing.loads(request.COOKIES.get(KNOWN, ""), salt=SALT, max_age=timedelta(days=KNOWN_DAYS))
    except signing.BadSignature:
        return False
    return bool(kept == _key(names(), (spelling(username),)))


def _warn(username: str) -> None:
    """Tell whoever bears the name, once a day, that somebody guesses at it."""
    sentence = gettext_noop(
        "有人从多处反复以您的用户名尝试登录，均未成功；该用户名的登录已暂时限制。已登录的页面和您登录过的浏览器不受影响。"
    )
    for user in User.objects.filter(username__iexact=username):
        key = f"sign-in:{user.pk}:{timezone.localdate()}"
        notify.write(key, [user], "security", reverse("account"), username=user.username, sentence=sentence)


class CountingBackend(ModelBackend):
    """User name and password, for the sign-in page and the token endpoint alike; failures are counted.

    Raises TooMany where this name has failed too often from this address, or from all addresses together, whether the
    password is right or not. A browser in which the person has signed in before counts by itself: nobody else's guesses
    hold it up, wherever they come from.
    """

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **more: Any
    ) -> User | None:
        if request is None or username is None:  # a command or a test, not somebody at a distance
            return super().authenticate(request, username=username, password=password, **more)
        known = is_known(request, username)
        allowance, of = sign_ins(), (spelling(username), KNOWN if known else address_of(request))
        here = take(allowance, *of, name=username)
        try:
            anywhere = None if known else take(names(), spelling(username), name=username)
        except TooMany:
            give_back(here)
            _warn(spelling(username))
            raise
        user = super().authenticate(request, username=username, password=password, **more)
        if user is not None:
            forget(allowance, *of)
            give_back(anywhere)  # that one alone: a success of the person does not make room for more guesses
        return user
