"""The demo world: built once in an empty database, in the published numbers, never among somebody's data."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from communities.models import District, Officer, Organisation
from evaluation import configuration
from evaluation.models import Application, Assignment, Certificate, Project
from evaluation.work import waiting_on
from evaluation.workflow.case import STATES
from experts.models import Expert
from portal import tasks
from portal.demo import accounts, history, names, people, pool, scenes, world
from portal.demo.days import REAL_NOW, as_of, at, workdays_before
from portal.models import Event, Notification, Sequence, User

pytestmark = [pytest.mark.long, pytest.mark.one_database]

SMALL = 0.04


def run(*arguments):
    out = io.StringIO()
    call_command("demo", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def small(db):
    world.build(scale=SMALL)


def test_the_world_is_built_once_and_the_second_time_says_so(small):
    before = (User.objects.count(), Project.objects.count(), Certificate.objects.count())
    assert "已经建好" in run()
    assert (User.objects.count(), Project.objects.count(), Certificate.objects.count()) == before


def test_it_is_not_built_among_somebodys_data(db):
    User.objects.create(username="somebody")
    with pytest.raises(CommandError, match="已有数据"):
        run()
    assert not world.exists()
    for arguments in (["--accounts"], ["--state", "review"]):
        with pytest.raises(CommandError, match="没有演示数据"):
            run(*arguments)


def test_a_build_that_is_cut_short_leaves_nothing(db, monkeypatch):
    def broken(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(world, "make_live", broken)
    with pytest.raises(KeyboardInterrupt):
        world.build(scale=SMALL)
    assert not world.exists()
    assert (User.objects.count(), Certificate.objects.count()) == (0, 0)


def test_every_account_can_sign_in_and_every_role_has_one(small, client):
    rows = json.loads(run("--accounts"))
    assert all(set(row) == {"username", "password", "role", "try"} for row in rows)
    for row in rows[:2]:
        assert client.login(username=row["username"], password=row["password"])
    assert {User.objects.get(username=row["username"]).password for row in rows} == {people.password_hash()}
    duties = set(
        Officer.objects.filter(user__username__in=[row["username"] for row in rows]).values_list("duty", flat=True)
    )
    assert duties == set(Officer.Duty.values)
    assert {"申报单位经办人", "咨询服务单位"} <= {row["role"] for row in rows}


def test_nobody_gets_a_message_of_the_invented_past(small):
    assert Notification.objects.exists()
    assert Notification.objects.filter(sent_at=None).count() == 0
    assert set(User.objects.values_list("email", flat=True)) == {f"{name}@example.org" for name in usernames()}


def usernames():
    return User.objects.values_list("username", flat=True)


def test_one_more_case_is_put_where_it_is_asked_for(small):
    number, address = run("--state", "recommendation").split()
    application = Application.objects.get(project__number=number)
    assert application.state == "recommendation"
    assert address.endswith(application.get_absolute_url())
    with pytest.raises(CommandError, match="不经过"):
        run("--state", "site_visit")


def test_the_history_has_the_published_numbers(db):
    districts = [District(code=f"50010{number}", name=f"示例区{number}") for number in range(9)]
    units = [Organisation(name="示例")]
    awards = list(history.first_awards(units, districts, names.chance(1), 1.0))
    by_year = {year: Counter(award.level for award in awards if award.day.year == year) for year in (2019, 2020)}
    assert by_year[2019] == {1: 45, 2: 41, 3: 7}
    assert len(awards) == 244
    assert len({award.community.name for award in awards}) == 244
    assert (pool.EXPERTS, pool.EMPLOYERS) == (182, 94)


def test_past_cases_have_their_events_and_certificates_that_open(small):
    certificates = Certificate.objects.filter(number__contains="-X-20", application__organiser__isnull=False)
    past = certificates.filter(application__project__number__regex="-20(18|19|20)-")
    assert {certificate.state for certificate in past} == {"expired"}
    for certificate in past:
        with certificate.file.open() as file:
            assert file.read(5) == b"%PDF-"
        verbs = Event.objects.in_thread(certificate.application.thread).filter(verb__startswith="application.")
        assert verbs.count() == len(history.ACTS)


def test_the_live_cases_stand_in_every_state_and_none_is_late_where_lateness_ends_it():
    assert {live.state for live in world.LIVE} == set(STATES)
    ends = {"correction": 10, "revision": 15, "notice": 15}
    assert [live for live in world.LIVE if live.state in ends and live.waited >= ends[live.state]] == []


@pytest.mark.parametrize(
    "scene, state, stage",
    [
        (scenes.begin_draft, "draft", "design"),
        (scenes.one_declines, "inviting", "design"),
        (scenes.marks_begun, "review", "design"),
        (scenes.guidance_begun, "certified", "design"),
        (scenes.objection_made, "notice", "design"),
    ],
)
def test_every_scene_can_be_played(at_state, scene, state, stage):
    application = at_state(state, stage)
    scene(application)
    assert Application.objects.get(pk=application.pk).state == state


def test_each_expert_has_a_whole_invented_identity(world):
    assert len({expert.employer_code for expert in Expert.objects.all()}) == 24
    assert [expert for expert in Expert.objects.all() if not str(expert).startswith("示例")] == []


def test_the_accounts_say_what_waits(at_state):
    at_state("form_check")
    rows = {row["username"]: row["try"] for row in accounts.accounts()}
    intake = User.objects.get(username="intake")
    assert rows["intake"].startswith(f"待办 {len(waiting_on(intake))} 件")


def test_the_present_comes_back_after_a_past_act(db):
    day = workdays_before(timezone.localdate(), 10)[0]
    with as_of(at(day, 9, 30)):
        user = User.objects.create(username="past", name="示例")
        Notification.objects.create(key="past", user=user)
        assert timezone.localdate() == day
    Notification.objects.create(key="now", user=user)
    assert timezone.now is REAL_NOW
    days = [timezone.localdate(row.created_at) for row in Notification.objects.order_by("pk")]
    assert days == [day, timezone.localdate()]


def test_the_same_seed_gives_the_same_history():
    districts = [District(code=f"50010{number}", name=f"示例区{number}") for number in range(9)]
    units = [Organisation(name="示例")]

    def told(seed):
        awards = history.first_awards(units, districts, names.chance(seed), 1.0)
        return [(award.community.name, award.community.district.code, award.level, award.day) for award in awards]

    assert told(1) == told(1)
    assert told(1) != told(2)


def panels_of(seed):
    """Who sits where in a world of one case, which is gone afterwards."""
    with tasks.silence(), transaction.atomic():
        configuration.load()
        districts = list(District.objects.all())
        Sequence.objects.create(name=world.COUNTER, value=0)
        people.make_officers(districts)
        pool.make_experts(districts, names.chance(seed, "pool"), 40, 24)
        world.make_live(districts, seed, (world.Live("inviting", 1, scene=scenes.one_declines),), lambda line: None)
        seats = Assignment.objects.order_by("seat", "pk")
        found = list(seats.values_list("seat", "expert__number", "field", "is_leader", "state", "draw__commitment"))
        transaction.set_rollback(True)
    return found


def test_the_same_seed_gives_the_same_panels(db):
    first = panels_of(1)
    assert (panels_of(1), len(first)) == (first, 7)  # five seats and the substitutes of two
    assert panels_of(2) != first
