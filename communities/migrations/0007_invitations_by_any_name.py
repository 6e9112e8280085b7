"""An invitation by user name keeps the name as typed, and waits also where nobody bears it."""

from django.db import migrations, models

UNANSWERED = {"accepted_at": None, "declined_at": None, "withdrawn_at": None}


def keep_names(apps, editor):
    invitations = apps.get_model("communities", "Invitation").objects
    for pk, name in invitations.exclude(invitee=None).values_list("pk", "invitee__username"):
        invitations.filter(pk=pk).update(username=name)


def forget_unborne(apps, editor):
    """Of before nobody was invited whose name nobody bore."""
    apps.get_model("communities", "Invitation").objects.filter(invitee=None, email="").delete()


class Migration(migrations.Migration):
    dependencies = [("communities", "0006_registrations_lapse")]

    operations = [
        migrations.RemoveConstraint(model_name="invitation", name="invited_by_account_or_mail"),
        migrations.RemoveConstraint(model_name="invitation", name="one_invitation_an_account"),
        migrations.RemoveConstraint(model_name="invitation", name="one_invitation_an_address"),
        migrations.AddField(
            model_name="invitation",
            name="username",
            field=models.CharField(blank=True, default="", max_length=150, verbose_name="用户名"),
            preserve_default=False,
        ),
        migrations.RunPython(keep_names, forget_unborne),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(invitee=None, username="", digest__gt="", email__gt="")
                | models.Q(username__gt="", digest="", email=""),
                name="invited_by_name_or_mail",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                fields=["organisation", "username"],
                condition=models.Q(username__gt="", **UNANSWERED),
                name="one_invitation_a_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                fields=["organisation", "email"],
                condition=models.Q(email__gt="", **UNANSWERED),
                name="one_invitation_a_mailbox",
            ),
        ),
    ]
