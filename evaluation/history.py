"""Which events of a case a person may read, and how the people in them are named.

Hides: that invitations name experts, that a panel member's name is for those who see the panel only, and that objections
are between their objector and the officers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from evaluation.models import Application, Project
from evaluation.permissions import APPLICANTS, OFFICERS, RIGHTS, project_roles, roles_of
from portal.models import Event, User

# What of a question only those know who see the panel: that it was asked, and that it was not passed on.
UNTOLD = ("question.ask", "question.decline")
PANEL_ROLES = frozenset({"expert", "leader", "invitee"})


@dataclass(frozen=True, slots=True)
class Reader:
    """What one person may read of one case's history."""

    anything: bool
    panel: bool
    objections: bool

    def may_name(self, event: Event) -> bool:
        """Panel members are known by their role to whoever does not see the panel."""
        return self.panel or event.role not in PANEL_ROLES


def reader_of(user: User, project: Project, applications: Iterable[Application]) -> Reader:
    """Read once a page from the roles towards the project and each of its visible applications.

    A seat on any panel of the case closes its history, as it closes every duty there.
    """
    roles = [roles_of(user, application) for application in applications] or [project_roles(user, project)]

    def everywhere(wanted: frozenset[str]) -> bool:
        return all(wanted & mine for mine in roles)

    return Reader(
        anything=everywhere(RIGHTS["see_history"][0]),
        panel=everywhere(RIGHTS["see_panel"][0]) and not any(mine & APPLICANTS for mine in roles),
        objections=everywhere(OFFICERS),
    )


def events_for(reader: Reader, project: Project) -> Any:
    """Events of the case that ``reader`` may read, oldest first."""
    events = Event.objects.in_thread(project.thread)
    if not reader.anything:
        return events.none()
    if not reader.panel:
        events = events.exclude(verb__startswith="assignment.").exclude(verb__in=UNTOLD)
    return events if reader.objections else events.exclude(verb__startswith="objection.")
