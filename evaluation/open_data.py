"""Open data 开放数据: every night all public facts are written to files, dated and hashed, by a worker.

Hides: that a set appears whole or not at all, whoever is killed when; that rows are read in pieces, so that many take little
memory; and how a value looks in CSV and in JSON.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from celery import shared_task
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone, translation

from communities.models import Parameter
from evaluation.models import OpenDataFile, OpenDataSet, PublicText
from evaluation.public_facts import CHUNK, DATASETS, Dataset, cells
from evaluation.trail import harmless
from portal import audit
from portal.tasks import ring, swept

logger = logging.getLogger(__name__)
KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
NAMES = tuple(f"{dataset.code}.{kind}" for dataset in DATASETS for kind in KINDS)
LICENCE = "open_data_licence"  # code of the public text
DAYS = "open_data_days"  # parameter: how long a set is kept


# --- when ---------------------------------------------------------------------------------------------------------


@swept
def make_tonight() -> int:
    """Ring for today's set once its hour has come and until it is whole; take away sets past their days."""
    now = timezone.localtime()
    row = OpenDataSet.objects.filter(day=now.date()).first()
    free = row is None or (row.made_at is None and (row.claimed_until is None or row.claimed_until < now))
    waits = now.hour >= settings.OPEN_DATA_HOUR and free and (row is None or row.attempts < settings.WORK_ATTEMPTS)
    if waits:
        ring(make_set, now.date().isoformat())
    forget_old(now.date())
    return int(waits)


@shared_task
def make_set(day: str) -> None:
    """Make the set of a day, if it is not there and nobody else makes it."""
    make(date.fromisoformat(day))


def make(day: date) -> OpenDataSet | None:
    """Write, keep and publish the set of ``day``; None where it is there already or another worker has it.

    Whatever a worker that died has left is cleared away; the set before stays what the public reads until this one is whole.
    """
    row = _claim(day)
    if row is None:
        return None
    folder = f"open-data/{day.isoformat()}"
    for attempt in range(1, row.attempts):
        for name in NAMES:
            default_storage.delete(f"{folder}/{attempt}/{name}")
    with TemporaryDirectory() as desk, translation.override("zh-hans"):
        licence = licence_text()
        written = [one for dataset in DATASETS for one in write(dataset, day, Path(desk), licence, partial(_hold, row))]
        kept: list[str] = []
        try:
            for one in written:
                with one.path.open("rb") as stream:
                    kept.append(default_storage.save(f"{folder}/{row.attempts}/{one.path.name}", File(stream)))
            published = _publish(row, licence, written, kept)
        except BaseException:
            _delete(kept)
            raise
    if not published:
        _delete(kept)
        return None
    return OpenDataSet.objects.get(pk=row.pk)


def _claim(day: date) -> OpenDataSet | None:
    now = timezone.now()
    row, _new = OpenDataSet.objects.get_or_create(day=day)
    free = OpenDataSet.objects.filter(Q(claimed_until=None) | Q(claimed_until__lt=now), pk=row.pk, made_at=None)
    if not free.update(claimed_until=_lease(), attempts=F("attempts") + 1):
        return None
    row.refresh_from_db()
    return row


def _lease() -> Any:
    return timezone.now() + timedelta(seconds=settings.WORK_LEASE_SECONDS)


def _hold(row: OpenDataSet) -> None:
    """Keep the set for this worker a while longer."""
    OpenDataSet.objects.filter(pk=row.pk, attempts=row.attempts, made_at=None).update(claimed_until=_lease())


def _publish(row: OpenDataSet, licence: str, written: list[Written], kept: list[str]) -> bool:
    """From one moment to the next the whole set is there; False where another worker was faster."""
    with transaction.atomic():
        mine = OpenDataSet.objects.filter(pk=row.pk, attempts=row.attempts, made_at=None)
        if not mine.update(made_at=timezone.now(), licence=licence, claimed_until=None):
            return False
        OpenDataFile.objects.bulk_create(
            OpenDataFile(
                whole=row, name=one.path.name, dataset=one.dataset, kind=one.kind, file=name, rows=one.rows,
                size=one.path.stat().st_size, sha256=one.sha256,
            )
            for one, name in zip(written, kept, strict=True)
        )  # fmt: skip
        audit.record(row, "open_data.publish", by=None, files={one.path.name: one.sha256 for one in written})
    return True


def _delete(names: list[str]) -> None:
    for name in names:
        default_storage.delete(name)


def forget_old(today: date) -> int:
    """Take away the sets past their days, never the newest whole one; return how many."""
    days = Parameter.objects.filter(code=DAYS).values_list("value", flat=True).first()
    newest = OpenDataSet.objects.whole().first()
    if days is None or newest is None:
        return 0
    old = OpenDataSet.objects.filter(day__lt=min(newest.day, today - timedelta(days=days)))
    gone = 0
    for row in old.order_by("day")[:50]:
        with transaction.atomic():
            names = list(row.files.values_list("file", flat=True))
            audit.record(row, "open_data.remove", by=None)
            row.delete()
            transaction.on_commit(partial(_delete, names), robust=True)
        gone += 1
    return gone


# --- files --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """One file on the worker's desk."""

    path: Path
    dataset: str
    kind: str
    rows: int
    sha256: str


def write(
    dataset: Dataset, day: date, folder: Path, licence: str, breathe: Callable[[], None] = lambda: None
) -> list[Written]:
    """Both files of a dataset in one reading; ``breathe`` is called after every piece."""
    paths = {kind: folder / f"{dataset.code}.{kind}" for kind in KINDS}
    count = 0
    with ExitStack() as stack:
        # The mark at its beginning tells spreadsheets that a CSV is UTF-8.
        table = stack.enter_context(paths["csv"].open("w", encoding="utf-8-sig", newline=""))
        document = stack.enter_context(paths["json"].open("w", encoding="utf-8"))
        lines, head = csv.writer(table, lineterminator="\r\n"), {"dataset": dataset.code, "day": day.isoformat()}
        lines.writerow(column.name for column in dataset.columns)
        document.write(json.dumps({**head, "licence": licence}, ensure_ascii=False)[:-1] + ', "rows": [')
        for count, row in enumerate(dataset.rows(day), start=1):
            found = cells(dataset, row, day)
            lines.writerow([in_csv(value) for value in found.values()])
            _write_json(document, found, first=count == 1)
            if count % CHUNK == 0:
                breathe()
        document.write("\n]}\n")
    breathe()
    return [Written(path, dataset.code, kind, count, _sha256(path)) for kind, path in paths.items()]


def _write_json(document: TextIO, found: dict[str, Any], *, first: bool) -> None:
    values = {name: in_json(value) for name, value in found.items()}
    document.write(("\n" if first else ",\n") + json.dumps(values, ensure_ascii=False))


def in_csv(value: Any) -> str:
    """A value in a cell: nothing for None, true and false, days in ISO form; a text never becomes a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return harmless(text_of(value)) if isinstance(value, str) else str(value)


def in_json(value: Any) -> Any:
    """A value in JSON: days in ISO form, decimals as numbers."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return text_of(value) if isinstance(value, str) else value


def text_of(value: str) -> str:
    """A text without half characters, which no file in UTF-8 can hold."""
    return value.encode("utf-8", "replace").decode("utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# --- what is read -------------------------------------------------------------------------------------------------


def licence_text() -> str:
    """The terms under which the data may be used, as the authority words them; empty where nobody has said any."""
    return PublicText.objects.filter(code=LICENCE).values_list("text", flat=True).first() or ""


def newest() -> OpenDataSet | None:
    """The newest whole set."""
    found: OpenDataSet | None = OpenDataSet.objects.whole().first()
    return found


def sets() -> QuerySet[OpenDataSet]:
    """Every whole set with its files, newest first."""
    rows: QuerySet[OpenDataSet] = OpenDataSet.objects.whole().prefetch_related("files")
    return rows


def has_failed() -> bool:
    """Whether workers have given up making the set of today."""
    given_up = OpenDataSet.objects.filter(day=timezone.localdate(), made_at=None, attempts__gte=settings.WORK_ATTEMPTS)
    return bool(given_up.filter(claimed_until__lt=timezone.now()).exists())


def file_of(name: str, day: date | None = None) -> OpenDataFile | None:
    """One file of the set of a day, or of the newest; None where there is none."""
    whole = newest() if day is None else OpenDataSet.objects.whole().filter(day=day).first()
    return whole.files.select_related("whole").filter(name=name).first() if whole else None


def by_dataset(whole: OpenDataSet) -> Iterator[tuple[Dataset, list[OpenDataFile]]]:
    """The files of a set beside what their dataset is."""
    files = list(whole.files.order_by("pk"))
    for dataset in DATASETS:
        yield dataset, [row for row in files if row.dataset == dataset.code]
