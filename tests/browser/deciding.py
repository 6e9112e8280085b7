"""The desks of the city and of the district: form check, recommendation, draw, approval, objection, guidance."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from portal.demo import papers
from tests.browser.applying import COMMUNITY, UNIT, days_ago, take_up
from tests.browser.visiting import Person, field


def approve_the_unit(intake: Person) -> None:
    intake.go("/work/")
    take_up(intake, UNIT)
    intake.follow("核验通过")
    intake.press("核验通过")
    intake.reads("已核验")


def send_the_one_correction_notice(intake: Person, name: str) -> None:
    """One finding at one document, previewed as a PDF, sent as the one notice."""
    intake.go("/work/")
    take_up(intake, COMMUNITY)
    intake.reads("自动检查")
    intake.page.get_by_role("link", name=f"提出问题：{name}").click()
    intake.fill({"问题与改正要求": "第 2 页缺少签章，请更换为盖章的扫描件。"})
    intake.press("列入")
    intake.reads("第 2 页缺少签章，请更换为盖章的扫描件。")
    link = intake.page.get_by_role("link", name="预览一次性告知书（PDF）").get_attribute("href")
    preview = intake.page.context.request.get(f"{intake.address}{link}")
    assert preview.body().startswith(b"%PDF")
    intake.press("发出一次性补正告知")
    intake.reads_state("补正")


def accept(intake: Person, again: bool = False) -> None:
    """Accept; after a correction only the difference is looked at."""
    intake.go("/work/")
    take_up(intake, COMMUNITY)
    if again:
        intake.reads("与上一版的差异")
    intake.press("受理", intake.page.locator("#decide"))
    intake.reads(re.compile("^已受理："))


def recommend(officer: Person) -> None:
    officer.go("/work/")
    take_up(officer, COMMUNITY)
    officer.follow("推荐")
    officer.fill({"推荐意见": "符合本区智慧小区建设计划，同意推荐。"})
    officer.press("推荐")
    officer.reads(re.compile("^已推荐："))


def draw_the_panel(organiser: Person, supervisor: Person) -> None:
    """One freezes the list, another starts the draw."""
    organiser.go("/work/")
    take_up(organiser, COMMUNITY)
    organiser.press("发起专家抽取")
    organiser.reads("等监督员共同启动。")
    supervisor.go("/work/")
    take_up(supervisor, COMMUNITY)
    supervisor.press("共同启动抽取")
    supervisor.reads("下载凭证（JSON）")


def close_the_review(organiser: Person, address: str) -> None:
    organiser.go(address)
    organiser.press("评审结束，送审定")
    organiser.reads(re.compile("^已结束评审，送审定："))


def approve_the_result(approver: Person) -> None:
    approver.go("/work/")
    take_up(approver, COMMUNITY)
    approver.fill({"审定意见": "同意按专家组意见公示。"})
    approver.press("审定通过，开始公示")
    approver.reads(re.compile("^已审定通过，开始公示："))


def object_without_an_account(public: Person) -> str:
    """Read the notice and object to it; return the number of the receipt."""
    public.go("/notices/")
    public.follow(COMMUNITY)
    public.follow("提出异议")
    public.page.get_by_role("radio").first.check()
    public.fill({"姓名或单位名称": "示例居民", "身份证件号码或统一社会信用代码": "11010519491231002X"})
    public.fill({"联系电话或邮箱": "resident@example.org", "异议事项与事实依据": "示例：对安防系统一项的得分有异议。"})
    public.press("提交异议")
    public.reads("异议已收到")
    return public.page.locator(".verdict").inner_text()


def take_the_objection(intake: Person, number: str) -> None:
    intake.go("/work/")
    take_up(intake, number)
    intake.follow("受理异议")
    intake.press("受理异议")
    intake.reads("核查中")


def reject_the_objection(supervisor: Person, number: str) -> None:
    supervisor.go("/work/")
    take_up(supervisor, number)
    supervisor.follow("异议不成立")
    supervisor.fill({"答复": "示例：经核查，评分依据充分，异议不成立。"})
    supervisor.press("异议不成立")
    supervisor.reads("异议不成立")


def plan_guidance(officer: Person, project: int, nodes: list[str]) -> list[str]:
    """Plan a visit at every node; return the addresses of the visits."""
    addresses = []
    for node in nodes:
        officer.go(f"/projects/{project}/")
        officer.follow("安排过程指导")
        officer.choose({"节点": node})
        officer.fill({"计划日期": days_ago(0)})
        officer.press("安排")
        expect(officer.page.get_by_role("heading", level=1)).to_have_text(f"{node}：{COMMUNITY}")
        addresses.append(officer.page.url.removeprefix(officer.address))
    return addresses


def record_guidance(officer: Person, address: str) -> None:
    """A photo, one opinion with its day, and what was seen."""
    officer.go(address)
    photos = officer.page.locator("#photos")
    photo = papers.photo("现场照片", f"{address} 现场").read()
    photos.locator("input[type=file]").set_input_files({"name": "现场.jpg", "mimeType": "image/jpeg", "buffer": photo})
    officer.fill({"说明": "弱电间"}, photos)
    officer.press("上传照片", photos)
    expect(officer.page.locator("#photos img")).to_have_count(1)
    officer.open("提出意见")
    officer.fill({"意见": "示例：管线标识不全，请补齐后拍照回复。", "整改期限": days_ago(-14)})
    officer.press("提出")
    officer.reads("示例：管线标识不全，请补齐后拍照回复。")
    part = officer.page.locator("#act")
    field(part, "指导日期").fill(days_ago(0))
    field(part, "现场情况").fill("示例：进度与计划相符，施工单位、监理到场。")
    officer.press("登记指导情况", part)
    officer.reads_state("整改中")


def close_guidance(officer: Person, address: str) -> None:
    """The reply proves it: the opinion is closed, then the visit."""
    officer.go(address)
    officer.follow("核对无误，办结")
    officer.press("核对无误，办结")
    officer.go(address)
    officer.press("办结本次指导")
    officer.reads_state("已办结")
