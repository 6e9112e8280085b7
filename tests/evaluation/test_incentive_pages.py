"""What a bank, a citizen, the unit and an officer see of incentives, and what none of them can find out or break."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import confirming, incentives, public_facts, sealing
from evaluation.models import Incentive, IncentivePolicy
from evaluation.workflow import INCENTIVE
from tests.api.conftest import Client
from tests.evaluation import published, scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]
GRANT = {"confirmed": True, "grounds": "条件均符合"}
SECRET_LOOKING = ("示例·第1小区", "示例置业1有限公司", "10 个百分点")


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        IncentivePolicy.objects.filter(pk="capital_supervision").update(values={"2": "10"}, unit="个百分点")
        certificate = published.certificate("示例·第1小区")
        incentives.open_for(certificate)
        published.officer("approver")
        published.officer("supervisor")
        published.officer("intake")
        published.member(certificate.application.project.organisation)
        yield


@pytest.fixture
def due():
    return Incentive.objects.get(state="due")


@pytest.fixture
def granted(due):
    INCENTIVE.perform(due, "grant", by=scenes.person("approver"), **GRANT)
    confirming.make_confirmation(due.pk)
    return Incentive.objects.get(pk=due.pk)


def signed_in(client, username):
    client.force_login(scenes.person(username))
    return client


def take_back(row):
    INCENTIVE.perform(row, "reverse", by=scenes.person("supervisor"), reason="误办")


class TestForEverybody:
    def test_the_policies_say_what_nobody_has_set(self, client):
        text = client.get("/incentives/").content.decode()
        assert [text.count(word) for word in ("10 个百分点", "默认配置：示例政策", "<h2>诚信加分</h2>")] == [1, 3, 1]
        assert "待主管部门设定" in text
        row = Client().get("incentive-policies/").json()["results"][0]
        assert (row["code"], row["levels"][1], row["levels"][2]["value"]) == (
            "capital_supervision", {"level_name": "二星级", "value": "10 个百分点"}, "",
        )  # fmt: skip

    @pytest.mark.parametrize("typed", ["Ａ／Ｂ", "A℀B", "／", "%2F／", "?", "#", "..／..", "A\\B", "A／#B", "；"])
    def test_whatever_is_typed_for_a_number_leads_to_a_page(self, client, typed):
        answer = client.get("/incentives/", {"number": typed}, follow=True)
        assert answer.status_code in (200, 404)

    def test_a_policy_that_is_over_is_shown_no_more(self, client):
        yesterday = published.today() - timedelta(days=1)
        IncentivePolicy.objects.exclude(pk="capital_supervision").update(valid_until=yesterday)
        assert "诚信加分" not in client.get("/incentives/").content.decode()
        assert Client().get("incentive-policies/").json()["count"] == 1

    def test_a_confirmation_is_verified_by_its_number(self, client, granted):
        text = client.get(f"/incentives/{granted.number.lower()}/").content.decode()
        assert all(word in text for word in ("有效", granted.credit_code, granted.seal, *SECRET_LOOKING))
        said = Client().get(f"incentive-confirmations/{granted.number}/").json()
        assert (said["standing"], said["value"], said["credit_code"], said["seal"]) == (
            "valid", "10 个百分点", granted.credit_code, granted.seal,
        )  # fmt: skip

    def test_of_one_that_was_taken_back_nothing_is_told_but_that(self, client, granted):
        before = client.get(f"/incentives/{granted.number}/")
        take_back(granted)
        after = client.get(f"/incentives/{granted.number}/", headers={"If-None-Match": before["ETag"]})
        assert (after.status_code, after["Cache-Control"]) == (200, "no-cache")
        text = after.content.decode()
        assert "已撤回" in text
        hidden = (*SECRET_LOOKING, granted.seal, granted.credit_code, granted.certificate.number)
        assert [word for word in hidden if word in text] == []
        said = Client().get(f"incentive-confirmations/{granted.number}/").json()
        assert {name: value for name, value in said.items() if value is not None} == {
            "number": granted.number, "standing": "reversed", "reversed_on": published.today().isoformat(),
            "incentive": "重点监管资金",
        }  # fmt: skip

    def test_one_past_its_last_day_says_so(self, client, granted):
        Incentive.objects.filter(pk=granted.pk).update(valid_until=published.today() - timedelta(days=1))
        assert "已过期" in client.get(f"/incentives/{granted.number}/").content.decode()
        assert Client().get(f"incentive-confirmations/{granted.number}/").json()["standing"] == "expired"

    @pytest.mark.parametrize("typed", [
        "{number}", " {number} ", "{address}", "{address}#{seal}", "\n{address}#\n{seal}",
    ])  # fmt: skip
    def test_a_number_an_address_or_a_whole_code_lead_to_the_page(self, client, granted, typed):
        said = {"number": granted.number, "address": confirming.check_url(granted), "seal": granted.seal}
        for page in ("/incentives/", "/certificates/") if "#" in typed else ("/incentives/",):
            answer = client.get(page, {"number": typed.format(**said)}, follow=True)
            assert answer.context["incentive"].number == granted.number
            assert answer.redirect_chain[-1][0].endswith(granted.seal) == ("#" in typed)

    def test_guesses_are_counted_over_pages_and_api_and_then_nothing_is_looked_up(self, client, granted, settings):
        settings.UNKNOWN_CERTIFICATES_PER_HOUR = 2
        assert [client.get(f"/incentives/{granted.number}/").status_code for _time in range(4)] == [200] * 4
        assert client.get("/incentives/CQ-ZHXQ-JL-2026-00002-AAAAAAAA/").status_code == 404
        assert Client().get("incentive-confirmations/CQ-ZHXQ-JL-2026-00003-AAAAAAAA/").status_code == 404
        assert client.get(f"/incentives/{granted.number}/").status_code == 429
        assert Client().get(f"incentive-confirmations/{granted.number}/").status_code == 429
        assert client.get("/certificates/X/").status_code == 429

    def test_one_that_is_not_granted_is_as_unknown_as_any(self, client, due):
        texts = [
            client.get(f"/incentives/{number}/").content.decode().replace(number, "") for number in ("NONE", "X-1")
        ]
        assert texts[0] == texts[1]
        assert client.get("/incentives/%20/").status_code == 404

    @pytest.mark.parametrize(
        "typed", ["<script>alert(1)</script>", "x" * 5000, "9" * 400, "‮示例", "%00", "#i1.x.y", "/"]
    )
    def test_hostile_numbers_are_answered(self, client, typed):
        answer = client.get("/incentives/", {"number": typed}, follow=True)
        assert answer.status_code in (200, 404)
        assert "<script>alert" not in answer.content.decode()

    def test_no_list_names_who_was_granted_what(self, client, granted):
        assert Client().get("incentive-confirmations/").status_code == 404
        assert Client().get("incentives/").status_code == 401
        names = [row.code for row in public_facts.DATASETS]
        assert {"incentive_policies"} <= set(names)
        row = next(one for one in public_facts.DATASETS if one.code == "incentive_policies")
        told = [public_facts.cells(row, one, published.today()) for one in row.rows(published.today())]
        assert [one["granted"] for one in told if one["code"] == "capital_supervision"] == [0, 1, 0]
        assert [word for word in SECRET_LOOKING[:2] if word in str(told)] == []


class TestForThePeopleOfTheCase:
    def test_the_officer_finds_it_in_my_work_reads_the_terms_and_grants(self, client, due):
        signed_in(client, "approver")
        assert due.get_absolute_url() in client.get("/work/").content.decode()
        page = client.get(due.get_absolute_url()).content.decode()
        act = reverse("act", args=["incentive", due.pk, "grant"])
        assert act in page
        form = client.get(act).content.decode()
        assert all(word in form for word in ("10 个百分点", "示例市预售资金监管部门"))
        answer = client.post(act, {"confirmed": "on", "grounds": "均符合"})
        assert (answer.status_code, Incentive.objects.get(pk=due.pk).state) == (302, "granted")

    def test_the_unit_reads_what_is_granted_and_what_is_missing(self, client, granted):
        signed_in(client, "member")
        project = granted.certificate.application.project
        page = client.get(project.get_absolute_url()).content.decode()
        assert [page.count(word) for word in (granted.number, "10 个百分点")] == [2, 1]
        assert "待主管部门设定" in page
        own = client.get(granted.get_absolute_url()).content.decode()
        assert reverse("incentive-file", args=[granted.pk]) in own
        assert "示例approver" not in own

    def test_the_file_is_for_the_people_of_the_case_while_it_holds(self, client, granted):
        address = reverse("incentive-file", args=[granted.pk])
        assert client.get(address).status_code == 302
        stranger = published.user("stranger")
        client.force_login(stranger)
        assert client.get(address).status_code == 404
        signed_in(client, "member")
        sent = client.get(address)
        assert (sent.status_code, sent["Content-Type"]) == (200, "application/pdf")
        assert b"".join(sent.streaming_content).startswith(b"%PDF-")
        take_back(granted)
        assert client.get(address).status_code == 404

    def test_the_api_reads_and_acts_like_the_page(self, due):
        api = Client()
        api.force_authenticate(scenes.person("approver"))
        row = api.get("incentives/?state=due").json()["results"][0]
        assert (row["id"], row["value"], row["number"]) == (due.pk, "10 个百分点", "")
        grant = next(act for act in api.get(f"incentives/{due.pk}/acts/").json() if act["action"] == "grant")
        assert "数值：10 个百分点" in grant["reads"][0]["words"].splitlines()
        IncentivePolicy.objects.filter(pk="capital_supervision").update(values={"2": "90"})
        refused = api.post(f"incentives/{due.pk}/acts/grant/", {**GRANT, "read": grant["read"]})
        assert (refused.status_code, Incentive.objects.get(pk=due.pk).state) == (409, "due")
        assert api.post(f"incentives/{due.pk}/acts/grant/", GRANT).status_code == 200
        api.force_authenticate(scenes.person("intake"))
        assert api.post(f"incentives/{due.pk}/acts/reverse/", {"reason": "x"}).status_code == 403

    @pytest.mark.parametrize("asked, found", [
        ({}, 3), ({"state": "due"}, 1), ({"policy": "integrity_bonus"}, 1), ({"q": "第1小区"}, 3), ({"q": "没有"}, 0),
        ({"state": "nonsense"}, 0), ({"q": "x" * 100}, 0), ({"page": "9" * 40}, 3),
    ])  # fmt: skip
    def test_the_list_is_narrowed(self, client, asked, found):
        signed_in(client, "intake")
        answer = client.get("/desk/incentives/", asked)
        assert (answer.status_code, answer.context["page"].paginator.count) == (200, found)

    def test_the_list_is_for_officers(self, client):
        assert client.get("/desk/incentives/").status_code == 302
        assert signed_in(client, "member").get("/desk/incentives/").status_code == 403

    def test_thirty_rows_ask_no_more_than_three(self, client):
        signed_in(client, "intake")

        def asked(address):
            with CaptureQueriesContext(
                connection,
            ) as found:
                assert client.get(address).status_code == 200
            return len(found)

        pages = ("/desk/incentives/", "/api/v1/incentives/", "/incentives/")
        asked(pages[0])
        few = [asked(page) for page in pages]
        for number in range(2, 11):
            incentives.open_for(published.certificate(f"示例·第{number}小区", number=number))
        assert Incentive.objects.count() == 30
        assert [asked(page) for page in pages] == few


def test_the_list_of_what_ended_counts_both(granted):
    take_back(granted)
    assert (sealing.renew_list(), sealing.renew_list()) == (1, 0)
