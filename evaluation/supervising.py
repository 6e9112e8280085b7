"""Life after award: yearly operating reports, and what of them and of inspections stands in a community's way.

Hides: when a year is over and its report is opened, that officers read what was handed in and not what is being typed, and
when nothing is asked of a community any more because its certificate has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from communities.permissions import officers
from evaluation import telling_supervision
from evaluation.models import Certificate, Inspection, OperatingReport, Rectification, Renewal, ReportProof
from evaluation.permissions import (
    APPLICANTS,
    life_roles,
    renewals_visible_to,
    report_roles,
    sanctions_visible_to,
)
from portal import audit, clock
from portal.attachments import attachment_values
from portal.machine import MACHINES, NotAllowed, Stale, hold
from portal.models import Event, User
from portal.problems import Changed, Problem, Refused, gettext_noop
from portal.tasks import swept
from portal.workdays import years_later

WRITABLE = ("due", "returned")  # states in which the unit writes its report
UNSETTLED = ("open", "overdue", "replied")  # states of a rectification that was told and is not closed
PROOFS = ("pdf", "jpg", "xlsx")
LONGEST, PROOFS_AT_MOST = 5000, 20
AT_ONCE = 500  # rows that one look of the sweep takes on
STEP = "operating_report"


# --- the year is over ---------------------------------------------------------------------------------------------------


@swept
def open_reports() -> int:
    """Ask for the report of each certificate in force whose last full year has no report yet; return how many.

    Of years that passed before anybody asked only the newest is asked for. May run twice at once: one report a year.
    """
    today = timezone.localdate()
    try:
        clock.days_of(STEP)
    except clock.UnknownLimit:  # a portal that nobody has configured yet
        return 0
    return sum(_open(certificate, year, today) for certificate, year in _anniversaries(today))


def _anniversaries(today: date) -> Iterator[tuple[Certificate, int]]:
    """Certificates in force with the years that they have been, where the report of the last one was never opened."""
    rows = Certificate.objects.in_force(today)
    earliest = rows.aggregate(earliest=Min("issued_on"))["earliest"]
    years = today.year - earliest.year if earliest else 0
    for year in range(1, years + 1):
        # A day more on either side than any year has: the calendar decides below.
        latest, first = years_later(today, -year) + timedelta(days=1), years_later(today, -year - 1)
        span = Q(issued_on__lte=latest, issued_on__gte=first)
        asked = OperatingReport.objects.filter(certificate=OuterRef("pk"), year=year)
        found = rows.filter(span, ~Exists(asked)).select_related("application__project__programme")
        for certificate in found.order_by("pk")[:AT_ONCE]:
            if years_later(certificate.issued_on, year) <= today < years_later(certificate.issued_on, year + 1):
                yield certificate, year


def _open(certificate: Certificate, year: int, today: date) -> int:
    programme = certificate.application.project.programme
    values = {
        "opened_on": years_later(certificate.issued_on, year), "questions": programme.report_questions, "state": "due",
        "due_on": clock.deadline(STEP, today, programme.pk),
    }  # fmt: skip
    try:
        with transaction.atomic():
            hold(certificate, "valid")
            report = OperatingReport.objects.create(certificate=certificate, year=year, **values)
            event = audit.record(report, "operating_report.open", by=None, due_on=report.due_on.isoformat())
            telling_supervision.tell_report(report, event)
    except (IntegrityError, Stale):  # another look was faster, or the certificate has just ended
        return 0
    return 1


def certified(path: str) -> Q:
    """Whether the case at ``path`` (the way to its application) still has a certificate that holds, this one or a newer,
    or may yet have one: what stands in the way of a renewal that outlives its certificate does not end with that.
    """
    renewals = Renewal.objects.open().filter(certificate__application=OuterRef(path))
    return Q(Exists(Certificate.objects.filter(application=OuterRef(path), state="valid"))) | Q(Exists(renewals))


@swept
def let_go() -> int:
    """Ask nothing more of communities that have no certificate any more; return how many things were let go."""
    kinds: tuple[tuple[str, QuerySet[Any], str], ...] = (
        ("operating_report", OperatingReport.objects.filter(state__in=WRITABLE), "certificate__application"),
        ("rectification", Rectification.objects.filter(state__in=("noted", *UNSETTLED)),
         "inspection__certificate__application"),
        ("inspection", Inspection.objects.filter(state__in=("drawn", "rectifying")), "certificate__application"),
    )  # fmt: skip
    gone = 0
    for name, rows, path in kinds:
        for row in rows.filter(~certified(path)).order_by("pk")[:AT_ONCE]:
            try:
                MACHINES[name].perform(row, "let_go", by=None)
                gone += 1
            except Stale:
                continue
    return gone


# --- writing a report ---------------------------------------------------------------------------------------------------


def write(
    by: User, report: OperatingReport, answers: Mapping[str, str], revision: int | None = None
) -> OperatingReport:
    """Write what the report says so far; all may still be incomplete.

    answers: code of a question -> text, those that are named. revision: what the writer last saw, None skips that.
    Raises NotAllowed, Stale, Refused, Changed where somebody else has written meanwhile.
    """
    role = _require_writer(by, report)
    problems = list(_wrong(report, answers))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        hold(report, *WRITABLE)
        now = OperatingReport.objects.get(pk=report.pk)
        if revision is not None and now.revision != revision:
            message = gettext_noop("内容刚被他人修改，请核对后重新保存。")
            raise Changed([Problem("changed", "", message)], {"current": now.answers, "revision": now.revision})
        said = {**now.answers, **{code: text.strip() for code, text in answers.items()}}
        if said != now.answers:
            OperatingReport.objects.filter(pk=report.pk).update(answers=said, revision=now.revision + 1)
            changed = sorted(code for code in said if said[code] != now.answers.get(code))
            audit.record(report, "operating_report.write", by=by, role=role, fields=changed)
    report.refresh_from_db()
    return report


def _wrong(report: OperatingReport, answers: Mapping[str, str]) -> Iterator[Problem]:
    known = {code for code, _label in report.questions}
    for code, text in answers.items():
        if code not in known:
            yield Problem("question_unknown", code[:40], gettext_noop("没有这一事项。"))
        elif len(text) > LONGEST:
            yield Problem("too_long", code, gettext_noop("最多 %(most)s 字。"), {"most": LONGEST})


def add_proof(by: User, report: OperatingReport, upload: Any) -> ReportProof:
    """Add a document or a picture that shows what the report says. Raises NotAllowed, Stale, Refused."""
    role = _require_writer(by, report)
    values = attachment_values(upload, PROOFS, by)
    with transaction.atomic():
        hold(report, *WRITABLE)
        kept = report.proofs.filter(removed_at=None)
        if kept.filter(sha256=values["sha256"]).exists():
            raise Refused([Problem("double", "file", gettext_noop("已经上传过同样的文件。"))])
        if kept.count() >= PROOFS_AT_MOST:
            message = gettext_noop("最多上传 %(most)s 个文件。")
            raise Refused([Problem("too_many", "file", message, {"most": PROOFS_AT_MOST})])
        row = ReportProof.objects.create(report=report, **values)
        audit.record(report, "operating_report.proof", by=by, role=role, file=row.name, sha256=row.sha256)
    return row


def remove_proof(by: User, proof: ReportProof) -> None:
    """Take a proof out while the report is being written; its row stays. Raises NotAllowed, Stale."""
    role = _require_writer(by, proof.report)
    with transaction.atomic():
        hold(proof.report, *WRITABLE)
        if ReportProof.objects.filter(pk=proof.pk, removed_at=None).update(removed_at=timezone.now()):
            audit.record(proof.report, "operating_report.remove_proof", by=by, role=role, file=proof.name)


def _require_writer(by: User, report: OperatingReport) -> str:
    roles = report_roles(by, report) & APPLICANTS
    if not roles:
        raise NotAllowed("write_report")
    return next(iter(roles))


def unsaid(report: OperatingReport) -> Iterator[Problem]:
    """What a report still lacks before it can be handed in, each problem at its question."""
    answers = OperatingReport.objects.values_list("answers", flat=True).get(pk=report.pk)
    for code, label in report.questions:
        if not answers.get(code):
            yield Problem("required", code, gettext_noop("请填写“%(label)s”。"), {"label": label})


def proofs_for(user: User, report: OperatingReport) -> QuerySet[ReportProof]:
    """Proofs that ``user`` reads: the unit its own as they stand, officers those of the report that was handed in."""
    rows: QuerySet[ReportProof] = report.proofs.order_by("pk")
    if report_roles(user, report) & APPLICANTS:
        return rows.filter(removed_at=None)
    if report.submitted_at is None:
        return rows.none()
    handed = rows.filter(uploaded_at__lte=report.submitted_at)
    return handed.filter(Q(removed_at=None) | Q(removed_at__gt=report.submitted_at))


def checked_by_city(district: str) -> bool:
    """Whether no officer serves this district: then intake reads its reports and inspects there."""
    return not officers("district_officer", district).exists()


# --- what others ask ----------------------------------------------------------------------------------------------------


def _reports(certificate: Certificate) -> QuerySet[OperatingReport]:
    """Of the case: a certificate that was replaced by a lower one leaves what it still owed to its successor."""
    return OperatingReport.objects.filter(certificate__application=certificate.application_id)


def _rectifications(certificate: Certificate) -> QuerySet[Rectification]:
    return Rectification.objects.filter(inspection__certificate__application=certificate.application_id)


def hindrances(certificate: Certificate) -> list[Problem]:
    """What keeps a certificate from being renewed: reports that were asked for and not accepted, faults not put right."""
    found = []
    for report in _reports(certificate).filter(state__in=(*WRITABLE, "submitted")).order_by("opened_on", "pk"):
        message = gettext_noop("第 %(n)s 年度运营报告尚未通过。")
        found.append(Problem("report_open", f"operating_report-{report.pk}", message, {"n": report.year}))
    for row in _rectifications(certificate).filter(state__in=UNSETTLED).order_by("pk"):
        message = gettext_noop("抽查发现的问题“%(text)s”尚未整改完毕。")
        found.append(Problem("rectification_open", f"rectification-{row.pk}", message, {"text": row.text[:40]}))
    return found


def findings_of(certificate: Certificate) -> list[str]:
    """Facts for whoever considers a sanction, as Chinese sentences: overdue faults first, then overdue reports."""
    today = timezone.localdate()
    with override("zh-hans"):
        return [*_overdue_faults(certificate), *_overdue_reports(certificate, today)]


def _overdue_faults(certificate: Certificate) -> Iterator[str]:
    rows = _rectifications(certificate).filter(state="overdue").select_related("inspection").order_by("mend_by", "pk")
    for row in rows:
        words = {"day": row.inspection.visited_on, "text": row.text, "due": row.mend_by}
        yield _("%(day)s 抽查发现：%(text)s；应于 %(due)s 前整改，逾期未整改。") % words


def _overdue_reports(certificate: Certificate, today: date) -> Iterator[str]:
    rows = _reports(certificate).filter(state__in=WRITABLE, due_on__lt=today).order_by("opened_on", "pk")
    for report in rows:
        yield _("第 %(n)s 年度运营报告应于 %(due)s 前提交，逾期未提交。") % {"n": report.year, "due": report.due_on}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing in the life of a certificate. row: what it is about, None for the certificate itself; tone: of its tag."""

    day: date
    words: str
    row: Any = None
    link: str = ""
    tone: str = "plain"


TONES: Mapping[str, str] = {
    "due": "wait", "returned": "wait", "submitted": "wait", "accepted": "ok", "drawn": "wait", "rectifying": "wait",
    "closed": "ok", "open": "wait", "replied": "wait", "overdue": "late",
}  # fmt: skip


def life_of(certificate: Certificate, user: User) -> list[Moment]:
    """The years of one certificate as ``user``, who sees them, reads them: the oldest first."""
    today = timezone.localdate()
    found = [Moment(certificate.issued_on, _("发出证书，有效期至 %(day)s") % {"day": certificate.valid_until})]
    for report in certificate.operating_reports.all():
        tone = "late" if report.is_late(today) else TONES.get(report.state, "plain")
        found.append(Moment(report.opened_on, report.label, report, report.get_absolute_url(), tone))
    inside = not life_roles(user, certificate) & APPLICANTS
    for inspection in certificate.inspections.select_related("draw").prefetch_related("rectifications"):
        day = inspection.visited_on or timezone.localdate(inspection.draw.drawn_at or inspection.state_since)
        words, tone = _("%(year)s 年抽查") % {"year": inspection.draw.year}, TONES.get(inspection.state, "plain")
        found += [
            Moment(day, words, inspection, inspection.get_absolute_url(), tone),
            *_faults(inspection, day, inside),
        ]
    return sorted([*found, *_dealt_with(certificate, user), *_ends(certificate)], key=lambda moment: moment.day)


def _dealt_with(certificate: Certificate, user: User) -> Iterable[Moment]:
    """What was proposed against it, as far as ``user`` may know, and what was asked to prolong it."""
    for row in sanctions_visible_to(user).filter(certificate=certificate):
        day = timezone.localdate(row.told_at or row.proposed_at)
        yield Moment(day, str(row._meta.verbose_name), row, row.get_absolute_url(), "late" if row.is_open else "plain")
    for row in renewals_visible_to(user).filter(certificate=certificate):
        tone = "wait" if row.is_open else "plain"
        yield Moment(timezone.localdate(row.asked_at), str(row._meta.verbose_name), row, row.get_absolute_url(), tone)


def _faults(inspection: Inspection, day: date, inside: bool) -> Iterable[Moment]:
    for row in inspection.rectifications.all():
        if row.state != "noted" or inside:
            words = _("问题：%(text)s（%(due)s 前整改）") % {"text": row.text, "due": row.mend_by}
            link = f"{inspection.get_absolute_url()}#rectification-{row.pk}"
            yield Moment(day, words, row, link, TONES.get(row.state, "plain"))


def _ends(certificate: Certificate) -> Iterable[Moment]:
    """What ended it, in the words of its own acts."""
    if certificate.state == "valid":
        return
    for event in Event.objects.of(certificate).filter(data__to=certificate.state):
        yield Moment(timezone.localdate(event.at), str(MACHINES["certificate"].states[certificate.state]), tone="late")
