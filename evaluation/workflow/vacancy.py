"""The life of a vacancy 空席: a seat was given up, a worker finds who follows in the drawn order, or that nobody does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from evaluation import automation, substituting, unseating
from evaluation.models import Vacancy
from evaluation.notifications import tell_invited, tell_vacancy
from evaluation.permissions import vacancies_visible_to, vacancy_roles
from portal.machine import Act, Machine, Transition, hold, register

Data = Mapping[str, Any]
STATES = {
    "waiting": _("正在递补"),
    "filled": _("已递补"),
    "dry": _("无人可递补"),
    "dropped": _("不再递补"),
}
CASE = "assignment__application__project"
WHOLE = (
    "draw",
    "assignment__expert__user",
    f"{CASE}__programme",
    f"{CASE}__standard",
    f"{CASE}__organisation",
    f"{CASE}__community__district",
)


def take_application(vacancy: Vacancy) -> None:
    """The application first, as by every act on its panel; one that has moved on makes this act too late."""
    application = vacancy.assignment.application
    hold(application, application.state)


def panel_is_forming(vacancy: Vacancy) -> bool:
    return substituting.is_wanted(vacancy)


def has_failed(vacancy: Vacancy) -> bool:
    return bool(vacancy.fault)


def keep_successor(vacancy: Vacancy, act: Act) -> Data:
    vacancy.successor = act.data["successor"]
    Vacancy.objects.filter(pk=vacancy.pk).update(successor=vacancy.successor)
    return {"next": vacancy.successor.expert.number, "seat": vacancy.successor.seat}


def keep_problems(vacancy: Vacancy, act: Act) -> Data:
    vacancy.problems = [problem.as_record() for problem in act.data["problems"]]
    Vacancy.objects.filter(pk=vacancy.pk).update(problems=vacancy.problems)
    return {"problems": vacancy.problems}


def ask_or_pass_over(vacancy: Vacancy, act: Act) -> None:
    if not unseating.pass_over(vacancy.successor):
        tell_invited(vacancy.successor)


VACANCY = register(
    Machine(
        name="vacancy",
        model=Vacancy,
        initial="waiting",
        states=STATES,
        roles_of=vacancy_roles,
        visible_to=lambda user: vacancies_visible_to(user).select_related(*WHOLE),
        guard=take_application,
        notify=tell_vacancy,
        steps={"waiting": automation.take_substitute},
        transitions=(
            Transition(
                "fill", _("递补"), _("按抽取顺序递补了专家"), ("waiting",), "filled", ("system",), when=panel_is_forming,
                effects=(keep_successor,), afterwards=(ask_or_pass_over,),
            ),
            Transition(
                "run_dry", _("无人可递补"), _("按抽取顺序已无人可递补"), ("waiting",), "dry", ("system",),
                when=panel_is_forming, effects=(keep_problems,),
            ),
            Transition(
                "drop", _("不再递补"), _("抽取已作废，不再递补"), ("waiting",), "dropped", ("system",),
            ),
            # a step that failed for good is shown at the draw; the organiser lets the worker try again
            Transition(
                "retry", _("重试递补"), _("重试了递补"), ("waiting",), None, ("organiser",), when=has_failed,
                told=_("已重试递补：%(subject)s。"),
            ),
        ),
    )
)  # fmt: skip
