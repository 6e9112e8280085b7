"""What the authority may set for the form check: how strict a rule is, reasons of late findings, forms of notices.

Hides: what the pattern of a number may hold, and that a reason which findings bear keeps its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from django.db.models import Q, QuerySet

from evaluation.basis import unknown_programme
from evaluation.certificate_numbers import numbered_certificates
from evaluation.issuing import number_of
from evaluation.models import Application, Finding, FormRule, LateCode, NoticeForm, NoticeKind
from evaluation.ruling import LABELS
from portal.problems import Problem, gettext_noop

CODE = re.compile(r"[a-z][a-z0-9_]*")
PLACES = re.compile(r"{(?:prefix|year|number)}")
# Beside the running number these would read as a part of it: two documents could come to bear the same number.
RUN_TOGETHER = re.compile(r"[0-9]{number}|{number}[0-9]|{year}{number}|{number}{year}")


# --- rules ------------------------------------------------------------------------------------------------------------


def cases_of_rule(row: FormRule, rows: QuerySet[Application]) -> QuerySet[Application]:
    """Those of ``rows`` that are before acceptance and go by this row: a programme's own goes before the general one."""
    rows = rows.filter(state__in=("form_check", "correction"))
    if row.programme:
        return rows.filter(project__programme=row.programme)
    own = FormRule.objects.filter(rule=row.rule).exclude(programme="").values("programme")
    return rows.exclude(project__programme__in=own)


def rule_problems(row: FormRule) -> Iterator[Problem]:
    yield from unknown_programme(row.programme)
    if row.rule not in LABELS:
        yield Problem("rule_unknown", "rule", gettext_noop("没有这条自动规则。"))


# --- reasons of late findings -----------------------------------------------------------------------------------------


def late_code_problems(row: LateCode) -> Iterator[Problem]:
    if row._state.adding and not CODE.fullmatch(row.code):
        yield Problem("code", "code", gettext_noop("代码用小写英文字母、数字和下划线，以字母开头。"))
    if not row.label.strip() or not row.label.isprintable():
        yield Problem("required", "label", gettext_noop("请填写理由，一行之内，不含控制字符。"))
    others = LateCode.objects.exclude(pk=row.pk)
    if others.in_use().filter(label=row.label.strip()).exists():
        yield Problem("label_taken", "label", gettext_noop("已有同样文字的理由在用。"))
    if row.valid_until and not others.filter(Q(valid_until=None) | Q(valid_until__gt=row.valid_until)).exists():
        message = gettext_noop("至少保留一个在用的理由；请先增加另一个。")
        yield Problem("last", "valid_until", message)
    if not row._state.adding:
        yield from _borne_problems(row)


def _borne_problems(row: LateCode) -> Iterator[Problem]:
    """Findings bear the code and are read by its words: neither their sense nor the day they were noted is denied."""
    borne = Finding.objects.filter(late_code=row.pk)
    before = LateCode.objects.values_list("label", flat=True).get(pk=row.pk)
    if row.label != before and borne.exists():
        message = gettext_noop("已有 %(n)s 个问题选用这一理由，文字不能再改；请停用它，另增加一个。")
        yield Problem("label_borne", "label", message, {"n": borne.count()})
    if row.valid_until and borne.filter(at__date__gt=row.valid_until).exists():
        message = gettext_noop("该日以后还有问题选用这一理由，停用日期不能早于那些问题。")
        yield Problem("used_later", "valid_until", message)


# --- forms of notices -------------------------------------------------------------------------------------------------

# What a document cannot do without beside its number: without a decision it says nothing, and a refusal must tell how
# to appeal.
NEEDED = {
    NoticeKind.ACCEPTANCE: ("text",),
    NoticeKind.REFUSAL: ("text", "remedy"),
    NoticeKind.SANCTION: ("remedy",),
    NoticeKind.NONRENEWAL: ("text", "remedy"),
}


def notice_problems(row: NoticeForm) -> Iterator[Problem]:
    yield from _pattern_problems(row.pattern)
    same = NoticeForm.objects.filter(pattern=row.pattern).exclude(pk=row.pk).first()
    if same is not None:
        message = gettext_noop("“%(kind)s”已用同样的编号样式，两种文书的编号须能区分。")
        yield Problem("pattern_taken", "pattern", message, {"kind": str(same)})
    yield from numbered_certificates(row.pattern)
    for name in NEEDED.get(NoticeKind(row.kind), ()):
        if not getattr(row, name).strip():
            yield Problem("required", name, gettext_noop("该文书须写明这一项，不能留空。"))


def _pattern_problems(pattern: str) -> Iterator[Problem]:
    left = PLACES.sub("", pattern)
    if "{" in left or "}" in left:
        message = gettext_noop("花括号内只能是 {prefix}、{year}、{number}。")
        yield Problem("placeholder_unknown", "pattern", message)
    if not pattern.isprintable():
        yield Problem("text", "pattern", gettext_noop("编号样式写在一行内，不含控制字符和全角空格。"))
    if pattern.count("{number}") != 1 or any(pattern.count(place) > 1 for place in ("{prefix}", "{year}")):
        message = gettext_noop("须有一个流水号 {number}；{prefix}、{year} 最多各一个。")
        yield Problem("number_missing", "pattern", message)
    if RUN_TOGETHER.search(pattern):
        message = gettext_noop("流水号 {number} 前后不能紧接数字或 {year}，请用“-”“〕”等隔开。")
        yield Problem("run_together", "pattern", message)


def example_of(row: NoticeForm, prefix: str, day: date) -> str:
    """What the first number of the year looks like."""
    return number_of(row.pattern, prefix, day.year, "00001")
