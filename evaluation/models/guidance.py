"""On site: guidance during construction with its opinions, and the panel's visit at completion."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application, Project
from portal.models import Attachment, Case, User


class GuidanceVisit(Case):
    """过程指导: one visit at one node of the construction."""

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


class GuidanceOpinion(Case):
    """指导意见: what must be mended by when; its own life until it is closed."""

    visit = models.ForeignKey(GuidanceVisit, models.CASCADE, related_name="opinions")
    item_code = models.CharField(_("条目"), max_length=20, blank=True)
    text = models.TextField(_("意见"))
    reply = models.TextField(_("整改回复"), blank=True)

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


class SiteVisit(models.Model):
    """现场核查 of one review round: the record that both parties sign before the panel marks."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="site_visits")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    visited_on = models.DateField(_("核查日期"), null=True)
    summary = models.TextField(_("核查情况"), blank=True)
    expert_signed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("专家签字"))
    expert_signed_at = models.DateTimeField(null=True)
    applicant_signed_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("申报单位签字")
    )
    applicant_signed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("现场核查")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round"], name="one_site_visit_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.application} · {self.visited_on}"


class SiteFinding(models.Model):
    """What was seen on site for one item."""

    site_visit = models.ForeignKey(SiteVisit, models.CASCADE, related_name="findings")
    item_code = models.CharField(_("条目"), max_length=20)
    agrees = models.BooleanField(_("与申报一致"))
    text = models.TextField(_("所见"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["site_visit", "item_code"], name="one_site_finding")]

    def __str__(self) -> str:
        return f"{self.item_code} {self.text[:30]}"


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
            )
        ]
