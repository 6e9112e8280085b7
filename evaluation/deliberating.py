"""The panel together: marks amended with a reason, the result counted anew, signatures under the opinion.

Hides: that an amendment keeps what stood before it, how a signature is bound to the very words that were signed, and when
the panel may end without a signature that does not come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from evaluation import marking
from evaluation.models import Amendment, Application, Assignment, Endorsement, Mark, Result
from evaluation.permissions import SEATED, writing
from portal import clock
from portal.machine import NotAllowed, hold
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

GAVE_OPINION = "application.give_opinion"


def amend_mark(by: User, assignment: Assignment, item_code: str, *, value: Any, reason: str) -> Mark:
    """Change one mark of the own sheet that was opened again; what stood there and why it changed are kept.

    value: as in the standard format, never None: an amendment is no abstention. reason: stands on the sheet from now on.
    Raises NotAllowed, Stale once the sheet is signed again, Refused for an illegal mark, no reason, or nothing changed.
    """
    if assignment.expert.user_id != by.pk:
        raise NotAllowed("amend")
    application, reason = assignment.application, reason.strip()
    with writing(by, "amend", application):
        hold(assignment, "amending")
        mark = assignment.marks.filter(item_code=item_code).first()
        problems = list(_amendment_problems(application, item_code, mark, value, reason))
        if problems:
            raise Refused(problems)
        if mark is None:
            mark = Mark.objects.create(assignment=assignment, item_code=item_code)
        Amendment.objects.create(mark=mark, before=mark.value, after=value, reason=reason)
        mark.value, mark.reason = value, reason
        mark.revision += 1
        mark.save()
        return mark


def signed_amendments(application: Application) -> QuerySet[Amendment]:
    """What the panel of this round amended and signed again; what is still being amended its expert alone reads."""
    rows = Amendment.objects.filter(
        mark__assignment__application=application, mark__assignment__review_round=application.review_round
    )
    # A sheet that is open now was last signed before it was opened: later words are not signed.
    signed = Q(mark__assignment__state="signed") | Q(at__lt=F("mark__assignment__state_since"))
    return rows.filter(signed).select_related("mark__assignment__expert__user")


def _amendment_problems(
    application: Application, code: str, mark: Mark | None, value: Any, reason: str
) -> Iterator[Problem]:
    standard = application.standard
    if code not in {item.code for item in standard.items(application.stage)}:
        yield Problem("item_unknown", code, gettext_noop("本阶段没有该条目。"))
        return
    if value is None:
        yield Problem("mark_missing", "value", gettext_noop("请选择评分；改评不能改为不评。"))
    elif problem := standard.check_mark(standard.item(code), value):
        yield problem
    elif mark is not None and mark.value == value and type(mark.value) is type(value):
        yield Problem("unchanged", "value", gettext_noop("评分没有变化。"))
    if not reason:
        yield Problem("required", "reason", gettext_noop("请写明改评理由。"))


def is_outdated(application: Application, result: Result) -> bool:
    """Whether a sheet was amended and signed again after ``result`` was counted; one that is open now does not tell."""
    panel = marking.seated(application).filter(state="signed").prefetch_related("marks")
    now = [marking.sheet_of(assignment) for assignment in panel]
    signed = {sheet["scorer"] for sheet in now}
    return now != [sheet for sheet in result.sheets if sheet["scorer"] in signed]


def opinion_sha256(result: Result) -> str:
    """What a signature under the opinion is bound to: its words and the notes on the items it flags."""
    notes = "\n".join(f"{code}\t{note}" for code, note in sorted(result.notes.items()))
    return hashlib.sha256(f"{result.pk}\n{result.opinion}\n{notes}".encode()).hexdigest()


def endorse(assignment: Assignment, *, agrees: bool, dissent: str) -> Endorsement:
    """Keep the signature of one member under the opinion as it stands now. Inside the act that endorses."""
    result = marking.result_of(assignment.application)
    if result is None:
        raise NotAllowed("endorse")
    signed = {"agrees": agrees, "dissent": dissent.strip(), "opinion_sha256": opinion_sha256(result)}
    return Endorsement.objects.update_or_create(result=result, assignment=assignment, defaults=signed)[0]


def endorsements(result: Result) -> dict[int, Endorsement]:
    """Assignment id -> signature under the opinion as it stands now."""
    return {row.assignment_id: row for row in result.endorsements.all()}


def last_day_to_endorse(application: Application) -> date | None:
    """The last day for signatures under the opinion, counted from when it was given; None before."""
    given = Event.objects.of(application).filter(verb=GAVE_OPINION).last()
    if given is None:
        return None
    return clock.deadline("endorsement", timezone.localdate(given.at), application.project.programme_id)


def unsigned(application: Application, day: date) -> list[Assignment]:
    """Members whose signature under the opinion is still waited for: nobody any more once the last day has passed."""
    result = marking.result_of(application)
    last = last_day_to_endorse(application)
    if result is None or last is None or day > last:
        return []
    signed = endorsements(result)
    rows = application.assignments.filter(review_round=application.review_round, state__in=SEATED)
    return [row for row in rows.select_related("expert__user").order_by("seat") if row.pk not in signed]
