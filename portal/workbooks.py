"""A stranger's workbook as plain cells: what stands where in its first visible sheet, and what must not stand there.
And the other way round: an empty table to be filled in.

Hides: openpyxl and the XML below it. ``read`` is called in a process of its own (``portal.bounded``): its answer is what
JSON can hold. It knows nothing of what a table is about.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from portal import files
from portal.problems import Problem, Refused, gettext_noop

MEGABYTE = 1024 * 1024
LARGEST = 2 * MEGABYTE  # bytes of the file
UNPACKED = 40 * MEGABYTE  # bytes of all its parts
WIDEST = 60  # columns
CHUNK = 64 * 1024
UNREADABLE = gettext_noop("工作表读不出来；请用办公软件另存为 .xlsx 后重新上传。")
DIGITS = 15  # as many as a spreadsheet keeps of a number


def read(path: str, name: str, most_rows: int) -> dict[str, Any]:
    """Return {"cells": [[row, column, kind, text]], "hidden_rows", "hidden_columns", "merged"} of the first sheet.

    row, column: from 1; kind: "text", "number" (as digits), "day" (ISO), "truth", "formula" or "error". hidden: numbers;
    merged: ranges ("A3:B4"). Raises Refused for a file that is no workbook, or larger than ``most_rows``, ``WIDEST``.
    """
    with Path(path).open("rb") as stream:
        files.inspect(stream, name, allowed=("xlsx",), max_bytes=LARGEST)
        _refuse_heavy(stream)
        stream.seek(0)
        workbook = load_workbook(stream, read_only=True, data_only=False, keep_links=False)
        try:
            sheet = next((one for one in workbook.worksheets if one.sheet_state == "visible"), None)
            if sheet is None:
                raise _refused("sheet_missing", gettext_noop("工作簿里没有可见的工作表。"))
            # A read-only sheet tells nothing of hidden rows and merged cells: its part is read once more.
            shape = _shape(stream, sheet._worksheet_path)
            if shape.last_row > most_rows:
                message = gettext_noop("表格超过 %(most)s 行；请拆成几个文件分别导入。")
                raise _refused("too_many_rows", message, most=most_rows)
            if shape.last_column > WIDEST:
                message = gettext_noop("表格超过 %(most)s 列；请使用模板。")
                raise _refused("too_many_columns", message, most=WIDEST)
            cells = _all_cells(sheet, shape) if shape.last_row else []
        finally:
            workbook.close()
    return {
        "cells": cells,
        "hidden_rows": sorted(shape.hidden_rows & shape.used_rows),
        "hidden_columns": sorted(number for number in shape.hidden_columns if number <= shape.last_column),
        "merged": shape.merged,
    }


def _refused(code: str, message: str, **params: object) -> Refused:
    return Refused([Problem(code, "", message, params)])


def _refuse_heavy(stream: Any) -> None:
    """Refuse what unpacks to more than a table of words and numbers needs; the rest was seen by ``files.inspect``."""
    stream.seek(0)
    with zipfile.ZipFile(stream) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > UNPACKED:
            raise _refused("archive_too_large", gettext_noop("文件解压后过大；请只保留填写的表格，删去图片等内容。"))


@dataclass
class Shape:
    """What the XML of a sheet says besides its cells. last_row, last_column: the last that hold anything."""

    last_row: int = 0
    last_column: int = 0
    used_rows: set[int] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    merged: list[str] = field(default_factory=list)


class _Reader:
    """Follows the elements of a sheet (ECMA-376, 18.3.1) as they come; rows and cells without a number count on."""

    def __init__(self) -> None:
        self.shape = Shape()
        self.row = 0
        self.column = 0

    def start(self, element: str, attributes: dict[str, str]) -> None:
        act = getattr(self, f"start_{element.rpartition(':')[2]}", None)
        if act:
            act(attributes)

    def start_col(self, attributes: dict[str, str]) -> None:
        if attributes.get("hidden") in ("1", "true"):
            first, last = int(attributes["min"]), min(int(attributes["max"]), WIDEST)
            self.shape.hidden_columns.update(range(first, last + 1))

    def start_row(self, attributes: dict[str, str]) -> None:
        self.row = int(attributes["r"]) if "r" in attributes else self.row + 1
        self.column = 0
        if attributes.get("hidden") in ("1", "true"):
            self.shape.hidden_rows.add(self.row)

    def start_c(self, attributes: dict[str, str]) -> None:
        letters = attributes.get("r", "").rstrip("0123456789")
        self.column = column_index_from_string(letters) if letters else self.column + 1

    def start_v(self, attributes: dict[str, str]) -> None:
        shape = self.shape
        shape.used_rows.add(self.row)
        shape.last_row, shape.last_column = max(shape.last_row, self.row), max(shape.last_column, self.column)

    start_is = start_f = start_v

    # ``is`` and ``f`` are the other two elements that fill a cell; ``mergeCell`` is camel case in the standard.
    def start_mergeCell(self, attributes: dict[str, str]) -> None:
        self.shape.merged.append(attributes["ref"])


def _shape(stream: Any, part: str) -> Shape:
    """Read the XML of one sheet to its end without keeping it."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive, archive.open(part.lstrip("/")) as source:
            while chunk := source.read(CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except (expat.ExpatError, KeyError, ValueError) as error:
        raise _refused("sheet_unreadable", UNREADABLE) from error
    return reader.shape


def _all_cells(sheet: Any, shape: Shape) -> list[list[Any]]:
    try:
        return [*_cells(sheet, shape)]
    except Exception as error:  # the library answers damage with almost any exception
        raise _refused("sheet_unreadable", UNREADABLE) from error


def _cells(sheet: Any, shape: Shape) -> Iterator[list[Any]]:
    for number, row in enumerate(sheet.iter_rows(min_row=1, max_row=shape.last_row, max_col=WIDEST), start=1):
        for column, cell in enumerate(row, start=1):
            if cell.value is not None and cell.value != "":
                yield [number, column, *_told(cell)]


def _told(cell: Any) -> tuple[str, str]:
    """Kind and text of a cell that holds something."""
    value = cell.value
    if cell.data_type in ("f", "e"):
        return ("formula" if cell.data_type == "f" else "error"), str(value)[:100]
    if isinstance(value, bool):
        return "truth", str(value)
    if isinstance(value, int | float):
        digits = f"{value:.{DIGITS}g}"
        return "number", f"{float(digits):f}".rstrip("0").rstrip(".") if "e" in digits else digits
    if isinstance(value, datetime):
        return "day", value.date().isoformat()
    if isinstance(value, date):
        return "day", value.isoformat()
    return "text", str(value)


# --- writing ------------------------------------------------------------------------------------------------------

FORMATS = {"text": "@", "day": "yyyy-mm-dd", "number": "General", "whole": "0"}
LISTS = "选项"  # the hidden sheet that holds the choices


@dataclass(frozen=True)
class Column:
    """One column of an empty table. kind: a key of ``FORMATS``; choices: what may be chosen, [] for anything."""

    heading: str
    help: str
    kind: str
    choices: list[str]


def blank(
    title: str, columns: list[Column], first_row: int, last_row: int, examples: Sequence[Sequence[Any]] = ()
) -> bytes:
    """An empty table: headings in the first row, help below, choices as lists from ``first_row`` to ``last_row``.

    examples: rows of cells that stand there in grey, to be overwritten or deleted.
    """
    workbook = Workbook()
    sheet, lists = workbook.active, workbook.create_sheet(LISTS)
    sheet.title, lists.sheet_state = title, "hidden"
    for number, column in enumerate(columns, start=1):
        head, words = sheet.cell(1, number, column.heading), sheet.cell(2, number, column.help)
        head.font, head.fill = Font(bold=True), PatternFill("solid", fgColor="E8F0FB")
        words.font, words.alignment = Font(color="4A5867", size=9), Alignment(wrap_text=True, vertical="top")
        sheet.column_dimensions[letter(number)].width = 22
        sheet.column_dimensions[letter(number)].number_format = FORMATS[column.kind]
        if column.choices:
            _offer(sheet, lists, number, column.choices, f"{letter(number)}{first_row}:{letter(number)}{last_row}")
    for row, cells in enumerate(examples, start=first_row):
        for number, value in enumerate(cells, start=1):
            sheet.cell(row, number, value).font = Font(italic=True, color="4A5867")
    sheet.row_dimensions[2].height = 64
    sheet.freeze_panes = f"B{first_row}"
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def _offer(sheet: Any, lists: Any, number: int, choices: list[str], cells: str) -> None:
    for row, choice in enumerate(choices, start=1):
        lists.cell(row, number, choice)
    source = f"'{LISTS}'!${letter(number)}$1:${letter(number)}${len(choices)}"
    rule = DataValidation(type="list", formula1=source, allow_blank=True, showErrorMessage=True)
    rule.add(cells)
    sheet.add_data_validation(rule)


def letter(column: int) -> str:
    """The letters of a column counted from 1."""
    return str(get_column_letter(column))
