"""Saved views and columns of the queue, on the page and by the API: one's own, shared with a duty, changed by the owner alone."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import desk, saved_views
from evaluation.models import SavedView
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Changed
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db
QUERY = "show=all&q=逾期:是"


@pytest.fixture(scope="module")
def pks(django_db_setup, django_db_blocker):
    """Name -> id of each case of the small city."""
    with scenes.configured(django_db_blocker):
        yield desks.build()


@pytest.fixture
def signed_in(pks, client):
    def sign_in(username):
        client.force_login(scenes.person(username))
        return client

    return sign_in


def kept(username="intake", name="逾期的", duty="", columns=("due", "state")):
    return saved_views.create(scenes.person(username), name, QueryDict(QUERY), columns, duty)


def listed(response):
    return [case["row"].pk for case in response.context["cases"]]


def told(response):
    return response.content.decode()


def test_a_view_is_kept_from_the_page_and_opens_with_its_query_and_columns(pks, signed_in):
    client = signed_in("intake")
    said = {"query": QUERY + "&columns=due,level&page=4", "name": " 逾期的 ", "duty": ""}
    answer = client.post(reverse("queue-views"), said)
    view = SavedView.objects.get()
    assert (answer.status_code, answer.url) == (302, view.get_absolute_url())
    assert (view.name, view.columns) == ("逾期的", ["due", "level"])
    page = client.get(answer.url)
    assert (listed(page), [column.code for column in page.context["columns"]]) == (
        [pks["late"]], ["due", "community", "level"],
    )  # fmt: skip
    assert page.context["view"] == view
    (event,) = Event.objects.filter(verb="saved_view.create")
    assert (event.actor.username, event.data["after"]["query"]) == ("intake", view.query)


@pytest.mark.parametrize(
    "said, problems",
    [
        ({"name": " "}, {"name": ["请为视图起一个名称。"]}),
        ({"name": "逾期的"}, {"name": ["您已有名为“逾期的”的视图，请换一个名称。"]}),
        ({"name": "x", "query": "q=环书:x"}, {"__all__": 1}),
    ],
)
def test_a_refused_view_keeps_what_was_typed(pks, signed_in, said, problems):
    kept()
    answer = signed_in("intake").post(reverse("queue-views"), {"query": QUERY, "duty": "intake", **said})
    errors = answer.context["form"].errors
    assert (answer.status_code, answer.context["form"]["duty"].value()) == (422, "intake")
    assert {name: 1 if problems[name] == 1 else list(rows) for name, rows in errors.items()} == problems
    assert SavedView.objects.count() == 1


def test_a_view_is_shared_only_with_a_duty_that_one_holds(pks):
    with scenes.refused() as found:
        kept(duty="approver")
    assert found == [("duty_not_held", "duty")]


@pytest.mark.parametrize("duty, sees", [("", {"intake"}), ("intake", {"intake", "second"})])
def test_a_view_opens_for_its_owner_and_for_those_it_is_shared_with(pks, signed_in, duty, sees):
    second = scenes.person("approver")
    second.duties.update(duty="intake")
    view = kept(duty=duty)
    names = {"intake": "intake", "second": "approver", "other": "supervisor"}
    found = {who for who, name in names.items() if saved_views.visible_to(scenes.person(name)).exists()}
    assert found == sees
    for who, name in names.items():
        expected = 200 if who == "intake" else 403 if who in sees else 404
        assert signed_in(name).get(reverse("queue-view", args=[view.pk])).status_code == expected
        if who != "intake":
            removed = signed_in(name).post(reverse("queue-view-remove", args=[view.pk]))
            assert removed.status_code == expected
    assert SavedView.objects.filter(pk=view.pk).exists()


@pytest.mark.parametrize("username", ["member", "pool-keeper", "system-administrator"])
def test_who_has_no_queue_has_no_views(pks, signed_in, username):
    client = signed_in(username)
    assert client.get(reverse("queue-views")).status_code == 403
    assert client.post(reverse("queue-columns"), {"column": "due"}).status_code == 403
    with pytest.raises(NotAllowed):
        kept(username)


def test_of_two_changes_at_once_the_second_is_told(pks):
    user, view = scenes.person("intake"), kept()
    saved_views.change(user, SavedView.objects.get(), 1, name="一")
    with pytest.raises(Changed):
        saved_views.change(user, SavedView.objects.get(), 1, name="二")
    view.refresh_from_db()
    (event,) = Event.objects.filter(verb="saved_view.change")
    assert (view.name, view.revision, event.data["before"]["name"], event.data["after"]["name"]) == (
        "一", 2, "逾期的", "一",
    )  # fmt: skip


def test_a_view_is_changed_and_removed_from_its_page(pks, signed_in):
    client, view = signed_in("intake"), kept()
    said = {"name": "改名", "duty": "intake", "columns": ["state"], "revision": view.revision}
    assert client.post(reverse("queue-view", args=[view.pk]), said).status_code == 302
    assert client.post(reverse("queue-view", args=[view.pk]), said).status_code == 422
    view.refresh_from_db()
    assert (view.name, view.duty, view.columns, view.query) == (
        "改名",
        "intake",
        ["state"],
        desk.query_of(QueryDict(QUERY)),
    )
    assert client.post(reverse("queue-view-remove", args=[view.pk])).status_code == 302
    assert not SavedView.objects.exists()


def test_the_queue_opens_with_the_chosen_view_until_it_is_gone(pks, signed_in):
    client, view = signed_in("intake"), kept()
    client.post(reverse("queue-view-default", args=[view.pk]))
    answer = client.get(reverse("queue"))
    assert (answer.status_code, answer.url) == (302, view.get_absolute_url())
    assert client.get(reverse("queue"), {"show": "mine"}).status_code == 200
    client.post(reverse("queue-view-default", args=[view.pk]), {"off": "1"})
    assert client.get(reverse("queue")).status_code == 200
    client.post(reverse("queue-view-default", args=[view.pk]))
    client.post(reverse("queue-view-remove", args=[view.pk]))
    assert client.get(reverse("queue")).status_code == 200


def test_a_default_view_that_is_no_longer_shared_does_not_open(pks, signed_in):
    view = kept("supervisor", duty="supervisor")
    scenes.person("approver").duties.update(duty="supervisor")
    saved_views.open_with(scenes.person("approver"), view)
    SavedView.objects.update(duty="")
    assert signed_in("approver").get(reverse("queue")).status_code == 200


def test_columns_are_kept_for_the_person_and_the_query_stays(pks, signed_in):
    client = signed_in("intake")
    answer = client.post(
        reverse("queue-columns"), {"column": ["level", "due", "nothing"], "query": "show=all&q=云&page=2"}
    )
    assert urlsplit(answer.url).query == "show=all&q=%E4%BA%91"
    codes = [column.code for column in client.get(answer.url).context["columns"]]
    assert codes == ["due", "community", "level"]
    assert [column.code for column in desk.columns_of(scenes.person("supervisor"), {})] == list(desk.SHOWN)
    client.post(reverse("queue-columns"), {"usual": "1", "column": "level"})
    assert [column.code for column in client.get(reverse("queue")).context["columns"]] == list(desk.SHOWN)
    assert [event.data["after"] for event in Event.objects.filter(verb="user.queue_columns")] == [["due", "level"], []]


def test_a_wrong_word_is_told_beside_its_field_and_nothing_typed_is_lost(pks, signed_in):
    asked = {"show": "all", "q": "区县:火星 环书:x", "within": "多", "district": "nowhere"}
    page = signed_in("supervisor").get(reverse("queue"), asked)
    fields = {field.name: field for field in page.context["fields"]}
    assert (page.status_code, page.context["cases"], page.context["line"]) == (422, [], asked["q"])
    assert [len(fields[name].problems) for name in ("within", "district", "state")] == [1, 1, 0]
    assert [text[:9] for text in page.context["line_problems"]] == ["“区县”中没有“火", "没有“环书”这个条"]
    assert (fields["within"].value, fields["district"].value) == ("多", "nowhere")
    assert 'value="区县:火星 环书:x"' in told(page)


def test_the_fields_stand_open_for_whoever_asks_for_them_or_has_narrowed_by_one(pks, signed_in):
    client = signed_in("supervisor")
    asked = ("show=all", "show=all&q=云&sort=-due", "filters=1", "show=all&within=3", "show=all&unit=城建")
    pages = [client.get(f"/queue/?{query}") for query in asked]
    assert [bool(page.context["fields"]) for page in pages] == [False, False, True, True, True]
    assert 'name="sort" value="-due"' in told(pages[1])
    assert [field.name for field in pages[4].context["fields"]][-1] == "unit"


def test_an_empty_list_says_where_else_to_look(pks, signed_in):
    assert "在全部案件中查找" in told(signed_in("approver").get(reverse("queue"), {"q": "龙湾"}))
    assert "查看全部在办案件" in told(signed_in("supervisor").get(reverse("queue")))


def test_the_page_costs_the_same_for_one_row_and_for_many(pks, signed_in):
    client = signed_in("supervisor")

    def queries(address):
        client.get(address)
        with CaptureQueriesContext(connection) as counted:
            assert client.get(address).status_code == 200
        return len(counted)

    assert queries("/queue/?show=all") == queries("/queue/?show=done")
    assert queries("/queue/?show=all&state=form_check") == queries("/queue/?show=all&state=drawing")
