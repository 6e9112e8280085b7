"""Pages of the desk: from the ticked cases over the trial to the result, handing over, and the banner of a stand-in."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities.models import Officer, StandIn
from evaluation.models import Application, Batch
from portal import tasks
from portal.demo import people
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db
NEW = "/desk/batches/new/"


@pytest.fixture(scope="module")
def pks(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        found = desks.build()
        user = get_user_model().objects.create(username="intake-2", name="示例受理员乙", email="intake-2@example.org")
        Officer.objects.create(user=user, duty="intake", since=people.first_day())
        yield found


@pytest.fixture(scope="module")
def checked(pks):
    """Cases at the form check."""
    return list(Application.objects.filter(state="form_check").order_by("pk").values_list("pk", flat=True))


def client_of(username):
    client = Client()
    client.force_login(scenes.person(username))
    return client


def colleague():
    return str(scenes.person("intake-2").pk)


def send(client, **said):
    return client.post(NEW, {"act": "assign", "scope": "ticked", "query": "show=all", **said})


class TestBulkActs:
    def test_the_queue_offers_the_acts_of_ones_duties(self, pks):
        page = client_of("intake").get(reverse("queue"), {"show": "all"}).content.decode()
        offered = [
            code for code in ("assign", "remind", "accept", "refuse", "approve") if f'<option value="{code}"' in page
        ]
        assert offered == ["assign", "remind", "accept", "refuse"]

    def test_ticked_cases_are_tried_then_done_after_a_look(self, checked):
        client = client_of("intake")
        asked = send(client, case=checked)
        assert (asked.status_code, Batch.objects.exists()) == (200, False)
        answer = send(client, case=checked, said="1", handler=colleague(), reason="分工")
        batch = Batch.objects.get()
        assert answer.url == batch.get_absolute_url()
        tasks.advance("batch", batch.pk)
        page = client.get(answer.url).content.decode()
        assert f"可以办理 {len(checked)} 件" in page
        given = Application.objects.filter(handler=int(colleague()), pk__in=checked)
        assert given.count() == 0
        assert client.post(answer.url, {"action": "run"}).status_code == 302
        tasks.advance("batch", batch.pk)
        assert f"已办 {len(checked)} 件" in client.get(answer.url).content.decode()
        assert given.count() == len(checked)

    def test_all_that_the_query_finds_and_the_query_stays_on_record(self, checked):
        query = "show=all&q=环节:form_check"
        send(client_of("supervisor"), act="remind", scope="all", query=query)
        batch = Batch.objects.get()
        assert (batch.query, set(batch.rows.values_list("application", flat=True))) == (query, set(checked))

    def test_nothing_ticked_nothing_chosen_and_a_missing_answer_say_so(self, checked):
        client = client_of("intake")
        assert [send(client).url, send(client, act="").url] == ["/queue/?show=all"] * 2
        assert send(client, case=checked, said="1", handler="", reason="").status_code == 422
        assert not Batch.objects.exists()

    def test_somebody_elses_batch_and_an_act_of_another_duty_are_closed(self, checked):
        send(client_of("supervisor"), act="remind", case=checked)
        address = Batch.objects.get().get_absolute_url()
        assert [client_of(who).get(address).status_code for who in ("supervisor", "intake", "member")] == [
            200,
            404,
            404,
        ]
        assert send(client_of("intake"), act="approve", case=checked).status_code == 403
        assert client_of("member").get(reverse("batches")).status_code == 403

    def test_a_supervisor_sees_the_batches_of_all_and_runs_none_of_them(self, checked):
        send(client_of("intake"), act="remind", case=checked)
        batch = Batch.objects.get()
        tasks.advance("batch", batch.pk)
        client = client_of("supervisor")
        assert client.get(batch.get_absolute_url()).status_code == 200
        assert client.post(batch.get_absolute_url(), {"action": "run"}).status_code == 403

    def test_a_page_of_many_rows_asks_as_often_as_one_of_one(self, checked):
        counts = []
        for cases in (checked[:1], checked):
            send(client_of("supervisor"), act="remind", case=cases)
            batch = Batch.objects.order_by("-pk")[0]
            tasks.advance("batch", batch.pk)
            client = client_of("supervisor")
            with CaptureQueriesContext(connection) as found:
                client.get(batch.get_absolute_url())
            counts.append(len(found))
        assert counts[0] == counts[1]


class TestHandingOver:
    def test_the_own_cases_are_listed_and_go_to_a_colleague(self, checked):
        Application.objects.filter(pk__in=checked).update(handler=scenes.person("intake"), handler_duty="intake")
        client = client_of("intake")
        assert "示例" in client.get(reverse("hand-over")).content.decode()
        officer = Officer.objects.get(user__username="intake")
        said = {"from": officer.pk, "scope": "some", "case": checked[:1], "successor": colleague(), "reason": "调岗"}
        answer = client.post(reverse("hand-over"), said)
        batch = Batch.objects.get()
        assert (answer.url, batch.handed_by.username) == (batch.get_absolute_url(), "intake")
        assert list(batch.rows.values_list("application", flat=True)) == checked[:1]

    def test_nobody_hands_over_for_somebody_else_but_a_supervisor(self, checked):
        officer = Officer.objects.get(user__username="intake")
        address = f"{reverse('hand-over')}?from={officer.pk}"
        assert [client_of(who).get(address).status_code for who in ("supervisor", "intake-2")] == [200, 403]


class TestStandingIn:
    def test_it_is_asked_agreed_and_shown_at_the_head_of_each_page(self, pks):
        officer, approver = Officer.objects.get(user__username="intake"), scenes.person("approver")
        said = {
            "officer": officer.pk,
            "colleague": approver.pk,
            "since": "2020-01-01",
            "until": "2020-01-02",
            "reason": "休假",
        }
        client = client_of("intake")
        assert client.post(reverse("stand-ins"), said).status_code == 422
        today = desks.workday(0).isoformat()
        answer = client.post(reverse("stand-ins"), {**said, "since": today, "until": today})
        other = client_of("approver")
        assert "您今天代办" not in other.get("/work/").content.decode()
        assert other.post(answer.url, {"action": "agree"}).status_code == 302
        assert f"您今天代办：{officer.user}（受理员）" in other.get("/work/").content.decode()
        assert client_of("pool-keeper").get(answer.url).status_code == 404
        assert StandIn.objects.get().state == "agreed"


def test_one_case_is_given_to_a_colleague_from_its_own_page(checked):
    client, address = client_of("supervisor"), f"/act/application/{checked[1]}/assign/"
    assert address in client.get(f"/applications/{checked[1]}/").content.decode()
    assert client.post(address, {"handler": colleague()}).status_code == 302
    assert (
        f"<dt>经办人</dt><dd>{scenes.person('intake-2')}</dd>"
        in client.get(f"/applications/{checked[1]}/").content.decode()
    )
    assert address not in client_of("member").get(f"/applications/{checked[1]}/").content.decode()
