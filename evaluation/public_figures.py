"""Figures for everybody: plan and done, stars, the way to a star, times, units that did well. Public facts and counts alone.

Hides: that certificates and notices are counted once after each change of anything public and kept in memory until the next;
that what is counted and what its list shows is one condition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db.models import BooleanField, Case, Count, F, Q, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import ExtractYear
from django.utils.translation import gettext as _

from evaluation import step_times
from evaluation.figures import FLOOR, LEAST, Asked, Cell, Column, Figure, Row, share, total
from evaluation.models import AnnualTarget, Certificate, PublicNotice
from portal.problems import gettext_noop

MOST_UNITS = 10
AGAIN = Q(succeeds__application=F("application"))  # the same award for another term or at a lower level
YEAR, DISTRICT, LABEL = gettext_noop("年份"), gettext_noop("区县"), gettext_noop("项目")
NOTHING = gettext_noop("还没有数据。")

# --- what is counted, and its list ----------------------------------------------------------------------------------

KINDS: Mapping[str, str] = {
    "awarded": gettext_noop("评定星级的小区"),
    "in_force": gettext_noop("现行有效的星级证书"),
    "provisional": gettext_noop("设计预评证书"),
    "revoked": gettext_noop("被撤销的证书"),
}


def _revoked(before: datetime | None) -> Q:
    return Q(state="revoked", state_since__lt=before) if before else Q(state="revoked")


def taken_back(before: datetime | None = None) -> frozenset[int]:
    """Certificates whose award was revoked after another term or a lower level had come in their place."""
    found: set[int] = set()
    ends = Certificate.objects.filter(AGAIN, _revoked(before)).values_list("succeeds", flat=True)
    while new := set(ends) - found:
        found |= new
        ends = Certificate.objects.filter(AGAIN, pk__in=new).values_list("succeeds", flat=True)
    return frozenset(found)


def awarded(before: datetime | None = None) -> Q:
    """Stars that were not revoked, or not before a moment."""
    return Q(is_final=True) & ~_revoked(before) & ~Q(pk__in=taken_back(before))


def of_kind(kind: str, day: date) -> Q:
    """Certificates of a kind of KINDS; "" for all."""
    if kind == "awarded":
        return awarded()
    return {
        "in_force": Q(is_final=True, state="valid", valid_until__gte=day),
        "provisional": Q(is_final=False),
        "revoked": Q(state="revoked"),
    }.get(kind, Q())


def certificates(asked: Asked, kind: str, level: int | None = None, unit: str = "") -> Any:
    """The list behind a number: newest first."""
    rows = Certificate.objects.filter(of_kind(kind, asked.day))
    if kind in ("awarded", "provisional"):
        rows = rows.exclude(AGAIN)
    said = {
        "issued_on__year": asked.year, "programme": asked.programme, "district": asked.district,
        "level": level, "organisation_name": unit,
    }  # fmt: skip
    return rows.filter(**{name: value for name, value in said.items() if value not in (None, "")}).newest_first()


# year, programme, district, level, name of the level, final?, state, in force?, the same award again?, taken back later?
Key = tuple[int, str, str, int, str, bool, str, bool, bool, bool]


@lru_cache(maxsize=2)
def _certificates(version: int, day: date) -> Mapping[Key, int]:
    """All certificates counted: one reading of the table as long as nothing public changes."""
    alive = Case(When(of_kind("in_force", day), then=True), default=False, output_field=BooleanField())
    again = Case(When(AGAIN, then=True), default=False, output_field=BooleanField())
    gone = Case(When(pk__in=taken_back(), then=True), default=False, output_field=BooleanField())
    rows = Certificate.objects.order_by().annotate(year=ExtractYear("issued_on"), alive=alive, again=again, gone=gone)
    keys = ("year", "programme", "district", "level", "level_name", "is_final", "state", "alive", "again", "gone")
    return {tuple(key): n for *key, n in rows.values_list(*keys).annotate(n=Count("pk"))}  # type: ignore[misc]


@lru_cache(maxsize=2)
def _notices(version: int) -> Mapping[tuple[int, str, str], int]:
    """All notices counted by year, programme and the district as it was published."""
    published = {"year": ExtractYear("opened_on"), "district": KeyTextTransform("district", "figures")}
    rows = PublicNotice.objects.order_by().annotate(**published)
    keys = rows.values_list("year", "application__project__programme", "district").annotate(n=Count("pk"))
    return {tuple(key): n for *key, n in keys}  # type: ignore[misc]


def forget() -> None:
    """What is kept in memory is counted anew; for tests, whose databases go back in time."""
    _certificates.cache_clear()
    _notices.cache_clear()


def counted(asked: Asked, kind: str, by: str, **fixed: Any) -> Counter[Any]:
    """Certificates of a kind by "year", "district", "level" or a pair of them, as the filters leave them.

    fixed: filters in place of those that are asked, None for none.
    """
    wanted = {"year": asked.year, "programme": asked.programme, "district": asked.district} | fixed
    found: Counter[Any] = Counter()
    for key, n in _certificates(asked.version, asked.day).items():
        year, programme, district, level, _name, is_final, state, alive, again, gone = key
        here = {"year": year, "programme": programme, "district": district, "level": level}
        if any(value not in (None, "", here[name]) for name, value in wanted.items()):
            continue
        if _is(kind, is_final, state, alive, again, gone):
            found[tuple(here[name] for name in by.split()) if " " in by else here[by]] += n
    return found


def _is(kind: str, is_final: bool, state: str, alive: bool, again: bool, gone: bool) -> bool:
    """The plain-Python face of ``certificates``."""
    return {
        "awarded": is_final and state != "revoked" and not again and not gone,
        "in_force": alive,
        "provisional": not is_final and not again,
        "revoked": state == "revoked",
    }[kind]


def _list(asked: Asked, kind: str, **more: Any) -> str:
    said = {"year": asked.year, "programme": asked.programme, "district": asked.district, "kind": kind} | more
    return asked.address("statistics-certificates", **said)


def level_names(asked: Asked) -> dict[int, str]:
    """Every level that was ever awarded under the chosen programme, the highest first, by the names it bears."""
    names: dict[int, dict[str, None]] = {}
    for key in _certificates(asked.version, asked.day):
        if key[5] and asked.programme in ("", key[1]):
            names.setdefault(key[3], {})[key[4]] = None
    return {level: _("、").join(found) for level, found in sorted(names.items(), reverse=True)}


# --- plan and done ------------------------------------------------------------------------------------------------


def targets(asked: Asked) -> Counter[tuple[int, str]]:
    """Year and district ("" the city) -> what is planned. Of a city without a plan of its own: what its districts plan."""
    rows = AnnualTarget.objects.filter(programme=asked.programme) if asked.programme else AnnualTarget.objects.all()
    found, city, parts = Counter[tuple[int, str]](), dict[tuple[int, str], int](), Counter[tuple[int, str]]()
    for year, programme, district, count in rows.values_list("year", "programme", "district", "count"):
        if district:
            found[year, district] += count
            parts[year, programme] += count
        else:
            city[year, programme] = count
    for (year, _programme), count in {**parts, **city}.items():
        found[year, ""] += count
    return found


def _planned(plan: int | None, done: int, link: str) -> tuple[Cell, Cell, Cell]:
    return Cell(plan), Cell(done, link if done else ""), Cell(share(done, plan) if plan else None)


PLANNED = (
    Column("plan", gettext_noop("计划"), drawn=True),
    Column("done", gettext_noop("完成"), drawn=True),
    Column("share", gettext_noop("完成率"), "percent"),
)


def _plan_years(asked: Asked) -> list[Row]:
    planned, place = targets(asked), asked.district
    done = counted(asked, "awarded", "year", year=None)
    years = {year for year, district in planned if district == place} | set(done)
    return [
        (Cell(str(year)), *_planned(planned.get((year, place)), done[year], _list(asked, "awarded", year=year)))
        for year in sorted(years)
        if asked.year in (None, year)
    ]


def _says_years(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    if not rows:
        return NOTHING, {}
    last = rows[-1]
    words = {"year": last[0].value, "done": last[2].value, "plan": last[1].value, "share": last[3].value}
    if last[1].value is None:
        return gettext_noop("%(year)s 年评定星级小区 %(done)s 个；这一年没有登记计划。"), words
    if last[3].value is None:
        return gettext_noop("%(year)s 年计划 %(plan)s 个，评定 %(done)s 个。"), words
    return gettext_noop("%(year)s 年计划 %(plan)s 个，评定 %(done)s 个，完成 %(share)s%%。"), words


def _plan_districts(asked: Asked) -> list[Row]:
    planned, year = targets(asked), asked.chosen_year
    done = counted(asked, "awarded", "district", year=year)
    found = []
    for code, name in asked.district_names.items():
        plan = planned.get((year, code))
        if asked.district in ("", code) and (plan is not None or done[code]):
            link = _list(asked, "awarded", year=year, district=code)
            found.append((Cell(name), *_planned(plan, done[code], link)))
    return found


def _says_districts(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    reached = sum(1 for row in rows if row[1].value and row[2].value >= row[1].value)
    words = {
        "year": asked.chosen_year, "done": total(rows, 2), "n": sum(1 for row in rows if row[2].value),
        "planned": sum(1 for row in rows if row[1].value), "reached": reached,
    }  # fmt: skip
    if not rows:
        return gettext_noop("%(year)s 年还没有区县登记计划或评定星级小区。"), words
    return gettext_noop(
        "%(year)s 年 %(n)s 个区县评定星级小区 %(done)s 个；登记了计划的 %(planned)s 个区县中，%(reached)s 个已完成。"
    ), words


# --- stars --------------------------------------------------------------------------------------------------------


def _stars(asked: Asked) -> tuple[Column, ...]:
    levels = level_names(asked).items()
    return (*(Column(f"level_{level}", name, drawn=True, is_name=True) for level, name in levels), ALL)


ALL = Column("all", gettext_noop("合计"))


def _by_level(asked: Asked, kind: str, found: Counter[Any], key: Any, **more: Any) -> Iterator[Cell]:
    """The cells of one row: each level, then all of them."""
    for level in (*level_names(asked), None):
        n = found[key, level] if level is not None else sum(n for (one, _level), n in found.items() if one == key)
        yield Cell(n, _list(asked, kind, level=level, **more) if n else "")


def _stars_years(asked: Asked) -> list[Row]:
    found = counted(asked, "awarded", "year level")
    return [
        (Cell(str(year)), *_by_level(asked, "awarded", found, year, year=year))
        for year in sorted({year for year, _level in found})
    ]


def _stars_districts(asked: Asked) -> list[Row]:
    found = counted(asked, "in_force", "district level")
    seen = {district for district, _level in found}
    return [
        (Cell(name), *_by_level(asked, "in_force", found, code, district=code))
        for code, name in asked.district_names.items()
        if code in seen
    ]


def _says_stars(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    words = {"n": len(rows), "all": total(rows, -1)}
    return (gettext_noop("%(n)s 年间共评定星级小区 %(all)s 个。"), words) if rows else (NOTHING, {})


def _says_in_force(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    if not rows:
        return NOTHING, {}
    most = max(rows, key=lambda row: row[-1].value)
    words = {"n": len(rows), "all": total(rows, -1), "most": most[0].value, "count": most[-1].value}
    return gettext_noop("%(n)s 个区县现有有效星级证书 %(all)s 份，最多的是%(most)s，%(count)s 份。"), words


# --- the way to a star --------------------------------------------------------------------------------------------

PUBLIC_STEPS: tuple[tuple[str, str], ...] = (
    ("provisional", gettext_noop("颁发设计预评证书")),
    ("awarded", gettext_noop("评定星级")),
    ("in_force", gettext_noop("星级证书现行有效")),
    ("revoked", gettext_noop("证书被撤销")),
)


def _journey(asked: Asked) -> list[Row]:
    wanted = (asked.year, asked.programme, asked.district_name)
    noticed = sum(
        n for key, n in _notices(asked.version).items()
        if all(value in (None, "", here) for value, here in zip(wanted, key, strict=True))
    )  # fmt: skip
    link = asked.address("notices") if noticed and not any(wanted) else ""
    rows: list[Row] = [(Cell(_("公示结果")), Cell(noticed, link))]
    for kind, label in PUBLIC_STEPS:
        n = sum(counted(asked, kind, "year").values())
        rows.append((Cell(_(label)), Cell(n, _list(asked, kind) if n else "")))
    return rows


def _says_journey(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    counts = [row[1].value for row in rows]
    words = dict(zip(("noticed", "provisional", "awarded", "in_force", "revoked"), counts, strict=True))
    return gettext_noop(
        "公示 %(noticed)s 次，颁发设计预评证书 %(provisional)s 份，评定星级 %(awarded)s 个，现行有效 %(in_force)s 份。"
    ), words


# --- times --------------------------------------------------------------------------------------------------------

STEPS: Mapping[str, str] = {
    "form_check": gettext_noop("形式审查"),
    "correction": gettext_noop("补正"),
    "recommendation": gettext_noop("区县推荐"),
    "draw": gettext_noop("抽取专家"),
    "invitation": gettext_noop("专家确认"),
    "review": gettext_noop("专家评审"),
    "revision": gettext_noop("按专家意见修改"),
    "revision_check": gettext_noop("组长核对修改"),
    "approval": gettext_noop("审定"),
    "notice": gettext_noop("公示"),
}


def durations(asked: Asked) -> dict[str, tuple[Counter[int], int]]:
    """Step -> working days with their counts, and how many were in time, as the newest nightly count has them."""
    found: dict[str, tuple[Counter[int], int]] = {}
    for programme, district, year, _stage, step, days, in_time, n in asked.nightly("times"):
        if all(
            wanted in (None, "", here)
            for wanted, here in ((asked.programme, programme), (asked.district, district), (asked.year, year))
        ):
            counts, good = found.get(step, (Counter(), 0))
            counts[days] += n
            found[step] = counts, good + n * in_time
    return found


def times(asked: Asked) -> list[Row]:
    found, floor, rows, limits = durations(asked), asked.parameter(FLOOR), [], step_times.Limits()
    for step, label in STEPS.items():
        counts, in_time = found.get(step, (Counter(), 0))
        n = sum(counts.values())
        if n < floor:
            continue
        rows.append((
            Cell(_(label)), Cell(n), Cell(step_times.nearest_rank(counts, step_times.MEDIAN)),
            Cell(step_times.nearest_rank(counts, step_times.SLOW)), Cell(limits.of(step, asked.programme, asked.day)),
            Cell(share(in_time, n)),
        ))  # fmt: skip
    return rows


def _says_times(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    if not asked.counted:
        return gettext_noop("用时每天夜间统计一次，还没有统计过。"), {}
    if not rows:
        return gettext_noop("没有一个环节达到 %(floor)s 件，不单独列示。"), {"floor": asked.parameter(FLOOR)}
    slow = max(rows, key=lambda row: row[3].value)
    words = {"step": slow[0].value, "median": slow[2].value, "slow": slow[3].value}
    return gettext_noop(
        "用时最长的是%(step)s：一半在 %(median)s 个工作日内办完，九成在 %(slow)s 个工作日内办完。"
    ), words


# --- units that did well ------------------------------------------------------------------------------------------


def _units(asked: Asked) -> list[Row]:
    """Never who did worst: whoever has fewer awards, or lost a certificate, is in no row."""
    lost = Certificate.objects.filter(of_kind("revoked", asked.day)).values("organisation_name")  # whatever is asked
    awards = certificates(asked, "awarded").order_by().exclude(organisation_name__in=lost)
    counts: dict[str, Counter[int]] = {}
    for name, level, n in awards.values_list("organisation_name", "level").annotate(n=Count("pk")):
        counts.setdefault(name, Counter())[level] += n
    levels, least = tuple(level_names(asked)), asked.parameter(LEAST)
    good = {name: found for name, found in counts.items() if found.total() >= least}

    def merit(name: str) -> tuple[int, ...]:
        return tuple(-good[name][level] for level in levels)

    best = sorted(good, key=lambda name: (merit(name), name))[:MOST_UNITS]
    flat = Counter({(name, level): n for name in best for level, n in good[name].items()})
    return [(Cell(name), *_by_level(asked, "awarded", flat, name, unit=name)) for name in best]


def _says_units(asked: Asked, rows: list[Row]) -> tuple[str, Mapping[str, Any]]:
    words = {"n": len(rows), "least": asked.parameter(LEAST)}
    if not rows:
        return gettext_noop("还没有单位评定过至少 %(least)s 个星级小区。"), words
    return gettext_noop("列出 %(n)s 个单位，按最高星级的个数排列。"), words


def _head(label: str, *columns: Column) -> tuple[Column, ...]:
    return (Column("name", label, "text"), *columns)


FIGURES: tuple[Figure, ...] = (
    Figure(
        "plan_years", gettext_noop("计划与完成，按年"),
        gettext_noop("计划是登记的年度计划；完成是当年新评定星级的小区，按发证日期计，后来被撤销的不计。"),
        lambda asked: _head(YEAR, *PLANNED), _plan_years, _says_years,
    ),
    Figure(
        "plan_districts", gettext_noop("计划与完成，按区县"),
        gettext_noop("%(year)s 年。计划是登记的区县年度计划；完成的算法与按年的相同。"),
        lambda asked: _head(DISTRICT, *PLANNED), _plan_districts, _says_districts,
        words=lambda asked: {"year": asked.chosen_year},
    ),
    Figure(
        "stars_years", gettext_noop("历年评定的星级"),
        gettext_noop("每年新评定星级的小区，按等级；延续和降级不重复计。"),
        lambda asked: _head(YEAR, *_stars(asked)), _stars_years, _says_stars, shape="stacked",
    ),
    Figure(
        "stars_districts", gettext_noop("各区县现有星级"),
        gettext_noop("今天有效的星级证书，按区县和等级；选了年份时，只计当年颁发的。"),
        lambda asked: _head(DISTRICT, *_stars(asked)), _stars_districts, _says_in_force, shape="stacked",
    ),
    Figure(
        "journey", gettext_noop("从公示到星级"),
        gettext_noop("公示按开始日期、证书按发证日期归入年份；同一小区可以先后得到设计预评和星级。"),
        lambda asked: _head(LABEL, Column("count", gettext_noop("个数"), drawn=True)), _journey, _says_journey,
    ),
    Figure(
        "times", gettext_noop("各环节用时"),
        gettext_noop(
            "已办完的环节，按工作日计，扣除暂停的时间；中位数和第 90 百分位按最近秩法取，即排序后第 ⌈p·n/100⌉ 个。"
            "不足 %(floor)s 件的不单独列示；期限是现行期限，按期率按办理当时的期限计。"
        ),
        lambda asked: _head(
            gettext_noop("环节"), Column("cases", gettext_noop("案件数")),
            Column("median", gettext_noop("中位数"), "days", drawn=True),
            Column("slow", gettext_noop("第 90 百分位"), "days", drawn=True),
            Column("limit", gettext_noop("规定期限"), "days", drawn=True), Column("share", gettext_noop("按期率"), "percent"),
        ),
        times, _says_times, words=lambda asked: {"floor": asked.parameter(FLOOR)}, nightly=True,
    ),
    Figure(
        "units", gettext_noop("评定星级较多的单位"),
        gettext_noop(
            "只列评定过至少 %(least)s 个星级小区、且没有证书被撤销的单位，最多 %(most)s 个，按最高星级的个数排列；不排末位。"
        ),
        lambda asked: _head(gettext_noop("单位"), *_stars(asked)), _units, _says_units, shape="stacked",
        words=lambda asked: {"least": asked.parameter(LEAST), "most": MOST_UNITS},
    ),
)  # fmt: skip
