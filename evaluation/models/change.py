"""Major changes of what is built against the certified design, and what was decided about them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Project
from portal.models import Attachment, Case, CaseQuerySet, User

# From being declared or demanded until it is decided, and until what was decided is done.
OPEN_STATES = ("demanded", "examining", "hearing", "deciding", "reevaluating")


class MajorChangeQuerySet(CaseQuerySet):
    def open(self) -> MajorChangeQuerySet:
        """Those that keep the completion application from being handed in."""
        return self.filter(state__in=OPEN_STATES)


class MajorChange(Case):
    """重大变更: what differs from the certified design while it is built, and whether the design certificate stands.

    items, documents: codes of what it touches. demand: why an officer or the panel asked for it; "" for one declared unasked.
    """

    class Proposal(models.TextChoices):
        """What the organiser prepares and the approver decides."""

        KEEP = "keep", _("不影响设计评价，证书继续有效")
        REEVALUATE = "reevaluate", _("重新进行设计评价")
        CANCEL = "cancel", _("撤销设计评价证书")

    project = models.ForeignKey(Project, models.PROTECT, related_name="major_changes", verbose_name=_("案卷"))
    summary = models.TextField(_("变更内容"), blank=True)
    reason = models.TextField(_("变更原因"), blank=True)
    items: Any = models.JSONField(_("涉及的条目"), default=list)
    documents: Any = models.JSONField(_("涉及的材料"), default=list)
    demand = models.TextField(_("要求说明的事由"), blank=True)
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("提出人"))
    opened_at = models.DateTimeField(_("提出时间"), default=timezone.now)
    revision = models.PositiveIntegerField(default=1)
    proposal = models.CharField(_("拟处理意见"), max_length=12, choices=Proposal, blank=True)
    grounds = models.TextField(_("审查意见"), blank=True)
    prepared_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("审查人"))
    statement = models.TextField(_("申报单位的陈述"), blank=True)
    ruling = models.TextField(_("决定理由"), blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("决定人"))
    decided_at = models.DateTimeField(_("决定时间"), null=True)

    objects: ClassVar[Any] = MajorChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("重大变更")
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["state", "due_on"], name="major_change_state_due")]

    def __str__(self) -> str:
        return f"{self.project} · {self._meta.verbose_name}"

    @property
    def thread(self) -> str:
        return self.project.thread

    def get_absolute_url(self) -> str:
        return reverse("major-change", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class ChangeProof(Attachment):
    """变更佐证: a drawing, a document or a picture that shows what is built otherwise."""

    change = models.ForeignKey(MajorChange, models.CASCADE, related_name="proofs")
    removed_at = models.DateTimeField(null=True)
