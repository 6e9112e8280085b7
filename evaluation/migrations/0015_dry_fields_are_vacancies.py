"""A field that ran dry stood as a fault at its application; from now on it stands, with its words, at the vacant seat."""

from django.db import migrations


def keep_words(apps, schema_editor):
    """The fault of a panel that is being formed was never anything else: no automatic step works in that state."""
    applications = apps.get_model("evaluation", "Application").objects
    assignments = apps.get_model("evaluation", "Assignment").objects
    vacancies = apps.get_model("evaluation", "Vacancy").objects
    for application in applications.filter(state="inviting").exclude(fault="").order_by("pk"):
        seats = assignments.filter(application=application, review_round=application.review_round)
        last = seats.filter(state__in=("declined", "recused", "lapsed")).order_by("-state_since", "-pk").first()
        if last is None:
            continue
        # A sentence as it was told, in no other language any more.
        words = {"code": "ran_dry", "place": "", "message": application.fault, "params": {}}
        vacancies.create(assignment=last, draw_id=last.draw_id, state="dry", problems=[words])
        applications.filter(pk=application.pk).update(fault="")


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0014_vacancies")]

    operations = [migrations.RunPython(keep_words, migrations.RunPython.noop, elidable=True)]
