"""From the outcomes of the items to total and level.

Hides the methods of a standard and the rule for levels. Arithmetic is exact to the end; the total is rounded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from evaluation.scoring.panel import FAILED, MET, NA, SCORED, ItemResult, Sheet, check_panel, check_sheets, join
from evaluation.scoring.result import NO_LEVEL_NAME, Cap, ChapterResult, Result, StageResult
from evaluation.standard import Chapter, Item, Level, Mark, Standard, rounded
from portal.problems import Problem, Refused, gettext_noop

ZERO = Fraction(0)


def evaluate(
    standard: Standard, stage: str, sheets: Iterable[Sheet], *, panel: bool = True, check_marks: bool = True
) -> Result:
    """Return the result of one stage. Under `stage_mix` that is the stage's own ratio plus its bonus.

    panel: False switches off the quorum and the odd number, for a single sheet. check_marks: False takes any
    number as a mark, for what-if figures. Raises Refused with everything that is wrong at once.
    """
    outcome, problems = _stage_result(standard, stage, tuple(sheets), panel, check_marks)
    if outcome is None or problems:
        raise Refused(problems)
    return _conclude(standard, (outcome,))


def self_score(standard: Standard, stage: str, marks: Mapping[str, Mark], *, check_marks: bool = True) -> Result:
    """Return what an applicant's own marks 自评 come to; every item must have one. Raises Refused as ``evaluate``."""
    return evaluate(standard, stage, [Sheet("", False, marks)], panel=False, check_marks=check_marks)


def evaluate_stages(
    standard: Standard, stages: Mapping[str, Iterable[Sheet]], *, panel: bool = True, check_marks: bool = True
) -> Result:
    """Return the result over several stages under `stage_mix`. stages: stage code -> sheets, for each weighted stage.

    Raises Refused with everything that is wrong in any stage at once; ValueError where the standard mixes no stages.
    """
    weights = standard.scoring.stage_weight
    if standard.scoring.method != "stage_mix":
        raise ValueError(f"{standard.code} does not mix stages")
    problems: list[Problem] = []
    for stage in weights:
        if stage not in stages:
            message = gettext_noop("缺少阶段“%(stage)s”的评分表。")
            problems.append(Problem("stage_missing", stage, message, {"stage": stage}))
    outcomes: list[StageResult] = []
    for stage, sheets in stages.items():
        outcome, found = _stage_result(standard, stage, tuple(sheets), panel, check_marks)
        problems.extend(
            Problem(problem.code, f"{stage} {problem.place}".strip(), problem.message, problem.params)
            for problem in found
        )
        if outcome:
            outcomes.append(outcome)
    if problems:
        raise Refused(problems)
    order = [stage.code for stage in standard.stages]
    whole = sum(weights.values(), ZERO)
    mixed = [_weighted(outcome, weights.get(outcome.stage, ZERO) / whole) for outcome in outcomes]
    return _conclude(standard, tuple(sorted(mixed, key=lambda outcome: order.index(outcome.stage))))


def _weighted(outcome: StageResult, weight: Fraction) -> StageResult:
    return StageResult(outcome.stage, weight, outcome.won, outcome.applicable, outcome.bonus, outcome.items)


# --- one stage ----------------------------------------------------------------------------------------------------


def _stage_result(
    standard: Standard, stage: str, sheets: Sequence[Sheet], panel: bool, check_marks: bool
) -> tuple[StageResult | None, list[Problem]]:
    problems = _check_stage(standard, stage)
    if problems:
        return None, problems
    problems = check_sheets(standard, stage, sheets, check_marks=check_marks)
    if panel:
        problems += check_panel(standard.scoring.panel, len(sheets))
    elif not sheets:
        problems.append(Problem("no_sheet", "", gettext_noop("没有评分表。")))
    illegal = {problem.params.get("item") for problem in problems}
    items = standard.items(stage)
    results: dict[str, ItemResult] = {}
    for item in items if sheets else ():
        outcome = join(item, sheets, standard.scoring.panel) if item.code not in illegal else None
        if outcome is not None:
            results[item.code] = outcome
        elif item.code not in illegal:
            message = gettext_noop("条目 %(item)s 没有任何评分。")
            problems.append(Problem("unmarked", item.code, message, {"item": item.code}))
    if not problems:
        problems = _check_applicable(standard, stage, items, results)
    return (None if problems else _summed(stage, items, results)), problems


def _check_stage(standard: Standard, stage: str) -> list[Problem]:
    known = {entry.code for entry in standard.scored_stages}
    if stage in known:
        return []
    message = gettext_noop("没有计分的阶段“%(stage)s”，可用：%(legal)s。")
    return [Problem("unknown_stage", "", message, {"stage": stage[:60], "legal": "、".join(sorted(known))})]


def _check_applicable(
    standard: Standard, stage: str, items: Sequence[Item], results: Mapping[str, ItemResult]
) -> list[Problem]:
    """A ratio over nothing does not exist: neither without points nor, where chapters are weighed, without weight."""
    scoring = standard.scoring
    counting = [item for item in items if item.kind == "scored" and results[item.code].full]
    if scoring.method == "weighted_ratio":
        counting = [item for item in counting if standard.chapter_of(item.code).weight.get(stage)]
    if counting or scoring.method == "pass_all":
        return []
    message = gettext_noop("没有适用且占权重的评分项，算不出总分。")
    return [Problem("nothing_applicable", "", message)]


def _summed(stage: str, items: Sequence[Item], results: Mapping[str, ItemResult]) -> StageResult:
    scored = [results[item.code] for item in items if item.kind == "scored"]
    return StageResult(
        stage=stage,
        weight=Fraction(1),
        won=sum((result.won for result in scored), ZERO),
        applicable=sum((result.full for result in scored), ZERO),
        bonus=sum((results[item.code].won for item in items if item.kind == "bonus"), ZERO),
        items=results,
    )


# --- all stages together ------------------------------------------------------------------------------------------


def _conclude(standard: Standard, stages: tuple[StageResult, ...]) -> Result:
    scoring = standard.scoring
    chapters = _chapters(standard, stages)
    present = {chapter.code for chapter in chapters}
    raw = sum((stage.bonus for stage in stages), ZERO)
    bonus = min(raw, scoring.bonus_cap)
    exact_total = None if scoring.method == "pass_all" else _ratio(scoring.method, stages, chapters) + bonus
    total = None if exact_total is None else rounded(exact_total, scoring.digits)
    items = _merged(standard, stages)
    caps = _caps(standard, items)
    level = _level(standard, total, chapters, items)
    heaviest = scoring.max_na_ratio
    ordinary = [chapter.code for chapter in standard.chapters if not chapter.is_bonus]
    return Result(
        total=total,
        exact_total=exact_total,
        digits=scoring.digits,
        level=level.level if level else 0,
        level_name=level.name if level else NO_LEVEL_NAME,
        bonus=bonus,
        bonus_raw=raw,
        chapters=chapters,
        without_part=tuple(code for code in ordinary if code not in present),
        na_heavy=tuple(entry.code for entry in chapters if heaviest is not None and entry.na_ratio > heaviest),
        caps=caps,
        items=items,
        stages=stages,
    )


def _ratio(method: str, stages: Sequence[StageResult], chapters: Sequence[ChapterResult]) -> Fraction:
    """Return the total before the bonus: of the chapters by weight, or of each stage's points by the stage's share."""
    if method == "weighted_ratio":
        return sum(((chapter.weight or ZERO) * chapter.ratio for chapter in chapters), ZERO)
    return sum((stage.weight * 100 * stage.won / stage.applicable for stage in stages), ZERO)


def _chapters(standard: Standard, stages: Sequence[StageResult]) -> tuple[ChapterResult, ...]:
    found: list[tuple[Chapter, Fraction, Fraction, Fraction]] = []
    for chapter in standard.chapters:
        pairs = [
            (item, stage.items[item.code])
            for stage in stages
            for item in chapter.items(stage.stage)
            if item.kind == "scored"
        ]
        applicable = sum((result.full for _, result in pairs), ZERO)
        if applicable:
            won = sum((result.won for _, result in pairs), ZERO)
            points = sum((item.points for item, _ in pairs), ZERO)
            found.append((chapter, won, applicable, (points - applicable) / points))
    weighs = standard.scoring.method == "weighted_ratio"
    weights = [chapter.weight.get(stages[0].stage, ZERO) if weighs else ZERO for chapter, *_ in found]
    whole = sum(weights, ZERO)
    return tuple(
        ChapterResult(chapter.code, weight / whole if weighs else None, won, applicable, na_ratio)
        for (chapter, won, applicable, na_ratio), weight in zip(found, weights, strict=True)
    )


def _merged(standard: Standard, stages: Sequence[StageResult]) -> dict[str, ItemResult]:
    """Return the items of all stages in the order of the document; points of one item at two stages add up."""
    if len(stages) == 1:
        return dict(stages[0].items)
    merged: dict[str, ItemResult] = {}
    for chapter in standard.chapters:
        for section in chapter.sections:
            for item in section.items:
                results = [stage.items[item.code] for stage in stages if item.code in stage.items]
                if results:
                    merged[item.code] = _together(results)
    return merged


def _together(results: Sequence[ItemResult]) -> ItemResult:
    states = {result.state for result in results}
    state = next(state for state in (FAILED, MET, SCORED, NA) if state in states)
    points = [result.points for result in results if result.points is not None]
    return ItemResult(
        code=results[0].code,
        state=state,
        points=sum(points, ZERO) if points else None,
        full=sum((result.full for result in results), ZERO),
        marks={},
        spread=None,
        flagged=any(result.flagged for result in results),
    )


# --- levels -------------------------------------------------------------------------------------------------------


def _caps(standard: Standard, items: Mapping[str, ItemResult]) -> tuple[Cap, ...]:
    """Controls not met, and scored items without a point, hold the level below the one they bind from."""
    return tuple(
        Cap(code, from_level)
        for code, result in items.items()
        if (from_level := standard.item(code).from_level) is not None and (result.state == FAILED or result.points == 0)
    )


@dataclass(frozen=True, slots=True)
class Lack:
    """What keeps a result from one level. chapters: codes of those below its floor; items: codes of what binds it."""

    level: Level
    below_total: bool
    chapters: tuple[str, ...]
    items: tuple[str, ...]

    @property
    def reached(self) -> bool:
        """Nothing is lacking."""
        return not (self.below_total or self.chapters or self.items)


def lacks(standard: Standard, result: Result) -> tuple[Lack, ...]:
    """Return for every level, from the lowest, what the result lacks for it; the highest that lacks nothing is its level."""
    return tuple(_lack(standard, level, result.total, result.chapters, result.items) for level in standard.levels)


def _lack(
    standard: Standard,
    level: Level,
    total: Fraction | None,
    chapters: Sequence[ChapterResult],
    items: Mapping[str, ItemResult],
) -> Lack:
    scored = total is not None
    return Lack(
        level=level,
        below_total=total is not None and total < level.min_total,
        chapters=tuple(chapter.code for chapter in chapters if scored and chapter.ratio < level.min_chapter),
        items=tuple(code for code, item in items.items() if _binds(standard.item(code), item, level.level)),
    )


def _binds(item: Item, result: ItemResult, level: int) -> bool:
    """A control that is not met, or an item with ``from_level`` that won nothing, from the level on that it names."""
    if item.from_level is None:
        return result.state == FAILED
    return item.from_level <= level and (result.state == FAILED or result.points == 0)


def _level(
    standard: Standard,
    total: Fraction | None,
    chapters: Sequence[ChapterResult],
    items: Mapping[str, ItemResult],
) -> Level | None:
    found = [_lack(standard, level, total, chapters, items) for level in standard.levels]
    return max((lack.level for lack in found if lack.reached), key=lambda level: level.level, default=None)
