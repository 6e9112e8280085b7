"""Files that come in piece by piece, may be cut off at any byte and go on from there, and are then taken in by a worker.

Hides: where the bytes lie meanwhile and who may append to them. The length of the file on disk is the truth about how
much has come; the row's ``offset`` only tells what was last acknowledged, so that a process killed between the two loses
nothing. One writer at a time holds a lock on the file, which the operating system takes back from a killed process.
What a file is for is a ``Purpose``, registered by the app that knows it.
"""

from __future__ import annotations

import fcntl
import io
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Sum
from django.utils import timezone

from portal import files
from portal.attachments import Received, largest_bytes
from portal.contents import MEGABYTE
from portal.machine import NotAllowed, Stale
from portal.models import Upload, User
from portal.problems import Problem, Refused, gettext_noop

logger = logging.getLogger(__name__)
# Bytes read from the network at once. A line that breaks loses the block that was coming, a large block is written faster.
SMALLEST_BLOCK, LARGEST_BLOCK = 64 * 1024, 1024 * 1024
LONGEST_DETAIL = 4000  # characters of everything the sender says about one file


@dataclass(frozen=True, slots=True)
class Purpose:
    """What uploads of one kind are for. ``place`` is a row of the app that registers it.

    authorise(user, place, details, name): holds the place until commit; raises NotAllowed, Stale, Refused.
    may_manage(user, place): whether this person sees and may give up the uploads of others there.
    prepare(upload, file): all the slow work, outside any transaction; its answer goes to keep.
    keep(upload, prepared): writes the row inside the transaction; returns its number and what should be looked at.
    """

    authorise: Callable[[User, int, Mapping[str, Any], str], None]
    may_manage: Callable[[User, int], bool]
    prepare: Callable[[Upload, Received], Any]
    keep: Callable[[Upload, Any], tuple[int, list[Problem]]]


PURPOSES: dict[str, Purpose] = {}


class Busy(Exception):
    """Another request is sending bytes of the same file."""


class OtherOffset(Exception):
    """The next byte is another one than the sender believes. at: the byte to go on from."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def path_of(pk: UUID) -> Path:
    """Where the bytes of one upload lie: named by nothing that a sender wrote."""
    return Path(settings.UPLOAD_DIR) / f"{pk}.part"


# --- beginning and giving up --------------------------------------------------------------------------------------


def begin(by: User, purpose: str, place: int, name: str, length: int, details: Mapping[str, Any]) -> Upload:
    """Open an upload of ``length`` bytes. Raises Refused with every reason, NotAllowed, Stale."""
    problems = list(_unfit(purpose, name, length, details))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        PURPOSES[purpose].authorise(by, place, details, name)
        # Two requests at once must not both find room for the last file.
        User.objects.filter(pk=by.pk).update(is_active=F("is_active"))
        _refuse_hoard(by, length)
        upload: Upload = Upload.objects.create(
            user=by,
            purpose=purpose,
            place=place,
            details=dict(details),
            name=files.display_name(name),
            length=length,
            expires_at=timezone.now() + timedelta(days=settings.UPLOAD_DAYS),
        )
    return upload


def _unfit(purpose: str, name: str, length: int, details: Mapping[str, Any]) -> Iterator[Problem]:
    if purpose not in PURPOSES:
        yield Problem("purpose_unknown", "purpose", gettext_noop("没有说明文件的用途。"))
    if length == 0:
        yield Problem("file_empty", "file", gettext_noop("文件是空的（0 字节）；请检查原文件后重新上传。"))
    if length > largest_bytes(name):
        message = gettext_noop("文件超过上限 %(limit)s MB；请压缩或拆分后重新上传。")
        yield Problem("file_too_large", "file", message, {"limit": largest_bytes(name) // MEGABYTE})
    if sum(len(str(value)) for value in details.values()) > LONGEST_DETAIL:
        yield Problem("details_too_long", "", gettext_noop("文件的说明过长。"))


def _refuse_hoard(by: User, length: int) -> None:
    mine = Upload.objects.open().filter(user=by).aggregate(count=Count("pk"), total=Sum("length", default=0))
    if mine["count"] >= settings.MAX_OPEN_UPLOADS:
        message = gettext_noop("您已有 %(count)s 个文件尚未传完，请先传完或取消一些。")
        raise Refused([Problem("too_many_uploads", "file", message, {"count": settings.MAX_OPEN_UPLOADS})])
    if mine["total"] + length > settings.MAX_OPEN_UPLOAD_MEGABYTES * MEGABYTE:
        message = gettext_noop("您尚未传完的文件合计超过 %(limit)s MB，请先传完或取消一些。")
        raise Refused([Problem("uploads_too_large", "file", message, {"limit": settings.MAX_OPEN_UPLOAD_MEGABYTES})])


def may_manage(user: User, upload: Upload) -> bool:
    """Whether ``user`` may see and give up this upload: the sender, and whoever may write where it goes."""
    return upload.user_id == user.pk or PURPOSES[upload.purpose].may_manage(user, upload.place)


def give_up(by: User, upload: Upload) -> None:
    """Forget an upload and its bytes, or take note of why it was refused; one that was taken in stays what it became."""
    if not may_manage(by, upload):
        raise NotAllowed("give_up_upload")
    Upload.objects.filter(pk=upload.pk).delete()
    path_of(upload.pk).unlink(missing_ok=True)


# --- receiving ----------------------------------------------------------------------------------------------------


def position(upload: Upload) -> int:
    """How many bytes have come: what lies on disk; all of them once the upload is taken in or refused."""
    if upload.taken_at or upload.refused_at:
        return upload.length
    try:
        return min(path_of(upload.pk).stat().st_size, upload.length)
    except FileNotFoundError:
        return 0


@contextmanager
def _held(upload: Upload) -> Iterator[BinaryIO]:
    """The bytes of an upload, open for one writer. Raises Busy."""
    path = path_of(upload.pk)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        _lock(file)
        yield file


def _lock(file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy from error


def receive(upload: Upload, offset: int, read: Callable[[int], bytes]) -> int:
    """Append what ``read`` gives to the upload, block by block; return how many bytes are there now.

    A connection that breaks is no error: what came is kept. Raises Busy, OtherOffset, and Upload.DoesNotExist where the
    upload was given up meanwhile.
    """
    if upload.finished_at:
        raise OtherOffset(position(upload))
    with _held(upload) as file:
        at = file.seek(0, io.SEEK_END)
        if at != offset:
            raise OtherOffset(position(upload))
        while at < upload.length and (block := _next(read, min(_block(at - offset), upload.length - at))):
            file.write(block)
            at += len(block)
        file.flush()
        _acknowledge(upload, at)
    if at == upload.length:
        from portal.tasks import ring_upload  # tasks is a leaf

        # Once the file is let go, so that the worker who hears it at once does not find it held.
        transaction.on_commit(lambda: ring_upload(upload.pk), robust=True)
    return at


def _block(came: int) -> int:
    """How many bytes to ask a line for that brought ``came`` so far: as many again, so that it never loses more than that."""
    return min(max(came, SMALLEST_BLOCK), LARGEST_BLOCK)


def _next(read: Callable[[int], bytes], size: int) -> bytes:
    try:
        return read(size)
    except OSError:  # the sender has gone, or says nothing for too long
        return b""


def _acknowledge(upload: Upload, at: int) -> None:
    """Write down how far the file has come; the last byte makes it work for a worker."""
    now = timezone.now()
    values: dict[str, Any] = {"offset": at, "expires_at": now + timedelta(days=settings.UPLOAD_DAYS)}
    if at == upload.length:
        values["finished_at"] = now
    if not Upload.objects.filter(pk=upload.pk).update(**values):
        path_of(upload.pk).unlink(missing_ok=True)
        raise Upload.DoesNotExist
    for name, value in values.items():
        setattr(upload, name, value)


# --- taking in ----------------------------------------------------------------------------------------------------


def take_in(pk: UUID) -> None:
    """Look into one whole upload and keep it, or keep the reasons why not. Run twice or ten times at once, it happens once."""
    try:
        with _alone(pk):
            _take_in(pk)
    except Busy:
        logger.info("upload %s is being looked into", pk)


@contextmanager
def _alone(pk: UUID) -> Iterator[None]:
    """Held by the worker who looks into a whole file: one who is slower than the lease is not dead. Raises Busy."""
    try:
        file = path_of(pk).open("r+b")
    except FileNotFoundError:  # the disk lost it, or it was taken in already: the row knows
        yield
        return
    with file:
        _lock(file)
        yield


def _take_in(pk: UUID) -> None:
    now = timezone.now()
    lease = timedelta(seconds=settings.WORK_LEASE_SECONDS)
    waiting = Upload.objects.waiting(now).filter(pk=pk)
    if not waiting.update(claimed_until=now + lease, attempts=F("attempts") + 1):
        return
    upload = Upload.objects.select_related("user").get(pk=pk)
    try:
        if upload.attempts > settings.WORK_ATTEMPTS:  # it killed its worker time and again
            raise _failed()
        _take(upload)
    except Refused as refused:
        _refuse(upload, refused.problems)
    except NotAllowed:
        _refuse(upload, [Problem("not_allowed", "", gettext_noop("您已不能修改这份申报，文件没有收入。"))])
    except Stale:
        _refuse(upload, [Problem("stale", "", gettext_noop("案件已进入其他环节，文件没有收入。"))])
    except Exception:  # whatever it is: tried again, and in the end told to the sender
        logger.exception("upload %s was not taken in", pk)
        Upload.objects.filter(pk=pk).update(claimed_until=None)


def _failed() -> Refused:
    message = gettext_noop("平台多次未能完成对这个文件的检查；请检查原文件，或换一种格式后重新上传。")
    return Refused([Problem("upload_failed", "", message)])


def _take(upload: Upload) -> None:
    path, purpose = path_of(upload.pk), PURPOSES[upload.purpose]
    there = position(upload)
    if there != upload.length:  # the disk lost some of it: the sender goes on from where it stands
        Upload.objects.filter(pk=upload.pk).update(finished_at=None, claimed_until=None, offset=there)
        return
    with Received(path, upload.name) as file:
        prepared = purpose.prepare(upload, file)
    with transaction.atomic():
        if not Upload.objects.open().filter(pk=upload.pk).update(taken_at=timezone.now(), claimed_until=None):
            return  # another worker was faster, or the sender gave it up
        made, remarks = purpose.keep(upload, prepared)
        Upload.objects.filter(pk=upload.pk).update(made=made, remarks=[remark.as_record() for remark in remarks])
    path.unlink(missing_ok=True)


def _refuse(upload: Upload, problems: Any) -> None:
    """Keep the sentences beside the name until they are dismissed; the bytes go."""
    records = [problem.as_record() for problem in problems]
    if (
        Upload.objects.open()
        .filter(pk=upload.pk)
        .update(refused_at=timezone.now(), problems=records, claimed_until=None)
    ):
        path_of(upload.pk).unlink(missing_ok=True)


# --- tidying ------------------------------------------------------------------------------------------------------


def waiting_for_worker() -> list[UUID]:
    """Uploads that are whole and that no worker holds, oldest first."""
    waiting = Upload.objects.waiting(timezone.now()).order_by("finished_at")
    return list(waiting.values_list("pk", flat=True)[:500])


def forget_expired() -> int:
    """Delete uploads past their time, with their bytes; whole ones that still wait for a worker stay. Return how many."""
    now = timezone.now()
    late = Upload.objects.filter(expires_at__lt=now).exclude(
        pk__in=Upload.objects.open().filter(finished_at__isnull=False)
    )
    forgotten = 0
    for pk in list(late.values_list("pk", flat=True)[:500]):
        if Upload.objects.filter(pk=pk, expires_at__lt=now).delete()[0]:
            path_of(pk).unlink(missing_ok=True)
            forgotten += 1
    return forgotten
