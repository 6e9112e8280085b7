"""Whose clock runs in which state, and for how long: the step's limit, paused while the case waits for the other side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from communities.permissions import officers, standing_in
from evaluation.barring import without_barred
from evaluation.models import Application, Vacancy
from evaluation.permissions import SEATED
from portal import clock
from portal.machine import Stale
from portal.models import Event, User

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
# What was amended in the deliberation is counted anew, which keeps the day: (source, target) of leaving and coming back.
RECOUNTED = frozenset({("deliberation", "tallying"), ("tallying", "deliberation")})

# States in which an officer may stop the clock, with a reason (an expert opinion is awaited, say), and who may.
PAUSERS: Mapping[str, tuple[str, ...]] = {
    "form_check": ("intake", "supervisor"),
    "recommendation": ("district_officer", "supervisor"),
    **dict.fromkeys(("drawing", "site_visit", "review", "deliberation", "revision_check"), ("organiser", "supervisor")),
    "approval": ("approver", "supervisor"),
}
PAUSABLE = frozenset(PAUSERS)

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
    return "supervisor" if ran_dry(application) else HOLDERS.get(application.state, "")


def ran_dry(application: Application) -> bool:
    """Whether a seat of the panel that is being formed stays empty. One query, none where ``with_shortage`` has asked."""
    if application.state != "inviting":
        return False
    known = application.__dict__.get("runs_short")
    if known is not None:
        return bool(known)
    rows = Vacancy.objects.filter(state="dry", assignment__application=application.pk)
    return rows.filter(assignment__review_round=application.review_round).exists()


def with_shortage(rows: QuerySet[Application]) -> QuerySet[Application]:
    """Applications of a list with the answer of ``ran_dry``, so that many rows ask no more than one."""
    same = {"assignment__application": OuterRef("pk"), "assignment__review_round": OuterRef("review_round")}
    return rows.annotate(runs_short=Exists(Vacancy.objects.filter(state="dry", **same)))


def running_clock(application: Application, source: str, target: str, day: date) -> Mapping[str, Any]:
    """Columns of the clock in the new state. Moving the case on ends a pause."""
    programme = application.project.programme_id
    ended = {"paused_on": None, "days_left": None} if application.paused_on else {}
    if PAUSED_IN.get(target) == source and (application.due_on or application.paused_on):
        return {**ended, "due_on": clock.deadline(STEPS[target], day, programme), "days_left": left(application, day)}
    if target == "form_check" and application.days_left is not None:
        resumed = clock.calendar().resumed_due(application.days_left, day)
        return {"due_on": resumed.date, "days_left": None}
    if (source, target) in RECOUNTED and application.paused_on:
        return {**ended, "due_on": clock.calendar().resumed_due(left(application, day), day).date}
    if (source, target) in RECOUNTED and application.due_on:
        return {"due_on": application.due_on}  # counting anew gives the panel no new days
    step = STEPS.get(target)
    return {**ended, "due_on": clock.deadline(step, day, programme) if step else None}


def left(application: Application, day: date) -> int:
    """Working days that the clock keeps on ``day``: of one that is paused those that it was stopped with.

    Overdue is overdue: also where the last day became a day off, after which no working day is over yet.
    """
    if application.paused_on:
        return int(application.days_left or 0)
    kept = clock.calendar().remaining(application.due_on, day)
    return min(kept, -1) if application.due_on is not None and application.due_on < day else kept


def runs(application: Application) -> bool:
    return application.due_on is not None and application.state in PAUSABLE


def is_paused(application: Application) -> bool:
    return application.paused_on is not None and application.state in PAUSABLE


def pause(application: Application, day: date) -> Mapping[str, Any]:
    """Stop the clock; inside the act. What is left is kept, a delay included."""
    kept = left(application, day)
    _keep(application, due_on=None, days_left=kept, paused_on=day)
    return {"days_left": kept}


def resume(application: Application, day: date) -> Mapping[str, Any]:
    """Let the clock go on with what was left; inside the act."""
    resumed = clock.calendar().resumed_due(left(application, day), day)
    _keep(application, due_on=resumed.date, days_left=None, paused_on=None)
    return {"due_on": resumed.date.isoformat()}


def _keep(application: Application, **columns: Any) -> None:
    """Write the columns where the clock still stands as it was read; Stale where somebody stopped or moved it since."""
    read = {"due_on": application.due_on, "paused_on": application.paused_on}
    if not Application.objects.filter(pk=application.pk, **read).update(**columns):
        raise Stale(Event.objects.of(application).last())
    for name, value in columns.items():
        setattr(application, name, value)


def holders(application: Application) -> Iterable[User]:
    """The people who must act now on this application. Who is asked to sit is reminded by the invitation itself, and
    the organiser of a panel that is not complete in time. No officer who stands back is among them.
    """
    return without_barred(_holders(application), application.project)


def _holders(application: Application) -> Iterable[User]:
    role = "organiser" if application.state == "inviting" else HOLDERS.get(application.state)
    project = application.project
    if role == "applicant":
        return User.objects.filter(memberships__organisation=project.organisation_id, memberships__until=None)
    if role in ("leader", "expert"):
        seats = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
        mine = seats.filter(is_leader=True) if role == "leader" else seats.filter(state="accepted")
        return User.objects.filter(expert__assignments__in=mine)
    if role == "draw_party":
        return draw_parties(application)
    if role == "organiser" and application.organiser_id:
        organisers = standing_in(officer__user=application.organiser_id, officer__duty=role)
        return User.objects.filter(Q(pk=application.organiser_id) | Q(pk__in=organisers))
    return _officers(application, role) if role else User.objects.none()


def _officers(application: Application, role: str) -> Iterable[User]:
    """Who holds the duty: whoever the case was given to, and stands in for them; all while it is nobody's."""
    district = application.project.community.district_id if role == "district_officer" else None
    found = officers(role, district)
    if application.handler_id is None or application.handler_duty != role:
        return found
    others = standing_in(officer__user=application.handler_id, officer__duty=role)
    return found.filter(Q(pk=application.handler_id) | Q(pk__in=others)) or found


def draw_parties(application: Application) -> Iterable[User]:
    """Who still owes a secret of the draw, and the organiser once only the public value is missing."""
    draw = application.draws.get(review_round=application.review_round)
    owing = {draw.organiser_id: not draw.organiser_secret, draw.supervisor_id: not draw.supervisor_secret}
    return User.objects.filter(pk__in=[pk for pk, owes in owing.items() if owes] or [draw.organiser_id])
