"""An existing pool from one workbook: every problem at its cell, another person's release, everybody or nobody."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from openpyxl import load_workbook

from communities.models import Officer
from evaluation.work import waiting_on
from experts import importing, standing
from experts.importing import LAYOUT, check, open_import, problems_in
from experts.models import Expert, Field, PoolImport
from experts.permissions import import_roles, imports_visible_to
from experts.workflow import POOL_IMPORT
from portal import bounded, clock, first_password, tasks, workbooks
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification, User
from portal.problems import Refused
from tests.communities import workbook_files
from tests.evaluation import scenes
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, fresh
from tests.experts.newcomers import person as user_of
from tests.experts.pool_workbooks import book, people, person, with_examples

pytestmark = [pytest.mark.django_db, pytest.mark.long]
SHEET_PART = "xl/worksheets/sheet1.xml"


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture(autouse=True)
def world(monkeypatch):
    translation.activate("zh-hans")
    # Read here and not in a process of its own: that is what test_a_real_workbook_of_182_people is for.
    monkeypatch.setattr(bounded, "call", lambda function, *arguments: function(*arguments))


@pytest.fixture
def keepers():
    return newcomers.officers()


@pytest.fixture
def keeper(keepers):
    return keepers["pool_keeper"]


@pytest.fixture
def other(keepers):
    return keepers["second_keeper"]


def told(*rows, **how):
    """Code and sentence with its place of everything that is wrong with a filled-in template."""
    try:
        problems = problems_in(LAYOUT.read(book(*rows, **how)))
    except Refused as refused:
        problems = refused.problems
    return [(problem.code, str(problem)) for problem in problems]


def codes(*rows, **how):
    return [code for code, _text in told(*rows, **how)]


def refused_codes(upload):
    with pytest.raises(Refused) as refused:
        LAYOUT.read(upload)
    return [problem.code for problem in refused.value.problems]


# --- the template ---


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_template_in_either_language_is_read(language):
    with translation.override(language):
        filled = book(person())
    assert problems_in(LAYOUT.read(filled)) == []


def test_the_template_offers_fields_and_districts_and_shows_how_a_row_is_filled_in():
    sheet, lists = load_workbook(io.BytesIO(importing.template())).worksheets
    assert [sheet.cell(1, number).value for number in (1, 2, 5)] == ["姓名 *", "电子邮箱 *", "专家编号"]
    offered = {
        name: [cell.value for cell in lists[workbooks.letter(workbook_files.column(name, LAYOUT))] if cell.value]
        for name in (*importing.FIELD_COLUMNS, "district")
    }
    fields = list(Field.objects.values_list("name", flat=True))
    assert [offered[name] for name in importing.FIELD_COLUMNS] == [fields] * 3
    assert (len(offered["district"]), lists.sheet_state) == (38, "hidden")
    assert [sheet.cell(row, 1).value for row in (3, 4)] == ["张三（示例，请删去本行）", "李四（示例，请删去本行）"]


def test_examples_that_were_left_are_refused_for_that_alone():
    found = [(one.code, one.place) for one in problems_in(LAYOUT.read(with_examples(person())))]
    assert found == [("example", "第 3 行 A 列 姓名"), ("example", "第 4 行 A 列 姓名")]


def test_an_example_filled_in_with_real_data_is_sound_once_its_mark_is_gone():
    sheet = load_workbook(io.BytesIO(importing.template())).worksheets[0]
    rows = [
        {name: sheet.cell(row, place).value for place, name in enumerate(LAYOUT.by_name, start=1)}
        | {"name": f"甲{row}"}
        for row in (3, 4)
    ]
    assert told(*rows) == []


# --- cells ---

WRONG = {
    "name": ("名" * 61, "max_length"),
    "email": ("nobody@", "invalid"),
    "phone": ("见附件", "phone"),
    "username": ("有 空格", "username"),
    "number": ("第一号", "number"),
    "education": ("学" * 41, "max_length"),
    "title": (True, "no_text"),
    "experience_years": ("十五", "no_number"),
    "field_1": ("炼丹", "field_unknown"),
    "field_2": ("=A1", "formula"),
    "field_3": ("风水", "field_unknown"),
    "employer": ("院" * 121, "max_length"),
    "employer_code": ("91500103MAEX00001X", "credit_code_check"),
    "district": ("渝北", "district_unknown"),
    "term_from": ("2024-02-30", "no_day"),
    "term_until": ("#REF!", "cell_error"),
}


def test_every_column_can_be_wrong_and_all_are_told_at_once_in_the_order_of_the_sheet():
    assert list(WRONG) == list(LAYOUT.by_name)
    found = told(person(1), person(2, **{name: cell for name, (cell, _code) in WRONG.items()}))
    letters = {name: workbooks.letter(place) for place, name in enumerate(LAYOUT.by_name, start=1)}
    assert [(code, text.split("：")[0]) for code, text in found] == [
        (code, f"第 4 行 {letters[name]} 列 {LAYOUT.by_name[name].heading}") for name, (_cell, code) in WRONG.items()
    ]


@pytest.mark.parametrize("name, cell, code", [
    *((name, None, "required") for name in importing.NEEDED),
    ("experience_years", 71, "out_of_range"), ("experience_years", 1.5, "no_whole"), ("experience_years", 0, None),
    ("employer_code", "915001", "credit_code_length"), ("employer_code", None, None),
    ("number", "imports", "number"), ("number", "a-1", None), ("number", "1" * 21, "number"),
    ("username", "someone@example.org", "username_is_address"), ("username", "Expert1@Example.org", None),
    ("username", "x" * 151, "username"), ("phone", "023-6789 0123", None), ("phone", 13800000000, None),
    ("term_until", TODAY - DAY, "term_over"), ("term_until", TODAY, None), ("term_from", TODAY + 999 * DAY, "term_order"),
    ("field_2", "same", "field_twice"), ("district", "500112", None), ("field_3", "code", None),
])  # fmt: skip
def test_what_a_cell_may_say(name, cell, code):
    row = person()
    cell = {"same": row["field_1"], "code": Field.objects.order_by("-pk").first().pk}.get(cell, cell)
    if name == "term_until" and cell == TODAY:
        row["term_from"] = TODAY - DAY
    found = told(row | {name: cell})
    assert [one for one, _text in found] == ([code] if code else [])
    assert all(str(LAYOUT.by_name[name].heading) in text or code == "term_order" for _one, text in found)


# --- doubles ---


@pytest.mark.parametrize("name, said, place", [
    ("email", {"email": "EXPERT1@example.org"}, "电子邮箱"), ("number", {"number": "zj-9001"}, "专家编号"),
    ("username", {"username": "ZHANG"}, "账号"),
    ("name", {"name": "示例第1人", "phone": "138 0000 0001"}, "姓名"),
])  # fmt: skip
def test_a_person_twice_in_the_table_is_said_with_the_row_that_came_first(name, said, place):
    first = person(1, number="ZJ-9001", username="zhang")
    (found,) = told(first, person(2), person(3, **said))
    assert (found[0], found[1].split("：")[0].endswith(place), "第 3 行" in found[1]) == ("row_twice", True, True)


def test_two_people_of_one_name_are_two_people():
    assert told(person(1, name="示例同名"), person(2, name="示例同名")) == []


@pytest.mark.parametrize("said, code, place", [
    ({"number": "ZJ-9000"}, "number_taken", "专家编号"),
    ({"email": "OLD@example.org"}, "already_expert", "电子邮箱"),
    ({"username": "old"}, "already_expert", "账号"),
    ({"name": "示例old", "phone": "(023) 555"}, "already_expert", "姓名"),
    ({"name": "示例free", "email": "free@example.org"}, "has_account", "电子邮箱"),
    ({"name": "示例free", "username": "Free"}, "has_account", "账号"),
    ({"email": "free@example.org"}, "account_taken", "电子邮箱"),
    ({"username": "FREE"}, "account_taken", "账号"),
    ({"name": "示例free", "phone": "023-555"}, None, ""),
])  # fmt: skip
def test_whom_the_portal_knows_is_said_at_the_cell_by_which_it_knows_them(said, code, place):
    newcomers.expert("old")
    user_of("free")
    found = told(person(1), person(2, **said))
    assert [(one, text.split("：")[0]) for one, text in found] == (
        [(code, f"第 4 行 {workbooks.letter(list(LAYOUT.by_name).index(name_of(place)) + 1)} 列 {place}")]
        if code
        else []
    )


def name_of(heading):
    return next(column.name for column in LAYOUT.columns if str(column.heading) == heading)


def test_as_many_questions_are_asked_for_many_rows_as_for_one():
    counts = []
    for rows in (people(1), people(60)):
        table = LAYOUT.read(book(*rows))
        with CaptureQueriesContext(connection) as asked:
            assert problems_in(table) == []
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- hostile files ---


def with_file(upload, name, content):
    """The same archive with one more file in it."""
    upload.seek(0)
    stream = io.BytesIO(upload.read())
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return workbook_files.uploaded(stream.getvalue(), "专家库.xlsx")


def test_a_bomb_is_refused():
    zeros = b"\0" * (workbooks.UNPACKED + 1)
    assert refused_codes(with_file(book(person()), "xl/media/zero.bin", zeros)) == ["archive_too_large"]


def test_a_workbook_with_macros_is_refused():
    assert refused_codes(with_file(book(person()), "xl/vbaProject.bin", b"macro")) == ["archive_with_macros"]


def far_below(sheet):
    sheet.cell(100_000, 1).value = "示例"


def test_a_hundred_thousand_rows_are_refused_by_their_number():
    assert codes(person(), change=far_below) == ["too_many_rows"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"%PDF-1.7", b"name,email\n", b"<html></html>"])
def test_what_is_no_workbook_is_refused(content):
    assert refused_codes(workbook_files.uploaded(content)) != []


def test_formulas_are_refused_at_every_cell():
    row = dict.fromkeys(LAYOUT.by_name, "=1+1")
    assert codes(row) == ["formula"] * len(LAYOUT.columns)


# --- two pairs of eyes ---


def test_handing_in_enters_nobody_and_asks_the_others(keeper, keepers):
    row = open_import(keeper, book(*people(3)))
    assert (row.state, row.count, row.due_on) == ("waiting", 3, clock.deadline("admission_decision", TODAY))
    assert (Expert.objects.count(), User.objects.filter(email__startswith="expert").count()) == (0, 0)
    with row.file.open() as kept:
        assert kept.read(2) == b"PK"
    assert set(Notification.objects.filter(kind="waiting").values_list("user__username", flat=True)) == {
        "second_keeper", "supervisor",
    }  # fmt: skip
    waits = {
        name: [one.link for one in waiting_on(user_of(name)) if one.key.startswith("pool-import")] for name in keepers
    }
    link = [row.get_absolute_url()]
    assert {name for name, links in waits.items() if links == link} == {"second_keeper", "supervisor"}
    assert {name for name, links in waits.items() if links == []} == set(keepers) - {"second_keeper", "supervisor"}


@pytest.mark.parametrize("name", ["supervisor", "organiser", "intake", "approver", "district_officer", "zhang"])
def test_only_a_keeper_hands_in(keepers, name):
    for act in (check, open_import):
        with pytest.raises(NotAllowed):
            act(user_of(name), book(person()))


ROLES = {
    "pool_keeper": {"importer"}, "second_keeper": {"pool_keeper"}, "supervisor": {"supervisor"},
    "organiser": set(), "intake": set(), "approver": set(), "district_officer": set(), "zhang": set(),
}  # fmt: skip
MAY = {"importer": ["withdraw"], "pool_keeper": ["release", "refuse"], "supervisor": ["release", "refuse"]}


@pytest.mark.parametrize("name", sorted(ROLES))
def test_who_sees_an_import_and_what_they_may_do(keeper, name):
    row = open_import(keeper, book(person()))
    user = user_of(name)
    assert import_roles(user, row) == ROLES[name]
    assert [one.action for one in POOL_IMPORT.available(row, user)] == [
        action for role in ROLES[name] for action in MAY[role]
    ]
    assert imports_visible_to(user).exists() == bool(ROLES[name])


def test_whoever_lost_the_duty_is_no_importer_any_more(keeper):
    row = open_import(keeper, book(person()))
    Officer.objects.filter(user=keeper).update(until=TODAY - DAY)
    assert import_roles(user_of("pool_keeper"), row) == set()


@pytest.mark.parametrize("by, action, said, state", [
    ("supervisor", "refuse", {"reason": "示例：名单未经核对"}, "refused"), ("pool_keeper", "withdraw", {}, "withdrawn"),
])  # fmt: skip
def test_what_is_not_released_enters_nobody(keeper, keepers, by, action, said, state):
    row = open_import(keeper, book(person()))
    POOL_IMPORT.perform(row, action, by=keepers[by], **said)
    assert (fresh(row).state, fresh(row).due_on, Expert.objects.count()) == (state, None, 0)
    with pytest.raises(Stale):
        POOL_IMPORT.perform(fresh(row), "release", by=keepers["second_keeper"])
    # and it may be handed in again
    assert open_import(keeper, book(person())).state == "waiting"


def test_a_refusal_says_why_to_whoever_handed_it_in(keeper, other):
    row = open_import(keeper, book(person()))
    with pytest.raises(Refused):
        POOL_IMPORT.perform(row, "refuse", by=other)
    POOL_IMPORT.perform(fresh(row), "refuse", by=other, reason="示例：名单未经核对")
    message = Notification.objects.get(kind="pool")
    assert (message.user, "示例：名单未经核对" in message.body) == (keeper, True)


def test_the_same_file_waits_once(keeper):
    upload = book(person())
    open_import(keeper, upload)
    upload.seek(0)
    with scenes.refused() as found:
        open_import(keeper, upload)
    assert found == [("waits_already", "file")]


# --- what is not kept ---


def put_away(row, days):
    PoolImport.objects.filter(pk=row.pk).update(state_since=timezone.now() - timedelta(days=days, minutes=1))


@pytest.mark.parametrize("by, action", [("supervisor", "refuse"), ("pool_keeper", "withdraw")])
def test_what_was_not_released_is_forgotten_with_its_file_after_the_days_of_the_parameter(
    keeper, keepers, client, by, action
):
    row = open_import(keeper, book(*people(3)))
    POOL_IMPORT.perform(row, action, by=keepers[by], reason="示例")
    put_away(row, 29)
    assert (importing.forget_unreleased(), fresh(row).table == {}) == (0, False)
    put_away(row, 30)
    assert [importing.forget_unreleased() for _time in range(2)] == [1, 0]
    left = fresh(row)
    assert (left.table, left.file.name, left.count, left.sha256 == row.sha256) == ({}, "", 3, True)
    assert Event.objects.of(row).filter(verb="pool_import.forget").count() == 1
    client.force_login(keeper)
    answers = [client.get(row.get_absolute_url()), client.get(reverse("pool-import-file", args=[row.pk]))]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert "没有放行的名单（3 人）和文件已到期删除" in answers[0].content.decode()


def test_the_sweep_comes_by_and_forgets():
    assert importing.forget_unreleased in tasks.LOOKS


def test_neither_what_waits_nor_what_was_entered_is_forgotten(keeper, other):
    waiting, entered = open_import(keeper, book(person(1))), open_import(keeper, book(person(2)))
    POOL_IMPORT.perform(entered, "release", by=other)
    for row in (waiting, entered):
        put_away(row, 4000)
    assert importing.forget_unreleased() == 0


@pytest.mark.parametrize("shared", [True, False])
def test_a_file_that_something_else_keeps_too_stays(keeper, other, shared, django_capture_on_commit_callbacks):
    row = open_import(keeper, book(person(1)))
    name = row.file.name
    POOL_IMPORT.perform(row, "refuse", by=other, reason="示例")
    put_away(row, 31)
    if shared:
        PoolImport.objects.create(state="waiting", count=1, file=name)
    with django_capture_on_commit_callbacks(execute=True):
        importing.forget_unreleased()
    assert default_storage.exists(name) == shared


# --- what comes of it ---


def released(keeper, other, *rows):
    row = open_import(keeper, book(*rows))
    POOL_IMPORT.perform(row, "release", by=other)
    return fresh(row)


def test_a_released_person_is_an_expert_with_an_account_without_password(keeper, other):
    said = person(1, number="zj-2020-1", username="zhang", field_3=None)
    row = released(keeper, other, said)
    expert = Expert.objects.get()
    user = expert.user
    assert (user.username, user.name, user.email, user.phone) == (
        "zhang",
        "示例第1人",
        "expert1@example.org",
        said["phone"],
    )
    assert (user.has_usable_password(), user.is_active, user.last_login) == (False, True, None)
    assert (expert.number, expert.state, expert.pool_import, expert.district.name) == (
        "ZJ-2020-1",
        "serving",
        row,
        "渝北区",
    )
    assert {name: getattr(expert, name) for name in importing.OF_EXPERT} == {
        name: said[name] for name in importing.OF_EXPERT
    }
    assert {field.name for field in expert.fields.all()} == {said["field_1"], said["field_2"]}
    assert (expert.confirmed_on, expert.due_on) == (None, standing.confirmation_due(expert, TODAY))
    assert [(event.verb, event.role, event.actor) for event in Event.objects.of(expert)] == [
        ("expert.admit", "pool_keeper", other)
    ]
    assert [event.verb for event in Event.objects.of(row)] == ["pool_import.open", "pool_import.release"]
    assert list(Expert.objects.serving(TODAY)) == [expert]


def test_what_is_optional_may_be_missing(keeper, other):
    empty = dict.fromkeys(set(LAYOUT.by_name) - set(importing.NEEDED))
    released(keeper, other, person(1, **empty))
    expert = Expert.objects.get()
    assert (expert.number, expert.user.username, expert.user.phone) == ("ZJ-0001", "expert1@example.org", "")
    assert (expert.education, expert.title, expert.experience_years, expert.employer_code) == ("", "", None, "")


def test_numbers_given_out_avoid_those_in_the_table_and_in_the_pool(keeper, other):
    newcomers.expert("old", number="ZJ-0002")
    released(keeper, other, person(1), person(2, number="ZJ-0001"), person(3))
    assert dict(Expert.objects.exclude(number="ZJ-0002").values_list("user__name", "number")) == {
        "示例第1人": "ZJ-0003", "示例第2人": "ZJ-0001", "示例第3人": "ZJ-0004",
    }  # fmt: skip


def test_what_changed_meanwhile_is_told_at_its_cell_and_nobody_is_entered(keeper, other):
    row = open_import(keeper, book(*people(3)))
    User.objects.create(username="late", name="示例某人", email="Expert2@example.org")
    with pytest.raises(Refused) as refused:
        POOL_IMPORT.perform(row, "release", by=other)
    assert [(one.code, one.place) for one in refused.value.problems] == [("account_taken", "第 4 行 B 列 电子邮箱")]
    assert (fresh(row).state, Expert.objects.count(), Event.objects.filter(verb="expert.admit").count()) == (
        "waiting",
        0,
        0,
    )


def test_the_same_table_again_is_refused_row_by_row(keeper, other):
    released(keeper, other, *people(2))
    with pytest.raises(Refused) as refused:
        open_import(keeper, book(*people(2)))
    assert [one.code for one in refused.value.problems] == ["already_expert", "already_expert"]


def test_a_real_workbook_of_182_people(keeper, other, monkeypatch):
    monkeypatch.undo()
    translation.activate("zh-hans")
    upload = book(*people(182))
    begun = time.monotonic()
    row = open_import(keeper, upload)
    with CaptureQueriesContext(connection) as asked:
        POOL_IMPORT.perform(row, "release", by=other)
    seconds = time.monotonic() - begun
    assert (Expert.objects.count(), Event.objects.filter(verb="expert.admit").count()) == (182, 182)
    assert Notification.objects.filter(key__startswith="first-password:").count() == 182
    assert len(asked) < 80
    assert seconds < 10


def test_as_many_questions_are_asked_to_enter_many_as_to_enter_a_few(keeper, other):
    counts = []
    for numbers in (range(1, 3), range(3, 40)):
        row = open_import(keeper, book(*(person(number) for number in numbers)))
        with CaptureQueriesContext(connection) as asked:
            POOL_IMPORT.perform(row, "release", by=user_of("second_keeper"))
        counts.append(len(asked))
    assert counts[1] - counts[0] <= 1


def test_the_figures_of_an_import(keeper):
    fields = [field.name for field in Field.objects.order_by("pk")]
    rows = [
        person(1, number="A1", employer_code=None, field_1=fields[0], field_2=None),
        person(2, employer="示例院", employer_code=newcomers.code(1), field_1=fields[0], field_2=fields[1]),
        person(3, employer="示例分院", employer_code=newcomers.code(1), field_1=fields[0], field_2=None,
               term_until=TODAY + timedelta(days=30)),
    ]  # fmt: skip
    counts = importing.counts_of(importing.people_in(open_import(keeper, book(*rows))))
    assert counts == importing.Counts(
        experts=3, employers=2, numbered=2, undrawable=1, ending=1, fields={fields[0]: 3, fields[1]: 1}
    )


# --- pages ---


def test_a_keeper_hands_in_and_another_releases_in_the_browser(keeper, other, client):
    client.force_login(keeper)
    page = client.get(reverse("experts"))
    assert reverse("pool-imports") in page.content.decode()
    template = client.get(reverse("pool-import-template")).content
    assert load_workbook(io.BytesIO(template)).worksheets[0]["A1"].value == "姓名 *"
    wrong = client.post(reverse("pool-imports"), {"file": book(person(1, email=None), person(2, district="渝北"))})
    text = wrong.content.decode()
    assert (wrong.status_code, "第 3 行 B 列 电子邮箱" in text, "第 4 行 N 列 所在区县" in text) == (422, True, True)
    answer = client.post(reverse("pool-imports"), {"file": book(*people(2))})
    row = PoolImport.objects.get()
    assert answer.url == row.get_absolute_url()
    own = client.get(row.get_absolute_url()).content.decode()
    assert ("示例第2人" in own, "放行导入" in own, "撤回导入" in own) == (True, False, True)
    client.force_login(other)
    shown = client.get(row.get_absolute_url()).content.decode()
    assert ("放行导入" in shown, "撤回导入" in shown) == (True, False)
    sent = client.get(reverse("pool-import-file", args=[row.pk]))
    assert b"".join(sent.streaming_content)[:2] == b"PK"
    assert client.post(reverse("act", args=["pool_import", row.pk, "release"])).status_code == 302
    assert [expert.get_absolute_url() in client.get(row.get_absolute_url()).content.decode()
            for expert in Expert.objects.all()] == [True, True]  # fmt: skip


@pytest.mark.parametrize("name", sorted(ROLES))
def test_who_opens_the_pages(keeper, client, name):
    row = open_import(keeper, book(person()))
    client.force_login(user_of(name))
    sees = bool(ROLES[name])
    assert [client.get(reverse(page)).status_code for page in ("pool-imports", "pool-import-template")] == (
        [200, 200] if sees else [403, 403]
    )
    assert client.get(row.get_absolute_url()).status_code == (200 if sees else 404)
    handed = client.post(reverse("pool-imports"), {"file": book(person(2))}).status_code
    assert handed == (302 if name in ("pool_keeper", "second_keeper") else 403)
    assert client.post(reverse("act", args=["pool_import", row.pk, "release"])).status_code == {
        "second_keeper": 302, "supervisor": 302, "pool_keeper": 403,
    }.get(name, 404)  # fmt: skip


# --- the first password ---


@pytest.mark.parametrize("name", sorted(ROLES))
def test_only_a_keeper_sends_the_link_again_and_only_while_it_is_needed(keeper, other, client, name):
    row = released(keeper, other, person())
    expert = row.experts.get()
    address = reverse("expert-password-link", args=[expert.number])
    client.force_login(user_of(name))
    may = name in ("pool_keeper", "second_keeper")
    sees = name != "zhang"
    if sees:
        assert (address in client.get(expert.get_absolute_url()).content.decode()) == may
    assert client.post(address).status_code == (302 if may else 403 if sees else 404)
    letters = Notification.objects.filter(key__startswith="first-password:")
    verbs = [event.verb for event in Event.objects.of(expert)]
    assert (letters.count(), verbs) == ((2, ["expert.admit", "expert.password_link"]) if may else (1, ["expert.admit"]))
    first_password.set_password(expert.user, "example-password-1")
    if may:
        assert address not in client.get(expert.get_absolute_url()).content.decode()
        client.post(address)
        assert letters.count() == 2


def test_an_imported_person_sets_a_password_signs_in_and_sees_the_own_page(keeper, other, client):
    expert = released(keeper, other, person(1, username="zhang")).experts.get()
    client.post(
        first_password.link_of(expert.user),
        {"new_password1": "example-password-1", "new_password2": "example-password-1"},
    )
    signed_in = client.post(reverse("sign-in"), {"username": "zhang", "password": "example-password-1"})
    assert (signed_in.status_code, client.get(expert.get_absolute_url()).status_code) == (302, 200)


def test_who_has_set_no_password_does_not_sign_in(keeper, other, client):
    released(keeper, other, person(1, username="zhang"))
    for password in ("", "!", "None"):
        assert client.post(reverse("sign-in"), {"username": "zhang", "password": password}).status_code == 200
