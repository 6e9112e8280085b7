"""From a case to a frozen pool, from two secrets to a panel, from a decline to the next expert.

Hides: which facts exclude whom, who keeps which secret until when, and that the pure draw (``experts.draw``) is replayed
from the stored row each time.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from communities.models import Officer
from evaluation.models import Application, Assignment, Draw, GuidanceCompanion
from evaluation.permissions import OFFICERS, SEATED
from experts import draw as lots
from experts import facts
from experts.models import Expert, Field
from portal import clock
from portal.models import Event, User
from portal.problems import Problem, Refused, gettext_noop

RULES_VERSION = "1"
GAVE_UP = ("declined", "recused", "lapsed")  # not "released": who could not serve for a while may be drawn another time


def propose(application: Application, by: User, *, secret: str = "", secret_hash: str = "", salt: str = "") -> Draw:
    """Freeze pool, exclusions and rules, and bind the organiser, before the supervisor is bound to anything.

    secret, secret_hash: as in ``_bound``. salt: of the pseudonyms, 64 hexadecimal digits; fresh where it is "".
    Raises Refused where no panel can be seated, with what would cure it.
    """
    published, entrusted = _bound(secret, secret_hash)
    frozen = frozen_pool(application, salt or secrets.token_hex(32))
    return Draw.objects.create(
        application=application,
        review_round=application.review_round,
        frozen=dict(frozen.document),
        identities={key: dict(value) for key, value in frozen.identities.items()},
        commitment=frozen.commitment,
        organiser=by,
        organiser_hash=published,
        organiser_secret=entrusted,
    )


def frozen_pool(application: Application, salt: str) -> lots.Frozen:
    """The pool as it is frozen now. Raises Refused where no panel can be seated from it."""
    project = application.project
    subject = f"{project.number}/{application.stage}/{application.review_round}"
    return lots.freeze(candidates(application), rules(application), subject, already(application), salt=salt)


def obstacles(application: Application) -> list[Problem]:
    """Why no panel can be drawn now, each with what would cure it: told before anybody proposes."""
    try:
        frozen_pool(application, "0" * 64)
    except Refused as refused:
        return list(refused.problems)
    return []


# --- both parties bind themselves, then reveal ------------------------------------------------------------------------


def commitment_problems(secret: str, secret_hash: str, other: str = "") -> Iterator[Problem]:
    """What is wrong with how a party wants to bind itself. other: the hash by which the other one is bound already."""
    published = secret_hash or lots.secret_hash(secret)
    malformed = lots.problem_of_hash(secret_hash, "secret_hash") if secret_hash else None
    found = malformed or (lots.problem_of_secret(secret, published, "secret") if secret else None)
    if found:
        yield found
    elif (secret or secret_hash) and published == other:
        message = gettext_noop("评价组织员与监督员的密值相同：须各自独立生成。")
        yield Problem("secret_shared", "secret" if secret else "secret_hash", message)


def _bound(secret: str, secret_hash: str) -> tuple[str, str]:
    """The hash that binds a party, and the secret if the portal keeps it.

    secret: entrusted to the portal, which shows it to nobody before the draw. secret_hash: alone, where the party keeps
    the secret until it is revealed. Neither: the portal makes the secret itself.
    """
    entrusted = secret if secret or secret_hash else secrets.token_hex(32)
    return secret_hash or lots.secret_hash(entrusted), entrusted


def present(application: Application) -> Draw:
    """The draw of this review round that has been proposed. Raises Draw.DoesNotExist."""
    return Draw.objects.get(application=application, review_round=application.review_round)


def cosign(application: Application, by: User, *, secret: str = "", secret_hash: str = "") -> Draw:
    """Bind the supervisor to a secret; see ``_bound``."""
    draw = present(application)
    draw.supervisor = by
    draw.supervisor_hash, draw.supervisor_secret = _bound(secret, secret_hash)
    draw.save(update_fields=["supervisor", "supervisor_hash", "supervisor_secret"])
    return draw


def party_of(draw: Draw, user: User) -> str:
    """As what ``user`` is bound by this draw: "organiser", "supervisor", or "" for nobody."""
    return {draw.supervisor_id: "supervisor", draw.organiser_id: "organiser"}.get(user.pk, "")


def reveal(application: Application, by: User, secret: str) -> str:
    """Keep the secret by which ``by`` is bound, unseen until the draw is held; return as which party."""
    draw = present(application)
    party = party_of(draw, by)
    Draw.objects.filter(pk=draw.pk).update(**{f"{party}_secret": secret})
    return party


def enter_public_value(application: Application, value: str) -> str:
    """Keep the value of the public source; return the name of the source."""
    draw = present(application)
    Draw.objects.filter(pk=draw.pk).update(public_value=value)
    return str(draw.frozen["rules"]["public_source"])


def missing(draw: Draw) -> tuple[str, ...]:
    """What a draw still waits for, of "organiser", "supervisor" (their secrets) and "public_value"; () if for nothing."""
    waits = {
        "organiser": not draw.organiser_secret,
        "supervisor": not draw.supervisor_secret,
        "public_value": bool(draw.frozen["rules"]["public_source"]) and not draw.public_value,
    }
    return tuple(name for name, is_missing in waits.items() if is_missing)


def rules(application: Application) -> lots.Rules:
    """What the panel of this case must look like, as its programme was configured for it."""
    programme = application.terms
    return lots.Rules(
        version=RULES_VERSION,
        size=programme.panel_size,
        seats=programme.panel_seats,
        max_load=programme.load_limit,
        leader_not_from_district=application.project.community.district_id,
        public_source=programme.public_source or None,
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
    if own is not None or application.state == "drawing":
        return own
    kept = application.assignments.filter(review_round=application.review_round).select_related("draw").first()
    return kept.draw if kept else None


def held(application: Application, review_round: int | None = None) -> Draw | None:
    """The draw of a round, or without one of the present round, if it was held; only such a draw has a receipt."""
    of_round = application.draws.filter(review_round=review_round)
    row = draw_of(application) if review_round is None else of_round.first()
    return row if row is not None and row.receipt is not None else None


def earlier(application: Application, draw: Draw | None) -> QuerySet[Draw]:
    """The draws of this application before ``draw``, oldest first: replaced by a new one, or given up before it was held."""
    before = draw.review_round if draw is not None else application.review_round
    return Draw.objects.filter(application=application, review_round__lt=before).order_by("review_round")


def candidates(application: Application) -> list[lots.Candidate]:
    """Every expert of the pool as the draw sees them, with the reason why one is kept off. As many queries for any pool."""
    day = timezone.localdate()
    recused = conflicts(application, day)
    seats = Assignment.objects.filter(state__in=SEATED, state_since__year=day.year)
    # A panel that marks a revised version again is still one panel.
    loads = Counter(expert for expert, _draw in set(seats.values_list("expert_id", "draw_id")))
    serving = set(Expert.objects.serving(day).values_list("pk", flat=True))
    # Fields in which this stage has nothing to mark are none here: an expert without others would sign an empty sheet.
    asked = {item.domain for item in application.standard.items(application.stage)}
    fields = defaultdict(list)
    held = Expert.fields.through.objects.filter(field__in=asked)
    for expert_id, code in held.values_list("expert_id", "field_id"):
        fields[expert_id].append(code)
    # Rows, not objects: making 2,000 of those would take longer than the draw.
    columns = ("pk", "number", "employer_code", "district_id", "state", "term_from", "term_until")
    return [
        lots.Candidate(
            expert_id=expert.number,
            fields=tuple(sorted(fields[expert.pk])),
            employer=expert.employer_code,
            district=expert.district_id,
            load=loads[expert.pk],
            excluded=recused.get(expert.pk) or (None if expert.pk in serving else absence(expert, day)),
        )
        for expert in Expert.objects.order_by("number").values_list(*columns, named=True)
    ]


def absence(expert: Any, day: date) -> str:
    """Why an expert who does not serve on ``day`` cannot be drawn: a code of experts.draw.EXCLUSIONS."""
    in_term = expert.term_from <= day <= expert.term_until and expert.state != "removed"
    return "paused" if in_term else "term_expired"


def conflicts(application: Application, day: date) -> dict[int, str]:
    """Expert id -> reason code: officer of the case, employed by or member of a party, or a recusal fact within three years."""
    project = application.project
    codes = project.party_codes
    since = recused_since(application, day)
    found = {**facts.known(codes, since), **dict.fromkeys(_officers(application, day), "handles_case")}
    came = GuidanceCompanion.objects.filter(visit__project=project, state="coming")
    found |= dict.fromkeys(came.values_list("expert", flat=True), "drafted_or_advised")
    advising = project.advising
    members = Expert.objects.filter(Q(user__memberships__until=None) | Q(user__memberships__until__gte=since))
    members = members.filter(user__memberships__organisation__in=[project.organisation_id, *advising])
    for expert_id in members.values_list("pk", flat=True):
        found[expert_id] = "employed_by_party"
    for expert_id, code in Expert.objects.filter(employer_code__in=codes).values_list("pk", "employer_code"):
        found[expert_id] = "same_consulting_unit" if code in advising.values() else "employed_by_party"
    return found


def recused_since(application: Application, day: date) -> date:
    """The first day of the years for which an employment or another fact that has ended still counts."""
    return day - timedelta(days=365 * application.project.programme.recusal_years)


def _officers(application: Application, day: date) -> set[int]:
    """Experts who handle the case: by a duty that reaches it on ``day``, or by what they did to it as an officer."""
    duties = Officer.objects.on(day)
    city = duties.filter(duty__in=OFFICERS)
    here = duties.filter(duty="district_officer", district=application.project.community.district_id)
    acted = Event.objects.in_thread(application.thread).filter(role__in=[*OFFICERS, "district_officer"])
    people = [*(city | here).values_list("user", flat=True), *acted.values_list("actor", flat=True)]
    return set(Expert.objects.filter(user__in=set(people)).values_list("pk", flat=True))


def accepted(applications: Iterable[Application]) -> dict[int, int]:
    """Application id -> seats taken, of those whose experts are being asked. One query, none where nobody is asked."""
    asking = [row.pk for row in applications if row.state == "inviting"]
    if not asking:
        return {}
    seats = Assignment.objects.filter(application__in=asking, state="accepted")
    seats = seats.filter(review_round=F("application__review_round"))
    return dict(Counter(seats.values_list("application", flat=True)))


def _frozen(draw: Draw) -> Any:
    return lots.Frozen(draw.frozen, draw.identities)


def _panel(draw: Draw, declines: Iterable[str]) -> Any:
    given_up = [[number] for number in declines]
    value = draw.public_value or None
    return lots.replay(_frozen(draw), draw.organiser_secret, draw.supervisor_secret, value, given_up)


def played(draw: Draw) -> tuple[Any, list[Problem]]:
    """The panel after as many of the draw's declines, in their order, as somebody could follow; why no more could, or [].

    Raises Refused where a decline stands in the list that no seat of this draw gave up.
    """
    problems: list[Problem] = []
    for count in range(len(draw.declines), 0, -1):
        try:
            return _panel(draw, draw.declines[:count]), problems
        except Refused as refused:
            if any(problem.code == "not_seated" for problem in refused.problems):
                raise
            problems = list(refused.problems)
    return _panel(draw, ()), problems


def receipt_of(draw: Draw, panel: Any) -> Any:
    """The receipt of this draw as it stands after ``panel``."""
    return lots.receipt(_frozen(draw), panel)


def hold(application: Application) -> Draw:
    """Draw from everything that was promised, now that all of it is there, and invite everyone who was drawn."""
    draw = present(application)
    draw.drawn_at = timezone.now()
    panel = _panel(draw, ())
    draw.receipt = receipt_of(draw, panel)
    draw.save()
    seat(draw, panel.seats, {one.expert_id for one in panel.seats})
    return draw


def seat(draw: Draw, seats: Iterable[Any], newcomers: Collection[str]) -> list[Assignment]:
    """Seat those of ``newcomers`` (numbers) who have no seat yet; the leader's hat goes where the draw puts it.

    seats: of the panel, whole and in order. Returns the new seats; nobody is told of them here.
    """
    application = draw.application
    asked = {
        row.expert.number: row
        for row in draw.assignments.filter(review_round=draw.review_round).select_related("expert")
    }
    experts = {expert.number: expert for expert in Expert.objects.filter(number__in=newcomers)}
    due_on = clock.deadline("invitation", timezone.localdate(), application.project.programme_id)
    new = []
    for number, place in enumerate(seats, 1):
        row = asked.get(place.expert_id)
        if row is None and place.expert_id in newcomers:
            new.append(
                Assignment.objects.create(
                    application=application,
                    draw=draw,
                    expert=experts[place.expert_id],
                    review_round=draw.review_round,
                    field=place.field,
                    is_leader=place.is_leader,
                    seat=number,
                    state="invited",
                    due_on=due_on,
                )
            )
        elif row is not None and row.is_leader != place.is_leader:
            Assignment.objects.filter(pk=row.pk).update(is_leader=place.is_leader)
    return new
