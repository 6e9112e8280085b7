"""The project's own virtual environment in .venv: built when it is missing or stale, found at once when it is right.

Hides: which installer does the work (uv where it is on PATH, else pip), how a finished build is told from one that
was cut short (a stamp named after the hash of what was asked for), and that two builders wait for each other.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.console import Trouble, progress, say, step

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
RUNTIME = ROOT / "requirements.txt"
TESTS = ROOT / "tests" / "requirements.txt"
INSTALL_MEGABYTES = {RUNTIME: 500, TESTS: 400}
PROJECT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==", re.MULTILINE)


def stamp_for(venv: Path, requirements: Path) -> Path:
    """Return the file whose existence says that exactly these requirements were installed by this Python."""
    digest = hashlib.sha256(requirements.read_bytes())
    digest.update(f"{sys.version_info.major}.{sys.version_info.minor}".encode())
    return venv / f".installed-{digest.hexdigest()[:16]}"


def missing(venv: Path, files: Sequence[Path]) -> list[Path]:
    """Return the requirement files still to be installed, in order: the first stale one and all that build on it."""
    for position, file in enumerate(files):
        if not (venv / "bin" / "python").exists() or not stamp_for(venv, file).exists():
            return list(files[position:])
    return []


def refuse_a_full_disk(folder: Path, megabytes: int) -> None:
    """Raise Trouble unless the disk that holds the folder (or will hold it) has this much free, in megabytes."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free // 1_000_000
    if free < megabytes:
        raise Trouble(
            f"磁盘空间不足：{existing} 所在的磁盘只剩 {free} MB，需要 {megabytes} MB，请清理后再试。",
            f"The disk is too full: {existing} has {free} MB free of {megabytes} MB needed; make room and try again.",
        )


def refuse_a_python_without_venv() -> None:
    """Raise Trouble when this Python cannot build a virtual environment (Debian packs that part separately)."""
    if shutil.which("uv") or all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise Trouble(
        f"{sys.executable} 缺少 venv 模块，请安装后再试，例如 apt install python{version}-venv。",
        f"{sys.executable} lacks the venv module; install it and try again, as in apt install python{version}-venv.",
    )


def ensure_environment(with_tests: bool = False) -> Path:
    """Return the Python of the environment, building or completing the environment first where that is needed.

    Raises Trouble with the reason when it cannot be built: disk, venv, or an installer that failed with its last lines.
    """
    files = [RUNTIME, TESTS] if with_tests else [RUNTIME]
    with waiting_for_others(ROOT / "build" / "environment.lock"):
        wanted = missing(VENV, files)
        if wanted:
            refuse_a_python_without_venv()
            refuse_a_full_disk(ROOT, sum(INSTALL_MEGABYTES[file] for file in wanted))
            build(wanted)
    return VENV / "bin" / "python"


@contextmanager
def waiting_for_others(path: Path) -> Iterator[None]:
    """Hold a lock file, so that `make run` and `make test` started together do not build over each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("· 等待另一个进程建好虚拟环境 …", "waiting for another process to build the environment …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(files: Sequence[Path]) -> None:
    """Install the files; a changed runtime list starts from nothing, so that no dropped package lingers."""
    uv = shutil.which("uv")
    if files[0] == RUNTIME:
        with step("建立虚拟环境 .venv", "creating the virtual environment .venv"):
            create(uv)
    for file in files:
        name = file.relative_to(ROOT)
        with step(f"安装依赖 {name}", f"installing {name}"):
            install(file, uv)
        stamp_for(VENV, file).touch()


def create(uv: str | None) -> None:
    """Make an empty environment from the Python that runs us (its base, when that is itself an environment)."""
    base = getattr(sys, "_base_executable", sys.executable)
    with_uv = [uv or "uv", "venv", "--quiet", "--seed", "--clear", "--python", base, str(VENV)]
    if uv and run(with_uv, total=0) == "":
        return
    failure = run([base, "-m", "venv", "--clear", str(VENV)], total=0)
    if failure:
        raise Trouble("无法建立虚拟环境。", "The virtual environment could not be created.", failure)


def install(file: Path, uv: str | None) -> None:
    """Install one requirement file with its hashes checked; where uv fails, pip with its own settings still may not."""
    python = str(VENV / "bin" / "python")
    total = len(PROJECT.findall(file.read_text(encoding="utf-8")))
    with_uv = [uv or "uv", "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(file)]
    if uv and run(with_uv, total) == "":
        return
    with_pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    failure = run([*with_pip, "--require-hashes", "-r", str(file)], total)
    if failure:
        refuse_a_full_disk(ROOT, 50)
        raise Trouble(
            "依赖安装失败。请检查网络或 pip 的软件源设置后重试。",
            "Installing the dependencies failed. Check the network or pip's own settings and try again.",
            failure,
        )


def run(command: Sequence[str], total: int) -> str:
    """Run an installer, show how far it is, and return "" or its last lines when it failed."""
    lines: deque[str] = deque(maxlen=15)
    seen = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
    ) as process:
        try:
            for line in process.stdout or ():
                if line.startswith(("WARNING: ", "Requirement already satisfied: ")):
                    continue
                lines.append(line)
                if line.startswith("Collecting ") and total:
                    seen += 1
                    progress(f"{min(seen, total)}/{total} {line.split()[1]}")
                elif line.startswith("Installing collected packages"):
                    progress("写入 .venv · writing into .venv")
            return "".join(lines) or "?" if process.wait() else ""
        finally:
            process.kill()  # after Ctrl-C; an installer that has ended is not touched


def is_a_full_disk(error: OSError) -> bool:
    """Tell whether the operating system refused because there is no room left, on the disk or in a quota."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}
