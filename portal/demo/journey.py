"""One case to any state of its life, by the acts of the people whose acts they are; nothing is written past the domain.

Hides who does what in which state. ``take_step`` is what the holder of the case does next; ``to_state`` repeats it.
Automatic states are advanced by the function that the workers call, so that no worker needs to run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any

from django.utils import timezone

from communities.models import District, Organisation
from evaluation import deliberating, findings, marking
from evaluation.models import Application, Assignment, PublicNotice, Result, Vacancy
from evaluation.workflow import APPLICATION, ASSIGNMENT, VACANCY
from experts.draw import secret_hash
from portal import tasks
from portal.accounts import Confirmed
from portal.demo import cases, construction, marks, names, people
from portal.models import User

Step = Callable[[Application], None]


def fresh(application: Application) -> Application:
    """The row as it is now, with everything that its machine reads."""
    row: Application = Application.objects.with_case().get(pk=application.pk)
    return row


def random_of(application: Application) -> Random:
    """Choices of one application: the same for the same project number, stage and round."""
    return names.chance(application.project.number, application.stage, application.review_round)


# --- the main way: state -> what is done next --------------------------------------------------------------------


def submit(application: Application) -> None:
    cases.fill(application, random_of(application))
    APPLICATION.perform(application, "submit", by=people.applicant_of(application.project))


def accept(application: Application) -> None:
    APPLICATION.perform(application, "accept", by=people.officer("intake"))


def resubmit(application: Application) -> None:
    cases.mend(application)
    APPLICATION.perform(application, "resubmit", by=people.applicant_of(application.project))


def recommend(application: Application) -> None:
    by = people.district_officer_of(application.project)
    APPLICATION.perform(application, "recommend", by=by, opinion="示例：符合本区县智慧小区建设计划，同意推荐。")


def propose_draw(application: Application) -> None:
    """With a salt and a secret that follow from the case, as everything of this world does: the same panel every time."""
    told = {"salt": hidden(application, "salt"), "secret": hidden(application, "organiser")}
    APPLICATION.perform(application, "propose_draw", by=people.officer("organiser"), **told)


def cosign_draw(application: Application) -> None:
    told = {"secret": hidden(application, "supervisor")}
    APPLICATION.perform(application, "cosign_draw", by=people.officer("supervisor"), **told)


def promise_to_reveal(application: Application) -> None:
    """The supervisor keeps the secret and tells its hash alone: the draw waits until it is revealed."""
    told = {"secret_hash": secret_hash(hidden(application, "supervisor"))}
    APPLICATION.perform(application, "cosign_draw", by=people.officer("supervisor"), **told)


def reveal_secret(application: Application) -> None:
    secret = hidden(application, "supervisor")
    APPLICATION.perform(application, "reveal_secret", by=people.officer("supervisor"), secret=secret)


def hidden(application: Application, part: str) -> str:
    """64 hexadecimal digits where life takes 32 random bytes: the same for the same case, round and part."""
    named = "|".join((application.project.number, application.stage, str(application.review_round), part))
    return sha256(named.encode()).hexdigest()


def accept_invitations(application: Application) -> None:
    """Everyone who is asked accepts; the last one convenes the panel."""
    fill_seats(application)
    for assignment in people.panel_of(application, "invited"):
        ASSIGNMENT.perform(assignment, "accept", by=assignment.expert.user, no_conflict=True)


def visit_site(application: Application) -> None:
    construction.record_site_visit(application)
    leader = next(row for row in people.panel_of(application, "accepted") if row.is_leader)
    APPLICATION.perform(application, "finish_site_visit", by=leader.expert.user)


def sign_sheets(application: Application) -> None:
    """Every expert marks and signs; the last signature starts the tally."""
    for assignment in people.panel_of(application, "accepted"):
        mark_sheet(assignment)
        ASSIGNMENT.perform(assignment, "sign", by=assignment.expert.user, **signature(assignment.expert.user))


def mark_sheet(assignment: Assignment, share: float = 1.0) -> None:
    """Mark the expert's own items (the first ``share`` of them) near what the applicant claims; marks that stand stay."""
    application = assignment.application
    claimed = dict(application.claims.values_list("item_code", "value"))
    standing = set(assignment.marks.exclude(value=None).values_list("item_code", flat=True))
    random = names.chance(application.project.number, application.stage, assignment.expert.number)
    own = marking.own_items(assignment)
    items = [item for item in application.standard.items(application.stage) if item.code in own]
    for item in items[: round(len(items) * share)]:
        value = marks.expert_mark(item, claimed[item.code], random)
        if item.code not in standing:
            marking.save_mark(
                assignment.expert.user, assignment, item.code, value=value, reason=marks.reason(item, value)
            )


def conclude(application: Application) -> None:
    """The leader gives the panel's opinion, every member signs it, then the organiser closes the review."""
    if not result_of(application).opinion:
        give_opinion(application)
    endorse_opinion(application)
    APPLICATION.perform(application, "close_review", by=application.organiser)


def endorse_opinion(application: Application) -> None:
    signed = deliberating.endorsements(result_of(application))
    for row in people.panel_of(application, "signed"):
        if row.pk not in signed:
            ASSIGNMENT.perform(row, "endorse", by=row.expert.user, agrees="yes", **signature(row.expert.user))


def signature(user: User) -> dict[str, Any]:
    """What a person types under what they sign; nobody here is at a distance who could be somebody else."""
    return {"signed_name": user.name, "password": Confirmed(user.pk)}


def result_of(application: Application) -> Result:
    """The result of this round; LookupError before the tally."""
    found = marking.result_of(application)
    if found is None:
        raise LookupError(f"{application} is not tallied")
    return found


def give_opinion(application: Application) -> None:
    flagged = result_of(application).trace["flagged"]
    notes = dict.fromkeys(flagged, "示例：经合议，以平均值为准。")
    opinion = "示例：方案完整，系统配置与目标星级相符，同意按汇总结果报审。"
    APPLICATION.perform(application, "give_opinion", by=leader_of(application), opinion=opinion, notes=notes)


def leader_of(application: Application) -> User:
    return next(row for row in people.panel_of(application, "accepted", "signed") if row.is_leader).expert.user


def submit_revision(application: Application) -> None:
    cases.mend(application)
    APPLICATION.perform(application, "submit_revision", by=people.applicant_of(application.project))


def confirm_revision(application: Application) -> None:
    APPLICATION.perform(application, "confirm_revision", by=leader_of(application))


def approve(application: Application) -> None:
    APPLICATION.perform(application, "approve", by=people.officer("approver"), opinion="示例：同意公示。")


def let_notice_end(application: Application) -> None:
    """Move the notice into the past, then do what the sweep does: the machine itself compares days and closes it."""
    move_notice_into_the_past(application)
    tasks.enforce_deadlines(APPLICATION)


def move_notice_into_the_past(application: Application) -> None:
    """Nothing in a demonstration waits three weeks: the open notice began and ended before today."""
    yesterday = timezone.localdate() - timedelta(days=1)
    notice = application.notices.get(result__review_round=application.review_round)
    began = min(notice.opened_on, yesterday - timedelta(days=21))
    PublicNotice.objects.filter(pk=notice.pk).update(opened_on=began, closes_on=yesterday)
    Application.objects.filter(pk=application.pk).update(due_on=yesterday)


def work(application: Application) -> None:
    """What a worker does when the bell rings."""
    tasks.advance(APPLICATION.name, application.pk)


def fill_seats(application: Application) -> None:
    """What a worker does for the seats that were given up, until somebody is asked for each or nobody is left."""
    rows = Vacancy.objects.filter(assignment__application=application, state="waiting", fault="").order_by("pk")
    tried = set()
    while (row := rows.first()) is not None:
        if row.pk in tried:
            raise LookupError(f"{row} still waits after its step")
        tried.add(row.pk)
        tasks.advance(VACANCY.name, row.pk)


MAIN: Mapping[str, Step] = {
    "draft": submit,
    "checking": work,
    "form_check": accept,
    "correction": resubmit,
    "recommendation": recommend,
    "drawing": propose_draw,
    "cosigning": cosign_draw,
    "revealing": reveal_secret,
    "inviting": accept_invitations,
    "site_visit": visit_site,
    "review": sign_sheets,
    "tallying": work,
    "deliberation": conclude,
    "revision": submit_revision,
    "revision_check": confirm_revision,
    "approval": approve,
    "notice": let_notice_end,
    "certifying": work,
}


# --- side ways ----------------------------------------------------------------------------------------------------


def request_correction(application: Application) -> None:
    """Intake finds one document and one item wanting and sends one notice."""
    intake = people.officer("intake")
    document = next(one for one in application.standard.stage(application.stage).documents if "pdf" in one.forms)
    item = next(one for one in application.standard.items(application.stage) if one.kind == "scored")
    text = f"示例：《{document.name}》第2页缺少签章，请更换。"
    findings.add_finding(intake, application, "document", document.code, text)
    findings.add_finding(intake, application, "item", item.code, f"示例：请补充“{item.name}”的佐证。")
    APPLICATION.perform(application, "request_correction", by=intake)


def refuse(application: Application) -> None:
    APPLICATION.perform(application, "refuse", by=people.officer("intake"), reason="示例：不属于本评价类别的受理范围。")


def withdraw(application: Application) -> None:
    by = people.applicant_of(application.project)
    APPLICATION.perform(application, "withdraw", by=by, reason="示例：设计方案有重大调整，调整后再申报。")


def ask_revision(application: Application) -> None:
    item = next(one for one in application.standard.items(application.stage) if one.kind == "scored")
    APPLICATION.perform(
        application,
        "ask_revision",
        by=leader_of(application),
        items=item.code,
        reason="示例：请补充点位布置并复核数量。",
    )


def not_pass(application: Application) -> None:
    by = people.officer("approver")
    APPLICATION.perform(application, "not_pass", by=by, reason="示例：关键系统与申报内容不一致。")


# state that is wanted -> where the way leaves the main one
SIDE: Mapping[str, Mapping[str, Step]] = {
    "correction": {"form_check": request_correction},
    "refused": {"form_check": refuse},
    "revealing": {"cosigning": promise_to_reveal},
    "withdrawn": {"form_check": withdraw},
    "revision": {"deliberation": ask_revision},
    "revision_check": {"deliberation": ask_revision},
    "not_passed": {"approval": not_pass},
}


# states of the main way that one stage or the other passes over
SKIPPED: Mapping[str, tuple[str, ...]] = {
    "design": ("correction", "revealing", "revision", "revision_check", "site_visit"),
    "completion": ("correction", "revealing", "revision", "revision_check", "recommendation"),
}


def way_to(target: str, stage: str) -> list[str]:
    """States that a case leaves on its way to ``target``, in order."""
    last = {**{state: next(iter(leaving)) for state, leaving in SIDE.items()}, "revision_check": "revision"}.get(target)
    way = [state for state in MAIN if state not in SKIPPED[stage] or (state == last)]
    if target in way:
        return way[: way.index(target)]
    return way[: way.index(last) + 1] if last else way


def take_step(application: Application, towards: str = "certified") -> Application:
    """Do what comes next on the way to ``towards`` and return the row as it is then. KeyError in a final state."""
    application = fresh(application)
    step = SIDE.get(towards, {}).get(application.state) or MAIN[application.state]
    step(application)
    return fresh(application)


def to_state(application: Application, state: str) -> Application:
    """Bring an application to ``state`` and return it; ValueError where its route never comes there."""
    while application.state != state:
        if application.state not in MAIN:
            raise ValueError(f"{state} does not lie on the route of {application}")
        application = take_step(application, state)
    return application


def case_at(
    state: str,
    *,
    unit: Organisation,
    district: District,
    number: int,
    stage: str = "design",
    target_level: int = 2,
    consultant: Organisation | None = None,
) -> Application:
    """A new project of ``unit`` whose application for ``stage`` is at ``state``; completion follows a certified design."""
    project = cases.open_project(unit, number, district, target_level, consultant)
    application = cases.open_application(project, "design")
    if stage == "completion":
        to_state(application, "certified")
        construction.guide(project)
        application = cases.open_application(project, stage)
    return to_state(fresh(application), state)
