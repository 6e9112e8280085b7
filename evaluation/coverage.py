"""Which items are proved by what, and where that looks thin: items without a proof, proofs without an item, one proof
for many items.

Hides: how the counts are taken from one version's data, without asking the database again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation import checks
from evaluation.models import Application
from evaluation.snapshot import evidence_of

MANY = 5  # items; a proof that stands for so many deserves a look


@dataclass(frozen=True, slots=True)
class ItemCover:
    """One item with its proofs (as in a snapshot, with page and region). lacking: won, and not suitably proved."""

    code: str
    name: str
    section: str
    proofs: tuple[dict[str, Any], ...]
    lacking: bool


@dataclass(frozen=True, slots=True)
class ProofCover:
    """One proof (as in a snapshot) with the codes of its items. busy: it proves ``MANY`` items or more."""

    proof: dict[str, Any]
    items: tuple[str, ...]
    busy: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole table: items in the order of the standard, proofs in the order in which they came."""

    items: tuple[ItemCover, ...]
    proofs: tuple[ProofCover, ...]

    @property
    def unproved(self) -> tuple[ItemCover, ...]:
        return tuple(row for row in self.items if not row.proofs)

    @property
    def lacking(self) -> tuple[ItemCover, ...]:
        return tuple(row for row in self.items if row.lacking)

    @property
    def idle(self) -> tuple[ProofCover, ...]:
        return tuple(row for row in self.proofs if not row.items)

    @property
    def busy(self) -> tuple[ProofCover, ...]:
        return tuple(row for row in self.proofs if row.busy)


def coverage(application: Application, data: Mapping[str, Any]) -> Coverage:
    """The table of one version of an application."""
    standard, look = application.standard, checks.Look(application, data)
    lacking = {problem.place for problem in checks.won_items_are_proved(look)}
    sections = {item.code: standard.section_of(item.code) for item in look.items}
    return Coverage(
        items=tuple(
            ItemCover(
                item.code,
                item.name,
                f"{sections[item.code].num} {sections[item.code].name}",
                tuple(evidence_of(data, item.code)),
                item.code in lacking,
            )
            for item in look.items
        ),
        proofs=tuple(ProofCover(row, tuple(row["items"]), len(row["items"]) >= MANY) for row in data["evidence"]),
    )
