"""Strengths of form-check rules, overrides, ready phrases, reasons of late findings, numbered notices, conflicts of officers."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

HARD = (
    "organisation_may_apply", "credit_code_is_valid", "no_other_case", "documents_are_present", "files_are_readable",
    "earlier_certificate_is_held", "guidance_is_closed",
)
SOFT = (
    "files_are_not_used_elsewhere", "every_item_is_claimed", "not_applicable_has_a_reason", "won_items_are_proved",
    "control_items_are_met", "self_score_reaches_the_target", "permit_dates_are_in_order",
    "differences_to_the_design_are_answered",
)
CODES = (
    ("unseen", "首轮材料不可见", False), ("caused", "补正引入的新问题", False), ("law", "法规变化", False),
    ("other", "其他", True),
)
REMEDY = (
    "对本决定不服的，可以自收到本通知书之日起六十日内依法申请行政复议，或者在六个月内依法提起行政诉讼。（默认文字，启用前由主管部门核定）"
)
FORMS = (
    ("correction", "{prefix}-BZ-{year}-{number}", "", ""),
    ("acceptance", "{prefix}-SL-{year}-{number}", "申报材料齐全，符合要求，予以受理。", ""),
    ("refusal", "{prefix}-BYSL-{year}-{number}", "申报材料不符合要求，决定不予受理。", REMEDY),
)
BASIS = "默认配置：启用前由主管部门核定"


def configure(apps, schema_editor):
    """Of a portal that is in use; an empty one is configured by ``manage.py configure``. Late findings keep their words."""
    model = apps.get_model
    model("evaluation", "Finding").objects.exclude(late_reason="").update(late_code="other")
    if not model("portal", "Limit").objects.exists():
        return
    rules = [(rule, True) for rule in HARD] + [(rule, False) for rule in SOFT]
    model("evaluation", "FormRule").objects.bulk_create(
        model("evaluation", "FormRule")(rule=rule, is_hard=hard, basis=BASIS) for rule, hard in rules
    )
    model("evaluation", "LateCode").objects.bulk_create(
        model("evaluation", "LateCode")(code=code, label=label, needs_words=words, position=place, basis=BASIS)
        for place, (code, label, words) in enumerate(CODES, 1)
    )
    model("evaluation", "NoticeForm").objects.bulk_create(
        model("evaluation", "NoticeForm")(kind=kind, pattern=pattern, text=text, remedy=remedy, basis=BASIS)
        for kind, pattern, text, remedy in FORMS
    )


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0017_messages_wait_for_a_look'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LateCode',
            fields=[
                ('code', models.CharField(max_length=30, primary_key=True, serialize=False, verbose_name='代码')),
                ('label', models.CharField(max_length=60, verbose_name='理由')),
                ('needs_words', models.BooleanField(default=False, verbose_name='须另写说明')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('basis', models.TextField(verbose_name='依据')),
            ],
            options={
                'verbose_name': '新增问题理由',
                'ordering': ['position', 'code'],
            },
        ),
        migrations.CreateModel(
            name='NoticeForm',
            fields=[
                ('kind', models.CharField(choices=[('correction', '补正材料一次性告知书'), ('acceptance', '受理通知书'), ('refusal', '不予受理通知书')], max_length=12, primary_key=True, serialize=False, verbose_name='文书')),
                ('pattern', models.CharField(max_length=60, verbose_name='编号样式')),
                ('text', models.TextField(blank=True, verbose_name='正文')),
                ('remedy', models.TextField(blank=True, verbose_name='救济途径')),
                ('basis', models.TextField(verbose_name='依据')),
            ],
            options={
                'verbose_name': '文书式样',
            },
        ),
        migrations.AddField(
            model_name='finding',
            name='late_code',
            field=models.CharField(blank=True, max_length=30, verbose_name='首轮未提出的理由'),
        ),
        migrations.AlterField(
            model_name='finding',
            name='late_reason',
            field=models.TextField(blank=True, verbose_name='理由说明'),
        ),
        migrations.CreateModel(
            name='FormRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('programme', models.CharField(blank=True, max_length=30, verbose_name='评价类别')),
                ('rule', models.CharField(max_length=40, verbose_name='自动规则')),
                ('is_hard', models.BooleanField(verbose_name='硬性规则')),
                ('basis', models.TextField(verbose_name='依据')),
            ],
            options={
                'verbose_name': '形式审查规则',
                'constraints': [models.UniqueConstraint(fields=('programme', 'rule'), name='one_strength_a_rule')],
            },
        ),
        migrations.CreateModel(
            name='Phrase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(blank=True, choices=[('document', '申报材料'), ('item', '条目'), ('data', '基本信息')], max_length=10, verbose_name='位置类型')),
                ('text', models.TextField(verbose_name='文字')),
                ('basis', models.CharField(blank=True, max_length=300, verbose_name='依据')),
                ('revision', models.PositiveIntegerField(default=1)),
                ('removed_at', models.DateTimeField(null=True)),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='所有人')),
            ],
            options={
                'verbose_name': '常用语',
            },
        ),
        migrations.CreateModel(
            name='IssuedNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('correction', '补正材料一次性告知书'), ('acceptance', '受理通知书'), ('refusal', '不予受理通知书')], max_length=12, verbose_name='文书')),
                ('round', models.PositiveSmallIntegerField(default=0, verbose_name='轮次')),
                ('number', models.CharField(max_length=80, unique=True, verbose_name='编号')),
                ('content', models.JSONField(verbose_name='内容')),
                ('issued_at', models.DateTimeField(verbose_name='发出时间')),
                ('file', models.FileField(blank=True, max_length=200, upload_to='', verbose_name='文件')),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='字节数')),
                ('sha256', models.CharField(blank=True, max_length=64, verbose_name='SHA-256')),
                ('application', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='issued_notices', to='evaluation.application')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='经办人')),
            ],
            options={
                'verbose_name': '文书',
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('sha256', '')), fields=['id'], name='notice_not_made')],
                'constraints': [models.UniqueConstraint(fields=('application', 'kind', 'round'), name='one_notice_a_round')],
            },
        ),
        migrations.CreateModel(
            name='OfficerConflict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('credit_code', models.CharField(blank=True, max_length=18, verbose_name='统一社会信用代码')),
                ('relation', models.CharField(max_length=500, verbose_name='回避事由')),
                ('declared_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='登记时间')),
                ('release_reason', models.CharField(blank=True, max_length=500, verbose_name='解除理由')),
                ('release_asked_at', models.DateTimeField(null=True)),
                ('released_at', models.DateTimeField(null=True, verbose_name='解除时间')),
                ('declared_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='登记人')),
                ('officer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conflicts', to=settings.AUTH_USER_MODEL, verbose_name='回避人员')),
                ('project', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='conflicts', to='evaluation.project', verbose_name='案卷')),
                ('release_asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='提出解除')),
                ('released_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='同意解除')),
            ],
            options={
                'verbose_name': '经办人员回避',
                'ordering': ['-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('credit_code__gt', ''), ('project', None)), models.Q(('credit_code', ''), ('project__isnull', False)), _connector='OR'), name='conflict_has_one_object'), models.CheckConstraint(condition=models.Q(models.Q(('released_at', None), ('released_by', None)), models.Q(('release_asked_by__isnull', False), ('released_at__isnull', False), models.Q(('released_by', models.F('release_asked_by')), _negated=True)), _connector='OR'), name='conflict_released_by_two')],
            },
        ),
        migrations.CreateModel(
            name='RuleOverride',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveSmallIntegerField(verbose_name='版本')),
                ('rule', models.CharField(max_length=40, verbose_name='自动规则')),
                ('reason', models.TextField(verbose_name='理由')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='放行时间')),
                ('application', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='overrides', to='evaluation.application')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='放行人')),
            ],
            options={
                'verbose_name': '规则放行',
                'ordering': ['version', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('application', 'version', 'rule'), name='one_override_a_version')],
            },
        ),
        migrations.RunPython(configure, migrations.RunPython.noop),
    ]
