from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0018_form_checks_are_recorded")]

    operations = [migrations.AddField("application", "given", models.JSONField(editable=False, null=True))]
