"""The kernel's rows: people, the append-only trail, messages, numbers, and the columns every case and every file shares.

Hides: how events stay append-only and how a number is handed out once. Knows no domain.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar, NoReturn

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person who signs in. What they may do is never a column here: roles are facts about relations."""

    name = models.CharField(_("姓名"), max_length=60)
    phone = models.CharField(_("电话"), max_length=30, blank=True)

    def __str__(self) -> str:
        return self.name or self.username


class AppendOnly(Exception):
    """Somebody tried to change or delete what may only be added."""


class EventQuerySet(models.QuerySet["Event"]):
    def of(self, subject: models.Model) -> EventQuerySet:
        """Events of one row, oldest first."""
        return self.filter(subject_type=subject._meta.label_lower, subject_id=subject.pk).order_by("pk")

    def in_thread(self, thread: str) -> EventQuerySet:
        """Events of one case and of everything that belongs to it, oldest first."""
        return self.filter(thread=thread).order_by("pk")

    def update(self, **values: Any) -> NoReturn:
        raise AppendOnly(_("留痕只能追加，不能修改。"))

    def delete(self) -> NoReturn:
        raise AppendOnly(_("留痕只能追加，不能删除。"))


class Event(models.Model):
    """留痕: who did what to what, when, in which role. Append-only, also by a database trigger (migration 0002)."""

    at = models.DateTimeField(_("时间"))
    actor = models.ForeignKey(User, models.PROTECT, null=True, verbose_name=_("人员"))
    actor_name = models.CharField(_("姓名"), max_length=60)
    role = models.CharField(_("角色"), max_length=30)
    verb = models.CharField(_("行为"), max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField()
    subject_label = models.CharField(_("对象"), max_length=200)
    thread = models.CharField(_("案卷"), max_length=60, db_index=True)
    data = models.JSONField(_("内容"), default=dict)

    objects: ClassVar[Any] = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("留痕")
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="event_subject")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name} {self.verb} {self.subject_label}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnly(_("留痕只能追加，不能修改。"))
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly(_("留痕只能追加，不能删除。"))


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unsent(self, now: datetime) -> NotificationQuerySet:
        """Messages that still have to leave and that nobody is sending at ``now``."""
        return self.filter(sent_at=None, failed_at=None).filter(Q(claimed_until=None) | Q(claimed_until__lt=now))

    def unread_by(self, user: User) -> NotificationQuerySet:
        return self.filter(user=user, read_at=None)


class Notification(models.Model):
    """通知: one message to one person, shown in the portal and sent by e-mail. ``key`` makes a second copy impossible."""

    key = models.CharField(max_length=120, unique=True)
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("收件人"))
    subject = models.CharField(_("标题"), max_length=200)
    body = models.TextField(_("正文"))
    link = models.CharField(_("链接"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("时间"), default=timezone.now)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(_("发送时间"), null=True)
    failed_at = models.DateTimeField(_("发送失败时间"), null=True)
    read_at = models.DateTimeField(_("阅读时间"), null=True)

    objects: ClassVar[Any] = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("通知")
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notification_user"),
            models.Index(fields=["id"], condition=Q(sent_at=None, failed_at=None), name="notification_unsent"),
        ]

    def __str__(self) -> str:
        return self.subject


class Sequence(models.Model):
    """A counter whose numbers are handed out once, also to two people at the same moment."""

    name = models.CharField(max_length=60, primary_key=True)
    value = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"

    @classmethod
    def take(cls, name: str) -> int:
        """Return the next number of ``name``, from 1. Call inside the transaction that uses it.

        The UPDATE holds the row until commit, so numbers are unique and have no gaps.
        """
        if not cls.objects.filter(name=name).update(value=F("value") + 1):
            cls.objects.get_or_create(name=name)
            cls.objects.filter(name=name).update(value=F("value") + 1)
        return cls.objects.values_list("value", flat=True).get(name=name)


class CaseQuerySet(models.QuerySet[Any]):
    def claimable(self, now: datetime) -> CaseQuerySet:
        """Rows that no worker holds at ``now`` and that have not failed for good."""
        return self.filter(fault="").filter(Q(claimed_until=None) | Q(claimed_until__lt=now))

    def overdue(self, day: date) -> CaseQuerySet:
        """Rows whose last day is before ``day``."""
        return self.filter(due_on__lt=day)


class Case(models.Model):
    """The columns of everything with a life. Only ``portal.machine`` writes ``state``."""

    state = models.CharField(_("状态"), max_length=30)
    state_since = models.DateTimeField(_("进入状态时间"), default=timezone.now)
    due_on = models.DateField(_("期限"), null=True, blank=True)
    # What the worker needs to know: who holds the row, how often it failed, and why an officer must look.
    claimed_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    fault = models.TextField(_("故障"), blank=True, editable=False)

    objects: ClassVar[Any] = CaseQuerySet.as_manager()

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        return ""

    @property
    def thread(self) -> str:
        """The case file this row belongs to; its events are read together."""
        return f"{self._meta.label_lower}:{self.pk}"


class Attachment(models.Model):
    """A file somebody handed in, as it was after ``portal.files`` looked inside. Never has a public address."""

    file = models.FileField(_("文件"), upload_to="", max_length=200, blank=True)
    name = models.CharField(_("文件名"), max_length=150, blank=True)
    kind = models.CharField(_("类型"), max_length=10, blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveBigIntegerField(_("字节数"), default=0)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, db_index=True)
    pages = models.PositiveIntegerField(_("页数"), null=True, blank=True)
    uploaded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("上传人"))
    uploaded_at = models.DateTimeField(_("上传时间"), default=timezone.now)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Limit(models.Model):
    """期限: how many working days a step has, on what basis. ``programme`` "" holds for all that have no own row."""

    programme = models.CharField(_("评价类别"), max_length=30, blank=True)
    step = models.CharField(_("环节"), max_length=40)
    days = models.PositiveSmallIntegerField(_("工作日"))
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("期限")
        constraints: ClassVar = [models.UniqueConstraint(fields=["programme", "step"], name="one_limit_a_step")]

    def __str__(self) -> str:
        return f"{self.programme or '*'} {self.step} {self.days}"


class DayOverride(models.Model):
    """A day of which the authority says otherwise than the official calendar the software knows."""

    day = models.DateField(_("日期"), primary_key=True)
    is_workday = models.BooleanField(_("是否工作日"))
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("工作日调整")

    def __str__(self) -> str:
        return f"{self.day} {'+' if self.is_workday else '-'}"
