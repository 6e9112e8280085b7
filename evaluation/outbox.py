"""The outbox 待发消息: what a decision tells waits for an officer's look where its programme says so.

Hides: that a held message is one row with its words in every language while its copies lie ready, neither shown nor sent;
that a period which the message opens does not run before it leaves; and how often it may leave: once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from communities.permissions import city_duties, duties_of, officers
from evaluation.barring import without_barred
from evaluation.basis import unknown_programme, unstated
from evaluation.clocks import HOLDERS, STEPS
from evaluation.models import Application, HeldMessage, HoldingRule
from evaluation.permissions import can_city, held_messages_visible_to
from portal import audit, clock, message_texts, notify
from portal.machine import MACHINES, NotAllowed, Stale
from portal.message_texts import LANGUAGES, Wording
from portal.models import Event, Notification, User
from portal.problems import Changed, Problem, Refused, gettext_noop

STEP = "outbox"  # the limit by which a held message should have left
# verb of an act -> duty that looks over what it tells, beside the supervisor
HOLDABLE: Mapping[str, str] = {
    "application.request_correction": "intake",
    "application.refuse": "intake",
    "application.decline_recommendation": "district_officer",
    "application.lapse": "intake",
    "application.ask_revision": "organiser",
    "application.not_pass": "approver",
    "application.certify": "approver",
    "certificate.revoke": "supervisor",
}
DUE = "期限"  # the place that is filled in when the message leaves


# --- where messages wait ----------------------------------------------------------------------------------------------


def is_held(application: Application, verb: str) -> bool:
    """Does what ``verb`` tells in this application's programme wait for a look? One query for a verb that may, else none."""
    if verb not in HOLDABLE:
        return False
    programme = application.project.programme_id
    rules = HoldingRule.objects.filter(verb=verb, programme__in=["", programme])
    found = dict(rules.values_list("programme", "holds"))
    return found.get(programme, found.get("", False))


def rule_problems(programme: str, verb: str, basis: str) -> Iterator[Problem]:
    if verb not in HOLDABLE:
        yield Problem("verb_unknown", "verb", gettext_noop("这项办理的通知不能设为待发。"))
    yield from unknown_programme(programme)
    yield from unstated(basis)


def change_rule(by: User, programme: str, verb: str, holds: bool, basis: str, seen: bool | None = None) -> HoldingRule:
    """Say whether the messages of one act wait, for one programme ("" for all without an own rule), from now on.

    seen: what held when the page was read, None where there was no such rule. Raises NotAllowed, Refused with every
    problem, Changed where somebody else has changed it meanwhile. What is held already stays held.
    """
    if not can_city(by, "change_messages"):
        raise NotAllowed("change_messages")
    problems = list(rule_problems(programme, verb, basis))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        before = HoldingRule.objects.filter(programme=programme, verb=verb).first()
        if (before.holds if before else None) != seen:
            last = Event.objects.of(before).last() if before else None
            message = gettext_noop("%(who)s刚刚改过这条规则，请看过后再定。")
            raise Changed([Problem("changed", "", message, {"who": last.actor_name if last else ""})], {})
        values = {"holds": holds, "basis": basis.strip()}
        row, _made = HoldingRule.objects.update_or_create(programme=programme, verb=verb, defaults=values)
        audit.record(
            row, "holding_rule.change", by=by, role="security_administrator", programme=programme, act=verb, before=seen,
            after=holds, old_basis=before.basis if before else "", basis=row.basis,
        )  # fmt: skip
    return row


# --- holding ----------------------------------------------------------------------------------------------------------


def hold(application: Application, event: Event, people: Iterable[User], kind: str, link: str, **context: Any) -> None:
    """Write what an act tells, held; inside the act. A period that it opens waits with it."""
    said = {**context, "event": event}
    notify.write(f"event:{event.pk}", people, kind, link, held=True, **said)
    own = message_texts.in_force(kind)
    words = {code: message_texts.wording_of(kind, code, own.get(code)) for code in LANGUAGES}
    values = {code: message_texts.values_of(kind, link, code, said) for code in LANGUAGES}
    day = timezone.localdate(event.at)
    row = HeldMessage.objects.create(
        application=application, event=event, kind=kind, duty=HOLDABLE[event.verb], state="held", values=values,
        words={code: {"subject": text.subject, "body": text.body} for code, text in words.items()},
        title=words[LANGUAGES[0]].filled(values[LANGUAGES[0]]).subject,
        starts=_stop_clock(application, kind), due_on=clock.deadline(STEP, day, application.project.programme_id),
    )  # fmt: skip
    if row.starts:
        audit.record(application, "application.await_message", by=None, message=row.title)


def _stop_clock(application: Application, kind: str) -> str:
    """Nobody's period runs before they are told of it. Returns the step whose clock the message will start, "" for none."""
    if kind != "correction" or HOLDERS.get(application.state) != "applicant" or application.due_on is None:
        return ""
    Application.objects.filter(pk=application.pk, state=application.state).update(due_on=None)
    application.due_on = None
    return STEPS[application.state]


def copies(message: HeldMessage) -> QuerySet[Notification]:
    """The message as each of its receivers will find it."""
    rows = Notification.objects.filter(event=message.event_id, kind=message.kind).exclude(user=None)
    return rows.select_related("user").order_by("user__name", "pk")


def waits_for_message(application: Application) -> bool:
    """Whether the applicant's clock has not begun since what opens it is still held."""
    step = STEPS.get(application.state)
    if step is None or application.due_on is not None or HOLDERS.get(application.state) != "applicant":
        return False
    return application.held_messages.filter(state="held", starts=step).exists()


def previewed(message: HeldMessage, language: str, words: Mapping[str, str] | None = None) -> Wording:
    """The message as it would leave today; ``words``: with these instead of its own."""
    values = dict(message.values[language])
    if message.starts and message.state == "held":
        values[DUE] = _due_on(message, timezone.localdate()).isoformat()
    return Wording(**(words or message.words[language])).filled(values)


def words_at(message: HeldMessage, revision: str) -> Mapping[str, Any] | None:
    """The words of an earlier revision, which the rewording that ended it keeps; None for the one that stands and for none."""
    events = Event.objects.of(message).filter(verb="held_message.reword")
    return next((event.data["before"] for event in events if str(event.data.get("revision")) == revision), None)


def _due_on(message: HeldMessage, day: date) -> date:
    return clock.deadline(message.starts, day, message.application.project.programme_id)


def told_on(application: Application, since: datetime) -> date | None:
    """The day on which the applicant was told of a correction asked for at ``since``: None while that is held."""
    rows = HeldMessage.objects.filter(application=application, starts="correction", event__at__gte=since)
    row = rows.order_by("event").first()
    if row is None:
        return timezone.localdate(since)
    return timezone.localdate(row.state_since) if row.state == "released" else None


# --- letting go -------------------------------------------------------------------------------------------------------


def release(message: HeldMessage, day: date) -> dict[str, Any]:
    """Let every copy go; inside the act, whose row is taken: of two at once only one comes here. Returns what is told."""
    told: dict[str, Any] = {}
    due_on = _start_clock(message, day)
    for code in LANGUAGES:
        values = dict(message.values[code])
        if message.starts:
            values[DUE] = due_on.isoformat() if due_on else ""
        message.values[code] = values
        text = Wording(**message.words[code]).filled(values)
        mine = copies(message).filter(held_since__isnull=False, user__language=code)
        told[code] = mine.order_by().update(
            subject=text.subject, body=text.body, held_since=None, created_at=timezone.now()
        )
    HeldMessage.objects.filter(pk=message.pk).update(values=message.values)
    notify.ring_after_commit()
    return {"copies": sum(told.values()), **({"starts_until": due_on.isoformat()} if due_on else {})}


def _start_clock(message: HeldMessage, day: date) -> date | None:
    """The period that the message opens begins on the day it leaves, if the case still stands where it waits for that."""
    application = message.application
    if not message.starts or STEPS.get(application.state) != message.starts:
        return None
    limit = clock.limit_of(message.starts, application.project.programme_id, day)
    due_on = _due_on(message, day)
    rows = Application.objects.filter(pk=application.pk, state=application.state, due_on=None)
    if not rows.update(due_on=due_on):
        return None
    audit.record(
        application, "application.start_clock", by=None, days=limit.days, basis=limit.basis, due_on=due_on.isoformat()
    )
    application.due_on = due_on
    return due_on


def release_each(
    by: User, pks: Iterable[int], seen: Mapping[int, str] | None = None
) -> tuple[list[HeldMessage], list[tuple[HeldMessage, str]]]:
    """Release several, each for itself: what was released, and what was not with the reason.

    seen: id -> revision that ``by`` had before them, of those of which that is known.
    """
    done, left = [], []
    machine = MACHINES["held_message"]
    for message in machine.visible_to(by).filter(pk__in=list(pks)).order_by("pk"):
        try:
            machine.perform(message, "release", by=by, revision=(seen or {}).get(message.pk, ""))
        except Stale as stale:
            who = stale.last.actor_name if stale.last else ""
            left.append((message, _("%(who)s已先行办理") % {"who": who}))
        except NotAllowed:
            left.append((message, _("不由您核发，或已经办理")))
        except Refused as refused:
            left.append((message, _("；").join(problem.text(_) for problem in refused.problems)))
        else:
            done.append(message)
    return done, left


# --- who looks --------------------------------------------------------------------------------------------------------


def holders(message: HeldMessage) -> Iterable[User]:
    """Whoever holds the duty that acted and need not stand back; of a district only its own officers."""
    project = message.application.project
    district = project.community.district_id if message.duty == "district_officer" else None
    return without_barred(officers(message.duty, district), project)


def waiting_on(user: User) -> Iterator[dict[str, Any]]:
    """What of the outbox waits on ``user``, as the fields of ``work.Waiting``: the messages of the duties they hold.

    The supervisor is told by the escalation once a message has waited too long, and may always release.
    """
    duties = city_duties(user)
    if not duties_of(user):
        return
    rows = held_messages_visible_to(user).filter(state="held")
    if "supervisor" in duties:
        rows = rows.filter(duty__in=duties | {"supervisor"})
    for row in rows.select_related("application__project__community__district").order_by("pk"):
        community = row.application.project.community
        yield {
            "key": f"held-message-{row.pk}", "subject": community.name,
            "detail": f"{community.district.name} · {row.kind_name}", "sentence": _("核发待发消息"), "due_on": row.due_on,
            "link": row.get_absolute_url(), "since": row.state_since,
        }  # fmt: skip
