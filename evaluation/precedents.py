"""Earlier decisions on like cases, for whoever has to approve a result: the same programme and stage, about as many points.

Hides which cases are alike, and that nobody reads of a case here which they may not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import DecimalField, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Abs

from evaluation.models import Application, Result
from evaluation.outcome import level_name
from evaluation.permissions import visible_to
from portal.models import Event, User

NEAR = Decimal(5)  # points of the total, up or down
MOST = 5
DECIDED = ("notice", "certifying", "certified", "not_passed")
ACTS = ("application.approve", "application.not_pass")


@dataclass(frozen=True, slots=True)
class Precedent:
    """One earlier decision. total: None where the standard has none; said: the approver's words, "" where none are kept."""

    application: Application
    total: Decimal | None
    level: int
    level_name: str
    passed: bool
    at: datetime
    said: str


def precedents(by: User, result: Result) -> list[Precedent]:
    """The nearest decided results of other communities that ``by`` may see, nearest first, the newest of equally near ones.

    Without a total (pass_all) those of the same level are alike. Five at most, in three queries whatever there is.
    """
    rows = list(_near(_decided(by, result), result)[:MOST])
    said = _decisions([row.application_id for row in rows])
    return [
        Precedent(
            application=row.application,
            total=row.total,
            level=row.level,
            level_name=level_name(row),
            passed=row.application.state != "not_passed",
            at=said[row.application_id].at if row.application_id in said else row.at,
            said=_words(said.get(row.application_id)),
        )
        for row in rows
    ]


def _decided(by: User, result: Result) -> QuerySet[Result]:
    """The results that stand of decided cases of the same programme and stage, but for this community's own."""
    project = result.application.project
    cases = visible_to(by).filter(
        state__in=DECIDED, stage=result.application.stage, project__programme=project.programme_id
    )
    later = Result.objects.filter(
        application=OuterRef("application"), review_round=OuterRef("review_round"), count__gt=OuterRef("count")
    )
    rows = Result.objects.filter(application__in=cases, review_round=F("application__review_round"))
    rows = rows.exclude(application__project__community=project.community_id).exclude(Exists(later))
    return rows.select_related("application__project__community", "application__project__standard").defer(
        "sheets", "trace", "application__project__standard__document"
    )


def _near(rows: QuerySet[Result], result: Result) -> QuerySet[Result]:
    if result.total is None:
        return rows.filter(total=None, level=result.level).order_by("-at", "-pk")
    near = rows.filter(total__gte=result.total - NEAR, total__lte=result.total + NEAR)
    total = Value(result.total, output_field=DecimalField(max_digits=10, decimal_places=6))
    return near.order_by(Abs(F("total") - total), "-at", "-pk")


def _decisions(applications: list[int]) -> dict[int, Event]:
    """Application id -> the event of its last decision."""
    rows = Event.objects.filter(subject_type=Application._meta.label_lower, subject_id__in=applications, verb__in=ACTS)
    return {row.subject_id: row for row in rows.order_by("pk")}


def _words(event: Event | None) -> str:
    return str(event.data.get("opinion") or event.data.get("reason") or "") if event else ""
