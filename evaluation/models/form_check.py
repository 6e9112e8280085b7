"""What the form check is done with: strengths of rules, overrides, ready phrases, reasons of late findings, notices."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application, Finding, Project
from portal.models import User


class FormRule(models.Model):
    """形式审查规则: whether a failed automatic rule may be overridden. ``programme`` "" holds for all without an own row."""

    programme = models.CharField(_("评价类别"), max_length=30, blank=True)
    rule = models.CharField(_("自动规则"), max_length=40)
    is_hard = models.BooleanField(_("硬性规则"))
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("形式审查规则")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["programme", "rule"], name="one_strength_a_rule"),
        ]

    def __str__(self) -> str:
        return f"{self.programme or '*'} {self.rule}"


class RuleOverride(models.Model):
    """放行: an officer lets one version pass although a soft rule found something, and says why."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="overrides")
    version = models.PositiveSmallIntegerField(_("版本"))
    rule = models.CharField(_("自动规则"), max_length=40)
    reason = models.TextField(_("理由"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("放行人"))
    at = models.DateTimeField(_("放行时间"), default=timezone.now)

    class Meta:
        verbose_name = _("规则放行")
        ordering: ClassVar = ["version", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "version", "rule"], name="one_override_a_version"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} v{self.version}"


class PhraseQuerySet(models.QuerySet["Phrase"]):
    def open_to(self, user: User) -> PhraseQuerySet:
        """Shared phrases and those of ``user``, as they are in use."""
        return self.filter(Q(owner=None) | Q(owner=user), removed_at=None).order_by("kind", "pk")


class Phrase(models.Model):
    """常用语: words of a finding that are needed again and again. ``owner`` None: shared by all who check."""

    kind = models.CharField(_("位置类型"), max_length=10, choices=Finding.Kind, blank=True)  # "" for any place
    text = models.TextField(_("文字"))
    basis = models.CharField(_("依据"), max_length=300, blank=True)
    owner = models.ForeignKey(User, models.CASCADE, null=True, related_name="+", verbose_name=_("所有人"))
    revision = models.PositiveIntegerField(default=1)
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = PhraseQuerySet.as_manager()

    class Meta:
        verbose_name = _("常用语")

    def __str__(self) -> str:
        return self.text[:30]


class LateCodeQuerySet(models.QuerySet["LateCode"]):
    def in_use(self) -> LateCodeQuerySet:
        """Those that may be chosen today."""
        return self.filter(Q(valid_until=None) | Q(valid_until__gte=timezone.localdate()))


class LateCode(models.Model):
    """新增问题理由: why a finding comes only after the first notice. A finding keeps the code; none is ever deleted."""

    code = models.CharField(_("代码"), max_length=30, primary_key=True)
    label = models.CharField(_("理由"), max_length=60)
    needs_words = models.BooleanField(_("须另写说明"), default=False)
    position = models.PositiveSmallIntegerField(_("顺序"), default=0)
    valid_until = models.DateField(_("停用日期"), null=True, blank=True)  # the last day on which it may be chosen
    basis = models.TextField(_("依据"))

    objects: ClassVar[Any] = LateCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("新增问题理由")
        ordering: ClassVar = ["position", "code"]

    def __str__(self) -> str:
        return self.label


class NoticeKind(models.TextChoices):
    """Documents that are issued: by the form check, and about a certificate."""

    CORRECTION = "correction", _("补正材料一次性告知书")
    ACCEPTANCE = "acceptance", _("受理通知书")
    REFUSAL = "refusal", _("不予受理通知书")
    HEARING = "hearing", _("证书处理告知书")
    SANCTION = "sanction", _("证书处理决定书")
    NONRENEWAL = "nonrenewal", _("不予延续决定书")


class NoticeForm(models.Model):
    """文书式样: how documents of one kind are numbered and what they say beside the case's own words.

    pattern: with {prefix} of the programme, {year} and {number}; text, remedy: printed as they are.
    """

    kind = models.CharField(_("文书"), max_length=12, choices=NoticeKind, primary_key=True)
    pattern = models.CharField(_("编号样式"), max_length=60)
    text = models.TextField(_("正文"), blank=True)
    remedy = models.TextField(_("救济途径"), blank=True)
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("文书式样")

    def __str__(self) -> str:
        return str(self.get_kind_display())


class IssuedNotice(models.Model):
    """文书: a numbered document as it was issued. ``content`` is what it says; the file is made once from that alone."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="issued_notices")
    kind = models.CharField(_("文书"), max_length=12, choices=NoticeKind)
    round = models.PositiveSmallIntegerField(_("轮次"), default=0)
    number = models.CharField(_("编号"), max_length=80, unique=True)
    content: Any = models.JSONField(_("内容"))
    issued_at = models.DateTimeField(_("发出时间"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("经办人"))
    file = models.FileField(_("文件"), upload_to="", max_length=200, blank=True)
    size = models.PositiveBigIntegerField(_("字节数"), default=0)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)

    class Meta:
        verbose_name = _("文书")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "kind", "round"], name="one_notice_a_round"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(sha256=""), name="notice_not_made"),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("issued-notice", args=[self.pk])


class OfficerConflictQuerySet(models.QuerySet["OfficerConflict"]):
    def standing(self) -> OfficerConflictQuerySet:
        """Those that no two people have released."""
        return self.filter(released_at=None)


class OfficerConflict(models.Model):
    """经办人员回避: why an officer has nothing to do with a case, or with every case of a unit. Only two people release it.

    Exactly one of ``credit_code`` (a unit, whatever code it bears later) and ``project`` is given.
    """

    officer = models.ForeignKey(User, models.PROTECT, related_name="conflicts", verbose_name=_("回避人员"))
    credit_code = models.CharField(_("统一社会信用代码"), max_length=18, blank=True)
    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="conflicts", verbose_name=_("案卷"))
    relation = models.CharField(_("回避事由"), max_length=500)
    declared_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("登记人"))
    declared_at = models.DateTimeField(_("登记时间"), default=timezone.now)
    release_reason = models.CharField(_("解除理由"), max_length=500, blank=True)
    release_asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("提出解除"))
    release_asked_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("同意解除"))
    released_at = models.DateTimeField(_("解除时间"), null=True)

    objects: ClassVar[Any] = OfficerConflictQuerySet.as_manager()

    class Meta:
        verbose_name = _("经办人员回避")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(project=None, credit_code__gt="") | Q(project__isnull=False, credit_code=""),
                name="conflict_has_one_object",
            ),
            models.CheckConstraint(
                condition=Q(released_by=None, released_at=None)
                | Q(released_at__isnull=False, release_asked_by__isnull=False)
                & ~Q(released_by=models.F("release_asked_by")),
                name="conflict_released_by_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.officer} · {self.project or self.credit_code}"
