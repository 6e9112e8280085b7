"""The statistics page in a browser: the chart says what the table says, and the table says it without scripts."""

from __future__ import annotations

import re

import pytest

from tests.browser.visiting import PHONE, House

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.any_process]

TABLE = """figure => {
  const rows = [...figure.querySelectorAll("tbody tr")];
  const drawn = [...figure.querySelectorAll("thead th")].flatMap((head, place) => "drawn" in head.dataset ? [place] : []);
  return rows.flatMap(row => drawn.map(place => row.cells[place].dataset.value)).filter(text => Number(text));
}"""
CHART = "figure => [...figure.querySelectorAll('.chart svg text')].map(text => text.textContent)"
COLOURS = "figure => new Set([...figure.querySelectorAll('.chart svg [fill^=url]')].map(one => one.getAttribute('fill'))).size"


def test_every_chart_bears_the_numbers_of_its_table(house: House, places: dict[str, object]) -> None:
    person = house.visitor()
    person.go("/statistics/")
    figures = person.page.locator("figure[data-chart]")
    person.page.wait_for_function("document.querySelectorAll('figure[data-chart] .chart svg').length > 3")
    for number in range(figures.count()):
        figure = figures.nth(number)
        told = figure.evaluate(TABLE)
        drawn = figure.evaluate(CHART)
        assert [text for text in told if text not in drawn] == []


def test_series_differ_by_pattern_and_not_by_colour_alone(house: House, places: dict[str, object]) -> None:
    person = house.visitor()
    person.go("/statistics/")
    person.page.wait_for_function("document.querySelector('#plan_years .chart svg')")
    assert person.page.locator("#plan_years").evaluate(COLOURS) >= 2


@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "telephone"])
def test_without_scripts_every_table_is_open_and_no_chart_is_promised(
    house: House, places: dict[str, object], size: dict[str, int] | None
) -> None:
    person = house.visitor(*([size] if size else []), script=False)
    person.page.goto(person.address + "/statistics/")
    closed = person.page.locator("figure details:not([open])").count()
    charts = person.page.locator("figure .chart >> visible=true").count()
    assert (person.page.locator("figure table").count() > 3, closed, charts) == (True, 0, 0)


def test_a_folded_table_is_opened_with_the_keyboard_and_a_number_leads_to_its_list(
    house: House, places: dict[str, object]
) -> None:
    person = house.visitor(PHONE)
    person.go("/statistics/")
    person.page.wait_for_function("document.querySelector('#stars_districts .chart svg')")
    twin = person.page.locator("#stars_districts details.twin")
    assert twin.get_attribute("open") is None
    twin.locator("summary").focus()
    person.page.keyboard.press("Enter")
    link = twin.locator("tbody td a").last
    told = int(re.sub(r"\D", "", link.inner_text()))
    link.click()
    person.page.wait_for_load_state()
    rows = person.page.locator("main table.rows tbody tr").count()
    assert (rows, f"共 {told} 份" in person.page.inner_text("main")) == (min(told, 25), True)
