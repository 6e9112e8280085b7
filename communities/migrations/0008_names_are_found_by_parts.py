"""Indexes by which communities and units are found by any part of a name, a code or an address, on PostgreSQL."""

from django.db import migrations

STATEMENTS = [
    """
    CREATE INDEX community_parts ON communities_community USING gin (text_parts(
        (name || chr(10) || address || chr(10) || planning_permit_number || chr(10) || drawing_review_number
        || chr(10) || construction_permit_number || chr(10) || completion_number)
    ))
    """,
    """
    CREATE INDEX organisation_parts ON communities_organisation USING gin (text_parts(
        (name || chr(10) || credit_code)
    ))
    """,
    "CREATE INDEX organisation_contact_parts ON communities_organisation USING gin (text_parts(contact))",
]
BACK = ["DROP INDEX organisation_contact_parts", "DROP INDEX organisation_parts", "DROP INDEX community_parts"]


def run(statements):
    def operate(apps, editor):
        if editor.connection.vendor == "postgresql":
            for statement in statements:
                editor.execute(statement)

    return operate


class Migration(migrations.Migration):
    dependencies = [("communities", "0007_invitations_by_any_name"), ("portal", "0009_texts_are_found_by_parts")]
    operations = [migrations.RunPython(run(STATEMENTS), run(BACK))]
