"""The expert pool as a list: searching it, numbering who enters it, and keeping its people out of units."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from communities.members import bars
from experts.models import Expert
from portal.models import Sequence, User
from portal.problems import Problem, gettext_noop


def search(day: date, text: str = "", field: str = "", state: str = "") -> QuerySet[Expert]:
    """Experts by number, with ``load``: the panels joined in the year of ``day``. Filtered by words, field and state."""
    # A panel that marks a revised version again is still one panel.
    seated = ("accepted", "signed", "amending")
    joined = Q(assignments__state__in=seated, assignments__state_since__year=day.year)
    rows = Expert.objects.annotate(load=Count("assignments__draw", filter=joined, distinct=True))
    if text:
        found = Q(user__name__icontains=text) | Q(number__icontains=text) | Q(employer__icontains=text)
        rows = rows.filter(found)
    if field:
        rows = rows.filter(pk__in=Expert.objects.filter(fields=field))
    if state:
        rows = rows.filter(state=state)
    return rows.select_related("user", "district").prefetch_related("fields").order_by("number")


def take_number() -> str:
    """The next expert number that nobody bears, ZJ-0001. Call inside the transaction that uses it."""
    return take_numbers(1)[0]


def take_numbers(count: int, but: Collection[str] = ()) -> list[str]:
    """The next ``count`` numbers that nobody bears and that are not among ``but``. Call as ``take_number``."""
    found: list[str] = []
    while len(found) < count:
        wanted = count - len(found)
        last = Sequence.take("expert", wanted)
        numbers = [f"ZJ-{number:04d}" for number in range(last - wanted + 1, last + 1)]
        # Numbers that came with an imported pool were not handed out here.
        borne = {*but, *Expert.objects.filter(number__in=numbers).values_list("number", flat=True)}
        found += [number for number in numbers if number not in borne]
    return found


def hold() -> None:
    """Let nobody else enter the pool until commit: numbers are handed out by the same row. Call inside a transaction."""
    Sequence.take("expert", 0)


@bars
def experts_join_no_unit(user: User) -> Iterator[Problem]:
    """Otherwise a unit could take an expert off its own panel by naming them a member, or learn so who sits there."""
    if Expert.objects.filter(user=user, term_until__gte=timezone.localdate()).exists():
        yield Problem("member_is_expert", "username", gettext_noop("该账号是评审专家，不能由单位加为成员。"))
