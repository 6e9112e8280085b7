"""Messages that wait for a look before they leave, and where a programme wants that."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application
from portal import message_kinds
from portal.models import Case, Event


class HoldingRule(models.Model):
    """待发规则: whether what an act tells waits for a look. ``programme`` "" holds for all that have no own row."""

    programme = models.CharField(_("评价类别"), max_length=30, blank=True)
    verb = models.CharField(_("办理"), max_length=60)
    holds = models.BooleanField(_("发出前待核"), default=False)
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("待发规则")
        constraints: ClassVar = [models.UniqueConstraint(fields=["programme", "verb"], name="one_holding_rule_a_verb")]

    def __str__(self) -> str:
        return f"{self.programme or '*'} {self.verb} {self.holds}"


class HeldMessage(Case):
    """待发消息: what one act tells, in every language, until an officer lets it go. ``notifications`` are its copies.

    words: language -> {"subject", "body"} with places; values: language -> name of a place -> what stands there.
    """

    application = models.ForeignKey(Application, models.PROTECT, related_name="held_messages")
    event = models.OneToOneField(Event, models.PROTECT, related_name="+")
    kind = models.CharField(_("类别"), max_length=30)
    duty = models.CharField(_("由谁核发"), max_length=30)
    title = models.CharField(_("标题"), max_length=200)
    words: Any = models.JSONField(_("文字"))
    values: Any = models.JSONField(_("占位内容"))
    revision = models.PositiveSmallIntegerField(default=1)
    # Step of the case whose clock begins with this message; "" for none.
    starts = models.CharField(_("自发出起算的环节"), max_length=40, blank=True)
    written_at = models.DateTimeField(_("写成时间"), default=timezone.now)

    class Meta:
        verbose_name = _("待发消息")
        indexes: ClassVar = [models.Index(fields=["state", "due_on"], name="held_message_state_due")]

    def __str__(self) -> str:
        return self.title

    @property
    def thread(self) -> str:
        return self.application.thread

    def get_absolute_url(self) -> str:
        return reverse("held-message", args=[self.pk])

    @property
    def is_required(self) -> bool:
        """A notice that the law asks for: it can be worded, never withheld."""
        return message_kinds.KINDS[self.kind].required

    @property
    def kind_name(self) -> str:
        return gettext(message_kinds.KINDS[self.kind].label)
