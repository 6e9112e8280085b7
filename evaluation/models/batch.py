"""What an officer does to many cases at once, and lists of cases that are written to a file."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application
from portal.models import Attachment, Case, User


class Batch(Case):
    """批量办理: one act for many cases, tried first, then done case by case by a worker as the person who asked for it."""

    owner = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("办理人"))
    act = models.CharField(_("办理"), max_length=30)
    data: Any = models.JSONField(_("所填内容"), default=dict)
    # The query as it was, in the words of an address; "" where the cases were ticked or handed over.
    query = models.CharField(_("查找条件"), max_length=1000, blank=True)
    # Of a handing over 移交: whose cases they were.
    handed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("移交人"))
    token = models.CharField(max_length=60, blank=True)  # name of the access token by which a program asked for it
    created_at = models.DateTimeField(_("建立时间"), default=timezone.now)

    class Meta:
        verbose_name = _("批量办理")
        indexes: ClassVar = [models.Index(fields=["owner", "-created_at"], name="batch_owner")]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("batch", args=[self.pk])

    def counts(self) -> dict[str, int]:
        """How many cases there are, were tried, cannot, were done, were refused, are left out. One query."""
        return self.rows.aggregate(
            total=Count("pk"),
            tried=Count("pk", filter=~Q(foreseen="")),
            impossible=Count("pk", filter=Q(foreseen="refused")),
            done=Count("pk", filter=Q(outcome="done")),
            refused=Count("pk", filter=Q(outcome="refused")),
            left_out=Count("pk", filter=Q(is_left_out=True) & ~Q(foreseen="refused")),
        )


class BatchRow(models.Model):
    """One case of a batch. problems: why not, as ``Problem.as_record``; told: [kind of message, who] that it sends.

    facts: what there is to see of it before the act is done to many, where that is more than the act itself.
    """

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="rows")
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    position = models.PositiveIntegerField()
    foreseen = models.CharField(max_length=10, blank=True)  # of the trial: "possible", "refused"; "" before it
    outcome = models.CharField(max_length=10, default="waiting")  # waiting, done, refused
    problems: Any = models.JSONField(default=list)
    told: Any = models.JSONField(default=list)
    facts: Any = models.JSONField(default=dict)
    is_left_out = models.BooleanField(default=False)  # stays as it is unless the owner takes it in
    at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["batch", "application"], name="one_row_a_case_of_a_batch"),
            models.UniqueConstraint(fields=["batch", "position"], name="one_row_a_place_of_a_batch"),
        ]
        indexes: ClassVar = [models.Index(fields=["batch", "outcome"], name="batch_row_outcome")]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.position}"


class Export(Case, Attachment):
    """导出: a list of cases as its maker saw it, written to a file by a worker. Deleted after its last day."""

    owner = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("导出人"))
    query = models.CharField(_("查找条件"), max_length=1000, blank=True)
    columns = models.JSONField(_("列"), default=list)  # codes of evaluation.desk.COLUMNS
    language = models.CharField(max_length=10)
    total = models.PositiveIntegerField(_("行数"), default=0)
    written = models.PositiveIntegerField(_("已写行数"), default=0)
    created_at = models.DateTimeField(_("建立时间"), default=timezone.now)

    class Meta:
        verbose_name = _("导出")
        indexes: ClassVar = [models.Index(fields=["owner", "-created_at"], name="export_owner")]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("export", args=[self.pk])
