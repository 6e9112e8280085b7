"""What an incentive policy may say: levels that its programme has, values that fit a confirmation, text that can be printed.

Hides: which texts come onto a confirmation, and that an empty value is no mistake but means that nobody has set it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from evaluation.models import IncentivePolicy
from portal.problems import Problem, gettext_noop
from portal.typesetting import problem_of_characters

VALUE_AT_MOST = 40  # characters
CODE = re.compile(r"[a-z][a-z0-9_]{1,29}", re.ASCII)
PRINTED = ("name", "document_number", "unit", "conditions", "cap", "department", "basis")


def problems(row: IncentivePolicy) -> Iterator[Problem]:
    """Everything that keeps a policy from being kept as it is."""
    if row._state.adding:
        yield from _new_problems(row)
    if not row.name.strip():
        yield Problem("required", "name", gettext_noop("请填写政策名称。"))
    if row.valid_from and row.valid_until and row.valid_until < row.valid_from:
        yield Problem("order", "valid_until", gettext_noop("停用日期不能早于启用日期。"))
    yield from _value_problems(row)
    for place in PRINTED:
        problem = problem_of_characters(getattr(row, place), place)
        if problem is not None:
            yield problem


def _new_problems(row: IncentivePolicy) -> Iterator[Problem]:
    if not CODE.fullmatch(row.code):
        yield Problem(
            "code", "code", gettext_noop("代码以小写英文字母开头，只用小写字母、数字和下划线，2 至 30 个字符。")
        )
    if row.valid_from is None:
        message = gettext_noop("请填写启用日期：当日及以后颁发的星级证书适用这项政策。")
        yield Problem("required", "valid_from", message)


def _value_problems(row: IncentivePolicy) -> Iterator[Problem]:
    levels = {str(level.level) for level in row.programme.standard.parsed.levels if level.level > 0}
    least = str(row.least_level)
    if least not in levels:
        yield Problem("level", "least_level", gettext_noop("该评价类别没有这一等级。"))
    values = row.values
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        yield Problem("values", "values", gettext_noop("每行写星级和数值，例如“2 10”；没有设定的星级不写。"))
        return
    for level in sorted(set(values) - levels):
        yield Problem("level", "values", gettext_noop("没有等级“%(level)s”。"), {"level": level[:20]})
    for text in values.values():
        if len(text) > VALUE_AT_MOST:
            yield Problem("too_long", "values", gettext_noop("一个数值最多 %(most)s 字。"), {"most": VALUE_AT_MOST})
        problem = problem_of_characters(text, "values")
        if problem is not None:
            yield problem
