"""Annual targets 年度计划: what is legal when the authority writes one."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from communities.models import District
from evaluation.basis import unknown_programme
from evaluation.figures import FIRST_YEAR, YEARS_AHEAD
from evaluation.models import AnnualTarget
from portal.problems import Problem, gettext_noop

MOST = 100_000  # communities of one year


def problems(row: AnnualTarget) -> Iterator[Problem]:
    """Everything that is wrong with a target."""
    last = timezone.localdate().year + YEARS_AHEAD
    for name, (low, high) in {"year": (FIRST_YEAR, last), "count": (0, MOST)}.items():
        if not low <= getattr(row, name) <= high:
            message = gettext_noop("应为 %(least)s 至 %(most)s。")
            yield Problem("range", name, message, {"least": low, "most": high})
    if not row.programme:
        yield Problem("required", "programme", gettext_noop("请选择评价类别。"))
    yield from unknown_programme(row.programme)
    if row.district and not District.objects.filter(pk=row.district).exists():
        yield Problem(
            "district_unknown", "district", gettext_noop("没有区县代码“%(value)s”。"), {"value": row.district}
        )
