"""Who a person is to what is published, to objections, and to messages that wait for a look."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from communities.permissions import SYSTEM, city_duties, eyes_of
from evaluation.models import Certificate, HeldMessage, Objection, PublicNotice
from evaluation.permissions.cases import barred_rows, districts_of, own_rows, roles_of, seats_of, visible_to
from evaluation.permissions.panel import has_run, run_by
from portal.models import User


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
    party = own_rows(user, "notice__application__project__")
    seat = Q(notice__application__in=seats_of(user).values("application"))
    ran = Q(notice__application__organiser__in=eyes_of(user)) | run_by(user, "notice__application")
    mine = ran if "supervisor" not in city_duties(user) else Q(pk__in=[])
    barred = barred_rows(user, "notice__application__project__")
    return Objection.objects.exclude(party | mine | barred).exclude(seat)


def held_message_roles(user: User | None, message: HeldMessage) -> frozenset[str]:
    """Whoever holds the duty that acted, towards the case; and the supervisor."""
    return SYSTEM if user is None else roles_of(user, message.application) & {message.duty, "supervisor"}


def held_messages_visible_to(user: User | None) -> QuerySet[HeldMessage]:
    """Those that ``user`` may let go, and what became of them."""
    duties, districts = city_duties(user), districts_of(user)
    if not duties and not districts:
        return HeldMessage.objects.none()
    mine = Q(duty__in=duties) if "supervisor" not in duties else Q()
    if districts and "supervisor" not in duties:
        mine |= Q(duty="district_officer", application__project__community__district__in=districts)
    party = own_rows(user, "application__project__")
    barred = barred_rows(user, "application__project__")
    seat = Q(application__in=seats_of(user).values("application"))
    return HeldMessage.objects.filter(mine).exclude(party | barred | seat)


def certificate_roles(user: User | None, certificate: Certificate) -> frozenset[str]:
    return roles_of(user, certificate.application)


def notices_visible_to(user: User | None) -> QuerySet[PublicNotice]:
    """A notice is public."""
    return PublicNotice.objects.all()
