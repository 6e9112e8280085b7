"""Pages of what ``policies`` keeps: a list of each kind, one row to change after a look at it, and a new row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from communities.models import District
from evaluation import form_settings, policies
from evaluation.models import (
    AnnualTarget,
    FormRule,
    IncentivePolicy,
    LateCode,
    NoticeForm,
    Programme,
    StageRule,
    Standard,
)
from evaluation.permissions import can_city
from evaluation.ruling import LABELS
from evaluation.views.appointing import asked, basis_field, day_field
from evaluation.views.hub import require
from portal.forms import add_problems
from portal.models import Event
from portal.problems import Changed, Refused

SHOWN = 20
LONG_TEXTS = frozenset({"opinion_template", "site_consent", "text", "remedy", "conditions"})
HELP = {
    "panel_seats": gettext_lazy("每行写专业代码和席位数，例如“security 1”。"),
    "report_questions": gettext_lazy("每行写事项代码和内容，例如“upkeep 运维单位、人员与投入”；已发出的报告仍按原事项填写。"),
    "guidance_nodes": gettext_lazy("每行写节点代码和名称，例如“conduits 管线预埋”；已有记录的节点不能删去。"),
    "site_evidence": gettext_lazy("每行写一种佐证种类的代码。"),
    "standard": gettext_lazy("以后建立的案卷按它评价；已建立的案卷不变。启用后该版本不再更改。"),
    "needs_certificate_of": gettext_lazy("同一评价类别中在先阶段的代码；不需要的留空。"),
    "public_source": gettext_lazy("不等待公开数值的留空。"),
    "opinion_template": gettext_lazy("可用：{小区} {阶段} {标准} {总分} {等级} {分歧条目数}。"),
    "publishes_replies": gettext_lazy("勾选：公示页列出异议的办理结果和公开答复，不含异议人信息；不勾选：只答复异议人本人。"),
    "sample_notice": gettext_lazy("现行标准不是官方文本时，公示和证书上写明。"),
    "valid_until": gettext_lazy("最后一天；填写后不再用于新的登记，代码永不删除。"),
    "valid_from": gettext_lazy("一直使用的留空。"),
    "is_hard": gettext_lazy("勾选：未通过的不能受理。不勾选：受理员写明理由可以放行。"),
    "programme": gettext_lazy("某一评价类别另有规定的，以它自己的为准。"),
    "label": gettext_lazy("受理员选择时看到的文字；已有问题选用后不能再改。"),
    "needs_words": gettext_lazy("选择该理由的，须写明具体情况。"),
    "position": gettext_lazy("小的在前。"),
    "pattern": gettext_lazy(
        "{number} 流水号（必须有一个）、{year} 年份、{prefix} 评价类别的案卷编号前缀。换了样式，流水号从 1 重新编起。"
    ),
    "text": gettext_lazy("受理、不予受理通知书写决定；告知书印在末尾，可以留空。"),
    "document_number": gettext_lazy("主管部门文件的文号；没有的留空。"),
    "least_level": gettext_lazy("从这一星级起适用。"),
    "values": gettext_lazy("每行写星级和数值，例如“2 10”；没有设定的星级不写，公开页面显示“待主管部门设定”。"),
    "unit": gettext_lazy("例如“个百分点”；数值本身已写明单位的留空。"),
    "conditions": gettext_lazy("审定人逐项核实；印在确认书上。"),
    "cap": gettext_lazy("例如“不超过同一项目重点监管资金的 20%”；没有的留空。"),
    "department": gettext_lazy("凭确认书办理并核验的部门。"),
    "remedy": gettext_lazy("不予受理通知书必须写明如何申请复议或提起诉讼。"),
    "district": gettext_lazy("全市的计划不选区县；全市没有计划的，按各区县计划之和统计。"),
    "count": gettext_lazy("当年计划评定星级的小区数。"),
}  # fmt: skip


CODE_HELP = {
    "district": gettext_lazy("六位数字（GB/T 2260）；不能再改。"),
    "incentive_policy": gettext_lazy("小写英文字母、数字和下划线，例如“capital_supervision”；不能再改。"),
    "late_code": gettext_lazy("小写英文字母、数字和下划线，例如“policy_change”；不能再改。"),
}
NEW_TITLES = {
    "district": gettext_noop("增加区县"),
    "form_rule": gettext_noop("增加形式审查规则"),
    "incentive_policy": gettext_noop("增加激励政策"),
    "late_code": gettext_noop("增加一种理由"),
    "annual_target": gettext_noop("增加年度计划"),
}


class LinesField(forms.CharField):
    """A list, a line each: of texts, of pairs, or of a code and a number."""

    def __init__(self, shape: str, **more: Any) -> None:
        self.shape = shape
        super().__init__(widget=forms.Textarea(attrs={"rows": 5}), required=False, max_length=policies.LONGEST, **more)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return "\n".join(f"{code} {count}" for code, count in value.items())
        if isinstance(value, list):
            return "\n".join(one if isinstance(one, str) else " ".join(one) for one in value)
        return value

    def to_python(self, value: Any) -> Any:
        lines = [line.split(None, 1) for line in (value or "").splitlines() if line.strip()]
        if self.shape == "levels":
            return {parts[0]: parts[1].strip() for parts in lines if len(parts) > 1}
        if self.shape == "texts":
            return [" ".join(parts) for parts in lines]
        if self.shape == "pairs":
            return [[part.strip() for part in parts] for parts in lines]
        pairs = [(parts[0], parts[1].strip() if len(parts) > 1 else "") for parts in lines]
        return {code: int(count) if count.isdecimal() and len(count) < 4 else count for code, count in pairs}


SHAPES = {
    "panel_seats": "counts", "guidance_nodes": "pairs", "report_questions": "pairs", "site_evidence": "texts",
    "values": "levels",
}  # fmt: skip


class PolicyForm(forms.Form):
    """The columns of one row. Fields only read what was typed; ``policies`` decides."""

    required_css_class = "required"
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=2000)

    def __init__(self, kind: policies.Kind, row: Any, data: Any = None) -> None:
        super().__init__(data, initial={**policies.plain(kind, row), "seen": policies.seen_of(kind, row)})
        for name in kind.fields:
            self.fields[name] = field_of(kind.model._meta.get_field(name), row)
        self.fields["basis"] = basis_field()

    def values(self, kind: policies.Kind) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in kind.fields if name in self.cleaned_data}


def _programmes() -> list[tuple[str, str]]:
    return [("", _("各评价类别")), *Programme.objects.order_by("code").values_list("code", "name")]


def _rules() -> list[tuple[str, str]]:
    return [("", _("请选择")), *((code, _(label)) for code, label in LABELS.items())]


def _districts() -> list[tuple[str, str]]:
    return [("", _("全市")), *District.objects.order_by("code").values_list("code", "name")]


# columns of a new row that are chosen from a list
CHOSEN = {"programme": _programmes, "rule": _rules, "district": _districts}


def _choices_of(column: Any) -> list[tuple[str, str]]:
    choices = CHOSEN[column.name]()
    return choices if column.blank else [("", _("请选择")), *choices[1:]]


def field_of(column: Any, row: Any) -> forms.Field:
    """The form's field of one column."""
    common: dict[str, Any] = {"label": column.verbose_name, "help_text": HELP.get(column.name, "")}
    if column.name in CHOSEN:
        return forms.ChoiceField(choices=_choices_of(column), required=not column.blank, **common)
    if column.name in SHAPES:
        return LinesField(SHAPES[column.name], **common)
    if column.name == "standard":
        rows = Standard.objects.filter(kind=row.standard.kind).defer("document").order_by("code", "version")
        choices = [(one.pk, f"{one} {one.name}" + ("" if one.is_official else _("（参考样本）"))) for one in rows]
        return forms.TypedChoiceField(choices=choices, coerce=int, **common)
    if column.get_internal_type() == "DateField":
        return day_field(required=False, **common)
    if column.name in LONG_TEXTS:
        return forms.CharField(
            required=False, max_length=policies.LONGEST, widget=forms.Textarea(attrs={"rows": 5}), **common
        )
    if column.get_internal_type() == "BooleanField":
        return forms.BooleanField(required=False, **common)
    if column.get_internal_type().endswith("IntegerField"):
        return forms.IntegerField(min_value=0, max_value=2**31 - 1, **common)
    return forms.CharField(required=not column.blank, max_length=column.max_length, **common)


class NewForm(forms.Form):
    """What a new row of a kind is asked for. ``policies`` decides what is legal."""

    required_css_class = "required"

    def __init__(self, kind: policies.Kind, data: Any = None) -> None:
        super().__init__(data, initial={"position": policies.rows_of(kind).count() + 1})
        for name in kind.new:
            field = field_of(kind.model._meta.get_field(name), kind.model())
            self.fields[name] = asked(field) if field.required else field
            if name == "code":
                self.fields[name].help_text = CODE_HELP[kind.code]
        self.fields["basis"] = basis_field()


def _kind(code: str) -> policies.Kind:
    if code not in policies.KINDS:
        raise Http404
    return policies.KINDS[code]


@login_required
def policies_of(request: HttpRequest, kind: str) -> HttpResponse:
    """Every row of one kind with what it says."""
    require(request, "see_settings")
    found = _kind(kind)
    context = {
        "kind": found, "label": _(found.label), "rows": list(policies.rows_of(found)), "today": timezone.localdate(),
        "new": _(NEW_TITLES[kind]) if found.new and can_city(request.user, policies.RIGHT) else "",
        "rules": dict(_rules()), "programmes": dict(_programmes()), "districts": dict(_districts()),
    }  # fmt: skip
    return render(request, "evaluation/settings/policies.html", context)


@login_required
def policy(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """One row: what it says, its history, and, for whoever may, changing it after a look at what that does."""
    require(request, "see_settings")
    try:
        found, row = policies.find(kind, key)
    except LookupError as error:
        raise Http404 from error
    if request.method != "POST":
        return _page(request, found, row, PolicyForm(found, row))
    require(request, policies.RIGHT)
    form = PolicyForm(found, row, request.POST)
    whole = form.is_valid()
    said = form.values(found), form.cleaned_data.get("basis", ""), form.cleaned_data.get("seen", "")
    try:
        if not whole:
            policies.preview(found, row, *said)  # tells what else is wrong
            return _page(request, found, row, form, status=422)
        if "confirmed" not in request.POST:
            return _page(request, found, row, form, looked=policies.preview(found, row, *said))
        changes = policies.keep(request.user, found, row, *said)
    except Changed as changed:
        return _overtaken(request, found, row, form, changed)
    except Refused as refused:
        add_problems(form, refused.problems)
        return _page(request, found, row, form, status=422)
    messages.success(request, _("已保存，更改了 %(n)s 项。") % {"n": len(changes)})
    return redirect("policy", kind, key)


def _overtaken(request: HttpRequest, kind: policies.Kind, row: Any, form: PolicyForm, changed: Changed) -> HttpResponse:
    """What was typed with what stands there now beside it; the next save counts as having seen that."""
    form.data = form.data.copy()
    form.data["seen"] = changed.now["seen"]
    add_problems(form, changed.problems)
    return _page(request, kind, row, form, status=409)


def _page(
    request: HttpRequest, kind: policies.Kind, row: Any, form: PolicyForm, status: int = 200,
    looked: policies.Preview | None = None,
) -> HttpResponse:  # fmt: skip
    cases, today = policies.cases_of(kind, row), timezone.localdate()
    context: dict[str, Any] = {
        "kind": kind, "label": _(kind.label), "row": row, "title": title_of(row), "form": form, "looked": looked is not None,
        "changes": told_changes(kind, looked.changes) if looked else [],
        "may_change": can_city(request.user, policies.RIGHT), "facts": facts_of(kind, row),
        "case_count": cases.count(), "cases": cases[:SHOWN] if looked else [],
        "ends": looked is not None and "valid_until" in looked.changes,
        "keeps": isinstance(row, Programme | StageRule), "example": example_of(row, looked is not None, today),
        "history": [(event, told_event(kind, event)) for event in Event.objects.of(row).order_by("-pk")[:SHOWN]],
    }  # fmt: skip
    return render(request, "evaluation/settings/policy.html", context, status=status)


def example_of(row: Any, looked: bool, today: date) -> str:
    """The first number of this year by the form of a notice: as kept, or as looked at; "" for every other row."""
    if not isinstance(row, NoticeForm):
        return ""
    # What was refused stands in ``row``, too, and may number nothing.
    form = row if looked else NoticeForm.objects.get(pk=row.pk)
    prefix = Programme.objects.order_by("code").values_list("number_prefix", flat=True).first()
    return form_settings.example_of(form, prefix or "", today)


def title_of(row: Any) -> str:
    """What a row is called on its page."""
    if isinstance(row, FormRule):
        return f"{dict(_rules()).get(row.rule, row.rule)} · {dict(_programmes()).get(row.programme, row.programme)}"
    if isinstance(row, LateCode):
        return _(row.label)
    if isinstance(row, NoticeForm):
        return str(row)
    if isinstance(row, IncentivePolicy):
        return f"{row.name} · {row.programme.name}"
    if isinstance(row, AnnualTarget):
        names = (
            dict(_programmes()).get(row.programme, row.programme),
            dict(_districts()).get(row.district, row.district),
        )
        return " · ".join((str(row.year), *names))
    if isinstance(row, StageRule):
        return f"{row.programme.name} · {stage_name(row)}"
    return f"{row.pk} {row.name}" if isinstance(row, District) else str(getattr(row, "name", row.pk))


def stage_name(row: StageRule) -> str:
    """The stage as the programme's standard calls it."""
    names = {stage.code: stage.name for stage in row.programme.standard.parsed.stages}
    return str(names.get(row.stage, row.stage))


def words_of(value: Any) -> str:
    """A plain value for people."""
    if value is None or value == "" or value == [] or value == {}:
        return "—"
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if isinstance(value, Mapping):
        return "、".join(f"{code} {count}" for code, count in value.items())
    if isinstance(value, list):
        return "、".join(one if isinstance(one, str) else " ".join(map(str, one)) for one in value)
    return str(value)


def facts_of(kind: policies.Kind, row: Any) -> list[tuple[str, str]]:
    """Label and value of every column, and the basis."""
    said = policies.plain(kind, row)
    found = [(str(_label(kind, name)), _named(name, value, row)) for name, value in said.items()]
    return [*found, (_("依据"), words_of(row.basis))] if kind.has_basis else found


def _label(kind: policies.Kind, name: str) -> Any:
    column: Any = kind.model._meta.get_field(name)
    return column.verbose_name


def _named(name: str, value: Any, row: Any = None) -> str:
    """A standard is read by its name, not by its id; a rule and a programme by theirs, not by their codes."""
    if name in CHOSEN and value is not None:
        return dict(CHOSEN[name]()).get(value, str(value))
    if name != "standard" or value is None:
        return words_of(value)
    if row is not None and row.standard_id == value:
        return f"{row.standard} {row.standard.name}"
    return str(Standard.objects.defer("document").filter(pk=value).first() or value)


def told_changes(kind: policies.Kind, changes: Mapping[str, tuple[Any, Any]]) -> list[tuple[str, str, str]]:
    """Label, before and after of what changes."""
    return [(str(_label(kind, name)), _named(name, old), _named(name, new)) for name, (old, new) in changes.items()]


def told_event(kind: policies.Kind, event: Event) -> list[tuple[str, str, str]]:
    """Label, before and after as the trail kept them; of columns that the kind has no more by their names."""
    before, after = event.data.get("before") or {}, event.data.get("after") or {}
    names: Iterable[str] = after if isinstance(after, Mapping) else ()
    known = {*kind.fields, *kind.key, *kind.new}
    return [
        (str(_label(kind, name)) if name in known else name, _named(name, before.get(name)), _named(name, after[name]))
        for name in names
    ]


@login_required
def policy_new(request: HttpRequest, kind: str) -> HttpResponse:
    """Add a row of a kind that takes new ones."""
    require(request, policies.RIGHT)
    found = _kind(kind)
    if not found.new:
        raise Http404
    form = NewForm(found, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        said = {name: form.cleaned_data[name] for name in found.new}
        try:
            row = policies.add(request.user, found, said, form.cleaned_data["basis"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("“%(name)s”已增加。") % {"name": title_of(row)})
            return redirect("policy", kind, row.pk)
    context = {"kind": found, "label": _(found.label), "title": _(NEW_TITLES[kind]), "form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "evaluation/settings/policy_new.html", context, status=status)
