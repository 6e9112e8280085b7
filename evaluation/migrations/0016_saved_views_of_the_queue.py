"""Saved views and columns of the queue; on PostgreSQL the index by which cases are found by any part of their number."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def index(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("CREATE INDEX project_parts ON evaluation_project USING gin (text_parts(number))")


def drop_index(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX project_parts")


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0015_dry_fields_are_vacancies'),
        ('portal', '0009_texts_are_found_by_parts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, verbose_name='名称')),
                ('query', models.CharField(blank=True, max_length=1000, verbose_name='查找条件')),
                ('columns', models.JSONField(default=list, verbose_name='显示的列')),
                ('duty', models.CharField(blank=True, max_length=30, verbose_name='共享给')),
                ('revision', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='建立时间')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL, verbose_name='建立人')),
            ],
            options={
                'verbose_name': '保存的视图',
            },
        ),
        migrations.CreateModel(
            name='DeskChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('columns', models.JSONField(default=list, verbose_name='显示的列')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='desk_choice', to=settings.AUTH_USER_MODEL)),
                ('opens_with', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='evaluation.savedview', verbose_name='默认视图')),
            ],
            options={
                'verbose_name': '案件列表设置',
            },
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='one_view_a_name'),
        ),
        migrations.RunPython(index, drop_index),
    ]
