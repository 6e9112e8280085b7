"""Exports 导出: what the queue shows, written to a workbook by a worker, for its maker alone and for some days.

Hides: openpyxl, that rows are read in pieces so that ten thousand take little memory, that nothing in a cell is ever a
formula, and that a worker that was killed begins the same file again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from communities.models import Parameter
from communities.permissions import SYSTEM, duty_among
from evaluation import desk
from evaluation.models import Export
from evaluation.permissions import OFFICERS, may_see_queue
from portal import audit, files
from portal.machine import MACHINES, Act, NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

CHUNK = 500  # rows read, and told to whoever watches, at a time
LONGEST = 32_767  # characters of a cell
BEGINNINGS = ("=", "+", "-", "@", "#", "\t", "\r")  # what a spreadsheet may take for a formula or for its error
NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")  # beside the control characters: one of them spoils the whole file
DAYS = "export_days"  # parameter: how long a file is kept
KIND = "xlsx"


def ask(by: User, params: Mapping[str, str]) -> Export:
    """Have the list written that the queue shows ``by`` for a query, in the columns that it shows. A worker does it.

    Raises NotAllowed, Refused with what is wrong in the query.
    """
    if not may_see_queue(by):
        raise NotAllowed("export.ask")
    desk.rows(by, params)
    query = desk.query_of(params)
    if len(query) > Export._meta.get_field("query").max_length:  # cut off it would ask for other cases
        raise Refused([Problem("too_long", "q", gettext_noop("查找条件过长，请减少条件。"))])
    columns = [column.code for column in desk.columns_of(by, params)]
    with transaction.atomic():
        row = Export.objects.create(
            owner=by, query=query, columns=columns, state="making",
            language=translation.get_language() or settings.LANGUAGE_CODE,
        )  # fmt: skip
        role = duty_among(by, OFFICERS | {"district_officer"})
        audit.record(row, "export.ask", by=by, role=role, query=row.query, columns=columns)
        transaction.on_commit(lambda: _ring(row), robust=True)
    return row


def _ring(row: Export) -> None:
    from portal.tasks import ring_advance

    ring_advance("export", row.pk)


def make(row: Export) -> None:
    """Write the file as its maker would see the list now. Raises NotAllowed for whoever may no longer see one."""
    owner = User.objects.get(pk=row.owner_id)
    if not may_see_queue(owner):
        raise NotAllowed("export.make")
    with translation.override(row.language), TemporaryDirectory() as folder:
        path = Path(folder) / "export.xlsx"
        write(row, owner, path)
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        name = f"exports/{row.pk}.xlsx"
        default_storage.delete(name)  # of a worker that was killed before it could say that it is done
        with path.open("rb") as stream:
            default_storage.save(name, File(stream))
        MACHINES["export"].perform(row, "made", by=None, file=name, sha256=sha256, size=path.stat().st_size)


def write(row: Export, owner: User, path: Path) -> None:
    """The workbook: one row a case, in the columns and the order of the list."""
    columns = tuple(desk.COLUMNS[code] for code in row.columns if code in desk.COLUMNS)
    found = desk.rows(owner, QueryDict(row.query))
    _keep(row, total=found.order_by().count(), written=0)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_("案件"))
    for number in range(len(columns)):
        sheet.column_dimensions[chr(ord("A") + number)].width = 24
    sheet.freeze_panes = "A2"
    sheet.append([_head(sheet, str(column.label)) for column in columns])
    rows = desk.fetched(found, columns).iterator(chunk_size=CHUNK)
    written = 0
    for written, cells in enumerate(desk.cells(rows, columns), start=1):
        sheet.append([cell_of(sheet, text) for text in cells])
        if written % CHUNK == 0:
            _keep(row, written=written)
    book.save(path)
    _keep(row, written=written, total=written)


def _head(sheet: Any, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, text)
    cell.font = Font(bold=True)
    return cell


def cell_of(sheet: Any, text: str) -> Any:
    """A text as a spreadsheet keeps it: never a formula, without what the format cannot hold."""
    clean = NO_XML.sub("", ILLEGAL_CHARACTERS_RE.sub("", text))[:LONGEST]
    if not clean.startswith(BEGINNINGS):
        return clean
    cell = WriteOnlyCell(sheet, clean)
    cell.data_type = "s"  # the library would take "=" for a formula
    cell.number_format = "@"
    return cell


def _keep(row: Export, **values: Any) -> None:
    """Say how far it has come, and keep the row for this worker a while longer."""
    until = timezone.now() + timedelta(seconds=settings.WORK_LEASE_SECONDS)
    Export.objects.filter(pk=row.pk, state="making").update(claimed_until=until, **values)


# --- what happens with its moves ----------------------------------------------------------------------------------


def keep_file(row: Export, act: Act) -> Mapping[str, Any]:
    """Name the file and its last day."""
    name = "{}-{}.xlsx".format(_("案件"), timezone.localdate(act.at).isoformat())
    days = Parameter.objects.values_list("value", flat=True).get(code=DAYS)
    columns = {
        "file": act.data["file"], "sha256": act.data["sha256"], "size": act.data["size"], "kind": KIND, "name": name,
        "content_type": files.KINDS[KIND].types[".xlsx"], "uploaded_by": row.owner_id, "uploaded_at": act.at,
        "due_on": act.day + timedelta(days=days),
    }  # fmt: skip
    Export.objects.filter(pk=row.pk).update(**columns)
    return {"rows": Export.objects.values_list("written", flat=True).get(pk=row.pk), "sha256": act.data["sha256"]}


def drop_file(row: Export, act: Act) -> Mapping[str, Any]:
    """The file goes; what it was stays on record."""
    name = row.file.name
    Export.objects.filter(pk=row.pk).update(file="")
    if name:
        transaction.on_commit(partial(default_storage.delete, name), robust=True)
    return {}


# --- who may ------------------------------------------------------------------------------------------------------


def roles_of(user: User | None, row: Export) -> frozenset[str]:
    if user is None:
        return SYSTEM
    return frozenset({"owner"}) if row.owner_id == user.pk and may_see_queue(user) else frozenset()


def visible_to(user: User) -> QuerySet[Export]:
    """One's own and nobody else's: it holds what its maker may see."""
    rows: QuerySet[Export] = Export.objects.all()
    return rows.filter(owner=user) if may_see_queue(user) else rows.none()
