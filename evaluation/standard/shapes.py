"""The shape of a standard document: which keys each part has and what stands under them.

Hides how a value is compared with its declared shape. Meaning (sums, references, order) is in ``checking``. The tables
at the end are the format; whatever a key's value must mean beyond its type, ``checking`` says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from typing import Protocol

from evaluation.standard.numbers import exact
from evaluation.standard.places import UNREADABLE, Path, Report
from portal.problems import gettext_noop

CODE = re.compile(r"[\w.-]+")
KINDS = ("control", "scored", "bonus")
MODES = ("pass", "full", "tier", "sum", "range", "linear")
FORMS = ("online", "pdf", "dwg", "xlsx", "jpg", "mp4", "pptx", "system", "shared_data")
AGGREGATES = ("mean", "trimmed_mean", "median", "consensus")
CONTROL_RULES = ("two_thirds", "majority", "all")
METHODS = ("weighted_ratio", "sum_ratio", "stage_mix", "pass_all")


class Shape(Protocol):
    """Anything that can compare a value with what it should be."""

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report what is wrong with the value at ``path``."""


@dataclass(frozen=True, slots=True)
class Anything:
    """A value that the engine does not read."""

    def check(self, value: object, path: Path, report: Report) -> None:
        """Accept every value."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is not empty.

    most: characters; choices: the only words allowed, several joined by "|" where ``joined``; code: one word.
    """

    choices: tuple[str, ...] = ()
    most: int = 2000
    code: bool = False
    joined: bool = False

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report what is not text, empty, or not one of the choices."""
        if not isinstance(value, str):
            report.mark_flawed(path)
            report.add("not_text", path, gettext_noop("%(key)s应为文字（数字形式的编号请加引号）。"), key=_key(path))
        elif not value.strip():
            report.mark_flawed(path)
            report.add("empty_text", path, gettext_noop("%(key)s不能为空。"), key=_key(path))
        elif self.code and not CODE.fullmatch(value):
            report.mark_flawed(path)
            message = gettext_noop("%(key)s“%(value)s”只能用字母、数字、汉字、点、横线和下划线，不含空格。")
            report.add("not_a_code", path, message, key=_key(path), value=value[:60])
        elif len(value) > self.most:
            report.mark_flawed(path)
            report.add("too_long", path, gettext_noop("%(key)s最多 %(most)s 个字。"), key=_key(path), most=self.most)
        elif self.choices:
            self._check_choice(value, path, report)

    def _check_choice(self, value: str, path: Path, report: Report) -> None:
        for word in value.split("|") if self.joined else [value]:
            if word not in self.choices:
                report.mark_flawed(path)
                message = gettext_noop("%(key)s不认识“%(value)s”，可用：%(legal)s。")
                legal = "、".join(self.choices)
                report.add("unknown_name", path, message, key=_key(path), value=word[:60], legal=legal)


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two bounds, both allowed. whole: only an integer."""

    least: Fraction | int | None = None
    most: Fraction | int | None = None
    whole: bool = False

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report what is not a number, or out of bounds."""
        number = exact(value)
        if number is None or (self.whole and not isinstance(value, int)):
            report.mark_flawed(path)
            message = gettext_noop("%(key)s应为整数。") if self.whole else gettext_noop("%(key)s应为数字。")
            report.add("not_whole" if self.whole else "not_a_number", path, message, key=_key(path))
        elif self.least is not None and number < self.least:
            report.mark_flawed(path)
            report.add(
                "too_small", path, gettext_noop("%(key)s不能小于 %(least)s。"), key=_key(path), least=str(self.least)
            )
        elif self.most is not None and number > self.most:
            report.mark_flawed(path)
            report.add(
                "too_great", path, gettext_noop("%(key)s不能大于 %(most)s。"), key=_key(path), most=str(self.most)
            )


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report what is neither."""
        if not isinstance(value, bool):
            report.mark_flawed(path)
            report.add("not_a_flag", path, gettext_noop("%(key)s应为 true 或 false。"), key=_key(path))


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one shape, at least ``least`` and at most ``most`` of them."""

    shape: Shape
    least: int = 1
    most: int | None = None

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report what is not a list, is too short or too long, and what is wrong with its members."""
        if not isinstance(value, list):
            report.mark_flawed(path)
            report.add("not_a_list", path, gettext_noop("%(key)s应为列表。"), key=_key(path))
            return
        if len(value) < self.least:
            report.mark_flawed(path)
            report.add("empty_list", path, gettext_noop("%(key)s不能是空列表。"), key=_key(path))
        if self.most is not None and len(value) > self.most:
            report.mark_flawed(path)
            report.add("list_too_long", path, gettext_noop("%(key)s最多 %(most)s 项。"), key=_key(path), most=self.most)
        for position, member in enumerate(value):
            check(self.shape, member, (*path, position), report)


@dataclass(frozen=True, slots=True)
class MapOf:
    """Values of one shape under names that the document chooses, or only under ``names``. coded: names are codes."""

    shape: Shape
    names: tuple[str, ...] = ()
    coded: bool = False

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report what is not a mapping, names that are not known, and what is wrong with its members."""
        if not isinstance(value, dict):
            _not_a_map(path, report)
            return
        for name, member in value.items():
            if self.names and name not in self.names:
                report.mark_flawed(path)
                message = gettext_noop("%(key)s不认识“%(value)s”，可用：%(legal)s。")
                legal = "、".join(self.names)
                report.add("unknown_name", (*path, name), message, key=_key(path), value=name[:60], legal=legal)
            else:
                if self.coded:
                    CODED.check(name, (*path, name), report)
                check(self.shape, member, (*path, name), report)


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with declared keys. Anything undeclared is a problem: a misspelt key must never be ignored."""

    required: Mapping[str, Shape]
    optional: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report missing, unknown and misspelt keys and what is wrong with the values."""
        if not isinstance(value, dict):
            _not_a_map(path, report)
            return
        declared = {**self.required, **self.optional}
        for key, member in value.items():
            if key in declared:
                check(declared[key], member, (*path, key), report)
            else:
                self._report_unknown(key, [name for name in declared if name not in value], path, report)
        for key in self.required:
            if key not in value and (*path, key) not in report.excused:
                report.mark_flawed((*path, key))
                report.add("missing_key", path, gettext_noop("缺少 %(key)s。"), key=key)

    def _report_unknown(self, key: str, absent: list[str], path: Path, report: Report) -> None:
        report.mark_flawed(path)
        meant = [name for name in get_close_matches(key, absent, 3, 0.6) if (*path, name) not in report.excused]
        if meant:
            report.excused.add((*path, meant[0]))
            report.mark_flawed((*path, meant[0]))
            message = gettext_noop("不认识的键“%(key)s”，应为 %(meant)s？")
            report.add("misspelt_key", (*path, key), message, key=key[:60], meant=meant[0])
        else:
            message = gettext_noop("不认识的键“%(key)s”，可用：%(legal)s。")
            legal = "、".join([*self.required, *self.optional])
            report.add("unknown_key", (*path, key), message, key=key[:60], legal=legal)


def check(shape: Shape, value: object, path: Path, report: Report) -> None:
    """Compare a value with a shape, unless the reader has already refused the value."""
    if value is UNREADABLE:
        report.mark_flawed(path)
    else:
        shape.check(value, path, report)


def _key(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else "$"


def _not_a_map(path: Path, report: Report) -> None:
    report.mark_flawed(path)
    report.add("not_a_map", path, gettext_noop("%(key)s应为键值表。"), key=_key(path))


# --- the format ---------------------------------------------------------------------------------------------------

# Longer ones would not fit the columns in which codes and names are kept.
TEXT = Text()
NAME = Text(most=120)
CODED = Text(most=20, code=True)
POINTS = Number(least=0)
SHARE = Number(least=0, most=1)
COUNT = Number(least=1, whole=True)

HEAD = Record(
    {
        "code": Text(most=40, code=True),
        "name": NAME,
        "version": CODED,
        "kind": Text(("smart_community", "smart_property", "innovation")),
        "is_official": Flag(),
        "notice": TEXT,
    },
    {"naming_rule": TEXT, "languages": ListOf(TEXT)},
)
ENUMS = Record(
    {
        "item_kind": MapOf(NAME, KINDS),
        "mode": MapOf(NAME, MODES),
        "evidence": MapOf(NAME, coded=True),
        "domain": MapOf(NAME, coded=True),
    }
)
STAGE_DOCUMENT = Record(
    {
        "code": Text(most=10, code=True),
        "name": NAME,
        "required": Flag(),
        "form": Text(FORMS, joined=True),
        "seal": Flag(),
    }
)
STAGE = Record(
    {"code": CODED, "name": NAME, "scored": Flag(), "documents": ListOf(STAGE_DOCUMENT, least=0)}, {"award": TEXT}
)
PANEL = Record(
    {"aggregate": Text(AGGREGATES), "control_rule": Text(CONTROL_RULES), "quorum": COUNT, "odd_only": Flag()},
    {"trim_when_at_least": Number(least=3, whole=True), "deviation_alert": SHARE},
)
SCORING = Record(
    {"method": Text(METHODS), "panel": PANEL},
    {
        "bonus_cap": POINTS,
        "round": Record({"digits": Number(least=0, most=6, whole=True), "rule": Text(("half_up",))}),
        "stage_weight": MapOf(SHARE),
        "not_applicable": Record({}, {"allowed_only_if": TEXT, "effect": TEXT, "max_na_ratio_per_chapter": SHARE}),
        "chapter_formula": TEXT,
        "total_formula": TEXT,
    },
)
LEVEL = Record({"level": COUNT, "name": Text(most=40)}, {"min_total": POINTS, "min_chapter": Number(least=0, most=100)})
SELECTION = Record(
    {"rule": Text(("rank",)), "min_total": POINTS, "quota": COUNT},
    {
        "shortlist_ratio": Number(least=1),
        "per_district_max": COUNT,
        "per_district_min_best_effort": Number(least=0, whole=True),
        "tie_break": ListOf(TEXT, least=0),
        "support": ListOf(Record({"code": CODED, "name": TEXT, "desc": TEXT}), least=0),
    },
)
MARKED_STEP = Record({"points": POINTS, "when": TEXT})
ITEM = Record(
    {
        "code": CODED,
        "name": NAME,
        "kind": TEXT,
        "mode": TEXT,
        "stages": ListOf(TEXT),
        "dom": TEXT,
        "req": TEXT,
        "ev": MapOf(ListOf(TEXT, least=0)),
    },
    {
        "points": POINTS,
        "tiers": ListOf(MARKED_STEP),
        # Each part doubles the legal marks; twelve are 4,096 of them.
        "parts": ListOf(MARKED_STEP, most=12),
        "linear": Record({"zero_at": Number(), "full_at": Number()}),
        "na": TEXT,
        "from_level": COUNT,
    },
)
SECTION = Record({"num": CODED, "name": NAME, "items": ListOf(ITEM, least=0)})


@dataclass(frozen=True, slots=True)
class ChapterNumber:
    """A whole number, or text of the same kind as a code."""

    def check(self, value: object, path: Path, report: Report) -> None:
        """Report what is neither."""
        shape: Shape = CODED if isinstance(value, str) else COUNT
        shape.check(value, path, report)


CHAPTER = Record(
    {"num": ChapterNumber(), "code": CODED, "name": NAME, "weight": MapOf(SHARE), "sections": ListOf(SECTION, least=0)},
    {"is_bonus": Flag()},
)
DOCUMENT = Record(
    {
        "schema_version": Number(least=1, most=1, whole=True),
        "standard": HEAD,
        "enums": ENUMS,
        "stages": ListOf(STAGE),
        "scoring": SCORING,
        "chapters": ListOf(CHAPTER),
    },
    {
        "levels": ListOf(LEVEL),
        "selection": SELECTION,
        "level_rule": TEXT,
        "from_level_rule": TEXT,
        "eligibility": ListOf(Record({"code": CODED, "rule": TEXT, "check": TEXT}), least=0),
        "survey": MapOf(Anything()),
        "scenario_fields": ListOf(TEXT, least=0),
        "scenario_areas": ListOf(TEXT, least=0),
    },
)
