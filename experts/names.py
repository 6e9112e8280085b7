"""Do two names of organisations mean the same one? A suggestion with its reason, never a decision.

Hides how a Chinese organisation's name is taken apart: region, the distinguishing name 字号, trade and legal form, in the
order of the 企业名称登记管理规定 (article 6), with branches and former names beside it. Plain Python. The portal matches
parties by credit code alone; where a person knows only a name, this points at whom to look at. How often it is right is
measured in ``tests/experts/test_names.py`` on a labelled set.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from portal.problems import gettext_noop

WORDS = Path(__file__).with_name("organisation_words.yaml")
DISTRICTS = Path(__file__).parent.parent / "communities" / "districts.csv"
FORMER = re.compile(r"\((?:原名|原为|原|曾用名|旧称)[::]?([^()]+)\)")
SHORTEST_CORE = 2
ABBREVIATION, BODY_ABBREVIATION = range(3, 6), range(3, 9)  # characters; authorities are shortened less
REMEMBERED = 20_000  # names taken apart: a pool of 2,000 experts is compared with every case

# How two names are alike: code -> sentence for whoever decides.
LIKENESS: Mapping[str, str] = MappingProxyType(
    {
        "same": gettext_noop("名称相同"),
        "short": gettext_noop("一个像是另一个的简称"),
        "branch": gettext_noop("一个像是另一个的分支机构或内设部门"),
        "former": gettext_noop("与曾用名相同或相近"),
        "abbreviation": gettext_noop("一个像是另一个的缩写"),
    }
)


@dataclass(frozen=True, slots=True)
class Parts:
    """A name taken apart. province, district: "" where it names none.

    kind: company, partnership, institute, school, body or "". registered: it ends as a registered company's name does.
    """

    whole: str
    province: str
    district: str
    core: str
    trade: str
    kind: str
    branch: str
    registered: bool
    former: tuple[str, ...]


def likeness(one: str, other: str, former: Iterable[str] = ()) -> str:
    """Return how two names are alike, a code of LIKENESS, or "" where nothing suggests the same organisation.

    former: earlier names of ``other`` that are on record.
    """
    first, second = take_apart(one), take_apart(other)
    if not first.whole or not second.whole:
        return ""
    if found := _alike(first, second):
        return found
    earlier = [*former, *second.former]
    if any(_alike(first, take_apart(name)) for name in earlier):
        return "former"
    return "former" if any(_alike(take_apart(name), second) for name in first.former) else ""


@lru_cache(maxsize=REMEMBERED)
def take_apart(name: str) -> Parts:
    """Return the parts of a name. Full-width forms, spaces, case and punctuation do not matter."""
    text = re.sub(r"[\s·.,\-_、。,《》\"'“”]+", "", unicodedata.normalize("NFKC", name)).upper()
    text, former = FORMER.sub("", text), tuple(FORMER.findall(text))
    province, text = _bracketed_region(text)
    text = re.sub(r"[()]", "", text)
    main, branch = _split_branch(text)
    kind, rest = _strip_form(main)
    named, district, rest = _strip_regions(rest)
    core, trade = _strip_trade(rest)
    return Parts(main, province or named, district, core, trade, kind, branch, main.endswith("公司"), former)


# --- comparing ----------------------------------------------------------------------------------------------------


def _alike(one: Parts, other: Parts) -> str:
    if _elsewhere(one.province, other.province) or _elsewhere(one.district, other.district):
        return ""
    if one.whole == other.whole:
        return "same" if one.branch == other.branch else "branch"
    if (
        len(one.core) >= SHORTEST_CORE
        and one.core == other.core
        and _kinds_agree(one, other)
        and _trades_agree(one, other)
    ):
        return "branch" if bool(one.branch) != bool(other.branch) else "short"
    long, short = (one, other) if len(one.whole) >= len(other.whole) else (other, one)
    return "abbreviation" if _abbreviates(short, long) else ""


def _elsewhere(one: str, other: str) -> bool:
    """Both say where they are, and it is not the same place."""
    return bool(one and other) and one != other


def _kinds_agree(one: Parts, other: Parts) -> bool:
    """A company and its institute bear one name; a university and a college do not."""
    if one.kind.startswith("school") or other.kind.startswith("school"):
        return one.kind == other.kind or not (one.kind and other.kind)
    return "body" not in (one.kind, other.kind) or one.kind == other.kind


def _trades_agree(one: Parts, other: Parts) -> bool:
    """One says nothing of its trade, or says it more shortly: every character of the shorter stands in the longer, in order.

    Two registered names whose trades end differently (科技, 科技投资) are a company and its sister.
    """
    short, long = sorted((one.trade, other.trade), key=len)
    if short and one.registered and other.registered and short[-1] != long[-1]:
        return False
    return _is_within(short, long)


def _abbreviates(short: Parts, long: Parts) -> bool:
    """A few characters picked in order, from the beginning of the name to its end: 示例理工大学 -> 示理大."""
    lengths = BODY_ABBREVIATION if long.kind == "body" else ABBREVIATION
    if len(short.whole) not in lengths or short.branch or len(long.whole) <= len(short.whole):
        return False
    if len(long.whole) - len(short.whole) == 1 and not (long.whole.endswith("大学") and short.whole.endswith("大")):
        return False  # a character more is another name (示例云, 示例云岭)
    if any(word in long.whole and word[0] not in short.whole for word in _words()["telling"]):
        return False
    start = long.whole.find(long.core) if long.core else 0
    begins = short.whole[0] in (long.whole[0], long.whole[start])
    ends = short.whole[-1] in long.whole[start + len(long.core) :] or long.whole.endswith(short.whole[-1])
    return begins and ends and _is_within(short.whole, long.whole)


def _is_within(short: str, long: str) -> bool:
    """Tell whether the characters of ``short`` stand in ``long`` in this order."""
    rest = iter(long)
    return all(character in rest for character in short)


# --- taking apart -------------------------------------------------------------------------------------------------


@cache
def _words() -> dict[str, Any]:
    """The word lists, each longest first, so that 有限责任公司 is not read as 公司."""
    said = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    found: dict[str, Any] = {
        key: sorted(words, key=len, reverse=True) for key, words in said.items() if isinstance(words, list)
    }
    found["places"] = {**{name: name for name in said["regions"]}, **said["cities"]}
    with DISTRICTS.open(encoding="utf-8") as rows:
        named = {re.sub(r"(?:土家族|苗族)*自治县$|[区县]$", "", row["name"]) for row in csv.DictReader(rows)}
    # One character more would cut into distinguishing names.
    found["districts"] = sorted((name for name in named if len(name) >= SHORTEST_CORE), key=len, reverse=True)
    return found


@cache
def _region() -> re.Pattern[str]:
    """A region with which a name begins."""
    words = _words()
    return re.compile(
        rf"(?:(?P<place>{'|'.join(words['places'])})[省市]?|(?P<district>{'|'.join(words['districts'])})(?:自治县|新区|区|县)?"
        rf"|{'|'.join(words['everywhere'])}|[一-鿿]{{2,3}}?新区|(?P<other>[一-鿿]{{2,3}}?)(?:自治县|区|县))"
    )


@cache
def _bracketed() -> re.Pattern[str]:
    return re.compile(rf"\((?P<place>{'|'.join(_words()['places'])})[省市]?\)")


def _kinds() -> Iterable[tuple[str, Sequence[str]]]:
    words = _words()
    yield "company", words["companies"]
    yield "partnership", words["partnerships"]
    for word in words["schools"]:
        yield f"school {word}", (word,)
    yield "institute", words["institutes"]
    yield "body", words["bodies"]


def _bracketed_region(text: str) -> tuple[str, str]:
    """Province of a region in brackets, and the name without it: 示例物业(重庆)有限公司."""
    found = _bracketed().search(text)
    if found is None:
        return "", text
    return _words()["places"][found["place"]], text[: found.start()] + text[found.end() :]


def _split_branch(text: str) -> tuple[str, str]:
    """The organisation, and the branch that is named behind it."""
    words = _words()
    ends = (*words["companies"], *words["schools"], *words["institutes"][:-1], *words["partnerships"])
    if not text.endswith(tuple(words["branches"])):
        return text, ""
    for place in range(SHORTEST_CORE + 1, len(text)):
        main, branch = text[:place], text[place:]
        if main.endswith(ends) and not _continues(branch):
            return (main, branch) if _belongs(main, branch) else (text, "")
    return text, ""


def _belongs(main: str, branch: str) -> bool:
    """A faculty is named after what it teaches; a college that is not is an independent one with its university's name."""
    if not (main.endswith("大学") and branch.endswith("学院")):
        return True
    return any(word in branch for word in _words()["disciplines"])


def _continues(rest: str) -> bool:
    """Tell whether the legal form goes on: 集团 + 有限公司 is one form, not a branch."""
    words = _words()
    return rest.startswith(tuple(words["companies"])) or rest in [*words["institutes"], *words["schools"]]


def _strip_form(text: str) -> tuple[str, str]:
    """Kind of organisation, and the name without its legal form. 集团 before 公司 goes with it."""
    for kind, forms in _kinds():
        for form in forms:
            if text.endswith(form) and len(text) - len(form) >= SHORTEST_CORE:
                rest = text.removesuffix(form)
                if kind == "company":
                    again, shorter = _strip_form(rest)
                    return (again, shorter) if again in ("company", "institute") else (kind, rest)
                return kind, rest
    return "", text


def _strip_regions(text: str) -> tuple[str, str, str]:
    """Province and district that the name begins with, and the name behind all leading regions."""
    province = district = ""
    places = _words()["places"]
    while (found := _region().match(text)) and len(text) - found.end() >= SHORTEST_CORE:
        province = province or places.get(found["place"] or "", "")
        district = district or found["district"] or found["other"] or ""
        text = text[found.end() :]
    return province, district, text


def _strip_trade(text: str) -> tuple[str, str]:
    """The distinguishing name, and the words of trade behind it."""
    trade = ""
    while True:
        word = next(
            (word for word in _words()["trades"] if text.endswith(word) and len(text) - len(word) >= SHORTEST_CORE), ""
        )
        if not word:
            return text, trade
        text, trade = text.removesuffix(word), word + trade
