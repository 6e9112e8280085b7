"""Downgrade and revocation of a certificate after its unit was heard."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.outcome import Certificate
from portal.models import Attachment, Case, CaseQuerySet, User

OPEN_STATES = ("proposed", "hearing", "oral", "deciding")


class SanctionQuerySet(CaseQuerySet):
    def open(self) -> SanctionQuerySet:
        """Those about which nobody has decided."""
        return self.filter(state__in=OPEN_STATES)


class Sanction(Case):
    """处理: why a certificate is to be revoked or downgraded, what its unit says to that, and what was decided.

    told_at: when the unit was told, which from then on reads all of it; None before. ban_years: years for which the unit
    applies for nothing once it is revoked, None for none; unbanned_reason: why there is none.
    """

    class Kind(models.TextChoices):
        """What is proposed."""

        REVOKE = "revoke", _("撤销证书")
        DOWNGRADE = "downgrade", _("降低等级")

    certificate = models.ForeignKey(Certificate, models.PROTECT, related_name="sanctions", verbose_name=_("证书"))
    number = models.CharField(_("处理编号"), max_length=80, unique=True)
    kind = models.CharField(_("拟作处理"), max_length=10, choices=Kind)
    to_level = models.PositiveSmallIntegerField(_("降至等级"), null=True)
    facts = models.TextField(_("事实"))
    basis = models.TextField(_("依据"))
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("提出人"))
    proposed_at = models.DateTimeField(_("提出时间"), default=timezone.now)
    told_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("告知人"))
    told_at = models.DateTimeField(_("告知时间"), null=True)
    notice_number = models.CharField(_("告知书编号"), max_length=80, blank=True)
    statement = models.TextField(_("陈述和申辩"), blank=True)
    waived_at = models.DateTimeField(_("放弃陈述申辩"), null=True)
    oral_reason = models.TextField(_("要求当面听取意见的理由"), blank=True)
    heard_on = models.DateField(_("听取意见日期"), null=True)
    record = models.TextField(_("听取意见记录"), blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("记录人"))
    ruling = models.TextField(_("决定理由"), blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("决定人"))
    decided_at = models.DateTimeField(_("决定时间"), null=True)
    decision_number = models.CharField(_("决定书编号"), max_length=80, blank=True)
    ban_years = models.PositiveSmallIntegerField(_("限制申报年数"), null=True)
    unbanned_reason = models.TextField(_("不限制申报的理由"), blank=True)

    objects: ClassVar[Any] = SanctionQuerySet.as_manager()

    class Meta:
        verbose_name = _("证书处理")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["certificate"], condition=models.Q(state__in=OPEN_STATES), name="one_open_sanction"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="revoke", to_level=None) | models.Q(kind="downgrade", to_level__gte=1),
                name="sanction_level_of_downgrade",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "due_on"], name="sanction_state_due")]

    def __str__(self) -> str:
        return f"{self.number} {self.certificate.community_name}"

    @property
    def thread(self) -> str:
        return self.certificate.thread

    def get_absolute_url(self) -> str:
        return reverse("sanction", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class SanctionProof(Attachment):
    """A file that proves the facts or supports the statement."""

    class Side(models.TextChoices):
        """Who handed it in."""

        OFFICE = "office", _("处理一方")
        PARTY = "party", _("当事单位")

    sanction = models.ForeignKey(Sanction, models.CASCADE, related_name="proofs")
    side = models.CharField(max_length=10, choices=Side)
    removed_at = models.DateTimeField(null=True)
