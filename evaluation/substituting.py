"""Seats that are given up, and who takes them: the order is fixed in the act, the next person is found by a worker.

Hides: that a draw is played anew with all its declines each time, so that the same people come in whatever order workers
take the vacancies and however often; and that the receipt grows only as far as somebody followed.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from evaluation import drawing
from evaluation.models import Application, Assignment, Draw, Vacancy
from portal.machine import MACHINES
from portal.problems import Problem
from portal.tasks import ring_advance


def give_up(assignment: Assignment) -> Vacancy:
    """Put the expert at the end of the draw's declines and leave the rest to a worker.

    Inside the act that gives the seat up, which holds the application: of two at once the later one reads the earlier.
    """
    draw = Draw.objects.get(pk=assignment.draw_id)
    Draw.objects.filter(pk=draw.pk).update(declines=[*draw.declines, assignment.expert.number])
    vacancy = Vacancy.objects.create(assignment=assignment, draw=draw, state="waiting")
    transaction.on_commit(lambda: ring_advance("vacancy", vacancy.pk), robust=True)
    return vacancy


def is_wanted(vacancy: Vacancy) -> bool:
    """Whether the panel that the seat belongs to is still being formed."""
    seat = vacancy.assignment
    return seat.application.state == "inviting" and seat.review_round == seat.application.review_round


def substitute(vacancy: Vacancy) -> tuple[Assignment | None, list[Problem]]:
    """Seat whoever follows on this vacancy, while the application is held; (the seat, []) or (None, why nobody follows).

    Nobody is told here. What was seated before stays as it is, so that a second call finds the same seat.
    """
    draw = Draw.objects.select_related("application__project").get(pk=vacancy.draw_id)
    panel, problems = drawing.played(draw)
    receipt = drawing.receipt_of(draw, panel)
    if receipt != draw.receipt:
        Draw.objects.filter(pk=draw.pk).update(receipt=receipt)
    turn = draw.declines.index(vacancy.assignment.expert.number) + 1
    if turn >= len(panel.rounds):
        drawing.seat(draw, panel.seats, ())  # the leader's hat may have gone on all the same
        return None, problems
    before, after = ({place.expert_id for place in each.seats} for each in panel.rounds[turn - 1 : turn + 1])
    (number,) = after - before
    drawing.seat(draw, panel.seats, {number})
    return draw.assignments.select_related("expert__user", "application").get(expert__number=number), []


def drop_waiting(application: Application) -> None:
    """Nobody is looked for any more: the draw of this round is given up. Inside that act."""
    rows = Vacancy.objects.filter(assignment__application=application, state="waiting")
    for row in rows.select_related("assignment__application").order_by("pk"):
        MACHINES["vacancy"].perform(row, "drop", by=None)


# --- what pages and work ask ------------------------------------------------------------------------------------------


def of_round(application: Application) -> QuerySet[Vacancy]:
    """Seats of the present round that were given up, as they were given up."""
    rows = Vacancy.objects.filter(assignment__application=application)
    return rows.filter(assignment__review_round=application.review_round).order_by("pk")


def shortage(application: Application) -> list[Problem]:
    """Why seats of a panel that is being formed stay empty: each problem once; [] where somebody follows on every seat."""
    if application.state != "inviting":
        return []
    found = {}
    for records in of_round(application).filter(state="dry").values_list("problems", flat=True):
        for record in records:
            problem = Problem.from_record(record)
            found.setdefault(problem.text(), problem)
    return list(found.values())


def dry() -> Exists:
    """Whether a seat of the present round of the outer row, an application, stays empty."""
    rows = Vacancy.objects.filter(state="dry", assignment__application=OuterRef("pk"))
    return Exists(rows.filter(assignment__review_round=F("assignment__application__review_round")))
