"""The unified social credit code (统一社会信用代码) of GB 32100-2015: 18 characters, the last one a check character.

Hides the alphabet, the weights and the arithmetic of the check character. Plain Python: parties of a case and employers
of experts are matched by this code, so everybody who compares two of them must write them the same way.

What the check character finds: every substitution of one character, and every swap of two characters except of the
first with the last (both weigh 1). It does not prove that the code was ever issued; the licence does.
"""

from __future__ import annotations

from portal.problems import Problem, gettext_noop

LENGTH = 18
# Without I, O, Z, S and V, which are too easily taken for 1, 0, 2, 5 and U.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
# 3 is a primitive root of 31, so that the 17 weights all differ.
WEIGHTS = tuple(pow(3, place, len(ALPHABET)) for place in range(LENGTH - 1))

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
# Only ASCII is folded: str.upper() would turn "ß" into "SS" and so change the length that people see.
_FOLDED = {code + 0xFEE0: code for code in range(0x21, 0x7F)} | {0x3000: 0x20}
_UPPER = {code: code - 0x20 for code in range(ord("a"), ord("z") + 1)}


def normalise(text: str) -> str:
    """Return ``text`` as codes are stored: half-width, trimmed, upper case. It may still be wrong: see problem_of."""
    return text.translate(_FOLDED).strip().translate(_UPPER)


def problem_of(code: str) -> Problem | None:
    """Return what is wrong with a normalised ``code``, or None.

    The right check character is not told: it would only hide a mistyped character elsewhere in the code.
    """
    if len(code) != LENGTH:
        return Problem(
            "credit_code_length",
            "credit_code",
            gettext_noop("统一社会信用代码应为 18 位，现为 %(length)d 位。请对照营业执照或登记证书更正。"),
            {"length": len(code)},
        )
    strangers = [(place, character) for place, character in enumerate(code, 1) if character not in _VALUES]
    if strangers:
        return Problem(
            "credit_code_character",
            "credit_code",
            gettext_noop(
                "统一社会信用代码只用数字和大写字母，且不用 I、O、Z、S、V；不符的位次：%(places)s。"
                "请对照营业执照或登记证书更正。"
            ),
            {"places": "、".join(f"{place}（{character}）" for place, character in strangers)},
        )
    if code != with_check_character(code[:-1]):
        return Problem(
            "credit_code_check",
            "credit_code",
            gettext_noop("统一社会信用代码的校验位与前 17 位不符，至少有一位写错。请对照营业执照或登记证书逐位核对。"),
        )
    return None


def check_character(first17: str) -> str:
    """Return the 18th character for the first 17 (GB 32100-2015, 31 minus the weighted sum modulo 31).

    ValueError where ``first17`` is not 17 characters of the alphabet.
    """
    if len(first17) != LENGTH - 1 or not set(first17) <= set(ALPHABET):
        raise ValueError(f"not 17 characters of {ALPHABET}: {first17!r}")
    weighted = sum(_VALUES[character] * weight for character, weight in zip(first17, WEIGHTS, strict=True))
    return ALPHABET[-weighted % len(ALPHABET)]


def with_check_character(first17: str) -> str:
    """Return a whole, formally valid code: how invented codes for demonstrations and tests are made."""
    return first17 + check_character(first17)
