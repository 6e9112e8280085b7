"""The language in which a person wants messages."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0005_attempts")]

    operations = [
        migrations.AddField(
            "user",
            "language",
            models.CharField("语言", choices=[("zh-hans", "中文"), ("en", "English")], default="zh-hans", max_length=10),
        ),
    ]
