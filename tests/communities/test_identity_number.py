"""Numbers of identity cards: the check character, and what is not looked at."""

import pytest

from communities import identity_number


@pytest.mark.parametrize(
    "number, problems",
    [
        ("11010519491231002X", []),  # the sample of GB 11643-1999
        ("440524188001010014", []),  # and the other one
        ("11010519491231002x", []),
        (" 110105 19491231 002X ", []),
        ("110105194912310021", ["identity_check"]),
        ("110105194913310025", ["identity_birth"]),
        ("000000000000000000", ["identity_birth"]),
    ],
)
def test_a_number_is_checked_by_its_day_of_birth_and_its_last_place(number, problems):
    assert identity_number.looks_like_one(number)
    assert [problem.code for problem in identity_number.problems_of(number)] == problems


@pytest.mark.parametrize("place", range(17))
def test_no_single_wrong_digit_passes(place):
    number = "11010519491231002X"
    passed = [
        digit
        for digit in "0123456789"
        if digit != number[place]
        and identity_number.check_character(number[:place] + digit + number[place + 1 : 17]) == "X"
    ]
    assert passed == []


@pytest.mark.parametrize(
    "text", ["E12345678", "示例证件号码001", "", "1" * 15, "1" * 17, "1" * 19, "１" * 18, "1101051949123100²X"]
)
def test_other_papers_are_not_looked_at(text):
    assert not identity_number.looks_like_one(text)
