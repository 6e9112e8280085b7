"""What the demo city plans: the published number of one year, and invented ones for the districts now."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from communities.models import District
from evaluation import monthly_reports, statistics_days
from evaluation.models import AnnualTarget

PROGRAMME = "smart_community"
PUBLISHED = {2021: 120}  # published: so many more were planned for the year
INVENTED = "示例：演示数据，不是主管部门的计划"
PLANNING = 12  # districts that plan something this year


def make(districts: Sequence[District]) -> None:
    """Write the targets, then do what the workers do at night: count, and print the report of the month before."""
    today = timezone.localdate()
    rows = [
        AnnualTarget(year=year, programme=PROGRAMME, count=count, basis="示例：公开报道的年度计划")
        for year, count in PUBLISHED.items()
    ]
    rows += [
        AnnualTarget(year=today.year, programme=PROGRAMME, district=district.pk, count=2 + place % 5, basis=INVENTED)
        for place, district in enumerate(districts[:PLANNING])
    ]
    AnnualTarget.objects.bulk_create(rows)
    statistics_days.make(today)
    monthly_reports.make(monthly_reports.month_before(today))
