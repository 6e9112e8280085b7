"""Who a person is to the panel of a case: its seats, vacancies and questions; and who has run it."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from communities.permissions import SYSTEM, city_duties, eyes_of
from evaluation.models import Application, Assignment, Question, Vacancy
from evaluation.permissions.cases import as_expert, barred_rows, own_rows, roles_of, seats_of
from evaluation.permissions.rights import APPLICANTS, ASIDE, PASSED_ON
from portal.models import Event, User


def assignment_roles(user: User | None, assignment: Assignment) -> frozenset[str]:
    """The person asked is the "invitee"; those who run the draw keep their duties; the rest of the panel is nobody."""
    if user is None:
        return SYSTEM
    if assignment.expert.user_id in as_expert(user):
        return frozenset({"invitee"})
    return roles_of(user, assignment.application) & {"organiser", "supervisor"}


def assignments_visible_to(user: User | None) -> QuerySet[Assignment]:
    """One's own assignments; all of a case for those who run its draw (not for its parties)."""
    if user is None or not user.is_authenticated or not user.is_active:
        return Assignment.objects.none()
    own = Q(expert__user__in=as_expert(user))
    if city_duties(user) & {"organiser", "supervisor"}:
        party = own_rows(user, "application__project__")
        seat = Q(application__in=seats_of(user).values("application"))
        return Assignment.objects.filter(own | ~(party | seat | barred_rows(user, "application__project__")))
    return Assignment.objects.filter(own)


def vacancy_roles(user: User | None, vacancy: Vacancy) -> frozenset[str]:
    """A vacancy is the business of those who run the draw; a worker fills it."""
    return SYSTEM if user is None else roles_of(user, vacancy.assignment.application) & {"organiser", "supervisor"}


def vacancies_visible_to(user: User | None) -> QuerySet[Vacancy]:
    """Those of the draws that ``user`` may see whole; not the one that the person left behind."""
    if user is None or not city_duties(user) & {"organiser", "supervisor"}:
        return Vacancy.objects.none()
    seats = assignments_visible_to(user).exclude(expert__user=user)
    return Vacancy.objects.filter(assignment__in=seats)


def question_roles(user: User | None, question: Question) -> frozenset[str]:
    """Roles towards a question: whoever asked it is the "asker" beside being a member of the panel."""
    if user is None:
        return SYSTEM
    roles = roles_of(user, question.application) & (APPLICANTS | {"organiser", "supervisor", "expert"})
    return roles | {"asker"} if question.assignment.expert.user_id in as_expert(user) else roles


def questions_visible_to(user: User | None) -> QuerySet[Question]:
    """All of a case for who runs or supervises it, one's own; once passed on also for the parties and the whole panel."""
    if user is None or not user.is_authenticated or not user.is_active:
        return Question.objects.none()
    party, seats = own_rows(user, "application__project__"), seats_of(user)
    now = Exists(seats.filter(application=OuterRef("application"), review_round=OuterRef("application__review_round")))
    seen = Q(assignment__expert__user__in=as_expert(user)) | (Q(state__in=PASSED_ON) & (party | now))
    if city_duties(user) & {"organiser", "supervisor"}:
        barred = barred_rows(user, "application__project__")
        seen |= ~(party | barred | Q(application__in=seats.values("application")))
    return Question.objects.filter(seen)


def run_by(user: User, path: str = "pk") -> Q:
    """Rows whose application (its id at ``path``) has a panel that ``user`` ran: whoever acted as its organiser, at any
    time, or let another act in their place. Whom ``user`` stands in for is ``user`` here.
    """
    people = eyes_of(user)
    acts = Event.objects.filter(Q(actor__in=people) | Q(data__in_place_of_id__in=people), role="organiser")
    acts = acts.exclude(verb__in=ASIDE)
    seats = Assignment.objects.filter(application=OuterRef(OuterRef(path))).values("pk")
    on_case = acts.filter(subject_type=Application._meta.label_lower, subject_id=OuterRef(path))
    on_seats = acts.filter(subject_type=Assignment._meta.label_lower, subject_id__in=seats)
    return Q(Exists(on_case)) | Q(Exists(on_seats))


def has_run(user: User, application: Application) -> bool:
    """The plain-Python face of ``run_by``: proposed the draw, replaced an expert, closed the review."""
    if application.organiser_id in eyes_of(user):
        return True
    return Application.objects.filter(run_by(user), pk=application.pk).exists()
