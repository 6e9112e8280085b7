"""How far a filing is: what each part still lacks, what the own marks come to, and what the next level would need.

Hides: that an unfinished sheet has no result; the forecast counts what is unmarked as nothing won and no control failed,
and says how many items that concerns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evaluation import scoring, standard
from evaluation.checks import Look
from evaluation.models import Application
from portal.problems import Refused


@dataclass(frozen=True, slots=True)
class Meter:
    """One part of the form: how many of its pieces are there."""

    code: str
    done: int
    total: int

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 100

    @property
    def whole(self) -> bool:
        return self.done == self.total


def meters(look: Look) -> dict[str, Meter]:
    """Completeness of data, documents, self-assessment and evidence, by code."""
    dates = ["planning_permit_on", "drawing_review_on"]
    if look.application.rule.is_final:
        dates += ["construction_permit_on", "completed_on"]
    required = [row for row in look.documents if row.required and not set(row.forms) <= {"system", "shared_data"}]
    won = [item for item in look.items if is_won(look.value(item.code))]
    proved = {code for row in look.data["evidence"] for code in row["items"]}
    found = (
        Meter("data", sum(bool(look.data["community"][name]) for name in dates), len(dates)),
        Meter("documents", sum(_handed_in(look, row) for row in required), len(required)),
        Meter("items", sum(look.value(item.code) is not None for item in look.items), len(look.items)),
        Meter("evidence", sum(item.code in proved for item in won), len(won)),
    )
    return {meter.code: meter for meter in found}


def is_won(value: Any) -> bool:
    """A mark that claims something and hence needs a proof: met, or more than 0 points."""
    if isinstance(value, bool):
        return value
    return value not in (None, standard.NOT_APPLICABLE) and value != 0


def _handed_in(look: Look, document: standard.StageDocument) -> bool:
    return bool(look.data["documents"].get(document.code) or look.data["statements"].get(document.code))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the own marks come to so far. total: text, "" where the standard has none; level 0 = none reached.

    unmarked: items without a mark, counted as nothing won. missing: sentences on what the next level needs.
    """

    total: str
    level: int
    level_name: str
    unmarked: int
    next_name: str
    missing: tuple[str, ...]


def forecast(application: Application, claims: Mapping[str, Mapping[str, Any]]) -> Forecast | None:
    """Compute the forecast from the claims of a snapshot; None where nothing applicable is left to count."""
    form = application.standard
    marks: dict[str, Any] = {}
    unmarked = 0
    for item in form.items(application.stage):
        value = claims.get(item.code, {}).get("value")
        if value is None:
            unmarked += 1
            value = True if item.mode == "pass" else _nothing(item)
        marks[item.code] = value
    try:
        result = scoring.self_score(form, application.stage, marks)
    except Refused:
        return None
    following = next((level for level in form.levels if level.level > result.level), None)
    return Forecast(
        total=result.as_json()["total"] or "",
        level=result.level,
        level_name=result.level_name,
        unmarked=unmarked,
        next_name=following.name if following else "",
        missing=tuple(_missing(form, result, following)) if following else (),
    )


def _nothing(item: standard.Item) -> Any:
    """The mark that wins nothing: 0, or the measured number at which a line begins."""
    return item.linear.zero_at if item.linear else 0


def _missing(form: standard.Standard, result: scoring.Result, level: standard.Level) -> Iterator[str]:
    """What stands between a result and ``level``."""
    names = {chapter.code: chapter.name for chapter in form.chapters}
    if result.total is not None and result.total < level.min_total:
        short = standard.rounded_text(level.min_total - result.total, result.digits)
        yield _("总分还差 %(short)s 分（须 %(wanted)s 分）") % {
            "short": short,
            "wanted": standard.to_text(level.min_total),
        }
    for chapter in result.chapters:
        if chapter.ratio < level.min_chapter:
            values = {
                "chapter": names[chapter.code],
                "ratio": standard.rounded_text(chapter.ratio, 1),
                "wanted": standard.to_text(level.min_chapter),
            }
            yield _("“%(chapter)s”得分率 %(ratio)s%%，须达到 %(wanted)s%%") % values
    capped = {cap.item for cap in result.caps if cap.below <= level.level}
    for code in dict.fromkeys(
        [*(code for code in result.failed if form.item(code).from_level is None), *sorted(capped)]
    ):
        item = form.item(code)
        values = {"code": code, "name": item.name}
        sentence = _("控制项 %(code)s %(name)s 须满足") if item.mode == "pass" else _("%(code)s %(name)s 须得分大于零")
        yield sentence % values
