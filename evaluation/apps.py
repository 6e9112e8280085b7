from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    name = "evaluation"
    verbose_name = _("评价")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from communities.models import District, Parameter
        from evaluation import (  # noqa: F401  register what the apps below call
            engaging,
            monthly_reports,
            notice_versions,
            open_data,
            rating,
            receiving,
            serving,
            site_paper,
            site_photos,
            statistics_days,
            workflow,
        )
        from evaluation import models as ours
        from experts.models import Call
        from portal import conditional
        from portal.models import DayOverride, Limit

        conditional.shows(
            ours.PublicNotice, ours.Certificate, ours.Draw, ours.Standard, ours.OpenDataFile, ours.PublicText,
            ours.IssuerKey, ours.RevocationList, ours.InspectionDraw, ours.Sanction, ours.AnnualTarget,
            ours.StatisticsDay, ours.MonthlyReport, ours.Incentive, ours.IncentivePolicy, ours.NoticeVersion,
            ours.PublishedReply, ours.Programme, District, Call, DayOverride, Limit, Parameter,
        )  # fmt: skip
        post_migrate.connect(conditional.install, sender=self)
        post_migrate.connect(notice_versions.install, sender=self)
