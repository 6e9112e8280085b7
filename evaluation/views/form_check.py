"""The form check: what the rules found and what becomes of it, the papers, the findings with ready phrases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from communities.models import Community
from communities.sheets import PERMITS
from evaluation import carrying, checks, findings, issuing, phrases, ruling, snapshot, wording
from evaluation.findings import Late
from evaluation.models import Application, Finding, LateCode, RuleOverride
from evaluation.permissions import can, can_city, visible_to
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import whole
from evaluation.workflow import APPLICATION
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.problems import Problem, Refused

# the number of a permit is held against its document, and found wrong, where its date is
NUMBERED = dict(PERMITS)
DECISIONS = ("accept", "request_correction", "refuse")
# section of a snapshot -> kind of place that a change in it touches
CHANGED = {"statements": "document", "documents": "document", "claims": "item", "evidence": "item"}


class FindingForm(forms.Form):
    """One finding: where, what, and after the first notice why only now."""

    place = forms.ChoiceField(label=_("问题所在"))
    text = forms.CharField(
        label=_("问题与改正要求"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000,
        help_text=_("写明哪里不对、怎样改正；申报单位看到的就是这段文字。"),
    )  # fmt: skip
    late_code = forms.ChoiceField(label=_("首轮未提出的理由"), required=False)
    late_reason = forms.CharField(label=_("理由说明"), max_length=500, required=False)

    def __init__(self, application: Application, data: Any = None, place: str = "") -> None:
        super().__init__(data, initial={"place": place})
        groups: dict[str, list[tuple[str, str]]] = {}
        for (kind, code), label in findings.places(application).items():
            groups.setdefault(kind, []).append((f"{kind}:{code}", gettext(label)))
        names = {"data": _("基本信息"), "document": _("申报材料"), "item": _("条目")}
        self.fields["place"].choices = [("", _("请选择")), *((names[kind], rows) for kind, rows in groups.items())]
        if application.correction_round:
            self.fields["late_code"].choices = [("", _("不是新增问题")), *late_codes()]
            self.fields["late_code"].help_text = _("上一轮告知书未列出的位置须选择理由，并经监督员放行。")
        else:
            del self.fields["late_code"], self.fields["late_reason"]

    @property
    def late(self) -> Late:
        return Late(self.cleaned_data.get("late_code", ""), self.cleaned_data.get("late_reason", ""))


def late_codes() -> list[tuple[str, str]]:
    """Reasons for a finding that comes only after the first notice, as a form offers them."""
    rows = LateCode.objects.in_use()
    return [(row.code, gettext(row.label) + (gettext("（须说明）") if row.needs_words else "")) for row in rows]


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
    focus = _focus(application, before, sealed, rows) if request.GET.get("show") != "all" else None
    form = finding_form or FindingForm(application, place=request.GET.get("place", ""))
    context = {
        "application": application,
        "sealed": sealed,
        "acts": act_forms(request, APPLICATION, application, DECISIONS) if acts is None else acts,
        "links": [link for link in act_links(APPLICATION, application, user) if link[0].action not in DECISIONS],
        "form": form,
        "sentences": [problem.text(gettext) for problem in refused.problems] if refused else [],
        "changes": wording.changes_in_words(application, before.data, sealed.data) if before else None,
        "compared": carrying.comparison(application, sealed.data, changed=True),
        "rules": _rules(application, sealed, rows),
        "focused": focus is not None,
        "facts": [row for row in _facts(application, sealed.data) if focus is None or row[2] in focus],
        "documents": [row for row in _documents(application, sealed.data) if focus is None or row["place"] in focus],
        "chapters": _chapters(application, sealed.data, sealed.checks or [], focus),
        "notices": issuing.notices_of(user, application),
        **_rights(request, application, form),
        **_sorted(application, rows),
    }
    return render(request, "evaluation/form_check.html", context, status=status)


def _rights(request: HttpRequest, application: Application, form: FindingForm) -> dict[str, Any]:
    """What this person may do here, and the ready phrases that fit the chosen place."""
    user, may_find = request.user, can(request.user, "find", application)
    kind = str(form["place"].value() or "").partition(":")[0]
    return {
        "may_find": may_find,
        "may_override": can(user, "override_rule", application),
        "may_release": can(user, "release_finding", application),
        "may_stand_back": can_city(user, "declare_conflict"),
        "may_count_late": can_city(user, "see_late_findings"),
        "phrases": phrases.phrases_of(user, kind) if may_find else [],
        "late_codes": late_codes() if application.correction_round else [],
    }


def _sorted(application: Application, rows: list[Finding]) -> dict[str, Any]:
    """Findings with the names of their places: those of the next notice, and those that were told."""
    labels, reasons = findings.places(application), dict(LateCode.objects.values_list("code", "label"))
    for row in rows:
        row.late_label = gettext(reasons.get(row.late_code, row.late_code)) if row.late_code else ""
    named = [(row, labels.get((row.kind, row.place), row.place)) for row in rows]
    return {
        "unsent": [pair for pair in named if pair[0].sent_at is None],
        "sent": [pair for pair in named if pair[0].sent_at],
    }


def _focus(application: Application, before: Any, sealed: Any, rows: list[Finding]) -> frozenset[str] | None:
    """Places that a later round looks at: what the notices named and what has changed since. None in the first round."""
    if not application.correction_round or before is None:
        return None
    places = {f"{row.kind}:{row.place}" for row in rows if row.sent_at}
    for change in snapshot.differences(before.data, sealed.data):
        places.add(
            f"{CHANGED[change.section]}:{change.place}" if change.section in CHANGED else _fact_place(change.place)
        )
    return frozenset(places)


def _fact_place(name: str) -> str:
    """Where a finding about a column of the data points."""
    place = NUMBERED.get(name, name)
    return f"data:{place if place in findings.DATA_PLACES else 'community'}"


def _rules(application: Application, sealed: Any, rows: list[Finding]) -> dict[str, list[Any]] | None:
    """Results of the automatic rules: those that found something first. None while the worker has not looked."""
    if sealed.checks is None:
        return None
    noted = {(row.rule, row.text) for row in rows if row.sent_at is None}
    hard, overrides = ruling.hard_rules(application), ruling.overrides_of(application)
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
        code = result["rule"]
        row = {"rule": code, "label": result["label"], "problems": problems, "is_hard": code in hard}
        row["override"] = overrides.get(code)
        row["is_hard"] = row["is_hard"] and not row["override"]  # it stands, also where the rule was made hard since
        row["settled"] = bool(row["override"]) or any(problem["noted"] for problem in problems)
        (failed if problems else passed).append(row)
    return {
        "failed": failed,
        "passed": passed,
        "unsettled": sum(not row["settled"] for row in failed),
        "earlier": list(application.overrides.filter(version__lt=sealed.version).select_related("by")),
        "labels": {code: gettext(label) for code, label in ruling.LABELS.items()},
    }


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
        label = str(Community._meta.get_field(name).verbose_name)
        # A version that was sealed before a column was asked does not say it.
        rows.append((label, data["community"].get(name), _fact_place(name)))
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


def _chapters(
    application: Application, data: Mapping[str, Any], checks: list[Any], focus: frozenset[str] | None
) -> list[dict[str, Any]]:
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
            if focus is not None and f"item:{item.code}" not in focus:
                continue
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
    """Note one finding at a place; or, with a ready phrase chosen, put its words into the form."""
    application = _application(request, pk)
    if "phrase" in request.POST:
        return _with_phrase(request, application)
    form = FindingForm(application, request.POST)
    if form.is_valid():
        kind, _colon, place = form.cleaned_data["place"].partition(":")
        try:
            findings.add_finding(request.user, application, kind, place, form.cleaned_data["text"], late=form.late)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(reverse("form-check", args=[pk]) + "#findings")
    return _form_check_page(request, application, finding_form=form, status=422)


def _with_phrase(request: HttpRequest, application: Application) -> HttpResponse:
    """The page again with the phrase after what was typed; nothing is kept before the finding is sent."""
    phrase = phrases.phrase_for(request.user, whole(request.POST["phrase"]) or 0)
    typed = request.POST.copy()
    typed["text"] = "\n".join(part for part in (typed.get("text", "").strip(), phrase.text) if part)
    form = FindingForm(application)
    form.initial = {name: typed.get(name, "") for name in form.fields}
    form.fields["text"].widget.attrs["autofocus"] = True
    return _form_check_page(request, application, finding_form=form)


@login_required
@require_POST
def finding_take_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a finding of what an automatic rule found, in the rule's own words, with one click."""
    application = _application(request, pk)
    number, said = whole(request.POST.get("number")), request.POST
    late = Late(said.get("late_code", ""), said.get("late_reason", ""))
    try:
        findings.take_up(request.user, application, said.get("rule", ""), -1 if number is None else number, late)
    except Refused as refused:
        return _form_check_page(request, application, refused=refused, status=422)
    return redirect(reverse("form-check", args=[pk]) + "#rules")


@login_required
@require_POST
def rule_override(request: HttpRequest, pk: int) -> HttpResponse:
    """Let this version pass although a soft rule found something, with a reason."""
    application = _application(request, pk)
    try:
        ruling.override(request.user, application, request.POST.get("rule", ""), request.POST.get("reason", ""))
    except Refused as refused:
        return _form_check_page(request, application, refused=refused, status=422)
    return redirect(reverse("form-check", args=[pk]) + "#rules")


@login_required
@require_POST
def override_take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo an override of the version that is being checked."""
    rows = RuleOverride.objects.filter(application__in=visible_to(request.user))
    row = get_object_or_404(rows, pk=pk)
    row.application = _application(request, row.application_id)
    try:
        ruling.take_back(request.user, row)
    except Refused as refused:
        return _form_check_page(request, row.application, refused=refused, status=422)
    return redirect(reverse("form-check", args=[row.application_id]) + "#rules")


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
