"""Calls for experts: announcing one, prolonging it, who was admitted by it, and publishing that list once.

Hides: what makes a call's period and conditions legal, that a change leaves what was public before beside it, and when
nothing is left to be decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from experts.models import Admission, Call, CallVersion
from experts.permissions import can_pool
from portal import audit, clock, notify
from portal.machine import NotAllowed, Stale
from portal.models import Event, Sequence, User
from portal.problems import Problem, Refused, gettext_noop

CALL_FIELDS = ("title", "conditions", "opens_on", "closes_on", "term_years", "fields_at_most")
CHANGEABLE = ("conditions", "closes_on")
# a call is only made longer, never shorter: a year with a digit too many could not be taken back
LONGEST_TERM, MOST_FIELDS, LONGEST_YEARS = 10, 10, 2
CONDITIONS_AT_MOST, REASON_AT_MOST = 20_000, 500  # characters


def open_call(by: User, values: Mapping[str, Any]) -> Call:
    """Announce a call; anybody sees it at once, and may apply within its period. Raises NotAllowed, Refused.

    values: the columns of ``CALL_FIELDS``; term_years in years.
    """
    if not can_pool(by, "open_call"):
        raise NotAllowed("open_call")
    today = timezone.localdate()
    kept = {name: values.get(name) for name in CALL_FIELDS}
    kept |= {name: (kept[name] or "").strip() for name in ("title", "conditions")}
    if problems := [*_problems(kept, today)]:
        raise Refused(problems)
    with transaction.atomic():
        # The number is taken first, so that of a form that was sent twice the second one finds the first.
        number = f"ZJZ-{today.year}-{Sequence.take(f'call-{today.year}'):03d}"
        if Call.objects.filter(**kept).exists():
            message = gettext_noop("同样的征集已经发布，不必重复发布。")
            raise Refused([Problem("double", "title", message)])
        call = Call.objects.create(number=number, made_by=by, **kept)
        audit.record(call, "call.open", by=by, role="pool_keeper", number=number)
    return call


def _problems(kept: Mapping[str, Any], today: date) -> Iterator[Problem]:
    for name in CALL_FIELDS:
        if kept[name] in (None, ""):
            yield Problem("required", name, gettext_noop("请填写该项。"))
    yield from _long_conditions(kept["conditions"])
    opens_on, closes_on = kept["opens_on"], kept["closes_on"]
    if closes_on and closes_on < today:
        yield Problem("date_past", "closes_on", gettext_noop("截止日期不能早于今天。"))
    elif opens_on and closes_on and closes_on < opens_on:
        yield Problem("dates_swapped", "closes_on", gettext_noop("截止日期不能早于开始日期。"))
    yield from clock.too_far("closes_on", closes_on, LONGEST_YEARS)
    for name, most in (("term_years", LONGEST_TERM), ("fields_at_most", MOST_FIELDS)):
        if kept[name] is not None and not 1 <= kept[name] <= most:
            yield Problem("out_of_range", name, gettext_noop("应为 1 至 %(most)s。"), {"most": most})


def _long_conditions(text: str) -> Iterator[Problem]:
    if len(text) > CONDITIONS_AT_MOST:
        yield Problem("too_long", "conditions", gettext_noop("最多 %(most)s 字。"), {"most": CONDITIONS_AT_MOST})


# --- changing what was announced --------------------------------------------------------------------------------------


def may_change(user: User, call: Call, day: date) -> bool:
    """Whether ``user`` may prolong the call or change its conditions on ``day``: until its last day is over."""
    return can_pool(user, "open_call") and call.published_at is None and day <= call.closes_on


def change_call(by: User, call: Call, values: Mapping[str, Any], reason: str, seen: int | None = None) -> None:
    """Prolong a call or change its conditions, with the reason; what it said before stays public beside it.

    values: those of ``CHANGEABLE`` that change. seen: the version that the person had before them. Whoever has begun to
    apply has as much time, and is told. Raises NotAllowed, Stale for another version, Refused with every problem.
    """
    today = timezone.localdate()
    if not can_pool(by, "open_call"):
        raise NotAllowed("open_call")
    before = {name: getattr(call, name) for name in CHANGEABLE}
    after = {**before, **{name: values[name] for name in CHANGEABLE if name in values}}
    after["conditions"] = (after["conditions"] or "").strip()
    if problems := [*_change_problems(call, before, after, reason.strip(), today)]:
        raise Refused(problems)
    with transaction.atomic():
        asked = Call.objects.filter(pk=call.pk, version=call.version if seen is None else seen, published_at=None)
        # In one statement, so that of two who change at once the second one is told.
        if not asked.update(version=F("version") + 1, **after):
            raise Stale(Event.objects.of(call).last())
        CallVersion.objects.create(call=call, number=call.version, replaced_by=by, reason=reason.strip(), **before)
        held = call.admissions.filter(state="draft", due_on__lt=after["closes_on"])
        held.update(due_on=after["closes_on"])
        call.refresh_from_db()
        said = {"version": call.version, "until": call.closes_on.isoformat(), "reason": reason.strip()}
        event = audit.record(call, "call.change", by=by, role="pool_keeper", number=call.number, **said)
        people = User.objects.filter(admissions__in=call.admissions.open()).distinct()
        sentence = gettext_noop("征集的截止日期或入库条件有变化，请查看")
        link = call.get_absolute_url()
        notify.write(f"event:{event.pk}", people, "pool", link, subject=str(call), sentence=sentence, event=event)


def _change_problems(
    call: Call, before: Mapping[str, Any], after: Mapping[str, Any], reason: str, today: date
) -> Iterator[Problem]:
    if call.published_at is not None or today > call.closes_on:
        yield Problem("call_shut", "", gettext_noop("征集已经截止，不能再变更；可以另行发布征集。"))
    if after["closes_on"] is None or after["closes_on"] < before["closes_on"]:
        message = gettext_noop("截止日期只能延后，不能早于%(day)s。")
        yield Problem("only_later", "closes_on", message, {"day": before["closes_on"].isoformat()})
    yield from clock.too_far("closes_on", after["closes_on"], LONGEST_YEARS)
    if not after["conditions"]:
        yield Problem("required", "conditions", gettext_noop("请填写该项。"))
    yield from _long_conditions(after["conditions"])
    if after == before:
        yield Problem("unchanged", "", gettext_noop("截止日期和入库条件都没有变化。"))
    if not reason:
        yield Problem("required", "reason", gettext_noop("请写明理由。"))
    elif len(reason) > REASON_AT_MOST:
        yield Problem("too_long", "reason", gettext_noop("理由最多 %(most)s 个字。"), {"most": REASON_AT_MOST})


def announced(day: date) -> QuerySet[Call]:
    """Every call, those that run on ``day`` first. Calls are public."""
    return Call.objects.running_first(day).defer("listed")


def admitted(call: Call) -> QuerySet[Admission]:
    """Admissions that came of a call, by expert number, as they stood when they were admitted."""
    rows = call.admissions.filter(state="admitted").select_related("user", "expert", "district")
    return rows.prefetch_related("fields").order_by("expert__number", "pk")


def _entry(admission: Admission) -> dict[str, Any]:
    """What the public is told of one person."""
    expert, district = admission.expert, admission.district
    return {
        "number": expert.number if expert else "",
        "name": admission.user.name,
        "title": admission.title,
        "fields": [{"code": field.pk, "name": field.name} for field in admission.fields.all()],
        "employer": admission.employer,
        "district": district.pk if district else "",
        "district_name": district.name if district else "",
    }


def publication_problems(call: Call, day: date) -> Iterator[Problem]:
    """Why the admitted list cannot be published on ``day``."""
    if call.published_at is not None:
        yield Problem("published", "", gettext_noop("入库名单已经公布，不能重复公布。"))
    if day <= call.closes_on:
        message = gettext_noop("征集截止（%(day)s）后才能公布入库名单。")
        yield Problem("call_runs", "", message, {"day": call.closes_on.isoformat()})
    waiting = call.admissions.open().exclude(handed_in_at=None).count()
    if waiting:
        message = gettext_noop("还有 %(n)s 份申请没有办结，办结后才能公布入库名单。")
        yield Problem("admissions_wait", "", message, {"n": waiting})


def publish_admitted(by: User, call: Call) -> None:
    """Publish who was admitted by a call, once and for good. Raises NotAllowed, Refused with every problem."""
    if not can_pool(by, "publish_admitted"):
        raise NotAllowed("publish_admitted")
    now = timezone.now()
    with transaction.atomic():
        # The row is ours until commit: of two who publish at once the second finds it published.
        if not Call.objects.filter(pk=call.pk, published_at=None).update(published_at=now):
            call.refresh_from_db()
        if problems := [*publication_problems(call, timezone.localdate())]:
            raise Refused(problems)
        call.published_at, call.listed = now, [_entry(row) for row in admitted(call)]
        Call.objects.filter(pk=call.pk).update(listed=call.listed)
        audit.record(call, "call.publish", by=by, role="pool_keeper", number=call.number, count=len(call.listed))
