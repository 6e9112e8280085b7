"""Standing in: by consent or a supervisor's word, on its days alone, on record, and never as a second pair of eyes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from communities import standing_in
from communities.models import Officer, StandIn
from communities.permissions import duties_of, officers
from communities.workflow import STAND_IN
from evaluation import clocks, work
from evaluation.models import Application, OfficerConflict
from evaluation.permissions import can_view, has_run, objections_visible_to, roles_of, visible_to
from evaluation.workflow import APPLICATION
from portal import tasks
from portal.demo import journey, people
from portal.machine import NotAllowed
from portal.models import Event, Notification
from portal.templatetags.portal import doer
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = [pytest.mark.django_db, pytest.mark.long]

world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pks(world):
    return {state: world.case_at(state).pk for state in ("form_check", "drawing", "cosigning", "approval")}


@pytest.fixture(scope="module")
def colleague(world):
    """An officer of another duty, who runs no case: a district officer of no district of these cases."""
    user = get_user_model().objects.create(username="colleague", name="示例同事", email="colleague@example.org")
    Officer.objects.create(user=user, duty="district_officer", district=world.other_district, since=people.first_day())
    return user


def asked(absent, person, duty, *, by=None, days=5):
    """A request for the duty of ``absent``, from today for some days."""
    day = timezone.localdate()
    officer = Officer.objects.get(user__username=absent, duty=duty)
    by, person = scenes.person(by or absent), scenes.person(person)
    return standing_in.ask(by, officer, person, day, day + timedelta(days=days), "休假")


def agreed(absent, person, duty):
    row = asked(absent, person, duty)
    STAND_IN.perform(row, "agree", by=scenes.person(person))
    return row


class TestAgreeing:
    def test_it_gives_the_duty_once_the_colleague_agrees_and_not_before(self, colleague):
        row = asked("intake", "colleague", "intake")
        assert ("intake", None) not in duties_of(scenes.person("colleague"))
        assert [one.key for one in work.waiting_on(scenes.person("colleague"))] == [f"stand-in-{row.pk}"]
        STAND_IN.perform(row, "agree", by=scenes.person("colleague"))
        assert ("intake", None) in duties_of(scenes.person("colleague"))
        assert {user.username for user in officers("intake")} == {"intake", "colleague"}

    def test_a_supervisor_may_decide_it_for_two_others_and_both_are_told(self, colleague):
        row = asked("intake", "colleague", "intake", by="supervisor")
        assert (row.state, ("intake", None) in duties_of(scenes.person("colleague"))) == ("agreed", True)
        told = Notification.objects.filter(link=row.get_absolute_url())
        assert {note.user.username for note in told} == {"intake", "colleague"}

    def test_nobody_else_asks_in_somebodys_name(self, colleague):
        with pytest.raises(NotAllowed):
            asked("intake", "colleague", "intake", by="organiser")

    def test_a_supervisor_does_not_make_themselves_the_stand_in_of_another(self, colleague):
        with pytest.raises(NotAllowed):
            asked("intake", "supervisor", "intake", by="supervisor")

    @pytest.mark.parametrize(
        "person, since, until, problems",
        [
            ("intake", 0, 3, [("same_person", "colleague")]),
            ("applicant", 0, 3, [("no_officer", "colleague")]),
            ("colleague", 3, 0, [("dates", "until")]),
            ("colleague", -5, -1, [("dates", "until")]),
            ("colleague", 0, 400, [("dates", "until")]),
        ],
    )
    def test_it_is_refused_with_the_reason(self, colleague, person, since, until, problems):
        day, officer = timezone.localdate(), Officer.objects.get(duty="intake")
        with refused() as found:
            standing_in.ask(
                officer.user, officer, scenes.person(person), day + timedelta(since), day + timedelta(until), "休假"
            )
        assert found == problems

    def test_of_two_for_the_same_days_only_one_is_agreed(self, colleague):
        first, second = asked("intake", "colleague", "intake"), asked("intake", "approver", "intake")
        STAND_IN.perform(first, "agree", by=scenes.person("colleague"))
        with refused() as found:
            STAND_IN.perform(second, "agree", by=scenes.person("approver"))
        assert found == [("overlap", "since")]

    def test_administrators_are_replaced_by_appointment_only(self, colleague):
        with refused() as found:
            asked("system-administrator", "colleague", "system_administrator")
        assert ("duty_excluded", "officer") in found

    def test_it_ends_with_its_last_day_or_earlier_by_one_of_them(self, colleague):
        row = agreed("intake", "colleague", "intake")
        StandIn.objects.filter(pk=row.pk).update(
            since=timezone.localdate() - timedelta(3), until=timezone.localdate() - timedelta(1),
            due_on=timezone.localdate() - timedelta(1),
        )  # fmt: skip
        assert ("intake", None) not in duties_of(scenes.person("colleague"))
        tasks.enforce_deadlines(STAND_IN)
        assert StandIn.objects.get(pk=row.pk).state == "over"
        other = agreed("intake", "colleague", "intake")
        STAND_IN.perform(StandIn.objects.get(pk=other.pk), "end", by=scenes.person("intake"), reason="提前返岗")
        assert ("intake", None) not in duties_of(scenes.person("colleague"))

    def test_it_ends_with_the_office_of_whoever_stands_in(self, colleague):
        agreed("intake", "colleague", "intake")
        Officer.objects.filter(user=colleague).update(until=people.first_day())
        assert duties_of(scenes.person("colleague")) == set()
        assert {user.username for user in officers("intake")} == {"intake"}

    def test_it_ends_with_the_duty_itself(self, colleague):
        agreed("intake", "colleague", "intake")
        Officer.objects.filter(duty="intake").update(until=people.first_day())
        assert ("intake", None) not in duties_of(scenes.person("colleague"))


class TestActing:
    def test_what_is_done_in_somebodys_place_says_so(self, pks, colleague):
        agreed("intake", "colleague", "intake")
        APPLICATION.perform(scenes.case(pks["form_check"]), "accept", by=scenes.person("colleague"))
        event = Event.objects.of(scenes.case(pks["form_check"])).filter(verb="application.accept").get()
        absent = scenes.person("intake")
        assert (event.actor.username, event.data["in_place_of"], event.data["in_place_of_id"]) == (
            "colleague", str(absent), absent.pk
        )  # fmt: skip
        assert doer(event) == f"示例同事（代{absent}）"

    def test_what_waits_on_the_absent_colleague_waits_on_the_stand_in_who_is_reminded(self, world, pks, colleague):
        case = scenes.case(pks["form_check"])
        APPLICATION.perform(case, "assign", by=world.supervisor, handler=str(world.intake.pk))
        agreed("intake", "colleague", "intake")
        (row,) = [one for one in work.waiting_on(scenes.person("colleague")) if one.key == f"application-{case.pk}"]
        assert f"代{world.intake}办理" in row.detail
        assert {user.username for user in clocks.holders(scenes.case(case.pk))} == {"intake", "colleague"}

    def test_what_they_see_and_may_do_agrees(self, pks, colleague):
        agreed("organiser", "colleague", "organiser")
        user = scenes.person("colleague")
        seen = set(visible_to(user).values_list("pk", flat=True))
        assert (
            seen == {case.pk for case in Application.objects.with_case() if can_view(user, case)} >= set(pks.values())
        )
        assert all(roles_of(user, scenes.case(pk)) == {"organiser"} for pk in pks.values())

    def test_an_act_in_the_own_duty_is_nobody_elses(self, pks, colleague):
        Officer.objects.create(user=colleague, duty="intake", since=people.first_day())
        agreed("intake", "colleague", "intake")
        APPLICATION.perform(scenes.case(pks["form_check"]), "accept", by=scenes.person("colleague"))
        event = Event.objects.of(scenes.case(pks["form_check"])).filter(verb="application.accept").get()
        assert "in_place_of" not in event.data


class TestTwoPairsOfEyes:
    """(absent, their duty, who stands in): the case of an organiser is approved and cosigned by somebody else."""

    def test_the_organisers_stand_in_does_not_approve_the_case(self, pks):
        agreed("organiser", "approver", "organiser")
        with refused() as found:
            APPLICATION.perform(scenes.case(pks["approval"]), "approve", by=scenes.person("approver"), opinion="同意")
        assert found == [("same_person", "")]
        assert not work.to_act(scenes.person("approver")).filter(pk=pks["approval"]).exists()

    def test_the_organiser_does_not_approve_as_the_approvers_stand_in(self, pks):
        agreed("approver", "organiser", "approver")
        with refused() as found:
            APPLICATION.perform(scenes.case(pks["approval"]), "approve", by=scenes.person("organiser"), opinion="同意")
        assert found == [("same_person", "")]

    @pytest.mark.parametrize(
        "absent, person, duty",
        [("organiser", "supervisor", "organiser"), ("supervisor", "organiser", "supervisor")],
    )
    def test_a_draw_is_started_by_two_who_do_not_stand_in_for_each_other(self, pks, absent, person, duty):
        agreed(absent, person, duty)
        cosigner = "supervisor" if absent == "organiser" else "organiser"
        with refused() as found:
            APPLICATION.perform(scenes.case(pks["cosigning"]), "cosign_draw", by=scenes.person(cosigner))
        assert found == [("same_person", "")]

    def test_whoever_let_another_run_the_panel_has_run_it_too(self, pks, colleague, world):
        agreed("organiser", "colleague", "organiser")
        case = scenes.case(pks["drawing"])
        APPLICATION.perform(case, "propose_draw", by=scenes.person("colleague"))
        assert [has_run(scenes.person(name), case) for name in ("colleague", "organiser", "approver")] == [
            True,
            True,
            False,
        ]
        Officer.objects.create(user=world.organiser, duty="supervisor", since=people.first_day())
        with refused() as found:
            APPLICATION.perform(scenes.case(case.pk), "cosign_draw", by=scenes.person("organiser"))
        assert found == [("same_person", "")]

    def test_objections_against_a_panel_are_not_handled_by_its_organisers_stand_in(self, world):
        case = world.case_at("notice")
        journey.fresh(case)
        agreed("organiser", "approver", "organiser")
        assert not objections_visible_to(scenes.person("approver")).filter(notice__application=case).exists()
        assert has_run(scenes.person("approver"), scenes.case(case.pk))


class TestConflicts:
    def test_whoever_stands_in_stays_away_from_what_the_absent_one_must(self, pks, colleague, world):
        project = scenes.case(pks["form_check"]).project
        OfficerConflict.objects.create(
            officer=world.intake, project=project, relation="示例", declared_by=world.intake, declared_at=timezone.now()
        )
        agreed("intake", "colleague", "intake")
        assert not visible_to(scenes.person("colleague")).filter(project=project).exists()
