"""Downgrade and revocation: proposed by one, told, heard, decided by another; what each brings about; who reads of it when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from communities.models import Officer
from evaluation import history, issuing, sanction_work, sanctions, succession
from evaluation.models import Assignment, Certificate, HeldMessage, HoldingRule, IssuedNotice, Sanction
from evaluation.permissions import sanction_roles, sanctions_visible_to
from evaluation.workflow import CERTIFICATE, HELD_MESSAGE, SANCTION
from portal import clock
from portal.demo import papers
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.tasks import enforce_deadlines, remind
from portal.workdays import last_day
from tests.evaluation import published, scenes
from tests.evaluation.scenes import person

pytestmark = [pytest.mark.django_db, pytest.mark.long]

TODAY = timezone.localdate()
DAY = timedelta(days=1)
SAID = {"facts": "抽查发现监控平台已停用。", "basis": "示例办法第十条"}
OFFICERS = ("supervisor", "approver", "intake", "organiser")


@pytest.fixture(scope="module")
def rules(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def certificate(rules):
    """A two-star certificate, its unit's person "applicant", and one officer of every duty."""
    row = published.certificate(sha256="1" * 64)
    published.member(row.application.project.organisation, "applicant")
    for duty in OFFICERS:
        published.officer(duty)
    published.officer("district_officer", row.application.project.community.district)
    return row


def propose(certificate, username="district_officer", kind="revoke", **said):
    return sanctions.propose(person(username), certificate, kind=kind, **{**SAID, **said})


def perform(sanction, action, username, **said):
    row = Sanction.objects.get(pk=sanction.pk)
    SANCTION.perform(row, action, by=person(username) if username else None, **said)
    return row


def told(certificate, **said):
    return perform(propose(certificate, **said), "tell", "supervisor")


def heard(certificate, **said):
    return perform(told(certificate, **said), "state_case", "applicant", statement=" 已恢复运行 ")


def over(sanction):
    """As if its last day had passed."""
    Sanction.objects.filter(pk=sanction.pk).update(due_on=TODAY - DAY)


def unit_of(certificate):
    unit = certificate.application.project.organisation
    unit.refresh_from_db()
    return unit


class TestProposing:
    def test_it_is_numbered_dated_and_told_to_those_who_decide(self, certificate):
        sanction = propose(certificate)
        assert (sanction.state, sanction.number, sanction.due_on) == (
            "proposed", f"CQ-ZHXQ-CLA-{TODAY.year}-00001", clock.deadline("sanction_examination", TODAY),
        )  # fmt: skip
        event = Event.objects.of(sanction).get()
        assert (event.verb, event.role) == ("sanction.propose", "district_officer")
        names = Notification.objects.filter(link=sanction.get_absolute_url()).values_list("user__username", flat=True)
        assert sorted(names) == ["approver", "supervisor"]

    @pytest.mark.parametrize("username", ["district_officer", "organiser", "intake", "supervisor"])
    def test_whoever_may_propose(self, certificate, username):
        assert propose(certificate, username).proposed_by == person(username)

    @pytest.mark.parametrize("username", ["approver", "applicant", "author1", "expert1"])
    def test_nobody_else_proposes(self, certificate, username):
        with pytest.raises(NotAllowed):
            propose(certificate, username)

    def test_everything_that_is_wrong_is_said_at_once(self, certificate):
        with scenes.refused() as problems:
            propose(certificate, kind="", facts=" ", basis="x" * 5001)
        assert problems == [("kind", "kind"), ("required", "facts"), ("too_long", "basis")]

    @pytest.mark.parametrize(
        "level,to_level,expected",
        [(2, 1, []), (2, 2, ["to_level"]), (2, 3, ["to_level"]), (2, None, ["to_level"]), (2, 0, ["to_level"]),
         (1, 1, ["no_lower_level"])],
    )  # fmt: skip
    def test_a_downgrade_goes_to_a_level_below_and_the_lowest_is_revoked(self, certificate, level, to_level, expected):
        Certificate.objects.filter(pk=certificate.pk).update(level=level)
        if not expected:
            assert propose(certificate, kind="downgrade", to_level=to_level).to_level == to_level
            return
        with scenes.refused() as problems:
            propose(certificate, kind="downgrade", to_level=to_level)
        assert [code for code, _place in problems] == expected

    def test_one_is_open_for_a_certificate_at_a_time(self, certificate):
        first = propose(certificate)
        with scenes.refused() as problems:
            propose(certificate, "organiser")
        assert problems == [("sanction_open", "")]
        perform(first, "withdraw", "district_officer", reason="证据不足")
        assert propose(certificate, "organiser").number.endswith("00002")

    @pytest.mark.parametrize(
        "values", [{"state": "revoked"}, {"state": "superseded"}, {"state": "expired"}, {"valid_until": TODAY - DAY}]
    )
    def test_of_a_certificate_that_has_ended_nothing_is_proposed(self, certificate, values):
        Certificate.objects.filter(pk=certificate.pk).update(**values)
        with scenes.refused() as problems:
            propose(certificate)
        assert problems == [("certificate_ended", "")]

    @pytest.mark.parametrize("duty", ["approver", "supervisor"])
    def test_an_officer_who_acts_for_the_unit_hears_nothing_of_it_before_the_unit_is_told(self, certificate, duty):
        member = person("applicant")
        Officer.objects.create(user=member, duty=duty, since=TODAY - DAY)
        sanction = propose(certificate)
        assert member not in SANCTION.holders(sanction)
        assert member not in SANCTION.overseers(sanction)
        Sanction.objects.filter(pk=sanction.pk).update(due_on=TODAY - 30 * DAY)
        remind(SANCTION)
        assert not Notification.objects.filter(user=member).exists()

    def test_whoever_has_another_duty_since_still_adds_to_what_they_proposed(self, certificate):
        sanction = propose(certificate, "organiser")
        Officer.objects.filter(user=person("organiser")).update(duty="approver")
        sanctions.add_proof(person("organiser"), sanction, papers.pdf("现场记录", "1"))
        assert Event.objects.of(sanction).last().role == "proposer"


class TestTelling:
    def test_the_unit_is_told_by_another_person_with_a_document_and_a_term(self, certificate):
        sanction = told(certificate)
        assert (sanction.state, sanction.due_on) == ("hearing", clock.deadline("sanction_hearing", TODAY))
        notice = IssuedNotice.objects.get(number=sanction.notice_number)
        assert (notice.kind, notice.number) == ("hearing", f"CQ-ZHXQ-GZ-{TODAY.year}-00001")
        text = " ".join(body for _heading, body in notice.content["sections"])
        assert all(
            part in text for part in (SAID["facts"], SAID["basis"], certificate.number, sanction.due_on.isoformat())
        )
        received = Notification.objects.filter(user=person("applicant"), link=sanction.get_absolute_url())
        assert received.get().kind == "decision"

    @pytest.mark.parametrize("action,said", [("tell", {}), ("decline", {"reason": "x"})])
    def test_whoever_proposed_it_does_not_tell(self, certificate, action, said):
        sanction = propose(certificate, "supervisor")
        with scenes.refused() as problems:
            perform(sanction, action, "supervisor", **said)
        assert problems == [("same_person", "")]
        perform(sanction, action, "approver", **said)

    @pytest.mark.parametrize("username", ["applicant", "intake", "organiser", "district_officer", "author1"])
    def test_nobody_else_tells(self, certificate, username):
        sanction = propose(certificate, "supervisor")
        with pytest.raises(NotAllowed):
            perform(sanction, "tell", username)

    def test_only_whoever_proposed_it_takes_it_back_and_only_before_it_is_told(self, certificate):
        sanction = propose(certificate)
        with pytest.raises(NotAllowed):
            perform(sanction, "withdraw", "organiser", reason="x")
        perform(sanction, "tell", "approver")
        with pytest.raises(Stale):
            perform(sanction, "withdraw", "district_officer", reason="x")


class TestHearing:
    def test_what_the_unit_states_goes_to_the_decision(self, certificate):
        sanction = heard(certificate)
        assert (sanction.state, sanction.statement, sanction.due_on) == (
            "deciding", "已恢复运行", clock.deadline("sanction_decision", TODAY),
        )  # fmt: skip

    def test_it_may_waive_that(self, certificate):
        sanction = told(certificate)
        with scenes.refused() as problems:
            perform(sanction, "waive", "applicant")
        assert problems == [("required", "waiver")]
        sanction = perform(sanction, "waive", "applicant", waiver=True)
        assert (sanction.state, sanction.waived_at is None) == ("deciding", False)

    def test_it_may_ask_to_be_heard_in_person_and_an_officer_who_did_not_propose_it_records_that(self, certificate):
        sanction = perform(told(certificate, username="intake"), "ask_oral", "applicant", wish="当面说明")
        assert (sanction.state, sanction.due_on) == ("oral", clock.deadline("sanction_oral", TODAY))
        perform(sanction, "state_case", "applicant", statement="书面一")
        perform(sanction, "state_case", "applicant", statement="书面二")
        with scenes.refused() as problems:
            perform(sanction, "record_oral", "intake", heard_on=TODAY, record="到场二人")
        assert problems == [("same_person", "")]
        for day, code in ((TODAY + DAY, "date_future"), (TODAY - DAY, "date_early")):
            with scenes.refused() as problems:
                perform(sanction, "record_oral", "supervisor", heard_on=day, record="到场二人")
            assert problems == [(code, "heard_on")]
        sanction = perform(sanction, "record_oral", "supervisor", heard_on=TODAY, record="到场二人")
        assert (sanction.state, sanction.statement, sanction.record) == ("deciding", "书面一\n\n书面二", "到场二人")

    def test_whoever_is_late_has_lost_it_and_the_sweep_goes_on(self, certificate):
        sanction = told(certificate)
        over(sanction)
        for action, said in (
            ("state_case", {"statement": "x"}),
            ("waive", {"waiver": True}),
            ("ask_oral", {"wish": "x"}),
        ):
            with scenes.refused() as problems:
                perform(sanction, action, "applicant", **said)
            assert problems == [("late", "")]
        assert (enforce_deadlines(SANCTION), Sanction.objects.get().state) == (1, "deciding")
        assert "未陈述" in sanctions.heard(Sanction.objects.get())

    def test_a_hearing_that_was_asked_for_does_not_lapse_and_is_overseen(self, certificate):
        sanction = perform(told(certificate), "ask_oral", "applicant", wish="当面说明")
        Sanction.objects.filter(pk=sanction.pk).update(due_on=TODAY - 30 * DAY)
        assert (enforce_deadlines(SANCTION), Sanction.objects.get().state) == (0, "oral")
        assert remind(SANCTION) == 3  # supervisor and intake, and the supervisor once more as who oversees it

    @pytest.mark.parametrize("action", ["revoke", "drop"])
    @pytest.mark.parametrize("state", ["proposed", "hearing", "oral"])
    def test_nothing_is_decided_before_the_unit_was_heard(self, certificate, state, action):
        sanction = propose(certificate) if state == "proposed" else told(certificate)
        if state == "oral":
            perform(sanction, "ask_oral", "applicant", wish="x")
        for username in ("approver", "supervisor"):
            with pytest.raises(Stale):
                perform(sanction, action, username, reason="x")

    @pytest.mark.parametrize("username", ["supervisor", "intake", "district_officer", "author1"])
    def test_nobody_speaks_for_the_unit(self, certificate, username):
        sanction = told(certificate, username="organiser")
        with pytest.raises(NotAllowed):
            perform(sanction, "state_case", username, statement="x")


class TestPapers:
    def test_each_side_adds_and_takes_out_its_own_while_its_turn_is(self, certificate):
        sanction = propose(certificate)
        office = sanctions.add_proof(person("district_officer"), sanction, papers.pdf("照片", "一"))
        for username in ("applicant", "supervisor"):
            with pytest.raises(NotAllowed):
                sanctions.add_proof(person(username), sanction, papers.pdf("照片", "二"))
        sanction = perform(sanction, "tell", "supervisor")
        own = sanctions.add_proof(person("applicant"), sanction, papers.pdf("运行记录", "一"))
        with pytest.raises(NotAllowed):
            sanctions.remove_proof(person("applicant"), sanctions.proofs_of(sanction).get(pk=office.pk))
        with pytest.raises(NotAllowed):
            sanctions.add_proof(person("district_officer"), sanction, papers.pdf("照片", "三"))
        assert [row.side for row in sanctions.proofs_of(sanction)] == ["office", "party"]
        sanctions.remove_proof(person("applicant"), sanctions.proofs_of(sanction).get(pk=own.pk))
        assert [row.pk for row in sanctions.proofs_of(sanction)] == [office.pk]
        perform(sanction, "waive", "applicant", waiver=True)
        with pytest.raises(Stale):
            sanctions.add_proof(person("applicant"), sanction, papers.pdf("运行记录", "二"))

    @pytest.mark.parametrize(
        "upload,code",
        [
            (lambda: ContentFile(b"<svg onload=alert(1)>", name="a.pdf"), "file_type_unknown"),
            (lambda: ContentFile(b"%PDF-1.7 broken", name="a.pdf"), "pdf_cut_off"),
            (lambda: ContentFile(b"", name="a.pdf"), "file_empty"),
        ],
    )
    def test_a_hostile_file_is_no_proof(self, certificate, upload, code):
        sanction = propose(certificate)
        with scenes.refused() as problems:
            sanctions.add_proof(person("district_officer"), sanction, upload())
        assert [found for found, _place in problems] == [code]
        assert not sanctions.proofs_of(sanction).exists()

    def test_the_same_file_counts_once(self, certificate):
        sanction = propose(certificate)
        sanctions.add_proof(person("district_officer"), sanction, papers.pdf("照片", "一"))
        with scenes.refused() as problems:
            sanctions.add_proof(person("district_officer"), sanction, papers.pdf("照片", "一"))
        assert problems == [("double", "file")]


class TestRevoking:
    def test_the_certificate_ends_the_unit_is_banned_and_the_decision_says_so(self, certificate):
        sanction = perform(heard(certificate), "revoke", "approver", reason="事实清楚")
        until = last_day(TODAY, 3)
        certificate.refresh_from_db()
        assert (sanction.state, certificate.state, sanction.ban_years) == ("executed", "revoked", 3)
        assert (unit_of(certificate).state, unit_of(certificate).banned_until) == ("banned", until)
        event = Event.objects.of(certificate).last()
        said = {name: event.data[name] for name in ("reason", "sanction", "ban_until")}
        assert (event.verb, event.role, said) == (
            "certificate.revoke", "system",
            {"reason": "事实清楚", "sanction": sanction.decision_number, "ban_until": until.isoformat()},
        )  # fmt: skip
        notice = IssuedNotice.objects.get(number=sanction.decision_number)
        text = " ".join(body for _heading, body in notice.content["sections"])
        assert all(part in text for part in ("已恢复运行", "事实清楚", until.isoformat(), SAID["basis"]))
        assert notice.content["remedy"].startswith("对本决定不服的，")

    def test_without_a_ban_the_decision_says_why(self, certificate):
        sanction = perform(heard(certificate), "revoke", "approver", reason="x", unbanned_reason=" 主动报告 ")
        assert (sanction.ban_years, sanction.unbanned_reason) == (None, "主动报告")
        assert unit_of(certificate).state == "active"
        notice = IssuedNotice.objects.get(number=sanction.decision_number)
        assert "不限制申报：主动报告" in dict(notice.content["sections"])["决定"]

    @pytest.mark.parametrize("years,ends", [(1, 3), (10, 10)])
    def test_a_unit_that_is_banned_already_is_banned_as_long_as_the_longer_ban(self, certificate, years, ends):
        second = published.certificate("示例二期", number=2, sha256="2" * 64)
        project = second.application.project
        project.organisation = certificate.application.project.organisation
        project.save()
        first = heard(certificate)
        project.programme.ban_years = years
        project.programme.save()
        SANCTION.perform(Sanction.objects.get(pk=heard(second).pk), "revoke", by=person("approver"), reason="x")
        project.programme.ban_years = 3
        project.programme.save()
        perform(first, "revoke", "approver", reason="x")
        assert unit_of(certificate).banned_until == last_day(TODAY, ends)

    def test_whoever_proposed_it_does_not_decide(self, certificate):
        sanction = perform(propose(certificate, "supervisor"), "tell", "approver")
        perform(sanction, "waive", "applicant", waiver=True)
        for action in ("revoke", "drop"):
            with scenes.refused() as problems:
                perform(sanction, action, "supervisor", reason="x")
            assert problems == [("same_person", "")]
        assert perform(sanction, "revoke", "approver", reason="x").state == "executed"

    @pytest.mark.parametrize("username", ["intake", "organiser", "district_officer", "applicant"])
    def test_nobody_else_decides(self, certificate, username):
        sanction = heard(certificate)
        with pytest.raises(NotAllowed):
            perform(sanction, "revoke", username, reason="x")

    def test_it_is_revoked_or_downgraded_as_it_was_heard_about_or_not_at_all(self, certificate):
        sanction = heard(certificate)
        with pytest.raises(Stale):
            perform(sanction, "downgrade", "approver", reason="x")
        assert perform(sanction, "drop", "approver", reason="已整改").state == "dropped"
        certificate.refresh_from_db()
        assert (certificate.state, unit_of(certificate).state) == ("valid", "active")

    def test_of_two_who_decide_the_second_is_told(self, certificate):
        first = heard(certificate)
        second = Sanction.objects.get(pk=first.pk)
        SANCTION.perform(Sanction.objects.get(pk=first.pk), "drop", by=person("supervisor"), reason="x")
        with pytest.raises(Stale):
            SANCTION.perform(second, "revoke", by=person("approver"), reason="x")
        certificate.refresh_from_db()
        assert certificate.state == "valid"

    def test_nothing_of_a_refused_decision_stays(self, certificate, monkeypatch):
        """As when the process is killed between the decision and the certificate: all of it or nothing."""
        sanction = heard(certificate)

        def killed(*_arguments, **_words):
            raise MemoryError

        monkeypatch.setattr(type(CERTIFICATE), "_move", killed)
        before = Event.objects.count()
        with pytest.raises(MemoryError):
            perform(sanction, "revoke", "approver", reason="x")
        monkeypatch.undo()
        sanction.refresh_from_db()
        assert (sanction.state, sanction.decision_number, Event.objects.count()) == ("deciding", "", before)
        assert not IssuedNotice.objects.filter(kind="sanction").exists()


class TestDowngrading:
    def test_a_new_certificate_of_the_lower_level_runs_for_the_rest_of_the_term(self, certificate):
        sanction = perform(heard(certificate, kind="downgrade", to_level=1), "downgrade", "approver", reason="部分停用")
        certificate.refresh_from_db()
        new = Certificate.objects.get(succeeds=certificate)
        assert (certificate.state, new.state, new.level, new.level_name) == ("superseded", "valid", 1, "一星级")
        assert (new.issued_on, new.valid_until, new.due_on) == (TODAY, certificate.valid_until, certificate.valid_until)
        assert (new.number != certificate.number, bool(new.seal), bool(new.sha256)) == (True, True, True)
        assert unit_of(certificate).state == "active"
        event = Event.objects.of(new).get()
        assert (event.verb, event.data["sanction"]) == ("certificate.issue", sanction.decision_number)
        assert succession.successor(certificate) == new
        assert certificate.application.certificate == new

    def test_downgraded_twice_the_first_leads_to_the_last(self, certificate):
        Certificate.objects.filter(pk=certificate.pk).update(level=3, level_name="三星级")
        certificate.refresh_from_db()
        perform(heard(certificate, kind="downgrade", to_level=2), "downgrade", "approver", reason="x")
        second = Certificate.objects.get(succeeds=certificate)
        perform(heard(second, kind="downgrade", to_level=1), "downgrade", "approver", reason="x")
        third = Certificate.objects.get(succeeds=second)
        assert [succession.successor(row) for row in (certificate, second)] == [third, third]
        assert IssuedNotice.objects.filter(kind="sanction").count() == 2
        perform(heard(third), "revoke", "approver", reason="x")
        assert succession.successor(certificate) is None


class TestWhenTheCertificateEndsMeanwhile:
    @pytest.mark.parametrize("action", ["expire", "supersede", "cancel"])
    @pytest.mark.parametrize("state,verb", [("proposed", "close"), ("hearing", "end"), ("deciding", "end")])
    def test_the_sanction_ends_with_it(self, certificate, action, state, verb):
        sanction = {"proposed": propose, "hearing": told, "deciding": heard}[state](certificate)
        CERTIFICATE.perform(Certificate.objects.get(pk=certificate.pk), action, by=None)
        sanction.refresh_from_db()
        assert (sanction.state, sanction.due_on, Event.objects.of(sanction).last().verb) == (
            "dropped", None, f"sanction.{verb}",
        )  # fmt: skip

    def test_past_its_last_day_nothing_is_decided_before_the_sweep_has_seen_it(self, certificate):
        sanction = heard(certificate)
        Certificate.objects.filter(pk=certificate.pk).update(valid_until=TODAY - DAY)
        with scenes.refused() as problems:
            perform(sanction, "revoke", "approver", reason="x")
        assert problems == [("certificate_ended", "")]


class TestWhoReads:
    @pytest.mark.parametrize("state", ["proposed", "hearing", "dropped untold", "executed"])
    def test_roles_and_lists_are_two_faces_and_the_unit_sees_what_it_was_told(self, certificate, state):
        sanction = propose(certificate) if state in ("proposed", "dropped untold") else told(certificate)
        if state == "dropped untold":
            perform(sanction, "decline", "approver", reason="x")
        if state == "executed":
            perform(sanction, "waive", "applicant", waiver=True)
            perform(sanction, "revoke", "approver", reason="x")
        sanction.refresh_from_db()
        Officer.objects.create(user=person("expert1"), duty="intake", since=TODAY)
        seen = {}
        for name in (*OFFICERS, "district_officer", "applicant", "author1", "expert1"):
            seen[name] = sanctions_visible_to(person(name)).filter(pk=sanction.pk).exists()
            assert seen[name] == bool(sanction_roles(person(name), sanction)), name
        assert {name for name, sees in seen.items() if sees} == {*OFFICERS, "district_officer"} | (
            {"applicant"} if sanction.told_at else set()
        )
        assert Assignment.objects.filter(expert__user__username="expert1").exists()

    def test_the_history_of_the_unit_begins_with_being_told(self, certificate):
        application = certificate.application
        sanction = propose(certificate)
        sanctions.add_proof(person("district_officer"), sanction, papers.pdf("照片", "一"))

        def read_by(name):
            reader = history.reader_of(person(name), application.project, [application])
            rows = history.events_for(reader, application.project)
            return [event.verb for event in rows if event.verb.startswith("sanction.")]

        assert (read_by("applicant"), read_by("intake")) == ([], ["sanction.propose", "sanction.add_evidence"])
        perform(sanction, "tell", "approver")
        assert read_by("applicant") == ["sanction.tell"]

    def test_whoever_must_act_has_it_among_the_work_and_nobody_else(self, certificate):
        def holders():
            names = (*OFFICERS, "district_officer", "applicant", "author1")
            return {name for name in names if list(sanction_work.waiting_on(person(name)))}

        sanction = propose(certificate, "supervisor")
        assert holders() == {"approver"}
        perform(sanction, "tell", "approver")
        assert holders() == {"applicant"}
        perform(sanction, "ask_oral", "applicant", wish="x")
        assert holders() == {"intake"}
        perform(sanction, "record_oral", "intake", heard_on=TODAY, record="x")
        assert holders() == {"approver"}
        perform(sanction, "drop", "approver", reason="x")
        assert holders() == set()

    def test_a_decision_whose_message_waits_for_a_look_is_read_once_it_has_left(self, certificate):
        HoldingRule.objects.filter(verb="certificate.revoke").update(holds=True)
        sanction = perform(heard(certificate), "revoke", "approver", reason="事实清楚")
        assert [row.kind for row in sanctions.documents_of(sanction)] == ["hearing"]
        HELD_MESSAGE.perform(HeldMessage.objects.get(), "release", by=person("supervisor"))
        assert [row.kind for row in sanctions.documents_of(sanction)] == ["hearing", "sanction"]

    def test_both_documents_are_printed(self, certificate):
        sanction = perform(heard(certificate), "revoke", "approver", reason="事实清楚")
        rows = sanctions.documents_of(sanction)
        assert [row.kind for row in rows] == ["hearing", "sanction"]
        assert [issuing.bytes_of(row)[:5] for row in rows] == [b"%PDF-", b"%PDF-"]
