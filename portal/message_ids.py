"""The Message-ID of every e-mail: it names its message and is signed, so that nobody can forge the return of one."""

from __future__ import annotations

import re

from django.conf import settings
from django.core.signing import BadSignature, Signer

# pk, which sending of it, signature (url-safe base64)
SHAPE = re.compile(r"<(\d{1,19}\.\d{1,5}\.[\w-]{20,100})@[^<>\s]+>", re.ASCII)


def _signer() -> Signer:
    return Signer(sep=".", salt="portal.message_ids")


def message_id(pk: int, sending: int) -> str:
    """The Message-ID of the ``sending``-th sending of message ``pk``, with its angle brackets."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    return f"<{_signer().sign(f'{pk}.{sending}')}@{domain}>"


def read(text: str) -> tuple[int, int] | None:
    """(message, which sending of it) of the first Message-ID of ours in ``text``; None where there is none."""
    for found in SHAPE.finditer(text):
        try:
            pk, sending = _signer().unsign(found[1]).split(".")
        except BadSignature:
            continue
        return int(pk), int(sending)
    return None
