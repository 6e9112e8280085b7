"""The experts' desk: the invitation, the scoring room, the opinion, and the visit on site with a telephone."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from portal.demo import papers
from portal.demo.people import PASSWORD
from tests.browser.applying import days_ago
from tests.browser.visiting import Person, field


def accept_the_invitation(expert: Person, seat: int) -> None:
    expert.go(f"/assignments/{seat}/")
    expert.page.get_by_label("我与各方当事单位没有应当回避的关系").check()
    expert.press("接受评审")
    expert.reads("已接受")


def decline_the_invitation(expert: Person, seat: int) -> None:
    """Somebody else is asked at once; the papers are never seen."""
    expert.go(f"/assignments/{seat}/")
    expert.open("谢绝")
    part = expert.page.locator("details", has_text="谢绝").first
    field(part, "理由").fill("示例：当周在外地出差。")
    expert.press("谢绝", part)
    expert.reads("已谢绝")


def mark_every_item(expert: Person, seat: int, marks: dict[str, Any]) -> None:
    """Item by item in the scoring room until none is left unmarked."""
    expert.go(f"/assignments/{seat}/scoring/")
    for left in range(len(marks) - 1, -1, -1):
        code = expert.page.locator("#mark").get_attribute("data-code") or ""
        give_a_mark(expert, marks[code])
        expert.press("保存，下一条")
        if left:
            expect(expert.page.locator("#mark")).not_to_have_attribute("data-code", code)
    expert.reads("全部条目已评。签署后评分表封存，不能再改；其他专家的评分在汇总后才能看到。")
    expect(expert.page.locator("#done")).to_have_text(str(len(marks)))


def give_a_mark(expert: Person, mark: dict[str, Any]) -> None:
    """Choose or type the mark of the item that is open, and why."""
    form = expert.page.locator("#mark")
    if mark["reason"]:
        field(form, "理由").fill(mark["reason"])
    button = form.locator(f'input[name="value"][type="radio"][value="{mark["value"]}"]')
    if button.count():
        button.check()
    elif mark["value"] == "na":
        form.get_by_role("checkbox").check()
    else:
        form.get_by_role("spinbutton").fill(mark["value"])


def sign_the_sheet(expert: Person, seat: int, name: str) -> None:
    expert.go(f"/assignments/{seat}/scoring/")
    expert.reads("全部条目已评。签署后评分表封存，不能再改；其他专家的评分在汇总后才能看到。")
    expert.fill({"签署人姓名": name, "当前密码": PASSWORD}, expert.page.locator("#sign"))
    expert.press("签署评分表")
    expert.reads("评分表已签署。")
    expert.reads("专家评分表")


def give_the_opinion(leader: Person, address: str) -> None:
    """Once the worker has counted: a note for every item on which the marks lie apart, then the opinion."""
    leader.go(address)
    leader.reads_state("专家组合议")
    part = leader.page.locator("#act")
    boxes = part.get_by_role("textbox").all()
    assert len(boxes) >= 2, "one expert marks far from the others: a note is asked for beside the opinion"
    for box in boxes:
        box.fill("示例：经合议，以汇总结果为准。")
    leader.press("出具专家组意见", part)
    leader.reads(re.compile("^已出具专家组意见："))


def endorse_the_opinion(member: Person, address: str, name: str) -> None:
    """On a page of its own: agreement, the name as a signature, the password once more."""
    member.go(address)
    member.follow("在专家组意见上签字")
    member.choose({"是否同意专家组意见": "同意"})
    member.fill({"签署人姓名": name, "当前密码": "not the password"})
    member.press("在专家组意见上签字")
    member.reads("密码不正确，请重新输入。")
    member.fill({"当前密码": PASSWORD})
    member.press("在专家组意见上签字")
    member.reads(re.compile("^已在专家组意见上签字："))
    expect(member.page).to_have_url(re.compile(re.escape(address) + "$"))
    expect(member.page.locator("#opinion")).to_contain_text("同意")


def record_the_site_visit(leader: Person, address: str, item: str) -> None:
    """On a telephone: what was seen, a photo, one item, the signature."""
    leader.go(address)
    leader.fill({"核查日期": days_ago(0), "核查情况": "示例：抽查楼栋与机房，设备安装与竣工图一致。"})
    leader.press("保存记录")
    expect(field(leader.page, "核查日期")).to_have_value(days_ago(0))
    expect(field(leader.page, "核查情况")).to_have_value(re.compile("^示例：抽查"))
    photos = leader.page.locator("#photos")
    photo = papers.photo("现场核查照片", f"{address} 远行").read()
    photos.locator("input[type=file]").set_input_files({"name": "机房.jpg", "mimeType": "image/jpeg", "buffer": photo})
    leader.press("上传照片", photos)
    expect(leader.page.locator("#photos img")).to_have_count(1)
    part = leader.page.locator("#findings")
    field(part, "条目").select_option(value=item)
    part.get_by_role("radio", name="与申报一致", exact=True).check()
    field(part, "所见").fill("示例：现场与申报一致。")
    leader.press("记录这一条", part)
    expect(leader.page.locator("#checklist .tag.ok", has_text="与申报一致").first).to_be_attached()
    sign_the_record(leader, address)


def sign_the_record(person: Person, address: str, password: str = PASSWORD) -> None:
    person.go(address)
    person.open("本人签字")
    form = person.page.locator("form[data-act=signature]").filter(has_text="当前密码")
    name = person.page.locator("header .who a[href='/account/']").inner_text()
    person.fill({"签字人姓名": name, "当前密码": password}, form)
    person.press("在以上记录上签字")
    person.reads("已在核查记录上签字。")
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0


def finish_the_site_visit(leader: Person, address: str) -> None:
    leader.go(address)
    leader.press("核查完成，开始评分")
    leader.reads(re.compile("^已完成现场核查，评分开始："))
