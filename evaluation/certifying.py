"""制证进度: how many certificates wait for the worker after a season of notices, how many it made, and which it could not.

Hides: that nothing is kept of a batch. A case that waits is one in the state ``certifying``, a made one has its certificate,
and one that failed for good bears its fault until an officer lets the worker try again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q, QuerySet

from evaluation.models import Application, Certificate
from evaluation.permissions import visible_to
from portal.models import User


@dataclass(frozen=True, slots=True)
class Progress:
    """Cases that a person sees: waiting, failed, and certificates made on the day. total: all three."""

    waiting: int
    failed: int
    done: int

    @property
    def total(self) -> int:
        return self.waiting + self.failed + self.done


def progress(by: User, day: date) -> Progress:
    """How far the worker has come on ``day``, of the cases that ``by`` may see. Two questions."""
    counted = waiting_for(by).aggregate(
        failed=Count("pk", filter=~Q(fault="")), waiting=Count("pk", filter=Q(fault=""))
    )
    return Progress(counted["waiting"], counted["failed"], made(by, day).count())


def waiting_for(by: User) -> QuerySet[Application]:
    """Cases whose certificate is still to be made, those that failed among them."""
    return visible_to(by).filter(state="certifying")


def failed(by: User) -> QuerySet[Application]:
    """Cases whose certificate could not be made, those that wait longest first."""
    rows = waiting_for(by).exclude(fault="").select_related("project__community__district", "project__programme")
    return rows.order_by("state_since", "pk")


def made(by: User, day: date) -> QuerySet[Certificate]:
    """Certificates of ``day``, the newest first."""
    rows = Certificate.objects.filter(issued_on=day, application__in=visible_to(by)).exclude(file="")
    return rows.order_by("-pk")
