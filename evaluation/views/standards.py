"""Standards for everyone to read, in the engine's own terms, and the page on which officers bring a version in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evaluation import standard as standards
from evaluation.configuration import import_standard
from evaluation.models import Standard
from evaluation.permissions import can_city
from evaluation.standard.reading import MOST_BYTES
from evaluation.wording import points_words
from portal import conditional
from portal.files import display_name
from portal.machine import NotAllowed
from portal.problems import Problem, Refused

LINE = re.compile(r"第 (\d+) 行")  # how the reader of files names a line
METHODS = {
    "weighted_ratio": gettext_lazy("各章得分率按阶段权重相加，再加封顶后的加分"),
    "sum_ratio": gettext_lazy("全部适用评分项的得分合计折算为百分，再加封顶后的加分"),
    "stage_mix": gettext_lazy("各阶段得分折算为百分后按阶段权重合成，再加封顶后的加分"),
    "pass_all": gettext_lazy("不计总分，条目全部满足的最高等级为结果"),
}
AGGREGATES = {
    "mean": gettext_lazy("取各专家评分的平均"),
    "trimmed_mean": gettext_lazy("人数足够时去掉一个最高分和一个最低分后取平均"),
    "median": gettext_lazy("取各专家评分的中位数"),
    "consensus": gettext_lazy("以组长的评分为准，组长弃权时取平均"),
}
CONTROL_RULES = {
    "two_thirds": gettext_lazy("三分之二以上专家判定满足方为满足"),
    "majority": gettext_lazy("过半数专家判定满足方为满足"),
    "all": gettext_lazy("全体专家判定满足方为满足"),
}
FORMS = {
    "online": gettext_lazy("在线填写"),
    "system": gettext_lazy("系统自动取得"),
    "shared_data": gettext_lazy("数据共享，免提交"),
}


@conditional.public
def standards_list(request: HttpRequest) -> HttpResponse:
    """Every version of every standard."""
    rows = Standard.objects.defer("document").order_by("code", "-imported_at", "-pk")
    context = {"rows": rows, "may_import": can_city(request.user, "import_standard")}
    return render(request, "evaluation/standards.html", context)


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item as the page shows it: every code in words, every number as text."""

    item: standards.Item
    kind: str
    mode: str
    points: str
    domain: str
    marks: tuple[tuple[str, str], ...]
    evidence: tuple[tuple[str, str], ...]
    level: str


@dataclass(frozen=True, slots=True)
class ChapterRow:
    """One chapter with what the filter leaves of it."""

    chapter: standards.Chapter
    weights: tuple[tuple[str, str], ...]
    sections: tuple[tuple[standards.Section, tuple[ItemRow, ...]], ...]


def percent(share: Fraction) -> str:
    """0.15 -> 15%"""
    return f"{standards.to_text(share * 100)}%"


def item_row(standard: standards.Standard, item: standards.Item) -> ItemRow:
    """Put one item in words."""
    proofs = standard.enums["evidence"]
    stages = {stage.code: stage.name for stage in standard.stages}
    marks = [(points_words(tier.points), tier.when) for tier in item.tiers]
    marks += [(points_words(part.points), part.when) for part in item.parts]
    if item.linear is not None:
        low, high = standards.to_text(item.linear.zero_at), standards.to_text(item.linear.full_at)
        marks.append(
            (
                points_words(item.points),
                _("实测值 %(low)s 得零分，%(high)s 得满分，其间按比例") % {"low": low, "high": high},
            )
        )
    return ItemRow(
        item=item,
        kind=standard.enums["item_kind"].get(item.kind, item.kind).split("（")[0],
        mode=standard.enums["mode"].get(item.mode, item.mode),
        points=points_words(item.points) if item.points else "",
        domain=standard.domains.get(item.domain, item.domain),
        marks=tuple(marks),
        evidence=tuple(
            (stages[stage], _("、").join(proofs.get(code, code) for code in codes))
            for stage, codes in item.evidence.items()
        ),
        level=next((level.name for level in standard.levels if level.level == item.from_level), ""),
    )


def chapter_rows(standard: standards.Standard, stage: str, words: str) -> Iterator[ChapterRow]:
    """The tree, cut to the items of ``stage`` ("" for all) that say ``words``; chapters and sections left empty fall away."""
    names = {each.code: each.name for each in standard.stages}
    for chapter in standard.chapters:
        sections = []
        for section in chapter.sections:
            items = tuple(item for item in section.items if found(item, stage, words))
            if items:
                sections.append((section, tuple(item_row(standard, item) for item in items)))
        if sections:
            weights = tuple((names[code], percent(share)) for code, share in chapter.weight.items() if share)
            yield ChapterRow(chapter, weights, tuple(sections))


def found(item: standards.Item, stage: str, words: str) -> bool:
    """Does the filter leave this item?"""
    text = f"{item.code} {item.name} {item.requirement}".casefold()
    return (not stage or stage in item.stages) and all(word in text for word in words.casefold().split())


class ItemFilter(forms.Form):
    """Search in a standard, by stage."""

    q = forms.CharField(label=gettext_lazy("条目编号或文字"), required=False, max_length=60)
    stage = forms.ChoiceField(label=gettext_lazy("阶段"), required=False)

    def __init__(self, data: Any, standard: standards.Standard) -> None:
        super().__init__(data)
        scored = [(stage.code, stage.name) for stage in standard.scored_stages]
        self.fields["stage"].choices = [("", _("全部")), *scored]


@conditional.public
def standard_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One version to read: what counts, how it is counted, every item."""
    row = get_object_or_404(Standard, pk=pk)
    standard = row.parsed
    form = ItemFilter(request.GET, standard)
    chosen = form.cleaned_data if form.is_valid() else {"stage": "", "q": ""}
    chapters = list(chapter_rows(standard, chosen["stage"], chosen["q"]))
    context = {
        "row": row,
        "standard": standard,
        "form": form,
        "chapters": chapters,
        "shown": sum(len(items) for chapter in chapters for _section, items in chapter.sections),
        "narrowed": bool(chosen["stage"] or chosen["q"]),
        "versions": Standard.objects.filter(code=row.code).exclude(pk=row.pk).defer("document"),
        "levels": [
            (each.name, points_words(each.min_total), percent(each.min_chapter / 100)) for each in standard.levels
        ],
        "rules": list(rules(standard)),
        "stages": [(stage, [(each, forms_words(each)) for each in stage.documents]) for stage in standard.stages],
    }
    return render(request, "evaluation/standard.html", context)


def forms_words(document: standards.StageDocument) -> str:
    """PDF、在线填写"""
    return _("、").join(str(FORMS.get(form, form.upper())) for form in document.forms)


def place_words(place: str) -> str:
    """Where a problem of a file is: its line in the reader's language; item codes and paths are the same in all."""
    line = LINE.fullmatch(place)
    return _("第 %(number)s 行") % {"number": line[1]} if line else place


def rules(standard: standards.Standard) -> Iterator[tuple[str, str]]:
    """How the panel's sheets become a result: name and sentence of each rule."""
    scoring, panel = standard.scoring, standard.scoring.panel
    yield _("总分"), str(METHODS.get(scoring.method, scoring.method))
    if scoring.stage_weight:
        names = {stage.code: stage.name for stage in standard.stages}
        yield (
            _("阶段权重"),
            _("、").join(f"{names[code]} {percent(share)}" for code, share in scoring.stage_weight.items()),
        )
    yield _("加分封顶"), points_words(scoring.bonus_cap)
    yield _("评分汇总"), str(AGGREGATES.get(panel.aggregate, panel.aggregate))
    yield _("控制项"), str(CONTROL_RULES.get(panel.control_rule, panel.control_rule))
    odd = _("至少 %(n)s 人，须为单数") if panel.odd_only else _("至少 %(n)s 人")
    yield _("专家组"), odd % {"n": panel.quorum}
    if panel.deviation_alert is not None:
        yield (
            _("分歧提示"),
            _("单项极差超过满分的 %(share)s 时由组长组织合议") % {"share": percent(panel.deviation_alert)},
        )
    if scoring.max_na_ratio is not None:
        yield _("不适用"), _("一章中不适用的分值超过 %(share)s 时须书面说明") % {"share": percent(scoring.max_na_ratio)}
    if standard.selection is not None:
        chosen = {"total": standards.to_text(standard.selection.min_total), "quota": standard.selection.quota}
        yield _("择优"), _("总分不低于 %(total)s，按总分排序，至多选 %(quota)s 个") % chosen


def standard_json(request: HttpRequest, pk: int) -> HttpResponse:
    """The document in its canonical form: the bytes whose SHA-256 is published."""
    row = get_object_or_404(Standard, pk=pk)
    response = HttpResponse(standards.canonical(row.document), content_type="application/json")
    response["Content-Disposition"] = content_disposition_header(True, f"{row.code}-{row.version}.json")
    response["ETag"] = f'"{row.sha256}"'
    return response


class ImportForm(forms.Form):
    """The file of one version."""

    file = forms.FileField(
        label=gettext_lazy("评价标准文件"),
        help_text=gettext_lazy("YAML 或 JSON，最多 2 MB。只要有一处问题，就不会导入任何内容。"),
        widget=forms.ClearableFileInput(attrs={"accept": ".yaml,.yml,.json"}),
    )


@login_required
def standard_import(request: HttpRequest) -> HttpResponse:
    """Bring one version in, or show everything that is wrong with the file, each at its place."""
    if not can_city(request.user, "import_standard"):
        raise NotAllowed("import_standard")
    form = ImportForm(request.POST or None, request.FILES or None)
    problems: tuple[Problem, ...] = ()
    name = ""
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        name = display_name(upload.name)
        try:
            # One byte more than allowed is enough for the reader to refuse the rest unread.
            row = import_standard(upload.read(MOST_BYTES + 1), name, by=request.user)
        except Refused as refused:
            problems = refused.problems
        else:
            messages.success(request, _("已导入 %(standard)s。") % {"standard": f"{row} {row.name}"})
            return redirect(row)
    sentences = [(place_words(problem.place), problem.text(_)) for problem in problems]
    context = {"form": form, "problems": sentences, "name": name}
    return render(request, "evaluation/standard_import.html", context, status=422 if request.method == "POST" else 200)
