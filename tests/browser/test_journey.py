"""The whole journey of a community, by everybody whose journey it is, each at a browser: from an account to the star.

The portal is real: web server, worker, clock, database. What would only repeat what was already done in a browser (the
sheets of the other experts, the papers of the second stage) is done by the functions that the pages call.
"""

from __future__ import annotations

import io
import re
from typing import Any

import pypdf
import pytest
from playwright.sync_api import expect

from tests.browser import applying, deciding, judging, world
from tests.browser.applying import COMMUNITY
from tests.browser.visiting import PHONE, House, Person, step
from tests.running import Portal

pytestmark = pytest.mark.browser


class Journey:
    """One case on its way: its number, its people at their windows, and what was learnt on the way."""

    def __init__(self, house: House, portal: Portal) -> None:
        self.house = house
        self.portal = portal
        self.applicant = house.visitor()
        self.officers = {name: house.person(name) for name in ("intake", "organiser", "supervisor", "approver")}
        self.number = ""

    def case(self, stage: str) -> dict:
        """Where the application of a stage stands now."""
        return self.portal.call(world.case, self.number, stage)

    def officer(self, name: str) -> Person:
        """Somebody of the city at a window."""
        return self.officers[name]

    def panel(self, stage: str) -> str:
        """Where the panel deliberates."""
        return f"/applications/{self.case(stage)['pk']}/panel/"


def test_a_community_goes_the_whole_way_from_an_account_to_its_star(house: House, portal: Portal) -> None:
    journey = Journey(house, portal)
    with step("注册账号、单位、小区，立项", house):
        come_to_a_project(journey)
    with step("设计申报", house):
        file_the_design(journey)
    with step("形式审查、一次补正、受理、推荐", house):
        pass_the_form_check(journey)
    with step("抽取专家", house):
        leader, seat = seat_the_panel(journey)
    with step("评分、合议、审定", house):
        judge_the_design(journey, leader, seat)
    with step("公示与异议", house):
        survive_the_notice(journey)
    with step("预评证书", house):
        read_the_certificate(journey, "design", "二星级")
    with step("过程指导", house):
        be_guided(journey)
    with step("竣工申报与受理", house):
        file_the_completion(journey)
    with step("现场核查、评分、审定", house):
        judge_the_completion(journey)
    with step("星级证书与名录", house):
        read_the_certificate(journey, "completion", "二星级")
        stand_in_the_directory(journey)


def come_to_a_project(journey: Journey) -> None:
    applying.register_an_account(journey.applicant)
    applying.register_a_unit(journey.applicant)
    deciding.approve_the_unit(journey.officer("intake"))
    applying.register_a_community(journey.applicant)
    journey.number = applying.open_a_project(journey.applicant, "二星级")


def file_the_design(journey: Journey) -> None:
    applying.open_an_application(journey.applicant, "设计评价")
    plan = journey.portal.call(world.plan, journey.number, "design")
    applying.hand_in_documents(journey.applicant, journey.number, plan["documents"])
    applying.assess_oneself(journey.applicant, plan["claims"])
    applying.prove_the_items(journey.applicant, journey.number, plan["proofs"])
    applying.hand_in(journey.applicant)


def pass_the_form_check(journey: Journey) -> None:
    name, code = "智慧小区专项设计说明", "D06"
    deciding.send_the_one_correction_notice(journey.officer("intake"), name)
    applying.correct_only_what_is_named(journey.applicant, journey.number, name, code)
    deciding.accept(journey.officer("intake"), again=True)
    deciding.recommend(journey.house.person(journey.case("design")["district"]))


def seat_the_panel(journey: Journey) -> tuple[Person, int]:
    """Draw, one declines and another is asked, all accept; return the leader and the leader's seat."""
    deciding.draw_the_panel(journey.officer("organiser"), journey.officer("supervisor"))
    asked = journey.case("design")["panel"]
    declining = next(row for row in asked if not row["leader"])
    judging.decline_the_invitation(journey.house.person(declining["username"]), declining["seat"])
    panel = journey.case("design")["panel"]
    assert declining["username"] not in {row["username"] for row in panel}
    assert len(panel) == len(asked)
    leader = next(row for row in panel if row["leader"])
    person = journey.house.person(leader["username"])
    judging.accept_the_invitation(person, leader["seat"])
    journey.portal.call(world.the_others_accept, journey.number, "design")
    return person, leader["seat"]


def judge_the_design(journey: Journey, leader: Person, seat: int) -> None:
    """The leader marks everything in the scoring room, another expert signs in the browser, the rest without one."""
    judging.mark_every_item(leader, seat, journey.portal.call(world.sheet, seat))
    other = next(row for row in journey.case("design")["panel"] if not row["leader"])
    spared = [leader_of(journey, "design")["username"], other["username"]]
    journey.portal.call(world.the_others_mark_and_sign, journey.number, "design", spared)
    judging.sign_the_sheet(leader, seat, leader_of(journey, "design")["name"])
    judging.sign_the_sheet(journey.house.person(other["username"]), other["seat"], other["name"])
    deliberate(journey, leader, "design")


def leader_of(journey: Journey, stage: str) -> dict[str, Any]:
    """Who leads the panel of a stage."""
    return next(row for row in journey.case(stage)["panel"] if row["leader"])


def deliberate(journey: Journey, leader: Person, stage: str) -> None:
    """The worker counts; opinion, end of the review, approval by another person."""
    judging.give_the_opinion(leader, journey.panel(stage))
    judging.endorse_the_opinion(leader, journey.panel(stage), leader_of(journey, stage)["name"])
    journey.portal.call(world.the_others_endorse, journey.number, stage)
    deciding.close_the_review(journey.officer("organiser"), journey.panel(stage))
    deciding.approve_the_result(journey.officer("approver"))


def survive_the_notice(journey: Journey) -> None:
    """Anybody reads and objects; while the objection is open the notice does not end, afterwards it does."""
    number = deciding.object_without_an_account(journey.house.visitor())
    journey.portal.call(world.three_weeks_pass, journey.number, "design")
    assert journey.portal.call(world.sweep_at_once, journey.number, "design") == "notice"
    deciding.take_the_objection(journey.officer("intake"), number)
    deciding.reject_the_objection(journey.officer("supervisor"), number)


def read_the_certificate(journey: Journey, stage: str, level: str) -> None:
    """The clock ends the notice, the worker certifies; the PDF says what the page says, without signing in."""
    applicant = journey.applicant
    applicant.go(f"/applications/{journey.case(stage)['pk']}/")
    applicant.reads_state("已发证")
    number = journey.case(stage)["certificate"]
    public = journey.house.visitor()
    public.go(f"/certificates/{number}/")
    expect(public.page.locator(".verdict")).to_have_text("有效")
    public.reads(COMMUNITY)
    address = public.page.get_by_role("link", name="下载证书 PDF").get_attribute("href")
    pdf = pypdf.PdfReader(io.BytesIO(public.page.context.request.get(f"{public.address}{address}").body()))
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in pdf.pages))
    assert COMMUNITY in text
    assert number in text
    assert re.search(rf"评定为：[★☆]*{level}", text)
    # The address that the QR code holds is printed beside it.
    assert f"{public.address}/certificates/{number}/" in text


def be_guided(journey: Journey) -> None:
    """A visit at each of the three nodes: photo, opinion, reply with photo, closed."""
    case = journey.case("design")
    officer = journey.house.person(case["district"])
    for address in deciding.plan_guidance(officer, case["project"], case["nodes"]):
        deciding.record_guidance(officer, address)
        applying.reply_to_guidance(journey.applicant, address, "示例：标识已补齐，照片附后。")
        deciding.close_guidance(officer, address)


def file_the_completion(journey: Journey) -> None:
    """The second stage is filled in by the functions that the pages call, and handed in by the applicant."""
    journey.applicant.go(f"/projects/{journey.case('design')['project']}/")
    applying.open_an_application(journey.applicant, "竣工评价")
    journey.portal.call(world.fill_in, journey.number, "completion")
    applying.hand_in(journey.applicant)
    deciding.accept(journey.officer("intake"))


def judge_the_completion(journey: Journey) -> None:
    """A new panel visits the site with a telephone, marks, deliberates; the notice passes without an objection."""
    deciding.draw_the_panel(journey.officer("organiser"), journey.officer("supervisor"))
    leader = next(row for row in journey.case("completion")["panel"] if row["leader"])
    phone = journey.house.person(leader["username"], PHONE)
    judging.accept_the_invitation(phone, leader["seat"])
    journey.portal.call(world.the_others_accept, journey.number, "completion")
    address = f"/applications/{journey.case('completion')['pk']}/site-visit/"
    item = next(iter(journey.portal.call(world.sheet, leader["seat"])))
    judging.record_the_site_visit(phone, address, item)
    judging.sign_the_record(journey.applicant, address, applying.PASSWORD)
    judging.finish_the_site_visit(phone, address)
    journey.portal.call(world.the_others_mark_and_sign, journey.number, "completion", [leader["username"]])
    judging.sign_the_sheet(phone, leader["seat"], leader["name"])
    deliberate(journey, phone, "completion")
    journey.portal.call(world.three_weeks_pass, journey.number, "completion")


def stand_in_the_directory(journey: Journey) -> None:
    public = journey.house.visitor()
    public.go("/directory/")
    public.fill({"小区或单位名称": COMMUNITY})
    public.press("查找")
    row = public.page.get_by_role("row").filter(has_text=COMMUNITY)
    expect(row).to_contain_text("二星级")
    expect(row).to_contain_text(journey.case("completion")["certificate"])
