"""Write the table of docs/names.md: how often suggestions by name are right on the labelled set.

Hides: how the set is stored and how the figures are counted. ``python -m deploy.names`` writes the table anew.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy.environment import ROOT
from experts.names import likeness

PAIRS = ROOT / "tests" / "experts" / "organisation_names.csv"
PAGE = ROOT / "docs" / "names.md"
BEGIN, END = "<!-- figures: python -m deploy.names -->\n", "<!-- end of figures -->\n"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two names, whether they mean one organisation, earlier names of ``other``, and the kind of pair."""

    one: str
    other: str
    same: bool
    former: tuple[str, ...]
    why: str

    @property
    def found(self) -> bool:
        """Whether the matcher suggests that both are one."""
        return bool(likeness(self.one, self.other, self.former))


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of pairs. hits: same and suggested. missed: same, not suggested. wrong: suggested, not the same."""

    pairs: int
    hits: int
    missed: int
    wrong: int

    @property
    def precision(self) -> float:
        """Share of the suggestions that are right, 0 to 1; 1 where nothing was suggested."""
        return self.hits / (self.hits + self.wrong) if self.hits + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs of one organisation that are suggested, 0 to 1; 1 where there are none."""
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 1.0


def labelled() -> list[Pair]:
    """The labelled pairs in the order of the file."""
    with PAIRS.open(encoding="utf-8", newline="") as rows:
        return [
            Pair(
                row["one"], row["other"], row["same"] == "1", tuple(filter(None, row["former"].split("；"))), row["why"]
            )
            for row in csv.DictReader(rows)
        ]


def count(pairs: Iterable[Pair]) -> Figures:
    """Compare every suggestion with its label."""
    seen = [(pair.same, pair.found) for pair in pairs]
    return Figures(len(seen), seen.count((True, True)), seen.count((True, False)), seen.count((False, True)))


def by_kind(pairs: Sequence[Pair]) -> dict[str, Figures]:
    """Kind of pair -> figures, in the order of the file."""
    kinds = dict.fromkeys(pair.why for pair in pairs)
    return {kind: count(pair for pair in pairs if pair.why == kind) for kind in kinds}


def table() -> str:
    """The figures as a table of Markdown."""
    pairs = labelled()
    rows = [*by_kind(pairs).items(), ("合计 all", count(pairs))]
    lines = ["| 类别 Kind | 对 Pairs | 漏提 Missed | 误提 Wrong |", "| --- | --- | --- | --- |"]
    lines += [f"| {kind} | {row.pairs} | {row.missed} | {row.wrong} |" for kind, row in rows]
    every = count(pairs)
    return "\n".join([*lines, "", f"Precision {every.precision:.3f}, recall {every.recall:.3f}.", ""])


def with_figures(text: str) -> str:
    """The page with the present figures between its marks."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
