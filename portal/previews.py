"""Pictures of the pages of files that people handed in: made once, kept beside the files, sent once a view said so.

Hides: that every page is drawn in a process of its own with bounded memory and time, and where pictures are kept. A
picture is named by the content it shows, so that equal files share it and a replaced file never shows the old.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from django.core.files.storage import default_storage

from portal import bounded, rendering
from portal.models import Attachment

KINDS = ("pdf", "jpg")
WIDTHS = (240, 480, 960, 1440)  # pixels; a fixed few, so that nobody fills the disk with pictures of every size


class NoPicture(LookupError):
    """This file has no such page, or its kind is none that is drawn."""


def pages_of(attachment: Attachment) -> int:
    """How many pages can be drawn; 0 for a kind that is not drawn."""
    return (attachment.pages or 1) if attachment.kind in KINDS else 0


def page_picture(attachment: Attachment, page: int, width: int) -> Path:
    """The JPEG of one page (from 1), ``width`` pixels wide. Raises NoPicture, and Refused where it cannot be drawn."""
    if not 1 <= page <= pages_of(attachment) or width not in WIDTHS:
        raise NoPicture
    digest = attachment.sha256
    kept = Path(default_storage.path(f"previews/{digest[:2]}/{digest}-{page}-{width}.jpg"))
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_name(f"{uuid4()}.draft")
        try:
            bounded.call(
                rendering.draw,
                default_storage.path(str(attachment.file.name)),
                attachment.kind,
                page,
                width,
                str(draft),
            )
            os.replace(draft, kept)
        finally:
            draft.unlink(missing_ok=True)
    return kept


def page_sizes(attachment: Attachment, pages: Iterable[int]) -> dict[int, tuple[float, float]]:
    """Width and height of these pages, in the file's own unit; pages that are not there are left out."""
    if attachment.kind not in KINDS:
        return {}
    return sizes_in(Path(default_storage.path(str(attachment.file.name))), attachment.kind, pages)


def sizes_in(path: Path, kind: str, pages: Iterable[int]) -> dict[int, tuple[float, float]]:
    """As ``page_sizes`` for a file that is not kept yet. Raises Refused."""
    told = bounded.call(rendering.measure, str(path), kind, sorted(set(pages)))
    return {page: (width, height) for page, width, height in told}
