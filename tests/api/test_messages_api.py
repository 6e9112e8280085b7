"""Messages over HTTP: the same looks, texts and refusals as on the pages."""

from __future__ import annotations

import pytest

from evaluation.models import HeldMessage, HoldingRule
from evaluation.workflow import HELD_MESSAGE
from portal.demo import journey
from portal.models import Event, MessageText, Notification
from tests.api.conftest import Client, problems
from tests.evaluation import scenes

pytestmark = pytest.mark.long
CASES = ("form_check",)


@pytest.fixture
def held(at):
    """A refusal that waits for a look."""
    HoldingRule.objects.filter(verb="application.refuse").update(holds=True)
    journey.refuse(at("form_check"))
    return HeldMessage.objects.get()


@pytest.fixture
def client_of(world):
    def found(person):
        client = Client()
        client.force_login(scenes.person(person.username))
        return client

    return found


def test_a_held_message_is_read_and_released_by_its_duty_alone(world, by_token, held):
    address = f"held-messages/{held.pk}/"
    intake = by_token(world.intake)
    told = intake.get(address).json()
    assert (told["state"], told["is_required"], [letter["language"] for letter in told["letters"]]) == (
        "held", True, ["zh-hans", "en"]
    )  # fmt: skip
    assert by_token(world.applicant).get(address).status_code == 404
    answers = [intake.post(f"{address}acts/release/", {}) for _time in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert Notification.objects.get(event=held.event_id).held_since is None


def test_several_are_released_each_for_itself(world, by_token, held):
    answer = by_token(world.intake).post("held-messages/release/", {"messages": [held.pk, held.pk + 1]})
    assert answer.json() == {"released": [held.pk], "left": []}
    again = by_token(world.intake).post("held-messages/release/", {"messages": [held.pk]}).json()
    assert (again["released"], [row["message"] for row in again["left"]]) == ([], [held.pk])
    assert by_token(world.applicant).post("held-messages/release/", {"messages": [held.pk]}).status_code == 403


def test_a_program_that_says_what_it_read_is_told_of_other_words(world, by_token, held):
    client = by_token(world.intake)
    texts = {f"{part}_{code}": held.words[language][part] for code, language in (("zh", "zh-hans"), ("en", "en"))
             for part in ("subject", "body")}  # fmt: skip
    client.post(f"held-messages/{held.pk}/acts/reword/", {**texts, "subject_zh": "示例：{案卷}", "revision": 1})
    answer = client.post(f"held-messages/{held.pk}/acts/release/", {"revision": 1})
    assert (answer.status_code, problems(answer)) == (409, [("changed", "")])
    said = {"messages": [held.pk], "revisions": {str(held.pk): 1, "x": 1, "9" * 30: 1}}
    answer = client.post("held-messages/release/", said).json()
    assert (answer["released"], [row["message"] for row in answer["left"]]) == ([], [held.pk])
    said["revisions"] = {str(held.pk): 2}
    assert client.post("held-messages/release/", said).json()["released"] == [held.pk]


def test_rewording_names_every_problem_and_who_was_first(world, by_token, held):
    address = f"held-messages/{held.pk}/acts/reword/"
    texts = {f"{part}_{code}": held.words[language][part] for code, language in (("zh", "zh-hans"), ("en", "en"))
             for part in ("subject", "body")}  # fmt: skip
    client = by_token(world.intake)
    wrong = client.post(address, {**texts, "subject_zh": "{没有}", "body_en": "-", "revision": 1})
    assert {place for _code, place in problems(wrong)} == {"subject_zh", "body_en"}
    answers = [client.post(address, {**texts, "subject_zh": "示例：{案卷}", "revision": 1}) for _time in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert HELD_MESSAGE.model.objects.get(pk=held.pk).revision == 2


def test_the_officers_read_how_far_messages_have_come(world, by_token, at):
    address = f"applications/{at('form_check').pk}/messages/"
    rows = by_token(world.intake).get(address).json()["results"]
    assert [(row["kind"], row["standing"], row["receiver"]) for row in rows] == [
        (kind, "waiting", world.applicant.name) for kind in ("received", "progress")
    ]
    assert by_token(world.applicant).get(address).status_code == 403


def test_texts_are_written_previewed_compared_with_what_was_seen_and_taken_back(world, client_of):
    address = "message-texts/progress/zh-hans/"
    client = client_of(world.security_administrator)
    said = {"subject": "示例：{案卷}", "body": "{事项}{理由}{链接}", "basis": "示例文号", "seen": 0}
    preview = client.post(f"{address}preview/", {"subject": said["subject"], "body": said["body"]})
    assert preview.json()["subject"].startswith("示例：CQ-ZHXQ")
    assert [client.post(address, said).status_code for _time in range(2)] == [201, 409]
    assert problems(client.post(f"{address}preview/", {"subject": "{x", "body": ""}))[0] == (
        "place_unclosed",
        "subject",
    )
    back = client.post(f"{address}back/", {"number": 0, "basis": "示例", "seen": 1})
    assert (back.status_code, back.json()["is_default"]) == (201, True)
    assert [row["number"] for row in client.get(address).json()["results"]] == [2, 1]
    assert client_of(world.intake).post(address, said).status_code == 403
    assert client.get("message-texts/nonsense/zh-hans/").status_code == 404
    assert MessageText.objects.count() == 2


def test_rules_of_the_outbox_are_read_by_officers_and_changed_by_one(world, client_of):
    said = {"programme": "", "verb": "application.certify", "holds": True, "basis": "示例", "seen": False}
    client = client_of(world.security_administrator)
    assert [client.put("holding-rules/", said).status_code for _time in range(2)] == [200, 409]
    rows = client_of(world.intake).get("holding-rules/").json()["results"]
    assert [row["holds"] for row in rows if row["verb"] == "application.certify"] == [True]
    assert client_of(world.intake).put("holding-rules/", said).status_code == 403
    assert client_of(world.applicant).get("holding-rules/").status_code == 403


def test_what_did_not_arrive_is_read_and_sent_again_by_the_system_administrator(world, client_of, at):
    row = Notification.objects.filter(user=world.applicant).latest("pk")
    Notification.objects.filter(pk=row.pk).update(failed_at=row.created_at)
    client = client_of(world.system_administrator)
    (told,) = client.get("undelivered-messages/").json()["results"]
    assert (told["id"], told["standing"], "subject" in told, "body" in told) == (row.pk, "failed", False, False)
    address = f"undelivered-messages/{row.pk}/resend/"
    assert [client.post(address).status_code for _time in range(2)] == [200, 404]
    assert Event.objects.of(row).get().verb == "notification.resend"
    assert client.get("message-counts/").json()["results"][0]["failed"] == 0
    refusals = [client_of(world.intake).get(name).status_code for name in ("undelivered-messages/", "message-counts/")]
    assert refusals == [403, 403]
