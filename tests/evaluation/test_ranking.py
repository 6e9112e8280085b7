"""Choosing among the applications of one call: the order, the limits, and the reason for each that is not chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from evaluation.scoring import Entry, rank, self_score, shortlist
from evaluation.standard import Mark, Standard
from tests.evaluation.documents import item, mixed, sample, small, small_document, standard_of

FOUR_FIFTHS = Fraction(8, 10)
START = datetime(2026, 11, 1, tzinfo=UTC)


def entry(key: str, total: int, district: str = "A", later: int = 0, failed: bool = False, **points: int) -> Entry:
    """Return an application with a total, points for items (``i1_1_1=…``) and hours after the first submission."""
    standard = small([item("1.1.1", kind="control"), item("1.1.2"), item("1.1.3"), item("2.1.1", points=100)])
    marks: dict[str, Mark] = {"1.1.1": not failed, "1.1.2": 0, "1.1.3": 0, "2.1.1": 0}
    marks |= {code.strip("i").replace("_", "."): mark for code, mark in points.items()}
    marks["2.1.1"] = Fraction(total * 120, 100) - sum(points.values())
    result = self_score(standard, "only", marks, check_marks=False)
    assert result.total == total
    return Entry(key, district, START + timedelta(hours=later), result)


def selecting(**selection: Any) -> Standard:
    document = small_document([item("1.1.1", kind="control"), item("1.1.2"), item("1.1.3"), item("2.1.1", points=100)])
    del document["levels"]
    document["selection"] = {"rule": "rank", "min_total": 50, "quota": 10, "tie_break": ["1.1.3", "条目1.1.2得分"]}
    document["selection"] |= selection
    return standard_of(document)


def outcome(ranking: Any) -> list[tuple[str, int | None, str, str]]:
    """Return (key, place, code of the reason, what decided a tie) of each application."""
    return [
        (row.entry.key, row.place, row.reason.code if row.reason else "selected", row.decided_by)
        for row in ranking.ranked
    ]


def test_applications_are_ranked_by_total_then_by_the_named_items_then_by_submission() -> None:
    entries = [
        entry("later", 70, later=5, i1_1_2=4, i1_1_3=6),
        entry("sooner", 70, later=1, i1_1_2=4, i1_1_3=6),
        entry("second item", 70, later=9, i1_1_2=5, i1_1_3=6),
        entry("first item", 70, later=9, i1_1_3=7),
        entry("twin", 70, later=5, i1_1_2=4, i1_1_3=6),
        entry("best", 71),
    ]
    expected = [
        ("best", 1, "selected", ""),
        ("first item", 2, "selected", ""),
        ("second item", 3, "selected", "1.1.3"),
        ("sooner", 4, "selected", "1.1.2"),
        ("later", 5, "selected", "submitted"),
        ("twin", 6, "selected", "key"),
    ]
    assert outcome(rank(selecting(), entries)) == expected
    assert outcome(rank(selecting(), reversed(entries))) == expected


def test_who_is_not_chosen_is_told_why() -> None:
    entries = [
        entry("a", 90), entry("b", 80), entry("c", 75), entry("d", 70, "B"), entry("e", 65, "B"),
        entry("f", 60, "C"), entry("g", 49, "D"), entry("h", 95, "D", failed=True), entry("i", 50, "E"),
    ]  # fmt: skip
    standard = selecting(quota=4, per_district_max=2, per_district_min_best_effort=1)
    ranking = rank(standard, entries)
    assert outcome(ranking) == [
        ("a", 1, "selected", ""),
        ("b", 2, "selected", ""),
        ("c", 3, "district_full", ""),
        ("d", 4, "selected", ""),
        ("e", 5, "selected", ""),
        ("f", 6, "quota_full", ""),
        ("i", 7, "quota_full", ""),
        ("h", None, "failed_control", ""),
        ("g", None, "below_min_total", ""),
    ]
    assert [chosen.key for chosen in ranking.selected] == ["a", "b", "d", "e"]
    assert ranking.short_districts == ("C", "E")
    texts = {row.entry.key: str(row.reason) for row in ranking.ranked if row.reason}
    assert texts["g"] == "g：总分 49，低于最低 50 分。"
    assert texts["h"] == "h：控制项未满足：1.1.1。"


@pytest.mark.parametrize("quota, ratio, size", [(2, 1.5, 3), (3, 1.5, 5), (2, 1, 2), (4, None, 4), (10, 2, 6)])
def test_the_shortlist_is_the_quota_times_its_ratio_rounded_up(quota: int, ratio: float | None, size: int) -> None:
    standard = selecting(quota=quota, **({} if ratio is None else {"shortlist_ratio": ratio}))
    entries = [entry(f"{total}", total) for total in (20, 40, 60, 70, 80, 90)] + [entry("out", 99, failed=True)]
    ranking = shortlist(standard, entries)
    assert [chosen.key for chosen in ranking.selected] == ["90", "80", "70", "60", "40", "20"][:size]
    assert {row.reason.code for row in ranking.ranked if row.reason} == {"failed_control"} | (
        {"shortlist_full"} if size < 6 else set()
    )


def test_a_ranking_needs_a_selection_and_distinct_keys() -> None:
    with pytest.raises(ValueError, match="gives levels"):
        rank(sample("smart-community"), [])
    with pytest.raises(ValueError, match="same key"):
        rank(selecting(), [entry("a", 60), entry("a", 70)])


def test_the_sample_selects_by_its_own_tie_break() -> None:
    first, second = mixed(FOUR_FIFTHS, FOUR_FIFTHS), mixed(FOUR_FIFTHS, FOUR_FIFTHS, i3_1_2=7, i3_1_1=Fraction("13.8"))
    assert first.total == second.total == 80
    entries = [Entry("first", "渝中区", START, first), Entry("second", "渝中区", START + timedelta(1), second)]
    assert outcome(rank(sample("innovation"), entries)) == [
        ("second", 1, "selected", ""),
        ("first", 2, "selected", "3.1.1"),
    ]
