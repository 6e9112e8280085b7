"""What the public sees: the notice, objections to it, the certificate."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application
from evaluation.models.panel import Result
from portal.models import Attachment, Case, CaseQuerySet


class PublicNoticeQuerySet(models.QuerySet["PublicNotice"]):
    def running(self, day: date) -> PublicNoticeQuerySet:
        """Notices to which an objection can be made on ``day``."""
        return self.filter(opened_on__lte=day, closes_on__gte=day, closed_at=None)


class PublicNotice(models.Model):
    """公示 of one result: what was published stays as it was."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="notices")
    result = models.OneToOneField(Result, models.PROTECT, related_name="notice")
    number = models.CharField(_("公示编号"), max_length=40, unique=True)
    opened_on = models.DateField(_("公示开始"))
    closes_on = models.DateField(_("公示截止"))
    figures = models.JSONField(_("公示内容"))
    closed_at = models.DateTimeField(_("公示结束"), null=True)

    objects: ClassVar[Any] = PublicNoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("公示")
        ordering: ClassVar = ["-opened_on", "-pk"]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("notice", args=[self.pk])

    def is_running(self, day: date) -> bool:
        """The plain-Python face of ``running``."""
        return self.closed_at is None and self.opened_on <= day <= self.closes_on

    @property
    def was_cut_short(self) -> bool:
        """Ended before its last day was over: an objection was upheld and the case judged anew."""
        return self.closed_at is not None and timezone.localdate(self.closed_at) <= self.closes_on


class ObjectionQuerySet(CaseQuerySet):
    def unanswered(self) -> ObjectionQuerySet:
        """Objections on which nobody has decided."""
        return self.filter(state__in=("received", "accepted"))


class Objection(Case):
    """异议 to a notice, by a person with real name and contact or a unit with seal."""

    class Kind(models.TextChoices):
        PERSON = "person", _("个人")
        UNIT = "unit", _("单位")

    notice = models.ForeignKey(PublicNotice, models.PROTECT, related_name="objections")
    number = models.CharField(_("回执编号"), max_length=40, unique=True)
    kind = models.CharField(_("异议人类型"), max_length=10, choices=Kind)
    name = models.CharField(_("姓名或单位名称"), max_length=120)
    identity = models.CharField(_("证件号码或统一社会信用代码"), max_length=30)
    contact = models.CharField(_("联系方式"), max_length=120)
    text = models.TextField(_("异议事项与事实依据"))
    reply = models.TextField(_("答复"), blank=True)
    received_at = models.DateTimeField(_("收到时间"), default=timezone.now)

    objects: ClassVar[Any] = ObjectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("异议")

    def __str__(self) -> str:
        return self.number

    @property
    def thread(self) -> str:
        return self.notice.application.thread

    def get_absolute_url(self) -> str:
        return reverse("objection", args=[self.pk])


class ObjectionProof(Attachment):
    """Evidence or the sealed letter of an objection."""

    objection = models.ForeignKey(Objection, models.CASCADE, related_name="proofs")


class IssuerKey(models.Model):
    """A key that seals certificates. Only its public half is here; the private one lies in a file of ISSUER_KEYS."""

    code = models.CharField(_("密钥编号"), max_length=16, primary_key=True)
    public_key = models.CharField(_("公钥"), max_length=64)
    begins = models.DateField(_("启用日期"))
    retired = models.DateField(_("停用日期"), null=True)
    is_current = models.BooleanField(_("正在使用"), default=True)

    class Meta:
        verbose_name = _("签发密钥")
        ordering: ClassVar = ["begins", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_current"], condition=models.Q(is_current=True), name="one_current_issuer_key"
            )
        ]

    def __str__(self) -> str:
        return self.code


class RevocationList(models.Model):
    """撤销名单: the newest signed list of certificates that ended before their last day. One row, made anew."""

    day = models.DateField(_("截至日期"))
    content = models.TextField(_("名单"))
    sha256 = models.CharField("SHA-256", max_length=64)
    count = models.PositiveIntegerField(_("证书数"))

    class Meta:
        verbose_name = _("撤销名单")

    def __str__(self) -> str:
        return self.day.isoformat()


class CertificateQuerySet(CaseQuerySet):
    def in_force(self, day: date) -> CertificateQuerySet:
        """Star certificates that hold on ``day``: the certified communities."""
        return self.filter(state="valid", is_final=True, valid_until__gte=day)

    def ended(self) -> CertificateQuerySet:
        """Certificates that ended before their last day: what the revocation list names."""
        return self.filter(state__in=("revoked", "superseded"))

    def newest_first(self) -> CertificateQuerySet:
        return self.order_by("-issued_on", "-pk")


class Certificate(Case):
    """证书: provisional after the design review, the star after completion. Copies of names, as they were when issued."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="certificates")
    number = models.CharField(_("证书编号"), max_length=40, unique=True)
    is_final = models.BooleanField(_("星级证书"))
    level = models.PositiveSmallIntegerField(_("星级"))
    level_name = models.CharField(_("等级名称"), max_length=40)
    community_name = models.CharField(_("小区"), max_length=80)
    organisation_name = models.CharField(_("申报单位"), max_length=120)
    district_name = models.CharField(_("区县"), max_length=30)
    standard_label = models.CharField(_("评价标准"), max_length=80)
    standard_sha256 = models.CharField(max_length=64)
    standard_notice = models.CharField(_("声明"), max_length=200, blank=True)
    issued_on = models.DateField(_("发证日期"))
    valid_until = models.DateField(_("有效期至"))
    file = models.FileField(upload_to="", max_length=200, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    seal = models.TextField(_("数字签名"), blank=True)
    seal_key = models.ForeignKey(
        IssuerKey, models.PROTECT, null=True, blank=True, verbose_name=_("签发密钥"), related_name="certificates"
    )

    objects: ClassVar[Any] = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("证书")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application"], condition=models.Q(state="valid"), name="one_valid_certificate"
            )
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def thread(self) -> str:
        return self.application.thread

    def get_absolute_url(self) -> str:
        return reverse("certificate", args=[self.number])

    def standing(self, day: date) -> str:
        """valid, expired, revoked or superseded on ``day``: a last day that passed counts before the sweep has seen it."""
        return "expired" if self.state == "valid" and self.valid_until < day else self.state
