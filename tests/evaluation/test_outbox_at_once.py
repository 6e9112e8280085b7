"""The outbox with real transactions: of two at once one wins, a killed process leaves nothing half done, all is sent once."""

from __future__ import annotations

import pytest
from django.core import mail

from evaluation import outbox, phrasing
from evaluation.models import HeldMessage, HoldingRule
from evaluation.workflow import HELD_MESSAGE
from portal import notify
from portal.demo import journey
from portal.message_texts import Wording
from portal.models import Event, MessageText, Notification
from tests.at_once import at_once
from tests.evaluation import scenes
from tests.saved import shared_way

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


way, world = shared_way()


@pytest.fixture
def pk(world, way):
    """A correction notice that is held."""
    case = way.at_state("form_check")
    HoldingRule.objects.filter(verb="application.request_correction").update(holds=True)
    journey.request_correction(case)
    return HeldMessage.objects.get().pk


def fresh(pk):
    return HELD_MESSAGE.visible_to(scenes.person("supervisor")).get(pk=pk)


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_of_two_who_release_at_once_one_wins_and_it_is_sent_once(world, pk):
    one, other = fresh(pk), fresh(pk)
    people = scenes.person("intake"), scenes.person("supervisor")
    outcomes = at_once(
        lambda: HELD_MESSAGE.perform(one, "release", by=people[0]),
        lambda: HELD_MESSAGE.perform(other, "release", by=people[1]),
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    copy = Notification.objects.get(event=one.event_id)
    assert sorted(at_once(*[lambda: notify.deliver(copy.pk)] * 3)) == [False, False, True]
    assert (len(mail.outbox), Event.objects.filter(verb="application.start_clock").count()) == (1, 1)


def test_of_a_release_and_a_rewording_at_once_nothing_is_lost(world, pk):
    one, other = fresh(pk), fresh(pk)
    texts = {f"{part}_{code}": one.words[language][part] for code, language in (("zh", "zh-hans"), ("en", "en"))
             for part in ("subject", "body")}  # fmt: skip
    said = {**texts, "subject_zh": "示例：{案卷}", "revision": one.revision}
    outcomes = at_once(
        lambda: HELD_MESSAGE.perform(one, "release", by=scenes.person("intake")),
        lambda: HELD_MESSAGE.perform(other, "reword", by=scenes.person("supervisor"), **said),
    )
    reworded = isinstance(outcomes[1], Event)
    copy = Notification.objects.get(event=one.event_id)
    assert isinstance(outcomes[0], Event)
    assert (copy.held_since, copy.subject.startswith("示例：")) == (None, reworded)


def test_a_process_killed_while_it_releases_leaves_everything_held(world, pk, monkeypatch):
    class Killed(BaseException):
        pass

    def die():
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox.notify, "ring_after_commit", die)
        with pytest.raises(Killed):
            HELD_MESSAGE.perform(fresh(pk), "release", by=scenes.person("intake"))
    message = fresh(pk)
    copy = Notification.objects.get(event=message.event_id)
    assert (message.state, copy.held_since is not None, message.application.due_on) == ("held", True, None)
    HELD_MESSAGE.perform(message, "release", by=scenes.person("intake"))
    assert notify.deliver(copy.pk) is True


def test_of_two_who_write_a_text_at_once_one_is_told(world):
    words = Wording("{案卷}", "{事项}{理由}{链接}")
    people = [scenes.person("security-administrator") for _ in range(2)]
    outcomes = at_once(*[lambda by=by: phrasing.write(by, "progress", "zh-hans", words, "示例", 0) for by in people])
    assert (kinds(outcomes), MessageText.objects.count()) == (["Changed", "MessageText"], 1)
