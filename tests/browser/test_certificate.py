"""Certificates verified from a saved file with the network off, from the text of the code and from its picture."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import expect

from tests.browser.test_looks import AXE, axe_faults
from tests.browser.visiting import DESK, PHONE, House, Person
from tests.evaluation import sealed

pytestmark = [pytest.mark.browser, pytest.mark.looks]

DOCUMENT = json.loads(sealed.FILE.read_text(encoding="utf-8"))
SENTENCES = {
    "valid": "有效", "expired": "已过期", "revoked": "已撤销", "superseded": "已被新证书取代", "reversed": "激励已撤回",
    "altered": "内容被改动",
    "wrong_key": "不是本机构签发", "list_altered": "撤销名单不可信", "unreadable": "不是带签名的证书二维码",
}  # fmt: skip
# In the saved page itself: what its own script says of every vector.
ASK = """({keys, lists, vectors}) => vectors.map(({code, list, day}) => {
    const found = modules["js/verify_certificate.js"].verify(code, keys, lists[list], day);
    return [found.code, found.since];
})"""


def saved(person: Person, folder: Path) -> Path:
    """The verifier, saved from the page of looking up."""
    person.go("/certificates/")
    with person.page.expect_download() as download:
        person.follow("保存离线核验页")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def with_vectors(path: Path) -> Path:
    """The saved page with the keys and the list of the test vectors in the place of ours; its script stays."""
    source = path.read_text(encoding="utf-8")
    for name, value in (("issuer-keys", DOCUMENT["keys"]), ("revocations", DOCUMENT["lists"]["right"])):
        begin, found, rest = source.partition(f'<script id="{name}" type="application/json">')
        assert found
        source = begin + found + json.dumps(value) + rest[rest.index("</script>") :]
    changed = path.with_name("vectors.html")
    changed.write_text(source, encoding="utf-8")
    return changed


def opened(house: House, path: Path, size: dict[str, int] = DESK) -> tuple[Person, list[str]]:
    """The saved page in a window without a network, and every address that it asks for from now on."""
    person = house.visitor(size)
    person.page.context.set_offline(True)
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url))
    person.page.goto(path.as_uri())
    return person, asked


def check(person: Person, code: str) -> str:
    """Paste a code and press the button; the one verdict that is shown."""
    person.page.get_by_label("证书或激励确认书二维码的内容").fill(code)
    person.press("核验")
    shown = person.page.locator("[data-verdict]:visible b")
    expect(shown).to_have_count(1)
    return shown.inner_text()


def picture_of(pdf: bytes, resolution: int) -> bytes:
    """The page of a certificate as a scanner sees it, in dots an inch."""
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=resolution / 72).to_pil()
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_a_picture_of_a_printed_certificate_is_read_and_verified_without_a_network(
    house: House, places: dict[str, Any], tmp_path: Path
) -> None:
    visitor = house.visitor()
    path = saved(visitor, tmp_path)
    pdf = visitor.page.request.get(f"{visitor.address}/certificates/{places['certificate']}/file/").body()
    person, asked = opened(house, path)
    for resolution in (150, 200, 300, 600):
        picture = {"name": "scan.png", "mimeType": "image/png", "buffer": picture_of(pdf, resolution)}
        person.page.locator("[data-code]").fill("")
        person.page.get_by_label("或选择证书二维码的照片").set_input_files(picture)
        expect(person.page.locator("[data-code]")).to_have_value(re.compile(r"/#v1\."))
        expect(person.page.locator("[data-verdict]:visible b")).to_have_text("有效")
        expect(person.page.locator("[data-field=number]")).to_have_text(places["certificate"])
    blank = {"name": "no.png", "mimeType": "image/png", "buffer": picture_of(pdf, 10)}
    person.page.get_by_label("或选择证书二维码的照片").set_input_files(blank)
    expect(person.page.locator("[data-verdict]:visible b")).to_have_text("照片中没有找到二维码")
    expect(person.page.locator("[data-field=number]")).to_be_hidden()
    assert [url for url in asked if not url.startswith("file:")] == []


def test_the_saved_page_says_of_every_vector_what_the_other_verifiers_say(house: House, tmp_path: Path) -> None:
    person, _asked = opened(house, saved(house.visitor(), tmp_path))
    found = person.page.evaluate(ASK, DOCUMENT)
    vectors = DOCUMENT["vectors"]
    assert [(row["name"], *said) for row, said in zip(vectors, found, strict=True)] == [
        (row["name"], row["verdict"], row["since"]) for row in vectors
    ]


def test_people_read_each_verdict_in_words(house: House, tmp_path: Path) -> None:
    person, asked = opened(house, with_vectors(saved(house.visitor(), tmp_path)))
    person.page.clock.set_fixed_time(f"{sealed.TODAY}T12:00:00+08:00")
    person.page.reload()
    expect(person.page.locator("[data-list-day]")).to_have_text(sealed.LISTED_ON)
    by_verdict = {
        row["verdict"]: row for row in DOCUMENT["vectors"] if (row["list"], row["day"]) == ("right", sealed.TODAY)
    }
    by_verdict["expired"] = {
        "code": sealed.code(issued_on="2026-07-01", valid_until="2026-11-20"),
        "since": "2026-11-20",
    }
    for verdict in ("valid", "expired", "revoked", "superseded", "reversed", "altered", "wrong_key"):
        row = by_verdict[verdict]
        assert (verdict, check(person, row["code"])) == (verdict, SENTENCES[verdict])
        if row["since"]:
            expect(person.page.locator("[data-verdict]:visible")).to_contain_text(row["since"])
    assert check(person, sealed.confirmed()) == SENTENCES["valid"]
    expect(person.page.locator("[data-field=value]")).to_have_text(sealed.CONFIRMED["value"])
    expect(person.page.locator("[data-field=is_final]")).to_be_hidden()
    assert check(person, sealed.code()) == SENTENCES["valid"]
    expect(person.page.locator("[data-field=value]")).to_be_hidden()
    assert check(person, "https://stars.example.org/") == SENTENCES["unreadable"]
    forged = json.dumps(DOCUMENT["lists"]["entry removed"]).encode()
    revoked = by_verdict["revoked"]["code"]
    for content in (forged, b"null", b"{", b"\xff"):
        file = {"name": "revocations.json", "mimeType": "application/json", "buffer": content}
        person.page.get_by_label("换用更新的撤销名单（revocations.json）").set_input_files(file)
        person.page.wait_for_function("() => document.querySelector('[data-list]').value !== ''")
        assert check(person, revoked) == SENTENCES["list_altered"]
    assert [url for url in asked if not url.startswith("file:")] == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_saved_page_is_whole_for_everybody(house: House, tmp_path: Path, size: dict[str, int]) -> None:
    person, _asked = opened(house, with_vectors(saved(house.visitor(), tmp_path)), size)
    person.page.keyboard.press("Tab")
    person.page.keyboard.insert_text(sealed.code())
    for _ in range(2):
        person.page.keyboard.press("Tab")
    expect(person.page.get_by_role("button", name="核验")).to_be_focused()
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("status")).to_contain_text("示例·云栖里小区")
    person.page.evaluate(AXE)
    assert axe_faults(person) == []
    assert person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    person.picture(f"verifier-{size['width']}")


def test_scanning_on_line_tells_a_forged_seal_from_the_registered_one(house: House, places: dict[str, Any]) -> None:
    person = house.visitor(PHONE)
    address = f"/certificates/{places['certificate']}/"
    person.go(address)
    seal = person.page.locator("[data-seal]").get_attribute("data-seal")
    same, other = "二维码中的数字签名与本平台登记的一致。", "二维码中的数字签名与本平台登记的不符"
    expect(person.page.locator("[data-seal] p:visible")).to_have_count(0)
    person.page.goto(f"{person.address}{address}#{seal}")
    expect(person.page.locator("[data-seal] p:visible")).to_have_text(same)
    person.page.goto(f"{person.address}{address}#{sealed.sealed()}")
    expect(person.page.locator("[data-seal] p:visible")).to_contain_text(other)
