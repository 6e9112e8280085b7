"""Many communities at once from one workbook: read whole, judged whole, entered whole or not at all.

Hides: how cells become columns of the data sheet. What a sheet must say is decided by ``sheets`` alone; here it is only
said at which cell. A table that was judged can be kept as JSON between the look at it and the import.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from communities import geometry, sheets, wording, workbooks
from communities.models import Community, District, Organisation
from communities.permissions import RIGHTS
from communities.sheets import COMMUNITY_FIELDS, CONFIRMATIONS, REQUIRED, community_taken, problems_of
from communities.writing import authorise, unique
from portal import bounded, files
from portal.machine import hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

COLUMNS = (*COMMUNITY_FIELDS, *CONFIRMATIONS)
QUESTIONS = {"is_another": _("确认是另一个小区"), "is_outside": _("确认位置无误")}
QUESTION_HELP = _("导入时提示需要确认的，核对无误后填“是”。")
YES, NO = gettext_noop("是"), gettext_noop("否")
ANSWERS = {"是": YES, "否": NO, "yes": YES, "no": NO}  # in either language of the template
MOST_ROWS = 500  # communities in one workbook: about what a screen of problems can be read for
FIRST_ROW = 3  # below the headings and the line of help
DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d{2})(\d{2})")
NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")

Row = dict[str, str]  # column -> what the cell says, as text


@dataclass(frozen=True)
class Table:
    """What a workbook says. letters: column -> its letter; rows: number in the sheet -> row; faults: (row, column) of cells
    that cannot be read, with their problems: code and sentence."""

    letters: Mapping[str, str]
    rows: Mapping[int, Row]
    faults: Mapping[tuple[int, str], tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        """A table without faults, to be kept."""
        return {"letters": dict(self.letters), "rows": [[number, row] for number, row in self.rows.items()]}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Table:
        return cls(kept["letters"], dict(kept["rows"]), {})

    def place(self, number: int, name: str = "") -> str:
        """第 3 行 D 列 户数, in the reader's language."""
        if name not in self.letters:
            return gettext("第 %(row)s 行") % {"row": number}
        values = {"row": number, "column": self.letters[name], "label": heading(name)}
        return gettext("第 %(row)s 行 %(column)s 列 %(label)s") % values


def heading(name: str) -> str:
    """What stands above a column."""
    return str(QUESTIONS[name]) if name in QUESTIONS else wording.label(name)


def help_of(name: str) -> str:
    """What the second line of the template says of a column."""
    return str(QUESTION_HELP if name in QUESTIONS else Community._meta.get_field(name).help_text)


def template() -> bytes:
    """The empty workbook to be filled in, in the reader's language: headings, a line of help, choices."""
    choices = {
        "district": list(_in_use().values_list("name", flat=True)),
        **dict.fromkeys(CONFIRMATIONS, [gettext(YES), gettext(NO)]),
    }
    kinds = {"DateField": "day", "DecimalField": "number", "PositiveIntegerField": "whole"}
    columns = [
        workbooks.Column(
            heading=heading(name) + (" *" if name in REQUIRED else ""),
            help=help_of(name),
            kind="text" if name in choices else kinds.get(Community._meta.get_field(name).get_internal_type(), "text"),
            choices=choices.get(name, []),
        )
        for name in COLUMNS
    ]
    return workbooks.blank(gettext("小区"), columns, FIRST_ROW, FIRST_ROW - 1 + MOST_ROWS)


# --- reading ------------------------------------------------------------------------------------------------------


def read(upload: Any) -> Table:
    """The table in an uploaded workbook. Raises Refused where it is none, or its headings cannot be told."""
    with files.on_disk(upload) as path:
        found = bounded.call(workbooks.read, str(path), upload.name, FIRST_ROW - 1 + MOST_ROWS)
    cells = {(row, column): (kind, text) for row, column, kind, text in found["cells"]}
    names = _names_of_columns(cells)
    problems = [*_misshapen(found)]
    if problems:
        raise Refused(problems)
    rows: dict[int, Row] = {}
    faults: dict[tuple[int, str], tuple[str, str]] = {}
    for (number, column), (kind, text) in cells.items():
        if number == 1 or (number == FIRST_ROW - 1 and _is_help(cells, names)):
            continue
        if column not in names:
            where = {"row": number, "column": workbooks.letter(column)}
            message = gettext_noop("该列没有表头，不应填写内容。")
            raise Refused([Problem("column_without_heading", gettext("第 %(row)s 行 %(column)s 列") % where, message)])
        name = names[column]
        said = _text_of(name, kind, text)
        row = rows.setdefault(number, {})
        if isinstance(said, str):
            row[name] = said
        else:
            faults[number, name] = said
    rows = {number: row for number, row in sorted(rows.items()) if any(row.values()) or _has(faults, number)}
    if not rows:
        raise Refused(
            [Problem("table_empty", "", gettext_noop("表中没有可导入的小区；请从第 3 行起每行填写一个小区。"))]
        )
    return Table({name: workbooks.letter(column) for column, name in names.items()}, rows, faults)


def _has(faults: Mapping[tuple[int, str], Any], number: int) -> bool:
    return any(row == number for row, _name in faults)


def _names_of_columns(cells: Mapping[tuple[int, int], tuple[str, str]]) -> dict[int, str]:
    """Column number -> column of the sheet, from the first row. Raises Refused with every heading that is wrong."""
    known = _headings()
    found: dict[int, str] = {}
    problems = []
    for (row, column), (_kind, text) in cells.items():
        if row != 1:
            continue
        name, place = known.get(_plain(text)), gettext("第 1 行 %(column)s 列") % {"column": workbooks.letter(column)}
        if name is None:
            message = gettext_noop("表头“%(text)s”不是模板中的栏目。")
            problems.append(Problem("heading_unknown", place, message, {"text": text[:40]}))
        elif name in found.values():
            message = gettext_noop("表头“%(text)s”重复。")
            problems.append(Problem("heading_twice", place, message, {"text": text[:40]}))
        else:
            found[column] = name
    for name in REQUIRED:
        if name not in found.values():
            message = gettext_noop("第 1 行缺少表头“%(text)s”，请使用模板。")
            problems.append(Problem("heading_missing", "", message, {"text": heading(name)}))
    if problems:
        raise Refused(problems)
    return found


def _headings() -> dict[str, str]:
    """Heading, as ``_plain`` reads it, -> column, in every language that the template is made in."""
    found = {}
    for code, _label in settings.LANGUAGES:
        with translation.override(code):
            found |= {_plain(heading(name)): name for name in COLUMNS}
    return found


def _plain(text: str) -> str:
    """A heading without what differs by hand: width, case, spaces, the mark of a required column."""
    return re.sub(r"[\s*]", "", unicodedata.normalize("NFKC", text)).casefold()


def _is_help(cells: Mapping[tuple[int, int], tuple[str, str]], names: Mapping[int, str]) -> bool:
    """Whether the second row still holds the help of the template: somebody may have put a community there."""
    said = {names[column]: text for (row, column), (_kind, text) in cells.items() if row == 2 and column in names}
    for code, _label in settings.LANGUAGES:
        with translation.override(code):
            if any(text and text == help_of(name) for name, text in said.items()):
                return True
    return False


def _misshapen(found: Mapping[str, Any]) -> Iterator[Problem]:
    """What would make people see another table than we read."""
    for area in found["merged"][:MOST_ROWS]:
        yield Problem("merged", area, gettext_noop("请拆分合并的单元格，每格各填各的内容。"))
    for number in found["hidden_rows"]:
        place = gettext("第 %(row)s 行") % {"row": number}
        yield Problem("hidden_row", place, gettext_noop("该行被隐藏或筛选掉了，请取消隐藏或删去后再导入。"))
    for column in found["hidden_columns"]:
        place = gettext("%(column)s 列") % {"column": workbooks.letter(column)}
        yield Problem("hidden_column", place, gettext_noop("该列被隐藏，请取消隐藏或删去后再导入。"))


# --- cells --------------------------------------------------------------------------------------------------------

Fault = tuple[str, str]
FORMULA: Fault = ("formula", gettext_noop("不接受公式，请改填结果本身（选择性粘贴为数值）。"))
ERROR: Fault = ("cell_error", gettext_noop("单元格里是错误值，请改正。"))
NO_NUMBER: Fault = ("no_number", gettext_noop("应为数字。"))
NO_WHOLE: Fault = ("no_whole", gettext_noop("应为整数。"))
NO_DAY: Fault = ("no_day", gettext_noop("应为日期，如 2025-03-01。"))
NO_TEXT: Fault = ("no_text", gettext_noop("应为文字，单元格里是日期或逻辑值；请把单元格设为文本格式后重填。"))
TOO_LONG: Fault = ("digits_lost", gettext_noop("数字超过 15 位，末尾几位已丢失；请把单元格设为文本格式后重填。"))
NO_ANSWER: Fault = ("no_answer", gettext_noop("只能填“是”或“否”。"))


def _text_of(name: str, kind: str, text: str) -> str | Fault:
    """A cell as its column is kept: words, digits, a day in ISO form, 是; or what is wrong with it."""
    if kind in ("formula", "error"):
        return FORMULA if kind == "formula" else ERROR
    words = " ".join(text.split())
    if not words:
        return ""
    if name in CONFIRMATIONS:
        return _answer(kind, words)
    kept = Community._meta.get_field(name).get_internal_type()
    if kept == "DateField":
        return _day(kind, words)
    if kept in ("DecimalField", "PositiveIntegerField"):
        number = _number(kind, words)
        return NO_WHOLE if kept == "PositiveIntegerField" and "." in number else number
    if kind in ("day", "truth"):
        return NO_TEXT
    return TOO_LONG if kind == "number" and len(words.lstrip("-").replace(".", "")) > workbooks.DIGITS else words


def _number(kind: str, words: str) -> str | Fault:
    """Digits, also where they were typed as text, full-width or with commas between the thousands."""
    words = unicodedata.normalize("NFKC", words).replace(" ", "")
    if kind not in ("number", "text") or not NUMBER.fullmatch(words):
        return NO_NUMBER
    return re.sub(r"\.0+$", "", words.replace(",", ""))


def _day(kind: str, words: str) -> str | Fault:
    """A day, also where it was typed as text or as eight digits."""
    match = DAY.fullmatch(unicodedata.normalize("NFKC", words).replace(" ", "")) if kind != "truth" else None
    if match is None:
        return NO_DAY
    try:
        return date(*(int(part) for part in match.groups() if part)).isoformat()
    except ValueError:
        return NO_DAY


def _answer(kind: str, words: str) -> str | Fault:
    return ANSWERS.get(words.casefold(), NO_ANSWER) if kind == "text" else NO_ANSWER


def shown(table: Table) -> list[tuple[int, list[tuple[str, str]]]]:
    """Each row with its number, and heading and text of what it says: what is looked at before the import."""
    return [
        (number, [(heading(name), row[name]) for name in table.letters if row.get(name)])
        for number, row in table.rows.items()
    ]


# --- judging ------------------------------------------------------------------------------------------------------


def problems_in(organisation: Organisation, table: Table) -> list[Problem]:
    """Everything that is wrong with a table, cell by cell, in the order of the sheet."""
    found: list[tuple[int, int, Problem]] = []
    order, metres = {name: place for place, name in enumerate(table.letters)}, sheets.near_metres()
    districts = _districts()
    earlier: dict[int, dict[str, Any]] = {}
    for number, row in table.rows.items():
        faults = {name: fault for (line, name), fault in table.faults.items() if line == number}
        values, problems = _values(row, faults, districts)
        bad = {problem.place for problem in problems}
        problems += [one for one in _judged(organisation, values) if one.place not in bad]
        problems += _repeated(values, earlier, metres)
        earlier[number] = values
        found += [(number, order.get(one.place, len(order)), one) for one in problems]
    found.sort(key=lambda one: one[:2])
    return [Problem(one.code, table.place(number, one.place), one.message, one.params) for number, _at, one in found]


def _judged(organisation: Organisation, values: Mapping[str, Any]) -> Iterator[Problem]:
    return problems_of(organisation, sheets.cleaned(values), **sheets.confirmations(values))


def _values(
    row: Row, faults: Mapping[str, Fault], districts: Mapping[str, District]
) -> tuple[dict[str, Any], list[Problem]]:
    """The columns as the sheet keeps them, None where a cell is wrong, and what is wrong."""
    problems = [Problem(code, name, message) for name, (code, message) in faults.items()]
    values: dict[str, Any] = {name: row.get(name) == YES for name in CONFIRMATIONS}
    for name in COMMUNITY_FIELDS:
        text = row.get(name, "")
        values[name], problem = _district(text, districts) if name == "district" else _column(name, text)
        problems += [problem] if problem else []
    return values, problems


def _column(name: str, text: str) -> tuple[Any, Problem | None]:
    if not text:
        return None, None
    try:
        return Community._meta.get_field(name).clean(text, None), None
    except ValidationError as error:
        return None, Problem(error.error_list[0].code or "invalid", name, " ".join(error.messages))


def _districts() -> dict[str, District]:
    """Districts whose code is in use today, by name and by code."""
    rows = list(_in_use())
    return {row.name: row for row in rows} | {row.pk: row for row in rows}


def _in_use() -> Any:
    return District.objects.exclude(valid_until__lt=timezone.localdate())


def _district(text: str, districts: Mapping[str, District]) -> tuple[Any, Problem | None]:
    if not text or text in districts:
        return districts.get(text), None
    message = gettext_noop("没有“%(text)s”这个区县，请从下拉列表中选择。")
    return None, Problem("district_unknown", "district", message, {"text": text[:40]})


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
        districts = _districts()
        rows = [sheets.cleaned(_values(row, {}, districts)[0]) for row in table.rows.values()]
        return [sheets.enter(by, organisation, kept) for kept in rows]


def _refuse_wrong(organisation: Organisation, table: Table) -> None:
    problems = problems_in(organisation, table)
    taken = sum(problem.code == "community_taken" for problem in problems)
    if taken == len(table.rows):
        message = gettext_noop("表中 %(count)s 个小区都已登记，没有重复导入。")
        raise Refused([Problem("imported_before", "", message, {"count": taken})])
    if problems:
        raise Refused(problems)
