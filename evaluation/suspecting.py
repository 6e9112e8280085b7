"""Possible conflicts of a case that only a name suggests, and what a new fact means for panels that are being asked or sit.

Hides: which organisations are the parties of a case and what they were called before, and that only experts who could
be drawn are worth a decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet
from django.utils import timezone

from communities.models import Organisation, OrganisationChange
from communities.permissions import memberships_of
from evaluation import drawing, engaging
from evaluation.models import Application, Assignment, Project
from evaluation.models.case import FINAL_STATES
from experts import facts
from experts.models import Expert
from experts.names import LIKENESS
from portal.models import User
from portal.problems import Problem, gettext_noop


@dataclass(frozen=True, slots=True)
class Suspicion:
    """An expert whose employment's name looks like that of a party. why: how they are alike, a sentence to translate."""

    expert: Expert
    party: facts.Party
    said: str
    why: str


def parties(application: Application) -> list[facts.Party]:
    """The applicant's unit and those that advise the case or did once, with the names that each bore before."""
    units = [application.project.organisation_id, *application.project.advising]
    former: dict[int, list[str]] = {}
    changes = OrganisationChange.objects.filter(organisation__in=units, state="approved").order_by("pk")
    for unit, before in changes.values_list("organisation", "before"):
        former.setdefault(unit, []).append(before["name"])
    rows = Organisation.objects.filter(pk__in=units).order_by("pk")
    return [
        facts.Party(code, name, tuple(old for old in former.get(pk, ()) if old != name))
        for pk, code, name in rows.values_list("pk", "credit_code", "name")
    ]


def undecided(application: Application, standings: Sequence[drawing.Standing], day: date) -> list[Suspicion]:
    """Suggestions on which nobody has decided, of experts who could be drawn. As many queries for any pool.

    standings: of everybody, as they would be frozen now.
    """
    drawable = {row.number for row in standings if not row.excluded}
    people = dict(Expert.objects.values_list("pk", "number"))
    ids = {pk for pk, number in people.items() if number in drawable}
    found = facts.suggestions(parties(application), ids, drawing.recused_since(application, day))
    experts = Expert.objects.select_related("user").in_bulk([row.expert for row in found])
    return [Suspicion(experts[row.expert], row.party, row.said, LIKENESS[row.likeness]) for row in found]


def problems(application: Application) -> Iterator[Problem]:
    """Why no draw may be proposed yet: possible conflicts on which nobody has decided."""
    found = undecided(application, drawing.standings(application, None), timezone.localdate())
    if found:
        message = gettext_noop("可能须回避 %(count)s 人，请先在专家抽取页面的“可能须回避”处逐一核定。")
        count = len({row.expert.pk for row in found})
        yield Problem("suggestions_undecided", "suggestions", message, {"count": count})


# --- a new fact while a panel is being asked or sits ------------------------------------------------------------------


@facts.follows
def recheck_seats(expert: Expert, code: str) -> None:
    """An expert who is kept off a party from now on leaves the panels of its cases: replaced, or the seat is marked.

    Draws that are only frozen go on: the expert is told at the invitation, and cannot accept.
    """
    asked = Assignment.objects.filter(expert=expert).exclude(application__state__in=FINAL_STATES)
    projects = _cases_of(code).filter(pk__in=asked.values("application__project"))
    engaging.recheck_panels(projects.order_by("pk"))


@facts.takes_first
def take_cases_of(code: str) -> None:
    """Take every case of a party before the expert's row is: an expert who declines has taken the case already."""
    engaging.take_cases(_cases_of(code).values_list("pk", flat=True))


def _cases_of(code: str) -> QuerySet[Project]:
    """Projects of which the unit that bears this credit code, or bore it, is a party or once was."""
    changed = OrganisationChange.objects.filter(state="approved", before__credit_code=code)
    units = Organisation.objects.filter(Q(credit_code=code) | Q(pk__in=changed.values("organisation")))
    party = Q(organisation__in=units) | Q(engagements__organisation__in=units, engagements__since__isnull=False)
    return Project.objects.filter(party).distinct()


@facts.tells_side
def acts_in_its_cases(user: User, code: str) -> bool:
    """Whether a unit of ``user`` applies for a case of this party, or advises it: the same panel judges both."""
    units = list(memberships_of(user))
    own = Q(organisation__in=units) | Q(engagements__organisation__in=units, engagements__since__isnull=False)
    return bool(units) and _cases_of(code).filter(own).exists()
