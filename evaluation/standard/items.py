"""An item 条, which marks it takes, and how a mark becomes points.

Hides the modes: a scoring room asks ``legal_marks`` which buttons to draw, a form asks ``check_mark`` whether to keep
what was typed, and the engine asks ``points_of`` what a number is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from evaluation.standard.numbers import exact, to_text
from portal.problems import Problem, gettext_noop

Mark = bool | int | float | Decimal | Fraction | str | None
NOT_APPLICABLE = "na"


@dataclass(frozen=True, slots=True)
class Tier:
    """One of the marks of a `tier` item, and when it is given."""

    points: Fraction
    when: str


@dataclass(frozen=True, slots=True)
class Part:
    """One of the marks that add up in a `sum` item, and when it is given."""

    points: Fraction
    when: str


@dataclass(frozen=True, slots=True)
class Linear:
    """A measured number earns nothing at ``zero_at`` and everything at ``full_at``, which may be the lower one."""

    zero_at: Fraction
    full_at: Fraction


@dataclass(frozen=True, slots=True)
class Item:
    """One item 条. points: full points (0 for control); not_applicable: when it may be so, "" for never.

    evidence: stage -> codes of accepted evidence. from_level: the lowest level it binds, None for all.
    legal: the marks that earn points, for `full`, `tier` and `sum`; empty for the other modes.
    """

    code: str
    name: str
    kind: str
    mode: str
    points: Fraction
    stages: tuple[str, ...]
    domain: str
    requirement: str
    tiers: tuple[Tier, ...]
    parts: tuple[Part, ...]
    linear: Linear | None
    evidence: Mapping[str, tuple[str, ...]]
    not_applicable: str
    from_level: int | None
    legal: frozenset[Fraction]


def _subset_sums(parts: tuple[Part, ...]) -> frozenset[Fraction]:
    sums = {Fraction(0)}
    for part in parts:
        sums |= {known + part.points for known in sums}
    return frozenset(sums)


def countable_marks(
    mode: str, points: Fraction, tiers: tuple[Tier, ...], parts: tuple[Part, ...]
) -> frozenset[Fraction]:
    """Return the marks of an item of a mode with countable marks, 0 included; nothing for the other modes."""
    if mode == "full":
        return frozenset({Fraction(0), points})
    if mode == "tier":
        return frozenset({Fraction(0)} | {tier.points for tier in tiers})
    return _subset_sums(parts) if mode == "sum" else frozenset()


@dataclass(frozen=True, slots=True)
class LegalMarks:
    """What may be entered for an item.

    passes: true and false; choices: the only points, ascending; highest and step: any multiple of the step up to the
    highest; measured: any number; not_applicable: "na" as well. Exactly one of the first four ways holds.
    """

    passes: bool
    choices: tuple[Fraction, ...]
    highest: Fraction | None
    step: Fraction | None
    measured: bool
    not_applicable: bool

    def text(self) -> str:
        """Return the legal marks in one line that needs no translation, e.g. ``0、6、9、12、"na"``."""
        words: list[str] = []
        if self.passes:
            words = ["true", "false"]
        elif self.highest is not None and self.step is not None:
            words = ["0", to_text(self.step), "…", to_text(self.highest)]
        else:
            words = [to_text(choice) for choice in self.choices]
        return "、".join([*words, '"na"'] if self.not_applicable else words)


def legal_marks(item: Item) -> LegalMarks:
    """Return what may be entered for an item; abstaining (null) is always allowed besides."""
    ranged = item.mode == "range"
    return LegalMarks(
        passes=item.mode == "pass",
        choices=tuple(sorted(item.legal)),
        highest=item.points if ranged else None,
        step=Fraction(1, 2) if ranged else None,
        measured=item.mode == "linear",
        not_applicable=bool(item.not_applicable),
    )


def check_mark(item: Item, value: Mark) -> Problem | None:
    """Return what is wrong with a mark, with the item's code as place and its legal marks; None where it is legal."""
    if value is None or _is_legal(item, value):
        return None
    shown = "true" if value is True else "false" if value is False else repr(value) if isinstance(value, str) else value
    params = {"item": item.code, "value": str(shown)[:60], "legal": legal_marks(item).text()}
    if value == NOT_APPLICABLE and isinstance(value, str):
        message = gettext_noop("%(item)s 不允许“不适用”，可填：%(legal)s。")
        return Problem("not_applicable_not_allowed", item.code, message, params)
    if item.mode == "linear":
        message = gettext_noop("%(item)s 应填实测数字，不能是 %(value)s。")
        return Problem("mark_not_measured", item.code, message, params)
    message = gettext_noop("%(item)s 不能评 %(value)s，可填：%(legal)s。")
    return Problem("mark_not_legal", item.code, message, params)


def _is_legal(item: Item, value: Mark) -> bool:
    if isinstance(value, bool):
        return item.mode == "pass"
    if isinstance(value, str):
        return value == NOT_APPLICABLE and bool(item.not_applicable)
    number = value if isinstance(value, int) else exact(value)
    if number is None or item.mode == "pass":
        return False
    if item.mode == "linear":
        return True
    if item.mode == "range":
        return 0 <= number <= item.points and (2 * number).denominator == 1
    return number in item.legal


def points_of(item: Item, number: Fraction) -> Fraction:
    """Return what a number entered for an item is worth: itself, except under `linear`."""
    if item.linear is None:
        return number
    share = (number - item.linear.zero_at) / (item.linear.full_at - item.linear.zero_at)
    return item.points * min(max(share, Fraction(0)), Fraction(1))
