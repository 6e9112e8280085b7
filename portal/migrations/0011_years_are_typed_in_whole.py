from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("portal", "0010_messages_are_held_and_reworded")]

    operations = [
        migrations.AddField("dayoverride", "whole_year", models.BooleanField(default=False, verbose_name="全年安排")),
        migrations.AddField("attempt", "whose", models.CharField(blank=True, default="", max_length=64), False),
        migrations.AddIndex(
            "attempt", models.Index(fields=["whose"], condition=Q(whose__gt=""), name="attempt_whose")
        ),
    ]
