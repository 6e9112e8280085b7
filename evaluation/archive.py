"""A sealed version as one ZIP that anybody can verify: streamed, never kept, in the form of docs/snapshot.md.

Hides the archive's format, the printed summary in it, and that a file is opened only when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from zipstream import ZipStream

from evaluation import manifest, wording
from evaluation.models import Application, Document, Evidence, Submission
from evaluation.snapshot import COMMUNITY_FIELDS, build, canonical, consultants_of, evidence_of
from portal import files, typesetting
from portal.problems import Problem, Refused, gettext_noop


def archive_name(submission: Submission) -> str:
    """The name under which a version is downloaded."""
    application = submission.application
    return f"{application.project.number}-{application.stage}-v{submission.version}.zip"


def archive(submission: Submission) -> ZipStream:
    """Return the archive as chunks of bytes of a known total length.

    Raises Refused with every file that the storage no longer has, before the first byte is sent.
    """
    stored = _stored(submission)
    data, summary = canonical(submission.data), summary_pdf(submission)
    stream = ZipStream(sized=True)
    stream.add(manifest.manifest_of(_head(submission), data, submission.data, summary), manifest.MANIFEST)
    stream.add(data, manifest.DATA)
    stream.add(summary, manifest.PRINT)
    for path, (name, size) in stored.items():
        stream.add(_chunks(name), path, size=size)
    return stream


def response(submission: Submission) -> StreamingHttpResponse:
    """The archive as an answer with its length, for whoever was authorised. Raises Refused as ``archive``."""
    stream = archive(submission)
    answer = StreamingHttpResponse(stream, content_type="application/zip")
    answer["Content-Length"] = str(len(stream))
    answer["Content-Disposition"] = content_disposition_header(True, archive_name(submission)) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


def _head(submission: Submission) -> dict[str, Any]:
    application = submission.application
    return {
        "project": application.project.number,
        "stage": application.stage,
        "version": submission.version,
        "submitted_at": timezone.localtime(submission.at).isoformat(timespec="seconds"),
    }


def _stored(submission: Submission) -> dict[str, tuple[str, int]]:
    """Path in the archive -> (name in the storage, size now) of every file that the version names. Two queries."""
    models = {"documents": Document, "evidence": Evidence}
    data = submission.data
    wanted = {
        "documents": [row["id"] for rows in data["documents"].values() for row in rows],
        "evidence": [row["id"] for row in data["evidence"]],
    }
    names = {
        (part, pk): name
        for part, model in models.items()
        for pk, name in model.objects.filter(application=submission.application_id, pk__in=wanted[part]).values_list(
            "pk", "file"
        )
    }
    found: dict[str, tuple[str, int]] = {}
    problems: list[Problem] = []
    for (entry, row), part in zip(
        manifest.files_of(data),
        ["documents"] * len(wanted["documents"]) + ["evidence"] * len(wanted["evidence"]),
        strict=True,
    ):
        name = names.get((part, row["id"]), "")
        if name and default_storage.exists(name):
            found[entry.path] = (name, default_storage.size(name))
        else:
            message = gettext_noop("“%(name)s”在存储中找不到，无法打包。")
            problems.append(Problem("file_lost", part, message, {"name": row["name"]}))
    if problems:
        raise Refused(problems)
    return found


def _chunks(name: str) -> Iterator[bytes]:
    with default_storage.open(name) as content:
        yield from content.chunks(files.CHUNK)


# --- the printed summary ------------------------------------------------------------------------------------------


def summary_pdf(submission: Submission) -> bytes:
    """The version to read on paper. Always Chinese: the same version gives the same bytes whoever downloads it."""
    with translation.override("zh-hans"):
        content = {
            **_content(submission.application, submission.data),
            "version": submission.version,
            "submitted_by": str(submission.by),
            "submitted_at": f"{timezone.localtime(submission.at):%Y-%m-%d %H:%M}",
            "issued_on": timezone.localdate(submission.at),
            "sha256": submission.sha256,
        }
    return typesetting.render("snapshot", content, replace_missing=True)


def draft_pdf(application: Application) -> bytes:
    """What the application says now, to read on paper and to put a seal on, before it is handed in."""
    with translation.override("zh-hans"):
        content = {
            **_content(application, build(application)),
            "issued_on": timezone.localdate(),
            "notice": _("打印稿：尚未提交，以提交后封存的版本为准。"),
        }
    return typesetting.render("snapshot", content, replace_missing=True)


def _content(application: Application, data: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the printed summary that a version and a draft have in common."""
    return {
        "title": _("%(stage)s申报内容") % {"stage": application.stage_name},
        "number": data["project"]["number"],
        "sections": _sections(application, data),
        "documents": _documents(application, data),
        "claims": _claims(application, data),
    }


def _sections(application: Application, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    community = data["community"]
    fields = type(application.project.community)._meta
    target = wording.level_name(application.standard, data["project"]["target_level"])
    units = [[_("申报单位"), _unit(data["organisation"])]]
    units += [[_("咨询服务单位"), _unit(unit)] for unit in consultants_of(data)]
    return [
        {"name": _("案卷"), "rows": [[_("案卷编号"), data["project"]["number"]], [_("阶段"), application.stage_name],
                                   [_("目标等级"), target], [_("评价标准"), data["standard"]["label"]], *units]},
        {"name": _("小区基本信息"), "rows": [[_("区县"), community["district"]], *(
            [str(fields.get_field(name).verbose_name), str(community[name])]
            for name in COMMUNITY_FIELDS if community.get(name) not in (None, "")
        )]},
    ]  # fmt: skip


def _unit(unit: Mapping[str, Any]) -> str:
    return f"{unit['name']}（{unit['credit_code']}）"


def _documents(application: Application, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for document in application.standard.stage(application.stage).documents:
        names = [row["name"] for row in data["documents"].get(document.code, ())]
        text = data["statements"].get(document.code)
        if names or text:
            found.append({"code": document.code, "name": document.name, "files": [*([text] if text else []), *names]})
    return found


def _claims(application: Application, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "code": item.code,
            "name": item.name,
            "value": wording.mark_words(item, data["claims"][item.code]["value"]),
            "note": data["claims"][item.code]["note"],
            "evidence": "\n".join(row["name"] for row in evidence_of(data, item.code)),
        }
        for item in application.standard.items(application.stage)
        if item.code in data["claims"]
    ]
