"""The forecast in words: what is shown of level, hindrances and the cheapest way, and where each leads."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation import progress
from evaluation.models import Application, Project, Standard
from tests.evaluation.documents import document_of, full_marks, item, sample, small_document


def application(document: dict[str, Any], stage: str) -> Application:
    """An application that nobody stores: the forecast reads its standard and its stage only."""
    return Application(project=Project(standard=Standard(document=document, sha256=str(id(document)))), stage=stage)


def said(document: dict[str, Any], stage: str, marks: dict[str, Any]) -> progress.Outlook | None:
    return progress.forecast(application(document, stage), {code: {"value": mark} for code, mark in marks.items()})


SMALL = small_document(
    [item("1.1.1", points=40), item("1.1.2", points=40), item("2.1.1", points=40, from_level=2),
     item("2.1.2", "control", from_level=2)]
)  # fmt: skip


def test_what_holds_back_is_said_and_leads_to_its_place():
    found = said(SMALL, "only", {"1.1.1": 40, "1.1.2": 32, "2.1.1": 0, "2.1.2": False})
    assert (found.total, found.level, found.level_name, found.next_name, found.unmarked) == (
        "60.00",
        1,
        "一级",
        "二级",
        0,
    )
    assert [(reason.text, reason.anchor) for reason in found.holds_back] == [
        ("2.1.1 条目2.1.1 须得分大于零", "item-2.1.1"),
        ("控制项 2.1.2 条目2.1.2 须满足", "item-2.1.2"),
        ("“章2”得分率 0.0%，须达到 50%，还差 20 分", "chapter-C2"),
        ("总分还差 20.00 分（须 80 分）", ""),
    ]
    assert [(way.level, way.sentence) for way in found.ways] == [(2, "最少改进 2 条、共 24 分，即达到二级：")]
    assert [(change.title, change.now, change.then, change.gained) for change in found.ways[0].changes] == [
        ("2.1.1 条目2.1.1", "0 分", "24 分", "24 分"),
        ("2.1.2 条目2.1.2", "不满足", "满足", ""),
    ]


@pytest.mark.parametrize("target, name", [(0, ""), (1, ""), (2, "二级")])
def test_what_holds_a_target_beyond_the_next_level_back_is_said_too(target, name):
    marks = {code: {"value": mark} for code, mark in {"1.1.1": 20, "1.1.2": 20, "2.1.1": 0, "2.1.2": False}.items()}
    found = progress.forecast(application(SMALL, "only"), marks, target)
    assert (found.level, found.next_name, found.target_name) == (0, "一级", name)
    reasons = [reason.text for reason in found.target_holds_back]
    assert reasons == (
        [
            "2.1.1 条目2.1.1 须得分大于零",
            "控制项 2.1.2 条目2.1.2 须满足",
            "“章2”得分率 0.0%，须达到 50%，还差 20 分",
            "总分还差 46.67 分（须 80 分）",
        ]
        if name
        else []
    )


def test_what_is_unmarked_is_counted_and_the_level_with_all_of_it_won_is_told():
    found = said(SMALL, "only", {"1.1.1": 40})
    assert (found.unmarked, found.level, found.level_name, found.if_won_name) == (3, 0, "未达标", "二级")
    assert found.holds_back[-1] == progress.Reason("还有 3 条未评，暂按未得分计", "item-1.1.2")
    assert found.ways[0].changes[0].now == "未评"


def test_a_level_that_nobody_can_reach_says_so():
    document = small_document([item("1.1.1", points=10)])
    document["levels"][1]["min_total"] = 101
    found = said(document, "only", {"1.1.1": 7})
    assert [(way.sentence, way.changes) for way in found.ways] == [
        ("各条都做到最好也只有 100.00 分，达不到二级（须 101 分）。", None)
    ]


def test_at_the_top_nothing_is_missing():
    full = {code: mark if mark is True else float(mark) for code, mark in
            full_marks(sample("smart-community"), "completion").items()}  # fmt: skip
    found = said(document_of("smart-community"), "completion", full)
    assert (found.level, found.next_name, found.holds_back, found.ways) == (3, "", (), ())


def test_where_nothing_applies_there_is_no_forecast():
    document = small_document([item("1.1.1", points=10, na="没有")])
    assert said(document, "only", {"1.1.1": "na"}) is None


def test_a_standard_that_ranks_has_a_total_and_no_next_level():
    found = said(document_of("innovation"), "paper", {})
    assert (found.total, found.level, found.next_name, found.holds_back, found.ways) == ("0.00", 0, "", (), ())
