"""The archive of a sealed snapshot as docs/snapshot.md describes it: what it lists, and whether one is whole.

Hides the order in which an archive is distrusted: first its directory, then the manifest, then the sealed data, then
every file. Plain Python that needs neither a database nor the portal that wrote the archive.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from evaluation.standard import canonical

FORMAT = 1
MANIFEST, DATA, PRINT = "manifest.json", "data.json", "data.pdf"
CHUNK = 64 * 1024
MOST_ENTRIES = 20_000
MOST_DIRECTORY = 16 * 2**20
MOST_JSON = 16 * 2**20
# End of central directory; its 64-bit form and the locator before it. Our archives carry no comment.
END, END_64, LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
TEXT = re.compile(r"[^\w().+\-（）【】《》、，·]")


class Unreadable(Exception):
    """Not an archive that the portal wrote: nothing can be said about its content. The text is a key of ``REASONS``."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of an archive. size: bytes."""

    path: str
    sha256: str
    size: int

    def as_json(self) -> dict[str, Any]:
        """The entry as the manifest writes it."""
        return {"path": self.path, "sha256": self.sha256, "size": self.size}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing wrong with an archive. kind: changed, missing, added, manifest or digest; path: file, "" for none."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """sealed: SHA-256 of the sealed data as found; files: how many were compared; differences: empty = whole."""

    sealed: str
    files: int
    differences: tuple[Difference, ...]


# --- writing ------------------------------------------------------------------------------------------------------


def path_of(folder: str, entry: Mapping[str, Any]) -> str:
    """Where a file of a snapshot stands in the archive: unique by its id, safe on every system.

    folder: "evidence", or "documents/" and the code of a document; entry: the file's entry in the snapshot.
    """
    place = "/".join(_plain(part, 40) for part in folder.split("/"))
    return f"files/{place}/{int(entry['id'])}-{_plain(entry['name'], 80)}"


def _plain(name: str, most: int) -> str:
    text = TEXT.sub("_", unicodedata.normalize("NFC", name))
    stem, dot, ending = text.rpartition(".")
    short = f"{stem[: most - len(ending) - 1]}.{ending}" if dot and len(ending) <= 10 else text[:most]
    return short.strip(". ") or "_"


def files_of(data: Mapping[str, Any]) -> list[tuple[Listed, Mapping[str, Any]]]:
    """Return every file of a snapshot with its place in the archive, in the order of the snapshot."""
    rows = [(f"documents/{code}", row) for code, entries in data["documents"].items() for row in entries]
    rows += [("evidence", row) for row in data["evidence"]]
    return [(Listed(path_of(folder, row), row["sha256"], row["size"]), row) for folder, row in rows]


def listed(path: str, content: bytes) -> Listed:
    """The entry of a file whose whole content is at hand."""
    return Listed(path, hashlib.sha256(content).hexdigest(), len(content))


def manifest_of(head: Mapping[str, Any], data: bytes, sealed: Mapping[str, Any], print_out: bytes) -> bytes:
    """Return manifest.json. head: what names the version; data: the canonical bytes of ``sealed``; print_out: the PDF."""
    own = [listed(DATA, data), listed(PRINT, print_out)]
    files = sorted([*own, *(entry for entry, _ in files_of(sealed))], key=lambda entry: entry.path)
    manifest = {**head, "format": FORMAT, "sealed": own[0].sha256, "files": [entry.as_json() for entry in files]}
    return canonical({**manifest, "digest": digest_of(manifest)})


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical manifest without its own digest."""
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(canonical(rest)).hexdigest()


# --- verifying ----------------------------------------------------------------------------------------------------


def verify(path: Path, digest: str = "") -> Verdict:
    """Compare every file of an archive with its manifest, and the manifest with the sealed data.

    digest: the SHA-256 that the portal shows for the version; "" compares with the manifest alone. Raises Unreadable
    for what is no such archive or could only have been made to do harm. Memory stays within the two JSON files.
    """
    try:
        with path.open("rb") as stream:
            _look_at_directory(stream)
            with zipfile.ZipFile(stream) as archive:
                return _compared(archive, stream.seek(0, 2), digest.strip().lower())
    except OSError as error:
        raise Unreadable("no_file") from error
    except (zipfile.BadZipFile, struct.error, NotImplementedError, RuntimeError, ValueError) as error:
        raise Unreadable("no_archive") from error


def _look_at_directory(stream: BinaryIO) -> None:
    """Refuse an archive whose list of entries alone would fill the memory, before anything reads that list."""
    length = stream.seek(0, 2)
    if length < END.size:
        raise Unreadable("no_archive")
    stream.seek(length - END.size)
    mark, _disk, _start, _here, entries, size, offset, comment = END.unpack(stream.read(END.size))
    if mark != b"PK\5\6" or comment:
        raise Unreadable("no_archive")
    if 0xFFFFFFFF in (size, offset) or entries == 0xFFFF:
        stream.seek(max(0, length - END.size - LOCATOR.size))
        _mark, _disk, place, _disks = LOCATOR.unpack(stream.read(LOCATOR.size))
        stream.seek(min(place, length))
        _mark, _rest, _v, _w, _d, _s, _here, entries, size, _offset = END_64.unpack(stream.read(END_64.size))
    if entries > MOST_ENTRIES or size > MOST_DIRECTORY:
        raise Unreadable("too_much")


def _compared(archive: zipfile.ZipFile, length: int, digest: str) -> Verdict:
    entries = _entries(archive, length)
    manifest = _manifest(archive, entries)
    files = _list(manifest)
    found = [Difference("manifest", MANIFEST)] if manifest.get("digest") != digest_of(manifest) else []
    found += [Difference("added", name) for name in entries if name != MANIFEST and name not in files]
    for name, entry in files.items():
        if name not in entries:
            found.append(Difference("missing", name))
        elif _hash(archive, entries[name], entry.size) != entry.sha256:
            found.append(Difference("changed", name))
    sealed, agrees = _sealed(archive, entries, files, manifest)
    if not agrees and Difference("manifest", MANIFEST) not in found:
        found.append(Difference("manifest", MANIFEST))
    if digest and digest != sealed:
        found.append(Difference("digest", DATA))
    return Verdict(sealed, len(files), tuple(found))


def _entries(archive: zipfile.ZipFile, length: int) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name. Ours are stored as they are, so together they are never longer than the archive."""
    infos = archive.infolist()
    entries = {info.filename: info for info in infos}
    if len(entries) != len(infos) or len({name.casefold() for name in entries}) != len(infos):
        raise Unreadable("double_names")
    if any(_leads_out(name) for name in entries):
        raise Unreadable("names_lead_out")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos):
        raise Unreadable("not_as_written")
    if len(infos) > MOST_ENTRIES or sum(info.file_size for info in infos) > length:
        raise Unreadable("too_much")
    return entries


def _leads_out(name: str) -> bool:
    parts = name.split("/")
    return "\\" in name or ":" in name or "\0" in name or any(part in ("", ".", "..") for part in parts)


def _manifest(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> dict[str, Any]:
    if MANIFEST not in entries:
        raise Unreadable("no_manifest")
    manifest = _json(archive, entries[MANIFEST])
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Unreadable("no_manifest")
    return manifest


def _json(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """The JSON of one entry; None where it is none."""
    if info.file_size > MOST_JSON:
        raise Unreadable("too_much")
    try:
        return json.loads(archive.read(info))
    except (ValueError, RecursionError, zipfile.BadZipFile):
        return None


def _list(manifest: Mapping[str, Any]) -> dict[str, Listed]:
    rows = manifest.get("files")
    files: dict[str, Listed] = {}
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.keys() != {"path", "sha256", "size"}:
            raise Unreadable("no_manifest")
        path, sha256, size = row["path"], row["sha256"], row["size"]
        if not (isinstance(path, str) and isinstance(sha256, str) and isinstance(size, int)) or path in files:
            raise Unreadable("no_manifest")
        files[path] = Listed(path, sha256, size)
    return files


def _hash(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> str:
    """SHA-256 of one entry; "" where its length or its check sum is another."""
    if info.file_size != size:
        return ""
    digest = hashlib.sha256()
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    except (zipfile.BadZipFile, EOFError, NotImplementedError):
        return ""
    return digest.hexdigest()


def _sealed(
    archive: zipfile.ZipFile,
    entries: Mapping[str, zipfile.ZipInfo],
    files: Mapping[str, Listed],
    manifest: Mapping[str, Any],
) -> tuple[str, bool]:
    """Return the SHA-256 of the sealed data, and whether the manifest lists what the data names and nothing else."""
    if DATA not in entries:
        return "", False
    sealed = _hash(archive, entries[DATA], entries[DATA].file_size)
    named = dict(_named(_json(archive, entries[DATA])))
    others = {path: entry for path, entry in files.items() if path not in (DATA, PRINT)}
    return sealed, named == others and manifest.get("sealed") == sealed and {DATA, PRINT} <= files.keys()


def _named(data: Any) -> Iterator[tuple[str, Listed]]:
    """The files that sealed data names; a hostile document names nothing that any manifest could list."""
    try:
        rows = files_of(data)
    except (AttributeError, KeyError, TypeError, ValueError):
        rows = [(Listed("", "", -1), {})]
    yield from ((entry.path, entry) for entry, _ in rows)
