from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0005_consultants_become_engagements'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='project',
            name='consultant',
        ),
    ]
