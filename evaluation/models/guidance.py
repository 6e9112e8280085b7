"""On site: guidance during construction with its plan, visits and opinions, and the panel's visit at completion."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Project
from evaluation.models.site_visit import SiteVisit
from experts.models import Expert
from portal.models import Attachment, Case, User


class GuidanceSchedule(models.Model):
    """施工计划: from when to when the applicant builds one node; what days of visits are proposed from."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="schedules")
    node = models.CharField(_("节点"), max_length=20)
    begins_on = models.DateField(_("计划开工"))
    ends_on = models.DateField(_("计划完工"))
    given_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("填写人"))
    given_at = models.DateTimeField(_("填写时间"), default=timezone.now)

    class Meta:
        verbose_name = _("施工计划")
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "node"], name="one_schedule_a_node")]

    def __str__(self) -> str:
        return f"{self.node} {self.begins_on}–{self.ends_on}"


class GuidanceVisit(Case):
    """过程指导: one visit at one node of the construction; a node may have several."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="guidance_visits")
    node = models.CharField(_("节点"), max_length=20)
    planned_on = models.DateField(_("计划日期"))
    visitor = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("指导人"))
    notes = models.TextField(_("现场情况"), blank=True)
    visited_on = models.DateField(_("指导日期"), null=True)

    class Meta:
        verbose_name = _("过程指导")
        ordering: ClassVar = ["planned_on", "pk"]

    def __str__(self) -> str:
        return f"{self.project} · {self.node_name}"

    @property
    def node_name(self) -> str:
        return dict(self.project.programme.guidance_nodes).get(self.node, self.node)

    @property
    def thread(self) -> str:
        return f"evaluation.project:{self.project_id}"

    def get_absolute_url(self) -> str:
        return reverse("guidance-visit", args=[self.pk])


class GuidanceCompanion(Case):
    """随行专家: an expert asked to come along on one visit. Whoever came never sits on a panel of the case."""

    visit = models.ForeignKey(GuidanceVisit, models.CASCADE, related_name="companions")
    expert = models.ForeignKey(Expert, models.PROTECT, related_name="guidance", verbose_name=_("专家"))
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("邀请人"))

    class Meta:
        verbose_name = _("随行专家")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["visit", "expert"], name="one_companion_a_visit")]

    def __str__(self) -> str:
        return f"{self.visit} · {self.expert}"

    @property
    def thread(self) -> str:
        return self.visit.thread

    def get_absolute_url(self) -> str:
        return self.visit.get_absolute_url()


class GuidanceNote(models.Model):
    """指导记要: what the district or an expert who came along noted on one visit. Added, never changed."""

    visit = models.ForeignKey(GuidanceVisit, models.CASCADE, related_name="remarks")
    text = models.TextField(_("记要"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("记录人"))
    at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("指导记要")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def thread(self) -> str:
        return self.visit.thread


class GuidanceOpinion(Case):
    """指导意见: what must be mended by when; its own life until it is closed.

    ``due_on`` is the last day of whoever must act now, ``mend_by`` the applicant's. ``trouble``: why the city must decide;
    ``ruling``: what it said.
    """

    class Severity(models.TextChoices):
        """How much hangs on it."""

        MINOR = "minor", _("一般")
        MAJOR = "major", _("较重")
        CRITICAL = "critical", _("严重")

    visit = models.ForeignKey(GuidanceVisit, models.CASCADE, related_name="opinions")
    item_code = models.CharField(_("条目"), max_length=20, blank=True)
    text = models.TextField(_("意见"))
    reply = models.TextField(_("整改回复"), blank=True)
    severity = models.CharField(_("轻重"), max_length=10, choices=Severity, default=Severity.MINOR)
    mend_by = models.DateField(_("整改期限"), null=True)
    trouble = models.TextField(_("报请处理的事由"), blank=True)
    ruling = models.TextField(_("市级处理意见"), blank=True)

    class Meta:
        verbose_name = _("指导意见")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def thread(self) -> str:
        return self.visit.thread

    def get_absolute_url(self) -> str:
        return self.visit.get_absolute_url()


class OpinionFile(Attachment):
    """整改佐证: a document that proves what was mended."""

    opinion = models.ForeignKey(GuidanceOpinion, models.CASCADE, related_name="files")


class Photo(Attachment):
    """A photo of a guidance visit, of the reply to an opinion, or of the site visit: exactly one of the three."""

    guidance_visit = models.ForeignKey(GuidanceVisit, models.CASCADE, null=True, related_name="photos")
    opinion = models.ForeignKey(GuidanceOpinion, models.CASCADE, null=True, related_name="photos")
    site_visit = models.ForeignKey(SiteVisit, models.CASCADE, null=True, related_name="photos")
    thumbnail = models.FileField(upload_to="", max_length=200)
    caption = models.CharField(_("说明"), max_length=120, blank=True)
    taken_at = models.DateTimeField(_("拍摄时间"), null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    # Of the site visit alone. key names one photo as it was taken, however often it is sent; sent_sha256: of the bytes as
    # they left the telephone; said: when and where, in the very words of the telephone.
    key = models.CharField(max_length=36, blank=True)
    line = models.CharField(_("核查项"), max_length=60, blank=True)
    sent_sha256 = models.CharField(max_length=64, blank=True)
    said = models.JSONField(default=dict, blank=True)
    accuracy = models.FloatField(null=True, blank=True)  # metres
    withdrawn_at = models.DateTimeField(_("撤下时间"), null=True)
    withdrawn_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    withdrawn_reason = models.CharField(_("撤下理由"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("照片")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(
                    models.Q(guidance_visit__isnull=False, opinion=None, site_visit=None)
                    | models.Q(guidance_visit=None, opinion__isnull=False, site_visit=None)
                    | models.Q(guidance_visit=None, opinion=None, site_visit__isnull=False)
                ),
                name="photo_has_one_subject",
            ),
            models.UniqueConstraint(fields=["site_visit", "key"], condition=~models.Q(key=""), name="one_site_photo"),
        ]
