"""The draw of an inspection: which certified communities are visited this year, and the receipt to draw them again.

Plain Python without a clock or any randomness of its own. Hides the shape of the frozen list and of the receipt, and how
many are drawn: the share of the list, rounded up, so at least one.

Everything on the list is public already (numbers of certificates in force), so that nothing in it is hashed or salted.
The protocol is that of ``experts.draw``: the list is frozen and committed to, two persons bind themselves by the hash of a
secret each, both reveal, the seed is the hash of commitment, secrets and public value. The lot of a number is
HMAC-SHA256(seed, "inspection" + NUL + number); the smallest are drawn.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any

from experts.draw.pool import canonical, sha256
from experts.draw.seating import secret_hash, seed_from
from portal.problems import Problem, Refused, gettext_noop

LIST_FORMAT, FORMAT = "inspection-draw-list-1", "inspection-draw-receipt-1"
RULES_VERSION = "1"
LOT = "inspection"  # the name of the one order there is


def freeze(numbers: Iterable[str], subject: str, share: int, public_source: str | None = None) -> dict[str, Any]:
    """Freeze the list of one draw, as JSON.

    numbers: of certificates, in any order. subject: programme, year and district of the draw. share: percent of the list
    that is drawn, from 1 to 100. public_source: name of the public value that the draw waits for, None for none. Refused
    where nobody is on the list, somebody is twice, or the share is none.
    """
    listed = sorted(numbers)
    problems = []
    if not listed:
        problems.append(Problem("list_empty", "", gettext_noop("名单上没有有效的星级证书，不必抽取。")))
    if len(set(listed)) < len(listed):
        problems.append(Problem("duplicate", "", gettext_noop("名单中有重复的证书编号。")))
    if not 1 <= share <= 100:
        problems.append(Problem("share", "share", gettext_noop("抽查比例应为百分之 1 至 100。")))
    if problems:
        raise Refused(problems)
    return _document(subject, share, public_source, listed)


def _document(subject: Any, share: Any, public_source: Any, numbers: Any) -> dict[str, Any]:
    rules = {"version": RULES_VERSION, "share": share, "public_source": public_source}
    return {"format": LIST_FORMAT, "subject": subject, "rules": rules, "numbers": numbers}


def commitment_of(frozen: Any) -> str:
    """Return what is published before anybody has a secret: SHA-256 of the canonical list."""
    return sha256(canonical(frozen))


def count_of(frozen: Any) -> int:
    """Return how many are drawn from this list: its share, rounded up."""
    share: int = frozen["rules"]["share"]
    return -(-len(frozen["numbers"]) * share // 100)


def order_of(frozen: Any, seed: str) -> list[str]:
    """Return the numbers in the order of their lots."""
    key = bytes.fromhex(seed)
    return sorted(frozen["numbers"], key=lambda number: hmac.digest(key, f"{LOT}\0{number}".encode(), "sha256"))


def receipt(frozen: Any, organiser_secret: Any, supervisor_secret: Any, public_value: Any) -> dict[str, Any]:
    """Return the receipt of the draw from these inputs, ready for JSON; ``canonical_bytes`` writes it.

    Refused, or KeyError and TypeError, where they are not fit, whatever they are.
    """
    _require_list(frozen)
    for value in (organiser_secret, supervisor_secret, "" if public_value is None else public_value):
        if not isinstance(value, str):
            raise TypeError("secrets and public values are text")
    commitment = commitment_of(frozen)
    source = frozen["rules"]["public_source"]
    seed = seed_from(source, commitment, organiser_secret, supervisor_secret, public_value)
    order = order_of(frozen, seed)
    made = {
        "format": FORMAT,
        "list": frozen,
        "commitment": commitment,
        "organiser": {"secret": organiser_secret, "sha256": secret_hash(organiser_secret)},
        "supervisor": {"secret": supervisor_secret, "sha256": secret_hash(supervisor_secret)},
        "public_value": public_value,
        "seed": seed,
        "order": order,
        "drawn": order[: count_of(frozen)],
    }
    return {**made, "sha256": sha256(canonical(made))}


def _require_list(frozen: Any) -> None:
    """Raise Refused for a list that ``freeze`` would not have made."""
    rules, numbers = frozen["rules"], frozen["numbers"]
    made = _document(frozen["subject"], rules["share"], rules["public_source"], numbers)
    lawful = (
        canonical(made) == canonical(frozen)
        and isinstance(frozen["subject"], str)
        and type(rules["share"]) is int
        and 1 <= rules["share"] <= 100
        and (rules["public_source"] is None or isinstance(rules["public_source"], str))
        and isinstance(numbers, list)
        and bool(numbers)
        and all(isinstance(number, str) for number in numbers)
        and numbers == sorted(set(numbers))
    )
    if not lawful:
        raise Refused([Problem("list_malformed", "list", gettext_noop("冻结名单不合规定格式，不能据以抽取。"))])
