from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

# Tasks are rung through this application. It is made with Django, not with the package: a process that only opens a
# file (portal/bounded.py) needs neither.
from portal.celery import app as celery_app

__all__ = ["PortalConfig", "celery_app"]


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("平台")
