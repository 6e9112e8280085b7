"""Bulk acts, exports, handing over and standing in over HTTP: the same as on the pages, with the same refusals."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from communities.models import Officer
from evaluation.models import Application
from portal import tasks
from portal.demo import people
from portal.models import Event
from tests.api.conftest import problems
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def pks(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        found = desks.build()
        user = get_user_model().objects.create(username="intake-2", name="示例受理员乙", email="intake-2@example.org")
        Officer.objects.create(user=user, duty="intake", since=people.first_day())
        yield found


@pytest.fixture
def of(pks, by_token):
    return lambda username, **more: by_token(scenes.person(username), **more)


def pk_of(username):
    return scenes.person(username).pk


def test_a_batch_is_tried_then_run_and_its_events_name_the_token(pks, of):
    client = of("supervisor")
    said = {"act": "assign", "cases": [pks["late"], pks["done"]], "data": {"handler": str(pk_of("intake-2"))}}
    made = client.post("batches/", said)
    batch = made.json()
    tasks.advance("batch", batch["id"])
    rows = client.get(f"batches/{batch['id']}/rows/").json()["results"]
    assert (made.status_code, {row["application"]: row["foreseen"] for row in rows}) == (
        201, {pks["late"]: "possible", pks["done"]: "refused"}
    )  # fmt: skip
    assert client.post(f"batches/{batch['id']}/acts/run/", {}).status_code == 200
    tasks.advance("batch", batch["id"])
    found = client.get(f"batches/{batch['id']}/").json()
    assert (found["state"], found["counts"]["done"], found["counts"]["refused"]) == ("done", 1, 1)
    event = Event.objects.get(verb="application.assign", subject_id=pks["late"])
    assert event.token == Event.objects.get(verb="batch.prepare").token != ""


def test_all_that_a_query_finds_is_a_batch_too(pks, of):
    made = of("supervisor").post("batches/", {"act": "remind", "query": "show=all&q=环节:审定"}).json()
    assert (made["counts"]["total"], made["query"]) == (1, "show=all&q=环节:审定")
    assert problems(of("supervisor").post("batches/", {"act": "remind", "query": "q=区县:火星"})) == [
        ("value_unknown", "q")
    ]


def test_cases_are_handed_over_by_their_holder(pks, of):
    officer = Officer.objects.get(user__username="intake").pk
    said = {"officer": officer, "successor": pk_of("intake-2"), "reason": "调岗"}
    made = of("intake").post("batches/hand-over/", said)
    assert (made.status_code, made.json()["handed_by"]) == (201, str(scenes.person("intake")))
    assert of("intake-2").post("batches/hand-over/", said).status_code == 404


def test_an_export_is_its_makers_alone(pks, of):
    client = of("intake")
    row = client.post("exports/", {"query": "show=all&columns=number"}).json()
    assert client.get(f"exports/{row['id']}/file/").status_code == 404
    tasks.advance("export", row["id"])
    row = client.get(f"exports/{row['id']}/").json()
    assert (row["state"], row["written"]) == ("ready", Application.objects.exclude(state="draft").count())
    assert b"".join(client.get(f"exports/{row['id']}/file/").streaming_content)[:2] == b"PK"
    other = of("supervisor")
    assert [other.get(f"exports/{row['id']}/{part}").status_code for part in ("", "file/")] == [404, 404]


def test_somebody_is_asked_to_stand_in_and_agrees(pks, of):
    client, day = of("intake"), timezone.localdate().isoformat()
    duty = client.get("stand-ins/duties/").json()["results"][0]
    asked = {"officer": duty["id"], "colleague": pk_of("approver"), "since": day, "until": day, "reason": "休假"}
    row = client.post("stand-ins/", asked).json()
    assert (duty["duty"], row["state"]) == ("intake", "asked")
    assert client.post(f"stand-ins/{row['id']}/acts/agree/", {}).status_code == 403
    assert of("approver").post(f"stand-ins/{row['id']}/acts/agree/", {}).status_code == 200
    assert problems(client.post("stand-ins/", asked)) == [("overlap", "since")]


@pytest.mark.parametrize("username", ["member", "pool-keeper"])
def test_the_desk_is_for_officers(of, username):
    client = of(username)
    posted = [client.post("batches/", {"act": "remind", "cases": [1]}), client.post("exports/", {"query": ""})]
    assert [answer.status_code for answer in (*posted, client.get("stand-ins/"))] == [403, 403, 403]
