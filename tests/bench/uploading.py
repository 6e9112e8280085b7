"""A gigabyte in twenty files through the portal's uploads, beside the same bytes given to the same server as plain bodies."""

from __future__ import annotations

import base64
import http.client
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MEGABYTES = int(os.environ.get("BENCH_UPLOAD_MEGABYTES", "1000"))
FILES = 20
CHUNK = 64 * 1024 * 1024  # what the page sends at once
BLOCK = 256 * 1024
WARMING = 10  # uploads before the first that counts, so that every worker has imported what it needs
KEPT_IN = "BENCH_KEPT_IN"  # the variable that tells the plain server its folder
TIMES = 3  # the best of so many on both sides: a disk that is busy with something else is nobody's merit
SLOWEST = 1 / 0.7  # times as long as a plain body
MEMORY = 64  # megabytes by which a web worker may grow


def plain_body(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The least that a server can do with a body that is to be kept: write it to a file, block by block."""
    left = int(environ.get("CONTENT_LENGTH") or 0)
    with tempfile.NamedTemporaryFile(dir=os.environ[KEPT_IN], delete=False) as file:
        while left and (block := environ["wsgi.input"].read(min(BLOCK, left))):
            file.write(block)
            left -= len(block)
    start_response("204 No Content", [])
    return []


def rows(gunicorn: Any, cookies: str, application: int) -> list[dict[str, Any]]:
    """Time as a ratio to plain bodies, and memory in megabytes, as rows of the report."""
    size = MEGABYTES * 1024 * 1024 // FILES
    content = b"AC1032" + os.urandom(size - 6)
    with tempfile.TemporaryDirectory() as folder, gunicorn("portal.wsgi", "portal.settings") as address:
        os.environ[KEPT_IN] = folder
        with gunicorn("tests.bench.uploading:plain_body", "portal.settings") as bare:
            for _ in range(WARMING):
                _plain(bare, content[:BLOCK])
                _give_up(address, cookies, [_resumable(address, cookies, application, content[:BLOCK])])
            workers = _workers(address)
            before = {pid: memory_of(pid, "VmRSS") for pid in workers}
            rounds = [_in_turn(bare, Path(folder), address, cookies, application, content) for _ in range(TIMES)]
            grown = max(memory_of(pid, "VmHWM") - before[pid] for pid in workers)
    plain, ours = (min(side) for side in zip(*rounds, strict=True))
    return [
        {"name": "upload", "p50_ms": ours * 1000, "ratio": ours / plain, "queries": None, "limit": SLOWEST},
        {"name": "upload_memory_mb", "p50_ms": grown, "ratio": None, "queries": None, "limit": MEMORY},
    ]


def _in_turn(
    bare: str, folder: Path, address: str, cookies: str, application: int, content: bytes
) -> tuple[float, float]:
    """Seconds of the plain bodies and of ours, file by file in turn: whatever else the machine does meets both.

    All of them lie on the disk until the last has come; taking them away again is not part of it.
    """
    places: list[str] = []
    plain = ours = 0.0
    for _ in range(FILES):
        plain += _seconds(lambda: _plain(bare, content))
        ours += _seconds(lambda: places.append(_resumable(address, cookies, application, content)))
    for path in folder.iterdir():
        path.unlink()
    _give_up(address, cookies, places)
    return plain, ours


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _line(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)


def _ask(line: http.client.HTTPConnection, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    line.request(method, path, body, headers)
    answer = line.getresponse()
    said = answer.read()
    if answer.status not in (201, 204):
        raise SystemExit(f"{method} {path}: {answer.status} {said[:500]!r}")
    return answer


def _plain(address: str, content: bytes) -> None:
    line = _line(address)
    _ask(line, "POST", "/", content, {})
    line.close()


def _headers(cookies: str) -> dict[str, str]:
    return {"Cookie": cookies, "X-CSRFToken": "c" * 32, "Tus-Resumable": "1.0.0"}


def _give_up(address: str, cookies: str, places: Iterable[str]) -> None:
    line = _line(address)
    for where in places:
        _ask(line, "DELETE", where, b"", _headers(cookies))
    line.close()


def _resumable(address: str, cookies: str, application: int, content: bytes) -> str:
    """Send one file as the page does; return where the upload is."""
    said = {"filename": "图.dwg", "purpose": "evidence", "application": str(application), "evidence_kind": "drawing"}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
    ours = _headers(cookies)
    line = _line(address)
    length = {"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    where: str = _ask(line, "POST", "/api/v1/uploads/", b"", {**ours, **length}).headers["Location"]
    for at in range(0, len(content), CHUNK):
        headers = {**ours, "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        _ask(line, "PATCH", where, memoryview(content)[at : at + CHUNK], headers)
    line.close()
    return where


def _workers(address: str) -> list[int]:
    """The processes of the server at this address, by what their command lines say."""
    bound = f"--bind\0{urlsplit(address).netloc}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                said = (folder / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if bound in said:
                found.append(int(folder.name))
    return found


def memory_of(pid: int, name: str) -> float:
    """A size of one process in megabytes, as the system tells it."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0
