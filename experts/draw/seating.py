"""From two secrets to a panel, and from a decline to the next in order.

Hides the seed, the drawn orders and the walk along them. Everything is a function of the frozen document, the secrets
and the list of declines, so a panel is never kept as a truth of its own: it is replayed.

Orders
    For every field, for the open seats ("*") and for the leader ("*leader") people are sorted by their lot,
    HMAC-SHA256(seed, name of the order + NUL + public id), and before that, except for the leader, by load band (see
    Rules). Nobody's lot in one order says anything about another.

Walk
    Seats are filled one by one: fields by code, each as many times as it has seats, then the open seats. Each takes the
    first in its order who is not seated yet, whose employer still has room, and after whom all the other seats can
    still be filled and somebody on the panel can lead (``matching`` answers that exactly). So the panel is the first
    possible one in the drawn order, and one is found whenever one exists. Whoever is passed over is listed, with why.

Leader
    The first in the leader's order who sits on the panel. A leader stays until declining; then it is the first in the
    leader's order among those who sit on the panel after the substitution.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from experts.draw.matching import OPEN, Roster, kinds_of_seats
from experts.draw.pool import HEX_64, Entry, Frozen, Pool
from experts.draw.shortage import shortages
from portal.problems import Problem, Refused, gettext_noop

LEADER = "*leader"

# Why somebody who came first in an order did not take the seat.
PASSED: Mapping[str, str] = MappingProxyType(
    {
        "seated": gettext_noop("已在专家组内"),
        "employer_seated": gettext_noop("所在单位的名额已满"),
        "blocks": gettext_noop("若入座，其余席位将无法坐满或无人可任组长"),
    }
)


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat: who sits there, the field that it covers (OPEN for every field), and whether this is the leader."""

    expert_id: str
    field: str
    is_leader: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """Somebody passed over while a seat of ``field`` was filled; reason: a code of PASSED."""

    field: str
    expert_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Round:
    """The draw itself (nobody declined) or one substitution: who declined, who was passed over, who sits now."""

    declined: tuple[str, ...]
    passed: tuple[Passed, ...]
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A drawn panel with everything it follows from. orders: name of the order -> expert ids, first one first."""

    commitment: str
    organiser_secret: str
    supervisor_secret: str
    public_value: str | None
    seed: str
    orders: Mapping[str, tuple[str, ...]]
    rounds: tuple[Round, ...]

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Who sits now; a seat keeps its place in the tuple through all substitutions."""
        return self.rounds[-1].seats

    @property
    def newly_seated(self) -> tuple[Seat, ...]:
        """The seats of the last round whose expert did not sit before: whom to ask next."""
        before = {seat.expert_id for seat in self.rounds[-2].seats} if len(self.rounds) > 1 else set()
        return tuple(seat for seat in self.seats if seat.expert_id not in before)

    @property
    def declines(self) -> tuple[tuple[str, ...], ...]:
        """Who declined, substitution by substitution."""
        return tuple(each.declined for each in self.rounds[1:])

    @property
    def substitutes(self) -> Mapping[str, tuple[str, ...]]:
        """Kind of seat -> who comes next, in order. Employers and fields may still pass somebody over."""
        spent = {seat.expert_id for seat in self.seats}.union(*self.declines)
        kinds = {seat.field for seat in self.seats}
        return {kind: tuple(person for person in self.orders[kind] if person not in spent) for kind in sorted(kinds)}


def secret_hash(secret: str) -> str:
    """Return what a party publishes before anything is revealed: SHA-256 of the secret's 64 characters."""
    return hashlib.sha256(secret.encode()).hexdigest()


def problem_of_secret(secret: str, published_hash: str, place: str) -> Problem | None:
    """Return why a revealed secret does not count, or None. place: whose it is."""
    if not HEX_64.fullmatch(secret):
        return Problem("secret_form", place, gettext_noop("密值应为 64 位小写十六进制字符（32 个随机字节）。"))
    if not hmac.compare_digest(secret_hash(secret), published_hash):
        return Problem("secret_changed", place, gettext_noop("揭示的密值与事先公布的摘要不符，不能用于抽取。"))
    return None


def problem_of_hash(published_hash: str, place: str) -> Problem | None:
    """Return why a hash cannot bind a party, or None. place: whose it is."""
    if HEX_64.fullmatch(published_hash):
        return None
    return Problem("hash_form", place, gettext_noop("密值摘要应为 64 位小写十六进制字符（密值的 SHA-256）。"))


def draw(frozen: Frozen, organiser_secret: str, supervisor_secret: str, public_value: str | None = None) -> Panel:
    """Draw the panel. public_value: where, and only where, the frozen rules name a public source.

    Refused: secrets of a wrong form or the same twice, a public value missing or not asked for, a document that is not
    a frozen pool.
    """
    return replay(frozen, organiser_secret, supervisor_secret, public_value)


def substitute(frozen: Frozen, panel: Panel, declined: Sequence[str]) -> Panel:
    """Return the panel after ``declined`` (expert ids that sit on it) gave up their seats: the next in order take them.

    Refused: somebody declines who does not sit there; a panel of another pool; nobody left who fits, in words.
    """
    if panel.commitment != frozen.commitment:
        raise Refused([Problem("other_pool", "pool", gettext_noop("该专家组不是从这份冻结名单抽取的。"))])
    declines = [*panel.declines, tuple(declined)]
    return replay(frozen, panel.organiser_secret, panel.supervisor_secret, panel.public_value, declines)


def replay(
    frozen: Frozen,
    organiser_secret: str,
    supervisor_secret: str,
    public_value: str | None = None,
    declines: Iterable[Sequence[str]] = (),
) -> Panel:
    """Return the panel after the draw and these declines, one sequence of expert ids per substitution."""
    seed = seed_of(frozen.pool, frozen.commitment, organiser_secret, supervisor_secret, public_value)
    # A stranger's id stays what it is, and is then refused because it does not sit on the panel.
    asked = [[frozen.public_ids.get(person, person) for person in declined] for declined in declines]
    orders, rounds = play(frozen.pool, seed, asked)
    names = {public_id: identity["expert_id"] for public_id, identity in frozen.identities.items()}
    return Panel(
        frozen.commitment,
        organiser_secret,
        supervisor_secret,
        public_value,
        seed,
        {kind: tuple(names[person] for person in people) for kind, people in orders.items()},
        tuple(_named(each, names) for each in rounds),
    )


def seed_of(pool: Pool, commitment: str, organiser: str, supervisor: str, public_value: str | None) -> str:
    """Return the seed of a panel's draw, as ``seed_from`` makes it."""
    return seed_from(pool.rules.public_source, commitment, organiser, supervisor, public_value)


def seed_from(
    public_source: str | None, commitment: str, organiser: str, supervisor: str, public_value: str | None
) -> str:
    """Return the seed: SHA-256 of commitment, both secrets and the public value (or nothing), one per line.

    public_source: as the frozen rules name it, None where they name none. Refused: secrets of a wrong form or the same
    twice, a public value missing or not asked for.
    """
    problems = [
        Problem("secret_form", place, gettext_noop("密值应为 64 位小写十六进制字符（32 个随机字节）。"))
        for place, secret in (("organiser", organiser), ("supervisor", supervisor))
        if not HEX_64.fullmatch(secret)
    ]
    if organiser == supervisor:
        message = gettext_noop("评价组织员与监督员的密值相同：须各自独立生成。")
        problems.append(Problem("secret_shared", "supervisor", message))
    if public_value == "" or (public_value is None) != (public_source is None):
        message = gettext_noop("公开数值应与冻结规则一致：规则指定了公开来源时必填，未指定时不得填写。")
        problems.append(Problem("public_value", "public_value", message))
    if problems:
        raise Refused(problems)
    return hashlib.sha256("\n".join((commitment, organiser, supervisor, public_value or "")).encode()).hexdigest()


def play(pool: Pool, seed: str, declines: Iterable[Sequence[str]]) -> tuple[dict[str, list[str]], list[Round]]:
    """Return the drawn orders, and the draw with its substitutions, all in public ids.

    Refused: a decline of somebody who does not sit on the panel, or seats that nobody is left to fill.
    """
    orders = _orders(pool, seed)
    table = _Table(pool, Roster(pool, orders), orders[LEADER])
    rounds = [table.fill()]
    rounds.extend(table.fill(declined) for declined in declines)
    return orders, rounds


def _orders(pool: Pool, seed: str) -> dict[str, list[str]]:
    key, width = bytes.fromhex(seed), pool.rules.load_band

    def lot(order: str, person: str) -> bytes:
        return hmac.digest(key, f"{order}\0{person}".encode(), "sha256")

    def place(order: str, entry: Entry) -> tuple[int, bytes]:
        return entry.load // width if width else 0, lot(order, entry.id)

    drawable = pool.drawable
    groups = {kind: [entry for entry in drawable.values() if kind in entry.fields] for kind in pool.rules.seats}
    groups[OPEN] = list(drawable.values())
    orders = {}
    for kind, entries in groups.items():
        places = {entry.id: place(kind, entry) for entry in entries}
        orders[kind] = sorted(places, key=places.__getitem__)
    orders[LEADER] = sorted(
        (person for person, entry in drawable.items() if entry.may_lead(pool.rules)),
        key=lambda person: lot(LEADER, person),
    )
    return orders


class _Table:
    """The seats of one panel, filled round by round."""

    def __init__(self, pool: Pool, roster: Roster, leaders: Sequence[str]) -> None:
        self.pool, self.roster, self.leaders = pool, roster, leaders
        self.kinds = list(kinds_of_seats(pool))
        self.people: list[str | None] = [None] * len(self.kinds)
        self.removed: set[str] = set()
        self.leader: str | None = None

    @property
    def seated(self) -> list[str]:
        return [person for person in self.people if person is not None]

    def fill(self, declined: Sequence[str] | None = None) -> Round:
        """Empty the seats of ``declined`` (None for the draw itself) and fill every empty seat."""
        if declined is not None:
            self._empty(declined)
        empty = [seat for seat, person in enumerate(self.people) if person is None]
        kinds = [self.kinds[seat] for seat in empty]
        if problems := shortages(self.pool, self.roster, kinds, self.seated, self.removed):
            raise Refused(problems)
        passed: list[Passed] = []
        for number, seat in enumerate(empty):
            self.people[seat] = self._next(kinds[number], kinds[number + 1 :], passed)
        seated = set(self.seated)
        if self.leader not in seated:
            self.leader = next(person for person in self.leaders if person in seated)
        seats = zip(self.people, self.kinds, strict=True)
        return Round(
            tuple(sorted(declined or ())),
            tuple(passed),
            tuple(Seat(person, kind, person == self.leader) for person, kind in seats if person is not None),
        )

    def _empty(self, declined: Sequence[str]) -> None:
        if not declined or len(set(declined)) < len(declined) or not set(declined).issubset(self.seated):
            message = gettext_noop("只有当前在专家组内的专家可以谢绝，每人一次。")
            raise Refused([Problem("not_seated", "declined", message)])
        self.removed.update(declined)
        self.people = [None if person in self.removed else person for person in self.people]

    def _next(self, kind: str, later: Sequence[str], passed: list[Passed]) -> str:
        """Return who takes a seat of ``kind``; ``later`` seats must stay fillable. Adds to ``passed``."""
        seated = self.seated
        for person in self.roster.orders[kind]:
            if person not in self.removed:
                reason = self._objection(person, seated, later)
                if reason is None:
                    return person
                passed.append(Passed(kind, person, reason))
        raise AssertionError("the seats were found fillable, so somebody can take this one")

    def _objection(self, person: str, seated: Sequence[str], later: Sequence[str]) -> str | None:
        if person in seated:
            return "seated"
        if self.roster.employer_is_full(person, seated):
            return "employer_seated"
        return None if self.roster.can_fill(later, [*seated, person], self.removed) else "blocks"


def _named(public: Round, names: Mapping[str, str]) -> Round:
    """Return a round with the experts' own ids."""
    return Round(
        tuple(names[person] for person in public.declined),
        tuple(replace(each, expert_id=names[each.expert_id]) for each in public.passed),
        tuple(replace(seat, expert_id=names[seat.expert_id]) for seat in public.seats),
    )
