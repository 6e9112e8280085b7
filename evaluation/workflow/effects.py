"""What happens together with an application's move, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from evaluation import (
    changing,
    clocks,
    drawing,
    findings,
    incentives,
    issuing,
    outcome,
    sanctions,
    site_paper,
    snapshot,
    substituting,
)
from evaluation.marking import result_of
from evaluation.models import Application, Assignment, Certificate, Draw, Mark, Objection, SiteVisit
from evaluation.site import site_visit_of
from evaluation.site_signing import sha256_of_content
from evaluation.workflow.guards import item_codes
from experts.draw import canonical_bytes
from portal.files import sha256_of
from portal.machine import MACHINES, Act
from portal.tasks import ring

Data = Mapping[str, Any]


def seal(application: Application, act: Act) -> Data:
    sealed = snapshot.seal(application, act.by)
    return {"version": sealed.version, "sha256": sealed.sha256}


def send_findings(application: Application, act: Act) -> Data:
    number = application.correction_round + 1
    Application.objects.filter(pk=application.pk).update(correction_round=number)
    application.correction_round = number
    return {"round": number, "findings": findings.send(application, number, act)}


def issue_acceptance(application: Application, act: Act) -> Data:
    return {"notice": issuing.issue(application, "acceptance", act, issuing.acceptance(application)).number}


def issue_refusal(application: Application, act: Act) -> Data:
    content = issuing.refusal(application, str(act.data["reason"]))
    return {"notice": issuing.issue(application, "refusal", act, content).number}


def freeze_draw(application: Application, act: Act) -> Data:
    salt = (
        act.data.get("salt") or ""
    )  # given where a world is to be the same each time; no page and no endpoint asks it
    draw = drawing.propose(application, act.by, salt=salt, **_binding(act))
    Application.objects.filter(pk=application.pk).update(organiser=act.by)
    application.organiser = act.by
    return {"commitment": draw.commitment, "organiser_secret_hash": draw.organiser_hash}


def _binding(act: Act) -> dict[str, str]:
    """How a party binds itself, as it was said."""
    return {name: str(act.data.get(name) or "").strip() for name in ("secret", "secret_hash")}


def drop_draw(application: Application, act: Act) -> Data:
    """The returned plan leaves the table, not the record: its commitment stays in the event."""
    draw = drawing.present(application)
    draw.delete()
    return {"commitment": draw.commitment}


def bind_supervisor(application: Application, act: Act) -> Data:
    draw = drawing.cosign(application, act.by, **_binding(act))
    return {"commitment": draw.commitment, "supervisor_secret_hash": draw.supervisor_hash}


def keep_secret(application: Application, act: Act) -> Data:
    return {"party": drawing.reveal(application, act.by, act.data["secret"].strip())}


def keep_public_value(application: Application, act: Act) -> Data:
    return {"source": drawing.enter_public_value(application, act.data["public_value"].strip())}


def draw_when_complete(application: Application, act: Act) -> None:
    if not drawing.missing(drawing.present(application)):
        MACHINES["application"].perform(application, "hold_draw", by=None)


def give_up_draw(application: Application, act: Act) -> Data:
    """The row stays: that two parties were bound and no draw came of it is on record, with who still owed what."""
    draw = drawing.present(application)
    return {"commitment": draw.commitment, "missing": list(drawing.missing(draw))}


def receipt_sha256(draw: Draw) -> str:
    """Of the one file that the receipt is; on record, so that no earlier or shorter receipt passes for it."""
    return sha256_of(canonical_bytes(draw.receipt))


def hold_draw(application: Application, act: Act) -> Data:
    draw = drawing.hold(application)
    return {"commitment": draw.commitment, "seats": draw.assignments.count(), "receipt_sha256": receipt_sha256(draw)}


def open_site_visit(application: Application, act: Act) -> Data:
    SiteVisit.objects.get_or_create(application=application, review_round=application.review_round)
    return {}


def make_site_paper(application: Application, act: Act) -> Data:
    """The signed record becomes a paper; a worker makes it, or whoever opens it first."""
    visit = site_visit_of(application)
    transaction.on_commit(lambda: ring(site_paper.make_paper, visit.pk), robust=True)
    return {"content_sha256": sha256_of_content(visit)}


def keep_opinion(application: Application, act: Act) -> Data:
    result = result_of(application)
    result.opinion = act.data["opinion"].strip()
    result.opinion_by = act.by
    notes = act.data.get("notes")
    result.notes = dict(notes) if isinstance(notes, dict) else {}
    result.save(update_fields=["opinion", "opinion_by", "notes"])
    # Other words want other signatures. That somebody signed the earlier ones stays in the events.
    result.endorsements.all().delete()
    return {}


def ask_revision(application: Application, act: Act) -> Data:
    findings.ask_revision(application, item_codes(act.data["items"]), act.data["reason"], act.by)
    return {}


def reopen_sheets(application: Application, act: Act) -> Data:
    """The same panel judges the revised version in a new round, starting from its own marks."""
    panel = list(application.assignments.filter(review_round=application.review_round, state="signed"))
    next_round(application, act)
    for old in panel:
        new = Assignment.objects.create(
            application=application, draw=old.draw, expert=old.expert, review_round=application.review_round,
            field=old.field, is_leader=old.is_leader, seat=old.seat, state="accepted", due_on=application.due_on,
        )  # fmt: skip
        Mark.objects.bulk_create(
            Mark(assignment=new, item_code=mark.item_code, value=mark.value, reason=mark.reason)
            for mark in old.marks.all()
        )
    for visit in application.site_visits.filter(review_round=application.review_round - 1):
        seen = [*visit.photos.order_by("pk"), *visit.findings.all(), *visit.signatures.all()]
        visit.pk, visit.review_round = None, application.review_round
        visit.save()
        for row in seen:
            row.pk, row.site_visit = None, visit
            row.save()
    return {"round": application.review_round}


def end_invitations(application: Application, act: Act) -> Data:
    """Nobody is reminded of a seat in a draw that was given up, nor replaced when the day has passed."""
    application.assignments.filter(review_round=application.review_round).update(due_on=None)
    substituting.drop_waiting(application)
    return {}


def next_round(application: Application, act: Act) -> Data:
    number = application.review_round + 1
    Application.objects.filter(pk=application.pk).update(review_round=number)
    application.review_round = number
    return {"round": number}


def open_notice(application: Application, act: Act) -> Data:
    notice = outcome.open_notice(application, act.day)
    Application.objects.filter(pk=application.pk).update(due_on=notice.closes_on)
    application.due_on = notice.closes_on
    return {"notice": notice.number, "closes_on": notice.closes_on.isoformat()}


def close_notice(application: Application, act: Act) -> Data:
    notice = application.notices.get(result__review_round=application.review_round)
    notice.closed_at = timezone.now()
    notice.save(update_fields=["closed_at"])
    return {"notice": notice.number}


def merge_objections(application: Application, act: Act) -> None:
    """Whoever else objected to a notice that has ended hears that the case is judged anew, and waits for nobody."""
    for objection in Objection.objects.filter(notice__application=application).unanswered().order_by("pk"):
        MACHINES["objection"].perform(objection, "merge", by=None)


def issue_certificate(application: Application, act: Act) -> Data:
    earlier = Certificate.objects.filter(
        application__project__community=application.project.community_id,
        application__project__programme=application.project.programme_id,
        is_final=application.rule.is_final,
        state="valid",
    )
    # Before the number, as whoever downgrades or renews one of them does: none waits for the other in a circle.
    for pk in earlier.order_by("pk").values_list("pk", flat=True):
        sanctions.take(pk)
    certificate = outcome.issue_certificate(application, act.day)
    earlier = earlier.exclude(pk=certificate.pk)
    for old in earlier.order_by("pk"):
        MACHINES["certificate"].perform(old, "supersede", by=None)
        certificate.succeeds = old  # of several the newest
    if certificate.succeeds_id:
        certificate.save(update_fields=["succeeds"])
    incentives.follow(certificate)
    for change in changing.waiting_for(application):
        MACHINES["major_change"].perform(change, "settle", by=None)
    return {"certificate": certificate.number, "level": certificate.level}


def pause_clock(application: Application, act: Act) -> Data:
    return clocks.pause(application, act.day)


def resume_clock(application: Application, act: Act) -> Data:
    return clocks.resume(application, act.day)
