"""The conditions by which cases are asked for: the fields of the queue's form and the words of its search line are the same.

Hides: how the name of a district, "是", "3" or "2026-11-01..2026-11-30" becomes a question to the database, and what is said
to whoever writes something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import cached_property, reduce
from operator import or_

from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from communities.models import District, Officer
from evaluation import handling
from evaluation.models import StageRule
from evaluation.models.case import FINAL_STATES
from evaluation.search_words import Word
from evaluation.sought import contains
from portal import clock
from portal.machine import MACHINES
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

FARTHEST = 250  # working days
SAID = 8  # values that a sentence names
YES, NO = ("是", "yes", "1", "true", "on"), ("否", "no", "0", "false")
ME, NOBODY = ("我", "me"), ("无", "none")


class Asking:
    """Who asks, on which day; reads the values that there are once, and only those that are asked for."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.today = timezone.localdate()

    @cached_property
    def _rules(self) -> list[StageRule]:
        rows = StageRule.objects.select_related("programme__standard").order_by("programme", "position")
        return list(rows.only("stage", "programme__name", "programme__standard__sha256"))

    @cached_property
    def state(self) -> dict[str, str]:
        return {code: str(name) for code, name in MACHINES["application"].states.items() if code != "draft"}

    @cached_property
    def stage(self) -> dict[str, str]:
        rules = {rule.stage: rule for rule in self._rules}
        return {code: rule.programme.standard.parsed.stage(code).name for code, rule in rules.items()}

    @cached_property
    def programme(self) -> dict[str, str]:
        return {rule.programme_id: rule.programme.name for rule in self._rules}

    @cached_property
    def level(self) -> dict[str, str]:
        names: dict[int, dict[str, None]] = {}
        for programme in {rule.programme_id: rule.programme for rule in self._rules}.values():
            for entry in programme.standard.parsed.levels:
                names.setdefault(entry.level, {})[entry.name] = None
        return {str(level): "、".join(found) for level, found in sorted(names.items())}

    @cached_property
    def district(self) -> dict[str, str]:
        return dict(District.objects.values_list("code", "name"))

    @cached_property
    def handler(self) -> dict[str, str]:
        rows = Officer.objects.on(self.today).filter(duty__in=handling.DUTIES).order_by("user__name", "user")
        return {str(pk): name for pk, name in rows.values_list("user", "user__name")}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. code: its name in an address and, like label, in the search line; example: for whoever learns it.

    read: one value as it was written -> what the database is asked. Raises ValueError, or Refused in words of its own.
    wanted: what its values look like, for whoever wrote another. label and example are Chinese; both are read in Chinese
    and told in the reader's language: ``written``, ``shown``.
    """

    code: str
    label: str
    example: str
    wanted: str | Promise
    read: Callable[[Asking, str], Q]
    choices: str = ""  # attribute of Asking with code -> name, where there are choices
    told: str | Promise = ""  # what the field of the form is called, where it is not the label

    @property
    def written(self) -> str:
        """Its name in the search line as the reader writes it: the Chinese one, or the code that every keyboard has."""
        return self.label if (get_language() or "zh").startswith("zh") else self.code

    @property
    def shown(self) -> str:
        """An example that its reader can copy into the search line."""
        return _(self.example)

    def of(self, asking: Asking, word: Word) -> Q:
        """What the database is asked for one word: one of its values. Raises Refused with all that is wrong in it."""
        found, problems = [], []
        for value in word.values:
            try:
                found.append(self.read(asking, value))
            except ValueError:
                problems.append(self._wrong(word))
            except Refused as refused:
                problems += refused.problems
        if problems:
            raise Refused(problems)
        return reduce(or_, found)

    def _wrong(self, word: Word) -> Problem:
        message = gettext_noop("“%(word)s”写法不对：“%(label)s”后面写%(wanted)s，如 %(example)s。")
        words = {"word": word.typed[:60], "label": self.written, "wanted": str(self.wanted), "example": self.shown}
        return Problem("value_wrong", self.code, message, words)


# --- what values mean ---------------------------------------------------------------------------------------------


def _chosen(name: str, column: str, label: str | Promise) -> Callable[[Asking, str], Q]:
    """A value out of a list, by its code, its name, or a part of a name that only one of them has."""

    def read(asking: Asking, value: str) -> Q:
        return Q(**{column: code_of(getattr(asking, name), value, name, label)})

    return read


def code_of(known: Mapping[str, str], value: str, place: str, label: str | Promise) -> str:
    """The code that ``value`` means. Raises Refused where none or several are meant, and says which there are."""
    if value in known:
        return value
    exact = [code for code, name in known.items() if name == value]
    begun = [code for code, name in known.items() if name.startswith(value)]
    within = [code for code, name in known.items() if value in name]
    for found in (exact, begun, within):
        if len(found) == 1:
            return found[0]
        if found:
            words = {"value": value, "label": str(label), "names": _("、").join(known[code] for code in found[:SAID])}
            message = gettext_noop("“%(label)s”中有几个都叫“%(value)s”：%(names)s。请写全名。")
            raise Refused([Problem("value_several", place, message, words)])
    names = get_close_matches(value, known.values(), SAID, 0.4) or list(known.values())
    words = {
        "value": value[:40],
        "label": str(label),
        "names": _("、").join(names[:SAID]) + (_("……") if len(names) > SAID else ""),
    }
    message = gettext_noop("“%(label)s”中没有“%(value)s”。可以写：%(names)s。")
    raise Refused([Problem("value_unknown", place, message, words)])


def _truth(question: Callable[[Asking], Q]) -> Callable[[Asking, str], Q]:
    def read(asking: Asking, value: str) -> Q:
        if value.lower() in YES:
            return question(asking)
        if value.lower() in NO:
            return ~question(asking)
        raise ValueError

    return read


def _late(asking: Asking) -> Q:
    return Q(due_on__lt=asking.today, due_on__isnull=False) & ~Q(state__in=FINAL_STATES)


def _failed(asking: Asking) -> Q:
    return ~Q(fault="")


def _paused(asking: Asking) -> Q:
    return Q(paused_on__isnull=False)


def _whole(value: str, most: int) -> int:
    number = int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else -1
    if not 0 <= number <= most:
        raise ValueError
    return number


def _within(asking: Asking, value: str) -> Q:
    """Not over yet, and over within so many working days."""
    last = clock.calendar().add_workdays(asking.today, _whole(value, FARTHEST)).date
    return Q(due_on__gte=asking.today, due_on__lte=last)


def _round(asking: Asking, value: str) -> Q:
    return Q(correction_round=_whole(value, 99))


def _span(value: str) -> tuple[date | None, date | None]:
    """A day, or two with ".." between, of which one may be left out."""
    first, dots, last = value.replace("…", "..").replace("~", "..").partition("..")
    begin = date.fromisoformat(first) if first else None
    end = (date.fromisoformat(last) if last else None) if dots else begin
    if (begin is None and end is None) or (begin and end and begin > end):
        raise ValueError
    return begin, end


def _due(asking: Asking, value: str) -> Q:
    begin, end = _span(value)
    return (Q(due_on__gte=begin) if begin else Q(due_on__isnull=False)) & (Q(due_on__lte=end) if end else Q())


def _since(asking: Asking, value: str) -> Q:
    begin, end = _span(value)
    asked = Q(state_since__gte=_moment(begin, time.min)) if begin else Q()
    return asked & (Q(state_since__lte=_moment(end, time.max)) if end else Q())


def _moment(day: date, hour: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, hour))


def _handler(asking: Asking, value: str) -> Q:
    """Cases that this person holds in their present step; of nobody's, those of a step that somebody could hold."""
    if value in NOBODY:
        return Q(state__in=handling.SERVED_BY) & ~reduce(or_, map(_held, handling.DUTIES))
    person = asking.user if value in ME else User(pk=int(code_of(asking.handler, value, "handler", HANDLER)))
    return reduce(or_, (handling.held_by(person, duty) for duty in handling.DUTIES))


def _held(duty: str) -> Q:
    states = [state for state, serving in handling.SERVED_BY.items() if serving == duty]
    held = Q(handler__isnull=False, handler_duty=duty)
    return Q(state__in=states) & (held | Q(organiser__isnull=False) if duty == "organiser" else held)


def _text_in(place: str) -> Callable[[Asking, str], Q]:
    return lambda asking, value: contains(asking.user, value, (place,))


# --- the table ----------------------------------------------------------------------------------------------------

TRUTH, TEXT = gettext_lazy("是或否"), gettext_lazy("其中连续的几个字")
NAME, SPAN = gettext_lazy("名称"), gettext_lazy("一个日期，或用 .. 隔开的起止日期")
COUNT = gettext_lazy("整数")
# what the fields are called, in the form and in sentences about them
STEP, STAGE, DISTRICT = gettext_lazy("环节"), gettext_lazy("阶段"), gettext_lazy("区县")
PROGRAMME, LEVEL = gettext_lazy("评价类别"), gettext_lazy("目标等级")
HANDLER = pgettext_lazy("officer", "经办人")  # "经办人" alone is who acts for a unit

CONDITIONS: Mapping[str, Condition] = {
    row.code: row
    for row in (
        Condition("state", "环节", gettext_noop("环节:形式审查"), NAME, _chosen("state", "state", STEP), "state", STEP),
        Condition("stage", "阶段", gettext_noop("阶段:设计评价"), NAME, _chosen("stage", "stage", STAGE), "stage", STAGE),
        Condition(
            "district", "区县", gettext_noop("区县:渝北"), NAME,
            _chosen("district", "project__community__district", DISTRICT), "district", DISTRICT,
        ),
        Condition(
            "programme", "类别", gettext_noop("类别:智慧小区"), NAME,
            _chosen("programme", "project__programme", PROGRAMME), "programme", PROGRAMME,
        ),
        Condition(
            "level", "等级", gettext_noop("等级:三星"), NAME, _chosen("level", "project__target_level", LEVEL), "level",
            LEVEL,
        ),
        Condition(
            "handler", "经办人", gettext_noop("经办人:我"), gettext_lazy("姓名，本人写“我”，无人经办写“无”"), _handler,
            "handler", HANDLER,
        ),
        Condition("late", "逾期", gettext_noop("逾期:是"), TRUTH, _truth(_late), told=gettext_lazy("逾期")),
        Condition("within", "剩余", gettext_noop("剩余:3"), COUNT, _within, told=gettext_lazy("几个工作日内到期")),
        Condition("paused", "暂停", gettext_noop("暂停:是"), TRUTH, _truth(_paused), told=gettext_lazy("计时已暂停")),
        Condition("fault", "出错", gettext_noop("出错:是"), TRUTH, _truth(_failed), told=gettext_lazy("自动步骤出错")),
        Condition("round", "轮次", gettext_noop("轮次:2"), COUNT, _round, told=gettext_lazy("补正轮次")),
        Condition("due", "期限", gettext_noop("期限:2026-11-01..2026-11-30"), SPAN, _due, told=gettext_lazy("期限")),
        Condition("since", "进入", gettext_noop("进入:2026-11-01.."), SPAN, _since, told=gettext_lazy("进入本环节")),
        Condition("community", "小区", gettext_noop("小区:示例里"), TEXT, _text_in("community"), told=gettext_lazy("小区")),
        Condition("number", "编号", gettext_noop("编号:2026-0012"), TEXT, _text_in("number"), told=gettext_lazy("案卷编号")),
        Condition("unit", "单位", gettext_noop("单位:示例置业"), TEXT, _text_in("unit"), told=gettext_lazy("申报单位")),
        Condition("people", "人员", gettext_noop("人员:张"), TEXT, _text_in("people"), told=gettext_lazy("经办人员")),
        Condition(
            "consultant", "咨询", gettext_noop("咨询:示例咨询"), TEXT, _text_in("consultant"),
            told=gettext_lazy("咨询服务单位"),
        ),
    )
}  # fmt: skip
BY_LABEL: Mapping[str, Condition] = {row.label: row for row in CONDITIONS.values()}


def question(asking: Asking, word: Word) -> Q:
    """What the database is asked for one word of a search line, or one field of the form. Raises Refused."""
    if not word.key:
        found = reduce(or_, (contains(asking.user, value) for value in word.values))
    else:
        found = _condition(word).of(asking, word)
    return ~found if word.negated else found


def _condition(word: Word) -> Condition:
    found = CONDITIONS.get(word.key.lower()) or BY_LABEL.get(word.key)
    if found is not None:
        return found
    names = [row.written for row in CONDITIONS.values()]
    near = get_close_matches(word.key, names, 3, 0.3) or names
    message = gettext_noop('没有“%(key)s”这个条件。可以写：%(keys)s。要查找带冒号的文字，请加引号，如 "%(typed)s"。')
    words = {"key": word.key[:40], "keys": _("、").join(near), "typed": word.typed[:40]}
    raise Refused([Problem("key_unknown", "q", message, words)])


def explained() -> list[tuple[str, str, str]]:
    """Label, what is written after it, an example: for the page."""
    told = {
        row: _("%(what)s，写%(wanted)s") % {"what": row.told, "wanted": row.wanted}
        for row in CONDITIONS.values()
        if str(row.told) not in ("", row.written)
    }
    return [
        (row.written, told.get(row) or _("写%(wanted)s") % {"wanted": row.wanted}, row.shown)
        for row in CONDITIONS.values()
    ]
