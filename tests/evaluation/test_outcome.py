"""From an approved result to the public: what a notice tells, who is heard, what a certificate says and how it ends."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from communities.models import Officer
from evaluation import decision_receipts, filing, marking, outcome, printing
from evaluation.models import Application, Certificate, Objection, PublicNotice, Result
from evaluation.workflow import APPLICATION, CERTIFICATE, OBJECTION
from experts import draw as lots
from portal import clock, files, tasks
from portal.demo import cases, certificates, journey, names, papers, people
from portal.machine import NotAllowed, Stale
from portal.models import Event
from portal.workdays import last_day
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)


world, own_files = scenes.shared_world(experts=30, employers=20)


@pytest.fixture(scope="module")
def pks(world):
    """A case whose result awaits approval, and another on public notice."""
    return {"approval": world.case_at("approval").pk, "notice": world.case_at("notice").pk}


@pytest.fixture
def approval(pks):
    return scenes.case(pks["approval"])


@pytest.fixture
def published(pks):
    return scenes.case(pks["notice"])


@pytest.fixture
def notice(published):
    return published.notices.get()


@pytest.fixture
def certified(published):
    return journey.to_state(published, "certified")


class TestApproval:
    def test_the_person_who_ran_the_panel_does_not_approve(self, approval):
        Officer.objects.create(user=approval.organiser, duty="approver", since=TODAY)
        for action, said in (
            ("approve", {"opinion": "同意"}),
            ("send_back", {"reason": "x"}),
            ("not_pass", {"reason": "x"}),
        ):
            with scenes.refused() as problems:
                APPLICATION.perform(scenes.case(approval.pk), action, by=scenes.person("organiser"), **said)
            assert problems == [("same_person", "")]

    def test_what_reaches_no_level_cannot_be_published(self, approval):
        Result.objects.filter(application=approval).update(level=0)
        with scenes.refused() as problems:
            APPLICATION.perform(approval, "approve", by=people.officer("approver"), opinion="")
        assert problems == [("required", "opinion"), ("level_missed", "")]
        assert not approval.notices.exists()


class TestNotice:
    def test_it_tells_the_key_figures_as_they_are_on_the_day(self, published, notice):
        project, result = published.project, marking.result_of(published)
        community = project.community
        panel = people.panel_of(published, "signed")
        public_ids = {one["expert_id"]: public_id for public_id, one in panel[0].draw.identities.items()}
        assert notice.figures == {
            "community": community.name,
            "district": community.district.name,
            "address": community.address,
            "organisation": project.organisation.name,
            "programme": "智慧小区",
            "stage": "设计评价",
            "floor_area": str(community.floor_area),
            "households": community.households,
            "buildings": community.buildings,
            "standard": "REF-SC 1.0 智慧小区评价参考样本",
            "standard_notice": "参考样本，非官方标准文本",
            "total": result.trace["total"],
            "level": 2,
            "level_name": "二星级",
            "chapters": [
                [chapter.name, result.trace["chapters"][chapter.code]["ratio"]]
                for chapter in published.standard.chapters
                if chapter.code in result.trace["chapters"]
            ],
            "panel": [row.expert.user.name for row in panel],
            "scenarios": [
                [item.code, item.name]
                for item in published.standard.items("design")
                if item.kind == "bonus" and float(result.trace["items"][item.code]["points"] or 0) > 0
            ],
            "opened": [
                {
                    "name": row.expert.user.name,
                    "number": row.expert.number,
                    "id": public_ids[row.expert.number],
                    "salt": row.draw.identities[public_ids[row.expert.number]]["salt"],
                    "field": published.standard.domains.get(row.field, "不限专业"),
                    "leader": row.is_leader,
                }
                for row in panel
            ],
        }
        claims = {one["id"]: {"expert_id": one["number"], "salt": one["salt"]} for one in notice.figures["opened"]}
        assert lots.open_identities(panel[0].draw.receipt, claims) == []
        assert len(notice.figures["chapters"]) == 8
        type(community).objects.filter(pk=community.pk).update(name="改名小区")
        assert PublicNotice.objects.get(pk=notice.pk).figures["community"] == community.name

    def test_it_runs_for_the_configured_working_days_and_the_case_with_it(self, published, notice):
        assert re.fullmatch(rf"GS-{TODAY.year}-\d{{5}}", notice.number)
        assert (notice.opened_on, notice.closes_on) == (TODAY, clock.deadline("notice", TODAY))
        assert published.due_on == notice.closes_on

    @pytest.mark.parametrize(
        "opened,closes,closed,running",
        [(0, 0, False, True), (-5, 0, False, True), (-5, -1, False, False), (1, 5, False, False), (-5, 5, True, False)],
    )
    def test_running_is_the_same_in_words_and_in_the_database(self, notice, opened, closes, closed, running):
        PublicNotice.objects.filter(pk=notice.pk).update(
            opened_on=TODAY + opened * DAY, closes_on=TODAY + closes * DAY, closed_at=timezone.now() if closed else None
        )
        notice.refresh_from_db()
        assert (notice.is_running(TODAY), notice in PublicNotice.objects.running(TODAY)) == (running, running)

    def test_it_ends_after_its_last_day_and_not_before(self, published, notice):
        with scenes.refused() as problems:
            APPLICATION.perform(published, "close_notice", by=None)
        assert problems == [("notice_open", "")]
        journey.move_notice_into_the_past(published)
        assert tasks.enforce_deadlines(APPLICATION) == 1
        notice.refresh_from_db()
        assert (scenes.case(published.pk).state, notice.closed_at is None, notice.was_cut_short) == (
            "certifying", False, False,
        )  # fmt: skip

    def test_an_open_objection_keeps_it_open(self, published, notice):
        objection = outcome.file_objection(notice, PERSON, [])
        journey.move_notice_into_the_past(published)
        assert tasks.enforce_deadlines(APPLICATION) == 0
        with scenes.refused() as problems:
            APPLICATION.perform(scenes.case(published.pk), "close_notice", by=None)
        assert problems == [("objection_open", "")]
        OBJECTION.perform(objection, "not_take", by=people.officer("intake"), reason="与本案无关")
        assert tasks.enforce_deadlines(APPLICATION) == 1


PERSON = {
    "kind": "person",
    "name": "示例某",
    "identity": "500000199001010008",
    "contact": "023-00000000",
    "text": "示例理由",
}
UNIT = {**PERSON, "kind": "unit", "name": "示例业委会", "identity": names.code("500101", "Y", 1)}


def letter(text="一"):
    return papers.pdf("盖章材料", text)


OBJECTIONS = [
    ({}, [], [("required", "name"), ("required", "identity"), ("required", "contact"), ("required", "text"), ("kind", "kind")]),
    ({**PERSON, "name": " "}, [], [("required", "name")]),
    ({**PERSON, "contact": ""}, [], [("required", "contact")]),
    ({**PERSON, "kind": "ghost"}, [], [("kind", "kind")]),
    ({**UNIT, "identity": "123"}, ["letter"], [("credit_code_length", "identity")]),
    (UNIT, [], [("seal_missing", "proofs")]),
    ({**UNIT, "identity": ""}, [], [("required", "identity"), ("seal_missing", "proofs")]),
    (PERSON, ["letter"] * 6, [("too_many_files", "proofs")]),
    (PERSON, ["words", "letter", "empty"], [("file_type_unknown", "a.pdf"), ("file_empty", "b.pdf")]),
]  # fmt: skip
UPLOADS = {
    "letter": letter,
    "words": lambda: ContentFile(b"words", name="a.pdf"),
    "empty": lambda: ContentFile(b"", name="b.pdf"),
}


class TestObjection:
    @pytest.mark.parametrize("values,proofs,expected", OBJECTIONS)
    def test_it_is_refused_with_everything_that_is_wrong(self, notice, values, proofs, expected):
        with scenes.refused() as problems:
            outcome.file_objection(notice, values, [UPLOADS[name]() for name in proofs])
        assert problems == expected
        assert not Objection.objects.exists()

    @pytest.mark.parametrize("values,proofs", [(PERSON, 0), (PERSON, 1), (UNIT, 2)])
    def test_who_gives_name_and_contact_is_heard(self, notice, values, proofs):
        objection = outcome.file_objection(notice, values, [letter(str(number)) for number in range(proofs)])
        assert re.fullmatch(rf"YY-{TODAY.year}-\d{{5}}-[0-9A-Z]{{6}}", objection.number)
        assert (objection.state, objection.due_on) == ("received", clock.deadline("objection", TODAY))
        assert {name: getattr(objection, name) for name in values} == values
        assert objection.proofs.count() == proofs
        event = Event.objects.of(objection).get()
        assert (event.verb, event.actor, event.role, event.thread, event.data) == (
            "objection.file", None, "public", notice.application.thread, {},
        )  # fmt: skip

    def test_late_is_late_whether_the_day_has_passed_or_the_case_moved_on(self, published, notice):
        PublicNotice.objects.filter(pk=notice.pk).update(closes_on=TODAY - DAY)
        with scenes.refused() as problems:
            outcome.file_objection(PublicNotice.objects.get(pk=notice.pk), PERSON, [])
        PublicNotice.objects.filter(pk=notice.pk).update(closes_on=TODAY)
        Application.objects.filter(pk=published.pk).update(state="certifying")
        with scenes.refused() as more:
            outcome.file_objection(PublicNotice.objects.get(pk=notice.pk), PERSON, [])
        assert problems == more == [("late", "")]

    def test_it_is_taken_up_and_rejected_with_a_reply_within_its_first_limit(self, notice):
        objection = outcome.file_objection(notice, PERSON, [])
        due_on = objection.due_on
        OBJECTION.perform(objection, "accept", by=people.officer("intake"))
        assert (objection.state, objection.due_on) == ("accepted", due_on)
        with scenes.refused() as problems:
            OBJECTION.perform(objection, "reject", by=people.officer("approver"), reply="")
        assert problems == [("required", "reply")]
        OBJECTION.perform(objection, "reject", by=people.officer("approver"), reply=" 已核查 ")
        objection.refresh_from_db()
        assert (objection.state, objection.reply, objection.due_on) == ("rejected", "已核查", None)
        assert scenes.case(notice.application_id).state == "notice"

    def test_upheld_it_ends_the_notice_and_sends_the_case_to_another_panel(self, published, notice):
        first, second = (outcome.file_objection(notice, PERSON, []) for _number in range(2))
        signed = {row.expert.number for row in people.panel_of(published, "signed")}
        for objection in (first, second):
            OBJECTION.perform(objection, "accept", by=people.officer("supervisor"))
        OBJECTION.perform(first, "uphold", by=people.officer("supervisor"), reply="成立")
        again = scenes.case(published.pk)
        notice.refresh_from_db()
        assert (again.state, again.review_round, notice.was_cut_short) == ("drawing", 2, True)
        again = journey.to_state(again, "notice")
        assert not signed & {row.expert.number for row in people.panel_of(again, "signed")}
        assert [row.result.review_round for row in again.notices.order_by("pk")] == [1, 2]
        assert again.results.count() == 2

    def test_upheld_it_answers_everybody_else_who_objected_to_the_notice_it_ended(self, notice, client):
        upheld, taken_up, received, rejected = (outcome.file_objection(notice, PERSON, []) for _number in range(4))
        for objection in (upheld, taken_up, rejected):
            OBJECTION.perform(objection, "accept", by=people.officer("supervisor"))
        OBJECTION.perform(rejected, "reject", by=people.officer("supervisor"), reply="不成立")
        OBJECTION.perform(upheld, "uphold", by=people.officer("supervisor"), reply="成立")
        rows = Objection.objects.in_bulk([row.pk for row in (upheld, taken_up, received, rejected)])
        assert [rows[row.pk].state for row in (upheld, taken_up, received, rejected)] == [
            "upheld", "merged", "merged", "rejected",
        ]  # fmt: skip
        for row in (rows[taken_up.pk], rows[received.pk]):
            page = client.get(reverse("objection-status"), {"number": row.number}).content.decode()
            assert (row.due_on, "退回重新评审" in row.reply, row.reply in page) == (None, True, True)
            event = Event.objects.of(row).last()
            assert (event.verb, event.role) == ("objection.merge", "system")
        verbs = list(Event.objects.in_thread(notice.application.thread).values_list("verb", flat=True))
        assert verbs[-4:] == ["objection.uphold", "application.reopen", "objection.merge", "objection.merge"]

    def test_upheld_it_may_take_the_result_back_for_good(self, published, notice, client):
        upheld, other = (outcome.file_objection(notice, PERSON, []) for _number in range(2))
        OBJECTION.perform(upheld, "accept", by=people.officer("supervisor"))
        OBJECTION.perform(upheld, "annul", by=people.officer("supervisor"), reply="示例：申报材料不实")
        case = scenes.case(published.pk)
        notice.refresh_from_db()
        other.refresh_from_db()
        assert (case.state, case.certificate, notice.was_cut_short) == ("not_passed", None, True)
        assert (other.state, "已撤销" in other.reply) == ("merged", True)
        assert "因异议成立终止" in client.get(notice.get_absolute_url()).content.decode()
        receipt = decision_receipts.about(case, case.results.get())
        assert (receipt["decision"], receipt["notice"]) == ("annulled", notice.number)

    @pytest.mark.parametrize("username", ["applicant", "organiser", "expert-001", "district-1"])
    def test_only_officers_apart_from_the_case_handle_it(self, notice, username):
        objection = outcome.file_objection(notice, PERSON, [])
        with pytest.raises(NotAllowed):
            OBJECTION.perform(objection, "accept", by=scenes.person(username))

    def test_who_ran_the_panel_does_not_judge_the_objection_to_it(self, published, notice):
        objection = outcome.file_objection(notice, PERSON, [])
        for duty in ("intake", "approver"):
            Officer.objects.create(user=published.organiser, duty=duty, since=TODAY)
        with pytest.raises(NotAllowed):
            OBJECTION.perform(objection, "accept", by=scenes.person("organiser"))


@pytest.mark.parametrize(
    "day,years,last",
    [
        (date(2026, 11, 21), 3, date(2029, 11, 20)),
        (date(2026, 1, 1), 1, date(2026, 12, 31)),
        (date(2024, 2, 29), 1, date(2025, 2, 27)),
        (date(2024, 2, 29), 4, date(2028, 2, 28)),
        (date(2027, 3, 1), 1, date(2028, 2, 29)),
        (date(2026, 3, 1), 1, date(2027, 2, 28)),
    ],
)
def test_years_end_the_day_before(day, years, last):
    assert last_day(day, years) == last


class TestCertificate:
    def test_it_copies_what_holds_on_the_day(self, certified):
        certificate = certified.certificate
        project = certified.project
        assert (certificate.state, certificate.is_final, certificate.level, certificate.level_name) == (
            "valid", False, 2, "二星级",
        )  # fmt: skip
        assert (certificate.community_name, certificate.organisation_name, certificate.district_name) == (
            project.community.name, project.organisation.name, project.community.district.name,
        )  # fmt: skip
        assert (certificate.standard_sha256, certificate.standard_notice) == (
            project.standard.sha256,
            "参考样本，非官方标准文本",
        )
        assert (certificate.issued_on, certificate.valid_until) == (TODAY, last_day(TODAY, 2))
        assert certificate.due_on == certificate.valid_until

    def test_numbers_follow_each_other_by_kind_and_year(self, certified, approval):
        second = journey.to_state(approval, "certified").certificate
        assert [certified.certificate.number, second.number] == [
            f"CQ-ZHXQ-S-{TODAY.year}-{number:05d}" for number in (1, 2)
        ]

    def test_the_pdf_is_kept_by_its_hash_and_comes_out_the_same_again(self, certified):
        certificate = Certificate.objects.get(application=certified)
        with certificate.file.open() as stream:
            content = stream.read()
        assert content.startswith(b"%PDF-")
        assert certificate.sha256 == files.sha256_of(content)
        assert printing.certificate_pdf(certificate) == content
        assert printing.certificate_pdf(Certificate.objects.get(pk=certificate.pk)) == content

    def test_its_code_opens_its_public_page(self, certified, settings):
        settings.SITE_URL = "https://stars.example.org"
        certificate = certified.certificate
        assert printing.check_url(certificate) == "https://stars.example.org" + certificate.get_absolute_url()
        assert certificate.number in certificate.get_absolute_url()

    def test_a_later_one_of_the_same_kind_takes_its_place(self, certified):
        project = certified.project
        again = filing.open_project(project.created_by, project.community, project.programme, 2)
        second = journey.to_state(cases.open_application(again, "design"), "certified").certificate
        first = Certificate.objects.get(application=certified)
        assert (first.state, second.state) == ("superseded", "valid")
        assert Event.objects.of(first).last().verb == "certificate.supersede"
        assert second.succeeds == first
        with pytest.raises(Stale):
            CERTIFICATE.perform(first, "revoke", by=None, reason="x", sanction="y")

    def test_it_expires_after_its_last_day(self, certified):
        rows = Certificate.objects.filter(application=certified)
        rows.update(valid_until=TODAY, due_on=TODAY)
        assert (tasks.enforce_deadlines(CERTIFICATE), rows.get().standing(TODAY)) == (0, "valid")
        rows.update(valid_until=TODAY - DAY, due_on=TODAY - DAY)
        assert rows.get().standing(TODAY) == "expired"  # before the sweep has seen it
        assert tasks.enforce_deadlines(CERTIFICATE) == 1
        assert (rows.get().state, rows.get().due_on) == ("expired", None)

    @pytest.mark.parametrize("username", ["organiser", "approver", "intake", "supervisor", "applicant"])
    def test_nobody_revokes_it_with_a_click(self, certified, username):
        with pytest.raises(NotAllowed):
            CERTIFICATE.perform(certified.certificate, "revoke", by=scenes.person(username), reason="x", sanction="y")

    def test_it_is_revoked_by_decision_after_the_unit_was_heard(self, certified):
        certificate = certified.certificate
        sanction = certificates.tell(certificates.propose(certificate))
        with pytest.raises(Stale):
            certificates.decide(sanction)
        certificates.decide(certificates.state_case(sanction))
        certificate = Certificate.objects.get(pk=certificate.pk)
        assert (certificate.state, certificate.standing(TODAY)) == ("revoked", "revoked")
        assert Event.objects.of(certificate).last().data["sanction"] == sanction.decision_number

    @pytest.mark.parametrize(
        "values,in_force",
        [
            ({}, True), ({"is_final": False}, False), ({"state": "revoked"}, False), ({"state": "superseded"}, False),
            ({"valid_until": TODAY}, True), ({"valid_until": TODAY - DAY}, False),
        ],
    )  # fmt: skip
    def test_only_stars_that_hold_today_count_as_certified(self, certified, values, in_force):
        rows = Certificate.objects.filter(application=certified)
        rows.update(**{"is_final": True, **values})
        assert Certificate.objects.in_force(TODAY).exists() == in_force
