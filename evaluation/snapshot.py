"""What an application says at one moment: built from its rows, sealed on submission, compared between versions.

Hides: the shape of the snapshot. Officers and experts read the sealed one, so nobody judges what changed meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from evaluation.models import Application, Project, Submission

COMMUNITY_FIELDS = (
    "name",
    "address",
    "floor_area",
    "households",
    "buildings",
    "planning_permit_on",
    "drawing_review_on",
    "construction_permit_on",
    "completed_on",
)


def build(application: Application) -> dict[str, Any]:
    """Return the whole application as JSON data, in a fixed order. Five queries however many items it has."""
    statements = application.statements.order_by("code").values_list("code", "text")
    claims = application.claims.order_by("item_code")
    documents: dict[str, list[dict[str, Any]]] = {}
    for row in application.documents.filter(removed_at=None).order_by("code", "pk"):
        documents.setdefault(row.code, []).append(_file(row))
    evidence = application.evidence.filter(removed_at=None).prefetch_related("links").order_by("pk")
    return {
        **case_data(application.project, application.stage),
        "statements": {code: text for code, text in statements if text},
        "documents": documents,
        "claims": {claim.item_code: {"value": claim.value, "note": claim.note} for claim in claims},
        "evidence": [
            {
                **_file(row),
                "evidence_kind": row.evidence_kind,
                "caption": row.caption,
                "items": {
                    link.item_code: link.page for link in sorted(row.links.all(), key=lambda link: link.item_code)
                },
            }
            for row in evidence
        ],
    }


def case_data(project: Project, stage: str) -> dict[str, Any]:
    """The part of a snapshot that says whose case it is and against what it is judged."""
    community, organisation = project.community, project.organisation
    return {
        "project": {"number": project.number, "target_level": project.target_level, "stage": stage},
        "standard": {"label": str(project.standard), "sha256": project.standard.sha256},
        "organisation": {"name": organisation.name, "credit_code": organisation.credit_code},
        "consultant": project.consultant and {
            "name": project.consultant.name, "credit_code": project.consultant.credit_code
        },
        "community": {
            "district": community.district.name, **{name: _plain(getattr(community, name)) for name in COMMUNITY_FIELDS}
        },
    }  # fmt: skip


def _file(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "kind": row.kind,
        "size": row.size,
        "pages": row.pages,
        "sha256": row.sha256,
    }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)


def canonical(data: Mapping[str, Any]) -> bytes:
    """Canonical JSON: sorted keys, UTF-8, no spaces; what the seal's hash is taken of."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def seal(application: Application, by: Model) -> Submission:
    """Store the present state as the next version and return it. Call inside the submitting transaction."""
    version = application.version + 1
    data = build(application)
    Application.objects.filter(pk=application.pk).update(version=version)
    application.version = version
    digest = hashlib.sha256(canonical(data)).hexdigest()
    return Submission.objects.create(application=application, version=version, data=data, sha256=digest, by=by)


def latest(application: Application) -> Submission | None:
    """The newest sealed version, or None for a draft."""
    return application.submissions.order_by("-version").first()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions. section: a key of the snapshot; place: code within it."""

    section: str
    place: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what changed from one snapshot to another, section by section, in the order of the places."""
    for section in ("project", "community", "statements", "documents", "claims"):
        old, new = before[section], after[section]
        for place in sorted(old.keys() | new.keys()):
            if old.get(place) != new.get(place):
                yield Change(section, place, old.get(place), new.get(place))
    old_proofs, new_proofs = _proofs(before), _proofs(after)
    for code in sorted(old_proofs.keys() | new_proofs.keys()):
        if old_proofs.get(code) != new_proofs.get(code):
            yield Change("evidence", code, old_proofs.get(code, []), new_proofs.get(code, []))


def _proofs(data: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Evidence by item: what a reader compares."""
    proofs: dict[str, list[dict[str, Any]]] = {}
    for row in data["evidence"]:
        for code, page in row["items"].items():
            proofs.setdefault(code, []).append(
                {"id": row["id"], "name": row["name"], "sha256": row["sha256"], "page": page}
            )
    return proofs


def evidence_of(data: Mapping[str, Any], item_code: str) -> list[dict[str, Any]]:
    """Evidence of one item in a snapshot: id, name, kind, evidence_kind, caption, page."""
    return [{**row, "page": row["items"][item_code]} for row in data["evidence"] if item_code in row["items"]]
