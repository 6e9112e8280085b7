"""What experts declare of themselves: where they worked, and what else ties them to an organisation.

Hides: that nothing declared is ever deleted (it ends on a day, or is corrected with a reason and stays on record), how
the last three years are covered, and who reads it all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from communities import credit_code
from communities.permissions import officers
from experts import facts, standing
from experts.models import Clearance, Employment, Expert, Recusal
from experts.permissions import as_person, can_expert
from portal import audit, notify
from portal.machine import NotAllowed, Stale
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop
from portal.workdays import years_later

# What an expert may declare beside employments; the other reasons are decided by officers.
DECLARABLE = (
    Recusal.Reason.DIRECTOR, Recusal.Reason.HOLDING, Recusal.Reason.KINSHIP, Recusal.Reason.ADVISED, Recusal.Reason.SELF,
)  # fmt: skip
KINDS: Mapping[str, type[Employment] | type[Recusal]] = {"employment": Employment, "recusal": Recusal}
# The employment history that is asked for; the years that count for a case are its programme's.
YEARS = 3
NOTE_AT_MOST = 500  # characters

Fact = Employment | Recusal


# --- reading ----------------------------------------------------------------------------------------------------------


def employments(expert: Expert) -> QuerySet[Any]:
    """The employment history, the latest first, without what was corrected. A row without a name says: no employment."""
    rows: QuerySet[Any] = Employment.objects.in_force().filter(expert=expert)
    return rows


def ties(expert: Expert) -> QuerySet[Any]:
    """What else the expert declared, the latest first, without what was corrected and what officers decided."""
    rows: QuerySet[Any] = Recusal.objects.in_force().filter(expert=expert)
    return rows.exclude(reason=Recusal.Reason.PINNED).order_by("-pk")


def uncovered(rows: QuerySet[Any], day: date) -> list[tuple[date, date]]:
    """First and last day of every stretch of the last ``YEARS`` years, up to ``day``, of which ``rows`` say nothing."""
    found: list[tuple[date, date]] = []
    free = years_later(day, -YEARS)
    for row in rows.order_by("since", "pk"):
        if row.since > free:
            found.append((free, min(row.since - timedelta(days=1), day)))
        free = max(free, min(row.until or day, day) + timedelta(days=1))
        if free > day:
            return found
    return [*found, (free, day)]


def own_facts(user: User, kind: str) -> QuerySet[Any]:
    """The facts of ``kind`` (a key of KINDS) that ``user`` declared as an expert and may still change."""
    rows: QuerySet[Any] = KINDS[kind].objects.in_force().filter(expert__user__in=as_person(user))
    rows = rows.select_related("expert__user")
    return rows.exclude(reason=Recusal.Reason.PINNED) if kind == "recusal" else rows


@standing.adds_part
def tell_facts(reader: User, expert: Expert) -> standing.Part | None:
    """What officers, and the expert, read on the expert's page; pins are for officers alone."""
    if not can_expert(reader, "see_facts", expert):
        return None
    history = employments(expert)
    tied = list(ties(expert))
    own = expert.user_id in as_person(reader)
    pinned = [] if own else [*_pins_of(expert)]
    return standing.Part(
        "experts/_facts.html",
        {
            "employments": history,
            "ties": tied,
            "pins": pinned,
            "own": own,
            "gaps": uncovered(history, timezone.localdate()),
            "unit_names": facts.names_of({row.party_code for row in [*tied, *pinned]}),
            "may_pin": can_expert(reader, "pin_fact", expert),
            "may_declare": can_expert(reader, "declare_fact", expert),
        },
    )


def _pins_of(expert: Expert) -> Iterator[facts.Pin]:
    yield from Recusal.objects.in_force().filter(expert=expert, reason=Recusal.Reason.PINNED).order_by("pk")
    yield from Clearance.objects.in_force().filter(expert=expert).order_by("pk")


# --- declaring --------------------------------------------------------------------------------------------------------


def add_employment(by: User, expert: Expert, values: Mapping[str, Any]) -> Employment:
    """Add to the employment history. values: name, credit_code, post (text), since, until (days or None), none (bool).

    none: there was no employment in that time; the other words are then not kept. A credit code is kept off every case
    of that organisation; without one the name only suggests. Raises NotAllowed, Stale, Refused with every problem.
    """
    _authorise(by, expert)
    words = {name: (values.get(name) or "").strip() for name in ("name", "credit_code", "post")}
    words["credit_code"] = credit_code.normalise(words["credit_code"])
    if values.get("none"):
        words = dict.fromkeys(words, "")
    problems = [*_wrong_days(values.get("since"), values.get("until"))]
    if not words["name"] and not values.get("none"):
        problems.append(
            Problem("required", "name", gettext_noop("请填写单位名称；没有任职的，请勾选“这段时间没有任职”。"))
        )
    wrong = credit_code.problem_of(words["credit_code"]) if words["credit_code"] else None
    if wrong:
        problems.append(Problem(wrong.code, "credit_code", wrong.message, wrong.params))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        facts.take(expert, words["credit_code"])
        said = {**words, "since": values["since"], "until": values.get("until")}
        if employments(expert).filter(**said).exists():  # a form that was sent twice
            raise Refused([Problem("declared", "name", gettext_noop("这一段任职经历已经申报。"))])
        row = Employment.objects.create(expert=expert, **said)
        _record(by, row, "expert.declare_employment", name=row.name, party=row.credit_code)
        if row.credit_code:
            facts.tell_followers(expert, row.credit_code)
    return row


def declare(by: User, expert: Expert, values: Mapping[str, Any]) -> Recusal:
    """Declare what ties the expert to a party. values: party (as in ``facts.party_of``), reason (of DECLARABLE), note,
    since, until (days or None). Raises NotAllowed, Stale, Refused with every problem."""
    _authorise(by, expert)
    problems, code = [*_wrong_days(values.get("since"), values.get("until"), is_known=False)], ""
    if values.get("reason") not in DECLARABLE:
        problems.append(Problem("reason", "reason", gettext_noop("请选择是什么关系。")))
    note = (values.get("note") or "").strip()
    if len(note) > NOTE_AT_MOST:
        problems.append(Problem("too_long", "note", gettext_noop("说明最多 %(most)s 个字。"), {"most": NOTE_AT_MOST}))
    try:
        code = facts.party_of(values.get("party") or "")
    except Refused as refused:
        problems += refused.problems
    with transaction.atomic():
        facts.take(expert, code)
        reason = values.get("reason")
        if ties(expert).filter(party_code=code, reason=reason).exists():
            problems.append(Problem("declared", "party", gettext_noop("与该单位的这一关系已经申报。")))
        if problems:
            raise Refused(problems)
        days = {"since": values.get("since"), "until": values.get("until")}
        row = Recusal.objects.create(expert=expert, party_code=code, reason=reason, note=note, declared_by=by, **days)
        if reason == Recusal.Reason.SELF:
            facts.declare_doubt(by, expert, [code], note, timezone.localdate())
        _record(by, row, "expert.declare_tie", kind=str(reason), party=code)
        facts.tell_followers(expert, code)
    return row


def end(by: User, fact: Fact, until: date | None) -> None:
    """Say until when a fact held that has no end yet. Raises NotAllowed, Stale, Refused."""
    _authorise_change(by, fact)
    problems = [*_wrong_days(fact.since, until, is_known=False)]
    if until is None:
        problems.append(Problem("required", "until", gettext_noop("请填写结束日期。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        if not type(fact).objects.in_force().filter(pk=fact.pk, until=None).update(until=until):
            raise Stale(Event.objects.of(fact.expert).last())
        _record(by, fact, "expert.end_fact", party=_code_of(fact), until=str(until))


def correct(by: User, fact: Fact, reason: str) -> None:
    """Take back what was declared wrongly, with the reason; keepers of the pool are told. Raises NotAllowed, Stale, Refused."""
    _authorise_change(by, fact)
    if not reason.strip():
        raise Refused([Problem("required", "reason", gettext_noop("请写明理由。"))])
    if len(reason.strip()) > NOTE_AT_MOST:
        message = gettext_noop("理由最多 %(most)s 个字。")
        raise Refused([Problem("too_long", "reason", message, {"most": NOTE_AT_MOST})])
    with transaction.atomic():
        if not type(fact).objects.in_force().filter(pk=fact.pk).update(withdrawn_at=timezone.now()):
            raise Stale(Event.objects.of(fact.expert).last())
        event = _record(by, fact, "expert.correct_fact", party=_code_of(fact), reason=reason.strip())
        notify.write(
            f"event:{event.pk}", officers("pool_keeper").exclude(pk=by.pk), "progress", fact.expert.get_absolute_url(),
            subject=str(fact.expert), sentence=gettext_noop("更正了申报的任职或回避事实"), event=event,
        )  # fmt: skip


def _authorise(by: User, expert: Expert) -> None:
    if not can_expert(by, "declare_fact", expert):
        raise NotAllowed("declare_fact")


def _authorise_change(by: User, fact: Fact) -> None:
    """What an officer decided is the supervisor's to lift."""
    _authorise(by, fact.expert)
    if isinstance(fact, Recusal) and facts.is_pin(fact):
        raise NotAllowed("declare_fact")


def _wrong_days(since: date | None, until: date | None, *, is_known: bool = True) -> Iterator[Problem]:
    """is_known: the first day must be said."""
    if since is None and is_known:
        yield Problem("required", "since", gettext_noop("请填写开始日期。"))
    if since is not None and since > timezone.localdate():
        yield Problem("in_future", "since", gettext_noop("开始日期不能晚于今天。"))
    if until is not None and until > timezone.localdate():
        yield Problem("in_future", "until", gettext_noop("结束日期不能晚于今天。"))
    if since is not None and until is not None and until < since:
        yield Problem("days_turned", "until", gettext_noop("结束日期早于开始日期。"))


def _code_of(fact: Fact) -> str:
    return fact.credit_code if isinstance(fact, Employment) else fact.party_code


def _record(by: User, fact: Fact, verb: str, **data: Any) -> Event:
    return audit.record(fact.expert, verb, by=by, role="expert", fact=fact.pk, **data)
