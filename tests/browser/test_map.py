"""The map on which the place of a community is chosen: with keys, by click, by numbers, and without any script."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from communities import geometry
from communities.geometry import Point
from tests.browser.test_keyboard import walk_to
from tests.browser.visiting import PHONE, House, Person

pytestmark = [pytest.mark.browser, pytest.mark.looks]

YUZHONG, YUBEI = "500103", "500112"


@pytest.fixture
def person(house: House, places: dict[str, Any]) -> Person:
    """Somebody before the empty form of a community."""
    person = house.person(places["draft_applicant"])
    open_form(person, places)
    return person


def open_form(person: Person, places: dict[str, Any]) -> None:
    person.go(f"/organisations/{places['draft_unit']}/communities/new/")


def the_map(person: Person) -> Locator:
    return person.page.get_by_role("application", name="在地图上选位置")


def mark(person: Person) -> Locator:
    return person.page.locator(".mapmark")


def point(person: Person) -> Point:
    """What the two number fields say."""
    latitude, longitude = (person.page.get_by_label(name).input_value() for name in ("纬度（度）", "经度（度）"))
    return Point(float(latitude), float(longitude))


def click_in_the_middle(person: Person) -> None:
    """By coordinates: what is drawn beyond the edge of the map would be taken for the map itself."""
    middle = the_map(person).evaluate(
        """element => {
            element.scrollIntoView({ block: "center" });
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }"""
    )
    person.page.mouse.click(*middle)


def test_a_place_is_chosen_with_keys_alone(person: Person) -> None:
    keys = person.page.keyboard
    walk_to(person, "区县")
    for _step in range(3):
        keys.press("ArrowDown")
    walk_to(person, "在地图上选位置")
    expect(mark(person)).to_have_attribute("visibility", "hidden")
    keys.press("ArrowRight")  # the first key puts the mark in the middle of the district
    expect(mark(person)).to_have_attribute("visibility", "visible")
    start = point(person)
    assert geometry.box_of(YUZHONG).holds(start)
    keys.press("ArrowRight")
    once = point(person)
    keys.press("ArrowLeft")
    assert point(person) == pytest.approx(start, abs=2e-6)
    keys.press("Shift+ArrowRight")
    far = point(person)
    assert far.longitude - start.longitude == pytest.approx(10 * (once.longitude - start.longitude), abs=2e-5)
    keys.press("ArrowUp")
    assert point(person).latitude > far.latitude
    keys.press("ArrowDown")
    keys.press("+")  # a closer look makes smaller steps
    keys.press("ArrowLeft")
    assert far.longitude - point(person).longitude == pytest.approx((once.longitude - start.longitude) / 2, abs=2e-5)
    expect(person.page.locator("[data-map-status]")).to_contain_text(f"{point(person).latitude:.6f}")


def test_numbers_and_map_are_one_place(person: Person) -> None:
    person.choose({"区县": "渝北区"})
    person.fill({"纬度（度）": "29.7196", "经度（度）": "106.6417"})
    expect(mark(person)).to_have_attribute("visibility", "visible")
    expect(person.page.locator("[data-map-status]")).to_contain_text("渝北区")
    before = mark(person).get_attribute("transform")
    person.fill({"纬度（度）": "29.8"})
    expect(mark(person)).not_to_have_attribute("transform", before or "")
    person.fill({"纬度（度）": ""})
    expect(mark(person)).to_have_attribute("visibility", "hidden")


def test_a_click_fills_the_numbers_and_proposes_the_district(person: Person) -> None:
    click_in_the_middle(person)
    code = geometry.district_at(point(person))
    expect(person.page.get_by_label("区县")).to_have_value(code or "")
    person.choose({"区县": "渝中区"})
    expect(person.page.locator("[data-map-proposal]")).to_be_visible()
    person.press("改选为该区县")
    expect(person.page.get_by_label("区县")).to_have_value(code or "")
    expect(person.page.locator("[data-map-proposal]")).to_be_hidden()


def test_what_is_chosen_on_the_map_is_kept(person: Person) -> None:
    person.fill(
        {
            "小区名称": "示例图上苑",
            "地址": "示例大道200号",
            "总建筑面积（平方米）": "50000",
            "户数": "300",
            "楼栋数": "4",
        }
    )
    person.choose({"区县": "城口县"})
    the_map(person).press("ArrowRight")
    chosen = point(person)
    person.press("保存")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("示例图上苑")
    person.reads(f"{chosen.latitude:.6f}".rstrip("0"))
    expect(person.page.get_by_role("img", name="位置图")).to_be_visible()
    expect(mark(person)).to_have_attribute("visibility", "visible")


def test_without_scripts_the_numbers_do_the_work(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"], script=False)
    open_form(person, places)
    expect(person.page.locator(".map")).to_be_hidden()
    person.fill({"小区名称": "示例数字苑", "地址": "示例大道201号", "总建筑面积（平方米）": "50000", "户数": "300", "楼栋数": "4",
                 "纬度（度）": "39.9", "经度（度）": "116.4"})  # fmt: skip
    person.choose({"区县": "万州区"})
    person.press("保存")
    person.reads("该坐标不在重庆市范围内")
    person.fill({"纬度（度）": "29.7196", "经度（度）": "106.6417"})
    person.press("保存")
    person.reads("该点位于渝北区，不在所选的万州区范围内。")
    person.page.get_by_label("确认位置无误").check()
    person.press("保存")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("示例数字苑")


def test_a_telephone_chooses_by_tap(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"], PHONE)
    open_form(person, places)
    person.choose({"区县": "渝中区"})
    click_in_the_middle(person)
    assert geometry.box_of(YUZHONG).holds(point(person))
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
