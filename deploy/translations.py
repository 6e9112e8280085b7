"""Compile the translation catalogues (.po to .mo) without GNU gettext, which a fresh machine does not have.

Hides: which catalogues are ours and which of them changed. The .mo files are built, never committed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = {".venv", "build", "data", "node_modules"}


def catalogues(root: Path) -> Iterator[Path]:
    """Yield every .po file of the project, sorted, leaving out what was installed or built."""
    for top in sorted(root.iterdir()):
        if top.is_dir() and top.name not in NOT_OURS and not top.name.startswith("."):
            yield from sorted(top.glob("**/LC_MESSAGES/*.po"))


def stale(root: Path) -> list[Path]:
    """Return the .po files whose .mo is missing or older."""

    def is_stale(source: Path) -> bool:
        compiled = source.with_suffix(".mo")
        return not compiled.exists() or compiled.stat().st_mtime_ns < source.stat().st_mtime_ns

    return [source for source in catalogues(root) if is_stale(source)]


def compile_translations(root: Path) -> int:
    """Compile what is stale and return how many catalogues that were; fuzzy and obsolete entries stay out."""
    import polib  # installed in the environment; the rest of this module must run without it

    sources = stale(root)
    for source in sources:
        compiled = source.with_suffix(".mo")
        unfinished = compiled.with_suffix(f".{os.getpid()}")
        polib.pofile(str(source)).save_as_mofile(str(unfinished))
        unfinished.replace(compiled)
    return len(sources)


if __name__ == "__main__":
    compile_translations(ROOT)
    sys.exit(0)
