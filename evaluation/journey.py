"""The journey of a case as steps: which are done and when, where it is now and who holds it, what is still to come.

Hides: which states make one step, which steps a stage's route has, and how a case that ended early looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation.clocks import holder_of
from evaluation.models import Application, Certificate, GuidanceVisit, Project, StageRule
from portal.machine import MACHINES
from portal.models import Event

DONE, NOW, LATER, STOPPED = "done", "now", "later", "stopped"


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of an application: a name and the states that make it."""

    code: str
    label: str
    states: tuple[str, ...]


PHASES = (
    Phase("filing", gettext_noop("填报"), ("draft",)),
    Phase("form_check", gettext_noop("形式审查"), ("checking", "form_check", "correction")),
    Phase("recommendation", gettext_noop("区县推荐"), ("recommendation",)),
    Phase("draw", gettext_noop("专家抽取"), ("drawing", "cosigning", "revealing", "inviting")),
    Phase("site_visit", gettext_noop("现场核查"), ("site_visit",)),
    Phase("review", gettext_noop("专家评审"), ("review", "tallying", "deliberation", "revision", "revision_check")),
    Phase("approval", gettext_noop("审定"), ("approval",)),
    Phase("notice", gettext_noop("公示"), ("notice",)),
    Phase("certificate", gettext_noop("发证"), ("certifying", "certified")),
)
ENDED_EARLY = ("refused", "not_passed", "withdrawn")


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it is drawn. status: done | now | later | stopped; day: when it was done; detail: words below it.

    role: who holds the case now, "" for nobody; holder: the same in words, where they say more than the role; due_on:
    until when.
    """

    label: str
    status: str
    day: date | datetime | None = None
    detail: str = ""
    role: str = ""
    due_on: date | None = None
    holder: str = ""


def holder_role(application: Application) -> str:
    """The role that must act now; "system" for an automatic step, "public" for the notice, "" once it is over."""
    if application.state in MACHINES["application"].steps:
        return "system"
    return "public" if application.state == "notice" else holder_of(application)


def answers_words(application: Application, accepted: Mapping[int, int]) -> str:
    """等待专家答复（2/5） while experts are asked to sit; "" else. accepted: application id -> seats taken (``drawing``)."""
    if holder_role(application) != "invitee":
        return ""
    seats = {"n": accepted.get(application.pk, 0), "all": application.terms.panel_size}
    return _("等待专家答复（%(n)s/%(all)s）") % seats


def _phases(rule: StageRule) -> tuple[Phase, ...]:
    left_out = {
        code
        for code, asked in (("recommendation", rule.needs_recommendation), ("site_visit", rule.needs_site_visit))
        if not asked
    }
    return tuple(phase for phase in PHASES if phase.code not in left_out)


def application_steps(
    application: Application, rule: StageRule, events: Iterable[Event], accepted: Mapping[int, int]
) -> list[Step]:
    """The steps of one application. events: those of the application, oldest first; accepted: as ``answers_words``."""
    phases = _phases(application.rule if application.given else rule)
    phase_of = {state: number for number, phase in enumerate(phases) for state in phase.states}
    left: dict[int, datetime] = {}
    last = "draft"
    for event in events:
        source, target = event.data.get("from"), event.data.get("to")
        if source != target and source in phase_of:
            left[phase_of[source]] = event.at
            last = source
    ended = application.state in ENDED_EARLY
    here = phase_of.get(last if ended else application.state, 0)
    finished = application.state == "certified"
    holder = answers_words(application, accepted)
    steps = [
        _step(application, phase, number, here, ended, finished, left.get(number))
        for number, phase in enumerate(phases)
    ]
    return [replace(step, holder=holder) if step.status == NOW else step for step in steps]


def _step(
    application: Application, phase: Phase, number: int, here: int, ended: bool, finished: bool, left: datetime | None
) -> Step:
    label = _(phase.label)
    if number < here:
        return Step(label, DONE, left)
    if number > here:
        return Step(label, LATER)
    state = str(MACHINES["application"].states[application.state])
    if finished:
        return Step(label, DONE, application.state_since, state)
    if ended:
        return Step(label, STOPPED, application.state_since, state)
    return Step(label, NOW, None, "" if state == label else state, holder_role(application), application.due_on)


def project_steps(
    project: Project,
    rules: Iterable[StageRule],
    applications: Iterable[Application],
    visits: Iterable[GuidanceVisit],
    certificates: Iterable[Certificate],
    totals: Mapping[int, str | None],
    accepted: Mapping[int, int],
) -> list[Step]:
    """The journey of a project: each stage, the guidance between them, the certificate that ends it.

    Everything handed in is what the reader may see (totals: application id -> what its notice published; accepted: as
    ``answers_words``); nothing is asked of the database.
    """
    rules, visits = list(rules), list(visits)
    newest = {application.stage: application for application in applications}
    given = {certificate.application_id: certificate for certificate in certificates}
    steps: list[Step] = []
    for rule in rules:
        if rule.needs_guidance_closed and project.programme.guidance_nodes:
            steps.append(_guidance_step(project, rule, newest, visits))
        steps.append(_stage_step(project, rule, newest, given, totals))
        application = newest.get(rule.stage)
        if application is not None and steps[-1].status == NOW:
            steps[-1] = replace(steps[-1], holder=answers_words(application, accepted))
    return steps


def _stage_step(
    project: Project,
    rule: StageRule,
    newest: Mapping[str, Application],
    given: Mapping[int, Certificate],
    totals: Mapping[int, str | None],
) -> Step:
    label = project.standard.parsed.stage(rule.stage).name
    application = newest.get(rule.stage)
    if application is None:
        return Step(label, LATER, detail=_("尚未申报"))
    state = str(MACHINES["application"].states[application.state])
    certificate = given.get(application.pk)
    if certificate is not None:
        word = certificate.level_name if rule.is_final else _("预评%(level)s") % {"level": certificate.level_name}
        total = totals.get(application.pk)
        points = _("%(total)s 分") % {"total": total} if total else ""
        return Step(label, DONE, certificate.issued_on, f"{points} {word}".strip())
    if application.state in ENDED_EARLY:
        return Step(label, STOPPED, application.state_since, state)
    return Step(label, NOW, None, state, holder_role(application), application.due_on)


def _guidance_step(
    project: Project, rule: StageRule, newest: Mapping[str, Application], visits: list[GuidanceVisit]
) -> Step:
    label = _("过程指导")
    nodes = dict(project.programme.guidance_nodes)
    closed = {visit.node for visit in visits if visit.state == "closed"} & nodes.keys()
    detail = _("%(done)s / %(all)s 个节点办结") % {"done": len(closed), "all": len(nodes)}
    if len(closed) == len(nodes):
        return Step(label, DONE, max(visit.state_since for visit in visits if visit.state == "closed"), detail)
    earlier = newest.get(rule.needs_certificate_of)
    begun = bool(visits) or (earlier is not None and earlier.state == "certified")
    return Step(label, NOW, None, detail, "district_officer") if begun else Step(label, LATER)


def history_of(events: Iterable[Event], application: Application) -> Iterator[Event]:
    """The events of one application among those of its case."""
    label: Any = application._meta.label_lower
    return (event for event in events if event.subject_type == label and event.subject_id == application.pk)
