"""What the launcher says: every sentence in Chinese and in English, every long step with its time.

Hides: how progress is drawn on a terminal and in a log file.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Trouble(Exception):
    """Something the person at the keyboard can mend, said in one sentence of each language."""

    def __init__(self, chinese: str, english: str, detail: str = "") -> None:
        """Keep both sentences and, where there is one, the tail of a log that shows more."""
        super().__init__(chinese, english)
        self.chinese = chinese
        self.english = english
        self.detail = detail

    def __str__(self) -> str:
        """Return both sentences, then the detail."""
        lines = [self.chinese, self.english]
        return "\n".join([*lines, self.detail] if self.detail else lines)


def say(chinese: str, english: str = "") -> None:
    """Print one line in both languages at once, so that it also shows in a pipe."""
    print(f"{chinese}  {english}" if english else chinese, flush=True)


def progress(text: str) -> None:
    """Draw text over the current line of a terminal; a log file gets nothing, it would only fill up."""
    if sys.stdout.isatty():
        print(f"\r\033[K  {text}", end="", flush=True)


@contextmanager
def step(chinese: str, english: str) -> Iterator[None]:
    """Announce a long step, and say how many seconds it took once it is done."""
    say(f"· {chinese} …", f"{english} …")
    started = time.monotonic()
    yield
    progress("")
    seconds = time.monotonic() - started
    prefix = "\r\033[K" if sys.stdout.isatty() else ""
    print(f"{prefix}  ✓ {seconds:.1f} s", flush=True)
