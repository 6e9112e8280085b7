"""PostgreSQL cuts texts into characters and pairs of neighbours, so that an index finds any part of them; no extension."""

from django.db import migrations

STATEMENTS = [
    """
    CREATE FUNCTION text_parts(whole text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
    DECLARE
        letters text[] := string_to_array(
            translate(whole, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'), NULL
        );
        parts text[] := letters;
    BEGIN
        FOR place IN 1 .. cardinality(letters) - 1 LOOP
            parts := parts || (letters[place] || letters[place + 1]);
        END LOOP;
        RETURN parts;
    END $$
    """,
    "CREATE INDEX user_parts ON portal_user USING gin (text_parts(name))",
]
BACK = ["DROP INDEX user_parts", "DROP FUNCTION text_parts(text)"]


def run(statements):
    def operate(apps, editor):
        if editor.connection.vendor == "postgresql":
            for statement in statements:
                editor.execute(statement)

    return operate


class Migration(migrations.Migration):
    dependencies = [("portal", "0008_limits_hold_from_a_day")]
    operations = [migrations.RunPython(run(STATEMENTS), run(BACK))]
