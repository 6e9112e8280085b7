"""Renewal of a star certificate for another term, without another review."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.outcome import Certificate
from portal.models import Case, CaseQuerySet, User

OPEN_STATES = ("asked", "returned", "recommended")


class RenewalQuerySet(CaseQuerySet):
    def open(self) -> RenewalQuerySet:
        """Those about which nobody has decided."""
        return self.filter(state__in=OPEN_STATES)


class Renewal(Case):
    """延续: a unit asks that the certificate of its community goes on, says how it is run, and what came of that."""

    certificate = models.ForeignKey(Certificate, models.PROTECT, related_name="renewals", verbose_name=_("证书"))
    number = models.CharField(_("延续编号"), max_length=80, unique=True)
    statement = models.TextField(_("运行情况说明"))
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("申请人"))
    asked_at = models.DateTimeField(_("申请时间"), default=timezone.now)
    is_advised = models.BooleanField(_("建议延续"), null=True)
    opinion = models.TextField(_("核查意见"), blank=True)
    examined_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("核查人"))
    ruling = models.TextField(_("决定理由"), blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("决定人"))
    decided_at = models.DateTimeField(_("决定时间"), null=True)
    decision_number = models.CharField(_("决定书编号"), max_length=80, blank=True)

    objects: ClassVar[Any] = RenewalQuerySet.as_manager()

    class Meta:
        verbose_name = _("证书延续")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["certificate"], condition=models.Q(state__in=OPEN_STATES), name="one_open_certificate_renewal"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["state", "due_on"], name="renewal_state_due")]

    def __str__(self) -> str:
        return f"{self.number} {self.certificate.community_name}"

    @property
    def thread(self) -> str:
        return self.certificate.thread

    def get_absolute_url(self) -> str:
        return reverse("renewal", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES
