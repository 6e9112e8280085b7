"""Renewal of a star certificate: when and under what it is asked, who examines and approves it, and the term that it gives."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from communities.models import Organisation, Parameter
from evaluation import checks, renewing, sanction_work, sanctions, succession, supervising
from evaluation.models import (
    Application,
    Certificate,
    IssuedNotice,
    OperatingReport,
    Programme,
    Project,
    Renewal,
    StageRule,
    Standard,
)
from evaluation.permissions import renewal_roles, renewals_visible_to
from evaluation.workflow import CERTIFICATE, RENEWAL, SANCTION
from portal import clock
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.tasks import enforce_deadlines
from portal.workdays import last_day
from tests.evaluation import published, scenes
from tests.evaluation.scenes import person

pytestmark = [pytest.mark.django_db, pytest.mark.long]

TODAY = timezone.localdate()
DAY = timedelta(days=1)
ENDS = TODAY + 30 * DAY
OFFICERS = ("supervisor", "approver", "intake", "organiser")


@pytest.fixture(scope="module")
def rules(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def certificate(rules):
    """A star certificate within the window, its unit's person "applicant", and one officer of every duty."""
    row = published.certificate(sha256="1" * 64, valid_until=ENDS, due_on=ENDS)
    project = row.application.project
    row.standard_sha256 = project.standard.sha256
    row.save()
    published.member(project.organisation, "applicant")
    for duty in OFFICERS:
        published.officer(duty)
    published.officer("district_officer", project.community.district)
    return row


def fresh(certificate):
    return Certificate.objects.get(pk=certificate.pk)


def ask(certificate, username="applicant", statement="运行正常"):
    return renewing.ask(person(username), fresh(certificate), statement)


def perform(renewal, action, username, **said):
    row = Renewal.objects.get(pk=renewal.pk)
    RENEWAL.perform(row, action, by=person(username) if username else None, **said)
    return row


def recommended(certificate, username="district_officer"):
    return perform(ask(certificate), "recommend", username, opinion="与获证时一致")


def codes(certificate):
    return [problem.code for problem in renewing.hindrances(fresh(certificate), TODAY)]


def another_standard(certificate):
    old = certificate.application.project.standard
    document = {**old.document, "changed": True}
    new = Standard.objects.create(
        code=old.code,
        version="9.9",
        name=old.name,
        kind=old.kind,
        is_official=False,
        document=document,
        sha256="9" * 64,
    )
    Programme.objects.filter(pk=certificate.application.project.programme_id).update(standard=new)


def open_sanction(certificate):
    """A sanction of which the unit has not been told."""
    return sanctions.propose(person("intake"), fresh(certificate), kind="revoke", facts="x", basis="y")


def told_sanction(certificate):
    SANCTION.perform(open_sanction(certificate), "tell", by=person("approver"))


def another_application(certificate, state="form_check", stage="completion"):
    old = certificate.application.project
    values = {name: getattr(old, name) for name in ("programme", "standard", "community", "organisation", "created_by")}
    project = Project.objects.create(number="CQ-ZHXQ-2026-500112-9999", target_level=2, **values)
    return Application.objects.create(project=project, stage=stage, state=state)


class TestConditions:
    @pytest.mark.parametrize(
        "change,expected",
        [
            (lambda row: None, []),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(valid_until=TODAY), []),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(valid_until=TODAY + 90 * DAY), []),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(valid_until=TODAY + 91 * DAY), ["renewal_early"]),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(valid_until=TODAY - DAY), ["renewal_late"]),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(state="expired"), ["renewal_late"]),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(state="revoked"), ["certificate_ended"]),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(state="superseded"), ["certificate_ended"]),
            (lambda row: Certificate.objects.filter(pk=row.pk).update(is_final=False), ["not_renewable"]),
            (lambda row: StageRule.objects.update(is_renewable=False), ["not_renewable"]),
            (another_standard, ["standard_changed"]),
            (lambda row: Organisation.objects.update(state="banned"), ["organisation"]),
            (open_sanction, []),  # the unit learns nothing of it before it is told
            (told_sanction, ["sanction_open"]),
            (ask, ["renewal_open"]),
            (another_application, ["open_case"]),
            (lambda row: another_application(row, "draft"), []),
            (lambda row: another_application(row, "refused"), []),
            (lambda row: another_application(row, stage="design"), []),
        ],
    )
    def test_each_is_said(self, certificate, change, expected):
        change(certificate)
        assert codes(certificate) == expected

    def test_the_window_is_the_authoritys(self, certificate):
        Parameter.objects.filter(pk="certificate_renewal_days").update(value=29)
        assert codes(certificate) == ["renewal_early"]

    def test_all_of_them_are_said_at_once(self, certificate):
        another_standard(certificate)
        Organisation.objects.update(state="banned")
        with scenes.refused() as problems:
            ask(certificate, statement=" ")
        assert problems == [("required", "statement"), ("standard_changed", ""), ("organisation", "")]

    @pytest.mark.parametrize("username", ["intake", "district_officer", "approver", "supervisor", "author1", "expert1"])
    def test_only_the_unit_asks(self, certificate, username):
        with pytest.raises(NotAllowed):
            ask(certificate, username)


class TestTheFormCheckAgrees:
    """A community may renew or apply anew near the end of its certificate, and not both."""

    def found(self, certificate):
        application = Application.objects.filter(state="checking").first()
        application = application or another_application(certificate, "checking")
        data = {"project": {"target_level": 2}}
        return [problem.code for problem in checks.no_other_case(checks.Look(application, data))]

    @pytest.mark.parametrize("days,expected", [(91, ["certificate_held"]), (90, []), (0, [])])
    def test_within_the_window_the_held_certificate_hinders_no_new_application(self, certificate, days, expected):
        Certificate.objects.filter(pk=certificate.pk).update(valid_until=TODAY + days * DAY)
        assert self.found(certificate) == expected

    def test_a_renewal_that_is_being_handled_does(self, certificate):
        renewal = ask(certificate)
        assert self.found(certificate) == ["renewal_open"]
        perform(renewal, "withdraw", "applicant")
        assert self.found(certificate) == []


class TestExamining:
    def test_it_is_numbered_dated_and_told(self, certificate):
        renewal = ask(certificate)
        assert (renewal.state, renewal.number, renewal.due_on) == (
            "asked", f"CQ-ZHXQ-YX-{TODAY.year}-00001", clock.deadline("renewal_examination", TODAY),
        )  # fmt: skip
        names = Notification.objects.filter(link=renewal.get_absolute_url()).values_list("user__username", flat=True)
        assert sorted(names) == ["district_officer", "intake"]

    @pytest.mark.parametrize("username", ["district_officer", "intake"])
    def test_the_district_or_intake_examines(self, certificate, username):
        renewal = recommended(certificate, username)
        assert (renewal.state, renewal.is_advised, renewal.examined_by) == ("recommended", True, person(username))

    @pytest.mark.parametrize("username", ["approver", "supervisor", "organiser", "applicant"])
    def test_nobody_else_does(self, certificate, username):
        with pytest.raises(NotAllowed):
            recommended(certificate, username)

    def test_against_it_is_an_advice_too(self, certificate):
        renewal = perform(ask(certificate), "advise_against", "intake", opinion="平台停用")
        assert (renewal.state, renewal.is_advised) == ("recommended", False)

    def test_returned_it_comes_back_with_an_answer_or_lapses(self, certificate):
        renewal = perform(ask(certificate), "return", "intake", reason="缺少维保情况")
        assert (renewal.state, renewal.due_on) == ("returned", clock.deadline("renewal_correction", TODAY))
        assert perform(renewal, "ask_again", "applicant", answer="已补").statement == "运行正常\n\n已补"
        perform(renewal, "return", "intake", reason="仍缺")
        Renewal.objects.filter(pk=renewal.pk).update(due_on=TODAY - DAY)
        with scenes.refused() as problems:
            perform(renewal, "ask_again", "applicant", answer="迟了")
        assert problems == [("late", "")]
        assert (enforce_deadlines(RENEWAL), Renewal.objects.get().state) == (1, "withdrawn")

    def test_conditions_are_looked_at_again(self, certificate):
        renewal = perform(ask(certificate), "return", "intake", reason="x")
        open_sanction(certificate)
        perform(renewal, "ask_again", "applicant", answer="已补")
        with scenes.refused() as problems:
            perform(renewal, "recommend", "intake", opinion="x")
        assert problems == [("sanction_open", "")]


class TestDeciding:
    def test_approved_early_no_day_is_lost_there_is_no_gap_and_never_two_are_valid(self, certificate):
        renewal = perform(recommended(certificate), "approve", "approver")
        old, new = fresh(certificate), Certificate.objects.get(succeeds=certificate)
        assert (renewal.state, old.state, new.state, new.level) == ("approved", "superseded", "valid", old.level)
        assert (new.issued_on, new.valid_until) == (TODAY, last_day(ENDS + DAY, 3))
        assert (new.number != old.number, bool(new.seal)) == (True, True)
        assert new.standard_sha256 == old.standard_sha256
        assert succession.successor(old) == new
        assert list(Certificate.objects.in_force(TODAY)) == [new]
        assert Event.objects.of(new).get().data["renewal"] == renewal.number

    def test_decided_after_the_last_day_the_unit_loses_no_day_of_the_new_term(self, certificate):
        renewal = recommended(certificate)
        Certificate.objects.filter(pk=certificate.pk).update(valid_until=TODAY - 5 * DAY, due_on=TODAY - 5 * DAY)
        assert enforce_deadlines(CERTIFICATE) == 1
        assert Renewal.objects.get().state == "recommended"
        perform(renewal, "approve", "approver")
        new = Certificate.objects.get(succeeds=certificate)
        assert (fresh(certificate).state, new.valid_until) == ("expired", last_day(TODAY, 3))

    def test_what_stands_in_its_way_is_not_forgotten_when_the_last_day_passes(self, certificate):
        renewal = recommended(certificate)
        report = OperatingReport.objects.create(
            certificate=certificate, year=1, opened_on=TODAY, due_on=TODAY, state="due"
        )
        Certificate.objects.filter(pk=certificate.pk).update(valid_until=TODAY - DAY, due_on=TODAY - DAY)
        enforce_deadlines(CERTIFICATE)
        assert supervising.let_go() == 0
        with scenes.refused() as problems:
            perform(renewal, "approve", "approver")
        assert problems == [("report_open", f"operating_report-{report.pk}")]
        perform(renewal, "refuse", "approver", reason="未提交年度报告")
        assert supervising.let_go() == 1

    def test_not_beside_another_certificate_of_the_community(self, certificate):
        renewal = recommended(certificate)
        Certificate.objects.filter(pk=certificate.pk).update(valid_until=TODAY - DAY, due_on=TODAY - DAY)
        enforce_deadlines(CERTIFICATE)
        newer = published.certificate("示例·新评小区", number=2)
        project = newer.application.project
        project.community = certificate.application.project.community
        project.save()
        with scenes.refused() as problems:
            perform(renewal, "approve", "approver")
        assert problems == [("certificate_ended", "")]
        assert list(Certificate.objects.filter(state="valid")) == [newer]

    @pytest.mark.parametrize("action,said", [("approve", {}), ("refuse", {"reason": "x"})])
    def test_by_another_person_than_who_examined_it(self, certificate, action, said):
        renewal = recommended(certificate)
        Renewal.objects.filter(pk=renewal.pk).update(examined_by=person("approver"))
        with scenes.refused() as problems:
            perform(renewal, action, "approver", **said)
        assert problems == [("same_person", "")]

    @pytest.mark.parametrize("username", ["supervisor", "organiser", "intake", "district_officer", "applicant"])
    def test_nobody_else_approves(self, certificate, username):
        renewal = recommended(certificate)
        with pytest.raises(NotAllowed):
            perform(renewal, "approve", username)

    def test_refused_with_reasons_a_document_and_how_to_appeal(self, certificate):
        renewal = perform(recommended(certificate), "refuse", "approver", reason="停用半年")
        notice = IssuedNotice.objects.get(number=renewal.decision_number)
        assert (renewal.state, notice.kind, dict(notice.content["sections"])["理由"]) == (
            "refused",
            "nonrenewal",
            "停用半年",
        )
        assert notice.content["remedy"].startswith("对本决定不服的，")
        assert fresh(certificate).state == "valid"

    def test_it_may_be_sent_back(self, certificate):
        assert perform(recommended(certificate), "send_back", "approver", reason="未到现场").state == "asked"

    @pytest.mark.parametrize("change,expected", [
        (another_standard, ["standard_changed"]), (open_sanction, ["sanction_open"]),
        (lambda row: Organisation.objects.update(state="banned"), ["organisation"]),
    ])  # fmt: skip
    def test_conditions_must_still_hold(self, certificate, change, expected):
        renewal = recommended(certificate)
        change(certificate)
        with scenes.refused() as problems:
            perform(renewal, "approve", "approver")
        assert [code for code, _place in problems] == expected
        assert list(Certificate.objects.values_list("state", flat=True)) == ["valid"]

    @pytest.mark.parametrize("action", ["supersede", "cancel"])
    @pytest.mark.parametrize("state", ["asked", "returned", "recommended"])
    def test_it_ends_with_the_certificate(self, certificate, state, action):
        renewal = ask(certificate) if state != "recommended" else recommended(certificate)
        if state == "returned":
            perform(renewal, "return", "intake", reason="x")
        CERTIFICATE.perform(fresh(certificate), action, by=None)
        assert Renewal.objects.get().state == "ended"

    def test_of_two_who_approve_the_second_is_told(self, certificate):
        first, second = recommended(certificate), Renewal.objects.get()
        perform(first, "approve", "approver")
        with pytest.raises(Stale):
            RENEWAL.perform(second, "approve", by=person("approver"))
        assert Certificate.objects.count() == 2

    def test_a_downgraded_certificate_is_renewed_at_its_level(self, certificate):
        sanction = sanctions.propose(person("intake"), certificate, kind="downgrade", to_level=1, facts="x", basis="y")
        SANCTION.perform(sanction, "tell", by=person("approver"))
        SANCTION.perform(sanction, "waive", by=person("applicant"), waiver=True)
        SANCTION.perform(sanction, "downgrade", by=person("approver"), reason="x")
        lower = Certificate.objects.get(succeeds=certificate)
        perform(recommended(lower), "approve", "approver")
        assert Certificate.objects.get(succeeds=lower).level == 1


class TestWhoReads:
    def test_roles_and_lists_are_two_faces(self, certificate):
        renewal = ask(certificate)
        names = (*OFFICERS, "district_officer", "applicant", "author1", "expert1")
        seen = {name for name in names if renewals_visible_to(person(name)).exists()}
        assert seen == {name for name in names if renewal_roles(person(name), renewal)}
        assert seen == {*OFFICERS, "district_officer", "applicant"}

    @pytest.mark.parametrize(
        "name, status", [("applicant", 200), ("intake", 200), ("district_officer", 200), ("expert1", 404)]
    )
    def test_what_stands_in_its_way_is_read_by_the_unit_and_the_officers(self, client, certificate, name, status):
        client.force_login(person(name))
        address = f"/api/v1/certificates/{certificate.number}/renewals/conditions/"
        assert client.get(address).status_code == status

    def test_whoever_must_act_has_it_among_the_work_and_nobody_else(self, certificate):
        def holders():
            names = (*OFFICERS, "district_officer", "applicant", "author1")
            return {name for name in names if list(sanction_work.waiting_on(person(name)))}

        renewal = ask(certificate)
        assert holders() == {"intake", "district_officer"}
        perform(renewal, "return", "intake", reason="x")
        assert holders() == {"applicant"}
        perform(renewal, "ask_again", "applicant", answer="x")
        perform(renewal, "recommend", "intake", opinion="x")
        assert holders() == {"approver"}
        perform(renewal, "approve", "approver")
        assert holders() == set()
