"""The form of a certificate is drawn as one types, with the keyboard alone; what is wrong is told beside the last good page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visiting import House

pytestmark = [pytest.mark.browser, pytest.mark.looks]
ADDRESS = "/settings/certificates/smart_community/completion/"


def test_the_page_follows_what_is_typed(house: House) -> None:
    person = house.person("security-administrator")
    person.go(ADDRESS)
    drawn, status = person.page.locator("[data-page]"), person.page.locator("[data-status]")
    expect(drawn).to_have_attribute("src", re.compile(r"\.png$"))
    person.page.get_by_label("证书标题").focus()
    person.page.keyboard.press("End")
    person.page.keyboard.type("（示例）")
    expect(status).to_have_text("与所填内容一致。")
    expect(drawn).to_have_attribute("src", re.compile(r"^blob:"))
    good = drawn.get_attribute("src")
    person.page.keyboard.press("Tab")
    person.page.keyboard.type("{没有}")
    expect(person.page.locator("[data-problem-list] li")).to_have_count(1)
    expect(person.page.locator("[data-problem-list]")).to_contain_text("没有占位符 {没有}")
    expect(drawn).to_have_attribute("src", good or "")
    for _letter in "{没有}":
        person.page.keyboard.press("Backspace")
    expect(status).to_have_text("与所填内容一致。")
    expect(person.page.locator("[data-problem-list]")).to_be_hidden()
    expect(person.page.locator("#page")).not_to_have_class(re.compile("stale"))
