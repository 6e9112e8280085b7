"""Child processes that end when we end: started in groups of their own, stopped gently, then for good.

Hides: signals, process groups, and Linux's ways to follow a child whose parent was killed (elsewhere these do nothing).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

SET_PARENT_DEATH_SIGNAL = 1
SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Child:
    """A running program, what people call it, and the file that holds what it said."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def process_control() -> Callable[[int, int], int]:
    """Return Linux's prctl, or a function that does nothing on another system."""
    if not sys.platform.startswith("linux"):
        return lambda option, value: 0
    call = ctypes.CDLL(None, use_errno=True).prctl
    return lambda option, value: int(call(option, value, 0, 0, 0))


CONTROL = process_control()


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent is killed; runs in the child before its program starts."""
    CONTROL(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def adopt_orphans() -> None:
    """Make this process the parent of every grandchild left behind, so that `end_descendants` finds it."""
    CONTROL(SET_CHILD_SUBREAPER, 1)


def start(
    name: str, command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path, user: str | None = None
) -> Child:
    """Start a program in a session of its own, as another user where one is named, with its words going to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=die_with_parent,
            user=user,
            extra_groups=None if user is None else [],
        )
    return Child(name, process, log)


def stop(children: Sequence[Child], seconds: float, gentle: signal.Signals = signal.SIGTERM) -> None:
    """Ask all to end, wait up to this many seconds together, then kill whatever is left of their groups."""
    for child in children:
        with suppress(ProcessLookupError):
            child.process.send_signal(gentle)
    deadline = time.monotonic() + seconds
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.0, deadline - time.monotonic()))
    for child in children:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


def descendants(spared: Sequence[int] = ()) -> list[int]:
    """Return the ids of all processes below this one, nearest first, without the spared and what is below those.

    Linux only; elsewhere there are none to be found.
    """
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name stands in brackets and may hold anything; state and parent follow the last bracket.
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            below.setdefault(int(parent), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        children = [child for child in below.get(waiting.pop(0), []) if child not in spared]
        found += children
        waiting += children
    return found


def end_descendants(spared: Sequence[int] = ()) -> list[int]:
    """Kill every process below this one but the spared and what is below those; return the ids of those killed."""
    killed = []
    while found := [process for process in descendants(spared) if process not in killed]:
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            killed.append(process)
    for process in killed:
        with suppress(ChildProcessError):
            os.waitpid(process, 0)
    return killed


class Stopped(Exception):
    """Somebody pressed Ctrl-C, closed the terminal or sent SIGTERM."""


def stop_on_signals() -> None:
    """Turn the first such signal into Stopped; further ones change nothing, putting things away is bounded in time."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stopped(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for each in signals:
        signal.signal(each, stopped)


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log, or "" when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
