"""What an applicant may write, and when: projects, applications, claims, statements. Files are in ``proofs``,
replies to findings in ``findings``.

Hides: that in a correction only what the notice names is open, and that every write holds its application first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NoReturn

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from communities.models import Community, Organisation
from communities.permissions import memberships_of
from communities.sheets import COMMUNITY_FACTS, COMMUNITY_FIELDS, PERMIT_DATES, PERMITS, settles, write_changes
from evaluation import checks
from evaluation.changing import is_open_again
from evaluation.merging import Merged, Taken, merge, read_seen, seen_text
from evaluation.models import (
    Application,
    Claim,
    Finding,
    Programme,
    Project,
    Standard,
    Statement,
)
from evaluation.models.case import FINAL_STATES
from evaluation.permissions import APPLICANTS, can_project, roles_of, writing
from evaluation.standard import Item, exact, to_text
from evaluation.standard.numbers import from_text
from portal import audit
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.models import Sequence as Counter
from portal.problems import Changed, Problem, Refused, gettext_noop


def may_open_project(user: User, organisation: Organisation) -> bool:
    """Whoever acts for a unit may open cases of its communities; whether the unit may apply now is asked on opening."""
    return organisation.pk in memberships_of(user)


def open_project(by: User, community: Community, programme: Programme, target_level: int) -> Project:
    """Start a case under the programme's standard in force, which is frozen from now on. Raises NotAllowed, Refused."""
    organisation = community.organisation
    if not may_open_project(by, organisation):
        raise NotAllowed("open_project")
    standard = programme.standard
    refuse_unless_may_apply(organisation)
    if target_level not in {level.level for level in standard.parsed.levels}:
        names = "、".join(level.name for level in standard.parsed.levels)
        raise Refused(
            [Problem("level_unknown", "target_level", gettext_noop("目标等级应为：%(names)s。"), {"names": names})]
        )
    with transaction.atomic():
        Standard.objects.filter(pk=standard.pk, frozen_at=None).update(frozen_at=timezone.now())
        name = f"{programme.number_prefix}-{timezone.localdate().year}-{community.district_id}"
        project = Project.objects.create(
            number=f"{name}-{Counter.take(name):04d}",
            programme=programme,
            standard=standard,
            community=community,
            organisation=organisation,
            target_level=target_level,
            created_by=by,
        )
        audit.record(project, "project.open", by=by, role="applicant", number=project.number)
    return project


@settles
def settled_facts(community: Community, held: bool) -> frozenset[str]:
    """While a case is handled, a community changes only where a correction names it: the date of a permit on the page of
    the case, its number on that of the community. Once judged, what it said stays; permits and what was unsaid are added.

    ``held`` touches the cases first, so that none is handed in between the look and the write.
    """
    cases = Application.objects.filter(project__community=community)
    if held:
        cases.update(state_since=F("state_since"))
    found = list(cases)
    busy = [open_places(case) for case in found if case.state not in {"draft", *FINAL_STATES}]
    if busy:
        named = {number for number, day in PERMITS if all(places.fact(day) for places in busy)}
        return frozenset(COMMUNITY_FIELDS) - named
    if "certified" not in {case.state for case in found}:
        return frozenset()
    said = Community.objects.values(*COMMUNITY_FACTS).get(pk=community.pk)
    return frozenset(name for name, value in said.items() if value is not None)


def refuse_unless_may_apply(organisation: Organisation) -> None:
    """Raise Refused unless the organisation is active and not banned today."""
    if not organisation.may_apply(timezone.localdate()):
        message = gettext_noop("单位尚未通过核验或正被限制申报，不能申报。")
        raise Refused([Problem("organisation_may_not_apply", "organisation", message)])


def open_application(by: User, project: Project, stage: str) -> Application:
    """Open a draft for one scored stage. Raises NotAllowed, or Refused where one is open already."""
    if not can_project(by, "apply", project):
        raise NotAllowed("open_application")
    refuse_unless_may_apply(project.organisation)
    if stage not in {row.stage for row in project.programme.stages.all()}:
        raise Refused([Problem("stage_unknown", "stage", gettext_noop("该评价类别没有此阶段。"))])
    if project.applications.filter(stage=stage, state="certified").exists() and not is_open_again(project, stage):
        raise Refused([Problem("stage_done", "stage", gettext_noop("该阶段已取得证书，不能再次申报。"))])
    try:
        with transaction.atomic():
            application = Application.objects.create(project=project, stage=stage, state="draft")
            audit.record(application, "application.open", by=by, role="applicant", stage=stage)
    except IntegrityError as error:
        raise Refused([Problem("open_case", "stage", gettext_noop("该阶段已有一件正在办理的申报。"))]) from error
    return application


@dataclass(frozen=True, slots=True)
class Open:
    """What may be edited now: everything (draft), or only the places that the findings name."""

    everything: bool
    places: frozenset[tuple[str, str]] = frozenset()

    def item(self, code: str) -> bool:
        return self.everything or ("item", code) in self.places

    def document(self, code: str) -> bool:
        return self.everything or ("document", code) in self.places

    @property
    def data(self) -> bool:
        return self.everything or any(kind == "data" for kind, _ in self.places)

    def fact(self, name: str) -> bool:
        """``target_level`` or one of the permit dates; a finding at the community as a whole opens all its dates."""
        whole = name in PERMIT_DATES and ("data", "community") in self.places
        return self.everything or whole or ("data", name) in self.places


def open_findings(application: Application) -> Any:
    """The findings that the applicant must answer now."""
    phase = Finding.Phase.REVISION if application.state == "revision" else Finding.Phase.FORM_CHECK
    number = application.review_round if application.state == "revision" else application.correction_round
    return application.findings.filter(phase=phase, round=number, sent_at__isnull=False)


def open_places(application: Application) -> Open:
    """What ``edit`` reaches in the present state."""
    if application.state == "draft":
        return Open(everything=True)
    if application.state in ("correction", "revision"):
        return Open(False, frozenset(open_findings(application).values_list("kind", "place")))
    return Open(False)


def refuse_closed(place: str) -> None:
    """Raise Refused: the correction notice does not name ``place``."""
    message = gettext_noop("“%(place)s”不在一次性告知书所列范围内，本轮不能修改。")
    raise Refused([Problem("closed", place, message, {"place": place})])


NOTE_LENGTH, STATEMENT_LENGTH = 5000, 50000
OLDEST, NEWEST = date(1980, 1, 1), date(2100, 1, 1)


def save_claim(
    by: User,
    application: Application,
    item_code: str,
    value: Any,
    note: str = "",
    revision: int | None = None,
    *,
    parts: Sequence[int] | None = None,
    seen: Mapping[str, str] | None = None,
) -> Claim:
    """Store the applicant's own mark of one item.

    parts: of an item whose parts add up, the numbers of those ticked, from 0; None leaves them as they are. revision: what
    the writer last saw (0 = nothing), None skips that; seen: the same field by field, as ``merging`` hands it out.

    Raises Refused for an unknown item, an illegal mark (with the legal ones), parts with another sum, a note too long, a
    closed place; Changed where somebody else changed the same fields.
    """
    with writing(by, "edit", application):
        if not open_places(application).item(item_code):
            refuse_closed(item_code)
        standard = application.standard
        if item_code not in {item.code for item in standard.items(application.stage)}:
            raise Refused([Problem("item_unknown", item_code, gettext_noop("本阶段没有该条目。"))])
        item, mine = standard.item(item_code), {"value": value, "note": tidy(note, item_code, NOTE_LENGTH)}
        if parts is not None:
            mine["parts"] = sorted(set(parts))
            mine["value"] = value = _sum_told(item, value, mine["parts"])
        problem = None if value is None else standard.check_mark(item, value)
        if problem:
            raise Refused([problem])
        key = {"application": application, "item_code": item_code}
        return _store(
            Claim, key, item_code, by, _Known(revision, seen), mine, lambda row: _mend(application, item, row)
        )


def parts_sum(item: Item, parts: Sequence[int]) -> Fraction:
    """Points of the parts with these numbers."""
    return sum((item.parts[number].points for number in parts), Fraction(0))


def _sum_told(item: Item, value: Any, parts: Sequence[int]) -> Any:
    """The mark that ticked parts make, where none was given beside them; Refused where another one was."""
    if any(not 0 <= number < len(item.parts) for number in parts):
        raise Refused([Problem("part_unknown", item.code, gettext_noop("该条目没有所选的分项。"))])
    total = parts_sum(item, parts)
    if parts and value is None:
        return from_text(to_text(total))
    if parts and exact(value) != total:
        message = gettext_noop("勾选的分项合计%(sum)s分，与所选的得分不同；请改正其中一处。")
        raise Refused([Problem("parts_sum", item.code, message, {"sum": to_text(total)})])
    return value


def _mend(application: Application, item: Item, row: Claim) -> None:
    """Parts that do not make the mark say nothing about it; a carried mark is one that is still the design's."""
    if row.parts and exact(row.value) != parts_sum(item, row.parts):
        row.parts = []
    if application.carries:
        row.carried = row.value is not None and row.value == checks.earlier_claims(application).get(item.code)


def tidy(text: str, place: str, longest: int) -> str:
    """A text as it is kept: one kind of line end, nothing around it. Raises Refused where it is too long."""
    kept = text.replace("\r\n", "\n").strip()
    if len(kept) > longest:
        message = gettext_noop("内容过长：现有%(length)s字，最多%(longest)s字。")
        raise Refused([Problem("too_long", place, message, {"length": len(kept), "longest": longest})])
    return kept


def save_statement(
    by: User,
    application: Application,
    code: str,
    text: str,
    revision: int | None = None,
    *,
    seen: Mapping[str, str] | None = None,
) -> Statement:
    """Store the text of one online document. Raises like ``save_claim``."""
    with writing(by, "edit", application):
        if not open_places(application).document(code):
            refuse_closed(code)
        document_forms(application, code, "online")
        mine = {"text": tidy(text, code, STATEMENT_LENGTH)}
        return _store(Statement, {"application": application, "code": code}, code, by, _Known(revision, seen), mine)


FIELDS: Mapping[type[Any], tuple[str, ...]] = {Claim: ("value", "parts", "note"), Statement: ("text",)}


def kept_values(row: Claim | Statement | None, model: type[Claim] | type[Statement]) -> dict[str, Any]:
    """What a row keeps, field by field; of a row that is not there yet, what an empty one would keep."""
    return {name: getattr(row or model(), name) for name in FIELDS[model]}


@dataclass(frozen=True, slots=True)
class _Known:
    """What a writer knew: a revision of the row, or its fields one by one; nothing at all means that it does not matter."""

    revision: int | None
    seen: Mapping[str, str] | None

    def of(self, row: Claim | Statement, now: Mapping[str, Any]) -> Mapping[str, str]:
        if self.seen is not None:
            return self.seen
        return read_seen(seen_text(now)) if self.revision in (None, row.revision) else {}


def _store(
    model: type[Any],
    key: dict[str, Any],
    place: str,
    by: User,
    known: _Known,
    mine: Mapping[str, Any],
    mend: Callable[[Any], None] = lambda row: None,
) -> Any:
    """Create or update one row, joined with what others saved since; Changed where both changed the same fields."""
    row = model.objects.filter(**key).select_related("updated_by").first() or model(**key, revision=0, updated_by=by)
    now = kept_values(row, model)
    merged = merge(mine, now, known.of(row, now))
    if merged.clashing:
        refuse_changed(place, merged, now, str(row.updated_by), row.updated_at, revision=row.revision)
    row.taken = Taken(merged.taken, str(row.updated_by), row.updated_at) if merged.taken else None
    if row.pk and merged.values == now:
        return row
    for name, value in merged.values.items():
        setattr(row, name, value)
    mend(row)
    row.revision += 1
    row.updated_by = by
    row.save()
    return row


def refuse_changed(
    place: str, merged: Merged, now: Mapping[str, Any], by: str, at: datetime | None, **more: Any
) -> NoReturn:
    """Raise Changed: who saved first, when, and everything that is kept now."""
    message = gettext_noop("%(who)s刚刚改过“%(place)s”，请查看其内容后再保存；您填写的内容仍在页面上。")
    told = {
        "current": dict(now),
        "clashing": list(merged.clashing),
        "taken": list(merged.taken),
        "by": by,
        "at": moment(at),
        "seen": seen_text(now),
        **more,
    }
    raise Changed([Problem("changed", place, message, {"who": by, "place": place})], told)


def moment(at: datetime | None) -> str | None:
    """A moment as pages and the API tell it: ISO 8601, to the minute, local."""
    return timezone.localtime(at).isoformat(timespec="minutes") if at else None


def document_forms(application: Application, code: str, form: str = "") -> tuple[str, ...]:
    """Accepted forms of one document of the stage; Refused where it is unknown or does not take ``form``."""
    documents = {document.code: document for document in application.standard.stage(application.stage).documents}
    if code not in documents:
        raise Refused([Problem("document_unknown", code, gettext_noop("本阶段没有该材料。"))])
    forms = documents[code].forms
    if form and form not in forms:
        raise Refused([Problem("form_wrong", code, gettext_noop("该材料不在线填写，请上传文件。"))])
    return forms


def data_values(project: Project) -> dict[str, Any]:
    """What the page of the case's data keeps, field by field, as JSON."""
    dates = {name: getattr(project.community, name) for name in PERMIT_DATES}
    return {"target_level": project.target_level, **{name: day and day.isoformat() for name, day in dates.items()}}


def data_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same, read from a snapshot."""
    community = data["community"]
    return {"target_level": data["project"]["target_level"], **{name: community[name] for name in PERMIT_DATES}}


def save_case_data(
    by: User,
    application: Application,
    target_level: int | None,
    dates: Mapping[str, date | None],
    *,
    seen: Mapping[str, str] | None = None,
) -> Taken | None:
    """Change the target level (None: it stays) and the permit dates that ``dates`` holds; in a correction only those that
    the notice names may differ. Returns what was taken over from somebody else.

    seen: what the writer last saw of each field, as ``merging`` hands it out; None skips that. Raises Refused with every
    problem, Changed where somebody else changed the same fields.
    """
    with writing(by, "edit", application):
        places = open_places(application)
        if not places.data:
            refuse_closed("data")
        mine = {name: day and day.isoformat() for name, day in dates.items() if name in PERMIT_DATES}
        mine |= {} if target_level is None else {"target_level": target_level}
        _refuse_wrong_data(application, target_level, dates)
        project = Project.objects.select_related("community").get(pk=application.project_id)
        now = data_values(project)
        merged = merge(mine, now, read_seen(seen_text(now)) if seen is None else seen)
        last = _last_change(project) if merged.clashing or merged.taken else None
        who, when = (last.actor_name, last.at) if last else ("", None)
        if merged.clashing:
            refuse_changed(merged.clashing[0], merged, now, who, when)
        changed = {name: value for name, value in merged.values.items() if value != now[name]}
        closed = gettext_noop("该项不在一次性告知书所列范围内，本轮不能修改。")
        problems = [Problem("closed", name, closed) for name in [*dates, "target_level"]
                    if name in changed and not places.fact(name)]  # fmt: skip
        if problems:
            raise Refused(problems)
        _write_data(by, application, project, changed)
    return Taken(merged.taken, who, when) if merged.taken else None


def _refuse_wrong_data(application: Application, target_level: int | None, dates: Mapping[str, date | None]) -> None:
    problems = []
    if target_level is not None and target_level not in {level.level for level in application.standard.levels}:
        problems.append(Problem("level_unknown", "target_level", gettext_noop("请选择目标等级。")))
    strange = gettext_noop("请核对年份：应在1980年至2099年之间。")
    problems += [Problem("date_strange", name, strange) for name, day in dates.items()
                 if day and not OLDEST <= day < NEWEST]  # fmt: skip
    if problems:
        raise Refused(problems)


def _write_data(by: User, application: Application, project: Project, changed: Mapping[str, Any]) -> None:
    if not changed:
        return
    if "target_level" in changed:
        Project.objects.filter(pk=project.pk).update(target_level=changed["target_level"])
    permits = {name: value for name, value in changed.items() if name in PERMIT_DATES}
    role = min(roles_of(by, application) & APPLICANTS)
    days = {name: day and date.fromisoformat(day) for name, day in permits.items()}
    write_changes(by, project.community, days, role)
    audit.record(application, "application.data", by=by, role=role, **changed)


def _last_change(project: Project) -> Event | None:
    """Who last changed the data of the case: here, at another stage, or on the page of the community."""
    stages = project.applications.values("pk")
    here = Q(verb="application.data", subject_type=Application._meta.label_lower, subject_id__in=stages)
    there = Q(verb="community.change", subject_type=Community._meta.label_lower, subject_id=project.community_id)
    return Event.objects.filter(here | there).order_by("-pk").first()
