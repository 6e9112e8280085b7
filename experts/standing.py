"""How an expert stands: when the yearly confirmation and the renewal are due, what a confirmation and a removal change.

Hides: what a year is, that a former employer stays a conflict fact, and which parts other apps add to an expert's page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from communities import credit_code
from communities.models import Parameter
from experts import facts
from experts.models import Employment, Expert, Field
from experts.permissions import EXPERT_RIGHTS, can_expert, expert_roles
from portal import audit, clock
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop
from portal.workdays import years_later

CONFIRMATION, HEARING = "expert_confirmation", "expert_hearing"  # limits


def parameter(code: str) -> int:
    """A number that the authority may change, in its own unit."""
    return int(Parameter.objects.get(pk=code).value)


# --- confirmation and renewal -----------------------------------------------------------------------------------------


def confirmation_due(expert: Expert, day: date) -> date | None:
    """Last day of the next yearly confirmation, never less than the limit from ``day``; None where the term ends before."""
    opens = years_later(expert.confirmed_on or expert.term_from, 1)
    due_on = clock.deadline(CONFIRMATION, max(opens, day))
    return due_on if due_on <= expert.term_until else None


def confirmation_waits(expert: Expert, day: date) -> bool:
    """Whether the expert should confirm now: no more time is left than the limit gives."""
    if expert.state != "serving" or expert.due_on is None or expert.term_until < day:
        return False
    return expert.due_on <= clock.deadline(CONFIRMATION, day)


def renewal_opens(expert: Expert) -> date:
    """The first day on which the expert may ask for another term."""
    return expert.term_until - timedelta(days=parameter("renewal_window_days"))


def may_ask_renewal(by: User, expert: Expert, day: date) -> bool:
    """Whether ``by`` is this expert, in the window before the term ends, and has not asked yet."""
    if not can_expert(by, "ask_renewal", expert) or not renewal_opens(expert) <= day <= expert.term_until:
        return False
    return not expert.admissions.filter(kind="renewal").open().exists()


def employer_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the employer's credit code, where one is given."""
    code = credit_code.normalise(values.get("employer_code") or "")
    problem = credit_code.problem_of(code) if code else None
    if problem:
        yield Problem(problem.code, "employer_code", problem.message, problem.params)


def keep_confirmation(expert: Expert, values: Mapping[str, Any], day: date) -> list[str]:
    """Write what the expert confirmed, inside the act; return the columns that changed.

    An employer that was left is still a conflict for years, so it moves into the employment history.
    """
    kept = {"employer": values["employer"].strip(), "employer_code": credit_code.normalise(values["employer_code"])}
    changed = [name for name, value in kept.items() if getattr(expert, name) != value]
    if "employer_code" in changed:
        leave_employer(expert, day, kept["employer_code"])
    expert.confirmed_on = day
    for name, value in kept.items():
        setattr(expert, name, value)
    if expert.state == "serving":
        expert.due_on = confirmation_due(expert, day)
    Expert.objects.filter(pk=expert.pk).update(confirmed_on=day, due_on=expert.due_on, **kept)
    return changed


def leave_employer(expert: Expert, day: date, new_code: str) -> None:
    """Put the present employer into the employment history, as of ``day`` left; panels look again for the new one.

    They do once this transaction is over: acts on panels take the case before the expert, and this one has the expert.
    """
    if expert.employer:
        Employment.objects.create(
            expert=expert, name=expert.employer, credit_code=expert.employer_code, since=expert.term_from, until=day
        )

    def look_again() -> None:
        with transaction.atomic():
            facts.tell_followers(expert, new_code)

    transaction.on_commit(look_again, robust=True)


def end_term(expert: Expert, day: date) -> None:
    """Whoever is removed on ``day`` serves no more on it."""
    expert.term_until = min(expert.term_until, day - timedelta(days=1))
    Expert.objects.filter(pk=expert.pk).update(term_until=expert.term_until)


def change_fields(by: User, expert: Expert, fields: Iterable[Field], reason: str) -> None:
    """Let an expert serve in other fields, with a reason. Raises NotAllowed, Stale, Refused."""
    if not can_expert(by, "change_fields", expert):
        raise NotAllowed("change_fields")
    wanted, problems = sorted(fields, key=lambda field: field.pk), []
    if not wanted:
        problems.append(Problem("required", "fields", gettext_noop("请至少选择一个专业。")))
    if not reason.strip():
        problems.append(Problem("required", "reason", gettext_noop("请写明理由。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        hold(expert, *(EXPERT_RIGHTS["change_fields"][1] & {expert.state}))
        before = [field.pk for field in expert.fields.order_by("pk")]
        expert.fields.set(wanted)
        (role,) = expert_roles(by, expert) & EXPERT_RIGHTS["change_fields"][0]
        names = [field.pk for field in wanted]
        audit.record(expert, "expert.fields", by=by, role=role, before=before, fields=names, reason=reason.strip())


# Whom the apps above tell that an expert does not serve from now on.
AbsenceFollower = Callable[[Expert], None]
ABSENCE_FOLLOWERS: list[AbsenceFollower] = []


def follows_absence(function: AbsenceFollower) -> AbsenceFollower:
    """Register what must be looked at once an expert serves no more; a decorator for the apps above."""
    ABSENCE_FOLLOWERS.append(function)
    return function


def tell_absence(expert: Expert) -> None:
    """Let the apps above look at what an expert leaves behind, once this transaction is over.

    Acts on panels take the case before the expert, and this one has the expert. What a killed process tells nobody any
    more is found by the sweep.
    """

    def look() -> None:
        for follower in ABSENCE_FOLLOWERS:
            follower(expert)

    transaction.on_commit(look, robust=True)


# --- what the apps above tell of an expert ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an expert's page: a template and what it shows."""

    template: str
    context: Mapping[str, Any]


# (who reads, whose page) -> a part, or None where there is nothing that this reader may see
TellPart = Callable[[User, Expert], Part | None]
PARTS: list[TellPart] = []


def adds_part(function: TellPart) -> TellPart:
    """Register a part of every expert's page; a decorator for the apps above."""
    PARTS.append(function)
    return function


def parts_of(reader: User, expert: Expert) -> list[Part]:
    """What the apps above tell ``reader`` of this expert, in the order in which they registered."""
    return [part for tell in PARTS if (part := tell(reader, expert)) is not None]


@dataclass(frozen=True, slots=True)
class Column:
    """One more column of the pool's list: its heading, and what stands there for each expert by id."""

    heading: str
    cells: Mapping[int, str]


# (who reads, the experts of one page) -> a column, or None for a reader who may not see it
TellColumn = Callable[[User, Iterable[Expert]], Column | None]
COLUMNS: list[TellColumn] = []


def adds_column(function: TellColumn) -> TellColumn:
    """Register a column of the pool's list; a decorator for the apps above."""
    COLUMNS.append(function)
    return function


def columns_for(reader: User, experts: Iterable[Expert]) -> list[Column]:
    """What the apps above tell ``reader`` of each of these experts, in the order in which they registered."""
    rows = list(experts)
    return [column for tell in COLUMNS if (column := tell(reader, rows)) is not None]
