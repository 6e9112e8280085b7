"""What an application took over from the certified earlier stage."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0008_ticked_parts_and_who_replied")]

    operations = [
        migrations.AddField(
            model_name="application",
            name="carries",
            field=models.BooleanField(editable=False, null=True, verbose_name="沿用设计评价"),
        ),
        migrations.AddField(
            model_name="claim",
            name="carried",
            field=models.BooleanField(default=False, verbose_name="沿用设计评价"),
        ),
        migrations.AddField(
            model_name="evidence",
            name="carried_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="carried_to",
                to="evaluation.evidence",
                verbose_name="沿用自",
            ),
        ),
    ]
