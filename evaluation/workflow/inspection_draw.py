"""The life of an inspection's draw 抽查抽取: started by two persons, held once everything that was promised is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.permissions import eyes_of, officers
from evaluation import inspecting, telling_supervision
from evaluation.drawing import commitment_problems
from evaluation.models import InspectionDraw
from evaluation.permissions import inspection_draw_roles, inspection_draws_visible_to
from evaluation.workflow.case import BINDING, PUBLIC_VALUE, SECRET
from experts.draw import canonical_bytes, problem_of_secret
from portal import clock
from portal.machine import MACHINES, Act, Ask, Machine, Transition, register
from portal.models import User
from portal.problems import Problem, gettext_noop

Data = Mapping[str, Any]
REASON = Ask("reason", _("理由"))
RUNNING = ("cosigning", "revealing")


def draw_clock(draw: InspectionDraw, source: str, target: str, day: date) -> Data:
    return {"due_on": clock.deadline("draw", day, draw.programme_id) if target in RUNNING else None}


def _binding(act: Act) -> dict[str, str]:
    return {name: str(act.data.get(name) or "").strip() for name in ("secret", "secret_hash")}


def binding_is_sound(draw: InspectionDraw, act: Act) -> Iterator[Problem]:
    yield from commitment_problems(**_binding(act), other=draw.organiser_hash)


def cosigner_is_another(draw: InspectionDraw, act: Act) -> Iterator[Problem]:
    """Whoever stands in for another is one pair of eyes with them."""
    if act.by is not None and draw.organiser_id in eyes_of(act.by):
        yield Problem("same_person", "", gettext_noop("抽取须由两人共同启动，监督员不能是发起人。"))


def bind_supervisor(draw: InspectionDraw, act: Act) -> Data:
    if act.by is not None:
        inspecting.cosign(draw, act.by, **_binding(act))
    return {"commitment": draw.commitment, "supervisor_secret_hash": draw.supervisor_hash}


def secret_is_the_promised_one(draw: InspectionDraw, act: Act) -> Iterator[Problem]:
    party = inspecting.party_of(draw, act.by)
    if party not in inspecting.missing(draw):
        yield Problem("not_bound", "", gettext_noop("只有以摘要作出承诺、尚未揭示密值的本人可以揭示。"))
    elif secret := str(act.data.get("secret") or "").strip():
        published = draw.organiser_hash if party == "organiser" else draw.supervisor_hash
        if problem := problem_of_secret(secret, published, "secret"):
            yield problem


def keep_secret(draw: InspectionDraw, act: Act) -> Data:
    party = inspecting.party_of(draw, act.by)
    setattr(draw, f"{party}_secret", act.data["secret"].strip())
    draw.save(update_fields=[f"{party}_secret"])
    return {"party": party}


def value_is_of_a_later_day(draw: InspectionDraw, act: Act) -> Iterator[Problem]:
    """Neither party may have known the value when binding itself: it is of a day after the second one did."""
    bound_on = timezone.localdate(draw.state_since)
    if act.day <= bound_on:
        message = gettext_noop("公开数值须在双方承诺之日（%(day)s）以后产生，请于次日起录入。")
        yield Problem("too_early", "public_value", message, {"day": bound_on.isoformat()})


def keep_value(draw: InspectionDraw, act: Act) -> Data:
    draw.public_value = act.data["public_value"].strip()
    draw.save(update_fields=["public_value"])
    return {"source": draw.frozen["rules"]["public_source"]}


def owes(part: str) -> Any:
    return lambda draw: part in inspecting.missing(draw)


def draw_when_complete(draw: InspectionDraw, act: Act) -> None:
    row = InspectionDraw.objects.get(pk=draw.pk)
    if not inspecting.missing(row):
        MACHINES["inspection_draw"].perform(row, "hold", by=None)


def hold_draw(draw: InspectionDraw, act: Act) -> Data:
    count = inspecting.hold_draw(draw)
    return {
        "commitment": draw.commitment, "count": count,
        "receipt_sha256": hashlib.sha256(canonical_bytes(draw.receipt)).hexdigest(),
    }  # fmt: skip


def say_what_was_missing(draw: InspectionDraw, act: Act) -> Data:
    """The row stays: that a party was bound and no draw came of it is on record, with who still owed what."""
    return {"commitment": draw.commitment, "missing": list(inspecting.missing(draw))}


def holders(draw: InspectionDraw) -> Iterable[User]:
    """The supervisor until two are bound, then whoever owes a secret, then the organiser for the public value."""
    if draw.state == "cosigning":
        return officers("supervisor")
    waits = inspecting.missing(draw)
    owing = [draw.organiser_id] if "organiser" in waits or waits == ("public_value",) else []
    return User.objects.filter(pk__in=[*owing, *([draw.supervisor_id] if "supervisor" in waits else [])])


REVEAL: Any = ("reveal", _("揭示密值"), _("揭示了密值"), ("revealing",), None)
REVEALED: Any = {
    "asks": (SECRET,), "checks": (secret_is_the_promised_one,), "effects": (keep_secret,),
    "afterwards": (draw_when_complete,), "page": "inspection-draw",
}  # fmt: skip
INSPECTION_DRAW = register(
    Machine(
        name="inspection_draw",
        model=InspectionDraw,
        initial="cosigning",
        states={
            "cosigning": _("待共同启动"),
            "revealing": _("待揭示"),
            "drawn": _("已抽取"),
            "given_up": _("已放弃"),
        },
        roles_of=inspection_draw_roles,
        visible_to=inspection_draws_visible_to,
        clock=draw_clock,
        notify=telling_supervision.tell_draw,
        holders=holders,
        transitions=(
            Transition(
                "cosign", _("共同启动抽查"), _("共同启动了抽查抽取"), ("cosigning",), "revealing", ("supervisor",),
                asks=BINDING, checks=(cosigner_is_another, binding_is_sound), effects=(bind_supervisor,),
                afterwards=(draw_when_complete,), page="inspection-draw",
            ),
            Transition(*REVEAL, ("organiser",), when=owes("organiser"), **REVEALED),
            Transition(*REVEAL, ("supervisor",), when=owes("supervisor"), **REVEALED),
            Transition(
                "enter_public_value", _("录入公开数值"), _("录入了公开数值"), ("revealing",), None, ("organiser",),
                asks=(PUBLIC_VALUE,), checks=(value_is_of_a_later_day,), effects=(keep_value,),
                afterwards=(draw_when_complete,), when=owes("public_value"), page="inspection-draw",
            ),
            Transition(
                "hold", _("抽取抽查名单"), _("按种子抽取了抽查名单"), ("revealing",), "drawn", ("system",),
                effects=(hold_draw,),
            ),
            Transition(
                "give_up", _("放弃本次抽取"), _("放弃了本次抽取"), RUNNING, "given_up", ("organiser", "supervisor"),
                asks=(REASON,), effects=(say_what_was_missing,), danger=True, page="inspection-draw",
            ),
        ),
    )
)  # fmt: skip
