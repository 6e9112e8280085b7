"""The monthly report 统计月报: public figures of one month as PDF, made by a worker once the month is over, and then frozen.

Hides: that it is made once, whoever is killed when; that what was printed is kept as data beside the file; and that what held
at the end of a month is told from the certificates' own days, so that a report made late says the same.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone, translation

from communities.models import District
from evaluation import public_figures, statistics_days
from evaluation.figures import Asked
from evaluation.models import Certificate, MonthlyReport, Programme, PublicNotice
from evaluation.models.statistics import month_code
from evaluation.statistics_days import claim, hold, is_free, publish
from portal import audit, typesetting
from portal.tasks import ring, swept


def month_before(day: date) -> date:
    """The first day of the month before the one of ``day``."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def last_of(month: date) -> date:
    """The last day of a month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


# --- when ---------------------------------------------------------------------------------------------------------


@swept
def make_last_month() -> int:
    """Ring for the report of the month before until it is whole."""
    now = timezone.localtime()
    month = month_before(now.date())
    if now.hour < settings.OPEN_DATA_HOUR or not is_free(MonthlyReport.objects.filter(month=month).first(), now):
        return 0
    ring(make_month, month.isoformat())
    return 1


@shared_task
def make_month(month: str) -> None:
    """Make the report of a month, if it is not there and nobody else makes it."""
    make(date.fromisoformat(month))


def make(month: date) -> MonthlyReport | None:
    """Count, print and publish; None where it is there already, is being made, or the month is not over.

    What a worker that died has left in the store is cleared away by the next.
    """
    if last_of(month) >= timezone.localdate():
        return None
    row = claim(MonthlyReport, month=month)
    if row is None:
        return None
    for attempt in range(1, row.attempts):
        default_storage.delete(_name(row, attempt))
    with translation.override("zh-hans"):
        figures = figures_of(month)
        hold(row)
        pdf = typesetting.render("monthly_report", paper_of(row, figures), replace_missing=True)
    name = default_storage.save(_name(row, row.attempts), ContentFile(pdf))
    kept = {"figures": figures, "file": name, "size": len(pdf), "sha256": hashlib.sha256(pdf).hexdigest()}
    published = False
    try:
        with transaction.atomic():
            published = publish(row, **kept)
            if published:
                audit.record(row, "monthly_report.publish", by=None, month=row.code, sha256=kept["sha256"])
    finally:
        if not published:
            default_storage.delete(name)
    return MonthlyReport.objects.get(pk=row.pk) if published else None


def _name(row: MonthlyReport, attempt: int) -> str:
    return f"monthly-reports/{row.code}/{attempt}/report.pdf"


# --- what it says -------------------------------------------------------------------------------------------------


def figures_of(month: date) -> dict[str, Any]:
    """All numbers of a report as plain JSON: of the month, of the year until its end, and of its last day."""
    last = last_of(month)
    year = Q(issued_on__range=(month.replace(month=1, day=1), last))
    return {
        "month": {"notices": _notices(month, last), **_issued(Q(issued_on__range=(month, last)), last)},
        "year": {"notices": _notices(month.replace(month=1, day=1), last), **_issued(year, last)},
        "in_force": _in_force(last),
        "districts": _districts(year, last),
        "times": _times(month.year),
        "notice": _sample_notice(),
    }


def _notices(first: date, last: date) -> int:
    return int(PublicNotice.objects.filter(opened_on__range=(first, last)).count())


def _night(day: date) -> datetime:
    """The moment at which a day is over."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))


def _issued(span: Q, last: date) -> dict[str, Any]:
    """Certificates of a span: provisional ones, and new awards by level; an award of another term is none.

    What was revoked until the ``last`` day counts as no award, whatever was revoked since.
    """
    rows = Certificate.objects.filter(span).exclude(public_figures.AGAIN).order_by()
    awarded = rows.filter(public_figures.awarded(_night(last)))
    levels = awarded.values_list("level", "level_name").annotate(n=Count("pk"))
    return {
        "provisional": rows.filter(is_final=False).count(),
        "awarded": [[level, name, n] for level, name, n in sorted(levels, key=lambda row: (-row[0], row[1]))],
    }


def _held_on(day: date) -> QuerySet[Certificate]:
    """Star certificates that held at the end of a day, whatever became of them since."""
    holding = Q(state__in=("valid", "expired")) | Q(state_since__gte=_night(day))
    return Certificate.objects.filter(holding, is_final=True, issued_on__lte=day, valid_until__gte=day).order_by()


def _in_force(day: date) -> list[list[Any]]:
    rows = _held_on(day).values_list("level", "level_name").annotate(n=Count("pk"))
    return [[level, name, n] for level, name, n in sorted(rows, key=lambda row: (-row[0], row[1]))]


def _districts(year: Q, last: date) -> list[list[Any]]:
    """District, planned for the year, awarded in it so far, in force at the end; districts with none of them left out."""
    asked = Asked(last)
    targets = public_figures.targets(asked)
    awards = Certificate.objects.filter(year, public_figures.awarded(_night(last))).order_by()
    awards = awards.exclude(public_figures.AGAIN)
    done = Counter(dict(awards.values_list("district").annotate(n=Count("pk"))))
    held = Counter(dict(_held_on(last).values_list("district").annotate(n=Count("pk"))))
    rows = [
        [name, targets.get((last.year, code)), done[code], held[code]]
        for code, name in District.objects.order_by("code").values_list("code", "name")
    ]
    city = ["", targets.get((last.year, "")), done.total(), held.total()]
    return [city, *(row for row in rows if row[1] is not None or row[2] or row[3])]


def _times(year: int) -> dict[str, Any]:
    """The times of the year as the newest nightly count has them."""
    counted = statistics_days.newest()
    asked = Asked(timezone.localdate(), year=year, counted=counted)
    rows = public_figures.times(asked)
    return {
        "counted_on": counted.day.isoformat() if counted else None,
        "rows": [[cell.value for cell in row] for row in rows],
    }


def _sample_notice() -> str:
    """What is said where results were judged by a standard that is not the authority's own text."""
    rows = Programme.objects.filter(standard__is_official=False).order_by("code")
    return rows.values_list("sample_notice", flat=True).first() or ""


def paper_of(row: MonthlyReport, figures: dict[str, Any]) -> dict[str, Any]:
    """What the template prints."""
    return {
        "title": f"智慧小区评价统计月报（{row.month.year}年{row.month.month}月）",
        "number": f"TJYB-{row.code}",
        "issued_on": last_of(row.month),
        "year": row.month.year,
        "figures": figures,
        "notice": figures["notice"],
        "check_url": f"{settings.SITE_URL}{row.get_absolute_url()}",
    }


# --- what is read -------------------------------------------------------------------------------------------------


def reports() -> Any:
    """Every whole report, newest first."""
    return MonthlyReport.objects.whole()


def find(code: str) -> MonthlyReport | None:
    """The report of a month as it stands in addresses (2026-10); None where there is none."""
    try:
        month = date.fromisoformat(f"{code}-01")
    except ValueError:
        return None
    found: MonthlyReport | None = reports().filter(month=month).first() if code == month_code(month) else None
    return found


def has_failed() -> bool:
    """Whether workers have given up making the report of the month before."""
    month = month_before(timezone.localdate())
    rows = MonthlyReport.objects.filter(month=month, made_at=None, attempts__gte=settings.WORK_ATTEMPTS)
    return bool(rows.filter(Q(claimed_until=None) | Q(claimed_until__lt=timezone.now())).exists())
