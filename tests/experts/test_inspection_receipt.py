"""The receipt of an inspection: it verifies as made, by the portal and by the stand-alone page, and never after a change."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.draw import canonical_bytes, inspection, verify_bytes
from experts.draw.pool import canonical, sha256
from experts.season import secret
from portal.problems import Refused
from tests.experts.test_draw_receipt import stand_alone

NUMBERS = [f"CQ-ZHXQ-Z-2026-{number:05d}" for number in range(1, 24)]
FROZEN = inspection.freeze(NUMBERS, "smart_community/2026", 10)
ONE, OTHER = secret("one"), secret("other")
RECEIPT = inspection.receipt(FROZEN, ONE, OTHER, None)
WITH_VALUE = inspection.receipt(inspection.freeze(NUMBERS, "x/2026/500112", 34, "示例开奖号码"), ONE, OTHER, "0471")
VECTORS = Path(__file__).resolve().parents[2] / "docs" / "inspection_vectors.json"


def verdicts(data):
    """What the portal and the stand-alone page say of a file."""
    return not verify_bytes(data), not stand_alone.verify(data)


def remade(frozen, organiser=ONE, supervisor=OTHER, value=None):
    """A receipt that is consistent in itself from whatever list, with none of the rules checked."""
    commitment = sha256(canonical(frozen))
    seed = sha256("\n".join([commitment, organiser, supervisor, value or ""]))
    lots = {n: hmac.digest(bytes.fromhex(seed), f"inspection\0{n}".encode(), "sha256") for n in frozen["numbers"]}
    order = sorted(lots, key=lots.get)
    made = {
        "format": inspection.FORMAT, "list": frozen, "commitment": commitment, "public_value": value, "seed": seed,
        "organiser": {"secret": organiser, "sha256": sha256(organiser)},
        "supervisor": {"secret": supervisor, "sha256": sha256(supervisor)},
        "order": order, "drawn": order[: -(-len(order) * int(frozen["rules"]["share"]) // 100)],
    }  # fmt: skip
    return {**made, "sha256": sha256(canonical(made))}


def bent(**changes):
    """The list with parts of it, or of its rules, changed."""
    frozen = copy.deepcopy(FROZEN)
    for name, value in changes.items():
        (frozen["rules"] if name in frozen["rules"] else frozen)[name] = value
    return frozen


def signed(content):
    """Add the digest over everything else, as a cheat would."""
    rest = {part: value for part, value in content.items() if part != "sha256"}
    return {**rest, "sha256": sha256(canonical(rest))}


def instead(number):
    """Somebody else is visited than the lots say, and everything else fits."""
    return signed({**RECEIPT, "drawn": [*RECEIPT["drawn"][:-1], RECEIPT["order"][number]]})


CHEATS = {
    "another is visited": instead(-1),
    "one fewer is visited": signed({**RECEIPT, "drawn": RECEIPT["drawn"][:-1]}),
    "one more is visited": signed({**RECEIPT, "drawn": RECEIPT["order"][: len(RECEIPT["drawn"]) + 1]}),
    "the order is turned": signed({**RECEIPT, "order": RECEIPT["order"][::-1]}),
    "one is left off the list": signed({**RECEIPT, "list": bent(numbers=NUMBERS[1:])}),
    "the same secret twice": remade(FROZEN, supervisor=ONE),
    "a short secret": remade(FROZEN, organiser=ONE[:-2]),
    "a value that no rule names": remade(FROZEN, value="0471"),
    "a value is missing": remade(bent(public_source="示例开奖号码")),
    "one is on the list twice": remade(bent(numbers=sorted([*NUMBERS, NUMBERS[0]]))),
    "the list is not in order": remade(bent(numbers=NUMBERS[::-1])),
    "nobody is on the list": remade(bent(numbers=[])),
    "nobody is drawn": remade(bent(share=0)),
    "more than all are drawn": remade(bent(share=101)),
    "a share that is no number": remade(bent(share=True)),
    "a part more in the list": remade({**FROZEN, "extra": None}),
    "another format of the list": remade(bent(format="inspection-draw-list-2")),
    "other rules": remade(bent(version="2")),
}
FORMS = {
    "written over several lines": json.dumps(RECEIPT, ensure_ascii=False, indent=1, sort_keys=True).encode(),
    "without its last line feed": canonical_bytes(RECEIPT)[:-1],
    "a part is missing": canonical_bytes(signed({k: v for k, v in RECEIPT.items() if k != "order"})),
    "a part more": canonical_bytes(signed({**RECEIPT, "extra": 1})),
    "said to be of a panel": canonical_bytes(signed({**RECEIPT, "format": "expert-draw-receipt-1"})),
}
WRONG = {**{name: canonical_bytes(cheat) for name, cheat in CHEATS.items()}, **FORMS}
RIGHT = {
    "23 certificates, a tenth": canonical_bytes(RECEIPT),
    "with a public value": canonical_bytes(WITH_VALUE),
    "one certificate": canonical_bytes(
        inspection.receipt(inspection.freeze(NUMBERS[:1], "x/2026", 1), ONE, OTHER, None)
    ),
    "all of them": canonical_bytes(inspection.receipt(inspection.freeze(NUMBERS, "x/2026", 100), ONE, OTHER, None)),
}


def vectors():
    """As docs/inspection_vectors.json has them."""
    return [
        {"name": name, "right": right, "receipt": data.decode()}
        for right, files in ((True, RIGHT), (False, WRONG))
        for name, data in files.items()
    ]


def test_the_published_vectors_are_these():
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == vectors()


@pytest.mark.parametrize("name", RIGHT)
def test_a_receipt_verifies_as_it_was_made(name):
    assert verdicts(RIGHT[name]) == (True, True)


@pytest.mark.parametrize("name", WRONG)
def test_a_receipt_that_was_bent_fails_both_verifiers(name):
    assert verdicts(WRONG[name]) == (False, False)


def test_made_without_the_checks_it_is_right_where_nothing_was_bent():
    assert remade(FROZEN) == RECEIPT


def test_any_changed_byte_fails_both_verifiers():
    data = canonical_bytes(RECEIPT)
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] = 48 if data[place] != 48 else 49
        assert verdicts(bytes(changed)) == (False, False)


@pytest.mark.parametrize("share, size", [(1, 1), (4, 1), (5, 2), (10, 3), (50, 12), (99, 23), (100, 23)])
def test_the_share_is_rounded_up(share, size):
    frozen = inspection.freeze(NUMBERS, "x/2026", share)
    drawn = inspection.receipt(frozen, ONE, OTHER, None)["drawn"]
    assert (inspection.count_of(frozen), len(set(drawn)), set(drawn) <= set(NUMBERS)) == (size, size, True)


def test_the_lots_are_hashes_of_seed_and_number():
    key = bytes.fromhex(RECEIPT["seed"])
    lots = {n: hmac.new(key, b"inspection\0" + n.encode(), hashlib.sha256).hexdigest() for n in NUMBERS}
    assert RECEIPT["order"] == sorted(NUMBERS, key=lots.get)


@pytest.mark.parametrize(
    "numbers, share, codes",
    [([], 10, ["list_empty"]), (["a", "a"], 0, ["duplicate", "share"]), (["a"], 101, ["share"])],
)
def test_a_list_that_cannot_be_drawn_from_is_not_frozen(numbers, share, codes):
    with pytest.raises(Refused) as refused:
        inspection.freeze(numbers, "x", share)
    assert [problem.code for problem in refused.value.problems] == codes


def test_every_number_is_drawn_about_as_often():
    """1,000 draws of 3 out of 23: each number 130 times but for chance."""
    counts = dict.fromkeys(NUMBERS, 0)
    for turn in range(1000):
        for number in inspection.receipt(FROZEN, secret("a", turn), secret("b", turn), None)["drawn"]:
            counts[number] += 1
    expected = 3000 / 23
    # chi-squared with 22 degrees of freedom: 48.3 is passed once in a thousand
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 48.3


@settings(deadline=None, max_examples=25)
@given(
    st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=30), st.integers(1, 100)
)
def test_both_verifiers_accept_every_real_receipt(numbers, share):
    data = canonical_bytes(inspection.receipt(inspection.freeze(numbers, "x", share), ONE, OTHER, None))
    assert verdicts(data) == (True, True)


def test_the_command_answers_for_an_inspection_too(tmp_path, capsys):
    right, wrong = tmp_path / "right.json", tmp_path / "wrong.json"
    right.write_bytes(canonical_bytes(RECEIPT))
    wrong.write_bytes(WRONG["another is visited"])
    call_command("verify_draw", str(right))
    assert capsys.readouterr().out == "核验通过，抽取结果与凭证所载一致。\n"
    with pytest.raises(CommandError) as error:
        call_command("verify_draw", str(wrong))
    assert (
        str(error.value)
        == "“drawn”与重新计算的结果不一致。\n“sha256”与重新计算的结果不一致。\n核验不通过，该凭证不可信。"
    )
