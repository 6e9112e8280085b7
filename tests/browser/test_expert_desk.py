"""What an expert trusts: films that run to any place, words on a drawing, texts of several windows, a shared computer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import world
from tests.browser.line import Line, line_to
from tests.browser.test_looks import AXE, axe_faults
from tests.browser.test_scoring import EXPECTED, FAST, PATIENCE, code_of, delivered, enter, mark, ready, room_of
from tests.browser.visiting import House, Person, Watch, sign_in
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks]

SETTLED = "() => !document.querySelector('.proofstage[aria-busy]') && document.querySelector('.textlayer')"
# Dark points of the drawn page that lie under no word, and words under which nothing is drawn; a margin for rounding.
ASTRAY = """() => {
  const canvas = document.querySelector('.proofstage canvas'), page = canvas.getBoundingClientRect();
  const size = canvas.width / page.width, margin = 3;
  const words = [...document.querySelectorAll('.textlayer span')].filter((one) => one.textContent.trim());
  const places = words.map((word) => word.getBoundingClientRect()).map((place) => ({
    left: (place.left - page.left - margin) * size, right: (place.right - page.left + margin) * size,
    top: (place.top - page.top - margin) * size, bottom: (place.bottom - page.top + margin) * size, drawn: 0 }));
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let bare = 0;
  for (let point = 0; point < data.length / 4; point++) {
    if (data[4 * point] > 128) continue;
    const x = point % canvas.width, y = Math.floor(point / canvas.width);
    const over = places.filter((one) => one.left <= x && x <= one.right && one.top <= y && y <= one.bottom);
    for (const one of over) one.drawn += 1;
    if (!over.length) bare += 1;
  }
  return [bare, places.filter((one) => !one.drawn).length, words.length > 5];
}"""
# Which pages with somebody's marks this browser keeps for a room.
KEPT = """async (room) => {
  const found = [];
  for (const name of await caches.keys())
    for (const { url } of await (await caches.open(name)).keys()) if (new URL(url).pathname === room) found.push(url);
  return found.length;
}"""


@pytest.fixture(scope="module")
def panel(portal: Portal) -> list[dict[str, Any]]:
    """The seats of a panel of this module's own, the leader first; the first proof of ``film_item`` is a film."""
    found: list[dict[str, Any]] = portal.call(world.new_panel_with_a_film)
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


def another_window(person: Person, seat: dict[str, Any]) -> Person:
    """A second window of the same browser in the same room."""
    other = Person(person.page.context.new_page(), person.address)
    other.go(room_of(seat))
    ready(other)
    return other


# --- proofs -------------------------------------------------------------------------------------------------------


def test_a_film_runs_to_any_place_and_only_the_part_that_is_seen_is_fetched(
    house: House, panel: list[dict[str, Any]]
) -> None:
    leader = panel[0]
    person = house.person(leader["username"])
    answers: list[tuple[int, str]] = []
    person.page.on(
        "response",
        lambda answer: (
            "/file/" in answer.url and answers.append((answer.status, answer.headers.get("content-range", "")))
        ),
    )
    person.go(f"{room_of(leader)}?item={leader['film_item']}")
    ready(person)
    film = person.page.locator("video")
    expect(film).to_have_js_property("readyState", 4)  # HAVE_ENOUGH_DATA, and the pictures lie far behind the head
    expect(film).to_have_js_property("duration", world.FILM_SECONDS)
    assert [said for status, said in answers if status == 206 and not said.startswith("bytes 0-")] != []
    keys = person.page.keyboard
    for key, second in ((".", 5), (".", 10), (",", 5)):
        keys.press(key)
        expect(film).to_have_js_property("currentTime", second)
        expect(film).to_have_js_property("seeking", False)
    film.focus()
    keys.press("Space")
    expect(film).to_have_js_property("paused", False)
    keys.press("Space")
    expect(film).to_have_js_property("paused", True)
    film.evaluate("film => { film.currentTime = film.duration - 1 }")
    expect(film).to_have_js_property("seeking", False)
    keys.press(".")
    expect(film).to_have_js_property("ended", True)
    person.page.evaluate(AXE)
    assert axe_faults(person) == []


def test_the_words_of_a_page_lie_over_their_places_and_are_found_copied_and_heard(
    house: House, portal: Portal, panel: list[dict[str, Any]]
) -> None:
    leader = panel[0]
    person = enter(house, leader)
    person.go(f"{room_of(leader)}?item={portal.call(world.item_with_pages, leader['seat'])}")
    ready(person)
    page, stage = person.page, person.page.locator(".proofstage")
    words = stage.locator(".textlayer span", has_text="本文件为演示数据")
    for key in ("", "+", "+"):
        if key:
            page.keyboard.press(key)
            expect(page.locator("[data-percent]")).to_have_text({"+": re.compile("1[25][05]?%")}[key])
        expect(words).to_be_visible()
        page.wait_for_function(SETTLED)
        assert page.evaluate(ASTRAY) == [0, 0, True]
    words.dblclick()
    assert page.evaluate("getSelection().toString()") != ""
    place = words.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 1, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] - 1, place["y"] + place["height"] / 2, steps=5)
    page.mouse.up()
    assert page.evaluate("getSelection().toString()").startswith("本文件为演示数据")
    assert page.evaluate("window.find('不对应任何真实单位', false, false, true)")  # round the end, as Ctrl+F does
    assert "本文件为演示数据" in stage.aria_snapshot()
    page.evaluate(AXE)
    assert axe_faults(person) == []
    # The words are those of the page that is shown.
    number = str(stage.locator("canvas").get_attribute("data-page"))
    expect(stage.locator(f".textlayer[data-text='{number}']")).to_be_attached()
    page.keyboard.press(".")
    expect(stage.locator(f".textlayer[data-text='{int(number) + 1}']")).to_be_attached()
    expect(stage.locator(".textlayer")).to_have_count(1)


# --- several windows, several people ------------------------------------------------------------------------------


def test_what_three_windows_write_without_a_line_is_all_shown_and_what_is_chosen_is_saved_once(
    house: House, portal: Portal, line: Line, panel: list[dict[str, Any]]
) -> None:
    seat = panel[1]
    first = enter(house, seat)
    second, third = another_window(first, seat), another_window(first, seat)
    code = code_of(first)
    line.cut()
    mark(first, "示例：窗口一。")
    mark(second, "示例：窗口二。")
    first.page.locator("#reason").fill("示例：窗口一，再补一句。")
    mark(third, "示例：窗口三。")
    line.mend()
    own = {first: "示例：窗口一，再补一句。", second: "示例：窗口二。", third: "示例：窗口三。"}
    for window, words in own.items():
        expect(window.page.locator("#clash [data-side=mine] [data-part=reason]")).to_have_text(words)
        expect(window.page.locator("#reason")).to_have_value(words)
        expect(window.page.locator("#line")).to_be_hidden()
    assert portal.call(world.marks_of, seat["seat"]) == {}
    # One goes, then the next; what is left is saved, and every window comes to it.
    third.press("保留另一个窗口的")
    mine = third.page.locator("#clash [data-side=mine] [data-part=reason]")
    expect(mine).not_to_have_text(own[third])
    kept = mine.inner_text()
    third.press("保留本页填写的")
    expect(third.page.locator("#status")).to_have_text(re.compile("^已保存"))
    for window in own:
        expect(window.page.locator("#clash")).to_be_hidden()
        expect(window.page.locator("#reason")).to_have_value(kept)
        delivered(window)
    assert kept in (own[first], own[second])
    assert portal.call(world.marks_of, seat["seat"]) == {code: {"reason": kept, "revision": 1}}


def test_what_somebody_left_unsent_is_neither_seen_nor_sent_by_who_signs_in_next(
    house: House, portal: Portal, line: Line, panel: list[dict[str, Any]]
) -> None:
    owner, follower = panel[2], panel[3]
    left = enter(house, owner)
    expect(left.page.locator("#kept")).to_be_visible(timeout=PATIENCE)
    assert left.page.evaluate(KEPT, room_of(owner)) > 1
    line.cut()
    code = mark(left, "示例：留在公用电脑上。")
    expect(left.page.locator("#line")).to_contain_text("没有连上网络：还有 1 条存在本机")
    left.page.context.clear_cookies(name="sessionid")  # the evening ends, nobody signs out
    line.mend()
    other = Person(left.page.context.new_page(), left.address)
    sign_in(other, follower["username"])
    other.go(room_of(follower))
    ready(other)
    expect(left.page.locator("#line")).to_contain_text("存在本机的 1 条只能用原来的账号发送")
    expect(other.page.locator("#line")).to_be_hidden()
    expect(other.page.locator("#items .tag", has_text="待发送")).to_have_count(0)
    assert other.page.evaluate(KEPT, room_of(owner)) == 0
    assert "留在公用电脑上" not in other.page.content()
    left.page.close()
    assert [portal.call(world.marks_of, seat["seat"]) for seat in (owner, follower)] == [{}, {}]
    other.press("退出")
    expect(other.page.get_by_role("link", name="登录").first).to_be_visible()
    sign_in(other, owner["username"])
    other.go(room_of(owner))
    ready(other)
    delivered(other)
    assert portal.call(world.marks_of, owner["seat"]) == {code: {"reason": "示例：留在公用电脑上。", "revision": 1}}
    assert portal.call(world.marks_of, follower["seat"]) == {}
