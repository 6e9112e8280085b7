"""The panel: the draw, who was asked, what they marked, what it came to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application, Submission
from experts.models import Expert
from portal.models import Case, User


class Draw(models.Model):
    """抽取 of one review round: frozen before any secret is known, started by two persons, re-playable by anyone."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="draws")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    frozen = models.JSONField(_("冻结名单"))
    commitment = models.CharField(_("承诺值"), max_length=64)
    identities = models.JSONField(_("身份对照"))  # public id -> expert id and salt; never shown before the result
    organiser = models.ForeignKey(User, models.PROTECT, related_name="+")
    organiser_secret = models.CharField(max_length=64)
    supervisor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    supervisor_secret = models.CharField(max_length=64, blank=True)
    declines = models.JSONField(_("谢绝顺序"), default=list)  # expert numbers, in the order they gave up their seats
    receipt = models.JSONField(_("抽取凭证"), null=True)
    proposed_at = models.DateTimeField(default=timezone.now)
    drawn_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("抽取")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round"], name="one_draw_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.application_id}/{self.review_round} {self.commitment[:12]}"


class Assignment(Case):
    """指派: one expert asked for one panel; accepted, it is that expert's sheet."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="assignments")
    draw = models.ForeignKey(Draw, models.PROTECT, related_name="assignments")
    expert = models.ForeignKey(Expert, models.PROTECT, related_name="assignments", verbose_name=_("专家"))
    review_round = models.PositiveSmallIntegerField(_("评审轮次"), default=1)
    field = models.CharField(_("专业"), max_length=20)
    is_leader = models.BooleanField(_("组长"), default=False)
    seat = models.PositiveSmallIntegerField(_("席位"))
    signed_sha256 = models.CharField(_("评分表摘要"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("指派")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round", "expert"], name="one_seat_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.expert} · {self.application}"

    @property
    def thread(self) -> str:
        return self.application.thread

    def get_absolute_url(self) -> str:
        return reverse("assignment", args=[self.pk])


class Mark(models.Model):
    """评分: one expert's mark of one item. ``value`` as in the standard format; null abstains (another field's item)."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="marks")
    item_code = models.CharField(_("条目"), max_length=20)
    value = models.JSONField(_("评分"), null=True)
    reason = models.TextField(_("理由"), blank=True)
    private_note = models.TextField(_("私人备注"), blank=True)
    revision = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("评分")
        constraints: ClassVar = [models.UniqueConstraint(fields=["assignment", "item_code"], name="one_mark_an_item")]

    def __str__(self) -> str:
        return f"{self.item_code}={self.value}"


class Result(models.Model):
    """结果 of one review round, with the whole trace a reader needs to recompute it. Written once by the worker."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="results")
    submission = models.ForeignKey(Submission, models.PROTECT, related_name="+")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    standard_sha256 = models.CharField(max_length=64)
    total = models.DecimalField(_("总分"), max_digits=10, decimal_places=6, null=True)
    level = models.PositiveSmallIntegerField(_("星级"))
    trace: Any = models.JSONField(_("计算过程"))  # scoring.Result.as_trace()
    sheets: Any = models.JSONField(_("评分表"))  # [{"scorer", "leader", "marks", "reasons"}]
    opinion = models.TextField(_("专家组意见"), blank=True)
    opinion_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("组长"))
    notes = models.JSONField(_("分歧说明"), default=dict)  # item code -> what the panel agreed on a flagged item
    at = models.DateTimeField(_("计算时间"), default=timezone.now)

    class Meta:
        verbose_name = _("结果")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round"], name="one_result_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.application_id}/{self.review_round} {self.total} L{self.level}"
