"""An export of every case in every column, made as a worker makes it: seconds, and by how much the process grows.

Run as a program with the id of an export it makes that one, in a process that has done nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

SLOWEST, MEMORY = 20_000, 200  # milliseconds for ten thousand rows, megabytes
WHOLE = 10_000


def rows() -> list[dict[str, Any]]:
    """Time in milliseconds, scaled to ten thousand rows, and memory in megabytes, as rows of the report."""
    from django.http import QueryDict

    from evaluation import desk, exporting
    from evaluation.models import Export
    from portal.demo import people
    from portal.tasks import silence

    query = f"show=all&columns={','.join(desk.COLUMNS)}"
    with silence():
        row = exporting.ask(people.officer("supervisor"), QueryDict(query))
    command = [sys.executable, "-m", "tests.bench.exporting", str(row.pk)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    spent, grown = json.loads(done.stdout.splitlines()[-1])
    written = Export.objects.get(pk=row.pk).written
    return [
        {"name": "export", "p50_ms": spent * 1000 * WHOLE / written, "ratio": None, "queries": None, "limit": SLOWEST},
        {"name": "export_memory_mb", "p50_ms": grown, "ratio": None, "queries": None, "limit": MEMORY},
    ]


def make(pk: int) -> tuple[float, float]:
    """Make one export; return seconds and megabytes."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from evaluation import exporting
    from evaluation.models import Export
    from tests.bench.uploading import memory_of

    row = Export.objects.get(pk=pk)
    before, begin = memory_of(os.getpid(), "VmRSS"), time.perf_counter()
    exporting.make(row)
    return time.perf_counter() - begin, memory_of(os.getpid(), "VmHWM") - before


if __name__ == "__main__":
    print(json.dumps(make(int(sys.argv[1]))))
