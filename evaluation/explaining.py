"""A result in words and in a table: what it came to, what it hangs on, and every mark of the panel beside the others.

Hides: the shape of a stored trace and of stored sheets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from evaluation import standard, wording
from evaluation.models import Application, Assignment, Result
from evaluation.standard.numbers import rounded


@dataclass(frozen=True, slots=True)
class ChapterLine:
    """One chapter that takes part. ratio: points per hundred, weight: share in per cent, "" where there is none."""

    name: str
    ratio: str
    won: str
    applicable: str
    weight: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one level asks and how far the result is from it. margin: signed, "+1.25" or "-0.50"; met where it is not below."""

    level_name: str
    what: str
    asked: str
    reached: str
    margin: str
    met: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What a result came to. reasons: sentences about what keeps the level from being higher."""

    total: str
    level: int
    level_name: str
    top: int
    bonus: str
    bonus_raw: str
    chapters: tuple[ChapterLine, ...]
    reasons: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    not_applicable: tuple[str, ...]


def summary(application: Application, result: Result) -> Summary:
    """The result of one round in words."""
    trace, form = result.trace, application.standard
    names = {chapter.code: f"{chapter.num} {chapter.name}" for chapter in form.chapters}
    return Summary(
        total=trace["total"] or "—",
        level=result.level,
        level_name=wording.level_name(form, result.level),
        top=max((level.level for level in form.levels), default=0),
        bonus=_read(trace["bonus"]),
        bonus_raw=_read(trace.get("bonus_raw", trace["bonus"])),
        chapters=tuple(
            ChapterLine(names[code], row["ratio"], row["won"], row["applicable"], _percent(row.get("weight")))
            for code, row in trace["chapters"].items()
        ),
        reasons=tuple(_reasons(application, trace, names)),
        thresholds=tuple(_thresholds(application, trace, names)),
        not_applicable=tuple(wording.item_title(form, code) for code in trace["na"]),
    )


def _read(points: str) -> str:
    """Points for reading; the trace keeps them exactly."""
    return standard.to_text(rounded(Fraction(points), 2))


def _percent(weight: str | None) -> str:
    return "" if weight is None else standard.rounded_text(100 * Fraction(weight), 1)


def _reasons(application: Application, trace: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    form = application.standard
    found = []
    for code in trace["failed"]:
        found.append(_("控制项 %(item)s 未满足。") % {"item": wording.item_title(form, code)})
    for cap in trace["caps"]:
        found.append(
            _("条目 %(item)s 使等级低于%(level)s。")
            % {"item": wording.item_title(form, cap["item"]), "level": wording.level_name(form, cap["below"])}
        )
    for level in form.levels:
        short = []
        if trace["total"] is not None and Fraction(trace["total"]) < level.min_total:
            short.append(_("总分须达 %(points)s") % {"points": standard.to_text(level.min_total)})
        for code, row in trace["chapters"].items():
            if Fraction(row["won"]) * 100 < level.min_chapter * Fraction(row["applicable"]):
                values = {"chapter": names[code], "points": standard.to_text(level.min_chapter)}
                short.append(_("%(chapter)s 须达 %(points)s") % values)
        if short:
            found.append(_("未达%(level)s：%(why)s。") % {"level": level.name, "why": _("，").join(short)})
    return found


def _thresholds(application: Application, trace: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Threshold]:
    """For each level its total, and of its chapter floors the one that the result is nearest to or furthest below."""
    if trace["total"] is None:
        return
    ratios = {
        code: 100 * Fraction(row["won"]) / Fraction(row["applicable"])
        for code, row in trace["chapters"].items()
        if Fraction(row["applicable"])
    }
    for level in application.standard.levels:
        yield _threshold(level.name, _("总分"), Fraction(level.min_total), Fraction(trace["total"]))
        if level.min_chapter and ratios:
            worst = min(ratios, key=lambda code: ratios[code])
            yield _threshold(level.name, names[worst], Fraction(level.min_chapter), ratios[worst])


def _threshold(level: str, what: str, asked: Fraction, reached: Fraction) -> Threshold:
    margin = standard.rounded_text(reached - asked, 2)
    sign = "+" if reached >= asked else ""
    return Threshold(
        level, what, standard.to_text(asked), standard.rounded_text(reached, 2), sign + margin, reached >= asked
    )


def draft_opinion(application: Application, result: Result) -> str:
    """The programme's template of an opinion with the figures of this result; "" where the programme has none.

    Places in the template: {小区} {阶段} {标准} {总分} {等级} {分歧条目数}.
    """
    places = {
        "小区": application.project.community.name,
        "阶段": str(application.stage_name),
        "标准": str(application.project.standard),
        "总分": result.trace["total"] or "—",
        "等级": wording.level_name(application.standard, result.level),
        "分歧条目数": str(len(result.trace["flagged"])),
    }
    text = application.project.programme.opinion_template
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@dataclass(frozen=True, slots=True)
class Cell:
    """One expert's mark of one item, and why."""

    seat: str
    mark: str
    reason: str
    abstained: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the panel's table. spread: "" below two numbers; note: what the panel agreed on a flagged item."""

    item: standard.Item
    cells: tuple[Cell, ...]
    outcome: str
    spread: str
    flagged: bool
    note: str


@dataclass(frozen=True, slots=True)
class Table:
    """Every mark. seats: the columns by role; flagged: the lines to talk about; chapters: all lines by chapter."""

    seats: tuple[str, ...]
    flagged: tuple[Line, ...]
    chapters: tuple[tuple[str, tuple[Line, ...]], ...]


def seat_label(assignment: Assignment, fields: Mapping[str, str]) -> str:
    """An expert by role: 席位 2 · 安全防范, 组长 first of all."""
    field = fields.get(assignment.field, _("不限专业"))
    role = _("组长") if assignment.is_leader else _("专家")
    return f"{assignment.seat} {role} · {field}"


def table(application: Application, result: Result, panel: list[Assignment]) -> Table:
    """All marks of the round of ``result``; ``panel`` in the order of the seats."""
    domains = application.standard.domains
    sheets = {sheet["scorer"]: sheet for sheet in result.sheets}
    columns = [(seat_label(row, domains), sheets[row.expert.number]) for row in panel if row.expert.number in sheets]
    chapters = []
    for chapter in application.standard.chapters:
        lines = tuple(_line(item, columns, result, application.stage) for item in chapter.items(application.stage))
        if lines:
            chapters.append((f"{chapter.num} {chapter.name}", lines))
    flagged = tuple(line for _name, lines in chapters for line in lines if line.flagged)
    return Table(tuple(label for label, _sheet in columns), flagged, tuple(chapters))


def _line(item: standard.Item, columns: list[tuple[str, Any]], result: Result, stage: str) -> Line:
    row = result.trace["stages"][stage]["items"][item.code]
    cells = tuple(
        Cell(label, short_mark(item, mark), sheet["reasons"].get(item.code, ""), mark is None)
        for label, sheet in columns
        for mark in [sheet["marks"].get(item.code)]
    )
    return Line(
        item=item,
        cells=cells,
        outcome=_outcome(item, row),
        spread=row["spread"] or "",
        flagged=item.code in result.trace["flagged"],
        note=result.notes.get(item.code, ""),
    )


def _outcome(item: standard.Item, row: Mapping[str, Any]) -> str:
    words = {"met": _("满足"), "failed": _("不满足"), "na": _("不适用")}
    if row["state"] in words:
        return words[row["state"]]
    return f"{_read(row['points'])} / {standard.to_text(item.points)}"


def short_mark(item: standard.Item, value: Any) -> str:
    """A mark as it stands in a table: 满足, 不适用, 8; "—" for an abstention."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return _("满足") if value else _("不满足")
    return _("不适用") if value == standard.NOT_APPLICABLE else wording.mark_text(value)
