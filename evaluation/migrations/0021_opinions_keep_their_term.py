"""The day until which the applicant mends stood in due_on alone; from now on due_on is of whoever must act.

A migration of its own: PostgreSQL alters no table that has rows waiting for their constraints in the same transaction.
"""

from django.db import migrations
from django.db.models import F


def keep_terms(apps, schema_editor):
    opinions = apps.get_model("evaluation", "GuidanceOpinion").objects
    opinions.filter(mend_by=None).exclude(due_on=None).update(mend_by=F("due_on"))


class Migration(migrations.Migration):

    dependencies = [
        ("evaluation", "0020_guidance_plans_and_changes"),
    ]

    operations = [migrations.RunPython(keep_terms, migrations.RunPython.noop)]
