"""The map of certified communities: with keys, and as a table where no script runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from communities.geometry import outlines
from tests.browser.test_keyboard import walk_to
from tests.browser.visiting import House, Person

pytestmark = [pytest.mark.browser, pytest.mark.looks]


@pytest.fixture
def person(house: House) -> Person:
    person = house.visitor()
    person.go("/directory/map/")
    return person


def focused(person: Person) -> str:
    return person.page.evaluate("document.activeElement.ariaLabel ?? ''").partition("：")[0]


PLACE = """() => {
    const box = document.activeElement.querySelector("path").getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
}"""


def test_arrows_lead_to_neighbours_and_enter_opens_the_list(person: Person) -> None:
    first = person.page.locator("a.district", has_text=re.compile("^城口县")).get_attribute("aria-label") or ""
    walk_to(person, first)
    keys, came = person.page.keyboard, ["城口县"]
    for key, axis, sign in (("ArrowDown", 1, 1), ("ArrowRight", 0, 1), ("ArrowUp", 1, -1), ("ArrowLeft", 0, -1)):
        before = person.page.evaluate(PLACE)
        keys.press(key)
        came.append(focused(person))
        assert (person.page.evaluate(PLACE)[axis] - before[axis]) * sign > 0, came
    for _ in range(10):
        keys.press("ArrowUp")
    last = focused(person)
    keys.press("ArrowUp")  # beyond the edge there is nobody
    assert focused(person) == last
    keys.press("Enter")
    expect(person.page.get_by_label("区县").locator("option:checked")).to_have_text(re.compile(f"^{last}（"))


def test_every_district_can_be_reached_by_arrows_alone(person: Person) -> None:
    """From any district to any other: nobody is cut off in the enlarged middle or beside it."""
    steps = person.page.evaluate(
        """async () => {
            const { nearest } = await import(document.querySelector("script[src*=city_map]").src);
            const all = [...document.querySelectorAll("a.district")];
            const at = new Map(all.map(one => {
                const box = one.querySelector("path").getBoundingClientRect();
                return [one.ariaLabel, [box.x + box.width / 2, box.y + box.height / 2]];
            }));
            return [...at].map(([name, place]) => [name, [[-1, 0], [1, 0], [0, -1], [0, 1]].map(
                way => nearest(place, way, [...at].filter(([other]) => other !== name)))]);
        }"""
    )
    ways = dict(steps)
    assert len(ways) == len(outlines())
    cut_off = {}
    for start in ways:
        seen, waiting = {start}, [start]
        while waiting:
            for after in ways[waiting.pop()]:
                if after and after not in seen:
                    seen.add(after)
                    waiting.append(after)
        if len(seen) < len(ways):
            cut_off[start] = set(ways) - seen
    assert cut_off == {}


def test_without_a_script_the_table_says_and_does_the_same(house: House) -> None:
    person = house.visitor(script=False)
    person.go("/directory/map/")
    rows = person.page.locator("#district-table tbody tr")
    drawn = set(person.page.locator("a.district").evaluate_all("all => all.map(one => one.ariaLabel)"))
    told = {f"{row.locator('th').inner_text()}：{row.locator('td').last.inner_text()} 个获证小区" for row in rows.all()}
    assert drawn <= told
    link = rows.get_by_role("link", name="渝北区", exact=True)
    address = link.get_attribute("href") or ""
    link.click()
    expect(person.page).to_have_url(re.compile(re.escape(address) + "$"))
