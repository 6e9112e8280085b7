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
    "inviting": "organiser",
    "site_visit": "leader",
    "review": "expert",
    "deliberation": "leader",
    "revision": "applicant",
    "revision_check": "leader",
    "approval": "approver",
}


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
    """The people who must act now on this application."""
    role = HOLDERS.get(application.state)
    project = application.project
    if role == "applicant":
        return User.objects.filter(memberships__organisation=project.organisation_id, memberships__until=None)
    if role in ("leader", "expert"):
        seats = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
        mine = seats.filter(is_leader=True) if role == "leader" else seats.filter(state="accepted")
        return User.objects.filter(expert__assignments__in=mine)
    if role == "district_officer":
        return officers(role, project.community.district_id)
    if role == "organiser" and application.organiser_id:
        return User.objects.filter(Q(pk=application.organiser_id))
    return officers(role) if role else User.objects.none()
