"""What an applicant does: a community, a project, an application with its documents, self-score and evidence.

Hides which file proves which item: few files are made, each attached to many items at its pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from django.utils import timezone

from communities import sheets
from communities.models import District, Organisation
from evaluation import engaging, filing, findings
from evaluation.models import Application, Programme, Project
from evaluation.proofs import add_document, add_evidence, link_evidence, remove_document
from evaluation.snapshot import latest
from evaluation.standard import StageDocument, Standard
from portal.demo import marks, names, papers, people, places
from portal.models import User

PAGES = 4
# words of the standards for evidence that are photos or tables; every other word is a PDF
PHOTOS = ("photo", "site")
TABLES = ("table", "log", "survey")


def open_project(
    unit: Organisation, number: int, district: District, target_level: int, consultant: Organisation | None = None
) -> Project:
    """Register the ``number``-th invented community for ``unit`` and open its project."""
    random = names.chance("community", number)
    applicant = people.administrator_of(unit)
    today = timezone.localdate()
    buildings = random.randint(4, 24)
    community = sheets.register_community(
        applicant,
        unit,
        {
            "name": names.community(number),
            "district": district,
            "address": f"示例大道{number}号",
            "floor_area": buildings * random.randint(6000, 14000),
            "households": buildings * random.randint(40, 130),
            "buildings": buildings,
            **places.data_sheet(number, district, buildings),
            "planning_permit_on": today - timedelta(days=random.randint(900, 1000)),
            "drawing_review_on": today - timedelta(days=random.randint(700, 800)),
            "construction_permit_on": today - timedelta(days=random.randint(500, 600)),
            "is_another": True,  # in the small districts invented communities lie close together
        },
    )
    programme = Programme.objects.get(pk="smart_community")
    project = filing.open_project(applicant, community, programme, target_level)
    if consultant is not None:
        offer = engaging.offer(applicant, project, consultant.credit_code, "协助自评、整理佐证材料")
        engaging.accept(engaging.administrators_of(consultant).earliest("pk"), offer)
    return project


def open_application(project: Project, stage: str) -> Application:
    """Open the draft of a stage."""
    return filing.open_application(people.applicant_of(project), project, stage)


def fill(application: Application, random: Random) -> None:
    """Fill in a draft so that it passes every automatic rule and reaches the project's target level."""
    project = application.project
    by = people.applicant_of(project)
    if application.rule.is_final:
        finished: dict[str, date | None] = {
            "completed_on": timezone.localdate() - timedelta(days=random.randint(20, 60))
        }
        filing.save_case_data(by, application, project.target_level, finished)
        project.community.refresh_from_db()
    for document in application.standard.stage(application.stage).documents:
        hand_in(by, application, document)
    claimed = marks.self_marks(application.standard, application.stage, project.target_level, random)
    claim(by, application, claimed)
    prove(by, application, claimed)


def label(application: Application) -> str:
    """What is printed on every page of a case, so that no two files are equal."""
    return f"{application.project.number} {application.stage_name}"


def hand_in(by: User, application: Application, document: StageDocument) -> None:
    """One document in the first of its forms that we can make."""
    forms = set(document.forms)
    title = f"{document.code} {document.name}"
    if "online" in forms:
        text = (
            f"示例：{application.project.community.name}《{document.name}》。本段文字为演示内容，不对应任何真实项目。"
        )
        filing.save_statement(by, application, document.code, text)
    elif "pdf" in forms:
        add_document(by, application, document.code, papers.pdf(title, label(application), pages=2))
    elif "xlsx" in forms:
        add_document(by, application, document.code, papers.table(title, label(application)))
    elif "jpg" in forms:
        add_document(by, application, document.code, papers.photo(title, label(application)))


def claim(by: User, application: Application, claimed: Mapping[str, Any]) -> None:
    """The self-score; a difference to the certified design is explained."""
    before = _design_claims(application)
    standard = application.standard
    for code, value in claimed.items():
        item = standard.item(code)
        note = f"示例：{item.not_applicable}。" if value == "na" else ""
        if code in before and before[code] != value:
            note = f"示例：施工中按深化设计调整，自评由{_words(before[code])}改为{_words(value)}。"
        filing.save_claim(by, application, code, value, note)


def _words(value: Any) -> str:
    return {"True": "满足", "False": "不满足", "na": "不适用"}.get(str(value), str(value))


def _design_claims(application: Application) -> dict[str, Any]:
    needed = application.rule.needs_certificate_of
    earlier = needed and application.project.applications.filter(stage=needed, state="certified").first()
    sealed = earlier and latest(earlier)
    return {code: row["value"] for code, row in sealed.data["claims"].items()} if sealed else {}


def prove(by: User, application: Application, claimed: Mapping[str, Any]) -> None:
    """Evidence for every item that is won: one file for each kind of proof, each item at its own page."""
    for kind, codes in proofs(application.standard, application.stage, claimed).items():
        name = application.standard.enums["evidence"][kind]
        upload = proof(kind, name, label(application))
        pages = PAGES if kind not in (*PHOTOS, *TABLES) else 1
        by_page: dict[int, list[str]] = {}
        for position, code in enumerate(codes):
            by_page.setdefault(position * pages // len(codes) + 1, []).append(code)
        evidence = add_evidence(by, application, kind, upload, by_page.pop(1), caption=name, page=1)
        for page, more in by_page.items():
            for code in more:
                link_evidence(by, evidence, code, page)


def proof(kind: str, title: str, text: str) -> Any:
    """An upload of the type that this kind of evidence usually is."""
    if kind in PHOTOS:
        return papers.photo(title, text)
    if kind in TABLES:
        return papers.table(title, text)
    return papers.pdf(title, text, pages=PAGES)


def proofs(standard: Standard, stage: str, claimed: Mapping[str, Any]) -> dict[str, list[str]]:
    """Kind of evidence -> items it proves, every won item once, with few kinds."""
    open_items = {
        code: standard.item(code).evidence[stage] for code, value in claimed.items() if value not in (0, False, "na")
    }
    chosen: dict[str, list[str]] = {}
    while open_items:
        counts: dict[str, int] = {}
        for kinds in open_items.values():
            for kind in kinds:
                counts[kind] = counts.get(kind, 0) + 1
        best = max(sorted(counts), key=counts.__getitem__)
        chosen[best] = [code for code, kinds in open_items.items() if best in kinds]
        open_items = {code: kinds for code, kinds in open_items.items() if best not in kinds}
    return chosen


def mend(application: Application) -> None:
    """Answer every open finding, and change what it names, so that the next version differs from the last."""
    by = people.applicant_of(application.project)
    for finding in filing.open_findings(application):
        text = f"{label(application)} 第{application.version + 1}版 {finding.place}"
        if finding.kind == "document":
            _replace_document(by, application, finding.place, text)
        elif finding.kind == "item":
            _add_proof(by, application, finding.place, text)
        findings.reply(by, finding, "示例：已按要求更换材料并补充说明。")


def _replace_document(by: User, application: Application, code: str, text: str) -> None:
    documents = {document.code: document for document in application.standard.stage(application.stage).documents}
    if "online" in documents[code].forms:
        filing.save_statement(by, application, code, f"示例：{text}，已补正。")
        return
    for old in application.documents.filter(code=code, removed_at=None):
        remove_document(by, old)
    add_document(by, application, code, papers.pdf(f"{code} 补正", text, pages=2))


def _add_proof(by: User, application: Application, code: str, text: str) -> None:
    kind = application.standard.item(code).evidence[application.stage][0]
    add_evidence(by, application, kind, proof(kind, "补充佐证", text), [code], caption="补充佐证")
