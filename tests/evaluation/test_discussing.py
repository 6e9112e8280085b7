"""The discussion of a panel: from the own signature to the end of the review, and what nobody else learns of it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from evaluation import discussing
from evaluation.models import Application, Assignment, PanelMessage
from evaluation.views.discussion import PAGE_SIZE
from evaluation.workflow import ASSIGNMENT
from portal.demo import journey, people
from portal.machine import NotAllowed
from portal.models import Event, Notification
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world()
SAID = "示例：这一条我认为证据不足。"


@pytest.fixture(scope="module")
def pk(world):
    """A case under review where two of the five have signed."""
    case = world.case_at("review")
    for seat in people.panel_of(case, "accepted")[:2]:
        journey.mark_sheet(seat)
        ASSIGNMENT.perform(seat, "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
    return case.pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def signed(case):
    return people.panel_of(case, "signed")


@pytest.fixture
def unsigned(case):
    return people.panel_of(case, "accepted")


def at(case, state):
    """The case in another state, as the next request finds it."""
    Application.objects.filter(pk=case.pk).update(state=state)
    return scenes.case(case.pk)


def post(case, seat, text=SAID, item=""):
    return discussing.post(seat.expert.user, case, text, item)


def test_who_has_signed_talks_and_who_has_signed_reads_it(case, signed):
    first, second = post(case, signed[0]), post(case, signed[1], "示例：同意。", "4.1.1")
    found = list(discussing.messages_of(signed[0].expert.user, case))
    assert found == [first, second]
    assert [(row.author.pk, row.item_code, row.review_round) for row in found] == [
        (signed[0].pk, "", 1), (signed[1].pk, "4.1.1", 1),
    ]  # fmt: skip


def test_who_has_not_signed_learns_nothing_not_even_how_many(case, signed, unsigned, client):
    client.force_login(unsigned[0].expert.user)
    address = reverse("discussion", args=[case.pk])
    before = client.get(address).content
    post(case, signed[0])
    answer = client.get(address)
    assert (answer.status_code, answer.context["sentence"]) == (403, "签署本人的评分表之后，才能查看和参加专家组讨论。")
    assert len(answer.content) == len(before)
    assert client.get(reverse("discussion-count", args=[case.pk])).status_code == 403
    with pytest.raises(NotAllowed):
        post(case, unsigned[0])
    assert PanelMessage.objects.filter(application=case).count() == 1


@pytest.mark.parametrize("state, member, officer", [
    ("review", None, "result_missing"),
    ("tallying", None, "result_missing"),
    ("deliberation", None, None),
    ("revision", None, None),
    ("revision_check", None, None),
    ("approval", "discussion_over", None),
    ("notice", "discussion_over", None),
    ("certified", "discussion_over", None),
    ("not_passed", "discussion_over", None),
    ("drawing", "discussion_over", "result_missing"),
])  # fmt: skip
def test_members_talk_until_the_review_is_closed_and_officers_read_from_the_result_on(
    case, signed, state, member, officer
):
    moved = at(case, state)

    def code(user):
        problem = discussing.obstacle(user, moved)
        return problem and problem.code

    told = [code(user) for user in (signed[0].expert.user, people.officer("organiser"), people.officer("supervisor"))]
    assert told == [member, officer, officer]
    assert discussing.may_write(signed[0].expert.user, moved) is (member is None)
    assert not discussing.may_write(people.officer("organiser"), moved)


@pytest.mark.parametrize("who", ["approver", "intake", "applicant", "pool-keeper"])
def test_nobody_else_ever_reads_it(case, who):
    for state in ("review", "deliberation", "approval", "certified"):
        assert discussing.obstacle(scenes.person(who), at(case, state)) == discussing.NOBODY


def test_who_must_be_recused_is_out(case, signed):
    Assignment.objects.filter(pk=signed[0].pk).update(conflict="employed_by_party")
    assert discussing.obstacle(signed[0].expert.user, case) == discussing.CONFLICT
    with pytest.raises(NotAllowed):
        post(case, signed[0])


def test_a_sheet_that_is_opened_again_for_amending_does_not_end_the_talk(case, signed):
    Assignment.objects.filter(pk=signed[0].pk).update(state="amending")
    post(at(case, "deliberation"), signed[0])


def test_another_round_begins_with_nothing_said_and_nobody_signed(case, signed):
    post(case, signed[0])
    Application.objects.filter(pk=case.pk).update(review_round=2)
    again = scenes.case(case.pk)
    Assignment.objects.filter(pk=signed[1].pk).update(review_round=2)
    assert list(discussing.messages_of(signed[1].expert.user, again)) == []
    assert discussing.obstacle(signed[0].expert.user, again) is not None


@pytest.mark.parametrize("text, item, problems", [
    ("  ", "", [("required", "text")]),
    ("长" * 2001, "", [("too_long", "text")]),
    ("", "99.9", [("item_unknown", "item"), ("required", "text")]),
])  # fmt: skip
def test_a_message_has_words_and_names_an_item_of_this_stage_or_none(case, signed, text, item, problems):
    with refused() as found:
        post(case, signed[0], text, item)
    assert found == problems


def test_nothing_that_was_said_leaves_by_a_message_or_stands_in_an_event(case, signed):
    before = Notification.objects.count()
    row = post(case, signed[0])
    event = Event.objects.of(row).get()
    assert (Notification.objects.count(), event.verb, event.data) == (before, "panel_message.post", {})
    assert SAID[:8] not in event.subject_label
    assert list(Event.objects.in_thread(case.thread).filter(verb="panel_message.post")) == []


def test_the_page_shows_the_newest_last_and_opens_at_the_last_page(case, signed, client):
    seat = signed[0]
    for number in range(PAGE_SIZE + 1):
        post(case, seat, f"示例 {number}")
    client.force_login(seat.expert.user)
    address = reverse("discussion", args=[case.pk])
    assert [row.text for row, _title in client.get(address).context["rows"]] == [f"示例 {PAGE_SIZE}"]
    first = client.get(address, {"page": 1}).context["rows"]
    assert [row.text for row, _title in first] == [f"示例 {number}" for number in range(PAGE_SIZE)]
    assert client.get(reverse("discussion-count", args=[case.pk])).json() == {"count": PAGE_SIZE + 1}


def test_a_member_says_something_on_the_page_and_what_is_refused_stays(case, signed, client):
    client.force_login(signed[0].expert.user)
    address = reverse("discussion", args=[case.pk])
    answer = client.post(address, {"text": SAID, "item": "4.1.1"})
    row = PanelMessage.objects.get(application=case)
    assert (answer.status_code, answer.url) == (302, f"{address}#message-{row.pk}")
    answer = client.post(address, {"text": "长" * 2001, "item": "4.1.1"})
    assert (answer.status_code, answer.context["form"]["item"].value()) == (422, "4.1.1")


def test_the_organiser_reads_the_page_without_a_field_to_write(case, signed, client):
    post(case, signed[0])
    client.force_login(people.officer("organiser"))
    address = reverse("discussion", args=[case.pk])
    assert client.get(address).status_code == 403
    at(case, "deliberation")
    page = client.get(address)
    assert (page.status_code, page.context["form"], len(page.context["rows"])) == (200, None, 1)
    assert client.post(address, {"text": SAID}).status_code == 403


def test_a_form_that_was_sent_twice_says_it_once(case, signed):
    one = post(case, signed[0])
    assert post(case, signed[0]) == one
    others = [post(case, signed[1]), post(case, signed[0]), post(case, signed[0], item="4.1.1")]
    assert list(PanelMessage.objects.all()) == [one, *others]
