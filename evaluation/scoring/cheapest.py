"""The smallest set of items whose better marks reach a threshold, exactly.

Hides the search. With the items that are not applicable left as they are, every denominator is fixed: within one group
(the scored items of a chapter, or all bonus items) only the sum of the points gained matters, and more points never
harm. So the fewest items are found by taking the best steps first: what k items of a group can add is concave in k, a
capped bonus included. Among the sets of that size a table over (items, points) per group, cut by the most that the
other groups can still add, finds the fewest points; the last tie falls to the items that stand first in the document.
Where a standard allows so many different sums that the table would outgrow its bound, it is thinned: the set still
reaches the threshold with the fewest items, its points are then only nearly the fewest, and the answer says so.
All numbers are whole: the caller has scaled them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

Table = dict[int, dict[int, int]]
# Sums kept of one group, and of several together. The samples need fewer than a third of either.
OWN_SUMS, JOINT_SUMS = 300, 1500


@dataclass(frozen=True, slots=True)
class Found:
    """A cheapest set. gains: position -> points gained; exact: whether no set of that size gains fewer points."""

    gains: Mapping[int, int]
    exact: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One item that could win more. position: in the document, from 0; gains: what it could gain, ascending, above 0."""

    position: int
    gains: tuple[int, ...]
    wanted: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Items whose gains simply add up. floor: points that must be gained here; worth: gained points -> total gained.

    ``worth`` never falls and is concave.
    """

    choices: tuple[Choice, ...]
    floor: int
    worth: Callable[[int], int]


def cheapest(groups: Sequence[Group], threshold: int) -> Found | None:
    """Return the cheapest set: fewest items, then fewest points, then first in the document.

    threshold: the total to gain. Every wanted choice is in the set, every floor is met. Sets of equal size and points
    differ by their sorted positions, the smaller sequence first; then the earlier item gains more. None where no set
    can. The time grows with the sums that are possible within one step of the threshold, never with the number of sets.
    """
    outlooks = [_Outlook.of(group) for group in groups]
    if any(outlook is None for outlook in outlooks):
        return None
    known = [outlook for outlook in outlooks if outlook is not None]
    count = _fewest(known, threshold)
    if count is None:
        return None
    coder = _Coder.of(groups)
    options = [_options(known, place, count, threshold, coder) for place in range(len(known))]
    code, exact = _first(known, [table for table, _ in options], count, threshold)
    return Found(coder.read(code), exact and all(whole for _, whole in options))


# --- how many -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outlook:
    """A group and the most it can add. sums[k]: most points with k items, the wanted ones among them; least: items."""

    group: Group
    sums: tuple[int, ...]
    least: int

    @classmethod
    def of(cls, group: Group) -> _Outlook | None:
        wanted = [choice.gains[-1] for choice in group.choices if choice.wanted]
        others = sorted((choice.gains[-1] for choice in group.choices if not choice.wanted), reverse=True)
        sums = tuple(accumulate([*wanted, *others], initial=0))
        enough = (count for count in range(len(wanted), len(sums)) if sums[count] >= group.floor)
        least = next(enough, None)
        return None if least is None else cls(group, sums, least)

    @property
    def base(self) -> int:
        return self.group.worth(self.sums[self.least])

    @property
    def steps(self) -> list[int]:
        """What each further item adds at most, never more than the one before it."""
        worths = [self.group.worth(points) for points in self.sums[self.least :]]
        return [after - before for before, after in zip(worths, worths[1:], strict=False)]


def _curve(outlooks: Sequence[_Outlook]) -> tuple[int, list[int]]:
    """Return (items at least, most that can be gained with so many, with one more, …) over several groups."""
    steps = sorted((step for outlook in outlooks for step in outlook.steps), reverse=True)
    return sum(outlook.least for outlook in outlooks), list(
        accumulate(steps, initial=sum(outlook.base for outlook in outlooks))
    )


def _fewest(outlooks: Sequence[_Outlook], threshold: int) -> int | None:
    least, most = _curve(outlooks)
    return next((least + more for more, worth in enumerate(most) if worth >= threshold), None)


# --- which --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Coder:
    """A set with its gains as one number that adds up item by item; the greater number is the set to prefer."""

    places: int
    bits: int

    @classmethod
    def of(cls, groups: Sequence[Group]) -> _Coder:
        choices = [choice for group in groups for choice in group.choices]
        places = max((choice.position for choice in choices), default=-1) + 1
        return cls(places, max((choice.gains[-1] for choice in choices), default=0).bit_length() + 1)

    def code(self, position: int, gain: int) -> int:
        behind = self.places - 1 - position
        return (1 << (self.places * self.bits + behind)) + (gain << (behind * self.bits))

    def read(self, code: int) -> dict[int, int]:
        found = {}
        for position in range(self.places):
            behind = self.places - 1 - position
            if code >> (self.places * self.bits + behind) & 1:
                found[position] = code >> (behind * self.bits) & ((1 << self.bits) - 1)
        return found


def _options(outlooks: Sequence[_Outlook], place: int, count: int, threshold: int, coder: _Coder) -> tuple[Table, bool]:
    """Return items -> points -> preferred code of one group, only what some whole set of ``count`` items can use.

    The second value says whether nothing was thinned.
    """
    outlook = outlooks[place]
    least, most = _curve([other for number, other in enumerate(outlooks) if number != place])
    needs: dict[int, int] = {}
    for mine in range(outlook.least, min(len(outlook.sums) - 1, count - least) + 1):
        rest = most[min(count - mine - least, len(most) - 1)]
        need = _least_points(outlook, outlook.sums[mine], threshold - rest)
        if need is not None:
            needs[mine] = need
    return _sums(outlook.group.choices, needs, coder)


def _least_points(outlook: _Outlook, most: int, worth: int) -> int | None:
    """The fewest points of a group that are worth so much and meet its floor; None where ``most`` points do not."""
    group = outlook.group
    if group.worth(most) < worth or most < group.floor:
        return None
    low, high = max(group.floor, 0), most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if group.worth(middle) >= worth else (middle + 1, high)
    return low


def _sums(choices: Sequence[Choice], needs: Mapping[int, int], coder: _Coder) -> tuple[Table, bool]:
    """Return every (items, points) that a group can make and ``needs`` (items -> points at least) asks for."""
    table: Table = {0: {0: 0}}
    whole = True
    for number, choice in enumerate(choices):
        wishes = _wishes(choices[number + 1 :], needs)
        steps = [(gain, coder.code(choice.position, gain)) for gain in choice.gains]
        grown = _with_one_more(table, choice, steps, wishes)
        table = _thinned(grown, OWN_SUMS, lambda points, code: points)
        whole = whole and table is grown
    kept = {
        count: {points: code for points, code in sums.items() if points >= needs[count]}
        for count, sums in table.items()
        if count in needs
    }
    return kept, whole


def _thinned(table: Table, bound: int, merit: Callable[[int, int], int]) -> Table:
    """Return the table itself where it is within its bound; else for each count the best of slices of equal length.

    merit: (points, value) -> what makes an entry worth keeping; the best of all is always kept, so no way is lost.
    """
    if sum(len(sums) for sums in table.values()) <= bound:
        return table
    most = max(4, bound // (2 * len(table)))
    thin: Table = {}
    for count, sums in table.items():
        entries = sorted(sums.items())
        length = -(-len(entries) // most)
        slices = (entries[begin : begin + length] for begin in range(0, len(entries), length or 1))
        thin[count] = dict(max(part, key=lambda entry: (merit(*entry), -entry[0])) for part in slices)
    return thin


def _wishes(rest: Sequence[Choice], needs: Mapping[int, int]) -> dict[int, int]:
    """Return items so far -> fewest points so far with which some need can still be met by the rest."""
    wanted = [choice.gains[-1] for choice in rest if choice.wanted]
    others = sorted((choice.gains[-1] for choice in rest if not choice.wanted), reverse=True)
    most = list(accumulate([*wanted, *others], initial=0))
    wishes: dict[int, int] = {}
    for count, need in needs.items():
        for more in range(len(wanted), min(len(most) - 1, count) + 1):
            wish = need - most[more]
            wishes[count - more] = min(wishes.get(count - more, wish), wish)
    return wishes


def _with_one_more(table: Table, choice: Choice, steps: Sequence[tuple[int, int]], wishes: Mapping[int, int]) -> Table:
    found: Table = {}
    left_out = [] if choice.wanted else [(0, 0)]
    for count, sums in table.items():
        for taken, ways in ((0, left_out), (1, steps)):
            if ways and count + taken in wishes:
                _add(found.setdefault(count + taken, {}), sums, ways, wishes[count + taken])
    return found


def _add(made: dict[int, int], sums: Mapping[int, int], ways: Sequence[tuple[int, int]], wish: int) -> None:
    """Put into ``made`` every sum with every way that comes to ``wish`` points, each with its preferred code."""
    for gain, more in ways:
        for points, code in sums.items():
            if points + gain >= wish and code + more > made.get(points + gain, -1):
                made[points + gain] = code + more


# --- all groups together ------------------------------------------------------------------------------------------


def _first(outlooks: Sequence[_Outlook], tables: Sequence[Table], count: int, threshold: int) -> tuple[int, bool]:
    """Return the code of the set with the fewest points, the first of those in the document, and whether it is exact."""
    behind, exact = _behind(outlooks, tables, count, threshold)
    points = min(points for points, worth in behind[0][count].items() if worth >= threshold)
    # (items left, points left) -> what can be gained already -> the preferred code among those that gain so much
    states: dict[tuple[int, int], dict[int, int]] = {(count, points): {0: 0}}
    for outlook, table, rest in zip(outlooks, tables, behind[1:], strict=True):
        worths = {points: outlook.group.worth(points) for sums in table.values() for points in sums}
        states = _forward(states, table, worths, rest, threshold)
    return max(code for codes in states.values() for code in codes.values()), exact


def _forward(
    states: Mapping[tuple[int, int], Mapping[int, int]],
    table: Table,
    worths: Mapping[int, int],
    rest: Table,
    threshold: int,
) -> dict[tuple[int, int], dict[int, int]]:
    found: dict[tuple[int, int], dict[int, int]] = {}
    for (count, points), codes in states.items():
        for taken, sums in table.items():
            after = rest.get(count - taken, {})
            for gained, more in sums.items():
                worth = after.get(points - gained)
                if worth is None:
                    continue
                for sofar, code in codes.items():
                    now = sofar + worths[gained]
                    if now + worth >= threshold:
                        kept = found.setdefault((count - taken, points - gained), {})
                        kept[now] = max(kept.get(now, -1), code + more)
    return {state: _worth_keeping(codes) for state, codes in found.items()}


def _worth_keeping(codes: Mapping[int, int]) -> dict[int, int]:
    """Leave out what gains less than another set without being preferred to it."""
    kept: dict[int, int] = {}
    best = -1
    for worth in sorted(codes, reverse=True):
        if codes[worth] > best:
            best = kept[worth] = codes[worth]
    return kept


def _behind(
    outlooks: Sequence[_Outlook], tables: Sequence[Table], count: int, threshold: int
) -> tuple[list[Table], bool]:
    """Return for each group, and after the last, items -> points -> most to be gained from there to the end."""
    after: Table = {0: {0: 0}}
    found, whole = [after], True
    for place in range(len(outlooks) - 1, -1, -1):
        least, most = _curve(outlooks[:place])
        floors = {}
        for left in range(count + 1):
            ahead = count - left
            if ahead >= least:
                floors[left] = threshold - most[min(ahead - least, len(most) - 1)]
        joined = _joined(outlooks[place].group, tables[place], after, floors)
        after = _thinned(joined, JOINT_SUMS, lambda points, worth: worth)
        whole = whole and after is joined
        found.append(after)
    return found[::-1], whole


def _joined(group: Group, table: Table, after: Table, floors: Mapping[int, int]) -> Table:
    """Put one group before those behind it; floors: items -> what must at least be gained with so many."""
    found: Table = {}
    options = {count: [(points, group.worth(points)) for points in sums] for count, sums in table.items()}
    for taken, mine in options.items():
        for count, sums in after.items():
            floor = floors.get(count + taken)
            if floor is None:
                continue
            made = found.setdefault(count + taken, {})
            for points, worth in sums.items():
                for gained, more in mine:
                    now = worth + more
                    if now >= floor and now > made.get(points + gained, floor - 1):
                        made[points + gained] = now
    return found
