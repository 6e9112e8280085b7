"""The issuer's keys, sealing certificates with them, and the signed list of certificates that ended. Work of the workers.

Hides: where a private key lies and that nobody else may read it, how many keys there have been, and when the list is made
anew: after every certificate that ended, and on every new day.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from celery import shared_task
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from evaluation import seals
from evaluation.models import Certificate, Incentive, IssuerKey, RevocationList
from portal import audit, files
from portal.problems import Problem, Refused, gettext_noop
from portal.tasks import ring, swept

logger = logging.getLogger(__name__)

# --- keys ---------------------------------------------------------------------------------------------------------


def _no_key() -> Refused:
    message = gettext_noop("没有签发证书的密钥：请系统管理员运行 manage.py issuer_key make，然后重试。")
    return Refused([Problem("no_issuer_key", "", message)])


def _bad_key(code: str) -> Refused:
    message = gettext_noop(
        "签发密钥 %(key)s 的私钥文件缺失、内容不符或可被他人读取：请系统管理员检查 ISSUER_KEYS 文件夹，然后重试。"
    )
    return Refused([Problem("issuer_key_unreadable", "", message, {"key": code})])


def path_of(code: str) -> Path:
    """Where the private half of a key lies."""
    return Path(settings.ISSUER_KEYS) / f"{code}.pem"


def current_key() -> IssuerKey:
    """The key that seals now. Where there is none, one is made only under DEBUG; else raises Refused."""
    row = IssuerKey.objects.filter(is_current=True).first()
    if row is not None:
        return row
    if not settings.DEBUG:
        raise _no_key()
    return first_key()


def first_key() -> IssuerKey:
    """The current key, made if there is none yet: for the operator's command, the demo world and development."""
    row = IssuerKey.objects.filter(is_current=True).first()
    if row is not None:
        return row
    try:
        return _make(None)
    except IntegrityError:  # another process was faster: its key counts
        return IssuerKey.objects.get(is_current=True)


def make_key() -> IssuerKey:
    """Make a key and put it in the place of the current one, which seals nothing more. What it sealed stays right.

    Raises IntegrityError where somebody else did so at the same moment: then that one is current.
    """
    return _make(IssuerKey.objects.filter(is_current=True).first())


def _make(old: IssuerKey | None) -> IssuerKey:
    # The file before the row: a row without its file could never seal.
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    code, day = seals.key_id(public), timezone.localdate()
    _write(path_of(code), private)
    with transaction.atomic():
        # Conditional: of two who rotate at once, the second does not retire the key of the first.
        IssuerKey.objects.filter(pk=old.pk if old else "", is_current=True).update(is_current=False, retired=day)
        row = IssuerKey.objects.create(code=code, public_key=public.hex(), begins=day)
        audit.record(row, "issuer_key.make", by=None, key=code, retired=str(old or ""))
    return row


def _write(path: Path, private: Ed25519PrivateKey) -> None:
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _private(row: IssuerKey) -> Ed25519PrivateKey:
    """The private half of a key. Raises Refused where the file is missing, readable by others or of another key."""
    path = path_of(row.code)
    try:
        safe = path.stat().st_mode & 0o077 == 0
        found = serialization.load_pem_private_key(path.read_bytes(), None) if safe else None
    except (OSError, ValueError, TypeError) as error:
        raise _bad_key(row.code) from error
    if not isinstance(found, Ed25519PrivateKey) or found.public_key().public_bytes_raw().hex() != row.public_key:
        raise _bad_key(row.code)
    return found


def keys_document() -> dict[str, Any]:
    """The published file of public keys, those that were retired included."""
    rows = IssuerKey.objects.all()
    return seals.public_keys(
        (bytes.fromhex(row.public_key), row.begins.isoformat(), row.retired and row.retired.isoformat()) for row in rows
    )


# --- seals --------------------------------------------------------------------------------------------------------


def seal(certificate: Certificate) -> None:
    """Seal a certificate; its caller saves it. Raises Refused where no key can."""
    row = current_key()
    values = {
        "number": certificate.number,
        "community": certificate.community_name,
        "level": certificate.level,
        "level_name": certificate.level_name,
        "stage": certificate.application.stage,
        "is_final": certificate.is_final,
        "standard_sha256": certificate.standard_sha256,
        "issued_on": certificate.issued_on.isoformat(),
        "valid_until": certificate.valid_until.isoformat(),
    }
    certificate.seal, certificate.seal_key = seals.seal(values, _private(row)), row


def seal_confirmation(incentive: Incentive) -> None:
    """Seal what confirms a granted incentive; its caller saves it. Raises Refused where no key can."""
    row = current_key()
    values = {
        "number": incentive.number,
        "community": incentive.community_name,
        "level": incentive.level,
        "level_name": incentive.level_name,
        "incentive": incentive.policy_name,
        "organisation": incentive.organisation_name,
        "credit_code": incentive.credit_code,
        "value": incentive.amount,
        "certificate": incentive.certificate.number,
        "issued_on": _day(incentive.granted_on),
        "valid_until": _day(incentive.valid_until),
    }
    incentive.seal, incentive.seal_key = seals.seal(values, _private(row), seals.CONFIRMATION), row


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


# --- the list of what ended before its day --------------------------------------------------------------------------


def list_needed(ended: Certificate | Incentive, act: Any) -> None:
    """Have the list made anew once the act that ended this certificate or confirmation stands. Inside that act."""
    transaction.on_commit(partial(ring, make_list), robust=True)


@shared_task
def make_list() -> None:
    """Make the list anew, if it no longer says what holds today."""
    renew_list()


@swept
def renew_list() -> int:
    """Make the list anew where it is of an earlier day or lacks one that ended; return how many it names, 0 where it stands.

    Neither certificates nor confirmations come back, so that their count tells whether one is missing. Without a key
    there is no list.
    """
    row, day = RevocationList.objects.first(), timezone.localdate()
    count = Certificate.objects.ended().count() + Incentive.objects.reversed_ones().count()
    if row is not None and (row.day, row.count) == (day, count):
        return 0
    key = IssuerKey.objects.filter(is_current=True).first()
    return _keep_list(key, day) if key is not None else 0


def _keep_list(key: IssuerKey, day: date) -> int:
    ended, back = _rows(Certificate.objects.ended()), _rows(Incentive.objects.reversed_ones())
    document = seals.signed_list(ended, day.isoformat(), _private(key), back)
    content = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    values = {
        "day": day,
        "content": content,
        "sha256": files.sha256_of(content.encode()),
        "count": len(ended) + len(back),
    }
    with transaction.atomic():
        row, _made = RevocationList.objects.update_or_create(pk=1, defaults=values)
        audit.record(row, "revocation_list.sign", by=None, key=key.code, sha256=row.sha256, count=row.count)
    return len(ended) + len(back)


def _rows(found: Any) -> list[tuple[str, str, str]]:
    """Number, standing and day of those that ended, by number."""
    rows = found.order_by("number").values_list("number", "state", "state_since")
    return [(number, state, timezone.localdate(since).isoformat()) for number, state, since in rows.iterator()]


def newest_list() -> RevocationList | None:
    """The list that is published now."""
    return RevocationList.objects.first()


def newest_day() -> date | None:
    """The day of the list that is published now, without reading it."""
    return RevocationList.objects.values_list("day", flat=True).first()
