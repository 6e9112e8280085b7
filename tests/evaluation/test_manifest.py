"""The archive of a snapshot: every changed byte is found, and nothing hostile is unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from evaluation import manifest
from evaluation.manifest import Difference, Unreadable, verify
from evaluation.standard import canonical

FILES = {
    "files/documents/D04/1-许可证.pdf": b"%PDF-1.7 permit",
    "files/evidence/1-网络_机房.jpg": b"picture",
    "files/evidence/2-图纸.pdf": b"%PDF-1.7 drawing " * 20,
}
HEAD = {"project": "SC-2026-500112-0001", "stage": "design", "version": 1, "submitted_at": "2026-11-21T10:00:00+08:00"}


def row(number: int, name: str, content: bytes) -> dict[str, Any]:
    return {"id": number, "name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def sealed() -> dict[str, Any]:
    permit, picture, drawing = FILES.values()
    return {
        "claims": {"4.1.1": {"value": True, "note": "示例"}},
        "documents": {"D04": [row(1, "许可证.pdf", permit)]},
        "evidence": [row(1, "网络/机房.jpg", picture), row(2, "图纸.pdf", drawing)],
    }


def contents() -> dict[str, bytes]:
    """Every entry of a whole archive."""
    data = canonical(sealed())
    listing = manifest.manifest_of(HEAD, data, sealed(), b"%PDF summary")
    return {"manifest.json": listing, "data.json": data, "data.pdf": b"%PDF summary", **FILES}


def written(folder: Path, entries: dict[str, bytes], **how: Any) -> Path:
    path = folder / "snapshot.zip"
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def told(path: Path, digest: str = "") -> list[tuple[str, str]]:
    return [(difference.kind, difference.path) for difference in verify(path, digest).differences]


def refusal(path: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        verify(path)
    return str(caught.value)


def answer(path: Path) -> str:
    """Say "whole", "not whole", or why nothing can be said."""
    try:
        return "not whole" if told(path, digest()) else "whole"
    except Unreadable as reason:
        return str(reason)


def digest() -> str:
    return hashlib.sha256(canonical(sealed())).hexdigest()


def listing_of(**changes: Any) -> bytes:
    """A manifest with some keys changed and its digest made anew, as somebody would who knows the format."""
    document = json.loads(contents()["manifest.json"]) | changes
    return canonical({**document, "digest": manifest.digest_of(document)})


# --- whole --------------------------------------------------------------------------------------------------------


def test_an_archive_as_it_was_written_is_whole(tmp_path):
    verdict = verify(written(tmp_path, contents()), digest())
    assert (verdict.sealed, verdict.files, verdict.differences) == (digest(), 5, ())


def test_a_path_is_unique_and_safe_whatever_a_file_is_called():
    names = [
        "../../etc/passwd",
        "C:\\x.exe",
        "a" * 300 + ".pdf",
        "...",
        "\u202egpj.exe",
        "图 纸（一）.pdf",
        "",
        "x\0y.pdf",
    ]
    paths = [manifest.path_of("documents/..", {"id": number, "name": name}) for number, name in enumerate(names)]
    assert paths == [
        "files/documents/_/0-_.._etc_passwd",
        "files/documents/_/1-C__x.exe",
        f"files/documents/_/2-{'a' * 76}.pdf",
        "files/documents/_/3-_",
        "files/documents/_/4-_gpj.exe",
        "files/documents/_/5-图_纸（一）.pdf",
        "files/documents/_/6-_",
        "files/documents/_/7-x_y.pdf",
    ]


# --- not whole ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", contents())
def test_every_changed_byte_of_every_file_is_found(tmp_path, name):
    whole = contents()
    for place in range(len(whole[name])):
        changed = bytearray(whole[name])
        changed[place] ^= 1 << (place % 8)
        assert answer(written(tmp_path, {**whole, name: bytes(changed)})) not in ("whole", "no_archive")


@pytest.mark.parametrize("name", ["data.json", "data.pdf", *FILES])
def test_what_was_changed_missing_or_added_is_named(tmp_path, name):
    whole = contents()
    of_data = [("manifest", "manifest.json")] if name == "data.json" else []
    changed = {**whole, name: whole[name] + b" "}
    assert told(written(tmp_path, changed)) == [("changed", name), *of_data]
    assert told(written(tmp_path, {key: value for key, value in whole.items() if key != name})) == [
        ("missing", name), *of_data
    ]  # fmt: skip
    assert told(written(tmp_path, {**whole, "files/evidence/9-x": b""})) == [("added", "files/evidence/9-x")]


def test_a_file_exchanged_together_with_the_manifest_is_found_by_the_sealed_data(tmp_path):
    name = "files/evidence/2-图纸.pdf"
    files = json.loads(contents()["manifest.json"])["files"]
    forged = [manifest.listed(name, b"forged").as_json() if entry["path"] == name else entry for entry in files]
    entries = {**contents(), name: b"forged", "manifest.json": listing_of(files=forged)}
    assert told(written(tmp_path, entries)) == [("manifest", "manifest.json")]


def test_an_archive_of_other_data_is_found_by_the_digest_alone(tmp_path):
    other = sealed() | {"claims": {}}
    data = canonical(other)
    listing = manifest.manifest_of(HEAD, data, other, b"%PDF summary")
    path = written(tmp_path, {**contents(), "data.json": data, "manifest.json": listing})
    assert (told(path), told(path, digest())) == ([], [("digest", "data.json")])


def test_a_digest_may_be_typed_in_capitals(tmp_path):
    assert told(written(tmp_path, contents()), f" {digest().upper()} ") == []


@pytest.mark.parametrize("changes", [{"sealed": "0" * 64}, {"files": []}, {"version": 2, "digest": "x"}])
def test_a_manifest_that_disagrees_is_named(tmp_path, changes):
    listing = canonical(json.loads(contents()["manifest.json"]) | changes)
    found = told(written(tmp_path, {**contents(), "manifest.json": listing}))
    assert ("manifest", "manifest.json") in found


# --- hostile ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "/x", "files//x", "C:/x", "a\\b", "files/./x", "files/x/"])
def test_a_name_that_leads_out_is_not_opened(tmp_path, name):
    assert refusal(written(tmp_path, {**contents(), name: b"x"})) == "names_lead_out"


def test_double_names_are_not_opened(tmp_path):
    path = written(tmp_path, contents())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("data.json", b"{}")
    assert refusal(path) == "double_names"
    assert refusal(written(tmp_path, {**contents(), "DATA.json": b"{}"})) == "double_names"


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = {**contents(), "files/evidence/2-图纸.pdf": b"\0" * 50_000_000}
    assert refusal(written(tmp_path, bomb, compression=zipfile.ZIP_DEFLATED)) == "not_as_written"


def test_entries_that_share_their_bytes_are_not_read(tmp_path):
    """Two entries of the directory that point at the same content: together longer than the archive."""
    path = written(tmp_path, {"manifest.json": b"{}", "a": b"x" * 5000, "b": b"y"})
    raw = bytearray(path.read_bytes())
    entry = raw.rfind(b"PK\1\2")  # the last entry of the directory: "b"
    first = raw.rfind(b"PK\1\2", 0, entry)
    offset = struct.unpack_from("<L", raw, first + 42)
    struct.pack_into("<LL", raw, entry + 20, 5000, 5000)
    struct.pack_into("<L", raw, entry + 42, *offset)
    path.write_bytes(raw)
    assert refusal(path) == "too_much"


@pytest.mark.parametrize("entries, size", [(60_000, 1000), (10, 2**31)])
def test_a_list_that_would_fill_the_memory_is_not_read(tmp_path, entries, size):
    path = tmp_path / "snapshot.zip"
    path.write_bytes(b"x" * 100 + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, size, 0, 0))
    assert refusal(path) == "too_much"


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all, but long enough to be one of them"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "snapshot.zip"
    path.write_bytes(content)
    assert (refusal(path), refusal(tmp_path / "none.zip")) == ("no_archive", "no_file")


@pytest.mark.parametrize(
    "listing",
    [
        b"", b"[]", b"{", b"null", b'{"format":2}', b"[" * 100_000, b'{"format":1,"files":[1]}',
        b'{"format":1,"files":[{"path":1,"sha256":"","size":0}]}', b"\xff\xfe",
        b'{"format":1,"files":[{"path":"a","sha256":"","size":0},{"path":"a","sha256":"","size":0}]}',
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(tmp_path, listing):
    assert refusal(written(tmp_path, {**contents(), "manifest.json": listing})) == "no_manifest"


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"[" * 100_000, b'{"documents":[],"evidence":[]}', b'{"documents":{"D":[1]},"evidence":[]}'],
)
def test_sealed_data_that_names_nothing_is_no_whole_archive(tmp_path, data):
    listed = [entry for entry in json.loads(contents()["manifest.json"])["files"] if entry["path"] != "data.json"]
    listing = listing_of(files=[*listed, manifest.listed("data.json", data).as_json()])
    assert told(written(tmp_path, {**contents(), "data.json": data, "manifest.json": listing})) == [
        ("manifest", "manifest.json")
    ]


def test_an_encrypted_entry_is_refused(tmp_path):
    path = written(tmp_path, contents())
    raw = bytearray(path.read_bytes())
    raw[raw.rfind(b"PK\1\2") + 8] |= 1
    path.write_bytes(raw)
    assert refusal(path) == "not_as_written"


def test_noise_anywhere_is_answered_and_never_breaks_anything(tmp_path):
    chance, path = random.Random(3), written(tmp_path, contents())
    whole = path.read_bytes()
    for _ in range(600):
        raw = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        path.write_bytes(raw)
        try:
            found = verify(path, digest()).differences
        except Unreadable:
            continue
        assert all(isinstance(difference, Difference) for difference in found)


# --- the command --------------------------------------------------------------------------------------------------


def commanded(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_snapshot", *arguments, stdout=out, stderr=err)
    except SystemExit as left:
        return int(str(left.code)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_the_command_says_in_two_languages_what_it_found(tmp_path):
    path = written(tmp_path, contents())
    status, out, _ = commanded(str(path), "--digest", digest())
    assert (status, out.splitlines()) == (
        0,
        [f"SHA-256 {digest()}", "完整：5 个文件与封存时一致。", "Whole: 5 files are as they were sealed."],
    )
    assert "--digest" in commanded(str(path))[1]
    path = written(tmp_path, {**contents(), "data.pdf": b"%PDF Summary", "x": b""})
    status, out, _ = commanded(str(path), "--digest", "0" * 64)
    assert (status, out.splitlines()[1:]) == (
        1,
        [
            "不完整：",
            "Not whole:",
            "  多出 · added: x",
            "  已被改动 · changed: data.pdf",
            "  与给出的摘要不符 · differs from the digest that was given: data.json",
        ],
    )
    path.write_bytes(b"nothing")
    assert commanded(str(path))[0::2] == (
        2,
        "无法核验：不是平台写出的 ZIP 文件，或已损坏。\nCannot be verified: not a ZIP archive that the portal wrote, or damaged.\n",
    )


def test_the_command_needs_no_database(tmp_path):
    root = Path(manifest.__file__).resolve().parents[1]
    environment = {**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "verify_snapshot", str(written(tmp_path, contents()))]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"SHA-256 {digest()}")
