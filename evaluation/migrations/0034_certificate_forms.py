"""Forms of certificates, in versions, of which a certificate keeps its own; what a batch of approvals shows and leaves out."""

from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

BODY = "{单位}申报的{区县}{小区}，按照{标准}，经{阶段}，评定为："
LINES = [
    ["community", "小区名称"], ["district", "所在区县"], ["organisation", "申报单位"], ["stage", "评价阶段"],
    ["standard", "评价标准"], ["validity", "有效期"],
]
ISSUER = "示例市住房主管部门"
BASIS = "默认配置：示例式样与样章，启用前由主管部门核定"


def configure(apps, schema_editor):
    """Of a portal that is in use: certificates go on as they were; an empty one is configured by ``manage.py configure``."""
    model = apps.get_model("evaluation", "CertificateForm")
    for rule in apps.get_model("evaluation", "StageRule").objects.select_related("programme"):
        title = f"{rule.programme.name}评价证书"
        model.objects.create(
            programme=rule.programme, stage=rule.stage, number=1, body=BODY, lines=LINES, issuer=ISSUER, basis=BASIS,
            title=title if rule.is_final else f"{title}（预评）",
            pattern="{prefix}-%s-{year}-{number}" % ("X" if rule.is_final else "S"),
        )


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0033_notice_versions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list = [
        migrations.CreateModel(
            name="CertificateForm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stage", models.CharField(max_length=20, verbose_name="阶段")),
                ("number", models.PositiveIntegerField(verbose_name="版本")),
                ("title", models.CharField(max_length=80, verbose_name="标题")),
                ("body", models.TextField(verbose_name="正文")),
                ("lines", models.JSONField(default=list, verbose_name="所列事项")),
                ("issuer", models.CharField(max_length=40, verbose_name="发证机关")),
                ("signatures", models.JSONField(default=list, verbose_name="签字栏")),
                ("pattern", models.CharField(max_length=60, verbose_name="编号样式")),
                ("seal", models.FileField(blank=True, max_length=200, upload_to="", verbose_name="印章图样")),
                ("seal_sha256", models.CharField(blank=True, max_length=64)),
                ("basis", models.TextField(verbose_name="依据")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="时间")),
                ("by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="修改人")),
                ("programme", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="certificate_forms", to="evaluation.programme", verbose_name="评价类别")),
            ],
            options={
                "verbose_name": "证书式样",
                "constraints": [models.UniqueConstraint(fields=("programme", "stage", "number"), name="one_certificate_form_version")],
            },
        ),
        migrations.AddField("certificate", "form", models.ForeignKey(
            blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="certificates",
            to="evaluation.certificateform",
        )),
        migrations.AddField("batchrow", "facts", models.JSONField(default=dict)),
        migrations.AddField("batchrow", "is_left_out", models.BooleanField(default=False)),
        migrations.RunPython(configure, migrations.RunPython.noop),
    ]
