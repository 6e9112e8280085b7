"""The kernel's rows: people, the append-only trail, messages, numbers, and the columns every case and every file shares.

Hides: how events stay append-only and how a number is handed out once. Knows no domain.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar, NoReturn
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import message_kinds


class User(AbstractUser):
    """A person who signs in. What they may do is never a column here: roles are facts about relations."""

    name = models.CharField(_("姓名"), max_length=60)
    phone = models.CharField(_("电话"), max_length=30, blank=True)
    # What messages to this person are written in: the language that they last chose.
    language = models.CharField(_("语言"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE)
    # No column: name of the access token by which a program acts for this person now; "" while they act themselves.
    acts_through: str = ""

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

    @property
    def token(self) -> str:
        """Name of the access token by which a program did it for the actor; "" where the actor did it."""
        return str(self.data.get("token", ""))


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unsent(self, now: datetime) -> NotificationQuerySet:
        """Messages that still have to leave and that nobody is sending at ``now``."""
        waiting = self.filter(email=message_kinds.AT_ONCE, sent_at=None, failed_at=None)
        return waiting.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))

    def for_digest(self, moment: datetime) -> NotificationQuerySet:
        """Messages written before ``moment`` that their readers want to get together once a day."""
        waiting = self.filter(email=message_kinds.DAILY, sent_at=None, created_at__lt=moment)
        return waiting.filter(user__is_active=True)

    def shown_to(self, user: User) -> NotificationQuerySet:
        """What ``user`` reads in the portal; the daily e-mail only lists messages that are shown already."""
        return self.filter(user=user).exclude(kind=message_kinds.DIGEST)

    def unread_by(self, user: User) -> NotificationQuerySet:
        return self.shown_to(user).filter(read_at=None)


class Notification(models.Model):
    """通知: one message to one person, shown in the portal and sent by e-mail. ``key`` makes a second copy impossible.

    One to an ``address`` is for somebody who may have no account: sent by e-mail only, and its text deleted once sent.
    """

    key = models.CharField(max_length=120, unique=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, verbose_name=_("收件人"))
    address = models.EmailField(_("收件地址"), blank=True)
    kind = models.CharField(_("类别"), max_length=30, blank=True)
    # How it leaves by e-mail, as its reader wanted when it was written: a key of message_kinds.DELIVERIES.
    email = models.CharField(_("邮件"), max_length=10, default=message_kinds.AT_ONCE)
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
            models.Index(
                fields=["id"],
                condition=Q(email=message_kinds.AT_ONCE, sent_at=None, failed_at=None),
                name="notification_unsent",
            ),
            models.Index(
                fields=["created_at"], condition=Q(email=message_kinds.DAILY, sent_at=None), name="notification_daily"
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, address="") | Q(user=None, address__gt=""),
                name="notification_has_one_receiver",
            )
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def kind_name(self) -> str:
        """The kind in words; "" for one that no table knows any more."""
        kind = message_kinds.KINDS.get(self.kind)
        return gettext(kind.label) if kind else ""

    @property
    def first_line(self) -> str:
        """What it says, without what every message ends with."""
        return self.body.strip().partition("\n")[0]


class NotificationPreference(models.Model):
    """How one person wants the e-mail of one kind of message; no row: as the table of kinds says."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    kind = models.CharField(_("类别"), max_length=30)
    email = models.CharField(_("邮件"), max_length=10)

    class Meta:
        verbose_name = _("通知设置")
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "kind"], name="one_preference_a_kind")]

    def __str__(self) -> str:
        return f"{self.user} {self.kind} {self.email}"


class CalendarLink(models.Model):
    """The private address of one person's calendar of deadlines; only the digest of its secret is kept."""

    user = models.OneToOneField(User, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("生成时间"), default=timezone.now)

    class Meta:
        verbose_name = _("日历链接")

    def __str__(self) -> str:
        return str(self.user)


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


class Attempt(models.Model):
    """What somebody without an account tried, counted by ``portal.attempts``. ``key`` is a digest: it names nobody."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["key", "at"], name="attempt_key"),
            models.Index(fields=["at"], name="attempt_at"),
        ]

    def __str__(self) -> str:
        return f"{self.key[:12]} {self.at:%Y-%m-%d %H:%M}"


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


class UploadQuerySet(models.QuerySet["Upload"]):
    def open(self) -> UploadQuerySet:
        """Uploads that still come in or are being looked into."""
        return self.filter(taken_at=None, refused_at=None)

    def of(self, purpose: str, place: int) -> UploadQuerySet:
        return self.filter(purpose=purpose, place=place)

    def waiting(self, now: datetime) -> UploadQuerySet:
        """Whole uploads that a worker must take in and that nobody holds at ``now``."""
        free = Q(claimed_until=None) | Q(claimed_until__lt=now)
        return self.open().filter(free, finished_at__isnull=False)


class Upload(models.Model):
    """上传: a file that comes in piece by piece, then waits for a worker to look into it. ``portal.uploads`` writes it.

    purpose, place: what it is for ("evidence" of application 7); details: the rest of what its sender said.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("上传人"))
    purpose = models.CharField(max_length=20)
    place = models.BigIntegerField()
    details = models.JSONField(default=dict)
    name = models.CharField(_("文件名"), max_length=150)
    length = models.PositiveBigIntegerField(_("字节数"))
    offset = models.PositiveBigIntegerField(_("已收到"), default=0)  # as last told; the file itself decides
    created_at = models.DateTimeField(_("开始时间"), default=timezone.now)
    expires_at = models.DateTimeField(_("保留至"))
    finished_at = models.DateTimeField(_("传完时间"), null=True)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    taken_at = models.DateTimeField(_("收入时间"), null=True)
    made = models.BigIntegerField(null=True)  # the row that came of it
    refused_at = models.DateTimeField(_("未予收入时间"), null=True)
    problems = models.JSONField(_("未能收入的原因"), default=list)  # Problem.as_record()
    remarks = models.JSONField(_("提示"), default=list)  # Problem.as_record(): taken, but something needs a look

    objects: ClassVar[Any] = UploadQuerySet.as_manager()

    class Meta:
        verbose_name = _("上传")
        indexes: ClassVar = [
            models.Index(fields=["purpose", "place"], name="upload_place"),
            models.Index(fields=["expires_at"], name="upload_expires"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """uploading, checking, taken or refused: read from the moments, so that it needs no writer of its own."""
        if self.taken_at:
            return "taken"
        if self.refused_at:
            return "refused"
        return "checking" if self.finished_at else "uploading"


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
