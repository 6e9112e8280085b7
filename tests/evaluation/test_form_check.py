"""The form check: automatic results settled by an officer, ready phrases, numbered notices, late findings with their codes."""

from __future__ import annotations

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import Officer
from evaluation import findings, issuing, late_defects, phrases, ruling
from evaluation.findings import Late
from evaluation.models import Finding, FormRule, IssuedNotice, Phrase, RuleOverride, Submission
from evaluation.workflow import APPLICATION
from portal.demo import journey, people
from portal.machine import NotAllowed
from portal.models import Event, Sequence, User
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
TODAY = timezone.localdate()
SOFT, HARD = "won_items_are_proved", "documents_are_present"

world, own_files = scenes.shared_world(experts=2, employers=2)


@pytest.fixture(scope="module")
def first_pk(world):
    return world.case_at("form_check").pk


@pytest.fixture(scope="module")
def second_pk(world):
    """The same case's neighbour, back in the form check after one notice that named D04 and 4.2.1."""
    case = world.case_at("form_check")
    journey.request_correction(case)
    journey.resubmit(journey.fresh(case))
    journey.work(journey.fresh(case))
    return case.pk


@pytest.fixture
def case(first_pk):
    return scenes.case(first_pk)


@pytest.fixture
def again(second_pk):
    return scenes.case(second_pk)


def officer(duty, name="示例另一人"):
    user = User.objects.create(username=f"{duty}-other", name=name, email="other@example.org")
    Officer.objects.create(user=user, duty=duty, since=TODAY)
    return user


def intake():
    return scenes.person("intake")


def signed_in(user):
    client = Client()
    client.force_login(scenes.person(user) if isinstance(user, str) else user)
    return client


def fail(case, *rules, place="4.2.1"):
    """Let the automatic check of the newest version have found one problem by each of these rules."""
    sealed = Submission.objects.get(application=case, version=case.version)
    problem = {"code": "example", "place": place, "message": "示例：有误。", "params": {}}
    checks = [{**row, "problems": [problem] if row["rule"] in rules else []} for row in sealed.checks]
    Submission.objects.filter(pk=sealed.pk).update(checks=checks)


def accept(case):
    return APPLICATION.perform(case, "accept", by=intake())


# --- automatic results ------------------------------------------------------------------------------------------------


class TestAutomaticResults:
    def test_a_failed_hard_rule_keeps_a_case_from_being_accepted(self, case):
        fail(case, HARD)
        with scenes.refused() as found:
            accept(case)
        assert found == [("hard_rule_failed", HARD)]

    def test_a_failed_soft_rule_does_so_until_it_is_overridden_with_a_reason(self, case):
        fail(case, SOFT)
        with scenes.refused() as found:
            accept(scenes.case(case.pk))
        assert found == [("rule_unsettled", SOFT)]
        ruling.override(intake(), case, SOFT, "佐证见另一条目")
        accept(scenes.case(case.pk))
        event = Event.objects.of(case).get(verb="rule.override")
        assert (event.actor, event.data) == (intake(), {"rule": SOFT, "version": 1, "reason": "佐证见另一条目"})

    def test_made_a_finding_it_has_to_be_sent_instead(self, case):
        fail(case, SOFT)
        findings.take_up(intake(), case, SOFT, 0)
        with scenes.refused() as found:
            accept(scenes.case(case.pk))
        assert found == [("finding_unsent", "4.2.1")]

    @pytest.mark.parametrize(
        "rule,reason,problems",
        [
            (HARD, "示例", [("hard_rule", "rule")]),
            (SOFT, " ", [("required", "reason")]),
            ("credit_code_is_valid", "示例", [("problem_unknown", "rule")]),
            ("nothing", "", [("problem_unknown", "rule"), ("required", "reason")]),
        ],
    )
    def test_what_may_not_be_overridden_is_said(self, case, rule, reason, problems):
        fail(case, SOFT, HARD)
        with scenes.refused() as found:
            ruling.override(intake(), case, rule, reason)
        assert found == problems

    def test_the_programmes_own_word_goes_before_the_general_one(self, case):
        FormRule.objects.create(programme="smart_community", rule=SOFT, is_hard=True, basis="示例")
        FormRule.objects.create(programme="smart_property", rule=HARD, is_hard=False, basis="示例")
        hard = ruling.hard_rules(case)
        assert (SOFT in hard, HARD in hard) == (True, True)

    def test_a_rule_that_nobody_ranked_is_hard(self, case):
        FormRule.objects.filter(rule=SOFT).delete()
        assert SOFT in ruling.hard_rules(case)

    def test_who_overrides_second_is_told_who_was_first(self, case):
        fail(case, SOFT)
        ruling.override(intake(), case, SOFT, "示例")
        with scenes.refused() as found:
            ruling.override(officer("intake"), case, SOFT, "示例")
        assert found == [("overridden", "rule")]
        assert RuleOverride.objects.get(application=case).by == intake()

    def test_an_override_holds_for_its_version_alone(self, again):
        RuleOverride.objects.create(application=again, version=1, rule=SOFT, reason="示例", by=intake())
        fail(again, SOFT)
        with scenes.refused() as found:
            accept(again)
        assert found == [("rule_unsettled", SOFT)]

    def test_the_supervisor_reads_it_on_the_page_and_cannot_make_one(self, case):
        fail(case, SOFT)
        address = reverse("rule-override", args=[case.pk])
        assert signed_in("supervisor").post(address, {"rule": SOFT, "reason": "示例"}).status_code == 403
        assert signed_in("intake").post(address, {"rule": SOFT, "reason": "示例：见另一条目"}).status_code == 302
        page = signed_in("supervisor").get(reverse("form-check", args=[case.pk])).content.decode()
        assert ("示例：见另一条目" in page, "撤销放行" in page) == (True, False)

    def test_it_is_taken_back_from_the_page_and_both_acts_stay_in_the_history(self, case):
        fail(case, SOFT)
        row = ruling.override(intake(), case, SOFT, "示例")
        assert signed_in("intake").post(reverse("override-take-back", args=[row.pk])).status_code == 302
        verbs = Event.objects.of(case).filter(verb__startswith="rule.").values_list("verb", flat=True)
        assert (list(verbs), RuleOverride.objects.count()) == (["rule.override", "rule.take_back"], 0)


# --- ready phrases ----------------------------------------------------------------------------------------------------


class TestReadyPhrases:
    def test_one_is_put_after_what_was_typed_without_any_script(self, case):
        phrase = Phrase.objects.filter(kind="document").first()
        said = {"place": "document:D04", "text": "第 2 页：", "phrase": phrase.pk}
        page = signed_in("intake").post(reverse("finding-add", args=[case.pk]), said)
        form = page.context["form"]
        assert (page.status_code, form["text"].value()) == (200, f"第 2 页：\n{phrase.text}")
        assert (form["place"].value(), case.findings.count()) == ("document:D04", 0)

    def test_those_that_fit_the_chosen_place_come_first(self, case):
        page = signed_in("intake").get(reverse("form-check", args=[case.pk]), {"place": "item:4.2.1"})
        kinds = [row.kind for row in page.context["phrases"]]
        assert (kinds[:2], sorted(kinds[2:])) == (["item", "item"], ["data", "document", "document"])

    def test_the_own_ones_are_seen_by_nobody_else_and_shared_ones_by_all_who_check(self):
        other = officer("intake")
        phrases.write(intake(), "", "示例：我的")
        phrases.write(intake(), "", "示例：共用", shared=True)
        mine, theirs = ({row.text for row in phrases.phrases_of(user)} for user in (intake(), other))
        assert mine - theirs == {"示例：我的"}
        own = Phrase.objects.get(text="示例：我的")
        assert signed_in(other).get(reverse("phrase", args=[own.pk])).status_code == 404

    def test_of_two_who_change_one_the_second_is_told(self):
        row = phrases.write(intake(), "item", "示例", shared=True)
        phrases.write(officer("intake"), "item", "示例：改过", shared=True, phrase=row, revision=1)
        with scenes.refused() as found:
            phrases.write(intake(), "item", "示例：又改", shared=True, phrase=row, revision=1)
        assert (found, Phrase.objects.get(pk=row.pk).text) == ([("changed", "")], "示例：改过")

    @pytest.mark.parametrize("username", ["supervisor", "organiser", "applicant", "district-1"])
    def test_they_are_for_who_checks(self, world, username):
        assert signed_in(username).get(reverse("phrases")).status_code == 403

    def test_one_is_written_changed_and_taken_away_on_its_page(self):
        client = signed_in("intake")
        said = {"kind": "data", "text": "示例：请更正", "basis": "示例依据"}
        assert client.post(reverse("phrases"), said).status_code == 302
        row = Phrase.objects.get(text="示例：请更正")
        address = reverse("phrase", args=[row.pk])
        assert client.post(address, {**said, "text": "示例：请补正", "revision": "1"}).status_code == 302
        assert client.post(address, {**said, "text": "", "revision": "2"}).status_code == 422
        assert "示例：请补正" in client.get(reverse("phrases")).content.decode()
        assert client.post(reverse("phrase-remove", args=[row.pk])).status_code == 302
        assert client.get(address).status_code == 404


# --- notices ----------------------------------------------------------------------------------------------------------


class TestNotices:
    def test_acceptance_makes_one_document_whose_file_is_made_once(self, case):
        event = accept(case)
        row = IssuedNotice.objects.get(application=case)
        assert (row.kind, row.number) == ("acceptance", f"CQ-ZHXQ-SL-{TODAY.year}-00001")
        assert (event.data["notice"], row.sha256) == (row.number, "")
        copies = [issuing.notices().get(pk=row.pk) for _ in range(2)]
        first, second = [issuing.made(copy) for copy in copies]
        assert (first.file.name, first.sha256) == (second.file.name, second.sha256)
        with default_storage.open(first.file.name) as kept:
            assert kept.read(5) == b"%PDF-"
        assert not IssuedNotice.objects.filter(application=case, sha256="").exists()

    def test_a_refusal_says_its_reasons_and_how_to_appeal(self, case):
        APPLICATION.perform(case, "refuse", by=intake(), reason="不属于受理范围\n材料不齐")
        content = IssuedNotice.objects.get(application=case).content
        assert content["reasons"] == ["不属于受理范围", "材料不齐"]
        assert "行政复议" in content["remedy"]
        assert "默认文字" in content["remedy"]

    @pytest.mark.parametrize(
        "username,status", [("applicant", 200), ("intake", 200), ("supervisor", 200), ("district-1", 200),
                            ("other-applicant", 404), ("district-2", 404), ("pool-keeper", 404)]
    )  # fmt: skip
    def test_a_notice_is_read_by_the_parties_and_officers_of_its_case(self, case, username, status):
        accept(case)
        row = IssuedNotice.objects.get(application=case)
        answer = signed_in(username).get(row.get_absolute_url())
        assert answer.status_code == status
        if status == 200:
            row.refresh_from_db()
            content = b"".join(answer.streaming_content)
            assert (answer["ETag"], len(content)) == (f'"{row.sha256}"', row.size)

    def test_it_is_listed_in_the_case_for_the_applicant(self, case):
        accept(case)
        page = signed_in("applicant").get(reverse("application", args=[case.pk])).content.decode()
        assert IssuedNotice.objects.get(application=case).number in page

    def test_the_correction_notice_is_kept_as_it_was_sent(self, again):
        row = IssuedNotice.objects.get(application=again, kind="correction")
        assert (row.round, len(row.content["findings"])) == (1, 2)
        address = reverse("correction-notice", args=[again.pk])
        files = {signed_in("applicant").get(address, {"round": 1}).content for _ in range(2)}
        row.refresh_from_db()
        assert (len(files), row.content["issued_on"]) == (1, TODAY.isoformat())
        assert row.size == len(files.pop())

    def test_numbers_follow_each_other_by_year_and_programme(self, case, again):
        before = Sequence.objects.filter(name__startswith="CQ-ZHXQ-SL").count()
        accept(case)
        accept(again)
        numbers = IssuedNotice.objects.filter(kind="acceptance").order_by("pk").values_list("number", flat=True)
        assert (before, [number[-5:] for number in numbers]) == (0, ["00001", "00002"])


# --- the second round -------------------------------------------------------------------------------------------------


class TestTheSecondRound:
    def test_shows_only_what_changed_and_what_the_notice_named(self, again):
        client, address = signed_in("intake"), reverse("form-check", args=[again.pk])
        page = client.get(address)
        codes = [row["item"].code for block in page.context["chapters"] for row in block["rows"]]
        assert [row["document"].code for row in page.context["documents"]] == ["D04"]
        assert (codes, page.context["facts"]) == (["4.2.1"], [])
        whole = client.get(address, {"show": "all"})
        assert sum(len(block["rows"]) for block in whole.context["chapters"]) == len(again.standard.items(again.stage))

    @pytest.mark.parametrize(
        "late,problems",
        [
            (Late(), [("late_code_missing", "late_code")]),
            (Late("nothing"), [("late_code_missing", "late_code")]),
            (Late("other"), [("late_reason_missing", "late_reason")]),
        ],
    )
    def test_a_new_defect_needs_a_code_and_some_codes_need_words(self, again, late, problems):
        with scenes.refused() as found:
            findings.add_finding(intake(), again, "document", "D05", "缺签章", late=late)
        assert found == problems

    def test_it_waits_for_the_supervisor_who_finds_it_in_the_own_work(self, again):
        findings.add_finding(intake(), again, "document", "D05", "缺签章", late=Late("unseen"))
        rows = [row["sentence"] for row in late_defects.waiting_on(scenes.person("supervisor"))]
        assert (rows, list(late_defects.waiting_on(intake()))) == (["放行新增问题 1 个"], [])
        findings.release_finding(scenes.person("supervisor"), Finding.objects.get(late_code="unseen"))
        assert list(late_defects.waiting_on(scenes.person("supervisor"))) == []

    def test_late_findings_are_counted_by_officer_code_and_month(self, again):
        other = officer("intake")
        for user, place, code in ((intake(), "D05", "unseen"), (intake(), "D06", "unseen"), (other, "D07", "law")):
            findings.add_finding(user, again, "document", place, "缺签章", late=Late(code))
        month = TODAY.replace(day=1)
        mine, all_of_them = [
            [(row.name, row.code, row.month, row.count) for row in late_defects.counted(user)]
            for user in (intake(), scenes.person("supervisor"))
        ]
        assert mine == [(str(intake()), "unseen", month, 2)]
        assert sorted(all_of_them) == sorted([*mine, ("示例另一人", "law", month, 1)])

    def test_the_page_links_each_number_to_its_list_at_the_same_cost_for_many(self, again):
        client, address = signed_in("supervisor"), reverse("late-findings")
        findings.add_finding(intake(), again, "document", "D05", "缺签章", late=Late("law"))
        few = queries_of(client, address)
        for number in range(30):
            Finding.objects.create(
                application=again,
                round=2,
                kind="document",
                place="D06",
                text=f"示例{number}",
                late_code="unseen",
                by=intake(),
            )
        assert queries_of(client, address) == few
        narrowed = client.get(address, {"code": "law", "officer": intake().pk, "month": f"{TODAY:%Y-%m}"})
        assert [row.place for row, _place, _reason in narrowed.context["rows"]] == ["D05"]

    @pytest.mark.parametrize("username", ["organiser", "applicant", "district-1"])
    def test_the_statistics_are_for_who_checks_and_who_supervises(self, world, username):
        with pytest.raises(NotAllowed):
            late_defects.counted(scenes.person(username))


def queries_of(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as counted:
        client.get(address)
    return len(counted)


def test_the_page_of_the_form_check_costs_the_same_for_one_finding_and_for_thirty(case):
    fail(case, SOFT, HARD)
    client, address = signed_in("intake"), reverse("form-check", args=[case.pk])
    findings.add_finding(intake(), case, "document", "D04", "示例")
    few = queries_of(client, address)
    for number in range(30):
        findings.add_finding(intake(), case, "document", "D04", f"示例{number}")
    assert queries_of(client, address) == few


def test_people_who_only_read_find_no_button(case):
    fail(case, SOFT)
    page = signed_in(people.officer("organiser")).get(reverse("form-check", args=[case.pk])).content.decode()
    assert [words for words in (">列为问题<", ">插入<", ">放行<") if words in page] == []
