"""Pictures of the pages of files that people handed in: made once, kept beside the files, sent once a view said so.

Hides: that every page is drawn in a process of its own with bounded memory and time, that what failed is not tried again
at every look, and where pictures are kept. A picture is named by the content it shows, so that equal files share it and
a replaced file never shows the old.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from django.core.files.storage import default_storage
from django.db import transaction

from portal import bounded, rendering
from portal.models import Attachment
from portal.problems import Problem, Refused

logger = logging.getLogger(__name__)
KINDS = ("pdf", "jpg")
REMEMBERED = 3600  # seconds for which a page that could not be drawn is not tried again
THUMBNAIL = 240  # pixels; the width of a first page in a list
WIDTHS = (THUMBNAIL, 480, 960, 1440)  # pixels; a fixed few, so that nobody fills the disk with pictures of every size


class NoPicture(LookupError):
    """This file has no such page, or its kind is none that is drawn."""


def ask_for_thumbnail(attachment: Attachment) -> None:
    """Have a worker draw the first page, once the caller's transaction is kept: no page of ours waits for it."""
    from portal.tasks import ring_thumbnail  # tasks is a leaf

    transaction.on_commit(lambda: ring_thumbnail(attachment._meta.label, attachment.pk), robust=True)


def thumbnail_of(attachment: Attachment) -> Path | None:
    """The small picture of the first page; None while no worker has drawn it: asked for again, should the bell be lost.

    Raises NoPicture, and Refused where it cannot be drawn.
    """
    if not pages_of(attachment):
        raise NoPicture
    kept = _path_of(attachment, 1, THUMBNAIL)
    if kept.exists():
        return kept
    _refuse_again(kept.with_suffix(".refused"))
    ask_for_thumbnail(attachment)
    return None


def draw_thumbnail(attachment: Attachment) -> None:
    """Draw the first page, on a worker; what cannot be drawn is shown as a tile."""
    try:
        page_picture(attachment, 1, THUMBNAIL)
    except NoPicture:
        pass
    except Refused as reason:
        logger.info("no picture of %s: %s", attachment.sha256, reason)


def _path_of(attachment: Attachment, page: int, width: int) -> Path:
    digest = attachment.sha256
    return Path(default_storage.path(f"previews/{digest[:2]}/{digest}-{page}-{width}.jpg"))


def pages_of(attachment: Attachment) -> int:
    """How many pages can be drawn; 0 for a kind that is not drawn."""
    return (attachment.pages or 1) if attachment.kind in KINDS else 0


def page_picture(attachment: Attachment, page: int, width: int) -> Path:
    """The JPEG of one page (from 1), ``width`` pixels wide. Raises NoPicture, and Refused where it cannot be drawn."""
    if not 1 <= page <= pages_of(attachment) or width not in WIDTHS:
        raise NoPicture
    kept = _path_of(attachment, page, width)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        reasons = kept.with_suffix(".refused")
        _refuse_again(reasons)
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
        except Refused as refused:
            reasons.write_text(json.dumps([problem.as_record() for problem in refused.problems]), encoding="utf-8")
            raise
        finally:
            draft.unlink(missing_ok=True)
    return kept


def _refuse_again(reasons: Path) -> None:
    """Raise Refused as lately: a page that took a minute to fail does not take one from every reader."""
    try:
        lately = time.time() - reasons.stat().st_mtime < REMEMBERED
        told = json.loads(reasons.read_text(encoding="utf-8")) if lately else []
    except (FileNotFoundError, ValueError):  # a draft of another process
        return
    if told:
        raise Refused(Problem.from_record(record) for record in told)


def page_sizes(attachment: Attachment, pages: Iterable[int]) -> dict[int, tuple[float, float]]:
    """Width and height of these pages, in the file's own unit; pages that are not there are left out."""
    if attachment.kind not in KINDS:
        return {}
    return sizes_in(Path(default_storage.path(str(attachment.file.name))), attachment.kind, pages)


def sizes_in(path: Path, kind: str, pages: Iterable[int]) -> dict[int, tuple[float, float]]:
    """As ``page_sizes`` for a file that is not kept yet. Raises Refused."""
    told = bounded.call(rendering.measure, str(path), kind, sorted(set(pages)))
    return {page: (width, height) for page, width, height in told}
