"""Which events of a case a person may read, and how the people in them are named.

Hides: that invitations name experts, that a panel member's name is for those who see the panel only, that not all of them
know who has signed before there is a result, and that objections are between their objector and the officers.
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
# A declaration is its applicant's own until it is handed in; what it said then stands in the event that hands it in.
DRAFTING = ("major_change.open", "major_change.write", "major_change.proof", "major_change.remove_proof",
            "operating_report.write", "operating_report.proof", "operating_report.remove_proof")  # fmt: skip
SIGNATURES = ("assignment.sign", "assignment.sign_again")
# who of the officers has the case on the desk, and reminds whom
AMONG_OFFICERS = (
    "application.assign",
    "application.remind",
    "application.attach_minutes",
    "application.remove_minutes",
    # what is noted on an inspection and not told yet
    "inspection.photo",
    "rectification.note",
    "rectification.take_out",
)
# What the officers weigh before a unit is told that its certificate may be revoked or downgraded.
UNTOLD_SANCTIONS = (
    "sanction.propose",
    "sanction.add_evidence",
    "sanction.remove_evidence",
    "sanction.withdraw",
    "sanction.decline",
    "sanction.close",
)
JUDGING = ("review", "tallying")  # states in which sheets are signed, and there is no result yet
PANEL_ROLES = frozenset({"expert", "leader", "invitee"})


@dataclass(frozen=True, slots=True)
class Reader:
    """What one person may read of one case's history."""

    anything: bool
    panel: bool
    signatures: bool
    objections: bool
    inside: bool  # an officer, of the city or the district

    def may_name(self, event: Event) -> bool:
        """Panel members are known by their role to whoever does not see the panel."""
        return self.panel or event.role not in PANEL_ROLES


def reader_of(user: User, project: Project, applications: Iterable[Application]) -> Reader:
    """Read once a page from the roles towards the project and each of its visible applications.

    A seat on any panel of the case closes its history, as it closes every duty there.
    """
    applications = list(applications)
    roles = [roles_of(user, application) for application in applications] or [project_roles(user, project)]

    def everywhere(wanted: frozenset[str]) -> bool:
        return all(wanted & mine for mine in roles)

    return Reader(
        anything=everywhere(RIGHTS["see_history"][0]),
        panel=everywhere(RIGHTS["see_panel"][0]) and not any(mine & APPLICANTS for mine in roles),
        signatures=all(
            RIGHTS["see_signatures"][0] & held
            for application, held in zip(applications, roles, strict=False)
            if application.state in JUDGING
        ),
        objections=everywhere(OFFICERS),
        inside=everywhere(OFFICERS | {"district_officer"}),
    )


def events_for(reader: Reader, project: Project) -> Any:
    """Events of the case that ``reader`` may read, oldest first."""
    events = Event.objects.in_thread(project.thread).exclude(verb__in=DRAFTING)
    if not reader.anything:
        return events.none()
    if not reader.panel:
        events = events.exclude(verb__startswith="assignment.").exclude(verb__startswith="vacancy.")
        events = events.exclude(verb__in=UNTOLD)
    if not reader.signatures:
        events = events.exclude(verb__in=SIGNATURES)
    if not reader.inside:
        events = events.exclude(verb__in=(*AMONG_OFFICERS, *UNTOLD_SANCTIONS))
    if reader.objections:
        return events
    return events.exclude(verb__startswith="objection.").exclude(verb__startswith="held_message.")
