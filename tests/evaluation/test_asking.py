"""Questions of the panel: asked, passed on, answered once; the applicant and the other members never learn who asks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluation import asking, history, work
from evaluation.models import Application, Question
from evaluation.permissions import PASSED_ON, question_roles, questions_visible_to
from evaluation.workflow import ASSIGNMENT, QUESTION
from portal import tasks
from portal.demo import journey, people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world()
ITEM = "4.1.1"


@pytest.fixture(scope="module")
def pk(world):
    """A case under review, advised by a consulting unit."""
    return world.case_at("review", advised=True).pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def seats(case):
    return people.panel_of(case, "accepted")


@pytest.fixture
def asked(seats):
    return asking.ask(seats[0].expert.user, seats[0], ITEM, "示例：我所在单位去年见过这个系统，请说明型号。")


def fresh(question):
    """The question as the next request finds it."""
    return QUESTION.visible_to(question.assignment.expert.user).get(pk=question.pk)


def forwarded(question):
    QUESTION.perform(fresh(question), "forward", by=people.officer("organiser"), text="示例：请说明系统型号。")
    return fresh(question)


def everybody(case, seats):
    names = ("organiser", "supervisor", "approver", "intake", "district-1", "pool-keeper", "applicant", "consultant",
             "other-applicant")  # fmt: skip
    return {
        **{name: scenes.person(name) for name in names},
        "asker": seats[0].expert.user,
        "member": seats[1].expert.user,
    }


SEES_ALL = {"organiser", "supervisor", "asker"}


@pytest.mark.parametrize("state, readers", [
    ("asked", SEES_ALL),
    ("forwarded", SEES_ALL | {"applicant", "consultant", "member"}),
    ("answered", SEES_ALL | {"applicant", "consultant", "member"}),
    ("lapsed", SEES_ALL | {"applicant", "consultant", "member"}),
    ("declined", SEES_ALL),
])  # fmt: skip
def test_who_reads_a_question_follows_from_how_far_it_has_come(case, seats, asked, client, state, readers):
    Question.objects.filter(pk=asked.pk).update(state=state)
    persons = everybody(case, seats)
    assert {name for name, user in persons.items() if questions_visible_to(user).filter(pk=asked.pk)} == readers
    row, shown = fresh(asked), set()
    for name, user in persons.items():
        client.force_login(user)
        if client.get(asked.get_absolute_url()).status_code == 200:
            shown.add(name)
        roles = question_roles(user, row)
        always = bool(roles & {"asker", "organiser", "supervisor"})
        assert (always or (bool(roles) and state in PASSED_ON)) is (name in readers), name
    assert shown == readers


def test_the_way_of_a_question_from_the_room_to_the_answer(case, seats, client):
    expert, organiser, applicant = seats[0].expert.user, people.officer("organiser"), scenes.person("applicant")
    client.force_login(expert)
    answer = client.post(reverse("question-ask", args=[seats[0].pk]), {"item": ITEM, "text": " 示例：型号是什么？ "})
    assert (answer.status_code, answer.url) == (302, f"{reverse('scoring', args=[seats[0].pk])}?item={ITEM}")
    row = Question.objects.get(application=case)
    assert (row.state, row.text, row.due_on) == ("asked", "示例：型号是什么？", None)
    assert [one.link for one in work.waiting_on(organiser) if one.key.startswith("question")] == [
        row.get_absolute_url()
    ]
    client.force_login(organiser)
    said = {"action": "forward", "text": "示例：请说明型号。"}
    assert client.post(row.get_absolute_url(), said).status_code == 302
    row = fresh(row)
    assert (row.state, row.text, row.due_on is None) == ("forwarded", "示例：请说明型号。", False)
    for user in (applicant, scenes.person("consultant")):
        assert [one.due_on for one in work.waiting_on(user) if one.key.startswith("question")] == [row.due_on]
    client.force_login(applicant)
    assert client.post(row.get_absolute_url(), {"action": "answer", "answer": "示例：甲型。"}).status_code == 302
    row = fresh(row)
    assert (row.state, row.answer, row.answered_by, row.due_on) == ("answered", "示例：甲型。", applicant, None)
    assert client.post(row.get_absolute_url(), {"action": "answer", "answer": "再说"}).status_code == 409
    client.force_login(expert)
    page = client.get(f"{reverse('scoring', args=[seats[0].pk])}?item={ITEM}")
    assert [one.answer for one in page.context["questions"]] == ["示例：甲型。"]
    assert Notification.objects.filter(user=expert).latest("pk").link == row.get_absolute_url()


def test_nothing_that_the_applicant_or_another_member_is_told_names_who_asks(case, seats, asked, client):
    asker = seats[0].expert
    row = forwarded(asked)
    pages = {
        "applicant": [row.get_absolute_url(), case.get_absolute_url(), case.project.get_absolute_url()],
        "consultant": [row.get_absolute_url(), case.get_absolute_url()],
        seats[1].expert.user.username: [row.get_absolute_url()],
    }
    for name, addresses in pages.items():
        client.force_login(scenes.person(name))
        for address in addresses:
            page = client.get(address)
            assert page.status_code == 200
            text = page.content.decode()
            assert [word for word in (asker.user.name, asker.number, asked.text) if word in text] == [], address
    for message in Notification.objects.filter(user=scenes.person("applicant")):
        assert asker.user.name not in message.body + message.subject
    client.force_login(people.officer("organiser"))
    assert asker.user.name in client.get(row.get_absolute_url()).content.decode()


def test_the_history_that_parties_read_begins_when_the_question_is_passed_on(case, asked):
    forwarded(asked)

    def verbs(name):
        reader = history.reader_of(scenes.person(name), case.project, [case])
        return [one.verb for one in history.events_for(reader, case.project) if one.verb.startswith("question.")]

    told = {name: verbs(name) for name in ("applicant", "intake", "supervisor")}
    passed_on = ["question.forward"]
    assert told == {"applicant": passed_on, "intake": passed_on, "supervisor": ["question.ask", *passed_on]}
    event = Event.objects.of(asked).first()
    assert (event.role, event.data["text"]) == ("expert", "示例：我所在单位去年见过这个系统，请说明型号。")


@pytest.mark.parametrize("item, text, problems", [
    ("99.9", "示例", [("item_unknown", "item")]),
    (ITEM, "  ", [("required", "text")]),
    (ITEM, "长" * 2001, [("too_long", "text")]),
    ("99.9", "", [("item_unknown", "item"), ("required", "text")]),
])  # fmt: skip
def test_a_question_is_about_an_item_and_has_words(seats, item, text, problems):
    with refused() as found:
        asking.ask(seats[0].expert.user, seats[0], item, text)
    assert found == problems
    assert not Question.objects.filter(assignment=seats[0]).exists()


def test_what_was_typed_stays_on_the_page_that_refuses_it(seats, client):
    client.force_login(seats[0].expert.user)
    answer = client.post(reverse("question-ask", args=[seats[0].pk]), {"item": "99.9", "text": "示例"})
    assert (answer.status_code, answer.context["form"]["text"].value()) == (422, "示例")


def test_one_seat_asks_so_often_and_no_more(seats, monkeypatch):
    monkeypatch.setattr(asking, "ASKED_AT_MOST", 2)
    for time in range(2):
        asking.ask(seats[0].expert.user, seats[0], ITEM, f"示例{time}")
    with refused() as found:
        asking.ask(seats[0].expert.user, seats[0], ITEM, "示例")
    assert found == [("too_many", "")]
    asking.ask(seats[1].expert.user, seats[1], ITEM, "示例")


def test_only_the_expert_of_the_seat_asks_and_not_once_the_sheet_is_signed(seats):
    for user in (seats[1].expert.user, people.officer("organiser"), scenes.person("applicant")):
        with pytest.raises(NotAllowed):
            asking.ask(user, seats[0], ITEM, "示例")
    journey.mark_sheet(seats[0])
    ASSIGNMENT.perform(seats[0], "sign", by=seats[0].expert.user, **journey.signature(seats[0].expert.user))
    with pytest.raises(Stale):
        asking.ask(seats[0].expert.user, seats[0], ITEM, "示例")


@pytest.mark.parametrize("action, state, allowed", [
    ("forward", "asked", {"organiser"}),
    ("decline", "asked", {"organiser"}),
    ("answer", "forwarded", {"applicant", "consultant"}),
])  # fmt: skip
def test_each_act_is_its_own_peoples(case, seats, asked, action, state, allowed):
    Question.objects.filter(pk=asked.pk).update(state=state)
    row = fresh(asked)
    may = {
        name
        for name, user in everybody(case, seats).items()
        if action in {one.action for one in QUESTION.available(row, user)}
    }
    assert may == allowed


def test_a_question_that_is_not_passed_on_says_why_to_the_asker_alone(case, asked):
    QUESTION.perform(fresh(asked), "decline", by=people.officer("organiser"), reason="示例：材料中已有说明。")
    message = Notification.objects.filter(link=asked.get_absolute_url()).latest("pk")
    assert (message.user, "材料中已有说明" in message.body) == (asked.assignment.expert.user, True)
    assert [one for one in work.waiting_on(people.officer("organiser")) if one.key.startswith("question")] == []


def test_an_answer_has_words_and_comes_in_time(asked):
    row, applicant = forwarded(asked), scenes.person("applicant")
    with refused() as found:
        QUESTION.perform(row, "answer", by=applicant, answer="长" * 2001)
    assert found == [("too_long", "answer")]
    Question.objects.filter(pk=row.pk).update(due_on=timezone.localdate() - timedelta(days=1))
    with refused() as found:
        QUESTION.perform(fresh(asked), "answer", by=applicant, answer="示例")
    assert found == [("late", "")]


def test_what_is_not_answered_in_time_lapses_and_both_sides_hear_it(asked):
    row = forwarded(asked)
    Question.objects.filter(pk=row.pk).update(due_on=timezone.localdate() - timedelta(days=1))
    tasks.enforce_deadlines(QUESTION)
    assert fresh(asked).state == "lapsed"
    heard = {
        message.user.username for message in Notification.objects.filter(link=row.get_absolute_url(), kind="progress")
    }
    assert heard == {row.assignment.expert.user.username, "applicant"}


@pytest.mark.parametrize("state", ["asked", "forwarded"])
def test_once_the_review_is_over_nothing_is_passed_on_or_answered_and_nothing_waits(case, asked, state):
    if state == "forwarded":
        forwarded(asked)
    Application.objects.filter(pk=case.pk).update(state="tallying")
    by, action, said = {
        "asked": (people.officer("organiser"), "forward", {"text": "示例"}),
        "forwarded": (scenes.person("applicant"), "answer", {"answer": "示例"}),
    }[state]
    with pytest.raises(Stale):
        QUESTION.perform(fresh(asked), action, by=by, **said)
    assert [one for one in work.waiting_on(by) if one.key.startswith("question")] == []


def test_a_form_that_was_sent_twice_asks_once(seats, asked):
    again = asking.ask(seats[0].expert.user, seats[0], asked.item_code, f" {asked.text} ")
    other = asking.ask(seats[0].expert.user, seats[0], asked.item_code, "示例：另一个问题")
    assert (again, Question.objects.count()) == (asked, 2)
    assert Event.objects.filter(verb="question.ask").count() == 2
    assert other != asked
