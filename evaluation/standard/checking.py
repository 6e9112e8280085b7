"""What a whole document must mean beyond its shape, and the one list of everything that is checked.

Hides the order of the rules: shape first, then codes, items, weights, scoring, levels; a rule is silent about values
whose shape was already refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from evaluation.standard import item_rules
from evaluation.standard.draft import Draft, Found
from evaluation.standard.item_rules import code_of
from evaluation.standard.places import Path, Report
from evaluation.standard.shapes import DOCUMENT, check
from evaluation.standard.structure import item_of_tie_break
from portal.problems import Problem, gettext_noop

TOLERANCE = Fraction(1, 10_000)


def check_document(document: object, report: Report) -> list[Problem]:
    """Return everything that is wrong with a document, in the order of the file; nothing means that it is sound."""
    check(DOCUMENT, document, (), report)
    if isinstance(document, dict):
        draft = Draft(document, report)
        for rule in RULES:
            rule(draft)
    return report.problems


# --- codes --------------------------------------------------------------------------------------------------------


def duplicates(draft: Draft) -> None:
    """Codes are given once each; a document code once in all stages, because files are kept under it."""
    documents = [document for stage in draft.stages for document in draft.members(stage, "documents")]
    sections = [section for _, section in draft.sections]
    _once(draft, draft.stages, "code", "duplicate_stage_code", gettext_noop("阶段编号“%(code)s”重复。"))
    _once(draft, documents, "code", "duplicate_document_code", gettext_noop("申报材料编号“%(code)s”重复。"))
    _once(draft, draft.chapters, "num", "duplicate_chapter_num", gettext_noop("章号“%(code)s”重复。"))
    _once(draft, draft.chapters, "code", "duplicate_chapter_code", gettext_noop("章的代码“%(code)s”重复。"))
    _once(draft, sections, "num", "duplicate_section_num", gettext_noop("节号“%(code)s”重复。"))
    _once(draft, draft.items, "code", "duplicate_item_code", gettext_noop("条目编号“%(code)s”重复。"))
    eligibility = list(draft.members(draft.root, "eligibility"))
    _once(draft, eligibility, "code", "duplicate_eligibility_code", gettext_noop("申报条件编号“%(code)s”重复。"))
    support = list(draft.members(draft.root, "selection", "support"))
    _once(draft, support, "code", "duplicate_support_code", gettext_noop("支持措施编号“%(code)s”重复。"))


def _once(draft: Draft, records: Iterable[Found], key: str, code: str, message: str) -> None:
    seen: set[str] = set()
    for record in records:
        value = draft.get(record, key)
        if value is not None and str(value) in seen:
            draft.report.add(code, (*record.path, key), message, code=value)
            draft.report.mark_flawed((*record.path, key))
        seen.add(str(value))


def numbering(draft: Draft) -> None:
    """A section's number extends its chapter's, an item's code its section's."""
    for chapter, section in draft.sections:
        num, parent = draft.get(section, "num"), draft.get(chapter, "num")
        if num is not None and parent is not None and not _extends(num, parent):
            message = gettext_noop("节号“%(num)s”没有接在章号“%(parent)s”之后。")
            draft.report.add("section_not_in_chapter", (*section.path, "num"), message, num=num, parent=str(parent))
            draft.report.mark_flawed((*section.path, "num"))
    for item in draft.items:
        code, parent = draft.get(item, "code"), draft.get(item.section, "num")
        if code is not None and parent is not None and not _extends(code, parent):
            message = gettext_noop("条目编号“%(code)s”没有接在节号“%(parent)s”之后。")
            draft.report.add("item_not_in_section", (*item.path, "code"), message, code=code, parent=parent)


def _extends(code: str, parent: object) -> bool:
    tail = code.removeprefix(f"{parent}.")
    return tail != code and tail != "" and "." not in tail


# --- stages and chapters ------------------------------------------------------------------------------------------


def bonus_chapters(draft: Draft) -> None:
    """A bonus chapter has no weight and no scored item, because neither would ever count."""
    for chapter in draft.chapters:
        if draft.get(chapter, "is_bonus") is not True:
            continue
        weight = draft.get(chapter, "weight")
        if isinstance(weight, dict) and any(weight.values()):
            message = gettext_noop("加分章不占权重，各阶段应为 0。")
            draft.report.add("bonus_chapter_with_weight", (*chapter.path, "weight"), message)
    for item in draft.items:
        if item.chapter.source.get("is_bonus") is True and draft.kind(item) == "scored":
            message = gettext_noop("%(item)s：加分章里不能有评分项。")
            draft.report.add("scored_in_bonus_chapter", (*item.path, "kind"), message, item=code_of(item))


def weights(draft: Draft) -> None:
    """The weights of a stage over the chapters that are no bonus are all 0, or they sum to 1."""
    stages = set(draft.stage_codes)
    for chapter in draft.chapters if draft.stages_are_known() else ():
        weight = chapter.source.get("weight")
        for stage in weight if isinstance(weight, dict) else ():
            if stage not in stages:
                path = (*chapter.path, "weight", stage)
                draft.report.add("unknown_stage", path, gettext_noop("没有阶段“%(stage)s”。"), stage=stage[:60])
                draft.report.mark_flawed(path)
    ordinary = [chapter for chapter in draft.chapters if chapter.source.get("is_bonus") is not True]
    if any(draft.get(chapter, "weight") is None for chapter in draft.chapters):
        return
    for stage in dict.fromkeys(draft.stage_codes):
        total = sum((draft.number(chapter, "weight", stage) or Fraction(0) for chapter in ordinary), Fraction(0))
        if total and abs(total - 1) > TOLERANCE:
            message = gettext_noop("阶段“%(stage)s”各章权重合计 %(sum)s，应为 1（或全部为 0）。")
            draft.report.add("weights_not_one", ("chapters",), message, stage=stage, sum=str(float(total)))


def scored_stages(draft: Draft) -> None:
    """There is a stage to score, and each has what its total is made of."""
    whole = not any(stage.path in draft.report.flawed for stage in draft.stages)
    if whole and draft.stages and not draft.scored_stages():
        draft.report.add("no_scored_stage", ("stages",), gettext_noop("至少要有一个计分的阶段。"))
    if draft.method() in {None, "pass_all"}:
        return
    for stage in draft.scored_stages():
        code = str(stage.source.get("code"))
        chapters = {
            item.chapter.path: item.chapter
            for item in draft.items
            if draft.kind(item) == "scored" and code in (draft.get(item, "stages") or ())
        }
        _has_total(draft, stage, code, list(chapters.values()))


def _has_total(draft: Draft, stage: Found, code: str, chapters: list[Found]) -> None:
    if not chapters and not any(item.path in draft.report.flawed for item in draft.items):
        message = gettext_noop("阶段“%(stage)s”没有评分项，算不出总分。")
        draft.report.add("stage_without_scored_items", (*stage.path, "code"), message, stage=code)
    elif draft.method() == "weighted_ratio":
        listed = [draft.get(chapter, "weight") for chapter in chapters]
        if chapters and None not in listed and not any(weight.get(code) for weight in listed):
            message = gettext_noop("阶段“%(stage)s”有评分项的各章权重都是 0，算不出总分。")
            draft.report.add("stage_without_weight", ("chapters",), message, stage=code)


# --- scoring, levels, selection -----------------------------------------------------------------------------------


def scoring(draft: Draft) -> None:
    """The scoring section has what its method and its way of joining sheets need."""
    found = draft.section("scoring")
    if found is None:
        return
    if draft.method() not in {None, "pass_all"}:
        _needs(draft, found, "bonus_cap")
        _needs(draft, found, "round")
    panel = draft.section("scoring", "panel")
    if panel and draft.get(panel, "aggregate") == "trimmed_mean":
        _needs(draft, panel, "trim_when_at_least")
    if draft.method() == "stage_mix":
        _needs(draft, found, "stage_weight")
    _stage_weight(draft, found)


def _needs(draft: Draft, found: Found, key: str) -> None:
    if key not in found.source and not draft.is_excused(found, key):
        draft.report.add("missing_key", found.path, gettext_noop("缺少 %(key)s。"), key=key)


def _stage_weight(draft: Draft, found: Found) -> None:
    values = draft.get(found, "stage_weight")
    if not isinstance(values, dict):
        return
    scored = [stage.source.get("code") for stage in draft.scored_stages()]
    strange = [stage for stage in values if stage not in scored and draft.stages_are_known()]
    for stage in strange:
        path: Path = (*found.path, "stage_weight", stage)
        draft.report.add("unknown_stage", path, gettext_noop("没有计分的阶段“%(stage)s”。"), stage=stage[:60])
    total = sum((draft.number(found, "stage_weight", stage) or Fraction(0) for stage in values), Fraction(0))
    if not strange and abs(total - 1) > TOLERANCE:
        message = gettext_noop("各阶段权重合计 %(sum)s，应为 1。")
        draft.report.add("stage_weights_not_one", (*found.path, "stage_weight"), message, sum=str(float(total)))


def outcome(draft: Draft) -> None:
    """A document either has levels, which ascend from 1, or a selection, which needs a total to rank by."""
    given = [key for key in ("levels", "selection") if key in draft.root.source or draft.is_excused(draft.root, key)]
    if not given:
        draft.report.add("missing_key", (), gettext_noop("缺少 %(key)s。"), key="levels | selection")
    elif len(given) == 2:
        message = gettext_noop("等级（levels）与遴选（selection）只能有其一。")
        draft.report.add("levels_and_selection", ("selection",), message)
    elif draft.method() == "pass_all" and given == ["selection"]:
        message = gettext_noop("pass_all 没有总分，不能遴选。")
        draft.report.add("selection_without_total", ("selection",), message)


def levels(draft: Draft) -> None:
    """Levels count 1, 2, 3, … and never ask for less than the level below."""
    found = list(draft.members(draft.root, "levels"))
    for level in found if draft.method() not in {None, "pass_all"} else ():
        _needs(draft, level, "min_total")
        _needs(draft, level, "min_chapter")
    ascending = True
    for lower, upper in zip(found, found[1:], strict=False):
        number, below = draft.get(upper, "level"), draft.get(lower, "level")
        pairs = [(draft.number(lower, key), draft.number(upper, key)) for key in ("min_total", "min_chapter")]
        falls = any(low is not None and high is not None and high < low for low, high in pairs)
        if falls or (number is not None and below is not None and number <= below):
            ascending = False
            message = gettext_noop("等级须从低到高排列，且门槛不低于前一等级。")
            draft.report.add("levels_not_ascending", (*upper.path, "level"), message)
    numbers = [draft.get(level, "level") for level in found]
    if ascending and None not in numbers and numbers != list(range(1, len(numbers) + 1)):
        message = gettext_noop("等级须从 1 起连续编号，现为：%(found)s。")
        draft.report.add("levels_not_counted", ("levels",), message, found="、".join(map(str, numbers)))


def tie_break(draft: Draft) -> None:
    """Each tie-break entry names exactly one item."""
    entries = draft.get(draft.root, "selection", "tie_break")
    items = {str(item.source.get("code")): str(item.source.get("name")) for item in draft.items}
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if len(item_of_tie_break(entry, items)) != 1:
            message = gettext_noop("“%(entry)s”应当恰好指一个条目（写条目编号、名称，或名称加“得分”）。")
            draft.report.add("tie_break_unclear", ("selection", "tie_break", position), message, entry=entry[:60])


RULES: tuple[Callable[[Draft], None], ...] = (
    duplicates,
    numbering,
    item_rules.names,
    item_rules.stages,
    item_rules.marks,
    item_rules.levels,
    bonus_chapters,
    weights,
    scored_stages,
    scoring,
    outcome,
    levels,
    tie_break,
)
