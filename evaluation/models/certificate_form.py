"""How certificates look: versions of the form of each stage, of which a certificate keeps the one it was printed from."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evaluation.models.programme import Programme
from portal.models import User


class CertificateForm(models.Model):
    """证书式样: one version of what certificates of a stage say and look like. The newest is in force; none ever changes.

    body: words with the places of ``evaluation.printing.FIELDS``; lines: [[code of a field, label], …] in their order;
    signatures: [[label, name], …], "" for a name that is signed by hand; pattern: how numbers read, with {number}.
    """

    programme = models.ForeignKey(
        Programme, models.PROTECT, related_name="certificate_forms", verbose_name=_("评价类别")
    )
    stage = models.CharField(_("阶段"), max_length=20)
    number = models.PositiveIntegerField(_("版本"))
    title = models.CharField(_("标题"), max_length=80)
    body = models.TextField(_("正文"))
    lines: Any = models.JSONField(_("所列事项"), default=list)
    issuer = models.CharField(_("发证机关"), max_length=40)
    signatures: Any = models.JSONField(_("签字栏"), default=list)
    pattern = models.CharField(_("编号样式"), max_length=60)
    # "" prints the portal's sample seal, which says that it is one
    seal = models.FileField(_("印章图样"), upload_to="", max_length=200, blank=True)
    seal_sha256 = models.CharField(max_length=64, blank=True)
    basis = models.TextField(_("依据"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("修改人"))
    at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("证书式样")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["programme", "stage", "number"], name="one_certificate_form_version")
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.stage} {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("certificate-form", args=[self.programme_id, self.stage])
