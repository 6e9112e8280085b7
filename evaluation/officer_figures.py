"""Figures for officers: where the cases are, rounds of correction, late findings, items that lose points, load of experts.

Hides: that every number is asked of the database with the very condition of the list it leads to, as its reader may see it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import Count
from django.db.models.functions import ExtractYear
from django.utils.translation import gettext as _

from evaluation import late_defects
from evaluation.figures import FLOOR, Asked, Cell, Column, Figure, Row, total
from evaluation.models import LateCode, Standard
from evaluation.models.case import FINAL_STATES
from evaluation.permissions import can_city, visible_to
from experts import pool
from experts.models import Expert, Field
from portal.machine import MACHINES
from portal.models import User
from portal.problems import gettext_noop

CASES = gettext_noop("案件数")
SHOWN_ITEMS = 15


def _cases(asked: Asked) -> Any:
    """The cases of the reader's queue, as the filters leave them."""
    rows = visible_to(asked.user).exclude(state="draft").order_by()
    said = {"project__programme": asked.programme, "project__community__district": asked.district}
    return rows.filter(**{name: value for name, value in said.items() if value})


def _queue(asked: Asked, **query: Any) -> str:
    """The queue that shows exactly these cases."""
    return asked.address("queue", programme=asked.programme, district=asked.district, **query)


def _head(label: str, *columns: Column) -> tuple[Column, ...]:
    return (Column("name", label, "text"), *columns)


# --- where the cases are ------------------------------------------------------------------------------------------


def _tally(asked: Asked) -> Counter[tuple[str, int]]:
    """State and round of correction -> cases: one reading of an index for two figures."""
    if "tally" not in asked.kept:
        rows = _cases(asked).values_list("state", "correction_round").annotate(n=Count("pk"))
        asked.kept["tally"] = Counter({(state, number): n for state, number, n in rows})
    return Counter(asked.kept["tally"])


def _states(asked: Asked) -> list[Row]:
    counts: Counter[str] = Counter()
    for (state, _number), n in _tally(asked).items():
        counts[state] += n
    late = _cases(asked).filter(due_on__lt=asked.day).exclude(state__in=FINAL_STATES)
    overdue = dict(late.values_list("state").annotate(n=Count("pk")))
    found = []
    for state, label in MACHINES["application"].states.items():
        n, behind = counts[state], overdue.get(state, 0)
        if n:
            link = _queue(asked, show="all", state=state)
            found.append((
                Cell(str(label)), Cell(n, link),
                Cell(behind, _queue(asked, show="all", state=state, late="是") if behind else ""),
            ))  # fmt: skip
    return found


def _says_states(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    words = {"n": total(rows, 1), "late": total(rows, 2)}
    return gettext_noop("您能看到的案件共 %(n)s 件，其中逾期 %(late)s 件。"), words


# --- rounds of correction -----------------------------------------------------------------------------------------


def _rounds(asked: Asked) -> list[Row]:
    counts: Counter[int] = Counter()
    for (_state, number), n in _tally(asked).items():
        counts[number] += n
    return [
        (Cell(_("未补正") if not number else _("补正 %(n)s 轮") % {"n": number}),
         Cell(n, _queue(asked, show="all", round=number)))
        for number, n in sorted(counts.items())
    ]  # fmt: skip


def _says_rounds(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    n, corrected = total(rows, 1), sum(row[1].value for row in rows if row[0].value != _("未补正"))
    return gettext_noop("%(n)s 件案件中 %(corrected)s 件补正过。"), {"n": n, "corrected": corrected}


# --- late findings ------------------------------------------------------------------------------------------------


def _late(asked: Asked) -> list[Row]:
    labels = dict(LateCode.objects.values_list("code", "label"))
    found = late_defects.narrowed(
        late_defects.late_findings(_person(asked)), year=asked.year, programme=asked.programme, district=asked.district
    )
    rows = found.order_by().annotate(year=ExtractYear("at")).values_list("year", "late_code")
    counts = rows.annotate(n=Count("pk")).order_by("year", "late_code")
    said = {"programme": asked.programme, "district": asked.district}
    return [
        (Cell(f"{year} · {_(labels.get(code, code))}"),
         Cell(n, asked.address("late-findings", year=year, code=code, **said)))
        for year, code, n in counts
    ]  # fmt: skip


def _person(asked: Asked) -> User:
    if asked.user is None:
        raise LookupError("a figure for officers is asked by somebody")
    return asked.user


def _says_late(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    return gettext_noop("首轮告知以后新提出的问题共 %(n)s 个。"), {"n": total(rows, 1)}


# --- items that lose points ---------------------------------------------------------------------------------------


def _items(asked: Asked) -> list[Row]:
    judged, losing = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    lost, full = defaultdict[tuple[int, str], Fraction](Fraction), defaultdict[tuple[int, str], Fraction](Fraction)
    for standard, programme, year, _stage, code, n, under, gone, whole in asked.nightly("items"):
        if asked.programme in ("", programme) and asked.year in (None, year):
            key = (standard, code)
            judged[key] += n
            losing[key] += under
            lost[key] += Fraction(gone)
            full[key] += Fraction(whole)
    told = [key for key, n in judged.items() if n >= asked.parameter(FLOOR) and full[key]]
    worst = sorted(told, key=lambda key: (-lost[key] / full[key], key))[:SHOWN_ITEMS]
    rows = Standard.objects.defer("document", "notice").filter(pk__in={standard for standard, _code in worst})
    standards = {row.pk: row for row in rows}
    return [_item(standards[key[0]], key[1], judged[key], losing[key], lost[key] / full[key]) for key in worst]


def _item(standard: Standard, code: str, judged: int, losing: int, ratio: Fraction) -> Row:
    parsed = standard.parsed
    names = {item.code: item.name for stage in parsed.scored_stages for item in parsed.items(stage.code)}
    percent = int(200 * ratio + 1) // 2
    link = f"{standard.get_absolute_url()}#item-{code}"
    return (Cell(f"{code} {names[code]}", link), Cell(str(standard)), Cell(judged), Cell(losing), Cell(percent))


def _says_items(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    if not rows:
        return gettext_noop("还没有一个条目达到 %(floor)s 件，不单独列示。"), {"floor": asked.parameter(FLOOR)}
    words = {"item": rows[0][0].value, "share": rows[0][4].value}
    return gettext_noop("失分率最高的是 %(item)s，失去满分的 %(share)s%%。"), words


# --- load of experts ----------------------------------------------------------------------------------------------


def _load(asked: Asked) -> list[Row]:
    """By field; an expert of several fields is counted in each."""
    day = date(asked.chosen_year, 12, 31)
    loads = dict(pool.search(day, state="serving").order_by().values_list("pk", "load"))
    fields: defaultdict[str, list[int]] = defaultdict(list)
    for expert, field in Expert.fields.through.objects.filter(expert__state="serving").values_list("expert", "field"):
        fields[field].append(loads.get(expert, 0))
    found = []
    for code, name in Field.objects.order_by("pk").values_list("pk", "name"):
        if mine := fields.get(code):
            link = asked.address("experts", field=code, state="serving")
            mean = (20 * sum(mine) + len(mine)) // (2 * len(mine))
            found.append(
                (Cell(name), Cell(len(mine), link), Cell(sum(mine)), Cell(Decimal(mean).scaleb(-1)), Cell(max(mine)))
            )
    return found


def _says_load(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    if not rows:
        return gettext_noop("专家库中还没有在聘专家。"), {}
    most = max(rows, key=lambda row: row[3].value)
    words = {"year": asked.chosen_year, "field": most[0].value, "mean": most[3].value, "most": most[4].value}
    return gettext_noop(
        "%(year)s 年人均评审次数最多的专业是%(field)s，人均 %(mean)s 次，最多的一人 %(most)s 次。"
    ), words


FIGURES: tuple[Figure, ...] = (
    Figure(
        "states", gettext_noop("案件所在环节"),
        gettext_noop("现在在每个环节的案件，办结的也在内，填报中的不计；逾期是期限已过而没有办完的。不按年份。"),
        lambda asked: _head(
            gettext_noop("环节"), Column("count", CASES, drawn=True), Column("late", gettext_noop("其中逾期"), drawn=True)
        ),
        _states, _says_states, "see_statistics", ("programme", "district"),
    ),
    Figure(
        "rounds", gettext_noop("补正轮次"), gettext_noop("您能看到的案件，按已经补正的轮次。不按年份。"),
        lambda asked: _head(gettext_noop("轮次"), Column("count", CASES, drawn=True)),
        _rounds, _says_rounds, "see_statistics", ("programme", "district"),
    ),
    Figure(
        "late", gettext_noop("新增问题"),
        gettext_noop("首轮告知以后才提出的问题，按提出的年份和理由；受理员看到自己提出的，监督员看到全部。"),
        lambda asked: _head(gettext_noop("年份和理由"), Column("count", gettext_noop("个数"), drawn=True)),
        _late, _says_late, "see_late_findings",
    ),
    Figure(
        "items", gettext_noop("失分较多的条目"),
        gettext_noop(
            "已有结果的案件中，每个评分项失去的分占其满分之和的比例，不适用的不计，每个标准版本分开；不足 %(floor)s 件的条目"
            "不单独列示，最多列 %(most)s 条。不按区县。"
        ),
        lambda asked: _head(
            gettext_noop("条目"), Column("standard", gettext_noop("评价标准"), "text"), Column("judged", CASES),
            Column("losing", gettext_noop("其中失分")), Column("share", gettext_noop("失分率"), "percent", drawn=True),
        ),
        _items, _says_items, "see_item_losses", ("year", "programme"),
        words=lambda asked: {"floor": asked.parameter(FLOOR), "most": SHOWN_ITEMS}, nightly=True,
    ),
    Figure(
        "load", gettext_noop("专家负荷"),
        gettext_noop("在聘专家在 %(year)s 年参加的评审，按专业；一人有多个专业的在每个专业中都计，各行不可相加。不按区县和类别。"),
        lambda asked: _head(
            gettext_noop("专业"), Column("experts", gettext_noop("在聘专家")), Column("panels", gettext_noop("评审次数")),
            Column("mean", gettext_noop("人均次数"), "points", drawn=True), Column("most", gettext_noop("一人最多"), drawn=True),
        ),
        _load, _says_load, "see_expert_load", ("year",), words=lambda asked: {"year": asked.chosen_year},
    ),
)  # fmt: skip


def may_see(user: User | None, figure: Figure) -> bool:
    """Whether a reader sees a figure: everybody a public one."""
    return not figure.right or (user is not None and can_city(user, figure.right))
