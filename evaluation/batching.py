"""Bulk acts 批量办理: one act for many cases, tried on each of them first, then done by a worker as the person who asked.

Hides: that a trial is the act itself, undone; that a case and the mark that it was done are written in one transaction, so
that a worker may be killed anywhere and nothing is done twice; and that the person's rights are read anew for each case.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from communities.permissions import SYSTEM, city_duties, duties_of
from evaluation import approving, desk, handling
from evaluation.models import Application, Batch, BatchRow, HeldMessage
from evaluation.permissions import OFFICERS, may_see_queue, visible_to
from portal import audit, notify
from portal.machine import MACHINES, Event, NotAllowed, Stale, Transition, hold
from portal.models import Notification, User
from portal.problems import Problem, Refused, gettext_noop
from portal.tasks import silence
from portal.templatetags.portal import doer, sentence

logger = logging.getLogger(__name__)

MOST = 1000  # cases of one batch
NAMED = 5  # receivers that a summary names
ASKABLE = frozenset({"reason", "opinion", "handler"})
KINDS = frozenset({"text", "line", "choice"})
WITH_CASES = OFFICERS | {"district_officer"}
# act -> what its owner should see of each case beforehand, its ``cautions`` among it
LOOKS: Mapping[str, Callable[[User, Application], dict[str, Any]]] = {"approve": approving.facts}
# act -> whether a case is still what its owner saw
AS_SEEN: Mapping[str, Callable[[User, Application, dict[str, Any]], bool]] = {"approve": approving.is_as_seen}


# --- what can be done to many -------------------------------------------------------------------------------------


def acts_of(user: User) -> dict[str, Transition]:
    """Acts that ``user`` may do to several cases at once: those of their duties that ask at most a reason or an opinion."""
    duties = {duty for duty, _district in duties_of(user)} & WITH_CASES
    rows = [row for row in MACHINES["application"].transitions if duties & set(row.by) and _is_plain(row)]
    found: dict[str, Transition] = {}
    for row in sorted(rows, key=lambda row: row.action not in ("assign", "remind")):
        found.setdefault(row.action, row)
    return found


def _is_plain(row: Transition) -> bool:
    return all(ask.name in ASKABLE and ask.kind in KINDS for ask in row.asks)


def act_of(batch: Batch) -> Transition:
    """The act of a batch, for what it is called."""
    return next(row for row in MACHINES["application"].transitions if row.action == batch.act)


def found_by(user: User, params: Mapping[str, str]) -> list[int]:
    """Ids of all cases that the queue of ``user`` shows for a query. Raises Refused where it cannot be read or asks too many."""
    return _few(desk.rows(user, params).values_list("pk", flat=True)[: MOST + 1])


def ticked_by(user: User, chosen: Iterable[int]) -> list[int]:
    """Those of ``chosen`` that ``user`` may see, by deadline."""
    return _few(visible_to(user).filter(pk__in=list(chosen)).by_deadline().values_list("pk", flat=True)[: MOST + 1])


def _few(pks: Iterable[int]) -> list[int]:
    found = list(pks)
    if len(found) > MOST:
        message = gettext_noop("一次最多办理%(most)s件，请缩小范围后分几次办理。")
        raise Refused([Problem("too_many", "cases", message, {"most": MOST})])
    if not found:
        raise Refused([Problem("none_chosen", "cases", gettext_noop("请先勾选案件。"))])
    return found


# --- preparing ----------------------------------------------------------------------------------------------------


def prepare(
    by: User, act: str, cases: Iterable[int], said: Mapping[str, Any], query: str = "", handed_by: User | None = None
) -> Batch:
    """Write down what shall be done to which cases; a worker then tries it. Raises NotAllowed, Refused with every problem.

    said: what the act asks, name -> text; query: the words by which the cases were found.
    """
    row = acts_of(by).get(act)
    if row is None:
        raise NotAllowed(f"batch.{act}")
    asked = {ask.name: str(said.get(ask.name) or "").strip() for ask in row.asks}
    problems = [
        Problem("required", ask.name, gettext_noop("请填写“%(label)s”。"), {"label": ask.label})
        for ask in row.asks
        if ask.required and not asked[ask.name]
    ]
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        batch = Batch.objects.create(
            owner=by,
            act=act,
            data=asked,
            query=query[:1000],
            handed_by=handed_by,
            token=by.acts_through,
            state="checking",
        )
        rows = [BatchRow(batch=batch, application_id=pk, position=place) for place, pk in enumerate(cases, start=1)]
        BatchRow.objects.bulk_create(rows, batch_size=500)
        more = {"from_officer": str(handed_by)} if handed_by else {}
        audit.record(
            batch, "batch.prepare", by=by, role=_role(by, row), act=act, cases=len(rows), query=query, **asked, **more
        )
        transaction.on_commit(lambda: _ring(batch), robust=True)
    return batch


def _role(by: User, row: Transition) -> str:
    held = {duty for duty, _district in duties_of(by)}
    return next((role for role in row.by if role in held), "")


def _ring(batch: Batch) -> None:
    from portal.tasks import ring_advance

    ring_advance("batch", batch.pk)


def hand_over(by: User, officer: User, duty: str, successor: User, reason: str, chosen: Iterable[int] | None) -> Batch:
    """Prepare that the cases of ``officer`` in ``duty`` (the chosen ones; None: all) go to ``successor``.

    Raises NotAllowed for anybody but the officer and a supervisor, Refused with every problem.
    """
    if duty not in handling.DUTIES or not handling.may_hand_over(by, officer):
        raise NotAllowed("batch.hand_over")
    held = list(handling.to_hand_over(by, officer, duty).values_list("pk", flat=True))
    cases = held if chosen is None else [pk for pk in held if pk in set(chosen)]
    problems = []
    if not reason.strip():
        problems.append(Problem("required", "reason", gettext_noop("请写明移交的事由。")))
    if not handling.successors(officer, duty).filter(pk=successor.pk).exists():
        problems.append(Problem("handler_unfit", "successor", gettext_noop("接收人须承担同一职责。")))
    if not cases:
        problems.append(Problem("none_chosen", "cases", gettext_noop("没有可以移交的在办案件。")))
    if problems:
        raise Refused(problems)
    return prepare(by, "assign", _few(cases), {"handler": successor.pk, "reason": reason}, handed_by=officer)


# --- the worker's part --------------------------------------------------------------------------------------------


def foresee(batch: Batch) -> None:
    """Try the act on each case that was not tried yet, and undo it; then the batch waits for its owner's word."""
    for row in batch.rows.filter(foreseen="").select_related("batch"):
        with transaction.atomic():
            if not _keep_going(batch, "checking"):
                return
            problems, told = _tried(row)
            values = {"problems": problems, "told": told, "foreseen": "refused" if problems else "possible"}
            values |= _seen(batch, row, not problems)
            BatchRow.objects.filter(pk=row.pk, foreseen="").update(**values)
    MACHINES["batch"].perform(batch, "foreseen", by=None)


def _seen(batch: Batch, row: BatchRow, possible: bool) -> dict[str, Any]:
    """What the owner should see of a case; a ``possible`` one that calls for caution is left out until they take it in."""
    look = LOOKS.get(batch.act)
    application = visible_to(batch.owner).with_case().filter(pk=row.application_id).first() if look else None
    if look is None or application is None:
        return {}
    found = look(batch.owner, application)
    return {"facts": found, "is_left_out": possible and bool(found.get("cautions"))}


def choose(by: User, batch: Batch, shown: Iterable[int], taken: Iterable[int]) -> None:
    """Of the ``shown`` cases take in those that are ``taken`` and leave the others out, before the batch is run.

    shown, taken: ids of applications. Raises NotAllowed for anybody but the owner, Stale once it runs.
    """
    if "owner" not in roles_of(by, batch):
        raise NotAllowed("batch.choose")
    inside = set(taken)
    with transaction.atomic():
        hold(batch, "prepared")
        rows = batch.rows.filter(application__in=set(shown)).values_list("application", "is_left_out")
        before = {pk for pk, left_out in rows if not left_out}
        after = {pk for pk, _left_out in rows if pk in inside}
        if before == after:
            return
        batch.rows.filter(application__in=after - before).update(is_left_out=False)
        batch.rows.filter(application__in=before - after).update(is_left_out=True)
        taken_in, left_out = sorted(after - before), sorted(before - after)
        audit.record(batch, "batch.choose", by=by, role="owner", taken_in=taken_in, left_out=left_out)


def run(batch: Batch) -> None:
    """Do the act to each case that waits, each in its own transaction; then the batch is done."""
    for row in batch.rows.filter(outcome="waiting", is_left_out=False):
        if not _do(batch, row):
            return
    MACHINES["batch"].perform(batch, "finish", by=None)


def _do(batch: Batch, row: BatchRow) -> bool:
    """One case and its mark, or neither; False once the batch was stopped."""
    with transaction.atomic():
        if not _keep_going(batch, "running"):
            return False
        # Whoever takes the row first does it; it is marked in the very transaction that does it.
        waiting = BatchRow.objects.filter(pk=row.pk, outcome="waiting", is_left_out=False)
        if waiting.update(outcome="done", problems=[], at=timezone.now()):
            problems, _event = _attempt(batch, row)
            if problems:
                BatchRow.objects.filter(pk=row.pk).update(outcome="refused", problems=problems)
    return True


def _keep_going(batch: Batch, state: str) -> bool:
    """Keep the batch for this worker a while longer; False where it is in another state by now."""
    until = timezone.now() + timedelta(seconds=settings.WORK_LEASE_SECONDS)
    return bool(Batch.objects.filter(pk=batch.pk, state=state).update(claimed_until=until))


def _tried(row: BatchRow) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """What speaks against it, and whom it would tell what: the act itself, undone."""
    with silence(), transaction.atomic():
        problems, event = _attempt(row.batch, row)
        told = _messages(row, event) if event else []
        transaction.set_rollback(True)
    return problems, told


def _attempt(batch: Batch, row: BatchRow) -> tuple[list[dict[str, Any]], Event | None]:
    """Do the act as its owner, whose duties are read now; what speaks against it undoes it alone."""
    by = User.objects.get(pk=batch.owner_id)
    by.acts_through = batch.token
    try:
        with transaction.atomic():
            application = visible_to(by).with_case().filter(pk=row.application_id).first()
            if application is None:
                raise NotAllowed(batch.act)
            if batch.handed_by and not handling.is_held_by(batch.handed_by, application):
                raise Refused([_not_theirs(batch)])
            if row.facts and not AS_SEEN[batch.act](by, application, row.facts):
                raise Refused([CHANGED])
            said = {name: value for name, value in batch.data.items() if value != ""}
            return [], MACHINES["application"].perform(application, batch.act, by=by, batch=batch.pk, **said)
    except Exception as error:  # whatever it is: one case must not stop the others, and its row says why
        return [problem.as_record() for problem in _problems_of(error, row)], None


CHANGED = Problem("changed", "", gettext_noop("您看过之后内容有改动，没有办理；请看过现在的内容再办。"))


def _not_theirs(batch: Batch) -> Problem:
    """Somebody else got the case since its handing over was prepared: it stays with them."""
    message = gettext_noop("本案已不由%(who)s经办，不随这次移交。")
    return Problem("not_theirs", "", message, {"who": str(batch.handed_by)})


def _problems_of(error: Exception, row: BatchRow) -> Iterable[Problem]:
    if isinstance(error, Refused):
        return error.problems
    if isinstance(error, NotAllowed):
        return [Problem("not_allowed", "", gettext_noop("您现在没有办理此案的权限。"))]
    if isinstance(error, Stale):
        if error.last is None:
            return [Problem("stale", "", gettext_noop("案件不在可以这样办理的环节。"))]
        words = {"who": doer(error.last), "what": sentence(error.last)}
        message = gettext_noop("案件不在可以这样办理的环节：%(who)s已先行%(what)s。")
        return [Problem("stale", "", message, words)]
    logger.exception("case %s of batch %s failed", row.application_id, row.batch_id)
    return [Problem("failed", "", gettext_noop("办理时系统出错，请单独办理此案。"))]


def _messages(row: BatchRow, event: Event) -> list[list[str]]:
    """Kind of message and whom it reaches, of one act that was tried."""
    application = Application.objects.get(pk=row.application_id)
    written = Notification.objects.filter(event=event)
    if row.batch.act == "remind":
        written = handling.reminders(application, timezone.localdate(event.at))
    held = HeldMessage.objects.filter(event=event).exists()
    people = written.select_related("user").order_by("user__name")
    return [["held" if held else note.kind, str(note.user or note.address)] for note in people]


# --- afterwards ---------------------------------------------------------------------------------------------------


def tell(batch: Batch, event: Event) -> None:
    """Who asked for it hears that it is done; of cases that changed hands both sides do."""
    if event.verb not in ("batch.finish", "batch.stop"):
        return
    counts = batch.counts()
    words = {"subject": f"{batch} · {act_of(batch).label}", "sentence": event_words(batch, counts), "event": event}
    people = [batch.owner]
    if batch.act == "assign" and counts["done"]:
        people += User.objects.filter(pk__in=[batch.data["handler"], batch.handed_by_id or 0])
    link = batch.get_absolute_url()
    notify.write(f"event:{event.pk}", people, "progress", link, **words)


def event_words(batch: Batch, counts: Mapping[str, int]) -> str:
    """What came of it, in words."""
    words = {"done": counts["done"], "refused": counts["refused"]}
    if batch.act == "assign":
        chosen = User.objects.filter(pk=batch.data["handler"]).first()
        return _("%(done)s 件交由%(who)s经办，%(refused)s 件未能办理") % {**words, "who": chosen}
    return _("办成 %(done)s 件，%(refused)s 件未能办理") % words


# --- who may ------------------------------------------------------------------------------------------------------


def roles_of(user: User | None, batch: Batch) -> frozenset[str]:
    if user is None:
        return SYSTEM
    return frozenset({"owner"}) if batch.owner_id == user.pk and may_see_queue(user) else frozenset()


def batches_visible_to(user: User) -> QuerySet[Batch]:
    """The own ones, those by which one's cases changed hands, and for a supervisor all."""
    rows: QuerySet[Batch] = Batch.objects.select_related("owner", "handed_by")
    if not may_see_queue(user):
        return rows.none()
    if "supervisor" in city_duties(user):
        return rows
    return rows.filter(owner=user) | rows.filter(handed_by=user) | rows.filter(act="assign", data__handler=str(user.pk))


def result_rows(user: User, batch: Batch) -> QuerySet[BatchRow]:
    """The cases of a batch that ``user`` may see, those that cannot or were refused first.

    What was seen of a result is for whoever may read it there: the owner was asked when it was written down.
    """
    seen = visible_to(user)
    if batch.act in LOOKS and batch.owner_id != user.pk:
        seen = approving.without_own(user, seen)
    rows = batch.rows.filter(application__in=seen.values("pk")).select_related(
        "application__project__community__district"
    )
    return (
        rows.order_by("-foreseen", "position")
        if batch.state in ("checking", "prepared")
        else rows.order_by("-outcome", "position")
    )


def handler_of(batch: Batch) -> User | None:
    """To whom the cases go, of a batch that gives them to somebody."""
    return User.objects.filter(pk=batch.data["handler"]).first() if batch.data.get("handler") else None


def messages_of(batch: Batch) -> list[tuple[str, int, str]]:
    """What the trial found that would be sent: kind of message, how many, and the first of whom it reaches."""
    found: dict[str, dict[str, int]] = {}
    for told in batch.rows.filter(is_left_out=False).exclude(told=[]).values_list("told", flat=True):
        for kind, name in told:
            people = found.setdefault(kind, {})
            people[name] = people.get(name, 0) + 1
    return [
        (kind, sum(people.values()), _("、").join(list(people)[:NAMED]) + (_("等") if len(people) > NAMED else ""))
        for kind, people in sorted(found.items())
    ]
