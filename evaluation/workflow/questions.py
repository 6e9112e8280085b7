"""The life of a question 质询: asked by a member of the panel, passed on or not, answered once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from evaluation import asking
from evaluation.models import Question
from evaluation.notifications import applicants, tell_question
from evaluation.permissions import question_roles, questions_visible_to
from portal import clock
from portal.machine import Act, Ask, Machine, Transition, hold, register
from portal.models import User
from portal.problems import Problem

Data = Mapping[str, Any]
CASE = "application__project"
WHOLE = (
    "assignment__expert__user",
    f"{CASE}__programme",
    f"{CASE}__standard",
    f"{CASE}__organisation",
    f"{CASE}__community__district",
)


def take_application(question: Question) -> None:
    """Both rows are taken in one order, the application's first: nothing is answered in a review that closes."""
    hold(question.application, question.application.state)


def question_clock(question: Question, source: str, target: str, day: date) -> Data:
    programme = question.application.project.programme_id
    return {"due_on": clock.deadline("question", day, programme) if target == "forwarded" else None}


def review_is_open(question: Question) -> bool:
    application = question.application
    return application.state == "review" and question.review_round == application.review_round


def words_fit(question: Question, act: Act) -> Iterator[Problem]:
    for place in ("text", "answer"):
        yield from asking.too_long(str(act.data.get(place) or ""), place)


def keep_words(question: Question, act: Act) -> Data:
    """What the asker wrote stays in the event of the asking."""
    question.text = act.data["text"].strip()
    Question.objects.filter(pk=question.pk).update(text=question.text)
    return {}


def keep_answer(question: Question, act: Act) -> Data:
    question.answer, question.answered_by = act.data["answer"].strip(), act.by
    Question.objects.filter(pk=question.pk).update(answer=question.answer, answered_by=act.by)
    return {}


def question_holders(question: Question) -> Iterable[User]:
    """Who must act now: the organiser of the case, then the applicant."""
    if question.state == "asked":
        return User.objects.filter(pk=question.application.organiser_id)
    return applicants(question.application) if question.state == "forwarded" else ()


QUESTION = register(
    Machine(
        name="question",
        model=Question,
        initial="asked",
        states={
            "asked": _("待转交"),
            "forwarded": _("待答复"),
            "answered": _("已答复"),
            "declined": _("未转交"),
            "lapsed": _("逾期未答复"),
        },
        roles_of=question_roles,
        visible_to=lambda user: questions_visible_to(user).select_related(*WHOLE),
        clock=question_clock,
        guard=take_application,
        notify=tell_question,
        holders=question_holders,
        deadlines={"forwarded": "lapse"},
        transitions=(
            Transition(
                "forward", _("转交申报单位"), _("向申报单位转交了专家质询"), ("asked",), "forwarded", ("organiser",),
                asks=(
                    Ask(
                        "text", _("转交的问题"), initial=lambda question: question.text,
                        help=_("可以修改措辞，使人看不出由谁提出；不得透露评分。"),
                    ),
                ),
                checks=(words_fit,), effects=(keep_words,), when=review_is_open,
            ),
            Transition(
                "decline", _("不予转交"), _("未转交质询"), ("asked",), "declined", ("organiser",),
                asks=(Ask("reason", _("理由")),), danger=True,
            ),
            Transition(
                "answer", _("答复"), _("答复了专家质询"), ("forwarded",), "answered", ("applicant", "consultant"),
                asks=(Ask("answer", _("答复"), help=_("只能答复一次，提交后不能更改；请针对问题说明，可以引用已提交的佐证。")),),
                checks=(words_fit,), effects=(keep_answer,), when=review_is_open, in_time=True,
            ),
            Transition("lapse", _("逾期未答复"), _("逾期未答复专家质询"), ("forwarded",), "lapsed", ("system",)),
        ),
    )
)  # fmt: skip
