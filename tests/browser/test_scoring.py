"""The scoring room: every item with the keyboard alone, a line that is cut, two windows, a session that ends, a telephone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from portal.demo.people import PASSWORD
from tests.browser import world
from tests.browser.line import Line, line_to
from tests.browser.test_looks import AXE, axe_faults
from tests.browser.visiting import PHONE, House, Person, Watch
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks]

FAST = 100_000_000  # bytes a second: the line is cut here, not slow
PATIENCE = 60_000  # milliseconds until a browser has fetched ahead what it keeps
CUT = 20  # items that are marked without a line
# What a browser writes of a line that a test has cut itself, and of answers that the test is about.
EXPECTED = re.compile(
    r"net::ERR_(FAILED|INTERNET_DISCONNECTED|CONNECTION|SOCKET|EMPTY_RESPONSE|NETWORK_CHANGED)|status of 401 "
    r"|error occurred when fetching the script|^script: Failed to fetch$"
)
# What browsers withhold from pages that come over plain http.
PLAIN_HTTP = """for (const [owner, name] of [[Navigator.prototype, "serviceWorker"], [Navigator.prototype, "locks"],
  [Crypto.prototype, "randomUUID"], [globalThis, "caches"]]) delete owner[name]"""
TURNED = "before => document.getElementById('mark-part').dataset.code !== before"


@pytest.fixture(scope="module")
def panel(portal: Portal) -> list[dict[str, Any]]:
    """The seats of a panel of this module's own that has just begun to mark a completion: the leader first."""
    found: list[dict[str, Any]] = portal.call(world.new_panel, "completion")
    return found


@pytest.fixture
def line(portal: Portal) -> Iterator[Line]:
    """What lies between the browser and the portal."""
    with line_to(portal.address, FAST) as line:
        yield line


@pytest.fixture
def house(browser: Browser, line: Line, remembered: dict[str, Any]) -> Iterator[House]:
    """As everywhere, but here the line is cut on purpose."""
    house = House(browser, line.address, Watch(line.address), remembered)
    yield house
    house.close()
    assert [seen for seen in house.watch.seen if not EXPECTED.search(seen)] == []


def enter(house: House, seat: dict[str, Any], **window: Any) -> Person:
    """Somebody in their scoring room, once it is ready."""
    person = house.person(seat["username"], **window)
    person.go(room_of(seat))
    ready(person)
    return person


def room_of(seat: dict[str, Any]) -> str:
    return f"/assignments/{seat['seat']}/scoring/"


def ready(person: Person) -> None:
    expect(person.page.locator("#room[data-ready]")).to_be_attached()


def code_of(person: Person) -> str:
    return str(person.page.locator("#mark-part").get_attribute("data-code"))


def turn(person: Person, key: str) -> str:
    """Press a key that leads to another item; its code."""
    before = code_of(person)
    person.page.keyboard.press(key)
    person.page.wait_for_function(TURNED, arg=before)
    return code_of(person)


def mark(person: Person, reason: str = "") -> str:
    """The highest mark by its digit, or a number where one is typed; the words that are then chosen."""
    keys = person.page.keyboard
    buttons = person.page.locator("#mark input[type=radio][data-key]:not([data-key=x])")
    count = buttons.count()
    keys.press(str(count - 1) if count else "1")
    asks = person.page.locator("#mark[data-asks-reason]").count()
    if reason or asks:
        keys.press("r")
        keys.type(reason or "示例：按材料酌定。")
        keys.press("Escape")
    return code_of(person)


def delivered(person: Person) -> None:
    """Nothing waits in the browser any more."""
    expect(person.page.locator("#items .tag", has_text="待发送")).to_have_count(0)
    expect(person.page.locator("#line")).to_be_hidden()


def test_an_expert_marks_every_item_with_keys_alone_and_signs(
    house: House, portal: Portal, panel: list[dict[str, Any]]
) -> None:
    leader = panel[0]
    person = enter(house, leader)
    keys = person.page.keyboard
    marked = [mark(person)]
    while len(marked) < leader["items"]:
        turn(person, "n")
        marked.append(mark(person))
    assert sorted(marked) == portal.call(world.items_of, leader["seat"])
    expect(person.page.locator("#done")).to_have_text(str(leader["items"]))
    delivered(person)
    keys.press("n")
    sign(person)
    expect(person.page).to_have_url(re.compile(r"/sheet/$"))
    assert portal.call(world.marks_of, leader["seat"]).keys() == set(marked)


def sign(person: Person) -> None:
    """The signature with keys alone, whatever it asks: the focus is led to its first field or to its button."""
    keys = person.page.keyboard
    expect(person.page.locator("#sign :focus")).to_be_attached()
    if person.page.locator("#sign [name=signed_name]").count():
        keys.type(person.page.locator("header .who a[href='/account/']").inner_text())
        keys.press("Tab")
        keys.type(PASSWORD)
    keys.press("Enter")


def test_twenty_items_marked_without_a_line_arrive_once(
    house: House, portal: Portal, line: Line, panel: list[dict[str, Any]]
) -> None:
    seat = panel[1]
    person = enter(house, seat)
    expect(person.page.locator("#kept")).to_be_visible(timeout=PATIENCE)  # every own item has been fetched ahead
    line.cut()
    marked = [mark(person, "示例：离线填写一。")]
    expect(person.page.locator("#line")).to_contain_text("没有连上网络")
    while len(marked) < CUT:
        if len(marked) == CUT // 2:
            person.page.reload()  # the page itself comes from what was kept
            ready(person)
            expect(person.page.locator("#reason")).to_have_value(f"示例：离线填写{marked[-1]}。")
        code = turn(person, "n")
        marked.append(mark(person, f"示例：离线填写{code}。"))
    assert len(set(marked)) == CUT
    assert portal.call(world.marks_of, seat["seat"]) == {}
    line.mend()
    delivered(person)
    arrived = portal.call(world.marks_of, seat["seat"])
    assert {code: found["reason"] for code, found in arrived.items()} == {
        code: "示例：离线填写一。" if code == marked[0] else f"示例：离线填写{code}。" for code in marked
    }
    # One save of each that was typed in one go, and not one more.
    assert {found["revision"] for found in arrived.values()} == {1}


def test_on_plain_http_everything_but_loading_the_page_again_works_without_a_line(
    house: House, portal: Portal, line: Line, panel: list[dict[str, Any]]
) -> None:
    seat = panel[2]
    person = house.person(seat["username"])
    person.page.add_init_script(PLAIN_HTTP)
    person.go(room_of(seat))
    expect(person.page.locator("#room[data-ahead]")).to_be_attached(timeout=PATIENCE)
    line.cut()
    marked = [mark(person, "示例：没有加密的网址。")]
    turn(person, "n")
    marked.append(mark(person, "示例：没有加密的网址。"))
    line.mend()
    delivered(person)
    arrived = portal.call(world.marks_of, seat["seat"])
    assert [arrived[code]["reason"] for code in marked] == ["示例：没有加密的网址。"] * 2


def test_the_signature_waits_until_everything_is_delivered(
    house: House, line: Line, panel: list[dict[str, Any]]
) -> None:
    person = enter(house, panel[2])
    line.cut()
    mark(person)
    person.press("签署评分表", person.page.locator("#sign"))
    expect(person.page.locator("#sign [data-hold]")).to_have_text("还有 1 条没有送达，送达后才能签署。")
    line.mend()
    delivered(person)
    person.press("签署评分表", person.page.locator("#sign"))
    expect(person.page.locator(".errorsummary").first).to_contain_text("还不能签署")


def test_a_save_whose_answer_was_lost_is_one_save(house: House, portal: Portal, panel: list[dict[str, Any]]) -> None:
    seat = panel[2]
    person = enter(house, seat)
    turn(person, "j")

    def lose_the_answer(route: Any) -> None:
        route.fetch()
        route.abort("connectionreset")

    person.page.route("**/marks/**", lose_the_answer, times=1)
    code = mark(person, "示例：回执丢失。")
    expect(person.page.locator("#status")).to_have_text(re.compile("^已保存"))
    delivered(person)
    found = portal.call(world.marks_of, seat["seat"])[code]
    assert (found["reason"], found["revision"]) == ("示例：回执丢失。", found["revision"])


def test_of_two_windows_that_write_the_same_item_both_are_shown_and_one_is_chosen(
    house: House, portal: Portal, panel: list[dict[str, Any]]
) -> None:
    seat = panel[3]
    first, second = enter(house, seat), enter(house, seat)
    code = mark(first, "示例：第一个窗口。")
    delivered(first)
    mark(second, "示例：第二个窗口。")
    clash = second.page.get_by_role("alert").filter(has_text="请选择保留哪一个")
    expect(clash).to_contain_text("示例：第一个窗口。")
    expect(clash).to_contain_text("示例：第二个窗口。")
    assert portal.call(world.marks_of, seat["seat"])[code]["reason"] == "示例：第一个窗口。"
    second.press("保留本页填写的")
    expect(second.page.locator("#status")).to_have_text(re.compile("^已保存"))
    assert portal.call(world.marks_of, seat["seat"])[code]["reason"] == "示例：第二个窗口。"
    # The first window does the same with the other choice.
    first.page.locator("#reason").fill("示例：第一个窗口再写。")
    first.press("保留已经保存的")
    expect(first.page.locator("#reason")).to_have_value("示例：第二个窗口。")


def test_a_session_that_ends_loses_nothing(house: House, portal: Portal, panel: list[dict[str, Any]]) -> None:
    seat = panel[4]
    person = enter(house, seat)
    person.page.context.clear_cookies(name="sessionid")
    code = mark(person, "示例：登录过期。")
    expect(person.page.locator("#line")).to_contain_text("登录已过期：1 条存在本机")
    person.follow("重新登录")
    person.fill({"用户名": seat["username"], "密码": PASSWORD})
    person.press("登录", person.page.locator("main"))
    ready(person)
    assert code_of(person) == code
    delivered(person)
    assert portal.call(world.marks_of, seat["seat"])[code]["reason"] == "示例：登录过期。"


def test_a_proof_is_drawn_turned_and_enlarged_beside_the_item(
    house: House, portal: Portal, panel: list[dict[str, Any]]
) -> None:
    person = enter(house, panel[4])
    person.go(f"{room_of(panel[4])}?item={portal.call(world.item_with_pages, panel[4]['seat'])}")
    ready(person)
    code, keys = code_of(person), person.page.keyboard
    expect(person.page.locator(".proofstage canvas[data-page]")).to_be_visible()
    page = int(str(person.page.locator(".proofstage canvas").get_attribute("data-page")))
    keys.press(".")
    expect(person.page.locator(f".proofstage canvas[data-page='{page + 1}']")).to_be_visible()
    keys.press(",")
    expect(person.page.locator(f".proofstage canvas[data-page='{page}']")).to_be_visible()
    keys.press("+")
    expect(person.page.locator("[data-percent]")).to_have_text("125%")
    assert code_of(person) == code


def test_the_claim_shows_once_the_item_is_marked(house: House, panel: list[dict[str, Any]]) -> None:
    person = enter(house, panel[4])
    turn(person, "n")
    expect(person.page.locator("#claim")).to_have_text("申报单位的自评在您评分后显示。")
    mark(person)
    expect(person.page.locator("#claim")).to_contain_text("申报单位自评：")


def test_going_back_goes_back_one_item(house: House, panel: list[dict[str, Any]]) -> None:
    person = enter(house, panel[4])
    first = code_of(person)
    second = turn(person, "j")
    assert person.page.url.endswith(f"?item={second}")
    person.page.go_back()
    expect(person.page.locator(f"#mark-part[data-code='{first}']")).to_be_attached()


def test_a_quick_key_is_meant_for_the_item_that_comes(
    house: House, portal: Portal, panel: list[dict[str, Any]]
) -> None:
    seat = panel[4]
    person = enter(house, seat)
    first, before = code_of(person), portal.call(world.marks_of, seat["seat"])
    for key in ("j", "0"):  # before the page has turned
        person.page.keyboard.press(key)
    expect(person.page.locator("#mark-part")).not_to_have_attribute("data-code", first)
    expect(person.page.locator("#status")).to_have_text(re.compile("^已保存"))
    after = portal.call(world.marks_of, seat["seat"])
    assert (code_of(person) in after, after.get(first)) == (True, before.get(first))


def test_on_a_telephone_the_mark_comes_before_the_paper_and_axe_finds_nothing(
    house: House, panel: list[dict[str, Any]]
) -> None:
    person = enter(house, panel[4], size=PHONE)
    person.page.evaluate(AXE)
    turn(person, "j")
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    mark_at = person.page.locator("#mark-part").bounding_box()
    paper_at = person.page.locator("#paper").bounding_box()
    assert mark_at is not None
    assert paper_at is not None
    assert (wide, mark_at["y"] < paper_at["y"], axe_faults(person)) == (0, True, [])


def test_without_a_script_an_item_is_marked_and_the_next_one_comes(house: House, panel: list[dict[str, Any]]) -> None:
    person = house.person(panel[3]["username"], script=False)
    person.go(room_of(panel[3]))
    before = code_of(person)
    person.page.locator("#mark input[name=value]").first.check()
    person.page.locator("#reason").fill("示例：没有脚本。")
    person.press("保存，下一条")
    expect(person.page.locator("#mark-part")).not_to_have_attribute("data-code", before)
    expect(person.page.locator("#paper img").first).to_be_visible()
