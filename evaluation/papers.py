"""What a reader gets of an application: its own people the present state, everybody else the newest sealed version.

Hides: which version that is, that a file taken out later stays readable for whoever reads a version that names it, and
that an expert reads what the applicant claims of an item only after the own mark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.http import Http404, HttpResponseBase

from evaluation import snapshot
from evaluation.marking import unseen_claims
from evaluation.models import Application, Document, Evidence, Submission
from evaluation.permissions import APPLICANTS, roles_of, visible_to
from portal import files, previews
from portal.models import User


def data_for(user: User, application: Application) -> dict[str, Any]:
    """The application as ``user`` may read it, in the shape of a snapshot; ``concealed``: as in ``without_claims``."""
    roles = roles_of(user, application)
    if roles & APPLICANTS:
        return snapshot.build(application)
    sealed = snapshot.latest(application)
    if sealed is None:  # withdrawn before it was ever handed in: what was written stays with its writers
        return {**snapshot.build(application), "statements": {}, "documents": {}, "claims": {}, "evidence": []}
    return without_claims(sealed.data, concealed_from(user, application) if "expert" in roles else ())


def concealed_from(user: User, application: Application) -> frozenset[str]:
    """Items whose claim ``user`` may not read in any version yet."""
    return unseen_claims(user, application) if "expert" in roles_of(user, application) else frozenset()


def without_claims(data: Mapping[str, Any], codes: Collection[str]) -> dict[str, Any]:
    """A snapshot that tells nothing of these claims: neither mark nor words, which may name it, nor how it was before.

    ``concealed`` holds the codes, where there are any.
    """
    if not codes:
        return dict(data)
    parts = {name: data[name] for name in ("claims", "comparison") if name in data}
    kept = {name: {code: row for code, row in rows.items() if code not in codes} for name, rows in parts.items()}
    return {**data, **kept, "concealed": sorted(codes)}


def documents_for(user: User) -> Any:
    """Document rows of the applications that ``user`` may view."""
    return Document.objects.filter(application__in=visible_to(user)).select_related("application__project__community")


def evidence_for(user: User) -> Any:
    """Evidence rows of the applications that ``user`` may view."""
    return Evidence.objects.filter(application__in=visible_to(user)).select_related("application__project__community")


def may_read_file(user: User, row: Document | Evidence) -> bool:
    """Whether ``user``, who may view the application, may open this file of it.

    The applicant: what is there now; everyone: what some sealed version names.
    """
    if row.removed_at is None and roles_of(user, row.application) & APPLICANTS:
        return True
    return any(_names(data, row) for data in _sealed(row.application))


def _sealed(application: Application) -> Any:
    rows = Submission.objects.filter(application=application).order_by("-version")
    return rows.values_list("data", flat=True).iterator()


def _names(data: dict[str, Any], row: Document | Evidence) -> bool:
    if isinstance(row, Document):
        return any(entry["id"] == row.pk for entry in data["documents"].get(row.code, ()))
    return any(entry["id"] == row.pk for entry in data["evidence"])


def send_thumbnail(request: Any, row: Evidence) -> HttpResponseBase | None:
    """The small picture of a proof that the caller has authorised; None while a worker still draws it, Http404 for none."""
    digest = f"{row.sha256}-thumbnail"
    picture: Any = row.thumbnail
    if not picture:
        try:
            picture, digest = previews.thumbnail_of(row), f"{row.sha256}-1-{previews.THUMBNAIL}"
        except previews.NoPicture as none:
            raise Http404 from none
    if picture is None:
        return None
    kind = "image/jpeg"
    return files.send(picture, name=f"{row.pk}.jpg", content_type=kind, inline=True, request=request, sha256=digest)


def send_page(request: Any, row: Evidence, page: int, width: int) -> HttpResponseBase:
    """The picture of one page of a proof that the caller has authorised; Http404 where there is none to draw."""
    try:
        picture = previews.page_picture(row, page, width)
    except previews.NoPicture as none:
        raise Http404 from none
    return files.send(
        picture,
        name=f"{row.pk}-{page}.jpg",
        content_type="image/jpeg",
        inline=True,
        request=request,
        sha256=f"{row.sha256}-{page}-{width}",
    )
