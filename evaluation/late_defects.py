"""Late findings 新增问题 counted: who came with new points after the first notice, why and when.

Hides: that a supervisor reads everybody's, an officer the own, and nobody those of cases that they do not see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import TruncMonth
from django.urls import reverse
from django.utils.translation import ngettext

from evaluation.models import Finding, LateCode
from evaluation.permissions import can_city, visible_to
from portal.machine import NotAllowed
from portal.models import User


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """Cases with late findings that wait for this supervisor's word, as rows of the person's work. Two queries at most."""
    if not can_city(user, "see_all_late_findings"):
        return
    waiting = Finding.objects.filter(sent_at=None, released_by=None).exclude(late_code="").exclude(by=user)
    counted = waiting.filter(application=OuterRef("pk")).order_by().values("application").annotate(n=Count("pk"))
    rows = visible_to(user).filter(state="form_check", pk__in=waiting.values("application")).with_case()
    for row in rows.annotate(late_count=Subquery(counted.values("n"))):
        words = ngettext("放行新增问题 %(n)s 个", "放行新增问题 %(n)s 个", row.late_count)
        yield {
            "key": f"late-findings-{row.pk}",
            "subject": row.project.community.name,
            "detail": f"{row.project.community.district.name} · {row.stage_name}",
            "sentence": words % {"n": row.late_count},
            "due_on": row.due_on,
            "link": reverse("form-check", args=[row.pk]) + "#findings",
            "since": row.state_since,
        }


@dataclass(frozen=True, slots=True)
class LateCount:
    """How many late findings one officer noted in one month for one reason."""

    officer: int
    name: str
    code: str
    label: str
    month: date
    count: int


def late_findings(user: User) -> Any:
    """Late findings that ``user`` may read, newest first. Raises NotAllowed for who has to do with none."""
    if not can_city(user, "see_late_findings"):
        raise NotAllowed("see_late_findings")
    # Asked of each late finding, of which there are few, instead of reading every case that there is.
    seen = Exists(visible_to(user).filter(pk=OuterRef("application")))
    rows = Finding.objects.exclude(late_code="").filter(seen)
    if not can_city(user, "see_all_late_findings"):
        rows = rows.filter(by=user)
    case = "application__project"
    return rows.select_related("by", "released_by", f"{case}__community", f"{case}__standard").order_by("-at", "-pk")


def counted(user: User) -> list[LateCount]:
    """By officer, reason and month, the newest month first. Two queries however many there are."""
    labels = dict(LateCode.objects.values_list("code", "label"))
    rows = late_findings(user).order_by().annotate(month=TruncMonth("at"))
    rows = rows.values("by", "by__name", "late_code", "month").annotate(count=Count("pk"))
    found = [
        LateCount(row["by"], row["by__name"], row["late_code"], labels.get(row["late_code"], row["late_code"]),
                  _day(row["month"]), row["count"])
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda row: (-row.month.toordinal(), row.name, row.officer, row.code))


def _day(moment: datetime | date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def narrowed(
    rows: Any, *, officer: int | None = None, code: str = "", month: date | None = None, year: int | None = None,
    programme: str = "", district: str = "",
) -> Any:  # fmt: skip
    """Those of one officer, one reason, one month or year, one programme, one district: the list behind a number."""
    if officer is not None:
        rows = rows.filter(by=officer)
    if code:
        rows = rows.filter(late_code=code)
    if month is not None:
        rows = rows.filter(at__year=month.year, at__month=month.month)
    if year is not None:
        rows = rows.filter(at__year=year)
    case = {"application__project__programme": programme, "application__project__community__district": district}
    return rows.filter(**{name: value for name, value in case.items() if value})
