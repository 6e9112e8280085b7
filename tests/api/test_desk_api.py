"""The officers' desk over HTTP: the queue as its page shows it, saved views, what one chose."""

from __future__ import annotations

import pytest

from evaluation.models import SavedView
from portal.models import Event
from tests.api.conftest import problems
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db
VIEW = {"name": "逾期的", "query": "q=逾期:是", "columns": ["due"], "duty": "intake"}


@pytest.fixture(scope="module")
def pks(django_db_setup, django_db_blocker):
    """Name -> id of each case of the small city."""
    with scenes.configured(django_db_blocker):
        yield desks.build()


@pytest.fixture
def of(pks, by_token):
    return lambda username, **more: by_token(scenes.person(username), **more)


def test_the_queue_is_the_one_of_the_page(pks, of):
    answer = of("supervisor").get("queue/", {"show": "all", "q": "龙湾 -二期", "sort": "-due"}).json()
    assert [row["id"] for row in answer["results"]] == [pks["late"], pks["done"]]
    assert [row["id"] for row in of("intake").get("queue/?page_size=2").json()["results"]] == [
        pks["late"],
        pks["today"],
    ]


def test_a_wrong_word_is_refused_with_what_would_be_right(of):
    assert problems(of("supervisor").get("queue/", {"q": "区县:火星"})) == [("value_unknown", "q")]


@pytest.mark.parametrize("username", ["member", "pool-keeper"])
def test_the_desk_is_for_officers(of, username):
    client = of(username)
    answers = [client.get(address).status_code for address in ("queue/", "queue/settings/")]
    assert [*answers, client.post("saved-views/", VIEW).status_code] == [403, 403, 403]
    assert client.get("saved-views/").json()["results"] == []


def test_a_view_is_made_changed_and_removed(of):
    client = of("intake")
    made = client.post("saved-views/", VIEW)
    view = made.json()
    assert (made.status_code, view["name"], view["is_mine"], view["revision"]) == (201, "逾期的", True, 1)
    address = f"saved-views/{view['id']}/"
    assert client.patch(address, {"name": "改名", "revision": 1}).json()["name"] == "改名"
    again = client.patch(address, {"name": "又改", "revision": 1})
    assert (again.status_code, problems(again)) == (409, [("changed", "")])
    other = of("supervisor")
    assert [other.get(address).status_code, other.delete(address).status_code] == [404, 404]
    assert (client.delete(address).status_code, SavedView.objects.exists()) == (204, False)
    verbs = ["saved_view.create", "saved_view.change", "saved_view.remove"]
    assert (
        list(Event.objects.filter(verb__startswith="saved_view").order_by("pk").values_list("verb", flat=True)) == verbs
    )


def test_a_view_of_somebody_else_is_read_and_not_changed(of):
    scenes.person("approver").duties.update(duty="intake")
    view = of("intake").post("saved-views/", VIEW).json()
    client, address = of("approver"), f"saved-views/{view['id']}/"
    assert client.get(address).json()["is_mine"] is False
    answers = [client.patch(address, {"name": "x", "revision": 1}), client.delete(address)]
    assert [answer.status_code for answer in answers] == [403, 403]


def test_a_reading_token_changes_nothing(of):
    assert of("intake", scopes=("read",)).post("saved-views/", VIEW).status_code == 403


def test_columns_and_the_view_to_open_with_are_chosen(of):
    client = of("intake")
    view = client.post("saved-views/", VIEW).json()["id"]
    usual = client.get("queue/settings/").json()
    chosen = client.patch("queue/settings/", {"columns": ["level", "due"], "opens_with": view}).json()
    assert (usual["opens_with"], chosen) == (None, {"columns": ["due", "community", "level"], "opens_with": view})
    assert client.patch("queue/settings/", {"columns": [], "opens_with": None}).json() == usual
    assert client.patch("queue/settings/", {"opens_with": view + 1}).status_code == 404
    assert client.patch("queue/settings/", {"columns": ["nothing"]}).status_code == 422
