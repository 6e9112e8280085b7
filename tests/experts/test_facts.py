"""Decisions on possible conflicts: who may pin and lift, what a clearance outweighs, and what only a name suggests."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from communities import credit_code
from communities.models import District, Membership, Officer, Organisation
from experts import facts
from experts.models import Clearance, Employment, Expert, Recusal
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification, User
from portal.problems import Refused
from tests.evaluation import scenes
from tests.experts import newcomers
from tests.experts.newcomers import DAY, TODAY, code, person

pytestmark = pytest.mark.django_db

PARTY = code(500)
SINCE = TODAY - 1095 * DAY
PEOPLE = ("zhang", "li", "second_keeper", "district_officer", *newcomers.DUTIES)


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def keepers():
    return newcomers.officers()


@pytest.fixture
def expert(keepers):
    return newcomers.expert("zhang")


@pytest.fixture
def unit():
    return unit_named("示例山城置业有限公司", PARTY)


def unit_named(name, number, state="active"):
    return Organisation.objects.create(
        name=name, credit_code=number, state=state, kind="developer", district=District.objects.first()
    )


def pin(expert, verdict, by="organiser", party=PARTY, reason="示例理由"):
    return facts.pin(person(by), expert, party, verdict, reason)


def refusals(call):
    with pytest.raises(Refused) as refused:
        call()
    return [(problem.code, problem.place) for problem in refused.value.problems]


def fact(expert, reason, **values):
    return Recusal.objects.create(expert=expert, party_code=PARTY, reason=reason, declared_by=expert.user, **values)


# --- pins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("verdict", facts.VERDICTS)
def test_organiser_and_keeper_pin_and_nobody_else(expert, name, verdict):
    person("li")
    if name in ("organiser", "pool_keeper", "second_keeper"):
        made = pin(expert, verdict, name)
        assert (made.expert, made.party_code) == (expert, PARTY)
    else:
        with pytest.raises(NotAllowed):
            pin(expert, verdict, name)


def test_an_officer_who_is_an_expert_decides_nothing_about_themself(keepers):
    own = newcomers.expert("organiser")
    with pytest.raises(NotAllowed):
        pin(own, facts.NONE)


def test_a_pinned_conflict_keeps_off_and_stands_in_the_trail_with_its_reason(expert):
    made = pin(expert, facts.CONFLICT)
    event = Event.objects.of(made).get()
    assert facts.known([PARTY], SINCE) == {expert.pk: "pinned"}
    assert (event.verb, event.role, event.data) == (
        "recusal.pin", "organiser", {"expert": expert.number, "party": PARTY, "reason": "示例理由"},
    )  # fmt: skip
    assert not Event.objects.of(expert).filter(verb="recusal.pin").exists()


def test_the_supervisor_hears_of_every_pin_and_the_expert_does_not(expert):
    made = pin(expert, facts.NONE)
    (row,) = Notification.objects.filter(key__startswith=f"event:{Event.objects.of(made).get().pk}:")
    assert (row.user, row.kind) == (person("supervisor"), "progress")


@pytest.mark.parametrize(
    "party, verdict, reason, expected",
    [
        ("", "", "", {("verdict", "verdict"), ("required", "reason"), ("required", "party")}),
        ("91500103MAEX005000", "none", "x", {("credit_code_check", "party")}),
        ("示例没有的单位", "none", "x", {("party_unknown", "party")}),
        ("示例山城", "none", "x" * 501, {("party_unclear", "party"), ("too_long", "reason")}),
    ],
)
def test_what_is_wrong_with_a_pin_is_said_all_at_once(expert, unit, party, verdict, reason, expected):
    unit_named("示例山城物业服务有限公司", code(501))
    found = refusals(lambda: pin(expert, verdict, party=party, reason=reason))
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    "typed",
    ["示例山城置业有限公司", "示例山城置业", PARTY.lower(), f" {PARTY} "],
    ids=["name", "part", "case", "spaces"],
)
def test_a_party_is_found_by_its_name_or_its_code(unit, typed):
    assert facts.party_of(typed) == PARTY


def test_a_unit_that_is_not_verified_is_no_party_by_name():
    unit_named("示例山城置业有限公司", PARTY, state="submitted")
    assert refusals(lambda: facts.party_of("示例山城置业有限公司")) == [("party_unknown", "party")]


@pytest.mark.parametrize("first", facts.VERDICTS)
@pytest.mark.parametrize("second", facts.VERDICTS)
def test_what_is_decided_is_not_decided_again_before_it_is_lifted(expert, first, second):
    made = pin(expert, first)
    assert refusals(lambda: pin(expert, second)) == [("decided", "party")]
    facts.lift(person("supervisor"), made, "示例理由")
    pin(expert, second, "pool_keeper")
    assert bool(facts.known([PARTY], SINCE)) == (second == facts.CONFLICT)


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("verdict", facts.VERDICTS)
def test_the_supervisor_alone_lifts_a_pin(expert, name, verdict):
    person("li")
    made = pin(expert, verdict)
    if name != "supervisor":
        with pytest.raises(NotAllowed):
            facts.lift(person(name), made, "示例理由")
        return
    facts.lift(person(name), made, "示例理由")
    assert facts.known([PARTY], SINCE) == {}
    assert [event.verb.split(".")[1] for event in Event.objects.of(made)] == ["pin", "lift"]
    told = Notification.objects.filter(user=person("organiser")).exclude(key__startswith="due")
    assert told.count() == 1


def test_a_pin_is_lifted_with_a_reason_and_once(expert):
    made = pin(expert, facts.CONFLICT)
    assert refusals(lambda: facts.lift(person("supervisor"), made, " ")) == [("required", "reason")]
    facts.lift(person("supervisor"), made, "示例理由")
    with pytest.raises(Stale):
        facts.lift(person("supervisor"), made, "示例理由")


@pytest.mark.parametrize("reason", [value for value in Recusal.Reason.values if value != "pinned"])
def test_nobody_lifts_what_is_no_pin(expert, reason):
    with pytest.raises(NotAllowed):
        facts.lift(person("supervisor"), fact(expert, reason), "示例理由")


# --- what outweighs what --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", Recusal.Reason.values)
def test_a_clearance_clears_a_doubt_and_no_fact(expert, reason):
    fact(expert, reason)
    Clearance.objects.create(expert=expert, party_code=PARTY, reason="示例", by=person("organiser"))
    assert facts.known([PARTY], SINCE) == ({} if reason == "self_declared" else {expert.pk: reason})


@pytest.mark.parametrize("reason", [*Recusal.Reason.values, "employer", "employment", "ended"])
def test_who_is_bound_by_a_fact_is_not_cleared(expert, reason):
    if reason == "employer":
        Expert.objects.filter(pk=expert.pk).update(employer_code=PARTY)
        expert.refresh_from_db()
    elif reason in ("employment", "ended"):
        until = TODAY - DAY if reason == "ended" else None
        Employment.objects.create(expert=expert, name="示例", credit_code=PARTY, since=SINCE, until=until)
    else:
        fact(expert, reason)
    if reason in ("self_declared", "ended"):
        pin(expert, facts.NONE)
        return
    expected = ("decided", "party") if reason == "pinned" else ("bound_by_fact", "verdict")
    assert refusals(lambda: pin(expert, facts.NONE)) == [expected]


def test_a_clearance_of_one_party_clears_no_other(expert):
    fact(expert, "self_declared")
    pin(expert, facts.NONE, party=code(501))
    assert facts.known([PARTY], SINCE) == {expert.pk: "self_declared"}


def test_a_new_doubt_is_not_answered_by_an_old_clearance(expert):
    pin(expert, facts.NONE)
    facts.declare_doubt(expert.user, expert, [PARTY], "示例", TODAY)
    assert facts.known([PARTY], SINCE) == {expert.pk: "self_declared"}
    assert Clearance.objects.get().withdrawn_at is not None
    facts.declare_doubt(expert.user, expert, [PARTY], "示例", TODAY)
    assert Recusal.objects.count() == 1


@pytest.mark.parametrize(
    "until, withdrawn, counts",
    [(None, False, True), (SINCE, False, True), (SINCE - DAY, False, False), (None, True, False)],
    ids=["now", "last day", "day before", "corrected"],
)
@pytest.mark.parametrize("kind", ["employment", "recusal"])
def test_facts_count_for_their_years_and_until_corrected(expert, kind, until, withdrawn, counts):
    if kind == "employment":
        row = Employment.objects.create(
            expert=expert, name="示例", credit_code=PARTY, since=SINCE - 9 * DAY, until=until
        )
    else:
        row = fact(expert, "kinship", until=until)
    if withdrawn:
        type(row).objects.filter(pk=row.pk).update(withdrawn_at=expert.user.date_joined)
    reason = "employed_by_party" if kind == "employment" else "kinship"
    assert facts.known([PARTY], SINCE) == ({expert.pk: reason} if counts else {})


# --- suggestions ----------------------------------------------------------------------------------------------------


def party(name="重庆示例山城置业有限公司", *former):
    return facts.Party(PARTY, name, former)


def suggested(parties, *experts):
    return [(row.expert, row.said, row.likeness) for row in facts.suggestions(parties, {e.pk for e in experts}, SINCE)]


def test_present_and_former_employers_suggest_by_their_name(expert):
    other, third = newcomers.expert("li", employer="示例山城置业"), newcomers.expert("wang")
    Employment.objects.create(expert=third, name="示例山城置业有限公司北碚分公司", since=SINCE, until=TODAY)
    assert suggested([party()], expert, other, third) == [
        (other.pk, "示例山城置业", "short"), (third.pk, "示例山城置业有限公司北碚分公司", "branch"),
    ]  # fmt: skip
    assert suggested([party()], expert, third) == [(third.pk, "示例山城置业有限公司北碚分公司", "branch")]


def test_a_former_name_of_the_party_suggests_too(expert):
    work = newcomers.expert("li", employer="示例旧名监理有限公司")
    assert suggested([party("示例新名工程管理有限公司", "示例旧名监理有限公司")], expert, work) == [
        (work.pk, "示例旧名监理有限公司", "former")
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"credit_code": code(7)},
        {"until": SINCE - DAY},
        {"withdrawn": True},
        {"name": "示例江畔监理有限公司"},
    ],
    ids=["known by code", "too long ago", "corrected", "another name"],
)
def test_what_suggests_nothing(expert, values):
    columns = {"name": "示例山城置业有限公司", "since": SINCE - 9 * DAY, **values}
    withdrawn = columns.pop("withdrawn", False)
    row = Employment.objects.create(expert=expert, **columns)
    if withdrawn:
        Employment.objects.filter(pk=row.pk).update(withdrawn_at=expert.user.date_joined)
    assert suggested([party()], expert) == []


@pytest.mark.parametrize("verdict", facts.VERDICTS)
def test_a_suggestion_is_gone_once_it_is_decided_and_back_once_that_is_lifted(keepers, verdict):
    work = newcomers.expert("zhang", employer="示例山城置业")
    made = pin(work, verdict)
    assert suggested([party()], work) == []
    facts.lift(person("supervisor"), made, "示例理由")
    assert suggested([party()], work) == [(work.pk, "示例山城置业", "short")]


def test_a_pool_of_2000_is_searched_in_well_under_a_second_by_four_queries(keepers):
    district = District.objects.first()
    people = User.objects.bulk_create(User(username=f"many-{n}", name=f"示例{n}") for n in range(2000))
    rows = Expert.objects.bulk_create(
        Expert(
            user=one, number=f"ZM-{n:04d}", state="serving", district=district, term_from=TODAY, term_until=TODAY,
            employer=f"重庆示例{chr(0x4E00 + n)}{chr(0x5000 + n)}工程咨询有限公司",
            employer_code=credit_code.with_check_character(f"91500103MAEY{n:05d}"),
        )
        for n, one in enumerate(people)
    )  # fmt: skip
    Employment.objects.bulk_create(
        Employment(expert=one, name=f"示例{chr(0x6000 + one.pk % 2000)}设计院", since=SINCE) for one in rows
    )
    parties = [party(), facts.Party(code(501), rows[7].employer, ("示例旧名监理有限公司",))]
    begun = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        found = facts.suggestions(parties, {row.pk for row in rows}, SINCE)
    assert [row.expert for row in found] == [rows[7].pk]
    assert len(queries) == 4
    assert time.perf_counter() - begun < 3  # measured 0.2 s; a machine that runs tests is slower


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
def test_the_list_of_pins_is_for_those_who_pin_and_for_the_supervisor(expert, client, name):
    client.force_login(person(name))
    status = client.get(reverse("pins")).status_code
    assert status == (200 if name in ("organiser", "pool_keeper", "second_keeper", "supervisor") else 403)


def test_nobody_reads_pins_about_themself(keepers, expert):
    own, other = newcomers.expert("organiser"), pin(expert, facts.CONFLICT)
    about = pin(own, facts.CONFLICT, "pool_keeper")
    assert list(facts.pins(person("organiser"), facts.CONFLICT)) == [other]
    assert list(facts.pins(person("supervisor"), facts.CONFLICT)) == [about, other]


def test_the_list_costs_as_many_queries_for_many_pins(expert, client):
    client.force_login(person("supervisor"))

    def queries():
        with CaptureQueriesContext(connection) as found:
            client.get(reverse("pins"))
        return len(found)

    pin(expert, facts.CONFLICT)
    queries()
    first = queries()
    for number in range(15):
        pin(newcomers.expert(f"more-{number}"), facts.CONFLICT, party=code(600 + number))
    assert queries() == first


def test_a_page_pins_and_goes_back_where_it_came_from(expert, client, unit):
    client.force_login(person("organiser"))
    address = reverse("expert-pin", args=[expert.number])
    said = {"party": PARTY, "verdict": "none", "reason": "示例理由"}
    wrong = client.post(address, {**said, "reason": "", "next": "/work/"})
    assert (wrong.status_code, Clearance.objects.count()) == (422, 0)
    assert 'name="next" value="/work/"' in wrong.text
    assert client.post(address, {**said, "next": "/work/"}).url == "/work/"
    assert (Clearance.objects.get().reason, Clearance.objects.get().party_code) == ("示例理由", PARTY)


def test_a_page_lifts_a_pin(expert, client):
    made = pin(expert, facts.CONFLICT)
    address = reverse("pin-lift", args=["conflict", made.pk])
    client.force_login(person("organiser"))
    assert client.get(address).status_code == 403
    client.force_login(person("supervisor"))
    assert client.post(address, {"reason": ""}).status_code == 422
    assert client.post(address, {"reason": "示例理由"}).url == f"{reverse('pins')}?verdict=conflict"
    assert client.get(address).status_code == 409
    assert "已解除" in client.get(reverse("pins")).text


@pytest.mark.parametrize("verdict", ["conflict", "none"])
def test_a_declared_fact_has_no_page_to_lift_it(expert, client, verdict):
    row = fact(expert, "kinship")
    client.force_login(person("supervisor"))
    assert client.get(reverse("pin-lift", args=[verdict, row.pk])).status_code == 404


# --- two pairs of eyes, and none on either side ---------------------------------------------------------------------


@pytest.mark.parametrize("verdict", facts.VERDICTS)
def test_nobody_decides_for_or_against_a_party_for_which_they_act(expert, unit, verdict):
    Membership.objects.create(user=person("pool_keeper"), organisation=unit, role="member", since=TODAY)
    assert refusals(lambda: pin(expert, verdict, "pool_keeper")) == [("own_side", "party")]
    made = pin(expert, verdict, party=code(7))
    Membership.objects.create(
        user=person("supervisor"), organisation=unit_named("示例", code(7)), role="member", since=TODAY
    )
    assert refusals(lambda: facts.lift(person("supervisor"), made, "示例")) == [("own_side", "party")]


@pytest.mark.parametrize("verdict", facts.VERDICTS)
def test_who_holds_both_duties_does_not_lift_what_they_decided(expert, verdict, client):
    Officer.objects.create(user=person("pool_keeper"), duty="supervisor", since=TODAY)
    made = pin(expert, verdict, "pool_keeper")
    assert refusals(lambda: facts.lift(person("pool_keeper"), made, "示例")) == [("same_person", "")]
    client.force_login(person("pool_keeper"))
    assert client.get(reverse("pins"), {"verdict": verdict}).context["liftable"] == set()
    facts.lift(person("supervisor"), made, "示例")
    assert newcomers.fresh(made).withdrawn_at is not None
