"""Places in texts of messages: checked with every problem at its place, filled in and never understood as anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import message_places, message_texts
from portal.message_kinds import KINDS
from portal.message_places import OF_KIND, escaped, fill, problems_of

GOOD = ("决定：{案卷}", "{案卷}：{事项}。\n\n理由：{理由}\n\n查看：{链接}")


def found(subject, body, kind="decision"):
    return [(problem.code, problem.place, problem.params.get("line")) for problem in problems_of(kind, subject, body)]


def test_every_kind_of_message_has_its_places():
    assert set(OF_KIND) == set(KINDS)


def test_a_good_text_has_no_problem():
    assert found(*GOOD) == []


@pytest.mark.parametrize("subject, body, problems", [
    ("", "", [("required", "subject", None), ("required", "body", None), *[("place_missing", "body", None)] * 4]),
    (GOOD[0], GOOD[1] + "\n{姓名}", [("place_unknown", "body", 6)]),
    (GOOD[0], GOOD[1] + "\n\n{案卷", [("place_unclosed", "body", 7)]),
    (GOOD[0], GOOD[1] + "}", [("place_unopened", "body", 5)]),
    ("{anything} {", GOOD[1], [("place_unknown", "subject", 1), ("place_unclosed", "subject", 1)]),
    (GOOD[0], GOOD[1].replace("{理由}", ""), [("place_missing", "body", None)]),
    ("一行\n两行", GOOD[1], [("one_line", "subject", None)]),
    ("字" * 201, GOOD[1], [("too_long", "subject", None)]),
    (GOOD[0], GOOD[1] + "{{案卷}}", []),
    (GOOD[0], GOOD[1] + "{}", [("place_unknown", "body", 5)]),
    (GOOD[0], GOOD[1] + "{{ settings.SECRET_KEY }} {% debug %}", [("place_unknown", "body", 5)]),
])  # fmt: skip
def test_every_problem_is_told_at_its_place(subject, body, problems):
    assert found(subject, body) == problems


def test_a_line_with_nothing_to_say_is_left_out():
    values = {"案卷": "P-1", "事项": "未通过", "理由": "", "链接": "/"}
    assert fill(GOOD[1], values) == "P-1：未通过。\n\n查看：/"


@pytest.mark.parametrize("value", ["{链接}", "{{", "{% load i18n %}", "}"])
def test_what_is_filled_in_is_searched_no_more(value):
    assert fill("{案卷}", {"案卷": value, "链接": "secret"}) == value


@given(st.text(alphabet="{}案卷a\n", max_size=60))
def test_any_text_at_all_is_filled_and_checked_without_an_error(text):
    list(problems_of("decision", text, text))
    assert isinstance(fill(text, {"案卷": "x"}), str)


@given(st.text(alphabet="{}a案 ", max_size=30))
def test_an_escaped_text_means_itself(text):
    assert fill(escaped(text), {}) == text


@pytest.mark.parametrize("language", message_texts.LANGUAGES)
@pytest.mark.parametrize("kind", OF_KIND)
def test_the_portals_own_text_keeps_every_place_that_must_stay(kind, language):
    words = message_texts.default_of(kind, language)
    assert list(problems_of(kind, words.subject, words.body)) == []
    shown = words.filled(message_texts.samples_of(kind, language))
    assert not message_places.names_in(shown.subject + shown.body)
