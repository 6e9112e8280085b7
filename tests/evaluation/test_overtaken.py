"""Two people at one form: what scripts and pages are told, what is taken, kept or asked; and finding one's way in the form."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities import sheets
from evaluation import filing, findings, proofs
from evaluation.models import Application, Evidence, EvidenceLink
from evaluation.workflow import APPLICATION
from portal.demo import journey, papers, people
from portal.models import Event
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pks(world):
    """An empty draft, and a correction that names a text, two items and a date."""
    draft, correction = world.case_at("draft", advised=True), world.case_at("draft", advised=True)
    by = correction.project.created_by
    filing.save_statement(by, correction, "D01", "原文")
    filing.save_claim(by, correction, "4.2.1", 6)
    proofs.add_document(by, correction, "D04", papers.pdf("规划", correction.project.number))
    APPLICATION.perform(correction, "submit", by=by)
    journey.work(correction)
    correction = journey.fresh(correction)
    intake = people.officer("intake")
    places = [("document", "D01"), ("item", "4.2.1"), ("item", "4.2.2"), ("data", "planning_permit_on")]
    for kind, place in places:
        findings.add_finding(intake, correction, kind, place, f"请改正{place}")
    APPLICATION.perform(correction, "request_correction", by=intake)
    return {"draft": draft.pk, "correction": correction.pk}


@pytest.fixture
def draft(pks):
    return scenes.case(pks["draft"])


@pytest.fixture
def correction(pks):
    return scenes.case(pks["correction"])


@pytest.fixture
def mine(world):
    client = Client()
    client.force_login(scenes.person("applicant"))
    return client


@pytest.fixture
def other(world):
    return scenes.person("consultant")


def first_sum(application):
    """An item whose parts add up, of which the first two make the same total each."""
    sums = [item for item in application.standard.items(application.stage) if item.mode == "sum"]
    return next(item for item in sums if item.parts[0].points == item.parts[1].points)


def page(client, name, application, query=""):
    answer = client.get(reverse(name, args=[application.pk]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def shown_as_seen(client, application, code):
    """What the card of one item hands out as seen."""
    card = page(client, "application-items", application).partition(f'id="item-{code}"')[2].partition("</article>")[0]
    return re.search(r'name="seen" value="([^"]*)"', card)[1]


def save_claim(client, application, code, headers=JSON, **typed):
    return client.post(reverse("claim-save", args=[application.pk, code]), typed, headers=headers)


class TestScript:
    def test_what_only_the_other_changed_is_taken_and_what_only_i_changed_is_kept(self, mine, other, draft):
        seen = shown_as_seen(mine, draft, "4.2.1")
        filing.save_claim(other, draft, "4.2.1", None, "对方的说明")
        told = save_claim(mine, draft, "4.2.1", value="9", note="", seen=seen)
        assert told.status_code == 200
        assert (told.json()["taken"], told.json()["by"]) == ({"note": "对方的说明"}, str(other))
        claim = draft.claims.get(item_code="4.2.1")
        assert (claim.value, claim.note, claim.updated_by) == (9, "对方的说明", scenes.person("applicant"))

    def test_what_both_changed_is_told_with_everything_that_is_kept(self, mine, other, draft):
        seen = shown_as_seen(mine, draft, "4.2.1")
        filing.save_claim(other, draft, "4.2.1", 6, "对方的说明")
        told = save_claim(mine, draft, "4.2.1", value="9", note="", seen=seen)
        answer = told.json()
        assert told.status_code == 409
        assert answer["current"] == {"value": 6, "parts": [], "note": "对方的说明"}
        assert (answer["clashing"], answer["taken"], answer["revision"]) == (["value"], ["note"], 1)
        assert (answer["by"], answer["at"][:10]) == (str(other), str(date.today()))
        again = save_claim(mine, draft, "4.2.1", value="9", note="对方的说明", seen=answer["seen"])
        assert (again.status_code, draft.claims.get(item_code="4.2.1").value) == (200, 9)

    def test_a_statement_is_told_the_same_way(self, mine, other, draft):
        address = reverse("statement-save", args=[draft.pk, "D01"])
        first = mine.post(address, {"text": "起初"}, headers=JSON).json()
        filing.save_statement(other, draft, "D01", "对方")
        told = mine.post(address, {"text": "我的", "seen": first["seen"]}, headers=JSON)
        assert (told.status_code, told.json()["current"], told.json()["clashing"]) == (409, {"text": "对方"}, ["text"])
        unchanged = mine.post(address, {"text": "起初", "seen": first["seen"]}, headers=JSON).json()
        assert unchanged["taken"] == {"text": "对方"}

    def test_line_ends_are_no_change(self, mine, draft):
        address = reverse("statement-save", args=[draft.pk, "D01"])
        first = mine.post(address, {"text": "一\r\n二"}, headers=JSON).json()
        second = mine.post(address, {"text": "一\n二\n"}, headers=JSON).json()
        assert (first["revision"], second["revision"]) == (1, 1)

    @pytest.mark.parametrize("code,typed,longest", [("claim", "note", 5000), ("statement", "text", 50000)])
    def test_a_text_too_long_is_refused_with_both_lengths(self, mine, draft, code, typed, longest):
        address = reverse(f"{code}-save", args=[draft.pk, "4.2.1" if code == "claim" else "D01"])
        told = mine.post(address, {typed: "字" * (longest + 1)}, headers=JSON)
        assert told.status_code == 422
        assert f"现有{longest + 1}字，最多{longest}字" in told.json()["problems"][0]["message"]

    def test_an_answer_to_a_point_that_another_gave_first_is_told(self, mine, other, correction):
        point = correction.findings.get(place="D01")
        address = reverse("finding-reply", args=[correction.pk, point.pk])
        shown = re.search(r'name="seen" value="([^"]*)"', page(mine, "application-correction", correction))[1]
        point.application = correction
        findings.reply(other, point, "对方的答复")
        told = mine.post(address, {"reply": "我的答复", "seen": shown}, headers=JSON)
        assert (told.status_code, told.json()["by"]) == (409, str(other))
        kept = mine.post(address, {"reply": "我的答复", "seen": told.json()["seen"]}, headers=JSON).json()
        assert kept["unanswered"] == 3
        point.refresh_from_db()
        assert (point.reply, point.replied_by) == ("我的答复", scenes.person("applicant"))


class TestData:
    def test_each_field_is_saved_by_itself_and_leaves_its_trace(self, mine, draft):
        told = mine.post(
            reverse("application-data", args=[draft.pk]), {"planning_permit_on": "2024-02-03"}, headers=JSON
        )
        assert (told.status_code, told.json()["seen"].partition(":")[0]) == (200, "planning_permit_on")
        event = Event.objects.of(draft).last()
        assert (event.verb, event.data) == ("application.data", {"planning_permit_on": "2024-02-03"})
        mine.post(reverse("application-data", args=[draft.pk]), {"planning_permit_on": "2024-02-03"}, headers=JSON)
        assert Event.objects.of(draft).last() == event

    def test_who_changed_the_same_field_first_is_told(self, mine, other, draft):
        shown = page(mine, "application-data", draft)
        seen = re.search(r'name="seen" value="(planning_permit_on:[^"]*)"', shown)[1]
        filing.save_case_data(other, draft, None, {"planning_permit_on": date(2020, 5, 6)})
        typed = {"planning_permit_on": "2020-07-08", "seen": seen}
        told = mine.post(reverse("application-data", args=[draft.pk]), typed, headers=JSON)
        assert (told.status_code, told.json()["by"]) == (409, str(other))
        assert told.json()["current"]["planning_permit_on"] == "2020-05-06"
        assert Event.objects.of(draft).last().role == "consultant"

    def test_a_change_on_the_page_of_the_community_is_somebody_elses_too(self, mine, draft):
        shown = page(mine, "application-data", draft)
        seen = re.search(r'name="seen" value="(planning_permit_on:[^"]*)"', shown)[1]
        community = draft.project.community
        sheets.change_community(scenes.person("applicant"), community, {"planning_permit_on": date(2020, 5, 6)})
        typed = {"planning_permit_on": "2020-07-08", "seen": seen}
        told = mine.post(reverse("application-data", args=[draft.pk]), typed, headers=JSON)
        assert (told.status_code, told.json()["by"]) == (409, str(scenes.person("applicant")))

    def test_without_a_script_fields_of_both_are_joined(self, mine, other, draft):
        shown = page(mine, "application-data", draft)
        fields = {name: re.search(rf'name="{name}" value="([^"]*)"', shown) for name in sheets.PERMIT_DATES}
        typed = {name: found[1] if found else "" for name, found in fields.items()}
        typed |= {
            "target_level": str(draft.project.target_level),
            "seen": re.findall(r'name="seen" value="([^"]*)"', shown),
        }
        filing.save_case_data(other, draft, None, {"drawing_review_on": date(2020, 5, 6)})
        answer = mine.post(reverse("application-data", args=[draft.pk]), typed | {"completed_on": "2026-01-05"})
        assert answer.status_code == 302
        community = scenes.case(draft.pk).project.community
        assert (community.drawing_review_on, community.completed_on) == (date(2020, 5, 6), date(2026, 1, 5))

    @pytest.mark.parametrize("day,code", [("0202-01-01", "date_strange"), ("2025-02-31", "invalid")])
    def test_a_day_that_cannot_be_meant_is_refused_at_its_field(self, mine, draft, day, code):
        told = mine.post(reverse("application-data", args=[draft.pk]), {"completed_on": day}, headers=JSON)
        assert told.status_code == 422
        assert [(row["code"], row["place"]) for row in told.json()["problems"]] == [(code, "completed_on")]

    def test_in_a_correction_only_the_named_field_is_one(self, mine, correction):
        shown = page(mine, "application-data", correction)
        assert re.findall(r'name="(target_level|[a-z_]+_on)"', shown) == ["planning_permit_on"]
        assert shown.count("本轮不能修改") == 4


class TestPage:
    def choose(self, client, address, shown, **choices):
        """Send the page of two versions with these choices; the fields it holds are those of its form."""
        form = shown.partition('class="card">')[2].partition("</form>")[0]
        typed: dict[str, list[str]] = {}
        for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form):
            if name != "csrfmiddlewaretoken":
                typed.setdefault(name, []).append(unescape(value))
        return client.post(address, typed | choices)

    @pytest.mark.parametrize(
        "choices,kept",
        [
            ({"choice-note": "theirs"}, "对方的说明"),
            ({"choice-note": "mine"}, "我的说明"),
            ({"choice-note": "merge", "merged-note": "两份\r\n合一"}, "两份\n合一"),
        ],
        ids=["take", "keep", "merge"],
    )
    def test_without_a_script_both_versions_stand_side_by_side_and_one_chooses(self, mine, other, draft, choices, kept):
        seen = shown_as_seen(mine, draft, "4.2.1")
        filing.save_claim(other, draft, "4.2.1", 6, "对方的说明")
        address = reverse("claim-save", args=[draft.pk, "4.2.1"])
        answer = mine.post(address, {"value": "", "note": "我的说明", "seen": seen})
        shown = answer.content.decode()
        assert answer.status_code == 409
        assert all(words in shown for words in ("对方的说明", "我的说明", str(other), "采用对方的", "保留我的", "合并"))
        assert self.choose(mine, address, shown, **choices).status_code == 302
        claim = draft.claims.get(item_code="4.2.1")
        assert (claim.value, claim.note) == (6, kept)

    def test_a_third_change_while_one_chooses_is_told_again(self, mine, other, draft):
        address = reverse("statement-save", args=[draft.pk, "D01"])
        filing.save_statement(other, draft, "D01", "对方")
        shown = mine.post(address, {"text": "我的", "seen": ""}).content.decode()
        filing.save_statement(other, draft, "D01", "对方又改")
        again = self.choose(mine, address, shown, **{"choice-text": "mine"})
        assert (again.status_code, "对方又改" in again.content.decode()) == (409, True)

    def test_of_two_sets_of_parts_with_the_same_total_both_are_named(self, mine, other, draft):
        item = first_sum(draft)
        filing.save_claim(other, draft, item.code, None, parts=[0])
        answer = save_claim(mine, draft, item.code, headers={}, value="", parts=["1"], ticks="1", seen="")
        shown = answer.content.decode()
        assert answer.status_code == 409
        assert (item.parts[0].when in shown, item.parts[1].when in shown) == (True, True)
        address = reverse("claim-save", args=[draft.pk, item.code])
        assert self.choose(mine, address, shown, **{"choice-value": "theirs"}).status_code == 302
        assert draft.claims.get(item_code=item.code).parts == [0]

    def test_hostile_text_stays_text(self, mine, other, draft):
        filing.save_statement(other, draft, "D01", "<script>alert(1)</script>")
        answer = mine.post(reverse("statement-save", args=[draft.pk, "D01"]), {"text": '"><b>', "seen": ""})
        assert answer.status_code == 409
        assert "<script>alert" not in answer.content.decode()


class TestParts:
    def test_ticked_parts_come_back_even_where_several_sets_make_the_same_total(self, mine, draft):
        item = first_sum(draft)
        told = save_claim(mine, draft, item.code, value="", parts=["1"], ticks="1")
        assert told.status_code == 200
        claim = draft.claims.get(item_code=item.code)
        assert (claim.parts, claim.value) == ([1], item.parts[1].points)
        card = page(mine, "application-items", draft).partition(f'id="item-{item.code}"')[2].partition("</article>")[0]
        assert re.findall(r'name="parts" value="(\d+)" checked', card) == ["1"]
        assert re.findall(r'name="value" value="([^"]*)" checked', card) == [str(item.parts[1].points)]

    def test_parts_with_another_sum_are_refused_with_the_sum(self, mine, draft):
        item = first_sum(draft)
        told = save_claim(mine, draft, item.code, value="0", parts=["0"], ticks="1")
        assert [row["code"] for row in told.json()["problems"]] == ["parts_sum"]

    def test_a_part_that_does_not_exist_is_refused(self, mine, draft):
        item = first_sum(draft)
        told = save_claim(mine, draft, item.code, value="", parts=[str(len(item.parts))], ticks="1")
        assert [row["code"] for row in told.json()["problems"]] == ["part_unknown"]

    def test_a_mark_that_its_parts_do_not_make_forgets_them(self, draft):
        item, by = first_sum(draft), scenes.person("applicant")
        filing.save_claim(by, draft, item.code, None, parts=[0])
        assert filing.save_claim(by, draft, item.code, 0).parts == []


class TestPerson:
    @pytest.mark.parametrize(
        "name,place", [("claim-save", "4.2.1"), ("statement-save", "D01"), ("application-data", "")]
    )
    def test_a_script_whose_session_has_ended_is_told_so_and_not_sent_away(self, draft, name, place):
        told = Client().post(reverse(name, args=[draft.pk, place] if place else [draft.pk]), {}, headers=JSON)
        assert (told.status_code, told.json()["problems"][0]["code"]) == (401, "signed_out")

    def test_a_form_whose_session_has_ended_goes_to_sign_in(self, draft):
        assert Client().post(reverse("claim-save", args=[draft.pk, "4.2.1"]), {"value": "9"}).status_code in (200, 302)

    @pytest.mark.parametrize("headers,status", [(JSON, 401), ({}, 409)], ids=["script", "form"])
    def test_what_one_person_typed_is_never_saved_as_another(self, mine, other, draft, headers, status):
        answer = save_claim(mine, draft, "4.2.1", headers=headers, value="9", person=str(other.pk))
        assert (answer.status_code, draft.claims.exists()) == (status, False)
        assert save_claim(mine, draft, "4.2.1", value="9", person=str(scenes.person("applicant").pk)).status_code == 200


def visible(client, application, query):
    """Codes of the items that the page shows for a query."""
    cards = re.findall(
        r'<article class="[^"]*" id="item-([^"]+)"[^>]*>', page(client, "application-items", application, query)
    )
    text = page(client, "application-items", application, query)
    hidden = set(re.findall(r'<article class="[^"]*" id="item-([^"]+)"[^>]* hidden>', text))
    return [code for code in cards if code not in hidden]


class TestFinding:
    def test_every_word_must_occur_in_code_name_or_requirement(self, mine, draft):
        item = draft.standard.item("4.2.1")
        assert visible(mine, draft, "?q=4.2.1") == ["4.2.1"]
        assert "4.2.1" in visible(mine, draft, f"?q={item.name[:2]}+{item.requirement[:3]}")
        assert visible(mine, draft, "?q=4.2.1+没有这样的字") == []

    def test_filters_are_combined(self, mine, draft):
        by = scenes.person("applicant")
        filing.save_claim(by, draft, "4.2.1", 6)
        filing.save_claim(by, draft, "4.2.2", 0)
        assert visible(mine, draft, "?show=unproved&show=loses") == ["4.2.1"]
        assert visible(mine, draft, "?show=loses") == ["4.2.1", "4.2.2"]
        assert visible(mine, draft, "?show=loses&q=4.2.2") == ["4.2.2"]
        assert "4.2.1" not in visible(mine, draft, "?show=unmarked")
        assert visible(mine, draft, "?show=nonsense&level=x") == [item.code for item in draft.standard.items("design")]

    @pytest.mark.parametrize("level", [1, 2, 3])
    def test_a_level_shows_exactly_what_it_hangs_on(self, mine, draft, level):
        needed = [
            item.code
            for item in draft.standard.items("design")
            if (item.from_level or (1 if item.kind == "control" else 9)) <= level
        ]
        assert visible(mine, draft, f"?level={level}") == needed

    def test_in_a_correction_what_is_open_can_be_picked_out(self, mine, correction):
        assert visible(mine, correction, "?show=open") == ["4.2.1", "4.2.2"]


def prove(application, code, count):
    """So many proofs of one item, as rows; their files are one."""
    row = application.evidence.first() or proofs.add_evidence(
        scenes.person("applicant"), application, "drawing", papers.pdf("图", application.project.number), [code]
    )
    rows = [
        Evidence(**{field.attname: getattr(row, field.attname) for field in Evidence._meta.concrete_fields
                    if not field.primary_key})
        for _number in range(count - application.evidence.count())
    ]  # fmt: skip
    made = Evidence.objects.bulk_create(rows)
    EvidenceLink.objects.bulk_create(EvidenceLink(evidence=one, item_code=code) for one in made)


def test_the_self_assessment_costs_the_same_with_1_and_with_300_proofs(mine, draft):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            page(mine, "application-items", draft)
        return len(captured)

    by = scenes.person("applicant")
    filing.save_claim(by, draft, "4.2.1", 6)
    prove(draft, "4.2.1", 1)
    queries()
    one = queries()
    for item in draft.standard.items("design"):
        filing.save_claim(by, draft, item.code, True if item.mode == "pass" else 0)
    prove(draft, "4.2.1", 300)
    assert (queries(), draft.evidence.count()) == (one, 300)


def test_the_overview_names_what_is_missing_with_a_link_to_the_very_field(mine, draft):
    Application.objects.get(pk=draft.pk)
    filing.save_case_data(scenes.person("applicant"), draft, None, {"planning_permit_on": None})
    text = page(mine, "application", draft)
    assert f'{reverse("application-data", args=[draft.pk])}#id_planning_permit_on"' in text
    assert f"{reverse('application-items', args=[draft.pk])}#item-" in text
    assert "完成“基本信息”，还差 1 项。" in text
