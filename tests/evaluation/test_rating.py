"""Ratings of a panel's members: who rates whom, once, what is legal, who reads what, and the expert's one answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import rating, work
from evaluation.models import Rating
from portal.demo import days, people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world()
GOOD = {"attendance": 25, "quality": 28, "timeliness": 18, "ethics": 25}
POOR = {"attendance": 10, "quality": 20, "timeliness": 4, "ethics": 25}


@pytest.fixture(scope="module")
def pk(world):
    """A case whose review is closed."""
    return world.case_at("approval").pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def seats(case):
    return people.panel_of(case, "signed")


@pytest.fixture
def organiser():
    return people.officer("organiser")


def test_the_parts_come_to_a_hundred_points(world):
    assert sum(rating.maxima().values()) == 100
    assert set(rating.maxima()) == set(rating.PARTS)


def test_every_member_is_rated_once_and_then_nothing_waits(case, seats, organiser):
    (row,) = [row for row in work.waiting_on(organiser) if row.key == f"rating-{case.pk}"]
    assert (row.due_on, row.link) == (rating.last_day(case), reverse("ratings", args=[case.pk]))
    for seat in seats:
        rating.rate(organiser, seat, remark="", **GOOD)
    assert [row.key for row in work.waiting_on(organiser) if row.key.startswith("rating-")] == []
    with refused() as found:
        rating.rate(organiser, seats[0], remark="示例", **POOR)
    assert found == [("rated", "")]
    assert {row.total for row in Rating.objects.filter(assignment__in=seats)} == {96}


@pytest.mark.parametrize("change, remark, problems", [
    ({}, "", []),
    ({"attendance": 26}, "", [("points_out_of_range", "attendance")]),
    ({"quality": -1, "ethics": 99}, "", [("points_out_of_range", "quality"), ("points_out_of_range", "ethics")]),
    (POOR, " ", [("remark_missing", "remark")]),
    (POOR, "示例：两次缺席现场核查。", []),
    ({**POOR, "timeliness": 5}, "", []),
    ({}, "长" * 2001, [("too_long", "remark")]),
])  # fmt: skip
def test_points_keep_to_their_parts_and_few_points_need_words(seats, organiser, change, remark, problems):
    found = []
    if problems:
        with refused() as found:
            rating.rate(organiser, seats[0], remark=remark, **{**GOOD, **change})
    else:
        rating.rate(organiser, seats[0], remark=remark, **{**GOOD, **change})
    assert found == problems
    assert Rating.objects.filter(assignment=seats[0]).exists() is not bool(problems)


def test_a_part_that_is_left_out_is_a_problem_of_its_own(seats, organiser):
    with refused() as found:
        rating.rate(organiser, seats[0], remark="示例", attendance=1)
    assert found == [("points_out_of_range", part) for part in ("quality", "timeliness", "ethics")]


@pytest.mark.parametrize("role", ["supervisor", "approver", "intake", "pool-keeper", "applicant"])
def test_nobody_but_the_organiser_rates(seats, role):
    with pytest.raises(NotAllowed):
        rating.rate(scenes.person(role), seats[0], remark="", **GOOD)


def test_a_member_rates_neither_the_others_nor_themself(seats):
    for seat in seats[:2]:
        with pytest.raises(NotAllowed):
            rating.rate(seats[0].expert.user, seat, remark="", **GOOD)


def test_an_organiser_who_somehow_sat_there_does_not_rate_that_seat(seats, organiser):
    type(seats[0].expert).objects.filter(pk=seats[0].expert_id).update(user=organiser)
    seat = type(seats[0]).objects.get(pk=seats[0].pk)
    with pytest.raises(NotAllowed):
        rating.rate(organiser, seat, remark="", **GOOD)


def test_before_the_review_is_closed_nobody_is_rated(world, organiser):
    seat = people.panel_of(world.case_at("deliberation"), "signed")[0]
    with pytest.raises(Stale):
        rating.rate(organiser, seat, remark="", **GOOD)
    assert rating.last_day(seat.application) is None


def test_the_expert_hears_of_it_answers_once_in_time_and_the_organiser_hears_that(seats, organiser):
    row = rating.rate(organiser, seats[0], remark="", **GOOD)
    expert = seats[0].expert
    heard = Notification.objects.filter(user=expert.user, kind="progress").latest("pk")
    assert heard.link == expert.get_absolute_url()
    with refused() as found:
        rating.reply(expert.user, row, "  ")
    assert found == [("required", "reply")]
    with pytest.raises(NotAllowed):
        rating.reply(organiser, row, "示例")
    rating.reply(expert.user, row, " 示例：当日已请假。 ")
    row.refresh_from_db()
    assert (row.reply, row.replied_at is None) == ("示例：当日已请假。", False)
    with refused() as found:
        rating.reply(expert.user, row, "再说一次")
    assert found == [("replied", "")]
    assert Notification.objects.filter(user=organiser).latest("pk").link == reverse(
        "ratings", args=[seats[0].application_id]
    )
    verbs = [event.verb for event in Event.objects.of(expert) if "rat" in event.verb]
    assert verbs == ["expert.rate", "expert.reply_rating"]


@pytest.mark.parametrize("days_after, problems", [(0, []), (1, [("late", "")])])
def test_the_last_day_to_answer_counts_and_the_next_does_not(seats, organiser, days_after, problems):
    row = rating.rate(organiser, seats[0], remark="", **GOOD)
    day = rating.last_day_to_reply(row) + timedelta(days=days_after)
    found = []
    with days.as_of(days.at(day, 9, 0)):
        if problems:
            with refused() as found:
                rating.reply(seats[0].expert.user, row, "示例")
        else:
            rating.reply(seats[0].expert.user, row, "示例")
    assert found == problems


@pytest.mark.parametrize("who, status", [
    ("organiser", 200), ("supervisor", 200), ("approver", 403), ("intake", 403), ("applicant", 403), ("pool-keeper", 404),
])  # fmt: skip
def test_the_page_of_ratings_is_for_who_runs_or_supervises_the_case(case, client, who, status):
    client.force_login(scenes.person(who))
    assert client.get(reverse("ratings", args=[case.pk])).status_code == status


def test_a_member_of_the_panel_reads_no_others_ratings(case, seats, client):
    client.force_login(seats[0].expert.user)
    assert client.get(reverse("ratings", args=[case.pk])).status_code == 403


def test_the_organiser_rates_on_the_page_and_what_was_typed_stays_beside_what_is_wrong(case, seats, organiser, client):
    client.force_login(organiser)
    address, seat = reverse("ratings", args=[case.pk]), seats[0]
    said = {f"seat-{seat.pk}-{part}": value for part, value in POOR.items()}
    answer = client.post(address, {"seat": seat.pk, **said})
    form = next(form for row, _rating, form in answer.context["rows"] if row.pk == seat.pk)
    assert (answer.status_code, form["attendance"].value()) == (422, "10")
    assert form.errors == {"remark": ["合计低于 60 分的，请写明原因。"]}
    answer = client.post(address, {"seat": seat.pk, **said, f"seat-{seat.pk}-remark": "示例：迟交。"})
    assert answer.status_code == 302
    assert Rating.objects.get(assignment=seat).remark == "示例：迟交。"
    assert client.post(address, {"seat": "1000000", **said}).status_code == 403


def test_the_supervisor_sees_the_page_without_forms(case, client):
    client.force_login(people.officer("supervisor"))
    page = client.get(reverse("ratings", args=[case.pk]))
    assert [form for _row, _rating, form in page.context["rows"]] == [None] * 5


def part_of(client, expert):
    page = client.get(expert.get_absolute_url())
    return next((part.context for part in page.context["parts"] if part.template == "experts/_ratings.html"), None)


def test_the_expert_reads_the_own_rating_and_answers_on_the_own_page(seats, organiser, client):
    row = rating.rate(organiser, seats[0], remark="", **GOOD)
    expert = seats[0].expert
    client.force_login(expert.user)
    ((found, last_day),) = part_of(client, expert)["ratings"]
    assert (found.pk, last_day) == (row.pk, rating.last_day_to_reply(row))
    address = reverse("rating-reply", args=[row.pk])
    assert client.post(address, {"reply": ""}).status_code == 422
    assert client.post(address, {"reply": "示例：已说明。"}).status_code == 302
    assert [last for _row, last in part_of(client, expert)["ratings"]] == [None]
    client.force_login(seats[1].expert.user)
    assert client.post(address, {"reply": "示例"}).status_code == 404


def test_keepers_read_what_the_ratings_come_to_and_no_case(seats, organiser, client):
    rating.rate(organiser, seats[0], remark="示例：迟交。", **POOR)
    expert = seats[0].expert
    seen = {}
    for who in ("pool-keeper", "supervisor", "organiser", "intake"):
        client.force_login(scenes.person(who))
        context = part_of(client, expert)
        seen[who] = context and (context["summary"], len(context["ratings"]))
    summary = rating.Summary(1, 59.0, 1)
    assert seen == {"pool-keeper": (summary, 0), "supervisor": (summary, 1), "organiser": None, "intake": None}


def test_the_list_of_the_pool_tells_keepers_the_mean_and_nobody_else(seats, organiser, client):
    rating.rate(organiser, seats[0], remark="", **GOOD)
    told = {}
    for who in ("pool-keeper", "organiser"):
        client.force_login(scenes.person(who))
        columns = client.get(reverse("experts")).context["columns"]
        told[who] = [(column.heading, column.cells) for column in columns]
    assert told == {
        "pool-keeper": [("履职评价", {seats[0].expert_id: "96"}), ("本年谢绝", {})],
        "organiser": [],
    }


def test_work_and_pages_ask_as_much_of_five_ratings_as_of_one(case, seats, organiser, client):
    expert = seats[0].expert
    rating.rate(organiser, seats[0], remark="", **GOOD)
    client.force_login(expert.user)

    def asked():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(expert.get_absolute_url()).status_code == 200
        return len(queries)

    asked()
    once = asked()
    for seat in seats[1:]:
        row = rating.rate(organiser, seat, remark="", **GOOD)
        Rating.objects.filter(pk=row.pk).update(assignment=again(seats[0], row.pk))
    assert len(part_of(client, expert)["ratings"]) == 5
    assert asked() == once


def again(seat, number):
    """The same expert on a panel of another round."""
    return type(seat).objects.create(
        application=seat.application, expert=seat.expert, draw=seat.draw, field=seat.field, seat=1, state="signed",
        review_round=10 + number,
    )  # fmt: skip
