"""Fairness of the draw, measured: equal chances over 10,000 draws, even work over a season of 200 panels."""

import math
from collections import Counter

import pytest

from experts import season
from experts.draw import EXCLUSIONS, OPEN, Rules
from experts.management.commands.season import DOCUMENTS, written
from tests.experts.pools import FIELDS, drawn, expert, frozen_of

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


@pytest.fixture(scope="module")
def spreads():
    """A season of 200 panels for each width of the load bands that docs/draw.md tells of."""
    return [season.season(width) for width in season.WIDTHS]


def test_over_a_season_the_load_rule_at_least_halves_the_spread_of_the_work(spreads):
    ignoring, by_width = spreads[0], {each.width: each for each in spreads}
    assert len({person.employer for person in season.city_pool()}) == season.EMPLOYERS
    assert [(len(each.loads), sum(each.loads)) for each in spreads] == [(season.EXPERTS, 1400)] * len(spreads)
    assert max(max(each.loads) for each in spreads) <= Rules("1", 7, {}).max_load
    assert by_width[Rules("1", 7, {}).load_band].deviation <= ignoring.deviation / 2


def test_in_a_season_nobody_sits_beside_a_colleague_and_every_field_is_covered():
    people = {person.expert_id: person for person in season.city_pool()}
    for panel in season.panels(2, 60):
        members = [people[key] for key in panel]
        assert len({member.employer for member in members}) == 7
        assert all(field in member.fields for field, member in zip(season.SEATS, members[:5], strict=True))


def test_a_season_drawn_again_is_the_same_season():
    assert list(season.panels(2, 20)) == list(season.panels(2, 20))


def test_the_figures_and_the_picture_in_the_documents_are_what_the_command_writes(spreads):
    page = (DOCUMENTS / "draw.md").read_text(encoding="utf-8")
    assert written(page, season.table(spreads)) == page, "run: manage.py season"
    picture = (DOCUMENTS / "images" / "season.svg").read_text(encoding="utf-8")
    assert season.picture(spreads[0], spreads[2]) == picture, "run: manage.py season"


def test_a_page_without_a_place_for_the_figures_is_not_written():
    with pytest.raises(ValueError, match="no place"):
        written("# 抽取", "| |")
