"""From the sheets of a panel to one outcome per item, exactly.

Hides abstaining, voting "not applicable", the rules for controls and the ways of joining numbers. Nothing here knows
chapters or totals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from evaluation.standard import NOT_APPLICABLE, Item, Mark, Panel, Standard, check_mark, exact, points_of
from portal.problems import Problem, gettext_noop

SCORED, MET, FAILED, NA = "scored", "met", "failed", "na"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The marks 评分表 of one scorer at one stage. marks: item code -> mark; a code left out is an abstention."""

    scorer: str
    leader: bool
    marks: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What a panel made of one item.

    state: "scored", "met", "failed" or "na". points: won, None for controls and for N/A. full: the points that count
    as applicable, 0 for controls and N/A. marks: scorer -> mark as entered. spread: highest minus lowest points, None
    below two numbers. flagged: the spread is beyond the panel's alert.
    """

    code: str
    state: str
    points: Fraction | None
    full: Fraction
    marks: Mapping[str, Mark]
    spread: Fraction | None
    flagged: bool

    @property
    def won(self) -> Fraction:
        """The points won, 0 where there are none to win."""
        return self.points or Fraction(0)


def check_sheets(standard: Standard, stage: str, sheets: Sequence[Sheet], *, check_marks: bool) -> list[Problem]:
    """Return what is wrong with the sheets themselves: scorers, leaders, foreign items, marks that are not legal."""
    problems: list[Problem] = []
    scorers = [sheet.scorer for sheet in sheets]
    for scorer in dict.fromkeys(name for name in scorers if scorers.count(name) > 1):
        message = gettext_noop("评分人“%(scorer)s”有多份评分表。")
        problems.append(Problem("duplicate_scorer", scorer, message, {"scorer": scorer}))
    leaders = [sheet.scorer for sheet in sheets if sheet.leader]
    if len(leaders) > 1:
        message = gettext_noop("组长只能有一名，现有：%(leaders)s。")
        problems.append(Problem("several_leaders", "", message, {"leaders": "、".join(leaders)}))
    items = {item.code: item for item in standard.items(stage)}
    for sheet in sheets:
        problems.extend(_check_sheet(items, sheet, check_marks))
    return problems


def _check_sheet(items: Mapping[str, Item], sheet: Sheet, check_marks: bool) -> Iterable[Problem]:
    for code, mark in sheet.marks.items():
        place = f"{sheet.scorer} {code}".strip()
        item = items.get(code)
        if item is None:
            message = gettext_noop("这一阶段没有条目“%(item)s”。")
            yield Problem("item_not_in_stage", place, message, {"item": code[:60]})
        elif check_marks and (problem := check_mark(item, mark)):
            yield replace(problem, place=place)


def check_panel(panel: Panel, count: int) -> list[Problem]:
    """Return what is wrong with the number of sheets: below the quorum, or even where it must be odd."""
    problems: list[Problem] = []
    if count < panel.quorum:
        message = gettext_noop("评分表只有 %(count)s 份，至少要 %(quorum)s 份。")
        problems.append(Problem("below_quorum", "", message, {"count": count, "quorum": panel.quorum}))
    if panel.odd_only and count and count % 2 == 0:
        message = gettext_noop("评分表有 %(count)s 份，须为单数。")
        problems.append(Problem("even_panel", "", message, {"count": count}))
    return problems


def join(item: Item, sheets: Sequence[Sheet], panel: Panel) -> ItemResult | None:
    """Return the outcome of one item; None where nobody marked it.

    sheets: in any order. Marks must be legal, or at least be true, false, "na", null or a number.
    """
    cast = [(sheet, mark) for sheet in sheets if (mark := sheet.marks.get(item.code)) is not None]
    votes = [(sheet, mark) for sheet, mark in cast if mark != NOT_APPLICABLE]
    marks = {sheet.scorer: sheet.marks.get(item.code) for sheet in sheets}
    if item.not_applicable and 2 * (len(cast) - len(votes)) > len(cast):
        return ItemResult(item.code, NA, None, Fraction(0), marks, None, False)
    if not votes:
        return None
    if item.kind == "control":
        state = MET if _is_met(panel.control_rule, [mark is True for _, mark in votes]) else FAILED
        return ItemResult(item.code, state, None, Fraction(0), marks, None, False)
    numbers = [(sheet.leader, points_of(item, _number(item, mark))) for sheet, mark in votes]
    return _joined(item, numbers, marks, panel)


def _number(item: Item, mark: Mark) -> Fraction:
    number = exact(mark)
    if number is None:
        raise TypeError(f"{item.code}: {mark!r} is not a number")
    return number


def _joined(
    item: Item, numbers: Sequence[tuple[bool, Fraction]], marks: Mapping[str, Mark], panel: Panel
) -> ItemResult:
    points = sorted(number for _, number in numbers)
    spread = points[-1] - points[0] if len(points) > 1 else None
    alert = panel.deviation_alert
    flagged = alert is not None and spread is not None and spread > alert * item.points
    leaders = [number for leader, number in numbers if leader]
    won = leaders[0] if panel.aggregate == "consensus" and leaders else AGGREGATES[panel.aggregate](points, panel)
    return ItemResult(item.code, SCORED, won, item.points, marks, spread, flagged)


def _is_met(rule: str, votes: Sequence[bool]) -> bool:
    trues = sum(votes)
    if rule == "two_thirds":
        return 3 * trues >= 2 * len(votes)
    return 2 * trues > len(votes) if rule == "majority" else trues == len(votes)


def _mean(points: Sequence[Fraction], panel: Panel) -> Fraction:
    return sum(points, Fraction(0)) / len(points)


def _trimmed_mean(points: Sequence[Fraction], panel: Panel) -> Fraction:
    least = panel.trim_when_at_least
    return _mean(points[1:-1] if least is not None and len(points) >= least else points, panel)


def _median(points: Sequence[Fraction], panel: Panel) -> Fraction:
    middle = len(points) // 2
    return points[middle] if len(points) % 2 else (points[middle - 1] + points[middle]) / 2


# Points come in ascending. Under consensus this is what is left where the leader gave no number.
AGGREGATES: Mapping[str, Callable[[Sequence[Fraction], Panel], Fraction]] = {
    "mean": _mean,
    "trimmed_mean": _trimmed_mean,
    "median": _median,
    "consensus": _mean,
}
