"""Calls for experts: who announces them, what they must say, what anybody reads, and the list that is published once."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from experts import calls
from experts.models import Call
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def keepers():
    return newcomers.officers()


@pytest.fixture
def call(keepers):
    return newcomers.call(keepers["pool_keeper"])


def closed(call):
    Call.objects.filter(pk=call.pk).update(opens_on=TODAY - 9 * DAY, closes_on=TODAY - DAY)
    return newcomers.fresh(call)


@pytest.mark.parametrize(
    "duty", ["supervisor", "organiser", "intake", "approver", "system_administrator", "district_officer"]
)
def test_only_the_keeper_of_the_pool_announces_and_publishes(keepers, call, duty):
    with pytest.raises(NotAllowed):
        newcomers.call(keepers[duty])
    with pytest.raises(NotAllowed):
        calls.publish_admitted(keepers[duty], closed(call))


def test_calls_are_numbered_by_year_and_leave_a_trace(keepers, call):
    second = newcomers.call(keepers["pool_keeper"])
    assert [row.number for row in (call, second)] == [f"ZJZ-{TODAY.year}-001", f"ZJZ-{TODAY.year}-002"]
    assert [(event.verb, event.role) for event in Event.objects.of(call)] == [("call.open", "pool_keeper")]


@pytest.mark.parametrize(
    "values, problems",
    [
        ({"closes_on": TODAY}, []),
        ({"title": " "}, [("required", "title")]),
        ({"conditions": ""}, [("required", "conditions")]),
        ({"closes_on": TODAY - DAY}, [("date_past", "closes_on")]),
        ({"opens_on": TODAY + 5 * DAY, "closes_on": TODAY + 4 * DAY}, [("dates_swapped", "closes_on")]),
        ({"closes_on": date.max}, [("too_far", "closes_on")]),
        ({"closes_on": newcomers.years_ago(-2)}, []),
        ({"term_years": 0}, [("out_of_range", "term_years")]),
        ({"term_years": 11}, [("out_of_range", "term_years")]),
        ({"fields_at_most": 0}, [("out_of_range", "fields_at_most")]),
        (
            {"title": "", "opens_on": None, "fields_at_most": 99},
            [("required", "title"), ("required", "opens_on"), ("out_of_range", "fields_at_most")],
        ),
    ],
)
def test_a_call_is_announced_with_everything_or_not_at_all(keepers, values, problems):
    if not problems:
        assert newcomers.call(keepers["pool_keeper"], **values).is_running(TODAY)
        return
    with scenes.refused() as found:
        newcomers.call(keepers["pool_keeper"], **values)
    assert (found, Call.objects.count()) == (problems, 0)


@pytest.mark.parametrize(
    "opens, closes, runs", [(0, 0, True), (-3, 0, True), (-3, -1, False), (1, 3, False), (0, 5, True)]
)
def test_both_the_first_and_the_last_day_belong_to_the_period(call, opens, closes, runs):
    Call.objects.update(opens_on=TODAY + opens * DAY, closes_on=TODAY + closes * DAY)
    assert newcomers.fresh(call).is_running(TODAY) == runs
    assert Call.objects.running(TODAY).exists() == runs


def test_calls_that_run_stand_first(keepers):
    keeper = keepers["pool_keeper"]
    old = closed(newcomers.call(keeper, title="已截止"))
    coming = newcomers.call(keeper, title="未开始", opens_on=TODAY + DAY)
    runs = newcomers.call(keeper, title="征集中")
    assert list(calls.announced(TODAY)) == [runs, coming, old]


class TestPublishing:
    def test_not_before_the_last_day_is_over_and_everything_is_decided(self, keepers, call):
        row = newcomers.act(newcomers.whole("zhang", call), "submit", newcomers.person("zhang"))
        with scenes.refused() as found:
            calls.publish_admitted(keepers["pool_keeper"], call)
        assert found == [("call_runs", ""), ("admissions_wait", "")]
        shut = closed(call)
        with scenes.refused() as found:
            calls.publish_admitted(keepers["pool_keeper"], shut)
        assert found == [("admissions_wait", "")]
        newcomers.act(newcomers.act(row, "vet", keepers["pool_keeper"]), "refuse", keepers["supervisor"])
        calls.publish_admitted(keepers["pool_keeper"], shut)
        assert newcomers.fresh(call).published_at is not None

    def test_what_nobody_handed_in_does_not_hinder(self, keepers, call):
        newcomers.whole("zhang", call)
        calls.publish_admitted(keepers["pool_keeper"], closed(call))
        assert newcomers.fresh(call).published_at is not None

    def test_once_and_for_good(self, keepers, call):
        early = closed(call)
        calls.publish_admitted(keepers["pool_keeper"], closed(call))
        at = newcomers.fresh(call).published_at
        with scenes.refused() as found:
            calls.publish_admitted(keepers["pool_keeper"], early)  # as somebody who had read it before
        assert (found, newcomers.fresh(call).published_at) == ([("published", "")], at)

    def test_the_list_is_public_only_then_and_tells_nothing_private(self, keepers, call, client):
        expert = newcomers.admitted("zhang", call, keepers, employer="示例甲院")
        address = closed(call).get_absolute_url()
        assert "示例zhang" not in client.get(address).content.decode()
        calls.publish_admitted(keepers["pool_keeper"], newcomers.fresh(call))
        page = client.get(address).content.decode()
        shown = [word in page for word in ("示例zhang", expert.number, "示例甲院", str(expert.district))]
        hidden = [word in page for word in (expert.user.email, expert.user.phone, expert.employer_code, "硕士研究生")]
        assert (shown, hidden) == ([True] * 4, [False] * 4)

    def test_it_stays_as_it_was_when_people_were_admitted(self, keepers, call, client):
        expert = newcomers.admitted("zhang", call, keepers, employer="示例甲院")
        calls.publish_admitted(keepers["pool_keeper"], closed(call))
        for rows in (type(expert).objects, call.admissions):
            rows.update(employer="示例乙院")
        type(expert.user).objects.filter(pk=expert.user_id).update(name="改名")
        with CaptureQueriesContext(connection) as queries:
            page = client.get(call.get_absolute_url()).content.decode()
        assert ("示例甲院" in page, "示例乙院" in page, "改名" in page) == (True, False, False)
        private = ("experts_expert", "experts_admission", "portal_user", "portal_event")
        assert [name for name in private if any(f'"{name}"' in one["sql"] for one in queries)] == []


class TestPages:
    def test_anybody_reads_calls_and_is_led_to_apply(self, call, client):
        listed = client.get(reverse("calls")).content.decode()
        page = client.get(call.get_absolute_url()).content.decode()
        assert (call.title in listed, "示例条件" in page, "登录后申请" in page) == (True, True, True)
        assert call.title in client.get(reverse("home")).content.decode()
        assert client.get(reverse("call", args=["none"])).status_code == 404

    def test_who_may_not_enter_is_told_why_and_finds_no_button(self, keepers, call, client):
        client.force_login(keepers["intake"])
        page = client.get(call.get_absolute_url()).content.decode()
        assert ("申请人担任受理员" in page, reverse("call-apply", args=[call.number]) in page) == (True, False)
        answer = client.post(reverse("call-apply", args=[call.number]), follow=True)
        assert ("申请人担任受理员" in answer.content.decode(), call.admissions.count()) == (True, 0)

    def test_the_keeper_announces_through_the_form_and_others_find_none(self, keepers, client):
        values = {**newcomers.call_values(), "title": "示例新征集"}
        client.force_login(keepers["pool_keeper"])
        wrong = client.post(reverse("call-new"), {**values, "closes_on": TODAY - DAY})
        assert (wrong.status_code, "截止日期不能早于今天" in wrong.content.decode()) == (422, True)
        client.post(reverse("call-new"), values)
        assert Call.objects.get().title == "示例新征集"
        client.force_login(keepers["organiser"])
        assert [client.get(reverse("call-new")).status_code, client.post(reverse("call-new"), values).status_code] == [
            403,
            403,
        ]

    def test_publishing_needs_the_button_and_the_keeper(self, keepers, call, client):
        address = reverse("call-publish", args=[closed(call).number])
        client.force_login(keepers["supervisor"])
        assert client.post(address).status_code == 403
        client.force_login(keepers["pool_keeper"])
        assert client.get(address).status_code == 405
        assert client.post(address).status_code == 302
        assert newcomers.fresh(call).published_at is not None

    def test_a_long_list_costs_as_much_as_a_short_one(self, keepers, call, client):
        counts = []
        for names in (["a"], ["b", "c", "d"]):
            for name in names:
                newcomers.admitted(name, newcomers.fresh(call), keepers)
            closed(call)
            Call.objects.update(published_at=None)
            calls.publish_admitted(keepers["pool_keeper"], newcomers.fresh(call))
            Call.objects.update(closes_on=TODAY + 9 * DAY)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                client.get(call.get_absolute_url())
            counts.append(len(queries))
        assert counts[0] == counts[1]


# --- changing what was announced --------------------------------------------------------------------------------------


class TestChanging:
    @pytest.fixture
    def keeper(self, keepers):
        return keepers["pool_keeper"]

    def test_it_is_prolonged_and_what_it_said_stays_public(self, keeper, call, client):
        row = newcomers.whole("zhang", call)
        before, later = call.closes_on, call.closes_on + 9 * DAY
        calls.change_call(keeper, call, {"closes_on": later, "conditions": "示例：另一条件"}, "报名人数不足")
        (kept,) = call.versions.all()
        assert (kept.number, kept.closes_on, kept.conditions, kept.reason) == (1, before, "示例条件", "报名人数不足")
        assert (newcomers.fresh(call).version, newcomers.fresh(row).due_on) == (2, later)
        event = Event.objects.of(call).last()
        assert (event.verb, event.data["until"], event.data["version"]) == ("call.change", later.isoformat(), 2)
        assert [one.user for one in Notification.objects.filter(key__startswith=f"event:{event.pk}:")] == [row.user]
        text = client.get(call.get_absolute_url()).content.decode()
        assert all(words in text for words in ("示例条件", "示例：另一条件", "报名人数不足"))

    @pytest.mark.parametrize(
        "values, reason, problems",
        [
            ({}, "x", [("unchanged", "")]),
            ({"closes_on": TODAY + 9 * DAY}, "x", [("only_later", "closes_on")]),
            ({"closes_on": date.max}, "x", [("too_far", "closes_on")]),
            ({"closes_on": None, "conditions": " "}, "", [
                ("only_later", "closes_on"), ("required", "conditions"), ("required", "reason"),
            ]),
            ({"conditions": "x" * 20_001}, "x" * 501, [("too_long", "conditions"), ("too_long", "reason")]),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said_all_at_once(self, keeper, call, values, reason, problems):
        with scenes.refused() as found:
            calls.change_call(keeper, call, values, reason)
        assert (found, call.versions.count()) == (problems, 0)

    def test_what_is_closed_stays_as_it_is(self, keeper, call):
        with scenes.refused() as found:
            calls.change_call(keeper, closed(call), {"closes_on": TODAY + DAY}, "x")
        assert found == [("call_shut", "")]

    def test_who_has_read_an_earlier_version_is_told(self, keeper, call):
        calls.change_call(keeper, call, {"conditions": "甲"}, "x")
        with pytest.raises(Stale):
            calls.change_call(keeper, newcomers.fresh(call), {"conditions": "乙"}, "x", seen=1)
        assert newcomers.fresh(call).conditions == "甲"

    @pytest.mark.parametrize("duty", ["supervisor", "organiser", "intake", "system_administrator"])
    def test_only_the_keeper_changes(self, keepers, call, client, duty):
        with pytest.raises(NotAllowed):
            calls.change_call(keepers[duty], call, {"conditions": "甲"}, "x")
        client.force_login(keepers[duty])
        assert client.get(reverse("call-change", args=[call.number])).status_code == 403

    def test_the_page_prolongs_without_a_script(self, keeper, call, client):
        client.force_login(keeper)
        address = reverse("call-change", args=[call.number])
        assert address in client.get(call.get_absolute_url()).content.decode()
        assert client.get(address).context["form"]["version"].value() == 1
        said = {"closes_on": call.closes_on + DAY, "conditions": call.conditions, "version": 1, "reason": ""}
        assert client.post(address, said).status_code == 422
        assert client.post(address, {**said, "reason": "示例"}).url == call.get_absolute_url()
        assert client.post(address, {**said, "reason": "示例"}).status_code == 422
        assert newcomers.fresh(call).closes_on == call.closes_on + DAY


def test_a_form_that_was_sent_twice_announces_one_call(keepers):
    values = newcomers.call_values()
    calls.open_call(keepers["pool_keeper"], values)
    with scenes.refused() as found:
        calls.open_call(keepers["pool_keeper"], values)
    assert (found, Call.objects.count()) == ([("double", "title")], 1)


def test_nobody_reads_conditions_of_a_million_characters(keepers):
    with scenes.refused() as found:
        newcomers.call(keepers["pool_keeper"], conditions="x" * 1_000_000)
    assert found == [("too_long", "conditions")]
