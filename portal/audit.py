"""Writing the trail: the one function that makes an Event."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from portal.models import Event, User

SYSTEM = "system"


def record(subject: models.Model, verb: str, *, by: User | None, role: str = "", **data: Any) -> Event:
    """Add one event about ``subject`` inside the caller's transaction and return it.

    ``by=None`` is the system itself. ``data`` must be JSON: it keeps copies of labels, so that history reads the same
    after things are renamed. What a program did for ``by`` keeps the name of its access token as ``token``.
    """
    if by is not None and by.acts_through:
        data["token"] = by.acts_through
    return Event.objects.create(
        at=timezone.now(),
        actor=by,
        actor_name=str(by)[:60] if by else SYSTEM,
        role=role or (SYSTEM if by is None else ""),
        verb=verb,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk,
        subject_label=str(subject)[:200],
        thread=getattr(subject, "thread", f"{subject._meta.label_lower}:{subject.pk}"),
        data=data,
    )
