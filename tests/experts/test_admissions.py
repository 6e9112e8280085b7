"""The way into the pool: who may ask, what must be said and proved, two pairs of eyes, the term that comes of it, renewal."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from communities.models import Officer, Parameter
from experts import admitting, calls, standing
from experts.models import Admission, AdmissionProof, Call, Employment, Expert, Field
from experts.permissions import ADMISSION_RIGHTS, admission_roles, admissions_visible_to, can_admission
from experts.workflow import ADMISSION
from portal import clock, tasks
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.workdays import years_later
from tests.evaluation import scenes
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, act, fresh, person

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def keepers():
    return newcomers.officers()


@pytest.fixture
def call(keepers):
    return newcomers.call(keepers["pool_keeper"])


@pytest.fixture
def admission(call):
    """One that only has to be handed in."""
    return newcomers.whole("zhang", call)


@pytest.fixture
def submitted(admission):
    return act(admission, "submit", person("zhang"))


@pytest.fixture
def vetted(submitted, keepers):
    return act(submitted, "vet", keepers["pool_keeper"])


# --- who may ask ------------------------------------------------------------------------------------------------------


class TestWhoMayEnter:
    @pytest.mark.parametrize("opens, closes", [(-5, -1), (1, 5)])
    def test_nobody_outside_the_period(self, call, opens, closes):
        Call.objects.update(opens_on=TODAY + opens * DAY, closes_on=TODAY + closes * DAY)
        with scenes.refused() as found:
            admitting.open_admission(person("zhang"), fresh(call))
        assert found == [("call_shut", "")]

    @pytest.mark.parametrize("duty", ["intake", "organiser", "approver", "supervisor", "pool_keeper"])
    def test_no_officer_of_the_city(self, call, keepers, duty):
        with scenes.refused() as found:
            admitting.open_admission(keepers[duty], call)
        assert found == [("is_officer", "")]

    def test_a_district_officer_may_and_so_may_whose_duty_is_over(self, call, keepers):
        Officer.objects.filter(user=keepers["intake"]).update(until=TODAY - DAY)
        for name in ("district_officer", "intake"):
            assert admitting.open_admission(person(name), call).state == "draft"

    def test_asking_twice_finds_what_was_begun(self, call):
        rows = [admitting.open_admission(person("zhang"), fresh(call)) for _ in range(2)]
        assert rows[0] == rows[1]
        assert Event.objects.of(rows[0]).count() == 1

    @pytest.mark.parametrize(
        "values, problems",
        [
            ({"term_until": TODAY}, [("already_expert", "")]),
            ({"term_until": TODAY - DAY}, []),
            ({"state": "hearing", "term_until": TODAY - DAY}, [("already_expert", "")]),
            ({"state": "removed", "term_until": TODAY - DAY}, [("removed_lately", "")]),
        ],
    )
    def test_whoever_is_in_the_pool_or_was_removed_lately_is_told_so(self, call, values, problems):
        newcomers.expert("zhang", **values)
        assert [(row.code, row.place) for row in admitting.entry_problems(person("zhang"), TODAY)] == problems

    @pytest.mark.parametrize("days, bars", [(-1, True), (0, False)])
    def test_a_removal_bars_for_as_many_years_as_the_parameter_says(self, call, days, bars):
        Parameter.objects.filter(pk="expert_return_years").update(value=2)
        row = newcomers.expert("zhang", state="removed", term_until=TODAY - 700 * DAY)
        since = timezone.make_aware(timezone.datetime.combine(newcomers.years_ago(2), timezone.datetime.min.time()))
        Expert.objects.filter(pk=row.pk).update(state_since=since - timedelta(days=days))
        assert bool([*admitting.entry_problems(person("zhang"), TODAY)]) == bars

    def test_who_became_an_officer_meanwhile_is_not_admitted(self, vetted, keepers):
        Officer.objects.create(user=vetted.user, duty="intake", since=TODAY)
        with scenes.refused() as found:
            act(vetted, "admit", keepers["supervisor"])
        assert (found, fresh(vetted).state, Expert.objects.count()) == ([("is_officer", "")], "vetted", 0)


# --- what is said and proved ------------------------------------------------------------------------------------------


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        "values, problems",
        [
            ({"employer_code": newcomers.code(1)[:-1] + "?"}, ["employer_code"]),
            ({"employer_code": newcomers.code(1)[:-1]}, ["employer_code"]),
            ({"experience_years": 71}, ["experience_years"]),
            ({"statement": "x" * 5001}, ["statement"]),
            ({"experience_years": -1}, ["experience_years"]),
            ({"experience_years": 71, "employer_code": "1"}, ["employer_code", "experience_years"]),
        ],
    )
    def test_what_cannot_be_is_refused_at_its_place(self, admission, values, problems):
        with scenes.refused() as found:
            admitting.change_admission(admission.user, admission, newcomers.said(**values))
        assert [place for _code, place in found] == problems
        assert fresh(admission).experience_years == 12

    @pytest.mark.parametrize("count, refused", [(1, False), (2, False), (3, True)])
    def test_no_more_fields_than_the_call_allows(self, admission, count, refused):
        values = newcomers.said(fields=Field.objects.order_by("pk")[:count])
        if refused:
            with scenes.refused() as found:
                admitting.change_admission(admission.user, admission, values)
            assert (found, admission.fields.count()) == ([("too_many_fields", "fields")], 2)
        else:
            admitting.change_admission(admission.user, admission, values)
            assert admission.fields.count() == count

    def test_a_code_is_kept_as_codes_are_stored(self, admission):
        typed = f"  {newcomers.code(7).lower()} "
        admitting.change_admission(admission.user, admission, newcomers.said(employer_code=typed))
        assert fresh(admission).employer_code == newcomers.code(7)

    def test_little_may_be_kept_but_only_the_whole_is_handed_in_with_all_that_is_missing(self, call):
        row = admitting.open_admission(person("li"), call)
        admitting.change_admission(row.user, row, {"education": "本科"})
        with scenes.refused() as found:
            act(row, "submit", row.user)
        assert found == [
            ("required", "title"), ("required", "experience_years"), ("required", "employer"),
            ("required", "employer_code"), ("required", "district"), ("fields_missing", "fields"),
            ("education_missing", "education"), ("title_missing", "title"), ("consent_missing", "consent"),
        ]  # fmt: skip

    @pytest.mark.parametrize("proves", ["education", "title", "consent"])
    def test_each_proof_is_needed(self, admission, proves):
        admission.proofs.filter(proves=proves).delete()
        with scenes.refused() as found:
            act(admission, "submit", admission.user)
        assert found == [(f"{proves}_missing", proves)]

    def test_nought_years_are_years(self, call):
        row = newcomers.whole("li", call, experience_years=0)
        assert act(row, "submit", row.user).state == "submitted"

    @pytest.mark.parametrize("name, content", [("x.pdf", b"no pdf"), ("x.exe", b"MZ"), ("x.jpg", b"\xff\xd8\xff")])
    def test_what_cannot_be_opened_is_no_proof(self, admission, name, content):
        with scenes.refused() as found:
            admitting.add_proof(admission.user, admission, "other", SimpleUploadedFile(name, content))
        assert (len(found), admission.proofs.count()) == (1, 3)

    def test_the_same_paper_twice_and_an_unknown_purpose_are_refused(self, admission):
        for kind, code in (("consent", "double"), ("nothing", "proves")):
            with scenes.refused() as found:
                paper = newcomers.papers.pdf("consent", f"{admission.user} consent")
                admitting.add_proof(admission.user, admission, kind, paper)
            assert [row for row, _place in found] == [code]

    def test_more_papers_than_anybody_reads_are_refused(self, admission, monkeypatch):
        monkeypatch.setattr(admitting, "PROOFS_AT_MOST", 3)
        with scenes.refused() as found:
            newcomers.prove(admission, "other")
        assert found == [("too_many_proofs", "file")]

    def test_a_paper_is_taken_back_while_the_admission_is_with_the_person(self, admission):
        proof = admission.proofs.get(proves="title")
        admitting.remove_proof(admission.user, proof)
        assert set(admission.proofs.values_list("proves", flat=True)) == {"education", "consent"}
        newcomers.prove(admission, "title")
        row = act(admission, "submit", admission.user)
        for attempt in (
            lambda: admitting.remove_proof(row.user, AdmissionProof.objects.filter(admission=row)[0]),
            lambda: admitting.add_proof(row.user, row, "other", newcomers.papers.pdf("other", "other")),
            lambda: admitting.change_admission(row.user, row, newcomers.said(employer="别处")),
        ):
            with pytest.raises(NotAllowed):
                attempt()
        assert (row.proofs.count(), fresh(row).employer) == (3, "示例设计院")

    def test_what_another_window_has_emptied_is_not_handed_in(self, admission):
        early = fresh(admission)
        admitting.change_admission(admission.user, admission, newcomers.said(employer=""))
        with scenes.refused() as found:
            act(early, "submit", early.user)
        assert found == [("required", "employer")]

    def test_what_was_handed_in_meanwhile_is_not_written_over(self, admission):
        early = fresh(admission)
        act(admission, "submit", admission.user)
        with pytest.raises(Stale):
            admitting.change_admission(early.user, early, newcomers.said(employer="别处"))
        assert fresh(admission).employer == "示例设计院"


# --- who decides ------------------------------------------------------------------------------------------------------

# state -> who -> acts; whoever does not stand here may do nothing
ACTS = {
    "draft": {"zhang": {"submit", "withdraw"}, "system": {"lapse"}},
    "submitted": {"zhang": {"withdraw"}, "pool_keeper": {"vet", "return"}, "second_keeper": {"vet", "return"},
                  "supervisor": {"return"}},
    "vetted": {"zhang": {"withdraw"}, "second_keeper": {"admit", "return", "refuse"},
               "supervisor": {"admit", "return", "refuse"}},
    "admitted": {},
    "refused": {},
    "withdrawn": {"zhang": {"reopen"}},
}  # fmt: skip
PEOPLE = ("zhang", "li", "second_keeper", "district_officer", *newcomers.DUTIES)


def in_state(admission, keepers, state):
    """The admission there, handed in by its person and, from there on, vetted by the first keeper."""
    vetter = keepers["pool_keeper"] if state in ("vetted", "admitted", "refused") else None
    handed_in_at = None if state == "draft" else timezone.now()
    Admission.objects.filter(pk=admission.pk).update(state=state, vetted_by=vetter, handed_in_at=handed_in_at)
    return fresh(admission)


@pytest.mark.parametrize("state", ACTS)
def test_each_person_may_do_exactly_what_the_table_says(admission, keepers, state):
    assert set(ACTS) == set(ADMISSION.states)
    row = in_state(admission, keepers, state)
    people = {**{name: person(name) for name in PEOPLE}, "system": None}
    found = {name: {one.action for one in ADMISSION.available(row, user)} for name, user in people.items()}
    assert found == {name: ACTS[state].get(name, set()) for name in people}


@pytest.mark.parametrize("state", ACTS)
def test_what_is_visible_is_what_may_be_viewed(admission, keepers, state):
    row = in_state(admission, keepers, state)
    people = {name: person(name) for name in PEOPLE}
    deciders = {"pool_keeper", "second_keeper", "supervisor"} if state != "draft" else set()
    listed = {name for name, user in people.items() if admissions_visible_to(user).filter(pk=row.pk).exists()}
    viewed = {name for name, user in people.items() if can_admission(user, "view", row)}
    assert (listed, viewed) == ({"zhang", *deciders}, {"zhang", *deciders})
    assert {name for name, user in people.items() if can_admission(user, "see_opinion", row)} == deciders


@pytest.mark.parametrize("right", ADMISSION_RIGHTS)
def test_a_person_who_keeps_the_pool_does_not_keep_themself(admission, keepers, right):
    Officer.objects.create(user=admission.user, duty="pool_keeper", since=TODAY)
    for state in ("draft", "submitted", "vetted"):
        row = in_state(admission, keepers, state)
        assert admission_roles(person("zhang"), row) == {"entrant"}
        assert can_admission(person("zhang"), right, row) == (right == "view" or (right == "edit" and state == "draft"))


def test_a_withdrawn_draft_that_nobody_handed_in_is_nobodys_business(admission, keepers):
    row = act(admission, "withdraw", admission.user)
    assert not admissions_visible_to(keepers["pool_keeper"]).filter(pk=row.pk).exists()
    assert admissions_visible_to(admission.user).filter(pk=row.pk).exists()


class TestTwoPairsOfEyes:
    def test_the_vetter_decides_nothing_even_with_another_duty(self, vetted, keepers):
        Officer.objects.create(user=keepers["pool_keeper"], duty="supervisor", since=TODAY)
        for action in ("admit", "refuse", "return"):
            with pytest.raises(NotAllowed):
                act(vetted, action, person("pool_keeper"))
        assert fresh(vetted).state == "vetted"

    def test_an_opinion_is_given_in_words_and_with_a_conclusion(self, submitted, keepers):
        with scenes.refused() as found:
            act(submitted, "vet", keepers["pool_keeper"], opinion="", conclusion="")
        assert found == [("required", "conclusion"), ("required", "opinion")]

    def test_after_a_return_everybody_may_vet_anew_what_was_mended(self, vetted, keepers):
        row = act(vetted, "return", keepers["second_keeper"])
        assert (row.state, row.vetted_by) == ("draft", None)
        assert not admissions_visible_to(keepers["pool_keeper"]).filter(pk=row.pk).exists()
        admitting.change_admission(row.user, row, newcomers.said(employer="示例新院"))
        row = act(row, "submit", row.user)
        row = act(row, "vet", keepers["second_keeper"])
        assert act(row, "admit", keepers["pool_keeper"]).expert.employer == "示例新院"

    @pytest.mark.parametrize("action", ["return", "refuse"])
    def test_a_no_is_given_with_its_reason(self, vetted, keepers, action):
        with scenes.refused() as found:
            act(vetted, action, keepers["supervisor"], reason="")
        assert found == [("required", "reason")]

    def test_a_second_decision_finds_the_first(self, vetted, keepers):
        early = fresh(vetted)
        act(vetted, "admit", keepers["supervisor"])
        with pytest.raises(Stale):
            ADMISSION.perform(early, "refuse", by=keepers["second_keeper"], reason="示例")
        assert fresh(vetted).state == "admitted"


class TestClock:
    @pytest.mark.parametrize("state, step", [("submitted", "admission_vetting"), ("vetted", "admission_decision")])
    def test_each_pair_of_eyes_has_its_limit(self, vetted, submitted, state, step):
        row = {"submitted": submitted, "vetted": vetted}[state]
        assert (row.state, row.due_on) == ("vetted", clock.deadline("admission_decision", TODAY))
        first = next(event for event in Event.objects.of(row) if event.verb == "admission.submit")
        assert first.data["to"] == "submitted"

    def test_a_draft_ends_with_the_call(self, admission, call):
        assert admission.due_on == call.closes_on
        Admission.objects.update(due_on=TODAY - DAY)
        with scenes.refused() as found:
            act(fresh(admission), "submit", admission.user)
        assert found == [("late", "")]
        assert tasks.enforce_deadlines(ADMISSION) == 1
        row = fresh(admission)
        assert (row.state, row.due_on) == ("withdrawn", None)

    @pytest.mark.parametrize("closes", [0, 200])
    def test_a_return_gives_at_least_the_limit_also_after_the_call(self, submitted, keepers, closes):
        Call.objects.update(closes_on=TODAY + closes * DAY)
        row = act(fresh(submitted), "return", keepers["pool_keeper"])
        limit = clock.deadline("admission_correction", TODAY)
        assert row.due_on == max(limit, TODAY + closes * DAY)

    def test_a_returned_one_is_handed_in_after_the_call_was_closed(self, submitted, keepers):
        row = act(submitted, "return", keepers["pool_keeper"])
        Call.objects.update(opens_on=TODAY - 9 * DAY, closes_on=TODAY - DAY)
        assert act(fresh(row), "submit", row.user).state == "submitted"

    @pytest.mark.parametrize("runs", [True, False])
    def test_what_was_withdrawn_is_taken_up_again_while_the_call_runs(self, submitted, runs):
        row = act(submitted, "withdraw", submitted.user)
        if not runs:
            Call.objects.update(opens_on=TODAY - 9 * DAY, closes_on=TODAY - DAY)
        assert [one.action for one in ADMISSION.available(fresh(row), row.user)] == (["reopen"] if runs else [])
        if runs:
            row = act(row, "reopen", row.user)
            assert (row.state, row.due_on) == ("draft", row.call.closes_on)


def test_who_hears_of_what(call, keepers):
    heard = []

    def told():
        rows = [(row.kind, row.user.username) for row in Notification.objects.order_by("user__username")]
        Notification.objects.all().delete()
        heard.append(rows)

    row = newcomers.whole("zhang", call)
    for action, by in (
        ("submit", "zhang"), ("return", "pool_keeper"), ("submit", "zhang"), ("vet", "pool_keeper"), ("admit", "supervisor")
    ):  # fmt: skip
        Notification.objects.all().delete()
        row = act(row, action, person(by))
        told()
    both = [("waiting", "pool_keeper"), ("waiting", "second_keeper")]
    assert heard == [
        both, [("pool", "zhang")], both, [("waiting", "second_keeper"), ("waiting", "supervisor")], [("pool", "zhang")],
    ]  # fmt: skip


# --- what comes of it -------------------------------------------------------------------------------------------------


class TestWhatComesOfIt:
    def test_an_expert_with_a_number_a_term_and_the_next_confirmation(self, vetted, keepers):
        row = act(vetted, "admit", keepers["supervisor"]).expert
        assert {name: getattr(row, name) for name in admitting.SAID} == {
            name: getattr(vetted, name) for name in admitting.SAID
        }
        assert (row.user, row.state, row.number) == (vetted.user, "serving", "ZJ-0001")
        assert (row.term_from, row.term_until) == (TODAY, years_later(TODAY, 3) - DAY)
        assert (row.confirmed_on, row.due_on) == (
            TODAY, clock.deadline("expert_confirmation", years_later(TODAY, 1))
        )  # fmt: skip
        assert list(row.fields.all()) == list(vetted.fields.all())
        assert [(event.verb, event.role) for event in Event.objects.of(row)] == [("expert.admit", "supervisor")]
        assert Expert.objects.serving(TODAY).get() == row

    def test_the_term_is_as_long_as_the_call_says(self, vetted, keepers):
        Call.objects.update(term_years=1)
        row = act(fresh(vetted), "admit", keepers["supervisor"]).expert
        assert row.term_until == years_later(TODAY, 1) - DAY
        assert row.due_on is None  # the term ends before the first confirmation would be due

    def test_no_number_is_given_twice_also_beside_imported_ones(self, call, keepers):
        newcomers.expert("old", number="ZJ-0001")
        newcomers.expert("older", number="ZJ-0003")
        numbers = [newcomers.admitted(name, call, keepers).number for name in ("zhang", "li")]
        assert numbers == ["ZJ-0002", "ZJ-0004"]

    @pytest.mark.parametrize("state", ["removed", "paused", "serving"])
    def test_whoever_comes_back_is_the_same_expert_and_serves_again(self, call, keepers, state):
        since = timezone.now() - timedelta(days=4 * 366)
        old = newcomers.expert("zhang", state=state, term_until=TODAY - DAY, paused_for="decision", state_since=since)
        row = newcomers.admitted("zhang", call, keepers, employer="示例新院", employer_code=newcomers.code(9))
        assert (row.pk, row.number, row.state, row.term_from) == (old.pk, old.number, "serving", TODAY)
        assert (row.employer, row.removal_proposed_by) == ("示例新院", None)
        assert Expert.objects.serving(TODAY).get() == row
        # where they worked before stays a conflict fact
        left = Employment.objects.get()
        assert (left.credit_code, left.until) == (newcomers.code(2), TODAY)

    @pytest.mark.parametrize(
        "day, years, expected",
        [
            (date(2024, 2, 29), 1, date(2025, 2, 28)),
            (date(2024, 2, 29), 4, date(2028, 2, 29)),
            (date(2026, 12, 31), 3, date(2029, 12, 31)),
        ],
    )
    def test_years_are_counted_by_the_calendar(self, day, years, expected):
        assert years_later(day, years) == expected


# --- renewal ----------------------------------------------------------------------------------------------------------


class TestRenewal:
    def ending(self, days, **values):
        return newcomers.expert("zhang", term_until=TODAY + days * DAY, **values)

    @pytest.mark.parametrize("days, may", [(61, False), (60, True), (0, True), (-1, False)])
    def test_it_is_asked_in_the_window_before_the_term_ends(self, days, may):
        row = self.ending(days)
        assert standing.may_ask_renewal(row.user, row, TODAY) == may
        if not may:
            with scenes.refused() as found:
                admitting.open_renewal(row.user, row)
            assert found == [("no_renewal", "")]

    def test_the_window_is_a_parameter(self):
        Parameter.objects.filter(pk="renewal_window_days").update(value=90)
        assert standing.may_ask_renewal(person("zhang"), self.ending(90), TODAY)

    @pytest.mark.parametrize(
        "state, may", [("serving", True), ("paused", True), ("hearing", False), ("removed", False)]
    )
    def test_nobody_who_is_about_to_be_removed(self, state, may):
        assert standing.may_ask_renewal(person("zhang"), self.ending(10, state=state), TODAY) == may

    def test_one_at_a_time_and_only_for_oneself(self, keepers):
        row = self.ending(10)
        for name in ("li", "pool_keeper"):
            with pytest.raises(NotAllowed):
                admitting.open_renewal(person(name), row)
        first = admitting.open_renewal(row.user, row)
        with scenes.refused() as found:
            admitting.open_renewal(row.user, row)
        assert found == [("no_renewal", "")]
        act(first, "withdraw", row.user)
        assert admitting.open_renewal(row.user, row).state == "draft"

    def test_only_the_statement_and_the_employers_consent_are_needed(self):
        row = self.ending(10)
        renewal = admitting.open_renewal(row.user, row)
        assert (renewal.employer, list(renewal.fields.all())) == (row.employer, list(row.fields.all()))
        assert admitting.fields_of(renewal) == ("statement",)
        with scenes.refused() as found:
            act(renewal, "submit", row.user)
        assert found == [("required", "statement"), ("consent_missing", "consent")]

    def renewed(self, row, keepers):
        renewal = admitting.open_renewal(row.user, row)
        admitting.change_admission(row.user, renewal, {"statement": "示例：参加评审 8 次。"})
        newcomers.prove(renewal)
        renewal = act(renewal, "submit", row.user)
        return act(renewal, "vet", keepers["pool_keeper"])

    def test_the_new_term_follows_on_the_one_that_runs(self, keepers):
        row = self.ending(10)
        act(self.renewed(row, keepers), "admit", keepers["supervisor"])
        after = fresh(row)
        assert (after.term_from, after.confirmed_on) == (row.term_from, TODAY)
        assert after.term_until == years_later(row.term_until + DAY, 3) - DAY
        assert after.due_on == clock.deadline("expert_confirmation", years_later(TODAY, 1))
        assert [event.verb for event in Event.objects.of(row)] == ["expert.renew"]

    def test_decided_after_the_end_it_begins_on_that_day(self, keepers):
        row = self.ending(10)
        renewal = self.renewed(row, keepers)
        Expert.objects.filter(pk=row.pk).update(term_until=TODAY - 3 * DAY)
        act(fresh(renewal), "admit", keepers["supervisor"])
        after = fresh(row)
        assert (after.term_from, after.term_until) == (TODAY, years_later(TODAY, 3) - DAY)

    def test_a_pause_goes_on_through_a_renewal(self, keepers):
        row = self.ending(10, state="paused", due_on=TODAY + 5 * DAY, paused_for="decision")
        act(self.renewed(row, keepers), "admit", keepers["supervisor"])
        after = fresh(row)
        assert (after.state, after.due_on, after.paused_for) == ("paused", TODAY + 5 * DAY, "decision")

    def test_whoever_is_heard_on_a_removal_meanwhile_is_not_renewed(self, keepers):
        row = self.ending(10)
        renewal = self.renewed(row, keepers)
        act(row, "propose_removal", keepers["pool_keeper"])
        with scenes.refused() as found:
            act(fresh(renewal), "admit", keepers["supervisor"])
        assert (found, fresh(row).term_until) == ([("not_in_pool", "")], row.term_until)


def read_to_the_end(answer):
    """The bytes of what was sent; a file that is not read to its end stays open."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


# --- pages ------------------------------------------------------------------------------------------------------------


class TestPages:
    def test_somebody_applies_fills_in_proves_and_hands_in(self, call, client):
        client.force_login(person("zhang"))
        begun = client.post(reverse("call-apply", args=[call.number]))
        row = Admission.objects.get()
        assert begun.url == reverse("admission-edit", args=[row.pk])
        values = {**newcomers.said(), "district": "500101", "fields": ["bas", "comm", "eng"]}
        wrong = client.post(begun.url, values)
        assert (wrong.status_code, "最多申报 2 个专业" in wrong.content.decode()) == (422, True)
        assert client.post(begun.url, {**values, "fields": ["bas", "comm"]}).url == row.get_absolute_url()
        for kind in ("education", "title", "consent"):
            paper = SimpleUploadedFile(f"{kind}.pdf", newcomers.papers.pdf(kind, kind).read())
            client.post(reverse("admission-proof", args=[row.pk]), {"proves": kind, "file": paper})
        page = client.get(row.get_absolute_url()).content.decode()
        assert ("内容已齐备" in page, "提交前还需要" in page) == (True, False)
        client.post(reverse("act", args=["admission", row.pk, "submit"]))
        assert fresh(row).state == "submitted"
        assert client.get(reverse("admission-edit", args=[row.pk])).status_code == 403

    def test_a_wrong_paper_is_refused_beside_its_field(self, admission, client):
        client.force_login(admission.user)
        paper = SimpleUploadedFile("x.pdf", b"nothing")
        answer = client.post(reverse("admission-proof", args=[admission.pk]), {"proves": "other", "file": paper})
        assert (answer.status_code, admission.proofs.count()) == (422, 3)
        proof = admission.proofs.get(proves="title")
        sent = client.get(reverse("admission-proof-file", args=[proof.pk]))
        assert read_to_the_end(sent).startswith(b"%PDF-")
        client.post(reverse("admission-proof-remove", args=[proof.pk]))
        assert admission.proofs.count() == 2

    @pytest.mark.parametrize("state", ["draft", "submitted", "vetted"])
    def test_who_sees_an_admission_and_its_papers(self, admission, keepers, state, client):
        row = in_state(admission, keepers, state)
        proof = row.proofs.first()
        addresses = [row.get_absolute_url(), reverse("admission-proof-file", args=[proof.pk])]
        for name in PEOPLE:
            sees = name == "zhang" or (state != "draft" and name in ("pool_keeper", "second_keeper", "supervisor"))
            client.force_login(person(name))
            answers = [client.get(address) for address in addresses]
            found = [answer.status_code for answer in answers]
            read_to_the_end(answers[1])
            assert (name, found) == (name, [200, 200] if sees else [404, 404])

    def test_the_opinion_is_for_those_who_decide(self, submitted, keepers, client):
        act(submitted, "vet", keepers["pool_keeper"], opinion="只给复核人看的意见")
        seen = {}
        for name in ("zhang", "pool_keeper", "supervisor"):
            client.force_login(person(name))
            seen[name] = "只给复核人看的意见" in client.get(submitted.get_absolute_url()).content.decode()
        assert seen == {"zhang": False, "pool_keeper": True, "supervisor": True}

    def test_the_list_is_ones_own_or_all_that_was_handed_in(self, call, keepers, client):
        newcomers.whole("li", call)
        act(newcomers.whole("zhang", call), "submit", person("zhang"))
        lists = {}
        for name in ("zhang", "li", "pool_keeper", "organiser"):
            client.force_login(person(name))
            page = client.get(reverse("admissions")).content.decode()
            lists[name] = ("示例zhang</a>" in page, "示例li</a>" in page)
        assert lists == {
            "zhang": (True, False), "li": (False, True), "pool_keeper": (True, False), "organiser": (False, False)
        }  # fmt: skip
        client.force_login(person("pool_keeper"))
        assert "没有符合条件的申请" in client.get(reverse("admissions"), {"state": "vetted"}).content.decode()
        assert "示例zhang" in client.get(reverse("admissions"), {"q": "zhan"}).content.decode()


def test_the_list_of_a_call_is_of_those_admitted_by_it(call, keepers):
    newcomers.admitted("zhang", call, keepers)
    row = act(act(newcomers.whole("li", call), "submit", person("li")), "vet", keepers["pool_keeper"])
    act(row, "refuse", keepers["supervisor"])
    assert [str(one.user) for one in calls.admitted(call)] == ["示例zhang"]
