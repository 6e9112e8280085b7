"""The whole form check in a browser: both rounds, an override, ready phrases with and without a script, the notices."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import world
from tests.browser.test_looks import AXE, axe_faults
from tests.browser.visiting import DESK, PHONE, House, Person, step
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks]
PHRASE = "扫描件不清晰或缺页，请重新扫描后上传完整文件。"


def check_page(person: Person, case: dict[str, Any]) -> None:
    person.go(f"/applications/{case['pk']}/form-check/")


def looks_right(person: Person) -> None:
    assert not person.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    person.page.evaluate(AXE)
    assert axe_faults(person) == []


def is_pdf(person: Person, path: str) -> bool:
    return person.page.context.request.get(f"{person.address}{path}").body().startswith(b"%PDF")


def first_round(intake: Person, case: dict[str, Any]) -> None:
    """A soft rule is overridden, a phrase becomes a finding, the one notice is previewed and sent."""
    check_page(intake, case)
    rule = intake.page.locator(".rule", has_text="得分条目均有合适的佐证")
    rule.locator("summary", has_text="放行").click()
    rule.get_by_label("放行理由").fill("示例：佐证见相邻条目。")
    rule.get_by_role("button", name=re.compile("^放行")).click()
    expect(rule.locator(".overridden")).to_contain_text("示例：佐证见相邻条目。")
    intake.page.get_by_role("link", name=re.compile("^提出问题：")).first.click()
    intake.page.locator("#id_place").select_option("document:D04")
    intake.page.locator("#add-finding .phrases > summary").click()
    intake.page.locator(f"button[data-text='{PHRASE}']").click()
    expect(intake.page.locator("#id_text")).to_have_value(PHRASE)
    looks_right(intake)
    intake.press("列入")
    intake.reads(PHRASE)
    preview = str(intake.page.get_by_role("link", name="预览一次性告知书（PDF）").get_attribute("href"))
    assert is_pdf(intake, preview)
    intake.press("发出一次性补正告知")
    intake.reads_state("补正")


def test_a_case_goes_through_both_rounds_of_the_form_check(house: House, portal: Portal) -> None:
    case: dict[str, Any] = portal.call(world.new_case, "form_check", "design")
    portal.call(world.let_a_soft_rule_fail, case["pk"])
    intake, applicant = house.person("intake"), house.person(case["applicant"])
    with step("首轮", house):
        first_round(intake, case)
    with step("补正", house):
        applicant.go(f"/applications/{case['pk']}/")
        link = applicant.page.locator("#notices a").first
        assert is_pdf(applicant, str(link.get_attribute("href")))
        portal.call(world.mend, case["pk"])
    with step("第二轮", house):
        check_page(intake, case)
        intake.reads("与上一版的差异")
        intake.reads("本轮只列出与上一版的差异和告知书列出的位置。")
        assert intake.page.locator("#documents .papers > li").count() == 1
        intake.page.locator("#add-finding > summary").click()
        intake.page.locator("#id_place").select_option("document:D05")
        intake.fill({"问题与改正要求": "示例：缺少附图。"})
        intake.choose({"首轮未提出的理由": "首轮材料不可见"})
        intake.press("列入")
        intake.reads("待监督员放行")
        intake.press("发出一次性补正告知")
        intake.reads(re.compile("须由监督员放行"))
    with step("监督员放行", house):
        supervisor = house.person("supervisor")
        supervisor.go("/work/")
        supervisor.reads("放行新增问题 1 个")
        check_page(supervisor, case)
        supervisor.page.get_by_role("button", name=re.compile("^放行：")).click()
        supervisor.reads(re.compile("已放行"))
        supervisor.go("/findings/late/")
        supervisor.reads("首轮材料不可见")
        looks_right(supervisor)
    with step("受理", house):
        check_page(intake, case)
        intake.page.get_by_role("button", name=re.compile("^删除：")).click()
        intake.press("受理", intake.page.locator("#decide"))
        intake.reads(re.compile("^已受理："))
        applicant.go(f"/applications/{case['pk']}/")
        expect(applicant.page.locator("#notices tbody tr")).to_have_count(2)
        acceptance = applicant.page.locator("#notices a", has_text="受理通知书")
        assert is_pdf(applicant, str(acceptance.get_attribute("href")))


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_document_opens_beside_the_values_on_a_desk_and_below_on_a_phone(
    house: House, places: dict[str, Any], size: dict[str, int]
) -> None:
    intake = house.person("intake", size)
    intake.go(f"/applications/{places['form_check']}/form-check/")
    intake.page.locator("#documents a[target=paper]").first.click()
    frame = intake.page.locator("iframe[name=paper]")
    expect(frame).to_be_visible()
    values, viewer = (intake.page.locator(name).bounding_box() for name in ("#facts", "#viewer"))
    assert values is not None
    assert viewer is not None
    beside = viewer["x"] >= values["x"] + values["width"]
    assert beside is (size is DESK)
    looks_right(intake)


def test_a_phrase_is_put_in_without_a_script(house: House, places: dict[str, Any]) -> None:
    intake = house.person("intake", script=False)
    intake.go(f"/applications/{places['form_check']}/form-check/?place=document:D04#add-finding")
    intake.fill({"问题与改正要求": "第 2 页："})
    intake.page.locator("#add-finding .phrases > summary").click()
    intake.page.locator(f"button[data-text='{PHRASE}']").click()
    expect(intake.page.locator("#id_text")).to_have_value(f"第 2 页：\n{PHRASE}")
