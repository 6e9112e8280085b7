"""The data sheet of a community: what each column may say, what is asked back, what is settled, what history tells."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from communities import geometry, sheets, wording
from communities.geometry import Point
from communities.models import Community, District, Parameter
from evaluation import marking
from evaluation.models import Application, Programme, Project, PublicNotice
from portal.models import Event
from portal.problems import Refused
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db

YUBEI, YUZHONG = "500112", "500103"
IN_YUBEI, IN_YUZHONG, IN_CHENGDU = Point(29.7196, 106.6417), Point(29.5583, 106.5770), Point(30.6570, 104.0660)


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def unit():
    return published.organisation()


@pytest.fixture
def clerk(unit):
    return published.member(unit, "clerk", "member")


@pytest.fixture
def other():
    """Another unit and who acts for it."""
    unit = published.organisation("示例别家", 2)
    return unit, published.member(unit, "neighbour")


def at(point):
    return {"latitude": Decimal(str(point.latitude)), "longitude": Decimal(str(point.longitude))}


def values(**more):
    return {
        "name": "示例·江畔锦城", "district": District.objects.get(pk=YUBEI), "address": "示例路3号",
        "floor_area": Decimal("90000"), "households": 800, "buildings": 9, **more,
    }  # fmt: skip


def full(**more):
    return values(
        **at(IN_YUBEI), site_area=Decimal("30000"), underground_area=Decimal("20000.50"), green_ratio=Decimal("35.5"),
        green_area=Decimal("4000"), highest=Decimal("99.9"), lifts=18, parking_spaces=900,
        planning_permit_number="示例建字第1号", planning_permit_on=date(2024, 1, 1),
        drawing_review_number="示例审字第1号", drawing_review_on=date(2024, 2, 1),
        construction_permit_number="示例施字第1号", construction_permit_on=date(2024, 3, 1),
        completion_number="示例备字第1号", completed_on=date(2025, 3, 1),
    ) | more  # fmt: skip


def refused_with(function, *arguments):
    with pytest.raises(Refused) as refused:
        function(*arguments)
    return [(problem.code, problem.place) for problem in refused.value.problems]


# --- what a column may say ---


def test_a_full_sheet_is_kept_as_it_was_said(unit, clerk):
    row = Community.objects.get(pk=sheets.register_community(clerk, unit, full()).pk)
    assert {name: getattr(row, name) for name in sheets.COMMUNITY_FIELDS} == full()
    assert row.point == IN_YUBEI


def test_what_must_be_said_is_enough(unit, clerk):
    row = sheets.register_community(clerk, unit, values())
    said = {name for name in sheets.COMMUNITY_FIELDS if getattr(row, name) not in (None, "")}
    assert (said, row.point) == (set(sheets.REQUIRED), None)


@pytest.mark.parametrize("name", sheets.REQUIRED)
def test_what_must_be_said_is_asked_for(unit, clerk, name):
    assert refused_with(sheets.register_community, clerk, unit, full(**{name: None})) == [("required", name)]


NOTHING = dict.fromkeys(sheets.MAY_BE_NOTHING)
POSITIVE = [name for name in sheets.SIZES if name not in sheets.MAY_BE_NOTHING]


@pytest.mark.parametrize("name, number, code", [
    *((name, 0, "not_positive") for name in POSITIVE),
    *((name, -1, "not_positive") for name in POSITIVE),
    *((name, 0, None) for name in sheets.MAY_BE_NOTHING),
    *((name, -1, "negative") for name in sheets.MAY_BE_NOTHING),
    ("green_ratio", 100, None), ("green_ratio", Decimal("100.01"), "more_than_all"),
    ("underground_area", 90000, None), ("underground_area", Decimal("90000.01"), "part_exceeds_whole"),
    ("green_area", 30000, None), ("green_area", Decimal("30000.01"), "part_exceeds_whole"),
])  # fmt: skip
def test_sizes_have_limits(unit, clerk, name, number, code):
    sheet = full(**{**NOTHING, name: number})
    if code is None:
        assert sheets.register_community(clerk, unit, sheet).pk
    else:
        assert refused_with(sheets.register_community, clerk, unit, sheet) == [(code, name)]


@pytest.mark.parametrize("earlier, later", list(zip(sheets.PERMIT_DATES, sheets.PERMIT_DATES[1:], strict=False)))
def test_permits_follow_each_other(unit, clerk, earlier, later):
    sheet = values(**{earlier: date(2024, 5, 1), later: date(2024, 5, 1)})
    assert refused_with(sheets.register_community, clerk, unit, sheet) == [("date_order", later)]


def test_everything_wrong_is_said_at_once(unit, clerk):
    sheet = full(name=" ", site_area=0, lifts=-1, longitude=None, completed_on=date(2020, 1, 1))
    assert refused_with(sheets.register_community, clerk, unit, sheet) == [
        ("required", "name"), ("not_positive", "site_area"), ("negative", "lifts"), ("date_order", "completed_on"),
        ("coordinates_incomplete", "longitude"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", sheets.COMMUNITY_FIELDS)
def test_every_column_has_a_label_and_every_number_its_unit_and_help(name):
    field = Community._meta.get_field(name)
    measured = field.get_internal_type() == "DecimalField" or name in ("lifts", "parking_spaces")
    assert field.verbose_name
    assert "（" in str(field.verbose_name) or not measured
    assert field.help_text or name in (*sheets.PERMIT_FIELDS, "district")


@pytest.mark.parametrize("name, text", [
    ("latitude", "29.1234567"), ("longitude", "1000.0"), ("green_ratio", "1000"), ("highest", "12345.6"), ("lifts", "-1"),
    ("planning_permit_number", "号" * 61), ("floor_area", "1e999"),
])  # fmt: skip
def test_no_column_takes_more_than_it_holds(name, text):
    with pytest.raises(ValidationError):
        Community._meta.get_field(name).clean(text, None)


# --- where it lies ---


BOX = geometry.city_box()


@pytest.mark.parametrize("said, problems", [
    ({"latitude": Decimal("29.7")}, [("coordinates_incomplete", "longitude")]),
    ({"longitude": Decimal("106.6")}, [("coordinates_incomplete", "latitude")]),
    (at(IN_CHENGDU), [("outside_city", "longitude")]),
    (at(Point(0.0, 0.0)), [("outside_city", "latitude"), ("outside_city", "longitude")]),
    (at(Point(BOX.north + 0.001, 106.6)), [("outside_city", "latitude")]),
    (at(Point(IN_YUBEI.longitude, IN_YUBEI.latitude)), [("coordinates_swapped", "latitude")]),
    (at(IN_YUZHONG), [("outside_district", "latitude")]),
    (at(Point(28.2, 105.4)), [("outside_district", "latitude")]),  # in the box around the city, in no district
    (at(IN_YUBEI), []),
])  # fmt: skip
def test_a_point_is_refused_outside_the_city_and_asked_about_outside_its_district(unit, clerk, said, problems):
    if problems:
        assert refused_with(sheets.register_community, clerk, unit, values(**said)) == problems
    else:
        assert sheets.register_community(clerk, unit, values(**said)).pk
    confirmed = values(**said, is_outside=True)
    if all(code == "outside_district" for code, _place in problems) and problems:
        assert sheets.register_community(clerk, unit, confirmed).pk
    elif problems:
        assert refused_with(sheets.register_community, clerk, unit, confirmed) == problems


def test_the_question_names_the_district_in_which_the_point_lies(unit, clerk):
    with pytest.raises(Refused) as refused:
        sheets.register_community(clerk, unit, values(**at(IN_YUZHONG)))
    assert refused.value.problems[0].text().startswith("该点位于渝中区，不在所选的渝北区范围内。")


def test_a_district_without_an_outline_is_not_asked_about(unit, clerk):
    zone = District.objects.create(code="500199", name="示例新区")
    assert sheets.register_community(clerk, unit, values(**at(IN_YUZHONG), district=zone)).pk


def test_a_point_that_was_confirmed_is_not_asked_about_again_until_it_moves(unit, clerk):
    row = sheets.register_community(clerk, unit, values(**at(IN_YUZHONG), is_outside=True))
    sheets.change_community(clerk, row, {"households": 801})
    moved = {"latitude": Decimal("29.5584")}
    assert refused_with(sheets.change_community, clerk, row, moved) == [("outside_district", "latitude")]


# --- communities close by ---


def metres_north(point, metres):
    return Point(round(point.latitude + metres / 111_195, 6), point.longitude)


@pytest.mark.parametrize("metres, asked", [(0, True), (10, True), (299, True), (301, False), (5000, False)])
def test_a_community_close_by_is_pointed_out(unit, clerk, other, metres, asked):
    sheets.register_community(other[1], other[0], full(name="示例别苑"))
    sheet = values(**at(metres_north(IN_YUBEI, metres)))
    if asked:
        assert refused_with(sheets.register_community, clerk, unit, sheet) == [("near", "latitude")]
        sheet["is_another"] = True
    assert sheets.register_community(clerk, unit, sheet).pk


def test_how_close_is_a_matter_of_configuration(unit, clerk, other):
    sheets.register_community(other[1], other[0], full(name="示例别苑"))
    Parameter.objects.filter(pk="near_metres").update(value=50)
    assert sheets.register_community(clerk, unit, values(**at(metres_north(IN_YUBEI, 60)))).pk
    parameter = Parameter.objects.get(pk="near_metres")
    assert (parameter.unit, bool(parameter.basis)) == ("米", True)


def sentence_of(clerk, unit, **said):
    with pytest.raises(Refused) as refused:
        sheets.register_community(clerk, unit, values(**at(IN_YUBEI), **said))
    (problem,) = refused.value.problems
    return problem.text()


def test_of_another_units_community_nothing_is_told_but_that_it_is_there(unit, clerk, other):
    sheets.register_community(other[1], other[0], full(name="示例别苑"))
    sentence = sentence_of(clerk, unit)
    assert sentence == "距此不足 300 米处已登记小区。如果不是同一个小区，请勾选“确认是另一个小区”后再保存。"


def test_an_own_community_close_by_is_named(unit, clerk):
    sheets.register_community(clerk, unit, full(name="示例本家苑"))
    assert "已登记小区“示例本家苑”。" in sentence_of(clerk, unit)


def test_what_the_public_knows_is_named(unit, clerk):
    case = published.judged("示例公示苑", number=7)
    community = case.project.community
    Community.objects.filter(pk=community.pk).update(**at(IN_YUBEI))
    assert "公示苑" not in sentence_of(clerk, unit)
    PublicNotice.objects.create(
        application=case, result=marking.result_of(case), number="GS-1", opened_on=published.today(),
        closes_on=published.today(), figures={},
    )  # fmt: skip
    assert "已登记小区“示例公示苑”。" in sentence_of(clerk, unit)


def test_a_namesake_that_the_public_knows_is_named_too(unit, clerk):
    case = published.judged("示例·公示苑小区", number=7)
    PublicNotice.objects.create(
        application=case, result=marking.result_of(case), number="GS-1", opened_on=published.today(),
        closes_on=published.today(), figures={},
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        sheets.register_community(clerk, unit, values(name="示例公示苑"))
    (problem,) = refused.value.problems
    assert problem.code == "namesake"
    assert "相近的小区“示例·公示苑小区”。" in problem.text()


# --- what is settled ---


def in_case(row, state, clerk):
    programme = Programme.objects.get(pk="smart_community")
    project = Project.objects.create(
        number="P-1", programme=programme, standard=programme.standard, community=row, organisation=row.organisation,
        target_level=2, created_by=clerk,
    )  # fmt: skip
    return Application.objects.create(project=project, stage="design", state=state, version=1)


def test_once_judged_what_was_said_stays_and_what_was_not_can_be_added(unit, clerk):
    row = sheets.register_community(clerk, unit, values(lifts=0))
    in_case(row, "certified", clerk)
    open_ = set(sheets.open_fields(row))
    assert open_ == set(sheets.COMMUNITY_FIELDS) - {*sheets.REQUIRED, "lifts"}
    sheets.change_community(clerk, row, {"site_area": Decimal("100.00"), "planning_permit_number": "示例建字第9号"})
    assert refused_with(sheets.change_community, clerk, row, {"site_area": Decimal(101)}) == [("settled", "site_area")]
    sheets.change_community(clerk, row, {"planning_permit_number": "示例建字第10号"})


@pytest.mark.parametrize("place, opened", [
    *((day, {number}) for number, day in sheets.PERMITS),
    ("community", set(sheets.PERMIT_NUMBERS)), ("target_level", set()),
])  # fmt: skip
def test_a_correction_opens_the_number_of_the_permit_that_it_names(unit, clerk, place, opened):
    row = sheets.register_community(clerk, unit, full())
    case = in_case(row, "correction", clerk)
    Application.objects.filter(pk=case.pk).update(correction_round=1)
    case.findings.create(
        phase="form_check", round=1, kind="data", place=place, text="示例", sent_at="2026-01-01T00:00:00Z",
        by=clerk,
    )  # fmt: skip
    assert set(sheets.open_fields(row)) == opened


# --- history ---


def test_history_tells_who_changed_what_from_what_to_what(client, unit, clerk):
    row = sheets.register_community(clerk, unit, full())
    changes = {
        "households": 820, "green_ratio": None, "completion_number": "", "floor_area": Decimal("90000.50"),
        "district": District.objects.get(pk=YUZHONG), "is_outside": True,
    }  # fmt: skip
    sheets.change_community(clerk, row, changes)
    sheets.change_community(clerk, row, {"green_ratio": Decimal("40")})
    wanted = [
        "区县由“渝北区”改为“渝中区”", "总建筑面积（平方米）由“90000”改为“90000.5”", "绿地率（%）“35.5”已删去",
        "户数由“800”改为“820”", "竣工验收备案编号“示例备字第1号”已删去",
    ]  # fmt: skip
    told = [lines for _event, lines in wording.told(Event.objects.of(row))]
    assert told == [[], wanted, ["绿地率（%）填写为“40”"]]
    client.force_login(clerk)
    page = client.get(row.get_absolute_url()).content.decode()
    assert [line for line in wanted if line not in page] == []
    assert "示例clerk" in page


def test_an_event_of_before_reads_too(unit, clerk):
    row = sheets.register_community(clerk, unit, full())
    event = Event(verb="community.change", data={"fields": ["households", "lifts"]})
    assert list(wording.sentences(event).values()) == ["户数", "电梯数（部）"]
    assert wording.sentences(Event.objects.of(row).get()) == {}


def test_nothing_changed_leaves_no_event(unit, clerk):
    row = sheets.register_community(clerk, unit, full())
    sheets.change_community(clerk, Community.objects.get(pk=row.pk), full())
    assert [event.verb for event in Event.objects.of(row)] == ["community.open"]


# --- the list of a unit ---


def test_the_unit_lists_its_communities_newest_first_page_by_page(client, unit, clerk):
    client.force_login(clerk)
    for number in range(45):
        published.community(unit, f"示例第{number}苑")
    first, last = (client.get(unit.get_absolute_url(), {"page": page}).context["communities"] for page in (1, 3))
    assert [row.name for row in last] == [f"示例第{number}苑" for number in range(4, -1, -1)]
    assert (len(first), first[0].name) == (20, "示例第44苑")


# --- the form ---


def typed(sheet):
    return {
        name: value.pk if isinstance(value, District) else str(value) for name, value in sheet.items() if value is not None
    }  # fmt: skip


def test_a_refused_form_loses_nothing_and_asks_its_questions_beside_the_place(client, unit, clerk, other):
    sheets.register_community(other[1], other[0], full(name="示例别苑", **at(IN_YUZHONG), is_outside=True))
    client.force_login(clerk)
    address = reverse("community-new", args=[unit.pk])
    sheet = typed(full(**at(IN_YUZHONG)))
    first = client.post(address, sheet)
    form = first.context["form"]
    assert first.status_code == 422
    assert form.asked == {"is_another": "place", "is_outside": "place"}
    assert {name: str(form[name].value()) for name in sheet} == {name: str(value) for name, value in sheet.items()}
    second = client.post(address, {**sheet, "is_another": "on"})
    assert second.context["form"].asked == {"is_another": "names", "is_outside": "place"}
    assert client.post(address, {**sheet, "is_another": "on", "is_outside": "on"}).status_code == 302


def test_the_form_asks_every_column_once_in_its_parts(client, unit, clerk):
    client.force_login(clerk)
    response = client.get(reverse("community-new", args=[unit.pk]))
    asked = [field.name for _part, _title, fields in response.context["form"].sections for field in fields]
    assert asked == list(sheets.COMMUNITY_FIELDS)
    page = response.content.decode()
    assert [name for name in asked if page.count(f'name="{name}"') != 1] == []
