"""Two at once: workers that make the same night and month, people who plan the same year."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from evaluation import configuration, monthly_reports, policies, statistics_days
from evaluation.models import AnnualTarget, MonthlyReport, StatisticsDay
from portal.demo import people
from portal.models import Event, User
from portal.problems import Refused
from tests.at_once import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
TODAY = timezone.localdate()
MONTH = monthly_reports.month_before(TODAY)


@pytest.fixture(autouse=True)
def city(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    configuration.load()


def test_of_four_workers_one_counts_the_night():
    made = at_once(*[lambda: statistics_days.make(TODAY)] * 4)
    assert (sum(row is not None for row in made), StatisticsDay.objects.count()) == (1, 1)
    assert [row for row in made if isinstance(row, Exception)] == []


def test_of_four_workers_one_makes_the_report_and_one_file_is_kept():
    made = at_once(*[lambda: monthly_reports.make(MONTH)] * 4)
    assert [row for row in made if isinstance(row, Exception)] == []
    files = list(Path(default_storage.location).rglob("*.pdf"))
    assert (MonthlyReport.objects.whole().count(), len(files)) == (1, 1)
    assert Event.objects.filter(verb="monthly_report.publish").count() == 1


def test_a_worker_whose_time_ran_out_while_it_worked_publishes_nothing_beside_the_next(monkeypatch):
    """The first claims and is frozen; the second begins after the lease and publishes; the first then comes back."""
    figures = monthly_reports.figures_of

    def slow(month):
        if not MonthlyReport.objects.filter(attempts__gte=2).exists():
            MonthlyReport.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
            assert monthly_reports.make(month) is not None
        return figures(month)

    monkeypatch.setattr(monthly_reports, "figures_of", slow)
    assert monthly_reports.make(MONTH) is None
    assert list(MonthlyReport.objects.values_list("attempts", flat=True)) == [2]
    assert len(list(Path(default_storage.location).rglob("*.pdf"))) == 1


def test_two_who_plan_the_same_year_plan_it_once():
    people.make_officers([])
    kind = policies.KINDS["annual_target"]
    said = {"year": TODAY.year, "programme": "smart_community", "district": "", "count": 5}

    def plan():
        return policies.add(User.objects.get(username="security-administrator"), kind, said, "示例〔2026〕1号")

    made = at_once(plan, plan)
    assert sorted(type(row) for row in made if not isinstance(row, Refused)) == [AnnualTarget]
    assert (AnnualTarget.objects.count(), Event.objects.filter(verb="annual_target.open").count()) == (1, 1)
