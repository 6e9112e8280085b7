"""What experts declare of themselves: it ends or is corrected, is never deleted, and who reads it."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities import credit_code
from communities.models import District, Officer, Organisation
from experts import declaring, facts
from experts.models import Clearance, Employment, Expert, Recusal
from experts.permissions import can_expert
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.problems import Refused
from tests.evaluation import scenes
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, code, person

pytestmark = pytest.mark.django_db

PARTY = code(500)
SINCE = newcomers.years_ago(3)
PEOPLE = ("zhang", "li", "second_keeper", "district_officer", *newcomers.DUTIES)
READERS = {"zhang", "organiser", "pool_keeper", "second_keeper", "supervisor"}


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def keepers():
    return newcomers.officers()


@pytest.fixture
def expert(keepers):
    newcomers.expert("li")
    return newcomers.expert("zhang")


def employment(expert, by=None, **values):
    said = {"name": "示例山城置业有限公司", "credit_code": PARTY, "post": "", "since": TODAY - 9 * DAY, "until": None}
    return declaring.add_employment(by or expert.user, expert, {**said, **values})


def tie(expert, by=None, **values):
    said = {"party": PARTY, "reason": "kinship", "since": None, "until": None, "note": "示例说明"}
    return declaring.declare(by or expert.user, expert, {**said, **values})


MAKE = {"employment": employment, "recusal": tie}


def refusals(call):
    with pytest.raises(Refused) as refused:
        call()
    return sorted((problem.place, problem.code) for problem in refused.value.problems)


def kept_off():
    return facts.known([PARTY], SINCE)


# --- declaring ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("kind", MAKE)
def test_an_expert_declares_for_themself_alone(expert, kind, name):
    if name == "zhang":
        MAKE[kind](expert, person(name))
        assert Event.objects.of(expert).last().role == "expert"
    else:
        with pytest.raises(NotAllowed):
            MAKE[kind](expert, person(name))


@pytest.mark.parametrize("state, may", [("serving", True), ("paused", True), ("hearing", True), ("removed", False)])
def test_whoever_was_removed_declares_nothing_more(expert, state, may):
    Expert.objects.filter(pk=expert.pk).update(state=state)
    assert can_expert(expert.user, "declare_fact", newcomers.fresh(expert)) == may


@pytest.mark.parametrize(
    "kind, values, reason",
    [
        ("employment", {}, "employed_by_party"),
        ("employment", {"credit_code": f" {PARTY.lower()} "}, "employed_by_party"),
        *[("recusal", {"reason": value.value}, value.value) for value in declaring.DECLARABLE],
    ],
)
def test_what_is_declared_with_a_code_keeps_off_at_once(expert, kind, values, reason):
    MAKE[kind](expert, **values)
    assert kept_off() == {expert.pk: reason}


def test_an_employment_without_a_code_keeps_off_nobody(expert):
    employment(expert, credit_code="")
    assert (kept_off(), Employment.objects.get().credit_code) == ({}, "")


def test_no_employment_is_said_without_a_name(expert):
    row = employment(expert, none=True)
    assert (row.name, row.credit_code, row.post) == ("", "", "")


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"name": " ", "since": None, "credit_code": "1"},
         [("credit_code", "credit_code_length"), ("name", "required"), ("since", "required")]),
        ({"credit_code": "91500103MAEX005000"}, [("credit_code", "credit_code_check")]),
        ({"since": TODAY + DAY}, [("since", "in_future")]),
        ({"until": TODAY - 10 * DAY}, [("until", "days_turned")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_employment_is_said_all_at_once(expert, values, expected):
    assert refusals(lambda: employment(expert, **values)) == expected
    assert Employment.objects.count() == 0


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"reason": "pinned", "party": "", "note": "示" * 501},
         [("note", "too_long"), ("party", "required"), ("reason", "reason")]),
        ({"reason": "employed_by_party"}, [("reason", "reason")]),
        ({"since": TODAY + DAY}, [("since", "in_future")]),
        ({"since": TODAY, "until": TODAY - DAY}, [("until", "days_turned")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_tie_is_said_all_at_once(expert, values, expected):
    assert refusals(lambda: tie(expert, **values)) == expected
    assert Recusal.objects.count() == 0


def test_a_tie_is_declared_once_and_again_after_a_correction(expert):
    first = tie(expert)
    assert refusals(lambda: tie(expert)) == [("party", "declared")]
    declaring.correct(expert.user, first, "示例理由")
    tie(expert)
    assert Recusal.objects.count() == 2


def test_a_declared_doubt_outweighs_an_earlier_clearance(expert):
    facts.pin(person("organiser"), expert, PARTY, facts.NONE, "示例理由")
    tie(expert, reason="self_declared")
    assert (kept_off(), Clearance.objects.in_force().count()) == ({expert.pk: "self_declared"}, 0)


# --- ending and correcting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKE)
def test_a_fact_ends_once_and_counts_for_its_years(expert, kind):
    row = MAKE[kind](expert)
    declaring.end(expert.user, row, TODAY)
    row.refresh_from_db()
    assert (row.until, list(kept_off())) == (TODAY, [expert.pk])
    assert facts.known([PARTY], TODAY + DAY) == {}
    with pytest.raises(Stale):
        declaring.end(expert.user, row, TODAY)


@pytest.mark.parametrize(
    "until, code", [(None, "required"), (TODAY + DAY, "in_future"), (TODAY - 10 * DAY, "days_turned")]
)
def test_an_end_is_a_day_between_the_beginning_and_today(expert, until, code):
    assert refusals(lambda: declaring.end(expert.user, employment(expert), until)) == [("until", code)]


@pytest.mark.parametrize("kind", MAKE)
def test_a_correction_stays_on_record_and_the_keepers_hear_of_it(expert, kind):
    row = MAKE[kind](expert)
    assert refusals(lambda: declaring.correct(expert.user, row, " ")) == [("reason", "required")]
    assert refusals(lambda: declaring.correct(expert.user, row, "示" * 501)) == [("reason", "too_long")]
    declaring.correct(expert.user, row, "示例理由")
    row.refresh_from_db()
    assert (row.withdrawn_at is not None, kept_off()) == (True, {})
    event = Event.objects.of(expert).last()
    assert (event.verb, event.data["reason"], event.data["party"]) == ("expert.correct_fact", "示例理由", PARTY)
    told = Notification.objects.filter(key__startswith=f"event:{event.pk}:").values_list("user__username", flat=True)
    assert sorted(told) == ["pool_keeper", "second_keeper"]
    with pytest.raises(Stale):
        declaring.correct(expert.user, row, "示例理由")


@pytest.mark.parametrize("change", [lambda *a: declaring.end(*a, TODAY), lambda *a: declaring.correct(*a, "示例")])
@pytest.mark.parametrize("name", ["li", "zhang", "pool_keeper"])
def test_a_pin_is_neither_ended_nor_corrected_by_the_expert_nor_facts_by_others(expert, change, name):
    row = facts.pin(person("organiser"), expert, PARTY, facts.CONFLICT, "示例理由") if name == "zhang" else tie(expert)
    with pytest.raises(NotAllowed):
        change(person(name), row)


# --- the last three years -------------------------------------------------------------------------------------------

DAY_OF_READING = date(2026, 3, 1)


@pytest.mark.parametrize(
    "periods, gaps",
    [
        ([], [((2023, 3, 1), (2026, 3, 1))]),
        ([((2020, 1, 1), None)], []),
        ([((2023, 3, 1), (2026, 3, 1))], []),
        ([((2023, 3, 2), (2026, 2, 28))], [((2023, 3, 1), (2023, 3, 1)), ((2026, 3, 1), (2026, 3, 1))]),
        ([((2010, 1, 1), (2024, 1, 1)), ((2024, 1, 2), None)], []),
        ([((2010, 1, 1), (2024, 1, 1)), ((2024, 1, 3), None)], [((2024, 1, 2), (2024, 1, 2))]),
        ([((2022, 1, 1), None), ((2023, 5, 1), (2024, 1, 1))], []),
        ([((2010, 1, 1), (2015, 1, 1))], [((2023, 3, 1), (2026, 3, 1))]),
    ],
)
def test_what_the_history_leaves_open_is_told(expert, periods, gaps):
    for first, last in periods:
        until = date(*last) if last else None
        Employment.objects.create(expert=expert, name="示例", since=date(*first), until=until)
    found = declaring.uncovered(declaring.employments(expert), DAY_OF_READING)
    assert found == [(date(*first), date(*last)) for first, last in gaps]


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
def test_facts_are_read_by_the_expert_and_by_those_who_keep_and_draw(expert, client, name):
    tie(expert, note="示例亲属说明")
    facts.pin(person("organiser"), expert, code(501), facts.CONFLICT, "示例核定理由")
    client.force_login(person(name))
    page = client.get(expert.get_absolute_url())
    assert ("示例亲属说明" in page.text) == (name in READERS)
    assert ("示例核定理由" in page.text) == (name in READERS - {"zhang"})


def test_an_expert_declares_ends_and_corrects_on_pages(expert, client):
    client.force_login(expert.user)
    address = reverse("employment-new")
    said = {"name": "示例山城置业有限公司", "credit_code": PARTY, "since": "2024-01-01"}
    assert client.post(address, {**said, "since": ""}).status_code == 422
    assert client.post(address, said).url == reverse("own-facts")
    tied = {"party": PARTY, "reason": "kinship", "note": "示例亲属说明"}
    assert client.post(reverse("tie-new"), {**tied, "party": ""}).status_code == 422
    assert client.post(reverse("tie-new"), tied).url == reverse("own-facts")
    page = client.get(reverse("own-facts")).text
    assert ("示例山城置业有限公司" in page, "示例亲属说明" in page) == (True, True)
    row = Employment.objects.get()
    end = reverse("fact-change", args=["employment", row.pk, "end"])
    assert (client.post(end, {"until": ""}).status_code, client.post(end, {"until": "2025-01-01"}).status_code) == (
        422,
        302,
    )
    correct = reverse("fact-change", args=["recusal", Recusal.objects.get().pk, "correct"])
    assert (client.get(correct).status_code, client.post(correct, {"reason": "示例理由"}).status_code) == (200, 302)
    assert (client.get(correct).status_code, "示例亲属说明" in client.get(reverse("own-facts")).text) == (404, False)


@pytest.mark.parametrize("name, status", [("li", 404), ("pool_keeper", 404), ("zhang", 200)])
def test_the_facts_of_another_are_not_there(expert, client, name, status):
    if name == "pool_keeper":
        assert Officer.objects.filter(user=person(name)).exists()
    row = tie(expert)
    client.force_login(person(name))
    assert client.get(reverse("fact-change", args=["recusal", row.pk, "end"])).status_code == status


@pytest.mark.parametrize("kind, change", [("recusal", "delete"), ("pin", "end")])
def test_there_is_nothing_else_to_do_with_a_fact(expert, client, kind, change):
    client.force_login(expert.user)
    assert client.get(reverse("fact-change", args=[kind, tie(expert).pk, change])).status_code == 404


def test_the_own_page_costs_as_many_queries_for_many_facts(expert, client):
    client.force_login(expert.user)

    def queries():
        with CaptureQueriesContext(connection) as found:
            client.get(reverse("own-facts"))
        return len(found)

    employment(expert)
    tie(expert)
    queries()
    first = queries()
    for number in range(9):
        other = credit_code.with_check_character(f"91500103MAEY{number:05d}")
        employment(expert, credit_code=other)
        tie(expert, party=other)
    assert queries() == first


# --- what a hostile or hasty hand sends -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKE)
def test_no_fact_ends_in_the_future(expert, kind):
    assert refusals(lambda: MAKE[kind](expert, until=TODAY + DAY)) == [("until", "in_future")]


@pytest.mark.parametrize("reader", ["zhang", "pool_keeper"])
def test_a_last_day_at_the_end_of_time_breaks_no_page(expert, client, reader):
    Employment.objects.create(expert=expert, name="示例", since=date.min, until=date.max)
    client.force_login(person(reader))
    assert client.get(expert.get_absolute_url()).status_code == 200
    assert declaring.uncovered(declaring.employments(expert), TODAY) == []


def test_a_form_that_was_sent_twice_declares_one_employment(expert):
    employment(expert)
    assert refusals(lambda: employment(expert)) == [("name", "declared")]
    employment(expert, post="顾问")
    assert declaring.employments(expert).count() == 2


def test_part_of_a_name_offers_the_units_that_may_be_meant(expert, client):
    for name, number in (
        ("示例山城置业有限公司", 500),
        ("示例山城物业服务有限公司", 501),
        ("示例江北置业有限公司", 502),
    ):
        unit_named(name, code(number))
    client.force_login(expert.user)
    said = {"party": "示例山城", "reason": "kinship", "note": "示例"}
    answer = client.post(reverse("tie-new"), said)
    offered = [code for code, _name in answer.context["form"].fields["unit"].choices]
    assert (answer.status_code, sorted(offered)) == (422, [code(500), code(501)])
    assert client.post(reverse("tie-new"), {**said, "unit": code(501)}).status_code == 302
    assert declaring.ties(expert).get().party_code == code(501)


def test_the_beginning_of_a_code_offers_units_too_and_one_character_none(expert):
    unit_named("示例山城置业有限公司", PARTY)
    unit_named("示例未核验有限公司", code(501), state="submitted")
    assert facts.offers(PARTY[:9].lower()) == [(PARTY, "示例山城置业有限公司")]
    assert facts.offers("示") == []


@pytest.mark.parametrize("declared, told", [(False, True), (True, False)])
def test_who_decides_on_a_conflict_is_told_which_years_are_not_covered(expert, client, declared, told):
    if declared:
        employment(expert, since=SINCE)
    client.force_login(person("pool_keeper"))
    text = client.get(reverse("expert-pin", args=[expert.number])).content.decode()
    assert ("近三年的任职经历没有报全" in text) == told


def unit_named(name, number, state="active"):
    district = District.objects.first()
    return Organisation.objects.create(name=name, credit_code=number, state=state, kind="developer", district=district)
