"""A search line is cut into words, whatever signs a Chinese keyboard puts between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.search_words import Word, words_of
from portal.problems import Refused


def cut(line):
    return [(word.key, word.values, word.negated) for word in words_of(line)]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("", []),
        (" 　\t", []),
        ("龙湾", [("", ("龙湾",), False)]),
        ("龙湾　一期", [("", ("龙湾",), False), ("", ("一期",), False)]),
        ("环节：形式审查", [("环节", ("形式审查",), False)]),
        ("区县:渝北,江北，南岸、渝中", [("区县", ("渝北", "江北", "南岸", "渝中"), False)]),
        ("-暂停:是 －云", [("暂停", ("是",), True), ("", ("云",), True)]),
        ("“金色 家园” \"a:b\" 「c,d」", [("", ("金色 家园",), False), ("", ("a:b",), False), ("", ("c,d",), False)]),
        ('小区:"龙 湖,两江",云', [("小区", ("龙 湖,两江", "云"), False)]),
        ('"-云"', [("", ("-云",), False)]),
        ("期限:2026-11-01..2026-11-30", [("期限", ("2026-11-01..2026-11-30",), False)]),
        ("编号:a:b", [("编号", ("a:b",), False)]),
    ],
)  # fmt: skip
def test_a_line_is_cut_at_blanks_colons_and_commas_outside_of_quotes(line, expected):
    assert cut(line) == expected


@pytest.mark.parametrize("line", ["环节:", "环节:,", "-", '""', "-“”", "环节: 形式审查"])
def test_a_word_without_content_is_refused(line):
    with pytest.raises(Refused) as caught:
        words_of(line)
    assert [problem.code for problem in caught.value.problems] == ["word_empty"]


@given(st.text(max_size=60))
def test_any_line_is_cut_or_refused_and_no_letter_is_made_up(line):
    words, codes = [], set()
    try:
        words = words_of(line)
    except Refused as refused:
        codes = {problem.code for problem in refused.problems}
    assert codes <= {"word_empty", "quote_open", "too_many"}
    assert all(isinstance(word, Word) and word.values and all(word.values) for word in words)
    assert {letter for word in words for value in word.values for letter in value} <= set(line)


@given(
    st.lists(
        st.text(st.characters(exclude_characters='"“”「」＂\0', exclude_categories=["Cs"]), min_size=1, max_size=8),
        max_size=5,
    )
)
def test_what_stands_in_quotes_is_found_as_it_was_written(parts):
    parts = [part.strip() for part in parts if part.strip()]
    assert [word.values for word in words_of(" ".join(f'"{part}"' for part in parts))] == [(part,) for part in parts]
