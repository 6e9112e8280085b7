"""Files from a real browser to a real portal: cut off again and again, they arrive whole; regions are drawn on their pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Request, expect

from portal.demo import papers
from tests.browser.line import Line, line_to
from tests.browser.visiting import DESK, PHONE, House, Person, Watch
from tests.running import Portal

pytestmark = [pytest.mark.browser, pytest.mark.looks]

SLOWLY = 3_000_000  # bytes a second, so that there is a middle to be cut in
SIZE = 24_000_000
PATIENCE = 90_000  # milliseconds
# What a browser writes of a line that this test has cut itself, and of the answers that the protocol gives then.
EXPECTED = re.compile(
    r"net::ERR_(INTERNET_DISCONNECTED|CONNECTION|SOCKET|EMPTY_RESPONSE|NETWORK_CHANGED)|status of (409|423) "
)


@pytest.fixture
def line(portal: Portal) -> Iterator[Line]:
    """What lies between the browser and the portal."""
    with line_to(portal.address, SLOWLY) as line:
        yield line


@pytest.fixture
def house(browser: Browser, line: Line, remembered: dict[str, Any]) -> Iterator[House]:
    """As everywhere, but here the line is slow and breaks on purpose."""
    house = House(browser, line.address, Watch(line.address), remembered)
    yield house
    house.close()
    assert [line for line in house.watch.seen if not EXPECTED.search(line)] == []


@pytest.fixture
def drawing(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A drawing of its own bytes and its own name."""
    path = tmp_path / f"{request.node.name}.dwg"
    path.write_bytes(b"AC1032" + Random(request.node.name).randbytes(SIZE - 6))
    return path


def choose(person: Person, *files: Any) -> None:
    """Choose a kind and files, and send them."""
    person.choose({"佐证类型": "施工图或深化图"})
    person.page.locator("#id_files").set_input_files(list(files))
    person.page.locator("#upload form[data-upload] .acts .btn").last.click()


def came(person: Person, least: int) -> None:
    """Wait until so many bytes have gone out."""
    script = "least => document.querySelector('[data-progress] progress')?.value >= least"
    person.page.wait_for_function(script, arg=least, timeout=PATIENCE)


def proof(person: Person, name: str) -> Locator:
    return person.page.locator(".proofrows > li", has_text=name)


def kept(person: Person, name: str) -> bytes:
    """The file as the portal gives it back."""
    expect(proof(person, name)).to_be_visible(timeout=PATIENCE)
    address = str(proof(person, name).locator("a.thumb").get_attribute("href")).partition("?")[0]
    return bytes(person.page.context.request.get(f"{person.address}{address}file/?download").body())


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_upload_cut_three_times_arrives_whole(
    house: House, portal: Portal, line: Line, places: dict[str, Any], drawing: Path, size: dict[str, int]
) -> None:
    person, offsets = house.person(places["draft_applicant"], size), []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    person.page.on("request", note)
    person.go(f"/applications/{places['draft']}/evidence/")
    choose(person, drawing)
    came(person, 3_000_000)
    line.cut()
    person.reads("网络中断，恢复后将自动继续")
    line.mend()
    came(person, 9_000_000)
    person.page.reload()  # the page is closed, and the same file chosen again
    person.reads("请再次选择同一文件，将从断点继续。")
    choose(person, drawing)
    came(person, 15_000_000)
    portal.kill("web")  # the server loses its power
    person.reads("网络中断，恢复后将自动继续")
    portal.start("web")
    assert hashlib.sha256(kept(person, drawing.name)).hexdigest() == hashlib.sha256(drawing.read_bytes()).hexdigest()
    # From the beginning once, and never again from where it had been before.
    assert offsets[0] == 0
    assert offsets[1:] == sorted(offset for offset in offsets if offset)
    assert len(offsets) >= 4


def test_many_files_at_once_each_have_their_own_end(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"], PHONE)
    person.go(f"/applications/{places['draft']}/evidence/")
    papers_of = {f"图{number}.pdf": papers.pdf(f"图{number}", "多", pages=1).read() for number in range(1, 5)}
    files = [{"name": name, "mimeType": "application/pdf", "buffer": content} for name, content in papers_of.items()]
    broken = {"name": "破损.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 nothing"}
    choose(person, *files, broken)
    line = person.page.locator("[data-progress] li", has_text="破损.pdf")
    expect(line).to_contain_text("PDF 不完整，缺少结尾", timeout=PATIENCE)
    for name, content in papers_of.items():
        assert kept(person, name) == content  # the list is fresh without the page being loaded again
    person.press("知道了 破损.pdf")
    expect(line).to_have_count(0)
    person.page.reload()
    assert not person.page.get_by_text("破损.pdf").count()


def test_a_file_is_paused_and_goes_on_by_keyboard(house: House, places: dict[str, Any], drawing: Path) -> None:
    other = drawing.with_name("剖面.dwg")
    other.write_bytes(b"AC1032" + Random(8).randbytes(9_000_000))
    person = house.person(places["draft_applicant"])
    person.go(f"/applications/{places['draft']}/evidence/")
    choose(person, other)
    came(person, 1_000_000)
    person.page.get_by_role("button", name="暂停 剖面.dwg").press("Enter")
    person.reads("已暂停")
    person.page.get_by_role("button", name="继续 剖面.dwg").press("Enter")
    assert hashlib.sha256(kept(person, "剖面.dwg")).digest() == hashlib.sha256(other.read_bytes()).digest()


def test_a_small_file_is_sent_without_script(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"], DESK, script=False)
    person.go(f"/applications/{places['draft']}/evidence/")
    content = papers.pdf("无脚本", "甲", pages=1).read()
    choose(person, {"name": "无脚本.pdf", "mimeType": "application/pdf", "buffer": content})
    assert kept(person, "无脚本.pdf") == content


def test_a_region_is_drawn_with_a_mouse_and_moved_with_keys(house: House, places: dict[str, Any]) -> None:
    person = house.person(places["draft_applicant"])
    person.go(f"/applications/{places['draft']}/evidence/")
    content = papers.pdf("标注", "甲", pages=2).read()
    choose(person, {"name": "标注.pdf", "mimeType": "application/pdf", "buffer": content})
    expect(proof(person, "标注.pdf")).to_be_visible(timeout=PATIENCE)
    proof(person, "标注.pdf").locator("a.thumb").click()
    person.follow("下一页")
    person.page.locator("#id_item").select_option(index=1)
    sheet = person.page.locator("[data-sheet]")
    expect(sheet.locator("img")).to_have_js_property("complete", True)
    box = sheet.bounding_box()
    assert box is not None
    mouse, edge = person.page.mouse, (box["x"], box["y"])
    mouse.move(edge[0] + box["width"] * 0.1, edge[1] + box["height"] * 0.1)
    mouse.down()
    mouse.move(edge[0] + box["width"] * 0.3, edge[1] + box["height"] * 0.2)
    mouse.up()
    keys = person.page.get_by_role("button", name="用方向键调整")
    keys.press("ArrowRight")
    keys.press("Shift+ArrowDown")
    numbers = [float(person.page.locator(f"#id_{name}").input_value()) for name in ("left", "top", "width", "height")]
    assert numbers == pytest.approx([11, 10, 20, 11], abs=0.3)
    person.press("保存位置")
    expect(person.page.locator(".sheet rect.chosen")).to_have_attribute("x", str(numbers[0]))
