"""The data sheet of a community and the import of many, as programs use them: the same rules and the same sentences."""

import pytest

from communities import geometry, sheets
from communities.models import Community
from portal.demo.names import chance
from portal.demo.places import point_in
from tests.api.conftest import problems
from tests.communities.workbook_files import book, row, uploaded

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture
def sheet(world):
    """A full sheet as JSON, in the district of the world's unit."""
    point = point_in(world.district, chance("api"))
    return {
        "organisation": world.unit.pk, "name": "示例新苑", "district": world.district.pk, "address": "示例大道1号",
        "latitude": f"{point.latitude:.6f}", "longitude": f"{point.longitude:.6f}", "site_area": "30000.00",
        "floor_area": "90000.50", "underground_area": "20000.00", "green_ratio": "35.50", "green_area": "4000.00",
        "households": 800, "buildings": 9, "highest": "99.90", "lifts": 18, "parking_spaces": 900,
        "planning_permit_number": "示例建字第1号", "planning_permit_on": "2024-01-01",
        "drawing_review_number": "示例审字第1号", "drawing_review_on": "2024-02-01",
        "construction_permit_number": "", "construction_permit_on": None, "completion_number": "", "completed_on": None,
        "is_another": True,
    }  # fmt: skip


def test_a_full_sheet_reads_back_as_it_was_sent(world, by_token, sheet):
    client = by_token(world.applicant)
    made = client.post("communities/", sheet)
    told = client.get(f"communities/{made.json()['id']}/").json()
    assert made.status_code == 201
    assert told == {
        "id": made.json()["id"],
        **{name: sheet[name] for name in ("organisation", *sheets.COMMUNITY_FIELDS)},
    }


@pytest.mark.parametrize("values, wrong", [
    ({"latitude": None}, [("coordinates_incomplete", "latitude")]),
    ({"latitude": "39.904200", "longitude": "116.407400"}, [("outside_city", "latitude"), ("outside_city", "longitude")]),
    ({"latitude": "106.577000", "longitude": "29.558300"}, [("coordinates_swapped", "latitude")]),
    ({"latitude": "29.1234567"}, [("max_decimal_places", "latitude")]),
    ({"green_ratio": "100.01"}, [("more_than_all", "green_ratio")]),
    ({"underground_area": "90000.51"}, [("part_exceeds_whole", "underground_area")]),
    ({"lifts": -1}, [("min_value", "lifts")]),
    ({"planning_permit_number": "号" * 61}, [("max_length", "planning_permit_number")]),
], ids=range(8))  # fmt: skip
def test_a_sheet_that_cannot_be_is_refused(world, by_token, sheet, values, wrong):
    answer = by_token(world.applicant).post("communities/", {**sheet, **values})
    assert (answer.status_code, [place for _, place in problems(answer)]) == (422, [place for _, place in wrong])


def test_a_point_elsewhere_is_asked_about_and_confirmed(world, by_token, sheet):
    elsewhere = next(code for code in geometry.outlines() if code != world.district.pk)
    client = by_token(world.applicant)
    body = {**sheet, "district": elsewhere}
    assert problems(client.post("communities/", body)) == [("outside_district", "latitude")]
    assert client.post("communities/", {**body, "is_outside": True}).status_code == 201


def test_history_tells_every_column_before_and_after(world, by_token, sheet):
    client = by_token(world.applicant)
    at = f"communities/{client.post('communities/', sheet).json()['id']}/"
    client.patch(at, {"lifts": 20, "green_ratio": None})
    opened, changed = client.get(f"{at}events/").json()["results"]
    assert opened["changes"] == []
    assert changed["changes"] == [
        {"field": "green_ratio", "before": "35.50", "after": None, "sentence": "绿地率（%）“35.5”已删去"},
        {"field": "lifts", "before": 18, "after": 20, "sentence": "电梯数（部）由“18”改为“20”"},
    ]


@pytest.fixture
def address(world):
    return f"organisations/{world.unit.pk}/communities/import/"


def of(world, *rows):
    return [{**said, "district": world.district.name, "is_another": "是"} for said in rows]


def test_a_workbook_is_looked_at_imported_and_told_to_exist(world, by_token, address):
    client, before = by_token(world.applicant), Community.objects.count()
    rows = of(world, row(901), row(902))
    looked = client.upload(address, file=book(*rows), dry_run=True)
    assert (looked.status_code, looked.json()) == (200, {"dry_run": True, "count": 2, "communities": []})
    assert Community.objects.count() == before
    made = client.upload(address, file=book(*rows))
    assert (made.status_code, [one["name"] for one in made.json()["communities"]]) == (
        201,
        ["示例第901苑", "示例第902苑"],
    )
    assert problems(client.upload(address, file=book(*rows))) == [("imported_before", "")]
    assert Community.objects.count() == before + 2


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_problem_of_a_workbook_is_told_at_its_cell(world, by_token, address, dry_run):
    before = Community.objects.count()
    rows = of(world, row(901, households=0), row(902, floor_area="=1"))
    answer = by_token(world.applicant).upload(address, file=book(*rows), dry_run=dry_run)
    assert answer.status_code == 422
    assert problems(answer) == [
        ("not_positive", "第 3 行 K 列 户数"), ("formula", "第 4 行 G 列 总建筑面积（平方米）"),
    ]  # fmt: skip
    assert Community.objects.count() == before


def test_what_is_no_workbook_is_refused(world, by_token, address):
    answer = by_token(world.applicant).upload(address, file=uploaded(b"name,district", "a.csv"))
    assert (answer.status_code, [code for code, _ in problems(answer)]) == (422, ["file_type_unknown"])


@pytest.mark.parametrize("who, status", [("intake", 403), ("other_applicant", 404)])
def test_nobody_else_imports(world, by_token, address, who, status):
    answer = by_token(getattr(world, who)).upload(address, file=book(*of(world, row(901))))
    assert answer.status_code == status


def test_the_template_is_there_for_programs_too(world, by_token, address):
    answer = by_token(world.applicant).get(address)
    assert (answer.status_code, answer.content[:2]) == (200, b"PK")
