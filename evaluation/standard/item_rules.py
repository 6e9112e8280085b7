"""What the items of a document must mean beyond their shape: names, stages, evidence, marks, levels.

Hides nothing but the rules themselves; each looks at the whole draft and reports everything it finds.
"""

from __future__ import annotations

from fractions import Fraction

from evaluation.standard.draft import Draft, FoundItem
from evaluation.standard.shapes import KINDS, MODES
from portal.problems import gettext_noop

FIELD_OF_MODE = {"tier": "tiers", "sum": "parts", "linear": "linear"}


def names(draft: Draft) -> None:
    """Kind, mode, expert's field and evidence are names that the engine knows and the document declares."""
    for item in draft.items:
        for key, enum, known in (("kind", "item_kind", KINDS), ("mode", "mode", MODES), ("dom", "domain", None)):
            name = draft.get(item, key)
            if isinstance(name, str):
                _name(draft, item, (key,), name, _declared(draft, enum, known))
        evidence = item.source.get("ev")
        for stage, codes in evidence.items() if isinstance(evidence, dict) else ():
            for position, name in enumerate(codes if isinstance(codes, list) else ()):
                if isinstance(name, str) and name.strip():
                    _name(draft, item, ("ev", stage, position), name, draft.names("evidence"))


def _declared(draft: Draft, enum: str, known: tuple[str, ...] | None) -> tuple[str, ...] | None:
    declared = draft.names(enum)
    if known is None:
        return declared
    return known if declared is None else tuple(name for name in known if name in declared)


def _name(
    draft: Draft, item: FoundItem, keys: tuple[str | int, ...], name: str, declared: tuple[str, ...] | None
) -> None:
    if declared is not None and name not in declared:
        message = gettext_noop("%(item)s：%(key)s 不认识“%(value)s”，可用：%(legal)s。")
        values = {"item": code_of(item), "key": keys[0], "value": name[:60], "legal": "、".join(declared)}
        draft.report.add("unknown_name", (*item.path, *keys), message, **values)


def code_of(item: FoundItem) -> str:
    """Return what to call an item in a message, even where its code is missing."""
    return str(item.source.get("code") or item.source.get("name") or "?")[:60]


def stages(draft: Draft) -> None:
    """An item's stages are stages of the document, named once, and each of them names evidence."""
    for item in draft.items if draft.stages_are_known() else ():
        listed = draft.get(item, "stages")
        if isinstance(listed, list):
            _listed_stages(draft, item, listed)
            if all(stage in draft.stage_codes for stage in listed):
                _evidence_stages(draft, item, listed)


def _listed_stages(draft: Draft, item: FoundItem, listed: list[str]) -> None:
    for position, stage in enumerate(listed):
        path = (*item.path, "stages", position)
        values = {"item": code_of(item), "stage": stage[:60]}
        if stage not in draft.stage_codes:
            draft.report.add("unknown_stage", path, gettext_noop("%(item)s：没有阶段“%(stage)s”。"), **values)
        elif stage in listed[:position]:
            draft.report.add("duplicate_stage", path, gettext_noop("%(item)s：阶段“%(stage)s”写了两次。"), **values)


def _evidence_stages(draft: Draft, item: FoundItem, listed: list[str]) -> None:
    evidence = item.source.get("ev")
    if not isinstance(evidence, dict):
        return
    foreign = [stage for stage in evidence if stage not in listed]
    for stage in foreign:
        message = gettext_noop("%(item)s：佐证写在“%(stage)s”下，而该条不适用于这一阶段。")
        draft.report.add("evidence_of_other_stage", (*item.path, "ev", stage), message, item=code_of(item), stage=stage)
    if foreign:
        return
    for stage in dict.fromkeys(listed):
        if evidence.get(stage, []) == []:
            message = gettext_noop("%(item)s：阶段“%(stage)s”没有佐证。")
            draft.report.add("stage_without_evidence", (*item.path, "ev"), message, item=code_of(item), stage=stage)


def marks(draft: Draft) -> None:
    """Points, tiers, parts and lines fit the kind and the mode."""
    for item in draft.items:
        kind, mode = draft.kind(item), draft.mode(item)
        if kind is None or mode is None:
            continue
        if (kind == "control") != (mode == "pass"):
            message = gettext_noop("%(item)s：控制项的计分方式只能是 pass，评分项与加分项不能是 pass。")
            draft.report.add("mode_of_other_kind", (*item.path, "mode"), message, item=code_of(item))
        elif kind == "control":
            _control(draft, item)
        else:
            _fields(draft, item, mode)
            _points(draft, item, mode)


def _control(draft: Draft, item: FoundItem) -> None:
    for key in ("points", *FIELD_OF_MODE.values()):
        if key in item.source:
            message = gettext_noop("%(item)s：控制项不计分，不能有 %(key)s。")
            draft.report.add("control_with_points", (*item.path, key), message, item=code_of(item), key=key)


def _fields(draft: Draft, item: FoundItem, mode: str) -> None:
    wanted = FIELD_OF_MODE.get(mode)
    for key in ("points", wanted):
        if key and key not in item.source and not draft.is_excused(item, key):
            message = gettext_noop("%(item)s：缺少 %(key)s。")
            draft.report.add("missing_key", item.path, message, item=code_of(item), key=key)
    for key in FIELD_OF_MODE.values():
        if key != wanted and key in item.source:
            message = gettext_noop("%(item)s：计分方式 %(mode)s 不用 %(key)s。")
            values = {"item": code_of(item), "mode": mode, "key": key}
            draft.report.add("field_of_other_mode", (*item.path, key), message, **values)


def _points(draft: Draft, item: FoundItem, mode: str) -> None:
    points = draft.number(item, "points")
    if points is None:
        return
    if points == 0:
        message = gettext_noop("%(item)s：评分项与加分项的满分须大于零。")
        draft.report.add("points_not_positive", (*item.path, "points"), message, item=code_of(item))
    elif mode == "tier":
        _tiers(draft, item, points)
    elif mode == "sum":
        _parts(draft, item, points)
    elif mode == "linear":
        _linear(draft, item)
    elif mode == "range" and (2 * points).denominator != 1:
        message = gettext_noop("%(item)s：酌情评分以 0.5 为一级，满分须是 0.5 的倍数。")
        draft.report.add("points_not_in_steps", (*item.path, "points"), message, item=code_of(item))


def _steps(draft: Draft, item: FoundItem, key: str) -> list[Fraction]:
    """Return the points of all tiers or parts, or nothing where one of them is not sound."""
    if not isinstance(draft.get(item, key), list):
        return []
    return [points for step in draft.members(item, key) if (points := draft.number(step, "points")) is not None]


def _tiers(draft: Draft, item: FoundItem, points: Fraction) -> None:
    steps = _steps(draft, item, "tiers")
    if steps and max(steps) != points:
        message = gettext_noop("%(item)s：最高一档 %(best)s 分，不等于满分 %(points)s 分。")
        values = {"item": code_of(item), "best": str(max(steps)), "points": str(points)}
        draft.report.add("best_tier_not_points", (*item.path, "tiers"), message, **values)


def _parts(draft: Draft, item: FoundItem, points: Fraction) -> None:
    steps = _steps(draft, item, "parts")
    if steps and sum(steps) != points:
        message = gettext_noop("%(item)s：各分项合计 %(sum)s 分，不等于满分 %(points)s 分。")
        values = {"item": code_of(item), "sum": str(sum(steps)), "points": str(points)}
        draft.report.add("parts_not_points", (*item.path, "parts"), message, **values)


def _linear(draft: Draft, item: FoundItem) -> None:
    zero_at, full_at = draft.number(item, "linear", "zero_at"), draft.number(item, "linear", "full_at")
    if zero_at is not None and zero_at == full_at:
        message = gettext_noop("%(item)s：零分与满分不能在同一个数上。")
        draft.report.add("line_without_length", (*item.path, "linear"), message, item=code_of(item))


def levels(draft: Draft) -> None:
    """``from_level`` names a level of the document, on a control or scored item."""
    known = _known_levels(draft)
    for item in draft.items if known is not None else ():
        from_level = draft.get(item, "from_level")
        if from_level is None:
            continue
        path = (*item.path, "from_level")
        if from_level not in (known or ()):
            message = gettext_noop("%(item)s：没有等级 %(level)s。")
            draft.report.add("unknown_level", path, message, item=code_of(item), level=from_level)
        elif draft.kind(item) == "bonus":
            message = gettext_noop("%(item)s：加分项不能约束等级。")
            draft.report.add("bonus_binds_level", path, message, item=code_of(item))


def _known_levels(draft: Draft) -> list[int] | None:
    """Return the numbers of the levels, none for a selection; None where they are themselves in doubt."""
    found = draft.get(draft.root, "levels")
    if isinstance(found, list):
        numbers = [level["level"] for level in found]
        return numbers if numbers == list(range(1, len(numbers) + 1)) else None
    return [] if "levels" not in draft.root.source and "selection" in draft.root.source else None
