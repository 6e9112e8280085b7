"""A standard in memory: frozen, every number an exact fraction, every item found by its code.

Hides how a stored document is laid out. ``from_document`` trusts its input: it is for documents that ``parse`` has
accepted (and for what was stored because of that). Anything else may end in a KeyError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from evaluation.standard.items import (
    Item,
    LegalMarks,
    Linear,
    Mark,
    Part,
    Tier,
    check_mark,
    countable_marks,
    legal_marks,
)
from evaluation.standard.numbers import exact
from portal.problems import Problem

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StageDocument:
    """One document 申报材料 that an application of a stage hands in. forms: accepted forms, e.g. ("pdf", "dwg")."""

    code: str
    name: str
    required: bool
    forms: tuple[str, ...]
    seal: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage 阶段. award: what a passed stage earns, "" for nothing."""

    code: str
    name: str
    scored: bool
    award: str
    documents: tuple[StageDocument, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """One level 星级/等级: the total and the ratio of every chapter it asks for, in hundredths."""

    level: int
    name: str
    min_total: Fraction
    min_chapter: Fraction


@dataclass(frozen=True, slots=True)
class Section:
    """One section 节."""

    num: str
    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter 章. weight: stage -> share of the total; a bonus chapter has no share."""

    num: str
    code: str
    name: str
    weight: Mapping[str, Fraction]
    is_bonus: bool
    sections: tuple[Section, ...]

    def items(self, stage: str) -> Iterator[Item]:
        """Yield the items of one stage in the order of the document."""
        return (item for section in self.sections for item in section.items if stage in item.stages)


@dataclass(frozen=True, slots=True)
class Panel:
    """How the sheets of several experts become one number per item. deviation_alert: share of an item's points."""

    aggregate: str
    control_rule: str
    quorum: int
    odd_only: bool
    trim_when_at_least: int | None
    deviation_alert: Fraction | None


@dataclass(frozen=True, slots=True)
class Scoring:
    """How points become a total. digits: decimals of the total; max_na_ratio: per chapter, above it words are due."""

    method: str
    bonus_cap: Fraction
    digits: int
    panel: Panel
    stage_weight: Mapping[str, Fraction]
    max_na_ratio: Fraction | None


@dataclass(frozen=True, slots=True)
class Selection:
    """How applications of one call are chosen instead of levelled. tie_break: item codes in order."""

    min_total: Fraction
    quota: int
    shortlist_ratio: Fraction | None
    per_district_max: int | None
    per_district_min_best_effort: int | None
    tie_break: tuple[str, ...]
    support: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Eligibility:
    """One condition that an applicant meets before applying. check: who or what finds out."""

    code: str
    rule: str
    check: str


@dataclass(frozen=True, slots=True)
class Standard:
    """One frozen version of a standard 评价标准. enums: item_kind, mode, evidence, domain -> code -> Chinese label."""

    code: str
    name: str
    version: str
    kind: str
    is_official: bool
    notice: str
    enums: Mapping[str, Mapping[str, str]]
    stages: tuple[Stage, ...]
    scoring: Scoring
    levels: tuple[Level, ...]
    selection: Selection | None
    chapters: tuple[Chapter, ...]
    eligibility: tuple[Eligibility, ...]
    survey: Mapping[str, Any] | None
    scenario_fields: tuple[str, ...]
    scenario_areas: tuple[str, ...]
    document: Document = field(repr=False, compare=False)
    _places: Mapping[str, tuple[Chapter, Section, Item]] = field(repr=False, compare=False)
    _by_stage: Mapping[str, tuple[Item, ...]] = field(repr=False, compare=False)

    def stage(self, code: str) -> Stage:
        """Return a stage; KeyError where there is none of that code."""
        for stage in self.stages:
            if stage.code == code:
                return stage
        raise KeyError(code)

    @property
    def scored_stages(self) -> tuple[Stage, ...]:
        """The stages at which experts give marks."""
        return tuple(stage for stage in self.stages if stage.scored)

    @property
    def domains(self) -> Mapping[str, str]:
        """The experts' fields 专业: code -> Chinese label."""
        return self.enums["domain"]

    def items(self, stage: str) -> tuple[Item, ...]:
        """Return the items of one stage in the order of the document; none for an unknown stage."""
        return self._by_stage.get(stage, ())

    def item(self, code: str) -> Item:
        """Return an item; KeyError where there is none of that code."""
        return self._places[code][2]

    def has_item(self, code: str) -> bool:
        """Say whether any stage has an item of that code."""
        return code in self._places

    def legal_marks(self, item: Item) -> LegalMarks:
        """Return what may be entered for an item."""
        return legal_marks(item)

    def check_mark(self, item: Item, value: Mark) -> Problem | None:
        """Return what is wrong with a mark for an item, naming the legal ones; None where it is legal."""
        return check_mark(item, value)

    def chapter_of(self, code: str) -> Chapter:
        """Return the chapter of an item; KeyError where there is no such item."""
        return self._places[code][0]

    def section_of(self, code: str) -> Section:
        """Return the section of an item; KeyError where there is no such item."""
        return self._places[code][1]


def _fraction(value: object) -> Fraction:
    number = exact(value)
    if number is None:
        raise TypeError(f"not a number: {value!r}")
    return number


def _optional(value: object) -> Fraction | None:
    return None if value is None else _fraction(value)


def _fractions(values: Mapping[str, object]) -> dict[str, Fraction]:
    return {name: _fraction(value) for name, value in values.items()}


def _item(source: Document) -> Item:
    points = _fraction(source.get("points", 0))
    tiers = tuple(Tier(_fraction(tier["points"]), tier["when"]) for tier in source.get("tiers", ()))
    parts = tuple(Part(_fraction(part["points"]), part["when"]) for part in source.get("parts", ()))
    linear = source.get("linear")
    return Item(
        code=source["code"],
        name=source["name"],
        kind=source["kind"],
        mode=source["mode"],
        points=points,
        stages=tuple(source["stages"]),
        domain=source["dom"],
        requirement=source["req"],
        tiers=tiers,
        parts=parts,
        linear=Linear(_fraction(linear["zero_at"]), _fraction(linear["full_at"])) if linear else None,
        evidence={stage: tuple(codes) for stage, codes in source["ev"].items()},
        not_applicable=source.get("na", ""),
        from_level=source.get("from_level"),
        legal=countable_marks(source["mode"], points, tiers, parts),
    )


def _chapter(source: Document) -> Chapter:
    return Chapter(
        num=str(source["num"]),
        code=source["code"],
        name=source["name"],
        weight=_fractions(source["weight"]),
        is_bonus=source.get("is_bonus", False),
        sections=tuple(
            Section(section["num"], section["name"], tuple(_item(item) for item in section["items"]))
            for section in source["sections"]
        ),
    )


def _stage(source: Document) -> Stage:
    documents = tuple(
        StageDocument(entry["code"], entry["name"], entry["required"], tuple(entry["form"].split("|")), entry["seal"])
        for entry in source["documents"]
    )
    return Stage(source["code"], source["name"], source["scored"], source.get("award", ""), documents)


def _scoring(source: Document) -> Scoring:
    panel = source["panel"]
    return Scoring(
        method=source["method"],
        bonus_cap=_fraction(source.get("bonus_cap", 0)),
        digits=source.get("round", {}).get("digits", 0),
        panel=Panel(
            aggregate=panel["aggregate"],
            control_rule=panel["control_rule"],
            quorum=panel["quorum"],
            odd_only=panel["odd_only"],
            trim_when_at_least=panel.get("trim_when_at_least"),
            deviation_alert=_optional(panel.get("deviation_alert")),
        ),
        stage_weight=_fractions(source.get("stage_weight", {})),
        max_na_ratio=_optional(source.get("not_applicable", {}).get("max_na_ratio_per_chapter")),
    )


def item_of_tie_break(entry: str, items: Mapping[str, str]) -> list[str]:
    """Return the codes of the items that a tie-break entry names, by code, by name, or by name with "得分" (points).

    items: code -> name. Exactly one code means that the entry is clear.
    """
    wanted = {entry, entry.removesuffix("得分")}
    return [code for code, name in items.items() if code == entry or name in wanted]


def _selection(source: Document | None, items: Mapping[str, str]) -> Selection | None:
    if source is None:
        return None
    return Selection(
        min_total=_fraction(source["min_total"]),
        quota=source["quota"],
        shortlist_ratio=_optional(source.get("shortlist_ratio")),
        per_district_max=source.get("per_district_max"),
        per_district_min_best_effort=source.get("per_district_min_best_effort"),
        tie_break=tuple(item_of_tie_break(entry, items)[0] for entry in source.get("tie_break", ())),
        support=tuple(source.get("support", ())),
    )


def _level(source: Document) -> Level:
    return Level(
        source["level"], source["name"], _fraction(source.get("min_total", 0)), _fraction(source.get("min_chapter", 0))
    )


def from_document(document: Document) -> Standard:
    """Return the standard of a document that ``parse`` accepted (now or when it was stored); nothing is checked."""
    head = document["standard"]
    chapters = tuple(_chapter(source) for source in document["chapters"])
    places = {
        item.code: (chapter, section, item)
        for chapter in chapters
        for section in chapter.sections
        for item in section.items
    }
    stages = tuple(_stage(source) for source in document["stages"])
    return Standard(
        code=head["code"],
        name=head["name"],
        version=head["version"],
        kind=head["kind"],
        is_official=head["is_official"],
        notice=head["notice"],
        enums=document["enums"],
        stages=stages,
        scoring=_scoring(document["scoring"]),
        levels=tuple(_level(source) for source in document.get("levels", ())),
        selection=_selection(document.get("selection"), {code: place[2].name for code, place in places.items()}),
        chapters=chapters,
        eligibility=tuple(Eligibility(**source) for source in document.get("eligibility", ())),
        survey=document.get("survey"),
        scenario_fields=tuple(document.get("scenario_fields", ())),
        scenario_areas=tuple(document.get("scenario_areas", ())),
        document=document,
        _places=places,
        _by_stage={
            stage.code: tuple(item for chapter in chapters for item in chapter.items(stage.code)) for stage in stages
        },
    )
