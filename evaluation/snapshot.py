"""What an application says at one moment: built from its rows, sealed on submission, compared between versions.

Hides: the shape of the snapshot. Officers and experts read the sealed one, so nobody judges what changed meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from communities import sheets
from evaluation.models import Application, EvidenceLink, Project, Submission

# The whole data sheet; the district goes by its name.
COMMUNITY_FIELDS = tuple(name for name in sheets.COMMUNITY_FIELDS if name != "district")


def build(application: Application) -> dict[str, Any]:
    """Return the whole application as JSON data, in a fixed order. Five queries however many items it has."""
    statements = application.statements.order_by("code").values_list("code", "text")
    documents: dict[str, list[dict[str, Any]]] = {}
    for row in application.documents.filter(removed_at=None).order_by("code", "pk"):
        documents.setdefault(row.code, []).append(_file(row))
    claims = application.claims.order_by("item_code").values_list("item_code", "value", "note", "carried")
    data = {
        **case_data(application.project, application.stage),
        "statements": {code: text for code, text in statements if text},
        "documents": documents,
        "claims": {code: {"value": value, "note": note, **_carried(carried)} for code, value, note, carried in claims},
        "evidence": list(_evidence(application)),
    }
    design = design_of(application)
    codes = [item.code for item in application.standard.items(application.stage)]
    return {**data, "comparison": compared(design.data, data, codes)} if design else data


def _evidence(application: Application) -> Iterator[dict[str, Any]]:
    """The proofs with what they prove, from plain columns: a case may have hundreds, and a page builds this at every look."""
    files = ("id", "name", "kind", "size", "pages", "sha256")
    links = EvidenceLink.objects.filter(evidence__application=application, evidence__removed_at=None)
    proved: dict[int, list[dict[str, Any]]] = {}
    columns = ("evidence_id", "item_code", "page", "left", "top", "width", "height")
    for link in sorted(links.values(*columns), key=lambda link: link["item_code"]):
        proved.setdefault(link["evidence_id"], []).append(link)
    rows = application.evidence.filter(removed_at=None).order_by("pk")
    for row in rows.values(*files, "evidence_kind", "caption", "carried_from_id"):
        mine = proved.get(row["id"], [])
        yield {
            **{name: row[name] for name in files},
            "evidence_kind": row["evidence_kind"],
            "caption": row["caption"],
            "items": {link["item_code"]: link["page"] for link in mine},
            **_regions(mine),
            **_carried(row["carried_from_id"] is not None),
        }


def _carried(carried: bool) -> dict[str, bool]:
    return {"carried": True} if carried else {}


def design_of(application: Application) -> Submission | None:
    """The certified version of the earlier stage on which this stage builds (the design), None where there is none."""
    needed = application.rule.needs_certificate_of
    certified = application.project.applications.filter(stage=needed, state="certified")
    earlier = certified.order_by("-pk").first() if needed else None  # the design may have been judged anew
    return latest(earlier) if earlier else None


def compared(before: Mapping[str, Any], after: Mapping[str, Any], codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Item code -> what the design said of it (None: nothing) and whether the mark is another now.

    before, after: snapshots of the design and of the present stage; codes: items of the present stage.
    """
    found = {}
    for code in codes:
        old, new = before["claims"].get(code, {}), after["claims"].get(code, {})
        told = None
        if old.get("value") is not None:
            proofs = [
                {"name": row["name"], "sha256": row["sha256"], "page": row["page"]} for row in evidence_of(before, code)
            ]
            told = {"value": old["value"], "note": old["note"], "proofs": proofs}
        found[code] = {"before": told, "changed": told is not None and told["value"] != new.get("value")}
    return found


def case_data(project: Project, stage: str) -> dict[str, Any]:
    """The part of a snapshot that says whose case it is and against what it is judged."""
    community, organisation = project.community, project.organisation
    return {
        "project": {"number": project.number, "target_level": project.target_level, "stage": stage},
        "standard": {"label": str(project.standard), "sha256": project.standard.sha256},
        "organisation": {"name": organisation.name, "credit_code": organisation.credit_code},
        "consultants": [
            {"name": row.organisation.name, "credit_code": row.organisation.credit_code, "scope": row.scope}
            for row in project.consultants
        ],
        "community": {
            "district": community.district.name, **{name: _plain(getattr(community, name)) for name in COMMUNITY_FIELDS}
        },
    }  # fmt: skip


def consultants_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The consulting units in a snapshot; one that was sealed when a case could have only one says it in another shape."""
    if "consultants" in data:
        return list(data["consultants"])
    return [data["consultant"]] if data["consultant"] else []


def _regions(links: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Item code -> [left, top, width, height] where a region of the page was marked; nothing where none was."""
    sides = ("left", "top", "width", "height")  # all or none of them
    found = {link["item_code"]: [link[side] for side in sides] for link in links if link["left"] is not None}
    return {"regions": found} if found else {}


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
            proof = {"id": row["id"], "name": row["name"], "sha256": row["sha256"], "page": page}
            region = row.get("regions", {}).get(code)
            proofs.setdefault(code, []).append({**proof, "region": region} if region else proof)
    return proofs


def counts(data: Mapping[str, Any], row: Mapping[str, Any], item_code: str) -> bool:
    """Whether a proof of a snapshot counts for an item: what proved it at the design proves the same mark only.

    The same file uploaded again is the same proof.
    """
    told = data.get("comparison", {}).get(item_code, {})
    if told.get("changed") and any(old["sha256"] == row["sha256"] for old in told["before"]["proofs"]):
        return False
    return not row.get("carried") or bool(data["claims"].get(item_code, {}).get("carried"))


def evidence_of(data: Mapping[str, Any], item_code: str) -> list[dict[str, Any]]:
    """Evidence of one item in a snapshot: id, name, kind, evidence_kind, caption, page, region (or None)."""
    return [
        {**row, "page": row["items"][item_code], "region": row.get("regions", {}).get(item_code)}
        for row in data["evidence"]
        if item_code in row["items"]
    ]
