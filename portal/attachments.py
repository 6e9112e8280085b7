"""From an upload to the columns of an Attachment: looked into, named by its hash, pictures without their metadata.

Hides: reading an upload more than once, which files are opened in a process of their own, how large each may be, and
which columns every kept file has. Nothing is read whole into memory. Who may hand in what is decided above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.utils.translation import gettext

from portal import files
from portal.contents import MEGABYTE
from portal.models import Attachment, User

# Drawings come as PDF or DWG, and nobody can tell a drawing's PDF from another.
LARGE_KINDS = ("pdf", "dwg", "mp4")
LARGE_ENDINGS = frozenset(suffix for kind in LARGE_KINDS for suffix in files.KINDS[kind].suffixes)


class Received(File):  # type: ignore[type-arg]  # generic in its stubs alone
    """A file that came in piece by piece and lies whole on disk, under the name that its sender gave it."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path.open("rb"), name=name)
        self.path = path


def largest_bytes(name: str) -> int:
    """How large a file of this name may be when it comes piece by piece. Its content must be what its ending says."""
    large = Path(name).suffix.lower() in LARGE_ENDINGS
    limit: int = settings.MAX_DRAWING_MEGABYTES if large else settings.MAX_UPLOAD_MEGABYTES
    return max(limit, settings.MAX_UPLOAD_MEGABYTES) * MEGABYTE


def largest_words(kinds: Collection[str]) -> str:
    """How large a file of each of these kinds may be, as a clause in the reader's language."""
    small, large = settings.MAX_UPLOAD_MEGABYTES, max(settings.MAX_DRAWING_MEGABYTES, settings.MAX_UPLOAD_MEGABYTES)
    big = [files.KINDS[kind].label for kind in LARGE_KINDS if kind in kinds]
    if small == large or not big:
        return gettext("每个不超过 %(n)s MB") % {"n": small}
    if set(kinds) <= set(LARGE_KINDS):
        return gettext("每个不超过 %(n)s MB") % {"n": large}
    values = {"kinds": gettext("、").join(big), "large": large, "small": small}
    return gettext("%(kinds)s 每个不超过 %(large)s MB，其他每个不超过 %(small)s MB") % values


def attachment_values(upload: Any, allowed: Iterable[str], by: User | None) -> dict[str, Any]:
    """Look inside an upload and return the columns of an Attachment. ``by`` None is the public. Raises Refused."""
    seen = _inspected(upload, tuple(allowed))
    upload.seek(0)
    return {
        "file": File(upload, name=files.storage_name(seen.sha256, seen.kind)),
        "name": files.display_name(upload.name),
        "kind": seen.kind,
        "content_type": seen.content_type,
        "size": seen.size,
        "sha256": seen.sha256,
        "pages": seen.pages,
        "uploaded_by": by,
    }


def _inspected(upload: Any, allowed: tuple[str, ...]) -> files.Inspection:
    """Small uploads are opened here; what lies on disk is large or unknown and is opened apart."""
    if isinstance(upload, Received):
        limit = largest_bytes(upload.name or "")
        return files.inspect_apart(upload.path, upload.name or "", allowed=allowed, max_bytes=limit)
    limit = settings.MAX_UPLOAD_MEGABYTES * MEGABYTE
    if hasattr(upload, "temporary_file_path"):
        path = Path(upload.temporary_file_path())
        return files.inspect_apart(path, upload.name, allowed=allowed, max_bytes=limit)
    return files.inspect(upload, upload.name, allowed=allowed, max_bytes=limit)


def photo_values(upload: Any, by: User | None) -> dict[str, Any]:
    """As ``attachment_values`` for a picture: upright, without metadata, with thumbnail, time and place kept apart."""
    return as_photo(attachment_values(upload, ["jpg"], by), upload)


def as_photo(values: dict[str, Any], upload: Any) -> dict[str, Any]:
    """The columns of a picture that was looked into already. Raises Refused where it cannot be decoded."""
    upload.seek(0)
    content, thumbnail, facts = files.normalise_image(upload)
    name = files.storage_name(values["sha256"], "jpg")
    latitude, longitude = facts.position or (None, None)
    return {
        **values,
        "file": ContentFile(content, name=name),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "image/jpeg",
        "thumbnail": ContentFile(thumbnail, name=f"thumbnail-{name}"),
        "taken_at": facts.taken_at,
        "latitude": latitude,
        "longitude": longitude,
    }


def stored(values: dict[str, Any]) -> dict[str, Any]:
    """The same columns with every file put into storage already, so that the transaction that writes the row is short.

    Names come from content: what an attempt left behind that was interrupted later is used again, not stored twice.
    """
    return {name: _stored(value) if isinstance(value, File) else value for name, value in values.items()}


def _stored(content: File[bytes]) -> str:
    name = str(content.name)
    if default_storage.exists(name) and default_storage.size(name) == content.size:
        return name
    return str(default_storage.save(name, content))


def is_kept(name: str) -> bool:
    """Whether any row names this stored file: files are named by their content, so that several may share one."""
    kinds = (model for model in apps.get_models() if issubclass(model, Attachment))
    return any(model._base_manager.filter(file=name).exists() for model in kinds)
