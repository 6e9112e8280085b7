"""Major changes: saying what is built otherwise than the certified design, demanding that somebody says it, what hangs on it.

Hides: which stage the design is, that one change waits at a time, and when that stage may be applied for once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from evaluation import telling_guidance
from evaluation.models import Application, Certificate, ChangeProof, GuidanceOpinion, MajorChange, Project
from evaluation.models.change import OPEN_STATES
from evaluation.permissions import can_project, change_roles, may_demand_change, project_roles
from evaluation.standard import Item
from portal import audit, clock
from portal.attachments import attachment_values
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Changed, Problem, Refused, gettext_noop

WRITABLE = ("draft", "demanded")  # states in which the applicant says what changes
PROOFS = ("pdf", "jpg", "xlsx", "dwg")
LONGEST, PROOFS_AT_MOST = 5000, 20


def design_stage(project: Project) -> str:
    """The stage whose certificate a later one needs; "" where the programme has none."""
    return next((rule.needs_certificate_of for rule in project.programme.stages.all() if rule.needs_certificate_of), "")


def certificate_of(project: Project) -> Certificate | None:
    """The design certificate that stands, None where there is none."""
    stage = design_stage(project)
    rows = Certificate.objects.filter(application__project=project, application__stage=stage, state="valid")
    return rows.order_by("-pk").first() if stage else None


def items_of(project: Project) -> list[Item]:
    """The items of the design that a change may touch."""
    stage = design_stage(project)
    return list(project.standard.parsed.items(stage)) if stage else []


def documents_of(project: Project) -> list[tuple[str, str]]:
    """Code and name of each document of the design that a change may touch."""
    stage = design_stage(project)
    return [(row.code, row.name) for row in project.standard.parsed.stage(stage).documents] if stage else []


def open_change(by: User, project: Project) -> MajorChange:
    """Begin to say what changes, in a draft that nobody else reads. Raises NotAllowed, Refused."""
    if not can_project(by, "declare_change", project):
        raise NotAllowed("declare_change")
    return _open(by, project, "applicant", "draft")


def demand(by: User, project: Project, reason: str) -> MajorChange:
    """Ask the applicant to say what changes: the district, the organiser, or the leader of the panel that judges the case.

    Raises NotAllowed, Refused.
    """
    if not may_demand_change(by, project):
        raise NotAllowed("demand_change")
    roles = project_roles(by, project)
    role = next((name for name in ("district_officer", "organiser") if name in roles), "leader")
    return _open(by, project, role, "demanded", reason.strip())


def _open(by: User, project: Project, role: str, state: str, reason: str = "") -> MajorChange:
    problems = []
    if state == "demanded" and not reason:
        problems.append(Problem("required", "reason", gettext_noop("请写明哪里可能与设计不符。")))
    if len(reason) > LONGEST:
        problems.append(Problem("too_long", "reason", gettext_noop("最多 %(most)s 字。"), {"most": LONGEST}))
    if certificate_of(project) is None:
        problems.append(Problem("no_certificate", "", gettext_noop("没有有效的设计评价证书，不必办理重大变更。")))
    with transaction.atomic():
        hold_project(project)
        busy = (
            OPEN_STATES if state == "demanded" else ("draft", *OPEN_STATES)
        )  # a draft that nobody reads stops no demand
        if MajorChange.objects.filter(project=project, state__in=busy).exists():
            problems.append(Problem("change_open", "", gettext_noop("已有一件重大变更正在办理，请先办结。")))
        if problems:
            raise Refused(problems)
        due_on = clock.deadline("change_declaration", timezone.localdate(), project.programme_id)
        change: MajorChange = MajorChange.objects.create(
            project=project, opened_by=by, demand=reason, state=state, due_on=due_on if state == "demanded" else None
        )
        verb = "major_change.demand" if state == "demanded" else "major_change.open"
        event = audit.record(change, verb, by=by, role=role, **({"reason": reason} if reason else {}))
        telling_guidance.tell_change(change, event)
    return change


def hold_project(project: Project) -> None:
    """Take the case until commit: of two changes that are opened or declared at once the second sees the first."""
    Project.objects.filter(pk=project.pk).update(number=F("number"))


def write(
    by: User,
    change: MajorChange,
    *,
    summary: str,
    reason: str,
    items: Collection[str],
    documents: Collection[str],
    revision: int | None = None,
) -> MajorChange:
    """Say what changes, at which items and documents, and why; all may still be incomplete.

    revision: what the writer last saw, None skips that. Raises NotAllowed, Stale, Refused, Changed.
    """
    _require_applicant(by, change)
    problems = list(_unknown(change.project, items, documents))
    for place, text in (("summary", summary), ("reason", reason)):
        if len(text) > LONGEST:
            problems.append(Problem("too_long", place, gettext_noop("最多 %(most)s 字。"), {"most": LONGEST}))
    if problems:
        raise Refused(problems)
    said: dict[str, Any] = {
        "summary": summary.strip(), "reason": reason.strip(), "items": sorted(set(items)), "documents": sorted(set(documents)),
    }  # fmt: skip
    with transaction.atomic():
        hold(change, *WRITABLE)
        now = MajorChange.objects.get(pk=change.pk)
        if revision is not None and now.revision != revision:
            message = gettext_noop("内容刚被他人修改，请核对后重新保存。")
            current = {name: getattr(now, name) for name in said}
            raise Changed([Problem("changed", "", message)], {"current": current, "revision": now.revision})
        before = {name: getattr(now, name) for name in said if getattr(now, name) != said[name]}
        if before:
            MajorChange.objects.filter(pk=change.pk).update(**said, revision=now.revision + 1)
            audit.record(change, "major_change.write", by=by, role="applicant", before=before, fields=sorted(before))
    change.refresh_from_db()
    return change


def _unknown(project: Project, items: Collection[str], documents: Collection[str]) -> Iterator[Problem]:
    known = {item.code for item in items_of(project)}
    for code in sorted(set(items) - known):
        yield Problem("item_unknown", "items", gettext_noop("没有条目“%(code)s”。"), {"code": code[:40]})
    papers = {code for code, _name in documents_of(project)}
    for code in sorted(set(documents) - papers):
        yield Problem("document_unknown", "documents", gettext_noop("没有材料“%(code)s”。"), {"code": code[:40]})


def add_proof(by: User, change: MajorChange, upload: Any) -> ChangeProof:
    """Add a drawing, a document or a picture that shows the change. Raises NotAllowed, Stale, Refused."""
    _require_applicant(by, change)
    values = attachment_values(upload, PROOFS, by)
    with transaction.atomic():
        hold(change, *WRITABLE)
        kept = change.proofs.filter(removed_at=None)
        if kept.filter(sha256=values["sha256"]).exists():
            raise Refused([Problem("double", "file", gettext_noop("已经上传过同样的文件。"))])
        if kept.count() >= PROOFS_AT_MOST:
            message = gettext_noop("最多上传 %(most)s 个文件。")
            raise Refused([Problem("too_many", "file", message, {"most": PROOFS_AT_MOST})])
        row = ChangeProof.objects.create(change=change, **values)
        audit.record(change, "major_change.proof", by=by, role="applicant", file=row.name, sha256=row.sha256)
    return row


def remove_proof(by: User, proof: ChangeProof) -> None:
    """Take a proof out while the change is being written; its row stays. Raises NotAllowed, Stale."""
    _require_applicant(by, proof.change)
    with transaction.atomic():
        hold(proof.change, *WRITABLE)
        if ChangeProof.objects.filter(pk=proof.pk, removed_at=None).update(removed_at=timezone.now()):
            audit.record(proof.change, "major_change.remove_proof", by=by, role="applicant", file=proof.name)


def _require_applicant(by: User, change: MajorChange) -> None:
    if "applicant" not in change_roles(by, change):
        raise NotAllowed("declare_change")


def unsaid(change: MajorChange) -> Iterator[Problem]:
    """What a declaration still lacks, and what stands in its way."""
    if MajorChange.objects.open().filter(project=change.project_id).exclude(pk=change.pk).exists():
        yield Problem("change_open", "", gettext_noop("已有一件重大变更正在办理，请先办结。"))
    for place, message in (
        ("summary", gettext_noop("请写明变更内容。")),
        ("reason", gettext_noop("请写明变更原因。")),
    ):
        if not getattr(change, place):
            yield Problem("required", place, message)
    if not change.items and not change.documents:
        yield Problem("required", "items", gettext_noop("请选择涉及的条目或材料，至少一项。"))
    if not change.proofs.filter(removed_at=None).exists():
        yield Problem("proof_missing", "file", gettext_noop("请上传变更后的图纸或其他佐证。"))


# --- what hangs on it ---------------------------------------------------------------------------------------------


def unsettled(application: Application) -> Iterator[Problem]:
    """What keeps a stage that follows guidance from being handed in, and its review from being closed."""
    if not application.rule.needs_guidance_closed:
        return
    project = application.project_id
    if MajorChange.objects.open().filter(project=project).exists():
        yield Problem("change_open", "guidance", gettext_noop("有一件重大变更尚未办结，办结后才能提交。"))
    for opinion in GuidanceOpinion.objects.filter(visit__project=project, state="stopped"):
        message = gettext_noop("指导意见“%(text)s”已被叫停，整改并经核对后才能提交。")
        yield Problem("guidance_stopped", "guidance", message, {"text": opinion.text[:40]})


def is_open_again(project: Project, stage: str) -> bool:
    """Whether the design, certified once, is judged anew: a change demands it, or took its certificate."""
    if stage != design_stage(project):
        return False
    changes = MajorChange.objects.filter(project=project)
    if changes.filter(state="reevaluating").exists():
        return True
    return certificate_of(project) is None and changes.filter(state="cancelled").exists()


def waiting_for(application: Application) -> list[MajorChange]:
    """Changes that a new certificate of this application settles."""
    if application.stage != design_stage(application.project):
        return []
    return list(MajorChange.objects.filter(project=application.project_id, state="reevaluating"))
