"""Why no panel can be seated, in words: which field lacks whom, and what would cure it.

Hides the cases behind the sentences. They are complete: where every field alone has enough people and employers, no
group of fields competes for too few, the whole pool is large enough and somebody can lead, a panel exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence, Set

from experts.draw.matching import OPEN, Roster, kinds_of_seats
from experts.draw.pool import Pool
from portal.problems import Problem, gettext_noop


def pool_shortages(pool: Pool) -> list[Problem]:
    """Return why no panel can be seated from the whole pool; empty where one can."""
    people = {kind: [key for key, entry in pool.drawable.items() if kind in entry.fields] for kind in pool.rules.seats}
    roster = Roster(pool, {**people, OPEN: list(pool.drawable)})
    return shortages(pool, roster, list(kinds_of_seats(pool)), (), frozenset())


def shortages(
    pool: Pool, roster: Roster, kinds: Sequence[str], seated: Collection[str], removed: Set[str]
) -> list[Problem]:
    """Return why seats of ``kinds`` cannot be filled beside ``seated`` without ``removed``; empty where they can."""
    if roster.can_fill(kinds, seated, removed):
        return []
    return list(_Explanation(pool, roster, kinds, seated, removed).problems())


class _Explanation:
    """One shortage, looked at from every side."""

    def __init__(
        self, pool: Pool, roster: Roster, kinds: Sequence[str], seated: Collection[str], removed: Set[str]
    ) -> None:
        self.pool, self.roster, self.seated, self.removed = pool, roster, seated, removed
        self.wanted = Counter(kinds)
        self.gone = {*removed, *seated}

    def problems(self) -> Iterator[Problem]:
        """Yield every problem of its own; a clash of fields only among fields that are not short by themselves."""
        fields = sorted(kind for kind in self.wanted if kind != OPEN)
        found = {kind: problem for kind in fields if (problem := self.field_problem(kind))}
        yield from found.values()
        clash = list(self.clash_problem([kind for kind in fields if kind not in found]))
        yield from clash
        size = list(self.size_problem())
        yield from size
        yield from self.leader_problem(alone=not (found or clash or size))

    def people(self, kind: str) -> list[str]:
        return [person for person in self.roster.orders[kind] if person not in self.gone]

    def room(self, people: Iterable[str]) -> int:
        """Return how many of ``people`` can sit together under the limit per employer."""
        colleagues = Counter(self.roster.employers[person] for person in people)
        taken = Counter(self.roster.employers[person] for person in self.seated)
        limit = self.roster.limit
        return sum(min(number, max(limit - taken[employer], 0)) for employer, number in colleagues.items())

    def field_problem(self, kind: str) -> Problem | None:
        people, wanted = self.people(kind), self.wanted[kind]
        params = {"field": self.pool.rules.name_of(kind), "wanted": wanted, "people": len(people)}
        if len(people) < wanted:
            others = sum(kind in entry.fields for entry in self.pool.entries) - len(people)
            message = gettext_noop(
                "专业“%(field)s”需要 %(wanted)d 名专家，可抽取的只有 %(people)d 名"
                "（另有 %(others)d 名被排除、谢绝或在组内），缺 %(missing)d 名。请补充该专业专家，或减少该专业席位。"
            )
            return Problem("field_short", kind, message, {**params, "others": others, "missing": wanted - len(people)})
        if (room := self.room(people)) < wanted:
            message = gettext_noop(
                "专业“%(field)s”需要 %(wanted)d 名专家，可抽取的 %(people)d 名受同一单位至多 %(limit)d 名所限，"
                "最多坐满 %(room)d 席。请补充其他单位的该专业专家，或减少该专业席位。"
            )
            return Problem("field_employers", kind, message, {**params, "limit": self.roster.limit, "room": room})
        return None

    def clash_problem(self, fields: Sequence[str]) -> Iterator[Problem]:
        """Yield one problem for fields that are large enough one by one, but share people or employers."""
        kinds = [kind for kind in fields for _seat in range(self.wanted[kind])]
        matching = self.roster.matching([self.roster.orders[kind] for kind in kinds], self.seated, self.removed)
        competing: set[str] = set()
        for seat in range(len(kinds)):
            competing.update(kinds[other] for other in matching.blocked(seat))
        if competing:
            wanted = sum(self.wanted[kind] for kind in competing)
            room = sum(kinds[seat] in competing for seat in matching.holders.values())
            message = gettext_noop(
                "专业%(fields)s合计需要 %(wanted)d 名专家，但可抽取的人兼有这些专业或同属一家单位，"
                "最多坐满 %(room)d 席。请补充其他单位的上述专业专家，或减少这些专业的席位。"
            )
            names = "、".join(f"“{self.pool.rules.name_of(kind)}”" for kind in sorted(competing))
            yield Problem("fields_clash", "seats", message, {"fields": names, "wanted": wanted, "room": room})

    def size_problem(self) -> Iterator[Problem]:
        people, wanted = self.people(OPEN), self.wanted.total()
        if (room := self.room(people)) < wanted:
            message = gettext_noop(
                "还需 %(wanted)d 名专家，可抽取的共 %(people)d 名，受同一单位至多 %(limit)d 名所限，"
                "最多坐满 %(room)d 席。请补充其他单位的专家，或减少专家组人数。"
            )
            params = {"wanted": wanted, "people": len(people), "limit": self.roster.limit, "room": room}
            yield Problem("panel_short", "size", message, params)

    def leader_problem(self, alone: bool) -> Iterator[Problem]:
        """Yield that nobody can lead; or, where nothing else is wrong, that nobody who can fits beside the others."""
        if not self.roster.leaders.isdisjoint(self.seated):
            return
        if self.roster.leaders <= self.gone:
            message = gettext_noop("可抽取的专家中没有可以担任组长的人。请补充可任组长、且不属申报单位所在区县的专家。")
            yield Problem("no_leader", "leader", message)
        elif alone:
            message = gettext_noop(
                "可以担任组长的 %(people)d 名专家与其他席位的专业或单位相冲突，坐不进专家组。"
                "请补充所缺专业中可任组长、且不属申报单位所在区县的专家。"
            )
            people = len(self.roster.leaders - self.gone)
            yield Problem("leader_does_not_fit", "leader", message, {"people": people})
