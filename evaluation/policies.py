"""What the authority keeps as settings, districts to forms of notices: changing one row at a time, on record.

Hides: that two who change different fields both succeed and the second of two who change the same one is shown what
stands now, and that a case which is being handled keeps the rules it was given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from communities.models import District, Parameter
from evaluation import form_settings, incentive_policies, targets
from evaluation.basis import unstated
from evaluation.merging import merge, read_seen, seen_text
from evaluation.models import (
    AnnualTarget,
    Application,
    FormRule,
    GuidanceVisit,
    IncentivePolicy,
    LateCode,
    NoticeForm,
    Programme,
    PublicText,
    StageRule,
)
from evaluation.permissions import can_city
from experts.models import Field
from portal import audit
from portal.machine import NotAllowed
from portal.models import Event, User
from portal.problems import Changed, Problem, Refused, gettext_noop

RIGHT, ROLE = "change_policies", "security_administrator"
LONGEST = 5000  # characters of one text
Values = Mapping[str, Any]  # column -> plain value as JSON says it: days in ISO form, a standard by its id


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row.

    fields: the columns that may be changed; has_basis: whether the row keeps its basis itself; key: the columns by which
    a row is known for ever; new: what a new row is asked for, () where none is added; together: whether a row is held
    against the others of its kind, so that one change at a time is made of all of them.
    """

    code: str
    model: type[models.Model]
    label: str
    fields: tuple[str, ...]
    problems: Callable[[Any], Iterator[Problem]]
    has_basis: bool = True
    key: tuple[str, ...] = ("code",)
    new: tuple[str, ...] = ()
    together: bool = False


def plain(kind: Kind, row: Any) -> dict[str, Any]:
    """What a row says, as JSON."""
    return _plain(kind, row, kind.fields)


def _plain(kind: Kind, row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _said(getattr(row, _column(kind, name))) for name in names}


def _column(kind: Kind, name: str) -> str:
    field: Any = kind.model._meta.get_field(name)
    return str(field.attname)


def _said(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def seen_of(kind: Kind, row: Any) -> str:
    """What a page hands out with the values it shows."""
    return seen_text(plain(kind, row))


def find(code: str, key: str) -> tuple[Kind, Any]:
    """A kind and one of its rows. Raises LookupError where there is none."""
    if code not in KINDS:
        raise LookupError(code)
    try:
        row = rows_of(KINDS[code]).filter(pk=key).first()
    except ValueError as error:
        raise LookupError(key) from error
    if row is None:
        raise LookupError(key)
    return KINDS[code], row


def rows_of(kind: Kind) -> QuerySet[Any]:
    """Every row of a kind, in the order in which people look for them."""
    rows = kind.model._default_manager.all()
    if kind.model is StageRule:
        return rows.select_related("programme").order_by("programme", "position", "pk")
    if kind.model is IncentivePolicy:
        rows = rows.select_related("programme__standard")
    if kind.model is Programme:
        return rows.select_related("standard").defer("standard__document").order_by("code")
    return rows.order_by(*ORDERS.get(kind.model, ("pk",)))


ORDERS: Mapping[type[models.Model], tuple[str, ...]] = {
    AnnualTarget: ("-year", "programme", "district"), FormRule: ("programme", "pk"), LateCode: ("position", "code"),
    IncentivePolicy: ("programme", "code"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do. changes: column -> (before, after); cases: those open now that it concerns."""

    changes: Mapping[str, tuple[Any, Any]]
    cases: QuerySet[Application]


def preview(kind: Kind, row: Any, values: Values, basis: str, seen: str | None = None) -> Preview:
    """What ``keep`` would do now, without doing it. Raises Refused, Changed."""
    now = plain(kind, row)
    wanted = _checked(kind, row, now, values, basis, seen)
    return Preview({name: (now[name], wanted[name]) for name in now if now[name] != wanted[name]}, cases_of(kind, row))


def keep(
    by: User, kind: Kind, row: Any, values: Values, basis: str, seen: str | None = None
) -> Mapping[str, tuple[Any, Any]]:
    """Change those of the kind's columns that ``values`` names; return what has changed: column -> (before, after).

    seen: what the writer was shown of the row, as ``seen_of`` says; None skips that. Raises NotAllowed, Refused with every
    problem, Changed where somebody else has changed the same column meanwhile.
    """
    _authorise(by)
    with transaction.atomic():
        rows = kind.model._base_manager.filter(pk=row.pk)
        _hold(kind, rows)
        row = rows.get()
        now = plain(kind, row)
        wanted = _checked(kind, row, now, values, basis, seen)
        changes = {name: (now[name], wanted[name]) for name in now if now[name] != wanted[name]}
        if not changes:
            return {}
        if kind.model in (Programme, StageRule):
            _let_cases_keep(kind.model._base_manager.get(pk=row.pk))
        _write(kind, row, basis.strip())
        before, after = ({name: pair[side] for name, pair in changes.items()} for side in (0, 1))
        audit.record(row, f"{kind.code}.change", by=by, role=ROLE, before=before, after=after, basis=basis.strip())
    return changes


def add(by: User, kind: Kind, values: Values, basis: str) -> Any:
    """Add a row by a key that was never used. Raises NotAllowed, LookupError where none is added, Refused with every problem."""
    _authorise(by)
    if not kind.new:
        raise LookupError(kind.code)
    row = kind.model(**({"basis": basis.strip()} if kind.has_basis else {}))
    said = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
    cleaned, problems = _cleaned(kind, row, {name: said.get(name, _default(kind, name)) for name in kind.new})
    for name, value in cleaned.items():
        setattr(row, _column(kind, name), value)
    key = {name: getattr(row, name) for name in kind.key}
    if not any(problem.place in key for problem in problems) and kind.model._base_manager.filter(**key).exists():
        problems.insert(0, _taken(kind))
    problems += [] if problems else kind.problems(row)
    problems += unstated(basis)
    if problems:
        raise Refused(problems)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            after = _plain(kind, row, tuple(dict.fromkeys((*kind.key, *kind.new, *kind.fields))))
            audit.record(row, f"{kind.code}.open", by=by, role=ROLE, before=None, after=after, basis=basis.strip())
    except IntegrityError as error:
        raise Refused([_taken(kind)]) from error
    return row


def _default(kind: Kind, name: str) -> Any:
    """What a new row says in a column as long as nobody says otherwise."""
    return _said(getattr(kind.model(), _column(kind, name)))


def _taken(kind: Kind) -> Problem:
    message = gettext_noop("已有这一项，停用的也算：请更改那一项，不要重复增加。")
    return Problem(f"{kind.key[-1]}_taken", kind.key[-1], message)


def _hold(kind: Kind, rows: QuerySet[Any]) -> None:
    """The row is ours until commit; where rows are held against each other all of them are."""
    held = kind.fields[0]
    (kind.model._base_manager.all() if kind.together else rows).update(**{held: F(held)})


def _authorise(by: User) -> None:
    if not can_city(by, RIGHT):
        raise NotAllowed(RIGHT)


def _checked(kind: Kind, row: Any, now: Values, values: Values, basis: str, seen: str | None) -> dict[str, Any]:
    """The columns as they shall be, put into ``row`` as well. Raises Refused, Changed."""
    mine = {name: values[name] for name in kind.fields if name in values}
    cleaned, problems = _cleaned(kind, row, mine)
    good = {name: _said(value) for name, value in cleaned.items()}
    wanted = {**now, **good}
    if seen is not None:
        merged = merge(good, now, read_seen(seen))
        if merged.clashing:
            raise _overtaken(kind, row, now, merged.clashing)
        wanted = merged.values
    for name, value in cleaned.items():
        if wanted[name] != now[name]:
            setattr(row, _column(kind, name), value)
    problems += [] if problems else kind.problems(row)
    problems += unstated(basis)
    if problems:
        raise Refused(problems)
    return plain(kind, row)


def _cleaned(kind: Kind, row: Any, values: Values) -> tuple[dict[str, Any], list[Problem]]:
    """Values as their columns hold them, and what no column can hold."""
    found, problems = {}, []
    for name, value in values.items():
        field: Any = kind.model._meta.get_field(name)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        if "\0" in text or "\\u0000" in text or not _encodes(text) or len(text) > LONGEST:
            problems.append(Problem("text", name, gettext_noop("文字过长，或含有不可见的控制字符。")))
            continue
        if isinstance(field, models.JSONField):  # an empty list is one, too; its shape is looked at by the kind
            found[name] = value
            continue
        try:
            found[name] = field.clean(value, row)
        except ValidationError as error:
            problems.append(Problem(error.error_list[0].code or "invalid", name, " ".join(error.messages)))
        except TypeError:  # a list for a day, say
            problems.append(Problem("invalid", name, gettext_noop("这一项不能这样填写。")))
    return found, problems


def _encodes(text: str) -> bool:
    """Whether no half of a surrogate pair is in it, which no database keeps."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _overtaken(kind: Kind, row: Any, now: Values, clashing: tuple[str, ...]) -> Changed:
    last = Event.objects.of(row).last()
    who = last.actor_name if last else ""
    message = gettext_noop("%(who)s刚刚已改为“%(value)s”，请看过后再定。")
    problems = [Problem("changed", name, message, {"who": who, "value": str(now[name])}) for name in clashing]
    told = {
        "current": dict(now), "clashing": list(clashing), "taken": [], "by": who,
        "at": last.at.isoformat(timespec="seconds") if last else None, "seen": seen_of(kind, row),
    }  # fmt: skip
    return Changed(problems, told)


def _write(kind: Kind, row: Any, basis: str) -> None:
    columns = {name: getattr(row, _column(kind, name)) for name in kind.fields}
    if kind.has_basis:
        columns["basis"] = row.basis = basis
    kind.model._base_manager.filter(pk=row.pk).update(**columns)
    standard = columns.get("standard")
    if standard is not None:  # what new cases are judged against never changes again
        type(row.standard)._base_manager.filter(pk=standard, frozen_at=None).update(frozen_at=timezone.now())


# --- what cases keep --------------------------------------------------------------------------------------------------

GIVEN_STAGE = tuple(
    field.name for field in StageRule._meta.concrete_fields if field.name not in ("id", "programme", "stage")
)
GIVEN_PROGRAMME = ("correction_rounds", "panel_size", "panel_seats", "claims_before_marks")


def cases_of(kind: Kind, row: Any) -> QuerySet[Application]:
    """Open cases that a row concerns, by number."""
    rows = Application.objects.with_case().open().order_by("project__number", "pk")
    if kind.model is District:
        return rows.filter(project__community__district=row.pk)
    if kind.model is StageRule:
        return rows.filter(project__programme=row.programme_id, stage=row.stage)
    if kind.model is FormRule:
        return form_settings.cases_of_rule(row, rows)
    return rows.filter(project__programme=row.pk) if kind.model is Programme else rows.none()


def _let_cases_keep(row: Any) -> None:
    """Before a programme or a stage changes: write what they ask now into the open cases that still follow them."""
    programme = row if isinstance(row, Programme) else row.programme
    said = {name: getattr(programme, name) for name in GIVEN_PROGRAMME}
    for stage in programme.stages.all():
        given = {"programme": said, "stage": {name: getattr(stage, name) for name in GIVEN_STAGE}}
        open_cases = Application.objects.open().filter(project__programme=programme, stage=stage.stage)
        open_cases.filter(given__isnull=True).update(given=given)


# --- what is legal ----------------------------------------------------------------------------------------------------


def _between(row: Any, name: str, least: int, most: int) -> Iterator[Problem]:
    if not least <= getattr(row, name) <= most:
        message = gettext_noop("应为 %(least)s 至 %(most)s。")
        yield Problem("range", name, message, {"least": least, "most": most})


def _district_problems(row: District) -> Iterator[Problem]:
    if row._state.adding and not (len(row.code) == 6 and row.code.isascii() and row.code.isdigit()):
        yield Problem("code", "code", gettext_noop("代码为六位数字（GB/T 2260）。"))
    if not row.name.strip():
        yield Problem("required", "name", gettext_noop("请填写区县名称。"))
    if row.valid_from and row.valid_until and row.valid_until < row.valid_from:
        yield Problem("order", "valid_until", gettext_noop("停用日期不能早于启用日期。"))


# code -> least and most; a parameter that is not named here is from 0 to 100000
RANGES: Mapping[str, tuple[int, int]] = {
    "expert_term_years": (1, 10), "expert_return_years": (0, 20), "renewal_window_days": (1, 365),
    "near_metres": (0, 10000), "open_data_days": (1, 3650),
    "rating_attendance": (0, 100), "rating_quality": (0, 100), "rating_timeliness": (0, 100),
    "rating_ethics": (0, 100), "rating_remark_below": (0, 100), "refusals_a_year": (1, 50), "refusal_pause_days": (1, 1000),
    "unreleased_import_days": (1, 3650), "inspection_share": (1, 100), "statistics_floor": (1, 1000),
    "statistics_least_awards": (1, 1000),
    "certificate_renewal_days": (1, 365),
}  # fmt: skip


def _parameter_problems(row: Parameter) -> Iterator[Problem]:
    yield from _between(row, "value", *RANGES.get(row.code, (0, 100000)))


LIMITS_OF_PROGRAMME = {
    "correction_rounds": (1, 5), "panel_size": (3, 15), "load_limit": (1, 200), "recusal_years": (0, 20),
    "ban_years": (0, 20), "objection_files": (0, 20),
}  # fmt: skip


def _programme_problems(row: Programme) -> Iterator[Problem]:
    for name, (least, most) in LIMITS_OF_PROGRAMME.items():
        yield from _between(row, name, least, most)
    if row.panel_size % 2 == 0:
        yield Problem("even", "panel_size", gettext_noop("专家组人数应为单数。"))
    yield from _seat_problems(row)
    yield from _node_problems(row)
    yield from _question_problems(row)
    yield from _standard_problems(row)


def _seat_problems(row: Programme) -> Iterator[Problem]:
    seats = row.panel_seats
    whole = isinstance(seats, dict) and all(type(count) is int and count > 0 for count in seats.values())
    if not whole:
        yield Problem("seats", "panel_seats", gettext_noop("每行写专业代码和席位数，例如“security 1”。"))
        return
    for code in sorted(set(seats) - set(Field.objects.filter(pk__in=seats).values_list("pk", flat=True))):
        yield Problem("field_unknown", "panel_seats", gettext_noop("没有专业“%(code)s”。"), {"code": code})
    if sum(seats.values()) > row.panel_size:
        yield Problem("too_many_seats", "panel_seats", gettext_noop("指定专业的席位多于专家组人数。"))


def _is_pairs(rows: Any) -> bool:
    """Whether it is a list of [code, words], none of them empty."""
    return isinstance(rows, list) and all(
        isinstance(row, list) and len(row) == 2 and all(isinstance(part, str) and part.strip() for part in row)
        for row in rows
    )


def _question_problems(row: Programme) -> Iterator[Problem]:
    """Reports that were opened keep what they ask: only the next ones change."""
    if not _is_pairs(row.report_questions) or not row.report_questions:
        message = gettext_noop("每行写事项代码和内容，例如“upkeep 运维单位、人员与投入”，至少一行。")
        yield Problem("questions", "report_questions", message)
        return
    codes = [code for code, _words in row.report_questions]
    if len(set(codes)) < len(codes):
        yield Problem("questions_twice", "report_questions", gettext_noop("事项代码重复。"))
    taken = {"file", "revision", "submit"}  # of the form that the questions stand in
    if taken & set(codes) or not all(re.fullmatch("[a-z][a-z0-9_]{0,29}", code) for code in codes):
        yield Problem("question_code", "report_questions", gettext_noop("事项代码只用小写字母、数字和下划线。"))


def _node_problems(row: Programme) -> Iterator[Problem]:
    nodes = row.guidance_nodes
    if not _is_pairs(nodes):
        yield Problem("nodes", "guidance_nodes", gettext_noop("每行写节点代码和名称，例如“conduits 管线预埋”。"))
        return
    codes = [code for code, _name in nodes]
    if len(set(codes)) < len(codes):
        yield Problem("nodes_twice", "guidance_nodes", gettext_noop("节点代码重复。"))
    used = GuidanceVisit.objects.filter(project__programme=row.pk).exclude(node__in=codes)
    for code in used.order_by("node").values_list("node", flat=True).distinct():
        message = gettext_noop("节点“%(code)s”已有过程指导记录，不能删去。")
        yield Problem("node_used", "guidance_nodes", message, {"code": code})


def _standard_problems(row: Programme) -> Iterator[Problem]:
    before = Programme.objects.select_related("standard").get(pk=row.pk).standard
    if row.standard.kind != before.kind:
        yield Problem("standard_kind", "standard", gettext_noop("该标准属于其他类别，不能用于此评价类别。"))
    stages = {stage.code for stage in row.standard.parsed.scored_stages}
    missing = [rule.stage for rule in row.stages.all() if rule.stage not in stages]
    if missing:
        message = gettext_noop("该标准没有阶段%(stages)s，不能在此评价类别启用。")
        yield Problem("standard_stages", "standard", message, {"stages": "、".join(missing)})
    if not row.standard.is_official and not row.sample_notice.strip():
        message = gettext_noop("现行标准不是官方文本，须有声明。")
        yield Problem("required", "sample_notice", message)


def _stage_problems(row: StageRule) -> Iterator[Problem]:
    kinds = row.site_evidence
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        yield Problem("list", "site_evidence", gettext_noop("每行写一种佐证种类。"))
    yield from _between(row, "certificate_years", 1, 20)
    others = {rule.stage: rule for rule in row.programme.stages.exclude(pk=row.pk)}
    if any(rule.position == row.position for rule in others.values()):
        yield Problem("position", "position", gettext_noop("该顺序已由另一阶段使用。"))
    earlier = others.get(row.needs_certificate_of)
    if row.needs_certificate_of and (earlier is None or earlier.position >= row.position):
        yield Problem("stage_unknown", "needs_certificate_of", gettext_noop("须为同一评价类别中在先的阶段。"))
    if row.is_final and any(rule.is_final for rule in others.values()):
        yield Problem("final_twice", "is_final", gettext_noop("授予星级的阶段只能有一个。"))


def _text_problems(row: PublicText) -> Iterator[Problem]:
    if not row.text.strip():
        yield Problem("required", "text", gettext_noop("请填写文字。"))


KINDS: Mapping[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("district", District, gettext_noop("区县"), ("name", "valid_from", "valid_until"), _district_problems, False,
             new=("code", "name", "valid_from")),
        Kind("programme", Programme, gettext_noop("评价类别"), (
            "name", "standard", "number_prefix", "correction_rounds", "panel_size", "panel_seats", "public_source",
            "claims_before_marks", "opinion_template", "load_limit", "recusal_years", "ban_years", "guidance_nodes",
            "report_questions",
            "objection_files", "publishes_replies", "sample_notice",
        ), _programme_problems),
        Kind("stage_rule", StageRule, gettext_noop("阶段规则"), tuple(n for n in GIVEN_STAGE if n != "basis"), _stage_problems,
             together=True),
        Kind("parameter", Parameter, gettext_noop("参数"), ("value",), _parameter_problems),
        Kind("form_rule", FormRule, gettext_noop("形式审查规则"), ("is_hard",), form_settings.rule_problems,
             key=("programme", "rule"), new=("rule", "programme", "is_hard")),
        Kind("late_code", LateCode, gettext_noop("新增问题理由"), ("label", "needs_words", "position", "valid_until"),
             form_settings.late_code_problems, new=("code", "label", "needs_words", "position"), together=True),
        Kind("notice_form", NoticeForm, gettext_noop("文书式样"), ("pattern", "text", "remedy"),
             form_settings.notice_problems, key=("kind",), together=True),
        Kind("annual_target", AnnualTarget, gettext_noop("年度计划"), ("count",), targets.problems,
             key=("programme", "year", "district"), new=("year", "programme", "district", "count")),
        Kind("incentive_policy", IncentivePolicy, gettext_noop("激励政策"), (
            "name", "document_number", "valid_from", "valid_until", "least_level", "values", "unit", "conditions", "cap",
            "department",
        ), incentive_policies.problems, new=(
            "code", "name", "programme", "document_number", "valid_from", "least_level", "values", "unit", "conditions",
            "cap", "department",
        )),
        Kind("public_text", PublicText, gettext_noop("公开文字"), ("text",), _text_problems),
    )
}  # fmt: skip
