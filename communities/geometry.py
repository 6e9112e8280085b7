"""Where a point lies: in which district, how far from another. Plain Python; degrees are WGS 84.

Hides: the outlines of the districts (``static/map/chongqing.geojson``, whose README says how far they can be trusted) and
the two formulas. Nothing here knows the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import NamedTuple

OUTLINES = Path(__file__).resolve().parent.parent / "static" / "map" / "chongqing.geojson"
EARTH_RADIUS = 6_371_009.0  # metres, the mean radius (IUGG)

Ring = tuple[tuple[float, float], ...]  # (longitude, latitude), the first point again at the end
Polygon = tuple[Ring, ...]  # outline, then holes


class Point(NamedTuple):
    """A place on the ground, in degrees."""

    latitude: float
    longitude: float


class Box(NamedTuple):
    """What lies between two parallels and two meridians, in degrees, borders included."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, point: Point) -> bool:
        return self.south <= point.latitude <= self.north and self.west <= point.longitude <= self.east


@cache
def outlines() -> Mapping[str, tuple[Polygon, ...]]:
    """District code -> its polygons."""
    features = json.loads(OUTLINES.read_text(encoding="utf-8"))["features"]
    return {
        feature["id"]: tuple(
            tuple(tuple((x, y) for x, y in ring) for ring in polygon) for polygon in feature["geometry"]["coordinates"]
        )
        for feature in features
    }


@cache
def box_of(code: str) -> Box:
    """The smallest box around one district; KeyError for a code without outline."""
    return _box(point for polygon in outlines()[code] for ring in polygon for point in ring)


@cache
def city_box() -> Box:
    """The smallest box around the whole city."""
    boxes = [box_of(code) for code in outlines()]
    return Box(
        min(box.south for box in boxes),
        min(box.west for box in boxes),
        max(box.north for box in boxes),
        max(box.east for box in boxes),
    )


def _box(points: Iterable[tuple[float, float]]) -> Box:
    longitudes, latitudes = zip(*points, strict=True)
    return Box(min(latitudes), min(longitudes), max(latitudes), max(longitudes))


def is_in(polygons: Iterable[Polygon], point: Point) -> bool:
    """Whether a point lies in one of the polygons, holes left out; on a border it may be told either way."""
    return any(sum(_crossings(ring, point) for ring in polygon) % 2 == 1 for polygon in polygons)


def _crossings(ring: Ring, point: Point) -> int:
    """How often a ray from the point to the east crosses the ring."""
    count = 0
    for (x1, y1), (x2, y2) in zip(ring, ring[1:], strict=False):
        if (y1 > point.latitude) != (y2 > point.latitude):
            count += point.longitude < x1 + (point.latitude - y1) * (x2 - x1) / (y2 - y1)
    return count


def district_at(point: Point) -> str | None:
    """The code of the district in which a point lies; None for none."""
    found = (code for code, polygons in outlines().items() if box_of(code).holds(point) and is_in(polygons, point))
    return next(found, None)


def metres_between(one: Point, other: Point) -> float:
    """The great-circle distance in metres (haversine)."""
    north, east = radians(other.latitude - one.latitude), radians(other.longitude - one.longitude)
    part = sin(north / 2) ** 2 + cos(radians(one.latitude)) * cos(radians(other.latitude)) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS * asin(min(1.0, sqrt(part)))


def around(point: Point, metres: float) -> Box:
    """A box that holds everything within so many metres of a point; not for the poles."""
    north = metres / EARTH_RADIUS * 57.29577951308232 * 1.001
    east = north / cos(radians(min(89.0, abs(point.latitude) + north)))
    return Box(point.latitude - north, point.longitude - east, point.latitude + north, point.longitude + east)
