"""Certificates carry a signature of the issuer, whose keys change; certificates that ended stand in a signed list."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0024_late_reasons_end")]

    operations = [
        migrations.CreateModel(
            name="IssuerKey",
            fields=[
                ("code", models.CharField(max_length=16, primary_key=True, serialize=False, verbose_name="密钥编号")),
                ("public_key", models.CharField(max_length=64, verbose_name="公钥")),
                ("begins", models.DateField(verbose_name="启用日期")),
                ("retired", models.DateField(null=True, verbose_name="停用日期")),
                ("is_current", models.BooleanField(default=True, verbose_name="正在使用")),
            ],
            options={
                "verbose_name": "签发密钥",
                "ordering": ["begins", "code"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["is_current"], condition=models.Q(is_current=True), name="one_current_issuer_key",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RevocationList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(verbose_name="截至日期")),
                ("content", models.TextField(verbose_name="名单")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("count", models.PositiveIntegerField(verbose_name="证书数")),
            ],
            options={"verbose_name": "撤销名单"},
        ),
        migrations.AddField("certificate", "seal", models.TextField(blank=True, default="", verbose_name="数字签名"), preserve_default=False),
        migrations.AddField("certificate", "seal_key", models.ForeignKey(
            blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="certificates",
            to="evaluation.issuerkey", verbose_name="签发密钥",
        )),
    ]
