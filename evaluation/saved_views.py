"""Saved views of the queue: who may open, change and remove one; which the queue opens with; the columns one chose.

Hides: that of two who change the same view the second is told, and that a view that is no longer shared opens for nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from communities.models import Officer
from communities.permissions import duties_of
from evaluation import desk
from evaluation.models import DeskChoice, SavedView
from evaluation.permissions import OFFICERS, may_see_queue
from portal import audit
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Changed, Problem, Refused, gettext_noop

MOST = 50  # views of one person
WITH_A_QUEUE = OFFICERS | {"district_officer"}
FIELDS = ("name", "query", "columns", "duty")


def visible_to(user: User) -> Any:
    """The views that ``user`` may open, by name: the own ones and those shared with a duty that they hold today."""
    if not may_see_queue(user):
        return SavedView.objects.none()
    return SavedView.objects.open_to(user, list(shareable(user))).select_related("owner")


def shareable(user: User) -> dict[str, str]:
    """Duties with which ``user`` may share a view, with their names: those that they hold themselves."""
    held = {duty for duty, _district in duties_of(user)} & WITH_A_QUEUE
    return {duty: str(Officer.Duty(duty).label) for duty in Officer.Duty.values if duty in held}


def create(user: User, name: str, params: Mapping[str, str], columns: Iterable[str], duty: str = "") -> SavedView:
    """Keep the query of ``params`` under a name. Raises Refused with every problem."""
    if not may_see_queue(user):
        raise NotAllowed("saved_view.create")
    view = SavedView(owner=user, name=name.strip(), query=desk.query_of(params), columns=_known(columns), duty=duty)
    problems = [*_problems(user, view, params)]
    if SavedView.objects.of(user).count() >= MOST:
        message = gettext_noop("每人最多保存%(most)s个视图，请先删去不用的。")
        problems.append(Problem("too_many", "name", message, {"most": MOST}))
    _refuse(problems)
    try:
        with transaction.atomic():
            view.save(force_insert=True)
            audit.record(view, "saved_view.create", by=user, after=_facts(view))
    except IntegrityError:
        _refuse([_taken(view)])
    return view


def change(user: User, view: SavedView, seen: int, **wanted: Any) -> SavedView:
    """Change what is named: ``name``, ``duty``, ``columns``, ``params`` (the query). The owner alone.

    seen: the revision that the person had before them. Raises Refused, Changed where the view was changed since.
    """
    _own(user, view)
    before, params = _facts(view), wanted.pop("params", None)
    if params is not None:
        wanted["query"] = desk.query_of(params)
    if "columns" in wanted:
        wanted["columns"] = _known(wanted["columns"])
    for name, value in wanted.items():
        setattr(view, name, value.strip() if isinstance(value, str) else value)
    _refuse(_problems(user, view, params))
    after = _facts(view)
    try:
        with transaction.atomic():
            rows = SavedView.objects.filter(pk=view.pk, revision=seen)
            if not rows.update(**after, revision=F("revision") + 1):
                raise Changed([_overtaken()], {})
            audit.record(view, "saved_view.change", by=user, before=before, after=after)
    except IntegrityError:
        _refuse([_taken(view)])
    view.refresh_from_db()
    return view


def remove(user: User, view: SavedView) -> None:
    """Remove a view; who opened the queue with it opens it plainly from now on. The owner alone."""
    _own(user, view)
    with transaction.atomic():
        audit.record(view, "saved_view.remove", by=user, before=_facts(view))
        view.delete()


def open_with(user: User, view: SavedView | None) -> None:
    """From now on the queue of ``user`` opens with this view; None: with what waits on them."""
    if view is not None and not visible_to(user).filter(pk=view.pk).exists():
        raise NotAllowed("saved_view.open")
    _choose(user, "user.queue_view", "opens_with_id", view.pk if view else None)


def choose_columns(user: User, columns: Iterable[str]) -> None:
    """Keep the columns that ``user`` wants to see; none for the usual ones."""
    if not may_see_queue(user):
        raise NotAllowed("queue")
    _choose(user, "user.queue_columns", "columns", _known(columns))


def default_of(user: User) -> SavedView | None:
    """The view that the queue of ``user`` opens with, while they may open it."""
    chosen = desk.choice_of(user).opens_with_id
    return visible_to(user).filter(pk=chosen).first() if chosen else None


def _choose(user: User, verb: str, column: str, value: Any) -> None:
    with transaction.atomic():
        row, _made = DeskChoice.objects.get_or_create(user=user)
        before = getattr(row, column)
        if before == value:
            return
        DeskChoice.objects.filter(pk=row.pk).update(**{column: value})
        audit.record(user, verb, by=user, before=before, after=value)
    desk.forget_choice(user)


def _own(user: User, view: SavedView) -> None:
    if view.owner_id != user.pk or not may_see_queue(user):
        raise NotAllowed("saved_view.change")


def _facts(view: SavedView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in FIELDS}


def _known(columns: Iterable[str]) -> list[str]:
    wanted = set(columns)
    return [code for code in desk.COLUMNS if code in wanted]


def _problems(user: User, view: SavedView, params: Mapping[str, str] | None) -> list[Problem]:
    problems = []
    if not view.name:
        problems.append(Problem("required", "name", gettext_noop("请为视图起一个名称。")))
    if len(view.name) > SavedView._meta.get_field("name").max_length:
        problems.append(Problem("too_long", "name", gettext_noop("视图名称最多40个字。")))
    if view.duty and view.duty not in shareable(user):
        problems.append(Problem("duty_not_held", "duty", gettext_noop("只能共享给您本人承担的职责。")))
    if len(view.query) > SavedView._meta.get_field("query").max_length:
        problems.append(Problem("too_long", "query", gettext_noop("查找条件过长，请减少条件。")))
    if params is not None:
        try:
            desk.rows(user, params)
        except Refused as refused:
            problems += refused.problems
    return problems


def _taken(view: SavedView) -> Problem:
    return Problem(
        "name_taken", "name", gettext_noop("您已有名为“%(name)s”的视图，请换一个名称。"), {"name": view.name}
    )


def _overtaken() -> Problem:
    return Problem("changed", "", gettext_noop("您在别处修改过这个视图，请重新打开后再改。"))


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)
