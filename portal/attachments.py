"""From an upload to the columns of an Attachment: looked into, named by its hash, pictures without their metadata.

Hides: reading an upload more than once, and which columns every kept file has. Who may hand in what is decided above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile

from portal import files
from portal.models import User


def attachment_values(upload: Any, allowed: Iterable[str], by: User | None) -> dict[str, Any]:
    """Look inside an upload and return the columns of an Attachment. ``by`` None is the public. Raises Refused."""
    limit = settings.MAX_UPLOAD_MEGABYTES * 1024 * 1024
    seen = files.inspect(upload, upload.name, allowed=tuple(allowed), max_bytes=limit)
    upload.seek(0)
    content = ContentFile(upload.read(), name=files.storage_name(seen.sha256, seen.kind))
    return {
        "file": content,
        "name": files.display_name(upload.name),
        "kind": seen.kind,
        "content_type": seen.content_type,
        "size": seen.size,
        "sha256": seen.sha256,
        "pages": seen.pages,
        "uploaded_by": by,
    }


def photo_values(upload: Any, by: User | None) -> dict[str, Any]:
    """As ``attachment_values`` for a picture: upright, without metadata, with thumbnail, time and place kept apart."""
    values = attachment_values(upload, ["jpg"], by)
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
