"""Sheets: who marks what and until when, what a signature needs and seals, and the one result that comes of them."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from evaluation import marking, scoring, snapshot
from evaluation.models import Assignment, Evidence, Mark, Programme, Result
from evaluation.workflow import APPLICATION, ASSIGNMENT
from portal import tasks
from portal.demo import journey, people
from portal.machine import NotAllowed, Stale
from portal.models import Event
from portal.problems import Changed, Refused
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pks(world):
    """A case in which marking begins, and one whose sheets are all signed."""
    return {"review": world.case_at("review").pk, "tallying": world.case_at("tallying").pk}


@pytest.fixture
def review(pks):
    return scenes.case(pks["review"])


@pytest.fixture
def tallying(pks):
    return scenes.case(pks["tallying"])


def leader(application):
    return next(row for row in people.panel_of(application, "accepted", "signed") if row.is_leader)


def members(application):
    return [row for row in people.panel_of(application, "accepted", "signed") if not row.is_leader]


def save(assignment, code, **values):
    return marking.save_mark(assignment.expert.user, fresh(assignment), code, **values)


def fresh(assignment):
    return Assignment.objects.select_related("application__project__standard", "expert__user").get(pk=assignment.pk)


def problems(assignment):
    return [(problem.code, problem.place) for problem in marking.missing_marks(fresh(assignment))]


class TestSaving:
    def test_a_mark_grows_with_each_save_and_keeps_what_is_not_said(self, review):
        seat = leader(review)
        mark = save(seat, "4.2.1", value=6)
        assert (mark.value, mark.reason, mark.private_note, mark.revision) == (6, "", "", 1)
        save(seat, "4.2.1", reason="预留不足")
        save(seat, "4.2.1", private_note="问组长")
        mark = save(seat, "4.2.1", value=9)
        assert (mark.value, mark.reason, mark.private_note, mark.revision) == (9, "预留不足", "问组长", 4)
        mark.refresh_from_db()
        assert (mark.value, mark.reason, mark.private_note, mark.revision) == (9, "预留不足", "问组长", 4)
        assert save(seat, "4.2.1", reason="").reason == ""

    def test_none_abstains(self, review):
        seat = members(review)[0]
        save(seat, "4.2.1", value=6)
        assert save(seat, "4.2.1", value=None).value is None
        assert Mark.objects.get(assignment=seat, item_code="4.2.1").value is None

    @pytest.mark.parametrize("first,second", [(None, 1), (0, 1), (1, 2)])
    def test_who_saw_the_newest_revision_saves(self, review, first, second):
        seat = leader(review)
        if first:
            save(seat, "4.1.1", value=True)
        assert save(seat, "4.1.1", value=False, revision=first).revision == second

    @pytest.mark.parametrize("seen", [0, 1, 3])
    def test_another_windows_save_is_not_overwritten(self, review, seen):
        seat = leader(review)
        save(seat, "4.1.1", value=True)
        save(seat, "4.1.1", value=False)
        with scenes.refused() as found:
            save(seat, "4.1.1", value=True, revision=seen)
        assert found == [("changed", "4.1.1")]
        assert seat.marks.get().value is False

    def test_the_same_save_sent_twice_is_one(self, review):
        seat = leader(review)
        first = save(seat, "4.2.1", value=6, reason="图纸齐全", revision=0, save_key="one")
        again = save(seat, "4.2.1", value=6, reason="图纸齐全", revision=0, save_key="one")
        assert (first.pk, again.pk, again.revision, seat.marks.count()) == (first.pk, first.pk, 1, 1)
        assert save(seat, "4.2.1", value=9, revision=1, save_key="two").revision == 2

    def test_the_last_save_sent_again_after_the_signature_is_still_that_save(self, review):
        seat = members(review)[0]
        journey.mark_sheet(seat)
        code = sorted(marking.own_items(seat))[0]
        mark = save(seat, code, reason="见附图", save_key="last")
        ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        assert save(seat, code, reason="见附图", save_key="last").revision == mark.revision
        with pytest.raises(Stale):
            save(seat, code, reason="又改", save_key="later")

    def test_who_overtook_is_told_with_what_stands_there(self, review):
        seat = leader(review)
        save(seat, "4.2.1", value=6, reason="图纸齐全", private_note="问组长", save_key="one")
        with pytest.raises(Changed) as changed:
            save(seat, "4.2.1", value=9, revision=0, save_key="two")
        assert changed.value.now == {
            "current": {"value": 6, "reason": "图纸齐全", "private_note": "问组长", "save_key": "one"},
            "revision": 1,
        }

    @pytest.mark.parametrize(
        "code,value,problem,legal",
        [
            ("4.1.1", 1, "mark_not_legal", "true、false"),
            ("4.2.1", 7, "mark_not_legal", "0、6、9、12"),
            ("5.2.3", True, "mark_not_legal", '0、6、12、"na"'),
            ("5.2.5", "na", "not_applicable_not_allowed", "0、6"),
        ],
    )
    def test_a_mark_that_is_not_legal_is_refused_with_the_legal_values(self, review, code, value, problem, legal):
        with pytest.raises(Refused) as refused:
            save(leader(review), code, value=value)
        (found,) = refused.value.problems
        assert (found.code, found.place, found.params["legal"]) == (problem, code, legal)

    @pytest.mark.parametrize("code", ["5.1.5", "0.0.0"])
    def test_an_item_of_another_stage_is_refused(self, review, code):
        with scenes.refused() as found:
            save(leader(review), code, value=True)
        assert found == [("item_unknown", code)]

    @pytest.mark.parametrize("username", ["applicant", "organiser", "supervisor", "intake"])
    def test_nobody_marks_for_an_expert(self, review, username):
        with pytest.raises(NotAllowed):
            marking.save_mark(scenes.person(username), leader(review), "4.1.1", value=True)

    def test_no_expert_marks_on_anothers_sheet(self, review):
        first, second, *_rest = members(review)
        with pytest.raises(NotAllowed):
            marking.save_mark(first.expert.user, second, "4.1.1", value=True)

    @pytest.mark.parametrize("state", ["site_visit", "tallying", "deliberation", "approval", "certified"])
    def test_marks_are_written_only_while_the_review_is_open(self, review, state):
        seat = leader(review)
        type(review).objects.filter(pk=review.pk).update(state=state)
        with pytest.raises(Stale):
            save(seat, "4.1.1", value=True)

    def test_a_signed_sheet_is_closed_while_others_still_mark(self, review):
        seat = members(review)[0]
        journey.mark_sheet(seat)
        ASSIGNMENT.perform(seat, "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        with pytest.raises(Stale):
            save(seat, "4.1.1", value=True)
        save(leader(review), "4.1.1", value=True)


class TestDuties:
    def test_everyone_marks_the_own_fields_and_the_leader_everything(self, review):
        items = review.standard.items("design")
        for seat in members(review):
            fields = {*seat.expert.fields.values_list("pk", flat=True), seat.field}
            assert marking.own_items(seat) >= {item.code for item in items if item.domain in fields}
        assert marking.own_items(leader(review)) == {item.code for item in items}

    def test_every_item_of_every_chapter_is_marked_by_two(self, review):
        duties = marking.duties(panel(review))
        items = review.standard.items("design")
        scorers = {item.code: sum(item.code in own for own in duties.values()) for item in items}
        assert min(scorers.values()) == marking.SCORERS

    def test_what_is_taken_over_goes_to_who_has_the_fewest_items(self, review):
        """One field for each but the leader: what nobody else has falls, chapter by chapter, to the lightest sheet."""
        seats = panel(review)
        for seat in seats:
            seat.expert.fields.clear()
        others = [seat for seat in seats if not seat.is_leader]
        for seat, field in zip(others, ("comm", "security", "bas", "home"), strict=True):
            seat.field = field
        duties = marking.duties(seats)
        by_field = {seat.pk: marking._by_field(seat) for seat in others}
        taken = {seat.pk: duties[seat.pk] - by_field[seat.pk] for seat in others}
        alone = {item.code for item in review.standard.items("design")} - set().union(*by_field.values())
        assert sorted(code for codes in taken.values() for code in codes) == sorted(alone)
        first = next(chapter for chapter in review.standard.chapters if alone & codes_of(chapter))
        lightest = min(others, key=lambda seat: (len(by_field[seat.pk]), seat.seat))
        assert taken[lightest.pk] >= alone & codes_of(first)

    def test_it_does_not_hang_on_who_has_marked_or_signed(self, review):
        before = marking.duties(panel(review))
        for seat in members(review)[:2]:
            journey.mark_sheet(seat)
            ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        assert marking.duties(panel(review)) == before

    def test_what_a_member_signed_without_goes_to_the_next(self, review):
        before = marking.duties(panel(review))
        seat, code = next(
            (seat, code) for seat in members(review) for code in sorted(before[seat.pk] - marking._by_field(seat))
        )
        journey.mark_sheet(seat)
        ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        seat.marks.filter(item_code=code).delete()  # as if it had come to this seat only after the signature
        after = marking.duties(panel(review))
        assert code not in after[seat.pk]
        assert sum(code in own for own in after.values()) == marking.SCORERS

    def test_what_a_member_signed_with_stays_theirs_when_one_more_item_of_the_chapter_goes_to_the_next(self, review):
        before = marking.duties(panel(review))
        seat, taken = next(
            (seat, taken) for seat in members(review) for chapter in review.standard.chapters
            if len(taken := sorted((before[seat.pk] - marking._by_field(seat)) & codes_of(chapter))) > 1
        )  # fmt: skip
        journey.mark_sheet(seat)
        ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        seat.marks.filter(item_code=taken[0]).delete()
        after = marking.duties(panel(review))
        assert before[seat.pk] - after[seat.pk] == {taken[0]}
        assert {pk: codes - before[pk] for pk, codes in after.items() if codes - before[pk]} == {
            next(pk for pk in after if taken[0] in after[pk] - before[pk]): {taken[0]}
        }

    def test_an_item_that_becomes_a_members_own_after_they_signed_is_still_marked_by_two(self, review):
        before = marking.duties(panel(review))
        items = {item.code: item for item in review.standard.items("design")}
        seat, code = next(
            (seat, code) for seat in members(review) for code in sorted(items)
            if code not in before[seat.pk] and not any(items[code].domain in marking.own_fields(row)
                                                       for row in members(review))
        )  # fmt: skip
        journey.mark_sheet(seat)
        ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        seat.marks.filter(item_code=code).delete()
        seat.expert.fields.add(items[code].domain)  # a keeper enters it in the middle of the review
        after = marking.duties(panel(review))
        assert code not in after[seat.pk]
        assert sum(code in own for own in after.values()) == marking.SCORERS

    def test_an_empty_panel_has_none(self):
        assert marking.duties([]) == {}


def panel(application):
    return sorted(people.panel_of(scenes.case(application.pk), "accepted", "signed"), key=lambda row: row.seat)


def codes_of(chapter):
    return {item.code for item in chapter.items("design")}


class TestClaims:
    def test_a_claim_opens_with_the_own_mark_and_all_with_the_signature(self, review):
        seat = members(review)[0]
        everything = {item.code for item in review.standard.items("design")}
        user, code = seat.expert.user, sorted(marking.own_items(seat))[0]
        assert marking.unseen_claims(user, review) == everything
        save(seat, code, value=None, private_note="存疑")
        assert marking.unseen_claims(user, review) == everything
        journey.mark_sheet(seat)
        assert marking.unseen_claims(user, review) == everything - marking.own_items(seat)
        ASSIGNMENT.perform(fresh(seat), "sign", by=user, **journey.signature(user))
        assert marking.unseen_claims(user, scenes.case(review.pk)) == set()

    @pytest.mark.parametrize("username", ["applicant", "organiser", "supervisor", "intake"])
    def test_nobody_else_marks_first(self, review, username):
        assert marking.unseen_claims(scenes.person(username), review) == set()

    def test_a_programme_may_show_claims_before(self, review):
        Programme.objects.filter(pk=review.project.programme_id).update(claims_before_marks=True)
        assert marking.unseen_claims(members(review)[0].expert.user, scenes.case(review.pk)) == set()


class TestSigning:
    def test_an_empty_sheet_lacks_every_own_item_in_order(self, review):
        seat = members(review)[0]
        own = marking.own_items(seat)
        expected = [("mark_missing", item.code) for item in review.standard.items("design") if item.code in own]
        assert problems(seat) == expected
        with scenes.refused() as found:
            ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        assert found == expected

    def test_abstaining_from_an_own_item_leaves_it_missing_and_from_anothers_does_not(self, review):
        items = review.standard.items("design")
        ranged = {item.code for item in items if item.mode == "range"}
        seat, other = next(
            (row, code) for row in members(review) for code in sorted(ranged - marking.own_items(row))
        )  # fmt: skip
        journey.mark_sheet(seat)
        assert problems(seat) == []
        own = next(item.code for item in items if item.code in marking.own_items(seat))
        save(seat, own, value=None)
        save(seat, other, value=None)
        assert problems(seat) == [("mark_missing", own)]

    @pytest.mark.parametrize("code,value", [("4.1.1", False), ("4.2.1", 0), ("5.2.3", "na")])
    def test_a_mark_that_wins_nothing_needs_a_reason(self, review, code, value):
        seat = leader(review)
        journey.mark_sheet(seat)
        save(seat, code, value=value, reason=" ")
        assert problems(seat) == [("reason_missing", code)]
        save(seat, code, reason="见附图")
        assert problems(seat) == []

    def test_a_judgement_within_a_range_needs_a_reason(self, review):
        seat = leader(review)
        journey.mark_sheet(seat)
        item = next(item for item in review.standard.items("design") if item.mode == "range")
        save(seat, item.code, value=journey.marks.plain(item.points), reason="")
        assert problems(seat) == [("reason_missing", item.code)]

    def test_a_signature_seals_the_marks_and_reasons_and_not_the_private_notes(self, review):
        seat = members(review)[0]
        journey.mark_sheet(seat)
        save(seat, "4.1.1", private_note="只给自己看")
        ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        seat = fresh(seat)
        sheet = marking.sheet_of(seat)
        assert list(sheet) == ["scorer", "leader", "marks", "reasons", "unopened"]
        assert "只给自己看" not in str(sheet)
        assert (sheet["scorer"], sheet["leader"]) == (seat.expert.number, False)
        assert set(sheet["marks"]) == {item.code for item in review.standard.items("design")}
        assert seat.signed_sha256 == hashlib.sha256(snapshot.canonical(sheet)).hexdigest()
        event = Event.objects.of(seat).last()
        assert (event.verb, event.data["sha256"]) == ("assignment.sign", seat.signed_sha256)
        assert (seat.state, scenes.case(review.pk).state) == ("signed", "review")

    def test_a_signature_says_which_proofs_of_the_marked_items_were_never_opened(self, review):
        seat = members(review)[0]
        journey.mark_sheet(seat)
        data = snapshot.latest(review).data
        proofs = {code: [row["id"] for row in snapshot.evidence_of(data, code)] for code in marking.own_items(seat)}
        proofs = {code: ids for code, ids in proofs.items() if ids}
        assert marking.unopened_evidence(seat) == proofs
        seen = sorted(proofs.items())[0][1][0]
        marking.open_proofs(seat.expert.user, seat, [seen, 999_999])
        left = {code: [pk for pk in ids if pk != seen] for code, ids in proofs.items()}
        left = {code: ids for code, ids in left.items() if ids}
        ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        assert marking.sheet_of(fresh(seat))["unopened"] == left
        marking.open_evidence(
            seat.expert.user, sorted(left.items())[0][1][0]
        )  # too late: the sheet is as it was signed
        assert marking.sheet_of(fresh(seat))["unopened"] == left

    def test_a_sheet_signed_before_that_was_kept_is_still_the_one_that_was_signed(self, review):
        seat = members(review)[0]
        journey.mark_sheet(seat)
        ASSIGNMENT.perform(fresh(seat), "sign", by=seat.expert.user, **journey.signature(seat.expert.user))
        Assignment.objects.filter(pk=seat.pk).update(unopened=None)
        assert list(marking.sheet_of(fresh(seat))) == ["scorer", "leader", "marks", "reasons"]

    def test_nobody_signs_for_another(self, review):
        first, second, *_rest = members(review)
        journey.mark_sheet(first)
        with pytest.raises(NotAllowed):
            ASSIGNMENT.perform(first, "sign", by=second.expert.user, **journey.signature(second.expert.user))

    def test_the_last_signature_starts_the_tally(self, review):
        journey.sign_sheets(review)
        assert scenes.case(review.pk).state == "tallying"
        assert {row.state for row in people.panel_of(review, "accepted", "signed")} == {"signed"}


class TestResult:
    def test_it_is_what_the_engine_says_of_the_signed_sheets(self, tallying):
        result = marking.compute(tallying)
        result.refresh_from_db()
        sheets = [marking._engine_sheet(marking.sheet_of(row)) for row in marking.seated(tallying)]
        engine = scoring.evaluate(tallying.standard, "design", sheets)
        trace = engine.as_trace()
        assert (result.trace, result.level) == (trace, engine.level)
        assert result.total == Decimal(trace["total"])
        assert result.submission == snapshot.latest(tallying)
        assert result.standard_sha256 == tallying.project.standard.sha256
        assert [sheet["scorer"] for sheet in result.sheets] == [row.expert.number for row in marking.seated(tallying)]
        assert [sheet["leader"] for sheet in result.sheets].count(True) == 1

    def test_there_is_one_however_often_it_is_computed(self, tallying):
        first = marking.compute(tallying)
        assert marking.compute(scenes.case(tallying.pk)) == first
        tasks.advance("application", tallying.pk)
        tasks.advance("application", tallying.pk)
        assert list(Result.objects.filter(application=tallying)) == [first]
        assert scenes.case(tallying.pk).state == "deliberation"
        with pytest.raises(Stale):
            marking.compute(scenes.case(tallying.pk))
        assert marking.result_of(tallying) == first

    @pytest.mark.parametrize(
        "alter",
        [
            lambda seat: seat.marks.filter(item_code="4.1.1").update(value=False),
            lambda seat: seat.marks.filter(item_code="4.1.1").update(reason="另写"),
            lambda seat: seat.marks.filter(item_code="4.1.1").delete(),
            lambda seat: Assignment.objects.filter(pk=seat.pk).update(signed_sha256=""),
        ],
        ids=["value", "reason", "mark", "hash"],
    )
    def test_a_sheet_that_was_altered_after_its_signature_is_refused_by_name(self, tallying, alter):
        seat = leader(tallying)
        alter(seat)
        with scenes.refused() as found:
            marking.compute(tallying)
        assert found == [("sheet_altered", seat.expert.number)]

    def test_the_worker_leaves_the_case_where_an_officer_sees_it_and_can_try_again(self, tallying):
        seat = leader(tallying)
        seat.marks.filter(item_code="4.1.1").update(reason="另写")
        tasks.advance("application", tallying.pk)
        stuck = scenes.case(tallying.pk)
        assert (stuck.state, stuck.claimed_until, Result.objects.count()) == ("tallying", None, 0)
        assert "评分表与签署时不一致" in stuck.fault
        seat.marks.filter(item_code="4.1.1").update(reason="")
        tasks.advance("application", tallying.pk)  # nothing happens to a faulty case by itself
        assert scenes.case(tallying.pk).state == "tallying"
        APPLICATION.perform(stuck, "retry", by=scenes.person("organiser"))
        tasks.advance("application", tallying.pk)
        assert (scenes.case(tallying.pk).state, scenes.case(tallying.pk).fault) == ("deliberation", "")

    def test_a_round_of_revision_starts_from_the_own_marks_and_leaves_the_first_result_alone(self, tallying):
        seat = leader(tallying)
        seat.marks.filter(item_code="4.1.1").update(private_note="问业主")
        revised = journey.to_state(journey.to_state(tallying, "revision_check"), "review")
        first = Result.objects.get(application=tallying)
        before, after = seat.marks, leader(revised).marks
        told = ("item_code", "value", "reason")
        assert list(after.order_by("item_code").values_list(*told)) == list(
            before.order_by("item_code").values_list(*told)
        )
        assert after.get(item_code="4.1.1").private_note == ""
        assert revised.review_round == 2
        last = journey.to_state(revised, "deliberation")
        assert list(Result.objects.filter(application=tallying).order_by("pk")) == [first, marking.result_of(last)]
        assert marking.result_of(last).review_round == 2


class TestEvidence:
    def test_what_an_expert_has_opened_is_kept_once_and_apart_from_the_history(self, review):
        user, other = leader(review).expert.user, members(review)[0].expert.user
        data = snapshot.latest(review).data
        first, second = (row["id"] for row in data["evidence"][:2])
        for evidence in (first, first, second):
            marking.open_evidence(user, evidence)
        marking.open_evidence(other, first)
        assert marking.opened_evidence(user, data) == {first, second}
        assert marking.opened_evidence(other, data) == {first}
        assert Event.objects.of(Evidence.objects.get(pk=first)).count() == 2
        assert not Event.objects.in_thread(review.thread).filter(verb=marking.OPENED).exists()
