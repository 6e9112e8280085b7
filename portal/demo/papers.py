"""The invented files of the demo world as uploads: PDFs, photos and tables that really open, no two of them equal.

Hides how a text becomes the seed of a sample, so that the same case always has the same papers.
"""

from __future__ import annotations

import zlib
from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from portal import samples

CENTRE = (29.563, 106.551)  # degrees; photos lie around it


def seed_of(text: str) -> int:
    """A number that stands for ``text``, the same on every machine."""
    return zlib.crc32(text.encode())


def pdf(title: str, text: str, pages: int = 1) -> ContentFile[bytes]:
    """A document of ``pages`` pages whose first lines say what it is an example of."""
    return ContentFile(document(title, text, pages), name=f"{title}.pdf")


def document(title: str, text: str, pages: int) -> bytes:
    """The content of that document."""
    lines = [
        f"示例文件：{text}",
        "本文件为演示数据，内容虚构，不对应任何真实单位、小区或人员。",
        *(f"第 {number} 节　示例内容：系统构成、点位布置与技术参数详见附图。" for number in range(1, 3 * pages)),
    ]
    return samples.sample_pdf(title, lines, pages=pages, seed=seed_of(text))


def photo(title: str, text: str) -> ContentFile[bytes]:
    """A photo with time and place in its metadata, as a phone would send it."""
    seed = seed_of(f"{title} {text}")
    taken_at = timezone.localtime() - timedelta(minutes=seed % 45 + 1)
    position = (CENTRE[0] + seed % 1000 / 5000, CENTRE[1] + seed // 1000 % 1000 / 5000)
    content = samples.sample_photo(title, seed=seed, taken_at=taken_at.replace(microsecond=0), position=position)
    return ContentFile(content, name=f"{title}.jpg")


def table(title: str, text: str) -> ContentFile[bytes]:
    """A workbook of a few rows."""
    rows: list[list[object]] = [
        ["序号", "名称", "数量", "备注"],
        *([number, f"示例设备{number}", number * 4, text] for number in range(1, 13)),
    ]
    return ContentFile(samples.sample_xlsx(rows, seed=seed_of(text), sheet="示例"), name=f"{title}.xlsx")
