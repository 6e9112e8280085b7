"""The life of an organisation in the portal: registration, verification, ban. Step 0 of the journey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from communities.models import Organisation
from communities.permissions import officers, roles_of, visible_to
from portal import clock, notify
from portal.machine import Act, Ask, Machine, Transition, register
from portal.models import Event, User
from portal.problems import Problem, gettext_noop

STATES = {
    "draft": _("填写中"),
    "submitted": _("待核验"),
    "returned": _("退回修改"),
    "active": _("已核验"),
    "refused": _("不予注册"),
    "banned": _("限制申报"),
}


def registration_is_complete(organisation: Organisation, act: Act) -> Iterator[Problem]:
    if not organisation.undertaking:
        yield Problem("undertaking", "undertaking", gettext_noop("请勾选真实性承诺。"))
    if not organisation.licences.exists():
        yield Problem("licence_missing", "licence", gettext_noop("请上传营业执照或登记证书（PDF 或照片）。"))


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
    return {"due_on": clock.deadline("registration", day) if target == "submitted" else None}


def tell(organisation: Organisation, event: Event) -> None:
    """Intake hears of new registrations, the unit's people of decisions."""
    people: dict[str, Any] = {
        "organisation.submit": lambda: officers("intake"),
        "organisation.approve": lambda: members(organisation),
        "organisation.return": lambda: members(organisation),
        "organisation.refuse": lambda: members(organisation),
        "organisation.ban": lambda: members(organisation),
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
        deadlines={"banned": "lift"},
        holders=lambda organisation: officers("intake") if organisation.state == "submitted" else (),
        transitions=(
            Transition(
                "submit", _("提交核验"), _("提交了单位注册"), ("draft", "returned"), "submitted", ("administrator",),
                checks=(registration_is_complete,),
            ),
            Transition("approve", _("核验通过"), _("核验通过了单位注册"), ("submitted",), "active", ("intake",)),
            Transition(
                "return", _("退回修改"), _("退回了单位注册"), ("submitted",), "returned", ("intake",), asks=(REASON,)
            ),
            Transition(
                "refuse", _("不予注册"), _("未予注册"), ("submitted",), "refused", ("intake",), asks=(REASON,), danger=True
            ),
            Transition(
                "ban", _("限制申报"), _("限制了该单位申报"), ("active",), "banned", ("supervisor",),
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
