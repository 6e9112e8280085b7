"""From a case to a frozen pool, from two secrets to a panel, from a decline to the next expert.

Hides: which facts exclude whom, and that the pure draw (``experts.draw``) is replayed from the stored row each time.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from communities.models import Officer
from evaluation.models import Application, Assignment, Draw
from evaluation.notifications import tell_invited
from evaluation.permissions import OFFICERS, SEATED
from experts import draw as lots
from experts.models import Expert, Field, Recusal
from portal import clock
from portal.models import Event, User
from portal.problems import Refused

RULES_VERSION = "1"
GAVE_UP = ("declined", "recused", "lapsed")


def propose(application: Application, by: User) -> Draw:
    """Freeze pool, exclusions and rules; the commitment exists before the supervisor's secret does. Raises Refused."""
    project = application.project
    subject = f"{project.number}/{application.stage}/{application.review_round}"
    frozen = lots.freeze(
        candidates(application), rules(application), subject, already(application), salt=secrets.token_hex(32)
    )
    return Draw.objects.create(
        application=application,
        review_round=application.review_round,
        frozen=dict(frozen.document),
        identities={key: dict(value) for key, value in frozen.identities.items()},
        commitment=frozen.commitment,
        organiser=by,
        organiser_secret=secrets.token_hex(32),
    )


def rules(application: Application) -> lots.Rules:
    """What the panel of this case must look like, as its programme is configured now."""
    programme = application.project.programme
    return lots.Rules(
        version=RULES_VERSION,
        size=programme.panel_size,
        seats=programme.panel_seats,
        max_load=programme.load_limit,
        leader_not_from_district=application.project.community.district_id,
        field_names=dict(Field.objects.values_list("code", "name")),
    )


def already(application: Application) -> frozenset[str]:
    """Numbers of the experts whom an earlier draw of this case has used up.

    Whoever gave up a seat of the case, and whoever signed a result of this application that is judged anew. Those who
    had accepted when a draw ran dry can be drawn again, as can a panel of the design stage at completion.
    """
    earlier = Assignment.objects.filter(application__project=application.project)
    gave_up, signed = Q(state__in=GAVE_UP), Q(state="signed", application=application)
    return frozenset(earlier.filter(gave_up | signed).values_list("expert__number", flat=True))


@dataclass(frozen=True, slots=True)
class Standing:
    """How one expert stands towards a draw. excluded: a code of experts.draw.EXCLUSIONS, "" for drawable."""

    number: str
    fields: tuple[str, ...]
    excluded: str


def standings(application: Application, draw: Draw | None) -> list[Standing]:
    """Everybody of the pool, by number: as frozen with the draw, or as they would be frozen now."""
    if draw is not None:
        entries = draw.frozen["candidates"]
        numbers = {public_id: identity["expert_id"] for public_id, identity in draw.identities.items()}
        found = [Standing(numbers[row["id"]], tuple(row["fields"]), row["excluded"] or "") for row in entries]
        return sorted(found, key=lambda row: row.number)
    pool = candidates(application)
    kept_off = lots.exclusions(pool, rules(application), already(application))
    return [Standing(row.expert_id, row.fields, kept_off.get(row.expert_id, "")) for row in pool]


def draw_of(application: Application) -> Draw | None:
    """The draw of the present review round; a round that the same panel continues has none of its own."""
    own = application.draws.filter(review_round=application.review_round).first()
    if own is not None or application.state in ("drawing", "cosigning"):
        return own
    kept = application.assignments.filter(review_round=application.review_round).select_related("draw").first()
    return kept.draw if kept else None


def candidates(application: Application) -> list[lots.Candidate]:
    """Every expert of the pool as the draw sees them, with the reason why one is kept off. Five queries."""
    day = timezone.localdate()
    recused = conflicts(application, day)
    seats = Assignment.objects.filter(state__in=SEATED, state_since__year=day.year)
    # A panel that marks a revised version again is still one panel.
    loads = Counter(expert for expert, _draw in set(seats.values_list("expert_id", "draw_id")))
    serving = set(Expert.objects.serving(day).values_list("pk", flat=True))
    # Fields in which this stage has nothing to mark are none here: an expert without others would sign an empty sheet.
    asked = {item.domain for item in application.standard.items(application.stage)}
    pool = Expert.objects.prefetch_related("fields").order_by("number")
    return [
        lots.Candidate(
            expert_id=expert.number,
            fields=tuple(sorted(field.pk for field in expert.fields.all() if field.pk in asked)),
            employer=expert.employer_code,
            district=expert.district_id,
            load=loads[expert.pk],
            excluded=recused.get(expert.pk) or (None if expert.pk in serving else _absence(expert, day)),
        )
        for expert in pool
    ]


def _absence(expert: Expert, day: date) -> str:
    return "paused" if expert.paused_until and expert.paused_until >= day else "term_expired"


def conflicts(application: Application, day: date) -> dict[int, str]:
    """Expert id -> reason code: officer of the case, employed by or member of a party, or a recusal fact within three years."""
    project = application.project
    codes = project.party_codes
    since = day - timedelta(days=365 * project.programme.recusal_years)
    found = dict.fromkeys(_officers(application, day), "handles_case")
    facts = Recusal.objects.filter(Q(until=None) | Q(until__gte=since), party_code__in=codes)
    for expert_id, reason in facts.order_by("pk").values_list("expert_id", "reason"):
        found.setdefault(expert_id, reason)
    advising = dict(project.engagements.values_list("organisation", "organisation__credit_code"))
    members = Expert.objects.filter(Q(user__memberships__until=None) | Q(user__memberships__until__gte=since))
    members = members.filter(user__memberships__organisation__in=[project.organisation_id, *advising])
    for expert_id in members.values_list("pk", flat=True):
        found[expert_id] = "employed_by_party"
    for expert_id, code in Expert.objects.filter(employer_code__in=codes).values_list("pk", "employer_code"):
        found[expert_id] = "same_consulting_unit" if code in advising.values() else "employed_by_party"
    return found


def _officers(application: Application, day: date) -> set[int]:
    """Experts who handle the case: by a duty that reaches it on ``day``, or by what they did to it as an officer."""
    duties = Officer.objects.on(day)
    city = duties.filter(duty__in=OFFICERS)
    here = duties.filter(duty="district_officer", district=application.project.community.district_id)
    acted = Event.objects.in_thread(application.thread).filter(role__in=[*OFFICERS, "district_officer"])
    people = [*(city | here).values_list("user", flat=True), *acted.values_list("actor", flat=True)]
    return set(Expert.objects.filter(user__in=set(people)).values_list("pk", flat=True))


def _frozen(draw: Draw) -> Any:
    return lots.Frozen(draw.frozen, draw.identities)


def _panel(draw: Draw) -> Any:
    declines = [[number] for number in draw.declines]
    return lots.replay(_frozen(draw), draw.organiser_secret, draw.supervisor_secret, None, declines)


def hold(application: Application, by: User) -> Draw:
    """Add the supervisor's secret, draw, and invite everyone who was drawn. Inside the co-signing act."""
    draw = Draw.objects.get(application=application, review_round=application.review_round)
    draw.supervisor, draw.supervisor_secret = by, secrets.token_hex(32)
    draw.drawn_at = timezone.now()
    panel = _panel(draw)
    draw.receipt = lots.receipt(_frozen(draw), panel)
    draw.save()
    _seat(draw, panel.seats)
    return draw


def _seat(draw: Draw, seats: Iterable[Any]) -> list[Assignment]:
    """Invite whoever sits and has not been asked; the leader's hat goes where the draw puts it."""
    application = draw.application
    asked = {
        row.expert.number: row
        for row in draw.assignments.filter(review_round=draw.review_round).select_related("expert")
    }
    experts = {expert.number: expert for expert in Expert.objects.filter(number__in=[seat.expert_id for seat in seats])}
    due_on = clock.deadline("invitation", timezone.localdate(), application.project.programme_id)
    new = []
    for number, seat in enumerate(seats, 1):
        row = asked.get(seat.expert_id)
        if row is None:
            new.append(
                Assignment.objects.create(
                    application=application,
                    draw=draw,
                    expert=experts[seat.expert_id],
                    review_round=draw.review_round,
                    field=seat.field,
                    is_leader=seat.is_leader,
                    seat=number,
                    state="invited",
                    due_on=due_on,
                )
            )
        elif row.is_leader != seat.is_leader:
            Assignment.objects.filter(pk=row.pk).update(is_leader=seat.is_leader)
    return new


def substitute(assignment: Assignment, day: date) -> str:
    """After ``assignment`` gave up its seat, invite the next in the drawn order; return who it is, "" when nobody is left.

    The receipt grows by one round. A pool run dry does not undo the decline: the case shows its fault to the organiser.
    """
    draw = Draw.objects.get(pk=assignment.draw_id)
    draw.declines = [*draw.declines, assignment.expert.number]
    try:
        panel = _panel(draw)
    except Refused as refused:
        Draw.objects.filter(pk=draw.pk).update(declines=draw.declines)
        Application.objects.filter(pk=assignment.application_id).update(fault=str(refused))
        return ""
    draw.receipt = lots.receipt(_frozen(draw), panel)
    draw.save(update_fields=["declines", "receipt"])
    new = _seat(draw, panel.seats)
    if new:
        tell_invited(new[0])
    return ", ".join(row.expert.number for row in new)
