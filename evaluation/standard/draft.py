"""A document that may be wrong anywhere, walked without falling over.

Hides which parts are sound: a value whose shape was refused is answered as None, so that a rule about meaning never
repeats in other words what the shape has already said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from evaluation.standard.numbers import exact
from evaluation.standard.places import Path, Report
from evaluation.standard.shapes import KINDS, MODES

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One mapping of the document and its path."""

    path: Path
    source: Record


@dataclass(frozen=True, slots=True)
class FoundItem(Found):
    """An item with the section and the chapter it stands in."""

    section: Found
    chapter: Found


class Draft:
    """The document under test together with the report on it."""

    def __init__(self, document: Record, report: Report) -> None:
        self.root = Found((), document)
        self.report = report
        self.chapters = list(self.members(self.root, "chapters"))
        self.sections = [(c, s) for c in self.chapters for s in self.members(c, "sections")]
        self.items = [FoundItem(i.path, i.source, s, c) for c, s in self.sections for i in self.members(s, "items")]
        self.stages = list(self.members(self.root, "stages"))
        self.stage_codes = [str(stage.source.get("code")) for stage in self.stages]

    def get(self, found: Found, *keys: str) -> Any:
        """Return the value under the keys, or None where it is absent or its shape is wrong."""
        value: Any = found.source
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return None if (*found.path, *keys) in self.report.flawed else value

    def number(self, found: Found, *keys: str) -> Fraction | None:
        """Return the sound number under the keys, or None."""
        return exact(self.get(found, *keys))

    def members(self, found: Found, *keys: str) -> Iterator[Found]:
        """Yield the mappings of a list under the keys, sound or not."""
        value: Any = found.source
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        for position, member in enumerate(value if isinstance(value, list) else ()):
            if isinstance(member, dict):
                yield Found((*found.path, *keys, position), member)

    def section(self, *keys: str) -> Found | None:
        """Return a mapping inside the document by its keys, or None where there is none."""
        value: Any = self.root.source
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return Found(keys, value) if isinstance(value, dict) else None

    def names(self, enum: str) -> tuple[str, ...] | None:
        """Return the names that the document declares in an enum; None where that enum is not sound."""
        values = self.get(self.root, "enums", enum)
        return tuple(values) if isinstance(values, dict) else None

    def kind(self, item: Found) -> str | None:
        """Return the kind of an item if the engine knows it."""
        kind = self.get(item, "kind")
        return kind if kind in KINDS else None

    def mode(self, item: Found) -> str | None:
        """Return the mode of an item if the engine knows it."""
        mode = self.get(item, "mode")
        return mode if mode in MODES else None

    def method(self) -> str | None:
        """Return the scoring method if the engine knows it."""
        method = self.get(self.root, "scoring", "method")
        return method if isinstance(method, str) else None

    def stages_are_known(self) -> bool:
        """Say whether every stage has a sound code of its own; else nothing can be called an unknown stage."""
        listed = self.root.source.get("stages")
        whole = isinstance(listed, list) and len(listed) == len(self.stages)
        return whole and all(self.get(stage, "code") is not None for stage in self.stages)

    def scored_stages(self) -> list[Found]:
        """Return the stages at which experts give marks."""
        return [stage for stage in self.stages if self.get(stage, "scored") is True]

    def is_excused(self, found: Found, key: str) -> bool:
        """Say whether a key is missing only because it is misspelt, which has been said."""
        return (*found.path, key) in self.report.excused
