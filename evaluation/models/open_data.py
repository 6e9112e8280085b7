"""Open data: the nightly sets of files, and texts of the authority that public pages show."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class PublicText(models.Model):
    """公开文字: a text of the authority that stands on public pages and in open data, by its code."""

    code = models.CharField(_("代码"), max_length=40, primary_key=True)
    name = models.CharField(_("名称"), max_length=60)
    text = models.TextField(_("文字"))
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("公开文字")
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.name


class OpenDataQuerySet(models.QuerySet["OpenDataSet"]):
    def whole(self) -> OpenDataQuerySet:
        """Sets that are complete, newest first: the others are being made, or their worker died."""
        return self.filter(made_at__isnull=False).order_by("-day")


class OpenDataSet(models.Model):
    """一日的开放数据: what was public on one day. It appears whole, with all its files, or not at all."""

    day = models.DateField(_("日期"), unique=True)
    made_at = models.DateTimeField(_("生成时间"), null=True)
    licence = models.TextField(_("使用条款"), blank=True)  # a copy: what held when it was published
    # Which worker makes it, until when nobody else begins, and how often it was begun.
    claimed_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)

    objects: ClassVar = OpenDataQuerySet.as_manager()

    class Meta:
        verbose_name = _("开放数据")
        ordering: ClassVar = ["-day"]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.day}"


class OpenDataFile(models.Model):
    """One file of a set. name: as it is downloaded, "notices.csv"."""

    whole = models.ForeignKey(OpenDataSet, models.CASCADE, related_name="files")
    name = models.CharField(_("文件名"), max_length=60)
    dataset = models.CharField(_("数据集"), max_length=40)
    kind = models.CharField(_("格式"), max_length=10)
    file = models.FileField(upload_to="", max_length=200)
    size = models.PositiveBigIntegerField(_("字节数"))
    sha256 = models.CharField("SHA-256", max_length=64)
    rows = models.PositiveIntegerField(_("行数"))

    class Meta:
        verbose_name = _("开放数据文件")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["whole", "name"], name="one_open_data_file_a_name")]

    def __str__(self) -> str:
        return self.name
