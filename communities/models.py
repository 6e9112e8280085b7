"""Districts, organisations and their people, officers, communities: the facts from which every role is read."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from communities import credit_code
from portal.models import Attachment, Case, User


def valid_credit_code(value: str) -> None:
    """Form and model validator of GB 32100-2015; the sentence comes from ``credit_code``."""
    problem = credit_code.problem_of(value)
    if problem:
        raise ValidationError(problem.message, code=problem.code, params=dict(problem.params))


class District(models.Model):
    """区县, by its GB/T 2260 code. Codes are never deleted: an abolished one gets ``valid_until``."""

    code = models.CharField(_("代码"), max_length=6, primary_key=True)
    name = models.CharField(_("名称"), max_length=30)
    valid_from = models.DateField(_("启用日期"), null=True, blank=True)
    valid_until = models.DateField(_("停用日期"), null=True, blank=True)

    class Meta:
        verbose_name = _("区县")
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.name


class PeriodQuerySet(models.QuerySet):
    def on(self, day: date) -> PeriodQuerySet:
        """Relations that hold on ``day``."""
        return self.filter(Q(until=None) | Q(until__gte=day), since__lte=day)


class Organisation(Case):
    """单位, identified by its unified social credit code."""

    class Kind(models.TextChoices):
        DEVELOPER = "developer", _("建设单位")
        PROPERTY = "property", _("物业服务企业")
        CONSULTING = "consulting", _("咨询服务单位")
        COMMUNITY = "community", _("街道或社区")
        OTHER = "other", _("其他")

    credit_code = models.CharField(_("统一社会信用代码"), max_length=18, unique=True, validators=[valid_credit_code])
    name = models.CharField(_("单位名称"), max_length=120)
    kind = models.CharField(_("单位类型"), max_length=20, choices=Kind)
    district = models.ForeignKey(District, models.PROTECT, null=True, verbose_name=_("注册地区县"))
    address = models.CharField(_("地址"), max_length=200)
    contact = models.CharField(_("联系人"), max_length=60)
    phone = models.CharField(_("联系电话"), max_length=30)
    undertaking = models.BooleanField(_("承诺所填内容真实"), default=False)
    banned_until = models.DateField(_("限制申报至"), null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="organisations")

    class Meta:
        verbose_name = _("单位")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("organisation", args=[self.pk])

    def may_apply(self, day: date) -> bool:
        """Active and not under a ban on ``day``."""
        return self.state == "active" and (self.banned_until is None or self.banned_until < day)


class Licence(Attachment):
    """营业执照, one current file an organisation; older ones stay."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="licences")


class Membership(models.Model):
    """成员: this person acts for this organisation from ``since`` to ``until``."""

    class Role(models.TextChoices):
        ADMINISTRATOR = "administrator", _("单位管理员")
        MEMBER = "member", _("经办人")

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="memberships")
    role = models.CharField(_("成员角色"), max_length=20, choices=Role)
    since = models.DateField(_("起"))
    until = models.DateField(_("止"), null=True, blank=True)

    objects: ClassVar = PeriodQuerySet.as_manager()

    class Meta:
        verbose_name = _("成员")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "organisation"], condition=Q(until=None), name="one_open_membership"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self.user.__dict__.pop("_memberships", None)  # what permissions.memberships_of keeps


class Officer(models.Model):
    """主管人员: this person holds this duty (for this district) from ``since`` to ``until``."""

    class Duty(models.TextChoices):
        DISTRICT_OFFICER = "district_officer", _("区县审核员")
        INTAKE = "intake", _("受理员")
        ORGANISER = "organiser", _("评价组织员")
        APPROVER = "approver", _("审定人")
        SUPERVISOR = "supervisor", _("监督员")
        POOL_KEEPER = "pool_keeper", _("专家库管理员")
        SYSTEM_ADMINISTRATOR = "system_administrator", _("系统管理员")
        SECURITY_ADMINISTRATOR = "security_administrator", _("安全管理员")
        AUDIT_ADMINISTRATOR = "audit_administrator", _("审计管理员")

    user = models.ForeignKey(User, models.CASCADE, related_name="duties")
    duty = models.CharField(_("职责"), max_length=30, choices=Duty)
    district = models.ForeignKey(District, models.PROTECT, null=True, blank=True, verbose_name=_("区县"))
    since = models.DateField(_("起"))
    until = models.DateField(_("止"), null=True, blank=True)

    objects: ClassVar = PeriodQuerySet.as_manager()

    class Meta:
        verbose_name = _("主管人员")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(duty="district_officer", district__isnull=False) | ~Q(duty="district_officer"),
                name="district_officer_has_district",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_duty_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self.user.__dict__.pop("_duties", None)  # what permissions.duties_of keeps


class Community(models.Model):
    """小区: the thing that is judged. Areas in square metres."""

    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="communities", verbose_name=_("申报单位")
    )
    name = models.CharField(_("小区名称"), max_length=80)
    district = models.ForeignKey(District, models.PROTECT, verbose_name=_("区县"))
    address = models.CharField(_("地址"), max_length=200)
    floor_area = models.DecimalField(_("总建筑面积（平方米）"), max_digits=12, decimal_places=2)
    households = models.PositiveIntegerField(_("户数"))
    buildings = models.PositiveIntegerField(_("楼栋数"))
    planning_permit_on = models.DateField(_("建设工程规划许可证日期"), null=True, blank=True)
    drawing_review_on = models.DateField(_("施工图审查合格日期"), null=True, blank=True)
    construction_permit_on = models.DateField(_("施工许可证日期"), null=True, blank=True)
    completed_on = models.DateField(_("竣工验收日期"), null=True, blank=True)

    class Meta:
        verbose_name = _("小区")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "name", "district"], name="community_once_an_applicant")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("community", args=[self.pk])
