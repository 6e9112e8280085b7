"""Exports: what the list shows is what the file holds, for its maker alone, as text, until its last day."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook, load_workbook

from communities.models import Community, Officer, StandIn
from evaluation import desk, exporting
from evaluation.models import Application, Export
from evaluation.workflow import EXPORT
from portal import tasks
from portal.demo import people
from portal.machine import NotAllowed
from portal.models import Event, User
from tests.evaluation import desks, scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def pks(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield desks.build()


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def made(who, query):
    row = exporting.ask(scenes.person(who), QueryDict(query))
    tasks.advance("export", row.pk)
    return Export.objects.get(pk=row.pk)


def cells(row):
    with default_storage.open(row.file.name) as file:
        sheet = load_workbook(io.BytesIO(file.read())).active
    return [[cell.value for cell in line] for line in sheet.iter_rows()]


@pytest.fixture
def world_of_two(pks):
    """An intake officer who is away; the user "stand-in" acts meanwhile."""
    officer = Officer.objects.filter(duty="intake").select_related("user").first()
    person = User.objects.create(username="stand-in", name="示例代理人", email="stand-in@example.org")
    day = timezone.localdate()
    Officer.objects.create(user=person, duty="pool_keeper", since=day)
    StandIn.objects.create(
        officer=officer, person=person, since=day, until=day, reason="示例", asked_by=person, state="agreed"
    )
    return officer.user


QUERY = "show=all&sort=-due&columns=due,community,number,unit,state,since"


def test_it_holds_the_rows_columns_and_order_of_the_list(pks):
    user, params = scenes.person("supervisor"), QueryDict(QUERY)
    columns = desk.columns_of(user, params)
    shown = [list(row) for row in desk.cells(desk.fetched(desk.rows(user, params), columns), columns)]
    found = cells(made("supervisor", QUERY))
    assert found[0] == [str(column.label) for column in columns]
    assert [[value or "" for value in line] for line in found[1:]] == shown
    assert len(shown) > 5


def test_nothing_in_a_cell_is_a_formula(pks):
    names = ["=1+1", "+2", "-3", "@SUM(A1)", '=HYPERLINK("http://example.org")']
    communities = list(Community.objects.order_by("pk")[: len(names)])
    for community, name in zip(communities, names, strict=True):
        Community.objects.filter(pk=community.pk).update(name=name)
    row = made("supervisor", "show=all&columns=community")
    with default_storage.open(row.file.name) as file:
        sheet = load_workbook(io.BytesIO(file.read())).active
    kinds = {cell.value: cell.data_type for line in sheet.iter_rows() for cell in line if cell.value in names}
    assert kinds == dict.fromkeys(names, "s")


def test_one_name_that_no_file_can_hold_spoils_no_file(pks):
    name = "示例\uffff小区\ufffe#N/A"
    Community.objects.filter(pk=Application.objects.get(pk=next(iter(pks.values()))).project.community_id).update(
        name=name
    )
    communities = [line[1] for line in cells(made("supervisor", QUERY))[1:]]
    assert "示例小区#N/A" in communities


def test_a_name_that_is_a_spreadsheets_word_for_an_error_stays_a_name(pks):
    sheet = Workbook(write_only=True).create_sheet()
    found = exporting.cell_of(sheet, "#N/A")
    assert (found.value, found.data_type) == ("#N/A", "s")


def test_a_query_longer_than_is_kept_is_refused_and_not_cut_into_another(pks):
    with refused() as problems:
        exporting.ask(scenes.person("supervisor"), QueryDict("show=all&q=" + "示" * 199))
    assert (problems, Export.objects.count()) == ([("too_long", "q")], 0)


def test_an_export_by_a_stand_in_says_in_whose_place(pks, world_of_two):
    user = scenes.person("stand-in")
    row = exporting.ask(user, QueryDict(QUERY))
    event = Event.objects.of(row).get(verb="export.ask")
    assert (event.role, event.data["in_place_of"]) == ("intake", str(world_of_two))


def test_it_is_made_with_the_rights_of_the_moment(pks):
    row = exporting.ask(scenes.person("supervisor"), QueryDict(QUERY))
    Officer.objects.filter(user__username="supervisor").update(until=people.first_day())
    tasks.advance("export", row.pk)
    row = Export.objects.get(pk=row.pk)
    assert (row.state, bool(row.fault), row.file.name) == ("making", True, "")


def test_whoever_has_no_queue_and_whoever_asks_nonsense_gets_none(pks):
    with pytest.raises(NotAllowed):
        exporting.ask(scenes.person("member"), QueryDict(QUERY))
    with refused() as found:
        exporting.ask(scenes.person("supervisor"), QueryDict("show=all&q=区县:火星"))
    assert found == [("value_unknown", "q")]


def test_a_worker_that_was_killed_begins_anew_and_leaves_one_file(pks, tmp_path):
    row = exporting.ask(scenes.person("supervisor"), QueryDict(QUERY))
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / f"{row.pk}.xlsx").write_bytes(b"half a file")
    tasks.advance("export", row.pk)
    row = Export.objects.get(pk=row.pk)
    assert ([path.name for path in (tmp_path / "exports").iterdir()], row.state) == ([f"{row.pk}.xlsx"], "ready")
    assert (row.written, row.total) == (Application.objects.exclude(state="draft").count(),) * 2


class TestPages:
    @pytest.fixture
    def client_of(self):
        def of(username):
            client = Client()
            client.force_login(scenes.person(username))
            return client

        return of

    def test_only_its_maker_sees_and_downloads_it(self, pks, client_of):
        row = made("intake", "show=all")
        addresses = [reverse(name, args=[row.pk]) for name in ("export", "export-file")]
        page, file = (client_of("intake").get(address) for address in addresses)
        assert (page.status_code, b"".join(file.streaming_content)[:2]) == (200, b"PK")
        for other in ("supervisor", "member"):
            assert [client_of(other).get(address).status_code for address in addresses] == [404, 404]

    def test_the_button_of_the_queue_makes_what_is_shown(self, pks, client_of):
        answer = client_of("intake").post(reverse("exports"), {"query": "show=all&columns=number&sort=number"})
        row = Export.objects.get()
        assert (answer.url, row.query, row.columns) == (
            row.get_absolute_url(),
            "show=all&sort=number",
            ["community", "number"],
        )

    def test_after_its_last_day_the_sweep_deletes_the_file(self, pks, client_of, django_capture_on_commit_callbacks):
        row = made("intake", "show=all")
        assert row.due_on == timezone.localdate() + timedelta(days=7)
        Export.objects.filter(pk=row.pk).update(due_on=timezone.localdate() - timedelta(days=1))
        with django_capture_on_commit_callbacks(execute=True):
            tasks.enforce_deadlines(EXPORT)
        assert (Export.objects.get(pk=row.pk).state, default_storage.exists(row.file.name)) == ("expired", False)
        assert client_of("intake").get(reverse("export-file", args=[row.pk])).status_code == 404


def test_every_row_is_read_in_as_many_questions_as_one(pks, tmp_path):
    owner = scenes.person("supervisor")
    row = exporting.ask(owner, QueryDict("show=all"))
    counts = []
    for query in ("show=all&q=示例", "show=all&q=龙湾"):  # many and one
        row.query = query
        with CaptureQueriesContext(connection) as found:
            exporting.write(row, owner, tmp_path / "list.xlsx")
        counts.append(len(found))
    assert counts[0] == counts[1]
