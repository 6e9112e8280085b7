"""The invented expert pool: 182 experts from 94 employers in the full world, a few dozen in a small one.

Hides how fields are spread, so that every panel the programmes ask for can be seated with one expert an employer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from random import Random

from django.utils import timezone

from communities.models import District, Organisation
from experts import declaring, facts, standing
from experts.models import Expert, Field, Recusal
from portal import clock
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
    due_on = clock.deadline(standing.CONFIRMATION, date(year + 1, 1, 5))
    rows = Expert.objects.bulk_create(
        Expert(
            state="serving",
            user=one,
            number=f"ZJ-{number:04d}",
            education="大学本科",
            title=random.choice(TITLES),
            experience_years=10 + number % 25,
            employer=units[number % employers][1],
            employer_code=units[number % employers][0],
            district=districts[(number * 7) % len(districts)],
            term_from=date(year - 1, 1, 1),
            term_until=date(year + 2, 12, 31),
            confirmed_on=date(year, 1, 5),
            due_on=due_on,
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


def make_facts(parties: Sequence[Organisation]) -> None:
    """What a few experts declared, and two decisions of officers on the first party: its director, and a namesake's employee.

    Neither keeps off anybody who could be drawn before, so that the smallest pool still seats a panel.
    """
    day = timezone.localdate()
    director, former, cleared, idle = Expert.objects.select_related("user").order_by("number")[2:6]
    begins = day.replace(year=day.year - 4, month=1, day=1)
    for expert, name, code in (
        (former, names.employer(900), names.code(former.district_id, "E", 900)),
        (cleared, f"{parties[0].name}北碚分公司", ""),
    ):
        said = {
            "name": name,
            "credit_code": code,
            "post": "工程师",
            "since": begins,
            "until": day.replace(month=1, day=1),
        }
        declaring.add_employment(expert.user, expert, said)
    declaring.add_employment(idle.user, idle, {"none": True, "since": begins, "until": begins.replace(month=12)})
    organiser, keeper = people.officer("organiser"), people.officer("pool_keeper")
    facts.pin(organiser, director, parties[0].credit_code, facts.CONFLICT, "示例：曾任独立董事一事，经查登记信息属实。")
    facts.pin(
        keeper,
        cleared,
        parties[0].credit_code,
        facts.NONE,
        "示例：任职的是重名的个体商户，与当事单位没有关系，已核对登记信息。",
    )
