"""Workbooks as people make them, and as nobody should: filled-in templates, and files that were tampered with."""

import io
import zipfile

from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook, load_workbook

from communities import importing
from portal.tables import FIRST_ROW

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROW = {
    "name": "示例甲苑",
    "district": "渝北区",
    "address": "示例路1号",
    "floor_area": 90000,
    "households": 800,
    "buildings": 9,
}


def row(number=0, **more):
    """The ``number``-th row: a community of its own."""
    return {**ROW, **({"name": f"示例第{number}苑", "address": f"示例路{number}号"} if number else {}), **more}


def book(*rows, change=None, first=FIRST_ROW):
    """The template with these rows; ``change`` may do anything to its sheet before it is saved."""
    return filled(importing.template(), *rows, change=change, first=first)


def filled(template, *rows, change=None, first=FIRST_ROW, layout=importing.LAYOUT, name="小区.xlsx"):
    """A template that was got before, filled in as ``book`` does; examples in it are deleted first."""
    workbook = load_workbook(io.BytesIO(template))
    sheet = workbook.worksheets[0]
    sheet.delete_rows(FIRST_ROW, sheet.max_row)
    for number, said in enumerate(rows, start=first):
        for column_name, value in said.items():
            sheet.cell(number, column(column_name, layout)).value = value
    if change:
        change(sheet)
    return uploaded(saved(workbook), name)


def column(name, layout=importing.LAYOUT):
    """The number of a column of the template."""
    return list(layout.by_name).index(name) + 1


def plain(*rows):
    """A workbook of bare rows, without the template."""
    workbook = Workbook()
    for said in rows:
        workbook.active.append(said)
    return uploaded(saved(workbook))


def saved(workbook):
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def uploaded(content, name="小区.xlsx"):
    return SimpleUploadedFile(name, content, content_type=XLSX)


def with_part(upload, part, content):
    """The same archive with one part replaced."""
    upload.seek(0)
    stream = io.BytesIO()
    with zipfile.ZipFile(upload) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, content if entry.filename == part else old.read(entry))
    return uploaded(stream.getvalue())


def part_of(upload, part):
    upload.seek(0)
    with zipfile.ZipFile(upload) as archive:
        return archive.read(part)
