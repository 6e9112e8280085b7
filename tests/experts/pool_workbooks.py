"""Workbooks of an existing pool, as a keeper fills them in."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from openpyxl import load_workbook

from experts import importing
from experts.importing import LAYOUT
from experts.models import Field
from tests.communities import workbook_files
from tests.experts import newcomers
from tests.experts.newcomers import TODAY


def person(number: int = 1, /, **more: Any) -> dict[str, Any]:
    """The cells of the ``number``-th row: somebody of their own."""
    names = [field.name for field in Field.objects.order_by("pk")]
    return {
        "name": f"示例第{number}人",
        "email": f"expert{number}@example.org",
        "phone": f"1380000{number:04d}",
        "education": "硕士研究生",
        "title": "高级工程师",
        "experience_years": 5 + number % 30,
        "field_1": names[number % len(names)],
        "field_2": names[(number + 1) % len(names)],
        "employer": f"示例第{number % 94}院",
        "employer_code": newcomers.code(100 + number % 94),
        "district": "渝北区",
        "term_from": TODAY - timedelta(days=100),
        "term_until": TODAY + timedelta(days=900),
        **more,
    }


def people(count: int) -> list[dict[str, Any]]:
    return [person(number) for number in range(1, count + 1)]


def book(*rows: dict[str, Any], **how: Any) -> Any:
    """The template with these rows."""
    return workbook_files.filled(importing.template(), *rows, layout=LAYOUT, name="专家库.xlsx", **how)


def with_examples(*rows: dict[str, Any]) -> Any:
    """The template in which the examples were left, with these rows below."""
    workbook = load_workbook(io.BytesIO(importing.template()))
    sheet = workbook.worksheets[0]
    for number, said in enumerate(rows, start=sheet.max_row + 1):
        for name, value in said.items():
            sheet.cell(number, workbook_files.column(name, LAYOUT)).value = value
    return workbook_files.uploaded(workbook_files.saved(workbook), "专家库.xlsx")
