import hashlib

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def hash_secrets(apps, editor):
    """Draws of before have both secrets revealed: their hashes follow from them."""
    draws = apps.get_model("evaluation", "Draw")
    for draw in draws.objects.only("organiser_secret", "supervisor_secret"):
        draw.organiser_hash = hashlib.sha256(draw.organiser_secret.encode()).hexdigest()
        if draw.supervisor_secret:
            draw.supervisor_hash = hashlib.sha256(draw.supervisor_secret.encode()).hexdigest()
        draw.save(update_fields=["organiser_hash", "supervisor_hash"])


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0009_carried_from_the_design"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Amendment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("before", models.JSONField(null=True, verbose_name="原评分")),
                ("after", models.JSONField(null=True, verbose_name="现评分")),
                ("reason", models.TextField(verbose_name="改评理由")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="时间")),
            ],
            options={
                "verbose_name": "改评",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Endorsement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agrees", models.BooleanField(verbose_name="同意专家组意见")),
                ("dissent", models.TextField(blank=True, verbose_name="保留意见")),
                ("opinion_sha256", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="时间")),
            ],
            options={
                "verbose_name": "意见签字",
            },
        ),
        migrations.CreateModel(
            name="PanelMeeting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("review_round", models.PositiveSmallIntegerField(verbose_name="评审轮次")),
                ("item_code", models.CharField(blank=True, max_length=20, verbose_name="当前条目")),
                ("turn", models.PositiveIntegerField(default=0)),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="开始时间")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="结束时间")),
            ],
            options={
                "verbose_name": "专家组合议会",
            },
        ),
        migrations.CreateModel(
            name="PanelMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("review_round", models.PositiveSmallIntegerField(verbose_name="评审轮次")),
                ("item_code", models.CharField(blank=True, max_length=20, verbose_name="条目")),
                ("text", models.TextField(max_length=2000, verbose_name="内容")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="时间")),
            ],
            options={
                "verbose_name": "专家组讨论",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Question",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=30, verbose_name="状态")),
                ("state_since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="进入状态时间")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="期限")),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("fault", models.TextField(blank=True, editable=False, verbose_name="故障")),
                ("review_round", models.PositiveSmallIntegerField(verbose_name="评审轮次")),
                ("item_code", models.CharField(max_length=20, verbose_name="条目")),
                ("text", models.TextField(max_length=2000, verbose_name="问题")),
                ("answer", models.TextField(blank=True, max_length=2000, verbose_name="答复")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="提出时间")),
            ],
            options={
                "verbose_name": "质询",
            },
        ),
        migrations.CreateModel(
            name="Rating",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attendance", models.PositiveSmallIntegerField(verbose_name="出勤")),
                ("quality", models.PositiveSmallIntegerField(verbose_name="质量")),
                ("timeliness", models.PositiveSmallIntegerField(verbose_name="时效")),
                ("ethics", models.PositiveSmallIntegerField(verbose_name="纪律")),
                ("remark", models.TextField(blank=True, verbose_name="说明")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="评价时间")),
                ("reply", models.TextField(blank=True, verbose_name="专家申辩")),
                ("replied_at", models.DateTimeField(null=True, verbose_name="申辩时间")),
            ],
            options={
                "verbose_name": "履职评价",
            },
        ),
        migrations.RemoveConstraint(
            model_name="result",
            name="one_result_a_round",
        ),
        migrations.AddField(
            model_name="draw",
            name="organiser_hash",
            field=models.CharField(default="", max_length=64, verbose_name="评价组织员密值摘要"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="draw",
            name="public_value",
            field=models.CharField(blank=True, max_length=200, verbose_name="公开数值"),
        ),
        migrations.AddField(
            model_name="draw",
            name="supervisor_hash",
            field=models.CharField(blank=True, max_length=64, verbose_name="监督员密值摘要"),
        ),
        migrations.AddField(
            model_name="mark",
            name="save_key",
            field=models.CharField(blank=True, max_length=36),
        ),
        migrations.AddField(
            model_name="programme",
            name="claims_before_marks",
            field=models.BooleanField(default=False, verbose_name="专家评分前可见申报单位自评"),
        ),
        migrations.AddField(
            model_name="programme",
            name="opinion_template",
            field=models.TextField(blank=True, verbose_name="专家组意见模板"),
        ),
        migrations.AddField(
            model_name="programme",
            name="public_source",
            field=models.CharField(blank=True, max_length=120, verbose_name="抽取须等待的公开数值来源"),
        ),
        migrations.AddField(
            model_name="result",
            name="count",
            field=models.PositiveSmallIntegerField(default=1, verbose_name="第几次汇总"),
        ),
        migrations.AlterField(
            model_name="draw",
            name="organiser_secret",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddConstraint(
            model_name="result",
            constraint=models.UniqueConstraint(
                fields=("application", "review_round", "count"), name="one_result_a_count"
            ),
        ),
        migrations.AddField(
            model_name="amendment",
            name="mark",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="amendments", to="evaluation.mark"
            ),
        ),
        migrations.AddField(
            model_name="endorsement",
            name="assignment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="endorsements", to="evaluation.assignment"
            ),
        ),
        migrations.AddField(
            model_name="endorsement",
            name="result",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="endorsements", to="evaluation.result"
            ),
        ),
        migrations.AddField(
            model_name="panelmeeting",
            name="application",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="panel_meetings", to="evaluation.application"
            ),
        ),
        migrations.AddField(
            model_name="panelmeeting",
            name="opened_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="主持人",
            ),
        ),
        migrations.AddField(
            model_name="panelmessage",
            name="application",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="panel_messages", to="evaluation.application"
            ),
        ),
        migrations.AddField(
            model_name="panelmessage",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="panel_messages", to="evaluation.assignment"
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="answered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="答复人",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="application",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="questions", to="evaluation.application"
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="assignment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="questions", to="evaluation.assignment"
            ),
        ),
        migrations.AddField(
            model_name="rating",
            name="assignment",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="rating", to="evaluation.assignment"
            ),
        ),
        migrations.AddField(
            model_name="rating",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="评价人",
            ),
        ),
        migrations.AddConstraint(
            model_name="endorsement",
            constraint=models.UniqueConstraint(fields=("result", "assignment"), name="one_endorsement_a_result"),
        ),
        migrations.AddConstraint(
            model_name="panelmeeting",
            constraint=models.UniqueConstraint(fields=("application", "review_round"), name="one_meeting_a_round"),
        ),
        migrations.RunPython(hash_secrets, migrations.RunPython.noop),
    ]
