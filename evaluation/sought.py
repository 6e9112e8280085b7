"""Where a piece of text may stand in a case: its number, its community, its units and their people, its consultants.

Hides: which tables keep what, and that each fact is looked for where it is kept: nothing is copied to be searched. Of a
piece of text that few cases contain PostgreSQL is asked for these cases first, by its indexes; of one that many contain the
list is read from its beginning until it is full. Both ways mean the same cases.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone

from communities.models import Community, Membership, Organisation, OrganisationChange
from communities.permissions import RIGHTS, city_duties
from evaluation.models import Engagement, Project
from portal.models import User
from portal.parts import HasPart, folded

COMMUNITY = (
    "name", "address", "planning_permit_number", "drawing_review_number", "construction_permit_number", "completion_number",
)  # fmt: skip
FEW = 2000  # rows that are asked for by their ids
PROJECT = "project__"

# --- what keeps text: rows that contain a part, by the index or by reading all ------------------------------------


def _numbers(part: str, indexed: bool) -> QuerySet[Any]:
    return Project.objects.filter(HasPart("number", part=part, indexed=indexed)).values_list("pk")


def _communities(part: str, indexed: bool) -> QuerySet[Any]:
    return Community.objects.filter(HasPart(*COMMUNITY, part=part, indexed=indexed)).values_list("pk")


def _named(part: str, indexed: bool) -> QuerySet[Any]:
    return Organisation.objects.filter(HasPart("name", "credit_code", part=part, indexed=indexed)).values_list("pk")


def _formerly(part: str, indexed: bool) -> QuerySet[Any]:
    """Units that bore the name or the code before an approved change."""
    before = (Cast(KeyTextTransform(name, "before"), TextField()) for name in ("name", "credit_code"))
    rows = OrganisationChange.objects.filter(HasPart(*before, part=part), state="approved")
    return rows.values_list("organisation")


def _contacts(part: str, indexed: bool) -> QuerySet[Any]:
    return Organisation.objects.filter(HasPart("contact", part=part, indexed=indexed)).values_list("pk")


def _people(part: str, indexed: bool) -> QuerySet[Any]:
    """Units for which somebody of that name acts today."""
    known = User.objects.filter(HasPart("name", part=part, indexed=indexed))
    return Membership.objects.on(timezone.localdate()).filter(user__in=known).values_list("organisation")


# --- how these rows reach a case ----------------------------------------------------------------------------------


def _itself(rows: Any) -> QuerySet[Any]:
    return Project.objects.filter(pk__in=rows)


def _of_community(rows: Any) -> QuerySet[Any]:
    return Project.objects.filter(community__in=rows)


def _of_unit(rows: Any) -> QuerySet[Any]:
    return Project.objects.filter(organisation__in=rows)


def _advised(rows: Any) -> QuerySet[Any]:
    """Cases that these units advise, or once did; an offer alone makes nobody a consultant."""
    engaged = Engagement.objects.filter(since__isnull=False, organisation__in=rows)
    return Project.objects.filter(pk__in=engaged.values("project"))


@dataclass(frozen=True, slots=True)
class Place:
    """rows: what contains a part; cases: the projects of such rows.

    path: from an application to such a row, where there is one. columns: where the same text stands as seen from an
    application, where it is one row away. private: only for those who may open the unit's own page.
    """

    rows: Callable[[str, bool], QuerySet[Any]]
    cases: Callable[[Any], QuerySet[Any]]
    path: str = ""
    columns: tuple[str, ...] = ()
    private: bool = False

    def condition(self, part: str) -> Q:
        """Of an application, asked row by row."""
        if self.columns:
            return Q(HasPart(*(PROJECT + column for column in self.columns), part=part))
        return self.beside(self.rows(part, False))

    def beside(self, rows: Any) -> Q:
        """Of an application, that one of these rows is its own, asked row by row."""
        return Q(**{f"{self.path}__in": rows}) if self.path else Q(project__in=self.cases(rows).values("pk"))


UNIT = "project__organisation"
PLACES: Mapping[str, tuple[Place, ...]] = {
    "number": (Place(_numbers, _itself, "project", ("number",)),),
    "community": (
        Place(_communities, _of_community, "project__community", tuple(f"community__{column}" for column in COMMUNITY)),
    ),
    "unit": (
        Place(_named, _of_unit, UNIT, ("organisation__name", "organisation__credit_code")),
        Place(_formerly, _of_unit, UNIT, private=True),
    ),
    "people": (
        Place(_contacts, _of_unit, UNIT, ("organisation__contact",), private=True),
        Place(_people, _of_unit, UNIT, private=True),
    ),
    "consultant": (Place(_named, _advised),),
}


def contains(user: User, text: str, places: Iterable[str] = ()) -> Q:
    """Applications that contain ``text`` in one of ``places`` (keys of PLACES; none means all of them).

    Full-width letters and digits are also looked for as plain ones. Asks the database at once on PostgreSQL. Where a
    person may not read a place it is not looked at, so that nothing is learnt by what is found.
    """
    may_read_all = bool(city_duties(user) & RIGHTS["view"][0])
    found = [place for name in (places or PLACES) for place in PLACES[name] if may_read_all or not place.private]
    parts = dict.fromkeys(folded(form) for form in (text, unicodedata.normalize("NFKC", text)))
    branches = [(place, part) for place in found for part in parts if part]
    if connection.vendor == "postgresql":
        return _by_index(branches)
    return reduce(or_, (place.condition(part) for place, part in branches), Q(pk__in=[]))


def _by_index(branches: list[tuple[Place, str]]) -> Q:
    """The cases of every branch that has few, by their ids; the other branches row by row."""
    asked = list(dict.fromkeys((place.rows, part) for place, part in branches))
    kept = dict(zip(asked, _ids([rows(part, True) for rows, part in asked]), strict=True))
    few = [(place, part) for place, part in branches if 0 < len(kept[place.rows, part]) <= FEW]
    cases = _ids([place.cases(kept[place.rows, part]).values_list("pk") for place, part in few])
    found = Q(project__in=sorted({pk for pks in cases if len(pks) <= FEW for pk in pks}))
    for (place, part), pks in zip(few, cases, strict=True):
        if len(pks) > FEW:  # units with thousands of cases
            found |= place.beside(kept[place.rows, part])
    return reduce(or_, (place.condition(part) for place, part in branches if len(kept[place.rows, part]) > FEW), found)


def _ids(rows: list[QuerySet[Any]]) -> list[list[int]]:
    """The ids that each of these finds, one more than FEW at most: all of them in one query."""
    found: list[list[int]] = [[] for _one in rows]
    tagged = [one.order_by().annotate(branch=Value(number))[: FEW + 1] for number, one in enumerate(rows)]
    if not tagged:
        return found
    for pk, number in tagged[0].union(*tagged[1:], all=True) if len(tagged) > 1 else tagged[0]:
        found[number].append(pk)
    return found
