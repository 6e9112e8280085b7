"""Both parties of a draw bind themselves before either reveals; no secret is told before the draw; what is given up stays."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from communities.models import Officer
from evaluation import clocks, drawing
from evaluation.models import Application, Programme
from evaluation.work import waiting_on
from evaluation.workflow import APPLICATION
from experts import draw as lots
from portal.demo import journey
from portal.demo.days import as_of
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

ORGANISERS, SUPERVISORS = (sha256(name.encode()).hexdigest() for name in ("organiser", "supervisor"))
SECRETS = {"organiser": ORGANISERS, "supervisor": SUPERVISORS}
SOURCE = "明日某彩种开奖号码"


world, own_files = scenes.shared_world(experts=24, employers=20)


@pytest.fixture(scope="module")
def pk(world):
    return world.case_at("drawing").pk


@pytest.fixture
def application(pk):
    return scenes.case(pk)


def bound(secret, kept):
    """How a party says it: the hash alone where it keeps the secret."""
    return {"secret_hash": lots.secret_hash(secret)} if kept else {"secret": secret}


def started(application, world, organiser_keeps=False, supervisor_keeps=False):
    """The application after both have bound themselves."""
    APPLICATION.perform(application, "propose_draw", by=world.organiser, **bound(ORGANISERS, organiser_keeps))
    case = scenes.case(application.pk)
    APPLICATION.perform(case, "cosign_draw", by=world.supervisor, **bound(SUPERVISORS, supervisor_keeps))
    return scenes.case(application.pk)


def reveal(application, by, secret):
    return APPLICATION.perform(application, "reveal_secret", by=by, secret=secret)


@contextmanager
def days_later(days):
    with as_of(timezone.now() + timedelta(days=days)):
        yield


def names_a_source():
    Programme.objects.update(public_source=SOURCE)


class TestWhoIsBoundByWhat:
    def test_two_secrets_that_the_portal_keeps_draw_at_once(self, application, world):
        case = started(application, world)
        draw = drawing.draw_of(case)
        assert case.state == "inviting"
        assert (draw.organiser_hash, draw.supervisor_hash) == tuple(map(lots.secret_hash, (ORGANISERS, SUPERVISORS)))
        receipt = draw.receipt
        assert (receipt["organiser"]["secret"], receipt["supervisor"]["secret"]) == (ORGANISERS, SUPERVISORS)
        assert lots.verify(receipt) == []

    def test_without_a_secret_or_a_hash_the_portal_makes_one(self, application, world):
        APPLICATION.perform(application, "propose_draw", by=world.organiser)
        draw = drawing.present(application)
        assert lots.problem_of_secret(draw.organiser_secret, draw.organiser_hash, "organiser") is None

    @pytest.mark.parametrize(
        "organiser_keeps, supervisor_keeps, owing",
        [(True, False, ["organiser"]), (False, True, ["supervisor"]), (True, True, ["organiser", "supervisor"])],
    )
    def test_who_keeps_a_secret_reveals_it_and_the_last_to_do_so_starts_the_draw(
        self, application, world, organiser_keeps, supervisor_keeps, owing
    ):
        case = started(application, world, organiser_keeps, supervisor_keeps)
        for left in range(len(owing), 0, -1):
            case = scenes.case(case.pk)
            holders = owing[-left:]
            assert case.state == "revealing"
            assert drawing.missing(drawing.present(case)) == tuple(holders)
            assert {user.username for user in clocks.holders(case)} == set(holders)
            assert {name for name in ("organiser", "supervisor") if waits(name, case)} == set(holders)
            reveal(case, scenes.person(holders[0]), SECRETS[holders[0]])
        case = scenes.case(case.pk)
        assert case.state == "inviting"
        assert drawing.draw_of(case).receipt["organiser"]["secret"] == ORGANISERS
        verbs = list(Event.objects.of(case).values_list("verb", flat=True))[-2 - len(owing) :]
        assert verbs == [
            "application.cosign_draw",
            *["application.reveal_secret"] * len(owing),
            "application.hold_draw",
        ]

    def test_the_organisers_hash_is_on_record_before_the_supervisor_is_bound_to_anything(
        self, application, world, client
    ):
        event = APPLICATION.perform(application, "propose_draw", by=world.organiser, **bound(ORGANISERS, kept=True))
        assert event.data["organiser_secret_hash"] == lots.secret_hash(ORGANISERS)
        assert drawing.present(application).supervisor_hash == ""
        client.force_login(world.applicant)
        page = client.get(reverse("project", args=[application.project_id])).content.decode()
        assert (event.data["commitment"] in page, lots.secret_hash(ORGANISERS) in page) == (True, True)

    @pytest.mark.parametrize(
        "said, problems",
        [
            ({"secret": "x"}, [("secret_form", "secret")]),
            ({"secret": ORGANISERS.upper()}, [("secret_form", "secret")]),
            ({"secret_hash": "x"}, [("hash_form", "secret_hash")]),
            ({"secret": ORGANISERS, "secret_hash": lots.secret_hash(SUPERVISORS)}, [("secret_changed", "secret")]),
        ],
    )
    def test_what_can_bind_nobody_is_refused(self, application, world, said, problems):
        with scenes.refused() as found:
            APPLICATION.perform(application, "propose_draw", by=world.organiser, **said)
        assert found == problems

    @pytest.mark.parametrize("kept, place", [(False, "secret"), (True, "secret_hash")])
    def test_the_same_secret_twice_is_refused(self, application, world, kept, place):
        APPLICATION.perform(application, "propose_draw", by=world.organiser, secret=ORGANISERS)
        with scenes.refused() as found:
            APPLICATION.perform(
                scenes.case(application.pk), "cosign_draw", by=world.supervisor, **bound(ORGANISERS, kept)
            )
        assert found == [("secret_shared", place)]


def waits(username, case):
    return f"application-{case.pk}" in {row.key for row in waiting_on(scenes.person(username))}


class TestRevealing:
    @pytest.mark.parametrize("secret, code", [("", "required"), ("x", "secret_form"), (SUPERVISORS, "secret_changed")])
    def test_only_the_promised_secret_counts(self, application, world, secret, code):
        case = started(application, world, organiser_keeps=True)
        with scenes.refused() as found:
            reveal(case, world.organiser, secret)
        assert found == [(code, "secret")]

    def test_nobody_reveals_for_another_or_twice(self, application, world):
        case = started(application, world, organiser_keeps=True, supervisor_keeps=True)
        for person in (world.approver, world.applicant, None):
            with pytest.raises((NotAllowed, Stale)):
                reveal(scenes.case(case.pk), person, ORGANISERS)
        reveal(scenes.case(case.pk), world.organiser, ORGANISERS)
        with pytest.raises(Stale):  # the organiser owes nothing any more
            reveal(scenes.case(case.pk), world.organiser, ORGANISERS)

    def test_another_officer_of_the_same_duty_is_bound_by_nothing(self, application, world):
        case = started(application, world, organiser_keeps=True)
        Officer.objects.filter(user=world.approver).update(duty="organiser")
        with scenes.refused() as found:
            reveal(case, scenes.person("approver"), ORGANISERS)
        assert found == [("not_bound", "")]

    def test_nobody_reads_a_secret_before_the_draw_on_any_page_in_any_answer_event_or_message(
        self, application, world, client
    ):
        case = started(application, world, organiser_keeps=True, supervisor_keeps=True)
        reveal(case, world.organiser, ORGANISERS)
        told = json.dumps([*Event.objects.values_list("data", flat=True)])
        told += " ".join(Notification.objects.values_list("body", flat=True))
        for username in ("organiser", "supervisor", "approver", "applicant"):
            client.force_login(scenes.person(username))
            for address in (
                reverse("draw", args=[case.pk]), reverse("project", args=[case.project_id]),
                f"/api/v1/applications/{case.pk}/draw/", f"/api/v1/applications/{case.pk}/events/",
                f"/api/v1/applications/{case.pk}/acts/",
            ):  # fmt: skip
                told += client.get(address).content.decode()
        assert ORGANISERS not in told
        assert lots.secret_hash(ORGANISERS) in told

    def test_a_refused_form_does_not_write_the_secret_back_into_the_page(self, application, world, client):
        case = started(application, world, organiser_keeps=True)
        client.force_login(world.organiser)
        answer = client.post(reverse("draw", args=[case.pk]), {"action": "reveal_secret", "secret": SUPERVISORS})
        assert (answer.status_code, SUPERVISORS in answer.content.decode()) == (422, False)
        assert "与事先公布的摘要不符" in answer.content.decode()


class TestThePublicValue:
    def test_it_is_waited_for_and_not_before_the_day_after_both_are_bound(self, application, world):
        names_a_source()
        case = started(scenes.case(application.pk), world)
        assert (case.state, drawing.missing(drawing.present(case))) == ("revealing", ("public_value",))
        assert {user.username for user in clocks.holders(case)} == {"organiser"}
        with scenes.refused() as found:
            APPLICATION.perform(case, "enter_public_value", by=world.organiser, public_value="0471")
        assert found == [("too_early", "public_value")]
        with days_later(1):
            event = APPLICATION.perform(
                scenes.case(case.pk), "enter_public_value", by=world.organiser, public_value=" 0471 "
            )
        case = scenes.case(case.pk)
        receipt = drawing.draw_of(case).receipt
        assert case.state == "inviting"
        assert (receipt["public_value"], receipt["pool"]["rules"]["public_source"]) == ("0471", SOURCE)
        assert (event.actor, event.data["public_value"].strip(), event.data["source"]) == (
            world.organiser,
            "0471",
            SOURCE,
        )
        assert lots.verify(receipt) == []

    def test_it_follows_the_frozen_rules_and_not_what_the_programme_says_later(self, application, world):
        APPLICATION.perform(application, "propose_draw", by=world.organiser, secret=ORGANISERS)
        names_a_source()
        APPLICATION.perform(scenes.case(application.pk), "cosign_draw", by=world.supervisor)
        assert scenes.case(application.pk).state == "inviting"

    def test_the_secrets_come_first_or_last(self, application, world):
        names_a_source()
        case = started(scenes.case(application.pk), world, organiser_keeps=True)
        with days_later(2):
            APPLICATION.perform(case, "enter_public_value", by=world.organiser, public_value="0471")
            assert scenes.case(case.pk).state == "revealing"
            reveal(scenes.case(case.pk), world.organiser, ORGANISERS)
        assert scenes.case(case.pk).state == "inviting"

    def test_the_supervisor_enters_none(self, application, world):
        names_a_source()
        case = started(scenes.case(application.pk), world)
        with pytest.raises(NotAllowed):
            APPLICATION.perform(case, "enter_public_value", by=world.supervisor, public_value="1")


class TestWhatIsGivenUp:
    @pytest.mark.parametrize("username", ["organiser", "supervisor"])
    def test_a_party_that_never_reveals_costs_the_draw_and_it_stays_on_record(self, application, world, username):
        case = started(application, world, organiser_keeps=True)
        event = APPLICATION.perform(case, "give_up_draw", by=scenes.person(username), reason="密值丢失")
        again = scenes.case(case.pk)
        first = again.draws.get(review_round=1)
        assert (again.state, again.review_round) == ("drawing", 2)
        assert event.data["missing"] == ["organiser"]
        assert (first.commitment, first.receipt) == (event.data["commitment"], None)
        assert list(drawing.earlier(again, None)) == [first]
        APPLICATION.perform(again, "propose_draw", by=world.organiser)
        assert drawing.present(scenes.case(case.pk)).commitment != first.commitment

    def test_new_parties_end_it_and_it_stays_on_record_too(self, application, world):
        case = started(application, world, organiser_keeps=True)
        APPLICATION.perform(case, "recheck_parties", by=None)
        again = scenes.case(case.pk)
        assert (again.state, len(drawing.earlier(again, None))) == ("drawing", 1)

    def test_a_second_draw_needs_the_supervisor_and_the_first_stays_beside_it(self, application, world, client):
        case = started(application, world)
        with pytest.raises(NotAllowed):
            APPLICATION.perform(case, "redraw", by=world.organiser, reason="示例")
        APPLICATION.perform(case, "redraw", by=world.supervisor, reason="示例")
        assert [row.key for row in waiting_on(scenes.person("organiser"))] == [f"application-{case.pk}"]
        case = journey.to_state(scenes.case(case.pk), "inviting")
        (first,) = drawing.earlier(case, drawing.draw_of(case))
        client.force_login(world.supervisor)
        page = client.get(reverse("draw", args=[case.pk])).content.decode()
        assert first.commitment in page
        own = client.get(reverse("draw-receipt", args=[case.pk, 1]))
        assert json.loads(own.content) == first.receipt
        assert client.get(reverse("draw-receipt-page", args=[case.pk, 1])).status_code == 200
        assert client.get(reverse("draw-receipt", args=[case.pk, 7])).status_code == 404
        told = client.get(f"/api/v1/applications/{case.pk}/draw/").json()
        assert [row["commitment"] for row in told["earlier"]] == [first.commitment]
        answer = client.get(f"/api/v1/applications/{case.pk}/draw/receipt/", {"review_round": 1})
        assert json.loads(answer.content) == first.receipt


class TestThePage:
    def test_one_binds_oneself_by_a_hash_alone(self, application, world, client):
        client.force_login(world.organiser)
        address, published = reverse("draw", args=[application.pk]), lots.secret_hash(ORGANISERS)
        sent = {"action": "propose_draw", "keeping": "self", "secret": SUPERVISORS, "secret_hash": ""}
        assert client.post(address, sent).status_code == 422
        assert client.post(address, sent | {"secret_hash": published}).status_code == 302
        draw = drawing.present(application)
        assert (draw.organiser_hash, draw.organiser_secret) == (published, "")

    def test_one_entrusts_the_secret_that_the_browser_made(self, application, world, client):
        client.force_login(world.organiser)
        sent = {"action": "propose_draw", "keeping": "portal", "secret": ORGANISERS, "secret_hash": ""}
        assert client.post(reverse("draw", args=[application.pk]), sent).status_code == 302
        draw = drawing.present(application)
        assert (draw.organiser_hash, draw.organiser_secret) == (lots.secret_hash(ORGANISERS), ORGANISERS)

    def test_a_pool_without_a_panel_is_said_before_anybody_proposes_with_what_would_cure_it(
        self, application, world, client
    ):
        Programme.objects.update(panel_size=25, panel_seats={"comm": 25})
        client.force_login(world.organiser)
        page = client.get(reverse("draw", args=[application.pk]))
        words = [str(problem.code) for problem in page.context["obstacles"]]
        assert words == ["field_short", "panel_short"]
        assert "请补充该专业专家，或减少该专业席位" in page.content.decode()
        assert "propose_draw" not in page.context["acts"]
        answer = client.post(reverse("draw", args=[application.pk]), {"action": "propose_draw"})
        assert (answer.status_code, scenes.case(application.pk).state) == (422, "drawing")

    def test_where_a_panel_can_be_drawn_nothing_stands_in_the_way(self, application, world, client):
        client.force_login(world.organiser)
        page = client.get(reverse("draw", args=[application.pk]))
        assert (page.context["obstacles"], "propose_draw" in page.context["acts"]) == ([], True)

    def test_the_salt_is_asked_by_no_page_and_no_endpoint(self, application, world, client):
        client.force_login(world.organiser)
        sent = {"action": "propose_draw", "salt": ORGANISERS}
        assert client.post(reverse("draw", args=[application.pk]), sent).status_code == 302
        salts = {identity["salt"] for identity in drawing.present(application).identities.values()}
        derived = lots.freeze(
            drawing.candidates(application), drawing.rules(application), "", salt=ORGANISERS
        ).identities.values()
        assert salts & {identity["salt"] for identity in derived} == set()


def test_two_worlds_draw_the_same_panels(world, application):
    with transaction.atomic():
        first = journey.to_state(scenes.case(application.pk), "inviting")
        seen = drawing.draw_of(first).receipt
        transaction.set_rollback(True)
    assert Application.objects.get(pk=application.pk).state == "drawing"
    assert drawing.draw_of(journey.to_state(scenes.case(application.pk), "inviting")).receipt == seen
