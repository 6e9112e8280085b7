"""Who a person is to a case, and the table of rights. ``can`` and ``visible_to`` are its two faces; a test compares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from communities.models import Membership, Organisation
from communities.permissions import SYSTEM, city_duties, duties_of, eyes_of, is_limited, memberships_of
from evaluation.barring import barred_projects
from evaluation.models import (
    Application,
    Assignment,
    Certificate,
    Engagement,
    GuidanceCompanion,
    GuidanceOpinion,
    GuidanceVisit,
    HeldMessage,
    MajorChange,
    Objection,
    Project,
    PublicNotice,
    Question,
    Vacancy,
)
from portal.machine import NotAllowed, hold
from portal.models import Event, User

SEATED = ("accepted", "signed", "amending")
OFFICERS = frozenset({"intake", "organiser", "approver", "supervisor"})
APPLICANTS = frozenset({"applicant", "consultant"})
# 三员分离: accounts, rights and policies, the trail; three persons, none of whom handles a case
ADMINISTRATORS = frozenset({"system_administrator", "security_administrator", "audit_administrator"})
ALL_STATES: frozenset[str] = frozenset()
CLOSED = frozenset({"approval", "notice", "certifying", "certified", "not_passed"})  # the review is closed
JUDGED = (
    "site_visit",
    "review",
    "deliberation",
    "revision_check",
)  # states in which the panel may doubt what was built
PASSED_ON = ("forwarded", "answered", "lapsed")  # states of a question that its parties and the panel read
# acts of an organiser by which nobody has run a panel
ASIDE = ("application.retry", "application.remind", "application.assign")

# right on an application -> (roles, states; empty = every state). Acts that move the state stand in workflow.py.
RIGHTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "edit": (APPLICANTS, frozenset({"draft", "correction", "revision"})),
    "find": (frozenset({"intake"}), frozenset({"form_check"})),
    "override_rule": (frozenset({"intake"}), frozenset({"form_check"})),
    "release_finding": (frozenset({"supervisor"}), frozenset({"form_check"})),
    "see_findings": (OFFICERS, ALL_STATES),
    "read_correction": (OFFICERS | APPLICANTS, ALL_STATES),
    "see_draw": (frozenset({"organiser", "supervisor"}), ALL_STATES),
    "see_panel": (OFFICERS - {"intake"} | {"expert"}, ALL_STATES),
    # Who of the panel has signed: to chase the others, and to oversee that. Everybody else learns it with the result.
    "see_signatures": (frozenset({"organiser", "supervisor"}), ALL_STATES),
    "see_sheets": (frozenset({"organiser", "approver", "supervisor"}), frozenset(
        {"deliberation", "revision", "revision_check", "approval", "notice", "certifying", "certified", "not_passed"}
    )),
    # and who has not run the panel (evaluation/minutes.py)
    "attach_minutes": (frozenset({"approver"}), frozenset({"approval"})),
    # What was decided, to compute it again: with every sheet under a role, for the parties of the case and who decided.
    "see_receipt": (
        APPLICANTS | {"organiser", "approver", "supervisor"}, frozenset({"notice", "certifying", "certified", "not_passed"})
    ),
    # The members read each other's sheets once all are signed, while they deliberate, and only then.
    "deliberate": (frozenset({"expert"}), frozenset({"deliberation", "revision", "revision_check"})),
    "mark": (frozenset({"expert"}), frozenset({"review"})),
    "amend": (frozenset({"expert"}), frozenset({"deliberation"})),
    "lead_meeting": (frozenset({"leader"}), frozenset({"deliberation"})),
    "watch_meeting": (frozenset({"organiser", "supervisor"}), frozenset({"deliberation"})),
    "discuss": (frozenset({"expert"}), frozenset({"review", "tallying", "deliberation", "revision", "revision_check"})),
    "read_discussion": (
        frozenset({"organiser", "supervisor"}), frozenset({"deliberation", "revision", "revision_check"}) | CLOSED
    ),
    "rate": (frozenset({"organiser"}), CLOSED),
    "see_ratings": (frozenset({"organiser", "supervisor"}), CLOSED),
    "record_site_visit": (frozenset({"expert", "district_officer"}), frozenset({"site_visit"})),
    "sign_site_visit": (frozenset({"expert", "applicant"}), frozenset({"site_visit"})),
    "download_snapshot": (OFFICERS | APPLICANTS | {"district_officer"}, ALL_STATES),
    "see_deliveries": (OFFICERS | {"district_officer"}, ALL_STATES),
    "see_history": (OFFICERS | APPLICANTS | {"district_officer"}, ALL_STATES),
}  # fmt: skip

# right on a project -> roles
PROJECT_RIGHTS: Mapping[str, frozenset[str]] = {
    "apply": frozenset({"applicant"}),
    "engage": frozenset({"applicant"}),
    "plan_guidance": frozenset({"district_officer"}),
    "give_schedule": frozenset({"applicant"}),
    "declare_change": frozenset({"applicant"}),
    "demand_change": frozenset({"district_officer", "organiser"}),  # and the leader of a panel that judges the case
}

# right on an engagement -> (roles, how far it has come)
ENGAGEMENT_RIGHTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "accept": (frozenset({"administrator"}), frozenset({"offered"})),
    "decline": (frozenset({"administrator"}), frozenset({"offered"})),
    "withdraw": (frozenset({"applicant"}), frozenset({"offered"})),
    "end": (frozenset({"applicant", "administrator"}), frozenset({"accepted"})),
}

# right that concerns no single case -> city duties
CITY_RIGHTS: Mapping[str, frozenset[str]] = {
    "import_standard": frozenset({"organiser", "system_administrator"}),
    "keep_phrases": frozenset({"intake"}),
    "see_late_findings": frozenset({"intake", "supervisor"}),
    "see_all_late_findings": frozenset({"supervisor"}),
    # who stands back from a case, and who lets somebody back: the supervisor asks, another officer agrees
    "declare_conflict": OFFICERS | {"district_officer"},
    "enter_conflict": frozenset({"supervisor"}),
    "ask_release": frozenset({"supervisor"}),
    "agree_release": frozenset({"supervisor", "approver"}),
    "see_settings": OFFICERS | {"district_officer", "pool_keeper"} | ADMINISTRATORS,
    "change_limits": frozenset({"security_administrator"}),
    "change_messages": frozenset({"security_administrator"}),
    "see_undelivered": frozenset({"system_administrator"}),
    # 三员分离: one keeps accounts, one duties and policies, one reads the trail
    "keep_accounts": frozenset({"system_administrator"}),
    "keep_duties": frozenset({"security_administrator"}),
    "change_policies": frozenset({"security_administrator"}),
    "read_trail": frozenset({"audit_administrator", "supervisor"}),
}


def can_city(user: User | None, right: str) -> bool:
    """May ``user`` do what concerns no single case?"""
    return bool(CITY_RIGHTS[right] & {duty for duty, _district in duties_of(user)})


def engagements_of(user: User | None) -> QuerySet[Engagement]:
    """What units of this person advise today."""
    return Engagement.objects.on(timezone.localdate()).filter(organisation__in=_units(user))


def project_roles(user: User | None, project: Project) -> frozenset[str]:
    """Roles towards a project. Whoever acts for a party of the case is none of its officers."""
    if user is None:
        return SYSTEM
    units = memberships_of(user)
    if project.organisation_id in units:
        return frozenset({"applicant"})
    if units and engagements_of(user).filter(project=project).exists():
        return frozenset({"consultant"})
    roles = set(city_duties(user))
    if ("district_officer", project.community.district_id) in duties_of(user):
        roles.add("district_officer")
    return frozenset() if roles and project.pk in barred_projects(user) else frozenset(roles)


def acting_for(user: User | None, project: Project) -> tuple[Organisation, str] | None:
    """The unit for which ``user`` acts in this case and its part there; None for whoever acts for no party of it."""
    roles = project_roles(user, project) & APPLICANTS
    if "applicant" in roles:
        return project.organisation, "applicant"
    engagement = engagements_of(user).filter(project=project).select_related("organisation").first() if roles else None
    return (engagement.organisation, "consultant") if engagement else None


def roles_of(user: User | None, application: Application) -> frozenset[str]:
    """Roles of ``user`` towards an application; ``None`` is the system. One query: the seats on its panels."""
    roles = project_roles(user, application.project)
    if user is None or roles & APPLICANTS or not user.is_authenticated:
        return roles
    seats = dict(_seats_of(user).filter(application=application).values_list("review_round", "is_leader"))
    if not seats:
        return roles
    # A seat on the panel excludes every duty on the same case, also when another panel judges it anew.
    if application.review_round not in seats:
        return frozenset()
    return frozenset({"expert", "leader"} if seats[application.review_round] else {"expert"})


def can(user: User | None, right: str, application: Application) -> bool:
    """May ``user`` do ``right`` to this application in its present state?"""
    roles, states = RIGHTS[right]
    return bool(roles & roles_of(user, application)) and (not states or application.state in states)


def can_see_sheets(user: User | None, application: Application) -> bool:
    """May ``user`` read everybody's marks of this round? Nobody may before the panel's result exists."""
    return can(user, "see_sheets", application) or can(user, "deliberate", application)


def knows_who_signed(user: User | None, application: Application) -> bool:
    """May ``user`` know which members of the panel have signed their sheets?"""
    return can(user, "see_signatures", application) or can_see_sheets(user, application)


def can_view(user: User | None, application: Application) -> bool:
    """The plain-Python face of ``visible_to``: a draft belongs to its applicant, the rest to everyone with a role."""
    roles = roles_of(user, application)
    if roles & APPLICANTS:
        return True
    return application.state != "draft" and bool(roles & (OFFICERS | {"district_officer", "expert"}))


@contextmanager
def writing(user: User, right: str, application: Application) -> Iterator[None]:
    """The transaction in which a child row of ``application`` is written: authorised, and the case held until commit.

    Raises NotAllowed for a wrong person, Stale for a case that has moved on.
    """
    roles, states = RIGHTS[right]
    with transaction.atomic():
        if not roles & roles_of(user, application):
            raise NotAllowed(right)
        # In the state that the caller has read: what is open there may be closed in another of ``states``.
        hold(application, *(states & {application.state}))
        yield


def may_see_queue(user: User) -> bool:
    """The queue is for whoever checks, runs, approves or supervises cases, in the city or a district."""
    return bool({duty for duty, _district in duties_of(user)} & (OFFICERS | {"district_officer"}))


def as_expert(user: User | None) -> list[int]:
    """The user's id where seats on panels count: who acts for one organisation alone holds none."""
    return [] if user is None or is_limited(user) else [user.pk]


def _units(user: User | None) -> list[int]:
    return list(memberships_of(user))


def _own(user: User | None, project: str = "project__") -> Q:
    """Rows whose project (the path to its columns) ``user`` is a party of: applies for it, or advises it today."""
    units = _units(user)
    if not units:  # as for every officer and expert: the lists of all cases then join and ask nothing about parties
        return Q(pk__in=[])
    advised = engagements_of(user).values("project")
    return Q(**{f"{project}organisation__in": units}) | Q(**{f"{project}pk__in": advised})


def _barred(user: User | None, project: str = "project__") -> Q:
    """Rows whose project no duty of ``user`` reaches; a condition that no row meets where nothing was declared."""
    projects = barred_projects(user) if duties_of(user) else None
    return Q(**{f"{project}pk__in": projects}) if projects else Q(pk__in=[])


def _districts(user: User | None) -> list[str]:
    return [district for duty, district in duties_of(user) if duty == "district_officer" and district]


def visible_to(user: User | None) -> QuerySet[Application]:
    """Applications for which ``can_view`` holds."""
    if user is None or not user.is_authenticated or not user.is_active:
        return Application.objects.none()
    own = _own(user)
    served = Q() if city_duties(user) & OFFICERS else Q(project__community__district__in=_districts(user))
    served &= ~_barred(user)
    seats = _seats_of(user)
    if not seats.exists():  # as for most: the lists of all cases then ask nothing about panels
        return Application.objects.filter(own | (~Q(state="draft") & served))
    sat = Q(pk__in=seats.values("application"))
    now = Exists(seats.filter(application=OuterRef("pk"), review_round=OuterRef("review_round")))
    return Application.objects.filter(own | (~Q(state="draft") & (now | (served & ~sat))))


def applied_by(user: User | None) -> QuerySet[Application]:
    """Applications that ``user`` is a party of: a part of ``visible_to`` that asks about no duty and no panel."""
    return Application.objects.filter(_own(user))


def _seats_of(user: User | None) -> QuerySet[Assignment]:
    """Seats that ``user`` has or had on panels: while there is one of an application, no duty counts there."""
    return Assignment.objects.filter(expert__user__in=as_expert(user), state__in=SEATED)


def can_view_project(user: User | None, project: Project) -> bool:
    """A project is seen by its parties, and by whoever sees one of its applications."""
    if project_roles(user, project) & APPLICANTS:
        return True
    return any(can_view(user, application) for application in project.applications.with_case())


def projects_visible_to(user: User | None) -> QuerySet[Project]:
    """Projects for which ``can_view_project`` holds."""
    own = _own(user, "")
    return Project.objects.filter(own | Exists(visible_to(user).filter(project=OuterRef("pk"))))


def can_project(user: User | None, right: str, project: Project) -> bool:
    return bool(PROJECT_RIGHTS[right] & project_roles(user, project))


def engagement_roles(user: User | None, engagement: Engagement) -> frozenset[str]:
    """The people of the applicant, and the administrators of the unit that is asked: from memberships alone, no query."""
    units, roles = memberships_of(user), set()
    if engagement.project.organisation_id in units:
        roles.add("applicant")
    if units.get(engagement.organisation_id) == Membership.Role.ADMINISTRATOR:
        roles.add("administrator")
    return frozenset(roles)


def can_engagement(user: User | None, right: str, engagement: Engagement) -> bool:
    """May ``user`` do ``right`` to this engagement, as far as it has come?"""
    roles, standings = ENGAGEMENT_RIGHTS[right]
    return engagement.standing in standings and bool(roles & engagement_roles(user, engagement))


def engagements_asked_of(user: User | None) -> QuerySet[Engagement]:
    """What a unit that ``user`` administers was offered, whatever became of it."""
    roles = memberships_of(user).items()
    units = [unit for unit, role in roles if role == Membership.Role.ADMINISTRATOR]
    return Engagement.objects.filter(organisation__in=units)


def engagements_visible_to(user: User | None) -> QuerySet[Engagement]:
    """Those of the cases that ``user`` sees, and those that were offered to a unit which ``user`` administers."""
    asked = engagements_asked_of(user).values("pk")
    return Engagement.objects.filter(Q(pk__in=asked) | Q(project__in=projects_visible_to(user)))


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
        party = _own(user, "application__project__")
        seat = Q(application__in=_seats_of(user).values("application"))
        return Assignment.objects.filter(own | ~(party | seat | _barred(user, "application__project__")))
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
    party, seats = _own(user, "application__project__"), _seats_of(user)
    now = Exists(seats.filter(application=OuterRef("application"), review_round=OuterRef("application__review_round")))
    seen = Q(assignment__expert__user__in=as_expert(user)) | (Q(state__in=PASSED_ON) & (party | now))
    if city_duties(user) & {"organiser", "supervisor"}:
        barred = _barred(user, "application__project__")
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


def guidance_roles(user: User | None, visit: GuidanceVisit) -> frozenset[str]:
    """Roles towards a visit: an expert who comes along is the "companion" there, and nothing else."""
    roles = project_roles(user, visit.project)
    if user is None or roles & APPLICANTS or not user.is_authenticated:
        return roles
    came = _came_along(user).filter(visit=visit).exists()
    return frozenset({"companion"}) if came else roles


def companion_roles(user: User | None, companion: GuidanceCompanion) -> frozenset[str]:
    """The expert asked is the "asked_expert"; everybody else is to it who they are to the case."""
    if user is None:
        return SYSTEM
    own = companion.expert.user_id in as_expert(user)
    return frozenset({"asked_expert"}) if own else project_roles(user, companion.visit.project)


def opinion_roles(user: User | None, opinion: GuidanceOpinion) -> frozenset[str]:
    return project_roles(user, opinion.visit.project)


def _came_along(user: User | None) -> QuerySet[GuidanceCompanion]:
    return GuidanceCompanion.objects.filter(expert__user__in=as_expert(user), state="coming")


def guidance_visible_to(user: User | None) -> QuerySet[GuidanceVisit]:
    """Visits of the cases that ``user`` sees, and those on which the person is asked to come along or came."""
    asked = GuidanceCompanion.objects.filter(expert__user__in=as_expert(user), state__in=("asked", "coming"))
    seen = Q(project__in=projects_visible_to(user))
    return GuidanceVisit.objects.filter(seen | Q(pk__in=asked.values("visit")))


def companions_visible_to(user: User | None) -> QuerySet[GuidanceCompanion]:
    return GuidanceCompanion.objects.filter(visit__in=guidance_visible_to(user))


def opinions_visible_to(user: User | None) -> QuerySet[GuidanceOpinion]:
    return GuidanceOpinion.objects.filter(visit__in=guidance_visible_to(user))


def change_roles(user: User | None, change: MajorChange) -> frozenset[str]:
    return project_roles(user, change.project)


def changes_visible_to(user: User | None) -> QuerySet[MajorChange]:
    """A draft is its applicant's alone; the rest is seen by whoever sees the case."""
    rows = MajorChange.objects.filter(project__in=projects_visible_to(user))
    return rows.filter(~Q(state="draft") | _own(user))


def may_demand_change(user: User | None, project: Project) -> bool:
    """The officers who guide and judge the case, and whoever leads the panel that judges it now."""
    if can_project(user, "demand_change", project):
        return True
    led = _seats_of(user).filter(application__project=project, is_leader=True)
    return led.filter(review_round=F("application__review_round"), application__state__in=JUDGED).exists()


def certificates_visible_to(user: User | None) -> QuerySet[Certificate]:
    """The certificate as a thing to act on; its public page shows it to everyone by its number."""
    return Certificate.objects.filter(application__in=visible_to(user))


def objection_roles(user: User | None, objection: Objection) -> frozenset[str]:
    """Objections are handled by city officers who are neither party, panel nor the organiser who ran it."""
    application = objection.notice.application
    roles = roles_of(user, application)
    if user is not None and roles and has_run(user, application):
        roles -= {"organiser", "intake", "approver"}
    return roles & (SYSTEM | {"intake", "supervisor", "approver"})


def objections_visible_to(user: User | None) -> QuerySet[Objection]:
    """Objectors' data is for the officers who handle objections only."""
    if not city_duties(user) & {"intake", "supervisor", "approver"}:
        return Objection.objects.none()
    party = _own(user, "notice__application__project__")
    seat = Q(notice__application__in=_seats_of(user).values("application"))
    ran = Q(notice__application__organiser__in=eyes_of(user)) | run_by(user, "notice__application")
    mine = ran if "supervisor" not in city_duties(user) else Q(pk__in=[])
    barred = _barred(user, "notice__application__project__")
    return Objection.objects.exclude(party | mine | barred).exclude(seat)


def held_message_roles(user: User | None, message: HeldMessage) -> frozenset[str]:
    """Whoever holds the duty that acted, towards the case; and the supervisor."""
    return SYSTEM if user is None else roles_of(user, message.application) & {message.duty, "supervisor"}


def held_messages_visible_to(user: User | None) -> QuerySet[HeldMessage]:
    """Those that ``user`` may let go, and what became of them."""
    duties, districts = city_duties(user), _districts(user)
    if not duties and not districts:
        return HeldMessage.objects.none()
    mine = Q(duty__in=duties) if "supervisor" not in duties else Q()
    if districts and "supervisor" not in duties:
        mine |= Q(duty="district_officer", application__project__community__district__in=districts)
    party = _own(user, "application__project__")
    barred = _barred(user, "application__project__")
    seat = Q(application__in=_seats_of(user).values("application"))
    return HeldMessage.objects.filter(mine).exclude(party | barred | seat)


def certificate_roles(user: User | None, certificate: Certificate) -> frozenset[str]:
    return roles_of(user, certificate.application)


def notices_visible_to(user: User | None) -> QuerySet[PublicNotice]:
    """A notice is public."""
    return PublicNotice.objects.all()
