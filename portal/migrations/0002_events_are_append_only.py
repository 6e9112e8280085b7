"""The database itself refuses to change or delete an event, whoever asks."""

from django.db import migrations

POSTGRESQL = [
    """
    CREATE FUNCTION refuse_event_change() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION 'portal_event is append-only'; END $$ LANGUAGE plpgsql
    """,
    """
    CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON portal_event
    FOR EACH ROW EXECUTE FUNCTION refuse_event_change()
    """,
]
POSTGRESQL_BACK = ["DROP TRIGGER event_append_only ON portal_event", "DROP FUNCTION refuse_event_change()"]
SQLITE = [
    f"""
    CREATE TRIGGER event_no_{verb.lower()} BEFORE {verb} ON portal_event
    BEGIN SELECT RAISE(ABORT, 'portal_event is append-only'); END
    """
    for verb in ("UPDATE", "DELETE")
]
SQLITE_BACK = ["DROP TRIGGER event_no_update", "DROP TRIGGER event_no_delete"]


def run(statements):
    def operate(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return operate


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]
    operations = [
        migrations.RunPython(
            run({"postgresql": POSTGRESQL, "sqlite": SQLITE}), run({"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK})
        )
    ]
