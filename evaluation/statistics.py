"""Statistics 统计: every figure there is, as its reader may see it, as a table in words and as CSV.

Hides: who sees which figure, and how a value looks in a file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from evaluation import officer_figures, public_figures, statistics_days
from evaluation.figures import Asked, Cell, Choices, Column, Figure, Row, ask, choices
from evaluation.officer_figures import may_see
from evaluation.open_data import in_csv
from portal.models import User

FIGURES: Mapping[str, Figure] = {row.code: row for row in (*public_figures.FIGURES, *officer_figures.FIGURES)}
BOM = "\ufeff"  # tells spreadsheets that a CSV is UTF-8


@dataclass(frozen=True, slots=True)
class Table:
    """A figure with what it comes to. counted_on: the day of the nightly count, None for what is counted now."""

    figure: Figure
    columns: tuple[Column, ...]
    rows: list[Row]
    sentence: str
    about: str
    counted_on: date | None

    @property
    def title(self) -> str:
        return _(self.figure.title)

    @property
    def heads(self) -> list[str]:
        """The columns in words."""
        return [column.label if column.is_name else _(column.label) for column in self.columns]


def asked_of(params: Mapping[str, str], user: User | None) -> tuple[Asked, Choices]:
    """What an address asks, and what it could ask. Raises Refused with each problem at its field."""
    known = choices()
    return ask(params, user, known, statistics_days.newest()), known


def figures_for(user: User | None) -> Iterator[Figure]:
    """The figures that ``user`` may see, in their order; of the public those for everybody."""
    person = user if user is not None and user.is_authenticated else None
    return (figure for figure in FIGURES.values() if may_see(person, figure))


def find(code: str, user: User | None) -> Figure:
    """One figure. Raises LookupError for a code that there is not, or not for this reader."""
    for figure in figures_for(user):
        if figure.code == code:
            return figure
    raise LookupError(code)


def table(figure: Figure, asked: Asked) -> Table:
    """Count a figure."""
    rows = figure.rows(asked)
    message, words = figure.says(asked, rows)
    told = asked.counted.day if figure.nightly and asked.counted else None
    return Table(figure, figure.columns(asked), rows, _(message) % words, _(figure.about) % figure.words(asked), told)


def as_json(found: Table) -> dict[str, Any]:
    """A figure for programs: columns by code, rows of plain values."""
    return {
        "code": found.figure.code,
        "title": found.title,
        "about": found.about,
        "sentence": found.sentence,
        "counted_on": found.counted_on,
        "columns": [
            {"code": column.code, "label": label, "kind": column.kind}
            for column, label in zip(found.columns, found.heads, strict=True)
        ],
        "rows": [[plain(cell) for cell in row] for row in found.rows],
    }


def plain(cell: Cell) -> Any:
    """A value as JSON says it."""
    return float(cell.value) if isinstance(cell.value, Decimal) else cell.value


def as_csv(found: Table) -> str:
    """A figure for spreadsheets, with the columns in words; no text in it is ever a formula."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow([in_csv(head) for head in found.heads])
    lines.writerows([in_csv(cell.value) for cell in row] for row in found.rows)
    return BOM + out.getvalue()
