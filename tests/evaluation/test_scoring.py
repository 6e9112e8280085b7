"""From mark sheets to total and level, by the worked examples and by every rule on its own."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from evaluation.scoring import Result, Sheet, evaluate, evaluate_stages, self_score
from evaluation.standard import Mark, Standard, from_document
from portal.problems import Refused
from tests.evaluation.documents import (
    document_of,
    full_marks,
    item,
    mixed,
    panel_of,
    sample,
    sheets,
    small,
    small_document,
    standard_of,
)

FULL, NINE_TENTHS, FOUR_FIFTHS = Fraction(1), Fraction(9, 10), Fraction(8, 10)


def refusal_of(act: Any, *args: Any, **options: Any) -> list[tuple[str, str]]:
    """Return (place, code) of every reason for which an evaluation is refused."""
    with pytest.raises(Refused) as refusal:
        act(*args, **options)
    return [(problem.place, problem.code) for problem in refusal.value.problems]


# --- the worked examples ------------------------------------------------------------------------------------------


def worked(stage: str, share: Fraction, home: Fraction | None = None, **changes: Mark) -> Result:
    """Evaluate one sheet of smart-community: a share of every scored item, chapter HOME by its own, some marks changed.

    changes: item code with underscores -> mark.
    """
    standard = sample("smart-community")
    marks = full_marks(standard, stage, share)
    if home is not None:
        for entry in standard.items(stage):
            if entry.kind == "scored" and standard.chapter_of(entry.code).code == "HOME":
                marks[entry.code] = home * entry.points
    marks |= {code.strip("i").replace("_", "."): mark for code, mark in changes.items()}
    return self_score(standard, stage, marks, check_marks=False)


def every_bonus() -> dict[str, Mark]:
    items = sample("smart-community").items("completion")
    return {"i" + entry.code.replace(".", "_"): entry.points for entry in items if entry.kind == "bonus"}


@pytest.mark.parametrize(
    "result, total, level",
    [
        pytest.param(lambda: worked("completion", FULL), "100.00", 3, id="A"),
        pytest.param(
            lambda: worked("completion", FOUR_FIFTHS, Fraction(55, 100), i12_1_1=2, i12_1_2=1), "80.50", 2, id="B"
        ),
        pytest.param(lambda: worked("completion", NINE_TENTHS, Fraction(45, 100)), "85.50", 1, id="C"),
        pytest.param(lambda: worked("completion", NINE_TENTHS, i5_2_3=0), "88.06", 2, id="D"),
        pytest.param(lambda: worked("completion", NINE_TENTHS, i5_1_2=False), "90.00", 0, id="E"),
        pytest.param(lambda: worked("completion", NINE_TENTHS, i8_1_2=False), "90.00", 1, id="F"),
        pytest.param(lambda: worked("design", FOUR_FIFTHS, i5_2_3="na", i5_4_2="na"), "80.00", 2, id="G"),
        pytest.param(lambda: worked("completion", FULL, **every_bonus()), "110.00", 3, id="H"),
    ],
)
def test_the_worked_examples_come_out_to_the_last_digit(result: Any, total: str, level: int) -> None:
    found = result()
    assert (found.as_json()["total"], found.level) == (total, level)


def test_a_result_carries_its_reasons() -> None:
    low, capped = worked("completion", NINE_TENTHS, i5_1_2=False), worked("completion", NINE_TENTHS, i5_2_3=0)
    assert low.failed == ("5.1.2",)
    assert [(cap.item, cap.below) for cap in capped.caps] == [("5.2.3", 3)]
    assert worked("completion", NINE_TENTHS, i8_1_2=False).as_json()["caps"] == [{"item": "8.1.2", "below": 2}]
    assert worked("design", FOUR_FIFTHS, i5_2_3="na", i5_4_2="na").na == ("5.2.3", "5.4.2")
    rich = worked("completion", FULL, **every_bonus())
    assert (rich.bonus, rich.bonus_raw) == (10, 13)


def test_the_json_of_a_result_has_the_published_form() -> None:
    document = worked("completion", NINE_TENTHS, i5_2_3=0, i6_1_3="na", i12_1_1=2).as_json()
    assert list(document) == [
        "total", "level", "level_name", "bonus", "chapters", "failed", "caps", "na", "flagged", "items",
    ]  # fmt: skip
    assert document["total"] == "90.06"
    assert document["level_name"] == "二星级"
    assert document["bonus"] == "2"
    assert document["chapters"]["COMM"] == {"ratio": "90.0000", "won": "90", "applicable": "100"}
    assert document["chapters"]["SAFE"] == {"ratio": "79.2000", "won": "79.2", "applicable": "100"}
    assert "INNO" not in document["chapters"]
    assert document["na"] == ["6.1.3"]
    assert document["items"]["4.2.1"] == {"points": "10.8", "state": "scored"}
    assert document["items"]["4.1.1"] == {"points": None, "state": "met"}
    assert document["items"]["6.1.3"] == {"points": None, "state": "na"}
    assert json.loads(json.dumps(document)) == document


def test_a_result_below_every_level_has_a_name_for_it() -> None:
    document = worked("completion", Fraction(1, 10)).as_json()
    assert (document["level"], document["level_name"]) == (0, "未达标")


def test_the_trace_lets_a_reader_recompute_the_result_by_hand() -> None:
    result = worked("completion", NINE_TENTHS, i6_1_3="na", i5_2_3="na")
    trace = json.loads(json.dumps(result.as_trace()))
    assert {key: value for key, value in result.as_json().items() if key != "chapters"}.items() <= trace.items()
    safe = trace["chapters"]["SAFE"]
    assert safe == {"ratio": "90.0000", "won": "79.2", "applicable": "88", "weight": "9/50", "na_ratio": "0.1200"}
    items = trace["stages"]["completion"]["items"]
    assert items["4.2.1"] == {
        "points": "10.8", "state": "scored", "full": "12", "spread": None, "marks": {"": "10.8"},
    }  # fmt: skip
    assert items["5.1.1"]["marks"] == {"": True}
    total = Fraction(0)
    for chapter in trace["chapters"].values():
        total += Fraction(chapter["weight"]) * 100 * Fraction(chapter["won"]) / Fraction(chapter["applicable"])
    assert total + Fraction(trace["bonus"]) == Fraction(trace["exact_total"]) == 90


# --- joining the sheets of one item -------------------------------------------------------------------------------

TIERED = {"mode": "tier", "points": 12, "tiers": [{"points": p, "when": "档"} for p in (3, 6, 9, 12)]}


def joined(given: list[Mark], leader: int | None = None, **panel: Any) -> Any:
    """Return the points of one item of 12 points that was given these marks."""
    standard = small([item("1.1.1", **TIERED, na="没有"), item("1.1.2")], panel=panel)
    marked = sheets(*({"1.1.1": mark, "1.1.2": 5} for mark in given), leader=leader)
    return evaluate(standard, "only", marked, panel=False).items["1.1.1"].points


@pytest.mark.parametrize(
    "aggregate, given, points",
    [
        ("mean", [12, 9, 9], 10),
        ("mean", [12, 9, 3, 6, 6, 0, 0], Fraction(36, 7)),
        ("mean", [9], 9),
        ("mean", [9, None, 3, None], 6),
        ("mean", [9, "na", 3], 6),
        ("mean", [9, "na", "na", 3], 6),
        ("mean", [9, "na", "na"], None),
        ("mean", [9, "na", "na", None, None], None),
        ("mean", ["na", None], None),
        ("median", [0, 3, 12], 3),
        ("median", [12, 0, 3, 9], 6),
        ("median", [12, 0, "na", None, 3], 3),
        ("trimmed_mean", [0, 9, 9, 12], Fraction(30, 4)),
        ("trimmed_mean", [0, 9, 9, 12, 12], 10),
        ("trimmed_mean", [0, 0, 9, 12, 12], 7),
        ("trimmed_mean", [0, 9, 9, 12, None], Fraction(30, 4)),
        ("trimmed_mean", [0, 9, 9, 12, "na"], Fraction(30, 4)),
        ("trimmed_mean", [0, 9, 9, 12, 12, "na", None], 10),
    ],
)
def test_numbers_are_joined_as_the_standard_says(aggregate: str, given: list[Mark], points: Any) -> None:
    assert joined(given, aggregate=aggregate, trim_when_at_least=5) == points


@pytest.mark.parametrize(
    "given, leader, points",
    [
        ([0, 12, 9], 2, 9),
        ([0, 12, 9], 0, 0),
        ([None, 12, 9], 0, Fraction(21, 2)),
        (["na", 12, 9], 0, Fraction(21, 2)),
        ([3, "na", "na"], 0, None),
        ([0, 12, 9], None, 7),
    ],
)
def test_under_consensus_the_leader_decides_and_else_the_mean(
    given: list[Mark], leader: int | None, points: Any
) -> None:
    assert joined(given, leader, aggregate="consensus") == points


@pytest.mark.parametrize(
    "rule, given, state",
    [
        ("two_thirds", [True, True, False], "met"),
        ("two_thirds", [True, True, True, False, False], "failed"),
        ("two_thirds", [True, True, None, None, False], "met"),
        ("two_thirds", [True, True, "na", "na", False], "met"),
        ("majority", [True, True, False, False], "failed"),
        ("majority", [True, True, True, False, False], "met"),
        ("all", [True, True, True, True, False], "failed"),
        ("all", [True, True, "na", None, True], "met"),
        ("all", [False], "failed"),
        ("two_thirds", ["na", "na", False], "na"),
        ("majority", ["na", "na", False, False], "failed"),
    ],
)
def test_controls_are_voted_on_as_the_standard_says(rule: str, given: list[Mark], state: str) -> None:
    standard = small([item("1.1.1", kind="control", na="没有"), item("1.1.2")], panel={"control_rule": rule})
    marked = sheets(*({"1.1.1": mark, "1.1.2": 10} for mark in given))
    result = evaluate(standard, "only", marked, panel=False)
    assert (result.items["1.1.1"].state, result.level) == (state, 0 if state == "failed" else 2)


def test_measured_numbers_become_points_before_they_are_joined() -> None:
    line = {"mode": "linear", "points": 10, "linear": {"zero_at": 0, "full_at": 100}}
    result = evaluate(small([item("1.1.1", **line)]), "only", sheets({"1.1.1": 300}, {"1.1.1": 50}, {"1.1.1": -7}))
    assert result.items["1.1.1"].points == 5


@pytest.mark.parametrize(
    "given, alert, flagged",
    [
        ([0, 3, 0], 0.25, False),
        ([0, 3.5, 0], 0.25, True),
        ([0, 12, None], None, False),
        ([12, None, None], 0, False),
        ([12, "na", 0], 0.9, True),
    ],
)
def test_a_spread_beyond_the_alert_flags_the_item_and_changes_no_number(
    given: list[Mark], alert: float | None, flagged: bool
) -> None:
    panel = {} if alert is None else {"deviation_alert": alert}
    standard = small([item("1.1.1", points=12, na="没有")], panel=panel)
    result = evaluate(standard, "only", sheets(*({"1.1.1": mark} for mark in given)))
    numbers = [Fraction(str(mark)) for mark in given if mark not in (None, "na")]
    assert result.flagged == (("1.1.1",) if flagged else ())
    assert result.items["1.1.1"].points == sum(numbers) / len(numbers)


@pytest.mark.parametrize("number", [4.5, Decimal("4.50"), Fraction(9, 2)])
def test_a_number_counts_the_same_however_it_is_held(number: Any) -> None:
    assert evaluate(small([item("1.1.1")]), "only", sheets({"1.1.1": number})).total == 45


# --- refusals -----------------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_with_the_sheets_is_said_at_once() -> None:
    standard = small(
        [item("1.1.1", **TIERED), item("1.1.2"), item("1.1.3")], panel={"quorum": 5, "odd_only": True}
    )  # fmt: skip
    first = Sheet("E1", True, {"1.1.1": 5, "1.1.2": 10.25, "9.9.9": 1})
    second = Sheet("E2", True, {"1.1.1": "na", "1.1.2": True})
    twin = Sheet("E2", False, {"1.1.1": 12})
    assert refusal_of(evaluate, standard, "only", [first, second, twin, Sheet("E3", False, {})]) == [
        ("E2", "duplicate_scorer"),
        ("", "several_leaders"),
        ("E1 1.1.1", "mark_not_legal"),
        ("E1 1.1.2", "mark_not_legal"),
        ("E1 9.9.9", "item_not_in_stage"),
        ("E2 1.1.1", "not_applicable_not_allowed"),
        ("E2 1.1.2", "mark_not_legal"),
        ("", "below_quorum"),
        ("", "even_panel"),
        ("1.1.3", "unmarked"),
    ]


@pytest.mark.parametrize(
    "count, expected",
    [
        (0, ["below_quorum"]),
        (1, ["below_quorum"]),
        (2, ["below_quorum", "even_panel"]),
        (3, []),
        (4, ["even_panel"]),
        (5, []),
    ],
)
def test_a_panel_must_be_large_enough_and_odd(count: int, expected: list[str]) -> None:
    standard = small([item("1.1.1")], panel={"quorum": 3, "odd_only": True})
    marked = sheets(*[{"1.1.1": 5}] * count)
    if expected:
        assert [code for _, code in refusal_of(evaluate, standard, "only", marked)] == expected
    else:
        assert evaluate(standard, "only", marked).total == 50


def test_without_a_panel_one_sheet_is_enough_but_none_is_not() -> None:
    standard = small([item("1.1.1")], panel={"quorum": 3, "odd_only": True})
    assert evaluate(standard, "only", sheets({"1.1.1": 5}, {"1.1.1": 6}), panel=False).total == 55
    assert refusal_of(evaluate, standard, "only", [], panel=False) == [("", "no_sheet")]
    assert refusal_of(self_score, standard, "only", {}) == [("1.1.1", "unmarked")]
    assert refusal_of(self_score, standard, "only", {"1.1.1": None}) == [("1.1.1", "unmarked")]


@pytest.mark.parametrize("stage", ["nowhere", "guidance"])
def test_only_a_scored_stage_is_evaluated(stage: str) -> None:
    assert refusal_of(evaluate, sample("smart-community"), stage, []) == [("", "unknown_stage")]


@pytest.mark.parametrize("method", ["sum_ratio", "weighted_ratio"])
def test_a_total_over_nothing_applicable_is_refused(method: str) -> None:
    document = small_document([item("1.1.1", na="没有"), item("2.1.1", kind="bonus")], method=method)
    document["chapters"][0]["weight"] = {"only": 1}
    marks: dict[str, Mark] = {"1.1.1": "na", "2.1.1": 10}
    assert refusal_of(self_score, standard_of(document), "only", marks) == [("", "nothing_applicable")]


# --- totals -------------------------------------------------------------------------------------------------------


def weighed(weights: list[float], **scoring: Any) -> Standard:
    document = small_document([item(f"{n}.1.1", na="没有") for n in (1, 2, 3)], method="weighted_ratio", **scoring)
    for chapter, weight in zip(document["chapters"], weights, strict=True):
        chapter["weight"] = {"only": weight}
    return standard_of(document)


@pytest.mark.parametrize(
    "weights, marks, total",
    [
        ([0.5, 0.3, 0.2], [10, 5, 0], "65.00"),
        ([0.5, 0.3, 0.2], ["na", 5, 0], "30.00"),
        ([0.5, 0.3, 0.2], ["na", "na", 7], "70.00"),
        ([0.3333, 0.3333, 0.3333], [10, 10, 10], "100.00"),
        ([0.5, 0.5, 0], [10, 5, 0], "75.00"),
    ],
)
def test_the_weights_of_the_chapters_that_take_part_are_scaled_to_one(
    weights: list[float], marks: list[Mark], total: str
) -> None:
    given = {f"{n}.1.1": mark for n, mark in enumerate(marks, 1)}
    result = self_score(weighed(weights), "only", given)
    assert result.as_json()["total"] == total
    assert result.without_part == tuple(f"C{n}" for n, mark in enumerate(marks, 1) if mark == "na")


def test_a_total_over_chapters_without_weight_is_refused() -> None:
    marks: dict[str, Mark] = {"1.1.1": "na", "2.1.1": 5, "3.1.1": 5}
    assert refusal_of(self_score, weighed([1, 0, 0]), "only", marks) == [("", "nothing_applicable")]


def test_a_vote_that_the_item_does_not_allow_is_dropped_where_marks_are_not_checked() -> None:
    standard = small([item("1.1.1")])
    marked = sheets({"1.1.1": "na"}, {"1.1.1": "na"}, {"1.1.1": 4})
    assert evaluate(standard, "only", marked, check_marks=False).total == 40
    assert refusal_of(evaluate, standard, "only", marked[:2], check_marks=False) == [("1.1.1", "unmarked")]


def test_a_sum_ratio_counts_every_point_the_same() -> None:
    standard = small([item("1.1.1", points=30, na="没有"), item("2.1.1", points=10), item("2.1.2", kind="control")])
    assert self_score(standard, "only", {"1.1.1": 30, "2.1.1": 0, "2.1.2": True}).total == 75
    assert self_score(standard, "only", {"1.1.1": "na", "2.1.1": 4, "2.1.2": True}).total == 40


@pytest.mark.parametrize("won, bonus", [(0, 0), (4, 4), (5, 5), (7, 5)])
def test_a_bonus_counts_up_to_its_cap(won: int, bonus: int) -> None:
    standard = small([item("1.1.1"), item("1.1.2", kind="bonus", points=4), item("2.1.1", kind="bonus", points=3)])
    given: dict[str, Mark] = {"1.1.1": 5, "1.1.2": min(won, 4), "2.1.1": max(won - 4, 0)}
    result = self_score(standard, "only", given)
    assert (result.total, result.bonus, result.bonus_raw) == (50 + bonus, bonus, won)


@pytest.mark.parametrize(
    "points, digits, total, level",
    [
        (Fraction("5.9995"), 2, "60.00", 1),
        (Fraction("5.99949"), 2, "59.99", 0),
        (Fraction("5.95"), 0, "60", 1),
        (Fraction("5.9499"), 0, "59", 0),
        (Fraction("7.9999"), 1, "80.0", 2),
        (Fraction(20, 3), 4, "66.6667", 1),
    ],
)
def test_the_total_is_rounded_half_up_once_and_then_compared(
    points: Fraction, digits: int, total: str, level: int
) -> None:
    standard = small([item("1.1.1")], round={"digits": digits, "rule": "half_up"})
    result = self_score(standard, "only", {"1.1.1": points}, check_marks=False)
    assert (result.as_json()["total"], result.level) == (total, level)
    assert result.exact_total == 10 * points


def test_a_chapter_ratio_is_compared_without_rounding() -> None:
    standard = small([item("1.1.1", points=1), item("2.1.1", points=99)])
    given: dict[str, Mark] = {"1.1.1": Fraction("0.4999999"), "2.1.1": 99}
    result = self_score(standard, "only", given, check_marks=False)
    assert result.as_json()["chapters"]["C1"]["ratio"] == "50.0000"
    assert result.level == 1
    assert self_score(standard, "only", given | {"1.1.1": 0.5}).level == 2


def test_a_chapter_with_many_items_not_applicable_is_named_for_words() -> None:
    document = small_document([item("1.1.1", points=7), item("1.1.2", points=3, na="没有")])
    document["scoring"]["not_applicable"] = {"max_na_ratio_per_chapter": 0.3}
    marks: dict[str, Mark] = {"1.1.1": 7, "1.1.2": "na"}
    assert self_score(standard_of(document), "only", marks).na_heavy == ()
    document["scoring"]["not_applicable"]["max_na_ratio_per_chapter"] = 0.29
    assert self_score(standard_of(document), "only", marks).na_heavy == ("C1",)


# --- levels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code, mark, level, caps",
    [
        ("1.1.1", True, 2, []),
        ("1.1.1", False, 0, []),
        ("1.1.2", False, 1, [("1.1.2", 2)]),
        ("1.1.2", "na", 2, []),
        ("1.1.3", 0, 1, [("1.1.3", 2)]),
        ("1.1.3", 0.5, 2, []),
        ("1.1.3", "na", 2, []),
        ("1.1.4", 0, 2, []),
        ("1.1.5", False, 0, [("1.1.5", 1)]),
    ],
)
def test_an_item_caps_the_level_from_which_it_binds(
    code: str, mark: Mark, level: int, caps: list[tuple[str, int]]
) -> None:
    standard = small(
        [
            item("1.1.1", kind="control"),
            item("1.1.2", kind="control", from_level=2, na="没有"),
            item("1.1.3", from_level=2, points=1, na="没有"),
            item("1.1.4", points=1),
            item("1.1.5", kind="control", from_level=1),
            item("1.1.6", points=90),
        ]
    )
    result = self_score(standard, "only", full_marks(standard, "only") | {code: mark})
    assert result.level == level
    assert [(cap.item, cap.below) for cap in result.caps] == caps
    assert result.failed == ((code,) if mark is False else ())


@pytest.mark.parametrize(
    "changes, level",
    [
        ({}, 2),
        ({"1.1.1": False}, 0),
        ({"1.1.2": False}, 1),
        ({"1.1.3": 0}, 1),
        ({"1.1.4": 0}, 2),
        ({"1.1.3": "na"}, 2),
    ],
)
def test_under_pass_all_there_is_no_total_and_every_item_that_binds_must_be_met(
    changes: dict[str, Mark], level: int
) -> None:
    items = [item("1.1.1", kind="control"), item("1.1.2", kind="control", from_level=2)]
    items += [item("1.1.3", from_level=2, na="没有"), item("1.1.4")]
    document = small_document(items, method="pass_all")
    for entry in document["levels"]:
        del entry["min_total"], entry["min_chapter"]
    del document["scoring"]["bonus_cap"], document["scoring"]["round"]
    standard = standard_of(document)
    result = self_score(standard, "only", full_marks(standard, "only") | changes)
    assert (result.total, result.as_json()["total"], result.level) == (None, None, level)


def test_pass_all_needs_no_scored_item() -> None:
    standard = small([item("1.1.1", kind="control")], method="pass_all")
    result = self_score(standard, "only", {"1.1.1": True})
    assert (result.level, result.chapters) == (2, ())


# --- several stages -----------------------------------------------------------------------------------------------


def test_stages_are_mixed_by_their_weights_and_their_bonus_is_capped_once() -> None:
    result = mixed(FOUR_FIFTHS, Fraction(1, 2), i5_1_1=3)
    assert result.as_json()["total"] == "71.00"
    assert [(stage.stage, stage.weight) for stage in result.stages] == [
        ("paper", Fraction(3, 5)),
        ("defence", Fraction(2, 5)),
    ]
    document = result.as_json()
    assert document["stages"]["paper"]["ratio"] == "80.0000"
    assert document["stages"]["defence"]["won"] == "29"
    assert (document["level"], document["level_name"]) == (0, "未达标")
    assert result.items["3.1.1"].points == 16 * FOUR_FIFTHS + 8
    assert document["chapters"]["EFFE"] == {"ratio": "66.5517", "won": "38.6", "applicable": "58"}
    assert sum(chapter.won for chapter in result.chapters) == sum(stage.won for stage in result.stages)
    assert json.loads(json.dumps(result.as_trace()))["stages"]["paper"]["items"]["1.1.1"]["marks"]["E4"] is True


def test_one_stage_of_a_mix_can_be_looked_at_by_itself() -> None:
    standard = sample("innovation")
    result = evaluate(standard, "paper", panel_of(standard, "paper", FOUR_FIFTHS, i5_1_1=3), check_marks=False)
    assert result.total == 83


def test_every_weighted_stage_needs_its_sheets_and_all_problems_name_their_stage() -> None:
    standard = sample("innovation")
    paper = panel_of(standard, "paper", FULL, i1_1_1=7)[:3]
    assert refusal_of(evaluate_stages, standard, {"paper": paper, "show": []}) == [
        ("defence", "stage_missing"),
        *[(f"paper E{n} 1.1.1", "mark_not_legal") for n in range(3)],
        ("paper", "below_quorum"),
        ("show", "unknown_stage"),
    ]


def two_stages(paper: float, show: float, **more: Any) -> Standard:
    """Return a standard with a control, a scored item and a bonus, all at two stages."""
    both = {"stages": ["paper", "show"], "na": "没有"}
    items = [item("1.1.1", kind="control", **both), item("1.1.2", **both), item("1.1.3", kind="bonus", **both)]
    document = small_document(items, method="stage_mix", stage_weight={"paper": paper, "show": show}, **more)
    document["stages"] = [{"code": code, "name": code, "scored": True, "documents": []} for code in ("paper", "show")]
    return standard_of(document)


@pytest.mark.parametrize(
    "paper, show, state",
    [
        (True, True, "met"),
        (True, False, "failed"),
        (False, "na", "failed"),
        ("na", True, "met"),
        ("na", "na", "na"),
    ],
)
def test_an_item_of_two_stages_fails_in_any_and_is_not_applicable_only_in_all(
    paper: Mark, show: Mark, state: str
) -> None:
    marks = {
        stage: sheets({"1.1.1": mark, "1.1.2": 10, "1.1.3": 3}) for stage, mark in (("paper", paper), ("show", show))
    }
    result = evaluate_stages(two_stages(0.5, 0.5), marks)
    assert (result.items["1.1.1"].state, result.level) == (state, 0 if state == "failed" else 2)
    assert (result.items["1.1.3"].points, result.bonus) == (6, 5)


def test_an_item_scored_at_one_stage_and_not_applicable_at_another_counts_once() -> None:
    marks = {"paper": sheets({"1.1.1": True, "1.1.2": 10, "1.1.3": 0}), "show": sheets({"1.1.1": True, "1.1.2": "na"})}
    assert refusal_of(evaluate_stages, two_stages(0.5, 0.5), marks) == [("show 1.1.3", "unmarked")]
    marks["show"] = sheets({"1.1.1": True, "1.1.2": "na", "1.1.3": "na"})
    assert refusal_of(evaluate_stages, two_stages(0.5, 0.5), marks) == [("show", "nothing_applicable")]


def test_weights_of_stages_within_the_tolerance_are_scaled_to_one() -> None:
    full = sheets({"1.1.1": True, "1.1.2": 10, "1.1.3": 0})
    assert evaluate_stages(two_stages(0.3333, 0.6666), {"paper": full, "show": full}).total == 100


def test_only_a_mix_has_several_stages() -> None:
    with pytest.raises(ValueError, match="does not mix stages"):
        evaluate_stages(sample("smart-community"), {})


# --- what was judged does not move --------------------------------------------------------------------------------


def test_a_stored_standard_gives_the_same_result_as_the_one_that_was_imported() -> None:
    standard = sample("smart-property")
    stored = from_document(json.loads(json.dumps(document_of("smart-property"))))
    marked = sheets(*[full_marks(standard, "assess")] * 3)
    assert evaluate(stored, "assess", marked) == evaluate(standard, "assess", marked)
