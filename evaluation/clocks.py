"""Whose clock runs in which state, and for how long: the step's limit, paused while the case waits for the other side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db.models import Q

from communities.permissions import officers
from evaluation.models import Application
from evaluation.permissions import SEATED
from portal import clock
from portal.models import User

# state -> step whose limit counts; states that are not here have no deadline of their own
STEPS: Mapping[str, str] = {
    "form_check": "form_check",
    "correction": "correction",
    "recommendation": "recommendation",
    "drawing": "draw",
    "cosigning": "draw",
    "revealing": "draw",
    "inviting": "invitation",
    "site_visit": "review",
    "review": "review",
    "deliberation": "review",
    "revision": "revision",
    "revision_check": "revision_check",
    "approval": "approval",
    "notice": "notice",
}
# The officer's clock stops while the applicant corrects: (source, target) of leaving and of coming back.
PAUSED_IN = {"correction": "form_check"}

# state -> role that holds the case: who must act now
HOLDERS: Mapping[str, str] = {
    "draft": "applicant",
    "form_check": "intake",
    "correction": "applicant",
    "recommendation": "district_officer",
    "drawing": "organiser",
    "cosigning": "supervisor",
    "revealing": "draw_party",  # whoever still owes a secret; the organiser for the public value
    "inviting": "invitee",  # one of the experts asked; the supervisor once nobody is left to ask: holder_of
    "site_visit": "leader",
    "review": "expert",
    "deliberation": "leader",
    "revision": "applicant",
    "revision_check": "leader",
    "approval": "approver",
}


def holder_of(application: Application) -> str:
    """The role that must act now, "" in a state that nobody holds. A pool run dry is the supervisor's to draw anew."""
    ran_dry = application.state == "inviting" and application.fault
    return "supervisor" if ran_dry else HOLDERS.get(application.state, "")


def running_clock(application: Application, source: str, target: str, day: date) -> Mapping[str, Any]:
    """Columns of the clock in the new state."""
    programme = application.project.programme_id
    if PAUSED_IN.get(target) == source and application.due_on:
        left = clock.calendar().remaining(application.due_on, day)
        return {"due_on": clock.deadline(STEPS[target], day, programme), "days_left": left}
    if target == "form_check" and application.days_left is not None:
        resumed = clock.calendar().resumed_due(application.days_left, day)
        return {"due_on": resumed.date, "days_left": None}
    step = STEPS.get(target)
    return {"due_on": clock.deadline(step, day, programme) if step else None}


def holders(application: Application) -> Iterable[User]:
    """The people who must act now on this application. Who is asked to sit is reminded by the invitation itself, and
    the organiser of a panel that is not complete in time.
    """
    role = "organiser" if application.state == "inviting" else HOLDERS.get(application.state)
    project = application.project
    if role == "applicant":
        return User.objects.filter(memberships__organisation=project.organisation_id, memberships__until=None)
    if role in ("leader", "expert"):
        seats = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
        mine = seats.filter(is_leader=True) if role == "leader" else seats.filter(state="accepted")
        return User.objects.filter(expert__assignments__in=mine)
    if role == "district_officer":
        return officers(role, project.community.district_id)
    if role == "draw_party":
        return draw_parties(application)
    if role == "organiser" and application.organiser_id:
        return User.objects.filter(Q(pk=application.organiser_id))
    return officers(role) if role else User.objects.none()


def draw_parties(application: Application) -> Iterable[User]:
    """Who still owes a secret of the draw, and the organiser once only the public value is missing."""
    draw = application.draws.get(review_round=application.review_round)
    owing = {draw.organiser_id: not draw.organiser_secret, draw.supervisor_id: not draw.supervisor_secret}
    return User.objects.filter(pk__in=[pk for pk, owes in owing.items() if owes] or [draw.organiser_id])
