"""Choosing among the applications of one call 择优遴选, with a reason for each that is not chosen.

Hides the order: total, then the tie-break items, then who handed in first. Districts below the wished minimum are
reported and never moved up: a best effort is a person's decision, not arithmetic.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from evaluation.scoring.result import Result
from evaluation.standard import Selection, Standard, to_text
from portal.problems import Problem, gettext_noop


@dataclass(frozen=True, slots=True)
class Entry:
    """One application. key: its identity, unique in the call; submitted: when it was handed in."""

    key: str
    district: str
    submitted: datetime
    result: Result


@dataclass(frozen=True, slots=True)
class Ranked:
    """One application in its place. place: from 1, None where it is out; reason: why it is not chosen.

    decided_by: what put it behind the one before it at an equal total: an item code, "submitted" or, at last, "key".
    """

    entry: Entry
    place: int | None
    selected: bool
    reason: Problem | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """All applications, the best first, those that are out at the end. short_districts: below the wished minimum."""

    ranked: tuple[Ranked, ...]
    short_districts: tuple[str, ...]

    @property
    def selected(self) -> tuple[Entry, ...]:
        """The chosen applications, the best first."""
        return tuple(place.entry for place in self.ranked if place.selected)


def rank(standard: Standard, entries: Iterable[Entry]) -> Ranking:
    """Return who is chosen: at most the quota, at most so many per district, nobody below the least total.

    Raises ValueError where the standard selects nobody or two entries have the same key.
    """
    selection = _selection(standard)
    listed = _ordered(selection, entries)
    outs = {entry.key: _out(selection, entry) for entry in listed}
    candidates = [entry for entry in listed if outs[entry.key] is None]
    ranked: list[Ranked] = []
    chosen: Counter[str] = Counter()
    for position, entry in enumerate(candidates):
        reason = _no_room(selection, entry, chosen)
        if reason is None:
            chosen[entry.district] += 1
        decided_by = _decided_by(selection, candidates[position - 1], entry) if position else ""
        ranked.append(Ranked(entry, position + 1, reason is None, reason, decided_by))
    ranked.extend(Ranked(entry, None, False, outs[entry.key], "") for entry in listed if outs[entry.key])
    least = selection.per_district_min_best_effort or 0
    districts = sorted({entry.district for entry in candidates})
    return Ranking(tuple(ranked), tuple(district for district in districts if chosen[district] < least))


def shortlist(standard: Standard, entries: Iterable[Entry]) -> Ranking:
    """Return who goes on to the second stage: the quota times ``shortlist_ratio``, rounded up, by the first stage.

    The least total and the districts do not count yet; a control that is not met does. Raises ValueError as ``rank``.
    """
    selection = _selection(standard)
    listed = _ordered(selection, entries)
    size = math.ceil(selection.quota * (selection.shortlist_ratio or Fraction(1)))
    candidates = [entry for entry in listed if not entry.result.failed]
    ranked: list[Ranked] = []
    for position, entry in enumerate(candidates):
        message = gettext_noop("入围 %(size)s 名，已满。")
        reason = Problem("shortlist_full", entry.key, message, {"size": size}) if position >= size else None
        decided_by = _decided_by(selection, candidates[position - 1], entry) if position else ""
        ranked.append(Ranked(entry, position + 1, reason is None, reason, decided_by))
    ranked.extend(Ranked(entry, None, False, _failed(entry), "") for entry in listed if entry.result.failed)
    return Ranking(tuple(ranked), ())


def _selection(standard: Standard) -> Selection:
    if standard.selection is None:
        raise ValueError(f"{standard.code} gives levels, it does not select")
    return standard.selection


def _total(entry: Entry) -> Fraction:
    if entry.result.total is None:
        raise ValueError(f"{entry.key} has no total to rank by")
    return entry.result.total


def _points(entry: Entry, item: str) -> Fraction:
    result = entry.result.items.get(item)
    return result.won if result else Fraction(0)


def _ordered(selection: Selection, entries: Iterable[Entry]) -> list[Entry]:
    listed = list(entries)
    if len({entry.key for entry in listed}) != len(listed):
        raise ValueError("two entries have the same key")

    def order(entry: Entry) -> tuple[Fraction, list[Fraction], datetime, str]:
        return -_total(entry), [-_points(entry, item) for item in selection.tie_break], entry.submitted, entry.key

    return sorted(listed, key=order)


def _decided_by(selection: Selection, before: Entry, entry: Entry) -> str:
    if _total(before) != _total(entry):
        return ""
    for item in selection.tie_break:
        if _points(before, item) != _points(entry, item):
            return item
    return "submitted" if before.submitted != entry.submitted else "key"


def _failed(entry: Entry) -> Problem:
    message = gettext_noop("控制项未满足：%(items)s。")
    return Problem("failed_control", entry.key, message, {"items": "、".join(entry.result.failed)})


def _out(selection: Selection, entry: Entry) -> Problem | None:
    if entry.result.failed:
        return _failed(entry)
    if _total(entry) < selection.min_total:
        message = gettext_noop("总分 %(total)s，低于最低 %(least)s 分。")
        params = {"total": to_text(_total(entry)), "least": to_text(selection.min_total)}
        return Problem("below_min_total", entry.key, message, params)
    return None


def _no_room(selection: Selection, entry: Entry, chosen: Counter[str]) -> Problem | None:
    if chosen.total() >= selection.quota:
        message = gettext_noop("名额 %(quota)s 个，已满。")
        return Problem("quota_full", entry.key, message, {"quota": selection.quota})
    most = selection.per_district_max
    if most is not None and chosen[entry.district] >= most:
        message = gettext_noop("本区县名额 %(most)s 个，已满。")
        return Problem("district_full", entry.key, message, {"most": most})
    return None
