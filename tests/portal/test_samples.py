"""Invented files that can really be read: the same for the same seed, never the same for another."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from openpyxl import load_workbook
from PIL import Image, ImageChops
from pypdf import PdfReader

from portal import files, sample_film, samples

LINES = ["一、工程概况：示例云景园一期位于渝北区。", "二、设计依据：现行标准。", "三、系统组成：综合布线、视频监控。"]
ROWS = [["设备", "数量"], ["摄像机", 12], ["=1+1", "@SUM(A1)"], ["-危险", "+危险"], [None, 3.5]]
MAKERS: dict[str, Callable[[int], bytes]] = {
    "a.pdf": lambda seed: samples.sample_pdf("弱电智能化设计说明", LINES, pages=2, seed=seed),
    "a.jpg": lambda seed: samples.sample_photo("网络机房设备", seed=seed),
    "a.xlsx": lambda seed: samples.sample_xlsx(ROWS, seed=seed),
    "a.mp4": lambda seed: samples.sample_mp4("东门出入口", seed=seed),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_gives_the_same_file_and_another_seed_another(name: str) -> None:
    assert MAKERS[name](1) == MAKERS[name](1)
    hashes = {files.sha256_of(MAKERS[name](seed)) for seed in range(12)}
    assert len(hashes) == 12


@pytest.mark.parametrize("name, pages", [("a.pdf", 2), ("a.jpg", None), ("a.xlsx", 2), ("a.mp4", None)])
def test_a_sample_passes_the_inspection(name: str, pages: int | None) -> None:
    seen = files.inspect(io.BytesIO(MAKERS[name](3)), name, allowed=tuple(files.KINDS), max_bytes=10**6)
    assert (seen.kind, seen.pages) == (name.partition(".")[2], pages)


@pytest.mark.parametrize("pages", [1, 2, 3, 5])
def test_a_document_has_its_pages_and_its_words(pages: int) -> None:
    reader = PdfReader(io.BytesIO(samples.sample_pdf("设计说明", LINES, pages=pages, seed=7)))
    text = "".join(page.extract_text() for page in reader.pages).replace("\n", "")
    assert len(reader.pages) == pages
    assert [line for line in ["设计说明", "示例材料，内容虚构", *LINES] if line not in text] == []


def test_a_document_with_any_title_can_be_made() -> None:
    text = PdfReader(io.BytesIO(samples.sample_pdf("示例😀", ["#panic()"]))).pages[0].extract_text()
    assert ("示例〓" in text, "#panic()" in text) == (True, True)


def test_a_photo_knows_when_and_where_it_was_taken() -> None:
    taken = datetime(2026, 11, 20, 9, 31, 5, tzinfo=timezone(timedelta(hours=8)))
    content = samples.sample_photo("管线预埋", seed=4, taken_at=taken, position=(-29.563012, 106.551556))
    seen = files.inspect(io.BytesIO(content), "a.jpg", allowed=("jpg",), max_bytes=10**6)
    assert (seen.taken_at, seen.position, seen.width, seen.height) == (taken, (-29.563012, 106.551556), 1280, 960)


@pytest.mark.parametrize("title", ["小区外立面", "管线预埋", "配电设备", "东门摄像机", "随便"])
def test_a_photo_shows_something(title: str) -> None:
    with Image.open(io.BytesIO(samples.sample_photo(title))) as image:
        colours = image.resize((64, 48)).getcolors(64 * 48)
    assert colours is not None
    assert len(colours) > 30


def test_a_photo_held_upright_is_stored_turned() -> None:
    plain, turned = samples.sample_photo("泵房", seed=1), samples.sample_photo("泵房", seed=1, sideways=True)
    with Image.open(io.BytesIO(plain)) as upright, Image.open(io.BytesIO(turned)) as stored:
        assert (upright.size, stored.size, stored.getexif()[274]) == ((1280, 960), (960, 1280), 6)
    with Image.open(io.BytesIO(files.normalise_image(io.BytesIO(turned)).content)) as kept:
        assert kept.size == (1280, 960)


def test_a_workbook_keeps_text_as_text() -> None:
    book = load_workbook(io.BytesIO(samples.sample_xlsx(ROWS, sheet="清单")))
    assert book.sheetnames == ["清单", "说明"]
    assert [list(row) for row in book["清单"].iter_rows(values_only=True)] == ROWS
    assert [cell.data_type for cell in book["清单"][3]] == ["s", "s"]


# --- the film -----------------------------------------------------------------------------------------------------


def test_a_film_holds_its_picture_as_it_was() -> None:
    picture = Image.effect_noise((48, 32), 80).convert("RGB")
    film = sample_film.film(picture, 1)
    at = film.index(b"mdat") + 4
    unit = film[at + 4 : at + 4 + int.from_bytes(film[at : at + 4], "big")]
    assert unit[0] == 0x65  # an IDR slice
    payload = unit[1:].replace(b"\x00\x00\x03", b"\x00\x00")
    luma = Image.new("L", picture.size)
    size, first = 2 + 384, len(payload) - 6 * (2 + 384) + 1  # every block: its mark, then 256 + 64 + 64 samples
    for block in range(6):
        start = first + block * size
        samples_of_block = Image.frombytes("L", (16, 16), payload[start : start + 256])
        luma.paste(samples_of_block, (block % 3 * 16, block // 3 * 16))
    expected = picture.convert("YCbCr").getchannel(0).point([16 + round(value * 219 / 255) for value in range(256)])
    assert ImageChops.difference(luma, expected).getbbox() is None


@pytest.mark.parametrize("seconds", [1, 3, 10])
def test_a_film_lasts_as_long_as_asked(seconds: int) -> None:
    film = samples.sample_mp4("东门", seconds=seconds)
    at = film.index(b"mvhd") + 4
    scale, length = (int.from_bytes(film[at + 12 + shift : at + 16 + shift], "big") for shift in (0, 4))
    assert length / scale == seconds


def test_a_film_of_uneven_size_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        sample_film.film(Image.new("RGB", (100, 100)), 1)
