"""Versions of what was published, replies that are public, and the directory's own columns of a certificate."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PARTS = ["CREATE INDEX certificate_parts ON evaluation_certificate USING gin (text_parts("
         "(community_name || chr(10) || organisation_name)))"]
PARTS_BACK = ["DROP INDEX certificate_parts"]


def on_postgresql(statements: list[str]) -> Any:
    def operate(apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            for statement in statements:
                editor.execute(statement)

    return operate


def fill_certificates(apps: Any, editor: Any) -> None:
    """Programme and district of the case; a district by the name that the certificate bears, where there is one."""
    districts = dict(apps.get_model("communities", "District").objects.values_list("name", "pk"))
    model = apps.get_model("evaluation", "Certificate")
    case = "application__project__"
    rows = model.objects.values_list("pk", "district_name", f"{case}programme", f"{case}community__district")
    for pk, name, programme, district in list(rows):
        model.objects.filter(pk=pk).update(programme=programme, district=districts.get(name, district))
    if editor.connection.vendor == "postgresql":
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else no column of the table can be altered any more


def first_versions(apps: Any, editor: Any) -> None:
    """What every notice says is its first version. As ``evaluation.notice_versions`` computes a hash, at this migration."""
    version = apps.get_model("evaluation", "NoticeVersion")
    zone = ZoneInfo(settings.TIME_ZONE)
    for notice in apps.get_model("evaluation", "PublicNotice").objects.order_by("pk").iterator(500):
        at = datetime.combine(notice.opened_on, time.min, zone).astimezone(UTC)
        said = {
            "figures": notice.figures, "notice": notice.number, "previous": "", "published_at": at.isoformat(), "reason": "",
            "version": 1,
        }  # fmt: skip
        content = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(content).hexdigest()
        version.objects.create(notice=notice, version=1, published_at=at, figures=notice.figures, sha256=digest)
    if editor.connection.vendor == "postgresql":
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def nothing(apps: Any, editor: Any) -> None:
    """The columns go with the operations before."""


def certified(name: str, *before: str) -> migrations.AddIndex:
    return migrations.AddIndex("certificate", models.Index(
        fields=[*before, "-issued_on", "-id", "valid_until"], condition=models.Q(("is_final", True), ("state", "valid")),
        name=name,
    ))


def programme(**more: Any) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name="certificates", to="evaluation.programme",
        verbose_name="评价类别", **more,
    )


def district(**more: Any) -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="certificates", to="communities.district",
        verbose_name="区县", **more,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0010_officers_are_stood_in_for"),
        ("evaluation", "0032_statistics"),
        ("portal", "0009_texts_are_found_by_parts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("certificate", "programme", programme(null=True)),
        migrations.AddField("certificate", "district", district(null=True)),
        migrations.RunPython(fill_certificates, nothing),
        migrations.AlterField("certificate", "programme", programme()),
        migrations.AlterField("certificate", "district", district()),
        certified("certified_newest"),
        certified("certified_by_district", "district"),
        certified("certified_by_level", "programme", "level_name"),
        migrations.RunPython(on_postgresql(PARTS), on_postgresql(PARTS_BACK)),
        migrations.CreateModel(
            name="PublishedReply",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(
                    choices=[("person", "个人"), ("unit", "单位")], max_length=10, verbose_name="异议人类型"
                )),
                ("received_on", models.DateField(verbose_name="收到日期")),
                ("decision", models.CharField(
                    choices=[
                        ("not_taken", "不予受理"), ("upheld", "异议成立"), ("rejected", "异议不成立"), ("merged", "并入另一件异议"),
                    ],
                    max_length=30, verbose_name="处理结果",
                )),
                ("decided_on", models.DateField(verbose_name="答复日期")),
                ("text", models.TextField(verbose_name="公开答复")),
                ("notice", models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT, related_name="replies", to="evaluation.publicnotice",
                )),
                ("objection", models.OneToOneField(
                    on_delete=django.db.models.deletion.PROTECT, related_name="published", to="evaluation.objection",
                )),
            ],
            options={"verbose_name": "公开答复", "ordering": ["decided_on", "pk"]},
        ),
        migrations.AddField("programme", "publishes_replies", models.BooleanField(default=True, verbose_name="公开异议办理结果")),
        migrations.CreateModel(
            name="NoticeVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(verbose_name="版本")),
                ("published_at", models.DateTimeField(verbose_name="发布时间")),
                ("figures", models.JSONField(verbose_name="公示内容")),
                ("sha256", models.CharField(max_length=64, unique=True, verbose_name="SHA-256")),
                ("previous", models.CharField(blank=True, max_length=64, verbose_name="上一版的 SHA-256")),
                ("reason", models.TextField(blank=True, verbose_name="更正理由")),
                ("by", models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL,
                    verbose_name="发布人",
                )),
                ("notice", models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="evaluation.publicnotice",
                )),
            ],
            options={
                "verbose_name": "公示版本",
                "ordering": ["notice", "version"],
                "constraints": [
                    models.UniqueConstraint(fields=("notice", "version"), name="one_notice_version_a_number")
                ],
            },
        ),
        migrations.RunPython(first_versions, nothing),
    ]
