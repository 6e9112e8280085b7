"""How many files an objection may have, and what is said of an unofficial standard: the programme's configuration."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0002_initial")]

    operations = [
        migrations.AddField(
            "programme",
            "objection_files",
            models.PositiveSmallIntegerField("一件异议的附件数上限", default=5),
        ),
        migrations.AddField(
            "programme",
            "sample_notice",
            models.CharField("非官方标准的声明", max_length=200, default="参考样本，非官方标准文本"),
        ),
    ]
