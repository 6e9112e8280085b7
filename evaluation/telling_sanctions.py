"""Who hears of a sanction or a renewal: verb -> recipients. Written inside the act, sent by the workers.

Hides: that a unit hears nothing of a sanction before it is told formally, and that its revocation reaches it as the message
of the certificate, which may wait for a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from communities.permissions import officers
from evaluation.barring import without_barred
from evaluation.models import Project, Renewal, Sanction
from evaluation.permissions import sanction_roles
from evaluation.telling_guidance import applicants, approvers, district, supervisors
from portal import notify
from portal.machine import MACHINES
from portal.models import Event, User
from portal.problems import gettext_noop


def intake(project: Project) -> Iterable[User]:
    return without_barred(officers("intake"), project)


def deciders(project: Project) -> Iterable[User]:
    """Who may tell the unit of a sanction, and decide on it."""
    return [*approvers(project), *supervisors(project)]


def examiners(project: Project) -> Iterable[User]:
    """Who looks at a renewal first."""
    return [*district(project), *intake(project)]


def recorders(project: Project) -> Iterable[User]:
    """Who hears a unit in person."""
    return [*supervisors(project), *intake(project)]


def _proposer(sanction: Sanction) -> list[User]:
    return [sanction.proposed_by]


def others(sanction: Sanction) -> Iterable[User]:
    """Who tells the unit and decides: anybody with the duty but whoever proposed it."""
    people = deciders(sanction.certificate.application.project)
    return [user for user in _reading(sanction, people) if user.pk != sanction.proposed_by_id]


def overseers(sanction: Sanction) -> Iterable[User]:
    """Who hears that it is late."""
    return _reading(sanction, supervisors(sanction.certificate.application.project))


def _reading(sanction: Sanction, people: Iterable[User]) -> list[User]:
    """Those who may read it: no officer who acts for the unit before that is told, none who sat on the panel."""
    return [user for user in people if sanction_roles(user, sanction)]


def _party(row: Sanction | Renewal) -> Iterable[User]:
    return applicants(row.certificate.application.project)


def _of(people: Callable[[Project], Iterable[User]]) -> Callable[[Any], Iterable[User]]:
    return lambda row: people(row.certificate.application.project)


def _both(*groups: Callable[[Any], Iterable[User]]) -> Callable[[Any], Iterable[User]]:
    return lambda row: [user for group in groups for user in group(row)]


# Acts that stand in no table, in words; those of tables are told as the table says.
SAID: Mapping[str, str] = {
    "sanction.propose": gettext_noop("提出了证书处理建议，请审查是否告知当事单位"),
    "renewal.ask": gettext_noop("申请延续证书"),
}
TOLD: Mapping[str, tuple[Callable[[Any], Iterable[User]], str]] = {
    "sanction.propose": (others, "waiting"),
    "sanction.decline": (_proposer, "progress"),
    "sanction.tell": (_party, "decision"),
    "sanction.state_case": (others, "waiting"),
    "sanction.waive": (others, "waiting"),
    "sanction.close_hearing": (others, "waiting"),
    "sanction.ask_oral": (_of(recorders), "waiting"),
    "sanction.record_oral": (_both(others, _party), "guidance"),
    "sanction.revoke": (_proposer, "progress"),
    "sanction.downgrade": (_both(_party, _proposer), "decision"),
    "sanction.drop": (_both(_party, _proposer), "decision"),
    "sanction.end": (_both(_party, _proposer), "progress"),
    "sanction.close": (_proposer, "progress"),
    "renewal.ask": (_of(examiners), "waiting"),
    "renewal.ask_again": (_of(examiners), "waiting"),
    "renewal.return": (_party, "progress"),
    "renewal.recommend": (_of(approvers), "waiting"),
    "renewal.advise_against": (_of(approvers), "waiting"),
    "renewal.send_back": (_of(examiners), "waiting"),
    "renewal.approve": (_party, "decision"),
    "renewal.refuse": (_party, "decision"),
    "renewal.lapse": (_party, "progress"),
    "renewal.end": (_party, "progress"),
}


def tell_sanction(sanction: Sanction, event: Event) -> None:
    """Whoever must act next, and the unit once it has been told."""
    _tell(sanction, event)


def tell_renewal(renewal: Renewal, event: Event) -> None:
    """Whoever must act next, and the unit of what came of it."""
    _tell(renewal, event)


def _tell(row: Sanction | Renewal, event: Event) -> None:
    if event.verb not in TOLD:
        return
    people, template = TOLD[event.verb]
    told = [user for user in people(row) if user.pk != event.actor_id]
    words = {"subject": str(row), "sentence": _words(event.verb), "event": event}
    notify.write(f"event:{event.pk}", told, template, row.get_absolute_url(), **words)


def _words(verb: str) -> Any:
    name, action = verb.split(".", 1)
    rows = MACHINES[name].transitions if name in MACHINES else ()
    return next((row.done for row in rows if row.action == action), SAID.get(verb, verb))
