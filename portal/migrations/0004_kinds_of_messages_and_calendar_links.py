import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0003_notifications_to_addresses")]

    operations = [
        migrations.AddField(
            "notification",
            "kind",
            models.CharField(blank=True, default="", max_length=30, verbose_name="类别"),
            preserve_default=False,
        ),
        migrations.AddField(
            "notification",
            "email",
            models.CharField(default="at_once", max_length=10, verbose_name="邮件"),
        ),
        migrations.RemoveIndex("notification", "notification_unsent"),
        migrations.AddIndex(
            "notification",
            models.Index(
                condition=models.Q(("email", "at_once"), ("failed_at", None), ("sent_at", None)),
                fields=["id"],
                name="notification_unsent",
            ),
        ),
        migrations.AddIndex(
            "notification",
            models.Index(
                condition=models.Q(("email", "daily"), ("sent_at", None)),
                fields=["created_at"],
                name="notification_daily",
            ),
        ),
        migrations.CreateModel(
            "NotificationPreference",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=30, verbose_name="类别")),
                ("email", models.CharField(max_length=10, verbose_name="邮件")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "通知设置",
                "constraints": [models.UniqueConstraint(fields=("user", "kind"), name="one_preference_a_kind")],
            },
        ),
        migrations.CreateModel(
            "CalendarLink",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="生成时间")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"verbose_name": "日历链接"},
        ),
    ]
