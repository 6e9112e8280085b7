"""Yearly operating reports: opened when the year is over, written by the unit, read by the district, and what hangs on them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import District, Membership, Officer
from evaluation import supervising, supervision_work, work
from evaluation.models import Certificate, Inspection, InspectionDraw, OperatingReport, Programme, Rectification
from evaluation.workflow import OPERATING_REPORT
from evaluation.workflow.supervision import hand_in
from portal import clock
from portal.demo import papers
from portal.machine import Act, NotAllowed, Stale
from portal.models import Event, Notification, User
from portal.problems import Changed, Refused
from portal.workdays import years_later
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def today():
    return timezone.localdate()


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


def awarded(number=1, years=1, extra=0, **columns):
    """A star certificate issued so many years, and ``extra`` days more, ago, with the unit's person."""
    certificate = published.certificate(
        f"示例·第{number}小区", number=number, issued_on=years_later(today(), -years) - extra * DAY, **columns
    )
    published.member(certificate.application.project.organisation, f"unit{number}")
    return certificate


def district_officer(name="district", code=None):
    person = published.user(name)
    district = District.objects.get(name="渝北区") if code is None else District.objects.get(pk=code)
    Officer.objects.create(user=person, duty="district_officer", district=district, since=today() - DAY)
    return person


def person(name):
    return User.objects.get(username=name)


def opened(number=1):
    awarded(number)
    supervising.open_reports()
    return OperatingReport.objects.get(certificate__number__endswith=f"{number:05d}")


def answers(report, text="运行正常"):
    return {code: text for code, _label in report.questions}


def handed_in(number=1):
    report = opened(number)
    by = person(f"unit{number}")
    supervising.write(by, report, answers(report))
    OPERATING_REPORT.perform(report, "submit", by=by)
    return report


class TestOpening:
    @pytest.mark.parametrize(
        "years, extra, expected",
        [(1, -1, []), (1, 0, [1]), (1, 200, [1]), (2, -1, [1]), (2, 0, [2]), (2, 364, [2])],
    )
    def test_a_report_is_asked_for_on_the_anniversary_of_issue(self, years, extra, expected):
        awarded(years=years, extra=extra)
        supervising.open_reports()
        assert [row.year for row in OperatingReport.objects.all()] == expected

    @pytest.mark.parametrize("columns", [{"state": "revoked"}, {"stage": "design"}, {"valid_until": date(2020, 1, 1)}])
    def test_nothing_is_asked_of_what_is_no_star_in_force(self, columns):
        awarded(**columns)
        supervising.open_reports()
        assert OperatingReport.objects.count() == 0

    def test_every_look_of_the_sweep_asks_once_and_with_the_questions_of_the_programme(self):
        report = opened()
        assert [supervising.open_reports() for _ in range(3)] == [0, 0, 0]
        programme = Programme.objects.get(pk="smart_community")
        assert (report.state, report.due_on, report.questions, report.opened_on) == (
            "due", clock.deadline("operating_report", today(), "smart_community"), programme.report_questions, today(),
        )  # fmt: skip
        event = Event.objects.of(report).get()
        assert (event.verb, event.role) == ("operating_report.open", "system")
        told = Notification.objects.filter(link=report.get_absolute_url())
        assert [(row.user.username, row.kind) for row in told] == [("unit1", "supervision")]

    def test_a_question_that_changes_later_changes_the_next_report_only(self):
        report = opened()
        Programme.objects.update(report_questions=[["other", "另一事项"]])
        report.refresh_from_db()
        assert len(report.questions) == 6

    def test_a_report_of_a_certificate_that_ended_is_let_go(self):
        report, kept = opened(1), opened(2)
        Certificate.objects.filter(pk=report.certificate_id).update(state="revoked")
        assert supervising.let_go() == 1
        assert [OperatingReport.objects.get(pk=row.pk).state for row in (report, kept)] == ["dropped", "due"]

    def test_a_certificate_that_a_lower_one_of_the_same_case_replaced_owes_its_report_still(self):
        report = opened()
        old = report.certificate
        Certificate.objects.filter(pk=old.pk).update(state="superseded")
        values = {
            name: getattr(old, name)
            for name in ("application", "is_final", "community_name", "organisation_name", "district_name",
                         "standard_label", "standard_sha256", "issued_on", "valid_until")
        }  # fmt: skip
        lower = Certificate.objects.create(**values, number="LOWER", state="valid", level=1, level_name="一星级")
        assert supervising.let_go() == 0
        assert [problem.code for problem in supervising.hindrances(lower)] == ["report_open"]


@pytest.mark.long
class TestWriting:
    def test_only_a_whole_report_is_handed_in_and_every_gap_is_named(self):
        report = opened()
        by = person("unit1")
        supervising.write(by, report, {"services": "正常", "upkeep": " "})
        with scenes.refused() as problems:
            OPERATING_REPORT.perform(report, "submit", by=by)
        assert problems == [("required", code) for code, _ in report.questions if code != "services"]
        assert OperatingReport.objects.get(pk=report.pk).answers["services"] == "正常"

    def test_officers_read_what_was_handed_in_and_not_what_is_being_typed(self):
        report = handed_in()
        officer = district_officer()
        OPERATING_REPORT.perform(report, "return", by=officer, reason="缺检测报告")
        supervising.write(person("unit1"), report, {"services": "尚未写完"})
        report.refresh_from_db()
        assert (report.state, report.returns, report.returned_for) == ("returned", 1, "缺检测报告")
        assert {text for _label, text in report.handed} == {"运行正常"}
        assert report.due_on == clock.deadline("operating_report_correction", today(), "smart_community")

    def test_proofs_of_a_draft_are_the_units_alone(self):
        report = opened()
        by, officer = person("unit1"), district_officer()
        first = supervising.add_proof(by, report, papers.pdf("检测报告", "一"))
        assert list(supervising.proofs_for(officer, report)) == []
        supervising.write(by, report, answers(report))
        OPERATING_REPORT.perform(report, "submit", by=by)
        OPERATING_REPORT.perform(report, "return", by=officer, reason="请补")
        supervising.add_proof(by, report, papers.pdf("检测报告", "二"))
        supervising.remove_proof(by, first)
        report.refresh_from_db()
        assert list(supervising.proofs_for(officer, report)) == [first]
        assert [row.name for row in supervising.proofs_for(by, report)] == ["检测报告.pdf"]

    def test_a_proof_that_came_in_while_the_report_was_being_handed_in_belongs_to_it(self):
        report = opened()
        by, reader = person("unit1"), district_officer()
        begun = Act("submit", by, "applicant", timezone.now(), {})
        proof = supervising.add_proof(by, report, papers.pdf("运行记录", "1"))
        hand_in(report, begun)
        assert list(supervising.proofs_for(reader, report)) == [proof]

    def test_the_same_proof_counts_once_and_what_is_no_document_is_refused(self):
        report = opened()
        by = person("unit1")
        supervising.add_proof(by, report, papers.pdf("检测报告", "一"))
        with scenes.refused() as problems:
            supervising.add_proof(by, report, papers.pdf("检测报告", "一"))
        assert problems == [("double", "file")]

    def test_of_two_who_write_at_once_the_second_is_told_and_loses_nothing_of_the_first(self):
        report = opened()
        by = person("unit1")
        supervising.write(by, report, {"services": "甲"}, revision=1)
        with pytest.raises(Changed):
            supervising.write(by, report, {"services": "乙"}, revision=1)
        assert OperatingReport.objects.get(pk=report.pk).answers == {"services": "甲"}

    @pytest.mark.parametrize(
        "said, expected",
        [
            ({"unknown": "x"}, [("question_unknown", "unknown")]),
            ({"services": "长" * 5001}, [("too_long", "services")]),
        ],
    )
    def test_what_nobody_asked_and_what_is_too_long_is_refused(self, said, expected):
        report = opened()
        with scenes.refused() as problems:
            supervising.write(person("unit1"), report, said)
        assert problems == expected

    def test_what_was_handed_in_is_written_no_more(self):
        report = handed_in()
        for act in (
            lambda: supervising.write(person("unit1"), report, {"services": "x"}),
            lambda: supervising.add_proof(person("unit1"), report, papers.pdf("检测报告", "x")),
        ):
            with pytest.raises(Stale):
                act()

    def test_a_report_that_was_returned_is_handed_in_again_and_accepted(self):
        report = handed_in()
        officer = district_officer()
        OPERATING_REPORT.perform(report, "return", by=officer, reason="x")
        supervising.write(person("unit1"), report, {"services": "已补充"})
        OPERATING_REPORT.perform(report, "submit", by=person("unit1"))
        OPERATING_REPORT.perform(report, "accept", by=officer)
        report.refresh_from_db()
        assert (report.state, report.due_on, report.handed[0][1]) == ("accepted", None, "已补充")
        assert supervising.hindrances(report.certificate) == []


CAST = ("unit1", "stranger", "district", "other-district", "intake", "organiser", "approver", "supervisor")
SEES = {"unit1", "district", "intake", "organiser", "approver", "supervisor"}


@pytest.fixture
def cast():
    """Everybody towards a report that was handed in. The district has an officer."""
    report = handed_in()
    published.user("stranger")
    district_officer()
    district_officer("other-district", District.objects.exclude(name="渝北区").first().pk)
    for duty in ("intake", "organiser", "approver", "supervisor"):
        published.officer(duty)
    return report


@pytest.mark.long
class TestRights:
    def test_who_sees_a_report_is_who_has_a_role_towards_it(self, cast):
        seen = {name for name in CAST if OPERATING_REPORT.visible_to(person(name)).filter(pk=cast.pk).exists()}
        roles = {name for name in CAST if OPERATING_REPORT.roles_of(person(name), cast)}
        assert seen == roles == SEES

    def test_who_accepts_and_returns_it(self, cast):
        may = {name: {row.action for row in OPERATING_REPORT.available(cast, person(name))} for name in CAST}
        assert {name: acts for name, acts in may.items() if acts} == {"district": {"accept", "return"}}

    def test_intake_reads_the_reports_of_a_district_without_officers(self, cast):
        Officer.objects.filter(user__username="district").delete()
        may = {name for name in CAST if OPERATING_REPORT.available(cast, person(name))}
        assert may == {"intake"}
        assert {row.key for row in work.waiting_on(person("intake"))} == {f"operating-report-{cast.pk}"}

    @pytest.mark.parametrize("name", ["stranger", "district", "supervisor", "intake"])
    def test_nobody_but_the_unit_writes(self, cast, name):
        with pytest.raises(NotAllowed):
            supervising.write(person(name), cast, {"services": "x"})

    def test_whose_turn_it_is_finds_it_in_my_work(self, cast):
        waits = {name for name in CAST if any(supervision_work.waiting_on(person(name)))}
        assert waits == {"district"}
        OPERATING_REPORT.perform(cast, "return", by=person("district"), reason="x")
        waits = {name for name in CAST if any(supervision_work.waiting_on(person(name)))}
        assert waits == {"unit1"}

    @pytest.mark.parametrize(
        "name, status", [(None, 302), ("unit1", 200), ("stranger", 404), ("other-district", 404), ("supervisor", 200)]
    )
    def test_the_pages_open_to_whoever_sees_the_report(self, cast, client, name, status):
        if name:
            client.force_login(person(name))
        pages = [cast.get_absolute_url(), reverse("certificate-life", args=[cast.certificate.number])]
        assert [client.get(page).status_code for page in pages] == [status, status]


@pytest.mark.long
class TestPages:
    def test_nothing_typed_is_lost_where_a_report_is_refused(self, client):
        report = opened()
        client.force_login(person("unit1"))
        typed = {**answers(report), "services": "只写了这些", "upkeep": "", "revision": 1, "submit": "yes"}
        page = client.post(report.get_absolute_url(), typed)
        assert page.status_code == 422
        text = page.content.decode()
        assert ("只写了这些" in text, "请填写“运维单位、人员与投入”。" in text) == (True, True)
        assert OperatingReport.objects.get(pk=report.pk).answers["services"] == "只写了这些"
        again = {**typed, "upkeep": "两人", "revision": page.context["form"].data["revision"]}
        assert client.post(report.get_absolute_url(), again).status_code == 302
        assert OperatingReport.objects.get(pk=report.pk).state == "submitted"

    def test_somebody_elses_words_are_not_written_over(self, client):
        report = opened()
        supervising.write(person("unit1"), report, {"services": "先写的"})
        client.force_login(person("unit1"))
        page = client.post(report.get_absolute_url(), {**answers(report, "后写的"), "revision": 1})
        assert (page.status_code, "后写的" in page.content.decode()) == (409, True)
        assert OperatingReport.objects.get(pk=report.pk).answers == {"services": "先写的"}

    @pytest.mark.parametrize(
        "query, count",
        [
            ("", 1), ("state=submitted", 1), ("state=accepted", 0), ("state=none", 0), ("year=99999999999999999999", 0),
            ("year=-1", 0), ("q=示例", 1), ("q=' OR 1=1", 0), ("page=99999", 1),
            ("page=x", 1),
        ],
    )  # fmt: skip
    def test_filters_take_whatever_is_sent(self, cast, client, query, count):
        client.force_login(person("supervisor"))
        page = client.get(f"{reverse('supervision')}?{query}")
        assert (page.status_code, len(page.context["rows"])) == (200, count)

    @pytest.mark.parametrize("query", ["district=%00", "q=%00", "state=%00"])
    def test_a_nul_is_no_question(self, cast, client, query):
        client.force_login(person("supervisor"))
        assert client.get(f"{reverse('supervision')}?{query}").status_code == 400

    def test_a_longer_list_asks_no_more_questions(self, client):
        published.officer("supervisor")
        client.force_login(person("supervisor"))
        counts = []
        for numbers in (range(1, 2), range(2, 6)):
            for number in numbers:
                opened(number)
            client.get(reverse("supervision"))
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse("supervision"))
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.long
class TestWhatOthersAsk:
    def test_overdue_reports_and_faults_are_facts_of_a_sanction(self):
        report = opened()
        OperatingReport.objects.filter(pk=report.pk).update(due_on=today() - DAY)
        draw = InspectionDraw.objects.create(
            programme=report.project.programme, year=today().year, frozen={}, commitment="", state="drawn",
            organiser=person("unit1"), organiser_hash="",
        )  # fmt: skip
        visit = Inspection.objects.create(
            draw=draw, certificate=report.certificate, place=1, state="rectifying", visited_on=date(2026, 5, 6)
        )
        Rectification.objects.create(inspection=visit, text="门禁停用", mend_by=date(2026, 6, 7), state="overdue")
        Rectification.objects.create(inspection=visit, text="已改", mend_by=date(2026, 6, 7), state="closed")
        assert supervising.findings_of(report.certificate) == [
            "2026-05-06 抽查发现：门禁停用；应于 2026-06-07 前整改，逾期未整改。",
            f"第 1 年度运营报告应于 {today() - DAY} 前提交，逾期未提交。",
        ]
        assert [problem.code for problem in supervising.hindrances(report.certificate)] == [
            "report_open", "rectification_open",
        ]  # fmt: skip

    def test_a_seat_on_the_panel_opens_nothing_of_what_comes_after(self):
        report = opened()
        expert = report.certificate.application.assignments.get().expert.user
        assert not OPERATING_REPORT.visible_to(expert).exists()
        assert OPERATING_REPORT.roles_of(expert, report) == frozenset()

    def test_whoever_left_the_unit_reads_nothing_any_more(self):
        report = opened()
        Membership.objects.update(until=today() - DAY)
        assert not OPERATING_REPORT.visible_to(person("unit1")).exists()
        with pytest.raises((NotAllowed, Refused)):
            supervising.write(person("unit1"), report, {})
