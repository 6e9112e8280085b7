"""What a case is judged against: frozen standards, programmes, and what each stage asks."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from evaluation import standard
from portal.models import User


class Standard(models.Model):
    """评价标准: one version of a document, stored whole. Once a project uses it, it never changes."""

    code = models.CharField(_("标准编号"), max_length=40)
    version = models.CharField(_("版本"), max_length=20)
    name = models.CharField(_("名称"), max_length=120)
    kind = models.CharField(_("类别"), max_length=30)
    is_official = models.BooleanField(_("官方文本"))
    notice = models.TextField(_("声明"), blank=True)
    document = models.JSONField(_("全文"))
    sha256 = models.CharField("SHA-256", max_length=64, unique=True)
    imported_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("导入人"))
    imported_at = models.DateTimeField(_("导入时间"), auto_now_add=True)
    frozen_at = models.DateTimeField(_("冻结时间"), null=True, editable=False)

    class Meta:
        verbose_name = _("评价标准")
        ordering: ClassVar = ["code", "version"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["code", "version"], name="one_standard_a_version")]

    def __str__(self) -> str:
        return f"{self.code} {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("standard", args=[self.pk])

    @property
    def parsed(self) -> standard.Standard:
        """The document as the engine reads it. Kept in memory by its hash, since a hash never changes its meaning."""
        found = _parsed.get(self.sha256)
        if found is None:
            found = _parsed[self.sha256] = standard.from_document(self.document)
        return found


_parsed: dict[str, standard.Standard] = {}


class Programme(models.Model):
    """评价类别 as the authority configures it: which standard is in force, how numbers look, what panels look like."""

    code = models.CharField(_("代码"), max_length=30, primary_key=True)
    name = models.CharField(_("名称"), max_length=60)
    standard = models.ForeignKey(Standard, models.PROTECT, verbose_name=_("现行标准"))
    number_prefix = models.CharField(_("案卷编号前缀"), max_length=20)
    correction_rounds = models.PositiveSmallIntegerField(_("补正轮次上限"), default=2)
    panel_size = models.PositiveSmallIntegerField(_("专家组人数"), default=5)
    panel_seats = models.JSONField(_("必须覆盖的专业"), default=dict)  # field code -> seats at least
    public_source = models.CharField(_("抽取须等待的公开数值来源"), max_length=120, blank=True)  # "" waits for none
    claims_before_marks = models.BooleanField(_("专家评分前可见申报单位自评"), default=False)
    opinion_template = models.TextField(_("专家组意见模板"), blank=True)
    load_limit = models.PositiveSmallIntegerField(_("专家年度评审次数上限"), default=12)
    recusal_years = models.PositiveSmallIntegerField(_("回避追溯年数"), default=3)
    ban_years = models.PositiveSmallIntegerField(_("撤销证书后限制申报年数"), default=3)
    guidance_nodes = models.JSONField(_("过程指导节点"), default=list)  # [[code, name], …]
    report_questions = models.JSONField(_("年度运营报告事项"), default=list)  # [[code, question], …]
    objection_files = models.PositiveSmallIntegerField(_("一件异议的附件数上限"), default=5)
    publishes_replies = models.BooleanField(_("公开异议办理结果"), default=True)
    # What notices and certificates say where the standard is not the authority's own text.
    sample_notice = models.CharField(_("非官方标准的声明"), max_length=200, default="参考样本，非官方标准文本")
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("评价类别")

    def __str__(self) -> str:
        return self.name


class StageRule(models.Model):
    """The route of one stage in one programme: which steps it takes, what it needs first, what it awards."""

    programme = models.ForeignKey(Programme, models.CASCADE, related_name="stages")
    stage = models.CharField(_("阶段"), max_length=20)
    position = models.PositiveSmallIntegerField(_("顺序"))
    needs_recommendation = models.BooleanField(_("须区县推荐"), default=False)
    needs_site_visit = models.BooleanField(_("须现场核查"), default=False)
    # An item is looked at on site where the standard lets one of these kinds prove it at this stage.
    site_evidence = models.JSONField(_("须到现场查看的佐证种类"), default=list, blank=True)
    site_consent = models.TextField(_("申报单位在专家设备上签字时同意的文字"), blank=True)
    needs_certificate_of = models.CharField(_("须先取得证书的阶段"), max_length=20, blank=True)
    needs_guidance_closed = models.BooleanField(_("须办结过程指导"), default=False)
    certificate_years = models.PositiveSmallIntegerField(_("证书有效年数"))
    is_final = models.BooleanField(_("授予星级（否则为预评）"), default=False)
    is_renewable = models.BooleanField(_("证书期满可以延续"), default=False)
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("阶段规则")
        ordering: ClassVar = ["programme", "position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["programme", "stage"], name="one_rule_a_stage")]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.stage}"
