"""Fairness of the draw, measured: equal chances over 10,000 draws, even work over a season of 200 panels."""

import math
import statistics
from collections import Counter
from dataclasses import replace

import pytest

from experts.draw import EXCLUSIONS, OPEN, Rules
from tests.experts.pools import FIELDS, city_pool, drawn, expert, frozen_of

pytestmark = pytest.mark.long


def chi_square(counts, members):
    """Return the statistic against equal chances, and its value at 0.1 % (Wilson and Hilferty)."""
    expected = sum(counts.values()) / len(members)
    freedom = len(members) - 1
    limit = freedom * (1 - 2 / (9 * freedom) + 3.0902 * math.sqrt(2 / (9 * freedom))) ** 3
    return sum((counts[member] - expected) ** 2 / expected for member in members), limit


def test_ten_thousand_draws_give_everybody_of_a_field_the_same_chance_and_break_no_rule():
    """Every employer has one expert in each field, so that within a field nobody is favoured by the limit either."""
    fields = FIELDS[:5]
    pool = [
        expert(number * 10 + employer, field, f"U{employer}")
        for number, field in enumerate(fields)
        for employer in range(10)
    ]
    kept_off = [expert(100 + number, "bas comm", excluded=code) for number, code in enumerate(EXCLUSIONS)]
    frozen = frozen_of([*pool, *kept_off], Rules("1", 7, dict.fromkeys(fields, 1)))
    employers = {person.expert_id: person.employer for person in pool}
    seated, leaders = Counter(), Counter()
    for number in range(10_000):
        seats = drawn(frozen, number).seats
        assert len({employers[seat.expert_id] for seat in seats}) == 7
        assert [seat.field for seat in seats] == [*fields, OPEN, OPEN]
        seated.update((seat.field, seat.expert_id) for seat in seats)
        leaders.update(seat.expert_id for seat in seats if seat.is_leader)
    for field in fields:
        members = [(field, person.expert_id) for person in pool if field in person.fields]
        counts = Counter({key: number for key, number in seated.items() if key[0] == field})
        assert set(counts) == set(members)
        statistic, limit = chi_square(counts, members)
        assert statistic < limit
    open_seats = Counter({key: number for (kind, key), number in seated.items() if kind == OPEN})
    for counts in (open_seats, leaders):
        assert set(counts) == set(employers)
        statistic, limit = chi_square(counts, list(employers))
        assert statistic < limit


def season_of_200_panels(load_band):
    """Draw 200 panels, one after the other, and return how often each of the 182 experts sat."""
    seats = dict.fromkeys(("comm", "security", "bas", "home", "platform"), 1)
    load = dict.fromkeys((person.expert_id for person in city_pool()), 0)
    employers = {person.expert_id: person.employer for person in city_pool()}
    for number in range(200):
        rules = Rules("1", 7, seats, load_band=load_band, leader_not_from_district=f"5001{number % 38 + 1:02}")
        candidates = [replace(person, load=load[person.expert_id]) for person in city_pool()]
        panel = drawn(frozen_of(candidates, rules, f"案卷 {number}"), number)
        ids = [seat.expert_id for seat in panel.seats]
        assert len({employers[key] for key in ids}) == 7
        for key in ids:
            load[key] += 1
    assert max(load.values()) <= 12
    return load


def test_over_a_season_the_load_rule_at_least_halves_the_spread_of_the_work():
    assert len({person.employer for person in city_pool()}) == 94
    aware, ignoring = season_of_200_panels(load_band=2), season_of_200_panels(load_band=0)
    assert sum(aware.values()) == sum(ignoring.values()) == 1400
    assert len(aware) == 182
    assert statistics.pstdev(aware.values()) <= statistics.pstdev(ignoring.values()) / 2
