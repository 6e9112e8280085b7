"""After award: the yearly operating report, the random inspection with its draw, and what has to be put right."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.models import District
from evaluation.models.case import Project
from evaluation.models.outcome import Certificate
from evaluation.models.programme import Programme
from portal.models import Attachment, Case, User


class OperatingReport(Case):
    """年度运营报告: how a certified community ran in one year after its certificate was issued.

    questions: [[code, label], …] as they were asked when it was opened; answers: code -> text as it is being written;
    handed: [[label, text], …] of the newest report that was handed in, which is what officers read. returned_for: why it
    came back, "" for one that never did.
    """

    certificate = models.ForeignKey(Certificate, models.PROTECT, related_name="operating_reports")
    year = models.PositiveSmallIntegerField(_("年度"))  # 1 = the first after issue
    opened_on = models.DateField(_("起算日期"))
    questions: Any = models.JSONField(_("报告事项"), default=list)
    answers: Any = models.JSONField(_("答复"), default=dict)
    revision = models.PositiveIntegerField(default=1)
    handed: Any = models.JSONField(_("提交的报告"), default=list)
    submitted_at = models.DateTimeField(_("提交时间"), null=True)
    returned_for = models.TextField(_("退回理由"), blank=True)
    returns = models.PositiveSmallIntegerField(_("退回次数"), default=0)

    class Meta:
        verbose_name = _("年度运营报告")
        ordering: ClassVar = ["opened_on", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["certificate", "year"], name="one_report_a_year")]
        indexes: ClassVar = [models.Index(fields=["state", "due_on"], name="report_state_due")]

    def __str__(self) -> str:
        return f"{self.certificate.community_name} · {self.label}"

    @property
    def label(self) -> str:
        """What people call the year of it."""
        return str(_("第 %(n)s 年度运营报告")) % {"n": self.year}

    @property
    def project(self) -> Project:
        return self.certificate.application.project

    @property
    def thread(self) -> str:
        return self.certificate.thread

    def get_absolute_url(self) -> str:
        return reverse("operating-report", args=[self.pk])

    def is_late(self, day: date) -> bool:
        """Whether it should have been handed in before ``day`` and was not."""
        return self.state in ("due", "returned") and self.due_on is not None and self.due_on < day


class ReportProof(Attachment):
    """运营佐证: a document or a picture that shows what a report says."""

    report = models.ForeignKey(OperatingReport, models.CASCADE, related_name="proofs")
    removed_at = models.DateTimeField(null=True)


class InspectionDraw(Case):
    """抽查抽取: which certified communities of a programme are inspected in a year; of one district, or of the city.

    frozen, receipt: as ``experts.draw.inspection`` writes them. A secret entrusted to the portal waits here unseen.
    """

    programme = models.ForeignKey(
        Programme, models.PROTECT, related_name="inspection_draws", verbose_name=_("评价类别")
    )
    year = models.PositiveSmallIntegerField(_("年份"))
    district = models.ForeignKey(
        District, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("区县")
    )
    scope = models.CharField(max_length=6, blank=True)  # the district's code, "" for the city: what is unique
    frozen: Any = models.JSONField(_("冻结名单"))
    commitment = models.CharField(_("承诺值"), max_length=64)
    organiser = models.ForeignKey(User, models.PROTECT, related_name="+")
    organiser_hash = models.CharField(_("评价组织员密值摘要"), max_length=64)
    organiser_secret = models.CharField(max_length=64, blank=True)
    supervisor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    supervisor_hash = models.CharField(_("监督员密值摘要"), max_length=64, blank=True)
    supervisor_secret = models.CharField(max_length=64, blank=True)
    public_value = models.CharField(_("公开数值"), max_length=200, blank=True)
    receipt: Any = models.JSONField(_("抽取凭证"), null=True)
    proposed_at = models.DateTimeField(_("发起时间"), default=timezone.now)
    drawn_at = models.DateTimeField(_("抽取时间"), null=True)

    class Meta:
        verbose_name = _("抽查抽取")
        ordering: ClassVar = ["-year", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["programme", "year", "scope"],
                condition=~models.Q(state="given_up"),
                name="one_inspection_draw",
            )
        ]

    def __str__(self) -> str:
        where = self.district.name if self.district else str(_("全市"))
        return str(_("%(year)s 年%(programme)s抽查（%(where)s）")) % {
            "year": self.year, "programme": self.programme, "where": where,
        }  # fmt: skip

    def get_absolute_url(self) -> str:
        return reverse("inspection-draw", args=[self.pk])


class Inspection(Case):
    """抽查: one visit to a certified community whose number was drawn. place: of its lot in the draw, 1 first."""

    draw = models.ForeignKey(InspectionDraw, models.PROTECT, related_name="inspections")
    certificate = models.ForeignKey(Certificate, models.PROTECT, related_name="inspections")
    place = models.PositiveIntegerField(_("抽取顺序"))
    visited_on = models.DateField(_("抽查日期"), null=True)
    notes = models.TextField(_("现场情况"), blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("抽查人"))

    class Meta:
        verbose_name = _("抽查")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["draw", "certificate"], name="one_inspection_a_draw")]
        indexes: ClassVar = [models.Index(fields=["state", "due_on"], name="inspection_state_due")]

    def __str__(self) -> str:
        words = {"name": self.certificate.community_name, "year": self.draw.year}
        return str(_("%(name)s · %(year)s 年抽查")) % words

    @property
    def project(self) -> Project:
        return self.certificate.application.project

    @property
    def thread(self) -> str:
        return self.certificate.thread

    def get_absolute_url(self) -> str:
        return reverse("inspection", args=[self.pk])


class InspectionPhoto(Attachment):
    """抽查照片: upright, without metadata; hour and place are kept beside it."""

    inspection = models.ForeignKey(Inspection, models.CASCADE, related_name="photos")
    thumbnail = models.FileField(upload_to="", max_length=200)
    caption = models.CharField(_("说明"), max_length=120, blank=True)
    taken_at = models.DateTimeField(_("拍摄时间"), null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)


class Rectification(Case):
    """整改: one thing that an inspection found, until it is put right. mend_by: the unit's last day; answer: of the check.

    ``due_on`` is the last day of whoever must act now.
    """

    inspection = models.ForeignKey(Inspection, models.CASCADE, related_name="rectifications")
    text = models.TextField(_("问题"))
    mend_by = models.DateField(_("整改期限"))
    reply = models.TextField(_("整改情况"), blank=True)
    answer = models.TextField(_("核查意见"), blank=True)

    class Meta:
        verbose_name = _("整改")
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["state", "due_on"], name="rectification_state_due")]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def project(self) -> Project:
        return self.inspection.project

    @property
    def thread(self) -> str:
        return self.inspection.thread

    def get_absolute_url(self) -> str:
        return f"{self.inspection.get_absolute_url()}#rectification-{self.pk}"


class RectificationProof(Attachment):
    """整改佐证: a document or a picture that shows what was put right. Kept; a later reply needs a new one."""

    rectification = models.ForeignKey(Rectification, models.CASCADE, related_name="proofs")
