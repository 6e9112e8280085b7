"""Who may look at the expert pool, and how: the list for officers, and whom it shows how to be reached."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from communities.members import bars
from communities.permissions import duties_of
from experts.models import Expert
from portal.models import User
from portal.problems import Problem, gettext_noop

SEE_POOL = frozenset({"intake", "organiser", "approver", "supervisor", "pool_keeper", "district_officer"})
SEE_CONTACTS = frozenset({"pool_keeper", "organiser"})


def _duties(user: User) -> frozenset[str]:
    return frozenset(duty for duty, _district in duties_of(user))


def may_see_pool(user: User) -> bool:
    """Officers of the evaluation see the pool; applicants, experts and the portal's administrators do not."""
    return bool(_duties(user) & SEE_POOL)


def may_see_contacts(user: User) -> bool:
    """Telephone and e-mail are for those who keep the pool or invite from it."""
    return bool(_duties(user) & SEE_CONTACTS)


def search(day: date, text: str = "", field: str = "") -> QuerySet[Expert]:
    """Experts by number, with ``load``: the panels joined in the year of ``day``. Filtered by words and by field."""
    joined = Q(assignments__state__in=("accepted", "signed"), assignments__state_since__year=day.year)
    rows = Expert.objects.annotate(load=Count("assignments", filter=joined, distinct=True))
    if text:
        found = Q(user__name__icontains=text) | Q(number__icontains=text) | Q(employer__icontains=text)
        rows = rows.filter(found)
    if field:
        rows = rows.filter(pk__in=Expert.objects.filter(fields=field))
    return rows.select_related("user", "district").prefetch_related("fields").order_by("number")


@bars
def experts_join_no_unit(user: User) -> Iterator[Problem]:
    """Otherwise a unit could take an expert off its own panel by naming them a member, or learn so who sits there."""
    if Expert.objects.filter(user=user, term_until__gte=timezone.localdate()).exists():
        yield Problem("member_is_expert", "username", gettext_noop("该账号是评审专家，不能由单位加为成员。"))
