"""Statistics: what the authority plans for a year, the nightly count of what is too much to count while somebody waits,
and the reports of past months."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class AnnualTarget(models.Model):
    """年度计划: how many communities shall get a star in a year. ``district`` "" is the whole city."""

    year = models.PositiveSmallIntegerField(_("年份"))
    programme = models.CharField(_("评价类别"), max_length=30)
    district = models.CharField(_("区县"), max_length=6, blank=True)
    count = models.PositiveIntegerField(_("计划数"))
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("年度计划")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["programme", "year", "district"], name="one_target_a_year")
        ]

    def __str__(self) -> str:
        return f"{self.year} {self.programme} {self.district}".strip()


class Made(models.Model):
    """What a worker makes once: the columns by which it is claimed, and when it was whole."""

    made_at = models.DateTimeField(_("生成时间"), null=True)
    claimed_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    figures: Any = models.JSONField(_("数据"), null=True)

    class Meta:
        abstract = True


class StatisticsDayQuerySet(models.QuerySet["StatisticsDay"]):
    def whole(self) -> StatisticsDayQuerySet:
        """Those that are complete, newest first."""
        return self.filter(made_at__isnull=False).order_by("-day")


class StatisticsDay(Made):
    """统计日: what was counted in one night. Replaced by the next; it appears whole or not at all."""

    day = models.DateField(_("日期"), unique=True)

    objects: ClassVar = StatisticsDayQuerySet.as_manager()

    class Meta:
        verbose_name = _("统计日")

    def __str__(self) -> str:
        return self.day.isoformat()


class MonthlyReportQuerySet(models.QuerySet["MonthlyReport"]):
    def whole(self) -> MonthlyReportQuerySet:
        """Those that are complete, newest first."""
        return self.filter(made_at__isnull=False).order_by("-month")


class MonthlyReport(Made):
    """统计月报 of one month, of public figures alone. ``figures`` is what it was printed from; neither ever changes."""

    month = models.DateField(_("月份"), unique=True)  # its first day
    file = models.FileField(upload_to="", max_length=200, blank=True)
    size = models.PositiveBigIntegerField(_("字节数"), default=0)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)

    objects: ClassVar = MonthlyReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("统计月报")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.code}"

    def get_absolute_url(self) -> str:
        return reverse("monthly-report", args=[self.code])

    @property
    def code(self) -> str:
        """As it stands in addresses: 2026-10."""
        return month_code(self.month)


def month_code(month: date) -> str:
    """A month as people write it: 2026-10."""
    return f"{month.year:04d}-{month.month:02d}"
