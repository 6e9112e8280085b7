"""The panel together: amended marks, the result counted anew, signatures under the opinion."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from evaluation import deliberating, marking, sheets, wording, work
from evaluation.models import Amendment, Endorsement
from evaluation.workflow import APPLICATION, ASSIGNMENT
from portal import clock, tasks
from portal.accounts import Confirmed
from portal.demo import journey, people
from portal.demo.people import PASSWORD
from portal.machine import NotAllowed, Stale
from portal.models import Event
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pk(world):
    """A case whose panel deliberates."""
    return world.case_at("deliberation").pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


@pytest.fixture
def member(case):
    return next(row for row in people.panel_of(case, "signed") if not row.is_leader)


@pytest.fixture
def leader(case):
    return next(row for row in people.panel_of(case, "signed") if row.is_leader)


def again(row):
    """A seat as the next request finds it."""
    return ASSIGNMENT.visible_to(row.expert.user).get(pk=row.pk)


def act(row, action, **said):
    return ASSIGNMENT.perform(again(row), action, by=row.expert.user, **said)


def sign_again(row):
    return act(row, "sign_again", **journey.signature(row.expert.user))


def scored_mark(row):
    """A mark of the sheet that can be changed to another legal one, and that other one."""
    standard = row.application.standard
    for mark in row.marks.exclude(value=None).order_by("item_code"):
        item = standard.item(mark.item_code)
        if item.mode == "steps":
            return mark, next(value for value in (0, str(item.points)) if standard.check_mark(item, value) is None)
        if item.mode == "pass":
            return mark, not mark.value
    raise LookupError


def amend(row):
    """Open the sheet, change one mark, sign it again; return the mark as it was."""
    act(row, "amend")
    mark, value = scored_mark(again(row))
    deliberating.amend_mark(
        row.expert.user, again(row), mark.item_code, value=value, reason="示例：合议后核对了点位表。"
    )
    sign_again(row)
    return mark


def give_opinion(case):
    journey.give_opinion(journey.fresh(case))


def endorse(row, agrees="yes", **said):
    return act(row, "endorse", agrees=agrees, **{**journey.signature(row.expert.user), **said})


# --- amending -----------------------------------------------------------------------------------------------------


def test_an_amended_mark_keeps_what_stood_before_and_why_it_changed(case, member):
    act(member, "amend")
    mark, value = scored_mark(again(member))
    by = member.expert.user
    deliberating.amend_mark(by, again(member), mark.item_code, value=value, reason="  示例：核对了点位表。 ")
    row = Amendment.objects.get(mark=mark)
    assert (row.before, row.after, row.reason) == (mark.value, value, "示例：核对了点位表。")
    mark.refresh_from_db()
    assert (mark.value, mark.reason) == (value, "示例：核对了点位表。")


def test_a_sheet_is_amended_by_nobody_else_and_only_while_it_is_open(case, member, leader):
    mark, value = scored_mark(member)
    said = {"value": value, "reason": "示例"}
    with pytest.raises(Stale):
        deliberating.amend_mark(member.expert.user, again(member), mark.item_code, **said)
    act(member, "amend")
    with pytest.raises(NotAllowed):
        deliberating.amend_mark(leader.expert.user, again(member), mark.item_code, **said)
    deliberating.amend_mark(member.expert.user, again(member), mark.item_code, **said)
    sign_again(member)
    with pytest.raises(Stale):
        deliberating.amend_mark(member.expert.user, again(member), mark.item_code, **said)
    assert Amendment.objects.count() == 1


@pytest.mark.parametrize(
    "change, problems",
    [
        ({"reason": " "}, [("required", "reason")]),
        ({"value": None}, [("mark_missing", "value")]),
        ({"value": "十分"}, [("mark_illegal", "{code}")]),
        ({"code": "99.9"}, [("item_unknown", "99.9")]),
        ({"same": True}, [("unchanged", "value")]),
    ],
)
def test_an_amendment_that_says_too_little_or_nothing_new_is_refused(case, member, change, problems):
    act(member, "amend")
    mark, value = scored_mark(again(member))
    code = change.pop("code", mark.item_code)
    said = {"value": mark.value if change.pop("same", False) else value, "reason": "示例", **change}
    with refused() as found:
        deliberating.amend_mark(member.expert.user, again(member), code, **said)
    expected = [(name, place.format(code=mark.item_code)) for name, place in problems]
    assert [place for _code, place in found] == [place for _code, place in expected]
    assert not Amendment.objects.exists()


def test_while_somebody_amends_the_panel_neither_speaks_nor_ends_nor_counts(case, member, leader):
    act(member, "amend")
    organiser = people.officer("organiser")
    for by, action, said in (
        (leader.expert.user, "give_opinion", {"opinion": "同意", "notes": {}}),
        (leader.expert.user, "ask_revision", {"items": "4.1.1", "reason": "示例"}),
        (leader.expert.user, "recount", {}),
        (organiser, "close_review", {}),
    ):
        with refused() as found:
            APPLICATION.perform(scenes.case(case.pk), action, by=by, **said)
        assert ("amending", "") in found


# --- counting anew ------------------------------------------------------------------------------------------------


def test_amended_sheets_are_counted_into_a_result_of_their_own_and_the_first_stays(case, member, leader):
    first = marking.result_of(case)
    mark = amend(member)
    with refused() as found:
        APPLICATION.perform(
            scenes.case(case.pk), "give_opinion", by=leader.expert.user, opinion="同意",
            notes=dict.fromkeys(first.trace["flagged"], "示例"),
        )  # fmt: skip
    assert found == [("result_outdated", "")]
    APPLICATION.perform(scenes.case(case.pk), "recount", by=leader.expert.user)
    tasks.advance("application", case.pk)
    case = scenes.case(case.pk)
    second = marking.result_of(case)
    assert (case.state, first.count, second.count) == ("deliberation", 1, 2)
    sheet = next(sheet for sheet in second.sheets if sheet["scorer"] == member.expert.number)
    before = next(sheet for sheet in first.sheets if sheet["scorer"] == member.expert.number)
    assert before["marks"][mark.item_code] == mark.value
    assert {code for code in sheet["marks"] if sheet["marks"][code] != before["marks"][code]} == {mark.item_code}
    assert case.results.count() == 2


def test_counting_twice_makes_no_second_row(case, member):
    amend(member)
    APPLICATION.perform(scenes.case(case.pk), "recount", by=people.officer("organiser"))
    marking.compute(scenes.case(case.pk))  # a worker that died before the act that ends the step
    tasks.advance("application", case.pk)
    assert case.results.count() == 2


def test_nothing_amended_nothing_to_count(case, leader):
    with refused() as found:
        APPLICATION.perform(case, "recount", by=leader.expert.user)
    assert found == [("result_current", "")]


def test_a_sheet_opened_and_signed_without_a_change_is_what_it_was(case, member):
    digest = member.signed_sha256
    act(member, "amend")
    sign_again(member)
    assert again(member).signed_sha256 == digest
    assert not deliberating.is_outdated(case, marking.result_of(case))


# --- signing the opinion ------------------------------------------------------------------------------------------


def test_a_signature_is_the_own_name_by_somebody_who_has_just_shown_the_password(case, member, leader):
    give_opinion(case)
    other = leader.expert.user
    for said, problems in (
        ({"signed_name": other.name}, [("signed_name", "signed_name")]),
        ({"password": Confirmed(other.pk)}, [("password", "password")]),
        ({"password": "a text that nobody has looked at"}, [("password", "password")]),
        ({"password": ""}, [("required", "password")]),
    ):
        with refused() as found:
            endorse(member, **said)
        assert found == problems
    endorse(member)
    event = Event.objects.of(member).last()
    assert set(event.data) == {"from", "to", "agrees", "signed_name", "opinion_sha256"}


def test_dissent_is_said_in_words_and_stands_beside_the_signature(case, member):
    give_opinion(case)
    with refused() as found:
        endorse(member, "no")
    assert found == [("dissent_missing", "dissent")]
    with refused() as found:
        endorse(member, "yes", dissent="示例：不同意加分。")
    assert found == [("dissent_unasked", "agrees")]
    endorse(member, "no", dissent="示例：不同意加分。")
    row = Endorsement.objects.get(assignment=member)
    assert (row.agrees, row.dissent) == (False, "示例：不同意加分。")


def test_nobody_signs_an_opinion_that_is_not_there(case, member):
    with refused() as found:
        endorse(member)
    assert found == [("opinion_missing", "")]


def test_another_opinion_wants_other_signatures(case, member, leader):
    give_opinion(case)
    endorse(member)
    assert set(deliberating.endorsements(marking.result_of(case))) == {member.pk}
    notes = dict.fromkeys(marking.result_of(case).trace["flagged"], "示例：以平均值为准。")
    APPLICATION.perform(
        scenes.case(case.pk), "give_opinion", by=leader.expert.user, opinion="示例：改了措辞。", notes=notes
    )
    assert deliberating.endorsements(marking.result_of(case)) == {}
    endorse(member)
    assert set(deliberating.endorsements(marking.result_of(case))) == {member.pk}


def test_the_review_ends_when_all_have_signed(case, member):
    give_opinion(case)
    organiser = people.officer("organiser")
    rest = [row for row in people.panel_of(case, "signed") if row.pk != member.pk]
    for row in rest:
        endorse(row)
    with refused() as found:
        APPLICATION.perform(scenes.case(case.pk), "close_review", by=organiser)
    assert found == [("endorsement_missing", "")]
    endorse(member)
    APPLICATION.perform(scenes.case(case.pk), "close_review", by=organiser)
    assert scenes.case(case.pk).state == "approval"


def test_a_signature_that_does_not_come_in_time_holds_up_nobody(case, member):
    give_opinion(case)
    for row in people.panel_of(case, "signed"):
        if row.pk != member.pk:
            endorse(row)
    last = clock.deadline("endorsement", timezone.localdate(), case.project.programme_id)
    assert deliberating.last_day_to_endorse(case) == last
    case = scenes.case(case.pk)
    assert [row.pk for row in deliberating.unsigned(case, last)] == [member.pk]
    assert deliberating.unsigned(case, last + timedelta(days=1)) == []


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client):
    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


def said_by(user, **more):
    return {"signed_name": user.name, "password": PASSWORD, **more}


def test_a_member_amends_and_signs_again_on_one_page(case, member, signed_in):
    browser, address = signed_in(member.expert.user), reverse("amend", args=[member.pk])
    assert browser.post(address, {"action": "amend"}).status_code == 302
    mark, value = scored_mark(again(member))
    page = browser.get(address, {"item": mark.item_code})
    assert page.context["form"].initial == {"value": wording.mark_text(mark.value)}
    said = {"item": mark.item_code, "value": wording.mark_text(value)}
    refused_page = browser.post(address, {**said, "reason": ""})
    assert refused_page.status_code == 422
    assert refused_page.context["form"].errors == {"reason": ["请写明改评理由。"]}
    assert refused_page.context["form"]["value"].value() == wording.mark_text(value)
    assert browser.post(address, {**said, "reason": "示例"}).status_code == 302
    wrong = browser.post(address, {"action": "sign_again", **said_by(member.expert.user, password="wrong")})
    assert wrong.status_code == 422
    assert wrong.context["acts"]["sign_again"].errors == {"password": ["密码不正确，请重新输入。"]}
    assert browser.post(address, {"action": "sign_again", **said_by(member.expert.user)}).status_code == 302
    assert again(member).state == "signed"


def test_the_amending_page_is_its_experts_alone_and_only_in_the_deliberation(case, member, leader, signed_in):
    address = reverse("amend", args=[member.pk])
    assert signed_in(leader.expert.user).get(address).status_code == 404
    assert signed_in(people.officer("organiser")).get(address).status_code == 403
    assert signed_in(member.expert.user).post(address, {"item": "99.9", "value": "1", "reason": "x"}).status_code == 403


def test_what_waits_on_a_member_is_the_signature_and_then_nothing(case, member, signed_in):
    give_opinion(case)
    key = f"assignment-{member.pk}"
    found = {row.key: row for row in work.waiting_on(member.expert.user)}
    assert (found[key].sentence, found[key].link) == ("在专家组意见上签字", reverse("panel", args=[case.pk]))
    page = signed_in(member.expert.user).get(found[key].link)
    assert [row.action for row, _link in page.context["own_links"]] == ["endorse", "amend"]
    endorse(member, "no", dissent="示例：不同意。")
    assert key not in {row.key for row in work.waiting_on(member.expert.user)}
    page = signed_in(people.officer("organiser")).get(reverse("panel", args=[case.pk]))
    signed = {row.pk: kept.dissent for row, _label, kept in page.context["endorsements"] if kept}
    assert signed == {member.pk: "示例：不同意。"}


def test_nobody_is_led_to_sign_before_there_is_an_opinion_and_who_signs_comes_back_to_the_panel(
    case, member, signed_in
):
    browser, panel = signed_in(member.expert.user), reverse("panel", args=[case.pk])
    assert [row.action for row, _link in browser.get(panel).context["own_links"]] == ["amend"]
    give_opinion(case)
    said = said_by(member.expert.user, agrees="yes")
    answer = browser.post(reverse("act", args=["assignment", member.pk, "endorse"]), said)
    assert (answer.status_code, answer["Location"]) == (302, panel)


def test_an_opinion_that_was_reworded_while_it_was_read_is_not_signed_and_shown_as_it_stands(
    case, member, leader, signed_in
):
    browser, place = signed_in(member.expert.user), reverse("act", args=["assignment", member.pk, "endorse"])
    give_opinion(case)
    read = browser.get(place).context["digest"]
    notes = dict.fromkeys(marking.result_of(case).trace["flagged"], "示例：以平均值为准。")
    reworded = {"opinion": "示例：改了措辞。", "notes": notes}
    APPLICATION.perform(scenes.case(case.pk), "give_opinion", by=leader.expert.user, **reworded)
    said = said_by(member.expert.user, agrees="yes")
    answer = browser.post(place, {**said, "read": read})
    assert (answer.status_code, deliberating.endorsements(marking.result_of(case))) == (422, {})
    assert "您看过之后内容有改动" in answer.content.decode()
    assert "示例：改了措辞。" in answer.content.decode()
    answer = browser.post(place, {**said, "read": answer.context["digest"]})
    assert (answer.status_code, set(deliberating.endorsements(marking.result_of(case)))) == (302, {member.pk})


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_program_says_what_it_read_in_whatever_language(case, member, signed_in, language):
    browser, acts = signed_in(member.expert.user), f"/api/v1/assignments/{member.pk}/acts/"
    give_opinion(case)
    row = next(
        row for row in browser.get(acts, headers={"accept-language": language}).json() if row["action"] == "endorse"
    )
    assert marking.result_of(case).opinion in [part["words"] for part in row["reads"]]
    said = {**said_by(member.expert.user, agrees="yes"), "read": "0" * 64}
    answer = browser.post(f"{acts}endorse/", said, content_type="application/json")
    assert (answer.status_code, [problem["code"] for problem in answer.json()["problems"]]) == (409, ["changed"])
    assert (
        browser.post(f"{acts}endorse/", said | {"read": row["read"]}, content_type="application/json").status_code
        == 200
    )


@pytest.mark.parametrize("state, name", [("signed", "sheet"), ("amending", "amend")])
def test_the_seats_page_leads_a_member_to_the_own_sheet_and_to_the_panel(case, member, signed_in, state, name):
    if state == "amending":
        act(member, "amend")
    page = signed_in(member.expert.user).get(reverse("assignment", args=[member.pk]))
    hrefs = set(re.findall(r'href="(/a[^"]+)"', page.content.decode().partition("<main")[2]))
    assert hrefs == {reverse(name, args=[member.pk]), reverse("panel", args=[case.pk])}


def test_the_panel_reads_how_far_it_is_from_each_level(case, leader, signed_in):
    page = signed_in(leader.expert.user).get(reverse("panel", args=[case.pk]))
    total = marking.result_of(case).total
    rows = [row for row in page.context["summary"].thresholds if row.what == "总分"]
    assert [row.met for row in rows] == [total >= level.min_total for level in case.standard.levels]
    assert [Decimal(row.margin) for row in rows] == [
        round(total - Decimal(str(level.min_total)), 2) for level in case.standard.levels
    ]


def test_an_opinion_begins_with_the_programmes_template(case, leader, signed_in):
    page = signed_in(leader.expert.user).get(reverse("panel", args=[case.pk]))
    text = page.context["acts"]["give_opinion"]["opinion"].value()
    assert case.project.community.name in text
    assert f"总分{marking.result_of(case).trace['total']}" in text
    assert "{" not in text


# --- the paper ----------------------------------------------------------------------------------------------------


def test_a_signed_sheet_is_a_pdf_with_its_hash_and_every_mark(case, member, leader, signed_in):
    address = reverse("sheet-file", args=[member.pk])
    answer = signed_in(member.expert.user).get(address)
    assert answer["Content-Type"] == "application/pdf"
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)
    words = "".join(text.split())
    assert member.signed_sha256 in words
    assert member.expert.user.name in words
    for mark in member.marks.exclude(value=None):
        assert mark.item_code in words
    assert signed_in(leader.expert.user).get(address).status_code == 404
    assert signed_in(people.officer("supervisor")).get(address).status_code == 200


def test_the_same_sheet_is_the_same_paper(member):
    assert sheets.sheet_pdf(again(member)) == sheets.sheet_pdf(again(member))
