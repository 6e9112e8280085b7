"""From an approved result to the public: notice, objection, certificate. All numbers are taken inside the act."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from datetime import date
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from communities import credit_code
from evaluation.marking import result_of
from evaluation.models import Application, Certificate, Objection, ObjectionProof, PublicNotice, Result
from portal import audit, clock, files, typesetting
from portal.attachments import attachment_values
from portal.machine import hold
from portal.models import Sequence
from portal.problems import Problem, Refused, gettext_noop

PROOF_KINDS = ("pdf", "jpg")


def level_name(result: Result) -> str:
    """Name of the level in the standard's own words; 未达标 for none."""
    names = {level.level: level.name for level in result.application.standard.levels}
    return names.get(result.level, "未达标")


def open_notice(application: Application, day: date) -> PublicNotice:
    """Publish the result of this round for the configured number of working days. Inside the approving act."""
    result = result_of(application)
    project = application.project
    community = project.community
    panel = application.assignments.filter(review_round=application.review_round, state="signed")
    return PublicNotice.objects.create(
        application=application,
        result=result,
        number=f"GS-{day.year}-{Sequence.take(f'notice-{day.year}'):05d}",
        opened_on=day,
        closes_on=clock.deadline("notice", day, project.programme_id),
        figures={
            "community": community.name,
            "district": community.district.name,
            "address": community.address,
            "organisation": project.organisation.name,
            "programme": project.programme.name,
            "stage": application.stage_name,
            "floor_area": str(community.floor_area),
            "households": community.households,
            "buildings": community.buildings,
            "standard": f"{project.standard} {project.standard.name}",
            "standard_notice": "" if project.standard.is_official else UNOFFICIAL,
            "total": result.trace["total"],
            "level": result.level,
            "level_name": level_name(result),
            "chapters": {
                chapter.name: result.trace["chapters"][chapter.code]["ratio"]
                for chapter in application.standard.chapters
                if chapter.code in result.trace["chapters"]
            },
            "panel": [str(row.expert) for row in panel.select_related("expert__user").order_by("seat")],
        },
    )


UNOFFICIAL = "参考样本，非官方标准文本"


def file_objection(notice: PublicNotice, values: Mapping[str, str], proofs: SequenceOf[Any]) -> Objection:
    """Take an objection with a real name and contact, or of a unit with its code; return it with its receipt number.

    values: kind, name, identity, contact, text. Raises Refused with every problem at once; late ones are not taken.
    """
    problems = [
        Problem("required", name, gettext_noop("请填写该项：匿名或没有联系方式的异议不予受理。"))
        for name in ("name", "identity", "contact", "text")
        if not values.get(name, "").strip()
    ]
    kind = values.get("kind", "")
    if kind not in Objection.Kind.values:
        problems.append(Problem("kind", "kind", gettext_noop("请选择个人或单位。")))
    if kind == "unit" and values.get("identity", "").strip():
        problem = credit_code.problem_of(credit_code.normalise(values["identity"]))
        problems += [Problem(problem.code, "identity", problem.message, problem.params)] if problem else []
    if kind == "unit" and not proofs:
        problems.append(Problem("seal_missing", "proofs", gettext_noop("单位提出异议须上传加盖公章的书面材料。")))
    if timezone.localdate() > notice.closes_on:
        problems.append(Problem("late", "", gettext_noop("公示期已过，异议不予受理。")))
    if problems:
        raise Refused(problems)
    read = [attachment_values(upload, PROOF_KINDS, None) for upload in proofs]
    return _keep_objection(notice, values, read)


def _keep_objection(notice: PublicNotice, values: Mapping[str, str], read: list[dict[str, Any]]) -> Objection:
    day = timezone.localdate()
    with transaction.atomic():
        hold(notice.application, "notice")
        objection = Objection.objects.create(
            notice=notice,
            number=f"YY-{day.year}-{Sequence.take(f'objection-{day.year}'):05d}",
            state="received",
            due_on=clock.deadline("objection", day, notice.application.project.programme_id),
            **{name: values[name].strip() for name in ("kind", "name", "identity", "contact", "text")},
        )
        for row in read:
            ObjectionProof.objects.create(objection=objection, **row)
        audit.record(objection, "objection.file", by=None, role="public")
    return objection


def issue_certificate(application: Application, day: date) -> Certificate:
    """Give the certificate of an announced result: number, copies of names, PDF. Inside the certifying act.

    Supersedes the community's earlier certificates of the same kind under the programme.
    """
    result = result_of(application)
    project = application.project
    standard = project.standard
    rule = application.rule
    prefix = f"{project.programme.number_prefix}-{'X' if rule.is_final else 'S'}"
    certificate = Certificate.objects.create(
        application=application,
        number=f"{prefix}-{day.year}-{Sequence.take(f'{prefix}-{day.year}'):05d}",
        state="valid",
        is_final=rule.is_final,
        level=result.level,
        level_name=level_name(result),
        community_name=project.community.name,
        organisation_name=project.organisation.name,
        district_name=project.community.district.name,
        standard_label=f"{standard} {standard.name}",
        standard_sha256=standard.sha256,
        standard_notice="" if standard.is_official else UNOFFICIAL,
        issued_on=day,
        valid_until=(last := years_later(day, rule.certificate_years)),
        due_on=last,
    )
    content = certificate_pdf(certificate)
    certificate.sha256 = files.sha256_of(content)
    certificate.file.save(f"certificate-{certificate.sha256}.pdf", ContentFile(content), save=False)
    certificate.save(update_fields=["sha256", "file"])
    return certificate


def years_later(day: date, years: int) -> date:
    """The day before the same day ``years`` later (29 February counts as 28)."""
    try:
        later = day.replace(year=day.year + years)
    except ValueError:
        later = day.replace(year=day.year + years, day=28)
    return date.fromordinal(later.toordinal() - 1)


def check_url(certificate: Certificate) -> str:
    """What the QR code opens: the public page of this number."""
    return settings.SITE_URL + reverse("certificate", args=[certificate.number])


def certificate_pdf(certificate: Certificate) -> bytes:
    """Typeset the certificate; the same row gives the same bytes."""
    return typesetting.render(
        "certificate",
        {
            "number": certificate.number,
            "is_final": certificate.is_final,
            "level": certificate.level,
            "level_name": certificate.level_name,
            "stage": certificate.application.stage_name,
            "award": certificate.application.standard.stage(certificate.application.stage).award,
            "community": certificate.community_name,
            "organisation": certificate.organisation_name,
            "district": certificate.district_name,
            "standard": certificate.standard_label,
            "notice": certificate.standard_notice,
            "issued_on": certificate.issued_on.isoformat(),
            "valid_until": certificate.valid_until.isoformat(),
            "check_url": check_url(certificate),
        },
    )
