"""The applicant's desk: from an account to an application that is handed in, corrected, guided and certified."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from playwright.sync_api import expect

from communities import credit_code
from portal.demo import cases, papers
from tests.browser.visiting import Person, field

USERNAME = "journey-applicant"
CODE = credit_code.with_check_character("91500103MAEJ00001")
PASSWORD = "journey-of-a-star-2026"
UNIT = "示例远行置业有限公司"
COMMUNITY = "示例星河远行里"
TODAY = date.today()


def days_ago(days: int) -> str:
    """A day as a date field takes it."""
    return (TODAY - timedelta(days=days)).isoformat()


def register_an_account(person: Person) -> None:
    person.go("/")
    person.follow("注册账号，申报评价")
    person.fill({"用户名": USERNAME, "姓名": "示例远行经办人", "电子邮箱": f"{USERNAME}@example.org"})
    person.fill({"密码": PASSWORD, "密码确认": PASSWORD})
    person.press("注册")
    person.reads("账号已注册，您已登录。下一步：登记您的单位。")


def register_a_unit(person: Person) -> None:
    """A wrong credit code is refused beside its field and nothing typed is lost; then the right one is taken."""
    wrong = CODE[:-1] + ("0" if CODE[-1] != "0" else "1")
    person.follow("登记单位")
    person.fill({"统一社会信用代码": wrong, "单位名称": UNIT, "地址": "示例路1号", "联系人": "示例远行经办人"})
    person.fill({"联系电话": "000-00000000"})
    person.choose({"单位类型": "建设单位", "注册地区县": "渝中区"})
    person.page.get_by_label("本单位承诺所填内容真实、所交证照有效").check()
    person.press("保存")
    person.reads(re.compile("校验"))
    expect(field(person.page, "单位名称")).to_have_value(UNIT)
    person.fill({"统一社会信用代码": CODE})
    person.press("保存")
    person.reads("单位信息已保存。请上传营业执照，然后提交核验。")
    licence = papers.pdf("营业执照", f"{UNIT} {CODE}").read()
    person.upload("营业执照或登记证书", "营业执照.pdf", licence)
    person.press("上传")
    person.reads("文件已上传。")
    person.follow("提交核验")
    person.press("提交核验")
    person.reads("已提交核验，等待受理员办理；办结后会通知单位成员。")


def register_a_community(person: Person) -> None:
    person.go("/organisations/")
    person.follow(UNIT)
    person.follow("登记小区")
    person.fill({"小区名称": COMMUNITY, "地址": "示例大道99号", "总建筑面积（平方米）": "98765.5"})
    person.fill({"户数": "820", "楼栋数": "9", "建设工程规划许可证日期": days_ago(900)})
    person.fill({"施工图审查合格日期": days_ago(700), "施工许可证日期": days_ago(500)})
    person.choose({"区县": "渝中区"})
    person.press("保存")
    person.reads("小区已登记。")


def open_a_project(person: Person, level: str) -> str:
    """Choose programme and target, and return the number of the project."""
    person.follow("建立案卷")
    person.page.get_by_role("radio", name=level).check()
    person.press("建立案卷")
    person.reads(re.compile("^已建立案卷"))
    return re.search(r"CQ-[A-Z]+(?:-\d+)+", person.page.locator(".crumbs").inner_text() + person.page.title())[0]  # type: ignore[index]


def open_an_application(person: Person, stage: str) -> None:
    person.press(f"开始申报：{stage}")
    expect(person.page.get_by_role("heading", level=1)).to_have_text(f"{COMMUNITY} · {stage}")


def hand_in_documents(person: Person, number: str, documents: list[Any]) -> None:
    """Statements are typed and save themselves; the rest are real PDFs."""
    person.follow("申报材料")
    for code, name, forms in documents:
        part = person.page.locator(f"#document-{code}")
        if "online" in forms:
            part.get_by_role("textbox", name=name).fill(f"示例：{COMMUNITY}《{name}》，本段为测试所填。")
            part.get_by_role("textbox", name=name).blur()
            expect(part.get_by_role("status")).to_have_text(re.compile("^已保存"))
        elif "pdf" in forms:
            content = papers.pdf(f"{code} {name}", f"{number} 远行", pages=2).read()
            part.get_by_label(re.compile("^上传文件")).set_input_files(
                {"name": f"{name}.pdf", "mimeType": "application/pdf", "buffer": content}
            )
            part.get_by_role("button", name="上传", exact=True).click()
            person.reads("已上传 1 个文件。")
    person.page.reload()
    expect(person.page.get_by_text("尚缺")).to_have_count(0)


def assess_oneself(person: Person, claims: list[Any]) -> None:
    """Every item of the standard, each saved by itself; loaded again, everything is still there."""
    person.follow("自评")
    for claim in claims:
        card = card_of(person, claim["code"])
        if claim["words"]:
            radio = card.get_by_role("radio", name=claim["words"], exact=True)
            radio.or_(card.get_by_role("checkbox", name=claim["words"], exact=True)).check()
        else:
            card.get_by_role("spinbutton").fill(claim["value"])
        if claim["note"]:
            write_a_note(card, claim["note"])
    saved = person.page.locator("form[data-item] [data-status]", has_text=re.compile("^已保存"))
    expect(saved).to_have_count(len(claims), timeout=60_000)
    person.page.reload()
    expect(person.page.locator("[data-marked]")).to_have_text(str(len(claims)))
    for claim in claims[:: len(claims) // 10]:
        card = card_of(person, claim["code"])
        if claim["words"]:
            expect(card.locator(f'input[value="{claim["value"]}"]')).to_be_checked()
        else:
            expect(card.get_by_role("spinbutton")).to_have_value(claim["value"])


def card_of(person: Person, code: str) -> Any:
    """The card of one item; codes have dots, which are no part of a name for CSS."""
    return person.page.locator(f'[id="item-{code}"]')


def write_a_note(card: Any, note: str) -> None:
    """The reason or explanation of one item, unfolded where it is folded."""
    folded = card.locator("details:not([open]) > summary")
    if folded.count():
        folded.first.click()
    card.locator("textarea[name=note]").fill(note)
    card.locator("textarea[name=note]").blur()


def prove_the_items(person: Person, number: str, proofs: list[Any]) -> None:
    """One file for each kind of proof, linked to its items; the last item of the first is linked from the item itself."""
    person.follow("佐证")
    late = proofs[0][2][-1] if len(proofs[0][2]) > 1 else ""
    for count, (kind, name, codes) in enumerate(proofs, start=1):
        upload = person.page.locator("#upload")
        content = cases.proof(kind, name, f"{number} 远行 {kind}")
        field(upload, "文件").set_input_files(
            {"name": content.name, "mimeType": "application/octet-stream", "buffer": content.read()}
        )
        person.choose({"佐证类型": name}, upload)
        person.fill({"说明": f"{name}（测试）"}, upload)
        folded = upload.locator("details:not([open]) > summary")
        if folded.count():
            folded.click()
        for code in codes:
            if code != late:
                upload.locator(f'input[name="items"][value="{code}"]').check()
        person.press("上传", upload)
        person.reads(f"共 {count} 件")
    if late:
        person.follow("自评")
        card_of(person, late).get_by_role("link", name="上传或选择佐证").click()
        person.press("用于本条", person.page.locator(".proofrows > li").first)
        expect(person.page.locator(".proofrows > li.proves")).to_have_count(1)


def hand_in(person: Person) -> None:
    """The advice is clean, so the application goes out; the worker checks it and passes it on."""
    person.follow("检查与提交")
    person.reads("没有发现问题。")
    person.press("提交申报")
    person.reads_state("形式审查")


def correct_only_what_is_named(person: Person, number: str, name: str, code: str) -> None:
    """Nothing else can be edited; the named document is replaced, the finding answered, the correction handed in."""
    person.go("/work/")
    take_up(person, COMMUNITY)
    person.follow("逐条办理")
    person.follow("去改正")
    expect(person.page.get_by_label(re.compile("^上传文件"))).to_have_count(1)
    expect(person.page.locator("main textarea")).to_have_count(0)
    part = person.page.locator(f"#document-{code}")
    part.get_by_role("button", name="移除").first.click()
    content = papers.pdf(f"{code} {name}", f"{number} 远行 补正", pages=2).read()
    part.get_by_label(re.compile("^上传文件")).set_input_files(
        {"name": f"{name}（补正）.pdf", "mimeType": "application/pdf", "buffer": content}
    )
    part.get_by_role("button", name="上传", exact=True).click()
    person.reads("已上传 1 个文件。")
    person.follow("补正")
    answer = field(person.page, "如何改正")
    answer.fill("已更换为盖章的扫描件。")
    answer.blur()
    expect(person.page.locator(".todo [data-status]").first).to_have_text(re.compile("^已保存"))
    person.page.reload()
    person.reads("全部已答复，可以提交。")
    person.follow("检查并提交")
    person.press("提交补正")
    person.reads_state("形式审查")


def take_up(person: Person, subject: str) -> None:
    """In my work, open what waits about this subject."""
    row = person.page.get_by_role("row").filter(has_text=subject)
    row.get_by_role("link", name=re.compile("^办理")).first.click()


def reply_to_guidance(person: Person, address: str, text: str) -> None:
    """Upload a photo of what was mended, then say what was done."""
    person.go(address)
    photo = papers.photo("整改照片", f"{address} 远行").read()
    part = person.page.locator("article.opinion")
    part.locator("input[name=photo]").set_input_files({"name": "整改后.jpg", "mimeType": "image/jpeg", "buffer": photo})
    person.press("上传整改照片", part)
    expect(part.locator("img")).to_have_count(1)
    field(part, "整改情况").fill(text)
    person.press("提交整改回复", part)
    person.reads("待核对")
