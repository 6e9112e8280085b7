"""The draw of a panel: what is frozen, who can be drawn, which panel follows, who comes next."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.draw import (
    EXCLUSIONS,
    OPEN,
    PASSED,
    Frozen,
    Rules,
    draw,
    exclusions,
    freeze,
    problem_of_secret,
    replay,
    secret_hash,
    substitute,
)
from portal.problems import Refused
from tests.experts.pools import (
    HOME,
    SMALL_RULES,
    city_pool,
    drawn,
    expert,
    first_panel,
    frozen_of,
    secret,
    small_pool,
)

THREE = Rules("1", 3, {"bas": 1, "comm": 1})


def codes(refused):
    return [(problem.code, problem.place) for problem in refused.value.problems]


def ids(seats):
    return [seat.expert_id for seat in seats]


# --- what is frozen -----------------------------------------------------------------------------------------------


def test_the_same_pool_gives_the_same_commitment_in_any_order():
    assert frozen_of(small_pool(), SMALL_RULES) == frozen_of(reversed(small_pool()), SMALL_RULES)


@pytest.mark.parametrize(
    "change",
    [
        {"candidates": [*small_pool(), expert(99, "eng")]},
        {"candidates": [replace(small_pool()[0], load=5), *small_pool()[1:]]},
        {"candidates": [replace(small_pool()[0], excluded="pinned"), *small_pool()[1:]]},
        {"rules": replace(SMALL_RULES, version="2")},
        {"rules": replace(SMALL_RULES, max_load=11)},
        {"rules": replace(SMALL_RULES, public_source="明日开奖号码")},
        {"subject": "另一案卷"},
        {"already": ["E000"]},
        {"salt": secret("another salt")},
    ],
)
def test_whatever_changes_in_the_pool_changes_the_commitment(change):
    inputs = {"candidates": small_pool(), "rules": SMALL_RULES, "subject": "案卷", "salt": secret("salt")}
    assert freeze(**(inputs | change)).commitment != freeze(**inputs).commitment


def test_the_document_names_nobody_and_no_employer_but_tells_colleagues():
    employer = "91500000MA5DEMA01Q"
    pool = [expert(1, "bas comm", employer), expert(2, "comm", employer), expert(3, "comm"), expert(4, "eng")]
    frozen = frozen_of(pool, THREE)
    text = json.dumps(frozen.document)
    assert [each for each in (*(person.expert_id for person in pool), employer, "U3", "U4") if each in text] == []
    by_expert = {frozen.identities[entry["id"]]["expert_id"]: entry for entry in frozen.document["candidates"]}
    assert by_expert["E001"]["employer"] == by_expert["E002"]["employer"]
    assert len({entry["employer"] for entry in by_expert.values()}) == 3


def test_a_pool_stored_as_json_comes_back_and_draws_the_same_panel():
    frozen = frozen_of(small_pool(), SMALL_RULES)
    stored = json.loads(json.dumps([frozen.document, frozen.identities]))
    assert drawn(Frozen(*stored)) == drawn(frozen)


def test_the_reasons_for_leaving_somebody_out_are_the_declared_ones():
    assert list(EXCLUSIONS) == [
        *("employed_by_party", "director_of_party", "holding_in_party", "kinship", "drafted_or_advised"),
        "handles_case",
        *("same_consulting_unit", "self_declared", "pinned", "paused", "term_expired", "already_drawn"),
        *("unknown_employer", "no_field", "load_limit"),
    ]


@pytest.mark.parametrize("code", EXCLUSIONS)
def test_whoever_the_caller_keeps_off_is_in_the_document_with_the_reason_and_not_drawn(code):
    frozen = frozen_of([*small_pool(), expert(50, "bas comm home eng", excluded=code)], SMALL_RULES)
    entry = next(each for each in frozen.document["candidates"] if each["id"] == frozen.public_ids["E050"])
    assert entry["excluded"] == code
    assert all("E050" not in people for people in drawn(frozen).orders.values())


@pytest.mark.parametrize(
    "candidate, code",
    [
        (expert(1, "bas"), None),
        (expert(1, "bas", ""), "unknown_employer"),
        (expert(1, ""), "no_field"),
        (expert(1, "bas", load=11), None),
        (expert(1, "bas", load=12), "load_limit"),
        (expert(2, "bas"), "already_drawn"),
        (expert(2, "bas", "", excluded="paused"), "paused"),  # what the caller found comes first
        (expert(2, "", "", load=99), "already_drawn"),
    ],
)
def test_why_somebody_cannot_be_drawn(candidate, code):
    expected = {candidate.expert_id: code} if code else {}
    assert exclusions([candidate], SMALL_RULES, already=["E002"]) == expected


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 4, 6, 100, 101])
def test_a_panel_that_is_not_odd_and_at_least_three_is_refused(size):
    with pytest.raises(Refused) as refused:
        frozen_of(small_pool(), Rules("1", size, {}))
    assert codes(refused) == [("size", "size")]


@pytest.mark.parametrize("size", [3, 5, 7])
def test_an_odd_panel_is_seated_to_the_last_seat(size):
    panel = drawn(frozen_of(small_pool(), Rules("1", size, {"bas": 1, "eng": 2})))
    assert len(set(ids(panel.seats))) == size
    assert [seat.field for seat in panel.seats] == ["bas", "eng", "eng", *[OPEN] * (size - 3)]


def test_everything_wrong_with_rules_and_candidates_is_said_at_once():
    candidates = [
        expert(1, "bas", excluded="bad_luck"),
        expert(1, "*"),
        expert(3, "bas", load=-1),
    ]
    rules = Rules("1", 4, {"bas": 5, "": 1, "comm": -1}, max_per_employer=0)
    with pytest.raises(Refused) as refused:
        freeze(candidates, rules, "案卷", salt="short")
    assert codes(refused) == [
        ("size", "size"),
        ("seats_exceed_size", "seats"),
        ("seats", "seats"),
        ("limits", "rules"),
        ("duplicate", "E001"),
        ("exclusion", "E001"),
        ("field", "E001"),
        ("load", "E003"),
        ("salt", "salt"),
    ]


@pytest.mark.parametrize(
    "organiser, supervisor, public_value, expected",
    [
        (secret(1), secret(2), None, []),
        (secret(1), secret(2), "", [("public_value", "public_value")]),
        ("", secret(2), None, [("secret_form", "organiser")]),
        (secret(1), secret(2).upper(), None, [("secret_form", "supervisor")]),
        (secret(1)[:-1], secret(2) + "0", None, [("secret_form", "organiser"), ("secret_form", "supervisor")]),
        (secret(1), secret(1), None, [("secret_shared", "supervisor")]),
        (secret(1), secret(2), "0471", [("public_value", "public_value")]),
    ],
)
def test_secrets_that_do_not_count_are_refused(organiser, supervisor, public_value, expected):
    frozen = frozen_of(small_pool(), SMALL_RULES)
    if expected:
        with pytest.raises(Refused) as refused:
            draw(frozen, organiser, supervisor, public_value)
        assert codes(refused) == expected
    else:
        assert len(draw(frozen, organiser, supervisor, public_value).seats) == 5


def test_a_named_public_value_is_waited_for_and_changes_the_seed():
    frozen = frozen_of(small_pool(), replace(SMALL_RULES, public_source="2026年11月27日开奖号码"))
    for missing in (None, ""):
        with pytest.raises(Refused) as refused:
            drawn(frozen, public_value=missing)
        assert codes(refused) == [("public_value", "public_value")]
    assert drawn(frozen, public_value="0471").seed != drawn(frozen, public_value="0472").seed


def test_a_revealed_secret_must_be_the_one_whose_hash_was_published():
    published = secret_hash(secret(1))
    assert problem_of_secret(secret(1), published, "organiser") is None
    assert problem_of_secret(secret(2), published, "organiser").code == "secret_changed"
    assert problem_of_secret("guess", published, "organiser").code == "secret_form"


SCARCE = {
    "a field without anybody": (
        [expert(1, "bas"), expert(2, "bas"), expert(3, "eng"), expert(4, "comm", excluded="kinship")],
        THREE,
        [("field_short", "comm")],
        "专业“comm”需要 1 名专家，可抽取的只有 0 名（另有 1 名被排除、谢绝或在组内），缺 1 名。"
        "请补充该专业专家，或减少该专业席位。",
    ),
    "a field of one employer": (
        [expert(1, "bas", "A"), expert(2, "bas", "A"), expert(3, "eng"), expert(4, "comm")],
        Rules("1", 3, {"bas": 2}, field_names={"bas": "建筑智能化与机电"}),
        [("field_employers", "bas")],
        "专业“建筑智能化与机电”需要 2 名专家，可抽取的 2 名受同一单位至多 1 名所限，最多坐满 1 席。"
        "请补充其他单位的该专业专家，或减少该专业席位。",
    ),
    "one person for two fields": (
        [expert(1, "bas comm"), expert(2, "eng"), expert(3, "eng"), expert(4, "eng")],
        THREE,
        [("fields_clash", "seats")],
        "专业“bas”、“comm”合计需要 2 名专家，但可抽取的人兼有这些专业或同属一家单位，最多坐满 1 席。"
        "请补充其他单位的上述专业专家，或减少这些专业的席位。",
    ),
    "two fields of one employer": (
        [expert(1, "bas", "A"), expert(2, "comm", "A"), expert(3, "eng"), expert(4, "eng")],
        THREE,
        [("fields_clash", "seats")],
        None,
    ),
    "three fields of two employers, and the fourth is not to blame": (
        [
            *(expert(number, "bas comm eng", "A") for number in range(4)),
            *(expert(number, "bas comm eng", "B") for number in range(4, 8)),
            *(expert(number, "home") for number in range(8, 12)),
        ],
        Rules("1", 5, {"bas": 1, "comm": 1, "eng": 1, "home": 1}),
        [("fields_clash", "seats")],
        "专业“bas”、“comm”、“eng”合计需要 3 名专家，但可抽取的人兼有这些专业或同属一家单位，最多坐满 2 席。"
        "请补充其他单位的上述专业专家，或减少这些专业的席位。",
    ),
    "too few employers for the panel": (
        [expert(1, "bas", "A"), expert(2, "comm", "B"), expert(3, "comm", "B"), expert(4, "eng", "B")],
        THREE,
        [("panel_short", "size")],
        "还需 3 名专家，可抽取的共 4 名，受同一单位至多 1 名所限，最多坐满 2 席。请补充其他单位的专家，或减少专家组人数。",
    ),
    "nobody who can lead": (
        [expert(1, "bas", can_lead=False), expert(2, "comm", district=HOME), expert(3, "eng", can_lead=False)],
        replace(THREE, leader_not_from_district=HOME),
        [("no_leader", "leader")],
        "可抽取的专家中没有可以担任组长的人。请补充可任组长、且不属申报单位所在区县的专家。",
    ),
    "a leader who does not fit beside the fields": (
        [
            *(expert(number, "bas", can_lead=False) for number in (1, 2)),
            expert(3, "comm", "A", can_lead=False),
            expert(4, "eng", "A"),
        ],
        Rules("1", 3, {"bas": 2, "comm": 1}),
        [("leader_does_not_fit", "leader")],
        "可以担任组长的 1 名专家与其他席位的专业或单位相冲突，坐不进专家组。"
        "请补充所缺专业中可任组长、且不属申报单位所在区县的专家。",
    ),
    "everything at once": (
        [expert(1, "bas", "A", can_lead=False), expert(2, "bas", "A", can_lead=False)],
        Rules("1", 5, {"bas": 2, "comm": 1, "eng": 1}),
        [
            ("field_employers", "bas"),
            ("field_short", "comm"),
            ("field_short", "eng"),
            ("panel_short", "size"),
            ("no_leader", "leader"),
        ],
        None,
    ),
    "an empty pool": (
        [],
        THREE,
        [("field_short", "bas"), ("field_short", "comm"), ("panel_short", "size"), ("no_leader", "leader")],
        None,
    ),
}


@pytest.mark.parametrize("candidates, rules, expected, sentence", SCARCE.values(), ids=SCARCE)
def test_a_pool_without_a_panel_is_refused_saying_who_lacks_and_what_would_cure_it(
    candidates, rules, expected, sentence
):
    with pytest.raises(Refused) as refused:
        frozen_of(candidates, rules)
    assert codes(refused) == expected
    if sentence:
        assert refused.value.problems[0].text() == sentence


def test_two_of_one_employer_are_seated_where_the_rules_allow_it():
    pool = [expert(1, "bas", "A"), expert(2, "comm", "A"), expert(3, "comm", "B")]
    assert sorted(ids(drawn(frozen_of(pool, replace(THREE, max_per_employer=2))).seats)) == ["E001", "E002", "E003"]


# --- which panel follows ------------------------------------------------------------------------------------------


@st.composite
def tight_pools(draw_from):
    """Pools so small, with employers so shared, that about half of them have no panel."""
    people = draw_from(
        st.lists(
            st.tuples(
                st.sets(st.sampled_from(["bas", "comm", "eng"]), max_size=3),
                st.sampled_from(["A", "B", "C", "D", "E", "F", ""]),
                st.sampled_from(["500103", "500105", HOME]),
                st.integers(0, 5),
                st.booleans(),
            ),
            min_size=4,
            max_size=9,
        )
    )
    seats = draw_from(st.dictionaries(st.sampled_from(["bas", "comm", "eng"]), st.integers(0, 2), max_size=2))
    candidates = [
        expert(number, " ".join(fields), employer, district=district, load=load, can_lead=can_lead)
        for number, (fields, employer, district, load, can_lead) in enumerate(people)
    ]
    limit = draw_from(st.integers(1, 2))
    return candidates, Rules("1", 5 if sum(seats.values()) > 3 else 3, seats, limit, 5, HOME)


@settings(deadline=None)
@given(tight_pools(), st.integers())
def test_the_panel_is_the_first_possible_one_in_the_drawn_order_and_none_is_refused_that_exists(pool, name):
    candidates, rules = pool
    drawable = [person for person in candidates if person.expert_id not in exclusions(candidates, rules)]
    try:
        panel = drawn(frozen_of(candidates, rules), name)
    except Refused:
        anyhow = {field: [person.expert_id for person in drawable if field in person.fields] for field in rules.seats}
        anyhow[OPEN] = [person.expert_id for person in drawable]
        assert first_panel(drawable, anyhow, rules) is None
    else:
        assert tuple(ids(panel.seats)) == first_panel(drawable, panel.orders, rules)


def test_the_orders_hold_everybody_who_can_be_drawn_once_by_load_band_then_lot():
    frozen = frozen_of(city := [replace(each, load=int(each.expert_id[1:]) % 13) for each in city_pool()], SMALL_RULES)
    orders = drawn(frozen).orders
    drawable = {person.expert_id: person for person in city if person.load < 12}
    assert sorted(orders) == ["*", "*leader", "bas", "comm", "home"]
    assert sorted(orders[OPEN]) == sorted(drawable)
    for field in SMALL_RULES.seats:
        assert sorted(orders[field]) == sorted(key for key, person in drawable.items() if field in person.fields)
        bands = [drawable[key].load // 2 for key in orders[field]]
        assert bands == sorted(bands)
    leaders = [key for key, person in drawable.items() if person.can_lead and person.district != HOME]
    assert sorted(orders["*leader"]) == sorted(leaders)


@pytest.mark.parametrize("name", range(40))
def test_the_leader_is_the_first_of_the_leaders_order_on_the_panel_and_never_from_the_applicants_district(name):
    people = {person.expert_id: person for person in small_pool()}
    panel = drawn(frozen_of(small_pool(), SMALL_RULES), name)
    leaders = [seat.expert_id for seat in panel.seats if seat.is_leader]
    assert leaders == [next(key for key in panel.orders["*leader"] if key in ids(panel.seats))]
    assert people[leaders[0]].can_lead
    assert people[leaders[0]].district != HOME


def test_whoever_is_passed_over_is_listed_with_a_declared_reason():
    pool = [expert(1, "bas", "A"), expert(2, "bas comm", "B"), expert(3, "eng", "A"), expert(4, "eng", "C")]
    frozen = frozen_of(pool, THREE)
    reasons = Counter()
    for name in range(60):
        panel = drawn(frozen, name)
        assert sorted(ids(panel.seats)) == ["E001", "E002", "E004"]
        assert [seat.expert_id for seat in panel.seats] == ["E001", "E002", "E004"]
        reasons.update((each.expert_id, each.field, each.reason) for each in panel.rounds[0].passed)
    assert set(reasons) == {
        ("E002", "bas", "blocks"),  # the only one for communications
        ("E001", OPEN, "seated"),
        ("E002", OPEN, "seated"),
        ("E003", OPEN, "employer_seated"),
    }
    assert {reason for _, _, reason in reasons} == set(PASSED)


def test_a_draw_is_repeated_to_the_last_seat_and_a_changed_secret_changes_it():
    frozen, again = (frozen_of(city_pool(), SMALL_RULES) for _ in range(2))
    assert drawn(frozen, 1) == drawn(again, 1)
    assert drawn(frozen, 1).orders != drawn(frozen, 2).orders


# --- who comes next -----------------------------------------------------------------------------------------------


def test_a_decline_takes_the_next_in_order_and_leaves_every_other_seat_alone():
    panel = drawn(CITY)
    for place in (0, 3, 0, 4, 3):
        leaving = panel.seats[place]
        after = substitute(CITY, panel, [leaving.expert_id])
        arriving = after.seats[place]
        assert after.newly_seated == (arriving,)
        assert arriving.field == leaving.field
        kept = [seat.expert_id for number, seat in enumerate(after.seats) if number != place]
        assert kept == [seat.expert_id for number, seat in enumerate(panel.seats) if number != place]
        passed = {each.expert_id for each in after.rounds[-1].passed}
        following = [key for key in panel.substitutes[leaving.field] if key not in passed]
        assert arriving.expert_id == following[0]
        panel = after
    assert len(panel.rounds) == 6
    assert panel == replay(CITY, panel.organiser_secret, panel.supervisor_secret, None, panel.declines)


CITY = frozen_of(city_pool(), SMALL_RULES)


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 4), min_size=1, max_size=3), max_size=4), st.integers(0, 5))
def test_whoever_declined_never_returns_and_whoever_stays_keeps_seat_and_field(rounds, name):
    panel, gone = drawn(CITY, name), set()
    for places in rounds:
        before = panel.seats
        leaving = {before[place].expert_id for place in places}
        gone |= leaving
        panel = substitute(CITY, panel, sorted(leaving))
        assert gone.isdisjoint(ids(panel.seats))
        for place, seat in enumerate(before):
            if seat.expert_id not in leaving:
                assert (panel.seats[place].expert_id, panel.seats[place].field) == (seat.expert_id, seat.field)
                assert panel.seats[place].is_leader >= seat.is_leader
        assert sum(seat.is_leader for seat in panel.seats) == 1


def test_a_substitute_of_the_leader_leaves_the_panel_with_a_leader():
    pool = [expert(1, "bas"), expert(2, "comm", can_lead=False), expert(3, "eng", can_lead=False), expert(4, "bas")]
    frozen = frozen_of([*pool, expert(5, "bas", can_lead=False)], THREE)
    for name in range(20):
        panel = drawn(frozen, name)
        leader = next(seat for seat in panel.seats if seat.is_leader)
        after = substitute(frozen, panel, [leader.expert_id])
        assert [seat.expert_id for seat in after.seats if seat.is_leader] == list({"E001", "E004"} - {leader.expert_id})


def test_a_pool_run_dry_is_refused_in_words_and_the_declined_are_counted():
    pool = [expert(1, "bas"), expert(2, "comm"), expert(3, "eng")]
    frozen = frozen_of(pool, THREE)
    with pytest.raises(Refused) as refused:
        substitute(frozen, drawn(frozen), ["E002"])
    assert codes(refused) == [("field_short", "comm"), ("panel_short", "size")]
    assert "可抽取的只有 0 名（另有 1 名被排除、谢绝或在组内），缺 1 名。" in str(refused.value)


@pytest.mark.parametrize("declined", [[], ["E099"], ["E012"], "twice", "one seated, one not"])
def test_only_those_who_sit_on_the_panel_can_decline(declined):
    frozen = frozen_of(small_pool(), SMALL_RULES)
    panel = drawn(frozen)
    first = panel.seats[0].expert_id
    declined = {"twice": [first, first], "one seated, one not": [first, "E012"]}.get(str(declined), declined)
    with pytest.raises(Refused) as refused:
        substitute(frozen, panel, declined)
    assert codes(refused) == [("not_seated", "declined")]


def test_a_panel_of_another_pool_is_not_substituted():
    panel = drawn(frozen_of(small_pool(), SMALL_RULES))
    with pytest.raises(Refused) as refused:
        substitute(frozen_of(small_pool(), SMALL_RULES, "另一案卷"), panel, [panel.seats[0].expert_id])
    assert codes(refused) == [("other_pool", "pool")]
