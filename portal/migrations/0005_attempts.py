"""Attempts at passwords and objections, counted for all processes together."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0004_kinds_of_messages_and_calendar_links")]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["key", "at"], name="attempt_key"),
                    models.Index(fields=["at"], name="attempt_at"),
                ],
            },
        ),
    ]
