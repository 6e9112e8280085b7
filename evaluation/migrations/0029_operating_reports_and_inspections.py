"""Yearly operating reports, random inspections and what has to be put right."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

QUESTIONS = [
    ["services", "智慧应用场景的使用和设备运行情况"],
    ["failures", "停用、故障的项目及原因"],
    ["upkeep", "运维单位、人员与投入"],
    ["security", "网络与数据安全、个人信息保护情况"],
    ["feedback", "居民反映的问题及处理"],
    ["changes", "与评价时相比的变化"],
]


def ask(apps: Any, schema_editor: Any) -> None:
    """Programmes that are there already ask what a new portal asks by default."""
    apps.get_model("evaluation", "Programme").objects.update(report_questions=QUESTIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0028_certificates_of_an_application"),
        ("communities", "0010_officers_are_stood_in_for"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='programme',
            name='report_questions',
            field=models.JSONField(default=list, verbose_name='年度运营报告事项'),
        ),
        migrations.CreateModel(
            name='InspectionDraw',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(max_length=30, verbose_name='状态')),
                ('state_since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='进入状态时间')),
                ('due_on', models.DateField(blank=True, null=True, verbose_name='期限')),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('fault', models.TextField(blank=True, editable=False, verbose_name='故障')),
                ('year', models.PositiveSmallIntegerField(verbose_name='年份')),
                ('scope', models.CharField(blank=True, max_length=6)),
                ('frozen', models.JSONField(verbose_name='冻结名单')),
                ('commitment', models.CharField(max_length=64, verbose_name='承诺值')),
                ('organiser_hash', models.CharField(max_length=64, verbose_name='评价组织员密值摘要')),
                ('organiser_secret', models.CharField(blank=True, max_length=64)),
                ('supervisor_hash', models.CharField(blank=True, max_length=64, verbose_name='监督员密值摘要')),
                ('supervisor_secret', models.CharField(blank=True, max_length=64)),
                ('public_value', models.CharField(blank=True, max_length=200, verbose_name='公开数值')),
                ('receipt', models.JSONField(null=True, verbose_name='抽取凭证')),
                ('proposed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='发起时间')),
                ('drawn_at', models.DateTimeField(null=True, verbose_name='抽取时间')),
                ('district', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='communities.district', verbose_name='区县')),
                ('organiser', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('programme', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='inspection_draws', to='evaluation.programme', verbose_name='评价类别')),
                ('supervisor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': '抽查抽取',
                'ordering': ['-year', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Inspection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(max_length=30, verbose_name='状态')),
                ('state_since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='进入状态时间')),
                ('due_on', models.DateField(blank=True, null=True, verbose_name='期限')),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('fault', models.TextField(blank=True, editable=False, verbose_name='故障')),
                ('place', models.PositiveIntegerField(verbose_name='抽取顺序')),
                ('visited_on', models.DateField(null=True, verbose_name='抽查日期')),
                ('notes', models.TextField(blank=True, verbose_name='现场情况')),
                ('certificate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='inspections', to='evaluation.certificate')),
                ('recorded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='抽查人')),
                ('draw', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='inspections', to='evaluation.inspectiondraw')),
            ],
            options={
                'verbose_name': '抽查',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='InspectionPhoto',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(blank=True, max_length=200, upload_to='', verbose_name='文件')),
                ('name', models.CharField(blank=True, max_length=150, verbose_name='文件名')),
                ('kind', models.CharField(blank=True, max_length=10, verbose_name='类型')),
                ('content_type', models.CharField(blank=True, max_length=100)),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='字节数')),
                ('sha256', models.CharField(blank=True, db_index=True, max_length=64, verbose_name='SHA-256')),
                ('pages', models.PositiveIntegerField(blank=True, null=True, verbose_name='页数')),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='上传时间')),
                ('thumbnail', models.FileField(max_length=200, upload_to='')),
                ('caption', models.CharField(blank=True, max_length=120, verbose_name='说明')),
                ('taken_at', models.DateTimeField(blank=True, null=True, verbose_name='拍摄时间')),
                ('latitude', models.FloatField(blank=True, null=True)),
                ('longitude', models.FloatField(blank=True, null=True)),
                ('inspection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='photos', to='evaluation.inspection')),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='上传人')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='OperatingReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(max_length=30, verbose_name='状态')),
                ('state_since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='进入状态时间')),
                ('due_on', models.DateField(blank=True, null=True, verbose_name='期限')),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('fault', models.TextField(blank=True, editable=False, verbose_name='故障')),
                ('year', models.PositiveSmallIntegerField(verbose_name='年度')),
                ('opened_on', models.DateField(verbose_name='起算日期')),
                ('questions', models.JSONField(default=list, verbose_name='报告事项')),
                ('answers', models.JSONField(default=dict, verbose_name='答复')),
                ('revision', models.PositiveIntegerField(default=1)),
                ('handed', models.JSONField(default=list, verbose_name='提交的报告')),
                ('submitted_at', models.DateTimeField(null=True, verbose_name='提交时间')),
                ('returned_for', models.TextField(blank=True, verbose_name='退回理由')),
                ('returns', models.PositiveSmallIntegerField(default=0, verbose_name='退回次数')),
                ('certificate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='operating_reports', to='evaluation.certificate')),
            ],
            options={
                'verbose_name': '年度运营报告',
                'ordering': ['opened_on', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Rectification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(max_length=30, verbose_name='状态')),
                ('state_since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='进入状态时间')),
                ('due_on', models.DateField(blank=True, null=True, verbose_name='期限')),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('fault', models.TextField(blank=True, editable=False, verbose_name='故障')),
                ('text', models.TextField(verbose_name='问题')),
                ('mend_by', models.DateField(verbose_name='整改期限')),
                ('reply', models.TextField(blank=True, verbose_name='整改情况')),
                ('answer', models.TextField(blank=True, verbose_name='核查意见')),
                ('inspection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rectifications', to='evaluation.inspection')),
            ],
            options={
                'verbose_name': '整改',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='RectificationProof',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(blank=True, max_length=200, upload_to='', verbose_name='文件')),
                ('name', models.CharField(blank=True, max_length=150, verbose_name='文件名')),
                ('kind', models.CharField(blank=True, max_length=10, verbose_name='类型')),
                ('content_type', models.CharField(blank=True, max_length=100)),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='字节数')),
                ('sha256', models.CharField(blank=True, db_index=True, max_length=64, verbose_name='SHA-256')),
                ('pages', models.PositiveIntegerField(blank=True, null=True, verbose_name='页数')),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='上传时间')),
                ('rectification', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proofs', to='evaluation.rectification')),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='上传人')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ReportProof',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(blank=True, max_length=200, upload_to='', verbose_name='文件')),
                ('name', models.CharField(blank=True, max_length=150, verbose_name='文件名')),
                ('kind', models.CharField(blank=True, max_length=10, verbose_name='类型')),
                ('content_type', models.CharField(blank=True, max_length=100)),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='字节数')),
                ('sha256', models.CharField(blank=True, db_index=True, max_length=64, verbose_name='SHA-256')),
                ('pages', models.PositiveIntegerField(blank=True, null=True, verbose_name='页数')),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='上传时间')),
                ('removed_at', models.DateTimeField(null=True)),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proofs', to='evaluation.operatingreport')),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='上传人')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='inspectiondraw',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'given_up'), _negated=True), fields=('programme', 'year', 'scope'), name='one_inspection_draw'),
        ),
        migrations.AddIndex(
            model_name='inspection',
            index=models.Index(fields=['state', 'due_on'], name='inspection_state_due'),
        ),
        migrations.AddConstraint(
            model_name='inspection',
            constraint=models.UniqueConstraint(fields=('draw', 'certificate'), name='one_inspection_a_draw'),
        ),
        migrations.AddIndex(
            model_name='operatingreport',
            index=models.Index(fields=['state', 'due_on'], name='report_state_due'),
        ),
        migrations.AddConstraint(
            model_name='operatingreport',
            constraint=models.UniqueConstraint(fields=('certificate', 'year'), name='one_report_a_year'),
        ),
        migrations.AddIndex(
            model_name='rectification',
            index=models.Index(fields=['state', 'due_on'], name='rectification_state_due'),
        ),
        migrations.RunPython(ask, migrations.RunPython.noop, elidable=False),
    ]
