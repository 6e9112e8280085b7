"""The life of an assignment 指派: asked, accepted or not, signed. A decline takes the next in the drawn order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from evaluation import drawing, marking
from evaluation.models import Application, Assignment
from evaluation.notifications import tell_assignment
from evaluation.permissions import assignment_roles, assignments_visible_to, roles_of
from experts.models import Recusal
from portal import clock
from portal.machine import MACHINES, Act, Ask, Machine, Transition, hold, register
from portal.problems import Problem, gettext_noop

STATES = {
    "invited": _("待确认"),
    "accepted": _("已接受"),
    "declined": _("已谢绝"),
    "recused": _("已回避"),
    "lapsed": _("逾期未答复"),
    "signed": _("评分表已签署"),
}
Data = Mapping[str, Any]
CASE = "application__project"
WHOLE = (
    "expert__user",
    f"{CASE}__programme",
    f"{CASE}__standard",
    f"{CASE}__organisation",
    f"{CASE}__community__district",
)


def take_application(assignment: Assignment) -> None:
    """Both rows are taken in one order, the application's first, so that two experts never wait for each other."""
    hold(assignment.application, assignment.application.state)


def running_clock(assignment: Assignment, source: str, target: str, day: date) -> Data:
    programme = assignment.application.project.programme_id
    return {"due_on": clock.deadline("review", day, programme) if target == "accepted" else None}


def sheet_is_whole(assignment: Assignment, act: Act) -> Iterator[Problem]:
    yield from marking.missing_marks(assignment)


def no_conflict_is_known(assignment: Assignment, act: Act) -> Iterator[Problem]:
    """Facts may have come up since the pool was frozen: parties hire, and units name members."""
    if assignment.expert_id in drawing.conflicts(assignment.application, act.day):
        message = gettext_noop("您与当事单位存在应当回避的关系，不能接受；请申明回避。")
        yield Problem("conflict", "no_conflict", message)


def signer_is_no_party(assignment: Assignment, act: Act) -> Iterator[Problem]:
    if "expert" not in roles_of(act.by, assignment.application):
        yield Problem("party", "", gettext_noop("您已是当事单位的人员，不能签署本案的评分表。"))


def review_is_open(assignment: Assignment) -> bool:
    return assignment.application.state == "review" and is_of_this_round(assignment)


def panel_is_forming(assignment: Assignment) -> bool:
    return assignment.application.state == "inviting" and is_of_this_round(assignment)


def is_of_this_round(assignment: Assignment) -> bool:
    """A seat of a draw that was given up is nobody's any more."""
    return assignment.review_round == assignment.application.review_round


def convene_when_full(assignment: Assignment, act: Act) -> None:
    application = assignment.application
    round_ = application.assignments.filter(review_round=application.review_round)
    if round_.filter(state="accepted").count() == application.project.programme.panel_size:
        MACHINES["application"].perform(application, "convene", by=None)


def take_substitute(assignment: Assignment, act: Act) -> Data:
    return {"next": drawing.substitute(assignment, act.day)}


def keep_recusal(assignment: Assignment, act: Act) -> Data:
    for code in assignment.application.project.party_codes:
        Recusal.objects.get_or_create(
            expert=assignment.expert,
            party_code=code,
            reason=Recusal.Reason.SELF,
            defaults={"note": act.data["reason"], "declared_by": act.by, "since": act.day},
        )
    return {}


def sign_sheet(assignment: Assignment, act: Act) -> Data:
    return {"sha256": marking.sign(assignment)}


def tally_when_complete(assignment: Assignment, act: Act) -> None:
    application: Application = assignment.application
    if not application.assignments.filter(review_round=application.review_round, state="accepted").exists():
        MACHINES["application"].perform(application, "complete_sheets", by=None)


REASON = Ask("reason", _("理由"))

ASSIGNMENT = register(
    Machine(
        name="assignment",
        model=Assignment,
        initial="invited",
        states=STATES,
        roles_of=assignment_roles,
        visible_to=lambda user: assignments_visible_to(user).select_related(*WHOLE),
        clock=running_clock,
        guard=take_application,
        notify=tell_assignment,
        holders=lambda assignment: [assignment.expert.user] if assignment.state in ("invited", "accepted") else (),
        deadlines={"invited": "lapse"},
        transitions=(
            Transition(
                "accept", _("接受评审"), _("接受了评审邀请"), ("invited",), "accepted", ("invitee",),
                checks=(no_conflict_is_known,), afterwards=(convene_when_full,), when=panel_is_forming, in_time=True,
                asks=(Ask("no_conflict", _("我与各方当事单位没有应当回避的关系"), "yes"),),
            ),
            Transition(
                "decline", _("谢绝"), _("谢绝了评审邀请"), ("invited",), "declined", ("invitee",), asks=(REASON,),
                effects=(take_substitute,), when=panel_is_forming,
            ),
            Transition(
                "recuse", _("申明回避"), _("申明回避"), ("invited",), "recused", ("invitee",), asks=(REASON,),
                effects=(keep_recusal, take_substitute), when=panel_is_forming, danger=True,
            ),
            Transition(
                "lapse", _("逾期未答复"), _("逾期未答复，由下一位递补"), ("invited",), "lapsed", ("system",),
                effects=(take_substitute,), when=panel_is_forming,
            ),
            Transition(
                "exclude", _("因当事单位变化回避"), _("因当事单位变化须回避，由下一位递补"), ("invited", "accepted"), "recused",
                ("system",), effects=(take_substitute,), when=panel_is_forming,
            ),
            Transition(
                "replace", _("更换专家"), _("更换了专家"), ("invited", "accepted"), "declined", ("organiser",),
                asks=(REASON,), effects=(take_substitute,), when=panel_is_forming, danger=True,
            ),
            Transition(
                "sign", _("签署评分表"), _("签署了评分表"), ("accepted",), "signed", ("invitee",),
                checks=(signer_is_no_party, sheet_is_whole), effects=(sign_sheet,), afterwards=(tally_when_complete,),
                when=review_is_open, page="scoring",
            ),
        ),
    )
)  # fmt: skip
