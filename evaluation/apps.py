from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    name = "evaluation"
    verbose_name = _("评价")

    def ready(self) -> None:
        from evaluation import engaging, rating, receiving, serving, site_paper, site_photos, workflow  # noqa: F401  register what the apps below call
