"""The officers' desk: which cases a query string asks for, in which order, and what a list of cases can say of each.

Hides: how a filter field, a word of the search line and an order become one question to the database. The page, the API,
bulk acts and exports ask here, so that all of them mean the same cases by the same query string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Q

from evaluation import work
from evaluation.desk_columns import COLUMNS, SHOWN, Column
from evaluation.desk_conditions import CONDITIONS, Asking, question
from evaluation.models.case import ApplicationQuerySet
from evaluation.models.desk import DeskChoice
from evaluation.permissions import visible_to
from evaluation.search_words import Word, words_of
from portal import clock
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

__all__ = ["COLUMNS", "SHOWN", "Column", "cells", "columns_of", "fetched", "narrowed", "query_of", "rows"]

SHOWS: Mapping[str, str] = {
    "mine": gettext_noop("等我办理"),
    "open": gettext_noop("在办"),
    "done": gettext_noop("办结"),
    "all": gettext_noop("全部"),
}
SPANS = ("due", "since")  # conditions that the form asks in two fields, _from and _to
ASKED = ("show", "q", *CONDITIONS, *(f"{name}_{end}" for name in SPANS for end in ("from", "to")), "sort")
MOST = 1000  # cases of one list that are counted and turned over; whoever has more narrows it


def query_of(params: Mapping[str, str]) -> str:
    """The query string that means the same cases in the same order: what asks nothing is left out."""
    return urlencode({name: params[name].strip() for name in ASKED if params.get(name, "").strip()})


def narrowed(params: Mapping[str, str]) -> bool:
    """Does the query string leave anything out beyond the choice between mine, open, done and all?"""
    return any(params.get(name, "").strip() for name in ASKED if name not in ("show", "sort"))


def rows(user: User, params: Mapping[str, str]) -> ApplicationQuerySet:
    """The cases that the queue of ``user`` shows for a query string, in its order; what they may not see is not among them.

    Raises Refused with all that is wrong in the query string: a wrong word never means more cases than were asked for.
    Text is looked for in the database at once, the rest when the rows are read.
    """
    problems: list[Problem] = []
    asked, asking = Q(), Asking(user)
    for word in _fields(params):
        asked &= _question(asking, word, word.key, problems)
    for word in _line(params.get("q", ""), problems):
        asked &= _question(asking, word, "q", problems)
    order = _order(params.get("sort", "").strip(), problems)
    shown = _shown(user, params.get("show", "").strip() or "mine", problems)
    if problems or shown is None:
        raise Refused(problems)
    return shown.exclude(state="draft").filter(asked).for_lists().order_by(*order, "pk")


def _question(asking: Asking, word: Word, place: str, problems: list[Problem]) -> Q:
    """What the database is asked for one word; what is wrong with it is told where it was written."""
    try:
        return question(asking, word)
    except Refused as refused:
        problems += (replace(problem, place=place) for problem in refused.problems)
        return Q()


def _fields(params: Mapping[str, str]) -> Iterator[Word]:
    """The fields of the form as words."""
    for name in CONDITIONS:
        value = params.get(name, "").strip()
        if not value and name in SPANS:
            first, last = (params.get(f"{name}_{end}", "").strip() for end in ("from", "to"))
            value = f"{first}..{last}" if first or last else ""
        if value:
            yield Word(name, (value,), False, value)


def _line(text: str, problems: list[Problem]) -> list[Word]:
    try:
        return words_of(text)
    except Refused as refused:
        problems += refused.problems
        return []


def _shown(user: User, show: str, problems: list[Problem]) -> Any:
    if show == "mine":
        return work.to_act(user)
    found: Any = visible_to(user)
    known = {"open": found.open, "done": found.done, "all": found.all}
    if show in known:
        return known[show]()
    words = {"value": show[:40], "names": "、".join(SHOWS)}
    problems.append(
        Problem("show_unknown", "show", gettext_noop("没有“%(value)s”这个范围，可以写：%(names)s。"), words)
    )
    return None


def _order(sort: str, problems: list[Problem]) -> list[Any]:
    """By a column of COLUMNS, "-" before it for downwards; what has no value comes last either way."""
    column = COLUMNS.get(sort.removeprefix("-") or "due")
    if column is None:
        message = gettext_noop("不能按“%(value)s”排序。")
        problems.append(Problem("sort_unknown", "sort", message, {"value": sort[:40]}))
        return []
    by: Any = column.sort()
    return [by.desc(nulls_last=True) if sort.startswith("-") else by.asc(nulls_last=True)]


# --- columns ------------------------------------------------------------------------------------------------------


def columns_of(user: User, params: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns that ``params["columns"]`` names (codes with commas between), else those that ``user`` keeps, else SHOWN."""
    codes = _known(params.get("columns", "").split(","))
    if not codes:
        codes = _known(choice_of(user).columns) or list(SHOWN)
    return tuple(COLUMNS[code] for code in codes)


def choice_of(user: User) -> DeskChoice:
    """What ``user`` chose for the own queue, read once a request; of whoever chose nothing an empty row."""
    kept: DeskChoice | None = user.__dict__.get("_desk_choice")
    if kept is None:
        kept = user.__dict__["_desk_choice"] = DeskChoice.objects.filter(user=user).first() or DeskChoice(user=user)
    return kept


def forget_choice(user: User) -> None:
    """It was changed: what ``choice_of`` keeps holds no more."""
    user.__dict__.pop("_desk_choice", None)


def _known(codes: Iterable[str]) -> list[str]:
    """In the order of the table; the community, by which a case is known and opened, is always among them."""
    wanted = set(codes) & set(COLUMNS)
    return [code for code in COLUMNS if code in wanted | {"community"}] if wanted else []


def fetched(found: ApplicationQuerySet, columns: Iterable[Column]) -> ApplicationQuerySet:
    """The cases with all that these columns say of them: a constant number of queries."""
    for column in columns:
        found = column.fetch(found)
    return found


def cells(found: Iterable[Any], columns: Iterable[Column]) -> Iterator[list[str]]:
    """What the columns say of each of the cases (``fetched``), in words; the calendar is read once."""
    columns, calendar = tuple(columns), clock.calendar()
    for row in found:
        yield [column.value(row, calendar) for column in columns]


# --- pages --------------------------------------------------------------------------------------------------------


class Pages(Paginator):
    """Pages of a long list, of which MOST rows are counted and turned over: neither a count nor a late page reads all.

    has_more: there are more than are counted.
    """

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @property
    def has_more(self) -> bool:
        return self._counted > MOST
