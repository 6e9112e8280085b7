"""Yearly targets and monthly reports."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

MADE = [
    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
    ("made_at", models.DateTimeField(null=True, verbose_name="生成时间")),
    ("claimed_until", models.DateTimeField(editable=False, null=True)),
    ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
    ("figures", models.JSONField(null=True, verbose_name="数据")),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("evaluation", "0031_incentives")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="AnnualTarget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("year", models.PositiveSmallIntegerField(verbose_name="年份")),
                ("programme", models.CharField(max_length=30, verbose_name="评价类别")),
                ("district", models.CharField(blank=True, max_length=6, verbose_name="区县")),
                ("count", models.PositiveIntegerField(verbose_name="计划数")),
                ("basis", models.TextField(verbose_name="依据")),
            ],
            options={
                "verbose_name": "年度计划",
                "constraints": [
                    models.UniqueConstraint(fields=("programme", "year", "district"), name="one_target_a_year")
                ],
            },
        ),
        migrations.CreateModel(
            name="StatisticsDay",
            fields=[*MADE, ("day", models.DateField(unique=True, verbose_name="日期"))],
            options={"verbose_name": "统计日"},
        ),
        migrations.CreateModel(
            name="MonthlyReport",
            fields=[
                *MADE,
                ("month", models.DateField(unique=True, verbose_name="月份")),
                ("file", models.FileField(blank=True, max_length=200, upload_to="")),
                ("size", models.PositiveBigIntegerField(default=0, verbose_name="字节数")),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256")),
            ],
            options={"verbose_name": "统计月报"},
        ),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(fields=["correction_round", "state"], name="application_round"),
        ),
    ]
