"""The receipt of a draw: everything needed to run it again, and nothing that names a person.

Hides the shape of the receipt. It is a function of the frozen document, the two secrets, the public value and the
declines; to verify one is to make it again from these and compare every part. People stand in it under their salted
hashes, which are also what the lots are drawn for, so that the receipt alone is enough; whoever is handed somebody's
salt can check who that was.

docs/verify_draw.py does the same in one page of standard Python, for people who do not trust this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from experts.draw import inspection
from experts.draw.pool import Frozen, canonical, pseudonym, read_pool, sha256
from experts.draw.seating import Panel, Round, play, secret_hash, seed_of
from portal.problems import Problem, Refused, gettext_noop

FORMAT = "expert-draw-receipt-1"


def receipt(frozen: Frozen, panel: Panel) -> dict[str, Any]:
    """Return the receipt of ``panel``, ready for JSON; publish it as ``canonical_bytes`` writes it.

    Refused where the panel does not follow from the frozen pool.
    """
    if panel.commitment != frozen.commitment:
        raise Refused([Problem("other_pool", "pool", gettext_noop("该专家组不是从这份冻结名单抽取的。"))])
    declines = [[frozen.public_ids[person] for person in declined] for declined in panel.declines]
    secrets = panel.organiser_secret, panel.supervisor_secret, panel.public_value
    return _made(dict(frozen.document), *secrets, declines)


def canonical_bytes(receipt: Mapping[str, Any]) -> bytes:
    """Return the one file that a receipt is: canonical JSON in UTF-8 and a line feed."""
    return (canonical(receipt) + "\n").encode()


def verify_bytes(data: bytes) -> list[Problem]:
    """Return what is wrong with a receipt file: any changed byte, even a space, is."""
    try:
        found = json.loads(data)
        as_written = data == canonical_bytes(found)
    except (ValueError, TypeError, RecursionError):
        return [_malformed()]
    problems = verify(found)
    if not as_written:
        message = gettext_noop("文件与规范写法不一致（可能被编辑或重新排版），请使用原始下载的文件。")
        problems.append(Problem("not_canonical", "", message))
    return problems


def verify(receipt: object) -> list[Problem]:
    """Run the draw of a receipt again and return every part that comes out differently; empty if it is right.

    Takes the receipt of a panel and that of an inspection.
    """
    try:
        if not isinstance(receipt, dict):
            return [_malformed()]
        expected = _again(receipt)
        parts = sorted(expected.keys() | receipt.keys())
        return [_differs(part) for part in parts if not _same(part, expected, receipt)]
    except Refused as refusal:
        return list(refusal.problems)
    except (KeyError, TypeError, ValueError, RecursionError):
        return [_malformed()]


def _again(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """The receipt as it comes out of its own inputs."""
    inputs = receipt["organiser"]["secret"], receipt["supervisor"]["secret"], receipt["public_value"]
    if receipt.get("format") == inspection.FORMAT:
        return inspection.receipt(receipt["list"], *inputs)
    return _made(receipt["pool"], *inputs, [each["declined"] for each in receipt["rounds"][1:]])


def open_identities(receipt: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    """Check claims about who was who; return what is wrong with them.

    names: public id -> {"expert_id", "salt"}, and where it is told {"employer", "employer_salt"}, as they stand in
    ``Frozen.identities``. Give only the people who may be known.
    """
    employers = {entry["id"]: entry["employer"] for entry in receipt["pool"]["candidates"]}
    problems = []
    for public_id, claim in names.items():
        if public_id not in employers:
            problems.append(Problem("not_in_pool", public_id, gettext_noop("凭证的冻结名单中没有这个编号。")))
            continue
        if pseudonym(claim["salt"], claim["expert_id"]) != public_id:
            message = gettext_noop("“%(expert)s”与凭证中的编号不符。")
            problems.append(Problem("another_person", public_id, message, {"expert": claim["expert_id"]}))
        employer, employer_salt = claim.get("employer"), claim.get("employer_salt")
        if employer and pseudonym(employer_salt or "", employer) != employers[public_id]:
            message = gettext_noop("工作单位“%(employer)s”与凭证中的单位编号不符。")
            problems.append(Problem("another_employer", public_id, message, {"employer": employer}))
    return problems


def _made(
    document: Any, organiser: Any, supervisor: Any, public_value: Any, declines: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Make a receipt from its inputs; TypeError or Refused where they are not fit, whatever they are."""
    for value in (organiser, supervisor, "" if public_value is None else public_value):
        if not isinstance(value, str):
            raise TypeError("secrets and public values are text")
    pool = read_pool(document)
    commitment = sha256(canonical(document))
    seed = seed_of(pool, commitment, organiser, supervisor, public_value)
    orders, rounds = play(pool, seed, declines)
    made = {
        "format": FORMAT,
        "pool": document,
        "commitment": commitment,
        "organiser": {"secret": organiser, "sha256": secret_hash(organiser)},
        "supervisor": {"secret": supervisor, "sha256": secret_hash(supervisor)},
        "public_value": public_value,
        "seed": seed,
        "orders": orders,
        "rounds": [_round(each) for each in rounds],
    }
    # Without it a receipt that lost its last rounds would pass for the earlier one that it then is.
    return {**made, "sha256": sha256(canonical(made))}


def _round(each: Round) -> dict[str, Any]:
    """Who was passed over is left out: it follows, and the orders stand beside it."""
    seats = [{"field": seat.field, "id": seat.expert_id, "leader": seat.is_leader} for seat in each.seats]
    return {"declined": list(each.declined), "seats": seats}


def _same(part: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Compare as JSON text: in Python true equals 1."""
    return part in expected and part in found and canonical(expected[part]) == canonical(found[part])


def _differs(part: str) -> Problem:
    return Problem("differs", part, gettext_noop("“%(part)s”与重新计算的结果不一致。"), {"part": part})


def _malformed() -> Problem:
    return Problem("malformed", "", gettext_noop("文件不是抽取凭证，或已残缺。"))
