"""What a figure 统计图表 is made of, and what it is asked: year, programme, district, and who asks.

Hides: how an address filter is read, so that a wrong one is told beside its field and never counts more than was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from communities.models import District, Parameter
from evaluation.models import Programme, StatisticsDay
from portal import conditional
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

FIRST_YEAR, YEARS_AHEAD = 2000, 5
FLOOR, LEAST = "statistics_floor", "statistics_least_awards"  # parameters
USUAL = {FLOOR: 5, LEAST: 3}  # where a portal has not been configured anew since they exist


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a table. link: address of the list of exactly as many rows; "" where there is none, or none for the reader."""

    value: Any
    link: str = ""


Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. kind: text, count, percent, points or days. drawn: whether the chart shows it."""

    code: str
    label: str
    kind: str = "count"
    drawn: bool = False
    is_name: bool = False  # its label is a name of the authority's (a level, say), not a word of ours


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked. year None: all years; programme, district "": all. user None: the public.

    day: today; counted: the newest nightly count.
    """

    day: date
    year: int | None = None
    programme: str = ""
    district: str = ""
    user: User | None = None
    counted: StatisticsDay | None = None  # without its figures: ``nightly`` reads them
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def chosen_year(self) -> int:
        """The year of what is told of one year only."""
        return self.year or self.day.year

    @property
    def district_names(self) -> dict[str, str]:
        """Code and name of every district, in the order of the codes."""
        if "districts" not in self.kept:
            self.kept["districts"] = dict(District.objects.order_by("code").values_list("code", "name"))
        return dict(self.kept["districts"])

    @property
    def district_name(self) -> str:
        """The name that published copies bear; "" for all districts."""
        return self.district_names[self.district] if self.district else ""

    @property
    def version(self) -> int:
        """The count of changes of anything public, read once: what is kept in memory holds while it stays the same."""
        if "version" not in self.kept:
            self.kept["version"] = conditional.version()
        return int(self.kept["version"])

    def nightly(self, name: str) -> list[Any]:
        """A part of the newest nightly count, [] where there is none yet."""
        row = self.counted
        return list(_nightly(row.pk, str(row.made_at)).get(name, ())) if row else []

    def parameter(self, code: str) -> int:
        """The value of a parameter, read once."""
        if "parameters" not in self.kept:
            rows = Parameter.objects.filter(code__in=USUAL)
            self.kept["parameters"] = dict(rows.values_list("code", "value"))
        return int(self.kept["parameters"].get(code, USUAL[code]))

    def query(self, **more: Any) -> str:
        """The filters as a query string, "" for none."""
        said = {"year": self.year, "programme": self.programme, "district": self.district, **more}
        return urlencode({name: value for name, value in said.items() if value not in (None, "")})

    def address(self, page: str, /, **query: Any) -> str:
        """The address of a page of the portal with a query."""
        found = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return reverse(page) + (f"?{found}" if found else "")


@lru_cache(maxsize=2)
def _nightly(pk: int, made_at: str) -> dict[str, Any]:
    """The figures of a nightly count, which never change: read once a process, since they may be long.

    Of one that the next night replaced while somebody asked: what took its place.
    """
    kept = StatisticsDay.objects.values_list("figures", flat=True)
    return kept.filter(pk=pk).first() or kept.filter(made_at__isnull=False).order_by("-day").first() or {}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. about: what it counts, in a sentence, with values out of ``words``; right: "" for everybody.

    columns: for what is asked; rows: the table; says: what it comes to, as a sentence with its values. narrowed_by: the
    filters that it heeds. shape: "bars" or "stacked".
    """

    code: str
    title: str
    about: str
    columns: Callable[[Asked], tuple[Column, ...]]
    rows: Callable[[Asked], list[Row]]
    says: Callable[[Asked, list[Row]], tuple[str, Mapping[str, Any]]]
    right: str = ""
    narrowed_by: tuple[str, ...] = ("year", "programme", "district")
    shape: str = "bars"
    words: Callable[[Asked], Mapping[str, Any]] = lambda asked: {}
    nightly: bool = False  # told as of the newest nightly count


# --- what is asked ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen, by code and name."""

    programmes: Mapping[str, str]
    districts: Mapping[str, str]


def choices() -> Choices:
    """What the filters offer. Two queries."""
    programmes = dict(Programme.objects.order_by("code").values_list("code", "name"))
    return Choices(programmes, dict(District.objects.order_by("code").values_list("code", "name")))


def ask(params: Mapping[str, str], user: User | None, known: Choices, counted: StatisticsDay | None) -> Asked:
    """What an address asks. Raises Refused with all that is wrong in it, each at its field."""
    day, problems = timezone.localdate(), []
    said = {name: params.get(name, "").strip() for name in ("year", "programme", "district")}
    last = day.year + YEARS_AHEAD
    year = _year(said["year"], last)
    if said["year"] and year is None:
        message = gettext_noop("年份应为 %(first)s 至 %(last)s。")
        problems.append(Problem("year", "year", message, {"first": FIRST_YEAR, "last": last}))
    problems += _unknown("programme", said["programme"], known.programmes, gettext_noop("没有评价类别“%(value)s”。"))
    problems += _unknown("district", said["district"], known.districts, gettext_noop("没有区县代码“%(value)s”。"))
    if problems:
        raise Refused(problems)
    person = user if user is not None and user.is_authenticated else None
    kept = {"districts": dict(known.districts)}
    return Asked(day, year, said["programme"], said["district"], person, counted, kept)


def _year(text: str, last: int) -> int | None:
    if not (len(text) == 4 and text.isascii() and text.isdecimal()):
        return None
    return int(text) if FIRST_YEAR <= int(text) <= last else None


def _unknown(place: str, value: str, known: Iterable[str], message: str) -> list[Problem]:
    shown = "".join(sign for sign in value[:20] if sign.isprintable())
    return [Problem(f"{place}_unknown", place, message, {"value": shown})] if value and value not in set(known) else []


# --- what rows are made of ----------------------------------------------------------------------------------------


def share(part: int, whole: int) -> int | None:
    """Whole percent, halves rounded up; None of nothing. Counted in whole numbers, so that every machine agrees."""
    return None if not whole else (200 * part + whole) // (2 * whole)


def total(rows: Iterable[Row], place: int) -> int:
    """The sum of a column; what is not told counts nothing."""
    return sum(row[place].value or 0 for row in rows)
