"""How strict a rule is, reasons of late findings and forms of notices are set by the authority, on a basis and on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from evaluation import findings, issuing, policies, ruling
from evaluation.models import Application, Finding, FormRule, IssuedNotice, LateCode, NoticeForm
from evaluation.workflow import APPLICATION
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Changed
from tests.evaluation import scenes
from tests.evaluation.officers import DUTIES, officer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
TODAY = timezone.localdate()
YESTERDAY = TODAY - timedelta(days=1)
BASIS = "示例文号〔2026〕3号"
SOFT, HARD = "won_items_are_proved", "documents_are_present"

world, own_files = scenes.shared_world()


@pytest.fixture
def keeper():
    return officer("security_administrator")


@pytest.fixture(scope="module")
def pks(world):
    return {state: world.case_at(state).pk for state in ("form_check", "correction")}


@pytest.fixture
def case(pks):
    return scenes.case(pks["form_check"])


def of(kind, key):
    return policies.find(kind, str(key))


def rule(code, programme=""):
    return of("form_rule", FormRule.objects.get(rule=code, programme=programme).pk)


def add(by, kind, basis=BASIS, **values):
    return policies.add(by, policies.KINDS[kind], values, basis)


def keep(by, found, basis=BASIS, seen=None, **values):
    return policies.keep(by, *found, values, basis, seen)


def intake():
    return User.objects.get(username="intake")


def fail(case, *rules):
    """The newest version, as if these rules alone had found something in it."""
    sealed = case.submissions.latest("version")
    found = [{"code": "x", "place": "4.2.1", "message": "示例", "params": {}}]
    sealed.checks = [{**row, "problems": found if row["rule"] in rules else []} for row in sealed.checks]
    type(sealed)._base_manager.filter(pk=sealed.pk).update(checks=sealed.checks)


def late(code="caused", **more):
    """A finding of the second round that bears a reason."""
    said = {"application": Application.objects.get(state="correction"), "round": 2, "kind": "data", "place": "project"}
    return Finding.objects.create(**said, text="示例", by=intake(), late_code=code, **more)


class TestOnRecord:
    @pytest.mark.parametrize(
        "kind, key, values",
        [
            ("late_code", "law", {"position": 9, "valid_until": TODAY.isoformat()}),
            (
                "notice_form",
                "refusal",
                {"pattern": "不予受理〔{year}〕{number}号", "remedy": "示例：六十日内申请复议。"},
            ),
            ("form_rule", SOFT, {"is_hard": True}),
        ],
    )
    def test_who_when_before_and_after_are_kept_and_the_row_says_its_new_basis(self, keeper, kind, key, values):
        found, row = rule(key) if kind == "form_rule" else of(kind, key)
        before = {name: policies.plain(found, row)[name] for name in values}
        keep(keeper, (found, row), **values)
        event = Event.objects.of(row).get()
        said = {"before": before, "after": values, "basis": BASIS}
        assert (event.verb, event.actor, event.role, event.data) == (
            f"{kind}.change", keeper, "security_administrator", said
        )  # fmt: skip
        assert of(kind, row.pk)[1].basis == BASIS

    @pytest.mark.parametrize("duty", [duty for duty in DUTIES if duty != "security_administrator"])
    def test_nobody_else_changes_or_adds_one(self, duty):
        by = officer(duty)
        for act in (
            lambda: keep(by, rule(SOFT), is_hard=True),
            lambda: keep(by, of("notice_form", "correction"), pattern="X{number}"),
            lambda: add(by, "late_code", code="x", label="示例"),
        ):
            with pytest.raises(NotAllowed):
                act()

    def test_the_second_of_two_who_change_the_same_is_shown_what_stands_now(self, keeper):
        found = of("notice_form", "acceptance")
        seen = policies.seen_of(*found)
        keep(keeper, found, seen=seen, text="示例：予以受理。")
        with pytest.raises(Changed) as changed:
            keep(
                officer("security_administrator", "second"), of("notice_form", "acceptance"), seen=seen, text="另一句。"
            )
        assert [(one.place, one.params["value"]) for one in changed.value.problems] == [("text", "示例：予以受理。")]

    def test_two_who_change_different_columns_both_succeed(self, keeper):
        found = of("notice_form", "acceptance")
        seen = policies.seen_of(*found)
        keep(keeper, found, seen=seen, **{**policies.plain(*found), "text": "示例：予以受理。"})
        mine = {"pattern": "受理〔{year}〕{number}号", "text": policies.plain(*found)["text"]}
        keep(officer("security_administrator", "second"), of("notice_form", "acceptance"), seen=seen, **mine)
        row = NoticeForm.objects.get(pk="acceptance")
        assert (row.pattern, row.text) == (mine["pattern"], "示例：予以受理。")


class TestRules:
    def test_a_programme_gets_its_own_word_once(self, keeper, case):
        row = add(keeper, "form_rule", rule=SOFT, programme="smart_community", is_hard=True)
        assert SOFT in ruling.hard_rules(case)
        event = Event.objects.of(row).get()
        assert (event.verb, event.data["after"]) == (
            "form_rule.open", {"programme": "smart_community", "rule": SOFT, "is_hard": True}
        )  # fmt: skip
        with scenes.refused() as problems:
            add(keeper, "form_rule", rule=SOFT, programme="smart_community", is_hard=False)
        assert problems == [("rule_taken", "rule")]

    @pytest.mark.parametrize(
        "values, basis, found",
        [
            ({"rule": "nothing", "programme": "nothing", "is_hard": True}, "",
             [("programme_unknown", "programme"), ("rule_unknown", "rule"), ("required", "basis")]),
            ({}, BASIS, [("blank", "rule"), ("invalid", "is_hard")]),
            ({"rule": SOFT, "programme": "smart_community", "is_hard": "x"}, BASIS, [("invalid", "is_hard")]),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_a_new_one_is_said_at_once(self, keeper, values, basis, found):
        with scenes.refused() as problems:
            add(keeper, "form_rule", basis, **values)
        assert problems == found

    def test_what_was_let_pass_stays_let_pass_where_the_rule_is_made_hard_afterwards(self, keeper, case):
        fail(case, SOFT)
        ruling.override(intake(), case, SOFT, "示例：见另一条目")
        keep(keeper, rule(SOFT), is_hard=True)
        assert list(ruling.unsettled(case)) == []
        ruling.take_back(intake(), case.overrides.get())
        with scenes.refused() as problems:
            ruling.override(intake(), case, SOFT, "示例")
        assert problems == [("hard_rule", "rule")]

    def test_the_cases_that_it_reaches_are_those_before_acceptance_without_a_word_of_their_own(self, keeper, pks):
        general = rule(SOFT)
        assert {row.pk for row in policies.cases_of(*general)} == set(pks.values())
        own = add(keeper, "form_rule", rule=SOFT, programme="smart_community", is_hard=True)
        assert [len(policies.cases_of(*one)) for one in (general, of("form_rule", own.pk))] == [0, 2]


class TestReasons:
    def test_a_new_one_is_offered_and_on_record(self, keeper):
        row = add(keeper, "late_code", code="survey", label=" 现场踏勘发现 ", needs_words=True, position=5)
        assert (row.label, row in LateCode.objects.in_use()) == ("现场踏勘发现", True)
        event = Event.objects.of(row).get()
        assert (event.verb, event.data["before"], event.data["after"]["code"]) == ("late_code.open", None, "survey")

    @pytest.mark.parametrize(
        "values, found",
        [
            ({"code": "law", "label": "另一理由"}, [("code_taken", "code")]),
            ({"code": "Law!", "label": "法规变化"}, [("code", "code"), ("label_taken", "label")]),
            ({"code": "x", "label": "　"}, [("blank", "label")]),
            ({"code": "x", "label": "示\u202e例"}, [("required", "label")]),
            ({"code": "x", "label": "示\ud800例"}, [("text", "label")]),
            ({"code": "x" * 31, "label": "示" * 61, "position": -1},
             [("max_length", "code"), ("max_length", "label"), ("min_value", "position")]),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_a_new_one_is_said(self, keeper, values, found):
        with scenes.refused() as problems:
            add(keeper, "late_code", **values)
        assert problems == found

    def test_one_that_has_ended_is_chosen_no_more_and_still_read_where_it_was(self, keeper, pks):
        kept = late("law", at=timezone.now() - timedelta(days=3))
        keep(keeper, of("late_code", "law"), valid_until=YESTERDAY.isoformat())
        reasons = [problem.code for problem in findings._wrong_reason(findings.Late("law"))]
        assert (reasons, Finding.objects.get(pk=kept.pk).late_code) == (["late_code_ended"], "law")
        assert (LateCode.objects.get(pk="law").label, LateCode.objects.in_use().filter(pk="law").exists()) == (
            "法规变化", False
        )  # fmt: skip

    def test_until_its_last_day_it_is_chosen(self, keeper):
        keep(keeper, of("late_code", "law"), valid_until=TODAY.isoformat())
        assert list(findings._wrong_reason(findings.Late("law"))) == []

    def test_words_that_a_finding_bears_are_not_changed(self, keeper, pks):
        late("law")
        with scenes.refused() as problems:
            keep(keeper, of("late_code", "law"), label="别的意思", valid_until=YESTERDAY.isoformat())
        assert problems == [("label_borne", "label"), ("used_later", "valid_until")]
        keep(keeper, of("late_code", "caused"), label="补正带来的新问题")
        assert LateCode.objects.get(pk="caused").label == "补正带来的新问题"

    def test_one_is_always_left(self, keeper):
        for code in ("unseen", "caused", "law"):
            keep(keeper, of("late_code", code), valid_until=TODAY.isoformat())
        with scenes.refused() as problems:
            keep(keeper, of("late_code", "other"), valid_until=TODAY.isoformat())
        assert problems == [("last", "valid_until")]


class TestForms:
    @pytest.mark.parametrize(
        "pattern, codes",
        [
            ("{prefix}-BZ-{year}-{number}-{day}", ["placeholder_unknown"]),
            ("{number", ["placeholder_unknown", "number_missing"]),
            ("{{number}}", ["placeholder_unknown"]),
            ("{number.__class__}", ["placeholder_unknown", "number_missing"]),
            ("{number:>999999999}", ["placeholder_unknown", "number_missing"]),
            ("{prefix}-{year}", ["number_missing"]),
            ("{number}-{number}", ["number_missing"]),
            ("{prefix}{prefix}-{number}", ["number_missing"]),
            ("BZ{year}{number}", ["run_together"]),
            ("BZ-0{number}", ["run_together"]),
            ("{number}1", ["run_together"]),
            ("BZ\n{number}", ["text"]),
            ("BZ\u202e{number}", ["text"]),
            ("{prefix}-SL-{year}-{number}", ["pattern_taken"]),
            ("", ["blank"]),
            ("x" * 60 + "{number}", ["max_length"]),
        ],
    )
    def test_a_pattern_that_numbers_badly_is_refused(self, keeper, pattern, codes):
        with scenes.refused() as problems:
            keep(keeper, of("notice_form", "correction"), pattern=pattern)
        assert problems == [(code, "pattern") for code in codes]

    @pytest.mark.parametrize("pattern", ["{number}", "示例建受〔{year}〕{number}号", "{prefix}-{number}"])
    def test_a_pattern_that_numbers_well_is_kept_and_the_next_document_bears_it(self, keeper, case, pattern):
        keep(keeper, of("notice_form", "refusal"), pattern=pattern)
        APPLICATION.perform(case, "refuse", by=intake(), reason="示例")
        number = IssuedNotice.objects.get(application=case).number
        prefix = case.project.programme.number_prefix
        assert number == pattern.format(prefix=prefix, year=TODAY.year, number="00001")

    @pytest.mark.parametrize(
        "kind, values, found",
        [
            ("refusal", {"text": " ", "remedy": ""}, [("required", "text"), ("required", "remedy")]),
            ("acceptance", {"text": ""}, [("required", "text")]),
            ("acceptance", {"text": "字" * 5001}, [("text", "text")]),
            ("acceptance", {"text": "示\ud800例"}, [("text", "text")]),
        ],
    )
    def test_what_a_document_cannot_do_without_is_asked_for(self, keeper, kind, values, found):
        with scenes.refused() as problems:
            keep(keeper, of("notice_form", kind), **values)
        assert problems == found

    def test_a_document_that_was_issued_stays_as_it_is(self, keeper, case):
        APPLICATION.perform(case, "refuse", by=intake(), reason="示例")
        row = IssuedNotice.objects.get(application=case)
        keep(keeper, of("notice_form", "refusal"), pattern="X-{number}", text="另一决定。")
        again = IssuedNotice.objects.get(pk=row.pk)
        assert (again.number, again.content) == (row.number, row.content)

    def test_what_is_added_to_the_correction_notice_is_printed(self, keeper, case):
        keep(
            keeper, of("notice_form", "correction"), text="示例：咨询窗口设在一楼。", remedy="示例：可以向监督员反映。"
        )
        findings.add_finding(intake(), case, "data", "community", "示例：请核对。")
        content = findings._notice(case, list(findings.unsent(case)), 1)
        assert (content["text"], content["remedy"]) == ("示例：咨询窗口设在一楼。", "示例：可以向监督员反映。")
        assert issuing.preview(case, content, TODAY).startswith(b"%PDF-")
