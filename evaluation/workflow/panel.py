"""The life of an assignment 指派: asked, accepted or not, signed. Who gives up a seat leaves a vacancy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from evaluation import deliberating, drawing, marking, refusing, substituting, wording
from evaluation.models import Application, Assignment
from evaluation.notifications import tell_assignment
from evaluation.permissions import assignment_roles, assignments_visible_to, roles_of
from experts import facts
from experts.models import Expert
from portal import clock
from portal.accounts import Confirmed
from portal.machine import MACHINES, Act, Ask, Machine, Transition, hold, register
from portal.problems import Problem, gettext_noop

STATES = {
    "invited": _("待确认"),
    "accepted": _("已接受"),
    "declined": _("已谢绝"),
    "recused": _("已回避"),
    "lapsed": _("逾期未答复"),
    "released": _("不能履职退出"),
    "signed": _("评分表已签署"),
    "amending": _("合议中改评"),
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


def expert_serves(assignment: Assignment, act: Act) -> Iterator[Problem]:
    """On the day of the answer: since the pool was frozen a term may have ended, or an expert been paused."""
    if Expert.objects.serving(act.day).filter(pk=assignment.expert_id).exists():
        return
    message = gettext_noop("您的专家资格正在暂停，不能接受评审邀请；席位将由下一位递补。")
    if drawing.absence(assignment.expert, act.day) != "paused":
        message = gettext_noop("您不在聘期内，不能接受评审邀请；席位将由下一位递补。")
    yield Problem("not_serving", "", message)


def signer_is_no_party(assignment: Assignment, act: Act) -> Iterator[Problem]:
    if "expert" not in roles_of(act.by, assignment.application):
        yield Problem("party", "", gettext_noop("您已是当事单位的人员，不能签署本案的评分表。"))


def seat_has_no_conflict(assignment: Assignment, act: Act) -> Iterator[Problem]:
    """Read anew: the seat may have been marked while the sheet lay open."""
    if Assignment.objects.filter(pk=assignment.pk).exclude(conflict="").exists():
        message = gettext_noop("您与当事单位存在应当回避的关系，不能签署；由监督员启动重新抽取。")
        yield Problem("conflict", "", message)


def review_is_open(assignment: Assignment) -> bool:
    return assignment.application.state == "review" and is_of_this_round(assignment)


def panel_is_forming(assignment: Assignment) -> bool:
    return assignment.application.state == "inviting" and is_of_this_round(assignment)


def is_of_this_round(assignment: Assignment) -> bool:
    """A seat of a draw that was given up is nobody's any more."""
    return assignment.review_round == assignment.application.review_round


def panel_deliberates(assignment: Assignment) -> bool:
    return assignment.application.state == "deliberation" and is_of_this_round(assignment)


def signs_in_person(assignment: Assignment, act: Act) -> Iterator[Problem]:
    """A signature is the own name, typed, by somebody who has just shown the password once more."""
    if act.by is None:
        return
    typed = str(act.data.get("signed_name") or "").strip()
    if typed and typed != act.by.name.strip():
        message = gettext_noop("键入的姓名与您的姓名“%(name)s”不一致。")
        yield Problem("signed_name", "signed_name", message, {"name": act.by.name})
    if act.data.get("password") and act.data["password"] != Confirmed(act.by.pk):
        yield Problem("password", "password", gettext_noop("请重新输入当前密码。"))


def opinion_stands(assignment: Assignment, act: Act) -> Iterator[Problem]:
    result = marking.result_of(assignment.application)
    if result is None or not result.opinion:
        yield Problem("opinion_missing", "", gettext_noop("组长尚未出具专家组意见，还不能签字。"))


def dissent_is_said(assignment: Assignment, act: Act) -> Iterator[Problem]:
    said = str(act.data.get("dissent") or "").strip()
    if act.data.get("agrees") == "no" and not said:
        yield Problem("dissent_missing", "dissent", gettext_noop("不同意专家组意见的，请写明保留意见。"))
    if act.data.get("agrees") == "yes" and said:
        yield Problem("dissent_unasked", "agrees", gettext_noop("写了保留意见，请选择“不同意，保留意见”。"))


def _panel_page(assignment: Assignment) -> str:
    return reverse("panel", args=[assignment.application_id])


def _opinion_to_sign(assignment: Assignment) -> list[tuple[str, str]]:
    """The opinion as it stands now, with the level it comes to and what was agreed on single items."""
    result = marking.result_of(assignment.application)
    if result is None:
        return []
    form = assignment.application.standard
    read = [(gettext("拟定等级"), wording.level_name(form, result.level)), (gettext("专家组意见"), result.opinion)]
    colon = gettext("：")
    notes = [f"{wording.item_title(form, code)}{colon}{words}" for code, words in result.notes.items()]
    return read + ([(gettext("分歧条目的合议意见"), "\n".join(notes))] if notes else [])


def keep_endorsement(assignment: Assignment, act: Act) -> Data:
    kept = deliberating.endorse(assignment, agrees=act.data["agrees"] == "yes", dissent=act.data.get("dissent") or "")
    return {"opinion_sha256": kept.opinion_sha256}


def convene_when_full(assignment: Assignment, act: Act) -> None:
    application = assignment.application
    round_ = application.assignments.filter(review_round=application.review_round)
    if round_.filter(state="accepted").count() == application.terms.panel_size:
        MACHINES["application"].perform(application, "convene", by=None)


def leave_seat(assignment: Assignment, act: Act) -> None:
    substituting.give_up(assignment)


def say_unasked(assignment: Assignment, act: Act) -> Data:
    """That the expert was passed over before anybody asked, and so hears nothing of it."""
    return {"unasked": True} if act.data.get("unasked") else {}


def say_how(assignment: Assignment, act: Act) -> Data:
    """That the answer came by the link of the e-mail, whose holder had not signed in."""
    return {"by_link": True} if act.data.get("by_link") else {}


def keep_recusal(assignment: Assignment, act: Act) -> Data:
    codes = assignment.application.project.party_codes
    facts.declare_doubt(act.by, assignment.expert, codes, act.data["reason"], act.day)
    return {}


def sign_sheet(assignment: Assignment, act: Act) -> Data:
    return {"sha256": marking.sign(assignment)}


def tally_when_complete(assignment: Assignment, act: Act) -> None:
    application: Application = assignment.application
    if not application.assignments.filter(review_round=application.review_round, state="accepted").exists():
        MACHINES["application"].perform(application, "complete_sheets", by=None)


REASON = Ask("reason", _("理由"))
WHY = Ask("reason", _("原因"))
SIGNATURE = (
    Ask("signed_name", _("签署人姓名"), "line", help=_("请键入本人姓名，作为签名。")),
    Ask("password", _("当前密码"), "password", help=_("签署前再次核验身份。")),
)


def _answers(assignment: Assignment) -> tuple[tuple[str, str], ...]:
    return (("yes", _("同意")), ("no", _("不同意，保留意见")))


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
                checks=(no_conflict_is_known, expert_serves), afterwards=(convene_when_full,), when=panel_is_forming, in_time=True,
                asks=(Ask("no_conflict", _("我与各方当事单位没有应当回避的关系"), "yes"),), effects=(say_how,),
            ),
            Transition(
                "decline", _("谢绝"), _("谢绝了评审邀请"), ("invited",), "declined", ("invitee",),
                asks=(Ask("reason", _("理由"), required=False, help=_("不写理由的，计入本年谢绝次数。")),),
                effects=(say_how, leave_seat), afterwards=(refusing.pause_when_many,), when=panel_is_forming,
            ),
            Transition(
                "recuse", _("申明回避"), _("申明回避"), ("invited",), "recused", ("invitee",), asks=(REASON,),
                effects=(say_how, keep_recusal, leave_seat), when=panel_is_forming, danger=True,
            ),
            Transition(
                "lapse", _("逾期未答复"), _("逾期未答复，由下一位递补"), ("invited",), "lapsed", ("system",),
                effects=(leave_seat,), afterwards=(refusing.pause_when_many,), when=panel_is_forming,
            ),
            Transition(
                "exclude", _("须回避"), _("经核对须回避，由下一位递补"), ("invited", "accepted"), "recused", ("system",),
                asks=(WHY,), effects=(say_unasked, leave_seat), when=panel_is_forming,
            ),
            Transition(
                "release", _("不能履职退出"), _("不能履职，退出席位，由下一位递补"), ("invited", "accepted"), "released",
                ("system",), asks=(WHY,), effects=(say_unasked, leave_seat), when=panel_is_forming,
            ),
            Transition(
                "replace", _("更换专家"), _("更换了专家"), ("invited", "accepted"), "declined", ("organiser",),
                asks=(REASON,), effects=(leave_seat,), when=panel_is_forming, danger=True,
            ),
            Transition(
                "sign", _("签署评分表"), _("签署了评分表"), ("accepted",), "signed", ("invitee",), asks=SIGNATURE,
                checks=(signs_in_person, signer_is_no_party, seat_has_no_conflict, sheet_is_whole),
                effects=(sign_sheet,), afterwards=(tally_when_complete,), when=review_is_open, page="scoring",
            ),
            # the panel together: a sheet is opened again and signed again, the opinion is signed
            Transition(
                "amend", _("改评"), _("重新打开评分表改评"), ("signed",), "amending", ("invitee",),
                checks=(signer_is_no_party, seat_has_no_conflict), when=panel_deliberates, page="amend",
            ),
            Transition(
                "sign_again", _("重新签署评分表"), _("重新签署了评分表"), ("amending",), "signed", ("invitee",), asks=SIGNATURE,
                checks=(signs_in_person, signer_is_no_party, seat_has_no_conflict, sheet_is_whole),
                effects=(sign_sheet,), when=panel_deliberates, page="amend",
            ),
            Transition(
                "endorse", _("在专家组意见上签字"), _("在专家组意见上签了字"), ("signed",), None, ("invitee",),
                asks=(
                    Ask("agrees", _("是否同意专家组意见"), "choice", choices=_answers),
                    Ask("dissent", _("保留意见"), required=False, help=_("不同意时必填；同意的留空。")), *SIGNATURE,
                ),
                checks=(signs_in_person, signer_is_no_party, seat_has_no_conflict, opinion_stands, dissent_is_said),
                effects=(keep_endorsement,), when=panel_deliberates, shown_at=_panel_page, reads=_opinion_to_sign,
            ),
        ),
    )
)  # fmt: skip
