"""Writing the trail: the one function that makes an Event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import models
from django.utils import timezone

from portal.models import Event, User

SYSTEM = "system"
# (person, role, subject) -> columns of the event that say for whom the person acted; the apps above know.
FOR_WHOM: list[Callable[[User, str, models.Model], Mapping[str, Any]]] = []


def record(subject: models.Model, verb: str, *, by: User | None, role: str = "", **data: Any) -> Event:
    """Add one event about ``subject`` inside the caller's transaction and return it.

    ``by=None`` is the system itself. ``data`` must be JSON: it keeps copies of labels, so that history reads the same
    after things are renamed. What a program did for ``by`` keeps the name of its access token as ``token``.
    """
    event = _event(subject, verb, by, role, data)
    event.save()
    return event


def record_each(
    subjects: Iterable[tuple[models.Model, Mapping[str, Any]]], verb: str, *, by: User | None, role: str = ""
) -> None:
    """As ``record`` for many subjects, each with its data, at once: one question to the database for hundreds."""
    Event.objects.bulk_create(_event(subject, verb, by, role, dict(data)) for subject, data in subjects)


def _event(subject: models.Model, verb: str, by: User | None, role: str, data: dict[str, Any]) -> Event:
    if by is not None and by.acts_through:
        data["token"] = by.acts_through
    if by is not None and role:
        data = {**data, **{name: value for tell in FOR_WHOM for name, value in tell(by, role, subject).items()}}
    return Event(
        at=timezone.now(),
        actor=by,
        actor_name=str(by)[:60] if by else SYSTEM,
        role=role or (SYSTEM if by is None else ""),
        verb=verb,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk if isinstance(subject.pk, int) else 0,
        subject_label=str(subject)[:200],
        thread=getattr(subject, "thread", f"{subject._meta.label_lower}:{subject.pk}"),
        data=data,
    )
