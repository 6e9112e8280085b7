"""The case: a community's project, its applications, and what the applicant hands in."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar

from django.db import models
from django.db.models import Prefetch, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.models import Community, Organisation, OrganisationChange, PeriodQuerySet
from evaluation import standard
from evaluation.merging import Taken
from evaluation.models.programme import Programme, StageRule, Standard
from portal.models import Attachment, Case, CaseQuerySet, User

LISTED_OF_COMMUNITY = frozenset({"id", "name", "district", "organisation"})
FINAL_STATES = ("certified", "refused", "not_passed", "withdrawn")


class Project(models.Model):
    """项目(案卷): one community's case under one programme and one frozen version of a standard."""

    number = models.CharField(_("案卷编号"), max_length=40, unique=True)
    programme = models.ForeignKey(Programme, models.PROTECT, verbose_name=_("评价类别"))
    standard = models.ForeignKey(Standard, models.PROTECT, verbose_name=_("评价标准"))
    community = models.ForeignKey(Community, models.PROTECT, related_name="projects", verbose_name=_("小区"))
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="projects", verbose_name=_("申报单位"))
    target_level = models.PositiveSmallIntegerField(_("目标等级"))
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(_("立案时间"), default=timezone.now)

    class Meta:
        verbose_name = _("案卷")

    def __str__(self) -> str:
        return f"{self.number} {self.community.name}"

    def get_absolute_url(self) -> str:
        return reverse("project", args=[self.pk])

    @property
    def thread(self) -> str:
        return f"evaluation.project:{self.pk}"

    @property
    def consultants(self) -> list[Engagement]:
        """Engagements that hold today, in the order in which they began."""
        today = timezone.localdate()
        return [row for row in self.engaged if row.until is None or row.until >= today]

    @property
    def engaged(self) -> list[Engagement]:
        """Engagements that were accepted, also those that have ended; a mere offer is none of them.

        A list of cases has read them: ``EngagementQuerySet.prefetch_at``.
        """
        rows = self.__dict__.get("engaged_units")
        if rows is None:
            rows = self.engagements.select_related("organisation")
        return [row for row in rows if row.since is not None]

    @property
    def advising(self) -> dict[int, str]:
        """Units that advise the case or did once, with the credit code that each bears now. An offer is none of them."""
        rows = self.engagements.filter(since__isnull=False)
        return dict(rows.values_list("organisation", "organisation__credit_code"))

    @property
    def party_codes(self) -> tuple[str, ...]:
        """Credit codes of all parties of the case, then as now: what conflicts are matched against.

        Units that advised it once are among them, and the codes that a party bore before it changed them. Read anew each
        time: the row of the unit that came with the case may have been read before a change that holds by now.
        """
        advising = self.advising
        own = Organisation.objects.filter(pk=self.organisation_id).values_list("credit_code", flat=True)
        former = OrganisationChange.objects.former_codes([self.organisation_id, *advising])
        return tuple(dict.fromkeys([*own, *advising.values(), *former]))


class EngagementQuerySet(PeriodQuerySet):
    def offered(self) -> EngagementQuerySet:
        """Offers that nobody has answered or taken back."""
        return self.filter(since=None, until=None)

    def prefetch_at(self, path: str) -> Prefetch[Any]:
        """For ``Project.engaged`` of the projects at ``path``: read at once, as lists, which cost less than querysets."""
        return Prefetch(f"{path}engagements", self.select_related("organisation"), to_attr="engaged_units")


class Engagement(models.Model):
    """委托: this consulting unit advises this case, from ``since`` to ``until``. An ended one stays a conflict fact.

    The applicant offers it; it holds from the day on which the unit accepts. An offer that was declined or taken back has
    an ``until`` and no ``since``: it gave nobody access and is no fact about anybody.
    """

    class Standing(models.TextChoices):
        """Read from the columns, never kept."""

        OFFERED = "offered", _("待咨询单位确认")
        ACCEPTED = "accepted", _("已接受")
        DECLINED = "declined", _("咨询单位已谢绝")
        WITHDRAWN = "withdrawn", _("已撤回")
        ENDED = "ended", _("委托已终止")

    project = models.ForeignKey(Project, models.PROTECT, related_name="engagements", verbose_name=_("案卷"))
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="engagements", verbose_name=_("咨询服务单位")
    )
    scope = models.CharField(_("委托内容"), max_length=200, blank=True)
    engaged_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("委托人"))
    offered_at = models.DateTimeField(_("提出时间"), default=timezone.now)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("答复人"))
    since = models.DateField(_("起"), null=True, blank=True)
    until = models.DateField(_("止"), null=True, blank=True)

    objects: ClassVar[Any] = EngagementQuerySet.as_manager()

    class Meta:
        verbose_name = _("咨询服务委托")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "organisation"], condition=Q(until=None), name="one_open_engagement"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation} · {self.project}"

    def get_absolute_url(self) -> str:
        return reverse("engagement", args=[self.pk])

    @property
    def standing(self) -> Engagement.Standing:
        """How far it has come."""
        if self.since is not None:
            return self.Standing.ACCEPTED if self.until is None else self.Standing.ENDED
        if self.until is None:
            return self.Standing.OFFERED
        return self.Standing.DECLINED if self.answered_by_id else self.Standing.WITHDRAWN


class ApplicationQuerySet(CaseQuerySet):
    def with_case(self) -> ApplicationQuerySet:
        """Everything a list row or the machine reads, in one query."""
        return self.select_related(
            "project__programme", "project__standard", "project__organisation", "project__community__district"
        ).defer("project__standard__document")

    def for_lists(self) -> ApplicationQuerySet:
        """What a list shows of ``with_case``: fewer columns, and what many rows share read once.

        A long list spends its time on making rows, and the database its time on planning how to join everything.
        """
        rows = self.select_related(None).defer(None).select_related("project__community__district")
        community = (name.name for name in Community._meta.fields if name.name not in LISTED_OF_COMMUNITY)
        standards = Standard.objects.defer("document", "notice")
        units = Organisation.objects.defer("address", "contact", "phone", "undertaking")
        return rows.defer(*(f"project__community__{name}" for name in community)).prefetch_related(
            Prefetch("project__standard", standards), Prefetch("project__organisation", units)
        )

    def open(self) -> ApplicationQuerySet:
        return self.exclude(state__in=FINAL_STATES)

    def done(self) -> ApplicationQuerySet:
        return self.filter(state__in=FINAL_STATES)

    def search(self, text: str) -> ApplicationQuerySet:
        """Cases whose community, number or unit contains ``text``; all for an empty one."""
        if not text:
            return self
        found = Q(project__community__name__icontains=text) | Q(project__number__icontains=text)
        return self.filter(found | Q(project__organisation__name__icontains=text))

    def by_deadline(self) -> ApplicationQuerySet:
        """Most urgent first; without a deadline last."""
        return self.order_by(models.F("due_on").asc(nulls_last=True), "pk")


class Application(Case):
    """申报: asks that a project be judged at one stage of its standard."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="applications", verbose_name=_("案卷"))
    stage = models.CharField(_("阶段"), max_length=20)
    version = models.PositiveSmallIntegerField(_("提交次数"), default=0)
    correction_round = models.PositiveSmallIntegerField(_("补正轮次"), default=0)
    review_round = models.PositiveSmallIntegerField(_("评审轮次"), default=1)
    organiser = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("评价组织员"))
    # Who holds the case among those with the duty, and in which duty; it says nothing once another duty's step began.
    handler = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("经办人"))
    handler_duty = models.CharField(_("经办职责"), max_length=30, blank=True)
    # Working days that were left when the clock stopped for the other side; None while the clock runs.
    days_left = models.SmallIntegerField(_("暂停时剩余工作日"), null=True, editable=False)
    # Since when an officer has stopped the clock, with a reason; None while none has.
    paused_on = models.DateField(_("暂停日期"), null=True, editable=False)
    # What its stage and programme asked of it, kept once somebody changed them; None while they ask the same.
    given: Any = models.JSONField(null=True, editable=False)
    # Whether it took over what the certified earlier stage said; None until that has been asked and answered.
    carries = models.BooleanField(_("沿用设计评价"), null=True, editable=False)
    created_at = models.DateTimeField(_("创建时间"), default=timezone.now)

    objects: ClassVar[Any] = ApplicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("申报")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "stage"], condition=~Q(state__in=FINAL_STATES), name="one_open_application"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "due_on"], name="application_state_due"),
            models.Index(fields=["due_on", "id"], name="application_due"),
            models.Index(fields=["correction_round", "state"], name="application_round"),
        ]

    def __str__(self) -> str:
        return f"{self.project} · {self.stage_name}"

    @property
    def thread(self) -> str:
        return f"evaluation.project:{self.project_id}"

    def get_absolute_url(self) -> str:
        return reverse("application", args=[self.pk])

    @property
    def rule(self) -> StageRule:
        """The route of this stage as the case was given it, read once an object."""
        if "_rule" not in self.__dict__:
            programme = self.project.programme_id
            self.__dict__["_rule"] = (
                StageRule(programme_id=programme, stage=self.stage, **self.given["stage"])
                if self.given
                else StageRule.objects.get(programme=programme, stage=self.stage)
            )
        return self.__dict__["_rule"]

    @property
    def terms(self) -> Programme:
        """The programme as the case was given it: what was changed since holds for cases opened later."""
        if not self.given:
            return self.project.programme
        row = copy(self.project.programme)
        for name, value in self.given["programme"].items():
            setattr(row, name, value)
        return row

    @property
    def standard(self) -> standard.Standard:
        return self.project.standard.parsed

    @property
    def stage_name(self) -> str:
        return self.standard.stage(self.stage).name

    @property
    def certificate(self) -> Any:
        """The newest certificate, in force or not: another level and another term are each a certificate of its own."""
        return max(self.certificates.all(), key=lambda row: row.pk, default=None)


class Statement(models.Model):
    """申报材料 of form "online": a text typed in the portal."""

    application = models.ForeignKey(Application, models.CASCADE, related_name="statements")
    code = models.CharField(_("材料编号"), max_length=10)
    text = models.TextField(_("内容"), blank=True)
    revision = models.PositiveIntegerField(default=1)
    updated_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    taken: Taken | None = None  # what the save that returned this row took over from another; no column

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["application", "code"], name="one_statement_a_code")]

    def __str__(self) -> str:
        return f"{self.code} {self.text[:20]}"


class Document(Attachment):
    """申报材料: one file of one document of the stage's list. A replaced file stays, since a snapshot names it."""

    application = models.ForeignKey(Application, models.CASCADE, related_name="documents")
    code = models.CharField(_("材料编号"), max_length=10)
    removed_at = models.DateTimeField(null=True)


class Claim(models.Model):
    """自评: the applicant's own mark of one item. ``value`` is true, false, "na", or a number."""

    application = models.ForeignKey(Application, models.CASCADE, related_name="claims")
    item_code = models.CharField(_("条目"), max_length=20)
    value = models.JSONField(_("自评"), null=True)
    note = models.TextField(_("说明或不适用理由"), blank=True)
    # Of an item whose parts add up: numbers of the parts that were ticked, from 0; [] where nobody told.
    parts = models.JSONField(_("所选各项"), default=list, blank=True)
    # Taken over from the certified earlier stage, and its mark is still the same.
    carried = models.BooleanField(_("沿用设计评价"), default=False)
    revision = models.PositiveIntegerField(default=1)
    updated_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    taken: Taken | None = None  # what the save that returned this row took over from another; no column

    class Meta:
        verbose_name = _("自评")
        constraints: ClassVar = [models.UniqueConstraint(fields=["application", "item_code"], name="one_claim_an_item")]

    def __str__(self) -> str:
        return f"{self.item_code}={self.value}"


class Evidence(Attachment):
    """佐证: a file that proves items; ``evidence_kind`` is one of the standard's evidence words."""

    application = models.ForeignKey(Application, models.CASCADE, related_name="evidence")
    evidence_kind = models.CharField(_("佐证类型"), max_length=20)
    caption = models.CharField(_("说明"), max_length=120, blank=True)
    thumbnail = models.FileField(upload_to="", max_length=200, blank=True)
    taken_at = models.DateTimeField(_("拍摄时间"), null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True)
    replaces = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="replaced_by", verbose_name=_("替换")
    )
    # The same stored file as this proof of the certified earlier stage; it counts while its item's mark is the same.
    carried_from = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="carried_to", verbose_name=_("沿用自")
    )


class EvidenceLink(models.Model):
    """This evidence proves this item, at this page and in this region of it (fractions of the page, from its top left)."""

    evidence = models.ForeignKey(Evidence, models.CASCADE, related_name="links")
    item_code = models.CharField(_("条目"), max_length=20)
    page = models.PositiveIntegerField(_("页码"), null=True, blank=True)
    left = models.FloatField(null=True, blank=True)
    top = models.FloatField(null=True, blank=True)
    width = models.FloatField(null=True, blank=True)
    height = models.FloatField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["evidence", "item_code"], name="one_link_an_item"),
            models.CheckConstraint(
                condition=Q(left=None, top=None, width=None, height=None)
                # A comparison with nothing is not false to a constraint: what must be there is asked for by itself.
                | Q(page__isnull=False, left__gte=0, top__gte=0, left__isnull=False, top__isnull=False)
                & Q(width__gt=0, height__gt=0, left__lt=1, top__lt=1, width__lte=1, height__lte=1)
                & Q(width__isnull=False, height__isnull=False),
                name="region_is_whole_or_absent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_code} ← {self.evidence}"

    @property
    def region(self) -> tuple[float, float, float, float] | None:
        """(left, top, width, height), or None for the whole page."""
        if self.left is None or self.top is None or self.width is None or self.height is None:
            return None
        return (self.left, self.top, self.width, self.height)


class Submission(models.Model):
    """The sealed snapshot of one version: data and file hashes, and what the automatic rules found in it."""

    application = models.ForeignKey(Application, models.CASCADE, related_name="submissions")
    version = models.PositiveSmallIntegerField(_("版本"))
    data = models.JSONField(_("快照"))
    sha256 = models.CharField("SHA-256", max_length=64)
    at = models.DateTimeField(_("提交时间"), default=timezone.now)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("提交人"))
    # [{"rule", "label", "hard", "problems": [{"code", "place", "message"}]}]; None until the worker has looked.
    checks = models.JSONField(_("自动检查"), null=True)

    class Meta:
        verbose_name = _("提交快照")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "version"], name="one_snapshot_a_version")
        ]

    def __str__(self) -> str:
        return f"{self.application_id} v{self.version}"


class Finding(models.Model):
    """问题: what intake found at a document, an item or the data. Sent together in one correction notice."""

    class Kind(models.TextChoices):
        DOCUMENT = "document", _("申报材料")
        ITEM = "item", _("条目")
        DATA = "data", _("基本信息")

    class Phase(models.TextChoices):
        FORM_CHECK = "form_check", _("形式审查")
        REVISION = "revision", _("专家组要求修改")

    application = models.ForeignKey(Application, models.CASCADE, related_name="findings")
    phase = models.CharField(_("环节"), max_length=10, choices=Phase, default=Phase.FORM_CHECK)
    round = models.PositiveSmallIntegerField(_("轮次"))
    kind = models.CharField(_("位置类型"), max_length=10, choices=Kind)
    place = models.CharField(_("位置"), max_length=40)
    text = models.TextField(_("问题与改正要求"))
    rule = models.CharField(_("自动规则"), max_length=40, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    late_code = models.CharField(_("首轮未提出的理由"), max_length=30, blank=True)  # of LateCode; "" for one in time
    late_reason = models.TextField(_("理由说明"), blank=True)
    released_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("放行人"))
    sent_at = models.DateTimeField(_("告知时间"), null=True)
    reply = models.TextField(_("申报单位答复"), blank=True)
    replied_at = models.DateTimeField(null=True)
    replied_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("答复人"))

    class Meta:
        verbose_name = _("问题")
        ordering: ClassVar = ["round", "pk"]

    def __str__(self) -> str:
        return f"{self.place} {self.text[:30]}"
