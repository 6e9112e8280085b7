"""What was seen on site is kept in versions, photos and signatures carry one-use keys, the record becomes a paper."""

from uuid import uuid4

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

USER = settings.AUTH_USER_MODEL
CONSENT = (
    "本人受申报单位委托到场，已逐项看过以上核查记录与照片，同意在专家的设备上手写签字，签字与在本单位账号中签署同样有效。"
    "（默认文字，启用前由主管部门核定）"
)


def name_what_is_there(apps, schema_editor):
    """Every finding becomes the first version of its line, every photo of a site visit gets its key."""
    model = apps.get_model
    for row in model("evaluation", "SiteFinding").objects.order_by("pk").iterator():
        row.line, row.number, row.save_key = f"item:{row.item_code}", 1, str(uuid4())
        row.seen = "agrees" if row.agrees else "differs"
        row.save(update_fields=["line", "number", "save_key", "seen"])
    for row in model("evaluation", "Photo").objects.exclude(site_visit=None).order_by("pk").iterator():
        row.key, row.sent_sha256 = str(uuid4()), row.sha256
        row.save(update_fields=["key", "sent_sha256"])
    rules = model("evaluation", "StageRule").objects.filter(needs_site_visit=True)
    rules.update(site_evidence=["site"], site_consent=CONSENT)


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0021_opinions_keep_their_term"),
        migrations.swappable_dependency(USER),
    ]

    operations = [
        migrations.AddField("stagerule", "site_evidence", models.JSONField(blank=True, default=list, verbose_name="须到现场查看的佐证种类")),
        migrations.AddField("stagerule", "site_consent", models.TextField(blank=True, verbose_name="申报单位在专家设备上签字时同意的文字")),
        migrations.AddField("sitevisit", "paper", models.FileField(blank=True, max_length=200, upload_to="", verbose_name="核查记录")),
        migrations.AddField("sitevisit", "paper_sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256"), preserve_default=True),
        migrations.AddField("sitevisit", "paper_of", models.CharField(blank=True, max_length=64)),
        migrations.RemoveConstraint("sitefinding", "one_site_finding"),
        migrations.AlterModelOptions("sitefinding", options={"ordering": ["pk"], "verbose_name": "现场所见"}),
        migrations.AddField("sitefinding", "line", models.CharField(default="", max_length=60, verbose_name="核查项"), preserve_default=False),
        migrations.AddField("sitefinding", "number", models.PositiveSmallIntegerField(default=1, verbose_name="版本"), preserve_default=False),
        migrations.AddField("sitefinding", "seen", models.CharField(
            blank=True, max_length=10, verbose_name="所见结果",
            choices=[("agrees", "与申报一致"), ("differs", "与申报不一致"), ("unseen", "无法查看")],
        )),
        migrations.AddField("sitefinding", "visited_on", models.DateField(null=True, verbose_name="核查日期")),
        migrations.AddField("sitefinding", "at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="收到时间")),
        migrations.AddField("sitefinding", "said_at", models.DateTimeField(null=True, verbose_name="记录时间")),
        migrations.AddField("sitefinding", "save_key", models.CharField(default="", max_length=36), preserve_default=False),
        migrations.AlterField("sitefinding", "item_code", models.CharField(blank=True, max_length=20, verbose_name="条目")),
        migrations.AlterField("sitefinding", "text", models.TextField(blank=True, verbose_name="所见")),
        migrations.AddField("photo", "key", models.CharField(blank=True, max_length=36)),
        migrations.AddField("photo", "line", models.CharField(blank=True, max_length=60, verbose_name="核查项")),
        migrations.AddField("photo", "sent_sha256", models.CharField(blank=True, max_length=64)),
        migrations.AddField("photo", "said", models.JSONField(blank=True, default=dict)),
        migrations.AddField("photo", "accuracy", models.FloatField(blank=True, null=True)),
        migrations.AddField("photo", "withdrawn_at", models.DateTimeField(null=True, verbose_name="撤下时间")),
        migrations.AddField("photo", "withdrawn_by", models.ForeignKey(
            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=USER,
        )),
        migrations.AddField("photo", "withdrawn_reason", models.CharField(blank=True, max_length=200, verbose_name="撤下理由")),
        migrations.RunPython(name_what_is_there, migrations.RunPython.noop),
        migrations.RemoveField("sitefinding", "agrees"),
        migrations.AddConstraint("sitefinding", models.UniqueConstraint(fields=["site_visit", "line", "number"], name="one_site_version")),
        migrations.AddConstraint("sitefinding", models.UniqueConstraint(fields=["site_visit", "save_key"], name="one_site_save")),
        migrations.AddConstraint("photo", models.UniqueConstraint(
            fields=["site_visit", "key"], condition=~models.Q(key=""), name="one_site_photo",
        )),
        migrations.CreateModel(
            name="SiteSignature",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("side", models.CharField(
                    choices=[("expert", "专家"), ("applicant", "申报单位")], max_length=10, verbose_name="签字方",
                )),
                ("name", models.CharField(max_length=60, verbose_name="签字人")),
                ("title", models.CharField(blank=True, max_length=60, verbose_name="职务")),
                ("strokes", models.JSONField(default=list, verbose_name="手写笔迹")),
                ("strokes_sha256", models.CharField(blank=True, max_length=64)),
                ("content_sha256", models.CharField(max_length=64, verbose_name="所签内容")),
                ("consent", models.TextField(blank=True, verbose_name="同意的文字")),
                ("signed_at", models.DateTimeField(verbose_name="签字时间")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="收到时间")),
                ("voided_at", models.DateTimeField(null=True, verbose_name="失效时间")),
                ("save_key", models.CharField(max_length=36)),
                ("signed_by", models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=USER,
                )),
                ("site_visit", models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="signatures", to="evaluation.sitevisit",
                )),
                ("witness", models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=USER, verbose_name="见证人",
                )),
            ],
            options={
                "verbose_name": "现场核查签字",
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=["site_visit", "save_key"], name="one_site_signing"),
                    models.UniqueConstraint(
                        fields=["site_visit", "side"], condition=models.Q(voided_at=None), name="one_site_signature_a_side",
                    ),
                ],
            },
        ),
    ]
