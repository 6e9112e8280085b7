"""Statistics: every number is the length of the list it leads to, for everybody who may read that list."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import District, Parameter
from evaluation import figures, public_figures, statistics, statistics_days
from evaluation.models import (
    AnnualTarget,
    Application,
    Assignment,
    Certificate,
    Draw,
    Finding,
    LateCode,
    Programme,
    StatisticsDay,
)
from evaluation.views import statistics as page
from experts.models import Expert, Field
from portal.models import Event
from tests.evaluation import desks, scenes

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
YEAR = TODAY.year
NAMES = {1: "一星级", 2: "二星级", 3: "三星级"}
HERE, THERE = "渝北区", "江北区"
NUMBERS = count(1)
PUBLIC = ["plan_years", "plan_districts", "stars_years", "stars_districts", "journey", "times", "units"]
READERS = {
    "": PUBLIC,
    "member": PUBLIC,
    "intake": [*PUBLIC, "states", "rounds", "late"],
    "organiser": [*PUBLIC, "states", "rounds", "items", "load"],
    "approver": [*PUBLIC, "states", "rounds", "items"],
    "supervisor": [*PUBLIC, "states", "rounds", "late", "items", "load"],
    "district-1": [*PUBLIC, "states", "rounds"],
    "pool-keeper": [*PUBLIC, "load"],
    "security-administrator": PUBLIC,
}


def star(case, level=2, *, year=YEAR, days=30, state="expired", unit="示例置业甲", final=True, **columns):
    """One more certificate of a case."""
    number, application = next(NUMBERS), Application.objects.get(pk=case)
    issued = date(year, 1, 15) if year != YEAR else TODAY - timedelta(days=days)
    community = application.project.community
    return Certificate.objects.create(
        **{
            "application": application, "number": f"T-{number:05d}", "state": state, "is_final": final, "level": level,
            "level_name": NAMES[level], "community_name": community.name, "organisation_name": unit,
            "district_name": community.district.name, "standard_label": "示例", "standard_sha256": "0" * 64,
            "issued_on": issued, "valid_until": TODAY + timedelta(days=400), **columns,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def city(django_db_setup, django_db_blocker):
    """The desks' cases, certificates of four years in two districts, late findings, experts, targets."""
    with scenes.configured(django_db_blocker):
        kept = desks.build()
        done, other = kept["done"], kept["soon"]
        first = star(done, 3, state="valid")
        star(done, 2, days=5, state="superseded", succeeds=first)  # the same award at a lower level
        star(done, 3, year=YEAR - 1, valid_until=TODAY - timedelta(days=2))
        star(done, 2, year=YEAR - 1, unit="示例置业乙", state="revoked")
        star(other, 1, year=YEAR - 2, unit="示例城建")
        star(other, 1, state="valid")
        star(kept["drawing"], 2, state="valid", final=False)
        code = LateCode.objects.order_by("code").first().code
        for case, by in ((kept["late"], "intake"), (kept["soon"], "intake"), (kept["today"], "organiser")):
            Finding.objects.create(
                application_id=case,
                round=2,
                kind="data",
                place="name",
                text="示例",
                by=scenes.person(by),
                late_code=code,
            )
        for number, field in enumerate(("comm", "comm", "security")):
            user = desks.people.user(f"expert-{number}", f"示例专家{number}")
            user.save()
            expert = Expert.objects.create(
                state="serving", user=user, number=f"ZJ-{number:04d}", employer="示例设计院",
                district=District.objects.first(), term_from=TODAY, term_until=TODAY + timedelta(days=100),
            )  # fmt: skip
            expert.fields.add(Field.objects.get(pk=field))
        AnnualTarget.objects.create(year=YEAR, programme="smart_community", district="500112", count=4, basis="示例")
        AnnualTarget.objects.create(year=YEAR + 1, programme="smart_community", count=9, basis="示例")
        yield kept


def reader(name):
    client = Client()
    if name:
        client.force_login(scenes.person(name))
    return client


def asked(who="", **params):
    user = scenes.person(who) if who else None
    return statistics.asked_of(params, user)[0]


def rows(code, who="", **params):
    question = asked(who, **params)
    return statistics.FIGURES[code].rows(question)


def values(code, who="", **params):
    return [[cell.value for cell in row] for row in rows(code, who, **params)]


def length_of(client, address):
    """How many rows the list at an address has, over all its pages."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    page = next(answer.context[name] for name in ("page", "rows") if hasattr(answer.context.get(name), "paginator"))
    return page.paginator.count


# --- numbers and lists ---

FILTERS = [{}, {"year": str(YEAR)}, {"district": "500112"}, {"programme": "smart_community", "district": "500105"},
           {"year": str(YEAR - 1), "district": "500112"}]  # fmt: skip


def test_every_number_that_the_supervisor_reads_is_the_length_of_its_list(city):
    assert_numbers_are_lengths("supervisor", {})


@pytest.mark.long
@pytest.mark.parametrize("params", FILTERS, ids=lambda params: ",".join(params) or "all")
@pytest.mark.parametrize("who", READERS)
def test_every_number_is_the_length_of_the_list_it_leads_to(city, who, params):
    assert_numbers_are_lengths(who, params)


def assert_numbers_are_lengths(who, params):
    client, question = reader(who), asked(who, **params)
    linked, wrong = 0, []
    for figure in statistics.figures_for(question.user):
        for row in figure.rows(question):
            for cell in row[1:]:
                if cell.link:
                    linked += 1
                    wrong += [(figure.code, row[0].value, cell)] if length_of(client, cell.link) != cell.value else []
    assert (linked > 3, wrong) == (True, [])


@pytest.mark.parametrize("who", READERS)
def test_who_sees_which_figures(city, who):
    question = asked(who)
    assert [figure.code for figure in statistics.figures_for(question.user)] == READERS[who]


@pytest.mark.long
@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("code", statistics.FIGURES)
def test_a_figure_that_is_not_for_a_reader_is_not_there_in_any_form(city, who, code):
    client, expected = reader(who), 200 if code in READERS[who] else 404
    addresses = (
        reverse("statistics-csv", args=[code]),
        f"/api/v1/statistics/{code}/",
        f"/api/v1/statistics/{code}/csv/",
    )
    assert [client.get(address).status_code for address in addresses] == [expected] * 3


def test_a_district_officer_counts_the_own_districts_only(city):
    everybody, own = values("states", "supervisor"), values("states", "district-1")
    assert (sum(row[1] for row in everybody), sum(row[1] for row in own)) == (8, 5)
    assert values("states", "district-1", district="500105") == []


def test_drafts_are_nobodys_number(city):
    assert "填报中" not in {row[0] for row in values("states", "supervisor")}


def test_what_is_overdue_is_told_by_state(city):
    assert [row for row in values("states", "supervisor") if row[2]] == [["形式审查", 4, 1]]


# --- plan, stars ---


def test_the_city_is_planned_by_its_own_target_or_by_the_sum_of_its_districts(city):
    assert values("plan_years") == [
        [str(YEAR - 2), None, 1, None], [str(YEAR - 1), None, 1, None], [str(YEAR), 4, 2, 50], [str(YEAR + 1), 9, 0, 0],
    ]  # fmt: skip
    AnnualTarget.objects.create(year=YEAR, programme="smart_community", count=10, basis="示例")
    assert values("plan_years", year=str(YEAR)) == [[str(YEAR), 10, 2, 20]]


def test_districts_are_told_for_one_year(city):
    assert values("plan_districts") == [[THERE, None, 1, None], [HERE, 4, 1, 25]]
    assert values("plan_districts", year=str(YEAR - 2)) == [[THERE, None, 1, None]]
    assert values("plan_districts", district="500112") == [[HERE, 4, 1, 25]]


def test_one_award_is_counted_once_and_a_revoked_one_not_at_all(city):
    assert values("stars_years") == [[str(YEAR - 2), 0, 0, 1, 1], [str(YEAR - 1), 1, 0, 0, 1], [str(YEAR), 1, 0, 1, 2]]


@pytest.mark.parametrize("terms", [1, 3])
def test_an_award_that_was_revoked_after_another_term_or_a_lower_level_counts_no_more(city, terms):
    before = values("stars_years")
    last = star(city["drawing"], 3, state="superseded")
    for _term in range(terms):
        last = star(city["drawing"], 2, days=3, state="superseded", succeeds=last)
    assert values("stars_years") != before
    Certificate.objects.filter(pk=last.pk).update(state="revoked")
    assert values("stars_years") == before
    asked, _known = statistics.asked_of({}, None)
    assert public_figures.certificates(asked, "awarded").count() == before[0][-1] + before[1][-1] + before[2][-1]


def test_stars_in_force_are_those_that_hold_today(city):
    assert values("stars_districts") == [[THERE, 0, 0, 1, 1], [HERE, 1, 0, 0, 1]]
    Certificate.objects.update(valid_until=TODAY - timedelta(days=1))
    page.forget()
    assert values("stars_districts") == []


def test_the_way_to_a_star(city):
    assert [row[1] for row in values("journey")] == [0, 1, 4, 2, 1]


def test_a_change_of_anything_public_is_counted_at_once(city):
    before = values("journey")[2][1]
    star(city["done"], 1)
    assert values("journey")[2][1] == before + 1


def test_what_is_kept_in_memory_asks_the_certificates_no_more(city):
    values("stars_years")
    with CaptureQueriesContext(connection) as queries:
        values("stars_years")
    assert [query for query in queries.captured_queries if "evaluation_certificate" in query["sql"]] == []


# --- units ---


def test_only_units_that_did_well_are_named_and_none_that_lost_a_certificate(city):
    Parameter.objects.filter(code=figures.LEAST).update(value=4)
    assert values("units") == []
    Parameter.objects.filter(code=figures.LEAST).update(value=1)
    assert [row[0] for row in values("units")] == ["示例置业甲", "示例城建"]
    star(city["done"], 3, unit="示例置业乙")
    assert "示例置业乙" not in {row[0] for row in values("units")}
    assert "示例置业乙" not in {row[0] for row in values("units", year=str(YEAR))}  # it lost one of the year before


def test_units_stand_in_the_order_of_their_highest_stars_and_are_not_many(city):
    Parameter.objects.filter(code=figures.LEAST).update(value=1)
    for number in range(public_figures.MOST_UNITS + 3):
        star(city["done"], 2, unit=f"示例单位{number:02d}")
    found = [row[0] for row in values("units")]
    assert (len(found), found[:3]) == (10, ["示例置业甲", "示例单位00", "示例单位01"])


# --- times and items ---


def count_night(times=(), items=()):
    StatisticsDay.objects.all().delete()
    StatisticsDay.objects.create(
        day=TODAY, made_at=timezone.now(), figures={"times": list(times), "items": list(items)}
    )


def spent(days, n, *, year=YEAR, district="500112", in_time=True, step="form_check"):
    return ["smart_community", district, year, "design", step, days, in_time, n]


def test_times_are_told_with_median_slow_end_limit_and_share_in_time(city):
    count_night([spent(1, 3), spent(4, 4), spent(9, 3, in_time=False)])
    assert values("times") == [["形式审查", 10, 4, 9, 5, 70]]
    assert "4 个工作日" in statistics.table(statistics.FIGURES["times"], asked()).sentence


@pytest.mark.parametrize("n, told", [(4, 0), (5, 1)])
def test_few_cases_are_not_told_by_themselves(city, n, told):
    count_night([spent(1, n), spent(1, 9, district="500105")])
    assert (len(values("times", district="500112")), len(values("times"))) == (told, 1)


def test_the_floor_is_the_authoritys(city):
    Parameter.objects.filter(code=figures.FLOOR).update(value=20)
    count_night([spent(1, 19)])
    assert values("times") == []


def test_before_the_first_night_the_page_says_so(city):
    StatisticsDay.objects.all().delete()
    assert statistics.table(statistics.FIGURES["times"], asked()).sentence == "用时每天夜间统计一次，还没有统计过。"


def test_items_are_told_by_what_they_lose_exactly_and_by_version(city):
    pk = Programme.objects.get(pk="smart_community").standard_id
    count_night(items=[
        [pk, "smart_community", YEAR, "design", "4.2.1", 5, 2, "10/3", "25"],
        [pk, "smart_community", YEAR - 1, "completion", "4.2.1", 5, 1, "5/3", "25"],
        [pk, "smart_community", YEAR, "design", "4.2.2", 4, 4, "20", "20"],  # too few
    ])  # fmt: skip
    [[item, _standard, judged, losing, share]] = values("items", "supervisor")
    assert (item.split()[0], judged, losing, share) == ("4.2.1", 10, 3, 10)
    assert values("items", "supervisor", year=str(YEAR - 1))[0][2:] == [5, 1, 7]


# --- the load of experts ---


def test_the_load_is_told_by_field(city):
    seats = (Application.objects.get(pk=city["completion"]), Application.objects.get(pk=city["done"]))
    for application in seats:
        draw = Draw.objects.create(
            application=application,
            review_round=1,
            frozen={},
            commitment="",
            identities={},
            organiser=scenes.person("organiser"),
        )
        Assignment.objects.create(
            application=application,
            draw=draw,
            expert=Expert.objects.get(number="ZJ-0000"),
            field="comm",
            seat=1,
            state="signed",
        )
    names = dict(Field.objects.values_list("pk", "name"))
    assert values("load", "organiser") == [[names["comm"], 2, 2, 1.0, 2], [names["security"], 1, 0, 0.0, 0]]
    assert values("load", "organiser", year=str(YEAR - 1))[0] == [names["comm"], 2, 0, 0.0, 0]


# --- what is asked ---

WRONG = [
    ("year", "1"), ("year", "99999"), ("year", "1999"), ("year", str(YEAR + 6)), ("year", "-202"), ("year", "２０２６"),
    ("year", "2026 OR 1"), ("programme", "none"), ("programme", "x" * 5000), ("district", "<script>"), ("district", "50011"),
    ("district", "＝１"), ("year", "202\u00b2"),
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name, value", WRONG)
@pytest.mark.parametrize("place", ["statistics", "statistics-certificates"])
def test_a_wrong_filter_is_told_beside_its_field_and_counts_nothing(city, place, name, value):
    answer = Client().get(reverse(place), {name: value})
    [problems] = [field["problems"] for field in answer.context["fields"] if field["problems"]]
    wrong = next(field["name"] for field in answer.context["fields"] if field["problems"])
    assert (answer.status_code, wrong, len(problems), answer.has_header("ETag")) == (422, name, 1, False)
    assert b"<figure" not in answer.content
    assert b"<script>" not in answer.content


def test_every_wrong_filter_is_told_at_once_to_programs_too(city):
    answer = Client().get("/api/v1/statistics/", {"year": "1", "programme": "none", "district": "none"})
    assert (answer.status_code, [row["place"] for row in answer.json()["problems"]]) == (
        422, ["year", "programme", "district"]
    )  # fmt: skip


@pytest.mark.parametrize("params, status", [
    ({"kind": "none"}, 422), ({"level": "99"}, 422), ({"level": "x"}, 422), ({"unit": "没有"}, 200), ({"level": "9"}, 200),
    ({"page": "999999999999"}, 200), ({"unit": "%_"}, 200),
])  # fmt: skip
def test_the_list_behind_a_number_takes_only_what_there_is(city, params, status):
    assert Client().get(reverse("statistics-certificates"), params).status_code == status


@pytest.mark.parametrize("address", ["/statistics/", "/statistics/certificates/", "/statistics/plan_years.csv"])
def test_nobody_puts_a_null_into_a_question(city, address):
    for name in ("year", "programme", "district", "kind", "unit", "level"):
        assert Client().get(f"{address}?{name}=%00").status_code in (200, 400, 422)


# --- files ---


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)"])
def test_no_cell_of_a_csv_becomes_a_formula(city, text):
    Parameter.objects.filter(code=figures.LEAST).update(value=1)
    star(city["done"], 3, unit=text)
    content = Client().get(reverse("statistics-csv", args=["units"])).content
    found = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert (content[:3], [row[0] for row in found if text in row[0]]) == (b"\xef\xbb\xbf", [f"'{text}"])


@pytest.mark.long
@pytest.mark.parametrize("code", statistics.FIGURES)
def test_page_api_and_file_say_the_same(city, code):
    count_night([spent(3, 8)])
    client = reader("supervisor")
    told = client.get(f"/api/v1/statistics/{code}/").json()
    lines = list(
        csv.reader(io.StringIO(client.get(reverse("statistics-csv", args=[code])).content.decode("utf-8-sig")))
    )
    assert lines[0] == [column["label"] for column in told["columns"]]
    assert len(lines) - 1 == len(told["rows"])
    assert lines[1:] == [[written(value) for value in row] for row in told["rows"]]
    cells = [[page.in_words(cell.value, "count") for cell in row] for row in rows(code, "supervisor")]
    assert [[cell or "—" for cell in line] for line in lines[1:]] == cells


def written(value):
    """A value of the API as a file says it."""
    return "" if value is None else str(value)


# --- the page ---


def test_every_figure_stands_on_the_page_with_table_sentence_rule_and_file(city):
    count_night([spent(3, 8)])
    content = reader("supervisor").get("/statistics/").content.decode()
    question = asked("supervisor")
    for code in READERS["supervisor"]:
        found = statistics.table(statistics.FIGURES[code], question)
        assert (code, content.count(f'id="{code}"')) == (code, 1)
        assert (code, found.rows == [], reverse("statistics-csv", args=[code]) in content) == (
            code, found.rows == [], found.rows != []
        )  # fmt: skip


def test_the_public_page_is_asked_for_once_until_something_changes(city):
    client = Client()
    first = client.get("/statistics/")
    again = client.get("/statistics/", headers={"if-none-match": first["ETag"]})
    AnnualTarget.objects.create(year=YEAR, programme="smart_community", district="500101", count=1, basis="示例")
    changed = client.get("/statistics/", headers={"if-none-match": first["ETag"]})
    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)


def test_the_public_page_names_no_person_and_reads_no_case(city):
    with CaptureQueriesContext(connection) as queries:
        content = Client().get("/statistics/").content.decode()
    asked_of = " ".join(query["sql"] for query in queries.captured_queries)
    assert [name for name in ("李经办", "赵联系", "示例专家0") if name in content] == []
    assert [
        table for table in ("portal_user", "evaluation_finding", "evaluation_mark") if f'FROM "{table}"' in asked_of
    ] == []


@pytest.mark.parametrize("who", ["", "supervisor"])
def test_thirty_times_as_many_certificates_ask_no_more_questions(city, who):
    client = reader(who)

    def questions():
        client.get("/statistics/")
        with CaptureQueriesContext(connection) as queries:
            star(city["done"], 1)
            before = len(queries.captured_queries)
            client.get("/statistics/")
        return len(queries.captured_queries) - before

    few = questions()
    for number in range(30):
        star(
            city["done"] if number % 2 else city["soon"],
            1 + number % 3,
            year=YEAR - number % 9,
            unit=f"示例{number % 4}",
        )
    assert questions() == few


# --- targets ---


def test_the_security_administrator_plans_on_a_basis_and_on_record(city):
    client = reader("security-administrator")
    said = {
        "year": YEAR + 2,
        "programme": "smart_community",
        "district": "500112",
        "count": 7,
        "basis": "示例〔2026〕1号",
    }
    answer = client.post(reverse("policy-new", args=["annual_target"]), said)
    row = AnnualTarget.objects.get(year=YEAR + 2)
    event = Event.objects.of(row).get()
    assert (answer.status_code, row.count, event.verb, event.data["after"]["count"]) == (
        302,
        7,
        "annual_target.open",
        7,
    )
    again = client.post(reverse("policy-new", args=["annual_target"]), said)
    assert (again.status_code, AnnualTarget.objects.filter(year=YEAR + 2).count()) == (422, 1)


@pytest.mark.long
@pytest.mark.parametrize("name, value", [
    ("year", 1999), ("year", YEAR + 6), ("year", ""), ("count", -1), ("count", 100_001), ("programme", ""),
    ("programme", "none"), ("district", "999999"), ("basis", ""),
])  # fmt: skip
def test_a_target_that_is_not_legal_is_refused_at_its_field(city, name, value):
    said = {
        "year": YEAR + 2,
        "programme": "smart_community",
        "district": "500112",
        "count": 7,
        "basis": "示例",
        name: value,
    }
    answer = reader("security-administrator").post(reverse("policy-new", args=["annual_target"]), said)
    assert (answer.status_code, name in answer.context["form"].errors) == (422, True)
    assert not AnnualTarget.objects.filter(year__in=[1999, YEAR + 2, YEAR + 6]).exists()


@pytest.mark.long
@pytest.mark.parametrize("who", ["supervisor", "member", "system-administrator"])
def test_nobody_else_plans(city, who):
    assert reader(who).post(reverse("policy-new", args=["annual_target"]), {}).status_code == 403


# --- the night ---


def test_a_night_is_counted_once_and_takes_the_place_of_the_one_before(city):
    StatisticsDay.objects.all().delete()
    old = statistics_days.make(TODAY - timedelta(days=1))
    new = statistics_days.make(TODAY)
    assert (old.day, new.day, statistics_days.make(TODAY)) == (TODAY - timedelta(days=1), TODAY, None)
    assert list(StatisticsDay.objects.values_list("day", flat=True)) == [TODAY]


def test_who_asked_when_the_next_night_took_the_place_reads_the_next(city):
    count_night([spent(1, 9)])
    asked = statistics.asked_of({}, None)[0]
    StatisticsDay.objects.all().delete()
    StatisticsDay.objects.create(day=TODAY, made_at=timezone.now(), figures={"times": [spent(2, 9)]})
    assert asked.nightly("times") == [spent(2, 9)]


def test_a_night_that_another_worker_counts_is_left_to_it_until_its_time_is_over(city):
    row = StatisticsDay.objects.create(day=TODAY, claimed_until=timezone.now() + timedelta(hours=1), attempts=1)
    assert statistics_days.make(TODAY) is None
    StatisticsDay.objects.filter(pk=row.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert statistics_days.make(TODAY).pk == row.pk


def test_a_worker_that_was_too_slow_publishes_nothing(city, monkeypatch):
    def taken_over(until, breathe):
        StatisticsDay.objects.update(attempts=2)
        return []

    monkeypatch.setattr(statistics_days.item_losses, "counted", taken_over)
    assert (statistics_days.make(TODAY), statistics_days.newest()) == (None, None)


def test_links_carry_no_filter_that_a_figure_does_not_heed(city):
    for figure in statistics.FIGURES.values():
        who = "supervisor" if figure.right else ""
        for row in figure.rows(asked(who, year=str(YEAR))):
            for cell in row:
                query = parse_qs(urlsplit(cell.link).query)
                assert (figure.code, "year" in query and "year" not in figure.narrowed_by) == (figure.code, False)
