"""Open data: what is public and nothing else, whole or not at all, hashed, and harmless in a spreadsheet."""

import csv
import hashlib
import io
import json
import tracemalloc
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import District, Parameter
from evaluation import open_data, policies, public_facts
from evaluation.models import Certificate, OpenDataFile, OpenDataSet, PublicNotice, PublicText, Sanction
from portal.models import Event, User
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
DAY = timedelta(days=1)

# Every column that leaves the house, checked by people: none is about a person. Adding one is a decision.
PUBLIC = {
    "notices": "number standing programme stage community district address organisation floor_area households buildings total "
    "level level_name standard standard_notice opened_on closes_on closed_on page",
    "notice_chapters": "number chapter ratio",
    "notice_versions": "number version published_on reason previous sha256 page",
    "objection_replies": "number kind received_on decision decided_on text",
    "certificates": "number standing ended_on decision successor is_final level level_name programme stage community district "
    "organisation standard standard_sha256 standard_notice issued_on valid_until file_sha256 page",
    "communities": "community district organisation programme level level_name floor_area households buildings certificate "
    "standard_notice issued_on valid_until page",
    "districts": "code name valid_from valid_until certified",
    "incentive_policies": "code name programme level_name value conditions cap department basis document_number valid_from "
    "valid_until granted",
    "standards": "code version name kind is_official notice sha256 frozen_on page document",
    "expert_fields": "code name serving",
    "dictionary": "dataset column type unit meaning meaning_en source",
}
PRIVATE = ("experts_expert", "portal_user", "evaluation_objection", "evaluation_mark", "communities_membership")


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup, django_db_blocker):
    """A running notice, one that ended and a star certificate for all tests of this module."""
    with scenes.configured(django_db_blocker):
        notice = published.notice()
        PublicNotice.objects.create(
            application=notice.application, result=published.judged("示例·旧小区", number=2).results.get(), number="GS-1",
            opened_on=TODAY - 30 * DAY, closes_on=TODAY - 9 * DAY, figures=notice.figures, closed_at=timezone.now() - 8 * DAY,
        )  # fmt: skip
        published.certificate("示例·甲小区", number=3)
        yield


@pytest.fixture(autouse=True)
def files_of_this_test_only(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


def content(name, day=None):
    with open_data.file_of(name, day).file.open("rb") as stream:
        return stream.read()


def table(name):
    return list(csv.DictReader(io.StringIO(content(name).decode("utf-8-sig"))))


def stored():
    return sorted(path.name for path in Path(default_storage.location).rglob("*.*"))


# --- what is public ---


def test_no_column_leaves_the_house_that_nobody_has_looked_at():
    found = {dataset.code: " ".join(column.name for column in dataset.columns) for dataset in public_facts.DATASETS}
    assert found == PUBLIC


def test_no_name_of_a_person_stands_in_any_file():
    open_data.make(TODAY)
    names = {str(user) for user in User.objects.all()} | {
        name for row in PublicNotice.objects.all() for name in row.figures["panel"]
    }
    whole = "".join(content(name).decode() for name in open_data.NAMES)
    assert (len(names) > 3, [name for name in names if name in whole]) == (True, [])


@pytest.mark.parametrize(
    "dataset", [one for one in public_facts.DATASETS if one.code != "expert_fields"], ids=lambda one: one.code
)
def test_facts_are_read_without_opening_what_belongs_to_persons(dataset):
    with CaptureQueriesContext(connection) as asked:
        for row in dataset.rows(TODAY):
            public_facts.cells(dataset, row, TODAY)
    read = " ".join(query["sql"] for query in asked.captured_queries)
    assert [name for name in PRIVATE if f'"{name}"' in read] == []


def test_stars_of_a_district_are_counted_under_its_new_name_and_not_under_an_old_one_that_reads_the_same():
    District.objects.filter(name="渝北区").update(name="示例新区")
    District.objects.create(code="500999", name="渝北区", valid_until=TODAY - 400 * DAY)
    assert {row.name: count for row, count in public_facts.districts(TODAY) if count or row.name == "渝北区"} == {
        "示例新区": 1, "渝北区": 0,
    }  # fmt: skip


def test_of_the_pool_only_numbers_of_each_field_are_told():
    dataset = public_facts.BY_CODE["expert_fields"]
    found = [public_facts.cells(dataset, row, TODAY) for row in dataset.rows(TODAY)]
    assert {type(row["serving"]) for row in found} == {int}


def test_the_dictionary_says_of_every_column_what_it_means_and_where_it_comes_from():
    open_data.make(TODAY)
    found = table("dictionary.csv")
    assert {(row["dataset"], row["column"]) for row in found} == {
        (code, name) for code, names in PUBLIC.items() for name in names.split()
    }
    assert [row for row in found if not (row["meaning"] and row["meaning_en"] and row["source"])] == []
    assert {row["type"] for row in found} == {"text", "integer", "decimal", "date", "boolean", "address"}


@pytest.mark.parametrize("dataset", public_facts.DATASETS, ids=lambda one: one.code)
def test_a_value_is_of_the_type_that_the_dictionary_says(dataset):
    kinds = {
        "text": str,
        "address": str,
        "integer": int,
        "decimal": public_facts.Decimal,
        "date": date,
        "boolean": bool,
    }
    for row in dataset.rows(TODAY):
        found = public_facts.cells(dataset, row, TODAY)
        wrong = [
            column.name for column in dataset.columns
            if found[column.name] is not None and type(found[column.name]) is not kinds[column.kind]
        ]  # fmt: skip
        assert wrong == []


def test_csv_and_json_say_the_same_of_notices_and_certificates():
    open_data.make(TODAY)
    notices, certificates = table("notices.csv"), table("certificates.csv")
    assert [(row["number"], row["standing"], row["total"]) for row in notices][1:] == [("GS-1", "ended", "82.40")]
    assert (notices[0]["standing"], notices[0]["floor_area"], notices[0]["closed_on"]) == ("running", "86500.00", "")
    assert [(row["standing"], row["is_final"], row["community"]) for row in certificates] == [
        ("valid", "true", "示例·甲小区")
    ]
    document = json.loads(content("notices.json"))
    assert (document["dataset"], document["day"], document["licence"]) == (
        "notices",
        TODAY.isoformat(),
        open_data.licence_text(),
    )
    assert [(row["number"], row["total"], row["households"]) for row in document["rows"]] == [
        (row["number"], float(row["total"]), int(row["households"])) for row in notices
    ]


@pytest.mark.parametrize("state, days, standing", [
    ("valid", 10, "valid"), ("valid", -1, "expired"), ("revoked", 10, "revoked"), ("superseded", 10, "superseded"),
])  # fmt: skip
def test_a_certificate_stands_as_it_stands_on_the_day_of_the_set(state, days, standing):
    Certificate.objects.update(state=state, valid_until=TODAY + days * DAY)
    open_data.make(TODAY)
    certified = [1] if standing == "valid" else []
    assert (table("certificates.csv")[0]["standing"], [1] * len(table("communities.csv"))) == (standing, certified)


def test_of_a_sanction_the_set_tells_the_number_of_the_decision_and_nothing_else():
    row = Certificate.objects.get()
    said = {
        "certificate": row,
        "kind": "revoke",
        "facts": "示例秘密",
        "basis": "x",
        "proposed_by": published.user("proposer"),
    }
    Sanction.objects.create(number="CLA-1", state="dropped", decision_number="CL-1", **said)
    Sanction.objects.create(number="CLA-2", state="executed", decision_number="CL-2", **said)
    open_data.make(TODAY)
    assert [(one["decision"], one["successor"]) for one in table("certificates.csv")] == [("CL-2", "")]
    assert "示例秘密" not in content("certificates.csv").decode()


def test_a_sample_says_that_it_is_one():
    open_data.make(TODAY)
    assert {row["standard_notice"] for row in table("notices.csv")} == {"参考样本，非官方标准文本"}


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_a_csv_becomes_a_formula_and_json_keeps_the_text(text):
    Certificate.objects.update(community_name=text)
    open_data.make(TODAY)
    assert table("certificates.csv")[0]["community"] == f"'{text}"
    assert json.loads(content("certificates.json"))["rows"][0]["community"] == text


def test_lines_quotes_and_half_characters_in_a_name_break_no_file():
    text = '示例"\r\n,小区'
    Certificate.objects.update(community_name=text)
    open_data.make(TODAY)
    assert table("certificates.csv")[0]["community"] == text
    assert open_data.in_csv("a\ud800b") == "a?b"


# --- whole or not at all ---


def test_every_file_is_kept_with_its_size_and_hash():
    open_data.make(TODAY)
    rows = OpenDataFile.objects.all()
    assert sorted(row.name for row in rows) == sorted(open_data.NAMES)
    for row in rows:
        found = content(row.name)
        assert (row.size, row.sha256) == (len(found), hashlib.sha256(found).hexdigest())


def test_a_set_is_made_once_and_on_record():
    assert (open_data.make(TODAY).day, open_data.make(TODAY)) == (TODAY, None)
    assert list(Event.objects.filter(verb__startswith="open_data.").values_list("verb", flat=True)) == [
        "open_data.publish"
    ]


def test_a_set_that_another_worker_makes_is_left_to_it():
    OpenDataSet.objects.create(day=TODAY, claimed_until=timezone.now() + DAY, attempts=1)
    assert (open_data.make(TODAY), stored()) == (None, [])


def test_a_worker_that_breaks_leaves_the_last_whole_set_and_the_next_one_begins_anew(monkeypatch):
    open_data.make(TODAY - DAY)
    before, save, seen = stored(), default_storage.save, []

    def break_later(name, stream):
        seen.append(name)
        if len(seen) == 5:
            raise OSError("full")
        return save(name, stream)

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "save", break_later)
        with pytest.raises(OSError, match="full"):
            open_data.make(TODAY)
    assert (open_data.newest().day, stored()) == (TODAY - DAY, before)
    OpenDataSet.objects.filter(day=TODAY).update(claimed_until=timezone.now() - DAY)
    assert open_data.make(TODAY).day == open_data.newest().day == TODAY


def test_what_a_killed_worker_left_is_cleared_away():
    OpenDataSet.objects.create(day=TODAY, claimed_until=timezone.now() - DAY, attempts=1)
    default_storage.save(f"open-data/{TODAY}/1/notices.csv", io.BytesIO(b"half"))
    open_data.make(TODAY)
    assert stored() == sorted(open_data.NAMES)


def test_a_worker_that_was_too_slow_publishes_nothing_and_leaves_nothing(monkeypatch):
    publish = open_data._publish

    def taken_over(row, *rest):
        OpenDataSet.objects.filter(pk=row.pk).update(attempts=2)
        return publish(row, *rest)

    monkeypatch.setattr(open_data, "_publish", taken_over)
    assert (open_data.make(TODAY), open_data.newest(), stored()) == (None, None, [])


@pytest.fixture
def rung(monkeypatch):
    found = []
    monkeypatch.setattr(open_data, "ring", lambda task, *arguments: found.append((task.name, *arguments)))
    return found


def test_the_sweep_asks_for_todays_set_after_its_hour_until_it_is_there(settings, rung):
    settings.OPEN_DATA_HOUR = 0
    assert (open_data.make_tonight(), rung) == (1, [("evaluation.open_data.make_set", TODAY.isoformat())])
    open_data.make_set(TODAY.isoformat())
    assert (open_data.make_tonight(), len(rung)) == (0, 1)


def test_before_its_hour_and_after_too_many_attempts_nobody_is_asked(settings, rung):
    settings.OPEN_DATA_HOUR = timezone.localtime().hour + 1
    assert open_data.make_tonight() == 0
    settings.OPEN_DATA_HOUR = 0
    OpenDataSet.objects.create(day=TODAY, attempts=settings.WORK_ATTEMPTS)
    assert (open_data.make_tonight(), rung) == (0, [])


def test_officers_see_that_workers_gave_up_and_the_command_makes_the_set_after_all(client, settings, capsys):
    words = "今天的数据多次生成失败"
    late = timezone.now() - DAY
    OpenDataSet.objects.create(day=TODAY, attempts=settings.WORK_ATTEMPTS, claimed_until=late)
    assert words not in client.get(reverse("open-data")).content.decode()
    client.force_login(published.officer("supervisor"))
    assert words in client.get(reverse("open-data")).content.decode()
    call_command("open_data")
    assert capsys.readouterr().out.split()[0] == OpenDataFile.objects.get(name="notices.csv").sha256
    assert words not in client.get(reverse("open-data")).content.decode()


def test_old_sets_go_with_their_files_and_the_newest_stays_however_old():
    Parameter.objects.filter(pk=open_data.DAYS).update(value=5)
    for age in (20, 10, 8):
        open_data.make(TODAY - age * DAY)
    assert open_data.forget_old(TODAY) == 2
    assert [row.day for row in OpenDataSet.objects.all()] == [TODAY - 8 * DAY]
    assert Event.objects.filter(verb="open_data.remove").count() == 2


@pytest.mark.long
def test_thousands_of_rows_take_no_more_memory_than_few(tmp_path):
    row = Certificate.objects.get()

    def many():
        for number in range(20_000):
            row.number = f"X-{number}"
            row.programme_name, row.stage, row.decision, row.successor = "示例", "completion", None, None
            yield row

    dataset = public_facts.BY_CODE["certificates"]
    endless = public_facts.Dataset(dataset.code, "", "", lambda day: many(), dataset.columns)
    tracemalloc.start()
    open_data.write(endless, TODAY, tmp_path, "")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ((tmp_path / "certificates.csv").stat().st_size > 5_000_000, most < 3_000_000) == (True, True)


# --- the page and the addresses ---


def test_the_page_lists_every_file_with_its_hash_its_terms_and_its_dictionary(client):
    open_data.make(TODAY - DAY)
    open_data.make(TODAY)
    page = client.get(reverse("open-data")).content.decode()
    for row in OpenDataFile.objects.filter(whole__day=TODAY):
        assert (reverse("open-data-file", args=[TODAY, row.name]) in page, row.sha256 in page) == (True, True)
    assert reverse("open-data-file", args=[TODAY - DAY, "notices.csv"]) in page
    assert (open_data.licence_text() in page, "示例条款" not in page, "总建筑面积" in page) == (True, True, True)


def test_the_page_asks_as_often_for_thirty_days_as_for_one(client):
    open_data.make(TODAY)
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("open-data"))
    files = list(OpenDataFile.objects.all())
    for age in range(1, 30):
        row = OpenDataSet.objects.create(day=TODAY - age * DAY, made_at=timezone.now())
        OpenDataFile.objects.bulk_create(
            OpenDataFile(
                whole=row, name=one.name, dataset=one.dataset, kind=one.kind, file=one.file, size=1, sha256="", rows=1
            )
            for one in files
        )
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("open-data"))
    assert (len(few) <= 6, len(many)) == (True, len(few) + 1)  # the files of earlier days, once there are any


def test_a_page_without_a_set_says_when_there_will_be_one(client):
    assert "还没有数据。每天夜间生成，生成后在这里下载。" in client.get(reverse("open-data")).content.decode()


def test_a_file_is_sent_whole_to_everybody_and_304_to_whoever_has_it(client):
    open_data.make(TODAY)
    address = reverse("open-data-latest", args=["notices.csv"])
    answer = client.get(address)
    sent = b"".join(answer.streaming_content)
    assert answer["ETag"] == f'"{hashlib.sha256(sent).hexdigest()}"'
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/csv; charset=utf-8", "public, no-cache")
    assert (answer["Access-Control-Allow-Origin"], "Last-Modified" in answer) == ("*", True)
    again = client.get(address, headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


HIDDEN = ["latest/none.csv", "latest/..%2fsecret", "2026-99-99/notices.csv", "9999-12-31/notices.csv", "x/notices.csv",
          "latest/notices.csv%00"]  # fmt: skip


@pytest.mark.parametrize("address", HIDDEN)
def test_what_is_no_file_of_a_whole_set_is_not_there(client, address):
    open_data.make(TODAY)
    status = client.get(f"/open-data/{address}", headers={"if-none-match": "*"}).status_code
    assert status == (400 if "%00" in address else 404)


def test_a_set_that_is_not_whole_is_not_there(client):
    open_data.make(TODAY)
    etag = f'"{OpenDataFile.objects.get(name="notices.csv").sha256}"'
    OpenDataSet.objects.update(made_at=None)
    for address in (
        reverse("open-data-file", args=[TODAY, "notices.csv"]),
        reverse("open-data-latest", args=["notices.csv"]),
    ):
        assert client.get(address, headers={"if-none-match": etag}).status_code == 404


def test_programs_read_the_same_list(client, settings):
    open_data.make(TODAY - DAY)
    open_data.make(TODAY)
    found = client.get("/api/v1/open-data/").json()
    assert [row["day"] for row in found["results"]] == [str(TODAY), str(TODAY - DAY)]
    first = next(row for row in found["results"][0]["files"] if row["name"] == "notices.csv")
    assert (first["sha256"], first["rows"]) == (hashlib.sha256(content("notices.csv")).hexdigest(), 2)
    sent = client.get(first["address"].removeprefix(settings.SITE_URL))
    assert hashlib.sha256(b"".join(sent.streaming_content)).hexdigest() == first["sha256"]


# --- the terms ---


def test_the_authority_words_the_terms_on_record_and_a_set_keeps_those_it_was_published_under():
    by = published.officer("security_administrator")
    open_data.make(TODAY - DAY)
    kind, row = policies.find("public_text", open_data.LICENCE)
    with scenes.refused() as found:
        policies.keep(by, kind, row, {"text": " "}, "示例依据")
    assert found == [("required", "text")]
    policies.keep(by, kind, PublicText.objects.get(pk=open_data.LICENCE), {"text": "示例新条款"}, "示例依据")
    open_data.make(TODAY)
    before = Event.objects.get(verb="public_text.change").data["before"]["text"]
    assert [row.licence for row in open_data.sets()] == ["示例新条款", before]
