"""What a list of cases can say of each: one column a fact, in words, with how it is fetched and sorted.

Hides: which rows of which tables a column needs, and how an order puts what has no value last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, F, IntegerField, OuterRef, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from evaluation import handling, wording
from evaluation.models import Application, Engagement
from evaluation.models.case import ApplicationQuerySet
from portal.machine import MACHINES
from portal.templatetags.portal import deadline_words
from portal.workdays import Calendar


def _as_it_is(rows: ApplicationQuerySet) -> ApplicationQuerySet:
    return rows


@dataclass(frozen=True, slots=True)
class Column:
    """One fact about a case.

    value: in words; fetch: adds to the rows that ``desk.rows`` found what ``value`` reads; sort: by what they are put in
    order, made anew at each call.
    """

    code: str
    label: str | Promise
    value: Callable[[Application, Calendar], str]
    sort: Callable[[], Combinable]
    fetch: Callable[[ApplicationQuerySet], ApplicationQuerySet] = _as_it_is


def _by(path: str) -> Callable[[], Combinable]:
    return lambda: F(path)


def due_words(row: Application, calendar: Calendar) -> str:
    """还剩 3 个工作日（11月26日）, and beside it, or instead, that a clock stands still."""
    words = [standing_still(row)]
    if row.due_on is not None:
        _lamp, left, when = deadline_words(calendar, row.due_on)
        words.insert(0, _("%(left)s（%(when)s）") % {"left": left, "when": when})
    return _("；").join(word for word in words if word) or _("无期限")


def standing_still(row: Application) -> str:
    """That a clock of the case was stopped, and what it keeps; "" while none is."""
    if row.days_left is None:
        return ""
    if row.paused_on is not None:
        words = ngettext("已暂停计时，剩余 %(n)s 个工作日", "已暂停计时，剩余 %(n)s 个工作日", row.days_left)
    else:  # while the applicant corrects: the deadline is the applicant's
        words = ngettext(
            "主管部门停止计时，剩余 %(n)s 个工作日", "主管部门停止计时，剩余 %(n)s 个工作日", row.days_left
        )
    return words % {"n": row.days_left}


def _state(row: Application, calendar: Calendar) -> str:
    return str(MACHINES["application"].states[row.state])


def _in_order_of_states() -> Combinable:
    order = [When(state=code, then=Value(place)) for place, code in enumerate(MACHINES["application"].states)]
    return Case(*order, output_field=IntegerField())


def _since(row: Application, calendar: Calendar) -> str:
    return timezone.localdate(row.state_since).isoformat()


def _consultants(row: Application, calendar: Calendar) -> str:
    return _("、").join(one.organisation.name for one in row.project.consultants)


def _first_consultant() -> Combinable:
    engaged = Engagement.objects.on(timezone.localdate()).filter(project=OuterRef("project"))
    return Subquery(engaged.order_by("organisation__name").values("organisation__name")[:1])


def _with_consultants(rows: ApplicationQuerySet) -> ApplicationQuerySet:
    return rows.prefetch_related(Engagement.objects.prefetch_at("project__"))


def _level(row: Application, calendar: Calendar) -> str:
    return wording.level_name(row.standard, row.project.target_level)


def _handler(row: Application, calendar: Calendar) -> str:
    return handling.handler_name(row)


def _by_handler() -> Combinable:
    """Of a panel that nobody else holds its organiser."""
    return Coalesce("handler__name", "organiser__name")


def _fact(path: str) -> Callable[[Application, Calendar], str]:
    """What stands at a path of attributes."""
    names = path.split("__")

    def value(row: Application, calendar: Calendar) -> str:
        found: Any = row
        for name in names:
            found = getattr(found, name)
        return str(found)

    return value


COLUMNS: Mapping[str, Column] = {
    column.code: column
    for column in (
        Column("due", gettext_lazy("期限"), due_words, _by("due_on")),
        Column("community", gettext_lazy("小区"), _fact("project__community__name"), _by("project__community__name")),
        Column("number", gettext_lazy("案卷编号"), _fact("project__number"), _by("project__number")),
        Column(
            "district", gettext_lazy("区县"), _fact("project__community__district__name"), _by("project__community__district")
        ),
        Column("unit", gettext_lazy("申报单位"), _fact("project__organisation__name"), _by("project__organisation__name")),
        Column(
            "credit_code", gettext_lazy("统一社会信用代码"), _fact("project__organisation__credit_code"),
            _by("project__organisation__credit_code"),
        ),
        Column(
            "consultant", gettext_lazy("咨询服务单位"), _consultants, _first_consultant, _with_consultants
        ),
        Column(
            "programme", gettext_lazy("评价类别"), _fact("project__programme__name"), _by("project__programme__name"),
            lambda rows: rows.prefetch_related("project__programme"),
        ),
        Column("stage", gettext_lazy("阶段"), _fact("stage_name"), _by("stage")),
        Column("state", gettext_lazy("环节"), _state, _in_order_of_states),
        Column("since", gettext_lazy("进入本环节"), _since, _by("state_since")),
        Column("level", gettext_lazy("目标等级"), _level, _by("project__target_level")),
        Column("round", gettext_lazy("补正轮次"), _fact("correction_round"), _by("correction_round")),
        Column("version", gettext_lazy("提交次数"), _fact("version"), _by("version")),
        Column(
            "handler", pgettext_lazy("officer", "经办人"), _handler, _by_handler,
            lambda rows: rows.select_related("handler", "organiser"),
        ),
    )
}  # fmt: skip
# the columns of whoever has not chosen any
SHOWN = ("due", "community", "unit", "state")
