import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('communities', '0004_invitations_and_changes'),
        ('evaluation', '0003_objection_files_and_sample_notice'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Engagement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(blank=True, max_length=200, verbose_name='委托内容')),
                ('since', models.DateField(verbose_name='起')),
                ('until', models.DateField(blank=True, null=True, verbose_name='止')),
                ('engaged_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='委托人')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='engagements', to='communities.organisation', verbose_name='咨询服务单位')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='engagements', to='evaluation.project', verbose_name='案卷')),
            ],
            options={
                'verbose_name': '咨询服务委托',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('until', None)), fields=('project', 'organisation'), name='one_open_engagement')],
            },
        ),
    ]
