"""The table in which the database counts changes of what is public; its triggers are made after every migration."""

from django.db import migrations, models


def drop_triggers(apps, schema_editor):
    """Going back: a trigger that finds no table would stop every write."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS count_public_change() CASCADE")
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_counts'")
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        schema_editor.execute(f"DROP TRIGGER {schema_editor.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [("portal", "0012_sent_messages_have_addresses")]
    operations = [
        migrations.CreateModel(
            name="PublicChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", models.PositiveBigIntegerField(default=1)),
            ],
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_triggers),
    ]
