"""What an expert's page tells of panels: counts by year to officers, cases only to whoever may see that panel."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluation import refusing, serving
from evaluation.models import Application, Assignment
from experts import pool
from experts.models import Expert
from experts.workflow import EXPERT
from portal.models import Event, User
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db

YEAR = timezone.localdate().year


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def seat():
    """The one seat of a judged case, and its expert."""
    application = published.judged(state="deliberation")
    return Assignment.objects.select_related("expert__user", "draw").get(application=application)


def again(seat, state, review_round, draw=None, **values):
    return Assignment.objects.create(
        application=seat.application, expert=seat.expert, draw=draw or seat.draw, field="comm", seat=1, state=state,
        review_round=review_round, **values,
    )  # fmt: skip


def another_draw(seat, review_round):
    draw = seat.draw
    return type(draw).objects.create(
        application=seat.application,
        review_round=review_round,
        frozen={},
        commitment="",
        identities={},
        organiser=draw.organiser,
    )


def test_a_panel_that_marks_a_revised_version_again_is_one_panel(seat):
    again(seat, "accepted", 2)
    assert serving.years_of(seat.expert) == [serving.Year(YEAR, 1, 0, 0)]
    assert pool.search(timezone.localdate()).get(pk=seat.expert_id).load == 1


def became(seat, state, verb, at=None, **data):
    """What became of a seat, with the event of it."""
    moment = at or timezone.now()
    Assignment.objects.filter(pk=seat.pk).update(state=state, state_since=moment)
    if verb:
        Event.objects.create(
            at=moment, actor_name="示例", verb=f"assignment.{verb}", data=data, subject_id=seat.pk,
            subject_type=seat._meta.label_lower, thread=seat.thread,
        )  # fmt: skip


@pytest.mark.parametrize(
    "state, verb, data, counted",
    [
        ("accepted", "", {}, (1, 0, 0)), ("signed", "", {}, (1, 0, 0)), ("amending", "", {}, (1, 0, 0)),
        ("declined", "decline", {}, (0, 1, 0)), ("lapsed", "lapse", {}, (0, 1, 0)),
        ("declined", "decline", {"reason": "示例：出差。"}, (0, 0, 0)),
        ("declined", "replace", {"reason": "示例"}, (0, 0, 0)),
        ("released", "release", {"reason": "示例"}, (0, 0, 0)),
        ("recused", "recuse", {}, (0, 0, 1)), ("invited", "", {}, (0, 0, 0)),
    ],
)  # fmt: skip
def test_each_seat_counts_as_what_became_of_it(seat, state, verb, data, counted):
    became(seat, state, verb, **data)
    assert serving.years_of(seat.expert) == [serving.Year(YEAR, *counted)]
    assert refusing.counted([seat.expert_id], YEAR)[seat.expert_id] == counted[1]


def test_years_are_told_apart_latest_first(seat):
    last_year = timezone.now().replace(year=YEAR - 1, month=6, day=1)
    became(again(seat, "declined", 2, another_draw(seat, 2)), "declined", "decline", at=last_year)
    assert serving.years_of(seat.expert) == [serving.Year(YEAR, 1, 0, 0), serving.Year(YEAR - 1, 0, 1, 0)]


@pytest.mark.parametrize(
    "who, sees",
    [
        ("own", True),
        ("organiser", True),
        ("supervisor", True),
        ("approver", False),
        ("intake", False),
        ("pool_keeper", False),
    ],
)
def test_which_case_it_was_is_told_only_to_whoever_may_see_the_panel(seat, client, who, sees):
    reader = seat.expert.user if who == "own" else published.officer(who)
    client.force_login(reader)
    page = client.get(seat.expert.get_absolute_url()).content.decode()
    told = seat.application.project.community.name in page
    assert (told, "参加评审情况" in page, reverse("assignment", args=[seat.pk]) in page) == (sees, True, sees)


def test_nobody_learns_here_whether_another_has_signed(seat, client):
    organiser = published.officer("organiser")
    pages = set()
    for state in ("accepted", "signed", "amending"):
        Assignment.objects.update(state=state, state_since=timezone.now())
        client.force_login(User.objects.get(pk=organiser.pk))
        page = client.get(seat.expert.get_absolute_url()).content.decode()
        pages.add(page.partition("<main")[2].partition("</main>")[0])
    assert len(pages) == 1


def test_an_organiser_of_the_applicants_unit_sees_no_panel_of_its_case(seat, client):
    officer = published.officer("organiser")
    published.Membership.objects.create(
        user=officer, organisation=seat.application.project.organisation, role="member", since=published.today()
    )
    assert serving.seats_of(User.objects.get(pk=officer.pk), Expert.objects.get()) == []


def test_panels_look_again_once_an_expert_has_another_employer(seat, django_capture_on_commit_callbacks):
    """A seat of the new employer's case is marked: whoever runs the panel must replace the expert."""
    Assignment.objects.update(state="accepted")
    Application.objects.update(state="review")
    expert, party = seat.expert, seat.application.project.organisation
    said = {"employer": party.name, "employer_code": party.credit_code, "fields_hold": True, "contact_holds": True}
    with django_capture_on_commit_callbacks(execute=True):
        EXPERT.perform(expert, "confirm", by=expert.user, **said)
    assert Assignment.objects.get(pk=seat.pk).conflict == "employed_by_party"
