"""Standard documents and mark sheets for the tests of this app: the three samples, and small ones made to measure."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.scoring import Result, Sheet, evaluate_stages
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


def share_mark(entry: Item, share: Fraction) -> Mark:
    """Return the mark that earns a share of an item's points, whether or not it is legal."""
    if entry.linear is not None:
        return entry.linear.zero_at + share * (entry.linear.full_at - entry.linear.zero_at)
    return share * entry.points


def full_marks(standard: Standard, stage: str, share: Fraction = Fraction(1)) -> dict[str, Mark]:
    """Every control met, every scored item at a share of its points, no bonus."""
    by_kind = {"control": lambda _: True, "scored": lambda entry: share_mark(entry, share), "bonus": lambda _: 0}
    return {entry.code: by_kind[entry.kind](entry) for entry in standard.items(stage)}


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


HEAD = {
    "code": "SMALL",
    "name": "小标准",
    "version": "1",
    "kind": "smart_community",
    "is_official": False,
    "notice": "测试用",
}
ENUMS = {
    "item_kind": {"control": "控制项", "scored": "评分项", "bonus": "加分项"},
    "mode": {mode: mode for mode in ("pass", "full", "tier", "sum", "range", "linear")},
    "evidence": {"paper": "文件"},
    "domain": {"any": "任意"},
}
LEVELS = [
    {"level": 1, "name": "一级", "min_total": 60, "min_chapter": 0},
    {"level": 2, "name": "二级", "min_total": 80, "min_chapter": 50},
]
PANEL = {"aggregate": "mean", "control_rule": "two_thirds", "quorum": 1, "odd_only": False}
SCORING = {"method": "sum_ratio", "bonus_cap": 5, "round": {"digits": 2, "rule": "half_up"}}


def chapters_of(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return chapters and sections around items: the first part of an item's code is its chapter."""
    chapters: dict[str, dict[str, Any]] = {}
    sections: dict[str, dict[str, Any]] = {}
    for entry in items:
        number, part, _ = entry["code"].split(".")
        chapter = {"num": int(number), "code": f"C{number}", "name": f"章{number}", "weight": {}, "sections": []}
        chapter = chapters.setdefault(number, chapter)
        num = f"{number}.{part}"
        if num not in sections:
            sections[num] = {"num": num, "name": f"节{num}", "items": []}
            chapter["sections"].append(sections[num])
        sections[num]["items"].append(entry)
    return list(chapters.values())


def small_document(items: list[dict[str, Any]], **scoring: Any) -> dict[str, Any]:
    """Return a whole document around items. scoring: keys to replace; ``panel`` is merged into the default one."""
    panel = PANEL | scoring.pop("panel", {})
    document = {
        "schema_version": 1,
        "standard": HEAD,
        "enums": ENUMS,
        "stages": [{"code": "only", "name": "唯一阶段", "scored": True, "documents": []}],
        "scoring": {**SCORING, "panel": panel, **scoring},
        "levels": LEVELS,
        "chapters": chapters_of(items),
    }
    return deepcopy(document)


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


def panel_of(standard: Standard, stage: str, share: Fraction, **changes: Mark) -> list[Sheet]:
    marks = full_marks(standard, stage, share) | {code.strip("i").replace("_", "."): m for code, m in changes.items()}
    return sheets(*[marks] * 5)


def mixed(paper: Fraction, defence: Fraction, **changes: Mark) -> Result:
    standard = sample("innovation")
    stages = {"defence": panel_of(standard, "defence", defence), "paper": panel_of(standard, "paper", paper, **changes)}
    return evaluate_stages(standard, stages, check_marks=False)
