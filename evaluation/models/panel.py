"""The panel: the draw, who was asked, what they marked, what it came to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.case import Application, Submission
from experts.models import Expert
from portal.models import Attachment, Case, User


class Draw(models.Model):
    """抽取 of one review round: frozen before any secret is known, started by two persons, re-playable by anyone."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="draws")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    frozen = models.JSONField(_("冻结名单"))
    commitment = models.CharField(_("承诺值"), max_length=64)
    identities = models.JSONField(_("身份对照"))  # public id -> expert id and salt; never shown before the result
    organiser = models.ForeignKey(User, models.PROTECT, related_name="+")
    # Each party binds itself by the hash first. A secret entrusted to the portal waits here unseen; one that its maker
    # keeps is empty until it is revealed.
    organiser_hash = models.CharField(_("评价组织员密值摘要"), max_length=64)
    organiser_secret = models.CharField(max_length=64, blank=True)
    supervisor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    supervisor_hash = models.CharField(_("监督员密值摘要"), max_length=64, blank=True)
    supervisor_secret = models.CharField(max_length=64, blank=True)
    public_value = models.CharField(_("公开数值"), max_length=200, blank=True)  # of the source that the rules name
    declines = models.JSONField(_("谢绝顺序"), default=list)  # expert numbers, in the order they gave up their seats
    receipt = models.JSONField(_("抽取凭证"), null=True)
    proposed_at = models.DateTimeField(default=timezone.now)
    drawn_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("抽取")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round"], name="one_draw_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.application_id}/{self.review_round} {self.commitment[:12]}"


class Assignment(Case):
    """指派: one expert asked for one panel; accepted, it is that expert's sheet."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="assignments")
    draw = models.ForeignKey(Draw, models.PROTECT, related_name="assignments")
    expert = models.ForeignKey(Expert, models.PROTECT, related_name="assignments", verbose_name=_("专家"))
    review_round = models.PositiveSmallIntegerField(_("评审轮次"), default=1)
    field = models.CharField(_("专业"), max_length=20)
    is_leader = models.BooleanField(_("组长"), default=False)
    seat = models.PositiveSmallIntegerField(_("席位"))
    signed_sha256 = models.CharField(_("评分表摘要"), max_length=64, blank=True)
    # item code -> ids of proofs that were never opened when the sheet was signed; null where that was not kept yet
    unopened: Any = models.JSONField(_("未打开的佐证"), null=True, editable=False)
    # A code of experts.draw.EXCLUSIONS: why this seat must go, since a party became another while the panel sat; "" for none.
    conflict = models.CharField(_("须回避的原因"), max_length=30, blank=True, editable=False)

    class Meta:
        verbose_name = _("指派")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round", "expert"], name="one_seat_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.expert} · {self.application}"

    @property
    def thread(self) -> str:
        return self.application.thread

    def get_absolute_url(self) -> str:
        return reverse("assignment", args=[self.pk])


class Vacancy(Case):
    """空席: a seat that was given up, until a worker has found who takes it by the drawn order, or that nobody is left."""

    assignment = models.OneToOneField(Assignment, models.PROTECT, related_name="vacancy", verbose_name=_("让出的席位"))
    draw = models.ForeignKey(Draw, models.PROTECT, related_name="vacancies", verbose_name=_("抽取"))
    successor = models.OneToOneField(
        Assignment, models.PROTECT, null=True, editable=False, related_name="succeeds", verbose_name=_("递补")
    )
    # Problem.as_record() of everything that keeps the seat empty: which field lacks whom, and what would cure it.
    problems: Any = models.JSONField(_("无人递补的原因"), default=list, editable=False)

    class Meta:
        verbose_name = _("空席")

    def __str__(self) -> str:
        return str(self.assignment)

    @property
    def thread(self) -> str:
        return self.assignment.thread

    def get_absolute_url(self) -> str:
        return reverse("draw", args=[self.assignment.application_id])


class Mark(models.Model):
    """评分: one expert's mark of one item. ``value`` as in the standard format; null abstains (another field's item)."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="marks")
    item_code = models.CharField(_("条目"), max_length=20)
    value = models.JSONField(_("评分"), null=True)
    reason = models.TextField(_("理由"), blank=True)
    private_note = models.TextField(_("私人备注"), blank=True)
    revision = models.PositiveIntegerField(default=1)
    save_key = models.CharField(max_length=36, blank=True)  # of the last save: the same message twice is one save
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("评分")
        constraints: ClassVar = [models.UniqueConstraint(fields=["assignment", "item_code"], name="one_mark_an_item")]

    def __str__(self) -> str:
        return f"{self.item_code}={self.value}"


class Amendment(models.Model):
    """改评: a mark changed during the deliberation, with the reason; what stood before is kept."""

    mark = models.ForeignKey(Mark, models.CASCADE, related_name="amendments")
    before = models.JSONField(_("原评分"), null=True)
    after = models.JSONField(_("现评分"), null=True)
    reason = models.TextField(_("改评理由"))
    at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("改评")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.mark_id} {self.before}→{self.after}"


class Result(models.Model):
    """结果 of one review round, with the whole trace a reader needs to recompute it. Written once by the worker.

    Sheets that are amended in the deliberation are counted anew into a row of their own; the last one stands.
    """

    application = models.ForeignKey(Application, models.PROTECT, related_name="results")
    submission = models.ForeignKey(Submission, models.PROTECT, related_name="+")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    count = models.PositiveSmallIntegerField(_("第几次汇总"), default=1)
    standard_sha256 = models.CharField(max_length=64)
    total = models.DecimalField(_("总分"), max_digits=10, decimal_places=6, null=True)
    level = models.PositiveSmallIntegerField(_("星级"))
    trace: Any = models.JSONField(_("计算过程"))  # scoring.Result.as_trace()
    sheets: Any = models.JSONField(_("评分表"))  # [{"scorer", "leader", "marks", "reasons"}]
    opinion = models.TextField(_("专家组意见"), blank=True)
    opinion_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("组长"))
    notes = models.JSONField(_("分歧说明"), default=dict)  # item code -> what the panel agreed on a flagged item
    at = models.DateTimeField(_("计算时间"), default=timezone.now)

    class Meta:
        verbose_name = _("结果")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round", "count"], name="one_result_a_count")
        ]

    def __str__(self) -> str:
        return f"{self.application_id}/{self.review_round} {self.total} L{self.level}"


class ApprovalMinutes(Attachment):
    """会议纪要 of the meeting that approves the result of one review round; officers who see sheets read it."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="minutes")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    removed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("会议纪要")


class Endorsement(models.Model):
    """签字 of one member under the panel's opinion: agreement, or dissent in words. It covers one result and opinion."""

    result = models.ForeignKey(Result, models.PROTECT, related_name="endorsements")
    assignment = models.ForeignKey(Assignment, models.PROTECT, related_name="endorsements")
    agrees = models.BooleanField(_("同意专家组意见"))
    dissent = models.TextField(_("保留意见"), blank=True)
    opinion_sha256 = models.CharField(max_length=64)  # of the words that were signed
    at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("意见签字")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["result", "assignment"], name="one_endorsement_a_result")
        ]

    def __str__(self) -> str:
        return f"{self.assignment} {self.agrees}"


class PanelMessage(models.Model):
    """讨论 among the members of a panel who have signed their own sheets. Nobody else reads it before the result."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="panel_messages")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    author = models.ForeignKey(Assignment, models.PROTECT, related_name="panel_messages")
    item_code = models.CharField(_("条目"), max_length=20, blank=True)
    text = models.TextField(_("内容"), max_length=2000)
    at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("专家组讨论")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.author_id}/{self.pk}"  # stands in events, which more people read than the discussion


class Question(Case):
    """质询 of an expert to the applicant, passed on by the organiser; the applicant does not learn who asks."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="questions")
    assignment = models.ForeignKey(Assignment, models.PROTECT, related_name="questions")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    item_code = models.CharField(_("条目"), max_length=20)
    text = models.TextField(_("问题"), max_length=2000)
    answer = models.TextField(_("答复"), max_length=2000, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("答复人"))
    asked_at = models.DateTimeField(_("提出时间"), default=timezone.now)

    class Meta:
        verbose_name = _("质询")

    def __str__(self) -> str:
        return f"{self.item_code} · {self.application}"

    @property
    def thread(self) -> str:
        return self.application.thread

    def get_absolute_url(self) -> str:
        return reverse("question", args=[self.pk])


class PanelMeeting(models.Model):
    """合议会: the leader leads through the items, and the members' pages follow. ``turn`` counts the steps."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="panel_meetings")
    review_round = models.PositiveSmallIntegerField(_("评审轮次"))
    item_code = models.CharField(_("当前条目"), max_length=20, blank=True)
    turn = models.PositiveIntegerField(default=0)
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("主持人"))
    opened_at = models.DateTimeField(_("开始时间"), default=timezone.now)
    closed_at = models.DateTimeField(_("结束时间"), null=True)

    class Meta:
        verbose_name = _("专家组合议会")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "review_round"], name="one_meeting_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.application_id}/{self.review_round}"


class Rating(models.Model):
    """履职评价 of one expert on one panel by the organiser, 100 points in four parts; the expert may answer."""

    assignment = models.OneToOneField(Assignment, models.PROTECT, related_name="rating")
    attendance = models.PositiveSmallIntegerField(_("出勤"))
    quality = models.PositiveSmallIntegerField(_("质量"))
    timeliness = models.PositiveSmallIntegerField(_("时效"))
    ethics = models.PositiveSmallIntegerField(_("纪律"))
    remark = models.TextField(_("说明"), blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("评价人"))
    at = models.DateTimeField(_("评价时间"), default=timezone.now)
    reply = models.TextField(_("专家申辩"), blank=True)
    replied_at = models.DateTimeField(_("申辩时间"), null=True)

    class Meta:
        verbose_name = _("履职评价")

    def __str__(self) -> str:
        return f"{self.assignment} {self.total}"

    @property
    def total(self) -> int:
        """Points out of 100."""
        return self.attendance + self.quality + self.timeliness + self.ethics
