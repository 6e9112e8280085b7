"""From an approved result to the public: notice, objection, certificate. All numbers are taken inside the act."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from datetime import date
from fractions import Fraction
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from communities import credit_code, identity_number
from communities.sheets import publishes
from evaluation import certificate_forms, certificate_numbers, disclosing, notice_versions, scoring, sealing
from evaluation.marking import result_of
from evaluation.models import Application, Certificate, Objection, ObjectionProof, Programme, PublicNotice, Result
from evaluation.printing import certificate_pdf
from portal import attempts, audit, clock, files
from portal.attachments import attachment_values
from portal.machine import Stale, hold
from portal.models import Sequence
from portal.problems import Problem, Refused, gettext_noop
from portal.workdays import last_day

PROOF_KINDS = ("pdf", "jpg")
LEAST_DIGITS = 7  # of a telephone number
MAILBOX = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


@publishes
def known_to_the_public(communities: Collection[int]) -> frozenset[int]:
    """Of these communities those that a notice or a certificate named."""
    cases = Application.objects.filter(project__community__in=communities).exclude(notices=None, certificates=None)
    return frozenset(cases.values_list("project__community", flat=True))


def level_name(result: Result) -> str:
    """Name of the level in the standard's own words; 未达标 for none."""
    names = {level.level: level.name for level in result.application.standard.levels}
    return names.get(result.level, scoring.NO_LEVEL_NAME)


def open_notice(application: Application, day: date) -> PublicNotice:
    """Publish the result of this round for the configured number of working days. Inside the approving act."""
    panel = application.assignments.filter(review_round=application.review_round, state="signed")
    result = result_of(application)
    notice = PublicNotice.objects.create(
        application=application,
        result=result,
        number=f"GS-{day.year}-{Sequence.take(f'notice-{day.year}'):05d}",
        opened_on=day,
        closes_on=clock.deadline("notice", day, application.project.programme_id),
        figures=figures_of(result, [str(row.expert) for row in panel.select_related("expert__user").order_by("seat")])
        | {"opened": disclosing.opened(result)},
    )
    notice_versions.publish_first(notice)
    return notice


def figures_of(result: Result, panel: SequenceOf[str]) -> dict[str, Any]:
    """What a notice publishes of a result: copies, so that it stays as it was published. panel: names in their order."""
    application = result.application
    project = application.project
    community = project.community
    return {
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
        "standard_notice": "" if project.standard.is_official else project.programme.sample_notice,
        "total": result.trace["total"],
        "level": result.level,
        "level_name": level_name(result),
        # Pairs, since PostgreSQL does not keep the order of the keys of an object.
        "chapters": [
            [chapter.name, result.trace["chapters"][chapter.code]["ratio"]]
            for chapter in application.standard.chapters
            if chapter.code in result.trace["chapters"]
        ],
        "panel": list(panel),
        "scenarios": scenarios_of(result),
    }


def scenarios_of(result: Result) -> list[list[str]]:
    """Code and name of every bonus item that the panel found to be met: what a community has beyond what is asked."""
    won = result.trace.get("items", {})
    return [
        [item.code, item.name]
        for item in result.application.standard.items(result.application.stage)
        if item.kind == "bonus" and Fraction(won.get(item.code, {}).get("points") or 0) > 0
    ]


def file_objection(
    notice: PublicNotice, values: Mapping[str, str], proofs: SequenceOf[Any], address: str | None = None
) -> Objection:
    """Take an objection with a real name and contact, or of a unit with its code; return it with its receipt number.

    values: kind, name, identity, contact, text. address: where it comes from over the network, None for one that does
    not. Raises Refused with every problem at once; late ones are not taken. Raises TooMany.
    """
    problems = [*_objection_problems(notice, values, proofs)]
    if problems:
        raise Refused(problems)
    if address is not None:
        # Before the files are opened, which is the dear part.
        attempts.take(attempts.objections(), address)
    return _keep_objection(notice, values, _proofs_read(proofs))


def _objection_problems(notice: PublicNotice, values: Mapping[str, str], proofs: SequenceOf[Any]) -> Iterator[Problem]:
    for name in ("name", "identity", "contact", "text"):
        if not values.get(name, "").strip():
            yield Problem("required", name, gettext_noop("请填写该项：匿名或没有联系方式的异议不予受理。"))
    kind = values.get("kind", "")
    if kind not in Objection.Kind.values:
        yield Problem("kind", "kind", gettext_noop("请选择个人或单位。"))
    yield from _identity_problems(kind, values.get("identity", ""))
    if values.get("contact", "").strip() and not is_reachable(values["contact"]):
        yield Problem("contact", "contact", gettext_noop("请填写能联系到您的电话号码（不少于 7 位数字）或电子邮箱。"))
    if kind == "unit" and not proofs:
        yield Problem("seal_missing", "proofs", gettext_noop("单位提出异议须上传加盖公章的书面材料。"))
    if not notice.is_running(timezone.localdate()):
        yield _late()
    yield from _too_much(notice.application.project.programme, proofs)


def _identity_problems(kind: str, identity: str) -> Iterator[Problem]:
    """Of a unit its credit code; of a person the identity card, where the number is meant to be one's."""
    if kind == "unit" and identity.strip():
        problem = credit_code.problem_of(credit_code.normalise(identity))
        if problem:
            yield Problem(problem.code, "identity", problem.message, problem.params)
    if kind == "person" and identity_number.looks_like_one(identity):
        yield from identity_number.problems_of(identity)


def is_reachable(contact: str) -> bool:
    """Whether a contact has a telephone number or a mailbox in it."""
    return sum(letter.isdecimal() for letter in contact) >= LEAST_DIGITS or MAILBOX.search(contact) is not None


def _too_much(programme: Programme, proofs: SequenceOf[Any]) -> Iterator[Problem]:
    if len(proofs) > programme.objection_files:
        message = gettext_noop("最多上传 %(most)s 个文件。")
        yield Problem("too_many_files", "proofs", message, {"most": programme.objection_files})
    if sum(upload.size for upload in proofs) > settings.MAX_OBJECTION_MEGABYTES * 1024 * 1024:
        message = gettext_noop("全部附件合计不得超过 %(most)s MB。")
        yield Problem("too_large", "proofs", message, {"most": settings.MAX_OBJECTION_MEGABYTES})


def _late() -> Problem:
    return Problem("late", "", gettext_noop("公示已经结束，异议不予受理。"))


def _proofs_read(proofs: SequenceOf[Any]) -> list[dict[str, Any]]:
    """Columns of every proof, or Refused with what is wrong with all of them."""
    read, problems = [], []
    for upload in proofs:
        try:
            read.append(attachment_values(upload, PROOF_KINDS, None))
        except Refused as refused:
            problems += refused.problems  # each names its file
    if problems:
        raise Refused(problems)
    return read


def objection_number(day: date) -> str:
    """A receipt number nobody can guess from another's: it alone opens the reply."""
    tail = "".join(secrets.choice(credit_code.ALPHABET) for _place in range(6))
    return f"YY-{day.year}-{Sequence.take(f'objection-{day.year}'):05d}-{tail}"


def _keep_objection(notice: PublicNotice, values: Mapping[str, str], read: list[dict[str, Any]]) -> Objection:
    day = timezone.localdate()
    with transaction.atomic():
        try:
            hold(notice.application, "notice")
        except Stale as error:
            # The public is told that it is over, not which officer moved the case.
            raise Refused([_late()]) from error
        objection = Objection.objects.create(
            notice=notice,
            number=objection_number(day),
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
    certificate = certificate_of(result_of(application), certificate_number(application, day), day)
    keep_pdf(certificate)
    certificate.save()
    return certificate


def certificate_number(application: Application, day: date) -> str:
    """The next number of a certificate, by the form of its stage. Inside the issuing act. Raises Refused: no form."""
    form = certificate_forms.in_force(application.project.programme_id, application.stage)
    return certificate_numbers.next_number(form, day)


def certificate_of(result: Result, number: str, day: date) -> Certificate:
    """The certificate of a result with copies of the names as they are on ``day``; not saved, without its PDF."""
    application = result.application
    project, rule = application.project, application.rule
    standard = project.standard
    last = last_day(day, rule.certificate_years)
    return Certificate(
        application=application,
        programme=project.programme,
        district=project.community.district,
        number=number,
        state="valid",
        is_final=rule.is_final,
        level=result.level,
        level_name=level_name(result),
        community_name=project.community.name,
        organisation_name=project.organisation.name,
        district_name=project.community.district.name,
        standard_label=f"{standard} {standard.name}",
        standard_sha256=standard.sha256,
        standard_notice="" if standard.is_official else project.programme.sample_notice,
        issued_on=day,
        valid_until=last,
        due_on=last,
    )


def keep_pdf(certificate: Certificate) -> None:
    """Seal and typeset a certificate; keep seal, file and hash in the row, which the caller saves.

    By the form that it was printed from before, else by the one in force. Raises Refused: no key, no form.
    """
    application = certificate.application
    certificate.form = certificate.form or certificate_forms.in_force(
        application.project.programme_id, application.stage
    )
    sealing.seal(certificate)
    content = certificate_pdf(certificate)
    certificate.sha256 = files.sha256_of(content)
    certificate.file.save(f"certificate-{certificate.sha256}.pdf", ContentFile(content), save=False)


def certificate_at(number: str, address: str) -> Certificate | None:
    """The certificate of this number, None where there is none. Raises TooMany for whoever guesses.

    Only numbers that there are none of are counted; where the allowance of an address is used up, no number is looked up
    for it, so that the answer tells nothing. Every certificate there is may be looked up: none is hidden.
    """
    allowance = attempts.unknown_certificates()
    attempts.refuse_used_up(allowance, address)
    row: Certificate | None = Certificate.objects.filter(number=number).first()
    if row is None:
        attempts.take(allowance, address)
    return row


def seal_unsealed() -> int:
    """Seal certificates from before there were seals that have not ended, and print them anew; return how many.

    What was printed before stays as it is: the event names the hash of the file that people may hold.
    """
    rows = Certificate.objects.filter(seal="", state="valid").select_related("application__project__programme")
    sealed = 0
    for row in rows.order_by("number"):
        before = row.sha256
        with transaction.atomic():
            keep_pdf(row)
            row.save(update_fields=["seal", "seal_key", "form", "file", "sha256"])
            audit.record(row, "certificate.seal", by=None, key=row.seal_key_id, sha256=row.sha256, before=before)
        sealed += 1
    return sealed
