"""The life of an organisation: what it must say, who decides within how long, what a ban stops and when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from communities import credit_code, registration
from communities.models import District, Licence, Membership, Officer, Organisation
from communities.permissions import visible_to
from communities.workflow import DONE, ORGANISATION
from portal import clock, tasks
from portal.machine import NotAllowed
from portal.models import Event, Limit, Notification, User
from portal.problems import Refused

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)
OFFICERS = ["intake", "organiser", "approver", "supervisor", "pool_keeper", "system_administrator"]


@pytest.fixture
def people():
    """Somebody for each part: two of the unit, the officers, a stranger."""
    names = ["administrator", "member", "stranger", *OFFICERS]
    rows = {name: User.objects.create(username=name, name=f"示例{name}") for name in names}
    for duty in OFFICERS:
        Officer.objects.create(user=rows[duty], duty=duty, since=TODAY)
    Limit.objects.create(step="registration", days=3, basis="示例")
    Limit.objects.create(step="reminder", days=1, basis="示例")
    Limit.objects.create(step="escalation", days=3, basis="示例")
    Limit.objects.create(step="registration_draft", days=30, basis="示例")
    return rows


@pytest.fixture
def unit(people):
    """A draft that says everything but its undertaking and shows no licence."""
    district = District.objects.create(code="500103", name="示例区")
    values = {
        "credit_code": credit_code.with_check_character("91500103MAED00001"),
        "name": "示例置业", "kind": "developer", "district": district,
        "address": "示例路1号", "contact": "示例", "phone": "1", "undertaking": False,
    }  # fmt: skip
    unit = registration.open_organisation(people["administrator"], values)
    Membership.objects.create(user=people["member"], organisation=unit, role="member", since=TODAY)
    return unit


@pytest.fixture
def whole(unit):
    """The same, ready to be handed in."""
    Licence.objects.create(organisation=unit, name="执照.pdf")
    Organisation.objects.filter(pk=unit.pk).update(undertaking=True)
    return stored(unit)


def stored(unit):
    return Organisation.objects.get(pk=unit.pk)


def moved(unit, people, *acts):
    """The unit after these acts by those whose acts they are."""
    said = {"reason": "示例", "until": TODAY + 30 * DAY}
    for action in acts:
        row = next(row for row in ORGANISATION.transitions if row.action == action)
        by = people[row.by[0]]
        ORGANISATION.perform(unit, action, by=by, **{ask.name: said[ask.name] for ask in row.asks})
    return stored(unit)


def test_a_registration_is_handed_in_whole_or_not_at_all(unit, people):
    with pytest.raises(Refused) as refused:
        ORGANISATION.perform(unit, "submit", by=people["administrator"])
    assert [(problem.code, problem.place) for problem in refused.value.problems] == [
        ("undertaking", "undertaking"), ("licence_missing", "licence"),
    ]  # fmt: skip
    assert stored(unit).state == "draft"


def test_intake_decides_within_the_limit_and_the_unit_is_then_active(whole, people):
    assert not whole.may_apply(TODAY)
    unit = moved(whole, people, "submit")
    assert (unit.state, unit.due_on) == ("submitted", clock.deadline("registration", TODAY))
    assert set(ORGANISATION.holders(unit)) == {people["intake"]}
    unit = moved(unit, people, "approve")
    assert (unit.state, unit.due_on, unit.may_apply(TODAY)) == ("active", None, True)


def test_a_returned_registration_is_mended_and_handed_in_again(whole, people):
    unit = moved(whole, people, "submit", "return")
    assert (unit.state, unit.due_on) == ("returned", clock.deadline("registration_draft", TODAY))
    values = {name: getattr(unit, name) for name in registration.ORGANISATION_FIELDS}
    registration.change_organisation(people["administrator"], unit, {**values, "name": "示例新名"})
    assert moved(unit, people, "submit").state == "submitted"
    with pytest.raises(NotAllowed):
        registration.change_organisation(people["administrator"], stored(unit), values)


# who -> what they may do in each state
ACTS = {
    "draft": {"administrator": {"submit"}, "system": {"lapse"}},
    "submitted": {"intake": {"approve", "return", "refuse"}},
    "returned": {"administrator": {"submit"}, "system": {"lapse"}},
    "active": {"supervisor": {"ban"}, "system": {"ban"}},
    "refused": {},
    "banned": {"supervisor": {"lift"}, "system": {"lift"}},
    "lapsed": {},
}


@pytest.mark.parametrize("state", ACTS)
def test_each_person_may_do_exactly_what_the_table_says(unit, people, state):
    assert set(ACTS) == set(ORGANISATION.states)
    Organisation.objects.filter(pk=unit.pk).update(state=state)
    everybody = {**{name: User.objects.get(username=name) for name in people}, "system": None}
    found = {
        name: {row.action for row in ORGANISATION.available(stored(unit), person)} for name, person in everybody.items()
    }
    assert found == {name: ACTS[state].get(name, set()) for name in everybody}


def test_a_member_of_the_unit_is_never_its_officer(unit, people):
    Organisation.objects.filter(pk=unit.pk).update(state="submitted")
    Membership.objects.create(user=people["intake"], organisation=unit, role="member", since=TODAY)
    with pytest.raises(NotAllowed):
        ORGANISATION.perform(stored(unit), "approve", by=User.objects.get(username="intake"))


@pytest.mark.parametrize(
    "name,sees",
    [
        ("administrator", True),
        ("member", True),
        ("stranger", False),
        *((duty, duty in OFFICERS[:4]) for duty in OFFICERS),
    ],
)
def test_who_sees_a_unit(unit, people, name, sees):
    assert visible_to(User.objects.get(username=name)).filter(pk=unit.pk).exists() == sees


class TestNeverHandedIn:
    """A registration that somebody began and left holds its credit code only so long."""

    def late(self, unit):
        Organisation.objects.filter(pk=unit.pk).update(due_on=TODAY - DAY)
        return stored(unit)

    @pytest.mark.parametrize("acts", [(), ("submit", "return")])
    def test_it_lapses_after_its_last_day_and_its_people_hear_of_it(self, whole, people, acts):
        unit = moved(whole, people, *acts)
        assert unit.due_on == clock.deadline("registration_draft", TODAY)
        Notification.objects.all().delete()
        Organisation.objects.filter(pk=unit.pk).update(due_on=TODAY)
        assert tasks.enforce_deadlines(ORGANISATION) == 0
        self.late(unit)
        assert tasks.enforce_deadlines(ORGANISATION) == 1
        assert (stored(unit).state, stored(unit).due_on) == ("lapsed", None)
        told = Notification.objects.values_list("user__username", flat=True)
        assert sorted(told) == ["administrator", "member"]

    def test_its_page_says_so_and_leads_to_a_new_one(self, whole, people, client):
        self.late(whole)
        tasks.enforce_deadlines(ORGANISATION)
        client.force_login(people["administrator"])
        page = client.get(whole.get_absolute_url()).content.decode()
        assert ("本次注册已作废" in page, reverse("organisation-new") in page, "个工作日" in page) == (
            True,
            True,
            False,
        )

    def test_its_people_are_reminded_before(self, unit, people):
        Notification.objects.all().delete()
        Organisation.objects.filter(pk=unit.pk).update(due_on=TODAY)
        assert tasks.remind(ORGANISATION) == 2

    def test_it_is_not_handed_in_after_its_last_day(self, whole, people):
        with pytest.raises(Refused) as refused:
            ORGANISATION.perform(self.late(whole), "submit", by=people["administrator"])
        assert [problem.code for problem in refused.value.problems] == ["late"]

    def test_its_credit_code_is_free_then_and_not_before(self, whole, people):
        values = {name: getattr(whole, name) for name in registration.ORGANISATION_FIELDS}
        with pytest.raises(Refused) as refused:
            registration.open_organisation(people["stranger"], values)
        assert [problem.code for problem in refused.value.problems] == ["credit_code_taken"]
        self.late(whole)
        tasks.enforce_deadlines(ORGANISATION)
        again = registration.open_organisation(people["stranger"], values)
        assert (again.state, again.credit_code, again.pk == whole.pk) == ("draft", whole.credit_code, False)

    @pytest.mark.parametrize("state", ["submitted", "active", "refused", "banned"])
    def test_what_was_handed_in_keeps_its_code(self, whole, people, state):
        Organisation.objects.filter(pk=whole.pk).update(state=state)
        with pytest.raises(IntegrityError), transaction.atomic():
            Organisation.objects.create(credit_code=whole.credit_code, name="另一家", state="draft")


@pytest.mark.parametrize("action", ["return", "refuse"])
def test_a_no_is_given_with_its_reason(whole, people, action):
    unit = moved(whole, people, "submit")
    with pytest.raises(Refused) as refused:
        ORGANISATION.perform(unit, action, by=people["intake"], reason="")
    assert [problem.place for problem in refused.value.problems] == ["reason"]


class TestBan:
    @pytest.mark.parametrize("days,code", [(-1, "date_past"), (0, "date_past")])
    def test_it_ends_later_than_today(self, whole, people, days, code):
        unit = moved(whole, people, "submit", "approve")
        with pytest.raises(Refused) as refused:
            ORGANISATION.perform(unit, "ban", by=people["supervisor"], reason="造假", until=TODAY + days * DAY)
        assert [(problem.code, problem.place) for problem in refused.value.problems] == [(code, "until")]

    def test_it_stops_applications_until_its_last_day_is_over_and_ends_by_itself(self, whole, people):
        unit = moved(whole, people, "submit", "approve", "ban")
        assert (unit.state, unit.banned_until, unit.due_on) == ("banned", TODAY + 30 * DAY, TODAY + 30 * DAY)
        assert not unit.may_apply(TODAY)
        rows = Organisation.objects.filter(pk=unit.pk)
        rows.update(banned_until=TODAY, due_on=TODAY)
        assert tasks.enforce_deadlines(ORGANISATION) == 0
        rows.update(banned_until=TODAY - DAY, due_on=TODAY - DAY)
        assert tasks.enforce_deadlines(ORGANISATION) == 1
        unit = stored(unit)
        assert (unit.state, unit.banned_until, unit.due_on, unit.may_apply(TODAY)) == ("active", None, None, True)
        assert Event.objects.of(unit).last().role == "system"

    def test_the_supervisor_may_lift_it_earlier(self, whole, people):
        unit = moved(whole, people, "submit", "approve", "ban", "lift")
        assert (unit.state, unit.banned_until, unit.may_apply(TODAY)) == ("active", None, True)

    def test_a_date_alone_stops_applications_too(self, whole, people):
        unit = moved(whole, people, "submit", "approve")
        unit.banned_until = TODAY
        assert (unit.may_apply(TODAY), unit.may_apply(TODAY + DAY)) == (False, True)


def test_intake_hears_of_registrations_and_the_units_people_of_decisions(whole, people):
    Notification.objects.all().delete()
    heard = []
    for action in ("submit", "return", "submit", "approve", "ban"):
        before = Notification.objects.count()
        moved(stored(whole), people, action)
        for row in Notification.objects.order_by("pk")[before:]:
            assert str(DONE[f"organisation.{action}"]) in row.body
            heard.append((action, row.user.username))
    assert heard == [
        ("submit", "intake"), ("return", "administrator"), ("return", "member"), ("submit", "intake"),
        ("approve", "administrator"), ("approve", "member"), ("ban", "administrator"), ("ban", "member"),
    ]  # fmt: skip


def test_the_whole_life_stands_in_the_trail(whole, people):
    moved(whole, people, "submit", "return", "submit", "approve", "ban", "lift")
    told = [(event.verb, event.role) for event in Event.objects.of(whole) if event.data.get("from")]
    assert told == [
        ("organisation.submit", "administrator"), ("organisation.return", "intake"),
        ("organisation.submit", "administrator"), ("organisation.approve", "intake"),
        ("organisation.ban", "supervisor"), ("organisation.lift", "supervisor"),
    ]  # fmt: skip
