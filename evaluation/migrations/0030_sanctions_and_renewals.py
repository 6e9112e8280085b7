"""Downgrade and revocation after a hearing; renewal of certificates."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0029_operating_reports_and_inspections"),
    ]

    operations = [
        migrations.AddField(
            model_name="certificate",
            name="succeeds",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="succeeded_by",
                to="evaluation.certificate",
                verbose_name="接替",
            ),
        ),
        migrations.AddField(
            model_name="stagerule",
            name="is_renewable",
            field=models.BooleanField(default=False, verbose_name="证书期满可以延续"),
        ),
        migrations.AlterField(
            model_name="issuednotice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("correction", "补正材料一次性告知书"),
                    ("acceptance", "受理通知书"),
                    ("refusal", "不予受理通知书"),
                    ("hearing", "证书处理告知书"),
                    ("sanction", "证书处理决定书"),
                    ("nonrenewal", "不予延续决定书"),
                ],
                max_length=12,
                verbose_name="文书",
            ),
        ),
        migrations.AlterField(
            model_name="noticeform",
            name="kind",
            field=models.CharField(
                choices=[
                    ("correction", "补正材料一次性告知书"),
                    ("acceptance", "受理通知书"),
                    ("refusal", "不予受理通知书"),
                    ("hearing", "证书处理告知书"),
                    ("sanction", "证书处理决定书"),
                    ("nonrenewal", "不予延续决定书"),
                ],
                max_length=12,
                primary_key=True,
                serialize=False,
                verbose_name="文书",
            ),
        ),
        migrations.CreateModel(
            name="Sanction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=30, verbose_name="状态")),
                ("state_since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="进入状态时间")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="期限")),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("fault", models.TextField(blank=True, editable=False, verbose_name="故障")),
                ("number", models.CharField(max_length=80, unique=True, verbose_name="处理编号")),
                (
                    "kind",
                    models.CharField(
                        choices=[("revoke", "撤销证书"), ("downgrade", "降低等级")],
                        max_length=10,
                        verbose_name="拟作处理",
                    ),
                ),
                ("to_level", models.PositiveSmallIntegerField(null=True, verbose_name="降至等级")),
                ("facts", models.TextField(verbose_name="事实")),
                ("basis", models.TextField(verbose_name="依据")),
                ("proposed_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="提出时间")),
                ("told_at", models.DateTimeField(null=True, verbose_name="告知时间")),
                ("notice_number", models.CharField(blank=True, max_length=80, verbose_name="告知书编号")),
                ("statement", models.TextField(blank=True, verbose_name="陈述和申辩")),
                ("waived_at", models.DateTimeField(null=True, verbose_name="放弃陈述申辩")),
                ("oral_reason", models.TextField(blank=True, verbose_name="要求当面听取意见的理由")),
                ("heard_on", models.DateField(null=True, verbose_name="听取意见日期")),
                ("record", models.TextField(blank=True, verbose_name="听取意见记录")),
                ("ruling", models.TextField(blank=True, verbose_name="决定理由")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="决定时间")),
                ("decision_number", models.CharField(blank=True, max_length=80, verbose_name="决定书编号")),
                ("ban_years", models.PositiveSmallIntegerField(null=True, verbose_name="限制申报年数")),
                ("unbanned_reason", models.TextField(blank=True, verbose_name="不限制申报的理由")),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sanctions",
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
                        verbose_name="决定人",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="提出人",
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="记录人",
                    ),
                ),
                (
                    "told_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="告知人",
                    ),
                ),
            ],
            options={
                "verbose_name": "证书处理",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="SanctionProof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", models.FileField(blank=True, max_length=200, upload_to="", verbose_name="文件")),
                ("name", models.CharField(blank=True, max_length=150, verbose_name="文件名")),
                ("kind", models.CharField(blank=True, max_length=10, verbose_name="类型")),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("size", models.PositiveBigIntegerField(default=0, verbose_name="字节数")),
                ("sha256", models.CharField(blank=True, db_index=True, max_length=64, verbose_name="SHA-256")),
                ("pages", models.PositiveIntegerField(blank=True, null=True, verbose_name="页数")),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="上传时间")),
                ("side", models.CharField(choices=[("office", "处理一方"), ("party", "当事单位")], max_length=10)),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "sanction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="proofs", to="evaluation.sanction"
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="上传人",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Renewal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=30, verbose_name="状态")),
                ("state_since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="进入状态时间")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="期限")),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("fault", models.TextField(blank=True, editable=False, verbose_name="故障")),
                ("number", models.CharField(max_length=80, unique=True, verbose_name="延续编号")),
                ("statement", models.TextField(verbose_name="运行情况说明")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="申请时间")),
                ("is_advised", models.BooleanField(null=True, verbose_name="建议延续")),
                ("opinion", models.TextField(blank=True, verbose_name="核查意见")),
                ("ruling", models.TextField(blank=True, verbose_name="决定理由")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="决定时间")),
                ("decision_number", models.CharField(blank=True, max_length=80, verbose_name="决定书编号")),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="申请人",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="renewals",
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
                        verbose_name="决定人",
                    ),
                ),
                (
                    "examined_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="核查人",
                    ),
                ),
            ],
            options={
                "verbose_name": "证书延续",
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["state", "due_on"], name="renewal_state_due")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("asked", "returned", "recommended"))),
                        fields=("certificate",),
                        name="one_open_certificate_renewal",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="sanction",
            index=models.Index(fields=["state", "due_on"], name="sanction_state_due"),
        ),
        migrations.AddConstraint(
            model_name="sanction",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("proposed", "hearing", "oral", "deciding"))),
                fields=("certificate",),
                name="one_open_sanction",
            ),
        ),
        migrations.AddConstraint(
            model_name="sanction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "revoke"), ("to_level", None)),
                    models.Q(("kind", "downgrade"), ("to_level__gte", 1)),
                    _connector="OR",
                ),
                name="sanction_level_of_downgrade",
            ),
        ),
    ]
