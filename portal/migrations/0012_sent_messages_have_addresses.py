from django.db import migrations, models
from django.db.models.functions import Coalesce


def keep_addresses(apps, schema_editor):
    """What has left went to the address that its reader has today, as far as anybody knows."""
    address = apps.get_model("portal", "User").objects.filter(pk=models.OuterRef("user")).values("email")[:1]
    sent = apps.get_model("portal", "Notification").objects.filter(email="at_once", sent_at__isnull=False)
    sent.update(sent_to=Coalesce(models.Subquery(address), models.F("address")))


class Migration(migrations.Migration):

    dependencies = [
        ('portal', '0011_years_are_typed_in_whole'),
    ]

    operations = [
        migrations.RunPython(keep_addresses, migrations.RunPython.noop),
    ]
