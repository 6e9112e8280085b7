"""Filing: the overview of one application, its documents, and handing it in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import (
    archive,
    asking,
    carrying,
    checks,
    decision_receipts,
    drawing,
    expecting,
    filing,
    handling,
    issuing,
    journey,
    proofs,
    site_paper,
    snapshot,
)
from evaluation.merging import seen_text
from evaluation.models import Application, Certificate, Statement
from evaluation.papers import data_for, documents_for
from evaluation.permissions import APPLICANTS, OFFICERS, can, can_see_sheets, roles_of
from evaluation.progress import forecast
from evaluation.views.coming import coming
from evaluation.views.completing import next_step, parts_of, proof_address
from evaluation.views.framing import (
    SUBMITS,
    address_of,
    fetch,
    findings_open,
    frame,
    places_open,
    refused_json,
    saved_json,
    submit_act,
    wants_json,
    whole,
)
from evaluation.views.overtaken import decide, seen_in, taken_json, typed_in
from evaluation.wording import document_title, level_name
from evaluation.workflow import APPLICATION
from portal import files
from portal.attachments import largest_words
from portal.forms import act_links
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Changed, Problem, Refused, gettext_noop


@login_required
def application(request: HttpRequest, pk: int) -> HttpResponse:
    """One application: where it stands, how complete it is, what comes next."""
    row = fetch(request, pk)
    data = data_for(request.user, row)
    edits = can(request.user, "edit", row)
    advice = _advice(row, checks.run(row, data, files_too=False)) if edits else []
    sealed = snapshot.latest(row)
    parts, together = parts_of(row, data)
    accepted, roles = drawing.accepted([row]), roles_of(request.user, row)
    context = {
        **frame(request, row, "application"),
        "data": data,
        "consultants": snapshot.consultants_of(data),
        "target_name": level_name(row.standard, data["project"]["target_level"]),
        "steps": journey.application_steps(row, row.rule, Event.objects.of(row), accepted),
        "holder": journey.holder_role(row),
        "answers": journey.answers_words(row, accepted),
        "acts": act_links(APPLICATION, row, request.user),
        "parts": parts,
        "whole": together,
        "next_step": next_step(row, parts) if edits else None,
        "expectation": expecting.expectation(row) if roles & APPLICANTS else "",
        "handler": handling.handler_name(row) if roles & (OFFICERS | {"district_officer"}) else "",
        "among_officers": _among_officers(row, roles),
        "forecast": forecast(row, data["claims"], data["project"]["target_level"]),
        "concealed": len(data.get("concealed", ())),
        "advice": advice,
        "open_problems": sum(len(found) for _label, found in advice),
        "sealed": sealed,
        "carry_offered": edits and carrying.is_offered(row),
        "certificate": row.certificate,
        "places": _other_pages(request, row),
        "questions": asking.questions_of(request.user, row) if row.version else (),
        "notices": issuing.notices_of(request.user, row) if row.version else (),
        "visit_paper": site_paper.listed(request.user, row) if row.version else None,
    }
    return render(request, "evaluation/application.html", context)


def _among_officers(row: Application, roles: frozenset[str]) -> list[tuple[str, str]]:
    """Giving the case to a colleague, and reminding its holder: (address, name) of what is open to these roles."""
    found = ((action, APPLICATION.find(row, action, roles)) for action in ("assign", "remind"))
    return [(reverse("act", args=["application", row.pk, action]), str(one[0].label)) for action, one in found if one]


def _other_pages(request: HttpRequest, row: Application) -> list[tuple[str, str]]:
    """Pages of the officers and the panel about this application that this person may open: (address, name)."""
    begun = row.assignments.filter(review_round=row.review_round).exists()
    found = [
        (can(request.user, "see_findings", row) and bool(row.version), "form-check", _("形式审查")),
        (can(request.user, "see_draw", row) and row.state in DRAWING | IN_REVIEW | DECIDED, "draw", _("专家抽取")),
        (can(request.user, "see_panel", row) and begun, "panel", _("评审汇总")),
        (row.site_visits.exists(), "site-visit", _("现场核查")),
        (can_see_sheets(request.user, row) and row.state in DECIDED, "approval", _("审定")),
        (can(request.user, decision_receipts.RIGHT, row), "decision", _("结果凭证")),
        (can(request.user, "see_deliveries", row) and bool(row.version), "application-messages", _("消息送达")),
    ]
    return [(reverse(name, args=[row.pk]), label) for allowed, name, label in found if allowed]


DRAWING = {"drawing", "cosigning", "revealing", "inviting"}
IN_REVIEW = {"site_visit", "review", "tallying", "deliberation", "revision", "revision_check"}
DECIDED = {"approval", "notice", "certifying", "certified", "not_passed"}


def _advice(row: Application, results: list[dict[str, Any]]) -> list[tuple[str, list[tuple[Problem, str]]]]:
    """Rules that found something: (rule in words, [(problem, address where it is mended)])."""
    found = []
    for result in results:
        problems = [Problem.from_record(record) for record in result["problems"]]
        if problems:
            found.append((gettext(result["label"]), [(one, _mended_at(row, one)) for one in problems]))
    return found


def _mended_at(row: Application, problem: Problem) -> str:
    """A proof that is missing is mended where proofs are chosen, everything else at its place."""
    where = proof_address if problem.code == "proof_missing" else address_of
    return where(row, problem.place)


# --- documents ----------------------------------------------------------------------------------------------------


@login_required
def application_documents(request: HttpRequest, pk: int) -> HttpResponse:
    """Every document of the stage: a text, files, or what the platform supplies itself."""
    return _documents_page(request, fetch(request, pk))


def _documents_page(
    request: HttpRequest, row: Application, code: str = "", problems: list[Problem] | None = None, typed: str = ""
) -> HttpResponse:
    """The page; ``problems`` stand beside document ``code``, whose text is shown as ``typed``."""
    data, places = data_for(request.user, row), places_open(request, row)
    kept = {statement.code: statement for statement in row.statements.all()}
    removed: dict[str, list[Any]] = {}
    if places.everything or places.places:
        for file in row.documents.exclude(removed_at=None).order_by("-removed_at"):
            removed.setdefault(file.code, []).append(file)
    noted: dict[str, list[str]] = {}
    for finding in findings_open(row, "document"):
        noted.setdefault(finding.place, []).append(finding.text)
    on_their_way = coming(row, "document") if places.everything or places.places else []
    rows = [
        {
            "document": document,
            "coming": [upload for upload in on_their_way if upload.details.get("code") == document.code],
            "online": "online" in document.forms,
            "accept": files.accept_attribute(document.forms),
            "labels": [files.KINDS[form].label for form in document.forms if form in files.KINDS],
            "text": typed if document.code == code and typed else data["statements"].get(document.code, ""),
            "saved": data["statements"].get(document.code, "") if document.code == code and typed else "",
            "seen": seen_text(filing.kept_values(kept.get(document.code), Statement)),
            "files": data["documents"].get(document.code, []),
            "removed": removed.get(document.code, []) if places.document(document.code) else [],
            "open": places.document(document.code),
            "noted": noted.get(document.code, []),
            "problems": problems if document.code == code else [],
            "supplied": _supplied(row, document.forms),
            "largest": largest_words([form for form in document.forms if form in files.KINDS]),
        }
        for document in row.standard.stage(row.stage).documents
    ]
    for each in rows:
        each["there"] = bool(each["files"] or each["text"] or each["supplied"])
    context = {**frame(request, row, "application-documents"), "rows": rows}
    return render(request, "evaluation/application_documents.html", context, status=422 if problems else 200)


def _supplied(row: Application, forms: tuple[str, ...]) -> str:
    """What the platform itself puts in place of a file, in words; "" where the applicant hands something in."""
    if not set(forms) <= {"system", "shared_data"}:
        return ""
    if "shared_data" in forms:
        unit = row.project.organisation
        return _("%(name)s，统一社会信用代码 %(code)s") % {"name": unit.name, "code": unit.credit_code}
    needed = row.rule.needs_certificate_of
    held = Certificate.objects.filter(
        application__project=row.project, application__stage=needed, state="valid"
    ).first()
    return str(held) if held else _("由平台自动提供，尚无内容")


@login_required
@require_POST
def statement_save(request: HttpRequest, pk: int, code: str) -> HttpResponse:
    """Keep the text of one online document: by a script as one types, or by its form."""
    row, typed = fetch(request, pk), typed_in(request)
    text = typed.get("text", "")
    try:
        statement = filing.save_statement(
            request.user, row, code, text, whole(typed.get("revision")), seen=seen_in(typed)
        )
    except Refused as refused:
        if wants_json(request):
            return refused_json(refused.problems, **refused.now)
        if isinstance(refused, Changed):
            title, address = document_title(row.standard, row.stage, code), reverse("statement-save", args=[pk, code])
            return decide(request, row, title, address, refused, lambda name, value: value, "application-documents")
        return _documents_page(request, row, code, list(refused.problems), text)
    if wants_json(request):
        kept = filing.kept_values(statement, Statement)
        drawn = {f"state-of-{code}": _drawn_state(row, statement)}
        return saved_json(statement.revision, seen=seen_text(kept), drawn=drawn, **taken_json(statement.taken, kept))
    messages.success(request, _("已保存。"))
    return redirect(f"{reverse('application-documents', args=[row.pk])}#document-{code}")


def _drawn_state(row: Application, statement: Statement) -> str:
    """The tags of a document whose text has just been saved."""
    documents = row.standard.stage(row.stage).documents
    document = next(document for document in documents if document.code == statement.code)
    there = bool(statement.text) or row.documents.filter(code=statement.code, removed_at=None).exists()
    context = {"row": {"document": document, "open": True, "there": there}, "edits": True}
    return render_to_string("evaluation/_document_state.html", context)


@login_required
def application_print(request: HttpRequest, pk: int) -> HttpResponse:
    """The present content on paper, for whoever fills it in; what was handed in is printed from its archive."""
    row = fetch(request, pk)
    if not can(request.user, "edit", row):
        raise NotAllowed("edit")
    response = HttpResponse(archive.draft_pdf(row), content_type="application/pdf")
    name = f"{row.project.number}-{row.stage_name}.pdf"
    response["Content-Disposition"] = content_disposition_header(True, files.display_name(name))
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_POST
def document_add(request: HttpRequest, pk: int, code: str) -> HttpResponse:
    """Add files to one document; each that cannot be taken is named beside it with its reason."""
    row = fetch(request, pk)
    problems: list[Problem] = []
    uploads = request.FILES.getlist("files")
    if not uploads:
        problems.append(Problem("required", code, gettext_noop("请先选择文件。")))
    for upload in uploads:
        try:
            proofs.add_document(request.user, row, code, upload)
        except Refused as refused:
            problems += refused.problems
    if wants_json(request):
        return refused_json(problems) if problems else saved_json(0)
    if problems:
        return _documents_page(request, row, code, problems)
    messages.success(request, _("已上传 %(count)s 个文件。") % {"count": len(uploads)})
    return redirect(f"{reverse('application-documents', args=[row.pk])}#document-{code}")


@login_required
@require_POST
def document_remove(request: HttpRequest, pk: int, restore: bool = False) -> HttpResponse:
    """Take one file out, or back in: removing needs no "are you sure"."""
    document = get_object_or_404(documents_for(request.user), pk=pk)
    row = fetch(request, document.application_id)
    document.application = row
    try:
        (proofs.restore_document if restore else proofs.remove_document)(request.user, document)
    except Refused as refused:
        return _documents_page(request, row, document.code, list(refused.problems))
    words = _("已恢复“%(name)s”。") if restore else _("已移除“%(name)s”，可在该材料下恢复。")
    messages.success(request, words % {"name": document.name})
    return redirect(f"{reverse('application-documents', args=[row.pk])}#document-{document.code}")


# --- handing in ---------------------------------------------------------------------------------------------------


@login_required
def application_submit(request: HttpRequest, pk: int) -> HttpResponse:
    """What the automatic rules would find, with links to where it is mended; then hand the application in."""
    row = fetch(request, pk)
    sentences: list[Problem] = []
    if request.method == "POST":
        action = request.POST.get("action", "")
        if action not in SUBMITS:
            raise Http404
        try:
            APPLICATION.perform(row, action, by=request.user)
        except Refused as refused:
            sentences = list(refused.problems)
        else:
            messages.success(request, _("已提交，封存为第 %(version)s 版。") % {"version": row.version})
            return redirect(row)
    if not can(request.user, "edit", row):
        raise NotAllowed("submit")
    data = snapshot.build(row)
    results = checks.run(row, data, files_too=False)
    context = {
        **frame(request, row, "application-submit"),
        "act": submit_act(request, row),
        "unanswered": sum(not finding.reply for finding in findings_open(row)),
        "advice": _advice(row, results),
        "passed": [gettext(result["label"]) for result in results if not result["problems"]],
        "later": [gettext(label) for label in checks.left_to_the_worker()],
        "problems": [(problem, address_of(row, problem.place)) for problem in sentences],
        "forecast": forecast(row, data["claims"], row.project.target_level),
        "target_name": level_name(row.standard, row.project.target_level),
    }
    return render(request, "evaluation/application_submit.html", context, status=422 if sentences else 200)
