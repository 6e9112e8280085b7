"""With the keyboard alone: an expert marks items, an applicant files a form. No mouse is moved, nothing is clicked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.visiting import DESK, PHONE, House, Person

pytestmark = [pytest.mark.browser, pytest.mark.looks]


def walk_to(person: Person, name: str, steps: int = 400) -> None:
    """Press Tab until what is focused is called so: it is reached, and one sees that it is."""
    for _ in range(steps):
        person.page.keyboard.press("Tab")
        focused = person.page.locator(":focus")
        if focused.count() and is_called(focused, name):
            outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline != "none", f"the focus on {name} cannot be seen"
            return
    raise AssertionError(f"{name} is not reached with Tab on {person.page.url}")


def is_called(focused: Any, name: str) -> bool:
    """Whether an element has this name for who hears the page: its label, else its own words."""
    return bool(
        focused.evaluate(
            """(element, name) => [...(element.labels ?? []), element]
            .map(one => one === element ? (one.ariaLabel ?? one.textContent) : one.textContent)
            .some(text => text.trim().replace(/[：:]$/, "") === name)""",
            name,
        )
    )


def test_the_first_tab_leads_past_the_navigation(house: House) -> None:
    person = house.visitor()
    person.go("/directory/")
    person.page.keyboard.press("Tab")
    expect(person.page.locator(":focus")).to_have_text("跳到正文")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("main")).to_be_focused()


def test_an_expert_marks_items_with_keys_alone(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["review_accepted"])
    person.go(f"/assignments/{places['review_accepted_seat']}/scoring/")
    keys = person.page.keyboard
    status = person.page.locator("#status")
    before = int(person.page.locator("#done").inner_text())
    marked: list[str] = []
    for _ in range(3):
        code = person.page.locator("#mark").get_attribute("data-code")
        assert code
        assert code not in marked
        give_a_mark_with_keys(person)
        expect(status).to_have_text(re.compile("^已保存"))
        marked.append(code)
        keys.press("Escape")
        keys.press("n")
        expect(person.page.locator("#mark")).not_to_have_attribute("data-code", code)
    person.page.reload()
    expect(person.page.locator("#done")).to_have_text(str(before + len(marked)))


def give_a_mark_with_keys(person: Person) -> None:
    """The highest mark by its digit, or a typed number where the item asks for one; then the reason."""
    keys = person.page.keyboard
    buttons = person.page.locator("#mark input[type=radio][data-key]:not([data-key=x])")
    if buttons.count():
        keys.press(str(buttons.count() - 1))
        expect(buttons.last).to_be_checked()
    else:
        walk_to(person, person.page.locator('label[for="value"]').inner_text())
        keys.type("0")
        keys.press("Escape")
    keys.press("r")
    keys.type("示例：按材料酌定。")
    keys.press("Escape")


def test_the_keys_are_explained_on_one_key(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["review_accepted"])
    person.go(f"/assignments/{places['review_accepted_seat']}/scoring/")
    person.page.keyboard.press("?")
    expect(person.page.get_by_role("dialog", name="快捷键")).to_be_visible()
    person.page.keyboard.press("Escape")
    expect(person.page.get_by_role("dialog", name="快捷键")).to_be_hidden()


def test_an_applicant_registers_a_community_with_keys_alone(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"])
    keys = person.page.keyboard
    person.go(f"/organisations/{places['draft_unit']}/")
    walk_to(person, "登记小区")
    keys.press("Enter")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("登记小区")
    walk_to(person, "小区名称")
    keys.type("示例键盘苑")
    walk_to(person, "地址")
    keys.type("示例大道100号")
    walk_to(person, "总建筑面积（平方米）")
    keys.type("54321")
    walk_to(person, "保存")
    keys.press("Enter")
    # Refused: what is missing is said beside its field, what was typed is still there, and one is led to the words.
    expect(person.page.get_by_role("alert")).to_be_focused()
    expect(person.page.get_by_label("小区名称")).to_have_value("示例键盘苑")
    walk_to(person, "区县")
    keys.press("ArrowDown")
    walk_to(person, "户数")
    keys.type("321")
    walk_to(person, "楼栋数")
    keys.type("4")
    walk_to(person, "保存")
    keys.press("Enter")
    person.reads("小区已登记。")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("示例键盘苑")


def test_a_statement_is_typed_and_kept_with_keys_alone(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"])
    keys = person.page.keyboard
    person.go(f"/applications/{places['draft']}/")
    walk_to(person, "申报材料")
    keys.press("Enter")
    walk_to(person, "智慧小区设计评价申报书")
    keys.press("Control+End")
    keys.type("补充一句。")
    expect(person.page.locator("#document-D01").get_by_role("status")).to_have_text(re.compile("^已保存"))
    person.page.reload()
    expect(person.page.locator("#document-D01 textarea")).to_have_value(re.compile("补充一句。$"))


# A point of what has the focus that nothing else covers; and a line around it, or around the words that belong to it.
SEEN = """one => {
  const boxes = [one, ...(one.labels ?? [])].flatMap(part => [...part.getClientRects()]);
  const shown = boxes.some(box => [.1, .5, .9].some(across => [.1, .5, .9].some(down => {
    const top = document.elementFromPoint(box.left + box.width * across, box.top + box.height * down);
    return top && (one.contains(top) || top.contains(one) || [...(one.labels ?? [])].some(label => label.contains(top)));
  })));
  const outlined = [one, ...(one.labels ?? [])].some(part => getComputedStyle(part).outlineStyle !== "none");
  const faults = [shown ? "" : "covered", outlined ? "" : "no outline"];
  return faults.filter(Boolean).map(fault => `${fault}: ${one.outerHTML.slice(0, 160)}`);
}"""
WALKED = (
    ("", "/"),
    ("", "/notices/{notice}/objection/"),
    ("{draft_applicant}", "/applications/{draft}/items/"),
    ("{draft_applicant}", "/applications/{draft}/documents/"),
    ("{review_accepted}", "/assignments/{review_accepted_seat}/scoring/"),
    ("intake", "/queue/?show=open"),
    ("security-administrator", "/settings/policies/programme/smart_community/"),
)


@pytest.mark.any_process
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("who, path", WALKED, ids=[path for _who, path in WALKED])
def test_what_has_the_focus_is_seen(
    house: House, places: dict[str, Any], who: str, path: str, size: dict[str, int]
) -> None:
    username = who.format(**places)
    person = house.person(username, size) if username else house.visitor(size)
    person.go(path.format(**places))
    faults, walked = [], 0
    for _ in range(60):
        person.page.keyboard.press("Tab")
        focused = person.page.locator(":focus")
        if focused.count():
            walked += 1
            faults += focused.evaluate(SEEN)
    assert (walked > 10, faults) == (True, [])


def test_single_keys_can_be_switched_off_in_the_scoring_room(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["review_accepted"])
    address = f"/assignments/{places['review_accepted_seat']}/scoring/"
    person.go(address)
    turned = person.page.locator("#mark").get_attribute("data-code")
    person.page.get_by_role("button", name="全部快捷键").click()
    person.page.get_by_label("使用单键快捷键").uncheck()
    person.press("关闭")
    person.page.reload()
    person.page.keyboard.press("j")
    person.page.keyboard.press("?")
    expect(person.page.get_by_role("dialog")).to_have_count(0)
    assert person.page.locator("#mark").get_attribute("data-code") == turned
    person.page.get_by_role("button", name="全部快捷键").click()
    person.page.get_by_label("使用单键快捷键").check()
    person.press("关闭")
    person.page.keyboard.press("j")
    expect(person.page.locator("#mark")).not_to_have_attribute("data-code", turned or "")
