"""Functions that look at strangers' files, run in a process of their own with so much memory and so much time.

Hides: how the process is started, limited and asked. A file that makes a reader library eat memory or spin for ever
ends that process alone; the caller is told ``TooHeavy``. Arguments and answers are what JSON can hold; a refusal comes
through whole.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.problems import Problem, Refused, gettext_noop

ROOT = Path(__file__).resolve().parent.parent
OUT_OF_MEMORY = 3  # exit codes of the other side
FAULT = 1
LARGEST_ANSWER = 8 * 1024 * 1024  # characters: the caller holds the answer whole, outside of every limit
PATIENCE = 3  # wall-clock seconds for each second of work: a busy machine is no fault of the file


class TooHeavy(Refused):
    """The work took more memory or time than one file may have, or ended its process."""

    def __init__(self) -> None:
        message = gettext_noop("打开文件所需的内存或时间超出上限，无法检查；请简化、压缩或拆分后重新上传。")
        super().__init__([Problem("file_too_heavy", "", message)])


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a module's public function apart, within ``OPENING_SECONDS`` of work and ``OPENING_MEGABYTES``.

    Returns what it returns. Raises Refused as it does, TooHeavy where it does not end well, RuntimeError with the
    other side's last words where our own code failed there.
    """
    seconds = settings.OPENING_SECONDS
    command = [sys.executable, "-m", "portal.bounded", f"{function.__module__}:{function.__name__}"]
    try:
        done = subprocess.run(  # noqa: S603  our own program and module
            [*command, str(settings.OPENING_MEGABYTES), str(seconds)],
            input=json.dumps(arguments),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "DATA_DIR": str(settings.DATA_DIR)},
            timeout=seconds * PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TooHeavy from error
    if done.returncode == FAULT:
        raise RuntimeError(done.stderr[-2000:])
    if done.returncode:  # out of memory, or ended by the system for its time or memory
        raise TooHeavy
    answer = json.loads(done.stdout)
    if answer["problems"]:
        raise Refused(Problem.from_record(record) for record in answer["problems"])
    return answer["value"]


def main() -> None:
    """The other side: take the limits first, then import, work and answer."""
    name, megabytes, seconds = sys.argv[1:]
    size = int(megabytes) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    module, _colon, function = name.partition(":")
    arguments = json.load(sys.stdin)
    try:
        try:
            told: dict[str, Any] = {"value": getattr(import_module(module), function)(*arguments), "problems": []}
        except Refused as refused:
            told = {"value": None, "problems": [problem.as_record() for problem in refused.problems]}
        sys.stdout.write(_written(told))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)


def _written(told: dict[str, Any]) -> str:
    """The answer as JSON. Raises MemoryError for one too long: a text that a table names a thousand times is written so."""
    parts, length = [], 0
    for part in json.JSONEncoder().iterencode(told):
        length += len(part)
        if length > LARGEST_ANSWER:
            raise MemoryError
        parts.append(part)
    return "".join(parts)


if __name__ == "__main__":
    main()
