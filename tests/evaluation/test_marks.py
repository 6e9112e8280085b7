"""Which marks an item takes, what they are worth, and how exact numbers are written."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from evaluation.standard import check_mark, legal_marks, points_of, rounded, rounded_text, to_text
from tests.evaluation.documents import item, small

ITEMS = {
    "pass": item("1.1.1", kind="control", na="无此设施"),
    "pass without na": item("1.1.2", kind="control"),
    "full": item("1.1.3", mode="full", points=2.5, na="无此设施"),
    "tier": item("1.1.4", mode="tier", points=12, tiers=[{"points": p, "when": "档"} for p in (6, 9, 12)]),
    "sum": item("1.1.5", mode="sum", points=6, parts=[{"points": p, "when": "项"} for p in (1, 2, 3)]),
    "sum with gaps": item("1.1.6", mode="sum", points=9, parts=[{"points": p, "when": "项"} for p in (4, 5)]),
    "range": item("1.1.7", mode="range", points=2),
    "linear": item("1.1.8", mode="linear", points=4, linear={"zero_at": 0.2, "full_at": 0.8}),
}
VALUES: list[Any] = [
    True,
    False,
    "na",
    None,
    "",
    "true",
    "N/A",
    "9",
    [],
    {},
    0,
    1,
    2,
    2.5,
    3,
    4,
    4.5,
    5,
    6,
    7,
    9,
    12,
    -1,
    0.25,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    Decimal("2.50"),
    Decimal("NaN"),
    Fraction(5, 2),
    Fraction(1, 3),
]
NUMBERS = [value for value in VALUES if type(value) in {int, float, Decimal, Fraction}]
FINITE = [value for value in NUMBERS if isinstance(value, Fraction) or math.isfinite(value)]
LEGAL: dict[str, list[Any]] = {
    "pass": [True, False, "na", None],
    "pass without na": [True, False, None],
    "full": ["na", None, 0, 2.5],
    "tier": [None, 0, 6, 9, 12],
    "sum": [None, 0, 1, 2, 3, 4, 5, 6],
    "sum with gaps": [None, 0, 4, 5, 9],
    "range": [None, 0, 0.5, 1, 2],
    "linear": [None, *FINITE],
}


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("mode", ITEMS)
def test_a_mark_is_legal_exactly_where_the_format_says_so(mode: str, value: Any) -> None:
    standard = small(list(ITEMS.values()))
    problem = check_mark(standard.item(ITEMS[mode]["code"]), value)
    expected = any(value == legal and isinstance(value, bool) == isinstance(legal, bool) for legal in LEGAL[mode])
    assert (problem is None) == expected
    if problem:
        assert problem.place == ITEMS[mode]["code"]


@pytest.mark.parametrize(
    "mode, value, text",
    [
        ("pass", 1, '1.1.1 不能评 1，可填：true、false、"na"。'),
        ("pass without na", "na", "1.1.2 不允许“不适用”，可填：true、false。"),
        ("full", True, '1.1.3 不能评 true，可填：0、2.5、"na"。'),
        ("tier", 7, "1.1.4 不能评 7，可填：0、6、9、12。"),
        ("range", 2.5, "1.1.7 不能评 2.5，可填：0、0.5、…、2。"),
        ("linear", "many", "1.1.8 应填实测数字，不能是 'many'。"),
    ],
)
def test_a_mark_that_is_not_legal_is_refused_with_the_legal_values(mode: str, value: Any, text: str) -> None:
    standard = small(list(ITEMS.values()))
    problem = standard.check_mark(standard.item(ITEMS[mode]["code"]), value)
    assert problem is not None
    assert problem.text() == text


def test_the_legal_marks_of_an_item_say_which_buttons_to_draw() -> None:
    standard = small(list(ITEMS.values()))
    tiers, ranged = legal_marks(standard.item("1.1.4")), standard.legal_marks(standard.item("1.1.7"))
    assert (tiers.choices, tiers.highest, tiers.not_applicable) == ((0, 6, 9, 12), None, False)
    assert (ranged.choices, ranged.highest, ranged.step) == ((), 2, Fraction(1, 2))
    assert legal_marks(standard.item("1.1.1")).passes
    assert legal_marks(standard.item("1.1.8")).measured


@pytest.mark.parametrize(
    "zero_at, full_at, measured, points",
    [
        (20, 80, 20, 0),
        (20, 80, 80, 4),
        (20, 80, 50, 2),
        (20, 80, 5, 0),
        (20, 80, 99, 4),
        (80, 20, 80, 0),
        (80, 20, 20, 4),
        (80, 20, 35, 3),
        (80, 20, 99, 0),
        (80, 20, 0, 4),
    ],
)
def test_a_measured_number_earns_points_along_its_line(zero_at: int, full_at: int, measured: int, points: int) -> None:
    standard = small([item("1.1.1", mode="linear", points=4, linear={"zero_at": zero_at, "full_at": full_at})])
    assert points_of(standard.item("1.1.1"), Fraction(measured)) == points


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, digits, text",
    [
        (Fraction("88.065"), 2, "88.07"),
        (Fraction("88.0649999"), 2, "88.06"),
        (Fraction(1, 2), 0, "1"),
        (Fraction(3, 2), 0, "2"),
        (Fraction(5, 2), 0, "3"),
        (Fraction(-1, 2), 0, "0"),
        (Fraction(-3, 2), 0, "-1"),
        (Fraction(2, 3), 4, "0.6667"),
        (Fraction(100), 2, "100.00"),
        (Fraction(-1, 3), 2, "-0.33"),
    ],
)
def test_rounding_is_half_up(value: Fraction, digits: int, text: str) -> None:
    assert rounded_text(value, digits) == text
    assert rounded(value, digits) == Fraction(text)


@pytest.mark.parametrize(
    "value, text",
    [
        (Fraction(90), "90"),
        (Fraction(100), "100"),
        (Fraction(0), "0"),
        (Fraction(9, 2), "4.5"),
        (Fraction(1, 128), "0.0078125"),
        (Fraction(25, 3), "8.333333"),
        (Fraction(2, 3), "0.666667"),
        (Fraction(1, 30_000_000), "0"),
        (Fraction(-1, 4), "-0.25"),
        (Fraction(2_999_999_999, 3_000_000_000), "1"),
    ],
)
def test_a_fraction_is_written_exactly_where_its_decimal_ends_and_with_six_digits_where_not(
    value: Fraction, text: str
) -> None:
    assert to_text(value) == text
