"""Nothing typed is lost: a server that dies, two people at once, an expired session, a closed tab; on a desk and a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.test_looks import AXE, axe_faults
from tests.browser.visiting import DESK, PHONE, House, Person, Watch, sign_in
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks]

SAVED = re.compile("^已保存 [0-9]{2}:[0-9]{2}")
SIZES = {"desk": DESK, "phone": PHONE}


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    """The window of a desk, then of a phone."""
    return SIZES[request.param]


@pytest.fixture
def rough_house(browser: Any, portal: Portal, remembered: dict[str, Any]) -> Iterator[House]:
    """Windows before which the server may vanish: what the console says of that is no fault of a page."""
    house = House(browser, portal.address, Watch(portal.address), remembered)
    yield house
    house.close()
    assert [line for line in house.watch.seen if not re.search("ERR_|status of 401", line)] == []


class Note:
    """One person in front of the note of one item of the self-assessment."""

    def __init__(self, person: Person, application: int, code: str) -> None:
        self.person = person
        self.code = code
        self.address = f"/applications/{application}/items/#item-{code}"
        person.go(self.address)

    @property
    def card(self) -> Locator:
        return self.person.page.locator(f'[id="item-{self.code}"]')

    @property
    def field(self) -> Locator:
        """The place for words, unfolded where it is folded."""
        folded = self.card.locator("details[data-note]:not([open]) > summary")
        if folded.count():
            folded.click()
        return self.card.locator("textarea[name=note]")

    @property
    def status(self) -> Locator:
        return self.card.locator("[data-status]")

    def write(self, text: str) -> None:
        self.field.fill(text)

    def save(self, text: str) -> None:
        """Write and wait until it is saved."""
        self.write(text)
        expect(self.status).to_have_text(SAVED)

    def again(self) -> None:
        """Open the page anew, as after a crash."""
        self.person.page.goto("about:blank")
        self.person.go(self.address)

    def press(self, words: str) -> None:
        self.card.get_by_role("button", name=words, exact=True).click()


def note(house: House, places: dict[str, Any], code: str, size: dict[str, int]) -> Note:
    return Note(house.person(places["draft_applicant"], size), places["draft"], code)


def drafts(person: Person) -> int:
    found: int = person.page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('draft:')).length")
    return found


def test_what_was_typed_when_the_server_was_killed_is_there_afterwards(rough_house, portal, places, size):
    """Typed while the web server is dead, the browser closed the page: on the next visit the text is back, and saved."""
    mine = note(rough_house, places, "4.2.1", size)
    text = f"示例：服务器中断时写的说明（{size['width']}）。"
    portal.kill("web")
    try:
        mine.write(text)
        expect(mine.status).to_have_text(re.compile("^连接不上服务器"))
        mine.person.page.goto("about:blank")
    finally:
        portal.start("web")
    mine.again()
    mine.person.reads(re.compile("^已恢复您 [0-9]{2}:[0-9]{2} 未保存的内容"))
    expect(mine.status).to_have_text(SAVED)
    expect(mine.field).to_have_value(text)
    assert drafts(mine.person) == 0
    mine.again()
    expect(mine.field).to_have_value(text)


def test_a_save_that_found_no_server_is_made_up_for_by_itself(rough_house, portal, places):
    mine = note(rough_house, places, "4.2.2", DESK)
    portal.kill("web")
    try:
        mine.write("示例：中断后自动重试。")
        expect(mine.status).to_have_text(re.compile("^连接不上服务器"))
    finally:
        portal.start("web")
    expect(mine.status).to_have_text(SAVED)


@pytest.mark.parametrize(
    "choice,kept",
    [("采用对方的", "对方"), ("保留我的", "我的"), ("合并", "对方\n我的")],
    ids=["take", "keep", "merge"],
)
def test_of_two_versions_one_is_taken_kept_or_both_are_merged(house, places, size, choice, kept):
    first, second = (note(house, places, "4.2.3", size) for _ in range(2))
    first.save(f"起初 {choice} {size['width']}")
    second.again()
    first.save("对方")
    second.write("我的")
    expect(second.status).to_have_text(re.compile("^尚未保存：示例经办人甲在 .* 也改过，请选择保留哪一份"))
    versions = second.card.get_by_role("group", name="说明：两人都改过")
    expect(versions).to_contain_text("对方")
    second.press(choice)
    expect(second.status).to_have_text(SAVED)
    expect(second.field).to_have_value(kept)
    expect(second.card.locator("[data-versions]")).to_have_count(0)
    first.again()
    expect(first.field).to_have_value(kept)


def press_tab_to(person: Person, words: str) -> None:
    """Walk on with the Tab key until the thing that says these words has the focus."""
    for _step in range(12):
        person.page.keyboard.press("Tab")
        if person.page.evaluate("document.activeElement.textContent.trim()") == words:
            return
    raise AssertionError(f"no {words} within 12 steps")


def test_a_mark_a_note_and_a_choice_need_no_mouse(house, places):
    """Space chooses the mark, Tab leads to the note and, when somebody else was faster, to the two versions."""
    first, second = (note(house, places, "5.3.2", DESK) for _ in range(2))
    first.save("对方")
    keyboard = second.person.page.keyboard
    second.person.page.locator("#q").focus()
    keyboard.type("5.3.2")
    expect(second.person.page.locator("article.claimcard:visible")).to_have_count(1)
    keyboard.press("Enter")
    press_tab_to(second.person, "说明")
    keyboard.press("Enter")
    keyboard.press("Tab")
    keyboard.type("我的")
    expect(second.status).to_have_text(re.compile("^尚未保存：.*请选择保留哪一份"))
    press_tab_to(second.person, "保留我的")
    keyboard.press("Enter")
    expect(second.status).to_have_text(SAVED)
    expect(second.field).to_have_value("我的")


def test_fields_that_only_the_other_changed_are_taken_and_mine_are_saved(house, places):
    first, second = (note(house, places, "4.3.2", DESK) for _ in range(2))
    first.save("只有对方改了说明")
    choice = second.card.locator("label.pill").first
    choice.click()
    expect(second.status).to_have_text(re.compile("^已保存 .*改过的其他内容已采用"))
    expect(second.field).to_have_value("只有对方改了说明")
    first.again()
    expect(first.card.locator("label.pill input").first).to_be_checked()


def test_after_an_expired_session_the_text_is_there_and_saved(rough_house, places, size):
    mine = note(rough_house, places, "4.3.3", size)
    text = f"示例：登录过期时写的说明（{size['width']}）。"
    mine.person.page.context.clear_cookies(name="sessionid")
    mine.write(text)
    expect(mine.status).to_have_text(re.compile("^登录已过期，尚未保存；内容已暂存在本机。"))
    mine.status.get_by_role("link", name="重新登录后继续").click()
    mine.person.fill({"用户名": places["draft_applicant"], "密码": "demo-portal-2026"})
    mine.person.press("登录", mine.person.page.locator("main"))
    mine.person.reads(re.compile("^已恢复您"))
    expect(mine.status).to_have_text(SAVED)
    expect(mine.field).to_have_value(text)


def test_a_tab_closed_while_typing_loses_nothing(house, places, size):
    mine = note(house, places, "4.3.1", size)
    text = f"示例：标签页关闭前一刻写的（{size['width']}）。"
    mine.person.page.route("**/items/4.3.1/", lambda route: route.abort())
    mine.write(text)
    context = mine.person.page.context
    mine.person.page.close()
    later = Note(Person(context.new_page(), house.address), places["draft"], "4.3.1")
    expect(later.field).to_have_value(text)
    later.person.page.wait_for_function("!Object.keys(localStorage).some((name) => name.startsWith('draft:'))")
    later.again()
    expect(later.field).to_have_value(text)


def test_signing_out_takes_the_drafts_along_and_another_person_never_sees_them(rough_house, places):
    person = rough_house.visitor()  # whose session ends here, so nobody else's
    sign_in(person, places["draft_applicant"])
    mine = Note(person, places["draft"], "5.2.1")
    mine.person.page.route("**/items/5.2.1/", lambda route: route.abort())
    mine.write("示例：不该留在公用电脑上的内容")
    assert drafts(mine.person) == 1
    mine.person.page.on("dialog", lambda dialog: dialog.accept())
    mine.person.page.get_by_role("button", name="退出").click()
    expect(mine.person.page.get_by_role("banner").get_by_role("link", name="登录", exact=True)).to_be_visible()
    assert drafts(mine.person) == 0


SEND = "form => HTMLFormElement.prototype.submit.call(form)"  # as a browser without scripts sends it


def quiet(person: Person) -> list[str]:
    """What is wrong with the open page for eyes and for readers of screens; a picture of it is kept."""
    person.page.evaluate(AXE)
    person.picture(f"filing-{person.page.viewport_size['width']}-{person.page.title().split(' ')[0]}")
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return axe_faults(person) + ([f"{wide} pixels too wide"] if wide > 0 else [])


def test_without_a_script_an_expired_session_loses_nothing(rough_house, places, size):
    """The sign-in page carries what was typed; afterwards it is shown, and saved where it was meant for."""
    mine = note(rough_house, places, "5.2.2", size)
    text = f"示例：没有脚本，登录又过期（{size['width']}）。"
    mine.person.page.route("**/items/5.2.2/", lambda route: route.abort())
    mine.write(text)
    mine.person.page.unroute("**/items/5.2.2/")
    mine.person.page.evaluate("localStorage.clear()")  # a browser without scripts keeps no drafts
    mine.person.page.context.clear_cookies(name="sessionid")
    mine.card.locator("form").evaluate(SEND)
    mine.person.reads("登录已过期，刚才的内容还没有保存。请登录，登录后可以继续保存。")
    mine.person.fill({"用户名": places["draft_applicant"], "密码": "demo-portal-2026"})
    mine.person.press("登录", mine.person.page.locator("main"))
    mine.person.reads("您填写的内容还在")
    assert quiet(mine.person) == []
    mine.person.press("继续保存")
    mine.person.reads("条目5.2.2已保存。")
    expect(mine.field).to_have_value(text)


def test_without_a_script_two_versions_stand_side_by_side(house, places, size):
    first, second = (note(house, places, "5.3.1", size) for _ in range(2))
    first.save(f"对方 {size['width']}")
    second.person.page.route("**/items/5.3.1/", lambda route: route.abort())
    second.write("我的")
    second.person.page.unroute("**/items/5.3.1/")
    second.person.page.evaluate("localStorage.clear()")  # a browser without scripts keeps no drafts
    second.card.locator("form").evaluate(SEND)
    second.person.reads(re.compile("还没有保存：“5.3.1 .*”两人都改过。"))
    assert quiet(second.person) == []
    second.person.page.get_by_role("radio", name="采用对方的").check()
    second.person.press("保存所选")
    second.person.reads("条目5.3.1已保存。")
    expect(second.field).to_have_value(f"对方 {size['width']}")


def test_what_is_still_owed_stands_in_amber_beside_the_save(house, places, size):
    mine = note(house, places, "5.2.3", size)
    mine.card.locator("input[value=na]").check()
    expect(mine.status).to_have_text(re.compile("^已保存 [0-9]{2}:[0-9]{2} · 还须写明理由。$"))
    expect(mine.status).to_have_class("owed")
    expect(mine.card.locator('[data-owed="unexplained"]')).to_be_visible()
    mine.save("示例：没有高层住宅")
    expect(mine.status).to_have_class("saved")
    expect(mine.card.locator('[data-owed="unexplained"]')).to_be_hidden()
    mine.write("")
    mine.press("清除自评")
    expect(mine.status).to_have_class("saved")


def test_the_tags_of_a_document_follow_what_is_typed(house, places, size):
    person = house.person(places["draft_applicant"], size)
    person.go(f"/applications/{places['draft']}/documents/")
    part = person.page.locator("#document-D01")
    before = part.locator("textarea").input_value()
    for text, tag in (("", "尚缺"), (before or "示例：申报书", "已有")):
        part.locator("textarea").fill(text)
        expect(part.locator("#state-of-D01")).to_contain_text(tag)


def test_a_date_out_of_order_is_saved_and_advised_against_at_once(house, places, size):
    person = house.person(places["draft_applicant"], size)
    person.go(f"/applications/{places['draft']}/data/")
    field = person.page.get_by_label("施工图审查合格日期")
    part, before = person.page.locator(".field").filter(has=field), field.input_value()
    field.fill("2001-02-03")
    expect(part.locator("#state-of-drawing_review_on")).to_contain_text("2001-02-03应晚于前一证照的日期")
    expect(part.locator("[data-status]")).to_have_class("owed")
    field.fill(before)
    expect(part.locator("#state-of-drawing_review_on .owed")).to_have_count(0)
    expect(part.locator("[data-status]")).to_have_class("saved")


def test_an_item_among_many_is_found_by_its_number_or_name(house, places, size):
    """Only what the correction names is open; the others are there to be seen, and stay as they are."""
    person = house.person(places["correction_applicant"], size)
    person.go(f"/evidence/{places['correction_proof']}/items/")
    boxes = person.page.locator("[data-choices] label.check")
    everything = boxes.count()
    chosen = person.page.locator("[data-chosen]")
    expect(chosen).to_have_text(f"已选 {person.page.locator('[data-choices] input:checked').count()} 条")
    person.page.get_by_label("查找条目").fill("4.2.1")
    expect(person.page.locator("[data-choices] label.check:visible")).to_have_count(1)
    person.page.get_by_label("查找条目").press("Enter")
    expect(person.page.get_by_label("查找条目")).to_have_value("4.2.1")
    person.page.get_by_label("查找条目").fill("没有这样的字")
    expect(person.page.locator("[data-no-choice]")).to_be_visible()
    person.page.get_by_label("查找条目").fill("")
    expect(person.page.locator("[data-choices] label.check:visible")).to_have_count(everything)


def test_each_field_of_the_data_is_saved_by_itself(house, places, size):
    person = house.person(places["draft_applicant"], size)
    person.go(f"/applications/{places['draft']}/data/")
    field = person.page.get_by_label("施工许可证日期")
    day = "2025-07-01" if size is DESK else "2025-07-02"
    field.fill(day)
    part = person.page.locator(".field").filter(has=field)
    expect(part.locator("[data-status]")).to_have_text(SAVED)
    person.page.reload()
    expect(field).to_have_value(day)
