"""A pause is a state with a last day and no longer a date beside the state; admissions know when they were handed in."""

import datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F
from django.utils import timezone


def pauses_become_states(apps, schema_editor):
    """Pauses that still last move into the state; everybody else confirms within a year from now."""
    experts = apps.get_model("experts", "Expert").objects
    today = timezone.localdate()
    experts.filter(state="serving", paused_until__gte=today).update(
        state="paused", due_on=F("paused_until"), paused_for="decision"
    )
    within_a_year = today + datetime.timedelta(days=365)
    experts.filter(state="serving", due_on=None, term_until__gte=within_a_year).update(due_on=within_a_year)


def states_become_pauses(apps, schema_editor):
    experts = apps.get_model("experts", "Expert").objects
    experts.filter(state="paused").update(state="serving", paused_until=F("due_on"), due_on=None)


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0006_registrations_lapse"),
        ("experts", "0003_standing_calls_and_admissions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="admissionproof",
            options={"ordering": ["proves", "pk"], "verbose_name": "证明材料"},
        ),
        migrations.AddField(
            model_name="admission",
            name="handed_in_at",
            field=models.DateTimeField(null=True, verbose_name="提交时间"),
        ),
        migrations.AddField(
            model_name="expert",
            name="paused_for",
            field=models.CharField(
                blank=True,
                choices=[
                    ("decision", "专家库管理员决定暂停"),
                    ("rule", "按规则自动暂停"),
                    ("unconfirmed", "逾期未办理年度确认"),
                ],
                max_length=12,
                verbose_name="暂停原因",
            ),
        ),
        migrations.AddField(
            model_name="expert",
            name="removal_proposed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="移出提议人",
            ),
        ),
        migrations.RunPython(pauses_become_states, states_become_pauses),
        migrations.RemoveField(
            model_name="expert",
            name="paused_until",
        ),
        migrations.AddConstraint(
            model_name="admission",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "renewal"), ("state__in", ["draft", "submitted", "vetted"])),
                fields=("expert",),
                name="one_open_renewal",
            ),
        ),
    ]
