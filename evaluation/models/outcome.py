"""What the public sees: the notice, objections to it, the certificate."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.models import District
from evaluation.models.case import Application
from evaluation.models.certificate_form import CertificateForm
from evaluation.models.panel import Result
from evaluation.models.programme import Programme
from portal.models import Attachment, Case, CaseQuerySet, User


class PublicNoticeQuerySet(models.QuerySet["PublicNotice"]):
    def running(self, day: date) -> PublicNoticeQuerySet:
        """Notices to which an objection can be made on ``day``."""
        return self.filter(opened_on__lte=day, closes_on__gte=day, closed_at=None)


class PublicNotice(models.Model):
    """公示 of one result. ``figures`` are those of its newest version; the database lets them be nothing else."""

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


class NoticeVersion(models.Model):
    """One version of what a notice says. Written once: the model and the database refuse to change or delete it."""

    notice = models.ForeignKey(PublicNotice, models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField(_("版本"))
    published_at = models.DateTimeField(_("发布时间"))
    figures = models.JSONField(_("公示内容"))
    sha256 = models.CharField("SHA-256", max_length=64, unique=True)  # over all of it, ``previous`` included
    previous = models.CharField(_("上一版的 SHA-256"), max_length=64, blank=True)
    reason = models.TextField(_("更正理由"), blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("发布人"))

    class Meta:
        verbose_name = _("公示版本")
        ordering: ClassVar = ["notice", "version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["notice", "version"], name="one_notice_version_a_number")
        ]

    def __str__(self) -> str:
        return f"{self.notice} · {self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("a version of a notice is written once")
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("notice-version", args=[self.notice_id, self.version])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("a version of a notice is never deleted")


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


class PublishedReply(models.Model):
    """公开答复 to an objection, as its notice shows it: a copy that tells neither who objected nor the receipt number."""

    class Decision(models.TextChoices):
        NOT_TAKEN = "not_taken", _("不予受理")
        UPHELD = "upheld", _("异议成立")
        REJECTED = "rejected", _("异议不成立")
        MERGED = "merged", _("并入另一件异议")

    notice = models.ForeignKey(PublicNotice, models.PROTECT, related_name="replies")
    objection = models.OneToOneField(Objection, models.PROTECT, related_name="published")
    kind = models.CharField(_("异议人类型"), max_length=10, choices=Objection.Kind)
    received_on = models.DateField(_("收到日期"))
    decision = models.CharField(_("处理结果"), max_length=30, choices=Decision)
    decided_on = models.DateField(_("答复日期"))
    text = models.TextField(_("公开答复"))

    class Meta:
        verbose_name = _("公开答复")
        ordering: ClassVar = ["decided_on", "pk"]

    def __str__(self) -> str:
        return f"{self.notice} · {self.decided_on}"


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
    # Copies of what stands on the case, so that the directory is narrowed and counted without it.
    programme = models.ForeignKey(Programme, models.PROTECT, related_name="certificates", verbose_name=_("评价类别"))
    district = models.ForeignKey(
        District, models.PROTECT, related_name="certificates", verbose_name=_("区县"), db_index=False
    )
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
    # the version it was printed from; None for what was printed before there were versions
    form = models.ForeignKey(CertificateForm, models.PROTECT, null=True, blank=True, related_name="certificates")
    # The certificate in whose place it came: by renewal, at a lower level, or by a new award.
    succeeds = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, verbose_name=_("接替"), related_name="succeeded_by"
    )

    objects: ClassVar[Any] = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("证书")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application"], condition=models.Q(state="valid"), name="one_valid_certificate"
            )
        ]
        # Of the directory: any page of it is read from one of these without looking at the rows before it.
        indexes: ClassVar = [
            models.Index(
                fields=[*before, "-issued_on", "-id", "valid_until"],
                condition=models.Q(state="valid", is_final=True),
                name=name,
            )
            for name, before in (
                ("certified_newest", []),
                ("certified_by_district", ["district"]),
                ("certified_by_level", ["programme", "level_name"]),
            )
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def thread(self) -> str:
        return self.application.thread

    def save(self, *args: Any, **kwargs: Any) -> None:
        project = self.application.project if self._state.adding else None
        if project is not None and self.programme_id is None:
            self.programme_id = project.programme_id
        if project is not None and self.district_id is None:
            self.district_id = project.community.district_id
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("certificate", args=[self.number])

    def standing(self, day: date) -> str:
        """valid, expired, revoked or superseded on ``day``: a last day that passed counts before the sweep has seen it."""
        return "expired" if self.state == "valid" and self.valid_until < day else self.state
