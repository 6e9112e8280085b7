"""The monthly report: public figures of a month that is over, made once, the same however late, frozen with its file."""

import hashlib
from datetime import date, datetime, time, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command, load_command_class
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from evaluation import monthly_reports, public_figures, statistics_days
from evaluation.models import AnnualTarget, Application, Certificate, MonthlyReport
from portal import typesetting
from portal.models import Event
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
MONTH = monthly_reports.month_before(TODAY)
LAST = monthly_reports.last_of(MONTH)
DAY = timedelta(days=1)
CODE = f"{MONTH:%Y-%m}"


@pytest.fixture(scope="module")
def city(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield desks.build()


@pytest.fixture(autouse=True)
def files_of_this_test_only(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


def star(case, number, issued, *, state="expired", level=2, until=None, since=None):
    application = Application.objects.get(pk=case)
    return Certificate.objects.create(
        application=application, number=f"T-{number:05d}", state=state, is_final=True, level=level, level_name="二星级",
        community_name="示例", organisation_name="示例置业", district_name="渝北区", standard_label="示例",
        standard_sha256="0" * 64, issued_on=issued, valid_until=until or TODAY + 400 * DAY,
        state_since=timezone.make_aware(datetime.combine(since or issued, time(9))),
    )  # fmt: skip


def stored():
    return sorted(path.name for path in Path(default_storage.location).rglob("*.*"))


@pytest.mark.parametrize("day, before", [
    (date(2026, 1, 1), date(2025, 12, 1)), (date(2026, 3, 31), date(2026, 2, 1)), (date(2024, 3, 1), date(2024, 2, 1)),
])  # fmt: skip
def test_the_month_before(day, before):
    assert monthly_reports.month_before(day) == before


@pytest.mark.parametrize("month, last", [
    (date(2024, 2, 1), date(2024, 2, 29)), (date(2026, 2, 1), date(2026, 2, 28)), (date(2025, 12, 1), date(2025, 12, 31)),
])  # fmt: skip
def test_the_last_day_of_a_month(month, last):
    assert monthly_reports.last_of(month) == last


HELD = {
    "held and holds": ({"state": "valid"}, 1),
    "issued only afterwards": ({"issued": LAST + DAY, "state": "valid"}, 0),
    "ended afterwards": ({"state": "revoked", "since": LAST + DAY}, 1),
    "ended before": ({"state": "revoked", "since": LAST}, 0),
    "expired afterwards": ({"state": "expired", "until": LAST, "since": LAST + DAY}, 1),
    "expired before": ({"state": "expired", "until": LAST - DAY, "since": LAST}, 0),
}


@pytest.mark.parametrize("said, count", HELD.values(), ids=HELD)
def test_what_held_at_the_end_of_the_month_is_told_however_late_the_report_is_made(city, said, count):
    star(city["done"], 1, **{"issued": LAST - 40 * DAY, **said})
    assert sum(row[2] for row in monthly_reports.figures_of(MONTH)["in_force"]) == count


@pytest.mark.parametrize("since, count", [(LAST, 0), (LAST + DAY, 1)])
def test_what_was_awarded_in_the_month_is_told_however_late_the_report_is_made(city, since, count):
    star(city["done"], 1, MONTH, state="revoked", since=since)
    found = monthly_reports.figures_of(MONTH)
    whole = found["districts"][0][2]
    assert [sum(row[2] for row in found[span]["awarded"]) for span in ("month", "year")] + [whole] == [count] * 3


def test_the_month_and_the_year_until_its_end_are_told_apart(city):
    days = [MONTH, LAST, LAST + DAY, MONTH - DAY, MONTH.replace(month=1, day=1) - DAY]
    for number, day in enumerate(days):
        star(city["done"], number, day)
    in_year = sum(day.year == MONTH.year and day <= LAST for day in days)
    found = monthly_reports.figures_of(MONTH)
    assert (found["month"]["awarded"], found["year"]["awarded"]) == ([[2, "二星级", 2]], [[2, "二星级", in_year]])


def test_districts_stand_with_what_was_planned_and_done(city):
    star(city["done"], 1, MONTH, state="valid")
    AnnualTarget.objects.create(year=MONTH.year, programme="smart_community", district="500101", count=3, basis="示例")
    assert monthly_reports.figures_of(MONTH)["districts"] == [
        ["", 3, 1, 1], ["万州区", 3, 0, 0], ["渝北区", None, 1, 1],
    ]  # fmt: skip


def test_a_report_is_made_once_frozen_hashed_and_on_record(city):
    row = monthly_reports.make(MONTH)
    with row.file.open("rb") as stream:
        content = stream.read()
    star(city["done"], 1, MONTH)
    assert (monthly_reports.make(MONTH), row.size, row.sha256) == (
        None,
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    assert MonthlyReport.objects.get().figures == row.figures
    assert Event.objects.get(verb="monthly_report.publish").data == {"month": CODE, "sha256": row.sha256}


def test_the_same_numbers_print_the_same_bytes(city):
    row = monthly_reports.make(MONTH)
    paper = monthly_reports.paper_of(row, row.figures)
    again = typesetting.render("monthly_report", paper, replace_missing=True)
    assert hashlib.sha256(again).hexdigest() == row.sha256


def test_the_paper_says_what_was_counted(city):
    star(city["done"], 1, MONTH, state="valid")
    statistics_days.make(TODAY)
    row = monthly_reports.make(MONTH)
    with row.file.open("rb") as stream:
        text = "".join(page.extract_text() for page in PdfReader(BytesIO(stream.read())).pages).replace(" ", "")
    for words in (f"{MONTH.year}年{MONTH.month}月", "渝北区", "其中二星级", "全市", "只含公开的数字"):
        assert words in text


@pytest.mark.parametrize("month", [TODAY.replace(day=1), TODAY.replace(day=1) + 40 * DAY])
def test_a_month_that_is_not_over_has_no_report(city, month):
    assert (monthly_reports.make(month), MonthlyReport.objects.exists()) == (None, False)


def test_a_report_that_another_worker_makes_is_left_to_it(city):
    MonthlyReport.objects.create(month=MONTH, claimed_until=timezone.now() + DAY, attempts=1)
    assert (monthly_reports.make(MONTH), stored()) == (None, [])


def test_what_a_killed_worker_left_is_cleared_away(city):
    MonthlyReport.objects.create(month=MONTH, claimed_until=timezone.now() - DAY, attempts=1)
    default_storage.save(f"monthly-reports/{CODE}/1/report.pdf", BytesIO(b"half"))
    row = monthly_reports.make(MONTH)
    assert (stored(), row.file.name) == (["report.pdf"], f"monthly-reports/{CODE}/2/report.pdf")


def test_a_worker_that_was_too_slow_publishes_nothing_and_leaves_nothing(city, monkeypatch):
    def taken_over(row, **values):
        MonthlyReport.objects.filter(pk=row.pk).update(attempts=2)
        return statistics_days.publish(row, **values)

    monkeypatch.setattr(monthly_reports, "publish", taken_over)
    assert (monthly_reports.make(MONTH), monthly_reports.reports().exists(), stored()) == (None, False, [])


def test_a_broken_store_leaves_the_work_to_be_done_again(city, monkeypatch):
    def full(name, content):
        raise OSError("full")

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "save", full)
        with pytest.raises(OSError, match="full"):
            monthly_reports.make(MONTH)
    MonthlyReport.objects.update(claimed_until=timezone.now() - DAY)
    assert monthly_reports.make(MONTH).attempts == 2


SWEPT = {
    "of a month without one": ({}, 1),
    "not before the hour": ({"hour": 23}, 0),
    "not while it is made": ({"claimed_until": timezone.now() + DAY}, 0),
    "again when its worker died": ({"claimed_until": timezone.now() - DAY, "attempts": 1}, 1),
    "not once it is there": ({"made_at": timezone.now()}, 0),
    "not for ever": ({"attempts": 99, "claimed_until": timezone.now() - DAY}, 0),
}


@pytest.mark.parametrize("said, rings", SWEPT.values(), ids=SWEPT)
@pytest.mark.parametrize("look, module, model, key", [
    (monthly_reports.make_last_month, monthly_reports, monthly_reports.MonthlyReport, {"month": MONTH}),
    (statistics_days.count_tonight, statistics_days, statistics_days.StatisticsDay, {"day": TODAY}),
], ids=["month", "night"])  # fmt: skip
def test_the_sweep_rings(city, settings, monkeypatch, look, module, model, key, said, rings):
    rung = []
    monkeypatch.setattr(module, "ring", lambda task, *arguments: rung.append((task.name, *arguments)))
    said = dict(said)
    settings.OPEN_DATA_HOUR = 24 if said.pop("hour", None) else 0
    if said:
        model.objects.create(**key, **said)
    look()
    assert len(rung) == rings


# --- who reads it ---


def test_everybody_finds_and_downloads_it(city):
    row = monthly_reports.make(MONTH)
    client = Client()
    listed, file = client.get(reverse("monthly-reports")), client.get(row.get_absolute_url())
    assert (listed.status_code, row.sha256 in listed.content.decode()) == (200, True)
    assert (file["Content-Type"], hashlib.sha256(b"".join(file.streaming_content)).hexdigest()) == (
        "application/pdf", row.sha256,
    )  # fmt: skip
    assert row.get_absolute_url() in client.get(reverse("statistics")).content.decode()
    [told] = client.get("/api/v1/monthly-reports/").json()["results"]
    assert (told["month"], told["sha256"], told["figures"]) == (CODE, row.sha256, row.figures)


@pytest.mark.parametrize("code", ["2026", "2026-13", "2026-1", "0000-01", "99999-01", "x", "2026-01-01"])
def test_a_month_that_there_is_not_is_unknown(city, code):
    assert Client().get(f"/statistics/reports/{code}/report.pdf").status_code == 404


def test_one_that_is_being_made_is_not_there(city):
    MonthlyReport.objects.create(month=MONTH, claimed_until=timezone.now() + DAY, attempts=1)
    assert Client().get(f"/statistics/reports/{CODE}/report.pdf").status_code == 404


# --- the command ---


def test_the_command_counts_reports_and_writes_files(city, tmp_path):
    out = StringIO()
    call_command("statistics", str(tmp_path / "out"), "--count", "--report", stdout=out)
    lines = out.getvalue().splitlines()
    assert (len(lines), lines[0][:10], lines[1].split()[1]) == (9, TODAY.isoformat(), f"{CODE}.pdf")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{figure.code}.csv" for figure in public_figures.FIGURES
    )
    assert (tmp_path / "out" / "times.csv").read_bytes()[:3] == b"\xef\xbb\xbf"


def test_the_command_tells_what_it_does():
    parser = load_command_class("evaluation", "statistics").create_parser("manage.py", "statistics")
    assert "--report" in parser.format_help()


@pytest.mark.parametrize("said", [["--report", "2026-99"], ["--report", f"{TODAY:%Y-%m}"], ["x", "--year", "1"]])
def test_the_command_says_what_is_wrong(city, said):
    with pytest.raises(CommandError):
        call_command("statistics", *said, stdout=StringIO())
