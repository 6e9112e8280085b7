"""Standard documents and mark sheets for the tests of this app: the three samples, and small ones made to measure."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.scoring import Sheet
from evaluation.standard import Item, Mark, Standard, from_document, parse, problems_of

FOLDER = Path(__file__).resolve().parents[2] / "evaluation" / "standards"
SAMPLES = ("innovation", "smart-community", "smart-property")


def source(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def sample(name: str) -> Standard:
    return parse(source(name), f"{name}.yaml")


def document_of(name: str) -> dict[str, Any]:
    return deepcopy(sample(name).document)


def standard_of(document: dict[str, Any]) -> Standard:
    """Return the standard of a document after making sure that nothing is wrong with it."""
    assert problems_of(document) == []
    return from_document(document)


def full_mark(item: Item) -> Mark:
    if item.linear is not None:
        return item.linear.full_at
    return True if item.kind == "control" else item.points


def full_marks(standard: Standard, stage: str, share: Fraction = Fraction(1)) -> dict[str, Mark]:
    """Every control met, every scored item at a share of its points, no bonus."""
    return {
        item.code: full_mark(item) if item.kind == "control" else share * item.points if item.kind == "scored" else 0
        for item in standard.items(stage)
    }


def item(code: str, kind: str = "scored", mode: str = "range", points: float = 10, **more: Any) -> dict[str, Any]:
    """Return an item as a document has it; more: na, from_level, tiers, parts, linear, stages, ev …"""
    stages = more.get("stages", ["only"])
    entry: dict[str, Any] = {"code": code, "name": f"条目{code}", "kind": kind, "mode": mode, "stages": stages}
    entry |= {"dom": "any", "req": "要求", "ev": {stage: ["paper"] for stage in stages}}
    if kind == "control":
        entry["mode"] = "pass"
    else:
        entry["points"] = points
    return entry | more


def small_document(items: list[dict[str, Any]], **scoring: Any) -> dict[str, Any]:
    """Return a whole document around items. The first part of an item's code is its chapter, with equal weights.

    scoring: keys of the scoring section to replace; ``panel`` is merged into the default one.
    """
    panel = {"aggregate": "mean", "control_rule": "two_thirds", "quorum": 1, "odd_only": False}
    panel |= scoring.pop("panel", {})
    chapters: dict[str, dict[str, Any]] = {}
    for entry in items:
        chapter, section, _ = entry["code"].split(".")
        made = chapters.setdefault(
            chapter, {"num": int(chapter), "code": f"C{chapter}", "name": f"章{chapter}", "weight": {}, "sections": []}
        )
        num = f"{chapter}.{section}"
        if not any(known["num"] == num for known in made["sections"]):
            made["sections"].append({"num": num, "name": f"节{num}", "items": []})
        next(known for known in made["sections"] if known["num"] == num)["items"].append(entry)
    kinds = {"control": "控制项", "scored": "评分项", "bonus": "加分项"}
    modes = ("pass", "full", "tier", "sum", "range", "linear")
    return {
        "schema_version": 1,
        "standard": {
            "code": "SMALL",
            "name": "小标准",
            "version": "1",
            "kind": "smart_community",
            "is_official": False,
            "notice": "测试用",
        },
        "enums": {
            "item_kind": kinds,
            "mode": {mode: mode for mode in modes},
            "evidence": {"paper": "文件"},
            "domain": {"any": "任意"},
        },
        "stages": [{"code": "only", "name": "唯一阶段", "scored": True, "documents": []}],
        "scoring": {
            "method": "sum_ratio",
            "bonus_cap": 5,
            "round": {"digits": 2, "rule": "half_up"},
            "panel": panel,
            **scoring,
        },
        "levels": [
            {"level": 1, "name": "一级", "min_total": 60, "min_chapter": 0},
            {"level": 2, "name": "二级", "min_total": 80, "min_chapter": 50},
        ],
        "chapters": list(chapters.values()),
    }


def small(items: list[dict[str, Any]], **scoring: Any) -> Standard:
    return standard_of(small_document(items, **scoring))


def sheets(*marks: dict[str, Mark], leader: int | None = None) -> list[Sheet]:
    """Return one sheet per mapping of marks, by scorers E0, E1, …; leader: whose sheet is the leader's."""
    return [Sheet(f"E{position}", position == leader, given) for position, given in enumerate(marks)]


def variants(value: Any, strange: Any) -> Iterator[Any]:
    """Yield the value with each of its parts in turn replaced by something strange."""
    yield strange
    if isinstance(value, dict):
        for key in value:
            yield from ({**value, key: changed} for changed in variants(value[key], strange))
    elif isinstance(value, list):
        for position, member in enumerate(value):
            before, after = value[:position], value[position + 1 :]
            yield from ([*before, changed, *after] for changed in variants(member, strange))
