"""The panel's visit on site: its record, what was seen line by line in versions that never change, and who signed it."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application
from portal.models import User


class SiteVisit(models.Model):
    """现场核查 of one review round: the record that both parties sign before the panel marks.

    visited_on, summary: the last version of the line "record". paper: the PDF of what ``paper_of`` names, made once.
    """

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
    paper = models.FileField(_("核查记录"), upload_to="", max_length=200, blank=True)
    paper_sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    paper_of = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("现场核查")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round"], name="one_site_visit_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.application} · {self.visited_on}"

    def get_absolute_url(self) -> str:
        return reverse("site-visit", args=[self.application_id])

    @property
    def paper_number(self) -> str:
        return f"{self.application.project.number}-HC-{self.application.stage}-{self.review_round}"


class SiteFinding(models.Model):
    """One version of what is said of one line of the checklist; a later one follows it and never takes its place.

    line: "record", "item:4.1.1", "difference:4.1.1", "question:7", "doubt:<key>" (what a member wants looked at; its first
    version says that and has no ``seen``) or "own:<key>". save_key names one save. said_at: by the writer's own clock.
    """

    class Seen(models.TextChoices):
        AGREES = "agrees", _("与申报一致")
        DIFFERS = "differs", _("与申报不一致")
        UNSEEN = "unseen", _("无法查看")

    site_visit = models.ForeignKey(SiteVisit, models.CASCADE, related_name="findings")
    line = models.CharField(_("核查项"), max_length=60)
    number = models.PositiveSmallIntegerField(_("版本"))
    item_code = models.CharField(_("条目"), max_length=20, blank=True)
    seen = models.CharField(_("所见结果"), max_length=10, choices=Seen, blank=True)
    text = models.TextField(_("所见"), blank=True)
    visited_on = models.DateField(_("核查日期"), null=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(_("收到时间"), default=timezone.now)
    said_at = models.DateTimeField(_("记录时间"), null=True)
    save_key = models.CharField(max_length=36)

    class Meta:
        verbose_name = _("现场所见")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site_visit", "line", "number"], name="one_site_version"),
            models.UniqueConstraint(fields=["site_visit", "save_key"], name="one_site_save"),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.text[:30]}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("what was seen on site is never changed: a new version follows")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("what was seen on site is never deleted")

    @property
    def agrees(self) -> bool:
        return self.seen == self.Seen.AGREES


class SiteSignature(models.Model):
    """A signature under the record as ``content_sha256`` names it; void from the moment the record changed.

    strokes: [[[x, y], …], …] as drawn on the glass, x 0..1000, y 0..400; none where name and password stand for them.
    signed_by: whose account it is; None for somebody of the applicant's who signed on the telephone of ``witness``.
    """

    class Side(models.TextChoices):
        EXPERT = "expert", _("专家")
        APPLICANT = "applicant", _("申报单位")

    site_visit = models.ForeignKey(SiteVisit, models.CASCADE, related_name="signatures")
    side = models.CharField(_("签字方"), max_length=10, choices=Side)
    name = models.CharField(_("签字人"), max_length=60)
    title = models.CharField(_("职务"), max_length=60, blank=True)
    strokes = models.JSONField(_("手写笔迹"), default=list)
    strokes_sha256 = models.CharField(max_length=64, blank=True)
    content_sha256 = models.CharField(_("所签内容"), max_length=64)
    consent = models.TextField(_("同意的文字"), blank=True)
    signed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    witness = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("见证人"))
    signed_at = models.DateTimeField(_("签字时间"))
    at = models.DateTimeField(_("收到时间"), default=timezone.now)
    voided_at = models.DateTimeField(_("失效时间"), null=True)
    save_key = models.CharField(max_length=36)

    class Meta:
        verbose_name = _("现场核查签字")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site_visit", "save_key"], name="one_site_signing"),
            models.UniqueConstraint(
                fields=["site_visit", "side"], condition=models.Q(voided_at=None), name="one_site_signature_a_side"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()} {self.name}"
