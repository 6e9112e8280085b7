"""What holds for every standard and every set of sheets: on the three samples and on small standards made at random."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.scoring import Result, Sheet, evaluate
from evaluation.standard import Item, Mark, Standard, canonical, from_document, legal_marks, parse, points_of, sha256_of
from portal.problems import Refused
from tests.evaluation.documents import SAMPLES, document_of, item, small_document, standard_of

AGGREGATES = ("mean", "trimmed_mean", "median", "consensus")
CONTROL_RULES = ("two_thirds", "majority", "all")
brief = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32).map(random.Random)


def small_item(chance: random.Random, code: str) -> dict[str, Any]:
    kind = chance.choice(["control", "scored", "scored", "scored", "bonus"])
    mode = chance.choice(["full", "tier", "sum", "range", "linear"])
    steps = sorted({chance.randrange(1, 20) / 2 for _ in range(chance.randrange(1, 4))})
    listed = [{"points": step, "when": "如此"} for step in steps]
    points = sum(steps) if mode == "sum" else steps[-1]
    fields: dict[str, Any] = {"tier": {"tiers": listed}, "sum": {"parts": listed}}.get(mode, {})
    if mode == "linear":
        zero_at = chance.randrange(0, 100)
        fields = {"linear": {"zero_at": zero_at, "full_at": zero_at + chance.choice([-30, 0.5, 7])}}
    made = item(code, "control") if kind == "control" else item(code, kind, mode, points, **fields)
    if chance.random() < 0.6:
        made["na"] = "没有"
    if kind != "bonus" and chance.random() < 0.3:
        made["from_level"] = chance.choice([1, 2])
    return made


def small_standard(chance: random.Random) -> dict[str, Any]:
    """Return a random document: up to three chapters of up to four items, any method, any way of joining sheets."""
    chapters = range(1, chance.randrange(2, 5))
    items = [small_item(chance, f"{chapter}.1.{n}") for chapter in chapters for n in range(1, chance.randrange(2, 6))]
    items.append(item("1.2.1", points=10, na="没有"))
    method = chance.choice(["weighted_ratio", "sum_ratio", "pass_all"])
    panel = {"aggregate": chance.choice(AGGREGATES), "control_rule": chance.choice(CONTROL_RULES)}
    panel |= {"trim_when_at_least": chance.choice([3, 5]), "deviation_alert": 0.3}
    document = small_document(items, method=method, panel=panel)
    shares = {1: [1], 2: [0.25, 0.75], 3: [0.2, 0.3, 0.5]}[len(document["chapters"])]
    for chapter, share in zip(document["chapters"], shares, strict=True):
        chapter["weight"] = {"only": share if method == "weighted_ratio" else 0}
    return document


def documents(chance: random.Random, name: str) -> dict[str, Any]:
    """Return a sample with a random way of joining sheets and "na" in every item, or a random small document."""
    if name == "small":
        return small_standard(chance)
    document = document_of(name)
    document["scoring"]["panel"] |= {
        "aggregate": chance.choice(AGGREGATES),
        "control_rule": chance.choice(CONTROL_RULES),
        "trim_when_at_least": 3,
        "quorum": 1,
        "odd_only": False,
    }
    for chapter in document["chapters"]:
        for section in chapter["sections"]:
            for entry in section["items"]:
                entry.setdefault("na", "没有")
    return document


def marks_of(item: Item) -> list[Mark]:
    """Return marks of an item from the worst to the best."""
    legal = legal_marks(item)
    if legal.passes:
        return [False, True]
    if item.linear is not None:
        step = (item.linear.full_at - item.linear.zero_at) / 4
        return [item.linear.zero_at + step * n for n in range(-1, 6)]
    if legal.highest is not None and legal.step is not None:
        return [legal.step * n for n in range(int(legal.highest / legal.step) + 1)]
    return list(legal.choices)


def random_sheets(chance: random.Random, standard: Standard, stage: str, count: int) -> list[Sheet]:
    """Return legal sheets; the first scorer leads and never abstains, so that every item is marked."""
    good = chance.random()
    made: list[dict[str, Mark]] = [{} for _ in range(count)]
    for entry in standard.items(stage):
        choices = marks_of(entry)
        for position, marks in enumerate(made):
            marks[entry.code] = choices[-1] if chance.random() < good else chance.choice(choices)
            if entry.not_applicable and chance.random() < 0.1:
                marks[entry.code] = "na"
            elif position and chance.random() < 0.15:
                marks[entry.code] = None
    return [Sheet(f"E{position}", position == 0, marks) for position, marks in enumerate(made)]


def evaluated(standard: Standard, stage: str, sheets: list[Sheet]) -> Result | str:
    """Return the result, or the one reason why there is none: random votes may leave nothing applicable."""
    try:
        return evaluate(standard, stage, sheets)
    except Refused as refused:
        reasons = [problem.code for problem in refused.problems]
    assert reasons == ["nothing_applicable"]
    return reasons[0]


def drawn(chance: random.Random, name: str) -> tuple[dict[str, Any], Standard, str, list[Sheet]]:
    document = documents(chance, name)
    standard = standard_of(document) if name == "small" else from_document(document)
    stage = chance.choice(standard.scored_stages).code
    return document, standard, stage, random_sheets(chance, standard, stage, chance.randrange(1, 8))


@pytest.mark.parametrize("name", [*SAMPLES, "small"])
@brief
@given(chance=seeds)
def test_the_order_of_the_experts_changes_nothing(name: str, chance: random.Random) -> None:
    _, standard, stage, sheets = drawn(chance, name)
    result = evaluated(standard, stage, sheets)
    chance.shuffle(sheets)
    assert evaluated(standard, stage, sheets) == result


@pytest.mark.parametrize("name", [*SAMPLES, "small"])
@brief
@given(chance=seeds)
def test_raising_a_mark_never_lowers_total_or_level(name: str, chance: random.Random) -> None:
    _, standard, stage, sheets = drawn(chance, name)
    before = evaluated(standard, stage, sheets)
    for _ in range(4):
        position = chance.randrange(len(sheets))
        entry = chance.choice(standard.items(stage))
        choices, mark = marks_of(entry), sheets[position].marks[entry.code]
        if mark is None or mark == "na":
            continue
        raised = chance.choice(choices[choices.index(mark) :])
        scorer, leader = sheets[position].scorer, sheets[position].leader
        sheets[position] = Sheet(scorer, leader, {**sheets[position].marks, entry.code: raised})
        after = evaluated(standard, stage, sheets)
        if isinstance(before, str) or isinstance(after, str):
            assert before == after
        else:
            assert (after.exact_total or 0) >= (before.exact_total or 0)
            assert after.level >= before.level
        before = after


@pytest.mark.parametrize("name", [*SAMPLES, "small"])
@brief
@given(chance=seeds)
def test_an_item_that_all_call_not_applicable_might_as_well_not_be_there(name: str, chance: random.Random) -> None:
    document, standard, stage, sheets = drawn(chance, name)
    candidates = [entry for entry in standard.items(stage) if entry.not_applicable]
    if not candidates:
        return
    gone = chance.choice(candidates).code
    voted = [Sheet(sheet.scorer, sheet.leader, {**sheet.marks, gone: "na"}) for sheet in sheets]
    for chapter in document["chapters"]:
        for section in chapter["sections"]:
            section["items"] = [entry for entry in section["items"] if entry["code"] != gone]
    document.pop("selection", None)
    left = [
        Sheet(sheet.scorer, sheet.leader, {code: mark for code, mark in sheet.marks.items() if code != gone})
        for sheet in sheets
    ]
    with_votes, without_item = evaluated(standard, stage, voted), evaluated(from_document(document), stage, left)
    if isinstance(with_votes, str) or isinstance(without_item, str):
        assert with_votes == without_item
        return
    seen = with_votes.as_json()
    assert seen["items"].pop(gone) == {"points": None, "state": "na"}
    seen["na"].remove(gone)
    assert seen == without_item.as_json()
    assert with_votes.exact_total == without_item.exact_total


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(member, chance) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", [*SAMPLES, "small"])
@settings(brief, max_examples=15)
@given(chance=seeds)
def test_the_hash_does_not_depend_on_the_order_of_keys(name: str, chance: random.Random) -> None:
    document = small_standard(chance) if name == "small" else document_of(name)
    other = shuffled(document, chance)
    assert canonical(other) == canonical(document)
    assert sha256_of(parse(canonical(other), "x.json").document) == sha256_of(document)


@brief
@given(chance=seeds)
def test_totals_and_ratios_stay_within_their_bounds(chance: random.Random) -> None:
    _, standard, stage, sheets = drawn(chance, "small")
    result = evaluated(standard, stage, sheets)
    if isinstance(result, str):
        return
    assert result.bonus <= standard.scoring.bonus_cap
    assert all(0 <= chapter.ratio <= 100 for chapter in result.chapters)
    assert result.total is None or 0 <= result.total <= 100 + standard.scoring.bonus_cap
    for code, outcome in result.items.items():
        numbers = [
            points_of(standard.item(code), Fraction(mark))
            for mark in outcome.marks.values()
            if isinstance(mark, int | Fraction) and not isinstance(mark, bool)
        ]
        assert outcome.points is None or min(numbers) <= outcome.points <= max(numbers)
