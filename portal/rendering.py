"""Drawing and measuring single pages of PDFs and photos: what runs in a process of its own, for ``portal.previews``.

Hides: pdfium. Plain Python, so that a process that draws one page starts fast and knows no database.
"""

from __future__ import annotations

from pathlib import Path

import pypdfium2
from PIL import Image

from portal import contents
from portal.problems import Problem, Refused, gettext_noop

LONGEST = 4  # a page is never drawn longer than this many times its width


def _unreadable() -> Refused:
    return Refused([Problem("page_unreadable", "", gettext_noop("这一页无法显示；请下载文件查看。"))])


def draw(path: str, kind: str, page: int, width: int, target: str) -> None:
    """Write the picture (JPEG) of one page, from 1, ``width`` pixels wide, to ``target``. Raises Refused."""
    image = _page_of_pdf(path, page, width) if kind == "pdf" else _picture(path, width)
    image.save(target, "JPEG", quality=82, optimize=True)


def _page_of_pdf(path: str, page: int, width: int) -> Image.Image:
    try:
        document = pypdfium2.PdfDocument(path)
        leaf = document[page - 1]
        scale = min(width / leaf.get_width(), LONGEST * width / leaf.get_height())
        image: Image.Image = leaf.render(scale=scale).to_pil().convert("RGB")
    except (pypdfium2.PdfiumError, IndexError, ZeroDivisionError, ValueError) as error:
        raise _unreadable() from error
    return image


def _picture(path: str, width: int) -> Image.Image:
    with Path(path).open("rb") as stream:
        image = contents.open_image(stream)
        with contents.reading_image():
            image.draft("RGB", (width, width))
            small = image.convert("RGB")
    small.thumbnail((width, LONGEST * width), Image.Resampling.LANCZOS)
    return small


def measure(path: str, kind: str, pages: list[int]) -> list[tuple[int, float, float]]:
    """(page, width, height) of those pages that are there, in the file's own unit. Raises Refused."""
    if kind != "pdf":
        with Path(path).open("rb") as stream:
            image = contents.open_image(stream)
        return [(page, float(image.width), float(image.height)) for page in pages if page == 1]
    try:
        document = pypdfium2.PdfDocument(path)
        there = [page for page in pages if 1 <= page <= len(document)]
        return [(page, *document.get_page_size(page - 1)) for page in there]
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise _unreadable() from error
