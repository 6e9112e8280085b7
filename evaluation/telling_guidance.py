"""Who hears of guidance and of major changes: verb -> recipients. Written inside the act, sent by the workers.

Hides: how the people of a party, the officers of the district and those of the city are found, without who stands back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.urls import reverse

from communities.permissions import officers
from evaluation.barring import without_barred
from evaluation.models import GuidanceCompanion, GuidanceOpinion, GuidanceVisit, MajorChange, Project
from portal import notify
from portal.machine import MACHINES
from portal.models import Event, User
from portal.problems import gettext_noop

People = Callable[[Project], Iterable[User]]


def applicants(project: Project) -> Iterable[User]:
    """Who acts for the unit that applies."""
    return User.objects.filter(memberships__organisation=project.organisation_id, memberships__until=None)


def district(project: Project) -> Iterable[User]:
    return without_barred(officers("district_officer", project.community.district_id), project)


def city(project: Project) -> Iterable[User]:
    """Who decides what the district could not settle."""
    return without_barred([*officers("organiser"), *officers("supervisor")], project)


def organisers(project: Project) -> Iterable[User]:
    return without_barred(officers("organiser"), project)


def approvers(project: Project) -> Iterable[User]:
    return without_barred(officers("approver"), project)


def supervisors(project: Project) -> Iterable[User]:
    return without_barred(officers("supervisor"), project)


def both(project: Project) -> Iterable[User]:
    return [*applicants(project), *district(project)]


# Acts that stand in no table, in words; those of tables are told as the table says.
SAID: Mapping[str, str] = {
    "guidance_visit.plan": gettext_noop("计划了过程指导"),
    "guidance_opinion.open": gettext_noop("提出了指导意见"),
    "guidance_companion.ask": gettext_noop("邀请您随行指导"),
    "project.schedule": gettext_noop("填写了施工计划"),
    "major_change.demand": gettext_noop("要求说明重大变更"),
}
TOLD: Mapping[str, tuple[People, str]] = {
    "project.schedule": (district, "guidance"),
    "guidance_visit.plan": (applicants, "guidance"),
    "guidance_visit.move": (applicants, "guidance"),
    "guidance_visit.reset": (both, "guidance"),
    "guidance_visit.record": (applicants, "guidance"),
    "guidance_visit.close": (applicants, "guidance"),
    "guidance_visit.cancel": (both, "guidance"),
    "guidance_visit.escalate": (city, "waiting"),
    "guidance_opinion.open": (applicants, "guidance"),
    "guidance_opinion.reply": (district, "guidance"),
    "guidance_opinion.decline": (district, "guidance"),
    "guidance_opinion.close": (applicants, "guidance"),
    "guidance_opinion.return": (applicants, "guidance"),
    "guidance_opinion.escalate": (lambda project: [*city(project), *applicants(project)], "guidance"),
    "guidance_opinion.extend": (both, "guidance"),
    "guidance_opinion.note": (both, "guidance"),
    "guidance_opinion.stop": (both, "decision"),
    "guidance_opinion.lift": (both, "guidance"),
    "major_change.demand": (applicants, "guidance"),
    "major_change.declare": (lambda project: [*organisers(project), *district(project)], "waiting"),
    "major_change.lapse": (lambda project: [*organisers(project), *applicants(project)], "guidance"),
    "major_change.withdraw": (organisers, "guidance"),
    "major_change.propose": (approvers, "waiting"),
    "major_change.propose_cancel": (applicants, "decision"),
    "major_change.state_case": (approvers, "waiting"),
    "major_change.close_hearing": (approvers, "waiting"),
    "major_change.send_back": (organisers, "waiting"),
    "major_change.keep": (both, "decision"),
    "major_change.reevaluate": (both, "decision"),
    "major_change.cancel": (both, "decision"),
    "major_change.reopen": (lambda project: [*applicants(project), *organisers(project)], "guidance"),
    "major_change.settle": (both, "guidance"),
}


def tell_visit(visit: GuidanceVisit, event: Event) -> None:
    """The applicant hears of plans and records, the city of a record that is late."""
    _tell(visit.project, event, visit.get_absolute_url())


def tell_opinion(opinion: GuidanceOpinion, event: Event) -> None:
    """The applicant hears what to mend and what came of it, the district of replies, the city of what it must decide."""
    _tell(opinion.visit.project, event, opinion.get_absolute_url())


def tell_change(change: MajorChange, event: Event) -> None:
    """Whoever must act next, and both sides of what was decided."""
    _tell(change.project, event, change.get_absolute_url())


def tell_schedule(project: Project, event: Event) -> None:
    _tell(project, event, reverse("guidance", args=[project.pk]))


def tell_companion(companion: GuidanceCompanion, event: Event) -> None:
    """The expert hears of being asked and of being let off, the district of the answer."""
    asked = event.verb in ("guidance_companion.ask", "guidance_companion.let_off")
    people = [companion.expert.user] if asked else [companion.asked_by]
    # Whoever was let off no longer sees the visit.
    let_off = event.verb == "guidance_companion.let_off"
    link = reverse("my-work") if let_off else companion.get_absolute_url()
    _write(event, people, "guidance", companion.visit.project, link)


def _tell(project: Project, event: Event, link: str) -> None:
    if event.verb in TOLD:
        people, template = TOLD[event.verb]
        _write(event, people(project), template, project, link)


def _write(event: Event, people: Iterable[User], template: str, project: Project, link: str) -> None:
    told = [user for user in people if user.pk != event.actor_id]
    words = {"subject": str(project), "sentence": _words(event.verb), "event": event}
    notify.write(f"event:{event.pk}", told, template, link, **words)


def _words(verb: str) -> Any:
    name, action = verb.split(".", 1)
    rows = MACHINES[name].transitions if name in MACHINES else ()
    return next((row.done for row in rows if row.action == action), SAID.get(verb, verb))
