"""The officers' pages: the queue of cases, and the form check with its findings and its one correction notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from communities.models import Community, District
from communities.sheets import PERMITS
from evaluation import carrying, checks, findings, snapshot, wording, work
from evaluation.models import Application, Finding, StageRule
from evaluation.permissions import can, may_see_queue, visible_to
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import whole
from evaluation.workflow import APPLICATION
from evaluation.workflow.case import STATES
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused

PAGE_SIZE = 25
# the number of a permit is held against its document, and found wrong, where its date is
NUMBERED = dict(PERMITS)
DECISIONS = ("accept", "request_correction", "refuse")


class QueueFilter(forms.Form):
    """What of the queue to show; an unknown choice filters nothing."""

    show = forms.ChoiceField(
        choices=[("mine", _("等我办理")), ("open", _("在办")), ("done", _("办结"))], required=False
    )
    q = forms.CharField(label=_("小区、案卷编号或单位"), max_length=60, required=False)
    state = forms.ChoiceField(label=_("环节"), required=False)
    stage = forms.ChoiceField(label=_("阶段"), required=False)
    district = forms.ChoiceField(label=_("区县"), required=False)
    programme = forms.ChoiceField(label=_("评价类别"), required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        everything = [("", _("全部"))]
        rules = list(_stage_rules())
        stages = {rule.stage: rule for rule in rules}
        states = [(code, name) for code, name in STATES.items() if code != "draft"]
        choices = {
            "state": states,
            "stage": [(code, rule.programme.standard.parsed.stage(code).name) for code, rule in stages.items()],
            "district": list(District.objects.values_list("code", "name")),
            "programme": list({rule.programme_id: rule.programme.name for rule in rules}.items()),
        }
        for name, known in choices.items():
            self.fields[name].choices = [*everything, *known]

    @property
    def shown(self) -> str:
        return self.cleaned_data.get("show") or "mine"


def _stage_rules() -> Any:
    rules = StageRule.objects.select_related("programme__standard").order_by("programme", "position")
    return rules.only("stage", "programme__name", "programme__standard__sha256")


@login_required
def queue(request: HttpRequest) -> HttpResponse:
    """The cases of my duties: what waits on me, what is open, what is done; one count and one page of rows."""
    if not may_see_queue(request.user):
        raise NotAllowed("queue")
    form = QueueFilter(request.GET)
    form.is_valid()
    rows = _queue_rows(request.user, form)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "cases": [(row, work.next_act(row), work.link_of(row)) for row in page],
        "narrowed": any(form.cleaned_data.get(name) for name in ("q", "state", "stage", "district", "programme")),
    }
    return render(request, "evaluation/queue.html", context)


def _queue_rows(user: User, form: QueueFilter) -> Any:
    rows: Any = work.to_act(user) if form.shown == "mine" else visible_to(user)
    rows = rows.exclude(state="draft")
    if form.shown == "open":
        rows = rows.open()
    elif form.shown == "done":
        rows = rows.done()
    asked = form.cleaned_data
    equal = {
        "state": asked.get("state"),
        "stage": asked.get("stage"),
        "project__community__district": asked.get("district"),
        "project__programme": asked.get("programme"),
    }
    rows = rows.filter(**{column: value for column, value in equal.items() if value}).search(asked.get("q", ""))
    return rows.for_lists().by_deadline()


# --- form check ---------------------------------------------------------------------------------------------------


class FindingForm(forms.Form):
    """One finding: where, what, and after the first notice why only now."""

    place = forms.ChoiceField(label=_("问题所在"))
    text = forms.CharField(label=_("问题与改正要求"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)
    late_reason = forms.CharField(label=_("首轮未提出的理由"), max_length=500, required=False)

    def __init__(self, application: Application, data: Any = None, place: str = "") -> None:
        super().__init__(data, initial={"place": place})
        groups: dict[str, list[tuple[str, str]]] = {}
        for (kind, code), label in findings.places(application).items():
            groups.setdefault(kind, []).append((f"{kind}:{code}", gettext(label)))
        names = {"data": _("基本信息"), "document": _("申报材料"), "item": _("条目")}
        self.fields["place"].choices = [("", _("请选择")), *((names[kind], rows) for kind, rows in groups.items())]
        if application.correction_round:
            self.fields["late_reason"].help_text = _("上一轮告知书未列出的位置须填写，并经监督员放行。")
        else:
            del self.fields["late_reason"]


def _application(request: HttpRequest, pk: int) -> Application:
    """The application, if this person sees it and its findings."""
    application = get_object_or_404(APPLICATION.visible_to(request.user), pk=pk)
    if not can(request.user, "see_findings", application):
        raise NotAllowed("see_findings")
    return application


@login_required
def form_check(request: HttpRequest, pk: int) -> HttpResponse:
    """What the rules found, the papers, the findings; accept, ask for the correction, or refuse."""
    application = _application(request, pk)
    acts = act_forms(request, APPLICATION, application, DECISIONS)
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, DECISIONS):
            return redirect(application)
        return _form_check_page(request, _application(request, pk), acts=acts, status=422)
    return _form_check_page(request, application, acts=acts)


def _form_check_page(
    request: HttpRequest,
    application: Application,
    acts: Mapping[str, Any] | None = None,
    finding_form: FindingForm | None = None,
    refused: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    user, sealed = request.user, snapshot.latest(application)
    if sealed is None:
        raise Http404
    before = application.submissions.filter(version=sealed.version - 1).first()
    rows = list(application.findings.filter(phase=Finding.Phase.FORM_CHECK).select_related("by", "released_by"))
    labels = findings.places(application)
    may_find = can(user, "find", application)
    context = {
        "application": application,
        "sealed": sealed,
        "acts": act_forms(request, APPLICATION, application, DECISIONS) if acts is None else acts,
        "links": [link for link in act_links(APPLICATION, application, user) if link[0].action not in DECISIONS],
        "may_find": may_find,
        "may_release": can(user, "release_finding", application),
        "form": finding_form or FindingForm(application, place=request.GET.get("place", "")),
        "sentences": [problem.text(gettext) for problem in refused.problems] if refused else [],
        "changes": wording.changes_in_words(application, before.data, sealed.data) if before else None,
        "compared": carrying.comparison(application, sealed.data, changed=True),
        "rules": _rules(application, sealed, rows),
        "unsent": [(row, labels.get((row.kind, row.place), row.place)) for row in rows if row.sent_at is None],
        "sent": [(row, labels.get((row.kind, row.place), row.place)) for row in rows if row.sent_at],
        "facts": _facts(application, sealed.data),
        "documents": _documents(application, sealed.data),
        "chapters": _chapters(application, sealed.data, sealed.checks or []),
    }
    return render(request, "evaluation/form_check.html", context, status=status)


def _rules(application: Application, sealed: Any, rows: list[Finding]) -> dict[str, list[Any]] | None:
    """Results of the automatic rules: those that found something first. None while the worker has not looked."""
    if sealed.checks is None:
        return None
    noted = {(row.rule, row.text) for row in rows if row.sent_at is None}
    known, named = findings.places(application), {(row.kind, row.place) for row in rows if row.sent_at}
    failed, passed = [], []
    for result in sealed.checks:
        problems = []
        for number, record in enumerate(result["problems"]):
            problem = Problem.from_record(record)
            new = not named.issuperset(findings.places_of(record, known, sealed.data))
            problems.append(
                {
                    "number": number,
                    "text": problem.text(gettext),
                    "late": new and bool(application.correction_round),
                    "noted": (result["rule"], problem.text()) in noted,
                }
            )
        row = {"rule": result["rule"], "label": result["label"], "problems": problems}
        (failed if problems else passed).append(row)
    return {"failed": failed, "passed": passed}


def _facts(application: Application, data: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Label, value and place of what the case says of itself, to be held against the documents."""
    level = wording.level_name(application.standard, data["project"]["target_level"])
    rows: list[tuple[str, Any, str]] = [(gettext("目标等级"), level, "data:target_level")]
    unit = data["organisation"]
    rows.append((gettext("申报单位"), gettext("%(name)s（%(credit_code)s）") % unit, "data:organisation"))
    for unit in snapshot.consultants_of(data):
        rows.append((gettext("咨询服务单位"), gettext("%(name)s（%(credit_code)s）") % unit, "data:organisation"))
    rows.append((gettext("区县"), data["community"]["district"], "data:community"))
    for name in snapshot.COMMUNITY_FIELDS:
        place = NUMBERED.get(name, name)
        place = place if place in findings.DATA_PLACES else "community"
        label = str(Community._meta.get_field(name).verbose_name)
        # A version that was sealed before a column was asked does not say it.
        rows.append((label, data["community"].get(name), f"data:{place}"))
    return rows


def _documents(application: Application, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "document": document,
            "files": data["documents"].get(document.code, []),
            "text": data["statements"].get(document.code, ""),
            "supplied": checks.is_supplied(document),
            "place": f"document:{document.code}",
        }
        for document in application.standard.stage(application.stage).documents
    ]


def _chapters(application: Application, data: Mapping[str, Any], checks: list[Any]) -> list[dict[str, Any]]:
    """Items by chapter with claim, note and evidence; a chapter in which a rule found something is open."""
    wrong = {problem["place"] for result in checks for problem in result["problems"]}
    proofs: dict[str, list[dict[str, Any]]] = {}
    for row in data["evidence"]:
        for code, page in row["items"].items():
            proofs.setdefault(code, []).append({**row, "page": page})
    chapters = []
    for chapter in application.standard.chapters:
        rows = []
        for item in chapter.items(application.stage):
            claim = data["claims"].get(item.code, {})
            rows.append(
                {
                    "item": item,
                    "claim": wording.mark_words(item, claim.get("value")),
                    "note": claim.get("note", ""),
                    "proofs": proofs.get(item.code, []),
                    "wrong": item.code in wrong,
                    "place": f"item:{item.code}",
                }
            )
        if rows:
            chapters.append({"chapter": chapter, "rows": rows, "wrong": sum(row["wrong"] for row in rows)})
    return chapters


@login_required
@require_POST
def finding_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Note one finding at a place."""
    application = _application(request, pk)
    form = FindingForm(application, request.POST)
    if form.is_valid():
        kind, _colon, place = form.cleaned_data["place"].partition(":")
        late_reason = form.cleaned_data.get("late_reason", "")
        try:
            findings.add_finding(request.user, application, kind, place, form.cleaned_data["text"], "", late_reason)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("form-check", args=[pk]) + "#findings")
    return _form_check_page(request, application, finding_form=form, status=422)


@login_required
@require_POST
def finding_take_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a finding of what an automatic rule found, in the rule's own words, with one click."""
    application = _application(request, pk)
    number = whole(request.POST.get("number"))
    index = -1 if number is None else number
    late_reason = request.POST.get("late_reason", "")
    try:
        findings.take_up(request.user, application, request.POST.get("rule", ""), index, late_reason)
    except Refused as refused:
        return _form_check_page(request, application, refused=refused, status=422)
    return redirect(reverse("form-check", args=[pk]) + "#rules")


def _finding(request: HttpRequest, pk: int) -> Finding:
    rows = Finding.objects.select_related("application__project__community", "application__project__standard")
    finding = get_object_or_404(rows.filter(application__in=visible_to(request.user)), pk=pk)
    if not can(request.user, "see_findings", finding.application):
        raise NotAllowed("see_findings")
    return finding


@login_required
@require_POST
def finding_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back a finding that has not been sent."""
    finding = _finding(request, pk)
    findings.remove_finding(request.user, finding)
    return redirect(reverse("form-check", args=[finding.application_id]) + "#findings")


@login_required
@require_POST
def finding_release(request: HttpRequest, pk: int) -> HttpResponse:
    """The supervisor lets a late finding into the notice."""
    finding = _finding(request, pk)
    findings.release_finding(request.user, finding)
    return redirect(reverse("form-check", args=[finding.application_id]) + "#findings")


@login_required
def correction_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """The notice of one round as PDF. What has not been sent yet is for officers; what was sent, for the parties too."""
    application = get_object_or_404(APPLICATION.visible_to(request.user), pk=pk)
    number = whole(request.GET.get("round")) or application.correction_round + 1
    right = "see_history" if 1 <= number <= application.correction_round else "see_findings"
    if not can(request.user, right, application):
        raise NotAllowed(right)
    if number == application.correction_round + 1 and not findings.unsent(application).exists():
        raise Http404
    if not 1 <= number <= application.correction_round + 1:
        raise Http404
    content = findings.correction_notice(application, number, timezone.localdate())
    name = gettext("一次性告知书") + f"-{application.project.number}-{number}.pdf"
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(False, name)
    return response
