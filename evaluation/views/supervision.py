"""Life after award: the lists of reports and inspections, one community's years, and the yearly operating report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from communities.models import District
from communities.permissions import city_duties
from evaluation import supervising
from evaluation.models import Certificate, OperatingReport, ReportProof
from evaluation.permissions import (
    APPLICANTS,
    OFFICERS,
    can_city,
    inspections_visible_to,
    lives_visible_to,
    report_roles,
    reports_visible_to,
)
from evaluation.views.acting import act_forms, acted
from evaluation.workflow import INSPECTION, OPERATING_REPORT
from portal import files
from portal.forms import add_problems
from portal.problems import Changed, Refused

ROWS_A_PAGE = 25
PAGE_ACTS = ("accept", "return")
CASE = "certificate__application__project"
KINDS = {"reports": _("年度运营报告"), "inspections": _("抽查")}


class LifeFilter(forms.Form):
    """By state, year, district and part of a name; what is no legal choice is said and narrows nothing."""

    state = forms.ChoiceField(label=_("状态"), required=False)
    year = forms.IntegerField(label=_("年份"), required=False, min_value=2000, max_value=2100)
    district = forms.ChoiceField(label=_("区县"), required=False)
    q = forms.CharField(label=_("小区名称或证书编号"), required=False, max_length=60)

    def __init__(self, data: Any, states: Mapping[str, str], late: bool) -> None:
        super().__init__(data)
        more = [("late", _("逾期未提交"))] if late else []
        self.fields["state"].choices = [("", _("全部")), *states.items(), *more]
        districts = District.objects.order_by("code").values_list("code", "name")
        self.fields["district"].choices = [("", _("全部")), *districts]

    def narrow(self, rows: QuerySet[Any], year: str) -> QuerySet[Any]:
        """The rows that the filter leaves; none where it is not legal."""
        if not self.is_valid():
            return rows.none()
        wanted = self.cleaned_data
        if wanted["state"] == "late":
            rows = rows.filter(state__in=supervising.WRITABLE, due_on__lt=timezone.localdate())
        elif wanted["state"]:
            rows = rows.filter(state=wanted["state"])
        if wanted["year"]:
            rows = rows.filter(**{year: wanted["year"]})
        if wanted["district"]:
            rows = rows.filter(**{f"{CASE}__community__district": wanted["district"]})
        if wanted["q"]:
            rows = rows.filter(certificate__in=_named(wanted["q"]))
        return rows


def _named(words: str) -> Any:
    named = Certificate.objects.filter(community_name__icontains=words)
    return (named | Certificate.objects.filter(number__iexact=words)).values("pk")


@login_required
def supervision(request: HttpRequest, kind: str = "reports") -> HttpResponse:
    """Reports or inspections of the communities whose life after award this person sees, most urgent first."""
    reports = kind == "reports"
    machine = OPERATING_REPORT if reports else INSPECTION
    form = LifeFilter(request.GET, machine.states, late=reports)
    seen = reports_visible_to(request.user) if reports else inspections_visible_to(request.user)
    year = "opened_on__year" if reports else "draw__year"
    found = form.narrow(seen, year).select_related("certificate", "certificate__application__project")
    if not reports:
        found = found.select_related("draw")
    found = found.order_by(F("due_on").asc(nulls_last=True), "-pk")
    context = {
        "kind": kind,
        "kinds": KINDS.items(),
        "form": form,
        "rows": Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page")),
        "narrowed": any(request.GET.get(name) for name in form.fields),
        "today": timezone.localdate(),
        "may_draw": can_city(request.user, "propose_inspection"),
        "sees_draws": bool(city_duties(request.user) & OFFICERS),
    }
    return render(request, "evaluation/supervision.html", context)


@login_required
def certificate_life(request: HttpRequest, number: str) -> HttpResponse:
    """The years of one certified community: what was reported, inspected, found and put right."""
    rows = lives_visible_to(request.user).select_related("application__project__community__district")
    certificate = get_object_or_404(rows, number=number)
    context = {
        "certificate": certificate,
        "project": certificate.application.project,
        "standing": certificate.standing(timezone.localdate()),
        "moments": supervising.life_of(certificate, request.user),
        "hindrances": supervising.hindrances(certificate),
    }
    return render(request, "evaluation/certificate_life.html", context)


# --- the report ---------------------------------------------------------------------------------------------------------


class ReportForm(forms.Form):
    """An answer to each question that the report asks, and one proof at a time."""

    def __init__(self, report: OperatingReport, data: Any = None, uploads: Any = None) -> None:
        super().__init__(data, uploads, initial={**report.answers, "revision": report.revision})
        self.report = report
        for code, label in report.questions:
            self.fields[code] = forms.CharField(
                label=label, widget=forms.Textarea(attrs={"rows": 4}), max_length=supervising.LONGEST, required=False
            )
            self.fields[code].is_asked = True
        self.fields["file"] = forms.FileField(
            label=_("上传佐证"),
            required=False,
            widget=forms.FileInput(attrs={"accept": files.accept_attribute(supervising.PROOFS)}),
            help_text=_("运行记录、检测报告、照片等（PDF、XLSX、JPG、PNG），每次一个，保存后可以再传。"),
        )
        self.fields["revision"] = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def answers(self) -> dict[str, str]:
        return {code: self.cleaned_data[code] for code, _label in self.report.questions}


def _fetch(request: HttpRequest, pk: int) -> OperatingReport:
    rows = reports_visible_to(request.user).select_related(
        "certificate__application__project__community__district", "certificate__application__project__programme",
        "certificate__application__project__organisation",
    )  # fmt: skip
    return get_object_or_404(rows, pk=pk)


@login_required
def operating_report(request: HttpRequest, pk: int) -> HttpResponse:
    """One report: the unit writes it, the officer reads what was handed in and accepts it or sends it back."""
    report = _fetch(request, pk)
    if request.method == "POST" and "action" in request.POST:
        acts = act_forms(request, OPERATING_REPORT, report, PAGE_ACTS)
        if acted(request, OPERATING_REPORT, report, acts, PAGE_ACTS):
            return redirect(report)
        return _page(request, _fetch(request, pk), {"acts": acts}, status=422)
    if request.method == "POST":
        return _wrote(request, report)
    return _page(request, report, {})


def _wrote(request: HttpRequest, report: OperatingReport) -> HttpResponse:
    """Keep what was typed and one more proof, and hand it in where that was asked: nothing typed is lost on the way."""
    form, status = ReportForm(report, request.POST, request.FILES), 422
    if form.is_valid():
        try:
            _kept(request, report, form)
        except Changed as changed:
            add_problems(form, changed.problems)
            status = 409
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(report)
        form.data = form.data.copy()
        form.data["revision"] = form.data["revision"] if status == 409 else str(_fetch(request, report.pk).revision)
    return _page(request, _fetch(request, report.pk), {"form": form}, status=status)


def _kept(request: HttpRequest, report: OperatingReport, form: ReportForm) -> None:
    supervising.write(request.user, report, form.answers(), form.cleaned_data["revision"])
    if form.cleaned_data["file"]:
        supervising.add_proof(request.user, report, form.cleaned_data["file"])
    if "submit" in request.POST:
        OPERATING_REPORT.perform(report, "submit", by=request.user)
        messages.success(request, gettext("已提交年度运营报告，等待审阅。"))
    else:
        messages.success(request, gettext("已保存。"))


def _page(request: HttpRequest, report: OperatingReport, given: Mapping[str, Any], status: int = 200) -> HttpResponse:
    own = bool(report_roles(request.user, report) & APPLICANTS)
    context = {
        "report": report,
        "certificate": report.certificate,
        "project": report.project,
        "writes": own and report.state in supervising.WRITABLE,
        "own": own,
        "form": ReportForm(report),
        "proofs": supervising.proofs_for(request.user, report),
        "late": report.is_late(timezone.localdate()),
        "acts": act_forms(request, OPERATING_REPORT, report, PAGE_ACTS),
        **given,
    }
    return render(request, "evaluation/operating_report.html", context, status=status)


def _proof(request: HttpRequest, pk: int) -> ReportProof:
    rows = ReportProof.objects.filter(report__in=reports_visible_to(request.user))
    proof = get_object_or_404(rows.select_related("report__certificate__application__project__community"), pk=pk)
    return get_object_or_404(supervising.proofs_for(request.user, proof.report), pk=pk)


@login_required
@require_POST
def report_proof_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a proof out again."""
    proof = _proof(request, pk)
    supervising.remove_proof(request.user, proof)
    return redirect(reverse("operating-report", args=[proof.report_id]) + "#proofs")


@login_required
def report_proof_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A proof as it is kept."""
    row = _proof(request, pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )
