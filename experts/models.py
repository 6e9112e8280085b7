"""The expert pool: fields, experts, and the facts for which an expert is kept off a case."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from communities.models import District, valid_credit_code
from portal.models import User


class Field(models.Model):
    """专业: one of the standard's domains."""

    code = models.CharField(_("代码"), max_length=20, primary_key=True)
    name = models.CharField(_("名称"), max_length=40)

    class Meta:
        verbose_name = _("专业")
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.name


class ExpertQuerySet(models.QuerySet):
    def serving(self, day: date) -> ExpertQuerySet:
        """Experts whose term covers ``day`` and who are not paused."""
        return self.filter(Q(paused_until=None) | Q(paused_until__lt=day), term_from__lte=day, term_until__gte=day)


class Expert(models.Model):
    """专家: a person admitted to the pool for a term. An empty employer code means unknown, hence not drawable."""

    user = models.OneToOneField(User, models.PROTECT, related_name="expert")
    number = models.CharField(_("专家编号"), max_length=20, unique=True)
    title = models.CharField(_("职称"), max_length=40, blank=True)
    employer = models.CharField(_("工作单位"), max_length=120)
    employer_code = models.CharField(
        _("工作单位统一社会信用代码"), max_length=18, blank=True, validators=[valid_credit_code], db_index=True
    )
    district = models.ForeignKey(District, models.PROTECT, verbose_name=_("所在区县"))
    fields = models.ManyToManyField(Field, related_name="experts", verbose_name=_("专业"))
    term_from = models.DateField(_("聘期起"))
    term_until = models.DateField(_("聘期止"))
    paused_until = models.DateField(_("暂停至"), null=True, blank=True)

    objects: ClassVar = ExpertQuerySet.as_manager()

    class Meta:
        verbose_name = _("专家")

    def __str__(self) -> str:
        return str(self.user)


class Recusal(models.Model):
    """回避: a fact that keeps an expert off every case of a party, matched by credit code, never by name."""

    class Reason(models.TextChoices):
        # The codes are those of experts.draw.EXCLUSIONS, so that the receipt gives the reason as it stands here.
        EMPLOYED = "employed_by_party", _("三年内受雇于当事单位")
        DIRECTOR = "director_of_party", _("三年内任当事单位董事、监事或高级管理人员")
        HOLDING = "holding_in_party", _("持有当事单位股份或其他利益")
        KINSHIP = "kinship", _("与当事人有亲属关系")
        ADVISED = "drafted_or_advised", _("参与编制或咨询过本案")
        SELF = "self_declared", _("本人申明回避")
        PINNED = "pinned", _("经核定应回避")

    expert = models.ForeignKey(Expert, models.CASCADE, related_name="recusals")
    party_code = models.CharField(
        _("当事单位统一社会信用代码"), max_length=18, validators=[valid_credit_code], db_index=True
    )
    reason = models.CharField(_("原因"), max_length=30, choices=Reason)
    since = models.DateField(_("起"), null=True, blank=True)
    until = models.DateField(_("止"), null=True, blank=True)
    note = models.TextField(_("说明"), blank=True)
    declared_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    declared_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("回避事实")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["expert", "party_code", "reason"], name="one_recusal_a_reason")
        ]

    def __str__(self) -> str:
        return f"{self.expert} × {self.party_code} {self.get_reason_display()}"
