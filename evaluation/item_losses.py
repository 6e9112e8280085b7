"""Which items of a standard cost its cases most points, counted over the results that stand.

Hides: how a trace keeps exact numbers, and that neither control items nor bonus points that nobody won are a loss.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from evaluation.models import Result, Standard

DECIDED = ("notice", "certifying", "certified", "not_passed")
CHUNK = 200  # results read at a time: a trace is long


@dataclass(slots=True)
class Loss:
    """What one item came to. judged: cases to which it applies; losing: those that won less than its full points."""

    judged: int = 0
    losing: int = 0
    lost: Fraction = field(default_factory=Fraction)
    full: Fraction = field(default_factory=Fraction)

    def add(self, points: Fraction, full: Fraction) -> None:
        self.judged += 1
        self.losing += points < full
        self.lost += full - points
        self.full += full


def counted(until: datetime, breathe: Callable[[], None] = lambda: None) -> list[list[Any]]:
    """[standard, programme, year, stage, item, judged, losing, lost, full] in a fixed order; exact numbers as text."""
    found: defaultdict[tuple[int, str, int, str, str], Loss] = defaultdict(Loss)
    scored = _Scored()
    last = 0
    columns = (
        "pk",
        "at",
        "trace",
        "application__stage",
        "application__project__standard",
        "application__project__programme",
    )
    while rows := list(_standing(until).filter(pk__gt=last).order_by("pk").values_list(*columns)[:CHUNK]):
        for _pk, at, trace, stage, standard, programme in rows:
            wanted = scored.of(standard, stage)
            for code, item in trace.get("stages", {}).get(stage, {}).get("items", {}).items():
                if code in wanted and item.get("points") is not None:
                    key = (standard, programme, timezone.localtime(at).year, stage, code)
                    found[key].add(Fraction(item["points"]), Fraction(item["full"]))
        last = rows[-1][0]
        breathe()
    return [[*key, loss.judged, loss.losing, str(loss.lost), str(loss.full)] for key, loss in sorted(found.items())]


class _Scored:
    """The scored items of each standard's stage."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], frozenset[str]] = {}

    def of(self, standard: int, stage: str) -> frozenset[str]:
        key = (standard, stage)
        if key not in self._known:
            items = Standard.objects.get(pk=standard).parsed.items(stage)
            self._known[key] = frozenset(item.code for item in items if item.kind == "scored")
        return self._known[key]


def _standing(until: datetime) -> Any:
    """Results of decided cases that were not counted anew."""
    later = Result.objects.filter(
        application=OuterRef("application"), review_round=OuterRef("review_round"), count__gt=OuterRef("count")
    )
    rows = Result.objects.filter(application__state__in=DECIDED, review_round=F("application__review_round"))
    return rows.filter(at__lt=until).exclude(Exists(later))
