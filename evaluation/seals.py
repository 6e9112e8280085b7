"""Seals 签章 of certificates and the list of those that ended: what is signed, how it is written, how it is verified.

Hides: the canonical bytes, base64url and Ed25519 (RFC 8032). Plain Python: keys and days come in, a verdict comes out.
docs/certificate.md tells the format; docs/verify_certificate.py and static/js/verify_certificate.js say the same of the
test vectors (docs/certificate_vectors.json) as ``verify`` here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VERSION = "v1"
LIST_FORMAT, KEYS_FORMAT = "certificate-revocations-1", "issuer-keys-1"
# What the seal of a certificate says, in this order.
FIELDS = (
    "version", "number", "community", "level", "level_name", "stage", "is_final", "standard_sha256", "issued_on",
    "valid_until", "key",
)  # fmt: skip
# What the seal of a confirmation 激励确认书 says.
CONFIRMATION = "i1"
CONFIRMATION_FIELDS = (
    "version", "number", "community", "level", "level_name", "incentive", "organisation", "credit_code", "value",
    "certificate", "issued_on", "valid_until", "key",
)  # fmt: skip
SAID = {VERSION: FIELDS, CONFIRMATION: CONFIRMATION_FIELDS}
LONGEST = 4000  # characters of a code that is read at all
SPACE = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of the issuer: 32 bytes, and the day after which it signs nothing more (ISO text), None while it does."""

    public: bytes
    retired: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes out. code: unreadable, altered, wrong_key, list_altered, revoked, superseded, reversed, expired or valid.

    values: the fields of the seal; none in the first four cases. since: the day on which the certificate ended.
    listed_on: the day of the list that was asked, "" without one.
    """

    code: str
    values: Mapping[str, Any]
    since: str = ""
    listed_on: str = ""


def key_id(public: bytes) -> str:
    """The name of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return sha256(public).hexdigest()[:16]


def encode(data: bytes) -> str:
    """base64url without padding (RFC 4648, 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes behind ``encode``. Raises ValueError for any other spelling, unused bits that are set included."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise ValueError(text)
    return data


def canonical(value: Any) -> bytes:
    """The one way to write a JSON value: sorted keys, no spaces, characters as they are, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def seal(values: Mapping[str, Any], private: Ed25519PrivateKey, version: str = VERSION) -> str:
    """Sign a certificate, or a confirmation. values: all that SAID names but version and key, plain JSON."""
    known = {**values, "version": version, "key": key_id(private.public_key().public_bytes_raw())}
    payload = canonical([known[field] for field in SAID[version]])
    return f"{version}.{encode(payload)}.{encode(private.sign(payload))}"


def signed_list(
    ended: Iterable[tuple[str, str, str]],
    day: str,
    private: Ed25519PrivateKey,
    reversed_ones: Iterable[tuple[str, str, str]] = (),
) -> dict[str, Any]:
    """The signed list of certificates that ended before their last day, and of confirmations that were taken back.

    ended, reversed_ones: number, standing, day as ISO text.
    """
    said = {
        "format": LIST_FORMAT,
        "day": day,
        "certificates": {number: [standing, since] for number, standing, since in ended},
        "incentives": {number: [standing, since] for number, standing, since in reversed_ones},
        "key": key_id(private.public_key().public_bytes_raw()),
    }
    return {**said, "signature": encode(private.sign(canonical(said)))}


def public_keys(keys: Iterable[tuple[bytes, str, str | None]]) -> dict[str, Any]:
    """The file of public keys. keys: 32 bytes, the day on which it began, the day on which it was retired or None."""
    rows = [
        {"id": key_id(public), "public_key": public.hex(), "begins": begins, "retired": retired}
        for public, begins, retired in keys
    ]
    return {"format": KEYS_FORMAT, "keys": rows}


def read_keys(document: Mapping[str, Any]) -> dict[str, Key]:
    """Keys by their ids, from the file of public keys. Raises KeyError, TypeError or ValueError where it is none."""
    if document["format"] != KEYS_FORMAT:
        raise ValueError(document["format"])
    keys = [Key(bytes.fromhex(row["public_key"]), row["retired"]) for row in document["keys"]]
    return {key_id(key.public): key for key in keys}


def is_signed(keys: Mapping[str, Key], name: str, day: str, message: bytes, signature: bytes) -> bool:
    """Whether the key of that name signed these bytes and was still in use on ``day``."""
    key = keys.get(name)
    if key is None or (key.retired is not None and day > key.retired):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def list_is_right(document: Any, keys: Mapping[str, Key]) -> bool:
    """Whether a list is one that a key of ours signed."""
    try:
        rest = {name: value for name, value in document.items() if name != "signature"}
        right = rest["format"] == LIST_FORMAT and all(
            isinstance(part, dict) for part in (rest["certificates"], rest.get("incentives", {}))
        )
        return right and is_signed(keys, rest["key"], rest["day"], canonical(rest), decode(document["signature"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def verify(text: str, keys: Mapping[str, Key], ended: Mapping[str, Any] | None, day: date) -> Verdict:
    """What a code (the whole text of the QR, or the seal alone) is worth on ``day``, with the list ``ended`` or without."""
    address, _hash, sealed = SPACE.sub("", text).rpartition("#")
    version, *parts = sealed.split(".")
    if len(text) > LONGEST or version not in SAID or len(parts) != 2:
        return Verdict("unreadable", {})
    try:
        payload, signature = map(decode, parts)
        # Strictly UTF-8 and strictly JSON, as every language reads it: ``int`` refuses NaN and Infinity.
        values = dict(zip(SAID[version], json.loads(payload.decode(), parse_constant=int), strict=True))
        known = keys.get(str(values["key"]))
    except (TypeError, ValueError, RecursionError):
        return Verdict("altered", {})
    if known is None:
        return Verdict("wrong_key", {})
    if not is_signed({values["key"]: Key(known.public)}, values["key"], "", payload, signature):
        return Verdict("altered", {})
    if address and address.rstrip("/").rpartition("/")[2] != values["number"]:
        return Verdict("altered", {})  # the seal of another certificate behind this number
    if known.retired is not None and values["issued_on"] > known.retired:
        return Verdict("wrong_key", {})
    return _standing(values, keys, ended, day.isoformat())


def _standing(values: Mapping[str, Any], keys: Mapping[str, Key], ended: Mapping[str, Any] | None, day: str) -> Verdict:
    """Of a right seal: whether the certificate has ended."""
    otherwise = ("expired", values["valid_until"]) if values["valid_until"] < day else ("valid", "")
    if ended is None:
        return Verdict(otherwise[0], values, otherwise[1])
    if not list_is_right(ended, keys):
        return Verdict("list_altered", {})
    known = {**ended["certificates"], **ended.get("incentives", {})}  # no number is of both
    standing, since = known.get(values["number"], otherwise)
    return Verdict(standing, values, since, ended["day"])
