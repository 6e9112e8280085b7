"""What own marks come to, what holds the next level back, and the cheapest way to each higher level.

Hides how the rules for levels become thresholds of a search. A better mark is advised, never "not applicable": that
is a fact about the community. Hence an item that is N/A stays so, and every denominator is fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from evaluation.scoring.cheapest import Choice, Group, cheapest
from evaluation.scoring.panel import FAILED, NA, SCORED
from evaluation.scoring.result import Result
from evaluation.scoring.totals import self_score
from evaluation.standard import NOT_APPLICABLE, Item, Level, Mark, Standard, legal_marks, points_of

ZERO = Fraction(0)
# A measured number is advised in twentieths of the way from no points to all: finer advice nobody could build to.
MEASURED_STEPS = 20


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing between a result and a level.

    kind: "control" (an item that must be met), "no_points" (an item that must win something), "chapter" (its ratio is
    too low), "total" (the total is too low) or "unmarked". items: the items it is about; chapter: code, "" for none.
    reached, wanted: total or chapter ratio, in hundredths; short: what is missing, as points of the total, or for a
    chapter as points of its items.
    """

    kind: str
    items: tuple[str, ...] = ()
    chapter: str = ""
    reached: Fraction = ZERO
    wanted: Fraction = ZERO
    short: Fraction = ZERO


@dataclass(frozen=True, slots=True)
class Step:
    """One change. mark: what the item must get; gained: points above what it wins now, 0 for a control."""

    item: str
    mark: Mark
    gained: Fraction


@dataclass(frozen=True, slots=True)
class Way:
    """The cheapest way to a level. steps: in the order of the document, None where no marks reach it.

    best: the total with every applicable item at its best; None where the standard has no total. exact: False where
    a standard allows so many different sums that the points are only nearly the fewest; the items always are.
    """

    level: Level
    steps: tuple[Step, ...] | None
    best: Fraction | None
    exact: bool = True

    @property
    def gained(self) -> Fraction:
        """All points gained."""
        return sum((step.gained for step in self.steps or ()), ZERO)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where own marks stand. result: with everything unmarked lost; if_won: with everything unmarked won.

    unmarked: item codes; following: the next level, None at the top; ways: one for each higher level, ascending.
    """

    result: Result
    if_won: Result
    unmarked: tuple[str, ...]
    following: Level | None
    holds_back: tuple[Hindrance, ...]
    ways: tuple[Way, ...]

    @property
    def cheapest(self) -> Way | None:
        """The cheapest way to the next level, None at the top."""
        return self.ways[0] if self.ways else None


def forecast(standard: Standard, stage: str, marks: Mapping[str, Mark]) -> Forecast:
    """Return the forecast of one stage from an applicant's own marks.

    marks: item code -> legal mark; None or left out: unmarked, which counts as lost. Raises Refused as ``self_score``
    does: for marks that are not legal and where nothing is applicable.
    """
    items = standard.items(stage)
    unmarked = tuple(item.code for item in items if marks.get(item.code) is None)
    lost = {code: _worst(standard.item(code)) for code in unmarked}
    won = {code: _best(standard.item(code)) for code in unmarked}
    result = self_score(standard, stage, {**marks, **lost})
    if_won = self_score(standard, stage, {**marks, **won}) if unmarked else result
    higher = tuple(level for level in standard.levels if level.level > result.level)
    reach = _Reach.of(standard, items, result)
    return Forecast(
        result=result,
        if_won=if_won,
        unmarked=unmarked,
        following=higher[0] if higher else None,
        holds_back=_hindrances(standard, result, unmarked, higher[0]) if higher else (),
        ways=tuple(_way(standard, reach, level) for level in higher),
    )


def hindrances(standard: Standard, found: Forecast, level: Level) -> tuple[Hindrance, ...]:
    """What holds one level back, which may lie beyond the next; nothing where it is reached."""
    if level.level <= found.result.level:
        return ()
    return _hindrances(standard, found.result, found.unmarked, level)


def _worst(item: Item) -> Mark:
    if item.mode == "pass":
        return False
    return item.linear.zero_at if item.linear else 0


def _best(item: Item) -> Mark:
    if item.mode == "pass":
        return True
    return item.linear.full_at if item.linear else item.points


# --- what holds back ----------------------------------------------------------------------------------------------


def _must(standard: Standard, result: Result, level: Level) -> list[str]:
    """Controls that fail and items without a point that keep the level from being reached, in document order."""
    caps = {cap.item for cap in result.caps if cap.below <= level.level}
    return [
        code
        for code, item in result.items.items()
        if code in caps or (item.state == FAILED and standard.item(code).from_level is None)
    ]


def _hindrances(standard: Standard, result: Result, unmarked: tuple[str, ...], level: Level) -> tuple[Hindrance, ...]:
    found = [
        Hindrance("control" if result.items[code].state == FAILED else "no_points", (code,))
        for code in _must(standard, result, level)
        if code not in unmarked
    ]
    if result.total is not None:
        for chapter in result.chapters:
            if chapter.ratio < level.min_chapter:
                short = level.min_chapter * chapter.applicable / 100 - chapter.won
                found.append(Hindrance("chapter", (), chapter.code, chapter.ratio, level.min_chapter, short))
        if result.total < level.min_total:
            short = level.min_total - result.total
            found.append(Hindrance("total", (), "", result.total, level.min_total, short))
    if unmarked:
        found.append(Hindrance("unmarked", unmarked))
    return tuple(found)


# --- the cheapest way ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reach:
    """What could still be won, in whole numbers.

    better: item code -> (points gained, mark) ascending; unit: whole points per point; scale: whole totals per
    hundredth of the total; rates: chapter code -> whole total per whole point; best: the highest total there is.
    """

    items: tuple[Item, ...]
    result: Result
    better: Mapping[str, tuple[tuple[Fraction, Mark], ...]]
    unit: int
    scale: int
    rates: Mapping[str, int]
    best: Fraction | None

    @classmethod
    def of(cls, standard: Standard, items: tuple[Item, ...], result: Result) -> _Reach:
        better = {item.code: _better(item, result) for item in items if result.items[item.code].state == SCORED}
        gains = [gained for choices in better.values() for gained, _ in choices]
        unit = lcm(*(number.denominator for number in gains))
        rates = {chapter.code: _rate(standard, result, chapter.code) for chapter in result.chapters}
        # Whole too: a point of bonus, and half of the last digit of a total.
        cap = standard.scoring.bonus_cap - result.bonus
        fractions = [rate / unit for rate in rates.values()]
        fractions += [Fraction(1, unit), Fraction(1, 2 * 10**result.digits), result.exact_total or ZERO, cap]
        scale = lcm(*(number.denominator for number in fractions))
        whole = {code: int(rate * scale / unit) for code, rate in rates.items()}
        return cls(items, result, better, unit, scale, whole, _best_total(standard, items, result))


def _rate(standard: Standard, result: Result, code: str) -> Fraction:
    """How much of the total one point of a chapter's items is."""
    if result.total is None:
        return ZERO
    if standard.scoring.method == "weighted_ratio":
        chapter = next(chapter for chapter in result.chapters if chapter.code == code)
        return 100 * (chapter.weight or ZERO) / chapter.applicable
    return Fraction(100) / sum((stage.applicable for stage in result.stages), ZERO)


def _better(item: Item, result: Result) -> tuple[tuple[Fraction, Mark], ...]:
    """The marks that win more than an item wins now, the least first."""
    won = result.items[item.code].won
    legal = legal_marks(item)
    if item.linear:
        way = (item.linear.full_at - item.linear.zero_at) / MEASURED_STEPS
        numbers = [item.linear.zero_at + way * step for step in range(1, MEASURED_STEPS + 1)]
    elif legal.highest is not None and legal.step is not None:
        numbers = [legal.step * step for step in range(int(legal.highest / legal.step) + 1)]
    else:
        numbers = list(legal.choices)
    return tuple((gained, number) for number in numbers if (gained := points_of(item, number) - won) > 0)


def _way(standard: Standard, reach: _Reach, level: Level) -> Way:
    must = _must(standard, reach.result, level)
    groups = [_chapter_group(standard, reach, level, code, must) for code in reach.rates]
    groups.append(_bonus_group(standard, reach))
    found = cheapest(groups, _threshold(reach, level))
    if found is None:
        return Way(level, None, reach.best)
    steps = tuple(
        _step(reach, position, found.gains.get(position))
        for position, item in enumerate(reach.items)
        if position in found.gains or (item.kind == "control" and item.code in must)
    )
    return Way(level, steps, reach.best, found.exact)


def _step(reach: _Reach, position: int, gain: int | None) -> Step:
    item = reach.items[position]
    if gain is None:
        return Step(item.code, True, ZERO)
    gained = Fraction(gain, reach.unit)
    return Step(item.code, dict(reach.better[item.code])[gained], gained)


def _threshold(reach: _Reach, level: Level) -> int:
    """What the exact total must gain so that, rounded half-up, it is the level's: whole totals, below 0 for none."""
    total, digits = reach.result.exact_total, reach.result.digits
    if total is None:
        return 0
    last = -(-level.min_total * 10**digits // 1)
    return int(((last - Fraction(1, 2)) / 10**digits - total) * reach.scale)


def _chapter_group(standard: Standard, reach: _Reach, level: Level, code: str, must: list[str]) -> Group:
    chapter = next(chapter for chapter in reach.result.chapters if chapter.code == code)
    floor = ZERO
    if reach.result.total is not None:
        floor = (level.min_chapter * chapter.applicable / 100 - chapter.won) * reach.unit
    return Group(
        _choices(reach, must, lambda item: item.kind == "scored" and standard.chapter_of(item.code).code == code),
        max(0, -int(-floor // 1)),
        lambda points, rate=reach.rates[code]: points * rate,  # type: ignore[misc]
    )


def _bonus_group(standard: Standard, reach: _Reach) -> Group:
    raw, cap = reach.result.bonus_raw, standard.scoring.bonus_cap
    point, room = reach.scale // reach.unit, int((cap - reach.result.bonus) * reach.scale)
    counts = reach.result.total is not None and raw < cap
    return Group(
        _choices(reach, [], lambda item: item.kind == "bonus") if counts else (),
        0,
        lambda points: min(points * point, room),
    )


def _choices(reach: _Reach, must: list[str], belongs: Callable[[Item], bool]) -> tuple[Choice, ...]:
    return tuple(
        Choice(position, tuple(int(gained * reach.unit) for gained, _ in reach.better[item.code]), item.code in must)
        for position, item in enumerate(reach.items)
        if belongs(item) and reach.better.get(item.code)
    )


def _best_total(standard: Standard, items: tuple[Item, ...], result: Result) -> Fraction | None:
    if result.total is None:
        return None
    marks = {item.code: NOT_APPLICABLE if result.items[item.code].state == NA else _best(item) for item in items}
    return self_score(standard, result.stages[0].stage, marks).total
