from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExpertsConfig(AppConfig):
    name = "experts"
    verbose_name = _("专家库")

    def ready(self) -> None:
        from experts import declaring, pool, workflow  # noqa: F401  parts of pages; keeps experts out of units; the machines
