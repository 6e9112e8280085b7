"""What an applicant may write, and when: projects, applications, claims, statements, documents, evidence, replies.

Hides: that in a correction only what the notice names is open, and that every write holds its application first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from communities.models import Community, Organisation
from communities.permissions import memberships_of
from communities.sheets import COMMUNITY_FACTS, COMMUNITY_FIELDS, PERMIT_DATES, settles
from evaluation.models import (
    Application,
    Claim,
    Document,
    Evidence,
    EvidenceLink,
    Finding,
    Programme,
    Project,
    Standard,
    Statement,
)
from evaluation.models.case import FINAL_STATES
from evaluation.permissions import can_project, writing
from portal import audit, files
from portal.attachments import attachment_values, photo_values
from portal.machine import NotAllowed
from portal.models import Sequence, User
from portal.problems import Problem, Refused, gettext_noop


def may_open_project(user: User, organisation: Organisation) -> bool:
    """Whoever acts for a unit may open cases of its communities; whether the unit may apply now is asked on opening."""
    return organisation.pk in memberships_of(user)


def open_project(
    by: User, community: Community, programme: Programme, target_level: int, consultant: Organisation | None = None
) -> Project:
    """Start a case under the programme's standard in force, which is frozen from now on. Raises NotAllowed, Refused."""
    organisation = community.organisation
    if not may_open_project(by, organisation):
        raise NotAllowed("open_project")
    standard = programme.standard
    refuse_unless_may_apply(organisation)
    if target_level not in {level.level for level in standard.parsed.levels}:
        names = "、".join(level.name for level in standard.parsed.levels)
        raise Refused(
            [Problem("level_unknown", "target_level", gettext_noop("目标等级应为：%(names)s。"), {"names": names})]
        )
    if consultant is not None and consultant.pk == organisation.pk:
        raise Refused(
            [Problem("consultant_is_applicant", "consultant", gettext_noop("咨询服务单位不能是申报单位自己。"))]
        )
    with transaction.atomic():
        Standard.objects.filter(pk=standard.pk, frozen_at=None).update(frozen_at=timezone.now())
        name = f"{programme.number_prefix}-{timezone.localdate().year}-{community.district_id}"
        project = Project.objects.create(
            number=f"{name}-{Sequence.take(name):04d}",
            programme=programme,
            standard=standard,
            community=community,
            organisation=organisation,
            consultant=consultant,
            target_level=target_level,
            created_by=by,
        )
        audit.record(project, "project.open", by=by, role="applicant", number=project.number)
    return project


@settles
def settled_facts(community: Community, held: bool) -> frozenset[str]:
    """While a case is handled, a community changes only where a correction names it; once judged, only its permit dates.

    ``held`` touches the cases first, so that none is handed in between the look and the write.
    """
    cases = Application.objects.filter(project__community=community)
    if held:
        cases.update(state_since=F("state_since"))
    states = set(cases.values_list("state", flat=True))
    if states - {"draft", *FINAL_STATES}:
        return frozenset(COMMUNITY_FIELDS)
    return frozenset(COMMUNITY_FACTS) if "certified" in states else frozenset()


def refuse_unless_may_apply(organisation: Organisation) -> None:
    """Raise Refused unless the organisation is active and not banned today."""
    if not organisation.may_apply(timezone.localdate()):
        message = gettext_noop("单位尚未通过核验或正被限制申报，不能申报。")
        raise Refused([Problem("organisation_may_not_apply", "organisation", message)])


def open_application(by: User, project: Project, stage: str) -> Application:
    """Open a draft for one scored stage. Raises NotAllowed, or Refused where one is open already."""
    if not can_project(by, "apply", project):
        raise NotAllowed("open_application")
    refuse_unless_may_apply(project.organisation)
    if stage not in {row.stage for row in project.programme.stages.all()}:
        raise Refused([Problem("stage_unknown", "stage", gettext_noop("该评价类别没有此阶段。"))])
    if project.applications.filter(stage=stage, state="certified").exists():
        raise Refused([Problem("stage_done", "stage", gettext_noop("该阶段已取得证书，不能再次申报。"))])
    try:
        with transaction.atomic():
            application = Application.objects.create(project=project, stage=stage, state="draft")
            audit.record(application, "application.open", by=by, role="applicant", stage=stage)
    except IntegrityError as error:
        raise Refused([Problem("open_case", "stage", gettext_noop("该阶段已有一件正在办理的申报。"))]) from error
    return application


@dataclass(frozen=True, slots=True)
class Open:
    """What may be edited now: everything (draft), or only the places that the findings name."""

    everything: bool
    places: frozenset[tuple[str, str]] = frozenset()

    def item(self, code: str) -> bool:
        return self.everything or ("item", code) in self.places

    def document(self, code: str) -> bool:
        return self.everything or ("document", code) in self.places

    @property
    def data(self) -> bool:
        return self.everything or any(kind == "data" for kind, _ in self.places)

    def fact(self, name: str) -> bool:
        """``target_level`` or one of the permit dates; a finding at the community as a whole opens all its dates."""
        whole = name in PERMIT_DATES and ("data", "community") in self.places
        return self.everything or whole or ("data", name) in self.places


def open_findings(application: Application) -> Any:
    """The findings that the applicant must answer now."""
    phase = Finding.Phase.REVISION if application.state == "revision" else Finding.Phase.FORM_CHECK
    number = application.review_round if application.state == "revision" else application.correction_round
    return application.findings.filter(phase=phase, round=number, sent_at__isnull=False)


def open_places(application: Application) -> Open:
    """What ``edit`` reaches in the present state."""
    if application.state == "draft":
        return Open(everything=True)
    if application.state in ("correction", "revision"):
        return Open(False, frozenset(open_findings(application).values_list("kind", "place")))
    return Open(False)


def _refuse_closed(place: str) -> None:
    message = gettext_noop("“%(place)s”不在一次性告知书所列范围内，本轮不能修改。")
    raise Refused([Problem("closed", place, message, {"place": place})])


def _refuse_changed(place: str, who: User) -> None:
    message = gettext_noop("%(who)s刚刚改过“%(place)s”，请查看其内容后再保存；您填写的内容仍在页面上。")
    raise Refused([Problem("changed", place, message, {"who": str(who), "place": place})])


def save_claim(
    by: User, application: Application, item_code: str, value: Any, note: str = "", revision: int | None = None
) -> Claim:
    """Store the applicant's own mark of one item. ``revision`` is what the writer last saw (0 = nothing); None skips.

    Raises Refused for an unknown item, an illegal mark (with the legal ones), a closed place or another's newer save.
    """
    with writing(by, "edit", application):
        if not open_places(application).item(item_code):
            _refuse_closed(item_code)
        standard = application.standard
        if item_code not in {item.code for item in standard.items(application.stage)}:
            raise Refused([Problem("item_unknown", item_code, gettext_noop("本阶段没有该条目。"))])
        problem = None if value is None else standard.check_mark(standard.item(item_code), value)
        if problem:
            raise Refused([problem])
        return _store(Claim, {"application": application, "item_code": item_code}, item_code, by, revision,
                      value=value, note=note.strip())  # fmt: skip


def save_statement(by: User, application: Application, code: str, text: str, revision: int | None = None) -> Statement:
    """Store the text of one online document. Raises Refused like ``save_claim``."""
    with writing(by, "edit", application):
        if not open_places(application).document(code):
            _refuse_closed(code)
        _document_forms(application, code, "online")
        return _store(Statement, {"application": application, "code": code}, code, by, revision, text=text.strip())


def _store(model: Any, key: dict[str, Any], place: str, by: User, revision: int | None, **values: Any) -> Any:
    """Create or update one row if nobody else saved it since ``revision``."""
    row = model.objects.filter(**key).select_related("updated_by").first()
    if row is None:
        return model.objects.create(**key, **values, updated_by=by)
    if revision is not None and revision != row.revision:
        _refuse_changed(place, row.updated_by)
    for name, value in values.items():
        setattr(row, name, value)
    row.revision += 1
    row.updated_by = by
    row.save()
    return row


def _document_forms(application: Application, code: str, form: str = "") -> tuple[str, ...]:
    """Accepted forms of one document of the stage; Refused where it is unknown or does not take ``form``."""
    documents = {document.code: document for document in application.standard.stage(application.stage).documents}
    if code not in documents:
        raise Refused([Problem("document_unknown", code, gettext_noop("本阶段没有该材料。"))])
    forms = documents[code].forms
    if form and form not in forms:
        raise Refused([Problem("form_wrong", code, gettext_noop("该材料不在线填写，请上传文件。"))])
    return forms


def add_document(by: User, application: Application, code: str, upload: Any) -> Document:
    """Add one file to a document of the stage. Raises Refused for a wrong type, an unreadable file, a closed place."""
    forms = _document_forms(application, code)
    values = attachment_values(upload, [form for form in forms if form in files.KINDS], by)
    with writing(by, "edit", application):
        if not open_places(application).document(code):
            _refuse_closed(code)
        _refuse_double(application.documents.filter(code=code, removed_at=None), values["sha256"], code)
        return Document.objects.create(application=application, code=code, **values)


def remove_document(by: User, document: Document) -> None:
    """Take one file out of the next version; the file itself stays, earlier snapshots name it."""
    with writing(by, "edit", document.application):
        if not open_places(document.application).document(document.code):
            _refuse_closed(document.code)
        Document.objects.filter(pk=document.pk, removed_at=None).update(removed_at=timezone.now())


def restore_document(by: User, document: Document) -> None:
    """Take back a removal. Raises Refused where the same file has been uploaded again, or the place is closed."""
    application = document.application
    with writing(by, "edit", application):
        if not open_places(application).document(document.code):
            _refuse_closed(document.code)
        _refuse_double(
            application.documents.filter(code=document.code, removed_at=None), document.sha256, document.code
        )
        Document.objects.filter(pk=document.pk).update(removed_at=None)


def _refuse_double(rows: Any, sha256: str, place: str) -> None:
    if rows.filter(sha256=sha256).exists():
        raise Refused([Problem("double", place, gettext_noop("同一文件已经上传过，不必重复上传。"))])


def add_evidence(
    by: User,
    application: Application,
    evidence_kind: str,
    upload: Any,
    items: Iterable[str],
    caption: str = "",
    page: int | None = None,
) -> Evidence:
    """Add a proof and attach it to items (at ``page``). Raises Refused like ``add_document``."""
    items = list(items)
    standard = application.standard
    if evidence_kind not in standard.enums["evidence"]:
        raise Refused([Problem("evidence_kind", "evidence_kind", gettext_noop("请选择佐证类型。"))])
    values = attachment_values(upload, files.EVIDENCE_KINDS, by)
    if values["kind"] == "jpg":
        upload.seek(0)
        values = photo_values(upload, by)
    with writing(by, "edit", application):
        if not items and not open_places(application).everything:
            _refuse_closed("evidence")
        _refuse_double(application.evidence.filter(removed_at=None), values["sha256"], "file")
        row = Evidence.objects.create(
            application=application, evidence_kind=evidence_kind, caption=caption.strip(), **values
        )
        for code in items:
            _link(application, row, code, page)
    return row


def link_evidence(by: User, evidence: Evidence, item_code: str, page: int | None = None) -> EvidenceLink:
    """Attach a proof to one more item, or move its page."""
    with writing(by, "edit", evidence.application):
        return _link(evidence.application, evidence, item_code, page)


def _link(application: Application, evidence: Evidence, item_code: str, page: int | None) -> EvidenceLink:
    if not open_places(application).item(item_code):
        _refuse_closed(item_code)
    if item_code not in {item.code for item in application.standard.items(application.stage)}:
        raise Refused([Problem("item_unknown", item_code, gettext_noop("本阶段没有该条目。"))])
    if page is not None and not 1 <= page <= (evidence.pages or 1):
        message = gettext_noop("页码应在 1 至 %(pages)s 之间。")
        raise Refused([Problem("page", "page", message, {"pages": evidence.pages or 1})])
    return EvidenceLink.objects.update_or_create(evidence=evidence, item_code=item_code, defaults={"page": page})[0]


def unlink_evidence(by: User, evidence: Evidence, item_code: str) -> None:
    """Detach a proof from one item."""
    with writing(by, "edit", evidence.application):
        if not open_places(evidence.application).item(item_code):
            _refuse_closed(item_code)
        evidence.links.filter(item_code=item_code).delete()


def remove_evidence(by: User, evidence: Evidence) -> None:
    """Take a proof out of the next version; every item it proves must be open."""
    with writing(by, "edit", evidence.application):
        _refuse_closed_items(evidence.application, evidence)
        Evidence.objects.filter(pk=evidence.pk, removed_at=None).update(removed_at=timezone.now())


def restore_evidence(by: User, evidence: Evidence) -> None:
    """Take back a removal; every item it proves must be open. Raises Refused where the same file is there again."""
    application = evidence.application
    with writing(by, "edit", application):
        _refuse_closed_items(application, evidence)
        _refuse_double(application.evidence.filter(removed_at=None), evidence.sha256, "file")
        Evidence.objects.filter(pk=evidence.pk).update(removed_at=None)


def _refuse_closed_items(application: Application, evidence: Evidence) -> None:
    """In a correction a proof is open when every item it proves is; one that proves nothing is closed then."""
    places = open_places(application)
    codes = list(evidence.links.values_list("item_code", flat=True))
    if not codes and not places.everything:
        _refuse_closed("evidence")
    for code in codes:
        if not places.item(code):
            _refuse_closed(code)


def save_case_data(by: User, application: Application, target_level: int, dates: dict[str, date | None]) -> None:
    """Change the target level and permit dates; in a correction only those that the notice names may differ."""
    with writing(by, "edit", application):
        places = open_places(application)
        if not places.data:
            _refuse_closed("data")
        if target_level not in {level.level for level in application.standard.levels}:
            raise Refused([Problem("level_unknown", "target_level", gettext_noop("请选择目标等级。"))])
        project = Project.objects.select_related("community").get(pk=application.project_id)
        permits = {name: value for name, value in dates.items() if name in PERMIT_DATES}
        changed = [name for name, value in permits.items() if getattr(project.community, name) != value]
        changed += ["target_level"] if project.target_level != target_level else []
        closed = gettext_noop("该项不在一次性告知书所列范围内，本轮不能修改。")
        problems = [Problem("closed", name, closed) for name in changed if not places.fact(name)]
        if problems:
            raise Refused(problems)
        Project.objects.filter(pk=project.pk).update(target_level=target_level)
        if permits:
            Community.objects.filter(pk=project.community_id).update(**permits)
        audit.record(
            application, "application.data", by=by, role="applicant", target_level=target_level,
            **{name: value and value.isoformat() for name, value in permits.items()},
        )  # fmt: skip


def reply(by: User, finding: Finding, text: str) -> None:
    """Answer one finding of the correction notice. Raises Refused for an empty answer."""
    if not text.strip():
        raise Refused([Problem("required", "reply", gettext_noop("请写明如何改正。"))])
    with writing(by, "edit", finding.application):
        if not open_findings(finding.application).filter(pk=finding.pk).exists():
            _refuse_closed(finding.place)
        Finding.objects.filter(pk=finding.pk).update(reply=text.strip(), replied_at=timezone.now())
