"""Files that people hand in and get back: taken by what is inside them, named by their hash, sent once a view said so.

Hides: how a type is told from content, which names are safe to show, how an answer is cut into ranges, and which
headers keep a stranger's file from acting in the browser. Looking inside is the work of ``portal.contents``.

Behind a web server (``PROTECTED_FILES_PREFIX``) the server sends the bytes and the ranges; nginx then drops all headers
but Content-Type, Content-Disposition, Cache-Control and Accept-Ranges: its location must add nosniff and the policy.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import filetype
from django.conf import settings
from django.core.files.base import File
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header, parse_etags
from PIL import Image, ImageOps

from portal import bounded, contents
from portal.problems import Problem, Refused, gettext_noop

CHUNK = 64 * 1024
HEAD = 8192  # bytes from which a type is told
NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """A form word of the standards. label: what people call it; types: ending -> content type."""

    label: str
    types: Mapping[str, str]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Endings that a file of this kind may have, the usual one first."""
        return tuple(self.types)


OFFICE = "application/vnd.openxmlformats-officedocument."
KINDS: Mapping[str, Kind] = {
    "pdf": Kind("PDF", {".pdf": "application/pdf"}),
    "dwg": Kind("DWG", {".dwg": "image/vnd.dwg"}),
    "xlsx": Kind("XLSX", {".xlsx": f"{OFFICE}spreadsheetml.sheet"}),
    "jpg": Kind("JPG、PNG", {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}),
    "mp4": Kind("MP4", {".mp4": "video/mp4", ".m4v": "video/mp4"}),
    "pptx": Kind("PPTX", {".pptx": f"{OFFICE}presentationml.presentation"}),
}
EVIDENCE_KINDS = ("pdf", "jpg", "xlsx", "mp4", "dwg", "pptx")
# What ``filetype`` calls the content -> our form word and the ending under which its content type is found.
BY_CONTENT = {
    "pdf": ("pdf", ".pdf"),
    "dwg": ("dwg", ".dwg"),
    "xlsx": ("xlsx", ".xlsx"),
    "jpg": ("jpg", ".jpg"),
    "png": ("jpg", ".png"),
    "apng": ("jpg", ".png"),
    "mp4": ("mp4", ".mp4"),
    "m4v": ("mp4", ".mp4"),
    "pptx": ("pptx", ".pptx"),
}
# Kinds a browser may show in the page; everything else is always a download.
INLINE_TYPES = frozenset({"application/pdf", "image/jpeg", "image/png", "video/mp4"})


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an accepted upload is. size: bytes; taken_at: aware; everything else as in ``contents.Facts``."""

    kind: str
    content_type: str
    size: int
    sha256: str
    pages: int | None
    width: int | None
    height: int | None
    taken_at: datetime | None
    position: tuple[float, float] | None
    safe_name: str


class ImageFacts(NamedTuple):
    """taken_at: aware, or None; position: (latitude, longitude) in degrees, or None; width, height: pixels as sent."""

    taken_at: datetime | None
    position: tuple[float, float] | None
    width: int
    height: int


class NormalisedImage(NamedTuple):
    """A picture as we keep it: upright JPEG without metadata, its thumbnail (JPEG), and what the metadata said."""

    content: bytes
    thumbnail: bytes
    facts: ImageFacts


# --- names --------------------------------------------------------------------------------------------------------


def display_name(name: str) -> str:
    """Return a user's file name as it may be shown: last path part, no control or direction characters, at most 120.

    The ending is kept when a name is cut. A name of which nothing remains becomes "未命名".
    """
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(" " if character.isspace() else character for character in unicodedata.normalize("NFC", last))
    # Cc control, Cf format (direction overrides, zero width), Cs surrogate, Co private, Cn unassigned.
    kept = "".join(character for character in visible if not unicodedata.category(character).startswith("C"))
    clean = re.sub(r" +", " ", kept).strip(" .")
    stem, dot, suffix = clean.rpartition(".")
    if not dot or not stem or len(suffix) > 10:
        return clean[:NAME_LENGTH] or "未命名"
    return f"{stem[: NAME_LENGTH - len(suffix) - 1].rstrip(' .')}.{suffix}"


def storage_name(sha256: str, kind: str) -> str:
    """Return where content is kept below MEDIA_ROOT, from nothing that a user wrote. ValueError for anything else."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or kind not in KINDS:
        raise ValueError(f"not a hash and a kind: {sha256!r}, {kind!r}")
    return f"{sha256[:2]}/{sha256}{KINDS[kind].suffixes[0]}"


@contextmanager
def on_disk(content: File[bytes]) -> Iterator[Path]:
    """A copy of ``content`` under a name of its own while the block runs, for programs that want a path."""
    with NamedTemporaryFile(prefix="portal-") as copy:
        for chunk in content.chunks(CHUNK):
            copy.write(chunk)
        copy.flush()
        content.seek(0)
        yield Path(copy.name)


def sha256_of(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def accept_attribute(kinds: Collection[str]) -> str:
    """The ``accept`` attribute of a file field: every ending that one of ``kinds`` may have."""
    return ",".join(suffix for kind in kinds if kind in KINDS for suffix in KINDS[kind].suffixes)


# --- accepting ----------------------------------------------------------------------------------------------------


def inspect(stream: BinaryIO | File[bytes], name: str, *, allowed: Collection[str], max_bytes: int) -> Inspection:
    """Look inside an upload and return what it is. The stream is left at an unknown place.

    allowed: form words of ``KINDS``. Raises Refused with the reason and the way to mend it: empty, over ``max_bytes``,
    a type that is unknown, unwanted or hidden behind another ending, and whatever ``portal.contents`` refuses.
    """
    safe_name = display_name(name)
    try:
        sha256, size = _hash_and_size(stream, max_bytes)
        kind, content_type = _kind_of(stream, safe_name, allowed)
        facts = contents.LOOKS[kind](stream, contents.LIMITS)  # type: ignore[arg-type]  # Django's File is a BinaryIO
    except Refused as refused:
        raise Refused(Problem(p.code, safe_name, p.message, p.params) for p in refused.problems) from refused
    return Inspection(
        kind=kind,
        content_type=content_type,
        size=size,
        sha256=sha256,
        pages=facts.pages,
        width=facts.width,
        height=facts.height,
        taken_at=_aware(facts.taken_at),
        position=facts.position,
        safe_name=safe_name,
    )


def inspect_apart(path: Path, name: str, *, allowed: Collection[str], max_bytes: int) -> Inspection:
    """As ``inspect`` for a file on disk, opened in a process of its own. Raises Refused, TooHeavy among it."""
    try:
        told = bounded.call(inspected, str(path), name, list(allowed), max_bytes)
    except bounded.TooHeavy as heavy:
        raise Refused(Problem(p.code, display_name(name), p.message) for p in heavy.problems) from heavy
    moment, position = told.pop("taken_at"), told.pop("position")
    return Inspection(
        **told, taken_at=moment and datetime.fromisoformat(moment), position=tuple(position) if position else None
    )


def inspected(path: str, name: str, allowed: list[str], max_bytes: int) -> dict[str, Any]:
    """What ``inspect`` finds in a file on disk, as JSON: the part that runs apart."""
    with Path(path).open("rb") as stream:
        seen = inspect(stream, name, allowed=allowed, max_bytes=max_bytes)
    return {**asdict(seen), "taken_at": seen.taken_at and seen.taken_at.isoformat()}


def _hash_and_size(stream: BinaryIO | File[bytes], max_bytes: int) -> tuple[str, int]:
    """Read once, chunk by chunk, and stop as soon as the limit is passed."""
    stream.seek(0)
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > max_bytes:
            limit = f"{max_bytes / contents.MEGABYTE:.4g}"
            message = gettext_noop("文件超过上限 %(limit)s MB；请压缩或拆分后重新上传。")
            raise Refused([Problem("file_too_large", "", message, {"limit": limit})])
        digest.update(chunk)
    if not size:
        raise Refused([Problem("file_empty", "", gettext_noop("文件是空的（0 字节）；请检查原文件后重新上传。"))])
    return digest.hexdigest(), size


def _kind_of(stream: BinaryIO | File[bytes], name: str, allowed: Collection[str]) -> tuple[str, str]:
    """Tell (kind, content type) from the content; Refused where it is unknown, unwanted or the ending differs."""
    extension = _extension_of_content(stream)
    wanted = "、".join(KINDS[kind].label for kind in KINDS if kind in allowed)
    if extension not in BY_CONTENT:
        message = gettext_noop("无法识别文件内容；请上传 %(wanted)s 格式的文件。")
        if extension:
            message = gettext_noop("文件内容其实是 .%(found)s，不能接受；请上传 %(wanted)s 格式的文件。")
        raise Refused([Problem("file_type_unknown", "", message, {"wanted": wanted, "found": extension})])
    kind, suffix = BY_CONTENT[extension]
    label, problems = KINDS[kind].label, []
    if kind not in allowed:
        message = gettext_noop("此处不接受 %(found)s 文件；请上传 %(wanted)s 格式的文件。")
        problems.append(Problem("file_type_not_allowed", "", message, {"wanted": wanted, "found": label}))
    ending = Path(name).suffix.lower()
    if ending and ending not in KINDS[kind].suffixes:
        message = gettext_noop("扩展名 %(ending)s 与内容（%(found)s）不符；请确认文件无误，改正扩展名后重新上传。")
        problems.append(Problem("file_extension_differs", "", message, {"ending": ending, "found": label}))
    if problems:
        raise Refused(problems)
    return kind, KINDS[kind].types[suffix]


def _extension_of_content(stream: BinaryIO | File[bytes]) -> str:
    """What the content is, as an ending without dot; "" where nobody knows it."""
    stream.seek(0)
    head = stream.read(HEAD)
    if head.startswith(b"PK\x03\x04"):
        # Which entry comes first differs from one office program to the next: the whole list decides.
        return contents.office_kind(stream)  # type: ignore[arg-type]
    guess = filetype.guess(head)
    return str(guess.extension) if guess else ""


def _aware(moment: datetime | None) -> datetime | None:
    """A camera without offset ran on the city's clock."""
    return timezone.make_aware(moment) if moment is not None and moment.tzinfo is None else moment


# --- pictures -----------------------------------------------------------------------------------------------------

LONGEST_SIDE = 4000
THUMBNAIL_SIDE = 480
LARGEST_PROFILE = 64 * 1024


def normalise_image(stream: BinaryIO | File[bytes]) -> NormalisedImage:
    """Return a picture upright, at most 4000 pixels long, as JPEG without metadata, and a thumbnail of at most 480.

    Time and place are read first, then dropped with all other metadata. The colour profile stays: it says nothing about
    people, and colours would change without it. Raises Refused for a picture that ``inspect`` would refuse.
    """
    image = contents.open_image(stream)  # type: ignore[arg-type]
    facts = contents.facts_of_image(image)
    profile = image.info.get("icc_profile") if image.mode == "RGB" else None
    with contents.reading_image():
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        upright = _on_white(ImageOps.exif_transpose(image))
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    content = _jpeg(upright, 85, profile if profile and len(profile) <= LARGEST_PROFILE else None)
    width, height = upright.size
    upright.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return NormalisedImage(
        content, _jpeg(upright, 80), ImageFacts(_aware(facts.taken_at), facts.position, width, height)
    )


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    solid = image.convert("RGBA")
    ground = Image.new("RGBA", solid.size, "white")
    ground.alpha_composite(solid)
    return ground.convert("RGB")


def _jpeg(image: Image.Image, quality: int, profile: bytes | None = None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True, icc_profile=profile, exif=b"", comment=b"")
    return buffer.getvalue()


# --- sending ------------------------------------------------------------------------------------------------------

SANDBOX = (
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
# Chromium shows a PDF with a viewer of its own, which a sandbox switches off and whose frame styles itself inline.
PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"


def send(
    file: FieldFile | File[bytes] | Path | str,
    *,
    name: str,
    content_type: str,
    inline: bool,
    request: HttpRequest | None = None,
    sha256: str = "",
) -> HttpResponseBase:
    """Answer with a file that the calling view has authorised.

    With ``request`` a Range is answered by 206 (or 416) and a known ETag by 304; ``sha256`` is the ETag. ``inline`` is
    granted only to PDF, pictures and films. With ``PROTECTED_FILES_PREFIX`` the web server sends a stored file.
    """
    inline = inline and content_type in INLINE_TYPES
    asked = request.headers if request is not None else {}
    etag = f'"{sha256}"' if sha256 else ""
    if etag and etag in parse_etags(asked.get("If-None-Match", "").replace("W/", "")):
        response: HttpResponseBase = HttpResponse(status=304)
    elif settings.PROTECTED_FILES_PREFIX and isinstance(file, FieldFile):
        response = HttpResponse(content_type=content_type)
        response["X-Accel-Redirect"] = f"{settings.PROTECTED_FILES_PREFIX.rstrip('/')}/{quote(str(file.name))}"
    else:
        whole = asked.get("If-Range", etag) != etag
        response = _answer(file, content_type, "" if whole else asked.get("Range", ""))
    disposition = content_disposition_header(not inline, display_name(name))
    response["Content-Disposition"] = disposition or ("inline" if inline else "attachment")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = PDF_POLICY if content_type == "application/pdf" else SANDBOX
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-cache" if etag else "private, no-store"
    response["Accept-Ranges"] = "bytes"
    if etag:
        response["ETag"] = etag
    return response


def _answer(file: FieldFile | File[bytes] | Path | str, content_type: str, wanted: str) -> HttpResponseBase:
    # The response closes what is opened here.
    stream: Any = Path(file).open("rb") if isinstance(file, Path | str) else file.open("rb")  # noqa: SIM115
    size = stream.seek(0, io.SEEK_END)
    first, last = _span(wanted, size)
    if first > last:
        stream.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    stream.seek(first)
    partial = (first, last) != (0, size - 1)
    response = FileResponse(Part(stream, last - first + 1), status=206 if partial else 200, content_type=content_type)
    response["Content-Length"] = str(last - first + 1)
    if partial:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _span(wanted: str, size: int) -> tuple[int, int]:
    """First and last byte that a Range header asks for (RFC 9110, 14.1.2); first > last where it lies beyond the end.

    The whole file where the header is absent, makes no sense or asks for several spans.
    """
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted.strip())
    if match is None or match.groups() == ("", ""):
        return 0, size - 1
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (1, 0)
    if last and int(last) < int(first):
        return 0, size - 1
    return (int(first), min(int(last or size - 1), size - 1)) if int(first) < size else (1, 0)


class Part:
    """The next ``length`` bytes of an open stream, read chunk by chunk; closes it in the end."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = CHUNK) -> bytes:
        chunk = self._stream.read(min(size if size >= 0 else self._left, self._left))
        self._left -= len(chunk)
        return chunk

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(CHUNK):
            yield chunk

    def close(self) -> None:
        self._stream.close()
