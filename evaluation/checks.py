"""The form-check rules a machine can test (mission, "Form-check rules"): each a small function returning problems.

The same rules advise the applicant before submitting and run on the worker afterwards; officers see every result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.files.storage import default_storage
from django.utils import timezone

from communities import credit_code
from communities.sheets import PERMIT_DATES
from evaluation import renewing, scoring
from evaluation.models import Application, Certificate, Document, Evidence, GuidanceOpinion, GuidanceVisit
from evaluation.snapshot import counts, design_of, evidence_of
from evaluation.standard import NOT_APPLICABLE, Item, StageDocument
from portal import files
from portal.problems import Problem, Refused, gettext_noop


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule looks at: the application and the data of one version."""

    application: Application
    data: Mapping[str, Any]

    @property
    def items(self) -> tuple[Item, ...]:
        return self.application.standard.items(self.application.stage)

    @property
    def documents(self) -> tuple[StageDocument, ...]:
        return self.application.standard.stage(self.application.stage).documents

    def value(self, code: str) -> Any:
        return self.data["claims"].get(code, {}).get("value")

    def changed(self, code: str) -> bool:
        """Whether the mark is another than in the certified design."""
        return bool(self.data.get("comparison", {}).get(code, {}).get("changed"))

    def note(self, code: str) -> str:
        return self.data["claims"].get(code, {}).get("note", "")


def organisation_may_apply(look: Look) -> Iterator[Problem]:
    if not look.application.project.organisation.may_apply(timezone.localdate()):
        message = gettext_noop("单位尚未通过核验或正被限制申报。")
        yield Problem("organisation_may_not_apply", "organisation", message)


def credit_code_is_valid(look: Look) -> Iterator[Problem]:
    problem = credit_code.problem_of(look.data["organisation"]["credit_code"])
    if problem:
        yield problem


def no_other_case(look: Look) -> Iterator[Problem]:
    """No open case and no same or higher certificate for this community (its own earlier stage does not count).

    Near its end a certificate may be renewed or applied for anew, not both.
    """
    project = look.application.project
    others = Application.objects.open().filter(
        project__community=project.community, project__programme=project.programme
    )
    for other in others.exclude(project=project).select_related("project")[:3]:
        message = gettext_noop("该小区另有一件正在办理的案卷：%(number)s。")
        yield Problem("open_case", "community", message, {"number": other.project.number})
    held = Certificate.objects.filter(
        application__project__community=project.community,
        application__project__programme=project.programme,
        is_final=True,
        state="valid",
        valid_until__gte=timezone.localdate(),
        level__gte=look.data["project"]["target_level"],
    ).exclude(valid_until__lte=timezone.localdate() + timedelta(days=renewing.window_days()))
    for certificate in held[:1]:
        message = gettext_noop("该小区已持有同级或更高等级的有效证书：%(number)s。")
        yield Problem("certificate_held", "community", message, {"number": certificate.number})
    renewal = renewing.open_for(look.application)
    if renewal is not None and look.application.rule.is_final:
        message = gettext_noop("该小区证书的延续正在办理（%(number)s），两者只能办理一件；请先撤回延续申请。")
        yield Problem("renewal_open", "community", message, {"number": renewal.number})


def wanted_documents(look: Look) -> list[StageDocument]:
    """The documents that the applicant must hand in: required, and not supplied by the platform itself."""
    return [row for row in look.documents if row.required and not is_supplied(row)]


def is_supplied(document: StageDocument) -> bool:
    """Whether the platform itself puts this document into the case, so that nobody hands it in."""
    return set(document.forms) <= {"system", "shared_data"}


def missing_documents(look: Look) -> list[StageDocument]:
    """Those of them for which there is neither a file nor, where one may be typed, a text."""
    files_of, texts = look.data["documents"], look.data["statements"]
    return [
        row
        for row in wanted_documents(look)
        if not files_of.get(row.code) and not ("online" in row.forms and texts.get(row.code))
    ]


def documents_are_present(look: Look) -> Iterator[Problem]:
    for document in missing_documents(look):
        message = gettext_noop("缺少必交材料“%(name)s”，请上传或填写。")
        yield Problem("document_missing", document.code, message, {"name": document.name})


def files_are_readable(look: Look) -> Iterator[Problem]:
    """Open every file again on the worker: type by content, pages, decoding; a file damaged in storage is found too."""
    forms = {document.code: [form for form in document.forms if form in files.KINDS] for document in look.documents}
    for code, rows in look.data["documents"].items():
        yield from _unreadable(Document.objects.filter(pk__in=[row["id"] for row in rows]), code, forms.get(code, []))
    proofs = Evidence.objects.filter(pk__in=[row["id"] for row in look.data["evidence"]])
    yield from _unreadable(proofs, "evidence", files.EVIDENCE_KINDS)


def _unreadable(rows: Any, place: str, allowed: Any) -> Iterator[Problem]:
    for row in rows:
        try:
            with default_storage.open(row.file.name) as stream:
                files.inspect(stream, row.file.name, allowed=tuple(allowed), max_bytes=max(row.size, 1))
        except Refused as refused:
            for problem in refused.problems:
                message = gettext_noop("“%(name)s”无法读取：%(why)s")
                yield Problem("unreadable", place, message, {"name": row.name, "why": problem.text()})
        except OSError:
            message = gettext_noop("“%(name)s”在存储中找不到，请重新上传。")
            yield Problem("file_lost", place, message, {"name": row.name})


def files_are_not_used_elsewhere(look: Look) -> Iterator[Problem]:
    """A hash that stands in another project's case is suspicious whoever uploaded it."""
    hashes = {row["sha256"]: (code, row["name"]) for code, rows in look.data["documents"].items() for row in rows}
    hashes |= {row["sha256"]: ("evidence", row["name"]) for row in look.data["evidence"]}
    for model in (Document, Evidence):
        used = model.objects.filter(sha256__in=hashes, removed_at=None).exclude(
            application__project=look.application.project_id
        )
        for sha256 in used.values_list("sha256", flat=True).distinct():
            place, name = hashes[sha256]
            message = gettext_noop("“%(name)s”与其他案卷提交的文件完全相同，请说明或更换。")
            yield Problem("file_reused", place, message, {"name": name})


def every_item_is_claimed(look: Look) -> Iterator[Problem]:
    standard = look.application.standard
    for item in look.items:
        value = look.value(item.code)
        if value is None:
            message = gettext_noop("条目%(code)s %(name)s尚未自评。")
            yield Problem("claim_missing", item.code, message, {"code": item.code, "name": item.name})
        elif problem := standard.check_mark(item, value):
            yield problem


def reason_is_missing(value: Any, note: str) -> bool:
    """Whether an item is said not to be applicable, and not why."""
    return value == NOT_APPLICABLE and not note


def not_applicable_has_a_reason(look: Look) -> Iterator[Problem]:
    for item in look.items:
        if reason_is_missing(look.value(item.code), look.note(item.code)):
            message = gettext_noop("条目%(code)s自评为“不适用”，请写明理由。")
            yield Problem("reason_missing", item.code, message, {"code": item.code})


def is_won(value: Any) -> bool:
    """A mark that claims something and hence needs a proof: met, or more than 0 points."""
    if isinstance(value, bool):
        return value
    return value not in (None, NOT_APPLICABLE) and value != 0


def won_items(look: Look) -> list[Item]:
    """The items that claim something."""
    return [item for item in look.items if is_won(look.value(item.code))]


def unproved_items(look: Look) -> list[Item]:
    """The items that claim something without a proof of a kind that the standard allows for them."""
    proofs: dict[str, set[str]] = {}
    for row in look.data["evidence"]:
        for code in row["items"]:
            if counts(look.data, row, code):
                proofs.setdefault(code, set()).add(row["evidence_kind"])
    stage = look.application.stage
    return [item for item in won_items(look) if not proofs.get(item.code, set()) & set(item.evidence.get(stage, ()))]


def won_items_are_proved(look: Look) -> Iterator[Problem]:
    kinds = look.application.standard.enums["evidence"]
    for item in unproved_items(look):
        allowed = item.evidence.get(look.application.stage, ())
        message = gettext_noop("条目%(code)s %(name)s没有合适的佐证，可用：%(kinds)s。")
        labels = "；".join(kinds[kind] for kind in allowed)
        if any(row.get("carried") for row in evidence_of(look.data, item.code)) and look.changed(item.code):
            message = gettext_noop(
                "条目%(code)s %(name)s的自评与设计评价不同，沿用的佐证不再作数，请补充本阶段的佐证：%(kinds)s。"
            )
        yield Problem("proof_missing", item.code, message, {"code": item.code, "name": item.name, "kinds": labels})


def control_items_are_met(look: Look) -> Iterator[Problem]:
    target = look.data["project"]["target_level"]
    for item in look.items:
        binding = item.from_level is None or item.from_level <= target
        if item.kind == "control" and binding and look.value(item.code) is False:
            message = gettext_noop("控制项%(code)s %(name)s自评为不满足，达不到目标等级。")
            yield Problem("control_failed", item.code, message, {"code": item.code, "name": item.name})


def self_score(look: Look) -> scoring.Result | None:
    """The applicant's own result, or None while the sheet is incomplete or illegal."""
    marks = {item.code: look.value(item.code) for item in look.items}
    sheet = scoring.Sheet(scorer="self", leader=True, marks=marks)
    try:
        return scoring.evaluate(look.application.standard, look.application.stage, [sheet], panel=False)
    except Refused:
        return None


def self_score_reaches_the_target(look: Look) -> Iterator[Problem]:
    result = self_score(look)
    target = look.data["project"]["target_level"]
    if result is not None and result.level < target:
        names = {entry.level: entry.name for entry in look.application.standard.levels}
        message = gettext_noop("自评总分 %(total)s，预计等级为“%(level)s”，低于目标“%(target)s”。")
        values = {"total": result.as_json()["total"] or "—", "level": result.level_name, "target": names[target]}
        yield Problem("target_missed", "target_level", message, values)


def needed_dates(application: Application) -> tuple[str, ...]:
    """The permit dates without which a stage is not judged, in the order of the permits."""
    late = ("construction_permit_on", "completed_on")
    return ("planning_permit_on", "drawing_review_on", *(late if application.rule.is_final else ()))


def permit_dates_are_in_order(look: Look) -> Iterator[Problem]:
    """planning < drawing review < construction permit < completion: those of the stage are there, all given in order."""
    dates = look.data["community"]
    for name in needed_dates(look.application):
        if not dates[name]:
            yield Problem("date_missing", name, gettext_noop("请填写该日期。"))
    known = [(dates[name], name) for name in PERMIT_DATES if dates[name]]
    for (earlier, _), (later, name) in zip(known, known[1:], strict=False):
        if later <= earlier:
            message = gettext_noop("%(later)s应晚于前一证照的日期%(earlier)s。")
            yield Problem("date_order", name, message, {"later": later, "earlier": earlier})


def earlier_certificate_is_held(look: Look) -> Iterator[Problem]:
    needed = look.application.rule.needs_certificate_of
    if not needed:
        return
    project = look.application.project
    held = Certificate.objects.filter(application__project=project, application__stage=needed, state="valid")
    if not held.filter(valid_until__gte=timezone.localdate()).exists():
        message = gettext_noop("须先取得有效的“%(stage)s”结论。")
        yield Problem("certificate_missing", "project", message, {"stage": project.standard.parsed.stage(needed).name})


def guidance_is_closed(look: Look) -> Iterator[Problem]:
    if not look.application.rule.needs_guidance_closed:
        return
    project = look.application.project
    visits = GuidanceVisit.objects.filter(project=project).exclude(state="cancelled")
    done = set(visits.filter(state="closed").values_list("node", flat=True))
    for code, name in project.programme.guidance_nodes:
        if code not in done:
            message = gettext_noop("过程指导“%(name)s”尚未办结。")
            yield Problem("guidance_open", "guidance", message, {"name": name})
    for opinion in GuidanceOpinion.objects.filter(visit__in=visits).exclude(state__in=("closed", "noted")):
        message = gettext_noop("指导意见“%(text)s”尚未办结。")
        yield Problem("opinion_open", "guidance", message, {"text": opinion.text[:40]})


def earlier_claims(application: Application) -> Mapping[str, Any]:
    """What the certified earlier stage claimed, item code -> mark: what differences are measured against."""
    sealed = design_of(application)
    claims = sealed.data["claims"] if sealed else {}
    return {code: claim["value"] for code, claim in claims.items() if claim["value"] is not None}


def difference_is_unanswered(before: Mapping[str, Any], code: str, value: Any, note: str) -> bool:
    """Whether an item is claimed otherwise than in the certified design (``earlier_claims``), and not why."""
    return code in before and before[code] != value and not note


def differences_to_the_design_are_answered(look: Look) -> Iterator[Problem]:
    """An item claimed otherwise than in the certified design needs words."""
    before = earlier_claims(look.application)
    for item in look.items:
        if difference_is_unanswered(before, item.code, look.value(item.code), look.note(item.code)):
            message = gettext_noop("条目%(code)s的自评与设计评价不同，请在说明中写明差异原因。")
            yield Problem("difference_unanswered", item.code, message, {"code": item.code})


Rule = tuple[str, str, Callable[[Look], Iterator[Problem]]]
# code, what is tested in words, function
RULES: tuple[Rule, ...] = (
    ("organisation_may_apply", gettext_noop("申报单位有效且未被限制申报"), organisation_may_apply),
    ("credit_code_is_valid", gettext_noop("统一社会信用代码有效"), credit_code_is_valid),
    ("no_other_case", gettext_noop("该小区没有其他在办案卷或同级证书"), no_other_case),
    ("documents_are_present", gettext_noop("必交材料齐全"), documents_are_present),
    ("files_are_readable", gettext_noop("文件类型正确、可以打开"), files_are_readable),
    ("files_are_not_used_elsewhere", gettext_noop("文件未用于其他案卷"), files_are_not_used_elsewhere),
    ("every_item_is_claimed", gettext_noop("每个适用条目均已合规自评"), every_item_is_claimed),
    ("not_applicable_has_a_reason", gettext_noop("不适用条目均有理由"), not_applicable_has_a_reason),
    ("won_items_are_proved", gettext_noop("得分条目均有合适的佐证"), won_items_are_proved),
    ("control_items_are_met", gettext_noop("控制项均满足"), control_items_are_met),
    ("self_score_reaches_the_target", gettext_noop("自评达到目标等级"), self_score_reaches_the_target),
    ("permit_dates_are_in_order", gettext_noop("证照日期齐全、顺序正确"), permit_dates_are_in_order),
    ("earlier_certificate_is_held", gettext_noop("前一阶段结论有效"), earlier_certificate_is_held),
    ("guidance_is_closed", gettext_noop("过程指导意见已办结"), guidance_is_closed),
    ("differences_to_the_design_are_answered", gettext_noop("与设计评价的差异已逐条说明"),
     differences_to_the_design_are_answered),
)  # fmt: skip


def run(application: Application, data: Mapping[str, Any], *, files_too: bool = True) -> list[dict[str, Any]]:
    """Apply every rule to one version; return [{"rule", "label", "problems": [Problem.as_record()]}].

    ``files_too=False`` leaves out opening every file again, as ``left_to_the_worker`` says: for advice while typing.
    """
    look = Look(application, data)
    return [
        {"rule": code, "label": label, "problems": [problem.as_record() for problem in rule(look)]}
        for code, label, rule in RULES
        if files_too or rule is not files_are_readable
    ]


def left_to_the_worker() -> list[str]:
    """The rules, in words to be translated, that are applied only once an application has been handed in."""
    return [label for _code, label, rule in RULES if rule is files_are_readable]
