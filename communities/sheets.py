"""The data sheet of a community: registered and changed by its unit.

Hides: what each must say, what is told about a name or a place that is taken, and which facts are settled because a
case leans on them. ``problems_of`` is the one source of these rules: the form, the API and the import all ask it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from communities import geometry
from communities.geometry import Point
from communities.models import Community, District, Organisation, Parameter
from communities.permissions import RIGHTS
from communities.writing import Values, authorise, missing, role_of, stripped, unique
from portal import audit
from portal.machine import hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

# number and date of each permit, in the order in which they are given
PERMITS = (
    ("planning_permit_number", "planning_permit_on"),
    ("drawing_review_number", "drawing_review_on"),
    ("construction_permit_number", "construction_permit_on"),
    ("completion_number", "completed_on"),
)
PERMIT_NUMBERS = tuple(number for number, _day in PERMITS)
PERMIT_DATES = tuple(day for _number, day in PERMITS)
PERMIT_FIELDS = tuple(name for permit in PERMITS for name in permit)
REQUIRED = ("name", "district", "address", "floor_area", "households", "buildings")
COORDINATES = ("latitude", "longitude")
SIZES = (
    "site_area", "floor_area", "underground_area", "green_ratio", "green_area", "households", "buildings", "highest",
    "lifts", "parking_spaces",
)  # fmt: skip
MAY_BE_NOTHING = ("underground_area", "green_ratio", "green_area", "lifts", "parking_spaces")
COMMUNITY_FACTS = ("name", "district", "address", *COORDINATES, *SIZES)
COMMUNITY_FIELDS = (*COMMUNITY_FACTS, *PERMIT_FIELDS)
# What its writer may say of a sheet after it was asked: columns of none.
CONFIRMATIONS = ("is_another", "is_outside")
# A part of the sheet that is not larger than the whole: part, whole, sentence.
PARTS = (
    ("underground_area", "floor_area", gettext_noop("地下建筑面积不应大于总建筑面积。")),
    ("green_area", "site_area", gettext_noop("集中绿地面积不应大于用地面积。")),
)

# Apps above say which facts of a community are settled; asked with True inside the changing transaction, the answer
# must hold until its commit.
Settled = Callable[[Community, bool], frozenset[str]]
SETTLED: list[Settled] = []
# Apps above say which of these communities the public knows.
Known = Callable[[Collection[int]], frozenset[int]]
KNOWN: list[Known] = []


def settles(function: Settled) -> Settled:
    """Register what makes facts of a community settled; a decorator for the apps above."""
    SETTLED.append(function)
    return function


def publishes(function: Known) -> Known:
    """Register what makes a community known to the public; a decorator for the apps above."""
    KNOWN.append(function)
    return function


def open_fields(community: Community, *, held: bool = False) -> tuple[str, ...]:
    """The columns of ``community`` that may be changed now, in the order of the form; ``held`` until commit."""
    settled = frozenset[str]().union(*(function(community, held) for function in SETTLED))
    return tuple(name for name in COMMUNITY_FIELDS if name not in settled)


# --- writing ------------------------------------------------------------------------------------------------------


def register_community(by: User, organisation: Organisation, values: Values) -> Community:
    """Register a community of an active unit. Raises NotAllowed, Stale, Refused.

    values: the columns of ``COMMUNITY_FIELDS``. ``is_another`` True says that a community of the same name in the
    district, or one close by, is another one; ``is_outside`` True that the point rightly lies outside the outline of the
    district. Both are pointed out first.
    """
    authorise(by, "register_community", organisation)
    with unique(community_taken()), transaction.atomic():
        hold(organisation, *RIGHTS["register_community"][1])
        kept = cleaned(values)
        if problems := [*problems_of(organisation, kept, **confirmations(values))]:
            raise Refused(problems)
        return enter(by, organisation, kept)


def enter(by: User, organisation: Organisation, kept: Values) -> Community:
    """Write one community that was ``cleaned`` and judged inside a transaction that authorised and holds the unit."""
    community = Community.objects.create(organisation=organisation, **kept)
    audit.record(community, "community.open", by=by, role=role_of(by, organisation))
    return community


def change_community(by: User, community: Community, values: Values) -> None:
    """Change what is not settled; columns that are, or that ``values`` leaves out, stay. Raises NotAllowed, Refused."""
    organisation = community.organisation
    authorise(by, "register_community", organisation)
    with unique(community_taken()), transaction.atomic():
        hold(organisation, *RIGHTS["register_community"][1])
        free = open_fields(community, held=True)
        community.refresh_from_db(fields=COMMUNITY_FIELDS)  # what the event calls "before" is what is overwritten
        asked = cleaned(values, [name for name in COMMUNITY_FIELDS if name in values])
        changed = {name: value for name, value in asked.items() if getattr(community, name) != value}
        closed = gettext_noop("案卷正在办理或已有结论，该项不能再改。")
        if problems := [Problem("settled", name, closed) for name in changed if name not in free]:
            raise Refused(problems)
        kept = {name: asked.get(name, getattr(community, name)) for name in COMMUNITY_FIELDS}
        if problems := [*problems_of(organisation, kept, community, **confirmations(values))]:
            raise Refused(problems)
        write_changes(by, community, changed, role_of(by, organisation))


def write_changes(by: User, community: Community, changed: Values, role: str) -> None:
    """Write columns that were judged already, and what they said before and say now. Call inside a transaction."""
    if not changed:
        return
    before = {name: plain(getattr(community, name)) for name in changed}
    Community.objects.filter(pk=community.pk).update(**changed)
    for name, value in changed.items():
        setattr(community, name, value)
    after = {name: plain(value) for name, value in changed.items()}
    audit.record(community, "community.change", by=by, role=role, fields=sorted(changed), before=before, after=after)


def cleaned(values: Values, names: Iterable[str] = COMMUNITY_FIELDS) -> dict[str, Any]:
    """The columns as they are kept: no blanks around words, "" for no number of a permit."""
    found = {name: stripped(values.get(name)) for name in names}
    return {name: "" if value is None and name in PERMIT_NUMBERS else value for name, value in found.items()}


def confirmations(values: Values) -> dict[str, bool]:
    """What ``problems_of`` takes besides the columns."""
    return {name: bool(values.get(name)) for name in CONFIRMATIONS}


def plain(value: Any) -> str | int | None:
    """A column as an event keeps it: names instead of rows, digits instead of numbers, nothing as None."""
    if value in (None, "") or isinstance(value, int):
        return None if value == "" else value
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


# --- rules --------------------------------------------------------------------------------------------------------


def problems_of(
    organisation: Organisation,
    kept: Values,
    itself: Community | None = None,
    *,
    is_another: bool = False,
    is_outside: bool = False,
) -> Iterator[Problem]:
    """Everything that is wrong with a sheet, all at once. kept: every column of ``COMMUNITY_FIELDS``, ``cleaned``."""
    yield from missing(kept, REQUIRED)
    yield from _sizes(kept)
    yield from _dates_out_of_order(kept)
    place = [*_misplaced(kept)]
    yield from place
    if kept["name"] and kept["district"] and _differs(itself, kept, "name", "district"):
        yield from _namesakes(organisation, kept, is_another, itself)
    point = None if place else point_of(kept)
    if point is None:
        return
    if not is_outside and kept["district"] and _differs(itself, kept, "district", *COORDINATES):
        yield from _outside(point, kept["district"])
    if not is_another and _differs(itself, kept, *COORDINATES):
        yield from _near(organisation, point, itself)


def _differs(itself: Community | None, kept: Values, *names: str) -> bool:
    return itself is None or any(getattr(itself, name) != kept[name] for name in names)


def _sizes(kept: Values) -> Iterator[Problem]:
    for name in SIZES:
        if kept[name] is None:
            continue
        if name in MAY_BE_NOTHING and Decimal(kept[name]) < 0:
            yield Problem("negative", name, gettext_noop("不应小于零。"))
        elif name not in MAY_BE_NOTHING and Decimal(kept[name]) <= 0:
            yield Problem("not_positive", name, gettext_noop("应大于零。"))
    if kept["green_ratio"] is not None and Decimal(kept["green_ratio"]) > 100:
        yield Problem("more_than_all", "green_ratio", gettext_noop("绿地率不应大于 100。"))
    for part, whole, sentence in PARTS:
        if None not in (kept[part], kept[whole]) and 0 < Decimal(kept[whole]) < Decimal(kept[part]):
            yield Problem("part_exceeds_whole", part, sentence)


def _dates_out_of_order(kept: Values) -> Iterator[Problem]:
    known: list[tuple[date, str]] = [(kept[name], name) for name in PERMIT_DATES if kept[name]]
    for (earlier, _), (later, name) in zip(known, known[1:], strict=False):
        if later <= earlier:
            message = gettext_noop("%(later)s应晚于前一证照的日期%(earlier)s。")
            yield Problem("date_order", name, message, {"later": later, "earlier": earlier})


def _misplaced(kept: Values) -> Iterator[Problem]:
    """Coordinates of which one is missing, or that no place in the city has."""
    said = [name for name in COORDINATES if kept[name] is not None]
    if len(said) == 1:
        absent = next(name for name in COORDINATES if name not in said)
        yield Problem("coordinates_incomplete", absent, gettext_noop("纬度和经度应同时填写。"))
    point, box = point_of(kept), geometry.city_box()
    if point is None or box.holds(point):
        return
    if box.holds(Point(point.longitude, point.latitude)):
        yield Problem("coordinates_swapped", "latitude", gettext_noop("纬度与经度填反了，请对调。"))
        return
    wrong = {
        "latitude": not box.south <= point.latitude <= box.north,
        "longitude": not box.west <= point.longitude <= box.east,
    }
    message = gettext_noop(
        "该坐标不在重庆市范围内（北纬 %(south)s 至 %(north)s 度，东经 %(west)s 至 %(east)s 度），请核对。"
    )
    edges = {name: f"{value:.2f}" for name, value in box._asdict().items()}
    for name in COORDINATES:
        if wrong[name]:
            yield Problem("outside_city", name, message, edges)


def point_of(kept: Values) -> Point | None:
    """The point of a sheet, or None where it does not say one."""
    if kept["latitude"] is None or kept["longitude"] is None:
        return None
    return Point(float(kept["latitude"]), float(kept["longitude"]))


def _outside(point: Point, district: District) -> Iterator[Problem]:
    """The outlines are a rough map: a point beside its district is asked about, never refused for good."""
    polygons = geometry.outlines().get(district.pk)
    if polygons is None or geometry.is_in(polygons, point):
        return
    found = District.objects.filter(pk=geometry.district_at(point)).first()
    message = gettext_noop("该点不在所选的%(chosen)s范围内。请核对；位置无误的，请勾选“确认位置无误”后再保存。")
    if found:
        message = gettext_noop(
            "该点位于%(found)s，不在所选的%(chosen)s范围内。请核对；位置无误的，请勾选“确认位置无误”后再保存。"
        )
    yield Problem("outside_district", "latitude", message, {"found": str(found or ""), "chosen": str(district)})


def _namesakes(
    organisation: Organisation, kept: Values, is_another: bool, itself: Community | None
) -> Iterator[Problem]:
    """Own community of this name: refused. Anyone's that reads the same: pointed out until ``is_another``."""
    rows = Community.objects.filter(district=kept["district"]).exclude(pk=itself and itself.pk)
    if rows.filter(organisation=organisation, name=kept["name"]).exists():
        yield community_taken()
        return
    same = [row for row in rows.only("name", "organisation") if reading(row.name) == reading(kept["name"])]
    if is_another or not same:
        return
    message = gettext_noop("该区县已登记名称相同或相近的小区。如果不是同一个小区，请勾选“确认是另一个小区”后再保存。")
    names = _names_told(organisation, same)
    if names:
        message = gettext_noop(
            "该区县已登记名称相同或相近的小区%(names)s。如果不是同一个小区，请勾选“确认是另一个小区”后再保存。"
        )
    yield Problem("namesake", "name", message, {"names": names} if names else {})


def _near(organisation: Organisation, point: Point, itself: Community | None) -> Iterator[Problem]:
    """Communities so close by that they may be this one. Of one that the public does not know only that it is there."""
    metres = near_metres()
    rows = Community.objects.within(geometry.around(point, metres)).exclude(pk=itself and itself.pk)
    near = sorted(
        (away, row.pk, row) for row in rows if (away := geometry.metres_between(point, row.point)) <= metres
    )  # fmt: skip
    if not near:
        return
    names = _names_told(organisation, [row for _away, _pk, row in near])
    message = gettext_noop("距此不足 %(metres)s 米处已登记小区。如果不是同一个小区，请勾选“确认是另一个小区”后再保存。")
    if names:
        message = gettext_noop(
            "距此不足 %(metres)s 米处已登记小区%(names)s。如果不是同一个小区，请勾选“确认是另一个小区”后再保存。"
        )
    yield Problem("near", "latitude", message, {"metres": metres, "names": names})


def near_metres() -> int:
    """How close two communities may lie without a question, in metres. Parameter.DoesNotExist: not configured."""
    return Parameter.objects.get(pk="near_metres").value


NAMED = 3  # as many names as a sentence holds


def _names_told(organisation: Organisation, rows: Collection[Community]) -> str:
    """The names among ``rows`` that this unit may be told, in quotation marks: its own, and what the public knows."""
    keys = [row.pk for row in rows]
    known = frozenset[int]().union(*(function(keys) for function in KNOWN))
    told = [row.name for row in rows if row.pk in known or row.organisation_id == organisation.pk]
    return "".join(f"“{name}”" for name in told[:NAMED])


def reading(name: str) -> str:
    """A name as two people would read it the same: half-width, no case, spaces or marks, without 小区 at its end."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())
    return letters.removesuffix("小区") or letters


def community_taken() -> Problem:
    return Problem("community_taken", "name", gettext_noop("本单位已在该区县登记过同名小区，不必重复登记。"))
