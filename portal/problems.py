"""What is wrong, where, and how to mend it: the one shape of every refusal.

Plain Python, so that the standard, the scoring engine and the draw can speak as clearly as a form does. A message is a
Chinese sentence with named places (``%(name)s``); the web and the API translate it when they show it, so the same
problem reads the same everywhere and machines get a stable code beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


def gettext_noop(message: str) -> str:
    """Mark a Chinese sentence for translation without translating it (plain Python knows no language)."""
    return message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    code: stable lower_case_name for machines. place: where it is (field name, item code, document code, "第 12 行"), ""
    for the whole. message: Chinese sentence template, params: its values.
    """

    code: str
    place: str
    message: str
    params: Mapping[str, object] = field(default_factory=dict)

    def text(self, translate: Callable[[str], str] = str) -> str:
        """Return the sentence, through ``translate`` (Django's gettext on the web)."""
        message = translate(self.message)
        return message % self.params if self.params else message

    def __str__(self) -> str:
        return f"{self.place}：{self.text()}" if self.place else self.text()

    def as_json(self, translate: Callable[[str], str] = str) -> dict[str, str]:
        """Return {"code", "place", "message"}: what the API answers and what a stored check result keeps."""
        return {"code": self.code, "place": self.place, "message": self.text(translate)}

    def as_record(self) -> dict[str, object]:
        """Return what a stored check keeps: the template and its values, so that it reads in both languages later."""
        params = {name: value if isinstance(value, int | str) else str(value) for name, value in self.params.items()}
        return {"code": self.code, "place": self.place, "message": self.message, "params": params}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Problem:
        """Read back what ``as_record`` kept."""
        return cls(record["code"], record["place"], record["message"], record["params"])


class Refused(Exception):
    """An act, a document or an upload is refused for all of these reasons at once."""

    now: Mapping[str, Any] = {}  # what somebody else keeps there by now; only ``Changed`` has something to tell

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("；".join(str(problem) for problem in self.problems))


class Changed(Refused):
    """Somebody else saved first, and both changed the same fields: nothing of this save is kept.

    now: JSON for whoever decides between the two: ``current`` (field -> what is kept now), ``clashing`` (the fields that
    both changed), ``taken`` (those that only the other changed), ``by``, ``at`` (ISO 8601), and what the next save shows
    to have seen it.
    """

    def __init__(self, problems: Iterable[Problem], now: Mapping[str, Any]) -> None:
        self.now = now
        super().__init__(problems)
