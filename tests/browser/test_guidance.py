"""On the building site with a telephone, and a major change from the drawing to the decision, as people do it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from portal.demo import papers
from tests.browser import applying, deciding, world
from tests.browser.test_looks import AXE, axe_faults
from tests.browser.visiting import PHONE, House, Person, field, step
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.long]


@pytest.fixture(scope="module")
def guided(portal: Portal) -> dict[str, Any]:
    """A case of this module's own whose design is certified."""
    found: dict[str, Any] = portal.call(world.new_guided_case)
    return found


def fits(person: Person) -> None:
    """Nothing runs out of the window, and axe has nothing to say."""
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    person.page.evaluate(AXE)
    assert (wide, axe_faults(person)) == (0, [])


def test_a_visit_is_recorded_on_a_telephone_answered_and_closed(house: House, guided: dict[str, Any]) -> None:
    officer = house.person(guided["district"], PHONE)
    applicant = house.person(guided["applicant"])
    with step("申报单位填写施工计划", house):
        applicant.go(f"/projects/{guided['project']}/guidance/")
        applicant.open("填写施工计划")
        part = applicant.page.locator("section").filter(has_text=guided["nodes"][0]).first
        field(part, "计划开工").fill(applying.days_ago(0))
        field(part, "计划完工").fill(applying.days_ago(-30))
        applicant.press("保存施工计划", part)
        applicant.reads("已保存施工计划，区县审核员据此安排指导。")
    with step("区县安排、登记", house):
        officer.go(f"/projects/{guided['project']}/guidance/")
        expect(field(officer.page, "计划日期")).not_to_have_value("")  # the day that was proposed
        officer.fill({"计划日期": applying.days_ago(0)})
        officer.press("安排")
        address = officer.page.url.removeprefix(officer.address)
        deciding.record_guidance(officer, address)
        fits(officer)
    with step("申报单位整改，区县办结", house):
        applying.reply_to_guidance(applicant, address, "示例：已补齐。")
        deciding.close_guidance(officer, address)
    with step("时间线", house):
        for person in (applicant, officer):
            person.go(f"/projects/{guided['project']}/guidance/timeline/")
            expect(person.page.locator(".timeline img")).to_have_count(2)
            person.reads("示例：已补齐。")
            fits(person)


def declare(applicant: Person, guided: dict[str, Any], summary: str) -> str:
    """Say what changes, prove it and hand it in; return the address of the change."""
    applicant.go(f"/projects/{guided['project']}/guidance/")
    applicant.follow("申报重大变更")
    applicant.press("开始填写")
    applicant.fill({"变更内容": summary, "变更原因": "示例：消防要求。"})
    applicant.open("选择涉及的条目")
    applicant.page.locator("input[name=items]").first.check()
    drawing = papers.pdf("变更图纸", summary).read()
    applicant.upload("上传佐证", "变更图纸.pdf", drawing, applicant.page.locator("#what"))
    applicant.press("保存")
    expect(applicant.page.locator("#proofs")).to_contain_text("变更图纸.pdf")
    fits(applicant)
    applicant.press("提交变更申报")
    applicant.reads_state("审查中")
    return applicant.page.url.removeprefix(applicant.address)


def decide(house: House, address: str, proposal: str, act: str, state: str) -> None:
    """The organiser proposes, the approver decides just that."""
    organiser, approver = house.person("organiser"), house.person("approver")
    organiser.go(address)
    organiser.choose({"拟处理意见": proposal})
    organiser.fill({"审查意见": "示例：已对照设计。"})
    organiser.press("提出处理意见")
    organiser.reads_state("待审定")
    approver.go(address)
    approver.fill({"决定理由": "示例：同意。"})
    approver.press(act)
    approver.reads_state(state)


def test_a_major_change_is_kept_and_another_is_judged_anew(
    house: House, portal: Portal, guided: dict[str, Any]
) -> None:
    applicant = house.person(guided["applicant"], PHONE)
    with step("维持", house):
        address = declare(applicant, guided, "示例：机房移位。")
        decide(house, address, "不影响设计评价，证书继续有效", "决定：设计评价继续有效", "设计评价继续有效")
    with step("重新评价", house):
        address = declare(applicant, guided, "示例：平台更换。")
        decide(house, address, "重新进行设计评价", "决定：重新进行设计评价", "重新进行设计评价")
        applicant.go(f"/projects/{guided['project']}/")
        applicant.press("开始申报：设计评价")
        assert portal.call(world.judge_the_design_anew, guided["number"]) == ["superseded", "valid"]
        applicant.go(address)
        applicant.reads_state("已重新评价")
