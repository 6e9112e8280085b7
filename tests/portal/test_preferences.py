"""What people get by e-mail: the table of kinds, and each person's departures from it."""

from __future__ import annotations

import pytest
from django.conf import settings

from portal import notify, preferences
from portal.message_kinds import DELIVERIES, DIGEST, KINDS
from portal.models import Event, Notification, NotificationPreference, User
from portal.problems import Refused

pytestmark = pytest.mark.django_db

# The daily e-mail is no message of its own.
NO_KINDS = {DIGEST}
SUBJECT = {"subject": "P-1 示例小区", "sentence": "受理了申报"}


@pytest.fixture
def person():
    return User.objects.create(username="one", name="示例甲", email="one@example.org")


def refused(user, wanted):
    with pytest.raises(Refused) as error:
        preferences.choose(user, wanted)
    return [(problem.code, problem.place) for problem in error.value.problems]


def test_every_template_of_a_message_has_a_kind_and_every_kind_a_template():
    folder = settings.BASE_DIR / "templates" / "emails"
    templates = {path.stem for path in folder.iterdir()}
    assert templates - NO_KINDS == set(KINDS)
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{part}" for name in templates for part in ("subject", "txt")
    }


def test_what_starts_a_period_or_tells_a_decision_cannot_be_put_off():
    assert {code for code, kind in KINDS.items() if kind.required} == {
        "correction",
        "decision",
        "first_password",
        "invitation",
        "member_invitation",
        "pool",
        "security",
    }
    assert {kind.default for kind in KINDS.values()} <= set(DELIVERIES)


def test_who_chose_nothing_has_the_table(person):
    assert preferences.chosen_by(person) == {code: kind.default for code, kind in KINDS.items()}
    assert preferences.deliveries("progress", [person.pk]) == {person.pk: KINDS["progress"].default}


def test_a_choice_holds_for_its_person_and_kind_alone(person):
    other = User.objects.create(username="two")
    preferences.choose(person, {"progress": "daily", "received": "none"})
    assert preferences.deliveries("progress", [person.pk, other.pk]) == {person.pk: "daily", other.pk: "at_once"}
    assert preferences.chosen_by(person) == {
        **{code: kind.default for code, kind in KINDS.items()},
        "progress": "daily",
        "received": "none",
    }


def test_choosing_the_same_again_writes_nothing_and_a_change_leaves_one_event(person):
    for wanted in ("daily", "daily", "at_once"):
        preferences.choose(person, {"progress": wanted})
    assert NotificationPreference.objects.values_list("kind", "email").get() == ("progress", "at_once")
    assert [event.data for event in Event.objects.of(person)] == [{"progress": "daily"}, {"progress": "at_once"}]


@pytest.mark.parametrize("code", sorted(code for code, kind in KINDS.items() if kind.required))
@pytest.mark.parametrize("email", ["daily", "none"])
def test_a_required_kind_is_not_switched_off(person, code, email):
    assert refused(person, {code: email}) == [("kind_required", code)]
    NotificationPreference.objects.create(user=person, kind=code, email=email)  # whatever a row may say
    assert preferences.deliveries(code, [person.pk]) == {person.pk: "at_once"}
    assert preferences.chosen_by(person)[code] == "at_once"


def test_every_problem_is_told_and_nothing_is_kept(person):
    assert refused(person, {"nonsense": "daily", "progress": "often", "decision": "none", "due": "daily"}) == [
        ("kind_unknown", "nonsense"),
        ("delivery_unknown", "progress"),
        ("kind_required", "decision"),
    ]
    assert NotificationPreference.objects.count() == 0


@pytest.mark.parametrize("email, leaves", [("at_once", True), ("daily", False), ("none", False)])
def test_a_message_is_shown_whatever_was_chosen_and_leaves_as_was_chosen(person, mailoutbox, email, leaves):
    preferences.choose(person, {"progress": email})
    notify.write("event:1", [person], "progress", "/projects/1/", **SUBJECT)
    row = Notification.objects.unread_by(person).get()
    assert (row.kind, row.email) == ("progress", email)
    assert notify.deliver(row.pk) is leaves
    assert len(mailoutbox) == int(leaves)


@pytest.mark.parametrize("email, rung", [("at_once", 1), ("daily", 0), ("none", 0)])
def test_the_bell_is_rung_for_what_leaves_at_once(person, django_capture_on_commit_callbacks, email, rung):
    preferences.choose(person, {"progress": email})
    with django_capture_on_commit_callbacks() as callbacks:
        notify.write("event:1", [person], "progress", "/projects/1/", **SUBJECT)
    assert len(callbacks) == rung


def test_many_readers_cost_one_question(person, django_assert_num_queries):
    people = [person, *(User.objects.create(username=f"more-{n}") for n in range(20))]
    with django_assert_num_queries(4):  # in whose words, their choices, what is known, the rows
        notify.write("event:1", people, "progress", "/", **SUBJECT)


def test_a_kind_that_no_table_knows_is_a_fault_of_the_code(person):
    with pytest.raises(KeyError):
        preferences.deliveries("nonsense", [person.pk])
