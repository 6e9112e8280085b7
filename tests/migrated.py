"""A migrated SQLite database, made once and copied: migrating takes longer than most files of tests.

Hides where it is kept and when it is too old: it bears the hash of every migration and of Django's version.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import django

from deploy.environment import ROOT

KEPT = ROOT / "build" / "migrated"


def migrated_copy(target: Path) -> None:
    """Put a migrated, empty database at ``target``; of several processes that ask at once one makes it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = KEPT / f"{_version()}.sqlite3"
        if not kept.exists():
            _make(kept)
        shutil.copyfile(kept, target)


def _version() -> str:
    digest = hashlib.sha256(django.__version__.encode())
    for path in sorted(ROOT.glob("*/migrations/*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _make(kept: Path) -> None:
    for old in KEPT.glob("*.sqlite3*"):
        old.unlink()
    unfinished = kept.with_name("unfinished.sqlite3")
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{unfinished}"}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    unfinished.rename(kept)
