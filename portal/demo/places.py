"""Where invented communities lie and how large they are: the same number always gives the same place and figures.

Hides how a point inside a district is found; the figures fit each other, as the rules of a data sheet ask.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from communities import geometry
from communities.geometry import Point
from communities.models import District
from portal.demo import names

DEGREE = Decimal("0.000001")


def point_in(district: District, random: Random) -> Point:
    """Any point inside the outline of a district; of one that has none, any point of the city."""
    outlines = geometry.outlines()
    code = district.pk if district.pk in outlines else random.choice(sorted(outlines))
    box = geometry.box_of(code)
    while True:
        point = Point(random.uniform(box.south, box.north), random.uniform(box.west, box.east))
        if geometry.is_in(outlines[code], point):
            return point


def data_sheet(number: int, district: District, buildings: int) -> dict[str, Any]:
    """What the data sheet of the ``number``-th community says besides its name, areas of floors and dates."""
    random = names.chance("place", number)
    point = point_in(district, random)
    site = buildings * random.randint(2500, 4000)
    return {
        "latitude": Decimal(point.latitude).quantize(DEGREE),
        "longitude": Decimal(point.longitude).quantize(DEGREE),
        "site_area": site,
        "underground_area": buildings * random.randint(1200, 2600),
        "green_ratio": random.randint(300, 420) / Decimal(10),
        "green_area": site * random.randint(8, 20) // 100,
        "highest": random.randint(180, 990) / Decimal(10),
        "lifts": buildings * random.randint(2, 6),
        "parking_spaces": buildings * random.randint(40, 120),
        "planning_permit_number": f"示例建字第{number}号",
        "drawing_review_number": f"示例审字第{number}号",
        "construction_permit_number": f"示例施字第{number}号",
    }
