"""The draw in a real browser: receipts are drawn again there and come out as the Python verifier says; secrets are made."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from playwright.sync_api import expect

from experts.draw import Panel, canonical_bytes, receipt, secret_hash, substitute
from tests.browser.visiting import House, Person
from tests.experts.pools import SMALL_RULES, city_pool, drawn, frozen_of, small_pool
from tests.experts.test_draw_receipt import stand_alone
from tests.experts.test_inspection_receipt import VECTORS

pytestmark = [pytest.mark.browser, pytest.mark.looks]

CITY, SMALL = frozen_of(city_pool(), SMALL_RULES), frozen_of(small_pool(), SMALL_RULES)
RIGHT = "核验通过：重新抽取的结果与凭证所载完全一致。"
WRONG = "核验不通过：标红各项与凭证所载不符，该凭证不可信。"
# In the page itself, so that the module is the one that the page runs.
VERIFY = """async (files) => {
    const { verify } = await import("/static/js/verify_draw.js");
    const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
    return files.map((hex) => Object.entries(verify(bytes(hex))).filter(([, holds]) => !holds).map(([part]) => part));
}"""


def with_declines(number: int) -> Panel:
    """The panel of one draw after as many declines as its number says, up to three."""
    panel = drawn(CITY, number)
    for turn in range(number % 4):
        panel = substitute(CITY, panel, [panel.seats[(number + turn) % 5].expert_id])
    return panel


def found(person: Person, files: list[bytes]) -> list[list[str]]:
    """For each file the parts that the browser finds wrong."""
    answer: list[list[str]] = person.page.evaluate(VERIFY, [data.hex() for data in files])
    return answer


@pytest.fixture
def reader(house: House, places: dict[str, Any]) -> Person:
    """Somebody without an account before the notice."""
    person = house.visitor()
    person.go(f"/notices/{places['notice']}/")
    return person


def test_anybody_draws_again_on_the_notice_and_reads_that_every_part_is_right(reader: Person) -> None:
    reader.press("在浏览器中核验")
    reader.reads(RIGHT)
    lines = reader.page.locator(".checks li")
    said = [text.rpartition(" ")[2] for text in lines.all_inner_texts()]
    assert (len(said), {text.strip().removeprefix("✓").strip() for text in said}) == (14, {"一致"})
    members = reader.page.locator("tr[data-id] output").all_inner_texts()
    assert (len(members), set(members)) == (5, {"与凭证一致"})


def test_a_changed_receipt_is_told_part_by_part(reader: Person) -> None:
    data = canonical_bytes(receipt(CITY, with_declines(3)))
    changed = data.replace(b'"can_lead":true', b'"can_lead":null', 1)
    for file, verdict in ((changed, WRONG), (data, RIGHT)):
        reader.upload("或核验已下载的凭证文件", "receipt.json", file)
        reader.reads(verdict)
    reader.upload("或核验已下载的凭证文件", "receipt.json", changed)
    reader.reads(WRONG)
    wrong = reader.page.locator(".checks li.wrong").evaluate_all("all => all.map(line => line.dataset.part)")
    assert (wrong[0], wrong[-1]) == ("commitment", "sha256")


def test_the_browser_and_the_stand_alone_page_find_twenty_receipts_right(reader: Person) -> None:
    files = [canonical_bytes(receipt(CITY, with_declines(number))) for number in range(20)]
    assert [stand_alone.verify(data) for data in files] == [[]] * 20
    assert found(reader, files) == [[]] * 20


def test_whatever_is_changed_both_find_it_and_the_browser_names_the_part(reader: Person) -> None:
    honest = receipt(SMALL, substitute(SMALL, drawn(SMALL), [drawn(SMALL).seats[1].expert_id]))
    files = {}
    for part, path, value in (
        ("commitment", ("commitment",), "0" * 64),
        ("commitment", ("pool", "subject"), "别的案卷"),
        ("organiser", ("organiser", "sha256"), "0" * 64),
        ("supervisor", ("supervisor", "sha256"), "0" * 64),
        ("seed", ("public_value",), "0471"),
        ("seed", ("supervisor", "secret"), "1" * 64),
        ("orders", ("orders", "*"), honest["orders"]["*"][::-1]),
        ("rounds", ("rounds", 1, "declined"), []),
        ("rounds", ("rounds", 0, "seats"), honest["rounds"][1]["seats"]),
        ("leader", ("rounds", 0, "seats", 0, "leader"), True),
        ("sha256", ("sha256",), "0" * 64),
        ("parts", ("format",), "expert-draw-receipt-2"),
    ):
        files[canonical_bytes(changed(honest, path, value))] = part
    data = canonical_bytes(honest)
    files |= {data + b"\n": "bytes", data[:-1]: "bytes", b" " + data: "bytes", b"": "bytes", b"null": "bytes"}
    browser = found(reader, list(files))
    assert [stand_alone.verify(file) == [] for file in files] == [False] * len(files)
    assert [part in wrong for part, wrong in zip(files.values(), browser, strict=True)] == [True] * len(files)


def changed(original: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at ``path``."""
    copied = copy.deepcopy(original)
    place: Any = copied
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value if place[path[-1]] != value else not value
    return copied


def test_a_secret_that_is_kept_is_shown_once_and_only_its_hash_is_sent(house: House, places: dict[str, Any]) -> None:
    person = house.person("organiser")
    person.go(f"/applications/{places['drawing']}/draw/")
    sent: list[str] = []
    person.page.on("request", lambda request: sent.append(request.post_data or ""))
    assert (
        person.page.locator("input[name=secret]").input_value() != ""
    )  # entrusted, unless the person chooses otherwise
    person.page.get_by_label("自己保管，双方承诺后由本人揭示").check()
    secret = person.page.locator(".ownsecret output").inner_text()
    assert person.page.locator("input[name=secret_hash]").input_value() == secret_hash(secret)
    person.press("发起专家抽取")
    person.reads("请先保存密值，再勾选确认。")
    assert [body for body in sent if body] == []
    with person.page.expect_download() as download:
        person.press("下载为文件")
    assert download.value.path().read_text(encoding="utf-8") == f"{secret}\n"
    person.press("复制")
    person.reads("已复制。")
    expect(person.page.locator("input[name=secret]")).to_have_value("")


def test_the_file_on_the_notice_is_the_one_that_is_verified(reader: Person, places: dict[str, Any]) -> None:
    answer = reader.page.request.get(f"{reader.address}/notices/{places['notice']}/receipt.json")
    assert stand_alone.verify(answer.body()) == []
    assert json.loads(answer.body())["format"] == "expert-draw-receipt-1"


def test_the_browser_says_of_every_published_vector_of_an_inspection_what_the_page_of_python_says(
    reader: Person,
) -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    browser = found(reader, [vector["receipt"].encode() for vector in vectors])
    assert [wrong == [] for wrong in browser] == [vector["right"] for vector in vectors]


def test_anybody_draws_an_inspection_again_on_its_page(house: House, places: dict[str, Any]) -> None:
    person = house.visitor()
    person.go(f"/inspections/draws/{places['inspection_draw']}/receipt/")
    person.press("在浏览器中核验")
    person.reads(RIGHT)
    said = [text.rpartition(" ")[2] for text in person.page.locator(".checks li").all_inner_texts()]
    assert (len(said), {text.strip().removeprefix("✓").strip() for text in said}) == (10, {"一致"})
    answer = person.page.request.get(f"{person.address}/inspections/draws/{places['inspection_draw']}/receipt.json")
    assert stand_alone.verify(answer.body()) == []
