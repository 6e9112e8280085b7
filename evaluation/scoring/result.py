"""A result 结果 with all its reasons, and how it is written down.

Hides the JSON that is stored with a decision and printed by ``manage.py score``. A result holds exact fractions; only
``total`` has been rounded, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evaluation.scoring.panel import FAILED, NA, ItemResult
from evaluation.standard import Mark, exact, rounded_text, to_text
from portal.problems import gettext_noop

NO_LEVEL_NAME = gettext_noop("未达标")


@dataclass(frozen=True, slots=True)
class ChapterResult:
    """One chapter with applicable scored items. weight: its share after scaling, None where the method has none.

    ratio: 100 * won / applicable; na_ratio: the share of its points that is not applicable.
    """

    code: str
    weight: Fraction | None
    won: Fraction
    applicable: Fraction
    na_ratio: Fraction

    @property
    def ratio(self) -> Fraction:
        """Won points per hundred applicable ones, not rounded."""
        return 100 * self.won / self.applicable


@dataclass(frozen=True, slots=True)
class Cap:
    """An item that keeps the level below ``below``."""

    item: str
    below: int


@dataclass(frozen=True, slots=True)
class StageResult:
    """The items of one stage. weight: the stage's share under `stage_mix`, else 1."""

    stage: str
    weight: Fraction
    won: Fraction
    applicable: Fraction
    bonus: Fraction
    items: Mapping[str, ItemResult]


@dataclass(frozen=True, slots=True)
class Result:
    """What the sheets come to under a standard.

    total: rounded, None under `pass_all`; exact_total: before rounding; bonus: after the cap, bonus_raw: before.
    chapters: those that take part; without_part: codes of the others; na_heavy: chapters whose N/A share needs words.
    items: over all stages together; stages: each stage by itself.
    """

    total: Fraction | None
    exact_total: Fraction | None
    digits: int
    level: int
    level_name: str
    bonus: Fraction
    bonus_raw: Fraction
    chapters: tuple[ChapterResult, ...]
    without_part: tuple[str, ...]
    na_heavy: tuple[str, ...]
    caps: tuple[Cap, ...]
    items: Mapping[str, ItemResult]
    stages: tuple[StageResult, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Control items that are not met."""
        return tuple(code for code, item in self.items.items() if item.state == FAILED)

    @property
    def na(self) -> tuple[str, ...]:
        """Items that are not applicable."""
        return tuple(code for code, item in self.items.items() if item.state == NA)

    @property
    def flagged(self) -> tuple[str, ...]:
        """Items on which the marks lie too far apart."""
        return tuple(code for code, item in self.items.items() if item.flagged)

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON with numbers as text; under `stage_mix` with each stage besides."""
        document: dict[str, Any] = {
            "total": None if self.total is None else rounded_text(self.total, self.digits),
            "level": self.level,
            "level_name": self.level_name,
            "bonus": to_text(self.bonus),
            "chapters": {chapter.code: _chapter_json(chapter) for chapter in self.chapters},
            "failed": list(self.failed),
            "caps": [{"item": cap.item, "below": cap.below} for cap in self.caps],
            "na": list(self.na),
            "flagged": list(self.flagged),
            "items": _items_json(self.items.values()),
        }
        if len(self.stages) > 1:
            document["stages"] = {stage.stage: _stage_json(stage) for stage in self.stages}
        return document

    def as_trace(self) -> dict[str, Any]:
        """Return ``as_json`` with every mark, weight and spread, so that a reader can recompute the result by hand.

        Exact numbers are written as fractions ("1283/15").
        """
        document = self.as_json()
        document["exact_total"] = None if self.exact_total is None else str(self.exact_total)
        document["bonus_raw"] = to_text(self.bonus_raw)
        document["without_part"] = list(self.without_part)
        document["na_heavy"] = list(self.na_heavy)
        for chapter in self.chapters:
            weight = None if chapter.weight is None else str(chapter.weight)
            document["chapters"][chapter.code] |= {"weight": weight, "na_ratio": rounded_text(chapter.na_ratio, 4)}
        document["stages"] = {
            stage.stage: _stage_json(stage) | {"weight": str(stage.weight), "items": _items_trace(stage.items.values())}
            for stage in self.stages
        }
        return document


def _chapter_json(chapter: ChapterResult) -> dict[str, str]:
    return {
        "ratio": rounded_text(chapter.ratio, 4),
        "won": to_text(chapter.won),
        "applicable": to_text(chapter.applicable),
    }


def _points_json(item: ItemResult) -> dict[str, str | None]:
    return {"points": None if item.points is None else to_text(item.points), "state": item.state}


def _items_json(items: Iterable[ItemResult]) -> dict[str, dict[str, str | None]]:
    return {item.code: _points_json(item) for item in items}


def _stage_json(stage: StageResult) -> dict[str, Any]:
    return {
        "ratio": rounded_text(100 * stage.won / stage.applicable, 4) if stage.applicable else None,
        "won": to_text(stage.won),
        "applicable": to_text(stage.applicable),
        "bonus": to_text(stage.bonus),
        "items": _items_json(stage.items.values()),
    }


def _items_trace(items: Iterable[ItemResult]) -> dict[str, dict[str, Any]]:
    return {
        item.code: {
            **_points_json(item),
            "full": to_text(item.full),
            "spread": None if item.spread is None else to_text(item.spread),
            "marks": {scorer: _mark_json(mark) for scorer, mark in sorted(item.marks.items())},
        }
        for item in items
    }


def _mark_json(mark: Mark) -> bool | str | None:
    if isinstance(mark, int | float | Decimal | Fraction) and not isinstance(mark, bool):
        number = exact(mark)
        return str(mark) if number is None else to_text(number)
    return mark
