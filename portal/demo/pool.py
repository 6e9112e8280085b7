"""The invented expert pool: 182 experts from 94 employers in the full world, a few dozen in a small one.

Hides how fields are spread, so that every panel the programmes ask for can be seated with one expert an employer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from random import Random

from django.utils import timezone

from communities.models import District, Organisation
from experts.models import Expert, Field, Recusal
from portal.demo import names, people
from portal.models import User

EXPERTS, EMPLOYERS = 182, 94
TITLES = ("正高级工程师", "高级工程师", "教授", "研究员", "副教授")
# The first fields of the pool are those that panels need most; the numbers are shares of the experts.
SHARES = {
    "comm": 5, "security": 5, "platform": 5, "home": 4, "bas": 4, "infosec": 3, "property": 4, "eng": 2, "gov": 2, "tech": 2,
}  # fmt: skip


def make_experts(
    districts: Sequence[District], random: Random, experts: int = EXPERTS, employers: int = EMPLOYERS
) -> None:
    """Admit ``experts`` invented experts of ``employers`` employers: one or two fields each, terms around today."""
    units = employer_codes(districts, employers)
    users = User.objects.bulk_create(
        people.user(f"expert-{number:03d}", names.person(number)) for number in range(1, experts + 1)
    )
    year = timezone.localdate().year
    rows = Expert.objects.bulk_create(
        Expert(
            user=one,
            number=f"ZJ-{number:04d}",
            title=random.choice(TITLES),
            employer=units[number % employers][1],
            employer_code=units[number % employers][0],
            district=districts[(number * 7) % len(districts)],
            term_from=date(year - 1, 1, 1),
            term_until=date(year + 2, 12, 31),
        )
        for number, one in enumerate(users, 1)
    )
    _spread_fields(rows, random)


def employer_codes(districts: Sequence[District], count: int) -> list[tuple[str, str]]:
    """(credit code, name) of each employer."""
    return [
        (names.code(districts[number % len(districts)].pk, "E", number), names.employer(number))
        for number in range(1, count + 1)
    ]


def _spread_fields(experts: Sequence[Expert], random: Random) -> None:
    """Each expert gets the next field of the shares, and every third a second one."""
    known = set(Field.objects.values_list("pk", flat=True))
    ring = [code for code, share in SHARES.items() if code in known for _ in range(share)]
    ring.sort(key=lambda code: random.random())
    # every field comes once in the first round, so that a small pool covers all of them too
    ring = [code for code in SHARES if code in known] + ring
    link = Expert.fields.through
    rows = []
    for position, expert in enumerate(experts):
        own = {ring[position % len(ring)]}
        if position % 3 == 0:
            own.add(random.choice(ring))
        rows += [link(expert=expert, field_id=code) for code in sorted(own)]
    link.objects.bulk_create(rows)


def pause_some(day: date) -> None:
    """Two paused experts, one whose term is over and one of unknown employer: what a draw must show as excluded."""
    last = Expert.objects.order_by("-number")
    paused, over, unknown = last[0:2], last[2], last[3]
    Expert.objects.filter(pk__in=[one.pk for one in paused]).update(paused_until=date(day.year + 1, 6, 30))
    Expert.objects.filter(pk=over.pk).update(term_until=date(day.year - 1, 12, 31))
    Expert.objects.filter(pk=unknown.pk).update(employer="", employer_code="")


def make_conflicts(parties: Sequence[Organisation]) -> None:
    """One expert works for each of these parties, another was a director of the first: what a draw must leave out."""
    experts = list(Expert.objects.order_by("number")[: len(parties) + 1])
    for expert, party in zip(experts, parties, strict=False):
        Expert.objects.filter(pk=expert.pk).update(employer=party.name, employer_code=party.credit_code)
    Recusal.objects.create(
        expert=experts[-1],
        party_code=parties[0].credit_code,
        reason=Recusal.Reason.DIRECTOR,
        since=date(timezone.localdate().year - 1, 1, 1),
        note="示例：曾任独立董事。",
        declared_by=experts[-1].user,
    )
