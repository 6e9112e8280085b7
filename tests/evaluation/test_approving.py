"""Approving many results: what is seen of each beforehand, which are left for a look alone, each approved by itself."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities.models import Officer
from evaluation import approving, batching, marking
from evaluation.models import Application, ApprovalMinutes, Batch, Project, PublicNotice, Result
from evaluation.workflow import BATCH
from portal import tasks
from portal.demo import people
from portal.machine import NotAllowed, Stale
from portal.models import Event, User
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]

world, own_files = scenes.shared_world()
OPINION = {"opinion": "示例：同意专家组意见。"}


@pytest.fixture(scope="module")
def pks(world):
    """Three results that wait, plain ones: nobody lies apart."""
    found = [world.case_at("approval").pk for _number in range(3)]
    for result in Result.objects.filter(application__in=found):
        result.trace["flagged"] = []
        result.save()
    return found


def approver():
    return scenes.person("approver")


def prepared(cases, by="approver"):
    batch = batching.prepare(scenes.person(by), "approve", cases, OPINION)
    tasks.advance("batch", batch.pk)
    return Batch.objects.get(pk=batch.pk)


def run(batch):
    BATCH.perform(batch, "run", by=scenes.person(batch.owner.username))
    tasks.advance("batch", batch.pk)
    return Batch.objects.get(pk=batch.pk)


def states(cases):
    return [Application.objects.get(pk=pk).state for pk in cases]


def signed_in(username):
    client = Client()
    client.force_login(scenes.person(username))
    return client


def dissent(pk):
    row = marking.result_of(scenes.case(pk)).endorsements.first()
    row.agrees, row.dissent = False, "示例：门禁未装。"
    row.save()


def unsign(pk):
    marking.result_of(scenes.case(pk)).endorsements.first().delete()


def flag(pk):
    result = marking.result_of(scenes.case(pk))
    result.trace["flagged"] = ["4.2.1", "5.3.3"]
    result.save()


def unlike_others(pk, count=3):
    """Cases with as many points that got another level."""
    case = scenes.case(pk)
    own = marking.result_of(case)
    for number in range(count):
        project = Project.objects.get(pk=case.project_id)
        community = project.community
        community.pk, community.name = None, f"示例先例{number}"
        community.save(force_insert=True)
        project.pk, project.number, project.community = None, f"LIKE-{number}", community
        project.save(force_insert=True)
        other = Application.objects.create(project=project, stage=case.stage, state="certified")
        Result.objects.create(
            application=other, submission=own.submission, review_round=1, standard_sha256=own.standard_sha256,
            total=own.total, level=own.level - 1, trace=own.trace, sheets=[],
        )  # fmt: skip


class TestWhatIsSeen:
    def test_a_plain_result_is_taken_with_its_level_points_and_minutes(self, pks):
        case = scenes.case(pks[0])
        ApprovalMinutes.objects.create(
            application=case, review_round=1, name="a.pdf", kind="pdf", size=1, sha256="0" * 64
        )
        row = prepared(pks[:1]).rows.get()
        result = marking.result_of(case)
        level = next(level for level in case.standard.levels if level.level == result.level)
        assert (row.foreseen, row.is_left_out, row.facts["cautions"]) == ("possible", False, [])
        assert (row.facts["level_name"], row.facts["minutes"]) == (level.name, 1)
        assert float(row.facts["margin"]) == pytest.approx(float(result.total) - float(level.min_total), abs=0.006)

    @pytest.mark.parametrize("spoil, code", [(dissent, "dissent"), (unsign, "unsigned"), (flag, "flagged")])
    def test_what_calls_for_a_look_is_left_out_and_says_why(self, pks, spoil, code):
        spoil(pks[0])
        batch = prepared(pks)
        left = batch.rows.filter(is_left_out=True)
        assert [row.application_id for row in left] == [pks[0]]
        assert [caution["code"] for caution in left.get().facts["cautions"]] == [code]
        assert (batch.counts()["left_out"], batch.counts()["impossible"]) == (1, 0)

    def test_a_level_unlike_that_of_like_cases_calls_for_a_look(self, pks):
        unlike_others(pks[0])
        row = prepared(pks[:1]).rows.get()
        assert (row.is_left_out, [caution["code"] for caution in row.facts["cautions"]]) == (True, ["precedents"])
        assert (row.facts["precedents"], row.facts["unlike"]) == (3, 3)

    def test_two_like_cases_say_nothing_of_what_is_usual(self, pks):
        unlike_others(pks[0], 2)
        assert approving.facts(approver(), scenes.case(pks[0]))["cautions"] == []

    def test_who_ran_the_panel_cannot_and_the_trial_says_so(self, world, pks):
        Officer.objects.create(user=world.organiser, duty="approver", since=people.first_day())
        row = prepared(pks[:1], by="organiser").rows.get()
        assert (row.foreseen, [problem["code"] for problem in row.problems]) == ("refused", ["same_person"])


class TestDoing:
    def test_each_is_approved_by_the_act_itself_with_its_own_event_and_notice(self, pks):
        batch = run(prepared(pks))
        assert (batch.state, batch.counts()["done"], states(pks)) == ("done", 3, ["notice"] * 3)
        events = Event.objects.filter(verb="application.approve", subject_id__in=pks)
        assert {(row.actor.username, row.role, row.data["opinion"]) for row in events} == {
            ("approver", "approver", OPINION["opinion"])
        }
        assert len(set(PublicNotice.objects.filter(application__in=pks).values_list("number", flat=True))) == 3

    def test_what_was_left_out_stays_until_it_is_taken_in(self, pks):
        dissent(pks[0])
        batch = run(prepared(pks))
        assert states(pks) == ["approval", "notice", "notice"]
        assert batch.rows.get(application=pks[0]).outcome == "waiting"

    def test_the_owner_takes_cases_in_and_leaves_others_out_on_record(self, pks):
        dissent(pks[0])
        batch = prepared(pks)
        batching.choose(approver(), batch, pks, [pks[0], pks[1]])
        batching.choose(approver(), batch, pks, [pks[0], pks[1]])  # sent twice
        event = Event.objects.of(batch).get(verb="batch.choose")
        assert (event.data["taken_in"], event.data["left_out"]) == ([pks[0]], [pks[2]])
        run(batch)
        assert states(pks) == ["notice", "notice", "approval"]

    def test_nobody_else_chooses_and_nobody_once_it_runs(self, pks):
        batch = prepared(pks)
        with pytest.raises(NotAllowed):
            batching.choose(scenes.person("supervisor"), batch, pks, pks)
        run(batch)
        with pytest.raises(Stale):
            batching.choose(approver(), Batch.objects.get(pk=batch.pk), pks, [])

    def test_a_case_that_changed_since_the_trial_says_why_and_stops_no_other(self, pks):
        batch = prepared(pks)
        Application.objects.filter(pk=pks[0]).update(state="deliberation")
        batch = run(batch)
        assert states(pks) == ["deliberation", "notice", "notice"]
        assert [row.problems[0]["code"] for row in batch.rows.filter(outcome="refused")] == ["stale"]

    @pytest.mark.parametrize("spoil", [dissent, unsign, flag])
    def test_a_result_that_was_judged_anew_since_it_was_seen_is_not_approved_unseen(self, pks, spoil):
        batch = prepared(pks)
        spoil(pks[0])
        batch = run(batch)
        assert states(pks) == ["approval", "notice", "notice"]
        assert [row.problems[0]["code"] for row in batch.rows.filter(outcome="refused")] == ["changed"]

    def test_a_killed_worker_goes_on_and_a_second_run_does_nothing_twice(self, pks):
        batch = prepared(pks)
        BATCH.perform(batch, "run", by=approver())
        batching._do(batch, batch.rows.first())
        Batch.objects.filter(pk=batch.pk).update(claimed_until=None)  # the worker was killed, its lease is over
        for _time in range(2):
            tasks.advance("batch", batch.pk)
        approved = Event.objects.filter(verb="application.approve", subject_id__in=pks)
        assert (states(pks), approved.count()) == (["notice"] * 3, 3)


class TestPages:
    def test_the_ticked_ones_are_tried_with_one_opinion(self, pks):
        client = signed_in("approver")
        page = client.get(reverse("approvals"))
        assert [row.application.pk for row, _ticked in page.context["rows"]] == pks
        sent = client.post(reverse("approvals"), {"case": pks[:2], **OPINION})
        batch = Batch.objects.latest("pk")
        assert (sent.url, batch.data, batch.rows.count()) == (batch.get_absolute_url(), OPINION, 2)

    @pytest.mark.parametrize("said", [{"opinion": ""}, {"opinion": "示例"}])
    def test_without_words_or_without_cases_the_page_says_what_is_missing(self, pks, said):
        answer = signed_in("approver").post(reverse("approvals"), {**said, "case": pks if not said["opinion"] else []})
        assert (answer.status_code, Batch.objects.count()) == (422, 0)

    @pytest.mark.parametrize("who", ["intake", "organiser", "supervisor", "applicant", "security-administrator"])
    def test_nobody_but_an_approver_opens_it(self, pks, who):
        assert signed_in(who).get(reverse("approvals")).status_code == 403

    def test_a_case_that_is_not_theirs_to_see_is_not_in_it(self, pks):
        client = signed_in("approver")
        client.post(reverse("approvals"), {"case": [pks[0], 10**8, "x", "-1"], **OPINION})
        assert [row.application_id for row in Batch.objects.get().rows.all()] == [pks[0]]

    def test_the_batch_shows_what_was_found_and_takes_the_choice(self, pks):
        dissent(pks[0])
        batch, client = prepared(pks), signed_in("approver")
        page = client.get(batch.get_absolute_url()).content.decode()
        assert ("有 1 位专家保留意见。" in page, page.count('name="case"'), page.count(" checked")) == (True, 3, 2)
        answer = client.post(reverse("batch-choose", args=[batch.pk]), {"shown": pks, "case": pks})
        assert (answer.status_code, batch.counts()["left_out"]) == (302, 0)
        assert signed_in("intake").post(reverse("batch-choose", args=[batch.pk]), {}).status_code == 404

    def test_programs_choose_as_people_do(self, pks):
        dissent(pks[0])
        batch, client = prepared(pks), signed_in("approver")
        address = f"/api/v1/batches/{batch.pk}/"
        rows = client.get(f"{address}rows/").json()["results"]
        told = {row["application"]: (row["left_out"], [one["code"] for one in row["cautions"]]) for row in rows}
        assert told[pks[0]] == (True, ["dissent"])
        said = {"shown": pks, "taken": pks}
        answers = [client.post(f"{address}choose/", said, content_type="application/json")]
        run(batch)
        answers.append(client.post(f"{address}choose/", said, content_type="application/json"))
        assert [answer.status_code for answer in answers] == [200, 409]

    def test_the_list_asks_as_little_of_thirty_as_of_one(self, pks):
        def asked(count):
            rows = list(approving.waiting_for(approver())[:count])
            with CaptureQueriesContext(connection) as captured:
                assert len(approving.listed(User.objects.get(username="approver"), rows)) == count
            return len(captured)

        assert asked(1) == asked(3)

    @pytest.mark.parametrize("party", ["applicant", "expert"])
    def test_who_belongs_to_a_party_or_the_panel_reads_no_result_there(self, pks, party):
        case = scenes.case(pks[0])
        if party == "applicant":
            who = case.project.organisation.memberships.first().user
        else:
            who = case.assignments.filter(state="signed").first().expert.user
        for duty in ("approver", "supervisor"):
            Officer.objects.create(user=who, duty=duty, since=people.first_day())
        batch, client = prepared(pks), signed_in(who.username)
        page = client.get(reverse("approvals"))
        rows = client.get(f"/api/v1/batches/{batch.pk}/rows/").json()["results"]
        listed = [row.application.pk for row, _ticked in page.context["rows"]] + [row["application"] for row in rows]
        assert pks[0] not in listed

    def test_who_ran_the_panel_is_told_so_and_offered_no_box(self, world, pks):
        Officer.objects.create(user=world.organiser, duty="approver", since=people.first_day())
        page = signed_in("organiser").get(reverse("approvals"))
        assert [row.own for row, _ticked in page.context["rows"]] == [True] * 3
        assert page.content.decode().count('name="case"') == 0

    def test_its_pages_ask_as_little_of_many_cases_as_of_one(self, pks):
        batches, client = [prepared(pks[:1]), prepared(pks)], signed_in("approver")

        def asked(address):
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address).status_code == 200
            return len(captured)

        one, all_three = (asked(batch.get_absolute_url()) for batch in batches)
        many = asked(reverse("approvals"))
        Application.objects.filter(pk__in=pks[1:]).update(state="deliberation")
        assert (one, many) == (all_three, asked(reverse("approvals")))

    def test_the_approval_page_says_what_to_look_at(self, pks):
        dissent(pks[0])
        client = signed_in("approver")
        pages = [client.get(reverse("approval", args=[pk])).content.decode() for pk in pks[:2]]
        assert [page.count("有 1 位专家保留意见。") for page in pages] == [1, 0]
