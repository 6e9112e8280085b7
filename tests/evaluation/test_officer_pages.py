"""The officers' pages: who sees which, the queue, findings and the correction notice, the draw, the panel, the approval."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import Community, Officer
from evaluation import explaining, findings, marking
from evaluation.findings import Late
from evaluation.models import Application, Finding, HoldingRule, Project, Submission
from evaluation.permissions import can_see_sheets
from evaluation.workflow import APPLICATION
from experts import draw as lots
from portal.demo import journey, people
from portal.machine import NotAllowed, Stale
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.one_database]
STATES = ("form_check", "drawing", "cosigning", "review", "deliberation", "approval")


world, own_files = scenes.shared_world(experts=40, employers=24)


@pytest.fixture(scope="module")
def cases(world):
    """State -> id of a case there."""
    return {state: world.case_at(state).pk for state in STATES}


@pytest.fixture
def at(cases):
    return lambda state: scenes.case(cases[state])


@pytest.fixture
def signed_in(client):
    def sign_in(username):
        client.force_login(scenes.person(username))
        return client

    return sign_in


def seat(application, *, leader):
    rows = people.panel_of(application, "accepted", "signed")
    return next(row.expert.user.username for row in rows if row.is_leader == leader)


def text_of(response):
    return response.content.decode()


# --- who sees which page ------------------------------------------------------------------------------------------

EVERYBODY = (
    "intake", "organiser", "approver", "supervisor", "pool-keeper", "district-1", "applicant", "other-applicant",
    "system-administrator",
)  # fmt: skip
# page -> (state, who gets 200, who gets 403; everybody else 404)
PAGES = {
    "form-check": ("form_check", {"intake", "organiser", "approver", "supervisor"}, {"district-1", "applicant"}),
    "draw": ("drawing", {"organiser", "supervisor"}, {"intake", "approver", "district-1", "applicant"}),
    "panel": ("deliberation", {"organiser", "approver", "supervisor"}, {"intake", "district-1", "applicant"}),
    "approval": ("approval", {"organiser", "approver", "supervisor"}, {"intake", "district-1", "applicant"}),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("username", EVERYBODY)
def test_each_page_of_a_case_opens_for_those_whose_business_it_is(cases, signed_in, name, username):
    state, seen, forbidden = PAGES[name]
    response = signed_in(username).get(reverse(name, args=[cases[state]]))
    expected = 200 if username in seen else 403 if username in forbidden else 404
    assert response.status_code == expected


@pytest.mark.parametrize(
    "name,seen",
    [
        ("queue", {"intake", "organiser", "approver", "supervisor", "district-1"}),
        ("experts", {"intake", "organiser", "approver", "supervisor", "district-1", "pool-keeper"}),
    ],
)
@pytest.mark.parametrize("username", EVERYBODY)
def test_the_lists_are_for_officers(world, signed_in, name, seen, username):
    assert signed_in(username).get(reverse(name)).status_code == (200 if username in seen else 403)


@pytest.mark.parametrize("name", [*PAGES, "queue", "experts"])
def test_who_is_not_signed_in_is_asked_to(cases, client, name):
    address = reverse(name, args=[cases[PAGES[name][0]]] if name in PAGES else [])
    response = client.get(address)
    assert (response.status_code, response.url) == (302, f"{reverse('sign-in')}?next={address}")


# --- queue --------------------------------------------------------------------------------------------------------


def listed(response):
    return [case["row"].pk for case in response.context["cases"]]


@pytest.mark.parametrize(
    "username,states",
    [
        ("intake", {"form_check"}),
        ("organiser", {"drawing", "deliberation"}),
        ("supervisor", {"cosigning"}),
        ("approver", {"approval"}),
        ("district-1", set()),
    ],
)
def test_the_queue_begins_with_what_waits_on_me(cases, signed_in, username, states):
    response = signed_in(username).get(reverse("queue"))
    assert set(listed(response)) == {cases[state] for state in states}


def test_the_queue_finds_by_part_of_a_name_a_number_or_a_unit(at, cases, signed_in):
    case = at("review")
    for words in (case.project.community.name[2:], case.project.number[-4:], case.project.organisation.name[2:5]):
        response = signed_in("supervisor").get(reverse("queue"), {"show": "open", "q": words})
        assert cases["review"] in listed(response)
    assert listed(signed_in("supervisor").get(reverse("queue"), {"show": "open", "q": "没有这样的小区"})) == []


@pytest.mark.parametrize("name,value", [("state", "review"), ("stage", "design"), ("programme", "smart_community")])
def test_the_queue_is_narrowed_by_each_filter(cases, signed_in, name, value):
    response = signed_in("supervisor").get(reverse("queue"), {"show": "open", name: value})
    expected = {cases["review"]} if name == "state" else set(cases.values())
    assert set(listed(response)) == expected


@pytest.mark.parametrize("asked", [{"state": "nothing"}, {"q": "逾其:是"}, {"sort": "nothing"}])
def test_a_query_that_cannot_be_read_is_not_answered_with_no_cases_found(cases, signed_in, asked):
    page = text_of(signed_in("supervisor").get(reverse("queue"), {"show": "open", **asked}))
    said = ("查找条件有误，没有列出案件", "没有符合条件的案件", "共 0 件")
    assert [words for words in said if words in page] == ["查找条件有误，没有列出案件"]


@pytest.mark.parametrize(
    "username, names",
    [
        ("intake", {"outbox", "batches", "exports", "hand-over", "stand-ins", "conflicts", "late-findings"}),
        ("supervisor", {"outbox", "batches", "exports", "hand-over", "stand-ins", "conflicts", "late-findings"}),
        ("district-1", {"outbox", "batches", "exports", "hand-over", "stand-ins", "conflicts"}),
    ],
)
def test_an_empty_queue_still_leads_to_the_pages_beside_it(cases, signed_in, username, names):
    page = signed_in(username).get(reverse("queue"), {"show": "open", "q": "没有这样的小区"})
    beside = {"outbox", "batches", "exports", "hand-over", "stand-ins", "conflicts", "late-findings"}
    assert listed(page) == []
    assert {name for name in beside if f'href="{reverse(name)}"' in text_of(page)} == names


def test_an_unknown_page_is_the_first(cases, signed_in):
    response = signed_in("supervisor").get(reverse("queue"), {"show": "open", "page": "x"})
    assert set(listed(response)) == set(cases.values())


def more_cases(at, number):
    first = at("form_check").project
    for place in range(number):
        community = Community.objects.create(
            organisation=first.organisation, name=f"示例小区{place}", district=first.community.district,
            address="示例路", floor_area=1, households=1, buildings=1,
        )  # fmt: skip
        project = Project.objects.create(
            number=f"T-{place}", programme=first.programme, standard=first.standard, community=community,
            organisation=first.organisation, target_level=1, created_by=first.created_by,
        )  # fmt: skip
        Application.objects.create(project=project, stage="design", state="form_check", due_on=timezone.localdate())


def queries_of(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as counted:
        client.get(address)
    return len(counted)


def test_a_long_queue_costs_no_more_queries_than_a_short_one(at, signed_in):
    client = signed_in("intake")
    short = queries_of(client, reverse("queue"))
    more_cases(at, 30)
    assert queries_of(client, reverse("queue")) == short
    assert len(listed(client.get(reverse("queue")))) == 25


# --- findings -----------------------------------------------------------------------------------------------------


def intake():
    return scenes.person("intake")


@pytest.mark.parametrize(
    "place,text,problems",
    [
        (("item", "0.0.0"), "缺少点位表", [("place_unknown", "place")]),
        (("document", "D04"), " ", [("required", "text")]),
        (("nothing", ""), "", [("place_unknown", "place"), ("required", "text")]),
    ],
)
def test_a_finding_says_what_and_where(at, place, text, problems):
    with scenes.refused() as found:
        findings.add_finding(intake(), at("form_check"), *place, text)
    assert found == problems


def test_the_same_finding_is_not_noted_twice(at):
    findings.add_finding(intake(), at("form_check"), "document", "D04", "缺签章")
    with scenes.refused() as found:
        findings.add_finding(intake(), at("form_check"), "document", "D04", "缺签章 ")
    assert found == [("double", "text")]


@pytest.mark.parametrize("username", ["organiser", "supervisor", "applicant", "district-1"])
def test_only_intake_finds(at, username):
    with pytest.raises(NotAllowed):
        findings.add_finding(scenes.person(username), at("form_check"), "document", "D04", "缺签章")


def test_nothing_is_found_once_the_case_has_moved_on(at):
    with pytest.raises(Stale):
        findings.add_finding(intake(), at("review"), "document", "D04", "缺签章")


def test_a_finding_is_added_from_the_page_and_taken_back(at, signed_in):
    case = at("form_check")
    client = signed_in("intake")
    response = client.post(reverse("finding-add", args=[case.pk]), {"place": "document:D04", "text": "缺签章"})
    finding = Finding.objects.get(application=case)
    assert (response.status_code, finding.place, finding.text, finding.by) == (302, "D04", "缺签章", intake())
    assert client.post(reverse("finding-remove", args=[finding.pk])).status_code == 302
    assert not Finding.objects.filter(application=case).exists()


def test_a_refused_finding_keeps_what_was_typed(at, signed_in):
    response = signed_in("intake").post(
        reverse("finding-add", args=[at("form_check").pk]), {"place": "", "text": "缺签章"}
    )
    assert response.status_code == 422
    assert response.context["form"]["text"].value() == "缺签章"
    assert list(response.context["form"].errors) == ["place"]


def keep_problem(case, record):
    sealed = Submission.objects.get(application=case, version=case.version)
    checks = [{**row, "problems": [record] if row["rule"] == "documents_are_present" else []} for row in sealed.checks]
    Submission.objects.filter(pk=sealed.pk).update(checks=checks)
    return sealed.data


def problem(place, **params):
    return {"code": "example", "place": place, "message": "“%(name)s”有误。", "params": {"name": "示例", **params}}


def test_one_click_makes_a_finding_of_what_a_rule_found(at, signed_in):
    case = at("form_check")
    keep_problem(case, problem("D04"))
    client = signed_in("intake")
    said = {"rule": "documents_are_present", "number": "0"}
    assert client.post(reverse("finding-take-up", args=[case.pk]), said).status_code == 302
    finding = Finding.objects.get(application=case)
    assert (finding.kind, finding.place, finding.text, finding.rule) == (
        "document", "D04", "“示例”有误。", "documents_are_present",
    )  # fmt: skip
    page = client.get(reverse("form-check", args=[case.pk]))
    assert [row["noted"] for row in page.context["rules"]["failed"][0]["problems"]] == [True]


def test_what_the_platform_supplies_is_not_called_missing(at, signed_in):
    page = signed_in("intake").get(reverse("form-check", args=[at("form_check").pk]))
    assert [row["document"].code for row in page.context["documents"] if row["supplied"]] == ["D03"]
    assert page.content.decode().count("由平台自动取得，无须上传。") == 1


def test_a_broken_proof_is_found_at_every_item_that_it_proves(at):
    case = at("form_check")
    data = Submission.objects.get(application=case, version=case.version).data
    proof = next(row for row in data["evidence"] if len(row["items"]) > 1)
    keep_problem(case, problem("evidence", name=proof["name"]))
    made = findings.take_up(intake(), case, "documents_are_present", 0)
    codes = {code for row in data["evidence"] if row["name"] == proof["name"] for code in row["items"]}
    assert {(row.kind, row.place) for row in made} == {("item", code) for code in codes}


@pytest.mark.parametrize(
    "said", [{"rule": "nothing", "number": "0"}, {"rule": "documents_are_present", "number": "x"}, {}]
)
def test_a_problem_that_no_rule_found_cannot_be_taken_up(at, signed_in, said):
    response = signed_in("intake").post(reverse("finding-take-up", args=[at("form_check").pk]), said)
    assert (response.status_code, response.context["sentences"]) == (422, ["自动检查结果中没有这一问题。"])


# --- the decision -------------------------------------------------------------------------------------------------


def decide(client, case, action, **said):
    return client.post(reverse("form-check", args=[case.pk]), {"action": action, **said})


def errors_of(response, action):
    return dict(response.context["acts"][action].errors)


def test_a_case_is_accepted_from_its_form_check(at, signed_in):
    case = at("form_check")
    assert decide(signed_in("intake"), case, "accept").status_code == 302
    assert at("form_check").state == "recommendation"


def test_a_case_with_unsent_findings_is_not_accepted(at, signed_in):
    case = at("form_check")
    findings.add_finding(intake(), case, "document", "D04", "缺签章")
    response = decide(signed_in("intake"), case, "accept")
    assert (response.status_code, at("form_check").state) == (422, "form_check")
    assert errors_of(response, "accept") == {"__all__": ["“D04”处还有未告知的问题，请删除或发出补正告知。"]}


def test_several_findings_at_one_place_are_one_reason_not_to_accept(at, signed_in):
    case = at("form_check")
    for words in ("缺签章", "扫描件不清晰"):
        findings.add_finding(intake(), case, "document", "D04", words)
    response = decide(signed_in("intake"), case, "accept")
    assert errors_of(response, "accept") == {"__all__": ["“D04”处还有未告知的问题，请删除或发出补正告知。"]}


@pytest.mark.parametrize("holds", [True, False])
def test_whoever_decides_is_told_whether_the_notice_still_waits_to_be_sent(at, signed_in, holds):
    case = at("form_check")
    HoldingRule.objects.update_or_create(
        programme="smart_community", verb="application.request_correction", defaults={"holds": holds, "basis": "示例"}
    )
    findings.add_finding(intake(), case, "document", "D04", "缺签章")
    address = reverse("form-check", args=[case.pk])
    page = signed_in("intake").post(address, {"action": "request_correction"}, follow=True)
    assert ("告知还没有送出：先进入“待发消息”" in text_of(page)) is holds


def test_the_page_says_what_stands_in_the_way_before_anybody_decides(at, signed_in):
    case = at("form_check")
    address = reverse("form-check", args=[case.pk])
    assert "要受理，先删除列出的问题" not in text_of(signed_in("intake").get(address))
    findings.add_finding(intake(), case, "document", "D04", "缺签章")
    assert "列有 1 个问题：请发出一次性补正告知；要受理，先删除列出的问题。" in text_of(
        signed_in("intake").get(address)
    )


def test_a_notice_without_findings_is_not_sent(at, signed_in):
    response = decide(signed_in("intake"), at("form_check"), "request_correction")
    assert response.status_code == 422
    assert errors_of(response, "request_correction") == {"__all__": ["还没有列出问题，不能发出补正告知。"]}


def test_a_refusal_needs_a_reason(at, signed_in):
    response = decide(signed_in("intake"), at("form_check"), "refuse", reason="")
    assert response.status_code == 422
    assert list(errors_of(response, "refuse")) == ["reason"]
    assert decide(signed_in("intake"), at("form_check"), "refuse", reason="不属于受理范围").status_code == 302
    assert at("form_check").state == "refused"


@pytest.mark.parametrize("username", ["supervisor", "organiser", "approver"])
def test_who_only_reads_the_form_check_cannot_decide(at, signed_in, username):
    assert decide(signed_in(username), at("form_check"), "accept").status_code == 403


def test_who_comes_second_is_told_so(at, signed_in):
    assert decide(signed_in("intake"), at("review"), "accept").status_code == 409


def second_round(case):
    """The same case back in the form check after one notice that named D04 and one item."""
    journey.request_correction(case)
    journey.resubmit(journey.fresh(case))
    journey.work(journey.fresh(case))
    return journey.fresh(case)


def test_the_second_round_shows_the_differences(at, signed_in):
    case = second_round(at("form_check"))
    page = signed_in("intake").get(reverse("form-check", args=[case.pk]))
    assert {group.section for group in page.context["changes"]} == {"documents", "evidence"}
    assert [finding.place for finding, _label in page.context["sent"]] == ["D04", "4.2.1"]


def test_a_late_finding_needs_a_reason_and_the_supervisor(at, signed_in):
    case = second_round(at("form_check"))
    with scenes.refused() as found:
        findings.add_finding(intake(), case, "document", "D05", "缺签章")
    assert found == [("late_code_missing", "late_code")]
    late = findings.add_finding(intake(), case, "document", "D05", "缺签章", late=Late("unseen", "首轮文件无法打开"))
    response = decide(signed_in("intake"), case, "request_correction")
    assert errors_of(response, "request_correction") == {"__all__": ["“D05”是后续轮次新增的问题，须由监督员放行。"]}
    assert signed_in("intake").post(reverse("finding-release", args=[late.pk])).status_code == 403
    assert signed_in("supervisor").post(reverse("finding-release", args=[late.pk])).status_code == 302
    assert decide(signed_in("intake"), case, "request_correction").status_code == 302
    assert list(case.findings.filter(round=2).values_list("place", "released_by__username")) == [("D05", "supervisor")]


def test_a_place_that_was_named_before_is_not_late(at, signed_in):
    case = second_round(at("form_check"))
    again = findings.add_finding(intake(), case, "document", "D04", "签章仍不清晰", late=Late("other", "不需要"))
    assert (again.late_code, again.late_reason) == ("", "")
    assert decide(signed_in("intake"), case, "request_correction").status_code == 302


def test_what_was_sent_cannot_be_removed_or_released(at):
    case = second_round(at("form_check"))
    sent = case.findings.get(place="D04")
    with scenes.refused() as found:
        findings.remove_finding(intake(), sent)
    assert found == [("sent", "")]
    with scenes.refused() as found:
        findings.release_finding(scenes.person("supervisor"), sent)
    assert found == [("nothing_to_release", "")]


def test_the_notice_is_previewed_by_officers_and_read_by_all_once_sent(at, signed_in):
    case = at("form_check")
    address = reverse("correction-notice", args=[case.pk])
    assert signed_in("intake").get(address).status_code == 404
    findings.add_finding(intake(), case, "document", "D04", "缺签章")
    preview = signed_in("intake").get(address)
    assert (preview.status_code, preview["Content-Type"], preview.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert signed_in("applicant").get(address).status_code == 403
    APPLICATION.perform(case, "request_correction", by=intake())
    assert signed_in("applicant").get(address, {"round": 1}).status_code == 200
    assert signed_in("other-applicant").get(address, {"round": 1}).status_code == 404
    assert signed_in("intake").get(address, {"round": 7}).status_code == 404


# --- draw ---------------------------------------------------------------------------------------------------------


def test_the_draw_is_started_by_two_and_its_receipt_verifies(at, signed_in):
    case = at("drawing")
    address = reverse("draw", args=[case.pk])
    assert signed_in("organiser").post(address, {"action": "propose_draw"}).status_code == 302
    commitment = signed_in("organiser").get(address).context["draw"].commitment
    assert signed_in("organiser").post(address, {"action": "cosign_draw"}).status_code == 403
    assert signed_in("supervisor").post(address, {"action": "cosign_draw"}).status_code == 302
    page = signed_in("organiser").get(address)
    assert len(page.context["asked"]) == case.project.programme.panel_size
    receipt = signed_in("organiser").get(reverse("draw-receipt", args=[case.pk]))
    assert lots.verify_bytes(receipt.content) == []
    assert json.loads(receipt.content)["commitment"] == commitment
    names = [row.expert.number for row, _field in page.context["asked"]]
    assert [name for name in names if name in text_of(receipt)] == []


def test_the_draw_says_who_is_excluded_and_why(at, signed_in):
    case = at("drawing")
    page = signed_in("organiser").get(reverse("draw", args=[case.pk]))
    off = sum(len(rows) for _sentence, rows in page.context["excluded"])
    assert off == page.context["pool_size"] - page.context["drawable_count"]
    assert sum(number for _name, number, _drawable in page.context["seats"]) == case.project.programme.panel_size


def test_one_person_with_both_duties_cannot_start_the_draw_alone(at, signed_in):
    organiser = scenes.person("organiser")
    Officer.objects.create(user=organiser, duty="supervisor", since=timezone.localdate())
    response = signed_in("organiser").post(reverse("draw", args=[at("cosigning").pk]), {"action": "cosign_draw"})
    assert response.status_code == 422
    assert errors_of(response, "cosign_draw") == {"__all__": ["抽取须由两人共同启动，监督员不能是发起人。"]}


def test_a_plan_is_returned_with_a_reason(at, signed_in):
    address = reverse("draw", args=[at("cosigning").pk])
    assert signed_in("supervisor").post(address, {"action": "return_draw", "reason": ""}).status_code == 422
    assert signed_in("supervisor").post(address, {"action": "return_draw", "reason": "席位有误"}).status_code == 302
    assert at("cosigning").state == "drawing"


@pytest.mark.parametrize("username", ["intake", "approver", "applicant"])
def test_the_receipt_is_for_those_who_run_the_draw(at, signed_in, username):
    assert signed_in(username).get(reverse("draw-receipt", args=[at("review").pk])).status_code == 403


# --- panel --------------------------------------------------------------------------------------------------------


def test_nobody_sees_a_mark_before_the_result(at, signed_in):
    case = at("review")
    for username in ("organiser", "supervisor", "approver", seat(case, leader=True), seat(case, leader=False)):
        page = signed_in(username).get(reverse("panel", args=[case.pk]))
        assert (page.status_code, "table" in page.context) == (200, False)


def test_every_member_reads_the_sheets_in_the_deliberation(at, signed_in):
    case = at("deliberation")
    for leader in (True, False):
        page = signed_in(seat(case, leader=leader)).get(reverse("panel", args=[case.pk]))
        assert "table" in page.context


@pytest.mark.parametrize("leader", [True, False])
@pytest.mark.parametrize("state", [*APPLICATION.states])
def test_the_members_right_to_the_sheets_ends_with_the_deliberation(at, state, leader):
    case = at("deliberation")
    member = scenes.person(seat(case, leader=leader))
    Application.objects.filter(pk=case.pk).update(state=state)
    assert can_see_sheets(member, at("deliberation")) is (state in {"deliberation", "revision", "revision_check"})


def test_the_table_shows_every_mark_of_every_item(at, signed_in):
    case = at("deliberation")
    table = signed_in("organiser").get(reverse("panel", args=[case.pk])).context["table"]
    lines = {line.item.code: line for _name, lines in table.chapters for line in lines}
    assert list(lines) == [item.code for item in case.standard.items(case.stage)]
    assert {len(line.cells) for line in lines.values()} == {case.project.programme.panel_size}
    assert [line.item.code for line in table.flagged] == marking.result_of(case).trace["flagged"]


def flag(case, code="4.2.1"):
    """Whether the lots and marks flag an item is chance; what a flagged one asks is not."""
    result = marking.result_of(case)
    result.trace["flagged"] = [code]
    result.save(update_fields=["trace"])
    return code


def test_an_opinion_needs_a_note_on_every_flagged_item_and_keeps_what_was_typed(at, signed_in):
    case = at("deliberation")
    code = flag(case)
    client, address = signed_in(seat(case, leader=True)), reverse("panel", args=[case.pk])
    response = client.post(address, {"action": "give_opinion", "opinion": "同意", code: ""})
    assert response.status_code == 422
    assert errors_of(response, "give_opinion") == {code: [f"条目{code}的评分分歧较大，请写明合议意见。"]}
    assert response.context["acts"]["give_opinion"]["opinion"].value() == "同意"
    assert client.post(address, {"action": "give_opinion", "opinion": "同意", code: "以均值为准"}).status_code == 302
    result = marking.result_of(case)
    assert (result.opinion, result.notes) == ("同意", {code: "以均值为准"})


def test_the_review_ends_once_the_opinion_is_there(at, signed_in):
    case = at("deliberation")
    address = reverse("panel", args=[case.pk])
    response = signed_in("organiser").post(address, {"action": "close_review"})
    assert errors_of(response, "close_review") == {"__all__": ["组长尚未出具专家组意见。"]}
    journey.give_opinion(case)
    journey.endorse_opinion(case)
    assert signed_in("organiser").post(address, {"action": "close_review"}).status_code == 302
    assert at("deliberation").state == "approval"


def test_who_signs_the_opinion_reads_it_on_the_page_that_asks_for_the_signature(at, signed_in):
    case = at("deliberation")
    flag(case)
    journey.give_opinion(case)
    result, mine = marking.result_of(case), seat(case, leader=False)
    member = next(row for row in people.panel_of(case, "signed") if row.expert.user.username == mine)
    page = signed_in(mine).get(reverse("act", args=["assignment", member.pk, "endorse"]))
    headings = ["拟定等级", "专家组意见", "分歧条目的合议意见"]
    assert [heading for heading, _words in page.context["read"]] == headings
    level, opinion, notes = (words for _heading, words in page.context["read"])
    assert (level, opinion) == (explaining.summary(case, result).level_name, result.opinion)
    assert notes == "4.2.1 千兆接入能力：" + result.notes["4.2.1"]
    assert all(f"<h2>{heading}</h2>" in text_of(page) for heading in headings)


def test_a_member_of_the_panel_does_not_speak_for_the_panel(at, signed_in):
    case = at("deliberation")
    said = {"action": "give_opinion", "opinion": "同意"}
    assert signed_in(seat(case, leader=False)).post(reverse("panel", args=[case.pk]), said).status_code == 403


# --- approval -----------------------------------------------------------------------------------------------------


def approve(client, case, action="approve", **said):
    return client.post(reverse("approval", args=[case.pk]), {"action": action, **said})


@pytest.mark.parametrize("action,name", [("approve", "opinion"), ("send_back", "reason"), ("not_pass", "reason")])
def test_every_decision_needs_words(at, signed_in, action, name):
    response = approve(signed_in("approver"), at("approval"), action, **{name: " "})
    assert response.status_code == 422
    assert list(errors_of(response, action)) == [name]


@pytest.mark.parametrize(
    "action,name,state",
    [("approve", "opinion", "notice"), ("send_back", "reason", "deliberation"), ("not_pass", "reason", "not_passed")],
)
def test_each_decision_moves_the_case(at, signed_in, action, name, state):
    assert approve(signed_in("approver"), at("approval"), action, **{name: "示例意见"}).status_code == 302
    assert at("approval").state == state


def test_who_ran_the_panel_does_not_approve_it(at, signed_in):
    Officer.objects.create(user=scenes.person("organiser"), duty="approver", since=timezone.localdate())
    response = approve(signed_in("organiser"), at("approval"), opinion="同意")
    assert response.status_code == 422
    assert errors_of(response, "approve") == {"__all__": ["审定人不能是组织本次评审的人。"]}
    assert response.context["acts"]["approve"]["opinion"].value() == "同意"


def test_the_approver_reads_result_opinion_and_history(at, signed_in):
    page = signed_in("approver").get(reverse("approval", args=[at("approval").pk]))
    result = marking.result_of(at("approval"))
    assert page.context["summary"].total == result.trace["total"]
    assert result.opinion in text_of(page)
    assert page.context["events"][0][0].verb == "application.close_review"


# --- pool ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["pool-keeper", "organiser", "supervisor", "intake", "district-1"])
def test_how_to_reach_an_expert_is_for_those_who_invite(world, signed_in, username):
    shown = "@example.org" in text_of(signed_in(username).get(reverse("experts")))
    assert shown is (username in {"pool-keeper", "organiser"})


def test_the_pool_is_searched_by_words_and_by_field(world, signed_in):
    client = signed_in("pool-keeper")
    everyone = list(client.get(reverse("experts")).context["page"])
    first = everyone[0]
    found = client.get(reverse("experts"), {"q": first.number}).context["page"]
    assert [row.pk for row in found] == [first.pk]
    field = first.fields.first()
    found = client.get(reverse("experts"), {"field": field.pk}).context["page"]
    assert {row.pk for row in found} == {row.pk for row in everyone if field in row.fields.all()}


def test_the_pool_shows_how_many_panels_each_expert_joined_this_year(at, signed_in):
    case = at("review")
    loads = {row.number: row.load for row in signed_in("pool-keeper").get(reverse("experts")).context["page"]}
    assert min(loads[row.expert.number] for row in people.panel_of(case, "accepted", "signed")) >= 1
