"""An application may have several certificates, one after the other: another level and another term are each one of its own."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0027_minutes_of_approvals")]

    operations = [
        migrations.AlterField("certificate", "application", models.ForeignKey(
            on_delete=django.db.models.deletion.PROTECT, related_name="certificates", to="evaluation.application",
        )),
        migrations.AddConstraint("certificate", models.UniqueConstraint(
            condition=models.Q(("state", "valid")), fields=("application",), name="one_valid_certificate",
        )),
    ]
