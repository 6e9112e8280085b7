"""The automatic steps that workers do. Each reads its row, does the work, and ends in one ``perform`` by the system.

A worker may die between any two lines: nothing is kept before that last act commits, or it is kept idempotently.
"""

from __future__ import annotations

from evaluation import checks, marking
from evaluation.models import Application, Submission
from evaluation.snapshot import latest
from portal.machine import MACHINES


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
