"""Who hears of reports, inspections, their draws and what has to be put right: verb -> recipients.

Hides: who reads reports and inspects in a district that has no officer of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from communities.permissions import officers
from evaluation.barring import without_barred
from evaluation.models import Inspection, InspectionDraw, OperatingReport, Project, Rectification
from evaluation.telling_guidance import applicants, supervisors
from portal import notify
from portal.machine import MACHINES
from portal.models import Event, User
from portal.problems import gettext_noop

KIND = "supervision"
People = Callable[[Project], Iterable[User]]


def local(project: Project) -> Iterable[User]:
    """Who reads reports and inspects: the officers of the district, or intake where it has none."""
    found = list(officers("district_officer", project.community.district_id)) or list(officers("intake"))
    return without_barred(found, project)


def everybody(project: Project) -> Iterable[User]:
    return [*applicants(project), *local(project)]


# Acts that stand in no table, in words; those of tables are told as the table says.
SAID: Mapping[str, str] = {
    "operating_report.open": gettext_noop("请提交年度运营报告"),
    "inspection.draw": gettext_noop("被抽中接受年度抽查"),
    "inspection_draw.propose": gettext_noop("发起了抽查抽取，请共同启动"),
}
TOLD: Mapping[str, tuple[People, str]] = {
    "operating_report.open": (applicants, KIND),
    "operating_report.submit": (local, "waiting"),
    "operating_report.return": (applicants, KIND),
    "operating_report.accept": (applicants, KIND),
    "inspection.draw": (local, "waiting"),
    "inspection.record": (applicants, KIND),
    "inspection.close": (everybody, KIND),
    "rectification.reply": (local, "waiting"),
    "rectification.close": (applicants, KIND),
    "rectification.return": (applicants, KIND),
    "rectification.escalate": (lambda project: [*applicants(project), *local(project), *supervisors(project)], KIND),
    "rectification.extend": (everybody, KIND),
}


def tell_report(report: OperatingReport, event: Event) -> None:
    """The unit hears that a report is asked for and what came of it, the officer that one came in."""
    _tell(report.project, str(report), event, report.get_absolute_url())


def tell_inspection(inspection: Inspection, event: Event) -> None:
    """The officer hears of the draw, the unit of what was found; both that everything is put right."""
    _tell(inspection.project, str(inspection), event, inspection.get_absolute_url())


def tell_rectification(row: Rectification, event: Event) -> None:
    """Whoever must act next; the supervisor too once a fault is overdue."""
    _tell(row.inspection.project, str(row.inspection), event, row.get_absolute_url())


def tell_draw(draw: InspectionDraw, event: Event) -> None:
    """Whoever must act for the draw to go on, and both parties of what came of it."""
    if event.verb == "inspection_draw.propose":
        people: Iterable[User] = officers("supervisor")
    else:
        people = User.objects.filter(pk__in=[draw.organiser_id, draw.supervisor_id])
    told = [user for user in people if user.pk != event.actor_id]
    words = {"subject": str(draw), "sentence": _words(event.verb), "event": event}
    notify.write(f"event:{event.pk}", told, KIND, draw.get_absolute_url(), **words)


def _tell(project: Project, subject: str, event: Event, link: str) -> None:
    if event.verb not in TOLD:
        return
    people, kind = TOLD[event.verb]
    told = [user for user in people(project) if user.pk != event.actor_id]
    notify.write(f"event:{event.pk}", told, kind, link, subject=subject, sentence=_words(event.verb), event=event)


def _words(verb: str) -> Any:
    name, action = verb.split(".", 1)
    rows = MACHINES[name].transitions if name in MACHINES else ()
    return next((row.done for row in rows if row.action == action), SAID.get(verb, verb))
