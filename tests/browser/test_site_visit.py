"""The site visit on telephones: without a line, killed in the middle, two experts at once, cut uploads, signatures on glass."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from portal import samples
from tests.browser import world
from tests.browser.line import Line, line_to
from tests.browser.test_looks import AXE, axe_faults
from tests.browser.test_scoring import EXPECTED
from tests.browser.visiting import PHONE, House, Person, Watch
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.long]

FAST, SLOW = 100_000_000, 150_000  # bytes a second
PATIENCE = 180_000  # milliseconds: a photo is looked into by a worker that may have much to do
PLACE = {"latitude": 29.563012, "longitude": 106.551634, "accuracy": 9}


@pytest.fixture(scope="module")
def visit(portal: Portal) -> dict[str, Any]:
    """A completion of this module's own whose panel is on site: its number and who takes part, the leader first."""
    found: dict[str, Any] = portal.call(world.new_site_visit)
    return found


@pytest.fixture
def line(portal: Portal) -> Iterator[Line]:
    """What lies between the telephones and the portal."""
    with line_to(portal.address, FAST) as line:
        yield line


@pytest.fixture
def house(browser: Browser, line: Line, remembered: dict[str, Any]) -> Iterator[House]:
    """As everywhere, but here the line is cut on purpose."""
    house = House(browser, line.address, Watch(line.address), remembered)
    yield house
    house.close()
    assert [seen for seen in house.watch.seen if not EXPECTED.search(seen)] == []


def address(visit: dict[str, Any]) -> str:
    return f"/applications/{visit['pk']}/site-visit/"


def enter(house: House, visit: dict[str, Any], seat: int = 0, place: bool = True) -> Person:
    """An expert with the page open on a telephone, kept for when the line is gone."""
    person = house.person(visit["experts"][seat], size=PHONE)
    if place:
        person.page.context.grant_permissions(["geolocation"])
        person.page.context.set_geolocation(PLACE)
    person.go(address(visit))
    expect(person.page.locator("body[data-kept=yes]")).to_be_attached(timeout=PATIENCE)
    return person


def open_line(person: Person, number: int) -> Locator:
    """Unfold the n-th line of the checklist."""
    part = person.page.locator("#lines > .look").nth(number)
    if part.get_attribute("open") is None:
        part.locator("summary").first.click()
    return part


def answer(person: Person, number: int, seen: str, text: str) -> str:
    """Write what was seen of the n-th line; its name."""
    part = open_line(person, number)
    part.get_by_role("radio", name=seen, exact=True).check()
    part.get_by_label("所见", exact=True).fill(text)
    person.press("记下这一项", part)
    return str(part.get_attribute("data-line"))


def take(person: Person, part: Locator, content: bytes, name: str = "现场.jpg") -> None:
    """Take a photo."""
    part.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": content})
    part.locator("form[data-act=photo] button").click()


def picture(number: int) -> bytes:
    return samples.sample_photo("网络机房", seed=number)


def waiting(person: Person, count: int) -> None:
    expect(person.page.locator("#queue > li")).to_have_count(count)


def delivered(person: Person) -> None:
    """Nothing waits on this telephone any more."""
    expect(person.page.locator("#queue > li")).to_have_count(0, timeout=PATIENCE)
    expect(person.page.locator("#line")).to_be_hidden()


def draw(person: Person, form: Locator) -> None:
    """Sign on the glass."""
    pane = form.locator("canvas")
    pane.scroll_into_view_if_needed()
    box = pane.bounding_box()
    assert box is not None
    mouse = person.page.mouse
    for start, end in ((0.2, 0.5), (0.5, 0.8)):
        mouse.move(box["x"] + box["width"] * start, box["y"] + box["height"] * 0.3)
        mouse.down()
        mouse.move(box["x"] + box["width"] * end, box["y"] + box["height"] * 0.7, steps=12)
        mouse.up()


def sign_as_applicant(person: Person) -> None:
    person.open("申报单位人员在本机签字")
    form = person.page.locator("form[data-act=signature]").filter(has_text="职务")
    form.get_by_label("签字人姓名").fill("示例到场人")
    form.get_by_label("职务").fill("项目经理")
    form.get_by_label("签字人已阅读并同意以上说明").check()
    draw(person, form)
    person.press("申报单位签字", form)


def sign_own(person: Person, name: str) -> None:
    person.open("本人签字")
    form = person.page.locator("form[data-act=signature]").filter(has_text="当前密码")
    form.get_by_label("签字人姓名").fill(name)
    draw(person, form)
    person.press("在以上记录上签字", form)


def test_a_visit_without_a_line_arrives_once_with_photos_and_both_signatures(
    house: House, portal: Portal, line: Line, visit: dict[str, Any]
) -> None:
    person, before = enter(house, visit), portal.call(world.site_of, visit["pk"])
    line.cut()
    person.page.locator("#record textarea").fill("示例：地下室没有网络，照常核查。")
    person.press("保存记录")
    first = answer(person, 0, "与申报一致", "示例：一致。")
    answer(person, 0, "与申报不一致", "示例：三号楼缺一处。")
    pictures = [picture(number) for number in range(3)]
    for content in pictures[:2]:
        take(person, open_line(person, 1), content)
    take(person, person.page.locator("#photos"), pictures[2])
    sign_as_applicant(person)
    sign_own(person, visit["names"][0])
    waiting(person, 8)
    person.reads(re.compile("没有连上网络：8 项存在本机"))
    assert portal.call(world.site_of, visit["pk"]) == before
    # The page is killed, and opened again two days later without a line.
    context = person.page.context
    person.page.close()
    person = Person(context.new_page(), line.address)
    person.page.goto(line.address + address(visit))
    waiting(person, 8)
    line.mend()
    delivered(person)
    told = portal.call(world.site_of, visit["pk"])
    assert told["findings"][len(before["findings"]) :] == [
        ["record", "", "示例：地下室没有网络，照常核查。"],
        [first, "agrees", "示例：一致。"],
        [first, "differs", "示例：三号楼缺一处。"],
    ]
    photos = told["photos"][len(before["photos"]) :]
    assert [row["sent_sha256"] for row in photos] == [hashlib.sha256(one).hexdigest() for one in pictures]
    assert {(row["latitude"], row["longitude"], row["accuracy"]) for row in photos} == {(29.563012, 106.551634, 9)}
    assert told["signatures"][len(before["signatures"]) :] == [
        ["applicant", "示例到场人", True],
        ["expert", visit["names"][0], True],
    ]
    expect(person.page.locator("#signed .tag.ok")).to_have_count(2)
    expect(person.page.locator("#signed > dl .drawn svg")).to_have_count(2)


def test_a_change_after_the_signatures_voids_them_visibly(house: House, portal: Portal, visit: dict[str, Any]) -> None:
    person = enter(house, visit)
    person.page.locator("#record textarea").fill("示例：现场与申报一致。")
    person.press("保存记录")
    take(person, person.page.locator("#photos"), picture(41))
    sign_as_applicant(person)
    sign_own(person, visit["names"][0])
    delivered(person)
    expect(person.page.locator("#signed .tag.ok")).to_have_count(2)
    answer(person, 2, "无法查看", "示例：机房上锁。")
    delivered(person)
    expect(person.page.locator("#signed .tag.ok")).to_have_count(0)
    signatures = portal.call(world.site_of, visit["pk"])["signatures"]
    assert [row[2] for row in signatures] == [False] * len(signatures)
    person.open("已失效的签字")
    expect(person.page.locator("#signed .tag.late", has_text="已失效")).to_have_count(len(signatures))


def test_two_telephones_that_wrote_of_one_line_show_both_and_one_chooses(
    house: House, portal: Portal, line: Line, visit: dict[str, Any]
) -> None:
    one, other = (enter(house, visit, seat) for seat in (0, 1))
    line.cut()
    name = answer(one, 3, "与申报一致", "示例：甲所见。")
    answer(other, 3, "与申报不一致", "示例：乙所见。")
    take(one, open_line(one, 4), picture(11))
    take(other, open_line(other, 4), picture(12))
    waiting(one, 2)
    waiting(other, 2)
    line.mend()
    one.page.evaluate("dispatchEvent(new Event('online'))")
    delivered(one)
    expect(other.page.locator("#queue .tag", has_text="待选择")).to_have_count(1, timeout=PATIENCE)
    expect(other.page.locator("#queue .versions")).to_contain_text("示例：甲所见。")
    other.press("以我的为准")
    delivered(other)
    told = portal.call(world.site_of, visit["pk"])
    assert [row[1:3] for row in told["findings"] if row[0] == name][-2:] == [
        ["agrees", "示例：甲所见。"], ["differs", "示例：乙所见。"],
    ]  # fmt: skip
    hashes = [row["sent_sha256"] for row in told["photos"]]
    assert [hashes.count(hashlib.sha256(picture(number)).hexdigest()) for number in (11, 12)] == [1, 1]


def test_a_line_that_breaks_in_the_middle_of_a_photo_goes_on_and_keeps_it_once(
    house: House, portal: Portal, line: Line, visit: dict[str, Any]
) -> None:
    person = enter(house, visit)
    before = len(portal.call(world.site_of, visit["pk"])["photos"])
    line.speed = SLOW
    content = picture(21) + bytes(600_000)  # bytes behind the end of a picture are nothing to it
    take(person, person.page.locator("#photos"), content)
    for _time in range(3):
        person.page.wait_for_timeout(1500)
        line.cut()
        person.page.wait_for_timeout(300)
        line.mend()
    line.speed = FAST
    delivered(person)
    photos = portal.call(world.site_of, visit["pk"])["photos"]
    assert len(photos) == before + 1
    assert photos[-1]["sent_sha256"] == hashlib.sha256(content).hexdigest()


def test_what_is_no_picture_is_told_and_another_person_sees_nothing_of_what_waits(
    house: House, portal: Portal, line: Line, visit: dict[str, Any]
) -> None:
    person = enter(house, visit, place=False)
    before = len(portal.call(world.site_of, visit["pk"])["photos"])
    take(person, person.page.locator("#photos"), b"MZ" + bytes(3000), "program.jpg")
    expect(person.page.locator("#queue .unsaved")).to_have_text(re.compile("格式|图片"), timeout=PATIENCE)
    person.press("知道了")
    waiting(person, 0)
    assert len(portal.call(world.site_of, visit["pk"])["photos"]) == before
    line.cut()
    answer(person, 5, "与申报一致", "示例：只属于我。")
    waiting(person, 1)
    line.mend()
    # Somebody else signs in on the same telephone: nothing is shown, nothing is sent in the other's name.
    page = person.page
    page.context.clear_cookies()
    other = house.person(visit["experts"][1])
    page.context.add_cookies(other.page.context.cookies())
    page.goto(line.address + address(visit))
    expect(page.locator("body[data-ready=yes]")).to_be_attached()
    waiting(person, 0)
    told = portal.call(world.site_of, visit["pk"])
    assert "示例：只属于我。" not in [row[2] for row in told["findings"]]
    # Signed in anew as the first one it goes on by itself.
    page.context.clear_cookies()
    page.context.add_cookies(house.person(visit["experts"][0]).page.context.cookies())
    page.goto(line.address + address(visit))
    delivered(person)
    told = portal.call(world.site_of, visit["pk"])
    assert [row[2] for row in told["findings"]].count("示例：只属于我。") == 1


def test_the_page_is_good_on_a_telephone_and_for_screen_readers(house: House, visit: dict[str, Any]) -> None:
    person = enter(house, visit)
    open_line(person, 0)
    person.open("申报单位人员在本机签字")
    person.open("本人签字")
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    person.page.evaluate(AXE)
    assert axe_faults(person) == []
    person.picture("site-visit-telephone")
