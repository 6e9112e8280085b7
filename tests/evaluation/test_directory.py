"""The directory of certified communities: filters with counts, the map, one page a community, and nothing unpublished."""

from datetime import date, timedelta
from itertools import product

import pytest
from django.core.paginator import Paginator
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities.geometry import outlines
from communities.models import Community, District
from evaluation import city_map, directory
from evaluation.directory import Directory, Narrowing
from evaluation.models import Application, Certificate, Project
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db
API = "/api/v1/directory/"


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture(autouse=True)
def files_of_this_test_only(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def more(first, **columns):
    """Another certificate like ``first`` of a community of its own, made in four rows."""
    number = Certificate.objects.count() + 1
    case = first.application
    project = case.project
    community = Community.objects.create(
        organisation=project.organisation, name=f"示例·{number}小区", district=project.community.district, address="示例路",
        floor_area=1000, households=10, buildings=1,
    )  # fmt: skip
    values = {
        field.attname: getattr(project, field.attname)
        for field in Project._meta.concrete_fields
        if not field.primary_key
    }
    other = Project.objects.create(**{**values, "number": f"MORE-{number}", "community_id": community.pk})
    application = Application.objects.create(project=other, stage=case.stage, state="certified")
    kept = {
        field.attname: getattr(first, field.attname)
        for field in Certificate._meta.concrete_fields
        if not field.primary_key
    }
    kept |= {"application_id": application.pk, "number": f"MORE-{number}", "community_name": community.name, **columns}
    return Certificate.objects.create(**kept)


@pytest.fixture
def some():
    """Seven certificates in force in two districts, of three levels, in two years."""
    first = published.certificate("示例·甲小区", issued_on=date(2025, 3, 1))
    for district, level, year in (
        ("500112", 3, 2025), ("500112", 1, 2024), ("500117", 3, 2024), ("500117", 2, 2025), ("500117", 2, 2024),
        ("500103", 1, 2025),
    ):  # fmt: skip
        name = {1: "一星级", 2: "二星级", 3: "三星级"}[level]
        row = District.objects.get(pk=district)
        more(
            first,
            district_id=district,
            district_name=row.name,
            level=level,
            level_name=name,
            issued_on=date(year, 5, 1),
        )
    return first


def numbers_of(narrowing):
    found = Directory(narrowing, published.today())
    return [row.number for row in found[0:100]], found.count()


FILTERS = list(
    product(("", "500112", "500117"), ("", "三星级", "二星级"), ("", "smart_community", "innovation"), (0, 2024))
)


def test_every_narrowing_counts_what_it_lists(some):
    rows = list(Certificate.objects.order_by("-issued_on", "-pk"))
    expected = {
        (district, level, programme, year): [
            row.number
            for row in rows
            if district in ("", row.district_id)
            and level in ("", row.level_name)
            and programme in ("", row.programme_id)
            and year in (0, row.issued_on.year)
        ]
        for district, level, programme, year in FILTERS
    }
    found = {one: numbers_of(Narrowing(*one)) for one in FILTERS}
    assert found == {one: (numbers, len(numbers)) for one, numbers in expected.items()}


def test_a_choice_counts_under_the_other_filters(some):
    found = Directory(Narrowing(district="500112", year=2025), published.today())
    labels = directory.district_names()
    assert [(row.value, row.count) for row in found.choices("district", labels)] == [
        ("500103", 1), ("500112", 2), ("500117", 1)
    ]  # fmt: skip
    levels = directory.level_names(found.counted)
    assert [(row.value, row.count) for row in found.choices("level", levels)] == [
        ("三星级", 1), ("二星级", 1), ("一星级", 0)
    ]  # fmt: skip


def test_any_part_of_a_name_is_found(some):
    said = {"甲小": 1, "ＭＯＲＥ": 0, "置业１有限": 7, "没有": 0, "\n": 7, "%": 0, "_": 0}
    found = {words: numbers_of(Narrowing(words=words)) for words in said}
    assert {words: (len(listed), count) for words, (listed, count) in found.items()} == {
        words: (count, count) for words, count in said.items()
    }


def test_of_names_that_many_share_only_the_newest_are_listed_and_nobody_counts(some, monkeypatch):
    monkeypatch.setattr(directory, "FEW", 3)
    monkeypatch.setattr(directory, "MOST", 5)
    found = Directory(Narrowing(words="示例"), published.today())
    assert (found.count(), found.is_cut) == (5, True)
    assert {row.count for row in found.choices("district", directory.district_names())} == {None}
    few = Directory(Narrowing(words="甲小"), published.today())
    assert (few.count(), few.is_cut) == (1, False)


def test_pages_follow_each_other_and_leave_nobody_out(some):
    for _number in range(30):
        more(some)
    pages = Paginator(Directory(Narrowing(), published.today()), 10)
    listed = [row.number for page in pages for row in page]
    assert listed == list(Certificate.objects.order_by("-issued_on", "-pk").values_list("number", flat=True))


def test_what_is_kept_goes_with_the_next_change_and_with_the_day(some):
    today = published.today()
    assert sum(cell.certified for cell in directory.cells(today)) == 7
    with CaptureQueriesContext(connection) as seen:
        directory.cells(today)
    assert [query["sql"] for query in seen if "evaluation_certificate" in query["sql"]] == []
    Certificate.objects.filter(district="500103").update(state="revoked")
    assert sum(cell.certified for cell in directory.cells(today)) == 6
    assert directory.cells(today + timedelta(days=5000)) == ()


@pytest.mark.parametrize("page", ["directory", "directory-map"])
def test_a_page_asks_as_often_of_thirty_rows_as_of_one(client, page):
    first = published.certificate()

    def asked():
        directory.forget()
        with CaptureQueriesContext(connection) as seen:
            assert client.get(reverse(page)).status_code == 200
        return len(seen)

    few = asked()
    for number in range(29):
        more(first, district_id=list(outlines())[number], level=1 + number % 3)
    assert asked() == few


HOSTILE = (
    "district=500999", "level=<script>", "programme=x", "year=99999999999999999999", "year=0", "year=-1", "year=２０２５",
    "q=" + "长" * 500, "q=%25_\\", "page=99999999999999999999", "page=-1", "page=x", "district=500112&district=500117",
    "q=%EF%BB%BF",
)  # fmt: skip
UNREADABLE = {"q=%00": 400, "district=%00": 400, "search=%00": 400, "q=" + "长" * 9000: 414}  # refused before any page


@pytest.mark.parametrize("page", ["directory", "directory-map"])
def test_an_address_that_says_what_is_not_there_is_answered(client, some, page):
    answers = {query: client.get(f"{reverse(page)}?{query}") for query in (*HOSTILE, *UNREADABLE)}
    assert {query: answer.status_code for query, answer in answers.items()} == dict.fromkeys(HOSTILE, 200) | UNREADABLE
    assert [query for query, answer in answers.items() if b"<script>" in answer.content] == []


def test_the_api_refuses_what_it_cannot_read_and_finds_nothing_where_nothing_is(client, some):
    asked = {
        "district=500999": 200, "level=<script>": 200, "programme=x": 200, "year=99999999999999999999": 422, "year=0": 422,
        "year=x": 422, "search=" + "长" * 61: 422, "page=0": 404, "page=x": 404, "page=99999999999999999999": 404,
        "search=%00": 400,
    }  # fmt: skip
    assert {query: client.get(f"{API}?{query}").status_code for query in asked} == asked


# --- the map ---


def test_the_map_and_its_table_say_the_same_of_every_district(client, some):
    page = client.get(reverse("directory-map"))
    places = {row["code"]: row for row in page.context["places"]}
    counted = {code: row["count"] for code, row in places.items() if row["count"]}
    assert counted == {"500103": 1, "500112": 3, "500117": 3}
    assert set(places) == set(District.objects.values_list("pk", flat=True))
    drawn = {place["code"] for _shape, place in page.context["drawn"]}
    linked = (drawn - set(city_map.CROWDED)) | {place["code"] for _shape, place in page.context["enlarged"]}
    assert (drawn, linked) == (set(outlines()), set(outlines()))
    text = page.content.decode()
    assert text.count('class="district shade-') == 38
    assert [row["words"] for row in places.values() if text.count(f'aria-label="{row["words"]}"') != 1] == []


def test_a_zone_without_an_outline_stands_in_the_table_and_is_named(client, some):
    District.objects.create(code="500190", name="示例开发区")
    more(some, district_id="500190", district_name="示例开发区")
    page = client.get(reverse("directory-map"))
    assert page.context["unmapped"] == ["示例开发区"]
    assert "?district=500190" in page.content.decode()


def test_a_district_that_was_abolished_is_shown_while_it_holds_something(client, some):
    District.objects.filter(pk__in=("500112", "500101")).update(valid_until=published.today() - timedelta(days=1))
    codes = {row["code"] for row in client.get(reverse("directory-map")).context["places"]}
    assert {"500112", "500101"} & codes == {"500112"}


def test_the_map_is_narrowed_and_leads_to_the_list_with_the_same_filter(client, some):
    page = client.get(reverse("directory-map"), {"level": "三星级", "district": "500117", "q": "甲"})
    places = {row["code"]: row for row in page.context["places"]}
    assert {code: row["count"] for code, row in places.items() if row["count"]} == {"500112": 1, "500117": 1}
    assert client.get(places["500112"]["address"]).context["rows"].paginator.count == 1


@pytest.mark.parametrize(
    "counts, upper, classes",
    [
        ([], (), [0]),
        ([0, 0], (), [0]),
        ([1], (1,), [0, 1]),
        ([3], (1, 2, 3), [0, 1, 2, 3]),
        ([40, 1, 0], (5, 10, 20, 40), [0, 1, 1, 1, 1, 1, 2]),
    ],
)
def test_classes_double_and_reach_the_largest(counts, upper, classes):
    assert city_map.bounds(counts) == upper
    assert [city_map.class_of(count, upper) for count in range(len(classes))] == classes
    assert [least for _number, least, _most in city_map.ranges(upper)] == [1, *(most + 1 for most in upper)][
        : len(upper)
    ]


def test_every_label_stands_inside_its_district():
    def crossings(rings, x, y):
        return sum(
            x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
            for ring in rings
            for (x1, y1), (x2, y2) in zip(ring, ring[1:], strict=False)
            if (y1 > y) != (y2 > y)
        )

    frame = city_map.whole()
    outside = [
        shape.code
        for shape in city_map.city()
        if crossings(
            [[frame.place(x, y) for x, y in ring] for polygon in outlines()[shape.code] for ring in polygon],
            shape.x + 0.01, shape.y + 0.01,
        ) % 2 == 0
    ]  # fmt: skip
    assert outside == []


@pytest.mark.parametrize(
    "name, said",
    [
        ("渝北区", "渝北"),
        ("忠县", "忠县"),
        ("城口县", "城口"),
        ("石柱土家族自治县", "石柱"),
        ("酉阳土家族苗族自治县", "酉阳"),
        ("示例开发区", "示例开发"),
    ],
)
def test_the_map_says_short_names(name, said):
    assert city_map.short(name) == said


# --- one community ---


def address_of(row):
    return reverse("public-community", args=[row.application.project.community_id])


def test_a_community_shows_what_was_published_and_nothing_of_its_own_sheet(client):
    notice = published.notice()
    community = notice.application.project.community
    Community.objects.filter(pk=community.pk).update(
        name="示例·改名", address="示例·未公布的地址", planning_permit_number="秘密1"
    )
    page = client.get(address_of(notice)).content.decode()
    assert [words for words in ("示例·云栖里小区", "渝北区示例大道8号", notice.number) if words not in page] == []
    assert [words for words in ("示例·改名", "未公布", "秘密1", *notice.figures["panel"]) if words in page] == []


@pytest.mark.parametrize(
    "columns, words",
    [
        ({}, "有效"), ({"state": "revoked"}, "已撤销"), ({"state": "superseded"}, "已被新证书取代"),
        ({"state": "expired"}, "已过期"),
        ({"valid_until": published.today() - timedelta(days=1)}, "已过期"), ({"stage": "design"}, "设计预评，非最终星级"),
    ],
)  # fmt: skip
def test_every_certificate_of_a_community_says_how_it_stands(client, columns, words):
    row = published.certificate(**columns)
    page = client.get(address_of(row)).content.decode()
    assert (words in page, row.number in page) == (True, True)
    assert ("现在没有有效证书" in page) is ("已" in words)


def test_scenarios_are_those_that_the_notice_of_the_star_in_force_named(client):
    notice = published.notice()
    assert "有效星级证书的公示没有列出应用场景" in client.get(address_of(notice)).content.decode()
    row = published.certificate("示例·乙小区", number=2)
    other = published.outcome.open_notice(row.application, published.today())
    assert "评审没有认定加分的应用场景" in client.get(address_of(row)).content.decode()
    assert directory.community_at(row.application.project.community_id, published.today()).scenarios == ()
    assert other.figures["scenarios"] == []


def test_unknown_and_unpublished_communities_are_told_apart_by_nothing(client):
    hidden = published.judged(state="approval").project.community_id
    texts, asked = [], []
    for pk in (hidden, 987654, 2**63 + 5):
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(reverse("public-community", args=[pk]))
        assert (answer.status_code, "ETag" in answer) == (404, False)
        texts.append(answer.content.decode().replace(f"directory/{pk}/", "directory/N/"))
        asked.append(len(seen))
    assert (len(set(texts)), asked[0]) == (1, asked[1])
    answers = [client.get(f"{API}{pk}/") for pk in (hidden, 987654, 2**63 + 5)]
    assert {(one.status_code, one.content) for one in answers} == {(404, answers[0].content)}


def test_the_page_of_a_community_is_described_and_in_the_map_of_the_site(client, settings):
    row = published.certificate()
    hidden = published.judged("示例·丁小区", number=2, state="approval").project.community_id
    page = client.get(address_of(row)).content.decode()
    whole = settings.SITE_URL + address_of(row)
    assert f'<meta property="og:url" content="{whole}">' in page
    assert f"渝北区示例·云栖里小区，二星级，证书有效期至 {row.valid_until.isoformat()}。" in page
    listed = client.get(reverse("sitemap", args=["communities"])).content.decode()
    assert (f"<loc>{whole}</loc>" in listed, reverse("public-community", args=[hidden]) in listed) == (True, False)


def test_a_page_of_a_community_asks_as_often_however_long_its_history_is(client):
    row = published.certificate()

    def asked():
        with CaptureQueriesContext(connection) as seen:
            assert client.get(address_of(row)).status_code == 200
        return len(seen)

    few = asked()
    for number in range(20):
        application = Application.objects.create(project=row.application.project, stage="completion", state="certified")
        more(row, application_id=application.pk, number=f"OLD-{number}", state="expired")
    assert asked() == few


# --- the API beside the pages ---


def test_the_api_says_what_the_pages_say(client, some):
    listed = client.get(API, {"district": "500117", "level": "二星级"}).json()
    assert [row["issued_on"] for row in listed["results"]] == ["2025-05-01", "2024-05-01"]
    counted = client.get(f"{API}districts/", {"year": 2024, "page_size": 200}).json()["results"]
    assert {row["district"]: row["levels"] for row in counted if row["count"]} == {
        "500112": {"一星级": 1}, "500117": {"三星级": 1, "二星级": 1}
    }  # fmt: skip
    one = client.get(f"{API}{some.application.project.community_id}/").json()
    assert (one["name"], [row["standing"] for row in one["certificates"]]) == ("示例·甲小区", ["valid"])
