"""What was published cannot be changed unseen: versions in a chain, refused by model and database, told on the page."""

import hashlib
import json
import re
from datetime import UTC, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evaluation import notice_versions
from evaluation.models import NoticeVersion, PublicNotice
from portal.accounts import Confirmed
from portal.machine import NotAllowed
from portal.models import Event, Notification
from portal.problems import Changed, Refused
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def notice():
    return published.notice()


@pytest.fixture
def approver():
    person = published.officer("approver")
    person.set_password("right-password")
    person.save()
    return person


def correct(by, notice, reason="示例：门牌号抄错", read=None, confirmed=None, **facts):
    read = notice_versions.newest(notice).sha256 if read is None else read
    facts = facts or {"address": "渝北区示例大道18号"}
    return notice_versions.correct(by, notice, facts, reason, confirmed or Confirmed(by.pk), read)


def problems_of(call):
    with pytest.raises(Refused) as caught:
        call()
    return sorted((row.code, row.place) for row in caught.value.problems)


def test_a_notice_is_opened_with_its_first_version(notice):
    version = notice.versions.get()
    assert (version.version, version.previous, version.reason, version.figures) == (1, "", "", notice.figures)
    assert notice_versions.is_whole(notice_versions.chain(notice))


def test_anybody_computes_the_hash_from_what_the_api_publishes(client, notice, approver):
    correct(approver, notice)
    rows = client.get(f"/api/v1/notices/{notice.number}/versions/").json()["results"]
    assert [row["version"] for row in rows] == [2, 1]
    for row in rows:
        said = {name: row[name] for name in ("figures", "previous", "published_at", "reason", "version")}
        said["notice"] = notice.number
        content = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    assert rows[0]["previous"] == rows[1]["sha256"]


def test_the_unit_hears_that_its_notice_was_corrected(notice, approver):
    member = published.member(notice.application.project.organisation)
    correct(approver, notice)
    told = Notification.objects.get()
    assert (told.user, told.link, "更正了公示" in told.body) == (member, notice.get_absolute_url(), True)


def test_a_correction_is_another_version_and_leaves_the_period_alone(notice, approver):
    before = (notice.opened_on, notice.closes_on, notice.application.due_on)
    old = notice_versions.newest(notice)
    new = correct(approver, notice, households=" 821 ")
    notice.refresh_from_db()
    assert (new.version, new.figures) == (2, {**old.figures, "households": 821})
    assert (notice.figures, notice.opened_on, notice.closes_on, notice.application.due_on) == (new.figures, *before)
    event = Event.objects.get(verb="notice.correct")
    assert (event.role, event.data["changed"]) == ("approver", [{"fact": "households", "before": 820, "after": 821}])
    assert notice_versions.is_whole(notice_versions.chain(notice))


@pytest.mark.parametrize(
    "name", ["level", "level_name", "total", "panel", "chapters", "standard", "district", "opened", "stage"]
)
def test_what_was_decided_is_never_corrected(notice, approver, name):
    assert problems_of(lambda: correct(approver, notice, **{name: "3"})) == [("unchanged", "")]


@pytest.mark.parametrize("name, text", [("households", "00820"), ("floor_area", "86500"), ("floor_area", "086500.0")])
def test_the_same_number_with_other_zeros_is_no_correction(notice, approver, name, text):
    assert problems_of(lambda: correct(approver, notice, **{name: text})) == [("unchanged", "")]
    assert correct(approver, notice, address="渝北区示例大道18号", **{name: text}).figures == {
        **notice.versions.get(version=1).figures, "address": "渝北区示例大道18号",
    }  # fmt: skip


def test_an_area_is_published_as_areas_are_written(notice, approver):
    assert correct(approver, notice, floor_area="086501.").figures["floor_area"] == "86501.00"


def test_every_problem_of_a_correction_is_told_at_once(notice, approver):
    wrong = {
        "community": " ", "address": "长" * 201, "organisation": "示例\0", "floor_area": "1e5", "households": "0",
        "buildings": "九",
    }  # fmt: skip
    found = problems_of(lambda: correct(approver, notice, reason=" ", confirmed=Confirmed(approver.pk + 1), **wrong))
    assert found == sorted([
        ("required", "community"), ("too_long", "address"), ("required", "organisation"), ("number", "floor_area"),
        ("number", "households"), ("number", "buildings"), ("required", "reason"), ("password", "password"),
    ])  # fmt: skip
    assert notice.versions.count() == 1


@pytest.mark.parametrize(
    "name, text, legal",
    [
        ("floor_area", "0", False), ("floor_area", "0.01", True), ("floor_area", "12.345", False), ("floor_area", "-1", False),
        ("floor_area", "9" * 11, False), ("floor_area", "", False), ("floor_area", "１２", False), ("households", "12", True),
        ("households", "9" * 5000, False), ("households", "1.5", False), ("buildings", "²", False), ("community", "长" * 80, True),
        ("community", "长" * 81, False), ("households", "00000000000199999999", False), ("households", "0" * 20, False),
        ("buildings", "0007", True), ("households", "9999999", True), ("households", "10000000", False),
    ],
)  # fmt: skip
def test_a_fact_is_as_a_data_sheet_would_have_it(name, text, legal):
    assert (list(notice_versions._fact_problems(name, text)) == []) is legal


@pytest.mark.parametrize(
    "duty", ["intake", "organiser", "supervisor", "pool_keeper", "security_administrator", "audit_administrator"]
)
def test_only_an_approver_corrects(client, notice, duty):
    person = published.officer(duty)
    with pytest.raises(NotAllowed):
        correct(person, notice)
    client.force_login(person)
    assert client.get(reverse("notice-correct", args=[notice.pk])).status_code == 403
    assert reverse("notice-correct", args=[notice.pk]) not in client.get(notice.get_absolute_url()).content.decode()


def test_an_approver_who_ran_the_panel_does_not_correct(notice, approver):
    notice.application.organiser = approver
    notice.application.save()
    with pytest.raises(NotAllowed):
        correct(approver, notice)


@pytest.mark.parametrize(
    "state, allowed",
    [("notice", True), ("certifying", True), ("certified", True), ("drawing", False), ("not_passed", False)],
)
def test_a_correction_needs_a_result_that_stands(notice, approver, state, allowed):
    type(notice.application).objects.filter(pk=notice.application_id).update(state=state)
    assert notice_versions.may_correct(approver, PublicNotice.objects.get(pk=notice.pk)) is allowed


def test_whoever_was_overtaken_corrects_nothing(notice, approver):
    read = notice_versions.newest(notice).sha256
    correct(approver, notice)
    with pytest.raises(Changed):
        correct(approver, notice, read=read, households="1")
    assert notice.versions.count() == 2


@pytest.mark.parametrize("act", ["save", "delete"])
def test_the_model_refuses_to_change_a_version(notice, act):
    with pytest.raises(TypeError):
        getattr(notice.versions.get(), act)()


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda rows: rows.update(reason="x"),
        lambda rows: rows.update(figures={}),
        lambda rows: rows.update(sha256="0" * 64),
        lambda rows: rows._raw_delete("default"),
    ],
    ids=["reason", "figures", "hash", "delete"],
)
def test_the_database_refuses_to_change_or_delete_a_version(notice, forbidden):
    with pytest.raises(DatabaseError), transaction.atomic():
        forbidden(NoticeVersion.objects.filter(notice=notice))
    assert notice_versions.is_whole(notice_versions.chain(notice))


def test_the_database_refuses_a_notice_that_says_what_no_version_says(notice, approver):
    with pytest.raises(DatabaseError), transaction.atomic():
        PublicNotice.objects.filter(pk=notice.pk).update(figures={**notice.figures, "level": 3})
    PublicNotice.objects.filter(pk=notice.pk).update(closed_at=timezone.now())
    correct(approver, notice)
    first = notice.versions.get(version=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        PublicNotice.objects.filter(pk=notice.pk).update(figures=first.figures)


def test_a_chain_with_a_wrong_or_missing_link_is_told_on_the_page(client, notice):
    one = notice.versions.get()
    for values in ({"version": 3, "previous": one.sha256}, {"version": 2, "previous": "0" * 64}):
        with transaction.atomic():
            NoticeVersion(
                notice=notice, published_at=timezone.now(), figures=notice.figures, sha256="1" * 64, **values
            ).save()
            assert "版本记录不完整" in client.get(notice.get_absolute_url()).content.decode()
            transaction.set_rollback(True)
    assert "版本记录不完整" not in client.get(notice.get_absolute_url()).content.decode()


# --- what the public sees ---


def test_the_page_says_that_it_was_corrected_and_what(client, notice, approver):
    old = client.get(notice.get_absolute_url())
    correct(approver, notice)
    page = client.get(notice.get_absolute_url()).content.decode()
    shown = ["本公示已更正 1 次", "示例：门牌号抄错", "<del>渝北区示例大道8号</del> → <ins>渝北区示例大道18号</ins>"]
    assert [words for words in shown if words not in page] == []
    assert approver.name not in page
    again = client.get(notice.get_absolute_url(), headers={"if-none-match": old["ETag"]})
    assert (again.status_code, again["ETag"] == old["ETag"]) == (200, False)


def test_a_version_keeps_its_address_and_says_that_another_took_its_place(client, notice, approver):
    address = notice.versions.get().get_absolute_url()
    correct(approver, notice)
    page = client.get(address).content.decode()
    assert ("已被更正取代" in page, "<dd>渝北区示例大道8号</dd>" in page) == (True, True)
    pk = notice.pk
    assert {client.get(f"/notices/{pk}/versions/{number}/").status_code for number in (0, 3, 2**31, 10**30)} == {404}


@pytest.mark.parametrize("length", [16, 64])
def test_a_printed_hash_is_told_to_be_the_present_version_an_earlier_one_or_none(client, notice, approver, length):
    first = notice.versions.get().sha256
    second = correct(approver, notice).sha256
    said = {
        query: re.search(
            r'role="status">([^<，；：]+)', client.get(notice.get_absolute_url(), {"hash": query}).content.decode()
        )[1]
        for query in (first[:length], f" {second[:length].upper()} ", "0" * 64, first[:15], "<b>", "长" * 100)
    }
    none = "打印件上的散列值不属于本公示的任何一版"
    assert list(said.values()) == ["打印件是第 1 版", "打印件是现行的第 2 版", none, none, none, none]


def test_the_code_on_the_page_leads_to_the_check_of_its_own_version(client, notice, settings, monkeypatch):
    from evaluation.views import public_notices

    asked = []
    monkeypatch.setattr(public_notices, "qr", asked.append)
    client.get(notice.get_absolute_url())
    assert asked == [f"{settings.SITE_URL}{notice.get_absolute_url()}?hash={notice.versions.get().sha256}"]


def test_the_feed_says_that_a_notice_was_corrected_and_when(client, notice, approver):
    PublicNotice.objects.filter(pk=notice.pk).update(opened_on=timezone.localdate() - timedelta(days=5))
    before = client.get(reverse("notice-feed")).content.decode()
    version = correct(approver, PublicNotice.objects.get(pk=notice.pk))
    after = client.get(reverse("notice-feed")).content.decode()
    assert ("本公示已更正" in before, "本公示已更正" in after) == (False, True)
    assert f"<updated>{version.published_at.astimezone(UTC).isoformat()[:19]}" in after


def test_a_notice_asks_as_often_of_ten_versions_as_of_one(client, notice, approver):
    def asked():
        with CaptureQueriesContext(connection) as seen:
            assert client.get(notice.get_absolute_url()).status_code == 200
        return len(seen)

    few = asked()
    for number in range(9):
        correct(approver, notice, households=str(900 + number))
    assert asked() == few


# --- the form and the API ---


def said(notice, **more):
    last = notice_versions.newest(notice)
    facts = {name: last.figures[name] for name in notice_versions.CORRECTABLE}
    return {**facts, "reason": "示例：笔误", "password": "right-password", "read": last.sha256, **more}


def test_the_page_of_a_correction_publishes_it_with_the_password(client, notice, approver):
    client.force_login(approver)
    address = reverse("notice-correct", args=[notice.pk])
    wrong = client.post(address, said(notice, address="示例新址", password="wrong"))
    assert (wrong.status_code, "密码不正确" in wrong.content.decode(), notice.versions.count()) == (422, True, 1)
    assert client.post(address, said(notice, address="示例新址")).url == notice.get_absolute_url()
    assert notice_versions.newest(notice).figures["address"] == "示例新址"


def test_the_api_corrects_by_the_same_rules(client, notice, approver):
    address = f"/api/v1/notices/{notice.number}/corrections/"
    told = {
        "address": "示例新址",
        "reason": "示例：笔误",
        "password": "right-password",
        "read": notice.versions.get().sha256,
    }

    def post(**more):
        return client.post(address, {**told, **more}, content_type="application/json").status_code

    assert post() in (401, 403)
    client.force_login(published.officer("supervisor"))
    assert post() == 403
    client.force_login(approver)
    assert (post(password="wrong"), post(read="0" * 64), post(), post()) == (422, 409, 201, 409)
