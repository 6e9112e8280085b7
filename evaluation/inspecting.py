"""Random inspections: the list and its draw by two persons, the visit with findings and photos, and putting right.

Hides: who is on the list, who keeps which secret until when, and that the pure draw (``experts.draw.inspection``) is made
from the stored row. Nothing that an officer notes is told to anybody before the visit is recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from communities.models import District, Parameter
from evaluation import telling_supervision
from evaluation.drawing import commitment_problems
from evaluation.models import (
    Certificate,
    Inspection,
    InspectionDraw,
    InspectionPhoto,
    Programme,
    Rectification,
    RectificationProof,
)
from evaluation.permissions import can_city, inspection_roles, rectification_roles
from evaluation.supervising import PROOFS, PROOFS_AT_MOST, checked_by_city
from experts import draw as lots
from experts.draw import inspection as rules
from portal import audit, clock
from portal.attachments import attachment_values, photo_values
from portal.machine import NotAllowed, hold
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

SHARE = "inspection_share"
STEP = "inspection"
LONGEST, AT_MOST = 2000, 50  # characters of a finding; findings and photos of one visit
MENDABLE = ("open", "overdue")  # states of a rectification in which the unit puts right
YEARS = range(2000, 2101)


# --- the draw -----------------------------------------------------------------------------------------------------------


def share() -> int:
    """Percent of the communities in force that are inspected in a year."""
    return Parameter.objects.get(pk=SHARE).value


def listed(programme: Programme, year: int, district: District | None, day: date) -> QuerySet[Certificate]:
    """Who is on the list: star certificates in force on ``day`` that no draw of this year has named yet."""
    rows: QuerySet[Certificate] = Certificate.objects.in_force(day).filter(application__project__programme=programme)
    if district is not None:
        rows = rows.filter(application__project__community__district=district)
    return rows.exclude(inspections__draw__year=year).order_by("number")


def subject_of(programme: Programme, year: int, district: District | None) -> str:
    return "/".join(filter(None, (programme.pk, str(year), district.pk if district else "")))


def frozen_list(programme: Programme, year: int, district: District | None) -> dict[str, Any]:
    """The list as it would be frozen now. Raises Refused where nobody is on it."""
    numbers = listed(programme, year, district, timezone.localdate()).values_list("number", flat=True)
    subject = subject_of(programme, year, district)
    return rules.freeze(numbers, subject, share(), programme.public_source or None)


def propose(
    by: User, programme: Programme, year: int, district: District | None, *, secret: str = "", secret_hash: str = ""
) -> InspectionDraw:
    """Freeze the list and bind the organiser, before the supervisor is bound to anything.

    secret: entrusted to the portal, which shows it to nobody before the draw; secret_hash: alone, where the organiser
    keeps the secret; neither: the portal makes one. Raises NotAllowed, Refused with every problem.
    """
    if not can_city(by, "propose_inspection"):
        raise NotAllowed("propose_inspection")
    problems = list(commitment_problems(secret, secret_hash))
    if year != timezone.localdate().year:
        problems.append(Problem("year", "year", gettext_noop("只能发起当年的抽查。")))
    with transaction.atomic():
        # Two who propose at once take turns: the second sees what the first covers.
        Programme.objects.filter(pk=programme.pk).update(number_prefix=F("number_prefix"))
        problems += _taken(programme, year, district)
        if problems:
            raise Refused(problems)
        frozen = frozen_list(programme, year, district)
        published, entrusted = _bound(secret, secret_hash)
        draw: InspectionDraw = InspectionDraw.objects.create(
            programme=programme, year=year, district=district, scope=district.pk if district else "", frozen=frozen,
            commitment=rules.commitment_of(frozen), organiser=by, organiser_hash=published, organiser_secret=entrusted,
            state="cosigning", due_on=clock.deadline("draw", timezone.localdate(), programme.pk),
        )  # fmt: skip
        said = {"commitment": draw.commitment, "organiser_secret_hash": published}
        event = audit.record(draw, "inspection_draw.propose", by=by, role="organiser", **said)
        telling_supervision.tell_draw(draw, event)
    return draw


def _taken(programme: Programme, year: int, district: District | None) -> Iterator[Problem]:
    """One draw a year and place, and none beside one that is not held yet and covers the same communities."""
    rows = InspectionDraw.objects.filter(programme=programme, year=year)
    scope = district.pk if district else ""
    if rows.filter(scope=scope).exclude(state="given_up").exists():
        yield Problem("double", "district", gettext_noop("该年度该范围已经抽取，不另行抽取。"))
    elif rows.filter(state__in=("cosigning", "revealing")).filter(**({} if not scope else {"scope": ""})).exists():
        message = gettext_noop("同一范围内另有一次抽取正在进行，办结后才能发起。")
        yield Problem("draw_running", "district", message)


def _bound(secret: str, secret_hash: str) -> tuple[str, str]:
    """The hash that binds a party, and the secret if the portal keeps it."""
    entrusted = secret if secret or secret_hash else secrets.token_hex(32)
    return secret_hash or lots.secret_hash(entrusted), entrusted


def cosign(draw: InspectionDraw, by: User, *, secret: str = "", secret_hash: str = "") -> None:
    """Bind the supervisor."""
    draw.supervisor = by
    draw.supervisor_hash, draw.supervisor_secret = _bound(secret, secret_hash)
    draw.save(update_fields=["supervisor", "supervisor_hash", "supervisor_secret"])


def party_of(draw: InspectionDraw, user: User | None) -> str:
    """As what ``user`` is bound by this draw: "organiser", "supervisor", or "" for nobody."""
    if user is None:
        return ""
    return {draw.supervisor_id: "supervisor", draw.organiser_id: "organiser"}.get(user.pk, "")


def missing(draw: InspectionDraw) -> tuple[str, ...]:
    """What a draw still waits for, of "organiser", "supervisor" (their secrets) and "public_value"; () if for nothing."""
    waits = {
        "organiser": not draw.organiser_secret,
        "supervisor": not draw.supervisor_secret,
        "public_value": bool(draw.frozen["rules"]["public_source"]) and not draw.public_value,
    }
    return tuple(name for name, is_missing in waits.items() if is_missing)


def size_of(draw: InspectionDraw) -> int:
    """How many are drawn from its list."""
    return rules.count_of(draw.frozen)


def hold_draw(draw: InspectionDraw) -> int:
    """Draw, now that everything is there, and open the inspections; return how many. Keeps the receipt.

    Whose certificate has ended since the list was frozen stays in the receipt and is not visited.
    """
    value = draw.public_value or None
    draw.receipt = rules.receipt(draw.frozen, draw.organiser_secret, draw.supervisor_secret, value)
    draw.drawn_at = timezone.now()
    draw.save(update_fields=["receipt", "drawn_at"])
    places = {number: place for place, number in enumerate(draw.receipt["drawn"], 1)}
    today = timezone.localdate()
    due_on = clock.deadline(STEP, today, draw.programme_id)
    kept = Certificate.objects.in_force(today).filter(number__in=places)
    case = "application__project__"
    rows = kept.select_related(f"{case}community", f"{case}programme", f"{case}organisation").order_by("number")
    for certificate in rows:
        row = Inspection.objects.create(
            draw=draw, certificate=certificate, place=places[certificate.number], state="drawn", due_on=due_on
        )
        event = audit.record(row, "inspection.draw", by=None, due_on=due_on.isoformat(), commitment=draw.commitment)
        telling_supervision.tell_inspection(row, event)
    return len(rows)


# --- the visit ----------------------------------------------------------------------------------------------------------


def inspects(user: User | None, inspection: Inspection) -> str:
    """The role in which ``user`` inspects: the district's officer, or intake where the district has none; "" for nobody."""
    roles = inspection_roles(user, inspection)
    if "district_officer" in roles:
        return "district_officer"
    if "intake" in roles and checked_by_city(inspection.project.community.district_id):
        return "intake"
    return ""


def add_finding(by: User, inspection: Inspection, text: str, mend_by: date) -> Rectification:
    """Note what must be put right by when; the unit learns it when the visit is recorded.

    Raises NotAllowed, Stale once it is recorded, Refused with every problem.
    """
    role = _require_inspector(by, inspection)
    problems = list(_wrong_finding(inspection, text, mend_by))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        hold(inspection, "drawn")
        row: Rectification = Rectification.objects.create(
            inspection=inspection, text=text.strip(), mend_by=mend_by, state="noted"
        )
        audit.record(row, "rectification.note", by=by, role=role, due_on=mend_by.isoformat())
    return row


def _wrong_finding(inspection: Inspection, text: str, mend_by: date) -> Iterator[Problem]:
    if not text.strip():
        yield Problem("required", "text", gettext_noop("请写明问题。"))
    if len(text) > LONGEST:
        yield Problem("too_long", "text", gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})
    if mend_by < timezone.localdate():
        yield Problem("date_past", "mend_by", gettext_noop("整改期限不能早于今天。"))
    yield from clock.too_far("mend_by", mend_by)
    if inspection.rectifications.count() >= AT_MOST:
        yield Problem("too_many", "text", gettext_noop("一次抽查最多记录 %(most)s 个问题。"), {"most": AT_MOST})


def take_out_finding(by: User, row: Rectification) -> None:
    """Take out what was noted and told nobody; its words stay in the event. Raises NotAllowed, Stale."""
    role = _require_inspector(by, row.inspection)
    with transaction.atomic():
        hold(row.inspection, "drawn")
        hold(row, "noted")
        audit.record(row, "rectification.take_out", by=by, role=role, before={"text": row.text})
        Rectification.objects.filter(pk=row.pk).delete()


def add_photo(by: User, inspection: Inspection, upload: Any, caption: str = "") -> InspectionPhoto:
    """Add a photo of the visit: upright, without metadata. Raises NotAllowed, Stale once it is recorded, Refused."""
    role = _require_inspector(by, inspection)
    values = {**photo_values(upload, by), "caption": caption.strip()[:120]}
    with transaction.atomic():
        hold(inspection, "drawn")
        if inspection.photos.count() >= AT_MOST:
            raise Refused([Problem("too_many", "file", gettext_noop("最多上传 %(most)s 个文件。"), {"most": AT_MOST})])
        row: InspectionPhoto = InspectionPhoto.objects.create(inspection=inspection, **values)
        audit.record(inspection, "inspection.photo", by=by, role=role, file=row.name, sha256=row.sha256)
    return row


def photos_for(user: User, inspection: Inspection) -> QuerySet[InspectionPhoto]:
    """Photos that ``user`` sees: those of a visit that is not recorded are its officers' alone."""
    rows: QuerySet[InspectionPhoto] = inspection.photos.order_by("pk")
    inside = inspection_roles(user, inspection) - {"applicant", "consultant"}
    return rows if inside or inspection.visited_on else rows.none()


def _require_inspector(by: User, inspection: Inspection) -> str:
    role = inspects(by, inspection)
    if not role:
        raise NotAllowed("inspect")
    return role


# --- putting right ------------------------------------------------------------------------------------------------------


def add_rectification_proof(by: User, row: Rectification, upload: Any) -> RectificationProof:
    """Add a document or a picture of what was put right. Raises NotAllowed, Stale, Refused."""
    if "applicant" not in rectification_roles(by, row):
        raise NotAllowed("rectify")
    values = attachment_values(upload, PROOFS, by)
    with transaction.atomic():
        hold(row, *MENDABLE)
        if row.proofs.filter(sha256=values["sha256"]).exists():
            raise Refused([Problem("double", "file", gettext_noop("已经上传过同样的文件。"))])
        if row.proofs.count() >= PROOFS_AT_MOST:
            message = gettext_noop("最多上传 %(most)s 个文件。")
            raise Refused([Problem("too_many", "file", message, {"most": PROOFS_AT_MOST})])
        proof: RectificationProof = RectificationProof.objects.create(rectification=row, **values)
        audit.record(row, "rectification.proof", by=by, role="applicant", file=proof.name, sha256=proof.sha256)
    return proof


def has_new_proof(row: Rectification) -> bool:
    """Whether a proof came in since the last reply: what was returned once proves nothing the second time."""
    last = Event.objects.of(row).filter(verb="rectification.reply").last()
    return (row.proofs.filter(uploaded_at__gt=last.at) if last else row.proofs.all()).exists()


def hold_inspection(row: Rectification) -> None:
    """Take the inspection until commit: of two who close its last faults at once the second sees the first."""
    Inspection.objects.filter(pk=row.inspection_id).update(state_since=F("state_since"))


def is_settled(inspection: Inspection) -> bool:
    """Whether everything that a recorded visit found is put right."""
    return not inspection.rectifications.exclude(state__in=("closed", "dropped")).exists()
