from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    name = "evaluation"
    verbose_name = _("评价")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from evaluation import engaging, open_data, rating, receiving, serving, site_paper, site_photos, workflow  # noqa: F401  register what the apps below call
        from evaluation import models as ours
        from experts.models import Call
        from portal import conditional
        from portal.models import DayOverride

        conditional.shows(
            ours.PublicNotice, ours.Certificate, ours.Draw, ours.Standard, ours.OpenDataFile, ours.PublicText, ours.IssuerKey,
            ours.RevocationList, Call, DayOverride,
        )  # fmt: skip
        post_migrate.connect(conditional.install, sender=self)
