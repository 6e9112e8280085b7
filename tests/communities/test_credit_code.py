"""The unified social credit code: written in one way, and every slip of one character is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communities.credit_code import (
    ALPHABET,
    WEIGHTS,
    check_character,
    normalise,
    problem_of,
    with_check_character,
)

first17s = st.text(ALPHABET, min_size=17, max_size=17)
DEMO = "91500000MA5DEMA01"


def code_of(problem):
    return problem.code if problem else None


def test_the_alphabet_and_weights_are_those_of_the_standard():
    assert ALPHABET == "0123456789ABCDEFGHJKLMNPQRTUWXY"
    assert WEIGHTS == (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


@pytest.mark.parametrize(
    "first17, check",
    [
        ("0" * 17, "0"),  # the sum is 0; 31 - 0 is written 0
        ("1" + "0" * 16, "Y"),  # 31 - 1 = 30, the last character
        ("0" * 16 + "1", "3"),  # 31 - 28
        ("Y" + "0" * 16, "1"),  # 31 - 30
        ("0" * 15 + "A1", "D"),  # 10 * 30 + 28 = 328 = 10 * 31 + 18; 31 - 18 = 13
    ],
)
def test_the_check_character_is_what_a_hand_computes(first17, check):
    assert check_character(first17) == check
    assert problem_of(first17 + check) is None


@pytest.mark.parametrize(
    "typed",
    [
        "91500000MA5DEMA01",
        "  91500000ma5dema01\t",
        "\u3000９１５００００0MA5DEMA01\n",
        "９１５０００００ｍａ５ｄｅｍａ０１",
    ],
)
def test_spaces_case_and_width_do_not_matter(typed):
    assert normalise(typed) == DEMO


def test_letters_outside_ascii_are_left_alone_and_not_folded_into_legal_ones():
    assert normalise("ﬀß") == "ﬀß"


@given(st.text())
def test_normalising_twice_changes_nothing_more(text):
    assert normalise(normalise(text)) == normalise(text)


@given(first17s)
def test_a_code_with_its_check_character_is_right(first17):
    assert problem_of(with_check_character(first17)) is None


@given(first17s, st.integers(0, 17), st.characters())
def test_any_other_character_in_one_place_is_found(first17, place, character):
    code = with_check_character(first17)
    changed = code[:place] + character + code[place + 1 :]
    if character == code[place]:
        assert problem_of(changed) is None
    elif character in ALPHABET:
        assert code_of(problem_of(changed)) == "credit_code_check"
    else:
        assert code_of(problem_of(changed)) == "credit_code_character"


@pytest.mark.parametrize("place", range(18))
def test_every_substitution_in_every_place_of_one_code_is_found(place):
    code = with_check_character(DEMO)
    others = [code[:place] + character + code[place + 1 :] for character in ALPHABET if character != code[place]]
    assert {code_of(problem_of(other)) for other in others} == {"credit_code_check"}


@given(first17s, st.integers(0, 16), st.integers(1, 17))
def test_swapped_characters_are_found_except_the_first_with_the_last(first17, one, other):
    code = list(with_check_character(first17))
    before = list(code)
    code[one], code[other] = code[other], code[one]
    unseen = code == before or {one, other} == {0, 17}
    assert (problem_of("".join(code)) is None) == unseen


@pytest.mark.parametrize("length", [0, 1, 15, 17, 19, 36])
def test_a_wrong_length_is_said_with_the_length(length):
    problem = problem_of("1" * length)
    assert (problem.code, problem.place) == ("credit_code_length", "credit_code")
    assert problem.text() == f"统一社会信用代码应为 18 位，现为 {length} 位。请对照营业执照或登记证书更正。"


@pytest.mark.parametrize("letter", list("IOZSVioa-＊中"))
def test_a_character_outside_the_alphabet_is_said_with_its_place(letter):
    problem = problem_of("9150" + letter + "000MA5DEMA015")
    assert problem.code == "credit_code_character"
    assert f"不符的位次：5（{letter}）。" in problem.text()


def test_every_character_outside_the_alphabet_is_named():
    assert "不符的位次：1（O）、18（I）。" in problem_of("O1500000MA5DEMA01I").text()


def test_the_right_check_character_is_not_given_away():
    right = with_check_character(DEMO)
    wrong = DEMO + ("0" if right[-1] != "0" else "1")
    problem = problem_of(wrong)
    assert right[-1] == "Q"
    assert "Q" not in problem.text()
    assert dict(problem.params) == {}


@pytest.mark.parametrize("first17", ["", "1" * 16, "1" * 18, "1" * 16 + "I", "1" * 16 + "a"])
def test_a_check_character_is_computed_only_for_seventeen_legal_characters(first17):
    with pytest.raises(ValueError, match="not 17 characters"):
        check_character(first17)
