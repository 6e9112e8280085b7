"""Can these seats all be filled? The one question behind every step of a draw, answered exactly.

Seats want people, people have employers, and an employer has room for few: a flow from seats through people to
employers. Hides the search for it (augmenting paths: to fill one more seat, let those in the way look for another
place). Because the answer is exact, a draw that asks before every step never runs into a dead end and never goes back;
and where the answer is no, the seats that compete are exactly what people must be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from experts.draw.pool import Pool

# The kind of a seat is the field that it covers, or OPEN to every field.
OPEN = "*"


@dataclass(slots=True)
class Matching:
    """Seats being filled with people.

    choices: for every seat, who can take it. gone: who can take none. employers: person -> employer. taken: employer ->
    how many of it sit outside this matching. limit: how many of one employer may sit in all.
    """

    choices: Sequence[Sequence[str]]
    gone: Set[str]
    employers: Mapping[str, str]
    taken: Mapping[str, int]
    limit: int
    holders: dict[str, int] = field(default_factory=dict)

    def blocked(self, seat: int) -> Set[int]:
        """Fill one more seat, moving others if need be; return nothing, or the seats that compete for too few."""
        tried: set[int] = set()
        return set() if self._place(seat, set(self.gone), set(), tried) else tried

    def _place(self, seat: int, seen: set[str], full: set[str], tried: set[int]) -> bool:
        tried.add(seat)
        for person in self.choices[seat]:
            if person not in seen:
                seen.add(person)
                if self._can_free(person, seen, full, tried):
                    self.holders[person] = seat
                    return True
        return False

    def _can_free(self, person: str, seen: set[str], full: set[str], tried: set[int]) -> bool:
        """Make ``person`` free to sit: give away their seat, or a colleague's where the employer is full."""
        if person in self.holders:
            return self._place(self.holders[person], seen, full, tried)
        employer = self.employers[person]
        colleagues = [holder for holder in self.holders if self.employers[holder] == employer]
        if len(colleagues) + self.taken.get(employer, 0) < self.limit:
            return True
        if employer in full:
            return False
        full.add(employer)
        for colleague in colleagues:
            if colleague not in seen:
                seen.add(colleague)
                if self._place(self.holders[colleague], seen, full, tried):
                    del self.holders[colleague]
                    return True
        return False


class Roster:
    """Who can take which kind of seat, and whether what is left of a panel can be filled.

    orders: kind of seat -> ids of drawable entries, whoever comes first first.
    """

    def __init__(self, pool: Pool, orders: Mapping[str, Sequence[str]]) -> None:
        self.limit = pool.rules.max_per_employer
        self.orders = orders
        self.employers = {person: entry.employer for person, entry in pool.drawable.items()}
        self.leaders = {person for person, entry in pool.drawable.items() if entry.may_lead(pool.rules)}
        self._leaders_in_order = {
            kind: [person for person in people if person in self.leaders] for kind, people in orders.items()
        }

    def can_fill(self, kinds: Sequence[str], seated: Collection[str], removed: Set[str]) -> bool:
        """Tell whether seats of these ``kinds`` can all be filled beside ``seated``, with a leader on the panel."""
        choices = [self.orders[kind] for kind in kinds]
        if not self.leaders.isdisjoint(seated):
            return self._fits(choices, seated, removed)
        # Somebody who may lead has to take one of the seats: try which.
        return any(
            self._fits([*choices[:seat], self._leaders_in_order[kind], *choices[seat + 1 :]], seated, removed)
            for seat, kind in enumerate(kinds)
        )

    def matching(self, choices: Sequence[Sequence[str]], seated: Collection[str], removed: Set[str]) -> Matching:
        """Return an empty matching for these choices beside those who sit already."""
        taken = Counter(self.employers[person] for person in seated)
        return Matching(choices, {*removed, *seated}, self.employers, taken, self.limit)

    def employer_is_full(self, person: str, seated: Collection[str]) -> bool:
        """Tell whether the employer of ``person`` has no more room on the panel."""
        employer = self.employers[person]
        return sum(self.employers[other] == employer for other in seated) >= self.limit

    def _fits(self, choices: Sequence[Sequence[str]], seated: Collection[str], removed: Set[str]) -> bool:
        matching = self.matching(choices, seated, removed)
        return not any(matching.blocked(seat) for seat in range(len(choices)))


def kinds_of_seats(pool: Pool) -> Iterator[str]:
    """Yield the kinds of the seats of a panel, in the order of filling: fields by code, then open ones."""
    for kind, seats in sorted(pool.rules.seats.items()):
        yield from [kind] * seats
    yield from [OPEN] * (pool.rules.size - sum(pool.rules.seats.values()))
