"""The officers' desk with real transactions: of two who do the same at once one does it, and the other is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.http import QueryDict
from django.utils import timezone

from communities import standing_in
from communities.models import Officer, StandIn
from communities.workflow import STAND_IN
from evaluation import batching, conflicts, exporting, findings, outbox, ruling, saved_views
from evaluation.models import Batch, Export, Finding, FormRule, HeldMessage, HoldingRule, OfficerConflict, SavedView
from evaluation.models import Submission as Version
from evaluation.workflow import APPLICATION, BATCH, HELD_MESSAGE
from portal import tasks
from portal.demo import journey, people
from portal.models import Event, Notification, User
from tests.at_once import at_once
from tests.evaluation import scenes
from tests.saved import shared_way

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


way, world = shared_way()


@pytest.fixture
def pk(world, way):
    """A case at the form check."""
    return way.at_state("form_check").pk


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def colleague(number, duty="intake"):
    user = User.objects.create(username=f"colleague-{number}", name=f"示例同事{number}", email=f"c{number}@example.org")
    Officer.objects.create(user=user, duty=duty, since=people.first_day())
    return user


def twice(pk, *acts):
    """Each act on a row of the case of its own, as two people have it before them."""
    cases = [scenes.case(pk) for _act in acts]
    return at_once(*[lambda act=act, case=case: act(case) for act, case in zip(acts, cases, strict=True)])


# --- the case ---------------------------------------------------------------------------------------------------------


def test_of_two_who_give_a_case_to_different_people_one_is_told(world, pk):
    first, second = colleague(1), colleague(2)
    outcomes = twice(
        pk,
        lambda case: APPLICATION.perform(case, "assign", by=scenes.person("intake"), handler=str(first.pk)),
        lambda case: APPLICATION.perform(case, "assign", by=scenes.person("supervisor"), handler=str(second.pk)),
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    assert scenes.case(pk).handler == (first if isinstance(outcomes[0], Event) else second)


@pytest.mark.parametrize("action", ["pause_clock", "resume_clock"])
def test_a_clock_stopped_or_let_go_by_two_at_once_keeps_its_days(world, pk, action):
    due_on = scenes.case(pk).due_on
    if action == "resume_clock":
        APPLICATION.perform(scenes.case(pk), "pause_clock", by=scenes.person("intake"), reason="示例：待核实")
    people_ = [scenes.person("intake"), scenes.person("supervisor")]
    outcomes = twice(
        pk, *[lambda case, by=by: APPLICATION.perform(case, action, by=by, reason="示例：待核实") for by in people_]
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    if action == "pause_clock":
        APPLICATION.perform(scenes.case(pk), "resume_clock", by=scenes.person("intake"))
    assert scenes.case(pk).due_on == due_on


def test_a_finding_noted_twice_at_once_is_one(world, pk):
    kind, place = next(iter(findings.places(scenes.case(pk))))
    intake = [scenes.person("intake") for _time in range(2)]
    outcomes = twice(
        pk, *[lambda case, by=by: findings.add_finding(by, case, kind, place, "示例：缺页") for by in intake]
    )
    assert (kinds(outcomes), Finding.objects.count()) == (["Finding", "Refused"], 1)


def test_a_rule_overridden_twice_at_once_is_overridden_once(world, pk):
    rule = "every_item_is_claimed"
    FormRule.objects.filter(rule=rule).update(is_hard=False)
    version = Version.objects.filter(application=pk).last()
    problem = {"code": "claim_missing", "place": "4.1.1", "message": "示例", "params": {}}
    Version.objects.filter(pk=version.pk).update(checks=[{"rule": rule, "problems": [problem]}])
    intake = [scenes.person("intake") for _time in range(2)]
    outcomes = twice(pk, *[lambda case, by=by: ruling.override(by, case, rule, "示例：另附说明") for by in intake])
    assert kinds(outcomes) == ["Refused", "RuleOverride"]
    assert Event.objects.filter(verb="rule.override").count() == 1


# --- standing back, standing in ---------------------------------------------------------------------------------------


def test_a_conflict_declared_twice_at_once_stands_once(world, pk):
    cases, users = [scenes.case(pk) for _time in range(2)], [scenes.person("intake") for _time in range(2)]
    outcomes = at_once(*[
        lambda user=user, case=case: conflicts.declare(user, user, "示例：亲属任职", project=case.project)
        for user, case in zip(users, cases, strict=True)
    ])  # fmt: skip
    assert (kinds(outcomes), OfficerConflict.objects.count()) == (["OfficerConflict", "Refused"], 1)


def test_a_release_agreed_to_and_declined_at_once_is_one_of_the_two(world, pk):
    intake = scenes.person("intake")
    row = conflicts.declare(intake, intake, "示例：亲属任职", project=scenes.case(pk).project)
    conflicts.ask_release(scenes.person("supervisor"), row, "示例")
    other = colleague(1, "approver")
    rows = [OfficerConflict.objects.get(pk=row.pk) for _time in range(2)]
    approvers = scenes.person("approver"), scenes.person(other.username)
    outcomes = at_once(
        lambda: conflicts.agree_release(approvers[0], rows[0]), lambda: conflicts.decline_release(approvers[1], rows[1])
    )
    assert kinds(outcomes) == ["NoneType", "Refused"]
    verbs = Event.objects.of(row).filter(verb__in=["officer_conflict.release", "officer_conflict.keep"])
    assert verbs.count() == 1
    assert (OfficerConflict.objects.get(pk=row.pk).released_at is not None) == (outcomes[0] is None)


def test_of_two_who_agree_to_stand_in_for_the_same_days_one_does(world, pk):
    day = timezone.localdate()
    officer = Officer.objects.get(user__username="intake")
    persons = [colleague(1, "approver"), colleague(2, "approver")]
    rows = [
        standing_in.ask(scenes.person("intake"), officer, person, day, day + timedelta(days=3), "示例")
        for person in persons
    ]
    users = [scenes.person(person.username) for person in persons]
    outcomes = at_once(*[
        lambda row=row, by=by: STAND_IN.perform(row, "agree", by=by) for row, by in zip(rows, users, strict=True)
    ])  # fmt: skip
    assert (kinds(outcomes), StandIn.objects.filter(state="agreed").count()) == (["Event", "Refused"], 1)


# --- many at once, files, views ---------------------------------------------------------------------------------------


def test_a_batch_started_twice_and_run_by_two_workers_does_each_case_once(world, pk):
    batch = batching.prepare(scenes.person("intake"), "accept", [pk], {})
    assert at_once(*[lambda: tasks.advance("batch", batch.pk)] * 2) == [None, None]
    rows = [(Batch.objects.get(pk=batch.pk), scenes.person("intake")) for _time in range(2)]
    outcomes = at_once(*[lambda row=row, by=by: BATCH.perform(row, "run", by=by) for row, by in rows])
    assert kinds(outcomes) == ["Event", "Stale"]
    assert at_once(*[lambda: tasks.advance("batch", batch.pk)] * 2) == [None, None]
    assert Batch.objects.get(pk=batch.pk).counts()["done"] == 1
    assert Event.objects.filter(verb="application.accept", subject_id=pk).count() == 1


def test_an_export_made_by_two_workers_at_once_is_one_whole_file(world, pk):
    row = exporting.ask(scenes.person("intake"), QueryDict("show=all"))
    assert at_once(*[lambda: tasks.advance("export", row.pk)] * 3) == [None] * 3
    made = Export.objects.get(pk=row.pk)
    assert (made.state, default_storage.size(made.file.name)) == ("ready", made.size)
    assert Event.objects.filter(verb="export.made").count() == 1


def test_a_view_kept_or_changed_twice_at_once_is_kept_or_changed_once(world, pk):
    users = [scenes.person("intake") for _time in range(2)]
    outcomes = at_once(*[
        lambda user=user: saved_views.create(user, "示例视图", QueryDict("show=all"), []) for user in users
    ])  # fmt: skip
    assert kinds(outcomes) == ["Refused", "SavedView"]
    views = [SavedView.objects.get() for _time in range(2)]
    outcomes = at_once(*[
        lambda user=user, view=view, number=number: saved_views.change(user, view, 1, name=f"示例{number}")
        for number, (user, view) in enumerate(zip(users, views, strict=True))
    ])  # fmt: skip
    assert kinds(outcomes) == ["Changed", "SavedView"]


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(world, pk):
    """A refusal that waits for a look."""
    HoldingRule.objects.filter(verb="application.refuse").update(holds=True)
    journey.refuse(scenes.case(pk))
    return HeldMessage.objects.get().pk


def fresh(pk):
    return HELD_MESSAGE.visible_to(scenes.person("supervisor")).get(pk=pk)


def words_of(message, **changed):
    texts = {
        f"{part}_{code}": message.words[language][part]
        for code, language in (("zh", "zh-hans"), ("en", "en"))
        for part in ("subject", "body")
    }
    return {**texts, "revision": message.revision, **changed}


def test_a_message_released_and_cancelled_at_once_leaves_or_stays(world, held):
    HeldMessage.objects.filter(pk=held).update(kind="certified")
    Notification.objects.filter(event=fresh(held).event_id).update(kind="certified")
    one, other = fresh(held), fresh(held)
    outcomes = at_once(
        lambda: HELD_MESSAGE.perform(one, "release", by=scenes.person("intake"), revision="1"),
        lambda: HELD_MESSAGE.perform(other, "cancel", by=scenes.person("supervisor"), reason="示例"),
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    left = Notification.objects.get(event=one.event_id).held_since is None
    assert (fresh(held).state == "released", left) == (isinstance(outcomes[0], Event),) * 2


def test_of_a_release_of_what_was_read_and_a_rewording_at_once_only_read_words_leave(world, held):
    one, other = fresh(held), fresh(held)
    outcomes = at_once(
        lambda: HELD_MESSAGE.perform(one, "release", by=scenes.person("intake"), revision="1"),
        lambda: HELD_MESSAGE.perform(
            other, "reword", by=scenes.person("supervisor"), **words_of(other, subject_zh="示例：{案卷}")
        ),
    )
    assert kinds(outcomes) in (["Changed", "Event"], ["Event", "Stale"])
    copy = Notification.objects.get(event=one.event_id)
    assert copy.held_since is not None or not copy.subject.startswith("示例：")


def test_two_who_release_the_list_at_once_release_each_message_once(world, held):
    people_ = [scenes.person("intake"), scenes.person("supervisor")]
    outcomes = at_once(*[lambda by=by: outbox.release_each(by, [held], {held: "1"}) for by in people_])
    assert sorted((len(done), len(left)) for done, left in outcomes) in ([(0, 0), (1, 0)], [(0, 1), (1, 0)])
    assert Event.objects.filter(verb="held_message.release").count() == 1
