"""Marks that reach a level: what an applicant claims and what experts then think of it. The same seed gives the same marks.

Hides how a level is met exactly: items that bind only higher levels are lost on purpose, the rest is won well enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from random import Random
from typing import Any

from evaluation import scoring
from evaluation.standard import Item, Standard, legal_marks

# level that is wanted -> share of the points that an item wins at least, first try
LOWEST = {0: 0.3, 1: 0.5, 2: 0.65, 3: 0.85}
STEP = 0.05


def self_marks(standard: Standard, stage: str, level: int, random: Random) -> dict[str, Any]:
    """A legal mark for every item with which the stage reaches exactly ``level`` (as far as the document allows)."""
    lowest = LOWEST.get(level, 0.85)
    while True:
        marks = {item.code: _claim(item, level, lowest, random) for item in standard.items(stage)}
        if level == 0 or lowest >= 1 or reached(standard, stage, marks) >= level:
            return marks
        lowest += STEP


def reached(standard: Standard, stage: str, marks: Mapping[str, Any]) -> int:
    """The level of one sheet alone."""
    return scoring.self_score(standard, stage, marks).level


def _claim(item: Item, level: int, lowest: float, random: Random) -> Any:
    share = random.uniform(min(lowest, 1), 1)
    beyond = item.from_level is not None and item.from_level > level
    if item.mode == "pass":
        return not beyond
    if beyond:
        return 0
    if item.kind == "bonus" and random.random() < 0.6:
        return 0
    if item.not_applicable and random.random() < 0.15:
        return "na"
    return nearest_above(item, share)


def nearest_above(item: Item, share: float) -> int | float:
    """The lowest legal mark worth at least ``share`` of the item's points."""
    legal = legal_marks(item)
    if legal.choices:
        wanted = Fraction(share) * item.points
        return plain(next(mark for mark in legal.choices if mark >= wanted))
    if legal.highest is not None and legal.step is not None:
        steps = -(-Fraction(share) * legal.highest // legal.step)
        return plain(min(steps * legal.step, legal.highest))
    assert item.linear is not None  # noqa: S101  the last of the ways in which marks are legal
    return plain(item.linear.zero_at + Fraction(round(share * 20), 20) * (item.linear.full_at - item.linear.zero_at))


def plain(number: Fraction) -> int | float:
    """The same number as JSON writes it."""
    return int(number) if number.denominator == 1 else float(number)


def expert_mark(item: Item, claim: Any, random: Random, strictness: float = 0.15) -> Any:
    """What an expert gives for a claim: mostly the same, sometimes one legal step less."""
    if not isinstance(claim, int | float) or isinstance(claim, bool) or claim == 0 or random.random() >= strictness:
        return claim
    legal = legal_marks(item)
    if legal.choices:
        return plain(max(mark for mark in legal.choices if mark < Fraction(claim)))
    if legal.step is not None:
        return plain(Fraction(claim) - legal.step)
    return claim


def reason(item: Item, value: Any) -> str:
    """Words that a sheet needs beside some marks."""
    if value == "na":
        return f"示例：{item.not_applicable}，经核对属实。"
    if value is False:
        return "示例：提交的材料未能证明满足本条。"
    if item.mode == "range" or value == 0:
        return "示例：按材料的完整程度与可操作性酌定。"
    return ""
