"""A season of certificates: a thousand cases that wait, made one after the other as a worker makes them.

Run as a program it makes what waits, in a process that has done nothing else, and says how long one took, by how much the
process grew in each half, and how many numbers there were.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

COUNT = int(os.environ.get("BENCH_CERTIFICATES", "1000"))
SLOWEST = 200  # milliseconds of one case: number, seal, page, file, events, messages
GROWTH = 20  # megabytes by which the second half may grow; the first brings in fonts and standard


def rows(project: Any) -> list[dict[str, Any]]:
    """Time of one and growth of the second half, as rows of the report; two equal numbers stop the run."""
    wait(project)
    command = [sys.executable, "-m", "tests.bench.certificates"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["numbers"] != COUNT:
        raise SystemExit(f"{COUNT} certificates bear {found['numbers']} different numbers")
    return [
        {"name": "certificate_season", "p50_ms": found["each_ms"], "ratio": None, "queries": None, "limit": SLOWEST},
        {"name": "season_second_half_mb", "p50_ms": found["second_mb"], "ratio": None, "queries": None, "limit": GROWTH},
    ]  # fmt: skip


def wait(project: Any) -> None:
    """Put ``COUNT`` cases of as many communities where the worker finds them, each with a result."""
    from django.utils import timezone

    from communities.models import Community
    from evaluation.models import Application, Project, Result, Submission

    pattern = Result.objects.filter(level__gt=0, application__stage="design").latest("pk")
    numbers = range(COUNT)
    communities = Community.objects.bulk_create(
        Community(
            organisation=project.organisation, name=f"示例·第{number}号苑", district=project.community.district,
            address=f"示例巷{number}号", floor_area=80000, households=600, buildings=4,
        )
        for number in numbers
    )  # fmt: skip
    projects = Project.objects.bulk_create(
        Project(
            number=f"SEASON-{number:06d}", programme=project.programme, standard=project.standard, community=community,
            organisation=project.organisation, target_level=1, created_by=project.created_by,
        )
        for number, community in enumerate(communities)
    )  # fmt: skip
    cases = Application.objects.bulk_create(
        Application(project=one, stage="design", state="certifying", state_since=timezone.now(), version=1)
        for one in projects
    )
    sealed = Submission.objects.bulk_create(
        Submission(application=case, version=1, data={}, sha256="0" * 64, by=project.created_by) for case in cases
    )
    Result.objects.bulk_create(
        Result(
            application=case, submission=submission, review_round=case.review_round, level=pattern.level,
            standard_sha256=pattern.standard_sha256, total=pattern.total, trace=pattern.trace, sheets=[],
        )
        for case, submission in zip(cases, sealed, strict=True)
    )  # fmt: skip


def make() -> dict[str, float]:
    """Do what a worker does to every case that waits."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from evaluation.models import Application, Certificate
    from portal import tasks
    from tests.bench.uploading import memory_of

    season = Application.objects.filter(state="certifying", project__number__startswith="SEASON-")
    waiting = list(season.values_list("pk", flat=True))
    begin, sizes = time.perf_counter(), [0.0, 0.0, 0.0]
    with tasks.silence():
        for place, pk in enumerate(waiting):
            if place in (0, len(waiting) // 2):
                sizes[0 if place == 0 else 1] = memory_of(os.getpid(), "VmRSS")
            tasks.advance("application", pk)
    sizes[2] = memory_of(os.getpid(), "VmRSS")
    spent = (time.perf_counter() - begin) * 1000 / len(waiting)
    made = Certificate.objects.filter(application__in=waiting, state="valid").exclude(seal="").exclude(sha256="")
    numbers = made.values_list("number", flat=True).distinct().count()
    return {"each_ms": spent, "first_mb": sizes[1] - sizes[0], "second_mb": sizes[2] - sizes[1], "numbers": numbers}


if __name__ == "__main__":
    print(json.dumps(make()))
