"""The life of an organisation in the portal: registration, verification, change of its identity, ban. Step 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from communities import changes, standing_in
from communities.models import Organisation, OrganisationChange, StandIn
from communities.permissions import change_roles, changes_visible_to, officers, roles_of, visible_to
from communities.registration import DRAFT_STEP, code_problems, lacking
from portal import clock, notify
from portal.machine import Act, Ask, Machine, Transition, hold, register
from portal.models import Event, User
from portal.problems import Problem, gettext_noop

STATES = {
    "draft": _("填写中"),
    "submitted": _("待核验"),
    "returned": _("退回修改"),
    "active": _("已核验"),
    "refused": _("不予注册"),
    "banned": _("限制申报"),
    "lapsed": _("逾期未提交"),
}


def registration_is_complete(organisation: Organisation, act: Act) -> Iterator[Problem]:
    yield from lacking(organisation)


def ban_ends_later(organisation: Organisation, act: Act) -> Iterator[Problem]:
    until = act.data.get("until")
    if isinstance(until, date) and until <= act.day:
        yield Problem("date_past", "until", gettext_noop("限制期止日应晚于今天。"))


def keep_ban(organisation: Organisation, act: Act) -> Mapping[str, Any]:
    until = act.data["until"]
    Organisation.objects.filter(pk=organisation.pk).update(banned_until=until, due_on=until)
    organisation.banned_until = organisation.due_on = until
    return {}


def lift_ban(organisation: Organisation, act: Act) -> Mapping[str, Any]:
    Organisation.objects.filter(pk=organisation.pk).update(banned_until=None)
    organisation.banned_until = None
    return {}


def running_clock(organisation: Organisation, source: str, target: str, day: date) -> Mapping[str, Any]:
    steps = {"submitted": "registration", "returned": DRAFT_STEP}
    return {"due_on": clock.deadline(steps[target], day) if target in steps else None}


def tell(organisation: Organisation, event: Event) -> None:
    """Intake hears of new registrations, the unit's people of decisions."""
    people: dict[str, Any] = {
        "organisation.submit": lambda: officers("intake"),
        "organisation.approve": lambda: members(organisation),
        "organisation.return": lambda: members(organisation),
        "organisation.refuse": lambda: members(organisation),
        "organisation.ban": lambda: members(organisation),
        "organisation.lapse": lambda: members(organisation),
    }
    if event.verb in people:
        notify.write(
            f"event:{event.pk}",
            people[event.verb](),
            "organisation",
            organisation.get_absolute_url(),
            organisation=organisation,
            event=event,
            sentence=DONE[event.verb],
        )


def members(organisation: Organisation) -> Any:
    return User.objects.filter(memberships__organisation=organisation, memberships__until=None)


def holders(organisation: Organisation) -> Any:
    """Who must act now: intake on what was handed in, the unit's people on what they have not handed in yet."""
    if organisation.state == "submitted":
        return officers("intake")
    return members(organisation) if organisation.state in ("draft", "returned") else ()


REASON = Ask("reason", _("理由"))

ORGANISATION = register(
    Machine(
        name="organisation",
        model=Organisation,
        initial="draft",
        states=STATES,
        roles_of=roles_of,
        visible_to=visible_to,
        clock=running_clock,
        notify=tell,
        deadlines={"banned": "lift", "draft": "lapse", "returned": "lapse"},
        terms=frozenset({"banned"}),
        holders=holders,
        transitions=(
            Transition(
                "submit", _("提交核验"), _("提交了单位注册"), ("draft", "returned"), "submitted", ("administrator",),
                checks=(registration_is_complete,), in_time=True, told=_("已提交核验：%(subject)s的单位注册。"),
            ),
            # frees the credit code: nobody keeps a unit from registering with a form that is never handed in
            Transition("lapse", _("逾期未提交"), _("逾期未提交，注册作废"), ("draft", "returned"), "lapsed", ("system",)),
            Transition(
                "approve", _("核验通过"), _("核验通过了单位注册"), ("submitted",), "active", ("intake",),
                told=_("已核验通过：%(subject)s的单位注册。"),
            ),
            Transition(
                "return", _("退回修改"), _("退回了单位注册"), ("submitted",), "returned", ("intake",), asks=(REASON,),
                told=_("已退回修改：%(subject)s的单位注册。"),
            ),
            Transition(
                "refuse", _("不予注册"), _("未予注册"), ("submitted",), "refused", ("intake",), asks=(REASON,), danger=True,
                told=_("已决定不予注册：%(subject)s。"),
            ),
            Transition(
                "ban", _("限制申报"), _("限制了该单位申报"), ("active",), "banned", ("supervisor", "system"),
                asks=(REASON, Ask("until", _("限制至"), "date")), checks=(ban_ends_later,), effects=(keep_ban,), danger=True,
            ),
            Transition(
                "lift", _("解除限制"), _("解除了限制"), ("banned",), "active", ("supervisor", "system"), effects=(lift_ban,),
                asks=(Ask("reason", _("理由"), required=False),),
            ),
        ),
    )
)  # fmt: skip
DONE = {f"{ORGANISATION.name}.{row.action}": row.done for row in ORGANISATION.transitions}

# --- change of identity -----------------------------------------------------------------------------------------------

CHANGE_STATES = {
    "waiting": _("待核验"),
    "approved": _("已核准"),
    "rejected": _("未核准"),
    "withdrawn": _("已撤回"),
}


def take_organisation(change: OrganisationChange) -> None:
    """Both rows are taken in one order, the unit's first. A banned unit may still be called by its right name."""
    hold(change.organisation, "active", "banned")


def code_is_free(change: OrganisationChange, act: Act) -> Iterator[Problem]:
    """Somebody may have registered it since."""
    yield from code_problems(change.after["credit_code"], change.organisation)


def keep_change(change: OrganisationChange, act: Act) -> Mapping[str, Any]:
    names = changes.changed_names(change)
    changes.apply(change)
    return {"fields": names}


def follow_change(change: OrganisationChange, act: Act) -> None:
    changes.follow(change)


def tell_change(change: OrganisationChange, event: Event) -> None:
    """The unit's people hear of the decision."""
    if event.verb in ("organisation_change.approve", "organisation_change.reject"):
        notify.write(
            f"event:{event.pk}", members(change.organisation), "organisation", change.get_absolute_url(),
            organisation=change.organisation, event=event, sentence=CHANGE_DONE[event.verb],
        )  # fmt: skip


ORGANISATION_CHANGE = register(
    Machine(
        name="organisation_change",
        model=OrganisationChange,
        initial="waiting",
        states=CHANGE_STATES,
        roles_of=change_roles,
        visible_to=lambda user: changes_visible_to(user).select_related("organisation", "asked_by"),
        guard=take_organisation,
        notify=tell_change,
        holders=lambda change: officers("intake") if change.state == "waiting" else (),
        transitions=(
            Transition(
                "approve", _("核准变更"), _("核准了单位信息变更"), ("waiting",), "approved", ("intake",),
                checks=(code_is_free,), effects=(keep_change,), afterwards=(follow_change,),
                told=_("已核准：%(subject)s。"),
            ),
            Transition(
                "reject", _("不予核准"), _("未核准单位信息变更"), ("waiting",), "rejected", ("intake",), asks=(REASON,),
                danger=True, told=_("已决定不予核准：%(subject)s。"),
            ),
            Transition(
                "withdraw", _("撤回变更申请"), _("撤回了单位信息变更申请"), ("waiting",), "withdrawn", ("administrator",),
                danger=True,
            ),
        ),
    )
)  # fmt: skip
CHANGE_DONE = {f"{ORGANISATION_CHANGE.name}.{row.action}": row.done for row in ORGANISATION_CHANGE.transitions}


def it_can_be_agreed(row: StandIn, act: Act) -> Iterator[Problem]:
    yield from standing_in.problems_of(row, act.day)


def read_duties_anew(row: StandIn, act: Act) -> Mapping[str, Any]:
    if act.by is not None:
        act.by.__dict__.pop("_duties", None)
    return {"since": row.since.isoformat(), "until": row.until.isoformat()}


STAND_IN = register(
    Machine(
        name="stand_in",
        model=StandIn,
        initial="asked",
        states=standing_in.STATES,
        roles_of=standing_in.roles_of,
        visible_to=standing_in.visible_to,
        guard=standing_in.take_officer,
        notify=standing_in.tell,
        clock=lambda row, source, target, day: {"due_on": row.until if target == "agreed" else None},
        holders=lambda row: [row.person] if row.state == "asked" else (),
        deadlines={"asked": "expire", "agreed": "expire"},
        terms=frozenset({"agreed"}),
        transitions=(
            Transition(
                "agree", _("同意代理"), _("同意了代理"), ("asked",), "agreed", ("stand_in",), checks=(it_can_be_agreed,),
                effects=(read_duties_anew,), told=_("已同意：%(subject)s。"),
            ),
            Transition(
                "arrange", _("决定代理"), _("决定了代理"), ("asked",), "agreed", ("supervisor",), checks=(it_can_be_agreed,),
                effects=(read_duties_anew,), told=_("已决定：%(subject)s。"),
            ),
            Transition(
                "decline", _("谢绝代理"), _("谢绝了代理"), ("asked",), "declined", ("stand_in",), asks=(REASON,), danger=True,
                told=_("已谢绝：%(subject)s。"),
            ),
            Transition(
                "end", _("终止代理"), _("终止了代理"), ("asked", "agreed"), "ended", ("absent", "stand_in", "supervisor"),
                asks=(REASON,), effects=(read_duties_anew,), danger=True, told=_("已终止：%(subject)s。"),
            ),
            Transition("expire", _("代理到期"), _("代理到期"), ("asked", "agreed"), "over", ("system",)),
        ),
    )
)  # fmt: skip
