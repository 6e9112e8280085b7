"""The pages and endpoints of people and settings: who opens which, what is looked at before it is saved, who was faster."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communities.models import District, Officer, Parameter
from evaluation import beginning, policies
from evaluation.models import AnnualTarget, FormRule, LateCode, NoticeForm, StageRule
from portal.models import DayOverride, User
from tests.evaluation import scenes
from tests.evaluation.officers import DUTIES, account, officer

pytestmark = [pytest.mark.django_db, pytest.mark.long]
TODAY = timezone.localdate()
BASIS = "示例文号"
PARAMETER = ("parameter", "expert_term_years")
SETTINGS = {"settings": (), "officers": (), "duties": (), "duty": ("intake",), "policies": ("district",),
            "policy": PARAMETER, "days": ()}  # fmt: skip
KEPT = {
    "account": {"accounts": (), "account-new": ()},
    "duty": {"officer-give": ()},
    "policy": {"policy-new": ("late_code",)},
    "trail": {"trail": ()},
}
KEEPERS = {
    "account": {"system_administrator"}, "duty": {"security_administrator"}, "policy": {"security_administrator"},
    "trail": {"audit_administrator", "supervisor"},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _kept(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


KEYS = {
    "district": lambda: "500112", "programme": lambda: "smart_community", "parameter": lambda: "expert_term_years",
    "stage_rule": lambda: StageRule.objects.get(programme="smart_community", stage="completion").pk,
    "form_rule": lambda: FormRule.objects.get(rule="won_items_are_proved").pk, "late_code": lambda: "law",
    "annual_target": lambda: AnnualTarget.objects.create(
        year=2026, programme="smart_community", count=3, basis="示例"
    ).pk,
    "incentive_policy": lambda: "capital_supervision", "notice_form": lambda: "refusal", "public_text": lambda: "open_data_licence",
}  # fmt: skip


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def security():
    return officer("security_administrator")


@pytest.fixture
def keeper(security):
    return signed_in(security)


class TestWhoOpensWhat:
    @pytest.mark.parametrize("duty", DUTIES)
    def test_every_officer_reads_the_settings_and_only_the_keeper_opens_what_is_kept(self, duty):
        client = signed_in(officer(duty))
        read = {name: client.get(reverse(name, args=args)).status_code for name, args in SETTINGS.items()}
        assert read == dict.fromkeys(SETTINGS, 200)
        kept = {
            part: {client.get(reverse(name, args=args)).status_code for name, args in pages.items()}
            for part, pages in KEPT.items()
        }
        assert kept == {part: {200 if duty in KEEPERS[part] else 403} for part in KEPT}

    def test_nobody_without_a_duty_opens_any(self):
        client = signed_in(account("nobody"))
        pages = {**SETTINGS, **{name: args for pages in KEPT.values() for name, args in pages.items()}}
        assert {client.get(reverse(name, args=args)).status_code for name, args in pages.items()} == {403}

    @pytest.mark.parametrize("duty", [duty for duty in DUTIES if duty != "security_administrator"])
    def test_nobody_else_saves_anything(self, duty):
        client, person = signed_in(officer(duty)), account("wang")
        form = {"user": person.username, "duty": "intake", "since": TODAY, "basis": BASIS, "value": 9, "confirmed": "1"}
        pages = ("officer-give", ()), ("policy", PARAMETER), ("days", ()), ("policy-new", ("form_rule",))
        assert {client.post(reverse(name, args=args), form).status_code for name, args in pages} == {403}
        assert not person.duties.exists()

    @pytest.mark.parametrize("duty", Officer.Duty.values)
    def test_a_new_officer_is_told_where_the_work_begins(self, duty):
        district = District.objects.get(pk="500112") if duty == "district_officer" else None
        user = officer(duty, district=district)
        steps = beginning.next_steps(user)
        client = signed_in(user)
        assert [client.get(step.address).status_code for step in steps] == [200, 200]
        assert steps[1].address == reverse("duty", args=[duty])


class TestOfficers:
    def test_a_duty_is_given_and_ended_from_the_pages(self, keeper):
        person = account("wang")
        form = {"user": "wang", "duty": "intake", "since": TODAY.isoformat(), "basis": BASIS}
        page = keeper.post(reverse("officer-give"), form, follow=True)
        assert page.redirect_chain[0][0] == reverse("officer", args=[person.pk])
        row = person.duties.get()
        assert keeper.get(reverse("officer-end", args=[row.pk])).status_code == 200
        until = TODAY - timedelta(days=1)
        page = keeper.post(
            reverse("officer-end", args=[row.pk]), {"until": until.isoformat(), "basis": BASIS}, follow=True
        )
        assert (page.status_code, person.duties.get().until) == (200, until)
        assert keeper.get(reverse("officer", args=[person.pk])).status_code == 200

    def test_what_is_wrong_stands_beside_its_field(self, keeper):
        account("wang")
        form = {
            "user": "wang",
            "duty": "district_officer",
            "since": (TODAY - timedelta(days=1)).isoformat(),
            "basis": BASIS,
        }
        page = keeper.post(reverse("officer-give"), form)
        assert (page.status_code, set(page.context["form"].errors)) == (422, {"since", "districts"})

    def test_a_supervisor_finds_the_way_to_handing_the_cases_over(self, keeper):
        row = officer("organiser").duties.get()
        address, way = reverse("officer", args=[row.user_id]), f"{reverse('hand-over')}?from={row.pk}"
        readers = signed_in(officer("supervisor")), keeper
        assert [way in client.get(address).content.decode() for client in readers] == [True, False]

    def test_who_never_held_a_duty_has_no_page(self, keeper):
        assert keeper.get(reverse("officer", args=[account("wang").pk])).status_code == 404

    def test_the_list_asks_as_often_for_thirty_as_for_one(self, keeper, django_assert_max_num_queries):
        counts = []
        for number in (1, 29):
            for one in range(number):
                officer("intake", f"p{number}-{one}")
            with django_assert_max_num_queries(20) as asked:
                keeper.get(reverse("officers"))
            counts.append(len(asked))
        assert counts[0] == counts[1]


class TestAccounts:
    def test_an_account_is_made_closed_and_opened_from_the_pages(self):
        client = signed_in(officer("system_administrator"))
        form = {"username": "zhang", "name": "示例张", "email": "zhang@example.org", "basis": BASIS}
        assert client.post(reverse("account-new"), form).status_code == 302
        user = User.objects.get(username="zhang")
        for act, active in (("unlock", True), ("reset", True), ("deactivate", False), ("reactivate", True)):
            assert client.post(reverse("account-act", args=[user.pk, act]), {"basis": BASIS}).status_code == 302
            assert User.objects.get(pk=user.pk).is_active is active
        assert client.post(reverse("account-act", args=[user.pk, "nothing"]), {"basis": BASIS}).status_code == 404
        page = client.post(reverse("account-act", args=[user.pk, "deactivate"]), {"basis": ""})
        assert (page.status_code, User.objects.get(pk=user.pk).is_active) == (422, True)

    def test_a_refusal_in_place_is_shown_on_the_page(self):
        user = officer("system_administrator")
        page = signed_in(user).post(reverse("account-act", args=[user.pk, "unlock"]), {"basis": BASIS})
        assert page.status_code == 422


class TestPolicies:
    @pytest.mark.parametrize("kind", list(policies.KINDS))
    def test_every_kind_is_listed_and_every_row_has_a_page_that_saves_as_it_stands(self, keeper, kind):
        assert keeper.get(reverse("policies", args=[kind])).status_code == 200
        key = str(KEYS[kind]())
        page = keeper.get(reverse("policy", args=[kind, key]))
        form = {field.html_name: field.value() for field in page.context["form"] if field.value() not in (None, False)}
        for field in page.context["form"]:
            if hasattr(field.field, "shape"):
                form[field.html_name] = field.field.prepare_value(field.value())
        looked = keeper.post(reverse("policy", args=[kind, key]), {**form, "basis": BASIS})
        assert (looked.status_code, looked.context["changes"]) == (200, [])

    def test_it_is_looked_at_and_then_saved(self, keeper):
        address = reverse("policy", args=PARAMETER)
        form = {"value": "4", "basis": BASIS, "seen": keeper.get(address).context["form"]["seen"].value()}
        looked = keeper.post(address, form)
        assert (looked.context["changes"], Parameter.objects.get(pk=PARAMETER[1]).value) == ([("数值", "3", "4")], 3)
        assert keeper.post(address, {**form, "confirmed": "1"}).status_code == 302
        assert Parameter.objects.get(pk=PARAMETER[1]).value == 4

    def test_the_second_is_shown_what_changed_and_may_then_decide(self, keeper):
        address = reverse("policy", args=PARAMETER)
        form = {
            "value": "5",
            "basis": BASIS,
            "seen": keeper.get(address).context["form"]["seen"].value(),
            "confirmed": "1",
        }
        keeper.post(address, {**form, "value": "4"})
        other = signed_in(officer("security_administrator", "second"))
        page = other.post(address, form)
        assert (page.status_code, page.context["form"]["value"].value()) == (409, "5")
        assert "4" in str(page.context["form"].errors["value"])
        assert other.post(address, {**form, "seen": page.context["form"]["seen"].value()}).status_code == 302
        assert Parameter.objects.get(pk=PARAMETER[1]).value == 5

    @pytest.mark.parametrize("args", [("nothing", "1"), ("district", "000000"), ("stage_rule", "x")])
    def test_what_there_is_not_is_not_found(self, keeper, args):
        assert keeper.get(reverse("policy", args=args)).status_code == 404

    @pytest.mark.parametrize(
        "kind, form, model, key",
        [
            ("district", {"code": "990101", "name": "示例区"}, District, {"code": "990101", "name": "示例区"}),
            (
                "late_code", {"code": "survey", "label": "现场踏勘发现", "position": "5", "needs_words": "on"}, LateCode,
                {"code": "survey", "label": "现场踏勘发现", "position": 5, "needs_words": True},
            ),
            (
                "form_rule", {"rule": "won_items_are_proved", "programme": "smart_community"}, FormRule,
                {"rule": "won_items_are_proved", "programme": "smart_community", "is_hard": False},
            ),
        ],
    )  # fmt: skip
    def test_a_row_is_added_and_of_two_who_add_the_same_the_second_is_told(self, keeper, kind, form, model, key):
        address, said = reverse("policy-new", args=[kind]), {**form, "basis": BASIS}
        made = keeper.post(address, said)
        assert made["Location"] == reverse("policy", args=[kind, model.objects.get(**key).pk])
        again = keeper.post(address, said)
        assert (again.status_code, model.objects.filter(**key).count()) == (422, 1)
        assert set(again.context["form"].errors) & {"code", "rule"}

    @pytest.mark.parametrize("kind", ["programme", "stage_rule", "parameter", "notice_form", "nothing"])
    def test_what_takes_no_new_rows_has_no_page_for_one(self, keeper, kind):
        assert keeper.get(reverse("policy-new", args=[kind])).status_code == 404

    def test_an_empty_form_is_told_everything_it_lacks(self, keeper):
        page = keeper.post(reverse("policy-new", args=["late_code"]), {})
        assert (page.status_code, set(page.context["form"].errors)) == (422, {"code", "label", "position", "basis"})

    def test_the_next_number_is_seen_before_it_is_saved(self, keeper):
        address, year = reverse("policy", args=["notice_form", "refusal"]), TODAY.year
        row = NoticeForm.objects.get(pk="refusal")
        seen = keeper.get(address).context["form"]["seen"].value()
        form = {
            "text": row.text,
            "remedy": row.remedy,
            "basis": BASIS,
            "seen": seen,
            "pattern": "示例〔{year}〕{number}号",
        }
        looked = keeper.post(address, form)
        assert (looked.context["example"], looked.context["looked"]) == (f"示例〔{year}〕00001号", True)
        broken = keeper.post(address, {**form, "pattern": "{nothing}"})
        assert (broken.status_code, set(broken.context["form"].errors)) == (422, {"pattern"})
        assert broken.context["example"].endswith(f"-BYSL-{year}-00001")

    def test_a_rule_tells_how_many_cases_it_reaches_at_once(self, keeper):
        page = keeper.get(reverse("policy", args=["form_rule", KEYS["form_rule"]()])).content.decode()
        assert "立即生效：尚未受理的案件也按新的规定审查" in page
        assert "现在有 0 个案件" in page

    @pytest.mark.parametrize("kind", ["form_rule", "late_code", "notice_form"])
    def test_they_read_in_english_too(self, keeper, kind):
        keeper.cookies["django_language"] = "en"
        for name, args in (("policies", [kind]), ("policy", [kind, KEYS[kind]()])):
            page = keeper.get(reverse(name, args=args))
            assert (page.status_code, page["Content-Language"]) == (200, "en")

    def test_words_that_try_to_be_markup_are_shown_as_they_are(self, keeper):
        said = {"code": "markup", "label": "<script>alert(1)</script>", "position": "9", "basis": "<b>示例"}
        keeper.post(reverse("policy-new", args=["late_code"]), said)
        for name, args in (("policies", ["late_code"]), ("policy", ["late_code", "markup"])):
            page = keeper.get(reverse(name, args=args)).content.decode()
            assert ("<script>alert" in page, "&lt;script&gt;alert" in page) == (False, True)


class TestDays:
    def test_a_list_is_tried_and_then_saved(self, keeper):
        day = TODAY + timedelta(days=40)
        form = {
            "text": f"{day} 休 示例",
            "basis": BASIS,
            "seen": keeper.get(reverse("days")).context["form"]["seen"].value(),
        }
        tried = keeper.post(reverse("days"), form)
        assert (tried.context["moves"], DayOverride.objects.count()) == ([], 0)
        assert keeper.post(reverse("days"), {**form, "confirmed": "1"}).status_code == 302
        again = keeper.post(reverse("days"), {**form, "confirmed": "1"})
        assert (again.status_code, DayOverride.objects.get().day) == (409, day)

    def test_a_file_is_read_like_what_is_typed(self, keeper, tmp_path):
        file = tmp_path / "days.csv"
        file.write_text(f"日期,安排\n{TODAY.year + 2}-01-01,休\n", encoding="utf-8-sig")
        with file.open("rb") as sent:
            page = keeper.post(reverse("days"), {"file": sent, "basis": BASIS, "whole_year": TODAY.year + 2})
        assert (page.status_code, page.context["sure"]) == (200, True)
        assert f"{TODAY.year + 2}-01-01" in page.context["form"]["text"].value()

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 100_001])
    def test_a_file_that_is_no_text_is_refused_beside_its_field(self, keeper, tmp_path, content):
        file = tmp_path / "days.csv"
        file.write_bytes(content)
        with file.open("rb") as sent:
            page = keeper.post(reverse("days"), {"file": sent, "basis": BASIS})
        assert (page.status_code, "file" in page.context["form"].errors) == (422, True)


class TestTheApi:
    JSON = "application/json"

    def test_officers_are_given_and_ended(self, keeper):
        account("wang")
        data = {"username": "wang", "duty": "intake", "since": TODAY.isoformat(), "basis": BASIS}
        [row] = keeper.post("/api/v1/officers/", data, self.JSON).json()
        assert keeper.get(f"/api/v1/officers/{row['id']}/left_behind/").json()["results"] == []
        ended = keeper.post(
            f"/api/v1/officers/{row['id']}/end/", {"until": TODAY.isoformat(), "basis": BASIS}, self.JSON
        )
        assert (ended.status_code, ended.json()["until"]) == (200, TODAY.isoformat())
        found = keeper.get("/api/v1/officers/?search=wang&today=true&duty=intake").json()["results"]
        assert [one["username"] for one in found] == ["wang"]

    def test_accounts_are_kept(self):
        client = signed_in(officer("system_administrator"))
        data = {"username": "zhang", "name": "示例张", "email": "zhang@example.org", "basis": BASIS}
        made = client.post("/api/v1/kept-accounts/", data, self.JSON).json()
        assert made["awaits_password"] is True
        for act in ("unlock", "reset_password", "deactivate", "reactivate"):
            answer = client.post(f"/api/v1/kept-accounts/{made['id']}/{act}/", {"basis": BASIS}, self.JSON)
            assert (answer.status_code, answer.json()["is_active"]) == (200, act != "deactivate")
        assert [one["username"] for one in client.get("/api/v1/kept-accounts/?search=zhang").json()["results"]] == [
            "zhang"
        ]

    def test_a_setting_is_tried_changed_and_of_two_at_once_the_second_is_told(self, keeper):
        address = "/api/v1/settings/parameter/expert_term_years/"
        seen = keeper.get(address).json()["seen"]
        data = {"values": {"value": 4}, "basis": BASIS, "seen": seen}
        tried = keeper.post(f"{address}preview/", data, self.JSON).json()
        assert tried["changes"] == [{"name": "value", "before": 3, "after": 4}]
        assert keeper.put(address, data, self.JSON).json()["values"] == {"value": 4}
        late = keeper.put(address, {**data, "values": {"value": 5}}, self.JSON)
        assert (late.status_code, late.json()["current"]) == (409, {"value": 4})
        assert keeper.get("/api/v1/settings/nothing/").status_code == 404

    @pytest.mark.parametrize(
        "values", [{"value": "x"}, {"value": None}, {"value": [1]}, {"value": {"a": 1}}, {"value": 2**70}]
    )
    def test_nonsense_is_refused_at_its_place(self, keeper, values):
        answer = keeper.put(
            "/api/v1/settings/parameter/expert_term_years/", {"values": values, "basis": BASIS}, self.JSON
        )
        assert (answer.status_code, {one["place"] for one in answer.json()["problems"]}) == (422, {"value"})

    @pytest.mark.parametrize(
        "duty, method, address, names",
        [
            (
                "security_administrator",
                "post",
                "officers/",
                ("username", "duty", "districts", "since", "until", "basis"),
            ),
            ("security_administrator", "post", "officers/{row}/end/", ("until", "basis")),
            ("system_administrator", "post", "kept-accounts/", ("username", "name", "email", "basis")),
            ("system_administrator", "post", "kept-accounts/{person}/deactivate/", ("basis",)),
            ("security_administrator", "put", "settings/programme/smart_community/", ("values", "basis", "seen")),
            ("security_administrator", "post", "new-districts/", ("code", "name", "valid_from", "basis")),
            ("security_administrator", "put", "settings/notice_form/refusal/", ("values", "basis", "seen")),
            ("security_administrator", "put", "settings/late_code/law/", ("values", "basis", "seen")),
            ("security_administrator", "post", "settings/late_code/", ("values", "basis")),
            ("security_administrator", "post", "settings/form_rule/", ("values", "basis")),
            ("security_administrator", "post", "day-overrides/", ("text", "whole_year", "basis")),
            ("audit_administrator", "post", "trail/export/", ("person", "subject", "verb", "since", "until")),
        ],
    )
    def test_nothing_that_is_sent_breaks_it(self, duty, method, address, names):
        client, row = signed_in(officer(duty)), officer("intake").duties.get()
        person = row.user
        good = {"username": person.username, "duty": "pool_keeper", "since": f"{TODAY}", "basis": BASIS, "values": {}}
        nasty = (None, [], {}, "", "\x00", "\u202e", -1, 2**70, True, "9999-12-31", "0001-01-01", "9999", "x" * 30000)
        found = set()
        for name in names:
            for value in nasty:
                said = {key: value for key, value in good.items() if key in names} | {name: value}
                path = f"/api/v1/{address.format(row=row.pk, person=person.pk)}"
                found.add(getattr(client, method)(path, said, self.JSON).status_code)
        columns = (
            "panel_seats",
            "guidance_nodes",
            "standard",
            "name",
            "panel_size",
            "opinion_template",
            "claims_before_marks",
            "pattern",
            "remedy",
            "code",
            "label",
            "position",
            "valid_until",
            "needs_words",
            "rule",
            "programme",
            "is_hard",
        )
        for column in columns if address.startswith("settings") else ():
            shapes = ["\x00"], [["\x00", "x"]], {"\x00": 1}, {"security": 2**70}, [[["x"]]]
            for value in (*nasty, *shapes, "\ud800", "{0.__class__}", "{number:>9999999999}"):
                said = {"values": {column: value}, "basis": BASIS}
                found.add(getattr(client, method)(f"/api/v1/{address}", said, self.JSON).status_code)
        assert found <= {200, 201, 400, 403, 409, 422}

    def test_a_district_and_days_are_added(self, keeper):
        data = {"code": "990101", "name": "示例区", "basis": BASIS}
        assert keeper.post("/api/v1/new-districts/", data, self.JSON).status_code == 201
        days = {"text": f"{TODAY + timedelta(days=40)} 休", "basis": BASIS}
        assert keeper.post("/api/v1/day-overrides/preview/", days, self.JSON).json() == {"moves": []}
        assert keeper.post("/api/v1/day-overrides/", days, self.JSON).json() == {"moves": []}
        assert len(keeper.get("/api/v1/day-overrides/").json()["results"]) == 1

    def test_the_trail_is_searched_and_taken_along(self):
        client = signed_in(officer("audit_administrator"))
        answer = client.post("/api/v1/trail/export/", {"verb": "standard"}, self.JSON)
        assert (answer.status_code, len(answer["X-Trail-Chain"])) == (200, 64)
        rows = client.get("/api/v1/trail/?verb=trail.export").json()["results"]
        assert [row["data"]["chain"] for row in rows] == [answer["X-Trail-Chain"]]
