"""Pages of the forms of certificates: one for each stage, its versions, and writing the next beside a picture of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from evaluation import certificate_forms
from evaluation.certificate_forms import LONGEST, MOST_LINES, MOST_SIGNATURES, Words
from evaluation.models import CertificateForm, StageRule
from evaluation.permissions import can_city
from evaluation.printing import CODES, FIELDS
from evaluation.views.appointing import asked, basis_field
from evaluation.views.hub import require
from portal import files
from portal.forms import add_problems
from portal.problems import Refused

# what the domain calls a part of a form -> the field beside which its problems stand
BESIDE = {"lines": "field_1", "signatures": "signature_1"}


class FormForm(forms.Form):
    """A new version of a form. What is legal is decided in ``certificate_forms``."""

    required_css_class = "required"
    title = asked(forms.CharField(label=gettext_lazy("证书标题"), max_length=200))
    body = asked(
        forms.CharField(label=gettext_lazy("证书正文"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    )
    issuer = asked(forms.CharField(label=gettext_lazy("发证机关"), max_length=200))
    pattern = asked(
        forms.CharField(
            label=gettext_lazy("编号样式"), max_length=60,
            help_text=gettext_lazy(
                "{number} 流水号（必须有一个）、{year} 年份、{prefix} 评价类别的案卷编号前缀、{stage} 阶段代码。"
                "换了样式，流水号从 1 重新编起。"
            ),
        )
    )  # fmt: skip
    seal = forms.FileField(
        label=gettext_lazy("印章图样（PNG、JPG）"), required=False,
        widget=forms.FileInput(attrs={"accept": files.accept_attribute(("jpg",))}),
        help_text=gettext_lazy("不选文件的，沿用现行版的印章。建议用透明底的 PNG。"),
    )  # fmt: skip
    sample_seal = forms.BooleanField(label=gettext_lazy("用回示例印章"), required=False)
    basis = basis_field()
    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=10**6)

    def __init__(self, data: Any = None, uploads: Any = None, *, form: CertificateForm | None = None) -> None:
        super().__init__(data, uploads, initial=_initial(form))
        choices = [("", _("（空）")), *((code, _(label)) for code, (_place, label) in FIELDS.items())]
        for number in range(1, MOST_LINES + 1):
            words = {"n": number}
            self.fields[f"field_{number}"] = forms.ChoiceField(
                label=_("第 %(n)s 行的事项") % words, choices=choices, required=False
            )
            self.fields[f"label_{number}"] = forms.CharField(
                label=_("第 %(n)s 行的名称") % words, max_length=200, required=False
            )
        for number in range(1, MOST_SIGNATURES + 1):
            words = {"n": number}
            self.fields[f"signature_{number}"] = forms.CharField(
                label=_("第 %(n)s 个签字栏的名称") % words, max_length=200, required=False
            )
            self.fields[f"signer_{number}"] = forms.CharField(
                label=_("第 %(n)s 个签字人") % words, max_length=200, required=False
            )

    @property
    def words(self) -> Words:
        """What was typed: rows without a fact or a label are none."""
        said = self.cleaned_data
        lines = [(said[f"field_{n}"], said[f"label_{n}"]) for n in range(1, MOST_LINES + 1) if said[f"field_{n}"]]
        signed = [(said[f"signature_{n}"], said[f"signer_{n}"]) for n in range(1, MOST_SIGNATURES + 1)]
        return Words(
            said["title"],
            said["body"],
            tuple((code, label or FIELDS[code][1]) for code, label in lines),
            said["issuer"],
            tuple(row for row in signed if any(row)),
            said["pattern"],
        )

    def head(self) -> list[Any]:
        return [self[name] for name in ("title", "body")]

    def tail(self) -> list[Any]:
        return [self[name] for name in ("issuer", "pattern", "seal", "sample_seal", "basis")]

    def line_rows(self) -> list[tuple[Any, Any]]:
        return [(self[f"field_{n}"], self[f"label_{n}"]) for n in range(1, MOST_LINES + 1)]

    def signature_rows(self) -> list[tuple[Any, Any]]:
        return [(self[f"signature_{n}"], self[f"signer_{n}"]) for n in range(1, MOST_SIGNATURES + 1)]


def _initial(form: CertificateForm | None) -> dict[str, Any]:
    """The version in force, field by field."""
    if form is None:
        return {"seen": 0}
    found = {name: getattr(form, name) for name in LONGEST} | {"seen": form.number}
    for number, (code, label) in enumerate(form.lines, 1):
        found |= {f"field_{number}": code, f"label_{number}": label}
    for number, (label, name) in enumerate(form.signatures, 1):
        found |= {f"signature_{number}": label, f"signer_{number}": name}
    return found


def stage_words(rule: StageRule) -> str:
    """Programme and stage, as the standard calls it."""
    names = {stage.code: stage.name for stage in rule.programme.standard.parsed.stages}
    return f"{rule.programme.name} · {names.get(rule.stage, rule.stage)}"


@login_required
def certificate_forms_page(request: HttpRequest) -> HttpResponse:
    """Every stage with the form in force."""
    require(request, "see_settings")
    newest: dict[tuple[str, str], CertificateForm] = {}
    for form in CertificateForm.objects.select_related("by").order_by("number"):
        newest[form.programme_id, form.stage] = form
    rows = [
        (rule, stage_words(rule), newest.get((rule.programme_id, rule.stage))) for rule in certificate_forms.stages()
    ]
    return render(request, "evaluation/settings/certificate_forms.html", {"rows": rows})


def _rule(programme: str, stage: str) -> StageRule:
    try:
        return certificate_forms.rule_of(programme, stage)
    except LookupError as error:
        raise Http404 from error


@login_required
def certificate_form(request: HttpRequest, programme: str, stage: str) -> HttpResponse:
    """One form: what it looks like, its versions, and, for whoever may, writing the next with a preview."""
    require(request, "see_settings")
    rule = _rule(programme, stage)
    rows = certificate_forms.versions(programme, stage)
    form = FormForm(form=rows[0] if rows else None)
    if request.method == "POST":
        require(request, certificate_forms.RIGHT)
        form = FormForm(request.POST, request.FILES, form=rows[0] if rows else None)
        if _saved(request, programme, stage, form):
            return redirect("certificate-form", programme, stage)
    return _page(request, rule, rows, form, 422 if request.method == "POST" else 200)


def _saved(request: HttpRequest, programme: str, stage: str, form: FormForm) -> bool:
    """Keep what was typed; False where the page is shown again, with what is wrong."""
    if not form.is_valid():
        return False
    said = form.cleaned_data
    try:
        certificate_forms.write(
            request.user, programme, stage, form.words, said["basis"], said["seen"],
            seal=said["seal"], sample_seal=said["sample_seal"],
        )  # fmt: skip
    except Refused as refused:
        add_problems(form, _beside(refused))
        return False
    messages.success(request, _("新版本已保存，自下一张证书起使用；已印的证书不变。"))
    return True


def _beside(refused: Refused) -> list[Any]:
    """The problems of the domain, each at the field of this page."""
    return [type(p)(p.code, BESIDE.get(p.place, p.place), p.message, p.params) for p in refused.problems]


def _page(
    request: HttpRequest, rule: StageRule, rows: list[CertificateForm], form: FormForm, status: int
) -> HttpResponse:
    context = {
        "rule": rule, "label": stage_words(rule), "rows": rows, "form": form, "places": list(CODES),
        "changes": can_city(request.user, certificate_forms.RIGHT),
    }  # fmt: skip
    return render(request, "evaluation/settings/certificate_form.html", context, status=status)


@login_required
@require_POST
def certificate_form_preview(request: HttpRequest, programme: str, stage: str) -> HttpResponse:
    """What was typed as it would be printed, marked as a draft, or everything that is wrong with it. Nothing is kept.

    A picture for who asks for one (as one types), else the document in a window of its own.
    """
    require(request, certificate_forms.RIGHT)
    rule = _rule(programme, stage)
    rows = certificate_forms.versions(programme, stage)
    form = FormForm(request.POST, request.FILES, form=rows[0] if rows else None)
    drawn = "image/png" in request.headers.get("Accept", "").split(",")
    try:
        if form.is_valid():
            said = form.cleaned_data
            found = certificate_forms.previewed(
                request.user, programme, stage, form.words, said["seal"], said["sample_seal"]
            )
            if drawn:
                return _shown(certificate_forms.picture_of(*found), "image/png")
            return _shown(certificate_forms.paper_of(*found), "application/pdf")
    except Refused as refused:
        add_problems(form, _beside(refused))
    if drawn:
        return JsonResponse({"problems": [text for texts in form.errors.values() for text in texts]}, status=422)
    return _page(request, rule, rows, form, 422)


def _shown(content: bytes, content_type: str, cache: str = "no-store") -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    response["Cache-Control"] = cache
    return response


@login_required
def certificate_form_picture(request: HttpRequest, programme: str, stage: str, number: int) -> HttpResponse:
    """A version as it looks, with the names of a sample."""
    require(request, "see_settings")
    rule = _rule(programme, stage)
    form = next((row for row in certificate_forms.versions(programme, stage) if row.number == number), None)
    if form is None:
        raise Http404
    return _shown(certificate_forms.picture_of(rule, form), "image/png", "private, max-age=600")
