import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0006_project_without_consultant'),
    ]

    operations = [
        migrations.AddField(
            model_name='evidence',
            name='replaces',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='evaluation.evidence', verbose_name='替换'),
        ),
        migrations.AddField(
            model_name='evidencelink',
            name='height',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='evidencelink',
            name='left',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='evidencelink',
            name='top',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='evidencelink',
            name='width',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='evidencelink',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('height', None), ('left', None), ('top', None), ('width', None)), models.Q(('left__gte', 0), ('left__isnull', False), ('page__isnull', False), ('top__gte', 0), ('top__isnull', False), ('height__gt', 0), ('height__lte', 1), ('left__lt', 1), ('top__lt', 1), ('width__gt', 0), ('width__lte', 1), ('height__isnull', False), ('width__isnull', False)), _connector='OR'), name='region_is_whole_or_absent'),
        ),
    ]
