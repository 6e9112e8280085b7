"""The receipt of a decision: everything needed to compute a result again, and nobody's name.

Hides the shape of the receipt, and how experts become roles. The roles are numbered by what stands on the sheets alone,
never by seats, of which a notice tells the names in their order; whoever knows the fields of a panel may still guess from
what a sheet leaves to others whose it is (docs/decisions/0024).

docs/recompute.py was written from the format of standards, knows none of this, and must come to the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from evaluation.scoring.panel import ItemResult
from evaluation.scoring.result import Result, StageResult
from evaluation.scoring.totals import Lack, lacks
from evaluation.standard import NOT_APPLICABLE, Item, Panel, Standard, canonical, rounded_text, sha256_of

FORMAT = "decision-receipt-1"
ROLE = "专家"  # and a number; a receipt reads the same in every language
Sheets = Sequence[Mapping[str, Any]]


def receipt(
    standard: Standard, stages: Mapping[str, Sheets], result: Result, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the receipt of a result, ready for JSON; hand it out as ``canonical_bytes`` writes it.

    stages: stage -> its sheets ({"leader", "marks", …}), of which nothing but these two is told. about: what was decided
    of whom, for people to read; must be JSON. Every number of the result is exact, as "29/3"; only its total is rounded.
    """
    told = {stage: _told(sheets) for stage, sheets in stages.items()}
    made: dict[str, Any] = {
        "format": FORMAT,
        "about": dict(about),
        "standard": {
            "code": standard.code,
            "version": standard.version,
            "sha256": sha256_of(standard.document),
            "document": standard.document,
        },
        "stages": {stage.stage: _stage(standard, stage, told[stage.stage]) for stage in result.stages},
        "result": _result(standard, result),
    }
    return made | {"sha256": hashlib.sha256(canonical(made)).hexdigest()}


def canonical_bytes(made: Mapping[str, Any]) -> bytes:
    """Return the one file that a receipt is: canonical JSON in UTF-8 and a line feed."""
    return canonical(dict(made)) + b"\n"


def _told(sheets: Sheets) -> list[dict[str, Any]]:
    """The sheets under roles: no name, no number, no reason, no note; in an order that the marks alone give."""
    bare = [{"leader": sheet["leader"], "marks": dict(sheet["marks"])} for sheet in sheets]
    return [{"scorer": f"{ROLE}{place}", **sheet} for place, sheet in enumerate(sorted(bare, key=canonical), 1)]


def _stage(standard: Standard, stage: StageResult, sheets: Sheets) -> dict[str, Any]:
    panel = standard.scoring.panel
    return {
        "weight": str(stage.weight),
        "won": str(stage.won),
        "applicable": str(stage.applicable),
        "bonus": str(stage.bonus),
        "items": {code: _item(standard.item(code), row, sheets, panel) for code, row in stage.items.items()},
        "sheets": list(sheets),
    }


def _item(item: Item, row: ItemResult, sheets: Sheets, panel: Panel) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "state": row.state,
        "points": _fraction(row.points),
        "full": str(row.full),
        "by": _way(item, row.state, sheets, panel),
    }


def _way(item: Item, state: str, sheets: Sheets, panel: Panel) -> str:
    """By which rule the panel came to its outcome: where the standard's own could not be followed, the one in its place."""
    if state == "na":
        return "na"
    if item.kind == "control":
        return panel.control_rule
    cast = [(sheet["leader"], sheet["marks"].get(item.code)) for sheet in sheets]
    numbers = [leader for leader, mark in cast if mark not in (None, NOT_APPLICABLE)]
    if panel.aggregate == "consensus":
        return "leader" if any(numbers) else "mean"
    least = panel.trim_when_at_least
    enough = panel.aggregate != "trimmed_mean" or (least is not None and len(numbers) >= least)
    return panel.aggregate if enough else "mean"


def _result(standard: Standard, result: Result) -> dict[str, Any]:
    return {
        "total": None if result.total is None else rounded_text(result.total, result.digits),
        "exact_total": _fraction(result.exact_total),
        "bonus": str(result.bonus),
        "bonus_raw": str(result.bonus_raw),
        "level": result.level,
        "levels": {str(lack.level.level): _lack(lack) for lack in lacks(standard, result)},
        "chapters": {
            chapter.code: {
                "won": str(chapter.won),
                "applicable": str(chapter.applicable),
                "ratio": str(chapter.ratio),
                "weight": _fraction(chapter.weight),
            }
            for chapter in result.chapters
        },
    }


def _lack(lack: Lack) -> dict[str, Any]:
    return {
        "name": lack.level.name,
        "reached": lack.reached,
        "below_total": lack.below_total,
        "chapters": list(lack.chapters),
        "items": list(lack.items),
    }


def _fraction(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
