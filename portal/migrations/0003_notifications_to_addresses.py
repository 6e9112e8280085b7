from django.db import migrations, models
from django.db.models import Q
import django.db.models.deletion
from django.conf import settings


class Migration(migrations.Migration):

    dependencies = [
        ('portal', '0002_events_are_append_only'),
    ]

    operations = [
        migrations.AddField(
            model_name='notification',
            name='address',
            field=models.EmailField(blank=True, default='', max_length=254, verbose_name='收件地址'),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='notification',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='收件人'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(
                condition=Q(user__isnull=False, address='') | Q(user=None, address__gt=''),
                name='notification_has_one_receiver',
            ),
        ),
    ]
