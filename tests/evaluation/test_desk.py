"""The officers' desk: what the queue shows for a query, in words and in fields, and what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from communities.models import Membership
from evaluation import desk, desk_conditions, sought
from evaluation.models import Application
from evaluation.sought import contains
from portal.demo import people
from portal.problems import Refused
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def pks(django_db_setup, django_db_blocker):
    """Name -> id of each case of the small city."""
    with scenes.configured(django_db_blocker):
        yield desks.build()


@pytest.fixture
def shown(pks):
    """``shown("supervisor", q="…")``: the names of the cases that the queue shows, in its order."""
    names = {pk: name for name, pk in pks.items()}

    def of(username, show="all", **params):
        return [names[row.pk] for row in desk.rows(scenes.person(username), {"show": show, **params})]

    return of


def problems_of(username, **params):
    with pytest.raises(Refused) as caught:
        desk.rows(scenes.person(username), params)
    return [(problem.code, problem.place, problem.text()) for problem in caught.value.problems]


OPEN = ["late", "today", "soon", "drawing", "correction", "completion", "paused"]
ALL = [*OPEN, "done"]


@pytest.mark.parametrize(
    "username, show, expected",
    [
        ("intake", "mine", ["late", "today", "soon", "paused"]),
        ("supervisor", "mine", []),
        ("supervisor", "open", OPEN),
        ("supervisor", "done", ["done"]),
        ("supervisor", "all", ALL),
        ("district-1", "all", ["late", "today", "drawing", "completion", "done"]),
        ("district-2", "all", ["soon", "correction", "paused"]),
    ],
)
def test_the_queue_shows_by_deadline_what_a_duty_sees_and_no_draft(shown, username, show, expected):
    assert shown(username, show) == expected


def span(first, last):
    return f"{desks.workday(first)}..{desks.workday(last)}"


# (word of the search line, fields of the form that mean the same, what both show)
CONDITIONS = [
    ("环节:形式审查", {"state": "form_check"}, ["late", "today", "soon", "paused"]),
    ("state:form_check,审定", {}, ["late", "today", "soon", "completion", "paused"]),
    ("阶段:竣工评价", {"stage": "completion"}, ["completion"]),
    ("区县:江北", {"district": "500105"}, ["soon", "correction", "paused"]),
    ("区县：江北，渝北", {}, ALL),
    ("类别:智慧小区", {"programme": "smart_community"}, ALL),
    ("等级:3", {"level": "3"}, ["late"]),
    ("经办人:示例组织员", {}, ["drawing"]),
    ("经办人:示例受理员", {}, ["late"]),
    ("经办人:无", {"handler": "无"}, ["today", "soon", "correction", "completion", "paused"]),
    ("逾期:是", {"late": "是"}, ["late"]),
    ("逾期:否", {"late": "否"}, [name for name in ALL if name != "late"]),
    ("剩余:3", {"within": "3"}, ["today", "soon"]),
    ("剩余:0", {"within": "0"}, ["today"]),
    ("暂停:是", {"paused": "yes"}, ["paused"]),
    ("出错:是", {"fault": "是"}, ["soon"]),
    ("轮次:1", {"round": "1"}, ["today"]),
    ("-环节:形式审查 -区县:江北", {}, ["drawing", "completion", "done"]),
    ("龙湾", {"community": "龙湾"}, ["late", "today", "done"]),
    ("龙湾 逾期:是", {"community": "龙湾", "late": "是"}, ["late"]),
    ("龙湾 -二期", {}, ["late", "done"]),
    ("“金色 家园”", {}, ["correction"]),
    ("编号:0003", {"number": "0003"}, ["soon"]),
    ("单位:城建", {"unit": "城建"}, ["soon", "drawing", "paused"]),
    ("人员:李", {"people": "李"}, ["late", "today", "correction", "completion", "done"]),
    ("咨询:睿智", {"consultant": "睿智"}, ["drawing"]),
]


@pytest.mark.parametrize("line, fields, expected", CONDITIONS)
def test_a_word_means_what_its_field_means(shown, line, fields, expected):
    assert shown("supervisor", q=line) == expected
    if fields:
        assert shown("supervisor", **fields) == expected


def test_dates_narrow_by_deadline_and_by_when_a_step_began(shown):
    soon, last = str(desks.workday(3)), str(desks.workday(5))
    assert shown("supervisor", due_from=soon, due_to=last) == ["soon", "drawing"]
    assert shown("supervisor", q=f"期限:{span(3, 5)}") == ["soon", "drawing"]
    assert shown("supervisor", q=f"期限:..{desks.workday(0)}") == ["late", "today"]
    before = timezone.localdate() - timedelta(days=30)
    assert shown("supervisor", since_to=str(before)) == shown("supervisor", q=f"进入:..{before}") == ["soon"]


def test_one_finds_the_own_cases_by_the_word_me(shown):
    found = [shown(username, q="经办人:我") for username in ("organiser", "intake", "supervisor")]
    assert found == [["drawing"], ["late"], []]


# what a person writes -> where it stands: any part of a name, a code, an address, a number, a former name, a person
PARTS = [
    ("湾一", ["late"]),
    ("示例大道3号", ["soon"]),
    ("第0006号", ["drawing"]),
    ("zhxq-2026-0004", ["paused"]),
    ("置业alpha", ["late", "today", "correction", "completion", "done"]),
    ("MA0000002B", ["soon", "drawing", "paused"]),
    ("旧名", ["soon", "drawing", "paused"]),
    ("MA0000009X", ["soon", "drawing", "paused"]),
    ("赵", ["late", "today", "correction", "completion", "done"]),
    ("李经办", ["late", "today", "correction", "completion", "done"]),
    ("睿智咨询", ["drawing"]),
    ("云", ["soon", "completion"]),
    ("ＡＢ", ["drawing"]),
    ("示例大道３号", ["soon"]),
    ("%", []),
    ("_", []),
    ("没有这样的", []),
    ("期示例", []),  # across two columns
]


@pytest.mark.parametrize("words, expected", PARTS)
def test_any_part_of_what_is_known_of_a_case_finds_it(shown, words, expected):
    assert shown("supervisor", q=words) == expected


@pytest.mark.parametrize("words, expected", PARTS)
def test_what_many_cases_contain_is_found_row_by_row_just_as_well(shown, words, expected, monkeypatch):
    monkeypatch.setattr(sought, "FEW", 0)
    assert shown("supervisor", q=words) == expected


@pytest.mark.parametrize("words", ["赵", "李经办", "旧名", "人员:李", "MA0000009X"])
def test_who_may_not_open_a_unit_finds_nothing_by_its_people_or_its_past(shown, words):
    assert shown("supervisor", q=words) != []
    assert shown("district-1", q=words) == shown("district-2", q=words) == []
    everything = shown("district-1")
    assert shown("district-1", q=f"-{words}") == everything


def test_somebody_who_left_a_unit_finds_it_no_more(shown):
    Membership.objects.filter(user__username="member").update(until=timezone.localdate() - timedelta(days=1))
    assert shown("supervisor", q="李经办") == []


WRONG = [
    ({"q": "区县:渝中北"}, "value_unknown", "q", "“区县”中没有“渝中北”。可以写：渝北区、渝中区"),
    ({"district": "nowhere"}, "value_unknown", "district", "“区县”中没有“nowhere”。可以写："),
    ({"q": "环节:公式"}, "value_unknown", "q", "“环节”中没有“公式”。可以写：公示"),
    ({"q": "环节:抽取"}, "value_several", "q", "“环节”中有几个都叫“抽取”："),
    ({"q": "环书:形式审查"}, "key_unknown", "q", "没有“环书”这个条件。可以写：环节"),
    ({"q": "逾期:大概"}, "value_wrong", "q", "“逾期:大概”写法不对：“逾期”后面写是或否，如 逾期:是。"),
    ({"within": "-1"}, "value_wrong", "within", "“-1”写法不对：“剩余”后面写整数，如 剩余:3。"),
    ({"q": "期限:昨天"}, "value_wrong", "q", "“期限:昨天”写法不对：“期限”后面写一个日期，或用 .. 隔开的起止日期"),
    ({"due_from": "2026-12-02", "due_to": "2026-12-01"}, "value_wrong", "due", "“2026-12-02..2026-12-01”写法不对"),
    ({"q": "环节:"}, "word_empty", "q", "“环节:”后面没有内容。"),
    ({"q": "“龙湾"}, "quote_open", "q", "“龙湾”前的引号没有配对的另一半"),
    ({"q": "龙" * 201}, "too_long", "q", "查找内容最多200个字。"),
    ({"q": "龙 " * 13}, "too_many", "q", "一次最多写12个条件。"),
    ({"sort": "-nothing"}, "sort_unknown", "sort", "不能按“-nothing”排序。"),
    ({"show": "secret"}, "show_unknown", "show", "没有“secret”这个范围"),
]


@pytest.mark.parametrize("params, code, place, begin", WRONG)
def test_a_wrong_word_finds_nothing_and_says_how_to_mend_it(pks, params, code, place, begin):
    ((said_code, said_place, sentence),) = problems_of("supervisor", **params)
    assert (said_code, said_place, sentence[: len(begin)]) == (code, place, begin)


def test_all_that_is_wrong_is_said_at_once(pks):
    found = problems_of("supervisor", q="环书:x 区县:火星", sort="nothing", within="x")
    assert [code for code, _place, _text in found] == ["value_wrong", "key_unknown", "value_unknown", "sort_unknown"]


@pytest.mark.parametrize("language, read", [("zh-hans", desk_conditions.BY_LABEL), ("en", desk_conditions.CONDITIONS)])
def test_conditions_are_explained_by_names_that_their_reader_can_write(language, read):
    with translation.override(language):
        assert [name for name, _what, _example in desk_conditions.explained()] == list(read)


@pytest.mark.parametrize(
    "language, line, near", [("zh-hans", "逾其:是", "逾期"), ("en", "lately:yes", "late, state, level")]
)
def test_an_unknown_condition_is_answered_with_the_near_ones_of_the_readers_language(pks, language, line, near):
    with translation.override(language), pytest.raises(Refused) as caught:
        desk.rows(scenes.person("supervisor"), {"q": line})
    assert [(problem.code, problem.params["keys"]) for problem in caught.value.problems] == [("key_unknown", near)]


@pytest.mark.parametrize("code", desk.COLUMNS)
def test_the_queue_is_sorted_by_any_column_both_ways(shown, code):
    up, down = (shown("supervisor", sort=sign + code) for sign in ("", "-"))
    assert sorted(up) == sorted(down) == sorted(ALL)


def test_what_has_no_deadline_comes_last_either_way(shown):
    assert shown("supervisor", sort="-due") == [*reversed(OPEN[:-1]), "paused", "done"]
    assert shown("supervisor", show="open", sort="state")[-1] == "completion"


def test_each_column_says_its_fact_in_words(pks):
    user = scenes.person("supervisor")
    columns = desk.columns_of(user, {"columns": ",".join(desk.COLUMNS)})
    found = desk.fetched(desk.rows(user, {"show": "all", "q": "编号:0006"}), columns)
    (said,) = desk.cells(found, columns)
    due = desks.workday(5)
    assert dict(zip((column.code for column in columns), said, strict=True)) == {
        "due": f"还剩 5 个工作日（{due.month}月{due.day}日）", "community": "ＡＢ国际", "number": "ZHXQ-2026-0006",
        "district": "渝北区", "unit": "示例城建有限公司", "credit_code": "91500000MA0000002B",
        "consultant": "示例睿智咨询有限公司", "programme": "智慧小区", "stage": "设计评价", "state": "待抽取专家",
        "since": str(timezone.localdate()), "level": "一星级", "round": "0", "version": "1",
        "handler": str(people.officer("organiser")),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name, words",
    [
        ("paused", "已暂停计时，剩余 4 个工作日"),
        ("correction", "还剩 8 个工作日（{}）；主管部门停止计时，剩余 2 个工作日"),
        ("done", "无期限"),
        ("late", "已超 2 个工作日（{}）"),
    ],
)
def test_a_deadline_says_in_words_how_it_stands(pks, name, words):
    user, row = scenes.person("supervisor"), Application.objects.get(pk=pks[name])
    (found,) = desk.rows(user, {"show": "all", "number": row.project.number})
    day = row.due_on
    expected = words.format(f"{day.month}月{day.day}日" if day else "")
    assert list(desk.cells([found], [desk.COLUMNS["due"]])) == [[expected]]


def test_a_list_with_every_column_costs_the_same_for_one_row_and_for_many(pks):
    def queries(**params):
        user = scenes.person("supervisor")
        with CaptureQueriesContext(connection) as counted:
            columns = desk.columns_of(user, {"columns": ",".join(desk.COLUMNS)})
            assert len(list(desk.cells(desk.fetched(desk.rows(user, params), columns), columns))) > 0
        return len(counted)

    queries(show="all")
    assert queries(show="all") == queries(show="all", state="drawing")


def test_a_query_string_is_written_one_way_and_means_the_same(shown):
    params = {"q": " 龙湾 ", "page": "3", "columns": "due", "show": "all", "state": "", "unknown": "x", "sort": "-due"}
    assert desk.query_of(params) == "show=all&q=%E9%BE%99%E6%B9%BE&sort=-due"
    assert (desk.narrowed(params), desk.narrowed({"show": "all", "sort": "due"})) == (True, False)


def test_a_long_list_is_counted_to_a_bound_and_turned_over_to_it(pks, monkeypatch):
    monkeypatch.setattr(desk, "MOST", 3)
    rows = desk.rows(scenes.person("supervisor"), {"show": "all"})
    pages = desk.Pages(rows, 2)
    assert (pages.count, pages.num_pages, pages.has_more) == (3, 2, True)
    assert len(list(pages.get_page(99))) == 1
    whole = desk.Pages(desk.rows(scenes.person("supervisor"), {"show": "done"}), 2)
    assert (whole.count, whole.has_more) == (1, False)


def test_a_part_without_a_letter_is_contained_in_nothing(pks):
    assert list(Application.objects.filter(contains(scenes.person("supervisor"), "\x00 "))) == []
