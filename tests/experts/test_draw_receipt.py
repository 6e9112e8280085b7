"""The receipt of a draw: it verifies as made, by the portal and by the stand-alone page, and never after a change."""

import ast
import copy
import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.draw import (
    canonical_bytes,
    open_identities,
    receipt,
    substitute,
    verify,
    verify_bytes,
)
from experts.draw.pool import canonical, sha256
from portal.problems import Refused
from tests.experts.pools import SMALL_RULES, city_pool, drawn, frozen_of, secret, small_pool

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "verify_draw.py"


def loaded(path):
    spec = importlib.util.spec_from_file_location("stand_alone", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stand_alone = loaded(SCRIPT)
FROZEN = frozen_of(small_pool(), SMALL_RULES)
DRAWN = drawn(FROZEN)
PANEL = substitute(FROZEN, DRAWN, [DRAWN.seats[1].expert_id, DRAWN.seats[4].expert_id])
CITY = frozen_of(city_pool(), SMALL_RULES)
RECEIPT = receipt(FROZEN, PANEL)
FILE = canonical_bytes(RECEIPT)


def verdicts(data):
    """Return whether the portal and the stand-alone verifier find the file right."""
    return verify_bytes(data) == [], stand_alone.verify(data) == []


def changed(path, value):
    """Return a copy of the receipt with another value at ``path``."""
    copied = copy.deepcopy(RECEIPT)
    *parents, last = path
    place = copied
    for key in parents:
        place = place[key]
    place[last] = value
    return copied


def leaves(value, path=()):
    if isinstance(value, dict | list):
        children = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in children:
            yield from leaves(child, (*path, key))
    else:
        yield path, value


def other_than(value):
    if isinstance(value, bool):
        return [not value, int(value)]
    if isinstance(value, int):
        return [value + 1, value - 1, str(value), None]
    if value is None:
        return ["", "x", 0]
    return [other for other in (value + "0", value[:-1], value[1:] + value[:1], None) if other != value]


def test_a_receipt_verifies_as_it_was_made():
    assert verify(RECEIPT) == []
    assert verify(json.loads(FILE)) == []
    assert verdicts(FILE) == (True, True)


def test_a_receipt_has_its_declared_parts_and_names_nobody():
    parts = "commitment format orders organiser pool public_value rounds seed sha256 supervisor"
    assert sorted(RECEIPT) == parts.split()
    identities = [value for identity in FROZEN.identities.values() for value in identity.values() if len(value) > 1]
    assert [value for value in identities if value.encode() in FILE] == []
    assert RECEIPT["commitment"] == FROZEN.commitment
    assert [len(each["declined"]) for each in RECEIPT["rounds"]] == [0, 2]


def test_a_receipt_seats_those_who_sit_on_the_panel():
    people = [FROZEN.identities[seat["id"]]["expert_id"] for seat in RECEIPT["rounds"][-1]["seats"]]
    assert people == [seat.expert_id for seat in PANEL.seats]


def test_a_receipt_of_another_pool_is_not_made():
    with pytest.raises(Refused, match="不是从这份冻结名单抽取的"):
        receipt(frozen_of(small_pool(), SMALL_RULES, "另一案卷"), PANEL)


@pytest.mark.parametrize("part", sorted({path[0] for path, _ in leaves(RECEIPT)}))
def test_any_changed_value_fails_both_verifiers(part):
    for path, value in leaves(RECEIPT):
        if path[0] == part:
            for other in other_than(value):
                assert (path, other, *verdicts(canonical_bytes(changed(path, other)))) == (path, other, False, False)


def test_any_part_left_out_added_or_swapped_fails_both_verifiers():
    copies = []
    for path in [
        (),
        ("pool",),
        ("pool", "rules"),
        ("pool", "candidates", 0),
        ("organiser",),
        ("orders",),
        ("rounds", 1),
    ]:
        for key in list(_at(RECEIPT, path)):
            copied = copy.deepcopy(RECEIPT)
            del _at(copied, path)[key]
            copies.append(copied)
        copied = copy.deepcopy(RECEIPT)
        _at(copied, path)["extra"] = None
        copies.append(copied)
    for path in [
        ("pool", "candidates"),
        ("orders", "*"),
        ("rounds",),
        ("rounds", 1, "declined"),
        ("rounds", 1, "seats"),
    ]:
        swapped, shorter, longer = (copy.deepcopy(RECEIPT) for _ in range(3))
        _at(swapped, path).reverse()
        _at(shorter, path).pop()
        _at(longer, path).append(_at(longer, path)[0])
        copies += [swapped, shorter, longer]
    assert {verdicts(canonical_bytes(each)) for each in copies} == {(False, False)}


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def test_any_changed_byte_fails_both_verifiers():
    dice = random.Random(1)
    still_json = 0
    for place in dice.sample(range(len(FILE)), 700):
        data = bytearray(FILE)
        # Half of them stay what they were: a digit, a letter, or white space where there was some.
        alphabet = b"0123456789abcdef \t\n" if dice.random() < 0.7 else bytes(range(256))
        data[place] = dice.choice([byte for byte in alphabet if byte != FILE[place]])
        try:
            json.loads(bytes(data))
            still_json += 1
        except ValueError:
            pass
        assert verdicts(bytes(data)) == (False, False)
    assert still_json > 300


@pytest.mark.parametrize(
    "data",
    [
        FILE[:-1],
        FILE + b"\n",
        b" " + FILE,
        b"\xef\xbb\xbf" + FILE,
        json.dumps(RECEIPT, sort_keys=True).encode(),
        json.dumps(RECEIPT, ensure_ascii=False, indent=1).encode(),
        FILE.replace(b'{"commitment"', b'{"commitment":0,"commitment"', 1),
    ],
)
def test_a_receipt_written_in_another_way_is_not_the_published_file(data):
    assert verdicts(data) == (False, False)


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"{}", b"1", b'"x"', b"NaN", b"\xff", b'{"rounds":[]}', b"[" * 100_000, b'{"pool":' * 9_999],
)
def test_what_is_no_receipt_is_said_to_be_none(data):
    assert [problem.code for problem in verify_bytes(data)][:1] == ["malformed"]
    assert stand_alone.verify(data) != []


# --- cheats that make everything else fit again -------------------------------------------------------------------


ONE, OTHER = secret("one"), secret("other")


def signed(content):
    """Add the digest over everything else, as a cheat would."""
    rest = {part: value for part, value in content.items() if part != "sha256"}
    return {**rest, "sha256": sha256(canonical(rest))}


def remade(document, organiser=ONE, supervisor=OTHER, public_value=None):
    """Make a receipt that is consistent in itself from whatever document, with none of the rules checked."""
    commitment = sha256(canonical(document))
    seed = sha256("\n".join([commitment, organiser, supervisor, public_value or ""]))
    table = stand_alone.Draw(document["rules"], document["candidates"], seed)
    made = {"format": RECEIPT["format"], "pool": document, "commitment": commitment, "public_value": public_value}
    made |= {"seed": seed, "orders": table.orders, "rounds": table.rounds([])}
    for party, its_secret in (("organiser", organiser), ("supervisor", supervisor)):
        made[party] = {"secret": its_secret, "sha256": sha256(its_secret)}
    return signed(made)


def document_with(path, value):
    return changed(("pool", *path), value)["pool"]


DRAWABLE = next(n for n, entry in enumerate(RECEIPT["pool"]["candidates"]) if entry["excluded"] is None)


def test_a_receipt_made_without_the_checks_is_right_where_nothing_was_bent():
    assert verdicts(canonical_bytes(remade(RECEIPT["pool"]))) == (True, True)


@pytest.mark.parametrize(
    "cheat",
    [
        remade(document_with(("candidates", DRAWABLE, "load"), 12)),
        remade(document_with(("candidates", DRAWABLE, "load"), -1)),
        remade(document_with(("candidates", DRAWABLE, "employer"), "")),
        remade(document_with(("candidates", DRAWABLE, "fields"), [])),
        remade(document_with(("candidates",), RECEIPT["pool"]["candidates"][::-1])),
        remade(document_with(("candidates",), sorted(RECEIPT["pool"]["candidates"] * 2, key=lambda each: each["id"]))),
        remade(document_with(("rules", "size"), 4)),
        remade(document_with(("rules", "load_band"), -1)),
        remade(document_with(("rules", "public_source"), "明日开奖号码")),
        remade(RECEIPT["pool"], public_value="0471"),
        remade(RECEIPT["pool"], supervisor=ONE),
        remade(RECEIPT["pool"], organiser=ONE[:-2]),
    ],
)
def test_a_receipt_that_fits_in_itself_but_bends_a_rule_fails_both_verifiers(cheat):
    assert verdicts(canonical_bytes(cheat)) == (False, False)


def test_somebody_who_never_sat_cannot_be_passed_over_as_declined():
    honest = remade(RECEIPT["pool"])
    seated = {seat["id"] for seat in honest["rounds"][0]["seats"]}
    stranger = next(key for key in honest["orders"]["*"] if key not in seated)
    cheat = copy.deepcopy(honest)
    cheat["rounds"].append({"declined": [stranger], "seats": cheat["rounds"][0]["seats"]})
    assert verdicts(canonical_bytes(signed(cheat))) == (False, False)


@settings(deadline=None, max_examples=25)
@given(st.integers(), st.lists(st.sets(st.integers(0, 4), min_size=1, max_size=5), max_size=4))
def test_both_verifiers_accept_every_receipt_of_a_real_draw(name, rounds):
    panel = drawn(CITY, name)
    for places in rounds:
        panel = substitute(CITY, panel, [panel.seats[place].expert_id for place in places])
    assert verdicts(canonical_bytes(receipt(CITY, panel))) == (True, True)


# --- opening identities -------------------------------------------------------------------------------------------


def test_an_opened_identity_is_the_one_that_was_drawn():
    seated = {seat["id"]: FROZEN.identities[seat["id"]] for seat in RECEIPT["rounds"][-1]["seats"]}
    assert open_identities(RECEIPT, seated) == []
    assert open_identities(RECEIPT, FROZEN.identities) == []
    names_only = {key: {part: value[part] for part in ("expert_id", "salt")} for key, value in seated.items()}
    assert open_identities(RECEIPT, names_only) == []


@pytest.mark.parametrize(
    "change, code",
    [
        ({"expert_id": "E999"}, "another_person"),
        ({"salt": secret("x")}, "another_person"),
        ({"employer": "另一单位"}, "another_employer"),
        ({"employer_salt": secret("x")}, "another_employer"),
    ],
)
def test_a_false_claim_about_who_was_who_is_found(change, code):
    public_id = RECEIPT["rounds"][-1]["seats"][0]["id"]
    claims = {public_id: {**FROZEN.identities[public_id], **change}}
    assert [(each.code, each.place) for each in open_identities(RECEIPT, claims)] == [(code, public_id)]


def test_a_claim_about_somebody_outside_the_pool_is_found():
    claims = {secret("nobody"): {"expert_id": "E001", "salt": secret("x")}}
    assert [each.code for each in open_identities(RECEIPT, claims)] == ["not_in_pool"]


# --- the two programs ---------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    right, wrong = tmp_path / "right.json", tmp_path / "wrong.json"
    right.write_bytes(FILE)
    wrong.write_bytes(canonical_bytes(changed(("seed",), secret("x"))))
    return right, wrong, tmp_path / "missing.json"


def test_the_stand_alone_page_needs_nothing_but_python_and_stays_one_page():
    text = SCRIPT.read_text(encoding="utf-8")
    imported = {
        alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names
    }
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(text)))
    assert imported - set(sys.stdlib_module_names) == set()
    assert len(text.splitlines()) < 130  # two kinds of draws


def test_the_stand_alone_page_answers_with_its_exit_code_in_two_languages(files):
    runs = [
        subprocess.run([sys.executable, "-I", SCRIPT, file], capture_output=True, encoding="utf-8", check=False)
        for file in files[:2]
    ]
    assert [run.returncode for run in runs] == [0, 1]
    assert [run.stdout for run in runs] == [
        "核验通过。 RIGHT\n",
        "不符 differs: seed\n核验不通过。 WRONG\n",
    ]


def test_the_command_answers_with_its_exit_code_and_needs_no_database(files, capsys):
    right, wrong, missing = files
    call_command("verify_draw", str(right))
    assert capsys.readouterr().out == "核验通过，抽取结果与凭证所载一致。\n"
    with pytest.raises(CommandError) as error:
        call_command("verify_draw", str(wrong))
    assert (error.value.returncode, str(error.value)) == (
        1,
        "“seed”与重新计算的结果不一致。\n核验不通过，该凭证不可信。",
    )
    with pytest.raises(CommandError, match="无法读取凭证文件。"):
        call_command("verify_draw", str(missing))
