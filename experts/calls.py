"""Calls for experts: announcing one, who was admitted by it, and publishing that list once.

Hides: what makes a call's period and conditions legal, and when nothing is left to be decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from experts.models import Admission, Call
from experts.permissions import can_pool
from portal import audit
from portal.machine import NotAllowed
from portal.models import Sequence, User
from portal.problems import Problem, Refused, gettext_noop

CALL_FIELDS = ("title", "conditions", "opens_on", "closes_on", "term_years", "fields_at_most")
LONGEST_TERM, MOST_FIELDS = 10, 10


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
        number = f"ZJZ-{today.year}-{Sequence.take(f'call-{today.year}'):03d}"
        call = Call.objects.create(number=number, made_by=by, **kept)
        audit.record(call, "call.open", by=by, role="pool_keeper", number=number)
    return call


def _problems(kept: Mapping[str, Any], today: date) -> Iterator[Problem]:
    for name in CALL_FIELDS:
        if kept[name] in (None, ""):
            yield Problem("required", name, gettext_noop("请填写该项。"))
    opens_on, closes_on = kept["opens_on"], kept["closes_on"]
    if closes_on and closes_on < today:
        yield Problem("date_past", "closes_on", gettext_noop("截止日期不能早于今天。"))
    elif opens_on and closes_on and closes_on < opens_on:
        yield Problem("dates_swapped", "closes_on", gettext_noop("截止日期不能早于开始日期。"))
    for name, most in (("term_years", LONGEST_TERM), ("fields_at_most", MOST_FIELDS)):
        if kept[name] is not None and not 1 <= kept[name] <= most:
            yield Problem("out_of_range", name, gettext_noop("应为 1 至 %(most)s。"), {"most": most})


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
