"""The published test vectors of certificates, made from keys that anybody may know: ``python -m tests.evaluation.sealed``.

The portal, the stand-alone program and the browser are asked the same, and must say what stands here.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evaluation import seals

FILE = Path(__file__).resolve().parents[2] / "docs" / "certificate_vectors.json"
SITE = "https://stars.example.org/certificates/"
SEEDS = {
    name: sha256(f"certificate test key: {name}".encode()).hexdigest() for name in ("retired", "current", "strange")
}
RETIRED_ON, LISTED_ON, TODAY = "2026-06-30", "2026-11-20", "2026-11-21"
NUMBER = "TEST-X-2026-00001"
VALUES = {
    "number": NUMBER,
    "community": "示例·云栖里小区",
    "level": 2,
    "level_name": "二星级",
    "stage": "completion",
    "is_final": True,
    "standard_sha256": sha256(b"standard").hexdigest(),
    "issued_on": "2026-07-01",
    "valid_until": "2029-06-30",
}
CONFIRMED = {
    "number": "TEST-JL-2026-00001-7KQ2M3WR",
    "community": "示例·云栖里小区",
    "level": 2,
    "level_name": "二星级",
    "incentive": "示例激励政策",
    "organisation": "示例置业有限公司",
    "credit_code": "91500000MA5U000015",
    "value": "10 个百分点",
    "certificate": NUMBER,
    "issued_on": "2026-07-15",
    "valid_until": "2029-06-30",
}
REVERSED = [("TEST-JL-2026-00002-3HX8PNAB", "reversed", "2026-11-02")]
ENDED = [("TEST-X-2024-00007", "superseded", "2026-07-01"), ("TEST-X-2026-00003", "revoked", "2026-11-02"),
         ("TEST-X-2026-00004", "revoked", "2026-11-02")]  # fmt: skip


def private(name: str) -> Ed25519PrivateKey:
    """A key of the vectors by its name."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEEDS[name]))


def public(name: str) -> bytes:
    """Its public half."""
    return private(name).public_key().public_bytes_raw()


def sealed(key: str = "current", **changed: Any) -> str:
    """A seal of the example certificate with other values."""
    return seals.seal({**VALUES, **changed}, private(key))


def code(key: str = "current", **changed: Any) -> str:
    """The whole text of its QR code."""
    return f"{SITE}{changed.get('number', NUMBER)}/#{sealed(key, **changed)}"


def confirmed(key: str = "current", **changed: Any) -> str:
    """The whole text of the QR code of a confirmation, with other values."""
    values = {**CONFIRMED, **changed}
    address = SITE.replace("certificates", "incentives") + str(values["number"])
    return f"{address}/#{seals.seal(values, private(key), seals.CONFIRMATION)}"


def with_payload(text: str, old: str, new: str) -> str:
    """A code in whose payload somebody changed a text; the signature stays."""
    head, payload, signature = text.split(".")[-3:]
    changed = seals.decode(payload).decode().replace(old, new).encode()
    return f"{head}.{seals.encode(changed)}.{signature}"


def lists() -> dict[str, Any]:
    """Lists by name: one that is right, and forged ones."""
    right = seals.signed_list(ENDED, LISTED_ON, private("current"), REVERSED)
    fewer = {
        **right,
        "certificates": {number: row for number, row in right["certificates"].items() if row[0] != "revoked"},
    }
    without = {name: value for name, value in right.items() if name not in ("incentives", "signature")}
    before = {**without, "signature": seals.encode(private("current").sign(seals.canonical(without)))}
    return {
        "before confirmations": before,
        "confirmation removed": {**right, "incentives": {}},
        "none": None,
        "right": right,
        "by retired key": seals.signed_list(ENDED, RETIRED_ON, private("retired")),
        "entry removed": fewer,
        "day changed": {**right, "day": TODAY},
        "strange key": seals.signed_list([], LISTED_ON, private("strange")),
        "retired key": seals.signed_list([], LISTED_ON, private("retired")),
        "not a list": {},
    }


def vectors() -> list[dict[str, str]]:
    """Every case: name, code, list, day, verdict, since."""
    seal, whole = sealed(), code()
    payload, signature = seal.split(".")[1:]

    def carrying(data: bytes) -> str:
        """Another payload under the same signature."""
        return f"v1.{seals.encode(data)}.{signature}"

    another_end = signature[:-1] + chr(ord(signature[-1]) + 1)  # the same bytes, spelled with bits that mean nothing
    revoked, superseded = (
        code(number="TEST-X-2026-00003"),
        code("retired", number="TEST-X-2024-00007", issued_on="2024-05-01"),
    )
    back = confirmed(number=REVERSED[0][0])
    rows = [
        ("valid", whole, "right", TODAY, "valid", ""),
        ("valid, seal alone", seal, "right", TODAY, "valid", ""),
        ("valid, copied over several lines", "\r\n ".join((whole[:90], whole[90:200], whole[200:])), "right", TODAY, "valid", ""),
        ("valid, no list", whole, "none", TODAY, "valid", ""),
        ("valid, old list", whole, "by retired key", TODAY, "valid", ""),
        ("valid on its last day", whole, "right", VALUES["valid_until"], "valid", ""),
        ("valid, key retired since", code("retired", issued_on=RETIRED_ON), "right", TODAY, "valid", ""),
        ("valid, rare characters", code(community="示例𠮷“甲”&<乙>\\/🏠小区"), "right", TODAY, "valid", ""),
        ("expired", whole, "right", "2029-07-01", "expired", VALUES["valid_until"]),
        ("revoked", revoked, "right", TODAY, "revoked", "2026-11-02"),
        ("revoked and past its last day", revoked, "right", "2030-01-01", "revoked", "2026-11-02"),
        ("revoked, but no list says so", revoked, "none", TODAY, "valid", ""),
        ("superseded", superseded, "right", TODAY, "superseded", "2026-07-01"),
        ("valid, a list from before confirmations", whole, "before confirmations", TODAY, "valid", ""),
        ("confirmation, valid", confirmed(), "right", TODAY, "valid", ""),
        ("confirmation, valid, a list from before confirmations", confirmed(), "before confirmations", TODAY, "valid", ""),
        ("confirmation, past its last day", confirmed(), "right", "2029-07-01", "expired", CONFIRMED["valid_until"]),
        ("confirmation, reversed", back, "right", TODAY, "reversed", "2026-11-02"),
        ("confirmation, reversed and past its last day", back, "right", "2030-01-01", "reversed", "2026-11-02"),
        ("confirmation, reversed, but no list says so", back, "none", TODAY, "valid", ""),
        ("confirmation, entry removed from the list", back, "confirmation removed", TODAY, "list_altered", ""),
        ("confirmation, altered value", with_payload(confirmed(), "10 个", "90 个"), "right", TODAY, "altered", ""),
        ("confirmation behind another number", confirmed().replace("00001", "00003", 1), "right", TODAY, "altered", ""),
        ("confirmation, wrong key", confirmed("strange"), "right", TODAY, "wrong_key", ""),
        ("confirmation, wrong key, retired before", confirmed("retired"), "right", TODAY, "wrong_key", ""),
        ("confirmation called a certificate", confirmed().replace("#i1.", "#v1."), "right", TODAY, "altered", ""),
        ("certificate called a confirmation", whole.replace("#v1.", "#i1."), "right", TODAY, "altered", ""),
        ("altered level", with_payload(whole, ",2,", ",3,"), "right", TODAY, "altered", ""),
        ("altered name", with_payload(whole, "云栖里", "云栖李"), "right", TODAY, "altered", ""),
        ("altered last day", with_payload(whole, "2029-06-30", "2039-06-30"), "right", TODAY, "altered", ""),
        ("signature of another certificate", f"v1.{payload}.{sealed(level=3).split('.')[2]}", "right", TODAY, "altered", ""),
        ("signature spelled otherwise", f"v1.{payload}.{another_end}", "right", TODAY, "altered", ""),
        ("signature cut short", seal[:-4], "right", TODAY, "altered", ""),
        ("signature lengthened", f"{seal}AA", "right", TODAY, "altered", ""),
        ("signature with S plus the order", _plus_order(seal), "right", TODAY, "altered", ""),
        ("seal behind another number", f"{SITE}TEST-X-2026-00002/#{seal}", "right", TODAY, "altered", ""),
        ("no payload", "v1..", "right", TODAY, "altered", ""),
        ("payload of another shape", carrying(b'{}'), "right", TODAY, "altered", ""),
        ("payload that is not UTF-8", carrying(b'[' + bytes([255]) + b']'), "right", TODAY, "altered", ""),
        ("payload in UTF-16", carrying(_payload().encode('utf-16')), "right", TODAY, "altered", ""),
        ("payload behind a byte order mark", carrying(_payload().encode('utf-8-sig')), "right", TODAY, "altered", ""),
        ("payload with NaN", carrying(_payload(level='NaN').encode()), "right", TODAY, "altered", ""),
        ("payload of a thousand lists", carrying(b'[' * 1000 + b']' * 1000), "right", TODAY, "altered", ""),
        ("key that is no text", carrying(_payload(key='{}').encode()), "right", TODAY, "wrong_key", ""),
        ("key named like a part of every object", carrying(_payload(key='"__proto__"').encode()), "right", TODAY, "wrong_key", ""),
        ("padded", f"v1.{payload}==.{signature}", "right", TODAY, "altered", ""),
        ("wrong key", code("strange"), "right", TODAY, "wrong_key", ""),
        ("wrong key, retired before", code("retired", issued_on="2026-07-01"), "right", TODAY, "wrong_key", ""),
        ("list with an entry removed", revoked, "entry removed", TODAY, "list_altered", ""),
        ("list with another day", whole, "day changed", TODAY, "list_altered", ""),
        ("list by a strange key", whole, "strange key", TODAY, "list_altered", ""),
        ("list by a key retired before", whole, "retired key", TODAY, "list_altered", ""),
        ("list that is none", whole, "not a list", TODAY, "list_altered", ""),
        ("an address only", f"{SITE}{NUMBER}/", "right", TODAY, "unreadable", ""),
        ("nothing", "", "right", TODAY, "unreadable", ""),
        ("of another version", seal.replace("v1.", "v2.", 1), "right", TODAY, "unreadable", ""),
        ("too long", seal + "A" * 4000, "right", TODAY, "unreadable", ""),
    ]  # fmt: skip
    return [dict(zip(("name", "code", "list", "day", "verdict", "since"), row, strict=True)) for row in rows]


def _payload(level: str = "2", key: str = '"0123456789abcdef"') -> str:
    """A payload as somebody might write it by hand, with another level and key as JSON text."""
    return f'["v1","{NUMBER}","示例",{level},"二星级","completion",true,"","2026-07-01","2029-06-30",{key}]'


def _plus_order(seal: str) -> str:
    """The same signature with S + L, which a careless verifier takes too (RFC 8032, 5.1.7)."""
    head, payload, signature = seal.split(".")
    data = seals.decode(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = (int.from_bytes(data[32:], "little") + order).to_bytes(32, "little")
    return f"{head}.{payload}.{base64.urlsafe_b64encode(data[:32] + scalar).decode().rstrip('=')}"


def document() -> dict[str, Any]:
    """The whole file."""
    keys = seals.public_keys([(public("retired"), "2024-01-01", RETIRED_ON), (public("current"), RETIRED_ON, None)])
    return {
        "format": "certificate-vectors-1",
        "note": "测试数据，密钥公开，任何平台都不用它签发证书。 Test data: these keys are public and seal nothing.",
        "seeds": SEEDS,
        "keys": keys,
        "lists": lists(),
        "vectors": vectors(),
    }


def text() -> str:
    """The file as it lies in docs/."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
