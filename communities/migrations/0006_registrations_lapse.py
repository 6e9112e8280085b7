"""A registration that is not handed in lapses and frees its credit code; those begun before get thirty days."""

from datetime import date, timedelta

from django.db import migrations, models
from django.db.models import Q

import communities.models


def give_a_last_day(apps, schema_editor):
    begun = apps.get_model("communities", "Organisation").objects.filter(state__in=("draft", "returned"), due_on=None)
    begun.update(due_on=date.today() + timedelta(days=30))


class Migration(migrations.Migration):
    dependencies = [("communities", "0005_community_sheets")]

    operations = [
        migrations.RunPython(give_a_last_day, migrations.RunPython.noop),
        migrations.AlterField(
            "organisation",
            "credit_code",
            models.CharField(
                "统一社会信用代码", max_length=18, validators=[communities.models.valid_credit_code]
            ),
        ),
        migrations.AddConstraint(
            "organisation",
            models.UniqueConstraint(
                fields=("credit_code",), condition=~Q(state="lapsed"), name="one_unit_a_credit_code"
            ),
        ),
    ]
