"""The forecast: what is missing, and the cheapest way to each level, compared with every way there is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.scoring import Forecast, Hindrance, Step, Way, forecast, self_score
from evaluation.scoring.forecast import MEASURED_STEPS
from evaluation.standard import Item, Mark, Standard, legal_marks, points_of
from portal.problems import Refused
from tests.evaluation.documents import SAMPLES, full_marks, item, sample, small, small_document, standard_of
from tests.evaluation.test_scoring_properties import small_item

brief = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32).map(random.Random)


# --- every way there is -------------------------------------------------------------------------------------------


def all_marks(entry: Item) -> list[Mark]:
    """Every mark that may be advised for an item."""
    legal = legal_marks(entry)
    if legal.passes:
        return [False, True]
    if entry.linear is not None:
        way = entry.linear.full_at - entry.linear.zero_at
        return [entry.linear.zero_at + way * step / MEASURED_STEPS for step in range(MEASURED_STEPS + 1)]
    if legal.highest is not None and legal.step is not None:
        return [legal.step * step for step in range(int(legal.highest / legal.step) + 1)]
    return list(legal.choices)


def worth(entry: Item, mark: Mark) -> Fraction:
    return Fraction(bool(mark)) if entry.kind == "control" else points_of(entry, Fraction(str(mark)))


def lost(entry: Item) -> Mark:
    return False if entry.kind == "control" else entry.linear.zero_at if entry.linear else 0


def complete(standard: Standard, stage: str, marks: dict[str, Mark]) -> dict[str, Mark]:
    return {
        entry.code: lost(entry) if marks.get(entry.code) is None else marks[entry.code]
        for entry in standard.items(stage)
    }


def every_way(
    standard: Standard, stage: str, marks: dict[str, Mark], count: int, level: int
) -> Iterator[tuple[Any, ...]]:
    """Yield (points gained, positions, gains negated) of every set of ``count`` better marks that reaches a level."""
    now = complete(standard, stage, marks)
    items = standard.items(stage)
    better = {
        position: [mark for mark in all_marks(entry) if worth(entry, mark) > worth(entry, now[entry.code])]
        for position, entry in enumerate(items)
        if now[entry.code] != "na"
    }
    for chosen in combinations([position for position in better if better[position]], count):
        for given_marks in product(*(better[position] for position in chosen)):
            tried = now | {items[position].code: mark for position, mark in zip(chosen, given_marks, strict=True)}
            if self_score(standard, stage, tried).level >= level:
                gains = [
                    Fraction(0)
                    if items[position].kind == "control"
                    else worth(items[position], mark) - worth(items[position], now[items[position].code])
                    for position, mark in zip(chosen, given_marks, strict=True)
                ]
                yield sum(gains, Fraction(0)), chosen, tuple(-gain for gain in gains)


def few_items(chance: random.Random) -> Standard:
    """A standard of at most six items with few legal marks each, any method, any bounds."""
    chapters = chance.choice([1, 2, 2])
    entries = []
    for chapter in range(1, chapters + 1):
        for number in range(1, chance.randrange(2, 4)):
            made = small_item(chance, f"{chapter}.1.{number}")
            if made["mode"] == "range":
                made["points"] = chance.choice([1, 1.5])
            if made["mode"] == "linear":
                made |= {"mode": "full"}
                del made["linear"]
            entries.append(made)
    entries.append(item("1.2.1", points=chance.choice([1, 1.5, 2]), na="没有"))
    method = chance.choice(["weighted_ratio", "weighted_ratio", "sum_ratio", "pass_all"])
    document = small_document(entries, method=method, bonus_cap=chance.choice([0, 1, 2.5, 20]))
    shares = {1: [1], 2: chance.choice([[0.25, 0.75], [0.5, 0.5], [1, 0]])}[len(document["chapters"])]
    for chapter, share in zip(document["chapters"], shares, strict=True):
        chapter["weight"] = {"only": share if method == "weighted_ratio" else 0}
    low = chance.choice([10, 33.335, 60])
    document["levels"] = [
        {"level": 1, "name": "一级", "min_total": low, "min_chapter": chance.choice([0, 20])},
        {
            "level": 2,
            "name": "二级",
            "min_total": chance.choice([low, 75, 104]),
            "min_chapter": chance.choice([20, 50]),
        },
    ]
    document["scoring"]["round"]["digits"] = chance.choice([0, 1, 2])
    return standard_of(document)


def some_marks(chance: random.Random, standard: Standard, stage: str, good: float) -> dict[str, Mark]:
    marks: dict[str, Mark] = {}
    for entry in standard.items(stage):
        if chance.random() < 0.2:
            continue
        legal = all_marks(entry)
        marks[entry.code] = legal[-1] if chance.random() < good else chance.choice(legal)
        if entry.not_applicable and chance.random() < 0.15:
            marks[entry.code] = "na"
    return marks


def asked(standard: Standard, stage: str, marks: dict[str, Mark]) -> Forecast | None:
    """The forecast; None where marks at random leave nothing that applies."""
    try:
        return forecast(standard, stage, marks)
    except Refused as refused:
        reasons = [problem.code for problem in refused.problems]
    if reasons != ["nothing_applicable"]:
        raise AssertionError(reasons)
    return None


def after(standard: Standard, stage: str, marks: dict[str, Mark], way: Way) -> int:
    changes = {step.item: step.mark for step in way.steps or ()}
    return self_score(standard, stage, complete(standard, stage, marks) | changes).level


def _is_best_of_all(standard: Standard, marks: dict[str, Mark]) -> None:
    """Compare every way of a forecast with all sets of better marks there are."""
    told = asked(standard, "only", marks)
    codes = [entry.code for entry in standard.items("only")]
    for way in told.ways if told else ():
        sizes = range(len(codes) + 1)
        found = (min(every_way(standard, "only", marks, size, way.level.level), default=None) for size in sizes)
        best = next((one for one in found if one is not None), None)
        if best is None:
            assert way.steps is None
        else:
            positions = tuple(codes.index(step.item) for step in way.steps)
            assert (way.gained, positions, tuple(-step.gained for step in way.steps)) == best
            assert after(standard, "only", marks, way) >= way.level.level


@brief
@given(seeds)
def test_the_cheapest_way_is_the_best_of_all_ways(chance):
    standard = few_items(chance)
    _is_best_of_all(standard, some_marks(chance, standard, "only", chance.random()))


@settings(brief, max_examples=25)
@given(seeds)
def test_a_measured_number_is_advised_in_the_best_of_its_steps(chance):
    line = {"zero_at": chance.choice([0, 60]), "full_at": chance.choice([30, 90, 61])}
    standard = small(
        [
            item("1.1.1", mode="linear", points=chance.choice([3, 10]), linear=line),
            item("1.1.2", points=chance.choice([1, 2.5])),
            item("1.1.3", mode="full", points=chance.choice([1, 4])),
        ]
    )
    marks = {"1.1.1": chance.randrange(-5, 100), "1.1.2": 0, "1.1.3": chance.choice([None, 0])}
    _is_best_of_all(standard, marks)


@brief
@given(seeds)
def test_the_order_of_the_items_changes_neither_their_number_nor_the_points(chance):
    standard = few_items(chance)
    marks = some_marks(chance, standard, "only", 0.5)
    document = deepcopy(standard.document)
    for chapter in document["chapters"]:
        chance.shuffle(chapter["sections"])
        for section in chapter["sections"]:
            chance.shuffle(section["items"])
    chance.shuffle(document["chapters"])
    first, second = asked(standard, "only", marks), asked(standard_of(document), "only", marks)
    assert first is None or [(way.steps and len(way.steps), way.gained) for way in first.ways] == [
        (way.steps and len(way.steps), way.gained) for way in second.ways
    ]


@brief
@given(seeds)
def test_the_order_in_which_marks_are_given_changes_nothing(chance):
    standard = few_items(chance)
    marks = some_marks(chance, standard, "only", 0.5)
    shuffled = list(marks.items())
    chance.shuffle(shuffled)
    assert asked(standard, "only", marks) == asked(standard, "only", dict(shuffled))


@brief
@given(seeds)
def test_a_better_mark_never_makes_a_level_dearer(chance):
    standard = few_items(chance)
    marks = some_marks(chance, standard, "only", 0.5)
    before = asked(standard, "only", marks)
    better = [entry for entry in standard.items("only") if marks.get(entry.code) not in (None, "na")]
    if before is None or not better:
        return
    entry = chance.choice(better)
    risen = marks | {entry.code: all_marks(entry)[-1]}
    later = {way.level.level: way for way in forecast(standard, "only", risen).ways}
    for way in before.ways:
        now = later.get(way.level.level)
        if way.steps is not None and now is not None:
            assert len(now.steps) <= len(way.steps)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("seed", range(12))
def test_on_the_samples_every_way_arrives_and_one_item_less_does_not(name, seed):
    standard, chance = sample(name), random.Random(seed)
    stage = chance.choice(standard.scored_stages).code
    marks = some_marks(chance, standard, stage, chance.random())
    for way in forecast(standard, stage, marks).ways:
        assert after(standard, stage, marks, way) >= way.level.level
        for left_out in way.steps:
            fewer = Way(way.level, tuple(step for step in way.steps if step != left_out), way.best)
            assert after(standard, stage, marks, fewer) < way.level.level


@pytest.mark.parametrize("seed", range(6))
def test_half_a_step_less_anywhere_misses_the_level(seed):
    """Fewest points on the real standard: no single mark of the way can be a step lower."""
    standard, chance = sample("smart-community"), random.Random(seed)
    marks = some_marks(chance, standard, "completion", 0.5)
    for way in forecast(standard, "completion", marks).ways:
        for place, step in enumerate(way.steps):
            entry = standard.item(step.item)
            if entry.kind == "control":
                continue
            lower = [mark for mark in all_marks(entry) if worth(entry, mark) < worth(entry, step.mark)][-1]
            steps = [*way.steps[:place], Step(step.item, lower, step.gained), *way.steps[place + 1 :]]
            assert after(standard, "completion", marks, Way(way.level, tuple(steps), way.best)) < way.level.level


# --- by hand ------------------------------------------------------------------------------------------------------


def test_a_case_that_a_reader_can_do_by_hand():
    """120 points of two chapters; 72 won are 60 %; the second level asks for 80 % and half of every chapter."""
    standard = small([item("1.1.1", points=40), item("1.1.2", points=40), item("2.1.1", points=40),
                      item("2.1.2", "control", from_level=2)])  # fmt: skip
    told = forecast(standard, "only", {"1.1.1": 40, "1.1.2": 20, "2.1.1": 12, "2.1.2": False})
    assert (told.result.level, told.result.total, told.following.level) == (1, 60, 2)
    assert told.holds_back == (
        Hindrance("control", ("2.1.2",)),
        Hindrance("chapter", (), "C2", Fraction(30), Fraction(50), Fraction(8)),
        Hindrance("total", (), "", Fraction(60), Fraction(80), Fraction(20)),
    )
    # 23.994 points make 79.995, which is rounded up; marks go by halves.
    assert told.cheapest.steps == (Step("2.1.1", Fraction(36), Fraction(24)), Step("2.1.2", True, Fraction(0)))
    assert told.cheapest.gained == 24


def test_what_is_unmarked_counts_as_lost_and_the_other_figure_as_won():
    standard = small([item("1.1.1", points=40), item("1.1.2", points=60), item("1.1.3", "control")])
    told = forecast(standard, "only", {"1.1.1": 40})
    assert (told.result.level, told.if_won.level, told.unmarked) == (0, 2, ("1.1.2", "1.1.3"))
    assert told.holds_back[-1] == Hindrance("unmarked", ("1.1.2", "1.1.3"))


def test_a_full_sheet_is_held_back_by_nothing():
    told = forecast(sample("smart-community"), "completion", full_marks(sample("smart-community"), "completion"))
    assert (told.result.level, told.following, told.holds_back, told.ways, told.cheapest) == (3, None, (), (), None)


def test_a_capped_bonus_is_used_as_far_as_it_goes():
    """78 of 100; five points of bonus count at most, so one bonus item of 2 is enough and costs least."""
    standard = small([item("1.1.1", points=100), item("1.1.2", "bonus", points=2), item("1.1.3", "bonus", points=9)])
    assert forecast(standard, "only", {"1.1.1": 78, "1.1.2": 0, "1.1.3": 0}).cheapest.steps == (
        Step("1.1.1", Fraction(80), Fraction(2)),
    )
    assert forecast(standard, "only", {"1.1.1": 78, "1.1.2": 0, "1.1.3": 5}).cheapest is None


def test_of_two_equal_ways_the_first_in_the_document_is_told_though_the_other_brings_more():
    """Ten points in either chapter reach 60; the first is worth 12.5 of the total, the second 37.5."""
    document = small_document([
        item("1.1.1", mode="full", points=10), item("1.1.2", points=10),
        item("2.1.1", mode="full", points=10), item("2.1.2", points=10),
    ], method="weighted_ratio")  # fmt: skip
    for chapter, share in zip(document["chapters"], (0.25, 0.75), strict=True):
        chapter["weight"] = {"only": share}
    told = forecast(standard_of(document), "only", {"1.1.1": 0, "1.1.2": 10, "2.1.1": 0, "2.1.2": 10})
    assert (told.result.total, told.cheapest.steps) == (50, (Step("1.1.1", Fraction(10), Fraction(10)),))


def test_a_level_out_of_reach_says_how_far_one_comes():
    document = small_document([item("1.1.1", points=10)])
    document["levels"][1]["min_total"] = 101
    way = forecast(standard_of(document), "only", {"1.1.1": 7}).ways[0]
    assert (way.steps, way.best, way.level.level) == (None, Fraction(100), 2)


def test_an_item_that_does_not_apply_is_left_alone():
    standard = small([item("1.1.1", points=10, na="没有"), item("1.1.2", points=10), item("1.1.3", points=10)])
    told = forecast(standard, "only", {"1.1.1": "na", "1.1.2": 9, "1.1.3": 3})
    assert told.cheapest.steps == (Step("1.1.3", Fraction(7), Fraction(4)),)


def test_nothing_to_count_is_refused():
    standard = small([item("1.1.1", points=10, na="没有")])
    with pytest.raises(Refused) as caught:
        forecast(standard, "only", {"1.1.1": "na"})
    assert [problem.code for problem in caught.value.problems] == ["nothing_applicable"]


def test_where_sums_are_too_many_the_items_are_still_the_fewest():
    """Tiers of thousandths: millions of sums. The answer comes, arrives, and owns that its points may not be the fewest."""
    chance = random.Random(1)
    entries = []
    for number in range(40):
        steps = sorted({chance.randrange(1, 100_000) / 1000 for _ in range(4)})
        tiers = [{"points": step, "when": "如此"} for step in steps]
        entries.append(item(f"{1 + number // 10}.1.{number}", mode="tier", points=steps[-1], tiers=tiers))
    standard = small(entries, bonus_cap=0)
    told = forecast(standard, "only", {})
    assert [way.exact for way in told.ways] == [False, False]
    for way in told.ways:
        assert after(standard, "only", {}, way) >= way.level.level
        for left_out in way.steps:
            fewer = Way(way.level, tuple(step for step in way.steps if step != left_out), way.best)
            assert after(standard, "only", {}, fewer) < way.level.level
