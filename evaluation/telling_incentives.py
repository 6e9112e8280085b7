"""Who hears of an incentive: verb -> recipients. Written inside the act, sent by the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from evaluation.models import Incentive, Project
from evaluation.telling_guidance import applicants, approvers, supervisors
from portal import notify
from portal.machine import MACHINES
from portal.models import Event, User
from portal.problems import gettext_noop

OPENED = "incentive.open"
WAITS = gettext_noop("激励待核定")


def approvers_too(project: Project) -> Iterable[User]:
    return [*applicants(project), *approvers(project)]


# The machine's own acts; that one was opened or begins to wait is told in words of its own.
TOLD: Mapping[str, tuple[Callable[[Project], Iterable[User]], str]] = {
    "incentive.begin": (approvers, "waiting"),
    "incentive.grant": (applicants, "decision"),
    "incentive.refuse": (applicants, "decision"),
    "incentive.reverse": (approvers_too, "decision"),
    "incentive.close": (applicants, "progress"),
}


def tell_incentive(incentive: Incentive, event: Event) -> None:
    """The applicant hears of every decision, the approvers of what waits for them and of what was taken back."""
    if event.verb in TOLD:
        people, template = TOLD[event.verb]
        _write(incentive, event, people(_project(incentive)), template, _words(event.verb))


def tell_opened(incentive: Incentive, event: Event) -> None:
    """The approvers hear of one that can be decided; of one that waits for its value nobody can act on yet."""
    if incentive.state == "due":
        _write(incentive, event, approvers(_project(incentive)), "waiting", WAITS)


def holders(incentive: Incentive) -> Iterable[User]:
    return approvers(_project(incentive)) if incentive.state == "due" else ()


def overseers(incentive: Incentive) -> Iterable[User]:
    return supervisors(_project(incentive))


def _project(incentive: Incentive) -> Project:
    project: Project = incentive.certificate.application.project
    return project


def _write(incentive: Incentive, event: Event, people: Iterable[User], template: str, words: str) -> None:
    told = [user for user in people if user.pk != event.actor_id]
    said = {"subject": str(incentive), "sentence": words, "event": event}
    notify.write(f"event:{event.pk}", told, template, incentive.get_absolute_url(), **said)


def _words(verb: str) -> str:
    if verb == "incentive.begin":
        return WAITS
    rows = MACHINES["incentive"].transitions
    return next((row.done for row in rows if f"incentive.{row.action}" == verb), verb)
