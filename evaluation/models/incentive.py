"""What a star brings beyond itself: policies as the authority sets them, and what was decided under them for a certificate."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.outcome import Certificate, IssuerKey
from evaluation.models.programme import Programme
from portal.models import Case, CaseQuerySet, User

LIVE = ("unset", "due", "granted")  # states of which a certificate has at most one under each policy
OPEN = ("unset", "due")
DECIDED = ("granted", "refused", "reversed")


class IncentivePolicyQuerySet(models.QuerySet["IncentivePolicy"]):
    def on(self, day: date) -> IncentivePolicyQuerySet:
        """Policies that hold on ``day``."""
        begun = Q(valid_from=None) | Q(valid_from__lte=day)
        return self.filter(begun, Q(valid_until=None) | Q(valid_until__gte=day))

    def not_over(self, day: date) -> IncentivePolicyQuerySet:
        """Those that hold on ``day`` or begin later: what the public reads."""
        return self.filter(Q(valid_until=None) | Q(valid_until__gte=day))


class IncentivePolicy(models.Model):
    """激励政策 of one programme. values: level -> what it is worth, as text; a level that is not there has not been set."""

    code = models.CharField(_("代码"), max_length=30, primary_key=True)
    name = models.CharField(_("名称"), max_length=60)
    programme = models.ForeignKey(
        Programme, models.PROTECT, related_name="incentive_policies", verbose_name=_("评价类别")
    )
    document_number = models.CharField(_("文号"), max_length=120, blank=True)
    valid_from = models.DateField(_("启用日期"), null=True, blank=True)
    valid_until = models.DateField(_("停用日期"), null=True, blank=True)
    least_level = models.PositiveSmallIntegerField(_("最低星级"), default=1)
    values: Any = models.JSONField(_("各星级数值"), default=dict, blank=True)
    unit = models.CharField(_("数值单位"), max_length=20, blank=True)
    conditions = models.TextField(_("条件"), blank=True)
    cap = models.CharField(_("上限"), max_length=200, blank=True)
    department = models.CharField(_("监管部门"), max_length=120, blank=True)
    basis = models.TextField(_("依据"))

    objects: ClassVar[Any] = IncentivePolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("激励政策")
        ordering: ClassVar = ["programme", "code"]

    def __str__(self) -> str:
        return self.name

    @property
    def standing_values(self) -> list[tuple[str, str]]:
        """Every level from the least, highest last: its name, and what it is worth, "" where nobody has set it."""
        levels = sorted(self.programme.standard.parsed.levels, key=lambda level: level.level)
        return [(row.name, self.value_of(row.level)) for row in levels if row.level >= max(self.least_level, 1)]

    def value_of(self, level: int) -> str:
        """What a level is worth with its unit; "" where nobody has set it."""
        return with_unit(str(self.values.get(str(level), "")).strip(), self.unit)


def with_unit(value: str, unit: str) -> str:
    """A value as people read it; "" without one."""
    if not value or not unit:
        return value
    return f"{value}{unit}" if unit in "%‰" else f"{value} {unit}"


class IncentiveQuerySet(CaseQuerySet):
    def live(self) -> IncentiveQuerySet:
        """Those that are open or granted."""
        return self.filter(state__in=LIVE)

    def reversed_ones(self) -> IncentiveQuerySet:
        """Confirmations that hold no more: what the signed list names."""
        return self.filter(state="reversed")


class Incentive(Case):
    """激励 of one certificate under one policy. What the policy said is copied when it is decided, and stays so.

    number: of the confirmation, given with it; a part of it nobody can guess. amount: the value with its unit.
    """

    certificate = models.ForeignKey(Certificate, models.PROTECT, related_name="incentives", verbose_name=_("证书"))
    policy = models.ForeignKey(IncentivePolicy, models.PROTECT, related_name="incentives", verbose_name=_("激励政策"))
    number = models.CharField(_("确认书编号"), max_length=60, blank=True, db_index=True)
    level = models.PositiveSmallIntegerField(_("星级"))
    level_name = models.CharField(_("等级名称"), max_length=40)
    community_name = models.CharField(_("小区"), max_length=80)
    organisation_name = models.CharField(_("申报单位"), max_length=120)
    credit_code = models.CharField(_("统一社会信用代码"), max_length=18)
    policy_name = models.CharField(_("激励政策"), max_length=60, blank=True)
    basis = models.TextField(_("依据"), blank=True)
    document_number = models.CharField(_("文号"), max_length=120, blank=True)
    amount = models.CharField(_("数值"), max_length=70, blank=True)
    conditions = models.TextField(_("条件"), blank=True)
    cap = models.CharField(_("上限"), max_length=200, blank=True)
    department = models.CharField(_("监管部门"), max_length=120, blank=True)
    grounds = models.TextField(_("核定意见"), blank=True)
    reason = models.TextField(_("不予或撤回的理由"), blank=True)
    opened_at = models.DateTimeField(_("立项时间"), default=timezone.now)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("核定人"))
    decided_at = models.DateTimeField(_("核定时间"), null=True)
    granted_on = models.DateField(_("核定日期"), null=True)
    valid_until = models.DateField(_("有效期至"), null=True)
    file = models.FileField(upload_to="", max_length=200, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    seal = models.TextField(_("数字签名"), blank=True)
    seal_key = models.ForeignKey(
        IssuerKey, models.PROTECT, null=True, blank=True, verbose_name=_("签发密钥"), related_name="incentives"
    )

    objects: ClassVar[Any] = IncentiveQuerySet.as_manager()

    class Meta:
        verbose_name = _("激励")
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [
            models.Index(fields=["state", "due_on"], name="incentive_state_due"),
            # what the sweep asks of every certificate: whether it has one of a policy
            models.Index(fields=["certificate", "policy"], name="incentive_of_certificate"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["certificate", "policy"], condition=Q(state__in=LIVE), name="one_live_incentive"
            ),
            models.UniqueConstraint(fields=["number"], condition=~Q(number=""), name="one_incentive_a_number"),
        ]

    def __str__(self) -> str:
        return f"{self.certificate} · {self.policy_name or self.policy}"

    @property
    def thread(self) -> str:
        return self.certificate.thread

    def get_absolute_url(self) -> str:
        return reverse("incentive", args=[self.pk])

    def standing(self, day: date) -> str:
        """Of a confirmation: valid, expired or reversed on ``day``."""
        if self.state == "granted" and self.valid_until is not None and self.valid_until < day:
            return "expired"
        return "valid" if self.state == "granted" else self.state
