"""What a person says of themself to enter the pool or to stay in it, and what the pool takes over once they are admitted.

Hides: who may not enter, what a whole admission is, and how a first term, a term after another and a return are counted.
Who decides, and in which order, is the machine's table (``experts.workflow``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from communities import credit_code
from communities.models import Officer
from communities.permissions import city_duties
from communities.writing import unique
from experts import pool, standing
from experts.models import Admission, AdmissionProof, Call, Expert
from experts.permissions import ADMISSION_RIGHTS, as_person, can_admission
from portal import audit
from portal.attachments import attachment_values
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop
from portal.workdays import last_day, years_later

PROOF_KINDS = ("pdf", "jpg")
PROOFS_AT_MOST = 20
STATEMENT_AT_MOST = 5000  # characters
LONGEST_YEARS = 70
# columns that must be filled in to enter
SAID = ("education", "title", "experience_years", "employer", "employer_code", "district")
ADMISSION_FIELDS = (*SAID, "fields", "statement")
RENEWAL_FIELDS = ("statement",)
# what must be proved: by whoever enters, by whoever stays
PROVED: Mapping[str, tuple[str, ...]] = {"admission": ("education", "title", "consent"), "renewal": ("consent",)}
MISSING_PROOFS: Mapping[str, str] = {
    "education": gettext_noop("请上传学历证明（PDF 或照片）。"),
    "title": gettext_noop("请上传职称证明（PDF 或照片）。"),
    "consent": gettext_noop("请上传所在单位盖章的同意书（PDF 或照片）。"),
}


# --- who may enter ----------------------------------------------------------------------------------------------------


def entry_problems(user: User, day: date) -> Iterator[Problem]:
    """Why a person cannot enter the pool on ``day``. A district officer may: only cases of that district are kept off."""
    held = sorted(city_duties(user))
    if held:
        duty = str(Officer.Duty(held[0]).label)
        message = gettext_noop("申请人担任%(duty)s，任职期间不能进入专家库；职责结束后可以申请。")
        yield Problem("is_officer", "", message, {"duty": duty})
    expert = Expert.objects.filter(user=user).first()
    if expert is None:
        return
    if expert.state == "removed":
        ends = years_later(timezone.localdate(expert.state_since), standing.parameter("expert_return_years"))
        if day < ends:
            message = gettext_noop("申请人已被移出专家库，%(day)s起才能再次申请。")
            yield Problem("removed_lately", "", message, {"day": ends.isoformat()})
    elif expert.term_until >= day or expert.state == "hearing":
        message = gettext_noop("申请人已在专家库中（%(number)s）；聘期届满前请申请续聘。")
        yield Problem("already_expert", "", message, {"number": expert.number})


def open_admission(by: User, call: Call) -> Admission:
    """Begin to apply by a call within its period; the second time the first one is found. Raises NotAllowed, Refused."""
    if not as_person(by):
        raise NotAllowed("open_admission")
    found = Admission.objects.filter(call=call, user=by).first()
    if found:
        return found
    today = timezone.localdate()
    problems = [*entry_problems(by, today)]
    if not call.is_running(today):
        problems.append(Problem("call_shut", "", gettext_noop("现在不在征集期内，不能申请。")))
    if problems:
        raise Refused(problems)
    with transaction.atomic():
        values = {"state": "draft", "due_on": call.closes_on}
        row, made = Admission.objects.get_or_create(call=call, user=by, defaults=values)
        if made:
            audit.record(row, "admission.open", by=by, role="entrant", number=call.number)
    return row


def open_renewal(by: User, expert: Expert) -> Admission:
    """Begin to ask for another term in the window before the present one ends. Raises NotAllowed, Refused."""
    today = timezone.localdate()
    if not by.is_authenticated or expert.user_id not in as_person(by):
        raise NotAllowed("ask_renewal")
    if not standing.may_ask_renewal(by, expert, today):
        message = gettext_noop("续聘须在聘期届满前 %(days)s 天内申请，且没有正在办理的续聘申请。")
        raise Refused([Problem("no_renewal", "", message, {"days": standing.parameter("renewal_window_days")})])
    with transaction.atomic():
        hold(expert, expert.state)  # one at a time, also where the person asks twice at the same moment
        if expert.admissions.filter(kind="renewal").open().exists():
            raise Refused([Problem("renewal_waits", "", gettext_noop("续聘申请已经建立。"))])
        said = {name: getattr(expert, name) for name in SAID}
        row = Admission.objects.create(
            kind="renewal", user=by, expert=expert, state="draft", due_on=expert.term_until, **said
        )
        row.fields.set(expert.fields.all())
        audit.record(row, "admission.open", by=by, role="entrant", number=expert.number)
    return row


# --- what they say and prove ------------------------------------------------------------------------------------------


def fields_of(admission: Admission) -> tuple[str, ...]:
    """What the person fills in: everything to enter, only the statement to stay."""
    return RENEWAL_FIELDS if admission.kind == Admission.Kind.RENEWAL else ADMISSION_FIELDS


def change_admission(by: User, admission: Admission, values: Mapping[str, Any]) -> None:
    """Write what the person says so far; much may still be missing. Raises NotAllowed, Stale, Refused.

    values: names of ``fields_of``; ``fields`` are rows of Field, ``district`` a row or None, years in years.
    """
    if not can_admission(by, "edit", admission):
        raise NotAllowed("edit")
    kept = {name: values.get(name) for name in fields_of(admission) if name != "fields"}
    kept |= {
        name: (value or "").strip() for name, value in kept.items() if name not in ("district", "experience_years")
    }
    if "employer_code" in kept:
        kept["employer_code"] = credit_code.normalise(kept["employer_code"])
    fields = [*(values.get("fields") or ())]
    if problems := [*_wrong(admission, kept, len(fields))]:
        raise Refused(problems)
    with transaction.atomic():
        hold(admission, *ADMISSION_RIGHTS["edit"][1])
        changed = [name for name, value in kept.items() if getattr(admission, name) != value]
        Admission.objects.filter(pk=admission.pk).update(**kept)
        for name, value in kept.items():
            setattr(admission, name, value)
        if "fields" in fields_of(admission):
            if {field.pk for field in fields} != set(admission.fields.values_list("pk", flat=True)):
                changed.append("fields")
            admission.fields.set(fields)
        if changed:
            audit.record(admission, "admission.change", by=by, role="entrant", fields=changed)


def _wrong(admission: Admission, kept: Mapping[str, Any], count: int) -> Iterator[Problem]:
    """What is wrong with what was filled in; what is missing is said on handing in."""
    yield from standing.employer_problems(kept)
    if len(kept.get("statement") or "") > STATEMENT_AT_MOST:
        message = gettext_noop("最多 %(most)s 字。")
        yield Problem("too_long", "statement", message, {"most": STATEMENT_AT_MOST})
    years = kept.get("experience_years")
    if years is not None and not 0 <= years <= LONGEST_YEARS:
        message = gettext_noop("从业年数应为 0 至 %(most)s。")
        yield Problem("out_of_range", "experience_years", message, {"most": LONGEST_YEARS})
    most = _fields_at_most(admission)
    if most is not None and count > most:
        message = gettext_noop("最多申报 %(most)s 个专业，现在选了 %(count)s 个。")
        yield Problem("too_many_fields", "fields", message, {"most": most, "count": count})


def _fields_at_most(admission: Admission) -> int | None:
    return admission.call.fields_at_most if admission.call else None


def add_proof(by: User, admission: Admission, proves: str, upload: Any) -> AdmissionProof:
    """Hand in one paper: PDF or photo, opened to see that it can be read. Raises NotAllowed, Stale, Refused."""
    if not can_admission(by, "edit", admission):
        raise NotAllowed("edit")
    if proves not in AdmissionProof.Proves.values:
        raise Refused([Problem("proves", "proves", gettext_noop("请选择这份材料证明什么。"))])
    values = attachment_values(upload, PROOF_KINDS, by)
    with transaction.atomic():
        hold(admission, *ADMISSION_RIGHTS["edit"][1])
        proofs = admission.proofs.all()
        if proofs.filter(sha256=values["sha256"], proves=proves).exists():
            raise Refused([Problem("double", "file", gettext_noop("同一文件已经上传过，不必重复上传。"))])
        if proofs.count() >= PROOFS_AT_MOST:
            message = gettext_noop("证明材料最多 %(most)s 份；请先删除不用的。")
            raise Refused([Problem("too_many_proofs", "file", message, {"most": PROOFS_AT_MOST})])
        proof = AdmissionProof.objects.create(admission=admission, proves=proves, **values)
        audit.record(
            admission, "admission.proof", by=by, role="entrant", file=proof.name, proves=proves, sha256=proof.sha256
        )
    return proof


def remove_proof(by: User, proof: AdmissionProof) -> None:
    """Take a paper back while the admission is with the person. Raises NotAllowed, Stale."""
    admission = proof.admission
    if not can_admission(by, "edit", admission):
        raise NotAllowed("edit")
    with transaction.atomic():
        hold(admission, *ADMISSION_RIGHTS["edit"][1])
        audit.record(admission, "admission.remove_proof", by=by, role="entrant", file=proof.name, sha256=proof.sha256)
        proof.delete()


def stay_problems(expert: Expert) -> Iterator[Problem]:
    """Why an expert cannot be given another term now."""
    if expert.state not in ("serving", "paused"):
        yield Problem("not_in_pool", "", gettext_noop("该专家正在移出程序中或已被移出，不能续聘。"))


def missing(admission: Admission) -> Iterator[Problem]:
    """What an admission still lacks before it can be handed in, each at its place."""
    if admission.kind == Admission.Kind.RENEWAL:
        if not admission.statement:
            yield Problem("required", "statement", gettext_noop("请填写聘期内的履职情况和续聘理由。"))
    else:
        for name in SAID:
            if getattr(admission, name) in (None, ""):
                label = str(Admission._meta.get_field(name).verbose_name)
                yield Problem("required", name, gettext_noop("请填写“%(label)s”。"), {"label": label})
        count = admission.fields.count()
        if not count:
            yield Problem("fields_missing", "fields", gettext_noop("请至少选择一个专业。"))
        yield from _wrong(admission, {"employer_code": admission.employer_code}, count)
    there = set(admission.proofs.values_list("proves", flat=True))
    for proves in PROVED[admission.kind]:
        if proves not in there:
            yield Problem(f"{proves}_missing", proves, MISSING_PROOFS[proves])


# --- what the pool takes over -----------------------------------------------------------------------------------------


def term_of(admission: Admission, day: date) -> tuple[date, date]:
    """First and last day of the term that an admission on ``day`` gives. A renewal follows on the term that runs."""
    expert = admission.expert
    if admission.kind == Admission.Kind.RENEWAL and expert is not None:
        years = standing.parameter("expert_term_years")
        begins = max(day, expert.term_until + timedelta(days=1))
        first = expert.term_from if begins > day else day
        return first, last_day(begins, years)
    years = admission.call.term_years if admission.call else standing.parameter("expert_term_years")
    return day, last_day(day, years)


def enter(admission: Admission, day: date) -> Expert:
    """Make the person an expert from ``day``, or let the one they are serve another term; inside the admitting act."""
    first, last = term_of(admission, day)
    expert = admission.expert or Expert.objects.filter(user=admission.user).first()
    term = {"term_from": first, "term_until": last, "confirmed_on": day}
    said = {} if admission.kind == Admission.Kind.RENEWAL else {name: getattr(admission, name) for name in SAID}
    if expert is None:
        expert = Expert(user=admission.user, number=pool.take_number(), state="serving", **said, **term)
        expert.due_on = standing.confirmation_due(expert, day)
        with unique(Problem("already_expert", "", gettext_noop("申请人刚刚已经入库，不能重复办理。"))):
            expert.save()
    else:
        if said and expert.employer_code != said["employer_code"]:
            standing.leave_employer(expert, day, said["employer_code"])
        for name, value in {**said, **term}.items():
            setattr(expert, name, value)
        if expert.state == "serving":
            expert.due_on = standing.confirmation_due(expert, day)
        expert.save(update_fields=[*said, *term, "due_on"])
    if said:
        expert.fields.set(admission.fields.all())
    Admission.objects.filter(pk=admission.pk).update(expert=expert)
    admission.expert = expert
    return expert
