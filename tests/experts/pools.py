"""Invented pools, secrets and an oracle for the tests of the draw. Nothing random: everything is derived from names."""

import itertools

from experts.draw import OPEN, Candidate, Frozen, Panel, Rules, draw, freeze
from experts.season import FIELDS as FIELDS
from experts.season import city_pool as city_pool
from experts.season import secret as secret

HOME = "500112"


def frozen_of(candidates, rules, subject="示例案卷/completion/1", already=()) -> Frozen:
    return freeze(candidates, rules, subject, already, salt=secret("salt", subject))


def drawn(frozen: Frozen, name: object = "draw", public_value=None) -> Panel:
    return draw(frozen, secret("organiser", name), secret("supervisor", name), public_value)


def expert(number, fields, employer=None, **more) -> Candidate:
    """An expert whose employer is theirs alone unless named, from a district that is not the applicant's."""
    more.setdefault("district", "500103")
    return Candidate(f"E{number:03}", tuple(fields.split()), employer if employer is not None else f"U{number}", **more)


def small_pool() -> list[Candidate]:
    """14 experts, 10 employers, of whom two experts are kept off the case."""
    fields = [
        "comm",
        "comm bas",
        "bas",
        "home",
        "home comm",
        "eng",
        "eng bas",
        "comm",
        "bas home",
        "home",
        "eng",
        "bas",
    ]
    employers = ["A", "B", "C", "D", "E", "A", "F", "G", "H", "B", "I", "C"]
    districts = [HOME, "500103", "500105", HOME, "500106", "500103"] * 2
    people = [
        expert(
            number, fields[number], employers[number], district=districts[number], load=number % 3, can_lead=number != 4
        )
        for number in range(12)
    ]
    return [*people, expert(12, "comm", "J", excluded="kinship"), expert(13, "eng", "", load=1)]


SMALL_RULES = Rules(
    "1", 5, {"bas": 1, "comm": 1, "home": 1}, leader_not_from_district=HOME, field_names={"bas": "建筑智能化与机电"}
)


def is_panel(people: tuple[Candidate, ...], kinds: list[str], rules: Rules) -> bool:
    """Tell whether these people, in this order, may take seats of these kinds: the definition, nothing clever."""
    employers = [person.employer for person in people]
    return (
        all(kind in (OPEN, *person.fields) for person, kind in zip(people, kinds, strict=True))
        and all(employers.count(employer) <= rules.max_per_employer for employer in employers)
        and any(person.can_lead and person.district != rules.leader_not_from_district for person in people)
    )


def first_panel(candidates, orders, rules) -> tuple[str, ...] | None:
    """Try every panel in the drawn order, one after the other; None where there is none. Small pools only."""
    kinds = [field for field, seats in sorted(rules.seats.items()) for _ in range(seats)]
    kinds += [OPEN] * (rules.size - len(kinds))
    by_id = {person.expert_id: person for person in candidates}
    for ids in itertools.product(*(orders[kind] for kind in kinds)):
        if len(set(ids)) == len(ids) and is_panel(tuple(by_id[each] for each in ids), kinds, rules):
            return ids
    return None
