"""The automatic steps that workers do. Each reads its row, does the work, and ends in one ``perform`` by the system.

A worker may die between any two lines: nothing is kept before that last act commits, or it is kept idempotently.
"""

from __future__ import annotations

from django.db import transaction

from evaluation import checks, marking, substituting
from evaluation.models import Application, Submission, Vacancy
from evaluation.snapshot import latest
from portal.machine import MACHINES, hold


def _whole(application: Application) -> Application:
    return Application.objects.with_case().get(pk=application.pk)


def check_form(application: Application) -> None:
    """Apply the form-check rules to the newest snapshot and hand the case to intake."""
    application = _whole(application)
    sealed = latest(application)
    results = checks.run(application, sealed.data)
    Submission.objects.filter(pk=sealed.pk).update(checks=results)
    MACHINES["application"].perform(application, "checked", by=None)


def tally(application: Application) -> None:
    """Compute the panel's result from the signed sheets."""
    application = _whole(application)
    marking.compute(application)
    MACHINES["application"].perform(application, "tallied", by=None)


def certify(application: Application) -> None:
    """Issue the certificate: number, row and PDF come with the act or not at all."""
    MACHINES["application"].perform(_whole(application), "certify", by=None)


def take_substitute(vacancy: Vacancy) -> None:
    """Find who follows on a seat that was given up: seat, receipt, invitation and state come together or not at all."""
    row = Vacancy.objects.select_related("assignment__expert", "assignment__application__project").get(pk=vacancy.pk)
    application, machine = row.assignment.application, MACHINES["vacancy"]
    with transaction.atomic():
        # Whoever else gives up a seat, accepts the last one or draws anew has finished, or waits until this is kept.
        hold(application, application.state)
        if not substituting.is_wanted(row):
            machine.perform(row, "drop", by=None)
            return
        successor, problems = substituting.substitute(row)
        if successor is None:
            machine.perform(row, "run_dry", by=None, problems=problems)
        else:
            machine.perform(row, "fill", by=None, successor=successor)
