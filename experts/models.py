"""The expert pool: fields, experts, and the facts for which an expert is kept off a case."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.models import District, valid_credit_code
from portal.models import Attachment, Case, CaseQuerySet, User


class Field(models.Model):
    """专业: one of the standard's domains."""

    code = models.CharField(_("代码"), max_length=20, primary_key=True)
    name = models.CharField(_("名称"), max_length=40)

    class Meta:
        verbose_name = _("专业")
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.name


class ExpertQuerySet(CaseQuerySet):
    def serving(self, day: date) -> ExpertQuerySet:
        """Experts whose term covers ``day`` and who are not paused. A pause ends with its last day, swept by then or not."""
        awake = self.filter(Q(state="serving") | Q(state="paused", due_on__lt=day))
        return awake.filter(term_from__lte=day, term_until__gte=day)


class Expert(Case):
    """专家: a person admitted to the pool for a term. An empty employer code means unknown, hence not drawable.

    ``due_on`` is, while serving, the last day of the yearly confirmation; while paused, the last day of the pause (none:
    until further notice); in a hearing, the last day on which the expert may state the case (none: it was stated).
    """

    class Pause(models.TextChoices):
        """Why an expert is paused: what the way back hangs on."""

        DECISION = "decision", _("专家库管理员决定暂停")
        RULE = "rule", _("按规则自动暂停")
        UNCONFIRMED = "unconfirmed", _("逾期未办理年度确认")

    user = models.OneToOneField(User, models.PROTECT, related_name="expert")
    number = models.CharField(_("专家编号"), max_length=20, unique=True)
    education = models.CharField(_("学历"), max_length=40, blank=True)
    title = models.CharField(_("职称"), max_length=40, blank=True)
    experience_years = models.PositiveSmallIntegerField(_("从业年数"), null=True, blank=True)
    employer = models.CharField(_("工作单位"), max_length=120)
    employer_code = models.CharField(
        _("工作单位统一社会信用代码"), max_length=18, blank=True, validators=[valid_credit_code], db_index=True
    )
    district = models.ForeignKey(District, models.PROTECT, verbose_name=_("所在区县"))
    fields = models.ManyToManyField(Field, related_name="experts", verbose_name=_("专业"))
    term_from = models.DateField(_("聘期起"))
    term_until = models.DateField(_("聘期止"))
    confirmed_on = models.DateField(_("最近一次年度确认"), null=True, blank=True)
    paused_for = models.CharField(_("暂停原因"), max_length=12, choices=Pause, blank=True)  # kept through a hearing
    pool_import = models.ForeignKey(
        "PoolImport", models.PROTECT, null=True, related_name="experts", verbose_name=_("专家库导入")
    )
    removal_proposed_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("移出提议人")
    )

    objects: ClassVar = ExpertQuerySet.as_manager()

    class Meta:
        verbose_name = _("专家")

    def __str__(self) -> str:
        return str(self.user)

    def get_absolute_url(self) -> str:
        return reverse("expert", args=[self.number])


class FactQuerySet(models.QuerySet):
    def in_force(self) -> FactQuerySet:
        """Without those that were corrected or lifted: these stay for the record alone."""
        return self.filter(withdrawn_at=None)

    def within(self, since: date) -> FactQuerySet:
        """Of those with an end: in force, and not ended before ``since``."""
        return self.in_force().filter(Q(until=None) | Q(until__gte=since))


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
    withdrawn_at = models.DateTimeField(_("更正或解除时间"), null=True)  # who did it and why is in the trail

    objects: ClassVar[Any] = FactQuerySet.as_manager()

    class Meta:
        verbose_name = _("回避事实")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["expert", "party_code", "reason"], condition=Q(withdrawn_at=None), name="one_recusal_a_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.expert} × {self.party_code} {self.get_reason_display()}"


class Employment(models.Model):
    """任职经历 of an expert, as declared. Without a credit code it only suggests a conflict for a person to decide."""

    expert = models.ForeignKey(Expert, models.CASCADE, related_name="employments")
    name = models.CharField(_("单位名称"), max_length=120)
    credit_code = models.CharField(
        _("统一社会信用代码"), max_length=18, blank=True, validators=[valid_credit_code], db_index=True
    )
    post = models.CharField(_("职务"), max_length=60, blank=True)
    since = models.DateField(_("起"))
    until = models.DateField(_("止"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("更正时间"), null=True)

    objects: ClassVar[Any] = FactQuerySet.as_manager()

    class Meta:
        verbose_name = _("任职经历")
        ordering: ClassVar = ["-since", "pk"]

    def __str__(self) -> str:
        return f"{self.expert} · {self.name}"


class Clearance(models.Model):
    """经核定不必回避: somebody looked at a possible conflict with a party and found none, with the reason."""

    expert = models.ForeignKey(Expert, models.CASCADE, related_name="clearances")
    party_code = models.CharField(
        _("当事单位统一社会信用代码"), max_length=18, validators=[valid_credit_code], db_index=True
    )
    reason = models.TextField(_("理由"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("核定人"))
    at = models.DateTimeField(_("核定时间"), default=timezone.now)
    withdrawn_at = models.DateTimeField(_("解除时间"), null=True)

    objects: ClassVar[Any] = FactQuerySet.as_manager()

    class Meta:
        verbose_name = _("不必回避的核定")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["expert", "party_code"], condition=Q(withdrawn_at=None), name="one_clearance_a_party"
            )
        ]

    def __str__(self) -> str:
        return f"{self.expert} × {self.party_code}"


class CallQuerySet(models.QuerySet):
    def running(self, day: date) -> CallQuerySet:
        """Calls in whose period ``day`` lies."""
        return self.filter(opens_on__lte=day, closes_on__gte=day)

    def running_first(self, day: date) -> CallQuerySet:
        """Those that run on ``day`` first, each part newest first."""
        rank = models.Case(models.When(opens_on__lte=day, closes_on__gte=day, then=0), default=1)
        return self.order_by(rank, "-opens_on", "-pk")


class Call(models.Model):
    """征集: the authority asks for experts for a period, under conditions; its admitted list is published once."""

    number = models.CharField(_("征集编号"), max_length=40, unique=True)
    title = models.CharField(_("名称"), max_length=120)
    conditions = models.TextField(_("入库条件"))
    opens_on = models.DateField(_("开始日期"))
    closes_on = models.DateField(_("截止日期"))
    term_years = models.PositiveSmallIntegerField(_("聘期（年）"), default=3)
    fields_at_most = models.PositiveSmallIntegerField(_("可申报专业数上限"), default=3)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("发布人"))
    version = models.PositiveSmallIntegerField(_("版本"), default=1)
    published_at = models.DateTimeField(_("入库名单公布时间"), null=True, blank=True)
    # What was published, word for word: number, name, title, fields, employer, district of each; nothing else is public.
    listed: Any = models.JSONField(_("入库名单"), default=list, editable=False)

    objects: ClassVar[Any] = CallQuerySet.as_manager()

    class Meta:
        verbose_name = _("专家征集")
        ordering: ClassVar = ["-opens_on", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("call", args=[self.number])

    def is_running(self, day: date) -> bool:
        """Whether ``day`` lies in its period."""
        return self.opens_on <= day <= self.closes_on


class CallVersion(models.Model):
    """What a call said before it was changed: it was public once, and stays so."""

    call = models.ForeignKey(Call, models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField(_("版本"))
    conditions = models.TextField(_("入库条件"))
    closes_on = models.DateField(_("截止日期"))
    replaced_at = models.DateTimeField(_("变更时间"), default=timezone.now)
    replaced_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("变更人"))
    reason = models.CharField(_("变更理由"), max_length=500)

    class Meta:
        verbose_name = _("征集的此前版本")
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["call", "number"], name="one_call_version_a_number")]

    def __str__(self) -> str:
        return f"{self.call} {self.number}"


class AdmissionQuerySet(CaseQuerySet):
    def open(self) -> AdmissionQuerySet:
        """Those on which somebody still has to decide something."""
        return self.filter(state__in=("draft", "submitted", "vetted"))


class Admission(Case):
    """入库申请, or the renewal of a term: what a person says of themself, vetted by two pairs of eyes."""

    class Kind(models.TextChoices):
        ADMISSION = "admission", _("入库")
        RENEWAL = "renewal", _("续聘")

    kind = models.CharField(_("类别"), max_length=10, choices=Kind, default=Kind.ADMISSION)
    call = models.ForeignKey(Call, models.PROTECT, null=True, related_name="admissions")  # none for a renewal
    user = models.ForeignKey(User, models.PROTECT, related_name="admissions")
    education = models.CharField(_("学历"), max_length=40, blank=True)
    title = models.CharField(_("职称"), max_length=40, blank=True)
    experience_years = models.PositiveSmallIntegerField(_("从业年数"), null=True, blank=True)
    employer = models.CharField(_("工作单位"), max_length=120, blank=True)
    employer_code = models.CharField(
        _("工作单位统一社会信用代码"), max_length=18, blank=True, validators=[valid_credit_code]
    )
    district = models.ForeignKey(District, models.PROTECT, null=True, verbose_name=_("所在区县"))
    fields = models.ManyToManyField(Field, related_name="+", verbose_name=_("专业"))
    statement = models.TextField(_("业绩说明"), blank=True)
    handed_in_at = models.DateTimeField(_("提交时间"), null=True)  # the first time; officers see nothing before
    vetted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("初审人"))
    # who came of it, or who asks for another term
    expert = models.ForeignKey(Expert, models.PROTECT, null=True, related_name="admissions")

    objects: ClassVar[Any] = AdmissionQuerySet.as_manager()

    class Meta:
        verbose_name = _("入库申请")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "user"], name="one_admission_a_call"),
            models.UniqueConstraint(
                fields=["expert"], condition=Q(kind="renewal", state__in=["draft", "submitted", "vetted"]),
                name="one_open_renewal",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.user} · {self.get_kind_display()}"

    def get_absolute_url(self) -> str:
        return reverse("admission", args=[self.pk])


class PoolImport(Case, Attachment):
    """入库导入: a workbook of people who are experts already, looked at by one keeper and released by another person."""

    # The table as it was judged, which is what is looked at and entered: ``portal.tables.Table.as_json``.
    table: Any = models.JSONField(_("表格内容"), default=dict, editable=False)
    count = models.PositiveIntegerField(_("人数"))

    class Meta:
        verbose_name = _("专家库导入")
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("pool-import", args=[self.pk])


class AdmissionProof(Attachment):
    """What proves an admission: degree, title, the employer's consent."""

    class Proves(models.TextChoices):
        EDUCATION = "education", _("学历证明")
        TITLE = "title", _("职称证明")
        CONSENT = "consent", _("所在单位同意书")
        OTHER = "other", _("其他证明")

    admission = models.ForeignKey(Admission, models.CASCADE, related_name="proofs")
    proves = models.CharField(_("证明事项"), max_length=12, choices=Proves)

    class Meta:
        verbose_name = _("证明材料")
        ordering: ClassVar = ["proves", "pk"]
