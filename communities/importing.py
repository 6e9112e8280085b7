"""Many communities at once from one workbook: judged whole, entered whole or not at all.

Hides: how the columns of the data sheet become those of a table. What a sheet must say is decided by ``sheets`` alone, how
a workbook is read by ``portal.tables``. A table that was judged can be kept as JSON between the look at it and the import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities import geometry, sheets
from communities.models import Community, District, Organisation
from communities.permissions import RIGHTS
from communities.sheets import COMMUNITY_FIELDS, CONFIRMATIONS, REQUIRED, community_taken, problems_of
from communities.writing import authorise, unique
from portal import tables
from portal.machine import hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop
from portal.tables import YES, Column, Row, Table

QUESTIONS = {"is_another": _("确认是另一个小区"), "is_outside": _("确认位置无误")}
QUESTION_HELP = _("导入时提示需要确认的，核对无误后填“是”。")
MOST_ROWS = 500  # communities in one workbook: about what a screen of problems can be read for
KINDS = {"DateField": "day", "DecimalField": "number", "PositiveIntegerField": "whole"}


def _column_of(name: str) -> Column:
    kept: Any = Community._meta.get_field(name)
    return Column(
        name, kept.verbose_name, kept.help_text, KINDS.get(kept.get_internal_type(), "text"), name in REQUIRED
    )


LAYOUT = tables.Layout(
    title=_("小区"),
    columns=(
        *(_column_of(name) for name in COMMUNITY_FIELDS),
        *(Column(name, QUESTIONS[name], QUESTION_HELP, "answer") for name in CONFIRMATIONS),
    ),
    most_rows=MOST_ROWS,
    empty=gettext_noop("表中没有可导入的小区；请从第 3 行起每行填写一个小区。"),
)


def template() -> bytes:
    """The empty workbook to be filled in, in the reader's language: headings, a line of help, choices."""
    return LAYOUT.template({"district": list(districts_in_use().values_list("name", flat=True))})


# --- judging ------------------------------------------------------------------------------------------------------


def problems_in(organisation: Organisation, table: Table) -> list[Problem]:
    """Everything that is wrong with a table, cell by cell, in the order of the sheet."""
    found: list[tuple[int, Problem]] = []
    metres, districts = sheets.near_metres(), districts_by_word()
    earlier: dict[int, dict[str, Any]] = {}
    for number, row in table.rows.items():
        values, problems = _values(row, districts)
        problems = [*table.faults_of(number), *problems]
        bad = {problem.place for problem in problems}
        problems += [one for one in _judged(organisation, values) if one.place not in bad]
        problems += _repeated(values, earlier, metres)
        earlier[number] = values
        found += [(number, one) for one in problems]
    return table.located(found)


def _judged(organisation: Organisation, values: Mapping[str, Any]) -> Iterator[Problem]:
    return problems_of(organisation, sheets.cleaned(values), **sheets.confirmations(values))


def _values(row: Row, districts: Mapping[str, District]) -> tuple[dict[str, Any], list[Problem]]:
    """The columns as the sheet keeps them, None where a cell is wrong, and what is wrong."""
    problems: list[Problem] = []
    values: dict[str, Any] = {name: row.get(name) == YES for name in CONFIRMATIONS}
    for name in COMMUNITY_FIELDS:
        text = row.get(name, "")
        if name == "district":
            values[name], problem = district_of(text, districts)
        else:
            values[name], problem = tables.value_of(Community._meta.get_field(name), name, text)
        problems += [problem] if problem else []
    return values, problems


def districts_by_word() -> dict[str, District]:
    """Districts whose code is in use today, by name and by code."""
    rows = list(districts_in_use())
    return {row.name: row for row in rows} | {row.pk: row for row in rows}


def districts_in_use() -> Any:
    """Districts that may be chosen today."""
    return District.objects.exclude(valid_until__lt=timezone.localdate())


def district_of(text: str, districts: Mapping[str, District]) -> tuple[District | None, Problem | None]:
    """The district that a cell of a column "district" names, and what is wrong with it."""
    message = gettext_noop("没有“%(text)s”这个区县，请从下拉列表中选择。")
    return tables.chosen("district", text, districts, "district_unknown", message)


def _repeated(values: Mapping[str, Any], earlier: Mapping[int, Mapping[str, Any]], metres: int) -> Iterator[Problem]:
    """Rows above that say the same community: the same name is refused, one that reads so or lies close is asked about."""
    for number, other in earlier.items():
        params = {"row": number}
        if values["name"] and other["name"] and values["district"] and values["district"] is other["district"]:
            if values["name"] == other["name"]:
                yield Problem("row_twice", "name", gettext_noop("与第 %(row)s 行重复。"), params)
                continue
            if not values["is_another"] and sheets.reading(values["name"]) == sheets.reading(other["name"]):
                message = gettext_noop(
                    "与第 %(row)s 行名称相同或相近。如果不是同一个小区，请在“确认是另一个小区”一栏填“是”。"
                )
                yield Problem("row_namesake", "name", message, params)
        if not values["is_another"] and _close(values, other, metres):
            message = gettext_noop("与第 %(row)s 行相距过近。如果不是同一个小区，请在“确认是另一个小区”一栏填“是”。")
            yield Problem("row_near", "latitude", message, params)


def _close(values: Mapping[str, Any], other: Mapping[str, Any], metres: int) -> bool:
    one, two = sheets.point_of(values), sheets.point_of(other)
    return one is not None and two is not None and geometry.metres_between(one, two) <= metres


# --- writing ------------------------------------------------------------------------------------------------------


def check(by: User, organisation: Organisation, table: Table) -> None:
    """Raise NotAllowed, or Refused with everything that is wrong with a table; write nothing."""
    authorise(by, "register_community", organisation)
    _refuse_wrong(organisation, table)


def import_communities(by: User, organisation: Organisation, table: Table) -> list[Community]:
    """Register every community of a table, or none. Raises NotAllowed, Stale, Refused as ``check`` does.

    The same table twice is refused the second time, since everything in it is registered.
    """
    authorise(by, "register_community", organisation)
    with unique(community_taken()), transaction.atomic():
        # Held first, so that of two presses at once the second judges what the first one wrote.
        hold(organisation, *RIGHTS["register_community"][1])
        _refuse_wrong(organisation, table)
        districts = districts_by_word()
        rows = [sheets.cleaned(_values(row, districts)[0]) for row in table.rows.values()]
        return [sheets.enter(by, organisation, kept) for kept in rows]


def _refuse_wrong(organisation: Organisation, table: Table) -> None:
    problems = problems_in(organisation, table)
    taken = sum(problem.code == "community_taken" for problem in problems)
    if taken == len(table.rows):
        message = gettext_noop("表中 %(count)s 个小区都已登记，没有重复导入。")
        raise Refused([Problem("imported_before", "", message, {"count": taken})])
    if problems:
        raise Refused(problems)
