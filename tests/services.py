"""A PostgreSQL and a Redis of the tests' own: in a temporary folder, on sockets only, gone when the tests are.

Hides: where Debian keeps the server programs, that PostgreSQL refuses to run as root, and how each is told to end.
Works beside any other server on the machine, because no port is used.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from deploy.broker import start_redis
from deploy.console import Trouble
from deploy.processes import start, stop, tail

OLDEST_POSTGRESQL = 13
DEBIAN_FOLDERS = Path("/usr/lib/postgresql")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def postgresql_programs() -> Path | None:
    """Return the folder with the newest initdb and postgres that is new enough, or None."""
    folders = [folder for folder in DEBIAN_FOLDERS.glob("*/bin") if folder.parent.name.isdecimal()]
    folders.sort(key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists() and version_of(folder) >= OLDEST_POSTGRESQL:
            return folder
    return None


def version_of(folder: Path) -> int:
    """Return the major version that the server in this folder reports, 0 when it says nothing we understand."""
    done = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", done.stdout)
    return int(found[1]) if found else 0


def chromium_program() -> str | None:
    """Return the path of a Chromium: CHROMIUM where it is set, else the first on PATH, else None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def server_user() -> str | None:
    """Return the user for the database server: None for the current one, another when that is root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def private_folder(user: str | None = None) -> Iterator[Path]:
    """Yield a short temporary folder that only this user can enter, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="portal-", dir="/tmp"))
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_postgresql() -> Iterator[str]:
    """Start PostgreSQL and yield its DATABASE_URL; raises Trouble when there is none or it does not start.

    It never waits for the disk (-F): fast, and worthless after a crash of the machine, as a test database may be.
    """
    programs, user = postgresql_programs(), server_user()
    if programs is None:
        raise Trouble("缺少 PostgreSQL 服务器程序。", "The PostgreSQL server programs are missing.")
    with private_folder(user) as folder:
        data, environment = folder / "data", {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "portal", "-A", "trust", "-E", "UTF8"]
        made = subprocess.run(
            [*initdb, "--locale", "C.UTF-8", "--no-sync"],
            cwd=folder,
            env=environment,
            user=user,
            extra_groups=None if user is None else [],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise Trouble("initdb 没有成功。", "initdb failed.", made.stderr)
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), "-F", "-c", "listen_addresses="]
        server = start("postgresql", command, folder / "server.log", environment, folder, user)
        try:
            wait_for_database(programs, folder, server.log)
            yield f"postgres://portal@{quote(str(folder), safe='')}/postgres"
        finally:
            stop([server], 10, signal.SIGINT)  # "fast" shutdown: open connections are cut


def wait_for_database(programs: Path, folder: Path, log: Path) -> None:
    """Return once the server on the socket in this folder takes connections; Trouble after 30 seconds."""
    deadline = time.monotonic() + 30
    command = [str(programs / "pg_isready"), "-q", "-h", str(folder)]
    while subprocess.run(command, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise Trouble("PostgreSQL 没有启动。", "PostgreSQL did not start.", tail(log))
        time.sleep(0.05)


@contextmanager
def private_redis() -> Iterator[str]:
    """Start Redis and yield its REDIS_URL."""
    with private_folder() as folder:
        server = start_redis(folder / "redis.sock", folder, folder / "redis.log", os.environ)
        try:
            yield f"unix://{folder / 'redis.sock'}"
        finally:
            stop([server], 5)
