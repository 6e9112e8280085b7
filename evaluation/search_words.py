"""The words of a search line, cut apart: ``环节:形式审查 区县:渝北,江北 -暂停:是 "示例 小区"``.

Hides: full-width colons, commas, quotes and blanks, which mean the same as plain ones. Plain Python: which conditions there are,
and what their values mean, is the desk's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from portal.problems import Problem, Refused, gettext_noop

LONGEST = 200  # characters of a line
MOST = 12  # words of a line
QUOTES = {'"': '"', "“": "”", "”": "”", "「": "」", "＂": "＂"}
COLONS = ":："
COMMAS = re.compile("[,，、]")
MINUS = "-－"


@dataclass(frozen=True, slots=True)
class Word:
    """One condition: of ``key`` ("" for text that may stand anywhere) one of ``values`` holds, or none where negated.

    typed: as it was written, for sentences about it.
    """

    key: str
    values: tuple[str, ...]
    negated: bool
    typed: str


def words_of(line: str) -> list[Word]:
    """Cut a line into its words. Raises Refused with all that is wrong in it."""
    if len(line) > LONGEST:
        raise Refused([Problem("too_long", "q", gettext_noop("查找内容最多%(most)s个字。"), {"most": LONGEST})])
    pieces, problems = _pieces(line)
    words: list[Word] = []
    for piece in pieces:
        found = _word(piece)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            words.append(found)
    if len(words) > MOST:
        problems.append(Problem("too_many", "q", gettext_noop("一次最多写%(most)s个条件。"), {"most": MOST}))
    if problems:
        raise Refused(problems)
    return words


@dataclass(frozen=True, slots=True)
class Piece:
    """Text between blanks, without its quotes. quoted: which of its characters stood between them, and so separate nothing."""

    text: str
    quoted: list[bool]


def _pieces(line: str) -> tuple[list[Piece], list[Problem]]:
    """Cut at the blanks that no quotes enclose."""
    pieces: list[list[tuple[str, bool]]] = [[]]
    quotes, closing = [False], ""  # quotes: whether any stood in the piece, which may be empty otherwise
    for letter in line:
        if letter == closing or (not closing and letter in QUOTES):
            closing, quotes[-1] = "" if closing else QUOTES[letter], True
        elif letter.isspace() and not closing:
            pieces.append([])
            quotes.append(False)
        else:
            pieces[-1].append((letter, bool(closing)))
    kept = zip(pieces, quotes, strict=True)
    found = [Piece("".join(one for one, _in in row), [held for _one, held in row]) for row, said in kept if row or said]
    if not closing:
        return found, []
    message = gettext_noop("“%(word)s”前的引号没有配对的另一半，请在末尾补上，或删去引号。")
    return found, [Problem("quote_open", "q", message, {"word": found[-1].text[:40]})]


def _word(piece: Piece) -> Word | Problem:
    text, quoted = piece.text, piece.quoted
    negated = text[:1] in MINUS and bool(text) and not quoted[0]
    begin = int(negated)
    colon = next((at for at in range(begin, len(text)) if text[at] in COLONS and not quoted[at]), None)
    if colon is None:
        value = text[begin:].strip()
        return Word("", (value,), negated, text) if value else _empty(text)
    key, values = text[begin:colon], _values(text[colon + 1 :], quoted[colon + 1 :])
    return Word(key, values, negated, text) if values else _empty(text)


def _values(text: str, quoted: list[bool]) -> tuple[str, ...]:
    """The values after a colon, cut at the commas that no quotes enclose."""
    marked = "".join("\0" if COMMAS.match(letter) and not quoted[at] else letter for at, letter in enumerate(text))
    return tuple(value.strip() for value in marked.split("\0") if value.strip())


def _empty(typed: str) -> Problem:
    message = gettext_noop("“%(word)s”后面没有内容。写成“环节:形式审查”这样，冒号后不留空格；不要这一条件就删去它。")
    return Problem("word_empty", "q", message, {"word": typed[:40]})
