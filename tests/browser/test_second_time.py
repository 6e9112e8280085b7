"""Filing again: a correction answered point by point, a completion carried from its design; on a desk and on a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import world
from tests.browser.visiting import DESK, PHONE, House, Person, field
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks]

SIZES = {"desk": DESK, "phone": PHONE}
SAVED = re.compile("^已保存 [0-9]{2}:[0-9]{2}")


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    """The window of a desk, then of a phone."""
    return SIZES[request.param]


def new_case(
    house: House, portal: Portal, size: dict[str, int], state: str, stage: str
) -> tuple[Person, dict[str, Any]]:
    """A case of its own for each test, and its applicant."""
    case: dict[str, Any] = portal.call(world.new_case, state, stage)
    return house.person(case["applicant"], size), case


def test_a_correction_is_handed_in_when_every_point_is_answered(house, portal, size):
    person, case = new_case(house, portal, size, "correction", "design")
    at = f"/applications/{case['pk']}/correction/"
    person.go(at)
    points = person.page.locator(".todo > *")
    assert points.count() == case["points"] > 0
    submit = person.page.get_by_role("button", name="提交补正")
    person.go(f"/applications/{case['pk']}/submit/")
    expect(submit).to_be_disabled()
    person.go(at)
    for number in range(points.count()):
        answer = field(points.nth(number), "如何改正")
        answer.fill(f"示例：第 {number + 1} 点已改正（{size['width']}）。")
        answer.blur()
        expect(points.nth(number).locator("[data-status]")).to_have_text(SAVED)
    assert not person.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    person.go(f"/applications/{case['pk']}/submit/")
    person.press("提交补正")
    person.reads_state("形式审查")


def test_a_completion_takes_its_design_along_and_what_changes_is_proved_anew(house, portal, size):
    person, case = new_case(house, portal, size, "draft", "completion")
    overview = f"/applications/{case['pk']}/"
    person.go(overview)
    person.press("沿用设计评价")
    person.reads(re.compile("^已沿用设计评价的 [1-9][0-9]* 条自评和 [1-9][0-9]* 件佐证"))
    assert person.page.get_by_role("button", name="沿用设计评价").count() == 0
    person.go(f"{overview}comparison/")
    person.reads("没有不同的条目。")
    change = portal.call(world.another_mark, case["pk"])
    person.go(f"{overview}items/#item-{change['code']}")
    card = person.page.locator(f'[id="item-{change["code"]}"]')
    card.get_by_label(change["words"], exact=True).check()
    expect(card.locator("[data-status]")).to_have_text(SAVED)
    person.go(f"{overview}comparison/")
    row = person.page.get_by_role("row").filter(has_text=change["code"])
    expect(row).to_have_count(1)
    expect(row).to_contain_text("不再作数")
    assert not person.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    person.go(f"{overview}submit/")
    advice = person.page.locator(
        "main li", has_text=re.compile(f"条目{re.escape(change['code'])} .*沿用的佐证不再作数")
    )
    expect(advice).to_have_count(1)
