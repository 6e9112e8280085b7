"""The map of the city as shapes to be drawn: outlines, where labels stand, the crowded middle once more and larger.

Plain Python. Hides the projection (static/map/README.md), how outlines become few characters, and how a place well
inside a crooked outline is found. Units are those of the drawing, ``WIDTH`` across.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, cos, radians

from communities.geometry import Box, Polygon, city_box, outlines

WIDTH = 1000
MARGIN = 8
SQUEEZE = cos(radians(30.2))
# The districts of the old town are too small to be pointed at: they are drawn larger in the empty north-west.
CROWDED = ("500103", "500104", "500105", "500106", "500107", "500108")
ENLARGED = Box(south=29.22, west=106.2, north=29.84, east=106.92)
ENLARGED_WIDTH = 400
SCANS = 15  # lines across an outline on which its widest place is looked for
CLASSES = 4  # steps of the legend above none
LONG_NAME = re.compile(r"^(.{2,}?)(土家族|苗族)*(自治县|区|县)$")


@dataclass(frozen=True, slots=True)
class Frame:
    """Where degrees come to lie: so many units a degree of latitude, the north-western corner at (left, top)."""

    box: Box
    scale: float
    left: float
    top: float

    def place(self, longitude: float, latitude: float) -> tuple[float, float]:
        return (
            self.left + (longitude - self.box.west) * SQUEEZE * self.scale,
            self.top + (self.box.north - latitude) * self.scale,
        )

    @property
    def height(self) -> float:
        return (self.box.north - self.box.south) * self.scale


@dataclass(frozen=True, slots=True)
class Shape:
    """One district drawn. path: the value of an SVG path; x, y: where its label is centred."""

    code: str
    path: str
    x: int
    y: int


def frame_of(box: Box, width: float, left: float, top: float) -> Frame:
    return Frame(box, width / ((box.east - box.west) * SQUEEZE), left, top)


@cache
def whole() -> Frame:
    return frame_of(city_box(), WIDTH - 2 * MARGIN, MARGIN, MARGIN)


@cache
def enlarged() -> Frame:
    return frame_of(ENLARGED, ENLARGED_WIDTH, MARGIN, MARGIN)


@cache
def height() -> int:
    """Of the whole drawing."""
    return ceil(whole().height + 2 * MARGIN)


@cache
def city() -> tuple[Shape, ...]:
    """Every district at its place."""
    return tuple(_shape(code, polygons, whole()) for code, polygons in outlines().items())


@cache
def crowded() -> tuple[Shape, ...]:
    """The small districts of the middle, enlarged."""
    return tuple(_shape(code, outlines()[code], enlarged()) for code in CROWDED)


@cache
def around_them() -> tuple[Shape, ...]:
    """What of their neighbours lies in the enlarged part: to be drawn beneath, cut off at its frame."""
    west, south, east, north = ENLARGED.west, ENLARGED.south, ENLARGED.east, ENLARGED.north
    near = [
        code
        for code, polygons in outlines().items()
        if code not in CROWDED
        and any(west < x < east and south < y < north for polygon in polygons for x, y in polygon[0])
    ]
    return tuple(_shape(code, outlines()[code], enlarged()) for code in near)


def _shape(code: str, polygons: tuple[Polygon, ...], frame: Frame) -> Shape:
    rings = [[frame.place(x, y) for x, y in ring] for polygon in polygons for ring in polygon]
    x, y = inside(rings)
    return Shape(code, "".join(_drawn(ring) for ring in rings), round(x), round(y))


def _drawn(ring: Sequence[tuple[float, float]]) -> str:
    """One ring in whole units, each corner told from the last; corners that fall together are one."""
    corners = [(round(x), round(y)) for x, y in ring]
    steps: list[str] = []
    at = corners[0]
    for x, y in corners[1:-1]:
        if (x, y) != at:
            steps.append(f"{x - at[0]} {y - at[1]}")
            at = (x, y)
    return f"M{corners[0][0]} {corners[0][1]}l{' '.join(steps)}z" if len(steps) > 1 else ""


def inside(rings: Sequence[Sequence[tuple[float, float]]]) -> tuple[float, float]:
    """A place well inside: the middle of the widest stretch that a line across meets, near the middle rather than not."""
    tops = [y for ring in rings for _x, y in ring]
    least, most = min(tops), max(tops)
    best, found = -1.0, (0.0, (least + most) / 2)
    for step in range(1, SCANS):
        y = least + (most - least) * step / SCANS + 0.01
        centred = 1 - abs(2 * step / SCANS - 1)  # 1 in the middle, 0 at either end: a label is as high as it is wide
        for left, right in _stretches(rings, y):
            if (right - left) * (0.4 + centred) > best:
                best, found = (right - left) * (0.4 + centred), ((left + right) / 2, y)
    return found


def _stretches(rings: Iterable[Sequence[tuple[float, float]]], y: float) -> Iterator[tuple[float, float]]:
    crossings = sorted(
        x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        for ring in rings
        for (x1, y1), (x2, y2) in zip(ring, ring[1:], strict=False)
        if (y1 > y) != (y2 > y)
    )
    return zip(crossings[::2], crossings[1::2], strict=False)


def short(name: str) -> str:
    """As a map says it: 渝北区 渝北, 石柱土家族自治县 石柱; 忠县 stays."""
    found = LONG_NAME.match(name)
    return found[1] if found else name


def bounds(counts: Iterable[int]) -> tuple[int, ...]:
    """The largest count of each class above none: doubling, so that few are told from some and some from many."""
    most = max(counts, default=0)
    steps = [ceil(most / 2 ** (CLASSES - number)) for number in range(1, CLASSES + 1)]
    return tuple(dict.fromkeys(step for step in steps if step))


def class_of(count: int, upper: Sequence[int]) -> int:
    """0 for none, else the number of the first class that reaches so far."""
    return next((number for number, most in enumerate(upper, 1) if count <= most), len(upper)) if count else 0


def ranges(upper: Sequence[int]) -> list[tuple[int, int, int]]:
    """Number, least and most of each class above none."""
    return [(number, (upper[number - 2] + 1) if number > 1 else 1, most) for number, most in enumerate(upper, 1)]


def unmapped(codes: Mapping[str, object] | Iterable[str]) -> list[str]:
    """Of these codes those without an outline: zones beside the districts."""
    return [code for code in codes if code not in outlines()]
