"""The one consulting unit a case could have becomes its first engagement, held since the case was opened.

A migration of its own: PostgreSQL alters no table that has rows waiting for their constraints in the same transaction.
"""

from django.db import migrations
from django.utils import timezone


def engage(apps, schema_editor):
    project, engagement = (apps.get_model('evaluation', name) for name in ('Project', 'Engagement'))
    advised = project.objects.exclude(consultant=None).only('pk', 'consultant', 'created_by', 'created_at')
    engagement.objects.bulk_create(
        (
            engagement(
                project_id=row.pk,
                organisation_id=row.consultant_id,
                engaged_by_id=row.created_by_id,
                since=timezone.localdate(row.created_at),
            )
            for row in advised.iterator()
        ),
        batch_size=500,
    )


def keep_one(apps, schema_editor):
    project, engagement = (apps.get_model('evaluation', name) for name in ('Project', 'Engagement'))
    for row in engagement.objects.filter(until=None).order_by('-pk'):
        project.objects.filter(pk=row.project_id).update(consultant=row.organisation_id)


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0004_engagements'),
    ]

    operations = [
        migrations.RunPython(engage, keep_one),
    ]
