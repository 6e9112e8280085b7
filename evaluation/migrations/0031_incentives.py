"""Incentive policies and what was granted under them."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0030_sanctions_and_renewals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="IncentivePolicy",
            fields=[
                ("code", models.CharField(max_length=30, primary_key=True, serialize=False, verbose_name="代码")),
                ("name", models.CharField(max_length=60, verbose_name="名称")),
                ("document_number", models.CharField(blank=True, max_length=120, verbose_name="文号")),
                ("valid_from", models.DateField(blank=True, null=True, verbose_name="启用日期")),
                ("valid_until", models.DateField(blank=True, null=True, verbose_name="停用日期")),
                ("least_level", models.PositiveSmallIntegerField(default=1, verbose_name="最低星级")),
                ("values", models.JSONField(blank=True, default=dict, verbose_name="各星级数值")),
                ("unit", models.CharField(blank=True, max_length=20, verbose_name="数值单位")),
                ("conditions", models.TextField(blank=True, verbose_name="条件")),
                ("cap", models.CharField(blank=True, max_length=200, verbose_name="上限")),
                ("department", models.CharField(blank=True, max_length=120, verbose_name="监管部门")),
                ("basis", models.TextField(verbose_name="依据")),
                (
                    "programme",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incentive_policies",
                        to="evaluation.programme",
                        verbose_name="评价类别",
                    ),
                ),
            ],
            options={
                "verbose_name": "激励政策",
                "ordering": ["programme", "code"],
            },
        ),
        migrations.CreateModel(
            name="Incentive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=30, verbose_name="状态")),
                ("state_since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="进入状态时间")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="期限")),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("fault", models.TextField(blank=True, editable=False, verbose_name="故障")),
                ("number", models.CharField(blank=True, db_index=True, max_length=60, verbose_name="确认书编号")),
                ("level", models.PositiveSmallIntegerField(verbose_name="星级")),
                ("level_name", models.CharField(max_length=40, verbose_name="等级名称")),
                ("community_name", models.CharField(max_length=80, verbose_name="小区")),
                ("organisation_name", models.CharField(max_length=120, verbose_name="申报单位")),
                ("credit_code", models.CharField(max_length=18, verbose_name="统一社会信用代码")),
                ("policy_name", models.CharField(blank=True, max_length=60, verbose_name="激励政策")),
                ("basis", models.TextField(blank=True, verbose_name="依据")),
                ("document_number", models.CharField(blank=True, max_length=120, verbose_name="文号")),
                ("amount", models.CharField(blank=True, max_length=70, verbose_name="数值")),
                ("conditions", models.TextField(blank=True, verbose_name="条件")),
                ("cap", models.CharField(blank=True, max_length=200, verbose_name="上限")),
                ("department", models.CharField(blank=True, max_length=120, verbose_name="监管部门")),
                ("grounds", models.TextField(blank=True, verbose_name="核定意见")),
                ("reason", models.TextField(blank=True, verbose_name="不予或撤回的理由")),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="立项时间")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="核定时间")),
                ("granted_on", models.DateField(null=True, verbose_name="核定日期")),
                ("valid_until", models.DateField(null=True, verbose_name="有效期至")),
                ("file", models.FileField(blank=True, max_length=200, upload_to="")),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256")),
                ("seal", models.TextField(blank=True, verbose_name="数字签名")),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incentives",
                        to="evaluation.certificate",
                        verbose_name="证书",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="核定人",
                    ),
                ),
                (
                    "seal_key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incentives",
                        to="evaluation.issuerkey",
                        verbose_name="签发密钥",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incentives",
                        to="evaluation.incentivepolicy",
                        verbose_name="激励政策",
                    ),
                ),
            ],
            options={
                "verbose_name": "激励",
                "ordering": ["pk"],
                "indexes": [
                    models.Index(fields=["state", "due_on"], name="incentive_state_due"),
                    models.Index(fields=["certificate", "policy"], name="incentive_of_certificate"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("unset", "due", "granted"))),
                        fields=("certificate", "policy"),
                        name="one_live_incentive",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("number", ""), _negated=True),
                        fields=("number",),
                        name="one_incentive_a_number",
                    ),
                ],
            },
        ),
    ]
