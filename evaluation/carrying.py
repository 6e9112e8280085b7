"""From the certified design to the application for completion: what is taken over, and what differs from it.

Hides: which version of the design counts, that files are shared and never copied, and that what was taken over proves a
mark only as long as the mark is the same. Documents are not taken over: each stage has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation import checks, standard, wording
from evaluation.models import Application, Claim, Evidence, EvidenceLink, Submission
from evaluation.permissions import APPLICANTS, roles_of, writing
from evaluation.snapshot import build, compared, counts, design_of, evidence_of
from portal import audit
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

SHARED = (
    "file", "name", "kind", "content_type", "size", "sha256", "pages", "evidence_kind", "caption", "thumbnail",
    "taken_at", "latitude", "longitude",
)  # fmt: skip
PLACE = ("page", "left", "top", "width", "height")


@dataclass(frozen=True, slots=True)
class Carried:
    """What was taken over: numbers of claims and of proofs."""

    claims: int
    proofs: int


def is_offered(application: Application) -> bool:
    """Whether the applicant is still to be asked: a draft on a certified design, not answered yet."""
    return application.state == "draft" and application.carries is None and design_of(application) is not None


def carry(by: User, application: Application) -> Carried:
    """Take over marks, notes and proofs of the certified design where nothing has been written yet.

    Once: asked again it does nothing, so that what was changed or taken out stays so. Raises NotAllowed for a wrong
    person or state, Refused where there is no certified design.
    """
    with writing(by, "edit", application):
        design = _design(application)
        # The case is held; only the first of several answers finds this row.
        if not Application.objects.filter(pk=application.pk).exclude(carries=True).update(carries=True):
            return Carried(0, 0)
        application.carries = True
        codes = _carry_claims(by, application, design)
        done = Carried(len(codes), _carry_proofs(by, application, design, codes))
        audit.record(
            application, "application.carry", by=by, role=min(roles_of(by, application) & APPLICANTS),
            version=design.version, claims=done.claims, proofs=done.proofs,
        )  # fmt: skip
    return done


def decline(by: User, application: Application) -> None:
    """Answer that nothing is to be taken over. Does nothing once it was."""
    with writing(by, "edit", application):
        _design(application)
        Application.objects.filter(pk=application.pk, carries=None).update(carries=False)


def _design(application: Application) -> Submission:
    design = design_of(application)
    if design is None or application.state != "draft":
        raise Refused([Problem("no_design", "", gettext_noop("没有可沿用的设计评价，或申报已经提交。"))])
    return design


def _carry_claims(by: User, application: Application, design: Submission) -> set[str]:
    """Copy what the design claimed of items of this stage that nobody has marked; return the codes now equal to it."""
    mine = {claim.item_code: claim for claim in application.claims.all()}
    equal: set[str] = set()
    for item in application.standard.items(application.stage):
        told = design.data["claims"].get(item.code)
        if told is None or told["value"] is None or application.standard.check_mark(item, told["value"]):
            continue
        claim = mine.get(item.code) or Claim(application=application, item_code=item.code, revision=0)
        if claim.value is None:
            claim.value, claim.note = told["value"], claim.note or told["note"]
        if claim.value == told["value"]:
            claim.carried, claim.updated_by, claim.revision = True, by, claim.revision + 1
            claim.save()
            equal.add(item.code)
    return equal


def _carry_proofs(by: User, application: Application, design: Submission, codes: set[str]) -> int:
    """A row for each proof of those items that shares the stored file, with its links; files that are there are left."""
    wanted = {row["id"]: sorted(row["items"].keys() & codes) for row in design.data["evidence"]}
    there = set(application.evidence.values_list("sha256", flat=True))
    count = 0
    for proof in Evidence.objects.filter(pk__in=wanted).prefetch_related("links").order_by("pk"):
        if not wanted[proof.pk] or proof.sha256 in there:
            continue
        shared = {name: getattr(proof, name) for name in SHARED}
        row = Evidence.objects.create(application=application, uploaded_by=by, carried_from=proof, **shared)
        EvidenceLink.objects.bulk_create(
            EvidenceLink(evidence=row, item_code=link.item_code, **{name: getattr(link, name) for name in PLACE})
            for link in proof.links.all()
            if link.item_code in wanted[proof.pk]
        )
        there.add(proof.sha256)
        count += 1
    return count


# --- the comparison -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """One item at one stage in words. proofs: as in a snapshot."""

    words: str
    note: str
    proofs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One item at the design (None: it said nothing) and now.

    changed: its mark is another; carried: its mark was taken over and is still the same; claims: its mark now claims
    something, which asks for a proof.
    """

    item: standard.Item
    before: Side | None
    now: Side
    changed: bool
    carried: bool
    claims: bool

    @property
    def differs(self) -> tuple[str, ...]:
        """What is another than at the design: "mark", "note", "proofs" (their number); () where that said nothing."""
        if self.before is None:
            return ()
        found = {
            "mark": self.changed,
            "note": self.before.note != self.now.note,
            "proofs": len(self.before.proofs) != len(self.now.proofs),
        }
        return tuple(name for name, another in found.items() if another)

    @property
    def unproved(self) -> bool:
        """Whether another mark claims something and nothing new proves it."""
        return self.changed and self.claims and not self.proved_anew

    @property
    def kept(self) -> int:
        """Number of proofs carried from the design."""
        return sum(bool(row.get("carried")) for row in self.now.proofs)

    @property
    def fresh(self) -> int:
        """Number of proofs of this stage."""
        return len(self.now.proofs) - self.kept

    @property
    def proved_anew(self) -> bool:
        return self.fresh > 0


def comparison(
    application: Application, data: Mapping[str, Any] | None = None, *, only: str = "", changed: bool = False
) -> list[Compared]:
    """Every item of the stage against the certified design, in the order of the standard; empty without a design.

    data: a version of the application; None for its present state. only: the code of the one item wanted; changed:
    leave out what is as it was. A sealed version is compared with what was sealed with it, so that applicant, officers
    and panel read the same.
    """
    data = build(application) if data is None else data
    concealed = data.get("concealed", ())
    items = [item for item in application.standard.items(application.stage) if item.code not in concealed]
    told = data.get("comparison")
    if told is None:  # sealed before comparisons were
        design = design_of(application)
        told = compared(design.data, data, [item.code for item in items]) if design else {}
    return [
        _compared(item, told[item.code], data)
        for item in items
        if item.code in told and only in ("", item.code) and (told[item.code]["changed"] or not changed)
    ]


def _compared(item: standard.Item, told: Mapping[str, Any], data: Mapping[str, Any]) -> Compared:
    claim, before = data["claims"].get(item.code, {}), told["before"]
    proofs = tuple({**row, "counts": counts(data, row, item.code)} for row in evidence_of(data, item.code))
    return Compared(
        item=item,
        before=before and Side(wording.mark_words(item, before["value"]), before["note"], tuple(before["proofs"])),
        now=Side(wording.mark_words(item, claim.get("value")), claim.get("note", ""), proofs),
        changed=told["changed"],
        carried=bool(claim.get("carried")),
        claims=checks.is_won(claim.get("value")),
    )
