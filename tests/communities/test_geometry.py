"""The map of the districts, and where a point lies on it."""

import csv
import json
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communities import geometry
from communities.geometry import Box, Point
from evaluation.configuration import DISTRICTS

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0))
HOLE = ((1.0, 1.0), (1.0, 3.0), (3.0, 3.0), (3.0, 1.0), (1.0, 1.0))
CODES = sorted(geometry.outlines())
LARGEST_BYTES = 200_000
latitudes = st.floats(28.0, 32.5)
longitudes = st.floats(105.0, 110.5)
points = st.builds(Point, latitudes, longitudes)


def test_the_map_holds_exactly_the_districts_of_the_register_and_their_names():
    with DISTRICTS.open(encoding="utf-8-sig", newline="") as file:
        register = {row["code"]: row["name"] for row in csv.DictReader(file)}
    features = json.loads(geometry.OUTLINES.read_text(encoding="utf-8"))["features"]
    assert len(features) == 38
    assert {feature["id"]: feature["properties"]["name"] for feature in features} == register


def test_the_map_is_light_and_says_where_it_comes_from():
    folder = geometry.OUTLINES.parent
    assert geometry.OUTLINES.stat().st_size < LARGEST_BYTES
    assert {path.name for path in folder.iterdir()} == {"LICENSE", "NOTICE", "README.md", "chongqing.geojson"}
    assert "Apache-2.0" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", CODES)
def test_every_outline_is_closed_and_lies_in_the_city(code):
    for polygon in geometry.outlines()[code]:
        for ring in polygon:
            assert ring[0] == ring[-1]
            assert len(set(ring)) >= 3
            assert all(geometry.city_box().holds(Point(y, x)) for x, y in ring)


# Places that everybody finds on a map: a bridge between two districts would be no example.
@pytest.mark.parametrize("place, code", [
    (Point(29.5583, 106.5770), "500103"),  # 解放碑
    (Point(29.7196, 106.6417), "500112"),  # 江北国际机场
    (Point(30.8078, 108.4000), "500101"),  # 万州
    (Point(29.7032, 107.3950), "500102"),  # 涪陵
    (Point(31.9480, 108.6650), "500229"),  # 城口
    (Point(28.4470, 109.0070), "500241"),  # 秀山
    (Point(29.5332, 108.7700), "500114"),  # 黔江
    (Point(39.9042, 116.4074), None),  # 北京
    (Point(30.6570, 104.0660), None),  # 成都
])  # fmt: skip
def test_known_places_lie_in_their_district(place, code):
    assert geometry.district_at(place) == code


@pytest.mark.parametrize("point, inside", [
    (Point(0.5, 0.5), True), (Point(2.0, 2.0), False), (Point(3.5, 0.2), True), (Point(-0.5, 2.0), False),
    (Point(4.5, 2.0), False), (Point(2.0, -0.1), False), (Point(2.0, 4.1), False), (Point(2.0, 3.5), True),
])  # fmt: skip
def test_a_hole_is_outside(point, inside):
    assert geometry.is_in([(SQUARE, HOLE)], point) is inside


@given(st.floats(-1, 5), st.floats(-1, 5))
def test_a_point_is_in_a_square_where_it_lies_between_its_sides(latitude, longitude):
    inside = 0 < latitude < 4 and 0 < longitude < 4
    on_border = {latitude, longitude} & {0.0, 4.0}
    assert bool(on_border) or geometry.is_in([(SQUARE,)], Point(latitude, longitude)) is inside


@given(points)
def test_the_districts_hold_no_point_outside_their_box(point):
    code = geometry.district_at(point)
    assert code is None or geometry.box_of(code).holds(point)
    assert geometry.city_box().holds(point) or code is None


@given(points, st.sampled_from(CODES), st.integers(1, 9999))
def test_turning_a_ring_round_or_beginning_elsewhere_changes_nothing(point, code, start):
    polygons = geometry.outlines()[code]
    ring = polygons[0][0][:-1]
    turned = ring[start % len(ring) :] + ring[: start % len(ring)]
    turned = tuple(reversed((*turned, turned[0])))
    assert geometry.is_in([(turned, *polygons[0][1:])], point) is geometry.is_in(polygons[:1], point)


@given(points, points, points)
def test_distances_are_those_of_a_sphere(one, two, three):
    there = geometry.metres_between(one, two)
    assert isclose(there, geometry.metres_between(two, one))
    assert geometry.metres_between(one, one) == 0
    assert there <= geometry.metres_between(one, three) + geometry.metres_between(three, two) + 1e-6


@pytest.mark.parametrize("one, two, metres", [
    (Point(29.0, 106.0), Point(30.0, 106.0), 111_195),  # a degree of a meridian
    (Point(60.0, 106.0), Point(60.0, 107.0), 55_597),  # of a parallel half as long as the equator
    (Point(29.563, 106.551), Point(29.563, 106.554), 290),
])  # fmt: skip
def test_distances_are_right(one, two, metres):
    assert abs(geometry.metres_between(one, two) - metres) < metres / 500


@given(points, st.floats(1, 5000), st.floats(-1, 1), st.floats(-1, 1))
def test_the_box_around_a_point_holds_whatever_is_that_close(point, metres, north, east):
    near = Point(point.latitude + north * metres / 111_000, point.longitude + east * metres / 90_000)
    if geometry.metres_between(point, near) <= metres:
        assert geometry.around(point, metres).holds(near)


def test_a_box_holds_its_borders():
    box = Box(1, 2, 3, 4)
    assert [box.holds(Point(*point)) for point in [(1, 2), (3, 4), (0.9, 2), (3, 4.1)]] == [True, True, False, False]
