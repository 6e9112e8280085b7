"""Finding texts by any part of them: two letters of a name in the middle are as good as its beginning.

Hides: that PostgreSQL answers from an index. The function ``text_parts`` of the database (migration 0009) cuts a text into its
characters and its pairs of neighbours; a GIN index over them, on the very columns that keep the text, gives the few rows
that hold every pair of what is looked for, and these are read. SQLite reads all rows; both find the same.

Latin letters count the same large and small, on both databases by the same table of 26 letters and not by a locale.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from django.db.models import BooleanField, Func, Value
from django.db.models.expressions import Combinable

BREAK = "\n"  # between the columns of one question: no part has one in it, so none is found across two columns
LARGE, SMALL = string.ascii_uppercase, string.ascii_lowercase
FOLDING = str.maketrans(LARGE, SMALL)


def folded(text: str) -> str:
    """``text`` as both databases compare it: the 26 Latin letters small, on one line without what no line can hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip().translate(FOLDING)


def parts_of(text: str) -> list[str]:
    """What an index must know of a row that contains ``text``: its pairs of neighbours, or its one character."""
    return [text] if len(text) == 1 else list(dict.fromkeys(text[at : at + 2] for at in range(len(text) - 1)))


class HasPart(Func):
    """A condition: one of these text columns contains ``part``. The columns are never NULL, the part is not empty.

    indexed: a migration made an index over exactly these columns in this order, and few rows are expected. Without it every
    row is read, which is quick where only the beginning of a list is wanted and most rows match.
    """

    output_field = BooleanField()

    def __init__(self, *columns: str | Combinable, part: str, indexed: bool = False) -> None:
        super().__init__(*columns, Value(folded(part)))
        self.indexed = indexed

    def _compiled(self, compiler: Any) -> tuple[list[str], list[Any], str]:
        sources = self.get_source_expressions()
        texts, params = [], []
        for source in sources[:-1]:
            sql, values = compiler.compile(source)
            texts.append(sql)
            params += values
        return texts, params, sources[-1].value

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_extra: Any) -> tuple[str, Any]:
        texts, params, part = self._compiled(compiler)
        return f"INSTR(LOWER({' || char(10) || '.join(texts)}), %s) > 0", [*params, part]

    def as_postgresql(self, compiler: Any, connection: Any, **_extra: Any) -> tuple[str, Any]:
        texts, params, part = self._compiled(compiler)
        whole = _joined(texts)
        read = f"STRPOS({_small(whole)}, %s) > 0"
        if not self.indexed:
            return read, [*params, part]
        return f"(text_parts({whole}) @> %s::text[] AND {read})", [*params, parts_of(part), *params, part]


def _joined(texts: Sequence[str]) -> str:
    return f"({' || chr(10) || '.join(texts)})"


def _small(text: str) -> str:
    return f"TRANSLATE({text}, '{LARGE}', '{SMALL}')"
