"""Who handles a case 经办: given to one colleague among those with the duty, handed over, held by a stand-in meanwhile.

Hides: that a handler counts only in the step of the duty in which they hold the case and as long as they hold that duty,
that handing over a panel moves its organiser too, and how an act that is done in somebody's place says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from communities.models import Officer, StandIn
from communities.permissions import (
    StoodIn,
    city_duties,
    duties_of,
    eyes_of,
    in_place_of,
    officers,
    stood_in,
)
from evaluation.barring import barred_from
from evaluation.clocks import holders
from evaluation.models import Application
from evaluation.permissions import visible_to
from portal import audit, notify
from portal.machine import Act, Stale
from portal.models import Event, Notification, User
from portal.problems import Problem, gettext_noop

# state -> duty that serves the case there, also while it waits for somebody else
SERVED_BY: Mapping[str, str] = {
    "form_check": "intake",
    "correction": "intake",
    "recommendation": "district_officer",
    **dict.fromkeys(
        (
            "drawing", "cosigning", "revealing", "inviting", "site_visit", "review", "tallying", "deliberation",
            "revision", "revision_check",
        ),
        "organiser",
    ),
    "approval": "approver",
}  # fmt: skip
DUTIES = tuple(dict.fromkeys(SERVED_BY.values()))


def duty_of(application: Application) -> str:
    """The duty that serves the case now, "" for none."""
    return SERVED_BY.get(application.state, "")


# --- who holds a case ---------------------------------------------------------------------------------------------


def colleagues(application: Application) -> QuerySet[User]:
    """Whom the case can be given to: those with the duty who need not stand back from it, by name."""
    duty = duty_of(application)
    district = application.project.community.district_id if duty == "district_officer" else None
    found: Any = officers(duty, district) if duty else User.objects.none()
    return found.filter(is_active=True).exclude(pk__in=barred_from(application.project)).order_by("name", "pk")


def choices(application: Application) -> list[tuple[str, str]]:
    """The same as a form offers them."""
    return [(str(user.pk), str(user)) for user in colleagues(application)]


def not_with_another(user: User, duty: str) -> Q:
    """Cases in a step of ``duty`` that nobody else holds: nobody's, the own ones, those of whoever lost the duty."""
    holding = Officer.objects.on(timezone.localdate()).filter(duty=duty).values("user")
    free = Q(handler=None) | ~Q(handler_duty=duty) | ~Q(handler__in=holding)
    return free | Q(handler__in=eyes_of(user))


def held_by(user: User, duty: str) -> Q:
    """Open cases that ``user`` holds in ``duty``: given to them, or with a panel that they run."""
    held = Q(handler=user, handler_duty=duty)
    if duty == "organiser":
        held |= Q(organiser=user)
    return held & Q(state__in=[state for state, serving in SERVED_BY.items() if serving == duty])


def is_held_by(user: User, application: Application) -> bool:
    """Whether the case is one of those that ``held_by`` finds for the duty that serves it now."""
    return Application.objects.filter(held_by(user, duty_of(application)), pk=application.pk).exists()


def holder_id(application: Application) -> int | None:
    """Who holds the case in its present step, by id; None while it is nobody's."""
    duty = duty_of(application)
    if duty and application.handler_duty == duty:
        return application.handler_id
    return application.organiser_id if duty == "organiser" else None


def handler_name(application: Application) -> str:
    """Who holds the case now, in words; "" for nobody."""
    if application.handler_id is None or application.handler_duty != duty_of(application):
        return str(application.organiser) if duty_of(application) == "organiser" and application.organiser else ""
    return str(application.handler)


def absent_holder(user: User, application: Application) -> StoodIn | None:
    """Who is away and holds this case, of those for whom ``user`` stands in."""
    holder = holder_id(application) if stood_in(user) else None
    return next((row for row in stood_in(user) if row.person == holder and row.duty == duty_of(application)), None)


# --- giving a case to somebody ------------------------------------------------------------------------------------


def handler_has_the_duty(application: Application, act: Act) -> Iterator[Problem]:
    chosen = str(act.data.get("handler") or "")
    if not chosen:
        return
    if chosen not in {str(pk) for pk in colleagues(application).values_list("pk", flat=True)}:
        message = gettext_noop("所选的人不承担这一环节的职责，或须回避本案。")
        yield Problem("handler_unfit", "handler", message)
    elif chosen == str(holder_id(application)):
        yield Problem("handler_same", "handler", gettext_noop("本案已由此人经办。"))


def assign(application: Application, act: Act) -> Mapping[str, Any]:
    """Give the case to one colleague; a panel that is being run gets another organiser with it."""
    chosen, before = User.objects.get(pk=int(act.data["handler"])), handler_name(application)
    columns: dict[str, Any] = {"handler": chosen, "handler_duty": duty_of(application)}
    if duty_of(application) == "organiser" and application.organiser_id is not None:
        columns["organiser"] = chosen
    # Of two who give it to different people the second is told of the first.
    rows = Application.objects.filter(
        pk=application.pk, handler=application.handler_id, organiser=application.organiser_id
    )
    if not rows.update(**columns):
        raise Stale(Event.objects.of(application).last())
    for name, value in columns.items():
        setattr(application, name, value)
    data: dict[str, Any] = {"handler": str(chosen), "handler_id": chosen.pk, "before": before}
    # Nobody is told of what they do themselves; of the cases of a batch one message tells.
    if act.data.get("batch"):
        data |= {"batch": act.data["batch"], "untold": True}
    elif act.by is not None and act.by.pk == chosen.pk:
        data["untold"] = True
    return data


# --- reminding ----------------------------------------------------------------------------------------------------


def somebody_can_be_reminded(application: Application, act: Act) -> Iterator[Problem]:
    begin = timezone.make_aware(datetime.combine(act.day, time.min))
    if Event.objects.of(application).filter(verb="application.remind", at__gte=begin).exists():
        yield Problem("reminded", "", gettext_noop("本案今天已催办过，每案每天最多催办一次。"))
    if not reminded(application, act.by):
        yield Problem("nobody", "", gettext_noop("本案现在没有可以催办的人。"))


def reminded(application: Application, by: User | None) -> list[User]:
    """Who must act now, without whoever reminds them."""
    return [user for user in holders(application) if by is None or user.pk != by.pk]


def remind(application: Application, act: Act) -> Mapping[str, Any]:
    people = reminded(application, act.by)
    words: dict[str, Any] = {"subject": str(application)}
    if application.due_on:
        kind, words["due_on"], words["late"] = "due", application.due_on, application.due_on < act.day
    else:
        kind, words["sentence"] = "waiting", gettext_noop("主管部门催办，请尽快办理")
    notify.write(f"reminded:{application.pk}:{act.day}", people, kind, application.get_absolute_url(), **words)
    return {"people": len(people)}


def reminders(application: Application, day: date) -> QuerySet[Notification]:
    """The messages that a reminder of this day wrote."""
    found: QuerySet[Notification] = Notification.objects.filter(key__startswith=f"reminded:{application.pk}:{day}:")
    return found


# --- in somebody's place ------------------------------------------------------------------------------------------


def has_proposed_draw(application: Application, user: User) -> bool:
    """Did ``user``, whom they stand in for, or who let another stand in for them, start the draw that waits?"""
    people, last = set(eyes_of(user)), Event.objects.of(application).filter(verb="application.propose_draw").last()
    return last is not None and bool(people & {last.actor_id, last.data.get("in_place_of_id")})


def for_whom(user: User, role: str, subject: Model) -> Mapping[str, Any]:
    """What an event says of whom its actor stood in for."""
    if not user.__dict__.get("_stood_in"):
        return {}
    application = subject if isinstance(subject, Application) else getattr(subject, "application", None)
    project = getattr(application or subject, "project", None)
    district = project.community.district_id if project is not None else None
    found = in_place_of(user, role, district, holder_id(application) if application else None)
    return {"in_place_of": found.name, "in_place_of_id": found.person} if found else {}


audit.FOR_WHOM.append(for_whom)


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """Colleagues who ask ``user`` to stand in for them."""
    if not duties_of(user):
        return
    rows = StandIn.objects.filter(person=user, state="asked").select_related("officer__user", "person")
    for row in rows:
        yield {
            "key": f"stand-in-{row.pk}",
            "subject": str(row),
            "detail": f"{row.since:%Y-%m-%d}—{row.until:%Y-%m-%d}",
            "sentence": _("答复代理请求：同意或谢绝"),
            "due_on": row.since,
            "link": reverse("stand-in", args=[row.pk]),
            "since": row.state_since,
        }


# --- handing over -------------------------------------------------------------------------------------------------


def may_hand_over(user: User, officer: User) -> bool:
    """The own cases, or anybody's for a supervisor."""
    return user.pk == officer.pk or "supervisor" in city_duties(user)


def to_hand_over(user: User, officer: User, duty: str) -> Any:
    """Open cases of ``officer`` in ``duty`` that ``user`` sees, by deadline."""
    return visible_to(user).filter(held_by(officer, duty)).for_lists().by_deadline()


def successors(officer: User, duty: str) -> QuerySet[User]:
    """Who could take over: colleagues who hold the duty themselves."""
    held = Officer.objects.on(timezone.localdate()).filter(duty=duty).values("user")
    return User.objects.filter(pk__in=held, is_active=True).exclude(pk=officer.pk).order_by("name", "pk")
