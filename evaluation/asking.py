"""Questions of the panel to the applicant, passed on by the organiser.

Hides: who asks. The applicant and the other members read the words as the organiser passed them on, once they are passed
on; who asked is known to the organiser and the supervisor alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from evaluation.models import Application, Assignment, Question
from evaluation.notifications import tell_question
from evaluation.permissions import questions_visible_to, writing
from portal import audit
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

LONGEST = 2000  # characters of a question and of an answer
ASKED_AT_MOST = 30  # questions of one seat in one round


def ask(by: User, assignment: Assignment, item_code: str, text: str) -> Question:
    """Ask about one item while the review is open and the own sheet unsigned; the organiser decides whether to pass it on.

    The same words about the same item, while they still wait to be passed on, are the same question.
    Raises NotAllowed for another's seat, Stale once the sheet is signed or the review closed, Refused with every problem.
    """
    application, text = assignment.application, text.strip()
    if assignment.expert.user_id != by.pk or assignment.review_round != application.review_round:
        raise NotAllowed("ask")
    with writing(by, "mark", application):
        hold(assignment, "accepted")
        asked = assignment.questions.filter(item_code=item_code, text=text, state="asked").last()
        if asked is not None:  # a form that was sent twice asks once
            return asked
        problems = list(_problems(assignment, item_code, text))
        if problems:
            raise Refused(problems)
        row = Question.objects.create(
            application=application,
            assignment=assignment,
            review_round=assignment.review_round,
            item_code=item_code,
            text=text,
            state="asked",
        )
        event = audit.record(row, "question.ask", by=by, role="expert", text=text)
        tell_question(row, event)
    return row


def _problems(assignment: Assignment, item_code: str, text: str) -> Iterator[Problem]:
    application = assignment.application
    if item_code not in {item.code for item in application.standard.items(application.stage)}:
        yield Problem("item_unknown", "item", gettext_noop("本阶段没有该条目。"))
    if not text:
        yield Problem("required", "text", gettext_noop("请写明问题。"))
    yield from too_long(text, "text")
    if assignment.questions.count() >= ASKED_AT_MOST:
        message = gettext_noop("每位专家在一轮评审中最多提出 %(most)s 个问题。")
        yield Problem("too_many", "", message, {"most": ASKED_AT_MOST})


def too_long(text: str, place: str) -> Iterator[Problem]:
    """The problem of a text that is longer than is kept."""
    if len(text) > LONGEST:
        yield Problem("too_long", place, gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})


def questions_of(reader: User, application: Application, item_code: str = "") -> QuerySet[Question]:
    """Questions of the present round that ``reader`` may read, oldest first; of one item where one is named."""
    rows = questions_visible_to(reader).filter(application=application, review_round=application.review_round)
    rows = rows.select_related("assignment__expert__user").order_by("pk")
    return rows.filter(item_code=item_code) if item_code else rows
