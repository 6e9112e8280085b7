"""Duties are given and ended on a basis; the three administrators are three persons, and nobody helps themself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from communities.models import District, Membership, Officer, Organisation, StandIn
from communities.permissions import duties_of
from evaluation import appointing
from evaluation.appointing import Appointment
from evaluation.permissions import ADMINISTRATORS
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Changed
from tests.evaluation import scenes
from tests.evaluation.officers import DUTIES, account, officer

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)
BASIS = "示例任命〔2026〕1号"


@pytest.fixture
def keeper():
    return officer("security_administrator")


@pytest.fixture
def person():
    return account("wang")


@pytest.fixture
def district():
    return District.objects.create(code="990101", name="示例区")


def wanted(user, duty="intake", **values):
    return Appointment(**{"user": user, "duty": duty, "since": TODAY, "basis": BASIS, **values})


def fresh(user):
    return User.objects.get(pk=user.pk)


class TestGiving:
    def test_the_duty_holds_from_its_day_and_the_trail_says_who_gave_it_and_on_what_basis(self, keeper, person):
        [row] = appointing.give(keeper, wanted(person))
        assert duties_of(fresh(person)) == {("intake", None)}
        event = Event.objects.of(row).get()
        after = {"duty": "intake", "district": None, "since": TODAY.isoformat(), "until": None}
        assert (event.verb, event.actor, event.data) == (
            "officer.give", keeper, {"before": None, "after": after, "basis": BASIS}
        )  # fmt: skip
        assert list(appointing.history_of(person)) == [event]

    def test_a_district_officer_has_a_row_for_each_district(self, keeper, person, district):
        other = District.objects.create(code="990102", name="示例二区")
        rows = appointing.give(keeper, wanted(person, "district_officer", districts=(district.pk, other.pk)))
        assert [row.district_id for row in rows] == ["990101", "990102"]

    @pytest.mark.parametrize("duty", [duty for duty in DUTIES if duty != "security_administrator"])
    def test_nobody_else_gives_or_ends_one(self, duty, person):
        by = officer(duty)
        row = Officer.objects.create(user=person, duty="intake", since=TODAY)
        with pytest.raises(NotAllowed):
            appointing.give(by, wanted(account("li")))
        with pytest.raises(NotAllowed):
            appointing.end(by, row, TODAY, BASIS)

    @pytest.mark.parametrize(
        "values, found",
        [
            ({"duty": "nothing"}, [("duty_unknown", "duty")]),
            ({"basis": " "}, [("required", "basis")]),
            ({"since": TODAY - DAY}, [("past", "since")]),
            ({"until": TODAY - DAY}, [("order", "until")]),
            ({"duty": "district_officer"}, [("required", "districts")]),
            ({"duty": "district_officer", "districts": ("000000",)}, [("district_unknown", "districts")]),
            ({"districts": ("990101",)}, [("districts", "districts")]),
            (
                {"duty": "district_officer", "basis": "", "since": TODAY - DAY},
                [("required", "basis"), ("past", "since"), ("required", "districts")],
            ),
        ],
    )
    def test_everything_that_is_wrong_is_said_at_once(self, keeper, person, district, values, found):
        with scenes.refused() as problems:
            appointing.give(keeper, wanted(person, **values))
        assert problems == found
        assert not Officer.objects.filter(user=person).exists()

    def test_nobody_gives_a_duty_to_themself(self, keeper):
        with scenes.refused() as problems:
            appointing.give(keeper, wanted(keeper))
        assert problems == [("own_duty", "user"), ("separation", "duty")]

    def test_a_closed_account_and_a_member_of_a_unit_get_none(self, keeper):
        unit = Organisation.objects.create(credit_code="91500000MA00000000", name="示例单位", kind="developer")
        user = account("zhao", is_active=False)
        Membership.objects.create(user=user, organisation=unit, role="member", since=TODAY)
        with scenes.refused() as problems:
            appointing.give(keeper, wanted(user))
        assert problems == [("inactive", "user"), ("member", "user")]

    def test_twice_on_the_same_days_is_refused_and_one_after_the_other_is_not(self, keeper, person):
        appointing.give(keeper, wanted(person, until=TODAY + 5 * DAY))
        with scenes.refused() as problems:
            appointing.give(keeper, wanted(person, since=TODAY + 5 * DAY))
        assert problems == [("double", "duty")]
        assert appointing.give(keeper, wanted(person, since=TODAY + 6 * DAY))


class TestThreePersons:
    @pytest.mark.parametrize("held", DUTIES)
    def test_whoever_is_one_of_the_three_holds_nothing_else(self, keeper, person, held):
        Officer.objects.create(user=person, duty=held, since=TODAY)
        found = {
            new: [problem.code for problem in appointing.problems_of(keeper, wanted(person, new), TODAY)]
            for new in DUTIES
        }
        apart = {new: held != new and bool(ADMINISTRATORS & {held, new}) for new in DUTIES}
        assert found == {
            new: ["double"] if held == new else ["separation"] if apart[new] else [] for new in DUTIES
        }  # fmt: skip

    def test_a_duty_that_has_ended_keeps_nobody_out(self, keeper, person):
        Officer.objects.create(user=person, duty="intake", since=TODAY - 9 * DAY, until=TODAY - DAY)
        assert appointing.give(keeper, wanted(person, "audit_administrator"))

    def test_whoever_stands_in_for_somebody_is_none_of_the_three(self, keeper, person):
        StandIn.objects.create(
            officer=officer("intake").duties.get(), person=person, since=TODAY, until=TODAY + DAY, reason="示例",
            asked_by=keeper, state="agreed",
        )  # fmt: skip
        with scenes.refused() as problems:
            appointing.give(keeper, wanted(person, "audit_administrator"))
        assert problems == [("stands_in", "duty")]


class TestEnding:
    @pytest.fixture
    def row(self, person):
        return Officer.objects.create(user=person, duty="intake", since=TODAY - 9 * DAY)

    @pytest.mark.parametrize("until, holds", [(TODAY, True), (TODAY - DAY, False)])
    def test_it_holds_until_its_last_day_and_the_row_stays(self, keeper, row, person, until, holds):
        appointing.end(keeper, row, until, BASIS)
        assert bool(duties_of(fresh(person))) is holds
        event = Event.objects.of(row).get()
        assert (event.data["before"]["until"], event.data["after"]["until"]) == (None, until.isoformat())

    def test_everything_that_is_wrong_is_said_at_once(self, keeper, row):
        with scenes.refused() as problems:
            appointing.end(keeper, row, TODAY - 2 * DAY, " ")
        assert problems == [("required", "basis"), ("past", "until")]

    def test_the_second_of_two_is_told_who_was_faster(self, keeper, row):
        other = officer("security_administrator", "second")
        seen = Officer.objects.get(pk=row.pk)
        appointing.end(keeper, row, TODAY, BASIS)
        with pytest.raises(Changed) as changed:
            appointing.end(other, seen, TODAY + DAY, BASIS)
        assert changed.value.problems[0].params == {"who": str(keeper)}
        assert Officer.objects.get(pk=row.pk).until == TODAY

    def test_nobody_ends_their_own_and_the_last_one_stays(self, keeper):
        row = keeper.duties.get()
        with scenes.refused() as problems:
            appointing.end(keeper, row, TODAY, BASIS)
        assert problems == [("own_duty", ""), ("last_one", "until")]

    def test_the_last_one_may_go_once_somebody_follows(self, keeper):
        other = officer("security_administrator", "second")
        appointing.end(keeper, other.duties.get(), TODAY, BASIS)
        assert other.duties.get().until == TODAY


class TestTheFirstOfficers:
    def test_the_command_makes_the_account_and_gives_the_duty(self):
        call_command("appoint", "first", "security_administrator", name="示例", email="first@example.org", basis=BASIS)
        user = User.objects.get(username="first")
        assert duties_of(user) == {("security_administrator", None)}
        assert [event.actor for event in appointing.history_of(user)] == [None, None]

    def test_what_is_wrong_is_said_and_no_account_is_left(self):
        with pytest.raises(CommandError):
            call_command("appoint", "first", "district_officer", name="示例", email="first@example.org", basis=BASIS)
        assert not User.objects.filter(username="first").exists()
