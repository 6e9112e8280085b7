"""Numbers of resident identity cards (GB 11643-1999): eighteen places, the last a check character. Plain Python.

Hides the weights. Other papers (passports, permits of residence) have no check and are not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from portal.problems import Problem, gettext_noop

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
SHAPE = re.compile(r"[0-9]{17}[0-9X]")


def normalise(text: str) -> str:
    """As it is compared: without spaces, the check character large."""
    return "".join(text.split()).upper()


def looks_like_one(text: str) -> bool:
    """Whether somebody means the number of an identity card: eighteen digits, the last perhaps an X."""
    return SHAPE.fullmatch(normalise(text)) is not None


def check_character(places: str) -> str:
    """The last place of a number, from the seventeen before it."""
    return CHECKS[sum(weight * int(digit) for weight, digit in zip(WEIGHTS, places, strict=True)) % 11]


def problems_of(text: str) -> Iterator[Problem]:
    """Why a number that looks like one is none, at "identity"."""
    number = normalise(text)
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        yield Problem("identity_birth", "identity", gettext_noop("身份证件号码中的出生日期不存在，请核对。"))
        return
    if check_character(number[:17]) != number[17]:
        yield Problem("identity_check", "identity", gettext_noop("身份证件号码的校验码不对，请核对。"))
