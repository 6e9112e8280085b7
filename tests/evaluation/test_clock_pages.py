"""The page that explains a deadline, and the pages on which limits are read and changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import Officer
from evaluation.workflow import APPLICATION
from portal import clock
from portal.demo import people
from portal.models import Limit, User
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()

world, own_files = scenes.shared_world(experts=30, employers=20)


@pytest.fixture(scope="module")
def pk(world):
    return world.case_at("form_check").pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def administrator():
    user = User.objects.create(username="policies", name="示例安全管理员", email="policies@example.org")
    Officer.objects.create(user=user, duty="security_administrator", since=TODAY)
    return user


class TestTheClockOfACase:
    def test_the_officer_reads_why_and_stops_it_with_a_reason_and_lets_it_go_on(self, case):
        client, address = signed_in(people.officer("intake")), reverse("application-clock", args=[case.pk])
        page = client.get(address).content.decode()
        assert "期限5个工作日，当日不计" in page
        assert "默认配置：形式审查" in page
        refused = client.post(address, {"action": "pause_clock", "reason": ""})
        assert refused.status_code == 422
        client.post(address, {"action": "pause_clock", "reason": "示例：等待鉴定"})
        page = client.get(address).content.decode()
        assert "剩余 5 个工作日，恢复后接着计算" in page
        assert "示例：等待鉴定" in page
        client.post(address, {"action": "resume_clock"})
        assert scenes.case(case.pk).due_on == clock.deadline("form_check", TODAY)

    def test_the_applicant_reads_it_and_cannot_stop_it(self, case):
        client, address = signed_in(people.applicant_of(case.project)), reverse("application-clock", args=[case.pk])
        page = client.get(address)
        assert "期限5个工作日" in page.content.decode()
        assert "pause_clock" not in page.content.decode()
        assert client.post(address, {"action": "pause_clock", "reason": "示例"}).status_code == 403

    def test_the_page_of_the_case_leads_there_and_does_not_offer_stopping_as_a_next_step(self, case):
        page = signed_in(people.officer("intake")).get(case.project.get_absolute_url()).content.decode()
        assert reverse("application-clock", args=[case.pk]) in page
        assert "暂停计时" not in page

    def test_the_same_number_of_queries_whatever_the_clock_has_lived_through(self, case, django_assert_num_queries):
        client, by = signed_in(people.officer("intake")), people.officer("intake")
        address = reverse("application-clock", args=[case.pk])
        client.get(address)
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        for _time in range(4):
            APPLICATION.perform(scenes.case(case.pk), "pause_clock", by=by, reason="示例")
            APPLICATION.perform(scenes.case(case.pk), "resume_clock", by=by)
        with django_assert_num_queries(len(few)):
            client.get(address)


class TestLimits:
    @pytest.fixture
    def form(self):
        return {
            "step": "form_check", "programme": "", "days": "8", "basis": "示例文号〔2026〕1号",
            "valid_from": TODAY.isoformat(), "to_running": "on",
        }  # fmt: skip

    def test_what_would_move_is_shown_first_and_nothing_is_saved(self, case, administrator, form):
        answer = signed_in(administrator).post(reverse("limit-change"), form)
        page = answer.content.decode()
        assert "1 个期限会改变" in page
        assert case.project.number in page
        assert 'value="8"' in page
        assert clock.days_of("form_check") == 5

    def test_the_page_says_what_holds_today_for_the_step_that_is_chosen(self, case, administrator):
        client, address = signed_in(administrator), reverse("limit-change")
        assert client.get(address).context["now"] == []
        shown = client.get(address, {"step": "form_check"}).context
        assert [(programme, row.days) for programme, row in shown["now"]] == [("", clock.days_of("form_check"))]
        assert client.get(address, {"step": "nothing"}).context["now"] == []

    def test_confirmed_it_is_saved_and_said(self, case, administrator, form):
        client = signed_in(administrator)
        answer = client.post(reverse("limit-change"), {**form, "confirmed": "1"}, follow=True)
        assert "期限已更改，调整了 1 个正在计算的期限。" in answer.content.decode()
        assert clock.days_of("form_check") == 8
        assert scenes.case(case.pk).due_on != case.due_on

    def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(self, administrator, form):
        answer = signed_in(administrator).post(
            reverse("limit-change"), {**form, "days": "0", "valid_from": (TODAY - timedelta(days=1)).isoformat()}
        )
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "期限应为 1 至 250 个工作日。" in page
        assert "启用日期不能早于今天" in page
        assert "示例文号〔2026〕1号" in page

    @pytest.mark.parametrize("duty,reads", [("intake", 200), ("supervisor", 200), ("audit_administrator", 200)])
    def test_officers_read_them_and_only_the_security_administrator_changes_them(self, duty, reads, form):
        user = User.objects.create(username=f"other-{duty}", name="示例", email="other@example.org")
        Officer.objects.create(user=user, duty=duty, since=TODAY)
        client, count = signed_in(user), Limit.objects.count()
        assert client.get(reverse("limits")).status_code == reads
        assert client.get(reverse("limit-change")).status_code == 403
        assert client.post(reverse("limit-change"), {**form, "confirmed": "1"}).status_code == 403
        assert Limit.objects.count() == count

    def test_applicants_do_not(self, case):
        assert signed_in(people.applicant_of(case.project)).get(reverse("limits")).status_code == 403


class TestTheApi:
    def test_the_clock_the_preview_and_the_change_are_the_same_functions(self, case, administrator):
        clocked = signed_in(people.officer("intake")).get(f"/api/v1/applications/{case.pk}/clock/").json()
        assert clocked["due_on"] == case.due_on.isoformat()
        assert [row["number"] for row in clocked["counted"] if row["number"]] == [1, 2, 3, 4, 5]
        client = signed_in(administrator)
        wanted = {
            "step": "form_check", "days": 8, "basis": "示例", "valid_from": TODAY.isoformat(), "to_running": True
        }  # fmt: skip
        shown = client.post("/api/v1/limits/preview/", wanted, "application/json").json()
        assert [move["application"] for move in shown["moves"]] == [case.pk]
        made = client.post("/api/v1/limits/", wanted, "application/json")
        assert (made.status_code, made.json()["days"]) == (201, 8)
        assert scenes.case(case.pk).due_on.isoformat() == shown["moves"][0]["new"]
        again = client.post("/api/v1/limits/", {**wanted, "basis": ""}, "application/json")
        assert again.status_code == 422
        assert {row["place"] for row in again.json()["problems"]} == {"basis", "valid_from"}
        assert signed_in(people.applicant_of(case.project)).get("/api/v1/limits/").status_code == 403
