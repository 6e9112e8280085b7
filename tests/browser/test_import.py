"""Communities from a workbook, in a browser: problems at their cells, the look before the import, on a desk and a telephone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.test_looks import AXE, axe_faults
from tests.browser.visiting import PHONE, House, Person
from tests.communities.workbook_files import filled, row

pytestmark = [pytest.mark.browser, pytest.mark.looks]


def hand_in(person: Person, *rows: dict[str, Any]) -> None:
    """Download the template, fill it in and upload it."""
    person.go(urlsplit(person.page.url).path)
    with person.page.expect_download() as download:
        person.follow("下载模板（XLSX）")
    template = download.value.path().read_bytes()
    person.upload("填好的表格", "小区.xlsx", filled(template, *rows).read())
    person.press("上传并检查")


def faults(person: Person) -> list[str]:
    person.page.evaluate(AXE)
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*axe_faults(person), *([f"{wide} pixels too wide"] if wide > 0 else [])]


def test_a_workbook_is_mended_looked_at_and_imported_once(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"], PHONE)
    person.go(f"/organisations/{places['draft_unit']}/communities/import/")
    hand_in(person, row(801, households=0), row(802))
    expect(person.page.get_by_role("alert")).to_be_focused()
    person.reads("第 3 行 K 列 户数：应大于零。")
    assert faults(person) == []
    hand_in(person, row(801), row(802))
    person.reads("检查通过：将登记 2 个小区。")
    assert faults(person) == []
    person.press("导入 2 个小区")
    person.reads("已导入 2 个小区。")
    person.page.go_back()
    person.press("导入 2 个小区")
    person.reads("表中 2 个小区都已登记，没有重复导入。")
