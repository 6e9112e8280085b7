import communities.models
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0006_registrations_lapse"),
        ("experts", "0002_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="expert",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="expert",
            name="claimed_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="expert",
            name="confirmed_on",
            field=models.DateField(blank=True, null=True, verbose_name="最近一次年度确认"),
        ),
        migrations.AddField(
            model_name="expert",
            name="due_on",
            field=models.DateField(blank=True, null=True, verbose_name="期限"),
        ),
        migrations.AddField(
            model_name="expert",
            name="education",
            field=models.CharField(blank=True, max_length=40, verbose_name="学历"),
        ),
        migrations.AddField(
            model_name="expert",
            name="experience_years",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="从业年数"),
        ),
        migrations.AddField(
            model_name="expert",
            name="fault",
            field=models.TextField(blank=True, editable=False, verbose_name="故障"),
        ),
        migrations.AddField(
            model_name="expert",
            name="state",
            field=models.CharField(default="serving", max_length=30, verbose_name="状态"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="expert",
            name="state_since",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="进入状态时间"),
        ),
        migrations.CreateModel(
            name="Admission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=30, verbose_name="状态")),
                ("state_since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="进入状态时间")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="期限")),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("fault", models.TextField(blank=True, editable=False, verbose_name="故障")),
                (
                    "kind",
                    models.CharField(
                        choices=[("admission", "入库"), ("renewal", "续聘")],
                        default="admission",
                        max_length=10,
                        verbose_name="类别",
                    ),
                ),
                ("education", models.CharField(blank=True, max_length=40, verbose_name="学历")),
                ("title", models.CharField(blank=True, max_length=40, verbose_name="职称")),
                ("experience_years", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="从业年数")),
                ("employer", models.CharField(blank=True, max_length=120, verbose_name="工作单位")),
                (
                    "employer_code",
                    models.CharField(
                        blank=True,
                        max_length=18,
                        validators=[communities.models.valid_credit_code],
                        verbose_name="工作单位统一社会信用代码",
                    ),
                ),
                ("statement", models.TextField(blank=True, verbose_name="业绩说明")),
                (
                    "district",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="communities.district",
                        verbose_name="所在区县",
                    ),
                ),
                (
                    "expert",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="admissions",
                        to="experts.expert",
                    ),
                ),
                ("fields", models.ManyToManyField(related_name="+", to="experts.field", verbose_name="专业")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="admissions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "vetted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="初审人",
                    ),
                ),
            ],
            options={
                "verbose_name": "入库申请",
            },
        ),
        migrations.CreateModel(
            name="AdmissionProof",
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
                (
                    "proves",
                    models.CharField(
                        choices=[
                            ("education", "学历证明"),
                            ("title", "职称证明"),
                            ("consent", "所在单位同意书"),
                            ("other", "其他证明"),
                        ],
                        max_length=12,
                        verbose_name="证明事项",
                    ),
                ),
                (
                    "admission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="proofs", to="experts.admission"
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
            name="Call",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=40, unique=True, verbose_name="征集编号")),
                ("title", models.CharField(max_length=120, verbose_name="名称")),
                ("conditions", models.TextField(verbose_name="入库条件")),
                ("opens_on", models.DateField(verbose_name="开始日期")),
                ("closes_on", models.DateField(verbose_name="截止日期")),
                ("term_years", models.PositiveSmallIntegerField(default=3, verbose_name="聘期（年）")),
                ("fields_at_most", models.PositiveSmallIntegerField(default=3, verbose_name="可申报专业数上限")),
                ("published_at", models.DateTimeField(blank=True, null=True, verbose_name="入库名单公布时间")),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="发布人",
                    ),
                ),
            ],
            options={
                "verbose_name": "专家征集",
                "ordering": ["-opens_on", "-pk"],
            },
        ),
        migrations.AddField(
            model_name="admission",
            name="call",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="admissions", to="experts.call"
            ),
        ),
        migrations.CreateModel(
            name="Clearance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "party_code",
                    models.CharField(
                        db_index=True,
                        max_length=18,
                        validators=[communities.models.valid_credit_code],
                        verbose_name="当事单位统一社会信用代码",
                    ),
                ),
                ("reason", models.TextField(verbose_name="理由")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="核定时间")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="核定人",
                    ),
                ),
                (
                    "expert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="clearances", to="experts.expert"
                    ),
                ),
            ],
            options={
                "verbose_name": "不必回避的核定",
            },
        ),
        migrations.CreateModel(
            name="Employment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, verbose_name="单位名称")),
                (
                    "credit_code",
                    models.CharField(
                        blank=True,
                        db_index=True,
                        max_length=18,
                        validators=[communities.models.valid_credit_code],
                        verbose_name="统一社会信用代码",
                    ),
                ),
                ("post", models.CharField(blank=True, max_length=60, verbose_name="职务")),
                ("since", models.DateField(verbose_name="起")),
                ("until", models.DateField(blank=True, null=True, verbose_name="止")),
                (
                    "expert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="employments", to="experts.expert"
                    ),
                ),
            ],
            options={
                "verbose_name": "任职经历",
                "ordering": ["-since", "pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="admission",
            constraint=models.UniqueConstraint(fields=("call", "user"), name="one_admission_a_call"),
        ),
        migrations.AddConstraint(
            model_name="clearance",
            constraint=models.UniqueConstraint(fields=("expert", "party_code"), name="one_clearance_a_party"),
        ),
    ]
