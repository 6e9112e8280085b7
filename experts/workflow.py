"""The lives of an admission 入库申请 and of an expert 专家: who vets, who admits, who pauses, who is heard before a removal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from experts import admitting, importing, pool, standing
from experts.models import Admission, Expert, PoolImport
from experts.permissions import (
    admission_roles,
    admissions_visible_to,
    expert_roles,
    experts_visible_to,
    import_roles,
    imports_visible_to,
    other_eyes,
)
from portal import audit, clock, notify
from portal.machine import Act, Ask, Machine, Transition, hold, register
from portal.models import Event, User
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
# verb -> who hears of it, by which template of messages
Heard = Mapping[str, tuple[Callable[[Any], Iterable[User]], str]]


def write_heard(table: Heard, row: Any, event: Event, machine: Machine) -> None:
    """Write the messages of an act: whoever must act next is told so, whom it concerns is told what was done."""
    if event.verb not in table:
        return
    people, template = table[event.verb]
    done = next(found.done for found in machine.transitions if event.verb == f"{machine.name}.{found.action}")
    notify.write(
        f"event:{event.pk}", people(row), template, row.get_absolute_url(), subject=str(row), sentence=done, event=event
    )


# --- admissions -------------------------------------------------------------------------------------------------------

ADMISSION_STATES = {
    "draft": _("填写中"),
    "submitted": _("待初审"),
    "vetted": _("待复核"),
    "admitted": _("已入库"),
    "refused": _("未予入库"),
    "withdrawn": _("已撤回"),
}
# nothing stands there beforehand: whoever vets chooses
CONCLUSIONS = {"": _("请选择"), "admit": _("建议入库"), "refuse": _("建议不予入库")}


def call_runs(admission: Admission) -> bool:
    """A withdrawn admission is taken up again while its call runs; another renewal is simply begun anew."""
    return admission.call is not None and admission.call.is_running(timezone.localdate())


def admission_is_whole(admission: Admission, act: Act) -> Iterator[Problem]:
    # Read anew, now that the row is ours: another window may have changed what this one has read.
    yield from admitting.missing(Admission.objects.select_related("call").get(pk=admission.pk))


def may_enter(admission: Admission, act: Act) -> Iterator[Problem]:
    """Asked when it is handed in and again when it is decided: facts may have changed meanwhile."""
    if admission.kind == Admission.Kind.RENEWAL:
        yield from admitting.stay_problems(Expert.objects.get(pk=admission.expert_id))
    else:
        yield from admitting.entry_problems(admission.user, act.day)


def keep_handing_in(admission: Admission, act: Act) -> Data:
    admission.handed_in_at = admission.handed_in_at or act.at
    Admission.objects.filter(pk=admission.pk).update(handed_in_at=admission.handed_in_at)
    return {}


def keep_vetter(admission: Admission, act: Act) -> Data:
    admission.vetted_by = act.by
    Admission.objects.filter(pk=admission.pk).update(vetted_by=act.by)
    return {}


def forget_vetter(admission: Admission, act: Act) -> Data:
    """Another version is vetted anew, by anybody."""
    admission.vetted_by = None
    Admission.objects.filter(pk=admission.pk).update(vetted_by=None)
    return {}


def enter_pool(admission: Admission, act: Act) -> Data:
    expert = admitting.enter(admission, act.day)
    return {"number": expert.number, "until": expert.term_until.isoformat()}


def follow_expert(admission: Admission, act: Act) -> None:
    """The expert's own history says so too; whoever comes back serves again."""
    expert = admission.expert
    if expert is None:
        return
    renewed = admission.kind == Admission.Kind.RENEWAL
    term = {"number": expert.number, "until": expert.term_until.isoformat()}
    audit.record(expert, "expert.renew" if renewed else "expert.admit", by=act.by, role=act.role, **term)
    if not renewed and expert.state != "serving":
        EXPERT.perform(expert, "readmit", by=None)


def take_expert(admission: Admission) -> None:
    """All rows are taken in one order: the pool, where somebody may enter it, then the expert, then the admission."""
    if admission.state == "vetted":
        pool.hold()  # of two that admit the same person at once the second sees what the first wrote
    if admission.expert is not None:
        hold(admission.expert, admission.expert.state)


def admission_clock(admission: Admission, source: str, target: str, day: date) -> Data:
    steps = {"submitted": "admission_vetting", "vetted": "admission_decision"}
    if target in steps:
        return {"due_on": clock.deadline(steps[target], day)}
    if target != "draft":
        return {"due_on": None}
    ends = admission.call.closes_on if admission.call else admission.expert and admission.expert.term_until
    if source in steps:  # sent back: never less time than the limit, also where the call is closed by then
        return {"due_on": max(ends or day, clock.deadline("admission_correction", day))}
    return {"due_on": ends}


def admission_holders(admission: Admission) -> Iterable[User]:
    """Who must act now: the person, or the other eyes."""
    if admission.state == "draft":
        return [admission.user]
    if admission.state == "submitted":
        return other_eyes("pool_keeper", but=admission.user_id)
    if admission.state == "vetted":
        return other_eyes("pool_keeper", "supervisor", but=admission.vetted_by_id).exclude(pk=admission.user_id)
    return ()


def the_entrant(admission: Admission) -> Iterable[User]:
    return [admission.user]


ADMISSION_HEARD: Heard = {
    "admission.submit": (admission_holders, "waiting"),
    "admission.vet": (admission_holders, "waiting"),
    "admission.return": (the_entrant, "pool"),
    "admission.admit": (the_entrant, "pool"),
    "admission.refuse": (the_entrant, "pool"),
    "admission.lapse": (the_entrant, "pool"),
}

ADMISSION = register(
    Machine(
        name="admission",
        model=Admission,
        initial="draft",
        states=ADMISSION_STATES,
        roles_of=admission_roles,
        visible_to=lambda user: admissions_visible_to(user).select_related("user", "call", "expert__user"),
        clock=admission_clock,
        notify=lambda admission, event: write_heard(ADMISSION_HEARD, admission, event, ADMISSION),
        guard=take_expert,
        holders=admission_holders,
        deadlines={"draft": "lapse"},
        transitions=(
            Transition(
                "submit", _("提交申请"), _("提交了申请"), ("draft",), "submitted", ("entrant",),
                checks=(admission_is_whole, may_enter), effects=(keep_handing_in,), in_time=True,
                told=_("已提交：%(subject)s申请。"),
            ),
            Transition("lapse", _("逾期未提交"), _("逾期未提交，申请作废"), ("draft",), "withdrawn", ("system",)),
            Transition(
                "withdraw", _("撤回申请"), _("撤回了申请"), ("draft", "submitted", "vetted"), "withdrawn", ("entrant",),
                effects=(forget_vetter,), danger=True, told=_("已撤回：%(subject)s申请。"),
            ),
            Transition(
                "reopen", _("重新填写"), _("重新开始填写"), ("withdrawn",), "draft", ("entrant",), when=call_runs,
                told=_("可以重新填写：%(subject)s申请。"),
            ),
            Transition(
                "vet", _("出具初审意见"), _("出具了初审意见"), ("submitted",), "vetted", ("pool_keeper",),
                asks=(
                    Ask("conclusion", _("初审结论"), "choice", choices=lambda row: CONCLUSIONS.items()),
                    Ask("opinion", _("初审意见"), help=_("写明核对了哪些材料、是否符合条件；由另一人复核后决定。")),
                ),
                effects=(keep_vetter,), told=_("初审意见已提交，等待另一人复核：%(subject)s。"),
            ),
            Transition(
                "admit", _("同意入库"), _("同意入库"), ("vetted",), "admitted", ("pool_keeper", "supervisor"),
                checks=(may_enter,), effects=(enter_pool,), afterwards=(follow_expert,), told=_("已办理：%(subject)s。"),
            ),
            Transition(
                "return", _("退回补充"), _("退回了申请"), ("submitted", "vetted"), "draft", ("pool_keeper", "supervisor"),
                asks=(REASON,), effects=(forget_vetter,), told=_("已退回补充：%(subject)s申请。"),
            ),
            Transition(
                "refuse", _("不予入库"), _("未予入库"), ("vetted",), "refused", ("pool_keeper", "supervisor"),
                asks=(REASON,), danger=True, told=_("已决定不予入库：%(subject)s。"),
            ),
        ),
    )
)  # fmt: skip

# --- imports of an existing pool --------------------------------------------------------------------------------------

IMPORT_STATES = {
    "waiting": _("待放行"),
    "done": _("已导入"),
    "refused": _("未予放行"),
    "withdrawn": _("已撤回"),
}


def table_is_sound(row: PoolImport, act: Act) -> Iterator[Problem]:
    """Judged again: the pool may have changed since the table was handed in."""
    yield from importing.still_sound(row)


def enter_people(row: PoolImport, act: Act) -> Data:
    return {"count": len(importing.enter(row, act.day))}


def follow_people(row: PoolImport, act: Act) -> None:
    importing.follow(row, act.by, act.role)


def import_holders(row: PoolImport) -> Iterable[User]:
    if row.state != "waiting":
        return ()
    return other_eyes("pool_keeper", "supervisor", but=row.uploaded_by_id)


def the_importer(row: PoolImport) -> Iterable[User]:
    return [row.uploaded_by] if row.uploaded_by else ()


IMPORT_HEARD: Heard = {"pool_import.release": (the_importer, "pool"), "pool_import.refuse": (the_importer, "pool")}

POOL_IMPORT = register(
    Machine(
        name="pool_import",
        model=PoolImport,
        initial="waiting",
        states=IMPORT_STATES,
        roles_of=import_roles,
        visible_to=lambda user: imports_visible_to(user).select_related("uploaded_by"),
        notify=lambda row, event: write_heard(IMPORT_HEARD, row, event, POOL_IMPORT),
        guard=lambda row: pool.hold(),  # of two imports, or an import and an admission, the second sees what the first wrote
        holders=import_holders,
        transitions=(
            Transition(
                "release", _("放行导入"), _("放行了导入"), ("waiting",), "done", ("pool_keeper", "supervisor"),
                checks=(table_is_sound,), effects=(enter_people,), afterwards=(follow_people,),
                told=_("已导入，并向每位专家发送了设置密码的邮件：%(subject)s。"),
            ),
            Transition(
                "refuse", _("不予放行"), _("未予放行"), ("waiting",), "refused", ("pool_keeper", "supervisor"),
                asks=(REASON,), danger=True, told=_("已决定不予放行：%(subject)s。"),
            ),
            Transition(
                "withdraw", _("撤回导入"), _("撤回了导入"), ("waiting",), "withdrawn", ("importer",), danger=True,
                told=_("已撤回：%(subject)s。"),
            ),
        ),
    )
)  # fmt: skip

# --- experts ----------------------------------------------------------------------------------------------------------

EXPERT_STATES = {
    "serving": _("在聘"),
    "paused": _("暂停"),
    "hearing": _("移出前听取申辩"),
    "removed": _("已移出"),
}


def is_unconfirmed(expert: Expert) -> bool:
    """Paused for no other reason than a missing confirmation."""
    return expert.paused_for == Expert.Pause.UNCONFIRMED


def case_is_unstated(expert: Expert) -> bool:
    """The expert may still state the case: neither done nor past its day."""
    return expert.due_on is not None


def case_was_heard(expert: Expert) -> bool:
    return expert.due_on is None


def was_paused(expert: Expert) -> bool:
    return bool(expert.paused_for)


def was_serving(expert: Expert) -> bool:
    return not expert.paused_for


def pause_ends_later(expert: Expert, act: Act) -> Iterator[Problem]:
    until = act.data.get("until")
    if isinstance(until, date) and until <= act.day:
        yield Problem("date_past", "until", gettext_noop("暂停的最后一天应晚于今天。"))


def employer_is_sound(expert: Expert, act: Act) -> Iterator[Problem]:
    yield from standing.employer_problems(act.data)
    most = Expert._meta.get_field("employer").max_length or 0
    if len(str(act.data.get("employer") or "").strip()) > most:
        yield Problem("too_long", "employer", gettext_noop("不得超过 %(most)s 字。"), {"most": most})


def _keep(expert: Expert, **columns: Any) -> Data:
    for name, value in columns.items():
        setattr(expert, name, value)
    Expert.objects.filter(pk=expert.pk).update(**columns)
    return {}


def keep_pause(expert: Expert, act: Act) -> Data:
    why = Expert.Pause.DECISION if act.by else Expert.Pause.RULE
    return _keep(expert, due_on=act.data.get("until") or None, paused_for=why)


def keep_unconfirmed(expert: Expert, act: Act) -> Data:
    return _keep(expert, paused_for=Expert.Pause.UNCONFIRMED)


def end_pause(expert: Expert, act: Act) -> Data:
    return _keep(expert, paused_for="")


def keep_confirmation(expert: Expert, act: Act) -> Data:
    return {"fields": standing.keep_confirmation(expert, act.data, act.day)}


def keep_proposer(expert: Expert, act: Act) -> Data:
    return _keep(expert, removal_proposed_by=act.by)


def forget_proposer(expert: Expert, act: Act) -> Data:
    return _keep(expert, removal_proposed_by=None)


def restore_pause(expert: Expert, act: Act) -> Data:
    """A pause that had an end before the hearing ends with the same day."""
    paused = Event.objects.of(expert).filter(verb="expert.pause").last()
    until = paused.data.get("until") if paused and expert.paused_for != Expert.Pause.UNCONFIRMED else None
    return _keep(expert, due_on=date.fromisoformat(until) if until else None)


def close_case(expert: Expert, act: Act) -> Data:
    """No day means: heard. From here the decision may be made."""
    return _keep(expert, due_on=None)


def tell_absence(expert: Expert, act: Act) -> None:
    standing.tell_absence(expert)


def end_term(expert: Expert, act: Act) -> Data:
    standing.end_term(expert, act.day)
    return _keep(expert, paused_for="")


def expert_clock(expert: Expert, source: str, target: str, day: date) -> Data:
    if target == "serving":
        return {"due_on": standing.confirmation_due(expert, day)}
    return {"due_on": clock.deadline(standing.HEARING, day) if target == "hearing" else None}


def the_expert(expert: Expert) -> Iterable[User]:
    return [expert.user]


def removal_deciders(expert: Expert) -> Iterable[User]:
    return other_eyes("supervisor", but=expert.removal_proposed_by_id).exclude(pk=expert.user_id)


def expert_holders(expert: Expert) -> Iterable[User]:
    """The expert confirms and states the case; then the decision is the supervisor's."""
    if expert.state == "serving" or expert.state == "hearing" and expert.due_on is not None:
        return [expert.user]
    return removal_deciders(expert) if expert.state == "hearing" else ()


EXPERT_HEARD: Heard = {
    "expert.pause": (the_expert, "pool"),
    "expert.lapse": (the_expert, "pool"),
    "expert.resume": (the_expert, "pool"),
    "expert.propose_removal": (the_expert, "pool"),
    "expert.state_case": (removal_deciders, "waiting"),
    "expert.close_hearing": (removal_deciders, "waiting"),
    "expert.remove": (the_expert, "pool"),
    "expert.keep": (the_expert, "pool"),
}
CONFIRMED = (
    Ask("employer", _("现工作单位"), "line", initial=lambda expert: expert.employer),
    Ask(
        "employer_code", _("工作单位统一社会信用代码"), "line", initial=lambda expert: expert.employer_code,
        help=_("18 位，见营业执照或登记证书。换了单位的，原单位会记入任职经历，三年内仍须回避。"),
    ),
    Ask("fields_hold", _("登记的专业仍与本人从事的专业一致"), "yes", help=_("专业有变化的，请先联系专家库管理员更改。")),
    Ask("contact_holds", _("账号中的电话和电子邮箱仍能联系到本人"), "yes", help=_("有变化的，请先在“我的账号”中修改。")),
)  # fmt: skip

EXPERT = register(
    Machine(
        name="expert",
        model=Expert,
        initial="serving",
        states=EXPERT_STATES,
        roles_of=expert_roles,
        visible_to=lambda user: experts_visible_to(user).select_related("user", "district"),
        clock=expert_clock,
        notify=lambda expert, event: write_heard(EXPERT_HEARD, expert, event, EXPERT),
        holders=expert_holders,
        deadlines={"serving": "lapse", "paused": "resume", "hearing": "close_hearing"},
        terms=frozenset({"paused"}),
        transitions=(
            Transition(
                "confirm", _("年度确认"), _("办理了年度确认"), ("serving",), None, ("expert",), asks=CONFIRMED,
                checks=(employer_is_sound,), effects=(keep_confirmation,), told=_("年度确认已办理：%(subject)s。"),
            ),
            Transition(
                "confirm", _("补办年度确认"), _("补办了年度确认"), ("paused",), "serving", ("expert",), asks=CONFIRMED,
                when=is_unconfirmed, checks=(employer_is_sound,), effects=(end_pause, keep_confirmation),
                told=_("年度确认已补办，恢复在聘：%(subject)s。"),
            ),
            Transition(
                "lapse", _("逾期未确认"), _("逾期未办理年度确认，已暂停"), ("serving",), "paused", ("system",),
                effects=(keep_unconfirmed,), afterwards=(tell_absence,),
            ),
            Transition(
                "pause", _("暂停"), _("暂停了专家资格"), ("serving",), "paused", ("pool_keeper", "system"),
                asks=(
                    REASON,
                    Ask("until", _("暂停的最后一天"), "date", required=False, help=_("不填表示直到恢复为止。")),
                ),
                checks=(pause_ends_later,), effects=(keep_pause,), afterwards=(tell_absence,), danger=True,
            ),
            Transition(
                "resume", _("恢复"), _("恢复了专家资格"), ("paused",), "serving", ("pool_keeper", "system"),
                asks=(Ask("reason", _("理由"), required=False),), effects=(end_pause,),
            ),
            Transition(
                "propose_removal", _("提议移出"), _("提议移出专家库，听取本人申辩"), ("serving", "paused"), "hearing",
                ("pool_keeper",), asks=(REASON,), effects=(keep_proposer,), afterwards=(tell_absence,),
                danger=True,
                told=_("已提议移出，并通知本人陈述申辩：%(subject)s。"),
            ),
            Transition(
                "state_case", _("陈述申辩"), _("作了陈述申辩"), ("hearing",), None, ("expert",), when=case_is_unstated,
                asks=(Ask("statement", _("陈述和申辩"), help=_("对提议移出的理由有异议的，写明事实和依据；没有异议也请写明。")),),
                effects=(close_case,), in_time=True, told=_("陈述申辩已提交：%(subject)s。"),
            ),
            Transition(
                "close_hearing", _("逾期未申辩"), _("申辩期限已过，听取程序结束"), ("hearing",), None, ("system",),
                when=case_is_unstated, effects=(close_case,),
            ),
            Transition(
                "remove", _("移出专家库"), _("移出了专家库"), ("hearing",), "removed", ("supervisor",), when=case_was_heard,
                asks=(REASON,), effects=(end_term,), afterwards=(tell_absence,), danger=True, told=_("已移出专家库：%(subject)s。"),
            ),
            Transition(
                "keep", _("不予移出"), _("决定不予移出"), ("hearing",), "paused", ("supervisor", "pool_keeper"),
                when=was_paused, asks=(REASON,), effects=(forget_proposer, restore_pause), told=_("已决定不予移出：%(subject)s。"),
            ),
            Transition(
                "keep", _("不予移出"), _("决定不予移出"), ("hearing",), "serving", ("supervisor", "pool_keeper"),
                when=was_serving, asks=(REASON,), effects=(forget_proposer,), told=_("已决定不予移出：%(subject)s。"),
            ),
            Transition(
                "readmit", _("重新入库"), _("重新进入专家库"), ("paused", "removed"), "serving", ("system",),
                effects=(end_pause, forget_proposer),
            ),
        ),
    )
)  # fmt: skip
