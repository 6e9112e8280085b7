"""The data sheet of a community: registered and changed by its unit.

Hides: what each must say, what is told about a name that is taken, and which facts are settled because a case leans on
them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from django.db import transaction

from communities.models import Community, Organisation
from communities.permissions import RIGHTS
from communities.writing import Values, authorise, missing, role_of, stripped, unique
from portal import audit
from portal.machine import hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

PERMIT_DATES = ("planning_permit_on", "drawing_review_on", "construction_permit_on", "completed_on")
COMMUNITY_FACTS = ("name", "district", "address", "floor_area", "households", "buildings")
COMMUNITY_FIELDS = (*COMMUNITY_FACTS, *PERMIT_DATES)

# Apps above say which facts of a community are settled; asked with True inside the changing transaction, the answer
# must hold until its commit.
Settled = Callable[[Community, bool], frozenset[str]]
SETTLED: list[Settled] = []


def settles(function: Settled) -> Settled:
    """Register what makes facts of a community settled; a decorator for the apps above."""
    SETTLED.append(function)
    return function


def open_fields(community: Community, *, held: bool = False) -> tuple[str, ...]:
    """The columns of ``community`` that may be changed now, in the order of the form; ``held`` until commit."""
    settled = frozenset[str]().union(*(function(community, held) for function in SETTLED))
    return tuple(name for name in COMMUNITY_FIELDS if name not in settled)


def register_community(by: User, organisation: Organisation, values: Values) -> Community:
    """Register a community of an active unit. Raises NotAllowed, Stale, Refused.

    values: the columns of ``COMMUNITY_FIELDS``; ``is_another`` True says that a community of the same name in the
    district, which is pointed out first, is another one.
    """
    authorise(by, "register_community", organisation)
    kept = {name: stripped(values.get(name)) for name in COMMUNITY_FIELDS}
    _refuse_community(organisation, kept, bool(values.get("is_another")), None)
    with unique(_community_taken()), transaction.atomic():
        hold(organisation, *RIGHTS["register_community"][1])
        community = Community.objects.create(organisation=organisation, **kept)
        audit.record(community, "community.open", by=by, role=role_of(by, organisation))
    return community


def change_community(by: User, community: Community, values: Values) -> None:
    """Change what is not settled; columns that are, or that ``values`` leaves out, stay. Raises NotAllowed, Refused."""
    organisation = community.organisation
    authorise(by, "register_community", organisation)
    with unique(_community_taken()), transaction.atomic():
        free = open_fields(community, held=True)
        asked = {name: stripped(values[name]) for name in COMMUNITY_FIELDS if name in values}
        changed = {name: value for name, value in asked.items() if getattr(community, name) != value}
        closed = gettext_noop("案卷正在办理或已有结论，该项不能再改。")
        problems = [Problem("settled", name, closed) for name in changed if name not in free]
        if problems:
            raise Refused(problems)
        kept = {name: asked.get(name, getattr(community, name)) for name in COMMUNITY_FIELDS}
        _refuse_community(organisation, kept, bool(values.get("is_another")), community)
        if changed:
            Community.objects.filter(pk=community.pk).update(**changed)
            for name, value in changed.items():
                setattr(community, name, value)
            audit.record(community, "community.change", by=by, role=role_of(by, organisation), fields=sorted(changed))


def _refuse_community(organisation: Organisation, kept: Values, is_another: bool, itself: Community | None) -> None:
    problems = [*missing(kept, COMMUNITY_FACTS), *_sizes(kept), *_dates_out_of_order(kept)]
    renamed = itself is None or (itself.name, itself.district) != (kept["name"], kept["district"])
    if kept["name"] and kept["district"] and renamed:
        problems += _namesakes(organisation, kept, is_another, itself)
    if problems:
        raise Refused(problems)


def _sizes(kept: Values) -> Iterator[Problem]:
    for name in ("floor_area", "households", "buildings"):
        if kept[name] is not None and Decimal(kept[name]) <= 0:
            yield Problem("not_positive", name, gettext_noop("应大于零。"))


def _dates_out_of_order(kept: Values) -> Iterator[Problem]:
    known: list[tuple[date, str]] = [(kept[name], name) for name in PERMIT_DATES if kept[name]]
    for (earlier, _), (later, name) in zip(known, known[1:], strict=False):
        if later <= earlier:
            message = gettext_noop("%(later)s应晚于前一证照的日期%(earlier)s。")
            yield Problem("date_order", name, message, {"later": later, "earlier": earlier})


def _namesakes(
    organisation: Organisation, kept: Values, is_another: bool, itself: Community | None
) -> Iterator[Problem]:
    """Own community of this name: refused. Anyone's that reads the same: pointed out until ``is_another``."""
    rows = Community.objects.filter(district=kept["district"]).exclude(pk=itself and itself.pk)
    if rows.filter(organisation=organisation, name=kept["name"]).exists():
        yield _community_taken()
    elif not is_another and reading(kept["name"]) in {reading(name) for name in rows.values_list("name", flat=True)}:
        message = gettext_noop(
            "该区县已登记名称相同或相近的小区。如果不是同一个小区，请勾选“确认是另一个小区”后再保存。"
        )
        yield Problem("namesake", "name", message)


def reading(name: str) -> str:
    """A name as two people would read it the same: half-width, no case, spaces or marks, without 小区 at its end."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())
    return letters.removesuffix("小区") or letters


def _community_taken() -> Problem:
    return Problem("community_taken", "name", gettext_noop("本单位已在该区县登记过同名小区，不必重复登记。"))
