"""Photos of the panel's visit that come in piece by piece from a telephone, each taken in once however often it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from evaluation import site
from evaluation.models import Application
from evaluation.permissions import can, visible_to, writing
from portal import uploads
from portal.attachments import Received, stored
from portal.machine import NotAllowed
from portal.models import Upload, User
from portal.problems import Problem, Refused

PURPOSE = "site_photo"


def coming(user: User, application: Application) -> dict[str, Upload]:
    """Key -> the upload by which this person last sent that photo; not one that expired half sent. One query."""
    rows = Upload.objects.filter(user=user).of(PURPOSE, application.pk).order_by("created_at")
    rows = rows.exclude(expires_at__lt=timezone.now(), finished_at=None)
    return {row.details["key"]: row for row in rows}


def problems_of(upload: Upload) -> list[Problem]:
    """Why a photo was not taken in."""
    return [Problem.from_record(record) for record in upload.problems]


def _application(user: User, pk: int) -> Application:
    found: Application | None = visible_to(user).with_case().filter(pk=pk).first()
    if found is None:
        raise NotAllowed(PURPOSE)
    return found


def _taken(details: Mapping[str, Any]) -> site.Taken:
    said = {name: str(details.get(name) or "") for name in site.SAID}
    texts = {name: str(details.get(name) or "") for name in ("caption", "line", "key", "sha256")}
    return site.Taken(**texts, said=said)


def _authorise(user: User, place: int, details: Mapping[str, Any], name: str) -> None:
    """The telephone of one person sends nothing while another is signed in on it."""
    if str(details.get("person") or user.pk) != str(user.pk):
        raise NotAllowed(PURPOSE)
    problems = list(site.wrong_photo(_taken(details)))
    if problems:
        raise Refused(problems)
    with writing(user, "record_site_visit", _application(user, place)):
        pass


def _may_manage(user: User, place: int) -> bool:
    found = visible_to(user).with_case().filter(pk=place).first()
    return found is not None and can(user, "record_site_visit", found)


def _prepare(upload: Upload, file: Received) -> dict[str, Any]:
    return stored(site.prepared_photo(upload.user, file, _taken(upload.details)))


def _keep(upload: Upload, prepared: dict[str, Any]) -> tuple[int, list[Any]]:
    application = _application(upload.user, upload.place)
    return site.keep_photo(upload.user, application, prepared, _taken(upload.details)).pk, []


uploads.PURPOSES[PURPOSE] = uploads.Purpose(_authorise, _may_manage, _prepare, _keep)
