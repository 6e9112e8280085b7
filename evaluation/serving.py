"""What an expert did on panels, as the expert's page tells it: to the person all, to officers only what they may know.

Hides: that a panel which marks a revised version again is one panel, and that who sits where is told to nobody who may
not see that panel; loads and refusals are counts, which name no case.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from evaluation import refusing
from evaluation.models import Assignment
from evaluation.permissions import SEATED, assignments_visible_to
from experts.models import Expert
from experts.standing import Part, adds_part
from portal.models import User

SHOWN = 30  # seats, newest first


@dataclass(frozen=True, slots=True)
class Year:
    """Panels joined, refused and recused from in one year. refused: as ``refusing`` counts, which knows what does not."""

    year: int
    joined: int
    refused: int
    recused: int


def years_of(expert: Expert) -> list[Year]:
    """How many panels in each year, latest first."""
    rows = Assignment.objects.filter(expert=expert).values_list("state", "state_since", "draw")
    counts: Counter[tuple[int, str]] = Counter()
    for (_expert, year), count in refusing.by_year([expert.pk]).items():
        counts[year, "refused"] += count
    for state, year, _draw in {(_kind(state), timezone.localdate(at).year, draw) for state, at, draw in rows}:
        counts[year, state] += 1
    years = sorted({year for year, _state in counts}, reverse=True)
    return [Year(year, *(counts[year, kind] for kind in ("joined", "refused", "recused"))) for year in years]


def _kind(state: str) -> str:
    return "joined" if state in SEATED else state


def seats_of(reader: User, expert: Expert) -> list[Any]:
    """Seats of the expert on panels that ``reader`` may see, newest first."""
    rows = assignments_visible_to(reader).filter(expert=expert)
    case = "application__project__"
    whole = rows.select_related("draw", f"{case}community__district", f"{case}standard", f"{case}programme")
    return list(whole.order_by("-pk")[:SHOWN])


@adds_part
def panels(reader: User, expert: Expert) -> Part:
    """The part of the expert's page about panels."""
    context = {"years": years_of(expert), "seats": seats_of(reader, expert), "own": expert.user_id == reader.pk}
    return Part("evaluation/_expert_panels.html", context)
