from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("communities", "0008_names_are_found_by_parts")]

    operations = [
        migrations.AddField("officer", "basis", models.TextField(blank=True, default="", verbose_name="依据"), False)
    ]
