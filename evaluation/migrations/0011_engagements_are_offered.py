"""A consulting unit is asked before it advises a case, and a seat of a sitting panel can be marked as conflicting.

Engagements of before were never offered: they hold since the day they name, which counts as the day of the offer.
"""

from datetime import datetime, time

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def date_offers(apps, editor):
    engagements = apps.get_model("evaluation", "Engagement").objects
    for pk, since in engagements.values_list("pk", "since"):
        began = django.utils.timezone.make_aware(datetime.combine(since, time.min))
        engagements.filter(pk=pk).update(offered_at=began)


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0010_panel_meetings_and_ratings"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="assignment",
            name="conflict",
            field=models.CharField(blank=True, editable=False, max_length=30, verbose_name="须回避的原因"),
        ),
        migrations.AddField(
            model_name="engagement",
            name="offered_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="提出时间"),
        ),
        migrations.AddField(
            model_name="engagement",
            name="answered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="答复人",
            ),
        ),
        migrations.AlterField(
            model_name="engagement",
            name="since",
            field=models.DateField(blank=True, null=True, verbose_name="起"),
        ),
        migrations.RunPython(date_offers, migrations.RunPython.noop),
    ]
