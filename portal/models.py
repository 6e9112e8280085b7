"""The kernel's rows: people, the append-only trail, messages, numbers, and the columns every case and every file shares.

Hides: how events stay append-only and how a number is handed out once. Knows no domain.
"""

from __future__ import annotations

from collections.abc import Callable
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
        """Events of one row, oldest first. A row that is known by a code and not by a number has a thread of its own."""
        label = subject._meta.label_lower
        if isinstance(subject.pk, int):
            return self.filter(subject_type=label, subject_id=subject.pk).order_by("pk")
        return self.filter(subject_type=label, thread=f"{label}:{subject.pk}").order_by("pk")

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


class MessageText(models.Model):
    """消息文本: one version of what the authority writes in messages of one kind and language. The newest is in force.

    A version never changes; what was made from it keeps it. ``is_default``: from here the portal's own text again.
    """

    kind = models.CharField(_("类别"), max_length=30)
    language = models.CharField(_("语言"), max_length=10)
    number = models.PositiveIntegerField(_("版本"))
    subject = models.CharField(_("标题"), max_length=200, blank=True)
    body = models.TextField(_("正文"), blank=True)
    is_default = models.BooleanField(_("用回默认文字"), default=False)
    basis = models.TextField(_("依据"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("修改人"))
    at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("消息文本")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "language", "number"], name="one_text_a_version")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.language} {self.number}"


# What the apps above keep from a person among messages that were written before: user -> a condition, None for nothing.
CONCEALED: list[Callable[[User], Q | None]] = []


def conceals(function: Callable[[User], Q | None]) -> Callable[[User], Q | None]:
    """Register one of them; a decorator."""
    CONCEALED.append(function)
    return function


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unsent(self, now: datetime) -> NotificationQuerySet:
        """Messages that still have to leave and that nobody is sending at ``now``."""
        waiting = self.filter(email=message_kinds.AT_ONCE, sent_at=None, failed_at=None, held_since=None)
        return waiting.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))

    def for_digest(self, moment: datetime) -> NotificationQuerySet:
        """Messages written before ``moment`` that their readers want to get together once a day."""
        waiting = self.filter(email=message_kinds.DAILY, sent_at=None, held_since=None, created_at__lt=moment)
        return waiting.filter(user__is_active=True)

    def shown_to(self, user: User) -> NotificationQuerySet:
        """What ``user`` reads in the portal: nothing that is held back. The daily e-mail lists what is shown already."""
        rows = self.filter(user=user, held_since=None).exclude(kind=message_kinds.DIGEST)
        for condition in (conceal(user) for conceal in CONCEALED):
            rows = rows if condition is None else rows.exclude(condition)
        return rows

    def undelivered(self) -> NotificationQuerySet:
        """E-mails that were given up, or that came back."""
        return self.filter(failed_at__isnull=False)

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
    # The act that it tells of, and the authority's text that it was made from; none for the portal's own text.
    event = models.ForeignKey(Event, models.PROTECT, null=True, related_name="+", editable=False)
    text = models.ForeignKey(MessageText, models.PROTECT, null=True, related_name="+", editable=False)
    # When its reader gets it: when it was written, or released.
    created_at = models.DateTimeField(_("时间"), default=timezone.now)
    # Since when it waits for an officer's look; until then neither shown nor sent.
    held_since = models.DateTimeField(_("待发时间"), null=True)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(_("发送时间"), null=True)
    sent_to = models.EmailField(_("发往地址"), blank=True)
    sending = models.PositiveSmallIntegerField(_("第几次发送"), default=1)
    failed_at = models.DateTimeField(_("发送失败时间"), null=True)
    bounced_at = models.DateTimeField(_("退回时间"), null=True)
    trouble: Any = models.JSONField(_("最近一次失败的原因"), default=dict)  # Problem.as_record(), {} for none
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
            models.Index(fields=["failed_at"], condition=Q(failed_at__isnull=False), name="notification_failed"),
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
    def take(cls, name: str, count: int = 1) -> int:
        """Return the next number of ``name``, from 1; of ``count`` numbers the last. Call inside the transaction that uses it.

        The UPDATE holds the row until commit, so numbers are unique and have no gaps.
        """
        if not cls.objects.filter(name=name).update(value=F("value") + count):
            cls.objects.get_or_create(name=name)
            cls.objects.filter(name=name).update(value=F("value") + count)
        return cls.objects.values_list("value", flat=True).get(name=name)


class Attempt(models.Model):
    """What somebody without an account tried, counted by ``portal.attempts``. ``key`` is a digest: it names nobody."""

    key = models.CharField(max_length=64)
    whose = models.CharField(max_length=64, blank=True)  # digest of the user name alone; "" where there is none
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["key", "at"], name="attempt_key"),
            models.Index(fields=["whose"], condition=Q(whose__gt=""), name="attempt_whose"),
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


class LimitQuerySet(models.QuerySet["Limit"]):
    def on(self, day: date) -> LimitQuerySet:
        """Limits that hold for a step that begins on ``day``; of one step the newest comes first."""
        begun = Q(valid_from=None) | Q(valid_from__lte=day)
        lasting = Q(valid_until=None) | Q(valid_until__gte=day)
        return self.filter(begun, lasting).order_by("step", "programme", F("valid_from").desc(nulls_last=True))


class Limit(models.Model):
    """期限: how many working days a step has, on what basis, from when on. ``programme`` "" holds for all without an own row.

    A change is a new row with a later ``valid_from``: what began before it can still be explained by the row of its day.
    """

    programme = models.CharField(_("评价类别"), max_length=30, blank=True)
    step = models.CharField(_("环节"), max_length=40)
    days = models.PositiveSmallIntegerField(_("工作日"))
    basis = models.TextField(_("依据"))
    valid_from = models.DateField(_("启用日期"), null=True, blank=True)
    valid_until = models.DateField(_("停用日期"), null=True, blank=True)

    objects: ClassVar[Any] = LimitQuerySet.as_manager()

    class Meta:
        verbose_name = _("期限")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["programme", "step"], condition=Q(valid_from=None), name="one_first_limit_a_step"
            ),
            models.UniqueConstraint(fields=["programme", "step", "valid_from"], name="one_limit_a_step_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.programme or '*'} {self.step} {self.days}"


class PublicChange(models.Model):
    """So many changes of something that public pages show. Written by triggers (``portal.conditional``), never by hand."""

    amount = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return str(self.amount)


class DayOverride(models.Model):
    """A day of which the authority says otherwise than the official calendar the software knows.

    whole_year: one of a list that told every day off of its year, so that the year counts as known.
    """

    day = models.DateField(_("日期"), primary_key=True)
    is_workday = models.BooleanField(_("是否工作日"))
    whole_year = models.BooleanField(_("全年安排"), default=False)
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("工作日调整")

    def __str__(self) -> str:
        return f"{self.day} {'+' if self.is_workday else '-'}"
