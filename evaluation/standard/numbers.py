"""How a number of a document is understood: exactly.

Hides the difference between a decimal written in a file, the float that JSON storage gives back, and the fraction the
engine counts with. ``0.15`` is 15/100 everywhere, because a float is read through its shortest decimal text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

# Fifteen digits always survive the way through a float and back; a bounded exponent keeps hostile text cheap.
PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,14})(\.[0-9]{0,15})?([eE][-+]?[0-9]{1,2})?")


def exact(value: object) -> Fraction | None:
    """Return the exact value of an int, float, Decimal or Fraction; None for anything else, bool, NaN and infinity."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if isinstance(value, float | Decimal):
        return Fraction(repr(value) if isinstance(value, float) else value) if _is_finite(value) else None
    return None


def _is_finite(value: float | Decimal) -> bool:
    return Decimal(value).is_finite()


def from_text(text: str) -> int | float | None:
    """Return the number that a decimal text denotes, whole ones as int; None where a float cannot hold it exactly."""
    if not PLAIN_NUMBER.fullmatch(text):
        return None
    value = Fraction(text)
    if value.denominator == 1:
        return int(value) if abs(value) < 10**15 else None
    number = float(text)
    return number if Fraction(repr(number)) == value else None


def without_idle_decimals(value: object) -> object:
    """Return a plain document in which every whole float is an int, so that 3.0 and 3 are written alike."""
    if isinstance(value, dict):
        return {key: without_idle_decimals(member) for key, member in value.items()}
    if isinstance(value, list):
        return [without_idle_decimals(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@lru_cache(maxsize=4096)
def to_text(value: Fraction) -> str:
    """Return a fraction as decimal text: exact where the decimal ends, else rounded half-up to six digits."""
    rest, places = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        places = max(places, count)
    return rounded_text(value, 6).rstrip("0").rstrip(".") if rest > 1 else rounded_text(value, places)


def rounded(value: Fraction, digits: int) -> Fraction:
    """Return the value rounded half-up to so many decimal digits."""
    scale = 10**digits
    return Fraction((2 * value * scale + 1) // 2, scale)


def rounded_text(value: Fraction, digits: int) -> str:
    """Return the value rounded half-up and written with exactly so many decimal digits."""
    scaled = int(rounded(value, digits) * 10**digits)
    whole, part = divmod(abs(scaled), 10**digits)
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"
