from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommunitiesConfig(AppConfig):
    name = "communities"
    verbose_name = _("单位与小区")

    def ready(self) -> None:
        from communities import workflow  # noqa: F401  registers the machine
