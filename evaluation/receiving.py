"""What uploads that come in piece by piece are for: evidence, and documents of the stage's list.

Hides: what the sender must say about a file before its first byte, and that a worker ends in the same functions of
``proofs`` as a form does, with the sender's rights of that moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluation import proofs
from evaluation.filing import document_forms, open_places, refuse_closed
from evaluation.models import Application, Document, Evidence
from evaluation.permissions import applied_by, can, visible_to, writing
from portal import files, previews, uploads
from portal.attachments import Received, stored
from portal.machine import NotAllowed
from portal.models import Upload, User
from portal.problems import Problem, Refused, gettext_noop


def _application(user: User, pk: int) -> Application:
    """The application of which ``user`` is a party now, as nobody else hands anything in. Raises NotAllowed."""
    rows = applied_by(user).select_related("project__standard").defer("project__standard__document")
    found: Application | None = rows.filter(pk=pk).first()
    if found is None:
        raise NotAllowed("upload")
    return found


def may_manage(user: User, place: int) -> bool:
    """Whoever may edit the application manages what is on its way there."""
    found = visible_to(user).with_case().filter(pk=place).first()
    return found is not None and can(user, "edit", found)


def reaches(user: User, place: int) -> bool:
    """Whether ``user`` sees the application at all: what a token for one organisation is asked of its person's uploads."""
    return bool(visible_to(user).filter(pk=place).exists())


def of_application(application: Application) -> Any:
    """Uploads on their way into an application, and those that were refused and not dismissed; oldest first."""
    rows = Upload.objects.filter(place=application.pk, purpose__in=("evidence", "document"))
    return rows.select_related("user").order_by("created_at")


def unfinished(application: Application) -> Iterator[Problem]:
    """Why the application cannot be handed in yet: files that still come in or are being looked into, by name."""
    for upload in of_application(application).open():
        message = gettext_noop("“%(name)s”还没有传完，请继续上传，或取消它。")
        if upload.finished_at:
            message = gettext_noop("“%(name)s”正在检查，请稍候再提交。")
        yield Problem("upload_open", upload.purpose, message, {"name": upload.name})


def _refuse_ending(name: str, kinds: Collection[str]) -> None:
    """What the content will be asked again is refused at once where the name says it already."""
    ending = Path(name).suffix.lower()
    known = [kind for kind in files.KINDS if kind in kinds]
    if ending and not any(ending in files.KINDS[kind].suffixes for kind in known):
        message = gettext_noop("此处不接受 %(found)s 文件；请上传 %(wanted)s 格式的文件。")
        wanted = "、".join(files.KINDS[kind].label for kind in known)
        raise Refused([Problem("file_type_not_allowed", "file", message, {"wanted": wanted, "found": ending})])


# --- evidence -----------------------------------------------------------------------------------------------------


def _authorise_evidence(user: User, place: int, details: Mapping[str, Any], name: str) -> None:
    application = _application(user, place)
    _refuse_ending(name, files.EVIDENCE_KINDS)
    with writing(user, "edit", application):
        if details.get("replaces"):
            proofs.refuse_unless_replaceable(_replaced(application, details))
            return
        proofs.refuse_unknown_kind(application, details.get("evidence_kind", ""))
        proofs.refuse_closed_codes(application, details.get("items", []))


def _replaced(application: Application, details: Mapping[str, Any]) -> Evidence:
    found = application.evidence.filter(pk=details["replaces"]).first()
    if found is None:
        raise Refused([Problem("removed", "file", gettext_noop("原佐证已被移除或替换，请刷新页面。"))])
    found.application = application
    return found


def _prepare_evidence(upload: Upload, file: Received) -> tuple[dict[str, Any], frozenset[int]]:
    values, alike = proofs.evidence_values(upload.user, file), frozenset[int]()
    if upload.details.get("replaces"):
        old = _replaced(_application(upload.user, upload.place), upload.details)
        alike = proofs.pages_alike(old, values, file)
    values = stored(values)
    previews.draw_thumbnail(Evidence(**values))  # here at once: this is a worker
    return values, alike


def _keep_evidence(upload: Upload, prepared: tuple[dict[str, Any], frozenset[int]]) -> tuple[int, list[Problem]]:
    values, alike = prepared
    application, said = _application(upload.user, upload.place), upload.details
    if said.get("replaces"):
        done = proofs.keep_replacement(upload.user, _replaced(application, said), values, alike)
        return done.evidence.pk, done.remarks()
    row = proofs.keep_evidence(
        upload.user,
        application,
        said.get("evidence_kind", ""),
        values,
        said.get("items", []),
        said.get("caption", ""),
        said.get("page"),
    )
    return row.pk, []


# --- documents ----------------------------------------------------------------------------------------------------


def _authorise_document(user: User, place: int, details: Mapping[str, Any], name: str) -> None:
    application, code = _application(user, place), details.get("code", "")
    with writing(user, "edit", application):
        _refuse_ending(name, document_forms(application, code))
        if not open_places(application).document(code):
            refuse_closed(code)


def _prepare_document(upload: Upload, file: Received) -> dict[str, Any]:
    application = _application(upload.user, upload.place)
    return stored(proofs.document_values(upload.user, application, upload.details.get("code", ""), file))


def _keep_document(upload: Upload, prepared: dict[str, Any]) -> tuple[int, list[Problem]]:
    application = _application(upload.user, upload.place)
    row: Document = proofs.keep_document(upload.user, application, upload.details.get("code", ""), prepared)
    return row.pk, []


uploads.PURPOSES["evidence"] = uploads.Purpose(_authorise_evidence, may_manage, _prepare_evidence, _keep_evidence)
uploads.PURPOSES["document"] = uploads.Purpose(_authorise_document, may_manage, _prepare_document, _keep_document)
