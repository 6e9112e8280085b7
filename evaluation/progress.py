"""How far a filing is: what each part still lacks, what the own marks come to, what holds back, the cheapest way up.

Hides the reasons of ``scoring.forecast`` behind sentences, each with the place of the self-assessment that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation import checks, scoring, standard
from evaluation.checks import Look
from evaluation.models import Application
from evaluation.wording import item_title, level_name, mark_text, mark_words, points_words
from portal.problems import Refused


@dataclass(frozen=True, slots=True)
class Meter:
    """One part of the form: how many of its pieces are there, and the places of those that are not."""

    code: str
    total: int
    missing: tuple[str, ...]

    @property
    def done(self) -> int:
        return self.total - len(self.missing)

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 100

    @property
    def whole(self) -> bool:
        return not self.missing


def meters(look: Look) -> dict[str, Meter]:
    """Completeness of data, documents, self-assessment and evidence, by code."""
    dates = checks.needed_dates(look.application)
    found = (
        Meter("data", len(dates), tuple(name for name in dates if not look.data["community"][name])),
        Meter(
            "documents", len(checks.wanted_documents(look)), tuple(row.code for row in checks.missing_documents(look))
        ),
        Meter("items", len(look.items), tuple(item.code for item in look.items if look.value(item.code) is None)),
        Meter("evidence", len(checks.won_items(look)), tuple(item.code for item in checks.unproved_items(look))),
    )
    return {meter.code: meter for meter in found}


def whole_meter(parts: Mapping[str, Meter]) -> Meter:
    """All parts together."""
    missing = tuple(place for meter in parts.values() for place in meter.missing)
    return Meter("whole", sum(meter.total for meter in parts.values()), missing)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that holds the next level back. anchor: where on the page of the self-assessment, "" for the whole."""

    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Change:
    """One item of a cheapest way. mark: as text; now, then: the mark in words; gained: points, "" for a control."""

    item: str
    title: str
    mark: str
    now: str
    then: str
    gained: str

    @property
    def anchor(self) -> str:
        return f"item-{self.item}"


@dataclass(frozen=True, slots=True)
class WayUp:
    """The cheapest way to one level in words. changes: None where no marks reach it."""

    level: int
    level_name: str
    sentence: str
    changes: tuple[Change, ...] | None
    exact: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the own marks come to so far. total: text, "" where the standard has none; level 0 = none reached.

    unmarked: items without a mark, counted as lost; level_if_won: the level with all of them won; ways: the cheapest
    way to each higher level, the next one first. target_name, target_holds_back: of the target, where it lies beyond the
    next level; "" and nothing else.
    """

    total: str
    level: int
    level_name: str
    unmarked: int
    level_if_won: int
    if_won_name: str
    next_name: str
    holds_back: tuple[Reason, ...]
    ways: tuple[WayUp, ...]
    target_name: str
    target_holds_back: tuple[Reason, ...]


def forecast(application: Application, claims: Mapping[str, Mapping[str, Any]], target: int = 0) -> Outlook | None:
    """Compute the forecast from the claims of a snapshot; None where nothing applicable is left to count.

    target: the level that the case aims at; 0 leaves out what holds it back.
    """
    form = application.standard
    marks = {item.code: claims.get(item.code, {}).get("value") for item in form.items(application.stage)}
    try:
        found = scoring.forecast(form, application.stage, marks)
    except Refused:
        return None
    beyond = found.following is not None and target > found.following.level
    level = next((level for level in form.levels if beyond and level.level == target), None)
    return Outlook(
        total=found.result.as_json()["total"] or "",
        level=found.result.level,
        level_name=level_name(form, found.result.level),
        unmarked=len(found.unmarked),
        level_if_won=found.if_won.level,
        if_won_name=level_name(form, found.if_won.level),
        next_name=found.following.name if found.following else "",
        holds_back=tuple(_reason(form, found.result.digits, one) for one in found.holds_back),
        ways=tuple(_way(form, marks, found.result.digits, way) for way in found.ways),
        target_name=level.name if level else "",
        target_holds_back=tuple(
            _reason(form, found.result.digits, one) for one in (scoring.hindrances(form, found, level) if level else ())
        ),
    )


def _reason(form: standard.Standard, digits: int, one: scoring.Hindrance) -> Reason:
    if one.kind == "control":
        return Reason(_("控制项 %(item)s 须满足") % {"item": item_title(form, one.items[0])}, f"item-{one.items[0]}")
    if one.kind == "no_points":
        return Reason(_("%(item)s 须得分大于零") % {"item": item_title(form, one.items[0])}, f"item-{one.items[0]}")
    if one.kind == "unmarked":
        count = len(one.items)
        words = ngettext("还有 %(n)s 条未评，暂按未得分计", "还有 %(n)s 条未评，暂按未得分计", count)
        return Reason(words % {"n": count}, f"item-{one.items[0]}")
    wanted = standard.to_text(one.wanted)
    if one.kind == "total":
        values = {"short": standard.rounded_text(one.short, digits), "wanted": wanted}
        return Reason(_("总分还差 %(short)s 分（须 %(wanted)s 分）") % values, "")
    names = {chapter.code: chapter.name for chapter in form.chapters}
    values = {
        "chapter": names[one.chapter],
        "ratio": standard.rounded_text(one.reached, 1),
        "wanted": wanted,
        "short": standard.to_text(one.short),
    }
    words = _("“%(chapter)s”得分率 %(ratio)s%%，须达到 %(wanted)s%%，还差 %(short)s 分")
    return Reason(words % values, f"chapter-{one.chapter}")


def _way(form: standard.Standard, marks: Mapping[str, Any], digits: int, way: scoring.Way) -> WayUp:
    name = level_name(form, way.level.level)
    if way.steps is None:
        best = "" if way.best is None else standard.rounded_text(way.best, digits)
        values = {"best": best, "name": name, "wanted": standard.to_text(way.level.min_total)}
        words = _("各条都做到最好也只有 %(best)s 分，达不到%(name)s（须 %(wanted)s 分）。") % values
        return WayUp(way.level.level, name, words, None, way.exact)
    count = len(way.steps)
    values = {"n": count, "points": standard.to_text(way.gained), "name": name}
    words = ngettext(
        "最少改进 %(n)s 条、共 %(points)s 分，即达到%(name)s：",
        "最少改进 %(n)s 条、共 %(points)s 分，即达到%(name)s：",
        count,
    )
    return WayUp(
        way.level.level, name, words % values, tuple(_change(form, marks, step) for step in way.steps), way.exact
    )


def _change(form: standard.Standard, marks: Mapping[str, Any], step: scoring.Step) -> Change:
    item = form.item(step.item)
    return Change(
        item=item.code,
        title=item_title(form, item.code),
        mark=mark_text(step.mark),
        now=mark_words(item, marks[item.code]),
        then=mark_words(item, step.mark),
        gained="" if item.kind == "control" else points_words(step.gained),
    )
