"""A table that people fill in, in a workbook: from its columns to a template, from an upload to rows whose cells have names.

Hides: the process in which a file is opened, how headings are told in every language and spelling, what would make people
see another table than we read, and how a cell becomes text. What the rows must say is decided by whoever has the columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext

from portal import bounded, files, workbooks
from portal.problems import Problem, Refused, gettext_noop

YES, NO = gettext_noop("是"), gettext_noop("否")
ANSWERS = {"是": YES, "否": NO, "yes": YES, "no": NO}  # in either language of the template
FIRST_ROW = 3  # below the headings and the line of help
DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d{2})(\d{2})")
NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")

Row = dict[str, str]  # column -> what the cell says, as text
Fault = tuple[str, str]  # code and sentence of a cell that cannot be read
Cells = Mapping[tuple[int, int], tuple[str, str]]  # row, column -> kind and text, as ``workbooks.read`` tells them
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Column:
    """One column. kind: "text", "number", "whole", "day" or "answer" (是 or 否); heading, help: lazily translated."""

    name: str
    heading: Any
    help: Any = ""
    kind: str = "text"
    required: bool = False


@dataclass(frozen=True)
class Layout:
    """What a workbook is asked for. title: of its sheet; empty: the sentence where no row is filled in."""

    title: Any
    columns: tuple[Column, ...]
    most_rows: int
    empty: str

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """Name -> column, in the order of the template."""
        return {column.name: column for column in self.columns}

    def template(self, choices: Mapping[str, list[str]], examples: Sequence[Mapping[str, Any]] = ()) -> bytes:
        """The empty workbook, in the reader's language. choices: column -> what may be chosen; examples: name -> cell."""
        columns = [
            workbooks.Column(
                heading=str(column.heading) + (" *" if column.required else ""),
                help=str(column.help),
                kind="text" if column.kind == "answer" else column.kind,
                choices=[gettext(YES), gettext(NO)] if column.kind == "answer" else choices.get(column.name, []),
            )
            for column in self.columns
        ]
        shown = [[row.get(column.name) for column in self.columns] for row in examples]
        return workbooks.blank(str(self.title), columns, FIRST_ROW, FIRST_ROW - 1 + self.most_rows, shown)

    def read(self, upload: Any) -> Table:
        """The table in an uploaded workbook. Raises Refused where it is none, or its headings cannot be told."""
        with files.on_disk(upload) as path:
            found = bounded.call(workbooks.read, str(path), upload.name, FIRST_ROW - 1 + self.most_rows)
        cells = {(row, column): (kind, text) for row, column, kind, text in found["cells"]}
        names = self._names_of_columns(cells)
        if problems := [*_misshapen(found, self.most_rows)]:
            raise Refused(problems)
        rows, faults = self._rows(cells, names)
        if not rows:
            raise Refused([Problem("table_empty", "", self.empty)])
        return Table(self, {name: workbooks.letter(column) for column, name in names.items()}, rows, faults)

    def kept(self, said: Mapping[str, Any]) -> Table:
        """A table as ``Table.as_json`` told it."""
        return Table(self, said["letters"], dict(said["rows"]), {})

    def _rows(self, cells: Cells, names: Mapping[int, str]) -> tuple[dict[int, Row], dict[tuple[int, str], Fault]]:
        """Rows in which anything stands, and the cells among them that cannot be read."""
        helps = self._is_help(cells, names)
        rows: dict[int, Row] = {}
        faults: dict[tuple[int, str], Fault] = {}
        for (number, column), (kind, text) in cells.items():
            if number == 1 or (number == FIRST_ROW - 1 and helps):
                continue
            if column not in names:
                where = {"row": number, "column": workbooks.letter(column)}
                message = gettext_noop("该列没有表头，不应填写内容。")
                raise Refused(
                    [Problem("column_without_heading", gettext("第 %(row)s 行 %(column)s 列") % where, message)]
                )
            name = names[column]
            said = text_of(self.by_name[name].kind, kind, text)
            row = rows.setdefault(number, {})
            if isinstance(said, str):
                row[name] = said
            else:
                faults[number, name] = said
        faulty = {number for number, _name in faults}
        return {number: row for number, row in sorted(rows.items()) if any(row.values()) or number in faulty}, faults

    def _names_of_columns(self, cells: Cells) -> dict[int, str]:
        """Column number -> its name, from the first row. Raises Refused with every heading that is wrong."""
        known = self._headings()
        found: dict[int, str] = {}
        problems = []
        for (row, column), (_kind, text) in cells.items():
            if row != 1:
                continue
            name, place = (
                known.get(_plain(text)),
                gettext("第 1 行 %(column)s 列") % {"column": workbooks.letter(column)},
            )
            if name is None:
                message = gettext_noop("表头“%(text)s”不是模板中的栏目。")
                problems.append(Problem("heading_unknown", place, message, {"text": text[:40]}))
            elif name in found.values():
                message = gettext_noop("表头“%(text)s”重复。")
                problems.append(Problem("heading_twice", place, message, {"text": text[:40]}))
            else:
                found[column] = name
        for wanted in self.columns:
            if wanted.required and wanted.name not in found.values():
                message = gettext_noop("第 1 行缺少表头“%(text)s”，请使用模板。")
                problems.append(Problem("heading_missing", "", message, {"text": str(wanted.heading)}))
        if problems:
            raise Refused(problems)
        return found

    def _headings(self) -> dict[str, str]:
        """Heading, as ``_plain`` reads it, -> column, in every language that the template is made in."""
        found: dict[str, str] = {}
        for code, _label in settings.LANGUAGES:
            with translation.override(code):
                found |= {_plain(str(column.heading)): column.name for column in self.columns}
        return found

    def _is_help(self, cells: Cells, names: Mapping[int, str]) -> bool:
        """Whether the second row still holds the help of the template: somebody may have filled in a row there."""
        said = {names[column]: text for (row, column), (_kind, text) in cells.items() if row == 2 and column in names}
        for code, _label in settings.LANGUAGES:
            with translation.override(code):
                if any(text and text == str(self.by_name[name].help) for name, text in said.items()):
                    return True
        return False


@dataclass(frozen=True)
class Table:
    """What a workbook says. letters: column -> its letter; rows: number in the sheet -> row; faults: (row, column) of cells
    that cannot be read, with their problems: code and sentence."""

    layout: Layout
    letters: Mapping[str, str]
    rows: Mapping[int, Row]
    faults: Mapping[tuple[int, str], Fault]

    def as_json(self) -> dict[str, Any]:
        """A table without faults, to be kept; ``Layout.kept`` reads it back."""
        return {"letters": dict(self.letters), "rows": [[number, row] for number, row in self.rows.items()]}

    def place(self, number: int, name: str = "") -> str:
        """第 3 行 D 列 户数, in the reader's language; a column that the table does not have is not named."""
        if name not in self.letters:
            return gettext("第 %(row)s 行") % {"row": number}
        values = {"row": number, "column": self.letters[name], "label": str(self.layout.by_name[name].heading)}
        return gettext("第 %(row)s 行 %(column)s 列 %(label)s") % values

    def faults_of(self, number: int) -> list[Problem]:
        """Problems of the cells of one row that cannot be read, each at the name of its column."""
        return [Problem(code, name, message) for (row, name), (code, message) in self.faults.items() if row == number]

    def located(self, found: Iterable[tuple[int, Problem]]) -> list[Problem]:
        """Problems of rows, each at the name of a column, put at their cells and in the order of the sheet."""
        order = {name: place for place, name in enumerate(self.letters)}
        placed = sorted(found, key=lambda one: (one[0], order.get(one[1].place, len(order))))
        return [Problem(one.code, self.place(number, one.place), one.message, one.params) for number, one in placed]

    def shown(self) -> list[tuple[int, list[tuple[str, str]]]]:
        """Each row with its number, and heading and text of what it says: what is looked at before an import."""
        headings = {column.name: str(column.heading) for column in self.layout.columns}
        return [
            (number, [(headings[name], row[name]) for name in self.letters if row.get(name)])
            for number, row in self.rows.items()
        ]


def _plain(text: str) -> str:
    """A heading without what differs by hand: width, case, spaces, the mark of a required column."""
    return re.sub(r"[\s*]", "", unicodedata.normalize("NFKC", text)).casefold()


def _misshapen(found: Mapping[str, Any], most: int) -> Iterator[Problem]:
    """What would make people see another table than we read."""
    for area in found["merged"][:most]:
        yield Problem("merged", area, gettext_noop("请拆分合并的单元格，每格各填各的内容。"))
    for number in found["hidden_rows"]:
        place = gettext("第 %(row)s 行") % {"row": number}
        yield Problem("hidden_row", place, gettext_noop("该行被隐藏或筛选掉了，请取消隐藏或删去后再导入。"))
    for column in found["hidden_columns"]:
        place = gettext("%(column)s 列") % {"column": workbooks.letter(column)}
        yield Problem("hidden_column", place, gettext_noop("该列被隐藏，请取消隐藏或删去后再导入。"))


# --- cells --------------------------------------------------------------------------------------------------------

FORMULA: Fault = ("formula", gettext_noop("不接受公式，请改填结果本身（选择性粘贴为数值）。"))
ERROR: Fault = ("cell_error", gettext_noop("单元格里是错误值，请改正。"))
NO_NUMBER: Fault = ("no_number", gettext_noop("应为数字。"))
NO_WHOLE: Fault = ("no_whole", gettext_noop("应为整数。"))
NO_DAY: Fault = ("no_day", gettext_noop("应为日期，如 2025-03-01。"))
NO_TEXT: Fault = ("no_text", gettext_noop("应为文字，单元格里是日期或逻辑值；请把单元格设为文本格式后重填。"))
TOO_LONG: Fault = ("digits_lost", gettext_noop("数字超过 15 位，末尾几位已丢失；请把单元格设为文本格式后重填。"))
NO_ANSWER: Fault = ("no_answer", gettext_noop("只能填“是”或“否”。"))


def text_of(wanted: str, kind: str, text: str) -> str | Fault:
    """A cell as its column is kept: words, digits, a day in ISO form, 是; or what is wrong with it.

    wanted: the kind of its ``Column``; kind: what the cell holds, as ``workbooks.read`` calls it.
    """
    if kind in ("formula", "error"):
        return FORMULA if kind == "formula" else ERROR
    words = " ".join(text.split())
    if not words:
        return ""
    if wanted in READERS:
        return READERS[wanted](kind, words)
    if kind in ("day", "truth"):
        return NO_TEXT
    return TOO_LONG if kind == "number" and len(words.lstrip("-").replace(".", "")) > workbooks.DIGITS else words


def _number(kind: str, words: str) -> str | Fault:
    """Digits, also where they were typed as text, full-width or with commas between the thousands."""
    words = unicodedata.normalize("NFKC", words).replace(" ", "")
    if kind not in ("number", "text") or not NUMBER.fullmatch(words):
        return NO_NUMBER
    return re.sub(r"\.0+$", "", words.replace(",", ""))


def _whole(kind: str, words: str) -> str | Fault:
    number = _number(kind, words)
    return NO_WHOLE if "." in number else number


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


READERS = {"number": _number, "whole": _whole, "day": _day, "answer": _answer}


def value_of(field: Any, name: str, text: str) -> tuple[Any, Problem | None]:
    """What a cell says as a column of a model keeps it, None for nothing; and what is wrong with it, at ``name``."""
    if not text:
        return None, None
    try:
        return field.clean(text, None), None
    except ValidationError as error:
        return None, Problem(error.error_list[0].code or "invalid", name, " ".join(error.messages))


def chosen(
    name: str, text: str, rows: Mapping[str, Thing], code: str, message: str
) -> tuple[Thing | None, Problem | None]:
    """The row that a cell names, None for nothing; where there is none the problem, whose message may hold %(text)s."""
    if not text or text in rows:
        return rows.get(text), None
    return None, Problem(code, name, message, {"text": text[:40]})
