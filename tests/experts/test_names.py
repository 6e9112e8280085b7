"""Suggestions by name: measured on a labelled set, and how a name is taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from deploy import names as measuring
from experts import names

# Just below what is measured; docs/names.md gives the figures.
PRECISION, RECALL = 0.98, 0.98
PAIRS = measuring.labelled()
BOTH_WAYS = ("same", "short", "branch")


def parts(name):
    found = names.take_apart(name)
    return found.province, found.district, found.core, found.trade, found.kind, found.branch


def test_the_labelled_set_is_large_and_of_two_halves():
    assert len(PAIRS) >= 180
    assert 0.4 <= sum(pair.same for pair in PAIRS) / len(PAIRS) <= 0.6
    assert len({(pair.one, pair.other, pair.former) for pair in PAIRS}) == len(PAIRS)


def test_suggestions_are_as_right_and_as_many_as_the_guide_says():
    figures = measuring.count(PAIRS)
    assert figures.precision >= PRECISION
    assert figures.recall >= RECALL


@pytest.mark.parametrize("kind, figures", measuring.by_kind(PAIRS).items())
def test_no_kind_of_pair_is_left_behind(kind, figures):
    assert (figures.missed, figures.wrong) == (0, 0)


def test_the_guide_shows_the_figures_that_are_measured():
    page = measuring.PAGE.read_text(encoding="utf-8")
    assert page == measuring.with_figures(page)


def test_figures_are_counted_by_hand_the_same():
    said = [
        measuring.Pair("示例甲置业有限公司", "示例甲置业有限公司", same, (), "") for same in (True, True, False)
    ] + [measuring.Pair("示例甲置业有限公司", "示例乙监理有限公司", same, (), "") for same in (True, False)]
    figures = measuring.count(said)
    assert figures == measuring.Figures(5, 2, 1, 1)
    assert (figures.precision, figures.recall) == (2 / 3, 2 / 3)


@pytest.mark.parametrize(
    "name, taken",
    [
        ("重庆市渝北区示例晨光物业管理有限公司", ("重庆", "渝北", "示例晨光", "物业管理", "company", "")),
        ("重庆两江新区示例数联信息技术有限公司", ("重庆", "", "示例数联", "信息技术", "company", "")),
        ("示例云图（成都）科技有限公司", ("四川", "", "示例云图", "科技", "company", "")),
        ("示例海川建设集团有限公司重庆分公司", ("", "", "示例海川", "建设", "company", "重庆分公司")),
        ("示例理工大学土木工程学院", ("", "", "示例理工", "", "school 大学", "土木工程学院")),
        ("示例理工大学城市学院", ("", "", "示例理工大学", "城市", "school 学院", "")),
        ("重庆示例建筑设计研究院有限公司", ("重庆", "", "示例", "建筑", "institute", "")),
        ("", ("", "", "", "", "", "")),
    ],
)
def test_a_name_is_taken_apart(name, taken):
    assert parts(name) == taken


def test_a_former_name_in_brackets_is_kept_beside_the_name():
    found = names.take_apart("示例云脑科技有限公司（原名：示例智科电子有限公司）")
    assert (found.whole, found.former) == ("示例云脑科技有限公司", ("示例智科电子有限公司",))


@pytest.mark.parametrize(
    "one, other, former, code",
    [
        ("示例云岭物业服务有限公司", "示例 云岭物业服务有限公司", (), "same"),
        ("示例云岭物业", "重庆示例云岭物业服务有限公司", (), "short"),
        ("示例云岭物业服务有限公司北碚分公司", "示例云岭物业服务有限公司", (), "branch"),
        ("示例工学院", "示例理工大学", ("示例工学院",), "former"),
        ("示例云脑科技有限公司（原名：示例智科电子有限公司）", "示例智科电子有限公司", (), "former"),
        ("示例交大", "示例交通大学", (), "abbreviation"),
        ("示例交大", "示例交通职业技术学院", (), ""),
        ("", "示例交通大学", (), ""),
        ("示例交通大学", "  ", (), ""),
    ],
)
def test_each_likeness_has_its_reason(one, other, former, code):
    assert names.likeness(one, other, former) == code
    assert code == "" or names.LIKENESS[code]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.one}-{pair.other}")
def test_a_labelled_pair_is_as_like_turned_round(pair):
    there, back = names.likeness(pair.one, pair.other), names.likeness(pair.other, pair.one)
    if there in BOTH_WAYS or back in BOTH_WAYS:
        assert there == back


PIECES = ["重庆", "成都", "渝北区", "示例", "云岭", "第一", "物业", "科技", "建筑设计", "（重庆）", "集团", "有限公司", "大学",
          "学院", "分公司", "中心", "委员会", "附属", " ", "医院"]  # fmt: skip
NAMES = some.lists(some.sampled_from(PIECES), max_size=6).map("".join)


@given(NAMES, NAMES)
def test_any_two_names_are_as_like_turned_round(one, other):
    there, back = names.likeness(one, other), names.likeness(other, one)
    if there in BOTH_WAYS or back in BOTH_WAYS:
        assert there == back


@given(some.text(max_size=40))
def test_any_text_is_taken_apart_and_is_the_same_as_itself(text):
    whole = names.take_apart(text).whole
    assert names.likeness(text, text) == ("same" if whole else "")
