"""Minutes of the meeting that approves a result: attached while the result waits for approval, then part of the decision.

Hides: that minutes belong to one round of judging, and that what was taken out again stays on record.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from evaluation.models import Application, ApprovalMinutes
from evaluation.permissions import can, has_run, writing
from portal import audit
from portal.attachments import attachment_values
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

KINDS = ("pdf",)
AT_MOST = 5
RIGHT = "attach_minutes"


def may_attach(by: User, application: Application) -> bool:
    """Whoever may approve this result: an approver who has not run its panel."""
    return can(by, RIGHT, application) and not has_run(by, application)


def kept(application: Application) -> QuerySet[ApprovalMinutes]:
    """The minutes of the present round, in the order in which they came."""
    return application.minutes.filter(review_round=application.review_round, removed_at=None).order_by("pk")


def add(by: User, application: Application, upload: Any) -> ApprovalMinutes:
    """Attach a PDF. Raises NotAllowed, Stale once it is decided, Refused for another type, the same file, or too many."""
    if not may_attach(by, application):
        raise NotAllowed(RIGHT)
    values = attachment_values(upload, KINDS, by)
    with writing(by, RIGHT, application):
        if kept(application).filter(sha256=values["sha256"]).exists():
            raise Refused([Problem("double", "file", gettext_noop("已经上传过同样的文件。"))])
        if kept(application).count() >= AT_MOST:
            message = gettext_noop("最多上传 %(most)s 个文件。")
            raise Refused([Problem("too_many", "file", message, {"most": AT_MOST})])
        row = ApprovalMinutes.objects.create(application=application, review_round=application.review_round, **values)
        audit.record(
            application, "application.attach_minutes", by=by, role="approver", file=row.name, sha256=row.sha256
        )
    return row


def remove(by: User, row: ApprovalMinutes) -> None:
    """Take minutes out before the decision; the row stays. Raises NotAllowed, Stale once it is decided."""
    if not may_attach(by, row.application):
        raise NotAllowed(RIGHT)
    with writing(by, RIGHT, row.application):
        taken = kept(row.application).filter(pk=row.pk).update(removed_at=timezone.now())
        if taken:
            audit.record(
                row.application, "application.remove_minutes", by=by, role="approver", file=row.name, sha256=row.sha256
            )
